"""
What other packages compute of the data in `statistics_cases`: the numbers that our own are held to.

    make oracles

They are written to `tests/core/oracle_values.json`, with the versions. None of the packages is needed to run
rowbatch, or its tests: some are under the GPL, and irrCAC and ppi-python want other versions of what we use.
"""

from __future__ import annotations

import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import statistics_cases as cases

VALUES = Path(__file__).parent / "core" / "oracle_values.json"
PACKAGES = ("scikit-learn", "statsmodels", "scipy", "krippendorff", "irrCAC", "ppi-python")


def main() -> int:
    warnings.simplefilter("ignore")
    found = {
        "versions": {name: version(name) for name in PACKAGES},
        "pair": _pair(),
        "gaps": _gaps(),
        "numbers": _numbers(),
        "corrected": _corrected(),
    }
    VALUES.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{VALUES}\n")
    return 0


def _pair() -> dict[str, Any]:
    from sklearn import metrics
    from statsmodels.stats.contingency_tables import mcnemar
    from statsmodels.stats.proportion import proportion_confint

    gold, said = zip(*cases.pair_of_coders(), strict=True)
    labels = list(cases.LABELS)
    kappas: dict[str, Any] = {
        name: metrics.cohen_kappa_score(gold, said, labels=labels, weights=weights)
        for name, weights in (("plain", None), ("linear", "linear"), ("quadratic", "quadratic"))
    }
    each = metrics.precision_recall_fscore_support(gold, said, labels=labels, zero_division=np.nan)
    hits = sum(one == other for one, other in zip(gold, said, strict=True))
    return {
        "cohen": kappas,
        "accuracy": metrics.accuracy_score(gold, said),
        "wilson": proportion_confint(hits, len(gold), method="wilson"),
        "precision": list(each[0]),
        "recall": list(each[1]),
        "f1": list(each[2]),
        "macro_f1": metrics.f1_score(gold, said, average="macro"),
        "weighted_f1": metrics.f1_score(gold, said, average="weighted"),
        "balanced_accuracy": metrics.balanced_accuracy_score(gold, said),
        "mcc": metrics.matthews_corrcoef(gold, said),
        "mcnemar": float(mcnemar([[100, 5], [14, 31]], exact=True).pvalue),
    }


def _gaps() -> dict[str, Any]:
    import krippendorff
    import pandas as pd
    from irrCAC.raw import CAC

    rows = cases.coders_with_gaps()
    ratings = np.array([[np.nan if one is None else one for one in row] for row in rows], dtype=float)
    found: dict[str, Any] = {
        level: krippendorff.alpha(reliability_data=ratings.T, level_of_measurement=level)
        for level in ("nominal", "ordinal", "interval", "ratio")
    }
    for name, weights in (("identity", "identity"), ("quadratic", "quadratic")):
        cac = CAC(pd.DataFrame(ratings), weights=weights, categories=[1.0, 2.0, 3.0, 4.0, 5.0], digits=12)
        for method in ("gwet", "fleiss", "bp", "krippendorff"):
            found[f"irrCAC {method} {name}"] = getattr(cac, method)()["est"]["coefficient_value"]
    found["irrCAC pa"] = CAC(pd.DataFrame(ratings), digits=12).gwet()["est"]["pa"]
    return found


def _numbers() -> dict[str, Any]:
    from scipy import stats

    first, second = zip(*cases.pair_of_numbers(), strict=True)
    return {
        "pearson": float(stats.pearsonr(first, second).statistic),
        "spearman": float(stats.spearmanr(first, second).statistic),
        "t": [float(stats.t.ppf(0.975, freedom)) for freedom in (1, 2, 5, 9, 28.5, 99, 1999)],
    }


def _corrected() -> dict[str, Any]:
    import statsmodels.api as sm
    from ppi_py import ppi_logistic_pointestimate, ppi_mean_ci, ppi_mean_pointestimate, ppi_ols_pointestimate

    data = {name: np.array(values) for name, values in cases.corrected().items()}
    n = 200
    y, f, u = data["y"][:n], data["f"][:n], data["f"][n:]
    design = np.column_stack([np.ones(len(data["x"])), data["x"], data["z"]])
    some, rest = design[:n], design[n:]
    plain = sm.OLS(y, some).fit(cov_type="HC0")
    return {
        "mean": float(ppi_mean_pointestimate(y, f, u)[0]),
        "mean_interval": [float(end[0]) for end in ppi_mean_ci(y, f, u, alpha=0.05)],
        "ols": [float(one) for one in ppi_ols_pointestimate(some, y, f, rest, u)],
        "logistic": [float(one) for one in ppi_logistic_pointestimate(some, y, f, rest, u)],
        "people_ols": [float(one) for one in plain.params],
        "people_ols_se": [float(one) for one in plain.bse],
        "people_logit": [float(one) for one in sm.Logit(y, some).fit(disp=0).params],
    }


if __name__ == "__main__":
    sys.exit(main())
