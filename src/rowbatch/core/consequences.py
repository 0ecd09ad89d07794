"""What else changes in a row when a person puts another value in the place of the model's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rowbatch.core.kinds.quote import QuoteVariable

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook


def consequences(codebook: Codebook, name: str, value: str, text: str) -> dict[str, str]:
    """
    Other values of the row that follow from a person's.

    A quote has other places; and what was asked only if another value held is no value any more, with what
    depends on it in its turn. What would be asked now, and was not, has no value either way.

    Args:
        codebook: Of the run.
        name: Of one of its answers.
        value: The person's.
        text: Of the row; only looked at for a quote.
    Raises:
        UsageError: A quote does not stand in the text.
    """
    found: dict[str, str] = {}
    variable = codebook.answers[codebook.columns.index(name)]
    if isinstance(variable, QuoteVariable):
        found[name], found[f"{name}_start"], found[f"{name}_end"] = variable.placed(value, text)
    held = {name: value}
    for other in codebook.variables:
        depends = {on: wanted for on, wanted in other.only_if.items() if on in held}
        if all(_is_among(codebook, on, held[on], wanted) for on, wanted in depends.items()):
            continue
        for one in (other, *codebook.beside(other)):
            found[one.name] = held[one.name] = ""
    return found


def dependents(codebook: Codebook, name: str) -> tuple[str, ...]:
    """Names of all that could follow from a value of this one."""
    variable = codebook.answers[codebook.columns.index(name)]
    found = [f"{name}_start", f"{name}_end"] if isinstance(variable, QuoteVariable) else []
    reached = {name}
    for other in codebook.variables:
        if not reached.isdisjoint(other.only_if):
            reached.add(other.name)
            found += [one.name for one in (other, *codebook.beside(other))]
    return tuple(found)


def _is_among(codebook: Codebook, name: str, value: str, wanted: tuple[str, ...]) -> bool:
    variable = codebook.variables[codebook.columns.index(name)]
    return bool(value) and variable.is_among(value, frozenset(map(variable.read, wanted)))
