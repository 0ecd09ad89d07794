"""How a table is read, for people: a field for each choice, what was found out, and buttons for what may help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol

from starlette.datastructures import FormData

from rowbatch import desk
from rowbatch.errors import UsageError
from rowbatch.web.rendering import text_of
from rowbatch.web.words import Words

_ENCODINGS = (
    ("utf-8", "UTF-8"),
    ("utf-16", "UTF-16"),
    ("gb18030", "GB18030 (GBK, GB2312)"),
    ("big5", "Big5"),
    ("shift_jis", "Shift-JIS"),
    ("euc-kr", "EUC-KR"),
    ("windows-1250", "Windows-1250"),
    ("windows-1251", "Windows-1251"),
    ("windows-1252", "Windows-1252"),
    ("windows-1253", "Windows-1253"),
    ("windows-1254", "Windows-1254"),
    ("windows-1255", "Windows-1255"),
    ("windows-1256", "Windows-1256"),
    ("latin-1", "Latin-1"),
)
_OTHER = "other"
# A sheet may have this very name.
_OF_ANY = ("encoding", "delimiter", "quote", "escape")
_TAB, _PLAIN, _NONE, _STOP = "tab", "plain", "none", "stop"
_MOST_SKIPPED_DIGITS = 9
_MOST_PLACES = 20


@dataclass(frozen=True, slots=True)
class Field:
    """
    One choice of how a table is read.

    Attributes:
        name: Of the attribute of `ReadOptions`, and of the field.
        label: What it is about.
        options: Values with their words; none for a field to write in.
        said: The value that a person chose; "" for found out.
        usual: What holds where nothing is chosen, with what was found out.
        other: What a field beside it is called, where a value need not be in the list; or "".
        hint: What to write; or "".
        digits: Whether only a number can be written.
    """

    name: str
    label: str
    options: tuple[tuple[str, str], ...] = ()
    said: str = ""
    usual: str = ""
    other: str = ""
    hint: str = ""
    digits: bool = False

    @property
    def is_other(self) -> bool:
        """Whether what was chosen is none of the list."""
        return bool(self.said and self.options) and self.said not in dict(self.options)

    @property
    def said_words(self) -> str:
        """What was chosen, in words."""
        return dict(self.options).get(self.said, self.said)


@dataclass(frozen=True, slots=True)
class WayButton:
    """
    A button that reads a table in another way.

    Attributes:
        name, value: Of the field that it sends.
        text: What it says.
        hint: What it does, where its text does not say it; or "".
        is_first: It was tried on the rows that follow.
    """

    name: str
    value: str
    text: str
    hint: str = ""
    is_first: bool = False


class TableFile(Protocol):
    """A file that can be read in several ways."""

    def sheets(self) -> tuple[str, ...]:
        """Names of the sheets of a workbook."""

    def members(self) -> tuple[str, ...]:
        """Names of the files in a zip file."""

    def fitting_options(self) -> frozenset[str]:
        """Names of the attributes of `ReadOptions` that have a meaning for it."""


def reading_fields(
    w: Words,
    table: TableFile,
    said: desk.ReadOptions,
    found: desk.ReadOptions | None,
    *,
    is_plain: bool = True,
) -> list[Field]:
    """
    The choices that have a meaning for a table.

    Args:
        w: The language.
        table: Its file.
        said: What a person chose.
        found: As it is read now; None where it cannot be read.
        is_plain: No program wrote it whose export is known.
    """
    fitting = {"program"}
    if is_plain:
        fitting |= table.fitting_options()
    # What a person chose can be taken back, also where it does not fit.
    fitting |= {one.name for one in fields(said) if _written(one.name, getattr(said, one.name))}
    made = []
    for field in _all_fields(w, table, fitting):
        if field.name not in fitting:
            continue
        chosen = _written(field.name, getattr(said, field.name))
        now = "" if found is None or chosen else _written(field.name, getattr(found, field.name))
        shown = dict(field.options).get(now, now.upper() if field.name == "encoding" else now)
        usual = field.usual or w.t("found out by itself")
        made.append(replace(field, said=chosen, usual=f"{usual}: {shown}" if shown else usual))
    return made


def _written(name: str, value: object) -> str:
    """A value as forms have it; "" for one that nobody has to say."""
    if value in (None, 0) or (name == "on_bad_rows" and value == _STOP):
        return ""
    return _TAB if value == "\t" else str(value)


def _all_fields(w: Words, table: TableFile, fitting: set[str]) -> list[Field]:
    """Every choice, in the order of the page; the header is chosen among the lines."""
    other = w.t("another one")
    parts = table.sheets() or table.members()
    bad_rows = [("keep", w.t("keep what can be understood"))] if "rows" not in fitting else []
    return [
        Field(
            "sheet",
            w.t("Sheet") if table.sheets() else w.t("File in the zip file") if parts else w.t("Data frame"),
            tuple((name, name) for name in parts),
            usual=w.t("the first that is not empty") if table.sheets() else "",
        ),
        Field("encoding", w.t("Encoding"), _ENCODINGS, other=other),
        Field(
            "delimiter",
            w.t("Separator"),
            (
                (",", w.t("comma")),
                (";", w.t("semicolon")),
                (_TAB, w.t("tab")),
                ("|", w.t("vertical bar")),
            ),
            other=other,
        ),
        Field(
            "quote",
            w.t("Quotes around cells"),
            (('"', '"'), ("'", "'"), (_NONE, w.t("none"))),
            other=other,
        ),
        Field(
            "escape",
            w.t("Before a quote in a cell"),
            ((_NONE, w.t("the quote once more")), ("\\", "\\")),
            other=other,
        ),
        Field(
            "rows",
            w.t("Where the rows are"),
            hint=w.t("Names with dots between them, as in data.items; a dot alone is the whole document."),
        ),
        Field("skip_rows", w.t("Lines to leave out at the top"), usual=w.t("none"), digits=True),
        Field(
            "on_bad_rows",
            w.t("Broken rows"),
            (*bad_rows, ("skip", w.t("leave them out"))),
            usual=w.t("stop and say where"),
        ),
        Field(
            "program",
            w.t("Which program wrote it"),
            ((_PLAIN, w.t("none: as it stands")), *_programs(w).items()),
        ),
    ]


def _programs(w: Words) -> dict[str, str]:
    """What programs are called, by their names; most have the same name in every language."""
    in_words = {
        "documents": w.t("a folder of documents"),
        "lines": w.t("a text, each line a row"),
        "reddit": w.t("Reddit, dumps of comments and submissions"),
        "x": w.t("X (Twitter), archive of an account"),
        "twarc": w.t("X (Twitter), answers of its API (twarc)"),
        "meta": w.t("Facebook and Instagram"),
        "youtube": w.t("YouTube, comments"),
    }
    return {name: in_words.get(name, title) for name, title in desk.program_titles().items()}


def changes_of(form: FormData) -> dict[str, str | int]:
    """
    What a form changes of how a table is read: attributes of `ReadOptions`, "" for found out.

    Raises:
        UsageError: The number of lines is none.
    """
    if text_of(form, "do") == "reset":
        return dict.fromkeys(_NAMES, "") | {"skip_rows": 0}
    changes: dict[str, str | int] = {}
    for name in _NAMES:
        if name not in form:
            continue
        said = text_of(form, name)
        if name in _OF_ANY and said == _OTHER:
            said = text_of(form, f"{name}_{_OTHER}").strip()
        changes[name] = "\t" if name == "delimiter" and said == _TAB else said
    if "header" in changes:
        changes["header"] = _header_said(form)
    if "skip_rows" in changes:
        changes["skip_rows"] = _count_said(text_of(form, "skip_rows").strip())
    if changes.get("on_bad_rows", "stop") not in ("keep", "skip", "stop", ""):
        del changes["on_bad_rows"]
    return changes


_NAMES = (
    "encoding",
    "delimiter",
    "sheet",
    "on_bad_rows",
    "header",
    "skip_rows",
    "quote",
    "escape",
    "rows",
    "program",
)


def _header_said(form: FormData) -> str:
    """A line, several, or that there is none; "" for what is neither: then it is found out."""
    said = text_of(form, "header")
    if said == "lines":
        first, last = (text_of(form, f"header_{end}").strip() for end in ("first", "last"))
        return f"{first}-{last}" if _is_line(first) and _is_line(last) else ""
    return said if _is_line(said) or said == _NONE else ""


def _is_line(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < len(text) < 7 and int(text) > 0


def _count_said(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_SKIPPED_DIGITS):
        raise UsageError("skip-rows-negative")
    return int(text)


def way_buttons(w: Words, ways: Sequence[desk.Way]) -> list[WayButton]:
    """Buttons for what may end an error."""
    return [_button(w, way) for way in ways]


def _button(w: Words, way: desk.Way) -> WayButton:
    if way.told is not None:
        chosen = way.told.values["chosen"]
        lines = int(way.told.values["lines"])
        return WayButton(
            way.name,
            _TAB if way.value == "\t" else way.value,
            w.t("Read it with %(chosen)s", chosen=w.told(chosen)),
            w.nt(
                "The row is whole then: it was tried on %(n)s line.",
                "The next rows are whole then: it was tried on %(n)s lines.",
                lines,
            ),
            is_first=True,
        )
    match way.name, way.value:
        case "on_bad_rows", "keep":
            text = w.t("Keep what can be understood of broken rows")
        case "on_bad_rows", "skip":
            text = w.t("Leave broken rows out")
        case _, "":
            text = w.t("Let it be found out")
        case "rows", place:
            if way.count is None:
                text = w.t("Take the rows of %(place)s", place=place)
            else:
                text = w.nt("%(place)s: %(n)s entry", "%(place)s: %(n)s entries", way.count, place=place)
        case _, value:
            text = value
    return WayButton(way.name, way.value, text)


def place_buttons(w: Words, places: Mapping[str, int], now: str | None) -> list[WayButton]:
    """Buttons for the lists in a document that could be its rows, but for the one that is."""
    ways = [desk.Way("rows", place, count=count) for place, count in places.items() if place != now]
    return way_buttons(w, ways[:_MOST_PLACES])
