"""The kinds of variables: a module each, and their list. `base.Variable` is what each says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from rowbatch.core.kinds.base import Variable
from rowbatch.core.kinds.date import DateVariable
from rowbatch.core.kinds.label import LabelVariable
from rowbatch.core.kinds.labels import LabelsVariable
from rowbatch.core.kinds.number import NumberVariable
from rowbatch.core.kinds.quote import QuoteVariable
from rowbatch.core.kinds.scale import ScaleVariable
from rowbatch.core.kinds.text import TextVariable
from rowbatch.core.kinds.yes_no import YesNoVariable

_KINDS: tuple[type[Variable], ...] = (
    LabelVariable,
    LabelsVariable,
    YesNoVariable,
    ScaleVariable,
    NumberVariable,
    DateVariable,
    TextVariable,
    QuoteVariable,
)
KINDS: Mapping[str, type[Variable]] = {kind.kind: kind for kind in _KINDS}
"""By the word that codebook files have for them."""


def kind_of(document: Mapping[str, Any]) -> type[Variable] | None:
    """The kind that a variable of a codebook file has; None for a word that nobody knows."""
    if "kind" in document:
        found = document["kind"]
        return KINDS.get(found) if isinstance(found, str) else None
    # Before there were kinds the labels said it.
    return LabelVariable if document.get("labels", []) not in ([], ()) else TextVariable


def read_variable(document: object) -> Variable:
    """
    A variable of a codebook; pydantic calls it.

    Raises:
        ValidationError, PydanticCustomError: It is none.
    """
    if isinstance(document, Variable):
        return document
    if not isinstance(document, Mapping):
        raise PydanticCustomError("model_type", "fields are expected")
    kind = kind_of(document)
    if kind is None:
        unknown = PydanticCustomError("kind_unknown", "there is no such kind")
        raise ValidationError.from_exception_data(
            "Variable", [InitErrorDetails(type=unknown, loc=("kind",), input=document["kind"])]
        )
    fields = {name: value for name, value in document.items() if name != "kind"}
    if kind is TextVariable and fields.get("labels") in ([], ()):
        del fields["labels"]
    return kind.model_validate(fields, strict=False)
