"""Coders who come over the network: what their links open, and what they do not."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import Any

import httpx2
import pytest
from playwright.sync_api import expect

from browsing import opened, run_axe
from coding_by_hand import EVERY_KIND, coding_set
from rowbatch.core.coding_set import Code, Sight
from rowbatch.errors import ServiceError, UsageError
from rowbatch.web import run as web
from rowbatch.web.app import create_app
from rowbatch.web.coders import open_for_coders
from rowbatch.web.coders_guard import SEAT
from rowbatch.web.guard import CSP, Identity
from rowbatch.web.program import Program
from rowbatch.web.seats import MOST, Seats
from serving_pages import served_pages, visiting

SECRET = "the words of another coder"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The app, its owner, two sets, and the door open on this computer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROWBATCH_HOME", str(tmp_path_factory.mktemp("home")))
        mine = coding_set([f"text {n}" for n in range(1, 31)], in_order=False)
        other = coding_set(["not yours"], name="other", set_id="f" * 16)
        mine.add_codes("Zoe", [Code(mine.rows()[0].key, {"mood": "bad"}, note=SECRET)])
        with served_pages() as site, visiting(site) as owner:
            change(owner, mine, do="open", address="127.0.0.1")
            assert site.program.coders is not None
            yield site, owner, mine, other


def host_of(site):
    assert site.program.coders is not None
    return site.program.coders.host


@pytest.fixture
def door(served):
    """Address and port of the door; open again after each test."""
    site, owner, mine, _ = served
    if site.program.coders is None:
        change(owner, mine, do="open", address="127.0.0.1")
    return host_of(site)


def found_in(text, pattern):
    match = re.search(pattern, text, re.S)
    assert match, text
    return match.group(1)


def change(owner, folder, **fields):
    return owner.post(f"/coding/{folder.plan.id}/network", data=fields)


def link_of(owner, folder, name):
    """A new link, as the owner's page shows it."""
    page = change(owner, folder, do="link", name=name)
    return unescape(found_in(page.text, r'id="made">([^<]+)<'))


@pytest.fixture
def coder_at():
    """Browsers at the door, let in where they have a link."""
    with contextlib.ExitStack() as stack:

        def come(host, link="", **headers):
            base = f"http://{host}"
            client = httpx2.Client(base_url=base, headers={"origin": base, **headers}, timeout=120.0)
            stack.enter_context(client)
            if link:
                # Its page takes what stands behind the # and sends it.
                answer = client.post("/join", data={"link": link})
                assert (answer.status_code, answer.headers["location"]) == (303, "/code"), answer.text
            return client

        yield come


def fields_of(page):
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))


def text_of(page):
    found = re.search(r'id="text"[^>]*>(.*?)</p>', page.text, re.S)
    return unescape(found.group(1)) if found else ""


def press(client, page, **fields):
    answer = client.post("/code", data={**fields_of(page), **fields})
    return client.get(answer.headers["location"]) if answer.status_code == 303 else answer


def routes_of_the_app():
    """Every address of the app, with its methods."""
    guard: Any = create_app(Program(1), Identity.new())
    return [(route.path, sorted(route.methods - {"HEAD"})) for route in guard._app.routes]


def test_a_link_opens_its_coders_screen_and_nothing_else(served, door, coder_at):
    """
    Of all addresses of the app none is there for a coder but files of ours; neither their cookie nor their
    link opens one at the owner's port; and no page of theirs names another coder, a place or a setting.
    """
    site, owner, mine, other = served
    link = link_of(owner, mine, "Anna")
    coder = coder_at(door, link)
    ((name, cookie),) = coder.cookies.items()
    page = coder.get("/code")
    assert page.status_code == 200
    assert "Anna" in page.text
    for hidden in (
        SECRET,
        "Zoe",
        "/coding/",
        "/jobs",
        "/settings",
        str(mine.path),
        "/data/posts.csv",
        link[-43:],
    ):
        assert hidden not in page.text
    known = {
        "set_id": other.plan.id,
        "coder": "Zoe",
        "name": "app.css",
        "table_id": "0" * 16,
        "job_id": "0" * 16,
    }
    addresses = routes_of_the_app()
    assert len(addresses) > 60
    own_cookie = {name: cookie, site.identity.cookie(site.url.removeprefix("http://"))[0]: cookie}
    with httpx2.Client(base_url=site.url, headers={"origin": site.url}, cookies=own_cookie) as outside:
        for path, methods in addresses:
            place = re.sub(r"\{(\w+)(:\w+)?\}", lambda part: known.get(part[1], "x"), path)
            for method in methods:
                form = {"a": "b"} if method == "POST" else None
                if not path.startswith("/static/") and path not in ("/",):
                    assert coder.request(method, place, data=form).status_code in (404, 405), place
                assert outside.request(method, place, data=form).status_code in (401, 404), place
        assert outside.get("/", params={"token": link.rpartition("#")[2]}).status_code == 401
    assert "Zoe" not in coder.get("/").text
    # What a form says of another coder, set or row is not theirs.
    row = other.rows()[0]
    answer = coder.post("/code", data={"key": row.key, "variable": "mood", "label": "good", "version": "0"})
    assert answer.status_code == 404
    assert str(mine.path) not in answer.text
    page = press(coder, coder.get("/code"), label="good", coder="Zoe", file="Zoe", set_id=other.plan.id)
    assert len(mine.history("Anna")) == 1
    assert len(mine.history("Zoe")) == 1
    assert other.history("Anna") == other.history("Zoe") == []
    # Nor do they settle anything, or see the model unless it was switched on.
    assert "A model said" not in page.text


