"""The questions of a draft: where they come from, what they become, and what is wrong with them."""

import json
from dataclasses import replace
from typing import Any

import pytest

from rowbatch import desk
from rowbatch.core.codebook import codebook_document, instructions_text, parse_codebook
from rowbatch.desk.drafts import draft_from_file, with_codebook

TOPICS = [
    {"name": "housing", "definition": "Rents", "examples": ["Rents rise"]},
    {"name": "health", "aliases": ["care", "hospitals"]},
]
EVERY_KIND: list[dict[str, Any]] = [
    {
        **{"name": "topic", "question": "Topic?", "labels": TOPICS, "cant_say": True, "reason": True},
        "evidence": True,
        "examples": [{"text": "Rents rise", "answer": "housing"}, {"text": "Hm"}],
    },
    {
        **{"name": "tone", "kind": "number", "min": 1, "max": 5, "whole": True, "cant_say": True},
        "only_if": {"topic": ["housing", "health"]},
        "examples": [{"text": "Fine\nindeed", "answer": 3}],
    },
    {
        **{"name": "tags", "kind": "labels", "labels": TOPICS, "most": 2, "none": "nothing here"},
        "examples": [{"text": "Rents", "answer": ["housing", "care"]}],
    },
    {
        **{"name": "protest", "kind": "yes-no", "yes": "People protest", "evidence": True},
        "only_if": {"topic": ["housing"], "tags": ["health"]},
        "examples": [{"text": "They march", "answer": True}],
    },
    {"name": "support", "kind": "scale", "labels": [{"name": "low"}, {"name": "high"}], "cant_say": True},
    {"name": "day", "kind": "date", "min": "1990-01-01", "max": "2026-12-31", "cant_say": True},
    {
        **{"name": "said", "kind": "quote", "most": 3, "none": True, "cant_say": True},
        "examples": [{"text": "a b", "answer": ["a", "b"]}],
    },
    {"name": "who", "kind": "quote", "none": "nobody"},
    {"name": "gist", "kind": "text", "reason": True, "question": "Sum it up."},
]


def book(*variables, language="en", instructions="Read it."):
    return parse_codebook({"instructions": instructions, "variables": list(variables), "language": language})


def opened(codebook):
    draft = with_codebook(desk.Draft(text="post"), codebook)
    # As it is after it was kept.
    return desk.read_draft(json.loads(json.dumps(draft.to_plain())))


def kinds(*questions):
    draft = desk.Draft(text="post", questions=questions)
    return [(fault.place, fault.kind) for fault in desk.faults(draft, ["post"])]


def question(kind="yes-no", **fields):
    return desk.DraftQuestion(kind=kind, question="Is it so?", **fields)


def label_question(*names, **fields):
    return question("label", labels=tuple(map(desk.DraftLabel, names)), **fields)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_codebook_of_every_kind_is_opened_in_the_form_and_asks_the_same(language):
    """
    Every field of every kind has its place in the form: nothing of a codebook is lost, nor asked otherwise.
    """
    codebook = book(*EVERY_KIND, language=language)
    draft = opened(codebook)
    assert draft.codebook == {}
    assert desk.faults(draft, ["post"]) == []
    again = desk.codebook_of_draft(draft)
    assert instructions_text(again) == instructions_text(codebook)
    for one, other in zip(again.variables, codebook.variables, strict=True):
        plain, known = one.to_plain(), other.to_plain()
        assert len(plain.pop("examples", ())) == len(known.pop("examples", ()))
        assert plain == known
    assert draft.questions[0].labels[1].aliases == ("care", "hospitals")
    assert opened(again) == draft


@pytest.mark.parametrize("change", [{}, {"name": "label"}, {"name": "topic"}])
def test_each_kind_alone_is_opened_in_the_form(change):
    """
    Also where a question is alone, with the name that it would get anyway or with another one.
    """
    for variable in EVERY_KIND:
        alone = {**variable, **change}
        alone.pop("only_if", None)
        codebook = book(alone, instructions="")
        draft = opened(codebook)
        assert draft.codebook == {}
        assert desk.codebook_of_draft(draft).columns == codebook.columns
        assert instructions_text(desk.codebook_of_draft(draft)) == instructions_text(codebook)


