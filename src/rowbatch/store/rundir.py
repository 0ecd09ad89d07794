"""
The run directory: where each file lies, and the frozen settings.

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
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from rowbatch.errors import InputError, OutputExists, RunError, RunTooNew, from_os_error
from rowbatch.store.atomic import write_atomically
from rowbatch.store.ledger import Ledger

FORMAT = 2
"""Version of the layout and of run.toml."""


@dataclass(frozen=True, slots=True)
class RunSettings:
    """
    The frozen part of a run: all that the requests and the reading of the answers depend on.

    Attributes:
        created_at: ISO 8601, UTC.
        rowbatch_version: The version that made the run.
        table: path, sha256, size_bytes, reading (the options it was read with), text (name of the text
            column or ""), name (what people call the file, where that is not its name).
        request: provider, base_url, model, url, system, user, parameters.
        answer: instructions and variables, as in a codebook; or no variables for free text.
        output: path (or ""), overwrite, and the names of the new columns.
        policy: How it was to be driven when it was made: pace, cap, rounds. The ledger knows what changed.
    """

    created_at: str
    rowbatch_version: str
    table: Mapping[str, Any]
    request: Mapping[str, Any]
    answer: Mapping[str, Any]
    output: Mapping[str, Any]
    policy: Mapping[str, Any] = field(default_factory=dict)

    def asks_the_same(self, other: RunSettings) -> bool:
        """Whether both would ask the same of the same table, and write the same columns to the same place."""

        def told(settings: RunSettings) -> dict[str, Any]:
            return {
                "table": dict(settings.table),
                "request": dict(settings.request),
                # Runs of before there was a choice are in English.
                "answer": {"language": "en", **settings.answer},
                "output": {k: v for k, v in settings.output.items() if k not in ("overwrite", "writing")},
            }

        return told(self) == told(other)


class RunDirectory:
    """Paths inside one run directory, and its frozen settings."""

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

    def create(self, settings: RunSettings) -> None:
        """
        Make the folder and freeze the settings.

        Raises:
            OutputExists: There is something of that name already.
            StorageError: The disk is full, or refuses.
        """
        try:
            self.path.mkdir(parents=True, mode=0o700)
            self.requests.mkdir()
            self.results.mkdir()
        except FileExistsError:
            raise OutputExists(
                str(self.path), hint="give the run another name, or go on with it: rowbatch resume"
            ) from None
        except OSError as error:
            raise from_os_error(error, str(self.path)) from error
        document = {
            "format": FORMAT,
            "rowbatch_version": settings.rowbatch_version,
            "created_at": settings.created_at,
            "table": dict(settings.table),
            "request": dict(settings.request),
            "answer": dict(settings.answer),
            "output": dict(settings.output),
            "policy": dict(settings.policy),
        }
        write_atomically(self.settings_path, tomli_w.dumps(document).encode(), overwrite=False)

    def settings(self) -> RunSettings:
        """
        Read the frozen settings.

        Raises:
            RunError: This is no run directory, or its run.toml is damaged.
            RunTooNew: A newer rowbatch wrote it.
        """
        try:
            document = tomllib.loads(self.settings_path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise RunError(
                f"{self.path} is not a run directory: it has no run.toml",
                path=str(self.path),
                hint="`rowbatch list` shows the runs on this machine",
            ) from None
        except OSError as error:
            raise from_os_error(error, str(self.settings_path)) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise RunError(f"{self.settings_path} is damaged: {error}", path=str(self.path)) from error
        version = document.get("format")
        if not isinstance(version, int):
            raise RunError(f"{self.settings_path} has no format number", path=str(self.path))
        if version > FORMAT:
            raise RunTooNew(
                f"{self.path} was written by a newer rowbatch (format {version}, this one knows {FORMAT})",
                path=str(self.path),
                hint="pip install --upgrade rowbatch",
            )
        if version == 1 and "table" in document:
            table = document["table"]
            table["reading"] = {name: table.pop(name) for name in ("encoding", "delimiter") if name in table}
        try:
            return RunSettings(
                created_at=document["created_at"],
                rowbatch_version=document["rowbatch_version"],
                table=document["table"],
                request=document["request"],
                answer=document["answer"],
                output=document["output"],
                policy=document.get("policy", {}),
            )
        except KeyError as error:
            raise RunError(
                f"{self.settings_path} is damaged: {error.args[0]} is not in it", path=str(self.path)
            ) from error

    def ledger(self) -> Ledger:
        """Open the ledger of a run that was built."""
        if not self.ledger_path.is_file():
            self.settings()
            raise RunError(
                f"{self.path} has not been built yet",
                path=str(self.path),
                hint=f"rowbatch resume {self.path}",
            )
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
        raise InputError(f"{path} does not exist", hint="check the name and the folder")


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
