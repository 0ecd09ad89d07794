"""
Label a table with a language model: rows go in, labels come out.

    import rowbatch

    run = rowbatch.create("posts.csv", text="post", labels=["good", "bad"], prompt="How is the mood?")
    run.preview()
    run.submit()
    run.wait()
    run.table()

Names are imported when they are first used, so that `import rowbatch` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from rowbatch.api import Run as Run
    from rowbatch.api import agree as agree
    from rowbatch.api import archive as archive
    from rowbatch.api import convert as convert
    from rowbatch.api import correct as correct
    from rowbatch.api import create as create
    from rowbatch.api import extract as extract
    from rowbatch.api import join_units as join_units
    from rowbatch.api import list_runs as list_runs
    from rowbatch.api import open_run as open
    from rowbatch.api import report as report
    from rowbatch.api import rerun as rerun
    from rowbatch.api import sample as sample
    from rowbatch.api import split as split
    from rowbatch.api import units as units
    from rowbatch.errors import RowbatchError as RowbatchError

__all__ = [
    "RowbatchError",
    "Run",
    "__version__",
    "agree",
    "archive",
    "convert",
    "correct",
    "create",
    "extract",
    "join_units",
    "list_runs",
    "open",
    "report",
    "rerun",
    "sample",
    "split",
    "units",
]

_PLACES = {
    "Run": ("rowbatch.api", "Run"),
    "RowbatchError": ("rowbatch.errors", "RowbatchError"),
    "agree": ("rowbatch.api", "agree"),
    "archive": ("rowbatch.api", "archive"),
    "convert": ("rowbatch.api", "convert"),
    "correct": ("rowbatch.api", "correct"),
    "create": ("rowbatch.api", "create"),
    "extract": ("rowbatch.api", "extract"),
    "join_units": ("rowbatch.api", "join_units"),
    "list_runs": ("rowbatch.api", "list_runs"),
    "open": ("rowbatch.api", "open_run"),
    "report": ("rowbatch.api", "report"),
    "rerun": ("rowbatch.api", "rerun"),
    "sample": ("rowbatch.api", "sample"),
    "split": ("rowbatch.api", "split"),
    "units": ("rowbatch.api", "units"),
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("rowbatch")
    if name not in _PLACES:
        raise AttributeError(f"module 'rowbatch' has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _PLACES[name]
    return getattr(import_module(module), attribute)
