"""batch-openai: a batch of chats."""

from batch_openai import BatchRequestBuilder
from openai import OpenAI

client, builder = OpenAI(), BatchRequestBuilder()
for n in range(12):
    builder.add(
        messages=[{"role": "user", "content": f"hello {n}"}], model="gpt-4o-mini", custom_id=f"row-{n}"
    )
result = builder.submit(client, description="neighbours").wait(poll_interval=1)
assert {one.custom_id: one.content for one in result.succeeded} == {
    f"row-{n}": f"hello {n}" for n in range(12)
}
assert not result.failed
