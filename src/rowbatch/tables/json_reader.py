"""
JSON in: one object a line (JSONL), and documents of every form that is a table.

A document is a list of objects, or of lists; objects one after the other; an object that holds such a list
somewhere, or records by key; or an object of columns. The columns are the fields of all objects, in order of
first appearance; an object in an object gives columns with dotted names. A text is as it reads; a number is
as it is spelled, `true`, `false`, and Python's `NaN` and `Infinity` are these words, null and a field that is
not there are empty; a list is JSON.

All but objects of columns are read a piece at a time, however large.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from itertools import count as count_from
from pathlib import Path

import msgspec
import polars as pl

from rowbatch.core.table_options import FIRST, NO_HEADER, PLAIN, ReadOptions
from rowbatch.errors import TableError, UsageError, from_os_error
from rowbatch.tables.ahead import require_wanted
from rowbatch.tables.base import BadRowList, Table, TableChunk
from rowbatch.tables.bounds import (
    CELL_VARIABLE,
    max_cell_bytes,
    max_row_bytes,
    memory_for_tables,
    require_cell,
    require_memory,
)
from rowbatch.tables.csv_encoding import known_encoding
from rowbatch.tables.frame_table import refuse_options
from rowbatch.tables.json_fields import Columns, FieldTree
from rowbatch.tables.json_rows import TOP, Place, arrivals, find_place, lists_of_objects
from rowbatch.tables.json_text import (
    Fields,
    FieldTwiceError,
    JsonScanner,
    NoObjectError,
    cell_of,
    checked_fields_of,
    fields_of,
    list_of,
    open_json_bytes,
    text_of,
)
from rowbatch.tables.names import unique_names
from rowbatch.words.notice import Notice

_BOM = b"\xef\xbb\xbf"
_BYTES_PER_CHUNK = 32_000_000
_CELLS_PER_CHUNK = 4_000_000
_LINES_BETWEEN_CHECKS = 1_000
# An object of columns lies in memory as a whole.
_MAX_DOCUMENT_BYTES = 1 << 30
_BLOCK_BYTES = 1 << 20
# What msgspec 0.22.0 makes of a value of a list, with the row of the table.
_VALUE_BYTES = 100
TEXT = "text"
"""The column of texts that have no names."""
KEY = "key"
"""The column of the names under which records, or rows of columns, stand."""

Row = tuple[str, Fields, bytes]
"""Its key or "", its fields, and all of it as it is spelled."""


@dataclass(slots=True)
class Count:
    """
    What is counted when a file is read with care, which it is once.

    Attributes:
        halves: Halves of surrogate pairs, which become U+FFFD.
    """

    halves: int = 0

    def cell(self, raw: msgspec.Raw | None) -> str:
        """A value as the text of a cell."""
        if raw is not None and bytes(memoryview(raw)[:1]) == b'"':
            text, halves = text_of(raw)
            self.halves += halves
            return text
        return cell_of(raw)


Rows = Callable[[BadRowList, Count | None], Iterator[Row]]
"""Reads the rows; with a count, with care: whatever would be lost in silence is an error."""


class RowsTable(Table):
    """A file of objects that are read one after the other."""

    def __init__(
        self,
        path: Path,
        columns: Columns,
        rows: Rows,
        reading: ReadOptions,
        *,
        notes: tuple[Notice, ...] = (),
        header: tuple[str, ...] | None = None,
    ) -> None:
        super().__init__(path, header or columns.header, notes=notes)
        self._columns, self._rows, self._reading = columns, rows, reading

    @property
    def reading(self) -> ReadOptions:
        return self._reading

    def _chunks(self, rows_per_chunk: int) -> Iterator[TableChunk]:
        first_row, size = 1, 0
        # A field that an object lacks is a cell too.
        most = max(1, min(rows_per_chunk, _CELLS_PER_CHUNK // len(self.header)))
        rows: list[tuple[str, Fields]] = []
        for key, found, text in self._rows(self.bad_rows, None):
            rows.append((key, found))
            size += len(text)
            if len(rows) >= most or size >= _BYTES_PER_CHUNK:
                yield TableChunk(first_row, self._columns.frame(rows))
                first_row += len(rows)
                rows, size = [], 0
        if rows:
            yield TableChunk(first_row, self._columns.frame(rows))


class JsonLinesTable(RowsTable):
    """A file with one object a line."""

    format = "jsonl"


class JsonTable(RowsTable):
    """A document whose rows are objects or lists."""

    format = "json"


class JsonColumnsTable(Table):
    """A document that is an object of columns; it lies in memory as a whole."""

    format = "json"

    def __init__(
        self,
        path: Path,
        header: tuple[str, ...],
        frame: pl.DataFrame,
        reading: ReadOptions,
        notes: tuple[Notice, ...] = (),
    ) -> None:
        super().__init__(path, header, notes=notes)
        self._frame, self._reading = frame, reading

    @property
    def reading(self) -> ReadOptions:
        return self._reading

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
        options: `rows` says where the rows are; `on_bad_rows` may be `skip`; `header` may be `none` for a
            list of lists. A plan of a version that had none of these reads as that version did: what is
            nested is JSON.
        is_lines: Its name says that it is JSONL. A name that does not may still hold objects line by line.
    Raises:
        TableError: It is broken, with the line; or holds no rows, or several lists that could be them.
        UsageError: An option does not fit, or there is no such encoding.
    """
    allowed = ("encoding", "on_bad_rows", "rows", *(("header",) if options.header_lines is None else ()))
    refuse_options(path, options, allowed=allowed, kind="a JSON file")
    if options.on_bad_rows == "keep":
        raise UsageError("json-keeps-no-rows", path=str(path))
    if options.encoding is not None:
        known_encoding(options.encoding, None)
    try:
        return _opened(path, options, is_lines=is_lines)
    except OSError as error:
        raise from_os_error(error, str(path)) from error


