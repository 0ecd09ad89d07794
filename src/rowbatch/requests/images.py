"""
Images beside the texts: a column of addresses on the web, or of files in one folder.

What a cell says is never trusted: a file is read only inside the folder that the person named, and only when
it begins as an image does; an address is passed on only when it is one of the web.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from rowbatch.errors import InputError, TableError, from_os_error
from rowbatch.tables.base import TableChunk

# Source: the formats that OpenAI's guide to images lists.
_TYPES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_MAX_BYTES = 50_000_000
_ADDRESS = r"(?i)\A(?:https?://\S+|data:image/[a-z0-9.+-]+;base64,\S+)\z"


@dataclass(frozen=True, slots=True)
class ImageColumn:
    """
    A column of images.

    Attributes:
        table: Path of the table, for messages.
        name: Of the column, for messages.
        position: Where it stands.
        folder: The folder with the files that the cells name; None means that the cells are addresses.
    """

    table: Path
    name: str
    position: int
    folder: Path | None

    def filled(self, chunk: TableChunk) -> pl.DataFrame:
        """
        A chunk's texts in which this column holds what a request takes.

        Raises:
            TableError: A cell is no address of the web; or names no image inside the folder.
            InputError: There is no such folder.
        """
        cells = chunk.frame[str(self.position)].str.strip_chars()
        if self.folder is None:
            wrong = (cells != "") & ~cells.str.contains(_ADDRESS)
            at = wrong.arg_max() if wrong.any() else None
            if at is not None:
                raise TableError("image-no-address", **self._at(chunk.first_row + at, cells[at]))
            return chunk.frame.with_columns(cells.alias(str(self.position)))
        root = self.folder.resolve()
        if not root.is_dir():
            raise InputError("image-folder-missing", path=str(self.folder))
        urls = [
            self._data_url(root, cell, chunk.first_row + at) if cell else ""
            for at, cell in enumerate(cells.to_list())
        ]
        return chunk.frame.with_columns(pl.Series(str(self.position), urls, dtype=pl.String))

    def _data_url(self, root: Path, cell: str, row: int) -> str:
        at = self._at(row, cell)
        try:
            path = (root / cell).resolve()
            if not path.is_relative_to(root):
                raise TableError("image-outside", **at, folder=str(root))
            if not path.is_file():
                raise TableError("image-missing", **at, folder=str(root))
            if path.stat().st_size > _MAX_BYTES:
                raise TableError("image-too-large", **at, most=_MAX_BYTES)
            data = path.read_bytes()
        except OSError as error:
            raise from_os_error(error, cell) from error
        except ValueError as error:
            # A NUL byte in the name.
            raise TableError("image-no-name", **at, folder=str(root)) from error
        kind = _kind(data)
        if kind is None:
            raise TableError("image-of-unknown-kind", **at)
        return f"data:{kind};base64,{base64.b64encode(data).decode()}"

    def _at(self, row: int, cell: str) -> dict[str, Any]:
        return {"path": str(self.table), "row": row, "column": self.name, "cell": cell[:80]}


def _kind(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((name for magic, name in _TYPES if data.startswith(magic)), None)
