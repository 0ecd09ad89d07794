"""
How fast `rowbatch serve` hands the rows of a batch to another server, beside a bare client of that server.

The other server answers in 50 ms, or in 1 s, or as a graphics card does: in steps of 50 ms, each for up to
256 rows, eight of them a row. The bare client is aiohttp with a loop for each slot and nothing else.

    python benchmarks/bench_serve.py --commit 10cb1cb --folder /dev/shm
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench_data_plane import versions_of
from options import parser_of

_HERE = Path(__file__).resolve()
_MODEL = "tiny"
_STEP_S, _STEPS, _ROWS_A_STEP = 0.05, 8, 256


def main() -> None:
    if len(sys.argv) > 2 and sys.argv[1] == "--upstream":
        _serve(int(sys.argv[2]), sys.argv[3])
        return
    if len(sys.argv) > 2 and sys.argv[1] == "--bare":
        asyncio.run(_bare(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
        return
    parser = parser_of("Time the way of rows to another server.", rows=20_000, rounds=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rowbatch-bench-", dir=arguments.folder) as name:
        _measure(Path(name), arguments)


def _measure(folder: Path, arguments: argparse.Namespace) -> None:
    rows = arguments.rows
    versions = versions_of(arguments.commit, folder)
    found: dict[str, list[dict[str, float]]] = {}
    for _ in range(arguments.rounds):
        with _upstream(18_700, "0.05") as url:
            _note(found, "50 ms: bare client, 256 at once", _run_bare(url, 256, rows))
            for version, source in versions.items():
                # The old one needs minutes for what the new one does in seconds.
                some = rows if version == "this version" else min(rows, 1_000)
                for slots in (32, 256, 512):
                    label = f"50 ms: serve, {slots} slots, {version}"
                    _note(found, label, _run_serve(folder, source, url, some, ["--slots", str(slots)]))
        with _upstream(18_701, "1") as url:
            label = "1 s: serve, 256 slots, this version"
            _note(found, label, _run_serve(folder, versions["this version"], url, rows, ["--slots", "256"]))
        with _upstream(18_702, "steps") as url:
            _note(found, "steps: bare client, 256 at once", _run_bare(url, 256, rows))
            for version, source in versions.items():
                some = rows if version == "this version" else min(rows, 500)
                _note(
                    found, f"steps: serve, nothing said, {version}", _run_serve(folder, source, url, some, [])
                )
    print(f"{'':58}{'rows/s':>9}{'ms CPU/row':>12}{'MB':>6}{'slots busy':>12}")
    for label, costs in found.items():
        best = {name: max(cost[name] for cost in costs) for name in costs[0]}
        best["cpu_ms"] = min(cost["cpu_ms"] for cost in costs)
        print(f"{label:58}{best['rate']:9.0f}{best['cpu_ms']:12.2f}{best['mb']:6.0f}{best['busy']:12.0%}")
    with _upstream(18_703, "0.001") as url:
        for label, value in _store_and_checks(folder, versions["this version"], url).items():
            print(f"{label:58}{value}")


def _note(found: dict[str, list[dict[str, float]]], label: str, cost: dict[str, float]) -> None:
    found.setdefault(label, []).append(cost)
    print(f"{label}: {cost['rate']:.0f} rows/s, {cost['cpu_ms']:.2f} ms", file=sys.stderr, flush=True)


# The other server, and the bare client.


def _serve(port: int, how: str) -> None:
    from aiohttp import web

    seen = {"first": 0.0, "last": 0.0, "busy_s": 0.0, "calls": 0}
    gate = asyncio.Semaphore(_ROWS_A_STEP)

    async def wait() -> None:
        if how != "steps":
            await asyncio.sleep(float(how))
            return
        async with gate:
            # A row joins with the next step, and all rows of a step are ready at once.
            for _ in range(_STEPS):
                await asyncio.sleep(_STEP_S - time.monotonic() % _STEP_S)

    async def chat(request: web.Request) -> web.Response:
        began = time.monotonic()
        seen["calls"] += 1
        seen["first"] = seen["first"] or began
        await request.read()
        await wait()
        seen["last"] = time.monotonic()
        seen["busy_s"] += seen["last"] - began
        message = {"role": "assistant", "content": "good"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 20, "completion_tokens": 8, "total_tokens": 28}
        answer = {"id": "c", "object": "chat.completion", "created": 1, "model": _MODEL, "usage": usage}
        return web.json_response({**answer, "choices": [choice]})

    async def models(_: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": _MODEL, "object": "model"}]})

    async def stats(_: web.Request) -> web.Response:
        told = web.json_response(seen)
        seen.update(first=0.0, last=0.0, busy_s=0.0, calls=0)
        return told

    app = web.Application()
    app.add_routes(
        [web.post("/v1/chat/completions", chat), web.get("/v1/models", models), web.get("/stats", stats)]
    )
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


@contextlib.contextmanager
def _upstream(port: int, how: str) -> Iterator[str]:
    process = subprocess.Popen([sys.executable, str(_HERE), "--upstream", str(port), how])
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            with contextlib.suppress(OSError):
                _asked(f"{url}/v1/models")
                break
            time.sleep(0.1)
        yield url
    finally:
        process.kill()
        process.wait()


def _body(number: int) -> dict[str, Any]:
    return {"model": _MODEL, "messages": [{"role": "user", "content": f"text number {number} is here"}]}


async def _bare(url: str, slots: int, rows: int) -> None:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        left = iter(range(rows))

        async def work() -> None:
            for number in left:
                async with session.post(f"{url}/v1/chat/completions", json=_body(number)) as response:
                    await response.json()

        began = time.monotonic()
        await asyncio.gather(*(work() for _ in range(slots)))
        wall_s = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_ms = 1000 * (used.ru_utime + used.ru_stime) / rows
    print(json.dumps({"rate": rows / wall_s, "cpu_ms": cpu_ms, "mb": used.ru_maxrss / 1024}))


def _run_bare(url: str, slots: int, rows: int) -> dict[str, float]:
    _asked(f"{url}/stats")
    words = [sys.executable, str(_HERE), "--bare", url, str(slots), str(rows)]
    cost: dict[str, float] = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    return {**cost, "busy": _busy(url, slots)}


# What is measured.


@contextlib.contextmanager
def _server(
    folder: Path, source: Path, url: str, options: list[str]
) -> Iterator[tuple[subprocess.Popen[bytes], str, str]]:
    with tempfile.TemporaryDirectory(dir=folder) as home:
        words = [sys.executable, "-m", "rowbatch", "serve", "--home", home, "--port", "0"]
        process = subprocess.Popen(
            [*words, "--upstream", f"{url}/v1", *options],
            env={**os.environ, "PYTHONPATH": str(source)},
            stdout=subprocess.DEVNULL,
        )
        try:
            state = Path(home) / "server.json"
            while not state.exists():
                if process.poll() is not None:
                    sys.exit("the server did not start")
                time.sleep(0.05)
            base_url = json.loads(state.read_text())["base_url"]
            yield process, base_url, (Path(home) / "server.key").read_text()
        finally:
            process.kill()
            process.wait()


def _run_serve(folder: Path, source: Path, url: str, rows: int, options: list[str]) -> dict[str, float]:
    import openai

    slots = int(options[1]) if options else _ROWS_A_STEP
    lines = (
        json.dumps({"custom_id": f"r{n}", "method": "POST", "url": "/v1/chat/completions", "body": _body(n)})
        for n in range(rows)
    )
    with _server(folder, source, url, options) as (process, base_url, key):
        client = openai.OpenAI(base_url=base_url, api_key=key)
        content = "".join(f"{line}\n" for line in lines).encode()
        file = client.files.create(file=("in.jsonl", content), purpose="batch")
        _asked(f"{url}/stats")
        before_s = _cpu_s(process.pid)
        batch = client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        while batch.status not in ("completed", "failed"):
            time.sleep(0.5)
            batch = client.batches.retrieve(batch.id)
        if batch.request_counts is None or batch.request_counts.completed != rows:
            sys.exit(f"not all rows were answered: {batch}")
        cpu_ms = 1000 * (_cpu_s(process.pid) - before_s) / rows
        told = _asked(f"{url}/stats")
        span_s = told["last"] - told["first"]
        busy = told["busy_s"] / (slots * span_s)
        return {"rate": rows / span_s, "cpu_ms": cpu_ms, "mb": _most_mb(process.pid), "busy": busy}


def _store_and_checks(folder: Path, source: Path, url: str) -> dict[str, str]:
    """A list of 20,000 batches, the check of 200 MB, and a batch of 50,000 rows."""
    import openai

    from rowbatch.server.chat_request import CHAT
    from rowbatch.server.storage import Cursor, Storage
    from rowbatch.server.validation import validate_input

    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory(dir=folder) as name:
        path = Path(name) / "in.jsonl"
        body = {"model": _MODEL, "messages": [{"role": "user", "content": "x " * 1_990}]}
        with path.open("w") as lines:
            for number in range(49_000):
                line = {"custom_id": f"r{number}", "method": "POST", "url": CHAT.url, "body": body}
                lines.write(json.dumps(line) + "\n")
        began = time.process_time()
        verdict = validate_input(path, endpoint=CHAT, models=[_MODEL])
        took_s = time.process_time() - began
        assert verdict.requests == 49_000, verdict.errors[:1]
        found[f"check of an input of {path.stat().st_size / 1e6:.0f} MB"] = f"{took_s:.2f} s of CPU"
    cost = _run_serve(folder, source, url, 50_000, ["--slots", "256"])
    found["most memory with a batch of 50,000 rows"] = f"{cost['mb']:.0f} MB"
    with _server(folder, source, url, []) as (process, base_url, key):
        client = openai.OpenAI(base_url=base_url, api_key=key)
        file = client.files.create(file=("in.jsonl", b"{}\n"), purpose="batch")
        one = client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        while one.status != "failed":
            time.sleep(0.05)
            one = client.batches.retrieve(one.id)
        home = next(path for path in folder.glob("*/server.sqlite")).parent
        process.kill()
        process.wait()
        storage = Storage(home)
        document = storage.batch(one.id) or {}
        storage._db.execute("BEGIN")
        for number in range(20_000):
            values = (
                f"batch_{number:032x}",
                json.dumps({**document, "id": f"batch_{number:032x}"}),
                "failed",
            )
            storage._db.execute("INSERT INTO batch (id, document, status) VALUES (?, ?, ?)", values)
        storage._db.execute("COMMIT")
        took = []
        for _ in range(20):
            began = time.monotonic()
            assert len(storage.list_batches(Cursor(limit=100)).items) == 100
            assert storage.oldest_batch("validating", "in_progress") is None
            took.append(time.monotonic() - began)
        storage.close()
        found["a page of 100 and a look for work, among 20,000 batches"] = f"{1000 * min(took):.1f} ms"
    return found


def _asked(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def _busy(url: str, slots: int) -> float:
    told = _asked(f"{url}/stats")
    return float(told["busy_s"] / (slots * (told["last"] - told["first"])))


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _most_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
