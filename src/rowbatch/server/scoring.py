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
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from rowbatch.core.confidence import CALIBRATED_METHOD

Token = tuple[bytes, float]
"""A possible next token: its bytes (it may be part of a character) and its log probability."""

CONTENT_FREE_TEXTS = ("N/A", "the text", "...")
METHOD = CALIBRATED_METHOD
GENERATED_METHOD = "constrained generation"
"""For labels that scoring cannot tell apart, as in a script whose characters the model has no tokens for."""

# Of a token when the model lists none at all.
_FALLBACK_LOGPROB = -20.0


@dataclass(frozen=True, slots=True)
class Choice:
    """
    A schema that asks for one label.

    Attributes:
        name: Of the only property; or "" when the answer is the bare label.
        labels: Allowed values.
        has_several: More than one of them may apply.
    """

    name: str
    labels: tuple[str, ...]
    has_several: bool = False

    @property
    def cue(self) -> str:
        """How the model's answer begins, so that a label comes next."""
        name = (self.name or "label").replace("_", " ")
        return f"The text names these {name}:" if self.has_several else f"The {name} of the text is"


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
    if not isinstance(labels, Sequence) or isinstance(labels, str):
        return None
    if not all(isinstance(label, str) and label.strip() for label in labels):
        return None
    # JSON schema: the same value twice is one value.
    different = tuple(dict.fromkeys(labels))
    return Choice(str(name), different) if len(different) > 1 else None


def label_log_probabilities(
    labels: Sequence[str],
    next_tokens: Callable[[str], Sequence[Token]],
    vocabulary: Collection[bytes],
) -> dict[str, float]:
    """
    How likely the model goes on with each label.

    Labels that begin with the same token are told apart by asking again behind it. A token that is not
    among those listed is taken to be as likely as the last one that is; labels that part in the middle
    of a character share alike.

    Args:
        labels: In any order.
        next_tokens: The most likely tokens after the cue and the text that is given to it.
        vocabulary: All of the model's tokens. A label is spelled with the longest ones that fit: "n" + "eg"
            is also a way to begin "negative", but not the one that the model learned.
    Returns:
        Log probability of each label; not normalised.
    """
    found = dict.fromkeys(labels, 0.0)
    spelled = [
        (label, f" {spelling}".encode())
        for label in labels
        for spelling in dict.fromkeys((label, label[:1].upper() + label[1:]))
    ]
    _Walk(next_tokens, vocabulary, max(map(len, vocabulary)), found).visit(spelled, b"", 1.0)
    return {label: math.log(mass) if mass > 0 else -math.inf for label, mass in found.items()}


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


def is_decided(scores: Mapping[str, float], probabilities: Mapping[str, float]) -> bool:
    """Whether the text made a difference at all, and one label is ahead of the others."""
    first, second, *_ = sorted(probabilities.values(), reverse=True)
    return len(set(scores.values())) > 1 and first > second


@dataclass(frozen=True, slots=True)
class _Walk:
    """Down the tokens that the labels share, collecting the mass of each label in `found`."""

    next_tokens: Callable[[str], Sequence[Token]]
    vocabulary: Collection[bytes]
    longest: int
    found: dict[str, float]

    def visit(self, remaining: Sequence[tuple[str, bytes]], written: bytes, mass: float) -> None:
        """Share `mass` among the labels that are still possible behind `written`."""
        try:
            tokens = self.next_tokens(written.decode())
        except UnicodeDecodeError:
            labels = {label for label, _ in remaining}
            for label in labels:
                self.found[label] += mass / len(labels)
            return
        listed: dict[bytes, float] = {}
        for token, logprob in tokens:
            listed[token] = listed.get(token, 0.0) + math.exp(logprob)
        floor = math.exp(min((logprob for _, logprob in tokens), default=_FALLBACK_LOGPROB))
        ended = {label for label, rest in remaining if not rest}
        branches = self._branches(remaining, listed)
        for token, branch in branches.items():
            share = mass * listed.get(token, floor)
            labels = {label for label, _ in branch}
            if len(labels) == 1:
                self.found[branch[0][0]] += share
            else:
                self.visit(branch, written + token, share)
        # A label that ends here gets what does not go on to a longer one: `good` beside `good enough`.
        left = mass * max(1.0 - sum(listed.get(token, 0.0) for token in branches), floor)
        for label in ended:
            self.found[label] += left

    def _branches(
        self, remaining: Sequence[tuple[str, bytes]], listed: Mapping[bytes, float]
    ) -> dict[bytes, list[tuple[str, bytes]]]:
        """The spellings by their next token: all listed ones, and one of a label that has none listed."""
        steps = [(label, rest, self._first_token(rest)) for label, rest in remaining if rest]
        heard = {label for label, _, token in steps if token in listed}
        branches: dict[bytes, list[tuple[str, bytes]]] = {}
        for label, rest, token in steps:
            if token not in listed:
                if label in heard:
                    continue
                heard.add(label)
            branches.setdefault(token, []).append((label, rest[len(token) :]))
        return branches

    def _first_token(self, rest: bytes) -> bytes:
        ends = range(min(len(rest), self.longest), 0, -1)
        return next((rest[:end] for end in ends if rest[:end] in self.vocabulary), rest[:1])
