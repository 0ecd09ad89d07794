"""What a person is told who gave another file than was meant, or left out what matters."""

import gzip
import io
import json
import sqlite3
import tarfile
import zipfile

import pytest

import rowbatch
from end_to_end import environment, run_here
from rowbatch import api
from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import RowbatchError
from rowbatch.programs import opening
from rowbatch.words.entries import ENTRIES

ASKS = ("--text", "post", "--model", "m", "-o", "out.jsonl")


def typed(place, *words):
    done = run_here(words, cwd=place, env=environment(place / "home"))
    assert "Traceback" not in done.stderr
    return done


def database(path):
    with sqlite3.connect(path) as made:
        made.execute("create table posts (post text)")
    made.close()


def tar(path, mode):
    with tarfile.open(path, mode) as made:
        for name in ("posts.csv", "more/about.txt"):
            one = tarfile.TarInfo(name)
            one.size = 7
            made.addfile(one, io.BytesIO(b"post\nx\n"))


def zipped(path, files):
    with zipfile.ZipFile(path, "w") as made:
        for name, data in files.items():
            made.writestr(name, data)


ARCHIVED = "is an archive (tar) with files in it: 'posts.csv', 'more/about.txt'"
NO_TABLES = {
    "d.sqlite": (database, "it is a database (SQLite)"),
    "d.rtf": (rb"{\rtf1\ansi hello}", "it is a document (RTF)"),
    "d.png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "it is a picture (PNG)"),
    "d.jpg": (b"\xff\xd8\xff\xe0\0\x10JFIF", "it is a picture (JPEG)"),
    "d.mp3": (b"ID3\x04\0\0\0\0\0\x23TSSE", "it is a recording (MP3)"),
    "d.m4a": (b"\0\0\0\x20ftypM4A \0\0\0\0", "it is a recording (MP4)"),
    "d.wav": (b"RIFF\x24\x08\0\0WAVEfmt \x10\0\0\0", "it is a recording (WAV)"),
    "d.ogg": (b"OggS\0\x02\0\0\0\0\0\0", "it is a recording (Ogg)"),
    "d.html": (b"<!DOCTYPE html><html><body>hello</body></html>", "it is a web page"),
    "d.7z": (b"7z\xbc\xaf\x27\x1c\0\4" + bytes(99), "is an archive (7-Zip)"),
    "d.rar": (b"Rar!\x1a\x07\1\0" + bytes(99), "is an archive (RAR)"),
    "d.tar": (lambda path: tar(path, "w"), ARCHIVED),
    "d.tar.gz": (lambda path: tar(path, "w:gz"), ARCHIVED),
    "d.tar.xz": (lambda path: tar(path, "w:xz"), ARCHIVED),
    "tables.zip": (
        lambda path: zipped(path, {"a.xlsx": b"PK", "b.jsonl": b"{}"}),
        "is a zip file with 'a.xlsx', 'b.jsonl' in it",
    ),
    "one.zip": (lambda path: zipped(path, {"a.parquet": b"PAR1"}), "is a zip file with 'a.parquet' in it"),
    "two.zip": (
        lambda path: zipped(path, {"a.csv": b"post\nx\n", "b.csv": b"post\nx\n"}),
        "is a zip file of 2 files: 'a.csv', 'b.csv'",
    ),
}


@pytest.mark.parametrize("name", NO_TABLES)
@pytest.mark.parametrize("suffix", ["", ".csv"])
def test_what_is_no_table_is_called_by_its_name(tmp_path, name, suffix):
    """
    It is seen by the first bytes, whatever the file is called, and the same in Python; the hint is about it.
    """
    made, expected = NO_TABLES[name]
    if not suffix and name.endswith(".html"):
        pytest.skip("by its name it is a document")
    path = tmp_path / f"{name}{suffix}"
    made(path) if callable(made) else path.write_bytes(made)
    done = typed(tmp_path, "convert", path.name, *ASKS)
    assert done.returncode == 3
    assert expected in done.stderr
    assert "hint:" in done.stderr
    assert "Excel" not in done.stderr
    with pytest.raises(RowbatchError) as raised:
        rowbatch.convert(path, tmp_path / "out.jsonl", text="post", model="m")
    assert expected in raised.value.message
    assert not (tmp_path / "out.jsonl").exists()