def test_who_has_no_link_is_let_in_nowhere(served, door, coder_at):
    """
    A wrong link, one of another start, one that was taken back or that a new one took the place of, another
    cookie: each is told in words, and none shows a text.
    """
    _, owner, mine, _ = served
    first = link_of(owner, mine, "Ben")
    inside = coder_at(door, first)
    assert inside.get("/code").status_code == 200
    second = link_of(owner, mine, "Ben")
    for client in (inside, coder_at(door)):
        assert client.post("/join", data={"link": first}).status_code == 401
        page = client.get("/code")
        assert (page.status_code, text_of(page)) == (401, "")
        assert client.post("/code", data={"do": "undo"}).status_code == 401
    for wrong in ("", "x", "#", f"http://{door}/#", second[:-1], second + "A"):
        answer = coder_at(door).post("/join", data={"link": wrong})
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
    guessing = coder_at(door)
    for guess in ("", "x", "0" * 64):
        guessing.cookies.set(f"{SEAT}-{door.rpartition(':')[2]}", guess)
        assert guessing.get("/code").status_code == 401
    inside = coder_at(door, second)
    assert text_of(inside.get("/code"))
    page = owner.get(f"/coding/{mine.plan.id}/network").text
    seat = found_in(page, r"Ben</th>.*?name=\"seat\" value=\"(\w+)\"")
    change(owner, mine, do="back", seat=seat)
    assert inside.get("/code").status_code == 401
    assert "leads nowhere any more" in inside.get("/code").text
    assert [one.values for one in mine.history("Ben")] == []


