"""Secrets of the program are in nothing that is told, kept or logged."""

import base64
import html
import io
import json
import logging
import pickle
import re
import traceback
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from rowbatch.errors import ServiceError, UsageError
from rowbatch.http import Key
from rowbatch.web.explain import explain
from rowbatch.web.words import words_of
from rowbatch.words.masking import MASK, keep_secret, mask_logs, masked, masked_traceback
from rowbatch.words.notice import Notice, read_notice

SECRETS = [
    pytest.param("sk-canary-of-masking-0123", id="plain"),
    pytest.param("sk-canary/of+masking==", id="base64-like"),
    pytest.param("sk-canary%of%masking", id="percent"),
    pytest.param('sk-canary"of\\masking', id="quotes"),
    pytest.param("sk-canary of\nmasking", id="line-break"),
    pytest.param("sk-canary-é-of-masking", id="accent"),
    pytest.param("pässword-of-a-proxy", id="password"),
]


def _in_lower(text):
    return re.sub("%..", lambda found: found.group().lower(), text)


FORMS: dict[str, Callable[[str], str]] = {
    "itself": lambda secret: secret,
    "repr": repr,
    "repr-of-bytes": lambda secret: repr(secret.encode()),
    "json": json.dumps,
    "json-with-letters": lambda secret: json.dumps(secret, ensure_ascii=False),
    "percent": lambda secret: quote(secret, safe=""),
    "percent-lower": lambda secret: _in_lower(quote(secret, safe="")),
    "form": quote_plus,
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "basic-1": lambda secret: base64.b64encode(f"u:{secret}".encode()).decode(),
    "basic-2": lambda secret: base64.b64encode(f"me:{secret}".encode()).decode(),
    "basic-3": lambda secret: base64.b64encode(f"she:{secret}!".encode()).decode(),
    "page": html.escape,
    "page-with-quotes": lambda secret: html.escape(secret, quote=False),
    "json-in-json": lambda secret: json.dumps(json.dumps(secret)),
    "percent-twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "hex": lambda secret: secret.encode().hex(),
    "hex-upper": lambda secret: secret.encode().hex().upper(),
    "ascii": ascii,
    "misread": lambda secret: secret.encode().decode("latin-1"),
    "urlsafe": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", SECRETS)
def test_every_form_of_a_secret_is_masked(secret, form):
    """
    As it is, as Python and JSON write it, in an address and in base64, whatever stands around it.
    """
    keep_secret(secret)
    written = FORMS[form](secret)
    text = masked(f"before {written} after")
    assert text.startswith("before ")
    assert text.endswith(" after")
    assert MASK in text
    assert len(text.replace(MASK, "")) <= len("before  after") + 12
    for at in range(len(written) - 11):
        assert written[at : at + 12] not in text


def test_a_word_that_is_short_is_no_secret():
    """
    `EMPTY` and the like, which local servers take, are words of many messages.
    """
    keep_secret("EMPTY")
    keep_secret("")
    assert masked("the table is EMPTY") == "the table is EMPTY"


def test_what_is_told_of_an_error_has_no_secret():
    """
    Message, hint, values, document, notice and pickle of an error, whoever put the key into its values.
    """
    secret = "sk-canary-of-an-error"
    # Before anybody knew that it is one.
    early = Notice("said", {"text": f"the key {secret} is wrong"})
    keep_secret(secret)
    error = ServiceError(
        "service-answered-told",
        host="h",
        told=f"bad key {secret}",
        status=400,
        code=f"c-{secret}",
        many=[secret],
    )
    again = pickle.loads(pickle.dumps(error))
    notice = read_notice(error.notice.to_json())
    assert notice is not None
    texts = [
        *(str(one) for one in (error, again, error.values, again.values, error.document(), error.code)),
        *(error.told(face, language) for face in ("terminal", "page") for language in ("en", "zh")),
        str(notice),
        notice.to_json(),
        early.told(),
        early.to_json(),
        explain(words_of("zh"), error),
        explain(words_of("en"), ValueError(f"Illegal header value b'Bearer {secret}'")),
    ]
    for text in texts:
        assert secret not in repr(text)
    assert MASK in error.message


@pytest.fixture
def logged():
    """What is logged from here on, as a handler of anybody's writes it."""
    before = logging.getLogRecordFactory()
    mask_logs()
    mask_logs()
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    logger = logging.getLogger("tests.masking")
    logger.addHandler(handler)
    yield logger, text
    logger.removeHandler(handler)
    logging.setLogRecordFactory(before)


def test_no_log_has_a_secret(logged):
    """
    Neither its message, nor its values, nor the traceback of an error and of what it came from.
    """
    logger, text = logged
    secret = "sk-canary-of-the-log"
    keep_secret(secret)
    logger.error("a page failed: %s", f"/x?key={secret}")
    logger.warning("plain %d", 7)
    failed = RuntimeError("it failed")
    failed.__cause__ = ValueError(f"Illegal header value b'Bearer {secret}'")
    logger.error("a page failed", exc_info=failed)
    shown = masked_traceback(failed)
    assert secret in "".join(traceback.format_exception(failed))
    assert secret not in text.getvalue()
    assert secret not in shown
    assert "plain 7" in text.getvalue()
    assert text.getvalue().count("RuntimeError: it failed") == 1
    assert f"Illegal header value b'Bearer {MASK}'" in text.getvalue()
    assert f"/x?key={MASK}" in text.getvalue()


def test_a_key_is_known_as_a_secret_from_its_making():
    """
    Whoever makes a key has it masked, also one that is refused.
    """
    Key("sk-canary-of-the-making")
    assert masked("a sk-canary-of-the-making b") == f"a {MASK} b"
    with pytest.raises(UsageError) as caught:
        Key("sk-canary\nrefused-of-the-making")
    assert "canary" not in caught.value.message
    assert masked("b'sk-canary\\nrefused-of-the-making'") == f"b'{MASK}'"
