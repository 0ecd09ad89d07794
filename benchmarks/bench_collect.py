"""
From the result files of a run to its labelled table: download, the look for rows to ask again, collect.

Beside another version of ours, and beside `extract` of the same files with the same columns, which knows no
run. Nothing is sent: a stand-in for the provider has the files lying here. Both versions write the same
tables, and that is checked.

    python benchmarks/bench_collect.py --commit d2ca01f
    python benchmarks/bench_collect.py --rows 200000 --rounds 1 --folder /dev/shm
"""

from __future__ import annotations

import hashlib
import inspect
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import workload
from bench_data_plane import Cost, run, versions_of
from options import parser_of

_HERE = Path(__file__).parent
_BLOCK = 1 << 20
_CODEBOOK = {
    "variables": [
        {"name": "label", "question": "Which?", "labels": [{"name": name} for name in workload.LABELS]},
        {"name": "reason", "question": "Why?"},
    ]
}
_EXTRACT = "extract, JSON, join, usage, model"
_STEPS = ("download", "collect", "collect without columns", "next round", _EXTRACT)
_WHOLE = ("download", "next round", "collect")


def main() -> None:
    parser = parser_of("Time download and collect beside another version.", rows=1_000_000, rounds=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rowbatch-bench-", dir=arguments.folder) as name:
        bench(Path(name), arguments.rows, arguments.rounds, arguments.commit)


def bench(folder: Path, rows: int, rounds: int, commit: str | None) -> None:
    """Make the data, and run both versions in turn."""
    table, results = folder / "t.csv", folder / "results"
    results.mkdir()
    run([sys.executable, str(_HERE / "workload.py"), str(table), str(results), str(rows)])
    size = sum(path.stat().st_size for path in results.iterdir())
    sys.stdout.write(
        f"{rows:,} rows: table {table.stat().st_size / 1e6:,.0f} MB, results {size / 1e6:,.0f} MB\n"
    )
    versions = versions_of(commit, folder)
    costs: dict[tuple[str, str], list[Cost]] = {}
    digests, others = set(), set()
    for _ in range(rounds):
        for version, source in versions.items():
            place = folder / "run"
            _step(source, "build", place, table)
            for step in _STEPS[:-1]:
                if step == "collect without columns":
                    shutil.rmtree(place / "columns", ignore_errors=True)
                verb = step.split(maxsplit=1)[0]
                costs.setdefault((step, version), []).append(_step(source, verb, place, results))
                if verb == "collect":
                    digests.add(_digest(place / "labelled.csv"))
            shutil.rmtree(place)
            extracted = folder / "extracted.csv"
            costs.setdefault((_EXTRACT, version), []).append(
                _step(source, "extract", extracted, table, results)
            )
            others.add(_digest(extracted))
    if max(len(digests), len(others)) != 1:
        sys.exit("the labelled tables differ")
    for step in _STEPS:
        _print(step, [(version, costs[step, version]) for version in versions])
    for version in versions:
        pairs = zip(costs["collect", version], costs[_EXTRACT, version], strict=True)
        ratios = sorted((ours.wall_s / other.wall_s, ours.cpu_s / other.cpu_s) for ours, other in pairs)
        wall, cpu = (statistics.median(one) for one in zip(*ratios, strict=True))
        sys.stdout.write(
            f"\ncollect to extract, {version}: {wall:.2f}x in wall time, {cpu:.2f}x in CPU time\n"
        )
    whole = []
    for version in versions:
        steps = zip(*(costs[step, version] for step in _WHOLE), strict=True)
        whole.append((version, [_sum(parts) for parts in steps]))
    _print(", ".join(_WHOLE), whole)


def _step(source: Path, verb: str, *places: Path) -> Cost:
    """Run one step of a version, in a process of its own."""
    return run([sys.executable, str(Path(__file__).resolve()), "--step", verb, *map(str, places)], source)


def _sum(parts: Sequence[Cost]) -> Cost:
    return Cost(
        sum(cost.wall_s for cost in parts),
        sum(cost.cpu_s for cost in parts),
        max(cost.peak_mb for cost in parts),
    )


def _print(title: str, found: Sequence[tuple[str, Sequence[Cost]]]) -> None:
    write = sys.stdout.write
    write(f"\n{title}\n  {'':28}{'wall s':>9}{'CPU s':>9}{'MB':>8}{'to ours':>10}\n")
    ours = statistics.median(cost.wall_s for cost in found[0][1])
    for name, costs in found:
        wall = statistics.median(cost.wall_s for cost in costs)
        cpu = statistics.median(cost.cpu_s for cost in costs)
        peak = max(cost.peak_mb for cost in costs)
        walls = [cost.wall_s for cost in costs]
        write(
            f"  {name:28}{wall:9.2f}{cpu:9.2f}{peak:8,.0f}{wall / ours:9.2f}x"
            f"   {min(walls):.2f} to {max(walls):.2f}, {len(walls)} runs\n"
        )
    sys.stdout.flush()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# What runs in the processes that are measured: calls that both versions have.


def _build(place: Path, table: Path) -> None:
    import rowbatch
    from rowbatch.core.policy import Policy

    # The files hold 50,000 rows each: no first rows are set apart.
    made = rowbatch.create(
        table,
        text="text",
        codebook=_CODEBOOK,
        provider="openai",
        model=workload.MODEL,
        max_tokens=60,
        run=place,
        is_listed=False,
        policy=Policy(first_rows=0),
    )
    made.build()


class _Provider:
    """Has the results of every batch lying in a folder."""

    dialect = SimpleNamespace(is_openai=True)

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def view(self, batch: dict[str, Any]) -> SimpleNamespace:
        return SimpleNamespace(
            status="completed",
            output_file_id=f"{batch['number']:04d}.output.jsonl",
            error_file_id=f"{batch['number']:04d}.error.jsonl",
            completed=0,
            failed=0,
            total=0,
        )

    def fetch(self, file_id: str, to: BinaryIO, max_bytes: int | None = None) -> int:  # noqa: ARG002
        size = 0
        with (self._folder / file_id).open("rb") as file:
            while block := file.read(_BLOCK):
                size += to.write(block)
        return size


def _download(place: Path, results: Path) -> None:
    from rowbatch.core.answer import AnswerReader
    from rowbatch.core.codebook import parse_codebook
    from rowbatch.core.states import ShardState
    from rowbatch.steps.download import download_shard
    from rowbatch.store.rundir import RunDirectory

    directory = RunDirectory(place)
    client: Any = _Provider(results)
    fetch: Any = download_shard
    # Earlier versions did not read the answers yet when they came.
    takes_reader = "reader" in inspect.signature(download_shard).parameters
    codebook = parse_codebook(_CODEBOOK)
    options = {"reader": AnswerReader(codebook)} if takes_reader else {}
    with directory.ledger() as ledger:
        for shard in ledger.shards():
            sent = ledger.claim(
                ledger.move(shard, ShardState.UPLOADED, event="uploaded", file_id="file"),
                reserved_usd=Decimal(0),
            )
            assert sent is not None
            sent = ledger.move(
                sent, ShardState.SUBMITTED, event="submitted", batch_id=f"batch-{shard.number}"
            )
            ended = ledger.move(
                sent,
                ShardState.ENDED,
                event="ended",
                batch_status="completed",
                batch_json=f'{{"number": {shard.number}}}',
            )
            fetch(directory, ledger, client, ended, price=None, **options)


def _collect(place: Path, _: Path) -> None:
    from rowbatch.steps.collect import collect
    from rowbatch.store.rundir import RunDirectory

    collect(RunDirectory(place), overwrite=True)


def _extract(out: Path, table: Path, results: Path) -> None:
    import rowbatch

    rowbatch.extract(
        sorted(results.iterdir()),
        out,
        join=table,
        as_json=True,
        extras=["model", "usage"],
        overwrite=True,
    )


def _next(place: Path, _: Path) -> None:
    from rowbatch.core.answer import AnswerReader
    from rowbatch.core.codebook import parse_codebook
    from rowbatch.core.shard import ShardLimits
    from rowbatch.steps.rounds import plan_next_round
    from rowbatch.store.rundir import RunDirectory

    directory = RunDirectory(place)
    reader = AnswerReader(parse_codebook(_CODEBOOK))
    with directory.ledger() as ledger:
        plan_next_round(directory, ledger, reader, ShardLimits(50_000, 200_000_000), ask_invalid_again=False)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        verbs: dict[str, Callable[..., None]] = {
            "build": _build,
            "download": _download,
            "collect": _collect,
            "next": _next,
            "extract": _extract,
        }
        verbs[sys.argv[2]](*map(Path, sys.argv[3:]))
    else:
        main()
