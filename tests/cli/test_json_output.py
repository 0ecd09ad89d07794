"""What `--json` prints, of every command that has it."""

import csv
import datetime
import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections import Counter, deque
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import MappingProxyType, SimpleNamespace

import click
import pytest
import stamina

import rowbatch
from coded_sets import answered_run, draw, say, set_of
from driving import KEY, texts
from end_to_end import read_rows, run_here
from kill_runs import command_for, fake_server
from rowbatch import api
from rowbatch.api import Run
from rowbatch.cli.app import app
from rowbatch.cli.json_output import json_text
from rowbatch.core.states import RowStatus
from upstreams import fake_upstream

CASES: dict[str, list[tuple[str, ...]]] = {
    "build": [("posts",), ("unbuilt",)],
    "cancel": [("posts",)],
    "clean": [("posts", "--yes")],
    "codebook convert": [("book.csv", "book2.yaml", "--overwrite")],
    "codebook schema": [()],
    "coding export": [("coded", "-o", "coded-out.csv", "--overwrite")],
    "collect": [("posts",)],
    "convert": [("posts.csv", "-o", "r2.jsonl", "--overwrite", "--text", "text", "--model", "m")],
    "download": [("posts",)],
    "export": [("posts", "-o", "again.csv", "--overwrite")],
    "extract": [("posts/results/*", "-o", "answers.csv", "--overwrite")],
    "join-units": [
        ("cut.csv", "--of", "posts.csv", "--rule", "text=list", "-o", "joined.csv", "--overwrite"),
    ],
    "key list": [()],
    "plan": [("posts.csv", "--text", "text", "--labels", "a,b", "--prompt", "Which?", "--run", "planned2")],
    "resume": [("posts", "--yes")],
    "run": [
        ("posts.csv", "--text", "text", "--labels", "a,b", "--prompt", "Which?", "--dry-run"),
        ("more.csv", "--text", "post", "--labels", "a,b", "--prompt", "Which?", "--run", "ran"),
    ],
    "split": [("requests.jsonl", "-o", "parts", "--parts", "2", "--overwrite")],
    "submit": [("posts", "--yes")],
    "try": [
        ("more.csv", "--text", "post", "--labels", "a,b", "--prompt", "Which?"),
        ("unbuilt", "--rows", "1", "--yes"),
    ],
    "units": [
        ("posts.csv", "--text", "text", "--by", "words", "--size", "2", "-o", "units.csv", "--overwrite")
    ],
    "watch": [("posts",)],
    "agree": [
        ("posts.csv", "--coders", "coder,id"),
        ("posts.csv", "--coders", "coder", "--gold", "coder2", "--missing", "NA", "--labels", "A,B"),
        ("posts.csv", "--coders", "coder,coder2,id", "--several", "--alt-test", "size"),
        ("posts.csv", "--coders", "coder,coder2", "--quotes", "--text", "text"),
    ],
    "agreement": [("posts", "coder"), ("posts", "coder", "--item", "id", "--not-coded", "99")],
    "archive": [("posts", "-o", "posts.zip", "--overwrite", "--without-texts")],
    "check": [
        ("requests.jsonl",),
        ("broken.jsonl", "requests.jsonl", "--provider", "mistral"),
        ("broken.jsonl", "--fix", "fixed.jsonl", "--overwrite"),
    ],
    "codebook check": [("book.csv",), ("book.csv", "--show")],
    "codebook ready": [(), ("stance", "--language", "zh", "--target", "糖税")],
    "compare": [
        ("posts", "posts"),
        ("posts.csv", "--columns", "coder,coder2", "--gold", "id"),
    ],
    "coding list": [()],
    "coding replay": [("coded",)],
    "coding sheet": [("coded", "-o", "sheet.csv", "--overwrite", "--coder", "Anna")],
    "coding status": [("coded",)],
    "coding take": [("coded", "coded.csv", "--coder", "夏")],
    "correct": [
        ("posts.csv", "--predicted", "coder2", "--gold", "coder", "--label", "A", "--missing", "NA"),
        ("posts.csv", "--predicted", "id", "--gold", "size", "--method", "dsl"),
        ("posts", "--people", "people"),
    ],
    "disagreements": [("panel", "-o", "differ.csv", "--overwrite")],
    "doctor": [
        (),
        ("--provider", "openai", "--model", "gpt-4o-mini"),
        ("posts",),
        ("posts", "--probe"),
    ],
    "distil": [("learned/run", "--table", "more.csv", "--all-labels", "-o", "d.csv", "--overwrite")],
    "estimate": [
        ("requests.jsonl",),
        ("requests.jsonl", "--every", "7", "--answer-tokens", "3"),
        ("posts.csv", "--text", "text", "--model", "gpt-4o-mini"),
        ("posts.csv", "--text", "text", "--model", "nobody-knows-it"),
        ("posts.csv", "--text", "text", "--model", "claude-haiku-4-5", "--provider", "anthropic"),
        ("posts.csv", "--text", "text", "--model", "local", "--provider", "local"),
    ],
    "how-many": [
        ("--of", "1000", "--half-width", "0.05"),
        ("posts.csv", "--predicted", "coder2", "--gold", "coder", "--missing", "NA"),
    ],
    "infer": [("asked", "--upstream", "UPSTREAM")],
    "list": [()],
    "log": [("posts",)],
    "merge-coders": [
        ("posts.csv", "--key", "id", "--coders", "coder,coder2", "-o", "merged.csv", "--overwrite"),
    ],
    "model install": [()],
    "model list": [()],
    "model remove": [()],
    "models": [(), ("--provider", "openai"), ("--provider", "anthropic"), ("--provider", "local")],
    "recover": [("lost",)],
    "sample": [
        ("posts", "--rows", "3", "-o", "sample.jsonl", "--overwrite"),
        (
            "posts.csv",
            "--rows",
            "3",
            "--text",
            "text",
            "--labels",
            "A,B",
            "--set",
            "drawn",
            "--stratify",
            "coder",
        ),
    ],
    "serve key add": [("ana", "--home", "served", "--rows-a-day", "10")],
    "serve key list": [("--home", "served")],
    "serve key remove": [("ana", "--home", "served"), ("ana", "--home", "served")],
    "status": [("posts",), ("posts", "--events"), ("unbuilt",)],
    "validate": [("posts", "people"), ("posts", "people", "--part", "all", "--wanted", "0.5")],
    "verify": [("posts",), ("whole.zip",)],
    "report": [("posts",), ("posts", "-o", "r.html", "-o", "r.tex", "--overwrite", "--checklist", "ttamre")],
    "specification-curve": [("posts", "--people", "people", "-o", "curve.svg", "--overwrite")],
    "stability": [("posts", "--show"), ("posts", "--with", "panel")],
    "rerun": [("whole.zip", "posts.csv", "--compare", "posts")],
    "worker": [("--tasks", "planned/tasks/prepare.jsonl", "--index", "0", "--of", "2")],
}
"""Words after each command, as far as nothing else has to be there; a star stands for one file."""
ELSEWHERE = {"demo", "give-up", "key remove", "key set"}
"""Commands that are tried by themselves below."""
WITHOUT = {"mcp", "serve", "ui"}
"""Commands that go on until they are stopped: where they are is a line, and nothing comes after it."""


