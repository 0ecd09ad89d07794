"""
Headers and form fields of a person's own, for gateways: how they are written, and what is kept of them.

    X-Tenant=env:TENANT       the value stands in a variable of the environment
    X-Tenant=keyring:tenant   … in the system's keyring
    X-Route=plain:eu          it is no secret, and may be kept
    X-Tenant=abc123           it may be one: it lives as long as this process, and only the name is kept
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from rowbatch.errors import UsageError

GIVEN = ""
"""What is kept of a value that was given by itself: nothing but the name of its header."""
PLACES = ("env", "keyring", "plain")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_.\-\[\]]{0,99}")
_MOST = 32
_MOST_CHARS = 8_192
_OURS = frozenset(
    {
        "accept-encoding",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "expect",
        "host",
        "idempotency-key",
        "keep-alive",
        "range",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-http-method-override",
    }
)
_OUR_PREFIXES = ("x-goog-upload-", "proxy-", "sec-")
_OUR_FIELDS = frozenset({"file", "purpose"})


def read_headers(given: Mapping[str, object] | Iterable[str]) -> dict[str, str]:
    """
    Headers as a person gave them.

    Args:
        given: Names and values; or texts `NAME=VALUE`.
    Returns:
        Names and what was said of their values, in order; a name has one value, whatever its case.
    Raises:
        UsageError: One is no header, or is rowbatch's own. The message doesn't show a value.
    """
    found: dict[str, str] = {}
    for name, said in _pairs(given, "header"):
        if not _NAME.fullmatch(name):
            raise UsageError("header-name-odd", name=name[:40])
        lower = name.lower()
        if lower in _OURS or lower.startswith(_OUR_PREFIXES):
            raise UsageError("header-is-ours", name=name)
        for other in [other for other in found if other.lower() == lower]:
            del found[other]
        place, colon, value = said.partition(":")
        if colon and place in PLACES:
            require_value(name, value)
        else:
            require_value(name, said)
        found[name] = said
    if len(found) > _MOST:
        raise UsageError("headers-too-many", most=_MOST)
    return found


def read_form_fields(given: Mapping[str, object] | Iterable[str]) -> dict[str, str]:
    """
    Fields of an upload's form as a person gave them. They are no secrets, and are kept.

    Raises:
        UsageError: One is no field, or is rowbatch's own.
    """
    found: dict[str, str] = {}
    for name, value in _pairs(given, "form-field"):
        if not _FIELD.fullmatch(name):
            raise UsageError("form-field-odd", name=name[:40])
        if name in _OUR_FIELDS or name.startswith("expires_after"):
            raise UsageError("form-field-is-ours", name=name)
        if len(value) > _MOST_CHARS or any(not char.isprintable() for char in value):
            raise UsageError("form-field-odd", name=name)
        found[name] = value
    if len(found) > _MOST:
        raise UsageError("headers-too-many", most=_MOST)
    return found


def _pairs(given: Mapping[str, object] | Iterable[str], what: str) -> Iterable[tuple[str, str]]:
    if isinstance(given, Mapping):
        for name, value in given.items():
            if not isinstance(value, str):
                raise UsageError("header-no-text", name=str(name)[:40])
            yield str(name), value
        return
    for pair in [given] if isinstance(given, str) else given:
        name, equals, value = pair.partition("=")
        if not equals:
            # What stands there may be a secret without its name.
            raise UsageError("header-no-pair", option=f"--{what}")
        yield name.strip(), value.strip()


def require_value(name: str, value: str) -> None:
    """
    Make sure that a text can be the value of a header: nothing in it ends the header, or begins another.

    Raises:
        UsageError: It cannot. The message doesn't show it.
    Source:
        RFC 9110, section 5.5.
    """
    if not 0 < len(value) <= _MOST_CHARS:
        raise UsageError("header-value-length", name=name, chars=len(value), most=_MOST_CHARS)
    for at, char in enumerate(value, start=1):
        is_outer = at in (1, len(value)) and char == " "
        if not (char.isascii() and char.isprintable()) or is_outer:
            raise UsageError("header-value-odd", name=name, at=at, chars=len(value))


def kept_places(headers: Mapping[str, str]) -> dict[str, str]:
    """What of headers may be kept: their names, and where their values come from; no secret."""
    return {
        name: said if ":" in said and said.partition(":")[0] in PLACES else GIVEN
        for name, said in headers.items()
    }
