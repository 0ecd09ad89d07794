"""How stable the labels of a run are: its rows asked otherwise, and what comes out of all ways to ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import polars as pl

from rowbatch.api.hooks import Hooks, told_how_it_goes
from rowbatch.api.runs import Preview, Run, create_planned, open_run
from rowbatch.api.settings import with_said_cap
from rowbatch.api.standing import known_places
from rowbatch.api.statistics import resampling_of
from rowbatch.core.cost import CostEstimate, sum_of_costs
from rowbatch.core.document import Block, Paragraph, Shown, Table, named
from rowbatch.core.label_list import read_labels, read_values
from rowbatch.core.policy import Policy
from rowbatch.core.run_quality import GROUP as DRAWN_GROUP
from rowbatch.core.run_quality import STRATUM as DRAWN_STRATUM
from rowbatch.core.run_quality import weigh
from rowbatch.core.variants import ORDERS, LabelOrder, Variant, has_label_order, reworded
from rowbatch.errors import NeedsDecision, RowbatchError, ServiceError, UsageError
from rowbatch.reporting.configurations import (
    Compared,
    compared,
    require_same_table,
    same_table,
    values_of,
)
from rowbatch.reporting.specifications import (
    CLUSTER,
    GOLD,
    GROUP,
    LIKELY,
    STRATUM,
    Coded,
    Estimated,
    SpecificationCurve,
    curve_of,
)
from rowbatch.reporting.stability import RunStability, stability_of_run
from rowbatch.reporting.variants import (
    ROW,
    Sample,
    Ways,
    clear_unfinished,
    draw_sample,
    keep_sample,
    missing_variants,
    read_sample,
    require_varied,
    rows_of,
    sampled_plan,
    varied_plan,
)
from rowbatch.results.coded import CodedRun, population_of_run, set_of_run
from rowbatch.steps.collect import CollectReport
from rowbatch.store.atomic import write_atomically
from rowbatch.store.coding_sets import find_set
from rowbatch.store.rundir import RunDirectory

_NEVER = 1e-12
ROWS = 100
"""How many rows are asked otherwise where nobody says it, and so many have a usable answer."""


@dataclass(frozen=True, slots=True, repr=False)
class Variants(Shown):
    """
    Runs that ask rows of a run otherwise.

    Attributes:
        run: The first one.
        runs: All of its variants, by the names of their folders; what is asked already costs nothing again.
        new: Those that were made just now.
        rows: How many rows each asks; None for all of the table.
    """

    run: Run
    runs: tuple[Run, ...]
    new: tuple[Variant, ...]
    rows: int | None

    def as_blocks(self) -> Iterator[Block]:
        yield named({"run": str(self.run.path), "rows": "all" if self.rows is None else f"{self.rows:,}"})
        new = {one.name for one in self.new}
        yield Table(
            ("variant", "state", "made just now"),
            [
                (
                    one.path.name,
                    one.status(most_states=0, most_events=0).state,
                    "yes" if one.path.name in new else "",
                )
                for one in self.runs
            ],
        )
        yield Paragraph("cost() says what is left to pay, resume() asks them.")

    @property
    def unfinished(self) -> tuple[Run, ...]:
        """Those of which something is left to do."""
        return tuple(
            one for one in self.runs if one.status(most_states=0, most_events=0).state != "collected"
        )

    def previews(self, hooks: Hooks | None = None) -> tuple[Preview, ...]:
        """What each that is not over will send, before anything is sent."""
        with told_how_it_goes(hooks) as shown:
            return tuple(one.preview(shown) for one in self.unfinished)

    def cost(self, hooks: Hooks | None = None) -> CostEstimate | None:
        """What is left of them will cost; None where nothing is left."""
        previews = self.previews(hooks)
        return sum_of_costs([one.cost for one in previews]) if previews else None

    def resume(self, hooks: Hooks | None = None, **changes: Any) -> tuple[CollectReport, ...]:
        """
        Do all that is left of them, from wherever they stand. Their batches run side by side.

        Args:
            hooks: Told how it goes.
            changes: Of the policy; `max_cost_usd` is the cap of all of them together.
        Returns:
            What came of each that was not over.
        Raises:
            NeedsDecision, ServiceError, …: As of a run; the others are done nevertheless.
        """
        with told_how_it_goes(hooks) as shown:
            return self._resume(shown, **changes)

    def _resume(self, hooks: Hooks, **changes: Any) -> tuple[CollectReport, ...]:
        left = self.unfinished
        told = dict(changes)
        resubmit_lost, go_on = told.pop("resubmit_lost", False), told.pop("go_on", False)
        for one in left:
            one.build(hooks)
            policy = one.change_policy(**told)
            if not policy.direct and len(left) > 1 and not one.is_local:
                try:
                    one.submit(hooks, resubmit_lost=resubmit_lost, go_on=go_on)
                except (NeedsDecision, ServiceError):
                    # It is told when all are followed.
                    continue
        reports: list[CollectReport] = []
        trouble: RowbatchError | None = None
        for one in left:
            try:
                reports.append(one.resume(hooks, resubmit_lost=resubmit_lost, go_on=go_on))
            except (NeedsDecision, ServiceError) as error:
                trouble = trouble or error
        if trouble is not None:
            raise trouble
        return tuple(reports)


def vary(
    run: str | Path | Run,
    *,
    rows: int | Literal["usual"] | None = "usual",
    seed: int = 1,
    coded: str | Path | bool = False,
    repeats: int = 1,
    orders: str | Sequence[str] | None = None,
    prompts: str | Sequence[str] = (),
    models: str | Sequence[str] = (),
    policy: Policy | None = None,
) -> Variants:
    """
    Make the runs that ask some rows of a run otherwise. Nothing is sent: `Variants.resume` does that.

    Each is a run of its own, which lies in the first one. The same call again makes no further ones.

    Args:
        run: The first one, with its answers.
        rows: How many, drawn by hash of those with a usable answer; `usual` means 100, or all of those where
            they are fewer, and None all rows of the table. All ways ask the same rows: once there are some,
            others cannot be drawn.
        seed: Of the draw.
        coded: Draw only of rows that people coded: of this set, or with True of the only one there is.
        repeats: How often the same is asked again.
        orders: `reversed`, `rotated`: other orders of the labels; () for none. None means `reversed`, where
            there are labels that may stand in another order.
        prompts: Other words for what is asked, in the place of the instructions.
        models: Further models, as `PROVIDER:MODEL`.
        policy: How they are driven; its cap is that of all of them together. None means as the first run,
            with the cap of `rowbatch.toml` if there is one, and else without.
    Raises:
        UsageError: There are too few rows, a way is none, or other rows were drawn before.
        RunLocked: Another process works on the run.
    """
    first = run if isinstance(run, Run) else open_run(run)
    first.build()
    directory = RunDirectory(first.path)
    require_varied(first.plan)
    if orders is None:
        orders = "reversed" if has_label_order(first.plan.question) else ()
    chosen = _orders(orders)
    ways = Ways(
        repeats,
        chosen,
        tuple([prompts] if isinstance(prompts, str) else prompts),
        tuple([models] if isinstance(models, str) else models),
    )
    if isinstance(rows, int) and rows < 1:
        raise UsageError("stability-too-few-rows", rows=rows, left=0)
    as_first = replace(first.policy(), max_cost_usd=None, clean_up=False)
    how = policy or with_said_cap(as_first, first.plan.source.path)
    with first._locked("stability"):
        new = missing_variants(directory, first.plan, ways)
        plans = [varied_plan(first.plan, one, how) for one in new]
        sample = _sample(first, directory, rows, seed, coded) if new else read_sample(directory)
        frame = rows_of(directory, first.plan, sample) if sample is not None and new else None
        for variant, plan in zip(new, plans, strict=True):
            assert sample is not None
            place = directory.variants_folder / variant.name
            clear_unfinished(place)
            create_planned(sampled_plan(plan, sample), place, frame=frame, is_listed=False)
    made = tuple(_opened(first, one) for one in directory.variants())
    return Variants(first, made, tuple(new), None if sample is None or sample.is_all else len(sample.rows))


def _orders(orders: str | Sequence[str]) -> tuple[LabelOrder, ...]:
    found: list[LabelOrder] = []
    for one in read_labels(orders) if orders else []:
        known = next((order for order in ORDERS if order == one), None)
        if known is None:
            raise UsageError("stability-no-such-order", order=one, orders=list(ORDERS))
        found.append(known)
    return tuple(dict.fromkeys(found))


def _sample(
    run: Run,
    directory: RunDirectory,
    rows: int | Literal["usual"] | None,
    seed: int,
    coded: str | Path | bool,
) -> Sample:
    """The rows that were drawn before; else they are drawn and noted."""
    there = read_sample(directory)
    if there is not None and directory.variants():
        is_same = there.is_all == (rows is None) and rows in (None, "usual", len(there.rows))
        if not is_same or (seed not in (1, there.seed)):
            raise UsageError(
                "stability-other-rows",
                rows=len(there.rows),
                seed=there.seed,
                run=str(run.path),
                folder=str(directory.variants_folder),
            )
        return there
    gold = None
    if coded:
        gold = set(_coded(run, None, None if coded is True else coded).settled.gold)
    count = ROWS if rows == "usual" else rows
    sample = draw_sample(directory, count, seed, gold, is_most=rows == "usual")
    if there != sample:
        if there is not None:
            (directory.variants_folder / "rows.json").unlink()
        keep_sample(directory, sample)
    return sample


def _opened(first: Run, directory: RunDirectory) -> Run:
    asking, base = directory.plan().asking, first.plan.asking
    is_same = (asking.provider, asking.base_url) == (base.provider, base.base_url)
    return Run(
        directory.path,
        headers=first._headers if is_same else None,
        form_fields=first._form_fields if is_same else None,
    )


def paraphrases(run: str | Path | Run, count: int) -> list[str]:
    """
    Simple paraphrases of what a run asks, for a person to look at before they are asked: `vary(prompts=…)`.

    Args:
        run: Whose words.
        count: How many; there are 3.
    Raises:
        UsageError: There are no words of a person's own, or not so many paraphrases.
    """
    opened = run if isinstance(run, Run) else open_run(run)
    return reworded(opened.plan.question, count)


def stability(
    run: str | Path | Run,
    variable: str | None = None,
    *,
    with_runs: str | Path | Sequence[str | Path] = (),
    people: str | Path | None = None,
    confidence: float = 0.95,
    draws: int = 2_000,
    seed: int = 1,
    hooks: Hooks | None = None,
) -> RunStability:
    """
    How far the labels of a run stay the same in all ways in which its rows were asked. Asks nobody.

    Args:
        run: The first one.
        variable: Of its codebook; None means the first that can be compared.
        with_runs: Further runs of the same table that are compared with it.
        people: A coding set of the table: how far each way says what people settled on. None means the only
            one there is.
        confidence: Of the intervals.
        draws, seed: Of the samples that they are made of.
        hooks: Told how it goes.
    Raises:
        UsageError: There is no such variable, or a run is of another table.
    """
    resampling = resampling_of(confidence, draws, seed)
    first = run if isinstance(run, Run) else open_run(run)
    with told_how_it_goes(hooks) as shown:
        first.build(shown)
        if shown.stage is not None:
            shown.stage("compare")
        directory = RunDirectory(first.path)
        named = [with_runs] if isinstance(with_runs, str | Path) else list(with_runs)
        others = require_same_table(directory, [RunDirectory(open_run(one).path) for one in named])
        found = compared(directory, variable, others)
        gold, name = _gold(first, found, people)
        return stability_of_run(first.path.resolve().name, found, resampling, gold, name)


def specification_curve(
    run: str | Path | Run,
    variable: str | None = None,
    *,
    label: object | None = None,
    by: str | None = None,
    between: str | Sequence[str] = (),
    with_runs: str | Path | Sequence[str | Path] = (),
    people: str | Path | None = None,
    part: str | None = None,
    confidence: float = 0.95,
    draws: int = 2_000,
    seed: int = 1,
) -> SpecificationCurve:
    """
    One estimate in every way in which a table was asked, none left out. Asks nobody.

    Every run of the same table that this computer knows is found by itself, as are the run's variants and its
    further models; what is not over or failed is listed as that.

    Args:
        run: The first one.
        variable: Of its codebook; None means the first that can be compared.
        label: Whose share; None means the commonest, or the mean of numbers.
        by: Column of the table with groups whose difference is estimated.
        between: The two groups, where there are more.
        with_runs: Further runs of the same table that this computer does not know.
        people, part: As of `validate`: the estimates are corrected by what people coded.
        confidence: Of the intervals.
        draws, seed: Of the draws that they are made of.
    Raises:
        UsageError: There is no such variable, label or group, or a run is of another table.
    """
    resampling = resampling_of(confidence, draws, seed)
    first = run if isinstance(run, Run) else open_run(run)
    first.build()
    directory = RunDirectory(first.path)
    named = [with_runs] if isinstance(with_runs, str | Path) else list(with_runs)
    given = require_same_table(directory, [RunDirectory(open_run(one).path) for one in named])
    taken = {one.path.resolve() for one in given}
    given += [one for one in same_table(directory, known_places()) if one.path.resolve() not in taken]
    found = compared(directory, variable, given)
    wanted = Estimated(
        None if label is None else read_values([label])[0],
        by,
        tuple(read_labels(between)) if between else (),
    )
    groups = None
    if by is not None:
        groups = values_of(directory, found.variable.name, {GROUP: by}).select(ROW, GROUP)
    coded = _coded_rows(first, found, people, part)
    return curve_of(first.path.resolve().name, found, wanted, resampling, groups=groups, coded=coded)


def _coded(run: Run, variable: str | None, people: str | Path | None, part: str | None = None) -> CodedRun:
    return run._coded(people, variable, part, with_seen=False)


def _gold(run: Run, found: Compared, people: str | Path | None) -> tuple[Mapping[int, str], str]:
    """What people settled on, and in which set; nothing where nobody coded."""
    try:
        folder = find_set(people) if people is not None else set_of_run(run.plan, found.variable.name)
        # The rows that are kept for the end are not looked at for this.
        part = "dev" if any(one.part == "dev" for one in folder.rows()) else None
        coded = _coded(run, found.variable.name, folder.path, part)
    except UsageError:
        if people is not None:
            raise
        return {}, ""
    if part is None:
        coded.looked()
    return coded.settled.gold, coded.content.plan.name


def _coded_rows(run: Run, found: Compared, people: str | Path | None, part: str | None) -> Coded | None:
    """All rows that could be drawn, with what people settled on and how these were drawn."""
    variable = found.variable.name
    try:
        coded = _coded(run, variable, people, part)
        population = population_of_run(RunDirectory(run.path), coded)
    except UsageError:
        if people is not None or part is not None:
            raise
        return None
    used = coded.looked()
    weighing = weigh(population, coded.content, coded.settled)
    said = pl.DataFrame(
        {ROW: [*coded.settled.gold], GOLD: [*coded.settled.gold.values()]},
        schema={ROW: pl.Int64, GOLD: pl.String},
    )
    frame = population.with_columns(pl.col(ROW).cast(pl.Int64)).join(
        said, on=ROW, how="left", maintain_order="left"
    )
    columns = [pl.col(ROW), pl.col(GOLD)]
    why = None
    if weighing.probability:
        likely = {stratum: one or _NEVER for stratum, one in weighing.probability.items()}
        columns.append(pl.col(DRAWN_STRATUM).alias(STRATUM))
        columns.append(pl.col(DRAWN_STRATUM).replace_strict(likely, return_dtype=pl.Float64).alias(LIKELY))
    elif weighing.weights is not None:
        why = UsageError("correct-strata-unknown", name=coded.content.plan.name).notice
    if DRAWN_GROUP in frame.columns:
        columns.append(pl.col(DRAWN_GROUP).alias(CLUSTER))
    return Coded(
        coded.content.plan.name,
        frame.select(columns),
        why,
        (*([] if used is None else [used]), coded.part_note, *weighing.notes),
    )


def write_picture(curve: SpecificationCurve, output: str | Path, *, overwrite: bool = False) -> None:
    """
    Write the picture of a curve as a file .svg.

    Raises:
        UsageError: Its name ends otherwise.
        OutputExists, StorageError: It cannot be written.
    """
    path = Path(output)
    if path.suffix.lower() != ".svg":
        raise UsageError("stability-picture-ending", path=str(path))
    write_atomically(path, curve.svg.encode(), overwrite=overwrite)
