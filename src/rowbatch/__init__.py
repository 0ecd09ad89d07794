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
    from rowbatch.api import OpenCodingSet as OpenCodingSet
    from rowbatch.api import Run as Run
    from rowbatch.api import agree as agree
    from rowbatch.api import archive as archive
    from rowbatch.api import coding_set as coding_set
    from rowbatch.api import coding_sets as coding_sets
    from rowbatch.api import compare as compare
    from rowbatch.api import convert as convert
    from rowbatch.api import correct as correct
    from rowbatch.api import create as create
    from rowbatch.api import extract as extract
    from rowbatch.api import how_many as how_many
    from rowbatch.api import join_units as join_units
    from rowbatch.api import list_runs as list_runs
    from rowbatch.api import merge_coders as merge_coders
    from rowbatch.api import open_coding_set as open_coding_set
    from rowbatch.api import open_run as open
    from rowbatch.api import ready_codebook as ready_codebook
    from rowbatch.api import ready_codebooks as ready_codebooks
    from rowbatch.api import report as report
    from rowbatch.api import rerun as rerun
    from rowbatch.api import sample as sample
    from rowbatch.api import specification_curve as specification_curve
    from rowbatch.api import split as split
    from rowbatch.api import stability as stability
    from rowbatch.api import units as units
    from rowbatch.api import vary as vary
    from rowbatch.errors import RowbatchError as RowbatchError

__all__ = [
    "OpenCodingSet",
    "RowbatchError",
    "Run",
    "__version__",
    "agree",
    "archive",
    "coding_set",
    "coding_sets",
    "compare",
    "convert",
    "correct",
    "create",
    "extract",
    "find_settings",
    "how_many",
    "join_units",
    "list_runs",
    "merge_coders",
    "open",
    "open_coding_set",
    "preview_table",
    "ready_codebook",
    "ready_codebooks",
    "report",
    "rerun",
    "sample",
    "sentinels",
    "specification_curve",
    "split",
    "stability",
    "try_table",
    "units",
    "vary",
]

_PLACES = {
    "OpenCodingSet": ("rowbatch.api", "OpenCodingSet"),
    "RowbatchError": ("rowbatch.errors", "RowbatchError"),
    "Run": ("rowbatch.api", "Run"),
    "agree": ("rowbatch.api", "agree"),
    "compare": ("rowbatch.api", "compare"),
    "coding_set": ("rowbatch.api", "coding_set"),
    "coding_sets": ("rowbatch.api", "coding_sets"),
    "archive": ("rowbatch.api", "archive"),
    "convert": ("rowbatch.api", "convert"),
    "correct": ("rowbatch.api", "correct"),
    "create": ("rowbatch.api", "create"),
    "extract": ("rowbatch.api", "extract"),
    "find_settings": ("rowbatch.api", "find_settings"),
    "how_many": ("rowbatch.api", "how_many"),
    "join_units": ("rowbatch.api", "join_units"),
    "list_runs": ("rowbatch.api", "list_runs"),
    "merge_coders": ("rowbatch.api", "merge_coders"),
    "open": ("rowbatch.api", "open_run"),
    "open_coding_set": ("rowbatch.api", "open_coding_set"),
    "preview_table": ("rowbatch.api", "preview_table"),
    "ready_codebook": ("rowbatch.api", "ready_codebook"),
    "ready_codebooks": ("rowbatch.api", "ready_codebooks"),
    "report": ("rowbatch.api", "report"),
    "rerun": ("rowbatch.api", "rerun"),
    "sample": ("rowbatch.api", "sample"),
    "sentinels": ("rowbatch.api", "sentinels"),
    "specification_curve": ("rowbatch.api", "specification_curve"),
    "stability": ("rowbatch.api", "stability"),
    "vary": ("rowbatch.api", "vary"),
    "split": ("rowbatch.api", "split"),
    "try_table": ("rowbatch.api", "try_table"),
    "units": ("rowbatch.api", "units"),
}


def __dir__() -> list[str]:
    """What a person may use, for completion: nothing is imported for that."""
    return __all__


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("rowbatch")
    if name not in _PLACES:
        raise AttributeError(f"module 'rowbatch' has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _PLACES[name]
    return getattr(import_module(module), attribute)
