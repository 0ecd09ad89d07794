"""Keys: where they come from, and which host each belongs to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from rowbatch.core.address import check_address, host_of, is_loopback, shown_address
from rowbatch.errors import RowbatchError, UsageError, from_os_error
from rowbatch.http import Key, clean_key
from rowbatch.providers.catalog import Provider, find_provider, provider_names
from rowbatch.words.notice import Notice

_SERVICE = "rowbatch"
# Where there is no keyring, a key is known until the program ends, and to nobody else.
_HELD: dict[tuple[str, str], Key] = {}


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
    Raises:
        UsageError: What was found can be no key, or the address beside it is none; neither is shown.
    """
    for variables, place in ((os.environ, "environment"), (_dotenv(folder or Path()), ".env")):
        for name in provider.key_variables:
            secret = clean_key(variables.get(name) or "")
            if secret and _belongs(provider, base_url, _address_variable(name), variables):
                where = Notice(
                    "key-place-dotenv" if place == ".env" else "key-place-environment", {"name": name}
                )
                return FoundKey(Key(secret, where), f"{place} ({name})")
    held = _HELD.get((provider.name, host_of(base_url)))
    if held is not None:
        return FoundKey(held, "this program")
    stored = _stored(provider.name, host_of(base_url))
    return FoundKey(Key(clean_key(stored), Notice("key-place-keyring")), "keyring") if stored else None


def require_key(provider: Provider, base_url: str) -> Key | None:
    """
    The key for one host.

    Returns:
        The key; None where there is none and the address is this machine's own.
    Raises:
        UsageError: There is none, the one that there is belongs to another host, or it can be none.
    """
    found = find_key(provider, base_url)
    if found is not None:
        return found.key
    if is_loopback(base_url):
        return None
    known = {**_dotenv(Path()), **os.environ}
    given = [name for name in provider.key_variables if clean_key(known.get(name) or "")]
    if given:
        raise UsageError(
            "key-elsewhere",
            variable=given[0],
            home=host_of(provider.base_url),
            host=host_of(base_url),
            name=provider.name,
            base_url=shown_address(base_url),
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
        secret: The key; blanks and quotes around it, and `Bearer` before it, are left out.
        base_url: For another address than the provider's own.
    Returns:
        The host that it belongs to from now on.
    Raises:
        UsageError: There is no keyring here, the key is empty or can be none, or the address is none.
    """
    found, key = find_provider(provider), _key_given(secret)
    host = _host_given(found, base_url)
    keyring = _keyring()
    try:
        keyring.set_password(_SERVICE, f"{found.name}@{host}", key.reveal())
    except keyring.errors.KeyringError as error:
        raise _no_keyring(error) from None
    return host


def hold_key(provider: str, secret: str, *, base_url: str | None = None) -> str:
    """
    Keep a key in the system's keyring; where there is none, in the memory of this program.

    Returns:
        Where it is kept: `keyring` or `this program`.
    Raises:
        UsageError: The key is empty or can be none, or the provider has no address and none that can be
            asked is given.
    """
    found, key = find_provider(provider), _key_given(secret)
    place = (found.name, _host_given(found, base_url))
    try:
        set_key(provider, secret, base_url=base_url)
    except UsageError:
        _HELD[place] = key
        return "this program"
    _HELD.pop(place, None)
    return "keyring"


def forget_key(provider: str, *, base_url: str | None = None) -> bool:
    """Forget a key, wherever `hold_key` has put it; returns whether there was one."""
    found = find_provider(provider)
    held = _HELD.pop((found.name, _host_given(found, base_url)), None)
    try:
        return remove_key(provider, base_url=base_url) or held is not None
    except UsageError:
        # No keyring here, so none was in it.
        return held is not None


def remove_key(provider: str, *, base_url: str | None = None) -> bool:
    """Forget a key of the keyring; returns whether there was one."""
    found = find_provider(provider)
    host = _host_given(found, base_url)
    keyring = _keyring()
    try:
        keyring.delete_password(_SERVICE, f"{found.name}@{host}")
    except keyring.errors.PasswordDeleteError:
        return False
    except keyring.errors.KeyringError as error:
        raise _no_keyring(error) from None
    return True


def list_keys() -> list[tuple[str, str, str]]:
    """Provider, host and place of every key that would be found now, or why it can be none; never the key."""
    found = []
    for name in provider_names():
        provider = find_provider(name)
        if provider.is_free or not provider.base_url:
            continue
        try:
            key = find_key(provider, provider.base_url)
        except RowbatchError as error:
            found.append((provider.name, host_of(provider.base_url), error.message))
            continue
        if key is not None:
            found.append((provider.name, host_of(provider.base_url), key.place))
    return found


def _key_given(secret: str) -> Key:
    cleaned = clean_key(secret)
    if not cleaned:
        raise UsageError("key-empty")
    return Key(cleaned)


def _host_given(provider: Provider, base_url: str | None) -> str:
    address = (base_url or "").strip()
    host = host_of(check_address(address) if address else provider.base_url)
    if not host:
        raise UsageError("key-without-address", title=provider.title)
    return host


def _belongs(
    provider: Provider, base_url: str, address_variable: str, variables: Mapping[str, str | None]
) -> bool:
    host = host_of(base_url)
    if not provider.base_url or host == host_of(provider.base_url) or is_loopback(base_url):
        return True
    told_address = (variables.get(address_variable) or "").strip()
    return bool(told_address) and host == host_of(check_address(told_address, address_variable))


def _address_variable(name: str) -> str:
    return name.removesuffix("_API_KEY") + "_BASE_URL"


def _dotenv(folder: Path) -> dict[str, str | None]:
    path = folder / ".env"
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        # What is no text becomes a character that no key has, and is told as that.
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    return dict(dotenv_values(stream=StringIO(text), interpolate=False))


def _stored(provider: str, host: str) -> str | None:
    return stored_secret(f"{provider}@{host}")


def stored_secret(entry: str) -> str | None:
    """What the system's keyring has for rowbatch under a name; None where that is nothing."""
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return None
    try:
        found = keyring.get_password(_SERVICE, entry)
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
