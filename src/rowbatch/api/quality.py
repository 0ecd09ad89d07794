"""How good the answers of a run are, and its numbers corrected for the model's errors, by a coding set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

import polars as pl

from rowbatch.core.choices import require_one_of
from rowbatch.core.kinds.base import Variable
from rowbatch.core.label_list import SEPARATOR
from rowbatch.core.run_quality import (
    GROUP,
    MODEL,
    MODEL_NAME,
    PEOPLE_NAME,
    ROW,
    STRATUM,
    Chosen,
    Judging,
    RunQuality,
    notes_of,
    weigh,
)
from rowbatch.core.statistics.corrected import CorrectedEstimates, Correction, Method
from rowbatch.core.statistics.corrected_regression import Model
from rowbatch.core.statistics.figures import Resampling, undefined
from rowbatch.errors import UsageError
from rowbatch.results.coded import CodedRun, extra, population_of_run
from rowbatch.store.rundir import RunDirectory
from rowbatch.tools.correct import Estimand, correct_columns
from rowbatch.words.notice import Notice

_NOT_THIS = "(another)"
_NEVER = "1e-12"
# Of numbers that are corrected, rows that nobody coded are what the model's labels are for.
_LEFT_OUT = ("quality-by-hand", "quality-unsettled", "quality-only-seen")
_PROBABILITY, _GROUPS = "probability of the draw", "groups that were drawn"


@dataclass(frozen=True, slots=True)
class RunEstimand:
    """
    What is wanted of a run.

    Attributes:
        label: Whose share is wanted; None means the mean of numbers, or the share of every label.
        method: How; None means PPI++, and DSL where that cannot be.
        by: Column of the table with groups.
        between: The two groups whose difference is wanted.
        on: Columns with predictors: the label is regressed on them.
        outcome: Column that is regressed on the label, and on `on`.
        model: Of the regression.
        cluster: Column with what belongs together; None means the groups that were drawn, if any.
    """

    label: str | None = None
    method: Method | None = None
    by: str | None = None
    between: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    outcome: str | None = None
    model: Model = "linear"
    cluster: str | None = None

    def __post_init__(self) -> None:
        if self.method is not None:
            require_one_of("method", self.method, get_args(Method))
        require_one_of("model", self.model, get_args(Model))

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the table, that it needs."""
        named = (self.by, self.outcome, self.cluster, *self.on)
        return tuple(dict.fromkeys(name for name in named if name))

    @property
    def is_regression(self) -> bool:
        return bool(self.on) or self.outcome is not None


def require_share(name: str, value: float) -> float:
    """
    A share that is wanted, or how sure it is to be.

    Raises:
        UsageError: It is not above 0 and below 1.
    """
    if not 0 < value < 1:
        raise UsageError("quality-no-share", name=name, value=value)
    return value


def require_part(part: str | None) -> Chosen | None:
    """
    A part of a set.

    Raises:
        UsageError: There is none of this name.
    """
    match part:
        case None | "":
            return None
        case "test" | "dev" | "all":
            return part
        case _:
            raise UsageError("quality-no-part", part=part)


def validate_run(run: RunDirectory, coded: CodedRun, judging: Judging) -> RunQuality:
    """All numbers of a run beside a coding set, from its answers on disk."""
    return coded.judged(population_of_run(run, coded), judging)


def correct_run(
    run: RunDirectory, coded: CodedRun, wanted: RunEstimand, resampling: Resampling
) -> CorrectedEstimates:
    """
    Numbers of a run, corrected by a coding set, from its answers on disk.

    Raises:
        UsageError: Something does not fit together.
    """
    return corrected(coded, population_of_run(run, coded, wanted.columns), wanted, resampling)


