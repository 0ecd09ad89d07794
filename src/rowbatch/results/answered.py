"""Every row of a run's table beside its answer: what `collect`, exports and people who look are made of."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from typing import Protocol, TypeVar, cast

import polars as pl

from rowbatch.core.answer import AnswerReader
from rowbatch.core.confidence import column_of, measured
from rowbatch.core.consensus import PanelMerger
from rowbatch.core.endpoint import Endpoint
from rowbatch.core.plan import Question
from rowbatch.core.samples import merged_samples, request_numbers
from rowbatch.core.states import RowStatus
from rowbatch.errors import RunError
from rowbatch.requests.duplicates import AnswersOfDuplicates, Duplicates
from rowbatch.requests.pipeline import open_source
from rowbatch.results.quotes import PlacedQuotes
from rowbatch.results.shard_answers import ResultCounts, ResultTally, RunAnswers
from rowbatch.store.ledger import Shard
from rowbatch.store.rundir import RunDirectory
from rowbatch.tables.base import Table, TableChunk, blank_rows

SKIPPED_REASON = "the text is empty"


class RowBlock(Protocol):
    """
    Consecutive rows of a table, of which only this is known.

    Attributes:
        first_row: Number of the first one, from 1.
        blank: Of each row, whether there is nothing to ask about, see `blank_rows`.
    """

    @property
    def first_row(self) -> int: ...

    @property
    def blank(self) -> pl.Series: ...


Block = TypeVar("Block", bound=RowBlock)


class AnsweredTable:
    """
    The table of a run with the answers that are on disk.

    Attributes:
        plan, codebook, table: Of the run.
        text_columns: Names, in a chunk, of the columns whose texts a quote may come from; the text itself
            first.
        width: How many values an answer has.
        asked_columns: Positions of the columns whose emptiness makes a row be skipped.
        embedding: Type of the first value where it is an embedding; else None.

    Args:
        run: A run that is built.
        shards: Of all rounds.
        counts: Added to while the rows are read.
        is_alone: Only the answers of the run's own model, where others were asked besides.
        table: Of the run, where it is open already.
        within: The first and the last row of that table, where it is a part of the run's.
    Raises:
        RunError: The table was changed since.
    """

    def __init__(
        self,
        run: RunDirectory,
        shards: Sequence[Shard],
        counts: ResultCounts,
        *,
        is_alone: bool = False,
        table: Table | None = None,
        within: tuple[int, int] | None = None,
    ) -> None:
        self.plan = plan = run.plan()
        self.codebook = plan.question.codebook
        reader = AnswerReader(plan.question.asked_codebook)
        self.width = len(self.codebook.columns)
        self._kept = _kept_values(run) if plan.question.kept else None
        self.table = table if table is not None else open_source(plan.source, run.path)
        self.text_columns = self._columns_of_text(plan.question)
        self._quotes = PlacedQuotes(plan.question.asked_codebook, self.text_columns)
        # Where a quote that is kept stands is looked up again: it is known of this table only.
        self._quotes_of_all = PlacedQuotes(self.codebook, self.text_columns)
        self.asked_columns = sorted(map(self.table.column, plan.question.asked_columns))
        has_duplicates = plan.asking.dedupe
        self._duplicates = Duplicates.load(run.duplicates_path) if has_duplicates else Duplicates.none()
        is_embeddings = plan.asking.endpoint is Endpoint.EMBEDDINGS
        self._answers = RunAnswers(run, shards, reader, counts, embeddings=is_embeddings, within=within)
        size = self._answers.embedding_size
        self.embedding: pl.DataType | None = pl.Array(pl.Float32, size) if size else None
        self._again = AnswersOfDuplicates(self._duplicates)
        self._run, self._shards = run, shards
        self._others = [] if is_alone else [self._of_member(one, counts) for one in run.members(plan)]

    def _of_member(self, run: RunDirectory, counts: ResultCounts) -> AnsweredTable:
        """The answers of a further model to the same table."""
        with run.ledger() as ledger:
            shards = ledger.shards()
        return AnsweredTable(run, shards, counts, is_alone=True, table=self.table)

    def _columns_of_text(self, question: Question) -> list[str]:
        names = (question.text,) if question.text else question.user.columns
        return [str(self.table.column(name)) for name in names]

    def chunks(self) -> Generator[tuple[TableChunk, pl.DataFrame]]:
        """
        Every chunk of the table, with one answer for each of its rows. Once; whoever takes them closes this.

        Yields:
            The chunk, and as many rows: `row`, the values in "0", "1", …, `status`, `status_reason`,
            `raw_answer`, `FORGIVEN`, `model`; and how sure the model was, as in `Lines`, where that was
            asked, or how far several models agree, as `PanelMerger.merge` gives it.
        """
        panel = self.plan.panel
        if panel is None or not self._others:
            with closing(self._all_chunks()) as chunks:
                for chunk, (own,) in chunks:
                    yield chunk, own
            return
        merger = PanelMerger(self.codebook, len(self.plan.askings), panel.consensus)
        if merger.has_to_count:
            before = AnsweredTable(self._run, self._shards, ResultTally())
            with closing(before._all_chunks()) as chunks:
                for _, frames in chunks:
                    merger.count(frames)
            merger.decide()
        with closing(self._all_chunks()) as chunks:
            for chunk, frames in chunks:
                yield chunk, merger.merge(frames)

    @property
    def is_by_number(self) -> bool:
        """Whether the number of a row is all that its answer is found by, and none of its cells."""
        has_quotes = self._quotes.are_there or self._quotes_of_all.are_there
        return not (self._others or has_quotes)

    def beside(self, blocks: Iterator[Block]) -> Generator[tuple[Block, pl.DataFrame]]:
        """
        As `chunks`, where only the numbers of the rows count, see `is_by_number`.

        Args:
            blocks: All rows of the table, in order.
        """
        with closing(self._answers):
            for block in blocks:
                yield block, self._of_block(block.first_row, block.blank, None)
            self._answers.finish()

    def _all_chunks(self) -> Generator[tuple[TableChunk, list[pl.DataFrame]]]:
        """Every chunk of the table, with the answers of each model to its rows."""
        models = [self, *self._others]
        with ExitStack() as leaving:
            for one in models:
                leaving.enter_context(closing(one._answers))
            chunks = leaving.enter_context(closing(cast("Generator[TableChunk]", self.table.chunks())))
            for chunk in chunks:
                yield chunk, [one._of_chunk(chunk) for one in models]
            for one in models:
                one._answers.finish()

    def _of_chunk(self, chunk: TableChunk) -> pl.DataFrame:
        blank = blank_rows(chunk.frame, self.asked_columns, self.table.not_asked)
        return self._of_block(chunk.first_row, blank, chunk)

    def _of_block(self, first: int, blank: pl.Series, chunk: TableChunk | None) -> pl.DataFrame:
        """The answers of as many rows; `chunk` are these, where their cells count."""
        height = len(blank)
        rows = pl.int_range(first, first + height, dtype=pl.Int64, eager=True).alias("row")
        not_asked = blank | self._duplicates.mask(first, height) if len(self._duplicates) else blank
        found = self._of_rows(rows.filter(~not_asked), chunk)
        self._again.keep(found)
        return self._complete(_in_order(rows, found, self._again.answers(first, height)), chunk)

    def _of_rows(self, rows: pl.Series, chunk: TableChunk | None) -> pl.DataFrame:
        samples, asked = self.plan.asking.samples, self.plan.question.asked_codebook
        found = self._answers.of_rows(request_numbers(rows, samples))
        if chunk is not None and self._quotes.are_there:
            found = self._quotes.checked(found, chunk, samples)
        return found if samples == 1 else merged_samples(found, samples, measured(asked), asked)

    def _complete(self, answers: pl.DataFrame, chunk: TableChunk | None) -> pl.DataFrame:
        """Put the values that are kept of an earlier run beside those that were asked."""
        if self._kept is None:
            return answers
        asked, first = self.plan.question.asked_codebook, answers["row"][0]
        start, stop = self._kept["row"].search_sorted(pl.Series([first, answers["row"][-1] + 1]), side="left")
        kept = self._kept[start:stop]
        # A confidence is known of what was asked.
        known = {one.name: column_of(one.place) for one in measured(asked)}
        own = {name for name in known.values() if name in answers.columns}
        places = {
            column_of(one.place): pl.col(known[one.name]) if one.name in known else pl.lit(None, pl.Float64)
            for one in measured(self.codebook)
            if own
        }
        joined = answers.join(kept, on="row", how="left", maintain_order="left")
        is_ok = pl.col("status") == RowStatus.OK.value
        values = [
            pl.col(str(asked.columns.index(name))).alias(str(number))
            if name in asked.columns
            else pl.when(is_ok).then(name).otherwise(pl.lit("")).fill_null("").alias(str(number))
            for number, name in enumerate(self.codebook.columns)
        ]
        others = [
            name for name in answers.columns if name != "row" and not name.isdigit() and name not in own
        ]
        sure = [value.alias(name) for name, value in places.items()]
        complete = joined.select("row", *values, *others, *sure)
        if chunk is not None and self._quotes_of_all.are_there:
            return self._quotes_of_all.checked(complete, chunk)
        return complete


def _kept_values(run: RunDirectory) -> pl.DataFrame:
    try:
        return pl.read_parquet(run.kept_path)
    except FileNotFoundError:
        path = str(run.kept_path)
        raise RunError("kept-values-gone", path=str(run.path), file=path) from None


def _in_order(rows: pl.Series, found: pl.DataFrame, repeated: pl.DataFrame) -> pl.DataFrame:
    """One answer for each row: found, or an earlier row's; the others are skipped."""
    if repeated.height:
        found = pl.concat([found, repeated])
    elif found.height == len(rows):
        return found
    joined = rows.to_frame().join(found, on="row", how="left", maintain_order="left")
    skipped = {"status": RowStatus.SKIPPED.value, "status_reason": SKIPPED_REASON}
    return joined.with_columns(
        pl.col(name).fill_null(skipped.get(name, ""))
        for name, kind in joined.schema.items()
        if kind == pl.String
    )
