"""
What reading a workbook takes, before it is read: how much it unpacks to, how far a sheet reaches, how often a
text stands in it.

A sheet becomes a rectangle from its first cell to its last one, in which every text is written out. So one
cell far away, or one long text that many cells share, makes much of little. First there is a quick look that
finds too much if anything; where that is more than there is room for, the cells are counted one by one.

Source:
    ECMA-376 part 1, chapter 18 (.xlsx); [MS-XLSB] 2.1 and 2.4 (.xlsb); OpenDocument 1.3 part 3, 9.1 (.ods).
    Measured with fastexcel 0.21.0 and polars 2.1.0, from the file to rows of texts, 2 million cells: 61 bytes
    a cell without a value, 110 to 142 one with a value; of an .ods 128 (numbers) to 254 (texts of one
    letter). A byte of text takes 2.
"""

from __future__ import annotations

import contextlib
import io
import re
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

import polars as pl

from rowbatch.errors import TableError
from rowbatch.tables.bounds import MEMORY_VARIABLE, memory_for_tables, require_memory
from rowbatch.tables.odd_cells import (
    ERROR_RECORDS,
    KNOWN_ERRORS,
    TRUTH_RECORDS,
    errors_in_records,
    errors_in_xml,
    is_whole_number,
    odd_numbers_in_records,
    odd_numbers_in_xml,
    with_hundredths,
)
from rowbatch.tables.workbook_parts import (
    MOST_TAG_BYTES,
    CellPlace,
    EndlessTag,
    column_number,
    elements,
    feed_if_sound,
    linked,
    records,
)

_CELL_BYTES, _CELL_BYTES_ODS = 64, 256
_VALUE_BYTES = 80
_TEXT_BYTES = 2
# What a shared text takes besides its characters, while the list of them grows; and a byte of the other parts
# that are read whole, such as names that the workbook gives to cells.
_SHARED_TEXT_BYTES = 32
_WHOLE_FACTOR = 4
_PACKED_BYTES = 1 << 16
_BYTES_AT_ONCE = 1 << 20
_NUMBER_CHARS = 64
# What the reader takes whole, besides the sheets.
_WHOLE = re.compile(r"/?(xl/(sharedStrings|styles|workbook)\.(xml|bin)|.*\.rels)", re.IGNORECASE)
_STRINGS = re.compile(r"/?xl/sharedStrings\.(xml|bin)", re.IGNORECASE)
_SHEET = re.compile(r"/?xl/worksheets/[^/]+\.(xml|bin)", re.IGNORECASE)
_CONTENT = "content.xml"
# Where a cell of an .ods has a text besides its paragraphs.
_CELL_TEXTS = ("office:string-value", "table:formula")
# <c t="s"><v>0</v></c>: a cell with a shared text can't be shorter.
_LEAST_CELL = 21
# <row/>
_LEAST_ROW = 6
_MAX_COLUMNS = 16_384
_BEYOND_COLUMNS = 26 * 631
_ROW = re.compile(rb"row\s[^<>]*?\br\s*=\s*[\"']([0-9]{1,10})[\"']")
# A cell says its name first, as every program known writes it; here polars looks for others, there Python.
_UNNAMED = r"<(?:[A-Za-z0-9_.-]{1,20}:)?c(?:[/>]|[ \t\r\n]+(?:[^r \t\r\n]|r[^=]|r=[^\x22]))"
_UNNAMED_CELL = re.compile(_UNNAMED.encode())
_ERROR_CELL = re.compile(rb"\bt\s*=\s*[\"']e[\"']")
_TRUTH_CELL = re.compile(rb"\bt\s*=\s*[\"']b[\"']")
_TRUTH_ODS = b'office:value-type="boolean"'
_ERROR_TAG = re.compile(rb"(<(?:[A-Za-z0-9_.-]{1,20}:)?c\b[^<>]*?\bt\s*=\s*)[\"']e[\"']")
_UNCOMPUTED = re.compile(rb"(?:</f>|<f\b[^<>]*/>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>")
_CELL_NAME = re.compile(rb"r=\"([A-Za-z]{1,6})([0-9]{1,10})\"")


