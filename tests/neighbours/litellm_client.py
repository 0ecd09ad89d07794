"""LiteLLM as a library: a batch from its file to its results, a chat, a stream."""

import json
import time
from pathlib import Path

import litellm

url = "/v1/chat/completions"
body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}
lines = [{"custom_id": f"row-{n}", "method": "POST", "url": url, "body": body} for n in range(12)]
Path("requests.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
with Path("requests.jsonl").open("rb") as requests:
    file = litellm.create_file(file=requests, purpose="batch", custom_llm_provider="openai")
batch = litellm.create_batch(
    completion_window="24h", endpoint=url, input_file_id=file.id, custom_llm_provider="openai"
)
while batch.status not in ("completed", "failed", "expired"):
    time.sleep(0.2)
    batch = litellm.retrieve_batch(batch.id, custom_llm_provider="openai")
content = litellm.file_content(batch.output_file_id, custom_llm_provider="openai").content
assert content.count(b"\n") == 12
said = litellm.completion(model="openai/gpt-4o-mini", messages=body["messages"])
assert said.choices[0].message.content == "hello"
parts = litellm.completion(model="openai/gpt-4o-mini", messages=body["messages"], stream=True)
assert "".join(part.choices[0].delta.content or "" for part in parts) == "hello"
