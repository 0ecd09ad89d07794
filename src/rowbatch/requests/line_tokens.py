"""The tokens of request lines."""

from __future__ import annotations

from typing import Any

import msgspec

from rowbatch.core.tokens import prompt_tokens, token_counter
from rowbatch.errors import InputError
from rowbatch.providers.catalog import find_model

_REMEMBERED = 2_000


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
    """

    def __init__(self) -> None:
        self.model = ""
        self._counter = token_counter("")
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

    def read(self, line: bytes) -> tuple[str, dict[str, Any], int]:
        """
        The custom_id of a request, its body, and its tokens; of an estimate the likeliest number.

        Raises:
            InputError: It is no request.
        """
        try:
            request = _LINE.decode(line)
        except (ValueError, RecursionError) as error:
            raise InputError("line-no-request", told=str(error), begin=line[:80]) from error
        if not self.model:
            self.model = str(request.body.get("model", ""))
            known = find_model("", self.model)
            self._counter = token_counter(known.encoding if known else "")
        return request.custom_id, request.body, prompt_tokens(request.body, self._count)

    def low(self, tokens: int) -> int:
        """The least that a number of tokens can be in truth."""
        return self._counter.low(tokens)

    def high(self, tokens: int) -> int:
        """The most that a number of tokens can be in truth."""
        return self._counter.high(tokens)

    def _count(self, text: str) -> int:
        found = self._seen.get(text)
        if found is None:
            found = self._counter.count(text)
            if len(self._seen) < _REMEMBERED:
                self._seen[text] = found
        return found
