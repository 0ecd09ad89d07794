"""
How good the answers of a run are, by what people coded of its table.

Pure: the rows of a run, and a coding set, are joined here by number of row; the statistics are those of
`core.statistics`. What a model answered is never taken for what people said, nor the other way round.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from rowbatch.core.agreement import Comparison
from rowbatch.core.coding_set import (
    Code,
    Codes,
    CodingSet,
    Decision,
    DrawnRow,
    Look,
    Wave,
    disagreements,
    gold_of,
    probabilities,
)
from rowbatch.core.comparison import PeopleReader
from rowbatch.core.document import Block, Shown
from rowbatch.core.label_list import SEPARATOR
from rowbatch.core.numbers import number_of
from rowbatch.core.statistics.acceptance import CERTAINTY, PRECISION, Acceptance, Claim, accept
from rowbatch.core.statistics.among_coders import Level
from rowbatch.core.statistics.coder_agreement import CoderAgreement, Coding, GoldAgreement, agree
from rowbatch.core.statistics.figures import Figure, Resampling, difference_figure, share_figure
from rowbatch.core.statistics.notebook import figures_blocks
from rowbatch.core.statistics.patterns import Floats, Patterns
from rowbatch.words.notice import Notice

if TYPE_CHECKING:
    from rowbatch.core.kinds.base import Variable

Chosen = Literal["test", "dev", "all"]
"""Which rows of a set are looked at: a part of it, or all."""
MODEL_NAME, PEOPLE_NAME = "model", "people"
"""What the two sides are called."""
ROW, MODEL, SURE, STRATUM, GROUP = "row", "model", "sure", "stratum", "group"
"""
Columns of the rows of a run that could be drawn: the number; what the model said, "" for nothing; how sure it
was, where that is known; which rows were drawn alike; and which belong together, where groups were drawn.
"""
THRESHOLDS = (0.7, 0.9, 0.99)
"""How sure a model has to be: fixed before anybody looks, so that none is chosen because it looks well."""
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class SetContent:
    """
    All that a coding set holds.

    Attributes:
        plan: What is coded.
        waves, rows: How rows were drawn, and which.
        codes: What each coder said last.
        decisions: What disagreements were settled to.
        looks: At its numbers, oldest first.
    """

    plan: CodingSet
    waves: Sequence[Wave]
    rows: Sequence[DrawnRow]
    codes: Codes
    decisions: Mapping[tuple[str, str], Decision]
    looks: Sequence[Look]

    @property
    def has_test(self) -> bool:
        """Whether some rows are kept for the end."""
        return any(one.part == "test" for one in self.rows)


@dataclass(frozen=True, slots=True)
class RowCounts:
    """
    What became of the rows of a set.

    Attributes:
        rows: Of the part.
        by_hand: Of these, not drawn by chance: a person or a model chose them. They are left out.
        uncoded: That nobody coded.
        seen: That only people coded who could see what the model had said. They are left out.
        unsettled: Of which coders say different things, and nobody has decided.
        cant_say: Of which people say that it can't be said, where there is nothing then to be compared.
        settled: What is left: rows with a value that people agree on.
    """

    rows: int
    by_hand: int
    uncoded: int
    seen: int
    unsettled: int
    cant_say: int
    settled: int


@dataclass(frozen=True, slots=True)
class Settled:
    """
    What people say of the rows of a part that chance drew.

    Attributes:
        part: Which.
        gold: The value that they settled on, by number of row.
        said: By coder, then by row: what each said who could not see the model's answer.
        seen: What was said with the model's answer in sight, likewise.
        counts: What became of the rows.
        cant_say: Of which people settled on that it can't be said, where that is no value to compare.
    """

    part: Chosen
    gold: Mapping[int, str]
    said: Mapping[str, Mapping[int, str]]
    seen: Mapping[str, Mapping[int, str]]
    counts: RowCounts
    cant_say: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SeenModel:
    """
    What seeing the model's answer does to people.

    Attributes:
        blind: How often codes that were given without it are the model's answer.
        seen: How often those are that were given with it in sight.
        difference: How much more often these are.
    """

    blind: Figure
    seen: Figure
    difference: Figure


@dataclass(frozen=True, slots=True, repr=False)
class RunQuality(Shown):
    """
    How good the answers of a run are.

    Attributes:
        run, coding_set: Names.
        variable, kind: Which, and of which kind.
        part: Which rows of the set.
        counts: What became of these.
        among: How far people agree with each other; None where no row has two coders.
        against: The model beside what people settled on.
        of_labels: Of several labels each as yes or no; else empty.
        comparison: Further numbers of a kind whose values are no labels, as of sets of them; or None.
        seen_model: What seeing the model does to people; None where nobody saw it.
        acceptance: Which labels may be used unseen; None of numbers, dates.
        notes: What a person should know.
    """

    run: str
    coding_set: str
    variable: str
    kind: str
    part: Chosen
    counts: RowCounts
    among: CoderAgreement | None
    against: CoderAgreement
    of_labels: Mapping[str, GoldAgreement]
    comparison: Comparison | None
    seen_model: SeenModel | None
    acceptance: Acceptance | None
    notes: tuple[Notice, ...]

    @property
    def model(self) -> GoldAgreement:
        """The model's numbers beside gold."""
        return self.against.against_gold[0]

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it."""
        seen = self.seen_model
        comparison: Any = self.comparison
        return {
            "run": self.run,
            "coding_set": self.coding_set,
            "variable": self.variable,
            "kind": self.kind,
            "part": self.part,
            "counts": asdict(self.counts),
            "among_people": None if self.among is None else self.among.to_plain(),
            "against_people": self.against.to_plain(),
            "of_labels": {
                label: {name: figure.to_plain() for name, figure in one.measures.items()}
                for label, one in self.of_labels.items()
            },
            "comparison": None if comparison is None else asdict(comparison),
            "seen_model": None
            if seen is None
            else {
                "blind": seen.blind.to_plain(),
                "seen": seen.seen.to_plain(),
                "difference": seen.difference.to_plain(),
            },
            "acceptance": None if self.acceptance is None else self.acceptance.to_plain(),
            "notes": [note.told() for note in self.notes],
        }

    def as_blocks(self) -> Iterator[Block]:
        """A table: people among each other, then the model beside them."""
        figures = {f"{MODEL_NAME}: {name}": one for name, one in self.against.measures.items()}
        if self.among is not None:
            figures = {f"{PEOPLE_NAME}: {name}": one for name, one in self.among.measures.items()} | figures
        return figures_blocks(figures, self.against.resampling, self.notes)


@dataclass(frozen=True, slots=True)
class Judging:
    """
    How a run is judged.

    Attributes:
        resampling: Of intervals.
        wanted: The share of right ones that a label has to have.
        certainty: How sure that is to be.
        look: Which look at these rows it is.
    """

    resampling: Resampling
    wanted: float = PRECISION
    certainty: float = CERTAINTY
    look: int = 1


def settle(content: SetContent, variable: Variable, part: Chosen, *, with_seen: bool = False) -> Settled:
    """
    What people settled on, of the rows of a part.

    Only codes that were given blind count: with the model's answer in sight people say more often what it
    says, and so it would look better than it is.

    Args:
        content: Of the set.
        variable: Of the run; it reads what people said.
        part: Which rows.
        with_seen: Whether codes count that were given with the model's answer in sight.
    """
    by_chance = {one.number for one in content.waves if one.chosen_by == "chance"}
    of_part = [one for one in content.rows if part in ("all", one.part)]
    drawn = [one for one in of_part if one.wave in by_chance]
    rows = {one.key: one.row for one in drawn}
    read = PeopleReader(variable).read_or_keep
    codes: dict[str, dict[str, Code]] = {
        coder: {key: one for key, one in of_coder.items() if key in rows and variable.name in one.values}
        for coder, of_coder in content.codes.items()
    }
    counted = {
        coder: {key: one for key, one in of_coder.items() if with_seen or not one.saw_model}
        for coder, of_coder in codes.items()
    }
    coded = {key for of_coder in counted.values() for key in of_coder}
    anyhow = {key for of_coder in codes.values() for key in of_coder}
    decisions = {place: one for place, one in content.decisions.items() if place[0] in coded}
    gold = {key: read(value) for key, value in gold_of(counted, decisions, variable.name).items()}
    unsettled = [key for key in disagreements(counted, variable.name) if key not in gold]
    gold = {key: value for key, value in gold.items() if value}
    compared = {rows[key]: value for key, value in gold.items() if variable.is_compared(value)}

    def values_of(given: Mapping[str, Mapping[str, Code]]) -> dict[str, dict[int, str]]:
        found = {
            coder: {rows[key]: read(one.values[variable.name]) for key, one in of_coder.items()}
            for coder, of_coder in given.items()
        }
        return {coder: values for coder, values in found.items() if values}

    seen = {
        coder: {key: one for key, one in of_coder.items() if one.saw_model}
        for coder, of_coder in codes.items()
    }
    return Settled(
        part,
        compared,
        values_of(counted),
        values_of(seen),
        RowCounts(
            rows=len(of_part),
            by_hand=len(of_part) - len(drawn),
            uncoded=len(drawn) - len(anyhow),
            seen=len(anyhow - coded),
            unsettled=len(unsettled),
            cant_say=len(gold) - len(compared),
            settled=len(compared),
        ),
        {rows[key]: value for key, value in gold.items() if not variable.is_compared(value)},
    )


@dataclass(frozen=True, slots=True)
class Weighing:
    """
    How likely the settled rows were to be among these.

    Attributes:
        weights: One by that, by number of row, 1 in the mean; None where all were alike.
        probability: By stratum of the run's rows; empty where all were alike, or it is known of drawn rows
            only.
        has_groups: Whether whole groups were drawn.
        notes: What a person should know of it.
    """

    weights: Mapping[int, float] | None
    probability: Mapping[int, float]
    has_groups: bool
    notes: tuple[Notice, ...]


def weigh(population: pl.DataFrame, content: SetContent, settled: Settled) -> Weighing:
    """
    Count how likely each settled row was to be settled.

    Whatever draws there were, rows of one stratum of all of them are as likely as each other: so it is the
    share of the stratum's rows that are settled.

    Args:
        population: The rows that could be drawn, with `STRATUM` where strata are known.
        content: Of the set.
        settled: Which rows.
    """
    waves = [one for one in content.waves if one.chosen_by == "chance"]
    has_groups = any(one.clusters for one in waves)
    notes = [Notice("quality-groups")] if has_groups else []
    is_stratified = any(one.stratified_by for one in waves)
    likely = probabilities(content.waves, content.rows)
    by_row = {one.row: likely[one.key] for one in content.rows if one.key in likely}
    of_draw = {row: 1 / by_row[row] for row in settled.gold}
    if not is_stratified:
        # Of groups of which only some rows were drawn, rows of large ones were less likely.
        is_uneven = has_groups and len(set(of_draw.values())) > 1
        return Weighing(_scaled(of_draw) if is_uneven else None, {}, has_groups, tuple(notes))
    if STRATUM not in population.columns:
        names = sorted({one.stratified_by for one in waves if one.stratified_by})
        notes.append(Notice("quality-strata-unknown", {"names": names}))
        return Weighing(_scaled(of_draw), {}, has_groups, tuple(notes))
    whole = dict(population.group_by(STRATUM).len().iter_rows())
    own = dict(population.filter(pl.col(ROW).is_in([*settled.gold])).select(ROW, STRATUM).iter_rows())
    inside: dict[int, int] = dict.fromkeys(whole, 0)
    for stratum in own.values():
        inside[stratum] += 1
    probability = {stratum: inside[stratum] / rows for stratum, rows in whole.items()}
    weights = _scaled({row: 1 / probability[stratum] for row, stratum in own.items()})
    empty = sum(not count for count in inside.values())
    if empty:
        notes.append(Notice("quality-strata-empty", {"strata": empty}))
    names = sorted({one.stratified_by for one in waves if one.stratified_by})
    notes.append(Notice("quality-weighted", {"names": names, "strata": len(whole)}))
    return Weighing(weights, probability, has_groups, tuple(notes))


def _scaled(weights: Mapping[int, float]) -> dict[int, float]:
    mean = sum(weights.values()) / max(1, len(weights))
    return {row: weight / mean for row, weight in weights.items()}


def judge(
    population: pl.DataFrame,
    content: SetContent,
    settled: Settled,
    variable: Variable,
    judging: Judging,
    *,
    run: str,
    notes: Iterable[Notice] = (),
) -> RunQuality:
    """
    All numbers of a run beside a coding set.

    Args:
        population: The rows of the run that could be drawn: `ROW`, `MODEL`, and perhaps the others.
        content: Of the set.
        settled: What people settled on, at least one row.
        variable: Of the run.
        judging: How.
        run: What it is called.
        notes: What is known already.
    """
    weighing = weigh(population, content, settled)
    own = population.filter(pl.col(ROW).is_in([*settled.gold]))
    answers = dict(own.select(ROW, MODEL).iter_rows())
    sure = dict(own.select(ROW, SURE).iter_rows()) if SURE in own.columns else {}
    rows = [row for row in settled.gold if row in answers]
    pairs = [(settled.gold[row], answers[row] or None) for row in rows]
    table = _Table(variable, rows, weighing.weights)
    against = table.agree(
        {MODEL_NAME: answers, PEOPLE_NAME: settled.gold},
        judging.resampling,
        coders=(MODEL_NAME,),
        gold=PEOPLE_NAME,
    )
    unknown = sorted({value for value in settled.gold.values() if not _is_known(variable, value)})
    told = [*notes, *weighing.notes, *notes_of(settled.counts)]
    if unknown:
        told.append(Notice("quality-values-unknown", {"values": unknown[:_SHOWN], "count": len(unknown)}))
    is_other = variable.has_several or variable.kind == "date"
    return RunQuality(
        run=run,
        coding_set=content.plan.name,
        variable=variable.name,
        kind=variable.kind,
        part=settled.part,
        counts=settled.counts,
        among=_among(settled, variable, content, population, judging.resampling),
        against=against,
        of_labels=table.each_label(answers, settled.gold, judging.resampling) if variable.has_several else {},
        comparison=variable.compare(pairs) if is_other and not unknown else None,
        seen_model=_seen_model(settled, population, judging.resampling),
        acceptance=accept(
            _claims(variable, population, settled, _Said(answers, sure), weighing),
            wanted=judging.wanted,
            certainty=judging.certainty,
            look=judging.look,
        )
        if variable.choices
        else None,
        notes=(*told, *against.notes),
    )


def _is_known(variable: Variable, value: str) -> bool:
    return variable.read_or_none(value) is not None or value == variable.cant_say_word


def notes_of(counts: RowCounts) -> list[Notice]:
    """Which rows are not among the settled ones, and why."""
    found = []
    if counts.by_hand:
        found.append(Notice("quality-by-hand", {"rows": counts.by_hand}))
    if counts.uncoded:
        found.append(Notice("quality-uncoded", {"rows": counts.uncoded}))
    if counts.unsettled:
        found.append(Notice("quality-unsettled", {"rows": counts.unsettled}))
    if counts.seen:
        found.append(Notice("quality-only-seen", {"rows": counts.seen}))
    if counts.cant_say:
        found.append(Notice("quality-cant-say", {"rows": counts.cant_say}))
    return found


def level_of(variable: Variable) -> Level:
    """What the order of a variable's values means."""
    if variable.kind == "number":
        return "interval"
    return "ordinal" if variable.has_order and variable.choices else "nominal"


