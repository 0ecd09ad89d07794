"""
How sure a model was of a value, by the probabilities that it gave to the tokens of its answer.

The confidence of a value is the product of the probabilities of the tokens that make it up, as it stands in
the answer, together with the character that ends it (the quotation mark behind a text, what follows a
number): the probability that the model wrote this value and no other, given what stands before it. A token
that spans the edge of a value counts.

Where the provider also lists the likeliest other tokens, the confidence of a label is its share among all
labels of the codebook: P / (P + Q). P is the product, and what listed tokens give to other spellings of the
label; Q is what listed tokens give to other labels, and for labels that no listed token leads to as much as
the list leaves open, at most as much as its least likely token has. So a token that no label begins with does
not count, and a short list never makes anybody surer.

Which tokens make up the answer is found by their bytes. A server may list others: llama.cpp (xllamacpp
2026.10) has the fence around its answer among them, servers of reasoning models the thoughts before it. What
the model says of its own confidence is never asked.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from json.decoder import scanstring  # type: ignore[attr-defined]
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import polars as pl

from rowbatch.core.confidence import (
    BASIS_COLUMN,
    BY_SCORING,
    BY_TOKENS,
    CALIBRATED_METHOD,
    NO_BASIS,
    Measured,
    column_of,
)

if TYPE_CHECKING:
    from rowbatch.core.wire import Body, Choice

_CACHE_ENTRIES = 10_000
_DECIMALS = 6
_CACHED_CHARS = 500
_MOST_OBJECTS = 16
_NO_TOKENS = msgspec.Raw(b"")
_TEXT_OF, _LOG_OF = attrgetter("token"), attrgetter("logprob")
_EMPTY_LIST_BYTES = len(b"null")


class _Token(msgspec.Struct, gc=False):
    """A token of an answer. What else was likely is decoded where it is wanted only."""

    token: str
    logprob: float
    top_logprobs: msgspec.Raw = _NO_TOKENS


class _Tokens(msgspec.Struct, gc=False):
    content: list[_Token] | None = None


class _TokenBytes(msgspec.Struct, gc=False):
    token: str
    bytes: list[int] | None = None
    logprob: float = 0.0


class _TokensBytes(msgspec.Struct, gc=False):
    content: list[_TokenBytes] | None = None


_TOKENS = msgspec.json.Decoder(_Tokens | None)
_TOKENS_BYTES = msgspec.json.Decoder(_TokensBytes | None)
_LISTED = msgspec.json.Decoder(list[_TokenBytes] | None)
_SCAN = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


class _Known(NamedTuple):
    """
    An answer whose values were found among its tokens.

    Attributes:
        texts: Of the tokens.
        places: Of each value that was found its number, its first token, and the one behind
            its last.
        laid: The tokens, laid out; None where no value was found.
        parts: The values that were found, in the order of `places`.
    """

    texts: list[str]
    places: tuple[tuple[int, int, int], ...]
    laid: _Laid | None
    parts: tuple[_Part, ...]


class ConfidenceReader:
    """
    Read how sure a model was of each of some values, answer by answer.

    Most answers of a run are one of a few texts, and mostly cut into the same tokens: where the values stand
    among these is remembered, and proved by comparing all tokens. A million answers of two labels, with nine
    tokens each, take 4 s of CPU so (November 2026, Python 3.11, two cores), half of it to decode the tokens.

    Args:
        wanted: The values.
    """

    def __init__(self, wanted: Sequence[Measured]) -> None:
        self._wanted = tuple(wanted)
        self._spelled = [
            frozenset(json.dumps(label, ensure_ascii=False)[1:].encode() for label in one.labels)
            for one in self._wanted
        ]
        self._cache: dict[str, _Known] = {}
        self._bases: list[int] = []
        self._logs: list[list[float | None]] = [[] for _ in self._wanted]
        self._given: list[dict[int, float]] = [{} for _ in self._wanted]

    def add(self, bodies: Sequence[Body | None], contents: Sequence[str]) -> None:
        """
        Read answers.

        Args:
            bodies: Of the responses.
            contents: The texts that were taken for the answers.
        """
        cache, bases, logs, decode = self._cache, self._bases, self._logs, _TOKENS.decode
        for body, content in zip(bodies, contents, strict=True):
            choice = body.choices[0] if body is not None and body.choices else None
            if choice is None or choice.confidence is not None:
                self._add_any(body, content)
                continue
            try:
                found = decode(choice.logprobs)
            except (ValueError, RecursionError):
                found = None
            tokens = found.content if found is not None else None
            if not tokens:
                self._add_nothing()
                continue
            known = cache.get(content)
            if known is None or known.texts != [*map(_TEXT_OF, tokens)]:
                known = self._look(choice.logprobs, tokens, content)
            if len(known.places) < len(logs):
                self._add_known(known, tokens)
                continue
            bases.append(BY_TOKENS)
            for number, start, stop in known.places:
                if len(tokens[start].top_logprobs) > _EMPTY_LIST_BYTES:
                    logs[number].append(self._log(known, number, tokens))
                elif stop == start + 2:
                    # A label and the quotation mark behind it, mostly.
                    logs[number].append(tokens[start].logprob + tokens[start + 1].logprob)
                else:
                    logs[number].append(math.fsum(map(_LOG_OF, tokens[start:stop])))

    def columns(self) -> Iterator[pl.Series]:
        """
        What was read since the last time.

        Yields:
            For each value `column_of` its place: a number from 0 to 1, with six decimals, null where it
            cannot be known. Then `BASIS_COLUMN`, the number of the basis in `BASES`: `NO_BASIS` where all
            are null.
        """
        for one, logs, given in zip(self._wanted, self._logs, self._given, strict=True):
            # Rounding, or a server, may have made one larger than 0.
            shares = pl.Series(column_of(one.place), logs, dtype=pl.Float64).clip(upper_bound=0.0).exp()
            if given:
                shares = shares.scatter(list(given), list(given.values()))
            yield shares.round(_DECIMALS)
            logs.clear()
            given.clear()
        yield pl.Series(BASIS_COLUMN, self._bases, dtype=pl.UInt8)
        self._bases.clear()

    def _add_nothing(self) -> None:
        self._bases.append(NO_BASIS)
        for logs in self._logs:
            logs.append(None)

    def _add_any(self, body: Body | None, content: str) -> None:
        """Add an answer of another form than a chat completion with tokens."""
        choice = body.choices[0] if body is not None and body.choices else None
        given = _calibrated(choice, self._wanted) if choice is not None else {}
        if given:
            for number, value in given.items():
                self._given[number][len(self._bases)] = value
            self._add_nothing()
            self._bases[-1] = BY_SCORING
            return
        raw = _listed_tokens(body)
        tokens = _decoded(raw)
        if not tokens:
            self._add_nothing()
            return
        known = self._cache.get(content)
        if known is None or known.texts != [*map(_TEXT_OF, tokens)]:
            known = self._look(raw, tokens, content)
        self._add_known(known, tokens)

    def _add_known(self, known: _Known, tokens: Sequence[_Token]) -> None:
        """Add an answer that may have some of the values only."""
        self._add_nothing()
        for number, *_ in known.places:
            self._logs[number][-1] = self._log(known, number, tokens)
            self._bases[-1] = BY_TOKENS

    def _log(self, known: _Known, number: int, tokens: Sequence[_Token]) -> float:
        """The logarithm of the confidence of a value that was found."""
        assert known.laid is not None
        at = [place[0] for place in known.places].index(number)
        part = known.parts[at]
        labels = self._spelled[number]
        if part.value in labels and len(tokens[part.tokens.start].top_logprobs) > _EMPTY_LIST_BYTES:
            share = _share(labels, tokens, known.laid, part)
            if share is not None:
                return math.log(share)
        return math.fsum(token.logprob for token in tokens[part.tokens])

    def _look(self, raw: bytes | msgspec.Raw, tokens: Sequence[_Token], content: str) -> _Known:
        """Look for the values of an answer among its tokens."""
        texts = [token.token for token in tokens]
        spans = value_spans(content, [one.name for one in self._wanted])
        laid = _laid(raw, texts, content) if any(spans) else None
        found = [(number, laid.part(content, span)) for number, span in enumerate(spans)] if laid else []
        parts = [(number, part) for number, part in found if part is not None]
        known = _Known(
            texts,
            tuple((number, part.tokens.start, part.tokens.stop) for number, part in parts),
            laid if parts else None,
            tuple(part for _, part in parts),
        )
        if len(content) <= _CACHED_CHARS:
            if len(self._cache) >= _CACHE_ENTRIES:
                self._cache.clear()
            self._cache[content] = known
        return known


def _share(labels: frozenset[bytes], tokens: Sequence[_Token], laid: _Laid, part: _Part) -> float | None:
    """The share of a label among all labels, as the head of this module says; None where all are 0."""
    begin, value = part.begin, part.value
    first, stop = part.tokens.start, part.tokens.stop
    own, others, before = 0.0, 0.0, 1.0
    starts = [0, *laid.ends]
    for at in range(first, stop):
        # What of the token stands before the value, and what of the value stands before the token.
        lead = laid.joined[starts[at] : max(starts[at], begin)]
        written = laid.joined[begin : max(begin, starts[at])]
        still = {label[len(written) :] for label in labels if label.startswith(written)}
        rest = value[len(written) :]
        chosen = laid.joined[starts[at] : starts[at + 1]]
        listed = _alternatives(tokens[at].top_logprobs)
        reached, seen, least = {rest}, _weight(tokens[at].logprob), 1.0
        for piece, logprob in listed:
            weight = _weight(logprob)
            least = min(least, weight)
            if piece == chosen:
                reached |= _reached(piece, lead, still)
                continue
            seen += weight
            leads_to = _reached(piece, lead, still)
            reached |= leads_to
            if leads_to == {rest}:
                # The same label in other tokens.
                own += before * weight
            elif leads_to and rest not in leads_to:
                others += before * weight
        if listed:
            others += before * min(max(0.0, 1.0 - seen), len(still - reached) * least)
        before *= _weight(tokens[at].logprob)
    own += before
    return min(1.0, own / (own + others)) if own > 0 and math.isfinite(own + others) else None


def whole_probability(body: Body | None, content: str) -> float | None:
    """
    The probability that the model gave to the whole text of its answer.

    For a label in JSON it is nearly the label's own, since the tokens of the frame are next to certain.

    Returns:
        Between 0 and 1; None where there are no probabilities, or not those of this text.
    """
    raw = _listed_tokens(body)
    tokens = _decoded(raw)
    if not tokens or not content:
        return None
    laid = _laid(raw, [token.token for token in tokens], content)
    part = laid.part(content, (0, len(content))) if laid is not None else None
    if part is None:
        return None
    return _probability(math.fsum(token.logprob for token in tokens[part.tokens]))


def value_spans(content: str, names: Sequence[str]) -> list[tuple[int, int] | None]:
    """
    Where the values of some fields stand in an answer.

    Args:
        content: The model's text: a JSON object, perhaps with other words around it; or the bare value, where
            only one is wanted.
        names: Of the fields.
    Returns:
        For each its first character, and the one behind the character that ends it. A text begins behind its
        quotation mark. None where it is not there; all are None where two objects say different things.
    """
    nowhere: list[tuple[int, int] | None] = [None] * len(names)
    fitting = [fields for fields in _objects(content) if not fields.keys().isdisjoint(map(_key, names))]
    if fitting:
        first = [field.value for field in _fields(fitting[0], names)]
        if any([field.value for field in _fields(fields, names)] != first for fields in fitting[1:]):
            return nowhere
        return [field.span for field in _fields(fitting[-1], names)]
    bare = content.strip()
    if len(names) != 1 or not bare or bare[0] in "{[":
        return nowhere
    start = content.index(bare)
    return [(start, start + len(bare))]


class _Field(NamedTuple):
    value: Any
    span: tuple[int, int] | None


_ABSENT = _Field(None, None)


def _fields(fields: dict[str, _Field], names: Sequence[str]) -> list[_Field]:
    return [fields.get(_key(name), _ABSENT) for name in names]


def _key(name: str) -> str:
    """A field's name as models write it too."""
    return name.strip().casefold()


