"""
Pages over a run of 20,000 batches, and how such a run stands: CPU of this process, which serves them.

    .venv/bin/python benchmarks/bench_pages.py
    .venv/bin/python benchmarks/bench_pages.py --batches 2000

Targets: 50 ms for what is fetched again every few seconds, 100 ms for any page.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from options import parser_of

import rowbatch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

_ROWS = 50_000


def make_run(folder: Path, batches: int) -> Path:
    """
    A run in the middle of its work: half of its batches are over, 100 run, the others wait.

    It is built of a table of two rows, and its ledger is given the other shards: the rows themselves are not
    looked at.
    """
    table = folder / "posts.csv"
    table.write_text("id,text\n1,good\n2,bad\n", encoding="utf-8")
    run = rowbatch.create(
        table,
        text="text",
        labels=["good", "bad"],
        prompt="How is the mood?",
        provider="openai",
        model="gpt-5-mini",
        run=folder / "rowbatch-runs" / "large",
    )
    run.build()
    with sqlite3.connect(run.path / "ledger.sqlite") as db:
        db.executemany(
            "INSERT OR REPLACE INTO shard (round, number, state, first_row, last_row, requests, bytes,"
            " sha256, token, tokens, batch_id, batch_status, batch_json, completed_requests, failed_requests,"
            " reserved_usd, spent_usd, findings, waits_for, submitted_at, intent_at)"
            " VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            shards(batches),
        )
        db.executemany(
            "INSERT INTO event (at, kind, round, shard, detail) VALUES (?, ?, 1, ?, ?)", events(batches)
        )
        db.execute("UPDATE run SET rows = ?", (batches * _ROWS,))
    db.close()
    return run.path


def shards(batches: int) -> Iterator[tuple[object, ...]]:
    """The rows of the ledger's table `shard`."""
    wait = json.dumps({"kind": "wait-queue-share", "values": {"tokens": 2_000_000, "limit": 1_000_000}})
    for number in range(1, batches + 1):
        over, runs = number <= batches // 2, batches // 2 < number <= batches // 2 + 100
        state = "downloaded" if over else "submitted" if runs else "written"
        batch = f"batch_{number:024x}" if over or runs else None
        status = "completed" if over else "in_progress" if runs else None
        told = json.dumps({"id": batch, "status": status, "metadata": {"x": "y" * 600}}) if batch else None
        statuses = {"ok": _ROWS - 60, "invalid": 40, "error": 20}
        found = {
            "asked": _ROWS,
            "answered": _ROWS,
            "statuses": statuses,
            "told": statuses,
            "prompt_tokens": 9_000_000,
            "completion_tokens": 500_000,
            "why": ["a reason of the provider " * 8] * 2,
        }
        at = (datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=number)).isoformat()
        yield (
            *(number, state, (number - 1) * _ROWS + 1, number * _ROWS, _ROWS, 60_000_000),
            *(f"{number:064x}", f"token-{number:06}", 9_000_000, batch, status, told),
            *(_ROWS if over else 10_000 if runs else 0, 60 if over else 0),
            *("3.5", f"2.{number:06}" if over else None, json.dumps(found) if over else None),
            *("" if over or runs else wait, at if batch else None, at if batch else None),
        )


def events(batches: int) -> Iterator[tuple[object, ...]]:
    """Ten for each batch that went out."""
    for number in range(1, batches // 2 + 101):
        at = (datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=number)).isoformat()
        for kind in ("uploaded", "intent", "submitted", *["status"] * 5, "ended", "downloaded"):
            yield at, kind, number, json.dumps({"batch": f"batch_{number:024x}", "status": "in_progress"})


def least_ms(work: Callable[[], object], times: int) -> float:
    """Milliseconds of CPU of this process, with all its threads; the first time does not count."""
    work()
    found = []
    for _ in range(times):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return min(found) * 1e3


def main() -> None:
    """Measure and print."""
    options = parser_of(__doc__.split("\n\n")[0], rounds=9)
    options.add_argument("--batches", type=int, default=20_000)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="rowbatch-bench-") as name:
        folder = Path(name)
        os.environ["ROWBATCH_HOME"] = str(folder / "home")
        os.chdir(folder)
        path = make_run(folder, asked.batches)
        measure(path, asked.rounds)


def measure(path: Path, rounds: int) -> None:
    """Each page, and what notebooks and the command line ask."""
    from rowbatch import api, desk
    from serving_pages import served_pages, visiting

    run = api.open_run(path)
    print(f"{'Run.status()':42} {least_ms(run.status, rounds):6.1f} ms")
    ms = least_ms(lambda: api.find_status(path, most_states=100), rounds)
    print(f"{'status, of 100 shards':42} {ms:6.1f} ms")
    job = f"/jobs/{desk.job_id(path)}"
    with served_pages() as site, visiting(site) as client:
        client.get("/")
        for address in ("/", "/jobs", job, f"{job}?part=job", "/settings", "/tools"):
            answer = client.get(address)
            assert answer.status_code == 200, answer
            ms = least_ms(partial(client.get, address), rounds)
            shown = address.replace(job, "/jobs/JOB")
            print(f"{shown:36} {answer.status_code}   {ms:6.1f} ms   {len(answer.content):9,} B")


if __name__ == "__main__":
    main()
