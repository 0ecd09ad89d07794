"""
How many tokens a text has: exactly, where the model's encoding is known and installed; otherwise as a range.

Source:
    OpenAI's cookbook, "How to count tokens with tiktoken": a chat message adds 3 tokens around its text and
    its role, and the answer is primed with 3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

PER_MESSAGE, PER_ANSWER = 3, 3
# Tokens of a character by its kind, set so that the estimate comes near to o200k_base on texts of 14
# languages, slang, numbers, JSON and code; tests/core/test_tokens.py has these texts, and that the range
# holds the truth.
_KINDS = (
    (re.compile(r"[0-9]"), 0.45),
    (re.compile(r"[!-/:-@\[-`{-~]"), 0.6),
    (re.compile("[\u1100-\u11ff\u2e80-\ud7ff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"), 0.78),
    (re.compile("[\u200d\u2600-\u27bf\ufe0f\U0001f000-\U0001ffff]"), 1.4),
)
_ASCII_LETTERS = re.compile(r"[A-Za-z\s]")
_ASCII_TOKENS, _OTHER_TOKENS = 0.21, 0.33
ESTIMATE_LOW, ESTIMATE_HIGH = 0.6, 1.8
"""An estimate times these holds the truth, as far as was seen."""


@dataclass(frozen=True, slots=True)
class TokenCounter:
    """
    Counts the tokens of texts.

    Attributes:
        encoding: Which encoding it counts by; "" for an estimate.
        count: The tokens of one text; with an estimate the likeliest number.
    """

    encoding: str
    count: Callable[[str], int]

    @property
    def is_exact(self) -> bool:
        """Whether the counts are those of the model."""
        return bool(self.encoding)

    def low(self, tokens: int) -> int:
        """The least that a count can be in truth."""
        return tokens if self.is_exact else int(tokens * ESTIMATE_LOW)

    def high(self, tokens: int) -> int:
        """The most that a count can be in truth."""
        return tokens if self.is_exact else int(tokens * ESTIMATE_HIGH) + 1

    def low_of_high(self, tokens: int, texts: int) -> int:
        """The least that texts can have in truth whose `high` are so many in all."""
        return tokens if self.is_exact else int(max(0, tokens - texts) / ESTIMATE_HIGH * ESTIMATE_LOW)


def token_counter(encoding: str) -> TokenCounter:
    """
    A counter for an encoding, or an estimate where it is not known, or its package not installed.

    Texts that look like special tokens (`<|endoftext|>`) are texts.
    """
    tokenizer = _tokenizer(encoding) if encoding else None
    if tokenizer is None:
        return TokenCounter("", estimate_tokens)
    return TokenCounter(encoding, tokenizer.count)


def token_range(encoding: str, high: int, texts: int) -> tuple[int, int]:
    """
    What texts can have in truth whose `TokenCounter.high` are so many in all; no tokenizer is read for it.

    Args:
        encoding: By which they were counted, where it is known; or "".
        high: That sum.
        texts: How many.
    """
    is_exact = bool(encoding) and find_spec("quicktok") is not None
    counter = TokenCounter(encoding if is_exact else "", estimate_tokens)
    return counter.low_of_high(high, texts), high


@cache
def _tokenizer(encoding: str) -> Any:
    try:
        import quicktok
    except ImportError:
        return None
    return quicktok.get_encoding(encoding)


def estimate_tokens(text: str) -> int:
    """The likeliest number of tokens of a text, by its letters."""
    if not text:
        return 0
    tokens, left = 0.0, len(text)
    for kind, weight in _KINDS:
        found = len(kind.findall(text))
        tokens += found * weight
        left -= found
    letters = len(_ASCII_LETTERS.findall(text))
    return max(1, round(tokens + letters * _ASCII_TOKENS + (left - letters) * _OTHER_TOKENS))


def prompt_tokens(body: Mapping[str, Any], count: Callable[[str], int]) -> int:
    """
    The tokens of a request's prompt, without what an answer format adds.

    Args:
        body: Of a chat completion, a response or an embeddings request.
        count: Of one text.
    """
    messages = body.get("messages")
    if isinstance(messages, Sequence) and not isinstance(messages, str):
        texts = (_message_tokens(message, count) for message in messages if isinstance(message, Mapping))
        return sum(texts) + PER_ANSWER
    said = body.get("input", "")
    total = count(str(body["instructions"])) + PER_MESSAGE if body.get("instructions") else 0
    if isinstance(said, str):
        return total + count(said)
    if isinstance(said, Sequence):
        return total + sum(
            count(part) if isinstance(part, str) else _message_tokens(part, count)
            for part in said
            if isinstance(part, str | Mapping)
        )
    return total


def _message_tokens(message: Mapping[str, Any], count: Callable[[str], int]) -> int:
    content = message.get("content", "")
    parts = content if isinstance(content, Sequence) and not isinstance(content, str) else [content]
    texts = [part.get("text", "") if isinstance(part, Mapping) else part for part in parts]
    return (
        PER_MESSAGE
        + count(str(message.get("role", "")))
        + sum(count(text) for text in texts if isinstance(text, str))
    )
