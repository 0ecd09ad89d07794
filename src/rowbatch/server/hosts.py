"""
By which names the server is known: a call to another one comes from a page whose name was made to point here.

A browser says in `Host` what stands in the address bar, and a page can have any name point at any address
(DNS rebinding). An address is no name, so it is ours by itself; of names only those are that were said.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable

from starlette.types import Scope

from rowbatch.errors import UsageError
from rowbatch.server.launch import is_this_computer

# An address of one link has the name of the network behind it, as `[fe80::1%eth0]`.
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+(?:%[a-z0-9_.~-]{1,40})?\]|[^\[\]:]+)(?::(?P<port>[0-9]{1,5}))?")
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?")
_MOST_SHOWN_CHARS = 60


class KnownHosts:
    """
    The names and addresses of one server.

    Args:
        is_open: Other computers reach it, by this one's addresses and its name; else only this one does, by
            an address that leads nowhere else, and at the port that is listened at.
        names: Further ones. Before these may be a proxy or a container's network, so any port is theirs.
    Raises:
        UsageError: One can be no name.
    """

    def __init__(self, *, is_open: bool, names: Iterable[str] = ()) -> None:
        self._is_open = is_open
        self._names = {_checked(name) for name in names}
        if is_open:
            own = socket.gethostname().lower()
            first = own.partition(".")[0]
            self._names |= {own, first, f"{first}.local"}

    @property
    def refusal(self) -> str:
        """What is said to a call that names none of them."""
        if self._is_open:
            return "This server is not known by this name; who runs it can say it at the start (--host-name)."
        return (
            "This server answers to this computer only, at its own port; a name that a proxy or a tunnel has "
            "before it is said at the start (--host-name)."
        )

    def has(self, host: bytes, port: int | None) -> bool:
        """
        Whether a call is meant for this server.

        Args:
            host: The header, as it came.
            port: That is listened at; None where nobody knows.
        """
        found = _HOST.fullmatch(host.decode("latin-1").lower())
        if found is None:
            return False
        name = found["name"].removesuffix(".")
        if name in self._names or (self._is_open and is_address(name)):
            return True
        is_at_port = self._is_open or port is None or found["port"] == str(port)
        return is_this_computer(name) and is_at_port


def is_address(host: str) -> bool:
    """Whether it is an address, and no name."""
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def port_of(scope: Scope) -> int | None:
    """The port that a call came to; None where it came otherwise."""
    server = scope.get("server")
    return int(server[1]) if server and server[1] is not None else None


def _checked(name: str) -> str:
    found = name.strip().lower().removesuffix(".")
    if not _NAME.fullmatch(found):
        raise UsageError("host-name-odd", name=name[:_MOST_SHOWN_CHARS])
    return found
