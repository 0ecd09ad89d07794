"""What a program's export is to this room."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from rowbatch.core.table_options import ReadOptions
from rowbatch.tables.base import ColumnInfo, Table, TableChunk
from rowbatch.words.notice import Notice

HEAD_BYTES = 1 << 16
"""So much of the begin of a file is looked at to see whose it is."""


@dataclass(frozen=True, slots=True)
class Program:
    """
    One form of one program's exports.

    A form is either seen by the bytes of the file (`is_file`, `open`), or by the table in it (`dress`).

    Attributes:
        name: What `--program` takes, as in `qualtrics`.
        title: What the program calls itself, as in `Qualtrics`.
        is_file: Whether a path with these first bytes (unpacked, up to `HEAD_BYTES`; of a folder none) is
            such an export. It must be quick, never raise, and be sure: all else is read as a plain table.
        open: Reads such a file.
        dress: Gives the table that the program's user sees for a table as it stands in the file, or None
            where it is none of this program's. It may read some first rows. The options are the person's.
        may_be: Whether `open` takes a path of which a person says that it is such an export.
    """

    name: str
    title: str
    is_file: Callable[[Path, bytes], bool] | None = None
    open: Callable[[Path, ReadOptions], Table] | None = None
    dress: Callable[[Table, ReadOptions], Table | None] | None = None
    may_be: Callable[[Path], bool] | None = None


class TableOnTop(Table):
    """
    What a program's module makes of a table as it stands: read as that one is, as an export of the program.

    Args:
        inner: As it stands.
        program: The program's name, as `Program.name` has it.
        header, columns, notes: Of the table.
    """

    def __init__(
        self,
        inner: Table,
        program: str,
        header: tuple[str, ...],
        *,
        columns: tuple[ColumnInfo, ...] = (),
        notes: tuple[Notice, ...] = (),
    ) -> None:
        super().__init__(inner.path, header, columns=columns, label=inner.label, notes=notes)
        self._inner, self._program = inner, program

    @property
    def is_text(self) -> bool:
        return self._inner.is_text

    @property
    def guessed_encoding(self) -> str:
        return self._inner.guessed_encoding

    @property
    def reading(self) -> ReadOptions:
        return replace(self._inner.reading, program=self._program)

    def _inner_chunks(self, rows_per_chunk: int) -> Iterator[TableChunk]:
        """Those of the table as it stands; its broken rows are known with each."""
        for chunk in self._inner.chunks(rows_per_chunk):
            self.bad_rows = self._inner.bad_rows
            yield chunk
        # Those below the last row, and where there is none.
        self.bad_rows = self._inner.bad_rows


class DressedTable(TableOnTop):
    """
    A table as a program's user sees it, on top of the table as it stands in the file.

    Args:
        inner: As it stands.
        program: The program's name, as `Program.name` has it.
        header: The names that its user sees; None for those of `inner`.
        labels: What each column is about, in words; none, or one for each.
        columns: What is known of each column instead; none, or one for each.
        above: So many of the first rows are no rows: they are lines of the header.
        signs: What the program writes for signs that its file has no place for, and the signs.
        note: What a person should know of it.
        not_asked: Texts of cells that stand for no answer.
    """

    format = "dressed"

    def __init__(
        self,
        inner: Table,
        program: str,
        *,
        header: tuple[str, ...] | None = None,
        labels: tuple[str, ...] = (),
        columns: tuple[ColumnInfo, ...] = (),
        above: int = 0,
        signs: Mapping[str, str] | None = None,
        note: Notice | None = None,
        not_asked: frozenset[str] = frozenset(),
    ) -> None:
        known = columns or inner.columns
        if labels:
            known = tuple(
                replace(info, label=label or info.label)
                for info, label in zip(known or (ColumnInfo(),) * len(labels), labels, strict=True)
            )
        super().__init__(
            inner,
            program,
            inner.header if header is None else header,
            columns=known,
            notes=(*((note,) if note else ()), *inner.notes),
        )
        self._above = above
        self._signs = signs or {}
        self.not_asked = not_asked

    def _chunks(self, rows_per_chunk: int) -> Iterator[TableChunk]:
        for chunk in self._inner_chunks(rows_per_chunk):
            left_out = max(0, self._above + 1 - chunk.first_row)
            if left_out >= chunk.frame.height:
                continue
            part = chunk.part(slice(left_out, None))
            yield replace(
                part,
                first_row=chunk.first_row - self._above + left_out,
                frame=self._with_signs(part.frame),
                typed=None if part.typed is None else self._with_signs(part.typed),
            )

    def _with_signs(self, frame: pl.DataFrame) -> pl.DataFrame:
        if not self._signs:
            return frame
        texts = pl.col(pl.String)
        for written, sign in self._signs.items():
            texts = texts.str.replace_all(written, sign, literal=True)
        return frame.with_columns(texts)
