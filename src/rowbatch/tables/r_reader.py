"""R in: a data frame out of an .rds, .rda or .RData file. Needs the extra `r`."""

from __future__ import annotations

import re
import struct
import warnings
from pathlib import Path
from typing import Any

import polars as pl

from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import InputError, TableError, UsageError, from_os_error
from rowbatch.tables.bounds import memory_for_tables, require_memory
from rowbatch.tables.compressed import open_binary
from rowbatch.tables.frame_table import FrameTable, refuse_options

# Measured with pyreadr 0.5.8: 7 bytes of memory a byte that is unpacked, 46 a number of a sequence.
_UNPACKED_BYTES, _NUMBER_BYTES = 10, 48
_BLOCK_BYTES = 1 << 20
# A sequence such as 1:1000 is written as three numbers: how many, the first one, the step. Before them stands
# the class of such an object, in some hundred bytes at most. Source: R Internals, "Serialization Formats";
# in R: serialize.c, altclasses.c: ALTREP_SXP 238, LISTSXP 2, REALSXP 14.
_SEQUENCE = re.compile(
    rb"\x00\x00\x00\xee\x00\x00\x00\x02.{4,400}?\x00\x00\x00\x0e\x00\x00\x00\x03(.{8})", re.DOTALL
)
_SEQUENCE_BYTES = 512


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
        _require_memory(path)
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


def _require_memory(path: Path) -> None:
    """Refuse what has no room, by unpacking it a block at a time: files of R are read as a whole."""
    most = memory_for_tables()
    needed, rest = 0, b""
    with open_binary(path) as file:
        while block := file.read(_BLOCK_BYTES):
            needed += _UNPACKED_BYTES * len(block)
            piece = rest + block
            seen = 0
            for found in _SEQUENCE.finditer(piece):
                (count,) = struct.unpack(">d", found[1])
                # What only looks like a sequence may be no number.
                needed += _NUMBER_BYTES * int(count) if 0 < count < 1e12 else 0
                seen = found.end()
            # One may go on in the next block; none is counted twice.
            rest = piece[max(seen, len(piece) - _SEQUENCE_BYTES) :]
            require_memory(path, needed, most)


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
