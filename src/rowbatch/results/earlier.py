"""Which rows were answered in earlier runs on this computer, found by what they ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import polars as pl

from rowbatch.core.answer import AnswerReader
from rowbatch.core.endpoint import Endpoint
from rowbatch.core.findings import read_findings
from rowbatch.core.plan import Asking, Plan
from rowbatch.core.states import RowStatus, ShardState
from rowbatch.errors import RowbatchError
from rowbatch.requests.fingerprints import fingerprints_of_files, kind_of
from rowbatch.results.checked import checked
from rowbatch.results.columns import ResultReader, reader_digest
from rowbatch.results.lines import LineReader, Lines
from rowbatch.store.kept_frames import keep_frame, kept_frame
from rowbatch.store.ledger import Shard
from rowbatch.store.rundir import RunDirectory

# Runs are sorted into one another until they have so many rows together: few large heaps are searched fast,
# and none takes much memory while it is made.
_ROWS_OF_A_HEAP = 1_000_000
# Which beginnings of fingerprints there are, a bit for each: most rows that nobody answered need no search.
_BEGIN_BITS = 26
_FOUND = dict.fromkeys(("run", "shard", "row", "at"), pl.UInt32)
_MOST_ROW = 1 << 32


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """
    A run whose answers may be taken over.

    Attributes:
        run: Where it lies.
        plan: Of it.
        shards: Those whose results are here.
    """

    run: RunDirectory
    plan: Plan
    shards: tuple[Shard, ...]


class EarlierAnswers:
    """
    Rows of earlier runs that have an answer which can be used, by what they ask.

    Attributes:
        runs: The runs, by the numbers that `find` gives.

    Args:
        plan: Of the run that is made.
        places: Runs to look at, those first whose answers are preferred. One that cannot be read, or asks
            something else, is left out.
    """

    def __init__(self, plan: Plan, places: Sequence[RunDirectory]) -> None:
        self.runs: list[EarlierRun] = []
        self._heaps: list[pl.DataFrame] = []
        lines, kind = line_reader(plan), kind_of(plan.question, plan.asking)
        gathered: list[pl.DataFrame] = []
        for place in places:
            found = _answers_of(place, plan.asking, lines, kind)
            if found is None:
                continue
            run, frame = found
            gathered.append(frame.with_columns(pl.lit(len(self.runs), pl.UInt32).alias("run")))
            self.runs.append(run)
            if sum(frame.height for frame in gathered) >= _ROWS_OF_A_HEAP:
                self._heaps.append(_heap(gathered))
                gathered = []
        if gathered:
            self._heaps.append(_heap(gathered))
        self._begins = pl.repeat(
            False, (1 << _BEGIN_BITS) if self._heaps else 0, dtype=pl.Boolean, eager=True
        )
        for heap in self._heaps:
            self._begins = self._begins.scatter(_begin(heap["h0"]), values=True)

    def __len__(self) -> int:
        return sum(heap.height for heap in self._heaps)

    def find(self, prints: pl.DataFrame) -> pl.DataFrame:
        """
        Where requests were answered.

        Args:
            prints: `SCHEMA` of `requests.fingerprints`.
        Returns:
            As many rows: `run` (of `runs`), `shard` (of its shards) and `row` (of its table), 32-bit; null
            where nobody answered.
        """
        every = pl.int_range(prints.height, dtype=pl.UInt32, eager=True).alias("at")
        order = every.filter(self._begins.gather(_begin(prints["h0"])))
        # Sorted ones are looked for in one direction, through memory that was just read.
        order = order.gather(prints["h0"].gather(order).arg_sort())
        h0, h1 = prints["h0"].gather(order), prints["h1"].gather(order)
        hits = []
        for heap in self._heaps:
            if not len(order):
                break
            known = heap["h0"]
            at = known.search_sorted(h0, side="left").clip(upper_bound=heap.height - 1)
            is_same = known.gather(at) == h0
            if is_same.any():
                places = heap[at.filter(is_same)]
                is_same = is_same.scatter(is_same.arg_true(), places["h1"] == h1.filter(is_same))
                here = heap[at.filter(is_same)].select("run", "shard", "row")
                hits.append(here.with_columns(order.filter(is_same).alias("at")))
                order, h0, h1 = (one.filter(~is_same) for one in (order, h0, h1))
        found = pl.concat([pl.DataFrame(schema=_FOUND), *hits])
        return every.to_frame().join(found, on="at", how="left", maintain_order="left").drop("at")


def _begin(h0: pl.Series) -> pl.Series:
    return (h0 // (1 << (64 - _BEGIN_BITS))).cast(pl.UInt32)


def line_reader(plan: Plan) -> LineReader:
    """Reads the results of a run of this plan."""
    is_embeddings = plan.asking.endpoint is Endpoint.EMBEDDINGS
    return LineReader(None if is_embeddings else AnswerReader(plan.question.asked_codebook))


def _heap(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    if len(frames) == 1:
        # Sorted when it was written.
        return frames[0]
    # Of equal ones the first run's comes first.
    return pl.concat(frames).sort("h0", maintain_order=True)


def _answers_of(
    place: RunDirectory, asking: Asking, lines: LineReader, kind: str
) -> tuple[EarlierRun, pl.DataFrame] | None:
    """The answers of one run; None where it has none, asks something else, or cannot be read."""
    try:
        plan = place.plan()
        is_other = (plan.asking.provider, plan.asking.model) != (asking.provider, asking.model)
        if is_other or plan.asking.samples > 1 or kind_of(plan.question, plan.asking) != kind:
            return None
        with place.ledger() as ledger:
            shards = tuple(shard for shard in ledger.shards() if _is_usable(shard))
        run = EarlierRun(place, plan, shards)
        frame = _answered(run, lines, kind)
    except (RowbatchError, OSError):
        # It is gone, damaged, of a newer version, or somebody else's: then its rows are asked.
        return None
    return (run, frame) if frame is not None and frame.height else None


def _is_usable(shard: Shard) -> bool:
    if shard.state is not ShardState.DOWNLOADED or not (shard.output_name or shard.error_name):
        return False
    findings = read_findings(shard.findings)
    return findings is None or not findings.is_doubted


def _answered(run: EarlierRun, lines: LineReader, kind: str) -> pl.DataFrame | None:
    """Of each row with an answer: `h0`, by which they are sorted, `h1`, `row`, and whose `shard` it is."""
    files = [[shard.name, shard.output_sha256, shard.error_sha256] for shard in run.shards]
    about = {"kind": kind, "reader": [reader_digest(), lines.kind], "results": files}
    path = run.run.fingerprints / "answered"
    known = kept_frame(path, about)
    if known is not None:
        return known
    asked = asked_of(run.run, run.plan, kind)
    if asked is None or (asked["row"] >= _MOST_ROW).any():
        return None
    usable = [
        _usable_rows(run.run, shard, part.frame).with_columns(pl.lit(number, pl.UInt32).alias("shard"))
        for number, (shard, part) in enumerate(zip(run.shards, results_of(run, lines), strict=True))
    ]
    rows = pl.concat([pl.DataFrame(schema={"row": pl.Int64, "shard": pl.UInt32}), *usable])
    # Of several rounds that answered a row the last one holds.
    rows = rows.unique("row", keep="last", maintain_order=True)
    found = asked.join(rows, on="row", how="inner").sort("h0", "row").cast({"row": pl.UInt32})
    keep_frame(path, about, found)
    return found


def asked_of(run: RunDirectory, plan: Plan, kind: str) -> pl.DataFrame | None:
    """What each row of a run asks; made of its request files where it is not known."""
    path, about = run.fingerprints / "asked", {"kind": kind}
    known = kept_frame(path, about)
    if known is not None:
        return known
    with run.ledger() as ledger:
        first = [s for s in ledger.shards() if s.round <= 1 and s.state is not ShardState.CUT]
    found = fingerprints_of_files([run.request_path(s.name) for s in first], plan.question, plan.asking)
    if found is not None:
        keep_frame(path, about, found)
    return found


def results_of(run: EarlierRun, lines: LineReader) -> Iterator[Lines]:
    """What came for each shard of an earlier run, read through the codebook of the run that is made."""
    reader = ResultReader(run.run, lines)
    if line_reader(run.plan).kind == lines.kind:
        with closing(reader.shards(run.shards)) as found:
            for shard, whole in zip(run.shards, found, strict=True):
                yield from checked([whole], lines, run.plan.question.user, run.run.request_path(shard.name))
        return
    # Its own columns stay as they are.
    for shard in run.shards:
        results = reader.results(shard)
        results.verify()
        parts = [part for _, part in lines.parts(results.paths, processes=1)]
        whole = Lines(pl.concat([lines.nothing, *(part.frame for part in parts)]), 0)
        yield from checked([whole], lines, run.plan.question.user, run.run.request_path(shard.name))


def _usable_rows(run: RunDirectory, shard: Shard, frame: pl.DataFrame) -> pl.DataFrame:
    """
    Rows of a shard with one answer, which can be used.

    Where a row has several lines, which of them was meant is for its own run; it is asked anew.
    """
    is_here = pl.col("row").is_between(shard.first_row, shard.last_row)
    is_once = ~pl.col("row").is_duplicated()
    rows = frame.filter(is_here & is_once & (pl.col("status") == RowStatus.OK.value)).select("row")
    if shard.round == 1:
        return rows
    asked = pl.read_parquet(run.rows_path(shard.round)).select("row")
    return rows.join(asked, on="row", how="semi")
