"""A whole run in which single result lines are not as their provider says."""

from __future__ import annotations

import pytest
import stamina

from driving import drive, judge, make_run, rows_of
from fake_providers import FakeProvider
from odd_results import FORMS, SHAPES, Shape
from rowbatch.core.endpoint import find_endpoint
from rowbatch.core.findings import read_findings
from rowbatch.steps import download
from rowbatch.steps.collect import collect

# Azure's and other compatible lines are OpenAI's, byte for byte.
DRIVEN = [shape for shape in SHAPES if shape.provider in ("openai", "anthropic", "gemini", "mistral")]


@pytest.fixture(autouse=True)
def _no_waiting():
    with stamina.set_testing(True, attempts=6):
        yield


class Spoiler:
    """Makes a line of an odd form of the first answer of some rows."""

    def __init__(self, shape: Shape, forms: dict[str, str]) -> None:
        self._shape, self.left = shape, dict(forms)

    def __call__(self, custom_id: str, line: bytes) -> bytes:
        form = self.left.pop(custom_id, None)
        return line if form is None else FORMS[form](line, self._shape)


@pytest.mark.parametrize("shape", DRIVEN, ids=[f"{s.provider}-{s.endpoint}" for s in DRIVEN])
def test_a1_odd_lines_cost_their_rows_another_round_and_nothing_else(tmp_path, shape):
    """
    Every odd form in one run: the line is counted, the rest kept, and its row, alone, is asked again.
    """
    # One row in two has an odd line; rows 3, 10, 17, … have no text and are not asked.
    asked = [f"row-{number}" for number in range(1, 3 * len(FORMS)) if number % 7 != 3]
    forms = dict(zip(asked[::2], FORMS, strict=False))
    assert len(forms) == len(FORMS)
    rows = 3 * len(FORMS) - 1
    run = make_run(
        tmp_path,
        rows=rows,
        shard_rows=1000,
        provider=shape.provider,
        endpoint=find_endpoint(shape.endpoint),
    )
    fake = FakeProvider(shape.provider)
    fake.spoil = spoil = Spoiler(shape, forms)
    drive(run, fake, provider=shape.provider)
    assert not spoil.left
    with run.ledger() as ledger:
        first, *later = sorted(ledger.shards(), key=lambda shard: shard.round)
    findings = read_findings(first.findings)
    assert findings is not None
    again = {line["custom_id"] for batch in fake.batches[1:] for line in batch.lines}
    assert again == set(forms)
    assert len(later) == len(fake.batches) - 1
    assert findings.asked == len(asked)
    # Each odd line is unreadable, or says of its row that it failed.
    failed = sum(count for status, count in findings.statuses.items() if status not in ("ok", "missing"))
    assert findings.unreadable + failed + findings.unknown == len(forms)
    assert findings.statuses["ok"] == len(asked) - len(forms)
    report = collect(run)
    assert set(report.statuses) == {"ok", "skipped"}
    assert not report.has_gaps
    assert report.unreadable_lines == findings.unreadable
    if shape.endpoint != "embeddings":
        fake.paid_rows.clear()
        judge(run, fake, rows_of(report.path))


def test_a1_a_run_that_stopped_at_an_odd_line_goes_on(tmp_path, monkeypatch):
    """
    A run that an earlier version left at an odd line goes on; only the row of that line is paid again.
    """
    run, fake = make_run(tmp_path, provider="gemini"), FakeProvider("gemini")
    fake.spoil = Spoiler(next(s for s in SHAPES if s.provider == "gemini"), {"row-4": "id-gone"})

    def as_it_was(dialect, line, token):
        if b'"key"' not in line:
            raise KeyError("key")
        return dialect.result_line(line, token)

    with monkeypatch.context() as earlier:
        earlier.setattr(download, "read_result_line", as_it_was)
        with pytest.raises(KeyError):
            drive(run, fake, provider="gemini")
    drive(run, fake, provider="gemini")
    assert {row: count for row, count in fake.paid_rows.items() if count > 1} == {"row-4": 2}
    assert set(collect(run).statuses) == {"ok", "skipped"}
