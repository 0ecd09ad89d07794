"""R in: a data frame out of an .rds, .rda or .RData file."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import TableError, UsageError, from_os_error
from rowbatch.tables.base import ColumnInfo, TableChunk
from rowbatch.tables.compressed import open_binary
from rowbatch.tables.frame_table import FrameTable, refuse_options
from rowbatch.words.notice import Notice

if TYPE_CHECKING:
    from rowbatch.tables.r_columns import RColumn
    from rowbatch.tables.r_serialization import RValue

_ROW_NAMES = "rownames"


class RTable(FrameTable):
    """
    A data frame of R.

    A factor is text: its levels. A moment is shown as R shows it: in its zone, with its offset from UTC; one
    of UTC has no mark, and one of no zone is in UTC, with its mark. Names of rows that somebody gave are a
    column, `rownames`. What haven and labelled say of a column goes along, as with a file of Stata or SPSS.
    """

    format = "r"

    def __init__(
        self,
        path: Path,
        columns: list[tuple[str, RColumn]],
        *,
        label: str,
        notes: tuple[Notice, ...],
        reading: ReadOptions,
    ) -> None:
        infos = tuple(column.info for _, column in columns)
        super().__init__(
            path,
            tuple(name for name, _ in columns),
            # Names stand twice in some frames of R, and not in those of polars.
            pl.DataFrame([column.values.alias(str(at)) for at, (_, column) in enumerate(columns)]),
            columns=infos if any(info != ColumnInfo() for info in infos) else (),
            label=label,
            notes=notes,
            reading=reading,
        )
        self._letters = pl.DataFrame(
            [
                column.letters.alias(str(at))
                for at, (_, column) in enumerate(columns)
                if column.letters is not None
            ]
        )

    def _chunks(self, rows_per_chunk: int) -> Iterator[TableChunk]:
        for chunk in super()._chunks(rows_per_chunk):
            letters = partial(self._letters.slice, chunk.first_row - 1, chunk.frame.height)
            yield replace(chunk, missing=letters) if self._letters.width else chunk


def open_r(path: Path, options: ReadOptions) -> RTable:
    """
    Open a data frame that R saved.

    Args:
        path: The file.
        options: `sheet` is the name of the object, where there are several; `encoding` is that of texts that
            R did not mark with theirs.
    Raises:
        TableError: It is damaged, or holds no data frame.
        UsageError: An option does not fit, or there are several data frames.
    """
    # Not every table needs numpy.
    from rowbatch.tables.r_serialization import RFileError, TextEncodingError, read_objects

    refuse_options(path, options, allowed=("sheet", "encoding"), kind="a file of R")
    encoding = options.encoding and _known(options.encoding)
    try:
        with open_binary(path) as file:
            objects = read_objects(file, path, encoding)
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    except RFileError as error:
        raise TableError("r-unreadable", path=str(path), told=str(error)) from error
    except TextEncodingError as error:
        raise TableError("r-text-of-other-encoding", path=str(path), encoding=error.encoding) from error
    name, value, others = _chosen(path, objects, options.sheet)
    columns, notes = _columns(path, name, value)
    if others:
        notes.append(Notice("note-r-objects", {"frame": name, "others": others}))
    return RTable(
        path,
        columns,
        label=next(iter([*value.texts("label"), *value.texts("datalabel")]), ""),
        notes=tuple(notes),
        reading=ReadOptions(sheet=name or None, encoding=options.encoding),
    )


def _known(encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
        # Some names of Python's are no encodings of text (base64).
        b"".decode(name)
    except LookupError:
        raise UsageError("no-such-encoding", encoding=encoding) from None
    return name


def _chosen(path: Path, objects: dict[str, RValue], wanted: str | None) -> tuple[str, RValue, list[str]]:
    """The object that is wanted, its name, and the names of other data frames and vectors there."""
    from rowbatch.tables.r_columns import is_matrix

    only = objects.get("")
    if only is not None and len(objects) == 1 and only.kind == "list" and not only.classes:
        # A list of data frames, saved as one object.
        objects = {name: value for name, value in only.named() if name}
    frames = {name: one for name, one in objects.items() if "data.frame" in one.classes and len(one)}
    vectors = {
        name: one
        for name, one in objects.items()
        if len(one) and one.kind in ("logical", "integer", "double", "complex", "text") and name not in frames
        and (is_matrix(one) or "dim" not in one.attributes)
    }  # fmt: skip
    if not frames and not vectors:
        raise TableError("r-without-frame", path=str(path))
    if wanted is not None:
        found = (frames | vectors).get(wanted)
        if found is None:
            raise UsageError("r-no-such-frame", path=str(path), wanted=wanted, frames=list(frames or vectors))
        return wanted, found, []
    likely = frames or vectors
    if len(likely) > 1:
        raise UsageError("r-several-frames", path=str(path), count=len(likely), frames=list(likely))
    name, found = next(iter(likely.items()))
    return name, found, [] if likely is vectors else list(vectors)


def _columns(path: Path, name: str, value: RValue) -> tuple[list[tuple[str, RColumn]], list[Notice]]:
    """The columns of an object with their names, and what is to be said of them."""
    from rowbatch.tables.r_columns import NoColumnError, RColumn, columns_of, is_matrix, matrix_columns

    try:
        if "data.frame" in value.classes:
            variables = value.named()
        else:
            variables = matrix_columns(value, first=0) if is_matrix(value) else [(name, value)]
    except NoColumnError:
        raise TableError("r-without-frame", path=str(path)) from None
    found: list[tuple[str, RColumn]] = []
    left_out: list[str] = []
    for own, variable in variables:
        try:
            found += columns_of(own, variable)
        except (NoColumnError, RecursionError):
            left_out.append(own)
    names = _row_names(value)
    if names is not None:
        taken = {name for name, _ in found}
        free = next(
            one for number in range(1, len(taken) + 2)
            if (one := _ROW_NAMES if number == 1 else f"{_ROW_NAMES}_{number}") not in taken
        )  # fmt: skip
        found.append((free, RColumn(pl.Series(names, dtype=pl.String))))
    if not found:
        raise TableError("r-without-frame", path=str(path))
    heights = {len(column.values) for _, column in found}
    if len(heights) > 1:
        raise TableError("r-unreadable", path=str(path), told="its columns are not equally long")
    _take_labels(value, found)
    return found, list(_notes(found, left_out))


def _row_names(value: RValue) -> list[str | None] | None:
    """Names of rows that somebody gave; None where they are only 1, 2, 3, …"""
    found = value.attributes.get("row.names")
    of_both = value.attributes.get("dimnames")
    if of_both is not None and of_both.kind == "list" and of_both.data:
        found = of_both.data[0]
    if found is None or found.kind != "text":
        return None
    names: list[str | None] = found.data
    are_numbers = all(name == str(number) for number, name in enumerate(names, start=1))
    return None if are_numbers else names


def _take_labels(value: RValue, columns: list[tuple[str, RColumn]]) -> None:
    """The package `foreign` keeps the labels of columns with the frame."""
    labels = value.texts("var.labels") or value.texts("variable.labels")
    for (_, column), label in zip(columns, labels, strict=False):
        if not column.info.label:
            column.info = replace(column.info, label=label)


def _notes(columns: list[tuple[str, RColumn]], left_out: list[str]) -> Iterator[Notice]:
    if left_out:
        yield Notice("note-r-columns-left-out", {"columns": left_out})
    of_no_zone = [name for name, column in columns if column.is_of_no_zone]
    if of_no_zone:
        yield Notice("note-r-no-zone", {"columns": of_no_zone})
    for name, column in columns:
        if column.unit:
            yield Notice("note-r-unit", {"column": name, "unit": column.unit})
        if column.unknown_class:
            yield Notice("note-r-class", {"column": name, "class_name": column.unknown_class})
