"""The key of a user stays where it is: in every command, at debug level, also when it fails."""

import csv
import io
import json
import logging
import os
import subprocess
import sys
import urllib.request

import click
import pytest
import stamina

from driving import KEY, texts
from end_to_end import run_here
from kill_runs import command_for, fake_server, judged
from rowbatch.cli.app import app

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
        shell("status", "posts", "--json", "--events")
        shell("list", "--json")
        shell("log", "posts", "--json")
        shell("verify", "posts")
        shell("try", "posts", "--rows", "2", "--yes")
        shell("doctor", "posts", "--probe")
        shell("export", "posts", "-o", "again.parquet")
        assert shell("clean", "posts", "--yes").returncode == 0
        shell("models", "--provider", "openai")
        # Without a keyring it says so; the key comes from a pipe, as a script would give it.
        shell("key", "set", "openai", given=f"{KEY}\n")
        shell("key", "list")
        shell("key", "remove", "openai")
        shell("convert", "posts.csv", "--text", "text", "--model", "m", "-o", "requests.jsonl")
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
    assert set(every_command()) - shell.typed <= {"demo", "serve", "ui"}
    written = [path for path in place.parent.rglob("*") if path.is_file()]
    assert len(written) > 20
    for path in written:
        assert KEY.encode() not in path.read_bytes(), path
