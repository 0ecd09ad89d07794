"""Splitting a file of lines: every line in one part, in order, its bytes unchanged."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import cases
from rowbatch.core.shard import ShardLimits
from rowbatch.errors import InputError, OutputExists, RequestTooLarge, StorageError, UsageError
from rowbatch.tools import split as split_module
from rowbatch.tools.json_document import is_document
from rowbatch.tools.split import SplitReport, split


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def contents(report: SplitReport) -> list[bytes]:
    """The parts' bytes, in order; checks that the report tells of them and nothing else is there."""
    if report.out.is_dir():
        assert sorted(entry.name for entry in report.out.iterdir()) == [part.name for part in report.parts]
        found = [(report.out / part.name).read_bytes() for part in report.parts]
    else:
        with zipfile.ZipFile(report.out) as archive:
            assert archive.testzip() is None
            assert archive.namelist() == [part.name for part in report.parts]
            found = [archive.read(part.name) for part in report.parts]
    assert [len(content) for content in found] == [part.size_bytes for part in report.parts]
    return found


def lines_in(content: bytes) -> int:
    return content.count(b"\n") + (not content.endswith(b"\n"))


@pytest.mark.parametrize("name", ["parts", "parts.zip"])
@pytest.mark.parametrize(
    ("content", "way", "expected"),
    [
        pytest.param(b"1\n2\n3\n4\n5\n", {"parts": 3}, [b"1\n2\n", b"3\n4\n", b"5\n"], id="first-get-more"),
        pytest.param(b"1\n2\n3", {"parts": 2}, [b"1\n2\n", b"3"], id="no-last-line-end"),
        pytest.param(b"1\n2\n", {"parts": 1}, [b"1\n2\n"], id="one-part"),
        pytest.param(b"1\n2\n3\n", {"max_requests": 2}, [b"1\n2\n", b"3\n"], id="by-requests"),
        pytest.param(b"12\n3\n4\n", {"max_bytes": 5}, [b"12\n3\n", b"4\n"], id="exact-fit"),
        pytest.param(b"12\n34\n5\n", {"max_bytes": 5}, [b"12\n", b"34\n5\n"], id="by-bytes"),
        pytest.param(
            b"1\n2\n345\n6\n",
            {"max_requests": 2, "max_bytes": 5},
            [b"1\n2\n", b"345\n", b"6\n"],
            id="whichever-comes-first",
        ),
        pytest.param(b"1\n2\n3\n", {"limits": ShardLimits(1, 9)}, [b"1\n", b"2\n", b"3\n"], id="limits"),
        pytest.param(
            '{"a":"x\u2028y\x85z\x0b\x0c\x1c"}\n2\n'.encode(),
            {"parts": 2},
            ['{"a":"x\u2028y\x85z\x0b\x0c\x1c"}\n'.encode(), b"2\n"],
            id="other-separators-end-no-line",
        ),
        pytest.param(b"1\r\n2\r3\n", {"parts": 2}, [b"1\r\n", b"2\r3\n"], id="carriage-returns-stay"),
        pytest.param(
            b"\xff\xfe\0\n\xef\xbb\xbf\n", {"parts": 2}, [b"\xff\xfe\0\n", b"\xef\xbb\xbf\n"], id="bytes"
        ),
    ],
)
def test_cuts(tmp_path: Path, name: str, content: bytes, way: dict[str, Any], expected: list[bytes]) -> None:
    r"""
    Lines end at `\n` alone and keep their bytes; parts are as full as they may be, in folder and zip alike.
    """
    report = split(write(tmp_path / "in.jsonl", content), tmp_path / name, **way)
    assert contents(report) == expected
    assert [part.lines for part in report.parts] == [lines_in(part) for part in expected]
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] == []


def test_names_sort_in_order(tmp_path: Path) -> None:
    """
    Names have as many digits as the last one, at least two, and say how many there are.
    """
    source = write(tmp_path / "in.jsonl", b"1\n" * 120)
    assert split(source, tmp_path / "a", parts=3).parts[0].name == "part_01_of_03.jsonl"
    names = [part.name for part in split(source, tmp_path / "b", parts=120).parts]
    assert names[0] == "part_001_of_120.jsonl"
    assert names == sorted(names)


def test_blank_lines_are_kept_and_counted(tmp_path: Path) -> None:
    """
    A blank line is a line like others; the report says that there are some.
    """
    source = write(tmp_path / "in.jsonl", b"\n1\n\r\n\n2\nx\r\n7")
    report = split(source, tmp_path / "out", parts=2)
    assert b"".join(contents(report)) == source.read_bytes()
    assert report.blank_lines == 3


