"""The wall: who gets an answer."""

import re
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest

from rowbatch import desk
from rowbatch.web import guard
from rowbatch.web.guard import CSP, Identity, finds_names_of_localhost
from serving_pages import served_pages

CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
)
SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/26.1 Safari/605.1.15"
)
TOKEN, OWN, ORIGIN = "TOKEN", "OWN", object()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROWBATCH_HOME", str(tmp_path_factory.mktemp("home")))
        with served_pages() as found:
            yield found


def ask(site, method, path, *, headers=None, cookie=True, host=None, body=b""):
    """
    One call as a browser or a stranger makes it; never follows.

    TOKEN in a path is the token, OWN in a host is the name of this start. The cookie is the one that was
    given for this host; a dictionary is taken as it is.
    """
    host = (host or site.url.removeprefix("http://")).replace(OWN, site.identity.name)
    own = {"host": host}
    carried = dict([site.identity.cookie(host)]) if cookie is True else cookie
    if carried:
        own["cookie"] = "; ".join(f"{name}={value}" for name, value in carried.items())
    path = path.replace(TOKEN, site.identity.token)
    return httpx2.request(method, site.url + path, headers={**own, **(headers or {})}, content=body)


@pytest.mark.parametrize(
    ("method", "path", "headers", "options", "status"),
    [
        pytest.param("GET", "/", {}, {}, 200, id="a-page"),
        pytest.param("GET", "/", {}, {"cookie": False}, 401, id="without-the-cookie"),
        pytest.param("GET", "/static/app.css", {}, {"cookie": False}, 401, id="static-without-the-cookie"),
        pytest.param("GET", "/", {"cookie": "rowbatch-1=x"}, {}, 401, id="another-cookie"),
        pytest.param("GET", "/", {}, {"host": "evil.example"}, 421, id="rebinding"),
        pytest.param("GET", "/", {}, {"host": "evil.example:8765"}, 421, id="rebinding-with-a-port"),
        pytest.param(
            "GET", "/", {}, {"host": "127.0.0.1.evil.example"}, 421, id="a-name-that-looks-like-ours"
        ),
        pytest.param("GET", "/", {}, {"host": "rb-x.localhost"}, 421, id="a-name-like-that-of-a-start"),
        pytest.param("GET", "/", {}, {"host": "x.localhost"}, 421, id="another-name-of-localhost"),
        pytest.param("GET", "/", {}, {"host": "OWN.evil.example"}, 421, id="a-name-that-begins-like-ours"),
        pytest.param("GET", "/", {}, {"host": "sub.OWN"}, 421, id="a-name-below-ours"),
        pytest.param("GET", "/", {}, {"host": f"rb-{'0' * 32}.localhost"}, 421, id="another-start"),
        pytest.param(
            "GET", "/?token=TOKEN", {}, {"host": "evil.example"}, 421, id="the-token-under-another-name"
        ),
        pytest.param(
            "GET",
            "/?token=TOKEN",
            {},
            {"host": f"rb-{'0' * 32}.localhost"},
            421,
            id="the-token-under-another-start",
        ),
        pytest.param("GET", "/", {}, {"host": "OWN:9999"}, 200, id="a-tunnel"),
        pytest.param("GET", "/", {}, {"host": "OWN"}, 200, id="our-name-without-a-port"),
        pytest.param("GET", "/", {}, {"host": "localhost:9999"}, 200, id="a-tunnel-of-one-that-stays"),
        pytest.param("GET", "/", {}, {"host": "OWN:1", "cookie": False}, 401, id="our-name-and-no-cookie"),
        pytest.param("GET", "/", {}, {"host": "[::1]:80"}, 200, id="ipv6"),
        pytest.param("GET", "/?token=wrong", {}, {"cookie": False}, 401, id="a-wrong-token"),
        pytest.param("GET", "/?token=TOKEN", {}, {"cookie": False}, 303, id="the-token"),
        pytest.param("POST", "/?token=TOKEN", {"origin": ORIGIN}, {"cookie": False}, 401, id="token-by-post"),
        pytest.param("POST", "/tables/example", {}, {}, 403, id="post-without-an-origin"),
        pytest.param("POST", "/tables/example", {"origin": "null"}, {}, 403, id="post-from-nowhere"),
        pytest.param(
            "POST", "/tables/example", {"origin": "http://evil.example"}, {}, 403, id="post-from-elsewhere"
        ),
        pytest.param(
            "POST", "/tables/example", {"origin": "http://127.0.0.1:1"}, {}, 403, id="post-from-another-port"
        ),
        pytest.param(
            "POST", "/tables/example", {"origin": ORIGIN}, {"cookie": False}, 401, id="post-without-cookie"
        ),
        pytest.param(
            "POST",
            "/tables/example",
            {"origin": ORIGIN, "sec-fetch-site": "same-site"},
            {},
            403,
            id="same-site-post",
        ),
        pytest.param(
            "POST", "/tables/example", {"origin": ORIGIN, "sec-fetch-site": "same-origin"}, {}, 303, id="ours"
        ),
        pytest.param(
            "GET", "/", {"sec-fetch-site": "cross-site", "sec-fetch-dest": "iframe"}, {}, 403, id="framed"
        ),
        pytest.param(
            "GET", "/", {"sec-fetch-site": "same-site", "sec-fetch-dest": "iframe"}, {}, 403, id="framed-here"
        ),
        pytest.param(
            "GET", "/jobs", {"sec-fetch-site": "same-site", "sec-fetch-dest": "empty"}, {}, 403, id="fetched"
        ),
        pytest.param(
            "GET", "/", {"sec-fetch-site": "cross-site", "sec-fetch-dest": "document"}, {}, 200, id="a-link"
        ),
        pytest.param(
            "GET", "/", {"sec-fetch-site": "none", "sec-fetch-dest": "document"}, {}, 200, id="typed-in"
        ),
        pytest.param("PUT", "/", {"origin": ORIGIN}, {}, 405, id="another-method"),
        pytest.param("GET", "/nonsense", {}, {}, 404, id="no-such-page"),
        pytest.param("GET", "/tables/..%2f..%2fetc%2fpasswd", {}, {}, 404, id="dots-in-an-id"),
        pytest.param("GET", "/static/../app.py", {}, {}, 404, id="dots-in-a-name"),
        pytest.param("GET", "/static/..%2fapp.py", {}, {}, 404, id="coded-dots-in-a-name"),
        pytest.param("GET", "/jobs/0000000000000000", {}, {}, 404, id="no-such-job"),
    ],
)
def test_who_gets_an_answer(site, method, path, headers, options, status):
    """
    Every refusal has its status, and every answer the headers.
    """
    own = f"http://{options.get('host', site.url.removeprefix('http://'))}"
    told = {name: own if value is ORIGIN else value for name, value in headers.items()}
    answer = ask(site, method, path, headers=told, **options)
    assert answer.status_code == status
    assert answer.headers["content-security-policy"] == CSP
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "unsafe" not in CSP
    assert site.identity.secret not in answer.text
    assert site.identity.token not in answer.text
    if answer.status_code in (401, 403, 421):
        assert site.identity.name not in answer.text + str(answer.headers)
        assert "set-cookie" not in answer.headers
    assert "Traceback" not in answer.text


