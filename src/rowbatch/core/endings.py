"""
How answers end: the words of all providers, and what each says of the answer.

The list of good endings is closed. A word that nobody here knows is no good ending: a new one has more often
meant that an answer was cut or blocked than that it was whole.

Source:
    The enumerations in the official packages, which a test compares with these tables in the versions that
    are locked; openai 3.57.0, anthropic 2.14.0, google-genai 3.6.1 and mistralai 3.7.0 have no other words.
    For endpoints that speak OpenAI's protocol the documentation that is named with each word. As of
    2026-11-28.
"""

from __future__ import annotations

from dataclasses import dataclass

from rowbatch.core.states import RowStatus


@dataclass(frozen=True, slots=True)
class Ending:
    """
    What a word says of an answer.

    Attributes:
        status: OK for a whole answer.
        says: For people; or "".
        asks_again: Whether the same request may well fare better. Answers that were cut off or blocked
            would be again.
    """

    status: RowStatus
    says: str = ""
    asks_again: bool = False


_CUT = RowStatus.TRUNCATED
_NO = RowStatus.REFUSED
_BAD = RowStatus.ERROR
_WHOLE = Ending(RowStatus.OK)
_AT_LIMIT = Ending(_CUT, "the answer was cut off at the output limit")
_FILTERED = Ending(_NO, "the provider's content filter stopped the answer")
_TOO_LONG = Ending(_CUT, "the answer was cut off where the model's context was full")
_FAILED = Ending(_BAD, "the provider failed while it answered", asks_again=True)
_UNFINISHED = Ending(_BAD, "the provider did not finish the answer", asks_again=True)
_MALFORMED = Ending(_BAD, "the model's answer was malformed", asks_again=True)
_PAUSED = Ending(_CUT, "the provider paused before the answer was whole")

_OPENAI = {
    "stop": _WHOLE,
    "tool_calls": _WHOLE,
    "function_call": _WHOLE,
    "length": _AT_LIMIT,
    "content_filter": _FILTERED,
}
_MISTRAL = {"model_length": _TOO_LONG, "error": _FAILED}
_ANTHROPIC = {
    "end_turn": _WHOLE,
    "stop_sequence": _WHOLE,
    "tool_use": _WHOLE,
    "max_tokens": _AT_LIMIT,
    "model_context_window_exceeded": _TOO_LONG,
    "pause_turn": _PAUSED,
    "compaction": _PAUSED,
    "refusal": Ending(_NO, "the model refused"),
}
# In small letters, as they stand in result files of runs of earlier versions too.
_GEMINI = {
    "finish_reason_unspecified": Ending(
        _BAD, "the provider does not say how the answer ended", asks_again=True
    ),
    "safety": _FILTERED,
    "recitation": Ending(_NO, "the provider stopped the answer as a recitation of a source"),
    "language": Ending(_NO, "the provider stopped the answer for its language"),
    "blocklist": _FILTERED,
    "prohibited_content": _FILTERED,
    "spii": _FILTERED,
    "escalation": _FILTERED,
    "model_armor": _FILTERED,
    "image_safety": _FILTERED,
    "image_prohibited_content": _FILTERED,
    "image_recitation": _FILTERED,
    # It stays until the account is free again.
    "pup_limited_disabled": Ending(_BAD, "the account is limited or disabled"),
    "continuation": Ending(_CUT, "the answer was cut off at the limit of one request"),
    "other": Ending(_BAD, "the provider stopped the answer without a reason", asks_again=True),
    "malformed_function_call": _MALFORMED,
    "malformed_response": _MALFORMED,
    "unexpected_tool_call": _MALFORMED,
    "too_many_tool_calls": Ending(_BAD, "the model called tools, and gave no answer"),
    "missing_thought_signature": Ending(_BAD, "the request lacks a thought signature"),
    "no_image": Ending(_BAD, "the model made no image"),
    "image_other": Ending(_BAD, "the provider stopped the answer without a reason", asks_again=True),
}
_COMPATIBLE = {
    # Together (`FinishReason` of its Python package) and Hugging Face's text-generation-inference.
    "eos": _WHOLE,
    "eos_token": _WHOLE,
    # vLLM and SGLang: the request was given up, by the server or because of its restart.
    "abort": Ending(_BAD, "the server gave the request up", asks_again=True),
    # Zhipu's chat completions.
    "sensitive": _FILTERED,
    "network_error": _FAILED,
    # DeepSeek's chat completions.
    "insufficient_system_resource": Ending(_BAD, "the provider had too few resources", asks_again=True),
}
ENDINGS = {**_OPENAI, **_MISTRAL, **_ANTHROPIC, **_GEMINI, **_COMPATIBLE}
"""By `finish_reason` of a choice, in small letters; also of Anthropic (`stop_reason`) and Gemini."""

