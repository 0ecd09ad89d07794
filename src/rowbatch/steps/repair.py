"""
Rows whose failure a person wants to be asked again: a round of their own.

`rounds` asks again by itself what may pass. This is for the rest: answers that the codebook does not allow,
answers that were cut off, rows that are still without an answer after the last round.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from rowbatch.core.endpoint import LIMITS, output_limit
from rowbatch.core.shard import ShardCutter, ShardLimits
from rowbatch.core.states import RowStatus, ShardState
from rowbatch.errors import RunError, UsageError, from_os_error
from rowbatch.results.answered import AnsweredTable
from rowbatch.results.shard_answers import ResultTally
from rowbatch.steps.rounds import Pending, asked_lines, line_with_error, written_shard
from rowbatch.store.atomic import atomic_path
from rowbatch.store.ledger import Ledger, Shard
from rowbatch.store.rundir import RunDirectory

REPAIRABLE = (
    RowStatus.ERROR,
    RowStatus.EXPIRED,
    RowStatus.CANCELLED,
    RowStatus.MISSING,
    RowStatus.INVALID,
    RowStatus.TRUNCATED,
    RowStatus.REFUSED,
)
"""Statuses of rows that were asked and have no usable answer."""
_MORE_TOKENS = 4
# As a key of the body: within a text the quotation marks would be escaped.
_LIMIT_IN_LINE = re.compile(rb'"(?:max_completion_tokens|max_output_tokens|max_tokens)": ?([0-9]+)')


@dataclass(frozen=True, slots=True)
class Repair:
    """
    What was planned.

    Attributes:
        round: Its number.
        rows: How many are asked again; 0 when there are none, and then there is no round.
    """

    round: int
    rows: int


def plan_repair(
    run: RunDirectory,
    ledger: Ledger,
    limits: ShardLimits,
    statuses: Sequence[RowStatus],
    *,
    longest_answer: int | None = None,
) -> Repair:
    """
    Write the requests of a round that asks again, and enter them into the ledger, all or none.

    An answer that the codebook does not allow is asked for again with what is wrong with it; one that was
    cut off with a higher limit than any repair gave it; the others with the same bytes.

    Args:
        run: Its run; every shard is over.
        ledger: Of the run.
        limits: Of one file.
        statuses: Which rows.
        longest_answer: Tokens that an answer of the model may have at all, or None where nobody knows.
    Raises:
        UsageError: Rows of such a status are not asked again.
        RunError: Something is still running, or a request file is gone.
    """
    wanted = [RowStatus(status) for status in statuses]
    strange = [status for status in wanted if status not in REPAIRABLE]
    if strange or not wanted:
        raise UsageError("not-asked-again" if strange else "no-status-given", statuses=list(strange))
    shards = [shard for shard in ledger.shards() if shard.state is not ShardState.CUT]
    if any(shard.state is not ShardState.DOWNLOADED for shard in shards):
        raise RunError("batches-on-their-way", path=str(run.path))
    again = _rows(run, shards, wanted)
    seed, number = ledger.first_token(), max(shard.round for shard in shards) + 1
    first = sorted((shard for shard in shards if shard.round == 1), key=lambda shard: shard.first_row)
    cutter, pending, part = ShardCutter(limits), Pending(), 0
    made: list[Shard] = []
    rows: list[int] = []
    longest = longer_limit(run.plan().asking.output_limit, ledger, longest_answer)
    for row, line, tokens in _lines(run, first, again, longest):
        (cut,) = cutter.cut([len(line)], [row])
        if cut.shard != part:
            if part:
                made.append(written_shard(run, seed, number, part, pending))
            part, pending = cut.shard, Pending()
        pending.add(row, line, tokens)
        rows.append(row)
    if not rows:
        return Repair(number, 0)
    made.append(written_shard(run, seed, number, part, pending))
    with atomic_path(run.rows_path(number), overwrite=True) as temporary:
        pl.DataFrame({"row": rows}, schema={"row": pl.Int64}).write_parquet(temporary)
    told: dict[str, object] = {"statuses": [status.value for status in wanted]}
    if RowStatus.TRUNCATED in wanted and longest is not None:
        told["limit"] = longest
    ledger.add_shards(made, event="repair", detail=told)
    return Repair(number, len(rows))


def repaired(ledger: Ledger, status: RowStatus) -> bool:
    """Whether a person had rows of a status asked again."""
    return any(status in _listed(event.detail.get("statuses")) for event in ledger.events("repair"))


def tried_limit(planned: int | None, ledger: Ledger) -> int | None:
    """The largest output limit that answers which were cut off have had; None where there is none."""
    given = [event.detail.get("limit") for event in ledger.events("repair")]
    known = [limit for limit in (planned, *given) if isinstance(limit, int)]
    return max(known) if planned is not None else None


def longer_limit(planned: int | None, ledger: Ledger, longest_answer: int | None) -> int | None:
    """
    The output limit that answers which were cut off get next, in tokens.

    Args:
        planned: The limit of the plan; None where there is none.
        ledger: Of the run.
        longest_answer: Tokens that an answer of the model may have at all, or None where nobody knows.
    Returns:
        None where nothing limits them; the limit that they have had where there is no more room.
    """
    tried = tried_limit(planned, ledger)
    if tried is None:
        return None
    return max(tried, min(tried * _MORE_TOKENS, longest_answer or tried * _MORE_TOKENS))


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _rows(
    run: RunDirectory, shards: Sequence[Shard], wanted: Sequence[RowStatus]
) -> dict[int, tuple[RowStatus, str, str]]:
    names = [status.value for status in wanted]
    samples = run.plan().asking.samples
    found: dict[int, tuple[RowStatus, str, str]] = {}
    for _, frame in AnsweredTable(run, shards, ResultTally(), is_alone=True).chunks():
        chosen = frame.filter(pl.col("status").is_in(names))
        for row, status, reason, raw in chosen.select(
            "row", "status", "status_reason", "raw_answer"
        ).iter_rows():
            # Of a row that has no usable answer every sample is asked again.
            for number in range((row - 1) * samples + 1, row * samples + 1):
                found[number] = (RowStatus(status), reason, raw)
    return found


def _lines(
    run: RunDirectory,
    shards: Sequence[Shard],
    again: dict[int, tuple[RowStatus, str, str]],
    longest: int | None,
) -> Iterator[tuple[int, bytes, float]]:
    wanted = sorted(again)
    for shard in shards:
        if bisect_left(wanted, shard.first_row) == bisect_right(wanted, shard.last_row):
            continue
        tokens = shard.tokens / shard.requests if shard.requests else 0.0
        for row, line in asked_lines(run, shard):
            # A row that repeats another one is in no request file; it gets the other's answer.
            if row not in again:
                continue
            yield row, _again(line, *again[row], longest), tokens


def _again(line: bytes, status: RowStatus, reason: str, raw: str, longest: int | None) -> bytes:
    if status is RowStatus.INVALID and raw:
        return line_with_error(line, raw, reason)
    return _with_room(line, longest) if status is RowStatus.TRUNCATED and longest is not None else line


def _with_room(line: bytes, longest: int) -> bytes:
    """The same request, where an answer may be longer."""
    request: dict[str, Any] = json.loads(line)
    body = request["body"]
    limit = output_limit(body)
    if limit is None:
        return line
    for name, value in body.items():
        if value == limit and name in LIMITS:
            body[name] = max(limit, longest)
    return json.dumps(request, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def largest_output_limit(path: Path) -> int | None:
    """
    The largest output limit of the requests of a file, in tokens; None where none has one.

    A round that asks truncated rows again lets their answers be longer than the plan says.
    """
    try:
        with path.open("rb") as file:
            found = [int(number) for line in file for number in _LIMIT_IN_LINE.findall(line)]
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    return max(found, default=None)
