"""
The codebook: the variables to code, their labels, definitions and examples.

It becomes two things: the instructions that the model reads, and a strict JSON schema that the
answer must fit. Free text is a codebook without variables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import PlainValidator, ValidationError, field_serializer, model_validator

from rowbatch.core.kinds import KINDS, kind_of, read_variable
from rowbatch.core.kinds.base import AnswerColumn, Language, Place, Strict, Text, Variable
from rowbatch.core.kinds.quote import EvidenceVariable, PlaceVariable, QuoteVariable
from rowbatch.core.kinds.text import ReasonVariable, TextVariable
from rowbatch.errors import CodebookError, UsageError
from rowbatch.words.notice import Notice


@dataclass(frozen=True, slots=True)
class Cell:
    """
    Where something stands in a table.

    Attributes:
        row: Below the header, from 1.
        column: As the header has it.
        sheet: Of a workbook with several; or "".
    """

    row: int
    column: str
    sheet: str = ""


Whereabouts = Mapping[Place, int | Cell]
"""Line of the file, or cell of the table, for each place in a document."""


class Codebook(Strict):
    """
    What to ask of each text.

    Attributes:
        instructions: What the model is told first.
        variables: What it has to answer. None: its whole answer is the value, in the column `answer`.
        language: Of the words that we put around the person's own ones: `en` or `zh`.
    """

    instructions: Text = ""
    variables: tuple[Annotated[Variable, PlainValidator(read_variable)], ...] = ()
    language: Language = "en"

    @model_validator(mode="after")
    def _in_its_language(self) -> Self:
        variables = tuple(variable.in_language(self.language) for variable in self.variables)
        if variables != self.variables:
            # Frozen for everybody else.
            self.__dict__["variables"] = variables
        return self

    @cached_property
    def answers(self) -> tuple[Variable, ...]:
        """
        What an answer is made of: the variables, or the free text that it is as a whole; then what comes with
        some of them, as reasons and the places of quotes.
        """
        if not self.variables:
            return (TextVariable(name="answer"),)
        return (*self.variables, *(one for variable in self.variables for one in self.beside(variable)))

    @cached_property
    def asked(self) -> tuple[Variable, ...]:
        """What a model is asked for, in the order of its answer: reason and evidence before the value."""
        return tuple(
            one
            for variable in self.variables
            for one in (*self.beside(variable), variable)
            if not one.is_computed
        )

    def beside(self, variable: Variable) -> tuple[Variable, ...]:
        """What comes with a variable: its reason, its evidence, and where its quotes stand."""
        found: list[Variable] = []
        if isinstance(variable, QuoteVariable):
            found += [PlaceVariable.of(variable, edge) for edge in ("start", "end")]
        if variable.reason:
            found.append(ReasonVariable.of(variable).in_language(self.language))
        if variable.evidence:
            evidence = EvidenceVariable.of(variable).in_language(self.language)
            found += [evidence, *(PlaceVariable.of(evidence, edge) for edge in ("start", "end"))]
        return tuple(found)

    def in_table(self) -> Iterator[tuple[int, AnswerColumn]]:
        """Every column of the answer, in the table's order, and the position of its value in `answers`."""
        positions = {name: position for position, name in enumerate(self.columns)}
        for variable in self.variables or self.answers:
            for one in (variable, *self.beside(variable)):
                yield from ((positions[one.name], column) for column in one.columns())

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the answer's values, in order."""
        return tuple(variable.name for variable in self.answers)

    @property
    def answer_tokens(self) -> tuple[int, int]:
        """Tokens of an answer, about: the fewest, and the most where nothing limits it."""
        low, high = zip(*(variable.answer_tokens for variable in self.answers), strict=True)
        return sum(low), sum(high)

    @field_serializer("variables")
    def _plain_variables(self, variables: tuple[Variable, ...]) -> list[dict[str, Any]]:
        return [variable.to_plain() for variable in variables]


