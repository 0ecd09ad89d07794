"""
Tasks done by an array job: SLURM, PBS, LSF, a Kubernetes indexed job, or a loop in a shell.

Each element of the array is one call of `rowbatch worker`, on whatever machine sees the folder of the plan.
Their records lie there; this side only reads them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rowbatch.errors import InputError, RunError, UsageError
from rowbatch.objects.stores import open_store
from rowbatch.tasks.doing import do_task
from rowbatch.tasks.plan import folder_of, read_task_file, with_store
from rowbatch.tasks.records import find_record
from rowbatch.tasks.runner import Outcome
from rowbatch.tasks.scratch import scratch_place, sweep


class ArrayRunner:
    """
    Takes what an array job did; does nothing itself.

    Args:
        file: Where its tasks stand, for messages.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def map(self, function: str, tasks: Sequence[Mapping[str, Any]]) -> Iterator[Outcome]:
        """
        As in `Runner`.

        Raises:
            RunError: Some tasks are not done yet.
        """
        outcomes = [_outcome(task) for task in tasks]
        left = sum(outcome is None for outcome in outcomes)
        if left:
            raise RunError(
                "tasks-wait-for-array", path=str(self._file), left=left, tasks=len(tasks), name=function
            )
        yield from (outcome for outcome in outcomes if outcome is not None)


def work(file: str | Path, index: int, of: int | None = None) -> Iterator[Outcome]:
    """
    Do the tasks of one element of an array job.

    Args:
        file: The tasks, one a line; beside it lies their plan. Or the address of such an object.
        index: Which element, from 0.
        of: How many elements there are: each does every so many-th task. None means one task each.
    Yields:
        One outcome a task. A problem is kept where the records are, too, so that who waits for them sees it.
    Raises:
        UsageError: There is no such element.
        InputError: There is no such file.
    """
    place = folder_of(file)
    tasks = with_store(read_task_file(file), place)
    elements = len(tasks) if of is None else of
    if not 0 <= index < elements:
        raise UsageError("no-such-element", index=index, elements=elements)
    store = open_store(place)
    sweep(scratch_place(store))
    for task in tasks[index::elements]:
        outcome = do_task(task["function"], task)
        name = _problem_name(outcome.task)
        store.delete(name)
        if outcome.problem is not None:
            store.put(name, json.dumps(outcome.problem, ensure_ascii=False).encode())
        yield outcome


def _problem_name(task: str) -> str:
    return f"problems/{task}.json"


def _outcome(task: Mapping[str, Any]) -> Outcome | None:
    store, name = open_store(task["store"]), str(task["id"])
    record = find_record(store, name, open_store(task["out"]) if "out" in task else None)
    if record is not None:
        return Outcome(name, record=record)
    try:
        return Outcome(name, problem=json.loads(store.read(_problem_name(name))))
    except (InputError, ValueError):
        return None
