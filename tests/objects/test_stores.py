"""What every store does: a folder, a small S3 in this process, and with `make objects` a real one."""

import threading

import pytest

from rowbatch.errors import InputError, OutputExists, UsageError

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


def test_a_file_is_committed_once(store, tmp_path):
    """
    It is gone afterwards, whoever was first; an empty one is an object, too.
    """
    assert store.commit("a/b", a_file(tmp_path, b"first"))
    assert not (tmp_path / "finished").exists()
    assert not store.commit("a/b", a_file(tmp_path, b"second"))
    assert not (tmp_path / "finished").exists()
    assert store.read("a/b") == b"first"
    assert store.commit("empty", a_file(tmp_path, b""))
    assert (store.read("empty"), store.stat("empty").size) == (b"", 0)


def test_names_are_sorted(store):
    """
    By their bytes, with a prefix that need not end at a folder.
    """
    assert list(store.names()) == []
    for name in ["b/2", "b/10", "a", "b/é", "bc"]:
        store.put(name, b"")
    assert list(store.names()) == ["a", "b/10", "b/2", "b/é", "bc"]
    assert list(store.names("b/")) == ["b/10", "b/2", "b/é"]
    assert list(store.names("b")) == ["b/10", "b/2", "b/é", "bc"]
    assert list(store.names("none/")) == []


def test_what_is_not_there(store, tmp_path):
    """
    No size, no bytes, no copy; to delete it is no error.
    """
    store.put("file", b"")
    assert store.stat("x") is None
    assert store.stat("x/y") is None
    assert store.stat("file/x") is None
    for call in (
        lambda: store.read("x"),
        lambda: store.read("x", 3, 4),
        lambda: store.read("x", 0, 0),
        lambda: store.fetch("x", tmp_path / "y"),
    ):
        with pytest.raises(InputError) as told:
            call()
        assert told.value.kind in ("path-missing", "object-missing")
    store.delete("x")
    assert not (tmp_path / "y").exists()