class _Table:
    """
    Values of some rows, by side.

    Args:
        variable: Of which.
        rows: Numbers of these.
        weights: What each counts; None where all are alike.
    """

    def __init__(self, variable: Variable, rows: Sequence[int], weights: Mapping[int, float] | None) -> None:
        self._variable, self._rows, self._weights = variable, rows, weights

    def agree(
        self,
        sides: Mapping[str, Mapping[int, str]],
        resampling: Resampling,
        *,
        coders: tuple[str, ...],
        gold: str | None = None,
    ) -> CoderAgreement:
        """How far sides agree; a value that is none of the labels is nothing said."""
        level = level_of(self._variable)
        labels = self._labels(sides, level)
        coding = Coding(
            coders=coders,
            gold=gold,
            patterns=self._patterns([*sides.values()], labels, level),
            labels=tuple(labels),
            level=level,
            is_codebook=bool(self._variable.choices) and not self._variable.has_several,
            rows=len(self._rows),
        )
        return _agreed(coding, resampling)

    def _labels(self, sides: Mapping[str, Mapping[int, str]], level: Level) -> list[str]:
        """All values, in the codebook's order; those that only occur behind them."""
        said = {of_side[row] for of_side in sides.values() for row in self._rows if of_side.get(row)}
        if level == "interval":
            return sorted(
                (value for value in said if number_of(value) is not None),
                key=lambda value: float(number_of(value) or 0),
            )
        word = self._variable.cant_say_word
        if level == "ordinal":
            return [label for label in self._variable.choices if label != word]
        listed = [] if self._variable.has_several else [*self._variable.choices]
        return [*listed, *sorted(said - set(listed))]

    def _patterns(self, sides: Sequence[Mapping[int, str]], labels: Sequence[str], level: Level) -> Patterns:
        place = {label: at for at, label in enumerate(labels)}
        codes = np.array(
            [[place.get(side.get(row, ""), -1) for side in sides] for row in self._rows], dtype=np.int64
        ).reshape(len(self._rows), len(sides))
        weights: Floats = np.ones(len(self._rows))
        if self._weights is not None:
            weights = np.array([self._weights[row] for row in self._rows])
        counted, counts = np.unique(np.column_stack([codes, weights]), axis=0, return_counts=True)
        return Patterns(
            counted[:, :-1].astype(np.int64),
            counts.astype(np.int64),
            len(labels),
            np.array([float(number_of(label) or 0) for label in labels]) if level == "interval" else None,
            np.ones(1) if self._weights is None else counted[:, -1],
        )

    def each_label(
        self, answers: Mapping[int, str], gold: Mapping[int, str], resampling: Resampling
    ) -> dict[str, GoldAgreement]:
        """Of each of several labels, whether it is among those of a row; no answer is wrong."""
        found = {}
        for label in self._variable.choices:
            sides = {
                MODEL_NAME: {row: _has(value, label) for row, value in answers.items() if value},
                PEOPLE_NAME: {row: _has(value, label) for row, value in gold.items()},
            }
            patterns = self._patterns([*sides.values()], [_NO, _YES], "nominal")
            coding = Coding(
                (MODEL_NAME,), PEOPLE_NAME, patterns, (_NO, _YES), "nominal", True, len(self._rows)
            )
            found[label] = _agreed(coding, resampling).against_gold[0]
        return found


