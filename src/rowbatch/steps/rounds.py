"""
The next round: rows whose failure may pass are asked again, and nothing else.

A request of a later round is the line of the round before, byte for byte; only an answer that the codebook
does not allow is asked for again with the answer and what is wrong with it.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from rowbatch.core.answer import AnswerReader
from rowbatch.core.fate import decides
from rowbatch.core.findings import read_findings
from rowbatch.core.result import LOST_CAUSE
from rowbatch.core.retry import is_passing
from rowbatch.core.shard import ShardCutter, ShardLimits
from rowbatch.core.states import GIVEN_UP, RowStatus, ShardState
from rowbatch.errors import RunError, from_os_error
from rowbatch.results.columns import ResultReader
from rowbatch.results.findings import asked_requests, row_of_request
from rowbatch.results.lines import TOLD, LineReader
from rowbatch.results.quotes import PlacedQuotes, texts_of_requests
from rowbatch.steps.cut import derived_token
from rowbatch.store.atomic import atomic_path
from rowbatch.store.ledger import Ledger, Shard, name_of, new_shard
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.sources import digest_file

_SAY_AGAIN = (
    "This answer cannot be used: {reason}. Answer again, and follow the instructions and the form exactly."
)


@dataclass(frozen=True, slots=True)
class NextRound:
    """
    What was planned.

    Attributes:
        round: Its number.
        rows: How many are asked again; 0 when none is worth it, and then there is no round.
        shards: How many.
    """

    round: int
    rows: int
    shards: int


def plan_next_round(
    run: RunDirectory,
    ledger: Ledger,
    reader: AnswerReader | None,
    limits: ShardLimits,
    *,
    ask_invalid_again: bool,
    ask_lost_again: bool = False,
    only_lost: bool = False,
) -> NextRound:
    """
    Write the requests of the next round and enter them into the ledger, all or none.

    Args:
        run: Its run; every shard of the last round is over.
        ledger: Of the run.
        reader: Of the codebook; None for embeddings.
        limits: Of one file.
        ask_invalid_again: Also ask for answers again that the codebook does not allow.
        ask_lost_again: Also ask rows again that were asked one by one, and whose answer was lost, in any
            round: a person has said that they may be paid for twice.
        only_lost: Ask none but these.
    Raises:
        RunError: A request file is gone.
    """
    shards = ledger.shards()
    last = max(shard.round for shard in shards)
    asked = sorted(
        (shard for shard in shards if shard.round == last and shard.state is ShardState.DOWNLOADED),
        key=lambda shard: shard.first_row,
    )
    passing = (
        (row, line, _tokens_per_row(shard))
        for shard in ([] if only_lost else asked)
        if (again := _rows_to_ask(run, shard, reader, ask_invalid_again=ask_invalid_again))
        for row, line in _lines(run, shard, again)
    )
    lost = [
        (row, line, _tokens_per_row(shard))
        for shard, rows in (_lost_rows(run, ledger, reader) if ask_lost_again else ())
        for row, line in _lines(run, shard, dict.fromkeys(rows))
    ]
    planned = _write_round(run, ledger, limits, heapq.merge(passing, sorted(lost)))
    if not planned.rows and not only_lost:
        ledger.note_last_round(last, asks_invalid=ask_invalid_again)
    return planned


def count_lost(run: RunDirectory, ledger: Ledger, reader: AnswerReader | None) -> int:
    """How many rows there are whose answer was lost, and that were not asked since."""
    return sum(len(rows) for _, rows in _lost_rows(run, ledger, reader))


def _lost_rows(
    run: RunDirectory, ledger: Ledger, reader: AnswerReader | None
) -> Iterator[tuple[Shard, list[int]]]:
    shards = [shard for shard in ledger.shards() if shard.state is not ShardState.CUT]
    for shard in shards:
        findings = read_findings(shard.findings)
        if findings is None or not findings.lost:
            continue
        frame = ResultReader(run, LineReader(reader)).shard(shard)
        lost = frame.filter(decides(frame)).filter(pl.col("cause") == LOST_CAUSE)["row"].to_list()
        later = {
            row
            for other in shards
            if other.round > shard.round
            for row in asked_requests(_request_file(run, other))["row"].to_list()
        }
        if rows := [row for row in lost if row not in later]:
            yield shard, rows


def _write_round(
    run: RunDirectory, ledger: Ledger, limits: ShardLimits, lines: Iterable[tuple[int, bytes, float]]
) -> NextRound:
    """Write the requests of rows that are asked again: number, line and tokens of each, by number."""
    seed, next_round = ledger.first_token(), ledger.tally().last_round(with_cut=True) + 1
    cutter = ShardCutter(limits)
    made: list[Shard] = []
    rows: list[int] = []
    pending = Pending()
    number = 0
    for row, line, tokens in lines:
        (cut,) = cutter.cut([len(line)], [row])
        if cut.shard != number:
            if number:
                made.append(written_shard(run, seed, next_round, number, pending))
            number, pending = cut.shard, Pending()
        pending.add(row, line, tokens)
        rows.append(row)
    if not number:
        return NextRound(next_round, 0, 0)
    made.append(written_shard(run, seed, next_round, number, pending))
    with atomic_path(run.rows_path(next_round), overwrite=True) as temporary:
        pl.DataFrame({"row": rows}, schema={"row": pl.Int64}).write_parquet(temporary)
    ledger.add_shards(made, event="round")
    return NextRound(next_round, len(rows), len(made))


def _tokens_per_row(shard: Shard) -> float:
    return shard.tokens / shard.requests if shard.requests else 0.0


class Pending:
    """Lines of the shard that is being filled."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.first_row = self.last_row = 0
        self.tokens = 0.0

    def add(self, row: int, line: bytes, tokens: float) -> None:
        """Add the request of a row, higher than those before, and the tokens of its prompt."""
        self.first_row = self.first_row or row
        self.last_row = row
        self.lines.append(line)
        self.tokens += tokens


