"""What came back for the rows that were asked, shard by shard, in table order."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from rowbatch.core.answer import AnswerReader
from rowbatch.core.result_columns import ResultFrame
from rowbatch.core.states import RowStatus, ShardState
from rowbatch.errors import RunError, ServiceError, TableChanged
from rowbatch.providers.catalog import find_provider
from rowbatch.providers.clients import read_batch
from rowbatch.results.files import result_frames
from rowbatch.results.findings import row_of_id
from rowbatch.store.ledger import Shard
from rowbatch.store.rundir import RunDirectory, digest_file


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
    """

    def __init__(
        self,
        run: RunDirectory,
        shards: Sequence[Shard],
        reader: AnswerReader,
        counts: ResultCounts,
        *,
        embeddings: bool = False,
    ) -> None:
        def of_round(number: int) -> _RoundAnswers:
            # Shards that stand in the place of a larger one have higher numbers.
            here = [shard for shard in shards if shard.round == number and shard.state is not ShardState.CUT]
            here.sort(key=lambda shard: shard.first_row)
            return _RoundAnswers(run, here, reader, counts, embeddings=embeddings)

        self._first = of_round(1)
        self.embedding_size = self._first.embedding_size
        """Dimensions of the first embedding that came; another one's status is `invalid`."""
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
            One line each: `row`, the values in "0", "1", …, `status`, `status_reason`, `raw_answer`, `model`.
        Raises:
            RunError: A row was not asked, or a file was changed.
        """
        found = self._first.of_rows(rows)
        for answers, asked in self._later:
            if not len(rows):
                break
            start, stop = asked.search_sorted(rows[0], "left"), asked.search_sorted(rows[-1], "right")
            found = _best(found, answers.of_rows(asked[int(start) : int(stop)]))
        return found

    def finish(self) -> None:
        """
        Say that there are no more rows.

        Raises:
            RunError: More rows were asked.
        """
        for answers in (self._first, *(answers for answers, _ in self._later)):
            answers.finish()


# A later answer counts, unless the earlier one says more.
_WORTH = {
    RowStatus.OK: 0,
    RowStatus.INVALID: 1,
    RowStatus.REFUSED: 1,
    RowStatus.TRUNCATED: 1,
    RowStatus.ERROR: 2,
    RowStatus.EXPIRED: 2,
    RowStatus.CANCELLED: 2,
    RowStatus.MISSING: 3,
    RowStatus.UNSENT: 4,
}


def _best(earlier: pl.DataFrame, later: pl.DataFrame) -> pl.DataFrame:
    """Of two answers for a row the better one; the rows of `later` are among those of `earlier`."""
    if not later.height:
        return earlier
    worth = pl.col("status").replace_strict({str(k): v for k, v in _WORTH.items()}, return_dtype=pl.Int8)
    both = pl.concat(
        [
            later.with_columns(worth.alias("worth"), pl.lit(0).alias("age")),
            earlier.with_columns(worth.alias("worth"), pl.lit(1).alias("age")),
        ]
    )
    ordered = both.sort("row", "worth", "age", maintain_order=True)
    return ordered.unique("row", keep="first", maintain_order=True).drop("worth", "age")


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
        reader: Of the run's codebook.
        counts: Added to.
        embeddings: The answers are embeddings: "0" holds lists of 32-bit floats.
    """

    def __init__(
        self,
        run: RunDirectory,
        shards: Sequence[Shard],
        reader: AnswerReader,
        counts: ResultCounts,
        *,
        embeddings: bool = False,
    ) -> None:
        self._run, self._reader, self._counts, self._embeddings = run, reader, counts, embeddings
        self._nothing = _nothing(reader.width, embeddings=embeddings)
        self.embedding_size: int | None = None
        """Dimensions of the first embedding that came; another one's status is `invalid`."""
        self._shards = iter(shards)
        self._files = _files(run, shards)
        self._parts = result_frames([path for _, path in self._files], ("model", "usage"))
        self._part = next(self._parts, None)
        if embeddings:
            self.embedding_size = _first_size([path for _, path in self._files])
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
            joined = here.to_frame().join(self._answers, on="row", how="left", maintain_order="left")
            self._answered += joined.height - joined["status"].null_count()
            found.append(self._filled(joined, self._shard))
        return pl.concat(found) if found else self._nothing

    def finish(self) -> None:
        """As `RunAnswers.finish`."""
        self._end_shard()
        if next(self._shards, None) is not None:
            raise TableChanged("table-shorter", path=str(self._run.path))

    def _next_shard(self) -> None:
        self._end_shard()
        self._shard = next(self._shards, None)
        if self._shard is None:
            raise TableChanged("table-longer", path=str(self._run.path))
        paths = [path for shard, path in self._files if shard is self._shard]
        frames = [self._read(part) for part in self._parts_of(paths)]
        answers = pl.concat([self._nothing, *frames])
        # The first line for a row counts, also when another one came from the second file.
        once = answers.unique("row", keep="first", maintain_order=True)
        known = once.filter(pl.col("row").is_between(self._shard.first_row, self._shard.last_row))
        strange = answers.height - answers.filter(pl.col("row").is_in(known["row"].implode())).height
        self._counts.unknown_ids += strange
        self._counts.repeated_ids += answers.height - strange - known.height
        self._answers = known
        self._asked = self._answered = 0

    def _end_shard(self) -> None:
        if self._shard is None:
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

    def _parts_of(self, paths: Sequence[Path]) -> Iterator[ResultFrame]:
        while self._part is not None and self._part[0] in paths:
            yield self._part[1]
            self._part = next(self._parts, None)

    def _read(self, part: ResultFrame) -> pl.DataFrame:
        counts, frame = self._counts, part.frame
        counts.unreadable_lines += len(part.unreadable)
        counts.prompt_tokens += int(frame["prompt_tokens"].sum())
        counts.answer_tokens += int(frame["completion_tokens"].sum())
        read = self._read_embeddings(frame) if self._embeddings else self._reader.read_frame(frame)
        return read.select(row_of_id(frame["custom_id"]), pl.all(), frame["model"].fill_null(""))

    def _read_embeddings(self, frame: pl.DataFrame) -> pl.DataFrame:
        if "embedding" not in frame:
            frame = frame.with_columns(pl.lit(None, pl.List(pl.Float32)).alias("embedding"))
        is_right = (pl.col("embedding").list.len() == self.embedding_size).fill_null(False)
        is_wrong = (pl.col("status") == RowStatus.OK.value) & ~is_right
        return frame.select(
            pl.when(is_right).then("embedding").alias("0"),
            pl.when(is_wrong).then(pl.lit(RowStatus.INVALID.value)).otherwise("status").alias("status"),
            pl.when(is_wrong)
            .then(pl.lit("no embedding, or one of another size than the first"))
            .otherwise("status_reason")
            .alias("status_reason"),
            pl.col("content").alias("raw_answer"),
        )

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


def _nothing(width: int, *, embeddings: bool) -> pl.DataFrame:
    texts = [*map(str, range(width)), "status", "status_reason", "raw_answer", "model"]
    schema: dict[str, Any] = {"row": pl.Int64, **dict.fromkeys(texts, pl.String)}
    if embeddings:
        schema["0"] = pl.List(pl.Float32)
    return pl.DataFrame(schema=schema)


def _first_size(paths: Sequence[Path]) -> int | None:
    for _, part in result_frames(paths, processes=1):
        if "embedding" in part.frame:
            sizes = part.frame["embedding"].drop_nulls().list.len()
            if len(sizes):
                return int(sizes[0])
    return None


def _files(run: RunDirectory, shards: Sequence[Shard]) -> list[tuple[Shard, Path]]:
    """The result files of each shard, after making sure that they are those that came."""
    files = []
    for shard in shards:
        for kind, name, digest in (
            ("output", shard.output_name, shard.output_sha256),
            ("error", shard.error_name, shard.error_sha256),
        ):
            if name is None:
                continue
            path = run.result_path(shard.name, kind)
            if digest_file(path) != digest:
                raise RunError("result-file-changed", path=str(run.path), file=str(path))
            files.append((shard, path))
    return files


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
