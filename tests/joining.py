"""Result files whose answers are their ids, and tables to join them to."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def results_of(path: Path, ids: Sequence[str]) -> Path:
    """A result for each id; its answer is the id."""
    body = {"choices": [{"message": {"content": "%s"}, "finish_reason": "stop"}]}
    line = json.dumps({"custom_id": "%s", "response": {"status_code": 200, "body": body}})
    path.write_text("".join(line.replace("%s", one) + "\n" for one in ids), encoding="utf-8")
    return path


def table_with(path: Path, columns: Mapping[str, Sequence[Any]]) -> Path:
    """A CSV file of these columns, and a text."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, "text"])
        writer.writerows([*row, "some text"] for row in zip(*columns.values(), strict=True))
    return path
