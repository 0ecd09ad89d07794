"""A result read through the codebook: values, or a status that says why not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from rowbatch.core.forms import (
    DIFFERENT_OBJECTS,
    ONLY_THOUGHTS,
    Forgiveness,
    bare_text,
    in_order,
    may_think,
    one_object,
    unfenced,
    without_thoughts,
)
from rowbatch.core.spelling import is_spelled_otherwise, near_spellings, spelling_key
from rowbatch.core.states import RowStatus
from rowbatch.errors import UsageError

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook
    from rowbatch.core.kinds.base import Variable

_JSON = msgspec.json.Decoder()
EMPTY = "the answer is empty"
FORGIVEN = "forgiven"
"""Column with what was forgiven of an answer: words of `FORGIVENESS` with blanks between; "" for nothing."""
# A value with its name before it, as in "Mood: good".
_NAMED = re.compile(r"\W*([\w ]{1,64}?)\W*[:：=](.+)\Z", re.DOTALL)
_ANSWER = ("answer", "final answer")
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
        forgiven: What had to be forgiven so that it could be used, in the order of `FORGIVENESS`.
    """

    status: RowStatus
    values: tuple[str, ...]
    reason: str = ""
    raw: str = ""
    forgiven: tuple[Forgiveness, ...] = ()


class AnswerReader:
    """
    Read answers through one codebook.

    Most answers of a run are one of a few texts, so what was read once is remembered.
    """

    def __init__(self, codebook: Codebook) -> None:
        self._codebook = codebook
        self._columns = codebook.columns
        self._empty = ("",) * len(self._columns)
        self._keys = _keys_of(codebook)
        self._choices = [
            (self._columns.index(variable.name), variable)
            for variable in codebook.variables
            if variable.choices
        ]
        self._cache: dict[str, Answer] = {}
        # Made once: an answer with a reason is like no other, and read for itself.
        self._asked_beside = {
            variable.name: tuple(one for one in codebook.beside(variable) if not one.is_computed)
            for variable in codebook.variables
        }
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
            return self._read_text(content)
        answer = self._cache.get(content)
        if answer is None:
            answer = self._read_any(content)
            if len(content) <= _CACHED_CHARS and len(self._cache) < _CACHE_ENTRIES:
                self._cache[content] = answer
        return answer

    def read_frame(self, results: pl.DataFrame) -> pl.DataFrame:
        """
        Read many results.

        Args:
            results: Texts `status`, `content`, `status_reason`, never null: what the results themselves say.
        Returns:
            As many rows: the values in columns "0", "1", …, then `status`, `status_reason`, `raw_answer` and
            `FORGIVEN`; texts, never null.
        """
        is_ok = pl.col("status") == RowStatus.OK.value
        contents = results.filter(is_ok)["content"].unique(maintain_order=True)
        answers = [self.read(RowStatus.OK, content) for content in contents.to_list()]
        columns = [
            *([answer.values[index] for answer in answers] for index in range(len(self._empty))),
            [answer.status.value for answer in answers],
            [answer.reason for answer in answers],
            [answer.raw for answer in answers],
            [" ".join(answer.forgiven) if answer.forgiven else "" for answer in answers],
        ]
        names = [*map(str, range(len(self._empty))), "status", "status_reason", "raw_answer", FORGIVEN]
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

    def _read_text(self, content: str) -> Answer:
        """Read an answer that is the model's own words."""
        if not may_think(content):
            if not content.strip():
                return self.without_values(RowStatus.INVALID, EMPTY, content)
            return Answer(RowStatus.OK, (content,))
        spoken = without_thoughts(content)
        if not spoken.text.strip():
            return self.without_values(RowStatus.INVALID, ONLY_THOUGHTS, content)
        return Answer(RowStatus.OK, (spoken.text,), forgiven=("thoughts",) if spoken.has_thought else ())

    def _read_any(self, content: str) -> Answer:
        """Read an answer as it was asked for, or else as it came."""
        answer = self._read_variables(content)
        if answer.status is not RowStatus.OK:
            return self._read_tolerantly(content, answer)
        return self._forgiving(answer, content)

    def _read_tolerantly(self, content: str, strictly: Answer) -> Answer:
        """Read an answer that is not as it was asked for; see `core/forms.py`."""
        found = one_object(content, self._keys)
        if found.value is not None:
            value = self._respelled(found.value)
            if value is not found.value or found.text != content:
                text = found.text if value is found.value else json.dumps(value)
                answer = self._read_variables(text)
                if answer.status is RowStatus.OK:
                    spelled: tuple[Forgiveness, ...] = () if value is found.value else ("value-spelling",)
                    return self._forgiving(answer, text, *found.forgiven, *spelled)
                return self.without_values(answer.status, answer.reason, content)
            return strictly
        if found.fault in (DIFFERENT_OBJECTS, ONLY_THOUGHTS):
            return self.without_values(RowStatus.INVALID, found.fault, content)
        if not content.strip():
            return self.without_values(RowStatus.INVALID, EMPTY, content)
        if len(self._codebook.variables) == 1:
            for text, forgiven in _bare_readings(content, self._codebook.variables[0]):
                answer = self._read_variables(text)
                if answer.status is RowStatus.OK:
                    return self._forgiving(answer, text, *forgiven)
        return strictly

    def _forgiving(self, answer: Answer, content: str, *forgiven: Forgiveness) -> Answer:
        """The answer with what was forgiven, the spelling of its values included."""
        found: object = None
        for index, variable in self._choices:
            value = answer.values[index]
            # Nearly always it stands there as the codebook spells it.
            if not value or f'"{value}"' in content or content == value:
                continue
            if found is None:
                found = _json_object(content) or content
            told = found.get(variable.name) if isinstance(found, dict) else found
            if told is content and unfenced(content) != content:
                forgiven = (*forgiven, "fence")
                told = unfenced(content)
            if isinstance(told, str) and is_spelled_otherwise(told, value):
                forgiven = (*forgiven, "value-spelling")
                break
        if not forgiven:
            return answer
        return Answer(answer.status, answer.values, answer.reason, answer.raw, in_order(forgiven))

    def _respelled(self, found: Mapping[str, Any]) -> Mapping[str, Any]:
        """The object with values that the codebook knows where other spellings of them stand; or itself."""
        changed = {}
        for _, variable in self._choices:
            if variable.name in found:
                value = found[variable.name]
                near = _near_value(variable, value)
                if near is not value:
                    changed[variable.name] = near
        return {**found, **changed} if changed else found

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
            if variable.name not in found:
                return self.without_values(
                    RowStatus.INVALID, f"{variable.name} is not in the answer", content
                )
            try:
                values[variable.name] = variable.read(found[variable.name])
                for one in self._asked_beside[variable.name]:
                    values[one.name] = one.read(found.get(one.name))
            except UsageError as error:
                return self.without_values(RowStatus.INVALID, error.message, content)
        return Answer(RowStatus.OK, tuple(values.get(name, "") for name in self._columns))

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


