"""
Coding sets on the disk: a folder each, in the user's home or wherever a person wants it.

    SET/
      set.json              frozen: the table, the codebook, what is asked
      waves.jsonl           how rows were drawn; only grows, a line when all rows of a wave are there
      rows-1.json …         the rows of each wave, written whole, once
      codes/CODER.jsonl     what a coder said, row by row; only grows
      decisions.jsonl       what disagreements were settled to; only grows
      looks.jsonl           when somebody looked at numbers of a part; only grows
      files.jsonl           which files codes were taken from; only grows
      sights.jsonl          whether coders see what a model said; only grows
      coders.json           what coders are called
      .lock                 held by whoever adds something, for a moment

Nothing that a person wrote is changed or removed: who changes their mind writes a further line. Several
programs may do so at once: each takes its turn.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from threading import local
from typing import Any

from rowbatch.core.coding_set import (
    Code,
    Codes,
    CodingSet,
    Decision,
    DrawnRow,
    Look,
    Sight,
    Wave,
    decisions_with_repeats,
    last_words,
    standing_decisions,
    with_repeats,
)
from rowbatch.core.plan import Source
from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import InputError, OutputExists, UsageError, from_os_error
from rowbatch.processes import hold_in_turn
from rowbatch.store.atomic import write_atomically
from rowbatch.store.home import home, is_ours, private_file_of_ours, private_folder
from rowbatch.store.journal import Journal
from rowbatch.store.rundir import free_run_path

FORMAT = 1
"""Version of the layout, the newest that is known."""
_SET, _CODERS, _ARCHIVED, _LOCK = "set.json", "coders.json", "archived", ".lock"
_CODER = re.compile(r"[^\x00-\x1f\x7f]{1,60}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}")
_turn = local()


def now() -> str:
    """This moment, as sets write it: fine enough that what was made first also comes first."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def coding_home() -> Path:
    """Where sets lie that have no place of their own."""
    return home() / "coding"


