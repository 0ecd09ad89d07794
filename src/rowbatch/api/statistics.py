"""
Statistics of any table, without a run: how far coders agree, and estimates corrected for a model's errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

import polars as pl

from rowbatch.core.label_list import read_labels, read_values
from rowbatch.core.statistics.among_coders import Level
from rowbatch.core.statistics.coder_agreement import CoderAgreement
from rowbatch.core.statistics.figures import Resampling
from rowbatch.core.table_options import ReadingKeywords, reading_of
from rowbatch.errors import UsageError
from rowbatch.tables.frames import from_frame
from rowbatch.tools.agree import Coders, agree_columns


def agree(
    table: str | Path | object,
    coders: str | Sequence[str],
    *,
    gold: str | None = None,
    level: Level = "nominal",
    labels: str | Sequence[object] = (),
    missing: str | Sequence[object] = (),
    probability: str | None = None,
    confidence: float = 0.95,
    draws: int = 2_000,
    seed: int = 1,
    **reading: Unpack[ReadingKeywords],
) -> CoderAgreement:
    """
    How far columns of a table agree, which hold what coders said of each row.

    Empty cells are missing. A text such as `NA` is a label, unless `missing` says otherwise.

    Args:
        table: A table of any format, or a data frame.
        coders: Columns, one a coder: a list, or one text with commas in between.
        gold: The column that is right. Answers that are not there are wrong then.
        level: What the order of values means: `nominal` nothing, `ordinal` an order, `interval` distances,
            `ratio`
            distances from a true zero.
        labels: All labels, in order; by default those that occur, numbers by size.
        missing: Texts that mean that nothing was said.
        probability: Column with how likely each row was drawn, where rows were not drawn alike.
        confidence: Of the intervals.
        draws: How many samples are drawn for them.
        seed: Of these draws.
        reading: How the table is read, see `ReadOptions`.
    Raises:
        UsageError: The columns or cells do not fit, with the row.
        TableError: There is no such column, or the table is broken.
    """
    return agree_columns(
        _source(table),
        Coders(
            names=tuple(read_labels(coders)),
            gold=gold,
            level=level,
            labels=tuple(read_labels(labels)) if labels else (),
            missing=tuple(read_values(missing)),
            probability=probability,
        ),
        resampling_of(confidence, draws, seed),
        reading_of(reading),
    )


def resampling_of(confidence: float, draws: int, seed: int) -> Resampling:
    """
    How intervals are found.

    Raises:
        UsageError: The level is no share, there are too few draws, or the seed is below 0.
    """
    if not 0.5 <= confidence < 1:
        raise UsageError("confidence-no-share", confidence=confidence)
    if draws < 100 or seed < 0:
        raise UsageError("draws-too-few", draws=draws, seed=seed)
    return Resampling(confidence, draws, seed)


def _source(table: str | Path | object) -> Path | pl.DataFrame:
    return Path(table) if isinstance(table, str | Path) else from_frame(table)
