"""
The form of an answer for servers that know no schemas: any object, or none, with the schema in the prompt.

Source:
    DeepSeek refuses `json_schema`: 400, "This response_format type is unavailable now"; so does the server of
    llama-cpp-python, with 422, whose form is `json_object` with a field `schema` (`llama_types.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_FORMS_BY_STRENGTH = ("json_schema", "json_object")
_REFUSALS = (400, 404, 415, 422, 501)
_NAMES_OF_FORMS = ("response_format", "json_schema", "text.format")
_OWN_FAULTS = ("invalid schema", "invalid_json_schema")
"""A schema that is none is refused by who knows schemas: it is no gain to ask without."""
_OF_ONE_TEXT = ("context_length_exceeded", "string_above_max_length", "content_filter", "content_policy")
"""A refusal of a text may quote what was asked, and with that the form."""
_ANSWERS_THAT_SHOW = 3


@dataclass(slots=True)
class KnownForm:
    """
    How the next row is to be asked, by what was answered: a refusal may be about its own row, but who answers
    a weaker form and never the schema takes no schemas.

    Attributes:
        weaker: As of `weaker_after`.
    """

    weaker: int = 0
    _is_taken: bool = False
    _in_a_row: int = 0

    def answered(self, weaker: int) -> None:
        """
        A row was answered.

        Args:
            weaker: How much weaker a form it was asked for; 0 is the schema.
        """
        if not weaker:
            # Who took a schema takes others, unless several rows one after the other say otherwise.
            self.weaker, self._is_taken, self._in_a_row = 0, True, 0
            return
        self._in_a_row += 1
        if not self._is_taken or self._in_a_row >= _ANSWERS_THAT_SHOW:
            self.weaker = max(self.weaker, weaker)


def form_of(body: Mapping[str, Any]) -> str | None:
    """The type of the form that is asked for; None for a text."""
    text = body.get("text")
    form = body.get("response_format") or (text.get("format") if isinstance(text, Mapping) else None)
    kind = form.get("type") if isinstance(form, Mapping) else None
    return kind if isinstance(kind, str) else None


def format_of(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The form that is asked for: `type`, and `schema` where there is one; None for a text."""
    text = body.get("text")
    form = body.get("response_format") or (text.get("format") if isinstance(text, Mapping) else None)
    if not isinstance(form, Mapping) or form.get("type") not in _FORMS_BY_STRENGTH:
        return None
    inner = form.get("json_schema")
    return inner if isinstance(inner, Mapping) else form


def weaker_after(
    wanted: Mapping[str, Any], sent: Mapping[str, Any], weaker: int, status: int | None, told: str
) -> int | None:
    """
    How much weaker a form to ask for, after a refusal. A refusal costs nothing, so it is no second asking.

    Args:
        wanted: A body as it should be asked.
        sent: The same as it was.
        weaker: How much weaker others are asked by now: some may have been refused in the meantime.
        status: Of the refusal, as HTTP has them.
        told: All that it says.
    Returns:
        1 is any object, 2 is no form; None where the refusal is about something else, or nothing is weaker.
    """
    form = form_of(sent)
    strength = _FORMS_BY_STRENGTH.index(form) if form in _FORMS_BY_STRENGTH else None
    if strength is None or form_of(wanted) != "json_schema" or not _refuses_form(status, told):
        return None
    return max(weaker, strength + 1)


def with_weaker_form(body: Mapping[str, Any], weaker: int) -> Mapping[str, Any]:
    """
    A body that asks for any object in place of a schema, with that beside it for those who read it there; or
    for a text. The schema is in the prompt.

    Args:
        body: Of chat completions, or of responses; what asks for no schema stays as it is.
        weaker: As of `weaker_after`; 0 is as it is.
    """
    if not weaker or form_of(body) != "json_schema":
        return body
    told = with_schema_in_prompt(body)
    schema = (format_of(body) or {}).get("schema")
    form = {"type": "json_object", **({"schema": schema} if isinstance(schema, Mapping) else {})}
    found = {name: value for name, value in told.items() if name != "response_format"}
    if body.get("response_format"):
        return {**found, "response_format": form} if weaker == 1 else found
    text = {name: value for name, value in body["text"].items() if name != "format"}
    return {**found, "text": {**text, "format": form} if weaker == 1 else text}


def with_schema_in_prompt(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """A body whose prompt says too which form the answer is to have; as it is where it asks for none."""
    form = format_of(body)
    if form is None:
        return body
    told = "Answer with a JSON object only, without any other word and without a fence around it."
    if isinstance(form.get("schema"), Mapping):
        told += f" It must fit this JSON schema: {json.dumps(form['schema'], ensure_ascii=False)}"
    if "messages" not in body:
        known = body.get("instructions")
        return {**body, "instructions": f"{known}\n\n{told}" if known else told}
    if not isinstance(body["messages"], list):
        return body
    messages = list(body["messages"])
    first = messages[0] if messages and isinstance(messages[0], Mapping) else {}
    if first.get("role") in ("system", "developer") and isinstance(first.get("content"), str):
        messages[0] = {**first, "content": f"{first['content']}\n\n{told}"}
    else:
        messages.insert(0, {"role": "system", "content": told})
    return {**body, "messages": messages}


def _refuses_form(status: int | None, told: str) -> bool:
    """Whether a refusal is about the form of the answer, by what it names."""
    said = told.lower()
    is_own = any(name in said for name in (*_OWN_FAULTS, *_OF_ONE_TEXT))
    return status in _REFUSALS and not is_own and any(name in said for name in _NAMES_OF_FORMS)
