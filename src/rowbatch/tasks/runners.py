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
    "ray": "rowbatch.tasks.runners:_ray",
}
"""Name of a runner, and what makes it of a number of workers, the file of the tasks and an address."""


def make_runner(name: str, workers: int | None, file: Path, ray_address: str | None = None) -> Runner:
    """
    The runner of a name.

    Args:
        name: One of `RUNNERS`.
        workers: How many processes; None means as many as are useful.
        file: Where the tasks stand.
        ray_address: Of a cluster of Ray that runs; None means that Ray is started on this computer.
    Raises:
        UsageError: There is no such runner, or it takes no number of workers or no address.
    """
    place = RUNNERS.get(name)
    if place is None:
        raise UsageError("no-such-runner", name=name, known=list(RUNNERS))
    if workers is not None and name in ("serial", "array"):
        raise UsageError("workers-not-taken", name=name)
    if ray_address is not None and name != "ray":
        raise UsageError("ray-address-not-taken", name=name)
    module, _, function = place.partition(":")
    make: Callable[[int | None, Path, str | None], Runner] = getattr(
        importlib.import_module(module), function
    )
    return make(workers, file, ray_address)


def _serial(_: int | None, __: Path, ___: str | None) -> Runner:
    from rowbatch.tasks.doing import SerialRunner

    return SerialRunner()


def _pool(workers: int | None, _: Path, __: str | None) -> Runner:
    from rowbatch.tasks.pool import PoolRunner

    return PoolRunner(workers)


def _array(_: int | None, file: Path, __: str | None) -> Runner:
    from rowbatch.tasks.array import ArrayRunner

    return ArrayRunner(file)


def _ray(workers: int | None, _: Path, address: str | None) -> Runner:
    from rowbatch.tasks.ray_runner import RayRunner

    return RayRunner(workers, address)
