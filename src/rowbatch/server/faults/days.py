"""Days on which much goes wrong: plans that have names."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

DAYS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "bad-network": (
            "Answers are lost, cut and slow; connections are reset.",
            """
            [[fault]]
            kind = "lost-answer"
            nth = 1

            [[fault]]
            kind = "reset"
            share = 0.15

            [[fault]]
            kind = "cut-answer"
            share = 0.3

            [[fault]]
            kind = "slow-bytes"
            share = 0.2
            seconds = 0.2
            """,
        ),
        "busy-provider": (
            "429 and 5xx come in bursts, with and without Retry-After; the queue is full once.",
            """
            [[fault]]
            kind = "fails-validation"
            nth = 1

            [[fault]]
            kind = "too-many-requests"
            on = ["upload", "get-batch", "list-batches", "content", "answer"]
            nth = [1, 2]

            [[fault]]
            kind = "too-many-requests"
            share = 0.1
            wait = "none"

            [[fault]]
            kind = "server-error"
            share = 0.1
            status = 503

            [[fault]]
            kind = "row-fails"
            share = 0.1
            status = 429
            batches = [1, 2]
            """,
        ),
        "gateway": (
            "A proxy stands between: its pages come for answers, new batches are listed late.",
            """
            [[fault]]
            kind = "gateway-page"
            nth = 1

            [[fault]]
            kind = "gateway-page"
            on = ["get-batch", "list-batches", "content", "upload"]
            share = 0.15
            carried_out = false

            [[fault]]
            kind = "list-lags"
            """,
        ),
        "messy-results": (
            "Rows are missing, there twice, in both files, unknown, in another order; counts are wrong.",
            """
            [[fault]]
            kind = "row-missing"
            share = 0.1
            batches = [1]

            [[fault]]
            kind = "row-twice"
            share = 0.1

            [[fault]]
            kind = "row-in-both"
            share = 0.1

            [[fault]]
            kind = "row-unknown"
            share = 0.1

            [[fault]]
            kind = "row-fails"
            share = 0.1
            batches = [1]

            [[fault]]
            kind = "shuffled"

            [[fault]]
            kind = "wrong-counts"

            [[fault]]
            kind = "empty-ids"
            """,
        ),
        "odd-answers": (
            "Models refuse, chat, say nothing, stop too early; what they write is hard to read.",
            """
            [[fault]]
            kind = "refusal"
            share = 0.1

            [[fault]]
            kind = "empty-content"
            share = 0.1

            [[fault]]
            kind = "length-stop"
            share = 0.1

            [[fault]]
            kind = "prose"
            share = 0.1

            [[fault]]
            kind = "nul"
            share = 0.05

            [[fault]]
            kind = "strange-breaks"
            share = 0.1

            [[fault]]
            kind = "no-usage"
            share = 0.1
            """,
        ),
        "long-day": (
            "Batches are checked slowly, expire halfway, and name their files late.",
            """
            [[fault]]
            kind = "slow-validation"

            [[fault]]
            kind = "expires"
            nth = 1

            [[fault]]
            kind = "files-late"

            [[fault]]
            kind = "strange-status"
            nth = 2
            """,
        ),
    }
)
"""Of each what happens, in a sentence, and the plan in TOML."""
