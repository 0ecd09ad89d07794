"""Two labelled tables, runs or columns on the same rows: how often the same, and what became what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rowbatch.core.document import Block, Shown, Table
from rowbatch.core.statistics.coder_agreement import CoderAgreement
from rowbatch.core.statistics.figures import Figure
from rowbatch.core.statistics.notebook import figures_blocks

_SHOWN_MOVES = 40
_NOTHING = "\u2013"


@dataclass(frozen=True, slots=True)
class Move:
    """
    Rows that one side calls this, and the other that.

    Attributes:
        first, second: What each side says; "" where it says nothing.
        rows: How many.
    """

    first: str
    second: str
    rows: int


@dataclass(frozen=True, slots=True)
class Side:
    """
    One of both.

    Attributes:
        name: What it is called.
        rows: It has.
        alone: Of them without a partner on the other side.
        model: That labelled it, where it is a run; else "".
        cost_usd: Of the run; None where it is none, or has no price.
        usd_per_right: What a right label did cost, by the share that is gold's; None where that is not known.
    """

    name: str
    rows: int
    alone: int
    model: str = ""
    cost_usd: Decimal | None = None
    usd_per_right: Decimal | None = None

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "name": self.name,
            "rows": self.rows,
            "alone": self.alone,
            "model": self.model or None,
            "cost_usd": self.cost_usd,
            "usd_per_right": self.usd_per_right,
        }


@dataclass(frozen=True, slots=True, repr=False)
class SideBySide(Shown):
    """
    Two on the same rows.

    Attributes:
        sides: Both.
        joined_by: By which column rows were found; "" where they stand in one order.
        agreement: How far both agree, and with gold how right each is, and the differences.
        moves: What became what, most rows first; without the rows of which both say the same.
        same: Rows of which both say the same.
    """

    sides: tuple[Side, Side]
    joined_by: str
    agreement: CoderAgreement
    moves: tuple[Move, ...]
    same: int

    @property
    def figures(self) -> dict[str, Figure]:
        """All measures, by name: of both together, of each beside gold, and the differences."""
        found = {
            name: one
            for name, one in self.agreement.measures.items()
            if not self.agreement.against_gold or name in _AMONG
        }
        for one in self.agreement.against_gold:
            found |= {f"{one.coder}: {name}": figure for name, figure in one.measures.items()}
        for two in self.agreement.comparisons:
            found |= {f"difference: {name}": figure for name, figure in two.differences.items()}
        return found

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it."""
        agreement = self.agreement
        return {
            "sides": [side.to_plain() for side in self.sides],
            "joined_by": self.joined_by or "order",
            "rows": agreement.rows,
            "same": self.same,
            "moves": [{"first": one.first, "second": one.second, "rows": one.rows} for one in self.moves],
            "agreement": agreement.to_plain(),
        }

    def as_blocks(self) -> Iterator[Block]:
        """Tables: the measures, and what became what."""
        yield from figures_blocks(self.figures, self.agreement.resampling, self.agreement.notes)
        if not self.moves:
            return
        more = len(self.moves) - _SHOWN_MOVES
        yield Table(
            (self.sides[0].name, self.sides[1].name, "rows"),
            [
                (one.first or _NOTHING, one.second or _NOTHING, f"{one.rows:,}")
                for one in self.moves[:_SHOWN_MOVES]
            ],
            numbers=(2,),
            note=f"and {more:,} more" if more > 0 else "",
        )


_AMONG = frozenset(
    {"percent_agreement", "krippendorff_alpha", "cohen_kappa", "exact_match", "masi_alpha", "jaccard_alpha"}
)


def moves_of(counted: Sequence[tuple[str, str, int]]) -> tuple[tuple[Move, ...], int]:
    """
    What became what, and how many stay.

    Args:
        counted: What both sides say, "" for nothing, and of how many rows.
    Returns:
        The moves, most rows first, and the rows of which both say the same.
    """
    moved = [Move(*one) for one in counted if one[0] != one[1]]
    same = sum(rows for first, second, rows in counted if first == second)
    return tuple(sorted(moved, key=lambda one: (-one.rows, one.first, one.second))), same