def corrected(
    coded: CodedRun, population: pl.DataFrame, wanted: RunEstimand, resampling: Resampling
) -> CorrectedEstimates:
    """
    Numbers of a run, corrected by a coding set.

    The rows that could be drawn are the whole, and those that people settled on the labelled ones. What the
    model did not answer is none of the labels.

    Args:
        coded: The run beside the set.
        population: Its rows, with the columns that are wanted.
        wanted: What.
        resampling: Of intervals.
    Raises:
        UsageError: The strata are those of other answers; or something does not fit together.
    """
    if not coded.variable.choices and coded.variable.kind != "number":
        raise UsageError("correct-kind", variable=coded.variable.name)
    used = coded.looked()
    # They have no label, and are among the rows all the same: of these a label's share is.
    # A mean is of those of which it can be said; which these are, the sample says for all.
    no_label = {} if _is_refused(coded, wanted) else coded.settled.cant_say
    settled = replace(coded.settled, gold={**coded.settled.gold, **no_label})
    weighing = weigh(population, coded.content, settled)
    if weighing.weights is not None and not weighing.probability:
        raise UsageError("correct-strata-unknown", name=coded.content.plan.name)
    variable = coded.variable
    has_no_number = bool(no_label) and not variable.choices
    predicted, gold = f"{variable.name} ({MODEL_NAME})", f"{variable.name} ({PEOPLE_NAME})"
    said = pl.DataFrame(
        {ROW: [*settled.gold], gold: [*settled.gold.values()]},
        schema={ROW: pl.Int64, gold: pl.String},
    )
    joined = population.join(said, on=ROW, how="left", maintain_order="left")
    columns = [
        (pl.col(MODEL) if has_no_number else _model_values(variable)).alias(predicted),
        pl.col(gold),
        *(pl.col(extra(name)).alias(name) for name in wanted.columns),
    ]
    cluster, probability = wanted.cluster, None
    if cluster is None and GROUP in joined.columns:
        cluster = _GROUPS
        columns.append(pl.col(GROUP).alias(_GROUPS))
    if weighing.probability:
        probability = _PROBABILITY
        columns.append(_likely(weighing.probability).alias(_PROBABILITY))
    frame = joined.select(columns)
    method: Method = wanted.method or ("dsl" if wanted.is_regression and probability is not None else "ppi")
    asked = Estimand(
        predicted=predicted,
        gold=gold,
        probability=probability,
        method=method,
        by=wanted.by,
        between=wanted.between,
        on=wanted.on,
        outcome=wanted.outcome,
        model=wanted.model,
        cluster=cluster,
        cant_say=variable.cant_say_word if has_no_number else None,
    )
    parts = []
    for label in _labels(coded, frame, wanted, predicted, gold):
        one = frame
        if label is not None and variable.has_several:
            # Of sets of labels, whether it is among them.
            one = frame.with_columns(_with_label(column, label) for column in (predicted, gold))
        parts.append(correct_columns(one, replace(asked, label=label), resampling))
    notes = [
        *([] if used is None else [used]),
        *coded.notes,
        coded.part_note,
        *weighing.notes,
        *(one for one in notes_of(coded.settled.counts) if one.kind in _LEFT_OUT),
    ]
    told = dict.fromkeys(note for part in parts for note in part.notes)
    corrections = [one for part in parts for one in part.corrections]
    if coded.settled.cant_say and _is_refused(coded, wanted):
        corrections = [_not_of_all(one, len(coded.settled.cant_say)) for one in corrections]
    return replace(parts[0], corrections=tuple(corrections), notes=(*notes, *told))


def _is_refused(coded: CodedRun, wanted: RunEstimand) -> bool:
    """Whether rows of which people can't say a number leave nothing that could be corrected."""
    return not coded.variable.choices and wanted.is_regression


def _not_of_all(one: Correction, rows: int) -> Correction:
    """
    The same without a corrected number: people's is of the rows of which it can be said, the model's of all,
    and nobody knows which of the rows that nobody coded are which.
    """
    figure = one.corrected
    if figure.estimate is None:
        return one
    why = Notice("correct-cant-say", {"rows": rows})
    return replace(one, corrected=undefined(figure.n, figure.method, why), tuning=None)


def _model_values(variable: Variable) -> pl.Expr:
    """What the model said; of numbers only these, since "can't say" lies nowhere among them."""
    value = pl.col(MODEL)
    if variable.choices:
        return value
    return pl.when(value != variable.cant_say_word).then(value)


def _likely(probability: Mapping[int, float]) -> pl.Expr:
    """How likely a row was to be settled, as a text; a stratum without such rows is one of its own."""
    texts = {stratum: repr(likely) if likely else _NEVER for stratum, likely in probability.items()}
    return pl.col(STRATUM).replace_strict(texts, return_dtype=pl.String)


def _with_label(column: str, label: str) -> pl.Expr:
    value = pl.col(column)
    has = pl.when(value.str.split(SEPARATOR).list.contains(label)).then(pl.lit(label))
    return pl.when(value.is_null()).then(None).otherwise(has.otherwise(pl.lit(_NOT_THIS))).alias(column)


def _labels(
    coded: CodedRun, frame: pl.DataFrame, wanted: RunEstimand, predicted: str, gold: str
) -> Sequence[str | None]:
    """
    Whose shares are wanted; None for a mean.

    Raises:
        UsageError: There is no such label; or a regression needs one.
    """
    choices = coded.variable.choices
    if not choices:
        return [wanted.label]
    if wanted.label is not None:
        if wanted.label not in choices:
            raise UsageError(
                "correct-label-nowhere", label=wanted.label, labels=list(choices[:5]), column=gold
            )
        return [wanted.label]
    if wanted.is_regression:
        if len(choices) == 2:
            # Yes and no: the one is the other's rest.
            return [choices[0]]
        raise UsageError("correct-which-label", labels=list(choices[:5]))
    said: set[str] = set()
    for column in (predicted, gold):
        values = frame[column].drop_nulls().unique()
        said |= {one for value in values for one in value.split(SEPARATOR)} | set(values)
    return [label for label in choices if label in said] or [choices[0]]
