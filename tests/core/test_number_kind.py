"""The kind number: words, schema, reading, writing, comparing."""

import json
import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowbatch.core.answer import AnswerReader
from rowbatch.core.codebook import answer_schema, instructions_text, parse_codebook
from rowbatch.core.comparison import PeopleReader, PeopleTally
from rowbatch.core.endpoint import Endpoint, answer_format
from rowbatch.core.kinds.base import Language
from rowbatch.core.kinds.number import NumberAgreement, NumberVariable, number_agreement
from rowbatch.core.states import RowStatus
from rowbatch.core.strict_schema import strict_problems
from rowbatch.errors import CodebookError, UsageError
from rowbatch.providers.catalog import find_provider, provider_names

AGE = {"name": "age", "kind": "number", "min": 0, "max": 120, "whole": True}


def number(**rules):
    (variable,) = parse_codebook({"variables": [{"name": "age", "kind": "number", **rules}]}).variables
    return variable


@pytest.mark.parametrize(
    ("rules", "english", "chinese"),
    [
        ({}, "age is a number.", "age 是一个数字。"),
        ({"whole": True}, "age is a whole number.", "age 是一个整数。"),
        ({"min": 0}, "age is a number, at least 0.", "age 是不小于 0 的数字。"),
        ({"max": 1.5}, "age is a number, at most 1.5.", "age 是不大于 1.5 的数字。"),
        (
            {"min": -5, "max": 120, "whole": True},
            "age is a whole number from -5 to 120.",
            "age 是 -5 到 120 之间的整数。",
        ),
    ],
)
def test_the_model_is_told_what_number_is_wanted(rules, english, chinese):
    """
    The prompt says it in the codebook's language: a number or a whole one, and between which.
    """
    told: tuple[tuple[Language, str], ...] = (("en", english), ("zh", chinese))
    for language, rule in told:
        book = parse_codebook(
            {"language": language, "variables": [{"name": "age", "kind": "number", "question": "?", **rules}]}
        )
        assert number(**rules).rule(language) == rule
        assert book.variables[0].rule(language) in instructions_text(book).splitlines()


def test_the_schema_says_the_range_where_the_provider_takes_it():
    """
    Strict schemas of OpenAI, Gemini and the local model have the range; where it is refused or nobody knows
    (Anthropic, Azure, others), the type alone is asked for. Both are within strict mode.
    """
    book = parse_codebook({"variables": [AGE]})
    full = {"type": "integer", "minimum": 0, "maximum": 120}
    assert {name for name in provider_names() if find_provider(name).schema_ranges} == {
        "local",
        "openai",
        "gemini",
    }
    for with_ranges, expected in ((True, full), (False, {"type": "integer"})):
        schema = answer_schema(book, with_ranges=with_ranges)
        assert schema is not None
        assert schema["properties"]["age"] == expected
        assert strict_problems(schema) == []
        assert json.dumps(expected)[1:-1] in json.dumps(
            answer_format(Endpoint.RESPONSES, book, with_ranges=with_ranges)
        )
    assert number(max=2.5).json_schema() == {"type": "number", "maximum": 2.5}


def test_what_is_not_set_is_not_frozen():
    """
    run.toml has the kind and the rules that were given, so that two ways to write the same are the same.
    """
    assert number().to_plain() == {"name": "age", "question": "", "kind": "number"}
    assert number(whole=False).to_plain() == number().to_plain()
    assert number(min=0, whole=True).to_plain()["min"] == 0
    for rules in ({}, {"min": 0}, {"max": 1.5}, {"min": 1, "max": 7, "whole": True}):
        assert parse_codebook({"variables": [number(**rules).to_plain()]}).variables == (number(**rules),)


@pytest.mark.parametrize(
    ("rules", "field", "says"),
    [
        pytest.param({"min": "5"}, "min", "a number is expected, not '5'", id="text"),
        pytest.param({"min": True}, "min", "a number is expected, not True", id="true"),
        pytest.param({"max": math.inf}, "max", "a number is expected, not inf", id="infinite"),
        pytest.param({"whole": "yes"}, "whole", "true or false is expected", id="no-flag"),
        pytest.param({"min": 5, "max": 1}, "max", "less than min", id="empty-range"),
        pytest.param({"min": 0.5, "whole": True}, "min", "no whole number", id="half-a-bound"),
        pytest.param(
            {"labels": [{"name": "1"}, {"name": "2"}]},
            "labels",
            "kind: label or labels or scale has it",
            id="labels",
        ),
        pytest.param({"step": 1}, "step", "not known", id="unknown"),
    ],
)
def test_rules_that_make_no_sense_are_named(rules, field, says):
    """
    A rule that is no number, an empty range, a field of another kind: a fault at its place.
    """
    with pytest.raises(CodebookError) as caught:
        number(**rules)
    assert caught.value.field == f"variables[0].{field}"
    assert says in caught.value.message


