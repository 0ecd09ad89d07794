"""The local Batch server, and who else can be asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rowbatch.providers.catalog import find_provider, provider_names
from rowbatch.store.home import home

if TYPE_CHECKING:
    from rowbatch.server.launch import Endpoint


def require_provider(provider: str = "local") -> None:
    """
    Make sure, before anything is made, that somebody is there to be asked.

    Raises:
        LocalModelError: The local model is wanted and not installed, and no local server is running.
        UsageError: There is no such provider.
    """
    if find_provider(provider).name == "local":
        from rowbatch.server.launch import find_running
        from rowbatch.server.local_model import check_local_model

        if find_running(server_home()) is None:
            check_local_model()


def ensure_local_server() -> Endpoint:
    """The local Batch server of this user: the one that runs, or a new one."""
    from rowbatch.server.launch import ensure_running

    return ensure_running(server_home())


def server_home() -> Path:
    """Where the local Batch server keeps its files."""
    return home() / "server"


def serve(
    *,
    server_folder: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    idle_exit_s: float | None = None,
    on_ready: Callable[[Endpoint], None],
) -> None:
    """Run the local Batch server until it is stopped."""
    from rowbatch.server.main import serve as run_server

    run_server(
        server_folder or server_home(), host=host, port=port, idle_exit_s=idle_exit_s, on_ready=on_ready
    )


def providers() -> tuple[str, ...]:
    """Names of the providers."""
    return provider_names()
