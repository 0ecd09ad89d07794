"""
Odd requests by the thousand, for the pages and for the Batch server: each has an answer, and none is a fault
of ours.

    python tests/fuzz_http.py --target server --requests 10000 --seed 1

Requests are made from the routes of the application and, for the pages, from the forms that its pages have:
parameters, headers, forms and JSON with values that fit, and with values that do not. Nine of ten go to the
application itself, the tenth through a socket, as bytes of which some are changed. A run prints how many
answers had which status. It fails on a status of 500 and above that is not meant, on an exception or a
traceback in the log, on an error of the server that is not in OpenAI's form, on a page without the headers of
its guard, on a batch that does not end or whose rows are not all there once, and on memory that grows.

No model and no provider is asked: programs cannot be started and connections go nowhere.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import inspect
import json
import logging
import os
import random
import re
import resource
import socket
import string
import sys
import tempfile
import threading
import urllib.parse
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest import mock

from starlette.routing import Route

from loops import run_alone
from rowbatch import api, desk
from rowbatch.errors import ServiceError
from rowbatch.server import launch
from rowbatch.server.app import create_app as create_server
from rowbatch.server.chat_request import CHAT
from rowbatch.server.engine import EngineReply
from rowbatch.server.engine_process import answer_line
from rowbatch.server.scoring import Choice
from rowbatch.server.storage import Cursor
from rowbatch.web.app import create_app as create_pages
from rowbatch.web.guard import Identity
from rowbatch.web.pages import jobs, label, results, review, settings, start, tables, tools
from rowbatch.web.program import Program
from serving import KEY, MODEL, running_server, scripted_local_model
from serving_pages import served_pages

_PORT = 8765
_MEANT = {503, 507}
_SLOWEST_S = 20.0
_MAX_GROWTH_BYTES = 600 << 20
_ENDED = ("completed", "failed", "expired", "cancelled")

ODD_TEXTS = (
    "",
    " ",
    "0",
    "-1",
    "1",
    "20",
    "1e999",
    "NaN",
    "Infinity",
    "9" * 25,
    "0" * 30 + "7",
    "1" * 5000,
    "1_000",
    "１２",
    "²",
    "0x10",
    "true",
    "null",
    "[]",
    "{}",
    '{"a": [1, 2]}',
    "a\0b",
    "\0",
    "\ud800",
    "text \udfff end",
    "中文🙂é",
    "é" * 3000,
    "x" * 70_000,
    "\u202egnp.exe",
    "\u2028\r\n\t",
    "<script>alert(1)</script>",
    "'\"><b>{{ 7*7 }}{% raw %}",
    "%s%n%ff%00",
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "C:\\x",
    "//evil.example/x",
    "file-" + "0" * 24,
    "batch_" + "0" * 32,
    "row-1",
    "=1+1",
    "a,b;c\td",
    "name: [",
    "a.jsonl",
    "$.a[0]",
    "\x1b[31m",
)
ODD_VALUES: tuple[Any, ...] = (
    *ODD_TEXTS,
    None,
    True,
    False,
    0,
    -1,
    2**63,
    10**400,
    0.5,
    -0.0,
    1e308,
    [],
    {},
    [[]],
    [None],
    ["a", 1],
    {"": ""},
    {"a": {"b": [1]}},
    {"\ud800": "\ud800"},
)
_REMOVES = ("/remove", "/discard")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get")
_ODD_HEADERS = (
    ("content-type", ("", "text/plain", "application/json; charset=utf-16", "multipart/form-data", "x")),
    (
        "content-type",
        ("multipart/form-data; boundary=", "multipart/form-data; boundary=" + "b" * 300, "a/b;;="),
    ),
    ("content-encoding", ("gzip", "identity", "br, gzip", "")),
    ("content-length", ("0", "99999999999999999999", "-1", "abc", "7")),
    ("range", ("bytes=0-", "bytes=5-2", "bytes=99999999999999999999-", "bytes=0-0,2-3", "x=1", "bytes=-5")),
    ("if-range", ('"x"', "yesterday")),
    ("accept", ("application/json", "", "*/*;q=x", "text/html")),
    ("accept-language", ("zh", "en;q=0.x", "", "\xff", "," * 500)),
    ("referer", ("x", "http://[::1", "http://127.0.0.1//evil.example/\\", "/" * 9)),
    ("idempotency-key", ("k", "k" * 5000, "\xe9\xff", "")),
    ("cookie", ("a=b; c", "=;=;", "rowbatch-look=<b>; rowbatch-language=\xff")),
    ("origin", ("null", "http://evil.example", "")),
    ("hx-request", ("true",)),
    ("expect", ("100-continue", "x")),
    ("x-" + "h" * 200, ("v" * 5000,)),
)


@dataclass(slots=True)
class Asked:
    """
    One request.

    Attributes:
        method: Of it.
        target: Path and query, in ASCII, as it stands in the first line.
        headers: In lower case.
        body: Of it.
    """

    method: str
    target: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @property
    def lines(self) -> bytes:
        """As it goes through a socket."""
        rows = [f"{self.method} {self.target} HTTP/1.1"]
        rows += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join(rows).encode("latin-1", "replace") + b"\r\n\r\n" + self.body


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back: a status, headers in lower case, and the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Site:
    """
    What is asked.

    Attributes:
        app: The application, in this process.
        routes: Path templates, each with its methods.
        headers: That let a request in.
        known: Values for the parameters of paths and for ids, by name.
        fields: Names that its queries and forms have.
        forms: Forms that its pages have: address, and fields with their values.
        judge: Looks at an answer; raises AssertionError.
    """

    app: Any
    routes: list[tuple[str, tuple[str, ...]]]
    headers: list[tuple[str, str]]
    known: dict[str, list[str]]
    fields: list[str]
    judge: Callable[[Asked, Answered], None]
    forms: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)


# Making requests


def percent_coded(text: str) -> str:
    """As a query or path has it; what is no text of UTF-8 too."""
    return urllib.parse.quote(text.encode("utf-8", "surrogatepass"), safe="")


def make_request(site: Site, draw: random.Random) -> Asked:
    """A request for one of the routes, more or less as it is meant to be."""
    path, methods = draw.choice(site.routes)
    while (path.endswith(_REMOVES) or "DELETE" in methods) and draw.random() < 0.95:
        # What is gone cannot be asked for again.
        path, methods = draw.choice(site.routes)
    filled = re.sub(
        r"\{(\w+)(?::\w+)?\}",
        lambda told: percent_coded(_likely(draw, site.known.get(told[1], []), 0.85)),
        path,
    )
    asked = Asked(draw.choice(methods), filled or "/", list(site.headers))
    if draw.random() < 0.35:
        asked.target += "?" + _query(site, draw)
    if asked.method not in ("GET", "HEAD"):
        _give_body(site, asked, draw)
    while draw.random() < 0.25:
        _change(asked, draw)
    return asked


def _likely(draw: random.Random, good: Sequence[str], share: float) -> str:
    return draw.choice(good) if good and draw.random() < share else draw.choice(ODD_TEXTS)


def _query(site: Site, draw: random.Random) -> str:
    if draw.random() < 0.05:
        return draw.choice(("%", "&&==&", "a=%ff%fe", ";", "=" * 300, "&".join("a" * 300)))
    pairs = []
    for _ in range(draw.choice((1, 1, 2, 5))):
        name = draw.choice(site.fields)
        pairs.append(f"{name}={percent_coded(_likely(draw, site.known.get(name, []), 0.4))}")
    return "&".join(pairs)


def _change(asked: Asked, draw: random.Random) -> None:
    match draw.randrange(6):
        case 0:
            asked.method = draw.choice(_METHODS)
        case 1 | 2:
            name, values = draw.choice(_ODD_HEADERS)
            if draw.random() < 0.7:
                asked.headers = [pair for pair in asked.headers if pair[0] != name]
            asked.headers.append((name, draw.choice(values)))
        case 3:
            asked.target += draw.choice(("/", "//", "/..", "%2f", "%00", "%ff", "/x", ";a=b", "?", "#"))
        case 4:
            asked.body = _cut_and_changed(asked.body, draw)
        case _:
            if asked.headers:
                asked.headers.pop(draw.randrange(len(asked.headers)))


def _cut_and_changed(data: bytes, draw: random.Random) -> bytes:
    content = bytearray(data)
    for _ in range(draw.choice((1, 2, 8))):
        if not content:
            break
        at = draw.randrange(len(content))
        match draw.randrange(4):
            case 0:
                content[at] = draw.randrange(256)
            case 1:
                del content[at : at + draw.choice((1, 20))]
            case 2:
                content[at:at] = draw.choice((b'"', b"\0", b"\xff", b"\r\n", b"--", b"{", b"\\ud800"))
            case _:
                del content[at:]
    return bytes(content)


def _give_body(site: Site, asked: Asked, draw: random.Random) -> None:
    path = asked.target.partition("?")[0]
    if path == "/v1/files":
        _give_upload(asked, draw)
    elif path.startswith("/v1/"):
        _give_json(site, asked, path, draw)
    elif path == "/tables":
        asked.body = draw.choice(_SMALL_FILES)
        asked.target = f"/tables?name={percent_coded(draw.choice(_FILE_NAMES))}"
    else:
        _give_form(site, asked, path, draw)


def _give_json(site: Site, asked: Asked, path: str, draw: random.Random) -> None:
    if path == "/v1/batches":
        body: Any = {
            "input_file_id": _likely(draw, site.known["file_id"], 0.8),
            "endpoint": CHAT.url,
            "completion_window": "24h",
        }
        if draw.random() < 0.4:
            body["metadata"] = {draw.choice(ODD_TEXTS): draw.choice(ODD_VALUES) for _ in range(2)}
        if draw.random() < 0.2:
            seconds = draw.choice((3600, 1, 86_400, *ODD_VALUES))
            body["output_expires_after"] = {"anchor": "created_at", "seconds": seconds}
    else:
        body = _chat(draw)
    if draw.random() < 0.4:
        body[draw.choice([*body, *site.fields])] = draw.choice(ODD_VALUES)
    if draw.random() < 0.1:
        body.pop(draw.choice(list(body)))
    raw = json.dumps(body if draw.random() < 0.95 else draw.choice(ODD_VALUES)).encode()
    match draw.randrange(16):
        case 0:
            raw = raw.replace(b"}", b', "model": "x", "model": NaN}', 1)
        case 1:
            raw = raw.replace(b"}", b', "deep": ' + b"[" * 300 + b"]" * 300 + b"}", 1)
        case 2:
            raw = raw.replace(b"}", b', "top_p": 1e999}', 1)
        case 3:
            raw = raw.decode().encode(draw.choice(("utf-16", "utf-8-sig", "utf-32")))
        case 4:
            raw = b""
    asked.headers.append(("content-type", "application/json"))
    asked.body = raw


def _chat(draw: random.Random) -> dict[str, Any]:
    """A body of chat completions that fits, or nearly."""
    content: Any = draw.choice(("so good", "非常好", "a\u2028b", draw.choice(ODD_TEXTS)))
    if draw.random() < 0.2:
        content = [{"type": draw.choice(("text", "image_url", 7)), "text": draw.choice(ODD_VALUES)}]
    message = {"role": draw.choice(("user", "user", "user", "system", draw.choice(ODD_VALUES)))}
    body: dict[str, Any] = {"model": MODEL, "messages": [{**message, "content": content}]}
    if draw.random() < 0.4:
        labels = draw.choice((["good", "bad"], ["a", "a"], ["\ud800", "b"], [], "ab", [1, None], ["é", "中"]))
        schema = {"type": "object", "properties": {"label": {"enum": labels}}}
        body["response_format"] = {"type": "json_schema", "json_schema": {"schema": schema}}
    if draw.random() < 0.4:
        names = ("temperature", "top_p", "max_tokens", "seed", "stop", "n", "tools", "stream", "logprobs")
        body[draw.choice(names)] = draw.choice(ODD_VALUES)
    return body


def _batch_file(draw: random.Random) -> bytes:
    """Lines of a batch: mostly sound, so that batches run, and sometimes not."""
    is_sound = draw.random() < 0.7
    lines = []
    for number in range(draw.choice((1, 3, 12))):
        entry: dict[str, Any] = {
            "custom_id": draw.choice((f"row-{number}", f"\ud800{number}", f"中{number}")),
            "method": "POST",
            "url": CHAT.url,
            "body": {**_chat(draw), "model": MODEL, "stream": False},
        }
        if not is_sound:
            entry[draw.choice(list(entry))] = draw.choice(ODD_VALUES)
        line = json.dumps(entry).encode()
        lines.append(line if is_sound or draw.random() < 0.8 else _cut_and_changed(line, draw))
    return draw.choice((b"\n", b"\n", b"\r\n")).join(lines) + draw.choice((b"\n", b""))


def _give_upload(asked: Asked, draw: random.Random) -> None:
    fields: list[tuple[str, str | None, bytes]] = [
        ("purpose", None, _utf8(draw.choice(("batch",) * 8 + ODD_TEXTS))),
        ("file", draw.choice(("a.jsonl",) * 6 + _FILE_NAMES), _batch_file(draw)),
    ]
    match draw.randrange(12):
        case 0:
            fields.reverse()
        case 1:
            fields.append(fields[-1])
        case 2:
            fields.pop()
        case 3:
            fields.append(("expires_after[anchor]", None, b"created_at"))
            fields.append(("expires_after[seconds]", None, _utf8(draw.choice(("3600", *ODD_TEXTS)))))
        case 4:
            fields += [(name, None, b"x") for name in string.ascii_letters]
        case 5:
            fields[1] = ("file", None, b"a text")
        case 6:
            fields[0] = ("purpose", "p.jsonl", b"batch")
    content_type, asked.body = _multipart(fields, draw)
    asked.headers.append(("content-type", content_type))


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _multipart(fields: list[tuple[str, str | None, bytes]], draw: random.Random) -> tuple[str, bytes]:
    edge, parts = "edge", []
    for name, filename, content in fields:
        head = b'content-disposition: form-data; name="' + _utf8(name) + b'"'
        if filename is not None:
            head += b'; filename="' + _utf8(filename).replace(b'"', b"%22") + b'"'
        parts.append(b"--edge\r\n" + head + b"\r\n\r\n" + content + b"\r\n")
    body = b"".join(parts) + b"--edge--\r\n"
    charset = ""
    match draw.randrange(20):
        case 0:
            body = body.removesuffix(b"--edge--\r\n")
        case 1:
            edge = "other"
        case 2:
            charset = "; charset=" + draw.choice(
                ("utf-7", "utf-16", "latin-1", "undefined", "hex", "x", "idna")
            )
        case 3:
            body = body[: len(body) // 2]
    return f"multipart/form-data; boundary={edge}{charset}", body


def _give_form(site: Site, asked: Asked, path: str, draw: random.Random) -> None:
    """One of the forms that pages have, or one of any fields; coded in either way."""
    ours = [fields for address, fields in site.forms if address.partition("?")[0] == path]
    values: dict[str, str] = {}
    for name, good in (draw.choice(ours) if ours else {}).items():
        if draw.random() < 0.9:
            values[name] = _likely(draw, good, 0.8)
    for _ in range(draw.choice((0, 1, 3))):
        name = draw.choice([*site.fields, *values])
        values[name] = _likely(draw, site.known.get(name, []), 0.3)
    if draw.random() < 0.4:
        fields: list[tuple[str, str | None, bytes]] = [
            (name, None, _utf8(text)) for name, text in values.items()
        ]
        for name in draw.sample(_FILE_FIELDS, draw.choice((0, 1, 1, 2))):
            fields.append((name, draw.choice(_FILE_NAMES), draw.choice(_SMALL_FILES)))
        content_type, asked.body = _multipart(fields, draw)
    else:
        content_type = "application/x-www-form-urlencoded"
        pairs = (f"{percent_coded(name)}={percent_coded(text)}" for name, text in values.items())
        asked.body = "&".join(pairs).encode()
    asked.headers.append(("content-type", content_type))


_FILE_NAMES = (
    "posts.csv",
    "a.jsonl",
    "中文.csv",
    "\ud800.csv",
    "",
    "..",
    "../x.csv",
    "a\0.csv",
    "x" * 400 + ".csv",
    "a.json",
    "noending",
    "<b>.csv",
)
_SMALL_FILES = (
    b"",
    b"id,post\n1,so good\n2,so bad\n",
    b"\xff\xfe\x00",
    b'{"custom_id": "row-1", "method": "POST", "url": "/v1/chat/completions", "body": {}}\n',
    b'{"custom_id":"row-1","response":{"status_code":200,"body":{"choices":[{"message":{"content":"good"},'
    b'"finish_reason":"stop"}]}},"error":null}\n',
    b'{"a": "\\ud800"}\n{"a": "x"}\n',
    "变量\n帖子\n".encode("gb18030"),
    b"variables:\n  - name: tone\n    labels: [good, bad]\n",
    b"a\n" * 400,
)
_FILE_FIELDS = ("file", "table", "results", "join", "codebook_file", "batch", "image")


# The applications


class _EchoModel:
    """In the place of the local model: says something, whatever it is asked."""

    def generate(self, body: Mapping[str, Any], messages: list[dict[str, str]]) -> dict[str, Any]:
        del body
        return self._said(messages[-1]["content"])

    def choose(self, messages: list[dict[str, str]], choice: Choice) -> dict[str, Any] | None:
        return self._said(choice.labels[0]) if len(messages[-1]["content"]) % 3 else None

    def _said(self, content: str) -> dict[str, Any]:
        usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
        message = {"role": "assistant", "content": content}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {"object": "chat.completion", "model": MODEL, "choices": [choice], "usage": usage}


class OddEngine:
    """Answers as the local model's process would, and now and then as another server might."""

    batches_at_once = 8
    may_ignore = True
    behind = "http://odd.invalid/v1"
    state = "loaded"
    fault = None
    details: Mapping[str, Any] = MappingProxyType({})
    models: Mapping[str, Mapping[str, Any]] = {MODEL: {"title": MODEL}}

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._replies: tuple[EngineReply, ...] = (
            EngineReply(200, {"choices": [], "usage": "many"}),
            EngineReply(200, {"choices": [], "usage": {"prompt_tokens": "7", "completion_tokens": [1]}}),
            EngineReply(200, {"choices": [{"logprob": float("nan")}]}),
            EngineReply(200, {"id": "\ud800", "choices": [{"message": {"content": "half \udc00"}}]}),
            EngineReply(201, {}),
            EngineReply(204, {}),
            EngineReply(302, {"to": "elsewhere"}),
            EngineReply(429, {"error": {"message": "busy", "type": "x", "param": None, "code": None}}),
            EngineReply(503, {"error": {"message": "\ud800", "type": "x", "param": None, "code": None}}),
            EngineReply(400, {"detail": "another form"}),
        )

    def slots(self, model: str) -> int:
        return 4

    async def refresh(self) -> None:
        pass

    async def answer(self, endpoint: str, body: Mapping[str, Any], *, is_patient: bool = True) -> EngineReply:
        await asyncio.sleep(0)
        if self._draw.random() < 0.15:
            return self._draw.choice(self._replies)
        line = json.dumps({"id": 1, "endpoint": endpoint, "body": body}).encode()
        reply = json.loads(answer_line(_EchoModel(), line))  # type: ignore[arg-type]
        return EngineReply(reply["status_code"], reply["body"])

    async def stream(self, endpoint: str, body: Mapping[str, Any]) -> EngineReply:
        return await self.answer(endpoint, body)

    async def stop(self) -> None:
        pass


