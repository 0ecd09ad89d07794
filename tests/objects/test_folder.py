"""A folder as a store."""

import os
import stat
import threading
from pathlib import Path

import pytest

from rowbatch.errors import InputError, OutputExists, StorageError, UsageError
from rowbatch.objects import folder as folder_module
from rowbatch.objects.stores import open_store

ODD = [
    "a b.jsonl",
    "100%.csv",
    "a+b",
    "größe/über.txt",
    "数据/表.parquet",
    "%41",
    "a&b=c?d#e",
    "é",
    "e\u0301",
]


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / "store")


def a_file(tmp_path, content):
    path = tmp_path / "finished"
    path.write_bytes(content)
    return path


def test_an_object_is_put_once(store):
    """
    The first writer of a name is told True, the second False; what the first wrote stays.
    """
    assert store.put("shards/1.jsonl", b"one")
    assert not store.put("shards/1.jsonl", b"two")
    assert store.read("shards/1.jsonl") == b"one"


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


def test_of_many_writers_one_is_first(store):
    """
    Sixteen threads put other bytes under one name at once: one is told True, and its bytes are there.
    """
    told = {}
    start = threading.Barrier(16)

    def put(number):
        start.wait()
        told[number] = store.put("one", b"%d" % number)

    threads = [threading.Thread(target=put, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (first,) = [number for number, is_first in told.items() if is_first]
    assert store.read("one") == b"%d" % first


def test_parts_of_an_object(store):
    """
    From a place, at most a size, from the end; past the end there is nothing.
    """
    store.put("x", b"0123456789")
    assert store.read("x", 3) == b"3456789"
    assert store.read("x", 3, 2) == b"34"
    assert store.read("x", 8, 99) == b"89"
    assert store.read("x", -4) == b"6789"
    assert store.read("x", -4, 2) == b"67"
    assert store.read("x", -99) == b"0123456789"
    assert store.read("x", 10, 5) == b""


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


@pytest.mark.parametrize("name", ODD)
def test_names_as_people_give_them(store, name):
    """
    Spaces, signs of addresses and any script come back as they were given.
    """
    store.put(name, name.encode())
    assert store.read(name) == name.encode()
    assert list(store.names()) == [name]


@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", "../a", "a/./b", "a\0b", "a" * 1025, "\udcff"])
def test_names_that_no_store_can_have(store, name):
    """
    A sentence, and nothing outside the folder is touched.
    """
    with pytest.raises(UsageError) as told:
        store.put(name, b"")
    assert told.value.kind == "object-name"


def test_what_is_not_there(store, tmp_path):
    """
    No size, no bytes, no copy; to delete it is no error.
    """
    assert store.stat("x") is None
    assert store.stat("x/y") is None
    store.put("file", b"")
    assert store.stat("file/x") is None
    for call in (
        lambda: store.read("x"),
        lambda: store.fetch("x", tmp_path / "y"),
        lambda: store.read("file/x"),
    ):
        with pytest.raises(InputError) as told:
            call()
        assert told.value.kind == "path-missing"
    store.delete("x")
    assert not (tmp_path / "y").exists()


def test_the_version_changes_with_the_content(store):
    """
    An object of the same size under the same name is another version.
    """
    store.put("x", b"one")
    first = store.stat("x")
    assert first.size == 3
    assert store.stat("x") == first
    store.delete("x")
    store.put("x", b"two")
    assert store.stat("x").version != first.version


def test_a_copy_is_whole_and_takes_a_free_name(store, tmp_path):
    """
    With the size and version of what was copied; nothing is overwritten.
    """
    store.put("x", b"one")
    assert store.fetch("x", tmp_path / "new" / "y") == store.stat("x")
    assert (tmp_path / "new" / "y").read_bytes() == b"one"
    with pytest.raises(OutputExists):
        store.fetch("x", tmp_path / "new" / "y")


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
