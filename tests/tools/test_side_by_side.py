"""`compare`: two labelled tables, columns or runs on the same rows."""

from __future__ import annotations

import json

import polars as pl
import pytest

import rowbatch
from end_to_end import run_here
from rowbatch.errors import TableError, UsageError


def moves(found):
    return [(one.first, one.second, one.rows) for one in found.moves]


def test_two_tables_by_key(write):
    """
    Rows in any order are found by their key; what has no partner is counted, and what became what is shown.
    """
    one = write("one.csv", "id,mood", "1,glad", "2,sad", "3,sad", "4,", "9,glad")
    two = write("two.csv", "id,mood", "4,glad", "3,glad", "2,glad", "1,glad")
    found = rowbatch.compare(one, two, variable="mood", key="id")
    assert (found.same, found.agreement.rows, found.joined_by) == (1, 4, "id")
    assert moves(found) == [("sad", "glad", 2), ("", "glad", 1)]
    assert [(side.name, side.rows, side.alone) for side in found.sides] == [
        ("one.csv", 5, 1),
        ("two.csv", 4, 0),
    ]
    assert found.agreement.measures["percent_agreement"].estimate == pytest.approx(1 / 3)


def test_two_tables_in_one_order(write):
    """
    Without a key the order is believed where other columns show it, and refused where they don't.
    """
    one = write("one.csv", "text,mood", "A,x", "B,y", "C,x")
    two = write("two.csv", "text,mood,more", "A,x,1", "B,x,2", "C,x,3")
    found = rowbatch.compare(one, two, variable="mood")
    assert (found.same, found.joined_by, moves(found)) == (2, "", [("y", "x", 1)])
    for name, lines, kind in (
        ("other.csv", ("text,mood", "B,x", "A,x", "C,x"), "compare-not-one-order"),
        ("fewer.csv", ("text,mood", "A,x"), "compare-not-as-many-rows"),
    ):
        with pytest.raises(UsageError) as caught:
            rowbatch.compare(one, write(name, *lines), variable="mood")
        assert caught.value.kind == kind


def test_columns_that_tell_too_little_prove_no_order(write):
    """
    A year that is the same everywhere shows nothing.
    """
    one = write("one.csv", "year,mood", *["2024,x", "2024,y"] * 5)
    two = write("two.csv", "year,mood", *["2024,y", "2024,x"] * 5)
    with pytest.raises(UsageError) as caught:
        rowbatch.compare(one, two, variable="mood")
    assert caught.value.kind == "compare-not-one-order"
    assert "year" in str(caught.value)


def test_which_one_is_right_more_often(write):
    """
    With gold the difference, an interval of the same draws, and McNemar's exact test.
    """
    table = write("t.csv", "old,new,gold", *["x,y,y"] * 8, "x,y,x", *["y,y,y", "x,x,x"] * 10)
    found = rowbatch.compare(table, columns="old,new", gold="gold")
    two = found.agreement.comparisons[0]
    assert (two.coders, two.only_first, two.only_second) == (("old", "new"), 1, 8)
    assert two.p == pytest.approx(2 * (1 + 9) / 2**9)
    difference = found.figures["difference: accuracy"]
    assert difference.estimate == pytest.approx(-7 / 29)
    assert difference.high is not None
    assert difference.high < 0
    assert found.figures["new: accuracy"].estimate == pytest.approx(28 / 29)
    # Gold may stand in either table.
    one = write("one.csv", "id,v", "1,x", "2,y")
    other = write("other.csv", "id,v,g", "2,x,y", "1,x,x")
    assert (
        rowbatch.compare(one, other, variable="v", key="id", gold="g").figures["one.csv: accuracy"].estimate
        == 1
    )


def test_several_labels_and_numbers(write):
    """
    Cells are what they are for `agree`.
    """
    table = write("t.csv", "a,b,n,m", "x;y,y;x,1,2", "x,y,3,3")
    sets = rowbatch.compare(table, columns="a,b", several=True)
    assert sets.agreement.measures["exact_match"].estimate == 0.5
    numbers = rowbatch.compare(table, columns="n,m", level="interval")
    assert numbers.agreement.measures["bias"].estimate == 0.5


def test_frames_and_what_they_show():
    """
    Two frames; JSON has all of it, and a notebook shows it with nothing of a table taken for HTML.
    """
    one = pl.DataFrame({"id": [1, 2, 3], "v": ["<b>", "x", "x"]})
    two = pl.DataFrame({"id": [3, 2, 1], "v": ["x", "x", "x"]})
    found = rowbatch.compare(one, two, variable="v", key="id")
    assert found.to_plain()["moves"] == [{"first": "<b>", "second": "x", "rows": 1}]
    page = found._repr_html_()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


@pytest.mark.parametrize(
    ("lines", "options", "kind"),
    [
        (("id,v", "1,x", "1,y"), {"variable": "v", "key": "id"}, "compare-key-twice"),
        (("id,v", "7,x"), {"variable": "v", "key": "id"}, "compare-nothing-shared"),
        (("id,v", "1,x"), {"variable": "w", "key": "id"}, "no-such-column"),
        (("id,v", "1,x"), {"variable": "v", "key": "k"}, "compare-no-such-column"),
        (("id,v", "1,x"), {"variable": "v", "key": "id", "gold": "g"}, "compare-no-such-column"),
        (("id,v", "1,x"), {"key": "id"}, "compare-nothing-to-compare"),
        (("id,v", "1,x"), {"columns": "v", "key": "id"}, "compare-nothing-to-compare"),
    ],
)
def test_what_nobody_knows_is_refused(write, lines, options, kind):
    """
    Each with its own kind.
    """
    one, two = write("one.csv", "id,v", "1,x", "2,y"), write("two.csv", *lines)
    with pytest.raises((UsageError, TableError)) as caught:
        rowbatch.compare(one, two, **options)
    assert caught.value.kind == kind


def test_the_command(write, tmp_path):
    """
    Words to a person, JSON to a program.
    """
    write("one.csv", "id,mood,g", "1,glad,glad", "2,sad,glad")
    write("two.csv", "id,mood", "1,glad", "2,glad")
    words = ("compare", "one.csv", "two.csv", "--variable", "mood", "--key", "id", "--gold", "g")
    done = run_here(words, cwd=tmp_path, env={"ROWBATCH_HOME": str(tmp_path / "home")})
    assert done.returncode == 0
    assert "2 rows of both, by id; the same: 1" in done.stdout
    assert "sad → glad  1 row" in done.stdout
    assert "only one.csv is right: 0; only two.csv: 1" in done.stdout
    done = run_here((*words, "--json"), cwd=tmp_path, env={"ROWBATCH_HOME": str(tmp_path / "home")})
    assert json.loads(done.stdout)["same"] == 1
