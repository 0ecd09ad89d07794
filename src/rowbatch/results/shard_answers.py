"""What came back for the rows that were asked, shard by shard, in table order."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from rowbatch.core.answer import AnswerReader
from rowbatch.core.fate import decides, over_rounds
from rowbatch.core.states import GIVEN_UP, RowStatus, ShardState
from rowbatch.errors import RunError, ServiceError, TableChanged
from rowbatch.providers.catalog import find_provider
from rowbatch.providers.clients import read_batch
from rowbatch.results.columns import ResultReader
from rowbatch.results.lines import COUNTS, TOLD, LineReader, Lines, judged_embeddings
from rowbatch.store.ledger import Shard
from rowbatch.store.rundir import RunDirectory

# What lines say besides what becomes of a row.
_NOT_SHOWN = (TOLD, "cause", *COUNTS)


class ResultCounts(Protocol):
    """What is counted of the results besides the rows; see `CollectReport`."""

    unknown_ids: int
    repeated_ids: int
    unreadable_lines: int
    prompt_tokens: int
    answer_tokens: int


@dataclass(slots=True)
class ResultTally:
    """`ResultCounts`, for who only wants the rows."""

    unknown_ids: int = 0
    repeated_ids: int = 0
    unreadable_lines: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0


class RunAnswers:
    """
    The answers of a run, read once from the first row to the last; of each row the best of all rounds.

    Args:
        run: The run.
        shards: Of all rounds.
        reader: Of the run's codebook.
        counts: Added to.
        embeddings: The answers are embeddings: "0" holds lists of 32-bit floats.
        within: The first and the last row of those that are read, where these are not all.
    """

    def __init__(
        self,
        run: RunDirectory,
        shards: Sequence[Shard],
        reader: AnswerReader,
        counts: ResultCounts,
        *,
        embeddings: bool = False,
        within: tuple[int, int] | None = None,
    ) -> None:
        confidence = run.plan().asking.confidence
        results = ResultReader(run, LineReader(None if embeddings else reader, confidence=confidence))

        def of_round(number: int) -> _RoundAnswers:
            # Shards that stand in the place of a larger one have higher numbers.
            here = [shard for shard in shards if shard.round == number and shard.state is not ShardState.CUT]
            here.sort(key=lambda shard: shard.first_row)
            return _RoundAnswers(run, here, results, counts, within)

        has_taken = any(shard.round == 0 for shard in shards)
        self._taken = of_round(0) if has_taken else None
        self._taken_rows = _rows_of_round(run, 0) if has_taken else pl.Series("row", [], pl.Int64)
        self._first = of_round(1)
        self.embedding_size = self._first.embedding_size
        """Dimensions of the first embedding that came; another one's status is `invalid`."""
        if self._taken is not None:
            self.embedding_size = self._taken.embedding_size or self.embedding_size
            self._taken.embedding_size = self._first.embedding_size = self.embedding_size
        last = max((shard.round for shard in shards), default=1)
        self._later = [(of_round(number), _rows_of_round(run, number)) for number in range(2, last + 1)]
        for answers, _ in self._later:
            self.embedding_size = answers.embedding_size = self.embedding_size or answers.embedding_size

    def of_rows(self, rows: pl.Series) -> pl.DataFrame:
        """
        The answers of the next rows.

        Args:
            rows: `row`: numbers of rows that were asked, each higher than those before.
        Returns:
            One line each: `row`, the values in "0", "1", …, `status`, `status_reason`, `raw_answer`,
            `FORGIVEN`, `model`; and how sure the model was, as in `Lines`, where that was asked.
        Raises:
            RunError: A row was not asked, or a file was changed.
        """
        found = self._of_first_asked(rows)
        for answers, asked in self._later:
            if not len(rows):
                break
            found = over_rounds(found, answers.of_rows(_between(asked, rows[0], rows[-1])))
        return found

    def _of_first_asked(self, rows: pl.Series) -> pl.DataFrame:
        """The answers that were taken over, and those of round 1."""
        if self._taken is None or not len(rows):
            return self._first.of_rows(rows)
        here = _between(self._taken_rows, rows[0], rows[-1])
        is_taken = rows.is_in(here.implode())
        parts = [self._taken.of_rows(rows.filter(is_taken)), self._first.of_rows(rows.filter(~is_taken))]
        return pl.concat(parts).sort("row")

    def finish(self) -> None:
        """
        Say that there are no more rows.

        Raises:
            RunError: More rows were asked.
        """
        for answers in self._all():
            answers.finish()

    def close(self) -> None:
        """
        End what reads ahead, whether all was read or not.

        Left to the garbage collector it may end in a thread that is just being started, which then waits for
        itself: `Thread._stop` takes a lock that `Thread._bootstrap_inner` of Python 3.11 holds.
        """
        for answers in self._all():
            answers.close()

    def _all(self) -> list[_RoundAnswers]:
        taken = [] if self._taken is None else [self._taken]
        return [*taken, self._first, *(answers for answers, _ in self._later)]