def _agreed(coding: Coding, resampling: Resampling) -> CoderAgreement:
    # What overflows becomes undefined, and is told so.
    with np.errstate(all="ignore"):
        return agree(coding, resampling)


_NO, _YES = "no", "yes"


def _has(value: str, label: str) -> str:
    return _YES if label in value.split(SEPARATOR) else _NO


def _among(
    settled: Settled,
    variable: Variable,
    content: SetContent,
    population: pl.DataFrame,
    resampling: Resampling,
) -> CoderAgreement | None:
    """How far people agree; None where no row has two of them."""
    coded = [row for of_coder in settled.said.values() for row in of_coder]
    if len(settled.said) < 2 or len(set(coded)) == len(coded):
        return None
    rows = sorted(set(coded))
    # Also rows that are not settled were drawn: they are weighed among all that are coded.
    everybody = Settled(settled.part, dict.fromkeys(rows, ""), settled.said, {}, settled.counts)
    weights = weigh(population, content, everybody).weights
    if weights is not None:
        rows = [row for row in rows if row in weights]
    return _Table(variable, rows, weights).agree(settled.said, resampling, coders=tuple(settled.said))


def _seen_model(settled: Settled, population: pl.DataFrame, resampling: Resampling) -> SeenModel | None:
    if not settled.seen:
        return None
    coded = {row for side in (settled.said, settled.seen) for values in side.values() for row in values}
    own = population.filter(pl.col(ROW).is_in([*coded]))
    answers = dict(own.select(ROW, MODEL).iter_rows())

    def share(side: Mapping[str, Mapping[int, str]], what: str) -> Figure:
        same = [
            value == answers.get(row)
            for coder, values in side.items()
            for row, value in values.items()
            # Where these count, too, they are told apart here nevertheless.
            if side is settled.seen or row not in settled.seen.get(coder, {})
        ]
        return share_figure(sum(same), len(same), resampling, what)

    blind = share(settled.said, "codes given blind that are the model's answer")
    seen = share(settled.seen, "codes given with the model's answer in sight that are it")
    return SeenModel(
        blind,
        seen,
        difference_figure(seen, blind, resampling, "the share in sight less the share given blind"),
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """What the model said of the settled rows, and how sure it was of each."""

    answers: Mapping[int, str]
    sure: Mapping[int, float | None]


def _claims(
    variable: Variable, population: pl.DataFrame, settled: Settled, said: _Said, weighing: Weighing
) -> list[Claim]:
    labels = variable.choices
    is_sure = SURE in population.columns and population[SURE].null_count() < population.height
    weights = {} if weighing.weights is None else weighing.weights
    # Where a rare label was drawn more often, it is no easier to guess in the table.
    whole = sum(weights.get(row, 1.0) for row in settled.gold)
    base = {
        label: sum(
            weights.get(row, 1.0) for row, value in settled.gold.items() if _gives(variable, value, label)
        )
        / whole
        for label in labels
    }
    claims = []
    for least in (None, *(THRESHOLDS if is_sure else ())):
        rows = population if least is None else population.filter(pl.col(SURE) >= least)
        for label in labels:
            chosen = [
                row
                for row, value in said.answers.items()
                if _gives(variable, value, label) and (least is None or (said.sure.get(row) or 0.0) >= least)
            ]
            hits = sum(_gives(variable, settled.gold[row], label) for row in chosen)
            claims.append(
                Claim(
                    label,
                    least,
                    len(chosen),
                    hits,
                    base[label],
                    _rows_with(variable, rows, label),
                    is_alike=not weighing.has_groups and len({weights.get(row, 1.0) for row in chosen}) <= 1,
                )
            )
    return claims


def _gives(variable: Variable, value: str, label: str) -> bool:
    return label in value.split(SEPARATOR) if variable.has_several else value == label


def _rows_with(variable: Variable, population: pl.DataFrame, label: str) -> int:
    value = pl.col(MODEL)
    has = value.str.split(SEPARATOR).list.contains(label) if variable.has_several else value == label
    return int(population.select(has.sum()).item() or 0)


def look_number(looks: Sequence[Look], look: Look) -> int:
    """
    Which look at the rows of a part it is, from 1: the same numbers that are looked at again are one look.

    Args:
        looks: Earlier ones, oldest first.
        look: The one that is meant.
    """
    known: list[tuple[str, str, str, int]] = []
    for one in [*looks, look]:
        if (one.part, one.variable) == (look.part, look.variable):
            kind = (one.run, one.variable, one.codebook_sha256, one.rows)
            if kind not in known:
                known.append(kind)
    return known.index((look.run, look.variable, look.codebook_sha256, look.rows)) + 1


def used_up(looks: Sequence[Look], look: Look) -> Notice | None:
    """What is to be said where the rows were looked at with another codebook before; else None."""
    others = [
        one
        for one in looks
        if one.part == look.part and one.codebook_sha256 and one.codebook_sha256 != look.codebook_sha256
    ]
    if not others:
        return None
    return Notice("quality-used-up", {"looks": len(others), "day": others[0].at[:10], "run": others[0].run})