@pytest.mark.parametrize(
    "way",
    [
        pytest.param({}, id="none"),
        pytest.param({"parts": 2, "max_requests": 1}, id="two"),
        pytest.param({"max_bytes": 2, "limits": ShardLimits(1, 1)}, id="limits-and-bytes"),
        pytest.param({"parts": 0}, id="no-parts"),
        pytest.param({"max_bytes": -1}, id="less-than-nothing"),
        pytest.param({"parts": 4}, id="more-parts-than-lines"),
    ],
)
def test_ways_that_do_not_fit_together(tmp_path: Path, way: dict[str, Any]) -> None:
    """
    Exactly one way to split is taken, and one that leaves no part empty.
    """
    source = write(tmp_path / "in.jsonl", b"1\n2\n3\n")
    with pytest.raises(UsageError) as caught:
        split(source, tmp_path / "out", **way)
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("name", ["out", "out.zip"])
def test_a_line_that_fits_no_part(tmp_path: Path, name: str) -> None:
    """
    A line over the limit is an error with its number and size, and nothing is left behind.
    """
    source = write(tmp_path / "in.jsonl", b"1\n22222\n3\n")
    with pytest.raises(RequestTooLarge) as caught:
        split(source, tmp_path / name, max_bytes=4)
    assert (caught.value.row, caught.value.size_bytes) == (2, 6)
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"\x1f\x8b\x08\0", "compressed", id="gzip"),
        pytest.param(None, "does not exist", id="missing"),
    ],
)
def test_input_that_cannot_be_split(tmp_path: Path, content: bytes | None, says: str) -> None:
    """
    A file that is not there, empty or compressed is an error of the input.
    """
    source = tmp_path / "in.jsonl"
    if content is not None:
        source.write_bytes(content)
    ways: list[dict[str, Any]] = [{"parts": 2}, {"max_requests": 1}]
    for way in ways:
        with pytest.raises(InputError, match=says):
            split(source, tmp_path / "out", **way)
    with pytest.raises(InputError, match="is a folder"):
        split(tmp_path, tmp_path / "x" / "out", parts=1)


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    """
    Parts are replaced only on demand, other files never; an empty folder is taken.
    """
    source = write(tmp_path / "in.jsonl", b"1\n2\n3\n")
    out = tmp_path / "out"
    out.mkdir()
    split(source, out, parts=3)
    with pytest.raises(OutputExists):
        split(source, out, parts=2)
    assert len(contents(split(source, out, parts=2, overwrite=True))) == 2
    write(out / "notes.txt", b"mine")
    with pytest.raises(OutputExists, match="exists") as caught:
        split(source, out, parts=3, overwrite=True)
    assert "other files than parts" in caught.value.hint
    assert (out / "notes.txt").read_bytes() == b"mine"
    file = write(tmp_path / "file", b"mine")
    for overwrite in (False, True):
        with pytest.raises(OutputExists):
            split(source, file, parts=2, overwrite=overwrite)
    assert file.read_bytes() == b"mine"
    archive = tmp_path / "out.zip"
    split(source, archive, parts=3)
    with pytest.raises(OutputExists):
        split(source, archive, parts=2)
    assert len(contents(split(source, archive, parts=2, overwrite=True))) == 2


def test_the_source_is_never_replaced(tmp_path: Path) -> None:
    """
    A part that is split into the folder where it lies stays what it is.
    """
    folder = tmp_path / "parts"
    folder.mkdir()
    source = write(folder / "part_01_of_01.jsonl", b"1\n2\n")
    for out in (folder, source, tmp_path):
        with pytest.raises(UsageError, match="its own parts"):
            split(source, out, parts=2, overwrite=True)
    assert source.read_bytes() == b"1\n2\n"


