"""One task is done, and whatever goes wrong with it is an outcome."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rowbatch.errors import RowbatchError, StorageError
from rowbatch.tasks.functions import find_function
from rowbatch.tasks.runner import Outcome, problem_of


def do_task(function: str, task: Mapping[str, Any]) -> Outcome:
    """
    Do a task here.

    Args:
        function: A name of `rowbatch.tasks.functions`.
        task: Plain JSON with an `id`.
    Returns:
        Its record, or the problem that ended it; also where a library raised what nobody expects.
    """
    name = str(task["id"])
    try:
        return Outcome(name, record=dict(find_function(function)(task)))
    except RowbatchError as error:
        return Outcome(name, problem=problem_of(error))
    except MemoryError:
        return Outcome(name, problem=problem_of(StorageError("task-without-memory", path=name, task=name)))
    # A worker goes on with the next task, and says of this one what it knows.
    except Exception as error:  # noqa: BLE001 - it is told where the run is driven
        if str(error) == "can't start new thread":
            return Outcome(name, problem=problem_of(StorageError("no-process", path=name, told=str(error))))
        told = f"{type(error).__name__}: {error}"
        return Outcome(name, problem=problem_of(RowbatchError("task-broke", task=name, told=told)))


class SerialRunner:
    """Does tasks one after the other in this process."""

    def map(self, function: str, tasks: Sequence[Mapping[str, Any]]) -> Iterator[Outcome]:
        """As in `Runner`."""
        for task in tasks:
            yield do_task(function, task)
