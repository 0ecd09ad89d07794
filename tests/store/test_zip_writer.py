"""A zip file packed by all processors is one that every program opens, and always the same."""

from __future__ import annotations

import io
import os
import random
import shutil
import subprocess
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rowbatch.store import zip_writer
from rowbatch.store.zip_writer import BLOCK_BYTES, ZipWriter


def blocks_of(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def zipped(members: dict[str, bytes], block: int = BLOCK_BYTES) -> bytes:
    to = io.BytesIO()
    with ZipWriter(to) as archive:
        for name, data in members.items():
            archive.add(name, len(data), blocks_of(data, block))
    return to.getvalue()


def opened(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


LINES = b"".join(
    b'{"custom_id":"row-%d","text":"some words, again and again"}\n' % row for row in range(90_000)
)
NOISE = random.Random(1).randbytes(3 * BLOCK_BYTES + 17)


@pytest.mark.parametrize("zip64_from", [1 << 31, 1])
def test_what_is_packed_comes_out(monkeypatch, zip64_from, tmp_path):
    """
    Texts, noise that cannot be packed, nothing at all, and blocks' ends; in the forms of both sizes. Python's
    reader, Info-ZIP's UnZip 6 and libarchive's, where they are there, agree.
    """
    monkeypatch.setattr(zip_writer, "_ZIP64_FROM", zip64_from)
    members = {
        "lines.jsonl": LINES,
        "noise": NOISE,
        "empty": b"",
        "one": b"x",
        "block": LINES[:BLOCK_BYTES],
        "more": LINES[: BLOCK_BYTES + 1],
    }
    data = zipped(members)
    assert opened(data) == members
    assert len(data) < len(LINES) / 8 + len(NOISE) + 100_000
    path = tmp_path / "t.zip"
    path.write_bytes(data)
    programs = [command for command in (["unzip", "-tq"], ["bsdtar", "-tf"]) if shutil.which(command[0])]
    for command in programs:
        subprocess.run([*command, str(path)], check=True, capture_output=True)


def test_many_members_and_far_places(monkeypatch):
    """
    A directory whose numbers do not fit 16 and 32 bits, which is tried with lower bounds.
    """
    monkeypatch.setattr(zip_writer, "_MOST_16", 3)
    monkeypatch.setattr(zip_writer, "_MOST_32", 300)
    data = zipped({f"m{number}": b"%d" % number * 50 for number in range(9)})
    # The bounds of the reader are the real ones: only the 64-bit end of the directory is looked for.
    assert data.count(b"PK\6\6") == 1
    assert data.count(b"PK\6\7") == 1


def test_the_same_bytes_by_any_number_of_threads(monkeypatch):
    """
    Where a file is cut does not depend on the machine.
    """
    found = set()
    for count in (1, 2, 7, None):
        monkeypatch.setattr(os, "cpu_count", lambda count=count: count)
        found.add(zipped({"a": LINES, "b": NOISE}))
    assert len(found) == 1


@settings(max_examples=40, deadline=None)
@given(data=st.binary(max_size=300), block=st.integers(1, 40), repeats=st.integers(1, 30))
def test_any_bytes_in_any_blocks(data, block, repeats):
    """
    A block is packed with what stands before it: whatever that is, it comes out again.
    """
    assert opened(zipped({"a": data * repeats}, block)) == {"a": data * repeats}


def test_a_fault_ends_the_threads_and_leaves_no_directory():
    """
    What the blocks raise comes out, and what was written is no zip file.
    """
    to = io.BytesIO()

    def broken():
        yield b"x" * 10
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"), ZipWriter(to) as archive:
        archive.add("a", 20, broken())
    assert b"PK\5\6" not in to.getvalue()
