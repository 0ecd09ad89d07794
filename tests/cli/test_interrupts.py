"""Ctrl-C, a full disk, and secrets."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import stamina

from end_to_end import (
    environment,
    read_rows,
    rowbatch,
    scripted_server,
    start_rowbatch,
    wait_until,
    write_table,
)

OPTIONS = ("--text", "post", "--labels", "a,b", "--prompt", "?", "-o", "out.csv")
CANARY = "sk-canary-7f3a9d"


def has_batch(ledger: Path) -> bool:
    """Whether a run's ledger, which another program writes, knows a batch yet."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as database:
            return database.execute("SELECT 1 FROM shard WHERE batch_id IS NOT NULL").fetchone() is not None
    except sqlite3.OperationalError:
        return False


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_says_what_goes_on_and_how_to_resume(tmp_path):
    """
    C7: Ctrl-C stops the watching, not the batch: it says so, how to go on, and how to end the batch.
    """
    home = tmp_path / "home"
    table = write_table(tmp_path / "posts.csv", [f"text {number}" for number in range(40)])
    with scripted_server(home, delay_s=0.3):
        with (tmp_path / "err").open("w") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "rowbatch", "run", str(table), *OPTIONS],
                env=environment(home),
                cwd=tmp_path,
                stdout=subprocess.DEVNULL,
                stderr=err,
            )
            wait_until(lambda: "labelling:" in (tmp_path / "err").read_text())
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 130
        said = (tmp_path / "err").read_text()
        assert "1 batch goes on without us" in said
        assert "rowbatch resume" in said
        assert "rowbatch cancel" in said
        assert "Traceback" not in said
        assert rowbatch("resume", "posts", home=home, cwd=tmp_path).returncode == 0
    assert {row["status"] for row in read_rows(tmp_path / "out.csv")} == {"ok"}


def can_mount() -> bool:
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    probe = ["unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/mnt"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="needs leave to mount a small disk")
@pytest.mark.parametrize("size_kib", [8, 40, 72, 104])
def test_a_full_disk_is_one_clear_error_and_nothing_is_lost(tmp_path, size_kib):
    """
    Wherever the space runs out: one sentence, an exit code; after space is freed the resume ends well.
    """
    home, disk = tmp_path / "home", tmp_path / "disk"
    disk.mkdir()
    table = write_table(tmp_path / "posts.csv", ["a text of some length " * 5] * 100)
    with scripted_server(home):
        script = (
            f"mount -t tmpfs -o size={size_kib}k tmpfs {disk} && "
            f"{sys.executable} -m rowbatch run {table} --text post --labels a,b --prompt q "
            f"--run {disk}/run -o {disk}/out.csv; code=$?; "
            f"mount -o remount,size=10m {disk}; "
            f"if [ -e {disk}/run/run.toml ]; then {sys.executable} -m rowbatch resume {disk}/run; "
            f"else {sys.executable} -m rowbatch run {table} --text post --labels a,b --prompt q "
            f"--run {disk}/run2 -o {disk}/out.csv; fi && cp {disk}/out.csv {tmp_path}/out.csv; exit $code"
        )
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", script],
            env=environment(home),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 5, done.stderr
    assert done.stderr.count("error: ") == 1
    assert "space" in done.stderr
    assert "Traceback" not in done.stderr
    rows = read_rows(tmp_path / "out.csv")
    assert len(rows) == 100
    assert {row["status"] for row in rows} == {"ok"}


def test_a_key_is_written_nowhere(tmp_path):
    """
    K1: a key in the environment is in no byte that any command writes or prints, also when it fails.
    """
    home = tmp_path / "home"
    work = tmp_path / "work"
    work.mkdir()
    table = write_table(work / "posts.csv", ["one", "two"])
    said = []
    os.environ["OPENAI_API_KEY"] = CANARY
    try:
        remote = (
            "--provider",
            "openai",
            "--model",
            "gpt-4o-mini",
            "--base-url",
            "http://127.0.0.1:9/v1",
            "--yes",
        )
        # No pauses between the tries.
        with scripted_server(home), stamina.set_testing(True, attempts=3):
            said.append(rowbatch("run", table, *OPTIONS, home=home, cwd=work))
            said.append(rowbatch("run", table, *OPTIONS[:-2], *remote, home=home, cwd=work))
            said.append(rowbatch("status", "posts-2", "--json", home=home, cwd=work))
            said.append(rowbatch("collect", "posts-2", home=home, cwd=work))
            os.environ["ROWBATCH_DEBUG"] = "1"
            said.append(rowbatch("resume", "posts-2", "--yes", home=home, cwd=work))
    finally:
        del os.environ["OPENAI_API_KEY"]
        os.environ.pop("ROWBATCH_DEBUG", None)
    assert [done.returncode for done in said] == [0, 7, 0, 0, 7]
    for done in said:
        assert CANARY not in done.stdout + done.stderr
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path


def test_a_second_process_on_one_run_is_told_so(tmp_path):
    """
    L1: while one program works on a run another one fails at once, and says who works on it.
    """
    home = tmp_path / "home"
    table = write_table(tmp_path / "posts.csv", [f"text {number}" for number in range(40)])
    with scripted_server(home, delay_s=1.0):
        first = start_rowbatch("run", table, *OPTIONS, home=home, cwd=tmp_path)
        try:
            ledger = tmp_path / "rowbatch-runs" / "posts" / "ledger.sqlite"
            wait_until(lambda: has_batch(ledger))
            second = rowbatch("watch", "posts", home=home, cwd=tmp_path)
            assert second.returncode == 6
            assert f"process {first.pid}" in second.stderr
            assert rowbatch("status", "posts", home=home, cwd=tmp_path).returncode == 0
        finally:
            first.kill()
            first.wait()
