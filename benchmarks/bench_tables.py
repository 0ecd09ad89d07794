"""
Reading tables: CSV, Parquet and Excel with types, to the last chunk, beside another version of this program.

    python benchmarks/bench_tables.py --commit f7b7418
    python benchmarks/bench_tables.py --rows 200000 --folder /dev/shm

Processor time without start-up, the least of some readings in one process; the versions take turns.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl
import workload
from bench_data_plane import versions_of
from options import parser_of

_READINGS = 5
# A sheet has a million rows at most, and is read far more slowly.
_ROWS_OF_A_SHEET = 50_000
# Run with the version that is measured; one before programs were known has them not.
_READ = """
import sys, time
from pathlib import Path
import polars
try:
    from rowbatch.programs.opening import open_table
except ImportError:
    from rowbatch.tables.formats import open_table

def read():
    begun = time.process_time()
    rows = sum(chunk.frame.height for chunk in open_table(Path(sys.argv[1])).chunks())
    return rows, time.process_time() - begun

found = [read() for _ in range(int(sys.argv[2]) + 1)][1:]
print(found[0][0], min(seconds for _, seconds in found))
"""


def main() -> None:
    """Measure and print."""
    parser = parser_of("Time the reading of tables.", rows=1_000_000, rounds=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rowbatch-bench-", dir=arguments.folder) as name:
        folder = Path(name)
        versions = versions_of(arguments.commit, folder)
        for path, rows in _tables(folder, arguments.rows):
            costs: dict[str, list[float]] = {version: [] for version in versions}
            for _ in range(arguments.rounds):
                for version, source in versions.items():
                    costs[version].append(_cost(source, path, rows))
            print(f"{path.name}, {rows:,} rows, {path.stat().st_size / 1e6:,.0f} MB: CPU s")
            ours = statistics.median(costs["this version"])
            for version, found in costs.items():
                ratio = ours / statistics.median(found)
                spread = f"{min(found):.3f} to {max(found):.3f}"
                print(f"  {version:16}{statistics.median(found):8.3f}   {spread}   ours to it {ratio:.3f}")


def _tables(folder: Path, rows: int) -> list[tuple[Path, int]]:
    """The same table in each format, and how many rows each has."""
    text, columns, sheet = folder / "t.csv", folder / "t.parquet", folder / "t.xlsx"
    workload.write_table(text, rows)
    frame = pl.read_csv(text, infer_schema=False)
    # As somebody has it who works with types: ids, moments and numbers are what they are.
    typed = frame.with_row_index("number").with_columns(
        pl.col("id").cast(pl.Int64),
        pl.col("created_at").str.to_datetime("%Y-%m-%dT%H:%M:%SZ"),
        (pl.col("number") / 7).alias("share"),
    )
    typed.write_parquet(columns)
    short = typed.head(_ROWS_OF_A_SHEET)
    short.with_columns(pl.col("number").alias("id")).drop("note").write_excel(sheet)
    return [(text, rows), (columns, rows), (sheet, short.height)]


def _cost(source: Path, path: Path, rows: int) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _READ, str(path), str(_READINGS)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(source)},
    )
    read, seconds = done.stdout.split()
    if int(read) != rows:
        sys.exit(f"{path} is not what it should be: {int(read):,} rows were read of {rows:,}")
    return float(seconds)


if __name__ == "__main__":
    main()
