"""
The process that holds the model: requests in on stdin, replies out on stdout, one JSON object a line.

It ends when stdin ends, so it never outlives the server, however that one died.
"""

from __future__ import annotations

import json
import math
import os
import queue
import secrets
import signal
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rowbatch.errors import LocalModelError
from rowbatch.server.chat_request import wants_usage
from rowbatch.server.endpoint import Emit, RefusedRequest
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
        self._path = path
        self._server = self._started()
        self._embedder: Any = None
        self._calibrations: OrderedDict[str, list[dict[str, float]]] = OrderedDict()
        self._vocabulary: frozenset[bytes] = frozenset()

    def _started(self, *, embeds: bool = False) -> Any:
        import xllamacpp

        parameters = xllamacpp.CommonParams()
        parameters.model.path = self._path
        parameters.n_parallel = 1
        parameters.n_ctx = CONTEXT_TOKENS
        parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        threads = max(1, os.cpu_count() or 1)
        parameters.cpuparams.n_threads = threads
        parameters.cpuparams_batch.n_threads = threads
        # The prompt cache in RAM grows without bound; the slots' own prefix cache is enough.
        parameters.cache_ram_mib = 0
        parameters.verbosity = 0
        if embeds:
            parameters.embedding = True
            parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
            # A text is read at once, or not at all.
            parameters.n_batch = parameters.n_ubatch = CONTEXT_TOKENS
        return xllamacpp.Server(parameters)

    def generate(self, body: Mapping[str, Any], messages: list[dict[str, str]]) -> dict[str, Any]:
        """A completion whose text the model writes."""
        answer = self._ask(_chat_request(body, messages))
        entry = answer["choices"][0]
        message = {"role": "assistant", "content": entry["message"].get("content") or "", "refusal": None}
        completion = _completion(message, entry.get("finish_reason") or "stop", _usage(answer))
        if body.get("logprobs"):
            completion["choices"][0]["logprobs"] = entry.get("logprobs")
        return completion

    def write(self, body: Mapping[str, Any], messages: list[dict[str, str]], emit: Emit) -> None:
        """The same, as chunks that are given away while the model writes."""
        request = _chat_request(body, messages)
        shared = _stream_head("chatcmpl", "chat.completion.chunk")
        first = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
        self._stream(
            self._server.handle_chat_completions,
            request,
            shared,
            emit,
            first=first,
            with_usage=wants_usage(body),
        )

    def go_on(self, body: Mapping[str, Any], prompt: str) -> dict[str, Any]:
        """A text that goes on behind a prompt."""
        answer = self._ask(_completion_request(body, prompt), self._server.handle_completions)
        entry = answer["choices"][0]
        choice = {
            "index": 0,
            "text": entry.get("text") or "",
            "logprobs": None,
            "finish_reason": entry.get("finish_reason") or "stop",
        }
        return {"object": "text_completion", "model": MODEL_ID, "choices": [choice], "usage": _usage(answer)}

    def go_on_writing(self, body: Mapping[str, Any], prompt: str, emit: Emit) -> None:
        """The same, as chunks that are given away while the model writes."""
        request, shared = _completion_request(body, prompt), _stream_head("cmpl", "text_completion")
        self._stream(self._server.handle_completions, request, shared, emit, with_usage=wants_usage(body))

    def embed(self, text: str | Sequence[int]) -> tuple[Sequence[float], int]:
        """
        The vector of a text, of length 1, and how many tokens were read.

        It is the mean of what the last layer makes of the tokens: of texts that say the same these lie nearer
        to each other than of others, although the model never learned that.
        """
        if self._embedder is None:
            # Another context, in 170 MB: one that adds up vectors tells no probabilities.
            self._embedder = self._started(embeds=True)
        answer = self._ask_once({"input": text}, self._embedder.handle_embeddings)
        vector = [float(value) for value in answer["data"][0]["embedding"]]
        length = math.sqrt(sum(value * value for value in vector)) or 1.0
        return [value / length for value in vector], _usage(answer)["prompt_tokens"]

    def _stream(
        self,
        ask: Callable[..., Any],
        request: dict[str, Any],
        shared: dict[str, Any],
        emit: Emit,
        *,
        first: dict[str, Any] | None = None,
        with_usage: bool,
    ) -> None:
        """
        Give away what the model writes, chunk by chunk, in our own frame.

        xllamacpp 2026.10 calls with each chunk, or with an error in place of the first, and ends when it is
        answered True.
        """
        failures: list[RefusedRequest] = []
        has_begun = False

        def take(chunk: dict[str, Any]) -> bool:
            nonlocal has_begun
            try:
                if chunk.get("error"):
                    failures.append(_refusal(chunk["error"]))
                    return True
                if not has_begun and first is not None:
                    has_begun = True
                    if emit({**shared, "choices": [first]}):
                        return True
                if not chunk.get("choices"):
                    return with_usage and emit({**shared, "choices": [], "usage": _usage(chunk)})
                return emit({**shared, "choices": chunk["choices"]})
            except BaseException as error:  # noqa: BLE001 - an exception in C++ would be lost
                failures.append(RefusedRequest(f"{type(error).__name__}: {error}"[:500]))
                return True

        try:
            ask({**request, "stream": True, "stream_options": {"include_usage": with_usage}}, take)
        except ValueError as error:
            raise RefusedRequest(str(error)[:500]) from error
        if failures:
            raise failures[0]

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

    def _ask(self, request: dict[str, Any], ask: Callable[..., Any] | None = None) -> dict[str, Any]:
        """
        Ask so that what was asked before makes no difference.

        When all of a prompt but its last token is known from the one before, that token goes through other
        arithmetic than two or more would; then the whole prompt is read again.
        """
        ask = ask or self._server.handle_chat_completions
        answer = self._ask_once(request, ask)
        if (answer.get("timings") or {}).get("prompt_n") == 1:
            answer = self._ask_once({**request, "cache_prompt": False}, ask)
        return answer

    def _ask_once(self, request: dict[str, Any], ask: Callable[..., Any]) -> dict[str, Any]:
        try:
            answer = ask(request)
        except ValueError as error:
            raise RefusedRequest(str(error)[:500]) from error
        if isinstance(answer, str | bytes):
            answer = json.loads(answer)
        if not isinstance(answer, dict):
            raise RefusedRequest("the model gave no answer")
        if answer.get("error"):
            raise _refusal(answer["error"])
        return answer


