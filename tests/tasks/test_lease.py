"""Who works on something: one at a time, and the dead do not keep it."""

import errno
import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from end_to_end import wait_until
from rowbatch.errors import StorageError
from rowbatch.tasks.lease import Leases


def test_one_has_it_until_it_is_released(tmp_path):
    """
    Others are told that somebody has it, also after a time in which it would be stale if nobody changed it.
    """
    mine, others = Leases(tmp_path, 0.6), Leases(tmp_path, 0.6)
    lease = mine.take("a")
    assert lease is not None
    end = threading.Event()
    for _ in range(15):
        assert others.take("a") is None
        end.wait(0.1)
    assert others.take("b") is not None
    lease.release()
    assert others.take("a") is not None


def test_of_many_one_gets_it(tmp_path):
    """
    Twenty threads ask in the same moment.
    """
    begin, got = threading.Barrier(20), []

    def ask() -> None:
        begin.wait()
        got.append(Leases(tmp_path).take("a"))

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(lease is not None for lease in got) == 1


def elsewhere(path, **changes) -> None:
    """A lease that a worker on another computer left."""
    owner = {"system": "elsewhere", "pid": 1, "began": "x", "token": "t", "beat": "0", **changes}
    path.write_text(json.dumps(owner))


def test_one_that_shows_no_sign_of_life_loses_it(tmp_path):
    """
    After the time that was said, by the clock of who watches; one that changes is left alone.
    """
    path, watcher = tmp_path / "a.lease", Leases(tmp_path, 0.4)
    for beat in range(10):
        elsewhere(path, beat=str(beat))
        assert watcher.take("a") is None
        threading.Event().wait(0.1)
    since = time.monotonic()
    wait_until(lambda: watcher.take("a") is not None, 5)
    assert time.monotonic() - since >= 0.2
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.lease"]


def test_a_process_of_this_computer_that_ended_loses_it_at_once(tmp_path):
    """
    Killed without a word; another process with its number would not be taken for it.
    """
    code = "import sys, pathlib\nfrom rowbatch.tasks.lease import Leases\n"
    code += "assert Leases(pathlib.Path(sys.argv[1]), 3600).take('a')\nprint('ready', flush=True)\ninput()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    others = Leases(tmp_path, 3600)
    assert others.take("a") is None
    process.kill()
    process.communicate()
    assert others.take("a") is not None


def test_a_computer_of_the_same_name_is_another_one(tmp_path):
    """
    Nodes that were copied, and containers, may have one name and not see each other's processes: a worker
    there is not taken for dead because no process here has its number.
    """
    path, others = tmp_path / "a.lease", Leases(tmp_path, 3600)
    lease = Leases(tmp_path, 3600).take("a")
    assert lease is not None
    owner = json.loads(path.read_bytes())
    assert socket.gethostname() in owner["system"].split()
    gone = {**owner, "pid": 2**22 + 1}
    path.write_text(json.dumps({**gone, "system": socket.gethostname()}))
    assert others.take("a") is None
    path.write_text(json.dumps(gone))
    assert others.take("a") is not None


def test_whoever_was_taken_for_dead_notices(tmp_path):
    """
    A worker that slept does not change the lease of the one that took over, and does not remove it.
    """
    slept = Leases(tmp_path, 0.3).take("a")
    assert slept is not None
    path = tmp_path / "a.lease"
    path.unlink()
    elsewhere(path, token="new")
    threading.Event().wait(0.3)
    slept.release()
    assert json.loads(path.read_bytes())["token"] == "new"


def test_a_lease_that_is_new_is_given_back(tmp_path):
    """
    Between the look at a stale lease and its removal another one took over: that one keeps it.
    """
    path, watcher = tmp_path / "a.lease", Leases(tmp_path, 0.0)
    elsewhere(path)
    assert watcher._is_stale("a", path)
    elsewhere(path, token="new")
    watcher._remove("a", path)
    assert json.loads(path.read_bytes())["token"] == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.lease"]


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    """
    In words.
    """
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError):
        Leases(tmp_path).take("a")


def test_a_full_disk_leaves_no_lease_of_nobody(tmp_path, monkeypatch):
    """
    It is told, and taken at once when there is room.
    """

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as disk:
        disk.setattr(os, "write", full)
        with pytest.raises(StorageError) as told:
            Leases(tmp_path).take("a")
    assert told.value.kind == "disk-full"
    assert list(tmp_path.iterdir()) == []
    lease = Leases(tmp_path).take("a")
    assert lease is not None
    lease.release()
