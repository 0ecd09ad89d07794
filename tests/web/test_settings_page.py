"""Settings, as they are seen: language first, one list of keys, one place for a new one."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from browsing import opened, run_axe
from rowbatch import api, desk
from serving_pages import served_pages

PAID = [name for name in api.providers() if not api.find_provider(name).is_free]


@pytest.fixture(autouse=True)
def no_keys(monkeypatch):
    for name in PAID:
        for variable in api.find_provider(name).key_variables:
            monkeypatch.delenv(variable, raising=False)
    yield
    # Where there is no keychain, the process holds them.
    for name in ("groq", "gemini"):
        desk.forget_key(name)


def listed(text):
    """The providers that are named one by one, and those that a new key can be for."""
    rows = re.findall(r'<li id="([\w-]+)">', text)
    choices = re.search(r'<select id="key-provider".*?</select>', text)
    return rows, re.findall(r'<option value="([\w-]+)">', choices[0] if choices else "")


def test_language_and_look_come_before_keys(client):
    """Who cannot read the page finds at its top how to change that."""
    text = client.get("/settings").text
    assert text.index('id="language"') < text.index('id="keys"') < text.index('id="headers"')


def test_only_providers_with_a_key_are_listed(client, monkeypatch):
    """All others are behind one *Add a key*; each paid provider is in one of the two, once."""
    rows, others = listed(client.get("/settings").text)
    assert (rows, others) == ([], PAID)
    monkeypatch.setenv(api.find_provider("mistral").key_variables[0], "sk-nobody")
    kept = client.post("/settings/keys", data={"provider": "groq", "key": "gsk-nobody-000", "do": "keep"})
    assert kept.status_code == 200
    rows, others = listed(kept.text)
    assert rows == ["mistral", "groq"]
    assert sorted([*rows, *others]) == sorted(PAID)


def test_the_chosen_provider_is_open(client):
    """The one that the last job was for stands there with its field, though it has no key."""
    desk.change_settings(provider="anthropic")
    text = client.get("/settings").text
    assert listed(text)[0] == ["anthropic"]
    assert re.search(r'<li id="anthropic">.*?<details open>', text, re.DOTALL)
    refused = client.post("/settings/keys", data={"provider": "gemini", "key": " ", "do": "keep"})
    assert refused.status_code == 422
    assert listed(refused.text)[0] == ["anthropic", "gemini"]


def test_a_link_to_a_key_finds_its_provider(chromium, tmp_path, monkeypatch):
    """The link of a form leads to the field of the provider that it names, though that is not listed yet."""
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    with served_pages() as site, opened(chromium, site.link) as page:
        page.goto(f"{site.shown_url}/settings#gemini")
        expect(page.locator("#key-provider")).to_have_value("gemini")
        expect(page.locator("#key-other")).to_be_focused()
        run_axe(page, "settings, a new key")
        page.keyboard.type("AIza-nobody-0000")
        page.keyboard.press("Enter")
        expect(page.locator("#gemini")).to_contain_text("a key is kept")
        run_axe(page, "settings, a key")
