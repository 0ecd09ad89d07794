"""
Choose one label by the model's own probabilities, calibrated.

A small model that writes its answer freely often writes something else, or the same label for every
text. Its probabilities for the labels, after a cue, know more. What it says of texts without content is its
bias; that is subtracted (contextual calibration: Zhao et al. 2021, "Calibrate Before Use").

Everything here is a pure function of the model and the request: the same request gives the same answer,
whatever else runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Token = tuple[str, float]
"""A possible next token: its text and its log probability."""

CONTENT_FREE_TEXTS = ("N/A", "the text", "...")
METHOD = "calibrated scoring"

_MAX_DEPTH = 40
# A label whose first token is not even among those listed gets what the last listed one has.
_FALLBACK_LOGPROB = -20.0


@dataclass(frozen=True, slots=True)
class Choice:
    """
    A schema that asks for one label.

    Attributes:
        name: Of the only property; or "" when the answer is the bare label.
        labels: Allowed values.
    """

    name: str
    labels: tuple[str, ...]

    @property
    def cue(self) -> str:
        """How the model's answer begins, so that a label comes next."""
        return f"The {(self.name or 'label').replace('_', ' ')} of the text is"


def single_choice(schema: object) -> Choice | None:
    """The choice that a JSON schema asks for, or None when it asks for something else."""
    if not isinstance(schema, Mapping):
        return None
    name, inner = "", schema
    if schema.get("type") == "object":
        properties = schema.get("properties")
        if not isinstance(properties, Mapping) or len(properties) != 1:
            return None
        ((name, inner),) = properties.items()
    labels = inner.get("enum") if isinstance(inner, Mapping) else None
    if not isinstance(labels, Sequence) or isinstance(labels, str) or len(labels) < 2:
        return None
    if not all(isinstance(label, str) and label.strip() for label in labels):
        return None
    return Choice(str(name), tuple(labels))


def label_log_probabilities(
    labels: Sequence[str], next_tokens: Callable[[str], Sequence[Token]]
) -> dict[str, float]:
    """
    How likely the model goes on with each label.

    Labels that begin with the same token are told apart by asking again behind it.

    Args:
        labels: In any order.
        next_tokens: The most likely tokens after the cue and the text that is given to it.
    Returns:
        Log probability of each label; not normalised.
    """
    spellings = {label: {f" {label}", f" {label[:1].upper()}{label[1:]}"} for label in labels}
    remaining = [(label, spelling) for label in labels for spelling in sorted(spellings[label])]
    found: dict[str, float] = dict.fromkeys(labels, 0.0)
    floor = _Walk(next_tokens, found).visit(remaining, "", 1.0)
    return {label: math.log(mass) if mass > 0 else floor for label, mass in found.items()}


def calibrated(scores: Mapping[str, float], content_free: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """
    Probabilities that add up to 1, after the bias was taken out.

    Args:
        scores: Log probability of each label for the text.
        content_free: The same for texts without content.
    """
    logits = {
        label: score - sum(free[label] for free in content_free) / len(content_free)
        for label, score in scores.items()
    }
    top = max(logits.values())
    weights = {label: math.exp(logit - top) for label, logit in logits.items()}
    total = sum(weights.values())
    return {label: weight / total for label, weight in weights.items()}


@dataclass(frozen=True, slots=True)
class _Walk:
    """Down the tokens that the labels share, collecting the mass of each label in `found`."""

    next_tokens: Callable[[str], Sequence[Token]]
    found: dict[str, float]

    def visit(self, remaining: Sequence[tuple[str, str]], written: str, mass: float, depth: int = 0) -> float:
        """Share `mass` among the labels that are still possible behind `written`; returns the floor."""
        tokens = self.next_tokens(written)
        floor = min((logprob for _, logprob in tokens), default=_FALLBACK_LOGPROB)
        branches: dict[str, list[tuple[str, str]]] = {}
        ended: set[str] = set()
        for label, rest in remaining:
            if not rest:
                ended.add(label)
                continue
            # The longest token is how the text would be tokenised; shorter ones are rare splits.
            token = max((text for text, _ in tokens if text and rest.startswith(text)), key=len, default="")
            if token:
                branches.setdefault(token, []).append((label, rest[len(token) :]))
        probabilities = {text: math.exp(logprob) for text, logprob in tokens}
        for token, branch in branches.items():
            share = mass * probabilities[token]
            labels = {label for label, _ in branch}
            if len(labels) == 1 or depth >= _MAX_DEPTH:
                for label in labels:
                    self.found[label] += share
            else:
                self.visit(branch, written + token, share, depth + 1)
        # A label that ends here gets what does not go on to a longer one: `good` beside `good enough`.
        left = mass * max(1.0 - sum(probabilities[token] for token in branches), 0.0)
        for label in ended:
            self.found[label] += left
        return floor
