"""
Real kill -9 of the real command against a provider that misbehaves; the provider's own count is the judge.

    python tests/kill_runs.py --kills 1000
    python tests/kill_runs.py --calls 150     # kill or fail the n-th write, fsync and rename, for each n
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from driving import KEY, right_label, texts

FAULTS = {"lose_create": 0.1, "rows_fail": 0.1, "cut_download": 0.1, "list_lag_s": 0.15, "lose_other": 0.03}
ROWS = 60


@contextmanager
def fake_server(
    folder: Path, faults: dict[str, object], seed: int, polls: int = 3, skin: str = "openai"
) -> Iterator[str]:
    """A fake provider in a process of its own; yields its address."""
    port_file = folder / f"port-{seed}"
    script = Path(__file__).with_name("fake_server.py")
    command = [sys.executable, str(script), str(port_file), "--faults", json.dumps(faults)]
    server = subprocess.Popen([*command, "--seed", str(seed), "--polls", str(polls), "--skin", skin])
    try:
        deadline = time.monotonic() + 30
        while not port_file.is_file():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port_file.read_text()}"
    finally:
        server.kill()
        server.wait()


def judged(address: str) -> dict[str, object]:
    """The provider's own count."""
    with urllib.request.urlopen(f"{address}/judge") as answer:
        found: dict[str, object] = json.load(answer)
    return found


def command_for(folder: Path, address: str) -> list[str]:
    """What a user types."""
    options = {
        "--provider": "openai",
        "--base-url": f"{address}/v1",
        "--model": "gpt-4o-mini",
        "--text": "text",
        "--labels": "a,b,c",
        "--prompt": "Which?",
        "--max-tokens": "20",
        "--queue-tokens": "900",
        "--poll-seconds": "0.05",
        "--lost-answer-wait": "1.5",
        "--on-lost-answer": "resubmit",
        "--rounds": "4",
        "-o": "out.csv",
    }
    words = [word for pair in options.items() for word in pair]
    return [sys.executable, "-m", "rowbatch", "run", str(folder / "posts.csv"), *words, "--yes"]


def run_with_kills(folder: Path, seed: int, most_kills: int) -> Counter[str]:
    """
    One run, killed again and again, to its table.

    Raises:
        AssertionError: A promise was broken.
    """
    rng = random.Random(seed)
    with (folder / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "text"], *([n, text] for n, text in enumerate(texts(ROWS), 1))])
    environment = {**os.environ, "ROWBATCH_HOME": str(folder / "home"), "OPENAI_API_KEY": KEY}
    kills = 0
    with fake_server(folder, dict(FAULTS), seed) as address:
        while True:
            process = subprocess.Popen(
                command_for(folder, address),
                cwd=folder,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            try:
                _, said = process.communicate(timeout=rng.uniform(0.4, 1.3) if kills < most_kills else 120)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                kills += 1
                continue
            assert process.returncode in (0, 9, 7), said.decode()
            assert b"Traceback" not in said
            if process.returncode != 7:
                break
        count = judged(address)
    assert count["double_submits"] == {}, count
    assert count["paid_twice"] == [], count
    with (folder / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == texts(ROWS)
    assert [row["id"] for row in rows] == [str(n) for n in range(1, ROWS + 1)]
    assert all(row["label"] == right_label(row["text"]) for row in rows if row["status"] == "ok")
    assert not any(KEY.encode() in p.read_bytes() for p in folder.rglob("*") if p.is_file())
    found = Counter({"kills": kills, "runs": 1, "rows": len(rows), "double submits": 0})
    found.update(batches=int(str(count["batches"])))
    found.update(Counter(f"rows {row['status']}" for row in rows))
    return found


def run_with_fault(folder: Path, fault: str, at: int) -> int:
    """
    One run whose n-th call to the disk kills it or fails, and the same command again.

    Args:
        folder: Empty.
        fault: `kill`, or the error: `ENOSPC`, `EIO`.
        at: Which call; each thread has its own count.
    Returns:
        The exit code of the first time; 0 when the call never came.
    Raises:
        AssertionError: A promise was broken.
    """
    rows = texts(20)
    environment = {**os.environ, "ROWBATCH_HOME": str(folder / "home"), "OPENAI_API_KEY": KEY}
    with (folder / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "text"], *([n, text] for n, text in enumerate(rows, 1))])
    # `pwrite64` is SQLite's write; `write` also goes to the terminal, and a small disk tries that one.
    calls = "rename,renameat,renameat2,link,linkat,fsync,fdatasync,pwrite64"
    what = f"{calls}:signal=KILL" if fault == "kill" else f"{calls}:error={fault}"
    with fake_server(folder, {}, at, polls=0) as address:
        command = command_for(folder, address)
        strace = ["strace", "-f", "-o", os.devnull, "-e", f"inject={what}:when={at}"]
        if fault != "kill":
            # With a filter in the kernel the other calls cost nothing; with it a signal does not arrive.
            strace += ["--seccomp-bpf", "-e", f"trace={calls}"]
        first, second = (
            subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
            for words in ([*strace, *command], command)
        )
        count = judged(address)
    told = f"{fault} at {at}: {first.stderr} {second.stderr}"
    assert "Traceback" not in first.stderr + second.stderr, told
    assert first.returncode in ((0, -9, 137) if fault == "kill" else (0, 5)), told
    assert fault == "kill" or first.stderr.count("error: ") == (first.returncode != 0), told
    assert second.returncode == 0, told
    assert count["double_submits"] == {}, told
    assert count["paid_twice"] == [], told
    with (folder / "out.csv").open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert [row["text"] for row in found] == rows, told
    assert {row["status"] for row in found} == {"ok", "skipped"}, told
    return first.returncode


def fail_each_call(most: int) -> Counter[str]:
    """Every call to the disk up to a number, with every fault."""
    found: Counter[str] = Counter()
    for fault in ("kill", "ENOSPC", "EIO"):
        for at in range(1, most + 1):
            with tempfile.TemporaryDirectory() as folder:
                code = run_with_fault(Path(folder), fault, at)
            found[f"{fault}: " + ("went through" if code == 0 else "ended")] += 1
            sys.stderr.write(f"\r{fault} {at}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--calls", type=int, default=0)
    options = parser.parse_args()
    total: Counter[str] = Counter()
    if options.calls:
        total, options.kills = fail_each_call(options.calls), 0
    seed = 0
    while total["kills"] < options.kills:
        seed += 1
        with tempfile.TemporaryDirectory() as folder:
            total += run_with_kills(Path(folder), seed, min(20, options.kills - total["kills"]))
        sys.stderr.write(f"\r{total['kills']:,} kills in {total['runs']:,} runs")
    for name, count in sorted(total.items()):
        sys.stdout.write(f"{name:<20}{count:>10,}\n")


if __name__ == "__main__":
    main()
