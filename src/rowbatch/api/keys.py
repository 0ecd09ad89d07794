"""Keys: where they come from, and which host each belongs to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rowbatch.errors import UsageError
from rowbatch.http import Key
from rowbatch.providers.catalog import Provider, find_provider, provider_names

_SERVICE = "rowbatch"
# Where there is no keyring, a key is known until the program ends, and to nobody else.
_HELD: dict[tuple[str, str], Key] = {}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class FoundKey:
    """
    A key, and where it was found.

    Attributes:
        key: The key itself; shows itself to nobody.
        place: For people: `environment (OPENAI_API_KEY)`, `.env (…)`, `keyring`, `this program`.
    """

    key: Key
    place: str


def host_of(base_url: str) -> str:
    """The host that a key for this address belongs to, with its port."""
    return urlsplit(base_url).netloc.rpartition("@")[2].lower()


def is_loopback(base_url: str) -> bool:
    """Whether the address is this machine's own."""
    return (urlsplit(base_url).hostname or "") in _LOOPBACK


def find_key(provider: Provider, base_url: str, folder: Path | None = None) -> FoundKey | None:
    """
    Look a key up, for one host only.

    A variable of the environment or of `.env` belongs to the provider's own host, to this machine, and to
    the host that the same place names as the provider's address (as in OPENAI_BASE_URL). A key of the
    keyring belongs to the host it was given for.

    Args:
        provider: Whose.
        base_url: Where it will be sent.
        folder: Where `.env` may lie; None means the working directory.
    Returns:
        The key, or None.
    """
    for variables, place in ((os.environ, "environment"), (_dotenv(folder or Path()), ".env")):
        for name in provider.key_variables:
            secret = (variables.get(name) or "").strip()
            if secret and _belongs(provider, base_url, variables.get(_address_variable(name)) or ""):
                return FoundKey(Key(secret), f"{place} ({name})")
    held = _HELD.get((provider.name, host_of(base_url)))
    if held is not None:
        return FoundKey(held, "this program")
    stored = _stored(provider.name, host_of(base_url))
    return FoundKey(Key(stored), "keyring") if stored else None


def require_key(provider: Provider, base_url: str) -> Key | None:
    """
    The key for one host.

    Returns:
        The key; None where there is none and the address is this machine's own.
    Raises:
        UsageError: There is none, or the one that there is belongs to another host.
    """
    found = find_key(provider, base_url)
    if found is not None:
        return found.key
    if is_loopback(base_url):
        return None
    known = {**_dotenv(Path()), **os.environ}
    given = [name for name in provider.key_variables if (known.get(name) or "").strip()]
    if given:
        raise UsageError(
            "key-elsewhere",
            variable=given[0],
            home=host_of(provider.base_url),
            host=host_of(base_url),
            name=provider.name,
            base_url=base_url,
            address_variable=_address_variable(given[0]),
        )
    raise UsageError(
        "key-missing",
        provider=provider.title,
        name=provider.name,
        variables=" or ".join(provider.key_variables),
    )


def set_key(provider: str, secret: str, *, base_url: str | None = None) -> str:
    """
    Keep a key in the system's keyring.

    Args:
        provider: Whose.
        secret: The key.
        base_url: For another address than the provider's own.
    Returns:
        The host that it belongs to from now on.
    Raises:
        UsageError: There is no keyring here, or the key is empty.
    """
    found = find_provider(provider)
    host = host_of(base_url or found.base_url)
    if not host:
        raise UsageError("key-without-address", title=found.title)
    if not secret.strip():
        raise UsageError("key-empty")
    keyring = _keyring()
    try:
        keyring.set_password(_SERVICE, f"{found.name}@{host}", secret.strip())
    except keyring.errors.KeyringError as error:
        raise _no_keyring(error) from None
    return host


def hold_key(provider: str, secret: str, *, base_url: str | None = None) -> str:
    """
    Keep a key in the system's keyring; where there is none, in the memory of this program.

    Returns:
        Where it is kept: `keyring` or `this program`.
    Raises:
        UsageError: The key is empty, or the provider has no address and none is given.
    """
    found = find_provider(provider)
    place = (found.name, host_of(base_url or found.base_url))
    try:
        set_key(provider, secret, base_url=base_url)
    except UsageError:
        if not place[1] or not secret.strip():
            raise
        _HELD[place] = Key(secret.strip())
        return "this program"
    _HELD.pop(place, None)
    return "keyring"


def forget_key(provider: str, *, base_url: str | None = None) -> bool:
    """Forget a key, wherever `hold_key` has put it; returns whether there was one."""
    found = find_provider(provider)
    held = _HELD.pop((found.name, host_of(base_url or found.base_url)), None)
    try:
        return remove_key(provider, base_url=base_url) or held is not None
    except UsageError:
        # No keyring here, so none was in it.
        return held is not None


def remove_key(provider: str, *, base_url: str | None = None) -> bool:
    """Forget a key of the keyring; returns whether there was one."""
    found = find_provider(provider)
    keyring = _keyring()
    try:
        keyring.delete_password(_SERVICE, f"{found.name}@{host_of(base_url or found.base_url)}")
    except keyring.errors.PasswordDeleteError:
        return False
    except keyring.errors.KeyringError as error:
        raise _no_keyring(error) from None
    return True


def list_keys() -> list[tuple[str, str, str]]:
    """Provider, host and place of every key that would be found now; never the key."""
    found = []
    for name in provider_names():
        provider = find_provider(name)
        if provider.is_free or not provider.base_url:
            continue
        key = find_key(provider, provider.base_url)
        if key is not None:
            found.append((provider.name, host_of(provider.base_url), key.place))
    return found


def _belongs(provider: Provider, base_url: str, told_address: str) -> bool:
    host = host_of(base_url)
    own = not provider.base_url or host == host_of(provider.base_url)
    return own or is_loopback(base_url) or (bool(told_address) and host == host_of(told_address))


def _address_variable(name: str) -> str:
    return name.removesuffix("_API_KEY") + "_BASE_URL"


def _dotenv(folder: Path) -> dict[str, str | None]:
    path = folder / ".env"
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    return dict(dotenv_values(path, interpolate=False))


def _stored(provider: str, host: str) -> str | None:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return None
    try:
        found = keyring.get_password(_SERVICE, f"{provider}@{host}")
    except keyring.errors.KeyringError:
        # A machine without a keyring has no key in it.
        return None
    return str(found) if found else None


def _keyring() -> Any:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise UsageError("keyring-not-installed") from None
    return keyring


def _no_keyring(error: Exception) -> UsageError:
    return UsageError("keyring-unusable", told=type(error).__name__)
