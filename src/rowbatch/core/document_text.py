"""Blocks of text, tables and pictures as lines for a terminal: what the prompt shows of a value."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from typing import assert_never

from rowbatch.core.document import Bars, Block, Code, Dots, Paragraph, Table
from rowbatch.words.printing import printable

_WIDTH, _CELL = 100, 48
"""Of a line, and of a cell beside others."""


def block_lines(block: Block) -> Iterator[str]:
    """
    A block as lines, without escape sequences and direction marks that a table or a model may have brought.

    Args:
        block: A table without a header is names and what they stand for.
    """
    match block:
        case Paragraph():
            yield from textwrap.wrap(printable(block.text), _WIDTH) or [""]
        case Table():
            yield from _named(block.rows) if not block.header else _table(block)
            if block.note:
                yield from textwrap.wrap(
                    printable(block.note), _WIDTH, initial_indent="  ", subsequent_indent="  "
                )
        case Bars():
            yield printable(block.title)
            yield from _named([(bar.name, bar.shown) for bar in block.bars])
        case Dots():
            yield printable(block.title)
            yield from _named([(dot.name, f"{dot.value:.3f}") for dot in block.dots])
        case Code():
            yield from (f"  | {line}" for line in printable(block.text, lines=True).split("\n"))
        case _:
            assert_never(block)


def _named(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Names to the left, and what they stand for beside them, wrapped."""
    named = [(printable(name), printable(value)) for name, value in rows]
    room = min(max((_columns(name) for name, _ in named), default=0), _CELL)
    for name, value in named:
        first, *rest = textwrap.wrap(value, max(_WIDTH - room, 40)) or [""]
        yield f"  {_filled(name, room)}  {first}".rstrip()
        yield from (f"  {'':{room}}  {line}" for line in rest)


def _table(table: Table) -> Iterator[str]:
    rows = [[_short(cell) for cell in row] for row in (table.header, *table.rows)]
    widths = [max(map(_columns, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            _filled(cell, width, to_the_right=place in table.numbers)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield f"  {'  '.join(cells)}".rstrip()


def _short(cell: str) -> str:
    text = printable(cell)
    return text if len(text) <= _CELL else f"{text[: _CELL - 1]}…"


def _filled(text: str, width: int, *, to_the_right: bool = False) -> str:
    space = " " * (width - _columns(text))
    return space + text if to_the_right else text + space


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes: letters of East Asia take two."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )
