"""`correct`: corrected estimates of any table, by every door."""

from __future__ import annotations

import json
import random
import unicodedata
from typing import Any

import numpy as np
import polars as pl
import pytest

import rowbatch
from end_to_end import run_here
from rowbatch.errors import TableError, UsageError

# Numbers that a figure may lack are there, or a test fails.
correct: Any = rowbatch.correct


@pytest.fixture
def table(tmp_path):
    """800 rows of a survey, 160 of them labelled by people."""
    chance = random.Random(1)
    lines = ["id,predicted,gold,true,group,age,weight,score,model_score,answer,nothing"]
    for row in range(800):
        group = chance.choice("xyz")
        truth = chance.choices(("good", "bad", "None"), (5, 4, 1) if group == "x" else (3, 6, 1))[0]
        said = truth if chance.random() < 0.8 else chance.choice(("good", "good", "bad"))
        score = chance.gauss(5, 2)
        is_labelled = row % 5 == 0
        cells = [row, said, truth if is_labelled else "", truth, group, chance.randint(18, 80), 0.2]
        cells += [round(score, 2) if is_labelled else "", round(score + chance.gauss(0.5, 1), 2)]
        lines.append(",".join(map(str, [*cells, round(chance.gauss(0, 1), 3), ""])))
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def typed(folder, *words):
    done = run_here(("correct", *words), cwd=folder, env={"ROWBATCH_HOME": str(folder / "home")})
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("method", ["ppi", "dsl", "rogan-gladen"])
def test_json_as_promised(table, method):
    """
    `--json` has the level, and estimate, low and high of the model, of people and of both.
    """
    words = ("--predicted", "predicted", "--gold", "gold", "--label", "good", "--method", method, "--json")
    code, out, _ = typed(table.parent, table, *words)
    found = json.loads(out)
    assert (code, found["level"], found["method"], found["labelled"]) == (0, 0.95, method, 160)
    assert set(found["estimates"]) == {"model_only", "people_only", "corrected"}
    assert found["estimates"]["model_only"]["biased"] is True
    truth = pl.read_csv(table)["true"].eq("good").mean()
    corrected = found["estimates"]["corrected"]
    assert corrected["low"] < truth < corrected["high"]
    assert found["estimates"]["model_only"]["low"] > truth


def test_level(table):
    """
    A lower level makes a narrower interval, and is said.
    """
    wide, narrow = (
        correct(table, predicted="predicted", gold="gold", label="good", level=level) for level in (0.95, 0.8)
    )
    width = [one.corrections[0].corrected.high - one.corrections[0].corrected.low for one in (wide, narrow)]
    assert width[0] > width[1]
    assert "80 %" in narrow.corrections[0].corrected.method


def test_without_a_label_every_label_has_a_share(table):
    """
    Of words each label has its share, `None` among them: it is a label, and no missing value.
    """
    found = correct(table, predicted="predicted", gold="gold")
    assert [one.quantity for one in found.corrections] == ["share of None", "share of bad", "share of good"]
    assert sum(one.people_only.estimate for one in found.corrections) == pytest.approx(1)


def test_codes_beside_names_are_told(table):
    """
    Where people wrote 1 and 0 for good and bad, all shares would be those of labels that nobody gave: it is
    said first, with both. With one label in common nothing is said.
    """
    frame = pl.read_csv(table, infer_schema_length=0)
    codes = frame.with_columns(pl.col("gold").replace({"good": "1", "bad": "0", "None": "9"}))
    for label in ("good", None):
        found = correct(codes, predicted="predicted", gold="gold", label=label, draws=200)
        assert found.notes[0].kind == "correct-no-label-in-common"
        assert "'bad'" in str(found.notes[0])
        assert "'0'" in str(found.notes[0])
    found = correct(frame, predicted="predicted", gold="gold", label="good", draws=200)
    assert "correct-no-label-in-common" not in [one.kind for one in found.notes]


def test_numbers_have_a_mean(table):
    """
    Of numbers the mean is wanted.
    """
    found = correct(table, predicted="model_score", gold="score")
    (one,) = found.corrections
    assert one.quantity == "mean of score"
    assert one.corrected.low < 5 < one.corrected.high
    assert one.model_only.low > 5.2
    assert one.tuning > 0.5


def test_groups_and_their_difference(table):
    """
    Each group has its share; of two that are named the difference stands first.
    """
    each = correct(table, predicted="predicted", gold="gold", label="good", by="group")
    assert [one.quantity[-7:] for one in each.corrections] == ["group x", "group y", "group z"]
    both = correct(table, predicted="predicted", gold="gold", label="good", by="group", between="x,z")
    first = both.corrections[0]
    assert first.quantity == "share of good, group x less z"
    sides = [each.corrections[place].people_only.estimate for place in (0, 2)]
    assert first.people_only.estimate == pytest.approx(sides[0] - sides[1])


