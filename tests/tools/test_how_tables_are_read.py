"""What every function that reads a table tells of how it was read, and takes of how it is to be read."""

from __future__ import annotations

from typing import Any

import click
import polars as pl
import pytest
from xlsxwriter import Workbook

import rowbatch
from end_to_end import run_here
from rowbatch import api
from rowbatch.cli.app import app
from rowbatch.errors import TableError

READ: dict[str, Any] = {
    "agree": lambda path, out, **how: rowbatch.agree(path, coders="anna,ben", **how),
    "correct": lambda path, out, **how: rowbatch.correct(path, predicted="anna", gold="ben", **how),
    "compare": lambda path, out, **how: rowbatch.compare(path, columns="anna,ben", **how).agreement,
    "how-many": lambda path, out, **how: rowbatch.how_many(path, predicted="anna", gold="ben", **how),
    "how-many, the worst": lambda path, out, **how: rowbatch.how_many(path, **how),
    "merge-coders": lambda path, out, **how: rowbatch.merge_coders(
        path, out / "merged.csv", key="id", coders="anna,ben", **how
    ),
    "units": lambda path, out, **how: rowbatch.units(
        path, out / "units.csv", text="text", by="sentence", **how
    ),
    "convert": lambda path, out, **how: rowbatch.convert(
        path, out / "requests.jsonl", text="text", model="gpt-5-nano", **how
    ),
    "estimate": lambda path, out, **how: api.estimate(path, text="text", model="gpt-5-nano", **how),
}
"""The functions whose reports have notes, as people call them."""


@pytest.fixture
def workbook(tmp_path):
    """Two waves of an interview, a sheet each; and what a colleague put before them."""
    path = tmp_path / "waves.xlsx"
    with Workbook(path) as book:
        for name in ("first", "second"):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, ["id", "text", "anna", "ben"])
            for row in range(1, 41):
                said = ["yes" if row % 2 else "no", "yes" if row % 3 else "no"]
                sheet.write_row(row, 0, [f"r{row}", f"Text {row} of the {name} wave.", *said])
    return path


def kinds(report):
    return [note.kind for note in report.notes]


@pytest.mark.parametrize("name", READ)
def test_a_workbook_of_several_sheets_says_which_was_read(workbook, tmp_path, name):
    """
    The first one without a word of which, and the one that is named, of which nothing has to be told.
    """
    report = READ[name](workbook, tmp_path)
    told = [note for note in report.notes if note.kind == "note-sheet-read"]
    assert [(one.values["sheet"], one.values["sheets"]) for one in told] == [("first", ["second"])]
    (tmp_path / "other").mkdir()
    assert "note-sheet-read" not in kinds(READ[name](workbook, tmp_path / "other", sheet="second"))


@pytest.mark.parametrize("name", READ)
def test_broken_rows_that_were_left_out_are_told(write, tmp_path, name):
    """
    A number of the rows that are left is no number of the table.
    """
    rows = [
        f"r{row},Text {row}.,{'yes' if row % 2 else 'no'},{'yes' if row % 3 else 'no'}" for row in range(40)
    ]
    table = write("posts.csv", "id,text,anna,ben", *rows, "r41,Text, that broke,yes,no")
    report = READ[name](table, tmp_path, on_bad_rows="skip")
    if name in ("units", "convert"):
        # They list them.
        assert report.bad_rows.count == 1
        return
    told = next(note for note in report.notes if note.kind == "note-bad-rows")
    assert (told.values["count"], told.values["lines"]) == (1, [42])


def test_an_encoding_that_was_guessed_is_told(tmp_path):
    """
    Labels of another encoding would be other labels.
    """
    table = tmp_path / "posts.csv"
    rows = [
        f"r{row},{'größer' if row % 2 else 'schöner'},{'größer' if row % 3 else 'schöner'}"
        for row in range(40)
    ]
    table.write_bytes("\n".join(["id,anna,ben", *rows, ""]).encode("cp1252"))
    told = next(note for note in rowbatch.agree(table, coders="anna,ben").notes)
    assert (told.kind, told.values["encoding"]) == ("note-encoding-guessed", "cp1252")


@pytest.mark.parametrize("name", ["agree", "correct", "compare", "merge-coders"])
def test_a_column_in_another_sheet_is_told(tmp_path, name):
    """
    As a run tells it: which sheet has the column.
    """
    path = tmp_path / "coded.xlsx"
    with Workbook(path) as book:
        book.add_worksheet("read me").write_column(0, 0, ["about", "these data"])
        sheet = book.add_worksheet("codes")
        sheet.write_row(0, 0, ["id", "anna", "ben"])
        sheet.write_row(1, 0, ["r1", "yes", "no"])
    with pytest.raises(TableError) as caught:
        READ[name](path, tmp_path)
    assert (caught.value.kind, caught.value.values["sheets"]) == ("column-in-other-sheet", ["codes"])
    assert "say --sheet 'codes'" in caught.value.hint


def test_the_command_line_shows_it(workbook, tmp_path):
    """
    Each command that makes a number of a table, on the screen.
    """
    environment = {"ROWBATCH_HOME": str(tmp_path / "home")}
    for words in (
        ("agree", "waves.xlsx", "--coders", "anna,ben"),
        ("correct", "waves.xlsx", "--predicted", "anna", "--gold", "ben"),
        ("compare", "waves.xlsx", "--columns", "anna,ben"),
        ("how-many", "waves.xlsx", "--predicted", "anna", "--gold", "ben"),
        ("estimate", "waves.xlsx", "--text", "text", "--model", "gpt-5-nano"),
        ("merge-coders", "waves.xlsx", "--key", "id", "--coders", "anna,ben", "-o", "merged.csv"),
    ):
        done = run_here(words, cwd=tmp_path, env=environment)
        assert done.returncode == 0, done.stderr
        assert "the sheet 'first' is read; there are also second" in done.stdout, words


def test_every_command_that_reads_a_table_takes_how():
    """
    The same options of all of them, whose tables may be called otherwise.
    """
    context = click.Context(app)
    wanted = {
        "encoding",
        "delimiter",
        "sheet",
        "on_bad_rows",
        "no_header",
        "skip_rows",
        "quote",
        "escape",
        "program",
    }
    for name in app.list_commands(context):
        command = app.get_command(context, name)
        assert command is not None
        takes = {one.name for one in command.params}
        if takes & wanted:
            assert wanted <= takes, f"{name} takes some of them only"
    for name in (
        *("run", "try", "plan", "rerun", "sample", "how-many", "compare", "agree", "merge-coders", "correct"),
        *("distil", "convert", "estimate", "extract", "units", "join-units"),
    ):
        command = app.get_command(context, name)
        assert command is not None
        assert wanted <= {one.name for one in command.params}, name


def test_frames_have_no_notes_of_reading():
    """
    What is in memory was read by somebody else.
    """
    frame = pl.DataFrame({"anna": ["yes", "no"] * 20, "ben": ["yes", "no", "no", "no"] * 10})
    assert kinds(rowbatch.agree(frame, coders="anna,ben")) == []
