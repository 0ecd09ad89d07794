"""Something that a person is told: its kind, and the values that its words name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rowbatch.words.telling import Face, Language, tell


@dataclass(frozen=True, slots=True)
class Notice:
    """
    What is told: a wait, a stop, a note.

    Attributes:
        kind: A key of `words.entries`.
        values: What its words name: numbers, names, words of a provider.
    """

    kind: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.told()

    def told(self, face: Face = "terminal", language: Language = "en") -> str:
        """In words; in English where nothing else is said."""
        return tell(self.kind, self.values, face, language).message

    def hint(self, face: Face = "terminal", language: Language = "en") -> str:
        """What to do next, in words; or ""."""
        return tell(self.kind, self.values, face, language).hint

    def to_json(self) -> str:
        """As the ledger keeps it."""
        values = {name: _plain(value) for name, value in self.values.items()}
        return json.dumps({"kind": self.kind, **values}, ensure_ascii=False)


def read_notice(text: str) -> Notice | None:
    """
    What `Notice.to_json` wrote; None for "".

    A sentence, as versions before 0.2 wrote it, is a notice of its own kind: `said`.
    """
    if not text:
        return None
    try:
        document = json.loads(text)
        kind = document.pop("kind")
    except (ValueError, AttributeError, KeyError, TypeError):
        return Notice("said", {"text": text})
    return Notice(str(kind), document)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
