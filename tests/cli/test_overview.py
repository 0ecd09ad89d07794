"""What `rowbatch --help` shows, and that it is the same with and without the commands."""

import subprocess
import sys

import click
import pytest

from end_to_end import run_here
from rowbatch.cli.app import app
from rowbatch.cli.overview import EXAMPLES, GROUPS, LINES, WIDTH, overview


def test_every_command_has_one_place():
    """
    Each command stands in one group, once, and in no group stands another.
    """
    named = [name for _, commands in GROUPS for name, _ in commands]
    assert sorted(named) == sorted(name for name, command in app.commands.items() if not command.hidden)


def test_no_line_is_cut():
    """
    Each command's line is whole at 80 columns, of sub-commands too.
    """
    assert max(map(len, overview().splitlines())) <= WIDTH
    assert all(line.endswith(".") for line in LINES.values())
    for name, group in app.commands.items():
        if isinstance(group, click.Group):
            context = group.context_class(group, info_name=f"rowbatch {name}", terminal_width=WIDTH)
            told = group.get_help(context).partition("Commands:")[2]
            assert all(command in told for command in group.commands)
            assert "..." not in told


@pytest.mark.parametrize("words", [("--help",), ("-h",)])
def test_the_overview_is_shown(words, tmp_path):
    """
    The program shows the same as the group of commands would.
    """
    done = run_here(words, cwd=tmp_path, env={})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{overview()}\n" == f"{app.get_help(click.Context(app))}\n"


def test_the_overview_is_shown_without_the_commands():
    """
    Nobody waits for what makes the commands who only wants to know which there are.
    """
    program = (
        "import sys, rowbatch.__main__ as program\n"
        "sys.argv = ['rowbatch', '--help']\n"
        "try:\n    program.main()\n"
        "except SystemExit as end:\n"
        "    print(end.code, 'click' in sys.modules, 'rowbatch.cli.app' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.split() == ["0", "False", "False"]


def test_nothing_typed_shows_what_there_is(tmp_path):
    """
    Without a command all are shown: it is no error that a person could put right.
    """
    done = run_here((), cwd=tmp_path, env={})
    assert done.returncode == 2
    assert done.stderr.strip() == overview()


@pytest.mark.parametrize("example", EXAMPLES[1:])
def test_the_examples_can_be_typed(example):
    """
    The commands that it shows as examples have these options.
    """
    words = [word.strip('"') for word in example.split() if word.startswith("-") or word.isalpha()]
    command = app.commands[words[1]]
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options
