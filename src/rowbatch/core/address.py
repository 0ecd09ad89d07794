"""
Addresses of APIs, as people write them: which can be asked, what may be shown of one, and whose it is.

An address stands in files, on screens and in recipes that are given away, so no secret may stand in it.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote_plus, urlsplit, urlunsplit

from rowbatch.errors import UsageError
from rowbatch.words.notice import Notice

_MOST_CHARS = 2_048
_HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")
# Azure's `api-version` is legitimate; its Functions take a key as `code`, its storage a signature as `sig`.
_SECRET_NAME = re.compile(
    r"key|token|secret|passw|pwd|credential|signature|auth|jwt|session|(?:^|[-_.])(?:sig|code|pass|pw)$",
    re.IGNORECASE,
)
_HIDDEN = "…"
# How keys begin: OpenAI's, Anthropic's, OpenRouter's, Groq's, xAI's, Hugging Face's, Google's.
_KEY = re.compile(r"(?<![A-Za-z0-9])(?:sk[-_]|gsk_|xai-|hf_|AIza)[A-Za-z0-9_-]{12,}")


def looks_like_key(text: str) -> bool:
    """Whether there is something in a text that looks like a provider's key."""
    return _KEY.search(text) is not None


class AddressParts(NamedTuple):
    """
    An address as it is asked.

    Attributes:
        base_url: Without its query; ends with `/`, so that paths follow.
        params: Its query, which goes with every call.
    """

    base_url: str
    params: dict[str, str]


def check_address(address: str, place: str = "", *, may_hold_secret: bool = False) -> str:
    """
    Make sure that an address can be asked, and that it may be written down.

    Args:
        address: With its path, as in `https://api.openai.com/v1`.
        place: What gave it, as in `OPENAI_BASE_URL`; "" where that is plain.
        may_hold_secret: Of a run that an older version made with a password in it.
    Returns:
        The same address, without the blanks around it.
    Raises:
        UsageError: It is none, or has a secret in it; the message does not show that.
    """
    address = address.strip()
    shown = f"{place}={shown_address(address)}" if place else shown_address(address)
    if not may_hold_secret:
        # Said first: of these the whole address is not shown, whatever else is wrong with it.
        require_no_secret(address, shown)
    why = _fault_of(address)
    if why is not None:
        raise UsageError("address-broken", address=shown, why=why)
    return address


def require_no_secret(address: str, shown: str) -> None:
    """
    Make sure that an address may be written down.

    Args:
        address: Of whatever scheme.
        shown: What may be shown of it.
    Raises:
        UsageError: It has a password or another secret in it.
    """
    if _names_somebody(address):
        raise UsageError("address-with-password", address=shown)
    for name in (*_secret_names(_behind_host(address)), *_keys_in(address)):
        raise UsageError("address-with-secret", address=shown, name=name)


def _fault_of(address: str) -> Notice | None:
    """Why an address cannot be asked; None where it can."""
    if len(address) > _MOST_CHARS:
        return Notice("address-too-long", {"chars": len(address), "most": _MOST_CHARS})
    if any(map(_is_blank, address)):
        return Notice("address-with-blank")
    if not address.lower().startswith(("http://", "https://")):
        return Notice("address-without-scheme")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return _host_fault(address)
    if parts.netloc.partition("]")[2].partition(":")[0]:
        return Notice("address-host")
    if port == 0 or parts.netloc.endswith(":"):
        return Notice("address-port")
    if not host:
        return Notice("address-without-host")
    if parts.fragment or address.endswith("#"):
        return Notice("address-with-fragment")
    if not _is_host(host, is_bracketed="[" in parts.netloc):
        return Notice("address-host")
    if not address.isascii():
        return Notice("address-not-ascii")
    return None


def _is_blank(char: str) -> bool:
    return char.isspace() or not char.isprintable()


def _host_fault(address: str) -> Notice:
    """What `urlsplit` does not take: brackets that do not go together, or a port that is none."""
    netloc = re.split(r"[/?#]", address.partition("://")[2], maxsplit=1)[0]
    behind = netloc.rpartition("]")[2]
    is_port = netloc.count("[") == netloc.count("]") and ":" in behind
    return Notice("address-port") if is_port else Notice("address-host")


