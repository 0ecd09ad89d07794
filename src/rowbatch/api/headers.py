"""Headers of a person's own: where their values come from, and to which host each may go."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rowbatch.api.keys import stored_secret
from rowbatch.core.address import check_address, host_of
from rowbatch.core.sent_headers import GIVEN, kept_places, read_headers, require_value
from rowbatch.errors import UsageError
from rowbatch.providers.catalog import Provider, find_provider
from rowbatch.providers.clients import headers_of
from rowbatch.store.home import home, private_folder, write_private_file
from rowbatch.words.masking import keep_secret

_CHANGING = threading.Lock()
# Values that were given to this program for a host: known until it ends, and to nobody else.
_HELD: dict[str, dict[str, str]] = {}


class SentHeaders(NamedTuple):
    """
    Headers with their values, for one host.

    Attributes:
        plain: Those that are no secrets.
        secret: The others.
    """

    plain: Mapping[str, str]
    secret: Mapping[str, str]


def find_headers(
    provider: Provider,
    base_url: str,
    *,
    kept: Mapping[str, str] | None = None,
    given: Mapping[str, str] | None = None,
) -> SentHeaders:
    """
    The headers that go to one host, with their values. The values are masked from then on.

    What was given now wins over what the run says, and that over what is kept for the host. A variable or an
    entry of the keyring that only a run directory names is taken where a person named it on this computer,
    for the same header and host: a directory of somebody else's cannot make it send what this computer knows.

    Args:
        provider: Who is asked.
        base_url: Where.
        kept: Names and places, as a run has them.
        given: Names and what was said of their values, now.
    Raises:
        UsageError: A value is not there or can be none, the person did not name the place, or the header is
            rowbatch's own for this provider.
    """
    host = host_of(base_url)
    said: dict[str, str] = {}
    for layer in (_always(host), _HELD.get(host, {}), kept or {}, given or {}):
        for name, value in layer.items():
            if value == GIVEN and any(other.lower() == name.lower() for other in said):
                continue
            said = {other: old for other, old in said.items() if other.lower() != name.lower()} | {
                name: value
            }
    ours = {provider.key_header.lower(), *map(str.lower, headers_of(provider))}
    plain, secret = {}, {}
    now = given or {}
    for name, value in said.items():
        if name.lower() in ours:
            raise UsageError("header-is-ours", name=name)
        place, colon, rest = value.partition(":")
        if value == GIVEN and name not in now:
            raise UsageError("header-missing", name=name, host=host)
        if colon and place == "plain":
            plain[name] = rest
            continue
        if colon and place in ("env", "keyring"):
            if name not in now and (name.lower(), value) not in _named(host):
                raise UsageError("header-not-named-here", name=name, place=value, host=host)
            secret[name] = _from_environment(name, rest) if place == "env" else _from_keyring(name, rest)
        else:
            secret[name] = value
        require_value(name, secret[name])
        keep_secret(secret[name])
    return SentHeaders(plain, secret)


def _from_environment(name: str, variable: str) -> str:
    value = os.environ.get(variable, "").strip()
    if not value:
        raise UsageError("header-variable-missing", name=name, variable=variable)
    return value


def _from_keyring(name: str, entry: str) -> str:
    value = (stored_secret(f"header:{entry}") or "").strip()
    if not value:
        raise UsageError("header-entry-missing", name=name, entry=entry)
    return value


def name_places(base_url: str, headers: Mapping[str, str]) -> None:
    """Note that a person named these places for these headers of this host, on this computer."""
    named = [[name.lower(), said] for name, said in kept_places(headers).items() if said != GIVEN]
    if not named:
        return
    host = host_of(base_url)
    with _CHANGING:
        document = _read()
        known = _listed(document, host)
        if all(pair in known for pair in named):
            return
        document.setdefault("named", {})[host] = [*known, *(pair for pair in named if pair not in known)]
        _write(document)


def keep_headers(provider: str, headers: str | Iterable[str], *, base_url: str | None = None) -> str:
    """
    Send these headers with every call to a host, from now on, in the place of those that were kept for it.

    Values that are given by themselves are in the memory of this program only.

    Args:
        provider: Whose host.
        headers: `NAME=VALUE`, one a line; none for no more headers.
        base_url: For another address than the provider's own.
    Returns:
        The host.
    Raises:
        UsageError: One is no header, or the provider has no address and none is given.
    """
    lines = headers.splitlines() if isinstance(headers, str) else list(headers)
    read = read_headers([line for line in lines if line.strip()])
    found = find_provider(provider)
    address = check_address(base_url) if base_url else found.base_url
    host = host_of(address)
    if not host:
        raise UsageError("key-without-address", title=found.title)
    places = kept_places(read)
    ours = {found.key_header.lower(), *map(str.lower, headers_of(found))}
    for name in read:
        if name.lower() in ours:
            raise UsageError("header-is-ours", name=name)
    with _CHANGING:
        document = _read()
        always = {name: place for name, place in places.items() if place != GIVEN}
        document.setdefault("always", {}).pop(host, None)
        if always:
            document["always"][host] = always
        _write(document)
    name_places(address, read)
    _HELD[host] = {name: said for name, said in read.items() if places[name] == GIVEN}
    for value in _HELD[host].values():
        keep_secret(value)
    return host


def shown_headers() -> dict[str, dict[str, str]]:
    """By host: the headers that are kept for it, and where their values come from; never a secret."""
    always = _read().get("always", {})
    hosts = {*(always if isinstance(always, dict) else ()), *(host for host, held in _HELD.items() if held)}
    return {host: {**_always(host), **dict.fromkeys(_HELD.get(host, {}), GIVEN)} for host in sorted(hosts)}


def _always(host: str) -> dict[str, str]:
    kept = _read().get("always", {})
    found = kept.get(host, {}) if isinstance(kept, dict) else {}
    return {str(name): str(place) for name, place in found.items()} if isinstance(found, dict) else {}


def _named(host: str) -> set[tuple[str, str]]:
    return {(name, place) for name, place in _listed(_read(), host)}


def _listed(document: Mapping[str, Any], host: str) -> list[list[str]]:
    named = document.get("named", {})
    pairs = named.get(host, []) if isinstance(named, dict) else []
    return (
        [pair for pair in pairs if isinstance(pair, list) and len(pair) == 2]
        if isinstance(pairs, list)
        else []
    )


def _path() -> Path:
    return home() / "headers.json"


def _read() -> dict[str, Any]:
    try:
        document = json.loads(_path().read_bytes())
    except (OSError, ValueError, RecursionError):
        # What was named before has to be named again.
        return {}
    return document if isinstance(document, dict) else {}


def _write(document: Mapping[str, Any]) -> None:
    private_folder(home())
    write_private_file(_path(), json.dumps(document, indent=1))
