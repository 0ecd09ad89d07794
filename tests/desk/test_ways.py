"""Ways that are offered where a table cannot be read."""

import gzip
import json
import zipfile
from typing import Any

import openpyxl
import polars as pl
import pyreadstat
import pytest

from rowbatch.core.table_options import ReadOptions
from rowbatch.desk import Way, needs_encoding, ways_of
from rowbatch.desk.ways import _OF_CHOICES, _OF_ENCODING, _OF_SEVERAL
from rowbatch.errors import RowbatchError, UsageError
from rowbatch.programs.opening import open_table
from rowbatch.tables.formats import fitting_options, zip_members
from rowbatch.words.entries import ENTRIES

QUOTED = "id,post\n" + "".join(f"{n},'so good, it is {n}'\n" for n in range(1, 9))
ESCAPED = "id,post\n1,fine\n" + "".join(f'{n},"they said \\"no, {n}\\""\n' for n in range(2, 9))
SEVERAL = {
    "meta": {"tags": [{"t": 1}, {"t": 2}]},
    "data": {"items": [{"text": "a"}, {"text": "b"}, {"text": "c"}]},
}


def read_error(path, **options):
    """What ends the reading of a table."""
    with pytest.raises(RowbatchError) as caught:
        list(open_table(path, ReadOptions(**options)).chunks())
    return caught.value


@pytest.mark.parametrize(
    ("name", "content", "options", "offered"),
    [
        pytest.param("t.csv", b"id,post\n1,a,b\n2,c\n", {}, ["keep", "skip"], id="ragged"),
        pytest.param(
            "line 9 UTF-8.csv", b"id,post\n1,a,b\n2,c\n", {}, ["keep", "skip"], id="ragged-with-such-a-name"
        ),
        pytest.param("t.jsonl", b'{"a": 1}\n[1]\n', {}, ["skip"], id="a-line-of-json"),
        pytest.param("t.jsonl", b'{"a": 1}\n', {"on_bad_rows": "keep"}, ["skip", ""], id="kept-rows-of-json"),
        pytest.param("line 3: t.csv", b"", {}, [], id="empty-with-such-a-name"),
        pytest.param("line 3: t.jsonl", b'{"a": 1}\n', {"sheet": "x"}, [""], id="option-does-not-fit"),
        pytest.param("t.jsonl", b'{"a": 1}\n', {"skip_rows": 2}, [""], id="lines-to-skip-do-not-fit"),
        pytest.param("t.json", b'{"a": [{"b": 1}]}', {"rows": "c"}, [""], id="rows-are-not-there"),
        pytest.param("t.csv", b"id,post\n1,a\n", {"program": "qualtrics"}, [""], id="not-of-a-program"),
        pytest.param("t.csv", "id\n한\n".encode(), {"encoding": "cp874"}, [], id="wrong-encoding"),
    ],
)
def test_what_is_offered_follows_from_what_is_wrong(tmp_path, name, content, options, offered):
    """
    And never from the words of an error, in which the name of the file stands.
    """
    path = tmp_path / name
    path.write_bytes(content)
    assert [way.value for way in ways_of(read_error(path, **options))] == offered


@pytest.mark.parametrize(
    ("name", "content", "options", "helps"),
    [
        pytest.param("t.csv", "id\n한\n".encode(), {"encoding": "cp874"}, True, id="wrong-choice"),
        pytest.param("t.csv", b"id\n1\n", {"encoding": "klingon"}, True, id="no-such-encoding"),
        pytest.param("t.csv", b"id\nab", {"encoding": "utf-16"}, True, id="no-mark"),
        pytest.param("encoding UTF-8.csv", b"id,post\n1,a,b\n", {}, False, id="ragged-with-such-a-name"),
    ],
)
def test_another_encoding_is_offered_where_it_helps(tmp_path, name, content, options, helps):
    """
    That is seen by the kind of an error alone.
    """
    path = tmp_path / name
    path.write_bytes(content)
    assert needs_encoding(read_error(path, **options)) is helps