def _is_host(host: str, *, is_bracketed: bool) -> bool:
    if is_bracketed:
        try:
            return ipaddress.ip_address(host).version == 6 and "%" not in host
        except ValueError:
            return False
    return len(host) <= 253 and _HOST.fullmatch(host) is not None


def _behind_host(address: str) -> str:
    """Path and query: a key is also put behind a `;` or `&` of the path, where a `?` was meant."""
    return address.partition("://")[2].partition("/")[2] or address.partition("?")[2]


def _secret_names(behind_host: str) -> list[str]:
    named = [pair.partition("=") for pair in re.split(r"[/&;?#]", behind_host)]
    # What stands before a blank is no part of the name, and may be a key itself.
    return [unquote_plus(name).split()[-1] for name, is_named, _ in named if is_named and _is_secret(name)]


def _keys_in(address: str) -> list[str]:
    return [found[:3] + _HIDDEN for found in _KEY.findall(unquote_plus(_behind_host(address)))]


def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(unquote_plus(name)) is not None


def shown_address(address: str) -> str:
    """What may be shown of an address, whatever it is: user, password and other secrets in it are `…`."""
    if _names_somebody(address):
        scheme, mark, _ = address.partition("://")
        rest = re.split(r"@|%40", address)[-1]
        address = f"{scheme if mark else ''}{mark}{_HIDDEN}@{rest}"
    address = address.strip()
    blank = next((at for at, char in enumerate(address) if _is_blank(char)), None)
    if blank is not None:
        # Something else was copied along.
        address = f"{address[:blank]} {_HIDDEN}"
    pairs = []
    for pair in re.split(r"([/&;#?])", address):
        name, equals, _ = pair.partition("=")
        pairs.append(f"{name}={_HIDDEN}" if equals and _is_secret(name) else pair)
    shown = "".join(pairs)
    behind = _behind_host(shown)
    whole = _KEY.sub(lambda found: found.group()[:3] + _HIDDEN, behind)
    return shown.removesuffix(behind) + whole


def _names_somebody(address: str) -> bool:
    """Whether there is an `@` in an address that may end a password; one of its path does not."""
    if "@" not in address:
        # `%40` in the place of the `@`: what stands there is no port.
        netloc = re.split(r"[/?#]", address.partition("://")[2], maxsplit=1)[0]
        return "%40" in netloc
    try:
        parts = urlsplit(address)
        # Raises where it is none: what stands there may be a password with a slash in it.
        _ = parts.port
    except ValueError:
        return True
    return not parts.netloc or parts.netloc.endswith(":") or "@" in parts.netloc


def secrets_in(address: str) -> list[str]:
    """Password and secrets of an address that can be asked, of a run made before these were refused."""
    parts = urlsplit(address)
    found = [value for name, value in parse_qsl(parts.query) if _SECRET_NAME.search(name)]
    found += [one.group() for one in _KEY.finditer(unquote_plus(_behind_host(address)))]
    return [secret for secret in (parts.password, *found) if secret]


def has_secret(address: str) -> bool:
    """Whether an address that can be asked has a user, a password or another secret in it."""
    parts = urlsplit(address)
    return "@" in parts.netloc or bool(_secret_names(_behind_host(address)) or _keys_in(address))


def address_parts(address: str) -> AddressParts:
    """An address that can be asked, taken apart."""
    parts = urlsplit(address)
    base = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") + "/", "", ""))
    return AddressParts(base, dict(parse_qsl(parts.query, keep_blank_values=True)))


def host_of(address: str) -> str:
    """The host that a key for this address belongs to, with its port; "" where there is none."""
    try:
        return urlsplit(address).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""


def is_loopback(address: str) -> bool:
    """Whether the address is this machine's own."""
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_in_clear(address: str) -> bool:
    """Whether what is sent there can be read on the way: `http`, and another machine."""
    return urlsplit(address).scheme.lower() == "http" and not is_loopback(address)