def _refusal(failure: Mapping[str, Any]) -> RefusedRequest:
    """What llama.cpp refuses, as OpenAI says it."""
    if failure.get("type") == "exceed_context_size_error":
        tokens = failure.get("n_prompt_tokens", "more")
        return RefusedRequest(
            f"This model's maximum context length is {CONTEXT_TOKENS} tokens. However, your messages "
            f"resulted in {tokens} tokens. Please reduce the length of the messages.",
            code="context_length_exceeded",
            param="messages",
        )
    return RefusedRequest(str(failure.get("message") or failure)[:500])


def _chat_request(body: Mapping[str, Any], messages: list[dict[str, str]]) -> dict[str, Any]:
    request = {"messages": messages, **_sampling(body)}
    if body.get("response_format"):
        request["response_format"] = body["response_format"]
    return request


def _completion_request(body: Mapping[str, Any], prompt: str) -> dict[str, Any]:
    # OpenAI: sixteen tokens where nothing is said.
    return {"prompt": prompt, **_sampling(body), "max_tokens": body.get("max_tokens") or 16}


def _sampling(body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "max_tokens": body.get("max_completion_tokens") or body.get("max_tokens") or DEFAULT_MAX_TOKENS,
        "temperature": 0,
        **{name: body[name] for name in _PASSED_ON if body.get(name) is not None},
    }


def _stream_head(prefix: str, kind: str) -> dict[str, Any]:
    """What all chunks of a stream share. Streams are kept nowhere, so their ids may be made up here."""
    made = f"{prefix}-{secrets.token_hex(12)}"
    return {"id": made, "object": kind, "created": int(time.time()), "model": MODEL_ID}


def answer_line(
    model: Model,
    line: bytes,
    write: Callable[[bytes], None] = lambda _: None,
    is_unwanted: Callable[[int], bool] = lambda _: False,
) -> bytes:
    """
    One line of the protocol: `{"id", "endpoint", "body"}` in, `{"id", "status_code", "body"}` out.

    With `"stream": true` in it, lines `{"id", "event"}` are given to `write` before, for as long as the id is
    wanted.
    """
    request = json.loads(line)
    if is_unwanted(request["id"]):
        # Whoever asked has gone while others were answered.
        return json.dumps({"id": request["id"], "status_code": 499, "body": {}}).encode() + b"\n"

    def emit(event: dict[str, Any]) -> bool:
        if is_unwanted(request["id"]):
            return True
        write(json.dumps({"id": request["id"], "event": event}).encode() + b"\n")
        return False

    emitted = emit if request.get("stream") else None
    status, body = _reply(model, request["endpoint"], request["body"], emitted)
    reply = {"id": request["id"], "status_code": status, "body": body}
    # In ASCII: a refusal repeats what it refuses, which may be a text that UTF-8 cannot hold.
    return json.dumps(reply).encode() + b"\n"


def _reply(model: Model, endpoint: str, body: Mapping[str, Any], emit: Emit | None) -> Reply:
    try:
        served = ENDPOINTS[endpoint]
        if emit is None or served.stream is None:
            return 200, served.answer(model, body)
        served.stream(model, body, emit)
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
    return 200, {}


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
        if found.runtime is not None:
            # Last: what is installed in this Python wins.
            sys.path.append(str(found.runtime))
        model = Model(str(found.path))
    except LocalModelError as error:
        write(json.dumps({"failed": error.document()}).encode() + b"\n")
        sys.exit(1)
    except RuntimeError as error:
        failure = LocalModelError("local-model-failed", told=str(error))
        write(json.dumps({"failed": failure.document()}).encode() + b"\n")
        sys.exit(1)
    write(json.dumps({"ready": MODEL_ID}).encode() + b"\n")
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    unwanted: set[int] = set()
    # Who streams may go while the model writes, so what comes in is read all the time.
    threading.Thread(target=_read, args=(sys.stdin.buffer, lines, unwanted), daemon=True).start()
    while (line := lines.get()) is not None:
        write(answer_line(model, line, write, unwanted.__contains__))


def _read(source: Iterable[bytes], lines: queue.SimpleQueue[bytes | None], unwanted: set[int]) -> None:
    """Pass requests on; `{"unwanted": id}` says that nobody waits for an answer any more."""
    for line in source:
        if line.startswith(b'{"unwanted":'):
            unwanted.add(json.loads(line)["unwanted"])
        elif line.strip():
            lines.put(line)
    lines.put(None)


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
