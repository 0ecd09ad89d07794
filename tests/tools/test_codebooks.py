"""Codebook files of every form, at every door."""

import csv
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest

import rowbatch
from rowbatch import api, desk
from rowbatch.core.codebook import parse_codebook
from rowbatch.desk.drafts import draft_from_file
from rowbatch.errors import CodebookError, InputError, OutputExists, UsageError
from rowbatch.store.codebook_file import read_codebook
from rowbatch.tools import codebooks
from rowbatch.tools.codebooks import load_codebook, read_any_codebook

EXAMPLES = Path(__file__).parents[2] / "examples"
TABLE = """\
variable,kind,question,label,definition,min
topic,label,What about?,economy,Jobs,
,,,other,,
age,number,,,,0
"""


def workbook(path: Path, **sheets: list[list[Any]]) -> Path:
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
    made.save(path)
    return path


SURVEY: list[list[Any]] = [
    [
        "type",
        "name",
        "label::English (en)",
        "label::中文 (zh)",
        "hint::English (en)",
        "relevant",
        "constraint",
    ],
    ["start", "started", None, None, None, None, None],
    ["note", "hello", "Please read.", None, None, None, None],
    ["select_one yes_no", "pledge", "Is there a pledge?", "有承诺吗？", "Not a wish.", None, None],
    ["begin_group", "details", None, None, None, "${pledge} = 'yes'", None],
    ["select_multiple who", "who.for", "For whom?", "为谁？", None, None, "count-selected(.) <= 2"],
    [
        "integer",
        "homes",
        "How many homes?",
        None,
        None,
        "selected(${who.for}, 'families')",
        ". > 0 and . <= 500",
    ],
    ["date", "day", "By when?", None, None, None, ". >= date('2020-01-01')"],
    ["end_group", None, None, None, None, None, None],
    ["text", "gist", "What is said?", None, None, "${pledge}='yes' or ${pledge}='no'", None],
    ["decimal", "share", "Which share?", None, None, None, ". >= 0 and . <= 1.5"],
]
CHOICES: list[list[Any]] = [
    ["list_name", "name", "label::English (en)", "label::中文 (zh)"],
    ["yes_no", "yes", "Yes", "是"],
    ["yes_no", "no", "No", "否"],
    ["who", "families", "Families with children", "家庭"],
    ["who", "firms", "Firms", "企业"],
    ["who", "all", "Everybody", "所有人"],
]


def test_an_xlsform_becomes_a_codebook(tmp_path):
    """
    Questions, choices, conditions of questions and of groups, bounds: each at its place.
    """
    loaded = load_codebook(workbook(tmp_path / "form.xlsx", survey=SURVEY, choices=CHOICES))
    assert loaded.form == "xlsform"
    assert loaded.codebook == parse_codebook(
        {
            "variables": [
                {
                    "name": "pledge",
                    "question": "Is there a pledge? Not a wish.",
                    "labels": [{"name": "yes"}, {"name": "no"}],
                },
                {
                    "name": "who_for",
                    "kind": "labels",
                    "question": "For whom?",
                    "most": 2,
                    "labels": [
                        {"name": "families", "definition": "Families with children"},
                        {"name": "firms"},
                        {"name": "all", "definition": "Everybody"},
                    ],
                    "only_if": {"pledge": ["yes"]},
                },
                {
                    "name": "homes",
                    "kind": "number",
                    "whole": True,
                    "question": "How many homes?",
                    "min": 1,
                    "max": 500,
                    "only_if": {"pledge": ["yes"], "who_for": ["families"]},
                },
                {
                    "name": "day",
                    "kind": "date",
                    "question": "By when?",
                    "min": "2020-01-01",
                    "only_if": {"pledge": ["yes"]},
                },
                {
                    "name": "gist",
                    "kind": "text",
                    "question": "What is said?",
                    "only_if": {"pledge": ["yes", "no"]},
                },
                {"name": "share", "kind": "number", "question": "Which share?", "min": 0, "max": 1.5},
            ]
        }
    )
    assert [str(note) for note in loaded.left_out] == [
        "row 1 of the survey, start: no question",
        "row 2 of the survey, note: no question",
    ]


