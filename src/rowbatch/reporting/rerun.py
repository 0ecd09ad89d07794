"""
`rerun`: what an archive asked, asked again, and what comes out otherwise.

Rows are known by their texts, not by their numbers: a table that was sorted since, or that has rows more or
less, is compared where its texts are those of the archive.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from rowbatch.core.document import Shown
from rowbatch.core.drawing import drawn
from rowbatch.core.plan import Output, Plan, Source
from rowbatch.core.states import RowStatus
from rowbatch.core.statistics.coder_agreement import Coding, agree
from rowbatch.core.statistics.figures import Figure, Resampling
from rowbatch.core.statistics.patterns import Patterns
from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import InputError, UsageError
from rowbatch.programs.opening import open_table
from rowbatch.reporting.archive import STATUS, TEXT_SHA256, ArchivedLabels
from rowbatch.reporting.texts import digests
from rowbatch.results.answered import AnsweredTable
from rowbatch.results.shard_answers import ResultTally
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.sources import digest_source, size_of_source
from rowbatch.tools.sample import chunks_of, rows_at
from rowbatch.words.notice import Notice

DESIGN = "sentinels"
"""Of the draw of rows that are asked again: another order than that of samples for people."""
_MOST_CHANGES = 200


@dataclass(frozen=True, slots=True)
class RowsAgain:
    """
    Which rows are asked again.

    Attributes:
        frame: Their cells, by the names of the table's columns; None where all of the table is asked.
        rows: How many.
        same: Rows of the table whose texts are in the archive.
        only_table, only_archive: Rows whose texts are in one of them only.
        notes: How the table was read.
    """

    frame: pl.DataFrame | None
    rows: int
    same: int
    only_table: int
    only_archive: int
    notes: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class ChangedLabel:
    """Rows whose label moved: from which, to which, and how many."""

    variable: str
    before: str
    after: str
    rows: int


@dataclass(frozen=True, slots=True, repr=False)
class RerunReport(Shown):
    """
    What came out otherwise.

    Attributes:
        run: The run that asked again.
        rows: Compared: the same text in both.
        not_compared: Rows of the run whose text is not in the archive.
        both_ok: Of those compared, rows with a usable answer in both.
        before_only, after_only: Rows with a usable answer in one of them only.
        figures: By variable: `percent_agreement`, `krippendorff_alpha` and the others, then against now.
        changes: Which labels moved to which, the commonest first.
        models: That answered now; and then.
    """

    run: Path
    rows: int
    not_compared: int
    both_ok: int
    before_only: int
    after_only: int
    figures: Mapping[str, Mapping[str, Figure]]
    changes: tuple[ChangedLabel, ...]
    models: tuple[tuple[str, ...], tuple[str, ...]]


def plan_again(archived: ArchivedLabels, table: Path, said: ReadOptions) -> Plan:
    """
    The archive's question to a table, asked anew: answers of earlier runs are not taken over.

    Args:
        archived: What was asked.
        table: Of which.
        said: How that is read. Where nothing is said it is read as the archive's was, if both are of one
            format.
    Raises:
        InputError: It cannot be read.
        UsageError: The archive's run asked about images, or took variables from another run.
    """
    plan = archived.plan
    if plan.question.image or plan.question.kept:
        raise UsageError("rerun-not-possible", what="image" if plan.question.image else "kept")
    is_alike = plan.source.path.suffix.lower() == table.suffix.lower()
    # How another format was read says nothing of this one.
    reading = plan.source.reading if is_alike and said == ReadOptions() else said
    source = Source(
        path=table,
        sha256=digest_source(table, reading.program),
        size_bytes=size_of_source(table, reading.program),
        reading=reading,
    )
    panel = plan.panel
    if panel is not None:
        panel = replace(panel, others=tuple(replace(one, fresh=True) for one in panel.others))
    return replace(
        plan,
        source=source,
        asking=replace(plan.asking, fresh=True),
        panel=panel,
        output=Output(columns=plan.output.columns, writing=plan.output.writing),
    )


def rows_again(
    archived: ArchivedLabels, plan: Plan, count: int | None, seed: int, texts: Collection[str] = ()
) -> RowsAgain:
    """
    Which rows of a table are asked again.

    Args:
        archived: What was asked.
        plan: Of `plan_again`.
        count: How many, drawn by hash of those whose text the archive has with a usable answer; None means
            all rows of the table.
        seed: Of the draw.
        texts: Digests of the texts that are asked instead, each once, in the first row that has it; those
            that are not in the table are not asked.
    Raises:
        InputError: No text of the table is in the archive, or none of these in the table.
        UsageError: There are fewer rows.
    """
    table = open_table(plan.source.path, plan.source.reading)
    asked = [str(table.column(name)) for name in plan.question.asked_columns]
    labels = archived.labels
    answered = set(labels.filter(pl.col(STATUS) == RowStatus.OK.value)[TEXT_SHA256])
    known = set(labels[TEXT_SHA256])
    found: dict[int, str] = {}
    rows = 0
    seen: set[str] = set()
    with closing(chunks_of(table)) as chunks:
        for chunk in chunks:
            for at, digest in enumerate(digests(chunk.frame.select(asked).iter_rows())):
                rows += 1
                if digest in known:
                    found[chunk.first_row + at] = digest
                    seen.add(digest)
    if not found:
        raise InputError("rerun-other-table", table=str(plan.source.path), rows=rows)
    missing = len(known - seen)
    if texts:
        first: dict[str, int] = {}
        for row, digest in found.items():
            if digest in texts:
                first.setdefault(digest, row)
        if not first:
            raise InputError("rerun-other-table", table=str(plan.source.path), rows=rows)
        frame = _cells_of(plan, [*first.values()])
        return RowsAgain(frame, len(first), len(found), rows - len(found), missing, table.told())
    if count is None:
        return RowsAgain(None, rows, len(found), rows - len(found), missing, table.told())
    able = [row for row, digest in found.items() if digest in answered]
    numbers = drawn(able, count, seed, DESIGN)
    if len(numbers) < count:
        raise UsageError("rerun-too-few-rows", rows=count, left=len(able))
    return RowsAgain(
        _cells_of(plan, numbers), len(numbers), len(found), rows - len(found), missing, table.told()
    )


def _cells_of(plan: Plan, numbers: Sequence[int]) -> pl.DataFrame:
    """Some rows of a table, by the names of its columns."""
    table = open_table(plan.source.path, plan.source.reading)
    return rows_at(table, numbers, ((name, at) for at, name in enumerate(table.header)))


def compare_again(directory: RunDirectory, archived: ArchivedLabels, resampling: Resampling) -> RerunReport:
    """
    Compare the answers of a run with those of an archive, text by text.

    A text that stands in several rows is compared as often as both have it, in the order of the rows.

    Args:
        directory: A run of `plan_again`, as far as its answers are here.
        archived: What came then.
        resampling: How intervals are found.
    """
    with directory.ledger() as ledger:
        shards = ledger.shards()
    answered = AnsweredTable(directory, shards, ResultTally())
    columns = answered.codebook.columns
    places = {name: str(columns.index(name)) for name in archived.variables if name in columns}
    asked = [str(answered.table.column(name)) for name in answered.plan.question.asked_columns]
    parts = []
    with closing(answered.chunks()) as chunks:
        for chunk, frame in chunks:
            parts.append(
                frame.select(
                    pl.Series(TEXT_SHA256, digests(chunk.frame.select(asked).iter_rows())),
                    pl.col("status").alias(STATUS),
                    pl.col("model").fill_null(""),
                    *(pl.col(place).fill_null("").alias(name) for name, place in places.items()),
                )
            )
    now = pl.concat(parts)
    occurrence = pl.int_range(pl.len()).over(TEXT_SHA256).alias("occurrence")
    names = [*places]
    before = archived.labels.with_columns(occurrence).select(
        TEXT_SHA256,
        "occurrence",
        pl.col(STATUS).alias("status_then"),
        *(pl.col(name).alias(f"{name}:then") for name in names),
    )
    both = now.with_columns(occurrence).join(
        before, on=[TEXT_SHA256, "occurrence"], how="inner", maintain_order="left"
    )
    ok_now = pl.col(STATUS) == RowStatus.OK.value
    ok_then = pl.col("status_then") == RowStatus.OK.value
    usable = both.filter(ok_now & ok_then)
    changes = []
    figures = {}
    for name in names:
        pairs = usable.select(pl.col(f"{name}:then").alias("then"), pl.col(name).alias("now"))
        counted = (
            pairs.group_by("then", "now").len().sort("len", "then", "now", descending=[True, False, False])
        )
        changes += [
            ChangedLabel(name, then, after, rows)
            for then, after, rows in counted.iter_rows()
            if then != after
        ]
        if counted.height:
            figures[name] = _agreement(counted, resampling)
    changes.sort(key=lambda one: (-one.rows, one.variable, one.before, one.after))
    then_models = (
        archived.labels["model"] if "model" in archived.labels.columns else pl.Series([], dtype=pl.String)
    )
    return RerunReport(
        run=directory.path,
        rows=both.height,
        not_compared=now.height - both.height,
        both_ok=usable.height,
        before_only=both.filter(ok_then & ~ok_now).height,
        after_only=both.filter(ok_now & ~ok_then).height,
        figures=figures,
        changes=tuple(changes[:_MOST_CHANGES]),
        models=(_named(now["model"]), _named(then_models)),
    )


def _named(models: pl.Series) -> tuple[str, ...]:
    return tuple(sorted(name for name in models.unique().to_list() if name))


def _agreement(counted: pl.DataFrame, resampling: Resampling) -> Mapping[str, Figure]:
    """Then and now as two coders of each text."""
    labels = sorted({*counted["then"], *counted["now"]})
    place = {label: at for at, label in enumerate(labels)}
    codes = np.array([[place[then], place[now]] for then, now, _ in counted.iter_rows()])
    patterns = Patterns(codes, counted["len"].cast(pl.Int64).to_numpy(), len(labels), None, np.ones(1))
    coding = Coding(
        coders=("then", "now"),
        gold=None,
        patterns=patterns,
        labels=tuple(labels),
        level="nominal",
        is_codebook=False,
        rows=int(counted["len"].sum()),
        notes=(),
    )
    with np.errstate(all="ignore"):
        return agree(coding, resampling).measures
