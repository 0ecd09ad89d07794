"""The wall as a real browser meets it: where its cookie goes, and what another user of the computer gets."""

import re
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.sync_api import expect

from browsing import opened
from rowbatch.errors import ServiceError
from rowbatch.web import run
from serving_pages import served_pages

SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/26.1 Safari/605.1.15"
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    return tmp_path


@contextmanager
def stranger(address="127.0.0.1", port=0):
    """Another user's program on this computer: its port, and all that it is told, line by line."""
    told = []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            told.append(f"{self.command} {self.path}\n{self.headers}")
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

    server = Server((address, port), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port, told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_link_leads_to_a_name_of_this_start(chromium, home):
    """
    The pages work there, forms and scripts and files, under the same policy; the address has no token.
    """
    with served_pages() as site, opened(chromium, site.link) as page:
        assert page.url == f"{site.shown_url}/"
        page.locator("form[action='/tables/example'] button").click()
        page.wait_for_url(re.compile("/tables/[0-9a-f]{16}"))
        table = site.program.library.tables()[0]
        page.goto(f"{site.shown_url}/tables/{table.id}")
        page.locator("v-table tbody tr td:nth-child(2)").filter(has_not_text="…").first.wait_for()
        assert site.identity.token not in page.evaluate(
            "[...performance.getEntries()].map(e => e.name).join()"
        )
        [cookie] = page.context.cookies()
        assert (cookie["domain"], cookie["httpOnly"]) == (site.identity.name, True)
        assert page.evaluate("document.cookie + localStorage.length + sessionStorage.length") == "00"


def test_a_link_leads_to_its_table(chromium, home):
    """
    `rowbatch ui TABLE` opens the link of a table: the path outlives the change of the name.
    """
    (home / "posts.csv").write_text("post\nso good\n")
    with served_pages() as site:
        running = run.Running(site.url, site.identity.token, 1, "", "")
        link = run.address_of(running, home / "posts.csv")
        with opened(chromium, link) as page:
            assert page.url == f"{site.shown_url}{urlsplit(link).path}"
            expect(page.locator("h1")).to_have_text("posts.csv")


def test_no_other_port_gets_the_cookie(chromium, home):
    """
    A page sends the browser to other ports of this computer, by every name that one has, as a visit and for
    a picture. Whoever listens there learns neither the cookie nor the name of our pages.
    """
    with served_pages() as site, stranger() as (port, told), stranger("::1") as (port6, told6):
        context = chromium.new_context()
        try:
            page = context.new_page()
            page.goto(site.link)
            places = [
                *(f"http://{name}:{port}" for name in ("127.0.0.1", "localhost", "x.localhost")),
                *(f"http://{name}:{port6}" for name in ("[::1]", "localhost", "x.localhost")),
            ]
            for number, place in enumerate(places):
                page.goto(site.shown_url)
                with page.expect_navigation(url=f"{place}/visit{number}"):
                    page.evaluate("address => { location.href = address }", f"{place}/visit{number}")
                picture = (
                    "address => fetch(address, {mode: 'no-cors', credentials: 'include'}).catch(() => 0)"
                )
                page.evaluate(
                    f"async address => {{ await ({picture})(address) }}", f"{place}/picture{number}"
                )
            asked = "\n".join([*told, *told6])
            for number in range(len(places)):
                assert f"GET /visit{number}\n" in asked
                assert f"GET /picture{number}\n" in asked
            assert "cookie" not in asked.lower()
            assert site.identity.name not in asked
            # It was there all the time.
            page.goto(f"{site.shown_url}/jobs")
            expect(page.locator("h1")).to_have_text("Jobs")
        finally:
            context.close()


def test_what_an_open_page_tells_after_the_end_is_worth_nothing(chromium, home):
    """
    The program has ended, and somebody listens at its port: an open page asks him, with its cookie. The next
    program refuses that cookie, by whatever name, and tells the page what happened.
    """
    with served_pages() as site:
        port, name = site.program.port, site.identity.name
        context = chromium.new_context()
        page = context.new_page()
        page.goto(site.link)
    try:
        ask = "fetch('/jobs').then(answer => answer.status)"
        with stranger(port=port) as (_, told):
            assert page.evaluate(ask) == 200
        [carried] = [
            line.partition(": ")[2] for one in told for line in one.splitlines() if "ookie: " in line
        ]
        assert carried.startswith(f"rowbatch-{port}=")
        with served_pages(port=port) as later:
            for host, status in (
                (f"{name}:{port}", 421),
                (f"{later.identity.name}:{port}", 401),
                (f"127.0.0.1:{port}", 401),
                (f"localhost:{port}", 401),
            ):
                answer = httpx2.get(f"{later.url}/jobs", headers={"host": host, "cookie": carried})
                assert answer.status_code == status
                assert "Jobs" not in answer.text
            assert page.evaluate(ask) == 421
            page.reload()
            expect(page.locator("main")).to_contain_text("started again")
    finally:
        context.close()


def test_safari_stays_on_127_0_0_1(chromium, home):
    """
    A browser that does not find names of localhost by itself is let in where the link is, and pages work.
    """
    with served_pages() as site, opened(chromium, site.link, user_agent=SAFARI) as page:
        assert page.url == f"{site.url}/"
        page.locator("form[action='/tables/example'] button").click()
        page.wait_for_url(re.compile(f"{site.url}/tables/[0-9a-f]{{16}}"))


def test_the_token_typed_in_leads_to_the_pages(chromium, home):
    """
    The page for those without the cookie takes the link, under `form-action 'self'`.
    """
    with served_pages() as site, opened(chromium, f"{site.url}/") as page:
        page.may = re.compile("401")
        page.fill("#token", site.link)
        page.get_by_role("button").click()
        page.wait_for_url(f"{site.shown_url}/")
        expect(page.locator("h1")).to_have_text("Label a table")


def listening_at(address, port=0):
    found = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    found.bind((address, port))
    found.listen()
    return found


def test_the_program_has_its_port_on_both_addresses():
    """
    A browser takes a name of localhost as 127.0.0.1 or as ::1, whichever answers. So the program has both,
    and takes no port of which another one has a half.
    """
    listeners = run._listen(0)
    try:
        assert [one.getsockname()[0] for one in listeners] == ["127.0.0.1", "::1"]
        assert len({one.getsockname()[1] for one in listeners}) == 1
    finally:
        for one in listeners:
            one.close()
    with listening_at("::1") as half:
        port = half.getsockname()[1]
        with pytest.raises(ServiceError, match=str(port)):
            run._listen(port)
        # The half that it had is free again.
        listening_at("127.0.0.1", port).close()
