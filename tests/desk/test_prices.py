"""The same question costs the same, whatever the door that it comes through."""

from __future__ import annotations

import csv
from decimal import Decimal
from typing import Any

import pytest

from rowbatch import api, desk

LABELS = ["good", "bad"]
PROMPT = "How is the mood?"


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [[number, f"a short text, number {number}"] for number in range(1, 501)]
        csv.writer(file).writerows([["id", "post"], *rows])
    found = desk.Library().add(tmp_path / "posts.csv")
    assert found.read().wait(20)
    return found


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        pytest.param("openai", "gpt-4o-mini", id="counted-exactly"),
        pytest.param("openai", "gpt-5-mini", id="reasons"),
        pytest.param("openai", "nobody-knows-it", id="no-price"),
        pytest.param("anthropic", "claude-haiku-4-5", id="counted-by-letters"),
        pytest.param("mistral", "mistral-small-latest", id="another"),
    ],
)
def test_one_price_by_every_door(table, tmp_path, provider, model):
    """
    The label page, the run made of it, the run of the command line and of Python, the estimate of its
    requests: the same range, the same upper price, the same limit of an answer. The cap reserves no less.
    """
    draft = desk.read_draft(
        {
            "text": "post",
            "question": "",
            "task": "codebook",
            "codebook": {
                "instructions": PROMPT,
                "variables": [{"name": "label", "labels": [{"name": name} for name in LABELS]}],
            },
            "provider": provider,
            "model": model,
        }
    )
    page = desk.estimate_draft(draft, table.read()).cost
    job = desk.make_run(table, draft)
    typed = api.create("posts.csv", text="post", labels=LABELS, prompt=PROMPT, provider=provider, model=model)
    costs = [page, job.preview().cost, typed.preview().cost]
    assert costs[0] == costs[1] == costs[2]
    assert job.plan.asking.parameters == typed.plan.asking.parameters
    assert job.plan.asking.output_limit
    # The files that were written, looked at by the tool.
    requests = sorted((typed.path / "requests").glob("r1-*.jsonl"))
    tool = api.estimate(requests, provider=provider)
    assert (tool.high_usd, tool.prompt_tokens_high) == (page.high_usd, page.prompt_tokens_high)
    with typed._directory.ledger() as ledger:
        reserved = sum(map(typed._most_usd, ledger.shards()), Decimal(0))
    assert reserved == (page.high_usd or Decimal(0))


def test_a_reasoning_model_has_a_bound_by_every_door(table):
    """
    Nobody said how long an answer may be: there is a limit with room for thoughts, and it is said.
    """
    run = api.create("posts.csv", text="post", prompt="Why?", provider="openai", model="gpt-5-mini")
    assert run.plan.asking.output_limit == 5_000
    assert any("at most 5,000 tokens" in str(note) for note in run.preview().notes)
    assert run._answer_bound() == 5_000


def test_a_run_of_before_is_found_though_it_has_no_limit(table, tmp_path):
    """
    The same command goes on with the run that it made before limits were decided, and pays nothing anew.
    """
    options: dict[str, Any] = {
        "text": "post",
        "labels": LABELS,
        "prompt": PROMPT,
        "provider": "openai",
        "model": "gpt-4o-mini",
    }
    run = api.create("posts.csv", **options)
    toml = run.path / "run.toml"
    told = toml.read_text(encoding="utf-8")
    old = told.replace("limit_is_ours = true\n", "").replace("max_tokens = 200\n", "")
    assert old != told
    toml.chmod(0o600)
    toml.write_text(old, encoding="utf-8")
    assert api.create("posts.csv", **options, reuse=True).path == run.path
    assert api.open_run(run.path).plan.asking.output_limit is None
    # Who says the limit asks something else.
    assert api.create("posts.csv", **options, max_tokens=200, reuse=True).path != run.path


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_limit_that_a_person_set_by_its_name_is_theirs(table, name):
    """
    Even one that is no whole number: the provider says what is wrong with it, and the run can be opened.
    """
    run = api.create(
        "posts.csv",
        text="post",
        labels=LABELS,
        prompt=PROMPT,
        provider="openai",
        model="gpt-4o-mini",
        parameters={name: "500"},
    )
    asking = api.open_run(run.path).plan.asking
    assert (asking.parameters, asking.is_limit_ours) == ({name: "500"}, False)
