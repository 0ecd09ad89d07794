"""
How often 95 % intervals of corrected estimates hold the truth, which is known here because it made the data.

    make coverage-of-intervals

Each line is a design: how many rows and labelled ones, how common the label is, how right the model. Each
figure is the share of 1,000 made-up tables whose interval holds the truth; with 1,000 of them chance moves
it by 1.4 either way.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from distilling import made_texts
from rowbatch.core.statistics.corrected import Correction, Labelled, Method
from rowbatch.core.statistics.corrected_means import (
    Sayable,
    correct_mean,
    correct_mean_difference,
    correct_sayable_difference,
    correct_sayable_mean,
)
from rowbatch.core.statistics.corrected_regression import Model, Regression, correct_regression
from rowbatch.core.statistics.corrected_shares import correct_difference, correct_share
from rowbatch.core.statistics.figures import Resampling
from rowbatch.core.statistics.patterns import Codes, Floats
from rowbatch.core.student.learning import learn

QUICK = Resampling(draws=1_000)
GOOD_BAD = ("good", "bad")
Found = Mapping[str, tuple[Correction, float]]


@dataclass(frozen=True, slots=True)
class Design:
    """
    How tables of shares are made.

    Attributes:
        name: For the reader.
        rows, labelled: Of a table.
        share: How common the label is in truth.
        sensitivity, specificity: Of the model.
        by_model: Labelled rows of those that the model says no and yes to, drawn apart; or None.
        cluster: Rows of one person, who has the label more or less often than others.
    """

    name: str
    rows: int
    labelled: int
    share: float
    sensitivity: float
    specificity: float
    by_model: tuple[int, int] | None = None
    cluster: int = 1


SHARES = (
    Design("200 labelled", 2_000, 200, 0.3, 0.85, 0.85),
    Design("30 labelled", 2_000, 30, 0.3, 0.85, 0.85),
    Design("30 labelled, one in ten", 2_000, 30, 0.1, 0.9, 0.9),
    Design("rare (2 %), 300 labelled", 5_000, 300, 0.02, 0.7, 0.97),
    Design("rare (2 %), 500 labelled", 10_000, 500, 0.02, 0.8, 0.99),
    Design("rare (2 %), 30 labelled", 5_000, 30, 0.02, 0.8, 0.99),
    Design("by the model's label, 100 and 100", 5_000, 200, 0.3, 0.85, 0.85, (100, 100)),
    Design("by the model's label, 100 and 100, rare", 5_000, 200, 0.02, 0.8, 0.99, (100, 100)),
    Design("people with 10 texts each, 300 labelled", 3_000, 300, 0.3, 0.85, 0.85, None, 10),
)


def table_of(design: Design, chance: np.random.Generator) -> Labelled:
    """One table."""
    rows = design.rows
    share: float | Floats = design.share
    clusters: Codes | None = None
    if design.cluster > 1:
        people = rows // design.cluster
        clusters = np.repeat(np.arange(people), design.cluster)
        share = chance.beta(2 * design.share, 2 * (1 - design.share), people)[clusters]
    y = (chance.random(rows) < share).astype(float)
    u = chance.random(rows)
    f = np.where(y == 1, u < design.sensitivity, u > design.specificity).astype(float)
    is_labelled = np.zeros(rows, dtype=bool)
    strata = np.zeros(rows, dtype=np.int64)
    probability = None
    if design.by_model is not None:
        strata, probability = f.astype(np.int64), np.ones(rows)
        for label, wanted in enumerate(design.by_model):
            places = np.flatnonzero(f == label)
            drawn = chance.permutation(places)[:wanted]
            is_labelled[drawn] = True
            probability[places] = len(drawn) / max(1, len(places))
    elif clusters is not None:
        # All texts of some people.
        people = rows // design.cluster
        is_labelled = np.isin(clusters, chance.permutation(people)[: design.labelled // design.cluster])
    else:
        is_labelled[chance.permutation(rows)[: design.labelled]] = True
    return Labelled(f, y[is_labelled], is_labelled, strata, probability, clusters)


def shares(design: Design, chance: np.random.Generator) -> Found:
    """Every method's share of one table."""
    data = table_of(design, chance)
    methods: tuple[Method, ...] = ("ppi", "dsl")
    if design.by_model is None:
        methods += ("rogan-gladen",)
    return {method: (correct_share(data, method, QUICK, ""), design.share) for method in methods}


def differences(labelled: int) -> Callable[[np.random.Generator], Found]:
    """The difference of shares of two groups, .4 and .25."""

    def made(chance: np.random.Generator) -> Found:
        first = table_of(Design("", 1_000, labelled, 0.4, 0.85, 0.85), chance)
        second = table_of(Design("", 1_000, labelled, 0.25, 0.85, 0.9), chance)
        methods: tuple[Method, ...] = ("ppi", "dsl")
        return {method: (correct_difference(first, second, method, QUICK, ""), 0.15) for method in methods}

    return made


