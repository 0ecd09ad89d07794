"""
What another server ignores of a request: seen in the first answers of a batch, before the rest is asked.

Servers answer 200 and leave out what they don't know. What can be done about it is done: the schema goes into
the prompt, and the limit is given under its older name too. Others refuse a schema as the form of an answer:
then any object is asked for, as far as they have that. The first rows are rows of the batch, so looking costs
nothing but that the others wait for them.

Source:
    What transformers serve 5.17, Ollama, llama.cpp and gateways in front of them were seen to leave out.
    DeepSeek refuses `json_schema`: 400, "This response_format type is unavailable now"; so does the server of
    llama-cpp-python, with 422, whose form is `json_object` with a field `schema` (`llama_types.py`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rowbatch.server.chat_request import CHAT
from rowbatch.server.endpoint import objects
from rowbatch.server.engine import EngineReply
from rowbatch.server.responses import RESPONSES

PROBE_ROWS = 3
LEAST_ROWS = 20
"""A shorter batch is asked at once: it is over before there is anything to learn."""
_LONGEST_WAIT_S = 60.0
_FORMATS = ("json_schema", "json_object")
_SHORT_OF_TOKENS = "length"
_REFUSALS = (400, 404, 415, 422, 501)
_NAMES_OF_FORMS = ("response_format", "json_schema", "text.format")
_OWN_FAULTS = ("invalid schema", "invalid_json_schema")
"""A schema that is none is refused by who knows schemas: it is no gain to ask without."""
_TEXTS = {
    "response_format": "the form of the answer (response_format) is ignored: answers don't fit the schema",
    "json_schema": "a schema as the form of the answer (response_format: json_schema) is refused",
    "max_tokens": "the limit of tokens is ignored: answers are longer",
    "stop": "'stop' is ignored: answers go on behind it",
    "logprobs": "'logprobs' is ignored: answers have no probabilities",
    "n": "'n' is ignored: there are fewer answers than asked for",
    "content": "answers are empty: is the prompt longer than the model can read?",
}
_MENDED = {
    "response_format": "the schema is put into the prompt",
    "json_schema": "a weaker form is asked for, and the schema is put into the prompt",
    "max_tokens": "the limit is given as max_tokens too",
}


@dataclass(slots=True)
class Probe:
    """
    The first rows of a batch.

    Attributes:
        url: Of the endpoint.
        ignored: What was seen to be ignored, by the names of `IGNORABLE`.
        mended: That of it which is asked in another way since.
    """

    url: str
    ignored: list[str] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)
    _asked: int = 0
    _seen: int = 0
    _since: float = field(default_factory=time.monotonic)
    _is_needless: bool = False
    _weaker: int = 0
    """How much weaker a form is asked for: 1 is any object, 2 is none; the schema is in the prompt then."""

    def is_over(self) -> bool:
        """Whether nothing more is to be learned."""
        return self._is_needless or self._seen >= PROBE_ROWS

    @property
    def is_full(self) -> bool:
        """Whether further rows should wait. A first answer that takes very long holds up none."""
        has_time = time.monotonic() - self._since < _LONGEST_WAIT_S
        return not self.is_over() and self._asked >= PROBE_ROWS and has_time

    @property
    def report(self) -> dict[str, Any]:
        """For the batch: what is ignored, what is done about it, and both in words."""
        words = [
            _TEXTS[name] + (f"; {_MENDED[name]}" if name in self.mended else "") for name in self.ignored
        ]
        return {"ignored_by_server": self.ignored, "mended": self.mended, "warnings": words}

    def asks(self, body: Mapping[str, Any]) -> None:
        """A row is asked."""
        self._asked += 1
        if self.url not in (CHAT.url, RESPONSES.url) or not _can_be_ignored(body):
            self._is_needless = True

    def learn(self, body: Mapping[str, Any], reply: EngineReply) -> bool:
        """
        Look at an answer.

        Args:
            body: As it was asked.
            reply: What came.
        Returns:
            Whether the row is worth asking again, now as `fitted` has it.
        """
        self._seen += 1
        return self.look(body, reply)

    def look(self, body: Mapping[str, Any], reply: EngineReply) -> bool:
        """As `learn`, of a row that was asked again."""
        if not reply.is_answer:
            return self._asks_for_less(body, reply)
        found = what_is_ignored(body, reply.body)
        self.ignored += [name for name in found if name not in self.ignored]
        new = [name for name in found if _can_be_mended(name, body) and name not in self.mended]
        self.mended += new
        return bool(new) or any(name in self.mended and self.fitted(body) != body for name in found)

    def _asks_for_less(self, body: Mapping[str, Any], reply: EngineReply) -> bool:
        """Whether the form was refused, and a weaker one is asked for from here on."""
        form = _form(body)
        strength = _FORMS_BY_STRENGTH.index(form) if form in _FORMS_BY_STRENGTH else None
        if strength is None or (strength and not self._weaker) or not _refuses_form(reply):
            return False
        # Others may have been refused meanwhile, in the same form.
        self._weaker = max(self._weaker, strength + 1)
        for names in (self.ignored, self.mended):
            if "json_schema" not in names:
                names.append("json_schema")
        return True

    def fitted(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """A body as this server understands it."""
        if not self.mended:
            return body
        found = dict(body)
        if "response_format" in self.mended or self._weaker:
            found = _with_schema_in_prompt(found)
        if self._weaker and _form(body) == "json_schema":
            found = _with_weaker_form(found, self._weaker)
        if "max_tokens" in self.mended and "max_completion_tokens" in found:
            found["max_tokens"] = found["max_completion_tokens"]
        return found


def what_is_ignored(body: Mapping[str, Any], answer: Mapping[str, Any]) -> list[str]:
    """
    What of a request its answer shows no trace of.

    Args:
        body: Of chat completions, or of responses.
        answer: A whole one, of any server.
    """
    found = []
    texts, is_cut, tokens, has_logprobs, count = _facts(answer)
    form = _format(body)
    if form is not None and not is_cut and any(text and not _fits(text, form) for text in texts):
        found.append("response_format")
    limit = next((body[name] for name in _LIMITS if isinstance(body.get(name), int)), None)
    # Some count the sign of the end as well.
    if limit is not None and tokens > limit + 1:
        found.append("max_tokens")
    stops = body.get("stop")
    stops = [stops] if isinstance(stops, str) else stops if isinstance(stops, list) else []
    if any(isinstance(stop, str) and stop and stop in text for stop in stops for text in texts if text):
        found.append("stop")
    wants = body.get("logprobs") is True or "message.output_text.logprobs" in (body.get("include") or ())
    if wants and not has_logprobs:
        found.append("logprobs")
    wanted = body.get("n")
    if isinstance(wanted, int) and count < wanted:
        found.append("n")
    if not is_cut and all(text == "" for text in texts):
        found.append("content")
    return found


_LIMITS = ("max_completion_tokens", "max_tokens", "max_output_tokens")


def _can_be_ignored(body: Mapping[str, Any]) -> bool:
    names = ("stop", "logprobs", "n", *_LIMITS)
    return _format(body) is not None or any(body.get(name) for name in names)


def _can_be_mended(name: str, body: Mapping[str, Any]) -> bool:
    if name == "response_format":
        return True
    return name == "max_tokens" and "max_completion_tokens" in body and "max_tokens" not in body


_FORMS_BY_STRENGTH = ("json_schema", "json_object")


def _form(body: Mapping[str, Any]) -> str | None:
    """The type of the form that is asked for; None for a text."""
    text = body.get("text")
    form = body.get("response_format") or (text.get("format") if isinstance(text, Mapping) else None)
    kind = form.get("type") if isinstance(form, Mapping) else None
    return kind if isinstance(kind, str) else None


def _refuses_form(reply: EngineReply) -> bool:
    """Whether a refusal is about the form of the answer, by what it names."""
    told = json.dumps(reply.body).lower()
    is_own = any(name in told for name in _OWN_FAULTS)
    return reply.status_code in _REFUSALS and not is_own and any(name in told for name in _NAMES_OF_FORMS)


def _with_weaker_form(body: dict[str, Any], weaker: int) -> dict[str, Any]:
    """Any object in place of a schema, with that beside it for those who read it there; or a text."""
    schema = (_format(body) or {}).get("schema")
    form = {"type": "json_object", **({"schema": schema} if isinstance(schema, Mapping) else {})}
    found = {name: value for name, value in body.items() if name != "response_format"}
    if "response_format" in body:
        return {**found, "response_format": form} if weaker == 1 else found
    text = {name: value for name, value in body["text"].items() if name != "format"}
    return {**found, "text": {**text, "format": form} if weaker == 1 else text}


def _format(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The form that is asked for: `type`, and `schema` where there is one; None for a text."""
    text = body.get("text")
    form = body.get("response_format") or (text.get("format") if isinstance(text, Mapping) else None)
    if not isinstance(form, Mapping) or form.get("type") not in _FORMATS:
        return None
    inner = form.get("json_schema")
    return inner if isinstance(inner, Mapping) else form


