"""Text with `{{column}}` placeholders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from rowbatch.errors import UsageError

_BRACES = re.compile(r"\\\{\{|\\\}\}|\{\{(.*?)\}\}|\{\{|\}\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Column:
    """A placeholder: the cell of this column goes here."""

    name: str


@dataclass(frozen=True, slots=True)
class Template:
    """
    Constant text and placeholders, in order.

    What a cell holds is never read as a template: braces in it are braces.

    Attributes:
        parts: Texts and placeholders; no text is empty, no two texts stand side by side.
    """

    parts: tuple[str | Column, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        r"""
        Read a template. Spaces inside the braces don't count; `\{{` and `\}}` are braces in the text.

        Raises:
            UsageError: Braces without a partner, or with nothing in between.
        """
        parts: list[str | Column] = []
        end = 0
        for match in _BRACES.finditer(text):
            parts.append(text[end : match.start()])
            end = match.end()
            token = match.group()
            if token.startswith("\\"):
                parts.append(token[1:])
                continue
            if match.group(1) is None:
                raise UsageError("template-brace-alone", brace=token, at=match.start() + 1)
            name = match.group(1).strip()
            if "{{" in name:
                raise UsageError("template-brace-alone", brace="{{", at=match.start() + 1)
            if not name:
                raise UsageError("template-column-unnamed")
            parts.append(Column(name))
        parts.append(text[end:])
        return cls(_joined(parts))

    @classmethod
    def literal(cls, text: str) -> Template:
        """A template without placeholders; braces are braces."""
        return cls(_joined([text]))

    @classmethod
    def column_only(cls, name: str) -> Template:
        """The cell of one column and nothing else; any header name goes."""
        return cls((Column(name),))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, each once, in order of appearance."""
        return tuple(dict.fromkeys(part.name for part in self.parts if isinstance(part, Column)))

    def render(self, cells: Mapping[str, str]) -> str:
        """The text of one row."""
        return "".join(cells[part.name] if isinstance(part, Column) else part for part in self.parts)


def _joined(parts: list[str | Column]) -> tuple[str | Column, ...]:
    joined: list[str | Column] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part != "":
            joined.append(part)
    return tuple(joined)
