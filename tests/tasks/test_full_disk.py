"""The disk is full in the middle of a task, whoever does it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cases import cases
from end_to_end import environment


def can_mount() -> bool:
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    probe = ["unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/mnt"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="needs leave to mount a small disk")
@pytest.mark.parametrize("every", cases([14], [1]))
def test_tasks_on_a_full_disk(tmp_path, every):
    """
    Wherever the space runs out: one of our errors, nothing half under a name, and the same call goes on when
    there is room; `infer` asks no row twice.
    """
    program = Path(__file__).parents[1] / "full_disk.py"
    done = subprocess.run(
        ["unshare", "-m", sys.executable, program, tmp_path / "disk", "--every", str(every)],
        env=environment(tmp_path / "home"),
        cwd=program.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["kind"] for one in told] == ["plan", "serial", "array", "extract", "pool", "infer"]
    assert all(one["failed_at"] and one["told"] == ["disk-full"] for one in told)
