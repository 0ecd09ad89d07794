"""What a person chose is read when it is asked for, from the file as it is at that moment."""

import json
import os

import pytest

from rowbatch.desk.settings import Settings, change_settings, read_settings


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path))
    return tmp_path / "settings.json"


def test_a_change_is_seen_at_once(path):
    """
    Also one that another program made: in place, by another file, by taking it away.
    """
    assert read_settings() == Settings()
    change_settings(look="dark", has_keys=False)
    assert (read_settings().look, read_settings().has_keys) == ("dark", False)
    other = path.with_name("other")
    other.write_text(json.dumps({"look": "light"}))
    other.replace(path)
    assert (read_settings().look, read_settings().has_keys) == ("light", True)
    path.write_text(json.dumps({"look": "dark!"}))
    assert read_settings().look == "dark!"
    path.unlink()
    assert read_settings() == Settings()


def test_a_file_of_an_earlier_version(path):
    """
    It has no look and no language, and what it has holds.
    """
    path.write_text(json.dumps({"max_cost": "5", "look": 3}))
    found = read_settings()
    assert (found.max_cost, found.language, found.look, found.has_keys) == ("5", "", "system", True)


def test_the_file_is_read_once_as_long_as_it_is_the_same(path, monkeypatch):
    """
    Every page asks.
    """
    change_settings(look="dark")
    asked = []

    def read(text):
        asked.append(text)
        return {}

    monkeypatch.setattr(json, "loads", read)
    for _ in range(5):
        read_settings()
    assert len(asked) == 1
    os.utime(path, ns=(1, 1))
    read_settings()
    assert len(asked) == 2
