"""
The web app in a real browser: start of the program until its first page is answered, first paint, memory at
rest, a large file until its rows are seen, a jump to the last row, memory for each open page; and `--help`.

    make bench
    .venv/bin/python benchmarks/bench_web.py --rows 200000
    .venv/bin/python benchmarks/bench_web.py --only-start

Targets: 1 s to the first page, 200 ms to its paint, 120 MB at rest, 0.12 s of a processor for `--help`, 5 s
for 200 MB, 1 MB a page, on two cores that nobody else uses. Seconds of a processor (user and system) stand
beside those of the wall: they change less with what else is running.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import workload
from options import parser_of
from playwright.sync_api import Browser, Page, sync_playwright

# Set in many containers: Python would compile every module anew, which takes longer than all else.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


@contextmanager
def program(folder: Path) -> Iterator[tuple[str, int, float]]:
    """The program, as a user starts it: its link, its process, and the seconds until it answered."""
    said = folder / "ui.txt"
    started = time.perf_counter()
    with said.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "rowbatch", "ui", "--no-browser", "--port", "0"],
            env={**_ENVIRONMENT, "ROWBATCH_HOME": str(folder / "home")},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        while not (found := re.findall(r"http://\S+", said.read_text())):
            if process.poll() is not None:
                sys.exit(said.read_text())
            time.sleep(0.005)
        yield found[0], process.pid, time.perf_counter() - started
    finally:
        process.terminate()
        process.wait(20)


def first_page(folder: Path) -> tuple[float, float]:
    """Seconds from the start of the program until its first page was answered, and those of a processor."""
    started = time.perf_counter()
    with program(folder) as (link, pid, _):
        # Not every system knows names that end in .localhost.
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(f"{link}&stay=1") as answer:
            assert b"data-upload" in answer.read()
        return time.perf_counter() - started, processor_s(pid)


def processor_s(pid: int) -> float:
    """What a process has used of a processor; 0.0 where the system does not tell."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def processor_of(*arguments: str) -> float:
    """Seconds of a processor that a command of ours takes, or Python alone where none is named."""
    before = os.times()
    words = ["-m", "rowbatch", *arguments] if arguments else ["-c", ""]
    subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, check=True, env=_ENVIRONMENT)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def at_rest_mb(pid: int) -> float:
    """Memory when everything has come in that comes in by itself: nothing of a processor was used for 3 s."""
    used, quiet = processor_s(pid), 0
    for _ in range(120):
        time.sleep(1)
        now = processor_s(pid)
        quiet = quiet + 1 if now - used < 0.05 else 0
        used = now
        if quiet == 3:
            break
    return resident_mb(pid)


def resident_mb(pid: int) -> float:
    """Memory of a process; 0.0 where the system does not tell."""
    try:
        told = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return int(re.findall(r"VmRSS:\s+(\d+)", told)[0]) / 1e3


def opened(browser: Browser, link: str) -> Page:
    """A page that was let in."""
    page = browser.new_context().new_page()
    page.goto(link)
    return page


def until(page: Page, claim: str) -> None:
    """Wait for something to be true on the page; its policy forbids Playwright's own way."""
    while not page.evaluate(claim):
        time.sleep(0.002)


def measure_paint(page: Page, rounds: int) -> list[float]:
    """Milliseconds until something of the first page is seen, browser and program warm."""
    times = []
    for _ in range(rounds):
        page.reload(wait_until="load")
        until(page, f"({_PAINT}) > 0")
        times.append(float(page.evaluate(_PAINT)))
    return times


def hand_over(page: Page, table: Path) -> tuple[float, float]:
    """Seconds from the choice of a file until its rows are seen, and until every row was read."""
    started = time.perf_counter()
    page.set_input_files("#file", table)
    page.wait_for_url(re.compile("/tables/[0-9a-f]{16}"), timeout=120_000)
    if page.url.endswith("/label"):
        page.goto(page.url.removesuffix("/label"))
    page.locator("v-table tbody tr td:nth-child(2)").filter(has_not_text="…").first.wait_for(timeout=120_000)
    seen = time.perf_counter() - started
    page.locator("#table-state[data-state=complete]").wait_for(timeout=300_000)
    return seen, time.perf_counter() - started


