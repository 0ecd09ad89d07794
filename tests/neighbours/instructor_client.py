"""instructor's BatchProcessor: models of pydantic from a batch."""

import time

from instructor.batch import BatchProcessor
from pydantic import BaseModel


class Person(BaseModel):
    name: str
    age: int


processor = BatchProcessor("openai/gpt-4o-mini", Person)
messages = [[{"role": "user", "content": f"hello {n}"}] for n in range(12)]
processor.create_batch_from_messages(messages, file_path="requests.jsonl")
batch = processor.submit_batch("requests.jsonl")
while processor.get_batch_status(batch)["status"] not in ("completed", "failed", "expired"):
    time.sleep(0.2)
results = processor.get_results(batch)
assert len(results) == 12
assert all(one.success for one in results), results[0]
