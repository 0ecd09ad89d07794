"""
Convert into shards, of each format, beside another version of this program and a copy of the output.

    python benchmarks/bench_convert.py --commit 10cb1cb --folder /dev/shm
    python benchmarks/bench_convert.py --rows 6000000 --rounds 1 --without-peers

Whole processes, start-up included, in turn; the files of all versions and formats must be the same bytes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import polars as pl
import workload
from bench_data_plane import Cost, remove, run, versions_of
from options import parser_of

_HERE = Path(__file__).parent


class _Way(NamedTuple):
    """A way to the requests: its name, its command, and where the program is imported from."""

    name: str
    command: list[str]
    source: Path | None


def main() -> None:
    """Measure and print."""
    parser = parser_of("Time convert, of each format.", rows=1_000_000, rounds=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rowbatch-bench-", dir=arguments.folder) as name:
        folder = Path(name)
        versions = versions_of(arguments.commit, folder)
        csv = folder / "t.csv"
        # In a process of its own: what this one holds would be counted with the methods'.
        make = (
            "import sys, workload, pathlib; workload.write_table(pathlib.Path(sys.argv[1]), int(sys.argv[2]))"
        )
        run([sys.executable, "-c", make, str(csv), str(arguments.rows)])
        # The first time compiles the program.
        few = folder / "few.csv"
        few.write_text("lang,text\nen,a\n", encoding="utf-8")
        for source in versions.values():
            run([*_convert(few, folder / "parts"), "--overwrite"], source)
        remove(folder / "parts")
        digest = ""
        for kind in ("csv", "csv.gz", "csv.zst", "parquet", "arrow"):
            table = _as(csv, kind)
            digest = _bench(folder, table, versions, arguments.rounds, digest, not arguments.without_peers)
            if table != csv:
                table.unlink()


def _as(csv: Path, kind: str) -> Path:
    """The same table in another format, made by who writes such files elsewhere."""
    path = csv.with_name(f"t.{kind}")
    match kind:
        case "csv.gz":
            with path.open("wb") as to:
                subprocess.run(["gzip", "-1", "-c", str(csv)], stdout=to, check=True)
        case "csv.zst":
            program = (
                "import shutil, sys; from backports import zstd\n"
                "with open(sys.argv[1], 'rb') as read, zstd.open(sys.argv[2], 'wb') as to:\n"
                "    shutil.copyfileobj(read, to, 1 << 20)"
            )
            run([sys.executable, "-c", program, str(csv), str(path)])
        case "parquet":
            pl.scan_csv(csv, infer_schema=False, empty_string_is_null=False).sink_parquet(path)
        case "arrow":
            pl.scan_csv(csv, infer_schema=False, empty_string_is_null=False).sink_ipc(
                path, compression="uncompressed"
            )
    return path


def _convert(table: Path, parts: Path) -> list[str]:
    asked = ["--template", workload.TEMPLATE, "--system", workload.SYSTEM, "--model", workload.MODEL]
    asked += ["--temperature", "0", "--max-tokens", "60", "--limits", "openai"]
    return [sys.executable, "-m", "rowbatch", "convert", str(table), "-o", str(parts), *asked]


def _bench(
    folder: Path, table: Path, versions: dict[str, Path], rounds: int, digest: str, with_peers: bool
) -> str:
    """Measure one format; the digest of the requests."""
    parts, whole, copy = folder / "parts", folder / "whole.jsonl", folder / "copy"
    ways = [_Way(name, _convert(table, parts), source) for name, source in versions.items()]
    ways.append(_Way("cp of the output", [shutil.which("cp") or "cp", str(whole), str(copy)], None))
    if with_peers and table.suffix == ".csv":
        peers = [sys.executable, str(_HERE / "peers.py")]
        ways += [
            _Way(name, [*peers, name, str(table), str(copy)], None)
            for name in ("original-convert", "openai-batch")
        ]
    costs: dict[str, list[Cost]] = {way.name: [] for way in ways}
    for number in range(rounds):
        for way in ways:
            # A slow peer is not run as often: it is seconds beside fractions of one.
            if number and costs[way.name][0].wall_s > 30 and way.name not in versions:
                continue
            remove(parts)
            remove(copy)
            costs[way.name].append(run(way.command, way.source))
            if way.name in versions:
                made = _digest(parts, whole)
                if digest and made != digest:
                    sys.exit(f"{way.name} makes other requests of {table.name}")
                digest = made
    remove(parts)
    remove(copy)
    size, written = table.stat().st_size, whole.stat().st_size
    sys.stdout.write(f"\n{table.name}, {size / 1e6:,.0f} MB, to {written / 1e6:,.0f} MB of requests\n")
    sys.stdout.write(f"  {'':20}{'wall s':>18}{'CPU s':>18}{'MB':>8}{'wall, CPU to ours':>22}\n")
    ours = costs[ways[0].name]
    wall, cpu = min(cost.wall_s for cost in ours), min(cost.cpu_s for cost in ours)
    for name, found in costs.items():
        walls, cpus = sorted(cost.wall_s for cost in found), sorted(cost.cpu_s for cost in found)
        ratios = f"{walls[0] / wall:.2f}, {cpus[0] / cpu:.2f}"
        spans = (f"{times[0]:.2f} to {times[-1]:.2f}" for times in (walls, cpus))
        line = "".join(f"{span:>18}" for span in spans)
        sys.stdout.write(f"  {name:20}{line}{max(cost.peak_mb for cost in found):8,.0f}{ratios:>22}\n")
    sys.stdout.flush()
    return digest


def _digest(parts: Path, whole: Path) -> str:
    """Of all parts, one after the other; they lie in one file then, to be copied."""
    digest = hashlib.blake2b()
    with whole.open("wb") as to:
        for part in sorted(parts.iterdir()):
            with part.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
                    to.write(block)
            part.unlink()
    return digest.hexdigest()


if __name__ == "__main__":
    # What is imported is there as bytecode, as where it was installed.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="rowbatch-bytecode-") as bytecode:
        os.environ["PYTHONPYCACHEPREFIX"] = bytecode
        main()