def _objects(content: str) -> Iterator[dict[str, _Field]]:
    """The JSON objects in a text, from the left to the right; what stands in one is none of its own."""
    at = content.find("{")
    for _ in range(_MOST_OBJECTS):
        if at < 0:
            return
        found = _object(content, at)
        if found is None:
            at = content.find("{", at + 1)
        else:
            yield found[0]
            at = content.find("{", found[1])


_BLANK = " \t\n\r"


def _object(content: str, at: int) -> tuple[dict[str, _Field], int] | None:
    """The fields of the object that begins there, and where it ends; None where it is none."""
    fields: dict[str, _Field] = {}
    try:
        at = _next(content, at + 1)
        while content[at] != "}":
            if fields:
                if content[at] != ",":
                    return None
                at = _next(content, at + 1)
            if content[at] != '"':
                return None
            name, at = scanstring(content, at + 1)
            at = _next(content, at)
            if content[at] != ":":
                return None
            start = _next(content, at + 1)
            value, end = _SCAN(content, start)
            # The quotation mark behind a text ends it; what follows anything else does.
            span = (start + 1, end) if content[start] == '"' else (start, min(end + 1, len(content)))
            fields[_key(name)] = _Field(value, span)
            at = _next(content, end)
    except (ValueError, IndexError, StopIteration, RecursionError):
        return None
    return fields, at + 1


