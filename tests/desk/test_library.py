"""Tables that the program knows."""

import datetime
import gzip
import hashlib
import json
import re
import zipfile
from dataclasses import asdict
from pathlib import Path

import polars as pl
import pytest

from rowbatch.core.table_options import ReadOptions
from rowbatch.desk import Draft, DraftQuestion, Library
from rowbatch.desk.drafts import make_run
from rowbatch.desk.library import (
    _ENDINGS,
    require_table_file,
    shown_name,
)
from rowbatch.desk.table_files import decoded_samples
from rowbatch.errors import InputError, TableError, UsageError
from rowbatch.programs.opening import open_table
from rowbatch.results.views import view_name
from rowbatch.store.view import write_view


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
    assert table.info.path == library.folder / table.id / "data.csv"
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


CELLS = [("1", "so good"), ("2", "naïve, „so“ 夏\nand on"), ("3", "")]
SHORT_CELLS = [("1", "so good"), ("2", "so bad"), ("3", "")]
AS_OBJECTS = [dict(zip(("id", "post"), row, strict=True)) for row in CELLS]


def as_csv(delimiter):
    def write(path):
        frame = pl.DataFrame(CELLS, schema=["id", "post"], orient="row")
        path.write_text(frame.write_csv(separator=delimiter), encoding="utf-8")

    return write


def as_json_lines(path):
    path.write_text("".join(json.dumps(row) + "\n" for row in AS_OBJECTS))


def as_json(path):
    path.write_text(json.dumps(AS_OBJECTS))


def as_columns(path):
    columns = {name: {str(at): row[name] for at, row in enumerate(AS_OBJECTS)} for name in ("id", "post")}
    path.write_text(json.dumps(columns))


def as_zip(path):
    as_csv(",")(path)
    content = path.read_bytes()
    with zipfile.ZipFile(path, "w") as packed_file:
        packed_file.writestr("t.csv", content)


def packed(write, kind):
    def write_packed(path):
        write(path)
        if kind == "gzip":
            path.write_bytes(gzip.compress(path.read_bytes()))
        else:
            zstd = pytest.importorskip("backports.zstd")
            path.write_bytes(zstd.compress(path.read_bytes()))

    return write_packed


def by_polars(name):
    def write(path):
        with path.open("wb") as file:
            getattr(pl.DataFrame(AS_OBJECTS), name)(file)

    return write


