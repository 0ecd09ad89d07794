"""Long instructions at Anthropic: marked for its cache where that pays, and priced at the dearest."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from driving import client_of, texts
from fake_providers import FakeProvider
from rowbatch import api
from rowbatch.api import runs
from rowbatch.cli import show
from rowbatch.providers.anthropic import AnthropicDialect
from rowbatch.providers.catalog import find_price
from rowbatch.requests.prompt_cache import cached_prefix_tokens

LONG = "Choose by the rules of the manual. " * 400
MODEL = "claude-sonnet-4-5"
ROWS = 140


@pytest.fixture
def fake(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "text"], *([n, text] for n, text in enumerate(texts(ROWS), 1))])
    found = FakeProvider("anthropic")

    @contextmanager
    def asked(*_: Any) -> Iterator[Any]:
        with client_of(found, "anthropic") as client:
            yield client

    monkeypatch.setattr(runs, "provider_client", asked)
    return found


def made(prompt: str = LONG, first_rows: int | None = 12, **policy: Any) -> api.Run:
    return api.create(
        "posts.csv",
        text="text",
        labels=["a", "b", "c"],
        prompt=prompt,
        provider="anthropic",
        model=MODEL,
        max_tokens=20,
        policy=api.Policy(first_rows=first_rows, poll_seconds=0.0, **policy),
    )


def prefix_of(run: api.Run) -> int:
    """Tokens of its instructions, as the fake counts."""
    instructions = run.plan.question.instructions
    assert instructions is not None
    return len(instructions.render({})) // 4


def done(run: api.Run, fake: FakeProvider) -> Any:
    return run.resume(api.Hooks(sleep=lambda _: fake.sleep(1.0)))


def test_what_a_cache_saves(fake, capsys):
    """
    The price before and the cost after, of the same table with and without a cache: the price assumes
    that all is written and nothing read, and the cost is a fraction of that without.
    """
    cached, plain = made(), made(first_rows=0)
    before, before_plain = cached.preview().cost, plain.preview().cost
    assert before.low_usd == before_plain.low_usd
    assert before.likely_usd is not None
    assert before_plain.likely_usd is not None
    assert before.likely_usd > before_plain.likely_usd
    (spent,), (spent_plain,) = done(cached, fake).spent, done(plain, fake).spent
    price = find_price("anthropic", MODEL)
    assert price is not None
    assert (price.cache_write, price.cache_read) == (Decimal(2), Decimal("0.1"))
    prefix = prefix_of(cached)
    asked = spent.requests
    assert (spent.written_tokens, spent.cached_tokens) == (12 * prefix, (asked - 12) * prefix)
    assert (spent_plain.written_tokens, spent_plain.cached_tokens) == (0, 0)
    assert spent.prompt_tokens == spent_plain.prompt_tokens
    assert spent.usd < spent_plain.usd / 2
    saved = price.input_usd * (12 * prefix - (asked - 12) * prefix * Decimal("0.9")) / 1_000_000
    assert spent.usd == spent_plain.usd + saved
    assert spent.usd < before.high_usd
    show.collected(cached.collect())
    told = capsys.readouterr().out
    assert f"({(asked - 12) * prefix:,} from the cache, {12 * prefix:,} written to it)" in told


def test_a_cap_assumes_that_all_is_written(fake):
    """
    A cap that all requests may keep to without a cache is not enough where each may have to write it.
    """
    run = made()
    run.build()
    price = find_price("anthropic", MODEL)
    assert price is not None
    with run._directory.ledger() as ledger:
        first, rest = ledger.shards()
    plain = price.usd(rest.tokens, rest.requests * 20)
    assert run._most_usd(rest) > plain * Decimal("1.5")
    report = made(max_cost_usd=plain).resume(api.Hooks(sleep=lambda _: fake.sleep(1.0)))
    assert report.stopped_because is not None
    assert report.stopped_because.kind == "cap-reached"
    assert first.requests == 12


def test_where_it_does_not_pay_nothing_is_marked(fake):
    """
    Short instructions, one part alone, another address: no mark, and no dearer price.
    """
    for run in (made("Which?"), made(first_rows=None)):
        run.build()
        assert cached_prefix_tokens(run.plan, has_first_part=run.policy().first_rows is not None) == 0
        assert run._cached_prefix_tokens() == 0
    done(made(first_rows=None), fake)
    assert fake.skin.cached_until == {}


def test_a_cache_that_is_cold_again_is_not_written_anew(fake):
    """
    When an hour has passed since the first part, the rest goes without a mark: each request would write.
    """
    run = made()
    run.submit(api.Hooks(sleep=lambda _: fake.sleep(1.0)))
    run.watch(api.Hooks(sleep=lambda _: fake.sleep(1.0)))
    run.download()
    fake.sleep(3_600.0)
    (spent,) = done(run, fake).spent
    assert spent.cached_tokens == 0
    assert spent.written_tokens == 12 * prefix_of(run)


def test_the_mark_is_on_the_instructions_alone():
    """
    The text of a row stands behind the mark, and the request file keeps OpenAI's form.
    """
    line = (
        b'{"custom_id":"row-1","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":'
        b'[{"role":"system","content":"Long."},{"role":"user","content":"a row"}],"max_tokens":5}}'
    )
    token = "0123456789abcdef-r1-0001"
    marked = AnthropicDialect().request_line(line, token, marks_cache=True)
    assert (
        b'"system":[{"type":"text","text":"Long.","cache_control":{"type":"ephemeral","ttl":"1h"}}]' in marked
    )
    assert b'"messages":[{"role":"user","content":"a row"}]' in marked
    assert b"cache_control" not in AnthropicDialect().request_line(line, token)
