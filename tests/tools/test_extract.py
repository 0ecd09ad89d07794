"""Result files become a table."""

from __future__ import annotations

import csv
import json
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import cases
from converting import convert
from rowbatch.core.states import RowStatus
from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import InputError, OutputExists, StorageError, TableError, UsageError
from rowbatch.tools.extract import extract

SHARED = Path(os.environ.get("ROWBATCH_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
HEADER = ["custom_id", "content", "status", "status_reason"]
OUTSIDE = ["", "missing", "in no result file"]


def ok(custom_id: str, content: str) -> bytes:
    body = {"choices": [{"message": {"content": content}, "finish_reason": "stop"}]}
    line = {"custom_id": custom_id, "response": {"status_code": 200, "body": body}, "error": None}
    return json.dumps(line, ensure_ascii=False).encode()


def failed(custom_id: str, message: str = "No such model.") -> bytes:
    body = {"error": {"message": message}}
    return json.dumps({"custom_id": custom_id, "response": {"status_code": 404, "body": body}}).encode()


def expired(custom_id: str) -> bytes:
    return json.dumps(
        {"custom_id": custom_id, "error": {"code": "batch_expired", "message": "Late."}}
    ).encode()


def write(path: Path, lines: Sequence[bytes]) -> Path:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def table_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    path = tmp_path / "posts.csv"
    path.write_text('id,post\n007,"a\n""b"""\n1e5,\nNA,c\n', encoding="utf-8")
    return path


def test_every_line_is_a_row_in_the_order_of_the_files(tmp_path):
    """
    Without a table, each line is a row with its status, file by file.
    """
    first = write(
        tmp_path / "o.jsonl", [ok("row-3", "x"), ok("any id, 中", 'say "é"\r\n\u2028'), ok("row-3", "y")]
    )
    second = write(tmp_path / "e.jsonl", [failed("row-9"), expired("row-1")])
    report = extract([first, second], tmp_path / "out.csv")
    assert table_of(tmp_path / "out.csv") == [
        HEADER,
        ["row-3", "x", "ok", ""],
        ["any id, 中", 'say "é"\r\n\u2028', "ok", ""],
        ["row-3", "y", "ok", ""],
        ["row-9", "", "error", "404: No such model."],
        ["row-1", "", "expired", "batch_expired: Late."],
    ]
    assert (report.rows, report.results) == (5, 5)
    assert report.statuses == {RowStatus.OK: 3, RowStatus.ERROR: 1, RowStatus.EXPIRED: 1}
    assert report.reasons == {"404: No such model.": 1, "batch_expired: Late.": 1}
    assert (report.repeated_ids, report.differing_ids) == (1, 1)


@pytest.mark.parametrize("prefix", ["row-", "request-", "", "study1-", "2024-05-", "é 中_", "a\nb"])
def test_join_finds_the_row_by_its_number(posts, tmp_path, prefix):
    """
    All columns and rows of the table come back in order, whatever stands before the number.
    """
    results = write(tmp_path / "o.jsonl", [ok(f"{prefix}3", "C"), failed(f"{prefix}1")])
    report = extract([results], tmp_path / "out.csv", join=posts)
    assert table_of(tmp_path / "out.csv") == [
        ["id", "post", *HEADER[1:]],
        ["007", 'a\n"b"', "", "error", "404: No such model."],
        ["1e5", "", *OUTSIDE],
        ["NA", "c", "C", "ok", ""],
    ]
    assert (report.rows, report.results, report.unknown_ids) == (3, 2, 0)
    assert report.statuses == {RowStatus.OK: 1, RowStatus.ERROR: 1, RowStatus.MISSING: 1}
    assert not report.counts_from_zero


def test_what_convert_wrote_is_joined_again(posts, tmp_path):
    """
    The ids that convert gives, with any prefix that it takes, lead back to the rows.
    """
    requests = tmp_path / "requests.jsonl"
    convert(posts, requests, text="id", model="m", id_prefix="wave 2: ")
    sent = [json.loads(line) for line in requests.read_bytes().splitlines()]
    answers = [ok(line["custom_id"], line["body"]["messages"][0]["content"]) for line in sent]
    results = write(tmp_path / "o.jsonl", answers[::-1])
    extract([results], tmp_path / "out.csv", join=posts)
    assert [(row[0], row[2]) for row in table_of(tmp_path / "out.csv")[1:]] == [
        (cell, cell) for cell in ("007", "1e5", "NA")
    ]


def test_ids_that_count_from_zero(posts, tmp_path):
    """
    Where there is a number 0, the first row is number 0, and it is said so.
    """
    results = write(tmp_path / "o.jsonl", [ok("request-2", "C"), ok("request-0", "A"), ok("warm-up", "?")])
    report = extract([results], tmp_path / "out.csv", join=posts)
    assert [row[2] for row in table_of(tmp_path / "out.csv")[1:]] == ["A", "", "C"]
    assert report.counts_from_zero
    assert report.unknown == ["warm-up"]


def test_ids_that_count_from_zero_and_from_one(posts, tmp_path):
    """
    With a number 0 and that of the last row, every row could be its neighbour: that is asked, not guessed.
    """
    results = write(tmp_path / "o.jsonl", [ok(f"row-{number}", str(number)) for number in range(4)])
    with pytest.raises(InputError, match="row-0 and row-3 are both there"):
        extract([results], tmp_path / "out.csv", join=posts)
    assert not (tmp_path / "out.csv").exists()
    report = extract([results], tmp_path / "out.csv", join=posts, first_number=0)
    assert [row[2] for row in table_of(tmp_path / "out.csv")[1:]] == ["0", "1", "2"]
    assert (report.counts_from_zero, report.unknown) == (True, ["row-3"])
    report = extract([results], tmp_path / "out.csv", join=posts, first_number=1, overwrite=True)
    assert [row[2] for row in table_of(tmp_path / "out.csv")[1:]] == ["1", "2", "3"]
    assert (report.counts_from_zero, report.unknown) == (False, ["row-0"])


def test_ids_are_told_as_they_are_spelled(tmp_path):
    """
    An id that a message names can be searched for in the file: its number has no commas.
    """
    table = tmp_path / "posts.csv"
    table.write_text("id\n" + "".join(f"{number}\n" for number in range(1000)))
    results = write(tmp_path / "o.jsonl", [ok(f"row-{number}", "A") for number in (0, 1000)])
    with pytest.raises(InputError, match=r"row-0 and row-1000 are both there, but .* has 1,000 rows"):
        extract([results], tmp_path / "out.csv", join=table)


@pytest.mark.parametrize(
    ("lines", "kept", "repeated", "differing"),
    [
        pytest.param([ok("row-1", "x"), ok("row-1", "x")], ("x", "ok"), 1, 0, id="the-same"),
        pytest.param([ok("row-1", "x"), ok("row-1", "y")], ("x", "ok"), 1, 1, id="the-first-of-two"),
        pytest.param([ok("row-1", "x"), failed("row-1")], ("x", "ok"), 1, 1, id="ok-before-an-error"),
        pytest.param([failed("row-1"), ok("row-1", "x")], ("x", "ok"), 1, 1, id="ok-after-an-error"),
        pytest.param([failed("row-1"), expired("row-1")], ("", "error"), 1, 1, id="two-errors"),
        pytest.param(
            [expired("row-1"), ok("row-1", "x"), ok("row-1", "y")], ("x", "ok"), 2, 2, id="the-first-ok"
        ),
    ],
)
@pytest.mark.parametrize("files", [1, 2])
def test_of_repeated_ids_one_is_kept(posts, tmp_path, lines, kept, repeated, differing, files):
    """
    An ok answer beats an error, else the first counts; the others are counted, in one file or two.
    """
    paths = [write(tmp_path / "a.jsonl", lines)]
    if files == 2:
        paths = [write(tmp_path / "a.jsonl", lines[:1]), write(tmp_path / "b.jsonl", lines[1:])]
    report = extract(paths, tmp_path / "out.csv", join=posts)
    assert tuple(table_of(tmp_path / "out.csv")[1][2:4]) == kept
    assert (report.repeated_ids, report.differing_ids) == (repeated, differing)
    assert report.rows == 3


def test_ids_of_no_row_are_listed(posts, tmp_path):
    """
    Where the ids are said to be row numbers, an answer that belongs to no row is listed by its id.
    """
    strange = ["row-4", "row-123456789", "row-99999999999999999", "warm-up", "row-1b", "row-", "row--"]
    results = write(tmp_path / "o.jsonl", [ok("row-1", "A"), *(ok(name, "?") for name in strange)])
    report = extract([results], tmp_path / "out.csv", join=posts, first_number=1)
    assert [row[2] for row in table_of(tmp_path / "out.csv")[1:]] == ["A", "", ""]
    assert report.unknown_ids == len(strange)
    assert set(report.unknown) == set(strange)


def test_two_experiments_are_not_mixed(posts, tmp_path):
    """
    Of ids that differ before the number, only the commonest are rows; the others are listed.
    """
    lines = [ok("b-1", "?"), ok("a-1", "A"), ok("a-3", "B"), ok("e4f-3", "?")]
    report = extract([write(tmp_path / "o.jsonl", lines)], tmp_path / "out.csv", join=posts)
    assert [row[2] for row in table_of(tmp_path / "out.csv")[1:]] == ["A", "", "B"]
    assert sorted(report.unknown) == ["b-1", "e4f-3"]
    assert report.repeated_ids == 0


@pytest.mark.parametrize("order", [["b-1", "a-3"], ["a-3", "b-1"]])
def test_of_two_experiments_of_one_size_always_the_same_counts(posts, tmp_path, order):
    """
    Which one it is does not depend on the order of the lines.
    """
    results = write(tmp_path / "o.jsonl", [ok(name, name) for name in order])
    report = extract([results], tmp_path / "out.csv", join=posts, first_number=1)
    assert [row[2] for row in table_of(tmp_path / "out.csv")[1:]] == ["", "", "a-3"]
    assert report.unknown == ["b-1"]


def test_only_the_first_unknown_ids_are_kept(posts, tmp_path):
    """
    A wrong table does not fill the memory with names: 20 are shown, all are counted.
    """
    results = write(tmp_path / "o.jsonl", [ok(f"row-{n}", "x") for n in range(1, 1_001)])
    report = extract([results], tmp_path / "out.csv", join=posts, first_number=1)
    assert (report.unknown_ids, len(report.unknown)) == (997, 20)


@pytest.mark.parametrize("join", [False, True])
def test_unreadable_lines_are_listed_with_their_place(posts, tmp_path, join):
    """
    A line that is no result costs itself only, and is listed with its file and line.
    """
    first = write(tmp_path / "a.jsonl", [ok("row-1", "A"), b"", ok("row-2", "B")[:-9], b'{"id": 1}'])
    second = write(tmp_path / "b.jsonl", [b"[" * 5_000, ok("row-3", "C"), b"\xff\xfe"])
    report = extract([first, second], tmp_path / "out.csv", join=posts if join else None)
    assert [(path, line) for path, line, _ in report.unreadable] == [
        (first, 3),
        (first, 4),
        (second, 1),
        (second, 3),
    ]
    assert all(why for *_, why in report.unreadable)
    assert (report.results, report.unreadable_lines) == (2, 4)
    contents = [row[2 if join else 1] for row in table_of(tmp_path / "out.csv")[1:]]
    assert contents == (["A", "", "C"] if join else ["A", "C"])


def test_columns_of_the_table_keep_their_names(tmp_path):
    """
    Where the table has our names already, ours are other ones, and nothing is replaced.
    """
    table = tmp_path / "t.csv"
    table.write_text("status,content,rowbatch_status,status\nold,mine,x,y\n", encoding="utf-8")
    extract([write(tmp_path / "o.jsonl", [ok("row-1", "new")])], tmp_path / "out.csv", join=table)
    assert table_of(tmp_path / "out.csv") == [
        [
            *("status", "content", "rowbatch_status", "status"),
            *("rowbatch_content", "rowbatch_rowbatch_status", "status_reason"),
        ],
        ["old", "mine", "x", "y", "new", "ok", ""],
    ]


def test_a_table_in_another_encoding_comes_out_as_utf_8(tmp_path):
    """
    The table to join is read as it is said to be, and written as UTF-8 with commas.
    """
    table = tmp_path / "t.csv"
    table.write_bytes("né;b\nü;1,5\n".encode("cp1252"))
    results = write(tmp_path / "o.jsonl", [ok("row-1", "中")])
    extract(
        [results], tmp_path / "out.csv", join=table, reading=ReadOptions(encoding="cp1252", delimiter=";")
    )
    assert table_of(tmp_path / "out.csv") == [["né", "b", *HEADER[1:]], ["ü", "1,5", "中", "ok", ""]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"\n\r\n", "is empty", id="blank-lines"),
        pytest.param(b"id,post\n1,x\n", "none of the 2 lines is a result", id="a-table"),
        pytest.param(b"\x1f\x8b\x08\x00\n", "none of the 1 lines is a result", id="gzip"),
    ],
)
@pytest.mark.parametrize("join", [False, True])
def test_a_file_without_results_is_an_error(posts, tmp_path, content, said, join):
    """
    A file that holds no result at all is the wrong file, and makes no table.
    """
    (tmp_path / "o.jsonl").write_bytes(content)
    with pytest.raises(InputError) as caught:
        extract([tmp_path / "o.jsonl"], tmp_path / "out.csv", join=posts if join else None)
    assert said in caught.value.message
    assert caught.value.hint
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["o.jsonl", "posts.csv"]


