"""One line of Batch JSONL for each row, a whole chunk at a time."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

import polars as pl

from rowbatch.core.endpoint import Endpoint
from rowbatch.core.template import Column, Template
from rowbatch.errors import UsageError

# Legal in JSON, but Python's `splitlines`, and whatever is built on it, takes these for line ends and cuts a
# valid line in two.
_LINE_ENDS: dict[str, str] = {"\u0085": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_HAS_LINE_END = "[" + "".join(_LINE_ENDS) + "]"
# Each may be some megabytes.
_IMAGES_AT_ONCE = 32
_CHUNK_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Image:
    """An image beside the text, unless the cell is empty: an address of the web, or a data URL."""

    name: str


@dataclass(frozen=True, slots=True)
class RequestSettings:
    """
    How a row becomes a request: the same settings and the same row give the same bytes.

    Attributes:
        model: As the provider names it.
        user: The user message; for embeddings the text.
        system: The system message, or None for none.
        image: Column with the address of an image, or None for none.
        endpoint: Who is asked.
        parameters: The rest of the body, as the endpoint names it.
        id_prefix: What stands before the row number in `custom_id`.
    """

    model: str
    user: Template
    system: Template | None = None
    image: str | None = None
    endpoint: Endpoint = Endpoint.CHAT
    parameters: Mapping[str, Any] = field(default_factory=dict)
    id_prefix: str = "row-"

    def __post_init__(self) -> None:
        if self.endpoint is Endpoint.EMBEDDINGS and (self.system is not None or self.image is not None):
            raise UsageError(
                "embeddings are of a text alone", hint="leave the system message and the image out"
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that are used, each once."""
        system = self.system.columns if self.system else ()
        image = (self.image,) if self.image is not None else ()
        return tuple(dict.fromkeys((*system, *self.user.columns, *image)))

    def body_preview(self, cells: Mapping[str, str]) -> dict[str, Any]:
        """The body of one row's request, for people to look at."""
        line = "".join(
            part
            if isinstance(part, str)
            else ""
            if part is None
            else _inside(cells[part.name])
            if isinstance(part, Column)
            else self._image_text(cells[part.name])
            for part in self.line_parts()
        )
        body: dict[str, Any] = json.loads(line)["body"]
        return body

    def _image_text(self, address: str) -> str:
        before, after = _IMAGE_PARTS[self.endpoint]
        return before + _inside(address) + after if address else ""

    def rows_per_chunk(self, most: int = 20_000) -> int:
        """How many rows to render at a time: a long prompt stands in each, and must not fill the memory."""
        if self.image is not None:
            most = min(most, _IMAGES_AT_ONCE)
        constant = sum(len(part.encode()) for part in self.line_parts() if isinstance(part, str))
        return max(1, min(most, _CHUNK_BYTES // constant))

    def line_parts(self) -> tuple[str | Column | Image | None, ...]:
        """
        A request line: constant JSON text, columns (to be escaped), images, and None for the row number.
        """
        parts: list[str | Column | Image | None] = [
            '{"custom_id":"' + _inside(self.id_prefix),
            None,
            f'","method":"POST","url":{_json(str(self.endpoint))},"body":{{"model":{_json(self.model)},',
        ]
        match self.endpoint:
            case Endpoint.CHAT:
                parts.append('"messages":[')
                if self.system is not None:
                    parts += ['{"role":"system","content":"', *_inner(self.system), '"},']
                parts += ['{"role":"user","content":', *self._content("text"), "}]"]
            case Endpoint.RESPONSES:
                if self.system is not None:
                    parts += ['"instructions":"', *_inner(self.system), '",']
                content = self._content("input_text")
                if self.image is not None:
                    content = ['[{"role":"user","content":', *content, "}]"]
                parts += ['"input":', *content]
            case Endpoint.EMBEDDINGS:
                parts += ['"input":', *self._content("text")]
            case _:
                assert_never(self.endpoint)
        rest = "".join(f",{_json(name)}:{_json(value)}" for name, value in self.parameters.items())
        parts.append(f"{rest}}}}}\n")
        return tuple(parts)

    def _content(self, kind: str) -> list[str | Column | Image | None]:
        """What the user says: a text, or a list of parts where there may be an image."""
        text = ['"', *_inner(self.user), '"']
        if self.image is None:
            return text
        return [f'[{{"type":"{kind}","text":', *text, "}", Image(self.image), "]"]


_IMAGE_PARTS = {
    Endpoint.CHAT: (',{"type":"image_url","image_url":{"url":"', '"}}'),
    Endpoint.RESPONSES: (',{"type":"input_image","image_url":"', '"}'),
}


def _inner(template: Template) -> list[str | Column | Image | None]:
    """A template as it stands between the quotes of a JSON string."""
    return [_inside(part) if isinstance(part, str) else part for part in template.parts]


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
            pieces.append(pl.lit(rows).cast(pl.String))
        elif isinstance(part, Image):
            name = str(positions[part.name])
            before, after = _IMAGE_PARTS[settings.endpoint]
            image = pl.concat_str(pl.lit(before), _escaped(name), pl.lit(after))
            pieces.append(pl.when(pl.col(name) != "").then(image).otherwise(pl.lit("")))
        elif isinstance(part, Column):
            pieces.append(_escaped(str(positions[part.name])))
        else:
            pieces.append(pl.lit(part))
    # All in one go: each call of polars costs as much as some hundred rows.
    lines = frame.select(pl.concat_str(pieces).alias("line")).to_series()
    cells = [pl.col(str(positions[name])) for name in settings.columns]
    if cells:
        # Few lines have any, and looking is cheaper than replacing.
        has_any = frame.select(pl.any_horizontal(cell.str.contains(_HAS_LINE_END) for cell in cells))
        few = has_any.to_series().arg_true()
        if len(few):
            escaped = lines.gather(few).str.replace_many(list(_LINE_ENDS), list(_LINE_ENDS.values()))
            lines.scatter(few, escaped)
    return lines


def write_lines(lines: pl.Series, file: io.FileIO) -> int:
    """
    Write lines as they are.

    Args:
        lines: Complete, with their ends; none null.
        file: Without a buffer of its own: the bytes go past Python, at half the cost.
    Returns:
        The bytes written.
    """
    lines.to_frame().write_csv(file, include_header=False, quote_style="never", line_terminator="")
    return int(lines.str.len_bytes().sum())


def _escaped(column: str) -> pl.Expr:
    """Texts as they stand between the quotes of a JSON string, but for what `_LINE_ENDS` has."""
    # As the only field of an object: the encoder for whole columns takes no texts by themselves.
    encoded = pl.struct(pl.col(column).alias("c")).struct.json_encode()
    return encoded.str.strip_prefix('{"c":"').str.strip_suffix('"}')


def _json(value: Any) -> str:
    return _safe(json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False))


def _inside(text: str) -> str:
    """A text as it stands between the quotes of a JSON string."""
    return _json(text)[1:-1]


def _safe(text: str) -> str:
    for character, escape in _LINE_ENDS.items():
        text = text.replace(character, escape)
    return text
