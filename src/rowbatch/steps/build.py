"""`build`: from the table to the shards of round 1."""

from __future__ import annotations

import hashlib
import itertools
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rowbatch.core.request import join_lines, render_requests
from rowbatch.core.shard import ShardCutter
from rowbatch.errors import UsageError
from rowbatch.providers.catalog import find_provider
from rowbatch.steps.frozen import blank_rows, request_settings_of, table_of, text_columns
from rowbatch.store.atomic import atomic_file
from rowbatch.store.ledger import Ledger, new_shard
from rowbatch.store.rundir import RunDirectory


@dataclass(frozen=True, slots=True)
class BuildReport:
    """
    What was built.

    Attributes:
        rows: Of the table.
        requests: Rows that are asked.
        skipped: Rows with an empty text.
        shards: Request files.
        request_bytes: Bytes of all requests.
    """

    rows: int
    requests: int
    skipped: int
    shards: int
    request_bytes: int


def is_built(run: RunDirectory) -> bool:
    """Whether the ledger holds the shards. Until then nothing was sent and all can be made anew."""
    if not run.ledger_path.is_file() or run.ledger_path.stat().st_size == 0:
        return False
    with Ledger(run.ledger_path) as ledger:
        return ledger.fact("rows") is not None


def read_build_report(run: RunDirectory) -> BuildReport:
    """What was built, from the ledger."""
    with run.ledger() as ledger:
        shards = [shard for shard in ledger.shards() if shard.round == 1]
        rows, skipped = int(ledger.fact("rows") or 0), int(ledger.fact("skipped") or 0)
    return BuildReport(
        rows=rows,
        requests=sum(shard.requests for shard in shards),
        skipped=skipped,
        shards=len(shards),
        request_bytes=sum(shard.bytes for shard in shards),
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
        RequestTooLarge: A row makes a request that no shard can hold.
        StorageError: No space left.
    """
    if is_built(run):
        return read_build_report(run)
    counts = _Counts()
    shards = []
    for number, pieces in itertools.groupby(_pieces(run, counts, progress), key=lambda piece: piece.shard):
        digest = hashlib.sha256()
        size = requests = 0
        first_row = last_row = 0
        with atomic_file(run.request_path(f"r1-{number:04d}"), overwrite=True) as file:
            for piece in pieces:
                file.write(piece.data)
                digest.update(piece.data)
                size += len(piece.data)
                requests += piece.requests
                first_row = first_row or piece.first_row
                last_row = piece.last_row
        shards.append(
            new_shard(
                number=number,
                first_row=first_row,
                last_row=last_row,
                requests=requests,
                size_bytes=size,
                sha256=digest.hexdigest(),
                token=f"{secrets.token_hex(8)}-r1-{number:04d}",
            )
        )
    if not shards:
        raise UsageError(
            f"none of the {counts.rows:,} rows has a text, so there is nothing to ask",
            hint="is --text the right column?",
        )
    run.ledger_path.unlink(missing_ok=True)
    with Ledger.create(run.ledger_path) as ledger:
        ledger.add_shards(shards, facts={"rows": str(counts.rows), "skipped": str(counts.skipped)})
    return read_build_report(run)


@dataclass(slots=True)
class _Counts:
    rows: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class _Piece:
    """Consecutive request lines of one shard, as they are written."""

    shard: int
    data: bytes
    requests: int
    first_row: int
    last_row: int


def _pieces(run: RunDirectory, counts: _Counts, progress: Callable[[int], None] | None) -> Iterator[_Piece]:
    settings = run.settings()
    table = table_of(run, settings)
    request_settings = request_settings_of(settings)
    positions = {name: table.column(name) for name in request_settings.columns}
    asked_columns = text_columns(table, settings)
    cutter = ShardCutter(find_provider(settings.request["provider"]).limits)
    for chunk in table.chunks(request_settings.rows_per_chunk()):
        blank = blank_rows(chunk.frame, asked_columns)
        frame = chunk.frame.with_row_index("row", offset=chunk.first_row).filter(~blank)
        counts.rows += chunk.frame.height
        counts.skipped += chunk.frame.height - frame.height
        numbers = frame["row"].to_list()
        lines = render_requests(request_settings, frame, positions, frame["row"])
        for cut in cutter.cut(lines.str.len_bytes().to_list(), numbers):
            yield _Piece(
                shard=cut.shard,
                data=join_lines(lines.slice(cut.start, cut.stop - cut.start)),
                requests=cut.stop - cut.start,
                first_row=numbers[cut.start],
                last_row=numbers[cut.stop - 1],
            )
        if progress:
            progress(counts.rows)
