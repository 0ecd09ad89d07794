"""
A cluster of Ray does tasks: the same files, whatever dies; and nothing of it is left.

What is said of Ray was seen with ray 2.60.0 on Linux. `make ray` installs it and runs these; elsewhere those
that need it are left out.
"""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from rowbatch.errors import RowbatchError
from rowbatch.processes import take_lock
from rowbatch.tasks import ray_driver, ray_runner
from rowbatch.tasks.into_run import build_by_tasks
from rowbatch.tasks.plan import place_of, read_tasks
from rowbatch.tasks.ray_runner import RayRunner, kill_session
from rowbatch.tasks.runners import make_runner
from rowbatch.tasks.scratch import sweep
from tasking import FORMS, digests, planned_run, unfinished, write_table

IS_HERE = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(
    not IS_HERE and not os.environ.get("ROWBATCH_RAY_REQUIRED"), reason="ray is not installed: make ray"
)
pytestmark = pytest.mark.skipif(os.name == "nt", reason="sessions")

_PROBE = """
import os, signal, sys, time
from pathlib import Path

def probe(task):
    time.sleep(task.get("sleep_s", 0))
    if "kills" in task:
        count = Path(task["count"])
        before = len(count.read_text()) if count.exists() else 0
        count.write_text("x" * (before + 1))
        if before < task["kills"]:
            os.kill(os.getpid(), signal.SIGKILL)
    import csv
    return {
        "id": task["id"], "pid": os.getpid(), "cwd": os.getcwd(), "csv": csv.__file__,
        "environment": sorted(os.environ), "gpu": os.environ.get("CUDA_VISIBLE_DEVICES"),
    }
"""


@pytest.fixture
def probe(tmp_path, monkeypatch):
    """A function of tasks that tells where it is done; as a package that is installed here would bring it."""
    folder = tmp_path / "probe"
    folder.mkdir()
    (folder / "probe_tasks.py").write_text(_PROBE)
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        "if any('default_worker' in one for one in sys.orig_argv):\n"
        "    from rowbatch.tasks.functions import FUNCTIONS\n"
        "    FUNCTIONS['probe'] = 'probe_tasks:probe'\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def test_sockets_have_paths_that_fit():
    """
    In the longest folder that is taken, of a process with the highest number (Ray 2.60).
    """
    own = "/rowbatch-ray-d80y43b9/r/session_2026-11-28_21-44-23_899884_4194304/sockets/plasma_store"
    assert ray_runner._MOST_FOLDER + len(own) <= 107


@pytest.fixture(autouse=True)
def own_folder(tmp_path_factory, monkeypatch):
    """Ray's folders go where the test sees what is left of them."""
    folder = Path(tmp_path_factory.getbasetemp()) / "r"
    if len(str(folder)) > ray_runner._MOST_FOLDER:
        folder = Path("/tmp") / f"rbt-{os.getpid()}"
    folder.mkdir(exist_ok=True)
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    for name in ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    yield folder
    assert list(folder.glob("rowbatch-ray-*")) == []
    with suppress(OSError):
        folder.rmdir()


class Cluster:
    """Two computers of Ray, in a process of their own: see `ray_cluster`."""

    def __init__(self, folder, token="t" * 64):
        environment = {**os.environ, "RAY_TMPDIR": str(folder)}
        environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).parents[1] / "ray_cluster.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdin is not None
        self.answers, self.commands = self.process.stdout, self.process.stdin
        self.address = self.answers.readline().strip()
        assert self.address

    def tell(self, command):
        self.commands.write(f"{command}\n")
        self.commands.flush()
        assert self.answers.readline().strip() == command.partition(" ")[0]

    def end(self):
        with suppress(OSError):
            self.commands.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=20)
        kill_session(self.process.pid)
        self.process.wait()
        self.answers.close()


@pytest.fixture
def cluster(own_folder, monkeypatch):
    """A cluster whose token is known here."""
    import shutil

    folder = own_folder / "c"
    folder.mkdir()
    started = Cluster(folder)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "t" * 64)
    yield started
    started.end()
    shutil.rmtree(folder, ignore_errors=True)


def tasks(count, **more):
    return [{"id": f"t{n}", **more} for n in range(count)]


def session_of(runner):
    driver = runner._driver
    assert driver is not None
    return driver._process.pid


def error_of(outcome):
    assert outcome.error is not None
    return outcome.error


