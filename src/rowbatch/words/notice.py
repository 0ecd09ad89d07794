"""Something that a person is told: its kind, and the values that its words name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rowbatch.words.masking import masked, masked_value
from rowbatch.words.telling import Face, Language, tell


@dataclass(frozen=True, slots=True)
class Notice:
    """
    What is told: a wait, a stop, a note.

    Attributes:
        kind: A key of `words.entries`.
        values: What its words name: numbers, names, words of a provider, other notices.
    """

    kind: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", masked_value(self.values))

    def __str__(self) -> str:
        return self.told()

    def __hash__(self) -> int:
        return hash(self.to_json())

    def told(self, face: Face = "terminal", language: Language = "en") -> str:
        """In words; in English where nothing else is said."""
        return tell(self.kind, self.values, face, language).message

    def hint(self, face: Face = "terminal", language: Language = "en") -> str:
        """What to do next, in words; or ""."""
        return tell(self.kind, self.values, face, language).hint

    def to_plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {"kind": self.kind, "values": {name: _plain(value) for name, value in self.values.items()}}

    def to_json(self) -> str:
        """As the ledger keeps it."""
        return json.dumps(self.to_plain(), ensure_ascii=False)


def read_notice(text: str) -> Notice | None:
    """
    What `Notice.to_json` wrote; None for "".

    A sentence, as versions before 0.2 wrote it, is a notice of its own kind: `said`; and so is what only another
    version has words for.
    """
    if not text:
        return None
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    return notice_of(document) or Notice("said", {"text": text})


def notice_of(document: object) -> Notice | None:
    """
    What `Notice.to_plain` gave; None for what is none.

    What only another version has words for is a notice of the kind `said`.
    """
    found = _notice(document)
    if found is None:
        return None
    try:
        found.told()
    except (KeyError, ValueError, TypeError, AttributeError, IndexError):
        return Notice("said", {"text": found.kind})
    return found


def _notice(value: Any) -> Notice | None:
    match value:
        case {"kind": str(kind), "values": dict(values)}:
            return Notice(kind, {name: _read(one) for name, one in values.items()})
        case _:
            return None


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return [_read(one) for one in value]
    found = _notice(value)
    return value if found is None else found


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Notice):
        return value.to_plain()
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, int | float | bool | None):
        return value
    return masked(str(value))
