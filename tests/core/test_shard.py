"""Which request goes into which shard."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowbatch.core.shard import Cut, ShardCutter, ShardLimits
from rowbatch.errors import RequestTooLarge


def shards_of(sizes: list[int], limits: ShardLimits, chunk: int = 1_000) -> list[int]:
    """The shard of each request, when they come in chunks of so many."""
    return [
        cut.shard for cut in cuts_of(sizes, limits, [chunk] * len(sizes)) for _ in range(cut.start, cut.stop)
    ]


def cuts_of(sizes: list[int], limits: ShardLimits, chunks: list[int]) -> list[Cut]:
    cutter, start = ShardCutter(limits), 0
    cuts: list[Cut] = []
    for length in chunks:
        piece = sizes[start : start + length]
        cuts.extend(cutter.cut(piece, range(start + 1, start + 1 + len(piece))))
        start += length
    cuts.extend(cutter.cut(sizes[start:], range(start + 1, len(sizes) + 1)))
    return cuts


@pytest.mark.parametrize(
    ("sizes", "limits", "expected"),
    [
        pytest.param([], ShardLimits(2, 10), [], id="empty-table"),
        pytest.param([4], ShardLimits(1, 4), [1], id="one-request"),
        pytest.param([4, 4, 4], ShardLimits(2, 99), [1, 1, 2], id="full-by-count"),
        pytest.param([4, 4, 4], ShardLimits(9, 10), [1, 1, 2], id="full-by-bytes"),
        pytest.param([10, 10], ShardLimits(9, 10), [1, 2], id="exact-fit"),
        pytest.param([5, 5, 1], ShardLimits(9, 10), [1, 1, 2], id="exact-fit-of-two"),
        pytest.param([9, 2, 9], ShardLimits(9, 10), [1, 2, 3], id="no-reordering-to-fill-up"),
        pytest.param([1, 1, 1], ShardLimits(1, 99), [1, 2, 3], id="one-a-shard"),
    ],
)
@pytest.mark.parametrize("chunk", [1, 2, 1_000])
def test_a_shard_closes_at_whichever_limit_comes_first(sizes, limits, expected, chunk):
    """
    A shard closes at whichever limit comes first; an exact fit stays in.
    """
    assert shards_of(sizes, limits, chunk) == expected


def test_a_cut_says_what_it_holds():
    """
    A cut names its range in the chunk and the bytes of that range, also when the shard began before.
    """
    cutter = ShardCutter(ShardLimits(9, 10))
    assert list(cutter.cut([3, 4], [1, 2])) == [Cut(1, 0, 2, 7)]
    assert list(cutter.cut([3, 4, 5], [3, 4, 5])) == [Cut(1, 0, 1, 3), Cut(2, 1, 3, 9)]


@pytest.mark.parametrize("before", [[], [1], [10], [4, 4]])
def test_a_request_that_fits_no_shard_is_an_error_with_its_row(before):
    """
    A request larger than a shard is refused by the number of its row, wherever it stands.
    """
    cutter = ShardCutter(ShardLimits(2, 10))
    rows = [7 * position for position in range(1, len(before) + 2)]
    with pytest.raises(RequestTooLarge) as caught:
        list(cutter.cut([*before, 11], rows))
    assert (caught.value.row, caught.value.size_bytes, caught.value.max_bytes) == (rows[-1], 11, 10)


@pytest.mark.parametrize(("requests", "size"), [(0, 1), (1, 0), (-1, 1)])
def test_limits_that_no_request_meets_are_refused(requests, size):
    """
    A shard of nothing cannot be asked for.
    """
    with pytest.raises(ValueError, match="at least one"):
        ShardLimits(requests, size)


@given(
    sizes=st.lists(st.integers(1, 20), max_size=60),
    chunks=st.lists(st.integers(0, 9), max_size=20),
    limits=st.builds(ShardLimits, st.integers(1, 8), st.integers(20, 60)),
)
def test_shards_keep_the_limits_whatever_the_chunks(sizes, chunks, limits):
    """
    Shards are as full as the limits allow, in order, and the same however the requests are chunked.
    """
    cuts = cuts_of(sizes, limits, chunks)
    shards = [cut.shard for cut in cuts for _ in range(cut.start, cut.stop)]
    assert shards == shards_of(sizes, limits)
    assert len(shards) == len(sizes)
    assert all(cut.start < cut.stop for cut in cuts)
    assert sum(cut.size_bytes for cut in cuts) == sum(sizes)
    held = {
        number: [size for size, shard in zip(sizes, shards, strict=True) if shard == number]
        for number in shards
    }
    assert list(held) == list(range(1, len(held) + 1))
    for content in held.values():
        assert len(content) <= limits.max_requests
        assert sum(content) <= limits.max_bytes
    for content, following in pairwise(held.values()):
        fits = sum(content) + following[0] <= limits.max_bytes
        assert len(content) == limits.max_requests or not fits, "a shard was closed too early"
