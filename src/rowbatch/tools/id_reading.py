"""Which column of a table the ids of results are made of: as somebody says, or where there is no doubt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import polars as pl

from rowbatch.core.plan import ROW_PREFIX
from rowbatch.errors import InputError
from rowbatch.tables.base import Table
from rowbatch.tools.row_keys import Reading, RowKeys, columns_with, counted_keys, read_ids, read_keys

Several = Literal["rows", "columns"]
"""How several results of a row are written: as further rows, or in columns side by side."""


def told_reading(ids: pl.Series, table: Table, column: str, *, several: bool) -> Reading:
    """
    The rows of ids by the column, or template, that the caller named.

    Raises:
        InputError: Most ids have no row; or which value stands in them is not clear.
        TableError: There is no such column.
    """
    keys = read_keys(table, column)
    reading = read_ids(ids, keys, several=several)
    if not reading.is_whole:
        if not several and _has_several(ids, keys, reading):
            raise InputError("ids-of-several-results", column=column, example=_without_row(ids, reading))
        if 2 * reading.found < reading.ids:
            raise InputError(
                "ids-of-no-value",
                column=column,
                without=reading.ids - reading.found,
                ids=reading.ids,
                example=_without_row(ids, reading),
            )
    if reading.other is not None:
        example, first, second = reading.other
        raise InputError("ids-cut-two-ways", column=column, example=example, first=first, second=second)
    return reading


def _has_several(ids: pl.Series, keys: RowKeys, reading: Reading) -> bool:
    """Whether most ids have a row if what stands behind the values may differ, and more than without that."""
    several = read_ids(ids, keys, several=True)
    return several.found > reading.found and 2 * several.found >= several.ids


def sure_reading(ids: pl.Series, table: Table) -> Reading | None:
    """
    The rows of ids by the column that surely has their values; None where none surely has.

    Raises:
        InputError: Two columns have them, in different rows.
    """
    names, _ = columns_with(ids, table)
    found = [one for one in _readings(ids, table, names, several=False) if one.is_sure]
    _require_same(found)
    return found[0] if found else None


def several_reading(ids: pl.Series, table: Table, first_number: Literal[0, 1] | None) -> Reading:
    """
    The rows of ids of which several may be of one row, by a column or by row numbers.

    Args:
        ids: Different ones.
        table: Is read a few times.
        first_number: Of the first row, where the ids are known to have row numbers.
    Raises:
        InputError: It is not clear what says the row.
    """
    names, rows = columns_with(ids, table)
    is_ours = bool(ids.str.starts_with(ROW_PREFIX).all())
    counts = [1] if is_ours and first_number is None else [1, 0] if first_number is None else [first_number]
    found = [read_ids(ids, counted_keys(rows, number), several=True) for number in counts]
    if first_number is None:
        found += _readings(ids, table, names, several=True)
    whole = [one for one in found if one.is_whole and one.other is None]
    if first_number is not None and 2 * found[0].found >= found[0].ids:
        return found[0]
    if not whole:
        raise InputError("ids-of-no-column", path=str(table.path), example=str(ids[0]))
    _require_same(whole)
    return next((one for one in whole if one.name), whole[0])


def _readings(ids: pl.Series, table: Table, names: Sequence[str], *, several: bool) -> Iterator[Reading]:
    for name in names:
        try:
            yield read_ids(ids, read_keys(table, name), several=several)
        except InputError:
            # A value stands twice, or it can be cut in two ways: nobody said that it is this column.
            continue


def _require_same(found: Sequence[Reading]) -> None:
    other = next((one for one in found[1:] if not one.is_same(found[0])), None)
    if other is None:
        return
    names = [one.name for one in (found[0], other) if one.name]
    if len(names) == 2:
        raise InputError("ids-of-two-columns", first=names[0], second=names[1])
    if names:
        raise InputError("ids-of-column-or-number", column=names[0])
    raise InputError("ids-count-from-either")


def _without_row(ids: pl.Series, reading: Reading) -> str:
    """An id that has no row; or the first one."""
    others = ids.filter(~ids.is_in(reading.rows["id"].implode()))
    return str(others[0] if len(others) else ids[0])
