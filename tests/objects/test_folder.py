"""A folder as a store: what is special about it."""

import os
import stat
from pathlib import Path

import pytest

from rowbatch.errors import StorageError
from rowbatch.objects import folder as folder_module
from rowbatch.objects.stores import open_store


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / "store")


def a_file(tmp_path, content):
    path = tmp_path / "finished"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("links", [True, False], ids=["links", "no-links"])
def test_a_file_is_committed_once_and_is_gone(store, tmp_path, links, monkeypatch):
    """
    Also on a file system without hard links; nothing unfinished is left in the folder.
    """
    if not links:
        monkeypatch.setattr(folder_module, "_link", lambda *_: None)
    assert store.commit("a/b", a_file(tmp_path, b"first"))
    assert not (tmp_path / "finished").exists()
    assert not store.commit("a/b", a_file(tmp_path, b"second"))
    assert not (tmp_path / "finished").exists()
    assert store.read("a/b") == b"first"
    assert [path.name for path in (tmp_path / "store" / "a").iterdir()] == ["b"]


def test_names_are_sorted_and_unfinished_files_are_none(store, tmp_path):
    """
    By their bytes, with a prefix that need not end at a folder; a file that is being written has no name yet.
    """
    assert list(store.names()) == []
    for name in ["b/2", "b/10", "a", "b/é", "bc"]:
        store.put(name, b"")
    (tmp_path / "store" / "b" / ".3.abc.part").touch()
    assert list(store.names()) == ["a", "b/10", "b/2", "b/é", "bc"]
    assert list(store.names("b/")) == ["b/10", "b/2", "b/é"]
    assert list(store.names("b")) == ["b/10", "b/2", "b/é", "bc"]
    assert list(store.names("none/")) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights")
@pytest.mark.parametrize(("of_folder", "of_file"), [(0o700, 0o600), (0o755, 0o644)])
def test_who_may_read_an_object(store, tmp_path, of_folder, of_file):
    """
    In a folder of one user's own only that user; elsewhere as the umask says.
    """
    folder = tmp_path / "store"
    folder.mkdir()
    folder.chmod(of_folder)
    before = os.umask(0o022)
    try:
        store.put("put", b"")
        store.commit("committed", a_file(tmp_path, b""))
    finally:
        os.umask(before)
    for name in ("put", "committed"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == of_file


def test_an_error_of_the_disk_is_told(store, tmp_path, monkeypatch):
    """
    A full disk is a sentence; the name stays free, nothing unfinished is left, and the file is still there.
    """

    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder_module, "_sync", full)
    path = a_file(tmp_path, b"x")
    for call in (lambda: store.put("x", b"x"), lambda: store.commit("x", path)):
        with pytest.raises(StorageError) as told:
            call()
        assert told.value.kind == "disk-full"
    assert path.exists()
    assert not list(Path(store.url).rglob("*"))
