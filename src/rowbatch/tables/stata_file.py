"""
Files of Stata, written: version 118, which Stata 14 and later read.

pyreadstat 1.3.7 writes every whole number as a long and every other number as a double, and makes texts of
what has another type; a file of Stata has to come back with the types that it had. Rows are written a part
at a time.

Source:
    Stata 19, "help dta_118": the parts of a file, its types, and the numbers that stand for `.`, `.a` to
    `.z`.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import polars as pl

# Codes of the numeric types, the width of each, and the number that stands for "."; `.a` to `.z` follow it.
_TYPES = {
    "byte": (65530, "<i1", 101, 1),
    "int": (65529, "<i2", 32_741, 1),
    "long": (65528, "<i4", 2_147_483_621, 1),
    "float": (65527, "<u4", 0x7F000000, 0x800),
    "double": (65526, "<u8", 0x7FE0000000000000, 0x10000000000),
}
# What each holds, without its missing values.
_RANGES = {"byte": (-127, 100), "int": (-32_767, 32_740), "long": (-2_147_483_647, 2_147_483_620)}
_STRL = 32_768
LONGEST_TEXT = 2_045
"""Bytes of a text that is kept in its row; longer ones (strL) lie behind the rows."""
MOST_COLUMNS = 32_767
_ROWS_AT_ONCE = 20_000
_FORMATS = {"byte": "%8.0g", "int": "%8.0g", "long": "%12.0g", "float": "%9.0g", "double": "%10.0g"}
_NAME, _FORMAT, _LABEL = 129, 57, 321
_LABEL_CHARS = 80


@dataclass(frozen=True, slots=True)
class StataColumn:
    """
    A variable.

    Attributes:
        name: A legal one.
        values: Numbers, or texts; null is `.`, or the empty text.
        storage: Its type in the file it came from, as in `byte` or `str20`; or "": the smallest that holds
            it.
        format: How it is shown; or "".
        label: In words, up to 80 characters; or "".
        value_labels: Of whole numbers, and of the letters of missing values.
        letters: By row, from 0, the letter of a missing value `.a` to `.z`.
    """

    name: str
    values: pl.Series
    storage: str = ""
    format: str = ""
    label: str = ""
    value_labels: Mapping[Any, str] = field(default_factory=dict)
    letters: Mapping[int, str] = field(default_factory=dict)


def write_stata(path: Path, columns: Sequence[StataColumn], *, label: str, notes: Sequence[str] = ()) -> None:
    """
    Write a file.

    Args:
        path: What is there is replaced.
        columns: All of the same length.
        label: Of the file; up to 80 characters.
        notes: Of the dataset.
    Raises:
        OSError: It cannot be written.
    """
    rows = len(columns[0].values) if columns else 0
    kinds = [_kind_of(column) for column in columns]
    texts = {at: _LongTexts(at + 1) for at, kind in enumerate(kinds) if kind == "strL"}
    letters = [_Letters(column.letters) for column in columns]
    with path.open("wb") as file:
        places = [0]
        told = label[:_LABEL_CHARS].encode()
        file.write(
            b"<stata_dta><header><release>118</release><byteorder>LSF</byteorder><K>"
            + struct.pack("<H", len(columns))
            + b"</K><N>"
            + struct.pack("<Q", rows)
            + b"</N><label>"
            + struct.pack("<H", len(told))
            + told
            + b"</label><timestamp>\0</timestamp></header>"
        )
        places.append(file.tell())
        map_at = file.tell() + len(b"<map>")
        file.write(b"<map>" + bytes(14 * 8) + b"</map>")

        def part(name: str, content: Sequence[bytes] | bytes) -> None:
            places.append(file.tell())
            body = content if isinstance(content, bytes) else b"".join(content)
            file.write(f"<{name}>".encode() + body + f"</{name}>".encode())

        part("variable_types", [struct.pack("<H", _code_of(kind)) for kind in kinds])
        part("varnames", [_padded(column.name, _NAME) for column in columns])
        part("sortlist", bytes(2 * (len(columns) + 1)))
        part("formats", [_padded(_format_of(c, k), _FORMAT) for c, k in zip(columns, kinds, strict=True)])
        part("value_label_names", [_padded(c.name if c.value_labels else "", _NAME) for c in columns])
        part("variable_labels", [_padded(column.label[:_LABEL_CHARS], _LABEL) for column in columns])
        part("characteristics", list(_characteristics(notes)))
        places.append(file.tell())
        file.write(b"<data>")
        for begin in range(0, rows, _ROWS_AT_ONCE):
            count = min(_ROWS_AT_ONCE, rows - begin)
            file.write(_rows(columns, kinds, texts, letters, begin=begin, count=count))
        file.write(b"</data>")
        places.append(file.tell())
        file.write(b"<strls>")
        for at, long in texts.items():
            long.write(file, columns[at].values)
        file.write(b"</strls>")
        part("value_labels", [_labels_of(column) for column in columns if column.value_labels])
        places.append(file.tell())
        file.write(b"</stata_dta>")
        places.append(file.tell())
        file.seek(map_at)
        file.write(struct.pack("<14Q", *places))


def _kind_of(column: StataColumn) -> str:
    """The type that holds all values: that of the file it came from, or the smallest."""
    values = column.values
    if values.dtype == pl.String:
        longest = int(values.str.len_bytes().max() or 0)  # type: ignore[arg-type]
        said = column.storage.removeprefix("str")
        if column.storage == "strL" or longest > LONGEST_TEXT:
            return "strL"
        return f"str{max(longest, int(said) if said.isdigit() else 0, 1)}"
    known = values.drop_nulls()
    is_whole = not known.dtype.is_float() or bool((known == known.round()).all())
    low: Any = known.min() if len(known) else 0
    high: Any = known.max() if len(known) else 0
    fitting = [kind for kind, (least, most) in _RANGES.items() if is_whole and least <= low and high <= most]
    if column.storage in fitting:
        return column.storage
    if column.storage == "float" or (not column.storage and values.dtype == pl.Float32):
        single = known.cast(pl.Float32).cast(pl.Float64)
        if (single == known.cast(pl.Float64)).all():
            return "float"
    if values.dtype.is_float() and column.storage not in _RANGES:
        return "double"
    return fitting[0] if fitting else "double"


def _code_of(kind: str) -> int:
    if kind == "strL":
        return _STRL
    return _TYPES[kind][0] if kind in _TYPES else int(kind.removeprefix("str"))


def _format_of(column: StataColumn, kind: str) -> str:
    if kind in _TYPES:
        return column.format or _FORMATS[kind]
    return column.format or ("%-9s" if kind == "strL" else f"%-{min(max(_code_of(kind), 9), 2045)}s")


def _padded(text: str, width: int) -> bytes:
    encoded = text.encode()
    while len(encoded) >= width:
        text = text[:-1]
        encoded = text.encode()
    return encoded.ljust(width, b"\0")


def _characteristics(notes: Sequence[str]) -> Iterator[bytes]:
    told = [(f"note{number}", note) for number, note in enumerate(notes, start=1)]
    if told:
        told.insert(0, ("note0", str(len(notes))))
    for name, content in told:
        body = _padded("_dta", _NAME) + _padded(name, _NAME) + content.encode() + b"\0"
        yield b"<ch>" + struct.pack("<I", len(body)) + body + b"</ch>"


def _labels_of(column: StataColumn) -> bytes:
    """The table of a variable's value labels."""
    begin = _TYPES["long"][2]
    numbered = sorted(
        (begin + 1 + ord(value) - ord("a") if isinstance(value, str) else int(value), label)
        for value, label in column.value_labels.items()
    )
    texts = [label.encode() + b"\0" for _, label in numbered]
    offsets, at = [], 0
    for text in texts:
        offsets.append(at)
        at += len(text)
    count = len(numbered)
    body = struct.pack("<II", count, at) + struct.pack(f"<{count}I", *offsets)
    body += struct.pack(f"<{count}i", *(number for number, _ in numbered)) + b"".join(texts)
    return b"<lbl>" + struct.pack("<I", len(body)) + _padded(column.name, _NAME) + bytes(3) + body + b"</lbl>"