def _next(content: str, at: int) -> int:
    """The next character that is not blank."""
    while content[at] in _BLANK:
        at += 1
    return at


class _Part(NamedTuple):
    """
    A value among the tokens.

    Attributes:
        tokens: Those that make it up; those that span its edges are among them.
        begin: Its first byte.
        value: Its bytes, with the one that ends it.
    """

    tokens: slice
    begin: int
    value: bytes


class _Laid(NamedTuple):
    """
    Tokens laid out, one behind the other, and where the answer stands among them.

    Attributes:
        joined: Their bytes.
        ends: Where each ends.
        offset: Where the answer begins: its byte 0, which may stand before the first token.
    """

    joined: bytes
    ends: list[int]
    offset: int

    def part(self, content: str, span: tuple[int, int] | None) -> _Part | None:
        """Some characters of the answer; None where no token has one of them."""
        if span is None:
            return None
        begin = self.offset + len(_encoded(content[: span[0]]))
        end = begin + len(_encoded(content[span[0] : span[1]]))
        begin, end = max(0, begin), min(end, len(self.joined))
        if begin >= end:
            return None
        tokens = slice(bisect_right(self.ends, begin), bisect_left(self.ends, end) + 1)
        return _Part(tokens, begin, self.joined[begin:end])


def _laid(raw: bytes | msgspec.Raw, texts: Sequence[str], content: str) -> _Laid | None:
    """Find an answer among tokens; None where they are those of another text."""
    joined = _encoded("".join(texts))
    answer = _encoded(content)
    if joined == answer:
        return _Laid(joined, list(accumulate(len(_encoded(text)) for text in texts)), 0)
    pieces = [_encoded(text) for text in texts]
    # What no text can hold, as a part of a character, stands in the bytes alone.
    told = _TOKENS_BYTES.decode(raw)
    if told is not None and told.content is not None:
        pieces = [_bytes_of(token) for token in told.content]
        joined = b"".join(pieces)
    kept = content.strip("\ufeff \t\r\n")
    # The answer comes last: what stands before may repeat it, as thoughts do.
    at = joined.rfind(_encoded(kept)) if kept else -1
    if at < 0:
        return None
    before = len(_encoded(content[: content.index(kept)]))
    return _Laid(joined, list(accumulate(map(len, pieces))), at - before)


