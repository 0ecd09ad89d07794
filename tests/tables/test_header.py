"""Where the header of a table is: found where nothing else can be meant, and else as ever."""

from __future__ import annotations

import csv
import io
import os
import tarfile
from pathlib import Path

import pytest

from rowbatch.tables.header import HeaderPlace, find_header, is_surely_header, join_header

SHARED = Path(os.environ.get("ROWBATCH_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))


def found(text: str, delimiter: str = ",") -> HeaderPlace | None:
    return find_header(list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("id,text\n1,a\n2,b\n", id="plain"),
        pytest.param("a,b\n", id="header-only"),
        pytest.param("text\nhello\nthere\n", id="one-column"),
        pytest.param("1\n2\n3\n", id="one-column-of-numbers"),
        pytest.param("v1,v2,,,\nham,foo,,,\nspam,bar,,,\n", id="names-for-some-columns"),
        pytest.param("#id,text\nx,a\ny,b\n", id="a-name-with-a-hash"),
        pytest.param("#id,text\n1,a\n2,b\n", id="a-name-with-a-hash-and-numbers"),
        pytest.param(",a,b\nx,1,2\ny,3,4\n", id="an-index-without-a-name"),
        pytest.param("name,\nanna,x\nbob,y\n", id="a-column-without-a-name"),
        pytest.param('"word"\n"anna","x"\n"bob","y"\n', id="names-of-rows-as-R-writes-them"),
        pytest.param("country,2010,2011\nF,1,2\nG,3,4\n", id="years"),
        pytest.param("country,2010\nF,1\nG,3\n", id="one-year"),
        pytest.param(",0,1\n0,a,b\n1,c,d\n", id="positions"),
        pytest.param("0,1,2\n0,1,0\n1,0,1\n", id="topics"),
        pytest.param("a,b\nx,y\nNA,NA\n1,2\n3,4\n", id="words-for-missing"),
        pytest.param("x,y\nNA,n/a\n1,2\n3,4\n5,6\n", id="first-row-is-missing"),
        pytest.param("id,year\nunknown,old\n1,2001\n2,2002\nx,2003\n4,1999\n", id="texts-among-numbers"),
        pytest.param("q1,q2\nyes,no\nno,no\nyes,yes\n", id="texts-alone"),
    ],
)
def test_the_first_record_is_the_header_where_nothing_else_is_certain(text):
    """
    As every reader of tables has it: the first record with something in it.
    """
    assert found(text) == HeaderPlace(0, 0)


@pytest.mark.parametrize(
    ("text", "first", "above"),
    [
        pytest.param("Survey of 2026\nid,text\n1,a\n2,b\n", 1, 1, id="title"),
        pytest.param("Survey\n\nid,text\nx,a\ny,b\n", 2, 1, id="title-and-blank-line"),
        pytest.param("PREAMBLE,,,\na,b,c,d\nx,y,z,w\n", 1, 1, id="padded-title"),
        pytest.param("PREAMBLE,,,\n,,,\na,b,c,d\nx,y,z,w\n", 2, 1, id="padded-title-and-empty-cells"),
        pytest.param(",,\nid,text,x\n1,a,2\n", 1, 0, id="empty-cells"),
        pytest.param("# by the office\nid,text\n1,a\n2,b\n", 1, 1, id="comment"),
        pytest.param("# one, two\nid,text\n1,a\n2,b\n", 1, 1, id="comment-with-a-delimiter"),
        pytest.param(
            "Report\nDate:,2024-01-01\nid,text,score\n1,a,3\n2,b,4\n", 2, 2, id="titles-of-two-cells"
        ),
        pytest.param("Report\nDate:,2024,,\nid,text,score,x\n1,a,3,\n2,b,4,y\n", 2, 2, id="padded-titles"),
        pytest.param(
            "One, two, three and four\n\nid,text\n1,a\n2,b\n", 2, 1, id="title-wider-than-the-table"
        ),
    ],
)
def test_lines_above_the_header_are_seen(text, first, above):
    """
    Titles, comments and empty cells above the names are no header, padded with delimiters or not.
    """
    assert found(text) == HeaderPlace(first, first, above)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param(
            "Before,,After,\nx,y,x,y\n1,2,3,4\n5,6,7,8\n1,2,3,4\n",
            ("Before x", "Before y", "After x", "After y"),
            id="groups",
        ),
        pytest.param("time,speed\ns,m/s\n1,2.5\n2,3\n3,4\n", ("time s", "speed m/s"), id="units"),
        pytest.param(
            "Start,Q1\nStart Date,Your age?\n2026-01-01 10:00,3\n2026-01-01 11:00,4\n2026-01-02 11:00,4\n",
            ("Start Start Date", "Q1 Your age?"),
            id="labels",
        ),
    ],
)
def test_several_header_lines_are_joined(text, names):
    """
    Where every column of numbers begins with a word below its name, that is a second header line.
    """
    place = found(text)
    assert place == HeaderPlace(0, 1)
    records = list(csv.reader(io.StringIO(text)))
    assert join_header(records[:2]) == names


