"""Requests beside their results: what is missing, and what belongs to none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from rowbatch.core.fate import decides
from rowbatch.core.states import RowStatus
from rowbatch.errors import InputError, from_os_error
from rowbatch.providers.batch_lines import read_any_request, request_id
from rowbatch.results.extract_report import MOST_SHOWN, Compared
from rowbatch.results.files import result_frames
from rowbatch.store.atomic import atomic_path
from rowbatch.tables.compressed import open_binary

_IDS_AT_ONCE = 50_000
# Nobody worked on these, and nobody pays for them.
_NEVER_RUN = (RowStatus.EXPIRED.value, RowStatus.CANCELLED.value)


@dataclass(frozen=True, slots=True)
class Requests:
    """
    The requests that were sent.

    Attributes:
        paths: Their files, in the form of any provider.
        unanswered: Where those go that have no result, or were never run; or None.
        overwrite: Whether it may be replaced.
    """

    paths: Sequence[Path]
    unanswered: Path | None = None
    overwrite: bool = False


def compare(requests: Requests, results: Sequence[Path]) -> Compared:
    """
    Hold requests and results against each other, by their ids.

    Args:
        requests: What was sent.
        results: Output and error files.
    Raises:
        InputError: A file is not there, or none of the lines of one is a request.
        OutputExists, StorageError: The file of unanswered requests cannot be written.
    """
    asked = _asked(requests.paths)
    came = _came(results)
    twice = asked.height - asked["id"].n_unique()
    ids = asked.unique("id", maintain_order=True)
    without = ids.join(came, on="id", how="anti", maintain_order="left")["id"]
    strange = came.join(ids, on="id", how="anti", maintain_order="left")["id"]
    never_run = ids.join(
        came.filter(pl.col("status").is_in(_NEVER_RUN)), on="id", how="semi", maintain_order="left"
    )["id"]
    written = 0
    if requests.unanswered is not None:
        written = _write(requests, pl.concat([without, never_run]))
    return Compared(
        requests=asked.height,
        repeated_requests=twice,
        without_result=len(without),
        first_without=without.head(MOST_SHOWN).to_list(),
        never_run=len(never_run),
        of_no_request=len(strange),
        first_of_no_request=strange.head(MOST_SHOWN).to_list(),
        unanswered=requests.unanswered,
        written=written,
    )


def _asked(paths: Sequence[Path]) -> pl.DataFrame:
    """`id` of each request, in order."""
    parts: list[pl.Series] = []
    for path in paths:
        ids, lines = [], 0
        for line in _lines(path):
            name = request_id(line)
            if name and (lines or _is_request(line)):
                ids.append(name)
            lines += 1
            if len(ids) >= _IDS_AT_ONCE:
                parts.append(pl.Series("id", ids, dtype=pl.String))
                ids = []
        if lines and not ids and not parts:
            raise InputError("no-requests", path=str(path), lines=lines)
        parts.append(pl.Series("id", ids, dtype=pl.String))
    return pl.concat(parts).to_frame()


def _is_request(line: bytes) -> bool:
    try:
        read_any_request(line)
    except ValueError:
        return False
    return True


def _came(results: Sequence[Path]) -> pl.DataFrame:
    """`id` and `status` of each result, each id once, with the line that decides."""
    parts = [
        part.frame.select(pl.col("custom_id").alias("id"), "status")
        for _, part in result_frames(results, any_provider=True)
        if part.frame.height
    ]
    if not parts:
        return pl.DataFrame(schema={"id": pl.String, "status": pl.String})
    came = pl.concat(parts)
    return came.filter(decides(came, "id"))


def _write(requests: Requests, wanted: pl.Series) -> int:
    """Write the lines of these ids, each as it stands, an id once; returns how many."""
    assert requests.unanswered is not None
    left = set(wanted.to_list())
    count = 0
    with (
        atomic_path(requests.unanswered, overwrite=requests.overwrite) as temporary,
        temporary.open("wb") as to,
    ):
        for path in requests.paths:
            for line in _lines(path):
                name = request_id(line)
                if name in left:
                    left.discard(name)
                    to.write(line.removesuffix(b"\n").removesuffix(b"\r") + b"\n")
                    count += 1
    return count


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with open_binary(path) as file:
            for line in file:
                if line.strip():
                    yield line
    except OSError as error:
        raise from_os_error(error, str(path)) from error
