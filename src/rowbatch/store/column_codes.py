"""
A column of a view as numbers that stand for its values: a byte or two a row, so that a million rows are
counted and searched in milliseconds, and next to nothing of memory. Kept beside the view, and made again when
it is not there or not whole.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from rowbatch.store.kept_frames import keep_frame, kept_frame
from rowbatch.store.view import TableView

_FORMAT = 1
# A code is one of two bytes at most, and one of them stands for what is not told apart.
_MOST_VALUES = 65_000
_VALUES, _CODES, _COUNTS = "values", "codes", "counts"
_ENDING = ".kept"


@dataclass(frozen=True)
class ColumnCodes:
    """
    A column.

    Attributes:
        values: What each code stands for; None for values that are not told apart, as there are too many.
        counts: How many rows have each.
        codes: Of each row, in order.
    """

    values: tuple[str | None, ...]
    counts: tuple[int, ...]
    codes: pl.Series

    @cached_property
    def places(self) -> Mapping[str | None, int]:
        """The code of each value."""
        return {value: code for code, value in enumerate(self.values)}

    @property
    def is_whole(self) -> bool:
        """Whether all values are told apart."""
        return None not in self.places

    def counted(self) -> Counter[str | None]:
        """How many rows have each value."""
        return Counter(dict(zip(self.values, self.counts, strict=True)))

    def values_at(self, rows: pl.Series) -> list[str | None]:
        """
        The values of some rows.

        Args:
            rows: Their places, from 0.
        """
        return [self.values[code] for code in self.codes.gather(rows).to_list()]

    def where(self, is_wanted: Sequence[bool]) -> pl.Series:
        """
        Of each row, whether its value is wanted.

        Args:
            is_wanted: The same of each value.
        """
        wanted = [code for code, is_one in enumerate(is_wanted) if is_one]
        if not wanted:
            return pl.repeat(False, len(self.codes), dtype=pl.Boolean, eager=True)
        if len(wanted) == 1:
            return self.codes == wanted[0]
        return pl.Series(is_wanted, dtype=pl.Boolean).gather(self.codes)

    def with_values(self, rows: pl.Series, values: Sequence[str]) -> ColumnCodes:
        """
        The same column with other values in some rows; its `counts` go with it.

        Args:
            rows: Places of these rows, from 0, each once.
            values: As many.
        """
        places, counts = dict(self.places), self.counted()
        # Rows that are not told apart may have the same value.
        new = [value if self.is_whole or value in places else None for value in values]
        counts.subtract(self.values_at(rows))
        counts.update(new)
        for value in new:
            places.setdefault(value, len(places))
        codes = self.codes.cast(_type_for(len(places)))
        return ColumnCodes(
            tuple(places),
            tuple(counts[value] for value in places),
            codes.clone().scatter(rows, pl.Series([places[value] for value in new], dtype=codes.dtype)),
        )


def codes_of(
    view: TableView,
    name: str,
    value: pl.Expr,
    told_apart: Iterable[str] = (),
    check: Callable[[], object] = lambda: None,
) -> ColumnCodes:
    """
    A column of a view that is complete.

    Args:
        view: It.
        name: Of the column, or of what is made of it: of the file that is kept.
        value: What it is in the view: texts.
        told_apart: Values that are told apart however many there are.
        check: Called again and again; what it raises ends the work.
    """
    always = sorted(set(told_apart))
    path = kept_beside(view, name)
    about = {"codes": name, "format": _FORMAT, "rows": view.state.rows, "told apart": always}
    kept = kept_frame(path, about)
    if kept is not None:
        return ColumnCodes(
            tuple(kept[_VALUES].item()),
            tuple(kept[_COUNTS].item()),
            kept[_CODES].explode(empty_as_null=False),
        )
    made = _make(view, value, always, check)
    frame = pl.DataFrame(
        {
            _VALUES: pl.Series([list(made.values)], dtype=pl.List(pl.String)),
            _COUNTS: pl.Series([list(made.counts)], dtype=pl.List(pl.UInt64)),
            _CODES: made.codes.implode(),
        }
    )
    keep_beside(view, lambda: keep_frame(path, about, frame))
    return made


def keep_beside(view: TableView, keep: Callable[[], None]) -> None:
    """Keep something of a view beside it; where the view was removed meanwhile, so is that."""
    if view.is_there:
        keep()
    if not view.is_there:
        shutil.rmtree(view.folder, ignore_errors=True)


def kept_beside(view: TableView, name: str) -> Path:
    """Where something of this name is kept beside a view."""
    return view.folder / f"{name}{_ENDING}"


def _make(
    view: TableView, value: pl.Expr, told_apart: Sequence[str], check: Callable[[], object]
) -> ColumnCodes:
    counts: Counter[str] = Counter()
    for part in view.parts(value.alias(_VALUES)):
        counts.update(dict(part[_VALUES].value_counts().iter_rows()))
        check()
        if len(counts) > _MOST_VALUES:
            break
    is_whole = len(counts) <= _MOST_VALUES
    values: list[str | None] = [*sorted(counts)] if is_whole else [*told_apart, None]
    kind, other = _type_for(len(values)), None if is_whole else len(values) - 1
    places = {one: code for code, one in enumerate(values) if one is not None}
    codes = pl.Series(_CODES, dtype=kind)
    for part in view.parts(value.alias(_VALUES)):
        found = part[_VALUES]
        codes.append(
            found.replace_strict(places, return_dtype=kind)
            if other is None
            else found.replace_strict(places, default=other, return_dtype=kind)
        )
        check()
    if is_whole:
        return ColumnCodes(tuple(values), tuple(counts[one] for one in sorted(counts)), codes.rechunk())
    of_codes = dict(codes.value_counts().iter_rows())
    return ColumnCodes(
        tuple(values), tuple(of_codes.get(code, 0) for code in range(len(values))), codes.rechunk()
    )


def _type_for(values: int) -> pl.DataType:
    """The smallest whole numbers of which there are so many."""
    if values <= 1 << 8:
        return pl.UInt8()
    return pl.UInt16() if values <= 1 << 16 else pl.UInt32()