@pytest.mark.parametrize(
    ("text", "first"),
    [
        pytest.param("1,good film\n2,bad film\n3,fine\n", 0, id="numbered"),
        pytest.param("2026-01-01,good\n2026-01-05,bad\n2026-02-01,fine\n", 0, id="dates"),
        pytest.param("0,1467810369,a\n0,1467810672,b\n4,1467811184,c\n", 0, id="ids"),
        pytest.param("fine,0.5\nbad,0.25\ngood,1\n", 0, id="decimals"),
        pytest.param("great film,1\nbad film,0\nfine,1\n", 0, id="codes-that-come-again"),
    ],
)
def test_no_header_is_seen_by_values(text, first):
    """
    A first record whose numbers and dates are values of their columns is a row.
    """
    place = found(text)
    assert place is not None
    assert place.is_none
    assert place.first == first


def test_a_delimiter_at_the_end_of_each_row():
    """
    Rows that all have one more cell than the header, an empty one, end with a delimiter.
    """
    assert found("a,b\n1,2,\n3,4,\n") == HeaderPlace(0, 0, 0, True)
    assert found("a,b\n1,2,\n3,4,5\n") == HeaderPlace(0, 0)
    assert found("a,b,\n1,2,\n3,4,\n") == HeaderPlace(0, 0)


def test_nothing_is_no_header():
    """
    Blank lines and empty cells alone have no header.
    """
    assert find_header([]) is None
    assert find_header([[], ["", " "]]) is None


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data are not here")
def test_real_tables_have_their_header_in_the_first_line():
    """
    Of the tables of csvkit and csv-spectrum one has a title above its header, and all others begin with it.
    """
    unusual = {}
    for name in ("csvkit_examples.tar.xz", "csv_spectrum.tar.xz"):
        with tarfile.open(SHARED / name) as archive:
            for member in archive.getmembers():
                file = archive.extractfile(member) if member.name.endswith(".csv") else None
                if file is None:
                    continue
                text = file.read().decode("latin-1").lstrip("\ufeff")
                place = found(text)
                if place is not None and (place.above or place.first != place.last or place.has_trailing):
                    unusual[Path(member.name).name] = place
    assert unusual == {"Datagov_FY10_EDU_recp_by_State.csv": HeaderPlace(2, 2, 1)}


@pytest.mark.parametrize("names", ["id,text,,score,note", "id,text,,score,note,"])
@pytest.mark.parametrize("between", [[], [""]], ids=["close", "apart"])
def test_below_a_title_a_column_may_have_no_name(names: str, between: list[str]) -> None:
    """A sheet has a column between others, or one that nobody called anything; numbers stand below names."""
    width = names.count(",")
    lines = ["Answers of 2026" + "," * width, *between, names]
    lines += [f"{at},a,b,{at},c" + "," * (width - 4) for at in range(4)]
    place = find_header([line.split(",") if line else [] for line in lines])
    assert place is not None
    assert (place.first, place.last, place.above) == (1 + len(between), 1 + len(between), 1)


def test_texts_below_a_name_alone_are_rows() -> None:
    """Where nothing below tells names from values, the first record is the header."""
    place = find_header(
        [["text", "", "", ""], ["a", "", "b", "c"], ["d", "e", "f", "g"], ["h", "", "i", "j"]]
    )
    assert place is not None
    assert (place.first, place.last) == (0, 0)


@pytest.mark.parametrize(
    ("lines", "is_sure"),
    [
        (["id,post", "1,Hello", "2,Bye"], True),
        (["wave,said", "1,Hello", "2,Bye"], True),
        (["编号,说法", "甲,你好", "乙,再见"], True),
        (["Comment,what", "Hello,x", "Bye,y"], True),
        (["v1,v2,,,", "ham,Hello,,,", "spam,Bye,,,"], True),
        (["Ann,Berlin,fired", "Ben,Paris,hired"], False),
        (["Ann,fired", "Ben,fired"], False),
        (["text,fired", "Ben,fired"], False),
        (["ann@example.org,text", "ben@example.org,x"], False),
        (["17,text", "18,x"], False),
        (["1.5.2024,id", "2.5.2024,x"], False),
        (["Ann,Berlin"], False),
    ],
)
def test_when_a_first_line_surely_has_names(lines, is_sure):
    """
    A usual name, or numbers below something else, show it; a value in the place of a name says no.
    """
    names, *rows = csv.reader(lines)
    assert is_surely_header(names, rows) is is_sure
