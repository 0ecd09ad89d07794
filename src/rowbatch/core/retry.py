"""
Which failures are worth asking again, and which say that asking goes on failing.

Source:
    OpenAI's Batch guide and recorded error files: status 0, 408, 409, 429 and 5xx pass; other 4xx are the
    request's own fault.
"""

from __future__ import annotations

import polars as pl

from rowbatch.core.endings import ASKED_AGAIN
from rowbatch.core.result import NO_ANSWER
from rowbatch.core.states import RowStatus

_PASSING_STATUSES = ("0", "408", "409", "425", "429")
# What providers answer instead of an HTTP status, or beside one.
_PASSING_CODES = (
    "server_error",
    "internal_error",
    "internal_server_error",
    "api_error",
    "overloaded_error",
    "rate_limit_error",
    "rate_limit_exceeded",
    "timeout",
    "timeout_error",
    "service_unavailable",
    "batch_expired",
    "batch_cancelled",
    "batch_canceled",
    # Gemini's names (google.rpc.Code).
    "UNAVAILABLE",
    "INTERNAL",
    "DEADLINE_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "8",
    "13",
    "14",
)
# Nobody pays. What a provider says of it with a code of other troubles has status 402: see
# `providers/refusals.py`, which has the sources too.
_UNPAID_STATUS = "402"
_UNPAID_CODES = (
    "insufficient_quota",
    "billing_hard_limit_reached",
    "billing_error",
    "billing_not_active",
    "quota_exceeded",
    "credit_balance_exhausted",
    "organization_usage_limit_exceeded",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "blocked_api_access",
    "Arrearage",
    "1113",
)


def is_passing() -> pl.Expr:
    """
    Whether a row's failure may be gone when it is asked again.

    Of columns `status` (texts of `RowStatus`) and `cause` (see `Result`, or null).
    """
    cause = pl.col("cause").fill_null("")
    http_status, code = cause.str.extract(r"\A([^:]*):", 1), cause.str.extract(r":(.*)\z", 1)
    passing = (
        http_status.is_in([*_PASSING_STATUSES, _UNPAID_STATUS])
        | http_status.str.contains(r"\A5[0-9][0-9]\z")
        | code.is_in([*_PASSING_CODES, *_UNPAID_CODES])
        # It was answered, and the answer did not end well.
        | (http_status == "200") & code.is_in(ASKED_AGAIN)
        # Nothing was told: no status and no code.
        | cause.is_in(["", ":"])
    )
    status = pl.col("status")
    return (
        status.is_in([RowStatus.MISSING.value, RowStatus.EXPIRED.value, RowStatus.CANCELLED.value])
        | (status == RowStatus.ERROR.value) & passing.fill_null(False)
        # The provider's form was odd; an answer that the codebook does not allow has no cause.
        | (status == RowStatus.INVALID.value) & (code == NO_ANSWER).fill_null(False)
    ).alias("is_passing")


def is_lasting() -> pl.Expr:
    """
    Whether a failure says that other rows will fail too: refused by the provider, or nobody pays.

    Of the same columns as `is_passing`.
    """
    cause = pl.col("cause").fill_null("")
    code = cause.str.extract(r":(.*)\z", 1)
    refused = cause.str.contains(r"\A4[0-9][0-9]:") & ~cause.str.contains(r"\A(408|409|425|429):")
    return (
        (pl.col("status") == RowStatus.ERROR.value) & (refused | code.is_in(_UNPAID_CODES)).fill_null(False)
    ).alias("is_lasting")


def is_unpaid(cause: str) -> bool:
    """Whether a failure's cause (see `Result`) says that nobody pays; until somebody does, all fail."""
    status, _, code = cause.partition(":")
    return status == _UNPAID_STATUS or code in _UNPAID_CODES
