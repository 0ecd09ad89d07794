"""What endpoints that speak OpenAI's batch protocol do differently."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpenAIQuirks:
    """
    What a compatible endpoint does differently.

    Attributes:
        honours_idempotency_key: The same key never makes a second batch.
        window: The completion window that is asked for.
        url_prefix: What stands before `/chat/completions` in its urls.
        keeps_input_file: Asked not to delete the request file by itself (Zhipu does).
        has_metadata: Takes metadata with a batch.
        has_expiry: Takes a day on which an uploaded file goes.
        listing: How it lists: `after` an id, or a `cursor`.
    """

    honours_idempotency_key: bool = False
    window: str = "24h"
    url_prefix: str = "/v1"
    keeps_input_file: bool = True
    has_metadata: bool = True
    has_expiry: bool = False
    listing: str = "after"
