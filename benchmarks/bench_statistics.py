"""
How long Cohen's kappa and Krippendorff's alpha of a million rows take with 2,000 draws for their intervals,
beside resampling the rows and calling a package's function each time.

The packages are not installed with rowbatch: without scikit-learn and krippendorff only ours is timed. They
are called for a few draws, and the rest is multiplied, since all would take hours.

    python benchmarks/bench_statistics.py
    python benchmarks/bench_statistics.py --rows 100000 --rounds 1
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt
import polars as pl
from options import parser_of

from rowbatch.core.statistics import among_coders as among
from rowbatch.core.statistics.figures import Figure, Resampling
from rowbatch.core.statistics.patterns import Patterns, Wanted, figures_of
from rowbatch.words.notice import Notice

_LABELS = 5
_DRAWS = 2_000
_DRAWS_OF_OTHERS = 3
Codes = npt.NDArray[np.int64]


def main() -> None:
    parser = parser_of("Time kappa and alpha with intervals.", rows=1_000_000, rounds=3)
    bench(parser.parse_args())


def bench(arguments: argparse.Namespace) -> None:
    """Time ours, and then the others."""
    chance = np.random.default_rng(1)
    first = chance.choice(_LABELS, arguments.rows, p=(0.4, 0.3, 0.15, 0.1, 0.05))
    said = np.where(chance.random(arguments.rows) < 0.8, first, chance.integers(0, _LABELS, arguments.rows))
    table = np.stack([first, said], axis=1)
    names = [f"label {place}" for place in range(_LABELS)]
    frame = pl.DataFrame({"a": [names[code] for code in first], "b": [names[code] for code in said]})
    seconds, figures = _best(lambda: ours(frame), arguments.rounds)
    sys.stdout.write(f"{arguments.rows:,} rows, {_DRAWS:,} draws, two coders, {_LABELS} labels\n")
    sys.stdout.write(f"ours, from texts to both with intervals   {seconds:8.3f} s\n")
    for name, one in figures.items():
        sys.stdout.write(f"  {name}: {one.shown}, {one.shown_interval}\n")
    total = 0.0
    for name, function in others().items():
        spent = time.perf_counter()
        for _ in range(_DRAWS_OF_OTHERS):
            value = function(table[chance.integers(0, len(table), len(table))])
        each = (time.perf_counter() - spent) / _DRAWS_OF_OTHERS
        ours_is = figures[name].estimate
        # What is measured is checked: one draw is near the estimate.
        assert ours_is is not None
        assert abs(value - ours_is) < 0.05
        total += each * _DRAWS
        sys.stdout.write(
            f"{name} of a package in a loop            {each * _DRAWS:8.0f} s ({each:.2f} s a draw)\n"
        )
    if total:
        sys.stdout.write(f"both together take {total / seconds:,.0f} times as long\n")


def ours(frame: pl.DataFrame) -> dict[str, Figure]:
    """Both statistics of a frame of texts, as `rowbatch agree` computes them."""
    counted = frame.group_by("a", "b").len()
    labels = sorted(set(counted["a"]) | set(counted["b"]))
    codes = np.array(
        [
            [labels.index(one), labels.index(other)]
            for one, other in zip(counted["a"], counted["b"], strict=True)
        ]
    )
    patterns = Patterns(codes, counted["len"].cast(pl.Int64).to_numpy(), len(labels))
    n, why = frame.height, Notice("undefined-no-variation")
    wanted = {
        "kappa": Wanted(among.cohen_kappa(patterns), n, "kappa", why),
        "alpha": Wanted(among.krippendorff_alpha(patterns, "nominal"), n, "alpha", why),
    }
    return figures_of(wanted, patterns, Resampling(draws=_DRAWS))


def others() -> dict[str, Callable[[Codes], float]]:
    """The functions of the packages that are here."""
    found: dict[str, Callable[[Codes], float]] = {}
    if find_spec("sklearn"):
        from sklearn.metrics import cohen_kappa_score

        found["kappa"] = lambda table: float(cohen_kappa_score(table[:, 0], table[:, 1]))
    if find_spec("krippendorff"):
        import krippendorff

        found["alpha"] = lambda table: float(
            krippendorff.alpha(reliability_data=table.T, level_of_measurement="nominal")
        )
    return found


def _best(measured: Callable[[], dict[str, Figure]], rounds: int) -> tuple[float, dict[str, Figure]]:
    best, found = float("inf"), {}
    for _ in range(rounds):
        begun = time.perf_counter()
        found = measured()
        best = min(best, time.perf_counter() - begun)
    return best, found


if __name__ == "__main__":
    main()