def test_regressions_with_the_label_on_either_side(table):
    """
    The label on words and numbers; and a number on the label.
    """
    left = correct(table, predicted="predicted", gold="gold", label="good", on="age,group", model="logistic")
    names = ["intercept", "age", "group: y", "group: z"]
    assert [one.quantity for one in left.corrections] == names
    right = correct(
        table, predicted="predicted", gold="gold", label="good", outcome="answer", on="age", method="dsl"
    )
    assert [one.quantity for one in right.corrections] == ["intercept", "good", "age"]
    for one in (*left.corrections, *right.corrections):
        assert one.corrected.low < one.corrected.estimate < one.corrected.high


def test_the_terminal_shows_three_lines(table):
    """
    The model's is marked biased; the level and the methods are said.
    """
    words = ("--predicted", "predicted", "--gold", "gold", "--label", "good", "--probability", "weight")
    code, out, error = typed(table.parent, table, *words)
    assert (code, error) == (0, "")
    for told in (
        "model only (biased)",
        "people only",
        "corrected ",
        "95 % interval",
        "160 labelled rows of 800",
    ):
        assert told in out


def test_equal_probabilities_are_as_none(table):
    """
    A probability that is the same for all rows, and is the share that was drawn, changes nothing.
    """
    for method in ("ppi", "dsl"):
        asked = {"predicted": "predicted", "gold": "gold", "label": "good", "method": method}
        plain = correct(table, **asked).corrections[0]
        weighted = correct(table, probability="weight", **asked).corrections[0]
        assert weighted.corrected.estimate == pytest.approx(plain.corrected.estimate)
        assert weighted.corrected.low == pytest.approx(plain.corrected.low)


def test_a_frame(table):
    """
    A data frame is a table, and its missing values are the unlabelled rows.
    """
    frame = pl.read_csv(table, null_values=[""])
    asked = {"predicted": "model_score", "gold": "score", "by": "group"}
    from_frame, from_file = (correct(source, **asked) for source in (frame, table))
    estimates = [[one.corrected.estimate for one in found.corrections] for found in (from_frame, from_file)]
    assert estimates[0] == pytest.approx(estimates[1])


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"gold": "predicted"}, "correct-same-column"),
        ({"label": "Good"}, "correct-label-nowhere"),
        ({"between": "x,y"}, "correct-between"),
        ({"by": "group", "between": "x,q"}, "correct-no-such-group"),
        ({"by": "group", "on": "age"}, "correct-by-and-regression"),
        ({"on": "age"}, "correct-which-label"),
        (
            {"predicted": "model_score", "gold": "score", "on": "age", "model": "logistic"},
            "correct-logistic-needs-two",
        ),
        ({"label": "good", "outcome": "group"}, "correct-not-a-number"),
        ({"label": "good", "by": "id"}, "correct-many-groups"),
        ({"label": "good", "by": "gold", "missing": ["good", "bad", "None"]}, "correct-label-nowhere"),
        ({"label": "good", "by": "nothing"}, "correct-nothing-predicted"),
        ({"predicted": "id", "gold": "true"}, "correct-many-labels"),
        ({"label": "good", "probability": "age"}, "not-a-probability"),
        ({"level": 0.2}, "confidence-no-share"),
    ],
)
def test_what_does_not_fit_is_told(table, changes, kind):
    """
    A helpful error for whatever does not go together.
    """
    with pytest.raises(UsageError) as caught:
        correct(table, **{"predicted": "predicted", "gold": "gold", **changes})
    assert caught.value.kind == kind
    assert caught.value.message


def test_no_such_column(table):
    """
    A column that is not there is told, with a near one.
    """
    with pytest.raises(TableError) as caught:
        correct(table, predicted="predictd", gold="gold")
    assert caught.value.values["near"] == "predicted"


def test_rows_without_the_models_value(tmp_path):
    """
    A row without a label of the model is not the label; of numbers a middle one stands in, and that is said.
    """
    path = tmp_path / "t.csv"
    rows = [f"{'' if row % 10 == 0 else row % 3},{row % 3 if row < 60 else ''}" for row in range(300)]
    path.write_text("\n".join(["f,y", *rows]) + "\n", encoding="utf-8")
    share = correct(path, predicted="f", gold="y", label="2").corrections[0]
    assert share.model_only.estimate == pytest.approx(0.9 / 3)
    mean = correct(path, predicted="f", gold="y")
    assert mean.notes[0].values["rows"] == 30
    assert mean.corrections[0].corrected.low < 1 < mean.corrections[0].corrected.high