def processes_of(session):
    return [pid for pid, its in ray_runner._sessions() if its == session]


# What needs no Ray.


@pytest.mark.skipif(IS_HERE, reason="ray is installed")
def test_without_ray_it_is_said_how_to_get_it():
    """
    Where the extra is not installed, that is said, with its name; nothing is left.
    """
    with pytest.raises(RowbatchError) as raised:
        list(RayRunner().map("prepare", tasks(1)))
    assert raised.value.kind == "ray-not-installed"
    assert "rowbatch[ray]" in raised.value.hint


@pytest.mark.parametrize(
    "address",
    ["ray://head:10001", "nonsense", "head:", ":6379", "head:port", "head:99999", "http://head:6379"],
)
def test_an_address_that_is_none_is_refused(address):
    """
    Ray's client protocol, and what is no host with a port, is refused before anything is started.
    """
    with pytest.raises(RowbatchError) as raised:
        list(RayRunner(address=address).map("prepare", tasks(1)))
    assert raised.value.kind == "ray-address"


def test_an_address_where_nobody_answers_is_told_at_once():
    """
    `ray.init(address=…)` tries for 122 s before it raises SystemExit (ray 2.60.0); we look ourselves.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    started = time.monotonic()
    with pytest.raises(RowbatchError) as raised:
        list(RayRunner(address=f"127.0.0.1:{port}").map("prepare", tasks(1)))
    assert raised.value.kind == "ray-not-found"
    assert time.monotonic() - started < 10


def test_an_address_goes_with_ray_alone(tmp_path):
    """
    Other runners take no address; Ray takes a number of workers.
    """
    assert make_runner("ray", 3, tmp_path / "tasks")
    with pytest.raises(RowbatchError) as raised:
        make_runner("pool", 3, tmp_path / "tasks", "auto")
    assert raised.value.kind == "ray-address-not-taken"


def test_no_tasks_start_no_ray(own_folder):
    """
    Nothing to do is done at once.
    """
    assert list(RayRunner(address="nowhere.invalid:1").map("prepare", [])) == []


def test_a_disk_without_room_is_told_before_ray_starts(own_folder, monkeypatch):
    """
    On a full disk `ray.init` waits for 30 s and raises `RuntimeError: Timed out waiting for file …` (a tmpfs
    of 1 MB); we look at the room first.
    """
    monkeypatch.setattr(ray_runner, "_LEAST_FREE_BYTES", 1 << 62)
    with pytest.raises(RowbatchError) as raised:
        list(RayRunner().map("prepare", tasks(1)))
    assert raised.value.kind == "ray-no-space"
    assert str(own_folder) in raised.value.message


def test_the_environment_of_ray(monkeypatch, tmp_path):
    """
    No usage statistics, no keys of providers, a token of its own where Ray is started here, and the cluster's
    where there is one.
    """
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("RAY_ADDRESS", "elsewhere:6379")
    here, again = ray_runner._environment(None), ray_runner._environment(None)
    assert here["RAY_USAGE_STATS_ENABLED"] == "0"
    assert here["RAY_AUTH_MODE"] == "token"
    assert len(here["RAY_AUTH_TOKEN"]) == 64
    assert here["RAY_AUTH_TOKEN"] != again["RAY_AUTH_TOKEN"]
    assert "RAY_ADDRESS" not in here
    assert "sk-secret" not in here.values()
    there = ray_runner._environment("head:6379")
    assert "RAY_AUTH_MODE" not in there
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("t" * 64)
    assert ray_runner._environment("head:6379")["RAY_AUTH_MODE"] == "token"


def test_a_cluster_on_this_computer_alone_is_found_there(monkeypatch):
    """
    Ray turns 127.0.0.1 into the address in the network, where such a cluster does not listen, and tries for
    two minutes; one that listens everywhere is registered under the other address, and is left to Ray.
    """
    name = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
    with socket.create_server(("127.0.0.1", 0)) as near:
        assert ray_runner._environment(f"127.0.0.1:{near.getsockname()[1]}")[name] == "0"
    with socket.create_server(("0.0.0.0", 0)) as everywhere:
        assert name not in ray_runner._environment(f"127.0.0.1:{everywhere.getsockname()[1]}")
    assert name not in ray_runner._environment("head:6379")


def test_a_folder_with_a_long_path_is_not_taken(tmp_path, monkeypatch):
    """
    A socket's path has at most 107 bytes, see unix(7), and a job of a cluster may have a long TMPDIR.
    """
    long = tmp_path / ("x" * 60)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    made = ray_runner._make_folder()
    assert made.parent == Path("/tmp")
    assert made.stat().st_mode & 0o777 == 0o700
    made.rmdir()


def test_what_killed_programs_left_is_removed(own_folder):
    """
    A folder that no process holds goes after a minute; one that is held, or new, stays.
    """
    left, held, new = (own_folder / f"rowbatch-ray-{name}" for name in ("left", "held", "new"))
    for folder in (left, held, new):
        folder.mkdir()
        (folder / "lock").touch()
    old = time.time() - 3600
    for folder in (left, held):
        os.utime(folder, (old, old))
    with (held / "lock").open("ab") as file:
        assert take_lock(file, held / "lock")
        ray_runner._sweep(own_folder)
        assert not left.exists()
        assert held.exists()
        assert new.exists()
    for folder in (held, new):
        (folder / "lock").unlink()
        folder.rmdir()


def test_all_of_a_session_is_killed():
    """
    Also what has a group of its own, and what lost its parent.
    """
    waits = "import time; time.sleep(99)"
    script = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {waits!r}], process_group=0)"
    script += f"; print(1, flush=True); {waits}"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True
    ) as leader:
        assert leader.stdout is not None
        assert leader.stdout.readline()
        assert len(processes_of(leader.pid)) == 2
        kill_session(leader.pid)
        leader.wait()
        assert processes_of(leader.pid) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no such host\nand more", "no such host"),
        ("", "RuntimeError"),
        (
            "Last connection error: Traceback (most recent call last):\n  File x\nOops: its reason\n\n",
            "Last connection error: Oops: its reason",
        ),
    ],
)
def test_what_ray_raised_in_one_line(text, told):
    """
    The first line, or of a traceback in the text the last one, where the reason is.
    """
    assert ray_driver._first_line(RuntimeError(text)) == told


# What is tried with Ray itself.


@needs_ray
@pytest.mark.parametrize("workers", [1, 2, 7])
def test_the_same_shards_by_ray(tmp_path, workers):
    """
    1, 2 and 7 workers of Ray give the same files as one process, for every form of table.
    """
    runner = RayRunner(workers)
    with runner:
        for form in FORMS:
            table = write_table(tmp_path / form, 40)
            serial, by_ray = (
                planned_run(tmp_path / f"s-{form}", table),
                planned_run(tmp_path / f"r-{form}", table),
            )
            build_by_tasks(serial, "serial")
            outcomes = list(runner.map("prepare", read_tasks(place_of(by_ray))))
            assert all(outcome.record for outcome in outcomes)
            build_by_tasks(by_ray, "array")
            assert digests(by_ray) == digests(serial)
            assert unfinished(by_ray) == []


@needs_ray
def test_where_a_task_is_done(tmp_path, probe, monkeypatch):
    """
    A worker has no key, is in the folder of the one that asks, and takes no module from there: Ray puts the
    folder that it is started in first on the path of its workers (ray 2.60.0).
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "csv.py").write_text("raise SystemExit('of a user')\n")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with RayRunner(2) as runner:
        outcomes = list(runner.map("probe", tasks(6)))
        assert sorted(outcome.task for outcome in outcomes) == [f"t{n}" for n in range(6)]
        for outcome in outcomes:
            assert outcome.result()["cwd"] == str(tmp_path)
            assert not outcome.result()["csv"].startswith(str(tmp_path))
            assert "OPENAI_API_KEY" not in outcome.result()["environment"]
        # Ray stays, with its workers.
        again = {outcome.result()["pid"] for outcome in runner.map("probe", tasks(6))}
        assert again <= {outcome.result()["pid"] for outcome in outcomes}
        session = session_of(runner)
        assert processes_of(session)
        assert listening(processes_of(session)) == set()
        assert not (Path.home() / ".ray" / "auth_token").exists()
    assert processes_of(session) == []