def jump(page: Page, rows: int) -> float:
    """Milliseconds until the last row is seen after the End key."""
    page.locator(".vbox").focus()
    started = time.perf_counter()
    page.keyboard.press("End")
    until(
        page,
        f"[...document.querySelectorAll('v-table tbody tr')].some(row => row.ariaRowIndex == {rows + 1}"
        " && row.cells[1].textContent !== '…')",
    )
    return (time.perf_counter() - started) * 1e3


def main() -> None:
    """Measure and print."""
    # 560,000 rows are 200 MB.
    options = parser_of(__doc__.split("\n\n")[0], rows=560_000, rounds=11)
    options.add_argument("--pages", type=int, default=20)
    options.add_argument("--only-start", action="store_true", help="start, paint, memory and --help alone")
    asked = options.parse_args()
    browser_path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory(prefix="rowbatch-bench-") as name:
        folder = Path(name)
        measure_start(folder, browser_path, asked.rounds)
        if not asked.only_start:
            measure_table(folder, browser_path, asked.rows, asked.pages)


def measure_start(folder: Path, browser_path: str | None, rounds: int) -> None:
    """What everybody waits for, with a table among the recent ones or without."""
    first_page(folder)
    starts = [first_page(folder) for _ in range(5)]
    wall, used = (statistics.median(one[number] for one in starts) for number in (0, 1))
    least = min(one[1] for one in starts)
    print(f"start of the program to its first page    {wall:6.2f} s    (target 1 s)")
    print(f"  of a processor                          {used:6.2f} s    (at least {least:.2f})")
    with program(folder) as (link, pid, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = opened(browser, link)
        paints = measure_paint(page, rounds)
        browser.close()
        rest_mb = at_rest_mb(pid)
    spread = f"{min(paints):.0f} to {max(paints):.0f}, {len(paints)} times"
    print(
        f"first contentful paint                    {statistics.median(paints):6.0f} ms   (200 ms; {spread})"
    )
    print(f"memory of the program, at rest            {rest_mb:6.0f} MB   (120 MB)")
    python, told = (min(processor_of(*words) for _ in range(7)) for words in ((), ("--help",)))
    print(f"rowbatch --help, of a processor           {told:6.2f} s    (0.12 s; Python alone {python:.2f})")


def measure_table(folder: Path, browser_path: str | None, rows_wanted: int, tabs: int) -> None:
    """A large file, and many open pages."""
    table = folder / "table.csv"
    workload.write_table(table, rows_wanted)
    rows = count_rows(table)
    size_mb = table.stat().st_size / 1e6
    started = time.perf_counter()
    shutil.copyfile(table, folder / "copy.csv")
    copy_s = time.perf_counter() - started
    with program(folder) as (link, pid, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = opened(browser, link)
        before_mb = at_rest_mb(pid)
        pages = [page.context.new_page() for _ in range(tabs)]
        for tab in pages:
            tab.goto(page.url)
        page_mb = (resident_mb(pid) - before_mb) / tabs
        for tab in pages:
            tab.close()
        seen_s, read_s = hand_over(page, table)
        jump_ms = jump(page, rows)
        browser.close()
    print(f"memory for each of {tabs} open pages           {page_mb:6.2f} MB   (1 MB)")
    print(f"{size_mb:.0f} MB handed over until rows are seen    {seen_s:6.1f} s    (5 s for 200 MB)")
    print(f"  until all {rows:,} rows were read        {read_s:6.1f} s    (a copy: {copy_s:.2f} s)")
    print(f"jump to the last row                      {jump_ms:6.0f} ms")


def count_rows(table: Path) -> int:
    """Rows of a table, by the slow way."""
    with table.open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.reader(file)) - 1


if __name__ == "__main__":
    main()