def routes_of(app: Any) -> list[tuple[str, tuple[str, ...]]]:
    """The path templates of an application, behind whatever is around it, with their methods."""
    while not hasattr(app, "routes"):
        app = app._app
    return [
        (route.path, tuple(sorted(route.methods or ()))) for route in app.routes if isinstance(route, Route)
    ]


def judge_server(asked: Asked, answered: Answered) -> None:
    """Every error is one of OpenAI's; what is JSON is JSON for every reader."""
    content_type = answered.headers.get("content-type", "")
    if asked.method == "HEAD" or not content_type.startswith("application/json"):
        assert answered.status < 400 or asked.method == "HEAD", "an error in another form"
        return
    found = json.loads(answered.body.decode(), parse_constant=_no_constant)
    if answered.status >= 400:
        error = found["error"]
        assert error.keys() >= {"message", "type", "param", "code"}, found
        assert isinstance(error["message"], str)
        assert error["message"]
        assert isinstance(error["type"], str)
    if answered.status >= 500:
        meant = answered.status in _MEANT or error["code"] == "engine_answer_unsound"
        assert meant, f"status {answered.status}"


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} in an answer")


def judge_page(asked: Asked, answered: Answered) -> None:
    """Every answer has the headers of the guard, and none a traceback."""
    assert answered.status < 500 or answered.status in _MEANT, f"status {answered.status}"
    assert "default-src 'none'" in answered.headers["content-security-policy"]
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert b"Traceback (most recent call last)" not in answered.body
    del asked


