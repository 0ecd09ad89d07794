"""A person's value in the place of the model's, with all that follows from it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import cast

from rowbatch.core.consequences import consequences, dependents
from rowbatch.core.kinds.quote import QuoteVariable
from rowbatch.core.plan import Plan
from rowbatch.errors import UsageError
from rowbatch.requests.pipeline import open_source
from rowbatch.store.corrections import add_correction, read_corrections
from rowbatch.store.rundir import RunDirectory
from rowbatch.tables.base import TableChunk


def correct(run: RunDirectory, row: int, name: str, value: str | None, *, chosen_by: str = "") -> None:
    """
    Put a person's value in the place of the model's.

    Args:
        run: A run that is built.
        row: From 1, of its table.
        name: Of one of the answers of its codebook.
        value: By the kind of the variable; None takes an earlier one back, with what followed from it.
        chosen_by: How the row was chosen, as `add_correction` notes it.
    Raises:
        UsageError: There is no such variable, it is none of its values, or a quote is not in the text.
        RunError: The table, which a quote is looked for in, was changed since.
    """
    plan = run.plan()
    codebook = plan.question.codebook
    known = {one.name: one for one in codebook.answers if not one.is_computed}
    if name not in known:
        raise UsageError("no-such-variable", variable=name)
    changed: dict[str, str | None]
    if value is None:
        held = read_corrections(run.path).get(row, {})
        # What a person said of these by himself stays.
        back = [one for one in dependents(codebook, name) if one not in known or held.get(one) == ""]
        changed = dict.fromkeys((name, *(one for one in back if one in held)))
    else:
        value = known[name].correction(value)
        text = _text_of(run, plan, row) if isinstance(known[name], QuoteVariable) else ""
        changed = {name: value, **consequences(codebook, name, value, text)}
    for one, new in changed.items():
        add_correction(run.path, row, one, new, chosen_by=chosen_by)


def _text_of(run: RunDirectory, plan: Plan, row: int) -> str:
    """The text of a row that quotes are of."""
    table = open_source(plan.source, run.path)
    question = plan.question
    column = str(table.column(question.text or question.user.columns[0]))
    with closing(cast("Generator[TableChunk]", table.chunks())) as chunks:
        for chunk in chunks:
            if row < chunk.first_row + chunk.frame.height:
                return str(chunk.frame[column][row - chunk.first_row])
    return ""
