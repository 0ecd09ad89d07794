"""
What archives of social media have in common: files in a zip or folder, and rows of JSON with a text of
their own.
"""

from __future__ import annotations

import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import RowbatchError, TableError, from_os_error
from rowbatch.programs.base import HEAD_BYTES
from rowbatch.tables.base import BadRowList, Table
from rowbatch.tables.bounds import max_cell_bytes, require_cell
from rowbatch.tables.frame_table import refuse_options
from rowbatch.tables.json_fields import FieldTree
from rowbatch.tables.json_reader import Count, Row, RowsTable
from rowbatch.tables.json_text import Fields, open_json_bytes, text_of
from rowbatch.words.notice import Notice

_ZIP = b"PK\x03\x04"
_MAX_FILES = 100_000
_TOKEN = re.compile(rb'[{}\[\]]|"(?P<name>(?:[^"\\]|\\.)*+)"(?P<colon>\s*:)?', re.DOTALL)
# A password is a RuntimeError.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    KeyError,
)
# The order matters: what a person wrote as `&lt;` stands there as `&amp;lt;`.
_ESCAPES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))


_OTHER_FORM = "a field is not of the form that exports have"
"""What is said where a list stands for an object, or the like."""


class RecordsTable(RowsTable):
    """Rows of an archive."""

    format = "archive"


@contextmanager
def faults_told(path: Path) -> Iterator[None]:
    """
    Say of the archive what is found wrong with it.

    Raises:
        TableError: It is broken, or has another form.
        InputError, StorageError: It can't be read.
    """
    try:
        yield
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    except (ValueError, RecursionError, zipfile.BadZipFile, NotImplementedError) as error:
        raise TableError("archive-broken", path=str(path), told=str(error)) from error
    except (AttributeError, KeyError, TypeError) as error:
        raise TableError("archive-broken", path=str(path), told=_OTHER_FORM) from error


def open_records(
    path: Path,
    options: ReadOptions,
    *,
    program: str,
    records: Callable[[], Iterator[Fields]],
    note: Callable[[int], Notice] | None = None,
) -> Table:
    """
    A table of records that a program's module makes of its archive.

    Args:
        path: The archive.
        options: None of a plain table fits.
        program: The name of the program.
        records: Reads them, from the first one; it is called for each reading.
        note: What is said about it, by the count of its rows.
    Raises:
        TableError: There are none, or the archive is broken.
        UsageError: An option does not fit.
    """
    refuse_options(path, options, allowed=(), kind="an archive of a program")

    def rows(bad_rows: BadRowList, count: Count | None) -> Iterator[Row]:
        del bad_rows, count
        with faults_told(path):
            for found in records():
                yield "", found, b""

    tree, number, longest = FieldTree(path), 0, max_cell_bytes()
    for _, found, _ in rows(BadRowList(), None):
        number += 1
        try:
            for name, raw in found.items():
                size = len(bytes(raw).decode().encode())
                if size > longest:
                    require_cell(path, size, row=number, column=name)
            # The braces say that it is not known whether there are objects in it.
            tree.meet(found, b"{{")
        except (ValueError, RecursionError) as error:
            raise TableError("archive-broken", path=str(path), told=str(error)) from error
    if not number:
        raise TableError("table-without-rows", path=str(path))
    notes = () if note is None else (note(number),)
    return RecordsTable(path, tree.columns(), rows, ReadOptions(program=program), notes=notes)


def names_in(path: Path, head: bytes, folders: tuple[str, ...] = ()) -> list[str]:
    """
    The names of the files in a folder or a zip file, with `/` between folders; none of anything else.

    It never raises: what is wrong is said by who opens it.

    Args:
        path: The folder or file.
        head: The first bytes of a file.
        folders: Of a folder, only these in it are looked into.
    """
    try:
        if path.is_dir():
            found = (file for name in folders for file in (path / name).rglob("*") if file.is_file())
            return sorted(file.relative_to(path).as_posix() for file in islice(found, _MAX_FILES))
        if head.startswith(_ZIP) and b"[Content_Types].xml" not in head[:200]:
            with zipfile.ZipFile(path) as packed:
                return packed.namelist()[:_MAX_FILES]
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        pass
    return []


def begins_with_field(head: bytes, name: str) -> bool:
    """
    Whether the object that a file begins with has a field of this name itself, and not an object in it.

    Args:
        head: The begin of the file, which may be cut anywhere.
        name: Of the field, of ASCII.
    """
    depth = 0
    for found in _TOKEN.finditer(head):
        match found[0]:
            case b"{" | b"[":
                depth += 1
            case b"}" | b"]":
                depth -= 1
                if not depth:
                    return False
            case _:
                if depth == 1 and found["colon"] is not None and found["name"] == name.encode():
                    return True
    return False


@contextmanager
def opened(path: Path, name: str = "") -> Iterator[io.BufferedReader]:
    """
    A file as bytes: the path itself, or one by its name in a folder or a zip file.

    Raises:
        InputError, TableError: It can't be read.
    """
    if not name or path.is_dir():
        with open_json_bytes(path / name if name else path) as file:
            yield file
        return
    with zipfile.ZipFile(path) as packed, packed.open(name) as member:
        yield io.BufferedReader(member)  # type: ignore[arg-type]


def begin_of(path: Path, name: str, size: int = HEAD_BYTES) -> bytes:
    """
    So many of the first bytes of a file, as `opened` gives it; none of one that can't be read.

    It never raises: what is wrong is said by who opens it.
    """
    try:
        with opened(path, name) as file:
            return file.read(size)
    except (RowbatchError, OSError, ValueError, *_DAMAGE):
        return b""


def by_number(name: str) -> tuple[str | int, ...]:
    """A key to sort names in which parts are counted: `part2` stands before `part10`."""
    return tuple(int(part) if part.isdecimal() else part for part in re.split(r"([0-9]+)", name))


def json_of(value: Any) -> msgspec.Raw:
    """A value as a cell of JSON; half of a surrogate pair becomes U+FFFD."""
    if isinstance(value, str):
        value = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return msgspec.Raw(msgspec.json.encode(value))


def said(found: Fields, *names: str) -> str:
    """The text of the first of these fields that has one; or ""."""
    for name in names:
        raw = found.get(name)
        if raw is not None and bytes(memoryview(raw)[:1]) == b'"':
            return text_of(raw)[0]
    return ""


def unescaped(text: str) -> str:
    """What a person sees of a text in which a service writes `&`, `<` and `>` as HTML does."""
    for escape, character in _ESCAPES:
        text = text.replace(escape, character)
    return text


def moment(seconds: float) -> str:
    """A time as ISO 8601 in UTC, to the second; "" for what is none."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return ""
