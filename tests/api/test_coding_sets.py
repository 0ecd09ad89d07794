"""Coding sets from a table to people and back: sheets, Label Studio, doccano; whole files or nothing."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openpyxl
import pytest

import rowbatch
from driving import finish, make_run
from fake_providers import FakeProvider, Faults
from rowbatch.cli.app import run_command_line
from rowbatch.core.coding import ROW_KEY
from rowbatch.core.coding_set import Decision, gold_of
from rowbatch.errors import OutputExists, UsageError
from rowbatch.programs.opening import open_table
from rowbatch.tools.coding_set import choose_wave
from serving import scripted_local_model

CODEBOOK: dict[str, Any] = {
    "variables": [
        {"name": "mood", "labels": [{"name": "good"}, {"name": "bad"}], "cant_say": True},
        {"name": "topics", "kind": "labels", "labels": [{"name": "work"}, {"name": "home"}], "none": True},
        {"name": "why", "labels": [{"name": "a"}, {"name": "b"}], "only_if": {"mood": ["bad"]}},
    ]
}


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        rows = ((f"0{at}", f"T{at % 3}", f"=text\n{at}" if at % 10 else "") for at in range(1, 101))
        csv.writer(file).writerows([("id", "town", "post"), *rows])
    return tmp_path


@pytest.fixture
def coding(workplace: Path) -> rowbatch.OpenCodingSet:
    return rowbatch.coding_set(
        "posts.csv", count=20, text="post", codebook=CODEBOOK, context="id", name="posts"
    )


def filled(path: Path, out: str, **values: object) -> Path:
    """A workbook as a person fills it in."""
    book = openpyxl.load_workbook(path)
    sheet = book["texts"]
    names = [cell.value for cell in sheet[1]]
    for row in range(2, sheet.max_row + 1):
        for name, value in values.items():
            said = value(row) if callable(value) else value
            sheet.cell(row, names.index(name) + 1).value = said
    book.save(out)
    return Path(out)


def test_a_sheet_goes_out_and_comes_back(coding: rowbatch.OpenCodingSet) -> None:
    """
    Each coder has an order of their own; what they say comes in by row, with notes; the same file again
    changes nothing, a corrected one only what is new, and what is coded is not asked again.
    """
    assert coding.write_sheet("anna.xlsx", "Anna").rows == 20
    coding.write_sheet("ben.xlsx", "Ben")
    first, second = (
        [cell.value for cell in openpyxl.load_workbook(name)["texts"]["A"]]
        for name in ("anna.xlsx", "ben.xlsx")
    )
    assert first != second
    assert sorted(map(str, first)) == sorted(map(str, second))
    with pytest.raises(OutputExists):
        coding.write_sheet("anna.xlsx", "Anna")

    half = filled(
        Path("anna.xlsx"),
        "half.xlsx",
        mood=lambda row: "GOOD " if row < 12 else None,
        topics=lambda row: "home; work" if row < 12 else None,
        note=lambda row: "irony" if row == 2 else None,
    )
    (taken,) = coding.take(half, "Anna")
    assert (taken.coder, taken.new, taken.changed, taken.same) == ("Anna", 10, 0, 0)
    said = coding.codes()["Anna"]
    assert [*said] == first[1:11]
    assert dict(said[str(first[1])].values) == {"mood": "good", "topics": "work; home"}
    assert (said[str(first[1])].note, said[str(first[1])].via) == ("irony", "half.xlsx")
    (again,) = coding.take(half, "Anna")
    assert (again.was_taken, again.new, again.same) == (True, 0, 10)
    assert len(coding.folder.history("Anna")) == 10

    (changed,) = coding.take(filled(half, "more.xlsx", mood=lambda row: "bad" if row < 4 else "good"), "Anna")
    assert (changed.new, changed.changed, changed.same) == (10, 2, 8)
    assert coding.codes()["Anna"][str(first[1])].note == "irony"
    assert len(coding.folder.history("Anna")) == 22
    (status,) = coding.status().coders
    # Of two rows it is not said why they are bad, and of ten others no topic.
    assert (status.rows, status.coded, status.begun) == (20, 8, 12)
    assert coding.write_sheet("rest.csv", "Anna").rows == 12


def test_what_does_not_fit_is_refused_whole(coding: rowbatch.OpenCodingSet, workplace: Path) -> None:
    """
    A code that is none, a row of another set, a row of another text, a file of nobody: each is said, with its
    rows, and nothing of the file is taken.
    """
    coding.write_sheet("s.xlsx", "Anna")
    cases: list[tuple[Path, str, str]] = [
        (
            filled(Path("s.xlsx"), "odd.xlsx", mood="good", topics=lambda row: "fun" if row == 3 else None),
            "Anna",
            "people-codes-unknown",
        ),
        (filled(Path("s.xlsx"), "whose.xlsx", mood="good"), "", "coding-file-of-whom"),
        (Path("s.xlsx"), "Anna", "people-file-not-coded"),
        (filled(Path("s.xlsx"), "named.xlsx", mood="good"), "a\nb", "coder-name"),
    ]
    key = str(openpyxl.load_workbook("s.xlsx")["texts"]["A2"].value)
    Path("other.csv").write_text(f"{ROW_KEY},mood\n{key[:-2]}zz,good\n")
    Path("text.csv").write_text(f"{ROW_KEY},mood\n{key[:-8]}00000000,good\n")
    Path("none.csv").write_text(f"{ROW_KEY},else\n{key},good\n")
    Path("two.csv").write_text(f"{ROW_KEY},mood_anna,mood_ben\n{key},good,bad\n")
    drawn = {one.row for one in coding.rows()}
    Path("row.csv").write_text(f"{ROW_KEY},mood\n{min(set(range(1, 101)) - drawn)},good\n")
    cases += [
        (Path("other.csv"), "Anna", "people-file-rows-lost"),
        (Path("text.csv"), "Anna", "coding-file-other-rows"),
        (Path("row.csv"), "Anna", "coding-file-other-rows"),
        (Path("none.csv"), "Anna", "people-file-without-variable"),
        (Path("two.csv"), "Anna", "coding-file-several-coders"),
    ]
    for path, coder, kind in cases:
        with pytest.raises(UsageError) as caught:
            coding.take(path, coder)
        assert caught.value.kind == kind, path
    assert coding.codes() == {}
    assert {one.coder for one in coding.take("two.csv")} == {"anna", "ben"}


def test_label_studio_and_doccano_go_out_and_come_back(coding: rowbatch.OpenCodingSet) -> None:
    """
    Their exports come in with a coder a column, as the programs name them.
    """
    coding.write_sheet("tasks.json", "Anna")
    tasks = json.loads(Path("tasks.json").read_text(encoding="utf-8"))

    def result(name: str, *labels: str) -> dict[str, Any]:
        return {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": [*labels]}}

    said = [result("mood", "good"), result("topics", "work", "home")]
    people: list[Any] = [7, {"id": 8, "email": "b@example.org"}]
    export = [
        {
            "id": at,
            "data": task["data"],
            "annotations": [{"id": 1, "completed_by": who, "result": said} for who in people],
        }
        for at, task in enumerate(tasks, 1)
    ]
    Path("export.json").write_text(json.dumps(export))
    taken = {one.coder: one.new for one in coding.take("export.json")}
    assert taken == {"7": 20, "b@example.org": 20}
    assert set(coding.gold("mood").values()) == {"good"}
    assert set(coding.gold("topics").values()) == {"work; home"}

    coding.write_sheet("tasks.jsonl")
    records = [json.loads(line) for line in Path("tasks.jsonl").read_text(encoding="utf-8").splitlines()]
    with zipfile.ZipFile("export.zip", "w") as packed:
        lines = [
            json.dumps({"id": at, **one, "label": ["mood: bad"], "Comments": []})
            for at, one in enumerate(records)
        ]
        packed.writestr("cem.jsonl", "\n".join(lines) + "\n")
    assert [(one.coder, one.new) for one in coding.take("export.zip", "Cem")] == [("Cem", 20)]
    assert coding.gold("mood") == {}
    assert coding.status().differing["mood"] == 20


def test_a_settled_value_and_the_table_of_a_set(coding: rowbatch.OpenCodingSet) -> None:
    """
    What was decided holds beside the codes; the table has both, with the chance of each row, for `correct`.
    """
    rows = coding.rows()
    lines = "".join(f"{one.key},good,{'bad' if at < 2 else 'good'}\n" for at, one in enumerate(rows[:12]))
    Path("two.csv").write_text(f"{ROW_KEY},mood_anna,mood_ben\n{lines}")
    coding.take("two.csv")
    coding.folder.add_decision(Decision(rows[0].key, "mood", "bad", "Anna"))
    status = coding.status()
    assert (status.settled["mood"], status.differing["mood"]) == (11, 1)
    frame = coding.table()
    assert frame.columns[:4] == ["row", ROW_KEY, "id", "post"]
    assert frame["mood"].to_list()[:3] == ["bad", None, "good"]
    assert frame["mood_ben"].to_list()[:3] == ["bad", "bad", "good"]
    assert frame["probability"].unique().to_list() == [20 / 90]
    coding.export("gold.csv")
    with Path("gold.csv").open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert [one["mood"] for one in found[:3]] == ["bad", "", "good"]
    assert float(found[0]["probability"]) == pytest.approx(20 / 90)
    with pytest.raises(UsageError):
        coding.gold("nothing")


def test_a_repeated_text_has_the_code_of_the_first(workplace: Path) -> None:
    """
    Nobody is asked the same text twice, and what they say counts for each of its rows.
    """
    Path("posts.csv").write_text("post\n" + "same\nother\n" * 4)
    coding = rowbatch.coding_set("posts.csv", count=8, text="post", labels="good,bad", name="few")
    assert coding.write_sheet("s.xlsx", "Anna").rows == 2
    coding.take(filled(Path("s.xlsx"), "t.xlsx", label="good"), "Anna")
    assert len(coding.codes()["Anna"]) == 8
    assert len(gold_of(coding.codes(), {}, "label")) == 8
    assert coding.status().coders[0].coded == 2


def test_a_set_can_be_replayed(coding: rowbatch.OpenCodingSet, workplace: Path) -> None:
    """
    All waves are drawn anew and are the same; a row that somebody changed is told; and a changed table.
    """
    coding.draw(10, stratify="town", at_least=8)
    coding.draw(5)
    grouped = rowbatch.coding_set("posts.csv", count=2, text="post", labels="a,b", group="town", name="g")
    assert grouped.replay().is_same
    found = coding.replay()
    assert [one.is_same for one in found.waves] == [True, True, True]
    path = coding.path / "rows-2.json"
    rows = json.loads(path.read_text())
    other = next(at for at in range(1, 100) if at % 10 and at not in {one.row for one in coding.rows()})
    rows[0] = {**rows[0], "row": other, "key": f"row-{other}-00000000"}
    path.write_text(json.dumps(rows))
    found = coding.replay()
    assert [one.is_same for one in found.waves][:2] == [True, False]
    assert (found.is_same, found.waves[1].missing) == (False, (other,))
    with Path("posts.csv").open("a") as file:
        file.write("1,T,more\n")
    assert coding.replay().same_table is False


def test_rows_that_are_examples_are_never_drawn(workplace: Path) -> None:
    """
    Of a text that stands in the codebook with its right answer the model is told it: such a row judges
    nothing. It is not drawn, neither at first nor later, and that is said. A set that an older version made
    is still drawn as it was.
    """
    long = "x" * 1_500
    with Path("posts.csv").open("w", newline="", encoding="utf-8") as file:
        texts = ["one", "  two\r\nlines ", long, "three", *(f"text {at}" for at in range(8))]
        csv.writer(file).writerows([("post",), *((text,) for text in texts)])
    book = {
        "variables": [
            {
                "name": "mood",
                "labels": [{"name": "good", "examples": ["two\nlines"]}, {"name": "bad"}],
                "examples": [{"text": long[:1_000], "answer": "bad"}],
            },
            {
                "name": "topics",
                "kind": "labels",
                "labels": [{"name": "work", "examples": ["three"]}, {"name": "home"}],
            },
            {"name": "other", "labels": [{"name": "a", "examples": ["one"]}, {"name": "b"}]},
        ]
    }
    asked: dict[str, Any] = {"text": "post", "codebook": book, "variables": ["mood", "topics"]}
    with pytest.raises(UsageError, match="9 are left"):
        rowbatch.coding_set("posts.csv", count=10, **asked)
    coding = rowbatch.coding_set("posts.csv", count=7, **asked)
    assert coding.first_drawn is not None
    assert [note.kind for note in coding.first_drawn.notes] == ["sample-examples"]
    assert coding.first_drawn.of_rows == 9
    assert "3 rows could not be drawn" in str(coding.first_drawn.notes[0])
    coding.draw(2)
    # "one" is an example of what people are not asked here.
    assert {one.row for one in coding.rows()} == {1, *range(5, 13)}
    assert coding.replay().is_same
    assert rowbatch.open_coding_set(coding.path).plan.leaves_examples
    path = coding.path / "set.json"
    older = json.loads(path.read_text())
    del older["leaves_examples"]
    path.write_text(json.dumps(older))
    opened = rowbatch.open_coding_set(coding.path)
    assert opened.draw(3).of_rows == 12
    assert {one.row for one in opened.rows()} & {2, 3, 4}


@pytest.fixture
def run(workplace: Path) -> Any:
    def answer(body: Mapping[str, Any]) -> str:
        text = str(body["messages"][-1])
        return json.dumps({"label": "rare" if "7" in text else "common"})

    with scripted_local_model(workplace / "server", answer):
        made = rowbatch.create("posts.csv", text="post", labels="common,rare")
        made.resume()
        yield made


def test_strata_are_a_models_labels(run: rowbatch.Run) -> None:
    """
    Of a run, the rare label is filled up by what the model says; the draw goes on and can be replayed; a
    pilot of it says how many are needed; and no sheet tells what the model said.
    """
    coding = rowbatch.coding_set(run, count=20, stratify="label", allocation="equal", name="rare")
    by = [one.stratum for one in coding.rows()]
    assert (by.count("rare"), by.count("common")) == (10, 10)
    coding.draw(4)
    assert [one.stratum for one in coding.rows()].count("rare") == 12
    assert coding.replay().is_same
    assert sum(1 / one for one in coding.probabilities().values()) == pytest.approx(90)
    coding.write_sheet("s.csv", "Anna")
    assert "rare" not in Path("s.csv").read_text(encoding="utf-8-sig")
    lines = "".join(f"{one.key},{one.stratum}\n" for one in coding.rows())
    Path("coded.csv").write_text(f"{ROW_KEY},label\n{lines}")
    coding.take("coded.csv", "Anna")
    found = coding.how_many(run, "label")
    assert (found.pilot, found.of_rows) == (24, 90)
    assert found.variance_corrected is not None
    assert found.variance_corrected < found.variance_people
    with pytest.raises(UsageError) as caught:
        coding.draw_least_sure(run, 3)
    assert caught.value.kind == "confidence-not-asked"


def test_the_command_line_makes_a_set_and_adds_to_it(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    `rowbatch sample --set` makes a set and writes a sheet for each coder; the same again draws further rows;
    what was frozen is not said otherwise, and a file that is there stops it before anything is drawn.
    """

    def typed(*words: str) -> tuple[int, str]:
        code = run_command_line([*words])
        return code, "".join(capsys.readouterr())

    table = ("sample", "posts.csv", "--set", "moods")
    asked = ("--text", "post", "--labels", "good,bad")
    strata = ("--stratify", "town", "--allocate", "T0=4,T1=4,T2=2")
    code, told = typed(*table, *asked, *strata, "--coder", "Anna", "--coder", "Ben", "-o", "s.xlsx")
    assert code == 0, told
    assert "10 rows drawn of 90" in told
    assert "s-Anna.xlsx  (6 rows, for Anna)" in told
    assert Path("s-Ben.xlsx").is_file()
    code, told = typed(*table, *asked, "--rows", "5", "-o", "s.xlsx")
    assert code != 0
    assert "s-Anna.xlsx" in told
    code, told = typed(*table, *asked, "--rows", "5")
    assert code == 0, told
    assert "15 rows in the set now, none of them twice" in told
    for more, what in (
        (("--labels", "x,y"), "codebook"),
        (("--test", "0"), "test"),
        (("--seed", "2"), "seed"),
        (("--keep", "id"), "context"),
    ):
        code, told = typed(*table, "--rows", "5", *more)
        assert (code, what in told) == (2, True), told
    assert typed("sample", "posts.csv", *asked, "--rows", "3", "--stratify", "town", "-o", "x.csv")[0] == 2
    assert typed(*table, "--rows", "3", "--after", "3")[0] == 2
    assert typed(*table)[0] == 2
    Path("other.csv").write_text("post\nelse\n")
    assert "another table" in typed("sample", "other.csv", "--set", "moods", "--rows", "1")[1]
    filled(Path("s-Anna.xlsx"), "anna.xlsx", label="good")
    assert "Anna: 6 rows taken" in typed("coding", "take", "moods", "anna.xlsx", "--coder", "Anna")[1]
    assert "nothing was done" in typed("coding", "take", "moods", "anna.xlsx", "--coder", "Anna")[1]
    told = typed("coding", "status", "moods")[1]
    assert "wave 2: stratified by town, of 90 rows" in told
    assert typed("coding", "replay", "moods")[0] == 0
    assert typed("coding", "sheet", "moods", "-o", "c.csv", "--coder", "Cem")[0] == 0
    assert typed("coding", "export", "moods", "-o", "gold.csv")[0] == 0
    with Path("posts.csv").open("a") as file:
        file.write("1,T,more\n")
    assert typed("coding", "replay", "moods")[0] == 1


