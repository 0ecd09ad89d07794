"""Answers go to rows by the values of a column, and to no other row."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rowbatch
from cases import cases
from converting import convert
from joining import results_of, table_with
from rowbatch.errors import InputError, RowbatchError, TableError, UsageError
from rowbatch.tools import row_keys
from rowbatch.tools.convert import duplicates_path
from rowbatch.tools.extract import extract


def joined(tmp_path: Path, ids: list[str], columns: dict[str, list[Any]], **how: Any) -> list[dict[str, str]]:
    """The rows that come out."""
    results = results_of(tmp_path / "o.jsonl", ids)
    table = table_with(tmp_path / "t.csv", columns)
    extract([results], tmp_path / "out.csv", join=table, overwrite=True, **how)
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def answers(rows: list[dict[str, str]]) -> list[str]:
    """What stands beside each row."""
    return [row["content"] for row in rows]


def kind_of(tmp_path: Path, ids: list[str], columns: dict[str, list[Any]], **how: Any) -> str:
    """The error that it is; nothing is written."""
    with pytest.raises(RowbatchError) as caught:
        joined(tmp_path, ids, columns, **how)
    assert not (tmp_path / "out.csv").exists()
    assert caught.value.message
    return caught.value.kind


UUIDS = [f"{number * 7919:08x}-1d2a-4b7e-9a10-{number:012x}" for number in range(1, 6)]


@pytest.mark.parametrize("id_column", ["key", None], ids=["named", "found"])
@pytest.mark.parametrize(
    ("ids", "cells"),
    [
        pytest.param(["tweet-1846", "tweet-1200", "tweet-1733"], [1733, 1846, 1200], id="prefix"),
        pytest.param(["41-gpt-4", "12-gpt-4", "73-gpt-4"], [12, 73, 41], id="suffix"),
        pytest.param(UUIDS, UUIDS[::-1], id="uuids"),
        pytest.param(["DE 1/x", "FR 2/x", "IT 3/x"], ["IT 3", "DE 1", "FR 2"], id="spaces"),
        pytest.param(["007a", "012a", "112a"], ["112", "007", "012"], id="leading-zeros"),
        pytest.param(["c-7", "c-12", "c-112"], ["112.0", "7.0", "12.0"], id="floats-in-the-table"),
        pytest.param(["7.0", "12.0", "112.0"], ["112", "7", "12"], id="floats-in-the-ids"),
        pytest.param(["c-0007", "c-0012", "c-0112"], ["112", "7", "12"], id="zeros-in-the-ids"),
        pytest.param(["row-0", "row-2", "row-5", "row-7"], [0, 2, 5, 7], id="index-with-gaps"),
        pytest.param(["第7条", "第12条", "第112条"], ["112", "7", "12"], id="chinese"),
        pytest.param(["anna", "bob", "carla"], ["carla", "anna", "bob"], id="names"),
    ],
)
def test_answers_go_to_the_rows_of_their_values(tmp_path, ids, cells, id_column):
    """
    A column that has the values of all ids says the row, by its name and, where that is sure, by itself.
    """
    rows = joined(tmp_path, ids, {"rating": [5] * len(cells), "key": cells}, id_column=id_column)
    for row in rows:
        number = row["key"].removesuffix(".0").lstrip("0") or "0"
        assert row["status"] == "ok"
        assert number in row["content"]


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ({"key": [3, 1, 2]}, "ids-of-a-column-in-reach"),
        ({"key": ["3.0", "1.0", "2.0"]}, "ids-of-a-column-in-reach"),
        ({"key": ["c-3", "c-1", "c-2"]}, "ids-of-a-column-in-reach"),
        ({"key": [" 3", "1 ", "2"]}, "ids-of-a-column-in-reach"),
    ],
)
def test_where_both_readings_fit_nothing_is_joined(tmp_path, columns, kind):
    """
    Ids that may be row numbers and values of a column are asked about, however the column writes them.
    """
    assert kind_of(tmp_path, ["c-3", "c-1", "c-2"], columns) == kind


def test_a_cell_that_is_no_id_hides_no_column(tmp_path):
    """
    One cell of another form among the values of ids does not make the ids row numbers.
    """
    kind = kind_of(tmp_path, ["p1", "p3", "p4"], {"key": ["p3", "p1", "test", "p4"]})
    assert kind == "ids-of-a-column-in-reach"


def test_two_columns_with_the_values_are_asked_about(tmp_path):
    """
    The values in two columns in different rows; in the same rows it makes no difference.
    """
    ids = ["n-100", "n-200", "n-300"]
    kind = kind_of(tmp_path, ids, {"one": [100, 200, 300], "other": [300, 200, 100]})
    assert kind == "ids-of-two-columns"
    rows = joined(tmp_path, ids, {"one": [200, 100, 300], "other": ["200.0", "100.0", "300.0"]})
    assert answers(rows) == ["n-200", "n-100", "n-300"]


def test_an_accident_is_no_proof(tmp_path):
    """
    One short value that a column has by chance does not make it the key: a rating, in the wrong table.
    """
    assert kind_of(tmp_path, ["row-5"], {"rating": [5, 3, 4]}) == "ids-of-a-column"
    assert answers(joined(tmp_path, ["row-5"], {"rating": [5, 3, 4]}, id_column="rating")) == [
        "row-5",
        "",
        "",
    ]


def test_digits_are_never_cut(tmp_path):
    """
    `row-12` is not the value 2, and `x21` not the value 1: ids are cut where kinds of characters meet.
    """
    assert kind_of(tmp_path, ["row-12", "row-13"], {"key": [2, 3]}, id_column="key") == "ids-of-no-value"
    assert kind_of(tmp_path, ["21x", "31x"], {"key": [1, 3]}, id_column="key") == "ids-of-no-value"
    assert kind_of(tmp_path, ["xab", "xcd"], {"key": ["ab", "cd"]}, id_column="key") == "ids-of-no-value"


def test_most_ids_without_a_row_are_an_error(tmp_path):
    """
    Ids of a wrong table stop, with one of them; a few that have no row are counted.
    """
    with pytest.raises(InputError) as error:
        joined(tmp_path, ["c-7", "c-8", "c-9"], {"key": [7, 1, 2]}, id_column="key")
    assert "2 of 3 ids have no row" in error.value.message
    assert "'c-8'" in error.value.message
    results = results_of(tmp_path / "o.jsonl", ["c-7", "c-8", "c-1"])
    table = table_with(tmp_path / "t.csv", {"key": [7, 1, 2]})
    report = extract([results], tmp_path / "out.csv", join=table, id_column="key")
    assert (report.id_column, report.unknown_ids, report.unknown) == ("key", 1, ["c-8"])
    assert report.statuses == {"ok": 2, "missing": 1}


def test_values_that_stand_twice(tmp_path):
    """
    A value of an id that stands in two rows stops; another one that does is no fault.
    """
    with pytest.raises(InputError) as error:
        joined(tmp_path, ["c-7", "c-1"], {"key": [7, 1, 7]}, id_column="key")
    assert "'7' stands in the rows 1 and 3 of 'key'" in error.value.message
    rows = joined(tmp_path, ["c-7", "c-1"], {"key": [7, 2, 2, "", "", 1]}, id_column="key")
    assert answers(rows) == ["c-7", "", "", "", "", "c-1"]
    # As numbers 7 and 007 would be one: then only what is the same text counts.
    rows = joined(tmp_path, ["c-7", "c-007", "c-3"], {"key": ["007", "7", "03"]}, id_column="key")
    assert answers(rows) == ["c-007", "c-7", ""]


def test_ids_that_can_be_cut_in_two_ways_are_asked_about(tmp_path):
    """
    `1-2` and `1-2` backwards: which of both numbers is the value cannot be seen.
    """
    kind = kind_of(tmp_path, ["1-2"], {"key": [1, 2]}, id_column="key")
    assert kind == "ids-cut-two-ways"
    assert answers(joined(tmp_path, ["1-2"], {"key": [1, 2]}, id_column="1-{{key}}")) == ["", "1-2"]


def test_a_value_within_a_word_is_asked_about(tmp_path):
    """
    `xa1` may be the value 1, or a1 behind an x: where the column has both, the template says which.
    """
    assert kind_of(tmp_path, ["xa1"], {"key": ["a1", "1"]}, id_column="key") == "ids-cut-two-ways"
    assert answers(joined(tmp_path, ["xa1"], {"key": ["a1", "1"]}, id_column="x{{key}}")) == ["xa1", ""]


def test_results_of_one_row_are_not_those_of_the_first_rows(tmp_path):
    """
    Where the only row that was answered has several results, the number behind its value is no row.
    """
    ids = ["11_0", "11_1", "11_2"]
    assert kind_of(tmp_path, ids, {"key": [10, 11, 12]}) == "ids-begin-with-value"
    assert kind_of(tmp_path, ["p-11_0"], {"key": [10, 11, 12]}) == "id-of-two-numbers"
    rows = joined(tmp_path, ids, {"key": [10, 11, 12]}, several="rows", id_column="{{key}}")
    assert answers(rows) == ["", *ids, ""]


def test_ids_of_two_columns(tmp_path):
    """
    A template says how ids are made of several columns, or what stands around one.
    """
    ids = ["doc-2-s-1", "doc-1-s-1", "doc-1-s-2", "doc-2-s-3", "doc-2-s-2"]
    columns = {"doc": [1, 1, 2, 2, 2], "sent": [1, 2, 1, 2, 3]}
    rows = joined(tmp_path, ids, columns, id_column="doc-{{doc}}-s-{{sent}}")
    assert answers(rows) == [f"doc-{row['doc']}-s-{row['sent']}" for row in rows]
    assert kind_of_new(tmp_path, ids, columns) == "ids-of-two-numbers"
    assert kind_of_new(tmp_path, ids, columns, id_column="doc") == "id-value-twice"
    assert kind_of_new(tmp_path, ids, columns, id_column="{{doc") == "template-brace-alone"
    assert kind_of_new(tmp_path, ids, columns, id_column="") == "id-without-column"
    assert kind_of_new(tmp_path, ids, columns, id_column="dox") == "no-such-column-but-near"


def kind_of_new(tmp_path: Path, ids: list[str], columns: dict[str, list[Any]], **how: Any) -> str:
    """As `kind_of`, after a table was written."""
    (tmp_path / "out.csv").unlink(missing_ok=True)
    return kind_of(tmp_path, ids, columns, **how)


SEVERAL = ["3_run0", "1_run1", "1_run0", "3_run1", "7_run0"]


@pytest.mark.parametrize(
    "how", [{"id_column": "key"}, {"id_column": "{{key}}"}, {}], ids=["named", "template", "found"]
)
def test_several_results_of_a_row(tmp_path, how):
    """
    On demand each result gets a row of its own, or columns of its own; a row without any is there too.
    """
    columns = {"key": [7, 3, 2, 1]}
    rows = joined(tmp_path, SEVERAL, columns, several="rows", **how)
    assert [(row["key"], row["result"], row["content"], row["status"]) for row in rows] == [
        ("7", "run0", "7_run0", "ok"),
        ("3", "run0", "3_run0", "ok"),
        ("3", "run1", "3_run1", "ok"),
        ("2", "", "", "missing"),
        ("1", "run0", "1_run0", "ok"),
        ("1", "run1", "1_run1", "ok"),
    ]
    rows = joined(tmp_path, SEVERAL, columns, several="columns", **how)
    assert [(row["key"], row["content.run0"], row["content.run1"], row["status.run1"]) for row in rows] == [
        ("7", "7_run0", "", "missing"),
        ("3", "3_run0", "3_run1", "ok"),
        ("2", "", "", "missing"),
        ("1", "1_run0", "1_run1", "ok"),
    ]


@pytest.mark.parametrize("ids", [SEVERAL, ["3_run0", "1_run0", "1_run1"]], ids=["many", "one-twice"])
def test_several_results_are_put_into_no_row_unasked(tmp_path, ids):
    """
    Where ids have more in them than the value, that is said, also when most of them would fit.
    """
    assert kind_of(tmp_path, ids, {"key": [7, 3, 2, 1]}, id_column="key") == "ids-of-several-results"
    assert kind_of(tmp_path, ids, {"key": [7, 3, 2, 1]}) == "ids-of-two-numbers"


def test_several_results_by_row_numbers(tmp_path):
    """
    Row numbers with something behind them: those of convert, and others by the number of the first row.
    """
    ids = ["row-2-try-1", "row-1-try-1", "row-2-try-2"]
    rows = joined(tmp_path, ids, {"code": ["a", "b", "c"]}, several="rows")
    assert answers(rows) == ["row-1-try-1", "row-2-try-1", "row-2-try-2", ""]
    ids = ["x2-a", "x1-a", "x2-b"]
    assert kind_of_new(tmp_path, ids, {"code": ["a", "b", "c"]}, several="rows") == "ids-count-from-either"
    rows = joined(tmp_path, ids, {"code": ["a", "b", "c"]}, several="columns", first_number=0)
    assert [row["content.a"] for row in rows] == ["", "x1-a", "x2-a"]
    assert [row["content.b"] for row in rows] == ["", "", "x2-b"]


def test_columns_side_by_side_have_a_bound(tmp_path):
    """
    Results that are all different would make a column each: that is refused, rows are not.
    """
    ids = [f"1-{number}" for number in range(101)]
    kind = kind_of(tmp_path, ids, {"key": [1, 200]}, id_column="{{key}}", several="columns")
    assert kind == "too-many-variants"
    assert len(joined(tmp_path, ids, {"key": [1, 200]}, id_column="{{key}}", several="rows")) == 102


def test_several_results_and_duplicates_do_not_go_together(tmp_path):
    """
    What does not fit together is said before anything is read.
    """
    extra = tmp_path / "d.csv"
    with pytest.raises(UsageError) as caught:
        joined(tmp_path, ["a-1"], {"key": [1]}, several="rows", duplicates=extra)
    assert caught.value.kind == "several-with-duplicates"
    with pytest.raises(UsageError) as caught:
        extract([tmp_path / "o.jsonl"], tmp_path / "out.csv", id_column="key")
    assert caught.value.kind == "id-without-table"


def test_types_are_kept_where_rows_become_more(tmp_path):
    """
    Values of a table with types stand in each of the rows that one row becomes.
    """
    table = tmp_path / "t.parquet"
    pl.DataFrame({"key": [7, 3], "when": [1.5, None]}).write_parquet(table)
    results = results_of(tmp_path / "o.jsonl", ["3_a", "7_a", "7_b"])
    extract([results], tmp_path / "out.parquet", join=table, id_column="key", several="rows")
    out = pl.read_parquet(tmp_path / "out.parquet")
    assert out["key"].to_list() == [7, 7, 3]
    assert out["when"].to_list() == [1.5, 1.5, None]
    assert out["result"].to_list() == ["a", "b", "a"]


def test_lines_for_one_row_are_decided_as_ever(tmp_path):
    """
    An id that comes twice, with an error and an answer, has its answer, also where a row has several results.
    """
    results = tmp_path / "o.jsonl"
    results_of(results, ["7_a", "7_b", "7_a"])
    lines = results.read_text(encoding="utf-8").splitlines()
    lines[0] = json.dumps({"custom_id": "7_a", "error": {"code": "server_error", "message": "no"}})
    results.write_text("\n".join(lines), encoding="utf-8")
    table = table_with(tmp_path / "t.csv", {"key": [7]})
    report = extract([results], tmp_path / "out.csv", join=table, id_column="key", several="rows")
    assert report.statuses == {"ok": 2}
    assert (report.repeated_ids, report.differing_ids) == (1, 1)


def test_large_tables_and_ids_in_parts(tmp_path, monkeypatch):
    """
    More ids than are looked at in one go, over several chunks of a table, find their rows.
    """
    monkeypatch.setattr(row_keys, "_IDS_AT_ONCE", 700)
    numbers = list(range(100_000, 145_000))
    table = tmp_path / "t.csv"
    pl.DataFrame({"key": numbers[::-1]}).write_csv(table)
    results = results_of(tmp_path / "o.jsonl", [f"n-{number}" for number in numbers[:5_000]])
    report = extract([results], tmp_path / "out.csv", join=table)
    assert report.id_column == "key"
    out = pl.read_csv(tmp_path / "out.csv").filter(pl.col("status") == "ok")
    assert (out["content"] == "n-" + out["key"].cast(pl.String)).all()
    assert out.height == 5_000


WORDS = st.from_regex(r"[ab12][ab12_-]{0,3}", fullmatch=True)


@given(
    cells=st.lists(WORDS, min_size=1, max_size=6, unique=True),
    before=st.sampled_from(["", "id-", "x", "1-"]),
    behind=st.sampled_from(["", "-z", "_0"]),
    data=st.data(),
)
@settings(max_examples=cases(50, 1_000), deadline=None)
def test_no_answer_stands_beside_another_value(tmp_path_factory, cells, before, behind, data):
    """
    Whatever the values are, and whatever stands around them: each answer stands beside its own, or nothing is
    joined.
    """
    folder = tmp_path_factory.getbasetemp()
    answered = data.draw(st.lists(st.sampled_from(cells), min_size=1, unique=True))
    for id_column in ("key", before.replace("{", "") + "{{key}}" + behind, None):
        try:
            rows = joined(
                folder, [before + cell + behind for cell in answered], {"key": cells}, id_column=id_column
            )
        except InputError:
            assert id_column is None or "{{" not in id_column
            continue
        for row in rows:
            mine = before + row["key"] + behind
            assert row["content"] == (mine if row["key"] in answered else "")


def test_ids_are_made_of_a_column(tmp_path):
    """
    convert --id writes the values of a column, or of several, and extract finds the rows again, in any order.
    """
    table = table_with(tmp_path / "t.csv", {"doc": ["a", "a", "b"], "sent": [2, 1, 1]})
    requests = tmp_path / "r.jsonl"
    convert_by(table, requests, "{{doc}}_{{sent}}")
    ids = [json.loads(line)["custom_id"] for line in requests.read_text(encoding="utf-8").splitlines()]
    assert ids == ["a_2", "a_1", "b_1"]
    results = results_of(tmp_path / "o.jsonl", ids[::-1])
    rowbatch.extract([results], tmp_path / "out.csv", join=table, id_column="{{doc}}_{{sent}}")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        assert answers(list(csv.DictReader(file))) == ids


def convert_by(table: Path, out: Path, id_column: str, **how: Any) -> None:
    """Requests with ids of a column."""
    rowbatch.convert(table, out, text="text", model="m", id_column=id_column, **how)


@pytest.mark.parametrize(
    ("cells", "kind", "row"),
    [
        (["a", "", "b"], "id-empty", 2),
        (["a", "b", "  "], "id-empty", 3),
        (["a", "b c", "d"], "id-refused", 2),
        (["a", "b", "x" * 65], "id-refused", 3),
        (["é", "b", "c"], "id-refused", 1),
        (["a", "b", "a"], "id-twice", 3),
    ],
)
def test_ids_that_cannot_be_ids_stop_with_their_row(tmp_path, cells, kind, row):
    """
    Empty, refused and repeated ids of a column are errors with the row; nothing is written.
    """
    table = table_with(tmp_path / "t.csv", {"key": cells})
    for limits in (None, "openai"):
        with pytest.raises(TableError) as caught:
            convert_by(table, tmp_path / "r.jsonl", "key", limits=limits)
        assert (caught.value.kind, caught.value.values["row"]) == (kind, row)
        assert not (tmp_path / "r.jsonl").exists()


def test_rows_that_are_not_asked_need_no_id(tmp_path):
    """
    Rows without a text that are left out, and rows that repeat another one, may lack an id.
    """
    table = tmp_path / "t.csv"
    table.write_text("key,text\nk1,a\n,\nk3,b\n,a\n", encoding="utf-8")
    requests = tmp_path / "r.jsonl"
    convert_by(table, requests, "key", skip_empty=True, dedupe=True)
    results = results_of(tmp_path / "o.jsonl", ["k3", "k1"])
    out = tmp_path / "out.csv"
    extract([results], out, join=table, id_column="key", duplicates=duplicates_path(requests))
    with out.open(encoding="utf-8", newline="") as file:
        assert answers(list(csv.DictReader(file))) == ["k1", "", "k3", "k1"]


def test_ids_of_a_column_change_nothing_else(tmp_path):
    """
    The request is the same but for its id; rows that ask the same are found by what they ask alone.
    """
    table = table_with(tmp_path / "t.csv", {"key": ["k1", "k2"]})
    convert_by(table, tmp_path / "a.jsonl", "key")
    convert(table, tmp_path / "b.jsonl", text="text", model="m")
    mine, plain = ((tmp_path / name).read_text(encoding="utf-8") for name in ("a.jsonl", "b.jsonl"))
    assert mine.replace('"k', '"row-') == plain
