"""Coding by hand in a real browser: by keyboard, on a narrow screen, with a program that stops."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from browsing import opened, run_axe
from coding_by_hand import EVERY_KIND, coding_set
from rowbatch.core.coding_set import Code
from serving_pages import served_pages

# A press within this time of a new text was meant for the one before.
SETTLE_MS = 300


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def come_to(page, site, folder, name="Anna"):
    """To the screen of a coder, by the pages."""
    page.clock.install()
    page.goto(f"{site.shown_url}/coding/{folder.plan.id}")
    page.fill("#name", name)
    page.keyboard.press("Enter")
    page.wait_for_url("**/by/*")
    page.locator("#text").wait_for()


def shows(page, text):
    expect(page.locator("#text")).to_have_text(text)
    page.clock.fast_forward(SETTLE_MS)


def test_a_hundred_texts_by_keyboard(chromium):
    """
    One key a text, each saved before the next is shown; keys that are held, pressed twice, or pressed before
    a text can have been read touch no other text.
    """
    folder = coding_set([f"text {n}" for n in range(1, 101)], in_order=False)
    with served_pages() as site, opened(chromium, site.link) as page:
        come_to(page, site, folder)
        # Time stands still but where the test lets it go on, so that a slow machine is no slow reader.
        page.clock.pause_at(datetime.now(UTC) + timedelta(hours=1))
        # The first text has not stood there for that hour.
        page.reload()
        began, pressed = time.monotonic(), []
        for n in range(100):
            expect(page.locator(".far")).to_contain_text(f"{n} of 100 done")
            pressed.append(page.locator("#text").inner_text())
            # Before anybody can have read it.
            page.keyboard.press("1")
            page.clock.fast_forward(SETTLE_MS)
            page.keyboard.press("123"[n % 3])
            page.keyboard.press("3")
        expect(page.locator("main")).to_contain_text("All 100 texts are coded")
        took = time.monotonic() - began
        print(f"100 texts in {took:.1f} s")
        codes, names = folder.codes()["Anna"], ("good", "bad", "mixed")
        assert len(set(pressed)) == 100
        texts = {row.key: row.text for row in folder.rows()}
        assert {texts[key]: code.values["mood"] for key, code in codes.items()} == {
            text: names[n % 3] for n, text in enumerate(pressed)
        }
        assert len(folder.history("Anna")) == 100
        assert [code.seconds for code in codes.values()] == [SETTLE_MS / 1000] * 100
        page.clock.fast_forward(SETTLE_MS)
        page.keyboard.press("Backspace")
        shows(page, pressed[-1])
        page.keyboard.press("x")
        expect(page.locator("main")).to_contain_text("All 100 texts are coded")
        assert [*folder.codes()["Anna"].values()][-1].values == {"mood": "can't say"}


def test_every_kind_by_keyboard_and_a_quote_by_selection(chromium):
    """
    Labels are ticked by their keys, fields have the focus and end with Enter, a quote is selected with the
    arrow keys or the mouse; the codebook is one key away, and nothing breaks a rule of accessibility.
    """
    text = "The strike went on.\nThe mayor of 北京市 is to blame, says Ann."
    texts = [text, f"Again: {text}"]
    folder = coding_set([*texts, "end"], EVERY_KIND, context={"party": "left"})
    with served_pages() as site, opened(chromium, site.link) as page:
        come_to(page, site, folder)
        for turn in range(2):
            shows(page, texts[turn])
            if turn == 0:
                run_axe(page, "coding")
                page.keyboard.press("?")
                expect(page.locator("#codebook")).to_be_visible()
                run_axe(page, "codebook")
                page.keyboard.press("Escape")
            page.keyboard.press("n")
            page.keyboard.type("irony")
            page.keyboard.press("Enter")
            page.keyboard.press("1")
            expect(page.locator("#asked-title")).to_have_text("topics")
            page.clock.fast_forward(SETTLE_MS)
            page.keyboard.press("1")
            page.keyboard.press("2")
            page.keyboard.press("Enter")
            expect(page.locator("#asked-title")).to_have_text("Does it call for a protest?")
            page.clock.fast_forward(SETTLE_MS)
            page.keyboard.press("1")
            expect(page.locator("#asked-title")).to_have_text("Where?")
            page.keyboard.type("in Rome 1")
            page.keyboard.press("Enter")
            expect(page.locator("#asked-title")).to_have_text("strength")
            page.clock.fast_forward(SETTLE_MS)
            page.keyboard.press("3")
            expect(page.locator("#asked-title")).to_have_text("age")
            page.keyboard.type("17")
            page.keyboard.press("Enter")
            expect(page.locator("#asked-title")).to_have_text("day")
            page.keyboard.type("2026-03-02")
            page.keyboard.press("Enter")
            expect(page.locator("#asked-title")).to_have_text("Who is to blame?")
            page.clock.fast_forward(SETTLE_MS)
            if turn == 0:
                run_axe(page, "quote")
                for _ in range(6):
                    page.keyboard.press("ArrowRight")
                for _ in range(3):
                    page.keyboard.press("Shift+ArrowRight")
            else:
                box = page.evaluate(
                    "() => { const r = document.createRange(),"
                    "n = document.querySelector('#text').firstChild,"
                    "at = n.data.indexOf('Ann.'); r.setStart(n, at); r.setEnd(n, at + 3);"
                    "const b = r.getBoundingClientRect(); return [b.left, b.right, b.top + b.height / 2]; }"
                )
                page.mouse.move(box[0] + 1, box[2])
                page.mouse.down()
                page.mouse.move(box[1], box[2], steps=4)
                page.mouse.up()
                expect(page.locator("#answer")).to_have_value("Ann")
                page.locator("[data-enter]").focus()
            page.keyboard.press("Enter")
        shows(page, "end")
        first, second = folder.codes()["Anna"].values()
        assert first.values == {
            "mood": "good", "topics": "work; home", "protest": "yes", "march": "in Rome 1", "strength": "3",
            "age": "17", "day": "2026-03-02", "blame": first.values["blame"],
        }  # fmt: skip
        assert len(first.values["blame"].split()) >= 3
        assert first.values["blame"] in text
        assert second.values["blame"] == "Ann"
        assert (first.note, second.note) == ("irony", "irony")


def test_the_program_stops_and_nothing_is_lost(chromium):
    """
    What is pressed while the program is away is told to be unsaved, with the text and what was written still
    there; when the program is back at its port, the same press counts.
    """
    folder = coding_set(["first", "second"], [{"name": "why", "kind": "text"}])
    with served_pages() as site, opened(chromium, site.link) as page:
        page.may = re.compile("Failed to load|ERR_")
        come_to(page, site, folder)
        page.route("**/by/**", lambda route: route.abort())
        page.keyboard.type("because")
        page.keyboard.press("Enter")
        expect(page.locator("#unsaved")).to_be_visible()
        expect(page.locator("#text")).to_have_text("first")
        expect(page.locator("#answer")).to_have_value("because")
        assert folder.history("Anna") == []
        page.unroute("**/by/**")
        page.reload()
        expect(page.locator("#answer")).to_have_value("because")
        page.clock.fast_forward(SETTLE_MS)
        page.keyboard.press("Enter")
        shows(page, "second")
        expect(page.locator("#answer")).to_have_value("")
        assert [code.values for code in folder.history("Anna")] == [{"why": "because"}]


@pytest.mark.parametrize("look", ["light", "dark"])
def test_a_narrow_screen_and_settling_differences(chromium, look):
    """
    Nothing is wider than a phone, and a tap is a code; what coders differ in is settled by keys.
    """
    folder = coding_set(["A text that is rather long. " * 30, "second", "third"])
    keys = [one.key for one in folder.rows()]
    folder.add_codes("Ben", [Code(key, {"mood": "mixed"}, note="?", at="2026-11-28") for key in keys])
    small = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "color_scheme": look}
    with served_pages() as site, opened(chromium, site.link, **small) as page:
        come_to(page, site, folder)
        for n in (3, 2, 1):
            expect(page.locator("main")).to_contain_text(f"{3 - n} of 3 done")
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            run_axe(page, f"narrow {look}")
            page.locator("button.option").first.tap()
        expect(page.locator("main")).to_contain_text("All 3 texts are coded")
        run_axe(page, "all done")
        for address in ("/coding", f"/coding/{folder.plan.id}", f"/coding/{folder.plan.id}/differences"):
            page.goto(site.shown_url + address)
            run_axe(page, address)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
        for n in range(1, 4):
            expect(page.locator("#text-title")).to_contain_text("of 3")
            page.keyboard.press("3")
            expect(page.locator(".chips")).to_contain_text(f"{3 - n} open of 3")
        assert {one.value for one in folder.decisions().values()} == {"mixed"}
