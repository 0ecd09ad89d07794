"""How our own servers are run."""

import asyncio
import contextlib
import socket

import pytest

from loops import run_alone
from rowbatch.errors import ServiceError
from rowbatch.server import main
from rowbatch.serving import serve_until_ready
from rowbatch.web import run


async def answer(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def test_answers_do_not_wait_for_acknowledgements():
    """
    A connection sends what it has at once. Otherwise each answer on a kept connection takes 40 ms more:
    asyncio (3.11.7, base_events._set_nodelay) passes over sockets whose protocol was left to the system.
    """

    async def options():
        listener = socket.create_server(("127.0.0.1", 0))
        started = await serve_until_ready(answer, listener, closing_s=1)
        assert started is not None
        server, serving = started
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"ok")
        found = [
            connection.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            for connection in server.server_state.connections
        ]
        writer.close()
        server.should_exit = True
        await serving
        return found

    assert run_alone(options()) == [1]


def test_what_is_no_http_is_not_written_down(capfd):
    """
    Whoever reaches the port can send it without end, and the log would fill the disk: uvicorn 0.54 writes a
    line about each.
    """

    async def ask():
        listener = socket.create_server(("127.0.0.1", 0))
        started = await serve_until_ready(answer, listener, closing_s=1)
        assert started is not None
        server, serving = started
        told = []
        for _ in range(3):
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(b"hello\r\n\r\n")
            told.append(await reader.read())
            writer.close()
        server.should_exit = True
        await serving
        return told

    assert all(told.startswith(b"HTTP/1.1 400") for told in run_alone(ask()))
    assert capfd.readouterr().err == ""


def test_two_that_begin_at_once_do_not_get_the_same_port():
    """
    A port is taken as soon as it is looked for: Linux gives one to several that set SO_REUSEADDR until one of
    them listens (socket(7)), and the others failed then.
    """
    with contextlib.ExitStack() as stack:
        ports = []
        for _ in range(3):
            listeners = run._listen(None)
            for one in listeners:
                stack.enter_context(one)
            ports.append(listeners[0].getsockname()[1])
        assert len(set(ports)) == 3
        with pytest.raises(ServiceError) as caught:
            run._listen(ports[0])
        assert caught.value.kind == "port-in-use"
        served = stack.enter_context(main._listen("127.0.0.1", 0))
        with pytest.raises(ServiceError) as caught:
            main._listen(*served.getsockname())
        assert caught.value.kind == "cannot-listen"


def test_a_stranger_who_waits_at_a_port_does_not_end_the_program():
    """
    He has taken the port as we do, and listens only when we have begun: he gets nothing.
    """
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", 0))
        port = stranger.getsockname()[1]
        with contextlib.ExitStack() as stack:
            try:
                listeners = run._listen(port)
            except ServiceError:
                # Not on this system.
                return
            for one in listeners:
                stack.enter_context(one)
            with pytest.raises(OSError, match="in use"):
                stranger.listen()
