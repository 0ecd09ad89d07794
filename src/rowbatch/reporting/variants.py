"""
Asking some rows of a run otherwise: which rows, in which ways, and where the runs of these ways lie.

Each way is a run of its own inside the first one, with its own requests, ledger and answers. All of them ask
the same rows, which are drawn by hash and noted once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from rowbatch.core.drawing import drawn
from rowbatch.core.plan import Asking, Output, Plan, Source
from rowbatch.core.policy import Policy
from rowbatch.core.states import RowStatus
from rowbatch.core.variants import (
    LabelOrder,
    Variant,
    VariantKind,
    has_label_order,
    prompt_of,
    varied_question,
)
from rowbatch.errors import InputError, UsageError, from_os_error
from rowbatch.requests.asking import Said, asking_of
from rowbatch.requests.pipeline import open_source
from rowbatch.results.answered import AnsweredTable
from rowbatch.results.shard_answers import ResultTally
from rowbatch.store.atomic import write_atomically
from rowbatch.store.rundir import RunDirectory, remove_run
from rowbatch.tools.sample import rows_at

DESIGN = "stability"
"""Of the draw of rows that are asked otherwise: another order than that of samples for people."""
ROW, VALUE = "row", "value"
"""Columns of a frame with the values of a run: the row's number in the first run's table, and its value."""
_SAMPLE_NAME = "rows.json"
_KINDS: tuple[VariantKind, ...] = ("repeat", "order", "prompt", "model")


@dataclass(frozen=True, slots=True)
class Sample:
    """
    Which rows are asked otherwise.

    Attributes:
        rows: Their numbers in the table, from 1, ascending; empty where all of the table are asked.
        seed: Of the draw.
        is_all: All rows are asked.
        of_coded: Drawn of the rows that people coded.
    """

    rows: tuple[int, ...]
    seed: int = 1
    is_all: bool = False
    of_coded: bool = False


@dataclass(frozen=True, slots=True)
class Ways:
    """
    In which ways rows are asked.

    Attributes:
        repeats: So often again, word for word.
        orders: With the labels in these orders.
        prompts: With these words in the place of the first ones.
        models: Of these models, as `PROVIDER:MODEL`.
    """

    repeats: int = 0
    orders: tuple[LabelOrder, ...] = ()
    prompts: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


def read_sample(run: RunDirectory) -> Sample | None:
    """
    Which rows of a run are asked otherwise; None where none were yet.

    Raises:
        InputError: What was noted of them is damaged.
        StorageError: It cannot be read.
    """
    path = run.variants_folder / _SAMPLE_NAME
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        return Sample(
            tuple(int(row) for row in plain["rows"]),
            int(plain["seed"]),
            bool(plain["all"]),
            bool(plain["of_coded"]),
        )
    except FileNotFoundError:
        return None
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError("stability-rows-damaged", path=str(path)) from error


def keep_sample(run: RunDirectory, sample: Sample) -> None:
    """Note which rows are asked, before any run of them is made."""
    plain = {
        "rows": list(sample.rows),
        "seed": sample.seed,
        "all": sample.is_all,
        "of_coded": sample.of_coded,
        "design": DESIGN,
    }
    try:
        run.variants_folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, str(run.variants_folder)) from error
    write_atomically(run.variants_folder / _SAMPLE_NAME, json.dumps(plain).encode(), overwrite=False)


def draw_sample(
    run: RunDirectory,
    count: int | None,
    seed: int,
    coded: Collection[int] | None,
    *,
    is_most: bool = False,
) -> Sample:
    """
    Draw rows by hash, of those that have a usable answer.

    Args:
        run: A run that is built.
        count: How many; None means all rows of the table.
        seed: Of the draw.
        coded: Rows that people coded, where only these are drawn.
        is_most: All are drawn where there are fewer.
    Raises:
        UsageError: There are fewer, or none.
    """
    if count is None:
        return Sample((), seed, is_all=True)
    answered = answered_rows(run)
    able = [row for row in answered if coded is None or row in coded]
    if is_most and able:
        count = min(count, len(able))
    if len(able) < count:
        raise UsageError("stability-too-few-rows", rows=count, left=len(able))
    return Sample(tuple(sorted(drawn(able, count, seed, DESIGN))), seed, of_coded=coded is not None)


def answered_rows(run: RunDirectory) -> list[int]:
    """Numbers of the rows of a run with a usable answer."""
    with run.ledger() as ledger:
        shards = ledger.shards()
    answered = AnsweredTable(run, shards, ResultTally())
    found: list[int] = []
    with closing(answered.chunks()) as chunks:
        for _, frame in chunks:
            found += frame.filter(pl.col("status") == RowStatus.OK.value)[ROW].to_list()
    return found


def rows_of(run: RunDirectory, plan: Plan, sample: Sample) -> pl.DataFrame | None:
    """The cells of the rows that are asked, of the columns that a request is made of; None where all are."""
    if sample.is_all:
        return None
    table = open_source(plan.source, run.path)
    return rows_at(table, sample.rows, ((name, table.column(name)) for name in plan.question.columns))


def require_varied(plan: Plan) -> None:
    """
    Make sure that a run can be asked otherwise.

    Raises:
        UsageError: Some of its values are those of an earlier run, or there is nothing to compare.
    """
    if plan.question.kept:
        raise UsageError("stability-kept")
    if not any(one.can_compare for one in plan.question.codebook.variables):
        raise UsageError("stability-of-words")


def missing_variants(run: RunDirectory, plan: Plan, ways: Ways) -> list[Variant]:
    """
    The ways that were not asked yet, by what they ask: the same ones again are none.

    Raises:
        UsageError: The labels have no other order, or a prompt is empty or the first one.
    """
    there = run.variants()
    names = {one.path.name for one in there}
    found = [Variant("repeat", f"repeat-{number}") for number in range(1, ways.repeats + 1)]
    if ways.orders and not has_label_order(plan.question):
        raise UsageError("stability-no-order")
    found += [Variant("order", f"order-{order}", order) for order in ways.orders]
    asked = {prompt_of(one.plan().question) for one in there if kind_of(one) == "prompt"}
    numbers = {name for name in names if name.startswith("prompt-")}
    for text in dict.fromkeys(one.strip() for one in ways.prompts):
        if not text or text == prompt_of(plan.question).strip():
            raise UsageError("stability-prompt-the-same")
        if text not in asked:
            number = len(numbers) + 1
            while f"prompt-{number}" in numbers:
                number += 1
            numbers.add(f"prompt-{number}")
            found.append(Variant("prompt", f"prompt-{number}", text))
    found += [
        Variant("model", "model-" + "".join(c if c.isalnum() or c in "._" else "-" for c in model), model)
        for model in dict.fromkeys(one.strip() for one in ways.models)
    ]
    return [one for one in found if one.name not in names]


def kind_of(run: RunDirectory) -> VariantKind | None:
    """What is other in a run that asks otherwise, by its name; None for any other run."""
    kind = run.path.name.partition("-")[0]
    return next((one for one in _KINDS if one == kind), None) if run.base is not None else None


def varied_plan(plan: Plan, variant: Variant, policy: Policy) -> Plan:
    """
    What a variant asks, of the whole table.

    Args:
        plan: Of the run that asked first.
        variant: How.
        policy: How it is driven.
    Raises:
        UsageError: The model cannot be asked, or is the first one.
    """
    question = varied_question(plan.question, variant)
    # Answers of earlier runs are those that are to be compared with.
    asking, panel = replace(plan.asking, fresh=True), plan.panel
    if variant.kind == "model":
        asking, panel = _other_model(plan, variant.detail), None
        policy = replace(
            Policy(), direct=policy.direct, max_cost_usd=policy.max_cost_usd, poll_seconds=policy.poll_seconds
        )
    if panel is not None:
        panel = replace(panel, others=tuple(replace(one, fresh=True) for one in panel.others))
    output = Output(writing=plan.output.writing)
    return replace(plan, question=question, asking=asking, panel=panel, policy=policy, output=output)


def sampled_plan(plan: Plan, sample: Sample) -> Plan:
    """The same of the rows that are asked, which become a table of their own."""
    return plan if sample.is_all else replace(plan, source=Source(plan.source.path))


def _other_model(plan: Plan, named: str) -> Asking:
    provider, _, model = named.partition(":")
    first = plan.asking
    is_same = provider == first.provider
    asked: Mapping[str, object] = first.parameters
    temperature = asked.get("temperature")
    limit = None if first.is_limit_ours else first.output_limit
    found = asking_of(
        plan.question,
        Said(temperature if isinstance(temperature, int | float) else None, limit),
        provider=provider,
        model=model,
        base_url=first.base_url if is_same else "",
        endpoint=first.endpoint,
        dedupe=first.dedupe,
        fresh=True,
    )
    if is_same and found.model == first.model and plan.panel is None:
        raise UsageError("stability-model-the-same", model=named)
    if not is_same:
        return found
    return replace(found, headers=first.headers, form_fields=first.form_fields)


def clear_unfinished(path: Path) -> None:
    """Remove a folder in which no plan was frozen: whoever made it was stopped before anything was asked."""
    if path.is_dir() and not (path / "run.toml").is_file() and not any((path / "requests").glob("*")):
        remove_run(RunDirectory(path))


def numbers_of(sample: Sample, rows: Sequence[int]) -> list[int]:
    """The rows of a variant, by their numbers in the first run's table."""
    return list(rows) if sample.is_all else [sample.rows[row - 1] for row in rows]
