"""
Secrets that this program holds, and texts without them.

The first wall stands where keys are taken and sent. This is the second: whatever is told, kept or logged goes
through `masked`, so that a key in the words of a library, a proxy or a provider stays here. Only secrets in
memory are known, and nothing of them is written.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import re
import sys
import threading
import traceback
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "[hidden]"
"""What stands in the place of a secret."""
SHORTEST_MASKED = 8
"""Characters of the shortest secret that is masked; a shorter one is a word like any other (`EMPTY`)."""

_SECRETS: set[str] = set()
_KNOWN: dict[str, re.Pattern[str]] = {}


def keep_secret(secret: str) -> None:
    """Mask a secret from now on, in all forms in which programs write a text; one too short is left."""
    if len(secret) < SHORTEST_MASKED or secret in _SECRETS:
        return
    forms = {form for known in (*_SECRETS, secret) for form in _forms(known)}
    _SECRETS.add(secret)
    # The longest first, so that none is left over of a form that holds another.
    ordered = sorted(forms, key=lambda form: (-len(form), form))
    _KNOWN["pattern"] = re.compile("|".join(map(re.escape, ordered)))


def masked(text: str) -> str:
    """The same text, with `MASK` for each secret in it."""
    pattern = _KNOWN.get("pattern")
    return text if pattern is None else pattern.sub(MASK, text)


def masked_value(value: Any) -> Any:
    """The same value; texts in it, also in lists and mappings, are masked."""
    if not _SECRETS:
        return value
    if isinstance(value, str):
        return masked(value)
    if type(value) in (list, tuple):
        return type(value)(masked_value(one) for one in value)
    if type(value) is dict:
        return {masked_value(name): masked_value(one) for name, one in value.items()}
    return value


def masked_traceback(error: BaseException) -> str:
    """What Python would show of an error, masked."""
    return masked("".join(traceback.format_exception(error)))


def mask_tracebacks() -> None:
    """Mask what Python shows of an error that nobody caught, in any thread; for our own programs."""

    def show(error: BaseException | None) -> None:
        if error is not None and sys.stderr is not None:
            sys.stderr.write(masked_traceback(error))

    sys.excepthook = lambda kind, error, trace: show(error)  # noqa: ARG005
    threading.excepthook = lambda told: None if told.exc_type is SystemExit else show(told.exc_value)


def mask_logs() -> None:
    """
    Mask what is logged from now on, by whomever and to wherever: message, values and traceback.

    For our own programs; one that uses rowbatch as a library keeps its logging as it is.
    """
    before = logging.getLogRecordFactory()
    if getattr(before, "masks_secrets", False):
        return

    def masked_record(*args: Any, **values: Any) -> logging.LogRecord:
        record = before(*args, **values)
        if not _SECRETS:
            return record
        try:
            told = record.getMessage()
        except Exception:  # noqa: BLE001 - the handler says so, as it does of any record that does not fit
            return record
        if (hidden := masked(told)) != told:
            record.msg, record.args = hidden, None
        if record.exc_info and record.exc_info[1] is not None:
            # A formatter takes this text where there is one.
            record.exc_text = masked_traceback(record.exc_info[1]).rstrip("\n")
        return record

    masked_record.masks_secrets = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(masked_record)


def _forms(secret: str) -> set[str]:
    coded = _bytes_of(secret)
    # As a service reads it that takes bytes for letters.
    plain = {secret, coded.decode("latin-1")}
    written = {text for one in plain for text in (repr(one)[1:-1], ascii(one)[1:-1])} | {repr(coded)[2:-1]}
    written |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    # A text of JSON inside another, as gateways pass on what they were told.
    written |= {json.dumps(one, ensure_ascii=False)[1:-1] for one in written}
    pages = {
        html.escape(secret),
        html.escape(secret, quote=False),
        html.escape(secret).replace("&#x27;", "&#39;"),
    }
    quoted = {quote(coded, safe=""), quote(coded), quote_plus(coded)}
    quoted |= {quote(one, safe="") for one in quoted}
    lower = {re.sub("%..", lambda found: found.group().lower(), one) for one in quoted}
    digits = {coded.hex(), coded.hex().upper()}
    return plain | written | pages | quoted | lower | digits | _in_base64(coded)


def _bytes_of(secret: str) -> bytes:
    try:
        # As the environment had it.
        return secret.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return secret.encode(errors="surrogatepass")


def _in_base64(secret: bytes) -> set[str]:
    """
    The part of its base64 text that is the same whatever stands around it.

    Three bytes make four characters, so there are three ways; `user:password` is written so in a header.
    """
    found = set()
    for before in range(3):
        text = base64.b64encode(b"\0" * before + secret).decode().rstrip("=")
        # The first characters hold bits of what stands before, the last one of what comes after.
        core = text[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6]
        found |= {core, core.replace("+", "-").replace("/", "_")}
    return found
