"""
How long `rowbatch convert` takes, beside a plain copy of what it writes.

A copy of the same bytes on the same disk in the same minute is the measure: seconds alone say
more about the machine than about the program. Both are timed in turn, and medians are compared.

    make bench
    make bench ARGS="--rows 100000 --rounds 3"
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

SEED = 20260101
_WORDS = (
    "the council school market rent bus nurse wages tax library street price teacher hospital vote "
    "again never always today we they people money time new old open closed"
)
WORDS = _WORDS.split()
ODD = [
    'said "no", then left',
    "first line\nsecond line",
    "tab\there",
    "naïve café",
    "学校和医院",
    "🙂 well",
    "5 < 6 & 7",
]


class Cost(NamedTuple):
    """What one call took."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def write_table(path: Path, rows: int) -> None:
    """A table of short posts, the same for the same number of rows; one in ten has something odd."""
    draw = random.Random(SEED)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("id,date,post\n")
        for number in range(1, rows + 1):
            text = " ".join(draw.choices(WORDS, k=draw.randint(8, 40)))
            if number % 10 == 0:
                text += " " + draw.choice(ODD)
            quoted = text.replace('"', '""')
            file.write(f'{number:08},2025-03-{number % 28 + 1:02},"{quoted}"\n')


def run(command: list[str]) -> Cost:
    """Run a command that must succeed, in a process of its own."""
    started = time.perf_counter()
    process = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(process, 0)
    wall_s = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"failed: {' '.join(command)}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6)


def count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def main() -> None:
    parser = argparse.ArgumentParser(description="Time convert beside a copy of its output.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()

    program = Path(sys.executable).with_name("rowbatch")
    with tempfile.TemporaryDirectory(prefix="rowbatch-bench-") as name:
        folder = Path(name)
        table, output, copy = folder / "posts.csv", folder / "out.jsonl", folder / "copy.jsonl"
        write_table(table, arguments.rows)
        convert = [str(program), "convert", str(table), "-o", str(output), "--overwrite", "--text", "post"]
        convert += [
            "--model",
            "gpt-4o-mini",
            "--system",
            "Label the topic of the post.",
            "--max-tokens",
            "20",
        ]
        converts, copies = [], []
        for _ in range(arguments.rounds):
            converts.append(run(convert))
            copies.append(run([shutil.which("cp") or "cp", str(output), str(copy)]))
        lines = count_lines(output)
        if lines != arguments.rows:
            sys.exit(f"{lines:,} lines were written for {arguments.rows:,} rows")
        report(arguments.rows, table.stat().st_size, output.stat().st_size, converts, copies)


def report(rows: int, table_bytes: int, output_bytes: int, converts: list[Cost], copies: list[Cost]) -> None:
    """Print medians, and how far the single rounds lie apart."""
    convert_s = statistics.median(cost.wall_s for cost in converts)
    copy_s = statistics.median(cost.wall_s for cost in copies)
    write = sys.stdout.write
    write(f"rows            {rows:,}  ({table_bytes / 1e6:,.0f} MB in, {output_bytes / 1e6:,.0f} MB out)\n")
    write(f"convert         {_spread(converts)}\n")
    write(f"cp of output    {_spread(copies)}\n")
    write(f"convert / cp    {convert_s / copy_s:.1f}\n")
    write(f"rows per second {rows / convert_s:,.0f}\n")
    write(f"processor time  {statistics.median(cost.cpu_s for cost in converts):.2f} s\n")
    write(f"peak memory     {max(cost.peak_mb for cost in converts):,.0f} MB\n")


def _spread(costs: list[Cost]) -> str:
    times = [cost.wall_s for cost in costs]
    return f"{statistics.median(times):.2f} s  ({min(times):.2f} to {max(times):.2f}, {len(times)} rounds)"


if __name__ == "__main__":
    main()
