"""The tasks of a run that was planned, done here: one element of an array job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rowbatch.tasks.array import work as work_on
from rowbatch.tasks.runner import Outcome


def work(tasks: str | Path, index: int, of: int | None = None) -> Iterator[Outcome]:
    """
    Do the tasks of one element of an array job, on any machine that sees the folder of the run.

    It needs no key, sends nothing, and what is done already is not done again.

    Args:
        tasks: The file with the tasks, as `Run.plan_tasks` wrote it: `RUN/tasks/prepare.jsonl`.
        index: Which element, from 0.
        of: How many elements there are: each does every so many-th task. None means one task each.
    Yields:
        What became of each task; a failure is kept beside the records, for whoever waits for these.
    Raises:
        UsageError: There is no such element.
        InputError: There is no such file.
    """
    yield from work_on(Path(tasks), index, of)
