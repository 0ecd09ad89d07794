"""Names of files that are no UTF-8, as the command line gets and shows them."""

import os
import subprocess
import sys

import pytest

from end_to_end import environment, rowbatch
from rowbatch import api
from rowbatch.errors import InputError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names of other systems are always text")

ODD = b"caf\xe9"


def test_the_last_words_of_a_command_never_end_it(tmp_path):
    """
    A terminal in UTF-8 is strict (Python 3.11: only the locales C and POSIX let such bytes through): the name
    is shown with its own bytes, and the exit code is that of the work.
    """
    (tmp_path / "posts.csv").write_text("post\nso good\n")
    for step in (
        [b"convert", b"posts.csv", b"--text", b"post", b"--model", b"gpt-4o-mini", b"-o", ODD + b".jsonl"],
        [b"check", ODD + b".jsonl"],
        [b"extract", ODD + b".jsonl", b"-o", ODD + b".csv"],
    ):
        done = subprocess.run(
            [os.fsencode(sys.executable), b"-m", b"rowbatch", *step],
            cwd=tmp_path,
            env={**environment(tmp_path / "home"), "PYTHONIOENCODING": "utf-8:strict"},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert ODD in done.stdout + done.stderr


@pytest.mark.parametrize("what", ["table", "run"])
def test_a_run_says_that_it_needs_names_in_utf8(tmp_path, monkeypatch, what):
    """
    run.toml is UTF-8 and the provider is told the run's name: one error with its hint, and nothing is made.
    """
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    names = {"table": "posts.csv", "run": "run", what: os.fsdecode(ODD)}
    (tmp_path / names["table"]).write_text("post\nso good\n")
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(InputError, match=r"caf\?.* has bytes that are no text in UTF-8"):
        api.create(names["table"], text="post", labels=["a", "b"], prompt="q", run=names["run"])
    done = rowbatch(
        *("run", names["table"], "--text", "post", "--labels", "a,b", "--prompt", "q", "--run", names["run"]),
        *("--provider", "openai", "--model", "gpt-4o-mini", "--yes"),
        home=tmp_path / "home",
        cwd=tmp_path,
    )
    assert done.returncode in (2, 3), done.stderr
    assert "a fault in rowbatch" not in done.stderr
    assert {path.name for path in tmp_path.iterdir()} - {"home"} == before
