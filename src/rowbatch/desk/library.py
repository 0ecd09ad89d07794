"""
The tables that the program knows: files that were handed to it, and files that it was started with.

A file that was handed over lies in a folder with a name of our own; what its owner calls it is a label.
Beside it lies what its owner said about it: how it is to be read, and what is to be asked.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from rowbatch.core.table_options import ReadOptions, read_otherwise
from rowbatch.desk.tasks import Task
from rowbatch.errors import InputError, RowbatchError, TableError, UsageError, from_os_error
from rowbatch.objects.address import require_here
from rowbatch.objects.disk import fsync_folder
from rowbatch.store.atomic import write_atomically
from rowbatch.store.home import home, private_file, private_folder
from rowbatch.store.sources import digest_source, size_of_source
from rowbatch.store.view_folders import has_unmarked_views, view_folders

if TYPE_CHECKING:
    from rowbatch.core.plan import Source
    from rowbatch.desk.readings import Reading
    from rowbatch.tables.base import Table

_INFO, _DRAFT = "table.json", "draft.json"
_HANDED_OVER = "data"
"""
Name of a file that was handed over, before its ending. No record of ours begins like this; those of tables
have kept their names, so that libraries that are there can be opened.
"""
_ID = re.compile(r"[0-9a-f]{16}\Z")
_ENDINGS = re.compile(
    r"\.(csv|tsv|tab|txt|jsonl|ndjson|jsonlines|json|parquet|feather|arrow|xlsx|xls|xlsb|xlsm|ods|dta|sav|zsav|por"
    r"|sas7bdat|xpt|rds|rda|rdata|zip)(\.(gz|gzip|zst|zstd|bz2|xz))?\Z",
    re.IGNORECASE,
)
# One of these alone is a table of one row; what they are called is the only sign of some.
_DOCUMENTS = re.compile(r"\.(docx|odt|pdf|md|srt|vtt|x?html?)\Z", re.IGNORECASE)
_LEFT_S = 86_400.0
_REMOVED_TRIES = 5
# Pages that were written on lately.
_KEPT_TURNS = 1_000


@dataclass(frozen=True, slots=True)
class TableInfo:
    """
    What is known of a table before it is read.

    Attributes:
        id: 16 hex digits, ours.
        name: What its owner calls it: text to show, never a path.
        path: The file.
        size_bytes: Of it.
        sha256: Of it.
        added_at: ISO 8601, UTC.
        is_copy: It was handed over, and may be removed with all that belongs to it.
        reading: How its owner wants it to be read.
    """

    id: str
    name: str
    path: Path
    size_bytes: int
    sha256: str
    added_at: str
    is_copy: bool
    reading: ReadOptions


@dataclass(frozen=True, slots=True)
class PageView:
    """
    What a page that says a draft was made of.

    Attributes:
        version: Of the draft that it was opened with.
        edits: How often something was changed on it by now; None where it doesn't count.
        is_left: It was left when this was said, which may come in long after that.
    """

    version: int
    edits: int | None = None
    is_left: bool = False


class LibraryTable:
    """One table of the library."""

    def __init__(self, library: Library, info: TableInfo) -> None:
        self._library, self.info = library, info

    @property
    def id(self) -> str:
        """Its id."""
        return self.info.id

    @property
    def folder(self) -> Path:
        """Where what belongs to it lies."""
        return self._library.folder / self.info.id

    def open(self) -> Table:
        """
        Read its header.

        Raises:
            TableError, InputError: It cannot be read.
        """
        from rowbatch.programs.opening import open_table

        self.require_file()
        return open_table(self.info.path, self.info.reading)

    def require_file(self) -> None:
        """
        Make sure that the file is the person's.

        Raises:
            TableError: A program before this one wrote its record over it.
        """
        if self.info.is_copy and self.info.path == self.folder / _INFO:
            raise TableError("table-was-lost", path=str(self.info.path), name=self.info.name)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """
        It is there, and is not removed before the block ends: what is made of it there goes with it.

        Raises:
            InputError: It was removed.
        """
        with self._library.lock:
            if not (self.folder / _INFO).exists():
                raise InputError("table-missing")
            yield

    def remove_leftovers(self) -> None:
        """Where it was removed while something worked with it, remove what that has made since."""
        with self._library.lock, suppress(OSError):
            if not (self.folder / _INFO).exists():
                _remove_folder(self.folder)

    def read(self) -> Reading:
        """Begin to read all of it, unless that was begun; returns at once."""
        return self._library.reading(self)

    def change_reading(self, **changes: str | int | None) -> LibraryTable:
        """
        Read it in another way from now on.

        Args:
            changes: As of `read_otherwise`.
        Raises:
            InputError: It was removed.
            UsageError: One of them says nothing that can be done.
        """
        info = replace(self.info, reading=read_otherwise(self.info.reading, changes))
        with self.kept():
            _write_info(self.folder, info)
        return LibraryTable(self._library, info)

    def draft(self) -> Mapping[str, Any]:
        """What was said about it before, as `save_draft` was given it; empty at first."""
        try:
            found = json.loads((self.folder / _DRAFT).read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            # It is a convenience; a damaged one is not there.
            return {}
        return found if isinstance(found, dict) else {}

    def save_draft(
        self,
        changes: Mapping[str, Any],
        said_at: float | None = None,
        turn: tuple[str, int] | None = None,
        view: PageView | None = None,
        *,
        replaces: bool = False,
    ) -> None:
        """
        Keep what was said about it; what `changes` does not name stays as it was.

        Where a page says a draft that was opened before another page said one, what was last done holds, and
        the other's is kept aside (`replaced_draft`). What comes from a page that was left meanwhile takes the
        place of nothing that another page said: then that is kept aside.

        Args:
            changes: Parts of it, by name.
            said_at: When, in seconds of `time.monotonic`; None means now. What was said later is kept: the
                answers to two questions of a page may be worked on at once.
            turn: Who said it, and how many things they had said by then, this one included; None where nobody
                counts. What one of them said earlier may come in later, and is not kept then.
            view: What the page of a `turn` shows; None where it doesn't say.
            replaces: What was written before is no part of the new draft, and is kept aside.
        """
        library, at = self._library, time.monotonic() if said_at is None else said_at
        who = turn[0] if turn else ""
        with library.lock:
            last_at, last_who = library.drafts_said_at.get(self.id, (at, who))
            # What one page sends may come in in another order; it counts, and is followed in that.
            is_late = at < last_at and (not who or who != last_who)
            if is_late or not library.take_turn(self.id, turn) or not (self.folder / _INFO).exists():
                return
            kept = self.draft()
            is_behind = view is not None and _is_behind(kept, who, view.version)
            if is_behind and view is not None and not library.take_edits(self.id, who, view.edits):
                # Somebody only looks at a page, and what it shows is not true any more.
                return
            if is_behind and view is not None and view.is_left:
                if kept.get("draft") != changes.get("draft"):
                    told = {**kept, "replaced": json.loads(json.dumps(changes.get("draft")))}
                    write_atomically(self.folder / _DRAFT, json.dumps(told).encode(), overwrite=True)
                return
            library.drafts_said_at[self.id] = (max(at, last_at), who)
            # As it will be read.
            told = {**kept, **json.loads(json.dumps(changes))}
            if told.get("draft") != kept.get("draft"):
                told |= {"version": _version_of(kept) + 1, "by": who}
                if (is_behind or replaces) and kept.get("draft"):
                    told["replaced"] = kept["draft"]
            if view is not None:
                library.take_edits(self.id, who, view.edits)
            write_atomically(self.folder / _DRAFT, json.dumps(told).encode(), overwrite=True)

    @property
    def draft_version(self) -> int:
        """How often what is asked of it was changed."""
        return _version_of(self.draft())

    def is_overtaken(self, page: str, version: int) -> bool:
        """Whether another page has said what is asked, after the version that this one shows."""
        return _is_behind(self.draft(), page, version)

    def replaced_draft(self) -> Mapping[str, Any]:
        """The draft that was replaced last, and can be brought back; empty where there is none."""
        found = self.draft().get("replaced")
        return found if isinstance(found, dict) else {}

    def settle_replaced(self, *, bring_back: bool) -> None:
        """
        Decide about the draft that was replaced last.

        Args:
            bring_back: It takes the place of the one that is there, which is kept aside instead; or it is
                forgotten.
        """
        with self._library.lock:
            replaced = self.replaced_draft()
            if replaced and bring_back:
                self.save_draft({"draft": replaced}, replaces=True)
            elif replaced:
                self.save_draft({"replaced": None})

    def sheets(self) -> tuple[str, ...]:
        """Names of the sheets of a workbook; nothing for other files."""
        from rowbatch.desk import table_files

        return table_files.sheets(self.info.path)

    def members(self) -> tuple[str, ...]:
        """Names of the files in a zip file that is no workbook; nothing for other files."""
        from rowbatch.desk import table_files

        return table_files.members(self.info.path)

    def fitting_options(self) -> frozenset[str]:
        """Names of the attributes of `ReadOptions` that have a meaning for its file."""
        from rowbatch.desk import table_files

        return table_files.options_of(self.info.path)

    def row_places(self) -> dict[str, int]:
        """Places of a JSON document that could hold its rows, and how many there are; nothing for others."""
        from rowbatch.desk import table_files

        return table_files.row_places(self.info.path, self.info.sha256, self.info.reading.encoding)

    def top_lines(self) -> list[tuple[int, str]]:
        """As `table_files.top_lines`."""
        from rowbatch.desk import table_files

        return table_files.top_lines(self.info.path, self.info.reading)

    def decoded_samples(self) -> dict[str, str]:
        """A piece with something beyond plain English, in likely encodings, for a person to choose."""
        from rowbatch.desk import table_files

        return table_files.decoded_samples(self.info.path)


class Library:
    """
    All tables of this user's program.

    Args:
        folder: Where they lie; None means in the program's own folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or home() / "tables"
        self.lock = threading.RLock()
        self.drafts_said_at: dict[str, tuple[float, str]] = {}
        self._turns: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._edits: OrderedDict[tuple[str, str], int] = OrderedDict()

    def take_turn(self, table_id: str, turn: tuple[str, int] | None) -> bool:
        """Whether nothing later was said of a table by the same one; from now on this was."""
        if turn is None:
            return True
        who, number = (table_id, turn[0]), turn[1]
        is_next = number > self._turns.get(who, 0)
        if is_next:
            self._turns[who] = number
            self._turns.move_to_end(who)
            while len(self._turns) > _KEPT_TURNS:
                self._turns.popitem(last=False)
        return is_next

    def take_edits(self, table_id: str, page: str, edits: int | None) -> bool:
        """Whether something was changed on a page since it was last asked; from now on that is known."""
        if edits is None:
            return True
        is_more = edits > self._edits.get((table_id, page), 0)
        if is_more:
            self._edits[table_id, page] = edits
            self._edits.move_to_end((table_id, page))
            while len(self._edits) > _KEPT_TURNS:
                self._edits.popitem(last=False)
        return is_more

    def tables(self) -> list[LibraryTable]:
        """All, the newest first."""
        if not self.folder.is_dir():
            return []
        found = []
        for folder in self.folder.iterdir():
            if _ID.match(folder.name) and (folder / _INFO).is_file():
                try:
                    found.append(self.table(folder.name))
                except InputError:
                    continue
        return sorted(found, key=lambda table: table.info.added_at, reverse=True)

    def table(self, table_id: str) -> LibraryTable:
        """
        One of them.

        Raises:
            InputError: There is none of this id.
        """
        if not _ID.match(table_id):
            raise InputError("table-missing")
        try:
            plain = json.loads((self.folder / table_id / _INFO).read_bytes())
            info = TableInfo(
                id=table_id,
                name=plain["name"],
                path=Path(plain["path"]),
                size_bytes=plain["size_bytes"],
                sha256=plain["sha256"],
                added_at=plain["added_at"],
                is_copy=plain["is_copy"],
                reading=ReadOptions(**plain["reading"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError("table-missing") from error
        return LibraryTable(self, info)

    @contextmanager
    def receive(self, name: str) -> Iterator[tuple[str, BinaryIO]]:
        """
        Take a file. It becomes a table with `keep`, once its bytes are there; after an error nothing is left.

        Args:
            name: What its owner calls it; its ending tells the format where the bytes do not.
        Yields:
            Its id, and a file to write to.
        Raises:
            StorageError: The disk is full, or refuses.
        """
        table_id = secrets.token_hex(8)
        folder = self.folder / table_id
        try:
            path = private_folder(folder) / _file_name(name)
            private_file(path)
            with path.open("wb") as file:
                yield table_id, file
                file.flush()
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, OSError):
                raise from_os_error(error, str(folder)) from error
            raise

    def keep(self, table_id: str, name: str, sha256: str | None = None) -> LibraryTable:
        """
        What `receive` took is a table from now on.

        Args:
            table_id: Of `receive`.
            name: What its owner calls it.
            sha256: Where it is known already.
        """
        folder = self.folder / table_id
        path = folder / _file_name(name)
        return self._add(table_id, shown_name(name), path, is_copy=True, sha256=sha256)

    def keep_once(
        self, table_id: str, name: str, sha256: str | None = None, *, wanted: Iterable[Source] = ()
    ) -> tuple[LibraryTable, bool]:
        """
        As `keep`, unless the same file was handed over before: then that is the table, and what came goes.

        Args:
            table_id: Of `receive`.
            name: What its owner calls it: a file of another format is another table.
            sha256: Where it is known already.
            wanted: Tables of runs. Where this file is one of them that was removed, it comes back to its
                place, and the runs of it can be joined with it again.
        Returns:
            The table, and whether it was there before.
        """
        path = self.folder / table_id / _file_name(name)
        size, digest = size_of_source(path), sha256 or digest_source(path)
        for source in wanted:
            if source.sha256 == digest and source.path.name == path.name and self.is_removed(source.path):
                with suppress(OSError):
                    path.parent.rename(source.path.parent)
                    return self.keep(source.path.parent.name, name, digest), False
        for table in self.tables():
            known = table.info
            is_same = known.is_copy and (known.size_bytes, known.sha256) == (size, digest)
            if is_same and known.path.name == path.name and known.path.exists():
                shutil.rmtree(self.folder / table_id, ignore_errors=True)
                return table, True
        return self.keep(table_id, name, digest), False

    def is_place(self, path: Path) -> bool:
        """Whether a file that was handed over may have this path."""
        folder = path.parent
        return bool(_ID.match(folder.name)) and folder.parent.resolve() == self.folder.resolve()

    def is_removed(self, path: Path) -> bool:
        """Whether a file that was handed over had this path, and is not there any more."""
        return self.is_place(path) and not path.parent.exists()

    def add(self, path: Path) -> LibraryTable:
        """
        A file that stays where it is. The same file is the same table.

        Raises:
            InputError: There is no such file; or it is on object storage.
        """
        if not require_here(path).exists():
            raise InputError("path-missing", path=str(path))
        resolved = path.resolve()
        for table in self.tables():
            is_same = table.info.path == resolved and not table.info.is_copy
            if (
                is_same
                and table.info.size_bytes == size_of_source(resolved)
                and (table.info.sha256 == digest_source(resolved))
            ):
                return table
        return self._add(secrets.token_hex(8), path.name, resolved, is_copy=False)

    def remove(self, table_id: str) -> None:
        """
        Forget a table, and remove it where it is a copy, with the rows that were made ready to look at, what
        was said about it and what was tried with it. A reading of it ends. Runs of it keep their requests and
        answers, but cannot be joined with it until the same file is handed over again. What a table of the
        same file needs as well stays.

        Raises:
            InputError: There is none of this id.
            StorageError: The disk refuses.
        """
        from rowbatch.desk.readings import name_of_view, remove_table_views, stop_readings

        table = self.table(table_id)
        sha256, path = table.info.sha256, table.info.path
        unmarked = [name_of_view(table)] if has_unmarked_views() else []
        stop_readings(lambda reading: reading.path == path)
        with self.lock:
            # Another page may have removed it since.
            record = self.table(table_id).folder / _INFO
            try:
                plain = record.read_bytes()
                # First of all: without it nothing begins anew.
                record.unlink()
                try:
                    _remove_folder(table.folder)
                except OSError:
                    # So that it is there to be removed again.
                    with suppress(OSError, RowbatchError):
                        write_atomically(record, plain, overwrite=True)
                    raise
            except OSError as error:
                raise from_os_error(error, str(table.folder)) from error
            self.drafts_said_at.pop(table_id, None)
            is_last = not any(other.info.sha256 == sha256 for other in self.tables())
        # What was begun until then.
        stop_readings(lambda reading: reading.path == path)
        if is_last:
            remove_table_views(sha256, unmarked)

    def reading(self, table: LibraryTable) -> Reading:
        """
        The one reading of a table; begun when it was not.

        Raises:
            TableError, InputError: It cannot be read, or was removed.
        """
        from rowbatch.desk.readings import begin_reading

        opened = table.open()
        with table.kept():
            return begin_reading(opened, table.info.sha256)

    def tidy(self, runs: Callable[[], Iterable[Path]], task: Task | None = None) -> None:
        """
        Remove what nobody can reach any more: views of tables and runs that are gone, files of which only a
        part came. What belongs to a table or a run that is known stays, so other processes are not disturbed.

        Args:
            runs: Gives the directories of all runs on this machine.
            task: Asked whether to stop.
        """
        if view_folders():
            from rowbatch.desk.readings import sweep_views

            sweep_views(self.tables, runs, task)
        with suppress(OSError):
            for folder in self.folder.iterdir():
                if _ID.match(folder.name) and not (folder / _INFO).exists() and _is_left(folder):
                    shutil.rmtree(folder, ignore_errors=True)

    def _add(
        self, table_id: str, name: str, path: Path, *, is_copy: bool, sha256: str | None = None
    ) -> LibraryTable:
        info = TableInfo(
            id=table_id,
            name=name,
            path=path,
            size_bytes=size_of_source(path),
            sha256=sha256 or digest_source(path),
            added_at=datetime.now(UTC).isoformat(timespec="microseconds"),
            is_copy=is_copy,
            reading=ReadOptions(),
        )
        folder = self.folder / table_id
        private_folder(folder)
        _write_info(folder, info)
        fsync_folder(self.folder)
        return LibraryTable(self, info)


def shown_name(name: str) -> str:
    """What a person calls a file, as a label: without folders and control characters, not endless."""
    last = re.split(r"[/\\]", name)[-1]
    shown = "".join(character for character in last if character.isprintable()).strip()
    return shown[:120] or "table"


def known_ending(name: str) -> str:
    """The ending of a name, where it is one of a table or of a batch file; else "". Safe for a path."""
    found = _ENDINGS.search(name)
    return found.group().lower() if found else ""


def kept_ending(name: str) -> str:
    """The same, or the ending of a document, which is read as a table of one row."""
    found = _DOCUMENTS.search(name)
    return found.group().lower() if found else known_ending(name)


def require_table_file(name: str) -> None:
    """Raise a UsageError for names that no table has, before a gigabyte is sent."""
    if re.search(r"\.(doc|pptx?|png|jpe?g|gif|mp[34]|exe)\Z", name, re.IGNORECASE):
        raise UsageError("not-a-table", name=shown_name(name))


def _version_of(kept: Mapping[str, Any]) -> int:
    found = kept.get("version")
    return found if isinstance(found, int) else 0


def _is_behind(kept: Mapping[str, Any], page: str, version: int) -> bool:
    return _version_of(kept) > version and (not page or kept.get("by") != page)


def _file_name(name: str) -> str:
    return _HANDED_OVER + kept_ending(name)


def _is_left(folder: Path) -> bool:
    """Whether nothing was written to a folder for a day."""
    times = [path.stat().st_mtime for path in (folder, *folder.iterdir())]
    return time.time() - max(times) > _LEFT_S


def _remove_folder(folder: Path) -> None:
    """Remove a folder with what is in it, also where somebody is just writing there."""
    for still in reversed(range(_REMOVED_TRIES)):
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            if not folder.exists():
                return
        except OSError:
            if not still:
                raise
            time.sleep(0.05)
        else:
            return


def _write_info(folder: Path, info: TableInfo) -> None:
    plain = {name: value for name, value in asdict(info).items() if name != "id"}
    plain["path"] = str(info.path)
    # In ASCII: the name of a file may have bytes that are no UTF-8.
    write_atomically(folder / _INFO, json.dumps(plain).encode(), overwrite=True)
