"""
Whether the number at the end of an id is the number of a row of the table.

`convert` and runs write it so. Most files that people have elsewhere use a column of their table, or count
something else; then an answer would stand beside another text, and look as good as any. So what the ids and
the table show is weighed, and where it is no proof nothing is joined.
"""

from __future__ import annotations

import re
from typing import Literal

import polars as pl

from rowbatch.core.row_ids import row_ids
from rowbatch.errors import InputError
from rowbatch.results.extract_report import ExtractReport
from rowbatch.results.pile import Found
from rowbatch.tables.base import Table, TableChunk

OWN_PREFIX = "row-"
"""What `convert` and runs put before the row number, which they count from 1."""


def require_row_numbers(found: Found, report: ExtractReport, *, is_said: bool) -> None:
    """
    Make sure that one number in the ids counts, and that most results have it.

    Args:
        found: The ids.
        report: What was read.
        is_said: The caller knows that the numbers are rows; those without one are then left out.
    Raises:
        InputError: The ids have two numbers that differ, as in `1_run0` and `2_run0`; or most have none.
    """
    pattern = _without_digits(found.prefix)
    others = [one for one in found.prefixes if one != found.prefix and _without_digits(one) == pattern]
    if others:
        first, second = sorted((found.prefix, min(others)))
        raise InputError("ids-of-two-numbers", first=f"{first}…", second=f"{second}…")
    without = report.results - found.lines
    if 2 * without > report.results and not is_said:
        raise InputError(
            "ids-without-number", without=without, results=report.results, example=report.unknown[0]
        )


def _without_digits(prefix: str) -> str:
    return re.sub("[0-9]+", "0", prefix)


class IdEvidence:
    """
    What the table says about the ids, chunk by chunk.

    Args:
        found: The ids; those of its prefix are to be rows.
        first_number: What the number of the first row is taken for.
        is_ours: The ids are known to be those of `convert`.
    """

    def __init__(self, found: Found, first_number: Literal[0, 1], *, is_ours: bool) -> None:
        self._found, self._first, self._is_ours = found, first_number, is_ours
        self._columns: dict[str, _KeyColumn] | None = None

    def look(self, chunk: TableChunk) -> None:
        """Look at some rows of the table, in order."""
        if self._is_ours or self._found.lowest is None:
            return
        if self._columns is None:
            self._columns = {name: _KeyColumn(self._found.prefix) for name in chunk.frame.columns}
        for name in list(self._columns):
            if not self._columns[name].takes(chunk.frame[name], chunk.first_row):
                del self._columns[name]

    def require_proof(self, table: Table, rows: int) -> None:
        """
        Make sure that the ids are row numbers, once the whole table was looked at.

        Args:
            table: With the names of the columns.
            rows: How many it has.
        Raises:
            InputError: They may be something else.
        """
        lowest, highest = self._found.lowest, self._found.highest
        if lowest is None or highest is None:
            return
        prefix, last = self._found.prefix, rows - 1 + self._first
        if lowest == 0 and highest == rows:
            raise InputError("ids-from-both", path=str(table.path), prefix=prefix, rows=rows)
        self._require_no_key(table, last)
        if highest > last:
            raise InputError(
                "ids-beyond-table", path=str(table.path), rows=rows, example=f"{prefix}{highest}"
            )
        # One end of the table shows where the ids begin: with the other count they would go beyond it.
        is_ours = self._is_ours or prefix == OWN_PREFIX
        if not is_ours and lowest != 0 and highest != last:
            raise InputError(
                "ids-without-end",
                path=str(table.path),
                rows=rows,
                lowest=f"{prefix}{lowest}",
                highest=f"{prefix}{highest}",
            )

    def _require_no_key(self, table: Table, last: int) -> None:
        conflict: tuple[str, int, int] | None = None
        for name, column in (self._columns or {}).items():
            other = column.other_row(self._found.numbers, self._first)
            if other == _SAME_ROWS:
                return
            if other is not None:
                conflict = conflict or (table.header[int(name)], *other)
        if conflict is None:
            return
        name, number, row = conflict
        raise InputError(
            "ids-of-a-column-in-reach" if number <= last else "ids-of-a-column",
            column=name,
            example=f"{self._found.prefix}{number}",
            by_number=number + 1 - self._first,
            by_column=row,
            first_number=self._first,
        )


