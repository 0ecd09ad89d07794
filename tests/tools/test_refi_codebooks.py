"""Codes of REFI-QDA as a codebook and back, at every door."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from refi_schema import check_schema
from rowbatch import api, desk
from rowbatch.core import plain_xml, refi_codebook
from rowbatch.core.codebook import Codebook
from rowbatch.core.refi_codebook import labels_of
from rowbatch.errors import CodebookError, UsageError
from rowbatch.tools import codebooks
from rowbatch.tools.codebooks import convert_codebook, load_codebook, read_any_codebook

ATLAS = """\
<?xml version="1.0" encoding="utf-8"?>
<CodeBook xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:schemaLocation="urn:QDA-XML:codebook:0:4 Codebook.xsd"
 origin="ATLAS.ti Win 23.4.0" xmlns="urn:QDA-XML:codebook:1.0">
  <Codes>
    <Code guid="1FF58B12-6F6F-4B0C-8BE5-BBDC91F55294" name="joy" color="#46AA00" isCodable="true">
      <Description>The person is glad.</Description>
    </Code>
    <Code guid="2FF58B12-6F6F-4B0C-8BE5-BBDC91F55294" name="fear; worry" isCodable="true" />
  </Codes>
  <Sets>
    <Set name="moods" guid="ECA18D76-2B8B-4B0C-8BE5-BBDC91F55294">
      <MemberCode guid="1FF58B12-6F6F-4B0C-8BE5-BBDC91F55294" />
    </Set>
  </Sets>
