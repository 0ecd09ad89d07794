"""curator's batch mode."""

from bespokelabs import curator

model = curator.LLM("gpt-4o-mini", batch=True, backend_params={"batch_check_interval": 1})
found = model([f"hello {n}" for n in range(12)])
rows = getattr(found, "dataset", found)
assert len(rows) == 12
