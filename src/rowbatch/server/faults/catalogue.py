"""
What can go wrong: each kind of fault, what it befalls, and what can be said about it.

Each was seen with a real provider, gateway or server, or is what HTTP and JSON leave open. Sources: OpenAI's
Batch guide and specification 2.3.0; ellmer#830, instructor#2657, openai-java#649, openai-python#2084, #2959,
python-genai#1909, litellm#34067, kaibo#93 and #169, sglang#1415, modaic#188.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Scope = Literal["call", "batch", "row", "answer", "file"]
Value = str | int | float | bool

CALLS = (
    "upload",
    "list-files",
    "get-file",
    "content",
    "delete-file",
    "create-batch",
    "list-batches",
    "get-batch",
    "cancel-batch",
    "models",
    "answer",
)
"""What can be called. `answer` is an endpoint that is asked directly, such as chat completions."""


@dataclass(frozen=True, slots=True)
class Kind:
    """
    One way to go wrong.

    Attributes:
        scope: What it befalls: a call; a batch; a row of a batch; an answer, in a batch or not; a file.
        told: What happens, in a sentence.
        on: The calls that it befalls where nothing else is said; of a call.
        values: What else can be said, with what it is otherwise.
    """

    scope: Scope
    told: str
    on: tuple[str, ...] = ()
    values: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))


_READS = ("get-batch", "list-batches", "get-file", "list-files", "content", "models")

_OF_CALLS = {
    "lost-answer": Kind(
        "call", "It is carried out, and the connection breaks before an answer.", ("create-batch",)
    ),
    "reset": Kind("call", "The connection is reset before anything is carried out.", _READS),
    "cut-answer": Kind(
        "call",
        "The connection ends when a part of the answer has come; with keep = 0 after its headers.",
        ("content",),
        {"keep": 0.5},
    ),
    "short-answer": Kind(
        "call",
        "A part of the answer is missing, and nothing of HTTP shows it: its length is that of the part.",
        ("content",),
        {"keep": 0.5},
    ),
    "too-many-requests": Kind(
        "call",
        "429 before anything is carried out. wait: Retry-After has seconds, a date, nonsense, or is missing.",
        _READS,
        {"wait": "seconds", "seconds": 1, "code": "rate_limit_exceeded"},
    ),
    "server-error": Kind(
        "call",
        "An error of the server with this status, in the API's form.",
        _READS,
        {"status": 500, "carried_out": False},
    ),
    "gateway-page": Kind(
        "call",
        "A gateway's page in HTML; what was asked is carried out behind it. Its status may be 200.",
        ("create-batch",),
        {"status": 502, "carried_out": True},
    ),
    "gone": Kind("call", "404, although it is there.", ("content",)),
    "key-refused": Kind("call", "401, although the key is right.", _READS),
    "slow-answer": Kind(
        "call", "Nothing comes for so many seconds, then the answer.", _READS, {"seconds": 2.0}
    ),
    "slow-bytes": Kind(
        "call",
        "The answer trickles: so many pieces, spread over so many seconds.",
        ("content",),
        {"pieces": 20, "seconds": 2.0},
    ),
}

_OF_BATCHES = {
    "list-lags": Kind("batch", "The first so many lists do not show it.", values={"lists": 1}),
    "not-listed": Kind("batch", "No list shows it."),
    "fails-validation": Kind(
        "batch",
        "It is made, and fails before any row is asked.",
        values={
            "code": "token_limit_exceeded",
            "message": "Enqueued token limit reached for this model in organization org-test. Limit: "
            "2,000,000 enqueued tokens. Please try again once some in_progress batches have been completed.",
        },
    ),
    "input-not-found": Kind("batch", "It fails as if its input file were not there, which is."),
    "slow-validation": Kind("batch", "It is `validating` for the first so many looks.", values={"looks": 3}),
    "slow-batch": Kind("batch", "It is `in_progress` for so many looks after its end.", values={"looks": 3}),
    "strange-status": Kind(
        "batch",
        "Its status is one that nobody knows, for the first so many looks.",
        values={"looks": 2, "status": "reticulating"},
    ),
    "files-late": Kind("batch", "It is over, and names no files for so many looks.", values={"looks": 2}),
    "expires": Kind(
        "batch",
        "It expires: this part of its rows has answers, the rest `batch_expired`.",
        values={"keep": 0.5},
    ),
    "cancel-too-late": Kind("batch", "A cancel is answered `cancelling`; it is completed all the same."),
    "wrong-counts": Kind("batch", "Its counts say that every row was answered."),
    "empty-ids": Kind("batch", 'Where there is no file, its id is "" in place of null.'),
    "ids-change": Kind("batch", "The ids of its files are others at each look; all of them work."),
    "no-batch-usage": Kind("batch", "It has no usage."),
}

_OF_ROWS = {
    "row-missing": Kind("row", "It is in no file."),
    "row-twice": Kind(
        "row",
        "It is in the output twice; with differs = true with another answer.",
        values={"differs": False},
    ),
    "row-unknown": Kind("row", "Behind it stands one that nobody asked for."),
    "row-in-both": Kind("row", "It is in the output, and with an error in the error file too."),
    "row-fails": Kind(
        "row",
        "It failed in a way that passes: 0 is a fault of the provider's own, others as HTTP has them.",
        values={"status": 0},
    ),
    "row-refused": Kind("row", "It was refused for good: 400, with the cause in the body of its response."),
    "out-of-money": Kind("row", "It was refused with 429, `insufficient_quota`."),
    "row-cut": Kind("row", "Its line ends in the middle."),
    "id-changed": Kind("row", "Its custom_id is in capitals, or has a zero in front."),
    "answers-swapped": Kind("row", "It has the answer of the next row, and that has its."),
}

_OF_ANSWERS = {
    "refusal": Kind("answer", "The model refuses: a refusal in place of content, with status 200."),
    "empty-content": Kind("answer", "The content is empty."),
    "length-stop": Kind("answer", "The answer ends in the middle, for its length."),
    "prose": Kind("answer", "The model chats in place of what was asked."),
    "no-usage": Kind("answer", "It has no usage."),
    "nul": Kind("answer", "A NUL stands in the text."),
    "bad-utf8": Kind("answer", "A byte stands in the text that is no UTF-8."),
    "strange-breaks": Kind("answer", "U+2028, U+2029 and U+0085 stand in the text, as they are."),
    "lone-surrogate": Kind("answer", "Half of a surrogate pair stands in the text."),
    "nan": Kind("answer", "A number is NaN, which JSON has not."),
    "deep-json": Kind("answer", "The text is ten thousand brackets."),
}

_OF_FILES = {
    "shuffled": Kind("file", "Its rows stand in another order."),
    "file-cut": Kind(
        "file", "It ends in the middle of a row, and its size says so too.", values={"keep": 0.5}
    ),
    "no-last-newline": Kind("file", "Its last line has no end."),
    "blank-lines": Kind("file", "A line without anything stands behind each row."),
    "crlf": Kind("file", "Its lines end as on Windows."),
    "bom": Kind("file", "It begins with a byte order mark."),
}

KINDS: Mapping[str, Kind] = MappingProxyType(
    {**_OF_CALLS, **_OF_BATCHES, **_OF_ROWS, **_OF_ANSWERS, **_OF_FILES}
)
"""By their names."""

CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType({"wait": ("seconds", "date", "nonsense", "none")})
"""Of values that are one of a few."""
