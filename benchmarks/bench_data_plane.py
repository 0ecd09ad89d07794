"""
The data plane: table to requests in shards, requests to parts, results to a labelled table.

Each beside the method of the original tool, the best peer's, and the machine's limit, in one run, in turn.

    make bench
    make bench ARGS="--rows 200000 --rounds 1"
    make bench ARGS="--rows 5000000 --without-peers"
    make bench ARGS="--commit 10cb1cb"
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import workload
from options import parser_of

_HERE = Path(__file__).parent


class Cost(NamedTuple):
    """What one call took."""

    wall_s: float
    cpu_s: float
    peak_mb: float


class Method(NamedTuple):
    """A way to do something: its name, its command, where it writes, and the source of another version."""

    name: str
    command: list[str]
    output: Path
    source: Path | None = None


def run(command: list[str], source: Path | None = None) -> Cost:
    """
    Run a command that must succeed, in a process of its own.

    Args:
        command: The program and its arguments.
        source: Where the program is imported from; None means as it is installed.
    """
    started = time.perf_counter()
    # What it prints is not of interest.
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    folders = [str(folder) for folder in (source, _HERE) if folder is not None]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
    process = os.posix_spawnp(command[0], command, environment, file_actions=quiet)
    _, status, usage = os.wait4(process, 0)
    wall_s = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"failed: {' '.join(command)}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6)


def remove(path: Path) -> None:
    """Remove a file or a folder: every method writes to fresh pages."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def compare(title: str, methods: Sequence[Method], rounds: int, check: Callable[[], None]) -> None:
    """Time methods in turn, ours first, and print each with its ratio to ours."""
    costs: dict[str, list[Cost]] = {method.name: [] for method in methods}
    for round_number in range(rounds):
        for method in methods:
            # A slow peer is not run as often: it is seconds beside fractions of one.
            if round_number and costs[method.name][0].wall_s > 30:
                continue
            remove(method.output)
            costs[method.name].append(run(method.command, method.source))
            if method is methods[0]:
                check()
    for method in methods:
        remove(method.output)
    ours = statistics.median(cost.wall_s for cost in costs[methods[0].name])
    write = sys.stdout.write
    write(f"\n{title}\n  {'':28}{'wall s':>9}{'CPU s':>9}{'MB':>8}{'to ours':>10}\n")
    for name, found in costs.items():
        wall = statistics.median(cost.wall_s for cost in found)
        cpu = statistics.median(cost.cpu_s for cost in found)
        ratio = f"{wall / ours:9.1f}x" if wall >= ours else f"1/{ours / wall:.1f}".rjust(10)
        peak = max(cost.peak_mb for cost in found)
        spread = (
            f"   {min(c.wall_s for c in found):.2f} to {max(c.wall_s for c in found):.2f}, {len(found)} runs"
        )
        write(f"  {name:28}{wall:9.2f}{cpu:9.2f}{peak:8,.0f}{ratio}{spread}\n")
    sys.stdout.flush()


