"""A step of an ordered scale: labels whose order means something."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import polars as pl

from rowbatch.core.agreement import ScaleAgreement, scale_agreement
from rowbatch.core.kinds.base import Language, Place
from rowbatch.core.kinds.choice import ChoiceVariable, Label, label_faults, plain_label
from rowbatch.errors import UsageError
from rowbatch.words.notice import Notice

_RULES = {
    "en": "{name} is a scale from {first} to {last}, with {steps} steps.",
    "zh": "{name} 是从 {first} 到 {last} 的有序量表，共 {steps} 级。",
}


class ScaleVariable(ChoiceVariable):
    """
    One of the labels that are listed in their order, from one end to the other.

    Attributes:
        labels: The steps in order, at least two.
    """

    kind = "scale"
    heading: ClassVar[Mapping[Language, str]] = {
        "en": "{} is one step of this scale, in order:",
        "zh": "{} 取以下有序量表中的一级（按顺序）：",
    }
    has_order = True

    labels: tuple[Label, ...] = ()

    def plain_rules(self) -> dict[str, Any]:
        return {"kind": self.kind, "labels": list(map(plain_label, self.labels))}

    @property
    def listed(self) -> tuple[Label, ...]:
        return self.labels

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps in order, without "can't say"."""
        return tuple(label.name for label in self.labels)

    def faults(self) -> Iterator[tuple[Place, Notice]]:
        yield from label_faults(self.labels)
        yield from super().faults()

    def rule(self, language: Language) -> str:
        return _RULES[language].format(
            name=self.name, first=self.steps[0], last=self.steps[-1], steps=len(self.steps)
        )

    def compare(self, pairs: Iterable[tuple[str, str | None]]) -> ScaleAgreement:
        return scale_agreement(pairs, self.choices, self.steps)

    def is_compared(self, people: str) -> bool:
        # What people can't say is nowhere on the scale.
        return people in self.steps

    def within(self, value: pl.Expr, least: str, most: str) -> pl.Expr:
        first = self._step(least) if least else 0
        last = self._step(most) if most else len(self.steps) - 1
        return value.is_in(list(self.steps[first : last + 1]))

    def _step(self, said: str) -> int:
        step = self.read(said)
        if step not in self.steps:
            raise UsageError("value-without-order", variable=self.name)
        return self.steps.index(step)
