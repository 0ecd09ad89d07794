"""Projects of REFI-QDA: what was coded, where, and by whom."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import rowbatch
from paneling import FIRST, OTHERS, SECOND, THIRD, providers_of
from refi_schema import check_schema
from rowbatch.cli.app import run_command_line
from rowbatch.core.refi_project import PlainText
from rowbatch.errors import OutputExists
from rowbatch.programs.opening import open_table
from rowbatch.tools.codebooks import convert_codebook

BOOK: dict[str, Any] = {
    "variables": [
        {
            "name": "topic",
            "question": "What is it about?",
            "reason": True,
            "evidence": True,
            "cant_say": True,
            "labels": [{"name": "economy", "definition": "Jobs"}, {"name": "health / care"}],
        },
        {"name": "who", "kind": "labels", "none": True, "labels": [{"name": "us"}, {"name": "them"}]},
        {"name": "pledge", "kind": "yes-no"},
        {"name": "words", "kind": "quote", "most": 3, "none": True},
        {"name": "homes", "kind": "number", "whole": True, "cant_say": True},
        {"name": "gist"},
    ]
}
TEXTS = ["We build 5 homes. 😀 Yes, we do, for us.", "Jobs\r\nfirst, says Ann.\rAnn is <ill> & tired."]
ANSWERS: dict[str, dict[str, Any]] = {
    TEXTS[0]: {
        "topic_reason": "It says & so.",
        "topic_evidence": "build 5 homes",
        "topic": "economy",
        "who": ["us", "them"],
        "pledge": "yes",
        "words": ["Yes, we do", "for us"],
        "homes": 5,
        "gist": "They build.",
    },
    TEXTS[1]: {
        "topic_reason": "",
        "topic_evidence": "ann",
        "topic": "can't say",
        "who": ["none of these"],
        "pledge": "no",
        "words": ["first, says Ann.\rAnn"],
        "homes": None,
        "gist": "Tired.",
    },
}


@pytest.fixture
def providers(monkeypatch, tmp_path):
    found = providers_of(monkeypatch, tmp_path)
    found.answers = lambda model, text: ANSWERS[text]
    return found


def table_of(folder: Path, rows: Sequence[Sequence[object]], header: Sequence[str]) -> Path:
    path = folder / "talks.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def labelled(table: Path, **more: Any) -> rowbatch.Run:
    asked: dict[str, Any] = {
        "text": "text",
        "codebook": BOOK,
        "provider": "openai",
        "model": FIRST,
        "max_tokens": 200,
        "output": table.with_name("out.csv"),
    }
    run = rowbatch.create(table, **asked | more)
    run.resume(poll_seconds=0.01)
    return run


@dataclass(frozen=True)
class Read:
    """
    A project as a person sees it.

    Attributes:
        codings: Of each source by its name: user, way to the code, passage, memo.
        texts: By the name of the source.
        values: Of each source its variables.
    """

    root: ET.Element
    codings: dict[str, list[tuple[str, str, str, str]]]
    texts: dict[str, str]
    values: dict[str, dict[str, str]]


def read(path: Path) -> Read:
    """Read a project by the rules of the standard, and check it."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        root = check_schema(archive.read("project.qde"), "project")
        files = {name: archive.read(name) for name in archive.namelist() if name != "project.qde"}
    names = {one.get("guid"): str(one.get("name")) for one in (*root.iter("User"), *root.iter("Variable"))}
    codes: dict[str | None, str] = {}

    def walk(parent: ET.Element, way: str) -> None:
        for code in parent.findall("Code"):
            here = f"{way} > {code.get('name')}".removeprefix(" > ")
            codes[code.get("guid")] = here
            assert code.get("isCodable") == "true" or len(code)
            walk(code, here)

    for top in root.iter("Codes"):
        walk(top, "")
    found = Read(root, {}, {}, {})
    for source in root.iter("TextSource"):
        name = str(source.get("name"))
        text = files.pop(str(source.get("plainTextPath")).replace("internal://", "sources/")).decode()
        assert name not in found.texts
        found.texts[name] = text
        found.codings[name] = []
        for one in source.findall("PlainTextSelection"):
            start, end = int(str(one.get("startPosition"))), int(str(one.get("endPosition")))
            assert 0 <= start < end <= len(text)
            (coding,) = one.findall("Coding")
            code = codes[coding[0].get("targetGUID")]
            memo = one.findtext("Description") or ""
            found.codings[name].append((names[coding.get("creatingUser")], code, text[start:end], memo))
        found.values[name] = {
            names[value[0].get("targetGUID")]: str(value[1].text) for value in source.findall("VariableValue")
        }
    assert not files
    return found


