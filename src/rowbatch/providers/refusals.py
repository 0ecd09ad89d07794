"""
Why a provider refuses, from its own codes and words, in the house's few kinds.

A refusal reaches the house at three places: a call is refused, a whole batch fails, a row fails. Each client
reads all three with the words of its own provider; nobody above reads a provider's words.

Source:
    Each line names its own. Codes come before words, words before the HTTP status.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rowbatch.errors import RefusalKind
from rowbatch.http import kind_of_status

UNPAID_STATUS = 402
"""The HTTP status of a row that nobody pays, where a provider gives it another one."""


@dataclass(frozen=True, slots=True)
class RefusalWords:
    """
    What one provider says.

    Attributes:
        codes: Its codes, lower case, and what they mean.
        words: Regular expressions over its messages, and what they mean; the first that fits counts.
    """

    codes: Mapping[str, RefusalKind] = field(default_factory=dict)
    words: Sequence[tuple[str, RefusalKind]] = ()

    def kind(self, status: int | None, code: str, message: str) -> RefusalKind:
        """
        Why a call was refused, or a batch or a row failed.

        Args:
            status: HTTP status, or None where there was none.
            code: The provider's, or several of them, with spaces in between; or "".
            message: What it says, or "".
        """
        for one in code.lower().split():
            if known := self.codes.get(one) or _CODES.get(one):
                return known
        for pattern, known in (*self.words, *_WORDS):
            if re.search(pattern, message, re.IGNORECASE):
                return known
        return kind_of_status(status)

    def is_unpaid(self, status: int | None, code: str, message: str) -> bool:
        """Whether it says that nobody pays."""
        return self.kind(status, code, message) == "unpaid"


# What OpenAI says, and those who speak its protocol; gateways hand the same on from others.
_CODES: Mapping[str, RefusalKind] = {
    # openai/openai-python#2084; Azure's "Batch" page.
    "token_limit_exceeded": "queue-full",
    "too_many_tasks": "too-large",
    # Anthropic's, at 413: platform.claude.com, "Errors".
    "request_too_large": "too-large",
    "model_not_found": "model-unknown",
    "invalid_api_key": "key-refused",
    # help.openai.com/6614457 and developers.openai.com, "Spend limits": at 429, and asking again is no use.
    "insufficient_quota": "unpaid",
    "credit_balance_exhausted": "unpaid",
    "organization_usage_limit_exceeded": "unpaid",
    "organization_spend_limit_exceeded": "unpaid",
    "project_spend_limit_exceeded": "unpaid",
    "billing_hard_limit_reached": "unpaid",
    "billing_not_active": "unpaid",
}
_WORDS: Sequence[tuple[str, RefusalKind]] = (
    # community.openai.com/t/1002388; gateways say it with a code of their own.
    (r"enqueued (?:token|request)s? limit|too many enqueued", "queue-full"),
    # Seen in openai-python's and kaibo's issues: the file is there, the validator does not see it yet.
    (r"(?:cannot|can't|could not) find file|no such file", "file-lost"),
    # bespokelabsai/curator#113; "The batch input file is larger than the 209715200 maximum".
    (r"too large|larger than the|exceeds the maximum", "too-large"),
    (r"\bmodel\b.{0,200}\b(?:does not exist|not found|is not supported)", "model-unknown"),
)

OPENAI = RefusalWords(
    codes={
        # console.groq.com, "Spend limits": 400.
        "blocked_api_access": "unpaid",
        # help.aliyun.com, "Error codes" of Model Studio: 400.
        "arrearage": "unpaid",
        # docs.z.ai, "Errors": 429 in arrears, and a model that does not exist.
        "1113": "unpaid",
        "1211": "model-unknown",
    }
)
ANTHROPIC = RefusalWords(
    # platform.claude.com, "Errors".
    codes={"billing_error": "unpaid", "authentication_error": "key-refused"},
    words=(
        # 400 with the code of a faulty request: bespokelabsai/curator#296, anthropics/claude-code#66314.
        ("credit balance is too low", "unpaid"),
        # 400 too, where the limit is one's own: platform.claude.com, "Rate limits".
        (r"reached your specified (?:workspace )?api usage limits|enforced_spend_limit_reached", "unpaid"),
        # `not_found_error` of a model has its name only.
        (r"\bmodel: \S", "model-unknown"),
    ),
)
GEMINI = RefusalWords(
    words=(
        # 429 as for calls that come too fast: discuss.ai.google.dev/t/140828. "You exceeded your current
        # quota, please check your plan and billing details" is said of those: no sign of an empty account.
        ("prepayment credits are depleted", "unpaid"),
        # With 400: ai.google.dev, "Troubleshooting".
        (r"api key not valid|api key expired|api key not found", "key-refused"),
    )
)
MISTRAL = RefusalWords(
    # `{"object": "error", "message": "Invalid model: m", "type": "invalid_model", "code": "1500"}`
    codes={"invalid_model": "model-unknown", "1500": "model-unknown"},
    words=((r"\Ainvalid model\b", "model-unknown"),),
)
_QUEUE_LIMIT = re.compile(r"Limit: ([0-9][0-9,]*) enqueued tokens", re.IGNORECASE)


def told_queue_limit(message: str) -> int | None:
    """The limit of tokens in the queue, where a refusal tells it."""
    found = _QUEUE_LIMIT.search(message)
    return int(found.group(1).replace(",", "")) if found else None
