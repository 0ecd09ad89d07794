"""
Whether the number at the end of an id is the number of a row of the table.

`convert` and runs write it so. Most files that people have elsewhere use a column of their table, or count
something else; then an answer would stand beside another text, and look as good as any. So what the ids and
the table show is weighed, and where it is no proof nothing is joined.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Literal

import polars as pl

from rowbatch.core.plan import ROW_PREFIX
from rowbatch.core.row_ids import row_ids
from rowbatch.errors import InputError
from rowbatch.results.extract_report import ExtractReport
from rowbatch.results.pile import Found
from rowbatch.tables.base import Table, TableChunk

NO_ROW_NUMBERS = frozenset(
    {
        "id-of-two-numbers",
        "ids-of-two-numbers",
        "ids-without-number",
        "ids-beyond-table",
        "ids-of-a-column",
        "ids-from-both",
    }
)
"""Kinds of errors that say that the ids cannot be row numbers of the table."""


def require_row_numbers(found: Found, report: ExtractReport, *, is_said: bool) -> None:
    """
    Make sure that one number in the ids counts, and that most results have it.

    Args:
        found: The ids.
        report: What was read.
        is_said: The caller knows that the numbers are rows; those without one are then left out.
    Raises:
        InputError: The ids have two numbers that differ, as in `1_run0` and `2_run0`; the only one has two;
            or most have none.
    """
    pattern = _without_digits(found.prefix)
    others = [one for one in found.prefixes if one != found.prefix and _without_digits(one) == pattern]
    if others:
        first, second = sorted((found.prefix, min(others)))
        raise InputError("ids-of-two-numbers", first=f"{first}…", second=f"{second}…")
    if found.lowest is not None and found.lowest == found.highest and not is_said and pattern != found.prefix:
        raise InputError("id-of-two-numbers", example=f"{found.prefix}{found.lowest}")
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
        # Of results of one row alone, as 11_0 and 11_1, the prefix has the value.
        self._starts = pl.Series(_starts(found.prefix), dtype=pl.String)
        self._begun: dict[str, list[tuple[str, int]]] = {}

    def look(self, chunk: TableChunk) -> None:
        """Look at some rows of the table, in order."""
        if self._is_ours or self._found.lowest is None:
            return
        if self._columns is None:
            self._columns = {name: _KeyColumn(self._found.prefix) for name in chunk.frame.columns}
        for name in list(self._columns):
            if not self._columns[name].takes(chunk.frame[name], chunk.first_row):
                del self._columns[name]
        if self._found.prefix != ROW_PREFIX:
            self._look_at_starts(chunk)

    @property
    def wanted(self) -> Sequence[str] | None:
        """Which columns are still looked at, of a chunk that comes next; None means all."""
        if self._is_ours or self._found.lowest is None:
            return ()
        return None if self._columns is None or self._found.prefix != ROW_PREFIX else tuple(self._columns)

    def _look_at_starts(self, chunk: TableChunk) -> None:
        for name in chunk.frame.columns:
            cells = chunk.frame[name]
            for at in cells.is_in(self._starts.implode()).arg_true().to_list()[:2]:
                self._begun.setdefault(name, []).append((cells[at], chunk.first_row + at))

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
        self._require_no_key(table, highest, last)
        for name, cells in self._begun.items():
            if len(cells) == 1:
                value, row = cells[0]
                raise InputError(
                    "ids-begin-with-value",
                    column=table.header[int(name)],
                    value=value,
                    row=row,
                    example=f"{prefix}{highest}",
                )
        if highest > last:
            raise InputError(
                "ids-beyond-table", path=str(table.path), rows=rows, example=f"{prefix}{highest}"
            )
        # One end of the table shows where the ids begin: with the other count they would go beyond it.
        is_ours = self._is_ours or prefix == ROW_PREFIX
        shows_an_end = lowest == 0 or highest == last
        # Of one id alone the number shows nothing: `a_0` may be the first result of any row.
        if not is_ours and not (shows_an_end and (lowest < highest or rows == 1)):
            raise InputError(
                "ids-without-end",
                path=str(table.path),
                rows=rows,
                lowest=f"{prefix}{lowest}",
                highest=f"{prefix}{highest}",
            )

    def _require_no_key(self, table: Table, highest: int, last: int) -> None:
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
            "ids-of-a-column-in-reach" if highest <= last else "ids-of-a-column",
            column=name,
            example=f"{self._found.prefix}{number}",
            by_number=number + 1 - self._first,
            by_column=row,
            first_number=self._first,
        )


def _starts(prefix: str) -> list[str]:
    """The texts that a prefix begins with, cut where letters, digits and other characters meet."""
    ends = accumulate(len(piece) for piece in re.findall(r"[0-9]+|[^\W\d_]+|.", prefix, re.DOTALL))
    return [prefix[:end] for end in ends if prefix[:end].strip("-_.:/|# ")]


_SAME_ROWS = (0, 0)
# Beginnings of cells that are looked at, so that a column of texts costs little.
_MOST_PREFIXES = 100
# Share of different numbers: a column with fewer, as of ratings, holds no keys.
_DIFFERENT = 0.9


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
        if ids["number"].null_count() or not self._is_end_of_ids(str(ids["prefix"][0])):
            # pandas writes whole numbers as 3.0 in a column with gaps. An empty cell is no key.
            cells = cells.str.strip_chars().str.replace(r"\A([0-9]+)\.0+\z", "$1")
            rows, cells = rows.filter(cells != ""), cells.filter(cells != "")
            if not len(cells):
                return True
            ids = row_ids(cells)
        if self._prefix is None:
            # Cells that are no ids, as `none` or `test1`, do not hide that the others are.
            known = ids["prefix"].drop_nulls().unique(maintain_order=True).head(_MOST_PREFIXES)
            self._prefix = next((prefix for prefix in known if self._is_end_of_ids(prefix)), None)
        if self._prefix is None:
            return False
        is_like = (ids["prefix"] == self._prefix).fill_null(value=False)
        if not is_like.all():
            ids, rows = ids.filter(is_like), rows.filter(is_like)
        return not len(rows) or self._keeps(ids["number"], rows)

    def _is_end_of_ids(self, prefix: str) -> bool:
        return self._id_prefix.endswith(prefix)

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
        return numbers.n_unique() >= _DIFFERENT * len(numbers)

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
        if cells["number"].n_unique() < _DIFFERENT * cells.height:
            return None
        if not numbers.is_in(cells["number"].implode()).all():
            return None
        ahead = cells["row"] - cells["number"]
        if ahead.n_unique() == 1 and ahead[0] in (0, 1) and ahead[0] != 1 - first_number:
            return None
        mine = cells.filter(cells["number"].is_in(numbers.implode()))
        others = mine.filter(mine["row"] - mine["number"] != 1 - first_number)
        return (others["number"][0], others["row"][0]) if others.height else _SAME_ROWS
