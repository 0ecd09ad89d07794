"""One writer per run."""

import errno
import os
import subprocess
import sys

import pytest

from rowbatch import processes
from rowbatch.errors import RunLocked, ServiceError, StorageError
from rowbatch.server import launch
from rowbatch.store.lock import is_locked, run_lock

HOLDER = """
import sys
from pathlib import Path
from rowbatch.store.lock import run_lock
with run_lock(Path(sys.argv[1]), "submit"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_told_who_holds_the_run(tmp_path):
    """
    L1, L2, L3: the message names the process and what it does; kill -9 of the holder frees the run at once.
    """
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunLocked, match=f"process {holder.pid} .* submit"), run_lock(tmp_path, "poll"):
            pass
        holder.kill()
        holder.wait()
    with run_lock(tmp_path, "poll"):
        pass


def refusing(code):
    def refuse(_):
        raise OSError(code, os.strerror(code))

    return refuse


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL, errno.EIO])
def test_a_file_system_without_locks_is_no_other_process(tmp_path, monkeypatch, code):
    """
    Where no lock can be kept, as on some network file systems, nothing is done, and it is said why; once it
    was "another process is working on this run", for ever. The same of the homes of the app and of a server.
    """
    monkeypatch.setattr(processes, "_lock", refusing(code))
    (tmp_path / ".lock").touch()
    for held in (
        run_lock(tmp_path, "submit"),
        launch.server_lock(tmp_path, wait_s=0.0),
        processes.hold(tmp_path / "ui.lock"),
    ):
        with pytest.raises(StorageError) as caught, held:
            pass
        assert caught.value.kind == "locks-not-kept"
        assert os.strerror(code) in caught.value.message
        assert "--run" in caught.value.hint
    assert not is_locked(tmp_path)
    assert launch.find_running(tmp_path) is None


@pytest.mark.parametrize("code", [errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES])
def test_a_lock_that_is_held_is_told_from_one_that_cannot_be_kept(tmp_path, monkeypatch, code):
    """
    flock says EWOULDBLOCK, fcntl may say EACCES, Windows says EACCES.
    """
    monkeypatch.setattr(processes, "_lock", refusing(code))
    (tmp_path / ".lock").touch()
    with pytest.raises(RunLocked), run_lock(tmp_path, "submit"):
        pass
    with pytest.raises(ServiceError), launch.server_lock(tmp_path, wait_s=0.0):
        pass
    assert is_locked(tmp_path)
