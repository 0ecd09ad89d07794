"""A whole run whose provider answers more than it should, or something that is no batch."""

from __future__ import annotations

import json

import pytest
import stamina

from driving import drive, finish, judge, make_run, rows_of
from fake_providers import FakeProvider
from rowbatch.core import bounded_lines
from rowbatch.errors import ServiceError
from rowbatch.steps import download

PROVIDERS = ["openai", "anthropic", "gemini", "mistral"]


@pytest.fixture(autouse=True)
def _no_waiting():
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_result_line_without_end_costs_its_row_another_round(tmp_path, monkeypatch, provider):
    """
    The other rows keep their answers, and only that one is asked again.
    """
    monkeypatch.setattr(bounded_lines, "MOST_LINE_BYTES", 3_000)
    run = make_run(tmp_path, rows=9, shard_rows=1000, provider=provider)
    fake = FakeProvider(provider)
    long = ["row-5"]

    def spoil(custom_id, line):
        if custom_id not in long:
            return line
        long.remove(custom_id)
        return line[:-2] + b" " * 9_000 + line[-2:]

    fake.spoil = spoil
    finish(run, fake, provider=provider)
    assert not long
    first, second = fake.batches
    assert {line["custom_id"] for line in second.lines} == {"row-5"}
    assert len(first.lines) == 8
    rows = rows_of(tmp_path / "out.csv")
    assert [row["status"] for row in rows if row["text"].strip()] == ["ok"] * 8


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_result_file_larger_than_its_rows_can_make_it_is_not_brought(tmp_path, monkeypatch, provider):
    """
    It is said, nothing of it stays, and nothing is sent again; with a right bound the same run goes on.
    """
    run = make_run(tmp_path, rows=4, shard_rows=1000, provider=provider)
    fake = FakeProvider(provider)
    with monkeypatch.context() as patch:
        patch.setattr(download, "_LEAST_BOUND_BYTES", 20)
        patch.setattr(download, "MOST_LINE_BYTES", 5)
        with pytest.raises(ServiceError, match="more than 20 bytes"):
            drive(run, fake, provider=provider)
        assert list((run.path / "results").glob("*")) == []
    finish(run, fake, provider=provider)
    judge(run, fake, rows_of(tmp_path / "out.csv"))
    assert len(fake.batches) == 1


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_batch_that_cannot_be_read_ends_the_command_and_costs_nothing(tmp_path, monkeypatch, provider):
    """
    It is asked for three times and said; the next command goes on with the same batch.
    """
    run = make_run(tmp_path, rows=4, shard_rows=1000, provider=provider)
    fake = FakeProvider(provider)
    drive(run, fake, provider=provider, goal="submitted")
    handle, asked = fake.handle, []

    def odd(method, url, headers, body):
        reply = handle(method, url, headers, body)
        answer = json.loads(reply.body) if reply.body.startswith(b"{") else {}
        batch = answer.get("metadata") if provider == "gemini" else answer
        words = {"status", "processing_status", "state"}
        if method == "GET" and isinstance(batch, dict) and words & batch.keys():
            asked.append(url)
            for name in words & batch.keys():
                batch[name] = 7
            return reply._replace(body=json.dumps(answer).encode())
        return reply

    with monkeypatch.context() as patch:
        patch.setattr(fake, "handle", odd)
        with pytest.raises(ServiceError, match="no id or no status"):
            drive(run, fake, provider=provider)
    assert len(asked) == 3
    finish(run, fake, provider=provider)
    judge(run, fake, rows_of(tmp_path / "out.csv"))
    assert len(fake.batches) == 1
