"""Where the records of a CSV file begin: only what every reader sees in the same way."""

from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import cases
from rowbatch.core.table_options import PLAIN, ReadOptions
from rowbatch.errors import TableError
from rowbatch.tables import csv_cuts
from rowbatch.tables.csv_cuts import find_cuts
from rowbatch.tables.csv_reader import CsvTable
from rowbatch.tables.formats import open_table

READING = ReadOptions(encoding="utf-8", delimiter=",", header="1", quote='"', escape="none", program=PLAIN)


def cuts_of(path, first=2, every=3, block=1 << 20):
    table = open_table(path, READING)
    assert isinstance(table, CsvTable)
    with mock.patch.object(csv_cuts, "_BLOCK_BYTES", block):
        return table, find_cuts(path, table.layout, len(table.header), first, every)


cells = st.one_of(
    st.text(st.sampled_from('ab"\r\n,é'), max_size=6),
    st.sampled_from(["", '"', '""', "\n", "\r\n", ",", 'x"', '"x']),
)


@given(
    rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=12),
    end=st.sampled_from(["\n", "\r\n"]),
    block=st.integers(1, 40),
    last=st.booleans(),
)
def test_cuts_are_where_the_reader_sees_rows(tmp_path_factory, rows, end, block, last):
    """
    Each place that is found lies where the reader ends a row, wherever a block ends; and where a file is
    written as RFC 4180 says it is found.
    """
    path = tmp_path_factory.getbasetemp() / "cuts.csv"
    quoted = ",".join
    lines = [quoted('"' + cell.replace('"', '""') + '"' for cell in row) for row in [("a", "b"), *rows]]
    text = end.join(lines) + (end if last else "")
    path.write_bytes(text.encode())
    found = cuts_of(path, block=block)[1]
    assert found is not None
    assert found.rows == len(rows)
    assert [cut.row for cut in found.places[1:-1]] == list(range(2, len(rows), 3))
    data = text.encode()
    for cut in found.places[:-1]:
        record = lines[cut.row + 1] if cut.row < len(rows) else ""
        assert data[cut.offset :].startswith(record.encode())
        assert data[: cut.offset].count(b"\n") == cut.line - 1
    assert found.places[-1].offset == len(data)


@given(text=st.text(st.sampled_from('ab"\r\n,'), max_size=40), block=st.integers(1, 20))
def test_nothing_is_said_of_what_readers_read_differently(tmp_path_factory, text, block):
    """
    Of any text there are either no cuts, or those of the rows that the careful reader finds.
    """
    path = tmp_path_factory.getbasetemp() / "odd.csv"
    path.write_bytes(b"a,b\n" + text.encode())
    table, found = cuts_of(path, first=1, every=1, block=block)
    if found is None:
        return
    rows, kind = 0, ""
    try:
        for chunk in table.careful_chunks(1):
            rows = chunk.first_row
    except TableError as error:
        kind = error.kind
    # A row with another number of cells is told by who reads it.
    assert kind in ("", "line-ragged", "note-below-table", "delimiter-before-quote-missing")
    assert kind or found.rows == rows


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a,b\n1,2\n\n3,4\n", "a line with nothing in it"),
        ("a,b\n1,2\n3,4\n\n", "such a line at the end"),
        ('a,b\n1,5" pipe\n3,4\n', "a quote inside a cell"),
        ('a,b\n1,"x" y\n3,4\n', "text after a closing quote"),
        ('a,b\n1,"x\n3,4\n', "a quote that is never closed"),
        ("a,b\r1,2\r3,4\r", "line ends of old Macs"),
        ("a,b\n1,x\0y\n3,4\n", "a NUL"),
        ("a\n1\n2\n", "one column, where an empty line is a row"),
    ],
)
@pytest.mark.parametrize("block", cases([1 << 20], [1, 2, 3, 5, 7, 1 << 20]))
def test_what_is_not_plain(tmp_path, text, why, block):
    """
    Where readers could differ nothing is said, and the file is read from its begin.
    """
    path = tmp_path / "odd.csv"
    path.write_bytes(text.encode())
    assert cuts_of(path, block=block)[1] is None, why
