"""How the pages look, where it can be told: words stay whole, file fields are the browser's own."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import pytest

import rowbatch
from browsing import opened
from rowbatch import desk
from serving import scripted_local_model
from serving_pages import served_pages

# Of each single word of a page: whether its letters stand on more than one line.
BROKEN = """() => {
    const broken = [], main = document.querySelector("main");
    const walker = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode;
        if (!node.parentElement.checkVisibility()) continue;
        for (const word of node.data.matchAll(/[A-Za-z][A-Za-z._]{1,14}/g)) {
            const range = document.createRange();
            range.setStart(node, word.index);
            range.setEnd(node, word.index + word[0].length);
            const lines = new Set([...range.getClientRects()].map(rect => Math.round(rect.top)));
            if (lines.size > 1) broken.push(word[0]);
        }
    }
    return broken;
}"""


@pytest.fixture
def home(monkeypatch):
    """A short path: pages show it, and words of a long one have to be broken."""
    with tempfile.TemporaryDirectory(prefix="rb-") as folder:
        monkeypatch.setenv("ROWBATCH_HOME", str(Path(folder, "home")))
        with contextlib.chdir(folder):
            yield Path(folder)


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_no_word_is_broken_on_a_narrow_screen(chromium, home, language):
    """
    Names of files, labels and states stay whole at 390 px, and no page is wider than the screen.
    """
    (home / "tweets.csv").write_text("id,post\n" + "".join(f"{n},post {n}\n" for n in range(1, 9)))
    with scripted_local_model(home / "server"), served_pages() as site:
        run = rowbatch.create("tweets.csv", text="post", labels=["labelled", "bad"], prompt="Which?")
        run.resume()
        site.program.library.add(home / "tweets.csv")
        job = f"/jobs/{desk.job_id(run.path)}"
        size = {"width": 390, "height": 800}
        with opened(chromium, site.link, locale=language, viewport=size) as page:
            for path in ("/", "/jobs", job, "/tools", "/tools/convert", "/settings", "/coding"):
                page.goto(f"{site.shown_url}{path}")
                assert page.evaluate(BROKEN) == [], path
                assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_files_are_chosen_by_the_field_of_the_browser(chromium, home):
    """
    The button of a file field looks like the others, and the field stays one that keys and readers know.
    """
    with served_pages() as site, opened(chromium, site.link) as page:
        for path in ("/", "/tools/convert", "/tools/join-units"):
            page.goto(f"{site.shown_url}{path}")
            field = page.locator("input[type=file]").first
            assert field.is_visible()
            looks = field.evaluate(
                "field => [getComputedStyle(field).appearance, getComputedStyle(field).opacity,"
                " getComputedStyle(field, '::file-selector-button').borderRadius,"
                " getComputedStyle(field, '::file-selector-button').fontFamily"
                " === getComputedStyle(document.body).fontFamily]"
            )
            assert looks == ["none", "1", "6px", True]