def server_site(home: Path, seed: int) -> Site:
    """The Batch server, with a few files and batches of the right form to ask for."""
    app = create_server(home, OddEngine(seed), key=KEY)
    headers = [("host", f"127.0.0.1:{_PORT}"), ("authorization", f"Bearer {KEY}")]
    known = {
        "file_id": ["file-none"],
        "batch_id": ["batch_none"],
        "model_id": [MODEL],
        "limit": ["1", "3", "100"],
        "order": ["asc", "desc"],
        "purpose": ["batch", "batch_output"],
        "after": ["file-none"],
    }
    fields = ["limit", "after", "order", "purpose", "model", "messages", "metadata", "endpoint"]
    return Site(app, routes_of(app), headers, known, fields, judge_server)


@contextmanager
def page_site(folder: Path) -> Iterator[Site]:
    """The pages, with tables of several kinds and a job that is done."""
    tables_here = {
        "posts.csv": b"id,post,truth\n" + b"".join(b"%d,post %d,good\n" % (n, n) for n in range(30)),
        "half.jsonl": b'{"post": "half \\ud800", "\\udc00": "x"}\n{"post": "<b>", "\\udc00": "=1+1"}\n',
        os.fsdecode(b"caf\xe9.csv"): "post\ncafé\n".encode("latin-1"),
        "numbers.json": b'[{"post": "a", "n": 1e5}, {"post": "b", "n": 12345678901234567890}]',
    }
    for name, content in tables_here.items():
        (folder / name).write_bytes(content)
    program = Program(_PORT)
    with scripted_local_model(folder / "server"):
        run = api.create(
            folder / "posts.csv", text="post", labels=["good", "bad"], prompt="?", run=folder / "done"
        )
        run.submit()
        run.wait()
    ids = [program.library.add(folder / name).id for name in tables_here]
    app, headers = _guarded_pages(program)
    known = {
        "table_id": ids,
        "job_id": [desk.job_id(run.path)],
        "row": ["1", "7", "30", "31"],
        "tool": ["convert", "split", "extract"],
        "file_id": ["none"],
        "name": ["app.css", "app.js", "posts.csv"],
        "provider": ["local", "openai"],
        "do": ["review", "look", "save", "undo", "try"],
        "format": ["csv", "xlsx", "jsonl", "parquet"],
    }
    pages = (jobs, label, results, review, settings, start, tables, tools)
    source = "".join(inspect.getsource(module) for module in pages)
    # Names of fields are words in the code of the pages; most of the other words do no harm as names.
    fields = sorted(set(re.findall(r'"([a-z][a-z_.0-9]{1,30})"', source)))
    site = Site(app, routes_of(app), headers, known, fields, judge_page)
    try:
        yield site
    finally:
        program.stop()


