"""
What scikit-learn makes of some texts: `make oracles` writes `tests/core/student/oracle_student.json` anew.

scikit-learn is needed for this alone, in an environment of its own.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion

OUT = Path(__file__).parent / "core" / "student" / "oracle_student.json"
# What a search ends at differs by 1e-12 from machine to machine.
_DIGITS = 9
TEXTS = [
    "The weather is great, great, GREAT today!",
    "rain again: what an awful awful day",
    "happy people in the town",
    "the train was late & people were angry",
    "Sunny and warm; we love it",
    "it rains, it pours, it is cold",
    "a lovely day",
    "an awful day",
    "¿Qué tal? Muy bien, gracias",
    "Übergröße für 3 Euro",
    "late again",
    "so so",
]
CLASSES = [0, 1, 0, 1, 0, 1, 0, 1, 2, 2, 1, 2]


def main() -> None:
    """Write the file."""
    same = {"sublinear_tf": True, "smooth_idf": True, "norm": "l2", "lowercase": False}
    formed = [f" {' '.join(text.lower().split())} " for text in TEXTS]
    words = TfidfVectorizer(analyzer="word", token_pattern=r"[^\W_]+", ngram_range=(1, 2), **same)
    runs = TfidfVectorizer(analyzer="char", ngram_range=(2, 4), **same)
    union = FeatureUnion([("words", words), ("runs", runs)])
    x = union.fit_transform(formed)
    found = {
        "texts": TEXTS,
        "features": [len(words.vocabulary_), len(runs.vocabulary_)],
        "products": (x @ x.T).toarray().round(12).tolist(),
        "idf": np.sort(np.concatenate([words.idf_, runs.idf_])).round(12).tolist(),
        "one": [],
        "several": [],
    }
    for strength in (0.3, 10.0):
        model = LogisticRegression(C=strength, tol=1e-10, max_iter=20_000).fit(x, CLASSES)
        target = np.eye(3)[CLASSES]
        found["one"].append(
            {
                "strength": strength,
                "target": target.tolist(),
                "probabilities": model.predict_proba(x).round(_DIGITS).tolist(),
            }
        )
        apart = []
        for one in range(3):
            alone = LogisticRegression(C=strength, tol=1e-10, max_iter=20_000).fit(x, target[:, one])
            apart.append(alone.predict_proba(x)[:, 1])
        found["several"].append(
            {
                "strength": strength,
                "target": target.tolist(),
                "probabilities": np.column_stack(apart).round(_DIGITS).tolist(),
            }
        )
    OUT.write_text(json.dumps(found, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