TEXTS = {
    "i.txt": "I: How are you, today?\nP: Fine, thanks.\n",
    "j.txt": "It was a nice day and we all went out.\nThen, it rained.\n",
    "k.txt": "安娜：最近怎么样\n本：还好\n",
    "l.txt": "今天天气很好，我们都出去了\n后来下雨了\n",
    "m.md": "# A day\n\nIt was nice, and we went out.\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_one_text_is_a_table_of_a_row(tmp_path, name):
    """
    An interview, a letter: all of it is the text of one row, which is said; in a zip file, too.
    """
    (tmp_path / name).write_text(TEXTS[name], encoding="utf-8")
    done = typed(tmp_path, "units", name, "--text", "text", "--by", "line", "-o", "units.csv")
    assert done.returncode == 0, done.stderr
    assert "of 1 text" in done.stdout
    assert ("running text" in done.stdout) is name.endswith(".txt")
    looked = api.look_at_table(tmp_path / name)
    assert (looked.rows, looked.columns) == (1, ("file", "text"))
    zipped(tmp_path / "one.zip", {name: TEXTS[name].encode()})
    assert api.look_at_table(tmp_path / "one.zip").columns == ("file", "text")


POSTS = {
    "first-is-long.txt": ["This one was really much better than all others, honestly", "bad", "so, so"],
    "commas.txt": ["Great phone, love it", "bad, bad, bad", "fine; mostly", "meh"],
    "short.txt": ["good", "bad", "so so"],
    "quotes.txt": ['"Great" is what they said to me about it', 'she said "no" to me', 'an open " quote', "x"],
    "numbers.txt": ["12", "13", "what, 14?"],
    "tabs.txt": ["a\tb and what follows in that line", "c", "d|e|f|g"],
    "chinese.txt": ["这个手机很好，我很喜欢。", "太差了！", "一般"],
    "many.txt": [
        f"post {number}, with {'a comma, ' * (number % 3)}and words enough" for number in range(1000)
    ],
}


@pytest.mark.parametrize("name", POSTS)
def test_a_list_of_posts_is_read_by_the_line_where_somebody_says_so(tmp_path, name):
    """
    Each line is a row as it stands, the first one too, whatever signs it has, and a blank one has no text; in
    a zip file, packed, with Windows' ends of lines, too. Where it is taken for something else, it says how.
    """
    posts = POSTS[name]
    files = {name: "\n".join(posts), f"w-{name}": "\r\n\r\n".join(posts) + "\r\n"}
    for file, content in files.items():
        (tmp_path / file).write_bytes(content.encode())
    zipped(tmp_path / "one.zip", {name: files[name].encode()})
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(files[name].encode()))
    for file in (*files, "one.zip", f"{name}.gz"):
        looked = api.look_at_table(tmp_path / file, program="lines")
        blank = len(posts) - 1 if file.startswith("w-") else 0
        assert (looked.rows, looked.columns) == (len(posts) + blank, ("text",))
        done = typed(
            tmp_path,
            "convert",
            file,
            "--program",
            "lines",
            "--text",
            "text",
            *ASKS[2:],
            "--skip-empty",
            "--overwrite",
        )
        assert done.returncode == 0, done.stderr
        asked = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
        assert [one["body"]["messages"][-1]["content"] for one in asked] == posts
    table = opening.open_table(tmp_path / name, ReadOptions(program="lines"))
    assert [row[0] for row in opening.open_table(tmp_path / name, table.reading).peek(2000)] == posts
    if name != "tabs.txt":
        # Taken for one text, or for a table with the first one as its header.
        done = typed(tmp_path, "convert", name, "--text", "text", *ASKS[2:], "--overwrite")
        assert "--program lines" in done.stdout + done.stderr


