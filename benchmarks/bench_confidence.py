"""
How much longer a labelled table takes with how sure the model was: two variables with the probabilities of
their tokens beside one variable without, from result files to the table.

Nothing is sent: a stand-in for the provider has the files lying here. With `--commit`, one variable without
is measured with another version of ours too.

    python benchmarks/bench_confidence.py --folder /dev/shm --commit 61954c6
    python benchmarks/bench_confidence.py --rows 100000 --rounds 1 --others 5
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import bench_collect
import polars as pl
import workload
from bench_data_plane import Cost, run, source_of
from options import parser_of

_HERE = Path(__file__).parent
_RESULTS_PER_FILE = 50_000
_TONES = ("calm", "angry", "joyful", "neutral")
_STEPS = ("download", "next", "collect")


def codebook(*, is_sure: bool) -> dict[str, Any]:
    """One variable; or two."""
    asked = {"label": workload.LABELS, **({"tone": _TONES} if is_sure else {})}
    return {
        "variables": [
            {"name": name, "question": "Which?", "labels": [{"name": label} for label in labels]}
            for name, labels in asked.items()
        ]
    }


def main() -> None:
    parser = parser_of("Time results with confidence beside results without.", rows=1_000_000, rounds=3)
    parser.add_argument("--others", type=int, default=0, help="So many other tokens at each place.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rowbatch-bench-", dir=arguments.folder) as name:
        bench(Path(name), arguments)


def bench(folder: Path, arguments: argparse.Namespace) -> None:
    """Make the data, and run everything in turn."""
    table = folder / "t.csv"
    # In processes of their own: what a step takes at most is counted from what started it.
    run([sys.executable, str(Path(__file__).resolve()), "--table", str(table), str(arguments.rows)])
    versions = {
        "one variable": (_HERE.parent / "src", "plain"),
        "two with confidence": (_HERE.parent / "src", "sure"),
    }
    if arguments.commit:
        source = source_of(arguments.commit, folder / "before")
        versions[f"one variable, {arguments.commit}"] = (source, "plain")
    for kind in ("plain", "sure"):
        (folder / kind).mkdir()
        made = [str(folder / kind), str(arguments.rows), kind, str(arguments.others)]
        run([sys.executable, str(Path(__file__).resolve()), "--results", *made])
        size = sum(path.stat().st_size for path in (folder / kind).iterdir())
        sys.stdout.write(f"{arguments.rows:,} rows, {kind}: results {size / 1e6:,.0f} MB\n")
    costs: dict[tuple[str, str], list[Cost]] = {}
    for _ in range(arguments.rounds):
        for version, (source, kind) in versions.items():
            place = folder / "run"
            step(source, "build", kind, place, table)
            for verb in _STEPS:
                costs.setdefault((verb, version), []).append(step(source, verb, kind, place, folder / kind))
            checked = [str(place / "labelled.csv"), str(arguments.rows), kind]
            run([sys.executable, str(Path(__file__).resolve()), "--check", *checked])
            shutil.rmtree(place)
    for verb in _STEPS:
        bench_collect._print(verb, [(version, costs[verb, version]) for version in versions])
    whole = [
        (
            version,
            [bench_collect._sum(parts) for parts in zip(*(costs[v, version] for v in _STEPS), strict=True)],
        )
        for version in versions
    ]
    bench_collect._print(", ".join(_STEPS), whole)


def step(source: Path, verb: str, kind: str, *places: Path) -> Cost:
    """Run one step of a version, in a process of its own."""
    return run(
        [sys.executable, str(Path(__file__).resolve()), "--step", verb, kind, *map(str, places)], source
    )


def check(path: Path, rows: int, kind: str) -> None:
    """A wrong table is a failure, not a fast run."""
    names = ["status", *(["label_confidence"] if kind == "sure" else [])]
    frame = pl.read_csv(path, infer_schema=False, columns=names)
    answered = frame.filter(pl.col("status") == "ok")
    is_right = frame.height == rows and answered.height == rows - rows // 100
    if kind == "sure":
        sure = answered["label_confidence"].cast(pl.Float64).to_list()
        # The token of the label has what the row's number says, and the one behind it is certain.
        is_right = is_right and None not in sure and 0.4 < sum(sure) / len(sure) < 0.6
    if not is_right:
        sys.exit(f"the labelled table of {kind} is wrong")


def write_results(folder: Path, rows: int, kind: str, others: int) -> None:
    """Write the result files, shuffled within files; one line in a hundred is an error."""
    for first in range(1, rows + 1, _RESULTS_PER_FILE):
        number = pl.int_range(first, min(first + _RESULTS_PER_FILE, rows + 1), eager=True)
        number = number.sample(fraction=1.0, shuffle=True, seed=first)
        failed = number % 100 == 0
        name = f"{first // _RESULTS_PER_FILE + 1:04d}"
        answers = _answers(number.filter(~failed), kind, others)
        for ending, lines in (("output", answers), ("error", workload._errors(number.filter(failed)))):
            path = folder / f"{name}.{ending}.jsonl"
            path.write_bytes(b"".join(lines.cast(pl.Binary).to_list()))


def _answers(number: pl.Series, kind: str, others: int) -> pl.Series:
    said = {"label": "LABEL", **({"tone": "TONE"} if kind == "sure" else {})}
    tokens = ['{"', "label", '":"', "LABEL", '","', "tone", '":"', "TONE", '"}']
    # The bytes of a label differ in number; those that stand here are as many as a word has.
    listed = [
        {
            "token": token,
            "logprob": {"LABEL": -77701.0, "TONE": -77702.0}.get(token, 0.0),
            "bytes": list(token.encode()),
            "top_logprobs": [
                {"token": f"t{other}", "logprob": -12.5 - other, "bytes": [116, 48 + other]}
                for other in range(others)
            ],
        }
        for token in tokens
    ]
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
                    "content": json.dumps(said, separators=(",", ":")),
                    "refusal": None,
                    "annotations": [],
                },
                "logprobs": {"content": listed, "refusal": None} if kind == "sure" else None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 171,
            "completion_tokens": 9,
            "total_tokens": 180,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
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
    share = (number % 997 + 1) / 998
    fields = {
        "ID": (number * 2_654_435_761 % 2**31).cast(pl.String).str.zfill(32),
        "NUMBER": number.cast(pl.String),
        "LABEL": pl.Series(list(workload.LABELS)).gather(number % len(workload.LABELS)),
        "TONE": pl.Series(list(_TONES)).gather(number % len(_TONES)),
        "-77701.0": share.log().cast(pl.String),
        "-77702.0": (1 - share / 2).log().cast(pl.String),
    }
    return workload._filled(json.dumps(line) + "\n", fields)


def _build(kind: str, place: Path, table: Path) -> None:
    import rowbatch

    # An earlier version knows no confidence.
    more: dict[str, Any] = {"confidence": True} if kind == "sure" else {}
    made = rowbatch.create(
        table,
        text="text",
        codebook=codebook(is_sure=kind == "sure"),
        provider="openai",
        model=workload.MODEL,
        max_tokens=60,
        run=place,
        is_listed=False,
        **more,
    )
    made.build()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--table"]:
        workload.write_table(Path(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1:2] == ["--results"]:
        write_results(Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
    elif sys.argv[1:2] == ["--check"]:
        check(Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    elif sys.argv[1:2] == ["--step"]:
        verb, kind, *places = sys.argv[2:]
        bench_collect._CODEBOOK = codebook(is_sure=kind == "sure")
        if verb == "build":
            _build(kind, *map(Path, places))
        else:
            steps = {
                "download": bench_collect._download,
                "collect": bench_collect._collect,
                "next": bench_collect._next,
            }
            steps[verb](*map(Path, places))
    else:
        main()
