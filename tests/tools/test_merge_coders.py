"""`merge-coders`: long, wide, or a file a person, become one table."""

from __future__ import annotations

import json

import polars as pl
import pytest

import rowbatch
from end_to_end import run_here
from rowbatch.errors import InputError, TableError, UsageError
from rowbatch.tools.merge_coders import OnContradiction


def read(path):
    """Columns of a table as lists of texts."""
    frame = pl.read_csv(path, infer_schema=False)
    return frame.fill_null("").to_dict(as_series=False)


def test_long(write, tmp_path):
    """
    A row a judgement becomes a column a coder; a column that says the same of a text stays one, and one that
    differs has a column a coder.
    """
    path = write(
        "long.csv",
        "id,text,who,mood,note",
        "1,One,anna,glad,sure",
        "1,One,ben,sad,",
        "2,Two,anna,sad,",
        "2,Two,ben,sad,hm",
        "2,Two,ben,sad,twice",
        "3,Three,anna,,",
    )
    found = rowbatch.merge_coders(path, tmp_path / "o.csv", key="id", coder="who", value="mood")
    assert read(tmp_path / "o.csv") == {
        "id": ["1", "2", "3"],
        "text": ["One", "Two", "Three"],
        "note_anna": ["sure", "", ""],
        "note_ben": ["", "hm; twice", ""],
        "anna": ["glad", "sad", ""],
        "ben": ["sad", "sad", ""],
    }
    assert (found.rows_read, found.rows, found.used, found.repeated) == (6, 3, 4, 1)
    assert (found.contradicting, found.rows_without_value, found.per_coder) == (0, 1, ("note",))
    assert rowbatch.agree(tmp_path / "o.csv", "anna,ben").n == 2


def test_long_with_variables(write, tmp_path):
    """
    Where rows name a variable each has its columns.
    """
    path = write("l.csv", "id,who,what,said", "1,a,mood,x", "1,a,tone,y", "1,b,mood,z")
    rowbatch.merge_coders(path, tmp_path / "o.csv", key="id", coder="who", value="said", variable="what")
    assert read(tmp_path / "o.csv") == {"id": ["1"], "mood_a": ["x"], "tone_a": ["y"], "mood_b": ["z"]}


@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet", "jsonl"])
def test_a_file_a_person(write, tmp_path, ending):
    """
    Files are called by their coders; rows in any order, with gaps, of several values, in any format.
    """
    for name, rows in (
        ("anna", [("1", "x", "p"), ("2", "y", "")]),
        ("ben", [("3", "y", "q"), ("1", "x", "p")]),
    ):
        frame = pl.DataFrame(rows, schema=["id", "mood", "tone"], orient="row")
        path = tmp_path / f"{name}.{ending}"
        match ending:
            case "csv":
                frame.write_csv(path)
            case "xlsx":
                frame.write_excel(path)
            case "parquet":
                frame.write_parquet(path)
            case _:
                frame.write_ndjson(path)
    files = [tmp_path / f"anna.{ending}", tmp_path / f"ben.{ending}"]
    found = rowbatch.merge_coders(files, tmp_path / "o.csv", key="id", value=["mood", "tone"])
    assert read(tmp_path / "o.csv") == {
        "id": ["1", "2", "3"],
        "mood_anna": ["x", "y", ""],
        "mood_ben": ["x", "", "y"],
        "tone_anna": ["p", "", ""],
        "tone_ben": ["p", "", "q"],
    }
    assert dict(found.columns) == {"mood_anna": 2, "mood_ben": 2, "tone_anna": 1, "tone_ben": 2}
    again = rowbatch.merge_coders(files, tmp_path / f"again.{ending}", key="id", value="mood")
    assert dict(again.columns) == {"anna": 2, "ben": 2}


def test_wide_rows_of_one_text_are_put_together(write, tmp_path):
    """
    Columns of coders over several rows and files.
    """
    one = write("one.csv", "id,text,anna,ben", "1,One,x,", "1,One,,y", "2,Two,x,x")
    two = write("two.csv", "id,cleo", "2,z", "1,y")
    rowbatch.merge_coders([one, two], tmp_path / "o.csv", key="id", coders="anna,ben,cleo")
    assert read(tmp_path / "o.csv") == {
        "id": ["1", "2"],
        "text": ["One", "Two"],
        "anna": ["x", "x"],
        "ben": ["y", "x"],
        "cleo": ["y", "z"],
    }


