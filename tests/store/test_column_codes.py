"""Codes of columns: they say what the column says, are kept, and are made again when they are not whole."""

from collections import Counter

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowbatch.store import column_codes
from rowbatch.store.column_codes import ColumnCodes, codes_of, keep_beside, kept_beside
from rowbatch.store.view import TableView, write_view

WORDS = ["", "a", "b", "a", "学校", "b", "a", " a", "", "c"]


def seen(folder, words, rows_of_part=3):
    frame = pl.DataFrame({"0": words}, schema={"0": pl.String})
    parts = [(at + 1, frame[at : at + rows_of_part]) for at in range(0, len(words), rows_of_part)]
    write_view(folder, ["word"], parts)
    return TableView(folder)


def words_of(codes):
    return [codes.values[code] for code in codes.codes.to_list()]


def test_codes_stand_for_the_values(tmp_path):
    """
    Each row has its value, and each value is counted; what was kept says the same, and nobody reads the view.
    """
    view = seen(tmp_path / "v", WORDS)
    made = codes_of(view, "word", pl.col("0"))
    assert (words_of(made), made.is_whole) == (WORDS, True)
    assert made.codes.dtype == pl.UInt8
    assert made.counted() == Counter(WORDS)
    for part in view.folder.glob("*.arrow"):
        part.unlink()
    kept = codes_of(view, "word", pl.col("0"))
    assert (kept.values, kept.counts, kept.codes.to_list()) == (
        made.values,
        made.counts,
        made.codes.to_list(),
    )
    assert made.values_at(pl.Series([9, 0])) == ["c", ""]
    for wanted in ({"a"}, {"a", "学校"}, set()):
        found = made.where([one in wanted for one in made.values]).to_list()
        assert found == [word in wanted for word in WORDS]


@pytest.mark.parametrize("heights", [0, 1, 300], ids=["no-rows", "one-row", "more-values-than-a-byte"])
def test_a_column_of_any_height(tmp_path, heights):
    """
    Codes take two bytes where there are too many values for one.
    """
    words = [f"word {number}" for number in range(heights)]
    view = seen(tmp_path / "v", words, 100)
    for _ in ("made", "kept"):
        codes = codes_of(view, "word", pl.col("0"))
        assert words_of(codes) == words
        assert codes.codes.dtype == (pl.UInt16 if heights > 256 else pl.UInt8)


def test_too_many_values_are_not_told_apart(tmp_path, monkeypatch):
    """
    But for those that are asked for, also where the column has none of them.
    """
    monkeypatch.setattr(column_codes, "_MOST_VALUES", 3)
    view = seen(tmp_path / "v", WORDS)
    for _ in ("made", "kept"):
        codes = codes_of(view, "word", pl.col("0"), ("", "a", "z"))
        assert not codes.is_whole
        assert words_of(codes) == [word if word in ("", "a") else None for word in WORDS]
        assert codes.counted() == {"": 2, "a": 3, "z": 0, None: 5}


def test_other_values_are_not_told_apart_either(tmp_path, monkeypatch):
    """
    Where rows that are not told apart may have a value, the rows that get it are not told apart from them.
    """
    monkeypatch.setattr(column_codes, "_MOST_VALUES", 3)
    codes = codes_of(seen(tmp_path / "v", WORDS), "word", pl.col("0"), ("", "a"))
    changed = codes.with_values(pl.Series([0, 1, 2], dtype=pl.UInt32), ["b", "", "new"])
    assert words_of(changed) == [None, "", None, "a", None, None, "a", None, "", None]
    assert changed.counted() == {"": 2, "a": 2, None: 6}


@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=40),
    st.dictionaries(st.integers(0, 39), st.sampled_from(["a", "", "new", "b", "other"])),
)
def test_other_values_in_some_rows(words, changes):
    """
    The column is as one that had these values from the beginning, and the first one stays as it was.
    """
    changes = {row: value for row, value in changes.items() if row < len(words)}
    values = sorted(set(words))
    counted = Counter(words)
    codes = ColumnCodes(
        tuple(values),
        tuple(counted[value] for value in values),
        pl.Series([values.index(word) for word in words], dtype=pl.UInt8),
    )
    changed = codes.with_values(pl.Series([*changes], dtype=pl.UInt32), [*changes.values()])
    expected = [changes.get(row, word) for row, word in enumerate(words)]
    assert words_of(changed) == expected
    assert {value: rows for value, rows in changed.counted().items() if rows} == Counter(expected)
    assert words_of(codes) == words


@pytest.mark.parametrize("at", [3, 40, -200, -1])
@pytest.mark.parametrize("how", ["cut", "changed", "empty", "another"])
def test_what_is_not_whole_is_made_again(tmp_path, how, at):
    """
    A file that was cut, changed, or is of another column is never believed.
    """
    view = seen(tmp_path / "v", WORDS)
    codes_of(view, "word", pl.col("0"))
    path = kept_beside(view, "word")
    content = bytearray(path.read_bytes())
    if how == "changed":
        content[at] ^= 1
    if how == "another":
        codes_of(view, "other", pl.col("0").str.to_uppercase())
        content = bytearray(kept_beside(view, "other").read_bytes())
    if how in ("cut", "empty"):
        del content[at if how == "cut" else 0 :]
    path.write_bytes(content)
    assert words_of(codes_of(view, "word", pl.col("0"))) == WORDS
    assert words_of(codes_of(TableView(view.folder), "word", pl.col("0"))) == WORDS


def test_codes_of_a_view_that_was_written_anew(tmp_path):
    """
    They go with the view that they were made of.
    """
    codes_of(seen(tmp_path / "v", WORDS), "word", pl.col("0"))
    assert words_of(codes_of(seen(tmp_path / "v", WORDS[::-1]), "word", pl.col("0"))) == WORDS[::-1]


def test_nothing_is_left_beside_a_view_that_is_removed(tmp_path):
    """
    Whatever was begun before.
    """
    view = seen(tmp_path / "v", WORDS)

    def keep():
        for path in view.folder.iterdir():
            path.unlink()
        (view.folder / "late.kept").write_bytes(b"text")

    keep_beside(view, keep)
    assert not view.folder.exists()
    keep_beside(view, lambda: pytest.fail("something is kept"))
    assert not view.folder.exists()