def test_a_range_without_its_kind_is_a_fault_and_no_guess():
    """
    `min` alone does not make a number of a text; the message names the kind that has it.
    """
    with pytest.raises(
        CodebookError, match="a variable of kind text has no such field; kind: number or date has it"
    ):
        parse_codebook({"variables": [{"name": "age", "min": 0}]})


def test_codes_stay_labels():
    """
    Labels that are called 1 and 2 are labels: an enum of texts, text in the table.
    """
    (code,) = parse_codebook(
        {"variables": [{"name": "a", "labels": [{"name": "1"}, {"name": "2"}]}]}
    ).variables
    assert code.kind == "label"
    assert code.json_schema() == {"type": "string", "enum": ["1", "2"]}
    assert code.columns()[0].dtype == pl.String
    assert code.read(1) == "1"


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ('{"age": 42}', "42"),
        ('{"age": 42.0}', "42"),
        ('{"age": "42"}', "42"),
        ('{"age": " 42. "}', "42"),
        ('{"age": "４２"}', "42"),
        ('{"age": 1e2}', "100"),
        ('{"age": -0.0}', "0"),
        ('```json\n{"age": 7}\n```', "7"),
        ("42", "42"),
        ("42.", "42"),
    ],
)
def test_a_number_is_read_in_any_spelling(content, value):
    """
    As a number or a text, in a fence or bare: the same number is the same text in the table.
    """
    answer = AnswerReader(parse_codebook({"variables": [AGE]})).read(RowStatus.OK, content)
    assert (answer.status, answer.values, answer.raw) == (RowStatus.OK, (value,), "")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"age": 121}', "age: 121 is more than 120, the most that is allowed"),
        ('{"age": -1}', "age: -1 is less than 0, the least that is allowed"),
        ('{"age": 41.5}', "age: 41.5 is not a whole number"),
        ('{"age": "forty"}', "age: 'forty' is not a number"),
        ('{"age": true}', "age: 'True' is not a number"),
        ('{"age": null}', "age: 'None' is not a number"),
        ('{"age": [42]}', "age: '[42]' is not a number"),
        ('{"age": NaN}', "age: 'nan' is not a number"),
        ('{"age": 1e999}', "age: 'inf' is not a number"),
        ('{"years": 42}', "age is not in the answer"),
        ("121", "age: 121 is more than 120, the most that is allowed"),
        ("forty", "the answer is not JSON"),
    ],
)
def test_what_is_no_number_of_the_codebook_is_invalid_and_says_why(content, reason):
    """
    Out of range, not whole, no number: invalid, with the reason; the answer is kept.
    """
    answer = AnswerReader(parse_codebook({"variables": [AGE]})).read(RowStatus.OK, content)
    assert (answer.status, answer.values, answer.reason, answer.raw) == (
        RowStatus.INVALID,
        ("",),
        reason,
        content,
    )


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 1e300, "9" * 30, 10**400])
def test_a_whole_number_that_no_column_can_hold_is_invalid(value):
    """
    What does not fit 64 bits is no value, and breaks no table.
    """
    with pytest.raises(UsageError, match="is not a number"):
        number(whole=True).read(value)


@given(
    st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**63), 2**63 - 1)),
    st.booleans(),
)
def test_every_value_that_is_read_is_written_as_that_number(value, whole):
    """
    Text on its way, number in the table: nothing that was read fails when it is written.
    """
    variable = number(whole=whole)
    try:
        text = variable.read(value)
    except UsageError:
        return
    (column,) = variable.columns()
    written = pl.DataFrame({"t": [text, ""]}).select(column.value(pl.col("t"))).to_series()
    assert written.dtype == (pl.Int64 if whole else pl.Float64)
    assert written.to_list() == [int(value) if whole else float(value), None]
    assert variable.read(text) == text


def test_what_is_shown_of_numbers():
    """
    How many, mean, least and most, over all parts of a table; of no numbers only that.
    """
    tally = number().tally()
    assert tally.facts() == [("n", 0)]
    for part in (["1", "2.5"], [], ["10"]):
        tally.add(pl.Series(part, dtype=pl.String))
    assert tally.facts() == [("n", 3), ("mean", 4.5), ("min", 1.0), ("max", 10.0)]


