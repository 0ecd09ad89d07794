"""What a table may ask for: limits that are lowered here, with small ordinary files."""

from __future__ import annotations

import bz2
import gzip
import itertools
import json
import lzma
import struct
import sys
import threading
import time
from pathlib import Path

import polars as pl
import pytest

import r_files
from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import TableError, UsageError
from rowbatch.tables import (
    ahead,
    bounds,
    compressed,
    csv_fast,
    csv_lines,
    csv_reader,
    json_reader,
    r_serialization,
)
from rowbatch.tables.ahead import read_ahead, require_wanted
from rowbatch.tables.base import Table
from rowbatch.tables.columnar_sizes import arrow_bytes, parquet_bytes
from rowbatch.tables.compressed import _zstd
from rowbatch.tables.formats import open_table

TEXT = "id,text\n" + "".join(f'{number},"row {number}, é 中"\n' for number in range(3000))


def rows_of(table: Table) -> list[tuple[str, ...]]:
    return [row for chunk in table.chunks() for row in chunk.frame.rows()]


def refusal_of(path: Path, options: ReadOptions | None = None) -> TableError:
    with pytest.raises(TableError) as caught:
        rows_of(open_table(path, options))
    return caught.value


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.fixture
def short_cells(monkeypatch):
    """A cell may have 1,000 bytes, and a row 4,000."""
    monkeypatch.setattr(bounds, "MAX_CELL_BYTES", 1000)


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [
        (".gz", gzip.compress),
        (".zst", lambda data: _zstd().compress(data)),
        (".bz2", bz2.compress),
        (".xz", lzma.compress),
        # Streams that follow each other, as several threads or days write them.
        (".gz", lambda data: gzip.compress(data[:999]) + gzip.compress(data[999:])),
        (".bz2", lambda data: bz2.compress(data[:999]) + bz2.compress(data[999:])),
        (".xz", lambda data: lzma.compress(data[:999]) + b"\0\0\0\0" + lzma.compress(data[999:])),
    ],
)
@pytest.mark.parametrize("small", [True, False])
def test_packed_tables_are_the_tables_that_were_packed(tmp_path, monkeypatch, suffix, pack, small):
    """
    Every packing that is known gives the same rows, by the careful reader and by the fast one.
    """
    monkeypatch.setattr(csv_reader, "_MIN_FAST_BYTES", 1 << 30 if small else 0)
    plain = rows_of(open_table(written(tmp_path / "t.csv", TEXT)))
    assert rows_of(open_table(written(tmp_path / f"t.csv{suffix}", pack(TEXT.encode())))) == plain


@pytest.mark.parametrize(
    ("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_packed_tables_that_are_cut_off_are_errors(tmp_path, suffix, pack):
    """
    What ends too early is said to be cut off, and not taken for the end of the table.
    """
    path = written(tmp_path / f"t.csv{suffix}", pack(TEXT.encode())[:-20])
    assert refusal_of(path).kind == "packed-file-damaged"


def test_a_text_that_begins_like_bzip2_is_a_text(tmp_path):
    """
    `BZh9` may be the name of a column.
    """
    assert open_table(written(tmp_path / "t.csv", "BZh9,b\n1,2\n")).header == ("BZh9", "b")


def test_a_zstandard_window_has_a_bound(tmp_path, monkeypatch):
    """
    A frame that asks for a larger window than is given is refused by a sentence, and not called damaged.

    backports.zstd 1.8.0 (libzstd 1.5.7): "Frame requires too much memory for decoding".
    """
    zstd = _zstd()
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 22})
    path = written(tmp_path / "t.csv.zst", packer.compress(TEXT.encode()) + packer.flush())
    assert len(rows_of(open_table(path))) == 3000
    monkeypatch.setattr(compressed, "MAX_ZSTD_WINDOW_LOG", 20)
    error = refusal_of(path)
    assert error.kind == "packed-needs-memory"
    assert error.values["most_mb"] == 1


