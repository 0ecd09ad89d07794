"""
All ways in which a table was asked: a run, the runs that ask some of its rows otherwise, its further models,
and other runs of the same table. None is left out: what is not over, or failed, is listed as that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import polars as pl

from rowbatch.core.kinds.base import Variable
from rowbatch.core.panel import model_names
from rowbatch.core.plan import Plan
from rowbatch.core.states import RowStatus
from rowbatch.core.variants import facets_of, prompt_of
from rowbatch.errors import RowbatchError, UsageError
from rowbatch.reporting.variants import ROW, VALUE, Sample, kind_of, numbers_of, read_sample
from rowbatch.results.answered import AnsweredTable
from rowbatch.results.shard_answers import ResultTally
from rowbatch.steps.built import is_built
from rowbatch.steps.progress import read_progress
from rowbatch.store.rundir import RunDirectory
from rowbatch.words.notice import Notice

Kind = Literal["first", "repeat", "order", "prompt", "model", "run"]
State = Literal["complete", "unfinished", "failed", "other-question"]
_SHOWN_PROMPT = 400


@dataclass(frozen=True, slots=True)
class Configuration:
    """
    One way in which a table was asked.

    Attributes:
        name: Of its run, or of its way; the first one is called by its run.
        path: Its run directory.
        kind: What it is: the first run, a variant of it, one of its further models, another run.
        state: Whether it counts; only what is `complete` has a number.
        asked, answered: Rows, and those of them with a usable answer; 0 where that is not known.
        facets: What differs between all of them, and what it is here.
        prompt: Its words.
        why: Why it does not count, where there is more to say.
    """

    name: str
    path: Path
    kind: Kind
    state: State
    asked: int = 0
    answered: int = 0
    facets: Mapping[str, str] = field(default_factory=dict)
    prompt: str = ""
    why: Notice | None = None

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "name": self.name,
            "run": self.path.name,
            "kind": self.kind,
            "state": self.state,
            "asked": self.asked,
            "answered": self.answered,
            "facets": dict(self.facets),
            "prompt": self.prompt,
            "why": None if self.why is None else self.why.told(),
        }


@dataclass(frozen=True, slots=True)
class Compared:
    """
    Ways to ask, with the values of a variable.

    Attributes:
        variable: Which.
        sample: Which rows all of them asked; None where each asked the whole table.
        configurations: All, the first run first.
        frames: Of those that are complete, by name: `ROW` and `VALUE`, "" where there is no usable one.
    """

    variable: Variable
    sample: Sample | None
    configurations: tuple[Configuration, ...]
    frames: Mapping[str, pl.DataFrame]

    @property
    def complete(self) -> list[Configuration]:
        """Those that count."""
        return [one for one in self.configurations if one.state == "complete"]

    def joined(self) -> pl.DataFrame:
        """
        The rows that every complete way asked: `ROW`, and a column a way, in order; none without ways.

        A column is called by the number of its way, from "0": runs may be called as columns of ours are.
        """
        found = pl.DataFrame(schema={ROW: pl.Int64})
        for number, one in enumerate(self.complete):
            own = self.frames[one.name].select(ROW, pl.col(VALUE).alias(str(number)))
            found = found.join(own, on=ROW, how="inner", maintain_order="left") if number else own
        return found


def compared(
    run: RunDirectory, variable: str | None, others: Sequence[RunDirectory] = (), *, with_models: bool = True
) -> Compared:
    """
    Read the values of all ways to ask.

    Args:
        run: The first one, which is built.
        variable: Of its codebook; None means the first that can be compared.
        others: Further runs of the same table.
        with_models: Whether each of several models counts by itself, too.
    Raises:
        UsageError: There is no such variable.
        RunError, StorageError: The first run cannot be read.
    """
    plan = run.plan()
    chosen = _variable(plan, variable)
    sample = read_sample(run)
    found: list[tuple[str, RunDirectory, Kind, bool]] = [(run.path.resolve().name, run, "first", False)]
    found += [(one.path.name, one, kind_of(one) or "run", False) for one in run.variants()]
    if with_models and plan.panel is not None:
        names = model_names(plan.askings)
        found.append((f"{names[0]} alone", run, "model", True))
        found += [
            (f"{name} alone", one, "model", False)
            for name, one in zip(names[1:], run.members(plan), strict=True)
        ]
    names_taken = {name for name, *_ in found}
    for one in others:
        name, number = one.path.resolve().name, 1
        while name in names_taken:
            number += 1
            name = f"{one.path.resolve().name} ({number})"
        names_taken.add(name)
        found.append((name, one, "run", False))
    configurations: list[Configuration] = []
    plans: list[Plan | None] = []
    frames = {}
    for name, directory, kind, is_alone in found:
        configuration, own, frame = _read(name, directory, kind, (plan, chosen, sample), is_alone=is_alone)
        configurations.append(configuration)
        plans.append(own)
        if frame is not None:
            frames[name] = frame
    known = [own for own in plans if own is not None]
    told = iter(facets_of(known, [one.name for one in configurations]))
    configurations = [
        one
        if own is None
        else replace(one, facets=next(told), prompt=prompt_of(own.question)[:_SHOWN_PROMPT])
        for one, own in zip(configurations, plans, strict=True)
    ]
    is_sampled = sample is not None and not sample.is_all and bool(run.variants())
    return Compared(chosen, sample if is_sampled else None, tuple(configurations), frames)


def _variable(plan: Plan, name: str | None) -> Variable:
    for one in plan.question.codebook.variables:
        if one.can_compare and one.kind != "date" and name in (None, one.name):
            return one
    raise UsageError("not-comparable", variable=name or "")


def _read(
    name: str,
    run: RunDirectory,
    kind: Kind,
    first: tuple[Plan, Variable, Sample | None],
    *,
    is_alone: bool,
) -> tuple[Configuration, Plan | None, pl.DataFrame | None]:
    """How one stands, its plan, and its values where it counts."""
    base, variable, sample = first
    configuration = Configuration(name, run.path, kind, "failed")
    plan = None
    try:
        plan = run.plan()
        if is_alone:
            plan = replace(plan, panel=None)
        if variable.name not in plan.question.codebook.columns or not _is_alike(base, plan, variable):
            return replace(configuration, state="other-question"), plan, None
        if not is_built(run):
            return replace(configuration, state="unfinished"), plan, None
        with run.ledger() as ledger:
            progress = read_progress(ledger, most_states=0)
        if progress.shards_running or progress.shards_unsent:
            unfinished = replace(
                configuration, state="unfinished", asked=progress.requests, answered=progress.answered
            )
            return unfinished, plan, None
        frame = values_of(run, variable.name, is_alone=is_alone)
    except RowbatchError as error:
        if kind == "first":
            raise
        return replace(configuration, why=error.notice), plan, None
    if kind in ("repeat", "order", "prompt", "model") and run.base is not None and sample is not None:
        frame = frame.with_columns(pl.Series(ROW, numbers_of(sample, frame[ROW].to_list()), dtype=pl.Int64))
    answered = int((frame[VALUE] != "").sum())
    state: State = "complete" if answered or kind == "first" else "failed"
    return (
        replace(configuration, state=state, asked=frame.height, answered=answered),
        plan,
        frame if state == "complete" else None,
    )


def _is_alike(base: Plan, other: Plan, variable: Variable) -> bool:
    """Whether another run's variable may have the same values."""
    theirs = next(one for one in other.question.codebook.answers if one.name == variable.name)
    return theirs.kind == variable.kind and set(theirs.choices) == set(variable.choices)


