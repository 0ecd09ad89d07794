"""Where cells lie in the memory of a machine."""

from __future__ import annotations

from dataclasses import dataclass

CELL_BYTES = 8
"""Where it begins and ends, each in 32 bits (`kernels.h`)."""


@dataclass(frozen=True, slots=True)
class CellBlock:
    """
    Some rows of a table, in the memory of a machine until the next ones are asked for.

    Attributes:
        text: Address of their text.
        cells: Address of where in the text their cells are: `width` for each row.
        width: Cells of a row.
        records: How many rows.
    """

    text: int
    cells: int
    width: int
    records: int
