"""
What REDCap exports as CSV: records, raw or with labels, and the data dictionary of its project.

Form: `PROJECT_DATA_2026-01-31_1200.csv` has names of fields above (`record_id`, `redcap_event_name`,
`field___1` for each box of a checkbox, `form_complete`), between commas, tabs, semicolons, bars or carets;
`PROJECT_DATA_LABELS_….csv` has questions and choices instead. `PROJECT_DATA_NOHDRS_….csv`, which is made for
SPSS, SAS and Stata, has no line of names. `PROJECT_DataDictionary_2026-01-31.csv` has a row a field, with its
type, its question and its choices (`1, Yes | 2, No`); the API gives it with other names. A project as XML is
CDISC ODM.
Source: REDCap's own export as a plugin of HCV-TARGET has it (names of files, labels of boxes, the fields that
REDCap adds); github.com/OuhscBbmc/REDCapR (082c197), inst/test-data: dictionaries and records.

Rows: one a record, or one an event or repeat of it, as they stand. The dictionary gives columns their
questions and choices where it lies in a zip file with the records, or beside them with `--program redcap`; it
is never taken in silence.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import cast

from rowbatch.core.table_options import FIRST, NO_HEADER, PLAIN, ReadingKeywords, ReadOptions
from rowbatch.errors import RowbatchError, TableError
from rowbatch.programs.archives import begin_of, names_in
from rowbatch.programs.base import DressedTable, Program
from rowbatch.tables import formats
from rowbatch.tables.base import ColumnInfo, Table
from rowbatch.tables.csv_reader import open_csv
from rowbatch.words.notice import Notice

_NAME = "redcap"
_ODM = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<ODM\b", re.DOTALL)
_NO_NAMES = "_DATA_NOHDRS_"
_DICTIONARY = re.compile(r".*dictionary.*\.csv", re.IGNORECASE)
# What REDCap adds, and calls so.
_OF_REDCAP = {
    "redcap_event_name": "Event Name",
    "redcap_repeat_instrument": "Repeat Instrument",
    "redcap_repeat_instance": "Repeat Instance",
    "redcap_data_access_group": "Data Access Group",
    "redcap_survey_identifier": "Survey Identifier",
}
_Codes = Mapping[int | float | str, str]
_COMPLETE: _Codes = {0: "Incomplete", 1: "Unverified", 2: "Complete"}
_BOX: _Codes = {0: "Unchecked", 1: "Checked"}
_FIXED: Mapping[str, _Codes] = {"yesno": {1: "Yes", 0: "No"}, "truefalse": {1: "True", 0: "False"}}
_WITH_CHOICES = ("radio", "dropdown", "checkbox")
_TAG = re.compile(r"<[^<>]*>")
_MOST_FILES = 1000
# In REDCap's own file, and in what its API gives.
_HEADS = {
    "name": ("Variable / Field Name", "field_name"),
    "form": ("Form Name", "form_name"),
    "kind": ("Field Type", "field_type"),
    "label": ("Field Label", "field_label"),
    "choices": ("Choices, Calculations, OR Slider Labels", "select_choices_or_calculations"),
}
_LEAST_KNOWN = 0.5


@dataclass(frozen=True, slots=True)
class _Field:
    """A row of a dictionary."""

    name: str
    form: str
    kind: str
    label: str
    choices: str


def _is_file(path: Path, head: bytes) -> bool:
    return _ODM.match(head.removeprefix(b"\xef\xbb\xbf")) is not None or _pair(path, head) is not None


def _pair(path: Path, head: bytes) -> tuple[str, str] | None:
    """The names of the records and of the dictionary in a zip file of both."""
    if path.is_dir():
        return None
    names = [
        name for name in names_in(path, head) if name.lower().endswith(".csv") and "__MACOSX" not in name
    ]
    if len(names) != 2:
        return None
    dictionaries = [name for name in names if _begins_as_dictionary(path, name)]
    if len(dictionaries) != 1:
        return None
    names.remove(dictionaries[0])
    return names[0], dictionaries[0]


def _begins_as_dictionary(path: Path, member: str) -> bool:
    line = begin_of(path, member).partition(b"\n")[0].decode("utf-8-sig", errors="replace")
    return line.lstrip('"').startswith(_HEADS["name"]) and any(kind in line for kind in _HEADS["kind"])


def _open(path: Path, options: ReadOptions) -> Table:
    pair = _pair(path, b"PK\x03\x04")
    if pair is None:
        raise TableError("redcap-odm", path=str(path))
    records, dictionary = pair
    if options.sheet not in (None, records):
        return formats.open_table(path, replace(options, program=None))
    keywords = cast(ReadingKeywords, asdict(replace(options, sheet=None, header=options.header or FIRST)))
    table = open_csv(path, member=records, **keywords)
    fields = _fields(open_csv(path, member=dictionary, header=FIRST, delimiter=","))
    return _labelled(table, fields, PurePosixPath(dictionary).name)


def _dress(table: Table, options: ReadOptions) -> Table | None:
    if table.format != "csv":
        return None
    if _NO_NAMES in table.path.name and options.header in (None, NO_HEADER):
        plain = formats.open_table(table.path, replace(options, header=NO_HEADER, program=None))
        return DressedTable(plain, _NAME, note=Notice("note-redcap-no-names", {"path": table.path.name}))
    if len(table.header) == 1 and options.delimiter is None and _is_known(table.header[0].split("^")):
        table = formats.open_table(table.path, replace(options, delimiter="^", program=None))
    elif not _is_known(table.header):
        return None
    found = _beside(table)
    if options.program == _NAME:
        if found:
            return _labelled(table, found[1], found[0])
        return DressedTable(table, _NAME, note=Notice("note-redcap-alone", {"path": table.path.name}))
    if found:
        values = {"path": table.path.name, "dictionary": found[0]}
        return DressedTable(table, PLAIN, note=Notice("note-redcap-dictionary", values))
    return DressedTable(table, PLAIN) if table.reading.delimiter == "^" else None


def _is_known(header: tuple[str, ...] | list[str]) -> bool:
    """Whether names are those of fields of REDCap."""
    return bool(_OF_REDCAP.keys() & set(header)) or (
        len(header) > 1 and any(name.endswith("_complete") for name in header)
    )


def _beside(table: Table) -> tuple[str, Mapping[str, _Field]] | None:
    """The dictionary in the folder of a table, with its name; of several, the one called most alike."""
    try:
        with os.scandir(table.path.parent) as entries:
            names = [one.name for one in islice(entries, _MOST_FILES) if _DICTIONARY.fullmatch(one.name)]
    except OSError:
        return None
    names.sort(key=lambda name: (-_alike(name, table.path.name), name))
    for name in names:
        path = table.path.with_name(name)
        if path == table.path or not _begins_as_dictionary(path, ""):
            continue
        try:
            fields = _fields(open_csv(path, header=FIRST, delimiter=","))
        except RowbatchError:
            continue
        of_project = tuple(one for one in table.header if one not in _OF_REDCAP)
        infos = _infos(of_project, fields)
        if sum(bool(info.label) for info in infos) >= _LEAST_KNOWN * len(infos):
            return name, fields
    return None


def _alike(one: str, other: str) -> int:
    """How many characters two names begin with both."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))


