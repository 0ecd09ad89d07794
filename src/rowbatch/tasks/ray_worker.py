"""What a worker of Ray does with a task: texts come and go, and nothing of ours is pickled but a name."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cache

from rowbatch.errors import UsageError
from rowbatch.tasks.doing import do_task
from rowbatch.tasks.runner import Outcome, problem_of

COMPARED = (
    "rowbatch",
    "polars",
    "msgspec",
    "numpy",
    "chardet",
    "fastexcel",
    "pyreadstat",
    "python-calamine",
    "ray",
)
"""Packages that the bytes of an output depend on: they are the same everywhere, or no work is done."""


def make_probe() -> Callable[[Sequence[str]], dict[str, str]]:
    """
    What tells the versions of Python and of packages where it runs; "" is a package that isn't there.

    It is made in a function so that Ray sends it as a whole: it has to run where there is no rowbatch.
    """

    def versions(names: Sequence[str]) -> dict[str, str]:
        import importlib.metadata
        import platform

        found = {"Python": ".".join(platform.python_version_tuple()[:2])}
        for name in names:
            try:
                found[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                found[name] = ""
        return found

    return versions


def difference(here: dict[str, str], there: dict[str, str], node: str) -> UsageError | None:
    """What to say of a computer whose versions are others; None where they are the same."""
    for name, version in here.items():
        if there.get(name, "") != version:
            return UsageError(
                "ray-nodes-differ",
                node=node,
                name=name,
                here=version or "-",
                there=there.get(name, "") or "-",
            )
    return None


@cache
def _versions() -> dict[str, str]:
    return make_probe()(COMPARED)


def do(function: str, task: str, cwd: str, versions: dict[str, str]) -> str:
    """
    Do a task in a worker of Ray.

    Args:
        function: A name of `rowbatch.tasks.functions`.
        task: JSON.
        cwd: The folder that paths in tasks are relative to, where this computer has it.
        versions: What the one that asks has; a computer may join when the work has begun.
    Returns:
        An `Outcome` as JSON.
    """
    asked = json.loads(task)
    with suppress(OSError):
        os.chdir(cwd)
    differs = difference(versions, _versions(), socket.gethostname())
    if differs is None:
        outcome = do_task(function, asked)
    else:
        outcome = Outcome(str(asked["id"]), problem=problem_of(differs))
    return json.dumps(asdict(outcome), ensure_ascii=False)


class Hand:
    """One process that keeps what it was given, as a GPU, from task to task."""

    def do(self, function: str, task: str, cwd: str, versions: dict[str, str]) -> str:
        """As `do`."""
        return do(function, task, cwd, versions)
