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
PACKAGES = ("scikit-learn", "statsmodels", "scipy", "krippendorff", "irrCAC", "ppi-python", "pingouin")


def main() -> int:
    warnings.simplefilter("ignore")
    found = {
        "versions": {name: version(name) for name in PACKAGES},
        "pair": _pair(),
        "gaps": _gaps(),
        "numbers": _numbers(),
        "corrected": _corrected(),
        "sets": _sets(),
        "intraclass": _intraclass(),
        "alt_test": _alt_test(),
        "confidences": _confidences(),
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


def _sets() -> dict[str, Any]:
    import krippendorff
    from sklearn import metrics

    rows = cases.sets_with_gaps()
    seen = sorted({one for row in rows for one in row if one is not None}, key=sorted)
    table = np.array([[np.nan if one is None else seen.index(one) for one in row] for row in rows]).T

    def distance_by(function: Any) -> Any:
        def distance(v1: Any, v2: Any, **_: Any) -> Any:
            return np.vectorize(lambda a, b: function(seen[int(a)], seen[int(b)]))(v1, v2)

        return distance

    def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
        return 1 - len(a & b) / len(a | b) if a | b else 0.0

    def masi(a: frozenset[str], b: frozenset[str]) -> float:
        return 1 - (1 - jaccard(a, b)) * (1 if a == b else 2 / 3 if a <= b or b <= a else 1 / 3)

    domain = list(range(len(seen)))
    found: dict[str, Any] = {
        name: float(
            krippendorff.alpha(
                reliability_data=table, value_domain=domain, level_of_measurement=distance_by(function)
            )
        )
        for name, function in (("masi_alpha", masi), ("jaccard_alpha", jaccard))
    }
    both = [(row[0], row[1]) for row in rows if row[0] is not None and row[1] is not None]
    gold, said = (
        np.array([[label in pair[side] for label in cases.LABELS] for pair in both]) for side in (0, 1)
    )
    each = metrics.precision_recall_fscore_support(gold, said)
    return found | {
        "exact": metrics.accuracy_score(gold, said),
        "jaccard": metrics.jaccard_score(gold, said, average="samples", zero_division=1.0),
        "micro_f1": metrics.f1_score(gold, said, average="micro"),
        "macro_f1": metrics.f1_score(gold, said, average="macro"),
        "precision": list(each[0]),
        "recall": list(each[1]),
        "f1": list(each[2]),
        "kappa": [metrics.cohen_kappa_score(gold[:, at], said[:, at]) for at in range(len(cases.LABELS))],
    }


def _intraclass() -> dict[str, float]:
    import pandas as pd
    import pingouin

    rows = [
        {"unit": unit, "coder": coder, "value": value}
        for unit, values in enumerate(cases.raters_of_numbers())
        for coder, value in enumerate(values)
    ]
    found = pingouin.intraclass_corr(pd.DataFrame(rows), targets="unit", raters="coder", ratings="value")
    return {str(one): float(value) for one, value in zip(found["Type"], found["ICC"], strict=True)}


def _alt_test() -> dict[str, Any]:
    from scipy import stats
    from statsmodels.stats.multitest import multipletests

    rows = cases.people_and_model()
    p, advantages = [], []
    for person in range(4):
        model_wins, person_wins = [], []
        for row in rows:
            others = [row[other] for other in range(4) if other != person and row[other] is not None]
            if row[person] is None or not others:
                continue
            of_model = np.mean([row[4] == one for one in others])
            of_person = np.mean([row[person] == one for one in others])
            model_wins.append(float(of_model >= of_person))
            person_wins.append(float(of_person >= of_model))
        differences = np.array(person_wins) - np.array(model_wins)
        p.append(float(stats.ttest_1samp(differences, 0.15, alternative="less").pvalue))
        advantages.append(float(np.mean(model_wins)))
    won = multipletests(p, alpha=0.05, method="fdr_by")[0]
    return {"p": p, "won": [bool(one) for one in won], "advantage": float(np.mean(advantages))}


def _confidences() -> dict[str, float]:
    from sklearn import metrics

    sure, right = (np.array(column) for column in zip(*cases.confidences(), strict=True))
    return {
        "auroc": float(metrics.roc_auc_score(right, sure)),
        "brier": float(metrics.brier_score_loss(right, sure)),
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
