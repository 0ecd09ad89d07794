"""
Result files as columns: some thousand lines at a time.

A line as it should be is read in one decoding and goes straight into flat lists; an object for each of a
million lines would cost most of the time and the memory. Any other line goes the long way of `read_line`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, assert_never, get_args

import msgspec
import polars as pl

from rowbatch.core.result import (
    PLAIN_LINE,
    Result,
    UnreadableLine,
    first_embedding,
    further_texts,
    read_line,
    refusal_of,
    result_of,
    share,
    tokens_of,
)
from rowbatch.core.states import RowStatus
from rowbatch.core.wire import Body, LeanLine, PlainLine

Extra = Literal[
    "model", "usage", "usage_details", "finish_reason", "confidence", "refusal", "cause", "choices", "raw"
]
EXTRAS: tuple[Extra, ...] = get_args(Extra)
"""What a result can tell besides its text."""

BASE_COLUMNS = ("custom_id", "content", "status", "status_reason")
EXTRA_TYPES: dict[str, pl.DataType] = {
    "model": pl.String(),
    "prompt_tokens": pl.Int64(),
    "completion_tokens": pl.Int64(),
    "cached_tokens": pl.Int64(),
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
    "reasoning_tokens": "usage_details",
}

# As much as stays in the processor's cache.
_BYTES_AT_ONCE = 1_000_000
_ROWS_PER_FRAME = 20_000
_BYTES_PER_FRAME = 32_000_000
_OK = RowStatus.OK.value
_LEAN_LINE = msgspec.json.Decoder(LeanLine)
_DETAILS = msgspec.json.Decoder(dict[str, Any] | None)


class _Token(msgspec.Struct, gc=False):
    logprob: float


class _Logprobs(msgspec.Struct, gc=False):
    content: list[_Token] | None = None


_LOGPROBS = msgspec.json.Decoder(_Logprobs | None)


@dataclass(frozen=True, slots=True)
class ResultFrame:
    """
    Lines of a result file, in order.

    Attributes:
        frame: The base columns as texts, never null; `embedding`, as it stands in the file, where a line
            has one; then the columns of the extras that were asked for, null where a result does not tell.
        unreadable: Lines that are no results: number from 1, and why.
        lines: How many lines were read, with the unreadable and the blank ones.
    """

    frame: pl.DataFrame
    unreadable: Sequence[tuple[int, str]]
    lines: int


def read_frames(
    file: BinaryIO, extras: Sequence[Extra] = (), max_bytes: int | None = None
) -> Iterator[ResultFrame]:
    r"""
    Read a result file; lines end at `\n` only.

    Args:
        file: Open for reading, at the begin of a line.
        extras: What to read besides the text.
        max_bytes: How much to read; a line that does not end within it is not read. None means all.
    Yields:
        Frames, none without lines.
    """
    builder = _Builder(extras)
    number = 0
    left = max_bytes
    while left is None or left > 0:
        lines = file.readlines(_BYTES_AT_ONCE)
        if left is not None:
            left -= sum(map(len, lines))
            while left < 0:
                left += len(lines.pop())
        if not lines:
            break
        builder.add(lines, number + 1)
        number += len(lines)
        if builder.is_full:
            yield builder.frame()
            builder = _Builder(extras)
    if builder.lines:
        yield builder.frame()


class _Builder:
    def __init__(self, extras: Sequence[Extra]) -> None:
        self._extras = extras
        self._columns: dict[str, list[Any]] = {name: [] for name in (*BASE_COLUMNS, *extra_columns(extras))}
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
        before = len(self._columns["custom_id"])
        try:
            if self._extras:
                bodies = self._add_plain(list(map(PLAIN_LINE.decode, lines)))
            else:
                bodies = self._add_lean(list(map(_LEAN_LINE.decode, lines)), lines)
            read: Sequence[bytes] = lines
        except (ValueError, RecursionError):
            for name in BASE_COLUMNS:
                del self._columns[name][before:]
            self._embeddings = {at: text for at, text in self._embeddings.items() if at < before}
            self._causes = {at: cause for at, cause in self._causes.items() if at < before}
            bodies, read = self._add_one_by_one(lines, first)
        for extra in self._extras:
            self._add_extra(extra, bodies, read)

    def _add_lean(self, parsed: Sequence[LeanLine], lines: Sequence[bytes]) -> list[Body | None]:
        """Add lines where nothing but the answer is wanted."""
        ids, contents, statuses, reasons = (self._columns[name] for name in BASE_COLUMNS)
        for at, line in enumerate(parsed):
            custom_id, response = line.custom_id, line.response
            if response is not None and response.status_code == 200 and custom_id:
                body = response.body
                if body is not None and body.choices and len(body.choices) == 1:
                    choice = body.choices[0]
                    message = choice.message
                    if (
                        choice.finish_reason == "stop"
                        and message is not None
                        and message.refusal is None
                        and message.content is not None
                        and line.error is None
                    ):
                        ids.append(custom_id)
                        contents.append(message.content)
                        statuses.append(_OK)
                        reasons.append("")
                        continue
            self._append(*read_line(lines[at].rstrip(b"\r\n")))
        return []

    def _add_plain(self, parsed: Sequence[PlainLine]) -> list[Body | None]:
        """Add lines that are as the types say; returns their bodies. One without an id is an error."""
        ids, contents, statuses, reasons = (self._columns[name] for name in BASE_COLUMNS)
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
                        statuses.append(_OK)
                        reasons.append("")
                        bodies.append(body)
                        continue
            bodies.append(self._append(*result_of(line)))
        return bodies

    def _add_one_by_one(self, lines: Sequence[bytes], first: int) -> tuple[list[Body | None], list[bytes]]:
        """Add lines of any kind; returns the bodies of those that could be read, and these lines."""
        bodies, read = [], []
        for number, line in enumerate(lines, start=first):
            if not line.strip(b"\r\n"):
                continue
            try:
                bodies.append(self._append(*read_line(line.rstrip(b"\r\n"))))
                read.append(line)
            except UnreadableLine as error:
                self._unreadable.append((number, str(error)))
        return bodies, read

    def _append(self, result: Result, body: Body | None) -> Body | None:
        columns = self._columns
        if body is not None and result.status is RowStatus.OK and not body.choices:
            embedding = first_embedding(body)
            if embedding is not None:
                self._embeddings[len(columns["custom_id"])] = embedding.decode()
        if result.cause:
            self._causes[len(columns["custom_id"])] = result.cause
        columns["custom_id"].append(result.custom_id)
        columns["content"].append(result.content)
        columns["status"].append(result.status.value)
        columns["status_reason"].append(result.reason)
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
                columns["reasoning_tokens"] += [_reasoning_tokens(body) for body in bodies]
            case "finish_reason":
                columns["finish_reason"] += [_finish_reason(body) for body in bodies]
            case "confidence":
                columns["confidence"] += [_confidence(body) for body in bodies]
            case "refusal":
                columns["refusal"] += [refusal_of(body) or None for body in bodies]
            case "cause":
                known = range(len(columns["cause"]), len(columns["custom_id"]))
                columns["cause"] += [self._causes.get(at) for at in known]
            case "choices":
                columns["choices"] += [further_texts(body) for body in bodies]
            case "raw":
                columns["raw"] += [line.rstrip(b"\r\n").decode(errors="replace") for line in lines]
            case _:
                assert_never(extra)

    def frame(self) -> ResultFrame:
        types: dict[str, pl.DataType] = {**dict.fromkeys(BASE_COLUMNS, pl.String()), **EXTRA_TYPES}
        series = [pl.Series(name, values, dtype=types[name]) for name, values in self._columns.items()]
        if self._embeddings:
            texts = [self._embeddings.get(at) for at in range(len(series[0]))]
            series.insert(len(BASE_COLUMNS), pl.Series("embedding", texts, dtype=pl.String))
        return ResultFrame(pl.DataFrame(series), self._unreadable, self.lines)


def extra_columns(extras: Sequence[Extra]) -> Iterator[str]:
    """Names of the columns that these extras make, in the order of `EXTRA_TYPES`."""
    for name in EXTRA_TYPES:
        if _EXTRA_OF.get(name, name) in extras:
            yield name


def _finish_reason(body: Body | None) -> str | None:
    found = None if body is None else body.choices[0].finish_reason if body.choices else body.status
    return found if isinstance(found, str) else None


def _confidence(body: Body | None) -> float | None:
    choice = body.choices[0] if body is not None and body.choices else None
    if choice is None:
        return None
    given = share(choice.confidence)
    return probability(bytes(choice.logprobs)) if given is None else given


def _cached_tokens(body: Body | None) -> int | None:
    usage = body.usage if body is not None else None
    return (
        _detail("cached_tokens", usage.prompt_tokens_details, usage.input_tokens_details) if usage else None
    )


def _reasoning_tokens(body: Body | None) -> int | None:
    usage = body.usage if body is not None else None
    if usage is None:
        return None
    return _detail("reasoning_tokens", usage.completion_tokens_details, usage.output_tokens_details)


def probability(logprobs: bytes) -> float | None:
    """
    The probability that the model gave to its whole answer: the product over the answer's tokens.

    For a label in JSON it is nearly the label's own, since the tokens of the frame are next to certain.

    Args:
        logprobs: A choice's `logprobs` as JSON.
    Returns:
        Between 0 and 1; None where there are none.
    """
    try:
        found = _LOGPROBS.decode(logprobs)
    except (ValueError, RecursionError):
        return None
    if found is None or not found.content:
        return None
    total = math.fsum(token.logprob for token in found.content)
    return min(1.0, math.exp(total)) if math.isfinite(total) else None


def _detail(name: str, *details: msgspec.Raw) -> int | None:
    for raw in details:
        try:
            found = _DETAILS.decode(raw)
        except (ValueError, RecursionError):
            continue
        value = found.get(name) if found else None
        if type(value) is int:
            return value
    return None