def test_free_text_is_opened_as_a_short_text():
    """
    A codebook without variables is one question for a text, and is free text again.
    """
    codebook = book(instructions="Sum it up.")
    draft = opened(codebook)
    assert draft.questions == (desk.DraftQuestion(kind="text", question="Sum it up."),)
    assert desk.codebook_of_draft(draft) == codebook


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param(
            [{"name": "a", "labels": [{"name": f"l{n}"} for n in range(301)]}],
            id="more-labels-than-a-form-has",
        ),
        pytest.param(
            [{"name": "a", "labels": [{"name": "x", "examples": ["two\nlines"]}, {"name": "y"}]}],
            id="a-line-break-where-a-line-is-one",
        ),
        pytest.param([{"name": f"a{n}"} for n in range(61)], id="more-questions-than-a-form-has"),
    ],
)
def test_a_codebook_that_the_form_cannot_hold_is_asked_as_it_is(variables):
    """
    It is kept whole, and shown, and can be asked.
    """
    codebook = book(*variables)
    draft = opened(codebook)
    assert draft.codebook == codebook_document(codebook)
    assert desk.codebook_of_draft(draft) == codebook
    assert desk.faults(draft, ["post"]) == []


@pytest.mark.parametrize(
    ("kept", "document"),
    [
        pytest.param(
            {"task": "label", "unsure": True, "reason": True, "labels": [{"name": "a"}, {"name": "b"}]},
            {"name": "label", "labels": [{"name": "a"}, {"name": "b"}], "cant_say": True, "reason": True},
            id="one-label",
        ),
        pytest.param(
            {"task": "number", "rules": {"min": "1", "whole": "on"}},
            {"name": "number", "kind": "number", "min": 1, "whole": True},
            id="number",
        ),
        pytest.param({"task": "text", "reason": True}, {"name": "answer", "reason": True}, id="text"),
    ],
)
def test_a_draft_that_was_kept_before_there_were_several_questions(kept, document):
    """
    It is one question, and asks what it asked.
    """
    draft = desk.read_draft({"text": "post", "question": "How?", **kept})
    assert desk.codebook_of_draft(draft) == book({**document, "question": "How?"}, instructions="")


def test_a_draft_of_yes_or_no_for_each_label_is_a_question_for_each():
    """
    What was one task is a question of yes or no for each of its labels, in the same columns; their examples
    are texts for which it is yes.
    """
    draft = desk.read_draft(
        {
            **{"text": "post", "question": "Read it.", "task": "labels", "language": "zh"},
            "labels": [{"name": "经济", "definition": "工作", "examples": ["失业"]}, {"name": "health"}, {}],
        }
    )
    assert draft.instructions == "Read it."
    assert [one.question for one in draft.questions] == ["经济: 工作", "health"]
    codebook = desk.codebook_of_draft(draft)
    assert codebook.columns == ("label_1", "health")
    assert codebook.variables[0].choices == ("是", "否")
    assert codebook.variables[0].examples[0].answer == "是"


def test_columns_have_names_of_the_questions_words():
    """
    Alone a question is named after its kind; beside others after its telling words, never twice, nor as what
    stands beside another one.
    """
    ask = desk.DraftQuestion
    asked = ask(question="What is the main topic of this text?")
    assert desk.column_names([asked]) == ("label",)
    assert desk.column_names([ask(kind="text")]) == ("answer",)
    assert desk.column_names([ask(kind="yes-no", question="Why?")]) == ("yes_no",)
    assert desk.column_names([asked, asked, ask(kind="date", question="何时？"), ask(kind="number")]) == (
        *("main_topic", "main_topic_2", "date_3", "number_4"),
    )
    assert desk.column_names([ask(name="tone"), ask(question="Tone, the reason?"), asked]) == (
        *("tone", "tone_reason_2", "main_topic"),
    )
    long = ask(question="Incomprehensibilities institutionalization counterrevolutionaries")
    assert all(len(name) <= 24 for name in desk.column_names([long, asked]))


