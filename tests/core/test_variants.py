"""A question asked otherwise, and what differs between runs in a few words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rowbatch.core.plan import Asking, Plan, Question, Source
from rowbatch.core.statistics.figures import Resampling
from rowbatch.core.statistics.stability import Answers, stability_of
from rowbatch.core.variants import (
    facets_of,
    has_label_order,
    prompt_of,
    reworded,
    with_label_order,
    with_prompt,
)
from rowbatch.errors import UsageError


def question(labels: str = "abc", kind: str = "label", instructions: str = "Which?") -> Question:
    variable = {"name": "x", "kind": kind, "labels": [{"name": one} for one in labels]}
    return Question(text="post", answer={"instructions": instructions, "variables": [variable]})


def order_of(asked: Question) -> str:
    return "".join(one["name"] for one in asked.answer["variables"][0]["labels"])


def test_labels_in_another_order() -> None:
    """
    Reversed is last first, rotated the second half first; the steps of a scale stay, and a codebook without
    labels has no other order.
    """
    assert order_of(with_label_order(question(), "reversed")) == "cba"
    assert order_of(with_label_order(question("abcde"), "rotated")) == "deabc"
    assert order_of(with_label_order(question("ab", "labels"), "rotated")) == "ba"
    assert not has_label_order(question(kind="scale"))
    with pytest.raises(UsageError) as caught:
        with_label_order(question(kind="scale"), "reversed")
    assert caught.value.kind == "stability-no-order"


def test_other_words_stand_where_the_first_ones_did() -> None:
    """
    In the place of the instructions, of the only question, or of the system message; else before all.
    """
    assert with_prompt(question(), "What?").answer["instructions"] == "What?"
    bare = {"name": "x", "question": "Is it?", "labels": [{"name": "a"}, {"name": "b"}]}
    alone = Question(text="post", answer={"variables": [bare]})
    assert prompt_of(alone) == "Is it?"
    assert with_prompt(alone, "Is it so?").answer["variables"][0]["question"] == "Is it so?"
    two = Question(text="post", answer={"variables": [bare, {**bare, "name": "y"}]})
    assert (prompt_of(two), with_prompt(two, "Say.").answer["instructions"]) == ("", "Say.")
    spoken = Question(text="post", system="You label.")
    assert with_prompt(spoken, "Label!").system == "Label!"
    assert all("Which?" in one for one in reworded(question(), 3))
    for asked, count, kind in ((two, 1, "stability-no-words"), (question(), 4, "stability-reworded-many")):
        with pytest.raises(UsageError) as caught:
            reworded(asked, count)
        assert caught.value.kind == kind


def test_what_differs_is_told_and_nothing_else() -> None:
    """
    Facets that are the same in all runs are not told; the same question again says how often it was asked.
    """
    first = Plan(Source(Path("t.csv")), question(), Asking("openai", "m"))
    reverse = replace(first, question=with_label_order(first.question, "reversed"))
    odd = replace(first, question=question("bac"))
    worded = replace(first, question=with_prompt(first.question, "What?"))
    warm = replace(first, asking=Asking("openai", "m", parameters={"temperature": 1}))
    defined = {"name": "x", "kind": "label", "labels": [{"name": one, "definition": "so"} for one in "abc"]}
    other = replace(
        first, question=Question(text="post", answer={"instructions": "Which?", "variables": [defined]})
    )
    found = facets_of([first, first, reverse, odd, worded, warm, other], ["0"] * 7)
    assert all("model" not in one for one in found)
    same = {"prompt": "as asked", "codebook": "as asked", "label order": "as asked", "settings": "-"}
    assert found == [
        {**same, "asked": "first"},
        {**same, "asked": "again 1"},
        {**same, "label order": "reversed", "asked": "first"},
        {**same, "label order": "other 1", "asked": "first"},
        {**same, "prompt": "other 1", "asked": "first"},
        {**same, "settings": "temperature = 1", "asked": "first"},
        {**same, "codebook": "other 1", "asked": "first"},
    ]
    assert facets_of([first], ["0"]) == [{}]


def test_numbers_of_one_row_and_of_none() -> None:
    """
    With nothing to compare all is undefined, and says why; a single row has no interval of alpha.
    """
    nothing = Answers(np.array([[0, -1], [-1, 0]]), ["a", "b"], ["first", "repeat"], ["x", "y"])
    found = stability_of(nothing, Resampling(draws=100))
    assert (found.rows, found.alpha.estimate, found.changed.estimate) == (0, None, None)
    assert found.lost == {"b": 1}
    one = Answers(np.array([[0, 1]]), ["a", "b"], ["first", "repeat"], ["x", "y"])
    found = stability_of(one, Resampling(draws=100))
    assert found.changed.estimate == 1.0
    assert found.alpha.estimate == pytest.approx(0.0)
    assert found.alpha.low is None


def test_numbers_far_apart_count_more_than_near_ones() -> None:
    """
    Of numbers alpha is that of distances: a small change costs little, and is a change nevertheless.
    """
    worth = np.array([1.0, 2.0, 10.0])
    near = Answers(
        np.array([[0, 1], [1, 1], [2, 2]]), ["a", "b"], ["first", "model"], "123", "interval", worth
    )
    far = Answers(
        np.array([[0, 2], [1, 1], [2, 2]]), ["a", "b"], ["first", "model"], "123", "interval", worth
    )
    first, second = (stability_of(one, Resampling(draws=100)) for one in (near, far))
    assert first.changed.estimate == second.changed.estimate == pytest.approx(1 / 3)
    assert first.alpha.estimate is not None
    assert second.alpha.estimate is not None
    # Krippendorff's interval alpha by hand: 1 - (n - 1) * 1 / sum of squared distances of all pairs.
    values = [1, 2, 2, 2, 10, 10]
    spread = sum((x - y) ** 2 for x in values for y in values)
    assert first.alpha.estimate == pytest.approx(1 - 5 * 2 / spread)
    assert second.alpha.estimate < 0.5 < first.alpha.estimate
