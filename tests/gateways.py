"""
Other people's Batch servers as a run of ours meets them: on their way answers are lost, creates are refused,
the server is killed. What stands behind each counts the rows that it is asked.

Used by `neighbours.py`; each server has an environment of its own.
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from upstreams import FakeUpstream, Said, fake_upstream, said

KEY = "sk-gateway-of-rowbatch"
MODEL = "tiny"
ROWS = 12
_LABELS = ("good", "bad")
_START_S = 300.0
_COMMAND_S = 300.0
_SLOW_S = 2.0
_STUCK_S = 120.0
_WORKS = "works"


@dataclass(frozen=True, slots=True)
class Gateway:
    """
    A server of somebody else's.

    Attributes:
        name: Of the package.
        model: As it names the model behind it.
        config: Of the server, with `{url}` for what stands behind it.
        command: Its program and options, with `{config}` and `{port}`.
        has_batches: It carries batches out by itself; else it hands them on to a server that does.
        also: What else is installed.
        python: The oldest version of Python that it takes.
    """

    name: str
    model: str
    config: str
    command: tuple[str, ...]
    has_batches: bool
    also: tuple[str, ...] = ()
    python: tuple[int, int] = (3, 11)


GATEWAYS = (
    Gateway(
        "litellm[proxy]",
        MODEL,
        f"""
model_list:
  - model_name: {MODEL}
    litellm_params: {{model: openai/{MODEL}, api_base: "{{url}}", api_key: {KEY}}}
files_settings:
  - {{custom_llm_provider: openai, api_base: "{{url}}", api_key: {KEY}}}
general_settings: {{master_key: {KEY}}}
""",
        (
            "litellm",
            "--config",
            "{config}",
            "--host",
            "127.0.0.1",
            "--port",
            "{port}",
            "--telemetry",
            "False",
        ),
        has_batches=False,
    ),
    Gateway(
        "ogx",
        f"openai/{MODEL}",
        f"""
version: 2
distro_name: neighbour
apis: [batches, files, inference]
providers:
  inference:
  - provider_id: openai
    provider_type: remote::openai
    config: {{api_key: {KEY}, base_url: "{{url}}"}}
  files:
  - provider_id: files
    provider_type: inline::localfs
    config:
      storage_dir: "{{place}}/files"
      metadata_store: {{table_name: files_metadata, backend: sql_default}}
  batches:
  - provider_id: reference
    provider_type: inline::reference
    config:
      sqlstore: {{table_name: batches, backend: sql_default}}
storage:
  backends:
    kv_default: {{type: kv_sqlite, db_path: "{{place}}/kv.db"}}
    sql_default: {{type: sql_sqlite, db_path: "{{place}}/sql.db"}}
  stores:
    metadata: {{namespace: registry, backend: kv_default}}
    inference: {{table_name: inference_store, backend: sql_default}}
    conversations: {{table_name: conversations, backend: sql_default}}
    prompts: {{table_name: prompts, backend: sql_default}}
    connectors: {{table_name: connectors, backend: sql_default}}
