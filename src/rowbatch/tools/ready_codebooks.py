"""
Codebooks that come along, to begin with: each in English and in Chinese, to be read and changed before use.

They are files in `ready/`, as a person would write them. Their first two lines are comments: what it is, and
what it asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import get_args

from rowbatch.core.codebook import Codebook, codebook_document, open_place, parse_codebook
from rowbatch.core.document import Block, Shown, Table, named
from rowbatch.core.kinds.base import Language
from rowbatch.errors import UsageError
from rowbatch.store.codebook_file import codebook_of_yaml, yaml_text
from rowbatch.store.yaml_file import read_yaml_text

NAMES = ("sentiment", "stance", "topic", "moral-foundations", "survey-answers")
"""In the order in which they are shown."""
LANGUAGES: tuple[Language, ...] = get_args(Language)


@dataclass(frozen=True, repr=False)
class ReadyCodebook(Shown):
    """
    A codebook that comes along.

    Attributes:
        name: Of `NAMES`.
        language: `en` or `zh`.
        title: What it is, in its language.
        about: What it asks, in its language.
        text: The file, in YAML.
    """

    name: str
    language: Language
    title: str
    about: str
    text: str

    def as_blocks(self) -> Iterable[Block]:
        yield named({"name": self.name, "language": self.language, "title": self.title, "about": self.about})
        yield Table(
            ("variable", "labels"),
            [
                (one.name, ", ".join(label.name for label in getattr(one, "labels", ())))
                for one in self.codebook.variables
            ],
        )

    @cached_property
    def codebook(self) -> Codebook:
        """As `rowbatch.create` takes it."""
        return codebook_of_yaml(read_yaml_text(self.text, self.name), Path(self.name))

    @property
    def open_place(self) -> str:
        """What of its question is still to be written, as it stands there; or ""."""
        return open_place(self.codebook)


def ready_codebooks(language: str = "en") -> tuple[ReadyCodebook, ...]:
    """
    The codebooks that come along.

    Args:
        language: `en` or `zh`: of questions, labels and definitions.
    Raises:
        UsageError: There are none in this language.
    """
    return tuple(ready_codebook(name, language) for name in NAMES)


def ready_codebook(name: str, language: str = "en", *, target: str = "") -> ReadyCodebook:
    """
    One of the codebooks that come along.

    Args:
        name: Of `NAMES`.
        language: `en` or `zh`.
        target: What a stance is about; "" leaves the place open, and a codebook with an open place is not
            asked.
    Raises:
        UsageError: There is no such codebook; or it asks about no target.
    """
    known = next((one for one in LANGUAGES if one == language), None)
    if name not in NAMES or known is None:
        raise UsageError(
            "ready-codebook-unknown",
            name=name,
            known=list(NAMES),
            language=language,
            languages=list(LANGUAGES),
        )
    text = files("rowbatch.tools").joinpath("ready", f"{name}.{language}.yaml").read_text(encoding="utf-8")
    title, about = (line.removeprefix("# ") for line in text.split("\n", 2)[:2])
    found = ReadyCodebook(name, known, title, about, text)
    return _about(found, target.strip()) if target.strip() else found


def _about(found: ReadyCodebook, target: str) -> ReadyCodebook:
    if not found.open_place:
        raise UsageError("ready-codebook-without-target", name=found.name)
    document = codebook_document(found.codebook)
    for variable in document["variables"]:
        variable["question"] = variable["question"].replace(found.open_place, target)
    return replace(found, text=f"# {found.title}\n# {found.about}\n{yaml_text(parse_codebook(document))}")
