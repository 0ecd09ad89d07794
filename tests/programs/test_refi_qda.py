"""Projects of REFI-QDA as tables, with invented persons: a passage a row, a column a question and coder."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from rowbatch.core.codebook import Codebook
from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import TableError, UsageError
from rowbatch.programs import refi_qda_project
from rowbatch.programs.opening import open_table
from rowbatch.tools.codebooks import read_any_codebook

CODES = """
<CodeBook><Codes>
<Code guid="A1" name="mood" isCodable="true">
 <Code guid="a2" name="good" isCodable="true"><Code guid="a3" name="very" isCodable="true"/></Code>
 <Code guid="a4" name="bad; sad" isCodable="true"/></Code>
<Code guid="b1" name="praise" isCodable="true"/><Code guid="b2" name="blame" isCodable="true"/>
</Codes></CodeBook>
"""
USERS = '<Users><User guid="{U1}" name="Ann Example"/><User guid="u2" name="Bo"/></Users>'
SONG = "Ha 😀 ho.\r\nHey, all is well.\r\nAll is fine."


def coded(start: int, end: int, code: str, user: str = "u1", name: str = "") -> str:
    return (
        f'<PlainTextSelection guid="s" startPosition="{start}" endPosition="{end}" name="{name}"'
        f' creatingUser="{user}"><Description>why</Description><Coding guid="c">'
        f'<CodeRef targetGUID="{code}"/></Coding></PlainTextSelection>'
    )


def project(
    path: Path,
    sources: str,
    *,
    files: dict[str, bytes] | None = None,
    origin: str = "NVivo",
    before: str = "",
    behind: str = "",
) -> Path:
    """A project as programs write it: users, codes, what was coded."""
    content = (
        f'<?xml version="1.0" encoding="utf-8"?>\n<Project name="p" origin="{origin}"'
        ' xmlns="urn:QDA-XML:project:1.0">'
        f"{USERS}{CODES}{before}<Sources>{sources}</Sources>{behind}</Project>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("project.qde", content)
        for name, data in (files or {}).items():
            archive.writestr(name, data)
    return path


def source(name: str, inside: str, part: str = "T1.txt", kind: str = "TextSource") -> str:
    return f'<{kind} guid="{name}" name="{name}" plainTextPath="internal://{part}">{inside}</{kind}>'


def rows(path: Path, **options: Any) -> list[dict[str, str]]:
    table = open_table(path, ReadOptions(**options))
    return [
        dict(zip(table.header, row, strict=True)) for chunk in table.chunks() for row in chunk.frame.rows()
    ]


def test_each_passage_is_a_row_with_a_column_for_each_question_and_coder(tmp_path):
    """
    Labels have the way to them in their names, several stand in one cell, ids are compared in any letters and
    braces; the folder of the texts may be called `Sources`, as NVivo writes it; a text that nobody coded is a
    row of its own; what is no text is named.
    """
    inside = "".join(
        [
            coded(0, 4, "A2"),
            coded(0, 4, "{a4}"),
            coded(0, 4, "a3", "U2"),
            coded(5, 8, "b1", "u2"),
            coded(5, 8, "a1"),
            '<Coding guid="c" creatingUser="u2"><CodeRef targetGUID="b2"/></Coding>',
        ]
    )
    path = project(
        tmp_path / "p.qdpx",
        source("song", inside) + '<PictureSource guid="x" name="x"/>' + source("empty", "", "t2.TXT"),
        files={"Sources/t1.txt": "\ufeffHa 😀 ho.".encode(), "Sources/T2.txt": b""},
        behind="<Notes><Note guid='n'><PlainTextContent>secret</PlainTextContent></Note></Notes>",
    )
    assert rows(path) == [
        {
            "document": name,
            "unit": unit,
            "unit_start": start,
            "unit_end": end,
            "text": text,
            "mood_Ann Example": ann,
            "mood_Bo": mood,
            "label_Bo": label,
        }
        for name, unit, start, end, text, ann, mood, label in (
            ("song", "1", "0", "8", "Ha 😀 ho.", "", "", "blame"),
            ("song", "2", "0", "4", "Ha 😀", "good; bad, sad", "good / very", ""),
            ("song", "3", "5", "8", "ho.", "mood", "", "praise"),
            ("empty", "1", "0", "0", "", "", "", ""),
        )
    ]
    table = open_table(path)
    assert [(note.kind, note.values.get("parts")) for note in table.notes] == [
        ("note-refi-project", None),
        ("note-refi-left-out", ["Note (1)", "PictureSource (1)"]),
    ]
    assert open_table(path, table.reading).header == table.header


def test_texts_that_are_coded_as_a_whole_are_rows_without_places(tmp_path):
    """
    As answers of a survey are coded, and as rowbatch writes them; each coder has a column, and variables of
    texts and of their cases are columns.
    """
    value = "<VariableValue><VariableRef targetGUID='{}'/><{}>{}</{}></VariableValue>".format
    path = project(
        tmp_path / "p.qdpx",
        source("one", coded(0, 3, "b1") + value("v1", "IntegerValue", 7, "IntegerValue"))
        + source("two", coded(0, 3, "b2", "nobody"), "t2.txt"),
        files={"sources/T1.txt": b"Ha.", "sources/T2.txt": b"Ho."},
        before="<Variables><Variable guid='v1' name='age'/><Variable guid='v2' name='text'/></Variables>"
        f"<Cases><Case guid='k' name='k'>{value('V2', 'TextValue', ' x ', 'TextValue')}"
        "<SourceRef targetGUID='two'/></Case></Cases>",
    )
    assert rows(path) == [
        {
            "document": "one",
            "text": "Ha.",
            "label_Ann Example": "praise",
            "label": "",
            "age": "7",
            "text_2": "",
        },
        {
            "document": "two",
            "text": "Ho.",
            "label_Ann Example": "",
            "label": "blame",
            "age": "",
            "text_2": "x",
        },
    ]


@pytest.mark.parametrize(
    ("origin", "is_one", "named"),
    [
        pytest.param("NVivo", False, False, id="two"),
        pytest.param("ATLAS.ti 23", True, False, id="one-in-atlas"),
        pytest.param("MAXQDA", True, True, id="the-names-say-one"),
        pytest.param("ATLAS.ti 23", False, True, id="the-names-say-two"),
    ],
)
def test_line_ends_count_as_the_passages_say(tmp_path, origin, is_one, named):
    """
    Whether CR and LF are one character or two: by the words in the names of passages, where they are there,
    or else as QualCoder 4.0 beta takes it, one in projects of ATLAS.ti and two in others.
    """
    text = SONG.replace("\r\n", "\n") if is_one else SONG
    passages = [
        (text.index(word), text.index(word) + len(word)) for word in ("ho.", "Hey, all", "All is fine.")
    ]
    inside = "".join(
        coded(start, end, "b1", name=" ".join(text[start:end].split()) if named else "")
        for start, end in passages
    )
    path = project(
        tmp_path / "p.qdpx", source("song", inside), files={"sources/T1.txt": SONG.encode()}, origin=origin
    )
    assert [row["text"] for row in rows(path)] == ["ho.", "Hey, all", "All is fine."]
    whole = SONG.replace("\r\n", "\n")
    assert [whole[int(row["unit_start"]) : int(row["unit_end"])] for row in rows(path)] == [
        row["text"] for row in rows(path)
    ]


def test_texts_may_stand_in_the_project_and_belong_to_a_page(tmp_path):
    """
    A text in the XML itself; the words of a PDF; a selection of a page, which is a picture, is no passage.
    """
    own = (
        "<TextSource guid='o' name='own'><PlainTextContent>Ha &amp; ho</PlainTextContent>"
        f"{coded(0, 2, 'b1')}</TextSource>"
    )
    page = (
        "<PDFSource guid='q' name='page.pdf' path='internal://q.pdf'><PDFSelection guid='w' page='1'>"
        "<Coding guid='c'><CodeRef targetGUID='b2'/></Coding></PDFSelection>"
        f"{source('r', coded(3, 6, 'b2'), kind='Representation')}"
        "<Coding guid='c' creatingUser='u1'><CodeRef targetGUID='a4'/></Coding></PDFSource>"
        "<PDFSource guid='z' name='scan.pdf'/>"
    )
    path = project(tmp_path / "p.qdpx", own + page, files={"sources/T1.txt": b"Oh, yes"})
    found = [
        (row["document"], row["text"], row["mood_Ann Example"], row["label_Ann Example"])
        for row in rows(path)
    ]
    assert found == [
        ("own", "Ha", "", "praise"),
        ("page.pdf", "Oh, yes", "bad, sad", ""),
        ("page.pdf", " ye", "", "blame"),
    ]
    assert open_table(path).notes[1].values["parts"] == ["PDFSelection (1)", "PDFSource (1)"]


def test_the_codebook_of_the_same_file_asks_what_the_columns_hold(tmp_path):
    """
    Each cell is a value of the variable whose name the column begins with.
    """
    inside = "".join(coded(0, 2, code) for code in ("a2", "a3", "a4", "b1"))
    path = project(tmp_path / "p.qdpx", source("one", inside), files={"sources/T1.txt": b"Ha"})
    codebook: Codebook = read_any_codebook(path)
    (row,) = rows(path)
    read = {
        variable.name: variable.people_value(row[f"{variable.name}_Ann Example"])
        for variable in codebook.variables
    }
    assert read == {"mood": "good; good / very; bad, sad", "label": "praise"}


@pytest.mark.parametrize(
    ("sources", "files", "kind"),
    [
        pytest.param("<TextSource guid='a' name='a'", {}, "refi-project-broken", id="cut"),
        pytest.param(
            source("a", coded(0, 2, "b1")).replace('"0"', '"x"'), {}, "refi-project-broken", id="no-number"
        ),
        pytest.param("<PictureSource guid='a' name='a'/>", {}, "refi-no-texts", id="pictures"),
        pytest.param(source("a", ""), {}, "refi-no-texts", id="text-missing"),
    ],
)
def test_what_is_no_project_says_why(tmp_path, sources, files, kind):
    """
    A file that is broken, or has no text, is an error with its reason.
    """
    with pytest.raises(TableError) as caught:
        open_table(project(tmp_path / "p.qdpx", sources, files=files))
    assert caught.value.kind == kind


def test_other_files_of_the_standard_are_named(tmp_path):
    """
    Codes alone are a codebook and no table; a zip without a project, and options that do not fit, are named.
    """
    codes = tmp_path / "codes.qdc"
    codes.write_text('<CodeBook xmlns="urn:QDA-XML:codebook:1.0"><Codes/></CodeBook>')
    for path in (codes, codes.rename(tmp_path / "codes.xml")):
        path.write_text('<CodeBook xmlns="urn:QDA-XML:codebook:1.0"><Codes/></CodeBook>')
        with pytest.raises(TableError) as caught:
            open_table(path)
        assert caught.value.kind == "refi-no-table"
    with zipfile.ZipFile(tmp_path / "z.qdpx", "w") as archive:
        archive.writestr("other.txt", "x")
    with pytest.raises(TableError) as caught:
        open_table(tmp_path / "z.qdpx")
    assert caught.value.kind == "refi-project-broken"
    (tmp_path / "t.qdpx").write_text("text\nx\n")
    with pytest.raises(TableError):
        open_table(tmp_path / "t.qdpx")
    good = project(tmp_path / "g.qdpx", source("a", ""), files={"sources/T1.txt": b"Ha"})
    assert [row["text"] for row in rows(good, program="refi_qda")] == ["Ha"]
    with pytest.raises(UsageError):
        open_table(good, ReadOptions(delimiter=";"))


def test_projects_have_bounds(tmp_path, monkeypatch):
    """
    More codings, more XML and longer texts than are allowed are refused, each with its limit.
    """
    own = "<TextSource guid='o' name='own'><PlainTextContent>Ha ho</PlainTextContent>"
    value = "<VariableValue><VariableRef targetGUID='v'/><TextValue>long</TextValue></VariableValue>"
    path = project(tmp_path / "p.qdpx", f"{own}{coded(0, 2, 'b1')}{value}</TextSource>")
    # Two persons, a text, a coding and a value; the text and the value have nine letters.
    for name, most, enough in (
        ("_MAX_PARTS", 4, 5),
        ("_MAX_PROJECT_BYTES", 100, 5000),
        ("_MAX_OWN_CHARS", 8, 9),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(refi_qda_project, name, most)
            with pytest.raises(TableError) as caught:
                open_table(path)
            assert caught.value.kind == "refi-project-broken"
            assert f"{most:,}" in caught.value.message or name == "_MAX_PROJECT_BYTES"
            patched.setattr(refi_qda_project, name, enough)
            assert open_table(path).header
    long = project(tmp_path / "l.qdpx", source("a", ""), files={"sources/T1.txt": b"Ha ho"})
    monkeypatch.setattr(refi_qda_project, "max_cell_bytes", lambda: 3)
    monkeypatch.setattr("rowbatch.tables.bounds.max_cell_bytes", lambda: 3)
    with pytest.raises(TableError) as caught:
        rows(long)
    assert caught.value.kind == "cell-too-large"


def test_many_rows_come_in_chunks(tmp_path):
    """
    Rows keep their numbers over chunks of any size.
    """
    files = {f"sources/{n}.txt": f"text {n}".encode() for n in range(25)}
    path = project(
        tmp_path / "p.qdpx", "".join(source(str(n), "", f"{n}.txt") for n in range(25)), files=files
    )
    table = open_table(path)
    found = [(chunk.first_row, row) for chunk in table.chunks(10) for row in chunk.frame.rows()]
    assert [row for _, row in found] == [(str(n), f"text {n}") for n in range(25)]
    assert [first for first, _ in found] == [1] * 10 + [11] * 10 + [21] * 5