def test_a_failure_leaves_the_old_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Parts take the place of others only when all of them are on disk.
    """
    source = write(tmp_path / "in.jsonl", b"1\n2\n3\n")
    out = tmp_path / "out"
    before = contents(split(source, out, parts=3))

    def fail(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(Exception, match="no space left"):
        split(source, out, parts=2, overwrite=True)
    assert [(out / name).read_bytes() for name in sorted(os.listdir(out))] == before  # noqa: PTH208
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["in.jsonl", "out"]


@pytest.mark.parametrize("folder", [False, True])
def test_only_parts_are_taken_for_parts(tmp_path: Path, folder: bool) -> None:
    """
    A file of somebody's own with a similar name, or a folder with a part's name, is not replaced.
    """
    source = write(tmp_path / "in.jsonl", b"1\n2\n3\n")
    out = tmp_path / "out"
    split(source, out, parts=3)
    if folder:
        (out / "part_04_of_04.jsonl").mkdir()
    else:
        write(out / "part_notes.jsonl", b"mine")
    with pytest.raises(OutputExists):
        split(source, out, parts=2, overwrite=True)
    assert len(list(out.iterdir())) == 4


def test_a_failure_of_the_last_step_brings_the_old_parts_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    When the new parts cannot take their name, the old ones have it again.
    """
    source = write(tmp_path / "in.jsonl", b"1\n2\n3\n")
    out = tmp_path / "out"
    before = contents(split(source, out, parts=3))
    rename = Path.rename

    def fail(path: Path, to: Path) -> Path:
        if path.suffix == ".part":
            raise OSError(5, "Input/output error")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(StorageError):
        split(source, out, parts=2, overwrite=True)
    assert [(out / entry.name).read_bytes() for entry in sorted(out.iterdir())] == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["in.jsonl", "out"]


@pytest.mark.parametrize("name", ["out", "out.zip"])
@pytest.mark.parametrize(("change", "says"), [(b"1\n2\n", "shorter"), (b"1\n2\n3\n4\n", "longer")])
def test_a_source_that_changes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, change: bytes, says: str
) -> None:
    """
    A file that another program writes while it is split is an error, and no part is left.
    """
    source = write(tmp_path / "in.jsonl", b"1\n2\n3\n")
    plan = split_module._plan_parts

    def meanwhile(file: BinaryIO, parts: int) -> Iterator[split_module._Piece]:
        pieces = list(plan(file, parts))
        source.write_bytes(change)
        yield from pieces

    monkeypatch.setattr(split_module, "_plan_parts", meanwhile)
    with pytest.raises(InputError, match=says):
        split(source, tmp_path / name, parts=3)
    assert list(tmp_path.iterdir()) == [source]


def test_a_source_that_is_replaced_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Another file under the same name is not cut where the first one was planned to be.
    """
    source = write(tmp_path / "in.jsonl", b"1\n2\n3\n")
    opened = split_module._open

    def replaced(path: Path) -> BinaryIO:
        file = opened(path)
        write(tmp_path / "other", b"12\n45\n").replace(path)
        return file

    monkeypatch.setattr(split_module, "_open", replaced)
    with pytest.raises(InputError, match="replaced"):
        split(source, tmp_path / "out", parts=3)
    assert list(tmp_path.iterdir()) == [source]


def test_without_help_of_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where the system cannot copy by itself, the bytes are the same.
    """
    source = write(tmp_path / "in.jsonl", b"1\n22\n333")

    def refuse(*_: object) -> int:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "copy_file_range", refuse, raising=False)
    assert contents(split(source, tmp_path / "a", parts=2)) == [b"1\n22\n", b"333"]
    monkeypatch.delattr(os, "copy_file_range")
    assert contents(split(source, tmp_path / "b", parts=3)) == [b"1\n", b"22\n", b"333"]


LINES = st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")), min_size=1, max_size=30)


@settings(max_examples=cases(50, 1_000), deadline=None)
@given(
    lines=LINES,
    last=st.sampled_from([b"", b"\n"]),
    block=st.integers(1, 40),
    data=st.data(),
)
def test_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], last: bytes, block: int, data: st.DataObject
) -> None:
    """
    Joined, the parts are the input again; they keep the limits, and are no more than needed.
    """
    content = b"\n".join(lines) + last
    if not content or content.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04")):
        return
    folder = tmp_path_factory.mktemp("split")
    source = write(folder / "in.jsonl", content)
    if is_document(source):
        return
    total = lines_in(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(split_module, "_BLOCK", block)
        parts = data.draw(st.integers(1, total))
        found = contents(split(source, folder / "parts", parts=parts))
        assert b"".join(found) == content
        counts = [lines_in(part) for part in found]
        assert sorted(counts, reverse=True) == counts
        assert max(counts) - min(counts) <= 1
        limits = ShardLimits(data.draw(st.integers(1, 8)), data.draw(st.integers(13, 40)))
        report = split(source, folder / "limits", limits=limits)
        found = contents(report)
    assert b"".join(found) == content
    for part in found:
        assert len(part) <= limits.max_bytes
        assert lines_in(part) <= limits.max_requests
    blank = [line for line in content.split(b"\n")[:-1] if line in (b"", b"\r")]
    assert report.blank_lines == len(blank)
