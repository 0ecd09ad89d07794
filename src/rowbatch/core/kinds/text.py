"""Free text: the model's own words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Self

from rowbatch.core.kinds.base import Language, Variable
from rowbatch.errors import UsageError

_FREE_TEXT = {"en": "{}: free text", "zh": "{}：自由文本"}


class TextVariable(Variable):
    """Whatever the model says."""

    kind = "text"
    is_open = True
    answer_tokens = (20, 1_000)

    def plain_rules(self) -> dict[str, Any]:
        # As it was before there were kinds: no labels.
        return {"labels": []}

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string"}

    def instructions(self, language: Language) -> Iterator[str]:
        # A question needs no more words.
        if not self.question:
            yield _FREE_TEXT[language].format(self.name)

    def read_value(self, value: object) -> str:
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise UsageError("value-not-a-text", variable=self.name)
        return str(value)


_REASON = {
    "en": "{}: why, in one sentence; it comes before {}.",
    "zh": "{}：用一句话说明理由，写在 {} 之前。",
}


class ReasonVariable(TextVariable):
    """Why another variable has its value: asked before it, and in a column beside it."""

    is_reason = True
    answer_tokens = (20, 60)

    @classmethod
    def of(cls, variable: Variable) -> Self:
        """The reason that a variable asks for."""
        return cls.model_construct(name=f"{variable.name}_reason", only_if=variable.only_if)

    def instructions(self, language: Language) -> Iterator[str]:
        yield _REASON[language].format(self.name, self.name.removesuffix("_reason"))

    def read_value(self, value: object) -> str:
        # Beside a good value no reason is too odd to be kept.
        return value if isinstance(value, str) else "" if value is None else json.dumps(value)
