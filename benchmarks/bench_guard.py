"""
What the wall and the checks cost: times of pages, and of reading tables, with the code of another checkout
beside today's, turn by turn in one run.

    .venv/bin/python benchmarks/bench_guard.py --before OTHER/src

Targets: pages within 5 %, reading a table of 200 MB within 3 %. Without `--before` today's code is laid
beside itself, which shows how much of a difference is noise.
"""

from __future__ import annotations

import gzip
import http.client
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl
import workload
from options import parser_of

SRC = Path(__file__).parent.parent / "src"
PAGES = ("/", "/jobs", "/settings", "/help", "/tools/convert")
_READ = """
import sys, time
from pathlib import Path
from rowbatch.programs.opening import open_table
started = time.perf_counter()
rows = sum(chunk.frame.height for chunk in open_table(Path(sys.argv[1])).chunks())
print(rows, time.perf_counter() - started)
"""


def environment(source: Path, home: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(source), "ROWBATCH_HOME": str(home), "PYTHONUNBUFFERED": "1"}


class Visitor:
    """A browser's part: it follows the link once, and then asks with its cookie."""

    def __init__(self, link: str) -> None:
        self.cookie, self.host, path = "", urlsplit(link).netloc, link.partition(urlsplit(link).netloc)[2]
        self.connection = http.client.HTTPConnection("127.0.0.1", urlsplit(link).port or 80, timeout=30)
        status = 303
        while status == 303:
            status, location = self._ask(path)
            if location.startswith("http"):
                self.host = urlsplit(location).netloc
                path = location.partition(self.host)[2] or "/"
            else:
                path = location or "/"

    def get(self, path: str) -> float:
        """Milliseconds until a page is here."""
        started = time.perf_counter()
        status, _ = self._ask(path)
        if status != 200:
            sys.exit(f"{path}: {status}")
        return (time.perf_counter() - started) * 1e3

    def _ask(self, path: str) -> tuple[int, str]:
        headers = {
            "Host": self.host,
            "User-Agent": "Mozilla/5.0 Chrome/150",
            **({"Cookie": self.cookie} if self.cookie else {}),
        }
        self.connection.request("GET", path, headers=headers)
        answer = self.connection.getresponse()
        answer.read()
        if told := answer.getheader("set-cookie"):
            self.cookie = told.partition(";")[0]
        return answer.status, answer.getheader("location", "")


@contextmanager
def visitor(source: Path, home: Path) -> Iterator[Visitor]:
    """A visitor of the program of a checkout."""
    said = home.with_suffix(".txt")
    with said.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "rowbatch", "ui", "--no-browser", "--port", "0"],
            env=environment(source, home), stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        while not (found := re.findall(r"http://\S+", said.read_text())):
            if process.poll() is not None:
                sys.exit(said.read_text())
            time.sleep(0.01)
        yield Visitor(found[0])
    finally:
        process.terminate()
        process.wait(20)


def pages(sources: dict[str, Path], rounds: int, folder: Path) -> None:
    with ExitStack() as stack:
        visitors = {
            name: stack.enter_context(visitor(source, folder / name)) for name, source in sources.items()
        }
        for path in PAGES:
            times: dict[str, list[float]] = {name: [] for name in visitors}
            for number in range(rounds + 20):
                for name, one in visitors.items():
                    took = one.get(path)
                    if number >= 20:
                        times[name].append(took)
            show(path, times, "ms")


def tables(sources: dict[str, Path], files: list[Path], rounds: int, folder: Path) -> None:
    for file in files:
        times: dict[str, list[float]] = {name: [] for name in sources}
        for _ in range(rounds):
            for name, source in sources.items():
                told = subprocess.run(
                    [sys.executable, "-c", _READ, str(file)],
                    env=environment(source, folder / name), check=True, capture_output=True, text=True,
                ).stdout  # fmt: skip
                times[name].append(float(told.split()[1]))
        show(f"read {file.name} ({file.stat().st_size / 1e6:.0f} MB)", times, "s")


def show(what: str, times: dict[str, list[float]], unit: str) -> None:
    before, now = times["before"], times["now"]
    ratio = statistics.median(b / a for a, b in zip(before, now, strict=True))
    middle = [statistics.median(found) for found in (before, now)]
    print(f"{what:36} {middle[0]:9.3f} {middle[1]:9.3f} {unit:3} x {ratio:.3f}", flush=True)


def make_tables(folder: Path, megabytes: int) -> list[Path]:
    """A CSV of so many MB, a tenth of it packed, and a tenth of it as a workbook."""
    rows = megabytes * 1_000_000 // 366
    workload.write_table(folder / "posts.csv", rows)
    workload.write_table(folder / "tenth.csv", rows // 10)
    with (folder / "tenth.csv").open("rb") as source, gzip.open(folder / "tenth.csv.gz", "wb", 6) as target:
        shutil.copyfileobj(source, target)
    pl.read_csv(folder / "tenth.csv", infer_schema=False).write_excel(folder / "tenth.xlsx")
    return [folder / name for name in ("posts.csv", "tenth.csv.gz", "tenth.xlsx")]


def main() -> None:
    parser = parser_of(__doc__, rounds=300)
    parser.add_argument("--before", type=Path, default=SRC, help="src folder of the other checkout")
    parser.add_argument("--megabytes", type=int, default=200, help="size of the table")
    parser.add_argument("--readings", type=int, default=7, help="how often each table is read")
    options = parser.parse_args()
    sources = {"before": options.before.resolve(), "now": SRC.resolve()}
    print(f"{'':36} {'before':>9} {'now':>9}     median of the pairs")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pages(sources, options.rounds, folder)
        tables(sources, make_tables(folder, options.megabytes), options.readings, folder)


if __name__ == "__main__":
    main()
