"""Uploads that stand still do not keep others out, and leave nothing behind."""

import contextlib
import re
import socket
import time

import httpx2
import pytest
from playwright.sync_api import expect

from browsing import opened
from end_to_end import wait_until
from rowbatch import desk
from rowbatch.desk import readings
from rowbatch.errors import StorageError
from rowbatch.serving import Patience
from serving_pages import served_pages

TABLE = b"id,post\n1,so good\n"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def begin(site, path, kind, body):
    """Send the head of an upload and a part of its body."""
    host = site.url.removeprefix("http://")
    cookie = "; ".join(f"{name}={value}" for name, value in site.cookie.items())
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {host}\r\norigin: {site.url}\r\ncookie: {cookie}\r\n"
        f"content-type: {kind}\r\ncontent-length: 100000\r\n\r\n"
    )
    found = socket.create_connection(host.split(":"))
    found.settimeout(10.0)
    found.sendall(head.encode() + body)
    return found


@pytest.mark.parametrize("busy", ["half-a-token", "answers-not-taken"])
def test_who_was_not_let_in_keeps_nobody_out(home, busy):
    """
    As many as there may be at once are busy all the time, without a cookie: they send the form for the token
    byte by byte, or ask for page after page and take the answers slowly. Who has the link is answered, and so
    is who was let in; the program says "come again" to nobody.
    """
    with served_pages(patience=Patience(connections=6)) as site:
        host = site.url.removeprefix("http://")
        if busy == "half-a-token":
            first, more = f"POST /token HTTP/1.1\r\nhost: {host}\r\norigin: {site.url}\r\n", b"a"
            first += "content-length: 1000\r\n\r\n"
        else:
            first = f"GET / HTTP/1.1\r\nhost: {host}\r\n\r\n"
            more = first.encode() * 20
        strangers = []
        try:
            for _ in range(6):
                strangers.append(socket.create_connection(("127.0.0.1", site.program.port)))
                strangers[-1].sendall(first.encode())
            # Until all of them were looked at, they might have been let in.
            wait_until(lambda: httpx2.get(site.link).status_code == 303)
            for _ in range(4):
                for stranger in strangers:
                    # Some were closed by then.
                    with contextlib.suppress(OSError):
                        stranger.sendall(more)
                assert httpx2.get(site.link).status_code == 303
                assert httpx2.get(site.url, cookies=site.cookie).status_code == 200
                time.sleep(0.15)
        finally:
            for stranger in strangers:
                stranger.close()


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        pytest.param("/tables?name=posts.csv", "application/octet-stream", TABLE, id="dropped"),
        pytest.param(
            "/tables/form",
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="posts.csv"\r\n\r\n' + TABLE,
            id="without-scripts",
        ),
        pytest.param("/settings", "application/x-www-form-urlencoded", b"max_cost=1", id="a-form"),
    ],
)
def test_uploads_that_stand_still_are_broken_off(home, caplog, path, kind, body):
    """
    Two at once are as many as there may be. When both stand still they are let go, nothing of them stays on
    the disk, and a third one is taken. Nothing of it is an error of the program.
    """
    with served_pages(patience=Patience(body_s=0.5)) as site:
        still = [begin(site, path, kind, body) for _ in range(2)]
        try:
            assert [one.recv(100) for one in still] == [b"", b""]
        except ConnectionResetError:
            pass
        finally:
            for one in still:
                one.close()
        with httpx2.Client(base_url=site.url, cookies=site.cookie, headers={"origin": site.url}) as client:
            answer = taken(client)
        assert answer.status_code == 200, answer.text
        [table] = site.program.library.tables()
        assert [folder.name for folder in (home / "tables").iterdir()] == [table.id]
    assert "Traceback" not in caplog.text


def taken(client):
    """Hand a table over; again while the two places are not free yet."""
    end = time.monotonic() + 10
    while True:
        answer = client.post("/tables", params={"name": "posts.csv"}, content=TABLE)
        if answer.status_code != 429 or time.monotonic() > end:
            return answer
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        pytest.param(StorageError("disk-full", path="view"), "disk is full", id="full"),
        pytest.param(OSError(28, "No space left on device"), "disk is full", id="full-in-other-words"),
        pytest.param(RuntimeError("odd"), "mistake", id="a-fault-of-ours"),
    ],
)
def test_a_reading_that_fails_is_told_on_its_page(chromium, home, monkeypatch, fault, told):
    """
    Whatever ends the reading of a table, the page that waits for it shows its words, and waits no longer.
    """

    def write(*_):
        time.sleep(3.0)
        raise fault

    monkeypatch.setattr(readings, "write_table_view", write)
    with served_pages() as site, opened(chromium, site.link) as page:
        with site.program.library.receive("posts.csv") as (table_id, file):
            file.write(TABLE)
        table = site.program.library.keep(table_id, "posts.csv")
        page.goto(f"{site.shown_url}/tables/{table.id}")
        assert page.locator("#table-state").get_attribute("data-state") == "reading"
        expect(page.locator("main")).to_contain_text(re.compile(told, re.IGNORECASE), timeout=15_000)
        assert page.locator("#table-state").count() == 0
        asked = []
        page.on("request", lambda call: asked.append(call.url))
        page.wait_for_timeout(1_500)
        assert asked == []


def test_a_table_that_is_removed_while_its_page_waits(chromium, home, monkeypatch):
    """
    A part of a page that cannot be answered any more becomes the page that says why, and not a page within
    a page.
    """
    monkeypatch.setattr(readings, "write_table_view", lambda *_: time.sleep(4.0))
    with served_pages() as site, opened(chromium, site.link) as page:
        page.may = re.compile("404")
        with site.program.library.receive("posts.csv") as (table_id, file):
            file.write(TABLE)
        table = site.program.library.keep(table_id, "posts.csv")
        page.goto(f"{site.shown_url}/tables/{table.id}")
        desk.Library().remove(table.id)
        expect(page.locator("h1")).to_have_text("That did not work", timeout=15_000)
        assert page.locator("main").count() == 1
        assert page.locator("header").count() == 1
