"""
Views of tables and of answers: made once in this process, whoever asks, and removed with what they are of.

A view holds the texts of a table. So none outlives its table, and none of answers its run.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rowbatch.core.table_options import PLAIN
from rowbatch.desk.profile import Profile, profile_of
from rowbatch.desk.tasks import Stopped, Task
from rowbatch.errors import InputError, RowbatchError, TableError
from rowbatch.programs.base import DressedTable
from rowbatch.programs.opening import open_table
from rowbatch.results.people import code_text
from rowbatch.results.views import view_name, write_table_view
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.view import TableView
from rowbatch.store.view_folders import RUN, TABLE, seen_folder, view_folders, view_is_of, views_folder
from rowbatch.tables.base import Table
from rowbatch.tables.text_column import likely_text_column

if TYPE_CHECKING:
    from rowbatch.desk.library import LibraryTable

_STOP_S = 10.0
_LOOKED_AT_ROWS = 200
_SHOWN_LABELS = 50
_AGAIN_S = 5.0
# A view that says nothing of itself may be one that another program begins at this moment.
_YOUNG_S = 3_600.0
_LOCK = threading.RLock()
_READINGS: dict[Path, Reading] = {}


class Reading:
    """
    A table that is being read, or was.

    Attributes:
        path: The file.
        sha256: Of it.
        header: Names of its columns.
        kind: Of its format, as in `csv`.
        reading: Options that give the same table again.
        encoding_guessed: Or "".
        notes: What a person should know of how it was read.
        not_asked: Texts of cells that count as empty.
        columns: What is known of each column, or none at all.
    """

    def __init__(self, table: Table, sha256: str) -> None:
        self.path, self.sha256 = table.path, sha256
        self.header, self.kind, self.reading = table.header, table.format, table.reading
        self.encoding_guessed = table.guessed_encoding
        self.notes, self.not_asked, self.columns = table.notes, table.not_asked, table.columns
        self.folder = views_folder() / view_name(sha256, table.reading, table.format)
        self._profile: Profile | None = None
        self._meanings: dict[int, dict[str, str]] = {}
        self.task = Task(f"read {table.path.name}", lambda task: self._work(table, task))
        if self.is_complete:
            self.task = Task("nothing to read", lambda _: None)
        self.task.start()

    @property
    def is_plain(self) -> bool:
        """Whether the file is a table that takes all options, also under the form of a program."""
        return self.reading.program in (None, PLAIN) or self.kind == DressedTable.format

    @property
    def view(self) -> TableView | None:
        """The rows that are there already; None before the first ones are."""
        try:
            return TableView(self.folder)
        except InputError:
            return None

    @property
    def rows(self) -> int:
        """So many are there already."""
        view = self.view
        return view.state.rows if view else 0

    @property
    def is_complete(self) -> bool:
        """Whether all are there."""
        try:
            return TableView(self.folder).state.is_complete
        except InputError:
            return False

    @property
    def is_over(self) -> bool:
        """Whether it ended incomplete and without an error: it was stopped, or its view was removed."""
        return self.error is None and not self.task.is_alive and not self.is_complete

    @property
    def error(self) -> BaseException | None:
        """Why it cannot be read to its end, or None."""
        return self.task.error

    @property
    def bad_rows(self) -> tuple[int, list[list[Any]]]:
        """Broken rows that were kept or left out: how many, and the first with line and reason."""
        view = self.view
        notes = view.state.notes if view else {}
        return int(notes.get("bad_rows", 0)), list(notes.get("first_bad_rows", []))

    def labels(self) -> dict[str, tuple[str, list[tuple[str, str]]]]:
        """
        What is known in words of the columns that have labels.

        Returns:
            By name, the label of the column or "", and its values with their labels: at most fifty.
        """
        return {
            name: (
                info.label,
                [
                    (code_text(value), label)
                    for value, label in list(info.value_labels.items())[:_SHOWN_LABELS]
                ],
            )
            for name, info in zip(self.header, self.columns, strict=False)
            if info.label or info.value_labels
        }

    def label_at(self, position: int) -> str:
        """What a column is about, in words; or ""."""
        return self.columns[position].label if position < len(self.columns) else ""

    def meaning_at(self, position: int, cell: str) -> str:
        """What a cell of a column means, where the file says it; or ""."""
        if position not in self._meanings:
            known = self.columns[position].value_labels if position < len(self.columns) else {}
            self._meanings[position] = {code_text(value): label for value, label in known.items()}
        return self._meanings[position].get(cell, "")

    def text_position(self) -> int | None:
        """The column that looks most like texts in the first rows that are there; None where none does."""
        view = self.view
        if view is None or not self.rows:
            return None
        return likely_text_column(self.header, view.frame(1, min(self.rows, _LOOKED_AT_ROWS)))

    def wait(self, seconds: float) -> bool:
        """Wait for its end; returns whether it has come."""
        return self.task.wait(seconds)

    def profile(self) -> Profile | None:
        """What the cells look like; None until all are there."""
        if self._profile is None and self.is_complete:
            self._profile = profile_of(TableView(self.folder))
        return self._profile

    def _work(self, table: Table, task: Task) -> None:
        try:
            write_table_view(table, self.folder, self.sha256, task.check)
        except Stopped:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise


def begin_reading(table: Table, sha256: str) -> Reading:
    """
    The one reading of a table in this process; begun when it was not.

    Args:
        table: Its header was read.
        sha256: Of its file.
    """
    folder = views_folder() / view_name(sha256, table.reading, table.format)
    with _LOCK:
        known = _READINGS.get(folder)
        if known is None or known.is_over or _may_go_better(known):
            known = _READINGS[folder] = Reading(table, sha256)
        return known


def _may_go_better(reading: Reading) -> bool:
    """Whether something else than the table ended it, some seconds ago: who polls has seen the error."""
    if reading.error is None or isinstance(reading.error, TableError):
        return False
    return time.time() - reading.task.ended_at > _AGAIN_S


def stop_readings(which: Callable[[Reading], bool]) -> None:
    """Stop the readings of this process for which that holds, wait for their ends, and forget them."""
    with _LOCK:
        found = {folder: reading for folder, reading in _READINGS.items() if which(reading)}
        for folder in found:
            del _READINGS[folder]
    for reading in found.values():
        reading.task.stop()
    end = time.monotonic() + _STOP_S
    for reading in found.values():
        # One that takes longer removes its folder itself.
        reading.wait(max(0.0, end - time.monotonic()))


def remove_table_views(sha256: str, unmarked: Iterable[str] = ()) -> None:
    """
    Remove every view of a file, in whatever way it was read.

    Args:
        sha256: Of the file.
        unmarked: Names of views of it that an earlier version made, which does not say of what.
    """
    stop_readings(lambda reading: reading.sha256 == sha256)
    for folder in view_folders():
        if view_is_of(folder).get(TABLE) == sha256 or folder.name in unmarked:
            shutil.rmtree(folder, ignore_errors=True)


def clear_views() -> None:
    """Remove all views; they are made again when they are looked at."""
    stop_readings(lambda _: True)
    for folder in (*view_folders(), seen_folder()):
        shutil.rmtree(folder, ignore_errors=True)


def sweep_views(
    tables: Callable[[], list[LibraryTable]], runs: Callable[[], Iterable[Path]], task: Task | None = None
) -> int:
    """
    Remove views whose table or run is no more.

    Whatever another process looks at is of a table or run that is known: both are noted before there is a
    view of them, so the views are listed first. Views that earlier versions made are compared by their names.

    Args:
        tables: Gives all of the library.
        runs: Gives the directories of all runs on this machine.
        task: Asked whether to stop.
    Returns:
        How many were removed.
    """
    listed = view_folders()
    sources = {}
    for place in runs():
        with suppress(RowbatchError):
            source = RunDirectory(place).plan().source
            if source.path.exists():
                sources[place] = source
    known = tables()
    files = {table.info.sha256 for table in known} | {source.sha256 for source in sources.values()}
    unmarked: list[Path] = []
    gone: list[Path] = []
    for folder in listed:
        of = view_is_of(folder)
        if TABLE in of:
            gone += [folder] if of[TABLE] not in files else []
        elif RUN in of:
            gone += [folder] if not (Path(of[RUN]) / "run.toml").is_file() else []
        elif _is_old(folder):
            unmarked.append(folder)
    if unmarked:
        named = {name for table in known if (name := name_of_view(table))}
        for source in sources.values():
            with suppress(RowbatchError):
                opened = open_table(source.path, source.reading)
                named.add(view_name(source.sha256, source.reading, opened.format))
        gone += [folder for folder in unmarked if folder.name not in named]
    for folder in gone:
        if task is not None:
            task.check()
        shutil.rmtree(folder, ignore_errors=True)
    return len(gone)


def name_of_view(table: LibraryTable) -> str:
    """What a view of a table is called, as it is read now; "" where it cannot be read."""
    try:
        opened = table.open()
    except RowbatchError:
        return ""
    return view_name(table.info.sha256, opened.reading, opened.format)


def _is_old(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime > _YOUNG_S
    except OSError:
        return False
