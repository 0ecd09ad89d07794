"""
A Batch server in front of another server is killed again and again, and each row has one answer in the end.

    python tests/serve_kills.py --kills 200

`rowbatch serve` is killed (kill -9, every fifth time SIGTERM) at random moments of its batches and started
again. The server behind it counts: a row whose line was written is never asked again, and no more rows are
asked twice than were under way or not yet written.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx2

from end_to_end import environment
from upstreams import MODEL, Said, echo, fake_upstream

_SLOTS = 8
_TIMES_OUT_S = 100.0


def main() -> None:
    """Say what was done, and raise where a promise was broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--rows", type=int, default=2_000, help="of a batch")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        told = kill_again_and_again(Path(name), options.kills, options.rows, options.seed)
    print(told)


def kill_again_and_again(folder: Path, kills: int, rows: int, seed: int) -> str:
    """
    Kill the server so often; batches follow each other until then.

    Raises:
        AssertionError: A row is missing, there twice, has another's answer, or was asked once too often.
    """
    draw = random.Random(seed)
    done = batches = twice = 0
    began = time.monotonic()
    with fake_upstream(lambda body: Said(body=echo(body).body, delay_s=draw.random() / 50)) as server:
        while done < kills:
            batches += 1
            server.calls.clear()
            process, ask = _started(folder, server.base_url)
            batch = _created(ask, rows)
            written: Counter[str] = Counter()
            deaths = 0
            while done < kills and (state := ask(f"batches/{batch}"))["status"] != "completed":
                time.sleep(draw.random() * 0.6)
                is_gentle = done % 5 == 4
                os.kill(process.pid, signal.SIGTERM if is_gentle else signal.SIGKILL)
                process.wait(_TIMES_OUT_S)
                done, deaths = done + 1, deaths + 1
                now = _written(folder, batch)
                assert not written - now, "a line that was written is gone"
                asked_before = len(server.calls)
                process, ask = _started(folder, server.base_url)
                later = {_text(body) for body in server.calls[asked_before:]}
                assert not later & now.keys(), "a row with a line was asked again"
                written = now
            while (state := ask(f"batches/{batch}"))["status"] != "completed":
                time.sleep(0.05)
            content = ask(f"files/{state['output_file_id']}/content", is_json=False)
            process.kill()
            process.wait()
            entries = [json.loads(line) for line in content.splitlines()]
            texts = {entry["custom_id"]: entry["response"]["body"] for entry in entries}
            assert len(entries) == len(texts) == rows, (len(entries), len(texts))
            assert all(body["choices"][0]["message"]["content"] == name for name, body in texts.items())
            again = len(server.calls) - rows
            assert 0 <= again <= 2 * _SLOTS * deaths, (again, deaths)
            twice += again
            print(f"{done} kills, {batches} batches, {twice} asked twice", file=sys.stderr, flush=True)
    return (
        f"{done} kills in {batches} batches of {rows:,} rows: each row once; {twice} of "
        f"{batches * rows:,} asked twice; {time.monotonic() - began:.0f} s"
    )


def _started(folder: Path, upstream: str) -> tuple[subprocess.Popen[bytes], Callable[..., Any]]:
    """Our server, and how it is asked."""
    home = folder / "server"
    (home / "server.json").unlink(missing_ok=True)
    words = ["serve", "--home", str(home), "--port", "0", "--upstream", upstream, "--slots", str(_SLOTS)]
    log = folder / "log"
    with log.open("wb") as to:
        process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", "rowbatch", *words],
            env=environment(folder),
            stdout=to,
            stderr=to,
        )
    end = time.monotonic() + _TIMES_OUT_S
    while not (home / "server.json").exists():
        if process.poll() is not None or time.monotonic() > end:
            # Where it hangs it says where.
            process.send_signal(signal.SIGABRT)
            process.wait()
            raise AssertionError(f"it does not start: {log.read_text(errors='replace')[-8000:]}")
        time.sleep(0.02)
    base_url = json.loads((home / "server.json").read_text())["base_url"]
    headers = {"authorization": f"Bearer {(home / 'server.key').read_text().strip()}"}

    def ask(path: str, *, is_json: bool = True, **more: Any) -> Any:
        method = "POST" if more else "GET"
        found = httpx2.request(method, f"{base_url}/{path}", headers=headers, timeout=60, **more)
        found.raise_for_status()
        return found.json() if is_json else found.content

    return process, ask


def _created(ask: Callable[..., Any], rows: int) -> str:
    url = "/v1/chat/completions"
    lines = (
        {
            "custom_id": f"row-{number}",
            "method": "POST",
            "url": url,
            "body": {"model": MODEL, "messages": [{"role": "user", "content": f"row-{number}"}]},
        }
        for number in range(rows)
    )
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    file = ask("files", files={"file": ("in.jsonl", content)}, data={"purpose": "batch"})
    wanted = {"input_file_id": file["id"], "endpoint": url, "completion_window": "24h"}
    return str(ask("batches", json=wanted)["id"])


def _written(folder: Path, batch: str) -> Counter[str]:
    """How often each row has a whole line, in the work file or in the result."""
    places = [
        folder / "server" / "work" / f"{batch}.output",
        *(folder / "server" / "files").glob(f"file-{batch.removeprefix('batch_')}o"),
    ]
    found = Counter(
        json.loads(line)["custom_id"]
        for path in places
        if path.exists()
        for line in path.read_bytes().split(b"\n")[:-1]
    )
    assert set(found.values()) <= {1}, "a row has two lines"
    return found


def _text(body: Mapping[str, Any]) -> str:
    return str(body["messages"][-1]["content"])


if __name__ == "__main__":
    main()
