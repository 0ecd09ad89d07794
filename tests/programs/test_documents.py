"""
Folders of documents: what a reader of each sees is the text of its row.

Word's and OpenDocument's files are written by hand, PDF by pypdf 7.1.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import pypdf
import pytest
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from rowbatch.core.table_options import PLAIN, ReadOptions
from rowbatch.errors import TableError
from rowbatch.programs import documents
from rowbatch.programs.opening import open_table
from rowbatch.store.sources import digest_source
from rowbatch.tables.base import Table

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
T = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
)


def word(path: Path, inner: str, declared: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(
            "word/document.xml", f"{declared}<w:document {W}><w:body>{inner}</w:body></w:document>"
        )
    return path


def pdf(path: Path, pages: list[str], password: str = "") -> Path:
    writer = pypdf.PdfWriter()
    for text in pages:
        page = writer.add_blank_page(200, 200)
        font = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Font"),
                NameObject("/Subtype"): NameObject("/Type1"),
                NameObject("/BaseFont"): NameObject("/Helvetica"),
            }
        )
        fonts = DictionaryObject({NameObject("/F1"): font})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 10 100 Td ({text}) Tj ET".encode())
        page[NameObject("/Contents")] = writer._add_object(stream)
    if password:
        writer.encrypt(password)
    with path.open("wb") as file:
        writer.write(file)
    return path


def rows(table: Table) -> list[tuple[str, ...]]:
    return [row for chunk in table.chunks() for row in chunk.frame.rows()]


def test_a_folder_of_documents_is_a_table(tmp_path: Path) -> None:
    """
    A row a document, by name, folders inside included; other files are told, hidden ones and locks are not.
    """
    folder = tmp_path / "docs"
    (folder / "b").mkdir(parents=True)
    (folder / "a.txt").write_text("plain text")
    word(folder / "b" / "c.docx", "<w:p><w:r><w:t>from Word</w:t></w:r></w:p>")
    pdf(folder / "d.pdf", ["page one", "page two"])
    (folder / "picture.png").write_bytes(b"\x89PNG")
    (folder / "~$c.docx").write_bytes(b"lock")
    (folder / ".hidden.txt").write_text("no")
    table = open_table(folder)
    assert table.header == ("file", "text")
    assert rows(table) == [
        ("a.txt", "plain text"),
        ("b/c.docx", "from Word"),
        ("d.pdf", "page one\n\npage two"),
    ]
    assert [(note.kind, note.values["kinds"]) for note in table.notes] == [("note-other-files", [".png (1)"])]
    again = open_table(folder, table.reading)
    assert rows(again) == rows(table)


def test_a_change_of_any_document_is_seen(tmp_path: Path) -> None:
    """
    The digest of a folder of documents is of all files; that of a plain folder of its texts alone, as ever.
    """
    (tmp_path / "a.txt").write_text("one")
    page = tmp_path / "b.html"
    page.write_text("<p>two</p>")
    before = digest_source(tmp_path, "documents"), digest_source(tmp_path, PLAIN)
    page.write_text("<p>three</p>")
    after = digest_source(tmp_path, "documents"), digest_source(tmp_path, PLAIN)
    assert before[0] != after[0]
    assert before[1] == after[1]
    assert open_table(tmp_path, ReadOptions(program=PLAIN)).header == ("file", "text")


DOCUMENTS = [
    (
        "p.html",
        "<html><head><title>x</title><style>p{}</style></head><body><h1>Head</h1>"
        "<p>One <b>two</b>\n three<br>four &amp; five</p><script>no()</script></body></html>",
        "Head\nOne two three\nfour & five",
    ),
    (
        "s.srt",
        "1\n00:00:01,000 --> 00:00:02,000\n<i>Hello</i> there\n\n2\n00:00:03,000 --> 00:00:04,000\nYou.\n",
        "Hello there\nYou.",
    ),
    (
        "s.vtt",
        "WEBVTT\n\nNOTE comment\n\nid\n00:01.000 --> 00:02.000 align:start\n<v Ann>Hello <c.loud>you</c>\n\n"
        "00:03.000 --> 00:04.000\n<v.x Bob>Hi\n",
        "Ann: Hello you\nBob: Hi",
    ),
    ("m.md", "# Head\n\ntext", "# Head\n\ntext"),
]


@pytest.mark.parametrize(("name", "content", "text"), DOCUMENTS, ids=[name for name, *_ in DOCUMENTS])
def test_texts_of_documents(tmp_path: Path, name: str, content: str, text: str) -> None:
    """
    What a reader sees: no marks, scripts, numbers or times; who speaks stands before it.
    """
    (tmp_path / name).write_text(content)
    assert rows(open_table(tmp_path, ReadOptions(program="documents"))) == [(name, text)]


def test_paragraphs_tabs_and_breaks_of_word_processors(tmp_path: Path) -> None:
    """
    A paragraph a line; what was deleted under supervision is no text.
    """
    word(
        tmp_path / "a.docx",
        "<w:p><w:r><w:t>one</w:t><w:tab/><w:t>two</w:t><w:br/><w:t>three</w:t></w:r></w:p><w:p/>"
        "<w:p><w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:ins><w:r><w:t>new &amp; old</w:t></w:r>"
        "</w:ins></w:p>",
    )
    with zipfile.ZipFile(tmp_path / "b.odt", "w") as archive:
        archive.writestr(
            "content.xml",
            f"<office:document-content {T}><office:body><office:text><text:h>Head</text:h>"
            '<text:p>a<text:tab/>b<text:s text:c="2"/>c<text:span>d</text:span></text:p></office:text>'
            "</office:body></office:document-content>",
        )
    assert rows(open_table(tmp_path)) == [
        ("a.docx", "one\ttwo\nthree\n\nnew & old"),
        ("b.odt", "Head\na\tb  cd"),
    ]


def test_one_document_is_a_table_of_one_row(tmp_path: Path) -> None:
    """
    A document that is no folder.
    """
    assert rows(open_table(pdf(tmp_path / "d.pdf", ["only"]))) == [("d.pdf", "only")]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("old.doc", "document-too-old"), ("bad.docx", "document-broken"), ("bad.pdf", "document-broken"),
     ("locked.pdf", "document-locked"), ("entity.docx", "document-broken")],
)  # fmt: skip
def test_a_document_that_cannot_be_read_is_named(tmp_path: Path, name: str, kind: str) -> None:
    """
    None is silently empty.
    """
    path = tmp_path / name
    if name == "locked.pdf":
        pdf(path, ["secret"], password="word")
    elif name == "entity.docx":
        word(path, "<w:p/>", '<!DOCTYPE d [<!ENTITY e "x">]>')
    else:
        path.write_bytes(b"no document at all")
    (tmp_path / "a.txt").write_text("fine")
    with pytest.raises(TableError) as error:
        rows(open_table(tmp_path, ReadOptions(program="documents")))
    assert (error.value.kind, Path(error.value.values["path"]).name) == (kind, name)


def test_what_stands_twice_and_what_stands_below(tmp_path: Path) -> None:
    """
    A text box of Word, which keeps it twice, is there once; footnotes and endnotes come at the end, of
    OpenDocument too, where they stand within the sentence.
    """
    once = "<w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent>"
    box = (
        f'<w:p><w:r><mc:AlternateContent xmlns:mc="m"><mc:Choice>{once}</mc:Choice>'
        f"<mc:Fallback>{once}</mc:Fallback></mc:AlternateContent></w:r></w:p>"
    )
    table = "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>cell</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
    noted = '<w:p><w:r><w:t>cited</w:t></w:r><w:r><w:footnoteReference w:id="2"/></w:r></w:p>'
    path = word(tmp_path / "a.docx", noted + table + box)
    with zipfile.ZipFile(path, "a") as archive:
        notes = '<w:footnote w:id="2"><w:p><w:r><w:t>The note.</w:t></w:r></w:p></w:footnote>'
        archive.writestr("word/footnotes.xml", f"<w:footnotes {W}>{notes}</w:footnotes>")
    ((_, text),) = rows(open_table(path))
    assert [line for line in text.split("\n") if line] == ["cited", "cell", "boxed", "The note."]
    note = "<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>The note.</text:p>"
    inner = f"<text:p>cited{note}</text:note-body></text:note> here</text:p><text:p>end</text:p>"
    with zipfile.ZipFile(tmp_path / "b.odt", "w") as archive:
        archive.writestr("content.xml", f"<office:document-content {T}>{inner}</office:document-content>")
    ((_, text),) = rows(open_table(tmp_path / "b.odt"))
    assert text == "cited here\nend\nThe note."


def test_scanned_pages_are_told(tmp_path: Path) -> None:
    """
    A PDF of pictures has no text (pypdf 7.1 gives ""): which ones is said once they are read.
    """
    folder = tmp_path / "docs"
    folder.mkdir()
    pdf(folder / "text.pdf", ["words"])
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    writer.write(str(folder / "scan.pdf"))
    table = open_table(folder)
    assert [row[1].strip() for row in rows(table)] == ["", "words"]
    assert [(note.kind, note.values["files"]) for note in table.notes] == [
        ("note-pages-without-text", ["scan.pdf"])
    ]
    assert len(rows(table)) == 2
    assert len(table.notes) == 1


def packed(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name if "." in name else name.replace("__", "/").replace("_", "."), data)
    return path


def test_documents_in_a_zip_file(tmp_path):
    """
    As they are in a folder: what a browser can hand over is one file.
    """
    path = packed(
        tmp_path / "d.zip",
        b__two_html=b"<p>two</p>",
        a_txt="\ufeffone, caf\u00e9".encode(),
        c_png=b"x",
        **{"__MACOSX/a.html": b"no"},
    )
    table = open_table(path)
    assert table.header == ("file", "text")
    assert [row for chunk in table.chunks() for row in chunk.frame.rows()] == [
        ("a.txt", "one, caf\u00e9"),
        ("b/two.html", "two"),
    ]
    assert [note.kind for note in table.notes] == ["note-other-files"]
    again = open_table(path, table.reading)
    assert again.header == table.header
    # A table among them is read as one, by its name.
    other = packed(tmp_path / "t.zip", a_html=b"<p>two</p>", t_csv=b"id,text\n1,a\n")
    assert open_table(other, ReadOptions(sheet="t.csv")).header == ("id", "text")


def test_names_in_a_zip_file_without_the_mark_of_utf8(tmp_path):
    """
    Python 3.11 and 3.14 read them as code page 437; macOS and Info-ZIP 3.0 write UTF-8 so.
    """
    path = packed(tmp_path / "d.zip", xxxx_html=b"<p>two</p>")
    data = path.read_bytes().replace(b"xxxx", "\u8c081".encode())
    path.write_bytes(data)
    assert [row[0] for chunk in open_table(path).chunks() for row in chunk.frame.rows()] == ["\u8c081.html"]


def test_what_is_wrong_with_a_document_in_a_zip_file(tmp_path, monkeypatch):
    """
    It is found there by the message, and nothing of it stays on the disk.
    """
    path = packed(tmp_path / "d.zip", a_docx=b"no word file", b_html=b"<p>two</p>")
    with pytest.raises(TableError) as caught:
        list(open_table(path).chunks())
    assert f"{path}: a.docx" in caught.value.message
    monkeypatch.setattr(documents, "_MAX_DOCUMENT_BYTES", 5)
    with pytest.raises(TableError, match="more than 5 bytes"):
        list(open_table(packed(tmp_path / "e.zip", b_html=b"<p>two</p>")).chunks())


def test_a_table_written_into_a_folder_of_documents_hides_nothing_from_whoever_names_them(tmp_path) -> None:
    """A run that goes on opens its folder with the reading that it had; its output may lie there by then."""
    (tmp_path / "a.md").write_text("first")
    reading = open_table(tmp_path).reading
    before = digest_source(tmp_path, reading.program)
    (tmp_path / "labelled.csv").write_text("file,label\na.md,x\n")

    table = open_table(tmp_path, reading)

    assert table.header == ("file", "text")
    assert [row for chunk in table.chunks() for row in chunk.frame.rows()] == [("a.md", "first")]
    assert digest_source(tmp_path, reading.program) == before


@pytest.mark.parametrize(
    "name",
    ["out.feather", "out.arrow", "out.qdpx", ".DS_Store", "~$b.docx", "rowbatch-runs/run/requests/r1.jsonl"],
)
def test_what_comes_and_goes_in_a_folder_of_documents_changes_no_table(tmp_path: Path, name: str) -> None:
    """
    A run over a folder goes on when its output or its own directory lies there, or somebody looked into it.

    macOS (Finder) leaves `.DS_Store` in each folder that it shows, Word `~$` while a document is open.
    """
    (tmp_path / "b.md").write_text("first")
    reading = open_table(tmp_path).reading
    before = digest_source(tmp_path, reading.program)
    place = tmp_path / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("x")
    if place.parent != tmp_path:
        (tmp_path / "rowbatch-runs" / "run" / "run.toml").write_text("")

    assert digest_source(tmp_path, reading.program) == before
    assert open_table(tmp_path).header == ("file", "text")
    (tmp_path / "b.md").write_text("other")
    assert digest_source(tmp_path, reading.program) != before
