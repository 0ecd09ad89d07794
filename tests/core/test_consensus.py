"""One answer of several models' answers."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowbatch.core.codebook import parse_codebook
from rowbatch.core.consensus import PanelMerger, differs, pair_agreement
from rowbatch.core.panel import model_names
from rowbatch.core.plan import Asking, Consensus
from rowbatch.core.states import RowStatus

BOOK = parse_codebook(
    {
        "variables": [
            {"name": "about", "kind": "yes-no", "reason": True},
            {"name": "tone", "labels": [{"name": "good"}, {"name": "bad"}], "only_if": {"about": True}},
            {"name": "note", "kind": "text", "only_if": {"about": True}},
        ]
    }
)
COLUMNS = BOOK.columns


def frame_of(rows):
    """Answers of a model: about, tone, note and the reason; None is no usable answer."""
    told = [one or ("", "", "", "") for one in rows]
    values = {str(place): [row[place] for row in told] for place in range(4)}
    return pl.DataFrame(
        {"row": list(range(1, len(rows) + 1)), **values}
        | {"status": [RowStatus.OK.value if one else RowStatus.INVALID.value for one in rows]}
        | {"model": ["m"] * len(rows)},
        schema={"row": pl.Int64} | dict.fromkeys([*values, "status", "model"], pl.String),
    )


def merged(*models, consensus=Consensus.MAJORITY):
    merger = PanelMerger(BOOK, len(models), consensus)
    frames = [frame_of(rows).with_columns(model=pl.lit(f"m{n}")) for n, rows in enumerate(models)]
    if merger.has_to_count:
        merger.count(frames)
        merger.decide()
    return merger.merge(frames)


def test_what_does_not_apply_and_whose_words_count():
    """
    What depends on a value follows the value that was agreed on; words are those of the first model that
    agrees with what they are about.
    """
    assert COLUMNS == ("about", "tone", "note", "about_reason")
    found = merged(
        [("yes", "good", "n0", "because 0"), ("no", "", "", "why 0"), None],
        [("no", "", "", "because 1"), ("yes", "bad", "n1", "why 1"), None],
        [("yes", "bad", "n2", "because 2"), ("yes", "bad", "n2", "why 2"), ("no", "", "", "so")],
    )
    assert [found[str(place)].to_list() for place in range(4)] == [
        ["yes", "yes", "no"],
        ["good", "bad", ""],
        ["n0", "n1", ""],
        ["because 0", "why 1", "so"],
    ]
    assert found["confidence:0"].to_list() == [0.666667, 0.666667, 0.333333]
    assert found["confidence:1"].to_list() == [0.333333, 0.666667, None]
    assert found["model"].to_list() == ["m0", "m1", "m2"]
    assert found["status"].to_list() == ["ok", "ok", "ok"]


def test_a_majority_of_no_takes_what_depends_on_it():
    """
    Where most say that it does not apply, the one who answered is not heard; nor by error rates.
    """
    models = [
        [("yes", "good", "n", "r"), *[("no", "", "", "r")] * 5],
        [("no", "", "", "r")] * 6,
        [("no", "", "", "s")] * 6,
    ]
    for consensus in Consensus:
        found = merged(*models, consensus=consensus)
        assert found["0"].to_list() == ["no"] * 6
        assert found["1"].to_list() == [""] * 6
        assert found["2"].to_list() == [""] * 6
        assert found["confidence:1"].null_count() == 6
    assert found["confidence_basis"][0] == "Dawid-Skene of 3 models"


VALUES = st.sampled_from(["yes", "no", None])


@given(st.integers(2, 6), st.data())
def test_any_votes(models, data):
    """
    As counting by hand: the commonest value, of equals that of the first model, its share of all models.
    """
    rows = data.draw(st.lists(st.lists(VALUES, min_size=models, max_size=models), min_size=1, max_size=6))
    answers = [[(row[n], "", "", "") if row[n] else None for row in rows] for n in range(models)]
    found = merged(*answers)
    for row, value, sure, status in zip(
        rows, found["0"], found["confidence:0"], found["status"], strict=True
    ):
        counts = Counter(vote for vote in row if vote)
        if not counts:
            assert (value, sure, status) == ("", None, "invalid")
            continue
        most = max(counts.values())
        assert value == next(vote for vote in row if vote and counts[vote] == most)
        assert (sure, status) == (round(most / models, 6), "ok")
    several = [len({vote for vote in row if vote}) > 1 for row in rows]
    assert found.select(differs(BOOK, models)).to_series().to_list() == several


def test_agreement_of_two():
    """
    Cohen's kappa by hand: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no are .7 observed and .5 by chance; of one
    and the same value throughout it is undefined.
    """
    counts = {("y", "y"): 20, ("y", "n"): 5, ("n", "y"): 10, ("n", "n"): 15}
    found = pair_agreement("v", "a", "b", counts)
    assert (found.rows, found.share) == (50, 0.7)
    assert found.kappa == pytest.approx(0.4)
    assert pair_agreement("v", "a", "b", {("y", "y"): 3}).kappa is None
    assert pair_agreement("v", "a", "b", {}).share is None


def test_names_of_models():
    """
    Short, legal and each once; the provider tells two of one name apart.
    """
    askings = [
        Asking("openai", "gpt-5-mini"),
        Asking("azure", "gpt-5-mini"),
        Asking("mistral", "magistral.medium/2509"),
        Asking("local", "模型"),
    ]
    assert model_names(askings) == ("openai_gpt_5_mini", "azure_gpt_5_mini", "magistral_medium_2509", "model")
