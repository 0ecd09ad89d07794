"""
JSON in: one object a line (JSONL), a list of objects, or an object of columns.

The columns are the fields of all objects, in order of first appearance. A text is as it reads; a number is
as it is spelled, `true` and `false` are these words, null and a field that is not there are empty; what is
nested is JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from rowbatch.core.table_options import BadRows, ReadOptions
from rowbatch.errors import TableError, UsageError, from_os_error
from rowbatch.tables.ahead import require_wanted
from rowbatch.tables.base import BadRowList, Table, TableChunk
from rowbatch.tables.bounds import (
    CELL_VARIABLE,
    max_cell_bytes,
    max_row_bytes,
    memory_for_tables,
    require_cell,
    require_columns,
    require_memory,
)
from rowbatch.tables.compressed import open_binary
from rowbatch.tables.frame_table import refuse_options

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_OBJECTS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_COLUMN_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)
_BOM = b"\xef\xbb\xbf"
_BYTES_PER_CHUNK = 32_000_000
_CELLS_PER_CHUNK = 4_000_000
_LINES_BETWEEN_CHECKS = 1_000
# A document that is no JSONL lies in memory as a whole.
_MAX_DOCUMENT_BYTES = 1 << 30
_BLOCK_BYTES = 1 << 20
# What msgspec 0.22.0 makes of an object, of a field, and of a value of a list, with the row of the table.
_OBJECT_BYTES, _FIELD_BYTES, _VALUE_BYTES = 200, 100, 100


class JsonLinesTable(Table):
    """A file with one object a line."""

    format = "jsonl"

    def __init__(self, path: Path, header: tuple[str, ...], on_bad_rows: BadRows) -> None:
        super().__init__(path, header)
        self._on_bad_rows = on_bad_rows

    @property
    def reading(self) -> ReadOptions:
        return ReadOptions(on_bad_rows=self._on_bad_rows)

    def _chunks(self, rows_per_chunk: int) -> Iterator[TableChunk]:
        first_row, size = 1, 0
        # A field that an object lacks is a cell too.
        most = max(1, min(rows_per_chunk, _CELLS_PER_CHUNK // len(self.header)))
        rows: list[dict[str, msgspec.Raw]] = []
        for found, length in _objects(self.path, self._on_bad_rows, self.bad_rows):
            rows.append(found)
            size += length
            if len(rows) >= most or size >= _BYTES_PER_CHUNK:
                yield TableChunk(first_row, _frame(rows, self.header))
                first_row += len(rows)
                rows, size = [], 0
        if rows:
            yield TableChunk(first_row, _frame(rows, self.header))


class JsonTable(Table):
    """A document that is a list of objects, or an object of columns."""

    format = "json"

    def __init__(self, path: Path, header: tuple[str, ...], frame: pl.DataFrame) -> None:
        super().__init__(path, header)
        self._frame = frame

    def _chunks(self, rows_per_chunk: int) -> Iterator[TableChunk]:
        first_row = 1
        for part in self._frame.iter_slices(rows_per_chunk):
            if part.height:
                yield TableChunk(first_row, part)
                first_row += part.height


def open_json(path: Path, options: ReadOptions, *, is_lines: bool) -> Table:
    """
    Open a JSON file.

    Args:
        path: The file; it may be packed.
        options: `on_bad_rows` may be `skip` for JSONL.
        is_lines: Its name says that it is JSONL. A name that does not may still hold objects line by line.
    Raises:
        TableError: It is broken, with the line; or holds no objects.
        UsageError: An option does not fit.
    """
    refuse_options(path, options, allowed=("on_bad_rows",), kind="a JSON file")
    if options.on_bad_rows == "keep":
        raise UsageError("json-keeps-no-rows", path=str(path))
    try:
        if not is_lines:
            found = _document(path)
            if found is not None:
                return found
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    if not is_lines:
        _require_object_lines(path)
    names: dict[str, None] = {}
    for item, _ in _objects(path, options.on_bad_rows, BadRowList()):
        if not item.keys() <= names.keys():
            names.update(dict.fromkeys(item))
            require_columns(path, len(names))
    if not names:
        raise TableError("file-empty", path=str(path))
    return JsonLinesTable(path, tuple(names), options.on_bad_rows)


def _require_object_lines(path: Path) -> None:
    """Raise a `TableError` that says what JSON can be a table, unless the first line is an object."""
    with open_binary(path) as file:
        most = max_row_bytes()
        lines = iter(lambda: file.readline(most), b"")
        first = next((line for line in lines if line.strip()), b"")
    try:
        _one_object(first.removeprefix(_BOM))
    except (ValueError, RecursionError):
        raise TableError("json-no-table", path=str(path)) from None


def _objects(
    path: Path, on_bad_rows: BadRows, bad_rows: BadRowList
) -> Iterator[tuple[dict[str, msgspec.Raw], int]]:
    """The objects of a JSONL file, with the bytes of their lines."""
    try:
        with open_binary(path) as file:
            number = row = 0
            # Asking the environment for each line takes as long as decoding it.
            longest, most = max_cell_bytes(), max_row_bytes()
            while line := file.readline(most):
                number += 1
                if not number % _LINES_BETWEEN_CHECKS:
                    require_wanted()
                if len(line) >= most:
                    raise TableError(
                        "row-too-long", path=str(path), line=number, most=most, variable=CELL_VARIABLE
                    )
                text = line.removeprefix(_BOM) if number == 1 else line
                if not text.strip():
                    continue
                try:
                    found = _one_object(text)
                except (ValueError, RecursionError) as error:
                    if on_bad_rows == "skip":
                        bad_rows.add(number, str(error))
                        continue
                    raise TableError(
                        "json-line-no-object"
                        if isinstance(error, _NoObject)
                        else "json-line-field-twice"
                        if isinstance(error, _FieldTwice)
                        else "json-line-broken",
                        path=str(path),
                        line=number,
                        told=str(error),
                    ) from error
                row += 1
                if len(text) > longest:
                    for name, raw in found.items():
                        require_cell(path, len(bytes(raw)), row=row, column=name)
                yield found, len(text)
    except OSError as error:
        raise from_os_error(error, str(path)) from error


class _NoObject(ValueError):
    """A line is JSON, and not an object."""

    def __init__(self) -> None:
        super().__init__("it is JSON, but no object")


class _FieldTwice(ValueError):
    """An object has two fields of a name."""

    def __init__(self) -> None:
        super().__init__("a field stands twice in the object")


def _one_object(text: bytes) -> dict[str, msgspec.Raw]:
    try:
        found = _OBJECT.decode(text)
    except msgspec.ValidationError:
        raise _NoObject from None
    # Decoding keeps the last of two fields of a name; a table must not lose the first.
    if text.count(b'":') != len(found) and _has_double_field(text):
        raise _FieldTwice
    for raw in found.values():
        # Half a surrogate pair, for example: it would break off in the middle of the table.
        if bytes(raw).startswith(b'"'):
            _TEXT.decode(raw)
    return found


def _has_double_field(text: bytes) -> bool:
    import json

    double = False

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal double
        names = [name for name, _ in found]
        double = len(set(names)) != len(names)
        return dict(found)

    try:
        # The outermost object is the last one that is closed.
        json.loads(text, object_pairs_hook=pairs)
    except ValueError:
        return False
    return double


def _frame(rows: Sequence[dict[str, msgspec.Raw]], header: Sequence[str]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            pl.Series(str(position), [_cell(row.get(name)) for row in rows], dtype=pl.String)
            for position, name in enumerate(header)
        ]
    )


def _cell(raw: msgspec.Raw | None) -> str:
    if raw is None:
        return ""
    text = bytes(raw)
    if text.startswith(b'"'):
        return _TEXT.decode(raw)
    return "" if text == b"null" else text.decode()


def _document(path: Path) -> JsonTable | None:
    """A list of objects or an object of columns; None when it is neither, but perhaps JSONL."""
    text, start = _start(path)
    if text is None:
        if start == b"[":
            raise TableError("json-too-large", path=str(path), most=_MAX_DOCUMENT_BYTES)
        return None
    if start == b"[":
        require_memory(path, text.count(b"{") * _OBJECT_BYTES + text.count(b":") * _FIELD_BYTES)
        try:
            rows = _OBJECTS.decode(text)
        except (ValueError, RecursionError) as error:
            raise TableError("json-no-list", path=str(path), told=str(error)) from error
        names = dict.fromkeys(name for row in rows for name in row)
        if not names:
            raise TableError("json-without-fields", path=str(path))
        return JsonTable(path, tuple(names), _frame(rows, tuple(names)))
    if start != b"{" or _is_object_a_line(text):
        return None
    require_memory(path, (text.count(b",") + text.count(b":")) * _VALUE_BYTES)
    try:
        columns = _OBJECT.decode(text)
    except (ValueError, RecursionError):
        return None
    cells = {name: _column(raw) for name, raw in columns.items()}
    if not cells or any(column is None for column in cells.values()):
        return None
    lengths = {len(column) for column in cells.values() if column is not None}
    if len(lengths) != 1:
        raise TableError("json-columns-uneven", path=str(path))
    frame = pl.DataFrame(
        [
            pl.Series(str(position), [_cell(raw) for raw in column or ()], dtype=pl.String)
            for position, column in enumerate(cells.values())
        ]
    )
    return JsonTable(path, tuple(cells), frame)


def _start(path: Path) -> tuple[bytes | None, bytes]:
    """All of a document, or None where it is too large; and the first byte that is no white space."""
    blocks: list[bytes] = []
    size, most = 0, memory_for_tables()
    with open_binary(path) as file:
        while block := file.read(_BLOCK_BYTES):
            blocks.append(block)
            size += len(block)
            if size > _MAX_DOCUMENT_BYTES:
                break
            # It is put together of its blocks.
            require_memory(path, 2 * size, most)
    start = blocks[0].removeprefix(_BOM).lstrip()[:1] if blocks else b""
    return (None if size > _MAX_DOCUMENT_BYTES else b"".join(blocks).removeprefix(_BOM)), start


def _is_object_a_line(text: bytes) -> bool:
    """Whether the first line is an object by itself, and others follow."""
    end = text.find(b"\n", text.find(b"{"))
    if end < 0:
        return False
    try:
        _OBJECT.decode(memoryview(text)[:end])
    except (ValueError, RecursionError):
        return False
    return bool(text[end : end + _BLOCK_BYTES].strip())


def _column(raw: msgspec.Raw) -> list[msgspec.Raw] | None:
    """The cells of a column: of a list, or of an object whose keys are row numbers, as pandas writes it."""
    try:
        if bytes(raw).startswith(b"["):
            return _COLUMN_LIST.decode(raw)
        if bytes(raw).startswith(b"{"):
            return list(_OBJECT.decode(raw).values())
    except (ValueError, RecursionError):
        return None
    return None
