"""
`export` to a project of qualitative analysis (`.qdpx`): each row's text with the codes that it has, and who
gave them.

A row is a source; of a table of units, as `document`, `unit`, `unit_start` and `unit_end` say, a document is
one, and its units are passages of it. A label is a coding of the whole text, or of the words that the model
showed for it; a quote of its words. Whoever answered is its coder: the model, each of several models with
what it said besides what they come to together, and people where they corrected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from rowbatch.core.added_columns import STATUS_COLUMNS
from rowbatch.core.confidence import measured
from rowbatch.core.kinds.base import Language, Variable
from rowbatch.core.kinds.labels import LabelsVariable
from rowbatch.core.kinds.number import NumberVariable
from rowbatch.core.kinds.quote import QuoteVariable, place_quote
from rowbatch.core.label_list import SEPARATOR
from rowbatch.core.panel import value_of
from rowbatch.core.refi_codebook import code_guids, codes_of, guid_of, is_coded
from rowbatch.core.refi_project import Coding, ProjectVariable, TextSource, VariableType
from rowbatch.core.states import RowStatus
from rowbatch.errors import UsageError
from rowbatch.results.answered import AnsweredTable
from rowbatch.results.extract_report import count_statuses
from rowbatch.results.people import IS_CORRECTED, CorrectedAnswers, final_column, human_column
from rowbatch.results.refi_project import ProjectWriter
from rowbatch.store.atomic import atomic_path
from rowbatch.words.notice import Notice

if TYPE_CHECKING:
    from rowbatch.core.plan import Asking
    from rowbatch.steps.export import ExportReport

_PEOPLE: Mapping[Language, str] = {"en": "people", "zh": "人工"}
_TOGETHER: Mapping[Language, str] = {"en": "{} models together", "zh": "{} 个模型的共识"}
_ROW: Mapping[Language, str] = {"en": "row {:06d}", "zh": "第 {:06d} 行"}
_UNIT_COLUMNS = ("document", "unit", "unit_start", "unit_end")
_FILE_COLUMN = "file"
_DOCUMENTS = "documents"
_NAMES_SHOWN = 12
_MOST_DIGITS = 12
_LONGEST_GAP = 1_000


def export_project(
    report: ExportReport,
    answered: AnsweredTable,
    corrected: CorrectedAnswers,
    *,
    wanted: pl.Series | None,
    only_answered: bool,
    kept: Sequence[int],
    overwrite: bool,
    progress: Callable[[int], None] | None,
) -> None:
    """
    Write the project.

    Args:
        report: What was written is noted in it; it names the file.
        answered: The table with its answers.
        corrected: What people corrected.
        wanted: Numbers of the only rows that are written; None means all.
        only_answered: Leave out rows that have no label.
        kept: Positions of the columns of the input that become variables of the sources; the text is none.
        overwrite: Whether a file may be replaced.
        progress: Called with the number of rows done so far.
    Raises:
        OutputExists: It is there.
        UsageError: The answers are embeddings.
        RunError: The table or a raw file was changed since.
    """
    if answered.embedding is not None:
        raise UsageError("refi-embeddings")
    project = _Project(answered, corrected, kept)
    with (
        atomic_path(report.path, overwrite=overwrite) as temporary,
        ProjectWriter(
            temporary,
            name=project.name,
            created_at=project.created_at,
            codes=codes_of(answered.codebook),
            variables=project.variables,
        ) as writer,
        closing(answered.chunks()) as chunks,
    ):
        documents = _Documents(project.first_id) if project.is_of_units else None
        for chunk, answers in chunks:
            count_statuses(answers, report.statuses, Counter())
            nobody = [pl.col(human_column(position)).fill_null("") for position in corrected.positions]
            frame = corrected.join(answers.lazy()).with_columns(nobody).collect()
            report.corrected += int(frame[IS_CORRECTED].sum())
            keep = pl.repeat(True, frame.height, eager=True)
            if only_answered:
                keep = frame[IS_CORRECTED] | (frame["status"] == RowStatus.OK.value)
            if wanted is not None:
                keep = keep & frame["row"].is_in(wanted.implode())
            report.left_out += frame.height - int(keep.sum())
            for row in project.rows(chunk.frame.filter(keep), frame.filter(keep)):
                report.rows += 1
                for source in [row.source] if documents is None else documents.add(row):
                    writer.add(source)
            if progress:
                progress(chunk.first_row + chunk.frame.height - 1)
        for source in () if documents is None else documents.finish():
            writer.add(source)
    report.notes = (*report.notes, *project.notes(documents, writer.changed_texts))


@dataclass(frozen=True, slots=True)
class _Row:
    """
    A row as a source of its own.

    Attributes:
        source: Its text with its codings.
        document, start: Of a unit: the name of its document, and where it begins there, as the table has it.
    """

    source: TextSource
    document: str = ""
    start: str = ""


@dataclass(frozen=True, slots=True)
class _Coded:
    """A variable whose values are codes, with their ids, and the columns of a frame that come with it."""

    variable: Variable
    codes: Mapping[str, str]
    place: int
    reason: str
    evidence: str


class _Project:
    """What of a run becomes what of a project."""

    def __init__(self, answered: AnsweredTable, corrected: CorrectedAnswers, kept: Sequence[int]) -> None:
        plan, codebook, header = answered.plan, answered.codebook, answered.table.header
        self._texts, self._corrected = answered.text_columns, corrected
        self._language: Language = codebook.language
        self.name = Path(plan.source.shown_name).stem or "rowbatch"
        self.created_at = _moment(plan.created_at)
        self.first_id = plan.source.sha256 or plan.created_at
        places = {name: place for place, name in enumerate(codebook.columns)}
        self._coded = [
            _Coded(
                one,
                code_guids(one),
                places[one.name],
                str(places[f"{one.name}_reason"]) if one.reason else "",
                str(places[f"{one.name}_evidence"]) if one.evidence else "",
            )
            for one in codebook.variables
            if is_coded(one)
        ]
        self._models = _user_names(plan.askings) if plan.panel is not None else []
        self._voted = {one.place for one in measured(codebook)}
        self._one_model = plan.asking.model
        self._units = _unit_places(header)
        # Units keep the columns of the table that they were cut from, which may be a folder of documents.
        is_documents = plan.source.reading.program == _DOCUMENTS or self._units is not None
        is_named = is_documents and header.count(_FILE_COLUMN) == 1
        self._file = header.index(_FILE_COLUMN) if is_named else None
        others = [one for one in codebook.variables or codebook.answers if not is_coded(one)]
        shown = {int(name) for name in self._texts} | {self._file}
        named = [(header[place], str(place)) for place in kept if place not in shown]
        self._lost = [*(name for name, _ in named), *(one.name for one in others)] if self._units else []
        self._columns: list[tuple[ProjectVariable, str]] = []
        if not self._units:
            taken: set[str] = set()
            self._columns += [(ProjectVariable(_free(name, taken)), place) for name, place in named]
            self._columns += [
                (ProjectVariable(_free(one.name, taken), _type_of(one)), final_column(places[one.name]))
                for one in others
            ]

    @property
    def is_of_units(self) -> bool:
        """Whether the rows are units of documents."""
        return self._units is not None

    @property
    def variables(self) -> list[ProjectVariable]:
        """Of its sources."""
        return [variable for variable, _ in self._columns]

    def rows(self, texts: pl.DataFrame, answers: pl.DataFrame) -> Iterator[_Row]:
        """
        Every row as a source.

        Args:
            texts: Of a chunk.
            answers: As many rows, with people's words.
        """
        places = [*self._texts, *(str(place) for place in self._units or ())]
        places += [name for _, name in self._columns if name in texts.columns and name.isdecimal()]
        places += [str(self._file)] if self._file is not None else []
        read: Mapping[str, Sequence[str]] = {name: texts[name].to_list() for name in dict.fromkeys(places)}
        said: Mapping[str, Sequence[Any]] = {name: answers[name].to_list() for name in answers.columns}
        for at, number in enumerate(said["row"]):
            text = "\n\n".join(filter(None, (read[name][at] for name in self._texts)))
            file = read[str(self._file)][at] if self._file is not None else ""
            document = start = ""
            if self._units:
                document, start = (read[str(self._units[place])][at] for place in (0, 2))
            source = TextSource(
                guid_of("source", self.first_id, str(number)),
                _source_name(file or document) or _ROW[self._language].format(number),
                text,
                list(self._codings(text, said, at)),
                [(one, (read if name.isdecimal() else said)[name][at]) for one, name in self._columns],
            )
            yield _Row(source, document, start)

    def _codings(self, text: str, said: Mapping[str, Sequence[Any]], at: int) -> Iterator[Coding]:
        if not text.strip():
            # There is no passage.
            return
        answerer = said["model"][at] or self._one_model
        if self._models:
            answerer = _TOGETHER[self._language].format(len(self._models))
        for one in self._coded:
            reason = said[one.reason][at] if one.reason else ""
            shown = list(_passages(text, [said[one.evidence][at]])) if one.evidence else []
            yield from self._given(one, said[str(one.place)][at], answerer, text, reason=reason, shown=shown)
            if one.place in self._voted:
                for number, model in enumerate(self._models):
                    yield from self._given(one, said[value_of(number, one.place)][at], model, text)
            if one.place in self._corrected.positions:
                yield from self._given(one, said[human_column(one.place)][at], _PEOPLE[self._language], text)

    def _given(
        self,
        one: _Coded,
        value: str,
        user: str,
        text: str,
        *,
        reason: str = "",
        shown: Sequence[tuple[int, int]] = (),
    ) -> Iterator[Coding]:
        """What somebody coded by one value: the whole text, or the passages that are shown for it."""
        variable = one.variable
        labels, places, is_quote = [value], shown or [(0, len(text))], bool(shown)
        if isinstance(variable, LabelsVariable):
            labels = value.split(SEPARATOR)
        elif isinstance(variable, QuoteVariable):
            labels, places, is_quote = [""], list(_passages(text, variable.quotes_of(value))), True
        for label in labels:
            code = one.codes.get(label)
            if code is not None:
                for start, end in places:
                    yield Coding(code, user, start, end, text[start:end] if is_quote else "", reason)

    def notes(self, documents: _Documents | None, changed_texts: int) -> Iterator[Notice]:
        """What a person should know of what was written."""
        if documents is not None:
            yield Notice("note-project-documents", {"count": documents.count})
        lost = [*self._lost, *STATUS_COLUMNS]
        yield Notice("note-project-left-out", {"count": len(lost), "names": lost[:_NAMES_SHOWN]})
        if changed_texts:
            yield Notice("note-project-line-ends", {"count": changed_texts})


def _user_names(askings: Sequence[Asking]) -> list[str]:
    """The models' names, each once."""
    plain = [one.model for one in askings]
    return [
        name if plain.count(name) == 1 else f"{name} ({one.provider}, {number})"
        for number, (name, one) in enumerate(zip(plain, askings, strict=True), start=1)
    ]


