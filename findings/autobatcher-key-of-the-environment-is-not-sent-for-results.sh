#!/usr/bin/env bash
# autobatcher 0.12.0, openai 2.54.0, httpx 0.28.1, CPython 3.11.7, 2026-11-29
#
# A client of autobatcher with `completion_window="24h"` takes its key from OPENAI_API_KEY, as the clients of the
# package that it stands in for do, and asks for three chat completions.
#
# Expected: every call has the key: the upload, the batch, the looks at it, and the file of results.
# Seen:     The batch is made with the key, runs and is paid for. The results are fetched by another HTTP client,
#           which has a key only where the argument `api_key` was given: that call has no Authorization header. The
#           provider's 401 is told at the level of debug alone, and each request ends with "No result for request".
# Who meets it: whoever keeps keys in the environment, as its documentation of the parent class says; all answers of
#           the batch are lost to the program, though they are paid for and lie at the provider.
# Remedy:   `api_key=os.environ["OPENAI_API_KEY"]`.
#
# Exits with 1 when this is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check autobatcher==0.12.0 openai==2.54.0 httpx==0.28.1
cat > "$folder/provider.py" <<'PYTHON'
"""A provider that answers at once, lets in whoever has the key, and notes which calls have it."""

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "Bearer sk-of-the-environment"
lines: list[dict] = []


class Provider(BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        has_key = self.headers.get("authorization") == KEY
        print(self.command, re.sub(r"/v1", "", self.path), "key" if has_key else "no key", flush=True)
        batch = {
            "id": "batch_1", "object": "batch", "endpoint": "/v1/chat/completions", "input_file_id": "file-1",
            "completion_window": "24h", "status": "completed", "created_at": 1, "output_file_id": "file-2",
            "request_counts": {"total": len(lines), "completed": len(lines), "failed": 0},
        }
        if not has_key:
            return self.send(401, {"error": {"message": "no key"}})
        if self.path == "/v1/files":
            lines.extend(json.loads(one) for one in re.findall(rb'\{"custom_id".*\}', body))
            return self.send(200, {"id": "file-1", "object": "file", "bytes": 1, "created_at": 1,
                                   "filename": "a.jsonl", "purpose": "batch", "status": "processed"})
        if self.path.startswith("/v1/batches"):
            return self.send(200, batch)
        said = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "yes"}}]}
        found = [{"id": "r", "custom_id": one["custom_id"], "error": None,
                  "response": {"status_code": 200, "body": said}} for one in lines]
        return self.send(200, "".join(json.dumps(one) + "\n" for one in found))

    def send(self, status, told):
        content = (told if isinstance(told, str) else json.dumps(told)).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
open(sys.argv[1], "w").write(str(server.server_address[1]))
server.serve_forever()
PYTHON
cat > "$folder/client.py" <<'PYTHON'
import asyncio
import os
import sys

from autobatcher import AsyncOpenAI


async def main():
    own = {"api_key": os.environ["OPENAI_API_KEY"]} if sys.argv[1] == "argument" else {}
    client = AsyncOpenAI(
        base_url=os.environ["OPENAI_BASE_URL"], completion_window="24h", poll_interval_seconds=0.2,
        batch_window_seconds=0.2, **own,
    )
    asked = [client.chat.completions.create(model="m", messages=[{"role": "user", "content": f"{n}"}]) for n in range(3)]
    said = await asyncio.gather(*asked, return_exceptions=True)
    print([one.choices[0].message.content if hasattr(one, "choices") else str(one)[:21] for one in said])
    await client.close()


asyncio.run(main())
PYTHON
seen() {
  rm -f "$folder/port"
  "$folder/venv/bin/python" "$folder/provider.py" "$folder/port" > "$folder/calls.txt" &
  local server=$!
  until [ -s "$folder/port" ]; do sleep 0.1; done
  OPENAI_API_KEY=sk-of-the-environment OPENAI_BASE_URL="http://127.0.0.1:$(cat "$folder/port")/v1" \
    "$folder/venv/bin/python" "$folder/client.py" "$1" 2> /dev/null
  kill "$server"
  sort -u "$folder/calls.txt"
}
argument=$(seen argument)
environment=$(seen environment)
printf 'key as an argument:\n%s\nkey of the environment:\n%s\n' "$argument" "$environment"
grep -q "'yes', 'yes', 'yes'" <<< "$argument"
grep -q "GET /files/file-2/content key" <<< "$argument"
grep -q "POST /batches key" <<< "$environment"
grep -q "GET /files/file-2/content no key" <<< "$environment"
grep -q "No result for request" <<< "$environment"
