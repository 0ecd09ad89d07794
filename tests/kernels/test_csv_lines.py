"""Request lines of CSV by the kernels: the bytes of the way without them, whatever stands in the table."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import cases
from converting import convert
from lagging import lagging
from rowbatch.core.shard import ShardLimits
from rowbatch.errors import RowbatchError
from rowbatch.kernels import machine
from rowbatch.requests import line_writer
from rowbatch.tables import csv_cells
from rowbatch.tables.csv_cells import CellReader
from rowbatch.tools import convert as convert_module

CELLS = st.text(
    st.one_of(
        st.sampled_from(
            '"""\'\',,;\t|\n\n  \\#é中🙂\u2028\u2029\x85\xa0\x0b\x0c\x1c\x7f\x01\u3000\u200b\ufeff'
        ),
        st.characters(codec="utf-8", exclude_characters="\0\r"),
    ),
    max_size=40,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lines")


@pytest.fixture
def taken(monkeypatch) -> list[int]:
    """Records that the kernels took."""
    found: list[int] = []
    real = CellReader.blocks

    def blocks(self):
        for block in real(self):
            found.append(block.records)
            yield block

    monkeypatch.setattr(CellReader, "blocks", blocks)
    return found


def both_ways(folder: Path, content: bytes, **options: Any) -> list[tuple[Any, ...]]:
    """What is written, and reported, or said: by the kernels and without."""
    path = folder / options.pop("name", "t.csv")
    path.write_bytes(content)
    found: list[tuple[Any, ...]] = []
    for without in ("", "1"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(machine.WITHOUT, without)
            out = folder / "out.jsonl"
            try:
                report = convert(path, out, model="m", overwrite=True, **options)
            except RowbatchError as error:
                found.append((type(error), str(error)))
            else:
                files = sorted(out.iterdir()) if out.is_dir() else [out]
                found.append(
                    (
                        [file.read_bytes() for file in files],
                        report.rows,
                        report.requests,
                        report.empty_rows,
                        report.size_bytes,
                        report.bad_rows,
                        report.parts,
                    )
                )
                for file in files:
                    file.unlink()
                if out.is_dir():
                    out.rmdir()
    return found


@settings(max_examples=cases(60, 3_000), deadline=None)
@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=12),
    delimiter=st.sampled_from(",;\t|"),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    block=st.sampled_from([64, 200, 1 << 21]),
    skip_empty=st.booleans(),
)
def test_any_cells(folder, rows, delimiter, line_end, quoting, block, skip_empty):
    """
    The same bytes, the same counts, in blocks of whatever size.
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
    writer.writerows([("a", "b", "c"), *rows])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_cells, "_BLOCK_BYTES", block)
        patch.setattr(line_writer, "_OUT_BYTES", 300)
        by_kernels, without = both_ways(
            folder,
            text.getvalue().encode(),
            template='{{b}}: "{{a}}"\n{{b}}',
            system="Über {{c}}\u2028",
            delimiter=delimiter,
            header="1",
            skip_empty=skip_empty,
        )
    assert by_kernels == without


@settings(max_examples=cases(60, 3_000), deadline=None)
@given(
    content=st.lists(
        st.sampled_from(["a", "b", ",", ",", '"', '""', "\n", "\n", "\r\n", "\r", "é", "\u2028", " ", "\\"]),
        max_size=60,
    ).map("".join),
    block=st.sampled_from([16, 64, 1 << 21]),
    on_bad_rows=st.sampled_from(["stop", "keep", "skip"]),
)
def test_any_text(folder, content, block, on_bad_rows):
    """
    Where the text is not plain, the careful reader goes on: the same rows, counts and messages.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_cells, "_BLOCK_BYTES", block)
        by_kernels, without = both_ways(
            folder, f"x,y\n{content}".encode(), text="y", delimiter=",", header="1", on_bad_rows=on_bad_rows
        )
    assert by_kernels == without


