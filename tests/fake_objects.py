"""
A small store in this process that speaks S3, and fails as it is told to.

The judge of what rowbatch does on a bad day; what a store does on a good one is asked of a real one
(`real_objects.py`). Signatures are not checked.
"""

from __future__ import annotations

import hashlib
import http.server
import re
import socket
import threading
import urllib.parse
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

KEY, SECRET = "AKIDTEST", "secret-canary-of-a-store"


@dataclass
class Faults:
    """
    What goes wrong.

    Attributes:
        ignores_condition: `If-None-Match` means nothing to it.
        answers: The next requests of a method get these: method, status, code.
        full_for: Of names with this ending nothing is taken: 403, QuotaExceeded.
        lose_answer: How many of the next writes are done, and their answer is lost.
        cut_upload: How many of the next writes are cut in their middle.
        cut_download: How many of the next reads are cut in their middle.
    """

    ignores_condition: bool = False
    answers: list[tuple[str, int, str]] = field(default_factory=list)
    full_for: str | None = None
    lose_answer: int = 0
    cut_upload: int = 0
    cut_download: int = 0


@dataclass
class FakeStore:
    """
    Attributes:
        url: Its address.
        objects: Name with the bucket, and content.
        asked: Method, name and range of each request.
        replaces: What an object is replaced by as soon as it is listed.
    """

    url: str = ""
    buckets: set[str] = field(default_factory=lambda: {"bucket"})
    objects: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    parts: dict[str, dict[int, bytes]] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    page: int = 1_000
    replaces: dict[str, bytes] = field(default_factory=dict)

    def names(self) -> list[str]:
        """Without the bucket."""
        return sorted(name.partition("/")[2] for name in self.objects)

    def environment(self) -> dict[str, str]:
        """What a program needs to reach it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        }


@contextmanager
def fake_store() -> Iterator[FakeStore]:
    """A store on a free port of this computer."""
    store = FakeStore()

    class Handler(_Handler):
        pass

    Handler.store = store
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    store.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    store: FakeStore
    protocol_version = "HTTP/1.1"
    # Two small writes of an answer would wait for each other.
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, code: str) -> None:
        self.answer(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())

    def hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def handle_one_request(self) -> None:
        with suppress(ConnectionError, ValueError):
            super().handle_one_request()
            return
        self.close_connection = True

    def prepare(self) -> tuple[str, dict[str, str]] | None:
        """Bucket with name, and query; None where it is answered already."""
        parts = urllib.parse.urlsplit(self.path)
        name = urllib.parse.unquote(parts.path).lstrip("/")
        query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        store, faults = self.store, self.store.faults
        store.asked.append((self.command, name, self.headers.get("Range", "")))
        for at, (method, status, code) in enumerate(faults.answers):
            if method == self.command:
                del faults.answers[at]
                self.body()
                self.refuse(status, code)
                return None
        if name.partition("/")[0] not in store.buckets:
            self.body()
            self.refuse(404, "NoSuchBucket")
            return None
        return name, query

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_PUT(self) -> None:
        if (found := self.prepare()) is None:
            return
        name, query = found
        store, faults = self.store, self.store.faults
        if faults.cut_upload:
            faults.cut_upload -= 1
            self.rfile.read(int(self.headers.get("Content-Length", 0)) // 2)
            self.hang_up()
            return
        body = self.body()
        if faults.full_for is not None and name.endswith(faults.full_for):
            self.refuse(403, "QuotaExceeded")
            return
        if "uploadId" in query:
            store.parts[query["uploadId"]][int(query["partNumber"])] = body
            self.answer(200, ETag=_etag(body))
            return
        with store.lock:
            is_taken = name in store.objects and not faults.ignores_condition
            if is_taken and self.headers.get("If-None-Match") == "*":
                is_taken = True
            else:
                is_taken = False
                store.objects[name] = body
                store.headers[name] = {
                    key: value for key, value in self.headers.items() if key.lower().startswith("x-amz-meta-")
                }
        if faults.lose_answer and not is_taken:
            faults.lose_answer -= 1
            self.hang_up()
        elif is_taken:
            self.refuse(412, "PreconditionFailed")
        else:
            self.answer(200, ETag=_etag(body))

    def do_POST(self) -> None:
        if (found := self.prepare()) is None:
            return
        name, query = found
        store, body = self.store, self.body()
        if "uploads" in query:
            upload = uuid.uuid4().hex
            store.parts[upload] = {}
            self.answer(200, f"<R><UploadId>{upload}</UploadId></R>".encode())
        elif "delete" in query:
            for key in re.findall(rb"<Key>(.*?)</Key>", body):
                store.objects.pop(f"{name.rstrip('/')}/{key.decode()}", None)
            self.answer(200, b"<DeleteResult></DeleteResult>")
        else:
            parts = store.parts.pop(query["uploadId"])
            store.objects[name] = b"".join(parts[number] for number in sorted(parts))
            store.headers[name] = {}
            self.answer(200, b"<R><ETag>&quot;1-2&quot;</ETag></R>")

    def do_DELETE(self) -> None:
        if (found := self.prepare()) is None:
            return
        name, query = found
        if "uploadId" in query:
            self.store.parts.pop(query["uploadId"], None)
        else:
            self.store.objects.pop(name, None)
        self.answer(204)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if (found := self.prepare()) is None:
            return
        name, query = found
        store = self.store
        if "list-type" in query:
            self.list(name.strip("/"), query)
            return
        content = store.objects.get(name)
        if content is None:
            self.refuse(404, "NoSuchKey")
            return
        etag = _etag(content)
        if self.headers.get("If-Match", etag) != etag:
            self.refuse(412, "PreconditionFailed")
            return
        headers = {
            **store.headers[name],
            "ETag": etag,
            "Last_Modified": "Sat, 28 Nov 2026 12:00:00 GMT",
        }
        status, body = 200, content
        if asked := re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", "")):
            start = int(asked[1]) if asked[1] else max(0, len(content) - int(asked[2]))
            end = min(int(asked[2]), len(content) - 1) if asked[1] and asked[2] else len(content) - 1
            if start >= len(content):
                self.refuse(416, "InvalidRange")
                return
            status, body = 206, content[start : end + 1]
            headers["Content_Range"] = f"bytes {start}-{end}/{len(content)}"
        headers["Content_Length"] = str(len(body))
        if store.faults.cut_download and self.command == "GET":
            store.faults.cut_download -= 1
            self.answer(status, body[: len(body) // 2], **headers)
            self.wfile.flush()
            self.hang_up()
            return
        self.answer(status, body, **headers)

    def list(self, bucket: str, query: dict[str, str]) -> None:
        prefix = f"{bucket}/{query.get('prefix', '')}"
        found = sorted((name for name in self.store.objects if name.startswith(prefix)), key=str.encode)
        after = query.get("continuation-token", "")
        rest = [name for name in found if name > after]
        page = rest[: self.store.page]
        items = "".join(
            f"<Contents><Key>{escape(name.partition('/')[2])}</Key><Size>{len(self.store.objects[name])}</Size>"
            "<LastModified>2026-11-28T12:00:00.000Z</LastModified>"
            f"<ETag>{escape(_etag(self.store.objects[name]))}</ETag></Contents>"
            for name in page
        )
        self.store.objects |= {
            name: self.store.replaces.pop(name) for name in page if name in self.store.replaces
        }
        more = ""
        if len(rest) > len(page):
            more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>"
        self.answer(
            200,
            f"<ListBucketResult><IsTruncated>{str(bool(more)).lower()}</IsTruncated>{items}{more}"
            "</ListBucketResult>".encode(),
        )


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'