def places_of_rows(path: Path, encoding: str | None) -> dict[str, int]:
    """
    Places of a document that could hold its rows, as `ReadOptions.rows` says them.

    Args:
        path: The file; it may be packed.
        encoding: Of it; None means found out.
    Returns:
        How many rows each has; nothing where the document is no single object.
    Raises:
        TableError: It is broken, with the line.
    """
    try:
        with open_json_bytes(path, encoding) as file:
            return lists_of_objects(JsonScanner(path, file))
    except OSError as error:
        raise from_os_error(error, str(path)) from error


def _opened(path: Path, options: ReadOptions, *, is_lines: bool) -> Table:
    is_as_before = options.header == FIRST and options.program == PLAIN and options.rows is None
    if options.rows in (None, TOP) and _has_object_lines(path, options, is_lines=is_lines):
        place: Place | None = None
    else:
        with open_json_bytes(path, options.encoding) as file:
            scanner = JsonScanner(path, file)
            place = find_place(path, scanner, options.rows, is_as_before=is_as_before, is_lines=is_lines)
    if place is not None and place.form == "lists":
        return _table_of_lists(path, options, place)
    if options.header == NO_HEADER:
        raise UsageError(
            "option-does-not-fit", path=str(path), is_a="JSON that names its fields", option="--no-header"
        )
    if place is not None and place.form == "texts":
        return _table_of_texts(path, options, place)
    if place is not None and place.form == "columns":
        return _table_of_columns(path, options, place, is_as_before=is_as_before)
    return _table_of_rows(path, options, place, is_as_before=is_as_before)


def _reading(options: ReadOptions, place: Place | None, *, is_as_before: bool) -> ReadOptions:
    if is_as_before:
        return replace(options, skip_rows=0)
    return ReadOptions(
        encoding=options.encoding,
        on_bad_rows=options.on_bad_rows,
        rows=TOP if place is None else place.rows,
        program=PLAIN,
    )


def _table_of_rows(path: Path, options: ReadOptions, place: Place | None, *, is_as_before: bool) -> Table:
    """A table of the objects at a place, or of objects line by line where there is none."""

    def rows(bad_rows: BadRowList, count: Count | None) -> Iterator[Row]:
        if options.on_bad_rows == "skip":
            # What is left out must be the same, however often it is read.
            count = count or Count()
        if place is None:
            return _lines(path, options, bad_rows, count)
        return _entries(path, options, place, bad_rows, count)

    tree, count, number, longest = FieldTree(path, flat=is_as_before), Count(), 0, max_cell_bytes()
    for key, found, text in rows(BadRowList(), count):
        number += 1
        if len(text) > longest:
            for name, raw in found.items():
                require_cell(path, len(bytes(raw)), row=number, column=name)
        if len(key) > longest:
            require_cell(path, len(key), row=number, column=KEY)
        tree.meet(found, text)
    if not tree.names:
        raise TableError("json-without-fields" if number or place else "file-empty", path=str(path))
    key_name = free_name(KEY, tree.names) if place is not None and place.is_by_key else None
    notes = _notes(path, options, place, key_name, count)
    if tree.kept_as_json:
        notes += (Notice("note-json-kept", {"path": path.name, "columns": list(tree.kept_as_json)}),)
    kind = JsonLinesTable if place is None else JsonTable
    reading = _reading(options, place, is_as_before=is_as_before)
    return kind(path, tree.columns(key_name), rows, reading, notes=notes)


