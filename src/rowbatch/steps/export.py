"""
`export`: the labelled table once more, in any format, with the labels that people corrected.

Reads only: the run, its ledger and the table that `collect` wrote stay as they are, so it works beside a
program that drives the run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import polars as pl

from rowbatch.core.added_columns import STATUS_COLUMNS
from rowbatch.core.document import Shown
from rowbatch.core.refi_files import PROJECT_ENDING
from rowbatch.core.states import RowStatus
from rowbatch.core.table_options import WriteOptions
from rowbatch.errors import UsageError
from rowbatch.results.answered import AnsweredTable
from rowbatch.results.extract_report import count_statuses
from rowbatch.results.least_sure import CHOSEN_COLUMN, LEAST_SURE, least_sure_rows
from rowbatch.results.people import IS_CORRECTED, CorrectedAnswers, final_column, human_column
from rowbatch.results.written import written_columns
from rowbatch.steps.export_project import export_project
from rowbatch.store.atomic import atomic_path
from rowbatch.store.corrections import read_corrections
from rowbatch.store.rundir import RunDirectory
from rowbatch.tables.base import Table, TableChunk
from rowbatch.tables.formulas import looks_like_formula
from rowbatch.tables.losses import losses
from rowbatch.tables.numbers import find_numbers
from rowbatch.tables.writer import AddedColumn, TableShape, format_of, open_check, open_writer, require_typed
from rowbatch.words.notice import Notice

_Shown = tuple[AddedColumn, pl.Expr]
"""A column beside those of the input, and its values."""


@dataclass(slots=True, repr=False)
class ExportReport(Shown):
    """
    What was written.

    Attributes:
        path: The table.
        rows: In it.
        left_out: Rows of the input that are not in it, because they were not wanted.
        corrected: Rows with a label that a person gave.
        statuses: How many rows of each status, of all.
        formulas: Cells and names of columns that a spreadsheet would take for formulas: marked, or left as
            they are.
        are_marked: Whether they were marked.
        notes: What of the table the output does not have, and which of its columns are numbers there.
    """

    path: Path
    rows: int = 0
    left_out: int = 0
    corrected: int = 0
    statuses: Counter[RowStatus] = field(default_factory=Counter)
    formulas: int = 0
    are_marked: bool = False
    notes: tuple[Notice, ...] = ()
    unknown_ids: int = 0
    repeated_ids: int = 0
    unreadable_lines: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0


def export(
    run: RunDirectory,
    path: Path,
    *,
    writing: WriteOptions | None = None,
    only_answered: bool = False,
    columns: Sequence[str] | None = None,
    with_status: bool = True,
    least_sure: int | None = None,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> ExportReport:
    """
    Write the labelled table.

    A variable that people corrected somewhere has three columns: what holds now under its own name, then
    `…_model` and `…_human`.

    Args:
        run: A run that is built.
        path: Where to; its ending says the format. A project of qualitative analysis (`.qdpx`) is one, see
            `export_project`; columns of the input are variables of its sources, and a status has no place.
        writing: How.
        only_answered: Leave out rows that have no label.
        columns: Which columns of the input; None means all.
        with_status: Also status, reason, raw answer and model.
        least_sure: Only so many rows, of which the model was least sure, and nobody corrected them yet; a
            column `chosen_by` says so, since these are no random sample.
        overwrite: Whether a file may be replaced.
        progress: Called with the number of rows done so far.
    Raises:
        OutputExists: It is there.
        TableError: There is no such column.
        RunError: The table or a raw file was changed since.
    """
    report = ExportReport(path)
    wanted = None if least_sure is None else least_sure_rows(run, least_sure)
    with run.ledger() as ledger:
        ledger.require_whole()
        shards = ledger.shards()
    answered = AnsweredTable(run, shards, report)
    table, codebook = answered.table, answered.codebook
    kept = _kept(answered, columns)
    if path.suffix.lower() == PROJECT_ENDING:
        export_project(
            report,
            answered,
            CorrectedAnswers(codebook.columns, read_corrections(run.path)),
            wanted=wanted,
            only_answered=only_answered,
            kept=kept,
            overwrite=overwrite,
            progress=progress,
        )
        return report
    names = list(answered.plan.output.columns)
    corrected = CorrectedAnswers(codebook.columns, read_corrections(run.path))
    taken = {*table.header, *names}
    shown = _shown(answered, names, corrected, taken, with_status=with_status)
    if wanted is not None:
        shown.append((AddedColumn(_free(CHOSEN_COLUMN, taken)), pl.lit(LEAST_SURE)))
    numbers = find_numbers(table, writing)
    shape = TableShape.of(table, [column for column, _ in shown], kept, numbers=numbers.dtypes)
    report.notes = (*losses(shape, path), *numbers.notes)
    pick = [values.alias(column.name) for column, values in shown]
    format_name = format_of(path, besides=(PROJECT_ENDING,))
    if only_answered and answered.embedding is not None and corrected.positions:
        raise UsageError("embeddings-not-corrected")
    with (
        atomic_path(path, overwrite=overwrite) as temporary,
        open_writer(temporary, format_name, shape, writing) as writer,
        closing(answered.chunks()) as chunks,
    ):
        report.formulas = _formulas(pl.DataFrame({"name": shape.names}))
        for chunk, answers in chunks:
            count_statuses(answers, report.statuses, Counter())
            nobody = [pl.col(human_column(position)).fill_null("") for position in corrected.positions]
            frame = corrected.join(answers.lazy()).with_columns(nobody).collect()
            report.corrected += int(frame[IS_CORRECTED].sum())
            keep = None
            if only_answered:
                keep = frame[IS_CORRECTED] | (frame["status"] == RowStatus.OK.value)
            if wanted is not None:
                is_wanted = frame["row"].is_in(wanted.implode())
                keep = is_wanted if keep is None else keep & is_wanted
            if keep is not None:
                report.left_out += frame.height - int(keep.sum())
            part = chunk.part(slice(None) if keep is None else keep, kept)
            chosen = (frame if keep is None else frame.filter(keep)).select(pick)
            report.formulas += _formulas(part.frame) + _formulas(chosen)
            writer.write(part, chosen)
            report.rows += chosen.height
            if progress:
                progress(chunk.first_row + chunk.frame.height - 1)
        report.are_marked = writer.formulas > 0
    return report


def foresee_losses(
    run: RunDirectory, outputs: Sequence[Path], table: Table | None = None
) -> dict[Path, tuple[Notice, ...]]:
    """
    What outputs will not have of a table's labels and missing values, by its header alone.

    Args:
        run: A run that is built.
        outputs: Where tables would go; nothing is written.
        table: Of the run, where it is open already.
    Raises:
        RunError: The table was changed since.
    """
    answered, shown = _answered(run, with_status=True, table=table)
    shape = TableShape.of(answered.table, [column for column, _ in shown])
    return {output: tuple(losses(shape, output)) for output in outputs}


def foresee_export(
    run: RunDirectory,
    path: Path,
    *,
    writing: WriteOptions | None = None,
    columns: Sequence[str] | None = None,
    with_status: bool = True,
    check: Callable[[], object] | None = None,
) -> tuple[Notice, ...]:
    """
    What `export` will say, without writing anything: every cell of the table is looked at.

    Args:
        run, path, writing, columns, with_status: As there.
        check: Called several times a second; what it raises ends the reading.
    Returns:
        What the output will not have, which columns are numbers there, and what that changes.
    Raises:
        CannotHold: The format has no place for a cell or a name, with its place and the way out.
        UsageError: The format has no numbers.
        RunError: The table was changed since.
    """
    format_name = format_of(path)
    require_typed(format_name, writing or WriteOptions())
    answered, shown = _answered(run, with_status=with_status)
    table = answered.table
    kept = _kept(answered, columns)
    numbers = find_numbers(table, writing)
    shape = TableShape.of(table, [column for column, _ in shown], kept, numbers=numbers.dtypes)
    fits = open_check(path, format_name, shape)
    with closing(cast("Generator[TableChunk]", table.chunks(check=check))) as chunks:
        for chunk in chunks:
            fits.look(chunk.part(slice(None), kept))
    return (*losses(shape, path), *numbers.notes)


def _answered(
    run: RunDirectory, *, with_status: bool, table: Table | None = None
) -> tuple[AnsweredTable, list[_Shown]]:
    """The table of a run, and the columns that stand beside its own."""
    with run.ledger() as ledger:
        shards = ledger.shards()
    answered = AnsweredTable(run, shards, ExportReport(run.path), table=table)
    names = list(answered.plan.output.columns)
    corrected = CorrectedAnswers(answered.codebook.columns, read_corrections(run.path))
    taken = {*answered.table.header, *names}
    return answered, _shown(answered, names, corrected, taken, with_status=with_status)


def _kept(answered: AnsweredTable, columns: Sequence[str] | None) -> list[int]:
    """Positions of the columns of the input that are written."""
    table = answered.table
    return list(range(len(table.header))) if columns is None else [table.column(name) for name in columns]


def _shown(
    answered: AnsweredTable,
    names: Sequence[str],
    corrected: CorrectedAnswers,
    taken: set[str],
    *,
    with_status: bool,
) -> list[_Shown]:
    """The columns beside those of the input, and their values; `taken` are names that others have."""
    shown: list[_Shown] = []
    for one in written_columns(answered.codebook, names, answered.embedding, answered.plan):
        if one.source in STATUS_COLUMNS:
            shown += [(one.column, one.expression())] if with_status else []
            continue
        position = one.place
        if position is None:
            shown.append((one.column, one.expression()))
            continue
        shown.append((one.column, one.expression(final_column(position))))
        if position in corrected.positions:
            for ending, source in (("model", one.source), ("human", human_column(position))):
                shown.append((_beside(one.column, ending, taken), one.expression(source)))
    return shown


def _formulas(frame: pl.DataFrame) -> int:
    texts = frame.select(pl.col(pl.String))
    if not texts.width or not texts.height:
        return 0
    return int(texts.select(pl.sum_horizontal(looks_like_formula(pl.all()).sum())).item() or 0)


def _beside(column: AddedColumn, ending: str, taken: set[str]) -> AddedColumn:
    name = _free(f"{column.name}_{ending}", taken)
    # What a person or the model said is no part of the set that holds.
    return replace(column, name=name, response_set="")


def _free(name: str, taken: set[str]) -> str:
    """A name for one more column."""
    while name in taken:
        name = f"rowbatch_{name}"
    taken.add(name)
    return name
