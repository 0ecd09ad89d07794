"""batchwork-ai: a batch of texts."""

import asyncio

from batchwork import BatchRequest, Batchwork


async def main() -> None:
    async with Batchwork() as client:
        requests = [BatchRequest(custom_id=f"row-{n}", prompt=f"hello {n}") for n in range(12)]
        job = await client.batch(model="openai/gpt-4o-mini", requests=requests)
        await job.wait(timeout=120)
        results = await job.collect()
        assert {one.custom_id: one.text for one in results} == {f"row-{n}": f"hello {n}" for n in range(12)}


asyncio.run(main())
