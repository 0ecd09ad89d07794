"""The wall: who gets an answer."""

import httpx2
import pytest

from rowbatch.web.guard import CSP
from serving_pages import SESSION, TOKEN, served_pages


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROWBATCH_HOME", str(tmp_path_factory.mktemp("home")))
        with served_pages() as found:
            yield found


def ask(site, method, path, *, headers=None, cookie=True, host=None, body=b""):
    """One call as a browser or a stranger makes it; never follows."""
    own = {"host": host or site.url.removeprefix("http://")}
    if cookie:
        own["cookie"] = "; ".join(f"{name}={value}" for name, value in site.cookie.items())
    return httpx2.request(method, site.url + path, headers={**own, **(headers or {})}, content=body)


ORIGIN = object()


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
        pytest.param("GET", "/", {}, {"host": "localhost:9999"}, 200, id="a-tunnel"),
        pytest.param("GET", "/", {}, {"host": "[::1]:80"}, 200, id="ipv6"),
        pytest.param("GET", "/?token=wrong", {}, {"cookie": False}, 401, id="a-wrong-token"),
        pytest.param("GET", f"/?token={TOKEN}", {}, {"cookie": False}, 303, id="the-token"),
        pytest.param(
            "POST", f"/?token={TOKEN}", {"origin": ORIGIN}, {"cookie": False}, 401, id="token-by-post"
        ),
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
    told = {name: site.url if value is ORIGIN else value for name, value in headers.items()}
    answer = ask(site, method, path, headers=told, **options)
    assert answer.status_code == status
    assert answer.headers["content-security-policy"] == CSP
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "unsafe" not in CSP
    assert SESSION not in answer.text
    assert "Traceback" not in answer.text


def test_the_token_becomes_a_cookie(site):
    """
    The cookie is for this port, out of reach of scripts; the address is clean afterwards, and stays here.
    """
    answer = ask(site, "GET", f"/jobs?token={TOKEN}", cookie=False)
    assert answer.headers["location"] == "/jobs"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"rowbatch-{site.program.port}=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    for path in ("//evil.example/", "/\\evil.example/", "/%0d%0aset-cookie:x=y"):
        found = ask(site, "GET", f"{path}?token={TOKEN}", cookie=False)
        assert found.headers["location"].startswith("/")
        assert not found.headers["location"].startswith(("//", "/\\"))
        assert found.headers["set-cookie"].count("=") == cookie.count("=")


@pytest.mark.parametrize("given", [TOKEN, f"http://127.0.0.1:1/?token={TOKEN}", f"  {TOKEN} "])
def test_the_token_can_be_typed_in(site, given):
    """
    The page for those without the cookie takes the token, or the whole link.
    """
    from urllib.parse import urlencode

    headers = {"origin": site.url, "content-type": "application/x-www-form-urlencoded"}
    body = urlencode({"token": given}).encode()
    answer = ask(site, "POST", "/token", headers=headers, cookie=False, body=body)
    assert answer.status_code == 303
    assert "set-cookie" in answer.headers
    refused = ask(site, "POST", "/token", headers=headers, cookie=False, body=b"token=wrong")
    assert (refused.status_code, "set-cookie" in refused.headers) == (401, False)
    assert "网址" in refused.text


def test_static_files_are_kept_by_their_version(site):
    """
    A static file may be kept for ever; a page never.
    """
    assert "immutable" in ask(site, "GET", "/static/app.css").headers["cache-control"]
    assert ask(site, "GET", "/").headers["cache-control"] == "no-store"
