"""
`recover`: a ledger made anew, of a run whose own was lost or damaged. Nothing is sent.

What is known of each shard is taken from the trail; where that is gone too, from the files that lie here and
from the provider's list of batches. A shard of which nobody can say whether it was paid for is never entered
as unsent.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from pathlib import Path

from rowbatch.core.answer import AnswerReader
from rowbatch.core.cost import Price
from rowbatch.core.direct_ids import is_direct
from rowbatch.core.document import Shown
from rowbatch.core.states import GIVEN_UP, ShardState
from rowbatch.errors import NeedsDecision, RowbatchError, RunError, ServiceError, from_os_error
from rowbatch.providers.base import TOKEN_FIELD, BatchClient, BatchView
from rowbatch.providers.catalog import find_provider
from rowbatch.requests.line_tokens import LineTokens
from rowbatch.requests.pipeline import TableRequests, open_source
from rowbatch.results.checked import inspect
from rowbatch.results.findings import asked_requests
from rowbatch.results.lines import LineReader
from rowbatch.steps.cut import new_token
from rowbatch.steps.submit import TOKEN, made_at, wire_file
from rowbatch.store.ledger import LEDGER_FAULTS, Ledger, Shard, TableCounts, new_shard, shard_of_trail
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.sources import digest_file
from rowbatch.store.trail import Steps

_NAME = re.compile(r"r(?P<round>[0-9]+)-(?P<number>[0-9]+)")


@dataclass(frozen=True, slots=True, repr=False)
class RecoverReport(Shown):
    """
    What the new ledger says.

    Attributes:
        shards: How many, those that were cut not counted.
        downloaded: Of these, how many have their results here.
        submitted: How many have a batch at the provider whose results are to come.
        unknown: How many may have been paid for: `resume` looks for their batches, and sends none of them by
            itself.
        unsent: How many were certainly not paid for.
        not_asked: Names of shards whose batches the provider could not be asked about; `resume` asks again.
        changed: Request files that are not what was built; they are not sent.
        damaged_lines: Of batches.jsonl.
        put_aside: Where the old ledger lies now, or None where there was none.
    """

    shards: int
    downloaded: int
    submitted: int
    unknown: int
    unsent: int
    not_asked: tuple[str, ...]
    changed: tuple[str, ...]
    damaged_lines: int
    put_aside: Path | None


def recover(
    run: RunDirectory,
    client: BatchClient,
    *,
    reader: AnswerReader | None,
    price: Price | None,
    never_sent: bool = False,
    direct: BatchClient | None = None,
) -> RecoverReport:
    """
    Make the ledger anew. The caller holds the run lock. The calls to the provider are free.

    Args:
        run: Its ledger is lost, damaged, another run's or an older copy.
        client: Of its provider.
        reader: Of the codebook; None for embeddings.
        price: Of the model, or None.
        direct: Of the rows that were asked one by one; None where there are none.
        never_sent: A person has looked, and knows that shards of which nothing is known were never sent.
    Raises:
        RunError: The ledger is whole (`nothing-to-recover`); or batches.jsonl is another run's.
        NeedsDecision: Nobody can say whether some shards were sent (`recovery-undecided`). Nothing was
        changed. TableError, TableChanged: What the table had has to be counted again, and it is not what it
        was.
    """
    _require_useless(run)
    trail = run.trail()
    steps = trail.read()
    if any(step.identity != trail.identity for step in steps.all):
        raise RunError("trail-of-another-run", path=str(run.path), file=str(trail.path))
    lines = LineReader(reader)
    shards = [_doubted(run, shard, steps) for shard in _shards_of(run, steps)]
    about = steps.run or {}
    if not _is_complete(run, shards, steps):
        rest = _shards_of_files(
            run, client, direct, lines=lines, price=price, known={shard.name for shard in shards}
        )
        shards += rest if never_sent else _decided(run, rest)
        about = {**about, "counts": asdict(_counted(run, shards))}
    shards.sort(key=lambda shard: (shard.round, shard.number))
    now = [_with_results(run, shard, lines) for shard in shards]
    now, not_asked = _asked(client, direct, now)
    aside = run.put_ledger_aside()
    with Ledger.create_again(run.ledger_path, trail, steps, now, about) as ledger:
        ledger.take_over()
    states = [shard.state for shard in now]
    return RecoverReport(
        shards=sum(state is not ShardState.CUT for state in states),
        downloaded=states.count(ShardState.DOWNLOADED),
        submitted=states.count(ShardState.SUBMITTED) + states.count(ShardState.ENDED),
        unknown=states.count(ShardState.UNKNOWN),
        unsent=states.count(ShardState.WRITTEN) + states.count(ShardState.UPLOADED),
        not_asked=tuple(not_asked),
        changed=tuple(shard.name for shard in now if not _is_as_built(run, shard)),
        damaged_lines=steps.damaged,
        put_aside=aside,
    )


def _require_useless(run: RunDirectory) -> None:
    try:
        ledger = run.open_ledger()
        if ledger is None:
            raise RunError("run-not-built", path=str(run.path))
        with ledger:
            if ledger.run().counts is None:
                raise RunError("run-not-built", path=str(run.path))
            ledger.take_over()
            ledger.events()
            if ledger.faults():
                return
    except RowbatchError as error:
        if error.kind not in LEDGER_FAULTS:
            raise
        return
    raise RunError("nothing-to-recover", path=str(run.path))


# From the trail


def _shards_of(run: RunDirectory, steps: Steps) -> list[Shard]:
    try:
        return [shard_of_trail(kept) for kept in steps.shards]
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise RunError("trail-unreadable", path=str(run.path), told=str(error)) from error


def _doubted(run: RunDirectory, shard: Shard, steps: Steps) -> Shard:
    """A call that was about to go out may have gone; so may one that an unreadable line told of."""
    may_be_sent = shard.state is ShardState.SUBMITTING or (
        steps.damaged and shard.state in (ShardState.WRITTEN, ShardState.UPLOADED)
    )
    if not may_be_sent:
        return shard
    # The provider's list is looked at from then on.
    since = shard.intent_at or made_at(run)
    return replace(shard, state=ShardState.UNKNOWN, intent_at=since)


def _is_complete(run: RunDirectory, shards: Sequence[Shard], steps: Steps) -> bool:
    """Whether every row of the table that was asked is in a shard that is known, in each round."""
    counts = (steps.run or {}).get("counts")
    if not counts:
        return False
    first = [shard for shard in shards if shard.round <= 1 and shard.state is not ShardState.CUT]
    if sum(shard.requests for shard in first) != counts["rows"] - counts["skipped"] - counts["duplicates"]:
        return False
    # Else a file that no line tells of is what a crash left before its shard was entered.
    known = {shard.name for shard in shards}
    return not steps.damaged or {path.stem for path in _request_files(run)} <= known


# What can be seen of each


def _with_results(run: RunDirectory, shard: Shard, lines: LineReader) -> Shard:
    """The same, where its results are here as they came; else its batch is asked for them again."""
    if shard.state is not ShardState.DOWNLOADED:
        return shard
    results = [(run.results / name, digest) for name, digest in _result_files(shard)]
    if not all(path.is_file() and digest_file(path) == digest for path, digest in results):
        return replace(shard, state=ShardState.SUBMITTED) if shard.batch_id else shard
    if shard.findings is not None or not run.request_path(shard.name).is_file():
        return shard
    paths = [path for path, _ in results if path.name != shard.raw_name]
    found = inspect(paths, run.request_path(shard.name), lines, run.plan().question.user)
    return replace(shard, findings=found.to_json())


def _result_files(shard: Shard) -> list[tuple[str, str]]:
    named = (
        (shard.output_name, shard.output_sha256),
        (shard.error_name, shard.error_sha256),
        (shard.raw_name, shard.raw_sha256),
    )
    return [(name, str(digest)) for name, digest in named if name is not None]


def _asked(
    client: BatchClient, direct: BatchClient | None, shards: Sequence[Shard]
) -> tuple[list[Shard], list[str]]:
    """The shards as the provider says that their batches stand; and those that it was not asked about."""
    done, not_asked = [], []
    for shard in shards:
        is_over = shard.state is ShardState.CUT or shard.cleaned_at is not None
        if shard.batch_id is None or is_over or shard.batch_status == GIVEN_UP:
            done.append(shard)
            continue
        try:
            of = direct if direct is not None and is_direct(shard.batch_id) else client
            done.append(_as_seen(of, shard, of.status(shard.batch_id)))
        except ServiceError:
            # Out of reach, or seen with another key only: it stays as it was known, and `resume` asks again.
            still = ShardState.SUBMITTED if shard.state is ShardState.ENDED else shard.state
            done.append(replace(shard, state=still))
            if still is ShardState.SUBMITTED:
                not_asked.append(shard.name)
    return done, not_asked


def _as_seen(client: BatchClient, shard: Shard, view: BatchView) -> Shard:
    seen = replace(shard, batch_status=view.status, batch_json=view.raw)
    if shard.state is ShardState.DOWNLOADED:
        return seen
    seen = replace(seen, completed_requests=view.completed, failed_requests=view.failed)
    if not view.is_terminal:
        return replace(seen, state=ShardState.SUBMITTED)
    return replace(
        seen,
        state=ShardState.ENDED,
        ended_at=shard.ended_at or client.now(),
        failure=view.reason if view.status == "failed" else "",
    )


def _is_as_built(run: RunDirectory, shard: Shard) -> bool:
    path = run.request_path(shard.name)
    return path.is_file() and digest_file(path) == shard.sha256


# From what lies here, and what the provider lists


def _shards_of_files(
    run: RunDirectory,
    client: BatchClient,
    direct: BatchClient | None,
    *,
    lines: LineReader,
    price: Price | None,
    known: set[str],
) -> list[Shard]:
    """Shards that no line tells of: with their batch, with their results, or `written`."""
    provider = find_provider(run.plan().asking.provider)
    counter = None if provider.is_free else LineTokens()
    found = []
    for path in _request_files(run):
        if path.stem not in known and (match := _NAME.fullmatch(path.stem)):
            found.append(_shard_of_file(path, int(match["round"]), int(match["number"]), counter))
    found = _with_cuts(run, found)
    listed = _listed(run, client, direct) if found else []
    return [
        shard
        if shard.state is ShardState.CUT
        else _with_batch(run, client, shard, listed) or _with_files(run, shard, lines, price)
        for shard in found
    ]


def _request_files(run: RunDirectory) -> list[Path]:
    return sorted(path for path in run.requests.glob("r*.jsonl") if _NAME.fullmatch(path.stem))


def _shard_of_file(path: Path, round_: int, number: int, counter: LineTokens | None) -> Shard:
    rows = asked_requests(path)["row"]
    tokens = 0
    try:
        if counter is not None:
            with path.open("rb") as file:
                tokens = sum(map(counter.count, file))
        size = path.stat().st_size
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    return new_shard(
        round_=round_,
        number=number,
        first_row=int(rows[0]),
        last_row=int(rows[-1]),
        requests=len(rows),
        size_bytes=size,
        sha256=digest_file(path),
        token=new_token(path.stem),
        tokens=tokens,
    )


def _with_cuts(run: RunDirectory, shards: Sequence[Shard]) -> list[Shard]:
    """The same, where one whose rows stand in others of a higher number of its round was cut into them."""
    done = []
    rows = {
        shard.name: set(asked_requests(run.request_path(shard.name))["row"].to_list()) for shard in shards
    }
    for shard in shards:
        later: set[int] = set()
        for other in shards:
            if other.round == shard.round and other.number > shard.number:
                later |= rows[other.name]
        done.append(replace(shard, state=ShardState.CUT) if rows[shard.name] <= later else shard)
    return done


def _listed(run: RunDirectory, client: BatchClient, direct: BatchClient | None) -> list[BatchView]:
    """
    Batches at the provider since the run was made, first those that say that they are of a run of this name.
    The others are looked at too: a run may have been renamed.
    """
    here = list(direct.recent(made_at(run))) if direct is not None else []
    try:
        there = client.recent(made_at(run))
    except ServiceError as error:
        if error.is_passing or not here:
            raise
        # Who was asked one by one need not have batches.
        there = []
    return [*here, *sorted(there, key=lambda view: not _is_named(run, view))]


def _is_named(run: RunDirectory, view: BatchView) -> bool:
    name = run.path.name[:500]
    return view.metadata.get("rowbatch_run", name) == name


def _with_batch(
    run: RunDirectory, client: BatchClient, shard: Shard, listed: Sequence[BatchView]
) -> Shard | None:
    """The shard with its batch; None where none of those that are listed is its own."""
    ours: list[tuple[int, BatchView, Shard]] = []
    for view in listed:
        if ours and not _is_named(run, view):
            break
        match = TOKEN.fullmatch(view.metadata.get(TOKEN_FIELD, ""))
        if match is None or match["name"] != shard.name:
            continue
        attempt = int(match["attempt"] or 1)
        as_sent = replace(shard, token=match["token"], attempt=attempt, file_id=view.input_file_id)
        if _is_made_of(run, client, as_sent, view):
            ours.append((attempt, view, as_sent))
    if not ours:
        return None
    ours.sort(key=lambda one: (one[0], one[1].created_at))
    *older, (_, view, as_sent) = ours
    return replace(
        as_sent,
        state=ShardState.SUBMITTED,
        batch_id=view.batch_id,
        past_batches=tuple(one[1].batch_id for one in older),
        intent_at=view.created_at,
        submitted_at=view.created_at,
    )


def _is_made_of(run: RunDirectory, client: BatchClient, shard: Shard, view: BatchView) -> bool:
    """Whether the file of a batch has the bytes that we would send: another run may have the same names."""
    if is_direct(view.batch_id):
        # It lies in the run itself.
        return True
    if not view.input_file_id:
        return False
    try:
        with wire_file(run, client, shard) as ours, tempfile.TemporaryFile() as theirs:
            client.fetch(view.input_file_id, theirs, max_bytes=ours.stat().st_size)
            theirs.seek(0)
            return hashlib.file_digest(theirs, "sha256").hexdigest() == digest_file(ours)
    except ServiceError as error:
        if error.is_passing:
            raise
        return False


def _with_files(run: RunDirectory, shard: Shard, lines: LineReader, price: Price | None) -> Shard:
    """A shard whose results lie here, though nobody knows of which batch."""
    names = {kind: run.result_path(shard.name, kind) for kind in ("output", "error")}
    here = {kind: path for kind, path in names.items() if path.is_file()}
    if not here:
        return shard
    # As files appear whole, these are whole; which rows they answer is counted.
    found = inspect(list(here.values()), run.request_path(shard.name), lines, run.plan().question.user)
    # What was taken over was paid for in another run.
    spent = found.cost_usd(price) if shard.round else Decimal(0)
    done = replace(shard, state=ShardState.DOWNLOADED, spent_usd=spent, batch_status="completed")
    done = replace(done, findings=found.to_json())
    for kind, path in here.items():
        name, digest = path.name, digest_file(path)
        if kind == "output":
            done = replace(done, output_name=name, output_sha256=digest)
        else:
            done = replace(done, error_name=name, error_sha256=digest)
        raw = run.result_path(shard.name, f"{kind}.raw")
        if raw.is_file():
            done = replace(done, raw_name=raw.name, raw_sha256=digest_file(raw))
    return done


def _decided(run: RunDirectory, shards: Sequence[Shard]) -> list[Shard]:
    """
    The same shards, where each is known to have been sent, or costs nothing.

    Raises:
        NeedsDecision: One may have been sent, and nobody can tell.
    """
    is_free = find_provider(run.plan().asking.provider).is_free
    open_ones = [shard.name for shard in shards if shard.state is ShardState.WRITTEN]
    if open_ones and not is_free:
        raise NeedsDecision("recovery-undecided", path=str(run.path), shards=open_ones)
    return list(shards)


def _counted(run: RunDirectory, shards: Sequence[Shard]) -> TableCounts:
    """
    What the table has, read again.

    Raises:
        RunError: Its requests are not those that lie here: some files are gone, or the build never ended.
    """
    plan = run.plan()
    requests = TableRequests(open_source(plan.source, run.path), plan.question, plan.asking)
    for _ in requests.chunks():
        pass
    counts = requests.counts
    first = [shard for shard in shards if shard.round <= 1 and shard.state is not ShardState.CUT]
    if counts.requests != sum(shard.requests for shard in first):
        raise RunError("recovery-incomplete", path=str(run.path), requests=counts.requests)
    bad_rows = requests.table.bad_rows.count
    return TableCounts(counts.rows, counts.empty_rows, counts.duplicates, bad_rows)