def test_the_memory_of_xz_has_a_bound(tmp_path, monkeypatch):
    """
    So it is with xz. liblzma 5.4 and newer: "Memory usage limit exceeded".
    """
    path = written(tmp_path / "t.csv.xz", lzma.compress(TEXT.encode()))
    monkeypatch.setattr(compressed, "MAX_XZ_MEMORY_BYTES", 1 << 20)
    assert refusal_of(path).kind == "packed-needs-memory"


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("mode", ["stop", "keep", "skip"])
def test_a_line_without_end_is_refused_where_it_begins(tmp_path, monkeypatch, short_cells, fast, mode):
    """
    A row longer than a row may be is an error with its line, however broken rows are taken.
    """
    monkeypatch.setattr(csv_reader, "_MIN_FAST_BYTES", 0 if fast else 1 << 30)
    monkeypatch.setattr(csv_fast, "_MAX_BLOCK_BYTES", 1000)
    path = written(tmp_path / "t.csv", "a,b\n1,2\n" + ",".join(["x" * 500] * 20) + "\n")
    error = refusal_of(path, ReadOptions(on_bad_rows=mode))
    assert (error.kind, error.line) == ("row-too-long", 3)


def test_an_open_quote_is_refused_where_it_opens(tmp_path, short_cells):
    """
    A quote that is never closed ends at the length of a cell, with the line where it opens.
    """
    path = written(tmp_path / "t.csv", 'a,b\n1,2\n3,"x\n' + "4,5\n" * 2000)
    error = refusal_of(path)
    assert (error.kind, error.line) == ("cell-too-long", 3)
    assert "ROWBATCH_MAX_CELL_MB" in error.hint


def test_a_cell_may_be_as_long_as_the_environment_says(tmp_path, short_cells, monkeypatch):
    """
    Who has longer cells says so.
    """
    path = written(tmp_path / "t.csv", "a,b\n1," + "x" * 5000 + "\n")
    assert refusal_of(path).kind == "row-too-long"
    monkeypatch.setenv("ROWBATCH_MAX_CELL_MB", "0.01")
    assert rows_of(open_table(path)) == [("1", "x" * 5000)]


@pytest.mark.parametrize("said", ["much", "-1", "0", "nan"])
def test_a_limit_that_is_no_number_is_said(tmp_path, monkeypatch, said):
    """
    What the environment says is taken or refused, and never passed over.
    """
    monkeypatch.setenv("ROWBATCH_MAX_CELL_MB", said)
    with pytest.raises(UsageError) as caught:
        open_table(written(tmp_path / "t.csv", "a,b\n1,2\n"))
    assert caught.value.kind == "environment-no-number"


def test_a_table_has_a_bound_of_columns(tmp_path, monkeypatch):
    """
    A header of too many cells is refused; so are objects that bring new fields with each line.
    """
    monkeypatch.setattr(bounds, "MAX_COLUMNS", 50)
    assert refusal_of(written(tmp_path / "t.csv", "," * 60 + "\n1\n")).kind == "too-many-columns"
    lines = "".join(json.dumps({f"f{number}": 1}) + "\n" for number in range(60))
    assert refusal_of(written(tmp_path / "t.jsonl", lines)).kind == "too-many-columns"
    assert len(open_table(written(tmp_path / "u.csv", "," * 49 + "\n1\n")).header) == 50


def test_empty_cells_count_towards_a_chunk(tmp_path, monkeypatch):
    """
    Rows of many empty cells come in small chunks, since each cell takes room.
    """
    monkeypatch.setattr(csv_reader, "_CHARS_PER_CHUNK", 8000)
    monkeypatch.setattr(csv_reader, "_MIN_FAST_BYTES", 1 << 30)
    path = written(tmp_path / "t.csv", ("," * 99 + "\n") * 100)
    heights = [chunk.frame.height for chunk in open_table(path).chunks()]
    assert max(heights) <= 10


