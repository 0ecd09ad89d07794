"""One writer per run."""

import subprocess
import sys

import pytest

from rowbatch.errors import RunLocked
from rowbatch.store.lock import run_lock

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
