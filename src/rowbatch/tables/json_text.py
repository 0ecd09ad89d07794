"""
JSON as bytes: any document a value at a time, in bounded memory, and as careless programs write it.

Python's json module writes NaN and Infinity, and half of a surrogate pair where a text was cut in the middle
of an emoji; both are no JSON (RFC 8259), and both are read.
"""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from rowbatch.errors import TableError, from_os_error
from rowbatch.tables.ahead import require_wanted
from rowbatch.tables.bounds import CELL_VARIABLE, max_row_bytes
from rowbatch.tables.compressed import open_binary
from rowbatch.tables.encodings import marked_encoding

Fields = dict[str, msgspec.Raw]
"""An object, its values as they are spelled."""

BLOCK_BYTES = 1 << 20
_BOM = codecs.BOM_UTF8
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)
# Texts and whatever is no bracket. No part can be read in two ways, so this takes linear time.
_PLAIN = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)


def _whole_value(depth: int) -> bytes:
    """A pattern of brackets with so many in each other."""
    inner = b"|" + _whole_value(depth - 1) if depth else b""
    return rb'[{\[](?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+"' + inner + rb")*+[}\]]"


_ENTRY = re.compile(rb"[ \t\r\n]*+(" + _whole_value(4) + rb")[ \t\r\n]*+,", re.DOTALL)
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_BLANKS = re.compile(rb"[ \t\r\n]*+")
_SCALAR = re.compile(rb'[^ \t\r\n,:{}\[\]"]++')
# Where the count of `":` may not be that of the fields, or half of a pair may stand.
_ODD = re.compile(rb'\\"|"[ \t\r\n]+:|\\u[dD][89a-fA-F]')
_HALF = re.compile("[\ud800-\udfff]")
# Without a mark JSON shows what it is by the NUL bytes beside its first sign.
_BEGINNINGS = (
    (b"{\0\0\0", "utf-32-le"),
    (b"[\0\0\0", "utf-32-le"),
    (b"\0\0\0{", "utf-32-be"),
    (b"\0\0\0[", "utf-32-be"),
    (b"{\0", "utf-16-le"),
    (b"[\0", "utf-16-le"),
    (b"\0{", "utf-16-be"),
    (b"\0[", "utf-16-be"),
)