def test_it_is_off_until_asked_for_and_off_again(served, door, coder_at):
    """
    While it is off nobody listens and no link is made; switched off, links and cookies are worth nothing,
    also when it is switched on again at the same port.
    """
    site, owner, mine, _ = served
    link = link_of(owner, mine, "Cem")
    coder = coder_at(door, link)
    assert coder.get("/code").status_code == 200
    change(owner, mine, do="close")
    assert site.program.coders is None
    with pytest.raises(httpx2.TransportError):
        coder.get("/code")
    page = change(owner, mine, do="link", name="Cem")
    assert page.status_code == 400
    assert "switched off" in page.text
    assert "not encrypted" in owner.get(f"/coding/{mine.plan.id}/network").text
    change(owner, mine, do="open", address="127.0.0.1")
    again = host_of(site)
    client = coder_at(again)
    client.cookies.update(coder.cookies)
    assert client.get("/code").status_code == 401
    assert client.post("/join", data={"link": link}).status_code == 401


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "example.org", "203.0.113.7", "x" * 200, "224.0.0.1"])
def test_one_address_of_this_computer_is_opened(tmp_path, monkeypatch, address):
    """
    All addresses at once, a name, or an address of another computer are refused in words.
    """
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path))
    program = Program(1)
    with pytest.raises(UsageError) as caught:
        open_for_coders(program, address)
    assert caught.value.kind == "coders-address"
    assert program.coders is None
    program.stop()


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        pytest.param("GET", "/code", {"host": "evil.example"}, b"", 421, id="rebinding"),
        pytest.param("GET", "/code", {"host": "localhost"}, b"", 421, id="another-name"),
        pytest.param("GET", "/code", {"sec-fetch-site": "cross-site"}, b"", 403, id="a-script-elsewhere"),
        pytest.param("POST", "/code", {"origin": "http://evil.example"}, b"do=undo", 403, id="elsewhere"),
        pytest.param("POST", "/code", {"origin": "null"}, b"do=undo", 403, id="a-form-of-nowhere"),
        pytest.param("POST", "/code", {"content-type": "text/plain"}, b"do=undo", 415, id="no-form"),
        pytest.param("POST", "/code", {"content-type": "multipart/form-data"}, b"", 415, id="a-file"),
        pytest.param("POST", "/code", {}, b"note=" + b"x" * 1_100_000, 413, id="too-long"),
        pytest.param("DELETE", "/code", {}, b"", 405, id="another-method"),
        pytest.param("PUT", "/code", {}, b"", 405, id="put"),
        pytest.param("GET", "/static/nothing.js", {}, b"", 404, id="no-such-file"),
        pytest.param("GET", "/static/..%2fapp.py", {}, b"", 404, id="a-path"),
    ],
)  # fmt: skip
def test_the_rules_of_the_guard_hold_here(served, door, method, path, headers, body, status, coder_at):
    """
    The host that was opened alone, forms of our own pages alone, of a bounded length.
    """
    _, owner, mine, _ = served
    coder = coder_at(door, link_of(owner, mine, "Dana"))
    before = len(mine.history("Dana"))
    form = {"content-type": "application/x-www-form-urlencoded"} if method == "POST" else {}
    answer = coder.request(method, path, headers={**form, **headers}, content=body)
    assert answer.status_code == status
    assert answer.headers["content-security-policy"] == CSP
    assert answer.headers["referrer-policy"] == "same-origin"
    assert len(mine.history("Dana")) == before


def test_a_guest_sends_little(door, coder_at):
    """
    Who was not let in can send no more than a link.
    """
    assert coder_at(door).post("/join", data={"link": "x" * 5_000}).status_code == 413


def test_a_cookie_is_kept_from_scripts_and_other_sites(served, door, coder_at):
    """
    It is for this address alone, and the link is in no address, page or log.
    """
    _, owner, mine, _ = served
    link = link_of(owner, mine, "Eve")
    assert link.startswith(f"http://{door}/#")
    answer = coder_at(door).post("/join", data={"link": link})
    told = answer.headers["set-cookie"].lower()
    assert "httponly" in told
    assert "samesite=strict" in told
    token = link.rpartition("#")[2]
    assert token not in str(answer.headers)
    assert token not in owner.get(f"/coding/{mine.plan.id}/network").text


def test_two_coders_at_once(served, door, caplog, coder_at):
    """
    Two coders code 30 texts each at the same moment, by pages of their own: each press is saved under its
    coder, in their order; the owner sees both, and nothing secret is logged.
    """
    _, owner, mine, _ = served
    links = {name: link_of(owner, mine, name) for name in ("Fay", "Gus")}
    gate = threading.Barrier(2)

    def code(name):
        coder = coder_at(door, links[name])
        gate.wait(60)
        page, seen = coder.get("/code"), []
        while text_of(page):
            seen.append(text_of(page))
            page = press(coder, page, label="good" if name == "Fay" else "bad", seconds="1")
        assert "All 30 texts are coded" in page.text
        assert "To the coding set" not in page.text
        return seen

    with caplog.at_level(logging.DEBUG), ThreadPoolExecutor(2) as pool:
        orders = dict(zip(links, pool.map(code, links), strict=True))
    assert orders["Fay"] != orders["Gus"]
    texts = {row.key: row.text for row in mine.rows()}
    for name, value in (("Fay", "good"), ("Gus", "bad")):
        history = mine.history(name)
        assert [texts[one.key] for one in history] == orders[name]
        assert {one.values["mood"] for one in history} == {value}
    page = owner.get(f"/coding/{mine.plan.id}/network?part=seats").text
    for name in links:
        assert re.search(
            rf"{name}</th><td><span class=\"good\">● here now</span> <span class=\"hint\">127.0.0.1", page
        )
    assert page.count("30 of 30") == 2
    for link in links.values():
        assert link[-43:] not in caplog.text


