"""
The plan of the work on a table: which rows are one task, decided once and kept.

Rows are counted over all files in the order of their paths, and a task has as many of them as make one
request file, so that batches are full. Where a file has its rows is known from its footer (Parquet, Arrow),
or found in one look at its bytes (CSV that is proved to be plain); what can be read from its begin only is
written once as texts beside the plan. So a task reads its own rows and nothing else, in every format.

    RUN/tasks/
      plan.json            what is asked, which files, how many rows
      prepare.jsonl        a task a line
      staged-0001.parquet  texts of a file that is not cut
      prepare/…            request files, by their tasks
      records/…            what became of each task
      tmp/…                not finished

Where machines share no folder, the plan goes to object storage as well: workers read it there, and their rows
of the table, and write there. What this computer has of it stays as it is.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from rowbatch.core.document import Shown
from rowbatch.core.plan import Plan
from rowbatch.core.shard import ShardLimits
from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import OutputExists, RunError, UsageError, from_os_error
from rowbatch.objects.address import as_address, parse_address
from rowbatch.objects.store import Stat
from rowbatch.objects.stores import Store, open_store
from rowbatch.providers.catalog import find_provider
from rowbatch.requests.duplicates import Duplicates
from rowbatch.requests.pipeline import TableRequests, open_source, require_unchanged_origin
from rowbatch.store.atomic import atomic_path, write_atomically
from rowbatch.store.copies import objects_of, place_of_object
from rowbatch.store.plan_file import plan_document, read_plan
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.sources import COPY_NAME
from rowbatch.tables.ahead import read_ahead
from rowbatch.tables.base import BadRow, BadRowList, Table, TableChunk
from rowbatch.tables.columnar import ColumnarTable
from rowbatch.tables.csv_cuts import find_cuts
from rowbatch.tables.csv_layout import Cuts
from rowbatch.tables.csv_reader import CsvTable
from rowbatch.tables.parquet_writer import ColumnarTableWriter
from rowbatch.tables.table_folder import TableFolder
from rowbatch.tables.writer import TableShape
from rowbatch.tasks.pieces import Piece
from rowbatch.tasks.scratch import scratch_file, scratch_place

PLAN, TASKS, DUPLICATES = "plan.json", "prepare.jsonl", "duplicates.parquet"
FORMAT = 1
_FEW_ROWS = 20_000
_PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\0")


@dataclass(frozen=True, slots=True, repr=False)
class TaskPlan(Shown):
    """
    What is planned for a table.

    Attributes:
        plan: What is asked of each row, of whom.
        limits: Of a request file.
        header: Names of the columns.
        not_asked: Of the table, see `Table`.
        rows: Of the table.
        tasks: How many.
        rows_per_task: At most.
        files: Those of the table, in order.
        state: What `state_of_files` said of them.
        staged: How many of them were written once more, as texts.
        bad_rows: Broken rows that were met while these were written; others are met by the tasks.
        first_bad: The first of them.
        runner: What does the tasks where nobody says it.
        store: The address at which workers find the plan, where that is not its folder; or "".
    """

    plan: Plan
    limits: ShardLimits
    header: tuple[str, ...]
    not_asked: frozenset[str]
    rows: int
    tasks: int
    rows_per_task: int
    files: tuple[Path, ...]
    state: str
    staged: int
    bad_rows: int
    first_bad: tuple[BadRow, ...]
    runner: str
    store: str = ""

    @property
    def reading(self) -> ReadOptions:
        """How the files are read."""
        return self.plan.source.reading


def place_of(run: RunDirectory) -> Path:
    """The folder of the tasks of a run."""
    return run.path / "tasks"


def is_planned(run: RunDirectory) -> bool:
    """Whether the work of a run is planned."""
    return (place_of(run) / PLAN).is_file()


def make_plan(
    run: RunDirectory,
    runner: str,
    *,
    rows_per_task: int | None = None,
    store: str = "",
    progress: Callable[[int], None] | None = None,
) -> TaskPlan:
    """
    Plan the work of a run, once: a plan that is there stays as it is.

    Args:
        run: Made by `create`, and not built.
        runner: What is to do the tasks where nobody says it later.
        rows_per_task: None means as many as make one request file.
        store: An address on object storage where workers find the plan; "" where they see its folder.
        progress: Called with the number of rows that are planned so far.
    Raises:
        TableError: The table is broken, or has no rows.
        UsageError: The run asks several models, or keeps values or answers of earlier runs.
        TableChanged: The table on object storage is not the one that was copied.
        OutputExists: Another plan lies at that address.
        StorageError: No space left.
    """
    place = place_of(run)
    if is_planned(run):
        found = read_task_plan(open_store(place))
        if found.store:
            # An earlier call may have been killed in the middle.
            _publish(place, found)
        return found
    plan = run.plan()
    if store:
        store = str(parse_address(store))
        open_store(store).require_fit()
    if plan.panel is not None:
        raise UsageError("tasks-of-one-model")
    if plan.question.kept:
        raise UsageError("tasks-ask-all")
    if not plan.asking.fresh:
        raise UsageError("tasks-are-fresh")
    limits = find_provider(plan.asking.provider).limits
    per_file = max(1, limits.max_requests // plan.asking.samples)
    # Where files are small a task has several, so that its own beginning costs little.
    per_task = rows_per_task or per_file * max(1, _FEW_ROWS // per_file)
    table = open_source(plan.source, run.path)
    parts = table.tables if isinstance(table, TableFolder) else (table,)
    files = tuple(part.path for part in parts)
    state = state_of_files(files)
    planner = _Planner(place, per_task, progress, _objects(run, plan, files) if store else None)
    for part in parts:
        planner.add(part)
    tasks = planner.finish()
    if not tasks:
        # As reading it would say.
        next(iter(table.chunks()))
    if plan.asking.dedupe:
        TableRequests(table, plan.question, plan.asking).duplicates.save(place / DUPLICATES, overwrite=True)
    made = TaskPlan(
        plan=plan,
        limits=limits,
        header=table.header,
        not_asked=table.not_asked,
        rows=planner.rows,
        tasks=len(tasks),
        rows_per_task=per_task,
        files=files,
        state=state,
        staged=planner.staged,
        bad_rows=planner.bad_rows.count,
        first_bad=tuple(planner.bad_rows.first),
        runner=runner,
        store=store,
    )
    lines = "".join(json.dumps(task, ensure_ascii=False) + "\n" for task in tasks)
    write_atomically(place / TASKS, lines.encode(), overwrite=True)
    # It is a plan from here on.
    write_atomically(place / PLAN, json.dumps(_document(made), ensure_ascii=False).encode(), overwrite=True)
    if store:
        _publish(place, made)
    return made


def _objects(run: RunDirectory, plan: Plan, files: Sequence[Path]) -> dict[Path, tuple[str, Stat]]:
    """
    Of which object each file of a table is a copy; none where the table is not on object storage.

    Raises:
        TableChanged: What is there now is not what was copied.
    """
    if not plan.source.origin:
        return {}
    require_unchanged_origin(plan.source, run.path)
    found = objects_of(plan.source.origin)
    root = run.path.absolute() / COPY_NAME / plan.source.path.name
    names = {path: "" if path == root else path.relative_to(root).as_posix() for path in files}
    return {path: found[name] for path, name in names.items() if name in found}


def _publish(place: Path, made: TaskPlan) -> None:
    """
    Bring a plan to its address, the plan itself last.

    Raises:
        OutputExists: Another one lies there.
    """
    store = open_store(made.store)
    names = [f"staged-{number:04d}.parquet" for number in range(1, made.staged + 1)]
    names += [DUPLICATES] * made.plan.asking.dedupe
    for name in (*names, TASKS, PLAN):
        # The store takes a file away when it has it.
        with scratch_file(place) as copy:
            shutil.copyfile(place / name, copy)
            if not store.commit(name, copy) and not _is_same(store, name, place / name):
                raise OutputExists(f"{made.store}/{name}")


def _is_same(store: Store, name: str, path: Path) -> bool:
    found = store.stat(name)
    return found is not None and found.size == path.stat().st_size and store.read(name) == path.read_bytes()


def read_tasks(folder: str | Path) -> list[dict[str, Any]]:
    """
    The tasks of a plan, in the order of their rows; each with `store`, where its plan lies.

    Args:
        folder: Of the plan: `RUN/tasks`.

    Raises:
        RunError: They are damaged.
        InputError: There are none.
    """
    place = Path(folder).absolute()
    return with_store(read_task_file(place / TASKS), str(place))


def folder_of(file: str | Path) -> str:
    """Where the plan lies that a file of tasks, or an object, is of."""
    if address := as_address(file):
        return str(parse_address(address)).rpartition("/")[0]
    return str(Path(file).absolute().parent)


def read_task_file(file: str | Path) -> list[dict[str, Any]]:
    """
    Tasks as a file has them, or an object, one a line.

    Raises:
        RunError: It is no such file.
        InputError: There is none.
    """
    try:
        if address := as_address(file):
            store, name = place_of_object(address)
            text = store.read(name).decode()
        else:
            text = Path(file).read_text(encoding="utf-8")
        return [_task(json.loads(line)) for line in text.splitlines() if line]
    except OSError as error:
        raise from_os_error(error, str(file)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise RunError("tasks-damaged", path=str(file), told=str(error)) from error


def _task(read: Any) -> dict[str, Any]:
    task = dict(read)
    return {**task, "id": str(task["id"]), "function": str(task["function"])}


def with_store(tasks: Sequence[Mapping[str, Any]], store: str) -> list[dict[str, Any]]:
    """Tasks that say where their plan lies: a plan can be moved, so its file does not."""
    return [{**task, "store": store} for task in tasks]


def read_task_plan(store: Store) -> TaskPlan:
    """
    The plan in a store.

    Raises:
        RunError: It is damaged, or of a newer version.
        InputError: There is none.
    """
    stat = store.stat(PLAN)
    return _read(store.url, stat.version if stat else "")


# Each of some thousand tasks of a worker needs it.
@lru_cache(maxsize=4)
def _read(url: str, _: str) -> TaskPlan:
    text = open_store(url).read(PLAN)
    try:
        document = json.loads(text)
        version = int(document["format"])
    except (KeyError, ValueError, TypeError) as error:
        raise RunError("tasks-damaged", path=f"{url}/{PLAN}", told=str(error)) from error
    if version > FORMAT:
        raise RunError("tasks-too-new", path=url, version=version, known=FORMAT)
    try:
        return TaskPlan(
            plan=read_plan(document["plan"]),
            limits=ShardLimits(document["max_requests"], document["max_bytes"]),
            header=tuple(document["header"]),
            not_asked=frozenset(document["not_asked"]),
            rows=document["rows"],
            tasks=document["tasks"],
            rows_per_task=document["rows_per_task"],
            files=tuple(map(Path, document["files"])),
            state=document["state"],
            staged=document["staged"],
            bad_rows=document["bad_rows"],
            first_bad=tuple(BadRow(**bad) for bad in document["first_bad"]),
            runner=document["runner"],
            # Earlier plans had none.
            store=document.get("store", ""),
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise RunError("tasks-damaged", path=f"{url}/{PLAN}", told=str(error)) from error


def state_of_files(files: Sequence[Path]) -> str:
    """
    Stands for the sizes of files and the times at which they were last written, as far as they are there.

    Whether a file of a terabyte is the same is asked before and after some thousand tasks; its digest would
    take as long as these.
    """
    state = hashlib.sha256()
    for path in files:
        with suppress(OSError):
            found = path.stat()
            state.update(f"{path} {found.st_size} {found.st_mtime_ns} {found.st_ino}\n".encode())
    return state.hexdigest()


def read_duplicates(store: Store, plan: TaskPlan) -> Duplicates:
    """Which rows ask what an earlier one asks, over the whole table."""
    if not plan.plan.asking.dedupe:
        return Duplicates.none()
    if store.is_local:
        return Duplicates.load(Path(store.url) / DUPLICATES)
    return _duplicates_at(store.url)


# Each of some thousand tasks of a worker needs it; a plan stays as it is.
@lru_cache(maxsize=1)
def _duplicates_at(url: str) -> Duplicates:
    store = open_store(url)
    with scratch_file(scratch_place(store)) as copy:
        copy.write_bytes(store.read(DUPLICATES))
        return Duplicates.load(copy)


def _document(made: TaskPlan) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "plan": plan_document(made.plan),
        "max_requests": made.limits.max_requests,
        "max_bytes": made.limits.max_bytes,
        "header": list(made.header),
        "not_asked": sorted(made.not_asked),
        "rows": made.rows,
        "tasks": made.tasks,
        "rows_per_task": made.rows_per_task,
        "files": list(map(str, made.files)),
        "state": made.state,
        "staged": made.staged,
        "bad_rows": made.bad_rows,
        "first_bad": [asdict(bad) for bad in made.first_bad],
        "runner": made.runner,
        "store": made.store,
    }


class _Planner:
    """Cuts the rows of files, in order, into tasks."""

    def __init__(
        self,
        place: Path,
        per_task: int,
        progress: Callable[[int], None] | None,
        objects: Mapping[Path, tuple[str, Stat]] | None = None,
    ) -> None:
        self._place, self._per_task, self._progress, self._objects = place, per_task, progress, objects
        self._tasks: list[dict[str, Any]] = []
        self._open: list[Piece] = []
        self._room = per_task
        self.rows = self.staged = 0
        self.bad_rows = BadRowList()

    def add(self, table: Table) -> None:
        """Take the rows of the next file."""
        try:
            size = table.path.stat().st_size
        except OSError as error:
            raise from_os_error(error, str(table.path)) from error
        of_object = None if self._objects is None else self._objects.get(table.path)
        if self._objects is not None and of_object is None:
            # Who does the tasks cannot see a file of this computer.
            form, rows, cuts = "staged", self._stage(table), None
        elif isinstance(table, ColumnarTable):
            form, rows, cuts = "parquet", table.count(), None
        elif (found := self._cuts(table)) is not None:
            form, rows, cuts = "csv", found.rows, found
        else:
            form, rows, cuts = "staged", self._stage(table), None
        file = f"staged-{self.staged:04d}.parquet" if form == "staged" else str(table.path)
        places = iter(cuts.places) if cuts is not None else None
        begin = next(places) if places is not None else None
        done = 0
        while done < rows:
            height = min(self._room, rows - done)
            piece = Piece(
                file=file, size=size, form=form, first=done, rows=height, first_row=self.rows + done + 1
            )
            if begin is not None and places is not None:
                end = next(places)
                piece["begin"], piece["end"], piece["line"] = begin.offset, end.offset, begin.line
                begin = end
            if of_object is not None and form != "staged":
                address, stat = of_object
                piece["file"], piece["size"], piece["version"] = address, stat.size, stat.version
            self._open.append(piece)
            done += height
            self._room -= height
            if not self._room:
                self._close()
        self.rows += rows
        if self._progress:
            self._progress(self.rows)

    def finish(self) -> list[dict[str, Any]]:
        """The tasks."""
        self._close()
        return self._tasks

    def _close(self) -> None:
        if self._open:
            rows = sum(piece["rows"] for piece in self._open)
            self._tasks.append(
                {
                    "id": f"p{len(self._tasks) + 1:06d}",
                    "function": "prepare",
                    "first_row": self._open[0]["first_row"],
                    "rows": rows,
                    "pieces": self._open,
                }
            )
        self._open, self._room = [], self._per_task

    def _cuts(self, table: Table) -> Cuts | None:
        """Where the records of a CSV file are cut; None of any other, and of one that is packed or odd."""
        # A table that a program's export became is none of that class.
        if type(table) is not CsvTable or table.on_bad_rows != "stop":
            return None
        try:
            with table.path.open("rb") as file:
                if file.read(6).startswith(_PACKED):
                    return None
        except OSError as error:
            raise from_os_error(error, str(table.path)) from error
        return find_cuts(table.path, table.layout, len(table.header), self._room, self._per_task)

    def _stage(self, table: Table) -> int:
        """Write the texts of a file once, so that each task can begin in the middle; how many rows it has."""
        self.staged += 1
        path = self._place / f"staged-{self.staged:04d}.parquet"
        names = tuple(map(str, range(len(table.header))))
        rows = 0
        with (
            atomic_path(path, overwrite=True) as temporary,
            ColumnarTableWriter(temporary, TableShape(names, (), ()), is_parquet=True) as writer,
            read_ahead(table._chunks(table.most_rows)) as chunks,
        ):
            for chunk in chunks:
                # Texts alone: they are what requests are made of, as each format says them.
                writer.write(TableChunk(chunk.first_row, chunk.frame), pl.DataFrame())
                rows = chunk.first_row + chunk.frame.height - 1
                if self._progress:
                    self._progress(self.rows + rows)
        self.bad_rows.take(table.bad_rows)
        return rows