def _facts(answer: Mapping[str, Any]) -> tuple[list[str | None], bool, int, bool, int]:
    """The texts of an answer, whether it was cut, its tokens, whether it has probabilities, how many."""
    usage = answer.get("usage")
    counted = usage if isinstance(usage, Mapping) else {}
    tokens = counted.get("completion_tokens", counted.get("output_tokens"))
    details = counted.get("completion_tokens_details", counted.get("output_tokens_details"))
    thought = details.get("reasoning_tokens") if isinstance(details, Mapping) else 0
    written = (tokens if isinstance(tokens, int) else 0) - (thought if isinstance(thought, int) else 0)
    parts = list(_parts(answer))
    texts = [text for text, _ in parts]
    cut = answer.get("status") == "incomplete" or any(
        entry.get("finish_reason") == _SHORT_OF_TOKENS for entry in objects(answer.get("choices"))
    )
    return texts, cut, written, any(has for _, has in parts), len(parts)


def _parts(answer: Mapping[str, Any]) -> Iterator[tuple[str | None, bool]]:
    """Each answer's text, None where it refuses or calls a tool, and whether it has probabilities."""
    for entry in objects(answer.get("choices")):
        message = entry.get("message")
        message = message if isinstance(message, Mapping) else {}
        content = message.get("content")
        is_other = message.get("tool_calls") or message.get("refusal")
        logprobs = entry.get("logprobs")
        yield None if is_other else str(content or ""), isinstance(logprobs, Mapping) and bool(logprobs)
    for item in objects(answer.get("output")):
        for part in objects(item.get("content")):
            text = str(part.get("text") or "") if part.get("type") == "output_text" else None
            yield text, bool(part.get("logprobs"))


