"""Answers that did not end well, in a whole run and in a table of results."""

from __future__ import annotations

import csv
import json

import pytest
import stamina

from driving import drive, make_run, rows_of
from fake_providers import FakeProvider
from odd_results import put
from rowbatch.core.endpoint import find_endpoint
from rowbatch.core.result_columns import Extra
from rowbatch.steps.collect import collect
from rowbatch.tools.extract import extract

CHOICE = ("response", "body", "choices", 0, "finish_reason")
STOP = ("result", "message", "stop_reason")
REASON = ("response", "candidates", 0, "finishReason")
STATUS = ("response", "body", "status")


@pytest.fixture(autouse=True)
def _no_waiting():
    with stamina.set_testing(True, attempts=6):
        yield


@pytest.mark.parametrize(
    ("provider", "endpoint", "place", "word", "status", "is_asked_again"),
    [
        ("mistral", "chat", CHOICE, "model_length", "truncated", False),
        ("mistral", "chat", CHOICE, "error", "error", True),
        ("openai", "chat", CHOICE, "abort", "error", True),
        ("openai", "chat", CHOICE, "sensitive", "refused", False),
        ("openai", "chat", CHOICE, "network_error", "error", True),
        ("openai", "chat", CHOICE, "brand_new", "error", False),
        ("openai", "chat", CHOICE, None, "error", False),
        ("openai", "responses", STATUS, "failed", "error", True),
        ("openai", "responses", STATUS, "cancelled", "error", True),
        ("openai", "responses", STATUS, "incomplete", "truncated", False),
        ("gemini", "chat", REASON, "OTHER", "error", True),
        ("gemini", "chat", REASON, "CONTINUATION", "truncated", False),
        ("gemini", "chat", REASON, "MODEL_ARMOR", "refused", False),
        ("gemini", "chat", REASON, "BRAND_NEW", "error", False),
        ("anthropic", "chat", STOP, "compaction", "truncated", False),
        ("anthropic", "chat", STOP, "brand_new", "error", False),
    ],
)
def test_a3_an_answer_that_did_not_end_well_is_not_ok(
    tmp_path, provider, endpoint, place, word, status, is_asked_again
):
    """
    Its row says so in the table, or is asked again where that may help; the other rows are ok.
    """
    run = make_run(tmp_path, rows=6, provider=provider, endpoint=find_endpoint(endpoint))
    fake = FakeProvider(provider)
    left = {"row-4"}

    def spoil(custom_id, line):
        if custom_id not in left:
            return line
        left.remove(custom_id)
        return put(line, place, word)

    fake.spoil = spoil
    drive(run, fake, provider=provider)
    report = collect(run)
    assert (fake.paid_rows["row-4"] == 2) == is_asked_again
    rows = rows_of(report.path)
    if is_asked_again:
        assert {row["status"] for row in rows} == {"ok", "skipped"}
        return
    assert [row["status"] for row in rows] == ["ok", "ok", "skipped", status, "ok", "ok"]
    assert rows[3]["label"] == ""
    assert rows[3]["raw_answer"]
    if status == "error":
        assert str(word or "null").lower() in rows[3]["status_reason"].lower()


def test_a3_extract_says_it_too(tmp_path):
    """
    A table of results has the status, the word and the text; `--also finish_reason` changes nothing.
    """
    lines = [
        {"custom_id": f"row-{number}", "response": {"status_code": 200, "body": {"choices": [choice]}}}
        for number, choice in enumerate(
            (
                {"message": {"content": "whole"}, "finish_reason": "stop"},
                {"message": {"content": "half"}, "finish_reason": "model_length"},
                {"message": {"content": "half"}, "finish_reason": "error", "error": {"message": "busy"}},
            ),
            start=1,
        )
    ]
    results = tmp_path / "out.jsonl"
    results.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    asked: list[tuple[str, list[Extra]]] = [("a.csv", []), ("b.csv", ["finish_reason"])]
    for name, extras in asked:
        extract([results], tmp_path / name, extras=extras)
        with (tmp_path / name).open(newline="", encoding="utf-8") as file:
            rows = [row[:4] for row in csv.reader(file)]
        assert rows[1:] == [
            ["row-1", "whole", "ok", ""],
            [
                "row-2",
                "half",
                "truncated",
                "the answer was cut off where the model's context was full (model_length)",
            ],
            ["row-3", "half", "error", "the provider failed while it answered (error): busy"],
        ]
