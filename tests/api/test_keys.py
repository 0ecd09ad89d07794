"""Where keys come from, and where they go."""

from collections.abc import Callable

import pytest

from awkward_keys import AWKWARD, PARTS
from rowbatch import api, desk
from rowbatch.api.keys import find_key, forget_key, list_keys, remove_key, require_key, set_key
from rowbatch.errors import UsageError
from rowbatch.providers.catalog import find_provider, provider_names

SECRET = "sk-canary-of-the-keyring"
OPENAI = "https://api.openai.com/v1"
GATEWAY = "https://gateway.example.org/v1"


@pytest.fixture
def ring(monkeypatch, tmp_path):
    """A keyring in memory, no key in the environment, and an empty folder to work in."""
    import keyring
    from keyring.backend import KeyringBackend
    from keyring.errors import PasswordDeleteError

    class Memory(KeyringBackend):
        priority = 1.0

        def __init__(self):
            super().__init__()
            self.kept = {}

        def get_password(self, service, username):
            return self.kept.get((service, username))

        def set_password(self, service, username, password):
            self.kept[service, username] = password

        def delete_password(self, service, username):
            if self.kept.pop((service, username), None) is None:
                raise PasswordDeleteError

    before, memory = keyring.get_keyring(), Memory()
    keyring.set_keyring(memory)
    for name in provider_names():
        for variable in find_provider(name).key_variables:
            monkeypatch.delenv(variable, raising=False)
            monkeypatch.delenv(variable.removesuffix("_API_KEY") + "_BASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    yield memory.kept
    keyring.set_keyring(before)


def found_in(base_url, provider="openai"):
    found = find_key(find_provider(provider), base_url)
    return (found.key.reveal(), found.place) if found else None


def test_a_key_of_the_keyring_belongs_to_its_host(ring):
    """
    It is kept under the provider and the host, found for that host only, listed unseen, and forgotten.
    """
    assert found_in(OPENAI) is None
    assert set_key("openai", f" {SECRET}\n") == "api.openai.com"
    assert list(ring) == [("rowbatch", "openai@api.openai.com")]
    assert found_in(OPENAI) == (SECRET, "keyring")
    assert found_in(GATEWAY) is None
    assert list_keys() == [("openai", "api.openai.com", "keyring")]
    assert remove_key("openai")
    assert not remove_key("openai")
    assert found_in(OPENAI) is None


def test_a_key_for_another_address(ring):
    """
    With --base-url it belongs to that host, and not to the provider's own.
    """
    assert set_key("openai", SECRET, base_url=GATEWAY) == "gateway.example.org"
    assert found_in(GATEWAY) == (SECRET, "keyring")
    assert found_in(OPENAI) is None


@pytest.mark.parametrize("line", ['OPENAI_API_KEY="sk-dotenv"', "export OPENAI_API_KEY=sk-dotenv"])
def test_a_key_of_a_dotenv_file(ring, tmp_path, monkeypatch, line):
    """
    `.env` of the working folder counts after the environment and before the keyring, as it stands there.
    """
    set_key("openai", SECRET)
    (tmp_path / ".env").write_text(f"{line}\nMISTRAL_API_KEY=$HOME\n")
    assert found_in(OPENAI) == ("sk-dotenv", ".env (OPENAI_API_KEY)")
    assert found_in("https://api.mistral.ai/v1", "mistral") == ("$HOME", ".env (MISTRAL_API_KEY)")
    assert found_in(GATEWAY) is None
    monkeypatch.setenv("OPENAI_API_KEY", "sk-environment")
    assert found_in(OPENAI) == ("sk-environment", "environment (OPENAI_API_KEY)")


def test_a_key_goes_to_no_other_host(ring, monkeypatch):
    """
    The error names both hosts and what to do; this machine and the host that the environment names are fine.
    """
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    with pytest.raises(UsageError, match=r"belongs to api.openai.com, .* gateway.example.org") as caught:
        require_key(find_provider("openai"), GATEWAY)
    assert SECRET not in str(caught.value) + caught.value.hint
    assert found_in("http://127.0.0.1:9/v1") is not None
    monkeypatch.setenv("OPENAI_BASE_URL", GATEWAY)
    assert found_in(GATEWAY) is not None
    assert found_in("https://gateway.example.org.evil.example/v1") is None
    assert found_in("https://gateway.example.org@evil.example/v1") is None


def test_a_machine_without_a_keyring(ring):
    """
    That is said when a key is to be kept; looking for one finds none.
    """
    import keyring
    from keyring.backends.fail import Keyring

    keyring.set_keyring(Keyring())
    assert found_in(OPENAI) is None
    with pytest.raises(UsageError, match="no keyring") as caught:
        set_key("openai", SECRET)
    assert "environment variable" in caught.value.hint
    assert SECRET not in str(caught.value)
    assert desk.hold_key("openai", SECRET) == "this program"
    try:
        assert found_in(OPENAI) == (SECRET, "this program")
    finally:
        assert forget_key("openai")


def told_of(caught):
    """All that an error says, to whomever."""
    error = caught.value
    pages = [error.told("page", language) for language in ("en", "zh")]
    return repr((error.message, error.hint, error.values, error.document(), error.notice.to_json(), pages))


@pytest.mark.parametrize("name", AWKWARD)
def test_a_key_that_can_be_none_is_said_wherever_it_is_found(ring, tmp_path, monkeypatch, name):
    """
    In the environment, in `.env`, in the keyring of an older version, and where one is given: by its place,
    and without any part of it.
    """
    secret, openai = AWKWARD[name], find_provider("openai")
    ring["rowbatch", "openai@api.openai.com"] = secret
    doors: list[Callable[[], object]] = [
        lambda: set_key("openai", secret),
        lambda: desk.hold_key("openai", secret),
        lambda: find_key(openai, OPENAI),
    ]
    for door in doors:
        with pytest.raises(
            UsageError, match=r"the key from (what was given|keyring) cannot be one"
        ) as caught:
            door()
        assert not any(part in told_of(caught) for part in PARTS)
    ring.clear()
    assert list_keys() == []
    if "\0" not in secret:
        monkeypatch.setenv("OPENAI_API_KEY", secret)
        for find in (require_key, api.find_key):
            with pytest.raises(UsageError, match=r"environment \(OPENAI_API_KEY\) cannot be one") as caught:
                find(openai, OPENAI)
            assert not any(part in told_of(caught) for part in PARTS)
        ((_, _, told),) = list_keys()
        assert "cannot be one" in told
        assert not any(part in told for part in PARTS)
        monkeypatch.delenv("OPENAI_API_KEY")
    line = secret.encode(errors="surrogateescape").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    (tmp_path / ".env").write_bytes(b'OPENAI_API_KEY="' + line + b'"\n')
    with pytest.raises(UsageError, match=r".env \(OPENAI_API_KEY\) cannot be one") as caught:
        require_key(openai, OPENAI)
    assert not any(part in told_of(caught) for part in PARTS)


def test_what_stands_around_a_key_is_left_out_everywhere(ring, monkeypatch):
    """
    Quotes and `Bearer`, as they are copied from examples.
    """
    set_key("openai", f'"{SECRET}"\n')
    assert found_in(OPENAI) == (SECRET, "keyring")
    monkeypatch.setenv("OPENAI_API_KEY", f" 'Bearer {SECRET}2' ")
    assert found_in(OPENAI) == (f"{SECRET}2", "environment (OPENAI_API_KEY)")


@pytest.mark.parametrize(
    "address", ["http://[::1", "htp://x", "http://host:99999", "http://höst/v1", "host/v1"]
)
def test_a_broken_address_is_said_at_the_doors_of_keys(ring, monkeypatch, address):
    """
    Where a key is kept, held, forgotten, and in the variable that says whose a key is.
    """
    for keep in (set_key, desk.hold_key):
        with pytest.raises(UsageError, match="no address that can be asked"):
            keep("openai", SECRET, base_url=address)
    for forget in (remove_key, forget_key):
        with pytest.raises(UsageError, match="no address that can be asked"):
            forget("openai", base_url=address)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    assert found_in(OPENAI) is not None
    with pytest.raises(UsageError, match=r"OPENAI_BASE_URL=.* is no address"):
        found_in(GATEWAY)
    # Half of one may stand in a form: nobody's key goes there.
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert found_in(address) is None


@pytest.mark.parametrize(
    "address", ["https://me:canary-pw@gateway.example.org/v1", "https://g.example.org?key=canary-pw"]
)
def test_a_password_in_an_address_is_refused_at_the_doors_of_keys(ring, monkeypatch, address):
    """
    And not shown, also from the environment.
    """
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    for call in (
        lambda: set_key("openai", SECRET, base_url=address),
        lambda: desk.hold_key("openai", SECRET, base_url=address),
        lambda: found_in(GATEWAY),
    ):
        with pytest.raises(UsageError, match="in it") as caught:
            call()
        assert "canary-pw" not in told_of(caught)


def test_a_dotenv_file_that_cannot_be_read_is_said(ring, tmp_path):
    """
    A folder of that name is none; bytes that are no text are a key that can be none.
    """
    (tmp_path / ".env").write_bytes(b"OPENAI_API_KEY=sk-\xff\xfe\n")
    with pytest.raises(UsageError, match="cannot be one"):
        found_in(OPENAI)
