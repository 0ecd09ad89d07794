"""Samples out to people and back: sheets, Label Studio, doccano; by row, one coder a column or a file."""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import openpyxl
import pytest

import rowbatch
from rowbatch.cli.app import run_command_line
from rowbatch.core.coding import ROW_KEY, read_row_key, row_key
from rowbatch.errors import CannotHold, OutputExists, UsageError
from serving import scripted_local_model

CODEBOOK: dict[str, Any] = {
    "instructions": "Read the post first.",
    "variables": [
        {
            "name": "mood",
            "question": "How is the mood?",
            "labels": [
                {"name": "good", "definition": 'joy, "praise"', "examples": ["fine <3"]},
                {"name": "bad"},
                {"name": "=odd, label"},
            ],
            "cant_say": True,
        },
        {"name": "topics", "kind": "labels", "labels": [{"name": "work"}, {"name": "home"}], "none": True},
        {"name": "fair", "kind": "yes-no"},
        {"name": "how_much", "kind": "scale", "labels": [{"name": "low"}, {"name": "high"}]},
        {"name": "age", "kind": "number", "min": 0, "max": 120, "whole": True, "cant_say": True},
        {"name": "day", "kind": "date", "min": "2020-01-01"},
        {"name": "note", "labels": []},
        {"name": "part", "kind": "quote", "none": True},
    ],
}
ANSWER = {
    "mood": "good",
    "topics": ["work"],
    "fair": "yes",
    "how_much": "low",
    "age": 30,
    "day": "2026-03-02",
    "note": "words",
    "part": "no quote",
}
TEXTS = ["=1+1", "one\ntwo", "-dash", "@who <b>&", "+plus é", "", "  padded", "普通话"]


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        rows = (
            (f"0{at}", f"T{at}", "3", f"{text} {at}" if text else "") for at, text in enumerate(TEXTS * 4, 1)
        )
        csv.writer(file).writerows([("id", "town", "mood_score", "post"), *rows])
    return tmp_path


@pytest.fixture
def run(workplace):
    def answer(body):
        return json.dumps(ANSWER | ({"mood": "bad"} if "dash" in str(body["messages"][-1]) else {}))

    with scripted_local_model(workplace / "server", answer):
        made = rowbatch.create("posts.csv", text="post", codebook=CODEBOOK)
        made.resume()
        yield made


def texts_of(workplace: Path) -> list[str]:
    with (workplace / "posts.csv").open(newline="", encoding="utf-8") as file:
        return [row["post"] for row in csv.DictReader(file)]


def filled(path: Path, out: Path, values: dict[str, Any]) -> Path:
    """A sheet as a person fills it in: the same values in each row, or what a function says of its text."""
    book = openpyxl.load_workbook(path)
    sheet = book["texts"]
    names = [cell.value for cell in sheet[1]]
    for row in range(2, sheet.max_row + 1):
        text = sheet.cell(row, names.index("post") + 1).value
        for name, value in values.items():
            sheet.cell(row, names.index(name) + 1).value = value(text) if callable(value) else value
    book.save(out)
    return out


