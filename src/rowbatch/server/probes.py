"""
What another server ignores of a request: seen in the first answers of a batch, before the rest is asked.

Servers answer 200 and leave out what they don't know. What can be done about it is done: the schema goes into
the prompt, and the limit is given under its older name too. Others refuse a schema as the form of an answer:
then any object is asked for, as far as they have that. The first rows are rows of the batch, so looking costs
nothing but that the others wait for them.

Source:
    What transformers serve 5.17, Ollama, llama.cpp and gateways in front of them were seen to leave out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rowbatch.core.weaker_forms import (
    form_of,
    format_of,
    with_schema_in_prompt,
    with_weaker_form,
)
from rowbatch.server.chat_request import CHAT
from rowbatch.server.endpoint import objects
from rowbatch.server.engine import EngineReply
from rowbatch.server.responses import RESPONSES

PROBE_ROWS = 3
LEAST_ROWS = 20
"""A shorter batch is asked at once: it is over before there is anything to learn."""
_LONGEST_WAIT_S = 60.0
_SHORT_OF_TOKENS = "length"
REFUSED_FORM = "json_schema"
"""The one of `IGNORABLE` that is no silence but a refusal."""
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
        tried: What was asked for as it is, and answered.
    """

    url: str
    ignored: list[str] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)
    tried: set[str] = field(default_factory=set)
    _asked: int = 0
    _seen: int = 0
    _since: float = field(default_factory=time.monotonic)
    _is_needless: bool = False

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
        return told_of(self.ignored, self.mended)

    def asks(self, body: Mapping[str, Any]) -> None:
        """A row is asked."""
        self._asked += 1
        if self.url not in (CHAT.url, RESPONSES.url) or not _can_be_ignored(body):
            self._is_needless = True

    def learn(self, sent: Mapping[str, Any], reply: EngineReply, mended: Collection[str] = ()) -> bool:
        """
        Look at an answer.

        Args:
            sent: As it was asked.
            reply: What came.
            mended: What of it was asked in another way already.
        Returns:
            Whether the row is worth asking again, now with all that is `mended`.
        """
        self._seen += 1
        return self.look(sent, reply, mended)

    def look(self, sent: Mapping[str, Any], reply: EngineReply, mended: Collection[str] = ()) -> bool:
        """As `learn`, of a row that was asked again."""
        had_schema = "response_format" in mended or REFUSED_FORM in mended
        if REFUSED_FORM in mended:
            for names in (self.ignored, self.mended):
                if REFUSED_FORM not in names:
                    names.append(REFUSED_FORM)
        if not reply.is_answer:
            return False
        self.tried |= asked_for(sent)
        found = what_is_ignored(sent, reply.body)
        self.ignored += [name for name in found if name not in self.ignored]
        can = mendable(sent, found) - {*mended, *(("response_format",) if had_schema else ())}
        self.mended += [name for name in found if name in can and name not in self.mended]
        return bool(can)


def told_of(ignored: Sequence[str], mended: Collection[str]) -> dict[str, Any]:
    """What is ignored, what is done about it, and both in words, as a batch has it."""
    words = [_TEXTS[name] + (f"; {_MENDED[name]}" if name in mended else "") for name in ignored]
    return {
        "ignored_by_server": list(ignored),
        "mended": [name for name in ignored if name in mended],
        "warnings": words,
    }


def fitted(body: Mapping[str, Any], mended: Collection[str], weaker: int = 0) -> Mapping[str, Any]:
    """
    A body as a server understands it that ignores some of it.

    Args:
        body: As it should be asked.
        mended: What to ask in another way.
        weaker: How much weaker a form to ask for, as `with_weaker_form` has it.
    """
    found, names = with_weaker_form(body, weaker), mendable(body, mended)
    if found is body and "response_format" in names:
        found = with_schema_in_prompt(body)
    if "max_tokens" in names:
        found = {**found, "max_tokens": found["max_completion_tokens"]}
    return found


def mendable(body: Mapping[str, Any], names: Collection[str]) -> frozenset[str]:
    """Which of what is ignored can be asked of this body in another way."""
    found = {"response_format"} if format_of(body) is not None else set()
    if "max_completion_tokens" in body and "max_tokens" not in body:
        found.add("max_tokens")
    return frozenset(found.intersection(names))


def asked_for(body: Mapping[str, Any]) -> frozenset[str]:
    """What of a body can be ignored, by the names of `IGNORABLE`."""
    found = {name for name in ("stop", "logprobs") if body.get(name)}
    if "message.output_text.logprobs" in (body.get("include") or ()):
        found.add("logprobs")
    if format_of(body) is not None:
        found.add("response_format")
    if form_of(body) == REFUSED_FORM:
        found.add(REFUSED_FORM)
    if any(isinstance(body.get(name), int) for name in _LIMITS):
        found.add("max_tokens")
    wanted = body.get("n")
    return frozenset(found | ({"n"} if isinstance(wanted, int) and wanted > 1 else set()))


def what_is_ignored(body: Mapping[str, Any], answer: Mapping[str, Any]) -> list[str]:
    """
    What of a request its answer shows no trace of.

    Args:
        body: Of chat completions, or of responses.
        answer: A whole one, of any server.
    """
    found = []
    texts, is_cut, tokens, has_logprobs, count = _facts(answer)
    form = format_of(body)
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
    return format_of(body) is not None or any(body.get(name) for name in names)


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