def entered(site, path, agent=CHROME, **options):
    """An answer to the printed link, as a browser gets it that was just opened."""
    return ask(site, "GET", path, headers={"user-agent": agent}, **{"cookie": False, **options})


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:1", "[::1]:80", "LOCALHOST:1"])
def test_the_token_leads_to_the_name_of_this_start(site, host):
    """
    A browser that knows names of localhost is sent there, to the port that it sees, with a pass in the place
    of the token. No cookie is set for a name that others have as well.
    """
    answer = entered(site, "/jobs?token=TOKEN&only=running", host=host)
    address = urlsplit(answer.headers["location"])
    assert address.netloc == f"{site.identity.name}:{host.rpartition(':')[2]}"
    assert address.path == "/jobs"
    assert set(parse_qs(address.query)) == {"only", "pass"}
    assert site.identity.token not in address.query
    assert "set-cookie" not in answer.headers


def test_a_pass_lets_one_browser_in_once(site):
    """
    It becomes a cookie out of reach of scripts, and the address is clean. It is no use a second time, at
    another port, or after half a minute.
    """

    def passed():
        address = urlsplit(entered(site, "/jobs?token=TOKEN&only=running").headers["location"])
        return address.netloc, f"{address.path}?{address.query}"

    host, path = passed()
    answer = ask(site, "GET", path, cookie=False, host=host)
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs?only=running")
    cookie = answer.headers["set-cookie"]
    assert re.fullmatch(
        rf"rowbatch-{site.program.port}=[0-9a-f]{{64}}; HttpOnly; Path=/; SameSite=lax", cookie
    )
    assert ask(site, "GET", path, cookie=False, host=host).status_code == 401
    # The browser that has the cookie may come back to it.
    assert ask(site, "GET", path, host=host).headers["location"] == "/jobs?only=running"
    _, path = passed()
    assert ask(site, "GET", path, cookie=False, host=f"{site.identity.name}:1").status_code == 401
    assert ask(site, "GET", path, cookie=False).status_code == 401
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guard, "_PASS_S", 0.0)
        host, path = passed()
        assert ask(site, "GET", path, cookie=False, host=host).status_code == 401


