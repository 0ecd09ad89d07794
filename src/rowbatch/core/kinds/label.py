"""One label of several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from rowbatch.core.kinds.base import Language, Place
from rowbatch.core.kinds.choice import ChoiceVariable, Label, label_faults, plain_label
from rowbatch.words.notice import Notice


class LabelVariable(ChoiceVariable):
    """
    One of the labels that are listed.

    Attributes:
        labels: The allowed values, at least two.
    """

    kind = "label"
    heading: ClassVar[Mapping[Language, str]] = {"en": "{} is one of:", "zh": "{} 取以下各值之一："}

    labels: tuple[Label, ...] = ()

    def plain_rules(self) -> dict[str, Any]:
        # As it was before there were kinds: the labels say it.
        return {"labels": list(map(plain_label, self.labels))}

    @property
    def listed(self) -> tuple[Label, ...]:
        return self.labels

    def faults(self) -> Iterator[tuple[Place, Notice]]:
        yield from label_faults(self.labels)
        yield from super().faults()
