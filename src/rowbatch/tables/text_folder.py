"""A folder of .txt files in: one row a file, with the columns `file` and `text`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from rowbatch.core.table_options import FIRST, ReadOptions
from rowbatch.errors import TableError, from_os_error
from rowbatch.tables.ahead import require_wanted
from rowbatch.tables.base import Table, TableChunk
from rowbatch.tables.bounds import max_cell_bytes, require_cell
from rowbatch.tables.compressed import open_binary
from rowbatch.tables.csv_encoding import known_encoding
from rowbatch.tables.encodings import encoding_of, marked_encoding
from rowbatch.tables.frame_table import refuse_options

_CHARS_PER_CHUNK = 32_000_000


class TextFolder(Table):
    """Files of a folder and of the folders in it, sorted by name."""

    format = "text-folder"

    def __init__(
        self, path: Path, files: tuple[Path, ...], encoding: str | None, *, is_as_before: bool
    ) -> None:
        # As documents of other kinds have it; versions before 0.2 called it `name`.
        super().__init__(path, ("name" if is_as_before else "file", "text"))
        self._files, self._encoding, self._is_as_before = files, encoding, is_as_before

    @property
    def reading(self) -> ReadOptions:
        return ReadOptions(encoding=self._encoding, header=FIRST if self._is_as_before else None)

    def _chunks(self, rows_per_chunk: int) -> Iterator[TableChunk]:
        first_row = 1
        names: list[str] = []
        texts: list[str] = []
        chars = 0
        for row, file in enumerate(self._files, start=1):
            require_wanted()
            names.append(file.relative_to(self.path).as_posix())
            texts.append(read_text(file, self._encoding, row=row))
            chars += len(texts[-1])
            if len(names) >= rows_per_chunk or chars >= _CHARS_PER_CHUNK:
                yield _chunk(first_row, names, texts)
                first_row += len(names)
                names, texts, chars = [], [], 0
        if names:
            yield _chunk(first_row, names, texts)


def read_text(file: Path, encoding: str | None, *, row: int) -> str:
    """
    The whole text of a file, which may be packed.

    Args:
        file: The file.
        encoding: What it is in, if somebody said it; None means found out.
        row: Number of the row that it is, for messages.
    Raises:
        TableError: It is longer than a cell may be, or not in that encoding, or nobody can tell which it is.
    """
    try:
        with open_binary(file) as opened:
            data = opened.read(max_cell_bytes() + 1)
    except OSError as error:
        raise from_os_error(error, str(file)) from error
    require_cell(file, len(data), row=row, column="text")
    encoding = encoding or marked_encoding(data) or encoding_of(data)
    try:
        if encoding is not None:
            return data.decode(encoding)
    except (UnicodeError, LookupError) as error:
        raise TableError(
            "text-not-of-encoding", path=str(file), encoding=encoding, told=str(error)
        ) from error
    raise TableError("text-encoding-unknown", path=str(file))


def open_text_folder(path: Path, options: ReadOptions) -> TextFolder:
    """
    Open a folder.

    Raises:
        TableError: There is no .txt file in it.
        UsageError: An option does not fit, or there is no such encoding.
    """
    refuse_options(path, options, allowed=("encoding",), kind="a folder of texts")
    if options.encoding is not None:
        known_encoding(options.encoding, None)
    try:
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() == ".txt" and file.is_file())
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    if not files:
        raise TableError("folder-without-texts", path=str(path))
    return TextFolder(path, tuple(files), options.encoding, is_as_before=options.header == FIRST)


def _chunk(first_row: int, names: list[str], texts: list[str]) -> TableChunk:
    return TableChunk(
        first_row, pl.DataFrame({"0": names, "1": texts}, schema={"0": pl.String, "1": pl.String})
    )
