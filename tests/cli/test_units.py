"""Long texts on the command line: a folder of documents, its units, their labels, and the documents again."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import rowbatch as door
from end_to_end import read_rows, rowbatch, scripted_server
from rowbatch.programs.opening import open_table
from rowbatch.store.rundir import RunDirectory

PROMPT = ("--text", "text", "--labels", "money,school", "--prompt", "What is it about?")


def about(body) -> str:
    text = str(body["messages"][-1]["content"])
    if "nonsense" in text:
        return "?"
    return json.dumps({"label": "money" if "rent" in text else "school"})


def write_documents(folder: Path) -> None:
    folder.mkdir()
    (folder / "anna.txt").write_text("Our rent went up. The rent is due. School is out.")
    times = "00:00:01,000 --> 00:00:02,000"
    (folder / "bo.srt").write_text(f"1\n{times}\n<v Bo>The rent!\n\n2\n{times}\n<v Cy>nonsense\n")
    (folder / "零.md").write_text(" \n", encoding="utf-8")
    (folder / "学校.txt").write_text("学校开学了。房租（rent）涨了！", encoding="utf-8")


def test_a_folder_of_documents_there_and_back(tmp_path):
    """
    A folder becomes units, each asked once; their labels become those of the documents, from the labelled
    table and straight from the run, with what people corrected.
    """
    home = tmp_path / "home"
    write_documents(tmp_path / "docs")

    def typed(*words: str | Path) -> str:
        done = rowbatch(*words, home=home, cwd=tmp_path)
        assert done.returncode in (0, 9), done.stderr
        return done.stdout

    told = typed("units", "docs", "--text", "text", "--by", "sentence", "-o", "units.csv")
    assert "8 units of 4 texts, at most 3 of one" in told
    assert "1 row without a text" in told
    with scripted_server(home, about):
        typed("run", "units.csv", *PROMPT, "-o", "labelled.csv")
    told = typed("join-units", "labelled.csv", "--of", "docs", "--rule", "most", "-o", "joined.csv")
    assert "1 unit without an answer" in told
    found = {row["file"]: row for row in read_rows(tmp_path / "joined.csv")}
    assert [*found] == ["anna.txt", "bo.srt", "学校.txt", "零.md"]
    assert found["anna.txt"]["text"] == "Our rent went up. The rent is due. School is out."
    assert [row["label"] for row in found.values()] == ["money", "money", "", ""]
    assert [row["label_tie"] for row in found.values()] == ["", "", '["school", "money"]', ""]
    assert [(row["units"], row["units_unanswered"]) for row in found.values()] == [
        ("3", "0"),
        ("2", "1"),
        ("2", "0"),
        ("0", "0"),
    ]
    run = tmp_path / "rowbatch-runs" / "units"
    assert RunDirectory(run).plan().source.path.name == "units.csv"
    typed("join-units", "units", "--of", "docs", "--rule", "most", "-o", "from_run.csv")
    assert (tmp_path / "from_run.csv").read_bytes() == (tmp_path / "joined.csv").read_bytes()
    door.open(run).correct(3, "label", "money")
    typed("join-units", run, "--of", "docs", "--rule", "label=list", "-o", "corrected.csv")
    assert read_rows(tmp_path / "corrected.csv")[0]["label"] == '["money", "money", "money"]'
    # What was written for the time being is gone.
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".rowbatch")]


BOOK = """
variables:
  - {name: topics, kind: labels, question: Which?, labels: [{name: rent}, {name: school}, {name: health}]}
  - {name: mood, kind: scale, question: How?, labels: [{name: bad}, {name: ok}, {name: good}]}
  - {name: rude, kind: yes-no, question: "Rude?"}
  - {name: amount, kind: number, question: How many?, cant_say: true}
  - {name: day, kind: date, question: When?, cant_say: true}
  - {name: why, kind: text, question: Why?}
