"""Exports of survey platforms, with invented persons: the forms are those that the modules state."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import openpyxl
import pyreadstat
import pytest

from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import UsageError
from rowbatch.programs.opening import open_table, program_titles
from rowbatch.programs.registry import PROGRAMS
from rowbatch.tables.base import Table, blank_rows
from rowbatch.tables.text_column import likely_text_column
from rowbatch.tables.writer import TableShape, open_writer

QUALTRICS = [
    ["StartDate", "EndDate", "Finished", "ResponseId", "Q1_TEXT", "Q2"],
    [
        "Start Date",
        "End Date",
        "Finished",
        "Response ID",
        "What worries you\nabout your town?",
        "How old are you?",
    ],
    [f'{{"ImportId":"QID{number}"}}' for number in range(6)],
    ["2026-03-01 10:00:00", "2026-03-01 10:02:00", "True", "R_1a", "Rents are\ntoo high", "34"],
    ["2026-03-01 10:05:00", "2026-03-01 10:09:00", "True", "R_2b", "", "51"],
    ["2026-03-01 10:06:00", "2026-03-01 10:07:00", "False", "R_3c", "Noise", "19"],
]


def rows(table: Table) -> list[tuple[str, ...]]:
    return [row for chunk in table.chunks(2) for row in chunk.frame.rows()]


def write(path: Path, lines: list[list[str]], *, delimiter: str = ",", encoding: str = "utf-8") -> Path:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(lines)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def sheet(path: Path, lines: list[list[str]]) -> Path:
    book = openpyxl.Workbook()
    for line in lines:
        book.active.append(line)
    book.save(path)
    return path


@pytest.mark.parametrize("form", ["csv", "tsv", "xlsx", "two-lines"])
def test_qualtrics(tmp_path: Path, form: str) -> None:
    """
    Names are those of the first line, question texts are labels, and responses are rows.
    """
    lines = QUALTRICS if form != "two-lines" else [*QUALTRICS[:2], *QUALTRICS[3:]]
    if form == "xlsx":
        path = sheet(tmp_path / "q.xlsx", [*QUALTRICS[:2], *QUALTRICS[3:]])
    elif form == "tsv":
        path = write(tmp_path / "q.tsv", lines, delimiter="\t", encoding="utf-16")
    else:
        path = write(tmp_path / "q.csv", lines)
    table = open_table(path)
    assert table.header == tuple(QUALTRICS[0])
    assert rows(table) == [tuple(line) for line in QUALTRICS[3:]]
    assert table.columns[4].label == "What worries you about your town?"
    assert [note.kind for note in table.notes][:1] == ["note-program"]
    again = open_table(path, table.reading)
    assert (again.header, rows(again)) == (table.header, rows(table))
    assert next(table.chunks(2)).first_row == 1


@pytest.mark.parametrize(
    ("lines", "names", "label"),
    [
        pytest.param(
            [
                ["V1", "V2", "V8", "V9", "Q1", "Q2", ""],
                ["ResponseID", "ResponseSet", "StartDate", "EndDate", "Choose one.", "Say why.", ""],
                ["R_1a", "Default", "2017-07-18 08:28:09", "2017-07-18 08:28:48", "2", "It rains", ""],
            ],
            ["V1", "V2", "V8", "V9", "Q1", "Q2", ""],
            "Say why.",
            id="legacy",
        ),
        pytest.param(
            [
                ["StartDate", "EndDate", "Status", "RecordedDate", "ResponseId", "Q1"],
                ["Anfangsdatum", "Enddatum", "Antworttyp", "Erfassungsdatum", "Antwort-ID", "Warum?"],
                [
                    "2026-03-01 10:00:00",
                    "2026-03-01 10:02:00",
                    "0",
                    "2026-03-01 10:02:01",
                    "R_1a",
                    "Es regnet",
                ],
            ],
            ["StartDate", "EndDate", "Status", "RecordedDate", "ResponseId", "Q1"],
            "Warum?",
            id="in-german",
        ),
        pytest.param(
            [
                ["ResponseId", "Q1"],
                ["Response ID", "Why?"],
                ['{"ImportId":"_recordId"}', '{"ImportId":"QID1_TEXT","timeZone":"UTC"}'],
                ["R_1a", "It rains"],
            ],
            ["ResponseId", "Q1"],
            "Why?",
            id="questions-alone",
        ),
        pytest.param(
            [
                ["ResponseId", "Q1"],
                ['{"ImportId":"_recordId"}', '{"ImportId":"QID1_TEXT"}'],
                ["R_1a", "It rains"],
            ],
            ["ResponseId", "Q1"],
            None,
            id="texts-deleted",
        ),
    ],
)
def test_other_forms_of_qualtrics(
    tmp_path: Path, lines: list[list[str]], names: list[str], label: str | None
) -> None:
    """
    The legacy form, an account in another language, and a part of the columns are seen, too.

    Forms: ropensci/qualtRics, tests/testthat/files/sample.csv and sample_legacy.csv.
    """
    table = open_table(write(tmp_path / "q.csv", lines))
    assert list(table.header) == names
    assert rows(table) == [tuple(lines[-1])]
    if label:
        assert table.columns[names.index("Q2" if "Q2" in names else "Q1")].label == label


def test_what_only_looks_like_qualtrics(tmp_path: Path) -> None:
    """
    A table in which times stand below such names has no further line of the header.
    """
    lines = [
        ["StartDate", "EndDate", "Status", "Q1"],
        ["2026-03-01 10:00:00", "2026-03-01 10:02:00", "0", "It rains"],
        ["2026-03-01 10:00:00", "2026-03-01 10:02:00", "0", "It snows"],
    ]
    assert len(rows(open_table(write(tmp_path / "q.csv", lines)))) == 2


def test_the_texts_of_a_survey_are_what_people_wrote(tmp_path: Path) -> None:
    """
    Choices that are sentences come again and again, however long they are: they are no texts.
    """
    head = [
        ["StartDate", "Status", "ResponseId", "Q1", "Q2"],
        ["Start Date", "Status", "Response ID", "How?", "Why?"],
    ]
    ids = [['{"ImportId":"x"}'] * 5]
    answers = ["Neither satisfied nor dissatisfied with it", "Somewhat satisfied with it"]
    lines = [
        [
            "2026-03-01 10:00:00",
            "IP Address",
            f"R_2YPOQ602ER1jk{at}",
            answers[at % 2],
            f"It is {at}" if at % 3 else "",
        ]
        for at in range(30)
    ]
    table = open_table(write(tmp_path / "q.csv", [*head, *ids, *lines]))
    at = likely_text_column(table.header, next(table.chunks(100)).frame)
    assert table.header[at or 0] == "Q2"


def test_a_survey_goes_to_spss_with_its_questions(tmp_path: Path) -> None:
    """
    Labels of the questions are labels of the variables.
    """
    table = open_table(write(tmp_path / "q.csv", QUALTRICS))
    out = tmp_path / "o.sav"
    with open_writer(out, "spss", TableShape.of(table, [])) as writer:
        for chunk in table.chunks():
            writer.write(chunk, chunk.frame.select([]))
    frame, meta = pyreadstat.read_sav(str(out), output_format="polars")
    assert frame.height == 3
    assert meta.column_names_to_labels["Q2"] == "How old are you?"


def test_a_person_may_read_it_as_it_stands(tmp_path: Path) -> None:
    """
    `plain`, or a line of her own, leaves all lines.
    """
    path = write(tmp_path / "q.csv", QUALTRICS)
    assert len(rows(open_table(path, ReadOptions(program="plain", header="1")))) == 5
    assert open_table(path, ReadOptions(header="2")).header[0] == "Start Date"
    with pytest.raises(UsageError) as error:
        open_table(path, ReadOptions(program="limesurvey"))
    assert error.value.kind == "not-of-program"
    with pytest.raises(UsageError) as error:
        open_table(path, ReadOptions(program="nothing"))
    assert error.value.kind == "no-such-program"


@pytest.mark.parametrize("has_quotes", [True, False])
def test_limesurvey(tmp_path: Path, has_quotes: bool) -> None:
    """
    Codes are the names, texts the labels; words for signs are the signs, and what was not shown is not asked.

    A brace is a word too, and what a person wrote between braces stays. Form: LimeSurvey, vvexport of
    application/controllers/admin/Export.php.
    """
    lines = [
        ["Response ID", "Date submitted", "Start language", "What do you think?", "And why?"],
        ["id", "submitdate", "startlanguage", "Q1", "Q2"],
        ["1", "2026-03-01 10:00:00", "en", "Too {quote}high{quote}{newline}really", "{question_not_shown}"],
        ["2", "2026-03-01 10:00:00", "en", "Fine", "a{tab}b {lbrace}newline}"],
    ]
    path = tmp_path / "vvexport.csv"
    # PHP's fputcsv puts quotes around what has a blank in it; before 2015 there were none.
    quoted = [[f'"{cell}"' if " " in cell and has_quotes else cell for cell in line] for line in lines]
    path.write_text("".join("\t".join(line) + "\n" for line in quoted))
    table = open_table(path)
    assert table.header == ("id", "submitdate", "startlanguage", "Q1", "Q2")
    assert [info.label for info in table.columns][3:] == ["What do you think?", "And why?"]
    assert [row[3:] for row in rows(table)] == [
        ('Too "high"\nreally', "{question_not_shown}"),
        ("Fine", "a\tb {newline}"),
    ]
    frame = next(table.chunks()).frame
    assert blank_rows(frame, [4], table.not_asked).to_list() == [True, False]


def test_surveymonkey(tmp_path: Path) -> None:
    """
    A question is the name of its column, with the choice where it has several.
    """
    lines = [
        ["Respondent ID", "Collector ID", "Start Date", "Which do you read?", "", "", "Why?"],
        ["", "", "", "Papers", "Books", "Other (please specify)", "Open-Ended Response"],
        ["11", "7", "03/01/2026", "Papers", "", "", "It is short"],
        ["12", "7", "03/01/2026", "", "Books", "walls", "It is long"],
    ]
    table = open_table(write(tmp_path / "s.csv", lines))
    assert table.header[3:] == (
        "Which do you read?: Papers",
        "Which do you read?: Books",
        "Which do you read?: Other (please specify)",
        "Why?",
    )
    assert rows(table)[1] == ("12", "7", "03/01/2026", "", "Books", "walls", "It is long")


@pytest.mark.parametrize(
    ("second", "names"),
    [
        pytest.param(["", "", "", ""], ["Why?", "And how?"], id="no-choices"),
        pytest.param(["", "", "Offene Antwort", "Offene Antwort"], ["Why?", "And how?"], id="in-german"),
        pytest.param(
            ["", "", "Offene Antwort", "Service"], ["Why?: Offene Antwort", "And how?: Service"], id="rows"
        ),
    ],
)
def test_other_forms_of_surveymonkey(tmp_path: Path, second: list[str], names: list[str]) -> None:
    """
    The line below the questions is none of a respondent where it is empty, or in another language.
    """
    lines = [
        ["Respondent ID", "Collector ID", "Why?", "And how?"],
        second,
        ["11", "7", "It is short", "Well"],
    ]
    table = open_table(write(tmp_path / "s.csv", lines))
    assert list(table.header[2:]) == names
    assert rows(table) == [("11", "7", "It is short", "Well")]


def test_surveymonkey_with_the_respondents_number_alone(tmp_path: Path) -> None:
    """
    The other columns of the respondents may be left out, and lines may end with CR.

    Form: fivethirtyeight/data, star-wars-survey/StarWars.csv.
    """
    path = tmp_path / "s.csv"
    path.write_bytes(
        b"RespondentID,Seen any?,Which?,,Age\r,Response,One,Two,Response\r11,Yes,One,,18-29\r12,No,,,\r"
    )
    table = open_table(path)
    assert table.header == ("RespondentID", "Seen any?", "Which?: One", "Which?: Two", "Age")
    assert rows(table) == [("11", "Yes", "One", "", "18-29"), ("12", "No", "", "", "")]


def test_surveymonkey_without_respondents(tmp_path: Path) -> None:
    """
    Their columns are taken out before a survey is published; the line below the questions stays.

    Form: fivethirtyeight/data, religion-survey/religion-survey-results.csv.
    """
    lines = [
        ["Which faith?", "", "How often?"],
        ["Response", "None of these", "Response"],
        ["A", "", "Weekly"],
    ]
    table = open_table(write(tmp_path / "s.csv", lines))
    assert table.header == ("Which faith?", "Which faith?: None of these", "How often?")
    assert rows(table) == [("A", "", "Weekly")]
    plain = [["question", "answer", "kind"], ["Which?", "One", "Response"], ["Why?", "Two", "Response"]]
    assert len(rows(open_table(write(tmp_path / "p.csv", plain)))) == 2


def test_tags_below_the_header(tmp_path: Path) -> None:
    """
    A line of HXL tags is no row.
    """
    lines = [
        ["group/town", "group/people", "note"],
        ["#adm2+name", "#affected+f", ""],
        ["A", "3", "x"],
        ["B", "4", "y"],
    ]
    table = open_table(write(tmp_path / "k.csv", lines))
    assert (table.header, rows(table)) == (tuple(lines[0]), [("A", "3", "x"), ("B", "4", "y")])
    assert table.columns[0].label == "#adm2+name"


def test_the_page_lists_every_program() -> None:
    """
    Whoever adds a program adds it to the page.
    """
    page = (Path(__file__).parents[2] / "docs" / "reference" / "programs.md").read_text(encoding="utf-8")
    assert [one.name for one in PROGRAMS if f"`{one.name}`" not in page] == []
    assert set(program_titles()) == {one.name for one in PROGRAMS}


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(
            [
                ["text", "coder1", "coder2"],
                ["shrunk", "Response", "Response"],
                ["grew", "Progress", "Progress"],
            ],
            id="codes-beside-a-text",
        ),
        pytest.param(
            [["coder1", "coder2"], ["Response", "Response"], ["Progress", "Response"]], id="codes-alone"
        ),
        pytest.param(
            [["respondent_id", "collector_id", "text"], ["", "7", "a"], ["5", "7", "b"]], id="no-id"
        ),
        pytest.param([["first", "second"], ["#metoo", "#timesup"], ["#a", ""]], id="hashtags"),
        pytest.param(
            [
                ["StartDate", "EndDate", "Status", "text"],
                ["unknown", "unknown", "open", "a"],
                ["1", "2", "x", "b"],
            ],
            id="projects",
        ),
    ],
)
def test_a_plain_table_with_words_of_a_program_keeps_its_first_row(
    tmp_path: Path, lines: list[list[str]]
) -> None:
    """Codes such as `Response`, hashtags, and dates that are words were a further line of the header."""
    table = open_table(write(tmp_path / "plain.csv", lines))

    assert list(table.header) == lines[0]
    assert rows(table) == [tuple(line) for line in lines[1:]]
