"""
The codebook: the variables to code, their labels, definitions and examples.

It becomes two things: the instructions that the model reads, and a strict JSON schema that the
answer must fit. Free text is a codebook without variables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from rowbatch.core.spelling import spelling_key
from rowbatch.errors import CodebookError
from rowbatch.words.notice import Notice

_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
_Text = Annotated[str, StringConstraints(strip_whitespace=True)]
_LabelName = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Label(_Strict):
    """
    One allowed value of a variable.

    Attributes:
        name: What stands in the table and what the model answers.
        definition: When it applies.
        examples: Texts for which it is right.
        aliases: Other spellings that count as this label when an answer is read.
    """

    name: _LabelName
    definition: _Text = ""
    examples: tuple[_Text, ...] = ()
    aliases: tuple[_LabelName, ...] = ()


class Variable(_Strict):
    """
    One thing to code.

    Attributes:
        name: The column's name: letters, digits, `_`.
        question: What is asked about the text.
        labels: The allowed values, at least two; or none for free text in this variable.
    """

    name: _Name
    question: _Text = ""
    labels: tuple[Label, ...] = ()

    @property
    def label_names(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.labels)


class Codebook(_Strict):
    """
    What to ask of each text.

    Attributes:
        instructions: What the model is told first.
        variables: What it has to answer. None: its whole answer is the value, in the column `answer`.
        language: Of the words that we put around the person's own ones: `en` or `zh`.
    """

    instructions: _Text = ""
    variables: tuple[Variable, ...] = ()
    language: Literal["en", "zh"] = "en"

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the answer's columns, in order."""
        return tuple(variable.name for variable in self.variables) or ("answer",)


def parse_codebook(
    document: object, *, path: str = "", lines: Mapping[tuple[str | int, ...], int] | None = None
) -> Codebook:
    """
    Check a codebook that was read from a file, or given from Python.

    Args:
        document: Mappings, lists and strings, as YAML gives them.
        path: The file, for messages.
        lines: Line of the file for each place in the document, for messages.
    Raises:
        CodebookError: With every fault that was found, each with its line and field.
    """
    try:
        codebook = Codebook.model_validate(document, strict=False)
    except ValidationError as error:
        faults = [
            (tuple(fault["loc"]), _fault(fault["type"], fault["msg"], fault.get("input")))
            for fault in error.errors()
        ]
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


def instructions_text(codebook: Codebook) -> str:
    """
    What the model reads before the text: the instructions and the variables with their labels.

    The same codebook always gives the same text; it ends up in the request's system message.
    """
    words = _WORDS[codebook.language]
    parts = [codebook.instructions] if codebook.instructions else []
    for variable in codebook.variables:
        lines = []
        if variable.question:
            lines.append(variable.question)
        if variable.labels:
            lines.append(words.one_of.format(variable.name))
            for label in variable.labels:
                defined = f"- {label.name}{words.colon}{label.definition}"
                lines.append(defined if label.definition else f"- {label.name}")
                lines.extend(words.example.format(example) for example in label.examples)
        elif not variable.question:
            lines.append(words.free_text.format(variable.name))
        parts.append("\n".join(lines))
    if codebook.variables:
        fields = words.comma.join(f'"{variable.name}"' for variable in codebook.variables)
        parts.append(words.answer.format(fields))
    return "\n\n".join(parts)


class _Words(NamedTuple):
    """What stands around the person's own words, in one language."""

    one_of: str
    example: str
    free_text: str
    answer: str
    colon: str
    comma: str


_WORDS = {
    "en": _Words(
        one_of="{} is one of:",
        example='  for example: "{}"',
        free_text="{}: free text",
        answer="Answer with a JSON object that has only {}.",
        colon=": ",
        comma=", ",
    ),
    "zh": _Words(
        one_of="{} 取以下各值之一：",
        example="  例如：“{}”",
        free_text="{}：自由文本",
        answer="请用一个 JSON 对象回答，其中只有 {}。",
        colon="：",
        comma="、",
    ),
}


def answer_schema(codebook: Codebook) -> dict[str, Any] | None:
    """
    The strict JSON schema of an answer, or None for free text.

    Source:
        OpenAI, "Structured outputs": root is an object, every property is required,
        `additionalProperties` is false.
    """
    if not codebook.variables:
        return None
    return {
        "type": "object",
        "properties": {
            variable.name: {"type": "string", "enum": list(variable.label_names)}
            if variable.labels
            else {"type": "string"}
            for variable in codebook.variables
        },
        "required": [variable.name for variable in codebook.variables],
        "additionalProperties": False,
    }


def _contradictions(codebook: Codebook) -> Iterator[tuple[tuple[str | int, ...], Notice]]:
    names: dict[str, int] = {}
    for position, variable in enumerate(codebook.variables):
        at: tuple[str | int, ...] = ("variables", position)
        if variable.name in names:
            yield (*at, "name"), Notice("codebook-variable-twice", {"name": variable.name})
        names[variable.name] = position
        if len(variable.labels) == 1:
            yield (*at, "labels"), Notice("codebook-one-label")
        spellings: dict[str, str] = {}
        for number, label in enumerate(variable.labels):
            for place, spelling in (
                (("name",), label.name),
                *((("aliases", index), alias) for index, alias in enumerate(label.aliases)),
            ):
                key = spelling_key(spelling) or spelling
                if spellings.get(key, label.name) != label.name or (place == ("name",) and key in spellings):
                    yield (*at, "labels", number, *place), Notice("codebook-label-twice", {"name": spelling})
                spellings[key] = label.name


def _fault(kind: str, message: str, value: object) -> Notice:
    match kind:
        case "extra_forbidden":
            return Notice("codebook-field-unknown")
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
    faults: Sequence[tuple[tuple[str | int, ...], Notice]],
    path: str,
    lines: Mapping[tuple[str | int, ...], int],
) -> CodebookError:
    placed = [_placed(_line(place, lines), field_name(place), fault) for place, fault in faults]
    first_place, is_one = faults[0][0], len(faults) == 1
    return CodebookError(
        ("codebook-file-fault" if is_one else "codebook-file-faults")
        if path
        else ("codebook-fault" if is_one else "codebook-faults"),
        path=path,
        line=_line(first_place, lines),
        field=field_name(first_place),
        faults=placed,
    )


def _placed(line: int | None, field: str, fault: Notice) -> Notice:
    if line and field:
        return Notice("codebook-line-and-field", {"line": line, "field": field, "fault": fault})
    if line:
        return Notice("codebook-line", {"line": line, "fault": fault})
    return Notice("codebook-field", {"field": field, "fault": fault}) if field else fault


def _line(place: tuple[str | int, ...], lines: Mapping[tuple[str | int, ...], int]) -> int | None:
    while place:
        if place in lines:
            return lines[place]
        place = place[:-1]
    return lines.get(())