def listening(pids):
    """Addresses besides 127.0.0.1 at which processes listen, see proc_net(5): 0A is LISTEN."""
    own = set()
    for pid in pids:
        with suppress(OSError):
            for file in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    own.add(str(file.readlink()))
    near = ("0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000")
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in own:
                assert own
                found.add(fields[1].partition(":")[0])
    return found - set(near)


@needs_ray
def test_a_worker_killed_every_two_seconds(tmp_path, probe):
    """
    The work is finished, with the same files, and nothing unfinished is left.
    """
    table = write_table(tmp_path / "posts.csv", 600)
    serial, killed = (planned_run(tmp_path / name, table, rows_per_task=50) for name in ("serial", "killed"))
    build_by_tasks(serial, "serial")
    kills = []
    with RayRunner(2, most_deaths=20) as runner:
        # Slow tasks beside those of the table, so that a kill meets one.
        done = list(runner.map("probe", tasks(2)))
        session, over = session_of(runner), threading.Event()

        def kill():
            while not over.wait(2):
                for pid in processes_of(session):
                    with suppress(OSError):
                        if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::do"):
                            os.kill(pid, signal.SIGKILL)
                            kills.append(pid)
                            break

        thread = threading.Thread(target=kill)
        thread.start()
        try:
            slow = list(runner.map("probe", tasks(4, sleep_s=1.5)))
            outcomes = list(runner.map("prepare", read_tasks(place_of(killed))))
        finally:
            over.set()
            thread.join()
    assert len(done) == 2
    assert kills
    assert all(outcome.record for outcome in [*slow, *outcomes])
    sweep(place_of(killed))
    assert unfinished(killed) == []
    build_by_tasks(killed, "array")
    assert digests(killed) == digests(serial)


