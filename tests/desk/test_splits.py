"""Labels by group and over time: which columns make parts, and what is counted in them."""

import datetime as dt
from collections import Counter

import polars as pl
import pytest

from rowbatch.core.codebook import parse_codebook
from rowbatch.desk.splits import day_of, day_part, split_of, splitting_columns
from rowbatch.store.view import TableView, write_view


def variable_of(*labels):
    plain = {"name": "mood", "kind": "label", "labels": [{"name": label} for label in labels]}
    return parse_codebook({"variables": [plain]}).variables[0]


MOOD = variable_of("good", "bad", "mixed")


def seen(tmp_path, columns, rows):
    """A view of a table, in chunks of seven rows."""
    frame = pl.DataFrame(rows, schema=[str(n) for n in range(len(columns))], orient="row")
    chunks = [(at + 1, frame[at : at + 7]) for at in range(0, frame.height, 7)]
    write_view(tmp_path / "view", columns, chunks)
    return TableView(tmp_path / "view")


def split(view, moods, columns, variable=MOOD):
    """As results are: each cell with each label, counted one by one."""
    cells = view.frame(1, view.state.rows)
    found = []
    for column, kind in columns.items():
        key = str(column)
        value = day_part(key) if kind == "date" else pl.col(key).str.strip_chars()
        counted = Counter(zip(cells.select(value).to_series(), moods, strict=True))
        listed = [(cell, mood, rows) for (cell, mood), rows in counted.items() if mood]
        found.append(split_of(variable, column, kind, listed))
    return [one for one in found if one is not None]


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        pytest.param("2026-03-02", dt.date(2026, 3, 2), id="iso"),
        pytest.param("2.3.2026", dt.date(2026, 3, 2), id="points-are-day-first"),
        pytest.param("31.2.2026", None, id="no-such-day"),
        pytest.param("2/3/2026", None, id="nobody-knows"),
        pytest.param("25/12/2026", dt.date(2026, 12, 25), id="nobody-can-be-mistaken"),
        pytest.param("x", None, id="no-date"),
    ],
)
def test_days(cell, day):
    """
    What a cell of a column of dates says; what could be two days is none.
    """
    assert day_of(cell) == day


def test_columns_that_make_parts(tmp_path):
    """
    The first column of dates and columns of few values; no ids, no texts, no columns of one value.
    """
    rows = [
        (
            *(str(n), f"text {n}", "DE" if n % 2 else " FR "),
            *(f"2026-03-{n:02}T1{n % 10}:00", f"0{n % 9 + 1}.03.2026", "", "always", str(n % 13)),
        )
        for n in range(1, 29)
    ]
    header = ("id", "text", "land", "at", "again", "empty", "one", "many")
    view = seen(tmp_path, header, rows)
    assert splitting_columns(view, {1}) == {3: "date", 2: "group", 4: "group"}
    assert splitting_columns(view, {1, 2, 3, 4}) == {}


def test_parts_are_counted_as_one_would_by_hand(tmp_path):
    """
    Each row with a label counts once in its part; rows where the column says nothing are told apart.
    """
    rows = [("DE" if n % 2 else " FR " if n % 3 else "", f"2026-0{n % 4 + 1}-05") for n in range(60)]
    moods = [("good", "bad", "", "mixed")[n % 4] if n % 5 else "good" for n in range(60)]
    by_land, by_month = split(seen(tmp_path, ("land", "day"), rows), moods, {0: "group", 1: "date"})
    counted = Counter((land.strip(), mood) for (land, _), mood in zip(rows, moods, strict=True) if mood)
    assert by_land.labels == ("good", "bad", "mixed")
    assert dict(by_land.parts) == {
        land: tuple(counted[land, mood] for mood in by_land.labels) for land in ("DE", "FR")
    }
    assert by_land.left_out == sum(counted["", mood] for mood in by_land.labels)
    counted = Counter((day[:7], mood) for (_, day), mood in zip(rows, moods, strict=True) if mood)
    # Of 90 days there are too many, and of 13 weeks each would have four rows.
    assert by_month.unit == "month"
    assert dict(by_month.parts) == {
        f"2026-0{month}": tuple(counted[f"2026-0{month}", mood] for mood in by_month.labels)
        for month in (1, 2, 3, 4)
    }


@pytest.mark.parametrize(
    ("days", "unit", "parts"),
    [
        pytest.param(["2026-01-30", "2026-02-02"], "day", 4, id="days"),
        pytest.param(["2026-01-01", "2026-03-31"], "week", 14, id="weeks"),
        pytest.param(["2024-12-31", "2027-01-01"], "month", 26, id="months"),
        pytest.param(["1901-05-05", "1940-01-01"], "year", 40, id="years"),
        pytest.param(["0950-05-05", "1940-01-01", "1999-01-01"], "year", 3, id="centuries"),
    ],
)
def test_the_shortest_time_with_few_bars(tmp_path, days, unit, parts):
    """
    Days, weeks, months or years; times without a row are there too, but for centuries.
    """
    days = [day for day in days for _ in range(100)]
    view = seen(tmp_path, ("day",), [(day,) for day in days])
    (found,) = split(view, ["good"] * len(days), {0: "date"})
    assert (found.unit, len(found.parts)) == (unit, parts)
    assert sum(sum(counts) for _, counts in found.parts) == len(days)


def test_few_rows_have_few_bars(tmp_path):
    """
    Where each bar would have hardly a row, longer times are shown, as long as there are two of them.
    """
    for days, unit in (
        (["2026-01-05", "2026-02-05", "2027-03-05"], "year"),
        (["2026-01-05", "2026-02-05"], "month"),
        (["2026-01-05", "2026-01-06"], "day"),
    ):
        (found,) = split(
            seen(tmp_path, ("day",), [(day,) for day in days]), ["good"] * len(days), {0: "date"}
        )
        assert found.unit == unit


def test_a_column_that_makes_no_parts_after_all(tmp_path):
    """
    What the first rows promise is held by all: with too many values, or one, there is nothing to show.
    """
    view = seen(tmp_path, ("a", "b"), [(str(n), "x") for n in range(20)])
    assert split(view, ["good"] * 20, {0: "group", 1: "group"}) == []


def test_rare_labels_are_put_together(tmp_path):
    """
    Of more than eight labels the commonest eight are shown, and the sum of the rest.
    """
    labels = [f"l{n}" for n in range(11)]
    variable = variable_of(*labels)
    moods = [label for n, label in enumerate(labels) for _ in range(12 - n)] * 2
    view = seen(tmp_path, ("g",), [("a" if n % 2 else "b",) for n in range(len(moods))])
    (found,) = split(view, moods, {0: "group"}, variable)
    assert found.labels == tuple(labels[:8])
    assert found.has_others
    assert sum(counts[-1] for _, counts in found.parts) == 2 * (4 + 3 + 2)
    assert sum(map(sum, dict(found.parts).values())) == len(moods)