def test_a_sheet_is_made_to_be_coded(workplace):
    """
    Keys, context, texts as they stand, never a formula; drop-downs from a list of its own, which may be long;
    the codebook beside it; and nothing that a column of the table could be taken for.
    """
    report = rowbatch.sample(
        "posts.csv", "s.xlsx", count=6, text="post", codebook=CODEBOOK, keep=["id", "mood_score"]
    )
    assert (report.rows, report.of_rows, report.without_text) == (6, 28, 4)
    book = openpyxl.load_workbook("s.xlsx")
    header, *rows = book["texts"].iter_rows(values_only=True)
    names = [one["name"] for one in CODEBOOK["variables"]]
    assert header == (ROW_KEY, "id", "context_mood_score", "post", *names, "coder_note")
    texts = texts_of(workplace)
    for key, name, _, text, *labels in rows:
        found = read_row_key(str(key))
        assert found is not None
        assert (text, name) == (texts[found.row - 1], f"0{found.row}")
        assert found.may_be([text])
        assert set(labels) == {None}
    assert {cell.data_type for cell in book["texts"]["D"]} == {"s"}
    assert book["texts"].freeze_panes == "B2"
    assert {cell.alignment.wrap_text for cell in book["texts"]["D"][1:]} == {True}
    rules = {one.promptTitle: one for one in book["texts"].data_validations.dataValidation}
    assert set(rules) == {"mood", "topics", "fair", "how_much", "age", "day"}
    area = re.fullmatch(r"lists!\$([A-Z]+)\$1:\$\1\$(\d+)", rules["mood"].formula1)
    assert area is not None
    listed = [cell.value for cell in book["lists"][area[1]]][: int(area[2])]
    assert listed == ["good", "bad", "=odd, label", "can't say"]
    assert book["lists"].sheet_state == "hidden"
    assert (rules["age"].formula1, rules["age"].formula2, rules["age"].type) == ("0", "120", "whole")
    lines = list(book["codebook"].iter_rows(values_only=True))
    assert lines[0][0] == "Read the post first."
    assert ("mood", "How is the mood?", "good", 'joy, "praise"', "fine <3") in lines


