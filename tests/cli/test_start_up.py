"""Starting must be quick: nothing heavy is imported before it is used."""

import subprocess
import sys

import click
import pytest

from rowbatch.cli.app import app

HEAVY = (
    "polars",
    "numpy",
    "httpx2",
    "xllamacpp",
    "starlette",
    "uvicorn",
    "pydantic",
    "rich",
    "ruamel",
    "stamina",
    "openai",
)

PROGRAM = """
import sys
from rowbatch.cli.app import run_command_line
code = run_command_line(sys.argv[2:])
print(code, *(name for name in sys.argv[1].split(",") if name in sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["serve", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    """
    `--help` of any command is there at once.
    """
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, ",".join(HEAVY), *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.strip() == "0"
    assert done.stdout


def test_importing_the_package_imports_nothing_heavy():
    """
    `import rowbatch` costs nothing until a function is used.
    """
    program = "import sys, rowbatch; print(*(n for n in sys.argv[1].split(',') if n in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program, ",".join(HEAVY)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_every_command_explains_itself():
    """
    Each command has a help with at least a sentence, and each option says what it does.
    """
    assert set(app.commands) == {
        *("run", "resume", "status", "list", "demo"),
        *("build", "submit", "watch", "download", "collect", "export", "agreement", "sample"),
        *("try", "cancel", "recover", "verify", "log", "clean", "give-up", "disagreements"),
        *("convert", "split", "extract", "check", "estimate", "serve"),
        *("doctor", "models", "key", "ui", "codebook"),
    }
    for name, command in app.commands.items():
        assert command.help, name
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.name}"