def _encoded(text: str) -> bytes:
    return text.encode(errors="replace")


def _bytes_of(token: _TokenBytes) -> bytes:
    if token.bytes is not None:
        try:
            return bytes(token.bytes)
        except ValueError:
            pass
    return _encoded(token.token)


def _decoded(raw: bytes) -> list[_Token] | None:
    if len(raw) < 5:
        return None
    try:
        found = _TOKENS.decode(raw)
    except (ValueError, RecursionError):
        return None
    return found.content if found is not None else None


def _alternatives(raw: msgspec.Raw) -> list[tuple[bytes, float]]:
    try:
        listed = _LISTED.decode(raw) if len(raw) > _EMPTY_LIST_BYTES else None
    except (ValueError, RecursionError):
        return []
    return [(_bytes_of(token), token.logprob) for token in listed or ()]


def _reached(piece: bytes, lead: bytes, still: set[bytes]) -> set[bytes]:
    """The labels, as far as they are not written yet, that a token behind a piece of the frame leads to."""
    if not piece.startswith(lead):
        # So much of the frame as it has may go on in any way.
        return set(still) if lead.startswith(piece) else set()
    own = piece[len(lead) :]
    return {label for label in still if label.startswith(own) or own.startswith(label)}


def _listed_tokens(body: Body | None) -> bytes:
    """The tokens of an answer, as a choice of a chat completion has them: JSON, or b"" for none."""
    if body is None:
        return b""
    if body.choices:
        return bytes(body.choices[0].logprobs)
    listed: list[Any] = []
    for item in body.output if isinstance(body.output, list) else ():
        parts = item.get("content") if isinstance(item, dict) and item.get("type") == "message" else None
        for part in parts if isinstance(parts, list) else ():
            tokens = part.get("logprobs") if isinstance(part, dict) else None
            listed += tokens if isinstance(tokens, list) else ()
    return msgspec.json.encode({"content": listed}) if listed else b""


class _Scoring(msgspec.Struct, gc=False):
    method: str = ""
    confidences: dict[str, float] = {}


_SCORING = msgspec.json.Decoder(_Scoring)


def _calibrated(choice: Choice, wanted: Sequence[Measured]) -> dict[int, float]:
    """The confidences that our own server gives where it scored labels, by the number of the value."""
    try:
        told = _SCORING.decode(choice.rowbatch)
    except (ValueError, RecursionError):
        return {}
    if told.method == CALIBRATED_METHOD:
        found = {0: choice.confidence} if len(wanted) == 1 else {}
    else:
        found = {number: told.confidences.get(one.name) for number, one in enumerate(wanted)}
    return {
        number: float(value)
        for number, value in found.items()
        if type(value) in (int, float) and 0 <= value <= 1
    }


def _probability(total: float) -> float | None:
    """The probability by its logarithm; None where it is none."""
    return _weight(total) if math.isfinite(total) else None


def _weight(logprob: float) -> float:
    """A probability by its logarithm, which rounding, or a server, may have made larger than 0."""
    return math.exp(min(logprob, 0.0))