class CodingFolder:
    """
    A coding set on the disk.

    Args:
        path: Of its folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path, plan: CodingSet) -> CodingFolder:
        """
        Make the folder and freeze in it what is coded; it has no rows yet.

        Raises:
            OutputExists: There is something of that name already.
            StorageError: The disk is full, or refuses.
        """
        document = {
            "format": FORMAT,
            **asdict(plan),
            "source": {
                **asdict(plan.source),
                "path": str(plan.source.path),
                "reading": {
                    name: said for name, said in asdict(plan.source.reading).items() if said is not None
                },
            },
        }
        try:
            if is_ours(path):
                private_folder(path.parent)
            path.mkdir(parents=True, mode=0o700)
            (path / "codes").mkdir(mode=0o700)
        except FileExistsError:
            raise OutputExists(str(path)) from None
        except OSError as error:
            raise from_os_error(error, str(path)) from error
        content = json.dumps(document, ensure_ascii=False, indent=1).encode()
        write_atomically(path / _SET, content, overwrite=False)
        return cls(path)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """
        Keep every other thread and program from adding to the set, for as long as the block goes on: what
        is read in it still holds when something is added. It may be taken within itself.

        Raises:
            StorageError: Others do not give it up, or the disk refuses.
        """
        held: set[Path] = _turn.__dict__.setdefault("held", set())
        if self.path in held:
            yield
            return
        lock = self.path / _LOCK
        try:
            private_file_of_ours(lock)
        except OSError as error:
            raise from_os_error(error, str(lock)) from error
        with hold_in_turn(lock):
            held.add(self.path)
            try:
                yield
            finally:
                held.discard(self.path)

    @property
    def plan(self) -> CodingSet:
        """
        What is coded.

        Raises:
            InputError: This is no coding set, or it is damaged, or of a newer version.
        """
        document = self._document()
        try:
            source = document["source"]
            return CodingSet(
                id=str(document["id"]),
                name=str(document["name"]),
                source=Source(
                    **{**source, "path": Path(source["path"]), "reading": ReadOptions(**source["reading"])}
                ),
                text=str(document["text"]),
                answer=dict(document["answer"]),
                variables=tuple(document["variables"]),
                context=tuple(document["context"]),
                created_at=str(document["created_at"]),
                rowbatch_version=str(document["rowbatch_version"]),
                # Sets of the first days have none of these.
                seed=int(document.get("seed", 1)),
                test=float(document.get("test", 0)),
                coders=tuple(document.get("coders", ())),
                overlap=float(document.get("overlap", 1)),
                leaves_examples=document.get("leaves_examples") is True,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("coding-set-damaged", path=str(self.path / _SET), told=str(error)) from error

    def _document(self) -> dict[str, Any]:
        path = self.path / _SET
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise InputError("no-coding-set", path=str(self.path)) from None
        except OSError as error:
            raise from_os_error(error, str(path)) from error
        except (ValueError, RecursionError) as error:
            raise InputError("coding-set-damaged", path=str(path), told=str(error)) from error
        if not isinstance(document, dict) or not isinstance(document.get("format"), int):
            raise InputError("coding-set-damaged", path=str(path), told="format")
        if document["format"] > FORMAT:
            raise InputError(
                "coding-set-too-new", path=str(self.path), version=document["format"], known=FORMAT
            )
        return document

    # Rows

    def add_wave(self, wave: Wave, rows: Sequence[DrawnRow]) -> None:
        """
        Add rows that were drawn: all of them, or none.

        Args:
            wave: How; its number is one more than that of the last.
            rows: In the order in which they are to be coded; none is in the set already.
        Raises:
            UsageError: A row is in the set already; or others drew rows meanwhile.
            StorageError: The disk is full, or refuses.
        """
        content = json.dumps([asdict(one) for one in rows], ensure_ascii=False).encode()
        with self.turn():
            if wave.number != len(self.waves()) + 1:
                # Its rows would take the place of others', and its chances are those of fewer waves.
                raise UsageError("coding-drawn-meanwhile", name=self.path.name)
            known = {one.key for one in self.rows()}
            twice = [one.row for one in rows if one.key in known]
            if twice or len({one.key for one in rows}) != len(rows):
                raise UsageError("coding-rows-twice", count=len(twice), rows=twice[:5])
            # Of a wave that has no line, since the program was stopped, the rows are drawn anew.
            write_atomically(self._rows_path(wave.number), content, overwrite=True)
            self._journal("waves").add([asdict(wave)])

    def waves(self) -> list[Wave]:
        """How rows were drawn, oldest first."""
        return [Wave(**one) for one in self._journal("waves").read().all]

    def rows(self) -> list[DrawnRow]:
        """All rows, in the order in which they are to be coded: wave by wave."""
        found: list[DrawnRow] = []
        for wave in self.waves():
            path = self._rows_path(wave.number)
            try:
                found += [DrawnRow(**one) for one in json.loads(path.read_bytes())]
            except OSError as error:
                raise from_os_error(error, str(path)) from error
            except (ValueError, TypeError) as error:
                raise InputError("coding-set-damaged", path=str(path), told=str(error)) from error
        return found

    def _rows_path(self, wave: int) -> Path:
        return self.path / f"rows-{wave}.json"

    # People

    def coders(self) -> dict[str, str]:
        """Names of the coders, by the names of their files; in the order in which they came."""
        path = self.path / _CODERS
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise from_os_error(error, str(path)) from error
        except ValueError as error:
            raise InputError("coding-set-damaged", path=str(path), told=str(error)) from error
        return {str(file): str(name) for file, name in found.items()}

    def add_coder(self, name: str) -> str:
        """
        Make a coder known, unless they are.

        Args:
            name: As they want to be called: a name, or a pseudonym.
        Returns:
            The name of their file, without its ending.
        Raises:
            UsageError: The name is empty, too long, or has a line break.
        """
        name = name.strip()
        if not _CODER.fullmatch(name):
            raise UsageError("coder-name", name=name[:80])
        with self.turn():
            known = self.coders()
            for file, other in known.items():
                if other == name:
                    return file
            # Names of people are no names of files.
            stem = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:30] or "coder"
            file, number = stem, 1
            while file.casefold() in {one.casefold() for one in known}:
                number += 1
                file = f"{stem}-{number}"
            content = json.dumps({**known, file: name}, ensure_ascii=False).encode()
            write_atomically(self.path / _CODERS, content, overwrite=True)
            return file

    def add_codes(self, coder: str, codes: Iterable[Code]) -> None:
        """
        Note what a coder said: on the disk when this returns, all of it or nothing.

        Args:
            coder: As they are called; made known where they are not.
            codes: Each with its time.
        """
        with self.turn():
            self._codes(self.add_coder(coder)).add([asdict(one) for one in codes])

    def history(self, coder: str) -> list[Code]:
        """Everything that a coder said, oldest first."""
        for file, name in self.coders().items():
            if name == coder:
                return [Code(**one) for one in self._codes(file).read().all]
        return []

    def codes(self) -> Codes:
        """What holds of what each coder said, also of rows with the text of another one."""
        rows = self.rows()
        return {name: with_repeats(last_words(self.history(name)), rows) for name in self.coders().values()}

    def add_file(self, digest: str, path: str, coder: str) -> None:
        """Note that what a coder said in a file was taken."""
        self._add("files", {"sha256": digest, "path": path, "coder": coder, "at": now()})

    def took_file(self, digest: str, coder: str) -> bool:
        """Whether what a coder said in a file of these very bytes was taken before."""
        return any(
            (one["sha256"], one["coder"]) == (digest, coder) for one in self._journal("files").read().all
        )

    def _codes(self, file: str) -> Journal:
        # The file with the coders' names can be written by hand.
        if not _FILE.fullmatch(file):
            raise InputError("coding-set-damaged", path=str(self.path / _CODERS), told=file)
        return Journal(self.path / "codes" / f"{file}.jsonl")

    # Decisions, looks

    def add_decision(self, decision: Decision) -> None:
        """Note what a disagreement was settled to."""
        self._add("decisions", asdict(decision))

    def decisions(self) -> Mapping[tuple[str, str], Decision]:
        """What holds of these, by key and variable; also of rows with the text of another one."""
        found = standing_decisions(Decision(**one) for one in self._journal("decisions").read().all)
        return decisions_with_repeats(found, self.rows()) if found else found

    def add_look(self, look: Look) -> None:
        """Note that somebody looked at numbers of a part."""
        self._add("looks", asdict(look))

    def looks(self) -> list[Look]:
        """All of these, oldest first."""
        return [Look(**one) for one in self._journal("looks").read().all]

    # How it is used

    def add_sight(self, sight: Sight) -> None:
        """Note that coders see what a model said, or no longer."""
        self._add("sights", asdict(sight))

    def sight(self) -> Sight:
        """What coders see of a model."""
        found = self._journal("sights").read().all
        return Sight(**found[-1]) if found else Sight("")

    @property
    def is_archived(self) -> bool:
        """Whether it was put away."""
        return (self.path / _ARCHIVED).exists()

    def archive(self, *, away: bool) -> None:
        """
        Put the set away, or take it out again; nothing of it is removed.

        Raises:
            StorageError: The disk refuses.
        """
        path = self.path / _ARCHIVED
        if away:
            write_atomically(path, now().encode(), overwrite=True)
            return
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise from_os_error(error, str(path)) from error

    def _add(self, name: str, entry: Mapping[str, Any]) -> None:
        with self.turn():
            self._journal(name).add([entry])

    def _journal(self, name: str) -> Journal:
        return Journal(self.path / f"{name}.jsonl")


def new_set_id() -> str:
    """An id for a new set."""
    return secrets.token_hex(8)


def free_set_path(name: str) -> Path:
    """A folder for a new set that is not taken, in the user's home."""
    return free_run_path(coding_home(), name)