def as_ods(path):
    rows = "".join(
        "<table:table-row>"
        + "".join(
            '<table:table-cell office:value-type="string">'
            + "".join(f"<text:p>{line}</text:p>" for line in cell.split("\n"))
            + "</table:table-cell>"
            for cell in row
        )
        + "</table:table-row>"
        for row in [("id", "post"), *CELLS]
    )
    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    content = (
        f'<office:document-content {names} office:version="1.2"><office:body><office:spreadsheet>'
        f'<table:table table:name="s">{rows}</table:table></office:spreadsheet></office:body>'
        "</office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    with zipfile.ZipFile(path, "w") as files:
        files.writestr("mimetype", kind)
        files.writestr("META-INF/manifest.xml", "<manifest/>")
        files.writestr("content.xml", content)


def by_statistics(name, **options):
    def write_statistics(path):
        import pandas
        import pyreadstat

        # Not all of these have letters of every kind.
        frame = pandas.DataFrame(SHORT_CELLS, columns=["id", "post"])
        getattr(pyreadstat, name)(frame, str(path), **options)

    return write_statistics


def by_r(name):
    def write(path):
        import pandas

        pyreadr = pytest.importorskip("pyreadr")
        getattr(pyreadr, name)(str(path), pandas.DataFrame(AS_OBJECTS))

    return write


WORKBOOK = by_polars("write_excel")
ENDINGS = {
    ".csv": as_csv(","),
    ".csv.gz": packed(as_csv(","), "gzip"),
    ".csv.gzip": packed(as_csv(","), "gzip"),
    ".csv.zst": packed(as_csv(","), "zstd"),
    ".csv.zstd": packed(as_csv(","), "zstd"),
    ".tsv": as_csv("\t"),
    ".tsv.gz": packed(as_csv("\t"), "gzip"),
    ".tab": as_csv("\t"),
    ".zip": as_zip,
    ".txt": as_csv(";"),
    ".jsonl": as_json_lines,
    ".jsonl.gz": packed(as_json_lines, "gzip"),
    ".jsonl.zstd": packed(as_json_lines, "zstd"),
    ".ndjson": as_json_lines,
    ".ndjson.zst": packed(as_json_lines, "zstd"),
    ".jsonlines": as_json_lines,
    ".json": as_json,
    ".json.gz": packed(as_json, "gzip"),
    ".json.gzip": packed(as_json, "gzip"),
    ".json.zst": packed(as_json, "zstd"),
    ".json.zstd": packed(as_columns, "zstd"),
    ".parquet": by_polars("write_parquet"),
    ".feather": by_polars("write_ipc"),
    ".arrow": by_polars("write_ipc"),
    ".xlsx": WORKBOOK,
    # What these are is told by their bytes; nothing here can write binary workbooks, or SAS's own files.
    ".xlsm": WORKBOOK,
    ".xlsb": WORKBOOK,
    ".xls": WORKBOOK,
    ".ods": as_ods,
    ".dta": by_statistics("write_dta"),
    ".sav": by_statistics("write_sav"),
    ".zsav": by_statistics("write_sav"),
    ".por": by_statistics("write_por"),
    ".xpt": by_statistics("write_xport"),
    ".sas7bdat": by_statistics("write_xport", file_format_version=5),
    ".rds": by_r("write_rds"),
    ".rda": by_r("write_rdata"),
    ".RData": by_r("write_rdata"),
}


def cells_of(table):
    """Every row of a table of the library, as a page shows it."""
    reading = table.read()
    assert reading.wait(30)
    assert reading.error is None
    return reading.header, reading.view.frame(1, 1_000).rows()


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_format_through_the_door(library, tmp_path, ending):
    """
    A table of each ending that can be read is handed over, and comes back cell by cell; so it does under
    names of records of ours, with its ending in capitals, and as nothing but an ending.
    """
    path = tmp_path / f"t{ending}"
    ENDINGS[ending](path)
    content = path.read_bytes()
    own = open_table(path)
    expected = own.header, [row for chunk in own.chunks() for row in chunk.frame.rows()]
    assert [name.lower() for name in own.header] == ["id", "post"]
    assert expected[1] == (SHORT_CELLS if ENDINGS[ending].__name__ == "write_statistics" else CELLS)

    for name in ("table", "draft", "view", "head", "done", "rows", "run", "", "T.JSON", "夏 b"):
        for given in (name + ending, name + ending.upper()):
            table = received(library, given, content)
            assert table.info.path.read_bytes() == content
            assert cells_of(table) == expected
            # Nor does what is said about it afterwards.
            table.save_draft({"draft": {"text": "post"}})
            changed = library.table(table.id).change_reading(on_bad_rows="")
            assert changed.info.path.read_bytes() == content
            assert cells_of(library.table(table.id)) == expected
            assert library.table(table.id).info.name == (given or "table")
            assert library.table(table.id).draft()["draft"] == {"text": "post"}
            library.remove(table.id)


def test_every_ending_that_is_named_goes_through_the_door():
    """
    What the docs and the program name as the ending of a table, the test above hands over.
    """
    page = (Path(__file__).parents[2] / "docs" / "reference" / "tables.md").read_text(encoding="utf-8")
    # Stata's missing values are spelled `.a` to `.z`; a project of REFI-QDA is one of texts, and no table.
    named = set(re.findall(r"`(\.\w{2,})`", page)) - {".qdpx"} | {".csv", ".tsv", ".json", ".jsonl"}
    known = {f".{ending}" for ending in re.findall(r"[a-z0-9]{2,}", _ENDINGS.pattern.split(")(")[0])}
    assert {".sav", ".ods", ".RData"} <= named
    assert {".csv", ".sas7bdat", ".rdata"} <= known
    assert {ending.lower() for ending in named} | known <= {ending.lower() for ending in ENDINGS}


def test_a_run_of_a_table_in_json(library):
    """
    What is asked is the person's text; what the program knows of the file stays here.
    """
    table = received(library, "posts.json", json.dumps(AS_OBJECTS).encode())
    run = make_run(table, Draft(text="post", questions=(DraftQuestion(kind="text", question="How is it?"),)))
    assert run.header == ("id", "post")
    run.build()
    asked = "".join(path.read_text() for path in sorted(run.path.glob("requests/*.jsonl")))
    assert "so good" in asked
    assert str(library.folder) not in asked


def test_a_folder_of_texts_with_any_names(library, tmp_path):
    """
    Files of a folder are rows, whatever they are called; nothing of ours lies among them.
    """
    folder = tmp_path / "texts"
    (folder / "tries").mkdir(parents=True)
    names = ["draft.json.txt", "table.TXT", "tries/rows.txt", "view.arrow.txt"]
    for name in names:
        (folder / name).write_text(f"text of {name}")
    for name in ("draft.json", "table.json", "view.arrow"):
        (folder / name).write_text("{}")
    before = sorted(folder.rglob("*"))
    header, rows = cells_of(library.add(folder))
    assert header == ("file", "text")
    assert rows == [(name, f"text of {name}") for name in names]
    assert sorted(folder.rglob("*")) == before


def test_one_file_as_json_and_as_json_lines(library):
    """
    The same bytes are another table when the name says another format, and both stay apart.
    """
    content = b'{"id": ["1", "2"], "post": ["a", "b"]}\n'
    columns = cells_of(received(library, "t.json", content))
    lines = cells_of(received(library, "t.jsonl", content))
    assert columns == (("id", "post"), [("1", "a"), ("2", "b")])
    assert lines == (("id", "post"), [('["1", "2"]', '["a", "b"]')])
    assert cells_of(received(library, "t.json", content)) == columns


def old_record(library, name, file_name, content):
    """A table as a library holds it that was made before files and records had names of their own."""
    table_id = hashlib.sha256(name.encode()).hexdigest()[:16]
    folder = library.folder / table_id
    folder.mkdir(parents=True)
    path = folder / file_name
    path.write_bytes(content)
    plain = {
        "name": name,
        "path": str(path),
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "added_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds"),
        "is_copy": True,
        "reading": asdict(ReadOptions()),
    }
    (folder / "table.json").write_text(json.dumps(plain))
    return table_id