@pytest.mark.parametrize("mode", ["stop", "skip"])
def test_a_line_of_json_has_a_bound(tmp_path, short_cells, mode):
    """
    An object on a line of its own may be as long as a row.
    """
    path = written(tmp_path / "t.jsonl", '{"a": 1}\n{"a": "' + "x" * 5000 + '"}\n')
    error = refusal_of(path, ReadOptions(on_bad_rows=mode))
    assert (error.kind, error.line) == ("row-too-long", 2)
    written(path, '{"a": 1}\n\n{"b": 2, "a": "' + "x" * 2000 + '"}\n')
    error = refusal_of(path, ReadOptions(on_bad_rows=mode))
    assert (error.kind, error.row, error.column) == ("cell-too-large", 2, "a")


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"a": list(range(5000)), "b": list(range(5000))}, id="lists"),
        pytest.param({"a": {str(row): row for row in range(5000)}}, id="objects"),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_json_object_of_columns_fits_into_memory(tmp_path, monkeypatch, document, pack):
    """
    What an object of columns takes is counted before it is decoded: many times its own size where its values
    are small.
    """
    path = written(tmp_path / "t.json", pack(json.dumps(document).encode()))
    assert len(rows_of(open_table(path))) == 5000
    monkeypatch.setenv("ROWBATCH_MAX_MEMORY_GB", "0.0005")
    assert refusal_of(path).kind == "table-needs-memory"


def test_objects_by_line_are_read_by_piece_whatever_their_name(tmp_path, monkeypatch):
    """
    A .json file with an object a line is no document, so it needs no memory for all of it at once.
    """
    path = written(tmp_path / "t.json", "".join(json.dumps({"a": number}) + "\n" for number in range(9000)))
    monkeypatch.setattr(json_reader, "_VALUE_BYTES", 1 << 40)
    assert len(rows_of(open_table(path))) == 9000


def test_a_text_file_of_a_folder_is_a_cell(tmp_path, short_cells):
    """
    Each file of a folder may be as long as a cell, also unpacked.
    """
    written(tmp_path / "1.txt", "short")
    written(tmp_path / "2.txt", gzip.compress(b"x" * 2000))
    error = refusal_of(tmp_path)
    assert (error.kind, error.row) == ("cell-too-large", 2)


def test_free_memory_is_what_the_least_of_them_leaves(monkeypatch):
    """
    The system, the container and `ulimit` each say something; the least of it is free. Where none does, it is
    4 GiB.
    """
    monkeypatch.setattr(bounds, "_free_of_system", lambda: 3000)
    monkeypatch.setattr(bounds, "_free_of_group", lambda: 2000)
    monkeypatch.setattr(bounds, "_free_of_limit", lambda: None)
    assert bounds.free_memory() == 2000
    monkeypatch.setattr(bounds, "_free_of_group", lambda: -5)
    assert bounds.free_memory() == 0
    monkeypatch.setattr(bounds, "_free_of_system", lambda: None)
    monkeypatch.setattr(bounds, "_free_of_group", lambda: None)
    assert bounds.free_memory() == 4 << 30


@pytest.mark.skipif(sys.platform == "win32", reason="ulimit")
@pytest.mark.parametrize("name", ["RLIMIT_DATA", "RLIMIT_AS"])
def test_a_low_limit_of_the_process_is_a_sentence(tmp_path, monkeypatch, name):
    """
    polars 2.1.0 ends the process where it gets no memory (`memory allocation of 786432 bytes failed`), so a
    table is not read under a `ulimit` that lets it have too little.
    """
    import resource

    path = written(tmp_path / "t.csv", "a,b\n1,2\n")
    limits = {getattr(resource, name): (1 << 28, resource.RLIM_INFINITY)}
    no_limit = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda what: limits.get(what, no_limit))
    error = refusal_of(path)
    assert (error.kind, error.values["limit_mb"]) == ("limit-on-memory", 256)
    assert "ulimit -" in error.hint


def test_the_memory_of_a_container_is_known(tmp_path, monkeypatch):
    """
    What a container may take is its limit without what it has, but pages of files can be dropped. Source:
    cgroups(7).
    """
    for name, content in (("max", "1000\n"), ("now", "800\n"), ("stat", "anon 1\ninactive_file 300\n")):
        written(tmp_path / name, content)
    group = tuple(str(tmp_path / name) for name in ("max", "now", "stat"))
    monkeypatch.setattr(bounds, "_CGROUPS", ((*group, "inactive_file"),))
    assert bounds._free_of_group() == 500
    written(tmp_path / "max", "max\n")
    assert bounds._free_of_group() is None


