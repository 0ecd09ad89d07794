"""Keys and addresses on pages: what can be none is said in words, and stands nowhere."""

import html
from pathlib import Path
from urllib.parse import urlencode

import pytest

from awkward_keys import AWKWARD, PARTS
from rowbatch import api, desk
from rowbatch.api import headers as kept_headers
from rowbatch.store.rundir import RunDirectory
from serving_pages import served_pages

TABLE = b"id,post\n1,so good\n2,so bad\n"
FORM = {
    "text": "post",
    "question": "How is it?",
    "labels.0.name": "good",
    "labels.1.name": "bad",
    "provider": "openai",
    "model": "gpt-4o-mini",
}


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    with served_pages() as found:
        yield found


def begun(client):
    """Address of a table with a form."""
    answer = client.post("/tables", params={"name": "posts.csv"}, content=TABLE)
    return answer.json()["url"].removesuffix("/label")


def require_nowhere(parts, pages=()):
    """None of these is on a page, or in a file of the program or of the folder."""
    for page in pages:
        assert not any(part in html.unescape(page.text) for part in parts)
    for path in Path().rglob("*"):
        if path.is_file():
            assert not any(part.encode() in path.read_bytes() for part in parts), path


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", AWKWARD)
def test_a_key_that_can_be_none_is_said_on_the_page(client, name, language):
    """
    422 with a sentence, in the details for the help desk too, and no part of the key.
    """
    client.headers["accept-language"] = language
    form = {"provider": "openai", "key": AWKWARD[name].encode(errors="surrogateescape"), "do": "keep"}
    kind = {"content-type": "application/x-www-form-urlencoded"}
    page = client.post("/settings/keys", content=urlencode(form), headers=kind)
    assert page.status_code == 422
    assert ("cannot be one" if language == "en" else "不可能是密钥") in page.text
    assert "key-malformed" in page.text
    require_nowhere(PARTS, [page, client.get("/settings")])


@pytest.mark.parametrize("name", [name for name in AWKWARD if "\0" not in AWKWARD[name]])
def test_a_key_of_the_environment_that_can_be_none_costs_no_page(site, client, monkeypatch, name):
    """
    The settings say so beside its provider; the form, the start and the test of the key go on without it.
    """
    monkeypatch.setenv("OPENAI_API_KEY", AWKWARD[name])
    settings = client.get("/settings")
    assert settings.status_code == 200
    assert "The key from environment (OPENAI_API_KEY) cannot be one" in html.unescape(settings.text)
    tested = client.post("/settings/keys", data={"provider": "openai", "do": "test"})
    assert tested.status_code == 422
    place = begun(client)
    form = client.post(f"{place}/preview", data=FORM)
    assert form.status_code == 200
    label = client.get(f"{place}/label")
    assert label.status_code == 200
    tried = client.post(f"{place}/try", data=FORM)
    assert tried.status_code < 500
    require_nowhere(PARTS, [settings, tested, form, label, tried, client.get(f"{place}/label")])


BROKEN = [
    "http://",
    "htp://x",
    "http://[::1",
    "http://host:99999",
    "http://a b/v1",
    "http://höst/v1",
    "host/v1",
]


@pytest.mark.parametrize("address", BROKEN)
def test_an_address_that_cannot_be_asked_is_said_in_both_forms(client, address):
    """
    Beside its field where a job is made, and above the form where a key is kept.
    """
    place = begun(client)
    asked = {**FORM, "base_url": address}
    assert client.post(f"{place}/preview", data=asked).status_code == 200
    page = client.post(f"{place}/label", data={**asked, "do": "review"})
    assert page.status_code == 422
    assert "This is not an address that can be asked" in page.text
    assert client.get(f"{place}/label").status_code == 200
    form = {"provider": "openai", "key": "sk-of-a-test-of-pages", "base_url": address, "do": "keep"}
    kept = client.post("/settings/keys", data=form)
    assert kept.status_code == 422
    assert "no address that can be asked" in kept.text


@pytest.mark.parametrize(
    "address", ["https://me:canary-pw@host.example/v1", "https://host.example/v1?api-key=canary-pw"]
)
def test_a_password_in_an_address_is_said_and_not_kept(client, address):
    """
    Neither in the draft, which is kept while it is written, nor on the page that comes back, nor in settings.
    """
    place = begun(client)
    asked = {**FORM, "base_url": address}
    pages = [
        client.post(f"{place}/preview", data=asked),
        client.post(f"{place}/label", data={**asked, "do": "add"}),
        client.post(f"{place}/label", data={**asked, "do": "review"}),
        client.get(f"{place}/label"),
        client.post(
            "/settings/keys",
            data={"provider": "openai", "key": "sk-x-of-pages", "base_url": address, "do": "keep"},
        ),
    ]
    assert pages[2].status_code == 422
    assert "A user name, a password or a key stood in the address" in pages[2].text
    assert pages[4].status_code == 422
    require_nowhere(["canary-pw"], pages)


def test_an_old_run_with_a_password_opens_and_does_not_show_it(site, client):
    """
    It was made before such an address was refused: its page, its recipe, its command and its preview are
    without it, and it is asked at its address as before.
    """
    Path("posts.csv").write_bytes(TABLE)
    run = api.create(
        "posts.csv", text="post", labels=["good", "bad"], prompt="?", provider="openai", model="gpt-4o-mini",
        base_url="https://host.example/v1", run="old",
    )  # fmt: skip
    file = run.path / "run.toml"
    address = "https://me:canary-pw@host.example/v1?api-version=1&key=canary-pw"
    text = file.read_text(encoding="utf-8").replace("https://host.example/v1", address)
    assert text.count("canary-pw") == 2
    file.write_text(text, encoding="utf-8")
    old = api.open_run("old")
    assert RunDirectory(old.path).plan().asking.base_url == address
    shown = "https://…@host.example/v1?api-version=1&key=…"
    assert old.preview().destination == shown
    assert f"base_url: {shown}" in desk.recipe_of_run(old)
    assert shown in api.command_of(old.plan)
    job = client.get(f"/jobs/{desk.job_id(old.path)}")
    assert job.status_code == 200
    assert "canary-pw" not in job.text
    # A recipe with one, as an older version gave it away.
    recipe = Path("old.recipe.yaml")
    recipe.write_text(desk.recipe_of_run(old).replace(shown, address), encoding="utf-8")
    draft = desk.draft_from_file(recipe, desk.Draft())
    assert "canary-pw" not in repr(draft)
    assert [fault.kind for fault in desk.faults(draft, ["id", "post"])] == ["address-with-secret"]


def test_headers_are_kept_and_not_shown(site, client, monkeypatch):
    """
    Names and places come back, a value by itself does not; what is no header is said in words; nothing
    forgets them.
    """
    monkeypatch.setattr(kept_headers, "_HELD", {})
    form = {
        "provider": "compatible",
        "base_url": "https://gateway.example/v1",
        "headers": "X-Tenant=env:TENANT\nX-Held=held-secret-0042",
    }
    page = client.post("/settings/headers", data=form).text
    assert "X-Tenant=env:TENANT" in page
    assert "X-Held=…" in page
    assert "held-secret-0042" not in page
    assert "held-secret-0042" not in client.get("/settings").text
    broken = client.post("/settings/headers", data={**form, "headers": "held-secret-0042"})
    assert broken.status_code == 422
    assert "no NAME=VALUE" in broken.text
    assert "held-secret-0042" not in broken.text
    client.post("/settings/headers", data={**form, "headers": ""})
    assert kept_headers.shown_headers() == {}
