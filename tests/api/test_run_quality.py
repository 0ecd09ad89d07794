"""How good a run is, by what people coded of its table; and its numbers, corrected."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import rowbatch
from coded_sets import answered_run, draw, say, set_of
from rowbatch.api import Run
from rowbatch.cli.app import run_command_line
from rowbatch.core.coding_set import Code, Decision
from rowbatch.errors import InputError, UsageError
from rowbatch.store.coding_sets import CodingFolder

# Of 40 rows the model calls 1 to 20 good, 21 to 38 bad, and gives no answer that counts to 39 and 40.
ANSWERS = [{"mood": "good"}] * 20 + [{"mood": "bad"}] * 18 + [None] * 2
CITY = ["north"] * 20 + ["south"] * 20
GOLD = {
    **dict.fromkeys(range(1, 13), "good"),
    **dict.fromkeys(range(13, 17), "bad"),
    **dict.fromkeys(range(21, 29), "bad"),
    29: "good",
    39: "bad",
}
"""Model and people: 12 both good, 4 good and bad, 8 both bad, 1 bad and good, 1 without and bad."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("quality")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROWBATCH_HOME", str(folder / "home"))
        columns = {"city": CITY, "age": [str(20 + row % 7) for row in range(40)]}
        with answered_run(folder, ANSWERS, columns=columns) as run:
            yield run