def test_closing_a_table_ends_its_reading_within_a_chunk(tmp_path, monkeypatch):
    """
    Who no longer wants the rows is not kept waiting for the end of a long chunk, and the file is closed.
    """
    blocks = 0

    def endless():
        nonlocal blocks
        yield 1
        while True:
            blocks += 1
            require_wanted()
            time.sleep(0.001)

    with read_ahead(endless()) as entries:
        assert next(entries) == 1
    read = blocks
    time.sleep(0.05)
    assert blocks == read


def test_who_waits_for_a_chunk_can_be_told_to_stop():
    """
    `check` is called while a chunk is waited for, and what it raises ends the reading, also of who reads
    ahead for another.
    """

    class Stopped(Exception):
        pass

    def endless():
        for number in itertools.count():
            require_wanted()
            time.sleep(0.001)
            if number < 0:
                yield number

    def outer():
        with read_ahead(endless()) as entries:
            yield from entries

    asked = 0

    def check():
        nonlocal asked
        asked += 1
        if asked > 2:
            raise Stopped

    before = threading.active_count()
    with pytest.raises(Stopped), read_ahead(outer(), check) as entries:
        next(entries)
    assert threading.active_count() == before


def test_an_open_quote_ends_with_its_table(tmp_path, monkeypatch):
    """
    A table that is dropped while one cell of it grows is dropped at once.
    """
    monkeypatch.setattr(bounds, "MAX_CELL_BYTES", 1 << 40)
    monkeypatch.setattr(csv_lines, "_LINES_BETWEEN_CHECKS", 10)
    monkeypatch.setattr(csv_reader, "_MIN_FAST_BYTES", 1 << 30)
    monkeypatch.setattr(ahead, "_CHECKED_EVERY_S", 0.01)
    path = written(tmp_path / "t.csv", 'a\n"x\n' + "y\n" * 300_000)

    class Stopped(Exception):
        pass

    def check():
        raise Stopped

    table = open_table(path)
    original, lines = csv_lines.Lines.__next__, 0

    def slow(self):
        nonlocal lines
        lines += 1
        time.sleep(0.001)
        return original(self)

    monkeypatch.setattr(csv_lines.Lines, "__next__", slow)
    with pytest.raises(Stopped):
        list(table.chunks(check=check))
    assert lines < 5000


def test_chunks_are_small_where_texts_are_long(tmp_path):
    """
    Cells that stand once in a file and often in a table make small chunks.
    """
    frame = pl.DataFrame({"a": pl.repeat("x" * 100_000, 3000, eager=True)})
    frame.write_parquet(tmp_path / "t.parquet")
    sizes = [chunk.frame.height for chunk in open_table(tmp_path / "t.parquet").chunks()]
    assert sum(sizes) == 3000
    assert max(sizes) * 100_000 <= bounds.MAX_PART_BYTES


LONG = "x" * 100_000


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(pl.Series([LONG, "b"], dtype=pl.Enum([LONG, "b"])), id="enum"),
        pytest.param(pl.Series([LONG, "b"], dtype=pl.Categorical), id="categories"),
        pytest.param(pl.Series([[LONG], ["b"]]), id="list"),
        pytest.param(pl.Series([{"n": 1, "t": [LONG]}, {"n": 2, "t": ["b"]}]), id="struct"),
        pytest.param(pl.Series([[LONG], ["b"]], dtype=pl.Array(pl.String, 1)), id="array"),
    ],
)
@pytest.mark.parametrize("ending", ["parquet", "feather"])
def test_texts_that_are_no_column_of_texts_have_bounds_too(tmp_path, monkeypatch, column, ending):
    """
    A category, of which each row has a number only, and a text within a list: they become the text of each
    cell, so they make small chunks and have the bound of a cell.
    """
    frame = column.gather([0] * 2_000).to_frame("a")
    path = tmp_path / f"t.{ending}"
    frame.write_parquet(path) if ending == "parquet" else frame.write_ipc(path)
    sizes = [chunk.frame.height for chunk in open_table(path).chunks()]
    assert sum(sizes) == 2_000
    assert max(sizes) * len(LONG) <= bounds.MAX_PART_BYTES
    monkeypatch.setattr(bounds, "MAX_CELL_BYTES", len(LONG) - 1)
    error = refusal_of(path)
    assert (error.kind, error.row, error.column) == ("cell-too-large", 1, "a")


