"""Which of several lines is a row's answer."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowbatch.core.fate import decides, over_rounds
from rowbatch.core.states import RowStatus

STATUSES = st.sampled_from([status.value for status in RowStatus])
LINES = st.lists(st.tuples(st.integers(0, 4), STATUSES), max_size=12)
# From the most to the least that a line can say of a row.
RANKS = (
    ("ok",),
    ("invalid", "refused", "truncated"),
    ("error", "expired", "cancelled"),
    ("missing",),
    ("unsent",),
)


def rank(status):
    return next((number for number, names in enumerate(RANKS) if status in names), len(RANKS))


def model(rounds):
    """The answer of each row, decided one line at a time: its round and its place there."""
    decided: dict[int, tuple[tuple[int, int, int], str]] = {}
    for number, lines in enumerate(rounds):
        for place, (row, status) in enumerate(lines):
            # Over rounds the later of equals, within one the first.
            key = (rank(status), -number, place)
            if row not in decided or key < decided[row][0]:
                decided[row] = (key, status)
    return {row: (-key[1], key[2], status) for row, (key, status) in sorted(decided.items())}


def frame_of(lines, number=0):
    return pl.DataFrame(
        {
            "row": [row for row, _ in lines],
            "status": [status for _, status in lines],
            "round": [number] * len(lines),
            "place": list(range(len(lines))),
        },
        schema={"row": pl.Int64, "status": pl.String, "round": pl.Int64, "place": pl.Int64},
    )


def once(frame):
    return frame.filter(decides(frame))


def told(frame):
    return {row: (number, place, status) for row, status, number, place in frame.sort("row").iter_rows()}


@given(LINES)
def test_one_line_of_a_round_decides_for_each_row(lines):
    """
    Of the lines of a round the one that says most decides, and of equals the first.
    """
    assert told(once(frame_of(lines))) == model([lines])


@given(LINES, st.lists(st.integers(0, 12), max_size=3))
def test_pieces_decide_as_the_whole(lines, cuts):
    """
    Files, and pieces of files, decided one after the other give what all their lines give at once.
    """
    whole, decided, at = frame_of(lines), frame_of([]), 0
    for cut in [*sorted(min(cut, len(lines)) for cut in cuts), len(lines)]:
        decided, at = once(pl.concat([decided, whole[at:cut]])), cut
    assert told(decided) == model([lines])


@given(LINES, st.lists(LINES, max_size=3))
def test_a_later_round_counts_unless_it_says_less(first, later):
    """
    Over rounds the answer that says most decides, and of equals the later one.
    """
    decided = once(frame_of(first)).sort("row")
    known = set(decided["row"])
    rounds = [first, *([line for line in lines if line[0] in known] for lines in later)]
    for number, lines in enumerate(rounds[1:], start=1):
        decided = over_rounds(decided, once(frame_of(lines, number)))
    assert decided["row"].is_sorted()
    assert told(decided) == model(rounds)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        pytest.param(["error", "ok"], 1, id="a-good-one-after-an-error"),
        pytest.param(["invalid", "ok", "ok"], 1, id="the-first-good-one"),
        pytest.param(["error", "invalid"], 1, id="an-answer-of-no-use-says-more-than-none"),
        pytest.param(["refused", "invalid"], 0, id="equals"),
        pytest.param(["expired", "error"], 0, id="failures-are-equals"),
    ],
)
def test_what_says_more(statuses, expected):
    """
    An answer wins over an answer of no use, and that over a failure; of equals the first does.
    """
    lines = frame_of([(7, status) for status in statuses])
    assert decides(lines).to_list() == [place == expected for place in range(len(statuses))]
