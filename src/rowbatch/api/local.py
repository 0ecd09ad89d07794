"""The local Batch server, and who else can be asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rowbatch.providers.catalog import find_provider, provider_names
from rowbatch.server import keys
from rowbatch.server.faults.catalogue import KINDS
from rowbatch.server.faults.days import DAYS
from rowbatch.server.faults.plan import read_plan
from rowbatch.server.launch import ensure_running, find_running
from rowbatch.server.local_model import check_local_model
from rowbatch.store.home import home

if TYPE_CHECKING:
    from rowbatch.server.engine import Engine
    from rowbatch.server.launch import Endpoint


def require_provider(provider: str = "local") -> None:
    """
    Make sure, before anything is made, that somebody is there to be asked.

    Raises:
        LocalModelError: The local model is wanted and not installed, and no local server is running.
        UsageError: There is no such provider.
    """
    if find_provider(provider).name == "local" and find_running(server_home()) is None:
        check_local_model()


def ensure_local_server() -> Endpoint:
    """The local Batch server of this user: the one that runs, or a new one."""
    return ensure_running(server_home())


def server_home() -> Path:
    """Where the local Batch server keeps its files."""
    return home() / "server"


def serve(
    *,
    server_folder: Path | None = None,
    host: str = "127.0.0.1",
    host_name: str | Sequence[str] | None = None,
    port: int = 0,
    idle_exit_s: float | None = None,
    upstream: str | Sequence[str] | None = None,
    upstream_models: Sequence[str] = (),
    slots: int | None = None,
    answer_limit_s: float | None = None,
    ask_again: bool | None = None,
    webhook: str | Sequence[str] | None = None,
    json_log: bool = False,
    echo: bool = False,
    faults: str | None = None,
    faults_seed: int | None = None,
    on_ready: Callable[[Endpoint], None],
) -> None:
    """
    Run the local Batch server until it is stopped.

    Args:
        server_folder: Where files and batches are kept; None means the user's own.
        host, port: Where it listens.
        host_name: A name that it is known by besides this computer's own, as that of a proxy before it, or
            several. By any other name nobody is answered.
        idle_exit_s: End by itself after so long with nothing to do.
        upstream: Another server that answers the requests, instead of the local model; or several. `=2`
            behind an address gives it twice as many rows as one without.
        upstream_models: Names of models that these know, though they may not list them.
        slots: How many requests these are given at once, at most, all together; None leaves it to what is
            found by trying.
        answer_limit_s: How long an answer of theirs may take; None means ten minutes.
        ask_again: Make a call again whose answer was lost; None means: of a server on this computer, or
            without a key, where nobody can bill it.
        webhook: An address that is told when a batch ends, or several: signed as OpenAI's webhooks are.
        json_log: The log is one JSON object a line, on stderr, with a line a call; no contents and no keys.
        echo: Answer with the text of each request, or with what its schema allows, without any model.
        faults: What goes wrong on purpose: a name of `fault_names`, or a file of faults in TOML.
        faults_seed: What chance follows from in these, in place of what the file says.
        on_ready: Called once, when calls are answered.
    Raises:
        UsageError: There are no such faults, or their file is wrong; or a name can be none.
    """
    from rowbatch.server.echo import EchoEngine
    from rowbatch.server.main import serve as run_server

    plan = None if faults is None else read_plan(faults, seed=faults_seed)
    engine: Engine | None = None
    if echo:
        engine = EchoEngine()
    elif upstream:
        from rowbatch.server.upstream import upstream_engine

        engine = upstream_engine(
            [upstream] if isinstance(upstream, str) else upstream,
            models=upstream_models,
            slots=slots,
            answer_limit_s=answer_limit_s,
            ask_again=ask_again,
        )
    run_server(
        server_folder or server_home(),
        host=host,
        host_names=[host_name] if isinstance(host_name, str) else (host_name or ()),
        port=port,
        engine=engine,
        idle_exit_s=idle_exit_s,
        hooks=[webhook] if isinstance(webhook, str) else (webhook or ()),
        json_log=json_log,
        faults=plan,
        on_ready=on_ready,
    )


def fault_names() -> dict[str, str]:
    """What `serve` can let go wrong by name, and what that is: bad days first, then each kind."""
    days = {name: told for name, (told, _) in DAYS.items()}
    return {**days, **{name: kind.told for name, kind in KINDS.items()}}


def add_server_key(
    name: str,
    *,
    server_folder: Path | None = None,
    rows_a_day: int | None = None,
    batches_at_once: int | None = None,
) -> str:
    """
    Make a key for the local Batch server, with files and batches of its own; one that runs takes it at once.

    Args:
        name: Of the person or project: letters, digits, `.`, `_` and `-`.
        server_folder: Where the server keeps its files; None means the user's own.
        rows_a_day: So many rows a day (UTC) may be asked with it; None is no limit.
        batches_at_once: So many of its batches may be unfinished; None is no limit.
    Returns:
        The key. It is kept nowhere: only a hash of it is.
    Raises:
        UsageError: The name can be none, or there is a key of this name.
    """
    return keys.add_server_key(
        server_folder or server_home(), name, rows_a_day=rows_a_day, batches_at_once=batches_at_once
    )


def list_server_keys(*, server_folder: Path | None = None) -> list[keys.KeyEntry]:
    """The keys that were made for the local Batch server; nothing of the keys themselves."""
    return keys.list_server_keys(server_folder or server_home())


def remove_server_key(name: str, *, server_folder: Path | None = None) -> bool:
    """
    Have a key refused from now on, also by a server that runs. What was made with it stays.

    Returns:
        Whether there was one.
    """
    return keys.remove_server_key(server_folder or server_home(), name)


def providers() -> tuple[str, ...]:
    """Names of the providers."""
    return provider_names()
