"""`agree`: columns of any table, by every door."""

from __future__ import annotations

import json
import unicodedata

import pandas as pd
import polars as pl
import pytest

import rowbatch
from end_to_end import run_here
from rowbatch.errors import TableError, UsageError


@pytest.fixture
def write(tmp_path):
    """Write lines as a CSV file."""

    def write(*lines, name="t.csv"):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


def typed(folder, *words):
    done = run_here(("agree", *words), cwd=folder, env={"ROWBATCH_HOME": str(folder / "home")})
    return done.returncode, done.stdout, done.stderr


def test_json_as_promised(write):
    """
    `--json` has n and, by name, estimate, low, high, n and method.
    """
    path = write("a,b", "a,a", "b,b", "a,b", "b,b")
    code, out, _ = typed(path.parent, path, "--coders", "a,b", "--json")
    found = json.loads(out)
    assert (code, found["n"]) == (0, 4)
    alpha = found["measures"]["krippendorff_alpha"]
    assert alpha["estimate"] == pytest.approx(8 / 15)
    assert set(alpha) == {"estimate", "low", "high", "n", "method"}
    assert {"cohen_kappa", "fleiss_kappa", "gwet_ac1", "percent_agreement"} <= set(found["measures"])


def test_undefined_is_null_with_a_why(write):
    """
    All a: kappa is null, and says why in words.
    """
    path = write("a,b", *["a,a"] * 5)
    _, out, _ = typed(path.parent, path, "--coders", "a", "--gold", "b", "--json")
    kappa = json.loads(out)["measures"]["cohen_kappa"]
    assert (kappa["estimate"], kappa["low"], kappa["high"]) == (None, None, None)
    assert "by chance is certain" in kappa["why"]


def test_na_is_a_label_unless_it_is_said(write):
    """
    `NA`, `None` and `nan` are labels; empty cells are missing, and so is what `missing` names.
    """
    path = write("a,b", "NA,NA", "None,None", "nan,NA", ",NA", "x,x")
    found = rowbatch.agree(path, "a,b")
    assert found.labels == ("NA", "None", "nan", "x")
    assert found.n == 4
    found = rowbatch.agree(path, ["a", "b"], missing="NA")
    assert found.labels == ("None", "nan", "x")
    assert found.n == 2
    found = rowbatch.agree(path, ["a", "b"], missing=["NA", "nan"])
    assert (found.labels, found.n) == (("None", "x"), 2)


@pytest.mark.parametrize("form", ["csv", "xlsx", "parquet", "jsonl", "dta", "polars", "pandas"])
def test_any_table(form, tmp_path):
    """
    The same numbers from any format and from data frames; numbers are labels as they stand.
    """
    frame = pl.DataFrame({"a": [1, 2, 2, None, 3, 1], "b": [1, 2, 3, 3, 3, None]})
    source = frame
    match form:
        case "csv":
            frame.write_csv(source := tmp_path / "t.csv")
        case "xlsx":
            frame.write_excel(source := tmp_path / "t.xlsx")
        case "parquet":
            frame.write_parquet(source := tmp_path / "t.parquet")
        case "jsonl":
            frame.write_ndjson(source := tmp_path / "t.jsonl")
        case "dta":
            source = tmp_path / "t.dta"
            pd.DataFrame(frame.to_dict(as_series=False)).to_stata(source, write_index=False)
        case "pandas":
            source = pd.DataFrame(frame.to_dict(as_series=False))
    found = rowbatch.agree(source, ["a", "b"], level="interval")
    assert (found.n, found.labels) == (4, ("1", "2", "3"))
    assert found.measures["percent_agreement"].estimate == 0.75
    assert found.measures["krippendorff_alpha"].estimate == pytest.approx(1 - 14 / 78)


def test_decimals_of_a_column_with_gaps_are_no_other_labels(tmp_path):
    """
    pandas writes whole numbers of a column with gaps as 1.0; beside 1 they are one label, and that is said.
    """
    pd.DataFrame({"a": [1, None, 0, 1], "b": [1, 0, 0, 1]}).to_csv(tmp_path / "t.csv", index=False)
    assert "1.0,1" in (tmp_path / "t.csv").read_text()
    found = rowbatch.agree(tmp_path / "t.csv", "a,b")
    assert found.labels == ("0", "1")
    assert found.measures["percent_agreement"].estimate == 1
    assert any("1.0" in str(note) for note in found.notes)


