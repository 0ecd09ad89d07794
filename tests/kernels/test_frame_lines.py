"""Request lines of frames by the kernels: the bytes of the way without them."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import cases
from converting import convert
from rowbatch.kernels import frame_cells, machine
from rowbatch.kernels.frame_cells import FrameCells
from rowbatch.kernels.machine import new_machine
from rowbatch.requests import line_writer
from rowbatch.tables.base import Table

TEXTS = st.text(
    st.one_of(st.sampled_from('"\\\n\r\té中🙂\u2028\x85\xa0\x00\x1f '), st.characters(codec="utf-8")),
    max_size=40,
)


@pytest.fixture
def frames():
    found = new_machine()
    assert found is not None
    return FrameCells(found)


def texts_of(frames: FrameCells, block: Any) -> list[tuple[str, ...]]:
    """What lies in the memory of the machine."""
    made = frames._machine
    ends = made.numbers(block.cells, 2 * block.width * block.records)
    texts = [bytes(made.bytes[start:end]).decode() for start, end in zip(ends[::2], ends[1::2], strict=True)]
    return [tuple(texts[at : at + block.width]) for at in range(0, len(texts), block.width)]


@settings(max_examples=cases(60, 3_000), deadline=None)
@given(
    first=st.lists(st.tuples(TEXTS, TEXTS), max_size=20),
    second=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=20),
    begin=st.integers(0, 10),
)
def test_any_texts(first, second, begin):
    """
    Of several pieces, and from the middle of some: every text is where its cell says.
    """
    made = new_machine()
    assert made is not None
    frames = FrameCells(made)
    schema = {"a": pl.String, "b": pl.String}
    whole = pl.concat(
        [pl.DataFrame(rows, schema=schema, orient="row") for rows in (first, second, first)], rechunk=False
    )
    for frame in (whole, whole.slice(begin), whole.reverse(), whole.rechunk().slice(begin, 5)):
        block = frames.block(frame)
        assert block is not None
        assert texts_of(frames, block) == frame.rows()


def test_texts_that_point_to_the_same_place(frames):
    """
    As in a column with few different values: they are copied once.
    """
    value = "a text of more than twelve bytes"
    frame = pl.DataFrame({"a": pl.Series([value, value.upper()], dtype=pl.String)})[[0, 1] * 5_000]
    block = frames.block(frame)
    assert block is not None
    assert texts_of(frames, block) == frame.rows()


def test_few_texts_of_a_large_buffer(frames, monkeypatch):
    """
    Where more lies between them than is worth copying: None. polars 2.1 copies few texts by itself, so the
    limit is set low here.
    """
    frame = pl.DataFrame({"a": ["x" * 1_000] * 50})
    assert frames.block(frame) is not None
    monkeypatch.setattr(frame_cells, "_MOST_BETWEEN", -60_000)
    assert frames.block(frame) is None


def test_what_are_no_texts(frames):
    """
    Nulls, and other types: None, and another way does them.
    """
    assert frames.block(pl.DataFrame({"a": ["x", None]})) is None
    assert frames.block(pl.DataFrame({"a": [1, 2]})) is None
    assert frames.block(pl.DataFrame({"a": ["x", "y"]})) is not None


@settings(max_examples=cases(30, 1_000), deadline=None)
@given(
    rows=st.lists(st.tuples(TEXTS, st.none() | TEXTS, st.integers(0, 9)), min_size=1, max_size=60),
    skip_empty=st.booleans(),
    format_=st.sampled_from(["parquet", "arrow"]),
)
def test_any_table(tmp_path_factory, rows, skip_empty, format_):
    """
    The same bytes, and the same counts, whatever the chunks.
    """
    folder = tmp_path_factory.mktemp("frames")
    frame = pl.DataFrame(rows, schema={"a": pl.String, "b": pl.String, "n": pl.Int64}, orient="row")
    path = folder / f"t.{format_}"
    frame.write_parquet(path) if format_ == "parquet" else frame.write_ipc(path)
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_writer, "_OUT_BYTES", 500)
        real = Table.chunks
        patch.setattr(Table, "chunks", lambda table, rows, **more: real(table, 7, **more))
        block = FrameCells.block
        taken: list[int] = []

        def counted(cells, frame):
            found = block(cells, frame)
            taken.append(found.records if found else 0)
            return found

        patch.setattr(FrameCells, "block", counted)
        for without in ("", "1"):
            patch.setenv(machine.WITHOUT, without)
            report = convert(
                path,
                folder / "out.jsonl",
                template="{{n}} {{b}}: {{a}}\u2029",
                model="m",
                overwrite=True,
                skip_empty=skip_empty,
            )
            found.append(
                (report.out.read_bytes(), report.rows, report.requests, report.empty_rows, report.size_bytes)
            )
    assert found[0] == found[1]
    # The first chunk goes the other way.
    assert sum(taken) == max(0, len(rows) - 7)
