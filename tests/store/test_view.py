"""Views: any page of rows at once."""

import shutil

import polars as pl
import pytest

from rowbatch.errors import InputError, StorageError
from rowbatch.store import view as views
from rowbatch.store.view import ROW, TableView, write_view


def frames(*heights):
    start = 1
    for height in heights:
        rows = range(start, start + height)
        yield (
            start,
            pl.DataFrame({"0": [f"id {row}" for row in rows], "1": ["text" * (row % 3) for row in rows]}),
        )
        start += height


def test_any_rows_of_a_view(tmp_path):
    """
    Rows come back by their number, across the files that they lie in, and not beyond the last one.
    """
    write_view(tmp_path / "v", ["id", "text"], frames(7, 7, 3), notes=lambda: {"odd": 1})
    view = TableView(tmp_path / "v")
    assert (view.columns, view.state.rows, view.state.is_complete, view.state.notes) == (
        ("id", "text"),
        17,
        True,
        {"odd": 1},
    )
    assert view.frame(6, 4)["0"].to_list() == ["id 6", "id 7", "id 8", "id 9"]
    assert view.frame(16, 100)["0"].to_list() == ["id 16", "id 17"]
    assert view.frame(18, 5).height == 0
    assert view.take([17, 1, 8])["0"].to_list() == ["id 17", "id 1", "id 8"]
    found = view.scan(["0"]).filter(pl.col("0") == "id 15").collect()
    assert found[ROW].to_list() == [15]


def test_rows_from_anywhere_in_files_and_batches(tmp_path, monkeypatch):
    """
    In the order in which they are asked for, also twice, alone and with some of the columns.
    """
    monkeypatch.setattr(views, "_ROWS_OF_BATCH", 3)
    write_view(tmp_path / "v", ["id", "text"], frames(10, 1, 10))
    view = TableView(tmp_path / "v")
    for rows in ([21, 1, 11, 4, 3, 21], list(range(21, 0, -1)), [10, 11, 12], [7], []):
        assert view.take(rows)["0"].to_list() == [f"id {row}" for row in rows]
        some = view.take(rows, ["1"])
        assert some.columns == ["1"]
        assert some["1"].to_list() == ["text" * (row % 3) for row in rows]
    assert view.frame(9, 5)["0"].to_list() == [f"id {row}" for row in range(9, 14)]


def test_a_view_can_be_looked_at_while_it_is_written(tmp_path):
    """
    What is there is there; only the end says that it is all.
    """
    seen = []

    def chunks():
        for start, frame in frames(4, 4):
            if start > 1:
                state = TableView(tmp_path / "v").state
                seen.append((state.rows, state.is_complete))
            yield start, frame

    write_view(tmp_path / "v", ["id", "text"], chunks())
    assert seen == [(4, False)]
    assert TableView(tmp_path / "v").state.rows == 8


def test_a_view_that_broke_off_is_not_complete_and_is_made_anew(tmp_path):
    """
    An error in the middle leaves what was written, and the next writer begins from nothing.
    """

    def broken():
        yield from frames(5)
        raise ValueError("the table ends here")

    with pytest.raises(ValueError, match="ends here"):
        write_view(tmp_path / "v", ["id", "text"], broken())
    assert TableView(tmp_path / "v").state == TableView(tmp_path / "v").state
    assert not TableView(tmp_path / "v").state.is_complete
    write_view(tmp_path / "v", ["id", "text"], frames(2))
    assert TableView(tmp_path / "v").frame(1, 10).height == 2


def test_no_view(tmp_path):
    """
    A folder that is none, and a view of no rows.
    """
    with pytest.raises(InputError):
        TableView(tmp_path)
    write_view(tmp_path / "empty", ["id"], [])
    view = TableView(tmp_path / "empty")
    assert (view.state.rows, view.frame(1, 5).height, view.scan().collect().height) == (0, 0, 0)


def test_a_view_leaves_room_on_the_disk(tmp_path, monkeypatch):
    """
    Before the disk is full the writing ends with a sentence, and what was written is removed: what unpacks
    without end fills no disk. Of a disk that is small a part is left, and not a whole gigabyte; and a small
    view is written however little is left.
    """
    seen, disk = [], type(shutil.disk_usage("/"))

    def usage(folder):
        seen.append(folder)
        return disk(1_000_000, 999_000 - 10_000 * len(seen), 1_000_000 - 10_000 * len(seen))

    def without_end():
        for number in range(10_000):
            yield number * 100 + 1, pl.DataFrame({"0": ["x" * 100] * 100})

    monkeypatch.setattr(shutil, "disk_usage", usage)
    monkeypatch.setattr(views, "ALWAYS_BYTES", 25_000)
    with pytest.raises(StorageError) as caught:
        write_view(tmp_path / "v", ["a"], without_end())
    assert (caught.value.kind, caught.value.values["left_bytes"]) == ("disk-almost-full", 50_000)
    assert len(seen) == 95
    assert not (tmp_path / "v").exists()

    monkeypatch.setattr(shutil, "disk_usage", lambda _: disk(1_000_000, 999_000, 1_000))
    write_view(tmp_path / "v", ["id", "text"], frames(100, 100))
    assert TableView(tmp_path / "v").state.is_complete