def _rows(
    columns: Sequence[StataColumn],
    kinds: Sequence[str],
    texts: Mapping[int, _LongTexts],
    letters: Sequence[_Letters],
    *,
    begin: int,
    count: int,
) -> bytes:
    import numpy as np

    types = [
        (f"c{at}", "<u8" if kind == "strL" else _TYPES[kind][1] if kind in _TYPES else f"S{_code_of(kind)}")
        for at, kind in enumerate(kinds)
    ]
    rows = np.zeros(count, dtype=types)
    for at, (column, kind) in enumerate(zip(columns, kinds, strict=True)):
        values = column.values.slice(begin, count)
        if kind == "strL":
            rows[f"c{at}"] = texts[at].references(values, begin)
        elif kind in _TYPES:
            rows[f"c{at}"] = _numbers(values, kind, letters[at].between(begin, begin + count))
        else:
            rows[f"c{at}"] = [text.encode() for text in values.fill_null("").to_list()]
    return rows.tobytes()


def _numbers(values: pl.Series, kind: str, letters: Mapping[int, str]) -> Any:
    """Numbers as a file has them: of float and double the bits."""
    import numpy as np

    _, dtype, missing, step = _TYPES[kind]
    nothing = values.is_null().to_numpy()
    match kind:
        case "float":
            found = values.fill_null(0).cast(pl.Float32).to_numpy().astype("<f4").view("<u4").copy()
        case "double":
            found = values.fill_null(0).cast(pl.Float64).to_numpy().astype("<f8").view("<u8").copy()
        case _:
            found = values.fill_null(0).cast(pl.Int64).to_numpy().astype(dtype)
    found[nothing] = np.array(missing).astype(dtype)
    for row, letter in letters.items():
        found[row] = np.array(missing + step * (1 + ord(letter) - ord("a"))).astype(dtype)
    return found


class _Letters:
    """The missing values `.a` to `.z` of a variable, in the order of their rows."""

    def __init__(self, letters: Mapping[int, str]) -> None:
        self._rows = sorted(letters)
        self._letters = letters

    def between(self, begin: int, end: int) -> dict[int, str]:
        """Those of some rows, by row from 0 for the first of these."""
        found = self._rows[bisect_left(self._rows, begin) : bisect_left(self._rows, end)]
        return {row - begin: self._letters[row] for row in found}


class _LongTexts:
    """The texts of a variable that lie behind the rows: each row has the variable and the row of its text."""

    def __init__(self, number: int) -> None:
        self._number = number

    def references(self, values: pl.Series, begin: int) -> Any:
        """What the rows have: variable and row in one number of eight bytes; 0 for the empty text."""
        import numpy as np

        is_there = (values.fill_null("") != "").to_numpy()
        rows = np.arange(begin + 1, begin + 1 + len(values), dtype="<u8")
        return np.where(is_there, (rows << np.uint64(16)) | np.uint64(self._number), np.uint64(0))

    def write(self, file: IO[bytes], values: pl.Series) -> None:
        """Write the texts, in the order of the rows."""
        for row, text in enumerate(values.to_list(), start=1):
            if text:
                content = text.encode() + b"\0"
                head = struct.pack("<IQBI", self._number, row, 130, len(content))
                file.write(b"GSO" + head + content)