def test_words_for_a_coder_and_their_language(served, door, coder_at):
    """
    A value that is none is told at its field; what is the owner's to mend is told without a place of this
    computer; the language is the coder's own.
    """
    _, owner, _, _ = served
    folder = coding_set(["x"], [EVERY_KIND[5]], name="ages", set_id="a" * 16)
    coder = coder_at(door, link_of(owner, folder, "Han"), **{"accept-language": "zh-CN"})
    page = coder.get("/code")
    assert "备注" in page.text or "笔记" in page.text
    wrong = press(coder, page, label="300", do="say")
    assert wrong.status_code == 400
    assert 'value="300"' in wrong.text
    coder.post("/language", data={"language": "en", "back": "/code"})
    assert "Skip for now" in coder.get("/code").text
    coder.post("/language", data={"language": "xx", "back": "//evil.example"})
    (folder.path / "sights.jsonl").mkdir()
    broken = coder.get("/code")
    assert broken.status_code == 400
    assert "Tell whoever gave you the link" in broken.text
    assert str(folder.path) not in broken.text
    (folder.path / "sights.jsonl").rmdir()
    assert coder.post("/leave", data={"x": "y"}).headers["location"] == "/"
    assert coder.get("/code").status_code == 401


def test_a_coder_sees_a_model_where_the_owner_shows_it(served, door, coder_at):
    """
    Blind unless it was switched on; then it is noted with the code.
    """
    _, owner, _, _ = served
    folder = coding_set(["x"], name="seen", set_id="b" * 16)
    coder = coder_at(door, link_of(owner, folder, "Ida"))
    assert "A model said" not in coder.get("/code").text
    folder.add_sight(Sight("/no/such/run", 0.0))
    page = coder.get("/code")
    assert "A model said" in page.text
    assert "/no/such/run" not in page.text
    press(coder, page, label="good")
    assert [one.saw_model for one in folder.history("Ida")] == [True]


def test_the_command_line_opens_it(tmp_path, monkeypatch):
    """
    `ui --coders` is open before the pages are told of, and closed when the program ends; a program that runs
    already is not believed to be open.
    """
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path))
    told = []

    def stop(running):
        told.append(running.url)
        page = httpx2.get(f"http://{told[0]}/")
        assert page.status_code == 200
        with pytest.raises(ServiceError) as caught:
            web.require_no_coders(running, "")
        assert caught.value.kind == "coders-program-runs"
        raise KeyboardInterrupt

    web.run(port=0, on_ready=stop, on_jobs=lambda _: None, coders="127.0.0.1", on_coders=told.append)
    with pytest.raises(httpx2.TransportError):
        httpx2.get(f"http://{told[0]}/")


def test_a_link_in_a_browser(served, door, chromium):
    """
    What stands behind the # lets a browser in and is gone from its address and history; the pages are
    accessible, in both languages, and no wider than a phone; and a press after the link was taken back says
    so.
    """
    site, owner, mine, _ = served
    link = link_of(owner, mine, "Jo")
    small = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "locale": "zh-CN"}
    with opened(chromium, link, **small) as page:
        page.may = re.compile("401")
        page.wait_for_url("**/code")
        assert page.url == f"http://{door}/code"
        run_axe(page, "a coder's screen")
        page.locator("button.option").first.tap()
        expect(page.locator("progress")).to_have_attribute("value", "1")
        # The door took no place in the history.
        assert page.evaluate("history.length") == 2
        page.goto(f"http://{door}/")
        run_axe(page, "the door")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.locator("button[name=language]").tap()
        page.get_by_text("Go on coding").tap()
        expect(page.locator("main")).to_contain_text("1 of 30 done")
        for one in site.program.seats.all():
            site.program.seats.take_back(one.id)
        page.locator("button.option").first.tap()
        expect(page.locator("#outlived")).to_be_visible()
        assert len(mine.history("Jo")) == 1
    with opened(chromium, site.link) as page:
        page.goto(f"{site.shown_url}/coding/{mine.plan.id}/network")
        page.fill("#name", "Jo")
        page.locator("button[value=link]").click()
        expect(page.locator("#made")).to_contain_text(f"http://{door}/#")
        run_axe(page, "the owner's page")


def test_links_have_an_end():
    """
    There are not more links than people, and each coder of a set has one.
    """
    seats = Seats()
    for n in range(MOST):
        seats.give("set", f"coder-{n}")
    with pytest.raises(UsageError):
        seats.give("set", "one-more")
    seats.give("set", "coder-0")
    assert len(seats.all("set")) == MOST
    assert seats.all("other") == []