def test_libraries_of_before(library, monkeypatch):
    """
    What was handed over to an earlier version can be opened; a view that was made of it is not taken, since
    cells are read otherwise by now.
    """
    content = b"id,post\n1,so good\n"
    table_id = old_record(library, "posts.csv", "table.csv", content)
    table = library.table(table_id)
    assert [known.id for known in library.tables()] == [table_id]
    assert cells_of(table) == (("id", "post"), [("1", "so good")])
    # By the rule that names were made by then.
    reading = ReadOptions(encoding="utf-8", delimiter=",")
    told = json.dumps([1, table.info.sha256, asdict(reading)], sort_keys=True)
    assert view_name(table.info.sha256, reading, "csv") != hashlib.sha256(told.encode()).hexdigest()[:32]


def test_a_table_that_an_earlier_version_lost(library):
    """
    Where the record was written over the table, it is said, and the record is neither shown nor sent; the
    same file handed over once more is itself, whatever the view holds that was made of the record.
    """
    content = json.dumps(AS_OBJECTS).encode()
    table_id = old_record(library, "posts.json", "table.json", content)
    table = library.table(table_id)
    sha256 = table.info.sha256
    told = json.dumps([1, sha256, asdict(ReadOptions())], sort_keys=True)
    view = library.folder.parent / "cache" / "views" / hashlib.sha256(told.encode()).hexdigest()[:32]
    write_view(view, ["name", "path"], [(1, pl.DataFrame({"0": ["posts.json"], "1": ["/home/me"]}))])
    with pytest.raises(TableError, match=r"posts\.json was lost") as error:
        table.read()
    assert error.value.hint == "hand the file over once more"
    with pytest.raises(TableError, match="was lost"):
        make_run(table, Draft(text="name", questions=(DraftQuestion(kind="text", question="?"),)))
    again = received(library, "posts.json", content)
    assert cells_of(again) == (("id", "post"), CELLS)
    library.remove(table_id)


def test_a_transfer_that_breaks_off_leaves_nothing(library):
    """
    Half a file is no table.
    """
    with pytest.raises(KeyError), library.receive("posts.csv") as (_, file):
        file.write(b"id,po")
        raise KeyError
    assert list(library.folder.iterdir()) == []


def test_the_same_file_handed_over_again_is_the_same_table(library):
    """
    By its content, whatever it is called, with what was said about it; of another format it is another table.
    """

    def handed(name, content):
        with library.receive(name) as (table_id, file):
            file.write(content)
        return library.keep_once(table_id, name)

    first, was_known = handed("posts.csv", b"text\na\n")
    first.save_draft({"job": "x"})
    again, is_known = handed("posts of May.csv", b"text\na\n")
    assert (was_known, is_known) == (False, True)
    assert (again.id, again.info.name, again.draft()["job"]) == (first.id, "posts.csv", "x")
    for name, content in (("posts.csv", b"text\nb\n"), ("posts.tsv", b"text\na\n")):
        other, is_known = handed(name, content)
        assert not is_known
        assert other.id != first.id
    assert len([one for one in library.folder.iterdir() if one.is_dir()]) == 3
    # A copy that is gone is none.
    first.info.path.unlink()
    assert handed("posts.csv", b"text\na\n")[1] is False


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
    samples = decoded_samples(table.info.path)
    assert next(iter(samples.items())) == ("gb18030", "编号,正文")
    assert "\ufffd" in samples["utf-8"]


def test_two_likely_encodings_are_shown_first(tmp_path):
    """
    The first two lines to choose from are the likely readings, in a piece in which they differ.
    """
    path = tmp_path / "t.csv"
    path.write_bytes("id,comment\n1,it\u2019s fine\n".encode("cp1252"))
    shown = list(decoded_samples(path).items())
    assert shown[:2] == [("cp1252", "1,it\u2019s fine"), ("mac-roman", "1,it\u00eds fine")]


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
    for name in ("slides.PPTX", "notes.doc"):
        with pytest.raises(UsageError, match="not a table"):
            require_table_file(name)
    require_table_file("posts.csv.gz")