def test_a_cell_of_a_format_with_types_has_a_bound(tmp_path, short_cells):
    """
    So a text has, in whatever it stands.
    """
    pl.DataFrame({"id": [1, 2], "text": ["x", "y" * 1001]}).write_parquet(tmp_path / "t.parquet")
    error = refusal_of(tmp_path / "t.parquet")
    assert (error.kind, error.row, error.column) == ("cell-too-large", 2, "text")


def test_a_part_of_a_statistics_file_grows_as_its_rows_allow(tmp_path, monkeypatch):
    """
    The first part is small, later ones are as large as the rows before them and the declared widths allow;
    all rows come once, in order.
    """
    import pyreadstat

    frame = pl.DataFrame({"a": range(5000), "text": ["x" * 500] * 5000})
    pyreadstat.write_sav(frame, tmp_path / "t.sav", row_compress=True)
    table = open_table(tmp_path / "t.sav")
    heights = [chunk.frame.height for chunk in table.chunks()]
    assert heights == [1000, 4000]
    assert [int(row[0]) for row in rows_of(table)] == list(range(5000))
    # A quarter of it is for a part: some hundred rows of 500 bytes.
    monkeypatch.setenv("ROWBATCH_MAX_MEMORY_GB", "0.001")
    assert max(chunk.frame.height for chunk in table.chunks()) < 500
    assert [int(row[0]) for row in rows_of(table)] == list(range(5000))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_file_of_r_is_counted_as_it_is_read(tmp_path, monkeypatch, pack):
    """
    R's files are read as a whole, so what is made of them is counted before it is made.
    """
    column = r_files.texts(*(f"{number:100}" for number in range(5000)))
    path = written(tmp_path / "t.rds", pack(r_files.saved(r_files.frame({"a": column}, rows=5000))))
    assert len(rows_of(open_table(path))) == 5000
    monkeypatch.setenv("ROWBATCH_MAX_MEMORY_GB", "0.001")
    assert refusal_of(path).kind == "table-needs-memory"


def sequence_of_r(count: int) -> bytes:
    """A data frame with the column `1:count`, as R 3.5 and later save it: as three numbers."""

    def whole(*numbers: int) -> bytes:
        return struct.pack(f">{len(numbers)}i", *numbers)

    def text(word: bytes) -> bytes:
        return whole(0x00040009, len(word)) + word

    def symbol(word: bytes) -> bytes:
        return whole(1) + text(word)

    kind = whole(2) + symbol(b"compact_intseq") + whole(2) + symbol(b"base") + whole(2, 13, 1, 13, 254)
    column = whole(238) + kind + whole(14, 3) + struct.pack(">3d", count, 1, 1) + whole(254)
    names = whole(0x402) + symbol(b"names") + whole(16, 1) + text(b"a")
    names += whole(0x402) + symbol(b"class") + whole(16, 1) + text(b"data.frame")
    names += whole(0x402) + symbol(b"row.names") + whole(13, 2, -(2**31), -count) + whole(254)
    begin = b"X\n" + whole(3, 0x040300, 0x030500, 5) + b"UTF-8"
    return begin + whole(0x313, 1) + column + names


@pytest.mark.parametrize("block_bytes", [1 << 20, 64])
def test_a_sequence_of_r_counts_as_its_numbers(tmp_path, monkeypatch, block_bytes):
    """
    `1:3000` stands in a file as three numbers, and in memory as three thousand.
    """
    monkeypatch.setattr(r_serialization, "_BLOCK_BYTES", block_bytes)
    path = written(tmp_path / "t.rds", sequence_of_r(3000))
    assert rows_of(open_table(path))[-1] == ("3000",)
    monkeypatch.setenv("ROWBATCH_MAX_MEMORY_GB", "0.0001")
    assert refusal_of(path).kind == "table-needs-memory"
    written(tmp_path / "few.rds", sequence_of_r(30))
    assert len(rows_of(open_table(tmp_path / "few.rds"))) == 30


