"""GABRIEL: ratings of texts, by the Responses API."""

import asyncio

import gabriel
import pandas as pd


async def main() -> None:
    texts = pd.DataFrame({"text": ["a good day", "a bad day"]})
    found = await gabriel.rate(
        texts,
        "text",
        attributes={"joy": "how joyful it is"},
        save_dir="ratings",
        model="gpt-4o-mini",
        n_parallels=2,
    )
    assert len(found) == 2
    assert list(found["joy"]) == [37, 37]


asyncio.run(main())
