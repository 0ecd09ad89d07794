"""Several texts in one request: each entry of an answer goes to the row of its id."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

import rowbatch
from rowbatch.errors import UsageError


def answer(name: str, content: Any) -> dict[str, Any]:
    text = content if isinstance(content, str) else json.dumps(content)
    body = {
        "choices": [{"message": {"content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 3},
    }
    return {"custom_id": name, "response": {"status_code": 200, "body": body}, "error": None}


def failure(name: str) -> dict[str, Any]:
    return {"custom_id": name, "response": None, "error": {"code": "batch_expired", "message": "late"}}


def written(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


LINES = [
    failure("b-0"),
    answer("b-1", {"all": [{"input_id": "c7", "tone": "pos"}, {"input_id": "c2", "tone": "neg"}]}),
    answer("b-2", "Sorry, no."),
    answer("b-3", {"all": [{"input_id": "c4", "tone": "neu"}, {"tone": "pos"}]}),
]


def test_each_entry_is_a_row(tmp_path):
    """
    Without a table: a row for each entry with its id, request and place; what is none says why; tokens once.
    """
    results = written(tmp_path / "o.jsonl", LINES)
    out = tmp_path / "out.csv"
    report = rowbatch.extract([results], out, unpack=True, unpack_id="input_id", extras=["usage"])
    assert (report.results, report.rows) == (4, 6)
    assert [
        (row["custom_id"], row["request"], row["entry"], row["tone"], row["status"]) for row in rows_of(out)
    ] == [
        ("b-0", "b-0", "", "", "expired"),
        ("c7", "b-1", "1", "pos", "ok"),
        ("c2", "b-1", "2", "neg", "ok"),
        ("b-2", "b-2", "", "", "invalid"),
        ("c4", "b-3", "1", "neu", "ok"),
        ("b-3", "b-3", "2", "", "invalid"),
    ]
    assert [row["prompt_tokens"] for row in rows_of(out)] == ["", "10", "", "10", "10", ""]


@pytest.mark.parametrize("id_column", ["key", "c{{key}}", None])
def test_entries_go_to_the_rows_of_their_ids(tmp_path, id_column):
    """
    Beside a table: by the column of the ids, whatever the order; what has no id is of no row.
    """
    results = written(tmp_path / "o.jsonl", LINES)
    table = tmp_path / "t.csv"
    table.write_text("key,text\n2,b\n5,x\n7,a\n4,c\n", encoding="utf-8")
    out = tmp_path / "out.csv"
    report = rowbatch.extract([results], out, join=table, id_column=id_column, unpack_id="input_id")
    assert [(row["key"], row["tone"], row["status"]) for row in rows_of(out)] == [
        ("2", "neg", "ok"),
        ("5", "", "missing"),
        ("7", "pos", "ok"),
        ("4", "neu", "ok"),
    ]
    assert sorted(report.unknown) == ["b-0", "b-2", "b-3"]
    assert report.unknown_ids == 3
    assert sum("late" in reason for reason in report.reasons) == 1


def test_entries_by_row_numbers(tmp_path):
    """
    Entries whose ids are the numbers of the rows, in requests whose ids are numbers too.
    """
    lines = [
        answer("row-1", [{"id": 3, "tone": "c"}, {"id": 1, "tone": "a"}]),
        answer("row-2", [{"id": 2, "tone": "b"}]),
    ]
    table = tmp_path / "t.csv"
    table.write_text("text\na\nb\nc\n", encoding="utf-8")
    rowbatch.extract([written(tmp_path / "o.jsonl", lines)], tmp_path / "out.csv", join=table, unpack=True)
    assert [row["tone"] for row in rows_of(tmp_path / "out.csv")] == ["a", "b", "c"]


def test_an_entry_that_comes_twice_is_counted(tmp_path):
    """
    One id in two answers: the first good one counts, as for lines.
    """
    lines = [answer("b-1", [{"id": 1, "t": "x"}]), answer("b-2", [{"id": 1, "t": "y"}, {"id": 2, "t": "z"}])]
    table = tmp_path / "t.csv"
    table.write_text("text\na\nb\n", encoding="utf-8")
    report = rowbatch.extract(
        [written(tmp_path / "o.jsonl", lines)], tmp_path / "out.csv", join=table, unpack=True
    )
    assert [row["t"] for row in rows_of(tmp_path / "out.csv")] == ["x", "z"]
    assert (report.repeated_ids, report.differing_ids) == (1, 1)


def test_what_is_not_packed_is_said(tmp_path):
    """
    Answers without a list stop with what to do, and nothing is written.
    """
    results = written(tmp_path / "o.jsonl", [answer("a", "good"), answer("b", "bad")])
    with pytest.raises(UsageError) as caught:
        rowbatch.extract([results], tmp_path / "out.csv", unpack=True)
    assert caught.value.kind == "packed-no-list"
    assert not (tmp_path / "out.csv").exists()


def test_a_file_of_failures_alone_is_a_table_of_them(tmp_path):
    """
    Where no request was answered there is no list to find, and each failure is a row.
    """
    results = written(tmp_path / "e.jsonl", [failure("b-1"), failure("b-2")])
    report = rowbatch.extract([results], tmp_path / "out.csv", unpack=True)
    assert report.statuses == {"expired": 2}