def _notes(
    path: Path, options: ReadOptions, place: Place | None, key: str | None, count: Count
) -> tuple[Notice, ...]:
    found: list[Notice] = []
    if place is not None and place.rows != TOP and options.rows is None:
        rows = place.count or 0
        if key is not None:
            found.append(Notice("note-json-by-key", {"path": path.name, "count": rows, "column": key}))
        else:
            found.append(Notice("note-json-rows", {"path": path.name, "rows": place.rows, "count": rows}))
    if count.halves:
        found.append(Notice("note-json-halves", {"path": path.name, "count": count.halves}))
    return tuple(found)


def free_name(name: str, taken: Collection[str]) -> str:
    """`name`, or with a number where that is taken."""
    return next(
        one for one in chain([name], (f"{name}_{number}" for number in count_from(2))) if one not in taken
    )


def _has_object_lines(path: Path, options: ReadOptions, *, is_lines: bool) -> bool:
    """Whether there is an object a line, and not a document: by the first line that has something in it."""
    with open_json_bytes(path, options.encoding) as file:
        most = max_row_bytes()
        lines = iter(lambda: file.readline(most), b"")
        first = next((line for line in lines if line.removeprefix(_BOM).strip()), b"").removeprefix(_BOM)
        try:
            fields_of(first)
        except (ValueError, RecursionError):
            # A broken line, or the begin of a document on many lines.
            return is_lines and (
                not first.lstrip().startswith((b"{", b"[", b'"')) or not _is_document(path, options)
            )
        return is_lines or any(line.strip() for line in lines)


def _is_document(path: Path, options: ReadOptions) -> bool:
    """Whether the file begins with a list, or with an object that goes over several lines."""
    with open_json_bytes(path, options.encoding) as file:
        try:
            scanner = JsonScanner(path, file)
            if scanner.peek() in (b"[", b'"'):
                return True
            next(scanner.fields(), None)
            with open_json_bytes(path, options.encoding) as again:
                scanner = JsonScanner(path, again)
                scanner.skip()
        except TableError:
            return False
        return scanner.line > 1


def _lines(path: Path, options: ReadOptions, bad_rows: BadRowList, count: Count | None) -> Iterator[Row]:
    """The objects of a JSONL file."""
    try:
        with open_json_bytes(path, options.encoding) as file:
            number = 0
            # Asking the environment for each line takes as long as decoding it.
            most = max_row_bytes()
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
                    found = _fields_in(text, count)
                except (ValueError, RecursionError) as error:
                    if (found_before := _before_comma(text, count)) is not None:
                        yield "", found_before, text
                        continue
                    if options.on_bad_rows == "skip":
                        bad_rows.add(number, str(error))
                        continue
                    raise _broken(path, number, error, in_lines=True) from error
                yield "", found, text
    except OSError as error:
        raise from_os_error(error, str(path)) from error


def _before_comma(text: bytes, count: Count | None) -> Fields | None:
    """The object of a line that ends with a comma, as the lines of a list that lost its brackets do."""
    text = text.rstrip()
    if not text.endswith(b","):
        return None
    try:
        return _fields_in(text[:-1], count)
    except (ValueError, RecursionError):
        return None


def _fields_in(text: bytes, count: Count | None) -> Fields:
    if count is None:
        return fields_of(text)
    found, halves = checked_fields_of(text)
    count.halves += halves
    return found


def _broken(path: Path, line: int, error: Exception, *, in_lines: bool) -> TableError:
    if isinstance(error, FieldTwiceError):
        return TableError("json-row-field-twice", path=str(path), line=line, field=error.name)
    if isinstance(error, UnicodeDecodeError):
        return TableError("json-not-utf8", path=str(path), line=line)
    told = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
    if not in_lines:
        return TableError("json-entry-broken", path=str(path), line=line, told=told)
    return TableError(
        "json-line-no-object" if isinstance(error, NoObjectError) else "json-line-broken",
        path=str(path),
        line=line,
        told=told,
    )


