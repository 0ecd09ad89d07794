"""steadybatch: a batch with a schema."""

from steadybatch import Request, Runner
from steadybatch.providers.openai_batch import OpenAIBatch

schema = {
    "type": "object",
    "properties": {"sentiment": {"type": "string", "enum": ["negative", "neutral", "positive"]}},
    "required": ["sentiment"],
    "additionalProperties": False,
}
requests = [Request(key=f"row-{n}", messages=[{"role": "user", "content": f"hello {n}"}]) for n in range(12)]
runner = (
    Runner(OpenAIBatch(), "gpt-4.1-mini", response_schema=schema, checkpoint="job.sqlite", poll_seconds=1)
    if "poll_seconds" in Runner.__init__.__code__.co_varnames
    else Runner(OpenAIBatch(), "gpt-4.1-mini", response_schema=schema, checkpoint="job.sqlite")
)
report = runner.run(requests)
assert (report.ok, report.failed) == (12, 0), report
