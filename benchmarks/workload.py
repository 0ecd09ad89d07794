"""
Made-up data for the benchmarks: the same bytes for the same number of rows, on any machine.

A table of tweets, 366 bytes a row on average, and the result files of its batches, 934 bytes a line. One
row in ten has something odd in its text: quotes, line breaks, tabs, emoji, Chinese, U+2028.
"""

from __future__ import annotations

import json
import random
import re
import sys
from pathlib import Path

import polars as pl

SEED = 20260101
HEADER = ("id", "created_at", "author", "lang", "text", "note")
SYSTEM = (
    "You label tweets about local politics. Read the tweet and decide what it is mainly about, judging only "
    "by what stands in it. Answer with one label, and give a short reason in a few plain words. The labels "
    "are economy, education, health, transport and other."
)
TEMPLATE = "Tweet in {{lang}}:\n{{text}}"
MODEL = "gpt-4o-mini"
LABELS = ("economy", "education", "health", "transport", "other")
_POOL = 20_000
_ROWS_PER_STEP = 200_000
_RESULTS_PER_FILE = 50_000
_TEXT = (
    "the council school market rent bus nurse wages tax library street price teacher hospital vote again "
    "never always today we they people money time new old open closed Straße naïve café año über"
)
_WORDS = _TEXT.split()
_ODD = (
    'said "no", then left',
    "first line\nsecond line",
    "tab\there",
    "学校和医院都关门了",
    "🙂🙃 well",
    "5 < 6 & 7",
    "before\u2028after",
    "back\\slash",
)


def write_table(path: Path, rows: int) -> None:
    """Write the table as CSV, quoted where it must be; numbers count from 1."""
    pool = _texts()
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.write((",".join(HEADER) + "\n").encode())
        for first in range(1, rows + 1, _ROWS_PER_STEP):
            number = pl.int_range(first, min(first + _ROWS_PER_STEP, rows + 1), eager=True)
            frame = pl.DataFrame(
                {
                    "id": _long_id(number),
                    "created_at": "2025-03-" + (number % 28 + 1).cast(pl.String).str.zfill(2) + "T08:15:00Z",
                    "author": "user_" + (number * 7919 % 1_000_003).cast(pl.String),
                    "lang": pl.Series(["en", "de", "zh", "es"]).gather(number % 4),
                    "text": pool.gather(number * 31 % _POOL),
                    "note": pl.Series(["", "NA", "007", "1e5"]).gather(number % 4),
                }
            )
            frame.write_csv(file, include_header=False)


def write_results(folder: Path, rows: int) -> list[Path]:
    """
    Write the result files for a table of so many rows, shuffled within files; one line in a hundred is an
    error, in an error file of its own.
    """
    draw = random.Random(SEED)
    reasons = pl.Series([" ".join(draw.choices(_WORDS[:-5], k=9)) for _ in range(_POOL)])
    paths = []
    for first in range(1, rows + 1, _RESULTS_PER_FILE):
        number = pl.int_range(first, min(first + _RESULTS_PER_FILE, rows + 1), eager=True)
        number = number.sample(fraction=1.0, shuffle=True, seed=first)
        failed = number % 100 == 0
        name = f"{first // _RESULTS_PER_FILE + 1:04d}"
        for kind, numbers in (("output", number.filter(~failed)), ("error", number.filter(failed))):
            lines = _answers(numbers, reasons) if kind == "output" else _errors(numbers)
            path = folder / f"{name}.{kind}.jsonl"
            path.write_bytes(b"".join(lines.cast(pl.Binary).to_list()))
            paths.append(path)
    return paths


def _texts() -> pl.Series:
    draw = random.Random(SEED)
    texts = []
    for number in range(_POOL):
        text = " ".join(draw.choices(_WORDS, k=draw.randint(20, 80)))
        texts.append(f"{text} {draw.choice(_ODD)}" if number % 10 == 0 else text)
    return pl.Series(texts)


def _long_id(number: pl.Series) -> pl.Series:
    # As long as a tweet's id, and beyond what a float holds.
    return (number + 1_890_000_000_000_000_000).cast(pl.String)


def _answers(number: pl.Series, reasons: pl.Series) -> pl.Series:
    body = {
        "id": "chatcmpl-ID",
        "object": "chat.completion",
        "created": 1770000000,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": json.dumps({"label": "LABEL", "reason": "REASON"}),
                    "refusal": None,
                    "annotations": [],
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 171,
            "completion_tokens": 23,
            "total_tokens": 194,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
    }
    line = {
        "id": "batch_req_ID",
        "custom_id": "row-NUMBER",
        "response": {"status_code": 200, "request_id": "ID", "body": body},
        "error": None,
    }
    fields = {
        "ID": (number * 2_654_435_761 % 2**31).cast(pl.String).str.zfill(32),
        "NUMBER": number.cast(pl.String),
        "LABEL": pl.Series(list(LABELS)).gather(number % len(LABELS)),
        "REASON": reasons.gather(number * 17 % _POOL) + " " + number.cast(pl.String),
    }
    return _filled(json.dumps(line) + "\n", fields)


def _errors(number: pl.Series) -> pl.Series:
    error = {"message": "The server had an error", "type": "server_error", "param": None, "code": None}
    line = {
        "id": "batch_req_ID",
        "custom_id": "row-NUMBER",
        "response": {"status_code": 500, "request_id": "ID", "body": {"error": error}},
        "error": None,
    }
    fields = {"ID": number.cast(pl.String).str.zfill(32), "NUMBER": number.cast(pl.String)}
    return _filled(json.dumps(line) + "\n", fields)


def _filled(pattern: str, fields: dict[str, pl.Series]) -> pl.Series:
    """The pattern with each field's values in place of its name, one text for each."""
    pieces = re.split(f"({'|'.join(fields)})", pattern)
    return pl.select(pl.concat_str([pl.lit(fields.get(piece, piece)) for piece in pieces])).to_series()


if __name__ == "__main__":
    write_table(Path(sys.argv[1]), int(sys.argv[3]))
    write_results(Path(sys.argv[2]), int(sys.argv[3]))
