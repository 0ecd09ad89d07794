"""Further headers and form fields: to whom they go, what is kept of them, and where they show."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

import rowbatch
from fake_providers import FakeProvider
from rowbatch.api import headers as kept
from rowbatch.cli.app import run_command_line
from rowbatch.errors import ServiceError, UsageError
from rowbatch.http import HttpClient

SECRET = "tenant-secret-0042"


class Gateway:
    """
    A service that notes what comes.

    Attributes:
        calls: Method, path, headers with names in lower case, body.
        answer: Status and headers of every answer; None for those of a provider.
    """

    def __init__(self) -> None:
        self.fake = FakeProvider()
        self.fake.work_polls = 0
        self.calls: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answer: tuple[int, dict[str, str]] | None = None
        self.address = ""

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.calls.append((handler.command, handler.path, headers, body))
        self.fake.now = datetime.now(UTC)
        told: dict[str, str]
        if self.answer is not None:
            (status, told), content = self.answer, b"{}"
        else:
            reply = self.fake.handle(handler.command, handler.path, headers, body)
            status, told, content = reply.status, dict(reply.headers), reply.body
        handler.send_response_only(status)
        for name, value in {**told, "content-length": str(len(content))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)


@contextmanager
def gateway() -> Iterator[Gateway]:
    found = Gateway()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __getattr__(self, name: str) -> Any:
            # The base class looks for a method `do_GET` and the like.
            if name in ("do_GET", "do_POST", "do_DELETE"):
                return lambda: found.handle(self)
            raise AttributeError(name)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    found.address = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(kept, "_HELD", {})
    monkeypatch.setattr(kept, "stored_secret", {"header:tenant": SECRET}.get)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("text\nsun\nrain\n")
    return tmp_path


@pytest.fixture
def service():
    with gateway() as found:
        yield found


def on_disk(folder):
    """Everything that lies in a folder, as bytes."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def run_words(service, *more):
    question = ["--text", "text", "--labels", "good,bad", "--prompt", "?"]
    asked = ["--provider", "compatible", "--base-url", service.address, "--model", "m", "--poll-seconds", "0"]
    return ["run", "t.csv", *question, *asked, "--yes", *more]


def values(service, name):
    """What every call had in a header."""
    return {headers.get(name) for _, _, headers, _ in service.calls}


def test_every_call_of_a_run_has_them(workplace, service, monkeypatch, capsys):
    """
    Upload, create, questions and downloads, the clean-up too; the run keeps where a secret stands and never
    the secret; a later command needs nothing more.
    """
    monkeypatch.setenv("TENANT", SECRET)
    more = (
        "--header",
        "X-Tenant=env:TENANT",
        "--header",
        "X-Route=plain:eu",
        "--form-field",
        "custom_llm_provider=azure",
    )
    assert run_command_line(run_words(service, *more)) == 0
    assert values(service, "x-tenant") == {SECRET}
    assert values(service, "x-route") == {"eu"}
    (upload,) = [body for method, path, _, body in service.calls if (method, path) == ("POST", "/v1/files")]
    assert b'name="custom_llm_provider"\r\n\r\nazure\r\n' in upload
    assert b'name="purpose"\r\n\r\nbatch\r\n' in upload
    run = rowbatch.open("t")
    assert run.plan.asking.headers == {"X-Tenant": "env:TENANT", "X-Route": "plain:eu"}
    service.calls.clear()
    assert run_command_line(["clean", str(run.path), "--yes"]) == 0
    assert run_command_line(["doctor", str(run.path)]) == 0
    assert service.calls
    assert values(service, "x-tenant") == {SECRET}
    assert SECRET.encode() not in on_disk(workplace)
    shown = capsys.readouterr()
    assert SECRET not in shown.out + shown.err
    monkeypatch.delenv("TENANT")
    assert run_command_line(["resume", str(run.path), "--yes"]) == 2
    assert "TENANT is not set" in capsys.readouterr().err


def test_a_value_by_itself_is_not_kept(workplace, service, capsys):
    """
    It lives as long as the process: the run keeps the name, a later command that lacks it says so before any
    call, and goes on with it.
    """
    assert run_command_line(run_words(service, "--header", f"X-Tenant={SECRET}")) == 0
    assert values(service, "x-tenant") == {SECRET}
    run = rowbatch.open("t")
    assert run.plan.asking.headers == {"X-Tenant": ""}
    assert SECRET.encode() not in on_disk(workplace)
    service.calls.clear()
    capsys.readouterr()
    for command in ("clean", "try", "cancel", "watch", "download", "submit", "resume", "doctor", "recover"):
        yes = ["--yes"] if command in ("clean", "try", "submit", "resume") else []
        assert run_command_line([command, str(run.path), *yes]) == 2
        assert "sends a header X-Tenant" in capsys.readouterr().err
    assert service.calls == []
    assert run_command_line(["clean", str(run.path), "--yes", "--header", f"x-tenant={SECRET}"]) == 0
    assert values(service, "x-tenant") == {SECRET}
    opened = rowbatch.open(run.path, headers={"X-Tenant": "keyring:tenant"})
    service.calls.clear()
    opened.clean()
    assert values(service, "x-tenant") == {SECRET}