def _guarded_pages(program: Program) -> tuple[Any, list[tuple[str, str]]]:
    """The pages behind their guard, and the headers of a browser that was let in."""
    host = f"127.0.0.1:{_PORT}"
    identity = Identity.new()
    app = create_pages(program, identity, lambda: None)
    cookie = "=".join(identity.cookie(host))
    return app, [("host", host), ("origin", f"http://{host}"), ("cookie", cookie)]


class _Forms(HTMLParser):
    """The forms of a page: address, and names with the values that the page has for them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, list[str]]]] = []
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append((unescape(told.get("action", "")), {}))
        elif tag in ("input", "textarea", "button") and told.get("name") and self.found:
            self.found[-1][1].setdefault(told["name"], []).append(told.get("value", ""))
        elif tag == "select":
            self._select = told.get("name", "")
        elif tag == "option" and self._select and self.found:
            self.found[-1][1].setdefault(self._select, []).append(told.get("value", ""))


# Asking


async def ask(app: Any, asked: Asked) -> Answered:
    """Ask the application as uvicorn does; the body comes in two pieces."""
    path, _, query = asked.target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", _PORT),
        "client": ("127.0.0.1", 1),
        "scheme": "http",
        "root_path": "",
        "method": asked.method,
        # uvicorn 0.54, h11_impl.py: the path is unquoted, the query is not.
        "path": urllib.parse.unquote(path),
        "raw_path": path.encode("ascii"),
        "query_string": query.encode("ascii"),
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in asked.headers],
        "state": {},
    }
    half = len(asked.body) // 2
    messages = [
        {"type": "http.request", "body": asked.body[:half], "more_body": True},
        {"type": "http.request", "body": asked.body[half:], "more_body": False},
    ]
    started: dict[str, Any] = {}
    body = bytearray()

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop(0)
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            started.update(message)
        else:
            body.extend(message.get("body", b""))

    await asyncio.wait_for(app(scope, receive, send), _SLOWEST_S)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in started["headers"]}
    return Answered(int(started["status"]), headers, bytes(body))


@asynccontextmanager
async def alive(app: Any) -> AsyncIterator[None]:
    """The application from its beginning to its end, as uvicorn takes it through."""
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    running = asyncio.create_task(app(scope, told.get, heard.put))
    await told.put({"type": "lifespan.startup"})
    assert (await heard.get())["type"] == "lifespan.startup.complete"
    try:
        yield
    finally:
        await told.put({"type": "lifespan.shutdown"})
        assert (await heard.get())["type"] == "lifespan.shutdown.complete"
        await running


async def learn_forms(site: Site) -> None:
    """Look at every page once, and take its forms along."""
    for path, methods in site.routes:
        if "GET" not in methods:
            continue
        names = re.findall(r"\{(\w+)", path)
        for number in range(max([1, *(len(site.known.get(name, [])) for name in names)])):
            filled = path
            for name in names:
                good = site.known.get(name) or ["none"]
                filled = filled.replace("{" + name + "}", percent_coded(good[number % len(good)]))
            answered = await ask(site.app, Asked("GET", filled, list(site.headers)))
            site.judge(Asked("GET", filled), answered)
            if answered.headers.get("content-type", "").startswith("text/html"):
                forms = _Forms()
                forms.feed(answered.body.decode())
                site.forms += [(address or filled, fields) for address, fields in forms.found if fields]


def learn_ids(site: Site, asked: Asked, answered: Answered) -> None:
    """What was made can be asked for."""
    if answered.status != 200 or asked.method != "POST":
        return
    if answered.headers.get("content-type", "").startswith("application/json"):
        found = json.loads(answered.body)
        if table := re.match(r"/tables/(\w+)", str(found.get("url", ""))):
            site.known["table_id"].append(table[1])
        made = str(found.get("id", ""))
        if made.startswith(("file-", "batch_")):
            ids = site.known["file_id" if made.startswith("file-") else "batch_id"]
            ids.append(made)
            site.known["after"].append(made)
            del ids[:-40]


def ask_by_socket(port: int, raw: bytes, *, wait_s: float) -> int | None:
    """
    The status of the answer to these bytes, or None when there was none.

    Args:
        port: Of this computer.
        raw: All that is sent.
        wait_s: For what may never come: the bytes may promise more of themselves.
    """
    with socket.socket() as connection:
        connection.settimeout(wait_s)
        _CONNECT(connection, ("127.0.0.1", port))
        answer = b""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, TimeoutError):
            connection.sendall(raw)
            # The end is not told: uvicorn 0.54 gives no answer to who will send nothing more.
            while len(answer) < 12 and (block := connection.recv(65_536)):
                answer += block
    told = re.match(rb"HTTP/1\.1 (\d\d\d)", answer)
    assert told or not answer, answer
    return int(told[1]) if told else None


_CONNECT = socket.socket.connect


class _Faults(logging.Handler):
    """What programs say when they are at a loss."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        # A page that is still at work when everything ends is cut off, and uvicorn says so.
        is_end = "timeout graceful shutdown exceeded" in self.format(record)
        if not is_end:
            self.said.append(self.format(record))


