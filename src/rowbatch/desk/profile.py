"""What the cells of a table look like: what a person should know before asking about them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from rowbatch.store.view import TableView
from rowbatch.tables.text_column import likely_text_column

_SAMPLE_ROWS = 500
_MAIL = r"[\w.+-]+@[\w-]+\.[\w.]+"
_PERSONAL = re.compile(
    r"(e-?mail|phone|telefon|mobile|surname|first.?name|last.?name|full.?name|address|姓名|电话|手机|邮箱|地址)",
    re.I,
)
_LONG_CHARS = 20_000


@dataclass(frozen=True, slots=True)
class Profile:
    """
    What the cells of a table look like.

    Attributes:
        empty: Empty cells of each column.
        mean_chars: Mean length of each column's cells.
        text: Position of the column that is probably the text.
        duplicates: Texts of that column that stand there before; empty ones do not count.
        long: Cells of that column with more than 20,000 characters.
        personal: Positions of columns that seem to hold names, addresses, numbers of people.
    """

    empty: tuple[int, ...]
    mean_chars: tuple[float, ...]
    text: int
    duplicates: int
    long: int
    personal: tuple[int, ...]


def profile_of(view: TableView) -> Profile:
    """Look at every cell of a table."""
    keys = list(view.keys)
    scan = view.scan(keys)
    found = scan.select(
        *(pl.col(key).str.strip_chars().eq("").sum().alias(f"empty {key}") for key in keys),
        *(pl.col(key).str.len_chars().mean().alias(f"chars {key}") for key in keys),
    ).collect()
    empty = tuple(int(found[f"empty {key}"][0] or 0) for key in keys)
    chars = tuple(float(found[f"chars {key}"][0] or 0.0) for key in keys)
    sample = view.frame(1, _SAMPLE_ROWS)
    likely = likely_text_column(view.columns, sample)
    text = likely if likely is not None else 0
    cells = pl.col(keys[text])
    told = scan.select(
        cells.hash().filter(cells.str.strip_chars() != "").n_unique().alias("unique"),
        (cells.str.len_chars() > _LONG_CHARS).sum().alias("long"),
    ).collect()
    filled = view.state.rows - empty[text]
    personal = [
        position
        for position, key in enumerate(keys)
        if _PERSONAL.search(view.columns[position])
        or ((sample.height and sample[key].str.contains(_MAIL).mean()) or 0) > 0.2  # type: ignore[operator]
    ]
    return Profile(
        empty=empty,
        mean_chars=chars,
        text=text,
        duplicates=filled - int(told["unique"][0]) if filled else 0,
        long=int(told["long"][0] or 0),
        personal=tuple(personal),
    )
