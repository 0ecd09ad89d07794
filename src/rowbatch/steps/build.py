"""`build`: from the table to the shards of round 1."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from rowbatch.core.plan import Plan
from rowbatch.core.request import RequestLines
from rowbatch.core.shard import ShardCutter
from rowbatch.errors import UsageError
from rowbatch.providers.catalog import find_provider
from rowbatch.requests.duplicates import RepeatCount
from rowbatch.requests.line_tokens import LineTokens
from rowbatch.requests.pipeline import TableRequests, open_source, require_unchanged_origin
from rowbatch.results.asked_before import KeptValues
from rowbatch.results.earlier import EarlierAnswers
from rowbatch.results.written import written_columns
from rowbatch.steps.built import TEXTS_REPEAT, BuildReport, is_built, read_build_report
from rowbatch.steps.cut import new_token
from rowbatch.steps.first_part import with_first_part
from rowbatch.steps.take_over import EarlierRunChanged, Takeover, remove_unfinished
from rowbatch.store.atomic import atomic_path, write_atomically
from rowbatch.store.ledger import Ledger, TableCounts, new_shard
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.sources import digest_file
from rowbatch.tables.base import BadRowList, Table, TableChunk
from rowbatch.tables.writer import OutputCheck, TableShape, format_of, open_check


def build(
    run: RunDirectory,
    progress: Callable[[int], None] | None = None,
    *,
    earlier: Sequence[RunDirectory] = (),
) -> BuildReport:
    """
    Write the request files and enter them into the ledger. A run that is built stays as it is.

    Rows whose answers are in earlier runs are not asked: these answers are copied, see `take_over`.

    The caller holds the run lock. A crash in between leaves files that the next build replaces.

    Args:
        run: Made by `create`.
        progress: Called with the number of rows done so far.
        earlier: Runs whose answers may be taken over, those first that are preferred; unless the plan says
            that every row is asked.
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
    plan = run.plan()
    places = [place for place in earlier if place.path.resolve() != run.path.resolve()]
    while True:
        remove_unfinished(run)
        answers = EarlierAnswers(plan, places) if places and _takes_over(plan) else None
        try:
            _build(run, plan, answers, progress)
        except EarlierRunChanged as changed:
            # Somebody removed it, or its files are damaged: its rows are asked.
            places = [place for place in places if place.path != changed.place]
        else:
            return read_build_report(run)


def _build(
    run: RunDirectory, plan: Plan, earlier: EarlierAnswers | None, progress: Callable[[int], None] | None
) -> None:
    require_unchanged_origin(plan.source, run.path)
    counts = _Counts()
    shards = []
    # Where it costs money, tokens are counted: for the queue, the cap and the estimate.
    is_free = find_provider(plan.asking.provider).is_free
    counter = None if is_free else LineTokens()
    with Takeover(run, plan, earlier) as takeover:
        asked = TableRequests(open_source(plan.source, run.path), plan.question, plan.asking)
        kept = KeptValues(plan, asked.table) if plan.question.kept else None
        pieces_of_all = _pieces(
            run, plan, asked, counts=counts, takeover=takeover, kept=kept, progress=progress
        )
        for number, pieces in itertools.groupby(pieces_of_all, key=lambda piece: piece.shard):
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
        taken = takeover.finish()
        values_kept = kept.save(run) if kept is not None else None
    if not shards and not taken.shards:
        raise UsageError("no-row-has-text", rows=counts.rows)
    if counter is not None and shards:
        policy = plan.policy
        shards = with_first_part(run, shards, policy, token_of=new_token, count_tokens=counter.count)
    with Ledger(run.ledger_path, run.trail()) as ledger:
        if counts.repeats:
            ledger.add_event(TEXTS_REPEAT, rows=counts.repeats, texts=counts.repeated_texts)
        ledger.add_shards(
            shards,
            counts=TableCounts(counts.rows, counts.skipped, counts.duplicates, counts.bad_rows),
            taken=taken.shards,
            taken_from=taken.runs,
            kept=values_kept,
        )


def _takes_over(plan: Plan) -> bool:
    # Samples of a row are to be answers of their own.
    return not plan.asking.fresh and plan.asking.samples == 1


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


def _pieces(
    run: RunDirectory,
    plan: Plan,
    requests: TableRequests,
    *,
    counts: _Counts,
    takeover: Takeover,
    kept: KeptValues | None,
    progress: Callable[[int], None] | None,
) -> Iterator[_Piece]:
    if plan.asking.dedupe:
        requests.duplicates.save(run.duplicates_path, overwrite=True)
    cutter = ShardCutter(find_provider(plan.asking.provider).limits)
    fits = output_check(plan, run.output_of(plan), requests.table)
    repeats = None if plan.asking.dedupe else RepeatCount(requests.table, *text_columns(plan))

    def look(chunk: TableChunk) -> None:
        fits.look(chunk)
        if repeats is not None:
            repeats.look(chunk)
        if kept is not None:
            kept.look(chunk)

    for found in requests.chunks(look):
        counts.rows, counts.skipped = requests.counts.rows, requests.counts.empty_rows
        counts.duplicates = requests.counts.duplicates
        lines, rows = takeover.rest(found.lines, found.rows)
        numbers = rows.to_list()
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


def text_columns(plan: Plan) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns that make two rows the same text, and those that are empty where there is none."""
    return plan.question.columns, plan.question.asked_columns


def output_check(plan: Plan, path: Path, table: Table) -> OutputCheck:
    """What the output at a path cannot hold is said now, and not when all is paid."""
    written = written_columns(plan.question.codebook, plan.output.columns, None, plan)
    return open_check(path, format_of(path), TableShape.of(table, [one.column for one in written]))


def _write_bad_rows(run: RunDirectory, bad_rows: BadRowList) -> None:
    frame = pl.DataFrame(
        {"line": [bad.line for bad in bad_rows.first], "what": [bad.what for bad in bad_rows.first]}
    )
    write_atomically(run.bad_rows_path, frame.write_csv().encode(), overwrite=True)
