"""Addresses as people write them: asked, shown, refused."""

import pytest

from rowbatch.core.address import (
    address_parts,
    check_address,
    host_of,
    is_in_clear,
    is_loopback,
    looks_like_key,
    shown_address,
)
from rowbatch.errors import UsageError
from rowbatch.providers.catalog import find_provider, provider_names

GOOD = [
    "https://api.openai.com/v1",
    "https://api.openai.com/v1/",
    "http://localhost:11434/v1",
    "http://127.0.0.1:8000",
    "http://[::1]:8000/v1",
    "http://gpu_node:8000/v1",
    "HTTPS://Gateway.Example.org/v1",
    "https://x.openai.azure.com/openai/v1?api-version=2026-01-01",
    "https://gateway.example.org/@team/v1",
    "https://xn--bcher-kva.example/v1",
    "https://h.example./v1",
    "https://sk-central-production.example.org/v1",
    "https://h.example/task-force-of-sociologists/v1",
]
BROKEN = {
    "": "address-without-scheme",
    "   ": "address-without-scheme",
    "http://": "address-without-host",
    "https:///v1": "address-without-host",
    "htp://x": "address-without-scheme",
    "api.openai.com/v1": "address-without-scheme",
    "localhost:11434/v1": "address-without-scheme",
    "file:///etc/hosts": "address-without-scheme",
    "http:/host/v1": "address-without-scheme",
    "http://[::1": "address-host",
    "http://[::1]x/v1": "address-host",
    "http://[abc]/v1": "address-host",
    "http://host:99999": "address-port",
    "http://host:0": "address-port",
    "http://host:-1": "address-port",
    "http://host:abc": "address-port",
    "http://host:": "address-port",
    "http://a b/v1": "address-with-blank",
    "http://host/v 1": "address-with-blank",
    "http://host/v1\nx": "address-with-blank",
    "http://host/\x07": "address-with-blank",
    "http://höst/v1": "address-host",
    "http://-host/v1": "address-host",
    "http://ho\\st/v1": "address-host",
    "http://a..b/v1": "address-host",
    "http://host/vé": "address-not-ascii",
    "http://host/v1#x": "address-with-fragment",
    "http://host/v1#": "address-with-fragment",
    "http://host/" + "x" * 3_000: "address-too-long",
}
SECRET = {
    "https://user:canary-1@host/v1": "address-with-password",
    "https://canary-1@host/v1": "address-with-password",
    "https://user:canary/1@host/v1": "address-with-password",
    "https://user:canary#1@host/v1": "address-with-password",
    "https://user:canary@1@host:99999/v1": "address-with-password",
    "user:canary-1@host/v1": "address-with-password",
    "https://user:@host/v1": "address-with-password",
    "https://host/v1?key=canary-1": "address-with-secret",
    "https://host/v1?api-version=1&api-key=canary-1": "address-with-secret",
    "https://host/v1?sig=canary-1&se=2026": "address-with-secret",
    "https://host/v1?code=canary-1": "address-with-secret",
    "https://host/v1?access_token=canary-1": "address-with-secret",
    "https://host/v1?Password=canary-1": "address-with-secret",
    "https://host/v1?%6bey=canary-1": "address-with-secret",
    "https://host/v1&key=canary-1": "address-with-secret",
    "https://host/v1;token=canary-1": "address-with-secret",
    "https://host/v1 key=canary-1": "address-with-secret",
    "https://user:canary-1%40host/v1": "address-with-password",
    "https://host/v1?x=sk-canary-1-0123456789": "address-with-secret",
    "https://host/v1?sk-canary-1-0123456789": "address-with-secret",
    "https://host/sk-canary-1-0123456789/v1": "address-with-secret",
    "https://host/AIzacanary-1-0123456789/v1": "address-with-secret",
}


@pytest.mark.parametrize("address", GOOD)
def test_an_address_that_can_be_asked(address):
    """
    It stays as it is, without the blanks around it, and is shown whole.
    """
    assert check_address(f" {address}\n") == address
    assert shown_address(address) == address
    assert check_address(address, may_hold_secret=True) == address


