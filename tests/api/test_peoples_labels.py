"""People's labels beside the model's, from each door: the command line, Python, and what pages are made
of."""

import csv
import json
from dataclasses import asdict

import polars as pl
import pyreadstat
import pytest

import rowbatch
from rowbatch import desk
from rowbatch.cli.app import run_command_line
from rowbatch.core.agreement import Agreement
from rowbatch.errors import CodebookError, UsageError
from serving import scripted_local_model


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def answer(body):
        text = str(body["messages"][-1]["content"])
        return json.dumps({"label": "bad" if "rain" in text else "good"})

    with scripted_local_model(tmp_path / "server", answer):
        yield tmp_path


def done(table, labels=("good", "bad"), **options):
    run = rowbatch.create(table, text="text", labels=labels, prompt="?", **options)
    run.resume()
    return run


def write(path, *rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def looked_at(run):
    found = desk.Results(run)
    assert found.prepare(30)
    return found


CODED = [
    ("text", "coder"),
    ("sun", "Good "),
    ("rain", "BAD"),
    ("snow", "NA"),
    ("wind", ""),
    ("fog", "99"),
    ("rain again", "good"),
]


def test_every_door_reads_people_in_one_way(workplace, capsys):
    """
    Spelling is forgiven as the model's is, `NA` is nobody's and told, 99 where a person says so; Python, the
    command line and the pages give the same numbers.
    """
    write(workplace / "t.csv", *CODED)
    run = done("t.csv")
    with pytest.raises(UsageError, match="does not allow: 99") as told:
        run.agreement("coder")
    assert "--not-coded" in told.value.hint
    found = run.compare_with_people("coder", not_coded=[99])
    assert (found.comparison.n, found.comparison.accuracy) == (3, pytest.approx(2 / 3))
    assert found.not_coded == {"NA": 1, "99": 1}
    assert run.agreement("coder", not_coded="99") == found.comparison
    shown = looked_at(run)
    assert shown.people_columns() == ()  # 99 is in it.
    assert shown.compare_with_people("coder", "label", "99") == found
    differs = desk.RowFilter(people="coder", variable="label", differs=True, not_coded="99")
    assert shown.rows(differs).to_list() == [6]
    assert shown.rows(desk.RowFilter(people="coder", says="good", not_coded="99")).to_list() == [1, 6]
    capsys.readouterr()
    assert run_command_line(["agreement", str(run.path), "coder", "--not-coded", "99"]) == 0
    out = capsys.readouterr().out
    assert "66.7% of 3 rows" in out
    assert "'NA' was taken for not coded: 1 row" in out
    assert run_command_line(["agreement", str(run.path), "coder", "--not-coded", "99", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["comparison"]["n"] == 3
    assert run_command_line(["agreement", str(run.path), "coder"]) == 2
    assert "values that the codebook does not allow: 99" in capsys.readouterr().err


def test_a_column_with_spellings_is_found(workplace):
    """
    The page offers a column whose cells are labels in other spellings, with `NA` among them.
    """
    write(workplace / "t.csv", *(row for row in CODED if row[1] != "99"))
    shown = looked_at(done("t.csv"))
    assert shown.people_columns() == ("coder",)
    assert shown.agreement("coder", "label").n == 3


def test_numbers_of_a_frame_are_labels(workplace):
    """
    A column of numbers, with gaps, is compared with labels that are digits; labels may be given as numbers.
    """

    def answer(body):
        return json.dumps({"label": "1" if "sun" in str(body["messages"][-1]["content"]) else "0"})

    frame = pl.DataFrame(
        {"text": ["sun", "rain", "snow"], "whole": [1, 1, None], "half": [1.0, 0.0, float("nan")]}
    )
    with scripted_local_model(workplace / "other", answer):
        run = done(frame, labels=[1, 0])
    assert run.codebook.answers[0].choices == ("1", "0")
    assert run.agreement("whole").confusion["1"] == {"1": 1, "0": 1, "(none)": 0}
    assert run.compare_with_people("half").not_coded == {"NaN": 1}
    assert run.agreement("half").accuracy == 1.0


@pytest.mark.parametrize("ending", ["sav", "dta"])
def test_codes_with_labels(workplace, ending):
    """
    A code of Stata or SPSS is compared as the label that the file has for it, and a value that the file calls
    missing is nobody's.
    """
    frame = pl.DataFrame({"text": ["sun", "rain", "snow", "hail"], "coder": [1.0, 2.0, 1.0, 9.0]})
    labels: dict[str, dict[int | float, str]] = {"coder": {1: "Good", 2: "Bad", 9: "no answer"}}
    path = workplace / f"t.{ending}"
    if ending == "sav":
        pyreadstat.write_sav(
            frame, str(path), variable_value_labels=labels, missing_ranges={"coder": [{"lo": 9, "hi": 9}]}
        )
        run = done(path)
        found = run.compare_with_people("coder")
    else:
        pyreadstat.write_dta(frame, str(path), variable_value_labels=labels)
        run = done(path)
        with pytest.raises(UsageError, match="does not allow: 9"):
            run.agreement("coder")
        found = run.compare_with_people("coder", not_coded=["no answer"])
    assert found.not_coded == {"9": 1}
    assert found.comparison.confusion["good"]["good"] == 2
    assert found.comparison.confusion["bad"]["bad"] == 1
    shown = looked_at(run)
    assert shown.compare_with_people("coder", "label", "no answer") == found
    assert shown.rows(desk.RowFilter(people="coder", says="bad", not_coded="no answer")).to_list() == [2]


# Label Studio's CSV export has a row for each annotation of a task.
ANNOTATED = [
    ("id", "annotator", "sentiment", "text"),
    ("1", "ann", "good", "sun"),
    ("1", "bob", "good", "sun"),
    ("2", "ann", "bad", "rain"),
    ("2", "bob", "good", "rain"),
    ("3", "ann", "bad", "more rain"),
]


def test_a_text_with_two_annotators(workplace, capsys):
    """
    Said before it is asked; agreement counts texts, leaves out what annotators differ about, and says so.
    """
    write(workplace / "t.csv", *ANNOTATED)
    assert (
        run_command_line(["run", "t.csv", "--text", "text", "--labels", "good,bad", "--prompt", "?", "--yes"])
        == 0
    )
    out = capsys.readouterr().out
    assert "texts stand twice: 2 rows ask what an earlier one asks (2 texts); --dedupe asks them once" in out
    run = rowbatch.open("t")
    assert (run.build().repeats, run.build().repeated_texts) == (2, 2)
    for item in (None, "id"):
        found = run.compare_with_people("sentiment", item=item)
        assert (found.rows, found.texts, found.undecided) == (5, 3, 1)
        assert isinstance(found.comparison, Agreement)
        assert found.comparison.n == 2
        assert found.comparison.accuracy == 1.0
    assert looked_at(run).compare_with_people("sentiment", "label") == run.compare_with_people("sentiment")
    assert run_command_line(["agreement", str(run.path), "sentiment", "--item", "id"]) == 0
    out = capsys.readouterr().out
    assert "5 rows coded by people" in out
    assert "they are 3 texts; each counts once" in out
    assert "1 text left out: people differ" in out
    assert "100.0% of 2 texts" in out
    with pytest.raises(rowbatch.RowbatchError, match="nonsense"):
        run.agreement("sentiment", item="nonsense")


def test_texts_that_are_asked_once_are_not_said_to_repeat(workplace):
    """
    With --dedupe nothing is asked twice; texts that are empty are no text, and stay rows of their own.
    """
    write(workplace / "t.csv", *ANNOTATED, ("4", "ann", "good", ""), ("5", "ann", "good", " "))
    run = done("t.csv", dedupe=True)
    assert (run.build().duplicates, run.build().repeats) == (2, 0)
    assert not [note for note in run.preview().notes if note.kind == "note-texts-repeat"]
    found = run.compare_with_people("sentiment")
    assert (found.rows, found.texts, found.comparison.unlabelled) == (7, 5, 2)


def test_a_run_that_told_of_repeats_can_be_discarded(workplace):
    """
    Nothing was sent, so its directory may go.
    """
    write(workplace / "t.csv", *ANNOTATED)
    run = rowbatch.create("t.csv", text="text", labels=["good", "bad"], prompt="?")
    assert run.build().repeats == 2
    run.discard()
    assert not run.path.exists()


def test_labels_as_one_text(workplace):
    """
    A text of labels is split as --labels is, and never into its letters.
    """
    write(workplace / "t.csv", ("text",), ("sun",))
    made = rowbatch.create("t.csv", text="text", labels='good,"bad, or worse"', prompt="?")
    assert made.codebook.answers[0].choices == ("good", "bad, or worse")
    with pytest.raises(CodebookError, match="label"):
        rowbatch.create("t.csv", text="text", labels="abc", prompt="?")


def test_the_frame_of_an_spss_output_has_labels(workplace):
    """
    `run.table()` of a .sav gave the codes of the labels, since SPSS has them as 1.0 and 2.0.
    """
    write(workplace / "t.csv", ("text",), ("sun",), ("rain",))
    run = done("t.csv", output="out.sav")
    assert run.table()["label"].to_list() == ["good", "bad"]


QUESTIONS = {
    "variables": [
        {
            "name": "topics",
            "kind": "labels",
            "labels": [{"name": "housing"}, {"name": "health"}, {"name": "(none) yet"}],
            "none": "(none)",
        },
        {"name": "protest", "kind": "yes-no"},
        {"name": "violence", "kind": "yes-no"},
        {
            "name": "tone",
            "kind": "scale",
            "labels": [{"name": "low"}, {"name": "mid"}, {"name": "high"}],
            "cant_say": True,
        },
        {"name": "day", "kind": "date", "cant_say": True},
        {"name": "note", "kind": "text"},
    ]
}
ANSWERED = {
    "one": (["housing"], "yes", "no", "low", "2026-03-02"),
    "two": (["health", "housing"], "no", "no", "high", "2026-03-04"),
    "six": (["(none)"], "no", "yes", "can't say", None),
    "ten": (["health"], "no", "no", "mid", "2026-03-02"),
}
CODED_KINDS = [
    ("text", "topics_a", "protest_a", "violence_a", "tone_a", "day_a"),
    ("one", "housing", "1", "0", "low", "2 March 2026"),
    ("two", "housing; health", "1", "0", "mid", "2026-03-03"),
    ("six", "(none)", "0", "1", "mid", "2026-03-03"),
    ("ten", '["housing"]', "0", "0", "can't say", "can't say"),
]


def test_every_kind_is_compared_at_every_door(workplace, capsys):
    """
    Several labels, yes or no, a scale and a date: Python, the command line with and without `--json`, and
    what the page is made of say the same; each column goes with the question of its name.
    """

    def answer(body):
        names = ("topics", "protest", "violence", "tone", "day")
        given = ANSWERED[str(body["messages"][-1]["content"])]
        return json.dumps({**dict(zip(names, given, strict=True)), "note": "-"})

    write(workplace / "t.csv", *CODED_KINDS)
    with scripted_local_model(workplace / "kinds", answer):
        run = rowbatch.create("t.csv", text="text", codebook=QUESTIONS)
        run.resume()
    told = {
        "topics": (
            "same labels as people      75.0% of 4 rows   (95 % interval 30.1% to 95.4%)",
            "mean Jaccard coefficient   0.75",
            "micro F1, macro F1         0.75, 0.73",
            "housing: 3, 2, 2; 1.00, 0.67, 0.80, 0.50",
            "(none) yet: 0, 0, 0; \u2013, \u2013, \u2013, \u2013",
            "(none): 1, 1, 1; 1.00, 1.00, 1.00, 1.00",
        ),
        "protest": ("sensitivity                0.50", "specificity                1.00", "yes: yes 1, no 1"),
        "violence": ("sensitivity                1.00",),
        "tone": (
            "1 text left out: people say that it can't be said",
            "linear-weighted kappa ",
            "mean difference in steps   1.00",
            "Spearman's rho             1.00",
        ),
        "day": (
            "1 text left out: people say that it can't be said",
            "same day as people         33.3% of 3 rows",
            "1 row without a date of the model; of 1 the model says that it can't be said",
            "days off, in the mean      0.5",
            "bias in days               0.5",
        ),
    }
    shown = looked_at(run)
    assert set(shown.people_columns()) == {f"{name}_a" for name in told}
    capsys.readouterr()
    for name, lines in told.items():
        column = f"{name}_a"
        assert shown.people_variable(column).name == name
        found = run.compare_with_people(column, name)
        assert shown.compare_with_people(column, name) == found
        words = ["agreement", str(run.path), column, "--variable", name]
        assert run_command_line(words) == 0
        out = capsys.readouterr().out
        for line in lines:
            assert line in out, out
        assert run_command_line([*words, "--json"]) == 0
        plain = json.loads(capsys.readouterr().out)
        assert plain["cant_say"] == found.cant_say
        assert plain["comparison"]["n"] == found.comparison.n
        assert set(plain["comparison"]) == set(asdict(found)["comparison"])
    labels = run.agreement("topics_a")
    assert labels == run.agreement("topics_a", "topics")
    differs = desk.RowFilter(people="topics_a", variable="topics", differs=True)
    assert shown.rows(differs).to_list() == [4]
    assert run_command_line(["agreement", str(run.path), "topics_a", "--variable", "note"]) == 2
    assert "texts and quotes cannot be compared" in capsys.readouterr().err