def _between(rows: pl.Series, first: int, last: int) -> pl.Series:
    """Of sorted row numbers those from one to another, both included."""
    start, stop = rows.search_sorted(first, "left"), rows.search_sorted(last, "right")
    return rows[int(start) : int(stop)]


def _rows_of_round(run: RunDirectory, number: int) -> pl.Series:
    path = run.rows_path(number)
    try:
        return pl.read_parquet(path)["row"]
    except FileNotFoundError:
        raise RunError("asked-rows-gone", path=str(run.path), file=str(path), round=number) from None


class _RoundAnswers:
    """
    The answers of one round.

    Args:
        run: The run.
        shards: Of one round, in the order of their rows; each holds a range of rows.
        results: Reads what came for them.
        counts: Added to.
        within: The first and the last row of those that are read; None for all.
    """

    def __init__(
        self,
        run: RunDirectory,
        shards: Sequence[Shard],
        results: ResultReader,
        counts: ResultCounts,
        within: tuple[int, int] | None = None,
    ) -> None:
        self._run, self._counts, self._within = run, counts, within
        if within is not None:
            first, last = within
            shards = [shard for shard in shards if first <= shard.last_row and shard.first_row <= last]
        # What was taken over was paid for in another run.
        self._is_billed = all(shard.round for shard in shards)
        self._is_for_embeddings = results.lines.is_for_embeddings
        self._nothing = results.lines.nothing.drop(_NOT_SHOWN)
        self.embedding_size: int | None = None
        """Dimensions of the first embedding that came; another one's status is `invalid`."""
        self._shards = iter(shards)
        self._results = results.shards(shards)
        if results.lines.is_for_embeddings:
            with closing(results.shards(shards)) as read:
                self.embedding_size = _first_size(read)
        self._shard: Shard | None = None
        self._answers = pl.DataFrame()
        self._asked = self._answered = 0

    def of_rows(self, rows: pl.Series) -> pl.DataFrame:
        """As `RunAnswers.of_rows`."""
        found = []
        while len(rows):
            if self._shard is None or rows[0] > self._shard.last_row:
                self._next_shard()
            assert self._shard is not None
            stop = int(rows.search_sorted(self._shard.last_row, side="right"))
            here, rows = rows[:stop], rows[stop:]
            self._asked += len(here)
            joined = self._beside(here)
            self._answered += joined.height - joined["status"].null_count()
            found.append(self._filled(joined, self._shard))
        return pl.concat(found) if found else self._nothing

    def _beside(self, rows: pl.Series) -> pl.DataFrame:
        """The answers of the shard to these rows, null where there is none."""
        answers = self._answers
        if len(rows):
            bounds = pl.Series([rows[0], rows[-1] + 1])
            start, stop = answers["row"].search_sorted(bounds, side="left")
            answers = answers[start:stop]
        # Nearly always each has one, and none stands between them.
        if answers.height == len(rows) and bool((answers["row"] == rows).all()):
            return answers
        return rows.to_frame().join(answers, on="row", how="left", maintain_order="left")

    def finish(self) -> None:
        """As `RunAnswers.finish`."""
        self._end_shard()
        # A part that has rows before and after those that are read may have none of them.
        if any(self._is_whole(shard) for shard in self._shards):
            raise TableChanged("table-shorter", path=str(self._run.path))

    def close(self) -> None:
        """As `RunAnswers.close`."""
        self._results.close()

    def _next_shard(self) -> None:
        self._end_shard()
        self._shard = next(self._shards, None)
        if self._shard is None:
            raise TableChanged("table-longer", path=str(self._run.path))
        answers = self._read(next(self._results))
        known = answers.filter(pl.col("row").is_between(self._shard.first_row, self._shard.last_row))
        self._answers = known.filter(decides(known)).sort("row")
        if self._is_counted(self._shard):
            self._counts.unknown_ids += answers.height - known.height
            self._counts.repeated_ids += known.height - self._answers.height
        self._asked = self._answered = 0

    def _is_whole(self, shard: Shard) -> bool:
        """Whether all rows of a shard are among those that are read."""
        within = self._within
        return within is None or (within[0] <= shard.first_row and shard.last_row <= within[1])

    def _is_counted(self, shard: Shard) -> bool:
        """Whether what is odd in the results of a shard is counted here: where its first row is read."""
        return self._within is None or self._within[0] <= shard.first_row

    def _end_shard(self) -> None:
        if self._shard is None or not self._is_whole(self._shard):
            return
        if self._asked != self._shard.requests:
            raise TableChanged(
                "table-other-rows",
                path=str(self._run.path),
                shard=self._shard.name,
                requests=self._shard.requests,
                rows=self._asked,
            )
        # Rows that were skipped in its range, and yet have an answer.
        self._counts.unknown_ids += self._answers.height - self._answered

    def _read(self, lines: Lines) -> pl.DataFrame:
        counts, frame = self._counts, lines.frame
        assert self._shard is not None
        is_counted = self._is_counted(self._shard)
        if is_counted:
            counts.unreadable_lines += lines.unreadable
        if self._is_billed and is_counted:
            counts.prompt_tokens += int(frame["prompt_tokens"].sum())
            counts.answer_tokens += int(frame["completion_tokens"].sum())
        if self._is_for_embeddings:
            frame = judged_embeddings(frame, self.embedding_size)
        return frame.select(self._nothing.columns)

    def _filled(self, joined: pl.DataFrame, shard: Shard) -> pl.DataFrame:
        """Give rows without a result their status."""
        if not joined["status"].null_count():
            return joined
        status, reason = _without_result(self._run, shard)
        given = {"status": status.value, "status_reason": reason}
        return joined.with_columns(
            pl.col(name).fill_null(given.get(name, ""))
            for name, kind in joined.schema.items()
            if kind == pl.String
        )


