"""
One result line: whose it is, and what can be said of it without a codebook.

Sources:
    OpenAI Batch guide and recorded answers, for the two files and their forms; vLLM's `run-batch`,
    which mixes errors into one file.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

import msgspec

from rowbatch.core.endings import (
    ENDINGS,
    FAILURE_ENDINGS,
    INCOMPLETE_ENDINGS,
    RESPONSE_ENDINGS,
    Ending,
    ending_of,
    word_of,
)
from rowbatch.core.states import RowStatus
from rowbatch.core.wire import Body, Choice, Message, PlainLine, ResultLine

# Lines as they should be are read in one go, which costs half; two decoders are for those that are not.
PLAIN_LINE = msgspec.json.Decoder(PlainLine)
_LINE = msgspec.json.Decoder(ResultLine)
_BODY = msgspec.json.Decoder(Body)
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANY = msgspec.json.Decoder()
# Mistral's and Anthropic's word, that of OpenRouter and vLLM, and those of reasoning items.
_THOUGHT_PARTS = frozenset({"thinking", "redacted_thinking", "reasoning", "reasoning_text", "summary_text"})
NO_ANSWER = "no_answer"
"""Code in the cause of a response in which no answer can be found, though nothing says that it failed."""
ANSWER_LOST = "answer_lost"
"""Code in the cause of a request that was sent by itself, may be billed, and whose answer was lost."""
LOST_CAUSE = f":{ANSWER_LOST}"
_EXPIRED_CODES = frozenset({"batch_expired"})
_CANCELLED_CODES = frozenset({"batch_cancelled", "batch_canceled"})
_NO_ANSWER_CAUSE = f"200:{NO_ANSWER}"
# These need no further word: the sentence says it all.
_PLAIN_WORDS = frozenset({"length", "max_tokens", "max_output_tokens", "content_filter"})
_BEYOND_COLUMNS = 1 << 63
_SURROGATES = re.compile("[\ud800-\udfff]")


class UnreadableLine(ValueError):
    """The line is no result: not JSON, or without a custom_id. The reason is its text."""


# A struct and no dataclass: one is made for every line, at a quarter of the cost.
class Result(msgspec.Struct, frozen=True, gc=False):
    """
    One line that came back.

    Attributes:
        custom_id: Never empty.
        status: OK when there is a text to read; else why not.
        content: The model's text (of the first choice), its refusal, or ""; of a moderation its JSON.
        reason: Why the status is not OK, for people; or "".
        model: Who answered, as the answer says; or "".
        prompt_tokens, completion_tokens: As counted by the provider, or None.
        confidence: Of the answer, where the server gives one; or None.
        cause: Of a failure, for programs: the HTTP status, a colon, the provider's code or `NO_ANSWER`; each
            may be missing. "" when it is none.
    """

    custom_id: str
    status: RowStatus
    content: str = ""
    reason: str = ""
    model: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    confidence: float | None = None
    cause: str = ""


def read_result(line: bytes) -> Result:
    """
    Read one line of an output or error file.

    Raises:
        UnreadableLine: It is no result.
    """
    return read_line(line)[0]


def read_line(line: bytes) -> tuple[Result, Body | None]:
    """As `read_result`, with the response's body, for what only some want to know; or None."""
    try:
        return result_of(PLAIN_LINE.decode(line))
    except UnreadableLine:
        raise
    except (ValueError, RecursionError):
        pass
    try:
        return result_of(_decode(line))
    except RecursionError:
        raise UnreadableLine("it is nested too deeply") from None


def result_of(parsed: PlainLine | ResultLine) -> tuple[Result, Body | None]:
    """What a parsed line says; as `read_line`."""
    custom_id = parsed.custom_id
    if isinstance(custom_id, int) and not isinstance(custom_id, bool):
        custom_id = str(custom_id)
    if not isinstance(custom_id, str) or not custom_id:
        raise UnreadableLine("it has no custom_id")
    error_code, error_text = _error_of(parsed.error) if parsed.error else ("", "")
    if error_code in _EXPIRED_CODES:
        return Result(custom_id, RowStatus.EXPIRED, reason=error_text, cause=f":{error_code}"), None
    if error_code in _CANCELLED_CODES:
        return Result(custom_id, RowStatus.CANCELLED, reason=error_text, cause=f":{error_code}"), None
    response = parsed.response
    if response is None:
        reason = error_text or "no response, and no error either"
        return Result(custom_id, RowStatus.ERROR, reason=reason, cause=f":{error_code}"), None
    code = response.status_code
    is_error = bool(error_text) or not _is_success(code)
    try:
        body = _read_body(bytes(response.body)) if isinstance(response.body, msgspec.Raw) else response.body
    except (ValueError, RecursionError) as error:
        if not is_error:
            reason = f"the answer cannot be read: {error}"
            return _no_answer(custom_id, reason), None
        # A refusal may have any body: a gateway's is often plain text.
        body = None
    if is_error:
        told = error_code or (_error_of(body.error)[0] if body is not None else "")
        http_status = "" if code is None else str(code)[:20]
        return (
            Result(
                custom_id,
                RowStatus.ERROR,
                reason=_refusal_text(code, body, error_text),
                cause=f"{http_status}:{told}",
            ),
            body,
        )
    return _answer(custom_id, body), body


