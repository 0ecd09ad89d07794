"""How our own programs are run in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

_Found = TypeVar("_Found")


def python_module(name: str) -> list[str]:
    """
    How to run a module of ours in a process of its own.

    Without `-P` Python looks for modules in the current folder first, where a user's `csv.py` may be.
    """
    return [sys.executable, "-P", "-m", name]


def python_environment() -> dict[str, str]:
    """The environment for it: as ours, and independent of the folder it is started in."""
    environment = dict(os.environ)
    if "PYTHONPATH" in environment:
        folders = environment["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(str(Path(folder).absolute()) for folder in folders)
    return environment


@dataclass(frozen=True, slots=True)
class Started(Generic[_Found]):
    """
    A program of ours that was started.

    Attributes:
        found: What tells that it is ready; None when it ended before, or took too long.
        said: The last lines of its log since it was started, in one line.
    """

    found: _Found | None
    said: str


LEFT_ALONE: list[subprocess.Popen[bytes]] = []
"""Processes that go on when this one ends. Python warns of one whose object goes; these are to run on."""


def start_until_ready(
    arguments: Sequence[str],
    find: Callable[[], _Found | None],
    *,
    log: Path,
    cwd: Path,
    wait_s: float,
    max_log_bytes: int = 1 << 20,
    another_runs: int | None = None,
) -> Started[_Found]:
    """
    Start a program of ours that goes on when this one ends, and wait until it is ready.

    Args:
        arguments: Of `rowbatch`.
        find: Asked again and again for the one that is ready.
        log: Where it writes. Two may start at once: both append, so that neither wipes out the other's words.
        cwd: Where it runs.
        wait_s: How long it may take.
        max_log_bytes: A log that is larger begins anew.
        another_runs: The exit code that tells that another one was first, which is waited for then.
    """
    # Nobody else reads what our programs say.
    log.touch(mode=0o600)
    with log.open("ab") as file:
        said_before = file.tell() if file.tell() < max_log_bytes else file.truncate(0)
        process = subprocess.Popen(
            [*python_module("rowbatch"), *arguments],
            cwd=cwd,
            env=python_environment(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            creationflags=_detached_flags(),
        )
    LEFT_ALONE.append(process)
    end = time.monotonic() + wait_s
    while time.monotonic() < end:
        found = find()
        if found is not None:
            return Started(found, "")
        if process.poll() not in (None, another_runs):
            break
        time.sleep(0.05)
    return Started(None, _last_words(log, said_before))


def _detached_flags() -> int:
    if sys.platform == "win32":
        return subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS
    return 0


def _last_words(log: Path, start: int) -> str:
    try:
        text = log.read_bytes()[start:].decode("utf-8", errors="replace")
    except OSError:
        return ""
    return " / ".join([line.strip() for line in text.splitlines() if line.strip()][-3:])
