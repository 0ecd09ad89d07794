"""Real processes, killed and crowded; the provider's own count is the judge."""

import csv
import os
import shlex
import shutil
import subprocess
import sys
from collections import Counter

import pytest

from cases import cases
from driving import KEY, texts
from end_to_end import run_here
from kill_runs import command_for, fake_server, judged, run_with_fault, run_with_kills


@pytest.mark.parametrize("seed", range(0, 400, cases(200, 100)))
def test_kill_9_again_and_again(tmp_path, seed):
    """
    C5, L3: dozens of kills, the same command each time: nothing lost or twice; `make kills` does a thousand.
    """
    total: Counter[str] = Counter()
    while total["kills"] < 10:
        folder = tmp_path / str(total["runs"])
        folder.mkdir()
        total += run_with_kills(folder, seed + total["runs"], 10)
        assert total["runs"] < 20, "the kills come too late"
    assert total["double submits"] == 0


def test_eight_processes_on_one_run(tmp_path):
    """
    L1: the same command eight times at once: one works, the others say who does, and nothing is paid twice.
    """
    with (tmp_path / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "text"], *([n, text] for n, text in enumerate(texts(60), 1))])
    environment = {**os.environ, "ROWBATCH_HOME": str(tmp_path / "home"), "OPENAI_API_KEY": KEY}
    with fake_server(tmp_path, {}, 1) as address:
        command = [*command_for(tmp_path, address), "--run", "run"]
        done = subprocess.run(
            [*command_for(tmp_path, address), "--run", "run"], cwd=tmp_path, env=environment, check=False
        )
        assert done.returncode == 0
        again = [*command[:-1], "other", "-o", "other.csv"]
        processes = [
            subprocess.Popen(
                again, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            for _ in range(8)
        ]
        said = [process.communicate(timeout=100)[1].decode() for process in processes]
        codes = Counter(process.returncode for process in processes)
        # Those that came too late find the run done; all others are told who works on it.
        assert set(codes) <= {0, 4, 6}, (codes, said)
        assert codes[0] >= 1
        count = judged(address)
    assert count["double_submits"] == {}
    # Each row once for each of the two runs.
    with (tmp_path / "other.csv").open(newline="", encoding="utf-8") as file:
        assert [row["text"] for row in csv.DictReader(file)] == texts(60)


needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@needs_strace
def test_strace_at_each_rename(tmp_path):
    """
    C6, D1, R11: the program killed at the n-th rename or fsync, then the same again: paid once, all rows.
    """
    for at in range(1, 99, cases(24, 4)):
        folder = tmp_path / str(at)
        folder.mkdir()
        if run_with_fault(folder, "kill", at) == 0:
            break
    assert at > 5


@needs_strace
@pytest.mark.parametrize(("fault", "calls"), [("ENOSPC", (1, 9, 49)), ("EIO", (4, 25, 81))])
def test_strace_fails_a_call(tmp_path, fault, calls):
    """
    D1, R11: the n-th write, fsync or rename fails: one sentence, exit code 5; the same again ends it.
    """
    codes = set()
    # Every call up to the n-th: make kills ARGS="--calls 150".
    for at in cases(calls, (1, 4, 9, 25, 49, 81)):
        folder = tmp_path / str(at)
        folder.mkdir()
        codes.add(run_with_fault(folder, fault, at))
    assert 5 in codes


def can_mount():
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    probe = ["unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/mnt"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="needs leave to mount a small disk")
@pytest.mark.parametrize("size_kib", range(8, 200, cases(48, 8)))
def test_a_full_disk_in_a_paid_run(tmp_path, size_kib):
    """
    D1: wherever the space runs out: one sentence, exit code 5; with space the same again ends it, paid once.
    """
    disk = tmp_path / "disk"
    disk.mkdir()
    with (tmp_path / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "text"], *([n, text] for n, text in enumerate(texts(60), 1))])
    environment = {**os.environ, "ROWBATCH_HOME": str(tmp_path / "home"), "OPENAI_API_KEY": KEY}
    with fake_server(tmp_path, {}, size_kib, polls=0) as address:
        command = [*command_for(tmp_path, address), "--run", f"{disk}/run", "-o", f"{disk}/out.csv"]
        words = shlex.join(command)
        script = (
            f"mount -t tmpfs -o size={size_kib}k tmpfs {disk} && {words}; code=$?; "
            f"mount -o remount,size=10m {disk}; "
            f"if [ -e {disk}/run/run.toml ] || [ ! -e {disk}/run ]; then {words} >again 2>&1; "
            f"else {words.replace(f'{disk}/run', f'{disk}/run2')} >again 2>&1; fi; "
            f"cp {disk}/out.csv {tmp_path}/out.csv; exit $code"
        )
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", script],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        count = judged(address)
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 5), done.stderr
    if done.returncode == 5:
        assert done.stderr.count("error: ") == 1
        assert "space" in done.stderr
    assert count["double_submits"] == {}
    assert count["paid_twice"] == []
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == texts(60)
    assert {row["status"] for row in rows} == {"ok", "skipped"}


@pytest.mark.parametrize("loss", ["deleted", "truncated", "copied without it"])
def test_the_same_command_after_the_ledger_was_lost(tmp_path, loss):
    """
    Every command says what happened and what to do, with exit code 6, and sends nothing; `recover` and
    `resume` end it.
    """
    with (tmp_path / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "text"], *([n, text] for n, text in enumerate(texts(20), 1))])
    environment = {**os.environ, "ROWBATCH_HOME": str(tmp_path / "home"), "OPENAI_API_KEY": KEY}

    def typed(*words):
        return run_here(words, cwd=tmp_path, env=environment)

    with fake_server(tmp_path, {}, 1, polls=0) as address:
        run = command_for(tmp_path, address)[3:]
        assert typed(*run).returncode == 0
        paid = judged(address)["batches"]
        place = tmp_path / "rowbatch-runs" / "posts"
        if loss == "copied without it":
            place.rename(tmp_path / "moved")
            shutil.copytree(tmp_path / "moved", place, ignore=shutil.ignore_patterns("ledger.sqlite"))
        elif loss == "deleted":
            (place / "ledger.sqlite").unlink()
        else:
            (place / "ledger.sqlite").write_bytes(b"")
        verbs = _VERBS if loss == "deleted" else _VERBS[:1]
        for words in ([*run, "--run", str(place)], *([*verb, str(place)] for verb in verbs)):
            said = typed(*words)
            assert said.returncode == 6, (words, said)
            assert "ledger is gone or empty" in said.stderr
            assert "rowbatch recover" in said.stderr
        listed = typed("list")
        assert (listed.returncode, "damaged" in listed.stdout, "recover" in listed.stdout) == (0, True, True)
        recovered = typed("recover", str(place))
        assert recovered.returncode == 0, recovered
        assert "nothing was sent" in recovered.stdout
        resumed = typed("resume", str(place), "--yes")
        assert resumed.returncode == 0, resumed
        assert judged(address)["batches"] == paid
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == texts(20)


_VERBS = (
    ("resume",),
    ("build",),
    ("submit",),
    ("watch",),
    ("download",),
    ("collect",),
    ("cancel",),
    ("status",),
    ("log",),
    ("verify",),
    ("clean", "--yes"),
    ("try", "--yes"),
    ("export", "-o", "export.csv"),
)
