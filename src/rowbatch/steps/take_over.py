"""
Answers of earlier runs are taken over: copied, as round 0 of the new run, which is never sent.

The requests are written as they would have been sent, and the result lines as they came, under the new rows'
numbers. So everything that reads a run reads these too, and the earlier run may be removed.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import msgspec
import polars as pl

from rowbatch.core.plan import ROW_PREFIX, Plan
from rowbatch.core.request import RequestLines
from rowbatch.core.states import RowStatus, ShardState
from rowbatch.errors import InputError, RowbatchError, RunError
from rowbatch.requests.fingerprints import SCHEMA, fingerprints_of, kind_of
from rowbatch.results.checked import checked
from rowbatch.results.columns import ResultReader
from rowbatch.results.earlier import EarlierAnswers, line_reader
from rowbatch.results.findings import asked_requests, findings_of
from rowbatch.steps.cut import new_token
from rowbatch.store.atomic import atomic_path
from rowbatch.store.kept_frames import keep_frame
from rowbatch.store.ledger import Shard, new_shard
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.sources import digest_file

_ROWS_OF_A_SHARD = 50_000
_BYTES_OF_A_SHARD = 64 << 20
_HELD_BYTES = 16 << 20
_ID = re.compile(rb'"custom_id"\s*:\s*"' + ROW_PREFIX.encode() + rb'([0-9]{1,15})"')
_TAKEN = {"row": pl.Int64, "run": pl.UInt32, "shard": pl.UInt32, "from": pl.UInt32, "part": pl.Int64}


class EarlierRunChanged(Exception):
    """
    Answers that were to be taken over cannot be had; whoever builds leaves that run out.

    Attributes:
        place: The run that has them.
    """

    def __init__(self, place: Path) -> None:
        super().__init__(str(place))
        self.place = place


@dataclass(frozen=True, slots=True)
class Taken:
    """
    What was taken over.

    Attributes:
        shards: Of round 0, with their results.
        rows: How many rows by run: its name, when it was made, and how many.
    """

    shards: Sequence[Shard] = ()
    runs: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


class Takeover:
    """
    Takes rows out of the requests of a run that is built, whose answers earlier runs have.

    A context, for the files that it has open.

    Args:
        run: The run that is built.
        plan: Of it.
        earlier: Answers that may be taken; None where every row is asked. What each row asks is noted either
            way, for later runs.
    """

    def __init__(self, run: RunDirectory, plan: Plan, earlier: EarlierAnswers | None) -> None:
        self._run, self._plan, self._earlier = run, plan, earlier
        self._prints: list[pl.DataFrame] = []
        self._taken: list[pl.DataFrame] = []
        self._parts: list[_Part] = []
        self._open = ExitStack()
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def rest(self, lines: RequestLines, rows: pl.Series) -> tuple[RequestLines, pl.Series]:
        """
        Those requests that have to be sent; the others are kept as round 0.

        Args:
            lines: Requests, in order.
            rows: The numbers of their rows.
        """
        rows = rows.cast(pl.Int64)
        prints = fingerprints_of(lines, rows)
        self._prints.append(prints)
        if self._earlier is None or not len(self._earlier):
            return lines, rows
        found = self._earlier.find(prints)
        is_taken = found["run"].is_not_null()
        if not is_taken.any():
            return lines, rows
        self._keep(lines.where(is_taken), rows.filter(is_taken), found.filter(is_taken))
        return lines.where(~is_taken), rows.filter(~is_taken)

    def finish(self) -> Taken:
        """
        Note what was asked, and copy the answers.

        Raises:
            EarlierRunChanged: A run has not the answers that it had.
        """
        self._next_part(None)
        asked = pl.concat([pl.DataFrame(schema=SCHEMA), *self._prints])
        self._prints = []
        kind = kind_of(self._plan.question, self._plan.asking)
        keep_frame(self._run.fingerprints / "asked", {"kind": kind}, asked)
        if not self._parts:
            return Taken()
        assert self._earlier is not None
        taken = pl.concat([pl.DataFrame(schema=_TAKEN), *self._taken])
        with atomic_path(self._run.rows_path(0), overwrite=True) as temporary:
            taken.select("row").write_parquet(temporary)
        _copy(self._run, self._earlier, taken)
        counts = Counter(taken["run"].to_list())
        shards = [_shard(self._run, self._plan, number, part) for number, part in enumerate(self._parts, 1)]
        told = [
            {
                "run": earlier.run.path.resolve().name,
                "created_at": earlier.plan.created_at,
                "rows": counts[number],
            }
            for number, earlier in enumerate(self._earlier.runs)
            if counts[number]
        ]
        return Taken(shards, told)

    def _keep(self, lines: RequestLines, rows: pl.Series, found: pl.DataFrame) -> None:
        start = 0
        while start < len(lines):
            part = self._parts[-1] if self._parts else None
            if part is None or part.requests >= _ROWS_OF_A_SHARD or part.bytes >= _BYTES_OF_A_SHARD:
                part = self._next_part(_Part())
            stop = min(len(lines), start + _ROWS_OF_A_SHARD - part.requests)
            here = lines.slice(start, stop)
            assert self._file is not None
            here.write(self._file)  # type: ignore[arg-type]
            part.add(here, rows[start:stop])
            self._taken.append(
                pl.DataFrame(
                    [rows[start:stop].alias("row"), *found[start:stop].rename({"row": "from"}).get_columns()]
                )
                .with_columns(pl.lit(len(self._parts), pl.Int64).alias("part"))
                .select(list(_TAKEN))
            )
            start = stop

    def _next_part(self, part: _Part | None) -> _Part:
        """Close the request file of round 0 that is open, and open the next one, where there is one."""
        self._open.close()
        self._file = None
        if part is None:
            return _Part()
        self._parts.append(part)
        path = self._run.request_path(_name(len(self._parts)))
        temporary = self._open.enter_context(atomic_path(path, overwrite=True))
        self._file = self._open.enter_context(temporary.open("wb", buffering=0))
        return part


@dataclass(slots=True)
class _Part:
    """A shard of round 0 that is written."""

    first_row: int = 0
    last_row: int = 0
    requests: int = 0
    bytes: int = 0

    def add(self, lines: RequestLines, rows: pl.Series) -> None:
        self.first_row = self.first_row or int(rows[0])
        self.last_row = int(rows[-1])
        self.requests += len(lines)
        self.bytes += int(lines.sizes.sum())


def remove_unfinished(run: RunDirectory) -> None:
    """
    Remove the files of a build that was interrupted: another one may take over more or less, and have fewer.

    Nothing of them was sent: the ledger knows no shard.
    """
    for folder, pattern in ((run.requests, "r[01]-*.jsonl"), (run.results, "r0-*.jsonl")):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
    for folder in (run.requests, run.results):
        for path in folder.glob(".r[01]-*.part"):
            path.unlink(missing_ok=True)
    for path in (run.rows_path(0), run.kept_path):
        path.unlink(missing_ok=True)


def _name(part: int) -> str:
    return f"r0-{part:04d}"


def _shard(run: RunDirectory, plan: Plan, number: int, part: _Part) -> Shard:
    """A shard of round 0, after its answers were read as those of this run."""
    name = _name(number)
    requests, results = run.request_path(name), run.result_path(name, "output")
    digest = digest_file(results)
    reader = ResultReader(run, line_reader(plan))
    came = reader.read(reader.results_of(name, [("output", digest)]))
    parts = list(checked(came, reader.lines, plan.question.user, requests))
    usable = sum(int((one.frame["status"] == RowStatus.OK.value).sum()) for one in parts)
    if usable != part.requests:
        raise RunError("result-file-changed", path=str(run.path), file=str(results))
    made = new_shard(
        round_=0,
        number=number,
        first_row=part.first_row,
        last_row=part.last_row,
        requests=part.requests,
        size_bytes=part.bytes,
        sha256=digest_file(requests),
        token=new_token(name),
    )
    return replace(
        made,
        state=ShardState.DOWNLOADED,
        output_name=results.name,
        output_sha256=digest,
        findings=findings_of(parts, asked_requests(requests)).to_json(),
        spent_usd=Decimal(0),
    )


def _copy(run: RunDirectory, earlier: EarlierAnswers, taken: pl.DataFrame) -> None:
    """Write the result files of round 0."""
    parts = taken["part"].unique().sort().to_list()
    with ExitStack() as whole:
        paths = {
            part: whole.enter_context(atomic_path(run.result_path(_name(part), "output"), overwrite=True))
            for part in parts
        }
        held = _Held(paths)
        for (number, shard), rows in taken.group_by("run", "shard", maintain_order=True):
            source = earlier.runs[int(str(number))]
            try:
                copied = 0
                for part, line in _lines_of(source.run, source.shards[int(str(shard))], rows):
                    held.add(part, line)
                    copied += 1
            except (RowbatchError, OSError) as error:
                raise EarlierRunChanged(source.run.path) from error
            if copied != rows.height:
                raise EarlierRunChanged(source.run.path)
        held.flush()


class _Held:
    """Lines that are written some megabytes at a time: they come in the order of another table."""

    def __init__(self, paths: Mapping[int, Path]) -> None:
        self._paths = paths
        self._lines: dict[int, list[bytes]] = {}
        self._size = 0

    def add(self, part: int, line: bytes) -> None:
        self._lines.setdefault(part, []).append(line)
        self._size += len(line)
        if self._size >= _HELD_BYTES:
            self.flush()

    def flush(self) -> None:
        for part, lines in self._lines.items():
            with self._paths[part].open("ab") as file:
                file.writelines(lines)
        self._lines, self._size = {}, 0


def _lines_of(run: RunDirectory, shard: Shard, rows: pl.DataFrame) -> Iterator[tuple[int, bytes]]:
    """
    The result lines of a shard that are wanted, under the numbers of the rows that want them.

    Args:
        run: The earlier run.
        shard: Of it.
        rows: `from`, the row there; `row` and `part`, here.
    Yields:
        The part of round 0 that a line goes to, and the line.
    """
    wanted: dict[int, list[tuple[int, int]]] = {}
    for old, row, part in rows.select("from", "row", "part").iter_rows():
        wanted.setdefault(old, []).append((row, part))
    for name, digest in (
        (shard.output_name, shard.output_sha256),
        (shard.error_name, shard.error_sha256),
    ):
        if name is None:
            continue
        path = run.results / name
        if digest_file(path) != digest:
            raise InputError("path-missing", path=str(path))
        with path.open("rb") as file:
            for line in file:
                if (found := _row_of(line)) is None or found[0] not in wanted:
                    continue
                old, start, stop = found
                for row, part in wanted[old]:
                    text = f'"custom_id":"{ROW_PREFIX}{row}"'.encode()
                    changed = _renamed(line, row) if start < 0 else line[:start] + text + line[stop:]
                    yield part, changed if changed.endswith(b"\n") else changed + b"\n"


class _Line(msgspec.Struct, gc=False):
    custom_id: str


_LINE = msgspec.json.Decoder(_Line)


def _row_of(line: bytes) -> tuple[int, int, int] | None:
    """
    The row of a result line, and where its id stands in it (-1 where another field has the same name); None
    where it has no row.

    In a JSON text the quotation marks have backslashes, so an id in an answer's text is not taken for one.
    """
    first = _ID.search(line)
    if first is None:
        return None
    try:
        told = _LINE.decode(line).custom_id
    except (ValueError, RecursionError):
        return None
    number = told.removeprefix(ROW_PREFIX)
    if not (number.isascii() and number.isdigit()):
        return None
    is_alone = _ID.search(line, first.end()) is None and first[1].decode() == number
    return int(number), *(first.span() if is_alone else (-1, -1))


def _renamed(line: bytes, row: int) -> bytes:
    document = json.loads(line)
    document["custom_id"] = f"{ROW_PREFIX}{row}"
    return json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