@needs_ray
def test_a_task_that_ends_its_workers_is_given_up(tmp_path, probe):
    """
    One that loses its worker twice is done the third time; one that always does is a problem, and the others
    are done.
    """
    asked = [
        {"id": "twice", "kills": 2, "count": str(tmp_path / "twice")},
        {"id": "always", "kills": 99, "count": str(tmp_path / "always")},
        *tasks(4),
    ]
    outcomes = {outcome.task: outcome for outcome in RayRunner(2).map("probe", asked)}
    assert outcomes.keys() == {task["id"] for task in asked}
    assert [name for name, outcome in outcomes.items() if outcome.record is None] == ["always"]
    error = error_of(outcomes["always"])
    assert error.kind == "ray-task-lost"
    assert error.values["times"] == ray_runner.MOST_DEATHS + 1
    assert len((tmp_path / "twice").read_text()) == 3


@needs_ray
def test_one_of_two_computers_is_lost(tmp_path, probe, cluster):
    """
    The work goes on with the other one, and is finished; a computer that joins later with another rowbatch
    is refused, by a sentence with its name.
    """
    runner = RayRunner(address=cluster.address)
    with runner:
        outcomes = iter(runner.map("probe", tasks(16, sleep_s=1)))
        first = next(outcomes)
        cluster.tell("lose")
        rest = list(outcomes)
        assert sorted(one.task for one in [first, *rest]) == sorted(f"t{n}" for n in range(16))
        assert all(one.record for one in [first, *rest])
    about = tmp_path / "other" / "rowbatch-0.0.9.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: rowbatch\nVersion: 0.0.9\n")
    cluster.tell(f"add {about.parent}")
    with pytest.raises(RowbatchError) as raised:
        list(RayRunner(address=cluster.address).map("probe", tasks(1)))
    assert raised.value.kind == "ray-nodes-differ"
    assert (raised.value.values["name"], raised.value.values["there"]) == ("rowbatch", "0.0.9")


@needs_ray
def test_a_token_that_is_missing_or_wrong(cluster, monkeypatch, tmp_path):
    """
    Ray says "Failed to connect to Ray cluster" after 20 s where the token is wrong, and why in its log alone,
    or on a busy computer only at the end of a traceback in the text of the error's cause.
    """
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    for token, kind in ((None, "ray-token-missing"), ("x" * 64, "ray-token-refused")):
        if token:
            monkeypatch.setenv("RAY_AUTH_TOKEN", token)
        with pytest.raises(RowbatchError) as raised:
            list(RayRunner(address=cluster.address).map("prepare", tasks(1)))
        assert raised.value.kind == kind
        assert "xxxx" not in raised.value.message


