"""Pages in a real browser, watched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def opened(chromium: Any, link: str, **options: Any) -> Iterator[Any]:
    """
    A page that fails the test on any error in its console and any call to another host.

    Set `may` of it to a pattern of what its console may say: a page that was refused on purpose says so, and
    so does one whose program is gone.
    """
    own = link[: link.index("/", len("http://"))]
    # The link leads to the same port under the name of this start.
    ours = re.compile(rf"({own}|http://rb-[0-9a-f]{{32}}\.localhost:{own.rpartition(':')[2]})/|data:")
    context = chromium.new_context(accept_downloads=True, **{"locale": "en-US", **options})
    wrong: list[str] = []

    def watch(page: Any) -> None:
        page.on(
            "console", lambda told: wrong.append(told.text) if told.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda call: None if ours.match(call.url) else wrong.append(call.url))

    context.on("page", watch)
    page = context.new_page()
    page.goto(link)
    try:
        yield page
        assert [text for text in wrong if not getattr(page, "may", re.compile(r"(?!)")).search(text)] == []
    finally:
        context.close()