@pytest.mark.parametrize("address", BROKEN)
def test_a_broken_address_is_said(address):
    """
    What is wrong with it, and which place gave it.
    """
    with pytest.raises(UsageError, match="no address that can be asked") as caught:
        check_address(address, "OPENAI_BASE_URL")
    assert caught.value.values["why"].kind == BROKEN[address]
    assert caught.value.message.startswith("OPENAI_BASE_URL=")
    assert "https://" in caught.value.hint
    with pytest.raises(UsageError):
        check_address(address, may_hold_secret=True)


@pytest.mark.parametrize("address", SECRET)
def test_an_address_with_a_secret_is_refused_and_not_shown(address):
    """
    It would stand in run.toml, on the screen and in recipes; the message says where to put it, without it.
    """
    with pytest.raises(UsageError) as caught:
        check_address(address)
    assert caught.value.kind == SECRET[address]
    told = caught.value.message + caught.value.hint + repr(caught.value.values)
    assert "canary" not in told
    assert "rowbatch key set" in caught.value.hint
    assert "canary" not in shown_address(address)
    # What is shown is refused too, and not taken for the address without its secret.
    with pytest.raises(UsageError):
        check_address(shown_address(address))


@pytest.mark.parametrize("blank", [" ", "\n", "\t", "\x00", "\u202e", "\xa0"])
def test_what_was_copied_along_with_an_address_is_not_shown(blank):
    """
    Behind a blank or an invisible character stands something else, perhaps a key.
    """
    with pytest.raises(UsageError) as caught:
        check_address(f"https://host/v1{blank}canary-1")
    assert (caught.value.kind, str(caught.value.values["why"].kind)) == (
        "address-broken",
        "address-with-blank",
    )
    assert "canary" not in caught.value.message
    assert "https://host/v1 …" in caught.value.message


def test_an_address_is_taken_apart():
    """
    Paths follow the base, and its query goes with every call.
    """
    assert address_parts("https://h/openai/v1/?api-version=1") == (
        "https://h/openai/v1/",
        {"api-version": "1"},
    )
    assert address_parts("https://h") == ("https://h/", {})


@pytest.mark.parametrize(
    ("address", "host", "loopback", "in_clear"),
    [
        ("https://API.openai.com/v1", "api.openai.com", False, False),
        ("http://gpu-node:8000/v1", "gpu-node:8000", False, True),
        ("HTTP://gpu-node/v1", "gpu-node", False, True),
        ("http://user:pw@host/v1", "host", False, True),
        ("http://localhost:1/v1", "localhost:1", True, False),
        ("http://127.0.0.1/v1", "127.0.0.1", True, False),
        ("http://127.8.0.1/v1", "127.8.0.1", True, False),
        ("http://[::1]:9/v1", "[::1]:9", True, False),
        ("http://127.0.0.1.evil.example/v1", "127.0.0.1.evil.example", False, True),
        ("http://localhost.evil.example/v1", "localhost.evil.example", False, True),
    ],
)
def test_whose_an_address_is(address, host, loopback, in_clear):
    """
    Its host with the port; this machine's own; and whether what is sent can be read on the way.
    """
    assert (host_of(address), is_loopback(address), is_in_clear(address)) == (host, loopback, in_clear)


def test_no_address_is_nobodys():
    """
    Whatever was typed, asking whose it is raises nothing.
    """
    assert host_of("http://[::1") == ""
    assert not is_loopback("http://[::1")


def test_every_provider_of_the_catalog_has_an_address_that_can_be_asked():
    """
    Its own, and the example where the user has one.
    """
    for name in provider_names():
        provider = find_provider(name)
        for address in filter(None, (provider.base_url,)):
            assert check_address(address) == address
            assert not is_in_clear(address)


@pytest.mark.parametrize(
    ("text", "is_key"),
    [
        ("sk-proj-abcdefghijklmnop", True),
        ("my key is sk_live_abcdefghijklmnop", True),
        ("gsk_0123456789abcdef", True),
        ("AIzaSyA0123456789abcdef", True),
        ("hf_abcdefghijklmnop", True),
        ("skateboard_preference_2024", False),
        ("skywork-critic-llama-3.1-70b", False),
        ("pkw_besitz_im_haushalt", False),
        ("task-completion-model", False),
    ],
)
def test_a_key_is_told_from_a_name(text: str, is_key: bool) -> None:
    """Names of columns and models begin like keys, too."""
    assert looks_like_key(text) is is_key
