"""An earlier run that asked the rows of a table another codebook: what of it can be kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, cast

import polars as pl

from rowbatch.core.codebook_change import CodebookChange, compare_codebooks
from rowbatch.core.endpoint import LIMITS, Endpoint
from rowbatch.core.plan import Asking, Plan, Question
from rowbatch.core.states import RowStatus
from rowbatch.errors import CodebookError, RowbatchError, UsageError
from rowbatch.requests.fingerprints import fingerprints_of
from rowbatch.requests.pipeline import RowRequests
from rowbatch.results.earlier import EarlierAnswers, line_reader, results_of
from rowbatch.store.atomic import atomic_path
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.sources import digest_file
from rowbatch.tables.base import Table, TableChunk


@dataclass(frozen=True, slots=True)
class AskedBefore:
    """
    An earlier run with another codebook.

    Attributes:
        run: Where it lies.
        plan: What it asked, of the columns that the table of today has.
        change: What changed since.
    """

    run: RunDirectory
    plan: Plan
    change: CodebookChange

    @property
    def name(self) -> str:
        """What the run is called."""
        return self.run.path.resolve().name


def find_asked_before(plan: Plan, table: Table, places: Sequence[RunDirectory]) -> AskedBefore | None:
    """
    The first of some runs that asked rows of a table the same in the same way, but for some variables.

    Whether it did is seen by the rows that the table begins with.

    Args:
        plan: What is asked now.
        table: Of the plan.
        places: Runs to look at.
    """
    if plan.asking.endpoint is Endpoint.EMBEDDINGS or not plan.question.codebook.variables:
        return None
    first: TableChunk | None = None
    for place in places:
        found = _compared(plan, place)
        if found is None:
            continue
        if first is None:
            with closing(cast("Any", table.chunks())) as chunks:
                first = next(chunks, None)
        if first is None:
            return None
        try:
            answers = EarlierAnswers(found.plan, [place])
            if len(answers) and _places(found.plan, table, first, answers)["run"].is_not_null().any():
                return found
        except RowbatchError:
            # What it asked cannot be asked of this table.
            continue
    return None


def _compared(plan: Plan, place: RunDirectory) -> AskedBefore | None:
    try:
        old = place.plan()
        same_asking = _asking(old.asking) == _asking(plan.asking)
        change = compare_codebooks(old.question.codebook, plan.question.codebook)
    except (RowbatchError, OSError):
        return None
    if not same_asking or old.question.kept or change is None or not (change.same and change.asked):
        return None
    return AskedBefore(place, plan_of_before(plan, old), change)


def plan_of_before(plan: Plan, old: Plan) -> Plan:
    """A plan that asks of today's table what another one asked."""
    question = replace(plan.question, answer=old.question.answer, kept=(), kept_from=None)
    # Of each row one answer is kept, however often it is asked now.
    asking = replace(plan.asking, parameters=old.asking.parameters, notes=(), samples=1)
    return replace(plan, question=question, asking=asking)


def _asking(asking: Asking) -> tuple[Any, ...]:
    parameters: Mapping[str, Any] = asking.parameters
    if asking.is_limit_ours:
        # It follows from the codebook.
        parameters = {name: value for name, value in parameters.items() if name not in LIMITS}
    return asking.provider, asking.model, asking.base_url, asking.endpoint, dict(parameters)


def with_only_changed(plan: Plan, before: AskedBefore) -> Plan:
    """
    The plan that asks the variables that changed, and keeps the others' values.

    Raises:
        UsageError: What changed cannot be asked by itself.
    """
    question = replace(plan.question, kept=before.change.same, kept_from=before.run.path.resolve())
    try:
        _ = question.asked_codebook
    except CodebookError as error:
        raise UsageError("changed-variables-need-others", told=error.message) from error
    return replace(plan, question=question)


def _places(plan: Plan, table: Table, chunk: TableChunk, answers: EarlierAnswers) -> pl.DataFrame:
    """Of each row of a chunk with a text: `at`, its number, and where it was answered."""
    requests = RowRequests(
        plan.question, plan.asking, table.column, table.path, not_asked=table.not_asked
    ).of(chunk)
    rows = requests.rows.cast(pl.Int64)
    found = answers.find(fingerprints_of(requests.lines, rows))
    return found.with_columns(rows.alias("at"))


class KeptValues:
    """
    Gathers the values that a run keeps of an earlier one, while it is built.

    Args:
        plan: Of the run; keeps variables.
        table: Of the plan.
    """

    def __init__(self, plan: Plan, table: Table) -> None:
        self._question, self._table = plan.question, table
        assert plan.question.kept_from is not None
        place = RunDirectory(plan.question.kept_from)
        self._name = place.path.name
        self._found: list[pl.DataFrame] = []
        try:
            self._plan = plan_of_before(plan, place.plan())
            self._answers: EarlierAnswers | None = EarlierAnswers(self._plan, [place])
        except RowbatchError:
            # It is gone: then no row has its values.
            self._plan, self._answers = plan, None

    def look(self, chunk: TableChunk) -> None:
        """
        Look for the rows of a chunk.

        Raises:
            UsageError: The earlier run has no answer to one.
        """
        found = None if self._answers is None else _places(self._plan, self._table, chunk, self._answers)
        if found is None or found["run"].null_count():
            missing = chunk.first_row if found is None else found.filter(pl.col("run").is_null())["at"][0]
            raise UsageError("kept-answers-missing", row=missing, run=self._name)
        self._found.append(found)

    def save(self, run: RunDirectory) -> dict[str, Any]:
        """
        Copy the values into the run.

        Returns:
            What its ledger tells of it: `run`, `created_at`, `variables`, and the digest of the file.
        """
        names = kept_columns(self._question)
        found = pl.concat(self._found) if self._found else pl.DataFrame()
        parts = []
        if self._answers is not None and found.height:
            (earlier,) = self._answers.runs
            lines = line_reader(self._plan)
            columns = self._plan.question.codebook.columns
            values = [pl.col(str(columns.index(name))).alias(name) for name in names]
            for number, part in enumerate(results_of(earlier, lines)):
                wanted = found.filter(pl.col("shard") == number).select("at", pl.col("row").cast(pl.Int64))
                usable = part.frame.filter(pl.col("status") == RowStatus.OK.value)
                parts.append(
                    wanted.join(usable.select("row", *values), on="row", how="inner").select(
                        pl.col("at").alias("row"), *names
                    )
                )
        schema = {"row": pl.Int64, **dict.fromkeys(names, pl.String)}
        kept = pl.concat([pl.DataFrame(schema=schema), *parts]).sort("row")
        if kept.height != found.height:
            raise UsageError("kept-answers-missing", row=0, run=self._name)
        with atomic_path(run.kept_path, overwrite=True) as temporary:
            kept.write_parquet(temporary)
        return {
            "run": self._name,
            "created_at": self._answers.runs[0].plan.created_at if self._answers else "",
            "variables": list(self._question.kept),
            "sha256": digest_file(run.kept_path),
        }


def kept_columns(question: Question) -> list[str]:
    """Names of the values that are kept."""
    asked = question.asked_codebook.columns
    return [name for name in question.codebook.columns if name not in asked]
