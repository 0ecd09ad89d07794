"""Which runner is meant by its name."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

from rowbatch.errors import UsageError
from rowbatch.tasks.runner import Runner

RUNNERS: dict[str, str] = {
    "serial": "rowbatch.tasks.runners:_serial",
    "pool": "rowbatch.tasks.runners:_pool",
    "array": "rowbatch.tasks.runners:_array",
}
"""Name of a runner, and what makes it of how many workers and of the file of the tasks: `module:function`."""


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
    place = RUNNERS.get(name)
    if place is None:
        raise UsageError("no-such-runner", name=name, known=list(RUNNERS))
    if workers is not None and name in ("serial", "array"):
        raise UsageError("workers-not-taken", name=name)
    module, _, function = place.partition(":")
    make: Callable[[int | None, Path], Runner] = getattr(importlib.import_module(module), function)
    return make(workers, file)


def _serial(_: int | None, __: Path) -> Runner:
    from rowbatch.tasks.doing import SerialRunner

    return SerialRunner()


def _pool(workers: int | None, _: Path) -> Runner:
    from rowbatch.tasks.pool import PoolRunner

    return PoolRunner(workers)


def _array(_: int | None, file: Path) -> Runner:
    from rowbatch.tasks.array import ArrayRunner

    return ArrayRunner(file)