def test_an_xlsform_in_its_own_language(tmp_path):
    """
    The form's default language decides which of its labels are asked.
    """
    settings = [["form_title", "default_language"], ["x", "中文 (zh)"]]
    path = workbook(
        tmp_path / "form.xlsx", survey=SURVEY[:1] + SURVEY[3:4], choices=CHOICES, settings=settings
    )
    codebook = read_any_codebook(path)
    assert codebook.language == "zh"
    assert codebook.variables[0].question == "有承诺吗？"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        pytest.param(["geopoint", "place", "Where?"], "type: geopoint", id="type"),
        pytest.param(
            ["select_one_from_file x.csv", "place", "Where?"], "type: select_one_from_file", id="from-file"
        ),
        pytest.param(["text", "why", "Why?", None, None, "${a} > 3"], "relevant: ${a} > 3", id="comparison"),
        pytest.param(["text", "why", "Why?", None, None, "not(${a} = 'x')"], "relevant: not(", id="not"),
        pytest.param(
            ["text", "why", "Why?", None, None, "${a}='x' or ${b}='y'"],
            "relevant: ${a}='x' or",
            id="either-variable",
        ),
        pytest.param(
            ["text", "why", "Why?", None, None, "${a}='x' and ${b}='y' or ${b}='z'"],
            "relevant:",
            id="and-with-or",
        ),
        pytest.param(
            ["text", "why", "Why?", None, None, None, "regex(., '[a-z]+')"], "constraint: regex", id="regex"
        ),
        pytest.param(["decimal", "x", "X?", None, None, None, ". > 0"], "constraint: . > 0", id="open-bound"),
        pytest.param(["begin_repeat", "people", "People"], "type: begin_repeat", id="repeat"),
    ],
)
def test_what_of_a_form_a_codebook_cannot_say(tmp_path, row, told):
    """
    It would be asked otherwise: refused with its place by whoever would use it, and told by `convert`, which
    takes the rest.
    """
    path = workbook(tmp_path / "form.xlsx", survey=[*SURVEY[:4], row], choices=CHOICES)
    with pytest.raises(CodebookError) as caught:
        read_any_codebook(path)
    assert caught.value.kind == "codebook-not-taken"
    assert f"row 4 of the survey, {told}" in caught.value.message
    assert "rowbatch codebook convert" in caught.value.hint
    report = api.convert_codebook(path, tmp_path / "out.yaml")
    assert len(report.not_taken) == 1
    assert read_codebook(tmp_path / "out.yaml").variables[0].name == "pledge"


def test_a_fault_of_a_form_names_its_sheet(tmp_path):
    """
    Labels stand in another sheet than what is asked.
    """
    choices = [*CHOICES[:2], ["yes_no", "YES", "Once more"]]
    path = workbook(tmp_path / "form.xlsx", survey=SURVEY[:1] + SURVEY[3:4], choices=choices)
    with pytest.raises(
        CodebookError, match="sheet 'choices', row 2 below the header, column 'name': the label"
    ):
        read_any_codebook(path)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".xlsx"])
def test_a_fault_of_a_table_names_its_cell(tmp_path, suffix):
    """
    Row and column of each, as a person finds them in the sheet.
    """
    rows = [
        ["variable", "kind", "label", "min", "only_if"],
        ["1st", "label", "a", "", ""],
        ["", "", "A", "", ""],
        ["age", "number", "", "young", "mood = good"],
    ]
    path = tmp_path / f"book{suffix}"
    if suffix == ".xlsx":
        workbook(path, codes=rows)
    else:
        with path.open("w", newline="") as file:
            csv.writer(file, delimiter="\t" if suffix == ".tsv" else ",").writerows(rows)
    with pytest.raises(CodebookError) as caught:
        read_any_codebook(path)
    assert "row 1 below the header, column 'variable': '1st' is no column name" in caught.value.message
    assert "row 3 below the header, column 'min': a number is expected, not 'young'" in caught.value.message
    assert "标题行下第 3 行，“min”列：" in caught.value.told("page", "zh").message
    rows[1][0], rows[3][3] = "first", "0"
    path.unlink()
    if suffix == ".xlsx":
        workbook(path, codes=rows)
    else:
        with path.open("w", newline="") as file:
            csv.writer(file, delimiter="\t" if suffix == ".tsv" else ",").writerows(rows)
    with pytest.raises(CodebookError) as caught:
        read_any_codebook(path)
    assert "row 2 below the header, column 'label': the label 'A' is there twice" in caught.value.message
    assert "row 3 below the header, column 'only_if': 'mood' is no variable" in caught.value.message


def test_a_table_that_is_no_codebook_is_bounded(tmp_path, monkeypatch):
    """
    A table of texts to label, given in its place, is not read to its end.
    """
    monkeypatch.setattr(codebooks, "MAX_ROWS", 10)
    path = tmp_path / "posts.csv"
    path.write_text("variable,label\n" + "a,b\n" * 11)
    with pytest.raises(CodebookError, match="more than 10 rows"):
        read_any_codebook(path)