@pytest.mark.parametrize("several", [False, True])
def test_accents_written_in_two_ways_are_no_other_labels(write, several):
    """
    macOS writes a letter and its accent as two characters: they look alike, are one label, and that is said.
    Where all are written in one way nothing is said.
    """
    two, one = unicodedata.normalize("NFD", "négatif"), unicodedata.normalize("NFC", "négatif")
    assert two != one
    table = write("a,b", f"{two},{one}", f"{one},{one}", "x,x", f"{two},x")
    found = rowbatch.agree(table, "a,b", several=several)
    named = rowbatch.agree(table, "a,b", several=several, labels=[two, "x"])
    assert found.labels == named.labels
    assert set(found.labels) == {one, "x"}
    assert several or found.measures["percent_agreement"].estimate == 0.75
    assert "statistics-composed" in {note.kind for note in found.notes}
    alike = rowbatch.agree(write("a,b", f"{two},{two}", f"{two},x"), "a,b", several=several)
    assert "statistics-composed" not in {note.kind for note in alike.notes}


def test_texts_with_decimals_stay_what_they_are(write):
    """
    Where some labels are words, `1.0` and `1` are two of them.
    """
    path = write("a,b", "1.0,1", "x,x")
    assert rowbatch.agree(path, "a,b").labels == ("1", "1.0", "x")


@pytest.mark.parametrize("level", ["ordinal", "interval", "ratio"])
def test_a_number_is_one_value_however_it_is_written(write, level):
    """
    Where values have an order, `1.5` and `1.50`, `10` and `1e1` are one value and no disagreement, and that
    is said; as labels they stay what they are.
    """
    path = write("a,b", *["1.5,1.50", "10,1e1", "3,3", "4,5"] * 10)
    plain = write("a,b", *["1.5,1.5", "10,10", "3,3", "4,5"] * 10, name="plain.csv")
    found, wanted = (rowbatch.agree(one, "a,b", level=level) for one in (path, plain))
    assert found.measures == wanted.measures
    assert found.measures["percent_agreement"].estimate == 0.75
    assert "statistics-spellings" in [note.kind for note in found.notes]
    assert wanted.notes == ()
    named = rowbatch.agree(path, "a,b", level=level, labels="1.50,3,4,5,10")
    assert named.labels == ("1.50", "3", "4", "5", "10")
    assert named.measures["percent_agreement"].estimate == 0.75
    assert rowbatch.agree(path, "a,b").measures["percent_agreement"].estimate == 0.25


def test_a_gap_in_a_frame_of_numbers_is_no_label():
    """
    nan in a column of floats is a gap, whichever library made the frame; as a text it is a label.
    """
    values = [1.0, 2.0, float("nan"), 2.0] * 10
    for frame in (
        pl.DataFrame({"a": values, "b": [1, 2, 1, 2] * 10}),
        pd.DataFrame({"a": values, "b": [1, 2, 1, 2] * 10}),
    ):
        found = rowbatch.agree(frame, "a,b")
        assert (found.n, found.labels) == (30, ("1", "2"))
    found = rowbatch.agree(pl.DataFrame({"a": ["nan", "1"], "b": ["nan", "2"]}), "a,b")
    assert found.labels == ("1", "2", "nan")


