"""
The run directory: where each file lies, and the frozen plan.

    RUN/
      run.toml                         frozen when the run is made
      codebook.yaml                    a copy, when one was given
      ledger.sqlite                    what is known to be true
      requests/r1-0001.jsonl …         raw, written once
      results/r1-0001.output.jsonl …   raw, as received
      labelled.csv …                   derived
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tomllib
from pathlib import Path

import tomli_w

from rowbatch.core.plan import Plan
from rowbatch.errors import InputError, OutputExists, RunError, RunTooNew, from_os_error
from rowbatch.store.atomic import write_atomically
from rowbatch.store.home import is_ours, private_folder
from rowbatch.store.ledger import Ledger
from rowbatch.store.plan_file import plan_document, read_plan

FORMAT = 2
"""Version of the layout and of run.toml."""


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
    def columns(self) -> Path:
        """What the result files say, read once; may be removed at any time."""
        return self.path / "columns"

    @property
    def labelled(self) -> Path:
        return self.path / "labelled.csv"

    @property
    def duplicates_path(self) -> Path:
        """Which rows ask what an earlier one asks; there only when these are asked once."""
        return self.requests / "r1-duplicates.parquet"

    def rows_path(self, round_: int) -> Path:
        """Which rows a round after the first asks."""
        return self.requests / f"r{round_}-rows.parquet"

    @property
    def trial_path(self) -> Path:
        """Answers of rows that were tried one by one, before the run."""
        return self.path / "trial.jsonl"

    @property
    def bad_rows_path(self) -> Path:
        """The first broken rows of the table, with their lines; there only when some were kept or skipped."""
        return self.requests / "bad-rows.csv"

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
            StorageError: The disk is full, or refuses.
        """
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
        document = {"format": FORMAT, **plan_document(plan)}
        write_atomically(self.settings_path, tomli_w.dumps(document).encode(), overwrite=False)

    def plan(self) -> Plan:
        """
        Read what was frozen.

        Raises:
            RunError: This is no run directory, or its run.toml is damaged.
            RunTooNew: A newer rowbatch wrote it.
        """
        try:
            document = tomllib.loads(self.settings_path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise RunError("no-run", path=str(self.path)) from None
        except OSError as error:
            raise from_os_error(error, str(self.settings_path)) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise RunError(
                "settings-damaged", path=str(self.path), file=str(self.settings_path), told=str(error)
            ) from error
        version = document.get("format")
        if not isinstance(version, int):
            raise RunError("settings-without-format", path=str(self.path), file=str(self.settings_path))
        if version > FORMAT:
            raise RunTooNew("run-too-new", path=str(self.path), version=version, known=FORMAT)
        try:
            return read_plan(document)
        except KeyError as error:
            raise RunError(
                "settings-incomplete",
                path=str(self.path),
                file=str(self.settings_path),
                name=str(error.args[0]),
            ) from error
        except (TypeError, ValueError, AttributeError) as error:
            raise RunError(
                "settings-damaged", path=str(self.path), file=str(self.settings_path), told=str(error)
            ) from error

    def ledger(self) -> Ledger:
        """Open the ledger of a run that was built."""
        if not self.ledger_path.is_file():
            self.plan()
            raise RunError("run-not-built", path=str(self.path))
        return Ledger(self.ledger_path)


def remove_run(run: RunDirectory) -> None:
    """Remove a run directory and what is in it; the caller has made sure that nothing is lost."""
    try:
        shutil.rmtree(run.path)
    except OSError as error:
        raise from_os_error(error, str(run.path)) from error


def digest_file(path: Path) -> str:
    """SHA-256 of a file, as hex."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise from_os_error(error, str(path)) from error


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


def require_source(path: Path) -> None:
    """Raise a clear InputError unless `path` is a file, or a folder."""
    if not path.exists():
        raise InputError("path-missing", path=str(path))


def digest_source(path: Path) -> str:
    """SHA-256 of a file, as hex; of a folder that of the names and digests of the text files in it."""
    if not path.is_dir():
        return digest_file(path)
    digest = hashlib.sha256()
    for file in _text_files(path):
        digest.update(f"{digest_file(file)}  {file.relative_to(path).as_posix()}\n".encode())
    return digest.hexdigest()


def size_of_source(path: Path) -> int:
    """Bytes of a file, or of the text files in a folder."""
    try:
        if not path.is_dir():
            return path.stat().st_size
        return sum(file.stat().st_size for file in _text_files(path))
    except OSError as error:
        raise from_os_error(error, str(path)) from error


def _text_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".txt" and path.is_file())