def _fields(table: Table) -> dict[str, _Field]:
    """The fields of a project by their names."""
    places = {
        part: next((at for at, title in enumerate(table.header) if title in titles), None)
        for part, titles in _HEADS.items()
    }
    found = {}
    for chunk in table.chunks():
        for row in chunk.frame.iter_rows():
            cells = {part: "" if at is None else str(row[at]).strip() for part, at in places.items()}
            found[cells["name"]] = _Field(**cells)
    return found


def _labelled(table: Table, fields: Mapping[str, _Field], dictionary: str) -> Table:
    infos = _infos(table.header, fields)
    values = {
        "path": table.path.name,
        "dictionary": dictionary,
        "columns": sum(bool(one.label) for one in infos),
    }
    return DressedTable(table, _NAME, columns=infos, note=Notice("note-redcap", values))


def _infos(header: tuple[str, ...], fields: Mapping[str, _Field]) -> tuple[ColumnInfo, ...]:
    """What a dictionary says about columns."""
    boxes = {name: info for field in fields.values() for name, info in _boxes(field)}
    forms = {field.form for field in fields.values()}
    return tuple(boxes.get(name) or _info(name, fields.get(name), forms) for name in header)


def _info(name: str, field: _Field | None, forms: set[str]) -> ColumnInfo:
    if field is not None:
        choices = _choices(field) if field.kind in _WITH_CHOICES else _FIXED.get(field.kind, {})
        return ColumnInfo(label=_plain(field.label), value_labels=choices)
    if name.removesuffix("_complete") in forms and name.endswith("_complete"):
        return ColumnInfo(label="Complete?", value_labels=_COMPLETE)
    if name.removesuffix("_timestamp") in forms and name.endswith("_timestamp"):
        return ColumnInfo(label="Survey Timestamp")
    return ColumnInfo(label=_OF_REDCAP.get(name, ""))


def _boxes(field: _Field) -> Iterator[tuple[str, ColumnInfo]]:
    """The columns of a checkbox: one a choice."""
    if field.kind != "checkbox":
        return
    for code, choice in _choices(field).items():
        # As REDCap names them: what cannot stand in a name is left out, or a `_`.
        spelled = str(code).lower()
        written = spelled.replace("-", "_").replace(".", "_") if _is_number(spelled) else ""
        name = f"{field.name}___{written or re.sub(r'[^a-z0-9_]', '', spelled)}"
        yield name, ColumnInfo(label=f"{_plain(field.label)} (choice={choice})", value_labels=_BOX)


def _choices(field: _Field) -> _Codes:
    """`1, Yes | 2, No` as codes and what they mean."""
    found: dict[int | float | str, str] = {}
    for part in field.choices.split("|"):
        code, _, choice = part.partition(",")
        code = code.strip()
        if code:
            is_whole = code.removeprefix("-").isdecimal() and str(int(code)) == code
            found[int(code) if is_whole else code] = _plain(choice) or code
    return found


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?[0-9]+(?:\.[0-9]+)?", text) is not None


def _plain(text: str) -> str:
    """A text without the tags of HTML that REDCap shows it with."""
    return " ".join(_TAG.sub(" ", text).split())


PROGRAM = Program(name=_NAME, title="REDCap", is_file=_is_file, open=_open, dress=_dress)