def _entries(
    path: Path, options: ReadOptions, place: Place, bad_rows: BadRowList, count: Count | None
) -> Iterator[Row]:
    """The objects at a place of a document, with their keys."""
    for key, text, at in _values(path, options, place):
        try:
            found = _fields_in(text, count)
        except (ValueError, RecursionError) as error:
            if options.on_bad_rows == "skip":
                bad_rows.add(at.line, str(error))
                continue
            raise _broken(path, at.line, error, in_lines=False) from error
        yield key, found, text


def _values(path: Path, options: ReadOptions, place: Place) -> Iterator[tuple[str, bytes, JsonScanner]]:
    """The values at a place, as they are spelled, with their keys, and with who knows the line."""
    try:
        with open_json_bytes(path, options.encoding) as file:
            scanner = JsonScanner(path, file)
            for key in arrivals(scanner, place.steps):
                if place.is_by_key or place.are_stacked or scanner.peek() != b"[":
                    yield key, scanner.value(), scanner
                    continue
                for text in scanner.values():
                    yield "", text, scanner
    except OSError as error:
        raise from_os_error(error, str(path)) from error


def _table_of_lists(path: Path, options: ReadOptions, place: Place) -> Table:
    """A table of lists; the first one has the names, if all of it is texts."""

    def lists() -> Iterator[tuple[list[msgspec.Raw], bytes, JsonScanner]]:
        width: int | None = None
        for _, text, at in _values(path, options, place):
            try:
                found = list_of(text)
            except (ValueError, RecursionError) as error:
                raise _broken(path, at.line, error, in_lines=False) from error
            width = len(found) if width is None else width
            if len(found) != width:
                raise TableError(
                    "json-lists-uneven", path=str(path), line=at.line, count=len(found), width=width
                )
            yield found, text, at

    first = next((found for found, _, _ in lists()), [])
    has_names = options.header != NO_HEADER and all(bytes(raw).startswith(b'"') for raw in first)
    if options.header == FIRST and not has_names:
        raise TableError("json-lists-unnamed", path=str(path))
    positions = [str(at) for at in range(len(first))]

    def rows(bad_rows: BadRowList, count: Count | None) -> Iterator[Row]:
        del bad_rows
        for number, (found, text, at) in enumerate(lists()):
            if number or not has_names:
                try:
                    if count is not None:
                        for raw in found:
                            count.cell(raw)
                except ValueError as error:
                    raise _broken(path, at.line, error, in_lines=False) from error
                yield "", dict(zip(positions, found, strict=True)), text

    try:
        names = tuple(cell_of(raw) if has_names else f"column_{at + 1}" for at, raw in enumerate(first))
    except ValueError as error:
        raise _broken(path, 1, error, in_lines=False) from error
    if not names:
        raise TableError("json-without-fields", path=str(path))
    tree, count, longest = FieldTree(path, flat=True), Count(), max_cell_bytes()
    tree.meet(dict(zip(positions, first, strict=True)), b"")
    for number, (_, found, text) in enumerate(rows(BadRowList(), count), start=1):
        if len(text) > longest:
            for name, raw in zip(names, found.values(), strict=True):
                require_cell(path, len(bytes(raw)), row=number, column=name)
    reading = replace(_reading(options, place, is_as_before=False), header=FIRST if has_names else NO_HEADER)
    notes = _notes(path, options, place, None, count)
    return JsonTable(path, tree.columns(), rows, reading, notes=notes, header=names)


def _table_of_texts(path: Path, options: ReadOptions, place: Place) -> Table:
    """A table of texts, in one column."""

    def rows(bad_rows: BadRowList, count: Count | None) -> Iterator[Row]:
        del bad_rows
        for _, text, at in _values(path, options, place):
            cell = msgspec.Raw(text)
            try:
                if count is not None:
                    count.cell(cell)
            except ValueError as error:
                raise _broken(path, at.line, error, in_lines=False) from error
            yield "", {TEXT: cell}, text

    tree, count, longest = FieldTree(path, flat=True), Count(), max_cell_bytes()
    for number, (_, found, text) in enumerate(rows(BadRowList(), count), start=1):
        tree.meet(found, b"")
        if len(text) > longest:
            require_cell(path, len(text), row=number, column=TEXT)
    notes = (Notice("note-json-texts", {"column": TEXT}), *_notes(path, options, place, None, count))
    return JsonTable(path, tree.columns(), rows, _reading(options, place, is_as_before=False), notes=notes)


