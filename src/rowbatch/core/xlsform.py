"""
XLSForm, in which surveys are written for ODK, KoboToolbox and SurveyCTO, as a codebook.

A question becomes a variable, a choice a label: its name is what stands in the table, as it is in the
survey's data, and its label is the definition. What a codebook has no place for is told; where it would
change what is asked, the form has to be looked at before it is used.

Source:
    xlsform.org, "XLSForm reference", sheets `survey`, `choices` and `settings`; read on 2026-11-28.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rowbatch.core.codebook import Cell
from rowbatch.core.codebook_table import Drawn, Sheet
from rowbatch.words.notice import Notice

SHEETS = ("survey", "choices", "settings")
"""Of the workbook; the first one has to be there."""

_KINDS: Mapping[str, dict[str, Any]] = {
    "integer": {"kind": "number", "whole": True},
    "int": {"kind": "number", "whole": True},
    "decimal": {"kind": "number"},
    "date": {"kind": "date"},
    "text": {"kind": "text"},
    "string": {"kind": "text"},
}
# What nobody is asked, or what only says something to the people who fill the form in.
_UNASKED = frozenset(
    (
        *("note", "start", "end", "today", "deviceid", "phonenumber", "username", "email", "audit", "hidden"),
        *("subscriberid", "simserial", "start-geopoint", "background-audio", "csv-external", "xml-external"),
    )
)
_OTHER = "other"
_REFERENCE = r"\$\{\s*([^}\s]+)\s*\}"
_EQUALS = re.compile(rf"\(*\s*{_REFERENCE}\s*=\s*(?:'([^']*)'|\"([^\"]*)\"|(-?[0-9.]+))\s*\)*")
_SELECTED = re.compile(rf"\(*\s*selected\s*\(\s*{_REFERENCE}\s*,\s*(?:'([^']*)'|\"([^\"]*)\")\s*\)\s*\)*")
_BOUND = re.compile(r"\(?\s*\.\s*(>=|<=|>|<)\s*(-?[0-9]+(?:\.[0-9]+)?|date\(\s*'[^']+'\s*\)|'[0-9-]+')\s*\)?")
_COUNT = re.compile(r"\(?\s*count-selected\s*\(\s*\.\s*\)\s*<=\s*([0-9]+)\s*\)?")
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)
_OR = re.compile(r"\s+or\s+", re.IGNORECASE)
_LIST_NAME = ("list_name", "list name")


def is_xlsform(sheets: Mapping[str, Sheet]) -> bool:
    """Whether the sheets of a workbook, by their names in lower case, are such a form."""
    survey = sheets.get("survey")
    return survey is not None and {"type", "name"} <= {name.strip().lower() for name in survey.header}


def draw_from_form(sheets: Mapping[str, Sheet]) -> Drawn:
    """
    A codebook of a form.

    Args:
        sheets: By their names in lower case; those of `SHEETS` that are there.
    """
    return _FormReader(sheets).read()


@dataclass(slots=True)
class _Group:
    """A group of questions: those in it are asked where it is."""

    only_if: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a sheet, by its headers in lower case."""

    number: int
    cells: Mapping[str, str]
    sheet: str

    def at(self, column: str) -> Cell:
        return Cell(self.number, column, self.sheet)

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


