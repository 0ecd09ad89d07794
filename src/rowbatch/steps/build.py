"""`build`: from the table to the shards of round 1."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from rowbatch.core.plan import Plan
from rowbatch.core.request import RequestLines
from rowbatch.core.shard import ShardCutter
from rowbatch.core.states import ShardState
from rowbatch.errors import UsageError
from rowbatch.providers.base import count_of
from rowbatch.providers.catalog import find_provider
from rowbatch.requests.duplicates import RepeatCount
from rowbatch.requests.line_tokens import LineTokens
from rowbatch.requests.pipeline import TableRequests, open_source
from rowbatch.results.written import written_columns
from rowbatch.steps.cut import new_token
from rowbatch.steps.first_part import with_first_part
from rowbatch.store.atomic import atomic_path, write_atomically
from rowbatch.store.ledger import Ledger, TableCounts, new_shard
from rowbatch.store.rundir import RunDirectory, digest_file
from rowbatch.tables.base import BadRowList, Table, TableChunk
from rowbatch.tables.writer import OutputCheck, TableShape, format_of, open_check

TEXTS_REPEAT = "texts-repeat"
"""Event: the same text stands in several rows, and is asked once for each."""


@dataclass(frozen=True, slots=True)
class BuildReport:
    """
    What was built.

    Attributes:
        rows: Of the table.
        requests: Rows that are asked.
        skipped: Rows with an empty text.
        duplicates: Rows that ask what an earlier one asks; they get its answer.
        bad_rows: Broken rows of the table that were kept or skipped, as the run was told to.
        shards: Request files.
        request_bytes: Bytes of all requests.
        prompt_tokens: The most that the prompts have; 0 where nobody counts, as on this computer.
        repeats: Rows that are asked what an earlier one is asked as well.
        repeated_texts: Texts that stand in several rows, each of which is asked.
    """

    rows: int
    requests: int
    skipped: int
    duplicates: int
    bad_rows: int
    shards: int
    request_bytes: int
    prompt_tokens: int = 0
    repeats: int = 0
    repeated_texts: int = 0


def is_built(run: RunDirectory) -> bool:
    """
    Whether the ledger holds the shards. Until then nothing was sent and all can be made anew.

    Raises:
        RunError: It was built, and its ledger is lost, or another run's, or an older copy.
        StorageError: The ledger is damaged.
    """
    ledger = run.open_ledger()
    if ledger is None:
        return False
    with ledger:
        return ledger.run().counts is not None


def read_build_report(run: RunDirectory) -> BuildReport:
    """What was built, from the ledger."""
    with run.ledger() as ledger:
        shards = [
            shard for shard in ledger.shards() if shard.round == 1 and shard.state is not ShardState.CUT
        ]
        counts = ledger.run().counts or TableCounts(0)
        told = next((event.detail for event in ledger.events() if event.kind == TEXTS_REPEAT), {})
    return BuildReport(
        rows=counts.rows,
        requests=sum(shard.requests for shard in shards),
        skipped=counts.skipped,
        duplicates=counts.duplicates,
        bad_rows=counts.bad_rows,
        shards=len(shards),
        request_bytes=sum(shard.bytes for shard in shards),
        prompt_tokens=sum(shard.tokens for shard in shards),
        repeats=count_of(told.get("rows")),
        repeated_texts=count_of(told.get("texts")),
    )


def build(run: RunDirectory, progress: Callable[[int], None] | None = None) -> BuildReport:
    """
    Write the request files and enter them into the ledger. A run that is built stays as it is.

    The caller holds the run lock. A crash in between leaves files that the next build replaces.

    Args:
        run: Made by `create`.
        progress: Called with the number of rows done so far.
    Raises:
        TableError: The table is broken, or has no rows.
        CannotHold: The labelled table would not fit into the format of the output.
        RequestTooLarge: A row makes a request that no shard can hold.
        StorageError: No space left.
        RunError: Its ledger is lost.
    """
    if is_built(run):
        return read_build_report(run)
    # The ledger comes first: request files without one are those of a run that lost it.
    if not run.ledger_path.is_file() or run.ledger_path.stat().st_size == 0:
        run.create_ledger().close()
    counts = _Counts()
    shards = []
    # Where it costs money, tokens are counted: for the queue, the cap and the estimate.
    is_free = find_provider(run.plan().asking.provider).is_free
    counter = None if is_free else LineTokens()
    for number, pieces in itertools.groupby(_pieces(run, counts, progress), key=lambda piece: piece.shard):
        size = requests = tokens = 0
        first_row = last_row = 0
        path = run.request_path(f"r1-{number:04d}")
        with atomic_path(path, overwrite=True) as temporary:
            with temporary.open("wb", buffering=0) as file:
                for piece in pieces:
                    piece.lines.write(file)
                    size += int(piece.lines.sizes.sum())
                    requests += len(piece.lines)
                    if counter is not None:
                        tokens += sum(map(counter.count, piece.lines.to_list()))
                    first_row = first_row or piece.first_row
                    last_row = piece.last_row
            digest = digest_file(temporary)
        shards.append(
            new_shard(
                number=number,
                first_row=first_row,
                last_row=last_row,
                requests=requests,
                size_bytes=size,
                sha256=digest,
                token=new_token(f"r1-{number:04d}"),
                tokens=tokens,
            )
        )
    if not shards:
        raise UsageError("no-row-has-text", rows=counts.rows)
    if counter is not None:
        policy = run.plan().policy
        shards = with_first_part(run, shards, policy, token_of=new_token, count_tokens=counter.count)
    with Ledger(run.ledger_path, run.trail()) as ledger:
        if counts.repeats:
            ledger.add_event(TEXTS_REPEAT, rows=counts.repeats, texts=counts.repeated_texts)
        found = TableCounts(counts.rows, counts.skipped, counts.duplicates, counts.bad_rows)
        ledger.add_shards(shards, counts=found)
    return read_build_report(run)


@dataclass(slots=True)
class _Counts:
    rows: int = 0
    skipped: int = 0
    duplicates: int = 0
    bad_rows: int = 0
    repeats: int = 0
    repeated_texts: int = 0


@dataclass(frozen=True, slots=True)
class _Piece:
    """Consecutive request lines of one shard, as they are written."""

    shard: int
    lines: RequestLines
    first_row: int
    last_row: int


def _pieces(run: RunDirectory, counts: _Counts, progress: Callable[[int], None] | None) -> Iterator[_Piece]:
    plan = run.plan()
    requests = TableRequests(open_source(plan.source, run.path), plan.question, plan.asking)
    if plan.asking.dedupe:
        requests.duplicates.save(run.duplicates_path, overwrite=True)
    cutter = ShardCutter(find_provider(plan.asking.provider).limits)
    fits = _output_check(run, plan, requests.table)
    repeats = None if plan.asking.dedupe else RepeatCount(requests.table, *_text_columns(plan))

    def look(chunk: TableChunk) -> None:
        fits.look(chunk)
        if repeats is not None:
            repeats.look(chunk)

    for found in requests.chunks(look):
        counts.rows, counts.skipped = requests.counts.rows, requests.counts.empty_rows
        counts.duplicates = requests.counts.duplicates
        numbers, lines = found.rows.to_list(), found.lines
        for cut in cutter.cut(lines.sizes.to_list(), numbers):
            yield _Piece(
                shard=cut.shard,
                lines=lines.slice(cut.start, cut.stop),
                first_row=numbers[cut.start],
                last_row=numbers[cut.stop - 1],
            )
        if progress:
            progress(counts.rows)
    if repeats is not None:
        counts.repeats, counts.repeated_texts = repeats.count()
    counts.bad_rows = requests.table.bad_rows.count
    if counts.bad_rows:
        _write_bad_rows(run, requests.table.bad_rows)


def _text_columns(plan: Plan) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns that make two rows the same text, and those that are empty where there is none."""
    return plan.question.columns, plan.question.asked_columns


def _output_check(run: RunDirectory, plan: Plan, table: Table) -> OutputCheck:
    """What the output cannot hold is said now, and not when all is paid."""
    path = run.output_of(plan)
    written = written_columns(plan.question.codebook, plan.output.columns, None, plan.asking)
    added = tuple(one.column for one in written)
    return open_check(path, format_of(path), TableShape(table.header, table.columns, added, table.label))


def _write_bad_rows(run: RunDirectory, bad_rows: BadRowList) -> None:
    frame = pl.DataFrame(
        {"line": [bad.line for bad in bad_rows.first], "what": [bad.what for bad in bad_rows.first]}
    )
    write_atomically(run.bad_rows_path, frame.write_csv().encode(), overwrite=True)
