"""
`extract`: result files become a table. Needs no run, no key and no network.

Answers lie in flat columns from the moment they are read; an object for each of a million rows
would cost most of the time and the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import polars as pl

from rowbatch.core.fate import decides
from rowbatch.core.packed import ENTRY, REQUEST
from rowbatch.core.plan import ROW_PREFIX
from rowbatch.core.result_columns import EXTRA_TYPES, Extra, extra_columns
from rowbatch.core.states import RowStatus
from rowbatch.core.table_options import ReadOptions, WriteOptions
from rowbatch.errors import InputError, TableError, UsageError
from rowbatch.kernels.machine import Machine
from rowbatch.programs.opening import open_table
from rowbatch.requests.duplicates import AnswersOfDuplicates, Duplicates
from rowbatch.results.answer_cells import (
    CellForm,
    CellReader,
    CellsByRange,
    cells_in_one,
    find_form,
    new_machines,
)
from rowbatch.results.error_list import ErrorList
from rowbatch.results.extract_report import OTHER_REASONS, ExtractReport, count_statuses, note_unknown
from rowbatch.results.files import Wanted
from rowbatch.results.pile import Found, PileReader, Unpacking
from rowbatch.results.rows_by_number import Cursor, RowsByNumber
from rowbatch.results.workers import ResultWorkers
from rowbatch.store.atomic import atomic_path, require_free
from rowbatch.tables.ahead import read_ahead
from rowbatch.tables.base import ROWS_PER_CHUNK, Table, TableChunk
from rowbatch.tables.csv_reader import CsvTable
from rowbatch.tables.csv_writer import CsvTableWriter, csv_lines
from rowbatch.tables.numbers import NumberColumns, find_numbers
from rowbatch.tables.writer import AddedColumn, TableShape, TableWriter, format_of, open_writer
from rowbatch.tools.cell_join import CellJoin, JoinForm
from rowbatch.tools.id_evidence import NO_ROW_NUMBERS, IdEvidence, require_row_numbers
from rowbatch.tools.id_reading import Several, several_reading, sure_reading, told_reading
from rowbatch.tools.json_document import require_result_lines
from rowbatch.tools.row_keys import Reading

if TYPE_CHECKING:
    from rowbatch.tools.compare import Requests

_TEXTS = ("content", "status", "status_reason")
_MOST_VARIANTS = 100
# Below this the start of a machine costs more than it saves.
_FEWEST_BYTES = 8_000_000
# Of all bytes, those of lines that are no plain answers: with more of them several processes are faster.
_MOST_ODD = 0.25
IN_NO_FILE = "in no result file"


def extract(
    results: Sequence[Path],
    out: Path,
    *,
    join: Path | None = None,
    id_column: str | None = None,
    several: Several | None = None,
    first_number: Literal[0, 1] | None = None,
    duplicates: Path | None = None,
    extras: Sequence[Extra] = (),
    as_json: bool = False,
    unpacking: Unpacking | None = None,
    errors: Path | None = None,
    requests: Requests | None = None,
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
            before it must be the same in all ids: those of the rarer prefixes are unknown. Where it cannot be
            the row, and the values of exactly one column are surely those of the ids, they say the row.
        id_column: The column of that table whose values are in the ids, or a template with `{{column}}`.
        several: Rows have several results, as in `3_run0` and `3_run1`: as further `rows`, or as `columns`.
        first_number: Of the first row, by the word of the caller, who knows that the ids are row numbers;
            None means found out.
        duplicates: Which rows got whose request, as `convert` wrote it when it asked equal rows once.
        extras: What the results tell besides, in columns of their own.
        as_json: The answers are JSON objects: each field gets a column, nested ones as `a.b`. An answer that
            is none is invalid.
        unpacking: Several texts were asked about in one request: each entry of the list that came back is a
            result, whose id is the entry's, with a column of each of its fields.
        errors: A table of the rows or lines that are not ok, with reasons.
        requests: What was sent: then the report says which requests have no result.
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
    unanswered = requests.unanswered if requests else None
    sources = (*results, join, *(requests.paths if requests else ()))
    for written in (out, *([errors] if errors else []), *([unanswered] if unanswered else [])):
        for path in sources:
            if path and written.exists() and path.exists() and written.samefile(path):
                raise UsageError("file-would-be-its-answers", path=str(path))
        if written is not unanswered:
            format_of(written)
        require_free(written, overwrite=overwrite)
    if duplicates and join is None:
        raise UsageError("duplicates-without-table")
    if duplicates and several:
        raise UsageError("several-with-duplicates")
    outputs = [path.resolve() for path in (out, errors, unanswered) if path]
    if len(set(outputs)) < len(outputs):
        raise UsageError("output-twice", path=str(out))
    for path in results:
        require_result_lines(path)
    table = open_table(join, reading) if join else None
    if table is None and (id_column is not None or several):
        raise UsageError("id-without-table")
    again = Duplicates.load(duplicates) if duplicates else Duplicates.none()
    job = _Job(
        results,
        out,
        extras,
        table,
        again,
        as_json=as_json,
        unpacking=unpacking,
        errors=errors,
        writing=writing,
        overwrite=overwrite,
        numbers=find_numbers(table, writing) if table else NumberColumns({}, ()),
    )
    try:
        report = _extracted(job, id_column, several, first_number, workers)
    except InputError as error:
        if error.kind == "no-results" and error.values["lines"] == 1:
            require_result_lines(results[0], one_line_too=True)
        raise
    if requests is not None:
        from rowbatch.tools.compare import compare

        report.compared = compare(requests, results)
    return report


def _extracted(
    job: _Job,
    id_column: str | None,
    several: Several | None,
    first_number: Literal[0, 1] | None,
    workers: ResultWorkers | None,
) -> ExtractReport:
    """Write the table in the one way that fits."""
    if job.table is None:
        return _extract_lines(job, workers)
    if id_column is not None or several:
        return _extract_by_id(job, id_column, several, first_number, workers)
    if (report := _extract_cells(job, first_number)) is not None:
        return report
    try:
        return _extract_by_number(job, first_number, workers)
    except InputError as error:
        if first_number is not None or error.kind not in NO_ROW_NUMBERS:
            raise
        return _extract_by_sure_column(job, error)


@dataclass(frozen=True, slots=True)
class _Job:
    """What `extract` is to do; its attributes are its arguments."""

    results: Sequence[Path]
    out: Path
    extras: Sequence[Extra]
    table: Table | None
    again: Duplicates
    as_json: bool
    unpacking: Unpacking | None
    errors: Path | None
    writing: WriteOptions | None
    overwrite: bool
    numbers: NumberColumns

    def report(self) -> ExtractReport:
        """An empty one."""
        guessed = self.table.guessed_encoding if self.table is not None else ""
        notes = (*self.table.notes, *self.numbers.notes) if self.table is not None else ()
        return ExtractReport(self.out, errors=self.errors, encoding_guessed=guessed, notes=notes)

    def pile(
        self,
        answers: RowsByNumber,
        report: ExtractReport,
        kind: Literal["lines", "ids", "numbers"],
        workers: ResultWorkers | None = None,
    ) -> PileReader:
        """What reads the results."""
        return PileReader(
            answers,
            report,
            self.extras,
            as_json=self.as_json,
            by_row=kind == "numbers",
            keeps_ids=kind == "ids",
            unpacking=self.unpacking,
            workers=workers,
        )


def _extract_lines(job: _Job, workers: ResultWorkers | None) -> ExtractReport:
    """A row for each line."""
    report = job.report()
    with RowsByNumber(job.out.parent) as answers, ExitStack() as ends:
        found = job.pile(answers, report, "lines", workers).read(job.results)
        outputs = _Outputs(ends, report, job, _layout(answers.schema, found, None))
        for part in answers.in_order(lambda part: part):
            for frame in part.iter_slices(ROWS_PER_CHUNK):
                outputs.write(TableChunk(report.rows + 1, pl.DataFrame()), [frame])
    return report


def _extract_by_number(
    job: _Job, first_number: Literal[0, 1] | None, workers: ResultWorkers | None
) -> ExtractReport:
    """A row of the table for each number at the end of an id."""
    report, table = job.report(), job.table
    assert table is not None
    with RowsByNumber(job.out.parent) as answers, ExitStack() as ends:
        found = job.pile(answers, report, "numbers", workers).read(job.results)
        require_row_numbers(found, report, is_said=first_number is not None)
        outputs = _Outputs(ends, report, job, _layout(answers.schema, found, table))
        guessed = first_number is None
        if first_number is None:
            first_number = 0 if found.lowest == 0 else 1
        report.counts_from_zero = first_number == 0
        evidence = IdEvidence(found, first_number, is_ours=len(job.again) > 0) if guessed else None

        def ours(part: pl.DataFrame) -> pl.DataFrame:
            mine = part.filter(pl.col("prefix") == found.prefix_code) if "prefix" in part else part
            return _each_once(mine, report)

        cursor = Cursor(answers.in_order(ours))
        for part in cursor.until(first_number):
            note_unknown(report, found.prefix, part["number"])
        _write_rows(
            table,
            _OneEach(cursor, answers.schema, first_number - 1, job.again),
            outputs,
            look=evidence.look if evidence is not None else None,
        )
        report.bad_rows = table.bad_rows
        if evidence is not None:
            evidence.require_proof(table, report.rows)
        for part in cursor.rest():
            note_unknown(report, found.prefix, part["number"])
    return report


class _NotByCells(Exception):
    """The answers are for the other way."""


def _extract_cells(job: _Job, first_number: Literal[0, 1] | None) -> ExtractReport | None:
    """
    As `_extract_by_number`, in machine code, from a CSV table to another: the same bytes, the same report.

    Returns:
        None where that is not for these files: nothing is written then.
    """
    table, extension = job.table, format_of(job.out)
    if (
        not isinstance(table, CsvTable)
        or not table.is_large
        or extension not in ("csv", "tsv")
        or (job.writing is not None and job.writing.formula_safe)
        or job.errors
        or job.unpacking
        or len(job.again)
        or not set(job.extras) <= {"model", "usage"}
        or sum(path.stat().st_size for path in job.results) < _FEWEST_BYTES
    ):
        return None
    wanted = Wanted(tuple(job.extras), job.as_json, by_row=True, any_provider=True)
    form = find_form(job.results, wanted, "\t" if extension == "tsv" else ",")
    if form is None or (first_number is None and form.prefix != ROW_PREFIX):
        return None
    machines = new_machines()
    if not machines:
        return None
    try:
        return _joined_cells(
            job, table, machines=machines, form=form, wanted=wanted, first_number=first_number
        )
    except (_NotByCells, InputError, TableError, MemoryError):
        # What is wrong is found again, and told, in the other way.
        return None


def _joined_cells(
    job: _Job,
    table: CsvTable,
    *,
    machines: Sequence[Machine],
    form: CellForm,
    wanted: Wanted,
    first_number: Literal[0, 1] | None,
) -> ExtractReport:
    report = job.report()
    with ExitStack() as ends:
        cells = ends.enter_context(CellsByRange(job.out.parent))
        others = ends.enter_context(RowsByNumber(job.out.parent))
        with CellReader(machines, form, wanted) as reader:
            found = _read_cells(job, report, reader, prefix=form.prefix, cells=cells, others=others)
        require_row_numbers(found, report, is_said=first_number is not None)
        guessed = first_number is None
        if first_number is None:
            first_number = 0 if found.lowest == 0 else 1
        if found.lowest is None or found.lowest < first_number:
            raise _NotByCells
        report.counts_from_zero = first_number == 0
        evidence = IdEvidence(found, first_number, is_ours=False) if guessed else None
        fields = dict.fromkeys((f".{name}" for name in form.fields or ()), pl.String())
        extras = {name: EXTRA_TYPES[name] for name in extra_columns(job.extras)}
        schema = dict.fromkeys(_TEXTS, pl.String()) | fields | extras | others.schema
        layout = _layout(schema, found, table)
        outputs = _Outputs(ends, report, job, layout)
        odd = _OddAnswers(others, schema, layout, report, form.separator)
        join = CellJoin(
            machines[0],
            table,
            cells,
            JoinForm(
                form.separator,
                sum(name.startswith(".") for name in schema) - len(fields),
                odd.cells(_beside_rows(_together([], schema), 1, 1))[0],
            ),
            first_number=first_number,
            others=odd.up_to,
            evidence=evidence,
        )
        missing = 0
        with read_ahead(join.rows()) as rows:
            for part in rows:
                outputs.write_lines(part.data)
                report.rows += part.rows
                missing += part.missing
        if found.highest is None or found.highest - first_number >= report.rows:
            raise _NotByCells
        report.bad_rows = table.bad_rows
        if evidence is not None:
            evidence.require_proof(table, report.rows)
        report.repeated_ids += join.repeated
        report.differing_ids += join.differing
        report.statuses.update(
            {
                status: count
                for status, count in (
                    (RowStatus.OK, report.rows - missing - odd.count),
                    (RowStatus.MISSING, missing),
                )
                if count
            }
        )
        if missing:
            report.reasons[IN_NO_FILE] += missing
        if OTHER_REASONS in report.reasons:
            # Which ones are counted by themselves, depends on the order in which they come.
            raise _NotByCells
    return report


def _read_cells(
    job: _Job,
    report: ExtractReport,
    reader: CellReader,
    *,
    prefix: str,
    cells: CellsByRange,
    others: RowsByNumber,
) -> Found:
    """Read the results: plain ones into cells, and all others."""
    pile = PileReader(others, report, job.extras, as_json=job.as_json, by_row=True)
    numbers = [pl.Series("number", [], dtype=pl.Int64)]
    lowest, highest, has_content, odd_bytes = 1 << 32, -1, False, 0
    most = _MOST_ODD * sum(path.stat().st_size for path in job.results)
    for path, part in reader.read(job.results):
        cells.add(part.cells)
        own = pl.Series("number", memoryview(part.numbers).cast("I").tolist(), dtype=pl.Int64)
        report.results += len(own)
        numbers.append(own)
        lowest, highest = min(lowest, part.lowest), max(highest, part.highest)
        has_content = has_content or part.has_content
        odd_bytes += part.odd_bytes
        if odd_bytes > most:
            raise _NotByCells
        pile.take(path, part.odd)
    odd = pile.found()
    if (odd.prefixes and odd.prefixes != (prefix,)) or report.unknown_ids or odd.embedding_sizes:
        raise _NotByCells
    together = pl.concat([*numbers, odd.numbers])
    bounds = [bound for bound in (lowest, odd.lowest) if bound is not None and bound < 1 << 32]
    tops = [bound for bound in (highest, odd.highest) if bound is not None and bound >= 0]
    return replace(
        odd,
        prefix=prefix,
        lowest=min(bounds, default=None),
        highest=max(tops, default=None),
        numbers=together,
        lines=len(together),
        prefixes=(prefix,),
        has_content=has_content or odd.has_content,
    )


class _OddAnswers:
    """
    Answers that are no plain ones, as cells.

    Args:
        pile: All of them, by number.
        schema: Of all answers.
        layout: Of the output.
        report: Which counts them.
        separator: Between the cells.

    Attributes:
        count: How many rows have one.
    """

    def __init__(
        self,
        pile: RowsByNumber,
        schema: Mapping[str, pl.DataType],
        layout: _Layout,
        report: ExtractReport,
        separator: str,
    ) -> None:
        self._schema, self._layout, self._report, self._separator = schema, layout, report, separator
        self._cursor = Cursor(pile.in_order(lambda part: part))
        self.count = 0

    def up_to(self, number: int, is_taken: Callable[[int], bool]) -> list[bytes]:
        """
        The next ones, those whose number is lower than this one, each once.

        Args:
            number: As it says.
            is_taken: Whether there is a plain answer with this number: that goes before.
        """
        parts = list(self._cursor.until(number))
        if not parts:
            return []
        found = pl.concat(parts)
        taken = pl.Series([is_taken(at) for at in found["number"].to_list()], dtype=pl.Boolean)
        if taken.any():
            if (found["status"].filter(taken) == RowStatus.OK.value).any():
                # Which of the two came first is not known here.
                raise _NotByCells
            self._report.repeated_ids += int(taken.sum())
            self._report.differing_ids += int(taken.sum())
            found = found.filter(~taken)
        found = _each_once(found, self._report)
        count_statuses(found, self._report.statuses, self._report.reasons)
        self.count += found.height
        lacking = [pl.lit(None, kind).alias(name) for name, kind in self._schema.items() if name not in found]
        return [
            cells_in_one(at, cells)
            for at, cells in zip(
                found["number"].to_list(), self.cells(found.with_columns(lacking)), strict=True
            )
        ]

    def cells(self, answers: pl.DataFrame) -> list[bytes]:
        """The added cells of answers."""
        return csv_lines(answers.select(self._layout.blocks[0]), self._separator)


def _extract_by_sure_column(job: _Job, why_not: InputError) -> ExtractReport:
    """The ids are no row numbers: a row for each value of the one column that they are surely made of."""
    report, table = job.report(), job.table
    assert table is not None
    with RowsByNumber(job.out.parent) as lines:
        found = job.pile(lines, report, "ids").read(job.results)
        reading = sure_reading(found.ids, table)
        if reading is None:
            raise why_not
        return _write_by_id(job, report, lines, found, reading)


def _extract_by_id(
    job: _Job,
    id_column: str | None,
    several: Several | None,
    first_number: Literal[0, 1] | None,
    workers: ResultWorkers | None,
) -> ExtractReport:
    """A row for each value that stands in an id, by the word of the caller."""
    report, table = job.report(), job.table
    assert table is not None
    with RowsByNumber(job.out.parent) as lines:
        found = job.pile(lines, report, "ids", workers).read(job.results)
        if id_column is not None:
            reading = told_reading(found.ids, table, id_column, several=several is not None)
        else:
            reading = several_reading(found.ids, table, first_number)
        return _write_by_id(job, report, lines, found, reading, several=several)


def _write_by_id(
    job: _Job,
    report: ExtractReport,
    lines: RowsByNumber,
    found: Found,
    reading: Reading,
    *,
    several: Several | None = None,
) -> ExtractReport:
    table = job.table
    assert table is not None
    report.id_column, report.ids_as_numbers = reading.name, reading.as_numbers
    rows = reading.rows.rename({"id": "custom_id", "row": "number"})
    variants = rows["variant"].unique().sort().to_list() if several else []
    if several == "columns" and len(variants) > _MOST_VARIANTS:
        raise InputError("too-many-variants", count=len(variants), most=_MOST_VARIANTS, example=variants[0])
    with RowsByNumber(job.out.parent) as answers, ExitStack() as ends:
        for part in lines.in_order(lambda part: part):
            placed = part.drop("number").join(rows, on="custom_id", how="left", maintain_order="left")
            without = placed["number"].is_null()
            note_unknown(report, "", placed.filter(without)["custom_id"])
            known = placed.filter(~without)
            if known.height:
                answers.add(known)
        schema = {name: kind for name, kind in lines.schema.items() if name not in ("custom_id", "number")}
        outputs = _Outputs(ends, report, job, _layout(schema, found, table, several, variants))
        cursor = Cursor(answers.in_order(lambda part: _each_once(part, report)))
        whole_schema = schema | {"variant": pl.String()}
        source: _Answers
        if several == "rows":
            source = _AllOfEach(cursor, whole_schema)
        elif several == "columns":
            source = _OneOfEachVariant(cursor, whole_schema, variants)
        else:
            source = _OneEach(cursor, whole_schema, 0, job.again)
        _write_rows(table, source, outputs)
        report.bad_rows = table.bad_rows
    return report


@dataclass(frozen=True, slots=True)
class _Layout:
    """The added columns, and what each is made of: of the answers of each variant, or of one frame alone."""

    columns: tuple[AddedColumn, ...]
    blocks: tuple[tuple[pl.Expr, ...], ...]


def _layout(
    schema: Mapping[str, pl.DataType],
    found: Found,
    table: Table | None,
    several: Several | None = None,
    variants: Sequence[str] = (),
) -> _Layout:
    # The columns that every output has keep their names, whatever the answers' fields are called.
    ours = {
        "custom_id",
        "embedding",
        "content",
        "status",
        "status_reason",
        "result",
        REQUEST,
        ENTRY,
        *EXTRA_TYPES,
    }
    taken = set(table.header) if table else set()
    columns: list[AddedColumn] = []
    expressions: list[pl.Expr] = []
    ending = ""

    def add(name: str, expression: pl.Expr, dtype: pl.DataType) -> None:
        free = name + ending
        while free in taken:
            free = f"rowbatch_{free}"
        taken.add(free)
        columns.append(AddedColumn(free, dtype=dtype))
        expressions.append(expression.cast(dtype).alias(free))

    if table is None:
        add("custom_id", pl.col("custom_id"), pl.String())
    for name, dtype in ((REQUEST, pl.String()), (ENTRY, pl.Int64())):
        if name in schema:
            add(name, pl.col(name), dtype)
    if several == "rows":
        add("result", pl.col("variant"), pl.String())
    blocks: list[tuple[pl.Expr, ...]] = []
    for variant in variants if several == "columns" else [""]:
        ending = f".{variant}" if variant else ""
        _add_answer(add, schema, found, ours)
        blocks.append(tuple(expressions))
        expressions.clear()
    return _Layout(tuple(columns), tuple(blocks))


def _add_answer(
    add: Callable[[str, pl.Expr, pl.DataType], None],
    schema: Mapping[str, pl.DataType],
    found: Found,
    ours: Collection[str],
) -> None:
    """Add the columns of an answer."""
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


class _Outputs:
    """The table of answers, and the list of those that are not ok; they take their names at the end."""

    def __init__(self, outputs: ExitStack, report: ExtractReport, job: _Job, layout: _Layout) -> None:
        table, writing, overwrite = job.table, job.writing, job.overwrite
        shape = (
            TableShape.of(table, layout.columns, numbers=job.numbers.dtypes)
            if table
            else TableShape((), (), layout.columns)
        )

        def begin(path: Path, shape: TableShape) -> TableWriter:
            temporary = outputs.enter_context(atomic_path(path, overwrite=overwrite))
            return outputs.enter_context(open_writer(temporary, format_of(path), shape, writing))

        self._layout, self._report = layout, report
        self._writer = begin(report.out, shape)
        self._errors: ErrorList | None = None
        if job.errors is not None:
            key = AddedColumn("custom_id") if table is None else None
            self._errors = ErrorList.begin(
                outputs, job.errors, writing, overwrite=overwrite, key=key, raw="content"
            )

    def write_lines(self, lines: memoryview) -> None:
        """Write rows that are lines of a CSV file already; the caller counts them."""
        assert isinstance(self._writer, CsvTableWriter)
        self._writer.write_lines(lines)

    def write(self, chunk: TableChunk, blocks: Sequence[pl.DataFrame]) -> None:
        """Write rows; each of the frames has as many, in their order."""
        report = self._report
        report.rows += blocks[0].height
        for answers in blocks:
            count_statuses(answers, report.statuses, report.reasons)
        added = [
            answers.select(expressions)
            for answers, expressions in zip(blocks, self._layout.blocks, strict=True)
        ]
        self._writer.write(chunk, pl.concat(added, how="horizontal") if len(added) > 1 else added[0])
        report.formulas = self._writer.formulas
        if self._errors is not None:
            for answers in blocks:
                self._errors.write(_with_rows(answers, chunk.first_row))


def _with_rows(answers: pl.DataFrame, first_row: int) -> pl.DataFrame:
    if "row" in answers.columns:
        return answers
    rows = pl.int_range(first_row, first_row + answers.height, dtype=pl.Int64)
    return answers.with_columns(rows.alias("row"))


class _Answers(Protocol):
    """Where the answers of the rows of a table come from, chunk by chunk."""

    def beside(self, chunk: TableChunk) -> tuple[TableChunk, Sequence[pl.DataFrame]]:
        """What is written for a chunk: its rows, and as many answers."""


class _OneEach:
    """
    One answer for each row.

    Args:
        cursor: Answers by `number`.
        schema: Of these.
        ahead: How much a row's number here is more than in the table.
        again: Which rows get the answer of another one.
    """

    def __init__(
        self, cursor: Cursor, schema: Mapping[str, pl.DataType], ahead: int, again: Duplicates
    ) -> None:
        self._cursor, self._schema, self._ahead = cursor, schema, ahead
        self._again, self._kept = again, AnswersOfDuplicates(again)

    def beside(self, chunk: TableChunk) -> tuple[TableChunk, Sequence[pl.DataFrame]]:
        first, height = chunk.first_row + self._ahead, chunk.frame.height
        frame = _in_rows(list(self._cursor.until(first + height)), first, height, self._schema)
        if len(self._again):
            repeated = self._again.mask(chunk.first_row, height)
            frame = _with_repeated(frame, self._kept, repeated, chunk.first_row)
        return chunk, [frame]


class _AllOfEach:
    """All answers of a row, each in a row of its own; a row without any has one too."""

    def __init__(self, cursor: Cursor, schema: Mapping[str, pl.DataType]) -> None:
        self._cursor, self._schema = cursor, schema

    def beside(self, chunk: TableChunk) -> tuple[TableChunk, Sequence[pl.DataFrame]]:
        first, height = chunk.first_row, chunk.frame.height
        parts = list(self._cursor.until(first + height))
        frame = _beside_rows(_together(parts, self._schema), first, height)
        frame = frame.with_columns(pl.col("variant").fill_null(""), pl.col("number").alias("row"))
        return _repeated_rows(chunk, frame["number"] - first), [frame]


class _OneOfEachVariant:
    """One answer of each variant for each row, side by side."""

    def __init__(self, cursor: Cursor, schema: Mapping[str, pl.DataType], variants: Sequence[str]) -> None:
        self._cursor, self._schema, self._variants = cursor, schema, variants

    def beside(self, chunk: TableChunk) -> tuple[TableChunk, Sequence[pl.DataFrame]]:
        first, height = chunk.first_row, chunk.frame.height
        found = _together(list(self._cursor.until(first + height)), self._schema)
        return chunk, [
            _beside_rows(found.filter(pl.col("variant") == variant), first, height)
            for variant in self._variants
        ]


def _repeated_rows(chunk: TableChunk, places: pl.Series) -> TableChunk:
    """The rows at these places of a chunk, some of them more than once."""
    if len(places) == chunk.frame.height:
        return chunk
    return chunk.part(places)


def _write_rows(
    table: Table,
    answers: _Answers,
    outputs: _Outputs,
    look: Callable[[TableChunk], None] | None = None,
) -> None:
    """Write all rows of a table; `look` is shown each chunk before."""

    def joined() -> Iterator[tuple[TableChunk, Sequence[pl.DataFrame]]]:
        for chunk in table.chunks():
            if look is not None:
                look(chunk)
            yield answers.beside(chunk)

    # Reading, joining and writing are three threads.
    with read_ahead(joined()) as rows:
        for chunk, blocks in rows:
            outputs.write(chunk, blocks)


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
    answers = _together(parts, schema)
    return answers if answers.height == height else _beside_rows(answers, first, height)


def _together(parts: Sequence[pl.DataFrame], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    if parts:
        return pl.concat(parts) if len(parts) > 1 else parts[0]
    return pl.DataFrame(schema={"number": pl.Int64, **dict.fromkeys(_TEXTS, pl.String), **schema})


def _beside_rows(answers: pl.DataFrame, first: int, height: int) -> pl.DataFrame:
    """Answers beside the numbers of so many rows; a number without any has one that is missing."""
    rows = pl.DataFrame({"number": pl.int_range(first, first + height, dtype=pl.Int64, eager=True)})
    joined = rows.join(answers, on="number", how="left", maintain_order="left_right")
    return joined.with_columns(
        pl.col("content").fill_null(""),
        pl.col("status").fill_null(RowStatus.MISSING.value),
        pl.col("status_reason").fill_null(IN_NO_FILE),
    )


def _each_once(found: pl.DataFrame, report: ExtractReport) -> pl.DataFrame:
    """Sorted by number and variant; of a repeated one the line that decides."""
    by = ["number", "variant"] if "variant" in found.columns else ["number"]
    if len(by) > 1:
        found = found.sort(by, maintain_order=True)
        found = found.with_columns(pl.struct(by).rle_id().alias("whose"))
    elif not found["number"].is_sorted():
        found = found.sort("number", maintain_order=True)
    key = "whose" if len(by) > 1 else "number"
    is_first = decides(found, key)
    if is_first.all():
        return found
    first, others = found.filter(is_first), found.filter(~is_first)
    report.repeated_ids += others.height
    kept = others.select(key).join(first, on=key, how="left", maintain_order="left")
    report.differing_ids += int(
        (others.select(pl.struct(_TEXTS)).to_series() != kept.select(pl.struct(_TEXTS)).to_series()).sum()
    )
    return first
