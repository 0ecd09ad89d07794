"""Headers and form fields of a person's own, as they are written."""

import pytest

from rowbatch.core.sent_headers import kept_places, read_form_fields, read_headers
from rowbatch.errors import UsageError


def test_headers_as_they_are_given():
    """
    Pairs or a mapping; a name has one value whatever its case; what can be a secret is kept by its name
    alone.
    """
    read = read_headers(
        ["X-Tenant=env:TENANT", "X-Route=plain:eu=1", "X-Key = abc=123 ", "x-tenant=keyring:t"]
    )
    assert read == {"X-Route": "plain:eu=1", "X-Key": "abc=123", "x-tenant": "keyring:t"}
    assert read_headers({"X-A": "env:B"}) == {"X-A": "env:B"}
    assert read_headers("X-A=env:B") == {"X-A": "env:B"}
    assert kept_places(read) == {"X-Route": "plain:eu=1", "X-Key": "", "x-tenant": "keyring:t"}


@pytest.mark.parametrize(
    "pair",
    [
        "s3cret-by-itself",
        "X Key=s3cret-value",
        "X-Key:=s3cret-value",
        "=s3cret-value",
        "Authorization=Bearer s3cret-value",
        "authorization=s3cret-value",
        "Host=s3cret-value",
        "Content-Length=12",
        "Transfer-Encoding=chunked",
        "Connection=close",
        "Idempotency-Key=s3cret-value",
        "Proxy-Authorization=s3cret-value",
        "X-Goog-Upload-Command=s3cret-value",
        "X-Key=s3cret-value\r\nX-Other: 1",
        "X-Key=s3cret-value\x00",
        "X-Key=s3cret-valu\u00e9",
        "X-Key=",
        "X-Key=plain:",
        "X-Key=" + "s3cret-value" * 1_000,
    ],
)
def test_what_is_no_header_is_refused(pair):
    """
    Names and values that would end a header, begin another or take the place of ours; the value is never
    shown.
    """
    with pytest.raises(UsageError) as told:
        read_headers([pair])
    assert "s3cret" not in told.value.message + told.value.hint + repr(told.value)


def test_no_more_than_a_few():
    """
    A request has room for some headers only.
    """
    with pytest.raises(UsageError, match="more than 32"):
        read_headers([f"X-{number}=plain:1" for number in range(33)])
    with pytest.raises(UsageError, match="no text"):
        read_headers({"X-A": 1})


def test_form_fields():
    """
    Any but those that say what the file is.
    """
    assert read_form_fields(["target_model_names=a, b", "extra[x]=1"]) == {
        "target_model_names": "a, b",
        "extra[x]": "1",
    }
    for pair in ("purpose=fine-tune", "file=x", "expires_after[seconds]=1", 'a"b=1', "a=1\r\nb", "a"):
        with pytest.raises(UsageError):
            read_form_fields([pair])
