"""
The run directory: where each file lies, and the frozen plan.

    RUN/
      run.toml                         frozen when the run is made
      codebook.yaml                    a copy, when one was given
      ledger.sqlite                    what is known to be true
      table/NAME                       the copy of a table on object storage, where the run is of one
      batches.jsonl                    the same of each shard, in a file that only grows: see `trail`
      requests/r1-0001.jsonl …         raw, written once
      results/r1-0001.output.jsonl …   raw, as received
      direct/…                         raw, of rows that were asked one by one: see `steps.direct`
      requests/r0-0001.jsonl …         rows whose answers an earlier run has: they are not sent
      results/r0-0001.output.jsonl …   these answers, copied once
      labelled.csv …                   derived
      tasks/                           of a run that was planned as tasks, see `rowbatch.tasks.plan`
      students/…                       derived: what learned this run's labels, and notes of what it labelled
      with/PROVIDER-MODEL/             a run directory of each further model that is asked the same
      variants/NAME/                   a run directory of each other way to ask some of its rows
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import tomllib
from collections.abc import Mapping
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from typing import Any

import tomli_w

from rowbatch.core.panel import folder_name, model_names
from rowbatch.core.plan import Plan
from rowbatch.errors import InputError, OutputExists, RunError, RunTooNew, from_os_error
from rowbatch.objects.address import as_address
from rowbatch.objects.disk import fsync_folder
from rowbatch.store.atomic import atomic_path, write_atomically
from rowbatch.store.home import is_ours, private_folder
from rowbatch.store.ledger import Ledger
from rowbatch.store.plan_file import plan_document, read_plan
from rowbatch.store.sources import COPY_NAME, FRAME_NAME, MEMBERS_NAME, VARIANTS_NAME, digest_file
from rowbatch.store.trail import TRAIL_NAME, Trail

FORMAT = 3
"""Version of the layout and of run.toml, the newest that is known."""
_FORMAT_OF_ONE_MODEL = 2
"""What earlier versions can read: a run of several models would be one of the first alone to them."""


class RunDirectory:
    """Paths inside one run directory, and its frozen plan."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def settings_path(self) -> Path:
        return self.path / "run.toml"

    @property
    def ledger_path(self) -> Path:
        return self.path / "ledger.sqlite"

    @property
    def requests(self) -> Path:
        return self.path / "requests"

    @property
    def results(self) -> Path:
        return self.path / "results"

    @property
    def direct(self) -> Path:
        """Calls that were made one by one, and what came of each; there only where there were any."""
        return self.path / "direct"

    @property
    def columns(self) -> Path:
        """What the result files say, read once; may be removed at any time."""
        return self.path / "columns"

    @property
    def fingerprints(self) -> Path:
        """What its rows ask, and which are answered, for later runs; may be removed at any time."""
        return self.path / "fingerprints"

    @property
    def labelled(self) -> Path:
        return self.path / "labelled.csv"

    @property
    def duplicates_path(self) -> Path:
        """Which rows ask what an earlier one asks; there only when these are asked once."""
        return self.requests / "r1-duplicates.parquet"

    def rows_path(self, round_: int) -> Path:
        """Which rows a round after the first asks; of round 0 those whose answers were taken over."""
        return self.requests / f"r{round_}-rows.parquet"

    @property
    def kept_path(self) -> Path:
        """Values of variables that are not asked, of each row; there only where an earlier run has them."""
        return self.requests / "r1-kept.parquet"

    @property
    def trial_path(self) -> Path:
        """Answers of rows that were tried one by one, before the run."""
        return self.path / "trial.jsonl"

    @property
    def bad_rows_path(self) -> Path:
        """The first broken rows of the table, with their lines; there only when some were kept or skipped."""
        return self.requests / "bad-rows.csv"

    def members(self, plan: Plan) -> list[RunDirectory]:
        """The run directories of the further models that are asked the same, in the order of the plan."""
        if plan.panel is None:
            return []
        named = list(zip(plan.askings, model_names(plan.askings), strict=True))
        return [RunDirectory(self.path / MEMBERS_NAME / folder_name(*one)) for one in named[1:]]

    @property
    def whole(self) -> RunDirectory | None:
        """The run of several models of which this is the run of a further one; None for any other."""
        folder = self.path.absolute().parent
        if folder.name != MEMBERS_NAME or not (folder.parent / self.settings_path.name).is_file():
            return None
        return RunDirectory(self.path.parent.parent)

    @property
    def variants_folder(self) -> Path:
        """Where the runs lie that ask some of its rows otherwise; there only where there are any."""
        return self.path / VARIANTS_NAME

    def variants(self) -> list[RunDirectory]:
        """The runs that ask some of its rows otherwise, by name."""
        return [RunDirectory(one.parent) for one in sorted(self.variants_folder.glob("*/run.toml"))]

    @property
    def base(self) -> RunDirectory | None:
        """The run some of whose rows this one asks otherwise; None for any other."""
        folder = self.path.absolute().parent
        if folder.name != VARIANTS_NAME or not (folder.parent / self.settings_path.name).is_file():
            return None
        return RunDirectory(self.path.parent.parent)

    def request_path(self, shard_name: str) -> Path:
        return self.requests / f"{shard_name}.jsonl"

    def result_path(self, shard_name: str, kind: str) -> Path:
        """Where a result file lies; `kind` is `output` or `error`."""
        return self.results / f"{shard_name}.{kind}.jsonl"

    def create(self, plan: Plan) -> None:
        """
        Make the folder and freeze the plan in it.

        Raises:
            OutputExists: There is something of that name already.
            InputError: It is an address on object storage: a ledger needs locks.
            StorageError: The disk is full, or refuses.
        """
        if address := as_address(self.path):
            # Else a folder of the name `s3:` would be made.
            raise InputError("run-on-object-storage", address=address)
        try:
            if is_ours(self.path):
                private_folder(self.path.parent)
            self.path.mkdir(parents=True, mode=0o700)
            self.requests.mkdir(mode=0o700)
            self.results.mkdir(mode=0o700)
        except FileExistsError:
            raise OutputExists(str(self.path), kind="run-exists") from None
        except OSError as error:
            raise from_os_error(error, str(self.path)) from error
        document = {
            "format": FORMAT if plan.panel else _FORMAT_OF_ONE_MODEL,
            "id": secrets.token_hex(8),
            **plan_document(plan),
        }
        write_atomically(self.settings_path, tomli_w.dumps(document).encode(), overwrite=False)

    def plan(self) -> Plan:
        """
        Read what was frozen, without the id by which its ledger knows the run.

        Raises:
            RunError: This is no run directory, or its run.toml is damaged.
            RunTooNew: A newer rowbatch wrote it.
        """
        document = self._document()
        try:
            return read_plan(document)
        except KeyError as error:
            raise RunError(
                "settings-incomplete",
                path=str(self.path),
                file=str(self.settings_path),
                name=str(error.args[0]),
            ) from error
        except (TypeError, ValueError, AttributeError, RecursionError) as error:
            raise RunError(
                "settings-damaged", path=str(self.path), file=str(self.settings_path), told=str(error)
            ) from error

    def _document(self) -> Mapping[str, Any]:
        try:
            found = self.settings_path.stat()
            document = _settings(
                self.settings_path, (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
            )
        except (FileNotFoundError, NotADirectoryError):
            raise RunError("no-run", path=str(self.path)) from None
        except OSError as error:
            raise from_os_error(error, str(self.settings_path)) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RunError(
                "settings-damaged", path=str(self.path), file=str(self.settings_path), told=str(error)
            ) from error
        version = document.get("format")
        if not isinstance(version, int):
            raise RunError("settings-without-format", path=str(self.path), file=str(self.settings_path))
        if version > FORMAT:
            raise RunTooNew("run-too-new", path=str(self.path), version=version, known=FORMAT)
        return document

    def trail(self) -> Trail:
        """
        The trail of this run, there or not.

        Raises:
            RunError: As `plan`.
        """
        document = self._document()
        request = document.get("request")
        asked = request if isinstance(request, dict) else {}
        return Trail(
            self.path / TRAIL_NAME,
            # Runs of before 0.3 have none.
            str(document.get("id", "")),
            provider=str(asked.get("provider", "")),
            base_url=str(asked.get("base_url", "")),
        )

    def output_of(self, plan: Plan) -> Path:
        """Where the labelled table goes; that of a data frame, which lies in the run, goes into the run."""
        path = plan.output.path
        if path is None:
            return self.labelled
        if plan.output.address:
            return self.path / path.name
        is_own = plan.source.path.name == FRAME_NAME and path.parent == plan.source.path.parent
        return self.path / path.name if is_own else path

    def place_of_output(self, path: Path, digest: str) -> Path:
        """
        Where a labelled table lies that was written to `path`.

        A run that was moved or copied has its own tables in it, and not in the folder of the run that it was;
        others may have come along beside it.
        """
        own = self.path / path.name
        was_in_run = not path.is_file() or (path.parent / self.settings_path.name).is_file()
        if path.parent.resolve() != self.path.resolve() and own.is_file() and was_in_run:
            return own
        if not path.is_file():
            folder = self.path.absolute().parent
            for beside in (folder / path.name, folder.parent / path.name):
                if beside.is_file() and digest_file(beside) == digest:
                    return beside
        return path

    def keep_copy(self, path: Path) -> None:
        """Keep the copy of a table on object storage, as a second name of the same file where that can be."""
        kept = self.path / COPY_NAME / path.name
        try:
            kept.parent.mkdir(exist_ok=True)
            if path.is_dir():
                shutil.copytree(path, kept, copy_function=_link_or_copy)
                return
            try:
                os.link(path, kept)
            except OSError:
                with atomic_path(kept, overwrite=True) as temporary:
                    shutil.copyfile(path, temporary)
        except OSError as error:
            raise from_os_error(error, str(kept)) from error

    @property
    def store_note(self) -> Path:
        """Which version of the labelled table was put on object storage."""
        return self.path / "output-on-store.json"

    def ledger(self) -> Ledger:
        """
        Open the ledger of a run that was built.

        Raises:
            RunError: It was not built, or its ledger is lost, or another run's, or an older copy.
            StorageError: The ledger is damaged.
        """
        ledger = self.open_ledger()
        if ledger is not None:
            if ledger.run().counts is not None:
                return ledger
            ledger.close()
        raise RunError("run-not-built", path=str(self.path))

    def open_ledger(self) -> Ledger | None:
        """
        Open the ledger, also that of a build that was interrupted; None where nothing was built yet.

        A ledger is made before the first request file is written. So files that only a built run has, beside
        no ledger or an empty one, are those of a run whose ledger was lost: it must not be built and paid
        anew.

        Raises:
            RunError: The ledger is lost, or another run's, or an older copy.
            StorageError: It is damaged.
        """
        trail = self.trail()
        is_there = self.ledger_path.is_file() and self.ledger_path.stat().st_size > 0
        if not is_there:
            if self._was_built(trail) or any(self.requests.glob("r*.jsonl")):
                raise RunError("ledger-lost", path=str(self.path), ledger=str(self.ledger_path))
            return None
        ledger = Ledger(self.ledger_path, trail)
        with ExitStack() as closing:
            closing.callback(ledger.close)
            if ledger.run().counts is None and self._was_built(trail):
                raise RunError("ledger-lost", path=str(self.path), ledger=str(self.ledger_path))
            closing.pop_all()
        return ledger

    def create_ledger(self) -> Ledger:
        """Make an empty ledger for this run, in the place of one that is of no use."""
        return Ledger.create(self.ledger_path, self.trail())

    def put_ledger_aside(self) -> Path | None:
        """
        Give a ledger that is of no use another name, and its journal, which would be taken for that of a new
        one.

        Returns:
            Where it lies now, or None where there was none.
        """
        number = 1
        while (place := self.path / f"ledger-unused-{number}.sqlite").exists():
            number += 1
        try:
            for suffix in ("-journal", ""):
                old = self.path / f"{self.ledger_path.name}{suffix}"
                if old.exists():
                    old.replace(self.path / f"{place.name}{suffix}")
            fsync_folder(self.path)
        except OSError as error:
            raise from_os_error(error, str(self.ledger_path)) from error
        return place if place.exists() else None

    def _was_built(self, trail: Trail) -> bool:
        """Whether something lies here that comes after the ledger was written."""
        # Answers that are taken over come before.
        return trail.newest() is not None or any(
            not file.name.startswith((".", "r0-")) for file in self.results.glob("*")
        )


def remove_run(run: RunDirectory) -> None:
    """Remove a run directory and what is in it; the caller has made sure that nothing is lost."""
    try:
        shutil.rmtree(run.path)
    except OSError as error:
        raise from_os_error(error, str(run.path)) from error


def free_run_path(parent: Path, stem: str) -> Path:
    """A name for a new run that is not taken: `posts`, `posts-2`, …"""
    stem = re.sub(r"[^\w.-]+", "-", stem).strip("-.") or "run"
    path, number = parent / stem[:80], 1
    while path.exists():
        number += 1
        path = parent / f"{stem[:80]}-{number}"
    return path


# Runs may lie anywhere. A folder of small notes, one a run, says where, so that `rowbatch list`
# and later the web app find a run wherever it was made.


def remember_run(home: Path, run: Path) -> None:
    """Note where a run lies. A home that cannot be written costs the listing, not the run."""
    resolved = str(run.resolve())
    note = home / "known-runs" / hashlib.sha256(resolved.encode()).hexdigest()[:24]
    write_atomically(note, resolved.encode(), overwrite=True)


def known_runs(home: Path) -> list[Path]:
    """Runs that were noted and still exist, oldest first."""
    folder = home / "known-runs"
    if not folder.is_dir():
        return []
    runs = []
    for note in sorted(folder.iterdir(), key=lambda path: (path.stat().st_mtime_ns, path.name)):
        if note.name.startswith("."):
            continue
        try:
            path = Path(note.read_text(encoding="utf-8"))
        except OSError as error:
            raise from_os_error(error, str(note)) from error
        if (path / "run.toml").is_file():
            runs.append(path)
    return runs


@lru_cache(maxsize=64)
def _settings(path: Path, _version: tuple[int, ...]) -> Mapping[str, Any]:
    """A run.toml, read once while it is the same file: it is frozen, and every look at a run asks for it."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _link_or_copy(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
    return target
