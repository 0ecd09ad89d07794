"""The kinds labels, yes-no, scale, date and quote; conditions, "can't say", reasons, evidence, examples."""

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowbatch.core.answer import AnswerReader
from rowbatch.core.codebook import Codebook, answer_schema, instructions_text, parse_codebook
from rowbatch.core.kinds.date import date_of
from rowbatch.core.kinds.quote import QuoteVariable, place_quote
from rowbatch.core.states import RowStatus
from rowbatch.core.strict_schema import strict_problems
from rowbatch.errors import CodebookError, UsageError

TOPICS = [
    {"name": "housing", "definition": "Rents"},
    {"name": "health", "aliases": ["care"]},
    {"name": "other"},
]


def book(*variables: dict[str, Any], language: str = "en") -> Codebook:
    return parse_codebook({"language": language, "variables": list(variables)})


def one(language: str = "en", **fields: Any) -> Any:
    return book({"name": "it", **fields}, language=language).variables[0]


def answer(codebook: Codebook, content: Any) -> Any:
    text = content if isinstance(content, str) else json.dumps(content)
    return AnswerReader(codebook).read(RowStatus.OK, text)


def written(variable: Any, value: str) -> list[object]:
    """What stands in the table's columns for a value."""
    frame = pl.DataFrame({"text": [value]})
    return [
        frame.select(column.value(pl.col("text")).cast(column.dtype)).item() for column in variable.columns()
    ]


@pytest.mark.parametrize(
    ("given", "value"),
    [
        (["housing", "health"], "housing; health"),
        (["health", "housing", "Health."], "housing; health"),
        ("housing", "housing"),
        ("housing, health", "housing; health"),
        ("health；housing", "housing; health"),
        ("care | other", "health; other"),
        ('["other"]', "other"),
        ("[housing, other]", "housing; other"),
        ({"housing": True, "health": False, "other": True}, "housing; other"),
        (["none of these"], "none of these"),
        ([], "none of these"),
        ("", "none of these"),
        (["can't say"], "can't say"),
        (["unknown"], "can't say"),
    ],
)
def test_several_labels_are_read_in_any_form(given, value):
    """
    A list, a text with separators, what is true: the same labels are the same value, in the codebook's order.
    """
    variable = one(kind="labels", labels=TOPICS, none=True, cant_say=True)
    assert variable.read(given) == value
    # What was written is read back.
    assert variable.read(value) == value


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["housing", "war"], "'war' is not a label"),
        (["none of these", "housing"], "beside other labels"),
        (["housing", "health", "other"], "3 values, and at most 2"),
        (["housing", ["health"]], "not a text"),
        (5.5, "not a list"),
        ({"war": False}, "'war' is not a label"),
    ],
)
def test_labels_that_are_not_allowed_say_why(given, says):
    """
    What is no label, too many of them, and "none" beside others.
    """
    with pytest.raises(UsageError, match=says):
        one(kind="labels", labels=TOPICS, most=2, none=True).read(given)


def test_where_one_label_has_to_apply_none_is_invalid():
    """
    Without `none` an empty list is no answer.
    """
    with pytest.raises(UsageError, match="has no label"):
        one(kind="labels", labels=TOPICS).read([])


def test_labels_that_hold_other_labels_and_commas_stay_whole():
    """
    A label with a comma is one label; `health` in `mental health` is not found twice.
    """
    variable = one(
        kind="labels", labels=[{"name": "health"}, {"name": "mental health, care"}, {"name": "a/b"}]
    )
    assert variable.read("mental health, care; a/b") == "mental health, care; a/b"
    assert written(variable, "mental health, care") == ["mental health, care", 0, 1, 0]


def test_several_labels_have_a_column_of_0_and_1_for_each():
    """
    Beside the cell; without a value where there is no answer or it can't be said, all 0 for none.
    """
    variable = one(kind="labels", labels=TOPICS, none=True, cant_say=True)
    assert [column.name for column in variable.columns()] == [
        *("it", "it_housing", "it_health", "it_other", "it_cant_say")
    ]
    assert written(variable, "housing; other") == ["housing; other", 1, 0, 1, 0]
    assert written(variable, "none of these") == ["none of these", 0, 0, 0, 0]
    assert written(variable, "can't say") == ["can't say", None, None, None, 1]
    assert written(variable, "") == ["", None, None, None, None]


