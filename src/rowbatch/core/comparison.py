"""People's values beside those of a run: how their cells are read, and what is compared with what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

from rowbatch.core.agreement import Comparison
from rowbatch.core.document import Shown
from rowbatch.core.kinds.base import Variable
from rowbatch.core.spelling import spelling_key, without_point
from rowbatch.errors import UsageError

_SHOWN = 5
_NOBODY_CODED = frozenset(
    {"na", "n/a", "#n/a", "<na>", "nan", "nat", "null", "none", "nil", "", "-", "--", "\u2013", "?"}
)
"""Keys of what programs and people write into a cell that nobody coded, unless it is a value of the
codebook."""


@dataclass(frozen=True, slots=True, repr=False)
class PeopleComparison(Shown):
    """
    People's values compared with the model's, and which rows had no part in it.

    Attributes:
        comparison: What fits the kind of the variable; its `n` counts texts, each once.
        rows: Rows that people coded.
        texts: Different texts among these.
        undecided: Texts that people coded differently, none of their values more often than the others; they
            are not compared.
        differing: Texts that were asked more than once, and that the model itself answered differently; the
            answer that it gave most often counts, the earliest of several.
        not_coded: Values that stand for "not coded", as they are spelled in the table, with how many rows
            have them; empty cells are none of these.
        cant_say: Texts of which people say that it can't be said, where there is nothing then that could be
            compared: of a scale, a number, a date. They are left out.
    """

    comparison: Comparison
    rows: int
    texts: int
    undecided: int = 0
    differing: int = 0
    not_coded: Mapping[str, int] | None = None
    cant_say: int = 0


class PeopleReader:
    """
    Reads what people wrote into a column, as the model's answers are read.

    A cell is, in this order: not coded, where it is empty, or the person said so of its value, or the file
    does; a value of the variable, in any spelling that an answer may have; the code of one, where the file
    has labels for its codes; not coded, where it is `NA` or the like. Anything else is strange.

    Args:
        variable: Whose values these are.
        not_coded: Values that mean that nobody coded the row, in any spelling.
        value_labels: Of the column, by its code as a text: Stata and SPSS have them.
        is_missing: Whether the file calls a value missing; for its text.
    """

    def __init__(
        self,
        variable: Variable,
        *,
        not_coded: Iterable[str] = (),
        value_labels: Mapping[str, str] | None = None,
        is_missing: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.variable = variable
        self._not_coded = frozenset(map(_key, not_coded))
        self._value_labels = value_labels or {}
        self._is_missing = is_missing
        self._known: dict[str, str | None] = {}

    def read(self, cell: str) -> str | None:
        """
        The value that a cell stands for; None where nobody coded it.

        Raises:
            UsageError: It is no value of the variable.
        """
        if cell not in self._known:
            self._known[cell] = self._read(cell.strip())
        return self._known[cell]

    def _read(self, cell: str) -> str | None:
        if not cell or _key(cell) in self._not_coded or self._is_missing(cell):
            return None
        label = self._value_labels.get(cell, "").strip()
        try:
            return self.variable.people_value(cell)
        except UsageError:
            if label:
                if _key(label) in self._not_coded:
                    return None
                try:
                    return self.variable.people_value(label)
                except UsageError:
                    # Its code is what people look for in the table.
                    pass
            if _is_nobodys(cell) or (label and _is_nobodys(label)):
                return None
            raise

    def read_or_keep(self, cell: str) -> str:
        """The value that a cell stands for, "" where nobody coded it; what is strange stays as it is."""
        try:
            return self.read(cell) or ""
        except UsageError:
            return cell.strip()

    def may_read(self, column: str, cells: Iterable[str]) -> bool:
        """Whether a column of this name with these cells seems to be one that people coded."""
        found = {self.read_or_keep(cell) for cell in cells} - {""}
        return bool(found) and self.variable.may_be_peoples(column, found)


def _key(value: str) -> str:
    """Two spellings of a value that stands for nothing are the same when their keys are; `99.0` is `99`."""
    text = without_point(value)
    return spelling_key(text) or text


def _is_nobodys(cell: str) -> bool:
    return spelling_key(cell) in _NOBODY_CODED or cell.casefold() in _NOBODY_CODED


class PeopleTally:
    """
    Counts people's cells beside the model's values, text by text.

    Args:
        reader: Of the cells.
        column: Where people wrote, for messages.
    """

    def __init__(self, reader: PeopleReader, column: str) -> None:
        self._reader, self._column = reader, column
        self._pairs: Counter[tuple[str, str]] = Counter()
        self._not_coded: Counter[str] = Counter()
        self._strange: set[str] = set()
        self._rows = self._texts = self._undecided = self._differing = self._cant_say = 0

    def note_cells(self, counted: Iterable[tuple[str, int]]) -> dict[str, str]:
        """
        Read cells.

        Args:
            counted: Each cell once, and how many rows have it.
        Returns:
            The value that each stands for; "" where nobody coded it.
        """
        found = {}
        for cell, rows in counted:
            try:
                value = self._reader.read(cell)
            except UsageError:
                self._strange.add(cell.strip())
                value = None
            else:
                if value is None and cell.strip():
                    self._not_coded[cell.strip()] += rows
            found[cell] = value or ""
            self._rows += rows if value else 0
        return found

    def add_once(self, counted: Iterable[tuple[str, str, int]]) -> None:
        """Count texts that stand in one row: people's value, the model's or "", and how many texts."""
        for people, model, texts in counted:
            self._texts += texts
            self._add(people, model, texts)

    def add_repeated(self, people: Sequence[str], model: Sequence[str]) -> None:
        """Count a text that stands in several rows: people's values, and the model's or "", row by row."""
        self._texts += 1
        answers = Counter(filter(None, model))
        self._differing += len(answers) > 1
        together = self._reader.variable.people_together(people)
        if together is None:
            self._undecided += 1
            return
        # The first of the commonest: a Counter keeps the order in which they came.
        self._add(together, max(answers, key=lambda value: answers[value], default=""), 1)

    def _add(self, people: str, model: str, texts: int) -> None:
        if self._reader.variable.is_compared(people):
            self._pairs[people, model] += texts
        else:
            self._cant_say += texts

    def result(self) -> PeopleComparison:
        """
        What came of it.

        Raises:
            UsageError: People wrote what the codebook does not allow; or nothing, or nothing that can be
                compared; or agree on no text.
        """
        if self._strange:
            raise UsageError(
                "people-not-in-codebook", column=self._column, values=sorted(self._strange)[:_SHOWN]
            )
        if not self._pairs:
            if self._cant_say:
                raise UsageError("people-cant-say", column=self._column, texts=self._cant_say)
            raise UsageError(
                "people-disagree" if self._undecided else "people-say-nothing",
                column=self._column,
                texts=self._undecided,
            )
        return PeopleComparison(
            self._reader.variable.compare(_each(self._pairs)),
            rows=self._rows,
            texts=self._texts,
            undecided=self._undecided,
            differing=self._differing,
            not_coded=dict(self._not_coded.most_common()),
            cant_say=self._cant_say,
        )


def _each(counted: Mapping[tuple[str, str], int]) -> Iterator[tuple[str, str | None]]:
    for (people, model), count in counted.items():
        yield from repeat((people, model or None), count)
