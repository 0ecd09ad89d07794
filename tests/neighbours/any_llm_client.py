"""any-llm: a batch and a chat of the provider openai."""

import json
import os
import time
from pathlib import Path

from any_llm import completion, create_batch, retrieve_batch, retrieve_batch_results

url = "/v1/chat/completions"
where = {"api_base": os.environ["OPENAI_BASE_URL"]}
body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}
lines = [{"custom_id": f"row-{n}", "method": "POST", "url": url, "body": body} for n in range(12)]
Path("requests.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
batch = create_batch("openai", "requests.jsonl", url, **where)
while retrieve_batch("openai", batch.id, **where).status not in ("completed", "failed", "expired"):
    time.sleep(0.2)
assert len(retrieve_batch_results("openai", batch.id, **where).results) == 12
said = completion(model="openai:gpt-4o-mini", messages=body["messages"], **where)
assert said.choices[0].message.content == "hello"