def _is_success(status_code: Any) -> bool:
    if isinstance(status_code, str):
        # Some servers write it as a text.
        return len(status_code) == 3 and status_code.startswith("2")
    return isinstance(status_code, int) and 200 <= status_code < 300


def _decode(line: bytes) -> ResultLine:
    try:
        return _LINE.decode(line)
    except (ValueError, RecursionError):
        pass
    # NaN, broken UTF-8, lone surrogates and huge numbers are in the wild; Python's own reader takes them.
    try:
        return _LINE.decode(_encoded(_tolerant(line)))
    except ValueError as error:
        raise UnreadableLine(str(error)) from None


def _read_body(raw: bytes) -> Body | None:
    if raw == b"null":
        return None
    try:
        return _BODY.decode(raw)
    except ValueError:
        pass
    found = _tolerant(raw)
    if isinstance(found, str):
        # Some servers give the body as a JSON text inside a string.
        found = _tolerant(found.encode())
    return _BODY.decode(_encoded(found))


def _tolerant(raw: bytes) -> Any:
    # A program that saved the file anew may have put a byte order mark before its first line.
    found = json.loads(raw.decode("utf-8-sig", errors="replace"))
    return _strict(found)


def _encoded(found: Any) -> bytes:
    return json.dumps(found, ensure_ascii=False, allow_nan=False).encode()


def _strict(value: Any) -> Any:
    """The value as strict JSON has it: half surrogate pairs replaced, numbers that are none left out."""
    match value:
        case str():
            return _SURROGATES.sub("\ufffd", value)
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {_strict(key): _strict(entry) for key, entry in value.items()}
        case list():
            return [_strict(entry) for entry in value]
        case _:
            return value


def _error_of(error: Any) -> tuple[str, str]:
    """Code and text of an error, which may be an object, a text, or nothing."""
    if not error:
        return "", ""
    if isinstance(error, str):
        return "", error
    if isinstance(error, dict):
        inner = error.get("error")
        if isinstance(inner, dict | str) and inner:
            return _error_of(inner)
        if all(value is None for value in error.values()):
            return "", ""
        code, message = str(error.get("code") or ""), str(error.get("message") or "")
        return code, ": ".join(part for part in (code, message) if part) or json.dumps(error)[:200]
    return "", str(error)[:200]


def _refusal_text(status_code: Any, body: Body | None, error_text: str) -> str:
    if error_text:
        return error_text
    if body is not None:
        _, text = _error_of(body.error)
        if text:
            return f"{status_code}: {text}"
        if isinstance(body.message, str) and body.message:
            return f"{status_code}: {body.message}"
    if status_code == 0:
        return "status 0: the provider's own infrastructure failed"
    return f"status {status_code}"


def _answer(custom_id: str, body: Body | None) -> Result:
    if body is None:
        return _no_answer(custom_id, "the response has no body")
    prompt, completion = tokens_of(body)
    model = body.model if isinstance(body.model, str) else ""
    confidence: float | None = None
    cause = ""
    if body.choices:
        choice = body.choices[0]
        status, content, reason, cause = _read_choice(choice)
        confidence = share(choice.confidence)
    elif isinstance(body.output, list) or body.status == "failed":
        status, content, reason, cause = _read_responses_output(body)
    elif first_embedding(body) is not None:
        # Numbers are no text; who wants them asks for them.
        status, content, reason = RowStatus.OK, "", ""
    elif moderation := _first_moderation(body):
        status, content, reason = RowStatus.OK, moderation, ""
    elif _error_of(body.error)[1]:
        # Some gateways answer 200 and say inside that it failed.
        status, content, reason = RowStatus.ERROR, "", _refusal_text(200, body, "")
    else:
        status, content, reason = RowStatus.INVALID, "", "the response has no choices"
        cause = _NO_ANSWER_CAUSE
    return Result(custom_id, status, content, reason, model, prompt, completion, confidence, cause)


