"""
What does tasks, whatever it is: this process, others beside it, an array job, a cluster.

A task is plain JSON with an `id`; what is to be done with it is the name of a function. So nothing is
pickled, and a worker needs the same rowbatch and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rowbatch import errors
from rowbatch.errors import OutputExists, RequestTooLarge, RowbatchError
from rowbatch.words.notice import notice_of


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What became of a task: a record, or a problem.

    Attributes:
        task: Its id.
        record: Plain JSON: what its function gave back; None where it failed.
        problem: `class`, `kind` and `values` of the error that ended it, see `problem_of`; or None.
    """

    task: str
    record: Mapping[str, Any] | None = None
    problem: Mapping[str, Any] | None = None

    @property
    def error(self) -> RowbatchError | None:
        """What ended the task, with the words and the exit code it had there; None where it is done."""
        return None if self.problem is None else error_of(self.problem)

    def result(self) -> Mapping[str, Any]:
        """
        The record.

        Raises:
            RowbatchError: What ended the task.
        """
        if self.record is None:
            raise self.error or error_of({})
        return self.record


class Runner(Protocol):
    """Does tasks."""

    def map(self, function: str, tasks: Sequence[Mapping[str, Any]]) -> Iterator[Outcome]:
        """
        Do tasks, each at least once; a worker that dies takes none with it.

        Args:
            function: A name of `rowbatch.tasks.functions`.
            tasks: Plain JSON, each with an `id` of its own.
        Yields:
            One outcome a task, in any order, as soon as it is known.
        Raises:
            RowbatchError: No worker can be had.
        """
        ...


def problem_of(error: RowbatchError) -> dict[str, Any]:
    """An error as plain JSON, so that another process can raise it anew."""
    return {"class": type(error).__name__, **error.notice.to_plain()}


def error_of(problem: Mapping[str, Any]) -> RowbatchError:
    """The error that `problem_of` wrote: kind and values, and its class where this rowbatch knows it."""
    named = getattr(errors, str(problem.get("class", "")), None)
    any_kind: type[RowbatchError] = RowbatchError
    kind_of = named if isinstance(named, type) and issubclass(named, RowbatchError) else any_kind
    notice = notice_of({"kind": problem.get("kind"), "values": problem.get("values")})
    if notice is None:
        return RowbatchError("said", text=str(problem))
    values = dict(notice.values)
    if issubclass(kind_of, RequestTooLarge):
        return kind_of(**values)
    if issubclass(kind_of, OutputExists):
        return kind_of(kind=notice.kind, **values)
    try:
        return kind_of(notice.kind, **values)
    except TypeError:
        # Of another version, whose class had other values.
        return any_kind(notice.kind, **values)