def test_a_cookie_holds_for_one_name_and_port(site):
    """
    What a browser carries for one host is no use at another one, nor to another start.
    """
    hosts = [f"{site.identity.name}:1", f"{site.identity.name}:2", "127.0.0.1:1", "localhost:1", "[::1]:1"]
    for at in hosts:
        for given in hosts:
            value = site.identity.cookie(given)[1]
            name = site.identity.cookie(at)[0]
            status = ask(site, "GET", "/", host=at, cookie={name: value}).status_code
            assert status == (200 if at == given else 401), (at, given)
    later = Identity.new()
    assert later.name != site.identity.name
    assert (
        ask(site, "GET", "/", cookie=dict([later.cookie(site.url.removeprefix("http://"))])).status_code
        == 401
    )
    assert site.identity.token not in repr(site.identity)
    assert site.identity.secret not in repr(site.identity)


@pytest.mark.parametrize(
    ("agent", "path"),
    [(SAFARI, "/?token=TOKEN"), ("", "/?token=TOKEN"), (CHROME, "/?token=TOKEN&stay=1")],
    ids=["safari", "unknown", "as-asked"],
)
def test_a_browser_without_names_of_localhost_stays(site, agent, path):
    """
    It is let in where it is, with a cookie for there.
    """
    answer = entered(site, path, agent)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    name, value = site.identity.cookie(site.url.removeprefix("http://"))
    assert answer.headers["set-cookie"].startswith(f"{name}={value};")


def test_one_that_stays_goes_on_staying(site):
    """
    The link of `rowbatch ui` does not say `stay`; a browser that was let in here knows it by its cookie.
    """
    assert entered(site, "/jobs?token=TOKEN", cookie=True).headers["location"] == "/jobs"


def test_the_token_cannot_lead_elsewhere(site):
    """
    Whatever the path is, the answer leads to our own name, or stays here, and sets one cookie at most.
    """
    for path in ("//evil.example/", "/\\evil.example/", "/%0d%0aset-cookie:x=y", "/@evil.example"):
        found = entered(site, f"{path}?token=TOKEN", SAFARI)
        assert found.headers["location"].startswith("/")
        assert not found.headers["location"].startswith(("//", "/\\"))
        assert len(found.headers.get_list("set-cookie")) == 1
        address = urlsplit(entered(site, f"{path}?token=TOKEN").headers["location"])
        assert address.netloc.split(":")[0] == site.identity.name


