"""
One line of a batch file, looked at before money is spent.

Sources:
    OpenAI Batch guide, "Preparing your batch file"; the codes of failed batches as recorded by others; the
    limits of other providers from their documentation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rowbatch.core.endpoint import Endpoint
from rowbatch.core.line_dialect import request_dialect
from rowbatch.core.lint_dialects import anthropic_problems, gemini_problems, mistral_problems
from rowbatch.core.problem import FileState, Problem, missing, note_model
from rowbatch.core.strict_schema import strict_problems

OPENAI_URLS = (
    "/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/completions", "/v1/moderations",
    "/v1/images/generations", "/v1/images/edits", "/v1/videos",
)  # fmt: skip
"""What OpenAI's batches take, and those of most who speak its protocol."""
_TITLES = {"openai": "OpenAI's", "anthropic": "Anthropic's", "gemini": "Gemini's", "mistral": "Mistral's"}
_BEHIND_VERSION = re.compile(r"(?:/v[0-9]+)?(?:/[a-z]+){1,2}")
_BY_DIALECT = {
    "anthropic": anthropic_problems,
    "gemini": gemini_problems,
    "mistral": mistral_problems,
}
_SAFE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PARTS = (
    "text", "image_url", "input_audio", "file", "refusal", "input_text", "input_image", "input_file",
    "output_text",
)  # fmt: skip
_LINE_ENDS = re.compile("[\u0085\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class LineRules:
    """
    What a provider takes in a line.

    Attributes:
        title: Of the provider, for people.
        dialect: Whose form its lines have.
        urls: Which it takes, where lines have one; () means any that some provider takes.
    """

    title: str = "OpenAI"
    dialect: str = "openai"
    urls: tuple[str, ...] = OPENAI_URLS


class DuplicateKey(ValueError):
    """A key stands twice in an object."""


def parse_line(line: bytes) -> Any:
    """
    Read a line as strict JSON.

    Raises:
        ValueError: It is none, with the reason; a key that stands twice is one.
        RecursionError: It is nested too deeply.
    """
    return json.loads(line.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise DuplicateKey(f"the key {double!r} stands twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def line_problems(
    line: bytes, number: int, state: FileState, rules: LineRules
) -> tuple[Iterator[Problem] | list[Problem], Any]:
    """
    Look at one line.

    Args:
        line: Its bytes, with the line end.
        number: From 1.
        state: Of the file; the line is added to it.
        rules: Of the provider.
    Returns:
        What is wrong, and the request, or None when it cannot be read.
    """
    problems = list(_byte_problems(line, number))
    text = line.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n")
    if not text.strip():
        return [*problems, Problem(number, "blank_line", "the line is empty", is_fixable=True)], None
    try:
        found = parse_line(text)
    except UnicodeDecodeError as error:
        problems.append(Problem(number, "invalid_json_line", f"byte {error.start + 1:,} is not UTF-8"))
        return problems, None
    except json.JSONDecodeError as error:
        problems.append(Problem(number, "invalid_json_line", f"column {error.colno:,}: {error.msg}"))
        return problems, None
    except (ValueError, RecursionError) as error:
        problems.append(Problem(number, "invalid_json_line", str(error) or "nested too deeply"))
        return problems, None
    if not isinstance(found, dict):
        problems.append(Problem(number, "invalid_json_line", "the line is no JSON object"))
        return problems, None
    problems += _request_problems(found, number, state, rules)
    return problems, found


def _byte_problems(line: bytes, number: int) -> Iterator[Problem]:
    if line.startswith(b"\xef\xbb\xbf"):
        yield Problem(number, "byte_order_mark", "a byte order mark, which Azure refuses", "warning", True)
    if line.endswith(b"\r\n"):
        yield Problem(number, "carriage_return", "the line ends with CR LF", "warning", True)
    elif not line.endswith(b"\n"):
        yield Problem(number, "no_line_end", "the last line has no end", "warning", True)


def _request_problems(
    request: Mapping[str, Any], number: int, state: FileState, rules: LineRules
) -> Iterator[Problem]:
    whose = request_dialect(request)
    # Mistral's form is OpenAI's with less; what is lacking or too much is said.
    is_near = {whose, rules.dialect} == {"openai", "mistral"}
    if whose is not None and whose != rules.dialect and not is_near:
        message = f"the line has {_TITLES[whose]} form, and {rules.title} takes {_TITLES[rules.dialect]}"
        yield Problem(number, "form_of_another_provider", message)
        return
    problems_of = _BY_DIALECT.get(rules.dialect)
    if problems_of is not None:
        yield from problems_of(request, number, state)
        if _has_lone_surrogate(request):
            yield Problem(number, "lone_surrogate", "a text has half of a surrogate pair in it")
        return
    yield from _id_problems(request, number)
    yield from _method_problems(request.get("method"), number)
    url, body = request.get("url"), request.get("body")
    yield from _url_problems(url, number, state, rules)
    if body is None:
        yield missing(number, "body")
    elif not isinstance(body, dict):
        yield Problem(number, "invalid_type", "body is no object")
    else:
        yield from _body_problems(body, number, str(url), state)
    strange = sorted(set(request) - {"custom_id", "method", "url", "body"})
    if strange:
        yield Problem(number, "unknown_parameter", f"nobody knows {', '.join(strange[:3])}", "warning")


def _id_problems(request: Mapping[str, Any], number: int) -> Iterator[Problem]:
    custom_id = request.get("custom_id")
    if "custom_id" not in request:
        yield missing(number, "custom_id")
    elif not isinstance(custom_id, str) or not custom_id:
        yield Problem(number, "invalid_type", "custom_id is no text, or empty")
    elif not _SAFE_ID.fullmatch(custom_id):
        yield Problem(
            number,
            "custom_id_form",
            f"custom_id {custom_id[:40]!r}: 1 to 64 letters, digits, _ and - are taken everywhere",
            "warning",
        )


def _method_problems(method: object, number: int) -> Iterator[Problem]:
    if method is None:
        message = "Missing required parameter: 'method'."
        yield Problem(number, "missing_required_parameter", message, is_fixable=True)
    elif method != "POST":
        fixable = isinstance(method, str) and method.upper() == "POST"
        message = f"method {str(method)[:20]!r} is not 'POST'"
        yield Problem(number, "invalid_method", message, is_fixable=fixable)


def _url_problems(url: object, number: int, state: FileState, rules: LineRules) -> Iterator[Problem]:
    if url is None:
        yield missing(number, "url")
        return
    is_known = url in rules.urls if rules.urls else _BEHIND_VERSION.fullmatch(str(url)) is not None
    if not isinstance(url, str) or not is_known:
        message = f"url {str(url)[:80]!r} is no endpoint of batches of {rules.title}"
        near = next((known for known in rules.urls if known.endswith(_without_version(str(url)))), None)
        yield Problem(number, "invalid_url", message + (f"; there it is {near}" if near else ""))
    elif state.url is None:
        state.url = url
    elif url != state.url:
        yield Problem(number, "invalid_url", f"url {url} differs from {state.url} of the first request")
    if isinstance(url, str):
        state.urls[url] = state.urls.get(url, 0) + 1


def _without_version(url: str) -> str:
    return "/" + re.sub(r"\A(?:/?v[0-9]+)?/?", "", url)


def _body_problems(body: Mapping[str, Any], number: int, url: str, state: FileState) -> Iterator[Problem]:
    yield from _model_problems(body.get("model"), number, state)
    if body.get("stream"):
        yield Problem(number, "streaming_unsupported", "stream is not taken in a batch", is_fixable=True)
    if url.endswith("/chat/completions"):
        yield from _message_problems(body.get("messages"), "messages", number)
    elif url.endswith(("/responses", "/embeddings", "/moderations")):
        said = body.get("input")
        if said in (None, "", []) and not body.get("prompt"):
            yield missing(number, "body.input")
        elif isinstance(said, list) and url.endswith("/responses"):
            yield from _message_problems(said, "input", number)
    for place, name, schema, strict in _schemas(body):
        if strict:
            for problem in strict_problems(schema, name)[:5]:
                yield Problem(number, "invalid_schema", f"{place}.{problem}")
    if _has_lone_surrogate(body):
        yield Problem(number, "lone_surrogate", "a text has half of a surrogate pair in it")


def _model_problems(model: object, number: int, state: FileState) -> Iterator[Problem]:
    if not isinstance(model, str) or not model:
        yield Problem(number, "missing_required_parameter", "Missing required parameter: 'body.model'.")
        return
    note_model(model, state)
    if state.model is None:
        state.model = model
    elif model != state.model:
        message = f"model {model!r} differs from {state.model!r} of the first"
        yield Problem(number, "mismatched_model", message)


def _message_problems(messages: object, place: str, number: int) -> Iterator[Problem]:
    if not isinstance(messages, list) or not messages:
        yield missing(number, f"body.{place}")
        return
    empty = True
    for position, message in enumerate(messages):
        if not isinstance(message, dict):
            yield Problem(number, "invalid_type", f"{place}[{position}] is no object")
            continue
        if place == "messages" and not isinstance(message.get("role"), str):
            yield missing(number, f"body.{place}[{position}].role")
        content = message.get("content")
        parts = content if isinstance(content, list) else []
        for part in parts:
            kind = part.get("type") if isinstance(part, dict) else None
            if kind not in _PARTS:
                yield Problem(
                    number, "invalid_value", f"{place}[{position}]: a part of the type {str(kind)[:40]!r}"
                )
        if content or message.get("tool_calls") or message.get("type"):
            empty = empty and message.get("role") in ("system", "developer")
    if empty:
        yield Problem(number, "empty_message", "the user says nothing", "warning")


def _schemas(body: Mapping[str, Any]) -> Iterator[tuple[str, str | None, object, bool]]:
    form = body.get("response_format")
    if isinstance(form, Mapping) and form.get("type") == "json_schema":
        inner = form.get("json_schema")
        inner = inner if isinstance(inner, Mapping) else {}
        yield "response_format", _text(inner.get("name")), inner.get("schema"), bool(inner.get("strict"))
    text = body.get("text")
    form = text.get("format") if isinstance(text, Mapping) else None
    if isinstance(form, Mapping) and form.get("type") == "json_schema":
        yield "text.format", _text(form.get("name")), form.get("schema"), bool(form.get("strict"))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else ""


def _has_lone_surrogate(value: object) -> bool:
    match value:
        case str():
            return not value.isascii() and _SURROGATES.search(value) is not None
        case dict():
            return any(_has_lone_surrogate(entry) for entry in value.values())
        case list():
            return any(_has_lone_surrogate(entry) for entry in value)
        case _:
            return False


def endpoint_of(url: str | None) -> Endpoint | None:
    """The endpoint that a url means, or None for one without rules of ours."""
    return next((endpoint for endpoint in Endpoint if url and url.endswith(str(endpoint)[3:])), None)


def mended_line(line: bytes, problems: Sequence[Problem]) -> bytes | None:
    """
    The line with what is fixable put right; None when it goes. Texts and ids stay as they are.

    Args:
        line: Its bytes.
        problems: What was found in it.
    """
    codes = {problem.code for problem in problems if problem.is_fixable}
    if "blank_line" in codes:
        return None
    text = line.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n")
    if codes & {"missing_required_parameter", "invalid_method", "streaming_unsupported"}:
        request = json.loads(text)
        ordered = {"custom_id": request.pop("custom_id", None)} if "custom_id" in request else {}
        request.pop("method", None)
        ordered |= {"method": "POST", **request}
        if isinstance(ordered.get("body"), dict) and "streaming_unsupported" in codes:
            for name in ("stream", "stream_options"):
                ordered["body"].pop(name, None)
        text = json.dumps(ordered, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    if "line_separator" in codes:
        text = _LINE_ENDS.sub(lambda found: f"\\u{ord(found.group()):04x}", text.decode()).encode()
    return text + b"\n"


def has_line_separator(line: bytes) -> bool:
    """Whether a line has characters in it that some programs take for its end."""
    return b"\xe2\x80\xa8" in line or b"\xe2\x80\xa9" in line or b"\xc2\x85" in line
