"""A folder of tables of one form in: their rows one after the other, in the order of their paths."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rowbatch.core.folders import own_files
from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import TableError, from_os_error
from rowbatch.tables.base import Table, TableChunk
from rowbatch.tables.columnar import ColumnarTable
from rowbatch.tables.compressed import unpacked_suffix

_FORMS = (
    (".parquet", ".pq"),
    (".arrow", ".feather", ".ipc"),
    (".csv", ".tsv", ".tab"),
    (".jsonl", ".ndjson", ".jsonlines", ".json"),
    (".xlsx", ".xls", ".xlsb", ".xlsm", ".ods"),
    (".dta",),
    (".sav", ".zsav", ".por"),
    (".sas7bdat", ".xpt"),
    (".rds", ".rda", ".rdata"),
)
"""Endings that are of one form."""


class TableFolder(Table):
    """
    Tables of one form and one header, as the parts that Spark, Hive or a yearly export leave in a folder.

    Attributes:
        tables: Opened, in the order of their paths.
    """

    format = "table-folder"

    def __init__(self, path: Path, tables: Sequence[Table], reading: ReadOptions) -> None:
        first = tables[0]
        super().__init__(path, first.header, columns=first.columns, label=first.label, notes=first.notes)
        self.tables, self._reading = tuple(tables), reading
        self.not_asked = first.not_asked

    @property
    def is_text(self) -> bool:
        return self.tables[0].is_text

    @property
    def guessed_encoding(self) -> str:
        return next(filter(None, (table.guessed_encoding for table in self.tables)), "")

    @property
    def reading(self) -> ReadOptions:
        return self._reading

    def _chunks(self, rows_per_chunk: int) -> Iterator[TableChunk]:
        done = 0
        for table in self.tables:
            height = 0
            table.bad_rows = type(self.bad_rows)()
            for chunk in table._chunks(min(rows_per_chunk, table.most_rows)):
                yield replace(chunk, first_row=done + chunk.first_row)
                height = chunk.first_row + chunk.frame.height - 1
            done += height
            self.bad_rows.take(table.bad_rows)


def files_of_folder(folder: Path) -> list[Path]:
    """
    The files of a folder of tables, sorted; none where it holds no table, or such of several forms.

    Raises:
        StorageError: The folder cannot be listed.
    """
    try:
        files = [path for path in own_files(folder) if not path.name.startswith("_")]
    except OSError as error:
        raise from_os_error(error, str(folder)) from error
    forms = {form for path in files for form in _FORMS if unpacked_suffix(path) in form}
    if len(forms) != 1:
        return []
    (form,) = forms
    return [path for path in files if unpacked_suffix(path) in form]


def open_table_folder(
    path: Path, files: Sequence[Path], options: ReadOptions, open_one: Callable[[Path, ReadOptions], Table]
) -> TableFolder:
    """
    Open the tables of a folder.

    Args:
        path: The folder.
        files: As `files_of_folder` gives them, at least one.
        options: How to read each of them.
        open_one: Opens one.
    Raises:
        TableError: One cannot be read, or has other columns than the first.
    """
    tables: list[Table] = []
    for file in files:
        table = open_one(file, options)
        tables.append(table)
        if table.header != tables[0].header:
            raise TableError(
                "folder-headers-differ",
                path=str(file),
                first=str(files[0]),
                columns=list(table.header[:40]),
                expected=list(tables[0].header[:40]),
            )
        kinds, expected = _types(table), _types(tables[0])
        for name, kind, wanted in zip(table.header, kinds, expected, strict=True):
            if kind != wanted:
                raise TableError(
                    "folder-types-differ",
                    path=str(file),
                    first=str(files[0]),
                    column=name,
                    found=kind,
                    wanted=wanted,
                )
    return TableFolder(path, tables, options)


def _types(table: Table) -> list[str]:
    """Types of the columns, where the form has them in its schema."""
    return table.types if isinstance(table, ColumnarTable) else [""] * len(table.header)
