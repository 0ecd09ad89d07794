"""What the ids of results prove, and what they don't: no answer stands in another row by a guess."""

from __future__ import annotations

import csv
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import cases
from converting import convert
from joining import results_of, table_with
from rowbatch.errors import InputError
from rowbatch.tools.convert import duplicates_path
from rowbatch.tools.extract import extract

BY_ID = "name the column whose values are in the ids with --id COLUMN"


def answers_in(path: Path) -> list[str]:
    """What stands beside each row."""
    with path.open(encoding="utf-8", newline="") as file:
        return [row["content"] for row in csv.DictReader(file)]


def said_of(tmp_path: Path, ids: list[str], columns: dict[str, list[object]], **how: object) -> InputError:
    """The error that such ids are beside such a table; nothing is written."""
    results = results_of(tmp_path / "o.jsonl", ids)
    table = table_with(tmp_path / "t.csv", columns)
    with pytest.raises(InputError) as caught:
        extract([results], tmp_path / "out.csv", join=table, **how)  # type: ignore[arg-type]
    assert not (tmp_path / "out.csv").exists()
    return caught.value


@pytest.mark.parametrize(
    ("prefix", "shown"),
    [("comment-", "{}"), ("comment-", "0{}"), ("comment-", "comment-{}"), ("row-", "{}"), ("", "{}")],
)
def test_ids_made_of_a_column_are_not_taken_for_row_numbers(tmp_path, prefix, shown):
    """
    Ids that a column holds too, in another order, may be of either: that is said with an example.
    """
    cells = [shown.format(number) for number in (3, 1, 2)]
    error = said_of(
        tmp_path, [f"{prefix}{number}" for number in (3, 1, 2)], {"rating": [5, 5, 4], "id": cells}
    )
    assert "the column 'id'" in error.message
    assert f"{prefix}3 would be row 3 or row 1" in error.message
    assert BY_ID in error.hint
    assert "--first-number 1" in error.hint


def test_one_who_knows_that_ids_are_row_numbers_says_so(tmp_path):
    """
    With the number of the first row said, the ids are row numbers, whatever the columns hold.
    """
    results = results_of(tmp_path / "o.jsonl", ["row-3", "row-1", "row-2"])
    table = table_with(tmp_path / "t.csv", {"id": [3, 1, 2]})
    extract([results], tmp_path / "out.csv", join=table, first_number=1)
    assert answers_in(tmp_path / "out.csv") == ["row-1", "row-2", "row-3"]


def test_an_index_with_gaps_is_no_row_number(tmp_path):
    """
    An index that was kept when rows were dropped, and whose column is gone: nothing is joined.
    """
    ids = ["row-1", "row-2", "row-4", "row-5"]
    error = said_of(tmp_path, ids, {"code": ["a", "b", "c", "d"]})
    assert "4 rows" in error.message
    assert "row-5" in error.message
    error = said_of(tmp_path, ["row-0", "row-1", "row-3"], {"code": ["a", "b", "c"]})
    assert "row-0 and row-3 are both there" in error.message


@pytest.mark.parametrize(
    "ids",
    [
        pytest.param(["doc-1-s-1", "doc-1-s-2", "doc-2-s-1", "doc-2-s-2"], id="two-keys"),
        pytest.param(["1_run0", "1_run1", "2_run0", "2_run1"], id="runs-of-a-row"),
        pytest.param(["row-1-try-1", "row-2-try-1", "row-3-try-1", "row-4-try-1"], id="tries"),
        pytest.param(["1-gpt-4", "2-gpt-4", "3-gpt-4", "4-gpt-4"], id="a-model-with-a-number"),
        pytest.param(["a-1-1", "a-1-2", "a-1-3", "a-2-4"], id="one-only"),
    ],
)
@pytest.mark.parametrize("first_number", [None, 1])
def test_ids_with_two_numbers_that_differ_are_not_joined(tmp_path, ids, first_number):
    """
    Where an id has another number that differs, the one at its end is not the row; nobody can say it is.
    """
    error = said_of(tmp_path, ids, {"code": ["a", "b", "c", "d"]}, first_number=first_number)
    assert "more than one number that differs" in error.message
    assert BY_ID in error.hint


def test_ids_without_row_numbers_are_not_joined(tmp_path):
    """
    When most results belong to no row, that is an error, and no table of empty cells.
    """
    error = said_of(tmp_path, ["a1b2-x", "c3d4-y", "row-1"], {"code": ["a", "b"]})
    assert "2 of 3 results have an id that is no row number, as in 'a1b2-x'" in error.message
    assert BY_ID in error.hint
    assert "tweet-1846" in said_of(tmp_path, ["tweet-1846", "tweet-1200"], {"code": ["a", "b"]}).message