def test_each_row_is_a_source_with_what_the_model_coded(tmp_path, providers):
    """
    Labels are codings of the whole text, or of the words that the model showed for them, with its reason as
    their memo; quotes of their words; no, none and can't say are no codings. Positions count code points of
    the file, whose lines end with LF; numbers, texts and the other columns are variables of the source.
    """
    table = table_of(tmp_path, [["a", TEXTS[0], "1"], ["b", TEXTS[1], ""]], ["id", "text", "wave"])
    report = labelled(table).export(tmp_path / "out.qdpx")
    project = read(report.path)
    memo = "It says & so."
    whole = TEXTS[0]
    plain = TEXTS[1].replace("\r\n", "\n").replace("\r", "\n")
    assert project.texts == {"row 000001": whole, "row 000002": plain}
    assert project.codings == {
        "row 000001": [
            (FIRST, "topic > economy", "build 5 homes", memo),
            (FIRST, "who > us", whole, ""),
            (FIRST, "who > them", whole, ""),
            (FIRST, "pledge", whole, ""),
            (FIRST, "words", "Yes, we do", ""),
            (FIRST, "words", "for us", ""),
        ],
        "row 000002": [(FIRST, "words", "first, says Ann.\nAnn", "")],
    }
    assert project.values == {
        "row 000001": {"id": "a", "wave": "1", "homes": "5", "gist": "They build."},
        "row 000002": {"id": "b", "gist": "Tired."},
    }
    assert project.root.get("name") == "talks"
    assert (report.rows, report.left_out, report.corrected) == (2, 0, 0)
    assert {note.kind: note.values["count"] for note in report.notes} == {
        "note-project-left-out": 4,
        "note-project-line-ends": 1,
    }


def test_the_same_run_gives_the_same_bytes_and_the_ids_of_its_codes_are_those_of_the_codebook(
    tmp_path, providers
):
    """
    What is exported twice can be merged: ids follow from the table, the row and the names of codes; the
    codes are those of a file that `codebook convert` writes, and are read as a codebook again.
    """
    run = labelled(table_of(tmp_path, [[TEXTS[0]], [TEXTS[1]]], ["text"]))
    one, other = run.export(tmp_path / "a.qdpx").path, run.export(tmp_path / "b.qdpx").path
    assert one.read_bytes() == other.read_bytes()
    (tmp_path / "book.json").write_text(json.dumps(BOOK))
    convert_codebook(tmp_path / "book.json", tmp_path / "codes.qdc")
    codes = check_schema((tmp_path / "codes.qdc").read_bytes(), "codebook")
    assert [code.attrib for code in codes.iter("Code")] == [
        code.attrib for code in read(one).root.iter("Code")
    ]
    convert_codebook(one, tmp_path / "back.yaml")
    convert_codebook(tmp_path / "codes.qdc", tmp_path / "codes.yaml")
    assert (tmp_path / "back.yaml").read_text() == (tmp_path / "codes.yaml").read_text()


def test_a_project_is_read_as_a_table_with_what_was_coded(tmp_path, providers):
    """
    What was exported comes back: each passage with its text and place, a column for each question and coder.
    """
    run = labelled(table_of(tmp_path, [[TEXTS[0]], [TEXTS[1]]], ["text"]))
    run.correct(1, "who", "them")
    table = open_table(run.export(tmp_path / "out.qdpx").path)
    names = [f"{name}_{FIRST}" for name in ("topic", "who")]
    rows = [
        dict(zip(table.header, row, strict=True)) for chunk in table.chunks() for row in chunk.frame.rows()
    ]
    found = [(row["text"], *(row[name] for name in names), row["who_people"]) for row in rows]
    assert found[:2] == [(TEXTS[0], "", "us; them", "them"), ("build 5 homes", "economy", "", "")]
    assert {row[f"label_{FIRST}"] for row in rows} == {"pledge", "", "words"}
    assert rows[0]["gist"] == "They build."


def test_people_who_corrected_are_coders_of_their_own(tmp_path, providers):
    """
    What the model said stays beside what people say, each with its name; rows and columns are chosen as for
    a table.
    """
    run = labelled(table_of(tmp_path, [["a", TEXTS[0]], ["b", TEXTS[1]], ["c", " "]], ["id", "text"]))
    run.correct(1, "who", "them")
    run.correct(2, "words", "says Ann")
    report = run.export(tmp_path / "out.qdpx", only_answered=True, columns=["text"])
    project = read(report.path)
    said = Counter(
        (user, code, passage) for codings in project.codings.values() for user, code, passage, _ in codings
    )
    assert said["people", "who > them", TEXTS[0]] == 1
    assert said["people", "words", "says Ann"] == 1
    assert said[FIRST, "who > us", TEXTS[0]] == 1
    assert {user.get("name") for user in project.root.iter("User")} == {FIRST, "people"}
    assert list(project.texts) == ["row 000001", "row 000002"]
    assert [one.get("name") for one in project.root.iter("Variable")] == ["homes", "gist"]
    assert (report.rows, report.left_out, report.corrected) == (2, 1, 2)


