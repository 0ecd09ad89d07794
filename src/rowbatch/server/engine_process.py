"""
The process that holds the model: requests in on stdin, replies out on stdout, one JSON object a line.

It ends when stdin ends, so it never outlives the server, however that one died.
"""

from __future__ import annotations

import json
import os
import sys
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from rowbatch.server.local_model import (
    CONTEXT_TOKENS,
    MODEL_ID,
    check_local_model,
    verify,
)
from rowbatch.server.scoring import (
    CONTENT_FREE_TEXTS,
    METHOD,
    Choice,
    Token,
    calibrated,
    label_log_probabilities,
    single_choice,
)

DEFAULT_MAX_TOKENS = 512
_TOP_LOGPROBS = 400
_PASSED_ON = ("temperature", "top_p", "seed", "stop", "presence_penalty", "frequency_penalty")
_CALIBRATIONS_KEPT = 64

Reply = tuple[int, dict[str, Any]]


class RefusedRequest(Exception):
    """The request cannot be answered; becomes OpenAI's error body."""

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.message, self.code, self.param = message, code, param


class Model:
    """
    The model behind llama.cpp's server, in this process.

    One request at a time, in one slot. Four at once were no faster on two cores, and mixed their tokens
    in one calculation, whose rounding then depended on what else was asked: of 120 rows two got another
    label when a run was killed and resumed. What the model keeps of the instructions between rows is
    calculated by itself and whole, for the same reason.
    """

    def __init__(self, path: str) -> None:
        import xllamacpp

        parameters = xllamacpp.CommonParams()
        parameters.model.path = path
        parameters.n_parallel = 1
        parameters.n_ctx = CONTEXT_TOKENS
        threads = max(1, os.cpu_count() or 1)
        parameters.cpuparams.n_threads = threads
        parameters.cpuparams_batch.n_threads = threads
        # The prompt cache in RAM grows without bound; the slots' own prefix cache is enough.
        parameters.cache_ram_mib = 0
        parameters.verbosity = 0
        self._server = xllamacpp.Server(parameters)
        self._calibrations: OrderedDict[str, list[dict[str, float]]] = OrderedDict()
        self._kept = ""

    def complete(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """
        Answer one chat completion request.

        Raises:
            RefusedRequest: It cannot be answered.
        """
        messages = _text_messages(body.get("messages"))
        schema = _schema(body)
        choice = single_choice(schema)
        if choice is not None:
            return self._choose(messages, choice)
        request: dict[str, Any] = {
            "messages": messages,
            "max_tokens": body.get("max_completion_tokens") or body.get("max_tokens") or DEFAULT_MAX_TOKENS,
            "temperature": 0,
            **{name: body[name] for name in _PASSED_ON if body.get(name) is not None},
        }
        if body.get("response_format"):
            request["response_format"] = body["response_format"]
        self._keep_instructions(_with_text(messages, CONTENT_FREE_TEXTS[0]))
        answer = self._ask(request)
        entry = answer["choices"][0]
        message = {"role": "assistant", "content": entry["message"].get("content") or "", "refusal": None}
        return _completion(message, entry.get("finish_reason") or "stop", _usage(answer))

    def _choose(self, messages: list[dict[str, str]], choice: Choice) -> dict[str, Any]:
        usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        self._keep_instructions(_with_text(messages, CONTENT_FREE_TEXTS[0]))
        bias = self._calibration(messages, choice)
        scores = self._scores(messages, choice, usage)
        probabilities = calibrated(scores, bias)
        label = max(probabilities, key=lambda name: probabilities[name])
        content = json.dumps({choice.name: label} if choice.name else label, ensure_ascii=False)
        message = {"role": "assistant", "content": content, "refusal": None}
        completion = _completion(message, "stop", usage)
        # An extension of the protocol, which a client that does not know it leaves alone.
        completion["choices"][0]["confidence"] = round(probabilities[label], 6)
        completion["choices"][0]["rowbatch"] = {
            "method": METHOD,
            "demonstration": True,
            "probabilities": {name: round(value, 6) for name, value in probabilities.items()},
        }
        return completion

    def _calibration(self, messages: list[dict[str, str]], choice: Choice) -> list[dict[str, float]]:
        """The model's bias for these instructions: asked once, whatever the texts are."""
        key = json.dumps([_with_text(messages, ""), choice.name, choice.labels])
        if key in self._calibrations:
            self._calibrations.move_to_end(key)
            return self._calibrations[key]
        bias = [self._scores(_with_text(messages, text), choice, {}) for text in CONTENT_FREE_TEXTS]
        self._calibrations[key] = bias
        if len(self._calibrations) > _CALIBRATIONS_KEPT:
            self._calibrations.popitem(last=False)
        return bias

    def _keep_instructions(self, frame: list[dict[str, str]]) -> None:
        """Have the model keep what all rows of a job share, calculated whole and by itself."""
        key = json.dumps(frame)
        if key != self._kept:
            self._ask({"messages": frame, "max_tokens": 1, "temperature": 0, "cache_prompt": False})
            self._kept = key

    def _scores(
        self, messages: list[dict[str, str]], choice: Choice, usage: dict[str, int]
    ) -> dict[str, float]:
        def next_tokens(written: str) -> list[Token]:
            request = {
                "messages": [*messages, {"role": "assistant", "content": choice.cue + written}],
                "max_tokens": 1,
                "temperature": 0,
                "logprobs": True,
                "top_logprobs": _TOP_LOGPROBS,
            }
            answer = self._ask(request)
            tokens = _top_tokens(answer)
            if not tokens:
                # The text ended at once, and with it the probabilities.
                answer = self._ask({**request, "ignore_eos": True})
                tokens = _top_tokens(answer)
            for name, count in _usage(answer).items():
                usage[name] = usage.get(name, 0) + count
            return tokens

        return label_log_probabilities(choice.labels, next_tokens)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = self._server.handle_chat_completions(request)
        except ValueError as error:
            raise RefusedRequest(str(error)[:500]) from error
        if isinstance(answer, str | bytes):
            answer = json.loads(answer)
        if not isinstance(answer, dict):
            raise RefusedRequest("the model gave no answer")
        failure = answer.get("error")
        if failure:
            if failure.get("type") == "exceed_context_size_error":
                tokens = failure.get("n_prompt_tokens", "more")
                raise RefusedRequest(
                    f"This model's maximum context length is {CONTEXT_TOKENS} tokens. However, your messages "
                    f"resulted in {tokens} tokens. Please reduce the length of the messages.",
                    code="context_length_exceeded",
                    param="messages",
                )
            raise RefusedRequest(str(failure.get("message") or failure)[:500])
        return answer


def answer_line(model: Model, line: bytes) -> bytes:
    """One line of the protocol: `{"id", "body"}` in, `{"id", "status_code", "body"}` out."""
    request = json.loads(line)
    status, body = _reply(model, request["body"])
    reply = {"id": request["id"], "status_code": status, "body": body}
    return json.dumps(reply, ensure_ascii=False).encode() + b"\n"


def _reply(model: Model, body: Mapping[str, Any]) -> Reply:
    try:
        return 200, model.complete(body)
    except RefusedRequest as refusal:
        return 400, {
            "error": {
                "message": refusal.message,
                "type": "invalid_request_error",
                "param": refusal.param,
                "code": refusal.code,
            }
        }
    except Exception as error:  # noqa: BLE001 - one row's fault must not end the others
        return 500, {
            "error": {
                "message": f"{type(error).__name__}: {error}"[:500],
                "type": "server_error",
                "param": None,
                "code": None,
            }
        }


def main() -> None:
    """Load the model, say `{"ready": …}`, and answer until stdin ends."""
    # llama.cpp writes to stdout at will: the protocol keeps the real one for itself.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    found = check_local_model()
    verify(found)
    model = Model(str(found.path))

    def write(line: bytes) -> None:
        out.write(line)
        out.flush()

    write(json.dumps({"ready": MODEL_ID}).encode() + b"\n")
    for line in sys.stdin.buffer:
        if line.strip():
            write(answer_line(model, line))


def _text_messages(messages: Any) -> list[dict[str, str]]:
    if not isinstance(messages, list) or not messages:
        raise RefusedRequest("Missing required parameter: 'messages'.", param="messages")
    found = []
    for number, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise RefusedRequest(f"Invalid 'messages[{number}]'.", param=f"messages[{number}]")
        content = message.get("content")
        if isinstance(content, list):
            if not all(isinstance(part, dict) and part.get("type") == "text" for part in content):
                raise RefusedRequest("This model reads text only.", param=f"messages[{number}].content")
            content = "".join(str(part.get("text", "")) for part in content)
        if not isinstance(content, str):
            raise RefusedRequest(
                f"Invalid 'messages[{number}].content'.", param=f"messages[{number}].content"
            )
        found.append({"role": message["role"], "content": content})
    if not any(message["role"] == "user" for message in found):
        raise RefusedRequest("There is no user message.", param="messages")
    return found


def _with_text(messages: list[dict[str, str]], text: str) -> list[dict[str, str]]:
    """The same messages with another text in the last one of the user."""
    last = max(index for index, message in enumerate(messages) if message["role"] == "user")
    return [
        {**message, "content": text} if index == last else message for index, message in enumerate(messages)
    ]


def _schema(body: Mapping[str, Any]) -> object:
    form = body.get("response_format")
    if not isinstance(form, dict) or form.get("type") != "json_schema":
        return None
    inner = form.get("json_schema")
    return inner.get("schema") if isinstance(inner, dict) else None


def _top_tokens(answer: Mapping[str, Any]) -> list[Token]:
    content = (answer["choices"][0].get("logprobs") or {}).get("content") or []
    if not content:
        return []
    return [(entry["token"], entry["logprob"]) for entry in content[0].get("top_logprobs") or []]


def _usage(answer: Mapping[str, Any]) -> dict[str, int]:
    usage = answer.get("usage") or {}
    return {
        name: int(usage.get(name) or 0) for name in ("prompt_tokens", "completion_tokens", "total_tokens")
    }


def _completion(message: dict[str, Any], finish_reason: str, usage: dict[str, int]) -> dict[str, Any]:
    return {
        "object": "chat.completion",
        "model": MODEL_ID,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}],
        "usage": usage,
    }


if __name__ == "__main__":
    main()
