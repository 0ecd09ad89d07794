"""What end-to-end tests share: a home of their own, a scripted server, commands as a user types them."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

SCRIPTED_SERVER = Path(__file__).with_name("scripted_server.py")
DEADLINE_S = 60.0


def environment(home: Path) -> dict[str, str]:
    """The user's environment with a home of its own, and no colours."""
    return {**os.environ, "ROWBATCH_HOME": str(home), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


def rowbatch(*arguments: str | Path, home: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Type one command and wait for its end."""
    return subprocess.run(
        [sys.executable, "-m", "rowbatch", *map(str, arguments)],
        env=environment(home),
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=DEADLINE_S,
        check=False,
    )


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
def scripted_server(home: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """The real server with a scripted engine, in a process of its own, found by every command of `home`."""
    process = start_scripted_server(home, *options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def start_scripted_server(home: Path, *options: str) -> subprocess.Popen[bytes]:
    """As `scripted_server`, for tests that kill it themselves."""
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
