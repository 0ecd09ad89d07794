"""
Coding sets as people sit at them: what a coder is shown, what becomes of a press, and what coders differ in.

A press names its row and how much the coder had said of it when the page was made. So one that comes twice
counts once, and one of a page that is not true any more changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from threading import RLock
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

from rowbatch.api.runs import Run, open_run
from rowbatch.api.sets import OpenCodingSet, TakenCodes, coding_set
from rowbatch.core.coding_set import (
    Code,
    CodingSet,
    Decision,
    DrawnRow,
    Sight,
    asked_now,
    disagreements,
    is_complete,
    last_words,
    queue_of,
)
from rowbatch.core.drawing import hash_of
from rowbatch.core.kinds.quote import QuoteVariable
from rowbatch.core.table_options import said_of
from rowbatch.desk.drafts import codebook_of_draft, read_draft
from rowbatch.desk.library import LibraryTable
from rowbatch.errors import CodebookError, InputError, RowbatchError, UsageError
from rowbatch.store.coding_sets import CodingFolder, is_coding_set, known_sets, now

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook
    from rowbatch.core.kinds.base import Variable

LAST = 10
"""So many of the last codes are within reach."""
_PACE_OF = 30
_FEWEST_FOR_PACE = 5
# Who went for lunch was not reading.
_LONGEST_S = 600.0

Heard = Literal["saved", "again", "late"]
"""What came of a press: it counts; it had counted already; its page was not true any more, so it does not."""


@dataclass(frozen=True, slots=True)
class Progress:
    """
    How far a coder is.

    Attributes:
        coder: As they are called.
        file: The name of their file, for addresses.
        rows: Of their queue.
        done: Of these, those that they are done with.
        seconds_left: About, at their own pace; None where it is not known yet.
    """

    coder: str
    file: str
    rows: int
    done: int
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class ShownRow:
    """
    A row as a coder sees it.

    Attributes:
        row: Of the set.
        number: Its place in the coder's queue, from 1.
        version: How much the coder has said of it.
        values: That hold, by variable; those that do not apply any more left out.
        note: The coder's own.
        asked: Variables that are asked of it now.
        model: What a model said, by variable; None where the coder does not see it.
    """

    row: DrawnRow
    number: int
    version: int
    values: Mapping[str, str]
    note: str
    asked: tuple[Variable, ...]
    model: Mapping[str, str] | None

    @property
    def is_complete(self) -> bool:
        """Whether the coder is done with it; words of their own may still be asked."""
        return is_complete(self.asked, self.values)

    @property
    def first_open(self) -> Variable | None:
        """What is asked next; None where all is said."""
        return next((one for one in self.asked if not self.values.get(one.name)), None)


@dataclass(frozen=True, slots=True)
class Difference:
    """
    A row of which coders say different things.

    Attributes:
        row: Of the set.
        variable: Of which.
        said: What each coder says, with their notes.
        decision: What it was settled to; None where nobody did.
        model: What a model said; None where it is not shown, "" where it said nothing.
    """

    row: DrawnRow
    variable: Variable
    said: tuple[tuple[str, str, str], ...]
    decision: Decision | None
    model: str | None


class Coding:
    """
    A set that people sit at. There is one of it in the program, so that no two presses meet.

    Args:
        folder: On the disk.
    """

    def __init__(self, folder: CodingFolder) -> None:
        self.folder = folder
        self.plan: CodingSet = folder.plan
        self.asked = self.plan.asked
        self._lock = RLock()
        self._rows: tuple[object, list[DrawnRow]] | None = None
        self._histories: dict[str, tuple[object, list[Code]]] = {}
        self._queues: dict[str, tuple[object, list[DrawnRow]]] = {}
        self._models: dict[str, dict[str, dict[int, str]]] = {}

    @property
    def id(self) -> str:
        """For addresses."""
        return self.plan.id

    def variable(self, name: str) -> Variable:
        """
        One of those that are asked.

        Raises:
            UsageError: There is none of this name.
        """
        for one in self.asked:
            if one.name == name:
                return one
        raise UsageError("no-such-variable", variable=name)

    def rows(self) -> list[DrawnRow]:
        """All rows, read again when others came."""
        with self._lock:
            stamp = _stamp(self.folder.path / "waves.jsonl")
            if self._rows is None or self._rows[0] != stamp:
                self._rows = stamp, self.folder.rows()
            return self._rows[1]

    def queue(self, coder: str) -> list[DrawnRow]:
        """What a coder is shown, in this order."""
        with self._lock:
            rows = self.rows()
            known = self._queues.get(coder)
            if known is None or known[0] is not rows:
                known = self._queues[coder] = rows, queue_of(self.plan, rows, coder)
            return known[1]

    def coder(self, file: str) -> str:
        """
        Who has this file.

        Raises:
            InputError: Nobody.
        """
        found = self.folder.coders().get(file)
        if found is None:
            raise InputError("coder-missing")
        return found

    def history(self, coder: str) -> list[Code]:
        """Everything that a coder said, oldest first; read again when something came from elsewhere."""
        with self._lock:
            files = {name: file for file, name in self.folder.coders().items()}
            stamp = _stamp(self.folder.path / "codes" / f"{files.get(coder, '')}.jsonl")
            known = self._histories.get(coder)
            if known is None or known[0] != stamp:
                known = self._histories[coder] = stamp, self.folder.history(coder)
            return known[1]

    # What is shown

    def shown(self, coder: str, key: str) -> ShownRow:
        """
        One row, as a coder sees it now.

        Raises:
            InputError: It is not one of theirs.
        """
        with self._lock:
            queue, sight = self.queue(coder), self.folder.sight()
            number = next((at for at, one in enumerate(queue, 1) if one.key == key), 0)
            if not number:
                raise InputError("coding-row-missing")
            said = [one for one in self.history(coder) if one.key == key]
            values = self._applicable(said[-1].values if said else {})
            return ShownRow(
                row=queue[number - 1],
                number=number,
                version=len(said),
                values=values,
                note=said[-1].note if said else "",
                asked=tuple(asked_now(self.asked, values)),
                model=self._model_of(queue[number - 1], sight)
                if self._is_seen(queue[number - 1], sight)
                else None,
            )

    def next_key(self, coder: str, after: str = "") -> str | None:
        """
        Which row comes next: the first that is not done, after the one that was just shown.

        Args:
            coder: Whose.
            after: Key of that row; where none is left behind it, those before it come.
        Returns:
            None where all is done.
        """
        with self._lock:
            queue, done = self.queue(coder), self._done(coder)
            start = next((at for at, one in enumerate(queue, 1) if one.key == after), 0)
            left = (one.key for one in (*queue[start:], *queue[:start]) if one.key not in done)
            return next(left, None)

    def last(self, coder: str) -> list[tuple[DrawnRow, Code]]:
        """The rows that a coder coded last, the last one first."""
        with self._lock:
            rows = {one.key: one for one in self.queue(coder)}
            history = self.history(coder)
            holds = last_words(history)
            found: dict[str, tuple[DrawnRow, Code]] = {}
            for one in reversed(history):
                if one.key in holds and one.key in rows and one.key not in found:
                    found[one.key] = rows[one.key], holds[one.key]
                    if len(found) == LAST:
                        break
            return [*found.values()]

    def progress(self, coder: str, file: str = "") -> Progress:
        """How far a coder is, and how long the rest takes."""
        with self._lock:
            queue, done = self.queue(coder), self._done(coder)
            times: dict[str, float] = {}
            for one in self.history(coder):
                if one.seconds is not None and one.key in done:
                    times[one.key] = times.pop(one.key, 0.0) + min(one.seconds, _LONGEST_S)
            pace = [*times.values()][-_PACE_OF:]
            left = sum(one.key not in done for one in queue)
            return Progress(
                coder,
                file,
                len(queue),
                len(queue) - left,
                median(pace) * left if len(pace) >= _FEWEST_FOR_PACE else None,
            )

    def everybody(self) -> list[Progress]:
        """How far each coder is."""
        return [self.progress(name, file) for file, name in self.folder.coders().items()]

    def _done(self, coder: str) -> set[str]:
        return {
            key
            for key, code in last_words(self.history(coder)).items()
            if is_complete(self.asked, code.values)
        }

    def _applicable(self, values: Mapping[str, str]) -> dict[str, str]:
        """Values without those that their conditions left behind."""
        names = {one.name for one in asked_now(self.asked, values)}
        return {name: value for name, value in values.items() if name in names and value}

    # What becomes of a press

    def say(
        self,
        coder: str,
        key: str,
        version: int,
        values: Mapping[str, str],
        *,
        note: str = "",
        seconds: float | None = None,
        saw_model: bool = False,
    ) -> Heard:
        """
        Note what a coder says of a row; on the disk when this returns.

        Args:
            coder: Who.
            key: Of the row.
            version: As `ShownRow` had it when the page was made.
            values: By variable, as the person gave them; what was said before of others stays. Empty: a note
                alone.
            note: Their own.
            seconds: How long the row was on the screen.
            saw_model: What the model said stood beside it.
        Raises:
            UsageError: A value is none of its variable's.
        """
        with self._lock, self.folder.turn():
            shown = self.shown(coder, key)
            said = {name: self._read(name, value, shown.row) for name, value in values.items()}
            holds = self._applicable({**shown.values, **said})
            note = note.strip()
            is_same = holds == shown.values and note == shown.note
            if shown.version != version:
                return "again" if is_same else "late"
            if is_same:
                return "again"
            before = [one for one in self.history(coder) if one.key == key]
            code = Code(
                key,
                holds,
                note=note,
                at=now(),
                seconds=seconds,
                saw_model=saw_model or any(one.saw_model for one in before),
            )
            self.folder.add_codes(coder, [code])
            return "saved"

    def undo(self, coder: str, heard: int) -> str | None:
        """
        Take back what a coder said last in the app.

        Args:
            coder: Who.
            heard: How much they had said when the page was made; where they have said more since, nothing
                is taken back.
        Returns:
            Key of the row that it was about; None where there is nothing, or the page was not true any more.
        """
        with self._lock, self.folder.turn():
            history = self.history(coder)
            if len(history) != heard:
                return None
            steps: list[int] = []
            for at, one in enumerate(history):
                if one.via != "app":
                    continue
                if not one.undoes:
                    steps.append(at)
                elif steps:
                    steps.pop()
            if not steps:
                return None
            taken = history[steps[-1]]
            before = [one for one in history[: steps[-1]] if one.key == taken.key]
            code = Code(
                taken.key,
                before[-1].values if before else {},
                note=before[-1].note if before else "",
                at=now(),
                saw_model=taken.saw_model,
                undoes=True,
            )
            self.folder.add_codes(coder, [code])
            return taken.key

    def _read(self, name: str, value: str, row: DrawnRow) -> str:
        """A value as it is kept: a quote has to stand in the text."""
        variable = self.variable(name)
        read = variable.people_value(value)
        return variable.placed(read, row.text)[0] if isinstance(variable, QuoteVariable) else read

    # Files

    def take(self, path: Path, coder: str) -> Sequence[TakenCodes]:
        """
        Take what people coded in a file: all of it, or nothing.

        Args:
            path: A sheet, or an export of Label Studio or doccano.
            coder: Who; "" where the file says so itself.
        Raises:
            RowbatchError: It cannot be taken.
        """
        with self._lock:
            return OpenCodingSet(self.folder).take(path, coder)

    def write_sheet(self, path: Path, coder: str) -> Path | None:
        """
        Write what a coder has not coded yet, for another program; "" means all rows.

        Returns:
            The file that the other program wants beside it; None where it wants none.
        Raises:
            RowbatchError: Nothing is left, or something has no place in the form.
        """
        return OpenCodingSet(self.folder).write_sheet(path, coder).config

    def export(self, path: Path) -> None:
        """Write what everybody said, and what was decided, as a table."""
        OpenCodingSet(self.folder).export(path)

    # What a model said

    def show_model(self, run: str, blind: float) -> None:
        """
        Let coders see what a model said, but of a share of the rows; or, without a run, no longer.

        Raises:
            RunError: There is no such run.
            UsageError: It is of another table, or asks nothing that is asked here; the share is none.
        """
        if run:
            opened = open_run(run)
            names = opened.codebook.columns
            if opened.plan.source.sha256 != self.plan.source.sha256 or not any(
                one.name in names for one in self.asked
            ):
                raise UsageError("coding-run-of-another-table", run=str(opened.path))
            if not 0 <= blind <= 1:
                raise UsageError("sample-share", name="blind", value=blind)
        with self._lock:
            self._models.clear()
            self.folder.add_sight(Sight(run, blind, now()))

    def _is_seen(self, row: DrawnRow, sight: Sight) -> bool:
        """Whether coders see what the model said of a row; chance says which stay blind, once and for all."""
        if not sight.run:
            return False
        place = int.from_bytes(hash_of("rowbatch-blind", self.plan.seed, row.key)[:8], "big") / 2**64
        return place >= sight.blind

    def _model_of(self, row: DrawnRow, sight: Sight) -> dict[str, str]:
        known = self._models.get(sight.run)
        if known is None:
            known = self._models[sight.run] = self._read_model(sight.run)
        return {name: values.get(row.row, "") for name, values in known.items()}

    def _read_model(self, run: str) -> dict[str, dict[int, str]]:
        wanted = [one.row for one in self.rows()]
        try:
            opened = open_run(run)
            names = [one.name for one in self.asked if one.name in opened.codebook.columns]
            frames = {name: opened.labels_of_rows(name) for name in names}
        except RowbatchError:
            # It was removed: coders go on without it.
            return {}
        return {
            name: dict(frame.filter(frame["row"].is_in(wanted)).iter_rows()) for name, frame in frames.items()
        }

    # What coders differ in

    def differing(self) -> dict[str, list[str]]:
        """By variable: keys of the rows of which coders say different things, in the order of the set."""
        with self._lock:
            places = {one.key: at for at, one in enumerate(self.rows()) if not one.same_as}
            codes = {
                name: {
                    key: replace(code, values=self._applicable(code.values))
                    for key, code in last_words(self.history(name)).items()
                }
                for name in self.folder.coders().values()
            }
            return {
                one.name: sorted(
                    (key for key in disagreements(codes, one.name) if key in places), key=places.__getitem__
                )
                for one in self.asked
            }

    def difference(self, key: str, name: str, run: str = "") -> Difference:
        """
        One of them.

        Args:
            key: Of the row.
            name: Of the variable.
            run: Whose answer is shown beside; or "".
        Raises:
            InputError: There is no such row.
        """
        with self._lock:
            variable = self.variable(name)
            row = next((one for one in self.rows() if one.key == key), None)
            if row is None:
                raise InputError("coding-row-missing")
            said = []
            for coder in self.folder.coders().values():
                code = last_words(self.history(coder)).get(key)
                if code is not None and name in self._applicable(code.values):
                    said.append((coder, code.values[name], code.note))
            decision = self.folder.decisions().get((key, name))
            model = self._model_of(row, Sight(run)).get(name, "") if run else None
            return Difference(row, variable, tuple(said), decision, model)

    def decide(
        self, key: str, name: str, value: str, *, by: str = "", note: str = "", saw_model: bool = False
    ) -> bool:
        """
        Settle a difference; what coders said stays.

        Args:
            key, name: Of the row and the variable.
            value: That holds; "" takes an earlier decision back.
            by: Who decides.
            note: Why.
            saw_model: What a model said stood beside it.
        Returns:
            Whether it was new.
        Raises:
            UsageError: It is no value.
        """
        with self._lock, self.folder.turn():
            found = self.difference(key, name)
            read = self._read(name, value, found.row) if value else ""
            before = found.decision
            if (before.value, before.note) == (read, note.strip()) if before else not read:
                return False
            self.folder.add_decision(Decision(key, name, read, by.strip(), note.strip(), now(), saw_model))
            return True


class CodingRoom:
    """The sets of the program's owner, each opened once."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._open: dict[Path, Coding] = {}

    def all(self) -> Sequence[Coding]:
        """Those in the user's home, the newest first."""
        return [self._opened(folder) for folder in reversed(known_sets())]

    def coding(self, set_id: str) -> Coding:
        """
        One of them.

        Raises:
            InputError: There is none of this id.
        """
        # Each press of a key asks: to read what all sets are costs more, the more there are.
        found = next((one for one in [*self._open.values()] if one.id == set_id), None)
        if found is not None and is_coding_set(found.folder.path):
            return found
        for one in self.all():
            if one.id == set_id:
                return one
        raise InputError("coding-set-gone")

    def _opened(self, folder: CodingFolder) -> Coding:
        with self._lock:
            found = self._open.get(folder.path)
            if found is None:
                found = self._open[folder.path] = Coding(folder)
            return found


