"""
The net under every dialect: a line that is not as its provider says costs that line, and not the run.

A result has been paid for when it comes, and one odd line among thousands must not keep the others from
being read. So whatever a dialect trips over in a line makes that line unreadable: it is counted, the file it
stands in is kept as it came, and its row is asked again like any row without a result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rowbatch.core.result import UnreadableLine
from rowbatch.errors import ServiceError
from rowbatch.providers.base import Dialect
from rowbatch.providers.messages import AnotherBatch

# What reading of JSON that is shaped otherwise than expected raises: no such key or entry, a value without
# that method or operation, a number or text that cannot be converted, a nesting without end.
_ODD_SHAPE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


def read_result_line(dialect: Dialect, line: bytes, token: str) -> bytes:
    """
    A result line in OpenAI's form; as `Dialect.result_line`, whatever the line is.

    The dialects of this house look at the type of each value and raise ValueError alone; a test holds them
    to that, so that the wider net hides none of their faults. It is there for the form that nobody thought
    of, in a run that is paid. A fault that no line can cause passes through: a name that does not exist, a
    broken assertion or import, an error of the system, no memory.

    Raises:
        AnotherBatch: Its id is none of ours.
        UnreadableLine: It is no result.
    """
    try:
        return dialect.result_line(line, token)
    except AnotherBatch:
        raise
    except _ODD_SHAPE as error:
        raise UnreadableLine(_told(error)) from error


def read_answer(dialect: Dialect, answer: Mapping[str, Any], model: str) -> Mapping[str, Any]:
    """
    The answer of one call without a batch in OpenAI's form; as `Dialect.direct_answer`, whatever came.

    Raises:
        ServiceError: It is no answer. What the net catches is what `read_result_line` says.
    """
    try:
        return dialect.direct_answer(answer, model)
    except _ODD_SHAPE as error:
        raise ServiceError("answer-unreadable", told=_told(error)) from error


def _told(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
