"""JSONL out: one object a row, its fields in the order of the columns."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

from rowbatch.errors import from_os_error
from rowbatch.tables.base import TableChunk, as_doubles, as_text
from rowbatch.tables.extensions import plain_values
from rowbatch.tables.names import unique_names
from rowbatch.tables.writer import TableShape, TableWriter, values_of

# Legal in JSON, but what is built on Python's `splitlines` takes them for line ends.
_MOST_WHOLE = 2**53
# A code point that Unicode sets aside for no character.
_MARK = "\ufdd0"
_LINE_ENDS = ("\u0085", "\u2028", "\u2029")


class JsonTableWriter(TableWriter):
    """
    A table as JSONL. Texts are strings; numbers, true and false of formats with types are these in JSON, and
    missing values null; dates, and infinities, are texts. Names that stand twice, or are empty, get a number.
    """

    def __init__(self, path: Path, shape: TableShape) -> None:
        self._path, self._shape, self._names = path, shape, unique_names(shape.names)
        try:
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            raise from_os_error(error, str(path)) from error

    def write(self, chunk: TableChunk, added: pl.DataFrame) -> None:
        values = values_of(chunk, added, self._shape, self._names)
        odd = chunk.out_of_calendar()
        columns = [
            _plain(
                # How long something takes is shown by each format in its own way; of a number that is no day
                # in any calendar the text is the number.
                _text(chunk, position, column, odd.get(position))
                if (isinstance(column.dtype, pl.Duration) and position < chunk.frame.width) or position in odd
                else column
            )
            for position, column in enumerate(values.get_columns())
        ]
        plain = pl.DataFrame([column if _is_json(column) else _as_json(column) for column in columns])
        lines = _lines(plain)
        if lines.str.contains("[\u0085\u2028\u2029]").any():
            lines = lines.str.replace_many(
                list(_LINE_ENDS), [f"\\u{ord(character):04x}" for character in _LINE_ENDS]
            )
        try:
            lines.to_frame().write_csv(
                self._file, include_header=False, quote_style="never", line_terminator=""
            )
        except OSError as error:
            raise from_os_error(error, str(self._path)) from error

    def close(self) -> None:
        self._file.close()

    def abandon(self) -> None:
        with suppress(OSError):
            self._file.close()


def _text(chunk: TableChunk, position: int, column: pl.Series, odd: pl.Series | None) -> pl.Series:
    """The texts of a column, without those of nothing."""
    texts = chunk.frame.to_series(position)
    there = column.is_not_null() if odd is None else column.is_not_null() | odd
    return pl.select(pl.when(there).then(texts)).to_series().alias(column.name)


def _plain(column: pl.Series) -> pl.Series:
    column = as_doubles(plain_values(column))
    if column.dtype.is_float():
        known = column.drop_nulls()
        # A whole number has no decimal point, as in the texts.
        if len(known) and ((known.floor() == known) & (known.abs() < _MOST_WHOLE)).all():
            return column.cast(pl.Int64)
    return column


def _lines(frame: pl.DataFrame) -> pl.Series:
    """
    A line of JSON for each row.

    Where whole numbers stand beside others the encoder of polars 2.1.0 writes `1.0`, and `1` where all are
    whole. So such a column is written as marked texts, and the marks and quotes are taken away: each number
    is as its text is in every other format.
    """
    mixed = [column.name for column in frame if _has_whole_and_other(column)]
    if mixed and not any(_has_mark(column) for column in frame):
        frame = frame.with_columns(
            pl.when(pl.col(name).is_not_null())
            .then(_MARK + as_text(frame.select(name)).to_series() + _MARK)
            .alias(name)
            for name in mixed
        )
    else:
        mixed = []
    lines = frame.select((pl.struct(pl.all()).struct.json_encode() + "\n").alias("line")).to_series()
    return lines.str.replace_many([f'"{_MARK}', f'{_MARK}"'], ["", ""]) if mixed else lines


def _has_whole_and_other(column: pl.Series) -> bool:
    if not column.dtype.is_float():
        return False
    is_whole = (column.floor() == column) & (column.abs() < _MOST_WHOLE)
    return bool(is_whole.any()) and not column.is_infinite().any() and not column.is_nan().any()


def _has_mark(column: pl.Series) -> bool:
    return column.dtype == pl.String and bool(column.str.contains(_MARK, literal=True).any())


def _is_json(column: pl.Series) -> bool:
    # JSON has no infinity: it would be null.
    return _is_json_kind(column.dtype) and not (column.dtype.is_float() and column.is_infinite().any())


def _is_json_kind(kind: Any) -> bool:
    if isinstance(kind, pl.Array | pl.List):
        inner = kind.inner
        parts = [field.dtype for field in inner.fields] if isinstance(inner, pl.Struct) else [inner]
        return all(map(_is_json_kind, parts))
    return kind in (pl.String, pl.Boolean, pl.Float32, pl.Float64) or kind.is_integer()


def _as_json(column: pl.Series) -> pl.Series:
    text = as_text(column.to_frame()).to_series()
    return pl.select(pl.when(column.is_not_null()).then(text)).to_series().alias(column.name)
