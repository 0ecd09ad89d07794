"""One line of Batch JSONL for each row, a whole chunk at a time."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, TypeAlias, assert_never

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
        custom_id: What `custom_id` is made of instead; or None.
    """

    model: str
    user: Template
    system: Template | None = None
    image: str | None = None
    endpoint: Endpoint = Endpoint.CHAT
    parameters: Mapping[str, Any] = field(default_factory=dict)
    id_prefix: str = "row-"
    custom_id: Template | None = None

    def __post_init__(self) -> None:
        if self.endpoint is Endpoint.EMBEDDINGS and (self.system is not None or self.image is not None):
            raise UsageError("embeddings-of-text-alone")

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that are asked about, each once."""
        system = self.system.columns if self.system else ()
        image = (self.image,) if self.image is not None else ()
        return tuple(dict.fromkeys((*system, *self.user.columns, *image)))

    @property
    def line_columns(self) -> tuple[str, ...]:
        """Names of all columns that stand in a line: also those of `custom_id`."""
        ids = self.custom_id.columns if self.custom_id is not None else ()
        return tuple(dict.fromkeys((*self.columns, *ids)))

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

    def rows_per_chunk(self) -> int:
        """The most rows to render at a time: a long prompt stands in each, and must not fill the memory."""
        if self.image is not None:
            return _IMAGES_AT_ONCE
        constant = sum(len(part.encode()) for part in self.line_parts() if isinstance(part, str))
        return max(1, _CHUNK_BYTES // constant)

    def line_parts(self) -> tuple[str | Column | Image | None, ...]:
        """
        A request line: constant JSON text, columns (to be escaped), images, and None for the row number.
        """
        parts: list[str | Column | Image | None] = [
            '{"custom_id":"',
            *([_inside(self.id_prefix), None] if self.custom_id is None else _inner(self.custom_id)),
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


@dataclass(frozen=True, slots=True)
class RequestLines:
    """
    Request lines, in order, cut at quotation marks.

    They are put together while they are written: in memory that would cost as much as all the rest.

    Attributes:
        pieces: As many columns of texts as a line has pieces, as many rows as there are lines. Joined by
            quotation marks they are the line without its end.
        sizes: Bytes of each line, newline included.
        cells: Names of the pieces that the cells of a row go into.
    """

    pieces: pl.DataFrame
    sizes: pl.Series
    cells: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.pieces.height

    def line_sizes(self) -> list[int]:
        """Bytes of each line, newline included."""
        return self.sizes.to_list()

    def slice(self, start: int, stop: int) -> RequestLines:
        """Those at the positions from `start` to before `stop`."""
        here = slice(start, stop)
        return RequestLines(self.pieces[here], self.sizes[here], self.cells)

    def where(self, mask: pl.Series) -> RequestLines:
        """Those for which a boolean is true."""
        return RequestLines(self.pieces.filter(mask), self.sizes.filter(mask), self.cells)

    def to_list(self) -> list[bytes]:
        """The lines, newline included."""
        line = pl.concat_str(*map(pl.col, self.pieces.columns), separator='"') + "\n"
        return self.pieces.select(line.cast(pl.Binary)).to_series().to_list()

    def write(self, file: io.FileIO) -> None:
        """
        Write the lines.

        Args:
            file: Without a buffer of its own: the bytes go past Python, at half the cost.
        """
        self.pieces.write_csv(
            file, include_header=False, quote_style="never", separator='"', line_terminator="\n"
        )


def render_requests(
    settings: RequestSettings, frame: pl.DataFrame, positions: Mapping[str, int], rows: pl.Series
) -> RequestLines:
    """
    Render a chunk, whole columns at once; the constant pieces are encoded once.

    Args:
        settings: How.
        frame: The chunk, columns named by their position in the table, all text.
        positions: Position of each column that the settings name.
        rows: The row numbers, as many as the frame has rows.
    Returns:
        One line a row.
    """
    pieces, constant_bytes, variable, cells = [], 0, [], []
    for number, parts in enumerate(_cut_at_quotes(settings.line_parts())):
        name = str(number)
        if all(isinstance(part, str) for part in parts):
            text = "".join(part for part in parts if isinstance(part, str))
            constant_bytes += len(text.encode())
            pieces.append(pl.lit(text).alias(name))
        else:
            variable.append(name)
            if _has_cell(parts):
                cells.append(name)
            expressions = [_expression(part, settings.endpoint, positions, rows) for part in parts]
            pieces.append(pl.concat_str(expressions).alias(name))
    # All in one go: each call of polars costs as much as some hundred rows. The numbers give the height.
    found = frame.select(pl.lit(rows).alias("rows"), *pieces).drop("rows")
    columns = [str(positions[name]) for name in settings.line_columns]
    found = found.with_columns(_without_line_ends(found.select(variable), frame, columns))
    # A quotation mark between two pieces, and the newline.
    constant_bytes += len(pieces)
    sizes = pl.sum_horizontal(pl.col(name).str.len_bytes() for name in variable).cast(pl.Int64)
    return RequestLines(found, found.select(sizes + constant_bytes).to_series(), tuple(cells))


_Part: TypeAlias = str | Column | Image | None
_IN_STRING = r'[^"\\]*(?:\\.[^"\\]*)*'


def _has_cell(parts: Sequence[_Part]) -> bool:
    return any(isinstance(part, Column | Image) for part in parts)


def line_form(settings: RequestSettings) -> list[list[str | None]]:
    """
    What all request lines of some settings have in common, whatever the columns are called: the pieces of a
    line, each with its constant texts, and None where a cell or the row's number stands.
    """
    pieces = _cut_at_quotes(settings.line_parts())
    return [[part if isinstance(part, str) else None for part in piece] for piece in pieces]


def line_pattern(settings: RequestSettings) -> re.Pattern[bytes]:
    """
    Matches a whole request line of some settings: first the row's number, then `RequestLines.cells`.

    In the text of a JSON string each quotation mark has a backslash before it, so those that cut a line into
    pieces cannot be taken for others.
    """
    text = []
    for piece in _cut_at_quotes(settings.line_parts()):
        inner = "".join(_matched(part, settings.endpoint) for part in piece)
        text.append(f"({inner})" if _has_cell(piece) else inner)
    return re.compile(('"'.join(text) + "\n?").encode(), re.DOTALL)


def _matched(part: _Part, endpoint: Endpoint) -> str:
    match part:
        case None:
            return "([0-9]+)"
        case str():
            return re.escape(part)
        case Column():
            return _IN_STRING
        case Image():
            before, after = map(re.escape, _IMAGE_PARTS[endpoint])
            return f"(?:{before}{_IN_STRING}{after})?"
        case _:
            assert_never(part)


def _cut_at_quotes(parts: Sequence[_Part]) -> list[list[_Part]]:
    """
    Cut a line at some of the quotation marks in its constant text, so that most of this stands by itself.

    Returns:
        The parts of each piece; without the newline at the end.
    """
    pieces: list[list[_Part]] = [[]]
    for is_text, group in groupby(parts, key=lambda part: isinstance(part, str)):
        if not is_text:
            pieces[-1] += group
            continue
        text = "".join(part for part in group if isinstance(part, str))
        first, last = text.find('"'), text.rfind('"')
        if first < 0:
            pieces[-1].append(text)
        elif all(isinstance(part, str) for part in pieces[-1]) or first == last:
            # At the begin of the line, or between two cells with one quotation mark in between.
            pieces[-1].append(text[:last])
            pieces.append([text[last + 1 :]])
        else:
            pieces[-1].append(text[:first])
            pieces += [[text[first + 1 : last]], [text[last + 1 :]]]
    if all(isinstance(part, str) for part in pieces[-2]):
        # No cell comes after the last quotation mark.
        pieces[-2:] = [[*pieces[-2], '"', *pieces[-1]]]
    last_part = pieces[-1][-1]
    assert isinstance(last_part, str)
    pieces[-1][-1] = last_part.removesuffix("\n")
    return pieces


def _expression(part: _Part, endpoint: Endpoint, positions: Mapping[str, int], rows: pl.Series) -> pl.Expr:
    match part:
        case None:
            return pl.lit(rows).cast(pl.String)
        case str():
            return pl.lit(part)
        case Column():
            return _escaped(str(positions[part.name]))
        case Image():
            name = str(positions[part.name])
            before, after = _IMAGE_PARTS[endpoint]
            image = pl.concat_str(pl.lit(before), _escaped(name), pl.lit(after))
            return pl.when(pl.col(name) != "").then(image).otherwise(pl.lit(""))
        case _:
            assert_never(part)


def _escaped(column: str) -> pl.Expr:
    """Texts as they stand between the quotes of a JSON string, but for what `_LINE_ENDS` has."""
    # As the only field of an object: the encoder for whole columns takes no texts by themselves.
    encoded = pl.struct(pl.col(column).alias("c")).struct.json_encode()
    return encoded.str.strip_prefix('{"c":"').str.strip_suffix('"}')


def _without_line_ends(
    pieces: pl.DataFrame, frame: pl.DataFrame, columns: Sequence[str]
) -> Sequence[pl.Series]:
    """The pieces in which something of `_LINE_ENDS` was left, escaped; only from these columns it comes."""
    if not columns:
        return ()
    has_any = pl.any_horizontal(pl.col(column).str.contains(_HAS_LINE_END) for column in columns)
    few = frame.select(has_any).to_series().arg_true()
    if not len(few):
        return ()
    # Few lines have any, and looking is cheaper than replacing.
    old, new = list(_LINE_ENDS), list(_LINE_ENDS.values())
    return [piece.scatter(few, piece.gather(few).str.replace_many(old, new)) for piece in pieces]


def _json(value: Any) -> str:
    return _safe(json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False))


def _inside(text: str) -> str:
    """A text as it stands between the quotes of a JSON string."""
    return _json(text)[1:-1]


def _safe(text: str) -> str:
    for character, escape in _LINE_ENDS.items():
        text = text.replace(character, escape)
    return text