def questions_of_table(table: LibraryTable) -> Codebook | None:
    """What is asked of a table, as its form has it; None while that cannot be asked."""
    try:
        found = codebook_of_draft(read_draft(table.draft().get("draft") or {}))
    except CodebookError:
        return None
    return found if found.variables else None


def new_set(of: LibraryTable | Run, **how: Unpack[Making]) -> str:
    """
    Draw rows for people.

    Args:
        of: A table, with the questions of its form; or a run, with its own.
        how: As in `coding_set`.
    Returns:
        The id of the set.
    Raises:
        RowbatchError: It cannot be made; nothing was.
    """
    if not isinstance(of, LibraryTable):
        return coding_set(of, **how).plan.id
    book = questions_of_table(of)
    if book is None:
        raise UsageError("sample-needs-codebook")
    return coding_set(of.info.path, codebook=book, **how, **said_of(of.info.reading)).plan.id


class Making(TypedDict):
    """What a person says of a set to be made, as `coding_set` takes it."""

    count: int
    name: str
    text: str
    variables: Sequence[str]
    context: Sequence[str]
    stratify: str
    at_least: int
    group: str
    seed: int
    test: float
    coders: Sequence[str]
    overlap: float | None


def draw_more(coding: Coding, count: int) -> int:
    """
    Draw further rows into a set.

    Returns:
        How many came.
    Raises:
        UsageError: There are not so many.
        TableChanged: The table was changed.
    """
    return len(OpenCodingSet(coding.folder).draw(count).rows)


def _stamp(path: Path) -> object:
    try:
        told = path.stat()
    except OSError:
        return None
    return told.st_size, told.st_mtime_ns, told.st_ino