@needs_ray
def test_the_guard_over_memory_in_words(probe, monkeypatch):
    """
    Ray's guard looks at the whole computer: with a threshold below what is in use it ends every task. That
    is a sentence, of each task, after a bounded number of tries.
    """
    monkeypatch.setenv("RAY_memory_usage_threshold", "0.01")
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "100")
    runner = RayRunner(1, most_kills=1, wait_s=0.1)
    outcomes = list(runner.map("probe", tasks(2, sleep_s=20)))
    assert [error_of(outcome).kind for outcome in outcomes] == ["ray-memory", "ray-memory"]
    assert "whole computer" in error_of(outcomes[0]).hint
    assert "\n" not in error_of(outcomes[0]).message


@needs_ray
def test_a_lost_head_is_a_sentence(probe):
    """
    When Ray's head is gone Ray ends the process that uses it, without an exception; two of its agents stay
    behind. It is a sentence here, and nothing stays.
    """
    runner = RayRunner(1)
    with runner:
        list(runner.map("probe", tasks(1)))
        session = session_of(runner)
        for pid in processes_of(session):
            if "gcs_server" in Path(f"/proc/{pid}/cmdline").read_text().partition("\0")[0]:
                os.kill(pid, signal.SIGKILL)
        with pytest.raises(RowbatchError) as raised:
            list(runner.map("probe", tasks(40, sleep_s=1)))
    assert raised.value.kind == "ray-lost"
    assert processes_of(session) == []


@needs_ray
def test_actors_keep_a_gpu_from_task_to_task(tmp_path, probe):
    """
    With two GPUs (Ray believes what it is told) there are two processes, each with a GPU of its own for all
    of its tasks; one that is killed is replaced.
    """
    asked = [*tasks(8, sleep_s=0.3), {"id": "once", "kills": 1, "count": str(tmp_path / "once")}]
    with RayRunner(needs={"GPU": 1}, resources={"GPU": 2}) as runner:
        outcomes = list(runner.map("probe", asked))
    assert all(outcome.record for outcome in outcomes)
    gpus = {(outcome.result()["pid"], outcome.result()["gpu"]) for outcome in outcomes}
    assert {gpu for _, gpu in gpus} == {"0", "1"}
    assert len(gpus) <= 3


@needs_ray
def test_a_resource_that_no_computer_has(probe):
    """
    Ray would wait for ever for a computer that has it.
    """
    with pytest.raises(RowbatchError) as raised:
        list(RayRunner(needs={"GPU": 1}, patience_s=1).map("probe", tasks(1)))
    assert raised.value.kind == "ray-no-room"
    assert raised.value.values["needs"] == ["GPU 1"]


@needs_ray
@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGKILL"])
def test_nothing_outlives_the_one_that_asks(tmp_path, probe, own_folder, signal_name):
    """
    Ctrl-C ends all of Ray before the program ends; after a kill -9 it ends by itself within seconds.
    """
    script = tmp_path / "ask.py"
    script.write_text(
        "import json, tempfile, sys\n"
        f"tempfile.tempdir = {str(own_folder)!r}\n"
        "from rowbatch.tasks.ray_runner import RayRunner\n"
        "runner = RayRunner(2)\n"
        "tasks = [{'id': str(n), 'sleep_s': 1} for n in range(500)]\n"
        "for outcome in runner.map('probe', tasks):\n"
        "    print(runner._driver._process.pid, flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as asking:
        assert asking.stdout is not None
        session = int(asking.stdout.readline())
        assert len(processes_of(session)) > 3
        asking.send_signal(signal.Signals[signal_name])
        asking.wait(timeout=60)
        end = time.monotonic() + (1 if signal_name == "SIGINT" else 60)
        while processes_of(session) and time.monotonic() < end:
            time.sleep(0.2)
        assert processes_of(session) == []


@needs_ray
def test_the_command_line_by_ray(tmp_path):
    """
    `rowbatch build --runner ray` builds the run, and says what any does; what Ray prints is not seen.
    """
    table = write_table(tmp_path / "posts.csv", 40)
    run, serial = planned_run(tmp_path / "run", table), planned_run(tmp_path / "serial", table)
    told = {
        name: subprocess.run(
            [sys.executable, "-m", "rowbatch", "build", made.path, "--runner", name],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "TMPDIR": str(tmp_path.parent)[:30]},
        )
        for name, made in (("ray", run), ("serial", serial))
    }
    assert digests(run) == digests(serial)
    assert told["ray"].stdout.replace(str(run.path), "") == told["serial"].stdout.replace(
        str(serial.path), ""
    )
    assert "ray" not in told["ray"].stderr.lower()
    assert json.loads((run.path / "tasks" / "plan.json").read_text())