def _first_size(shards: Iterator[Lines]) -> int | None:
    for lines in shards:
        sizes = lines.frame["0"].drop_nulls().list.len()
        if len(sizes):
            return int(sizes[0])
    return None


def _without_result(run: RunDirectory, shard: Shard) -> tuple[RowStatus, str]:
    """What rows of a shard get that are in no result file."""
    match shard.state:
        case ShardState.WRITTEN | ShardState.UPLOADED | ShardState.CUT:
            return RowStatus.UNSENT, str(shard.waits_for or "not submitted yet")
        case ShardState.SUBMITTING | ShardState.UNKNOWN:
            return RowStatus.UNSENT, "nobody knows yet whether it was submitted"
        case ShardState.SUBMITTED | ShardState.ENDED:
            return RowStatus.MISSING, "the batch is not over, or not downloaded yet"
        case ShardState.DOWNLOADED:
            if shard.batch_status == "failed":
                told = _failure(run, shard) or "the provider gave no reason"
                return RowStatus.ERROR, f"the whole batch failed: {told}"
            if shard.batch_status == GIVEN_UP:
                return RowStatus.MISSING, "given up: the provider did not say what became of its batch"
            return RowStatus.MISSING, "asked, but in no result file"


def _failure(run: RunDirectory, shard: Shard) -> str:
    """Why the batch of a shard failed, in the provider's words; or ""."""
    if shard.failure is not None or not shard.batch_json:
        return shard.failure or ""
    # An older version kept the provider's answer, and not what it means.
    provider = find_provider(run.plan().asking.provider)
    try:
        return read_batch(provider, json.loads(shard.batch_json)).reason
    except ServiceError:
        return ""