def parse_codebook(document: object, *, path: str = "", lines: Whereabouts | None = None) -> Codebook:
    """
    Check a codebook that was read from a file, or given from Python.

    Args:
        document: Mappings, lists and strings, as YAML gives them.
        path: The file, for messages.
        lines: Line of the file, or cell of the table, for each place in the document, for messages.
    Raises:
        CodebookError: With every fault that was found, each with its line and field.
    """
    try:
        codebook = Codebook.model_validate(document, strict=False)
    except ValidationError as error:
        faults = []
        for fault in error.errors():
            place = fault["loc"]
            at = _kind_at(document, place)
            faults.append((place, _fault(fault["type"], fault["msg"], fault.get("input"), at)))
        raise _broken(faults, path, lines or {}) from None
    faults = list(_contradictions(codebook))
    if faults:
        raise _broken(faults, path, lines or {})
    return codebook


def codebook_document(codebook: Codebook) -> dict[str, Any]:
    """A codebook as files and run.toml have it; `parse_codebook` gives it back."""
    return codebook.model_dump(mode="json")


def codebook_from_labels(variable: str, labels: Sequence[str], prompt: str) -> Codebook:
    """The codebook behind `--labels a,b,c --prompt …`: one variable, labels without definitions."""
    return parse_codebook(
        {
            "instructions": prompt,
            "variables": [{"name": variable, "labels": [{"name": label} for label in labels]}],
        }
    )


_OPEN_PLACES = ("[TARGET]", "[对象]")


def open_place(codebook: Codebook) -> str:
    """What a codebook that came along leaves to be written, where it still stands in a question; or ""."""
    return next(filter(None, (open_place_in(variable.question) for variable in codebook.variables)), "")


def open_place_in(question: str) -> str:
    """As `open_place`, of one question."""
    return next((place for place in _OPEN_PLACES if place in question), "")


def instructions_text(codebook: Codebook) -> str:
    """
    What the model reads before the text: the instructions and the variables with their labels.

    The same codebook always gives the same text; it ends up in the request's system message.
    """
    language = codebook.language
    parts = [codebook.instructions] if codebook.instructions else []
    for variable in codebook.variables:
        question = [variable.question] if variable.question else []
        lines = [*variable.instructions(language), *variable.conditions(language)]
        for one in codebook.beside(variable):
            lines += one.instructions(language)
        parts.append("\n".join([*question, *lines, *variable.shown_examples(language)]))
    if codebook.variables:
        fields = _COMMA[language].join(f'"{variable.name}"' for variable in codebook.asked)
        parts.append(_ANSWER[language].format(fields))
    return "\n\n".join(parts)


_ANSWER = {
    "en": "Answer with a JSON object that has only {}.",
    "zh": "请用一个 JSON 对象回答，其中只有 {}。",
}
_COMMA = {"en": ", ", "zh": "、"}


_RANGES = frozenset({"minimum", "maximum", "minItems", "maxItems", "format"})


def answer_schema(codebook: Codebook, *, with_ranges: bool = True) -> dict[str, Any] | None:
    """
    The strict JSON schema of an answer, or None for free text.

    Args:
        codebook: What is asked.
        with_ranges: Say between which numbers a number lies, how long a list may be, and that a text is a
            date; not every provider takes that. The words of the instructions say it too, and whoever reads
            the answer checks it.
    Source:
        OpenAI, "Structured outputs": root is an object, every property is required,
        `additionalProperties` is false.
    """
    if not codebook.variables:
        return None
    return {
        "type": "object",
        "properties": {
            variable.name: {
                keyword: value
                for keyword, value in variable.asked_schema().items()
                if with_ranges or keyword not in _RANGES
            }
            for variable in codebook.asked
        },
        "required": [variable.name for variable in codebook.asked],
        "additionalProperties": False,
    }


