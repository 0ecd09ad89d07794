"""The answers of a run, for people who look: counts, filters, pages of rows, one row in full."""

from __future__ import annotations

import hashlib
import itertools
import json
import mmap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from rowbatch.api.distil import Wish, distil_run
from rowbatch.api.quality import RunEstimand, corrected, require_part
from rowbatch.api.runs import Run
from rowbatch.core.agreement import Agreement, Comparison
from rowbatch.core.coding_set import CodingSet
from rowbatch.core.comparison import PeopleComparison, PeopleReader
from rowbatch.core.confidence import BASIS_COLUMN, column_of, measured
from rowbatch.core.forms import forgiven_notices
from rowbatch.core.kinds.base import Tally, Variable
from rowbatch.core.kinds.choice import LabelTally
from rowbatch.core.kinds.quote import QuoteVariable
from rowbatch.core.label_list import SEPARATOR, read_labels
from rowbatch.core.run_quality import MODEL as MODEL_SAID
from rowbatch.core.run_quality import SURE as RUN_SURE
from rowbatch.core.run_quality import Judging, RunQuality
from rowbatch.core.samples import request_numbers
from rowbatch.core.statistics.corrected import CorrectedEstimates
from rowbatch.core.statistics.figures import Resampling
from rowbatch.core.table_options import WriteOptions
from rowbatch.desk.answer_codes import (
    ROW_TYPE,
    AnswerCodes,
    HeldAnswers,
    NotToldApartError,
    pairs_of,
    reasons_of,
)
from rowbatch.desk.comparisons import comparison_of, plain_comparison
from rowbatch.desk.corrected_splits import CorrectedSplit, correct_split
from rowbatch.desk.library import LibraryTable
from rowbatch.desk.people import columns_of_people, names_a_model
from rowbatch.desk.readings import Reading, begin_reading
from rowbatch.desk.row_filter import RowFilter
from rowbatch.desk.seen_tables import is_seen_same
from rowbatch.desk.splits import Split, SplitKind, day_part, split_of, splitting_columns
from rowbatch.desk.tasks import Task
from rowbatch.errors import InputError, UsageError
from rowbatch.requests.pipeline import open_source, request_settings
from rowbatch.results.coded import CodedRun, content_of
from rowbatch.results.corrected import AnsweredRow, applies
from rowbatch.results.least_sure import SURE, how_sure
from rowbatch.results.people import (
    IS_CORRECTED,
    MODEL,
    PEOPLE,
    CorrectedAnswers,
    comparable_variable,
    compare,
    final_column,
    info_of,
    item_key,
    item_of,
    people_position,
    people_reader,
    read_cells,
    said_by_people,
)
from rowbatch.results.views import answers_name, write_answers_view
from rowbatch.steps.export import foresee_export, foresee_losses
from rowbatch.store.coding_sets import find_set, sets_of_table
from rowbatch.store.column_codes import ColumnCodes, codes_of, keep_beside, kept_beside
from rowbatch.store.corrections import Corrections, CorrectionsReader
from rowbatch.store.distillations import DistilNote, read_distillations
from rowbatch.store.kept_frames import keep_document, keep_frame, kept_document, kept_frame
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.view import ROW, TableView
from rowbatch.store.view_folders import mark_of_run, views_folder
from rowbatch.tables.base import ColumnInfo, Table
from rowbatch.tables.formulas import looks_like_formula
from rowbatch.words.notice import Notice

# Of the numbers of rows that filters found so many are kept: 16 MB. And so many of the other things.
_KEPT_ROWS = 4_000_000
_KEPT_FACTS, _KEPT_FORESEEN, _KEPT_WORDS = 500, 8, 20
Kept = TypeVar("Kept")
# Formats of tables with values beside their texts.
_TYPED = ("columnar", "excel", "frame", "r", "statistics")
_FOUND_LINES = 5


@dataclass(frozen=True, slots=True)
class Counts:
    """
    How many rows there are of each kind.

    Attributes:
        rows: All.
        statuses: By status.
        reasons: By status: the commonest reasons, with counts.
        tallies: By variable: what is counted of the values that hold now, by its kind.
        cant_say: By variable where that is none of the tally's: rows whose text does not tell.
        not_asked: By variable: rows that have an answer and to which it does not apply.
        corrected: Rows that a person corrected.
        forgiven: Of how many answers what had to be forgiven; see `core.forms`.
    """

    rows: int
    statuses: Mapping[str, int]
    reasons: Mapping[str, tuple[tuple[str, int], ...]]
    tallies: Mapping[str, Tally]
    cant_say: Mapping[str, int]
    not_asked: Mapping[str, int]
    corrected: int
    forgiven: Mapping[str, int] = field(default_factory=dict)

    @property
    def forgiven_notices(self) -> tuple[Notice, ...]:
        """What was forgiven of the answers, in words for every face."""
        return forgiven_notices(self.forgiven)

    @property
    def labels(self) -> dict[str, tuple[tuple[str, int], ...]]:
        """By variable with labels: how often each was given, in the order of the codebook."""
        return {
            name: tally.in_order
            for name, tally in self.tallies.items()
            if isinstance(tally, LabelTally) and tally.in_order
        }


@dataclass(frozen=True, slots=True)
class ResultRow:
    """
    One row in full.

    Attributes:
        row: Its number.
        cells: Of the table: name and text.
        message: What the model was told of it.
        pieces: The same, cut where quotes begin and end; each piece with the variables whose quotes it is
            part of.
        not_asked: Variables that do not apply to it, as it holds now.
        values: By variable: what the model answered.
        human: By variable: what a person put in its place.
        status, reason, raw, model: As in the labelled table.
        request: The request as it was written; None for a row that was not asked.
        results: Result lines of it, as they came, by round.
        sure: By variable: how sure the model was, from 0 to 1; None where it is not known.
        basis: What that comes from; or "".
    """

    row: int
    cells: tuple[tuple[str, str], ...]
    message: str
    pieces: tuple[tuple[str, tuple[str, ...]], ...]
    not_asked: tuple[str, ...]
    values: Mapping[str, str]
    human: Mapping[str, str]
    status: str
    reason: str
    raw: str
    model: str
    request: Mapping[str, Any] | None
    results: tuple[tuple[int, str], ...]
    sure: Mapping[str, float | None] = field(default_factory=dict)
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Sides:
    """
    What both sides said of a row.

    Attributes:
        people: People; "" where nobody coded it.
        model: The model itself; "" where it gave no label.
        is_same: Whether that is the same.
    """

    people: str
    model: str
    is_same: bool