def values_of(
    run: RunDirectory, variable: str, more: Mapping[str, str] | None = None, *, is_alone: bool = False
) -> pl.DataFrame:
    """
    The model's own value of each row that was asked; "" where it gave none that is usable.

    Args:
        run: A run that is built.
        variable: Of its codebook.
        more: Columns of its table, by what they are called in the frame.
        is_alone: Only the first of several models.
    Returns:
        `ROW`, `VALUE`, and these.
    """
    with run.ledger() as ledger:
        shards = ledger.shards()
    answered = AnsweredTable(run, shards, ResultTally(), is_alone=is_alone)
    place = str(answered.codebook.columns.index(variable))
    cells = [pl.col(str(answered.table.column(name))).alias(alias) for alias, name in (more or {}).items()]
    parts = []
    with closing(answered.chunks()) as chunks:
        for chunk, frame in chunks:
            is_ok = pl.col("status") == RowStatus.OK.value
            own = frame.select(
                pl.col(ROW).cast(pl.Int64),
                pl.when(is_ok).then(pl.col(place)).otherwise(pl.lit("")).fill_null("").alias(VALUE),
                (pl.col("status") == RowStatus.SKIPPED.value).alias("skipped"),
            )
            parts.append(own.hstack(chunk.frame.select(cells)).filter(~pl.col("skipped")).drop("skipped"))
    return pl.concat(parts)


def same_table(run: RunDirectory, others: Iterable[Path]) -> list[RunDirectory]:
    """
    Which of some runs ask the very table of a run; its own variants and further models are not among them.

    A run that cannot be read is not known to.
    """
    plan, own = run.plan(), run.path.resolve()
    found = []
    for place in others:
        path = place.resolve()
        if path == own or own in path.parents:
            continue
        try:
            other = RunDirectory(place).plan()
        except RowbatchError:
            continue
        if other.source.sha256 == plan.source.sha256 and other.source.reading == plan.source.reading:
            found.append(RunDirectory(place))
    return found


def require_same_table(run: RunDirectory, others: Iterable[RunDirectory]) -> list[RunDirectory]:
    """
    Make sure that runs ask the very table of a run.

    Raises:
        UsageError: One asks another.
    """
    plan = run.plan()
    found = []
    for one in others:
        other = one.plan()
        if (other.source.sha256, other.source.reading) != (plan.source.sha256, plan.source.reading):
            raise UsageError(
                "stability-other-table",
                run=str(one.path),
                table=other.source.shown_name,
                first=plan.source.shown_name,
            )
        found.append(one)
    return found