"""


def any_answer(body) -> str:
    chance = random.Random(str(body["messages"][-1]["content"]))
    found = {
        "topics": chance.sample(["rent", "school", "health"], chance.randint(0, 2)),
        "mood": chance.choice(["bad", "ok", "good"]),
        "rude": chance.choice(["yes", "no"]),
        "amount": chance.choice([1, 2.5, None, 7]),
        "day": chance.choice(["2026-01-02", None]),
        "why": f"It's; {chance.random()}",
    }
    return json.dumps(found)


def test_every_kind_of_question_in_every_format(tmp_path):
    """
    Answers of each kind, some of them invalid, are joined to the same table from the run and from what it
    writes in each format; and the joined table has a place in each format.
    """
    home = tmp_path / "home"
    (tmp_path / "book.yaml").write_text(BOOK)
    with (tmp_path / "t.csv").open("w", newline="") as file:
        sentences = (" ".join(f"Sentence {row} {number} here." for number in range(row)) for row in range(6))
        rows = [[f"0{row}", text, "x"] for row, text in enumerate(sentences)]
        csv.writer(file).writerows([["id", "text", "model"], *rows])

    def typed(*words: str) -> None:
        done = rowbatch(*words, home=home, cwd=tmp_path)
        assert done.returncode in (0, 9), done.stderr

    typed("units", "t.csv", "--text", "text", "--by", "sentence", "-o", "u.csv")
    with scripted_server(home, any_answer):
        typed("run", "u.csv", "--text", "text", "--codebook", "book.yaml", "-o", "l.csv", "--run", "r")
    endings = ("sav", "dta", "xlsx", "parquet", "jsonl")
    for ending in endings:
        typed("export", "r", "-o", f"l.{ending}")
    for rule in ("any", "most", "list"):
        typed("join-units", "r", "--of", "t.csv", "--rule", rule, "-o", f"{rule}.csv")
        expected = read_rows(tmp_path / f"{rule}.csv")
        assert {row["units"] for row in expected} == {"0", "1", "2", "3", "4", "5"}
        assert any(row["units_unanswered"] != "0" for row in expected)
        for ending in ("csv", *endings):
            out = f"{rule}-of-{ending}.csv"
            typed("join-units", f"l.{ending}", "--of", "t.csv", "--rule", rule, "-o", out)
            assert read_rows(tmp_path / out) == expected, ending
        for ending in endings:
            out = f"{rule}.{ending}"
            typed("join-units", "l.csv", "--of", "t.csv", "--rule", rule, "-o", out)
            (chunk,) = open_table(tmp_path / out).chunks()
            texts = [[cell.removesuffix(".0") for cell in row] for row in chunk.frame.rows()]
            assert texts == [list(row.values()) for row in expected], ending


def test_what_is_said_when_it_does_not_fit(tmp_path):
    """
    A sentence and a way out, no traceback: options that do not fit, no such run, no rule, a table of its own.
    """
    home = tmp_path / "home"
    with (tmp_path / "posts.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "text"], ["a", "One. Two."]])

    def told(*words: str) -> str:
        done = rowbatch(*words, home=home, cwd=tmp_path)
        assert done.returncode in (2, 3, 6), done.stdout
        assert "Traceback" not in done.stderr
        return done.stderr

    cut = ("units", "posts.csv", "--text", "text", "-o", "u.csv", "--by")
    assert "--size 200" in told(*cut, "words")
    assert "an overlap is less than the size" in told(*cut, "sentence", "--overlap", "1")
    assert "chapter" in told(*cut, "chapter")
    join = ("join-units", "posts.csv", "--of", "posts.csv", "-o", "j.csv")
    assert "--rule" in told(*join)
    assert "no column 'document'" in told(*join, "--rule", "any")
    assert "no run" in told("join-units", "nowhere", *join[2:], "--rule", "any")


def test_from_python(tmp_path):
    """
    Both are functions, which take what the options are.
    """
    table = tmp_path / "posts.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([["id", "text"], ["a", "One two three four"], ["b", "five"]])
    cut = door.units(table, tmp_path / "u.csv", text="text", by="words", size=2, overlap=1)
    assert (cut.documents, cut.units) == (2, 4)
    rows = read_rows(tmp_path / "u.csv")
    assert [row["text"] for row in rows] == ["One two", "two three", "three four", "five"]
    with (tmp_path / "l.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "topic"])
        writer.writeheader()
        writer.writerows({**row, "topic": row["text"][0]} for row in rows)
    joined = door.join_units(tmp_path / "l.csv", tmp_path / "j.csv", of=table, rule=["any", "topic=list"])
    assert joined.rules == {"topic": "list"}
    assert [row["topic"] for row in read_rows(tmp_path / "j.csv")] == ['["O", "t", "t"]', '["f"]']
