"""`agree`: columns of any table, by every door."""

from __future__ import annotations

import json

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


def test_texts_with_decimals_stay_what_they_are(write):
    """
    Where some labels are words, `1.0` and `1` are two of them.
    """
    path = write("a,b", "1.0,1", "x,x")
    assert rowbatch.agree(path, "a,b").labels == ("1", "1.0", "x")


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


def test_nobody_said_anything(write):
    """
    Empty columns: every measure is undefined, with its reason.
    """
    found = rowbatch.agree(write("a,b,c", ",,1", ",,2"), "a,b")
    assert found.n == 0
    assert {figure.estimate for figure in found.measures.values()} == {None}
    assert all(figure.why for figure in found.measures.values())
