"""
Each page of a job of a million rows: CPU of this process, which serves it, of its first call in a program
that was just started, of a later one, and of the first one after a row was corrected. And before, of a run
that the command line made and nobody looked at: how soon its page is there, and how soon its numbers are.

    .venv/bin/python benchmarks/bench_results.py
    .venv/bin/python benchmarks/bench_results.py --rows 100000

Target: 100 ms for any page; what is counted is counted once. What takes seconds by what people coded is
computed beside the page, which says so: when it answers, and when the numbers are there, by the clock.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx2
import polars as pl
import workload
from bench_pages import least_ms
from options import parser_of

from rowbatch.store.home import home
from rowbatch.store.rundir import remember_run

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

_HERE = Path(__file__).parent
# What the page of a job has as long as its rows are made ready.
_IS_COUNTED_YET = 'hx-trigger="every 800ms"'


def make_job(folder: Path, rows: int) -> Path:
    """A run that is done, of a table with a column that people coded in one row of a hundred."""
    table, results, place = folder / "t.csv", folder / "results", folder / "run"
    results.mkdir()
    workload.write_table(table, rows)
    workload.write_results(results, rows)
    labels = pl.Series([*workload.LABELS, *[""] * (100 - len(workload.LABELS))])
    cells = pl.read_csv(table, infer_schema=False)
    cells.with_columns(people=labels.gather(pl.int_range(rows, eager=True) % 100)).write_csv(table)
    for step, source in (("build", table), ("download", results), ("collect", results)):
        script = str(_HERE / "bench_collect.py")
        subprocess.run([sys.executable, script, "--step", step, str(place), str(source)], check=True)
    remember_run(home(), place)
    return place


def code_some(place: Path) -> None:
    """A coding set of the job's table, of which one person coded every row."""
    from coded_sets import say
    from rowbatch import api

    coding = api.coding_set(place, count=500, name="people", seed=3, test=0)
    labels = [*workload.LABELS]
    say(coding.folder, "Anna", {one.row: labels[one.row % len(labels)] for one in coding.rows()}, "label")


def once_ms(work: Callable[[], object]) -> float:
    """Milliseconds of CPU of this process, with all its threads, of one call."""
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1e3


def main() -> None:
    """Measure and print."""
    options = parser_of(__doc__.split("\n\n")[0], rows=1_000_000, rounds=5)
    options.add_argument("--step", choices=("show", "pages"))
    options.add_argument("--run", type=Path)
    asked = options.parse_args()
    if asked.step:
        {"show": show, "pages": measure}[asked.step](asked.run, asked.rows, asked.rounds)
        return
    with tempfile.TemporaryDirectory(prefix="rowbatch-bench-", dir=asked.folder) as name:
        folder = Path(name)
        os.environ["ROWBATCH_HOME"] = str(folder / "home")
        os.chdir(folder)
        place = make_job(folder, asked.rows)
        # Each in a program of its own, as after a start.
        for step in ("show", "pages"):
            told = ["--step", step, "--run", place, "--rows", asked.rows, "--rounds", asked.rounds]
            subprocess.run([sys.executable, str(Path(__file__).resolve()), *map(str, told)], check=True)


def show(place: Path, rows: int, rounds: int) -> None:
    """The page of a job that nobody looked at: once it is there, and once its numbers are."""
    from rowbatch import desk
    from serving_pages import served_pages, visiting

    del rows, rounds
    job = f"/jobs/{desk.job_id(place)}"
    with served_pages() as site, visiting(site) as client:
        client.get("/jobs")
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        text = _asked(client, job)
        print(f"a run that nobody looked at: its page after {_since(cpu_s, wall_s)}", flush=True)
        while _IS_COUNTED_YET in text:
            # As its page asks.
            time.sleep(0.8)
            text = _asked(client, f"{job}?part=results")
        print(f"its numbers after {_since(cpu_s, wall_s)}; {memory()}", flush=True)


def _since(cpu_s: float, wall_s: float) -> str:
    return f"{time.perf_counter() - wall_s:.1f} s ({time.process_time() - cpu_s:.1f} s of CPU)"


def _asked(client: httpx2.Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.text[:2_000])
    return answer.text


def memory() -> str:
    """The most memory that this process ever had, and how much it has now that is not mapped of files."""
    told = Path("/proc/self/status").read_text()
    peak_mb, own_mb = (int(re.findall(rf"{name}:\s+(\d+)", told)[0]) / 1024 for name in ("VmHWM", "RssAnon"))
    return f"at most {peak_mb:,.0f} MB with what was mapped of files; now {own_mb:,.0f} MB of its own"


def measure(place: Path, rows: int, rounds: int) -> None:
    """Each page of the job, in the order in which a person comes to it."""
    from rowbatch import api, desk
    from rowbatch.web.rendering import load_pages
    from serving_pages import served_pages, visiting

    run = api.open_run(place)
    job = f"/jobs/{desk.job_id(place)}"
    label = workload.LABELS[0]
    people = f"people=people&variable=label&says={label}"
    addresses = (
        "",
        "?part=results",
        "/splits",
        "/rows",
        "/rows?page=5000",
        f"/rows?variable=label&label={label}",
        "/rows?people=people&variable=label&differs=1",
        f"/rows?{people}&model={workload.LABELS[1]}",
        f"/rows/{rows // 2}",
        f"/rows/{rows // 2}?variable=label&label={label}",
        "/quality",
        "/download",
        "/methods",
    )
    with served_pages() as site, visiting(site) as client:
        client.get("/jobs")
        # As the program does while its first page is looked at.
        load_pages(site.program)
        assert site.program.upkeep.wait(60.0)
        print(f"{'page':64} {'first':>9} {'later':>9} {'corrected':>9}")
        for number, address in enumerate(addresses, start=1):

            def work(address: str = address) -> None:
                # On a busy machine a page may say that its numbers come at once.
                while _IS_COUNTED_YET in _asked(client, f"{job}{address}"):
                    pass

            first, later = once_ms(work), least_ms(work, rounds)
            run.correct(number, "label", label)
            corrected = once_ms(work)
            print(f"/jobs/JOB{address:55} {first:6.0f} ms {later:6.0f} ms {corrected:6.0f} ms", flush=True)
        code_some(place)
        print(f"\n{'page, by what people coded':64} {'first':>9} {'numbers':>9} {'later':>9}")
        for address in ("/quality", "/splits/corrected", "/stability"):
            began = time.perf_counter()
            answer = client.get(f"{job}{address}")
            first_ms = (time.perf_counter() - began) * 1e3
            while answer.headers.get("refresh"):
                time.sleep(0.2)
                answer = client.get(f"{job}{address}")
            assert answer.status_code == 200, (address, answer.text[:2_000])
            there_s = time.perf_counter() - began
            later_ms = least_ms(partial(client.get, f"{job}{address}"), rounds)
            print(f"/jobs/JOB{address:55} {first_ms:6.0f} ms {there_s:7.1f} s {later_ms:6.0f} ms", flush=True)
        print(memory())


if __name__ == "__main__":
    main()