def test_agreement_of_numbers():
    """
    Mean absolute error and bias over the rows that have both; rows without a number are counted apart.
    """
    found = number_agreement([(1, 2), (2, 2), (3, 5), (4, None)])
    assert (found.n, found.without) == (3, 1)
    assert found.mean_absolute_error == pytest.approx(1.0)
    assert found.bias == pytest.approx(1.0)
    # By hand: deviations (-1, 0, 1) and (-1, -1, 2), so 3 / sqrt(2 * 6).
    assert found.r == pytest.approx(3 / math.sqrt(12))


@pytest.mark.parametrize(
    ("pairs", "n"),
    [
        pytest.param([], 0, id="nothing"),
        pytest.param([(1, None)], 0, id="no-number"),
        pytest.param([(1, 2)], 1, id="one-row"),
        pytest.param([(0.1, 1), (0.1, 2), (0.1, 3)], 3, id="people-constant"),
        pytest.param([(1, 0.1), (2, 0.1), (3, 0.1)], 3, id="model-constant"),
    ],
)
def test_a_correlation_that_is_undefined_is_none(pairs, n):
    """
    One row, or a side that is constant, has no correlation: None, and never 0 or 1 or NaN.
    """
    found = number_agreement(pairs)
    assert (found.n, found.r) == (n, None)
    assert (found.bias is None) == (n == 0)


@given(
    st.lists(
        st.tuples(st.floats(-1e150, 1e150, allow_nan=False), st.floats(-1e150, 1e150, allow_nan=False)),
        min_size=2,
        max_size=30,
    )
)
def test_a_correlation_lies_between_minus_one_and_one(pairs):
    """
    Whatever the numbers, and whichever side is which.
    """
    found, other = number_agreement(pairs).r, number_agreement([(b, a) for a, b in pairs]).r
    assert found is None or -1 <= found <= 1
    assert (found is None) == (other is None)
    assert found is None or found == pytest.approx(other, abs=1e-9)


def compare_counted(variable, counted, column):
    """Compare what people wrote with a run's, by what they wrote, the run's value, and in how many rows."""
    tally = PeopleTally(PeopleReader(variable), column)
    values = tally.note_cells((said, rows) for said, _, rows in counted)
    tally.add_once((values[said], value, rows) for said, value, rows in counted if values[said])
    return tally.result().comparison


def test_people_write_numbers_as_they_like():
    """
    `4.0` and ` 4 ` are the 4 of the model; a word in the column is named.
    """
    variable = number()
    found = compare_counted(variable, [("4.0", "4", 2), ("5", "6", 1), ("5", "", 1)], "coder")
    assert isinstance(found, NumberAgreement)
    assert (found.n, found.without) == (3, 1)
    assert found.mean_absolute_error == pytest.approx(1 / 3)
    with pytest.raises(UsageError, match=r"the column 'coder' has values .*: many"):
        compare_counted(variable, [("4", "4", 1), ("many", "4", 1)], "coder")
    with pytest.raises(UsageError, match="says nothing"):
        compare_counted(variable, [], "coder")


def test_only_a_column_whose_name_says_so_is_taken_for_peoples():
    """
    Any column of numbers would fit, a row number too; the variable's name has to stand in it.
    """
    assert number().may_be_peoples("age", ["1", "2"])
    assert number().may_be_peoples("Age (coder)", ["1", "2"])
    assert not number().may_be_peoples("id", ["1", "2"])
    assert not number().may_be_peoples("page", ["1", "2"])
    assert not number(max=1).may_be_peoples("age", ["1", "2"])


def test_rows_between_two_numbers():
    """
    Both bounds count in, each may be left out; a row without a number is in neither.
    """
    values = pl.DataFrame({"v": ["1", "2.5", "", "10"]})

    def within(least, most):
        return values.select(number().within(pl.col("v"), least, most)).to_series().to_list()

    assert within("2,5", "10") == [False, True, False, True]
    assert within("", "2.5") == [True, True, False, False]
    assert within("3", "") == [False, False, False, True]
    with pytest.raises(UsageError, match="'x' is not a number"):
        within("x", "")


def test_the_estimate_of_a_number_is_that_of_a_short_answer():
    """
    A number is not priced as a free text.
    """
    book = parse_codebook({"variables": [AGE, {"name": "why"}]})
    low, high = NumberVariable.answer_tokens
    assert book.answer_tokens == (low + 20, high + 1_000)
    assert high < 100
