"""What end-to-end tests share: a home of their own, a scripted server, commands as a user types them."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

from rowbatch.cli.app import run_command_line
from rowbatch.server.launch import KEY_FILE, STATE_FILE, server_lock
from rowbatch.server.local_model import MODEL_ID
from serving import KEY, ScriptedEngine, running_server, scripted_answer

SCRIPTED_SERVER = Path(__file__).with_name("scripted_server.py")
DEADLINE_S = 60.0


def environment(home: Path) -> dict[str, str]:
    """The user's environment with a home of its own, and no colours."""
    return {**os.environ, "ROWBATCH_HOME": str(home), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


def rowbatch(*arguments: str | Path, home: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Type one command and wait for its end."""
    return run_here(arguments, cwd=cwd, env=environment(home))


def run_here(
    arguments: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], given: str = ""
) -> subprocess.CompletedProcess[str]:
    """
    One command as a process of its own would do it, in this one.

    A start takes longer than most commands. Where processes are what matters, as in a kill, tests start them.
    """
    words = [str(word) for word in arguments]
    out, err = io.StringIO(), io.StringIO()
    with (
        chdir(cwd),
        mock.patch.dict(os.environ, env, clear=True),
        mock.patch.object(sys, "stdin", io.StringIO(given)),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        code = run_command_line(words)
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def start_rowbatch(*arguments: str | Path, home: Path, cwd: Path) -> subprocess.Popen[bytes]:
    """Type one command and let it run."""
    return subprocess.Popen(
        [sys.executable, "-m", "rowbatch", *map(str, arguments)],
        env=environment(home),
        cwd=cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@contextmanager
def scripted_server(
    home: Path,
    answer: Callable[[Mapping[str, Any]], str] = scripted_answer,
    *,
    delay_s: float = 0.0,
    journal: Path | None = None,
) -> Iterator[None]:
    """The real server with a scripted engine, in a thread; every command of `home`, here or not, finds it."""
    folder = home / "server"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = ScriptedEngine(answer, delay_s=delay_s, models=(MODEL_ID,), journal=journal)
    with server_lock(folder), running_server(folder, engine) as endpoint:
        (folder / KEY_FILE).write_text(KEY)
        (folder / STATE_FILE).write_text(json.dumps({"pid": os.getpid(), "base_url": endpoint.base_url}))
        yield


def start_scripted_server(home: Path, *options: str) -> subprocess.Popen[bytes]:
    """As `scripted_server`, in a process of its own, for tests that kill it."""
    ready = home / "server" / "server.json"
    ready.unlink(missing_ok=True)
    home.mkdir(parents=True, exist_ok=True)
    log = home / "scripted-server.log"
    with log.open("a") as to:
        process = subprocess.Popen(
            [sys.executable, str(SCRIPTED_SERVER), str(home / "server"), *options],
            env=environment(home),
            stdout=to,
            stderr=to,
        )
    wait_until(lambda: ready.exists() or process.poll() is not None)
    assert process.poll() is None, log.read_text()
    return process


def wait_until(condition: object, deadline_s: float = DEADLINE_S) -> None:
    """Ask again and again until it is so; fails after a deadline."""
    assert callable(condition)
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "this should have become true long ago"
        time.sleep(0.01)


def read_rows(path: Path) -> list[dict[str, str]]:
    """A CSV file as a list of rows."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_table(path: Path, texts: Sequence[str]) -> Path:
    """A CSV file with the columns `id` and `post`."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "post"])
        writer.writerows((f"{number:04d}", text) for number, text in enumerate(texts, start=1))
    return path
