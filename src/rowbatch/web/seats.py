"""
The links of coders who code over the network: of each coder and set one, until it is taken back.

A link is known by its digest alone, so nobody can show it again. All are forgotten when the program ends, or
when coding over the network is switched off.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

from rowbatch import desk
from rowbatch.errors import UsageError

MOST = 500
"""So many links at once: more are a mistake."""


@dataclass(frozen=True, slots=True)
class Seat:
    """
    A coder of one set, with a link.

    Attributes:
        id: For forms of the program's owner.
        set_id: Of which set.
        file: The name of the coder's file.
        digest: SHA-256 of the token of the link.
        seen_at: When their browser asked for something last, in seconds of `time.monotonic`; None while
            nobody opened the link.
        seen_from: The address that it came from; or "".
    """

    id: str
    set_id: str
    file: str
    digest: str = field(repr=False)
    seen_at: float | None = None
    seen_from: str = ""

    @property
    def seen_before_s(self) -> float | None:
        """How long ago that was, in seconds."""
        return None if self.seen_at is None else time.monotonic() - self.seen_at


class Seats:
    """All that are given out. Nothing of them is on the disk."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._seats: dict[str, Seat] = {}
        self._secret = secrets.token_urlsafe(32)

    def give(self, set_id: str, file: str) -> str:
        """
        Make the link of a coder; one that they had leads nowhere from then on.

        Returns:
            Its token, which nobody can be told again.
        Raises:
            UsageError: There are too many.
        """
        token = secrets.token_urlsafe(32)
        with self._lock:
            kept = {
                name: one for name, one in self._seats.items() if (one.set_id, one.file) != (set_id, file)
            }
            if len(kept) >= MOST:
                raise UsageError("coders-too-many-links", most=MOST)
            seat = Seat(secrets.token_hex(8), set_id, file, _digest(token))
            self._seats = {**kept, seat.id: seat}
        return token

    def take_back(self, seat_id: str) -> None:
        """Whoever has the link of this seat is let in no longer."""
        with self._lock:
            self._seats.pop(seat_id, None)

    def clear(self) -> None:
        """All links lead nowhere, and what browsers carry is worth nothing."""
        with self._lock:
            self._seats = {}
            self._secret = secrets.token_urlsafe(32)

    def all(self, set_id: str = "") -> Sequence[Seat]:
        """Those of a set, or of all, in the order in which they were given."""
        with self._lock:
            return [one for one in self._seats.values() if not set_id or one.set_id == set_id]

    def cookie_of(self, token: str, host: str) -> str | None:
        """
        What a browser carries that was let in by a link.

        Args:
            token: Of the link.
            host: Name and port that it came to; it holds there alone.
        Returns:
            None where there is no such link.
        """
        digest, found = _digest(token), None
        for one in self.all():
            if secrets.compare_digest(one.digest, digest):
                found = one
        return None if found is None else desk.prove(self._secret, "coder", found.id, host)

    def seat_of(self, cookie: str, host: str, seen_from: str) -> Seat | None:
        """
        Who a browser was let in as, and note that they are there.

        Args:
            cookie: That it brought.
            host: Name and port that it asked.
            seen_from: The address that it came from.
        """
        found = None
        for one in self.all():
            if desk.is_proof(cookie, self._secret, "coder", one.id, host):
                found = one
        if found is None:
            return None
        with self._lock:
            if found.id not in self._seats:
                return None
            seen = replace(found, seen_at=time.monotonic(), seen_from=seen_from)
            self._seats[found.id] = seen
            return seen


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
