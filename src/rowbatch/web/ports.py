"""Where our pages are served."""

from __future__ import annotations

import os
import socket


def bound(family: int, address: str, port: int) -> socket.socket:
    """
    A socket that listens, and whose port nobody else gets.

    Raises:
        OSError, OverflowError: The port is taken, there is no such port, or the address is not of this computer.
    """
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "nt":
            # Otherwise another program may take the same port there, and some calls.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        # At once: until it listens, Linux gives the same port to others that ask for it as we do.
        listener.listen()
    except (OSError, OverflowError):
        listener.close()
        raise
    return listener