def test_a_csv_stays_text_in_a_spreadsheet(workplace):
    """
    What a spreadsheet would take for a formula has an apostrophe in front; line breaks stay.
    """
    rowbatch.sample("posts.csv", "s.csv", count=28, text="post", labels="good,bad")
    with Path("s.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    texts = texts_of(workplace)
    for row in rows:
        key = read_row_key(row[ROW_KEY])
        assert key is not None
        text = texts[key.row - 1]
        assert row["post"] == (f"'{text}" if text[0] in "=+-@" else text)
    assert list(rows[0]) == [ROW_KEY, "post", "label", "note"]


def test_a_sheet_comes_back(run, workplace):
    """
    A person fills it in, and another one a part of it: each text counts once, with what most of them say.
    """
    rowbatch.sample(run, "s.xlsx", count=12, keep="id")
    same = {
        "mood": "good",
        "topics": "home; work",
        "fair": "1",
        "how_much": "low",
        "age": 30,
        "day": dt.date(2026, 3, 2),
    }
    anna = filled(Path("s.xlsx"), Path("anna.xlsx"), same)
    found = run.compare_with_people(people=anna)
    texts = texts_of(workplace)
    drawn = [key.row for key in keys_of(anna)]
    dashes = sum("dash" in texts[row - 1] for row in drawn)
    assert dashes
    assert (found.comparison.n, found.texts) == (12, 12)
    assert found.comparison.accuracy == pytest.approx((12 - dashes) / 12)
    assert run.agreement(people=anna, variable="fair").accuracy == 1.0
    assert run.agreement(people=anna, variable="topics").exact == 0.0
    assert run.agreement(people=anna, variable="age").mean_absolute_error == 0.0
    assert run.agreement(people=anna, variable="day").exact == 1.0
    ben = filled(Path("s.xlsx"), Path("ben.xlsx"), {"mood": lambda text: "bad" if "dash" in text else None})
    both = run.compare_with_people(people=[anna, ben])
    assert (both.rows, both.texts, both.undecided) == (12 + dashes, 12, dashes)
    assert both.comparison.accuracy == 1.0


def keys_of(path: Path):
    sheet = openpyxl.load_workbook(path)["texts"]
    return [read_row_key(str(cell.value)) for cell in sheet["A"][1:]]


def test_the_command_line_draws_and_compares(run, workplace, capsys):
    """
    `rowbatch sample` and `rowbatch agreement --people`, with --json; the rest of a sample by --after.
    """
    words = ["sample", str(run.path), "--rows", "5", "-o", "one.xlsx", "--id", "id", "--json"]
    assert run_command_line(words) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 5
    assert run_command_line(["sample", str(run.path), "--rows", "5", "--after", "5", "-o", "two.xlsx"]) == 0
    out = capsys.readouterr().out
    assert "after the first 5" in out
    assert "--after 10" in out
    assert run_command_line(["sample", str(run.path), "--rows", "10", "-o", "both.xlsx"]) == 0
    assert keys_of(Path("one.xlsx")) + keys_of(Path("two.xlsx")) == keys_of(Path("both.xlsx"))
    filled(Path("both.xlsx"), Path("anna.xlsx"), {"mood": "good"})
    capsys.readouterr()
    assert run_command_line(["agreement", str(run.path), "--people", "anna.xlsx"]) == 0
    assert "anna.xlsx: 10 rows coded by people" in capsys.readouterr().out
    assert run_command_line(["agreement", str(run.path)]) == 2
    assert run_command_line(["agreement", str(run.path), "post", "--people", "anna.xlsx"]) == 2


def exported_tasks(tasks: list[dict[str, Any]], *annotations: tuple[Any, dict[str, Any]]) -> str:
    """An export of Label Studio of these tasks, each coded by all in the same way."""

    def result(name: str, value: Any) -> dict[str, Any]:
        return {"from_name": name, "to_name": "text", "type": "x", "value": value}

    return json.dumps(
        [
            {
                "id": at,
                "data": task["data"],
                "annotations": [
                    {"id": 1, "completed_by": coder, "result": [result(*one) for one in said.items()]}
                    for coder, said in annotations
                ],
            }
            for at, task in enumerate(tasks, 1)
        ]
    )


def test_label_studio_out_and_in(run, workplace):
    """
    Tasks and a configuration with a control for each kind, which LabelInterface.validate and validate_task of
    label-studio-sdk 2.1.2 took; its export comes back with a coder a column.
    """
    report = rowbatch.sample(run, "tasks.json", count=6, keep=["id", "mood_score"])
    tasks = json.loads(Path("tasks.json").read_text(encoding="utf-8"))
    texts = texts_of(workplace)
    for task in tasks:
        key = read_row_key(task["data"][ROW_KEY])
        assert key is not None
        assert task["data"]["text"] == texts[key.row - 1]
        assert task["data"]["context"] == f"id: 0{key.row}\nmood_score: 3"
        assert "good" not in json.dumps(task)
    assert report.config == Path("tasks.xml")
    view = ET.fromstring(report.config.read_text(encoding="utf-8"))
    controls = {one.get("name"): one for one in view if one.get("toName") == "text"}
    kinds = {name: control.tag for name, control in controls.items()}
    assert kinds == {
        "mood": "Choices",
        "topics": "Choices",
        "fair": "Choices",
        "how_much": "Choices",
        "age": "Number",
        "age_cant_say": "Choices",
        "day": "DateTime",
        "note": "TextArea",
        "part": "Labels",
    }
    assert [one.get("value") for one in controls["mood"]] == ["good", "bad", "=odd, label", "can't say"]
    assert (controls["mood"].get("choice"), controls["topics"].get("choice")) == ("single-radio", "multiple")
    assert {one.get("value") for one in view.iter("Text")} == {"$text", "$context"}
    cant_say = {"age_cant_say": {"choices": ["can't say"]}}
    Path("export.json").write_text(
        exported_tasks(
            tasks,
            (
                7,
                {
                    "mood": {"choices": ["good"]},
                    "age": {"number": 30},
                    "topics": {"choices": ["work", "home"]},
                },
            ),
            ({"id": 8, "email": "b@example.org"}, {"mood": {"choices": ["good"]}, **cant_say}),
        )
    )
    found = run.compare_with_people(people="export.json")
    assert (found.rows, found.texts) == (12, 6)
    assert run.compare_with_people(people="export.json", variable="topics").rows == 6
    # The one says 30, and the other that it can't be said.
    ages = run.compare_with_people(people="export.json", variable="age")
    assert (ages.rows, ages.texts) == (12, 6)


def test_doccano_out_and_in(run, workplace):
    """
    Texts and labels as doccano 1.8.4 imports them; several variables have their names before their labels,
    and come back from its zip file, a coder a file.
    """
    report = rowbatch.sample(run, "tasks.jsonl", count=6, variables=["mood", "topics"], keep="id")
    records = [json.loads(line) for line in Path("tasks.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {tuple(record) for record in records} == {("text", "label", ROW_KEY, "context_id")}
    assert report.config == Path("tasks-labels.json")
    labels = json.loads(report.config.read_text(encoding="utf-8"))
    assert [one["text"] for one in labels] == [
        "mood: good",
        "mood: bad",
        "mood: =odd, label",
        "mood: can't say",
        "topics: work",
        "topics: home",
        "topics: none of these",
    ]
    assert len({one["suffixKey"] for one in labels}) == 7
    said = {"anna": ["mood: good", "topics: work"], "ben": ["mood: good", "topics: work"]}
    with zipfile.ZipFile("export.zip", "w") as packed:
        for coder, chosen in said.items():
            lines = [
                json.dumps({"id": at, **record, "label": chosen, "Comments": []})
                for at, record in enumerate(records, 1)
            ]
            packed.writestr(f"{coder}.jsonl", "\n".join(lines) + "\n")
    found = run.compare_with_people(people="export.zip")
    assert (found.rows, found.texts) == (12, 6)
    topics = run.compare_with_people(people="export.zip", variable="topics")
    assert (topics.rows, topics.comparison.exact) == (12, 1.0)
    with pytest.raises(UsageError, match="nobody coded 'fair'"):
        run.compare_with_people(people="export.zip", variable="fair")
    with pytest.raises(CannotHold, match="no place for 'age'"):
        rowbatch.sample(run, "no.jsonl", count=6)
    assert not Path("no.jsonl").exists()


def test_codes_that_the_codebook_does_not_know_are_refused_with_their_rows(run, workplace):
    """
    A code that is none, a key that is gone, a row of another table, and one that stands twice: each is said,
    with its rows.
    """
    rowbatch.sample(run, "s.xlsx", count=4)
    odd = filled(Path("s.xlsx"), Path("odd.xlsx"), {"mood": "splendid"})
    rows = sorted(key.row for key in keys_of(odd))
    with pytest.raises(UsageError, match="does not allow") as told:
        run.compare_with_people(people=odd)
    assert "splendid" in str(told.value)
    assert all(str(row) in str(told.value) for row in rows)
    assert (
        run_command_line(["agreement", str(run.path), "--people", "odd.xlsx", "--not-coded", "splendid"]) == 2
    )

    book = openpyxl.load_workbook(filled(Path("s.xlsx"), Path("lost.xlsx"), {"mood": "good"}))
    book["texts"]["A2"].value = "?"
    book.save("lost.xlsx")
    with pytest.raises(UsageError, match="row 1 of the file"):
        run.compare_with_people(people="lost.xlsx")

    book["texts"]["A2"].value = row_key(1, "another text")
    book.save("other.xlsx")
    with pytest.raises(UsageError, match=r"of another text.* row 1\n"):
        run.compare_with_people(people="other.xlsx")
    book["texts"]["A2"].value = "999"
    book.save("beyond.xlsx")
    with pytest.raises(UsageError, match=r"of another text.* row 999\n"):
        run.compare_with_people(people="beyond.xlsx")

    book["texts"]["A2"].value = book["texts"]["A3"].value
    book["texts"].cell(2, [cell.value for cell in book["texts"][1]].index("mood") + 1).value = "bad"
    book.save("twice.xlsx")
    with pytest.raises(UsageError, match="stands twice"):
        run.compare_with_people(people="twice.xlsx")

    with pytest.raises(UsageError, match=f"no column '{ROW_KEY}'"):
        run.compare_with_people(people="posts.csv")
    Path("own.csv").write_text(f"{ROW_KEY},mood_anna,mood_ben\n1,good,good\n2,good,bad\n", encoding="utf-8")
    assert run.compare_with_people(people="own.csv").rows == 4


def test_a_sheet_of_their_own_before_the_texts_is_passed_over(run, workplace):
    """Coders put notes into a workbook, before the texts too: the sheet with the keys is read."""
    rowbatch.sample(run, "s.xlsx", count=4)
    book = openpyxl.load_workbook(filled(Path("s.xlsx"), Path("noted.xlsx"), {"mood": "good"}))
    book["texts"].title = "Tabelle1"
    book.create_sheet("Empty", 0)
    book.create_sheet("备注", 0).append(["my notes", "second"])
    book.save("noted.xlsx")
    assert run.compare_with_people(people="noted.xlsx").rows == 4
    copied = book.copy_worksheet(book["Tabelle1"])
    book.save("two.xlsx")
    assert copied["A1"].value == ROW_KEY
    with pytest.raises(
        UsageError, match=f"several sheets with a column '{ROW_KEY}': 'Tabelle1', 'Tabelle1 Copy'"
    ):
        run.compare_with_people(people="two.xlsx")


def test_what_would_count_wrongly_is_refused(run, workplace, capsys):
    """
    A sheet that nobody filled in, beside one that somebody did; one file twice, which would be two coders;
    and a second column of the same name, which hid the first one's codes.
    """
    rowbatch.sample(run, "s.xlsx", count=4)
    anna = filled(Path("s.xlsx"), Path("anna.xlsx"), {"mood": "good"})
    with pytest.raises(UsageError, match=r"nobody coded 'mood' in .*s\.xlsx"):
        run.compare_with_people(people=[anna, "s.xlsx"])
    command = ["agreement", str(run.path), "--people", "anna.xlsx", "--people", "./anna.xlsx"]
    assert run_command_line(command) == 2
    assert "two coders" in capsys.readouterr().err

    book = openpyxl.load_workbook(anna)
    book["texts"].cell(1, book["texts"].max_column + 1).value = "mood"
    book.save("again.xlsx")
    with pytest.raises(UsageError, match="several columns 'mood'"):
        run.compare_with_people(people="again.xlsx")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"count": 29}, "28 are left of 28"),
        ({"count": 5, "after": 25}, "3 are left of 28"),
        ({"output": "s.docx"}, "does not end"),
        ({"output": "s.json", "to": "sheet"}, "does not end"),
        ({"text": None}, "which column"),
        ({"labels": None}, "what are people to code"),
        ({"variables": ["mood"], "codebook": CODEBOOK, "labels": None, "keep": "nothing"}, "no column"),
        ({"variables": ["joy"], "codebook": CODEBOOK, "labels": None}, "no variable 'joy'"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_written(workplace, options, told):
    """
    Fewer rows than wanted, a name that does not fit, no text, nothing to code: no file is there then.
    """
    given = {"output": "s.xlsx", "count": 5, "text": "post", "labels": "good,bad"} | options
    with pytest.raises(rowbatch.RowbatchError, match=told):
        rowbatch.sample("posts.csv", **given)
    assert [path.name for path in Path().iterdir() if path.name.startswith("s.")] == []


def test_a_file_is_not_replaced_by_chance(workplace):
    """
    Neither the file that people have begun to code, nor the configuration beside it.
    """
    options: dict[str, Any] = {"count": 5, "text": "post", "labels": "good,bad"}
    rowbatch.sample("posts.csv", "s.json", **options)
    with pytest.raises(OutputExists):
        rowbatch.sample("posts.csv", "s.json", **options)
    Path("s.json").unlink()
    with pytest.raises(OutputExists):
        rowbatch.sample("posts.csv", "s.json", **options)
    rowbatch.sample("posts.csv", "s.json", overwrite=True, **options)


def test_a_run_has_its_own_codebook(run, workplace):
    """
    Labels beside a run would be other ones than the model was asked for.
    """
    with pytest.raises(UsageError, match="its own table"):
        rowbatch.sample(run, "s.xlsx", count=3, labels="a,b")
    report = rowbatch.sample(str(run.path.name), "s.xlsx", count=3)
    assert report.variables[0] == "mood"


def test_instructions_of_any_characters_are_a_configuration(workplace):
    """
    Signs of XML are escaped, and what XML 1.0 has no place for becomes U+FFFD; a sentence that begins as the
    name of a field does is none.
    """
    book = {**CODEBOOK, "instructions": '$text <b> & \x0b "so"\nnext'}
    report = rowbatch.sample("posts.csv", "s.json", count=2, text="post", codebook=book)
    assert report.config is not None
    header = ET.fromstring(report.config.read_text(encoding="utf-8")).find("Header")
    assert header is not None
    assert header.get("value") == ' $text <b> & \ufffd "so"\nnext'