def _no_answer(custom_id: str, reason: str) -> Result:
    return Result(custom_id, RowStatus.INVALID, reason=reason, cause=_NO_ANSWER_CAUSE)


def _is_odd_choice(choice: Choice) -> bool:
    """Whether a choice without a text is none; a message whose content is null says nothing, in due form."""
    return choice.message is None or choice.message.content is not None


def _is_silent_output(output: list[Any]) -> bool:
    """Whether an output without a text has a message in due form, which says nothing."""
    return any(
        isinstance(item, dict) and item.get("type") == "message" and item.get("content") == []
        for item in output
    )


def _read_choice(choice: Choice) -> tuple[RowStatus, str, str, str]:
    """Status, content, reason and cause."""
    message = choice.message
    text = _text_of(message.content if message else choice.text)
    content = text or ""
    refusal = _refusal_of(message) if message else ""
    if refusal:
        return RowStatus.REFUSED, refusal, _with_words("the model refused", choice.error), ""
    word = choice.finish_reason
    # Where nothing is said, nothing is said to be wrong: the older completions, and simple servers.
    if word is not msgspec.UNSET:
        ending = ending_of(word, ENDINGS)
        if ending.status is not RowStatus.OK:
            return _bad_end(ending, word, choice.error, content)
    if not content and message and isinstance(message.tool_calls, list) and message.tool_calls:
        call = message.tool_calls[0]
        function = call.get("function") if isinstance(call, dict) else None
        arguments = function.get("arguments") if isinstance(function, dict) else None
        if isinstance(arguments, str):
            return RowStatus.OK, arguments, "", ""
    if text is None:
        cause = _NO_ANSWER_CAUSE if _is_odd_choice(choice) else ""
        return RowStatus.INVALID, "", "the answer has no content", cause
    return RowStatus.OK, content, "", ""


def _bad_end(
    ending: Ending, word: Any, error: Any, content: str, *, code: str = ""
) -> tuple[RowStatus, str, str, str]:
    """Of an answer that did not end well: status, content, reason with the provider's words, cause."""
    shown = "null" if word is None else word_of(word)
    says = ending.says if shown.lower() in _PLAIN_WORDS else f"{ending.says} ({shown})"
    cause = f"200:{code or shown.lower()}" if ending.status is RowStatus.ERROR else ""
    return ending.status, content, _with_words(says, error), cause


def _with_words(says: str, error: Any) -> str:
    """Our words, and the provider's own."""
    _, told = _error_of(error)
    return f"{says}: {told}" if told else says


def _read_responses_output(body: Body) -> tuple[RowStatus, str, str, str]:
    """Status, content, reason and cause."""
    said = _said(body)
    content = said.text or ""
    if said.refusal:
        return RowStatus.REFUSED, said.refusal, "the model refused", ""
    word = body.status
    if word is not msgspec.UNSET:
        ending = ending_of(word, RESPONSE_ENDINGS)
        code = ""
        if word == "incomplete" and isinstance(body.incomplete_details, dict):
            why = body.incomplete_details.get("reason")
            if why is not None:
                word, ending = why, ending_of(why, INCOMPLETE_ENDINGS)
        elif word == "failed":
            code = _error_of(body.error)[0]
            # A code that is not known keeps the sentence of `failed`, and is asked again if it is one that
            # passes (`core/retry.py`).
            ending = FAILURE_ENDINGS.get(code, ending)
        if ending.status is not RowStatus.OK:
            return _bad_end(ending, word, body.error, content, code=code)
    if said.is_commentary:
        return RowStatus.INVALID, content, "the answer is commentary only", ""
    if said.text is None:
        is_silent = isinstance(body.output, list) and _is_silent_output(body.output)
        return RowStatus.INVALID, "", "the answer has no content", "" if is_silent else _NO_ANSWER_CAUSE
    return RowStatus.OK, content, "", ""


class _Said(NamedTuple):
    """What the items of a response say: a text or None, a refusal, and whether it is no answer."""

    text: str | None
    refusal: str = ""
    is_commentary: bool = False


