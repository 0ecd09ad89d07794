"""
Test code that uses a batch API: with a server that answers without a model, and goes wrong when told.

    from rowbatch.testing import batch_server

    def test_no_batch_is_paid_twice():
        with batch_server("lost-answer") as server:
            my_code(base_url=server.base_url, api_key=server.key)
            assert server.batches_made == 1

It speaks OpenAI's protocol at an address of this computer. With pytest there is a fixture as well, in
`rowbatch.testing.fixtures`.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rowbatch.server.app import create_app
from rowbatch.server.echo import Answer, EchoEngine
from rowbatch.server.faults.middleware import FaultyApp, Happened
from rowbatch.server.faults.plan import FaultPlan, named_plans, parse_plan, read_plan
from rowbatch.serving import serve_until_ready

if TYPE_CHECKING:
    import uvicorn

__all__ = ["BatchServer", "Happened", "batch_server", "fault_names"]

_START_S = 60.0


class BatchServer:
    """
    A Batch server of a test.

    Attributes:
        base_url: As an OpenAI client wants it, with `/v1`.
        key: What each call must bear.
    """

    def __init__(self, base_url: str, key: str, app: FaultyApp, engine: EchoEngine) -> None:
        self.base_url, self.key = base_url, key
        self._app, self._engine = app, engine

    def __repr__(self) -> str:
        return f"BatchServer({self.base_url!r})"

    @property
    def batches_made(self) -> int:
        """How many batches were really made, whatever was answered."""
        return self._app.batches_made

    @property
    def calls(self) -> Counter[str]:
        """How often each call was made: `create-batch`, `content`, and so on."""
        return Counter(self._app.calls)

    @property
    def asked(self) -> Counter[str]:
        """How often each text was really answered: what a provider would bill."""
        return Counter(self._engine.asked)

    @property
    def happened(self) -> list[Happened]:
        """The faults that happened so far, oldest first."""
        return list(self._app.happened)

    def misbehave(self, faults: str | Path | Sequence[str] | None, *, seed: int | None = None) -> None:
        """
        Let something else go wrong from now on.

        Args:
            faults: As `batch_server` takes them; None for nothing.
            seed: What chance follows from.
        Raises:
            UsageError: There are no such faults.
        """
        self._app.plan = _plan_of(faults, seed)


@contextlib.contextmanager
def batch_server(
    faults: str | Path | Sequence[str] | None = None,
    *,
    seed: int | None = None,
    answer: Answer | None = None,
    folder: Path | None = None,
) -> Iterator[BatchServer]:
    """
    A Batch server until the block ends.

    Args:
        faults: What goes wrong: a name of `fault_names`, several of them, a file of faults in TOML, or such
            TOML itself (a text with a line break); None for nothing.
        seed: What chance follows from, in place of what the faults say.
        answer: From the body of a request to the text of its answer; None answers with the request's own
            text, or with JSON that its schema allows.
        folder: Where it keeps its files; None is a folder that is removed in the end.
    Raises:
        UsageError: There are no such faults, or they are wrong.
    """
    plan = _plan_of(faults, seed)
    with contextlib.ExitStack() as stack:
        home = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="batch-server-")))
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        serving = _Serving(home, listener, EchoEngine(answer), plan)
        stack.callback(serving.stop)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        yield BatchServer(address, serving.key, serving.start(), serving.engine)


def fault_names() -> tuple[str, ...]:
    """What can go wrong by name; `rowbatch serve --faults list` says what each is."""
    return tuple(named_plans())


def _plan_of(faults: str | Path | Sequence[str] | None, seed: int | None) -> FaultPlan:
    if faults is None:
        return FaultPlan()
    if isinstance(faults, str) and "\n" in faults:
        plan = parse_plan(faults, "the faults")
        return plan if seed is None else FaultPlan(plan.rules, seed)
    if isinstance(faults, str | Path):
        return read_plan(str(faults), seed=seed)
    plans = [read_plan(name) for name in faults]
    return FaultPlan(tuple(rule for plan in plans for rule in plan.rules), 1 if seed is None else seed)


class _Serving:
    """The server, in a thread of its own."""

    def __init__(self, home: Path, listener: socket.socket, engine: EchoEngine, plan: FaultPlan) -> None:
        self.key = f"test-{secrets.token_urlsafe(12)}"
        self.engine = engine
        self._home, self._listener, self._plan = home, listener, plan
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._is_ready = threading.Event()
        self._app: FaultyApp | None = None
        self._server: uvicorn.Server | None = None
        self._error: BaseException | None = None

    def start(self) -> FaultyApp:
        """
        Begin, and come back when calls are answered.

        Raises:
            RuntimeError: It does not start.
        """
        self._thread.start()
        self._is_ready.wait(_START_S)
        if self._app is None:
            raise RuntimeError("the Batch server of the test does not start") from self._error
        return self._app

    def stop(self) -> None:
        """End, and wait for the end."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(_START_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001 - told by `start`, in the thread of the test
            self._error = error
        finally:
            self._is_ready.set()

    async def _serve(self) -> None:
        # What it keeps belongs to the thread that it is opened in.
        app = FaultyApp(create_app(self._home, self.engine, key=self.key), self._plan)
        started = await serve_until_ready(app, self._listener, closing_s=1)
        if started is None:
            return
        self._server, running = started
        self._app = app
        self._is_ready.set()
        await running
