"""Requests beside their results: nothing that is missing goes unnoticed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import rowbatch
from rowbatch.cli.app import run_command_line
from rowbatch.errors import InputError, OutputExists, UsageError


def request(name: str, text: str = "x") -> dict[str, Any]:
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    return {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body}


def answer(name: str) -> dict[str, Any]:
    body = {"choices": [{"message": {"content": "good"}, "finish_reason": "stop"}]}
    return {"custom_id": name, "response": {"status_code": 200, "body": body}, "error": None}


def failure(name: str, code: str) -> dict[str, Any]:
    return {"custom_id": name, "response": None, "error": {"code": code, "message": "no"}}


def written(path: Path, lines: list[dict[str, Any]], end: str = "\n") -> Path:
    path.write_text("".join(json.dumps(line) + end for line in lines), encoding="utf-8", newline="")
    return path


def compared(tmp_path: Path, requests: list[Path], results: list[Path], **how: Any) -> Any:
    found = rowbatch.extract(results, tmp_path / "out.csv", requests=requests, overwrite=True, **how).compared
    assert found is not None
    return found


def test_what_has_no_result_is_written_to_be_asked_again(tmp_path):
    """
    Requests without a result, and those that never ran, stand in a new file as they were; failed ones do not.
    """
    sent = [request(name, f"text {name}") for name in "abcdef"]
    requests = [written(tmp_path / "r1.jsonl", sent[:3], "\r\n"), written(tmp_path / "r2.jsonl", sent[3:])]
    results = [
        written(tmp_path / "o.jsonl", [answer("b"), answer("z"), answer("b")]),
        written(
            tmp_path / "e.jsonl",
            [failure("c", "batch_expired"), failure("d", "server_error"), failure("f", "batch_cancelled")],
        ),
    ]
    found = compared(tmp_path, requests, results, unanswered=tmp_path / "again.jsonl")
    assert (found.requests, found.repeated_requests) == (6, 0)
    assert (found.without_result, found.first_without) == (2, ["a", "e"])
    assert found.never_run == 2
    assert (found.of_no_request, found.first_of_no_request) == (1, ["z"])
    again = (tmp_path / "again.jsonl").read_bytes().splitlines()
    assert [json.loads(line) for line in again] == [sent[0], sent[2], sent[4], sent[5]]
    assert found.written == 4
    # Asked again, nothing is missing any more.
    more = written(tmp_path / "o2.jsonl", [answer(name) for name in "acef"])
    found = compared(tmp_path, requests, [*results, more], unanswered=tmp_path / "rest.jsonl")
    assert (found.without_result, found.never_run, found.written) == (0, 0, 0)
    assert (tmp_path / "rest.jsonl").read_bytes() == b""


def test_requests_with_one_id_are_counted(tmp_path):
    """
    An id that stands twice is one answer for two requests: it is said, and asked again once.
    """
    requests = written(tmp_path / "r.jsonl", [request("a"), request("a", "y"), request("b")])
    results = written(tmp_path / "o.jsonl", [answer("b")])
    found = compared(tmp_path, [requests], [results], unanswered=tmp_path / "again.jsonl")
    assert (found.requests, found.repeated_requests, found.without_result, found.written) == (3, 1, 1, 1)


@pytest.mark.parametrize("join", [True, False], ids=["joined", "lines"])
def test_it_is_said_in_the_terminal(tmp_path, capsys, join):
    """
    The command says how many requests have no result, with their ids; beside a table leading zeros stay too.
    """
    names = ["row-1", "row-02", "row-3"]
    requests = written(tmp_path / "r.jsonl", [request(name) for name in names])
    results = written(tmp_path / "o.jsonl", [answer("row-1"), answer("row-3")])
    table = tmp_path / "t.csv"
    table.write_text("text\na\nb\nc\n", encoding="utf-8")
    words = ["extract", str(results), "-o", str(tmp_path / "out.csv"), "--requests", str(requests)]
    words += ["--join", str(table)] if join else []
    assert run_command_line([*words, "--unanswered", str(tmp_path / "again.jsonl")]) == 0
    said = capsys.readouterr().out
    assert "3 requests sent, 1 of them without a result" in said
    assert "row-02" in said
    assert "again.jsonl: 1 request to ask again" in said


def test_forms_of_other_providers_are_compared(tmp_path):
    """
    Gemini's `key` and Anthropic's ids are ids like others.
    """
    gemini = [{"key": name, "request": {"contents": [{"parts": [{"text": "x"}]}]}} for name in "ab"]
    candidate = {"content": {"parts": [{"text": "good"}]}, "finishReason": "STOP"}
    results = written(tmp_path / "o.jsonl", [{"key": "a", "response": {"candidates": [candidate]}}])
    found = compared(tmp_path, [written(tmp_path / "r.jsonl", gemini)], [results])
    assert (found.requests, found.first_without, found.unanswered) == (2, ["b"], None)


def test_wrong_files_are_said(tmp_path):
    """
    Results in the place of requests, an output that is an input, and one that is there already.
    """
    requests = written(tmp_path / "r.jsonl", [request("a")])
    results = written(tmp_path / "o.jsonl", [answer("a")])
    with pytest.raises(InputError) as wrong:
        compared(tmp_path, [results], [results])
    assert wrong.value.kind == "no-requests"
    with pytest.raises(UsageError) as usage:
        compared(tmp_path, [requests], [results], unanswered=requests)
    assert usage.value.kind == "file-would-be-its-answers"
    with pytest.raises(UsageError) as usage:
        rowbatch.extract([results], tmp_path / "x.csv", unanswered=tmp_path / "again.jsonl")
    assert usage.value.kind == "unanswered-without-requests"
    with pytest.raises(UsageError) as usage:
        compared(tmp_path, [requests], [results], unanswered=tmp_path / "out.csv")
    assert usage.value.kind == "output-twice"
    (tmp_path / "again.jsonl").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputExists):
        rowbatch.extract(
            [results], tmp_path / "y.csv", requests=[requests], unanswered=tmp_path / "again.jsonl"
        )