</CodeBook>
"""
NVIVO = """\
<?xml version="1.0" encoding="UTF-8" standalone="no" ?><CodeBook origin="NVivo 12 For Mac"\
 xmlns="urn:QDA-XML:codebook:1:0" xsi:schemaLocation="urn:QDA-XML:codebook:1:0 Codebook.xsd"\
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Codes>
<Code guid="{A}" name="Costs &amp; prices" isCodable="true"><Description>What it costs.</Description>
<Code guid="{B}" name="energy" isCodable="true"><Description>Gas and
power.</Description><Code guid="{C}" name="gas" isCodable="1"/></Code>
<Code guid="{D}" name="rent" isCodable="true"/>
<Code guid="{E}" name="empty folder" isCodable="false"/></Code>
<Code guid="{F}" name="气候" isCodable="false"><Code guid="{G}" name="floods" isCodable="true"/></Code>
<Code guid="{H}" name="praise" isCodable="true"/><Code guid="{I}" name="blame" isCodable="true"/>
</Codes></CodeBook>
"""
EVERY_KIND = {
    "instructions": "You code speeches.",
    "variables": [
        {
            "name": "topic",
            "question": "What is it about?",
            "labels": [
                {
                    "name": "economy",
                    "definition": "Jobs, prices",
                    "examples": ["Rents rise."],
                    "aliases": ["eco"],
                },
                {"name": "economy / rents", "definition": 'Housing <costs> & "rents"'},
                {"name": "environment / air / dust"},
                {"name": "yes / "},
            ],
        },
        {"name": "who", "kind": "labels", "none": True, "labels": [{"name": "families"}, {"name": "firms"}]},
        {
            "name": "pledge",
            "kind": "yes-no",
            "question": "Is there a pledge?",
            "yes": "A promise.",
            "reason": True,
        },
        {"name": "tone", "kind": "scale", "labels": [{"name": "bad"}, {"name": "fair"}, {"name": "good"}]},
        {"name": "proof", "kind": "quote", "only_if": {"pledge": ["yes"]}},
        {"name": "homes", "kind": "number"},
        {"name": "gist", "question": "In a sentence?"},
    ],
}


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def variables(codebook: Codebook) -> list[dict[str, Any]]:
    return [variable.to_plain() for variable in codebook.variables]


def label(name: str, definition: str = "") -> dict[str, Any]:
    return {"name": name, "definition": definition, "examples": [], "aliases": []}


FLAT = [
    {
        "name": "label",
        "question": "",
        "kind": "labels",
        "labels": [label("joy", "The person is glad."), label("fear, worry")],
        "none": True,
    }
]


@pytest.mark.parametrize(
    ("encoding", "said", "head"),
    [
        pytest.param("utf-8", "utf-8", "", id="utf-8"),
        pytest.param("utf-8-sig", "utf-8", "", id="byte-order-mark"),
        pytest.param("utf-16", "utf-16", "", id="utf-16"),
        pytest.param("utf-8", "utf-16", "", id="utf-8-that-says-utf-16"),
        pytest.param("utf-8-sig", "UTF-16", "", id="utf-8-with-mark-that-says-utf-16"),
        pytest.param("latin-1", "ISO-8859-1", "", id="latin-1"),
        pytest.param("utf-8", "utf-8", "\r\n ", id="blanks-before-the-declaration"),
    ],
)
def test_a_flat_list_of_codes_is_one_question(tmp_path, encoding, said, head):
    """
    Codes without others below them are the labels of one question that takes all that apply, or none;
    whatever the file is encoded in, as writers in .NET have it too, whose declaration says UTF-16 always.
    """
    source = write(tmp_path / "codes.qdc", head + ATLAS.replace('"utf-8"', f'"{said}"'), encoding)
    loaded = load_codebook(source)
    assert loaded.form == "refi"
    assert variables(loaded.codebook) == FLAT
    assert [(note.kind, note.values.get("count")) for note in loaded.left_out] == [
        ("refi-all-that-apply", None),
        ("refi-separator", 1),
        ("refi-sets", 1),
    ]


def test_codes_below_codes_are_questions(tmp_path):
    """
    A code with others below it is a question, its codes are its labels, with the way to them in their names;
    one that is alone is a question of yes or no; those at the top without any are one question together. The
    file's namespace is the one of NVivo 12 for Mac, with a colon in it.
    """
    loaded = load_codebook(write(tmp_path / "codes.qdc", NVIVO))
    assert variables(loaded.codebook) == [
        {
            "name": "Costs_prices",
            "question": "Costs & prices: What it costs.",
            "kind": "labels",
            "labels": [label("energy", "Gas and\npower."), label("energy / gas"), label("rent")],
            "none": True,
        },
        {"name": "code_2", "question": "气候", "kind": "yes-no", "yes": "floods"},
        {
            "name": "label",
            "question": "",
            "kind": "labels",
            "labels": [label("praise"), label("blame")],
            "none": True,
        },
    ]
    told = {note.kind: note.values.get("names") for note in loaded.left_out}
    assert told == {
        "refi-all-that-apply": None,
        "refi-top-codable": ["Costs & prices"],
        "refi-not-codable": ["empty folder"],
    }


def test_names_of_questions_are_free_and_legal(tmp_path):
    """
    What names of codes have in common, or no column may be called, gets a number; a codebook whose codes are
    Chinese asks in Chinese.
    """
    codes = "".join(
        f'<Code guid="{number}" name="{name}" isCodable="false"><Code guid="a" name="甲" isCodable="true"/>'
        '<Code guid="b" name="乙" isCodable="true"/></Code>'
        for number, name in enumerate(["mood", "Mood", "1st", "态度", "x" * 90, "mood?"])
    )
    text = f'<q:CodeBook xmlns:q="urn:QDA-XML:codebook:1.0"><q:Codes>{codes}</q:Codes></q:CodeBook>'
    codebook = read_any_codebook(write(tmp_path / "c.xml", text))
    assert codebook.columns == ("mood", "Mood_2", "code_1st", "code_4", "x" * 40, "mood_3")
    assert codebook.language == "zh"


def test_a_codebook_becomes_codes_and_is_valid(tmp_path):
    """
    Labels lie below their variable, deeper where their names say so; yes-no and quotes are codes; the rest is
    said. The file is what the schema of the standard demands, and the same one each time.
    """
    source = write(tmp_path / "book.json", json.dumps(EVERY_KIND))
    report = convert_codebook(source, tmp_path / "codes.qdc")
    content = (tmp_path / "codes.qdc").read_bytes()
    root = check_schema(content, "codebook")
    assert [(code.get("name"), code.get("isCodable")) for code in root.iter("Code")] == [
        ("topic", "false"),
        ("economy", "true"),
        ("rents", "true"),
        ("environment", "false"),
        ("air", "false"),
        ("dust", "true"),
        ("yes /", "true"),
        ("who", "false"),
        ("families", "true"),
        ("firms", "true"),
        ("pledge", "true"),
        ("tone", "false"),
        ("bad", "true"),
        ("fair", "true"),
        ("good", "true"),
        ("proof", "true"),
    ]
    assert [one.text for one in root.iter("Description")] == [
        "What is it about?",
        "Jobs, prices",
        'Housing <costs> & "rents"',
        "Is there a pledge?\nA promise.",
    ]
    told = {note.kind: note.values for note in report.left_out}
    assert told["refi-without-codes"] == {"names": ["homes (number)", "gist (text)"]}
    assert told["refi-fields-lost"]["fields"] == [
        *("instructions", "kind", "labels.examples", "labels.aliases", "none", "reason", "only_if"),
    ]
    convert_codebook(source, tmp_path / "again.qdc")
    assert (tmp_path / "again.qdc").read_bytes() == content


def test_codes_that_were_written_are_read_as_the_same_labels(tmp_path):
    """
    Labels, definitions, questions and the way to nested labels survive the way out and back in.
    """
    source = write(tmp_path / "book.json", json.dumps(EVERY_KIND))
    convert_codebook(source, tmp_path / "codes.qdc")
    back = read_any_codebook(tmp_path / "codes.qdc")
    own = read_any_codebook(source)
    for name in ("topic", "who", "tone"):
        one, other = (
            next(variable for variable in book.variables if variable.name == name) for book in (own, back)
        )
        assert [(label.name, label.definition) for label in labels_of(one)] == [
            (label.name, label.definition) for label in labels_of(other)
        ]
        assert one.question == other.question
    convert_codebook(tmp_path / "codes.qdc", tmp_path / "again.yaml")
    assert read_any_codebook(tmp_path / "again.yaml") == back


def test_codes_that_are_called_the_same_have_their_way_in_the_name(tmp_path):
    """
    Each code has a name of its own, as QualCoder 4.0 beta needs it; the names of labels come back.
    """
    labels = [{"name": name} for name in ("other", "tone", "a / other", "plain")]
    book = {
        "variables": [{"name": name, "kind": "labels", "labels": labels[:3]} for name in ("tone", "mood")]
    }
    book["variables"][1]["labels"] = [labels[0], labels[3]]
    source = write(tmp_path / "book.json", json.dumps(book))
    convert_codebook(source, tmp_path / "codes.qdc")
    root = check_schema((tmp_path / "codes.qdc").read_bytes(), "codebook")
    names = [code.get("name") for code in root.iter("Code")]
    assert names == [
        *("tone", "other (tone)", "tone (tone)", "a", "other (tone / a)"),
        *("mood", "other (mood)", "plain"),
    ]
    back = read_any_codebook(tmp_path / "codes.qdc")
    assert [[label.name for label in labels_of(one)] for one in back.variables] == [
        ["other", "tone", "a / other"],
        ["other", "plain"],
    ]


def test_a_codebook_without_codes_is_none_for_other_programs(tmp_path):
    """
    Where nothing is a code no file is written, and it is said.
    """
    source = write(tmp_path / "b.yaml", "variables:\n  - name: gist\n    kind: text\n")
    with pytest.raises(UsageError) as caught:
        convert_codebook(source, tmp_path / "codes.qdc")
    assert caught.value.kind == "refi-nothing-fits"
    assert not (tmp_path / "codes.qdc").exists()


def project(path: Path, content: str, name: str = "project.qde") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, content)
    return path


def test_the_codes_of_a_project_are_a_codebook(tmp_path):
    """
    Of a project its codes are read, and nothing after them, so a large one takes no time.
    """
    codes = ATLAS[ATLAS.index("  <Codes>") : ATLAS.index("  <Sets>")]
    content = (
        '<?xml version="1.0" encoding="utf-8"?>\n<Project name="p" xmlns="urn:QDA-XML:project:1.0">'
        f'<Users><User guid="1" name="Ann"/></Users><CodeBook>{codes}</CodeBook>'
        "<Sources><TextSource this is never read"
    )
    assert variables(read_any_codebook(project(tmp_path / "p.qdpx", content))) == FLAT
    assert variables(read_any_codebook(write(tmp_path / "project.qde", content))) == FLAT


def test_a_dropped_file_of_codes_is_a_codebook_in_the_form(tmp_path):
    """
    In the web app a file of codes is taken over as any other codebook; so from Python.
    """
    source = write(tmp_path / "codes.qdc", NVIVO)
    draft = desk.draft_from_file(source, desk.Draft())
    assert [question.kind for question in draft.questions] == ["labels", "yes-no", "labels"]
    assert api.check_codebook(source).form == "refi"
    assert api.check_codebook(source, variable="mood").variables[-1].name == "mood"


@pytest.mark.parametrize(
    ("content", "kind", "told"),
    [
        pytest.param("", "refi-broken", "it is empty", id="empty"),
        pytest.param("name,description\nx,y\n", "refi-broken", "syntax error", id="no-xml"),
        pytest.param("<html><body/></html>", "refi-broken", "begins with 'html'", id="another-xml"),
        pytest.param("<CodeBook><Codes><Code", "refi-broken", "unclosed token", id="cut"),
        pytest.param(
            '<?xml version="1.0" encoding="nobody"?><CodeBook/>', "refi-broken", "nobody", id="encoding"
        ),
        pytest.param(
            '<?xml version="1.0" encoding="gb18030"?><CodeBook/>', "refi-broken", "multi-byte", id="bytes"
        ),
        pytest.param(
            '<!DOCTYPE CodeBook [<!ENTITY n "joy">]><CodeBook><Codes/></CodeBook>',
            "refi-broken",
            "entities of its own",
            id="entity",
        ),
        pytest.param("<CodeBook><Codes/></CodeBook>", "codebook-file-fault", "no code", id="no-codes"),
        pytest.param(
            '<CodeBook><Codes><Code name="a"/>\n<Code name="A"/></Codes></CodeBook>',
            "codebook-file-fault",
            "line 2",
            id="twice",
        ),
    ],
)
def test_what_is_no_file_of_codes_says_why(tmp_path, content, kind, told):
    """
    One that is broken or has no codes is an error with its reason, and a fault has its line.
    """
    with pytest.raises(CodebookError) as caught:
        read_any_codebook(write(tmp_path / "codes.qdc", content))
    assert caught.value.kind == kind
    assert told in caught.value.message


def test_a_zip_without_a_project_says_so(tmp_path):
    """
    A .qdpx that has no project.qde, or is no zip file, is an error with its reason.
    """
    with pytest.raises(CodebookError) as caught:
        read_any_codebook(project(tmp_path / "p.qdpx", "x", name="other.xml"))
    assert caught.value.kind == "refi-no-project"
    with pytest.raises(CodebookError):
        read_any_codebook(write(tmp_path / "q.qdpx", "PK\x03\x04 no zip"))


def test_codes_have_bounds(tmp_path, monkeypatch):
    """
    More codes, deeper ones, more text or labels than anybody writes are refused, each with its limit.
    """
    source = write(tmp_path / "codes.qdc", NVIVO)

    def refused() -> str:
        with pytest.raises(CodebookError) as caught:
            read_any_codebook(source)
        return caught.value.message

    for module, name, most, told in (
        (refi_codebook, "MAX_CODES", 3, "more than 3 codes"),
        (refi_codebook, "MAX_TEXT", 20, "more than 20 characters"),
        (plain_xml, "MAX_DEPTH", 4, "more than 4 elements"),
        (codebooks, "MAX_LABELS", 2, "3 codes; 2 are the most"),
        (codebooks, "_MAX_PROJECT_BYTES", 100, "before its codes end"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(module, name, most)
            assert told in refused()
