"""
Tell other programs that a batch ended: by a call to addresses that whoever starts the server names.

Nobody who has only a key can name an address, so nobody can make the server call into the network that it
stands in. A call says the id of the batch and how it ended, and nothing of what is in it; redirects are not
followed.

Source:
    Standard Webhooks (https://www.standardwebhooks.com), as OpenAI sends it and `client.webhooks.unwrap` of
    its SDK 3.54 checks it: headers `webhook-id`, `webhook-timestamp`, `webhook-signature`; tried again for 72
    hours.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import secrets
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rowbatch.core.address import check_address, host_of, is_loopback
from rowbatch.errors import StorageError, UsageError
from rowbatch.server.engine import wait_a_while
from rowbatch.server.storage import Storage
from rowbatch.store.home import write_private_file

if TYPE_CHECKING:
    import aiohttp

HOOK_FILE = "webhook.secret"
_PREFIX = "whsec_"
_SECRET_BYTES = 32
_LEAST_SECRET_BYTES = 16
_TRIED_FOR_S = 72 * 3600
_FIRST_WAIT_S = 5
_LONGEST_WAIT_S = 3600
_CALL_S = 15.0
_LOOK_EVERY_S = 1.0
_AT_ONCE = 20
_log = logging.getLogger(__name__)

Send = Callable[[str, bytes, Mapping[str, str]], Awaitable[int]]
"""Sends a body with headers to an address, and says the status of the answer; 0 where there was none."""


def check_hooks(urls: Sequence[str]) -> tuple[str, ...]:
    """
    The addresses that are told, each once.

    Raises:
        UsageError: One is none, or would be called unencrypted on another computer.
    """
    for url in urls:
        address = check_address(url, may_hold_secret=True)
        if not address.startswith("https:") and not is_loopback(address):
            raise UsageError("webhook-in-clear", host=host_of(address))
    return tuple(dict.fromkeys(urls))


def hook_secret(home: Path) -> str:
    """
    The secret that calls are signed with: made once, readable by its owner only.

    Raises:
        UsageError: The file was changed, and what stands there can be none.
        StorageError: The disk refuses.
    """
    path = home / HOOK_FILE
    try:
        known = path.read_text(encoding="ascii").strip()
    except (FileNotFoundError, ValueError):
        known = ""
    except OSError as error:
        raise StorageError("webhook-secret-unreadable", path=str(path), told=str(error.strerror)) from error
    if known:
        if len(_key(known)) < _LEAST_SECRET_BYTES:
            raise UsageError("webhook-secret-unsound", path=str(path))
        return known
    made = _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    write_private_file(path, made + "\n")
    return made


def signature(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """The signature of a call, as its header says it."""
    signed = f"{event_id}.{timestamp}.".encode() + body
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(secret: str) -> bytes:
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            return b""
    return secret.encode()


class Webhooks:
    """
    Sends what `Storage.update_batch` noted. What could not be told is told later, after a restart too.

    Args:
        storage: Which has the events.
        secret: For signatures; "" where nobody is told.
        send: Another sender, for tests.
    Attributes:
        outcomes: Calls, by `delivered`, `refused` and `given up`.
    """

    def __init__(self, storage: Storage, secret: str, *, send: Send | None = None) -> None:
        self._storage, self._secret = storage, secret
        self._send = send or self._call
        self._session: aiohttp.ClientSession | None = None
        self.outcomes: Counter[str] = Counter()

    async def run(self) -> None:
        """Tell, until this task is cancelled. A fault costs time, never an event."""
        never = asyncio.Event()
        while True:
            try:
                await self.tell_due()
            except Exception:  # noqa: BLE001 - logged
                _log.exception("webhooks could not be sent; trying again")
            await wait_a_while(never, _LOOK_EVERY_S)

    async def tell_due(self) -> int:
        """
        Make the calls that are due, each once.

        Returns:
            How many were taken.
        """
        rows = self._storage.execute(
            "SELECT * FROM event WHERE due_at <= ? ORDER BY due_at LIMIT ?", (self._storage.now(), _AT_ONCE)
        ).fetchall()
        # One that hangs holds none of the others.
        return sum(await asyncio.gather(*(self._tell(row) for row in rows)))

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()

    async def _tell(self, event: sqlite3.Row) -> bool:
        now = self._storage.now()
        body = str(event["body"]).encode()
        headers = {
            "content-type": "application/json",
            "user-agent": "rowbatch",
            "webhook-id": event["id"],
            "webhook-timestamp": str(now),
            "webhook-signature": signature(self._secret, event["id"], now, body),
        }
        status = await self._send(event["url"], body, headers)
        key = (event["id"], event["url"])
        if 200 <= status < 300:
            self._storage.execute("DELETE FROM event WHERE id = ? AND url = ?", key)
            self.outcomes["delivered"] += 1
            return True
        attempts = int(event["attempts"]) + 1
        wait_s = min(_FIRST_WAIT_S * 2 ** (attempts - 1), _LONGEST_WAIT_S)
        is_over = now + wait_s > int(event["created_at"]) + _TRIED_FOR_S
        # Its path may be a secret.
        told = {"host": host_of(event["url"]), "status": status, "attempts": attempts}
        if is_over:
            self._storage.execute("DELETE FROM event WHERE id = ? AND url = ?", key)
            self.outcomes["given up"] += 1
            _log.warning("a webhook was given up after three days", extra={"facts": told})
        else:
            self._storage.execute(
                "UPDATE event SET attempts = ?, due_at = ? WHERE id = ? AND url = ?",
                (attempts, now + wait_s, *key),
            )
            self.outcomes["refused"] += 1
            if attempts == 1:
                _log.warning("a webhook was not taken; trying again", extra={"facts": told})
        return False

    async def _call(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=_CALL_S),
                trust_env=True,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return 0