@pytest.mark.parametrize("names", [["住房", "医疗"], ["a b", "a-b"], ["x" * 40, "y"]])
def test_columns_of_labels_without_short_names_of_their_own_are_numbered(names):
    """
    Of another script, alike, or longer than Stata's 32 characters.
    """
    variable = one(kind="labels", labels=[{"name": name} for name in names])
    assert variable.indicator_names == ("it_1", "it_2")
    assert [column.label for column in variable.columns()[1:]] == [f"it: {name}" for name in names]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("given", "is_so"),
    [
        (True, 1),
        ("true", 1),
        ("Yes.", 1),
        ("y", 1),
        (1, 1),
        ("是", 1),
        (False, 0),
        ("NO", 0),
        ("0", 0),
        ("否", 0),
    ],
)
def test_yes_and_no_are_read_in_any_form(language, given, is_so):
    """
    JSON's true and false, words of both languages, 1 and 0; in the table stands the codebook's language.
    """
    yes, no = ("yes", "no") if language == "en" else ("是", "否")
    assert one(language, kind="yes-no").read(given) == (yes if is_so else no)
    assert one(language, kind="yes-no").choices == (yes, no)


def test_a_scale_has_an_order():
    """
    Rows are found from one step to another, whatever the alphabet says; "can't say" lies on no step.
    """
    steps = [{"name": name} for name in ("low", "medium", "high")]
    variable = one(kind="scale", labels=steps, cant_say=True)
    values = pl.DataFrame({"v": ["low", "high", "medium", "can't say", ""]})
    found = values.filter(variable.within(pl.col("v"), "medium", ""))["v"].to_list()
    assert found == ["high", "medium"]
    assert variable.choices == ("low", "medium", "high", "can't say")
    assert variable.columns()[0].labels == variable.choices
    with pytest.raises(UsageError, match="no order"):
        variable.within(pl.col("v"), "can't say", "")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-03-02", "2026-03-02"),
        ("2026/3/2", "2026-03-02"),
        ("2026年3月2日", "2026-03-02"),
        ("２０２６-０３-０２", "2026-03-02"),
        ("2026-03-02T10:15:00Z", "2026-03-02"),
        ("2026-03-02 00:00:00", "2026-03-02"),
        ("20260302", "2026-03-02"),
        ("2 March 2026", "2026-03-02"),
        ("2nd of March, 2026", "2026-03-02"),
        ("March 2, 2026", "2026-03-02"),
        ("Sept. 3, 2026", "2026-09-03"),
        ("May 1 2026", "2026-05-01"),
        ("25/12/2026", "2026-12-25"),
        ("12/25/2026", "2026-12-25"),
        ("3.3.2026", "2026-03-03"),
        ("03/02/2026", None),
        ("2026-02-30", None),
        ("2026-03", None),
        ("March 2026", None),
        ("yesterday", None),
        ("2026", None),
    ],
)
def test_a_date_is_read_where_it_can_be_only_one(text, day):
    """
    Day and month are never guessed, and no day is made up for a month.
    """
    found = date_of(text)
    assert (found and found.isoformat()) == day


def test_a_date_lies_within_its_bounds_and_is_a_date_in_the_table():
    """
    Bounds count in; the column is of dates, and has no value where it can't be said.
    """
    variable = one(kind="date", min="2026-01-01", max="2026-12-31", cant_say=True)
    assert variable.read("2026/12/31") == "2026-12-31"
    assert variable.read(None) == "can't say"
    with pytest.raises(UsageError, match="before 2026-01-01"):
        variable.read("2025-12-31")
    assert str(written(variable, "2026-12-31")[0]) == "2026-12-31"
    assert written(variable, "can't say") == [None, 1]


@pytest.mark.parametrize(
    ("quote", "text", "found"),
    [
        ("rents rise", "Here rents rise.", "rents rise"),
        ("“Rents  rise”", "He said: rents\nrise again", "rents\nrise"),
        ("don't", "They don’t care", "don’t"),
        ("a - b", "x a – b y", "a – b"),
        ("...rents rise...", "Here rents rise.", "rents rise"),
        ("Straße", "die STRASSE dort", "STRASSE"),
        ("caf\u00e9", "cafe\u0301 noir", "cafe\u0301"),
        ("房租", "我们的房租涨了", "房租"),
        ("rents fall", "Here rents rise.", None),
        ("", "text", None),
        ("…", "text", None),
        ("riserents", "rise rents", None),
    ],
)
def test_a_quote_is_found_as_it_stands_in_the_text(quote, text, found):
    """
    What is found are the text's own characters; spaces, quotation marks, dashes and case are no other word.
    """
    place = place_quote(quote, text)
    # A composed letter folds into two characters: the place covers both.
    assert (place and text[place[0] : place[1]]) == found