@contextmanager
def watched() -> Iterator[_Faults]:
    """Collect errors of the log, and of threads."""
    faults, root = _Faults(), logging.getLogger()

    def thread_failed(told: threading.ExceptHookArgs) -> None:
        faults.said.append(f"in a thread: {told.exc_type.__name__}: {told.exc_value}")

    root.addHandler(faults)
    # uvicorn's own loggers do not hand on what they were told.
    loud = logging.getLogger("uvicorn.error")
    loud.addHandler(faults)
    with mock.patch.object(threading, "excepthook", thread_failed):
        try:
            yield faults
        finally:
            root.removeHandler(faults)
            loud.removeHandler(faults)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """No keys, a home of its own, and no program that is started."""

    def start_nothing(*_: Any, **__: Any) -> Any:
        raise ServiceError("server-did-not-start", home="home", log="log")

    kept = {name: value for name, value in os.environ.items() if not name.endswith("_KEY")}
    here = {**kept, "ROWBATCH_HOME": str(folder / "home"), "ROWBATCH_CACHE": str(folder / "cache")}
    with (
        contextlib.chdir(folder),
        mock.patch.dict(os.environ, here, clear=True),
        mock.patch.object(launch, "start_until_ready", start_nothing),
    ):
        yield


async def _ask_all(site: Site, count: int, draw: random.Random, faults: _Faults) -> collections.Counter[str]:
    ends: collections.Counter[str] = collections.Counter()
    async with alive(site.app):
        await learn_forms(site)
        for number in range(count):
            asked = make_request(site, draw)
            try:
                answered = await ask(site.app, asked)
                site.judge(asked, answered)
                assert not faults.said, faults.said[0]
            except BaseException:
                sys.stderr.write(f"request {number}: {asked.lines[:3000]!r}\n")
                raise
            learn_ids(site, asked, answered)
            ends[str(answered.status)] += 1
        if hasattr(site.app, "state"):
            await _judge_batches(site)
    return ends