def test_too_few_labelled_rows_are_refused(tmp_path):
    """
    Nine labelled rows: null, with a why, and the exit code of a command that did what it was asked.
    """
    path = tmp_path / "t.csv"
    path.write_text("f,y\n" + "a,a\n" * 9 + "b,\n" * 50, encoding="utf-8")
    code, out, _ = typed(tmp_path, path, "--predicted", "f", "--gold", "y", "--label", "a", "--json")
    found = json.loads(out)["estimates"]["corrected"]
    assert (code, found["estimate"], found["low"]) == (0, None, None)
    assert "10 are needed" in found["why"]


def made_up(rows=600, labelled=200, **columns):
    """A frame of a model's and people's labels, with further columns by row."""
    chance = np.random.default_rng(3)
    truth = chance.random(rows) < 0.4
    said = np.where(chance.random(rows) < 0.85, truth, ~truth)
    is_labelled = chance.permutation(rows) < labelled
    names = np.array(["b", "a"])
    frame = {
        "f": names[said.astype(int)].tolist(),
        "y": np.where(is_labelled, names[truth.astype(int)], "").tolist(),
        "x": [str(round(one, 3)) for one in chance.normal(size=rows)],
    }
    return pl.DataFrame(frame | {name: [of(at) for at in range(rows)] for name, of in columns.items()})


@pytest.mark.parametrize("method", ["ppi", "dsl"])
@pytest.mark.parametrize("more", [{}, {"on": "x"}, {"label": None, "predicted": "n", "gold": "m"}])
def test_a_handful_of_clusters_has_no_interval(method, more):
    """
    With fewer than ten clusters among the labelled rows, or fifty for a regression, no line has an interval
    that pretends to know how far they differ; with one a regression had a width of 0.
    """
    enough = 50 if "on" in more else 10
    frame = made_up(
        c=lambda at: f"c{at % (enough - 1)}", d=lambda at: f"d{at % (enough + 10)}", n=lambda at: str(at % 7)
    )
    frame = frame.with_columns(m=pl.when(pl.col("y") == "").then(pl.lit("")).otherwise(pl.col("n") + "1"))
    options = {"predicted": "f", "gold": "y", "label": "a", "method": method, "draws": 200} | more
    for one in correct(frame, cluster="c", **options).corrections:
        assert (one.corrected.estimate, one.corrected.why.kind) == (None, "correct-few-clusters")
        assert (one.people_only.low, one.people_only.why.kind) == (None, "correct-few-clusters")
        assert one.people_only.estimate is not None
    for one in correct(frame, cluster="d", **options).corrections:
        assert one.corrected.low < one.corrected.high
        assert one.people_only.low < one.people_only.high


@pytest.mark.parametrize("method", ["ppi", "dsl"])
def test_probabilities_by_which_nothing_was_drawn_are_refused(method):
    """
    Where the column says that 6 rows would be labelled and 200 are, DSL gave a share of 0 without a word.
    """
    with pytest.raises(UsageError) as caught:
        correct(
            made_up(p=lambda _: "0.01"), predicted="f", gold="y", label="a", probability="p", method=method
        )
    assert (caught.value.kind, caught.value.values["expected"]) == ("correct-not-drawn-so", 6)
    found = correct(
        made_up(p=lambda _: "0.5"), predicted="f", gold="y", label="a", probability="p", method=method
    )
    assert [note.kind for note in found.notes] == ["correct-drawn-otherwise"]


