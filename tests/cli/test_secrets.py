"""The key of a user stays where it is: in every command, at debug level, also when it fails."""

import csv
import io
import json
import logging
import os
import shutil
import subprocess
import sys
import urllib.request

import click
import pytest
import stamina

from awkward_keys import AWKWARD, PARTS
from driving import KEY, texts
from end_to_end import run_here
from kill_runs import command_for, fake_server, judged
from rowbatch.cli.app import app
from rowbatch.words.masking import keep_secret
from upstreams import fake_upstream

# Every logger of every library says all that it can.
_LOUD = """
import logging
import sys
if "rowbatch" in " ".join(sys.orig_argv):
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
"""
_FAULTS: dict[str, object] = {
    "lose_create": 0.5,
    "rows_fail": 0.2,
    "rows_refused": 0.1,
    "cut_download": 0.2,
    "lose_other": 0.03,
}


def every_command(group=app, before=()):
    """Names of all commands, those of groups with the group's."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from every_command(command, (*before, name))
        else:
            yield " ".join((*before, name))


@pytest.fixture
def place(tmp_path):
    """A table, and what makes Python loud."""
    loud = tmp_path / "loud"
    loud.mkdir()
    (loud / "sitecustomize.py").write_text(_LOUD)
    work = tmp_path / "work"
    work.mkdir()
    with (work / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "text"], *([n, text] for n, text in enumerate(texts(30), 1))])
    return work


class Shell:
    """Types commands, and keeps what they and the programs that they start said."""

    def __init__(self, place, capfd):
        self.place, self.capfd, self.typed, self.said = place, capfd, set(), []
        paths = [str(place.parent / "loud"), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environment = {
            **os.environ,
            "ROWBATCH_HOME": str(place.parent / "home"),
            "ROWBATCH_DEBUG": "1",
            "OPENAI_API_KEY": KEY,
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "PYTHONPATH": os.pathsep.join(paths),
        }

    def __call__(self, *words, given=""):
        self.typed |= {name for name in every_command() if [*words[: len(name.split())]] == name.split()}
        # Keyring chooses its backend when it is imported, and this process has done so.
        run = self.in_its_own_process if words[0] == "key" else self.here
        done = run(words, given)
        self.said.append(done.stdout + done.stderr + "".join(self.capfd.readouterr()))
        assert KEY not in self.said[-1], words
        return done

    def here(self, words, given):
        logged = io.StringIO()
        loud, root = logging.StreamHandler(logged), logging.getLogger()
        loud.setFormatter(logging.Formatter(logging.BASIC_FORMAT))
        level = root.level
        root.addHandler(loud)
        root.setLevel(logging.DEBUG)
        try:
            with stamina.set_testing(True, attempts=3):
                done = run_here(words, cwd=self.place, env=self.environment, given=given)
        finally:
            root.setLevel(level)
            root.removeHandler(loud)
        done.stderr += logged.getvalue()
        return done

    def in_its_own_process(self, words, given):
        return subprocess.run(
            [sys.executable, "-m", "rowbatch", *map(str, words)],
            cwd=self.place,
            env=self.environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            input=given,
            timeout=120,
            check=False,
        )


def set_faults(address, faults):
    urllib.request.urlopen(f"{address}/faults", data=json.dumps(faults).encode()).close()


def test_k1_the_key_is_in_no_byte_after_any_command(place, capfd):
    """
    K1: all commands, with a provider that fails in most ways, then out of reach; every log at debug level.
    """
    shell = Shell(place, capfd)
    with fake_server(place.parent, _FAULTS, 3) as address:
        _, _, _, *run = command_for(place, address)
        assert shell(*run).returncode in (0, 7, 9)
        set_faults(address, {})
        shell("build", "posts")
        shell("submit", "posts", "--yes")
        shell("watch", "posts", "--poll-seconds", "0.05")
        shell("download", "posts")
        assert shell("resume", "posts", "--yes").returncode in (0, 9)
        shell("collect", "posts", "--errors", "errors.csv")
        shell("cancel", "posts")
        shell("give-up", "posts", "--yes")
        shell("agreement", "posts", "id")
        shell("sample", "posts", "--rows", "3", "-o", "sample.json")
        shell("sample", "posts", "--rows", "3", "--set", "coded", "-o", "sheet.csv")
        shell("coding", "list")
        shell("coding", "status", "coded")
        shell("coding", "sheet", "coded", "-o", "anna.csv", "--coder", "Anna")
        shell("coding", "take", "coded", "anna.csv", "--coder", "Anna")
        shell("coding", "export", "coded", "-o", "gold.csv")
        shell("coding", "replay", "coded")
        shell("how-many", "posts.csv")
        shell("validate", "posts")
        shell("distil", "posts", "--all-labels")
        shell("disagreements", "posts", "-o", "differ.csv")
        shell("report", "posts", "-o", "report.html", "-o", "report.json", "-o", "report.tex")
        shell("archive", "posts", "-o", "posts.zip")
        shell("verify", "posts.zip")
        shell("rerun", "posts.zip", "posts.csv", "--compare", "posts")
        shell("stability", "posts", "--rows", "2", "--yes")
        shell("specification-curve", "posts", "-o", "curve.svg")
        shell("status", "posts", "--json", "--events")
        shell("list", "--json")
        shell("log", "posts", "--json")
        shell("verify", "posts", "--workers", "2")
        asked = ("posts.csv", "--text", "text", "--labels", "a,b", "--prompt", "Which?")
        shell("plan", *asked, "--provider", "openai", "--model", "gpt-5-mini", "--run", "planned")
        shell("worker", "--tasks", "planned/tasks/prepare.jsonl", "--index", "0")
        shell("build", "planned", "--runner", "pool", "--workers", "2")
        shell("collect", "planned", "--runner", "serial", "-o", "parts")
        shell("recover", "posts")
        shell("try", "posts", "--rows", "2", "--yes")
        shell("doctor", "posts", "--probe")
        shell("export", "posts", "-o", "again.parquet")
        assert shell("clean", "posts", "--yes").returncode == 0
        shell("models", "--provider", "openai")
        shell("model", "list")
        shell("model", "remove")
        # Without a keyring it says so; the key comes from a pipe, as a script would give it.
        shell("key", "set", "openai", given=f"{KEY}\n")
        shell("key", "list")
        shell("key", "remove", "openai")
        shell("codebook", "schema")
        shell("codebook", "ready", "topic")
        shell("codebook", "check", "codebook.yaml")
        shell("codebook", "convert", "codebook.yaml", "codebook.csv")
        shell("convert", "posts.csv", "--text", "text", "--model", "m", "-o", "requests.jsonl")
        (place / "asked").mkdir()
        shutil.copy(place / "requests.jsonl", place / "asked")
        with fake_upstream(models=("m",)) as upstream:
            assert shell("infer", "asked", "--upstream", upstream.base_url).returncode == 0
        shell("units", "posts.csv", "--text", "text", "--by", "sentence", "-o", "units.csv")
        shell("join-units", "units.csv", "--of", "posts.csv", "--rule", "text=list", "-o", "joined.csv")
        shell("agree", "posts.csv", "--coders", "id,text")
        shell("correct", "posts.csv", "--predicted", "text", "--gold", "id")
        shell("compare", "posts.csv", "--columns", "id,text")
        shell("merge-coders", "posts.csv", "--key", "id", "--coders", "text", "-o", "merged.csv")
        shell("check", "requests.jsonl")
        shell("estimate", "requests.jsonl")
        shell("split", "requests.jsonl", "--parts", "2", "-o", "parts")
        results = next((place / "rowbatch-runs" / "posts" / "results").glob("*.jsonl"))
        shell("extract", results, "-o", "extracted.csv")
        # The right key goes to the provider, in its header.
        assert judged(address)["keys"] == [f"Bearer {KEY}"]
    # Nobody is there any more.
    assert shell("doctor", "posts").returncode == 1
    assert shell(*run, "--run", "second", "-o", "second.csv").returncode == 7
    loud = "".join(shell.said)
    assert "DEBUG:" in loud, "the logs are to be at debug level"
    # These ask no provider, and have tests of their own.
    assert set(every_command()) - shell.typed <= {
        *("demo", "mcp", "ui", "model install", "serve key add", "serve key list", "serve key remove")
    }
    written = [path for path in place.parent.rglob("*") if path.is_file()]
    assert len(written) > 20
    for path in written:
        assert KEY.encode() not in path.read_bytes(), path


DOORS = {
    "OPENAI_API_KEY": ["doctor", "--provider", "openai"],
    ".env": ["run", "posts.csv", "--provider", "openai", "--model", "gpt-4o-mini", "--text", "text",
             "--labels", "a,b", "--prompt", "?", "--yes"],
    "pipe": ["key", "set", "openai"],
    "ROWBATCH_UPSTREAM_KEY": ["serve", "--upstream", "http://127.0.0.1:9/v1"],
    "ROWBATCH_SERVER_KEY": ["serve"],
}  # fmt: skip


# The environment holds no text with a null in it.
_CASES = [
    (name, door)
    for name in AWKWARD
    for door in DOORS
    if "\0" not in AWKWARD[name] or door in ("pipe", ".env")
]


@pytest.mark.parametrize(("name", "door"), _CASES)
def test_a_key_that_can_be_none_is_said_at_every_door_and_stands_nowhere(place, capfd, name, door):
    """
    Exit code 2, a sentence with the place, and no part of the key in what is shown, logged or written.
    """
    secret = AWKWARD[name]
    shell = Shell(place, capfd)
    for variable in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ROWBATCH_DEBUG"):
        shell.environment.pop(variable, None)
    given = ""
    if door == ".env":
        line = secret.encode(errors="surrogateescape").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
        (place / ".env").write_bytes(b'OPENAI_API_KEY="' + line + b'"\n')
    elif door == "pipe":
        given = secret
    else:
        shell.environment[door] = secret
    done = shell.here(DOORS[door], given)
    said = done.stdout + done.stderr + "".join(capfd.readouterr())
    assert done.returncode == 2, said
    assert "cannot be one" in said
    assert "Traceback" not in said
    assert not any(part in said for part in PARTS)
    for path in place.parent.rglob("*"):
        if path.is_file() and path.name != ".env":
            assert not any(part.encode() in path.read_bytes() for part in PARTS), path


def test_a_key_from_a_pipe_that_is_no_text_is_said(place, capfd):
    """
    In a process of its own, where the pipe has bytes.
    """
    shell = Shell(place, capfd)
    done = subprocess.run(
        [sys.executable, "-m", "rowbatch", "key", "set", "openai"],
        cwd=place,
        env=shell.environment,
        capture_output=True,
        input=b"sk-canary-\xff\n",
        timeout=120,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert b"cannot be one" in done.stderr
    assert b"canary" not in done.stderr + done.stdout


@pytest.mark.parametrize("words", [["key", "set", "openai"], ["key", "set"]])
def test_a_key_behind_the_command_is_not_repeated(place, capfd, words):
    """
    It is no argument, and no provider; the sentence that says so has not got it.
    """
    done = Shell(place, capfd).here([*words, "sk-canary-behind-the-command"], "")
    assert done.returncode == 2
    assert "canary" not in done.stderr + done.stdout
    assert "[hidden]" in done.stderr


def test_a_fault_of_ours_is_shown_without_the_key(place, capfd, monkeypatch):
    """
    Exit code 70: in the sentence, and with ROWBATCH_DEBUG in the traceback.
    """
    keep_secret(KEY)

    def fail(*_, **__):
        raise RuntimeError(f"Illegal header value b'Bearer {KEY}'")

    monkeypatch.setattr("rowbatch.api.list_keys", fail)
    shell = Shell(place, capfd)
    for debug in ("", "1"):
        shell.environment["ROWBATCH_DEBUG"] = debug
        done = shell.here(["key", "list"], "")
        assert done.returncode == 70
        assert KEY not in done.stderr + done.stdout
        assert "Illegal header value b'Bearer [hidden]'" in done.stderr
        assert ("Traceback" in done.stderr) == bool(debug)


_A_PROGRAM_THAT_FAILS = """
import contextlib, logging, sys, threading
from rowbatch.__main__ import main
from rowbatch.words.masking import keep_secret
sys.argv = ["rowbatch", "--version"]
with contextlib.suppress(SystemExit):
    main()
