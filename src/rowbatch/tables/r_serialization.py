"""
What R saves (`saveRDS`, `save`), as values with their attributes.

A reader of our own, since what R means by a number stands in the attributes of its vector: an id of 64
bits, a date, a moment in Berlin, and one of haven's missing values are all the same to whoever reads only
numbers.

Source:
    R Internals, "Serialization Formats" (versions 2 and 3); R 4.5, src/main/serialize.c and altclasses.c.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from rowbatch.tables.ahead import require_wanted
from rowbatch.tables.bounds import memory_for_tables, require_memory

NA_INTEGER = -(2**31)
_BLOCK_BYTES = 1 << 20
# What reading takes at most of memory, measured on vectors of a million: of a number with its copy as a
# column; of a text beside its bytes; of any other value.
_COPIES, _TEXT_BYTES, _VALUE_BYTES = 3, 80, 400
_NULL, _SYMBOL, _PAIRS, _CLOSURE, _ENVIRONMENT, _PROMISE, _LANGUAGE = 0, 1, 2, 3, 4, 5, 6
_SPECIAL, _BUILTIN, _TEXT, _LOGICAL, _INTEGER, _DOUBLE, _COMPLEX = 7, 8, 9, 10, 13, 14, 15
_TEXTS, _DOTS, _LIST, _EXPRESSION, _BYTECODE, _POINTER, _WEAK, _RAW, _OBJECT = (
    16, 17, 19, 20, 21, 22, 23, 24, 25,
)  # fmt: skip
_ALTERNATIVE, _ATTR_PAIRS, _ATTR_LANGUAGE, _CODE_REFERENCE, _CODE_DEFINITION = 238, 239, 240, 243, 244
_PERSISTENT, _PACKAGE, _NAMESPACE, _REFERENCE = 247, 248, 249, 255
# Environments that every R has, and marks for what is missing.
_NOTHING = (241, 242, 250, 251, 252, 253, 254)
_HAS_ATTRIBUTES, _HAS_TAG = 0x200, 0x400
_MANY = (b"RDX2", b"RDX3", b"RDA2", b"RDA3", b"RDB2", b"RDB3")
_BYTES, _LATIN1, _UTF8, _ASCII = 0x2000, 0x4000, 0x8000, 0x40000


@dataclass(slots=True, eq=False)
class RValue:
    """
    A value of R.

    Attributes:
        kind: `null`, `logical`, `integer`, `double`, `complex`, `text`, `raw`, `list`, `pairs`, or `other`
            for what is no data: functions, environments, names.
        data: An array of numpy (logical: integers), texts with None for NA, values, or None.
        attributes: By name.
    """

    kind: str
    data: Any = None
    attributes: dict[str, RValue] = field(default_factory=dict)

    def __len__(self) -> int:
        return 0 if self.data is None else len(self.data)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of its classes, the nearest first."""
        return tuple(self.texts("class"))

    def texts(self, attribute: str) -> list[str]:
        """The texts of an attribute; none where it has no such attribute, or another kind."""
        found = self.attributes.get(attribute)
        return [text or "" for text in found.data] if found is not None and found.kind == "text" else []

    def named(self) -> list[tuple[str, RValue]]:
        """The values of a list with their names, "" where there is none."""
        if self.kind == "pairs":
            return list(self.data)
        names = self.texts("names")
        return list(zip(names or [""] * len(self), self.data, strict=False))


class RFileError(Exception):
    """The bytes are not what R writes."""


class TextEncodingError(Exception):
    """A text is not of the encoding that it should be of."""

    def __init__(self, encoding: str) -> None:
        super().__init__(encoding)
        self.encoding = encoding


