"""autobatcher with batches of 24 hours."""

import asyncio
import os

from autobatcher import AsyncOpenAI


async def main() -> None:
    client = AsyncOpenAI(
        base_url=os.environ["OPENAI_BASE_URL"],
        # From the environment alone it would not be sent with the call for the results (0.12.0).
        api_key=os.environ["OPENAI_API_KEY"],
        completion_window="24h",
        poll_interval_seconds=1,
        batch_window_seconds=1,
    )
    asked = [
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": f"hello {n}"}])
        for n in range(12)
    ]
    said = await asyncio.wait_for(asyncio.gather(*asked), 120)
    assert [one.choices[0].message.content for one in said] == [f"hello {n}" for n in range(12)]
    await client.close()


asyncio.run(main())
