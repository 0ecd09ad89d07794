"""The unit of systemd and the recipe of a container: what they start is what the program has."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from rowbatch.cli.app import app, run_command_line
from rowbatch.server.keys import list_server_keys
from serving import ScriptedEngine, running_server

ROOT = Path(__file__).parent.parent.parent
UNIT, RECIPE = ROOT / "deploy" / "rowbatch-serve.service", ROOT / "deploy" / "Containerfile"
START = re.compile(r"^ExecStart=(\S+) (.*)$", re.MULTILINE)


def recipe_words(instruction):
    """The words of an instruction that has them as JSON."""
    (found,) = re.findall(rf"^\s*{instruction} (\[.*\])$", RECIPE.read_text(), re.MULTILINE)
    return json.loads(found)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path):
    """
    Save that the program is not where the unit has it: another one that is here stands in its place.
    """
    unit = tmp_path / UNIT.name
    text, count = START.subn(rf"ExecStart={sys.executable} \2", UNIT.read_text())
    assert count == 1
    unit.write_text(text)
    words = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    unit.write_text(text.replace("LimitNOFILE=", "LimitNoFile="))
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "LimitNoFile" in done.stderr


def test_what_they_start_is_a_command_of_the_program():
    """
    With options that it has, and values that these take.
    """
    (unit,) = (shlex.split(words) for _, words in START.findall(UNIT.read_text()))
    program, *recipe = recipe_words("ENTRYPOINT")
    assert program == "rowbatch"
    for command, *options in (unit, recipe):
        assert command == "serve"
        with click.Context(app) as context:
            serve = app.get_command(context, command)
            assert serve is not None
            parsed = serve.make_context(
                command, [*options, "--upstream", "http://gpu-1:8000/v1"], parent=context
            )
        assert parsed.params["port"] == 8766


@pytest.mark.parametrize("path", [UNIT, RECIPE], ids=["unit", "recipe"])
def test_what_they_say_of_keys_makes_one(path, tmp_path):
    """
    In the folder that the server has: the words stand at the top, for people to copy.
    """
    told = path.read_text()
    (words,) = re.findall(r"^#.* \S*rowbatch (serve key add .*)$", told, re.MULTILINE)
    (home,) = set(re.findall(r"--home\W+(/[\w/]+)", told))
    assert words.split()[-2:] == ["--home", home]
    given = [str(tmp_path) if word == home else word for word in shlex.split(words)]
    assert run_command_line(given) == 0
    assert [entry.name for entry in list_server_keys(tmp_path)] == ["ana"]


def test_the_health_check_of_the_recipe(tmp_path):
    """
    It passes while the server answers, and fails where none is.
    """
    python, *words = recipe_words("CMD")
    assert python == "python"
    with running_server(tmp_path, ScriptedEngine()) as endpoint:
        address = endpoint.base_url.removesuffix("/v1")
        check = [word.replace("http://127.0.0.1:8766", address) for word in words]
        assert any(address in word for word in check)
        assert subprocess.run([sys.executable, *check], check=False).returncode == 0
    away = subprocess.run([sys.executable, *check], capture_output=True, check=False)
    assert away.returncode != 0


def test_the_recipe_has_what_a_package_is_built_from():
    """
    All that pyproject.toml names, and each is there to be copied.
    """
    copied = [words.split()[:-1] for words in re.findall(r"^COPY (.*)$", RECIPE.read_text(), re.MULTILINE)]
    names = {name for words in copied for name in words}
    assert all((ROOT / name).exists() for name in names)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"pyproject.toml", "src", project["readme"], *project["license-files"]} <= names