def test_a_list_of_labels_is_a_codebook_of_one_variable(tmp_path):
    """
    As the app takes it; aliases and examples come along, and the variable is called as one says.
    """
    path = tmp_path / "labels.csv"
    path.write_text("label,definition,example 1,aliases\ngood,Happy,So nice!,fine; great\nbad,Sad,,\n")
    codebook = read_any_codebook(path, variable="mood")
    assert codebook == parse_codebook(
        {
            "variables": [
                {
                    "name": "mood",
                    "labels": [
                        {
                            "name": "good",
                            "definition": "Happy",
                            "examples": ["So nice!"],
                            "aliases": ["fine", "great"],
                        },
                        {"name": "bad", "definition": "Sad"},
                    ],
                }
            ]
        }
    )


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(["good", "bad"], id="texts"),
        pytest.param([{"label": "good"}, {"label": "bad"}], id="snowflake-categories"),
        pytest.param({"list_of_categories": ["good", "bad"]}, id="snowflake"),
        pytest.param(
            {"categories": ["good", "bad"], "config_object": {"output_mode": "single"}}, id="snowflake-config"
        ),
        pytest.param({"good": "", "bad": ""}, id="databricks-labels"),
        pytest.param({"good": None, "bad": ""}, id="databricks-labels-null"),
        pytest.param({"labels": '["good", "bad"]', "options": {"version": "2.1"}}, id="databricks-sql"),
        pytest.param(
            {"labels": {"good": "", "bad": ""}, "options": {"multilabel": "false"}}, id="databricks"
        ),
        pytest.param({"inline_labels": {"labels": [{"name": "good"}, {"name": "bad"}]}}, id="databricks-job"),
    ],
)
def test_what_classify_functions_take(tmp_path, document):
    """
    Each form in which their arguments are written down; see the source in core/classify_calls.py.
    """
    path = tmp_path / "call.json"
    path.write_text(json.dumps(document, indent="\t"))
    assert read_any_codebook(path, variable="mood") == parse_codebook(
        {"variables": [{"name": "mood", "labels": [{"name": "good"}, {"name": "bad"}]}]}
    )


CALL = {
    "list_of_categories": [
        {"label": "travel", "description": "Journeys", "examples": ["I flew to Lima."]},
        {"label": "cooking"},
    ],
    "config_object": {
        "task_description": "What is it about?",
        "output_mode": "multi",
        "examples": [{"input": "I cook on trains.", "labels": ["travel", "cooking"], "explanation": "Both."}],
    },
}


def test_a_whole_call_of_snowflake(tmp_path):
    """
    Descriptions, the task, several labels, and examples with their labels; an explanation has no place.
    """
    path = tmp_path / "call.json"
    path.write_text(json.dumps(CALL))
    loaded = load_codebook(path)
    assert loaded.codebook == parse_codebook(
        {
            "variables": [
                {
                    "name": "label",
                    "kind": "labels",
                    "question": "What is it about?",
                    "labels": [
                        {"name": "travel", "definition": "Journeys", "examples": ["I flew to Lima."]},
                        {"name": "cooking"},
                    ],
                    "examples": [{"text": "I cook on trains.", "answer": ["travel", "cooking"]}],
                }
            ]
        }
    )
    assert [str(note) for note in loaded.left_out] == ["examples[0].explanation has no place there"]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        pytest.param(
            {"labels": ["a", "b"], "options": {"multilabel": "perhaps"}}, "known are: false, true", id="value"
        ),
        pytest.param({"labels": ["a"]}, "at least two", id="one-label"),
        pytest.param({"labels": 5}, "a list is expected", id="no-list"),
        pytest.param({"labels": {}}, "at least two labels", id="no-labels"),
        pytest.param({"labels": [1, 2]}, "a text is expected", id="numbers"),
        pytest.param({"labels": ["a", "b"], "temperature": 1}, "temperature is not known", id="unknown"),
        pytest.param([{"label": "a", "meaning": "x"}, "b"], "this field is not known", id="unknown-in-label"),
        pytest.param(
            {"categories": ["a", "b"], "examples": [{"input": "x", "labels": ["c"]}]}, "'c'", id="example"
        ),
    ],
)
def test_a_call_that_is_none(tmp_path, document, says):
    """
    What is wrong with it is told, and what is not known is not dropped.
    """
    path = tmp_path / "call.json"
    path.write_text(json.dumps(document))
    with pytest.raises(CodebookError) as caught:
        read_any_codebook(path)
    assert says in caught.value.message


