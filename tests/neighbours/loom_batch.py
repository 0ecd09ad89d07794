"""loom-batch: a batch of prompts."""

import time

from loom import Loom

client = Loom("openai", "gpt-4o-mini", use_cache=False)
job = client.submit([f"hello {n}" for n in range(12)])
for _ in range(120):
    try:
        fetched = job.fetch()
    except Exception as error:
        if "not" not in str(error).lower():
            raise
    else:
        if fetched is not None and getattr(fetched, "is_complete", True):
            break
    time.sleep(1)
print(fetched)
