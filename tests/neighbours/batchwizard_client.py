"""batchwizard: its two commands."""

import json
import subprocess
import sys
from pathlib import Path

url = "/v1/chat/completions"
body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}
lines = [{"custom_id": f"row-{n}", "method": "POST", "url": url, "body": body} for n in range(12)]
Path("requests.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
command = str(Path(sys.executable).with_name("batchwizard"))
subprocess.run([command, "submit", "requests.jsonl", "--endpoint", url], check=True)
subprocess.run([command, "watch", "--output-directory", "results"], check=True, timeout=200)
found = "".join(path.read_text() for path in Path("results").rglob("*.jsonl"))
assert all(f'"row-{n}"' in found for n in range(12)), found[:500]