def written_shard(run: RunDirectory, seed: str, round_: int, number: int, pending: Pending) -> Shard:
    """Write the request file of a shard that the ledger does not know yet, whole; `seed`: its first token."""
    name = name_of(round_, number)
    path = run.request_path(name)
    with atomic_path(path, overwrite=True) as temporary, temporary.open("wb") as file:
        file.writelines(pending.lines)
    digest = digest_file(path)
    return new_shard(
        round_=round_,
        number=number,
        first_row=pending.first_row,
        last_row=pending.last_row,
        requests=len(pending.lines),
        size_bytes=sum(map(len, pending.lines)),
        sha256=digest,
        token=derived_token(seed, name, digest),
        tokens=round(pending.tokens),
    )


def _rows_to_ask(
    run: RunDirectory, shard: Shard, reader: AnswerReader | None, *, ask_invalid_again: bool
) -> dict[int, tuple[str, str] | None]:
    """Rows worth asking again; for an invalid answer the answer and what is wrong with it."""
    if shard.batch_status in ("failed", GIVEN_UP):
        # The whole batch was refused, for a reason that stays; or a person does not wait for it, and it may
        # have been paid.
        return {}
    frame = ResultReader(run, LineReader(reader, confidence=run.plan().asking.confidence)).shard(shard)
    quotes = PlacedQuotes(run.plan().question.asked_codebook, ())
    if quotes.are_there:
        frame = quotes.checked_by_texts(
            frame, texts_of_requests(run.request_path(shard.name), run.plan().question.user)
        )
    once = frame.filter(decides(frame))
    passing = once.select(pl.col(TOLD).alias("status"), "cause").select(is_passing()).to_series()
    # An answer that came, and cannot be used.
    is_invalid = once["status"] == RowStatus.INVALID.value
    if reader is None:
        # An embedding that is there and cannot be read.
        passing |= is_invalid
    again: dict[int, tuple[str, str] | None] = {}
    worth = passing | is_invalid if ask_invalid_again and reader is not None else passing
    told = once.select("row", "raw_answer", "status_reason").with_columns(passing.alias("passes"))
    for row, raw, reason, passes in told.filter(worth).iter_rows():
        # Of a response without an answer nothing can be shown.
        again[row] = None if passes else (raw, reason)
    requests = _request_file(run, shard)
    findings = read_findings(shard.findings)
    if findings is None or not findings.answered == findings.asked == shard.requests:
        answered = once["row"].implode()
        missing = asked_requests(requests).filter(~pl.col("row").is_in(answered))["row"]
        again |= dict.fromkeys(missing.to_list())
    return again


def _request_file(run: RunDirectory, shard: Shard) -> Path:
    path = run.request_path(shard.name)
    if not path.is_file():
        raise RunError("requests-gone", path=str(run.path), file=str(path), round=shard.round)
    return path


def asked_lines(run: RunDirectory, shard: Shard) -> Iterator[tuple[int, bytes]]:
    """
    Row number and request line of every row that a shard asks, in its order.

    Raises:
        RunError: The file is gone.
    """
    path = _request_file(run, shard)
    try:
        with path.open("rb") as file:
            for line in file:
                yield row_of_request(line), line
    except OSError as error:
        raise from_os_error(error, str(path)) from error


def _lines(
    run: RunDirectory, shard: Shard, again: dict[int, tuple[str, str] | None]
) -> Iterator[tuple[int, bytes]]:
    for row, line in asked_lines(run, shard):
        if row in again:
            wrong = again[row]
            yield row, line_with_error(line, *wrong) if wrong else line


def line_with_error(line: bytes, answer: str, reason: str) -> bytes:
    """The same request, with the answer that came and what is wrong with it."""
    request: dict[str, Any] = json.loads(line)
    body = request["body"]
    said = [
        {"role": "assistant", "content": answer},
        {"role": "user", "content": _SAY_AGAIN.format(reason=reason)},
    ]
    if "messages" in body:
        body["messages"] = [*body["messages"], *said]
    else:
        begun = body["input"]
        body["input"] = [
            *(begun if isinstance(begun, list) else [{"role": "user", "content": begun}]),
            *said,
        ]
    text = json.dumps(request, ensure_ascii=False, separators=(",", ":"))
    for character in ("\u2028", "\u2029", "\x85"):
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode() + b"\n"
