"""`report`: all that a reviewer asks of a run, as a page, as JSON, or as LaTeX with its bibliography."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rowbatch.core.document import Language, Shown
from rowbatch.errors import UsageError
from rowbatch.reporting.bibliography import bibliography_of
from rowbatch.reporting.checklists import CHECKLISTS, ChecklistName
from rowbatch.reporting.facts import RunFacts
from rowbatch.reporting.html import html_of
from rowbatch.reporting.latex import latex_of
from rowbatch.reporting.plain import plain_of
from rowbatch.reporting.sections import Sections
from rowbatch.store.atomic import require_free, write_atomically

ENDINGS = (".html", ".json", ".tex")
"""How a report's file may end, which says what it becomes."""


@dataclass(frozen=True, slots=True, repr=False)
class ReportWritten(Shown):
    """
    What was written.

    Attributes:
        paths: The files; beside each `.tex` its `.bib`.
        rows: Of the table.
        has_people: Whether anybody checked the labels; else the report says so before anything else.
        open_questions: Of the checklist: what only the author can say; 0 without one.
    """

    paths: tuple[Path, ...]
    rows: int
    has_people: bool
    open_questions: int = 0


def require_paths(paths: Sequence[Path], *, overwrite: bool) -> None:
    """
    Look before the work whether it can be written at its end.

    Raises:
        UsageError: No file is wanted, one twice, or one whose ending says no form.
        OutputExists: One is there.
    """
    for at, path in enumerate(paths):
        if path.suffix.lower() not in ENDINGS:
            raise UsageError("report-ending", path=str(path), endings=list(ENDINGS))
        if path in paths[:at]:
            raise UsageError("report-twice", path=str(path))
        for one in _with_beside(path):
            require_free(one, overwrite=overwrite)
    if not paths:
        raise UsageError("report-nowhere", endings=list(ENDINGS))


def require_checklist(name: str | None) -> ChecklistName | None:
    """
    The checklist of a name.

    Raises:
        UsageError: There is none.
    """
    if name is None:
        return None
    for known in CHECKLISTS:
        if known == name:
            return known
    raise UsageError("no-checklist", name=name, names=list(CHECKLISTS))


def write_report(
    facts: RunFacts,
    paths: Sequence[Path],
    *,
    language: Language = "en",
    checklist: ChecklistName | None = None,
    overwrite: bool = False,
) -> ReportWritten:
    """
    Write a report.

    Args:
        facts: Of the run.
        paths: Where to: a page (`.html`), JSON (`.json`), LaTeX (`.tex`, with `.bib` beside it).
        language: Of the page and of LaTeX; names in JSON are English.
        checklist: Which one is filled in; None for none.
        overwrite: Whether files may be replaced.
    Raises:
        UsageError, OutputExists: As `require_paths`.
        StorageError: The disk is full, or refuses.
    """
    require_paths(paths, overwrite=overwrite)
    document = Sections(facts, language).document(checklist)
    written: list[Path] = []
    for path in paths:
        match path.suffix.lower():
            case ".html":
                contents = [html_of(document)]
            case ".json":
                contents = [json.dumps(plain_of(facts), ensure_ascii=False, indent=1) + "\n"]
            case _:
                contents = [latex_of(document, path.stem), bibliography_of(facts)]
        for one, content in zip(_with_beside(path), contents, strict=True):
            write_atomically(one, content.encode(), overwrite=overwrite)
            written.append(one)
    items = CHECKLISTS[checklist].items if checklist else ()
    return ReportWritten(
        paths=tuple(written),
        rows=facts.rows,
        has_people=facts.people is not None,
        open_questions=sum(not one.answer(facts, language) for one in items),
    )


def _with_beside(path: Path) -> tuple[Path, ...]:
    return (path, path.with_suffix(".bib")) if path.suffix.lower() == ".tex" else (path,)