def main() -> None:
    parser = parser_of("Time the data plane beside others, and beside a copy.", rows=1_000_000, rounds=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rowbatch-bench-", dir=arguments.folder) as name:
        folder, commit = Path(name), arguments.commit
        before = {commit: source_of(commit, folder / "before")} if commit else {}
        bench(folder, arguments.rows, arguments.rounds, before, with_peers=not arguments.without_peers)


def versions_of(commit: str | None, folder: Path) -> dict[str, Path]:
    """Where the versions that are compared are imported from: this one, and that of a commit."""
    versions = {"this version": Path(__file__).parent.parent / "src"}
    if commit:
        versions[commit] = source_of(commit, folder / "before")
    return versions


def source_of(commit: str, folder: Path) -> Path:
    """Put the source of another version of this program into a folder."""
    git = shutil.which("git") or "git"
    packed = subprocess.run(
        [git, "-C", str(_HERE.parent), "archive", commit, "src"], check=True, capture_output=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "src"


def bench(folder: Path, rows: int, rounds: int, before: Mapping[str, Path], *, with_peers: bool) -> None:
    """
    Make the data and run everything.

    Args:
        folder: Where the data go.
        rows: Of the table.
        rounds: How often each is measured.
        before: The source of another version of ours, by its commit; or nothing.
        with_peers: Whether others are measured, too.
    """
    table, whole, results = folder / "t.csv", folder / "whole.jsonl", folder / "results"
    results.mkdir()
    # In a process of its own: what this one holds would be counted with the methods'.
    run([sys.executable, str(_HERE / "workload.py"), str(table), str(results), str(rows)])
    rowbatch = str(Path(sys.executable).with_name("rowbatch"))
    asked = ["--template", workload.TEMPLATE, "--system", workload.SYSTEM, "--model", workload.MODEL]
    asked += ["--temperature", "0", "--max-tokens", "60"]
    run([rowbatch, "convert", str(table), "-o", str(whole), *asked])
    peers = [sys.executable, str(_HERE / "peers.py")]
    copy = shutil.which("cp") or "cp"
    size = sum(path.stat().st_size for path in results.iterdir())
    sys.stdout.write(
        f"{rows:,} rows: table {table.stat().st_size / 1e6:,.0f} MB, "
        f"requests {whole.stat().st_size / 1e6:,.0f} MB, results {size / 1e6:,.0f} MB\n"
    )

    def peer(name: str, output: str, *inputs: Path) -> list[Method]:
        out = folder / output
        command = [*peers, name, *map(str, inputs), str(out)]
        return [Method(name, command, out)] if with_peers else []

    def earlier(command: list[str], output: Path) -> list[Method]:
        # The same program finds its modules there first.
        return [Method(commit, command, output, source) for commit, source in before.items()]

    parts = folder / "parts"
    convert = [rowbatch, "convert", str(table), "-o", str(parts)]
    split = [rowbatch, "split", str(whole), "-o", str(parts)]
    compare(
        "convert into shards",
        [
            Method("rowbatch convert --limits", [*convert, *asked, "--limits", "openai"], parts),
            *earlier([*convert, *asked, "--limits", "openai"], parts),
            *peer("original-convert", "original.jsonl", table),
            *peer("openai-batch", "openai-batch", table),
            Method("cp of the output", [copy, str(whole), str(folder / "copy")], folder / "copy"),
        ],
        rounds,
        lambda: same_bytes(sorted(parts.iterdir()), whole),
    )
    compare(
        "split",
        [
            Method("rowbatch split", [*split, "--limits", "openai"], parts),
            *earlier([*split, "--limits", "openai"], parts),
            *peer("original-split", "original-parts.zip", whole),
            *peer("original-split-folder", "original-parts", whole),
            Method("cp", [copy, str(whole), str(folder / "copy")], folder / "copy"),
        ],
        rounds,
        lambda: same_bytes(sorted(parts.iterdir()), whole),
    )
    zipped = folder / "parts.zip"
    compare(
        "split into a zip",
        [
            Method(
                "rowbatch split",
                [rowbatch, "split", str(whole), "-o", str(zipped), "--limits", "openai"],
                zipped,
            ),
            Method("cp", [copy, str(whole), str(folder / "copy")], folder / "copy"),
        ],
        1,
        lambda: None,
    )
    out = folder / "labelled.csv"
    files = [str(path) for path in sorted(results.iterdir())]
    extract = [rowbatch, "extract", *files, "-o", str(out), "--join", str(table), "--fields"]
    compare(
        "extract, parse JSON, join to the table",
        [
            Method("rowbatch extract", extract, out),
            *earlier(extract, out),
            *peer("original-extract", "original.csv", results, table),
            *peer("batch-openai", "batch-openai.csv", results, table),
            Method(
                "read lines, copy the table",
                [*peers, "limit-extract", str(results), str(table), str(folder / "copy")],
                folder / "copy",
            ),
        ],
        rounds,
        lambda: all_rows(out, rows),
    )


def same_bytes(parts: Sequence[Path], whole: Path) -> None:
    """Make sure that the parts are the whole."""
    with whole.open("rb") as file:
        for part in parts:
            with part.open("rb") as piece:
                while block := piece.read(1 << 22):
                    if file.read(len(block)) != block:
                        sys.exit(f"{part} is not what it should be")
        if file.read(1):
            sys.exit("a part is missing")


def all_rows(path: Path, rows: int) -> None:
    """Make sure that every row is in the table, with its label."""
    labelled = total = 0
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            total += 1
            labelled += row["status"] == "ok" and row["label"] in workload.LABELS
    if total != rows or labelled != rows - rows // 100:
        sys.exit(f"{path} is not what it should be: {total:,} rows, {labelled:,} labelled")


if __name__ == "__main__":
    main()