@pytest.mark.parametrize(
    ("ids", "answers"),
    [
        pytest.param(["r1", "r2", "r3", "r4"], ["r1", "r2", "r3", "r4"], id="all-from-one"),
        pytest.param(["r3", "r0", "r1", "r2"], ["r0", "r1", "r2", "r3"], id="all-from-zero"),
        pytest.param(["r2", "r4"], ["", "r2", "", "r4"], id="the-last-row"),
        pytest.param(["r2", "r0"], ["r0", "", "r2", ""], id="row-zero"),
        pytest.param(["row-2"], ["", "row-2", "", ""], id="our-own"),
    ],
)
def test_row_numbers_that_are_proved_are_joined(tmp_path, ids, answers):
    """
    All rows, or one end of the table, or the form that convert writes, show where the ids begin.
    """
    results = results_of(tmp_path / "o.jsonl", ids)
    table = table_with(tmp_path / "t.csv", {"code": [5, 5, 3, 1], "name": ["a1", "b2", "c3", "d4"]})
    extract([results], tmp_path / "out.csv", join=table)
    assert answers_in(tmp_path / "out.csv") == answers


def test_numbers_that_may_begin_at_zero_or_one_are_asked_about(tmp_path):
    """
    Without the first or the last row, ids of another form could each be the neighbour.
    """
    error = said_of(tmp_path, ["r1", "r2"], {"code": ["a", "b", "c"]})
    assert "from r1 to r2 may count the 3 rows" in error.message
    assert "--first-number 0 or 1" in error.hint


@pytest.mark.parametrize("numbers", [[1, 2, 3, 4], [0, 1, 2, 3]], ids=["from-one", "from-zero"])
@pytest.mark.parametrize(
    "ids", [["row-1", "row-2", "row-3", "row-4"], ["row-1", "row-3"]], ids=["all", "some"]
)
def test_a_column_that_counts_the_rows_is_no_doubt(tmp_path, numbers, ids):
    """
    Beside a column of row numbers, or an index that pandas wrote, what convert's ids mean is clear.
    """
    results = results_of(tmp_path / "o.jsonl", ids)
    table = table_with(
        tmp_path / "t.csv", {"": numbers, "rank": [4, 2, 1, 3]} if numbers[0] else {"": numbers}
    )
    extract([results], tmp_path / "out.csv", join=table)
    assert answers_in(tmp_path / "out.csv") == [
        one if one in ids else "" for one in ("row-1", "row-2", "row-3", "row-4")
    ]


def test_what_was_asked_once_for_equal_rows_is_known_to_be_ours(tmp_path):
    """
    With the list of duplicates that convert wrote, its ids need no other proof.
    """
    path = tmp_path / "t.csv"
    path.write_text("id,text\n3,a\n1,b\n2,a\n4,c\n", encoding="utf-8")
    requests = tmp_path / "requests.jsonl"
    convert(path, requests, text="text", model="m", id_prefix="wave-", dedupe=True)
    results = results_of(tmp_path / "o.jsonl", ["wave-1", "wave-2"])
    extract([results], tmp_path / "out.csv", join=path, duplicates=duplicates_path(requests))
    assert answers_in(tmp_path / "out.csv") == ["wave-1", "wave-2", "wave-1", ""]


def test_a_column_is_followed_over_many_rows(tmp_path):
    """
    In a table of several chunks, a key column is found whose order differs in its last rows only.
    """
    numbers = list(range(1, 45_001))
    results = results_of(tmp_path / "o.jsonl", [f"row-{number}" for number in numbers])
    table = tmp_path / "t.csv"
    pl.DataFrame({"id": [*numbers[:-2], 45_000, 44_999], "half": [n // 2 for n in numbers]}).write_csv(table)
    with pytest.raises(InputError, match="row-45000 would be row 45,000 or row 44,999"):
        extract([results], tmp_path / "out.csv", join=table)
    pl.DataFrame({"id": numbers, "half": [n // 2 for n in numbers]}).write_csv(table)
    assert extract([results], tmp_path / "out.csv", join=table).statuses.total() == 45_000


@given(st.permutations(range(1, 6)), st.sampled_from(["row-", "x"]), st.sets(st.integers(1, 5), min_size=1))
@settings(max_examples=cases(50, 1_000), deadline=None)
def test_no_answer_stands_beside_another_key(tmp_path_factory, keys, prefix, answered):
    """
    Whatever part of a key column's ids came back: each answer stands beside its key, or nothing is joined.
    """
    folder = tmp_path_factory.getbasetemp()
    results = results_of(folder / "k.jsonl", [f"{prefix}{number}" for number in sorted(answered)])
    table = table_with(folder / "k.csv", {"key": list(keys)})
    try:
        extract([results], folder / "k-out.csv", join=table, overwrite=True)
    except InputError:
        return
    for key, answer in zip(keys, answers_in(folder / "k-out.csv"), strict=True):
        assert answer == (f"{prefix}{key}" if key in answered else "")
