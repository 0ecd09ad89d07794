"""Columns that only tell about the others, in formats whose cells have a bound."""

import polars as pl
import pyreadstat
import pytest

from rowbatch.errors import CannotHold
from rowbatch.tables.base import TableChunk
from rowbatch.tables.formats import open_table
from rowbatch.tables.writer import CUT_MARK, AddedColumn, TableShape, format_of, open_check, open_writer

FRAME = pl.DataFrame({"0": ["a", "b", "c"]})
TOLD = ["x" * 40_000, "ok", "a\0b"]
COLUMNS = (AddedColumn("note", may_be_cut=True), AddedColumn("said"))


def written(path, told, said):
    shape = TableShape(("text",), (), COLUMNS)
    with open_writer(path, format_of(path), shape) as writer:
        writer.write(TableChunk(1, FRAME), pl.DataFrame({"note": told, "said": said}))
    return pl.concat(chunk.frame for chunk in open_table(path).chunks())


@pytest.mark.parametrize("ending", ["xlsx", "sav", "dta"])
def test_what_only_tells_is_cut(tmp_path, ending):
    """
    A raw answer that a cell cannot hold is cut with a mark, and a NUL replaced; the table is written all the
    same.
    """
    found = written(tmp_path / f"t.{ending}", TOLD, ["1", "2", "3"])
    assert found["1"].to_list() == ["x" * 8_000 + CUT_MARK, "ok", "a\ufffdb"]
    assert found["2"].to_list() == ["1", "2", "3"]


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_formats_without_a_bound_have_all_of_it(tmp_path, ending):
    """
    Nothing is cut where it fits.
    """
    long = "x" * 40_000
    assert written(tmp_path / f"t.{ending}", [long, "ok", "b"], ["1", "2", "3"])["1"][0] == long


@pytest.mark.parametrize("ending", ["xlsx", "sav"])
def test_a_value_is_never_cut(tmp_path, ending):
    """
    An answer that does not fit is said, and not shortened.
    """
    with pytest.raises(CannotHold):
        written(tmp_path / f"t.{ending}", ["", "", ""], ["x" * 40_000, "", ""])


def test_labels_that_spss_cannot_tell_apart_are_said_before(tmp_path):
    """
    pyreadstat 1.3 writes 120 bytes of a value label and says nothing (read back below): two became one.
    """
    alike = ("\u597d" * 60 + "a", "\u597d" * 60 + "b")
    place = tmp_path / "t.sav"
    labels: dict[str, dict[int | float, str]] = {"m": {1: alike[0], 2: alike[1]}}
    pyreadstat.write_sav(pl.DataFrame({"m": [1.0]}), str(place), variable_value_labels=labels)
    _, meta = pyreadstat.read_sav(str(place))
    assert len(set(meta.variable_value_labels["m"].values())) == 1

    def checked(name, *labels):
        open_check(tmp_path / "o", name, TableShape(("text",), (), (AddedColumn("m", labels=labels),)))

    with pytest.raises(CannotHold, match="begin alike"):
        checked("spss", *alike)
    checked("stata", *alike)
    checked("spss", "a" + alike[0], "b" + alike[1])
    checked("spss", "a", "b")
