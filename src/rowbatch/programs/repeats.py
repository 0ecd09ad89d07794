"""
Rows of a repeat, such as the persons of a household: each with what its parent says, which lies in a table of
its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import polars as pl

from rowbatch.programs.base import TableOnTop
from rowbatch.tables.base import Table, TableChunk
from rowbatch.tables.bounds import require_memory
from rowbatch.tables.json_reader import free_name
from rowbatch.words.notice import Notice


@dataclass(frozen=True, slots=True)
class Parents:
    """
    The rows that rows of a repeat belong to, in memory.

    Attributes:
        name: What their table is called.
        header: Of their columns, without the key.
        keys: Texts, one a row; a key that stands twice names the first row.
        texts: The cells.
        values: As a format with types has them, or None.
    """

    name: str
    header: tuple[str, ...]
    keys: pl.DataFrame
    texts: pl.DataFrame
    values: pl.DataFrame | None

    @classmethod
    def of(cls, name: str, table: Table, key: str) -> Parents:
        """
        Read them.

        Args:
            name: What their table is called.
            table: Their table.
            key: The column that the rows of the repeat name them by.
        Raises:
            TableError: They are broken, have no such column, or take too much memory.
        """
        at = table.column(key)
        chunks = []
        size = 0
        for chunk in table.chunks():
            size += int(chunk.frame.estimated_size())
            require_memory(table.path, 2 * size)
            chunks.append(chunk)
        texts = pl.concat([chunk.frame for chunk in chunks])
        typed = [chunk.typed for chunk in chunks if chunk.typed is not None]
        values = pl.concat(typed) if len(typed) == len(chunks) else None
        keys = texts.select(pl.col(str(at)).alias("key")).with_row_index("at").unique("key", keep="first")
        header = tuple(title for place, title in enumerate(table.header) if place != at)
        return cls(name, header, keys, _without(texts, at), None if values is None else _without(values, at))

    def places(self, keys: pl.Series) -> pl.Series:
        """Where the rows stand that these keys name; null where there is none."""
        return keys.alias("key").to_frame().join(self.keys, on="key", how="left", maintain_order="left")["at"]


def _without(frame: pl.DataFrame, at: int) -> pl.DataFrame:
    frame = frame.drop(str(at))
    return frame.rename(dict(zip(frame.columns, map(str, range(frame.width)), strict=True)))


class RepeatTable(TableOnTop):
    """
    A repeat: its own columns, and behind them those of its parents.

    Args:
        inner: The repeat as it stands.
        program: Whose export it is, as `Program.name` has it.
        key: The column that names the parents.
        parents: They.
        note: What a person should know of it.
    """

    format = "repeat"

    def __init__(self, inner: Table, program: str, key: str, parents: Parents, note: Notice) -> None:
        header = list(inner.header)
        for title in parents.header:
            header.append(
                title if title not in header else free_name(f"{parents.name}-{title}", tuple(header))
            )
        super().__init__(inner, program, tuple(header))
        self._parents = parents
        self._key = str(inner.column(key))
        alone = sum(int(self._places(chunk).null_count()) for chunk in inner.chunks())
        values = {"path": inner.path.name, "rows": alone, "parents": parents.name}
        notes = (note, Notice("note-repeat-alone", values)) if alone else (note,)
        self.notes = (*notes, *inner.notes)

    def _places(self, chunk: TableChunk) -> pl.Series:
        return self._parents.places(chunk.frame[self._key])

    def _chunks(self, rows_per_chunk: int) -> Iterator[TableChunk]:
        width = len(self._inner.header)
        for chunk in self._inner_chunks(rows_per_chunk):
            places = self._places(chunk)
            texts = _rows_at(self._parents.texts, places, width).with_columns(pl.col(pl.String).fill_null(""))
            typed = chunk.typed
            if typed is not None:
                values = self._parents.texts if self._parents.values is None else self._parents.values
                typed = pl.concat([typed, _rows_at(values, places, width)], how="horizontal")
            yield replace(chunk, frame=pl.concat([chunk.frame, texts], how="horizontal"), typed=typed)


def _rows_at(frame: pl.DataFrame, places: pl.Series, width: int) -> pl.DataFrame:
    """Rows by their places, of which some may be null; the columns stand behind so many others."""
    return frame.select(pl.all().gather(places)).rename(
        {name: str(int(name) + width) for name in frame.columns}
    )
