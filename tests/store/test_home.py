"""Folders of ours: nobody else may read what is there."""

import os
import stat
import sys
from pathlib import Path

import pytest

from rowbatch.errors import StorageError
from rowbatch.store import home as ours
from rowbatch.store.atomic import write_atomically
from rowbatch.store.home import is_ours, private_file, private_folder, repair_rights
from rowbatch.store.lock import run_lock
from rowbatch.store.sqlite import open_database
from rowbatch.web import run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such rights")
NOBODY = 65534


@pytest.fixture(params=[0o000, 0o022, 0o077], ids="umask-{:03o}".format)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_whatever_the_umask_says(home, tmp_path, umask):
    """
    Every folder of ours is its owner's alone from the home down, and every file in it; what a person asked
    for elsewhere, and folders above ours, are as the umask says.
    """
    tmp_path.chmod(0o700)
    private_folder(home / "cache" / "views" / "v")
    write_atomically(home / "tables" / "t" / "table.json", b"{}", overwrite=True)
    private_file(home / "cache" / "views" / "v" / "1.part")
    (home / "runs" / "r").mkdir(parents=True)
    private_folder(home / "runs" / "r")
    with run_lock(home / "runs" / "r", "x"):
        pass
    open_database(home / "runs" / "r" / "ledger.sqlite").close()
    found = list(home.rglob("*"))
    assert {mode(path) for path in found if path.is_dir()} | {mode(home)} == {0o700}
    assert {mode(path) for path in found if path.is_file()} == {0o600}
    assert len([path for path in found if path.is_file()]) == 4
    write_atomically(tmp_path / "out" / "a.csv", b"", overwrite=True)
    write_atomically(home / "mine.csv", b"", overwrite=True)
    assert mode(tmp_path / "out" / "a.csv") == mode(home / "mine.csv") == 0o666 & ~umask
    assert mode(tmp_path / "out") == 0o777 & ~umask


def test_without_a_home_of_ones_own_choice(tmp_path, monkeypatch):
    """
    Data and cache lie where the system has them, and both are ours.
    """
    monkeypatch.delenv("ROWBATCH_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for folder in (ours.home() / "tables" / "x", ours.cache() / "views" / "x"):
        private_folder(folder)
        assert is_ours(folder)
        assert {mode(folder), mode(folder.parent), mode(folder.parent.parent)} == {0o700}
    assert not is_ours(tmp_path / "labelled.csv")


def test_a_link_to_a_larger_disk(home, tmp_path):
    """
    A folder of ours may be a link to one of one's own, and lies in both places in our folders.
    """
    (tmp_path / "large").mkdir(mode=0o755)
    home.symlink_to(tmp_path / "large")
    private_folder(home / "tables" / "x")
    assert mode(tmp_path / "large") == mode(tmp_path / "large" / "tables") == 0o700
    assert is_ours(home / "tables" / "x")
    assert is_ours(tmp_path / "large" / "tables" / "x")


def test_what_an_earlier_version_left_open(home, tmp_path):
    """
    It is closed; what is executable for its owner stays so, links are not followed, what is not ours in the
    home is left alone, and no more is looked at than is allowed.
    """
    for name in ("cache/views/v/1.arrow", "tables/t/data.csv", "ui.log", "notes/mine.txt"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("x")
        (home / name).chmod(0o644)
        (home / name).parent.chmod(0o755)
    (home / "tables" / "t" / "run.sh").touch(mode=0o755)
    (tmp_path / "elsewhere").touch()
    (tmp_path / "elsewhere").chmod(0o644)
    (home / "tables" / "t" / "link").symlink_to(tmp_path / "elsewhere")
    assert repair_rights(most=1) == 1
    assert repair_rights() > 4
    assert repair_rights() == 0
    ours_alone = [*(home / "cache").rglob("*"), home / "tables", home / "tables" / "t"]
    assert {mode(path) for path in ours_alone if path.is_dir()} == {0o700}
    assert mode(home / "tables" / "t" / "run.sh") == 0o700
    assert mode(home / "tables" / "t" / "data.csv") == mode(home / "ui.log") == 0o600
    assert mode(tmp_path / "elsewhere") == mode(home / "notes" / "mine.txt") == 0o644
    assert mode(home / "notes") == 0o755


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("how", ["home", "inside", "link"])
def test_a_folder_of_somebody_else(home, tmp_path, how):
    """
    It is refused, and nothing is written there: the home, one in it, one that a link leads to.
    """
    place = {"home": home, "inside": home / "tables", "link": tmp_path / "theirs"}[how]
    place.mkdir(parents=True)
    os.chown(place, NOBODY, NOBODY)
    if how == "link":
        home.symlink_to(place)
    with pytest.raises(StorageError, match="belongs to somebody else") as caught:
        write_atomically(home / "tables" / "t" / "table.json", b"{}", overwrite=True)
    assert "ROWBATCH_HOME" in caught.value.hint
    assert list(place.iterdir()) == []


def test_a_disk_that_gives_all_files_to_one_user(home, monkeypatch):
    """
    On a share of a network every folder may seem to be somebody else's, and it is used.
    """
    home.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
    private_folder(home / "tables")
    assert (home / "tables").is_dir()


def test_a_folder_that_everybody_could_exchange(tmp_path, monkeypatch):
    """
    A home in a folder that everybody may write to is refused, unless only its owner may remove it there.
    """
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "open" / "home"))
    with pytest.raises(StorageError, match="everybody may change"):
        private_folder(tmp_path / "open" / "home" / "tables")
    (tmp_path / "open").chmod(0o1777)
    private_folder(tmp_path / "open" / "home" / "tables")


def test_a_file_in_the_way(home):
    """
    What the operating system says is translated.
    """
    home.write_bytes(b"")
    with pytest.raises(StorageError):
        private_folder(home / "tables")
    with pytest.raises(StorageError):
        private_folder(home)


def test_every_name_in_the_home_is_known():
    """
    Whatever the source puts directly into the home is among the names that are ours.
    """
    source = Path(ours.__file__).parents[1]
    written = {"settings.json", "models.toml", "known-runs", "tables", "runs", "server"}
    for name in written:
        assert any(f'"{name}"' in path.read_text(encoding="utf-8") for path in source.rglob("*.py"))
    assert written < set(ours.NAMES)
    assert {run._STATE, run._LOCK, run._LOG, run._OPENER, run._OLD_SESSION} < set(ours.NAMES)