def test_a_run_of_somebody_elses_sends_nothing_of_this_computer(workplace, service, monkeypatch):
    """
    A variable that only the run directory names is not sent: another computer made the run, or somebody who
    wants it.
    """
    monkeypatch.setenv("OTHER_SECRET", SECRET)
    made = rowbatch.create(
        "t.csv",
        text="text",
        labels="good,bad",
        prompt="?",
        provider="compatible",
        base_url=service.address,
        model="m",
        headers=["X-Tenant=env:TENANT"],
    )
    file = made.path / "run.toml"
    file.write_text(file.read_text().replace("env:TENANT", "env:OTHER_SECRET"))
    with pytest.raises(UsageError, match="nobody on this computer has said so"):
        rowbatch.open(made.path).submit()
    assert service.calls == []
    rowbatch.open(made.path, headers=["X-Tenant=env:OTHER_SECRET"]).submit()
    assert values(service, "x-tenant") == {SECRET}
    service.calls.clear()
    # Once it was said here it need not be said again, for this header and host.
    rowbatch.open(made.path).poll()
    assert values(service, "x-tenant") == {SECRET}


def test_they_go_to_the_named_host_only(workplace, service, monkeypatch):
    """
    Not where a redirect leads, and not in clear to another machine.
    """
    monkeypatch.setenv("TENANT", SECRET)
    with gateway() as elsewhere, HttpClient(service.address, secret_headers={"X-Tenant": SECRET}) as http:
        http.free_attempts = 1
        service.answer = (307, {"location": f"{elsewhere.address}/files"})
        with pytest.raises(ServiceError):
            http.get("files")
        with pytest.raises(ServiceError):
            http.get(f"{elsewhere.address}/files")
        assert values(service, "x-tenant") == {SECRET}
        assert elsewhere.calls == []
    with pytest.raises(UsageError, match="http"):
        HttpClient("http://gateway.example/v1", secret_headers={"X-Tenant": SECRET})
    assert SECRET not in repr(HttpClient(service.address, secret_headers={"X-Tenant": SECRET}))


@pytest.mark.parametrize(
    ("provider", "header"),
    [
        ("azure", "Api-Key=plain:x"),
        ("anthropic", "Anthropic-Version=plain:x"),
        ("gemini", "X-Goog-Api-Key=plain:x"),
    ],
)
def test_no_header_takes_the_place_of_a_providers_own(workplace, monkeypatch, provider, header):
    """
    What carries the key or the version is ours, whatever the provider calls it.
    """
    for variable in ("AZURE_OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(variable, "k" * 20)
    checks = {"base_url": "https://127.0.0.1:1/v1"} if provider == "azure" else {}
    with pytest.raises(UsageError, match="set by the program itself"):
        rowbatch.api.doctor(provider, headers=[header], **checks)


def test_where_they_make_no_sense(workplace):
    """
    The model on this computer wants none, and a provider that takes no form has no fields of one.
    """
    words: dict[str, Any] = {"text": "text", "labels": "good,bad", "prompt": "?"}
    with pytest.raises(UsageError, match="runs on this computer"):
        rowbatch.create("t.csv", **words, headers={"X-A": "plain:1"})
    with pytest.raises(UsageError, match="no form fields"):
        rowbatch.create("t.csv", **words, provider="anthropic", model="m", form_fields={"a": "1"})


def test_headers_that_are_kept_for_a_host(workplace, service, monkeypatch):
    """
    The web app's settings: they go with every run to that host; a value by itself until the program ends;
    saving nothing forgets them.
    """
    monkeypatch.setenv("TENANT", SECRET)
    host = kept.keep_headers(
        "compatible", "X-Tenant=env:TENANT\nX-Held=held-secret-1", base_url=service.address
    )
    assert kept.shown_headers() == {host: {"X-Tenant": "env:TENANT", "X-Held": ""}}
    assert b"held-secret-1" not in on_disk(workplace / "home")
    assert run_command_line(run_words(service)) == 0
    assert values(service, "x-tenant") == {SECRET}
    assert values(service, "x-held") == {"held-secret-1"}
    assert rowbatch.open("t").plan.asking.headers == {}
    service.calls.clear()
    kept.keep_headers("compatible", "", base_url=service.address)
    assert kept.shown_headers() == {}
    assert run_command_line(["clean", "t", "--yes"]) == 0
    assert values(service, "x-tenant") == {None}


def test_the_command_of_a_plan_names_them(workplace):
    """
    As they were said; in the place of a value that is not kept stands that there is one.
    """
    made = rowbatch.create(
        "t.csv",
        text="text",
        labels="good,bad",
        prompt="?",
        provider="openai",
        model="gpt-4o-mini",
        headers=["X-A=env:B", f"X-C={SECRET}"],
        form_fields={"f": "1"},
    )
    words = rowbatch.api.command_of(made.plan)
    told = [
        (words[at], words[at + 1]) for at, word in enumerate(words) if word in ("--header", "--form-field")
    ]
    # The last one is the line of the table with the names.
    assert told == [
        ("--header", "X-A=env:B"), ("--header", "X-C=…"), ("--form-field", "f=1"), ("--header", "1"),
    ]  # fmt: skip
    assert json.loads(json.dumps(dict(made.plan.asking.headers))) == {"X-A": "env:B", "X-C": ""}