_SAME_ROWS = (0, 0)


class _KeyColumn:
    """
    A column that may be what the ids were made of: other numbers in each row, behind one prefix.

    As long as it only counts the rows, nothing is kept of it.
    """

    def __init__(self, id_prefix: str) -> None:
        self._id_prefix = id_prefix
        self._prefix: str | None = None
        self._counted = (0, 0)
        self._ahead: int | None = None
        self._parts: list[pl.DataFrame] = []

    def takes(self, cells: pl.Series, first_row: int) -> bool:
        """Whether it still may be, with these cells too."""
        rows = pl.int_range(first_row, first_row + len(cells), dtype=pl.Int64, eager=True)
        ids = row_ids(cells)
        if ids["number"].null_count():
            cells = cells.str.strip_chars()
            # An empty cell is no key.
            rows, cells = rows.filter(cells != ""), cells.filter(cells != "")
            if not len(cells):
                return True
            ids = row_ids(cells)
        if self._prefix is None:
            self._prefix = str(ids["prefix"][0])
        is_like_ids = not ids["number"].null_count() and (ids["prefix"] == self._prefix).all()
        if not is_like_ids or not self._id_prefix.endswith(self._prefix):
            return False
        return self._keeps(ids["number"], rows)

    def _keeps(self, numbers: pl.Series, rows: pl.Series) -> bool:
        if self._ahead is None:
            self._ahead, self._counted = rows[0] - numbers[0], (rows[0], rows[0])
        if self._goes_on(rows) and (rows - numbers == self._ahead).all():
            self._counted = (self._counted[0], rows[-1] + 1)
            return True
        if not self._parts:
            before = pl.int_range(*self._counted, dtype=pl.Int64, eager=True)
            self._parts.append(pl.DataFrame([(before - self._ahead).alias("number"), before.alias("row")]))
        self._parts.append(pl.DataFrame([numbers.alias("number"), rows.alias("row")]))
        return not numbers.is_duplicated().any()

    def _goes_on(self, rows: pl.Series) -> bool:
        follows = rows[0] == self._counted[1] and rows[-1] - rows[0] == len(rows) - 1
        return bool(follows) and not self._parts

    def other_row(self, numbers: pl.Series, first_number: int) -> tuple[int, int] | None:
        """
        Where the column puts the ids.

        Args:
            numbers: Of the ids.
            first_number: Of the first row, when they are row numbers.
        Returns:
            A number and the row of the column that has it, where that is another row; `_SAME_ROWS` when it is
            the same for all; None when the column does not hold them all, or counts the rows itself.
        """
        if not self._parts:
            if self._ahead in (0, 1):
                return _SAME_ROWS if self._ahead == 1 - first_number else None
            before = pl.int_range(*self._counted, dtype=pl.Int64, eager=True)
            self._parts.append(
                pl.DataFrame([(before - (self._ahead or 0)).alias("number"), before.alias("row")])
            )
        cells = pl.concat(self._parts)
        if cells["number"].is_duplicated().any() or not numbers.is_in(cells["number"].implode()).all():
            return None
        ahead = cells["row"] - cells["number"]
        if ahead.n_unique() == 1 and ahead[0] in (0, 1) and ahead[0] != 1 - first_number:
            return None
        mine = cells.filter(cells["number"].is_in(numbers.implode()))
        others = mine.filter(mine["row"] - mine["number"] != 1 - first_number)
        return (others["number"][0], others["row"][0]) if others.height else _SAME_ROWS
