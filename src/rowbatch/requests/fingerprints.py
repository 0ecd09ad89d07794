"""
What a row asks, in 128 bits: of the request as it is sent, so that neither the place of a row nor the names
of columns matter.

All that the requests of a run have in common (instructions, form of the answer, parameters, model, endpoint,
whom and where) is one text, its kind; what differs is hashed, a chunk at a time. Two requests are the same
when their runs are of one kind and their fingerprints are equal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import polars as pl

from rowbatch.core.plan import Asking, Question
from rowbatch.core.request import RequestLines, line_form, line_pattern
from rowbatch.errors import from_os_error
from rowbatch.requests.pipeline import request_settings

SCHEMA = {"h0": pl.UInt64, "h1": pl.UInt64, "row": pl.Int64}
"""Columns of fingerprints: two halves, and the number of the row that asks."""
_SEEDS = (1, 2)
_LINES_AT_ONCE = 20_000


def kind_of(question: Question, asking: Asking) -> str:
    """
    What all requests of a run have in common, as a digest.

    polars promises the same hash for the same text in one version only, so that is part of it.
    """
    form = line_form(request_settings(question, asking))
    address = asking.base_url.rstrip("/").lower()
    told = json.dumps([pl.__version__, asking.provider, address, form])
    return hashlib.sha256(told.encode()).hexdigest()


def fingerprints_of(lines: RequestLines, rows: pl.Series) -> pl.DataFrame:
    """
    The fingerprints of requests.

    Args:
        lines: The requests.
        rows: The number of each one's row.
    Returns:
        `SCHEMA`, in the order of the lines.
    """
    return _hashed(lines.pieces.select(lines.cells), rows)


def fingerprints_of_files(paths: Sequence[Path], question: Question, asking: Asking) -> pl.DataFrame | None:
    """
    The fingerprints of request files that were written before: those of an old run, or of another polars.

    Args:
        paths: Of the files.
        question, asking: Of their run.
    Returns:
        `SCHEMA`; None when lines are not what this version makes of the plan: then no row of today asks the
        same.
    Raises:
        InputError, StorageError: A file cannot be read.
    """
    match = line_pattern(request_settings(question, asking)).fullmatch
    found = [pl.DataFrame(schema=SCHEMA)]
    for lines in _blocks(paths):
        cells = [known.groups() for line in lines if (known := match(line))]
        if len(cells) < len(lines):
            return None
        rows, *columns = ([one[index] for one in cells] for index in range(len(cells[0])))
        frame = pl.DataFrame(
            [
                # As UTF-8, which is what they were hashed as.
                pl.Series(str(number), column, dtype=pl.Binary).cast(pl.String)
                for number, column in enumerate(columns)
            ]
        )
        found.append(_hashed(frame, pl.Series(map(int, rows), dtype=pl.Int64)))
    return pl.concat(found)


def _hashed(cells: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    first, second = (cells.hash_rows(seed) for seed in _SEEDS)
    return pl.DataFrame([first.alias("h0"), second.alias("h1"), rows.alias("row")])


def _blocks(paths: Sequence[Path]) -> Iterator[list[bytes]]:
    for path in paths:
        try:
            with path.open("rb") as file:
                while lines := list(islice(file, _LINES_AT_ONCE)):
                    yield lines
        except OSError as error:
            raise from_os_error(error, str(path)) from error
