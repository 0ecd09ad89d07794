"""Free text: the model's own words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rowbatch.core.kinds.base import Language, Variable
from rowbatch.errors import UsageError

_FREE_TEXT = {"en": "{}: free text", "zh": "{}：自由文本"}


class TextVariable(Variable):
    """Whatever the model says."""

    kind = "text"
    is_open = True
    answer_tokens = (20, 1_000)

    def to_plain(self) -> dict[str, Any]:
        # As it was before there were kinds: no labels.
        return {**self.model_dump(mode="json"), "labels": []}

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string"}

    def instructions(self, language: Language) -> Iterator[str]:
        # A question needs no more words.
        if not self.question:
            yield _FREE_TEXT[language].format(self.name)

    def read(self, value: object) -> str:
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise UsageError("value-not-a-text", variable=self.name)
        return str(value)
