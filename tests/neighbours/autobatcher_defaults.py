"""autobatcher with its defaults: the Responses API in the background."""

import asyncio

from autobatcher import AsyncOpenAI


async def main() -> None:
    client = AsyncOpenAI()
    said = await asyncio.wait_for(
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}]), 100
    )
    assert said.choices[0].message.content == "hello"
    await client.close()


asyncio.run(main())