async def _judge_batches(site: Site) -> None:
    """Every batch has ended, and has each row of its input once."""
    runner, storage = site.app.state.server.runner, site.app.state.server.storage
    async with asyncio.timeout(60):
        while storage.oldest_batch("validating", "in_progress", "finalizing", "cancelling") is not None:
            await asyncio.sleep(0.01)
    assert runner.fault is None, runner.fault
    after, batches = None, []
    while True:
        page = storage.list_batches(Cursor(100, after=after))
        batches += page.items
        if not page.has_more:
            break
        after = page.items[-1]["id"]
    for batch in batches:
        assert batch["status"] in _ENDED, batch
        ids: list[str] = []
        for name in ("output_file_id", "error_file_id"):
            if batch[name] and storage.file(batch[name]):
                lines = storage.path_of(batch[name]).read_bytes().splitlines()
                ids += [json.loads(line, parse_constant=_no_constant)["custom_id"] for line in lines]
        assert len(set(ids)) == len(ids)
        if batch["status"] == "failed":
            assert not ids, batch
            assert batch["errors"]["data"][0]["code"] != "server_error", batch


def fuzz(target: str, requests: int, seed: int) -> collections.Counter[str]:
    """
    Ask so many odd requests.

    Args:
        target: `app` for the pages, `server` for the Batch server.
        requests: In all; every tenth goes through a socket.
        seed: The same requests again for the same seed.
    Returns:
        How often which status came back; `none` where a socket was closed without an answer.
    """
    draw, before = random.Random(seed), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    by_socket = requests // 10
    with tempfile.TemporaryDirectory() as name, watched() as faults:
        folder = Path(name)
        with alone(folder):
            if target == "server":
                site = server_site(folder / "kept", seed)
                ends = run_alone(_ask_all(site, requests - by_socket, draw, faults))
                with running_server(folder / "by-socket", OddEngine(seed)) as endpoint:
                    port = urllib.parse.urlsplit(endpoint.base_url).port or 0
                    ends += _ask_by_socket(site, port, by_socket, draw)
            else:
                with page_site(folder) as site, unreachable():
                    ends = run_alone(_ask_all(site, requests - by_socket, draw, faults))
                    with served_pages() as served:
                        (cookie,) = served.cookie.items()
                        ends += _ask_by_socket(
                            site, served.program.port, by_socket, draw, cookie="=".join(cookie)
                        )
        assert not faults.said, faults.said[0]
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < _MAX_GROWTH_BYTES, f"memory grew by {grown >> 20} MiB"
    return ends