@pytest.mark.parametrize(
    ("content", "records"),
    [
        pytest.param("a,b\n1,x\n2,y\n", 2, id="plain"),
        pytest.param("a,b\r\n1,x\r\n2,y", 2, id="no-end-of-the-last-line"),
        pytest.param('a,b\n1,"x\n""y"""\n2,\n', 2, id="quotes"),
        pytest.param("a,b\n1,x\n2,y\n\n\n", 2, id="blank-lines-at-the-end"),
        pytest.param('a,b\n1,x\n2,y z"\n3,w\n', 1, id="a-quote-within"),
        pytest.param("a,b\n1,x\n2,y\r\n3,z\n", 1, id="two-kinds-of-line-ends"),
        pytest.param("a,b\n1,x\na,b\n3,z\n", 0, id="the-header-again"),
        pytest.param("b\n1\n\n3\n", 3, id="an-empty-cell-alone"),
        pytest.param("a,b\n1, \u00a0\u3000\n2,y\n", 2, id="white-space-alone"),
        pytest.param("sep=,\na,b\n1,x\n", 1, id="a-line-above"),
        pytest.param("a,b\n1,x,\n2,y,\n", 0, id="a-trailing-delimiter"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_what_is_plain(folder, taken, content, records, encoding):
    """
    So many records are taken by the kernels, and all rows come out.
    """
    if encoding == "cp1252":
        content = content.replace("\u3000", "é")
        records = 0 if records == 0 else records
    by_kernels, without = both_ways(folder, content.encode(encoding), text="b", encoding=encoding)
    assert by_kernels == without
    assert sum(taken) == records


@pytest.mark.parametrize("name", ["t.csv.gz", "t.csv.zst", "t.zip"])
def test_packed(folder, taken, name):
    """
    A packed file is read as what is in it.
    """
    import gzip
    import zipfile

    from rowbatch.tables.compressed import _zstd

    content = b"id,text\n" + b"".join(b'%d,"a ""b"" \xc3\xa9"\n' % n for n in range(500))
    if name.endswith(".gz"):
        packed = gzip.compress(content)
    elif name.endswith(".zst"):
        packed = _zstd().compress(content)
    else:
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w") as archive:
            archive.writestr("t.csv", content)
        packed = held.getvalue()
    by_kernels, without = both_ways(folder, packed, name=name, text="text")
    assert by_kernels == without
    assert sum(taken) == 500


def test_parts(folder, taken):
    """
    Lines are cut into parts at the same places.
    """
    content = "id,text\n" + "".join(f"{n},{'x' * (n % 50)}\n" for n in range(2_000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_writer, "_OUT_BYTES", 5_000)
        patch.setattr(csv_cells, "_BLOCK_BYTES", 3_000)
        by_kernels, without = both_ways(
            folder, content.encode(), text="text", limits=ShardLimits(700, 60_000, 9_000), skip_empty=True
        )
    assert by_kernels == without
    assert len(by_kernels[0]) > 3
    assert sum(taken) == 2_000


def test_lines_that_are_written_late(folder, taken, monkeypatch):
    """
    Lines, and what was read of the file, are there as long as they may wait: no buffer is filled anew before.
    """
    monkeypatch.setattr(line_writer, "_OUT_BYTES", 500)
    monkeypatch.setattr(csv_cells, "_BLOCK_BYTES", 1_000)
    monkeypatch.setattr(csv_cells, "read_ahead", lagging)
    monkeypatch.setattr(convert_module, "read_ahead", lagging)
    content = "id,text\n" + "".join(f"{n},{'x' * (n % 60)}\n" for n in range(400))
    by_kernels, without = both_ways(folder, content.encode(), text="text")
    assert by_kernels == without
    assert sum(taken) == 400


def test_a_row_longer_than_a_block(folder, taken, monkeypatch):
    """
    It is left to another reader, with all behind it.
    """
    monkeypatch.setattr(csv_cells, "_BLOCK_BYTES", 1_000)
    content = "id,text\n" + "".join(f"{n},{'x' * (5_000 if n == 30 else 9)}\n" for n in range(100))
    by_kernels, without = both_ways(folder, content.encode(), text="text")
    assert by_kernels == without
    assert sum(taken) == 30


def test_other_ways_are_left_to_them(folder, taken):
    """
    Rows that are asked once for all that ask the same, and images: without kernels, with the same bytes.
    """
    content = b"id,text,image\n1,a,https://a.example/1.png\n2,a,\n3,b,\n"
    for option in ({"dedupe": True}, {"image": "image"}):
        by_kernels, without = both_ways(folder, content, text="text", **option)
        assert by_kernels == without
    assert not taken