def coding_sets_of(run: Run) -> tuple[CodingSet, ...]:
    """The coding sets of a run's table, oldest first."""
    return tuple(one.plan for one in sets_of_table(run.plan.source.sha256))


class Results:
    """
    The answers of one run that are on disk. The views they are looked at through are made in the background.

    Args:
        run: A run that is built.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._directory = RunDirectory(run.path)
        self.codebook = run.codebook
        self.variables: tuple[Variable, ...] = self.codebook.variables
        self.columns = self.codebook.columns
        self._measured = measured(self.codebook) if run.plan.is_measured else ()
        self.reading: Reading | None = None
        self._infos: tuple[ColumnInfo, ...] = ()
        self._answers_task: Task | None = None
        self._answers: TableView | None = None
        self._table: Table | None = None
        self._counting: tuple[TableView, Task] | None = None
        self._corrections = CorrectionsReader(run.path)
        self._codes: AnswerCodes | None = None
        self._now: tuple[AnswerCodes, Corrections, HeldAnswers] | None = None
        self._found: dict[RowFilter, tuple[object, pl.Series]] = {}
        self._counts: tuple[HeldAnswers, Counts] | None = None
        self._splits: tuple[HeldAnswers, list[Split]] | None = None
        self._kept: dict[tuple[Path, str], Any] = {}
        self._worded: dict[tuple[Path, str], pl.Series] = {}
        self._lock, self._preparing = threading.Lock(), threading.Lock()
        self._foreseen: dict[tuple[object, ...], dict[str, tuple[Notice, ...]]] = {}

    def prepare(self, wait_s: float = 0.0) -> bool:
        """
        Make what is looked at that is not there yet: the views, and what is counted in them.

        Args:
            wait_s: Wait for it so long.
        Returns:
            Whether it is there.
        Raises:
            RowbatchError: It cannot be made.
        """
        end = time.monotonic() + wait_s
        # One at a time: two would begin the same work twice.
        if not self._preparing.acquire(timeout=wait_s):
            return False
        try:
            return self._prepare(lambda: max(0.0, end - time.monotonic()))
        finally:
            self._preparing.release()

    def _prepare(self, left_s: Callable[[], float]) -> bool:
        if self.reading is not None and self.reading.is_over:
            # Its view was removed with a table, or as something that can be made again.
            self.reading = None
        if self.reading is None:
            source = self.run.plan.source
            self._table = table = open_source(source, self.run.path, is_seen_same)
            self._infos = table.columns
            self.reading = begin_reading(table, source.sha256)
        folder = self._answers_folder()
        if self._answers is None or self._answers.folder != folder or not folder.exists():
            self._make_answers(folder, left_s())
        is_read = self.reading.wait(left_s()) and self.reading.is_complete
        if is_read and self._answers is not None and self._answers.folder == folder:
            self._count(self._answers, left_s)
        counting = self._counting[1] if self._counting is not None else None
        for task in (self.reading.task, self._answers_task, counting):
            if task is not None and task.error is not None:
                self.reading = self._answers_task = self._counting = None
                raise task.error
        return is_read and self._codes is not None and self._codes.view.folder == folder

    def _count(self, answers: TableView, left_s: Callable[[], float]) -> None:
        """What pages ask of all rows: from what is kept beside the views, or made and kept there."""

        def work(task: Task) -> AnswerCodes:
            codes = AnswerCodes(self.codebook, answers)
            codes.make(task.check)
            self._count_beside(codes, task.check)
            return codes

        if self._codes is not None and self._codes.view is answers:
            return
        known = self._counting
        if known is None or known[0] is not answers or not (known[1].is_alive or known[1].result):
            self._counting = known = answers, Task(f"count {self.run.path.name}", work).start()
        task = known[1]
        if task.wait(left_s()) and task.result is not None:
            self._codes = task.result

    def _count_beside(self, codes: AnswerCodes, check: Callable[[], object]) -> None:
        """What is known of the answers only beside the table."""
        self._people()
        self._formulas()
        for column, _ in self._splitting().items():
            for place, _ in self._split_variables():
                check()
                self._pairs(codes, column, place)
        for name, variable in self._people().items():
            check()
            self._cells(self._table_view().columns.index(name))
            with suppress(UsageError):
                self.compare_with_people(name, variable.name)
        if self._measured:
            self._least_sure()

    def stop(self) -> None:
        """End what makes the views of the answers."""
        counting = self._counting[1] if self._counting is not None else None
        for task in (self._answers_task, counting):
            if task is not None:
                task.stop()
                task.wait(5.0)

    @property
    def prepared_rows(self) -> int:
        """How far that is."""
        return self._answers_task.rows if self._answers_task else 0

    def counts(self) -> Counts:
        """How many rows there are of each kind, corrections counted in."""
        held = self._held()
        if self._counts is not None and self._counts[0] is held:
            return self._counts[1]
        codes = held.codes
        tallies: dict[str, Tally] = {}
        cant_say: dict[str, int] = {}
        not_asked: dict[str, int] = {}
        for place, variable in enumerate(self.variables):
            counted, tally = held.final(place).counted(), variable.tally()
            if tally is not None:
                tallies[variable.name] = tally
                if None in counted:
                    values = pl.col(final_column(place))
                    tally.add(self._scan().select(values).filter(values != "").collect().to_series())
                else:
                    tally.add_counted({value: rows for value, rows in counted.items() if value and rows})
            if variable.cant_say and variable.word_for_cant_say is not None:
                cant_say[variable.name] = counted[variable.cant_say_word]
            if variable.only_if:
                not_asked[variable.name] = held.not_asked(place)
        counts = Counts(
            rows=codes.view.state.rows,
            statuses=codes.statuses,
            reasons=self._reasons(codes),
            tallies=tallies,
            cant_say=cant_say,
            not_asked=not_asked,
            corrected=len(self._corrections.read()),
            forgiven=codes.forgiven,
        )
        self._counts = (held, counts)
        return counts

    def _reasons(self, codes: AnswerCodes) -> Mapping[str, tuple[tuple[str, int], ...]]:
        try:
            return codes.reasons
        except NotToldApartError:
            return self._keep("reasons", lambda: reasons_of(self._view().scan()), _reasons_as_made)

    def rows(self, chosen: RowFilter) -> pl.Series:
        """
        Numbers of the rows that a filter wants, in the order of the table.

        Raises:
            UsageError: There is no such variable or column.
        """
        if chosen.coded:
            # What people code changes from one look to the next.
            return self._search(chosen)
        held = self._held()
        # What the model and people's columns say does not change with a correction.
        of = held if chosen.asks_what_holds else held.codes
        kept = self._found.get(chosen)
        if kept is not None and kept[0] is of:
            return kept[1]
        found = self._search(chosen)
        with self._lock:
            self._found.pop(chosen, None)
            while self._found and sum(len(one) for _, one in self._found.values()) + len(found) > _KEPT_ROWS:
                del self._found[next(iter(self._found))]
            self._found[chosen] = of, found
        return found

    def page(
        self, chosen: RowFilter, start: int, count: int
    ) -> list[tuple[int, str, tuple[str, ...], str, str]]:
        """
        A page of the rows that a filter wants.

        Args:
            chosen: Which.
            start: From so many, from 0.
            count: At most so many.
        Returns:
            For each: its number, its text, the values that hold now, its status, its reason.
        """
        if chosen == RowFilter():
            total = self._view().state.rows
            numbers: Sequence[int] = range(start + 1, min(total, start + count) + 1)
        else:
            numbers = self.rows(chosen)[start : start + count].to_list()
        if not numbers:
            return []
        if isinstance(numbers, range):
            answers = self._view().frame(numbers[0], len(numbers))
            texts = self._table_view().frame(numbers[0], len(numbers))
        else:
            answers = self._view().take(numbers)
            texts = self._table_view().take(numbers, [str(position) for position in self._text_positions()])
        corrections = self._corrections.read()
        positions = self._text_positions()
        found = []
        for number, cells, told in zip(
            numbers, texts.rows(named=True), answers.rows(named=True), strict=True
        ):
            human = corrections.get(number, {})
            values = tuple(human.get(name, told[str(place)]) for place, name in enumerate(self.columns))
            text = " · ".join(
                f"{cell} = {meaning}" if (meaning := self.meaning_at(position, cell)) else cell
                for position in positions
                if (cell := cells[str(position)])
            )
            found.append((number, text, values, told["status"], told["status_reason"]))
        return found

    def row(self, number: int, *, with_results: bool = True) -> ResultRow:
        """
        One row in full.

        Raises:
            InputError: There is none of this number.
        """
        total = self._view().state.rows
        if not 1 <= number <= total:
            raise InputError("no-such-row", row=number)
        told = self._view().frame(number, 1).row(0, named=True)
        view = self._table_view()
        cells = view.frame(number, 1).row(0)
        named = dict(zip(view.columns, cells, strict=False))
        settings = request_settings(self.run.plan.question, self.run.plan.asking)
        message = settings.user.render(named)
        values = {name: told[str(place)] for place, name in enumerate(self.columns)}
        human = self._corrections.read().get(number, {})
        is_asked = told["status"] != "skipped"
        has_image = bool(settings.image)
        return ResultRow(
            row=number,
            cells=tuple(zip(view.columns, cells, strict=True)),
            message=message,
            pieces=self._pieces(
                message, [cells[place] for place in self._text_positions()], {**values, **human}
            ),
            not_asked=tuple(
                one.name
                for one in self.codebook.answers
                if not applies(self.codebook, one, AnsweredRow(values, ()), human)
            ),
            values=values,
            human=human,
            status=told["status"],
            reason=told["status_reason"],
            raw=told["raw_answer"],
            model=told["model"],
            request=settings.body_preview(named) if is_asked and not has_image else None,
            results=self._lines(number) if with_results else (),
            sure={one.name: told[column_of(one.place)] for one in self._measured},
            basis=told[BASIS_COLUMN] if self._measured else "",
        )

    @property
    def tells_confidence(self) -> bool:
        """Whether it was asked how sure the model was."""
        return bool(self._measured)

    def _pieces(
        self, message: str, texts: Sequence[str], final: Mapping[str, str]
    ) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """A message, cut where the quotes in it begin and end; places are those in the text that it holds."""
        spans: list[tuple[int, int, str]] = []
        for quote in self.codebook.answers:
            if not isinstance(quote, QuoteVariable) or not final[quote.name]:
                continue
            edges = [final[f"{quote.name}_{edge}"].split(";") for edge in ("start", "end")]
            quotes = quote.quotes_of(final[quote.name])
            for words, *place in zip(quotes, *edges, strict=False):
                if not all(map(str.isdecimal, place)):
                    continue
                start, end = map(int, place)
                # A message with several columns holds the text that the quote is from somewhere.
                text = next((text for text in texts if text[start:end] == words and text in message), None)
                if text is not None:
                    before = message.index(text)
                    spans.append((before + start, before + end, quote.name))
        cuts = sorted({0, len(message), *(edge for start, end, _ in spans for edge in (start, end))})
        return tuple(
            (message[start:end], tuple(name for first, last, name in spans if first <= start and end <= last))
            for start, end in itertools.pairwise(cuts)
        )

    def correct(self, number: int, variable: str, value: str | None, *, chosen_by: str = "") -> None:
        """
        Put a person's value in the place of the model's, as `Run.correct` does, at once in any table.

        Raises:
            InputError, UsageError: As there.
        """
        row = self.row(number, with_results=False)
        cells = self._table_view().frame(number, 1).row(0)
        texts = [cells[place] for place in self._text_positions()]
        answered = AnsweredRow(row.values, texts)
        self.run.correct(number, variable, value, chosen_by=chosen_by, answered=answered)

    def sure(self, rows: Sequence[int]) -> list[float | None]:
        """How sure the model was of each of some rows: of its value that it was least sure of."""
        if not self._measured:
            return [None] * len(rows)
        return self._view().take(rows).select(how_sure(self.run.plan)).to_series().to_list()

    def agreement(self, people: str, variable: str) -> Comparison:
        """How far the model's own values agree with people's: the numbers of `compare_with_people`."""
        return self.compare_with_people(people, variable).comparison

    def compare_with_people(self, people: str, variable: str, not_coded: str = "") -> PeopleComparison:
        """
        How far the model's own values agree with people's: as `Run.compare_with_people`. The same is compared
        once: corrections have no part in it.

        Args:
            people: Column of the table.
            variable: Of the codebook.
            not_coded: Values of the column that mean that nobody coded the row, with commas in between.
        Raises:
            UsageError: No row has people's value, or one of theirs is not in the codebook.
        """
        chosen = comparable_variable(self.codebook, variable)
        found = self._keep(
            json.dumps(["compared", people, variable, not_coded.strip()]),
            lambda: plain_comparison(chosen, lambda: self._compare(people, variable, not_coded)),
            lambda plain: comparison_of(chosen, plain),
            # Whatever people type into the field.
            is_only_here=bool(not_coded.strip()),
        )
        if isinstance(found, UsageError):
            raise found
        return found

    def _compare(self, people: str, variable: str, not_coded: str) -> PeopleComparison:
        chosen = comparable_variable(self.codebook, variable)
        column = people_position(self._table_view().columns, people)
        frames = self._beside_people(column, self._place(variable))
        return compare(frames, self._reader(chosen, column, not_coded), people)

    def _beside_people(self, column: int, place: int) -> Iterator[pl.DataFrame]:
        """The rows that people coded in a column of the table, with what the model said, part by part."""
        view, answers = self._table_view(), self._view()
        own = AnswerCodes(self.codebook, answers).own(place)
        same, blank = (
            [str(view.columns.index(name)) for name in names]
            for names in item_of(self.run.plan.question, None)
        )
        keys, first = sorted({*same, str(column)}), 0
        for part in view.parts(*map(pl.col, keys)):
            rows = pl.int_range(first, first + part.height, dtype=ROW_TYPE, eager=True).alias(ROW)
            said = said_by_people(str(column))
            coded = part.with_columns(rows).filter(said != "")
            if own.is_whole:
                model = own.values_at(coded[ROW])
            else:
                told = answers.frame(first + 1, part.height)[str(place)]
                model = told.gather(coded[ROW] - first).to_list()
            yield coded.select(said, item_key(same, blank, ROW), pl.Series(MODEL, model, dtype=pl.String))
            first += part.height

    def agreements(self) -> list[tuple[str, str, Agreement]]:
        """Of each column of labels that people coded: its name, the variable's, and how far both agree."""
        found = []
        for column, variable in self._people().items():
            if names_a_model(column):
                continue
            with suppress(UsageError):
                agreement = self.agreement(column, variable.name)
                if isinstance(agreement, Agreement):
                    found.append((column, variable.name, agreement))
        return found

    def _reader(self, variable: Variable, place: int, not_coded: str = "") -> PeopleReader:
        """What reads people's cells in a column of the table."""
        values = read_labels(not_coded) if not_coded.strip() else ()
        return people_reader(variable, info_of(self._infos, place), values)

    def people_columns(self) -> tuple[str, ...]:
        """Columns whose cells are empty or values of a variable: people may have coded them."""
        return tuple(self._people())

    @property
    def people_column(self) -> str:
        """The column that people most likely coded; "" where there is none but such as speak of a model."""
        return next((name for name in self._people() if not names_a_model(name)), "")

    def people_variable(self, column: str) -> Variable | None:
        """The variable that people may have coded in a column: that of its name, else the first; or None."""
        return self._people().get(column)

    def splits(self) -> list[Split]:
        """How often each label that holds is given by group and over time; counted once and kept."""
        held = self._held()
        if self._splits is None or self._splits[0] is not held:
            found = (
                split_of(variable, column, kind, counted)
                for place, variable in self._split_variables()
                for column, kind in self._splitting().items()
                if (counted := self._counted_parts(held, column, place)) is not None
            )
            self._splits = (held, [one for one in found if one is not None])
        return self._splits[1]

    def _split_variables(self) -> list[tuple[int, Variable]]:
        return [
            (place, one) for place, one in enumerate(self.variables) if one.choices and not one.has_several
        ]

    def _splitting(self) -> dict[int, SplitKind]:
        """Columns that make parts of the table; none where it was cut off while it was read."""
        if not self._is_whole():
            return {}

        def find() -> list[tuple[int, SplitKind]]:
            view = self._table_view()
            coded_by_people = {view.columns.index(name) for name in self._people()}
            return [*splitting_columns(view, {*self._text_positions(), *coded_by_people}).items()]

        return self._keep("splitting", find, dict)

    def _cells(self, column: int, kind: SplitKind = "group") -> ColumnCodes:
        """A column of the table: without blanks around its cells, or the days that they say."""
        view = self._table_view()
        key = (view.folder, f"{kind}-{column}")
        found: ColumnCodes | None = self._kept.get(key)
        if found is None:
            value = day_part(str(column)) if kind == "date" else pl.col(str(column)).str.strip_chars()
            found = self._remember(key, codes_of(view, f"table-{kind}-{column}", value, ("",)))
        return found

    def _pairs(self, codes: AnswerCodes, column: int, place: int) -> Mapping[tuple[int, int], int]:
        """Rows by code of a column that makes parts, and code of the model's value of a variable."""
        kind = self._splitting()[column]

        def count() -> list[list[int]]:
            cells = self._cells(column, kind)
            return [[*pair, rows] for pair, rows in pairs_of(cells, codes.own(place)).items()]

        return self._keep(
            f"pairs {column} {place}", count, lambda plain: {(one, two): rows for one, two, rows in plain}
        )

    def _counted_parts(self, held: HeldAnswers, column: int, place: int) -> list[tuple[str, str, int]] | None:
        """Rows with each cell of a column and each label that holds; None where there are too many cells."""
        cells, own = self._cells(column, self._splitting()[column]), held.codes.own(place)
        if not cells.is_whole:
            return None
        counted: Counter[tuple[str | None, str | None]] = Counter()
        for (cell, label), rows in self._pairs(held.codes, column, place).items():
            counted[cells.values[cell], own.values[label]] += rows
        places, values = held.changed(place)
        here = cells.values_at(places)
        counted.subtract(zip(here, own.values_at(places), strict=True))
        counted.update(zip(here, values, strict=True))
        return [(cell or "", label, rows) for (cell, label), rows in counted.items() if label and rows]

    def sides(self, chosen: RowFilter, variable: str, rows: Sequence[int]) -> list[Sides]:
        """
        What people and the model itself said of some rows, whatever holds now.

        Args:
            chosen: Its `coded` or `people` says whose words people's are.
            variable: Of the codebook.
            rows: Their numbers; each is there.
        Raises:
            InputError, UsageError: There is no such coding set, column or variable.
        """
        place, one = self._place(variable), self.variable(variable)
        answered = self._view().take(rows, [str(place)]).to_series().to_list()
        if chosen.coded:
            gold = self._coded(chosen.coded, variable, chosen.part).settled.gold
            said = [gold.get(row, "") for row in rows]
        else:
            view = self._table_view()
            column = people_position(view.columns, chosen.people)
            reader = self._reader(one, column, chosen.not_coded)
            cells = view.take(rows, [str(column)]).select(said_by_people(str(column)))[PEOPLE].to_list()
            said = [reader.read_or_keep(cell) for cell in cells]
        told = pl.DataFrame({PEOPLE: said, MODEL: answered}, schema={PEOPLE: pl.String, MODEL: pl.String})
        alike = told.select(one.is_same(pl.col(PEOPLE), pl.col(MODEL))).to_series()
        return [Sides(*both) for both in zip(said, answered, alike, strict=True)]

    def _people(self) -> dict[str, Variable]:
        def find() -> list[tuple[str, str]]:
            found = columns_of_people(self._table_view(), self._infos, self.variables)
            return [(column, variable.name) for column, variable in found.items()]

        return self._keep(
            "people", find, lambda plain: {column: self.variable(name) for column, name in plain}
        )

    def label_at(self, position: int) -> str:
        """What a column of the table is about, in words; or ""."""
        return self.reading.label_at(position) if self.reading is not None else ""

    def meaning_at(self, position: int, cell: str) -> str:
        """What a cell of a column of the table means, where the file says it; or ""."""
        return self.reading.meaning_at(position, cell) if self.reading is not None else ""

    @property
    def text_labels(self) -> tuple[str, ...]:
        """What the columns are about whose texts are asked about, as far as the file says it."""
        return tuple(filter(None, map(self.label_at, self._text_positions())))

    @property
    def rows_of_table(self) -> int:
        """How many rows there are."""
        return self._table_view().state.rows

    @property
    def header(self) -> tuple[str, ...]:
        """Names of the columns of the table."""
        return self._table_view().columns

    @property
    def is_typed(self) -> bool:
        """Whether the table has values beside its texts, so that numbers are numbers in any output."""
        return self.reading is not None and self.reading.kind in _TYPED

    def losses(self, endings: Sequence[str]) -> dict[str, tuple[Notice, ...]]:
        """What tables with these endings will not have of the labels and missing values of this one."""
        # Only which variables were corrected makes other columns.
        corrected = frozenset(name for values in self._corrections.read().values() for name in values)
        key = (self._view().folder, corrected, tuple(endings))
        if key not in self._foreseen:
            found = foresee_losses(
                self._directory, [Path(f"table{ending}") for ending in endings], self._table
            )
            while len(self._foreseen) >= _KEPT_FORESEEN:
                self._foreseen.pop(next(iter(self._foreseen)))
            self._foreseen[key] = {path.suffix: notes for path, notes in found.items()}
        return self._foreseen[key]

    def foresee_export(
        self, ending: str, *, writing: WriteOptions, columns: Sequence[str] | None, with_status: bool
    ) -> tuple[Notice, ...]:
        """
        What a download will say, found by looking at every cell; nothing is written.

        Raises:
            CannotHold: The format has no place for a cell or a name, with its place and the way out.
            UsageError: The format has no numbers.
        """
        path = Path(f"table{ending}")
        return foresee_export(
            self._directory, path, writing=writing, columns=columns, with_status=with_status
        )

    def formulas(self) -> int:
        """Cells and names that a spreadsheet would take for formulas, of the table and of the answers."""
        return self._formulas()

    def _formulas(self) -> int:
        def count() -> int:
            total = 0
            numbers = {column_of(one.place) for one in self._measured}
            for view in (self._table_view(), self._view()):
                names = pl.DataFrame({"name": view.columns}, schema={"name": pl.String})
                total += int(names.select(looks_like_formula(pl.col("name")).sum()).item() or 0)
                texts = [name for name in view.keys if name not in numbers]
                for part in view.parts(
                    pl.sum_horizontal(looks_like_formula(pl.col(name)).sum() for name in texts)
                ):
                    total += int(part.item() or 0)
            return total

        return self._keep("formulas", count, int)

    def _keep(
        self,
        what: str,
        make: Callable[[], Any],
        read: Callable[[Any], Kept],
        *,
        is_only_here: bool = False,
    ) -> Kept:
        """
        What is known of the answers beside the table: made once, and kept beside the view of the table, so
        that nothing of its cells is left when that is removed.

        Args:
            what: Tells it from all else that is kept of the run.
            make: Makes it, as JSON can hold it.
            read: What it is then.
            is_only_here: It is kept in this process alone.
        """
        key = (self._view().folder, what)
        known: Kept | None = self._kept.get(key)
        if known is None:
            view = self._table_view()
            name = hashlib.sha256(what.encode()).hexdigest()[:16]
            path = kept_beside(view, f"{mark_of_run(self.run.path)}-{name}")
            about = {**_about(self._view()), "what": what}
            plain = None if is_only_here else kept_document(path, about)
            if plain is None:
                # As it will be read.
                plain = json.loads(json.dumps(make()))
                if not is_only_here:
                    keep_beside(view, lambda: keep_document(path, about, plain))
            known = self._remember(key, read(plain))
        return known

    def _remember(self, key: tuple[Path, str], found: Kept) -> Kept:
        with self._lock:
            while len(self._kept) >= _KEPT_FACTS:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = found
        return found

    def _answers_folder(self) -> Path:
        with self._directory.ledger() as ledger:
            return views_folder() / answers_name(self._directory, ledger.shards())

    def _make_answers(self, folder: Path, wait_s: float) -> None:
        try:
            view = TableView(folder)
            if view.state.is_complete:
                self._answers = view
                return
        except InputError:
            pass
        if self._answers_task is None or not self._answers_task.is_alive:

            def work(task: Task) -> None:
                with self._directory.ledger() as ledger:
                    shards = ledger.shards()
                write_answers_view(
                    self._directory,
                    shards,
                    views_folder() / answers_name(self._directory, shards),
                    task.check,
                )

            self._answers_task = Task(f"answers of {self.run.path.name}", work).start()
        if self._answers_task.wait(wait_s) and self._answers_task.error is None:
            view = TableView(folder)
            if view.state.is_complete:
                self._answers = view

    def _view(self) -> TableView:
        if self._answers is None:
            raise InputError("answers-not-read-yet")
        return self._answers

    def _table_view(self) -> TableView:
        view = self.reading.view if self.reading else None
        if view is None:
            raise InputError("table-not-read-yet")
        return view

    def _text_positions(self) -> list[int]:
        view, question = self._table_view(), self.run.plan.question
        names = (question.text,) if question.text else question.user.columns
        return [view.columns.index(name) for name in names if name in view.columns] or [0]

    def _place(self, variable: str) -> int:
        if variable not in self.columns:
            raise UsageError("no-such-variable", variable=variable)
        return self.columns.index(variable)

    def _held(self) -> HeldAnswers:
        """What holds now."""
        codes, corrections = self._codes, self._corrections.read()
        if codes is None:
            raise InputError("answers-not-read-yet")
        if self._now is None or self._now[0] is not codes or self._now[1] is not corrections:
            self._now = codes, corrections, HeldAnswers(codes, corrections)
        return self._now[2]

    def _is_whole(self) -> bool:
        """Whether each answer has its row: a table that was cut off while it was read has fewer."""
        return self._table_view().state.rows == self._view().state.rows

    def _scan(self) -> pl.LazyFrame:
        """Answers with what people corrected."""
        return CorrectedAnswers(self.columns, self._corrections.read()).join(self._view().scan())

    def _with_people(self, scan: pl.LazyFrame, chosen: RowFilter, variable: Variable) -> pl.LazyFrame:
        """Rows with what people said of a variable; what is none of its values as it stands."""
        view = self._table_view()
        place = people_position(view.columns, chosen.people)
        named = view.scan([str(place)]).select(ROW, said_by_people(str(place)))
        reader = self._reader(variable, place, chosen.not_coded)
        cells = named.select(pl.col(PEOPLE).unique()).collect()[PEOPLE]
        values = {cell: reader.read_or_keep(cell) for cell in cells.to_list()}
        read = named.with_columns(read_cells(PEOPLE, values))
        return scan.join(read, on=ROW, how="left", maintain_order="left")

    def _with_coded(self, scan: pl.LazyFrame, chosen: RowFilter, variable: Variable) -> pl.LazyFrame:
        """Rows with what people settled on in a coding set."""
        gold = self._coded(chosen.coded, variable.name, chosen.part).settled.gold
        said = pl.LazyFrame(
            {ROW: [*gold], PEOPLE: [*gold.values()]}, schema={ROW: pl.Int64, PEOPLE: pl.String}
        )
        return scan.join(said, on=ROW, how="inner", maintain_order="left")

    def _coded(self, coding_set: str, variable: str, part: str) -> CodedRun:
        """
        The run beside a coding set.

        Raises:
            InputError: There is no such set.
            UsageError: It does not fit.
        """
        return CodedRun(
            self.run.plan,
            find_set(coding_set),
            run=self.run.path.name,
            header=self.header,
            variable=variable or None,
            part=require_part(part),
        )

    def coding_sets(self) -> tuple[CodingSet, ...]:
        """The coding sets of the table, oldest first."""
        return coding_sets_of(self.run)

    def coded_variables(self, coding_set: CodingSet) -> tuple[Variable, ...]:
        """The variables that people were asked in a set, and that can be compared."""
        asked = coding_set.variables
        return tuple(one for one in self.variables if one.can_compare and one.name in asked)

    def variable(self, name: str) -> Variable:
        """A variable by its name."""
        return self.codebook.answers[self._place(name)]

    def coding_state(self, coding_set: str) -> tuple[str, ...]:
        """
        The same as long as people coded nothing further in a set, and the answers are these.

        Raises:
            InputError: There is no such set.
        """
        content = content_of(find_set(coding_set))
        made = (content.codes, content.decisions, content.waves)
        return str(self._view().folder), *map(str, made)

    def quality(
        self, coding_set: str, variable: str, part: str
    ) -> tuple[RunQuality, CorrectedEstimates | None]:
        """
        How good the answers are by a coding set, and the shares or the mean corrected; None for dates. They
        are the same as long as `coding_state` is.

        Args:
            coding_set: Its id.
            variable: Of the codebook.
            part: `test`, `dev` or `all`; "" for `test` where there is such a part.
        Raises:
            UsageError: It does not fit, or people settled on nothing.
        """
        coded = self._coded(coding_set, variable, part)
        population = coded.population([self._rows_beside(coded)], self._not_asked())
        found = coded.judged(population, Judging(Resampling()))
        estimates = None
        if coded.variable.choices or coded.variable.kind == "number":
            try:
                estimates = corrected(coded, population, RunEstimand(), Resampling())
            except UsageError as error:
                if error.kind != "correct-strata-unknown":
                    raise
        return found, estimates

    def corrected_split(self, split: Split, coding_set: str) -> CorrectedSplit:
        """
        The shares of each part of a picture, corrected by what people coded.

        Args:
            split: One of `splits`.
            coding_set: Id of the set.
        Raises:
            UsageError: It does not fit, or people settled on nothing.
        """
        coded = self._coded(coding_set, split.variable, "")
        population = coded.population([self._rows_beside(coded)], self._not_asked())
        return correct_split(coded, population, self._table_view(), split)

    def distillations(self) -> list[DistilNote]:
        """Tables that a student of this job's labels labelled."""
        return read_distillations(self.run.path)

    def distil(self, table: LibraryTable, coding_set: str, variable: str, task: Task) -> None:
        """
        Let a student of this job's labels label another table; the result lies in the run, with a note of it.

        Args:
            table: Of the library.
            coding_set: Id of what people coded.
            variable: Of the codebook.
            task: Told how many rows are labelled, and asked whether to stop; nothing is written then.
        Raises:
            RowbatchError: It cannot be done, and why.
        """
        table.require_file()
        folder = self._distilled
        folder.mkdir(exist_ok=True)
        name = hashlib.sha256(f"{table.id}-{variable}".encode()).hexdigest()[:12]
        wish = Wish(
            RunEstimand(),
            Judging(Resampling()),
            output=folder / f"{name}.csv",
            rest=folder / f"{name}-rest.csv",
            coding_set=coding_set,
            variable=variable,
            overwrite=True,
        )
        distil_run(
            self.run, table.info.path, wish, table.info.reading, task.hooks(), shown_as=table.info.name
        )

    def distilled_file(self, name: str) -> tuple[Path, DistilNote] | None:
        """
        A table that `distil` wrote, and of what; None where there is none of this name.

        Args:
            name: Of the file.
        """
        for note in self.distillations():
            for path in map(Path, filter(None, (note.output, note.rest))):
                if path.name == name and path.parent == self._distilled and path.is_file():
                    return path, note
        return None

    @property
    def _distilled(self) -> Path:
        return self.run.path / "distilled"

    def _rows_beside(self, coded: CodedRun) -> pl.DataFrame:
        """All rows, as a coding set wants them."""
        view, needed = self._table_view(), coded.needed()
        cells = view.scan().select(
            ROW,
            *(
                pl.col(str(view.columns.index(name))).alias(alias)
                for alias, name in needed.table.items()
                if name in view.columns
            ),
        )
        place = self._place(coded.variable.name)
        answers = [
            pl.col(str(place)).alias(MODEL_SAID),
            *(pl.col(str(self._place(name))).alias(alias) for alias, name in needed.answers.items()),
        ]
        if any(one.place == place for one in self._measured):
            answers.append(pl.col(column_of(place)).alias(RUN_SURE))
        told = self._view().scan().select(ROW, *answers)
        return told.join(cells, on=ROW, how="left", maintain_order="left").collect()

    def _not_asked(self) -> frozenset[str]:
        return frozenset(self.reading.not_asked) if self.reading is not None else frozenset()

    @staticmethod
    def _of_status(scan: pl.LazyFrame, chosen: RowFilter) -> pl.LazyFrame:
        if chosen.status == "missing-label":
            scan = scan.filter(~pl.col("status").is_in(["ok", "skipped"]) & ~pl.col(IS_CORRECTED))
        elif chosen.status:
            scan = scan.filter(pl.col("status") == chosen.status)
        if chosen.reason:
            scan = scan.filter(pl.col("status_reason") == chosen.reason)
        return scan

    def _least_sure_first(self, scan: pl.LazyFrame) -> pl.LazyFrame:
        sure = how_sure(self.run.plan)
        known = scan.filter(~pl.col(IS_CORRECTED)).with_columns(sure).filter(pl.col(SURE).is_not_null())
        return known.sort(SURE, ROW)

    def _search(self, chosen: RowFilter) -> pl.Series:
        place = self._place(chosen.variable or self.columns[0])
        try:
            found = self._by_codes(chosen, place)
        except NotToldApartError:
            found = self._by_values(chosen)
        return self._with_words(found, chosen.text) if chosen.text else found

    def _by_codes(self, chosen: RowFilter, place: int) -> pl.Series:
        """
        Rows that a filter wants, whatever their texts.

        Raises:
            NotToldApartError: Codes do not say it.
        """
        mask = self._held().mask(chosen, place)
        if chosen.coded:
            beside = self._coded_mask(chosen, place)
            mask = beside if mask is None else mask & beside
        elif chosen.people:
            beside = self._people_mask(chosen, place)
            mask = beside if mask is None else mask & beside
        if chosen.least_sure:
            order, is_left = self._least_sure(), ~self._held().is_corrected
            return order.filter((is_left if mask is None else is_left & mask).gather(order - 1))
        if mask is None:
            return pl.int_range(1, self._view().state.rows + 1, dtype=ROW_TYPE, eager=True)
        return mask.arg_true().cast(ROW_TYPE) + 1

    def _people_mask(self, chosen: RowFilter, place: int) -> pl.Series:
        """Of each row, whether people say in a column of the table what a filter wants."""
        column = people_position(self._table_view().columns, chosen.people)
        if not self._is_whole():
            raise NotToldApartError
        variable, cells = self.codebook.answers[place], self._cells(column)
        if not cells.is_whole:
            raise NotToldApartError
        reader = self._reader(variable, column, chosen.not_coded)
        said = [reader.read_or_keep(cell or "") for cell in cells.values]
        mask = cells.where([one == chosen.says if chosen.says else one != "" for one in said])
        return mask & self._differing(variable, cells, said, place, mask) if chosen.differs else mask

    def _differing(
        self, variable: Variable, cells: ColumnCodes, said: Sequence[str], place: int, among: pl.Series
    ) -> pl.Series:
        """Of each row among some, whether people and the model differ; each pair is looked at once."""
        own = self._held().codes.own(place)
        if not own.is_whole:
            raise NotToldApartError
        width = len(own.values)
        both = cells.codes.cast(pl.UInt64) * width + own.codes.cast(pl.UInt64)
        pairs = both.filter(among).unique().to_list()
        told = pl.DataFrame(
            {
                PEOPLE: [said[pair // width] for pair in pairs],
                MODEL: [own.values[pair % width] for pair in pairs],
            },
            schema={PEOPLE: pl.String, MODEL: pl.String},
        )
        alike = told.select(variable.is_same(pl.col(PEOPLE), pl.col(MODEL))).to_series().to_list()
        others = [pair for pair, is_one in zip(pairs, alike, strict=True) if not is_one]
        return both.is_in(pl.Series(others, dtype=pl.UInt64).implode())

    def _coded_mask(self, chosen: RowFilter, place: int) -> pl.Series:
        """Of each row, whether people settled in a coding set on what a filter wants."""
        variable, own = self.codebook.answers[place], self._held().codes.own(place)
        gold = self._coded(chosen.coded, variable.name, chosen.part).settled.gold
        total = self._view().state.rows
        known = {row: said for row, said in gold.items() if said and 1 <= row <= total}
        if chosen.says:
            known = {row: said for row, said in known.items() if said == chosen.says}
        rows = pl.Series([row - 1 for row in known], dtype=ROW_TYPE)
        if chosen.differs and known:
            if not own.is_whole:
                raise NotToldApartError
            told = pl.DataFrame({PEOPLE: [*known.values()], MODEL: own.values_at(rows)})
            rows = rows.filter(~told.select(variable.is_same(pl.col(PEOPLE), pl.col(MODEL))).to_series())
        nobody = pl.repeat(False, total, dtype=pl.Boolean, eager=True)
        return nobody.scatter(rows, True) if len(rows) else nobody

    def _least_sure(self) -> pl.Series:
        """Numbers of the rows of which it is known how sure the model was, the least sure first."""
        view = self._view()
        key = (view.folder, "least sure")
        order: pl.Series | None = self._kept.get(key)
        if order is None:
            path, about = kept_beside(view, "least-sure"), _about(view)
            kept = kept_frame(path, about)
            if kept is None:
                known = view.scan().select(ROW, how_sure(self.run.plan)).filter(pl.col(SURE).is_not_null())
                made = known.sort(SURE, ROW).select(pl.col(ROW).cast(ROW_TYPE)).collect()
                keep_beside(view, lambda: keep_frame(path, about, made))
                kept = made
            order = self._remember(key, kept[ROW])
        return order

    def _with_words(self, found: pl.Series, words: str) -> pl.Series:
        """Rows that have these words in their texts; letters of either case."""
        view = self._table_view()
        key = (view.folder, words)
        has = self._worded.get(key)
        if has is None:
            # Four times as fast as to look in texts of small letters (polars 2.1).
            wanted = f"(?i){pl.escape_regex(words)}"
            keys = [str(position) for position in self._text_positions()]
            has_words = pl.any_horizontal(pl.col(key).str.contains(wanted) for key in keys)
            parts = [part.to_series() for part in view.parts(has_words)]
            has = pl.concat(parts) if parts else pl.Series(dtype=pl.Boolean)
            with self._lock:
                while len(self._worded) >= _KEPT_WORDS:
                    self._worded.pop(next(iter(self._worded)))
                self._worded[key] = has
        # A table that was cut off while it was read has fewer rows.
        found = found.filter(found <= len(has))
        return found.filter(has.gather(found - 1))

    def _by_values(self, chosen: RowFilter) -> pl.Series:
        """As `_by_codes`, by the values themselves."""
        scan = self._of_status(self._scan(), chosen)
        place = self._place(chosen.variable or self.columns[0])
        scan = self._with_value(scan, place, chosen)
        if chosen.corrected:
            scan = scan.filter(IS_CORRECTED)
        own = pl.col(str(place))
        if chosen.model:
            scan = scan.filter(own == chosen.model)
        if chosen.unlabelled:
            scan = scan.filter(own == "")
        if chosen.people or chosen.coded:
            people = self._with_coded if chosen.coded else self._with_people
            scan = people(scan, chosen, self.codebook.answers[place]).filter(pl.col(PEOPLE) != "")
            if chosen.says:
                scan = scan.filter(pl.col(PEOPLE) == chosen.says)
            if chosen.differs:
                scan = scan.filter(~self.codebook.answers[place].is_same(pl.col(PEOPLE), own))
        if chosen.least_sure:
            scan = self._least_sure_first(scan)
        found: pl.Series = scan.select(ROW).collect()[ROW].cast(ROW_TYPE)
        return found

    def _with_value(self, scan: pl.LazyFrame, place: int, chosen: RowFilter) -> pl.LazyFrame:
        """Answers whose value of a variable is as a filter wants it, as it holds now."""
        if chosen.label:
            scan = scan.filter(self._has(place, chosen.label))
        if chosen.not_asked:
            scan = scan.filter(_is_answered() & (pl.col(final_column(place)) == ""))
        if chosen.least or chosen.most:
            value = pl.col(final_column(place))
            scan = scan.filter(self.codebook.answers[place].within(value, chosen.least, chosen.most))
        return scan

    def _has(self, place: int, label: str) -> pl.Expr:
        """Whether a value that holds is this one, or has it among several."""
        value = pl.col(final_column(place))
        if self.codebook.answers[place].has_several:
            return value.str.split(SEPARATOR).list.contains(label)
        return value == label

    def _lines(self, number: int) -> tuple[tuple[int, str], ...]:
        """Result lines of a row, in the files as they came."""
        samples = self.run.plan.asking.samples
        found: list[tuple[int, str]] = []
        numbers = request_numbers(pl.Series("row", [number], dtype=pl.Int64), samples).to_list()
        with self._directory.ledger() as ledger:
            shards = ledger.shards()
        for shard in shards:
            here = [one for one in numbers if shard.first_row <= one <= shard.last_row]
            for kind in ("output", "error") if here else ():
                path = self._directory.result_path(shard.name, kind)
                if path.is_file() and path.stat().st_size:
                    ids = [f'"row-{one}"'.encode() for one in here]
                    found += [(shard.round, line) for wanted in ids for line in _lines_with(path, wanted)]
        return tuple(found[: _FOUND_LINES + samples - 1])


def _reasons_as_made(plain: Mapping[str, list[tuple[str, int]]]) -> dict[str, tuple[tuple[str, int], ...]]:
    return {status: tuple((why, rows) for why, rows in listed) for status, listed in plain.items()}


def _is_answered() -> pl.Expr:
    """Whether a row has an answer: the model's, or a person's."""
    return (pl.col("status") == "ok") | pl.col(IS_CORRECTED)


def _lines_with(path: Path, wanted: bytes) -> list[str]:
    found: list[str] = []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = content.find(wanted)
        while at >= 0 and len(found) < _FOUND_LINES:
            begin = content.rfind(b"\n", 0, at) + 1
            end = content.find(b"\n", at)
            line = content[begin : end if end >= 0 else len(content)]
            try:
                document = json.loads(line)
            except ValueError:
                document = None
            if isinstance(document, dict) and wanted.strip(b'"').decode() in (
                document.get("custom_id"),
                document.get("key"),
            ):
                found.append(line.decode(errors="replace"))
            at = content.find(wanted, at + 1)
    return found


def _about(answers: TableView) -> dict[str, str]:
    """What is kept of answers is of these, and of this version: another one may count otherwise."""
    return {"of": answers.folder.name, "rowbatch": version("rowbatch")}
