"""Codebooks by themselves: checked, shown as a model sees them, written in other forms; their JSON Schema."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rowbatch.core.classify_calls import Function
    from rowbatch.core.codebook import Codebook
    from rowbatch.tools.codebooks import ConvertedCodebook, Form
    from rowbatch.tools.ready_codebooks import ReadyCodebook
    from rowbatch.words.notice import Notice


from rowbatch.core.document import Shown


@dataclass(frozen=True, slots=True)
class CodebookVariable:
    """
    A variable of a codebook that was checked.

    Attributes:
        name: As the codebook has it.
        kind: What it is.
        columns: Names of its columns in the labelled table.
    """

    name: str
    kind: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class CheckedCodebook(Shown):
    """
    A codebook without faults.

    Attributes:
        form: What the file is.
        variables: In order; the free text that the answer is as a whole, where there are none.
        instructions: What the model reads before the text.
        schema: The strict JSON schema of an answer, or None for free text.
        left_out: What of the file has no place in a codebook, and changes nothing.
    """

    form: Form
    variables: tuple[CodebookVariable, ...]
    instructions: str
    schema: dict[str, Any] | None
    left_out: tuple[Notice, ...]


def check_codebook(path: str | Path, *, variable: str = "label") -> CheckedCodebook:
    """
    Read a codebook of any form, and say what becomes of it.

    Args:
        path: YAML, JSON, a table, an XLSForm, codes of REFI-QDA, or what a classify function takes.
        variable: Name of the variable, where the file has only its labels.
    Raises:
        InputError: The file cannot be read.
        CodebookError: It is no codebook: every fault with line and field, or row and column.
    """
    from rowbatch.core.codebook import answer_schema, instructions_text
    from rowbatch.tools.codebooks import load_codebook

    loaded = load_codebook(Path(path), variable=variable)
    return CheckedCodebook(
        loaded.form,
        tuple(_variables(loaded.codebook)),
        instructions_text(loaded.codebook),
        answer_schema(loaded.codebook),
        loaded.left_out,
    )


def _variables(codebook: Codebook) -> list[CodebookVariable]:
    found = []
    for variable in codebook.variables or codebook.answers:
        columns = [column.name for one in (variable, *codebook.beside(variable)) for column in one.columns()]
        found.append(CodebookVariable(variable.name, variable.kind, tuple(columns)))
    return found


def convert_codebook(
    source: str | Path,
    output: str | Path,
    *,
    to: Function | None = None,
    variable: str | None = None,
    overwrite: bool = False,
) -> ConvertedCodebook:
    """A codebook in another form; see `rowbatch.tools.codebooks.convert_codebook`."""
    from rowbatch.tools import codebooks

    return codebooks.convert_codebook(
        Path(source), Path(output), to=to, variable=variable, overwrite=overwrite
    )


def ready_codebooks(language: str = "en") -> tuple[ReadyCodebook, ...]:
    """The codebooks that come along; see `rowbatch.tools.ready_codebooks`."""
    from rowbatch.tools import ready_codebooks as ready

    return ready.ready_codebooks(language)


def ready_codebook(
    name: str,
    language: str = "en",
    *,
    target: str = "",
    output: str | Path | None = None,
    overwrite: bool = False,
) -> ReadyCodebook:
    """
    One of the codebooks that come along; its `codebook` is what `create` takes.

    Args:
        name: `sentiment`, `stance`, `topic`, `moral-foundations` or `survey-answers`.
        language: `en` or `zh`: of questions, labels and definitions.
        target: What a stance is about.
        output: Also written to this file: YAML, JSON, CSV, TSV, XLSX or codes of REFI-QDA, by its name.
        overwrite: Whether that may be replaced.
    Raises:
        UsageError: There is no such codebook; it asks about no target; the file has another ending.
        OutputExists: There is such a file.
    """
    from rowbatch.tools import ready_codebooks as ready
    from rowbatch.tools.codebooks import write_codebook

    found = ready.ready_codebook(name, language, target=target)
    if output is not None:
        write_codebook(found.codebook, Path(output), overwrite=overwrite, text=found.text)
    return found


def codebook_schema() -> str:
    """The JSON Schema of the codebook file, as JSON, with which an editor completes and checks it."""
    from rowbatch.core.codebook_schema import codebook_schema as schema

    return json.dumps(schema(), ensure_ascii=False, indent=2) + "\n"
