"""Quotes are looked for in the text of their row, where answers and table meet."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from rowbatch.core.codebook import Codebook
from rowbatch.core.kinds.quote import QuoteVariable
from rowbatch.core.states import RowStatus
from rowbatch.core.template import Template
from rowbatch.errors import UsageError, from_os_error
from rowbatch.results.findings import row_of_request
from rowbatch.tables.base import TableChunk


class PlacedQuotes:
    """
    The quotes of a run's answers, with their places.

    Args:
        codebook: Of the run.
        columns: Names, in a chunk, of the columns whose texts a quote may come from: the first that has it
            counts.
    """

    def __init__(self, codebook: Codebook, columns: Sequence[str]) -> None:
        self._columns = columns
        self._positions = positions = {name: position for position, name in enumerate(codebook.columns)}
        self._quotes = [
            (
                one,
                str(positions[one.name]),
                str(positions[f"{one.name}_start"]),
                str(positions[f"{one.name}_end"]),
            )
            for one in codebook.answers
            if isinstance(one, QuoteVariable)
        ]
        self._values = [str(position) for position in range(len(positions))]

    @property
    def are_there(self) -> bool:
        """Whether the codebook asks for quotes."""
        return bool(self._quotes)

    def checked(self, answers: pl.DataFrame, chunk: TableChunk, samples: int = 1) -> pl.DataFrame:
        """
        The same answers, each quote in the text's own characters and with its places; one with a quote that
        does not stand in the text is invalid.

        Args:
            answers: `row`, the values in "0", "1", …, `status`, `status_reason` and `raw_answer`.
            chunk: With their rows.
            samples: How many answers each row has; `row` is the number of the request then.
        """
        at = ((answers["row"] - 1) // samples + 1 - chunk.first_row).cast(pl.Int64)
        return self._placed(answers, [chunk.frame[column].gather(at).to_list() for column in self._columns])

    def checked_by_texts(self, answers: pl.DataFrame, texts: Mapping[int, str] | None) -> pl.DataFrame:
        """
        The same where the table is not at hand.

        Args:
            answers: As in `checked`; `row` may be 0, and stand several times.
            texts: Of `texts_of_requests`; None where nothing can be checked.
        """
        return (
            answers if texts is None else self._placed(answers, [[texts.get(r, "") for r in answers["row"]]])
        )

    def _placed(self, answers: pl.DataFrame, texts: Sequence[Sequence[str]]) -> pl.DataFrame:
        is_ok = answers["status"] == RowStatus.OK.value
        if not is_ok.any():
            return answers
        places = is_ok.arg_true().to_list()
        found = {name: answers[name].to_list() for name in self._values}
        told: dict[int, str] = {}
        raw: dict[int, str] = {}
        for variable, name, start, stop in self._quotes:
            for place in places:
                value = found[name][place]
                if not value or place in told:
                    continue
                try:
                    own = placed_in(variable, value, [text[place] for text in texts])
                except UsageError as error:
                    told[place], raw[place] = error.message, self._as_answered(found, place)
                else:
                    found[name][place], found[start][place], found[stop][place] = own
        for place in told:
            for name in self._values:
                found[name][place] = ""
        changed = answers.with_columns(pl.Series(name, found[name], pl.String) for name in self._values)
        if not told:
            return changed
        where = list(told)
        return changed.with_columns(
            answers["status"].scatter(where, [RowStatus.INVALID.value] * len(where)),
            answers["status_reason"].scatter(where, list(told.values())),
            answers["raw_answer"].scatter(where, list(raw.values())),
        )

    def _as_answered(self, found: Mapping[str, Sequence[str]], place: int) -> str:
        """An answer that cannot be used, with all its values."""
        values = {name: found[str(position)][place] for name, position in self._positions.items()}
        return json.dumps({name: value for name, value in values.items() if value}, ensure_ascii=False)


def texts_of_requests(path: Path, user: Template) -> dict[int, str] | None:
    """
    The text of each row by its request, without the template's words around it; where a template has several
    columns, with the words between them.

    Args:
        path: A request file of ours.
        user: The message of a row.
    Returns:
        None where it is gone.
    """
    before, after = _around(user)
    try:
        with path.open("rb") as file:
            return {
                row_of_request(line): _asked_text(json.loads(line)["body"])
                .removeprefix(before)
                .removesuffix(after)
                for line in file
            }
    except FileNotFoundError:
        return None
    except OSError as error:
        raise from_os_error(error, str(path)) from error


def _around(user: Template) -> tuple[str, str]:
    """The constant text before the first column of a template, and after its last one."""
    first, last = user.parts[0], user.parts[-1]
    return (first if isinstance(first, str) else ""), (last if isinstance(last, str) else "")


def _asked_text(body: Mapping[str, Any]) -> str:
    """What the user says first in a request."""
    said = body.get("messages", body.get("input"))
    if isinstance(said, list):
        said = next((one.get("content") for one in said if one.get("role") == "user"), "")
    if isinstance(said, list):
        said = "\n".join(str(part.get("text", "")) for part in said)
    return str(said or "")


def placed_in(variable: QuoteVariable, value: str, texts: Sequence[str]) -> tuple[str, str, str]:
    """
    A value with its places in the first of some texts that has its quotes; see `QuoteVariable.placed`.

    Raises:
        UsageError: The quote stands in none of the texts.
    """
    missing: UsageError | None = None
    for text in texts:
        try:
            return variable.placed(value, text)
        except UsageError as error:
            missing = missing or error
    if missing is None:
        return value, "", ""
    raise missing
