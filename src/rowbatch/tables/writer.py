"""What every table format out has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

from rowbatch.core.table_options import WriteOptions
from rowbatch.errors import UsageError
from rowbatch.tables.base import ColumnInfo, Table, TableChunk
from rowbatch.tables.response_sets import ResponseSet

FORMATS: dict[str, str] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
    ".dta": "stata",
    ".sav": "spss",
    ".jsonl": "jsonl",
    ".feather": "arrow",
    ".arrow": "arrow",
}
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
        codes: The number of each of `labels`; () for 1, 2, … Where the values are numbers, it is theirs.
        cant_say: Which of `labels` is a missing value in programs that have such; or "".
        response_set: Columns of 0 and 1 that have the same one are a multiple response set; or "".
        may_be_cut: It only tells about the others: a text that the format cannot hold is cut, with a mark.
    """

    name: str
    label: str = ""
    labels: tuple[str, ...] = ()
    dtype: pl.DataType = field(default_factory=pl.String)
    codes: tuple[int, ...] = ()
    cant_say: str = ""
    response_set: str = ""
    may_be_cut: bool = False

    @property
    def numbers(self) -> dict[str, int]:
        """The number of each of its labels."""
        return dict(zip(self.labels, self.codes or range(1, len(self.labels) + 1), strict=True))


@dataclass(frozen=True, slots=True)
class TableShape:
    """
    What is known of a table before its first row is written.

    Attributes:
        header: Names of the input's columns, in order.
        columns: What is known of each, or none at all.
        added: The columns that come after them.
        label: What the table is about, in words; or "".
        documents, response_sets: As the input has them, see `Table`.
        numbers: Types of columns whose texts are written as numbers, by their position.
        is_text: All other cells are texts, as those of a CSV file are.
    """

    header: tuple[str, ...]
    columns: tuple[ColumnInfo, ...]
    added: tuple[AddedColumn, ...]
    label: str = ""
    documents: tuple[str, ...] = ()
    response_sets: tuple[ResponseSet, ...] = ()
    numbers: Mapping[int, pl.DataType] = field(default_factory=dict)
    is_text: bool = False

    @classmethod
    def of(
        cls,
        table: Table,
        added: Sequence[AddedColumn],
        kept: Sequence[int] | None = None,
        *,
        numbers: Mapping[int, pl.DataType] | None = None,
    ) -> TableShape:
        """
        A table with columns beside it.

        Args:
            table: The input.
            added: Those that come after its own.
            kept: Positions of its own that are written; None for all.
            numbers: Types of its columns that are written as numbers, by their position, see `find_numbers`.
        """
        at = range(len(table.header)) if kept is None else kept
        return cls(
            tuple(table.header[position] for position in at),
            tuple(table.columns[position] for position in at) if table.columns else (),
            tuple(added),
            table.label,
            table.documents,
            table.response_sets,
            {new: numbers[old] for new, old in enumerate(at) if numbers and old in numbers},
            table.is_text,
        )

    @property
    def names(self) -> list[str]:
        """Of all columns."""
        return [*self.header, *(column.name for column in self.added)]


class OutputCheck:
    """
    Whether the format of an output can hold a table, asked chunk by chunk before it is written.

    This one is of a format that holds all.
    """

    def look(self, chunk: TableChunk) -> None:
        """
        Look at some rows, in order.

        Raises:
            CannotHold: They, or a column of the table, have no place in the format.
        """


class TableWriter(ABC):
    """
    Write a table chunk by chunk.

    A context: what is left to write is written at its end. After an error the file is not to be used.

    Attributes:
        formulas: Cells and names so far that were marked, because a spreadsheet would take them for formulas.
    """

    formulas: int = 0

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