def test_probabilities_that_were_mixed_up_are_told():
    """
    Of a third of the rows half were drawn, of the others a sixth: with both the wrong way round the sum is
    nearly right, and the shares were wrong without a word.
    """
    of_each = {0: 0.5, 1: 1 / 6, 2: 1 / 6}
    rows = range(600)
    frame = pl.DataFrame(
        {
            "f": ["ab"[at % 7 < 3] for at in rows],
            "y": ["ab"[at % 5 < 2] if (at // 3) % round(1 / of_each[at % 3]) == 0 else "" for at in rows],
            "right": [str(of_each[at % 3]) for at in rows],
            "wrong": [str({0: 1 / 6, 1: 1 / 6, 2: 0.5}[at % 3]) for at in rows],
        }
    )
    asked = {"predicted": "f", "gold": "y", "label": "a", "draws": 200}
    assert correct(frame, probability="right", **asked).notes == ()
    with pytest.raises(UsageError) as caught:
        correct(frame, probability="wrong", **asked)
    assert caught.value.kind == "correct-not-drawn-so-of-one"
    assert (caught.value.values["expected"], caught.value.values["labelled"]) == (67, 134)


def test_clusters_that_were_drawn_together_are_no_mixed_up_probabilities():
    """
    Of few large clusters chance takes more or fewer: that is told, where it may be chance.
    """
    frame = made_up(labelled=600, p=lambda at: "0.5" if at < 300 else "0.2", c=lambda at: str(at // 30))
    frame = frame.with_row_index("at").with_columns(
        y=pl.when((pl.col("at") // 30).is_in([0, 2, 4, 6, 11, 12, 13, 14, 15]))
        .then(pl.col("y"))
        .otherwise(pl.lit(""))
    )
    asked = {"predicted": "f", "gold": "y", "label": "a", "probability": "p", "draws": 200}
    with pytest.raises(UsageError, match="labelled"):
        correct(frame, **asked)
    assert correct(frame, cluster="c", **asked).labelled == 270


@pytest.mark.parametrize(
    ("changes", "kind", "name"),
    [
        ({"method": "ppi++"}, "not-one-of", "method"),
        ({"on": "n", "model": "logit"}, "not-one-of", "model"),
        ({"confidence": 0.9}, "no-such-keyword", "confidence"),
    ],
)
def test_what_is_no_choice_is_told(changes, kind, name):
    """
    A word that is none of the choices, and a keyword that there is not: both were taken, or passed over,
    without a word.
    """
    with pytest.raises(UsageError) as caught:
        correct(made_up(), predicted="f", gold="y", label="a", **changes)
    assert (caught.value.kind, caught.value.values["name"]) == (kind, name)


def test_a_label_is_found_as_the_table_has_it():
    """
    Of `1.0` beside `1` both are one label, by whichever spelling it is asked for.
    """
    frame = pl.DataFrame({"f": ["1.0", "0.0"] * 60, "y": (["1", "0"] * 15 + [""] * 30) * 2})
    shares = [
        correct(frame, predicted="f", gold="y", label=label, draws=200).corrections[0].corrected
        for label in ("1", "1.0", 1.0)
    ]
    assert shares[0] == shares[1] == shares[2]
    assert shares[0].estimate == 0.5


def test_a_stratum_without_labels_has_no_share_of_people():
    """
    What people said of one part of the rows is no share of all.
    """
    frame = made_up(labelled=600, p=lambda at: "0.5" if at % 2 else "0.4")
    frame = frame.with_columns(y=pl.when(pl.col("p") == "0.5").then(pl.col("y")).otherwise(pl.lit("")))
    one = correct(frame, predicted="f", gold="y", label="a", probability="p").corrections[0]
    assert (one.people_only.estimate, one.people_only.why.kind) == (None, "correct-stratum-empty")
    assert one.corrected.estimate is None


def test_an_outcome_that_is_all_explained_has_no_interval():
    """
    A constant outcome, or one that predictors give exactly, had an interval of width 0.
    """
    frame = made_up(labelled=300, o=lambda _: "3", e=lambda at: str(at % 4), g=lambda at: str(2 * (at % 4)))
    for options in ({"outcome": "o"}, {"outcome": "g", "on": "e"}):
        for one in correct(frame, predicted="f", gold="y", label="a", **options).corrections:
            assert one.corrected.estimate is not None
            assert one.corrected.low is None
            assert one.corrected.why.kind == "interval-without-width"


def test_equal_values_of_people_have_a_mean_and_no_interval():
    """
    Where the model says the same in the labelled rows and varies in others, this divided by zero.
    """
    frame = pl.DataFrame({"f": ["2"] * 30 + ["3", "4"] * 30, "y": ["2"] * 30 + [""] * 60})
    for method in ("ppi", "dsl"):
        one = correct(frame, predicted="f", gold="y", method=method).corrections[0]
        assert one.corrected.estimate is not None
        assert one.corrected.why.kind == "interval-without-width"


def test_numbers_too_large_to_compute_with_are_told():
    """
    With the row; their squares would be no numbers.
    """
    frame = pl.DataFrame({"f": ["1", "1e308"] * 20, "y": ["1", "2"] * 20})
    with pytest.raises(UsageError) as caught:
        correct(frame, predicted="f", gold="y")
    assert (caught.value.kind, caught.value.values["row"]) == ("correct-too-large", 2)


def test_what_a_comparison_of_groups_leaves_out_is_told():
    """
    Rows without a group, and clusters that have rows in both.
    """
    frame = made_up(g=lambda at: ["u", "v", ""][at % 3], c=lambda at: f"c{at % 50}")
    found = correct(frame, predicted="f", gold="y", label="a", by="g", cluster="c", draws=200)
    kinds = {note.kind: note.values for note in found.notes}
    assert kinds["correct-rows-without-group"]["rows"] == 200
    assert kinds["correct-groups-share-clusters"]["clusters"] == 50


def test_a_mean_where_some_can_not_say_it(tmp_path):
    """
    Of one row in five people can't say the number, and the model says a low one of most of these. The mean
    is that of the rows of which it can be said, in groups and as a difference; where everybody can say all,
    it is the same mean as without.
    """
    chance = random.Random(3)
    rows = []
    for row in range(1_500):
        truth, can = chance.gauss(5, 1) + row % 2, chance.random() > 0.2
        said = truth + 0.5 + chance.gauss(0, 0.5) if can else chance.gauss(0, 1)
        model = "can't say" if not can and chance.random() < 0.3 else f"{said:.3f}"
        people = (f"{truth:.3f}" if can else "can't say") if row % 10 < 2 else ""
        rows.append(
            {"model": model, "people": people, "side": "ab"[row % 2], "truth": truth if can else None}
        )
    frame = pl.DataFrame(rows)
    asked = {"predicted": "model", "gold": "people", "cant_say": "can't say"}
    (mean,) = correct(frame, **asked).corrections
    truth = np.nanmean(frame["truth"].to_numpy())
    assert mean.quantity == "mean of people, where it can be said"
    assert mean.corrected.low < truth < mean.corrected.high < mean.corrected.low + 0.3
    assert mean.model_only.high < truth
    assert mean.corrected.n == 300 - frame["people"].eq("can't say").sum()
    of_sides = correct(frame, by="side", **asked)
    assert [one.quantity.rpartition(", ")[2] for one in of_sides.corrections] == [
        *("side a less b", "side a", "side b"),
    ]
    less, first, second = (one.corrected for one in of_sides.corrections)
    assert less.low < -1 < less.high
    assert less.estimate == pytest.approx(first.estimate - second.estimate)
    told = [note.told() for note in of_sides.notes if note.kind == "correct-where-said"]
    assert len(told) == 1
    able = frame.filter(pl.col("truth").is_not_null())
    plain = correct(able, predicted="model", gold="people").corrections[0]
    same = correct(able, **asked).corrections[0]
    for line in ("model_only", "people_only", "corrected"):
        assert same.lines[line].estimate == pytest.approx(plain.lines[line].estimate, abs=1e-6)
        assert same.lines[line].low == pytest.approx(plain.lines[line].low, abs=1e-6)
    with pytest.raises(UsageError) as caught:
        correct(frame.with_columns(pl.lit("1").alias("x")), outcome="x", **asked)
    assert caught.value.kind == "correct-cant-say-regression"
    with pytest.raises(UsageError) as caught:
        correct(pl.DataFrame({"model": ["a", "b"], "people": ["a", "can't say"]}), **asked)
    assert caught.value.kind == "correct-cant-say-labels"


def test_what_can_not_be_said_is_named_at_the_command_line(table):
    """
    `--cant-say` names the text.
    """
    lines = table.read_text(encoding="utf-8").splitlines()
    cells = [line.split(",") for line in lines]
    for row in cells[1:]:
        row[7] = "?" if row[7] and int(row[0]) % 25 == 0 else row[7]
    table.write_text("\n".join(",".join(row) for row in cells) + "\n", encoding="utf-8")
    words = ("--predicted", "model_score", "--gold", "score", "--cant-say", "?")
    code, out, _ = typed(table.parent, table, *words)
    assert code == 0
    assert "mean of score, where it can be said" in out
    assert "of 160 coded rows people can't say it of 32" in out


def test_accents_written_in_two_ways_are_one_label():
    """
    People's label with the accent as a character of its own is the model's with one character for both.
    """
    two, one = unicodedata.normalize("NFD", "é"), unicodedata.normalize("NFC", "é")
    frame = pl.DataFrame({"model": [one, "x"] * 50, "people": [two, "x"] * 15 + [""] * 70})
    found = correct(frame, predicted="model", gold="people", label=two)
    assert found.corrections[0].corrected.estimate == pytest.approx(0.5, abs=0.02)
    assert "statistics-composed" in {note.kind for note in found.notes}
    shares = correct(frame, predicted="model", gold="people").corrections
    assert [share.quantity for share in shares] == ["share of x", f"share of {one}"]
