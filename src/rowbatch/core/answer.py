"""A result read through the codebook: values, or a status that says why not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
import polars as pl

from rowbatch.core.fields import unfenced
from rowbatch.core.states import RowStatus
from rowbatch.errors import UsageError

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook
    from rowbatch.core.kinds.base import Variable

_JSON = msgspec.json.Decoder()
_CACHE_ENTRIES = 10_000
_CACHED_CHARS = 500


# A struct and no dataclass: in runs of free text one is made for every row, at a quarter of the cost.
class Answer(msgspec.Struct, frozen=True, gc=False):
    """
    What one row gets.

    Attributes:
        status: Exactly one.
        values: One text per column of the codebook; all "" unless the status is OK.
        reason: Why the status is not OK, or "".
        raw: The model's own text when it could not be used, or "".
    """

    status: RowStatus
    values: tuple[str, ...]
    reason: str = ""
    raw: str = ""


class AnswerReader:
    """
    Read answers through one codebook.

    Most answers of a run are one of a few texts, so what was read once is remembered.
    """

    def __init__(self, codebook: Codebook) -> None:
        self._codebook = codebook
        self._columns = codebook.columns
        self._empty = ("",) * len(self._columns)
        self._cache: dict[str, Answer] = {}
        self._others = {variable.name: variable for variable in codebook.variables}
        self._conditions = {
            variable.name: [
                (name, frozenset(self._others[name].read(value) for value in values))
                for name, values in variable.only_if.items()
            ]
            for variable in codebook.variables
        }

    @property
    def codebook(self) -> Codebook:
        """What it reads through."""
        return self._codebook

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the values."""
        return self._columns

    @property
    def width(self) -> int:
        """How many values an answer has."""
        return len(self._empty)

    def without_values(self, status: RowStatus, reason: str, raw: str = "") -> Answer:
        """An answer that has no values."""
        return Answer(status, self._empty, reason, raw)

    def read(self, status: RowStatus, content: str, reason: str = "") -> Answer:
        """
        Read one result.

        Args:
            status: What the result itself says: OK, or why there is no usable text.
            content: The model's text.
            reason: What the result gives as its reason.
        """
        if status is not RowStatus.OK:
            return self.without_values(status, reason, content)
        if not self._codebook.variables:
            if not content.strip():
                return self.without_values(RowStatus.INVALID, "the answer is empty", content)
            return Answer(RowStatus.OK, (content,))
        answer = self._cache.get(content)
        if answer is None:
            answer = self._read_variables(content)
            if len(content) <= _CACHED_CHARS and len(self._cache) < _CACHE_ENTRIES:
                self._cache[content] = answer
        return answer

    def read_frame(self, results: pl.DataFrame) -> pl.DataFrame:
        """
        Read many results.

        Args:
            results: Texts `status`, `content`, `status_reason`, never null: what the results themselves say.
        Returns:
            As many rows: the values in columns "0", "1", …, then `status`, `status_reason` and `raw_answer`;
            texts, never null.
        """
        is_ok = pl.col("status") == RowStatus.OK.value
        contents = results.filter(is_ok)["content"].unique(maintain_order=True)
        answers = [self.read(RowStatus.OK, content) for content in contents.to_list()]
        columns = [
            *([answer.values[index] for answer in answers] for index in range(len(self._empty))),
            [answer.status.value for answer in answers],
            [answer.reason for answer in answers],
            [answer.raw for answer in answers],
        ]
        names = [*map(str, range(len(self._empty))), "status", "status_reason", "raw_answer"]
        read = pl.DataFrame(
            [contents.alias("content")]
            + [
                pl.Series(f"read_{name}", column, pl.String)
                for name, column in zip(names, columns, strict=True)
            ]
        )
        joined = results.join(read, on="content", how="left", maintain_order="left")
        told = {"status": "status", "status_reason": "status_reason", "raw_answer": "content"}
        return joined.select(
            pl.when(is_ok)
            .then(f"read_{name}")
            .otherwise(pl.col(told[name]) if name in told else pl.lit(""))
            .alias(name)
            for name in names
        )

    def _read_variables(self, content: str) -> Answer:
        variables = self._codebook.variables
        found = _json_object(content)
        if found is None:
            return self._read_bare(content)
        values: dict[str, str] = {}
        for variable in variables:
            if not self._applies(variable, values):
                values[variable.name] = ""
                continue
            if variable.name not in found and not variable.cant_say:
                return self.without_values(
                    RowStatus.INVALID, f"{variable.name} is not in the answer", content
                )
            try:
                values[variable.name] = variable.read(found.get(variable.name))
                for one in self._codebook.beside(variable):
                    if not one.is_computed:
                        values[one.name] = one.read(found.get(one.name))
            except UsageError as error:
                return self.without_values(RowStatus.INVALID, error.message, content)
        return Answer(RowStatus.OK, tuple(values.get(name, "") for name in self.columns))

    def _applies(self, variable: Variable, values: Mapping[str, str]) -> bool:
        """Whether a variable is asked where others have these values."""
        return all(
            self._others[name].is_among(values[name], wanted)
            for name, wanted in self._conditions[variable.name]
        )

    def _read_bare(self, content: str) -> Answer:
        """Read an answer that is no JSON object."""
        if len(self._codebook.variables) == 1:
            try:
                value = self._codebook.variables[0].read_bare(content)
            except UsageError as error:
                return self.without_values(RowStatus.INVALID, error.message, content)
            if value is not None:
                return Answer(RowStatus.OK, (value, *self._empty[1:]))
        return self.without_values(RowStatus.INVALID, "the answer is not JSON", content)


def _json_object(content: str) -> dict[str, object] | None:
    text = unfenced(content)
    try:
        found = _JSON.decode(text)
    except (ValueError, RecursionError):
        # NaN and half surrogate pairs are no JSON, but Python's own reader takes them.
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return None
    return found if isinstance(found, dict) else None