@pytest.mark.parametrize(
    ("text", "name", "value", "cell"),
    [
        pytest.param(QUOTED, "quote", "'", "so good, it is 1", id="quote"),
        pytest.param(ESCAPED, "escape", "\\", 'they said "no, 2"', id="escape"),
    ],
)
def test_the_first_way_reads_the_file(tmp_path, text, name, value, cell):
    """
    What was tried on the lines that follow comes first, as an option that can be taken as it is.
    """
    path = tmp_path / "t.csv"
    path.write_text(text)
    # Where it is found out the file is read so at once; somebody said something else.
    said: dict[str, Any] = {"quote": '"', "escape": "none"}
    first, *others = ways_of(read_error(path, **said))
    assert (first.name, first.value) == (name, value)
    assert first.told is not None
    assert [way.value for way in others] == ["keep", "skip"]
    chunk = next(open_table(path, ReadOptions(**{**said, first.name: first.value})).chunks())
    assert cell in chunk.frame["1"].to_list()


def test_each_of_several_tables_is_offered(tmp_path):
    """
    Files in a zip file, and lists in a document with how many entries they have.
    """
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as packed:
        packed.writestr("one.csv", "id,text\n1,a\n")
        packed.writestr("two.csv", "id,text\n1,b\n")
    assert ways_of(read_error(tmp_path / "t.zip")) == (Way("sheet", "one.csv"), Way("sheet", "two.csv"))
    (tmp_path / "t.json").write_text(json.dumps(SEVERAL))
    found = ways_of(read_error(tmp_path / "t.json"))
    assert found == (Way("rows", "meta.tags", count=2), Way("rows", "data.items", count=3))


def test_kinds_that_ways_are_offered_for_are_known():
    """
    Each kind of error that is looked for is one that is raised.
    """
    assert set(ENTRIES) >= {*_OF_ENCODING, *_OF_CHOICES, *_OF_SEVERAL}


def _write(path):
    frame = pl.DataFrame({"id": ["1", "2"], "text": ["good", "bad"]})
    match path.suffix:
        case ".parquet":
            frame.write_parquet(path)
        case ".sav":
            pyreadstat.write_sav(frame, str(path))
        case ".xlsx":
            book = openpyxl.Workbook()
            for row in [frame.columns, *frame.rows()]:
                book.active.append(row)
            book.save(path)
        case ".zip":
            with zipfile.ZipFile(path, "w") as packed:
                packed.writestr("t.csv", frame.write_csv())
        case ".gz":
            path.write_bytes(gzip.compress(frame.write_csv().encode()))
        case ".jsonl":
            frame.write_ndjson(path)
        case ".json":
            path.write_text(json.dumps(frame.to_dicts()))
        case _:
            frame.write_csv(path)
    return path


@pytest.mark.parametrize(
    "name", ["t.csv", "t.csv.gz", "t.zip", "t.xlsx", "t.json", "t.jsonl", "t.parquet", "t.sav"]
)
def test_options_that_fit_a_file_are_those_that_are_not_refused(tmp_path, name):
    """
    A choice is offered for a file where its reader takes it, and no other.
    """
    path = _write(tmp_path / name)
    said: dict[str, Any] = {
        "encoding": "utf-8",
        "delimiter": ";",
        "sheet": "no such",
        "on_bad_rows": "skip",
        "header": "none",
        "skip_rows": 1,
        "quote": "'",
        "escape": "\\",
        "rows": ".",
    }
    refused = set()
    for option, value in said.items():
        try:
            open_table(path, ReadOptions(**{option: value}))
        except UsageError as error:
            if error.kind.endswith(("-does-not-fit", "-do-not-fit")):
                refused.add(option)
        except RowbatchError:
            pass
    # A list of objects in JSON has no header; one of lists has.
    refused -= {"header"} if "json" in name else set()
    assert fitting_options(path) == said.keys() - refused


def test_files_in_a_zip_file(tmp_path):
    """
    A workbook is a zip file, too, and has none that is a table.
    """
    assert zip_members(_write(tmp_path / "t.zip")) == ("t.csv",)
    assert zip_members(_write(tmp_path / "t.xlsx")) == ()
    assert zip_members(_write(tmp_path / "t.csv")) == ()
