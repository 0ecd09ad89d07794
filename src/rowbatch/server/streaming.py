"""
Answers that come bit by bit, as server-sent events: passed on as they come, or made of what an engine says.

Source:
    OpenAI's specification 2.3.0; the SDK `openai` 3.54.0, `_streaming.py`: an event whose data has `error` is
    raised as an error, and `[DONE]` ends a stream.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rowbatch.errors import ServiceError
from rowbatch.http import MOST_ANSWER_BYTES, Decoder
from rowbatch.server import strict_json
from rowbatch.server.chat_request import CHAT, chunks_of, wants_usage
from rowbatch.server.connection import ending_with_connection
from rowbatch.server.endpoint import ServedEndpoint, objects
from rowbatch.server.responses import RESPONSES, ResponseEvents
from rowbatch.words.masking import masked

if TYPE_CHECKING:
    import aiohttp

_DONE = b"data: [DONE]\n\n"
_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
_MOST_HELD = 1 << 20
"""An event that is longer goes on in pieces."""
_LAST_OF_RESPONSES = (b"response.completed", b"response.incomplete", b"response.failed")


@dataclass(frozen=True, slots=True)
class Streamed:
    """
    A stream that has begun.

    Attributes:
        events: Its bytes, some whole events at a time.
        close: Lets go of what it needs; to be called in any case, and any number of times.
    """

    events: AsyncIterator[bytes]
    close: Callable[[], None]


def event_line(served: ServedEndpoint, event: Mapping[str, Any]) -> bytes:
    """An event, as it is written."""
    name = b"event: " + str(event["type"]).encode() + b"\n" if served.names_events else b""
    return name + b"data: " + strict_json.written(dict(event)) + b"\n\n"


def error_line(served: ServedEndpoint, message: str, code: str) -> bytes:
    """
    An event that says what broke a stream.

    Clients raise what stands under `error`; one that ends without a word would look like a short answer.
    """
    told = {"message": masked(message), "type": "server_error", "param": None, "code": code}
    if not served.names_events:
        return b"data: " + strict_json.written({"error": told}) + b"\n\n"
    flat = {"type": "error", "code": code, "message": told["message"], "param": None, "error": told}
    return event_line(served, flat)


def last_line(served: ServedEndpoint) -> bytes:
    """What stands behind the last event."""
    return b"" if served.names_events else _DONE


def whole_as_events(served: ServedEndpoint, answer: Mapping[str, Any], body: Mapping[str, Any]) -> Streamed:
    """
    An answer that came at once though a stream was asked for, as one.

    Args:
        served: The endpoint.
        answer: With its id.
        body: Of the request.
    """
    if served.url == CHAT.url:
        events = chunks_of(answer, with_usage=wants_usage(body))
    elif served.url == RESPONSES.url:
        events = _of_response(answer)
    else:
        events = iter([dict(answer)])
    written = b"".join(event_line(served, event) for event in events) + last_line(served)

    async def blocks() -> AsyncIterator[bytes]:
        yield written

    return Streamed(blocks(), lambda: None)


def _of_response(response: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The events of a response that is there as a whole."""
    status = str(response.get("status") or "completed")
    begun = {**response, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for index, item in enumerate(objects(response.get("output"))):
        at = {"output_index": index}
        started = {**item, "status": "in_progress", **({"content": []} if "content" in item else {})}
        events.append({"type": "response.output_item.added", **at, "item": started})
        for number, part in enumerate(objects(item.get("content"))):
            place = {"item_id": item.get("id"), **at, "content_index": number}
            if part.get("type") == "output_text":
                empty, tokens = {**part, "text": "", "logprobs": []}, part.get("logprobs") or []
                text = {"logprobs": tokens, **place}
                events += [
                    {"type": "response.content_part.added", "part": empty, **place},
                    {"type": "response.output_text.delta", "delta": part.get("text"), **text},
                    {"type": "response.output_text.done", "text": part.get("text"), **text},
                    {"type": "response.content_part.done", "part": part, **place},
                ]
        events.append({"type": "response.output_item.done", **at, "item": item})
    events.append({"type": f"response.{status}", "response": dict(response)})
    for number, event in enumerate(events):
        yield {**event, "sequence_number": number}


async def passed_on(
    served: ServedEndpoint, response: aiohttp.ClientResponse, host: str, limit_s: float
) -> AsyncIterator[bytes]:
    """
    The events of another server's stream, as they come, and an error where it breaks.

    What was not yet a whole event then is left out: a client would read the error as the end of it. No more
    than aiohttp's own buffer is held for a reader that is slower than the server.

    Args:
        served: The endpoint.
        response: Whose head is here; whoever opened it closes it.
        host: Who answers.
        limit_s: How long the whole may take.
    """
    import aiohttp

    held, last, size, fault = b"", b"", 0, ("", "")
    headers = response.headers
    try:
        decoder = Decoder(headers.get("content-encoding", ""), host)
        with ending_with_connection(response):
            while not fault[0] and (block := await response.content.readany()):
                for piece in decoder.feed(block):
                    size += len(piece)
                    if size > MOST_ANSWER_BYTES:
                        fault = ("the upstream server's answer is too large", "upstream_unreadable")
                        break
                    whole, held = _whole_events(held + piece)
                    if whole:
                        last = whole
                        yield whole
        if not fault[0]:
            decoder.finish()
    except TimeoutError:
        fault = (f"the upstream server did not end its answer within {limit_s:g} s", "upstream_too_slow")
    except (aiohttp.ClientError, OSError) as error:
        told = str(error) or type(error).__name__
        fault = (f"the upstream server's answer broke off: {told}", "upstream_answer_lost")
    except ServiceError as error:
        fault = (error.message, "upstream_unreadable")
    is_open_ended = "content-length" not in headers and "transfer-encoding" not in headers
    if not fault[0] and is_open_ended and not _is_end(served, last + held):
        fault = ("the upstream server's answer broke off: it ends in the middle", "upstream_answer_lost")
    if fault[0]:
        yield error_line(served, *fault)
    elif held:
        yield held


async def responses_of_chat(events: AsyncIterator[bytes], body: Mapping[str, Any]) -> AsyncIterator[bytes]:
    """
    The events of a streamed response, of a streamed completion that another server writes.

    Args:
        events: Of the completion, whole ones at a time.
        body: Of the request for a response.
    """
    made = ResponseEvents(body)
    async for block in events:
        for line in block.splitlines():
            data = line.removeprefix(b"data:").strip() if line.startswith(b"data:") else b""
            if not data or data == b"[DONE]":
                continue
            chunk = _object(data)
            told = chunk.get("error")
            if told:
                message = told.get("message") if isinstance(told, Mapping) else told
                code = told.get("code") if isinstance(told, Mapping) else None
                yield error_line(RESPONSES, str(message), str(code or "upstream_failed"))
                return
            yield b"".join(event_line(RESPONSES, event) for event in made.of(chunk))
    yield b"".join(event_line(RESPONSES, event) for event in made.end())


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _whole_events(data: bytes) -> tuple[bytes, bytes]:
    """Bytes up to the end of the last event in them, and those behind it."""
    whole = max((data.rfind(mark) + len(mark) for mark in _ENDS if mark in data), default=0)
    return (data, b"") if len(data) - whole > _MOST_HELD else (data[:whole], data[whole:])


def _is_end(served: ServedEndpoint, data: bytes) -> bool:
    return any(mark in data for mark in (_LAST_OF_RESPONSES if served.names_events else (b"[DONE]",)))
