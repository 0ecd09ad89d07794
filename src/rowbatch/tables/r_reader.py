"""R in: a data frame out of an .rds, .rda or .RData file. Needs the extra `r`."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import polars as pl

from rowbatch.errors import InputError, TableError, UsageError, from_os_error
from rowbatch.tables.base import ReadOptions
from rowbatch.tables.frame_table import FrameTable, refuse_options

_CORPUS_HINT = 'in R: export convert(corpus, to = "data.frame"), or any data.frame, with saveRDS'


class RTable(FrameTable):
    """A data frame of R. A factor is text: its levels."""

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
        raise InputError(
            f"{path} is a file of R, and what reads these is not installed", hint="pip install 'rowbatch[r]'"
        ) from error
    try:
        path.open("rb").close()
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    try:
        with warnings.catch_warnings():
            # What it says of objects that it skips, is said below.
            warnings.simplefilter("ignore")
            found = pyreadr.read_r(str(path))
    except MemoryError:
        raise
    # Strange objects make the reader raise many kinds of errors.
    except Exception as error:
        raise TableError(
            f"{path} holds nothing that can be read as a data frame: {error}",
            path=str(path),
            hint=_CORPUS_HINT,
        ) from error
    name, frame = _chosen(path, dict(found), options.sheet)
    return RTable(
        path,
        tuple(map(str, frame.columns)),
        _typed(path, frame),
        reading=ReadOptions(sheet=name if options.sheet else None, encoding=options.encoding),
    )


def _chosen(path: Path, objects: dict[Any, Any], wanted: str | None) -> tuple[str, Any]:
    frames = {
        str(name or ""): frame for name, frame in objects.items() if len(getattr(frame, "columns", ())) > 0
    }
    if not frames:
        raise TableError(f"{path} holds no data frame", path=str(path), hint=_CORPUS_HINT)
    names = ", ".join(map(repr, frames))
    if wanted is None:
        if len(frames) > 1:
            raise UsageError(
                f"{path} holds {len(frames)} data frames: {names}", hint="say which: --sheet NAME"
            )
        return next(iter(frames.items()))
    if wanted not in frames:
        raise UsageError(f"{path} holds no data frame {wanted!r}", hint=f"it holds: {names}")
    return wanted, frames[wanted]


def _typed(path: Path, frame: Any) -> pl.DataFrame:
    columns = []
    for number in range(len(frame.columns)):
        column = frame.iloc[:, number]
        if str(column.dtype) == "category":
            column = column.astype(object)
        series: Any
        try:
            series = pl.from_pandas(column, nan_to_null=True)
            if series.dtype.is_float():
                series = series.fill_nan(None)
        except (ImportError, TypeError, ValueError, pl.exceptions.PolarsError):
            # Texts and numbers in one column: each as it reads.
            values = column.where(column.notna(), None).tolist()
            texts = [None if value is None else str(value) for value in values]
            series = pl.Series(texts, dtype=pl.String)
        columns.append(series.alias(str(number)))
    if not columns:
        raise TableError(f"{path} holds no data frame", path=str(path), hint=_CORPUS_HINT)
    return pl.DataFrame(columns)
