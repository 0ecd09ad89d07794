"""
A fake provider as a server of its own: `fake_server.py PORT_FILE [--faults JSON] [--seed N] [--polls N]
[--skin NAME]`.

Its own count of what was paid stands at `GET /judge`; `POST /faults` changes what goes wrong.
"""

from __future__ import annotations

import argparse
import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from fake_providers import FakeProvider, Faults


def serve(fake: FakeProvider, port_file: Path) -> None:
    """Answer until the process is killed."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self._body()
            with lock:
                if self.path == "/judge":
                    self._send(200, json.dumps(_judged(fake)).encode(), {})
                    return
                if self.path == "/faults":
                    fake.faults = Faults(**json.loads(body))
                    self._send(200, b"{}", {})
                    return
                fake.now = datetime.now(UTC)
                headers = {name.lower(): value for name, value in self.headers.items()}
                reply = fake.handle(self.command, self.path, headers, body)
            if reply.lost:
                self.close_connection = True
                self.connection.close()
                return
            self._send(reply.status, reply.body, dict(reply.headers), reply.cut)

        def _body(self) -> bytes:
            if self.headers.get("transfer-encoding", "") != "chunked":
                return self.rfile.read(int(self.headers.get("content-length") or 0))
            # A batch whose requests stand in the call itself comes in pieces.
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def _send(self, status: int, body: bytes, headers: dict[str, str], cut: int | None = None) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if cut is None else body[:cut])
            if cut is not None:
                self.close_connection = True

        def __getattr__(self, name: str) -> Any:
            # The base class looks for a method `do_GET` and the like.
            if name in ("do_GET", "do_POST", "do_DELETE"):
                return self._answer
            raise AttributeError(name)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port_file.with_suffix(".part").write_text(str(server.server_address[1]))
    port_file.with_suffix(".part").replace(port_file)
    server.serve_forever()


def _judged(fake: FakeProvider) -> dict[str, Any]:
    return {
        "batches": len(fake.batches),
        "posts": fake.posts,
        "double_submits": fake.double_submits(),
        "paid_twice": [row for row, count in fake.paid_rows.items() if count > 1],
        "rows_paid": len(fake.paid_rows),
        "texts_paid": len(fake.paid_texts),
        "texts_paid_twice": [text for text, count in fake.paid_texts.items() if count > 1],
        "rows_run": fake.rows_run,
        "keys": sorted(fake.keys_seen),
        "calls": dict(fake.calls),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port_file", type=Path)
    parser.add_argument("--faults", default="{}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--polls", type=int, default=1)
    parser.add_argument("--skin", default="openai")
    options = parser.parse_args()
    provider = FakeProvider(options.skin, Faults(**json.loads(options.faults)), options.seed)
    provider.work_polls = options.polls
    serve(provider, options.port_file)
