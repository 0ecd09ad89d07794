"""Views of tables and of answers: any page of rows at once. They can be made again at any time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

import polars as pl

from rowbatch.core.added_columns import STATUS_COLUMNS
from rowbatch.core.answer import FORGIVEN
from rowbatch.core.confidence import BASIS_COLUMN, column_of, measured
from rowbatch.core.states import ShardState
from rowbatch.core.table_options import ReadOptions
from rowbatch.results.answered import AnsweredTable
from rowbatch.results.columns import reader_digest
from rowbatch.results.shard_answers import ResultTally
from rowbatch.store.ledger import Shard
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.view import write_view
from rowbatch.store.view_folders import RUN, TABLE
from rowbatch.tables.base import Table, TableChunk

if TYPE_CHECKING:
    from collections.abc import Generator

_FORMAT = 2
_JSON = ("json", "jsonl")


def view_name(sha256: str, reading: ReadOptions, kind: str) -> str:
    """
    A name for the view of a table: the same file, read in the same way, has the same one.

    Args:
        sha256: Of the file.
        reading: As its reader says it.
        kind: The format that it is read as.
    """
    # The same bytes may be JSON and JSONL, and another table as either; nothing but the kind tells.
    told = json.dumps([_FORMAT, sha256, asdict(reading), *([kind] if kind in _JSON else [])], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def answers_name(run: RunDirectory, shards: Sequence[Shard]) -> str:
    """A name for the view of a run's answers: another one as soon as others came, or another reader reads."""
    here = [(s.name, s.output_name, s.error_name) for s in shards if s.state is ShardState.DOWNLOADED]
    plan = run.plan()
    others = []
    for member in run.members(plan):
        with member.ledger() as ledger:
            others.append(answers_name(member, ledger.shards()))
    told = json.dumps(
        [
            _FORMAT,
            str(run.path.resolve()),
            plan.created_at,
            here,
            reader_digest(),
            *([others] if others else []),
        ]
    )
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def write_table_view(
    table: Table, folder: Path, sha256: str, progress: Callable[[int], None] | None = None
) -> None:
    """
    Make every row of a table easy to look at.

    Args:
        table: The table.
        folder: Where the view goes.
        sha256: Of the file.
        progress: Called with the number of rows done so far.
    Raises:
        TableError: The table is broken; what was written before stays, and is not complete.
    """

    rows = 0

    def check() -> None:
        if progress:
            progress(rows)

    def frames(chunks: Iterator[TableChunk]) -> Iterator[tuple[int, pl.DataFrame]]:
        nonlocal rows
        for chunk in chunks:
            yield chunk.first_row, chunk.frame
            rows = chunk.first_row + chunk.frame.height - 1

    # Closed at once, and not when somebody forgets the error: the file is let go of. And who takes the table
    # away is not kept waiting by a chunk that takes long.
    with closing(cast("Generator[TableChunk]", table.chunks(check=check))) as chunks:
        write_view(
            folder,
            table.header,
            frames(chunks),
            of={TABLE: sha256},
            notes=lambda: {
                "bad_rows": table.bad_rows.count,
                "first_bad_rows": [[bad.line, bad.what] for bad in table.bad_rows.first],
            },
            progress=progress,
        )


def write_answers_view(
    run: RunDirectory,
    shards: Sequence[Shard],
    folder: Path,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Make the answers of a run that are on disk easy to look at: one row for each row of its table."""
    answered = AnsweredTable(run, shards, ResultTally())
    keys = [*map(str, range(answered.width)), *STATUS_COLUMNS, FORGIVEN]
    sure: list[str] = []
    if answered.plan.is_measured:
        sure = [*(column_of(one.place) for one in measured(answered.codebook)), BASIS_COLUMN]

    def frames(chunks: Iterator[tuple[TableChunk, pl.DataFrame]]) -> Iterator[tuple[int, pl.DataFrame]]:
        for chunk, frame in chunks:
            # An embedding is nothing to look at.
            values = [pl.lit("").alias("0")] if answered.embedding is not None else []
            yield chunk.first_row, frame.with_columns(values).select(*keys, *sure)

    with closing(answered.chunks()) as chunks:
        write_view(
            folder,
            [*answered.codebook.columns, *STATUS_COLUMNS, FORGIVEN, *sure],
            frames(chunks),
            of={RUN: str(run.path.resolve())},
            keys=[*keys, *sure],
            progress=progress,
        )
