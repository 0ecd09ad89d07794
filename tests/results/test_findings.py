"""What the results of a shard say of themselves."""

import json

import pytest

from rowbatch.core.answer import AnswerReader
from rowbatch.core.codebook import Codebook
from rowbatch.core.template import Template
from rowbatch.results.checked import inspect
from rowbatch.results.lines import LineReader


def write_shard(folder, texts, tokens):
    """A request file, and a result file with so many tokens counted in each prompt."""
    requests, results = folder / "requests.jsonl", folder / "results.jsonl"
    with requests.open("w", encoding="utf-8") as file:
        for row, text in enumerate(texts, start=1):
            body = {"model": "m", "messages": [{"role": "user", "content": text}]}
            line = {"custom_id": f"row-{row}", "method": "POST", "url": "/v1/chat/completions", "body": body}
            file.write(json.dumps(line, separators=(",", ":")) + "\n")
    with results.open("w", encoding="utf-8") as file:
        for row, count in enumerate(tokens, start=1):
            usage = {"prompt_tokens": count, "completion_tokens": 1, "total_tokens": count + 1}
            message = {"role": "assistant", "content": "good"}
            answer = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
            response = {"status_code": 200, "body": answer}
            file.write(json.dumps({"custom_id": f"row-{row}", "response": response, "error": None}) + "\n")
    return inspect([results], requests, LineReader(AnswerReader(Codebook())), Template.column_only("text"))


def texts(rows):
    """Of many lengths, in no order."""
    return ["word " * (1 + row * 7919 % 97) for row in range(rows)]


def counted(said, constant=60):
    """As a tokenizer would count, more or less."""
    return [constant + len(text) // 4 + index % 3 for index, text in enumerate(said)]


@pytest.mark.parametrize("shift", [1, 40, 500])
def test_answers_that_moved_are_doubted(tmp_path, shift):
    """
    M7: answers that stand some rows further on do not go with the sizes of the requests.
    """
    said = texts(1_000)
    right = counted(said)
    assert not write_shard(tmp_path, said, right).is_doubted
    moved = write_shard(tmp_path, said, right[shift:] + right[:shift])
    assert moved.is_whole
    assert moved.is_doubted


@pytest.mark.parametrize(
    ("said", "tokens"),
    [
        pytest.param(texts(99), counted(texts(99))[::-1], id="few-rows"),
        pytest.param(["same text"] * 300, [70 + n % 2 for n in range(300)], id="one-length"),
        pytest.param(texts(300), [0] * 300, id="nothing-counted"),
        pytest.param(
            [text if n % 2 else "\u5b66\u6821" * len(text) for n, text in enumerate(texts(600))],
            [90 + len(text) // 4 if n % 2 else 90 + 3 * len(text) for n, text in enumerate(texts(600))],
            id="two-scripts",
        ),
    ],
)
def test_what_says_nothing_is_not_doubted(tmp_path, said, tokens):
    """
    Few rows, texts of one length, a provider that counts nothing, and two scripts in one table are no reason.
    """
    assert not write_shard(tmp_path, said, tokens).is_doubted
