"""
How others do it, for the benchmarks: a program of its own for each, so that its memory is its own.

    python benchmarks/peers.py NAME ARGUMENTS

`original-*` is the method of the web app that rowbatch grew from: a data frame, row by row. `openai-batch`
and `batch-openai` are the libraries of these names, used as their own documentation shows.
"""

from __future__ import annotations

import csv
import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from workload import MODEL, SYSTEM

_MAX_LINES = 50_000


def original_convert(table: str, out: str) -> None:
    """pandas, row by row."""
    import pandas as pd

    lines = []
    for number, row in pd.read_csv(table).iterrows():
        request = {
            "custom_id": f"row-{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {
                "model": MODEL,
                "messages": [
                    {"role": "system", "content": SYSTEM},
                    {"role": "user", "content": f"Tweet in {row['lang']}:\n{row['text']}"},
                ],
                "temperature": 0,
                "max_tokens": 60,
            },
        }
        lines.append(json.dumps(request))
    Path(out).write_text("\n".join(lines))


def original_split(source: str, out: str) -> None:
    """Read the whole, cut it at line ends of any kind, zip the parts: it has no other output."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in _original_parts(source):
            archive.writestr(name, part)


def original_split_folder(source: str, out: str) -> None:
    """The same without its zip."""
    folder = Path(out)
    folder.mkdir(exist_ok=True)
    for name, part in _original_parts(source):
        (folder / name).write_text(part, encoding="utf-8")


def _original_parts(source: str) -> Iterator[tuple[str, str]]:
    lines = Path(source).read_text(encoding="utf-8").splitlines()
    for start in range(0, len(lines), _MAX_LINES):
        yield f"part_{start}.jsonl", "\n".join(lines[start : start + _MAX_LINES])


def original_extract(results: str, _table: str, out: str) -> None:
    """Read the whole, json.loads a line, two columns, no join."""
    import pandas as pd

    rows = []
    for path in sorted(Path(results).glob("*.output.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            found = json.loads(line)
            content = found["response"]["body"]["choices"][0]["message"]["content"]
            rows.append({"custom_id": found["custom_id"], "content": content})
    pd.DataFrame(rows).to_csv(out, index=False)


def openai_batch_convert(table: str, out: str) -> None:
    """openai-batch 0.3.4, with the csv module."""
    from openai_batch import Batch
    from openai_batch.providers import get_provider_by_model

    folder = Path(out)
    folder.mkdir(exist_ok=True)
    provider = get_provider_by_model(MODEL)
    batch: Any = None
    with Path(table).open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file)):
            if number % _MAX_LINES == 0:
                if batch is not None:
                    batch.__exit__(None, None, None)
                batch = Batch(
                    submission_input_file=str(folder / f"{number}.jsonl"),
                    custom_id_prefix="row",
                    provider=provider,
                )
            batch.add_to_batch(
                model=MODEL,
                messages=[
                    {"role": "system", "content": SYSTEM},
                    {"role": "user", "content": f"Tweet in {row['lang']}:\n{row['text']}"},
                ],
                temperature=0,
                max_tokens=60,
            )
    batch.__exit__(None, None, None)


def batch_openai_extract(results: str, table: str, out: str) -> None:
    """batch-openai 0.4.0: its result, parsed and joined to the source, written by the csv module."""
    from batch_openai import BatchResult
    from pydantic import BaseModel

    class Answer(BaseModel):
        label: str
        reason: str

    lines = []
    for path in sorted(Path(results).glob("*.jsonl")):
        with path.open(encoding="utf-8") as file:
            lines += [json.loads(line) for line in file]
    result = BatchResult._from_jsonl_lines(lines)
    answers = dict(zip((item.custom_id for item in result.succeeded), result.parse(Answer), strict=True))
    with Path(table).open(newline="", encoding="utf-8") as file:
        rows = list(enumerate(csv.DictReader(file), start=1))
    joined = result.join(rows, key=lambda numbered: f"row-{numbered[0]}")
    with Path(out).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for item in joined:
            answer = answers.get(item.output.custom_id) if item.output else None
            writer.writerow(
                [*item.input[1].values(), *((answer.label, answer.reason) if answer else ("", ""))]
            )


def limit_extract(results: str, table: str, out: str) -> None:
    """Read every line of the results, and copy the table."""
    for path in sorted(Path(results).glob("*.jsonl")):
        with path.open("rb") as file:
            for _ in file:
                pass
    with Path(table).open("rb") as source, Path(out).open("wb") as target:
        while block := source.read(1 << 20):
            target.write(block)


METHODS: dict[str, Callable[..., None]] = {
    "original-convert": original_convert,
    "original-split": original_split,
    "original-split-folder": original_split_folder,
    "original-extract": original_extract,
    "openai-batch": openai_batch_convert,
    "batch-openai": batch_openai_extract,
    "limit-extract": limit_extract,
}

if __name__ == "__main__":
    METHODS[sys.argv[1]](*sys.argv[2:])
