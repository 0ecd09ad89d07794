"""What a command says cannot be written: nobody reads it any more, the disk is full, or it goes nowhere."""

import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

from end_to_end import environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/dev/full and /proc are Linux's")

TABLE = "id,text\n1,one\n"
ASKS = ("--text", "text", "--model", "m")


@contextmanager
def place(kind):
    """A descriptor that takes nothing; None for one that is read."""
    if kind == "read":
        yield subprocess.PIPE
        return
    if kind == "gone":
        ours, theirs = os.pipe()
        os.close(ours)
    else:
        theirs = os.open("/dev/full", os.O_WRONLY)
    try:
        yield theirs
    finally:
        os.close(theirs)


def typed(folder, words, *, out="read", err="read", **more):
    """Type a command whose output and errors go to such places; and what was read of both."""
    with place(out) as stdout, place(err) as stderr:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "rowbatch", *words],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env={**environment(folder / "home"), **more},
            cwd=folder,
            timeout=60,
            check=False,
        )
    told = (done.stdout or b"").decode() + (done.stderr or b"").decode()
    assert "Traceback" not in told
    assert "Exception ignored" not in told
    return done.returncode, told


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "t.csv").write_text(TABLE)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "out", "err", "code", "unbuffered"),
    [
        pytest.param(("--help",), "gone", "read", 1, "", id="nobody-reads"),
        pytest.param(("--help",), "full", "read", 5, "", id="disk-full"),
        pytest.param(("--help",), "full", "read", 5, "1", id="disk-full-unbuffered"),
        pytest.param(("none",), "gone", "gone", 2, "", id="an-error-that-nobody-reads"),
        pytest.param(("none",), "full", "full", 2, "", id="an-error-that-the-disk-does-not-take"),
    ],
)
def test_what_is_said_cannot_be_written(folder, words, out, err, code, unbuffered):
    """
    No traceback; the exit code is the error's own where there was one.
    """
    found, told = typed(folder, words, out=out, err=err, PYTHONUNBUFFERED=unbuffered)
    assert found == code
    if (out, err) == ("full", "read"):
        assert told.startswith("error: no space left on the disk while writing standard output\n hint: ")
    else:
        assert not told


def test_work_is_done_before_it_is_told(folder):
    """
    The file is whole, whoever reads what is said about it.
    """
    code, _ = typed(folder, ("convert", "t.csv", *ASKS, "-o", "out.jsonl"), out="gone", err="gone")
    assert code == 1
    assert (folder / "out.jsonl").read_bytes().count(b"\n") == 1


@pytest.mark.parametrize("words", [("ui", "--no-browser"), ("serve",)], ids=lambda words: words[0])
def test_a_server_whose_address_nobody_reads_ends(folder, words):
    """
    In order: what says where it is goes with it.
    """
    code, told = typed(folder, (*words, "--port", "0"), out="gone")
    assert code == 1
    assert "error" not in told.lower()
    assert not list((folder / "home").rglob("*.json"))


def test_a_table_that_the_web_app_cannot_show_is_one_sentence(folder):
    """
    That it is on object storage, or not there.
    """
    code, told = typed(folder, ("ui", "s3://bucket/t.csv", "--no-browser", "--port", "0"))
    assert code == 3
    assert "error: s3://bucket/t.csv is on object storage, which is not taken here" in told
    code, told = typed(folder, ("ui", "none.csv", "--no-browser", "--port", "0"))
    assert code == 3
    assert told.startswith("error: none.csv does not exist")


def test_started_without_output_and_errors(folder):
    """
    As in `rowbatch … >&- 2>&-`: the next file that is opened does not get their numbers.
    """
    look = "import os, sys; from rowbatch.__main__ import main\n"
    look += "sys.argv = ['rowbatch', 'list']\ntry: main()\nexcept SystemExit as end: code = end.code\n"
    look += "names = [os.readlink(f'/proc/self/fd/{n}') for n in range(3)]\n"
    look += "print(code, *names, file=open('said', 'w'))\nsys.stdout.write('x'); sys.stderr.write('x')\n"
    (folder / "look.py").write_text(look)
    words = f"exec {sys.executable} look.py <&- >&- 2>&-"
    done = subprocess.run(
        ["sh", "-c", words], cwd=folder, env=environment(folder / "home"), timeout=60, check=False
    )
    assert done.returncode == 0
    assert (folder / "said").read_text() == "0 /dev/null /dev/null /dev/null\n"