def test_several_texts_in_a_zip_file_are_a_row_each(tmp_path):
    """
    As a folder of them is.
    """
    zipped(tmp_path / "t.zip", {"b.txt": b"Two, too\n", "a.txt": b"One\n"})
    assert api.look_at_table(tmp_path / "t.zip").rows == 2


def test_a_workbook_that_is_packed_is_told_so(tmp_path):
    """
    It has the name that it should have.
    """
    (tmp_path / "b.xlsx.gz").write_bytes(gzip.compress(b"PK\3\4"))
    done = typed(tmp_path, "convert", "b.xlsx.gz", *ASKS)
    assert "is a workbook that is packed" in done.stderr
    assert "unpack it" in done.stderr


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://example.org/posts.csv", "https://example.org/posts.csv is an address on the web"),
        ("https://docs.google.com/spreadsheets/d/abc/edit", "File > Download > Comma-separated values"),
    ],
)
@pytest.mark.parametrize("command", ["convert", "run"])
def test_addresses_are_not_fetched(tmp_path, monkeypatch, address, expected, command):
    """
    Whoever gives an address is told to download it; the address is shown as it was typed.
    """
    words = ASKS if command == "convert" else ("--text", "post", "--labels", "a,b", "--prompt", "Which?")
    done = typed(tmp_path, command, address, *words)
    assert done.returncode == 3
    assert expected in done.stderr
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RowbatchError) as raised:
        rowbatch.create(address, text="post", labels=["a", "b"], prompt="Which?")
    assert expected in f"{raised.value.message} {raised.value.hint}"


def test_another_delimiter_is_proposed(tmp_path):
    """
    Where all of the header is one column that holds the name that was asked for.
    """
    (tmp_path / "t.csv").write_text("id;post\n1;good\n", encoding="utf-8")
    done = typed(tmp_path, "convert", "t.csv", "--delimiter", ",", *ASKS)
    assert "all of its header line is one column, 'id;post'" in done.stderr
    assert "--delimiter ';'" in done.stderr


def test_labels_want_a_question(tmp_path):
    """
    Labels without anything that they are chosen by are refused, before a run is made.
    """
    (tmp_path / "t.csv").write_text("post\ngood\n", encoding="utf-8")
    for command in ("run", "try", "plan"):
        done = typed(tmp_path, command, "t.csv", "--text", "post", "--labels", "a,b")
        assert done.returncode == 2
        assert "--prompt" in done.stderr
    assert not (tmp_path / "rowbatch-runs").exists()


def test_a_name_that_is_taken_is_told(tmp_path):
    """
    Who has a column `label` already is told where ours is, and what is counted is ours.
    """
    (tmp_path / "t.csv").write_text("post,label\ngood,x\nbad,y\n", encoding="utf-8")
    asked = ("--text", "post", "--labels", "a,b", "--prompt", "Which?")
    done = typed(tmp_path, "run", "t.csv", *asked)
    assert done.returncode == 0, done.stderr
    assert "has 'label' already, and keeps it; what the model says is in 'rowbatch_label'" in done.stdout
    summary = done.stdout.partition("labelled table")[2]
    assert "x" not in summary.partition("label: ")[2].splitlines()[0]
    (tmp_path / "u.csv").write_text("post\ngood\nbad\n", encoding="utf-8")
    assert "already, and keeps" not in typed(tmp_path, "run", "u.csv", *asked).stdout


def test_no_hint_leads_to_a_file_that_is_not_installed():
    """
    Hints name commands, and no page that is only in the repository.
    """
    for kind, entry in ENTRIES.items():
        assert "docs/" not in f"{entry}", kind
