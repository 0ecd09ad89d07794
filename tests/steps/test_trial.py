"""Rows that are tried: what one of them is refused for, and what all would be."""

from typing import Any

import pytest

from rowbatch.errors import ServiceError
from rowbatch.steps.trial import _ask

REQUEST = {"custom_id": "row-1", "url": "/v1/chat/completions", "body": {}}


class Refusing:
    """A provider that refuses everything, for one reason."""

    def __init__(self, error):
        self.error = error

    def ask(self, url, body):
        raise self.error


def refusing(error: ServiceError) -> Any:
    """Such a provider; of its calls only this one is made."""
    return Refusing(error)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ServiceError("said", text="no such key", status=401), id="key"),
        pytest.param(ServiceError("said", text="no such parameter", status=400), id="parameter"),
    ],
)
def test_what_all_rows_would_be_refused_for_ends_the_trial(error):
    """
    The first row tells it, once; a later one is a row that failed.
    """
    with pytest.raises(ServiceError):
        _ask(refusing(error), REQUEST, is_first=True)
    assert _ask(refusing(error), REQUEST, is_first=False)[0]["response"]["status_code"] == error.status


def test_a_text_that_is_too_long_is_one_row_that_failed():
    """
    Also when it is the first: the others may be shorter.
    """
    error = ServiceError("said", text="220,049 tokens", status=400, code="context_length_exceeded")
    assert _ask(refusing(error), REQUEST, is_first=True)[0]["response"]["status_code"] == 400


def test_nobody_there_ends_the_trial():
    """
    Ten rows that cannot be sent are one thing to say.
    """
    import httpx2

    error = ServiceError("said", text="cannot be reached")
    error.__cause__ = httpx2.ConnectError("no")
    with pytest.raises(ServiceError):
        _ask(refusing(error), REQUEST, is_first=True)
    lost = ServiceError("said", text="cannot be reached")
    lost.__cause__ = httpx2.ReadTimeout("late")
    assert _ask(refusing(lost), REQUEST, is_first=True)[0]["response"]["status_code"] == 0
