"""What may help with a table that cannot be read as it stands: other ways to read it, each one press."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rowbatch.errors import RowbatchError, TableError
from rowbatch.words.notice import Notice

# Kinds of errors that another encoding may end.
_OF_ENCODING = frozenset(
    {
        "no-such-encoding",
        "encoding-of-two",
        "encoding-unknown",
        "encoding-unknown-at",
        "not-of-encoding",
        "not-of-encoding-told",
        "byte-order-mark-missing",
        "bytes-not-of-encoding",
        "bytes-of-another-encoding",
        "text-not-of-encoding",
        "text-encoding-unknown",
    }
)
# Kinds of errors of a choice that does not fit, and which it is: it is taken back.
_OF_CHOICES = {
    "no-such-encoding": "encoding",
    "encoding-does-not-fit": "encoding",
    "delimiter-does-not-fit": "delimiter",
    "delimiter-not-one-character": "delimiter",
    "sheet-does-not-fit": "sheet",
    "no-such-sheet": "sheet",
    "bad-rows-do-not-fit": "on_bad_rows",
    "json-keeps-no-rows": "on_bad_rows",
    "json-rows-not-there": "rows",
    "rows-no-place": "rows",
    "not-of-program": "program",
    "no-such-program": "program",
    "header-line-empty": "header",
    "json-lists-unnamed": "header",
}
# Kinds of errors of files with several tables, the attribute that says which, and the value with all of them.
_OF_SEVERAL = {
    "zip-several": ("sheet", "members"),
    "no-such-member": ("sheet", "members"),
    "r-several-frames": ("sheet", "frames"),
    "r-no-such-frame": ("sheet", "frames"),
    "json-which-rows": ("rows", "counts"),
}


@dataclass(frozen=True, slots=True)
class Way:
    """
    Another way to read a table.

    Attributes:
        name: The attribute of `ReadOptions` that says it.
        value: What it says then; "" for found out.
        told: The same in words, where it was tried on the lines that follow the broken row; or None.
        count: So many rows are there, where that is known.
    """

    name: str
    value: str
    told: Notice | None = None
    count: int | None = None


def ways_of(error: BaseException) -> tuple[Way, ...]:
    """
    Ways that may end an error, the likeliest first.

    They follow from its kind and values, never from its words.

    Args:
        error: That a table cannot be read.
    """
    return tuple(_ways_of(error)) if isinstance(error, RowbatchError) else ()


def needs_encoding(error: BaseException) -> bool:
    """Whether another encoding may end an error."""
    return isinstance(error, RowbatchError) and error.kind in _OF_ENCODING


def _ways_of(error: RowbatchError) -> Iterator[Way]:
    if error.kind in _OF_SEVERAL:
        name, listed = _OF_SEVERAL[error.kind]
        found = error.values.get(listed, ())
        for place in found:
            count = found[place] if isinstance(found, dict) else None
            yield Way(name, str(place), count=count)
        return
    if error.kind == "option-does-not-fit":
        option = str(error.values["option"])
        yield Way("header" if option == "--no-header" else option[2:].replace("-", "_"), "")
        return
    if error.kind in _OF_CHOICES:
        if error.kind == "json-keeps-no-rows":
            yield Way("on_bad_rows", "skip")
        yield Way(_OF_CHOICES[error.kind], "")
        return
    if error.kind in _OF_ENCODING or not isinstance(error, TableError) or error.line is None:
        return
    way = error.values.get("way")
    if isinstance(way, Notice) and way.kind == "way-of-reading":
        yield Way(str(way.values["name"]), str(way.values["mark"]), told=way)
    # JSON has no cells of which some could be kept.
    if not error.kind.startswith("json-"):
        yield Way("on_bad_rows", "keep")
    if error.kind != "json-entry-broken":
        yield Way("on_bad_rows", "skip")