keep_secret(SECRET)
logging.getLogger("rowbatch.web").error("a page failed", exc_info=ValueError(SECRET))
def fail():
    raise ValueError("in a thread: " + SECRET)
thread = threading.Thread(target=fail)
thread.start()
thread.join()
raise ValueError("at the end: " + SECRET)
"""


def test_what_our_programs_log_and_how_they_die_shows_no_key(place):
    """
    A log with a traceback, a thread that fails, and an error that nobody caught, in a process of its own.
    """
    secret = "sk-canary-of-a-program"
    done = subprocess.run(
        [sys.executable, "-c", f"SECRET = {secret!r}\n{_A_PROGRAM_THAT_FAILS}"],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert secret not in done.stderr + done.stdout
    assert done.stderr.count("Traceback") == 2
    for told in ("ValueError: [hidden]", "in a thread: [hidden]", "at the end: [hidden]"):
        assert told in done.stderr


BROKEN = ["http://", "htp://x", "http://[::1", "http://host:99999", "http://a b/v1", "http://host:abc", "http://höst/v1",
          "host/v1", "https://host/v1#x"]  # fmt: skip
SECRET = [
    "https://me:canary-pw@host/v1",
    "https://host/v1?api-key=canary-pw",
    "https://host/v1?sig=canary-pw",
]
_RUN = ["run", "posts.csv", "--provider", "openai", "--model", "m", "--text", "text", "--labels", "a,b",
        "--prompt", "?", "--yes"]  # fmt: skip


@pytest.mark.parametrize("address", [*BROKEN, *SECRET])
def test_an_address_that_cannot_be_asked_is_said_at_every_door(place, capfd, address):
    """
    Exit code 2 and a sentence, also from the environment; a password in it is not shown, and no run is made.
    """
    shell = Shell(place, capfd)
    shell.environment.pop("ROWBATCH_DEBUG")
    doors = [
        [*_RUN, "--base-url", address],
        ["doctor", "--provider", "openai", "--base-url", address],
        ["key", "set", "openai", "--base-url", address],
        ["key", "remove", "openai", "--base-url", address],
        ["serve", "--upstream", address],
    ]
    for words in doors:
        done = shell.here(words, KEY)
        assert done.returncode == 2, (words, done.stderr)
        assert "no address that can be asked" in done.stderr or "in it" in done.stderr
        assert "canary-pw" not in done.stderr + done.stdout
        assert " hint: " in done.stderr
    shell.environment["OPENAI_BASE_URL"] = address
    done = shell.here([*_RUN, "--base-url", "https://gateway.example.org/v1"], "")
    assert done.returncode == 2, done.stderr
    assert "OPENAI_BASE_URL=" in done.stderr
    for path in place.parent.rglob("*"):
        if path.is_file():
            assert b"canary-pw" not in path.read_bytes(), path