@pytest.mark.parametrize("rows_per_part", [1000, 20_000])
@pytest.mark.parametrize("kind", ["parquet", "feather"])
def test_a_part_of_a_columnar_file_fits_into_memory(tmp_path, monkeypatch, kind, rows_per_part):
    """
    A row group or record batch is read as a whole: what the largest one takes is known before, by what the
    file says of it. Small parts are no reason to refuse a file.
    """
    frame = pl.DataFrame({"a": [7] * 20_000, "text": ["some words " * 10] * 20_000})
    path = tmp_path / f"t.{kind}"
    if kind == "parquet":
        frame.write_parquet(path, row_group_size=rows_per_part)
        needed = parquet_bytes(path)
        # Eight bytes of a number and sixteen of a text, and the text itself once.
        assert 2 * 24 * rows_per_part < needed < 2 * 24 * rows_per_part + 10_000
    else:
        frame.write_ipc(path, compression="zstd", record_batch_size=rows_per_part)
        needed = arrow_bytes(path)
        assert 2 * 24 * rows_per_part <= needed <= 2 * 150 * rows_per_part
    assert len(rows_of(open_table(path))) == 20_000
    monkeypatch.setenv("ROWBATCH_MAX_MEMORY_GB", "0.0007")
    if rows_per_part == 1000:
        assert len(rows_of(open_table(path))) == 20_000
    else:
        assert refusal_of(path).kind == "table-needs-memory"


def test_a_columnar_file_that_is_not_packed_says_its_size_too(tmp_path):
    """
    So does one without rows, and one of nested values; what is no such file says nothing.
    """
    frame = pl.DataFrame({"a": [[1, 2], [3]] * 500, "b": [{"c": "x"}] * 1000, "d": [None] * 1000})
    frame.write_ipc(tmp_path / "t.feather", compression="uncompressed")
    frame.write_parquet(tmp_path / "t.parquet", compression="lz4")
    assert 2 * 1500 * 8 <= arrow_bytes(tmp_path / "t.feather") < 1 << 20
    assert 2 * 1500 * 8 <= parquet_bytes(tmp_path / "t.parquet") < 1 << 20
    frame.clear().write_parquet(tmp_path / "none.parquet")
    assert parquet_bytes(tmp_path / "none.parquet") < 10_000
    for content in (b"", b"PAR1", b"ARROW1" * 10, b"\0" * 100, bytes(range(200))):
        assert parquet_bytes(written(tmp_path / "x", content)) == 0
        assert arrow_bytes(tmp_path / "x") == 0


def test_the_environment_is_not_asked_for_each_line(tmp_path, monkeypatch):
    """
    What a cell may have is asked a few times for a table, however many rows it has: asked for each line of
    JSON, reading took half as long again.
    """
    asked: list[str] = []
    said = bounds._said

    def noted(variable: str) -> float | None:
        asked.append(variable)
        return said(variable)

    monkeypatch.setattr(bounds, "_said", noted)
    monkeypatch.setattr(csv_reader, "_MIN_FAST_BYTES", 1 << 30)
    lines = "".join(json.dumps({"id": number, "text": "x"}) + "\n" for number in range(2000))
    paths = [written(tmp_path / "t.jsonl", lines), written(tmp_path / "t.csv", TEXT)]
    frame = pl.DataFrame({"id": range(2000), "text": ["x"] * 2000})
    frame.write_parquet(tmp_path / "t.parquet")
    frame.write_excel(tmp_path / "t.xlsx")
    for path in [*paths, tmp_path / "t.parquet", tmp_path / "t.xlsx"]:
        asked.clear()
        assert len(rows_of(open_table(path))) >= 2000
        assert len(asked) < 20, path
