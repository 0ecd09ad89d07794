"""How long an answer may be, where nobody said it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook
    from rowbatch.core.kinds.base import Variable
    from rowbatch.core.model_rules import Model

# In tokens. A short answer is a JSON object of labels, with much room: one that is cut off is paid and lost.
_SHORT, _TEXT, _REASON = 200, 1_000, 150
THINKING_TOKENS = 4_000
"""The most thoughts before an answer that anybody measured was 1,400; this leaves room."""
_FIELD_TOKENS, _CHARS_PER_TOKEN = 12, 2
_NUMBER_BYTES = 24
REASON = "reason"
"""Name of the variable that asks why, in a sentence; texts of other names may be longer."""


def decide_output_limit(codebook: Codebook, model: Model | None) -> int:
    """
    The output limit of a request that costs money, in tokens.

    Without one no cap can be kept. There is room for an answer of the kind that is asked for, and for the
    thoughts of a model that reasons, or that nobody knows: people measured 400 to 1,400 hidden tokens an
    answer.

    Args:
        codebook: What is asked.
        model: What is known of the model, or None.
    """
    asked = codebook.asked
    variables = [variable for variable in asked if not _is_reason(variable)]
    is_text = not variables or any(variable.is_open for variable in variables)
    limit = max(_TEXT if is_text else _SHORT, sum(map(_most_tokens, variables)))
    limit += _REASON * (len(asked) - len(variables))
    if model is None or model.reasons:
        # Of one that nobody knows, nobody knows whether it thinks.
        limit += THINKING_TOKENS
    return min(limit, model.max_output) if model is not None and model.max_output else limit


def _is_reason(variable: Variable) -> bool:
    return variable.is_reason or (variable.name == REASON and variable.is_open)


def _most_tokens(variable: Variable) -> int:
    """Of the longest answer to a variable, its name included."""
    if variable.is_open:
        return _TEXT
    sizes = [len(choice.encode()) for choice in variable.choices]
    longest = sum(sizes) if variable.has_several else max(sizes, default=_NUMBER_BYTES)
    return _FIELD_TOKENS + (len(variable.name) + longest) // _CHARS_PER_TOKEN
