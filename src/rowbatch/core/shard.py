"""Which request goes into which shard."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from rowbatch.errors import RequestTooLarge


@dataclass(frozen=True, slots=True)
class ShardLimits:
    """
    What one input file may hold.

    Attributes:
        max_requests: Lines.
        max_bytes: Bytes as written, newlines included.
        max_tokens: Tokens of the prompts, where these are counted; or None.
    """

    max_requests: int
    max_bytes: int
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        if self.max_requests < 1 or self.max_bytes < 1:
            raise ValueError("a shard holds at least one request and one byte")


@dataclass(frozen=True, slots=True)
class Cut:
    """
    A piece of a chunk that goes to one shard.

    Attributes:
        shard: Number of the shard, from 1.
        start, stop: Half-open range of positions in the chunk, from 0.
        size_bytes: Bytes of the piece.
    """

    shard: int
    start: int
    stop: int
    size_bytes: int


class ShardCutter:
    """
    Give each request the number of the shard it belongs to, a chunk at a time.

    A shard is closed when the next request would not fit, so order is kept,
    and the same sizes always give the same numbers, however they are chunked.

    Source:
        OpenAI Batch guide, "Rate limits": a file has at most so many requests and so many bytes.
    """

    def __init__(self, limits: ShardLimits) -> None:
        self.limits = limits
        self._shard, self._requests, self._bytes, self._tokens = 1, 0, 0, 0

    def cut(
        self, sizes: Sequence[int], rows: Sequence[int], tokens: Sequence[int] | None = None
    ) -> Iterator[Cut]:
        """
        Cut one chunk.

        Args:
            sizes: Bytes of each request line exactly as it will be written, newline included.
            rows: The row number of each, for messages.
            tokens: Prompt tokens of each, where the limits have them. One request alone may have more than
                the limit: it is a shard by itself.
        Yields:
            Pieces in order, none empty; together they cover the chunk.
        Raises:
            RequestTooLarge: A single request does not fit any shard.
        """
        limits = self.limits
        whole = sum(sizes)
        if (
            tokens is None
            and 0 < len(sizes) <= limits.max_requests - self._requests
            and whole <= limits.max_bytes - self._bytes
        ):
            # Nearly always it fits as it is.
            self._requests += len(sizes)
            self._bytes += whole
            yield Cut(self._shard, 0, len(sizes), whole)
            return
        ends = list(accumulate(sizes))
        token_ends = (
            list(accumulate(tokens)) if tokens is not None and limits.max_tokens is not None else None
        )
        start = 0
        while start < len(ends):
            before = ends[start - 1] if start else 0
            room = limits.max_bytes - self._bytes
            stop = bisect_right(ends, before + room, lo=start)
            stop = min(stop, start + limits.max_requests - self._requests)
            if token_ends is not None and limits.max_tokens is not None:
                tokens_before = token_ends[start - 1] if start else 0
                token_room = limits.max_tokens - self._tokens
                fitting = bisect_right(token_ends, tokens_before + token_room, lo=start)
                stop = min(stop, max(fitting, start + (self._requests == 0)))
            if stop == start:
                if self._requests == 0:
                    raise RequestTooLarge(rows[start], sizes[start], limits.max_bytes)
                self._shard, self._requests, self._bytes, self._tokens = self._shard + 1, 0, 0, 0
                continue
            size = ends[stop - 1] - before
            self._requests += stop - start
            self._bytes += size
            if token_ends is not None:
                self._tokens += token_ends[stop - 1] - (token_ends[start - 1] if start else 0)
            yield Cut(self._shard, start, stop, size)
            start = stop