@given(st.text(max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_every_part_of_a_text_is_found_in_it(text, start, length):
    """
    A quote that is a part of the text is found, and what is found is that part.
    """
    quote = text[start : start + length]
    place = place_quote(quote, text)
    if quote.strip():
        assert place is not None
        assert text[place[0] : place[1]] == quote


def test_quotes_have_their_places_beside_them():
    """
    One quote: begin and end are numbers. Several: a JSON list, and the places with semicolons.
    """
    single = one(kind="quote")
    assert single.placed(single.read("b c"), "a b c") == ("b c", "2", "5")
    several = one(kind="quote", most=2, none=True)
    assert isinstance(several, QuoteVariable)
    assert several.placed(several.read(["a", "C"]), "a b c") == ('["a", "c"]', "0;4", "1;5")
    assert several.placed(several.read([]), "a b c") == ("no quote", "", "")
    with pytest.raises(UsageError, match="does not stand in the text"):
        several.placed(several.read(["a", "z"]), "a b c")
    with pytest.raises(UsageError, match="3 values, and at most 2"):
        several.read(["a", "b", "c"])
    assert book({"name": "it", "kind": "quote"}).columns == ("it", "it_start", "it_end")


FULL = {
    "name": "topic",
    "question": "Topic?",
    "labels": TOPICS,
    "cant_say": True,
    "reason": True,
    "evidence": True,
    "examples": [{"text": "Rents rise", "answer": "housing"}, {"text": "Hm"}],
}
TONE = {"name": "tone", "kind": "number", "min": 1, "max": 5, "only_if": {"topic": ["housing", "care"]}}


def test_reason_and_evidence_come_before_the_answer_and_beside_it_in_the_table():
    """
    In the schema before, so that the model thinks first; in the table behind their variable.
    """
    codebook = book(FULL, TONE)
    schema = answer_schema(codebook)
    assert schema is not None
    assert list(schema["properties"]) == ["topic_reason", "topic_evidence", "topic", "tone"]
    assert strict_problems(schema) == []
    assert schema["properties"]["tone"]["type"] == ["number", "null"]
    assert [column.name for _, column in codebook.in_table()] == [
        *("topic", "topic_reason", "topic_evidence", "topic_evidence_start", "topic_evidence_end", "tone")
    ]
    told = instructions_text(codebook)
    assert "- can't say: the text does not tell" in told
    assert 'for example, of "Rents rise": {"topic": "housing"}' in told
    assert 'for example, of "Hm": {"topic": "can\'t say"}' in told
    assert "Answer tone only if topic is housing or care; otherwise it is null." in told


@pytest.mark.parametrize(
    ("content", "values"),
    [
        (
            {"topic_reason": "r", "topic_evidence": "e", "topic": "housing", "tone": 3},
            ("housing", "3", "r", "e"),
        ),
        # What does not apply is no value, whatever the model said.
        ({"topic_reason": "", "topic_evidence": "", "topic": "other", "tone": 3}, ("other", "", "", "")),
        ({"topic": "other", "tone": None}, ("other", "", "", "")),
        ({"topic": None}, ("can't say", "", "", "")),
        ({"topic": "care", "tone": "4"}, ("health", "4", "", "")),
    ],
)
def test_a_condition_decides_what_counts(content, values):
    """
    Where the condition holds the answer is needed, where not it is none; aliases count in conditions too.
    """
    codebook = book(FULL, TONE)
    found = answer(codebook, content)
    assert found.status is RowStatus.OK
    names = ("topic", "tone", "topic_reason", "topic_evidence")
    assert tuple(found.values[codebook.columns.index(name)] for name in names) == values


def test_what_applies_and_is_not_answered_is_invalid():
    """
    A condition that holds makes the answer due.
    """
    found = answer(book(FULL, TONE), {"topic": "housing", "tone": None})
    assert (found.status, found.reason) == (RowStatus.INVALID, "tone: 'None' is not a number")


def test_conditions_chain():
    """
    What depends on what does not apply does not apply.
    """
    codebook = book(
        {"name": "a", "kind": "yes-no"},
        {"name": "b", "kind": "yes-no", "only_if": {"a": "yes"}},
        {"name": "c", "kind": "yes-no", "only_if": {"b": ["yes"]}},
    )
    assert answer(codebook, {"a": False, "b": True, "c": True}).values == ("no", "", "")
    assert answer(codebook, {"a": True, "b": True, "c": False}).values == ("yes", "yes", "no")


@pytest.mark.parametrize(
    ("variables", "field", "says"),
    [
        (
            [{"name": "a", "kind": "yes-no", "only_if": {"b": "yes"}}],
            "variables[0].only_if.b",
            "stands before",
        ),
        (
            [{"name": "a", "kind": "number"}, {"name": "b", "only_if": {"a": "1"}}],
            "variables[1].only_if.a",
            "no list of values",
        ),
        (
            [{"name": "a", "kind": "yes-no"}, {"name": "b", "only_if": {"a": "perhaps"}}],
            "variables[1].only_if.a",
            "not a label",
        ),
        ([{"name": "a", "kind": "yes-no", "only_if": "b"}], "variables[0].only_if", "fields are expected"),
        (
            [{"name": "a", "kind": "labels", "labels": [{"name": "x;y"}, {"name": "z"}]}],
            "variables[0].labels[0].name",
            "between the labels of a cell",
        ),
        (
            [{"name": "a", "kind": "labels", "labels": [{"name": "x"}, {"name": "z"}], "most": 3}],
            "variables[0].most",
            "most is 3, and there are 2 labels",
        ),
        ([{"name": "a", "kind": "quote", "most": 0}], "variables[0].most", "from 1 on"),
        ([{"name": "a", "kind": "date", "min": "soon"}], "variables[0].min", "a date such as 2026-03-02"),
        (
            [{"name": "a", "kind": "date", "min": "2026-03-02", "max": "2026-03-01"}],
            "variables[0].max",
            "less than min",
        ),
        ([{"name": "a", "cant_say": "yes"}], "variables[0].cant_say", "true or false"),
        (
            [{"name": "a", "kind": "yes-no", "examples": [{"text": "t", "answer": "perhaps"}]}],
            "variables[0].examples[0].answer",
            "not a label",
        ),
        (
            [{"name": "a", "kind": "quote", "examples": [{"text": "a b", "answer": "c"}]}],
            "variables[0].examples[0].answer",
            "does not stand in the text",
        ),
        (
            [{"name": "a", "reason": True}, {"name": "a_reason"}],
            "variables[1].name",
            "there twice",
        ),
    ],
)
def test_questions_that_make_no_sense_are_named(variables, field, says):
    """
    Each fault at its place, before anything is asked.
    """
    with pytest.raises(CodebookError) as caught:
        book(*variables)
    assert caught.value.field == field
    assert says in caught.value.message


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_frozen_asks_the_same(language):
    """
    A codebook of all kinds, frozen and read back, is the same one: in the prompt, the schema and the reading.
    """
    codebook = book(
        FULL,
        TONE,
        {"name": "tags", "kind": "labels", "labels": TOPICS, "most": 2, "none": "nothing here"},
        {"name": "protest", "kind": "yes-no", "yes": "People protest", "evidence": True},
        {"name": "support", "kind": "scale", "labels": [{"name": "low"}, {"name": "high"}], "cant_say": True},
        {"name": "when", "kind": "date", "min": "1990-01-01", "cant_say": True},
        {"name": "said", "kind": "quote", "most": 3, "none": True, "cant_say": True},
        {"name": "gist", "kind": "text", "reason": True},
        language=language,
    )
    again = parse_codebook(codebook.model_dump(mode="json"))
    assert again == codebook
    assert instructions_text(again) == instructions_text(codebook)
    schema = answer_schema(codebook)
    assert schema == answer_schema(again)
    assert strict_problems(schema) == []
    bare = answer_schema(codebook, with_ranges=False)
    assert not {"minItems", "maxItems", "format", "minimum", "maximum"} & set(_keywords(bare))


def _keywords(schema: object) -> list[str]:
    if isinstance(schema, dict):
        return [*schema, *(word for inner in schema.values() for word in _keywords(inner))]
    return []


def test_equally_common_labels_are_told_in_the_order_of_the_codebook():
    """
    Whatever order they come in: `value_counts` of polars 2.1.0 gives another one each time, and with it the
    same run told its answers in another order.
    """
    for values in (["other", "health", "housing", "health"], ["housing", "health", "other", "health"]):
        tally = one(labels=TOPICS).tally()
        tally.add(pl.Series(values))
        assert tally.facts() == [("health", 2), ("housing", 1), ("other", 1)]