class _FormReader:
    def __init__(self, sheets: Mapping[str, Sheet]) -> None:
        self._survey = list(_rows(sheets["survey"]))
        self._survey_header = sheets["survey"].header
        self._choices = list(_rows(sheets["choices"])) if "choices" in sheets else []
        settings = list(_rows(sheets["settings"])) if "settings" in sheets else []
        self._language = settings[0]["default_language"] if settings else ""
        self._drawn = Drawn(document={"variables": []})
        self._groups: list[_Group] = []

    def read(self) -> Drawn:
        label = self._label_column(self._survey_header, "label")
        if "中文" in label or "chinese" in label or re.search(r"\bzh\b", label):
            self._drawn.document["language"] = "zh"
        for row in self._survey:
            self._read_row(row)
        return self._drawn

    def _read_row(self, row: _Row) -> None:
        words = row["type"].split()
        if not words:
            return
        kind = words[0].lower().replace("_", "-")
        second = words[1].lower() if len(words) > 1 else ""
        if kind in ("begin-group", "begin-repeat") or (kind == "begin" and second in ("group", "repeat")):
            if second == "repeat" or kind == "begin-repeat":
                self._miss(row, "type")
            self._groups.append(_Group(self._conditions(row)))
        elif kind in ("end-group", "end-repeat") or (kind == "end" and second in ("group", "repeat")):
            if self._groups:
                self._groups.pop()
        elif kind in _UNASKED or kind == "calculate":
            self._drawn.left_out.append(
                Notice("xlsform-row-left-out", {"row": row.number, "type": row["type"]})
            )
        else:
            self._read_question(row, words)

    def _read_question(self, row: _Row, words: list[str]) -> None:
        type_ = words[0].lower()
        if type_ in ("select_one", "select_multiple", "select1", "select") and len(words) > 1:
            is_one = type_ in ("select_one", "select1")
            fields: dict[str, Any] = {"kind": "label" if is_one else "labels"}
        elif row["type"].lower() in _KINDS:
            fields = dict(_KINDS[row["type"].lower()])
        else:
            self._miss(row, "type")
            return
        place = ("variables", len(self._drawn.document["variables"]))
        self._drawn.where[place] = self._drawn.where[*place, "name"] = row.at("name")
        variable: dict[str, Any] = {"name": variable_name(row["name"]), **fields}
        label = self._label_column(self._survey_header, "label")
        question = " ".join(filter(None, (row[label], row[label.replace("label", "hint", 1)])))
        if question:
            variable["question"] = question
            self._drawn.where[*place, "question"] = row.at(label)
        if "label" in fields["kind"]:
            variable["labels"] = list(self._labels(row, words[1], place))
            if "or_other" in words[2:]:
                variable["labels"].append({"name": _OTHER})
        only_if = self._conditions(row)
        for group in self._groups:
            only_if = group.only_if | only_if
        if only_if:
            variable["only_if"] = only_if
            self._drawn.where[*place, "only_if"] = row.at("relevant")
        variable |= self._bounds(row, fields, place)
        for column in ("choice_filter", "calculation"):
            if row[column]:
                self._miss(row, column)
        self._drawn.document["variables"].append(variable)

    def _labels(self, row: _Row, list_name: str, place: tuple[str, int]) -> Iterator[dict[str, Any]]:
        self._drawn.where[*place, "labels"] = row.at("type")
        found = [choice for choice in self._choices if list_name in (choice[name] for name in _LIST_NAME)]
        header = tuple(found[0].cells) if found else ()
        column = self._label_column(header, "label")
        for number, choice in enumerate(found):
            inner = (*place, "labels", number)
            self._drawn.where[inner] = choice.at("name")
            label: dict[str, Any] = {"name": choice["name"]}
            if choice[column] and choice[column].casefold() != choice["name"].casefold():
                label["definition"] = choice[column]
                self._drawn.where[*inner, "definition"] = choice.at(column)
            yield label

    def _label_column(self, header: Any, word: str) -> str:
        """The column with the words of one language: the form's own, else the first one."""
        names = [name.strip().lower() for name in header]
        translated = [name for name in names if re.fullmatch(rf"{word}:{{1,2}}.+", name)]
        wanted = self._language.strip().lower()
        own = [name for name in translated if wanted and name.split(":")[-1].strip() == wanted]
        return next(iter(own), word if word in names else next(iter(translated), word))

    def _conditions(self, row: _Row) -> dict[str, list[str]]:
        told = row["relevant"]
        found: dict[str, list[str]] = {}
        if not told:
            return found
        if _AND.search(told) and _OR.search(told):
            # Which of them belong together, brackets say; whoever wrote it knows it better.
            self._miss(row, "relevant")
            return found
        for part in _AND.split(told.strip()):
            values: dict[str, list[str]] = {}
            for one in _OR.split(part):
                match = _EQUALS.fullmatch(one) or _SELECTED.fullmatch(one)
                if match is None:
                    self._miss(row, "relevant")
                    return {}
                value = next(text for text in match.groups()[1:] if text is not None)
                values.setdefault(variable_name(match[1]), []).append(value)
            # Either of two variables is more than a codebook can say.
            if len(values) != 1 or set(values) & set(found):
                self._miss(row, "relevant")
                return {}
            found |= values
        return found

    def _bounds(self, row: _Row, fields: Mapping[str, Any], place: tuple[str, int]) -> dict[str, Any]:
        told, kind = row["constraint"], fields["kind"]
        bounds: dict[str, Any] = {}
        for part in _AND.split(told.strip()) if told else ():
            count, bound = _COUNT.fullmatch(part), _BOUND.fullmatch(part)
            if count and kind == "labels":
                bounds["most"] = int(count[1])
            elif bound and (value := _bound(bound[1], bound[2], fields)) is not None:
                bounds["min" if ">" in bound[1] else "max"] = value
            else:
                self._miss(row, "constraint")
                return {}
        for name in bounds:
            self._drawn.where[*place, name] = row.at("constraint")
        return bounds

    def _miss(self, row: _Row, column: str) -> None:
        told = {"row": row.number, "column": column, "found": row[column][:120]}
        self._drawn.not_taken.append(Notice("xlsform-not-taken", told))


def variable_name(name: str) -> str:
    """The name of a question as the column's name: XLSForm allows points and hyphens too."""
    return re.sub(r"[.\-]", "_", name.strip())


def _bound(sign: str, text: str, fields: Mapping[str, Any]) -> int | float | str | None:
    """The least or most that is allowed; None where a codebook can't say it."""
    day = re.search(r"'([^']+)'", text)
    if fields["kind"] == "date":
        return day[1].strip() if day and "=" in sign else None
    if fields["kind"] != "number" or day:
        return None
    if "=" in sign:
        return float(text) if "." in text else int(text)
    # Of whole numbers what is more than 0 is at least 1; of others nothing can be named.
    if not fields.get("whole") or "." in text:
        return None
    return int(text) + (1 if sign == ">" else -1)


def _rows(sheet: Sheet) -> Iterator[_Row]:
    names = [name.strip().lower() for name in sheet.header]
    for number, cells in enumerate(sheet.rows, start=1):
        by_name: dict[str, str] = {}
        for name, cell in zip(names, cells, strict=False):
            by_name.setdefault(name, cell.strip())
        yield _Row(number, by_name, sheet.name)
