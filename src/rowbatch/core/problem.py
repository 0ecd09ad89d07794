"""Something wrong in a line of a batch file, and what the lines before say of the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """
    Something wrong in a line.

    Attributes:
        line: From 1.
        code: As the provider calls it, where it has a word for it.
        message: What is wrong, in a sentence.
        severity: An error makes the batch or the request fail; a warning may.
        is_fixable: `--fix` puts it right.
    """

    line: int
    code: str
    message: str
    severity: Severity = "error"
    is_fixable: bool = False


@dataclass(slots=True)
class FileState:
    """
    What the lines before say of the file.

    Attributes:
        url, model: Of the first request; or None.
    """

    url: str | None = None
    model: str | None = None
    models: dict[str, int] = field(default_factory=dict)
    urls: dict[str, int] = field(default_factory=dict)


def missing(number: int, name: str) -> Problem:
    """That something is not there, in OpenAI's words."""
    return Problem(number, "missing_required_parameter", f"Missing required parameter: '{name}'.")


def note_model(model: str, state: FileState) -> None:
    """Count a request of a model."""
    state.models[model] = state.models.get(model, 0) + 1