def test_an_output_file_may_be_empty_when_all_failed(tmp_path):
    """
    When every request was refused, the output file is empty and the error file has them all.
    """
    output, errors = write(tmp_path / "o.jsonl", []), write(tmp_path / "e.jsonl", [failed("row-1")])
    report = extract([output, errors], tmp_path / "out.csv")
    assert report.statuses == {RowStatus.ERROR: 1}


def test_files_that_cannot_be_used(posts, tmp_path):
    """
    A missing result file, a folder, and a missing or broken table are one error each, and write nothing.
    """
    results, out = write(tmp_path / "o.jsonl", [ok("row-1", "x")]), tmp_path / "out.csv"
    with pytest.raises(InputError, match="does not exist"):
        extract([results, tmp_path / "none.jsonl"], out)
    with pytest.raises(InputError, match="is a folder"):
        extract([tmp_path], out)
    with pytest.raises(InputError, match="does not exist"):
        extract([results], out, join=tmp_path / "none.csv")
    posts.write_text("a,b\n1,2\n3\n", encoding="utf-8")
    with pytest.raises(TableError, match="line 3"):
        extract([results], out, join=posts)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["o.jsonl", "posts.csv"]


def test_an_output_is_replaced_only_on_request(posts, tmp_path):
    """
    An existing table is refused without leave; a result file is never replaced.
    """
    results, out = write(tmp_path / "o.jsonl", [ok("row-1", "x")]), tmp_path / "out.csv"
    out.write_text("mine", encoding="utf-8")
    for join in (None, posts):
        with pytest.raises(OutputExists):
            extract([results], out, join=join)
        with pytest.raises(UsageError, match="would be replaced"):
            extract([results], results, join=join, overwrite=True)
    with pytest.raises(UsageError, match="would be replaced"):
        extract([results], posts, join=posts, overwrite=True)
    assert out.read_text(encoding="utf-8") == "mine"
    assert results.read_bytes() == ok("row-1", "x") + b"\n"
    extract([results], out, overwrite=True)
    assert table_of(out)[1:] == [["row-1", "x", "ok", ""]]