def test_several_models_are_several_coders(tmp_path, providers):
    """
    Each model's vote has its name, and what they come to together has its own.
    """
    votes = {FIRST: "us", SECOND: "them", THIRD: "them"}
    providers.answers = lambda model, text: {"who": [votes[model]]}
    book = {"variables": [BOOK["variables"][1]]}
    run = labelled(table_of(tmp_path, [["We."]], ["text"]), codebook=book, with_models=OTHERS)
    project = read(run.export(tmp_path / "out.qdpx").path)
    assert project.codings["row 000001"] == [
        ("3 models together", "who > them", "We.", ""),
        (FIRST, "who > us", "We.", ""),
        (SECOND, "who > them", "We.", ""),
        (THIRD, "who > them", "We.", ""),
    ]


def test_units_are_passages_of_their_documents(tmp_path, providers):
    """
    A document is one source, put together from its units: they lie where they lay, with what stood between
    them blank; units that share words share them; where some are missing there is an empty line.
    """
    first = "One\r\ntwo.  Three four five. Six."
    units = [
        ("1", 1, 0, 9),
        ("1", 2, 11, 27),
        ("1", 3, 17, 32),
        ("talks/b.txt", 7, 5000, 5004),
        ("talks/b.txt", 9, 9000, 9003),
        ("1", 4, 28, 32),
    ]
    texts = [first[start:end] if start < 100 else "Ha ha."[: end - start] for _, _, start, end in units]
    providers.answers = lambda model, text: {"who": ["us"], "words": [text.split()[-1]]}
    book = {"variables": [BOOK["variables"][1], BOOK["variables"][3]]}
    rows = [(*unit, text, "x") for unit, text in zip(units, texts, strict=True)]
    header = ["document", "unit", "unit_start", "unit_end", "text", "wave"]
    report = labelled(table_of(tmp_path, rows, header), codebook=book).export(tmp_path / "out.qdpx")
    project = read(report.path)
    assert project.texts == {
        "1": "One\ntwo.\n\nThree four five. Six.",
        "talks - b.txt": "Ha h\n\nHa ",
        "1 (2)": "Six.",
    }
    assert [(code, passage) for _, code, passage, _ in project.codings["1"]] == [
        ("who > us", "One\ntwo."),
        ("words", "two."),
        ("who > us", "Three four five."),
        ("words", "five."),
        ("who > us", "four five. Six."),
        ("words", "Six."),
    ]
    assert [passage for _, code, passage, _ in project.codings["talks - b.txt"] if code != "words"] == [
        "Ha h",
        "Ha ",
    ]
    told = {note.kind: note.values for note in report.notes}
    assert told["note-project-documents"] == {"count": 3}
    assert told["note-project-left-out"]["names"][:5] == [
        "document",
        "unit",
        "unit_start",
        "unit_end",
        "wave",
    ]


def test_documents_of_a_folder_keep_the_names_of_their_files(tmp_path, providers):
    """
    A source is called as its file, without slashes, which programs take for folders; so is one that is put
    together from units.
    """
    providers.answers = lambda model, text: {"who": ["us"]}
    folder = tmp_path / "talks"
    (folder / "may").mkdir(parents=True)
    (folder / "may" / "a.md").write_text("Ha.")
    (folder / "b.txt").write_text("Ho.")
    book = {"variables": [BOOK["variables"][1]]}
    run = labelled(folder, codebook=book, output=tmp_path / "out.csv")
    assert list(read(run.export(tmp_path / "out.qdpx").path).texts) == ["b.txt", "may - a.md"]
    header = ["file", "document", "unit", "unit_start", "unit_end", "text"]
    table = table_of(tmp_path, [["may/a.md", "1", 1, 0, 3, "Ha."], ["", "2", 1, 0, 3, "Ho."]], header)
    run = labelled(table, codebook=book, output=tmp_path / "units.csv")
    assert list(read(run.export(tmp_path / "units.qdpx").path).texts) == ["may - a.md", "2"]


