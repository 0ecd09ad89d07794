"""
What a real store does (Ceph's gateway): run by `make objects`.

Behaviour of radosgw 16.2.15 (Debian 12), as it is found here, and of obstore 0.12.1.
"""

import datetime
import os
import re
import subprocess
import sys
import threading
import time
import urllib.parse

import pytest

from real_objects import cutting_proxy, race_writers
from rowbatch.errors import StorageError
from rowbatch.objects import bucket
from rowbatch.objects.address import parse_address
from rowbatch.objects.stores import open_store


@pytest.fixture
def place(real, monkeypatch):
    """An address where nobody was, and the environment that leads there."""
    for name, value in real.environment().items():
        monkeypatch.setenv(name, value)
    return f"s3://{real.bucket}/{real.new_prefix()}"


def test_the_second_conditional_write_gets_412(real):
    """
    Asked without a library: first 200, then 412 with PreconditionFailed, and the first bytes stay.
    """
    where = f"/{real.bucket}/condition"
    condition = {"if-none-match": "*"}
    assert real.ask("PUT", where, b"first", condition)[0] == 200
    status, said, _ = real.ask("PUT", where, b"second", condition)
    assert status == 412
    assert b"PreconditionFailed" in said
    assert real.ask("GET", where)[1] == b"first"


def test_the_end_of_an_upload_in_parts_does_not_look_at_the_condition(real):
    """
    Ceph 16 takes CompleteMultipartUpload with If-None-Match: * twice, and the second replaces the first. So a
    large file is not guarded by that, but by a claim. Fails where a newer Ceph does better: say so then.
    """
    where = f"/{real.bucket}/parts"
    for content in (b"first", b"second"):
        (upload,) = re.findall("<UploadId>(.*?)<", real.ask("POST", f"{where}?uploads")[1].decode())
        etag = real.ask("PUT", f"{where}?partNumber=1&uploadId={upload}", content)[2]["ETag"]
        parts = (
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
            f"<ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
        )
        status, _, _ = real.ask("POST", f"{where}?uploadId={upload}", parts.encode(), {"if-none-match": "*"})
        assert status == 200
    assert real.ask("GET", where)[1] == b"second"


def test_of_eight_writers_one_is_first(place, tmp_path):
    """
    Twenty rounds of eight writers of other bytes: exactly one is first each time, and its bytes stay.
    """
    race_writers(open_store(place), tmp_path, rounds=20)


def test_a_connection_lost_in_the_middle_of_a_shard(real, place, tmp_path, monkeypatch):
    """
    A proxy cuts the upload after 3 of 40 MB, three times: never half an object, at the end all of it, once.
    """
    content = bytes(range(256)) * 160_000
    with cutting_proxy(real.url) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        store = open_store(place)
        store.put("warm", b"")
        seen, done = set(), threading.Event()
        direct = bucket.open_bucket(parse_address(place))

        def watch():
            while not done.is_set():
                found = direct.stat("shard")
                seen.add(found and found.size)
                time.sleep(0.01)

        watcher = threading.Thread(target=watch)
        watcher.start()
        path = tmp_path / "shard"
        path.write_bytes(content)
        proxy.cuts, proxy.after_bytes = 3, 3_000_000
        assert store.commit("shard", path)
        done.set()
        watcher.join()
        assert proxy.done == 3
        assert seen <= {None, len(content)}
        assert direct.read("shard") == content


_COMMITS = """
import sys
from pathlib import Path
from rowbatch.objects.stores import open_store
print(open_store(sys.argv[1]).commit("shard", Path(sys.argv[2])))
"""


def test_a_program_that_is_killed_in_the_middle_of_a_shard(real, place, tmp_path):
    """
    kill -9 when 3 of 40 MB are sent: no object, the file is still there, and the same again puts it there.
    """
    path = tmp_path / "shard"
    path.write_bytes(bytes(range(256)) * 160_000)
    command = [sys.executable, "-c", _COMMITS, place, str(path)]
    with cutting_proxy(real.url) as proxy:
        proxy.stalls, proxy.after_bytes = True, 3_000_000
        process = subprocess.Popen(command, env={**os.environ, "AWS_ENDPOINT_URL": proxy.url})
        assert proxy.stalled.wait(60)
        process.kill()
        process.wait()
        proxy.stalls = False
    store = open_store(place)
    time.sleep(0.5)
    assert list(store.names()) == []
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
    found = store.stat("shard")
    assert found is not None
    assert found.size == 40_960_000
    assert not path.exists()