def format_of(path: Path, *, besides: Sequence[str] = ()) -> str:
    """
    The format that a table of this name is written in.

    Args:
        path: Its name.
        besides: Endings that the caller knows, too, for the message.
    Raises:
        UsageError: The name has no ending that is known.
    """
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        raise UsageError("format-unknown", path=str(path), endings=[*FORMATS, *besides])
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
    require_typed(format_name, options)
    has_no_mark = format_name != "csv" and options.bom
    if has_no_mark or (options.formula_safe and format_name not in ("csv", "tsv", "xlsx")):
        raise UsageError("mark-is-for-csv")
    match format_name:
        case "csv" | "tsv":
            from rowbatch.tables.csv_writer import CsvTableWriter

            return CsvTableWriter(path, shape, options, separator="\t" if format_name == "tsv" else ",")
        case "parquet" | "arrow":
            from rowbatch.tables.parquet_writer import ColumnarTableWriter

            return ColumnarTableWriter(path, shape, is_parquet=format_name == "parquet")
        case "xlsx":
            from rowbatch.tables.excel_writer import ExcelTableWriter

            return ExcelTableWriter(path, shape)
        case "stata" | "spss":
            from rowbatch.tables.statistics_writer import StatisticsTableWriter

            return StatisticsTableWriter(path, shape, is_stata=format_name == "stata")
        case "jsonl":
            from rowbatch.tables.json_writer import JsonTableWriter

            return JsonTableWriter(path, shape)
        case _:
            raise UsageError("no-such-format", format=format_name)


def require_typed(format_name: str, options: WriteOptions) -> None:
    """
    Make sure that a format has numbers, where numbers are wanted.

    Raises:
        UsageError: It has texts only.
    """
    if options.numbers and format_name in ("csv", "tsv"):
        raise UsageError("numbers-not-for-csv")


def open_check(path: Path, format_name: str, shape: TableShape) -> OutputCheck:
    """
    Begin to ask whether a format can hold a table.

    Args:
        path: Of the output, for messages; nothing is written there.
        format_name: As `format_of` says.
        shape: The columns of the output.
    Raises:
        CannotHold: It cannot hold such columns.
    """
    match format_name:
        case "xlsx":
            from rowbatch.tables.excel_writer import ExcelCheck

            return ExcelCheck(path, shape)
        case "stata" | "spss":
            from rowbatch.tables.statistics_writer import StatisticsRehearsal

            return StatisticsRehearsal(path, shape, is_stata=format_name == "stata")
        case "parquet" | "arrow":
            from rowbatch.tables.parquet_writer import ColumnarCheck

            return ColumnarCheck(path, shape)
        case _:
            return OutputCheck()


CUT_MARK = " \u2026 [cut; the whole text is in the run directory]"
_LONGEST_TEXT_BYTES = 32_767
_CUT_CHARS = 8_000


def cut_to_fit(added: pl.DataFrame, columns: Sequence[AddedColumn]) -> pl.DataFrame:
    """
    Make columns that may be cut fit into the cells of Excel, Stata and SPSS.

    What a model said by mistake can be of any length, is known only when it is paid for, and must not cost
    the table.

    Args:
        added: Values, in the order of `columns`.
        columns: What they are.
    Returns:
        The same with texts of more than 32,767 bytes cut to 8,000 characters and a mark, and without NULs.
    """
    texts = [
        pl.when(pl.col(name).str.len_bytes() > _LONGEST_TEXT_BYTES)
        .then(pl.col(name).str.slice(0, _CUT_CHARS) + CUT_MARK)
        .otherwise(pl.col(name))
        .str.replace_all("\0", "\ufffd", literal=True)
        .alias(name)
        for name, column in zip(added.columns, columns, strict=True)
        if column.may_be_cut and added.schema[name] == pl.String
    ]
    return added.with_columns(texts)


def values_of(
    chunk: TableChunk, added: pl.DataFrame, shape: TableShape, names: Sequence[str]
) -> pl.DataFrame:
    """
    All columns of some rows, as they are written to a format with types.

    Args:
        chunk: Of the input; its typed values are taken where it has some.
        added: The added columns.
        shape: Of the table.
        names: What the columns are to be called.
    """
    width = len(shape.header)
    own = chunk.typed if chunk.typed is not None else chunk.frame
    columns = [
        _as_number(column, shape.numbers.get(position)).alias(name)
        for position, (column, name) in enumerate(zip(own.get_columns(), names[:width], strict=True))
    ]
    columns += [
        column.cast(info.dtype).alias(name)
        for column, info, name in zip(added.get_columns(), shape.added, names[width:], strict=True)
    ]
    return pl.DataFrame(columns)


def _as_number(column: pl.Series, kind: pl.DataType | None) -> pl.Series:
    return column if kind is None else column.replace("", None).cast(kind)
