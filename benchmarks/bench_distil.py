"""
Rows a second that a student labels, beside scikit-learn's `TfidfVectorizer` and `LogisticRegression`.

    python benchmarks/bench_distil.py --rows 1000000

Texts of some 100 characters are made of made-up words. Both learn from 2,000 rows; scikit-learn, where it is
there, labels 20,000, since it would take minutes for all. Time is that of the processor.
"""

from __future__ import annotations

import importlib.util
import resource
import sys
import time

import numpy as np
import polars as pl
from options import parser_of

from rowbatch.core.student.learning import learn

_CHUNK = 20_000


def texts_of(rows: int, seed: int) -> tuple[list[str], list[str]]:
    """Texts of 16 words, of which one tells the label."""
    chance = np.random.default_rng(seed)
    letters = np.array(list("abcdefghiklmnoprstuvwz"))
    # The same words in all tables.
    spelling = np.random.default_rng(0)
    words = ["".join(spelling.choice(letters, int(size))) for size in spelling.integers(2, 10, 5_000)]
    telling = {"good": words[:40], "bad": words[40:80], "none": words[80:120]}
    labels = list(telling)
    places = (chance.random((rows, 15)) ** 2 * len(words)).astype(int)
    said = [labels[one] for one in chance.integers(0, 3, rows)]
    own = [telling[label][one] for label, one in zip(said, chance.integers(0, 40, rows), strict=True)]
    texts = [f"{word} {' '.join(words[one] for one in row)}" for word, row in zip(own, places, strict=True)]
    return texts, said


def main() -> None:
    """Measure."""
    given = parser_of(__doc__ or "", rows=200_000).parse_args()
    texts, said = texts_of(2_000, 1)
    began = time.process_time()
    found = learn(texts, said, ["good", "bad", "none"], several=False)
    sys.stdout.write(f"learned from 2,000 rows in {time.process_time() - began:.1f} s\n")
    reader = found.student.applied()
    some, truth = texts_of(_CHUNK, 2)
    column = pl.Series("text", some)
    said_of_some = reader.read(column).values(found.student)
    right = sum(one == other for one, other in zip(said_of_some, truth, strict=True)) / len(truth)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    chunks = max(1, given.rows // _CHUNK)
    began = time.process_time()
    for _ in range(chunks):
        reader.read(column)
    spent = time.process_time() - began
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    sys.stdout.write(
        f"rowbatch: {chunks * _CHUNK:,} rows in {spent:.1f} s, {chunks * _CHUNK / spent:,.0f} rows a second, "
        f"{right:.1%} right, {more / 1024:,.0f} MB more memory after the first chunk\n"
    )
    if importlib.util.find_spec("sklearn") is None:
        sys.stdout.write("scikit-learn is not here: nothing to compare with\n")
        return
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import FeatureUnion, make_pipeline

    kinds = [
        ("words", TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)),
        ("runs", TfidfVectorizer(analyzer="char", ngram_range=(2, 4), min_df=2, sublinear_tf=True)),
    ]
    model = make_pipeline(FeatureUnion(kinds), LogisticRegression(C=found.strength, max_iter=1_000))
    began = time.process_time()
    model.fit(texts, said)
    sys.stdout.write(f"scikit-learn, one strength: learned in {time.process_time() - began:.1f} s\n")
    began = time.process_time()
    guessed = model.predict(some)
    spent = time.process_time() - began
    same = np.mean(guessed == np.array(truth))
    sys.stdout.write(f"scikit-learn: {_CHUNK / spent:,.0f} rows a second, {same:.1%} right\n")


if __name__ == "__main__":
    main()