def test_a_download_that_is_cut(real, place, tmp_path, monkeypatch):
    """
    A copy whose connection is cut in the middle three times has all bytes.
    """
    content = bytes(range(256)) * 160_000
    with cutting_proxy(real.url) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        store = open_store(place)
        store.put("shard", content)
        proxy.cuts, proxy.after_bytes = 3, 3_000_000
        store.fetch("shard", tmp_path / "copy")
        assert proxy.done == 3
    assert (tmp_path / "copy").read_bytes() == content


def test_an_answer_that_is_lost(real, place, monkeypatch):
    """
    All bytes arrive, and the answer does not come back: the writer finds its own mark, and is told True.
    """
    with cutting_proxy(real.url) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        store = open_store(place)
        store.put("warm", b"")
        proxy.lost_answers, proxy.after_bytes = 1, 90_000
        assert store.put("shard", b"x" * 100_000)
        assert proxy.done == 1
        assert not store.put("shard", b"y")
    assert open_store(place).read("shard") == b"x" * 100_000


def _quoted(place):
    return urllib.parse.quote(place.split("/", 3)[3])


def test_a_large_file_in_parts(place, tmp_path, monkeypatch):
    """
    Above the size of one call, in parts of 5 MiB: whole, once, and no claim is left.
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


def test_more_names_than_one_answer_holds(place):
    """
    2,500 names: three answers of at most 1,000.
    """
    store = open_store(place)
    store.put("warm", b"")
    names = [f"many/{number:05d}" for number in range(2_500)]
    numbers = iter(names)
    lock = threading.Lock()

    def put():
        while True:
            with lock:
                name = next(numbers, None)
            if name is None:
                return
            store.put(name, b"")

    threads = [threading.Thread(target=put) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(store.names("many/")) == names


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "canary-not-the-secret"}, "store-key-wrong"),
        ({"AWS_ACCESS_KEY_ID": "AKIDNOBODY"}, "store-key-wrong"),
        ({"stranger": ""}, "store-refused"),
    ],
    ids=["secret", "key", "right"],
)
def test_keys_that_do_not_open_it(real, place, monkeypatch, changed, kind):
    """
    A wrong secret, a key that nobody has, a user without a right: sentences.
    """
    if "stranger" in changed:
        changed = dict(zip(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), real.stranger, strict=True))
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    for call in (lambda: open_store(place).put("x", b""), lambda: open_store(place).stat("x")):
        with pytest.raises(StorageError) as told:
            call()
        assert told.value.kind == kind
        assert "canary" not in str(told.value)


def test_no_such_bucket(real, place):
    """
    By name, at each call.
    """
    store = open_store("s3://nobody-made-this/x")
    for call in (lambda: store.put("x", b""), lambda: store.stat("x"), lambda: store.read("x"), store.names):
        with pytest.raises(Exception, match="no such bucket: s3://nobody-made-this/x"):
            call()


def test_a_clock_that_is_an_hour_late(real):
    """
    403, RequestTimeTooSkewed: the code that has its sentence.
    """
    status, said, _ = real.ask("GET", f"/{real.bucket}", ago=datetime.timedelta(hours=1))
    assert status == 403
    assert b"<Code>RequestTimeTooSkewed</Code>" in said


def test_a_bucket_that_keeps_earlier_versions(real, place, tmp_path):
    """
    Ceph 16.2.15 looks at no condition in one (it answers 200 to the second `If-None-Match: *`): the trial
    finds it out, and nothing is written that needs it. It is read, and what may be replaced is.
    """
    assert real.ask("PUT", "/keeps-versions")[0] == 200
    enabled = (
        b'<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        b"<Status>Enabled</Status></VersioningConfiguration>"
    )
    assert real.ask("PUT", "/keeps-versions?versioning", enabled)[0] == 200
    store = open_store("s3://keeps-versions/x")
    with pytest.raises(StorageError) as told:
        store.put("one", b"1")
    assert told.value.kind == "store-no-condition"
    for content in (b"1", b"2"):
        path = tmp_path / "file"
        path.write_bytes(content)
        store.replace("one", path)
    assert store.read("one") == b"2"
    store.delete("one")
    assert store.stat("one") is None
    assert list(store.names()) == []


def test_folders_that_consoles_make(real, place):
    """
    An empty object whose name ends in `/`, as consoles make for a folder, does not hide what is in it.
    """
    store = open_store(place)
    store.put("in/x", b"1")
    assert real.ask("PUT", f"/{real.bucket}/{_quoted(place)}/in/")[0] == 200
    assert list(store.names()) == ["in/x"]
    assert list(store.names("in/")) == ["in/x"]