@pytest.fixture
def run(made: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    return made


@pytest.fixture
def coded(run: Run) -> CodingFolder:
    folder = set_of(run)
    draw(folder, [*GOLD], {"": 40})
    say(folder, "Anna", GOLD)
    return folder


def test_the_model_beside_people(run: Run, coded: CodingFolder) -> None:
    """
    Counts and shares are those that were worked out by hand; an answer that is not allowed is wrong.
    """
    found = run.validate()
    assert (found.coding_set, found.variable, found.part, found.counts.settled) == (
        *("people", "mood", "all"),
        26,
    )
    assert found.model.confusion == ((12, 1, 0), (4, 8, 1))
    assert found.model.without == 1
    assert found.model.measures["accuracy"].estimate == pytest.approx(20 / 26)
    assert found.model.measures["accuracy"].n == 26
    good, bad = found.model.labels
    assert good.precision.estimate == pytest.approx(12 / 16)
    assert bad.recall.estimate == pytest.approx(8 / 13)
    # po = 20/26, pe = (13 * 16 + 13 * 9) / 26^2
    expected = (20 * 26 - 13 * 16 - 13 * 9) / (26 * 26 - 13 * 16 - 13 * 9)
    assert found.model.measures["cohen_kappa"].estimate == pytest.approx(expected)
    assert found.among is None


def test_people_stand_beside_each_other_first(run: Run, coded: CodingFolder) -> None:
    """
    Where rows have two coders their agreement is said; rows where they differ are left out until somebody
    decides, and the decision holds.
    """
    say(coded, "Ben", {1: "good", 2: "good", 3: "bad", 21: "bad", 22: "bad"})
    found = run.validate("people")
    assert found.among is not None
    assert found.among.n == 5
    assert found.among.measures["percent_agreement"].estimate == pytest.approx(4 / 5)
    # Of 5 rows: (12 | 4/5, expected by each coder's shares: 3/5 * 2/5 + 2/5 * 3/5)
    assert found.among.measures["cohen_kappa"].estimate == pytest.approx((4 / 5 - 12 / 25) / (1 - 12 / 25))
    assert (found.counts.settled, found.counts.unsettled) == (25, 1)
    assert "quality-unsettled" in [note.kind for note in found.notes]
    key = next(one.key for one in coded.rows() if one.row == 3)
    coded.add_decision(Decision(key, "mood", "bad", by="Anna"))
    found = run.validate("people")
    assert (found.counts.settled, found.counts.unsettled) == (26, 0)
    assert found.model.confusion == ((11, 1, 0), (5, 8, 1))


def test_what_chance_did_not_draw_is_left_out(run: Run, coded: CodingFolder) -> None:
    """
    Rows that were chosen by a person or a model count nowhere, and it is said how many these are.
    """
    draw(coded, [17, 18, 30], {"": 40}, chosen_by="least-sure", design="queue")
    say(coded, "Anna", {17: "bad", 18: "bad", 30: "good"})
    found = run.validate()
    assert found.model.confusion == ((12, 1, 0), (4, 8, 1))
    assert found.counts.by_hand == 3
    assert "quality-by-hand" in [note.kind for note in found.notes]


def test_rows_that_the_model_was_taught_judge_it_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    People coded rows, and then some of these became examples in the codebook: of a run that is told their
    answers they say nothing, neither in agreement nor in corrected shares, and that is said.
    """
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    labels = [{"name": "good", "examples": ["text number 1", "text number 2"]}, {"name": "bad"}]
    examples = [{"text": "text number 13", "answer": "bad"}]
    taught = {"variables": [{"name": "mood", "labels": labels, "examples": examples}]}
    with answered_run(tmp_path, ANSWERS, taught) as run:
        folder = set_of(run)
        draw(folder, [*GOLD], {"": 40})
        say(folder, "Anna", GOLD)
        found = run.validate()
        # Without rows 1, 2 and 13.
        assert found.model.confusion == ((10, 1, 0), (3, 8, 1))
        assert found.counts.settled == 23
        assert [note.values["rows"] for note in found.notes if note.kind == "quality-examples"] == [3]
        assert run.corrected().corrections[0].people_only.n == 23


def test_codes_with_the_model_in_sight_are_told_apart(run: Run, coded: CodingFolder) -> None:
    """
    What people say who see the model's answer is no evidence for it: such codes are left out unless they are
    asked for, and how often they follow the model stands beside how often blind ones do.
    """
    draw(coded, [17, 18, 19, 30], {"": 40})
    say(coded, "Ben", {17: "good", 18: "good", 19: "good", 30: "good"}, saw_model=True)
    found = run.validate()
    assert (found.counts.settled, found.counts.seen) == (26, 4)
    assert found.seen_model is not None
    assert found.seen_model.blind.estimate == pytest.approx(20 / 26)
    assert found.seen_model.blind.n == 26
    assert (found.seen_model.seen.estimate, found.seen_model.seen.n) == (0.75, 4)
    difference = found.seen_model.difference
    assert difference.estimate == pytest.approx(0.75 - 20 / 26)
    assert difference.n == 30
    assert difference.low is not None
    assert difference.high is not None
    assert difference.low < 0 < difference.high
    assert found.to_plain()["seen_model"]["difference"]["low"] == difference.low
    assert run.validate(with_seen=True).counts.settled == 30


def test_a_correction_by_hand_is_no_answer_of_the_model(run: Run, coded: CodingFolder) -> None:
    """
    Who corrects rows does not make the model look better.
    """
    for row in (13, 14, 29):
        run.correct(row, "mood", GOLD[row])
    try:
        assert run.validate().model.confusion == ((12, 1, 0), (4, 8, 1))
        model = run.corrected(label="good").corrections[0].model_only
        assert model.estimate == pytest.approx(20 / 40)
    finally:
        for row in (13, 14, 29):
            run.correct(row, "mood", None)


def test_strata_count_by_how_likely_their_rows_were(run: Run) -> None:
    """
    Of a draw by a column each row counts one by how likely it was drawn: north 16 of 20, south 4 of 20.
    """
    folder = set_of(run)
    rows = [*range(1, 17), 21, 22, 23, 29]
    strata = {row: CITY[row - 1] for row in rows}
    draw(folder, rows, {"north": 20, "south": 20}, stratified_by="city", design="by city", strata=strata)
    say(folder, "Anna", {row: GOLD[row] for row in rows})
    found = run.validate()
    # Right: 12 of 16 in the north, 3 of 4 in the south, each half of the table.
    accuracy = found.model.measures["accuracy"].estimate
    assert accuracy == pytest.approx((20 / 16 * 12 + 20 / 4 * 3) / 40)
    assert found.model.measures["macro_f1"].n == 20
    estimates = run.corrected(label="good", method="dsl").corrections[0]
    # Model: 20 of 40; people: (20 * 12/16 + 20 * 1/4) / 40; off: 4 of 16 too often, 1 of 4 too seldom.
    assert estimates.people_only.estimate == pytest.approx(20 / 40)
    assert estimates.corrected.estimate == pytest.approx((20 - 20 * 4 / 16 + 20 * 1 / 4) / 40)
    assert found.acceptance is not None
    assert [one.why for one in found.acceptance.labels] == [None, None]


def test_strata_of_another_model_are_known_for_drawn_rows_only(run: Run) -> None:
    """
    Where strata are none of this run's, weights are those of the draw, and corrected numbers are refused.
    """
    folder = set_of(run)
    rows = [1, 2, 13, 21, 22, 29]
    strata = dict(zip(rows, "xxxyyy", strict=True))
    draw(folder, rows, {"x": 10, "y": 30}, stratified_by="mood", design="by mood", strata=strata)
    say(folder, "Anna", {row: GOLD[row] for row in rows})
    found = run.validate()
    # Right: 2 of 3 and 2 of 3.
    assert found.model.measures["accuracy"].estimate == pytest.approx(2 / 3)
    assert "quality-strata-unknown" in [note.kind for note in found.notes]
    with pytest.raises(UsageError) as caught:
        run.corrected(label="good")
    assert caught.value.kind == "correct-strata-unknown"


def test_shares_are_corrected(run: Run, coded: CodingFolder) -> None:
    """
    Each label comes three times, of the model, of people, and of both; the whole is the table of the run.
    """
    found = run.corrected()
    assert (found.rows, found.labelled) == (40, 26)
    good, bad = found.corrections
    assert (good.quantity, bad.quantity) == ("share of good", "share of bad")
    assert good.model_only.estimate == pytest.approx(20 / 40)
    assert bad.model_only.estimate == pytest.approx(18 / 40)
    assert good.people_only.estimate == pytest.approx(13 / 26)
    # By hand, for DSL: the model's share, and what people say it is off.
    dsl = run.corrected(label="good", method="dsl").corrections[0]
    assert dsl.corrected.estimate == pytest.approx(20 / 40 - (16 - 13) / 26)
    assert dsl.corrected.n == 26
    table = csv_of(run, GOLD)
    same = rowbatch.correct(table, predicted="model", gold="people", label="good").corrections[0]
    assert good.corrected == same.corrected


def csv_of(run: Run, gold: dict[int, str]) -> Path:
    """The same as a table of two columns, with what the model itself said."""
    path = run.path.parent / "both.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = [
            ((said or {}).get("mood", ""), gold.get(row, ""), CITY[row - 1])
            for row, said in enumerate(ANSWERS, 1)
        ]
        csv.writer(file).writerows([("model", "people", "city"), *rows])
    return path


def test_groups_and_regressions_are_those_of_a_table(run: Run, coded: CodingFolder) -> None:
    """
    With groups and predictors from the run's table the numbers are those that the two columns have alone.
    """
    table = csv_of(run, GOLD)
    of_run = run.corrected(label="good", by="city")
    of_table = rowbatch.correct(table, predicted="model", gold="people", label="good", by="city")
    assert of_run.corrections == of_table.corrections
    few = run.corrected(label="good", on="city").corrections[0]
    assert few.corrected.why is not None
    assert few.corrected.why.kind == "correct-too-few"
    with pytest.raises(UsageError) as caught:
        run.corrected(label="none such")
    assert caught.value.kind == "correct-label-nowhere"


def test_what_people_cannot_say_is_no_row_that_nobody_coded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Every fifth row tells nothing, and the model says something all the same. Shares of a scale are of all
    rows; the mean of numbers is that of the rows of which it can be said, and says so.
    """
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    codebook = {
        "variables": [
            {"name": "heat", "kind": "scale", "cant_say": True, "labels": [{"name": "1"}, {"name": "2"}]},
            {"name": "age", "kind": "number", "cant_say": True},
        ]
    }
    said = [{"heat": "12"[row % 2], "age": 5 if row % 5 else 1} for row in range(60)]
    with answered_run(tmp_path, said, codebook) as run:
        folder = set_of(run)
        rows = [*range(1, 31)]
        draw(folder, rows, {"": 60})
        for one in folder.rows():
            values = {
                name: str(value) if (one.row - 1) % 5 else "can't say"
                for name, value in said[one.row - 1].items()
            }
            folder.add_codes("Anna", [Code(one.key, values)])
        shares = run.corrected(variable="heat").corrections
        assert [one.quantity for one in shares] == ["share of 1", "share of 2", "share of can't say"]
        assert [one.people_only.estimate for one in shares] == pytest.approx([0.4, 0.4, 0.2])
        assert [one.corrected.n for one in shares] == [30] * 3
        assert [one.corrected.estimate for one in shares] == pytest.approx([0.4, 0.4, 0.2], abs=0.01)
        (mean,) = run.corrected(variable="age").corrections
        assert mean.quantity == "mean of age (people), where it can be said"
        assert mean.people_only.estimate == 5
        assert mean.corrected.estimate == pytest.approx(5)
        # Nobody knows from equal numbers how far others are apart.
        assert (mean.corrected.low, mean.corrected.why and mean.corrected.why.kind) == (
            None,
            "interval-without-width",
        )
        told = next(note for note in run.corrected(variable="age").notes if note.kind == "correct-where-said")
        assert told.told().startswith("of 30 coded rows people can't say it of 6")
        assert run.validate(variable="heat").counts.cant_say == 6


def test_which_labels_may_be_used(run: Run, coded: CodingFolder) -> None:
    """
    Of each label its right rows, with the exact bounds of Clopper and Pearson that hold together.
    """
    accepted = run.validate().acceptance
    assert accepted is not None
    assert [(one.label, one.hits, one.n, one.rows) for one in accepted.labels] == [
        *(("good", 12, 16, 20), ("bad", 8, 9, 18)),
    ]
    assert [one.verdict for one in accepted.labels] == ["too-little-evidence"] * 2
    # Nothing is shown with so few; with a lower wish it is.
    lower = run.validate(wanted=0.3, certainty=0.8).acceptance
    assert lower is not None
    assert [one.verdict for one in lower.labels] == ["usable", "usable"]
    assert lower.usable_rows == 38


def test_looks_at_the_test_part_are_noted(run: Run) -> None:
    """
    The test part is what is looked at where there is one; each look is noted once, a later one is allowed
    less, and when the codebook has changed since it is said that the part is used up.
    """
    folder = set_of(run)
    draw(folder, [*GOLD], {"": 40}, parts={row: "test" if row % 2 else "dev" for row in GOLD})
    say(folder, "Anna", GOLD)
    dev = run.validate(part="dev")
    assert (dev.part, dev.counts.rows) == ("dev", 12)
    assert folder.looks() == []
    first = run.validate()
    assert (first.part, first.counts.rows) == ("test", 14)
    assert run.corrected(label="good").labelled == 14
    run.validate()
    (look,) = folder.looks()
    assert (look.part, look.run, look.variable, look.rows) == ("test", "run", "mood", 14)
    assert first.acceptance is not None
    assert first.acceptance.look == 1
    folder.add_look(type(look)("test", "2026-11-01T00:00:00+00:00", "old", "ff" * 32, "old", "mood", 13))
    again = run.validate()
    assert again.notes[0].kind == "quality-used-up"
    assert again.acceptance is not None
    assert again.acceptance.look == 1
    say(folder, "Anna", {1: "bad"})
    draw(folder, [17], {"": 40}, parts="test")
    say(folder, "Anna", {17: "good"})
    later = run.validate().acceptance
    assert later is not None
    assert later.look == 3
    narrow, wide = first.acceptance.labels[1], later.labels[1]
    assert (wide.low or 0) < (narrow.low or 0)


def test_what_does_not_fit_is_refused(run: Run, coded: CodingFolder, tmp_path: Path) -> None:
    """
    A set of another table, of other rows, without the variable, or without a settled row is an error of its
    own, and nothing is computed.
    """

    def kind_of(**asked: object) -> str:
        with pytest.raises((UsageError, InputError)) as caught:
            run.validate(**asked)  # type: ignore[arg-type]
        return caught.value.kind

    source = run.plan.source
    set_of(run, "other", source=type(source)(source.path, "ab" * 32, 10, source.reading))
    assert kind_of(coding_set="other") == "quality-set-of-other-table"
    assert kind_of(coding_set="nowhere") == "no-coding-set"
    assert kind_of(variable="tone", coding_set="people") == "coding-set-without-variable"
    assert kind_of(part="dev") == "quality-nothing-settled"
    assert kind_of(part="train") == "quality-no-part"
    assert kind_of(wanted=1.0) == "quality-no-share"
    wrong = set_of(run, "wrong")
    draw(wrong, [1, 2], {"": 40})
    rows = wrong.path / "rows-1.json"
    document = json.loads(rows.read_text())
    document[1]["key"] = "row-2-00000000"
    rows.write_text(json.dumps(document), "utf-8")
    say(wrong, "Anna", {1: "good", 2: "good"})
    assert kind_of(coding_set="wrong") == "coding-set-of-other-rows"
    assert kind_of() == "coding-sets-several"


def test_without_a_set_it_is_said_what_to_do(run: Run) -> None:
    """
    A run without a set of its table, and one whose set nobody coded, are two different errors.
    """
    with pytest.raises(UsageError) as caught:
        run.validate()
    assert caught.value.kind == "coding-set-none"
    draw(set_of(run), [1, 2], {"": 40})
    with pytest.raises(UsageError) as caught:
        run.validate()
    assert caught.value.kind == "coding-set-not-coded"


def test_the_commands(run: Run, coded: CodingFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """
    `validate`, `correct` and `agreement` of a run have the numbers of Python, as text and as JSON; a run and
    a table at once are refused.
    """
    place = str(run.path)
    assert run_command_line(["validate", place, "people", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads(json.dumps(run.validate().to_plain(), default=str))
    assert run_command_line(["validate", place]) == 0
    text = capsys.readouterr().out
    for words in ("accuracy", "too little evidence: 12 of 16 right", "no row has two coders"):
        assert words in text
    assert run_command_line(["correct", place, "--people", "people", "--label", "good", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["labelled"] == 26
    assert run_command_line(["correct", place, "--people", "people"]) == 0
    assert "model only (biased)" in capsys.readouterr().out
    assert run_command_line(["agreement", place, "--people", "people", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["comparison"]["n"] == 26
    assert run_command_line(["correct", place]) == 2
    assert run_command_line(["correct", place, "--people", "people", "--gold", "x"]) == 2
    assert "--gold" in capsys.readouterr().err


def test_values_show_themselves_in_a_notebook(run: Run, coded: CodingFolder) -> None:
    """
    A notebook shows the numbers as a table.
    """
    assert "<table>" in run.validate()._repr_html_()
