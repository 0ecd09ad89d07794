"""Statistics as a small table of HTML, for notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from rowbatch.core.statistics.figures import Figure, Resampling
from rowbatch.words.notice import Notice


def figures_page(figures: Mapping[str, Figure], resampling: Resampling, notes: Sequence[Notice]) -> str:
    """
    A table with a row a statistic.

    Args:
        figures: By name.
        resampling: Whose level stands above the intervals.
        notes: What stands below.
    """
    head = (
        f"<tr><th></th><th>estimate</th><th>{resampling.percent} interval</th><th>n</th><th>method</th></tr>"
    )
    rows = "".join(
        f"<tr><th>{escape(name.replace('_', ' '))}</th><td>{one.shown}</td>"
        f"<td>{one.shown_interval}</td><td>{one.n:,}</td>"
        f"<td>{escape(one.method if one.why is None else f'{one.method}: {one.why}')}</td></tr>"
        for name, one in figures.items()
    )
    told = "".join(f"<p>{escape(str(note))}</p>" for note in notes)
    return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>{told}"
