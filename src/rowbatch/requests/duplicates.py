"""
Rows that ask the same are asked once, and the answer goes to all of them.

Two passes over the table: the first gives every row that is asked a fingerprint of 128 bits and keeps only
these, 24 bytes a row; the second asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import polars as pl

from rowbatch.errors import TableError, from_os_error
from rowbatch.store.atomic import atomic_path
from rowbatch.tables.base import Table, TableChunk, blank_rows

_SEEDS = (1, 2)
# What is compared at a time, so that sorting needs little beside the fingerprints.
_PARTS = 16
_COLUMNS = ("row", "asked_row")


class Duplicates:
    """
    Rows that are not asked, and the row that is asked in their place.

    Args:
        pairs: `row` and `asked_row`, both from 1, sorted by row; `asked_row` is the lower one, and is none of
            the rows. None for none.
    """

    def __init__(self, pairs: pl.DataFrame | None = None) -> None:
        self._pairs = pairs

    @cached_property
    def pairs(self) -> pl.DataFrame:
        """As they were given."""
        return pl.DataFrame(schema=_schema()) if self._pairs is None else self._pairs

    @cached_property
    def asked_rows(self) -> pl.Series:
        """The rows that are asked in the place of others, sorted."""
        return self.pairs["asked_row"].unique().sort()

    @classmethod
    def none(cls) -> Duplicates:
        """No row is a duplicate."""
        return cls()

    def __len__(self) -> int:
        return 0 if self._pairs is None else self._pairs.height

    def between(self, first_row: int, height: int) -> pl.DataFrame:
        """The pairs of so many rows from this one on."""
        start, stop = self.pairs["row"].search_sorted(pl.Series([first_row, first_row + height]), side="left")
        return self.pairs[start:stop]

    def mask(self, first_row: int, height: int) -> pl.Series:
        """Which of so many rows are duplicates; booleans."""
        here = self.between(first_row, height)["row"]
        if not len(here):
            return pl.repeat(False, height, dtype=pl.Boolean, eager=True)
        return pl.int_range(first_row, first_row + height, dtype=pl.Int64, eager=True).is_in(here.implode())

    def save(self, path: Path, *, overwrite: bool) -> None:
        """Write the pairs: as CSV when the name says so, else as Parquet."""
        with atomic_path(path, overwrite=overwrite) as temporary:
            if path.suffix.lower() == ".csv":
                self.pairs.write_csv(temporary)
            else:
                self.pairs.write_parquet(temporary)

    @classmethod
    def load(cls, path: Path) -> Duplicates:
        """
        Read what `save` wrote.

        Raises:
            TableError: It is not such a file.
        """
        try:
            if path.suffix.lower() == ".csv":
                pairs = pl.read_csv(path, schema=_schema())
            else:
                pairs = pl.read_parquet(path).select(_COLUMNS).cast(pl.Int64)
        except OSError as error:
            raise from_os_error(error, str(path)) from error
        except pl.exceptions.PolarsError as error:
            raise TableError("no-duplicates-list", path=str(path), told=str(error)) from error
        return cls(pairs.sort("row"))


def _schema() -> dict[str, type[pl.DataType]]:
    return dict.fromkeys(_COLUMNS, pl.Int64)


def find_duplicates(table: Table, used: Iterable[str], asked: Sequence[int]) -> Duplicates:
    """
    Find the rows that ask what an earlier one asks.

    Args:
        table: Read once.
        used: Names of the columns that the request is made of.
        asked: Positions of the columns whose emptiness makes a row be skipped.
    """
    positions = [str(table.column(name)) for name in used]
    fingerprints: list[pl.DataFrame] = []
    for chunk in table.chunks():
        cells = chunk.frame.select(positions)
        frame = pl.DataFrame(
            [
                pl.int_range(
                    chunk.first_row, chunk.first_row + cells.height, dtype=pl.Int64, eager=True
                ).alias("row"),
                *(cells.hash_rows(seed).alias(f"hash{number}") for number, seed in enumerate(_SEEDS)),
            ]
        )
        fingerprints.append(frame.filter(~blank_rows(chunk.frame, list(asked), table.not_asked)))
    return Duplicates(pl.concat([_pairs(fingerprints, part) for part in range(_PARTS)]).sort("row"))


class RepeatCount:
    """
    Counts the rows that ask what an earlier one asks, where each is asked all the same.

    Eight bytes a row: a number too many, once in a million tables, would be said and no more.

    Args:
        table: Whose chunks are looked at.
        used: Names of the columns that the request is made of.
        asked: Of those whose emptiness makes a row be skipped.
    """

    def __init__(self, table: Table, used: Iterable[str], asked: Iterable[str]) -> None:
        self._positions = [str(table.column(name)) for name in used]
        self._asked = sorted(map(table.column, asked))
        self._not_asked = table.not_asked
        self._hashes: list[pl.Series] = []

    def look(self, chunk: TableChunk) -> None:
        """Take a chunk into account."""
        hashes = chunk.frame.select(self._positions).hash_rows(_SEEDS[0])
        self._hashes.append(hashes.filter(~blank_rows(chunk.frame, self._asked, self._not_asked)))

    def count(self) -> tuple[int, int]:
        """How many rows repeat an earlier one, and how many texts stand in several rows."""
        hashes = pl.concat(self._hashes) if self._hashes else pl.Series(dtype=pl.UInt64)
        repeated = hashes.filter(hashes.is_duplicated())
        texts = repeated.n_unique()
        return len(repeated) - texts, texts


def _pairs(fingerprints: Sequence[pl.DataFrame], part: int) -> pl.DataFrame:
    found = pl.concat([frame.filter(pl.col("hash0") % _PARTS == part) for frame in fingerprints])
    first = pl.col("row").min().over("hash0", "hash1")
    return found.select("row", first.alias("asked_row")).filter(pl.col("row") != pl.col("asked_row"))


class AnswersOfDuplicates:
    """
    Answers that are wanted again further down.

    Args:
        duplicates: Which.
    """

    def __init__(self, duplicates: Duplicates) -> None:
        self._duplicates = duplicates
        self._kept: list[pl.DataFrame] = []

    def keep(self, answers: pl.DataFrame) -> None:
        """Keep what is wanted later of answers that have a column `row`; rows come in order."""
        wanted = self._duplicates.asked_rows
        if not len(wanted) or not answers.height:
            return
        rows = answers["row"]
        start, stop = wanted.search_sorted(pl.Series([rows[0], rows[-1]]), side="left")
        kept = answers.filter(rows.is_in(wanted[start : stop + 1].implode()))
        if kept.height:
            self._kept.append(kept)

    def answers(self, first_row: int, height: int) -> pl.DataFrame:
        """The answers of the duplicates among so many rows from this one on, under their own row numbers."""
        pairs = self._duplicates.between(first_row, height)
        if len(self._kept) > 1:
            self._kept = [pl.concat(self._kept)]
        if not pairs.height:
            return self._kept[0].clear() if self._kept else pl.DataFrame()
        kept = self._kept[0]
        at = kept["row"].search_sorted(pairs["asked_row"], side="left")
        return kept[at].with_columns(pairs["row"])