@pytest.mark.parametrize(
    ("arguments", "kind", "values"),
    [
        ({"coders": "a"}, "agree-one-coder", {"names": ["a"]}),
        ({"coders": "a,a"}, "agree-coder-twice", {"column": "a"}),
        (
            {"coders": "a,b", "level": "interval"},
            "agree-not-a-number",
            {"column": "a", "row": 2, "cell": "mid"},
        ),
        ({"coders": "a,b", "level": "ordinal"}, "agree-needs-order", {}),
        ({"coders": "a,b", "labels": "1,mid"}, "agree-not-a-label", {"column": "a", "first": 3, "rows": 1}),
        ({"coders": "a,b", "labels": "1,1,mid,x"}, "agree-label-twice", {}),
        (
            {"coders": "a,b", "labels": "1,2,high", "level": "ratio"},
            "agree-label-no-number",
            {"label": "high"},
        ),
        ({"coders": "n,m", "level": "ratio"}, "agree-ratio-below-zero", {"least": -1}),
        ({"coders": "a,b", "confidence": 95}, "confidence-no-share", {}),
        ({"coders": "a,b", "draws": 10}, "draws-too-few", {}),
        ({"coders": "a,b", "probability": "n"}, "not-a-probability", {"column": "n", "row": 2, "cell": "-1"}),
        ({"coders": ""}, "agree-one-coder", {}),
        ({"coders": "a,,b"}, "label-empty", {}),
        ({"coders": "n,m", "level": "cardinal"}, "not-one-of", {"name": "level", "value": "cardinal"}),
        ({"coders": "n,m", "people": "students"}, "not-one-of", {"name": "people"}),
        ({"coders": "n,m", "on_bad_rows": "ignore"}, "not-one-of", {"name": "on_bad_rows"}),
        ({"coders": "n,m", "probabilty": "n"}, "no-such-keyword", {"name": "probabilty"}),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(write, arguments, kind, values):
    """
    A helpful error, with the column and the row.
    """
    path = write("a,b,n,m", "1,1,1,1", "mid,1,-1,1", "x,1,1,1")
    with pytest.raises(UsageError) as caught:
        rowbatch.agree(path, **arguments)
    assert caught.value.kind == kind
    assert {name: caught.value.values[name] for name in values} == values


def test_no_such_column(write):
    """
    The columns that there are stand in the hint, and a near one is guessed.
    """
    path = write("anna,ben", "a,a")
    with pytest.raises(TableError) as caught:
        rowbatch.agree(path, "anna,bne")
    assert (caught.value.kind, caught.value.values["near"]) == ("no-such-column-but-near", "ben")
    with pytest.raises(UsageError) as refused:
        rowbatch.agree(pl.DataFrame({"a": ["x"]}), "a,b")
    assert refused.value.kind == "no-such-column-in-frame"


def test_answers_that_are_no_labels_are_wrong_beside_gold(write):
    """
    With a codebook a model's illegal answers, as its missing ones, are wrong, and are told with their row.
    """
    path = write("model,gold", "a,a", "a,a", "b,b", "c,b", ",b")
    found = rowbatch.agree(path, "model", gold="gold", labels="a,b")
    assert found.measures["accuracy"].estimate == pytest.approx(3 / 5)
    assert found.against_gold[0].without == 2
    (note,) = [note for note in found.notes if note.kind == "agree-answers-not-labels"]
    assert (note.values["rows"], note.values["first"], note.values["cells"]) == (1, 4, ["c"])
    with pytest.raises(UsageError, match="none of the labels"):
        rowbatch.agree(path, "gold", gold="model", labels="a,b")


def test_rows_without_gold_are_no_part_of_agreement_beside_it(write):
    """
    A model labelled all rows and people a sample: every measure is of the sample, as if the others were not
    there. By Gwet's formulas for gaps the model's other labels made chance agreement another one.
    """
    sample = ["a,a", "a,a", "b,a", "b,b", "b,a", "a,a", "b,b", ",b"]
    both = write("model,people", *sample)
    more = write("model,people", *sample, *["b,"] * 40, *["a,"] * 3, name="more.csv")
    expected, found = (rowbatch.agree(path, ["model"], gold="people") for path in (both, more))
    assert (found.n, found.rows) == (8, 51)
    assert {name: one.estimate for name, one in found.measures.items()} == {
        name: one.estimate for name, one in expected.measures.items()
    }
    assert found.measures["percent_agreement"].estimate == pytest.approx(5 / 7)


def test_gold_may_be_one_of_the_coders(write):
    """
    `--coders gold,model --gold gold` compares the model with gold, once.
    """
    path = write("gold,model", "a,a", "b,b", "a,b", "b,b")
    both = rowbatch.agree(path, "gold,model", gold="gold")
    one = rowbatch.agree(path, "model", gold="gold")
    assert both.measures == one.measures
    assert [beside.coder for beside in both.against_gold] == ["model"]


def test_several_coders_beside_gold(write):
    """
    Each coder has their own accuracy; above them stands the mean.
    """
    path = write("a,b,g", "x,x,x", "x,y,x", "y,y,y", "y,x,x")
    found = rowbatch.agree(path, "a,b", gold="g")
    assert [one.measures["accuracy"].estimate for one in found.against_gold] == [0.75, 0.75]
    assert found.measures["accuracy"].estimate == 0.75
    assert "mean over 2 coders" in found.measures["accuracy"].method
    assert found.measures["cohen_kappa"].estimate == pytest.approx(0)


def test_the_terminal_shows_all_of_it(write):
    """
    Words for people: every measure, what is undefined, and how each was computed.
    """
    path = write("a,b,g", "x,x,x", "x,y,x", "y,y,y", "y,x,x", ",,x")
    code, out, error = typed(path.parent, path, "--coders", "a,b", "--gold", "g")
    assert (code, error) == (0, "")
    for words in ("krippendorff alpha", "95 % interval", "precision", "seed 1", "note: of 4 units"):
        assert words in out


def test_weights_by_probability(write):
    """
    Rows that were drawn half as likely count twice.
    """
    rows = ["x,x,0.5", "x,y,0.5", "y,y,1", "y,y,1"]
    weighted = rowbatch.agree(write("a,b,p", *rows), "a,b", probability="p")
    doubled = rowbatch.agree(write("a,b", "x,x", "x,x", "x,y", "x,y", "y,y", "y,y", name="d.csv"), "a,b")
    for name in ("percent_agreement", "cohen_kappa", "gwet_ac1", "fleiss_kappa"):
        assert weighted.measures[name].estimate == pytest.approx(doubled.measures[name].estimate)


def test_a_probability_that_nobody_named_is_told(write):
    """
    The table of a coding set says how likely each row was drawn: where that differs, and nobody says so, the
    rows count alike, and that is told.
    """
    lines = ["x,x,0.5", "y,x,0.5", "y,y,0.1"]
    path = write("a,b,probability", *lines)
    assert [note.kind for note in rowbatch.agree(path, "a,b").notes][:1] == ["statistics-unweighted"]
    alike = write("a,b,probability", *(line[:4] + "0.5" for line in lines), name="alike.csv")
    for found in (rowbatch.agree(path, "a,b", probability="probability"), rowbatch.agree(alike, "a,b")):
        assert "statistics-unweighted" not in [note.kind for note in found.notes]
    told = rowbatch.correct(pl.read_csv(path), predicted="a", gold="b", label="x").notes
    assert [note.kind for note in told] == ["statistics-unweighted"]


def test_nobody_said_anything(write):
    """
    Empty columns: every measure is undefined, with its reason.
    """
    found = rowbatch.agree(write("a,b,c", ",,1", ",,2"), "a,b")
    assert found.n == 0
    assert {figure.estimate for figure in found.measures.values()} == {None}
    assert all(figure.why for figure in found.measures.values())


def test_several_labels_in_a_cell(write):
    """
    Lists, with spaces, repeats and JSON, are sets; `--none` names the cells of which no label applies.
    """
    path = write(
        "a,b,gold",
        "x; y,y;x;x,x;y",
        '"[""x"", ""y""]",x,x',
        "none,,none",
        ",x,x",
    )
    found = rowbatch.agree(path, "a,b", several=True, none="none")
    assert (found.cells, found.labels, found.n) == ("labels", ("x", "y"), 2)
    assert found.measures["exact_match"].estimate == 0.5
    assert found.measures["mean_jaccard"].estimate == 0.75
    assert [label.given for label in found.of_labels] == [5, 3]
    beside = rowbatch.agree(path, "a", gold="gold", several=True, none="none").against_gold[0]
    assert beside.measures["accuracy"].estimate == 0.5
    assert beside.without == 1
    # With an empty text, empty cells are no label.
    assert rowbatch.agree(path, "a,b", several=True, none=["none", ""]).n == 4


def test_labels_that_are_none_beside_gold(write):
    """
    An answer with a label that the codebook has not is wrong, and told; in gold it is an error.
    """
    path = write("a,gold", "x;z,x", "x,x")
    found = rowbatch.agree(path, "a", gold="gold", several=True, labels="x,y")
    assert found.measures["accuracy"].estimate == 0.5
    assert any("none of the labels" in str(note) for note in found.notes)
    with pytest.raises(UsageError) as caught:
        rowbatch.agree(path, "gold", gold="a", several=True, labels="x,y")
    assert caught.value.kind == "agree-not-a-label"


def test_quotes_of_a_text(write):
    """
    Quotes are found in the text, several as a JSON list or a line each; one that is not there is told.
    """
    path = write(
        "text,a,b",
        "We like the law. We hate taxes.,We like the law.,like the law",
        'One two three.,"[""One"", ""three""]","One\nthree"',
        "Nothing here.,none,none",
        "Short text.,never said,Short",
    )
    found = rowbatch.agree(path, "a,b", quotes=True, text="text", none="none")
    assert (found.cells, found.n) == ("quotes", 4)
    assert found.measures["exact_match"].estimate == 0.5
    assert found.measures["unitizing_alpha"].estimate == pytest.approx(0.75, abs=0.25)
    assert [note.values["column"] for note in found.notes if note.kind == "agree-quotes-not-in-text"] == ["a"]
    weighted = pl.read_csv(path).with_columns(p=pl.lit("0.5"))
    again = rowbatch.agree(weighted, "a,b", quotes=True, text="text", none="none", probability="p")
    assert again.measures["character_f1"].estimate == pytest.approx(found.measures["character_f1"].estimate)


def test_may_a_model_replace_a_coder(write):
    """
    The verdict, the people it wins against, and the agreement of people alone.
    """
    path = write("a,b,c,m", *["x,x,x,x", "y,y,x,y"] * 20)

    def verdict(path=path, coders="a,b,c", **options):
        found = rowbatch.agree(path, coders, alt_test="m", **options)
        assert found.alt_test is not None
        return found.alt_test.passes, found.alt_test.epsilon

    assert verdict() == (True, 0.2)
    assert rowbatch.agree(path, "a,b,c", alt_test="m").coders == ("a", "b", "c")
    assert verdict(people="crowd") == (True, 0.1)
    assert verdict(coders="a,b", epsilon=0.05) == (True, 0.05)
    two = rowbatch.agree(path, "a,b", alt_test="m")
    assert any(note.kind == "alt-test-few-people" for note in two.notes)
    numbers = write("a,b,c,m", *["1,2,1,1", "5,5,6,5"] * 20, name="n.csv")
    assert verdict(numbers, level="interval") == (True, 0.2)
    assert verdict(several=True) == (True, 0.2)


def test_confidences_beside_gold(write):
    """
    Bins and measures; a row without a confidence is left out and counted, without an answer it is wrong.
    """
    path = write("m,gold,sure", "x,x,0.9", "x,y,0.8", ",y,0.3", "x,x,", "x,,0.5")
    found = rowbatch.agree(path, "m", gold="gold", calibration="sure").calibration
    assert found is not None
    assert (found.n, found.without) == (3, 1)
    assert found.measures["accuracy"].estimate == pytest.approx(1 / 3)
    assert found.measures["auroc"].estimate == 1
    assert (
        "sure of m" in typed(path.parent, path, "--coders", "m", "--gold", "gold", "--calibration", "sure")[1]
    )


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"several": True, "quotes": True}, "agree-one-kind"),
        ({"several": True, "level": "ordinal"}, "agree-level-of-one"),
        ({"several": True, "separator": ""}, "agree-no-separator"),
        ({"none": "-"}, "agree-none-of-one"),
        ({"quotes": True}, "agree-quotes-of-text"),
        ({"text": "c"}, "agree-quotes-of-text"),
        ({"quotes": True, "text": "c", "labels": "x,y"}, "agree-quotes-no-labels"),
        ({"alt_test": "a"}, "agree-coder-twice"),
        ({"alt_test": "c", "epsilon": 1}, "alt-test-epsilon"),
        ({"alt_test": "c", "probability": "p"}, "alt-test-weighted"),
        ({"alt_test": "c", "quotes": True, "text": "c"}, "alt-test-quotes"),
        ({"calibration": "p"}, "calibration-of-one"),
        ({"calibration": "p", "gold": "c"}, "calibration-of-one"),
        ({"calibration": "c", "gold": "b"}, "not-a-confidence"),
    ],
)
def test_what_does_not_go_together_is_told(write, arguments, kind):
    """
    Each with its own kind, in words.
    """
    path = write("a,b,c,p", "x,y,x,0.5", "x,x,x,0.5")
    with pytest.raises(UsageError) as caught:
        rowbatch.agree(path, "a,b", **arguments)
    assert caught.value.kind == kind


def test_one_person_is_too_few_for_the_test(write):
    """
    Beside gold alone nobody can be replaced.
    """
    path = write("a,b,c", "x,y,x")
    with pytest.raises(UsageError) as caught:
        rowbatch.agree(path, "a", gold="b", alt_test="c")
    assert caught.value.kind == "alt-test-people"


def test_the_terminal_shows_sets_quotes_and_verdicts(write):
    """
    Each part has its lines.
    """
    path = write("a,b,c,m", *["x,x,x,x", "y,y,x,y"] * 20)
    code, out, _ = typed(path.parent, path, "--coders", "a,b,c", "--alt-test", "m", "--several")
    assert code == 0
    assert "several labels" in out
    assert "May m replace one of the coders? yes" in out
    assert "x, as yes or no: given 80 times" in out
    code, out, _ = typed(
        path.parent, path, "--coders", "a,b", "--quotes", "--text", "m", "--json", "--draws", "100"
    )
    assert (code, json.loads(out)["cells"]) == (0, "quotes")
