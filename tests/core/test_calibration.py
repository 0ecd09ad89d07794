"""How far confidences say how often an answer is right."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import statistics_cases as cases
from rowbatch.core.statistics.calibration import calibrate
from rowbatch.core.statistics.figures import Resampling
from rowbatch.core.statistics.patterns import Patterns

ORACLES = json.loads((Path(__file__).parent / "oracle_values.json").read_text(encoding="utf-8"))[
    "confidences"
]
QUICK = Resampling(draws=200)


def calibrated(pairs, weights=None):
    """Of pairs of a confidence and whether it is right."""
    sure, right = (np.array(column, dtype=np.float64) for column in zip(*pairs, strict=True))
    patterns = Patterns(
        np.zeros((len(sure), 1), dtype=np.int64),
        np.ones(len(sure), dtype=np.int64),
        1,
        None,
        np.ones(1) if weights is None else np.array(weights),
    )
    return calibrate(("sure", "model"), sure, right, patterns, QUICK)


def test_confidences_as_scikit_learn_has_them():
    """
    AUROC with ties, and Brier's score.
    """
    found = calibrated(cases.confidences()).measures
    assert found["auroc"].estimate == pytest.approx(ORACLES["auroc"], abs=1e-12)
    assert found["brier_score"].estimate == pytest.approx(ORACLES["brier"], abs=1e-12)
    assert found["auroc"].low < found["auroc"].estimate < found["auroc"].high


def test_bins_by_hand():
    """
    0.9 belongs to the bin up to 0.9, 0 to the first; ECE is the mean distance, by how many there are.
    """
    found = calibrated([(0.0, 0), (0.9, 1), (0.9, 0), (0.95, 1), (float("nan"), 1)])
    assert (found.n, found.without) == (4, 1)
    assert [one.n for one in found.bins] == [1, 0, 0, 0, 0, 0, 0, 0, 2, 1]
    assert found.bins[8].accuracy.estimate == 0.5
    assert found.bins[1].accuracy.why.kind == "undefined-nothing-counted"
    assert found.measures["expected_calibration_error"].estimate == pytest.approx((2 * 0.4 + 0.05) / 4)


def test_all_right_has_no_auroc():
    """
    Where no answer is wrong nothing can be ranked below a right one.
    """
    found = calibrated([(0.3, 1), (0.8, 1)]).measures
    assert found["auroc"].why.kind == "undefined-all-right-or-wrong"
    assert found["accuracy"].estimate == 1


def test_weighted_confidences():
    """
    An answer of weight 3 counts as three.
    """
    weighted = calibrated([(0.2, 0), (0.7, 1), (0.7, 0)], [0.6, 1.8, 0.6])
    repeated = calibrated([(0.2, 0), *[(0.7, 1)] * 3, (0.7, 0)])
    for name, figure in weighted.measures.items():
        assert figure.estimate == pytest.approx(repeated.measures[name].estimate), name
    assert weighted.bins[6].accuracy.estimate == 0.75


def test_no_confidence_at_all():
    """
    Nothing to say is said, and nothing breaks.
    """
    found = calibrated([(float("nan"), 1)])
    assert (found.n, found.without) == (0, 1)
    assert all(figure.estimate is None for figure in found.measures.values())
