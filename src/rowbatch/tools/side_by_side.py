"""`compare`: two labelled tables, or columns, on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import polars as pl

from rowbatch.core.statistics.figures import Resampling
from rowbatch.core.statistics.side_by_side import Side, SideBySide, moves_of
from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import UsageError
from rowbatch.programs.opening import open_table
from rowbatch.tables.base import as_text
from rowbatch.tools.agree import Coders, agree_columns
from rowbatch.tools.chosen_columns import without_nan
from rowbatch.words.notice import Notice

_SHOWN = 5
# So much of the rows must be told apart by what both tables have, or nobody knows that the order is one.
_LEAST_TOLD_APART = 0.5
_FIRST, _SECOND, _GOLD, _PROBABILITY = "0", "1", "2", "3"


@dataclass(frozen=True, slots=True)
class Labelled:
    """
    A labelled table.

    Attributes:
        source: The table, or a frame.
        name: What it is called.
        column: With the labels.
        model: That labelled it, where it is a run; else "".
        cost_usd: Of the run; None where it is none, or has no price.
    """

    source: Path | pl.DataFrame
    name: str
    column: str
    model: str = ""
    cost_usd: Decimal | None = None


def compare_labelled(
    first: Labelled,
    second: Labelled,
    wanted: Coders,
    resampling: Resampling,
    *,
    key: str | None = None,
    reading: ReadOptions | None = None,
) -> SideBySide:
    """
    Compare two labelled tables.

    Args:
        first, second: Both; of one source, two of its columns.
        wanted: Gold, level, labels and the like; its names do not count.
        resampling: How intervals are found.
        key: Column of both that says which row is which. Without it they stand in one order, which is
            believed where columns of both are the same in every row and tell at least half of the rows apart.
        reading: How tables are read.
    Raises:
        UsageError: Nobody knows which rows belong together; or see `agree_columns`.
        TableError: A table is broken.
    """
    is_one = first.source is second.source
    notes: list[Notice] = []
    left = _frame(first, reading, notes)
    right = left if is_one else _frame(second, reading, notes)
    for side, frame in ((first, left), (second, right)):
        _require_column(frame, side.column, side.name)
    beside, alone = (left, right), (0, 0)
    if key is not None and not is_one:
        joined = _joined(left, right, key, (first, second))
        beside = left[joined["left"]], right[joined["right"]]
        alone = left.height - len(joined), right.height - len(joined)
    elif not is_one:
        _require_one_order(left, right, {first.column, second.column}, (first.name, second.name))
    if not beside[0].height:
        raise UsageError("compare-nothing-shared", column=key or "", first=first.name, second=second.name)
    wanted_columns = {_FIRST: beside[0][first.column], _SECOND: beside[1][second.column]}
    for place, name in ((_GOLD, wanted.gold), (_PROBABILITY, wanted.probability)):
        if name is not None:
            holder = beside[0] if name in beside[0].columns else beside[1]
            _require_column(holder, name, first.name)
            wanted_columns[place] = holder[name]
    names = _two_names(first, second)
    called = {
        _FIRST: names[0],
        _SECOND: names[1],
        _GOLD: wanted.gold or "",
        _PROBABILITY: wanted.probability or "",
    }
    called = {place: name for place, name in called.items() if place in wanted_columns}
    if len(set(called.values())) < len(called):
        raise UsageError("compare-column-twice", columns=list(called.values()))
    frame = pl.DataFrame(list(wanted_columns.values()), schema=[called[place] for place in wanted_columns])
    agreement = agree_columns(frame, replace(wanted, names=names), resampling)
    agreement = replace(agreement, notes=(*dict.fromkeys(notes), *agreement.notes))
    said = [pl.col(name).fill_null("").str.strip_chars().replace(list(wanted.missing), "") for name in names]
    counted = frame.select(said).group_by(names, maintain_order=True).len()
    moves, same = moves_of(counted.rows())
    right_shares = {one.coder: one.measures["accuracy"].estimate for one in agreement.against_gold}
    sides = [
        Side(
            name,
            table.height,
            left_out,
            side.model,
            side.cost_usd,
            _per_right(side.cost_usd, table.height, right_shares.get(name)),
        )
        for name, table, left_out, side in zip(names, (left, right), alone, (first, second), strict=True)
    ]
    return SideBySide((sides[0], sides[1]), key or "", agreement, moves, same)


def _per_right(cost_usd: Decimal | None, rows: int, share: float | None) -> Decimal | None:
    if cost_usd is None or not share or not rows:
        return None
    return cost_usd / (rows * Decimal(str(share)))


def _frame(side: Labelled, reading: ReadOptions | None, notes: list[Notice]) -> pl.DataFrame:
    """All columns as texts, null where nothing is; of names that stand twice the first."""
    source = side.source
    if isinstance(source, Path):
        table = open_table(source, reading)
        if side.column not in table.header:
            # Which others there are is known to the table, also of its other sheets.
            table.column(side.column)
        frame = pl.concat([chunk.frame for chunk in table.chunks()])
        names = list(table.header)
        places = {name: at for at, name in reversed(list(enumerate(names)))}
        frame = frame.select(pl.col(str(places[name])).alias(name) for name in dict.fromkeys(names))
        none = ["", *table.not_asked]
        notes += table.told()
    else:
        frame, none = as_text(without_nan(source)), [""]
    return frame.select(pl.when(pl.all().is_in(none)).then(None).otherwise(pl.all()).name.keep())


def _require_column(frame: pl.DataFrame, column: str, name: str) -> None:
    if column not in frame.columns:
        raise UsageError("compare-no-such-column", column=column, table=name, columns=frame.columns[:40])


def _require_one_order(
    left: pl.DataFrame, right: pl.DataFrame, compared: set[str], names: tuple[str, str]
) -> None:
    """That rows of both tables belong together as they stand."""
    if left.height != right.height:
        raise UsageError(
            "compare-not-as-many-rows", first=names[0], second=names[1], rows=left.height, others=right.height
        )
    shared = [
        name
        for name in left.columns
        if name in right.columns and name not in compared and left[name].equals(right[name])
    ]
    told_apart = left.select(pl.struct(shared).n_unique()).item() if shared and left.height else 0
    if told_apart < _LEAST_TOLD_APART * left.height:
        raise UsageError("compare-not-one-order", first=names[0], second=names[1], shared=shared[:_SHOWN])


def _joined(left: pl.DataFrame, right: pl.DataFrame, key: str, sides: Sequence[Labelled]) -> pl.DataFrame:
    """Where the rows of each key stand in both."""
    keyed = []
    for frame, side, place in zip((left, right), sides, ("left", "right"), strict=True):
        _require_column(frame, key, side.name)
        keys = frame.select(pl.col(key).str.strip_chars().alias("key"), pl.int_range(pl.len()).alias(place))
        keys = keys.filter(pl.col("key").is_not_null())
        twice = keys.filter(pl.col("key").is_duplicated())
        if twice.height:
            value = twice["key"][0]
            rows = twice.filter(pl.col("key") == value)[place].head(_SHOWN) + 1
            raise UsageError(
                "compare-key-twice",
                column=key,
                table=side.name,
                key=value,
                rows=rows.to_list(),
                count=twice["key"].n_unique(),
            )
        keyed.append(keys)
    return keyed[0].join(keyed[1], on="key", how="inner", maintain_order="left")


def _two_names(first: Labelled, second: Labelled) -> tuple[str, str]:
    """What both are called, told apart: by their tables, or by their columns."""
    if first.source is second.source:
        return first.column, second.column
    if first.name != second.name:
        return first.name, second.name
    return f"{first.name} (1)", f"{second.name} (2)"
