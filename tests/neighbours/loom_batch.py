"""loom-batch: a batch of prompts, each with its own answer."""

import time

from loom import Loom

client = Loom("openai", "gpt-4o-mini", use_cache=False)
prompts = [f"hello {n}" for n in range(12)]
job = client.submit(prompts)
end = time.monotonic() + 240
while not (fetched := job.fetch()).done:
    assert time.monotonic() < end, job
    time.sleep(1)
assert fetched.responses == {f"prompt-{n}": prompt for n, prompt in enumerate(prompts)}, fetched
assert not fetched.error_messages, fetched
