"""A codebook as a table."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowbatch.core.codebook import Cell, Codebook, parse_codebook
from rowbatch.core.codebook_table import (
    Sheet,
    draw_from_table,
    find_columns,
    is_codebook_table,
    read_conditions,
    read_labels,
    read_right_answers,
    table_of,
)


def drawn(header: str, *rows: str) -> Any:
    """Of cells with `|` between them."""
    return draw_from_table(Sheet(header.split("|"), [row.split("|") for row in rows]))


def book(header: str, *rows: str) -> Any:
    found = drawn(header, *rows)
    assert found.faults == []
    return parse_codebook(found.document, lines=found.where)


def test_a_row_for_each_label():
    """
    What belongs to the variable stands in one of its rows, or is the same in all; an empty cell goes on.
    """
    codebook = book(
        "Variable|Kind|Question|Label|Definition|Examples|Aliases|Can't say|Notes",
        "topic|label|What about?|economy|Jobs|Rents rose.\nWages fell.|the economy; economics|yes|see p. 3",
        "topic|||other|All else||||",
        "tone|scale||low||||x|",
        "||How?|high|||||",
    )
    assert codebook == parse_codebook(
        {
            "variables": [
                {
                    "name": "topic",
                    "question": "What about?",
                    "labels": [
                        {
                            "name": "economy",
                            "definition": "Jobs",
                            "examples": ["Rents rose.", "Wages fell."],
                            "aliases": ["the economy", "economics"],
                        },
                        {"name": "other", "definition": "All else"},
                    ],
                    "cant_say": True,
                },
                {
                    "name": "tone",
                    "kind": "scale",
                    "question": "How?",
                    "labels": [{"name": "low"}, {"name": "high"}],
                    "cant_say": True,
                },
            ]
        }
    )


def test_a_row_for_each_variable():
    """
    Labels stand in one cell, with their definitions; `name` is the variable's where no other column is.
    """
    codebook = book(
        "name|type|question|labels|min|max|whole|only_if|most",
        "topic|label|What about?|economy: Jobs, prices\nhealth: Care|||||",
        "groups|labels||workers; families; firms||||| 2",
        "agrees|scale||1 = no; 2 = perhaps; 3 = yes|||||",
        "age|number|||0|1,5||topic = economy|",
        "when|date|||1990-01-01|||topic = economy / health|".replace(" / ", "｜"),
    )
    topic, groups, agrees, age, when = codebook.variables
    assert [(one.name, one.definition) for one in topic.labels] == [
        ("economy", "Jobs, prices"),
        ("health", "Care"),
    ]
    assert (groups.most, groups.choices) == (2, ("workers", "families", "firms"))
    assert [(one.name, one.aliases) for one in agrees.labels] == [
        ("no", ("1",)),
        ("perhaps", ("2",)),
        ("yes", ("3",)),
    ]
    assert (age.min, age.max, dict(age.only_if)) == (0, 1.5, {"topic": ("economy",)})
    assert (when.min, dict(when.only_if)) == ("1990-01-01", {"topic": ("economy", "health")})


def test_a_table_in_chinese():
    """
    Headers may be Chinese, and so may what is between labels and conditions.
    """
    codebook = book(
        "变量|类型|问题|选项|条件|语言",
        "主题|label||经济；住房||zh".replace("主题", "topic"),
        "tone|yes-no|语气好吗？||topic = 住房或经济|",
    )
    assert codebook.language == "zh"
    assert codebook.variables[0].choices == ("经济", "住房")
    assert dict(codebook.variables[1].only_if) == {"topic": ("住房", "经济")}


def test_codes_beside_labels():
    """
    As statistics programs list them: the code counts as another spelling; without a label it is the label.
    """
    beside = book("variable|value|label", "mood|1|good", "mood|2|bad").variables[0]
    assert (beside.choices, beside.read("2")) == (("good", "bad"), "bad")
    alone = book("variable|code|description", "mood|1|It is good", "|2|It is bad").variables[0]
    assert [(one.name, one.definition) for one in alone.labels] == [("1", "It is good"), ("2", "It is bad")]


@pytest.mark.parametrize(
    ("cell", "conditions"),
    [
        ("pledge = yes", {"pledge": ["yes"]}),
        ("pledge == 'yes'", {"pledge": ["yes"]}),
        ("a = x | y; b = z", {"a": ["x", "y"], "b": ["z"]}),
        ("a = x and b = z", {"a": ["x"], "b": ["z"]}),
        ("a = law and order", {"a": ["law and order"]}),
        ("a = x or y", {"a": ["x", "y"]}),
        ('{"a": ["x or y"]}', {"a": ["x or y"]}),
        ("if it rains", "if it rains"),
    ],
)
def test_conditions_in_a_cell(cell, conditions):
    """
    As people write them; what is none stays a text, and is refused with its cell.
    """
    assert read_conditions(cell) == conditions


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ("good, bad", ["good", "bad"]),
        ("good; not good, not bad", ["good", "not good, not bad"]),
        ("good\nbad, worse", ["good", "bad, worse"]),
        ("好、坏", ["好", "坏"]),
        ('["a;b", "c"]', ["a;b", "c"]),
        ("12:30; 13:30", ["12:30", "13:30"]),
    ],
)
def test_labels_in_a_cell(cell, labels):
    """
    The first of line break, semicolon, bar and comma that is there stands between them.
    """
    assert [one["name"] for one in read_labels(cell)] == labels


def test_right_answers_in_a_cell():
    """
    A text and its answer in each line; without one the right answer is "can't say".
    """
    assert read_right_answers("It rose. → yes\nIt fell. => no\nHm. →") == [
        {"text": "It rose.", "answer": "yes"},
        {"text": "It fell.", "answer": "no"},
        {"text": "Hm."},
    ]
    assert read_right_answers("nothing to see") == "nothing to see"


def test_what_is_a_codebook_of_variables():
    """
    A table without a column of variables is a list of labels, which is read elsewhere.
    """
    assert is_codebook_table(["Variable name", "label"])
    assert is_codebook_table(["name", "labels"])
    assert not is_codebook_table(["label", "definition"])
    assert not is_codebook_table(["name", "description"])
    assert find_columns(["CODE", "Example 2", "foo"]) == ["code", "example", None]


@pytest.mark.parametrize(
    ("header", "rows", "cell", "kind"),
    [
        pytest.param(
            "variable|defintion", ["a|x"], Cell(1, "defintion"), "codebook-no-such-column", id="column"
        ),
        pytest.param(
            "variable|label|Label", ["a|x|y"], Cell(1, "Label"), "codebook-column-twice", id="twice"
        ),
        pytest.param(
            "variable|label",
            ["|x", "a|y"],
            Cell(1, "label"),
            "codebook-row-without-variable",
            id="no-variable",
        ),
        pytest.param(
            "variable|kind|label",
            ["a|label|x", "a|scale|y"],
            Cell(2, "kind"),
            "codebook-cell-differs",
            id="differs",
        ),
    ],
)
def test_faults_of_the_table_itself(header, rows, cell, kind):
    """
    What would otherwise be lost in silence is told with its row and column.
    """
    ((where, fault),) = drawn(header, *rows).faults
    assert (where, fault.kind) == (cell, kind)


WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=12
).filter(lambda text: text.strip() == text and text)
LABELS = st.lists(
    st.fixed_dictionaries(
        {"name": WORDS},
        optional={
            "definition": WORDS,
            "examples": st.lists(WORDS, max_size=2),
            "aliases": st.lists(WORDS, max_size=2),
        },
    ),
    min_size=2,
    max_size=3,
)
VARIABLES = st.one_of(
    st.fixed_dictionaries({"kind": st.sampled_from(["label", "scale", "labels"]), "labels": LABELS}),
    st.fixed_dictionaries({"kind": st.just("yes-no"), "yes": WORDS}),
    st.fixed_dictionaries({"kind": st.just("number"), "min": st.floats(-1e6, 1e6), "whole": st.just(False)}),
    st.fixed_dictionaries(
        {"kind": st.just("quote"), "most": st.integers(1, 9), "none": st.one_of(st.booleans(), WORDS)}
    ),
    st.fixed_dictionaries({"kind": st.just("text"), "question": WORDS, "reason": st.booleans()}),
    st.just({"kind": "date", "min": "1990-01-01", "cant_say": True}),
)


def codebooks(variables: list[dict[str, Any]], instructions: str) -> Codebook | None:
    """A codebook of these parts; None where they contradict each other."""
    from rowbatch.errors import CodebookError

    named = [{"name": f"v{number}", **one} for number, one in enumerate(variables)]
    try:
        return parse_codebook({"instructions": instructions, "variables": named})
    except CodebookError:
        return None


@given(st.lists(VARIABLES, min_size=1, max_size=4), WORDS)
def test_what_is_written_is_read_as_the_same(variables, instructions):
    """
    Whatever texts are in it: separators, quotes, brackets, arrows.
    """
    codebook = codebooks(variables, instructions)
    if codebook is None:
        return
    sheet = table_of(codebook)
    again = draw_from_table(sheet)
    assert again.faults == []
    assert parse_codebook(again.document) == codebook


def test_conditions_and_right_answers_are_read_as_the_same():
    """
    Plain ones as people write them, others as JSON.
    """
    odd = "a | b; c = d"
    codebook = parse_codebook(
        {
            "variables": [
                {
                    "name": "a",
                    "labels": [{"name": odd}, {"name": "plain"}],
                    "examples": [{"text": "x → y", "answer": odd}, {"text": "z", "answer": "plain"}],
                },
                {
                    "name": "b",
                    "kind": "number",
                    "only_if": {"a": [odd]},
                    "examples": [{"text": "t", "answer": 3}],
                },
                {"name": "c", "kind": "yes-no", "only_if": {"a": ["plain"]}},
                {
                    "name": "d",
                    "kind": "labels",
                    "labels": [{"name": "x"}, {"name": "y"}],
                    "examples": [{"text": "t", "answer": ["x", "y"]}],
                },
            ]
        }
    )
    sheet = table_of(codebook)
    assert parse_codebook(draw_from_table(sheet).document) == codebook
    assert "a = plain" in [cell for row in sheet.rows for cell in row]
