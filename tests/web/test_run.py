"""The program that runs is found by what it can prove, and not by its port or its number."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rowbatch import desk
from rowbatch.cli.app import app
from rowbatch.errors import ServiceError
from rowbatch.processes import LEFT_ALONE
from rowbatch.web import run
from rowbatch.web.run import Running, find_running, start_in_background, stop_running

STARTED_S = 30.0
HOLDER = """
import sys, time
from pathlib import Path
from rowbatch.processes import hold
with hold(Path(sys.argv[1])) as is_ours:
    print(is_ours, flush=True)
    time.sleep(60)
"""
# A file system for reading refuses everybody; the rights of a folder would not refuse root.
READ_ONLY = """
import errno, os, sys
from rowbatch.__main__ import main
home = sys.argv.pop(1)
def refuse(event, told):
    is_there = str(told[0]).startswith(home + os.sep) if told else False
    if event not in ("open", "os.remove", "os.rename", "os.mkdir") or not is_there:
        return
    is_read = event == "open" and not (told[2] or 0) & (os.O_WRONLY | os.O_RDWR)
    if not is_read and not str(told[0]).endswith("ui.lock"):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(told[0]))
sys.addaudithook(refuse)
main()
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@contextmanager
def program():
    """`rowbatch ui`, as a user starts it."""
    found = subprocess.Popen(
        [sys.executable, "-m", "rowbatch", "ui", "--no-browser", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert found.stdout is not None
    try:
        yield found
    finally:
        found.kill()
        found.wait()
        found.stdout.close()


def started(found):
    """The link that a program prints."""
    for line in found.stdout:
        if told := re.findall(r"http://\S+token=\S+", line):
            return told[0]
    pytest.fail("it ended")


@contextmanager
def stranger():
    """Another program at a port; every request that it gets, and it says yes to all."""
    told = []

    class Page(BaseHTTPRequestHandler):
        def _answer(self):
            told.append(f"{self.command} {self.path}\n{self.headers}")
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def sleeper(*arguments):
    """A process that has nothing to do with us."""
    line = HOLDER if arguments else "print(True, flush=True); import time; time.sleep(60)"
    found = subprocess.Popen([sys.executable, "-c", line, *arguments], stdout=subprocess.PIPE, text=True)
    assert found.stdout is not None
    try:
        assert found.stdout.readline() == "True\n"
        yield found
    finally:
        found.kill()
        found.wait()
        found.stdout.close()


def say_that_runs(home, **changes):
    """The file that names a program."""
    plain = asdict(Running("http://127.0.0.1:1", "t" * 43, os.getpid(), "", socket.gethostname()))
    (home / "ui.json").write_text(json.dumps({**plain, **changes}))


posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_program_in_order(home, number):
    """
    The file that names it is gone, and so is what an earlier version kept for all starts.
    """
    (home / "ui.session").write_text("s" * 43)
    with program() as found:
        link = started(found)
        running = find_running()
        assert running is not None
        assert running.link == link
        assert (home / "ui.json").stat().st_mode & 0o777 == 0o600
        found.send_signal(number)
        assert found.wait(15) == 0
        assert "Traceback" not in found.stdout.read()
    assert not (home / "ui.json").exists()
    assert not (home / "ui.session").exists()
    assert find_running() is None
    kept = [path for path in home.rglob("*") if path.is_file() and running.token in path.read_text()]
    assert kept == []


def test_a_killed_program_is_not_asked(home):
    """
    Its file stays, and may name a stranger's port: nobody is asked, no link is opened, nothing is stopped.
    """
    with program() as found:
        started(found)
        found.kill()
        found.wait()
    assert (home / "ui.json").exists()
    with stranger() as (url, told), sleeper() as other:
        say_that_runs(home, url=url, pid=other.pid, began_at=desk.began_at(other.pid) or "")
        assert find_running() is None
        assert not stop_running()
        assert told == []
        assert other.poll() is None
    assert not (home / "ui.json").exists()


def test_a_stranger_at_the_port_is_not_believed(home, monkeypatch):
    """
    He is asked for a proof, by a number that was just made up, and never hears the token; the process that
    has the number of the one before gets no signal.
    """
    monkeypatch.setattr(run, "_STOP_S", 0.3)
    with stranger() as (url, told), sleeper() as other, desk.hold(home / "ui.lock") as is_ours:
        assert is_ours
        for began_at in ("", "long ago"):
            say_that_runs(home, url=url, pid=other.pid, began_at=began_at)
            assert find_running() is None
            with pytest.raises(ServiceError) as caught:
                stop_running()
            assert caught.value.kind == "program-does-not-stop"
        assert other.poll() is None
        assert told
        assert "t" * 43 not in "".join(told)
        assert "POST" not in "".join(told)
        assert len(set(told)) == len(told)


@posix
def test_a_program_that_does_not_answer_gets_a_signal(home):
    """
    Where the process is the one of the file, which holds the home, it is ended.
    """
    with sleeper(str(home / "ui.lock")) as hung:
        say_that_runs(home, pid=hung.pid, began_at=desk.began_at(hung.pid))
        assert stop_running()
        assert hung.wait(10) == -signal.SIGTERM


def test_a_program_that_is_being_started_is_waited_for(home):
    """
    It holds the home, and has not said yet where it is: whoever wants to stop it waits for that. What a
    killed one said before is gone by then, so nobody at its port is asked.
    """
    with stranger() as (url, told):
        say_that_runs(home, url=url)
        with program() as found:
            while not desk.is_held(home / "ui.lock"):
                time.sleep(0.005)
            assert stop_running()
            assert found.wait(15) == 0
    assert told == []


@pytest.mark.parametrize("changes", [{"pid": "1e999"}, {"pid": "[]"}, {"url": "7"}, {"token": "null"}])
def test_a_damaged_file_of_the_program_is_nobody(home, changes):
    """
    What it says wrongly names no program and no process; and is no fault of ours.
    """
    [(name, value)] = changes.items()
    with sleeper(str(home / "ui.lock")), pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "_START_S", 0.1)
        say_that_runs(home, **{name: "HERE"})
        text = (home / "ui.json").read_text()
        (home / "ui.json").write_text(text.replace('"HERE"', value))
        assert find_running() is None
        with pytest.raises(ServiceError, match="does not stop"):
            stop_running()


@posix
@pytest.mark.parametrize(
    "arguments", [["--no-browser"], ["--background", "--no-browser"], ["--stop"]], ids=" ".join
)
@pytest.mark.parametrize("was_killed", [False, True], ids=["new", "after-a-kill"])
def test_a_home_that_may_not_be_written_to(home, arguments, was_killed):
    """
    As on a disk that is mounted for reading: nothing starts, in one sentence; nothing that runs no more is
    asked to stop.
    """
    if was_killed:
        say_that_runs(home)
        (home / "ui.lock").touch(mode=0o600)
    ended = subprocess.run(
        [sys.executable, "-c", READ_ONLY, str(home), "ui", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if arguments == ["--stop"]:
        assert (ended.returncode, ended.stdout) == (0, "no program was running\n")
    else:
        assert ended.returncode == 5
        assert "Read-only" in ended.stderr


def test_the_home_is_held_and_nobody_answers(home, monkeypatch):
    """
    As when a home is shared by two computers: the second program says where the first one is.
    """
    monkeypatch.setattr(run, "_START_S", 0.3)
    with desk.hold(home / "ui.lock"):
        say_that_runs(home, pid=123, computer="other")
        with pytest.raises(ServiceError, match="another program") as caught:
            run.run(port=0, on_ready=lambda _: pytest.fail("ready"), on_jobs=lambda _: None)
    assert "123" in caught.value.hint
    assert "other" in caught.value.hint


def test_two_that_start_at_once_are_one(home):
    """
    One serves; the other prints the link of the first, and ends.
    """
    with program() as one, program() as two:
        links = [started(one), started(two)]
        assert links[0] == links[1]
        end = time.monotonic() + STARTED_S
        while one.poll() is None and two.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        assert sorted([one.poll(), two.poll()], key=str) == [0, None]
        assert stop_running()
        assert (one.wait(15), two.wait(15)) == (0, 0)


def test_a_program_in_the_background_is_asked_to_stop(home):
    """
    It is found by the next start, and ends in order when it is asked, without a signal.
    """
    running = start_in_background(0)
    try:
        assert start_in_background(0) == running == find_running()
        assert running.pid != os.getpid()
        killed = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "kill", lambda *call: killed.append(call))
            assert stop_running()
        assert killed == []
        assert not stop_running()
        assert not (home / "ui.json").exists()
    finally:
        process = left_alone(running.pid)
        process.wait(15)


def left_alone(pid):
    [found] = [process for process in LEFT_ALONE if process.pid == pid]
    LEFT_ALONE.remove(found)
    return found


@posix
def test_a_program_in_the_background_outlives_the_terminal(home):
    """
    The end of a terminal is a signal to its processes; this one is not among them.
    """
    running = start_in_background(0)
    try:
        assert os.getsid(running.pid) == running.pid
    finally:
        assert stop_running()
        left_alone(running.pid).wait(15)


def test_a_table_behind_the_option_for_coders(tmp_path, monkeypatch, capsys):
    """
    `ui --coders TABLE` opens the table and lets coders in at the likeliest address; what is no file is one.
    """
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    table = tmp_path / "t.csv"
    table.write_text("text\nhello\n", encoding="utf-8")
    doing = {}
    monkeypatch.setattr(run, "find_running", lambda: None)
    monkeypatch.setattr(run, "run", lambda **given: doing.update(given))
    for words, address, is_table in (
        (("--coders", str(table)), "", True),
        (("--coders", "192.168.1.20", str(table)), "192.168.1.20", True),
        (("--coders", "192.168.1.20"), "192.168.1.20", False),
    ):
        app.main(["ui", "--no-browser", *words], standalone_mode=False)
        assert doing["coders"] == address
        doing["on_ready"](run.Running("http://127.0.0.1:1", "token", 1, "", ""))
        assert ("/tables/" in capsys.readouterr().out) is is_table
