"""Rows as they lie in a CSV file, with further cells behind them: the bytes of the CSV writer."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import cases
from rowbatch.core.table_options import WriteOptions
from rowbatch.errors import TableError
from rowbatch.kernels.cells import CellBlock
from rowbatch.kernels.machine import new_machine
from rowbatch.tables import csv_beside
from rowbatch.tables.base import blank_rows
from rowbatch.tables.csv_beside import RowsBeside
from rowbatch.tables.csv_reader import CsvTable, open_csv
from rowbatch.tables.csv_writer import CsvTableWriter, csv_bytes
from rowbatch.tables.writer import AddedColumn, TableShape

CELLS = st.text(
    st.one_of(
        st.sampled_from('"""\'\',,;\t|\n\n\r \\é中🙂\u2028\x85\xa0\u3000'),
        st.characters(codec="utf-8", exclude_characters="\0"),
    ),
    max_size=40,
)
ADDED = ("a", "b", "c")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("beside")


def table_of(folder: Path, rows: list[list[str]], delimiter: str = ",") -> CsvTable:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows([["x", "y"], *rows])
    path = folder / "t.csv"
    path.write_bytes(text.getvalue().encode())
    return open_csv(path, delimiter=delimiter)


def added_of(values: list[list[str | None]]) -> pl.DataFrame:
    columns = zip(*values, strict=True)
    return pl.DataFrame([pl.Series(name, one, pl.String) for name, one in zip(ADDED, columns, strict=True)])


def by_writer(path: Path, table: CsvTable, added: pl.DataFrame, separator: str) -> bytes:
    """What the writer makes of the same rows."""
    shape = TableShape.of(table, [AddedColumn(name) for name in ADDED])
    with CsvTableWriter(path, shape, WriteOptions(), separator=separator) as writer:
        for chunk in table.chunks():
            height = chunk.frame.height
            writer.write(chunk, added[chunk.first_row - 1 : chunk.first_row - 1 + height])
    return path.read_bytes().partition(b"\n")[2]


def by_kernels(table: CsvTable, added: pl.DataFrame, separator: str) -> tuple[bytes, list[bool], int]:
    """The bytes, which rows are blank in their second column, and how many the kernels wrote."""
    machine = new_machine()
    assert machine is not None
    rows = RowsBeside(machine, table, separator, [1])
    out, blank, taken = bytearray(), [], 0
    for block in rows.blocks():
        blank += block.blank.to_list()
        here = added[block.first_row - 1 : block.first_row - 1 + len(block.blank)]
        if isinstance(block.rows, CellBlock):
            taken += block.rows.records
            parts = [
                (bytes(part.data), part.is_last)
                for part in rows.lines(block.rows, csv_bytes(here, separator))
            ]
            assert [is_last for _, is_last in parts] == [False] * (len(parts) - 1) + [True]
            out += b"".join(data for data, _ in parts)
    return bytes(out), blank, taken


@settings(max_examples=cases(40, 2_000), deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(CELLS, min_size=2, max_size=2), st.lists(st.none() | CELLS, min_size=3, max_size=3)
        ),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(",;\t"),
    st.sampled_from(",\t"),
)
def test_any_cells(folder, rows, delimiter, separator):
    """
    Whatever stands in the cells, of the table and behind it, the same is written.
    """
    table, added = table_of(folder, [row for row, _ in rows], delimiter), added_of([one for _, one in rows])
    found, blank, taken = by_kernels(table, added, separator)
    expected = pl.concat(blank_rows(chunk.frame, [1]) for chunk in table.chunks())
    assert blank == expected.to_list()
    if taken == len(rows):
        assert found == by_writer(folder / "out.csv", table, added, separator)
    elif not any("\r" in text for row, _ in rows for text in row):
        pytest.fail("plain rows were not taken")


@pytest.mark.parametrize("text", ["", "plain", 'quo"ted', "a\nb", "a,b", '"\n"', 'x"' * 30 + "\n"])
@pytest.mark.parametrize("length", range(13, 19))
def test_lines_end_where_no_quote_is_open(folder, text, length):
    """
    Also where quotes and line ends lie around the sixteen bytes that are looked at together.
    """
    table = table_of(folder, [["1", "2"]] * 3)
    added = added_of([["q" * length, text, text + "z" * length]] * 3)
    found, _, taken = by_kernels(table, added, ",")
    assert taken == 3
    assert found == by_writer(folder / "out.csv", table, added, ",")


def test_a_row_that_is_longer_than_a_buffer(folder, monkeypatch):
    """
    A buffer that is too small becomes larger.
    """
    monkeypatch.setattr(csv_beside, "_OUT_BYTES", 64)
    table, added = table_of(folder, [["a" * 900, 'b"' * 400]]), added_of([["c", "d" * 500, None]])
    found, _, _ = by_kernels(table, added, ",")
    assert found == by_writer(folder / "out.csv", table, added, ",")


def test_fewer_lines_than_rows_are_an_error(folder):
    """
    Rows are never written with the cells of others.
    """
    machine = new_machine()
    assert machine is not None
    rows = RowsBeside(machine, table_of(folder, [["1", "2"]] * 3), ",", [1])
    blocks = rows.blocks()
    block = next(blocks)
    assert isinstance(block.rows, CellBlock)
    with pytest.raises(ValueError, match="3 rows, but only 2 lines"):
        list(rows.lines(block.rows, memoryview(b"a,b\nc,d\n")))
    blocks.close()


def test_a_table_without_rows_is_told(folder):
    """
    It is an error, as it is for every reader.
    """
    machine = new_machine()
    assert machine is not None
    with pytest.raises(TableError, match="no rows"):
        list(RowsBeside(machine, table_of(folder, []), ",", [1]).blocks())
