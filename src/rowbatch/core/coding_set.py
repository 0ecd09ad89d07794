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
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from rowbatch.core.drawing import SIMPLE
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

    @property
    def codebook(self) -> Codebook:
        """What is asked, with what is not asked of people."""
        from rowbatch.core.codebook import parse_codebook

        return parse_codebook(dict(self.answer))

    @property
    def asked(self) -> tuple[Variable, ...]:
        """The variables that people are asked."""
        return tuple(one for one in self.codebook.variables if one.name in self.variables)


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
    """

    key: str
    row: int
    text: str
    context: Mapping[str, str] = field(default_factory=dict)
    wave: int = 1
    stratum: str = ""
    group: str = ""
    part: Part = ""


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
    """

    key: str
    values: Mapping[str, str]
    note: str = ""
    at: str = ""
    seconds: float | None = None
    saw_model: bool = False
    via: str = "app"


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
    """

    key: str
    variable: str
    value: str
    by: str = ""
    note: str = ""
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


def probabilities(waves: Sequence[Wave], rows: Iterable[DrawnRow]) -> dict[str, float]:
    """
    How likely each row of a set was to be drawn by chance; rows that were chosen otherwise have none.

    Waves of one design and seed go on where the one before ended: they are one draw, of all their rows.
    Where groups were drawn, it is a group's chance.

    Args:
        waves: Of the set.
        rows: Of the set.
    Returns:
        By key, above 0 and at most 1.
    """
    rows = [*rows]
    of_wave = {one.number: one for one in waves if one.chosen_by == "chance"}
    units: dict[tuple[str, int, str], set[str]] = {}
    whole: dict[tuple[str, int, str], int] = {}
    for row in rows:
        wave = of_wave.get(row.wave)
        if wave is None:
            continue
        draw = (wave.design, wave.seed, row.stratum)
        units.setdefault(draw, set()).add(row.group if wave.clusters else row.key)
        whole[draw] = (wave.clusters or wave.population)[row.stratum]
    found = {}
    for row in rows:
        wave = of_wave.get(row.wave)
        if wave is not None:
            draw = (wave.design, wave.seed, row.stratum)
            found[row.key] = min(1.0, len(units[draw]) / whole[draw])
    return found
