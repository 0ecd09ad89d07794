"""How our own programs are run in a process of their own."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def python_module(name: str) -> list[str]:
    """
    How to run a module of ours in a process of its own.

    Without `-P` Python looks for modules in the current folder first, where a user's `csv.py` may be.
    """
    return [sys.executable, "-P", "-m", name]


def python_environment() -> dict[str, str]:
    """The environment for it: as ours, and independent of the folder it is started in."""
    environment = dict(os.environ)
    if "PYTHONPATH" in environment:
        folders = environment["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(str(Path(folder).absolute()) for folder in folders)
    return environment