class FieldTwiceError(ValueError):
    """An object has two fields of a name: reading it would lose one."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the field {name!r} stands twice in an object")
        self.name = name


class NoObjectError(ValueError):
    """It is JSON, and not an object."""

    def __init__(self) -> None:
        super().__init__("it is JSON, but no object")


def open_json_bytes(path: Path, encoding: str | None = None) -> io.BufferedReader:
    """
    Open a JSON file for reading, unpacked, as UTF-8, whatever it is in; a byte order mark may stand first.

    Args:
        path: The file.
        encoding: What it is in, if somebody said it; None means UTF-8, UTF-16 or UTF-32, as its begin shows.
    Raises:
        InputError: There is no such file.
        TableError: From reading: it is packed and damaged, or not in the encoding.
    """
    file = open_binary(path)
    head = file.peek(4)[:4]
    known = (
        encoding
        or marked_encoding(head)
        or next((name for begin, name in _BEGINNINGS if head.startswith(begin)), None)
    )
    if known is None or codecs.lookup(known).name in ("utf-8", "utf-8-sig"):
        return file
    return io.BufferedReader(_AsUtf8(path, file, known), BLOCK_BYTES)


class _AsUtf8(io.RawIOBase):
    def __init__(self, path: Path, file: BinaryIO, encoding: str) -> None:
        self._path, self._file, self._encoding = path, file, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._left = b""
        self._is_over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left and not self._is_over:
            data = self._file.read(BLOCK_BYTES)
            self._is_over = not data
            try:
                self._left = self._decoder.decode(data, self._is_over).encode()
            except UnicodeError as error:
                raise TableError(
                    "text-not-of-encoding", path=str(self._path), encoding=self._encoding, told=str(error)
                ) from error
        given, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(given)] = given
        return len(given)

    def close(self) -> None:
        self._file.close()
        super().close()


class JsonScanner:
    """
    Goes through values of JSON that stand one after the other, and into them, from front to back.

    It finds where values begin and end; whether what is in them is JSON is seen when they are read. What was
    passed is forgotten, so memory is bounded by `max_row_bytes`, or what is said instead.

    Args:
        path: The file.
        file: It, as UTF-8.
        most_bytes: Of one value.
    Attributes:
        path: The file, for what is said about it.
    """

    def __init__(self, path: Path, file: BinaryIO, most_bytes: int | None = None) -> None:
        self.path = path
        self._file = file
        self._buffer, self._at, self._lines_before, self._is_over = b"", 0, 0, False
        self._most = most_bytes or max_row_bytes()
        self._more()
        if self._buffer.startswith(_BOM):
            self._at = len(_BOM)

    @property
    def line(self) -> int:
        """Of the file, from 1."""
        return self._lines_before + self._buffer.count(b"\n", 0, self._at) + 1

    def _more(self, start: int | None = None) -> bool:
        """Read on; what stands before `start` (this place) is forgotten. False at the end of the file."""
        if self._is_over:
            return False
        require_wanted()
        start = self._at if start is None else start
        kept = len(self._buffer) - start
        if kept > self._most:
            raise TableError(
                "row-too-long",
                path=str(self.path),
                line=self.line,
                most=self._most,
                variable=CELL_VARIABLE,
            )
        try:
            # As much again: what is cut at the end is looked at twice at most, however long it is.
            block = self._file.read(max(BLOCK_BYTES, kept))
        except OSError as error:
            raise from_os_error(error, str(self.path)) from error
        self._is_over = not block
        self._lines_before += self._buffer.count(b"\n", 0, start)
        self._buffer = self._buffer[start:] + block
        self._at -= start
        return bool(block)

    def peek(self) -> bytes:
        """The first byte of what comes next, white space aside; b"" at the end."""
        while True:
            blanks = _BLANKS.match(self._buffer, self._at)
            self._at = blanks.end() if blanks else self._at
            if self._at < len(self._buffer) or not self._more():
                return self._buffer[self._at : self._at + 1]

    def peek_behind(self) -> bytes:
        """The first byte that is no white space behind the one that comes next; b"" at the end."""
        self.peek()
        while True:
            blanks = _BLANKS.match(self._buffer, self._at + 1)
            end = blanks.end() if blanks else self._at + 1
            if end < len(self._buffer) or not self._more():
                return self._buffer[end : end + 1]

    def pass_mark(self, *marks: bytes) -> bytes:
        """
        Go behind one of these, and give it.

        Raises:
            TableError: Something else comes next.
        """
        found = self.peek()
        if found not in marks or not found:
            raise self.broken(f"{' or '.join(one.decode() for one in marks)} is missing")
        self._at += 1
        return found

    def broken(self, told: str) -> TableError:
        """The error that says what is wrong at this place."""
        if not self.peek():
            told = "it ends in the middle"
        return TableError("json-entry-broken", path=str(self.path), line=self.line, told=told)

    def value(self) -> bytes:
        """
        The next value as it is spelled.

        Raises:
            TableError: There is none, it is cut off, or longer than `max_row_bytes`.
        """
        self.peek()
        end = self._walk(keep=True)
        found, self._at = self._buffer[self._at : end], end
        return found

    def skip(self) -> None:
        """
        Go behind the next value, however long it is.

        Raises:
            TableError: As `value`.
        """
        self.peek()
        self._at = self._walk(keep=False)

    def _walk(self, *, keep: bool) -> int:
        """Where the value that begins here ends."""
        first = self._buffer[self._at : self._at + 1]
        if first not in (b"{", b"["):
            return self._end_of_scalar(_STRING if first == b'"' else _SCALAR)
        begin, at, depth = self._at, self._at, 0
        while True:
            plain = _PLAIN.match(self._buffer, at)
            at = plain.end() if plain else at
            bracket = self._buffer[at : at + 1]
            if bracket and bracket != b'"':
                depth += 1 if bracket in b"{[" else -1
                at += 1
                if depth == 0:
                    return at
                continue
            start = begin if keep else at
            self._at = begin if keep else at
            if not self._more(start):
                raise self.broken("it is cut off")
            begin, at = begin - start, at - start

    def _end_of_scalar(self, form: re.Pattern[bytes]) -> int:
        while True:
            found = form.match(self._buffer, self._at)
            if found and (found.end() < len(self._buffer) or form is _STRING or self._is_over):
                return found.end()
            if not self._more():
                if found := form.match(self._buffer, self._at):
                    return found.end()
                raise self.broken("a value is missing")

    def fields(self) -> Iterator[str]:
        """
        The names of the fields of the object that comes next; behind each its value is to be taken or
        skipped.

        Raises:
            TableError: It is broken.
        """
        self.pass_mark(b"{")
        if self.peek() == b"}":
            self.pass_mark(b"}")
            return
        while True:
            if self.peek() != b'"':
                raise self.broken("the name of a field is missing")
            name, _ = text_of(self._checked(self.value()))
            self.pass_mark(b":")
            yield name
            if self.pass_mark(b",", b"}") == b"}":
                return

    def entries(self) -> Iterator[int]:
        """
        The numbers, from 0, of the entries of the list that comes next; each is to be taken or skipped.

        Raises:
            TableError: It is broken.
        """
        self.pass_mark(b"[")
        if self.peek() == b"]":
            self.pass_mark(b"]")
            return
        number = 0
        while True:
            yield number
            number += 1
            if self.pass_mark(b",", b"]") == b"]":
                return

    def values(self) -> Iterator[bytes]:
        """
        The entries of the list that comes next, as they are spelled.

        Raises:
            TableError: It is broken, or an entry is longer than `max_row_bytes`.
        """
        self.pass_mark(b"[")
        if self.peek() == b"]":
            self.pass_mark(b"]")
            return
        while True:
            # Nearly all entries lie in the block as a whole, and one look finds their ends.
            while entry := _ENTRY.match(self._buffer, self._at):
                self._at = entry.end()
                yield entry[1]
            yield self.value()
            if self.pass_mark(b",", b"]") == b"]":
                return

    def _checked(self, raw: bytes) -> bytes:
        try:
            text_of(raw)
        except ValueError as error:
            raise self.broken(str(error)) from error
        return raw


def text_of(raw: bytes | msgspec.Raw) -> tuple[str, int]:
    """
    A text of JSON as it reads, and how many halves of surrogate pairs became U+FFFD in it.

    Raises:
        ValueError: It is none.
    """
    try:
        return _TEXT.decode(raw), 0
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        # Only here do halves of pairs come through.
        text = json.loads(bytes(raw))
        return _HALF.subn("\ufffd", str(text))


def cell_of(raw: msgspec.Raw | None) -> str:
    """A value as the text of a cell: what a text says, nothing for null, and all else as it is spelled."""
    if raw is None:
        return ""
    text = bytes(raw)
    if text.startswith(b'"'):
        return text_of(text)[0]
    return "" if text == b"null" else text.decode()


def fields_of(text: bytes | msgspec.Raw) -> Fields:
    """
    The fields of an object, their values as they are spelled.

    Raises:
        NoObjectError: It is JSON, but no object.
        ValueError, RecursionError: It is no JSON.
    """
    try:
        return _OBJECT.decode(text)
    except msgspec.ValidationError:
        raise NoObjectError from None
    except msgspec.DecodeError:
        return _fields_with_care(bytes(text))


def list_of(text: bytes | msgspec.Raw) -> list[msgspec.Raw]:
    """
    The entries of a list, as they are spelled.

    Raises:
        ValueError, RecursionError: It is none.
    """
    try:
        return _LIST.decode(text)
    except msgspec.ValidationError:
        raise ValueError("it is JSON, but no list") from None
    except msgspec.DecodeError:
        json.loads(bytes(text).decode(), parse_int=_number, parse_float=_number)
        scanner = JsonScanner(Path(), io.BytesIO(bytes(text)))
        return [msgspec.Raw(scanner.value()) for _ in scanner.entries()]


def checked_fields_of(text: bytes) -> tuple[Fields, int]:
    """
    As `fields_of`, where nothing is lost in silence, and how many halves of surrogate pairs are in its texts.

    Raises:
        FieldTwiceError: A field stands twice in it, or in an object in it.
        NoObjectError: It is JSON, but no object.
        ValueError, RecursionError: It is no JSON, or not UTF-8.
    """
    found = fields_of(text)
    if not text.isascii():
        text.decode()
    # Decoding keeps the last of two fields of a name.
    if text.count(b'":') == len(found) and not _ODD.search(text):
        return found, 0
    return found, _require_whole(text.decode())


def _require_whole(text: str) -> int:
    """Halves of pairs in the texts of a document; a `FieldTwiceError` where a field stands twice."""
    halves = 0
    may_have_halves = "\\u" in text

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any] | None:
        nonlocal halves
        if len({name for name, _ in found}) != len(found):
            seen: set[str] = set()
            raise FieldTwiceError(next(name for name, _ in found if name in seen or seen.add(name)))  # type: ignore[func-returns-value]
        if may_have_halves:
            # Those in lists stay as they are spelled: a list is a cell of JSON.
            halves += sum(len(_HALF.findall(value)) for _, value in found if isinstance(value, str))
        return None

    json.loads(text, object_pairs_hook=pairs, parse_int=str, parse_float=str)
    return halves


def _fields_with_care(text: bytes) -> Fields:
    """As msgspec reads an object, but with what Python's json module takes, too."""
    if not isinstance(json.loads(text.decode(), parse_int=_number, parse_float=_number), dict):
        raise NoObjectError
    scanner = JsonScanner(Path(), io.BytesIO(text))
    return {name: msgspec.Raw(scanner.value()) for name in scanner.fields()}


def _number(spelled: str) -> float:
    # What it is does not matter here; and an integer may have more digits than Python makes one of.
    del spelled
    return 0.0
