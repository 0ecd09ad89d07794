"""
What it costs `build` to look for answers that earlier runs have.

A table of a million rows is built without earlier runs, beside five million answers of which it finds none,
and by another commit, which does not look. The earlier runs have what they have after they were looked at
once: an index each; their result files are not read.

    python benchmarks/bench_known.py --commit 61954c6
    python benchmarks/bench_known.py --provider local --folder /dev/shm
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import workload
from bench_collect import _print
from bench_data_plane import Cost, run, source_of
from options import parser_of

_HERE = Path(__file__).parent
_RUNS = 5
_PLAN = {
    "template": "{{id}}\n{{text}}",
    "labels": list(workload.LABELS),
    "prompt": workload.SYSTEM,
    "model": workload.MODEL,
    "max_tokens": 60,
}


def main() -> None:
    parser = parser_of("Time the look for answers that are known.", rows=1_000_000, rounds=3)
    parser.add_argument("--earlier", type=int, default=5_000_000)
    parser.add_argument("--provider", default="openai")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rowbatch-bench-", dir=arguments.folder) as name:
        folder = Path(name)
        workload.write_table(folder / "t.csv", arguments.rows)
        (folder / "small.csv").write_text("id,text\n1,one\n")
        here = _HERE.parent / "src"
        ways = {"this version, no earlier run": (here, 0)}
        ways[f"this version, {arguments.earlier:,} answers"] = (here, _RUNS)
        if arguments.commit:
            ways[arguments.commit] = (source_of(arguments.commit, folder / "before"), 0)
        for number in range(_RUNS):
            _step(here, "earlier", folder, arguments.provider, number, arguments.earlier // _RUNS)
        costs: dict[str, list[Cost]] = {}
        for _ in range(arguments.rounds):
            for way, (source, runs) in ways.items():
                _step(source, "create", folder, arguments.provider, 0, 0)
                costs.setdefault(way, []).append(
                    _step(source, "build", folder, arguments.provider, runs, arguments.rows)
                )
                shutil.rmtree(folder / "run")
        _print(f"build, {arguments.rows:,} rows, {arguments.provider}", list(costs.items()))


def _step(source: Path, verb: str, folder: Path, provider: str, number: int, rows: int) -> Cost:
    words = [sys.executable, str(Path(__file__).resolve()), "--step", verb, str(folder), provider]
    return run([*words, str(number), str(rows)], source)


# What runs in the processes that are measured.


def _made(table: Path, provider: str, place: Path) -> None:
    import rowbatch

    options = {**_PLAN, "model": None} if provider == "local" else _PLAN
    rowbatch.create(table, provider=provider, run=place, is_listed=False, **options)  # type: ignore[arg-type]


def _build(folder: Path, runs: int, rows: int) -> None:
    from rowbatch.steps.build import build
    from rowbatch.store.rundir import RunDirectory

    place = RunDirectory(folder / "run")
    if runs:
        report = build(place, earlier=[RunDirectory(folder / f"earlier-{n}") for n in range(runs)])
    else:
        report = build(place)
    if report.requests != rows:
        sys.exit("rows were taken over that nobody answered")


def _earlier(folder: Path, provider: str, number: int, rows: int) -> None:
    """A run of one row that is over, with the index of a run of many."""
    import polars as pl

    from rowbatch.core.states import ShardState
    from rowbatch.requests.fingerprints import kind_of
    from rowbatch.results.columns import reader_digest
    from rowbatch.results.earlier import line_reader
    from rowbatch.steps.build import build
    from rowbatch.store.kept_frames import keep_frame
    from rowbatch.store.ledger import Ledger, new_shard
    from rowbatch.store.rundir import RunDirectory

    place = RunDirectory(folder / f"earlier-{number}")
    _made(folder / "small.csv", provider, place.path)
    build(place)
    with Ledger(place.ledger_path, place.trail()) as ledger:
        shard = new_shard(
            round_=2, number=1, first_row=1, last_row=rows, requests=rows, size_bytes=1, sha256="", token="t"
        )
        over = replace(shard, state=ShardState.DOWNLOADED, output_name="none", output_sha256="")
        ledger.add_shards([], taken=[over])
    plan = place.plan()
    lines, kind = line_reader(plan), kind_of(plan.question, plan.asking)
    row = pl.int_range(1, rows + 1, dtype=pl.UInt32, eager=True).alias("row")
    frame = pl.DataFrame(
        [row.hash(7 + number).alias("h0"), row.hash(99 + number).alias("h1"), row]
    ).with_columns(pl.lit(0, pl.UInt32).alias("shard"))
    about = {
        "kind": kind,
        "reader": [reader_digest(), lines.kind],
        "results": [[over.name, over.output_sha256, over.error_sha256]],
    }
    keep_frame(place.fingerprints / "answered", about, frame.sort("h0", "row"))


def _measured(verb: str, place: str, provider: str, number: str, rows: str) -> None:
    folder = Path(place)
    match verb:
        case "create":
            _made(folder / "t.csv", provider, folder / "run")
        case "build":
            _build(folder, int(number), int(rows))
        case "earlier":
            _earlier(folder, provider, int(number), int(rows))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        _measured(*sys.argv[2:])
    else:
        main()
