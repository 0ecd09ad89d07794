"""Tables that the program knows."""

import hashlib

import pytest

from rowbatch.desk import Library
from rowbatch.desk.library import _OF_ENCODING, as_options, decoded_samples, require_table_file, shown_name
from rowbatch.errors import InputError, RowbatchError, TableError, UsageError
from rowbatch.tables.base import ReadOptions
from rowbatch.tables.formats import open_table
from rowbatch.words.entries import ENTRIES


@pytest.fixture
def library(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    return Library()


def received(library, name, content):
    with library.receive(name) as (table_id, file):
        file.write(content)
    return library.keep(table_id, name, hashlib.sha256(content).hexdigest())


def test_a_file_that_is_handed_over(library):
    """
    It lies under a name of ours, whatever its owner calls it, and is read by what it is.
    """
    table = received(library, "../../etc/夏 <b>.csv", b"id,post\n1,so good\n2,\n3,so bad and much longer\n")
    assert table.info.name == "夏 <b>.csv"
    assert table.info.path == library.folder / table.id / "table.csv"
    assert (
        library.folder.stat().st_mode & 0o077 == 0 or (library.folder / table.id).stat().st_mode & 0o077 == 0
    )
    reading = table.read()
    assert reading.wait(10)
    assert (reading.header, reading.rows, reading.is_complete) == (("id", "post"), 3, True)
    profile = reading.profile()
    assert (profile.text, profile.empty, profile.duplicates) == (1, (0, 1), 0)
    assert table.read() is reading
    assert [known.id for known in library.tables()] == [table.id]
    library.remove(table.id)
    assert library.tables() == []
    assert not (library.folder / table.id).exists()


def test_a_transfer_that_breaks_off_leaves_nothing(library):
    """
    Half a file is no table.
    """
    with pytest.raises(KeyError), library.receive("posts.csv") as (_, file):
        file.write(b"id,po")
        raise KeyError
    assert list(library.folder.iterdir()) == []


def test_a_file_that_stays_where_it_is(library, tmp_path):
    """
    Named on the command line it is read in place; the same file is the same table, a changed one another.
    """
    path = tmp_path / "posts.csv"
    path.write_text("id,post\n1,a\n")
    table = library.add(path)
    assert library.add(path).id == table.id
    path.write_text("id,post\n1,a\n2,b\n")
    assert library.add(path).id != table.id
    library.remove(table.id)
    assert path.exists()
    with pytest.raises(InputError):
        library.add(tmp_path / "nonsense.csv")


def test_another_encoding_is_another_reading(library):
    """
    What was guessed can be put right, and both readings stay apart.
    """
    content = ("编号,正文\n1," + "菜价又涨了，工资却没有涨。" * 3 + "\n").encode("gb18030")
    table = received(library, "评论.csv", content)
    reading = table.read()
    reading.wait(10)
    assert (reading.header, reading.encoding_guessed) == (("编号", "正文"), "gb18030")
    changed = table.change_reading(encoding="latin-1", delimiter="", sheet="", on_bad_rows="")
    other = changed.read()
    other.wait(10)
    assert other.header != reading.header
    assert library.table(table.id).info.reading.encoding == "latin-1"
    samples = decoded_samples(table.info.path, ("utf-8", "gb18030"))
    assert samples["gb18030"] == "编号,正文"
    assert "\ufffd" in samples["utf-8"]


def test_a_table_that_breaks_in_the_middle(library):
    """
    The rows before stay to be looked at, and the error says where.
    """
    table = received(library, "posts.csv", b"id,post\n" + b"1,ok\n" * 30 + b"2,one,too many\n")
    reading = table.read()
    reading.wait(10)
    assert isinstance(reading.error, TableError)
    assert not reading.is_complete
    assert reading.profile() is None
    kept = table.change_reading(on_bad_rows="skip").read()
    kept.wait(10)
    assert (kept.is_complete, kept.rows, kept.bad_rows[0]) == (True, 30, 1)


def test_columns_that_name_people(library):
    """
    By their names and by what looks like addresses of mail.
    """
    table = received(library, "t.csv", b"surname,contact,post\n" + b"Doe,jane@example.org,so good\n" * 5)
    reading = table.read()
    reading.wait(10)
    assert reading.profile().personal == (0, 1)
    assert reading.profile().duplicates == 4


@pytest.mark.parametrize("table_id", ["..", "0" * 16, "0123456789abcdeg", "", "../../etc/passwd"])
def test_ids_are_ours(library, table_id):
    """
    An id that is not ours leads nowhere.
    """
    with pytest.raises(InputError):
        library.table(table_id)


def test_names_are_labels():
    """
    Without folders and control characters, and not endless; what is no table is refused by its name.
    """
    assert shown_name("C:\\data\\a\tb\x00.csv") == "ab.csv"
    assert shown_name("") == "table"
    assert len(shown_name("x" * 1000)) == 120
    for name in ("thesis.PDF", "notes.docx"):
        with pytest.raises(UsageError, match="not a table"):
            require_table_file(name)
    require_table_file("posts.csv.gz")


@pytest.mark.parametrize(
    ("name", "content", "options", "helps"),
    [
        pytest.param("posts.csv", b"id,post\n1,a,b\n", {}, "rows", id="ragged"),
        pytest.param("encoding UTF-8.csv", b"id,post\n1,a,b\n", {}, "rows", id="ragged-with-such-a-name"),
        pytest.param("posts.jsonl", b'{"a": 1}\n[1]\n', {}, "rows", id="a-line-of-json"),
        pytest.param("posts.jsonl", b'{"a": 1}\n', {"on_bad_rows": "keep"}, "rows", id="kept-rows-of-json"),
        pytest.param("posts.csv", "id\n한\n".encode(), {"encoding": "cp874"}, "encoding", id="wrong-choice"),
        pytest.param("posts.csv", b"id\n1\n", {"encoding": "klingon"}, "encoding", id="no-such-encoding"),
        pytest.param("posts.csv", b"id\nab", {"encoding": "utf-16"}, "encoding", id="no-mark"),
        pytest.param("line 3: posts.csv", b"", {}, "", id="empty-with-such-a-name"),
        pytest.param("line 3: posts.jsonl", b'{"a": 1}\n', {"sheet": "x"}, "", id="option-does-not-fit"),
    ],
)
def test_what_helps_with_a_table_that_cannot_be_read(tmp_path, name, content, options, helps):
    """
    What is offered follows from what is wrong, and never from the words of it, in which the name of the file
    stands.
    """
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(RowbatchError) as caught:
        list(open_table(path, ReadOptions(**options)).chunks())
    assert as_options(caught.value) == helps


def test_kinds_that_another_encoding_helps_with_are_known():
    """
    Each kind of error that is looked for is one that is raised.
    """
    assert set(ENTRIES) >= _OF_ENCODING
