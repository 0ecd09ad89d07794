"""Writing CSV: every cell comes back as it was."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import cases
from rowbatch.tables.csv_reader import open_csv
from rowbatch.tables.csv_writer import CsvWriter

Rows = Sequence[Sequence[str | None]]


def written(header: Sequence[str], rows: Rows) -> bytes:
    buffer = io.BytesIO()
    columns = {
        str(position): pl.Series([row[position] for row in rows], dtype=pl.String)
        for position in range(len(header))
    }
    CsvWriter(buffer, header).write(pl.DataFrame(columns))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("header", "rows", "content"),
    [
        pytest.param(["a", "b"], [["1", "x y"]], "a,b\n1,x y\n", id="no-quotes-where-none-are-needed"),
        pytest.param(["a", "b"], [["", None], [None, "x"]], "a,b\n,\n,x\n", id="empty-and-null"),
        pytest.param(["a", "b"], [["1,2", 'x"']], 'a,b\n"1,2","x"""\n', id="delimiter-and-quote"),
        pytest.param(["a", "b"], [["x\ny", "\r"]], 'a,b\n"x\ny","\r"\n', id="line-ends"),
        pytest.param(["a"], [[""], ["x"], [None]], 'a\n""\n"x"\n""\n', id="one-column"),
        pytest.param(["a;b", ""], [["1", "2"]], '"a;b",""\n1,2\n', id="header-with-another-delimiter"),
    ],
)
def test_written_bytes(header: list[str], rows: Rows, content: str) -> None:
    r"""
    Comma, `\n`, UTF-8, and quotes only where a reader needs them.
    """
    assert written(header, rows) == content.encode()


def test_a_frame_of_another_width_is_refused() -> None:
    """
    A cell never moves to another column's place.
    """
    writer = CsvWriter(io.BytesIO(), ["a", "b"])
    with pytest.raises(ValueError, match="1 columns for a header of 2"):
        writer.write(pl.DataFrame({"0": ["x"]}))


CELLS = st.text(
    alphabet=st.sampled_from("a\"',;|\t\n\r \u0085\u2028\ufeff学🙂") | st.characters(codec="utf-8"),
    max_size=6,
)


@settings(max_examples=cases(100, 3_000), deadline=None)
@given(data=st.data(), width=st.integers(1, 4))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, width: int) -> None:
    """
    What was written reads back equal, by our reader and by Python's; a second time the bytes are the same.
    """
    row = st.lists(CELLS.filter(lambda cell: "\0" not in cell), min_size=width, max_size=width)
    header = data.draw(row)
    rows = data.draw(st.lists(row, min_size=1, max_size=6))
    content = written(header, rows)
    by_csv = list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))
    assert by_csv == [header, *rows]
    path: Path = tmp_path_factory.getbasetemp() / "round.csv"
    path.write_bytes(content)
    table = open_csv(path, header="first")
    found = [row for chunk in table.chunks() for row in chunk.frame.rows()]
    assert (list(table.header), [list(row) for row in found]) == (header, rows)
    assert written(table.header, found) == content