def commands(group, path=()):
    """Every command, with the words it is called by."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


def test_every_command_has_json_and_a_case():
    """
    Each command has `--json`, and is tried here, or this fails.
    """
    every = dict(commands(app))
    found = {name for name, one in every.items() if any("--json" in option.opts for option in one.params)}
    assert found == set(CASES) | ELSEWHERE
    assert set(every) - found <= WITHOUT
    assert not set(CASES) & ELSEWHERE


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with batch files, a paid run that is done, one that is not built, and its provider."""
    place = tmp_path_factory.mktemp("json")
    with (place / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        coded = (
            [n, text, "A" if n % 5 else "NA", "AB"[n % 2], n if n % 2 else ""]
            for n, text in enumerate(texts(30), 1)
        )
        csv.writer(file).writerows([["id", "text", "coder", "coder2", "size"], *coded])
    (place / "book.csv").write_text("variable,label\nseason,夏\n,冬\n", encoding="utf-8")
    (place / "broken.jsonl").write_text('{"custom_id": "夏\\u009b", "url"\n{}\n')
    models = ("gpt-4o-mini",)
    with fake_server(place, {"rows_refused": 0.1}, 1) as address, fake_upstream(models=models) as upstream:
        (place / "UPSTREAM").write_text(upstream.base_url)
        assert type_in(place, *command_for(place, address)[3:]).returncode in (0, 9)
        assert {row["status"] for row in read_rows(place / "out.csv")} >= {"ok"}
        whole = type_in(place, "archive", "posts", "-o", "whole.zip")
        assert whole.returncode == 0, whole.stderr
        several = ("--run", "panel", "-o", "panel.csv", "--with", "openai:gpt-4.1-mini")
        assert type_in(place, *command_for(place, address)[3:], *several).returncode in (0, 9)
        made = type_in(
            place, "convert", "posts.csv", "-o", "requests.jsonl", "--text", "text", "--model", "gpt-4o-mini"
        )
        assert made.returncode == 0, made.stderr
        cut = ("--text", "text", "--by", "words", "--size", "2", "-o", "cut.csv")
        assert type_in(place, "units", "posts.csv", *cut).returncode == 0
        drawn = ("--text", "text", "--labels", "A,B", "--rows", "26", "--set", "coded")
        made = type_in(place, "sample", "posts.csv", *drawn)
        assert made.returncode == 0, made.stderr
        first = next(n for n, text in enumerate(texts(30), 1) if text.strip())
        (place / "coded.csv").write_text(f"rowbatch_row,label\n{first},A\n")
        (place / "asked").mkdir()
        shutil.copy(place / "requests.jsonl", place / "asked")
        asked = ("--text", "text", "--labels", "a,b", "--provider", "openai", "--model", "gpt-5-mini")
        planned = type_in(place, "plan", "posts.csv", *asked, "--prompt", "Which?", "--run", "planned")
        assert planned.returncode == 0, planned.stderr
        without = shutil.ignore_patterns("ledger.sqlite")
        shutil.copytree(place / "rowbatch-runs" / "posts", place / "lost", ignore=without)
        make = "import rowbatch; rowbatch.create('posts.csv', text='text', prompt='夏?', run='unbuilt')"
        subprocess.run([sys.executable, "-c", make], cwd=place, env=environment(place), check=True)
        run = rowbatch.open(place / "rowbatch-runs" / "posts")
        (variable,) = run.codebook.variables
        people = set_of(run, at=place / "people")
        with_text = {row: text for row, text in enumerate(texts(30), 1) if text.strip()}
        draw(people, [*with_text], {"": len(with_text)}, texts=with_text)
        said = {row: variable.choices[row % 2] for row in with_text if row % 3}
        say(people, "Anna", said, variable.name)
        (place / "learned").mkdir()
        (place / "more.csv").write_text("post\ntext number 8 夏\n", encoding="utf-8")
        with answered_run(place / "learned", [{"mood": ("good", "bad")[row % 2]} for row in range(60)]):
            yield place


def environment(place):
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    return {**kept, "ROWBATCH_HOME": str(place / "home"), "OPENAI_API_KEY": KEY}


def type_in(place, *words):
    # No pauses between the tries.
    with stamina.set_testing(True, attempts=2):
        return run_here(words, cwd=place, env=environment(place))


def no_constant(name):
    raise AssertionError(f"{name} is not JSON")


@pytest.mark.parametrize(
    ("command", "words"), [(name, words) for name, listed in CASES.items() for words in listed]
)
def test_every_output_is_json(workplace, command, words):
    """
    What goes to stdout is one JSON document and nothing else, in ASCII, whatever the terminal can show; the
    command does not end as one that broke.
    """
    upstream = (workplace / "UPSTREAM").read_text()
    typed = [upstream if word == "UPSTREAM" else word for word in words]
    typed = [
        str(min((workplace / "rowbatch-runs").glob(word))) if word.endswith("*") else word for word in typed
    ]
    done = type_in(workplace, *command.split(), *typed, "--json")
    codes = {"check": (0, 1), "doctor": (0, 1), "verify": (0, 1), "resume": (0, 9), "run": (0, 9)}
    assert done.returncode in codes.get(command, (0,)), done.stdout + done.stderr
    found = json.loads(done.stdout, parse_constant=no_constant)
    assert isinstance(found, list | dict)
    assert done.stdout.isascii()
    assert not re.search(r"[^\n -~]", done.stdout)
    assert KEY not in done.stdout


def test_keys_and_their_hosts(workplace, monkeypatch):
    """
    Of a key only the host is told that it is kept for.
    """
    monkeypatch.setattr(api, "set_key", lambda *_, **__: "api.openai.com", raising=False)
    monkeypatch.setattr(api, "remove_key", lambda *_, **__: True, raising=False)
    kept = run_here(("key", "set", "openai", "--json"), cwd=workplace, env=environment(workplace), given=KEY)
    assert json.loads(kept.stdout) == {"kept_for": "api.openai.com"}
    assert json.loads(type_in(workplace, "key", "remove", "openai", "--json").stdout) == {"removed": True}


def test_the_demo_and_what_is_given_up(workplace, monkeypatch):
    """
    The demo tells where its run lies and how far it agrees with people; what is given up is told by part.
    """
    run = rowbatch.open(workplace / "rowbatch-runs" / "posts")
    demo = SimpleNamespace(run=run, agreement=lambda: run.agreement("coder"))
    monkeypatch.setattr(api, "prepare_demo", lambda **_: demo, raising=False)
    found = json.loads(type_in(workplace, "demo", "--json").stdout)
    assert found["run"] == str(run.path)
    assert found["agreement"]["n"] > 0
    monkeypatch.setattr(Run, "parts_at_provider", lambda _: ["r1-0001"])
    monkeypatch.setattr(Run, "give_up", lambda _, parts: 7 * len(parts))
    found = json.loads(type_in(workplace, "give-up", "posts", "--yes", "--json").stdout)
    assert found == {"run": "rowbatch-runs/posts", "parts": ["r1-0001"], "rows": 7}


def test_quiet_is_quiet(workplace):
    """
    With `--quiet` nothing is said but errors, whatever is done; data go to standard output all the same.
    """
    for words in (
        ("convert", "posts.csv", "-o", "q.jsonl", "--overwrite", "--text", "text", "--model", "m"),
        ("collect", "posts"),
        ("export", "posts", "-o", "q.csv", "--overwrite"),
        ("run", "more.csv", "--text", "post", "--labels", "c,d", "--prompt", "Which?", "--run", "quiet"),
        ("units", "posts.csv", "--text", "text", "--by", "line", "-o", "u.csv", "--overwrite"),
    ):
        done = type_in(workplace, *words, "--quiet")
        assert (done.returncode in (0, 9), done.stdout, done.stderr) == (True, "", ""), words
    wrong = type_in(workplace, "convert", "none.csv", "-o", "q.jsonl", "--text", "t", "--model", "m", "-q")
    assert wrong.returncode == 3
    assert wrong.stderr.startswith("error: none.csv does not exist")


def test_a_price_is_shown_before_it_is_asked_for(workplace):
    """
    Quiet or for programs: nobody says yes to a price that was not shown, and `--json` keeps standard output.
    """
    words = ("run", "posts.csv", "--text", "text", "--labels", "x,y", "--prompt", "Which?", "--run", "dear")
    asked = ("--provider", "openai", "--model", "gpt-4o-mini")
    quiet = type_in(workplace, *words, *asked, "--quiet")
    assert quiet.returncode == 2
    assert "cost " in quiet.stdout
    both = type_in(workplace, *words, *asked, "--json")
    assert both.returncode == 2
    assert both.stdout == ""
    assert "cost " in both.stderr


def test_money_and_dates_are_exact(workplace):
    """
    Amounts are texts of decimal numbers, and times and dates are ISO 8601.
    """

    def of(*words):
        return json.loads(type_in(workplace, *words, "--json").stdout)

    models = {(one["provider"], one["name"]): one for one in of("models")}
    mini = models["openai", "gpt-4o-mini"]
    assert Decimal(mini["price"]["input_usd"]) > 0
    assert isinstance(mini["price"]["input_usd"], str)
    dates = [one["known"]["shutdown"] for one in models.values() if one["known"] and one["known"]["shutdown"]]
    assert dates
    assert all(datetime.date.fromisoformat(date) for date in dates)
    status = of("status", "posts")
    assert Decimal(status["progress"]["spent_usd"]) > 0
    assert status["progress"] == of("list")[0]["progress"]
    assert all(datetime.datetime.fromisoformat(event["at"]).tzinfo for event in of("log", "posts"))
    found = of("estimate", "requests.jsonl")
    assert 0 < Decimal(found["low_usd"]) <= Decimal(found["high_usd"])
    assert found["price"] == mini["price"]


class Mood(Enum):
    GOOD = 1


@dataclass(frozen=True, slots=True)
class Everything:
    money: Decimal = Decimal("0.10")
    day: datetime.date = datetime.date(2026, 11, 23)
    time: datetime.datetime = datetime.datetime(2026, 11, 23, 18, tzinfo=datetime.UTC)
    path: Path = Path("/tmp/夏 b")
    status: RowStatus = RowStatus.OK
    mood: Mood = Mood.GOOD
    counts: Counter[RowStatus] = field(default_factory=lambda: Counter({RowStatus.OK: 2}))
    frozen: MappingProxyType[int, bool] = field(default_factory=lambda: MappingProxyType({1: True}))
    numbers: tuple[float, ...] = (0.1, math.nan, -math.inf)
    names: frozenset[str] = frozenset({"b", "a"})
    queue: deque[int] = field(default_factory=lambda: deque([1]))
    strange: str = "\x9b31m\u202e\udc80\x7f"
    none: None = None


def test_every_kind_of_value():
    """
    Each kind of value that ours are made of has one form; what has none is an error, and no guess.
    """
    text = json_text([Everything()])
    assert re.fullmatch(r"[\n -~]*", text)
    assert json.loads(text, parse_constant=no_constant) == [
        {
            "money": "0.10",
            "day": "2026-11-23",
            "time": "2026-11-23T18:00:00+00:00",
            "path": "/tmp/夏 b",
            "status": "ok",
            "mood": 1,
            "counts": {"ok": 2},
            "frozen": {"1": True},
            "numbers": [0.1, None, None],
            "names": ["a", "b"],
            "queue": [1],
            "strange": "\x9b31m\u202e\udc80\x7f",
            "none": None,
        }
    ]
    for value in (b"bytes", object(), Everything, 1j):
        with pytest.raises(TypeError, match="no JSON"):
            json_text({"x": [value]})
