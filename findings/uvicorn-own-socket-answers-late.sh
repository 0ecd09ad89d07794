#!/usr/bin/env bash
# uvicorn 0.54.0 (starlette 1.10.0, h11 0.16.0), CPython 3.11 to 3.13, Linux, 2026-11-27
#
# A program makes its listening socket itself, as one does that looks for a free port or is handed one by systemd,
# and gives it to uvicorn: `Server.serve(sockets=[listener])`.
#
# Expected: the server answers as it does with `host=` and `port=`.
# Seen:     each answer on a kept-alive connection comes about 40 ms later (a page of 1 ms takes 41 to 48 ms), since
#           the connections have Nagle's algorithm on. asyncio sets TCP_NODELAY for sockets alone whose `proto` is
#           IPPROTO_TCP (base_events._set_nodelay); `socket.socket(AF_INET, SOCK_STREAM)` and `create_server` have
#           `proto` 0, those that asyncio makes from host and port have 6, and uvicorn hands the socket on as it is.
#           A client that opens a connection for each request sees little of it, so tests with curl do not show it.
# Who meets it: local web apps on a free port, socket activation, test servers; benchmarks of them.
# Remedy:   `listener.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)`, or `socket.socket(..., proto=IPPROTO_TCP)`.
#
# Exits with 1 when this is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check uvicorn==0.54.0 starlette==1.10.0 h11==0.16.0
cat > "$folder/show.py" <<'PYTHON'
import asyncio
import http.client
import socket
import statistics
import sys
import time

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("hello"))])


def ask(port, times=40):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    took = []
    for _ in range(times):
        started = time.perf_counter()
        connection.request("GET", "/")
        connection.getresponse().read()
        took.append((time.perf_counter() - started) * 1e3)
    return connection, statistics.median(took[10:])


async def measured(listener, port):
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener] if listener else None))
    while not server.started:
        await asyncio.sleep(0.01)
    connection, median = await asyncio.to_thread(ask, port)
    options = {
        one.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        for one in server.server_state.connections
    }
    connection.close()
    server.should_exit = True
    await serving
    return bool(options.pop()), median


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


by_name = asyncio.run(measured(None, free_port()))
own = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
own.bind(("127.0.0.1", 0))
own_socket = asyncio.run(measured(own, own.getsockname()[1]))
named = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
named.bind(("127.0.0.1", 0))
named_socket = asyncio.run(measured(named, named.getsockname()[1]))
print("Python", sys.version.split()[0], "uvicorn", uvicorn.__version__)
for name, (nodelay, median) in {
    "host and port": by_name,
    "own socket": own_socket,
    "own socket, proto named": named_socket,
}.items():
    print(f"{name:24} TCP_NODELAY {nodelay!s:5}  median of an answer {median:6.2f} ms")
still = by_name[0] and not own_socket[0] and named_socket[0]
if sys.platform == "linux":
    still = still and own_socket[1] > 10 * by_name[1]
sys.exit(0 if still else "this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/show.py"
