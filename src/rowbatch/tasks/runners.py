"""Which runner is meant by its name."""

from __future__ import annotations

from pathlib import Path

from rowbatch.errors import UsageError
from rowbatch.tasks.array import ArrayRunner
from rowbatch.tasks.doing import SerialRunner
from rowbatch.tasks.pool import PoolRunner
from rowbatch.tasks.runner import Runner

RUNNERS = ("serial", "pool", "array")
"""Names of runners."""


def make_runner(name: str, workers: int | None, file: Path) -> Runner:
    """
    The runner of a name.

    Args:
        name: One of `RUNNERS`.
        workers: How many processes; None means as many as are useful.
        file: Where the tasks stand.
    Raises:
        UsageError: There is no such runner, or it takes no number of workers.
    """
    if workers is not None and name in ("serial", "array"):
        raise UsageError("workers-not-taken", name=name)
    match name:
        case "serial":
            return SerialRunner()
        case "pool":
            return PoolRunner(workers)
        case "array":
            return ArrayRunner(file)
        case _:
            raise UsageError("no-such-runner", name=name, known=list(RUNNERS))
