"""
A disk is filled in the middle of the tasks of a run, and freed again: each says so, nothing is half, and the
same call goes on.

    unshare -m python tests/full_disk.py FOLDER --every 1

It mounts a small disk at FOLDER, which nobody else sees where it is started as above. What was free when it
failed is told for each kind of work, in pages of 4 KiB.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from driving import drive
from fake_providers import FakeProvider, Faults
from rowbatch import api
from rowbatch.errors import RowbatchError
from rowbatch.store.rundir import RunDirectory
from rowbatch.tasks import infer as infer_room
from rowbatch.tasks.array import work
from rowbatch.tasks.into_run import build_by_tasks
from rowbatch.tasks.parts import collect_parts
from rowbatch.tasks.plan import make_plan, place_of
from tasking import create_run, digests, planned_run, unfinished, write_table
from upstreams import MODEL, fake_upstream

_PAGE = 4096
_DISK_MB = 16
_ROWS = 40
_INFER_ROWS, _INFER_PAGES = 60, 30


def main() -> None:
    """Say what was done, and raise where a promise was broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("disk", type=Path)
    parser.add_argument(
        "--every", type=int, default=1, metavar="PAGES", help="how much more is free each time"
    )
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    options = parser.parse_args()
    options.disk.mkdir(exist_ok=True)
    size = f"size={_DISK_MB}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(options.disk)], check=True)
    table = write_table(options.disk.parent / "posts.xlsx", _ROWS)
    for kind in options.kinds:
        # Each of the pool's processes takes as long to start as hundreds of tasks take.
        disk = Disk(options.disk, options.every * (4 if kind == "pool" else 1))
        KINDS[kind](disk, table)
        print(json.dumps({"kind": kind, "failed_at": disk.failed_at, "told": sorted(disk.told)}), flush=True)


class Disk:
    """
    A small disk.

    Attributes:
        failed_at: How many pages were free each time when something failed.
        told: The kinds of errors that were told.
        every: How many pages more are free each time.
    """

    def __init__(self, place: Path, every: int) -> None:
        self.place, self.every = place, every
        self.failed_at: list[int] = []
        self.told: set[str] = set()

    def each(self) -> Iterator[int]:
        """More and more pages that are free, until what is done with them no longer fails."""
        free = 0
        while len(self.failed_at) * self.every == free:
            yield free
            free += self.every

    @contextmanager
    def filled(self, free: int) -> Iterator[Path]:
        """So many pages are free; the file with the others."""
        rest = self.place / "rest"
        found = os.statvfs(self.place)
        with rest.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, found.f_bavail * found.f_frsize - free * _PAGE)
        try:
            yield rest
        finally:
            rest.unlink(missing_ok=True)

    def does(self, free: int, do: Callable[[], object]) -> None:
        """Do something on the full disk, which may fail with one of our errors."""
        with self.filled(free):
            try:
                do()
            except RowbatchError as error:
                self.note(free, error)

    def note(self, free: int, error: RowbatchError) -> None:
        """What was told."""
        if not self.failed_at or self.failed_at[-1] != free:
            self.failed_at.append(free)
        self.told.add(str(error.kind))


def _build_with(runner: str, workers: int | None = None) -> Callable[[Disk, Path], None]:
    def build(disk: Disk, table: Path) -> None:
        quiet = planned_run(disk.place / "quiet", table)
        build_by_tasks(quiet, "serial")
        for free in disk.each():
            run = planned_run(disk.place / "run", table)
            disk.does(free, lambda run=run: build_by_tasks(run, runner, workers))  # type: ignore[misc]
            assert unfinished(run) == [], (free, unfinished(run), disk.told)
            assert set(digests(run)) <= set(digests(quiet))
            build_by_tasks(run, runner, workers)
            assert digests(run) == digests(quiet)
            shutil.rmtree(run.path)
        shutil.rmtree(quiet.path)

    return build


def _array(disk: Disk, table: Path) -> None:
    quiet = planned_run(disk.place / "quiet", table)
    build_by_tasks(quiet, "serial")
    for free in disk.each():
        run = planned_run(disk.place / "run", table)
        tasks = place_of(run) / "prepare.jsonl"

        def one_element(tasks: Path = tasks, free: int = free) -> None:
            for outcome in work(tasks, 0, 1):
                if outcome.error is not None:
                    disk.note(free, outcome.error)

        disk.does(free, one_element)
        assert unfinished(run) == [], (free, unfinished(run), disk.told)
        assert all(outcome.error is None for outcome in work(tasks, 0, 1))
        build_by_tasks(run, "array")
        assert digests(run) == digests(quiet)
        shutil.rmtree(run.path)
    shutil.rmtree(quiet.path)