def _passages(text: str, quotes: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where quotes stand in a text, each place once."""
    found = (place_quote(quote, text) for quote in quotes if quote)
    yield from dict.fromkeys(place for place in found if place is not None)


class _Documents:
    """
    Documents, put together from their units one after the other.

    What stood between two units is not in the table: it is blank here, and as long as it was; where units are
    missing, an empty line.
    """

    def __init__(self, first_id: str) -> None:
        self.count = 0
        self._first_id = first_id
        self._seen: dict[str, int] = {}
        self._begin("", "")

    def _begin(self, name: str, shown: str) -> None:
        self._name, self._shown = name, shown
        self._pieces: list[str] = []
        self._codings: list[Coding] = []
        # Of the text so far; what a place of the document is less by here; the last unit, and its place here.
        self._length = self._offset = self._last_start = 0
        self._last = ""

    def add(self, row: _Row) -> Iterator[TextSource]:
        """Add a unit; yields the document before it where it is another one's."""
        if row.document != self._name or not self._pieces:
            yield from self.finish()
            self._begin(row.document, row.source.name)
        text, start = row.source.text, self._start_of(row)
        self._put(text[self._length - start :])
        self._last, self._last_start = text, start
        self._codings += [
            replace(one, start=start + one.start, end=start + one.end) for one in row.source.codings
        ]

    def _start_of(self, row: _Row) -> int:
        """Where a unit begins in the text, after what stands before it was put there."""
        said = int(row.start) if row.start.isdecimal() and len(row.start) < _MOST_DIGITS else None
        if not self._pieces:
            self._offset = said or 0
            return 0
        start = self._length if said is None else said - self._offset
        gap = start - self._length
        shared = self._last[start - self._last_start :] if start >= self._last_start else None
        if 0 <= gap <= _LONGEST_GAP and said is not None:
            self._put(" " if gap == 1 else "\n" * min(gap, 2) + " " * (gap - 2))
        elif gap > 0 or shared is None or not row.source.text.startswith(shared):
            # Units are missing, or in another order, or their texts were changed.
            self._put("\n\n")
            start = self._length
            self._offset = (said or 0) - start
        return start

    def _put(self, text: str) -> None:
        self._pieces.append(text)
        self._length += len(text)

    def finish(self) -> Iterator[TextSource]:
        """The last document, if there is one."""
        if not self._pieces:
            return
        times = self._seen[self._name] = self._seen.get(self._name, 0) + 1
        guid = guid_of("document", self._first_id, self._name, str(times))
        name = self._shown if times == 1 else f"{self._shown} ({times})"
        yield TextSource(guid, name, "".join(self._pieces), self._codings)
        self.count += 1
        self._begin(self._name, self._shown)


def _unit_places(header: Sequence[str]) -> list[int] | None:
    if any(header.count(name) != 1 for name in _UNIT_COLUMNS):
        return None
    return [header.index(name) for name in _UNIT_COLUMNS]


def _type_of(variable: Variable) -> VariableType:
    if isinstance(variable, NumberVariable):
        return "Integer" if variable.whole else "Float"
    return "Text"


def _source_name(name: str) -> str:
    # Programs name files after it.
    return " - ".join(part for part in name.replace("\\", "/").split("/") if part).strip()


def _free(name: str, taken: set[str]) -> str:
    free, count = name, 2
    while free in taken:
        free, count = f"{name} ({count})", count + 1
    taken.add(free)
    return free


def _moment(created_at: str) -> datetime:
    moment = datetime.fromisoformat(created_at) if created_at else datetime(1980, 1, 1, tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
