"""
What Azure's storage does, by Azurite 3.37.0 (Microsoft's emulator) and obstore 0.12.1: run by `make azurite`.

That it is no cloud shows in times and quotas; conditions, codes and names are as Azure's documents have them.
"""

import pytest

from azurite import KEY
from driving import drive
from end_to_end import run_here
from fake_providers import FakeProvider
from real_objects import cutting_proxy, race_writers
from rowbatch.errors import InputError, StorageError
from rowbatch.objects import bucket
from rowbatch.objects.address import parse_address
from rowbatch.objects.stores import open_store
from rowbatch.store.copies import copy_of
from rowbatch.tasks.array import work
from rowbatch.tasks.into_run import build_by_tasks
from rowbatch.tasks.parts import collect_parts
from tasking import digests, planned_run, unfinished, write_table


@pytest.fixture
def place(azure, monkeypatch):
    """An address where nobody was, and the environment that leads there."""
    for name, value in azure.environment().items():
        monkeypatch.setenv(name, value)
    return f"az://{azure.container}/{azure.new_prefix()}"


def test_the_second_conditional_write_gets_409(azure):
    """
    Asked without a library: first 201, then 409 with BlobAlreadyExists (S3 says 412).
    """
    block = {"x-ms-blob-type": "BlockBlob", "if-none-match": "*"}
    assert azure.ask(f"/{azure.container}/condition", b"first", headers=block)[0] == 201
    status, said = azure.ask(f"/{azure.container}/condition", b"second", headers=block)
    assert status == 409
    assert b"<Code>BlobAlreadyExists</Code>" in said


def test_of_eight_writers_one_is_first(place, tmp_path):
    """
    Ten rounds of eight writers of other bytes: exactly one is first each time, and its bytes stay.
    """
    race_writers(open_store(place), tmp_path, rounds=10)


def test_connections_that_are_lost(azure, place, tmp_path, monkeypatch):
    """
    A proxy cuts an upload and a download of 20 MB after 3 MB, three times each, and keeps an answer for
    itself: all bytes are there, once, and the writer whose answer was lost is told that it was first.
    """
    content = bytes(range(256)) * 80_000
    with cutting_proxy(azure.url) as proxy:
        for name, value in azure.environment(proxy.url).items():
            monkeypatch.setenv(name, value)
        store = open_store(place)
        store.put("warm", b"")
        path = tmp_path / "shard"
        path.write_bytes(content)
        proxy.cuts, proxy.after_bytes = 3, 3_000_000
        assert store.commit("shard", path)
        assert proxy.done == 3
        proxy.cuts = 3
        store.fetch("shard", tmp_path / "copy")
        assert proxy.done == 6
        assert (tmp_path / "copy").read_bytes() == content
        proxy.lost_answers, proxy.after_bytes = 1, 90_000
        assert store.put("answer", b"x" * 100_000)
        assert proxy.done == 7
        assert not store.put("answer", b"y")


def test_a_large_file_in_parts(place, tmp_path, monkeypatch):
    """
    Above the size of one call: whole, once, and no claim is left.
    """
    monkeypatch.setattr(bucket, "_IN_ONE_CALL", 1_000_000)
    monkeypatch.setattr(bucket, "_PART_BYTES", 5 << 20)
    store = open_store(place)
    content = bytes(range(256)) * 100_000
    path = tmp_path / "table"
    path.write_bytes(content)
    assert store.commit("table", path)
    assert store.read("table") == content
    path.write_bytes(b"other" * 300_000)
    assert not store.commit("table", path)
    assert store.read("table") == content
    assert list(store.names()) == ["table"]


def test_a_wrong_key_and_no_container(place, monkeypatch):
    """
    Sentences, without the key.
    """
    missing = open_store("az://nobody-made-this/x")
    for call in (lambda: missing.put("x", b""), lambda: missing.stat("x"), lambda: missing.read("x")):
        with pytest.raises(InputError, match="no such bucket: az://nobody-made-this/x"):
            call()
    wrong = KEY.replace("Eby8", "wRoN")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", wrong)
    store = bucket.open_bucket(parse_address(place))
    for call in (lambda: store.put("x", b""), lambda: store.stat("x"), lambda: store.read("x")):
        with pytest.raises(StorageError) as told:
            call()
        assert told.value.kind in ("store-key-wrong", "store-refused")
        assert wrong not in str(told.value)


@pytest.mark.parametrize("form", ["posts.parquet", "posts.csv", "folder-of-csv"])
def test_workers_that_share_no_folder(place, tmp_path, form):
    """
    Table and tasks lie there: the same request files as of a table here, and the labelled table in parts.
    """
    table = write_table(tmp_path / form, 40)
    here = planned_run(tmp_path / "here", table)
    build_by_tasks(here, "serial")
    for path in sorted([table] if table.is_file() else table.rglob("*.*")):
        open_store(place).put(f"tables/{path.relative_to(tmp_path).as_posix()}", path.read_bytes())
    there = planned_run(tmp_path / "there", copy_of(f"{place}/tables/{form}"), store=f"{place}/work")
    for index in (1, 0):
        assert all(outcome.problem is None for outcome in work(f"{place}/work/prepare.jsonl", index, 2))
    build_by_tasks(there)
    assert digests(there) == digests(here)
    drive(there, FakeProvider("openai"))
    assert collect_parts(there, tmp_path / "parts", "serial").rows == 40
    assert not unfinished(there)


def test_convert_from_there_and_back_to_it(azure, place, tmp_path):
    """
    The command: the same bytes as from a file, under a name that was free; a second time it is taken.
    """
    write_table(tmp_path / "posts.csv", 40)
    open_store(place).put("t 1+1.csv", (tmp_path / "posts.csv").read_bytes())
    env = {**azure.environment(), "ROWBATCH_HOME": str(tmp_path / "home")}
    asks = ("--text", "text", "--model", "gpt-4o-mini", "--skip-empty", "-o")
    words = ("convert", f"{place}/t 1+1.csv", *asks, f"{place}/out.jsonl")
    done = run_here(words, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert run_here(("convert", "posts.csv", *asks, "here.jsonl"), cwd=tmp_path, env=env).returncode == 0
    assert open_store(place).read("out.jsonl") == (tmp_path / "here.jsonl").read_bytes()
    again = run_here(words, cwd=tmp_path, env=env)
    assert again.returncode == 4
    assert "exists already" in again.stderr
