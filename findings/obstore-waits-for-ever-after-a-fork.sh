#!/usr/bin/env bash
# obstore 0.12.1, Python 3.11 to 3.13 on Linux, 2026-11-28
#
# Expected: A process that was forked from one that used a store can use one too, or is told that it cannot.
# Seen:     The first call in the child never returns: the threads of the library stayed in the parent.
# Who meets it: whoever hands work to multiprocessing or concurrent.futures, which fork on Linux before Python 3.14, after a
#           first look at the store.
# Remedy:   multiprocessing.get_context("spawn"). rowbatch says so instead of waiting (`store-after-fork`).
#
# Exits with 1 when this is no longer so.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check 'obstore==0.12.1'
cat >"$place/see.py" <<'PYTHON'
import http.server
import os
import sys
import threading
import time

import obstore
from obstore.store import S3Store


class Store(http.server.BaseHTTPRequestHandler):
    """Takes everything."""

    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", "0")
        self.end_headers()


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store)
threading.Thread(target=server.serve_forever, daemon=True).start()
store = S3Store("bucket", endpoint=f"http://127.0.0.1:{server.server_port}", access_key_id="a",
                secret_access_key="b", region="us-east-1", client_options={"allow_http": True})
obstore.put(store, "of-parent", b"1", use_multipart=False)
child = os.fork()
if child == 0:
    obstore.put(store, "of-child", b"1", use_multipart=False)
    os._exit(0)
deadline = time.monotonic() + 10
while time.monotonic() < deadline:
    if os.waitpid(child, os.WNOHANG)[0]:
        sys.exit("the child came to its end")
    time.sleep(0.1)
os.kill(child, 9)
os.waitpid(child, 0)
print("the child waits for ever, as before")
PYTHON
"$place/venv/bin/python" -W ignore "$place/see.py"