def _fits(text: str, form: Mapping[str, Any]) -> bool:
    """Whether a text is JSON of the form, as far as its outermost level goes."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    schema = form.get("schema")
    if not isinstance(schema, Mapping):
        return True
    if schema.get("type") == "object" and not isinstance(found, dict):
        return False
    properties = schema.get("properties")
    if not isinstance(found, dict) or not isinstance(properties, Mapping):
        return True
    if any(name not in found for name in schema.get("required") or ()):
        return False
    listed = {name: inner["enum"] for name, inner in properties.items() if _is_listed(inner)}
    return all(found[name] in listed[name] for name in listed.keys() & found.keys())


def _is_listed(inner: object) -> bool:
    return isinstance(inner, Mapping) and isinstance(inner.get("enum"), list)


def _with_schema_in_prompt(body: dict[str, Any]) -> dict[str, Any]:
    form = _format(body)
    if form is None:
        return body
    told = "Answer with a JSON object only, without any other word and without a fence around it."
    if isinstance(form.get("schema"), Mapping):
        told += f" It must fit this JSON schema: {json.dumps(form['schema'], ensure_ascii=False)}"
    if "messages" not in body:
        known = body.get("instructions")
        return {**body, "instructions": f"{known}\n\n{told}" if known else told}
    messages = list(body["messages"])
    first = messages[0] if messages and isinstance(messages[0], Mapping) else {}
    if first.get("role") in ("system", "developer") and isinstance(first.get("content"), str):
        messages[0] = {**first, "content": f"{first['content']}\n\n{told}"}
    else:
        messages.insert(0, {"role": "system", "content": told})
    return {**body, "messages": messages}
