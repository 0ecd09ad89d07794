"""pydantic-ai with its defaults: an agent, and a stream."""

import asyncio

from pydantic_ai import Agent

agent = Agent("openai:gpt-4o-mini")
assert agent.run_sync("hello").output == "hello"


async def streamed() -> None:
    async with agent.run_stream("hello") as result:
        assert "".join([part async for part in result.stream_text(delta=True)]) == "hello"


asyncio.run(streamed())
