"""The moves of a shard: the data, and the picture that is drawn of it."""

import re
from pathlib import Path

import pytest

from rowbatch.core.states import MOVES, ShardState, require_move

ALL = [(str(state), str(to), event) for state, ways in MOVES.items() for to, event in ways.items()]
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "states.md"


def test_the_picture_shows_the_moves_and_no_other():
    """
    Every arrow of the picture in the docstring is a move, and every move an arrow, with its event.
    """
    assert re.findall(r"^ +(\w+) +-> (\w+) +([\w-]+)$", str(ShardState.__doc__), re.MULTILINE) == ALL


def test_the_docs_tell_the_moves_and_no_other():
    """
    Every row of the table in the docs is a move, and every move a row, with its event.
    """
    text = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \| `(\w+)` \| `([\w-]+)` \|", text, re.MULTILINE) == ALL


def test_every_state_is_one_that_a_written_shard_can_come_to():
    """
    No state is left out, and from each one there is a way to one of the two ends.
    """
    assert set(MOVES) == set(ShardState)
    reached, new = set(), {ShardState.WRITTEN}
    while new:
        reached |= new
        new = {to for state in new for to in MOVES[state]} - reached
    assert reached == set(ShardState)
    ends = {state for state, ways in MOVES.items() if set(ways) == {state}}
    assert ends == {ShardState.DOWNLOADED, ShardState.CUT}


@pytest.mark.parametrize("state", ShardState)
@pytest.mark.parametrize("to", ShardState)
def test_only_a_move_with_its_own_event_is_let_through(state, to):
    """
    Of all pairs of states only the moves pass, and these with no other event than theirs.
    """
    event = MOVES[state].get(to)
    if event is not None:
        require_move(state, to, event)
    with pytest.raises(ValueError, match=f"from {state} to {to} by 'something'"):
        require_move(state, to, "something")


def test_nobody_can_add_a_move():
    """
    The moves are what this module says; no caller can change them.
    """
    with pytest.raises(TypeError):
        MOVES[ShardState.CUT] = {}  # type: ignore[index]
    with pytest.raises(TypeError):
        MOVES[ShardState.CUT][ShardState.WRITTEN] = "back"  # type: ignore[index]