def _keys_of(codebook: Codebook) -> tuple[str, ...]:
    """The fields that an answer was asked for."""
    from rowbatch.core.codebook import answer_schema

    schema = answer_schema(codebook)
    return tuple(schema["properties"]) if schema else ()


def _bare_readings(content: str, variable: Variable) -> Iterator[tuple[str, tuple[Forgiveness, ...]]]:
    """What an answer that is no JSON may say of its only variable, and what is to be forgiven for that."""
    text, forgiven = bare_text(content)
    if not text or len(text) > _CACHED_CHARS:
        return
    texts = [(text, forgiven)]
    named = _NAMED.match(text)
    # JSON that cannot be read is no name and value.
    if named and "{" not in text and spelling_key(named[1]) in (spelling_key(variable.name), *_ANSWER):
        texts.append((named[2].strip(), (*forgiven, "words-around")))
    yield from texts
    if variable.choices:
        for text, before in texts:
            for near in near_spellings(text, variable.choices):
                yield near, (*before, "value-spelling")


def _near_value(variable: Variable, value: object) -> object:
    """A value of the variable that is spelled nearly so; the same value where there is none, or it is one."""
    if isinstance(value, list):
        near = [_near_value_of(variable, one, lambda text: [text]) for one in value]
        return value if all(new is old for new, old in zip(near, value, strict=True)) else near
    return _near_value_of(variable, value, lambda text: text)


def _near_value_of(variable: Variable, value: object, form: Callable[[object], object]) -> object:
    for near in (value, *near_spellings(value, variable.choices)):
        with suppress(UsageError):
            variable.read(form(near))
            return near
    return value


def _json_object(content: str) -> dict[str, object] | None:
    """The object that a text is, and nothing else; None where it is none."""
    try:
        found = _JSON.decode(content)
    except (ValueError, RecursionError):
        # NaN and half surrogate pairs are no JSON, but Python's own reader takes them.
        try:
            found = json.loads(content)
        except (ValueError, RecursionError):
            return None
    return found if isinstance(found, dict) else None