def test_a_fault_of_a_call_has_its_line(tmp_path):
    """
    Of the label, the example or the task that it is in.
    """
    path = tmp_path / "call.json"
    call = {"labels": ["a", "b", "B"], "options": {"instructions": 5}}
    path.write_text(json.dumps(call, indent=1))
    with pytest.raises(CodebookError) as caught:
        read_any_codebook(path)
    assert "line 8, variables[0].question: a text is expected" in caught.value.message
    call["options"] = {}
    path.write_text(json.dumps(call, indent=1))
    with pytest.raises(CodebookError, match=r"line 5, .*the label 'B' is there twice"):
        read_any_codebook(path)


def test_a_codebook_in_json(tmp_path):
    """
    It has lines where it is YAML as well, and is read where it is not; a field that stands twice is refused.
    """
    path = tmp_path / "book.json"
    path.write_text('{"variables": [\n\t{"name": "a", "question": "\\ud83d\\ude00"}]}')
    assert read_any_codebook(path).variables[0].question == "😀"
    path.write_text('{"variables": [\n  {"name": "a b"}]}')
    with pytest.raises(CodebookError, match="line 2, "):
        read_any_codebook(path)
    path.write_text('{"instructions": "a", "instructions": "b"}')
    with pytest.raises(CodebookError, match="there twice"):
        read_any_codebook(path)
    path.write_text('{"instructions": "a"')
    with pytest.raises(CodebookError, match="broken"):
        read_any_codebook(path)
    path.write_text(json.dumps({"variables": [{"name": "\ud800"}]}))
    with pytest.raises(CodebookError):
        read_any_codebook(path)


@pytest.mark.parametrize("name", ["codebook.yaml", "speeches.en.yaml", "speeches.zh.yaml"])
@pytest.mark.parametrize("suffix", [".yaml", ".json", ".csv", ".tsv", ".xlsx"])
def test_every_form_is_read_as_the_same_codebook(tmp_path, name, suffix):
    """
    In both directions: what is written in one form, and from there in the first again.
    """
    given = read_codebook(EXAMPLES / name)
    api.convert_codebook(EXAMPLES / name, tmp_path / f"book{suffix}")
    assert read_any_codebook(tmp_path / f"book{suffix}") == given
    api.convert_codebook(tmp_path / f"book{suffix}", tmp_path / "again.yaml")
    assert read_codebook(tmp_path / "again.yaml") == given


def test_texts_that_yaml_would_take_for_something_else(tmp_path):
    """
    Numbers, true, null, quotes and line breaks are the same texts when they are read again.
    """
    names = [
        "1",
        "true",
        "null",
        "~",
        "1e5",
        "- a",
        "a: b",
        "#x",
        "'q'",
        "[x]",
        "é😀",
        "0x1f",
        ".inf",
        "*a",
    ]
    codebook = parse_codebook(
        {
            "instructions": "One.\n\n  Two: three\n",
            "variables": [
                {"name": "v", "labels": [{"name": one, "definition": f"{one}\n{one}"} for one in names]}
            ],
        }
    )
    for suffix in (".yaml", ".json", ".csv", ".xlsx"):
        path = tmp_path / f"book{suffix}"
        first = tmp_path / "first.json"
        first.write_text(json.dumps(codebook.model_dump(mode="json")))
        api.convert_codebook(first, path)
        assert read_any_codebook(path) == codebook