def known_sets() -> list[CodingFolder]:
    """The sets in the user's home that can be opened, oldest first."""
    folder = coding_home()
    if not folder.is_dir():
        return []
    found = []
    for path in folder.iterdir():
        if is_coding_set(path):
            try:
                found.append((CodingFolder(path).plan.created_at, path))
            except InputError:
                # It is said where somebody opens it.
                continue
    return [CodingFolder(path) for _, path in sorted(found)]


def is_coding_set(path: Path) -> bool:
    """Whether a path is the folder of a coding set."""
    return (path / _SET).is_file()


def find_set(name: str | Path) -> CodingFolder:
    """
    The set that a person means: its folder, its id, or its name.

    Raises:
        InputError: There is none, or several have the name.
    """
    path = Path(name)
    if is_coding_set(path):
        return CodingFolder(path)
    found = [one for one in known_sets() if str(name) in (one.plan.id, one.plan.name, one.path.name)]
    if len(found) > 1:
        raise InputError("coding-set-several", name=str(name), paths=[str(one.path) for one in found])
    if not found:
        raise InputError("no-coding-set", path=str(name))
    return found[0]


def sets_of_table(sha256: str) -> list[CodingFolder]:
    """The known sets whose rows are of a table with this digest, oldest first."""
    return [one for one in known_sets() if one.plan.source.sha256 == sha256]
