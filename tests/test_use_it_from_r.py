"""The page for people who use R: its programs are run by R, where there is one."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from end_to_end import scripted_server

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "how-to" / "use-it-from-r.md"
BY_COMMAND, BY_RETICULATE = re.findall(r"^```r\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def r_with(*packages):
    """The program that runs R, where R and these packages are installed."""
    program = shutil.which("Rscript")
    wanted = " && ".join(f"requireNamespace('{name}', quietly = TRUE)" for name in packages) or "TRUE"
    if (
        program is None
        or subprocess.run([program, "-e", f"quit(status = !({wanted}))"], check=False).returncode
    ):
        pytest.skip(f"R is not installed with {', '.join(packages) or 'nothing else'}")
    return program


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with the example, a server that answers, and the program on the path."""
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    for name in ("posts.csv", "codebook.yaml"):
        shutil.copy(ROOT / "examples" / name, tmp_path / name)
    with scripted_server(tmp_path / "home"):
        yield tmp_path


def run_r(program, text, place):
    done = subprocess.run(
        [program, "--vanilla", "-"], input=text, cwd=place, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_r_labels_a_data_frame_by_the_command_line(place):
    """
    Texts with quotes and line breaks, ids with zeros and a row without text come back as they were.
    """
    program = r_with()
    read = (
        'posts <- read.csv("posts.csv", colClasses = "character", na.strings = character(), '
        'encoding = "UTF-8")\n'
    )
    after = """
        stopifnot(identical(labelled$id, posts$id), identical(labelled$post, posts$post))
        stopifnot(sum(labelled$status == "ok") == 29, sum(labelled$status == "skipped") == 1)
        topics <- labelled$topic[labelled$status == "ok"]
        stopifnot(all(topics %in% c("economy", "education", "health", "other")))
        cat("as they were")
    """
    assert "as they were" in run_r(program, read + BY_COMMAND + after, place)


def test_r_labels_a_table_by_reticulate(place):
    """
    Values print as tables, and their lines are values.
    """
    program = r_with("reticulate")
    text = BY_RETICULATE.replace("/path/to/venv/bin/python", sys.executable)
    told = run_r(
        program, text + "stopifnot(report$rows == 30L, agreement$n == 29L, nrow(labelled) == 30)", place
    )
    for words in ("Preview\n  rows            30", "CollectReport", "people: model"):
        assert words in told
