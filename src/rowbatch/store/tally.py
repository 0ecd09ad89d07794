"""What the shards of a run come to, kept in step with each change instead of being counted anew for each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rowbatch.core.direct_ids import is_direct
from rowbatch.core.states import ShardState

Name = tuple[int, int]
"""Of a shard: its round and its number."""


@dataclass(frozen=True, slots=True)
class Weight:
    """
    What one shard adds.

    Attributes:
        state: Its state.
        tokens: Of its prompts.
        charged_usd: What it did cost; before that is known, what it may cost.
        input_bytes: Of its request file, as long as that lies at the provider.
        result_rows: How many rows have results that lie at the provider, or will.
        is_asked_here: Its rows are asked one by one, from here.
    """

    state: ShardState
    tokens: int
    charged_usd: Decimal
    input_bytes: int
    result_rows: int
    is_asked_here: bool


_AT_PROVIDER = frozenset(
    {
        ShardState.SUBMITTING,
        ShardState.UNKNOWN,
        ShardState.SUBMITTED,
        ShardState.ENDED,
        ShardState.DOWNLOADED,
    }
)


def weight_of(row: Mapping[str, Any] | sqlite3.Row) -> Weight:
    """
    Of a row of the ledger.

    Raises:
        ValueError, TypeError, ArithmeticError: It holds what nobody wrote.
    """
    state = ShardState(row["state"])
    is_here = is_direct(row["file_id"]) or is_direct(row["batch_id"])
    # What was taken over from an earlier run has no file of its own.
    lies_there = not is_here and row["file_id"] is not None and row["cleaned_at"] is None
    return Weight(
        state=state,
        tokens=row["tokens"],
        charged_usd=Decimal(row["reserved_usd"] if row["spent_usd"] is None else row["spent_usd"]),
        input_bytes=row["bytes"] if lies_there and row["freed_at"] is None else 0,
        result_rows=row["requests"] if lies_there and state in _AT_PROVIDER else 0,
        is_asked_here=is_here,
    )


class Tally:
    """
    Sums over all shards, and which of them are in a state.

    Attributes:
        charged_usd: What was spent, and for batches that are not over what may be: the sum of a cap.
        input_bytes: Of the request files that lie at the provider.
        result_rows: Rows whose results lie there, or will.
    """

    def __init__(self, weights: Iterable[tuple[Name, Weight]]) -> None:
        self.charged_usd = Decimal(0)
        self.input_bytes = self.result_rows = 0
        self._weights: dict[Name, Weight] = {}
        self._names: dict[ShardState, set[Name]] = {state: set() for state in ShardState}
        self._tokens: dict[ShardState, int] = dict.fromkeys(ShardState, 0)
        for name, weight in weights:
            self.put(name, weight)

    def put(self, name: Name, weight: Weight) -> None:
        """Count a shard as it stands now, and no more as it stood before."""
        known = self._weights.get(name)
        if known is not None:
            self._add(known, -1)
            self._names[known.state].discard(name)
        self._weights[name] = weight
        self._add(weight, 1)
        self._names[weight.state].add(name)

    def count(self, *states: ShardState) -> int:
        """How many shards are in one of these states."""
        return sum(len(self._names[state]) for state in states)

    def names(self, *states: ShardState) -> list[Name]:
        """Which these are, by round and number."""
        return sorted(name for state in states for name in self._names[state])

    def tokens(self, *states: ShardState) -> int:
        """Tokens of the prompts of these."""
        return sum(self._tokens[state] for state in states)

    def state(self, name: Name) -> ShardState | None:
        """How a shard stands; None where there is none of that name."""
        found = self._weights.get(name)
        return None if found is None else found.state

    def is_asked_here(self, name: Name) -> bool:
        """Whether its rows are asked one by one, from here."""
        found = self._weights.get(name)
        return found is not None and found.is_asked_here

    def last_round(self, *, with_cut: bool = False) -> int:
        """The highest one, with shards that were cut or without; 0 where there is none."""
        states = [state for state in ShardState if with_cut or state is not ShardState.CUT]
        names = (name for state in states for name in self._names[state])
        return max((round_ for round_, _ in names), default=0)

    def _add(self, weight: Weight, times: int) -> None:
        self._tokens[weight.state] += times * weight.tokens
        self.charged_usd += times * weight.charged_usd
        self.input_bytes += times * weight.input_bytes
        self.result_rows += times * weight.result_rows