def _contradictions(codebook: Codebook) -> Iterator[tuple[tuple[str | int, ...], Notice]]:
    names: dict[str, int] = {}
    before: dict[str, Variable] = {}
    for position, variable in enumerate(codebook.variables):
        at: Place = ("variables", position)
        for one in (variable, *codebook.beside(variable)):
            if one.name in names:
                yield (*at, "name"), Notice("codebook-variable-twice", {"name": one.name})
            names[one.name] = position
        yield from (((*at, *place), text) for place, text in variable.faults())
        for other, values in variable.only_if.items():
            for fault in _condition_faults(before.get(other), other, values):
                yield (*at, "only_if", other), fault
        before[variable.name] = variable


def _condition_faults(other: Variable | None, name: str, values: Sequence[str]) -> Iterator[Notice]:
    if other is None:
        yield Notice("codebook-condition-on-nothing", {"name": name})
    elif not other.may_be_condition:
        yield Notice("codebook-condition-without-values", {"name": name, "found": other.kind})
    else:
        for value in values:
            try:
                other.read(value)
            except UsageError as error:
                yield error.notice


def _kind_at(document: object, place: Place) -> tuple[str, str]:
    """Kind of the variable, and name of its field, that a place of a document is; "" where it is none."""
    match place:
        case ("variables", int(position), str(name)):
            kind = kind_of(document["variables"][position])  # type: ignore[index]
            return (kind.kind if kind else "", name)
        case _:
            return "", ""


def _fault(type_: str, message: str, value: object, kind_and_field: tuple[str, str]) -> Notice:
    match type_:
        case "extra_forbidden":
            kind, field = kind_and_field
            others = [name for name, other in KINDS.items() if field in other.model_fields]
            if kind and others:
                return Notice("codebook-field-of-another-kind", {"own": kind, "others": others})
            return Notice("codebook-field-unknown")
        case "kind_unknown":
            return Notice("codebook-no-such-kind", {"found": _shown(value), "known": list(KINDS)})
        case "missing":
            return Notice("codebook-field-missing")
        case "string_type":
            return Notice("codebook-wants-text", {"found": _shown(value)})
        case "tuple_type" | "list_type":
            return Notice("codebook-wants-list", {"found": _shown(value)})
        case "model_type" | "model_attributes_type" | "dict_type":
            return Notice("codebook-wants-fields", {"found": _shown(value)})
        case "string_pattern_mismatch":
            return Notice("codebook-bad-name", {"found": _shown(value)})
        case "string_too_short":
            return Notice("codebook-text-empty")
        case _:
            return Notice("said", {"text": message[0].lower() + message[1:]})


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def field_name(place: Sequence[str | int]) -> str:
    """A place in a document as people write it: `variables[0].labels[2].name`."""
    name = ""
    for part in place:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else part
    return name


def _broken(
    faults: Sequence[tuple[Place, Notice]],
    path: str,
    lines: Whereabouts,
) -> CodebookError:
    placed = [placed_fault(_where(place, lines), field_name(place), fault) for place, fault in faults]
    first_place, is_one = faults[0][0], len(faults) == 1
    first = _where(first_place, lines)
    return CodebookError(
        ("codebook-file-fault" if is_one else "codebook-file-faults")
        if path
        else ("codebook-fault" if is_one else "codebook-faults"),
        path=path,
        line=first if isinstance(first, int) else None,
        field=field_name(first_place),
        faults=placed,
    )


def placed_fault(where: int | Cell | None, field: str, fault: Notice) -> Notice:
    """A fault with the line and field, or the cell, that it stands in."""
    if isinstance(where, Cell):
        told = {"row": where.row, "column": where.column, "fault": fault}
        if where.sheet:
            return Notice("codebook-cell-of-sheet", {**told, "sheet": where.sheet})
        return Notice("codebook-cell", told)
    if where and field:
        return Notice("codebook-line-and-field", {"line": where, "field": field, "fault": fault})
    if where:
        return Notice("codebook-line", {"line": where, "fault": fault})
    return Notice("codebook-field", {"field": field, "fault": fault}) if field else fault


def _where(place: Place, lines: Whereabouts) -> int | Cell | None:
    while place:
        if place in lines:
            return lines[place]
        place = place[:-1]
    return lines.get(())
