"""Yes or no."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar

from rowbatch.core.agreement import YesNoAgreement, yes_no_agreement
from rowbatch.core.kinds.base import YES_NO, FormRule, Language, Text
from rowbatch.core.kinds.choice import ChoiceVariable, Label

# As models and people write them, in any language of a codebook.
_YES = ("yes", "y", "true", "1", "是", "有", "对")
_NO = ("no", "n", "false", "0", "否", "没有", "不是")


class YesNoVariable(ChoiceVariable):
    """
    Whether something is so.

    Attributes:
        yes, no: When the answer is yes, and when no.
    """

    kind = "yes-no"
    answer_tokens = (8, 40)
    form_rules: ClassVar[Mapping[str, FormRule]] = {"yes": "text", "no": "text"}
    heading: ClassVar[Mapping[Language, str]] = {"en": "{} is yes or no:", "zh": "{} 回答是或否："}

    yes: Text = ""
    no: Text = ""

    def plain_rules(self) -> dict[str, Any]:
        given = {"yes": self.yes, "no": self.no}
        return {"kind": self.kind} | {word: text for word, text in given.items() if text}

    @cached_property
    def listed(self) -> tuple[Label, ...]:
        no, yes = YES_NO[self._language]
        return (
            Label(name=yes, definition=self.yes, aliases=tuple(word for word in _YES if word != yes)),
            Label(name=no, definition=self.no, aliases=tuple(word for word in _NO if word != no)),
        )

    @property
    def codes(self) -> tuple[int, ...]:
        return (1, 0, 2)[: len(self.choices)]

    def read_value(self, value: object) -> str:
        return super().read_value(str(value).lower() if isinstance(value, bool) else value)

    def compare(self, pairs: Iterable[tuple[str, str | None]]) -> YesNoAgreement:
        yes, no = (label.name for label in self.listed)
        return yes_no_agreement(pairs, self.choices, yes=yes, no=no)
