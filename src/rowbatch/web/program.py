"""What the pages share: the tables, the jobs, what is being tried, files of the tools."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rowbatch import desk
from rowbatch.errors import RowbatchError
from rowbatch.web.computed import ComputedNumbers
from rowbatch.web.model_fetch import ModelFetch
from rowbatch.web.seats import Seats

if TYPE_CHECKING:
    from rowbatch import api
    from rowbatch.web.words import Words

_KEPT_RESULTS = 6
_KEPT_MADE = 40
_TOOL_HOURS = 12.0
_AFTER_DOWNLOAD_S = 3_600.0
_STOP_S, _LOOK_S = 10.0, 0.2
FIRST_PAGE_S = 30.0
"""Whoever starts the program looks at a page within this time; what is not needed for it waits so long."""


@dataclass(slots=True)
class ToolFile:
    """
    A file of one of the tools: handed over, or made.

    Attributes:
        id: For addresses.
        name: For people, and as the download is called.
        path: In a folder of its own.
        made_at: Seconds of `time.time`.
        fetched_at: When it was downloaded last, or 0.0.
        said: How it is to be read, where it is a table and somebody said it.
    """

    id: str
    name: str
    path: Path
    made_at: float = field(default_factory=time.time)
    fetched_at: float = 0.0
    said: desk.ReadOptions = field(default_factory=desk.ReadOptions)

    @property
    def reading(self) -> desk.ReadingKeywords:
        """The same as functions take it."""
        return desk.said_of(self.said)

    def sheets(self) -> tuple[str, ...]:
        """Names of the sheets of a workbook; nothing for other files."""
        return desk.sheets(self.path)

    def members(self) -> tuple[str, ...]:
        """Names of the files in a zip file that is no workbook; nothing for other files."""
        return desk.members(self.path)

    def fitting_options(self) -> frozenset[str]:
        """Names of the attributes of `ReadOptions` that have a meaning for it."""
        return desk.options_of(self.path)

    @property
    def size_bytes(self) -> int:
        """Of the file."""
        return self.path.stat().st_size


@dataclass(frozen=True, slots=True)
class Made:
    """
    What a tool has made, at an address of its own until it is removed or the program ends.

    Attributes:
        id: For addresses.
        tool: Which.
        fields: Of the form, with what was written in them.
        files: That the form had, by field.
        told: Tells it, in the language of a page.
        out: The file that was made; None where there is none.
        made_at: Seconds of `time.time`.
    """

    id: str
    tool: str
    fields: tuple[tuple[str, str], ...]
    files: Mapping[str, tuple[ToolFile, ...]]
    told: Callable[[Words], Any]
    out: ToolFile | None = None
    made_at: float = field(default_factory=time.time)

    @property
    def address(self) -> str:
        """Of its page."""
        return f"/tools/{self.tool}?made={self.id}"

    @property
    def name(self) -> str:
        """Of the files that it was made of."""
        return ", ".join(one.name for found in self.files.values() for one in found)


@dataclass(frozen=True, slots=True)
class Trial:
    """
    Rows that are being tried, or were.

    Attributes:
        key: The same for drafts that ask the same.
        ten: Which rows: 0 for those spread over the table, n for the n-th further ones.
        task: At work, or done.
    """

    key: str
    ten: int
    task: desk.Task


@dataclass(frozen=True, slots=True)
class Student:
    """
    A table that a student is labelling, or was.

    Attributes:
        table: It.
        variable: Of the codebook.
        task: At work, or done.
    """

    table: desk.LibraryTable
    variable: str
    task: desk.Task

    @property
    def rows(self) -> int | None:
        """Of the table; None where they were not counted yet."""
        reading = self.table.read()
        return reading.rows if reading.is_complete else None


class Door(Protocol):
    """An open door for coders who come over the network."""

    host: str
    """Address and port."""

    def close(self) -> None:
        """Nobody comes in any more."""


class Program:
    """
    The state behind the pages. Everything of value lies on the disk; this can go at any moment.

    Attributes:
        page_shown: Somebody looks at a page.
        language: Of the last one.
        making_ready: By job that was driven here to its end: what makes its rows ready to look at.

    Args:
        port: Where the pages are served.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.page_shown = threading.Event()
        self.language = "en"
        self.library = desk.Library()
        self.jobs = desk.Jobs(self._make_ready)
        self.trials: dict[str, Trial] = {}
        self.students: dict[str, Student] = {}
        self._trying: dict[str, list[Trial]] = {}
        self.begin_lock = threading.Lock()
        self.uploads = threading.BoundedSemaphore(2)
        self.checked_keys: dict[str, str] = {}
        self.seats = Seats()
        self.model_fetch = ModelFetch()
        self.numbers = ComputedNumbers()
        self.coders: Door | None = None
        self.coders_lock = threading.Lock()
        self._results: OrderedDict[str, desk.Results] = OrderedDict()
        self.making_ready: dict[str, desk.Task] = {}
        self._tool_files: dict[str, ToolFile] = {}
        self._made: dict[str, Made] = {}
        self._lock = threading.Lock()
        self._tool_folder = desk.views_folder().parent / "tools"
        shutil.rmtree(self._tool_folder, ignore_errors=True)
        for folder in (desk.home(), desk.cache(), self.library.folder):
            desk.private_folder(folder)
        self.upkeep = desk.Task("upkeep", self._tidy).start()

    @cached_property
    def coding(self) -> desk.CodingRoom:
        """The coding sets; what they need is large, and most pages need none of it."""
        return desk.CodingRoom()

    def begin_trial(self, table_id: str, key: str, work: Callable[[desk.Task], Any], ten: int = 0) -> Trial:
        """
        Try rows of a table in the background, unless just that is being tried, or was.

        Args:
            table_id: Whose.
            key: The same for drafts that ask the same.
            work: Returns the trial and the seconds that a row took.
            ten: Which rows, see `Trial`.
        """
        with self._lock:
            known = self.trials.get(table_id)
            if known is not None:
                is_the_same = (known.key, known.ten) == (key, ten)
                if is_the_same and (known.task.is_alive or known.task.error is None):
                    return known
                known.task.stop()
            # Those that were told to stop may still wait for an answer.
            alive = [one for one in self._trying.get(table_id, ()) if one.task.is_alive]
            before = [one.task for one in alive if (one.key, one.ten) == (key, ten)]

            def after_those(task: desk.Task) -> Any:
                # What they are answered is kept, and is not asked again.
                for one in before:
                    while not one.wait(_LOOK_S):
                        task.check()
                return work(task)

            task = desk.Task(f"try {table_id}", after_those).start()
            trial = self.trials[table_id] = Trial(key, ten, task)
            self._trying[table_id] = [*alive, trial]
            return trial

    def begin_student(
        self, job_id: str, table: desk.LibraryTable, variable: str, work: Callable[[desk.Task], Any]
    ) -> Student:
        """
        Let a student of a job label a table in the background, unless one of this job is at work.

        Args:
            job_id: Whose labels it learns.
            table: That it labels.
            variable: Of the codebook.
            work: Does it.
        """
        with self._lock:
            known = self.students.get(job_id)
            if known is not None and known.task.is_alive:
                return known
            task = desk.Task(f"student {job_id}", work)
            student = self.students[job_id] = Student(table, variable, task)
            task.start()
            return student

    def results(self, job: desk.Job) -> desk.Results:
        """The answers of a job, as far as they are here."""
        return self._results_of(job.id, lambda: job.run)

    def _results_of(self, job_id: str, run: Callable[[], api.Run]) -> desk.Results:
        with self._lock:
            found = self._results.get(job_id)
            if found is None:
                found = self._results[job_id] = desk.Results(run())
            self._results.move_to_end(job_id)
            while len(self._results) > _KEPT_RESULTS:
                self._results.popitem(last=False)
            return found

    def _make_ready(self, run: api.Run) -> None:
        """Make what is looked at of a run that is over, before somebody looks; what fails is told to who does."""
        job_id = desk.job_id(run.path)

        def work(task: desk.Task) -> None:
            results = self._results_of(job_id, lambda: run)
            while not results.prepare(_LOOK_S):
                task.check()

        with self._lock:
            task = self.making_ready[job_id] = desk.Task(f"make ready {run.path.name}", work)
        task.start()

    def forget_results(self, job_id: str) -> None:
        """Of a job that is no more."""
        with self._lock:
            found = self._results.pop(job_id, None)
            making = self.making_ready.pop(job_id, None)
        if making is not None:
            making.stop()
        if found is not None:
            found.stop()

    def forget_table(self, table: desk.LibraryTable) -> None:
        """A table is about to be removed: nothing works with it any more."""
        with self._lock:
            self.trials.pop(table.id, None)
            trying = [trial.task for trial in self._trying.pop(table.id, ())]
            looked_at = dict(self._results)
        for task in trying:
            task.stop()
        end = time.monotonic() + _STOP_S
        for task in trying:
            # One that waits for an answer for longer removes itself what it makes of it.
            task.wait(max(0.0, end - time.monotonic()))
        for name, found in looked_at.items():
            if str(table.info.path) == safe(lambda one: str(one.run.plan.source.path), found):
                self.forget_results(name)

    def clear_views(self) -> None:
        """Remove what can be made again."""
        with self._lock:
            names = list(self._results)
        for name in names:
            self.forget_results(name)
        desk.clear_views()

    def new_tool_file(self, name: str, ending: str = "") -> ToolFile:
        """A place for a file of the tools; its name is a label, and the place is ours."""
        self._remove_old()
        file_id = secrets.token_hex(8)
        folder = self._tool_folder / file_id
        desk.private_folder(folder)
        made = ToolFile(file_id, desk.shown_name(name), folder / f"file{ending}")
        self._tool_files[file_id] = made
        return made

    def keep_made(
        self,
        tool: str,
        fields: Iterable[tuple[str, str]],
        files: Mapping[str, Sequence[ToolFile]],
        told: Callable[[Words], Any],
        out: ToolFile | None = None,
    ) -> Made:
        """Keep what a tool has made, see `Made`; of many the oldest goes, with its file."""
        had = {name: tuple(found) for name, found in files.items() if found}
        made = Made(secrets.token_hex(8), tool, tuple(fields), had, told, out)
        with self._lock:
            self._made[made.id] = made
            oldest = [*self._made.values()][: max(0, len(self._made) - _KEPT_MADE)]
        for one in oldest:
            self.remove_made(one.id)
        return made

    def made(self) -> list[Made]:
        """What tools have made and is kept, the newest first."""
        self._remove_old()
        with self._lock:
            return [*self._made.values()][::-1]

    def made_of(self, tool: str, made_id: str) -> Made | None:
        """What a tool has made, by its id; None where it is not kept."""
        return next((one for one in self.made() if (one.id, one.tool) == (made_id, tool)), None)

    def remove_made(self, made_id: str) -> None:
        """Forget what a tool has made, with its file and those it was made of that nothing else needs."""
        with self._lock:
            gone = self._made.pop(made_id, None)
            needed = {file.id for one in self._made.values() for file in _files_of(one)}
        for file in _files_of(gone) if gone is not None else ():
            if file.id not in needed:
                self.remove_tool_file(file.id)

    def place_for_files(self) -> Path:
        """Where files may lie for a moment: nobody else can read them, and none is left when the program ends."""
        found: Path = desk.private_folder(self._tool_folder)
        return found

    def tool_file(self, file_id: str) -> ToolFile | None:
        """One of them, or None."""
        found = self._tool_files.get(file_id)
        return found if found is not None and found.path.exists() else None

    def remove_tool_file(self, file_id: str) -> None:
        """It is not needed any more."""
        found = self._tool_files.pop(file_id, None)
        if found is not None:
            shutil.rmtree(found.path.parent, ignore_errors=True)

    def close_for_coders(self) -> None:
        """Nobody codes over the network any more; all links lead nowhere."""
        with self.coders_lock:
            door, self.coders = self.coders, None
            self.seats.clear()
        if door is not None:
            door.close()

    def stop(self) -> None:
        """The program ends: threads stop, and what only the tools needed goes."""
        self.close_for_coders()
        self.jobs.stop()
        self.upkeep.stop()
        with self._lock:
            tasks = [trial.task for trials in self._trying.values() for trial in trials]
            tasks += [student.task for student in self.students.values()]
            tasks += self.making_ready.values()
        for task in tasks:
            task.stop()
        shutil.rmtree(self._tool_folder, ignore_errors=True)

    def _tidy(self, task: desk.Task) -> None:
        # A version before this one left folders open, and views of tables that are no more.
        desk.repair_rights()
        # What it needs is large, and would hold the first page up.
        end = time.monotonic() + FIRST_PAGE_S
        while not self.page_shown.wait(_LOOK_S) and time.monotonic() < end:
            task.check()
        self.library.tidy(desk.known_places, task)

    def _remove_old(self) -> None:
        now = time.time()
        for file_id, file in list(self._tool_files.items()):
            is_fetched = file.fetched_at and now - file.fetched_at > _AFTER_DOWNLOAD_S
            if is_fetched or now - file.made_at > _TOOL_HOURS * 3600:
                self.remove_tool_file(file_id)
        with self._lock:
            old = [one.id for one in self._made.values() if now - one.made_at > _TOOL_HOURS * 3600]
        for made_id in old:
            self.remove_made(made_id)


def _files_of(made: Made) -> list[ToolFile]:
    """The file that was made, and those it was made of."""
    had = [one for found in made.files.values() for one in found]
    return had if made.out is None else [made.out, *had]


def table_of_job(program: Program, job: desk.Job) -> desk.LibraryTable | None:
    """The table of a job, where the program still has it."""
    path = Path(job.status.table)
    for table in program.library.tables():
        if table.info.path == path:
            return table
    return None


def jobs_of_table(program: Program, table: desk.LibraryTable) -> list[desk.Job]:
    """Those of which something was sent; without the table their answers have no rows to stand in."""
    return [
        job
        for job in program.jobs.all()
        if job.state != "draft" and Path(job.status.table) == table.info.path
    ]


def safe(call: Any, *args: Any, **kwargs: Any) -> Any:
    """What a call returns, or None where it raised one of our errors."""
    try:
        return call(*args, **kwargs)
    except RowbatchError:
        return None