def test_rows_that_a_model_was_least_sure_of_are_no_draw_by_chance(workplace: Path) -> None:
    """
    They have no chance and so no part in estimates, until chance draws one, too: then it counts for both, and
    is in the set once.
    """
    coding = rowbatch.coding_set("posts.csv", count=10, text="post", labels="a,b", name="s")
    whole = rowbatch.coding_set("posts.csv", count=90, text="post", labels="a,b", name="all")
    order = [one.row for one in whole.rows()]
    chosen = [order[15], order[60]]
    found = choose_wave(
        open_table(Path("posts.csv")), coding.plan, chosen, coding.waves(), coding.rows(), run="somewhere"
    )
    coding.folder.add_wave(found.wave, found.rows)
    assert len(coding.probabilities()) == 10
    assert coding.status().by_chance == 10
    drawn = coding.draw(10)
    assert (len(drawn.rows), drawn.adopted) == (9, 1)
    assert [one.row for one in coding.rows()] == [*order[:10], *chosen, *order[10:15], *order[16:20]]
    chance = coding.probabilities()
    assert len(chance) == 20
    assert set(chance.values()) == {20 / 90}
    replay = coding.replay()
    assert [one.is_same for one in replay.waves] == [True, None, True]
    assert replay.is_same


def test_the_least_sure_rows_of_a_run_come_into_a_set(workplace: Path) -> None:
    """
    Without rows that are in the set already; more than there are is refused, and a set does not begin so.
    """
    directory = make_run(workplace, rows=28, confidence=True)
    finish(directory, FakeProvider("openai", Faults()))
    run = rowbatch.open(directory.path)
    coding = rowbatch.coding_set(run, count=5, name="s")
    before = {one.row for one in coding.rows()}
    free = [row for row in run.least_sure_rows(28) if row not in before]
    # The fake is as sure of one row as of any other: then the first ones of the table come.
    assert [one.row for one in coding.draw_least_sure(run, 3).rows] == free[:3]
    assert len(coding.probabilities()) == 5
    with pytest.raises(UsageError) as caught:
        coding.draw_least_sure(run, 28)
    assert caught.value.kind == "sample-too-few-unsure"
    words = ["sample", str(run.path), "--rows", "2", "--least-sure", "--set"]
    assert run_command_line([*words, "s"]) == 0
    assert [one.row for one in coding.rows()][8:] == free[3:5]
    assert run_command_line([*words, "other"]) == 2
    assert len(rowbatch.coding_sets()) == 1
