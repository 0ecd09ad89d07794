"""A frame of texts as a table: what people coded, for other programs."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from rowbatch.errors import from_os_error
from rowbatch.store.atomic import atomic_path
from rowbatch.tables.base import TableChunk
from rowbatch.tables.writer import TableShape, format_of, open_writer


def write_frame(frame: pl.DataFrame, path: Path, *, overwrite: bool) -> None:
    """
    Write a frame, each cell as a text, nulls as empty ones.

    Args:
        frame: Its columns are the table's.
        path: Where to; its ending says in which format.
        overwrite: Whether a file may be replaced.
    Raises:
        UsageError: The ending is no format's.
        CannotHold: The format has no place for a cell.
        OutputExists: The file is there.
        StorageError: It cannot be written.
    """
    name = format_of(path)
    texts = frame.select(pl.all().cast(pl.String).fill_null(""))
    texts.columns = [str(at) for at in range(texts.width)]
    with atomic_path(path, overwrite=overwrite) as temporary:
        try:
            with open_writer(temporary, name, TableShape(tuple(frame.columns), (), ())) as writer:
                writer.write(TableChunk(1, texts), pl.DataFrame())
        except OSError as error:
            raise from_os_error(error, str(path)) from error
