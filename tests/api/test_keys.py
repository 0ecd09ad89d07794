"""Where keys come from, and where they go."""

import pytest

from rowbatch import desk
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
