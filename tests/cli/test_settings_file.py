"""`rowbatch.toml`: what is taken from where, in each door, and what is refused."""

import json
import os
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest

import rowbatch
from end_to_end import run_here
from rowbatch import desk
from rowbatch.cli import app
from rowbatch.errors import InputError
from rowbatch.store.settings_file import settings_schema, user_file
from serving import scripted_local_model

QUESTION = ("--text", "post", "--labels", "a,b", "--prompt", "Which?")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a table, and a home of its own; nothing is said yet."""
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "t.csv").write_text("post\ngood\nbad\n", encoding="utf-8")
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    for name in ("PROVIDER", "MODEL", "MAX_COST", "LANGUAGE"):
        monkeypatch.delenv(f"ROWBATCH_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def say(path, **settings):
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))


def model_of(place, *words):
    done = run_here(
        ("run", "tables/t.csv", *QUESTION, "--dry-run", "--json", *words), cwd=place, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return found["provider"], found["model"], done.stderr


def test_the_nearest_word_counts(place, monkeypatch):
    """
    The user's file, the one beside the table, the environment, the command: each goes before those in front
    of it, and what was taken from where is told.
    """
    say(user_file(), provider="anthropic", model="claude-haiku-4-5")
    provider, model, told = model_of(place)
    assert (provider, model) == ("Anthropic", "claude-haiku-4-5")
    assert "settings: provider anthropic, model claude-haiku-4-5, as " in told
    assert str(user_file()) in told
    say(place / "tables" / "rowbatch.toml", provider="openai", model="gpt-4o-mini")
    provider, model, told = model_of(place)
    assert (provider, model) == ("OpenAI", "gpt-4o-mini")
    assert "as tables/rowbatch.toml says" in told
    assert "anthropic" not in told
    monkeypatch.setenv("ROWBATCH_MODEL", "gpt-4.1-mini")
    provider, model, told = model_of(place)
    assert (provider, model) == ("OpenAI", "gpt-4.1-mini")
    assert "model gpt-4.1-mini, as ROWBATCH_MODEL says" in told
    monkeypatch.delenv("ROWBATCH_MODEL")
    provider, model, told = model_of(place, "--model", "gpt-4.1-nano")
    assert (provider, model) == ("OpenAI", "gpt-4.1-nano")
    assert "model" not in told
    assert model_of(place, "--provider", "local")[0] == "the model on this machine"


def test_a_model_belongs_to_its_provider(place):
    """
    The model of another provider than the one that is asked is not taken from a file.
    """
    say(place / "tables" / "rowbatch.toml", provider="openai", model="gpt-4o-mini")
    said = rowbatch.find_settings("tables/t.csv", "anthropic")
    assert (said.provider, said.model) == ("", "")
    say(user_file(), provider="anthropic", model="claude-haiku-4-5", max_cost=3)
    said = rowbatch.find_settings("tables/t.csv")
    assert (said.provider, said.model, said.max_cost_usd) == ("openai", "gpt-4o-mini", Decimal(3))
    said = rowbatch.find_settings("tables/t.csv", "anthropic")
    assert said.model == "claude-haiku-4-5"


def test_the_cap_holds_for_the_run(place):
    """
    A run that is made under a cap has it, in Python too; a command that says another one has that.
    """
    say(place / "tables" / "rowbatch.toml", provider="openai", model="gpt-4o-mini", max_cost="0.5")
    made = rowbatch.create("tables/t.csv", text="post", labels=["a", "b"], prompt="Which?", run="one")
    assert made.plan.asking.model == "gpt-4o-mini"
    assert made.policy().max_cost_usd == Decimal("0.5")
    typed = ("run", "tables/t.csv", *QUESTION, "--run", "two", "--max-cost", "9")
    done = run_here(typed, cwd=place, env=dict(os.environ))
    assert done.returncode == 2
    assert "max_cost" not in done.stderr
    assert rowbatch.open("two").policy().max_cost_usd == Decimal(9)
    local = rowbatch.create(
        "tables/t.csv", text="post", labels=["a", "b"], prompt="Which?", run="three", provider="local"
    )
    assert (local.is_local, local.policy().max_cost_usd) == (True, None)


def test_reports_are_in_the_language_that_is_said(place):
    """
    In a report's language, too, what a command says goes before the file.
    """
    rowbatch.create("tables/t.csv", text="post", labels=["a", "b"], prompt="Which?", run="one").build()
    say(place / "tables" / "rowbatch.toml", language="zh")
    for words, expected in (((), 'lang="zh'), (("--language", "en"), 'lang="en"')):
        done = run_here(
            ("report", "one", "-o", "r.html", "--overwrite", *words), cwd=place, env=dict(os.environ)
        )
        assert done.returncode == 0, done.stderr
        assert expected in (place / "r.html").read_text(encoding="utf-8")


def test_the_app_begins_with_the_users_file(place):
    """
    Until something is chosen there; a file that is broken is no reason not to start.
    """
    say(user_file(), provider="openai", model="gpt-4o-mini", max_cost=2.5, language="zh")
    found = desk.read_settings()
    assert (found.provider, found.model, found.max_cost, found.language) == (
        "openai",
        "gpt-4o-mini",
        "2.5",
        "zh",
    )
    desk.change_settings(language="en")
    assert desk.read_settings().language == "en"
    (place / "home" / "settings.json").unlink()
    user_file().write_text("no toml")
    assert desk.read_settings().provider == "local"


REFUSED = [
    ('modle = "x"', "did you mean 'model'?"),
    ("nothing_like_it = 1", "settings are: provider, model, max_cost, language"),
    ('max_cost = "lots"', "is no amount of US dollars"),
    ("max_cost = true", "cannot be"),
    ("model = 3", "cannot be '3'"),
    ('language = "fr"', "languages are: en, zh"),
    ("provider =", "cannot be read"),
    ('base_url = "https://example.org"', "there is no setting 'base_url'"),
]


@pytest.mark.parametrize(("text", "expected"), REFUSED)
def test_what_is_no_setting_is_told(place, text, expected):
    """
    With the file and what can be written instead; nothing is made.
    """
    (place / "tables" / "rowbatch.toml").write_text(text)
    done = run_here(("run", "tables/t.csv", *QUESTION), cwd=place, env=dict(os.environ))
    assert done.returncode == 3
    assert done.stderr.startswith("error: tables/rowbatch.toml")
    assert expected in done.stderr
    with pytest.raises(InputError):
        rowbatch.create("tables/t.csv", text="post", labels=["a", "b"], prompt="Which?")
    assert not (place / "rowbatch-runs").exists()


@pytest.mark.parametrize(
    "text", ['openai_key = "abcdef"', 'API_KEY = "x"', 'model = "sk-proj-abcdefghijklmnop"', 'password = "x"']
)
def test_a_key_is_refused_and_not_repeated(place, text):
    """
    A file that goes along with a table is no place for keys; the value is not shown.
    """
    (place / "tables" / "rowbatch.toml").write_text(text)
    done = run_here(("run", "tables/t.csv", *QUESTION), cwd=place, env=dict(os.environ))
    assert done.returncode == 3
    assert "rowbatch key set" in done.stderr
    assert "abcdef" not in done.stderr


def test_the_schema_says_the_same():
    """
    What the program takes the schema takes, and what it refuses too.
    """
    schema = json.loads(settings_schema())
    page = Path(__file__).parents[2] / "docs" / "reference" / "settings.schema.json"
    assert json.loads(page.read_text(encoding="utf-8")) == schema
    check = jsonschema.Draft202012Validator(schema)
    for good in (
        {},
        {"provider": "openai", "model": "m", "max_cost": 5, "language": "zh"},
        {"max_cost": "0.5"},
    ):
        assert check.is_valid(good), good
    for bad in ({"modle": "x"}, {"max_cost": "lots"}, {"language": "fr"}, {"model": 3}, {"max_cost": True}):
        assert not check.is_valid(bad), bad


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not here")
def test_bash_completes_commands_and_options():
    """
    The script that the documentation names is one that bash takes, and it proposes what there is.
    """
    program = Path(sys.executable).with_name("rowbatch")
    script = (
        'eval "$(_ROWBATCH_COMPLETE=bash_source rowbatch)"\n'
        "COMP_WORDS=(rowbatch conv); COMP_CWORD=1; _rowbatch_completion rowbatch\n"
        'echo "${COMPREPLY[@]}"\n'
        "COMPREPLY=(); COMP_WORDS=(rowbatch try --temp); COMP_CWORD=2; _rowbatch_completion rowbatch\n"
        'echo "${COMPREPLY[@]}"\n'
    )
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["convert", "--template --temperature"]


def typed(place, *words):
    return run_here(words, cwd=place, env=dict(os.environ))


def test_doctor_and_estimate_take_provider_and_model_from_there(place):
    """
    `doctor` looks at whom a run of tables in this folder would ask, and `estimate` at the price of a table
    there; of batch files, whose lines say their model, nothing is taken.
    """
    say(place / "rowbatch.toml", provider="anthropic", model="claude-haiku-4-5", max_cost=3)
    looked = typed(place, "doctor")
    assert looked.returncode == 1
    assert "ANTHROPIC_API_KEY" in looked.stdout
    assert "settings: provider anthropic, model claude-haiku-4-5, as rowbatch.toml says" in looked.stderr
    local = typed(place, "doctor", "--provider", "local")
    assert "ANTHROPIC_API_KEY" not in local.stdout
    say(place / "tables" / "rowbatch.toml", provider="openai", model="gpt-4o-mini")
    priced = typed(place, "estimate", "tables/t.csv", "--text", "post")
    assert priced.returncode == 0, priced.stderr
    assert "gpt-4o-mini" in priced.stdout
    assert "as tables/rowbatch.toml says" in priced.stderr
    made = typed(
        place, "convert", "tables/t.csv", "-o", "b.jsonl", "--text", "post", "--model", "gpt-4.1-nano"
    )
    assert made.returncode == 0, made.stderr
    lines = typed(place, "estimate", "b.jsonl")
    assert lines.returncode == 0, lines.stderr
    assert "gpt-4.1-nano" in lines.stdout
    assert "settings" not in lines.stderr


def test_the_cap_holds_for_a_rerun_and_for_variants(place, monkeypatch):
    """
    What asks a table again has its provider and model; what it may cost stands beside the table, and the
    command goes before it.
    """
    caps = []

    def drive(*_, changes=None, **more):
        caps.append((changes or more)["max_cost_usd"])
        return 0

    with scripted_local_model(place / "server"):
        run = rowbatch.create("tables/t.csv", text="post", labels=["a", "b"], prompt="Which?")
        run.resume()
        rowbatch.archive(run, "a.zip")
    say(place / "tables" / "rowbatch.toml", max_cost=3)
    monkeypatch.setattr(app, "_show_and_run", drive)
    monkeypatch.setattr(app, "_ask_variants", drive)
    for words in (["rerun", "a.zip", "tables/t.csv"], ["stability", str(run.path), "--all-rows"]):
        caps.clear()
        app.run_command_line(words)
        app.run_command_line([*words, "--max-cost", "2"])
        assert caps == [3, 2], words