@pytest.mark.parametrize(
    ("starts", "text"),
    [
        pytest.param(["", "x"], "Ha.Ho.", id="no-numbers"),
        pytest.param(["3", "0"], "Ha.\n\nHo.", id="backwards"),
        pytest.param(["0", "1"], "Ha.\n\nHo.", id="other-words-where-they-meet"),
        pytest.param(["0", "99999999999"], "Ha.\n\nHo.", id="far-away"),
        pytest.param(["0", "999999999999999999999999"], "Ha.Ho.", id="no-place"),
        pytest.param(["0", "4"], "Ha. Ho.", id="a-blank-between"),
    ],
)
def test_places_of_units_that_cannot_be_are_no_harm(tmp_path, providers, starts, text):
    """
    A table of units that somebody changed gives a document with all of its texts, and codings of these.
    """
    providers.answers = lambda model, said: {"who": ["us"]}
    rows = [
        ("d", n, start, "", one) for n, (start, one) in enumerate(zip(starts, ["Ha.", "Ho."], strict=True))
    ]
    table = table_of(tmp_path, rows, ["document", "unit", "unit_start", "unit_end", "text"])
    run = labelled(table, codebook={"variables": [BOOK["variables"][1]]})
    project = read(run.export(tmp_path / "out.qdpx").path)
    assert project.texts == {"d": text}
    assert [passage for _, _, passage, _ in project.codings["d"]] == ["Ha.", "Ho."]


def test_what_no_xml_can_hold_is_replaced_and_the_texts_stay(tmp_path, providers):
    """
    Control characters of names and values become U+FFFD in the XML; a text file has them as they were. A
    byte order mark at the begin of a text is none of its characters, and is counted by nobody.
    """
    text = "\ufeffa\x01b\x0c c\u2028\u0085d"
    providers.answers = lambda model, said: {"words": ["b\x0c c"]}
    table = table_of(tmp_path, [[text, "x\x02\n\ty"]], ["text", "note\x03"])
    run = labelled(table, codebook={"variables": [BOOK["variables"][3]]})
    project = read(run.export(tmp_path / "out.qdpx").path)
    assert project.texts == {"row 000001": text[1:]}
    assert [passage for _, _, passage, _ in project.codings["row 000001"]] == ["b\x0c c"]
    assert project.values["row 000001"] == {"note\ufffd": "x\ufffd\n\ty"}


def test_free_text_and_an_empty_table_are_projects_too(tmp_path, providers):
    """
    Answers that are no codes are values of variables; a table without rows gives a project without sources.
    """
    providers.answers = lambda model, text: {}
    run = labelled(table_of(tmp_path, [["Hello."]], ["text"]), codebook=None, prompt="What?")
    project = read(run.export(tmp_path / "out.qdpx").path)
    assert list(project.values["row 000001"]) == ["answer"]
    assert not list(project.root.iter("CodeBook"))
    left = read(run.export(tmp_path / "none.qdpx", only_answered=True, least_sure=None).path)
    assert list(left.texts) == ["row 000001"]


def test_a_project_is_written_whole_or_not_at_all(tmp_path, providers, monkeypatch):
    """
    A file that is there stays, and nothing is left of one that could not be written.
    """
    run = labelled(table_of(tmp_path, [[TEXTS[0]]], ["text"]))
    path = tmp_path / "out.qdpx"
    run.export(path)
    with pytest.raises(OutputExists):
        run.export(path)
    before = path.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr("rowbatch.results.refi_project.source_xml", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run.export(path, overwrite=True)
    assert path.read_bytes() == before
    assert not [one for one in tmp_path.iterdir() if one.name.endswith(".part")]


def test_the_command_line_writes_a_project_and_names_the_ending(tmp_path, providers, capsys):
    """
    `export -o talks.qdpx` says what has no place in it; an ending that nobody knows names it among others.
    """
    run = labelled(table_of(tmp_path, [[TEXTS[0]], [TEXTS[1]]], ["text"]))
    assert run_command_line(["export", str(run.path), "-o", str(tmp_path / "talks.qdpx")]) == 0
    said = capsys.readouterr().out
    assert "no place in a project of REFI-QDA" in said
    assert "1 text has LF" in said
    assert run_command_line(["export", str(run.path), "-o", str(tmp_path / "talks.xyz")]) != 0
    assert ".qdpx" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "position", "place"),
    [
        pytest.param("a\r\nb\r\nc", 3, 2, id="behind-one"),
        pytest.param("a\r\nb\r\nc", 1, 1, id="before-it"),
        pytest.param("a\r\nb\r\nc", 2, 1, id="inside"),
        pytest.param("a\r\nb\r\nc", 7, 5, id="the-end"),
        pytest.param("a\rb", 2, 2, id="cr-alone"),
        pytest.param("\ufeff\r\nb", 3, 1, id="behind-a-mark"),
        pytest.param("\ufeffb", 0, 0, id="the-mark-itself"),
    ],
)
def test_positions_follow_the_line_ends(given, position, place):
    """
    A place in a text is where the same character is in the file, whose lines end with one sign.
    """
    plain = PlainText.of(given)
    assert plain.place(position) == place
    assert "\r" not in plain.text
