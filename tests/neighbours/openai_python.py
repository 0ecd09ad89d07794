"""OpenAI's SDK for Python: a batch from its file to its results, its list, a cancel, a chat."""

import json
import time

import openai

CHAT = "/v1/chat/completions"
client = openai.OpenAI()
body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}
lines = [{"custom_id": f"row-{n}", "method": "POST", "url": CHAT, "body": body} for n in range(12)]
content = "".join(json.dumps(line) + "\n" for line in lines).encode()
file = client.files.create(file=("requests.jsonl", content), purpose="batch")
batch = client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
while batch.status not in ("completed", "failed", "expired", "cancelled"):
    time.sleep(0.1)
    batch = client.batches.retrieve(batch.id)
results = client.files.content(batch.output_file_id).text.splitlines()
assert {json.loads(line)["custom_id"] for line in results} == {line["custom_id"] for line in lines}
assert batch.id in [one.id for one in client.batches.list()]
client.files.delete(file.id)
assert client.chat.completions.create(**body).choices[0].message.content == "hello"
