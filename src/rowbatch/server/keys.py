"""
The keys of a server that several people share: one a person or project, each with files and batches of its
own.

A key is shown once, when it is made. What is kept of it is a SHA-256: it has 256 random bits, so nobody finds
it by trying, and a slow hash would only make each call slow.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rowbatch.errors import ServiceError, StorageError, UsageError, from_os_error
from rowbatch.processes import hold
from rowbatch.store.home import private_folder, write_private_file

KEYS_FILE = "server-keys.json"
_LOCK_FILE = ".server-keys.lock"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LOCK_WAIT_S = 10.0
_LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class ServerKey:
    """
    Whose call it is.

    Attributes:
        name: Of the key; "" is the home's own.
        sha256: Of the key, in hexadecimal digits.
        created_at: In seconds since 1970.
        rows_a_day: So many rows may be asked in a day (UTC); None is no limit.
        batches_at_once: So many batches may be unfinished; None is no limit.
    """

    name: str
    sha256: str
    created_at: int = 0
    rows_a_day: int | None = None
    batches_at_once: int | None = None


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """A key as it is listed: without anything of the key itself."""

    name: str
    created_at: int
    rows_a_day: int | None
    batches_at_once: int | None


def add_server_key(
    home: Path, name: str, *, rows_a_day: int | None = None, batches_at_once: int | None = None
) -> str:
    """
    Make a key; a server that runs takes it at once.

    Returns:
        The key: it is kept nowhere.
    Raises:
        UsageError: The name can be none, or there is a key of this name.
        ServiceError: Somebody else changes the keys for long.
        StorageError: The disk refuses, or the file is damaged.
    """
    if not _NAME.fullmatch(name):
        raise UsageError("server-key-name", name=name)
    private_folder(home)
    with _held(home):
        known = read_server_keys(home)
        if any(one.name == name for one in known):
            raise UsageError("server-key-exists", name=name)
        key = f"rowbatch-{secrets.token_urlsafe(32)}"
        made = ServerKey(name, _sha256(key.encode()), int(time.time()), rows_a_day, batches_at_once)
        _write(home, (*known, made))
    return key


def remove_server_key(home: Path, name: str) -> bool:
    """
    Forget a key; a server that runs refuses it at once. What it made stays, for a new key of the same name.

    Returns:
        Whether there was one.
    """
    if not (home / KEYS_FILE).exists():
        return False
    with _held(home):
        known = read_server_keys(home)
        left = [one for one in known if one.name != name]
        if len(left) < len(known):
            _write(home, left)
    return len(left) < len(known)


def list_server_keys(home: Path) -> list[KeyEntry]:
    """The keys of a home, in the order in which they were made."""
    return [
        KeyEntry(one.name, one.created_at, one.rows_a_day, one.batches_at_once)
        for one in read_server_keys(home)
    ]


def read_server_keys(home: Path) -> list[ServerKey]:
    """
    The keys of a home.

    Raises:
        StorageError: The file cannot be read, or was changed and is none.
    """
    path = home / KEYS_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    except ValueError as error:
        raise StorageError("server-keys-damaged", path=str(path)) from error
    try:
        return [_entry(one) for one in json.loads(text)["keys"]]
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError("server-keys-damaged", path=str(path)) from error


def _entry(document: Mapping[str, Any]) -> ServerKey:
    """
    A key as it stands in the file.

    Raises:
        ValueError, KeyError, TypeError: It is none.
    """
    name, sha256 = document["name"], document["sha256"]
    if not _NAME.fullmatch(name) or not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ValueError(name)
    numbers = [document.get(field) for field in ("rows_a_day", "batches_at_once")]
    if not all(one is None or (type(one) is int and one >= 0) for one in numbers):
        raise ValueError(name)
    return ServerKey(name, sha256, int(document.get("created_at", 0)), *numbers)


class Keys:
    """
    Who may call: the home's own key, and those of its file, which is read again when it changed.

    Raises:
        StorageError: The file is damaged.
    """

    def __init__(self, home: Path, own: str) -> None:
        self._home, self.own = home, own
        self._own = ServerKey("", _sha256(own.encode()))
        self._state: object = None
        self._looked_at = 0.0
        self._by_hash: dict[str, ServerKey] = {}
        self._read()

    def owner(self, authorization: bytes) -> ServerKey | None:
        """Whose key stands in this header; None where it is nobody's."""
        scheme, _, token = authorization.partition(b" ")
        if scheme.lower() != b"bearer" or not token:
            return None
        found = _sha256(token)
        if hmac.compare_digest(found, self._own.sha256):
            return self._own
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_EVERY_S or found not in self._by_hash:
            self._looked_at = now
            self._read_again()
        return self._by_hash.get(found)

    def _read_again(self) -> None:
        if self._stamp() == self._state:
            return
        try:
            self._read()
        except StorageError as error:
            # Those that were known stay: a file that is being edited by hand must not lock everybody out.
            logging.getLogger(__name__).warning("the file of keys cannot be read: %s", error.message)

    def _read(self) -> None:
        stamp = self._stamp()
        self._by_hash = {one.sha256: one for one in read_server_keys(self._home)}
        self._state = stamp

    def _stamp(self) -> object:
        try:
            found = (self._home / KEYS_FILE).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def _sha256(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()


def _write(home: Path, keys: list[ServerKey] | tuple[ServerKey, ...]) -> None:
    text = json.dumps({"keys": [asdict(one) for one in keys]}, indent=1)
    write_private_file(home / KEYS_FILE, text + "\n")


@contextmanager
def _held(home: Path) -> Iterator[None]:
    """
    Of two that change the keys at once, one after the other.

    Raises:
        ServiceError: The other one does not come to an end.
    """
    end = time.monotonic() + _LOCK_WAIT_S
    while True:
        with hold(home / _LOCK_FILE) as is_ours:
            if is_ours:
                yield
                return
        if time.monotonic() > end:
            raise ServiceError("server-keys-held", home=str(home))
        time.sleep(0.02)
