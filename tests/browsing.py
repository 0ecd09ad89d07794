"""Pages in a real browser, watched."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.base import AXE_FILE_PATH

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


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


def hand_over(page: Any, path: Path) -> None:
    """Give the program a table, and go on to the question."""
    page.set_input_files("#file", path)
    page.wait_for_url(re.compile("/tables/[0-9a-f]{16}"))
    if not page.url.endswith("/label"):
        page.locator("#next button").click()
        page.wait_for_url("**/label**")


def review(page: Any) -> None:
    """From the question to what will happen."""
    page.locator("#dock button").click()
    page.wait_for_url("**/start")
    page.locator("main form button.primary").wait_for()


def begin(page: Any) -> None:
    """Start."""
    page.locator("main form button.primary").click()
    page.wait_for_url("**/jobs/*")


def downloaded(page: Any, target: Path) -> list[dict[str, str]]:
    """The rows of the labelled table, as the page of a job gives it."""
    with page.expect_download() as found:
        page.locator("a.primary[href$='format=csv']").click()
    found.value.save_as(target)
    with target.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def run_axe(page: Any, name: str) -> None:
    """No violation of WCAG 2.2 A or AA on the page as it is."""
    page.evaluate(Path(AXE_FILE_PATH).read_text(encoding="utf-8"))
    found = page.evaluate(
        "async tags => (await axe.run(document, {runOnly: {type: 'tag', values: tags}})).violations.map("
        "v => `${v.id}: ${v.nodes.slice(0, 3).map(n => n.html.slice(0, 160)).join(' | ')}`)",
        WCAG,
    )
    assert found == [], f"{name}: {found}"