@contextmanager
def unreachable() -> Iterator[None]:
    """Nobody can be reached from here but by `ask_by_socket`."""

    def refuse(*_: Any) -> Any:
        raise ConnectionRefusedError("nobody is to be reached")

    with mock.patch.object(socket.socket, "connect", refuse):
        yield


def _ask_by_socket(
    site: Site, port: int, count: int, draw: random.Random, *, cookie: str = ""
) -> collections.Counter[str]:
    """Ask a server at a port; `cookie` is the one that holds there."""
    ours = dict(site.headers).get("cookie", "")
    ends: collections.Counter[str] = collections.Counter()
    for number in range(count):
        asked = make_request(site, draw)
        is_counted = "content-length" not in dict(asked.headers)
        if is_counted:
            asked.headers.append(("content-length", str(len(asked.body))))
        raw = asked.lines.replace(b":%d" % _PORT, b":%d" % port)
        if cookie:
            raw = raw.replace(ours.encode(), cookie.encode())
        is_whole = draw.random() < 0.5
        if not is_whole:
            raw = _cut_and_changed(raw, draw)
        status = ask_by_socket(port, raw, wait_s=_SLOWEST_S if is_whole and is_counted else 0.3)
        if status is not None and status >= 500 and status not in {501, 502, *_MEANT}:
            sys.stderr.write(f"request {number} by socket: {raw[:3000]!r}\n")
            raise AssertionError(f"status {status}")
        ends[str(status or "none")] += 1
    return ends


def main() -> None:
    parser = argparse.ArgumentParser(description="Ask odd requests by the thousand.")
    parser.add_argument("--target", choices=("app", "server"), action="append", help="Both when left out.")
    parser.add_argument("--requests", type=int, default=10_000, help="To each.")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for target in arguments.target or ("server", "app"):
        ends = fuzz(target, arguments.requests, arguments.seed)
        sys.stdout.write(f"{target}: {sum(ends.values()):,}\n")
        for end, count in sorted(ends.items()):
            sys.stdout.write(f"  {count:7,}  {end}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
