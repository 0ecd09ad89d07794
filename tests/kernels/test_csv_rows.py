"""CSV out by a kernel: the bytes of the way without it."""

from __future__ import annotations

import csv
import io

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rowbatch.kernels import machine
from rowbatch.kernels.machine import Machine
from rowbatch.tables import csv_writer
from rowbatch.tables.csv_writer import CsvWriter

TEXTS = st.text(
    st.one_of(st.sampled_from('"",\t;\n\r é中🙂\u2028\x00'), st.characters(codec="utf-8")), max_size=40
)


def written(frames: list[pl.DataFrame], separator: str, *, quote_all: bool) -> list[bytes]:
    """By a kernel, and without."""
    found = []
    for without in ("", "1"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(machine.WITHOUT, without)
            file = io.BytesIO()
            names = [f"column {n}" for n in range(frames[0].width)]
            writer = CsvWriter(file, names, separator, quote_all=quote_all)
            for frame in frames:
                writer.write(frame)
            found.append(file.getvalue())
    return found


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(TEXTS, st.none() | TEXTS, TEXTS), min_size=1, max_size=30),
    width=st.integers(1, 3),
    separator=st.sampled_from(",\t"),
    quote_all=st.booleans(),
    room=st.sampled_from([50, 400, 1 << 22]),
)
def test_any_cells(rows, width, separator, quote_all, room):
    """
    Whatever the cells: the same bytes, and Python reads them back.
    """
    schema = dict.fromkeys("abc", pl.String)
    frame = pl.DataFrame(rows, schema=schema, orient="row")[:, :width]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_writer, "_OUT_BYTES", room)
        patch.setattr(csv_writer, "_ROWS_AT_ONCE", 7)
        by_kernel, without = written([frame[:1], frame, frame], separator, quote_all=quote_all)
    assert by_kernel == without
    if "\x00" not in by_kernel.decode():
        back = list(csv.reader(io.StringIO(by_kernel.decode(), newline=""), delimiter=separator, strict=True))
        expected = [[cell or "" for cell in row] for row in (*frame[:1].rows(), *frame.rows(), *frame.rows())]
        assert back[1:] == expected


def test_a_row_for_which_there_is_no_room(monkeypatch):
    """
    The rows before it go one way, and it goes the other, with all behind it.
    """
    frame = pl.DataFrame({"a": ["x", "y" * 900, "z"], "b": ["1", "2", "3"]})
    monkeypatch.setattr(csv_writer, "_OUT_BYTES", 200)
    real, taken = Machine.room, []

    def room(self, size):
        if size == 400:
            taken.append(size)
            raise MemoryError
        return real(self, size)

    monkeypatch.setattr(Machine, "room", room)
    by_kernel, without = written([frame, frame], ",", quote_all=False)
    assert by_kernel == without
    assert taken