def _said(body: Body) -> _Said:
    """
    The answer among the items of a response.

    Several messages are not one text: parts of one belong together, messages do not. What the model says on
    the way, `commentary`, is none.

    Source:
        openai 3.57.0, `ResponseOutputMessage.phase`: "Labels an assistant message as intermediate commentary
        (`commentary`) or the final answer (`final_answer`)"; null where nobody says.
    """
    finals: list[str] = []
    commentaries: list[str] = []
    refusals: list[str] = []
    arguments: list[str] = []
    for item in body.output if isinstance(body.output, list) else []:
        if not isinstance(item, dict):
            continue
        if item.get("type") == "function_call" and isinstance(item.get("arguments"), str):
            arguments.append(item["arguments"])
        parts = item.get("content") if item.get("type") == "message" else None
        if not isinstance(parts, list):
            continue
        text = _text_of(parts)
        is_commentary = item.get("phase") == "commentary"
        if text is not None:
            (commentaries if is_commentary else finals).append(text)
        if not is_commentary:
            refusals += [
                part["refusal"]
                for part in parts
                if isinstance(part, dict) and isinstance(part.get("refusal"), str)
            ]
    refusal = "".join(refusals)
    for texts in (finals, arguments[:1]):
        if texts:
            return _Said(_one_of(texts), refusal)
    if commentaries:
        return _Said(_one_of(commentaries), refusal, is_commentary=not refusal)
    return _Said(None, refusal)


def _one_of(texts: Sequence[str]) -> str:
    """
    What several messages say: equal ones once, and the one that is JSON before those that are not.

    Of others none is left out: whoever reads them says that they differ.
    """
    different = list({text.strip(): text for text in reversed(texts)}.values())[::-1]
    if len(different) == 1:
        return different[0]
    objects = [text for text in different if _is_json(text)]
    return objects[0] if len(objects) == 1 else "\n\n".join(different)


def _is_json(text: str) -> bool:
    """Whether a text is a JSON object or list."""
    try:
        return isinstance(_ANY.decode(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _text_of(content: Any) -> str | None:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [
        part["text"]
        for part in parts
        if isinstance(part, dict) and isinstance(part.get("text"), str) and not _is_thought(part)
    ]
    return "".join(texts) if texts else None


def _is_thought(part: Mapping[str, Any]) -> bool:
    """Whether a part of a content is what the model thought, and not what it said."""
    kind = part.get("type")
    return part.get("thought") is True or (isinstance(kind, str) and kind in _THOUGHT_PARTS)


def tokens_of(body: Body | None) -> tuple[int | None, int | None]:
    """Tokens of the prompt and of the answer, as counted by the provider."""
    usage = body.usage if body is not None else None
    if usage is None:
        return None, None
    prompt = _first_int(usage.prompt_tokens, usage.input_tokens)
    return prompt, _first_int(usage.completion_tokens, usage.output_tokens)


def refusal_of(body: Body | None) -> str:
    """What the model said when it refused, or ""."""
    if body is None:
        return ""
    if body.choices:
        message = body.choices[0].message
        return _refusal_of(message) if message else ""
    return _said(body).refusal


def further_texts(body: Body | None) -> list[str]:
    """Texts of the second choice and those after it."""
    choices = body.choices[1:] if body and body.choices else []
    return [_read_choice(choice)[1] for choice in choices]


def first_embedding(body: Body) -> bytes | None:
    """The first embedding of an embeddings response: JSON of a list, or of a Base64 text; or None."""
    found = _first_of(body.data)
    embedding = found.get("embedding") if found else None
    if embedding is None:
        return None
    text = bytes(embedding)
    return text if text[:1] in (b"[", b'"') else None


def _first_moderation(body: Body) -> str:
    raw = _first_entry(body.results)
    return raw.decode() if raw.startswith(b"{") else ""


def _first_of(data: msgspec.Raw) -> dict[str, msgspec.Raw] | None:
    try:
        return _OBJECT.decode(_first_entry(data))
    except (ValueError, RecursionError):
        return None


def _first_entry(data: msgspec.Raw) -> bytes:
    """The first entry of a JSON list; b"" where there is none."""
    if not bytes(data).startswith(b"["):
        return b""
    try:
        entries = _LIST.decode(data)
    except (ValueError, RecursionError):
        return b""
    return bytes(entries[0]) if entries else b""


def share(value: Any) -> float | None:
    """The value if it is a number between 0 and 1, else None."""
    # NaN and numbers that no float can hold are not between 0 and 1 either.
    return float(value) if type(value) in (int, float) and 0 <= value <= 1 else None


def _refusal_of(message: Message) -> str:
    if isinstance(message.refusal, str):
        return message.refusal
    if not isinstance(message.content, list):
        return ""
    return "".join(
        part["refusal"]
        for part in message.content
        if isinstance(part, dict) and isinstance(part.get("refusal"), str)
    )


def _first_int(value: Any, other: Any) -> int | None:
    return value if is_count(value) else other if is_count(other) else None


def is_count(value: Any) -> TypeGuard[int]:
    """Whether it is a whole number that a column can hold."""
    # By type, as a bool is an int too.
    return type(value) is int and -_BEYOND_COLUMNS <= value < _BEYOND_COLUMNS