def test_contradictions_are_refused_or_decided(write, tmp_path):
    """
    With the file and the rows; every value is accounted for, whatever is decided.
    """
    path = write("l.csv", "id,who,said", "1,a,x", "1,a,y", "1,a,x", "2,a,x", "2,b,x")
    out = tmp_path / "o.csv"
    with pytest.raises(UsageError) as caught:
        rowbatch.merge_coders(path, out, key="id", coder="who", value="said")
    assert caught.value.kind == "merge-contradictions"
    assert "'l.csv row 1', 'l.csv row 2', 'l.csv row 3'" in str(caught.value)
    assert not out.exists()
    ways: list[tuple[OnContradiction, str, int]] = [("empty", "", 3), ("first", "x", 2), ("last", "x", 2)]
    for decided, cell, left in ways:
        found = rowbatch.merge_coders(
            path, out, key="id", coder="who", value="said", contradictions=decided, overwrite=True
        )
        assert read(out)["a"] == [cell, "x"]
        assert found.contradicting == left
        assert found.used + found.repeated + found.contradicting == 5
        assert found.contradictions[0].values == ("x", "y")


@pytest.mark.parametrize(
    ("lines", "options", "kind"),
    [
        (("id,a", "1,x"), {}, "merge-which-values"),
        (("id,a", "1,x"), {"value": "a"}, "merge-one-file"),
        (("id,a", "1,x"), {"value": "a", "coders": "a"}, "merge-values-or-coders"),
        (("id,a", "1,x"), {"coder": "a", "coders": "a"}, "merge-long-and-wide"),
        (("id,a", "1,x"), {"value": "a", "variable": "id"}, "merge-variable-is-long"),
        (("id,a", "1,x"), {"value": "a", "coder": "a"}, "merge-column-twice"),
        (("id,w,a", ",w,x"), {"value": "a", "coder": "w"}, "merge-empty-cell"),
        (("id,w,a", "1,,x"), {"value": "a", "coder": "w"}, "merge-empty-cell"),
        (("id,w,a", "1,w,x"), {"value": "b", "coder": "w"}, "no-such-column"),
        (("id,w,a", "1,w,"), {"value": "a", "coder": "w"}, "merge-nothing-coded"),
        (("id,w,a", "1,id,x"), {"value": "a", "coder": "w"}, "merge-name-taken"),
    ],
)
def test_what_is_ambiguous_is_refused(write, tmp_path, lines, options, kind):
    """
    Each with its own kind.
    """
    path = write("l.csv", *lines)
    with pytest.raises((UsageError, TableError)) as caught:
        rowbatch.merge_coders(path, tmp_path / "o.csv", key="id", **options)
    assert caught.value.kind == kind


def test_two_files_of_one_name_and_keys_that_do_not_meet(write, tmp_path):
    """
    One name would be one coder; keys written in two ways are told.
    """
    one, two = write("a.csv", "id,v", "1,x"), write("b.csv", "id,v", "01,x")
    found = rowbatch.merge_coders([one, two], tmp_path / "o.csv", key="id", value="v")
    assert [note.kind for note in found.notes] == ["merge-keys-apart", "merge-keys-near"]
    with pytest.raises(UsageError) as caught:
        rowbatch.merge_coders([one, one], tmp_path / "p.csv", key="id", value="v")
    assert caught.value.kind == "merge-file-twice"
    with pytest.raises(UsageError) as caught:
        rowbatch.merge_coders([one, two], one, key="id", value="v", overwrite=True)
    assert caught.value.kind == "merge-out-is-a-file"
    with pytest.raises(InputError):
        rowbatch.merge_coders([one, tmp_path / "none.csv"], tmp_path / "p.csv", key="id", value="v")


def test_the_command(write, tmp_path):
    """
    Words to a person, JSON to a program.
    """
    write("anna.csv", "id,v", "1,x", "2,y")
    write("ben.csv", "id,v", "1,x", "1,x")
    words = ("merge-coders", "anna.csv", "ben.csv", "--key", "id", "--value", "v", "-o", "o.csv")
    done = run_here(words, cwd=tmp_path, env={"ROWBATCH_HOME": str(tmp_path / "home")})
    assert done.returncode == 0
    assert "2 rows from 4 rows" in done.stdout
    assert "1 value said the same once more" in done.stdout
    done = run_here(
        (*words, "--overwrite", "--json"), cwd=tmp_path, env={"ROWBATCH_HOME": str(tmp_path / "home")}
    )
    assert json.loads(done.stdout)["columns"] == {"anna": 2, "ben": 1}


def test_keys_that_are_nearly_the_same_are_told(write, tmp_path):
    """
    What two files write a little otherwise stays two rows, and is told with an example; not what one file
    itself tells apart, and nothing of numbers that differ.
    """
    one = write("a.csv", "id,v", "T-01,x", "t 2,x", "p-3,x", "P3,x", "10,x")
    two = write("b.csv", "id,v", "t1,x", "T2.0,x", "p3,x", "1,x", "100,x")
    found = rowbatch.merge_coders([one, two], tmp_path / "o.csv", key="id", value="v")
    (note,) = (note for note in found.notes if note.kind == "merge-keys-near")
    assert (note.values["count"], note.values["key"], note.values["other"]) == (1, "t1", "T-01")
    assert note.told() == (
        f"1 key is nearly the same in two files, and a row of its own in each: 't1' in {two} beside 'T-01'"
    )
    assert found.rows == 10