RESPONSE_ENDINGS = {
    "completed": _WHOLE,
    # Why stands in `incomplete_details`, see below.
    "incomplete": Ending(_CUT, "the answer is incomplete"),
    "failed": _FAILED,
    "cancelled": Ending(_BAD, "the response was cancelled", asks_again=True),
    "in_progress": _UNFINISHED,
    "queued": _UNFINISHED,
}
"""By `status` of a response of the Responses API."""
INCOMPLETE_ENDINGS = {
    "max_output_tokens": _AT_LIMIT,
    "content_filter": _FILTERED,
    "max_messages": Ending(_CUT, "the answer was cut off at the limit of messages"),
    "steered": Ending(_CUT, "the answer was stopped by a new instruction"),
}
"""By `incomplete_details.reason` of a response whose status is `incomplete`."""
_POLICY = Ending(_NO, "the provider's policy stopped the answer")
_BAD_REQUEST = Ending(_BAD, "the provider refused the request")
_BAD_IMAGE = Ending(_BAD, "the provider cannot use the image")
FAILURE_ENDINGS = {
    "server_error": _FAILED,
    "rate_limit_exceeded": _FAILED,
    "vector_store_timeout": _FAILED,
    "failed_to_download_image": Ending(_BAD, "the provider could not fetch the image", asks_again=True),
    "invalid_prompt": _BAD_REQUEST,
    "data_residency_mismatch": _BAD_REQUEST,
    "bio_policy": _POLICY,
    "misalignment_policy_violation": _POLICY,
    "image_content_policy_violation": _POLICY,
    **dict.fromkeys(
        (
            "invalid_image",
            "invalid_image_format",
            "invalid_base64_image",
            "invalid_image_url",
            "image_too_large",
            "image_too_small",
            "image_parse_error",
            "invalid_image_mode",
            "image_file_too_large",
            "unsupported_image_media_type",
            "empty_image_file",
            "image_file_not_found",
        ),
        _BAD_IMAGE,
    ),
}
"""By `error.code` of a response whose status is `failed`."""

# Null means "not yet" in OpenAI's protocol. An endpoint that always says null would be asked in vain.
NOT_SAID = Ending(_BAD, "the provider does not say how the answer ended")
_UNKNOWN = Ending(_BAD, "the answer ended in a way that is not known here")

ASKED_AGAIN = sorted(
    word
    for table in (ENDINGS, RESPONSE_ENDINGS, INCOMPLETE_ENDINGS, FAILURE_ENDINGS)
    for word, ending in table.items()
    if ending.asks_again
)
"""Words of endings after which the same request may well fare better."""


def ending_of(word: object, table: dict[str, Ending]) -> Ending:
    """
    What a word says.

    Args:
        word: As the provider wrote it, in any case; whatever stands in its place; null or "" when it said
            none.
        table: One of this module.
    """
    if word is None or word == "":
        return NOT_SAID
    return table.get(word.lower(), _UNKNOWN) if isinstance(word, str) else _UNKNOWN


def word_of(word: object) -> str:
    """A word as it is shown: of what is none or too long so much as tells it."""
    return str(word)[:60]
