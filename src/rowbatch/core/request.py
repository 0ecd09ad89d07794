"""One line of Batch JSONL for each row, a whole chunk at a time."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from rowbatch.core.template import Column, Template
from rowbatch.errors import UsageError

# JSON demands the first three groups. The last three characters are legal in JSON, but Python's
# `splitlines`, and whatever is built on it, takes them for line ends and cuts a valid line in two.
_ESCAPES: dict[str, str] = {
    "\\": "\\\\",
    '"': '\\"',
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    **{chr(code): f"\\u{code:04x}" for code in range(0x20) if chr(code) not in "\b\f\n\r\t"},
    "\u0085": "\\u0085",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}
_ESCAPED_CHARACTERS, _ESCAPE_TEXTS = list(_ESCAPES), list(_ESCAPES.values())
# Most cells need no escape at all, and looking is cheaper than replacing.
_NEEDS_ESCAPE = r'[\x00-\x1f"\\\u{85}\u{2028}\u{2029}]'
_CHUNK_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class RequestSettings:
    """
    How a row becomes a request: the same settings and the same row give the same bytes.

    Attributes:
        model: As the provider names it.
        user: The user message.
        system: The system message, or None for none.
        url: The endpoint, as the batch file names it.
        parameters: The rest of the body, as the endpoint names it.
        id_prefix: What stands before the row number in `custom_id`.
    """

    model: str
    user: Template
    system: Template | None = None
    url: str = "/v1/chat/completions"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    id_prefix: str = "row-"

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that the templates use, each once."""
        system = self.system.columns if self.system else ()
        return tuple(dict.fromkeys((*system, *self.user.columns)))

    def body_preview(self, cells: Mapping[str, str]) -> dict[str, Any]:
        """The body of one row's request, for people to look at."""
        return {
            "model": self.model,
            "messages": [
                {"role": role, "content": template.render(cells)} for role, template in self._messages()
            ],
            **self.parameters,
        }

    def _messages(self) -> Iterator[tuple[str, Template]]:
        if self.system is not None:
            yield "system", self.system
        yield "user", self.user

    def rows_per_chunk(self, most: int = 20_000) -> int:
        """How many rows to render at a time: a long prompt stands in each, and must not fill the memory."""
        constant = sum(len(part.encode()) for part in self.line_parts() if isinstance(part, str))
        return max(1, min(most, _CHUNK_BYTES // constant))

    def line_parts(self) -> tuple[str | Column | None, ...]:
        """
        A request line as constant JSON text, columns (to be escaped), and None for the row number.
        """
        parts: list[str | Column | None] = [
            '{"custom_id":"' + _inside(self.id_prefix),
            None,
            f'","method":"POST","url":{_json(self.url)},"body":{{"model":{_json(self.model)},"messages":[',
        ]
        for number, (role, template) in enumerate(self._messages()):
            parts.append(("," if number else "") + f'{{"role":{_json(role)},"content":"')
            parts.extend(_inside(part) if isinstance(part, str) else part for part in template.parts)
            parts.append('"}')
        rest = "".join(f",{_json(name)}:{_json(value)}" for name, value in self.parameters.items())
        parts.append(f"]{rest}}}}}\n")
        return tuple(parts)


def sampling_parameters(*, temperature: float | None, max_tokens: int | None) -> dict[str, Any]:
    """
    The parameters of a body that people set most; None leaves one out.

    Raises:
        UsageError: The temperature is no number.
    """
    parameters: dict[str, Any] = {}
    if temperature is not None:
        if not math.isfinite(temperature):
            raise UsageError(
                f"a temperature of {temperature} is no number", hint="for example: --temperature 0"
            )
        parameters["temperature"] = int(temperature) if float(temperature).is_integer() else temperature
    if max_tokens is not None:
        parameters["max_tokens"] = max_tokens
    return parameters


def render_requests(
    settings: RequestSettings, frame: pl.DataFrame, positions: Mapping[str, int], rows: pl.Series
) -> pl.Series:
    """
    Render a chunk, whole columns at once; the constant pieces are encoded once.

    Args:
        settings: How.
        frame: The chunk, columns named by their position in the table, all text.
        positions: Position of each column that the settings name.
        rows: The row numbers, as many as the frame has rows.
    Returns:
        One complete line a row, newline included.
    """
    pieces: list[pl.Expr] = []
    for part in settings.line_parts():
        if part is None:
            pieces.append(pl.lit(rows.cast(pl.String)))
        elif isinstance(part, Column):
            pieces.append(_escaped(str(positions[part.name])))
        else:
            pieces.append(pl.lit(part))
    return frame.select(pl.concat_str(pieces).alias("line")).to_series()


def join_lines(lines: pl.Series) -> bytes:
    """The lines as the bytes of a file."""
    # As binary first: joining Python texts and encoding the whole costs eight times as much.
    return b"".join(lines.cast(pl.Binary).to_list())


def _escaped(column: str) -> pl.Expr:
    cell = pl.col(column)
    return (
        pl.when(cell.str.contains(_NEEDS_ESCAPE))
        .then(cell.str.replace_many(_ESCAPED_CHARACTERS, _ESCAPE_TEXTS))
        .otherwise(cell)
    )


def _json(value: Any) -> str:
    return _safe(json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False))


def _inside(text: str) -> str:
    """A text as it stands between the quotes of a JSON string."""
    return _json(text)[1:-1]


def _safe(text: str) -> str:
    return text.replace("\u0085", "\\u0085").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
