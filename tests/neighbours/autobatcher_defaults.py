"""autobatcher with its defaults: the Responses API in the background."""

import asyncio
import os

from autobatcher import AsyncOpenAI


async def main() -> None:
    client = AsyncOpenAI(base_url=os.environ["OPENAI_BASE_URL"])
    said = await asyncio.wait_for(
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}]), 100
    )
    assert said.choices[0].message.content == "hello"
    await client.close()


asyncio.run(main())
