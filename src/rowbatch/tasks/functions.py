"""What can be done with a task, by name: a worker finds it in the installed package."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from rowbatch.errors import UsageError

TaskFunction = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""
From a task to its record, both plain JSON.

One that finds its finished output (its name and a record with its digest) returns that record at once; the
bytes it writes are a function of the task alone, and they appear whole. So it may run twice, also at the same
time.
"""

FUNCTIONS: dict[str, str] = {
    "prepare": "rowbatch.tasks.prepare:prepare",
    "extract": "rowbatch.tasks.extract:extract",
    "infer": "rowbatch.tasks.infer:infer",
    "verify": "rowbatch.tasks.verify:verify",
}
"""Name of a function, and where it is: `module:function`."""


def find_function(name: str) -> TaskFunction:
    """
    The function of a name.

    Raises:
        UsageError: There is none in this version of rowbatch.
    """
    place = FUNCTIONS.get(name)
    if place is None:
        raise UsageError("no-such-task-function", name=name, known=sorted(FUNCTIONS))
    module, _, function = place.partition(":")
    found: TaskFunction = getattr(importlib.import_module(module), function)
    return found