def means(labelled: int, *, is_difference: bool = False) -> Callable[[np.random.Generator], Found]:
    """The mean of a number on a scale from 0 to 10, with errors that lean to one side."""

    def one(chance: np.random.Generator) -> tuple[Labelled, float]:
        rows = 2_000
        y = np.clip(np.round(chance.normal(4, 2, rows)), 0, 10)
        f = np.clip(np.round(0.7 * y + 2 + chance.normal(0, 1, rows)), 0, 10)
        is_labelled = np.zeros(rows, dtype=bool)
        is_labelled[:labelled] = True
        return Labelled(f, y[:labelled], is_labelled, np.zeros(rows, dtype=np.int64)), 4.0185

    def made(chance: np.random.Generator) -> Found:
        methods: tuple[Method, ...] = ("ppi", "dsl")
        first, truth = one(chance)
        if not is_difference:
            return {method: (correct_mean(first, method, QUICK, ""), truth) for method in methods}
        second, _ = one(chance)
        return {
            method: (correct_mean_difference(first, second, method, QUICK, ""), 0.0) for method in methods
        }

    return made


def sayable_means(
    labelled: int, *, is_difference: bool = False, by_model: bool = False
) -> Callable[[np.random.Generator], Found]:
    """
    The mean of a number of which people can't say one in five, and others than these: the higher it is, the
    likelier. The model says a number of most of them, a low one, and of some others it can't say it.
    """

    def one(chance: np.random.Generator) -> Sayable:
        rows = 2_000
        y = chance.normal(5, 2, rows)
        can = chance.random(rows) < np.clip(1.1 - 0.06 * y, 0, 1)
        f = np.where(can, 0.8 * y + 1.5, 2.0) + chance.normal(0, 1, rows)
        model_can = chance.random(rows) < np.where(can, 0.95, 0.3)
        is_labelled = np.zeros(rows, dtype=bool)
        strata, probability = np.zeros(rows, dtype=np.int64), None
        if by_model:
            strata, probability = model_can.astype(np.int64), np.ones(rows)
            for stratum in range(2):
                places = np.flatnonzero(strata == stratum)
                is_labelled[chance.permutation(places)[: labelled // 2]] = True
                probability[places] = (labelled // 2) / len(places)
        else:
            is_labelled[:labelled] = True
        gold, said = y[is_labelled], can[is_labelled]
        return Sayable(Labelled(f, gold, is_labelled, strata, probability), model_can, said)

    # E[y p(y)] / E[p(y)] with p falling in y, cut off at 1 and 0.
    grid = np.linspace(-7, 17, 400_001)
    weight = np.exp(-(((grid - 5) / 2) ** 2) / 2) * np.clip(1.1 - 0.06 * grid, 0, 1)
    truth = float((weight * grid).sum() / weight.sum())

    def made(chance: np.random.Generator) -> Found:
        methods: tuple[Method, ...] = ("ppi", "dsl")
        first = one(chance)
        if not is_difference:
            return {method: (correct_sayable_mean(first, method, QUICK, ""), truth) for method in methods}
        second = one(chance)
        return {
            method: (correct_sayable_difference(first, second, method, QUICK, ""), 0.0) for method in methods
        }

    return made


def regressions(
    model: Model, labelled: int, *, is_predictor: bool = False
) -> Callable[[np.random.Generator], Found]:
    """A slope of a label, or on it."""

    def made(chance: np.random.Generator) -> Found:
        rows = 3_000
        x = chance.normal(0, 1, rows)
        if is_predictor:
            y = (chance.random(rows) < 0.4).astype(float)
            outcome = 1 + 0.5 * y + 0.3 * x + chance.normal(0, 1, rows)
            truth = 0.5
        elif model == "linear":
            y = (chance.random(rows) < np.clip(0.4 + 0.1 * x, 0, 1)).astype(float)
            truth = 0.09999
        else:
            y = (chance.random(rows) < 1 / (1 + np.exp(0.3 - 0.8 * x))).astype(float)
            truth = 0.8
        u = chance.random(rows)
        f = np.where(y == 1, u < 0.85 - 0.05 * (x > 0), u > 0.8 + 0.1 * (x > 0)).astype(float)
        one, first = np.ones(rows), slice(0, labelled)
        is_labelled = np.arange(rows) < labelled
        if is_predictor:
            names = ("1", "label", "x")
            wide, gold = np.column_stack([one, f, x]), np.column_stack([one, y, x])[first]
            asked = Regression(model, names, wide, outcome, gold, outcome[first])
        else:
            wide = np.column_stack([one, x])
            asked = Regression(model, ("1", "x"), wide, f, wide[first], y[first])
        data = Labelled(f, y[first], is_labelled, np.zeros(rows, dtype=np.int64))
        methods: tuple[Method, ...] = ("ppi", "dsl")
        return {method: (correct_regression(asked, data, method, QUICK)[1], truth) for method in methods}

    return made


def students(*, is_inside: bool) -> Callable[[np.random.Generator], Found]:
    """
    A student of 200 rows of 1,000, of which people code 60: of the whole table, or of the 200.

    Texts are made anew for each table, and the model that teaches calls too much good.
    """

    def made(chance: np.random.Generator) -> Found:
        rows, asked, coded = 1_000, 200, 60
        table = made_texts(rows, int(chance.integers(1 << 30)), good=0.3)
        y = np.array([one == "good" for one in table.truth], dtype=float)
        said = np.where(chance.random(rows) < 0.15, "good", table.said).tolist()
        order = chance.permutation(rows)
        taught = order[:asked]
        people = taught[:coded] if is_inside else chance.permutation(rows)[:coded]
        is_labelled = np.zeros(rows, dtype=bool)
        is_labelled[people] = True
        learned = [row for row in taught.tolist() if not is_labelled[row]]
        found = learn(
            [table.texts[row] for row in learned], [said[row] for row in learned], GOOD_BAD, several=False
        )
        texts = pl.Series("text", table.texts)
        f = (found.student.applied().read(texts).values(found.student) == "good").to_numpy().astype(float)
        f[learned] = (found.unseen.values(found.student) == "good").to_numpy()
        data = Labelled(f, y[is_labelled], is_labelled, np.zeros(rows, dtype=np.int64))
        return {method: (correct_share(data, method, QUICK, ""), 0.3) for method in ("ppi", "dsl")}

    return made


def designs() -> Iterator[tuple[str, Callable[[np.random.Generator], Found]]]:
    """Each design, and what makes and estimates one table of it."""
    for design in SHARES:
        yield f"share, {design.name}", lambda chance, design=design: shares(design, chance)  # type: ignore[misc]
    yield "difference of shares, 100 labelled each", differences(100)
    yield "difference of shares, 30 labelled each", differences(30)
    yield "mean, 200 labelled", means(200)
    yield "mean, 30 labelled", means(30)
    yield "difference of means, 30 labelled each", means(30, is_difference=True)
    yield "mean where it can be said, 200 labelled", sayable_means(200)
    yield "mean where it can be said, 40 labelled", sayable_means(40)
    yield "mean where it can be said, 100 labelled of either answer", sayable_means(200, by_model=True)
    yield "difference where it can be said, 40 labelled each", sayable_means(40, is_difference=True)
    yield "linear regression, 200 labelled", regressions("linear", 200)
    yield "label as predictor, 200 labelled", regressions("linear", 200, is_predictor=True)
    yield "logistic regression, 200 labelled", regressions("logistic", 200)
    yield "share by a student, 60 labelled of the table", students(is_inside=False)
    yield "share by a student, 60 labelled of what it was taught", students(is_inside=True)


def coverage(
    made: Callable[[np.random.Generator], Found], tables: int, seed: int
) -> dict[str, tuple[float, float, int]]:
    """
    Of each line: how often its interval held the truth, its mean width, and of how many tables it was given.
    """
    chance = np.random.default_rng(seed)
    held: dict[str, list[tuple[bool, float]]] = {}
    for _ in range(tables):
        found = made(chance)
        lines = {name: (one.corrected, truth) for name, (one, truth) in found.items()}
        first, truth = next(iter(found.values()))
        lines = {"people": (first.people_only, truth), "model": (first.model_only, truth), **lines}
        for name, (figure, true) in lines.items():
            held.setdefault(name, [])
            if figure.low is not None and figure.high is not None:
                held[name].append((figure.low <= true <= figure.high, figure.high - figure.low))
    return {
        name: (
            100 * sum(one for one, _ in each) / len(each) if each else float("nan"),
            sum(width for _, width in each) / len(each) if each else float("nan"),
            len(each),
        )
        for name, each in held.items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="designs whose name has this in it")
    given = parser.parse_args()
    sys.stdout.write(
        "| design | model only | people only | PPI++ | DSL | Rogan-Gladen |\n|---|---|---|---|---|---|\n"
    )
    for name, made in designs():
        if given.only not in name:
            continue
        found = coverage(made, given.tables, given.seed)
        cells = []
        for line in ("model", "people", "ppi", "dsl", "rogan-gladen"):
            held, width, of = found.get(line, (float("nan"), 0.0, 0))
            told = f" of {of:,}" if of < given.tables else ""
            cells.append(f"{held:.1f} % ({width:.3f}){told}" if of else "\u2013")
        sys.stdout.write(f"| {name} | {' | '.join(cells)} |\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
