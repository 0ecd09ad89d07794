"""
`disagreements`: the rows of which several models say different things, side by side, and how far they agree.

Reads only, as `export` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from rowbatch.core.added_columns import STATUS_COLUMNS
from rowbatch.core.confidence import column_of, measured
from rowbatch.core.consensus import PairAgreement, count_pairs, differs, pair_agreement
from rowbatch.core.document import Shown
from rowbatch.core.panel import model_names, status_of
from rowbatch.core.states import RowStatus
from rowbatch.core.table_options import WriteOptions
from rowbatch.errors import UsageError
from rowbatch.results.answered import AnsweredTable
from rowbatch.results.shard_answers import ResultTally
from rowbatch.results.written import WrittenColumn, written_columns
from rowbatch.store.atomic import atomic_path
from rowbatch.store.rundir import RunDirectory
from rowbatch.tables.base import TableChunk
from rowbatch.tables.writer import TableShape, format_of, open_writer

_SURE = "least_sure"
_PIECE_ROWS = 10_000


@dataclass(slots=True, repr=False)
class DisagreementReport(Shown):
    """
    What was written, and how far the models agree.

    Attributes:
        path: The table.
        rows: In it.
        compared: Rows that at least two models answered.
        pairs: Of each variable each two models.
        formulas: Cells that were marked, because a spreadsheet would take them for formulas.
    """

    path: Path
    rows: int = 0
    compared: int = 0
    pairs: list[PairAgreement] = field(default_factory=list)
    formulas: int = 0


def write_disagreements(
    run: RunDirectory, path: Path, *, writing: WriteOptions | None = None, overwrite: bool = False
) -> DisagreementReport:
    """
    Write the rows of which two models give some value differently, those with the least agreement first.

    They have all columns of the input, the consensus, how sure it is, and what each model said. They are held
    in memory until they are sorted.

    Args:
        run: A run that is built.
        path: Where to; its ending says the format.
        writing: How.
        overwrite: Whether a file may be replaced.
    Raises:
        UsageError: One model alone was asked.
        OutputExists: The file is there.
        RunError: The table or a raw file was changed since.
    """
    plan = run.plan()
    if plan.panel is None:
        raise UsageError("no-panel")
    format_name = format_of(path)
    names = model_names(plan.askings)
    with run.ledger() as ledger:
        ledger.require_whole()
        shards = ledger.shards()
    answered = AnsweredTable(run, shards, ResultTally())
    report, codebook, table = DisagreementReport(path), answered.codebook, answered.table
    shown = _shown(answered, list(plan.output.columns))
    sure = pl.min_horizontal(column_of(one.place) for one in measured(codebook)).alias(_SURE)
    pairs: dict[tuple[int, int, int], Counter[tuple[str, str]]] = {}
    found: list[tuple[pl.DataFrame, pl.DataFrame | None, pl.DataFrame]] = []
    with closing(answered.chunks()) as chunks:
        for chunk, answers in chunks:
            for key, counts in count_pairs(answers, codebook, len(names)):
                pairs.setdefault(key, Counter()).update(counts)
            report.compared += _compared(answers, len(names))
            keep = answers.select(differs(codebook, len(names))).to_series()
            if keep.any():
                typed = chunk.typed.filter(keep) if chunk.typed is not None else None
                picked = answers.filter(keep).select(
                    sure, pl.col("row"), *(one.expression().alias(one.column.name) for one in shown)
                )
                found.append((chunk.frame.filter(keep), typed, picked))
    for (place, one, other), counts in pairs.items():
        report.pairs.append(pair_agreement(codebook.columns[place], names[one], names[other], counts))
    shape = TableShape.of(table, [one.column for one in shown])
    with (
        atomic_path(path, overwrite=overwrite) as temporary,
        open_writer(temporary, format_name, shape, writing) as writer,
    ):
        for part, answers in _sorted(found):
            writer.write(part, answers)
            report.rows += answers.height
    report.formulas = writer.formulas
    return report


def _shown(answered: AnsweredTable, names: list[str]) -> list[WrittenColumn]:
    """The values that can be counted, how sure they are, and what each model said."""
    places = {one.place for one in measured(answered.codebook)}
    return [
        one
        for one in written_columns(answered.codebook, names, None, answered.plan)
        if one.source not in STATUS_COLUMNS and (one.place is None or one.place in places)
    ]


def _compared(answers: pl.DataFrame, models: int) -> int:
    answering = pl.sum_horizontal(pl.col(status_of(one)) == RowStatus.OK.value for one in range(models))
    return int(answers.select((answering > 1).sum()).item())


def _sorted(
    found: list[tuple[pl.DataFrame, pl.DataFrame | None, pl.DataFrame]],
) -> Iterator[tuple[TableChunk, pl.DataFrame]]:
    """The rows with the least agreement first, of equals the earlier row, in pieces."""
    if not found:
        return
    answers = pl.concat([one for _, _, one in found])
    order = answers.select(pl.arg_sort_by(_SURE, "row")).to_series()
    texts = pl.concat([one for one, _, _ in found])[order]
    parts = [one for _, one, _ in found if one is not None]
    typed = pl.concat(parts)[order] if parts else None
    answers = answers[order].drop(_SURE, "row")
    for start in range(0, answers.height, _PIECE_ROWS):
        yield (
            TableChunk(
                start + 1,
                texts[start : start + _PIECE_ROWS],
                None if typed is None else typed[start : start + _PIECE_ROWS],
            ),
            answers[start : start + _PIECE_ROWS],
        )