def test_conditions_go_along_when_questions_are_moved_and_removed():
    """
    What depends on a question still does after it was moved, and no more after it was removed; on one that
    stands behind it nothing can depend, and that is said at its field.
    """
    first, second = label_question("a", "b"), question()
    third = question(only_if=(desk.DraftCondition(0, ("b",)), desk.DraftCondition(1, ("yes",))))
    questions = (first, second, third)
    assert kinds(*questions) == []
    moved = desk.move_question(questions, 0, 1)
    assert moved[:2] == (second, first)
    assert moved[2].only_if == (desk.DraftCondition(1, ("b",)), desk.DraftCondition(0, ("yes",)))
    assert desk.remove_question(questions, 0)[1].only_if == (desk.DraftCondition(0, ("yes",)),)
    assert desk.move_question(questions, 2, 1) == questions
    assert kinds(*desk.move_question(questions, 1, 1)) == [("q1.only_if.1", "codebook")]
    assert desk.remove_question((first,), 0) == (desk.DraftQuestion(),)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param(question(name="a b"), ("q1.name", "codebook"), id="no-name"),
        pytest.param(question(name="label_1"), ("q1.name", "codebook"), id="name-twice"),
        pytest.param(label_question("a"), ("q1.labels", "labels-too-few"), id="one-label"),
        pytest.param(label_question("a", "", "A"), ("q1.labels.2", "label-twice"), id="label-twice"),
        pytest.param(
            question("labels", labels=(desk.DraftLabel(), desk.DraftLabel("a;b"), desk.DraftLabel("c"))),
            ("q1.labels.1", "codebook"),
            id="a-label-with-the-mark-between-labels",
        ),
        pytest.param(question("quote", rules={"most": "0"}), ("q1.rules.most", "not-a-count"), id="no-count"),
        pytest.param(question("date", rules={"min": "soon"}), ("q1.rules.min", "not-a-date"), id="no-date"),
        pytest.param(
            question("date", rules={"min": "2026-03-02", "max": "2026-03-01"}),
            ("q1.rules.max", "codebook"),
            id="no-day-between",
        ),
        pytest.param(
            question(examples=(desk.DraftExample(), desk.DraftExample("a text", "perhaps"))),
            ("q1.examples.1", "codebook"),
            id="an-example-that-is-none",
        ),
        pytest.param(
            question("quote", examples=(desk.DraftExample("a text", "words"),)),
            ("q1.examples.0", "codebook"),
            id="an-example-that-does-not-stand-there",
        ),
        pytest.param(
            question(only_if=(desk.DraftCondition(0),)), ("q1.only_if.0", "condition-open"), id="only-if-what"
        ),
        pytest.param(
            question(only_if=(desk.DraftCondition(0, ("z",)),)), ("q1.only_if.0", "codebook"), id="no-value"
        ),
        pytest.param(desk.DraftQuestion(kind="date"), ("q1.question", "question-missing"), id="no-words"),
    ],
)
def test_every_fault_of_a_question_stands_at_its_field(asked, expected):
    """
    Also in the second question, and where fields before it are empty.
    """
    first = replace(label_question("a", "b"), name="label_1")
    assert kinds(first, asked) == [expected]


def test_the_values_of_a_condition_are_those_of_its_question():
    """
    "None" and "can't say" are among them; so is yes in the language of the instructions, however it is
    written; of a number there are none.
    """
    labels = question("labels", labels=(desk.DraftLabel("a"), desk.DraftLabel("b")), cant_say=True)
    questions = [replace(labels, rules={"none": "on"}), question(), question("number")]
    assert desk.condition_choices(questions, 0, "en") == ("a", "b", "none of these", "can't say")
    assert desk.condition_choices(questions, 1, "zh") == ("是", "否")
    assert desk.condition_choices(questions, 2, "en") == ()
    assert desk.read_condition_value(questions, 1, "yes", "zh") == "是"
    assert desk.read_condition_value(questions, 1, "perhaps", "zh") == "perhaps"


def test_a_table_of_labels_fills_the_first_question(tmp_path):
    """
    The other questions stay; a kind without labels becomes one that has them.
    """
    (tmp_path / "codes.csv").write_text("label,definition\nup,More\ndown,Less\n")
    draft = desk.Draft(questions=(question("number"), question("date")))
    brought = draft_from_file(tmp_path / "codes.csv", draft)
    assert brought.questions[0].kind == "label"
    assert [one.name for one in brought.questions[0].labels] == ["up", "down"]
    assert brought.questions[1] == draft.questions[1]


def test_names_of_a_codebook_stay_when_its_questions_are_reworded(tmp_path):
    """
    A column is called as a codebook says, also where the form would have made the same name of the question.
    """
    (tmp_path / "book.yaml").write_text(
        "variables:\n"
        "- {name: main_topic, question: What is the main topic?, labels: [{name: a}, {name: b}]}\n"
        "- {name: protest, kind: yes-no, question: Is it a call for protest?}\n"
    )
    draft = draft_from_file(tmp_path / "book.yaml", desk.Draft())
    first, second = draft.questions
    reworded = (replace(first, question="Which subject is it about?"), second)
    assert desk.column_names(reworded) == ("main_topic", "protest")
