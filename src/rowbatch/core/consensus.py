"""
Rows that several models answered: what their answers come to together, and how far they agree.

A model has a vote on a value where its answer can be used and the value is there. What does not apply to a
row, by the values that came out of the votes before it, is no value of the row whoever answered it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from rowbatch.core.confidence import BASIS_COLUMN, Measured, column_of, measured
from rowbatch.core.dawid_skene import Pattern, dawid_skene
from rowbatch.core.panel import is_by_errors, status_of, value_of
from rowbatch.core.plan import Consensus
from rowbatch.core.states import RowStatus

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook

# A share of six digits is what the table has of samples, too.
_DIGITS = 6


def consensus_basis(models: int, consensus: Consensus, codebook: Codebook) -> str:
    """What the confidence of a row comes from that so many models answered."""
    kinds = [is_by_errors(one, consensus) for one in measured(codebook)]
    if all(kinds):
        return f"Dawid-Skene of {models} models"
    return f"{'Dawid-Skene and ' if any(kinds) else ''}agreement of {models} models"


@dataclass(frozen=True, slots=True)
class _Decided:
    """What the error rates of the models say of each pattern of votes on one value."""

    frame: pl.DataFrame
    """The votes in "vote:0", …, "" for none; then `_VALUE` and `_SURE`."""


_VALUE, _SURE = "consensus", "sure"


def _vote(model: int) -> str:
    return f"vote:{model}"


class PanelMerger:
    """
    Makes one answer of those of several models, chunk by chunk.

    Where error rates decide, all answers have to be counted first: `count` each chunk, then `decide`.

    Args:
        codebook: What was asked.
        models: How many answered.
        consensus: How their answers become one.
    """

    def __init__(self, codebook: Codebook, models: int, consensus: Consensus) -> None:
        self._codebook, self._models = codebook, models
        self._measured = measured(codebook)
        self._by_errors = [one for one in self._measured if is_by_errors(one, consensus)]
        self._basis = consensus_basis(models, consensus, codebook)
        self._counts: dict[int, Counter[tuple[str, ...]]] = {one.place: Counter() for one in self._by_errors}
        self._decided: dict[int, _Decided] = {}

    @property
    def has_to_count(self) -> bool:
        """Whether all answers have to be counted before the first ones are merged."""
        return bool(self._by_errors)

    def count(self, frames: Sequence[pl.DataFrame]) -> None:
        """Count the votes of a chunk; the frames as for `merge`."""
        for one in self._by_errors:
            votes = pl.DataFrame([_votes(frame, one.place, n) for n, frame in enumerate(frames)])
            told = votes.fill_null("").group_by(votes.columns).len()
            self._counts[one.place].update({row[:-1]: row[-1] for row in told.iter_rows()})

    def decide(self) -> None:
        """Find the error rates of the models, and with these the value of each pattern of votes."""
        for one in self._by_errors:
            patterns: dict[Pattern, int] = {
                tuple((vote,) if vote else () for vote in votes): count
                for votes, count in sorted(self._counts[one.place].items())
                if any(votes)
            }
            self._decided[one.place] = _Decided(_decided_frame(patterns, one, self._models))

    def merge(self, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
        """
        One answer for each row.

        Args:
            frames: Of each model, in order: the same rows, as `AnsweredTable` gives them.
        Returns:
            The columns of the first frame, where open words, status, reason, raw answer and model are those
            of the first model that agrees with the consensus on most values; of each value how sure it is, as
            in `Lines`; and of each model `value_of` and `status_of`.
        """
        names = frames[0].columns
        agreed = self._agreed(frames)
        speaker = self._speaker(frames, agreed)
        values = self._open_values(frames, agreed, speaker)
        values |= {str(one.place): agreed[str(one.place)] for one in self._measured}
        # The number of the row is the same for all.
        picked = {name: values[name] if name in values else _picked(frames, name, speaker) for name in names}
        is_ok = picked["status"] == RowStatus.OK.value
        return pl.DataFrame(
            [
                *picked.values(),
                *(agreed[column_of(one.place)] for one in self._measured),
                _where(is_ok, pl.repeat(self._basis, len(is_ok), dtype=pl.String, eager=True), BASIS_COLUMN),
                *(
                    frame[str(one.place)].alias(value_of(model, one.place))
                    for one in self._measured
                    for model, frame in enumerate(frames)
                ),
                *(frame["status"].alias(status_of(model)) for model, frame in enumerate(frames)),
            ]
        )

    def _agreed(self, frames: Sequence[pl.DataFrame]) -> dict[str, pl.Series]:
        """Of each measured value the consensus under its place, and how sure it is under `column_of`."""
        found: dict[str, pl.Series] = {}
        for one in self._measured:
            votes = pl.DataFrame([_votes(frame, one.place, n) for n, frame in enumerate(frames)])
            if one.place in self._decided:
                decided = self._decided[one.place].frame
                joined = votes.fill_null("").join(
                    decided, on=votes.columns, how="left", maintain_order="left"
                )
            else:
                joined = votes.select(*_majority(self._models))
            applies = self._applies(one.name, found, votes.height)
            found[str(one.place)] = _where(applies, joined[_VALUE].fill_null(""), str(one.place))
            sure = column_of(one.place)
            found[sure] = joined[_SURE].zip_with(applies, pl.Series([None], dtype=pl.Float64)).alias(sure)
        return found

    def _applies(self, name: str, agreed: Mapping[str, pl.Series], rows: int) -> pl.Series:
        """Whether a variable is asked of each row, by what was agreed on the others."""
        codebook = self._codebook
        found = pl.repeat(True, rows, dtype=pl.Boolean, eager=True)
        if not codebook.variables:
            return found
        for on, wanted in codebook.variables[codebook.columns.index(name)].only_if.items():
            place = codebook.columns.index(on)
            other = codebook.variables[place]
            values = agreed[str(place)]
            allowed = frozenset(map(other.read, wanted))
            fitting = [value for value in values.unique() if value and other.is_among(value, allowed)]
            found = found & values.is_in(fitting)
        return found

    def _speaker(self, frames: Sequence[pl.DataFrame], agreed: Mapping[str, pl.Series]) -> pl.Series:
        """The first model that agrees on most values; of rows that none answered, the first of all."""
        scores = []
        for frame in frames:
            is_ok = frame["status"] == RowStatus.OK.value
            score = is_ok.cast(pl.Int32)
            for one in self._measured:
                value = agreed[str(one.place)]
                score = score + (is_ok & (value != "") & (frame[str(one.place)] == value)).cast(pl.Int32)
            scores.append(score)
        return _first_of_most(scores)

    def _open_values(
        self, frames: Sequence[pl.DataFrame], agreed: Mapping[str, pl.Series], speaker: pl.Series
    ) -> dict[str, pl.Series]:
        """
        The values that cannot be counted, by their place: what comes with a measured value is that of the
        first model that agrees on this value.
        """
        codebook = self._codebook
        places = {one.name: one.place for one in self._measured}
        found = {}
        for variable in codebook.variables or codebook.answers:
            beside = [codebook.columns.index(one.name) for one in codebook.beside(variable)]
            own = codebook.columns.index(variable.name)
            who = speaker
            if variable.name in places:
                agrees = [
                    ((frame[str(own)] == agreed[str(own)]) & (frame["status"] == RowStatus.OK.value)).cast(
                        pl.Int32
                    )
                    for frame in frames
                ]
                who = _first_of_most(agrees)
            else:
                beside = [own, *beside]
            applies = self._applies(variable.name, agreed, len(speaker))
            for place in beside:
                found[str(place)] = _where(applies, _picked(frames, str(place), who), str(place))
        return found


def _where(applies: pl.Series, values: pl.Series, name: str) -> pl.Series:
    """Texts where something applies, and "" elsewhere."""
    return values.zip_with(applies, pl.Series([""])).alias(name)


def _votes(frame: pl.DataFrame, place: int, model: int) -> pl.Series:
    """What a model says of a value; null where it says nothing."""
    is_said = (frame["status"] == RowStatus.OK.value) & (frame[str(place)] != "")
    return frame.select(pl.when(is_said).then(pl.col(str(place)))).to_series().alias(_vote(model))


def _majority(models: int) -> tuple[pl.Expr, pl.Expr]:
    """The commonest vote, of equally common ones that of the first model, and the share of all models."""
    agree = [
        pl.when(pl.col(_vote(one)).is_not_null()).then(
            pl.sum_horizontal(
                (pl.col(_vote(one)) == pl.col(_vote(other))).fill_null(value=False) for other in range(models)
            )
        )
        for one in range(models)
    ]
    most = pl.max_horizontal(*agree)
    value = pl.coalesce(
        *(pl.when(count == most).then(pl.col(_vote(one))) for one, count in enumerate(agree)),
    )
    return value.alias(_VALUE), (most / models).round(_DIGITS).alias(_SURE)


def _decided_frame(patterns: Mapping[Pattern, int], one: Measured, models: int) -> pl.DataFrame:
    schema = dict.fromkeys(map(_vote, range(models)), pl.String) | {_VALUE: pl.String, _SURE: pl.Float64}
    if not patterns:
        return pl.DataFrame(schema=schema)
    said = {label for pattern in patterns for votes in pattern for label in votes}
    # "Can't say" is said too, and is no label of the list.
    labels = [*(label for label in one.labels if label in said), *sorted(said - {*one.labels})]
    found = dawid_skene(patterns, labels)
    rows = []
    for pattern in patterns:
        value, sure = found.decide(pattern)
        rows.append((*(votes[0] if votes else "" for votes in pattern), value, round(sure, _DIGITS)))
    return pl.DataFrame(rows, schema=schema, orient="row")


def _first_of_most(scores: Sequence[pl.Series]) -> pl.Series:
    """Which of several has the highest score in each row, the first of equals."""
    best, chosen = scores[0], pl.zeros(len(scores[0]), dtype=pl.Int32, eager=True)
    for number, score in enumerate(scores[1:], start=1):
        is_better = score > best
        best = score.zip_with(is_better, best)
        chosen = pl.repeat(number, len(chosen), dtype=pl.Int32, eager=True).zip_with(is_better, chosen)
    return chosen


def _picked(frames: Sequence[pl.DataFrame], name: str, who: pl.Series) -> pl.Series:
    """A column, of each row that of the model that is chosen for it."""
    found = frames[0][name]
    for number, frame in enumerate(frames[1:], start=1):
        found = frame[name].zip_with(who == number, found)
    return found.alias(name)


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """
    How far two models agree on a variable.

    Attributes:
        variable: Its name.
        one, other: Names of the models.
        rows: That both answered.
        same: Of these, with the same value.
        kappa: Cohen's kappa; None where it is undefined: both say one and the same value throughout.
    """

    variable: str
    one: str
    other: str
    rows: int
    same: int
    kappa: float | None

    @property
    def share(self) -> float | None:
        """Of the rows that both answered, those with the same value; None where there are none."""
        return self.same / self.rows if self.rows else None


def pair_agreement(
    variable: str, one: str, other: str, counts: Mapping[tuple[str, str], int]
) -> PairAgreement:
    """
    Agreement of two models, of counted pairs of values.

    Args:
        variable, one, other: Names.
        counts: Of each pair of values the rows; only rows that both answered.
    Source:
        Cohen (1960), "A coefficient of agreement for nominal scales".
    """
    rows = sum(counts.values())
    same = sum(count for (a, b), count in counts.items() if a == b)
    of_one: Counter[str] = Counter()
    of_other: Counter[str] = Counter()
    for (a, b), count in counts.items():
        of_one[a] += count
        of_other[b] += count
    by_chance = sum(of_one[value] * of_other[value] for value in of_one)
    kappa = None if by_chance == rows * rows else (same * rows - by_chance) / (rows * rows - by_chance)
    return PairAgreement(variable, one, other, rows, same, kappa)


def differs(codebook: Codebook, models: int) -> pl.Expr:
    """Whether two models that both answered a row gave some value differently, also where only one has it."""
    return pl.any_horizontal(
        (pl.col(status_of(one)) == RowStatus.OK.value)
        & (pl.col(status_of(other)) == RowStatus.OK.value)
        & (pl.col(value_of(one, value.place)) != pl.col(value_of(other, value.place)))
        for value in measured(codebook)
        for one in range(models)
        for other in range(one + 1, models)
    )


def count_pairs(
    frame: pl.DataFrame, codebook: Codebook, models: int
) -> Iterable[tuple[tuple[int, int, int], Mapping[tuple[str, str], int]]]:
    """
    Pairs of values that two models gave one row, counted.

    Args:
        frame: As `PanelMerger.merge` gives it.
        codebook, models: As there.
    Yields:
        Place of the value and both models; and of each pair of values the rows that both answered.
    """
    for value in measured(codebook):
        for one in range(models):
            for other in range(one + 1, models):
                names = [value_of(one, value.place), value_of(other, value.place)]
                both = frame.filter(
                    (pl.col(status_of(one)) == RowStatus.OK.value)
                    & (pl.col(status_of(other)) == RowStatus.OK.value)
                    & ((pl.col(names[0]) != "") | (pl.col(names[1]) != ""))
                )
                told = both.group_by(names).len()
                yield (value.place, one, other), {(a, b): count for a, b, count in told.iter_rows()}
