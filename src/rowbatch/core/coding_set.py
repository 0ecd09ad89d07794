"""
A coding set: rows that were drawn for people to code, and what people said of them.

What people say lies beside the table and beside every run of it, never in a run: a set can be coded before a
model is asked, and any run of the same table is compared with it. Rows are known by their keys
(`core.coding`), so codes never reach the row of another text.

    CodingSet        frozen: which table, what is asked, of whom
    ├── Wave         how some of its rows were drawn, and out of how many
    ├── DrawnRow     a row of it: its text, its stratum, its part
    ├── Code         what one coder said of one row, with how it came about
    ├── Decision     the value that a disagreement was settled to
    └── Look         that somebody looked at the numbers of a part
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import TYPE_CHECKING, Any, Literal

from rowbatch.core.drawing import SIMPLE, hash_of
from rowbatch.core.plan import Source

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook
    from rowbatch.core.kinds.base import Variable

Part = Literal["", "dev", "test"]
"""
What a row is for: `dev`, to mend the codebook by; `test`, to be looked at once, at the end; "" where nobody
parted them.
"""

ChosenBy = Literal["chance", "least-sure", "hand"]
"""
How rows came into a set. Only what chance drew can stand for the others: estimates leave the rest out.
"""


@dataclass(frozen=True, slots=True)
class CodingSet:
    """
    What is coded: frozen when the set is made.

    Attributes:
        id: 16 hex digits, for addresses.
        name: What people call it.
        source: The table, with the digest that a run of it must have.
        text: Column with the text.
        context: Columns that stand beside it.
        answer: The codebook, as a codebook file has it.
        variables: Names of those that are asked; in the codebook's order.
        created_at: ISO 8601, UTC.
        rowbatch_version: Which program made it.
        seed: Of all its draws, parts and orders.
        test: Share of the texts that are for `test`; 0 where nobody parted them.
        coders: Among whom the rows are divided; none means that each coder codes all of them.
        overlap: Share of the rows that all of these code; of the others each has one coder.
        leaves_examples: Rows whose texts are examples in the codebook are not drawn: of these the model is
            told what is right. Sets of before 0.3 drew them, too.
    """

    id: str
    name: str
    source: Source
    text: str
    answer: Mapping[str, Any]
    variables: tuple[str, ...]
    context: tuple[str, ...] = ()
    created_at: str = ""
    rowbatch_version: str = ""
    seed: int = 1
    test: float = 0.0
    coders: tuple[str, ...] = ()
    overlap: float = 1.0
    leaves_examples: bool = False

    @property
    def codebook(self) -> Codebook:
        """What is asked, with what is not asked of people."""
        from rowbatch.core.codebook import parse_codebook

        return parse_codebook(dict(self.answer))

    @property
    def asked(self) -> tuple[Variable, ...]:
        """The variables that people are asked."""
        return tuple(one for one in self.codebook.variables if one.name in self.variables)

    @property
    def never_drawn(self) -> frozenset[str]:
        """Texts that are examples of what is asked, by their `example_key`; such rows are not drawn."""
        if not self.leaves_examples:
            return frozenset()
        return frozenset(text for one in self.asked for text in one.taught_texts)


@dataclass(frozen=True, slots=True)
class Wave:
    """
    How some rows were drawn.

    Attributes:
        number: From 1, in the order in which they were drawn.
        design: As in `core.drawing`; of rows that chance did not draw "".
        seed: Of the draw.
        chosen_by: Whether by chance.
        population: How many rows could be drawn, by stratum; the whole is the stratum "".
        clusters: How many groups (people, documents) could be drawn, by stratum, where whole groups were
            drawn; else empty.
        stratified_by: Column, or variable of a model, that the strata are of; or "".
        grouped_by: Column that names the group of a row; or "".
        drawn_at: ISO 8601, UTC.
        allocation: Of strata: how many of each, see `core.drawing.Allocation`.
        run: Folder of the run whose labels the strata are, or which was least sure; or "".
        also: Rows that were in the set already and belong to this draw, by key, with their stratum: it
            drew them, too, or they are of an earlier draw that it goes on with in strata.
    """

    number: int
    population: Mapping[str, int]
    design: str = SIMPLE
    seed: int = 1
    chosen_by: ChosenBy = "chance"
    clusters: Mapping[str, int] = field(default_factory=dict)
    stratified_by: str = ""
    grouped_by: str = ""
    drawn_at: str = ""
    allocation: str = ""
    run: str = ""
    also: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DrawnRow:
    """
    A row of a set.

    Attributes:
        key: Of its row and text, see `core.coding.row_key`.
        row: Its number in the table, from 1.
        text: What people read.
        context: What stands beside it, by column.
        wave: By which it came.
        stratum: Of its wave; "" where there are none.
        group: Person or document that it is of; "" where nothing was said.
        part: What it is for.
        same_as: Key of an earlier row with the same text and context, which is coded in its place; or "".
        within: How likely it was drawn within its group, once that was drawn.
    """

    key: str
    row: int
    text: str
    context: Mapping[str, str] = field(default_factory=dict)
    wave: int = 1
    stratum: str = ""
    group: str = ""
    part: Part = ""
    same_as: str = ""
    within: float = 1.0


@dataclass(frozen=True, slots=True)
class Code:
    """
    What one coder said of one row, at one time; the last word of a coder on a row counts.

    Attributes:
        key: Of the row.
        values: By variable; "can't say" is a value. Empty means that the coder took it back.
        note: In the coder's own words; or "".
        at: ISO 8601, UTC.
        seconds: How long the text was on the screen; None where nobody knows, as of a sheet.
        saw_model: The coder could see what a model had said.
        via: Where it was said: `app`, or the name of the file that it came in.
        undoes: It takes back what the coder said last in the app, of this row; `values` are those of before.
    """

    key: str
    values: Mapping[str, str]
    note: str = ""
    at: str = ""
    seconds: float | None = None
    saw_model: bool = False
    via: str = "app"
    undoes: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """
    The value that holds where coders differ; their codes stay as they are.

    Attributes:
        key: Of the row.
        variable: Of which.
        value: That holds; "" takes an earlier decision back.
        by: Who decided.
        note: Why; or "".
        at: ISO 8601, UTC.
        saw_model: Who decided could see what a model had said.
    """

    key: str
    variable: str
    value: str
    by: str = ""
    note: str = ""
    at: str = ""
    saw_model: bool = False


@dataclass(frozen=True, slots=True)
class Sight:
    """
    Whether coders see what a model said.

    Attributes:
        run: Folder of the run whose answers they see; "" where they see none.
        blind: Share of the rows of which they see nothing all the same: what seeing does can be shown by it.
        at: ISO 8601, UTC.
    """

    run: str
    blind: float = 0.2
    at: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """
    That somebody looked at numbers of a part.

    Attributes:
        part: Which.
        at: ISO 8601, UTC.
        what: What was looked at, as a run's name and a variable.
        codebook_sha256: Of the codebook of the run at that time: when it changes after a look at `test`, that
            part is used up.
        run, variable: Of which; "" where an older version looked.
        rows: With a value that people agreed on, at that time.
    """

    part: Part
    at: str
    what: str
    codebook_sha256: str = ""
    run: str = ""
    variable: str = ""
    rows: int = 0


Codes = Mapping[str, Mapping[str, Code]]
"""By coder, then by key: their last words, without what they took back."""


def last_words(history: Iterable[Code]) -> dict[str, Code]:
    """
    What holds of what one coder said, in the order in which rows were coded first.

    Args:
        history: Everything that the coder said, oldest first.
    """
    found: dict[str, Code] = {}
    for code in history:
        if code.values:
            found[code.key] = code
        else:
            found.pop(code.key, None)
    return found


def asked_now(asked: Sequence[Variable], values: Mapping[str, str]) -> list[Variable]:
    """
    Which variables are asked of a row of which some of the values are known.

    Args:
        asked: Of the set, in the codebook's order. A condition on a variable that is not among them holds.
        values: By variable; values of those that are not asked any more do not count.
    """
    found: dict[str, Variable] = {}
    names = {one.name: one for one in asked}
    for one in asked:
        known = {name: values for name, values in one.only_if.items() if name in names}
        if all(
            name in found and names[name].is_among(values.get(name, ""), {*map(names[name].read, wanted)})
            for name, wanted in known.items()
        ):
            found[one.name] = one
    return [*found.values()]


def standing_decisions(history: Iterable[Decision]) -> dict[tuple[str, str], Decision]:
    """Decisions that hold, by key and variable; of those that were made oldest first."""
    found: dict[tuple[str, str], Decision] = {}
    for one in history:
        if one.value:
            found[one.key, one.variable] = one
        else:
            found.pop((one.key, one.variable), None)
    return found


def disagreements(codes: Codes, variable: str) -> list[str]:
    """Keys of the rows of which two coders or more say different things."""
    said: dict[str, set[str]] = {}
    for of_coder in codes.values():
        for key, code in of_coder.items():
            if variable in code.values:
                said.setdefault(key, set()).add(code.values[variable])
    return [key for key, values in said.items() if len(values) > 1]


def gold_of(codes: Codes, decisions: Mapping[tuple[str, str], Decision], variable: str) -> dict[str, str]:
    """
    The value of each row that people settled on: what was decided, else what all who coded it say.

    Rows of which coders differ and nobody has decided have none.

    Args:
        codes: Of all coders.
        decisions: That hold.
        variable: Of which.
    Returns:
        By key.
    """
    unsettled = set(disagreements(codes, variable))
    found: dict[str, str] = {}
    for of_coder in codes.values():
        for key, code in of_coder.items():
            if variable in code.values and key not in unsettled:
                found.setdefault(key, code.values[variable])
    found |= {key: one.value for (key, name), one in decisions.items() if name == variable}
    return found


def is_complete(asked: Sequence[Variable], values: Mapping[str, str]) -> bool:
    """
    Whether a coder is done with a row: for every door, the app's, the sheets' and the command line's.

    What they write or select in their own words need not be there, since in a sheet an empty cell is all that
    says that there is nothing to be written; but something of the row has to be.

    Args:
        asked: Of the set, in the codebook's order.
        values: What they have said of it.
    """
    return any(values.values()) and all(
        values.get(one.name) or one.is_open for one in asked_now(asked, values)
    )


def with_repeats(codes: Mapping[str, Code], rows: Iterable[DrawnRow]) -> dict[str, Code]:
    """What a coder said, also of the rows that have the text of another one, which alone was shown."""
    found = dict(codes)
    for row in rows:
        if row.same_as in codes:
            found[row.key] = replace(codes[row.same_as], key=row.key)
    return found


def decisions_with_repeats(
    decisions: Mapping[tuple[str, str], Decision], rows: Iterable[DrawnRow]
) -> dict[tuple[str, str], Decision]:
    """Decisions that hold, also of rows with the text of another one: coders differ there as well."""
    found = dict(decisions)
    of_key: dict[str, list[Decision]] = {}
    for one in decisions.values():
        of_key.setdefault(one.key, []).append(one)
    for row in rows:
        for one in of_key.get(row.same_as, ()) if row.same_as else ():
            found.setdefault((row.key, one.variable), replace(one, key=row.key))
    return found


def draws_of(waves: Sequence[Wave], rows: Iterable[DrawnRow]) -> dict[str, tuple[Wave, str]]:
    """
    The draw by chance that each row belongs to, with its stratum there; other rows are not among them.

    Args:
        waves: Of the set, oldest first.
        rows: Of the set.
    Returns:
        By key: a wave of the draw, the last one that has the row.
    """
    found: dict[str, tuple[Wave, str]] = {}
    by_chance = {one.number: one for one in waves if one.chosen_by == "chance"}
    for row in rows:
        if row.wave in by_chance:
            found[row.key] = by_chance[row.wave], row.stratum
    for wave in by_chance.values():
        found |= {key: (wave, stratum) for key, stratum in wave.also.items()}
    return found


def probabilities(waves: Sequence[Wave], rows: Iterable[DrawnRow]) -> dict[str, float]:
    """
    How likely each row of a set was to be drawn by chance; rows that were chosen otherwise have none.

    Waves of one design and seed go on where the one before ended: they are one draw, of all their rows.
    Where a draw in strata goes on with one of another kind, it is the chance given how many rows of each
    stratum came: any so many of them were as likely. Of the rows of one part it is that of being drawn and of
    this part.

    Args:
        waves: Of the set, oldest first.
        rows: Of the set, or of a part of it.
    Returns:
        By key, above 0 and at most 1.
    """
    kept = {one.key: one for one in rows}
    placed = {key: one for key, one in draws_of(waves, kept.values()).items() if key in kept}
    units: dict[tuple[str, int, str], set[str]] = {}
    for key, (wave, stratum) in placed.items():
        unit = kept[key].group if wave.clusters else key
        units.setdefault((wave.design, wave.seed, stratum), set()).add(unit)
    return {
        key: min(
            1.0,
            len(units[wave.design, wave.seed, stratum]) / (wave.clusters or wave.population)[stratum],
        )
        * kept[key].within
        for key, (wave, stratum) in placed.items()
    }


def assigned(plan: CodingSet, rows: Iterable[DrawnRow]) -> dict[str, tuple[str, ...]]:
    """
    Who codes each row of a set: of each wave some rows all coders, and each of the others one of them.

    Args:
        plan: With the coders, and the share that all of them code.
        rows: Of the set; rows with the text of another one are nobody's.
    Returns:
        Names by key, in the order of the rows; () means any coder.
    """
    waves: dict[int, list[str]] = {}
    for row in rows:
        if not row.same_as:
            waves.setdefault(row.wave, []).append(row.key)
    found: dict[str, tuple[str, ...]] = {}
    for keys in waves.values():
        found |= dict.fromkeys(keys, plan.coders)
        if len(plan.coders) > 1:
            mixed = sorted(keys, key=lambda key: hash_of("rowbatch-overlap", plan.seed, key))
            for at, key in enumerate(mixed[ceil(round(plan.overlap * len(keys), 6)) :]):
                found[key] = (plan.coders[at % len(plan.coders)],)
    return found


def queue_of(plan: CodingSet, rows: Iterable[DrawnRow], coder: str) -> list[DrawnRow]:
    """
    What a coder is shown: the rows that are theirs, wave by wave, in an order of their own within each.

    Args:
        plan, rows: Of the set.
        coder: As they are called; one who was not planned for is shown every row.
    """
    rows = [*rows]
    owners = assigned(plan, rows)
    is_planned = coder in plan.coders
    own = [one for one in rows if one.key in owners and (not is_planned or coder in owners[one.key])]
    return sorted(own, key=lambda one: (one.wave, hash_of("rowbatch-order", plan.seed, coder, one.key)))
