"""
How fast `rowbatch serve` hands the rows of a batch to another server, beside a bare client of that server,
and beside saturate, which hands rows out and keeps answers too; and what is wanted of each number.

The other server answers in 50 ms, or in 1 s, or as a graphics card does: in steps of 50 ms, each for up to
256 rows, eight of them a row. The bare client is aiohttp with a loop for each slot and nothing else.

    make bench-serve                                    all of it: rows a second want a quiet machine
    make bench-serve ARGS="--rows 5000 --rounds 1"      processor time and memory, on any machine
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
    peer = None if arguments.without_peers else _saturate_python()
    found: dict[str, list[dict[str, float]]] = {}
    for _ in range(arguments.rounds):
        with _upstream(18_700, "0.05") as url:
            for slots in _SLOTS:
                _note(found, _bare_at(slots), _run_bare(url, slots, rows))
            if peer:
                _note(found, _FIXED_PEER, _run_saturate(peer, folder, url, 256, rows))
            for version, source in versions.items():
                # The old one needs minutes for what the new one does in seconds.
                some = rows if version == _THIS else min(rows, 1_000)
                for slots in _SLOTS:
                    cost = _run_serve(folder, source, url, some, ["--slots", str(slots)])
                    _note(found, _serve_at(slots, version), cost)
        with _upstream(18_701, "1") as url:
            _note(found, _SLOW, _run_serve(folder, versions[_THIS], url, rows, ["--slots", "256"]))
        with _upstream(18_702, "steps") as url:
            _note(found, _BARE_STEPS, _run_bare(url, 256, rows))
            if peer:
                # With nothing said it stays near 20 at once, and would need minutes.
                _note(found, _PEER_STEPS, _run_saturate(peer, folder, url, 0, min(rows, 2_000)))
            for version, source in versions.items():
                some = rows if version == _THIS else min(rows, 500)
                _note(found, _serve_steps(version), _run_serve(folder, source, url, some, []))
    print(f"{'':58}{'rows/s':>9}{'ms CPU/row':>12}{'MB':>6}{'slots busy':>12}")
    bests: dict[str, dict[str, float]] = {}
    for label, costs in found.items():
        best = bests[label] = {name: max(cost[name] for cost in costs) for name in costs[0]}
        best["cpu_ms"] = min(cost["cpu_ms"] for cost in costs)
        # What waits for its step in a queue of the server's is no slot that is busy.
        busy = f"{best['busy']:.0%}" if best["busy"] <= 1 else ""
        print(f"{label:58}{best['rate']:9.0f}{best['cpu_ms']:12.2f}{best['mb']:6.0f}{busy:>12}")
    with _upstream(18_703, "0.001") as url:
        apart = _store_and_checks(folder, versions[_THIS], url)
    _tell_goals(bests, apart)


_THIS = "this version"
_SLOTS = (32, 256, 512)
_FIXED_PEER = "50 ms: saturate, 256 at once"
_SLOW = "1 s: serve, 256 slots"
_BARE_STEPS = "steps: bare client, 256 at once"
_PEER_STEPS = "steps: saturate, nothing said"


def _bare_at(slots: int) -> str:
    return f"50 ms: bare client, {slots} at once"


def _serve_at(slots: int, version: str = _THIS) -> str:
    return f"50 ms: serve, {slots} slots" + ("" if version == _THIS else f", {version}")


def _serve_steps(version: str = _THIS) -> str:
    return "steps: serve, nothing said" + ("" if version == _THIS else f", {version}")


def _tell_goals(bests: dict[str, dict[str, float]], apart: dict[str, float]) -> None:
    """What is wanted, what was found, and whether that is so."""
    rows = []
    for slots in _SLOTS:
        ratio = bests[_serve_at(slots)]["cpu_ms"] / bests[_bare_at(slots)]["cpu_ms"]
        rows.append(
            (f"processor time a row, {slots} slots", f"{ratio:.2f} x bare", "at most 2 x", ratio <= 2)
        )
    ratio = bests[_serve_at(512)]["cpu_ms"] / bests[_serve_at(32)]["cpu_ms"]
    rows.append(("processor time a row, 512 slots beside 32", f"{ratio:.2f} x", "at most 1 x", ratio <= 1))
    share = bests[_serve_at(256)]["rate"] / bests[_bare_at(256)]["rate"]
    rows.append(("rows/s of the bare client, 256 slots", f"{share:.0%}", "at least 60 %", share >= 0.6))
    busy = bests[_SLOW]["busy"]
    rows.append(("slots busy, 256 slots, answers in 1 s", f"{busy:.0%}", "at least 90 %", busy >= 0.9))
    share = bests[_serve_steps()]["rate"] / bests[_BARE_STEPS]["rate"]
    text = "rows/s of the bare client, steps, nothing said"
    rows.append((text, f"{share:.0%}", "at least 85 %", share >= 0.85))
    if _FIXED_PEER in bests:
        ratio = bests[_FIXED_PEER]["cpu_ms"] / bests[_serve_at(256)]["cpu_ms"]
        text = "rows a second of processor time, of saturate's"
        rows.append((text, f"{ratio:.1f} x", "at least 1 x", ratio >= 1))
    for (text, unit, most), value in zip(_APART, apart.values(), strict=True):
        rows.append((text, f"{value:.2f} {unit}", f"at most {most} {unit}", value <= most))
    print(f"\n{'':58}{'found':>16}{'wanted':>18}")
    for text, told, wanted, is_so in rows:
        print(f"{text:58}{told:>16}{wanted:>18}  {'met' if is_so else 'MISSED'}")


_APART = (
    ("processor time of the check of 200 MB of input", "s", 3),
    ("most memory with a batch of 50,000 rows", "MB", 150),
    ("GET /v1/batches?limit=100 among 20,000 batches", "ms", 50),
    ("a page of 100 and a look for work among them, in the store", "ms", 50),
)


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
    folder: Path, source: Path, url: str, options: list[str], *, home: Path | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], str, str]]:
    with contextlib.ExitStack() as stack:
        home = home or Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
        state = home / "server.json"
        state.unlink(missing_ok=True)
        words = [sys.executable, "-m", "rowbatch", "serve", "--home", str(home), "--port", "0"]
        process = subprocess.Popen(
            [*words, "--upstream", f"{url}/v1", *options],
            env={**os.environ, "PYTHONPATH": str(source)},
            stdout=subprocess.DEVNULL,
        )
        try:
            while not state.exists():
                if process.poll() is not None:
                    sys.exit("the server did not start")
                time.sleep(0.05)
            base_url = json.loads(state.read_text())["base_url"]
            yield process, base_url, (home / "server.key").read_text()
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


def _saturate_python() -> list[str] | None:
    """What runs a program with saturate; None where uv is not here."""
    uv = next(iter(sorted((_HERE.parent.parent / ".tools").glob("uv-*/bin/uv"))), None)
    if uv is None:
        print("no uv in .tools/: saturate is left out", file=sys.stderr)
        return None
    return [str(uv), "run", "--quiet", "--no-project", "--with", "saturate==0.2.0", "python"]


def _run_saturate(peer: list[str], folder: Path, url: str, slots: int, rows: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=folder) as out:
        program = str(_HERE.with_name("saturating.py"))
        # Without packages of the machine's, and nothing before the first row: that is not what is measured.
        subprocess.run([*peer, "-c", "import saturate"], check=True, capture_output=True)
        _asked(f"{url}/stats")
        words = [*peer, program, f"{url}/v1", str(slots), str(rows), out]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
    cost: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return {**cost, "busy": _busy(url, slots or _ROWS_A_STEP)}


def _store_and_checks(folder: Path, source: Path, url: str) -> dict[str, float]:
    """The check of 200 MB, a batch of 50,000 rows, and a list of 20,000 batches: the numbers of `_APART`."""
    import openai

    from rowbatch.server.chat_request import CHAT
    from rowbatch.server.storage import Cursor, Storage
    from rowbatch.server.validation import validate_input

    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(dir=folder) as name:
        path = Path(name) / "in.jsonl"
        body = {"model": _MODEL, "messages": [{"role": "user", "content": "x " * 1_990}]}
        with path.open("w") as lines:
            for number in range(49_000):
                line = {"custom_id": f"r{number}", "method": "POST", "url": CHAT.url, "body": body}
                lines.write(json.dumps(line) + "\n")
        began = time.process_time()
        verdict = validate_input(path, endpoint=CHAT, models=[_MODEL])
        found["check_s"] = time.process_time() - began
        assert verdict.requests == 49_000, verdict.errors[:1]
    cost = _run_serve(folder, source, url, 50_000, ["--slots", "256"])
    found["mb"] = cost["mb"]
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
        with _server(folder, source, url, [], home=home) as (_, address, own):
            found["list_ms"] = 1000 * min(_list_s(f"{address}/batches?limit=100", own) for _ in range(20))
        found["store_ms"] = 1000 * min(took)
    return found


def _list_s(address: str, key: str) -> float:
    request = urllib.request.Request(address, headers={"authorization": f"Bearer {key}"})
    began = time.monotonic()
    with urllib.request.urlopen(request, timeout=60) as answer:
        found = json.load(answer)
    took_s = time.monotonic() - began
    assert (len(found["data"]), found["has_more"]) == (100, True)
    return took_s


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