def _table_of_columns(path: Path, options: ReadOptions, place: Place, *, is_as_before: bool) -> Table:
    """A table of an object of columns: each a list, or an object of cells by row; or as orient="split"."""
    data = _whole(path, options)
    require_memory(path, (data.count(b",") + data.count(b":")) * _VALUE_BYTES)
    scanner = JsonScanner(path, io.BytesIO(data), _MAX_DOCUMENT_BYTES)
    next(arrivals(scanner, place.steps), None)
    text, line = scanner.value(), scanner.line
    del data, scanner
    try:
        found, _ = checked_fields_of(text)
        count = Count()
        if {"columns", "data"} <= found.keys() and not is_as_before:
            keys, columns = _split_columns(path, found, count)
        else:
            keys, columns = _joined_columns(path, found, count, by_position=is_as_before)
        names = list(columns)
        key = free_name(KEY, names) if keys else None
        frame = pl.DataFrame(
            [
                pl.Series(str(at), cells, dtype=pl.String)
                for at, cells in enumerate([*([keys] if keys else []), *columns.values()])
            ]
        )
    except (ValueError, RecursionError) as error:
        raise _broken(path, line, error, in_lines=False) from error
    header = (*([key] if key else []), *names)
    notes = _notes(path, options, None, None, count)
    if key and options.rows is None:
        notes = (Notice("note-json-columns", {"path": path.name, "column": key}), *notes)
    _require_cells(path, header, frame)
    reading = _reading(options, place, is_as_before=is_as_before)
    return JsonColumnsTable(path, header, frame, reading, notes)


def _require_cells(path: Path, header: tuple[str, ...], frame: pl.DataFrame) -> None:
    for at, name in enumerate(header):
        sizes = frame[str(at)].str.len_bytes()
        longest = sizes.arg_max()
        if longest is not None:
            require_cell(path, int(sizes[longest]), row=longest + 1, column=name)


def _joined_columns(
    path: Path, found: Fields, count: Count, *, by_position: bool
) -> tuple[list[str], dict[str, list[str]]]:
    """
    The keys of the rows, where they are more than their numbers, and the cells of each column.

    pandas leaves no key out, but other programs do, and write them in any order.
    """
    if all(bytes(raw).startswith(b"[") for raw in found.values()):
        columns = {name: [count.cell(cell) for cell in list_of(raw)] for name, raw in found.items()}
        if len({len(cells) for cells in columns.values()}) != 1:
            raise TableError("json-columns-uneven", path=str(path))
        return [], columns
    objects = {name: _cells_by_key(raw) for name, raw in found.items()}
    if by_position:
        if len({len(cells) for cells in objects.values()}) != 1:
            raise TableError("json-columns-uneven", path=str(path))
        return [], {name: [count.cell(cell) for cell in cells.values()] for name, cells in objects.items()}
    keys = list(dict.fromkeys(key for cells in objects.values() for key in cells))
    columns = {name: [count.cell(cells.get(key)) for key in keys] for name, cells in objects.items()}
    return ([] if all(key.isdecimal() for key in keys) else keys), columns


def _cells_by_key(raw: msgspec.Raw) -> Fields:
    if bytes(raw).startswith(b"["):
        return {str(at): cell for at, cell in enumerate(list_of(raw))}
    return {} if bytes(raw) == b"null" else fields_of(raw)


def _split_columns(path: Path, found: Fields, count: Count) -> tuple[list[str], dict[str, list[str]]]:
    names = [cell_of(raw) for raw in list_of(found["columns"])]
    rows = [list_of(raw) for raw in list_of(found["data"])]
    index = [cell_of(raw) for raw in list_of(found["index"])] if "index" in found else []
    if any(len(row) != len(names) for row in rows) or (index and len(index) != len(rows)):
        raise TableError("json-columns-uneven", path=str(path))
    names = unique_names(names)
    columns = {name: [count.cell(row[at]) for row in rows] for at, name in enumerate(names)}
    return ([] if all(key.isdecimal() for key in index) else index), columns


def _whole(path: Path, options: ReadOptions) -> bytes:
    """All of a document."""
    blocks: list[bytes] = []
    size, most = 0, memory_for_tables()
    with open_json_bytes(path, options.encoding) as file:
        while block := file.read(_BLOCK_BYTES):
            blocks.append(block)
            size += len(block)
            if size > _MAX_DOCUMENT_BYTES:
                raise TableError("json-too-large", path=str(path), most=_MAX_DOCUMENT_BYTES)
            # It is put together of its blocks.
            require_memory(path, 2 * size, most)
    return b"".join(blocks)