@pytest.mark.parametrize("join", [False, True])
def test_a_full_disk_leaves_the_old_output(posts, tmp_path, monkeypatch, join):
    """
    When a write fails in the middle, the old table stays as it was.
    """
    results, out = write(tmp_path / "o.jsonl", [ok("row-1", "x")]), tmp_path / "out.csv"
    out.write_text("old", encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rowbatch.tables.csv_writer.CsvWriter.write", full)
    # The file it was writing is named, and not the one it was reading.
    with pytest.raises(StorageError, match=r"no space left.*out\.csv"):
        extract([results], out, join=posts if join else None, overwrite=True)
    assert out.read_text(encoding="utf-8") == "old"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["o.jsonl", "out.csv", "posts.csv"]


CELL = st.text(st.one_of(st.sampled_from('",\n\r;é中🙂\u2028 '), st.characters(codec="utf-8")), max_size=6)


@given(
    rows=st.lists(
        st.tuples(CELL, CELL).map(lambda row: [c.replace("\0", "") for c in row]), min_size=1, max_size=9
    ),
    answers=st.dictionaries(st.integers(1, 9), CELL, min_size=1),
    chance=st.randoms(use_true_random=False),
)
@settings(max_examples=cases(50, 1_000), deadline=None)
def test_no_row_and_no_answer_is_lost(tmp_path_factory, rows, answers, chance):
    """
    Whatever the order of the results: every row once, every answer in its row or listed.
    """
    folder = tmp_path_factory.getbasetemp()
    with (folder / "t.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["a", "b"], *rows])
    order = list(answers)
    chance.shuffle(order)
    results = write(folder / "o.jsonl", [ok(f"row-{number}", answers[number]) for number in order])
    report = extract([results], folder / "out.csv", join=folder / "t.csv", first_number=1, overwrite=True)
    written = table_of(folder / "out.csv")[1:]
    assert [row[:2] for row in written] == rows
    assert [row[2:4] for row in written] == [
        [answers[number], "ok"] if number in answers else ["", "missing"]
        for number in range(1, len(rows) + 1)
    ]
    assert report.unknown_ids == sum(number > len(rows) for number in answers)
    assert report.statuses.total() == report.rows == len(rows)


def test_many_results_in_any_order(tmp_path):
    """
    More rows than a chunk, in any order, over two files: each answer in its own row.
    """
    table, count = tmp_path / "t.csv", 45_000
    table.write_text("n,b\n" + "".join(f"{n},x\n" for n in range(1, count + 1)), encoding="utf-8")
    numbers = list(range(1, count + 1))
    random.Random(1).shuffle(numbers)
    lines = [ok(f"row-{n}", f"answer {n}") if n % 10 else failed(f"row-{n}", f"no {n}") for n in numbers]
    paths = [write(tmp_path / "a.jsonl", lines[:30_000]), write(tmp_path / "b.jsonl", lines[30_000:])]
    report = extract(paths, tmp_path / "out.csv", join=table)
    assert table_of(tmp_path / "out.csv")[1:] == [
        [str(n), "x", *([f"answer {n}", "ok", ""] if n % 10 else ["", "error", f"404: no {n}"])]
        for n in range(1, count + 1)
    ]
    # Reasons are samples for people: beyond 1,000 different ones they are not all kept.
    assert len(report.reasons) == 1_000
    extract(paths, tmp_path / "all.csv")
    assert [row[0] for row in table_of(tmp_path / "all.csv")[1:]] == [f"row-{n}" for n in numbers]


@pytest.mark.parametrize("name", ["chat_gpt4o_65", "chat_mini_3", "groq_3"])
def test_real_results(tmp_path, name):
    """
    Real batches give as many answers as were counted by hand, with the texts that json reads.
    """
    output = SHARED / "batch" / name / "output.jsonl"
    if not output.exists():
        pytest.skip("the shared data are not here (ROWBATCH_SHARED_DATA)")
    expected = json.loads((SHARED / "expected.json").read_bytes())["batch_files"][name]["output.jsonl"]
    report = extract([output], tmp_path / "out.csv")
    assert report.results == report.rows == expected["lines"]
    assert report.statuses == {RowStatus.OK: expected["finish"]["stop"]}
    assert (report.unreadable_lines, report.repeated_ids) == (0, 0)
    lines: list[dict[str, Any]] = [json.loads(line) for line in output.read_bytes().split(b"\n")[:-1]]
    assert table_of(tmp_path / "out.csv")[1:] == [
        [line["custom_id"], line["response"]["body"]["choices"][0]["message"]["content"], "ok", ""]
        for line in lines
    ]


@pytest.mark.parametrize(("name", "zero"), [("chat_gpt4o_65", True), ("groq_3", False)])
def test_real_results_find_their_requests(tmp_path, name, zero):
    """
    Real batches, counted from 0 or from 1 and in another order, find the rows they were made of.
    """
    folder = SHARED / "batch" / name
    if not folder.exists():
        pytest.skip("the shared data are not here (ROWBATCH_SHARED_DATA)")
    sent = [json.loads(line) for line in (folder / "input.jsonl").read_bytes().splitlines()]
    table = tmp_path / "t.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["id", "x"], *([line["custom_id"], ""] for line in sent)])
    report = extract([folder / "output.jsonl"], tmp_path / "out.csv", join=table)
    came = [json.loads(line) for line in (folder / "output.jsonl").read_bytes().split(b"\n")[:-1]]
    texts = {line["custom_id"]: line["response"]["body"]["choices"][0]["message"]["content"] for line in came}
    assert [(row[0], row[2]) for row in table_of(tmp_path / "out.csv")[1:]] == [
        (line["custom_id"], texts[line["custom_id"]]) for line in sent
    ]
    assert report.counts_from_zero is zero
    assert report.statuses == {RowStatus.OK: len(sent)}
