"""
The process that holds the model: requests in on stdin, replies out on stdout, one JSON object a line.

It ends when stdin ends, so it never outlives the server, however that one died.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from rowbatch.errors import LocalModelError
from rowbatch.server.endpoint import RefusedRequest
from rowbatch.server.endpoints import ENDPOINTS
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
    is_decided,
    label_log_probabilities,
)

DEFAULT_MAX_TOKENS = 512
_TOP_LOGPROBS = 2000
_PASSED_ON = (
    "temperature",
    "top_p",
    "seed",
    "stop",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
)
_CALIBRATIONS_KEPT = 64
_ALL_TOKENS = 1_000_000

Reply = tuple[int, dict[str, Any]]


class Model:
    """
    The model behind llama.cpp's server, in this process.

    One request at a time, in one slot. Four at once were no faster on two cores, and mixed their tokens
    in one calculation, whose rounding then depended on what else was asked: of 120 rows two got another
    label when a run was killed and resumed. Flash attention is off for the same reason: it rounds
    otherwise when the beginning of a prompt is known from the one before (label log probabilities of long
    texts moved by up to 0.3).
    """

    def __init__(self, path: str) -> None:
        import xllamacpp

        parameters = xllamacpp.CommonParams()
        parameters.model.path = path
        parameters.n_parallel = 1
        parameters.n_ctx = CONTEXT_TOKENS
        parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        threads = max(1, os.cpu_count() or 1)
        parameters.cpuparams.n_threads = threads
        parameters.cpuparams_batch.n_threads = threads
        # The prompt cache in RAM grows without bound; the slots' own prefix cache is enough.
        parameters.cache_ram_mib = 0
        parameters.verbosity = 0
        self._server = xllamacpp.Server(parameters)
        self._calibrations: OrderedDict[str, list[dict[str, float]]] = OrderedDict()
        self._vocabulary: frozenset[bytes] = frozenset()

    def generate(self, body: Mapping[str, Any], messages: list[dict[str, str]]) -> dict[str, Any]:
        """A completion whose text the model writes."""
        request: dict[str, Any] = {
            "messages": messages,
            "max_tokens": body.get("max_completion_tokens") or body.get("max_tokens") or DEFAULT_MAX_TOKENS,
            "temperature": 0,
            **{name: body[name] for name in _PASSED_ON if body.get(name) is not None},
        }
        if body.get("response_format"):
            request["response_format"] = body["response_format"]
        answer = self._ask(request)
        entry = answer["choices"][0]
        message = {"role": "assistant", "content": entry["message"].get("content") or "", "refusal": None}
        completion = _completion(message, entry.get("finish_reason") or "stop", _usage(answer))
        if body.get("logprobs"):
            completion["choices"][0]["logprobs"] = entry.get("logprobs")
        return completion

    def choose(self, messages: list[dict[str, str]], choice: Choice) -> dict[str, Any] | None:
        """The label by calibrated scoring; None when the model sees no difference between the labels."""
        usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        probabilities = self.probabilities(messages, choice, usage)
        if probabilities is None:
            return None
        label = max(probabilities, key=lambda name: probabilities[name])
        answer = {choice.name: label} if choice.name else label
        content = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
        completion = self.complete(content, usage, is_whole=True)
        # An extension of the protocol, which a client that does not know it leaves alone.
        completion["choices"][0]["confidence"] = round(probabilities[label], 6)
        completion["choices"][0]["rowbatch"] = {
            "method": METHOD,
            "demonstration": True,
            "probabilities": {name: round(value, 6) for name, value in probabilities.items()},
        }
        return completion

    def probabilities(
        self, messages: list[dict[str, str]], choice: Choice, usage: dict[str, int]
    ) -> dict[str, float] | None:
        """Calibrated probabilities of the labels; None when the model sees no difference between them."""
        bias = self._calibration(messages, choice)
        scores = self._scores(messages, choice, usage)
        found = calibrated(scores, bias)
        return found if is_decided(scores, found) else None

    def complete(self, content: str, usage: dict[str, int], *, is_whole: bool) -> dict[str, Any]:
        """A completion of this text, which the output limit may have cut."""
        message = {"role": "assistant", "content": content, "refusal": None}
        return _completion(message, "stop" if is_whole else "length", usage)

    def _calibration(self, messages: list[dict[str, str]], choice: Choice) -> list[dict[str, float]]:
        """The model's bias for these instructions: asked once, whatever the texts are."""
        key = json.dumps([_with_text(messages, ""), choice.cue, choice.labels])
        if key in self._calibrations:
            self._calibrations.move_to_end(key)
            return self._calibrations[key]
        bias = [self._scores(_with_text(messages, text), choice, {}) for text in CONTENT_FREE_TEXTS]
        self._calibrations[key] = bias
        if len(self._calibrations) > _CALIBRATIONS_KEPT:
            self._calibrations.popitem(last=False)
        return bias

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

        return label_log_probabilities(choice.labels, next_tokens, self._all_tokens())

    def _all_tokens(self) -> frozenset[bytes]:
        """The vocabulary: the model lists every token, once."""
        if not self._vocabulary:
            request = {
                "messages": [{"role": "user", "content": "."}],
                "max_tokens": 1,
                "temperature": 0,
                "ignore_eos": True,
                "logprobs": True,
                "top_logprobs": _ALL_TOKENS,
            }
            self._vocabulary = frozenset(token for token, _ in _top_tokens(self._ask(request)))
        return self._vocabulary

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """
        Ask so that what was asked before makes no difference.

        When all of a prompt but its last token is known from the one before, that token goes through other
        arithmetic than two or more would; then the whole prompt is read again.
        """
        answer = self._ask_once(request)
        if (answer.get("timings") or {}).get("prompt_n") == 1:
            answer = self._ask_once({**request, "cache_prompt": False})
        return answer

    def _ask_once(self, request: dict[str, Any]) -> dict[str, Any]:
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
    """One line of the protocol: `{"id", "endpoint", "body"}` in, `{"id", "status_code", "body"}` out."""
    request = json.loads(line)
    status, body = _reply(model, request["endpoint"], request["body"])
    reply = {"id": request["id"], "status_code": status, "body": body}
    # In ASCII: a refusal repeats what it refuses, which may be a text that UTF-8 cannot hold.
    return json.dumps(reply).encode() + b"\n"


