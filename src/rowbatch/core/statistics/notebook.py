"""Statistics as a table, for people who read them in a notebook or at the prompt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rowbatch.core.document import Block, Table, notes_of
from rowbatch.core.statistics.figures import Figure, Resampling
from rowbatch.words.notice import Notice


def figures_blocks(
    figures: Mapping[str, Figure], resampling: Resampling, notes: Sequence[Notice]
) -> Iterator[Block]:
    """
    A table with a row a statistic.

    Args:
        figures: By name.
        resampling: Whose level stands above the intervals.
        notes: What stands below.
    """
    yield figures_table(figures, f"{resampling.percent} interval")
    yield from notes_of(notes)


def figures_table(figures: Mapping[str, Figure], interval: str = "interval") -> Table:
    """A table with a row a statistic, without notes."""
    return Table(("", "estimate", interval, "n", "method"), figures_rows(figures), numbers=(1, 3))


def figures_rows(figures: Mapping[str, Figure]) -> list[tuple[str, ...]]:
    """Of each statistic its name, estimate, interval, how many it is of, and method."""
    return [
        (
            name.replace("_", " "),
            one.shown,
            one.shown_interval,
            f"{one.n:,}",
            one.method if one.why is None else f"{one.method}: {one.why}",
        )
        for name, one in figures.items()
    ]
