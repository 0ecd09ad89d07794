"""
How many rows people have to code: how wide the interval of a share, or a mean, will be, before anyone codes.

The variance of what people say, and of what they say beyond what the model does, are known from a pilot of 50
to 100 rows, or the worst is assumed. The rows are drawn out of a table of so many, without replacement: who
codes all of them knows the number.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rowbatch.core.agreement import NO_LABEL
from rowbatch.core.document import Shown
from rowbatch.core.statistics.figures import normal_quantile
from rowbatch.errors import UsageError
from rowbatch.words.notice import Notice

WORST_VARIANCE = 0.25
"""Of a share: that of one half."""
LEAST_PILOT = 10
FEW_PILOT = 50
"""With fewer rows a pilot says little, and is told so."""
_STEPS = (50, 100, 150, 200, 300, 400, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000)


@dataclass(frozen=True, slots=True)
class Needed:
    """
    What so many rows give.

    Attributes:
        rows: That people code.
        people_only: Half of the interval's width, of what people say alone.
        corrected: The same with the model's values of all rows; None where nothing is known of these.
    """

    rows: int
    people_only: float
    corrected: float | None


@dataclass(frozen=True, slots=True, repr=False)
class HowMany(Shown):
    """
    How many rows people have to code.

    Attributes:
        quantity: Whose interval it is.
        of_rows: Rows of the table; None where that is not known, and it is taken for endless.
        pilot: Rows that were coded to find out; 0 where the worst is assumed.
        level: Of the intervals.
        variance_people: Of what people say.
        variance_corrected: Of what they say beyond `tuning` times what the model does; None without a pilot.
        tuning: How far the model's values are used, from 0 to 1 (PPI++'s lambda for many rows).
        curve: For numbers of rows, fewest first.
        method: What was computed.
        notes: What a person should know.
        half_width: That is wanted; or None.
        rows_people_only, rows_corrected: The fewest rows whose interval is no wider; None where no width is
            wanted, or nothing is known of the model.
    """

    quantity: str
    of_rows: int | None
    pilot: int
    level: float
    variance_people: float
    variance_corrected: float | None = None
    tuning: float | None = None
    curve: tuple[Needed, ...] = ()
    method: str = ""
    notes: tuple[Notice, ...] = ()
    half_width: float | None = None
    rows_people_only: int | None = None
    rows_corrected: int | None = None

    def for_width(self, half_width: float) -> HowMany:
        """
        The same with the fewest rows whose interval is no wider.

        Args:
            half_width: Of the interval, above 0.
        Raises:
            UsageError: It is not above 0.
        """
        if not half_width > 0:
            raise UsageError("how-many-width", value=half_width)
        corrected = self.variance_corrected
        return replace(
            self,
            half_width=half_width,
            rows_people_only=self._least(half_width, self.variance_people),
            rows_corrected=None if corrected is None else self._least(half_width, corrected),
        )

    def at(self, rows: int) -> Needed:
        """What so many rows give."""
        corrected = None
        if self.variance_corrected is not None:
            corrected = self._half_width(rows, self.variance_corrected)
        return Needed(rows, self._half_width(rows, self.variance_people), corrected)

    def _half_width(self, rows: int, variance: float) -> float:
        whole = 0.0 if self.of_rows is None else 1 / self.of_rows
        return normal_quantile(self.level) * math.sqrt(variance * max(1 / rows - whole, 0))

    def _least(self, half_width: float, variance: float) -> int:
        if variance == 0:
            return 1
        one_by_rows = (half_width / normal_quantile(self.level)) ** 2 / variance
        one_by_rows += 0.0 if self.of_rows is None else 1 / self.of_rows
        if one_by_rows == 0:
            # No number has so many digits.
            raise UsageError("how-many-width", value=half_width)
        # A whole number is not missed by the last digit.
        return max(1, math.ceil(round(1 / one_by_rows, 9)))


def how_many(
    pairs: Sequence[tuple[str, str]],
    of_rows: int | None,
    *,
    label: str | None = None,
    level: float = 0.95,
) -> HowMany:
    """
    How many rows give which interval of a share.

    Args:
        pairs: Of each row of a pilot what people say and what the model does, which is "" where it says
            nothing; none means that the worst is assumed: a share of one half.
        of_rows: Rows of the table; None means endless.
        label: Whose share is wanted; None means the one that needs the most rows.
        level: Of the intervals.
    Raises:
        UsageError: The pilot is too small, or has no such label.
    """
    _require(level, of_rows)
    if not pairs:
        return _found(HowMany("a share", of_rows, 0, level, WORST_VARIANCE))
    if len(pairs) < LEAST_PILOT:
        raise UsageError("how-many-pilot", rows=len(pairs), least=LEAST_PILOT)
    counts = Counter(pairs)
    labels = sorted({value for pair in counts for value in pair if value and value != NO_LABEL})
    if label is not None and label not in labels:
        raise UsageError("how-many-no-label", label=label, labels=labels[:40])
    chosen = [label] if label is not None else labels
    spreads = {name: _of_label(counts, name) for name in chosen}
    name = max(spreads, key=lambda one: (spreads[one][1], spreads[one][0], one))
    notes = _notes(len(pairs))
    if label is None and len(labels) > 1:
        notes = (*notes, Notice("how-many-label-chosen", {"label": name, "labels": len(labels)}))
    return _found(HowMany(f"share of {name!r}", of_rows, len(pairs), level, *spreads[name], notes=notes))


def how_many_for_mean(
    pairs: Sequence[tuple[float, float]], of_rows: int | None, *, quantity: str, level: float = 0.95
) -> HowMany:
    """
    How many rows give which interval of a mean.

    Args:
        pairs: Of each row of a pilot what people say, and what the model does.
        of_rows, level: As for `how_many`.
        quantity: What it is the mean of.
    Raises:
        UsageError: The pilot is too small.
    """
    _require(level, of_rows)
    if len(pairs) < LEAST_PILOT:
        raise UsageError("how-many-pilot", rows=len(pairs), least=LEAST_PILOT)
    people, model = np.asarray(pairs, dtype=np.float64).T
    spread = _spread(
        float(people.var(ddof=1)), float(model.var(ddof=1)), float(np.cov(people, model, ddof=1)[0, 1])
    )
    notes = _notes(len(pairs))
    return _found(HowMany(f"mean of {quantity}", of_rows, len(pairs), level, *spread, notes=notes))


def _require(level: float, of_rows: int | None) -> None:
    if not 0 < level < 1:
        raise UsageError("sample-share", name="level", value=level)
    if of_rows is not None and of_rows < 1:
        raise UsageError("how-many-rows", rows=of_rows)


def _notes(pilot: int) -> tuple[Notice, ...]:
    return (Notice("how-many-few", {"rows": pilot, "wanted": FEW_PILOT}),) if pilot < FEW_PILOT else ()


def _of_label(counts: Counter[tuple[str, str]], label: str) -> tuple[float, float, float]:
    """
    Variances of a label's share, and the tuning.

    Half a row is added to each of the four cells, as Jeffreys' prior does: a pilot without an error does not
    say that there are none.
    """
    cells = np.full((2, 2), 0.5)
    for (people, model), rows in counts.items():
        cells[int(people == label), int(model == label)] += rows
    cells /= cells.sum()
    p, q = float(cells[1].sum()), float(cells[:, 1].sum())
    return _spread(p * (1 - p), q * (1 - q), float(cells[1, 1]) - p * q)


def _spread(people: float, model: float, together: float) -> tuple[float, float, float]:
    tuning = min(1.0, max(0.0, together / model)) if model > 0 else 0.0
    return people, people - 2 * tuning * together + tuning**2 * model, tuning


def _found(bare: HowMany) -> HowMany:
    """With the curve, and how it was found."""
    known = (
        "variances of the pilot, corrected as PPI++ does"
        if bare.pilot
        else "worst case: the variance of a share of one half"
    )
    method = f"{100 * bare.level:.10g} % interval, normal, simple random sample without replacement; {known}"
    return replace(bare, curve=tuple(map(bare.at, _steps(bare.of_rows))), method=method)


def _steps(of_rows: int | None) -> list[int]:
    found = [rows for rows in _STEPS if of_rows is None or rows < of_rows]
    return found or [of_rows or 1]