def read_objects(file: BinaryIO, path: Path, encoding: str | None) -> dict[str, RValue]:
    """
    Read all that was saved.

    Args:
        file: Of bytes, unpacked.
        path: For messages.
        encoding: Of texts that R did not mark; None means what the file says, or UTF-8.
    Returns:
        By name; the name is "" where `saveRDS` wrote it.
    Raises:
        TableError: It asks for too much memory, or what is packed is damaged.
        RFileError: The bytes are not what R writes.
        TextEncodingError: A text is of another encoding.
    """
    source = _Source(file, path)
    mark = source.line()
    is_many = mark in _MANY
    if is_many:
        mark = source.line()
    if mark not in (b"X", b"B", b"A"):
        raise RFileError("it does not begin as R's files do")
    form = _Words(source) if mark == b"A" else _Binary(source, ">" if mark == b"X" else "<")
    try:
        value = _Reader(source, form, encoding).read()
    except (struct.error, IndexError, TypeError, ValueError, OverflowError) as error:
        raise RFileError(str(error)) from error
    except RecursionError as error:
        raise RFileError("its values are nested too deep") from error
    if not is_many:
        return {"": value}
    return dict(value.named()) if value.kind == "pairs" else {}


class _Source:
    """Bytes from the begin to the end, within a bound on all that is made of them."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file, self._path = file, path
        self._most = memory_for_tables()
        self._needed = 0
        self.block = b""
        self.at = 0

    def need(self, size_bytes: int) -> None:
        """
        Count what is going to be in memory.

        Raises:
            TableError: It is too much.
        """
        self._needed += size_bytes
        require_memory(self._path, self._needed, self._most)

    def take(self, count: int) -> bytes:
        """So many bytes."""
        at = self.at
        if at + count > len(self.block):
            self.fill(count)
            at = 0
        self.at = at + count
        return self.block[at : self.at]

    def line(self) -> bytes:
        """A short line, without its end."""
        found = b""
        while not found.endswith(b"\n"):
            found += self.take(1)
            if len(found) > 8:
                raise RFileError("it does not begin as R's files do")
        return found.strip()

    def fill(self, count: int) -> None:
        """Have at least so many bytes in `block`, which begins with the next one."""
        require_wanted()
        rest = self.block[self.at :]
        more = self._file.read(max(count - len(rest), _BLOCK_BYTES))
        self.block, self.at = rest + more, 0
        if len(self.block) < count:
            raise RFileError("it ends too early")

    def rest(self) -> bytes:
        """All that is left."""
        found = [self.block[self.at :]]
        while more := self._file.read(_BLOCK_BYTES):
            # A word of two letters becomes an object of Python.
            self.need(40 * len(more))
            found.append(more)
        return b"".join(found)


class _Binary:
    """Numbers and texts as bytes."""

    def __init__(self, source: _Source, order: str) -> None:
        self._source, self._order = source, order
        self._pair = struct.Struct(f"{order}ii")
        self._unpack = struct.Struct(f"{order}i").unpack

    def whole(self) -> int:
        return int(self._unpack(self._source.take(4))[0])

    def numbers(self, count: int, kind: str) -> np.ndarray[Any, Any]:
        size = int(kind[1])
        return np.frombuffer(self._source.take(count * size), dtype=self._order + kind).astype(kind)

    def raw(self, count: int) -> bytes:
        return self._source.take(count)

    def text(self, count: int) -> bytes:
        return self._source.take(count)

    def texts(self, count: int, decode: Callable[[int, bytes | None], str | None]) -> list[str | None]:
        """Texts with their flags; a text that comes again is the same object."""
        source, unpack = self._source, self._pair.unpack_from
        seen: dict[bytes, str | None] = {}
        found: list[str | None] = []
        add = found.append
        for _ in range(count):
            if source.at + 8 > len(source.block):
                source.fill(8)
            at = source.at
            flags, size = unpack(source.block, at)
            if flags & 0xFF != _TEXT or size < -1:
                raise RFileError("a text is expected, and there is another value")
            if size == -1:
                source.at = at + 8
                add(None)
                continue
            if at + 8 + size > len(source.block):
                source.need(size)
                source.fill(8 + size)
                at = 0
            source.at = at + 8 + size
            raw = source.block[at : source.at]
            try:
                add(seen[raw])
            except KeyError:
                source.need(_TEXT_BYTES + 3 * size)
                text = seen[raw] = decode(flags, raw[8:])
                add(text)
        return found


class _Words:
    """Numbers and texts as words of ASCII, as `saveRDS(ascii = TRUE)` writes them."""

    def __init__(self, source: _Source) -> None:
        self._words: Iterator[bytes] = iter(source.rest().split())

    def _next(self) -> bytes:
        word = next(self._words, None)
        if word is None:
            raise RFileError("it ends too early")
        return word

    def whole(self) -> int:
        word = self._next()
        return NA_INTEGER if word == b"NA" else int(word)

    def numbers(self, count: int, kind: str) -> np.ndarray[Any, Any]:
        if kind == "i4":
            return np.array([self.whole() for _ in range(count)], dtype=np.int32)
        return np.array([_number(self._next()) for _ in range(count)], dtype=np.float64)

    def raw(self, count: int) -> bytes:
        return bytes(int(self._next(), 16) for _ in range(count))

    def text(self, count: int) -> bytes:
        # An empty text is an empty line, and so no word.
        return _unescaped(self._next()) if count else b""

    def texts(self, count: int, decode: Callable[[int, bytes | None], str | None]) -> list[str | None]:
        found = []
        for _ in range(count):
            flags, size = self.whole(), self.whole()
            found.append(decode(flags, None if size == -1 else self.text(size)))
        return found


def _number(word: bytes) -> float:
    # R writes its missing number as NA; which NaN that is, is told by its last 32 bits.
    if word == b"NA":
        return struct.unpack(">d", b"\x7f\xf0\x00\x00\x00\x00\x07\xa2")[0]  # type: ignore[no-any-return]
    text = word.decode("ascii")
    return float.fromhex(text) if "x" in text else float(text)


_ESCAPES = {b"n": b"\n", b"t": b"\t", b"v": b"\v", b"b": b"\b", b"r": b"\r", b"f": b"\f", b"a": b"\a"}


def _unescaped(word: bytes) -> bytes:
    if b"\\" not in word:
        return word
    import re

    def one(found: re.Match[bytes]) -> bytes:
        mark = found[1]
        return bytes([int(mark, 8)]) if mark[:1].isdigit() else _ESCAPES.get(mark, mark)

    return re.sub(rb"\\([0-7]{1,3}|.)", one, word, flags=re.DOTALL)


class _Reader:
    """One value after the other, each with what belongs to it."""

    def __init__(self, source: _Source, form: _Binary | _Words, encoding: str | None) -> None:
        self._source, self._form = source, form
        self._encoding = encoding or "utf-8"
        self._references: list[RValue] = []
        version = form.whole()
        form.whole(), form.whole()
        if version not in (2, 3):
            raise RFileError(f"it is of version {version} of R's format, which is not known")
        if version == 3:
            native = form.text(form.whole()).decode("ascii", "replace")
            self._encoding = encoding or _codec(native)

    def read(self) -> RValue:
        """The next value with all that is in it."""
        return self._value(self._form.whole())

    def _value(self, flags: int) -> RValue:
        kind = flags & 0xFF
        self._source.need(_VALUE_BYTES)
        if kind in (_PAIRS, _LANGUAGE, _CLOSURE, _PROMISE, _DOTS, _ATTR_PAIRS, _ATTR_LANGUAGE):
            return self._pairs(flags)
        value = self._simple(kind, flags)
        if value is None:
            value = self._vector(kind)
            if flags & _HAS_ATTRIBUTES:
                value.attributes = self._attributes()
        return value

    def _attributes(self) -> dict[str, RValue]:
        found = self.read()
        return dict(found.data) if found.kind == "pairs" else {}

    def _simple(self, kind: int, flags: int) -> RValue | None:
        """What has no attributes, or has them in a place of their own; None for all else."""
        form = self._form
        if kind == _REFERENCE:
            number = flags >> 8 or form.whole()
            if not 0 < number <= len(self._references):
                raise RFileError("it refers to a value that does not exist")
            return self._references[number - 1]
        if kind == _NULL or kind in _NOTHING:
            return RValue("null")
        if kind == _SYMBOL:
            value = self._refer(RValue("other"))
            name = self.read()
            value.data = [name.data[0] if name.kind == "text" else ""]
            return value
        if kind in (_PERSISTENT, _PACKAGE, _NAMESPACE):
            form.whole()
            form.texts(self._length(), self._decoded)
            return self._refer(RValue("other"))
        if kind == _ENVIRONMENT:
            value = self._refer(RValue("other"))
            form.whole()
            for _ in range(4):
                self.read()
            return value
        if kind == _TEXT:
            size = form.whole()
            if size > 0:
                self._source.need(3 * size)
            return RValue("text", [self._decoded(flags, None if size == -1 else form.text(size))])
        if kind == _ALTERNATIVE:
            return self._alternative()
        return None

    def _refer(self, value: RValue) -> RValue:
        self._references.append(value)
        return value

    def _length(self) -> int:
        length = self._form.whole()
        if length == -1:
            length = (self._form.whole() << 32) + self._form.whole()
        if length < 0:
            raise RFileError("a length is negative")
        return length

    def _vector(self, kind: int) -> RValue:
        form = self._form
        match kind:
            case 10 | 13:
                value = RValue("logical" if kind == _LOGICAL else "integer", self._numbers(1, "i4"))
            case 14:
                value = RValue("double", self._numbers(1, "f8"))
            case 15:
                pairs = self._numbers(2, "f8")
                value = RValue("complex", pairs[0::2] + 1j * pairs[1::2])
            case 16:
                count = self._length()
                self._source.need(32 * count)
                value = RValue("text", form.texts(count, self._decoded))
            case 24:
                count = self._length()
                self._source.need(_COPIES * count)
                value = RValue("raw", form.raw(count))
            case 19 | 20:
                values = [self.read() for _ in range(self._length())]
                value = RValue("list" if kind == _LIST else "other", values)
            case 7 | 8:
                form.text(self._length())
                value = RValue("other")
            case 21:
                # How many parts of it are shared; they are read where they stand.
                form.whole()
                self._code()
                value = RValue("other")
            case 22:
                value = self._refer(RValue("other"))
                self.read(), self.read()
            case 23:
                value = self._refer(RValue("other"))
            case 25:
                value = RValue("other")
            case _:
                raise RFileError(f"a value of the type {kind}, which is not known")
        return value

    def _numbers(self, each: int, kind: str) -> np.ndarray[Any, Any]:
        count = each * self._length()
        self._source.need(_COPIES * count * int(kind[1]))
        return self._form.numbers(count, kind)

    def _pairs(self, flags: int) -> RValue:
        """A chain of values with names; what is a function or a call is read over."""
        found: list[tuple[str, RValue]] = []
        first = flags & 0xFF
        attributes: dict[str, RValue] = {}
        while True:
            kind = flags & 0xFF
            if kind not in (_PAIRS, _LANGUAGE, _CLOSURE, _PROMISE, _DOTS, _ATTR_PAIRS, _ATTR_LANGUAGE):
                self._value(flags)
                break
            if flags & _HAS_ATTRIBUTES:
                attributes = self._attributes()
            name = ""
            if flags & _HAS_TAG:
                tag = self.read()
                name = (tag.data[0] or "") if tag.kind == "other" and tag.data else ""
            found.append((name, self.read()))
            self._source.need(_VALUE_BYTES)
            flags = self._form.whole()
        is_data = first in (_PAIRS, _ATTR_PAIRS, _DOTS)
        return RValue("pairs", found, attributes) if is_data else RValue("other")

    def _alternative(self) -> RValue:
        """A vector in a form of its own, as R 3.5 and later have it: as a sequence, or texts of numbers."""
        info, state = self.read(), self.read()
        attributes = self._attributes()
        name = _symbol(info.data[0][1]) if info.kind == "pairs" and info.data else ""
        value = RValue("other")
        if name in ("compact_intseq", "compact_realseq") and state.kind == "double" and len(state) == 3:
            value = self._sequence(name, *map(float, state.data))
        elif name == "deferred_string" and state.kind == "pairs" and state.data:
            of = state.data[0][1]
            self._source.need(2 * _TEXT_BYTES * len(of))
            value = RValue("text", _as_texts(of))
        elif name.startswith("wrap_") and state.kind in ("pairs", "list") and state.data:
            inner = state.data[0][1] if state.kind == "pairs" else state.data[0]
            value = RValue(inner.kind, inner.data, inner.attributes)
        value.attributes = attributes or value.attributes
        return value

    def _sequence(self, name: str, count: float, first: float, step: float) -> RValue:
        if not 0 <= count < 2**52 or step not in (1.0, -1.0):
            raise RFileError("a sequence is none")
        self._source.need(48 * int(count))
        numbers = first + step * np.arange(int(count), dtype=np.float64)
        if name == "compact_intseq":
            return RValue("integer", numbers.astype(np.int32))
        return RValue("double", numbers)

    def _code(self) -> None:
        """The code of a compiled function, which is read over."""
        self.read()
        for _ in range(self._length()):
            kind = self._form.whole()
            if kind == _BYTECODE:
                self._code()
            else:
                self._code_part(kind)

    def _code_part(self, kind: int) -> None:
        if kind == _CODE_REFERENCE:
            self._form.whole()
            return
        if kind not in (_CODE_DEFINITION, _LANGUAGE, _PAIRS, _ATTR_LANGUAGE, _ATTR_PAIRS):
            self.read()
            return
        while kind in (_CODE_DEFINITION, _LANGUAGE, _PAIRS, _ATTR_LANGUAGE, _ATTR_PAIRS):
            self._source.need(_VALUE_BYTES)
            if kind == _CODE_DEFINITION:
                self._form.whole()
                kind = self._form.whole()
            if kind in (_ATTR_LANGUAGE, _ATTR_PAIRS):
                self.read()
            self.read()
            self._code_part(self._form.whole())
            kind = self._form.whole()
        self._code_part(kind)

    def _decoded(self, flags: int, raw: bytes | None) -> str | None:
        if raw is None:
            return None
        try:
            if flags & (_ASCII | _UTF8):
                return raw.decode()
            if flags & _LATIN1:
                # R on Windows marks so what is of its code page 1252.
                return _western(raw)
            if flags & _BYTES:
                return raw.decode(errors="backslashreplace")
            return raw.decode(self._encoding)
        except UnicodeDecodeError as error:
            raise TextEncodingError("utf-8" if flags & _UTF8 else self._encoding) from error


def _western(raw: bytes) -> str:
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _codec(native: str) -> str:
    """What Python calls the encoding that R names; UTF-8 where it knows none."""
    import codecs

    try:
        found = codecs.lookup(native).name
    except LookupError:
        return "utf-8"
    # What a C locale can't say was seen to be UTF-8.
    return "utf-8" if found == "ascii" else found


def _symbol(value: RValue) -> str:
    return (value.data[0] or "") if value.kind == "other" and value.data else ""


def _as_texts(value: RValue) -> list[str | None]:
    """As R's `as.character` has numbers."""
    if value.kind == "integer":
        return [None if one == NA_INTEGER else str(one) for one in value.data.tolist()]
    if value.kind != "double":
        raise RFileError("texts are made of what is no number")
    return [shown_number(one) for one in value.data.tolist()]


def shown_number(number: float) -> str | None:
    """
    A number in at most 15 digits, with an exponent where that is shorter, as R writes it: `1e+05`, `123456`.

    Source:
        R, "as.character": 15 significant digits.
    """
    if math.isnan(number):
        return None
    if number in (float("inf"), float("-inf")):
        return "Inf" if number > 0 else "-Inf"
    digits = next(n for n in range(15) if float(f"{number:.{n}e}") == float(f"{number:.14e}") or n == 14)
    short = f"{number:.{digits}e}"
    exponent = int(short.partition("e")[2])
    fixed = f"{number:.{max(0, digits - exponent)}f}"
    return fixed if len(fixed) <= len(short) else short