@pytest.mark.parametrize(
    ("agent", "finds"),
    [
        (CHROME, True),
        (f"{CHROME} Edg/156.0.0.0", True),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:152.0) Gecko/20100101 Firefox/152.0", True),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:78.0) Gecko/20100101 Firefox/78.0", False),
        (SAFARI, False),
        (
            "Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) CriOS/156.0 Safari/604.1",
            False,
        ),
        (
            "Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) FxiOS/152.0 Safari/604.1",
            False,
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 Version/26.0 Safari/605.1.15",
            False,
        ),
        ("w3m/0.5.3", False),
        ("", False),
    ],
)
def test_which_browsers_find_names_of_localhost(agent, finds):
    """
    Those of Chromium's engine, and Firefox since 84. Chromium 156 was seen to; the others by their word.
    """
    assert finds_names_of_localhost(agent) is finds


@pytest.mark.parametrize("given", ["TOKEN", "http://127.0.0.1:1/?token=TOKEN", "  TOKEN "])
def test_the_token_can_be_typed_in(site, given):
    """
    The page for those without the cookie takes the token, or the whole link. Its answer is a page that leads
    on: `form-action` would not let a form lead to another name.
    """

    def typed(text, agent):
        headers = {"origin": site.url, "user-agent": agent}
        body = urlencode({"token": text.replace(TOKEN, site.identity.token)}).encode()
        return ask(site, "POST", "/token", headers=headers, cookie=False, body=body)

    stayed = typed(given, SAFARI)
    assert (stayed.status_code, "set-cookie" in stayed.headers) == (303, True)
    led = typed(given, CHROME)
    assert (led.status_code, "set-cookie" in led.headers) == (200, False)
    assert led.headers["refresh"].startswith(f"0;url=http://{site.identity.name}:{site.program.port}/?pass=")
    if "?" in given:
        assert typed(f"{given}&stay=1", CHROME).status_code == 303
    refused = typed("wrong", CHROME)
    assert (refused.status_code, "set-cookie" in refused.headers) == (401, False)
    assert "网址" in refused.text
    assert "stay=1" in refused.text


def test_a_page_of_an_earlier_start_is_told(site):
    """
    A tab that was left open has the name of its own start. It is told what happened and how to get in, in
    both languages, and nothing else.
    """
    answer = ask(site, "GET", "/jobs", host=f"rb-{'0' * 32}.localhost:1")
    assert answer.status_code == 421
    assert "started again" in answer.text
    assert "rowbatch ui" in answer.text
    assert "重新启动" in answer.text


def test_the_program_proves_that_it_is_the_program(site):
    """
    Who knows the token can tell it from a stranger at its port, and nobody has to say the token for that.
    """
    port, token = str(site.program.port), site.identity.token
    nonce = "0123456789abcdef"
    answer = ask(site, "GET", f"/hello?nonce={nonce}", cookie=False)
    assert desk.is_proof(answer.text, token, "hello", nonce, port)
    assert not desk.is_proof(answer.text, token, "hello", f"{nonce}0", port)
    assert not desk.is_proof(answer.text, token, "stop", nonce, port)
    assert token not in answer.text
    refused = {
        "a-page": ask(site, "GET", f"/hello?nonce={nonce}", headers={"sec-fetch-site": "none"}),
        "a-form": ask(site, "POST", f"/stop?nonce={nonce}", headers={"origin": site.url}),
        "no-proof": ask(site, "POST", f"/stop?nonce={nonce}"),
        "the-cookie": ask(site, "POST", f"/stop?nonce={nonce}&proof={site.identity.cookie('x')[1]}"),
        "a-proof-of-something-else": ask(
            site, "POST", f"/stop?nonce={nonce}&proof={desk.prove(token, 'hello', nonce, port)}"
        ),
        "no-nonce": ask(site, "GET", "/hello"),
    }
    assert {name: answer.status_code for name, answer in refused.items()} == dict.fromkeys(refused, 403)
    assert ask(site, "GET", "/").status_code == 200


def test_static_files_are_kept_by_their_version(site):
    """
    A static file may be kept for ever; a page never.
    """
    assert "immutable" in ask(site, "GET", "/static/app.css").headers["cache-control"]
    assert ask(site, "GET", "/").headers["cache-control"] == "no-store"
