"""
`extract`: result files become a table. Needs no run, no key and no network.

Answers lie in flat columns from the moment they are read; an object for each of a million rows
would cost most of the time and the memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from rowbatch.core.fate import decides
from rowbatch.core.result_columns import EXTRA_TYPES, Extra
from rowbatch.core.states import RowStatus
from rowbatch.core.table_options import ReadOptions, WriteOptions
from rowbatch.errors import UsageError
from rowbatch.requests.duplicates import AnswersOfDuplicates, Duplicates
from rowbatch.results.error_list import ErrorList
from rowbatch.results.extract_report import ExtractReport, count_statuses, note_unknown
from rowbatch.results.pile import Found, PileReader
from rowbatch.results.rows_by_number import Cursor, RowsByNumber
from rowbatch.results.workers import ResultWorkers
from rowbatch.store.atomic import atomic_path, require_free
from rowbatch.tables.ahead import read_ahead
from rowbatch.tables.base import ROWS_PER_CHUNK, Table, TableChunk
from rowbatch.tables.formats import open_table
from rowbatch.tables.writer import AddedColumn, TableShape, TableWriter, format_of, open_writer
from rowbatch.tools.id_evidence import IdEvidence, require_row_numbers

_TEXTS = ("content", "status", "status_reason")


def extract(
    results: Sequence[Path],
    out: Path,
    *,
    join: Path | None = None,
    first_number: Literal[0, 1] | None = None,
    duplicates: Path | None = None,
    extras: Sequence[Extra] = (),
    as_json: bool = False,
    errors: Path | None = None,
    reading: ReadOptions | None = None,
    writing: WriteOptions | None = None,
    overwrite: bool = False,
    workers: ResultWorkers | None = None,
) -> ExtractReport:
    """
    Write what the model answered, with a status for each line or row.

    Args:
        results: Output and error files, in any order.
        out: A table of any format, with `custom_id`, `content`, `status`, `status_reason`, in the order of
            the files. Embeddings stand in `embedding`, in Parquet as lists of a fixed size.
        join: The original table: then all its columns and rows in order, and the answers beside them. The
            number at the end of `custom_id` is the row, where the ids and the table prove that. What stands
            before it must be the same in all ids: those of the rarer prefixes are unknown.
        first_number: Of the first row, by the word of the caller, who knows that the ids are row numbers;
            None means found out.
        duplicates: Which rows got whose request, as `convert` wrote it when it asked equal rows once.
        extras: What the results tell besides, in columns of their own.
        as_json: The answers are JSON objects: each field gets a column, nested ones as `a.b`. An answer that
            is none is invalid.
        errors: A table of the rows or lines that are not ok, with reasons.
        reading: How to read that table; None means found out.
        writing: How to write the outputs.
        overwrite: Whether the outputs may be replaced.
        workers: Processes that were started before, to read the results.
    Raises:
        InputError: A file is not there, or none of its lines is a result; or the ids may be something else
            than row numbers, or may count from 0 or from 1.
        UsageError: The output would replace a result file or the table.
        TableError: The table to join is broken.
        OutputExists, StorageError: The output cannot be written.
    """
    report = ExtractReport(out, errors=errors)
    for written in (out, *([errors] if errors else [])):
        for path in (*results, join):
            if path and written.exists() and path.exists() and written.samefile(path):
                raise UsageError("file-would-be-its-answers", path=str(path))
        format_of(written)
        require_free(written, overwrite=overwrite)
    if duplicates and join is None:
        raise UsageError("duplicates-without-table")
    if errors and errors.resolve() == out.resolve():
        raise UsageError("output-twice", path=str(out))
    table = open_table(join, reading) if join else None
    if table is not None:
        report.encoding_guessed = table.guessed_encoding
    again = Duplicates.load(duplicates) if duplicates else Duplicates.none()
    with RowsByNumber(out.parent) as answers:
        pile = PileReader(answers, report, extras, as_json=as_json, by_row=table is not None, workers=workers)
        found = pile.read(results)
        if table is not None:
            require_row_numbers(found, report, is_said=first_number is not None)
        layout = _layout(answers.schema, found, table)
        with ExitStack() as outputs:
            write_to = _Outputs(
                outputs,
                report,
                layout=layout,
                table=table,
                errors=errors,
                writing=writing,
                overwrite=overwrite,
            )
            if table is None:
                _write_in_file_order(answers, write_to, report)
            else:
                _write_rows(
                    table, answers, write_to, report, found=found, first_number=first_number, again=again
                )
    return report


@dataclass(frozen=True, slots=True)
class _Layout:
    """The added columns, and what each is made of."""

    columns: tuple[AddedColumn, ...]
    expressions: tuple[pl.Expr, ...]


def _layout(schema: Mapping[str, pl.DataType], found: Found, table: Table | None) -> _Layout:
    # The columns that every output has keep their names, whatever the answers' fields are called.
    ours = {"custom_id", "embedding", "content", "status", "status_reason", *EXTRA_TYPES}
    taken = set(table.header) if table else set()
    columns: list[AddedColumn] = []
    expressions: list[pl.Expr] = []

    def add(name: str, expression: pl.Expr, dtype: pl.DataType) -> None:
        free = name
        while free in taken:
            free = f"rowbatch_{free}"
        taken.add(free)
        columns.append(AddedColumn(free, dtype=dtype))
        expressions.append(expression.cast(dtype).alias(free))

    if table is None:
        add("custom_id", pl.col("custom_id"), pl.String())
    for name in schema:
        if name.startswith("."):
            field = name[1:] or "field"
            add(f"answer.{field}" if field in ours else field, pl.col(name), pl.String())
    if found.embedding_sizes:
        sizes = list(found.embedding_sizes)
        kind = pl.Array(pl.Float32, sizes[0]) if len(sizes) == 1 else pl.List(pl.Float32)
        add("embedding", pl.col("embedding"), kind)
    if found.has_content or not found.embedding_sizes:
        add("content", pl.col("content"), pl.String())
    for number in range(found.choices):
        text = pl.col("choices").list.get(number, null_on_oob=True)
        add(f"content.{number + 2}", text, pl.String())
    add("status", pl.col("status"), pl.String())
    add("status_reason", pl.col("status_reason"), pl.String())
    for name, dtype in EXTRA_TYPES.items():
        if name in schema and name != "choices":
            add(name, pl.col(name), dtype)
    return _Layout(tuple(columns), tuple(expressions))


class _Outputs:
    """The table of answers, and the list of those that are not ok; they take their names at the end."""

    def __init__(
        self,
        outputs: ExitStack,
        report: ExtractReport,
        *,
        layout: _Layout,
        table: Table | None,
        errors: Path | None,
        writing: WriteOptions | None,
        overwrite: bool,
    ) -> None:
        shape = TableShape(
            table.header if table else (),
            table.columns if table else (),
            layout.columns,
            table.label if table else "",
        )

        def begin(path: Path, shape: TableShape) -> TableWriter:
            temporary = outputs.enter_context(atomic_path(path, overwrite=overwrite))
            return outputs.enter_context(open_writer(temporary, format_of(path), shape, writing))

        self._layout, self._report = layout, report
        self._writer = begin(report.out, shape)
        self._errors: ErrorList | None = None
        if errors is not None:
            key = AddedColumn("custom_id") if table is None else None
            self._errors = ErrorList.begin(
                outputs, errors, writing, overwrite=overwrite, key=key, raw="content"
            )

    def write(self, chunk: TableChunk, answers: pl.DataFrame) -> None:
        """Write rows; `answers` has as many, in their order."""
        report = self._report
        report.rows += answers.height
        count_statuses(answers, report.statuses, report.reasons)
        self._writer.write(chunk, answers.select(self._layout.expressions))
        report.formulas = self._writer.formulas
        if self._errors is not None:
            rows = pl.int_range(chunk.first_row, chunk.first_row + answers.height, dtype=pl.Int64)
            self._errors.write(answers.with_columns(rows.alias("row")))


def _write_in_file_order(answers: RowsByNumber, outputs: _Outputs, report: ExtractReport) -> None:
    for part in answers.in_order(lambda part: part):
        for frame in part.iter_slices(ROWS_PER_CHUNK):
            outputs.write(TableChunk(report.rows + 1, pl.DataFrame()), frame)


def _write_rows(
    table: Table,
    answers: RowsByNumber,
    outputs: _Outputs,
    report: ExtractReport,
    *,
    found: Found,
    first_number: Literal[0, 1] | None,
    again: Duplicates,
) -> None:
    guessed = first_number is None
    if first_number is None:
        first_number = 0 if found.lowest == 0 else 1
    report.counts_from_zero = first_number == 0

    evidence = IdEvidence(found, first_number, is_ours=len(again) > 0) if guessed else None

    def prepared(part: pl.DataFrame) -> pl.DataFrame:
        ours = part.filter(pl.col("prefix") == found.prefix_code) if "prefix" in part else part
        return _each_once(ours, report)

    kept = AnswersOfDuplicates(again)
    cursor = Cursor(answers.in_order(prepared))
    for part in cursor.until(first_number):
        note_unknown(report, found.prefix, part["number"])

    def joined(number_before: int) -> Iterator[tuple[TableChunk, pl.DataFrame]]:
        for chunk in table.chunks():
            first, height = chunk.first_row + number_before, chunk.frame.height
            if evidence is not None:
                evidence.look(chunk)
            frame = _in_rows(list(cursor.until(first + height)), first, height, answers.schema)
            if len(again):
                frame = _with_repeated(frame, kept, again.mask(chunk.first_row, height), chunk.first_row)
            yield chunk, frame

    # Reading, joining and writing are three threads.
    with read_ahead(joined(first_number - 1)) as rows:
        for chunk, frame in rows:
            outputs.write(chunk, frame)
    report.bad_rows = table.bad_rows
    if evidence is not None:
        evidence.require_proof(table, report.rows)
    for part in cursor.rest():
        note_unknown(report, found.prefix, part["number"])


def _with_repeated(
    frame: pl.DataFrame, kept: AnswersOfDuplicates, repeated: pl.Series, first_row: int
) -> pl.DataFrame:
    """Give rows that were not asked the answer of the row that was asked in their place."""
    rows = pl.int_range(first_row, first_row + frame.height, dtype=pl.Int64, eager=True).alias("row")
    numbered = frame.with_columns(rows)
    own = numbered.filter(~repeated)
    kept.keep(own)
    if own.height == frame.height:
        return frame
    return pl.concat([own, kept.answers(first_row, frame.height)]).sort("row")


def _in_rows(
    parts: Sequence[pl.DataFrame], first: int, height: int, schema: Mapping[str, pl.DataType]
) -> pl.DataFrame:
    """One answer for each of so many rows, from the one with this number on."""
    if parts:
        answers = pl.concat(parts) if len(parts) > 1 else parts[0]
    else:
        answers = pl.DataFrame(schema={"number": pl.Int64, **dict.fromkeys(_TEXTS, pl.String), **schema})
    if answers.height == height:
        return answers
    rows = pl.DataFrame({"number": pl.int_range(first, first + height, dtype=pl.Int64, eager=True)})
    joined = rows.join(answers, on="number", how="left", maintain_order="left")
    return joined.with_columns(
        pl.col("content").fill_null(""),
        pl.col("status").fill_null(RowStatus.MISSING.value),
        pl.col("status_reason").fill_null("in no result file"),
    )


def _each_once(found: pl.DataFrame, report: ExtractReport) -> pl.DataFrame:
    """Sorted by number; of a repeated one the line that decides."""
    if not found["number"].is_sorted():
        found = found.sort("number", maintain_order=True)
    is_first = decides(found, "number")
    if is_first.all():
        return found
    first, others = found.filter(is_first), found.filter(~is_first)
    report.repeated_ids += others.height
    kept = others.select("number").join(first, on="number", how="left", maintain_order="left")
    report.differing_ids += int(
        (others.select(pl.struct(_TEXTS)).to_series() != kept.select(pl.struct(_TEXTS)).to_series()).sum()
    )
    return first
