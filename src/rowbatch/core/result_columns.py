"""
Result files as columns: some thousand lines at a time.

A line as it should be is read in one decoding and goes straight into flat lists; an object for each of a
million lines would cost most of the time and the memory. Any other line goes the long way of `read_line`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, assert_never, get_args

import msgspec
import polars as pl

from rowbatch.core.bounded_lines import cut_lines
from rowbatch.core.confidence import Measured
from rowbatch.core.fields import FieldReader
from rowbatch.core.forms import NO_OBJECT
from rowbatch.core.result import (
    PLAIN_LINE,
    Result,
    UnreadableLine,
    first_embedding,
    further_texts,
    is_count,
    read_line,
    refusal_of,
    result_of,
    share,
    tokens_of,
)
from rowbatch.core.states import RowStatus
from rowbatch.core.token_probabilities import ConfidenceReader, whole_probability
from rowbatch.core.wire import Body, OkLine, PlainLine

Extra = Literal[
    "model",
    "usage",
    "usage_details",
    "finish_reason",
    "confidence",
    "refusal",
    "cause",
    "choices",
    "raw",
]
EXTRAS: tuple[Extra, ...] = get_args(Extra)
"""What a result can tell besides its text."""

EXTRA_TYPES: dict[str, pl.DataType] = {
    "model": pl.String(),
    "prompt_tokens": pl.Int64(),
    "completion_tokens": pl.Int64(),
    "cached_tokens": pl.Int64(),
    "cache_write_tokens": pl.Int64(),
    "reasoning_tokens": pl.Int64(),
    "finish_reason": pl.String(),
    "confidence": pl.Float64(),
    "refusal": pl.String(),
    "cause": pl.String(),
    "choices": pl.List(pl.String),
    "raw": pl.String(),
}
"""
Columns that the extras make, with their types. `cause` is that of `Result`; `choices` are the texts of the
second choice and on.
"""
_EXTRA_OF = {
    "prompt_tokens": "usage",
    "completion_tokens": "usage",
    "cached_tokens": "usage_details",
    "cache_write_tokens": "usage_details",
    "reasoning_tokens": "usage_details",
}

# As much as stays in the processor's cache.
_BYTES_AT_ONCE = 250_000
_ROWS_PER_FRAME = 20_000
_BYTES_PER_FRAME = 32_000_000
_OK = RowStatus.OK.value
_OK_LINE = msgspec.json.Decoder(OkLine)


@dataclass(frozen=True, slots=True)
class ResultFrame:
    """
    Lines of a result file, in order.

    Attributes:
        frame: `custom_id`, `content`, `status` and `status_reason` as texts, never null; `embedding`, as it
            stands in the file, where a line has one; then the columns of the extras that were asked for,
            null where a result does not tell; of answers that are to be JSON `forgiven`, as `FieldReader`
            tells it, and their fields, named `.` and the field.
        unreadable: Lines that are no results: number from 1, and why.
        lines: How many lines were read, with the unreadable and the blank ones.
    """

    frame: pl.DataFrame
    unreadable: Sequence[tuple[int, str]]
    lines: int


def read_frames(
    file: BinaryIO,
    extras: Sequence[Extra] = (),
    max_bytes: int | None = None,
    *,
    as_json: bool = False,
    measured: Sequence[Measured] = (),
    translated: Callable[[bytes], bytes] | None = None,
) -> Iterator[ResultFrame]:
    r"""
    Read a result file; lines end at `\n` only.

    Args:
        file: Open for reading, at the begin of a line.
        extras: What to read besides the text.
        max_bytes: How much to read, up to the end of a line; None means all.
        as_json: The answers are JSON objects: each field gets a column. An answer that is none is invalid.
        measured: Values whose confidence is wanted; not without extras. The columns of
            `ConfidenceReader` are there too.
        translated: Gives a line in OpenAI's form that may be another provider's; called for those that are no
            plain answers. Raises UnreadableLine.
    Yields:
        Frames, none without lines. A line that is too long for a result is cut, and so unreadable.
    """
    fields = FieldReader() if as_json else None
    confidence = ConfidenceReader(measured) if measured else None
    builder = _Builder(extras, fields, confidence, translated)
    number = 0
    bounded = cut_lines(file, max_bytes=max_bytes)
    while lines := bounded.readlines(_BYTES_AT_ONCE):
        builder.add(lines, number + 1)
        number += len(lines)
        if builder.is_full:
            yield builder.frame()
            builder = _Builder(extras, fields, confidence, translated)
    if builder.lines:
        yield builder.frame()


class _Builder:
    def __init__(
        self,
        extras: Sequence[Extra],
        fields: FieldReader | None,
        confidence: ConfidenceReader | None,
        translated: Callable[[bytes], bytes] | None,
    ) -> None:
        self._extras, self._fields, self._translated = extras, fields, translated
        self._confidence = confidence
        self._ids: list[str] = []
        self._contents: list[str] = []
        self._not_ok: dict[int, tuple[str, str]] = {}
        self._columns: dict[str, list[Any]] = {name: [] for name in extra_columns(extras)}
        self._embeddings: dict[int, str] = {}
        self._causes: dict[int, str] = {}
        self._unreadable: list[tuple[int, str]] = []
        self._bytes = 0
        self.lines = 0

    @property
    def is_full(self) -> bool:
        return self.lines >= _ROWS_PER_FRAME or self._bytes >= _BYTES_PER_FRAME

    def add(self, lines: Sequence[bytes], first: int) -> None:
        """Add lines, the first of which has this number."""
        self._bytes += sum(map(len, lines))
        self.lines += len(lines)
        before = len(self._ids)
        if self._extras:
            self._add_with_extras(lines, first)
        else:
            self._add_answers(lines, first)
        if self._fields is not None:
            self._fields.add(
                [
                    None if at in self._not_ok else content
                    for at, content in enumerate(self._contents[before:], start=before)
                ]
                if self._not_ok
                else self._contents[before:]
            )

    def _add_answers(self, lines: Sequence[bytes], first: int) -> None:
        """Add lines where nothing but the answer is wanted."""
        ids, contents = self._ids, self._contents
        before, left_out = len(ids), 0
        plain = map(_OK_LINE.decode, lines)
        while True:
            try:
                for line in plain:
                    ids.append(line.custom_id)
                    contents.append(line.response.body.choices[0].message.content)
            except (ValueError, RecursionError):
                # A `map` goes on behind the entry that failed.
                at = len(ids) - before + left_out
                left_out += self._add_any(lines[at], first + at) is None
            else:
                return

    def _add_with_extras(self, lines: Sequence[bytes], first: int) -> None:
        before = len(self._ids)
        read: Sequence[bytes] = lines
        try:
            bodies = self._add_plain(list(map(PLAIN_LINE.decode, lines)))
        except (ValueError, RecursionError):
            del self._ids[before:], self._contents[before:]
            for found in (self._not_ok, self._embeddings, self._causes):
                for at in [at for at in found if at >= before]:
                    del found[at]
            added = [self._add_any(line, number) for number, line in enumerate(lines, start=first)]
            bodies = [one[0] for one in added if one is not None]
            read = [line for line, one in zip(lines, added, strict=True) if one is not None]
        for extra in self._extras:
            self._add_extra(extra, bodies, read)
        if self._confidence is not None:
            self._confidence.add(bodies, self._contents[before:])

    def _add_plain(self, parsed: Sequence[PlainLine]) -> list[Body | None]:
        """Add lines that are as the types say; returns their bodies. One without an id is an error."""
        ids, contents = self._ids, self._contents
        bodies: list[Body | None] = []
        for line in parsed:
            custom_id, response = line.custom_id, line.response
            if response is not None and response.status_code == 200 and line.error is None and custom_id:
                body = response.body
                if body is not None and body.choices and len(body.choices) == 1:
                    choice = body.choices[0]
                    message = choice.message
                    if (
                        choice.finish_reason == "stop"
                        and message is not None
                        and message.refusal is None
                        and type(message.content) is str
                        and type(custom_id) is str
                    ):
                        ids.append(custom_id)
                        contents.append(message.content)
                        bodies.append(body)
                        continue
            elif response is None and not line.error and self._translated is not None:
                raise UnreadableLine("it may be another provider's")
            bodies.append(self._append(*result_of(line)))
        return bodies

    def _add_any(self, line: bytes, number: int) -> tuple[Body | None] | None:
        """Add a line of any kind; returns its body, or None when it is no result."""
        if not line.strip(b"\r\n"):
            return None
        try:
            text = line.rstrip(b"\r\n")
            return (self._append(*read_line(self._translated(text) if self._translated else text)),)
        except UnreadableLine as error:
            self._unreadable.append((number, str(error)))
            return None

    def _append(self, result: Result, body: Body | None) -> Body | None:
        at = len(self._ids)
        if body is not None and result.status is RowStatus.OK and not body.choices:
            embedding = first_embedding(body)
            if embedding is not None:
                self._embeddings[at] = embedding.decode()
        if result.cause:
            self._causes[at] = result.cause
        if result.status is not RowStatus.OK:
            self._not_ok[at] = (result.status.value, result.reason)
        self._ids.append(result.custom_id)
        self._contents.append(result.content)
        return body

    def _add_extra(self, extra: Extra, bodies: Sequence[Body | None], lines: Sequence[bytes]) -> None:
        columns = self._columns
        match extra:
            case "model":
                columns["model"] += [
                    body.model if body is not None and isinstance(body.model, str) else None
                    for body in bodies
                ]
            case "usage":
                counts = [tokens_of(body) for body in bodies]
                columns["prompt_tokens"] += [prompt for prompt, _ in counts]
                columns["completion_tokens"] += [completion for _, completion in counts]
            case "usage_details":
                columns["cached_tokens"] += [_cached_tokens(body) for body in bodies]
                columns["cache_write_tokens"] += [_cache_write_tokens(body) for body in bodies]
                columns["reasoning_tokens"] += [_reasoning_tokens(body) for body in bodies]
            case "finish_reason":
                columns["finish_reason"] += [_finish_reason(body) for body in bodies]
            case "confidence":
                contents = self._contents[len(columns["confidence"]) :]
                columns["confidence"] += map(_confidence, bodies, contents)
            case "refusal":
                columns["refusal"] += [refusal_of(body) or None for body in bodies]
            case "cause":
                known = range(len(columns["cause"]), len(self._ids))
                columns["cause"] += [self._causes.get(at) for at in known]
            case "choices":
                columns["choices"] += [further_texts(body) for body in bodies]
            case "raw":
                columns["raw"] += [line.rstrip(b"\r\n").decode(errors="replace") for line in lines]
            case _:
                assert_never(extra)

    def frame(self) -> ResultFrame:
        height = len(self._ids)
        fields = self._fields.frame() if self._fields is not None else None
        if fields is not None:
            for at in (~fields["is_object"]).arg_true().to_list():
                fault = fields["fault"][at]
                told = "the answer is not a JSON object" if fault == NO_OBJECT else fault
                self._not_ok[at] = (RowStatus.INVALID.value, told)
        series = [
            pl.Series("custom_id", self._ids, dtype=pl.String),
            pl.Series("content", self._contents, dtype=pl.String),
            *self._statuses(),
        ]
        if self._embeddings:
            texts = [self._embeddings.get(at) for at in range(height)]
            series.append(pl.Series("embedding", texts, dtype=pl.String))
        series += [pl.Series(name, values, dtype=EXTRA_TYPES[name]) for name, values in self._columns.items()]
        if self._confidence is not None:
            series += self._confidence.columns()
        if fields is not None:
            series += fields.drop("is_object", "fault").get_columns()
        return ResultFrame(pl.DataFrame(series), self._unreadable, self.lines)

    def _statuses(self) -> Iterator[pl.Series]:
        for position, (name, of_ok) in enumerate((("status", _OK), ("status_reason", ""))):
            texts = pl.repeat(of_ok, len(self._ids), dtype=pl.String, eager=True).alias(name)
            if self._not_ok:
                places = list(self._not_ok)
                texts = texts.scatter(places, [found[position] for found in self._not_ok.values()])
            yield texts


def extra_columns(extras: Sequence[Extra]) -> Iterator[str]:
    """Names of the columns that these extras make, in the order of `EXTRA_TYPES`."""
    for name in EXTRA_TYPES:
        if _EXTRA_OF.get(name, name) in extras:
            yield name


def _finish_reason(body: Body | None) -> str | None:
    found = None if body is None else body.choices[0].finish_reason if body.choices else body.status
    return found if isinstance(found, str) else None


def _confidence(body: Body | None, content: str) -> float | None:
    choice = body.choices[0] if body is not None and body.choices else None
    given = share(choice.confidence) if choice is not None else None
    return whole_probability(body, content) if given is None else given


class _Details(msgspec.Struct, gc=False):
    """What a provider tells of the tokens that it counted."""

    cached_tokens: Any = None
    cache_write_tokens: Any = None
    reasoning_tokens: Any = None


_DETAILS: msgspec.json.Decoder[_Details | None] = msgspec.json.Decoder(_Details | None)
_NULL_BYTES = len(b"null")


def _cached_tokens(body: Body | None) -> int | None:
    usage = body.usage if body is not None else None
    if usage is None:
        return None
    for raw in (usage.prompt_tokens_details, usage.input_tokens_details):
        details = _details(raw)
        if details is not None and is_count(details.cached_tokens):
            return details.cached_tokens
    return None


def _cache_write_tokens(body: Body | None) -> int | None:
    usage = body.usage if body is not None else None
    if usage is None:
        return None
    for raw in (usage.prompt_tokens_details, usage.input_tokens_details):
        details = _details(raw)
        if details is not None and is_count(details.cache_write_tokens):
            return details.cache_write_tokens
    return None


def _reasoning_tokens(body: Body | None) -> int | None:
    usage = body.usage if body is not None else None
    if usage is None:
        return None
    for raw in (usage.completion_tokens_details, usage.output_tokens_details):
        details = _details(raw)
        if details is not None and is_count(details.reasoning_tokens):
            return details.reasoning_tokens
    return None


def _details(raw: msgspec.Raw) -> _Details | None:
    if len(raw) <= _NULL_BYTES:
        return None
    try:
        return _DETAILS.decode(raw)
    except (ValueError, RecursionError):
        return None
