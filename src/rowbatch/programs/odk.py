"""
What ODK Central and ODK Briefcase export: a zip file with a CSV file of the form, and one for each repeat.

Form: `FORM.csv`, a row a submission, with `SubmissionDate`, questions (`group-question`, or without the
group), `meta-instanceID` and `KEY`, and from Central also `SubmitterID` to `FormVersion`; one with several
choices may have a column `question/choice` for each. `FORM-REPEAT.csv` (`FORM-REPEAT~1.csv` where two repeats
are called so) has a row for each time, with `KEY`, and `PARENT_KEY`, which is the `KEY` of a submission or of
the repeat around it (`uuid:…/persons/person[1]`). UTF-8, commas. What was uploaded lies in `media/`.
Source: github.com/getodk/central-backend (4f5943d), lib/data/briefcase.js and test/unit/data/briefcase.js.

Rows: one a submission; or, with the name of a repeat as the sheet, one for each time, with the columns of the
submission (and of the repeats around it) behind its own. Where a name stands twice, that of the parents has
the name of their table in front: `FORM-name`.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import cast

from rowbatch.core.table_options import FIRST, ReadingKeywords, ReadOptions
from rowbatch.errors import TableError
from rowbatch.programs.archives import begin_of, names_in
from rowbatch.programs.base import DressedTable, Program
from rowbatch.programs.repeats import Parents, RepeatTable
from rowbatch.tables import formats
from rowbatch.tables.base import Table
from rowbatch.tables.csv_reader import open_csv
from rowbatch.tables.frame_table import refuse_options
from rowbatch.words.notice import Notice

_NAME = "odk"
_KEY, _PARENT = "KEY", "PARENT_KEY"
_OF_SUBMISSIONS = frozenset(("SubmissionDate", "meta-instanceID", "instanceID"))
_ALLOWED = ("encoding", "delimiter", "on_bad_rows", "header", "skip_rows", "quote", "escape", "sheet")
_HEADER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class _Form:
    """
    The tables in an export.

    Attributes:
        path: The zip file.
        main: The name in it of the submissions.
        repeats: The names in it of the others.
    """

    path: Path
    main: str
    repeats: tuple[str, ...]

    def title(self, member: str) -> str:
        """A table as the form calls it: the form's own name, or the name of the repeat."""
        stem = PurePosixPath(member).stem
        return stem.removeprefix(f"{PurePosixPath(self.main).stem}-") if member != self.main else stem


def _form(path: Path, head: bytes) -> _Form | None:
    if path.is_dir():
        return None
    names = [
        name for name in names_in(path, head) if name.lower().endswith(".csv") and "__MACOSX" not in name
    ]
    for main in sorted(names, key=len)[:1]:
        repeats = tuple(name for name in names if name.startswith(main[: -len(".csv")] + "-"))
        if repeats and _has(path, main, _KEY, _OF_SUBMISSIONS) and _has(path, repeats[0], _KEY, {_PARENT}):
            return _Form(path, main, repeats)
    return None


def _has(path: Path, member: str, key: str, others: frozenset[str] | set[str]) -> bool:
    """Whether the first line of a table names a column, and one of some others."""
    line = begin_of(path, member, _HEADER_BYTES).partition(b"\n")[0].decode("utf-8-sig", errors="replace")
    names = next(csv.reader([line]), [])
    return key in names and bool(others & set(names))


def _is_file(path: Path, head: bytes) -> bool:
    return _form(path, head) is not None


def _open(path: Path, options: ReadOptions) -> Table:
    form = _form(path, b"PK\x03\x04")
    if form is None:
        raise TableError("zip-empty", path=str(path))
    refuse_options(path, options, allowed=_ALLOWED, kind="an export of ODK")
    if options.sheet in names_in(path, b"PK\x03\x04") and options.sheet not in (form.main, *form.repeats):
        return formats.open_table(path, replace(options, program=None))
    member = _member(form, options.sheet)
    if member in form.repeats:
        return _repeat(form, member, options)
    others = [form.title(name) for name in form.repeats]
    note = Notice("note-odk", {"path": path.name, "table": form.title(member), "tables": others})
    return DressedTable(_csv(form, member, options), _NAME, note=note)


def _member(form: _Form, wanted: str | None) -> str:
    """The table that is meant: the submissions, or by its name in the zip file or in the form."""
    members = (form.main, *form.repeats)
    found = [name for name in members if wanted in (None, name, PurePosixPath(name).stem, form.title(name))]
    if not found:
        titles: Sequence[str] = [form.title(name) for name in members]
        raise TableError("no-such-member", path=str(form.path), member=wanted or "", members=titles)
    return found[0]


def _csv(form: _Form, member: str, options: ReadOptions) -> Table:
    options = replace(
        options,
        header=options.header or FIRST,
        delimiter=options.delimiter or ",",
        encoding=options.encoding or "utf-8",
        sheet=None,
    )
    return open_csv(form.path, member=member, **cast(ReadingKeywords, asdict(options)))


def _repeat(form: _Form, member: str, options: ReadOptions, inside: tuple[str, ...] = ()) -> Table:
    """
    A repeat with what its submissions, and the repeats around it, say.

    Args:
        form: The export.
        member: The repeat's name in it.
        options: The person's.
        inside: The repeats in it.
    """
    table = _csv(form, member, options)
    inside = (*inside, member)
    around = _around(form, table, inside, options)
    is_outermost = around == form.main
    outer = _csv(form, around, options) if is_outermost else _repeat(form, around, options, inside)
    title = form.title(around)
    note = Notice("note-repeat", {"path": form.path.name, "table": form.title(member), "parents": title})
    return RepeatTable(table, _NAME, _PARENT, Parents.of(title, outer, _KEY), note)


def _around(form: _Form, table: Table, inside: tuple[str, ...], options: ReadOptions) -> str:
    """The table whose rows the rows of a repeat belong to; it is none of those in it."""
    rows = table.peek(1)
    parent = rows[0][table.column(_PARENT)] if rows else ""
    if not parent.endswith("]"):
        return form.main
    # `uuid:…/persons/person[2]` is of the repeat `person`; two of a name have numbers.
    name = parent.rsplit("/", 1)[-1].rsplit("[", 1)[0]
    for other in form.repeats:
        if other in inside or form.title(other).split("~")[0] != name:
            continue
        inner = _csv(form, other, options)
        if not inner.peek(1):
            continue
        at = inner.column(_KEY)
        if any((chunk.frame[str(at)] == parent).any() for chunk in inner.chunks()):
            return other
    return form.main


PROGRAM = Program(name=_NAME, title="ODK", is_file=_is_file, open=_open)
