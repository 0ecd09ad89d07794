"""A run whose request files were written by tasks is driven, collected and verified as any other."""

import pytest

from driving import finish, judge, rows_of
from fake_providers import FakeProvider
from rowbatch.steps.verify import verify
from rowbatch.tasks.into_run import build_by_tasks
from tasking import planned_run, write_table


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini", "mistral"])
def test_the_same_paid_run(tmp_path, provider):
    """
    Every row leaves once, in order, with its own answer; each is paid once; and all files are what they were.
    """
    run = planned_run(tmp_path / "run", write_table(tmp_path / "posts.csv", 30), provider=provider)
    build_by_tasks(run, "serial")
    fake = FakeProvider(provider)
    report = finish(run, fake, provider=provider)
    assert report.rows == 30
    judge(run, fake, rows_of(report.path))
    assert verify(run).faults == []
