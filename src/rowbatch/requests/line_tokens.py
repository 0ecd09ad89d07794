"""The tokens of request lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from rowbatch.core.cost import Tokens
from rowbatch.core.tokens import prompt_tokens, token_counter, token_range
from rowbatch.errors import InputError
from rowbatch.providers.catalog import find_model

_REMEMBERED = 2_000
# Bytes of a token. OpenAI's rule of thumb is 4 characters of English; the range is to hold the truth.
_BYTES_LOW, _BYTES_HIGH = 5, 3


if TYPE_CHECKING:
    from rowbatch.providers.batch_lines import AnyRequest


class _Line(msgspec.Struct, gc=False):
    custom_id: str
    body: dict[str, Any]


_LINE = msgspec.json.Decoder(_Line)


class LineTokens:
    """
    Counts the tokens of prompts, by the encoding of the first line's model where it is known.

    What is said in many requests, as a system message is, is counted once.

    Attributes:
        model: Of the first line; "" before.

    Args:
        model: Whose prompts they are, where it is known before the first line.
    """

    def __init__(self, model: str = "") -> None:
        self.model = ""
        self._counter = token_counter("")
        if model:
            self._set_model(model)
        self._seen: dict[str, int] = {}

    @property
    def encoding(self) -> str:
        """By which tokens are counted; "" for an estimate."""
        return self._counter.encoding

    def count(self, line: bytes) -> int:
        """
        The tokens of a request; of an estimate the most that they can be.

        Raises:
            InputError: It is no request.
        """
        _, _, tokens = self.read(line)
        return self._counter.high(tokens)

    def read(self, line: bytes) -> tuple[str, Mapping[str, Any], int]:
        """
        The custom_id of a request, its body, and its tokens; of an estimate the likeliest number.

        Raises:
            InputError: It is no request.
        """
        request: _Line | AnyRequest
        try:
            request = _LINE.decode(line)
        except (ValueError, RecursionError):
            request = self._other(line)
        body = request.body
        if not self.model:
            self._set_model(str(body.get("model") or ""))
        return request.custom_id, body, prompt_tokens(body, self._count)

    @staticmethod
    def _other(line: bytes) -> AnyRequest:
        """A request in another provider's form."""
        # Rare, and with it comes all that speaks to a provider: a tenth of a second.
        from rowbatch.providers.batch_lines import read_any_request

        try:
            return read_any_request(line)
        except ValueError as error:
            raise InputError("line-no-request", told=str(error), begin=line[:80]) from error

    def count_text(self, text: str) -> int:
        """The tokens of a text; of an estimate the likeliest number."""
        return self._count(text)

    def range_of(self, high: int, requests: int) -> Tokens:
        """What prompts can have in truth of which `count` gave so many tokens in all."""
        return Tokens(self._counter.low_of_high(high, requests), high)

    def low(self, tokens: int) -> int:
        """The least that a number of tokens can be in truth."""
        return self._counter.low(tokens)

    def high(self, tokens: int) -> int:
        """The most that a number of tokens can be in truth."""
        return self._counter.high(tokens)

    def _set_model(self, model: str) -> None:
        self.model = model
        known = find_model("", model)
        self._counter = token_counter(known.encoding if known else "")

    def _count(self, text: str) -> int:
        found = self._seen.get(text)
        if found is None:
            found = self._counter.count(text)
            if len(self._seen) < _REMEMBERED:
                self._seen[text] = found
        return found


def prompt_range(model: str, tokens: int, requests: int, size_bytes: int) -> Tokens:
    """
    What all prompts of a run have, as a range.

    Args:
        model: Whose they are.
        tokens: What `LineTokens.count` gave for all of them; 0 where nobody counted, as on this computer.
        requests: How many.
        size_bytes: Of their lines; their JSON frame is taken for text, on the safe side.
    """
    if tokens:
        known = find_model("", model)
        return Tokens(*token_range(known.encoding if known else "", tokens, requests))
    return Tokens(size_bytes // _BYTES_LOW, -(-size_bytes // _BYTES_HIGH))
