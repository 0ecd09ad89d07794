"""R in: a data frame out of an .rds, .rda or .RData file. Needs the extra `r`."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import polars as pl

from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import InputError, TableError, UsageError, from_os_error
from rowbatch.tables.frame_table import FrameTable, refuse_options


class RTable(FrameTable):
    """A data frame of R. A factor is text: its levels. Names of rows are a column, `rownames`."""

    format = "r"


def open_r(path: Path, options: ReadOptions) -> RTable:
    """
    Open a data frame that R saved.

    Args:
        path: The file.
        options: `sheet` is the name of the object, where there are several.
    Raises:
        InputError: The extra `r` is not installed.
        TableError: It is damaged, or holds no data frame.
        UsageError: An option does not fit, or there are several data frames.
    """
    refuse_options(path, options, allowed=("sheet", "encoding"), kind="a file of R")
    try:
        import pyreadr
    except ImportError as error:
        raise InputError("r-not-installed", path=str(path)) from error
    try:
        path.open("rb").close()
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    try:
        with warnings.catch_warnings():
            # What it says of objects that it skips, is said below.
            warnings.simplefilter("ignore")
            found = pyreadr.read_r(str(path), output_format="polars", encoding=options.encoding)
    except MemoryError:
        raise
    # Strange objects make the reader raise many kinds of errors.
    except Exception as error:
        raise TableError("r-unreadable", path=str(path), told=str(error)) from error
    name, frame = _chosen(path, dict(found), options.sheet)
    if frame.columns[-1] == "rownames" and frame.width > 1 and _are_numbers(frame["rownames"]):
        frame = frame.drop("rownames")
    return RTable(
        path,
        tuple(map(str, frame.columns)),
        _without_nan(frame),
        reading=ReadOptions(sheet=name if options.sheet else None, encoding=options.encoding),
    )


def _chosen(path: Path, objects: dict[Any, Any], wanted: str | None) -> tuple[str, Any]:
    frames = {
        str(name or ""): frame for name, frame in objects.items() if len(getattr(frame, "columns", ())) > 0
    }
    if not frames:
        raise TableError("r-without-frame", path=str(path))
    if wanted is None:
        if len(frames) > 1:
            raise UsageError("r-several-frames", path=str(path), count=len(frames), frames=list(frames))
        return next(iter(frames.items()))
    if wanted not in frames:
        raise UsageError("r-no-such-frame", path=str(path), wanted=wanted, frames=list(frames))
    return wanted, frames[wanted]


def _without_nan(frame: pl.DataFrame) -> pl.DataFrame:
    """R's missing numbers are of the kind that is no number."""
    return frame.with_columns(
        pl.col(name).fill_nan(None) for name, kind in frame.schema.items() if kind.is_float()
    )


def _are_numbers(names: pl.Series) -> bool:
    """Names of rows that nobody gave: 1, 2, 3, …"""
    texts = names.cast(pl.String)
    return texts.to_list() == [str(number) for number in range(1, len(texts) + 1)]