def _reply(model: Model, endpoint: str, body: Mapping[str, Any]) -> Reply:
    try:
        return 200, ENDPOINTS[endpoint].answer(model, body)
    except RefusedRequest as refusal:
        return 400, refusal.body
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
    # Ctrl-C in a terminal reaches this process too; it ends when the server does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def write(line: bytes) -> None:
        out.write(line)
        out.flush()

    try:
        found = check_local_model()
        verify(found)
        model = Model(str(found.path))
    except LocalModelError as error:
        write(json.dumps({"failed": error.document()}).encode() + b"\n")
        sys.exit(1)
    except RuntimeError as error:
        failure = LocalModelError("local-model-failed", told=str(error))
        write(json.dumps({"failed": failure.document()}).encode() + b"\n")
        sys.exit(1)
    write(json.dumps({"ready": MODEL_ID}).encode() + b"\n")
    for line in sys.stdin.buffer:
        if line.strip():
            write(answer_line(model, line))


def _with_text(messages: list[dict[str, str]], text: str) -> list[dict[str, str]]:
    """The same messages with another text in the last one of the user."""
    last = max(index for index, message in enumerate(messages) if message["role"] == "user")
    return [
        {**message, "content": text} if index == last else message for index, message in enumerate(messages)
    ]


def _top_tokens(answer: Mapping[str, Any]) -> list[Token]:
    content = (answer["choices"][0].get("logprobs") or {}).get("content") or []
    if not content:
        return []
    listed = content[0].get("top_logprobs") or []
    # Control tokens have no bytes: no label goes on with them.
    return [(bytes(entry["bytes"]), entry["logprob"]) for entry in listed if entry.get("bytes")]


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
