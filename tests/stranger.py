"""
Another user of the same computer, for `make attack`: what Python itself brings, and harmless questions.

    python stranger.py WHO read FOLDER...       what he can read below these, as JSON
    python stranger.py WHO listen PORT HOST...  answer every request there, and tell what came: a line each
    python stranger.py WHO processes WORD...    in which processes' arguments these words stand
    python stranger.py WHO knock ASKED          ask for pages, without and with cookies he can think of

WHO is the numbers of his user and group, as in 65534:65534, or "-" for whoever runs it.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - looked up by name, when it may be out of his reach
import http.client
import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


def read(folders: list[str]) -> dict[str, Any]:
    """Everything below some folders that can be listed or read."""
    listed, files = [], []
    for folder in folders:
        for path, names in _listed(folder):
            listed.append(path)
            for name in names:
                inner = Path(path) / name
                try:
                    with inner.open("rb") as file:
                        file.read(1)
                    files.append(str(inner))
                except OSError:
                    continue
    return {"listed": listed, "files": files}


def _listed(folder: str) -> Iterator[tuple[str, list[str]]]:
    waiting = [folder]
    while waiting:
        path = waiting.pop()
        try:
            names = os.listdir(path)  # noqa: PTH208 - one that may not be listed is told apart
        except NotADirectoryError:
            continue
        except OSError:
            # A folder whose names may not be read can still be gone through by those who know them.
            continue
        yield path, names
        waiting += [f"{path}/{name}" for name in names]


class Listener(BaseHTTPRequestHandler):
    """Tells what comes, and answers with a page."""

    protocol_version = "HTTP/1.1"
    server: ThreadingHTTPServer

    def _answer(self) -> None:
        told = {
            "port": self.server.server_port,
            "path": self.path,
            "headers": dict(self.headers.items()),
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        body = b"<!doctype html><title>stranger</title><p>hello"
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_HEAD = _answer  # noqa: N815 - the library's names

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def listen(port: int, hosts: list[str]) -> None:
    """Answer on these addresses until the end; port 0 means any."""
    servers = [ThreadingHTTPServer((host, port), Listener) for host in hosts]
    sys.stdout.write(json.dumps({"ports": [server.server_address[1] for server in servers]}) + "\n")
    sys.stdout.flush()
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()


def processes(words: list[str]) -> dict[str, list[str]]:
    """Processes in whose arguments or environment one of the words stands."""
    found: dict[str, list[str]] = {word: [] for word in words}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        for name in ("cmdline", "environ"):
            try:
                content = (folder / name).read_bytes()
            except OSError:
                continue
            for word in words:
                if word.encode() in content and b"processes" not in content:
                    found[word].append(f"{folder.name}/{name}")
    return found


def knock(
    port: int, hosts: list[str], paths: list[str], cookies: list[str]
) -> list[tuple[str, str, str, int]]:
    """Ask for paths under host names, with each cookie; returns what was asked and the status."""
    told = []
    for host in hosts:
        for path in paths:
            for method in ("GET", "POST"):
                for cookie in ("", *cookies):
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
                    headers = {"Host": host, "Origin": f"http://{host}", "Content-Type": "text/plain"}
                    if cookie:
                        headers["Cookie"] = cookie
                    try:
                        connection.request(method, path, headers=headers)
                        status = connection.getresponse().status
                    except (OSError, http.client.HTTPException):
                        status = 0
                    finally:
                        connection.close()
                    told.append((method, host, path, status))
    return told


def main(words: list[str]) -> None:
    """What the first word says."""
    what, rest = words[0], words[1:]
    if what == "read":
        answer: Any = read(rest)
    elif what == "listen":
        listen(int(rest[0]), rest[1:])
        return
    elif what == "processes":
        answer = processes(rest)
    else:
        asked = json.loads(rest[0])
        answer = knock(asked["port"], asked["hosts"], asked["paths"], asked["cookies"])
    sys.stdout.write(json.dumps(answer) + "\n")


def become(user: int, group: int) -> None:
    """Give up what one is, for good: Python has been read by then, which he may not be able to."""
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)


if __name__ == "__main__":
    socket.setdefaulttimeout(30)
    if sys.argv[1] != "-":
        become(*map(int, sys.argv[1].split(":")))
    main(sys.argv[2:])
