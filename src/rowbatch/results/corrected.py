"""
What a person's value changes in its row: itself, where its quotes stand in the text, and what depends on it.

All of it is noted beside the answers (`store/corrections.py`), so that whoever joins them has to know nothing
of quotes and conditions. A note of "" is a value that does not apply any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rowbatch.core.kinds.quote import QuoteVariable
from rowbatch.errors import UsageError
from rowbatch.results.answered import AnsweredTable
from rowbatch.results.quotes import placed_in
from rowbatch.results.shard_answers import ResultTally
from rowbatch.store.rundir import RunDirectory

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook
    from rowbatch.core.kinds.base import Variable


@dataclass(frozen=True, slots=True)
class AnsweredRow:
    """
    A row as the model answered it.

    Attributes:
        values: By name of the codebook's columns; "" where there is none.
        texts: The texts that a quote may come from; the text itself first.
    """

    values: Mapping[str, str]
    texts: Sequence[str]


def needs_row(codebook: Codebook) -> bool:
    """Whether a correction cannot be noted without a look at its row."""
    return any(one.only_if or isinstance(one, QuoteVariable) for one in codebook.answers)


def answered_row(run: RunDirectory, number: int) -> AnsweredRow:
    """
    A row of a run, by its number from 1; read from the table's beginning on.

    Raises:
        UsageError: There is none of this number.
        RunError: The table was changed since.
    """
    with run.ledger() as ledger:
        shards = ledger.shards()
    table = AnsweredTable(run, shards, ResultTally())
    with closing(table.chunks()) as chunks:
        for chunk, answers in chunks:
            at = number - chunk.first_row
            if 0 <= at < chunk.frame.height:
                told, cells = answers.row(at, named=True), chunk.frame.row(at, named=True)
                values = {name: told[str(place)] for place, name in enumerate(table.codebook.columns)}
                return AnsweredRow(values, [cells[name] for name in table.text_columns])
    raise UsageError("no-such-row", row=number)


def changes_of(
    codebook: Codebook, row: AnsweredRow, human: Mapping[str, str], variable: str, value: str | None
) -> dict[str, str | None]:
    """
    What has to be noted when a person gives a variable a value.

    Args:
        codebook: Of the run.
        row: As the model answered it.
        human: What people put in the place of its values so far.
        variable: One that is not computed.
        value: As `Variable.correction` gave it; None takes an earlier one back.
    Returns:
        By name: the value that a person's note has now, or None where there is none any more.
    Raises:
        UsageError: The variable does not apply to the row, or a quote does not stand in its text.
    """
    notes = dict(human)
    if value is None:
        notes.pop(variable, None)
    else:
        _require_asked(codebook, row, notes, variable)
        notes[variable] = value
    _follow_conditions(codebook, row, notes)
    _follow_quotes(codebook, row, notes)
    names = dict.fromkeys((*human, *notes))
    return {name: notes.get(name) for name in names if notes.get(name) != human.get(name)}


def _require_asked(codebook: Codebook, row: AnsweredRow, notes: Mapping[str, str], variable: str) -> None:
    for one in codebook.answers:
        if one.name == variable and not applies(codebook, one, row, notes):
            raise UsageError("correction-does-not-apply", variable=variable, others=tuple(one.only_if))


def _follow_conditions(codebook: Codebook, row: AnsweredRow, notes: dict[str, str]) -> None:
    """Leave out what does not apply any more, and take up again what does: each after what it depends on."""
    for one in codebook.answers:
        if one.is_computed or not one.only_if:
            continue
        is_asked = applies(codebook, one, row, notes)
        if not is_asked and _final(one.name, row, notes):
            notes[one.name] = ""
        elif is_asked and notes.get(one.name) == "":
            del notes[one.name]


def applies(codebook: Codebook, one: Variable, row: AnsweredRow, notes: Mapping[str, str]) -> bool:
    """Whether a variable is asked of a row, as its values and people's notes hold."""
    others = {other.name: other for other in codebook.variables}
    return all(
        others[name].is_among(_final(name, row, notes), frozenset(map(others[name].read, wanted)))
        for name, wanted in one.only_if.items()
    )


def _final(name: str, row: AnsweredRow, notes: Mapping[str, str]) -> str:
    return notes.get(name, row.values[name])


def _follow_quotes(codebook: Codebook, row: AnsweredRow, notes: dict[str, str]) -> None:
    """Note where people's quotes stand, in the text's own characters; the model's have their places."""
    for quote in _quotes(codebook):
        edges = (f"{quote.name}_start", f"{quote.name}_end")
        if quote.name not in notes:
            for edge in edges:
                notes.pop(edge, None)
        elif not notes[quote.name]:
            notes |= {edge: "" for edge in edges if row.values[edge]}
        else:
            own, start, end = placed_in(quote, notes[quote.name], row.texts)
            notes |= {quote.name: own, edges[0]: start, edges[1]: end}


def _quotes(codebook: Codebook) -> Iterator[QuoteVariable]:
    return (one for one in codebook.answers if isinstance(one, QuoteVariable))