@dataclass(frozen=True, slots=True)
class SheetSize:
    """
    How much a sheet becomes, or more.

    Attributes:
        rows: Of the rectangle.
        columns: Of the rectangle.
        text_bytes: Of all its texts, written out.
        cell_bytes: What a cell takes besides its text.
    """

    rows: int
    columns: int
    text_bytes: int
    cell_bytes: int = _CELL_BYTES

    @property
    def needed_bytes(self) -> int:
        """Memory that reading it takes."""
        return self.cell_bytes * self.rows * self.columns + _TEXT_BYTES * self.text_bytes


class WorkbookSizes:
    """
    The parts of a new workbook (.xlsx, .xlsb, .ods).

    Args:
        path: The workbook, for messages.
        data: Its bytes.
    Raises:
        TableError: It is no zip file.
    """

    def __init__(self, path: Path, data: bytes) -> None:
        self._path, self._data = path, data
        self._most = memory_for_tables()
        self._strings: zipfile.ZipInfo | None = None
        self._whole_bytes = self._longest = 0
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as file:
                self._parts = {part.filename: part for part in file.infolist()}
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
            raise TableError("workbook-unreadable", path=str(path), told=str(error)) from error
        self._sheets = [part for part in self._parts.values() if _SHEET.fullmatch(part.filename)]
        self._looked: dict[str, _Looking] = {}
        self._values: dict[str, int] = {}
        self._with_errors: set[str] = set()
        self._with_truths: set[str] = set()
        self._with_whole_numbers: set[str] = set()
        self._uncomputed: dict[str, int] = {}
        self._errors: dict[str, dict[tuple[int, int], str]] = {}

    def require_texts(self) -> None:
        """
        Look at what is read before any sheet is.

        Raises:
            TableError: It does not fit into memory, or is damaged.
        """
        with self._readable():
            self._require_texts()

    def _require_texts(self) -> None:
        for name, part in self._parts.items():
            if _STRINGS.fullmatch(name):
                self._strings = part
                size, count, self._longest = self._shared_texts(part)
                self._whole_bytes += _TEXT_BYTES * size + _SHARED_TEXT_BYTES * count
            elif _WHOLE.fullmatch(name):
                self._whole_bytes += _WHOLE_FACTOR * sum(map(len, self._unpacked(part)))
        require_memory(self._path, self._whole_bytes, self._most)
        if _CONTENT in self._parts:
            # The reader takes all sheets of an .ods at once.
            self._require(_OpenDocument(self._unpacked(self._parts[_CONTENT])).size())

    def require_sheet(self, name: str) -> None:
        """
        Look at a sheet.

        Args:
            name: As the workbook calls it.
        Raises:
            TableError: It does not fit into memory, or is damaged.
        """
        with self._readable():
            for part in self._parts_of(name):
                if _is_binary(part):
                    self._require(self._exact_binary(part))
                    continue
                quick = self._quick(part)
                besides = _VALUE_BYTES * self._values[part.filename]
                needed = quick.needed_bytes + besides + self._whole_bytes
                if needed > self._most or quick.columns > _MAX_COLUMNS:
                    self._require(self._exact(part), besides)

    def values_of(self, name: str) -> int | None:
        """
        Cells with a value of a sheet that `require_sheet` looked at, or more where it has other such tags.

        Returns:
            None where that is not known.
        """
        parts = self._parts_of(name)
        return self._values.get(parts[0].filename) if len(parts) == 1 else None

    def errors_of(self, name: str) -> dict[tuple[int, int], str]:
        """
        Cells with an error, such as `#N/A`, of a sheet that `require_sheet` looked at.

        Returns:
            Their texts by row and column, from 0; nothing where they are not known.
        """
        parts = self._parts_of(name)
        if len(parts) != 1 or parts[0].filename not in self._with_errors:
            return {}
        part = parts[0]
        if part.filename not in self._errors:
            find = errors_in_records if _is_binary(part) else errors_in_xml
            with self._readable():
                self._errors[part.filename] = find(self._unpacked(part))
        return self._errors[part.filename]

    def has_truths(self, name: str) -> bool:
        """Whether a sheet that `require_sheet` looked at may have cells with true or false."""
        if _CONTENT in self._parts:
            # What begins in one block and ends in the next is looked for apart.
            keep, rest = len(_TRUTH_ODS) - 1, b""
            with self._readable():
                for block in self._unpacked(self._parts[_CONTENT]):
                    if _TRUTH_ODS in block or _TRUTH_ODS in rest + block[:keep]:
                        return True
                    rest = (rest + block)[-keep:]
            return False
        return any(part.filename in self._with_truths for part in self._parts_of(name))

    def odd_numbers_of(self, name: str) -> dict[tuple[int, int], float]:
        """Numbers of a sheet that are no day and no time, see `is_odd`, by row and column from 0."""
        parts = self._parts_of(name)
        if len(parts) != 1:
            return {}
        find = odd_numbers_in_records if _is_binary(parts[0]) else odd_numbers_in_xml
        with self._readable():
            return find(self._unpacked(parts[0]))

    def with_readable_cells(self, name: str) -> bytes | None:
        """
        The workbook with a sheet, at which `require_sheet` looked, that has only cells that the reader knows.

        Returns:
            None where it has no others.
        """
        parts = self._parts_of(name)
        if len(parts) != 1:
            return None
        (part,) = parts
        if _is_binary(part):
            if part.filename not in self._with_whole_numbers:
                return None
        elif not set(self.errors_of(name).values()) - KNOWN_ERRORS:
            return None
        require_memory(self._path, 3 * part.file_size + 2 * len(self._data), self._most)
        content = b"".join(self._unpacked(part))
        content = with_hundredths(content) if _is_binary(part) else _ERROR_TAG.sub(rb'\1"str"', content)
        made = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(self._data)) as old, zipfile.ZipFile(made, "w") as new:
            for one in old.infolist():
                new.writestr(one.filename, content if one.filename == part.filename else old.read(one))
        return made.getvalue()

    def hidden(self) -> set[str]:
        """Names of the sheets of an .xlsx or .xlsb that a person does not see."""
        try:
            with self._readable():
                return {one.name for one in self._names() if one.is_hidden}
        except expat.ExpatError:
            return set()

    def uncomputed_of(self, name: str) -> int:
        """Cells of a sheet of an .xlsx that have a formula and no value, as `require_sheet` saw them."""
        return sum(self._uncomputed.get(part.filename, 0) for part in self._parts_of(name)[:1])

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except EndlessTag:
            told = f"a tag of more than {MOST_TAG_BYTES >> 20} MiB"
            raise TableError("workbook-unreadable", path=str(self._path), told=told) from None

    def _require(self, size: SheetSize, besides: int = 0) -> None:
        if size.columns > _MAX_COLUMNS:
            raise TableError(
                "too-many-columns", path=str(self._path), columns=size.columns, most=_MAX_COLUMNS
            )
        needed = size.needed_bytes + besides + self._whole_bytes
        if needed <= self._most:
            return
        if 2 * size.cell_bytes * size.rows * size.columns > needed:
            raise TableError(
                "sheet-needs-memory",
                path=str(self._path),
                rows=size.rows,
                columns=size.columns,
                needed_gb=needed / (1 << 30),
                most_gb=self._most / (1 << 30),
                variable=MEMORY_VARIABLE,
            )
        require_memory(self._path, needed, self._most)

    def _parts_of(self, name: str) -> list[zipfile.ZipInfo]:
        """The part of a sheet; all of them where it cannot be told which."""
        sheets = self._sheets
        links = self._parts.get("xl/_rels/workbook.xml.rels") or self._parts.get("xl/_rels/workbook.bin.rels")
        if len(sheets) <= 1 or links is None:
            return sheets
        try:
            ids = {one.name: one.link for one in self._names()}
            targets = {
                one.get("Id"): one.get("Target", "")
                for one in elements(self._unpacked(links), "Relationship")
            }
        except expat.ExpatError:
            return sheets
        target = targets.get(ids.get(name), "")
        found = [
            part
            for part in sheets
            if target and part.filename.endswith(target.removeprefix("/").removeprefix("xl/"))
        ]
        return found or sheets

    def _names(self) -> list[_NamedSheet]:
        """The sheets as the workbook lists them."""
        if book := self._parts.get("xl/workbook.xml"):
            return [
                _NamedSheet(one.get("name", ""), linked(one), one.get("state") in ("hidden", "veryHidden"))
                for one in elements(self._unpacked(book), "sheet")
            ]
        if book := self._parts.get("xl/workbook.bin"):
            found = records(self._unpacked(book))
            return [_sheet_of_record(content) for kind, content in found if kind == _SHEET_RECORD]
        return []

    def _unpacked(self, part: zipfile.ZipInfo) -> Iterator[bytes]:
        """
        A part, a block at a time, as long as it really is: what the file says of its length may be wrong.
        """
        at = part.header_offset
        name_bytes, extra_bytes = struct.unpack_from("<HH", self._data, at + 26)
        at += 30 + name_bytes + extra_bytes
        end = at + part.compress_size
        size = 0
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS) if part.compress_type == zipfile.ZIP_DEFLATED else None
        if unpacker is None and part.compress_type != zipfile.ZIP_STORED:
            raise TableError(
                "workbook-unreadable", path=str(self._path), told=f"{part.filename} is packed oddly"
            )
        while at < end:
            packed = self._data[at : min(at + _PACKED_BYTES, end)]
            at += _PACKED_BYTES
            while packed:
                try:
                    block = unpacker.decompress(packed, _BYTES_AT_ONCE) if unpacker else packed
                except zlib.error as error:
                    raise TableError("workbook-unreadable", path=str(self._path), told=str(error)) from error
                packed = unpacker.unconsumed_tail if unpacker else b""
                size += len(block)
                if size > self._most:
                    require_memory(self._path, size, self._most)
                yield block
            if unpacker and unpacker.eof:
                return

    def _shared_texts(self, part: zipfile.ZipInfo) -> tuple[int, int, int]:
        """Bytes of all shared texts, how many they are, and bytes of the longest, or more."""
        size = count = longest = current = 0
        is_binary = _is_binary(part)
        for block in self._unpacked(part):
            size += len(block)
            pieces = block.split(b"<si") if not is_binary else [block]
            current += len(pieces[0])
            count += len(pieces) - 1 if not is_binary else block.count(b"\x13")
            if len(pieces) > 1:
                longest, current = max(longest, current, *map(len, pieces[1:-1])), len(pieces[-1])
        return size, count, max(longest, current)

    def look_ahead(self, name: str | None) -> None:
        """Begin to look at a sheet, the first one where there is no name, while something else is read."""
        parts = self._parts_of(name) if name is not None else self._sheets[:1]
        for part in parts[:1]:
            if not _is_binary(part):
                self._looked[part.filename] = _Looking(partial(self._extent, part))

    def _quick(self, part: zipfile.ZipInfo) -> SheetSize:
        looked = self._looked.get(part.filename)
        size, rows, columns = looked.result() if looked else self._extent(part)
        return SheetSize(rows, columns, size // _LEAST_CELL * self._longest + size)

    def _extent(self, part: zipfile.ZipInfo) -> tuple[int, int, int]:
        """
        Bytes, rows and columns of a sheet, or more.

        Names of cells are looked for as programs spell them, `<c r="A1"`. What could be a cell without one
        may stand anywhere: then there are more columns than a sheet may have.
        """
        size, rows, named_row, columns, rest, values, begun = 0, None, 0, 26, b"", 0, b""
        uncomputed, has_formulas, has_truths = 0, False, False
        for block in self._unpacked(part):
            size += len(block)
            numbers = _ROW.findall(block, max(block.rfind(b"row ") - 1, 0))
            if numbers:
                rows = max(rows or 0, int(numbers[-1]))
            # What begins in one block and ends in the next is counted apart.
            values += block.count(b"<v") + (rest[-1:] + block[:1]).count(b"<v")
            # From the right a sign is looked for in half the time that it takes to count.
            if block.rfind(b"<is") >= 0:
                values += block.count(b"<is")
            values += (rest[-2:] + block[:2]).count(b"<is")
            rest = block[-2:]
            # No tag is cut, and no letter.
            end = block.rfind(b"<")
            piece, begun = (begun + block, b"") if end < 0 else (begun + block[:end], block[end:])
            # All errors have the sign, and one letter is looked for six times as fast as five.
            if b"#" in piece and _ERROR_CELL.search(piece):
                self._with_errors.add(part.filename)
            # That no apostrophe is there is seen in a tenth of the time; one that is there may be a text's.
            in_apostrophes = b"'" in piece and piece.rfind(b"'b'") >= 0
            if not has_truths and (in_apostrophes or piece.rfind(b'"b"') >= 0):
                has_truths = _TRUTH_CELL.search(piece) is not None
            has_formulas = has_formulas or piece.rfind(b"</f><") >= 0
            if has_formulas:
                uncomputed += len(_UNCOMPUTED.findall(piece))
            if _has_further_cells(piece, max(rows or 0, named_row), columns):
                if _UNNAMED_CELL.search(piece):
                    columns = _BEYOND_COLUMNS
                for letters, number in _CELL_NAME.findall(piece):
                    if len(letters) > 1:
                        columns = max(columns, -(-column_number(letters.decode()) // 26) * 26)
                    named_row = max(named_row, int(number))
        self._values[part.filename] = values
        self._uncomputed[part.filename] = uncomputed
        if has_truths:
            self._with_truths.add(part.filename)
        # Rows need not say their numbers; then there is one for every few bytes.
        return size, max(size // _LEAST_ROW if rows is None else rows, named_row), columns

    def _exact(self, part: zipfile.ZipInfo) -> SheetSize:
        lengths = [] if self._strings is None else _text_lengths(self._unpacked(self._strings))
        return _Sheet(self._unpacked(part), lengths).size(self._most)

    def _exact_binary(self, part: zipfile.ZipInfo) -> SheetSize:
        lengths: list[int] = []
        if self._strings is not None:
            for kind, content in records(self._unpacked(self._strings)):
                if kind == _SHARED_TEXT and len(content) >= 5:
                    lengths.append(2 * int.from_bytes(content[1:5], "little"))
        rows = columns = text = 0
        for kind, content in records(self._unpacked(part)):
            if kind == _ROW_HEADER:
                rows = max(rows, int.from_bytes(content[:4], "little") + 1)
            elif kind in _CELL_RECORDS:
                columns = max(columns, int.from_bytes(content[:4], "little") + 1)
                if kind in ERROR_RECORDS:
                    self._with_errors.add(part.filename)
                elif kind in TRUTH_RECORDS:
                    self._with_truths.add(part.filename)
                elif is_whole_number(kind, content):
                    self._with_whole_numbers.add(part.filename)
                if kind == _CELL_SHARED:
                    text += _length_at(lengths, int.from_bytes(content[8:12], "little"))
                else:
                    text += max(len(content) - 8, 0)
        return SheetSize(rows, columns, text)


class _NamedSheet(NamedTuple):
    """A sheet as the workbook lists it."""

    name: str
    link: str | None
    is_hidden: bool


def _sheet_of_record(content: bytes) -> _NamedSheet:
    """A sheet of an .xlsb: its state, a number, the link and the name, each with its length before it."""
    texts, at = [], 8
    for _ in range(2):
        size = 2 * int.from_bytes(content[at : at + 4], "little")
        texts.append(content[at + 4 : at + 4 + size].decode("utf-16-le", "replace"))
        at += 4 + size
    return _NamedSheet(texts[1], texts[0], int.from_bytes(content[:4], "little") != 0)


def _is_binary(part: zipfile.ZipInfo) -> bool:
    return part.filename.lower().endswith(".bin")


class _Looking:
    """What a thread of its own finds out."""

    def __init__(self, look: Callable[[], tuple[int, int, int]]) -> None:
        self._look, self._found = look, (0, 0, 0)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="rowbatch-look-ahead", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._found = self._look()
        except BaseException as error:  # noqa: BLE001 - it is raised again, where it is asked for
            self._error = error

    def result(self) -> tuple[int, int, int]:
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._found


_ROW_HEADER, _CELL_SHARED, _SHARED_TEXT = 0, 7, 19
_CELL_RECORDS = frozenset(range(1, 12))
_SHEET_RECORD = 156


def _length_at(lengths: list[int], index: int) -> int:
    return lengths[index] if 0 <= index < len(lengths) else 0


def _text_lengths(blocks: Iterator[bytes]) -> list[int]:
    """Bytes of each shared text."""
    lengths: list[int] = []

    def start(name: str, _: dict[str, str]) -> None:
        if name.rpartition(":")[2] == "si":
            lengths.append(0)

    def text(data: str) -> None:
        if lengths:
            lengths[-1] += len(data.encode())

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.CharacterDataHandler = start, text
    feed_if_sound(parser, blocks)
    return lengths


class _Sheet:
    """The cells of a sheet of an .xlsx, one by one."""

    def __init__(self, blocks: Iterator[bytes], lengths: list[int]) -> None:
        self._blocks, self._lengths = blocks, lengths
        self._at = CellPlace()
        self._rows = self._columns = self._text_bytes = 0
        # A text may be as long as the file; of a number of a shared text this is enough.
        self._is_shared, self._value, self._length = False, "", 0

    def size(self, most_bytes: int) -> SheetSize:
        """How far they reach, and what texts they have; as far as that is known to be too much."""
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text
        feed_if_sound(parser, self._until_too_much(most_bytes))
        return self._size()

    def _size(self) -> SheetSize:
        return SheetSize(self._rows, self._columns, self._text_bytes)

    def _until_too_much(self, most_bytes: int) -> Iterator[bytes]:
        for block in self._blocks:
            yield block
            if self._size().needed_bytes > most_bytes or self._columns > _MAX_COLUMNS:
                return

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        match name.rpartition(":")[2]:
            case "row":
                self._at.row_begins(attributes)
            case "c":
                self._at.cell_begins(attributes)
                self._is_shared = attributes.get("t") == "s"
            case "v" | "t":
                self._value, self._length = "", 0
                self._rows = max(self._rows, self._at.row)
                self._columns = max(self._columns, self._at.column)

    def _text(self, data: str) -> None:
        self._length += len(data)
        if len(self._value) < _NUMBER_CHARS:
            self._value += data[:_NUMBER_CHARS]

    def _end(self, name: str) -> None:
        if name.rpartition(":")[2] in ("v", "t"):
            if self._is_shared and self._value.strip().isdecimal():
                self._text_bytes += _length_at(self._lengths, int(self._value.strip()[:10]))
            else:
                self._text_bytes += self._length
        self._value, self._length = "", 0


def _has_further_cells(piece: bytes, row: int, columns: int) -> bool:
    """
    Whether a piece of a sheet may have cells further away, or what could be a cell and says no name first.

    Polars looks, for both at once and without the lock of Python: 0.9 s of processor time for 260 MB. Rows
    that are lower by less than a tenth are passed over.

    Args:
        row: Of the lowest cell so far.
        columns: So far; 26 times something.
    """
    said = f"{min(row, 10**9):02d}"
    try:
        text = pl.DataFrame({"text": [piece]}).cast(pl.String)
    except pl.exceptions.PolarsError:
        return True
    found = text.select(
        further=pl.col("text").str.contains(_further_than(columns, said[:2], len(said) - 2)),
        unnamed=pl.col("text").str.contains(_UNNAMED),
    )
    return any(found.row(0))


@lru_cache(maxsize=256)
def _further_than(columns: int, begin: str, more: int) -> str:
    """
    Names of cells in a later column, or with a row that begins higher or has more digits.

    Args:
        columns: 26 times something. All names with three letters are further.
        begin: The first two digits of the row.
        more: How many come behind them.
    """
    first = chr(ord("A") + min(columns // 26, 27) - 1)
    two = rf"[{first}-Z{first.lower()}-z][A-Za-z]|" if columns < 26 * 27 else ""
    rows = [rf"[0-9]{{{more + 3},10}}"]
    if begin[0] < "9":
        rows.append(rf"[{int(begin[0]) + 1}-9][0-9]{{{more + 1}}}")
    if begin[1] < "9":
        rows.append(rf"{begin[0]}[{int(begin[1]) + 1}-9][0-9]{{{more}}}")
    letters = rf"(?:{two}[A-Za-z]{{3,6}})[0-9]|" if columns <= _MAX_COLUMNS else ""
    return rf"r=\x22(?:{letters}[A-Za-z]{{1,6}}(?:{'|'.join(rows)})\x22)"


class _OpenDocument:
    """The cells of all sheets of an .ods, with those that are said once and repeated."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rows = self._row_texts = self._cells = self._texts = self._widest = self._sheet_widest = 0
        self._seen_rows = self._column = self._filled_to = self._text = 0
        self._row_times = self._cell_times = 1
        self._is_cell = self._is_filled = False

    def size(self) -> SheetSize:
        """As one sheet that has them all."""
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._characters
        feed_if_sound(parser, self._blocks)
        self._end("table:table")
        rows = -(-self._cells // self._widest) if self._widest else 0
        return SheetSize(rows, self._widest, self._texts, _CELL_BYTES_ODS)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        match name:
            case "table:table-row":
                self._row_times = _times(attributes.get("table:number-rows-repeated"))
                self._column = self._filled_to = self._row_texts = 0
            case "table:table-cell" | "table:covered-table-cell":
                self._cell_times = _times(attributes.get("table:number-columns-repeated"))
                self._is_cell = True
                self._text = sum(len(attributes.get(name, "")) for name in _CELL_TEXTS)
                self._is_filled = any(key.startswith("office:") for key in attributes)
            case "text:s":
                # So many spaces.
                self._text += _times(attributes.get("text:c"))

    def _characters(self, data: str) -> None:
        if self._is_cell:
            self._text += len(data.encode())
            self._is_filled = True

    def _end(self, name: str) -> None:
        match name:
            case "table:table-cell" | "table:covered-table-cell":
                self._column += self._cell_times
                if self._is_filled:
                    self._filled_to = self._column
                    self._row_texts += self._text * self._cell_times
                self._is_cell = False
            case "table:table-row":
                self._seen_rows += self._row_times
                if self._filled_to:
                    self._rows = self._seen_rows
                    self._sheet_widest = max(self._sheet_widest, self._filled_to)
                    self._texts += self._row_texts * self._row_times
            case "table:table":
                self._cells += self._rows * self._sheet_widest
                self._widest = max(self._widest, self._sheet_widest)
                self._rows = self._seen_rows = self._sheet_widest = 0


def _times(said: str | None) -> int:
    # More than any memory is enough of it.
    return max(int(said[:20]), 1) if said and said.isdecimal() else 1