def test_a_variable_for_snowflake_and_databricks(tmp_path):
    """
    What is written is what they take, and is read as the same question again; what has no place is said.
    """
    source = EXAMPLES / "speeches.en.yaml"
    with pytest.raises(UsageError, match="several with labels: topic, groups, pledge, precision, tone"):
        api.convert_codebook(source, tmp_path / "x.json", to="snowflake")
    with pytest.raises(UsageError, match="money is of kind number"):
        api.convert_codebook(source, tmp_path / "x.json", to="snowflake", variable="money")
    with pytest.raises(UsageError, match="no variable 'mood'"):
        api.convert_codebook(source, tmp_path / "x.json", to="databricks", variable="mood")
    with pytest.raises(UsageError, match="is not written as"):
        api.convert_codebook(source, tmp_path / "x.yaml", to="databricks", variable="topic")
    report = api.convert_codebook(source, tmp_path / "topic.json", to="snowflake", variable="topic")
    assert [str(note) for note in report.left_out] == [
        "topic.reason has no place there",
        "topic.evidence has no place there",
        "topic.labels.aliases has no place there",
    ]
    written = json.loads((tmp_path / "topic.json").read_text())
    assert written["config_object"]["output_mode"] == "single"
    assert written["list_of_categories"][0] == {
        "label": "economy",
        "description": "Prices, taxes, wages, jobs, trade, firms.",
    }
    again = read_any_codebook(tmp_path / "topic.json").variables[0]
    topic = read_codebook(source).variables[0]
    assert again.choices == topic.choices
    api.convert_codebook(source, tmp_path / "groups.json", to="databricks", variable="groups")
    groups = json.loads((tmp_path / "groups.json").read_text())
    assert groups["labels"] == [
        "workers",
        "families",
        "pensioners",
        "firms",
        "farmers",
        "nobody in particular",
    ]
    assert groups["options"]["multilabel"] == "true"
    assert read_any_codebook(tmp_path / "groups.json").variables[0].kind == "labels"
    api.convert_codebook(source, tmp_path / "pledge.json", to="snowflake", variable="pledge")
    pledge = json.loads((tmp_path / "pledge.json").read_text())
    assert pledge["config_object"]["examples"][0] == {
        "input": "We will build 100,000 homes.",
        "labels": ["yes"],
        "explanation": "",
    }


def test_an_output_that_is_there_stays(tmp_path):
    """
    It is replaced where one says so, and no half of a file is left.
    """
    (tmp_path / "out.csv").write_text("mine")
    with pytest.raises(OutputExists):
        api.convert_codebook(EXAMPLES / "codebook.yaml", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "mine"
    api.convert_codebook(EXAMPLES / "codebook.yaml", tmp_path / "out.csv", overwrite=True)
    assert (tmp_path / "out.csv").read_text().startswith("variable,")
    with pytest.raises(UsageError, match="not written as"):
        api.convert_codebook(EXAMPLES / "codebook.yaml", tmp_path / "out.docx")
    with pytest.raises(InputError, match="does not exist"):
        api.convert_codebook(tmp_path / "none.csv", tmp_path / "out.yaml")


def test_every_door_takes_a_table(tmp_path, monkeypatch):
    """
    Python freezes it into the run; the app edits it in the form or takes it as it is.
    """
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    (tmp_path / "posts.csv").write_text("post\nhello\n")
    path = tmp_path / "book.csv"
    path.write_text(TABLE)
    run = rowbatch.create(tmp_path / "posts.csv", text="post", codebook=path, run=tmp_path / "run")
    assert run.codebook == read_any_codebook(path)
    brought = draft_from_file(path, desk.Draft())
    assert desk.codebook_of_draft(brought) == read_any_codebook(path)
    form = workbook(tmp_path / "form.xlsx", survey=SURVEY, choices=CHOICES)
    assert desk.codebook_of_draft(draft_from_file(form, desk.Draft())) == read_any_codebook(form)
    call = tmp_path / "call.json"
    call.write_text(json.dumps(CALL))
    assert desk.codebook_of_draft(draft_from_file(call, desk.Draft())) == read_any_codebook(call)


def test_a_workbook_in_which_a_codebook_is_written_by_hand(tmp_path):
    """
    Numbers and true are cells with types there.
    """
    path = workbook(
        tmp_path / "book.xlsx",
        codes=[
            ["variable", "kind", "label", "most", "cant_say", "min", "whole"],
            ["who", "labels", "a", 2, True, None, None],
            ["who", None, "b", None, None, None, None],
            ["n", "number", None, None, None, 1, True],
        ],
    )
    variables: tuple[Any, ...] = read_any_codebook(path).variables
    who, number = variables
    assert (who.most, who.cant_say, number.min, number.whole) == (2, True, 1, True)


def test_the_tags_of_taguette_are_labels(tmp_path):
    """
    Taguette 1.4 exports its codebook as CSV and as a workbook, with these columns; how often a tag was used
    is left alone.
    """
    rows: list[list[Any]] = [
        ["tag", "description", "number of highlights"],
        ["Rent", "What is said about rents", 3],
        ["Park", "Parks and trees", 5],
    ]
    path = tmp_path / "codebook.csv"
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    labels = [
        {"name": "Rent", "definition": "What is said about rents"},
        {"name": "Park", "definition": "Parks and trees"},
    ]
    expected = parse_codebook({"variables": [{"name": "label", "labels": labels}]})
    assert read_any_codebook(path) == expected
    assert read_any_codebook(workbook(tmp_path / "codebook.xlsx", codebook=rows)) == expected