def _plan(disk: Disk, table: Path) -> None:
    quiet = planned_run(disk.place / "quiet", table)
    for free in disk.each():
        run = create_run(disk.place / "run", table)
        disk.does(free, lambda run=run: make_plan(run, "serial", rows_per_task=9))  # type: ignore[misc]
        assert unfinished(run) == [], (free, unfinished(run), disk.told)
        make_plan(run, "serial", rows_per_task=9)
        for name in ("prepare.jsonl", "staged-0001.parquet"):
            assert (place_of(run) / name).read_bytes() == (place_of(quiet) / name).read_bytes()
        shutil.rmtree(run.path)
    shutil.rmtree(quiet.path)


def _extract_with(runner: str, workers: int | None = None) -> Callable[[Disk, Path], None]:
    def extract(disk: Disk, table: Path) -> None:
        run = planned_run(disk.place / "run", table)
        build_by_tasks(run, "serial")
        drive(run, FakeProvider("openai", Faults(rows_fail=0.3), 1))
        quiet, out = disk.place.parent / "quiet-parts", disk.place / "parts"
        collect_parts(run, quiet, "serial")
        kept = disk.place / "kept"
        shutil.copytree(run.path, kept)
        for free in disk.each():
            disk.does(free, lambda: collect_parts(run, out, runner, workers))
            assert unfinished(run) == [], (free, unfinished(run), disk.told)
            assert not list(out.rglob(".*.part"))
            collect_parts(run, out, runner, workers)
            parts = sorted(quiet.glob("*.parquet"))
            assert [path.name for path in parts] == sorted(path.name for path in out.glob("*.parquet"))
            assert all((out / path.name).read_bytes() == path.read_bytes() for path in parts)
            shutil.rmtree(out)
            # What it kept of the tasks would be taken.
            shutil.rmtree(run.path)
            shutil.copytree(kept, run.path)
        shutil.rmtree(quiet)
        shutil.rmtree(kept)
        RunDirectory(run.path)
        shutil.rmtree(run.path)

    return extract


def _infer(disk: Disk, _: Path) -> None:
    # It waits for room as long as it has answers to write; so after a moment there is some.
    infer_room._TRY_AGAIN_S = 0.01
    folder = disk.place.parent / "requests"
    folder.mkdir()
    lines = (
        {
            "custom_id": f"row-{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": MODEL, "messages": [{"role": "user", "content": f"row-{number}"}]},
        }
        for number in range(_INFER_ROWS)
    )
    (folder / "s0.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    out, expected = disk.place / "results", [f"row-{number}" for number in range(_INFER_ROWS)]
    with fake_upstream() as server:
        # It fails by a little more than its results need, and waits below.
        for free in range(0, _INFER_PAGES, disk.every):
            server.calls.clear()

            def answered(free: int = free) -> None:
                ended = threading.Event()
                freeing = threading.Thread(target=_free_when_it_waits, args=(disk, server.calls, ended))
                freeing.start()
                try:
                    api.infer(folder, upstreams=[server.base_url], output=out)
                except RowbatchError as error:
                    disk.note(free, error)
                finally:
                    ended.set()
                    freeing.join()

            disk.does(free, answered)
            api.infer(folder, upstreams=[server.base_url], output=out)
            assert _texts(out / "s0.jsonl") == expected
            assert list((out / "work").iterdir()) == []
            assert len(server.calls) == _INFER_ROWS, (free, len(server.calls))
            shutil.rmtree(out)


def _free_when_it_waits(disk: Disk, calls: Sequence[object], ended: threading.Event) -> None:
    """It asks nothing while it cannot write: then there is room again."""
    before = 0
    while not ended.wait(0.3):
        if before and len(calls) == before:
            (disk.place / "rest").unlink(missing_ok=True)
        before = len(calls)


def _texts(results: Path) -> list[str]:
    bodies = (json.loads(line)["response"]["body"] for line in results.read_text().splitlines())
    return [body["choices"][0]["message"]["content"] for body in bodies]


KINDS: dict[str, Callable[[Disk, Path], None]] = {
    "plan": _plan,
    "serial": _build_with("serial"),
    "array": _array,
    "extract": _extract_with("serial"),
    "pool": _build_with("pool", 1),
    "infer": _infer,
}
"""Kinds of work, by their names."""


if __name__ == "__main__":
    main()
