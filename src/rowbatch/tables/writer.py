"""What every table format out has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

from rowbatch.errors import UsageError
from rowbatch.tables.base import ColumnInfo, TableChunk

FORMATS: dict[str, str] = {".csv": "csv"}
"""Formats of tables that are written, by the ending of the name."""


@dataclass(frozen=True, slots=True)
class AddedColumn:
    """
    A column that is put beside those of the input.

    Attributes:
        name: Unlike every other in the table.
        label: What it is, in words; or "".
        labels: Its allowed texts, in order, where there is such a list; else ().
        dtype: Of its values.
    """

    name: str
    label: str = ""
    labels: tuple[str, ...] = ()
    dtype: pl.DataType = field(default_factory=pl.String)


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """
    How a table is written.

    Attributes:
        bom: CSV: a byte order mark first, so that Excel knows that it is UTF-8.
        formula_safe: CSV: a cell that a spreadsheet would take for a formula gets an apostrophe in front,
            so it is text there; it is then not what it was. Excel: has no effect, texts are string cells.
    """

    bom: bool = False
    formula_safe: bool = False


@dataclass(frozen=True, slots=True)
class TableShape:
    """
    What is known of a table before its first row is written.

    Attributes:
        header: Names of the input's columns, in order.
        columns: What is known of each, or none at all.
        added: The columns that come after them.
        label: What the table is about, in words; or "".
    """

    header: tuple[str, ...]
    columns: tuple[ColumnInfo, ...]
    added: tuple[AddedColumn, ...]
    label: str = ""

    @property
    def names(self) -> list[str]:
        """Of all columns."""
        return [*self.header, *(column.name for column in self.added)]


class TableWriter(ABC):
    """
    Write a table chunk by chunk.

    A context: what is left to write is written at its end. After an error the file is not to be used.
    """

    @abstractmethod
    def write(self, chunk: TableChunk, added: pl.DataFrame) -> None:
        """
        Write rows.

        Args:
            chunk: Of the input; its `typed` values are written where the format has types.
            added: As many rows; the added columns in their order, of their types. Null is no value.
        """

    @abstractmethod
    def close(self) -> None:
        """Write what is left, and close the file."""

    @abstractmethod
    def abandon(self) -> None:
        """Close the file after an error; what is in it does not count."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()


def format_of(path: Path) -> str:
    """
    The format that a table of this name is written in.

    Raises:
        UsageError: The name has no ending that is known.
    """
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        known = ", ".join(FORMATS)
        raise UsageError(
            f"{path} does not say in which format it shall be written", hint=f"let it end in one of {known}"
        )
    return found


def open_writer(
    path: Path, format_name: str, shape: TableShape, options: WriteOptions | None = None
) -> TableWriter:
    """
    Begin a table.

    Args:
        path: Of the file; what is there is replaced.
        format_name: As `format_of` says.
        shape: Its columns.
        options: How to write it.
    Raises:
        UsageError: The format cannot hold such columns.
        StorageError: The file cannot be written.
    """
    options = options or WriteOptions()
    if format_name == "csv":
        from rowbatch.tables.csv_writer import CsvTableWriter

        return CsvTableWriter(path, shape, options)
    raise UsageError(f"no table is written as {format_name!r}")


def one_row_per_answer(names: Sequence[AddedColumn]) -> TableShape:
    """The shape of a table that has no input: only the added columns."""
    return TableShape((), (), tuple(names))