registered_resources: {{models: []}}
server: {{host: 127.0.0.1}}
""".replace("{{url}}", "{url}").replace("{{place}}", "{place}"),
        ("ogx", "run", "{config}", "--port", "{port}", "--insecure"),
        has_batches=True,
        # What `ogx stack list-deps` names for these three.
        also=(
            *("aiosqlite", "sqlalchemy[asyncio]", "asyncpg", "fastapi", "fire", "httpx", "httpx2", "uvicorn"),
            *("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"),
            "opentelemetry-exporter-otlp-proto-grpc",
        ),
        python=(3, 12),
    ),
)


class Between:
    """
    A proxy that forwards everything, and on request loses or refuses the next create.

    Attributes:
        mode: What becomes of the next `POST …/batches`: `pass`, `lose` (it is carried out, and the
            connection ends) or `refuse` (500 in plain text, and nothing is carried out).
        target: The address that it forwards to.
    """

    def __init__(self) -> None:
        self.mode, self.target = "pass", ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None
        self.base_url = ""

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()

    def close(self) -> None:
        assert self._runner is not None
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{path:.*}", self._forward)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"

    async def _forward(self, request: web.Request) -> web.Response:
        content = await request.read()
        mode = "pass"
        if request.method == "POST" and request.path.endswith("/batches"):
            mode, self.mode = self.mode, "pass"
        if mode == "refuse":
            return web.Response(status=500, text="Internal Server Error")
        dropped = ("host", "content-length", "transfer-encoding", "accept-encoding", "connection")
        headers = {name: value for name, value in request.headers.items() if name.lower() not in dropped}
        address = self.target + request.raw_path.removeprefix("/v1")
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.request(request.method, address, headers=headers, data=content or None) as answer,
            ):
                told = await answer.read()
        except aiohttp.ClientError:
            # As it is when nothing listens there.
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if mode == "lose":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        kind = answer.headers.get("content-type", "application/octet-stream")
        return web.Response(status=answer.status, body=told, headers={"content-type": kind})


@dataclass(slots=True)
class Stage:
    """
    One server with what stands behind and before it.

    Attributes:
        gateway: Which.
        programs: Folder of its environment's programs.
        place: Where its files lie, and those of the runs.
        model_server: What answers the rows, and counts them.
        between: The proxy that the runs know.
    """

    gateway: Gateway
    programs: Path
    place: Path
    model_server: FakeUpstream
    between: Between
    behind_url: str = ""
    process: subprocess.Popen[bytes] | None = None
    texts: set[str] = field(default_factory=set)

    def start(self) -> None:
        """Start the server, and wait until it lists its model."""
        with free_port() as port:
            pass
        config = self.place / "config.yaml"
        text = self.gateway.config.replace("{url}", self.behind_url).replace("{place}", str(self.place))
        config.write_text(text)
        told = {"config": str(config), "port": str(port)}
        first, *words = (word.format(**told) for word in self.gateway.command)
        with (self.place / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.programs / first), *words],
                cwd=self.place,
                env=_environment(self.place),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.between.target = f"http://127.0.0.1:{port}/v1"
        end = time.monotonic() + _START_S
        while not self._lists_model():
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"it does not start: {(self.place / 'log').read_text()[-2_000:]}")
            time.sleep(0.2)

    def kill(self) -> None:
        """As a power cut ends it."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def batches(self) -> int:
        """How many batches it lists."""
        return len(_asked(f"{self.between.target}/batches?limit=100")["data"])

    def _lists_model(self) -> bool:
        try:
            listed = _asked(f"{self.between.target}/models")
        except OSError:
            return False
        return any(entry.get("id") == self.gateway.model for entry in listed["data"])

    def table(self, name: str) -> Path:
        """A table of new texts in a folder of its own."""
        folder = self.place / name
        folder.mkdir()
        path = folder / "t.csv"
        texts = [f"{name}, text {number}" for number in range(ROWS)]
        self.texts.update(texts)
        path.write_text("text\n" + "".join(f'"{text}"\n' for text in texts))
        return path

    def run(self, table: Path, *words: str, may_fail: bool = False, limit_s: float = _COMMAND_S) -> str:
        """A command of ours; what it said."""
        return self.ours(table, "-m", "rowbatch", *words, may_fail=may_fail, limit_s=limit_s)

    def ours(self, table: Path, *words: str, may_fail: bool = False, limit_s: float = _COMMAND_S) -> str:
        """Python with words, beside a table; what it said."""
        done = subprocess.run(
            [sys.executable, *words],
            cwd=table.parent,
            env=_environment(self.place),
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
        if done.returncode and not may_fail:
            raise AssertionError((done.stderr or done.stdout).strip())
        return done.stdout + done.stderr

    def label(self, table: Path, *words: str, may_fail: bool = False) -> str:
        """Label the table, in one go."""
        question = (
            "--text",
            "text",
            "--labels",
            ",".join(_LABELS),
            "--prompt",
            "Mood?",
            "--max-tokens",
            "20",
        )
        asked = (
            "--provider",
            "compatible",
            "--base-url",
            self.between.base_url,
            "--model",
            self.gateway.model,
        )
        words = ("--run", "r", *question, *asked, "--poll-seconds", "0.5", "-o", "out.csv", "--yes", *words)
        return self.run(table, "run", "t.csv", *words, may_fail=may_fail)

    def submit(self, table: Path) -> None:
        """Send the table off, and leave it there."""
        given = {
            **{"text": "text", "labels": ",".join(_LABELS), "prompt": "Mood?", "max_tokens": 20},
            **{"provider": "compatible", "base_url": self.between.base_url, "model": self.gateway.model},
            **{"run": "r", "output": "out.csv"},
        }
        program = f"import rowbatch; rowbatch.create('t.csv', **{given!r}).submit()"
        self.ours(table, "-c", program)

    def require_labels(self, table: Path, *statuses: str) -> None:
        """Every row once, in order, with its own label where its status is `ok`."""
        with (table.parent / "out.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        texts = [f"{table.parent.name}, text {number}" for number in range(ROWS)]
        assert [row["text"] for row in rows] == texts, "rows are not those of the table"
        found = Counter(row["status"] for row in rows)
        assert set(found) <= set(statuses or ("ok",)), f"rows end as {dict(found)}"
        wrong = [row for row in rows if row["status"] == "ok" and row["label"] != label_of(row["text"])]
        assert not wrong, f"{len(wrong)} rows have the label of another"

    def require_asked_once(self, table: Path) -> None:
        """The model was asked each row of a table once, at most."""
        name = table.parent.name
        asked = Counter(text for call in self.model_server.calls if (text := text_of(call)).startswith(name))
        again = sum(count - 1 for count in asked.values())
        assert not again, f"{again} rows were asked twice"


def text_of(body: Mapping[str, Any]) -> str:
    """What the user's turn of a call says."""
    return str(body["messages"][-1]["content"])


def label_of(text: str) -> str:
    """The label that the model gives to a text."""
    return _LABELS[len(text) % len(_LABELS)]


# What a run meets.


def _plain(stage: Stage, table: Path) -> str:
    stage.label(table)
    stage.require_labels(table)
    stage.require_asked_once(table)
    return _WORKS


def _lost_answer(stage: Stage, table: Path) -> str:
    before, stage.between.mode = stage.batches(), "lose"
    stage.label(table)
    assert stage.between.mode == "pass", "no create came"
    stage.require_labels(table)
    stage.require_asked_once(table)
    assert stage.batches() == before + 1, "the batch was made twice"
    return _WORKS


def _refused_create(stage: Stage, table: Path) -> str:
    before, stage.between.mode = stage.batches(), "refuse"
    told = stage.label(table, "--lost-answer-wait", "3", "--on-lost-answer", "resubmit", may_fail=True)
    assert stage.between.mode == "pass", "no create came"
    if not (table.parent / "out.csv").exists():
        raise AssertionError(told.strip())
    stage.require_labels(table)
    stage.require_asked_once(table)
    assert stage.batches() == before + 1, "there is not one batch"
    return _WORKS


def _cancel(stage: Stage, table: Path) -> str:
    with _slow(stage):
        stage.submit(table)
        stage.run(table, "cancel", "r", "--poll-seconds", "0.5")
    stage.require_labels(table, "ok", "cancelled")
    stage.run(table, "resume", "r", "--poll-seconds", "0.5", "--yes")
    stage.require_labels(table)
    return _WORKS


def _restart(stage: Stage, table: Path) -> str:
    before = stage.batches()
    with _slow(stage):
        stage.submit(table)
        stage.kill()
    stage.start()
    try:
        stage.run(table, "resume", "r", "--poll-seconds", "0.5", "--yes", limit_s=_STUCK_S)
    except subprocess.TimeoutExpired:
        # It says for ever that the batch runs: a person ends the wait.
        stage.run(table, "give-up", "r", "--yes")
        stage.run(table, "resume", "r", "--poll-seconds", "0.5", "--ask-again", "missing", "--yes")
        stage.require_labels(table)
        return "its batch stays `in_progress`; `give-up` and `resume` label all rows"
    stage.require_labels(table)
    assert stage.batches() == before + 1, "the batch was made twice"
    return _WORKS


MEETINGS: Mapping[str, Callable[[Stage, Path], str]] = {
    "a run": _plain,
    "a lost answer": _lost_answer,
    "a refused create": _refused_create,
    "a cancel": _cancel,
    "killed, started again": _restart,
}


def meet(gateway: Gateway, programs: Path, place: Path) -> dict[str, str]:
    """Have a run of ours meet each of these at a server; "works", or what went wrong."""
    outcomes: dict[str, str] = {}
    with _stage(gateway, programs, place) as stage:
        for name, meeting in MEETINGS.items():
            try:
                outcomes[name] = meeting(stage, stage.table(name.replace(",", "").replace(" ", "-")))
            except (AssertionError, OSError, subprocess.TimeoutExpired, urllib.error.URLError) as error:
                print(f"{gateway.name}, {name}: {error}", file=sys.stderr)
                outcomes[name] = f"fails: {_in_short(str(error) or type(error).__name__)}"
                if stage.process is not None and stage.process.poll() is not None:
                    stage.start()
    return outcomes


def _in_short(told: str) -> str:
    """The line that says what went wrong, of all that a program said."""
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    chosen = next((line for line in lines if line.startswith("error:")), lines[-1])
    return chosen.removeprefix("error:").strip()[:160].replace("|", "\\|")


@contextmanager
def _stage(gateway: Gateway, programs: Path, place: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        model_server = stack.enter_context(
            fake_upstream(lambda body: said(json.dumps({"label": label_of(text_of(body))})), models=(MODEL,))
        )
        between = Between()
        between.start()
        stack.callback(between.close)
        stage = Stage(gateway, programs, place, model_server, between)
        stage.behind_url = (
            model_server.base_url
            if gateway.has_batches
            else stack.enter_context(_serve(place, model_server.base_url))
        )
        stack.callback(stage.kill)
        stage.start()
        yield stage


@contextmanager
def _serve(place: Path, upstream: str) -> Iterator[str]:
    """Our own server, for one that hands batches on."""
    home = place / "behind"
    words = ["serve", "--home", str(home), "--port", "0", "--upstream", upstream]
    with (place / "behind.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "rowbatch", *words], env=_environment(place), stdout=log, stderr=log
        )
    try:
        end = time.monotonic() + _START_S
        while not (home / "server.json").exists():
            if process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"our server does not start: {(place / 'behind.log').read_text()}")
            time.sleep(0.05)
        yield str(json.loads((home / "server.json").read_text())["base_url"])
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _slow(stage: Stage) -> Iterator[None]:
    """Answers take some seconds, so that a batch is under way when something happens to it."""
    answer = stage.model_server.answer
    stage.model_server.answer = lambda body: Said(body=answer(body).body, delay_s=_SLOW_S)
    try:
        yield
    finally:
        stage.model_server.answer = answer


@contextmanager
def free_port() -> Iterator[int]:
    """A port of this computer that nobody has."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def _environment(place: Path) -> dict[str, str]:
    """Of a computer where nothing else is set, and from which nothing is sent elsewhere."""
    ours = ("ROWBATCH_", "PYTEST", "OPENAI_", "OGX_", "LITELLM_")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
        "HOME": str(place),
        "ROWBATCH_HOME": str(place / "rowbatch"),
        "ROWBATCH_API_KEY": KEY,
        "ROWBATCH_SERVER_KEY": KEY,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "OTEL_SDK_DISABLED": "true",
        "DO_NOT_TRACK": "1",
        "NO_PROXY": "127.0.0.1",
    }


def _asked(address: str) -> Any:
    request = urllib.request.Request(address, headers={"authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def python_of(oldest: tuple[int, int]) -> str | None:
    """A Python that is not older; None where there is none here."""
    if sys.version_info[:2] >= oldest:
        return sys.executable
    minors = range(oldest[1], oldest[1] + 4)
    found = [path for minor in minors if (path := shutil.which(f"python{oldest[0]}.{minor}"))]
    # pyenv's own names lead nowhere where another version is chosen.
    of_pyenv = Path.home() / ".pyenv" / "versions"
    found += [
        str(path) for minor in minors for path in sorted(of_pyenv.glob(f"{oldest[0]}.{minor}.*/bin/python"))
    ]
    for path in found:
        if subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0:
            return path
    return None
