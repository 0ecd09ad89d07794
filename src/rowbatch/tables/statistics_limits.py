"""What a file of Stata or SPSS has no place for: seen in the table, before anything is written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from rowbatch.errors import CannotHold
from rowbatch.tables.base import ColumnInfo, TableChunk
from rowbatch.tables.stata_file import MOST_COLUMNS
from rowbatch.tables.writer import OutputCheck, TableShape

# Source: Stata, "help dta" (117 and later): larger doubles stand for missing values.
STATA_LARGEST = 8.988e307
# What a value label of Stata can stand on; the largest 32-bit numbers are missing values.
STATA_SMALLEST_WHOLE, STATA_LARGEST_WHOLE = -2_147_483_647, 2_147_483_620
# SPSS counts bytes.
_SPSS_TEXT = 32_767
SPSS_VALUE_LABEL_BYTES = 120
"""What is longer is cut, without a word (pyreadstat 1.3, read back)."""
SPSS_LABEL_BYTES, STATA_LABEL_CHARS = 256, 80
"""Of a label of a variable, and of the file."""


def is_temporal(kind: pl.DataType) -> bool:
    """Whether both programs keep it as a number that is shown as a date or time."""
    return kind in (pl.Date, pl.Time) or (isinstance(kind, pl.Datetime) and kind.time_zone is None)


def is_letter(value: object) -> bool:
    """Whether it is one of Stata's missing values `.a` to `.z`, as pyreadstat names them."""
    return isinstance(value, str) and len(value) == 1 and "a" <= value <= "z"


class StatisticsCheck(OutputCheck):
    """The limits of both programs."""

    def __init__(self, path: Path, shape: TableShape, *, is_stata: bool) -> None:
        self._path, self._shape, self._is_stata = path, shape, is_stata
        if is_stata and len(shape.names) > MOST_COLUMNS:
            raise CannotHold(
                "stata-too-many-columns", path=str(path), columns=len(shape.names), most=MOST_COLUMNS
            )
        for position, column in enumerate(shape.added, start=len(shape.header)):
            self._require_different(position, column.labels)

    def _require_different(self, position: int, labels: Iterable[str]) -> None:
        """Make sure that labels stay different as far as SPSS keeps them."""
        seen: set[bytes] = set()
        for label in () if self._is_stata else labels:
            kept = label.encode()[:SPSS_VALUE_LABEL_BYTES]
            if kept in seen and len(kept) == SPSS_VALUE_LABEL_BYTES:
                raise CannotHold(
                    "spss-labels-alike",
                    **self._place(position),
                    label=label[:40],
                    most=SPSS_VALUE_LABEL_BYTES,
                )
            seen.add(kept)

    def look(self, chunk: TableChunk) -> None:
        own = chunk.typed if chunk.typed is not None else chunk.frame
        infos = self._shape.columns or tuple(ColumnInfo() for _ in self._shape.header)
        program = "stata:" if self._is_stata else "spss:"
        for position, rows in chunk.out_of_calendar().items():
            # The same program has it again as it was.
            if not infos[position].format.startswith(program):
                row = _first(rows)
                raise CannotHold(
                    "number-of-no-calendar",
                    **self._place(position, row + chunk.first_row),
                    number=chunk.frame[row, position],
                )
        for position, (column, info) in enumerate(zip(own.get_columns(), infos, strict=True)):
            kind = column.dtype
            if info.value_labels:
                self._require_labels(position, kind, info)
            if kind.is_float():
                if self._is_stata:
                    # NaN, which is greater than any number in polars, is a missing value there.
                    numbers = column.cast(pl.Float64).fill_nan(None)
                    self._require_none(chunk, position, numbers.abs() > STATA_LARGEST)
            elif not (kind.is_integer() or kind == pl.Boolean or is_temporal(kind)):
                self.require_texts(chunk.frame.to_series(position), position, chunk.first_row)

    def require_texts(self, texts: pl.Series, position: int, first_row: int) -> None:
        """
        Make sure that texts fit.

        Raises:
            CannotHold: One does not.
        """
        nul = texts.str.contains("\0", literal=True).fill_null(False)
        if nul.any():
            raise CannotHold("statistics-text-has-nul", **self._place(position, _first(nul) + first_row))
        too_long = (texts.str.len_bytes() > _SPSS_TEXT).fill_null(False)
        if not self._is_stata and too_long.any():
            row = _first(too_long)
            size = len(str(texts[row]).encode())
            raise CannotHold(
                "spss-text-too-long",
                **self._place(position, row + first_row),
                size_bytes=size,
                most=_SPSS_TEXT,
            )

    def _require_labels(self, position: int, kind: pl.DataType, info: ColumnInfo) -> None:
        program = "stata:" if self._is_stata else "spss:"
        if is_temporal(kind) and not info.format.startswith(program):
            raise CannotHold("value-labels-on-dates", **self._place(position))
        self._require_different(position, dict.fromkeys(info.value_labels.values()))
        if not self._is_stata or not (kind.is_numeric() or is_temporal(kind)):
            return
        for value, label in info.value_labels.items():
            is_number = isinstance(value, int | float) and float(value).is_integer()
            if is_number and STATA_SMALLEST_WHOLE <= float(value) <= STATA_LARGEST_WHOLE:
                continue
            if not is_letter(value):
                raise CannotHold(
                    "value-label-not-on-whole", **self._place(position), label=label, value=value
                )

    def _require_none(self, chunk: TableChunk, position: int, wrong: pl.Series) -> None:
        wrong = wrong.fill_null(False)
        if wrong.any():
            text = chunk.frame.to_series(position)[_first(wrong)]
            raise CannotHold(
                "number-too-large-for-stata",
                **self._place(position, _first(wrong) + chunk.first_row),
                number=text,
            )

    def _place(self, position: int, row: int | None = None) -> dict[str, Any]:
        return {"path": str(self._path), "row": row, "column": self._shape.names[position]}


def _first(found: pl.Series) -> int:
    return int(found.arg_max() or 0)
