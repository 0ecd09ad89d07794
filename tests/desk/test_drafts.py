"""Drafts: checked, shown, priced, tried, and made into runs."""

import time

import pytest

from rowbatch import api, desk
from rowbatch.desk.drafts import draft_from_file, labels_from_table
from rowbatch.errors import CodebookError, InputError, UsageError
from serving import scripted_local_model

POSTS = ["so good", "so bad", "", 'say "x" {{text}}', "fine\nin two lines"] * 8


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    import csv

    with (tmp_path / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "post"], *enumerate(POSTS, start=1)])
    found = desk.Library().add(tmp_path / "posts.csv")
    found.read().wait(10)
    return found


def draft(**changes):
    plain = {
        "text": "post",
        "question": "How is the mood?",
        "labels": [{"name": "good", "definition": "Happy."}, {"name": "bad"}, {"name": " "}],
    }
    return desk.read_draft({**plain, **changes})


def span(cost):
    assert cost.low_usd is not None
    assert cost.likely_usd is not None
    return cost.likely_usd - cost.low_usd


def asked(table):
    return desk.read_draft(table.draft()["draft"]).questions[0].question


def kinds(found):
    return {(fault.place, fault.kind) for fault in found}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, set(), id="complete"),
        pytest.param({"text": "x"}, {("text", "text-missing")}, id="no-such-column"),
        pytest.param({"question": " "}, {("question", "question-missing")}, id="no-question"),
        pytest.param({"labels": [{"name": "one"}]}, {("labels", "labels-too-few")}, id="one-label"),
        pytest.param({"labels": [{"name": "one"}], "task": "labels"}, set(), id="one-label-yes-or-no"),
        pytest.param({"labels": [{"name": "a"}, {"name": "A "}]}, {("labels.1", "label-twice")}, id="twice"),
        pytest.param({"provider": "openai"}, {("model", "model-missing")}, id="no-model"),
        pytest.param({"provider": "azure", "model": "m"}, {("base_url", "address-missing")}, id="no-address"),
        pytest.param({"provider": "nonsense"}, {("provider", "other")}, id="no-such-provider"),
        pytest.param({"temperature": "hot"}, {("temperature", "not-a-number")}, id="no-number"),
        pytest.param({"template": "no column"}, {("template", "other")}, id="template-without-column"),
        pytest.param(
            {"template": "{{nonsense}}"},
            {("template", "column-missing")},
            id="template-with-a-strange-column",
        ),
        pytest.param({"task": "text", "labels": []}, set(), id="short-text"),
    ],
)
def test_what_is_missing(changes, expected):
    """
    Every fault has its field.
    """
    assert kinds(desk.faults(draft(**changes), ("id", "post"))) == expected


def test_the_model_sees_what_is_shown(table):
    """
    Instructions and message of the preview are those of the request that is written at the end.
    """
    made = draft(unsure=True, reason=True)
    preview = desk.preview_row(made, table.read(), 4)
    assert preview.message == 'say "x" {{text}}'
    assert "How is the mood?" in preview.instructions
    assert "- good: Happy." in preview.instructions
    assert "- can't say" in preview.instructions
    assert "label_reason" in preview.instructions
    assert desk.preview_row(made, table.read(), 3).is_empty
    assert desk.preview_row(made, table.read(), 10_000).row == len(POSTS)
    run = desk.make_run(table, made)
    run.build()
    written = next(
        line
        for line in (run.path / "requests" / "r1-0001.jsonl").read_text(encoding="utf-8").split("\n")
        if '"row-4"' in line
    )
    import json

    assert json.loads(written)["body"] == preview.body


def test_chinese_words_around_a_question(table):
    """
    In Chinese all words around the person's own are Chinese; columns have names that every format takes.
    """
    made = draft(
        language="zh",
        task="labels",
        question="这条评论谈到了什么？",
        labels=[{"name": "经济"}, {"name": "health"}],
    )
    preview = desk.preview_row(made, table.read(), 1)
    assert "回答是或否" in preview.instructions
    assert "is yes or no" not in preview.instructions
    assert desk.codebook_of_draft(made).columns == ("label_1", "health")


def test_a_price_by_a_sample(table):
    """
    Rows without a text are not counted; measured answers narrow the range; the built run costs as much.
    """
    made = draft(provider="openai", model="gpt-4o-mini")
    estimate = desk.estimate_draft(made, table.read())
    assert (estimate.rows, estimate.requests) == (40, 32)
    assert span(estimate.cost) > 0
    measured = desk.estimate_draft(made, table.read(), 6.0)
    assert measured.is_measured
    assert span(measured.cost) < span(estimate.cost)
    run = desk.make_run(table, made)
    assert run.preview().cost == estimate.cost
    # A cap needs a limit for each answer, also where nobody set one.
    assert run.plan.asking.parameters["max_tokens"] == desk.limit_of_draft(made) == 200
    assert desk.limit_of_draft(draft()) is None
    assert desk.limit_of_draft(draft(provider="openai", model="gpt-5-mini")) == 4_200


def test_ten_rows_are_tried_once(table, tmp_path):
    """
    Rows that have a text, from all over the table; the same draft again asks nobody, another wording does.
    """
    with scripted_local_model(tmp_path / "server") as engine:
        found = desk.try_draft(table, draft(), table.read())
        assert len(found.numbers) == 10
        assert all(POSTS[number - 1].strip() for number in found.numbers)
        assert [row.text for row in found.report.rows] == [POSTS[number - 1] for number in found.numbers]
        assert {row.status for row in found.report.rows} == {"ok"}
        calls = sum(engine.calls.values())
        assert desk.try_draft(table, draft(), table.read()) == found
        assert sum(engine.calls.values()) == calls
        desk.try_draft(table, draft(question="Is it good?"), table.read())
        assert sum(engine.calls.values()) == 2 * calls
    assert api.list_runs() == []


def test_a_codebook_that_is_a_table(tmp_path):
    """
    Columns are found by their names, else by their places; examples come along.
    """
    path = tmp_path / "codes.csv"
    path.write_text("Description,Label,Example 1,Example 2\nJobs,economy,wages,\nAll else,other,,\n,,,\n")
    labels = labels_from_table(path)
    assert [(one.name, one.definition, one.examples) for one in labels] == [
        ("economy", "Jobs", ("wages",)),
        ("other", "All else", ()),
    ]
    path.write_text("a,b\n经济,工作\n")
    assert labels_from_table(path)[0] == desk.DraftLabel("经济", "工作")
    path.write_text('label\n""\n')
    with pytest.raises(CodebookError):
        labels_from_table(path)


def test_a_recipe_carries_a_job_to_another_table(table, tmp_path):
    """
    What was asked and how comes back from its file; a damaged one, or one of a newer program, is refused.
    """
    made = draft(
        provider="openai", model="gpt-4o-mini", temperature="0", template="Post: {{post}}", dedupe=True
    )
    run = desk.make_run(table, made)
    recipe = tmp_path / "posts.recipe.yaml"
    recipe.write_text(desk.recipe_of_run(run), encoding="utf-8")
    again = draft_from_file(recipe, desk.Draft())
    assert again.questions[0].labels == made.questions[0].filled_labels
    assert (again.text, again.provider, again.model, again.template, again.dedupe) == (
        "post",
        "openai",
        "gpt-4o-mini",
        "Post: {{post}}",
        True,
    )
    assert desk.codebook_of_draft(again) == desk.codebook_of_draft(made)
    assert float(again.temperature) == 0
    recipe.write_text(recipe.read_text().replace("rowbatch_recipe: 1", "rowbatch_recipe: 99"))
    with pytest.raises(InputError, match="newer"):
        draft_from_file(recipe, desk.Draft())
    recipe.write_text("rowbatch_recipe: 1\ncodebook: [")
    with pytest.raises(CodebookError, match="broken: line 2"):
        draft_from_file(recipe, desk.Draft())


def test_a_codebook_file_with_several_variables(tmp_path, table):
    """
    It is opened in the form, and asks what it says.
    """
    path = tmp_path / "codebook.yaml"
    path.write_text(
        "# ours\ninstructions: Read it.\nvariables:\n  - name: topic\n    labels: [{name: a}, {name: b}]\n"
        "  - name: why\n"
    )
    brought = draft_from_file(path, draft())
    assert (brought.codebook, desk.faults(brought, ("id", "post"))) == ({}, [])
    assert brought.instructions == "Read it."
    assert [(one.kind, one.name) for one in brought.questions] == [("label", "topic"), ("text", "why")]
    assert desk.codebook_of_draft(brought).columns == ("topic", "why")


def test_what_was_said_later_is_kept(table):
    """
    A question of the page that took longer than the next one overwrites nothing of it.
    """
    first, second = time.monotonic(), time.monotonic() + 0.001
    table.save_draft({"draft": draft(question="Later?").to_plain()}, said_at=second)
    table.save_draft({"job": "x"}, said_at=second + 0.001)
    table.save_draft({"draft": draft(question="Earlier?").to_plain()}, said_at=first)
    assert asked(table) == "Later?"
    assert table.draft()["job"] == "x"


def test_of_one_page_what_it_sent_last_is_kept(table):
    """
    A page that counts what it sends is followed in that order, whatever comes in first; another page is not
    held by its count.
    """
    table.save_draft({"draft": draft(question="Second?").to_plain()}, turn=("a", 2))
    table.save_draft({"draft": draft(question="First?").to_plain()}, turn=("a", 1))
    assert asked(table) == "Second?"
    table.save_draft({"draft": draft(question="Elsewhere?").to_plain()}, turn=("b", 1))
    assert asked(table) == "Elsewhere?"
    table.save_draft({"draft": draft(question="Third?").to_plain()}, turn=("a", 3))
    assert asked(table) == "Third?"
    # Also where what it sent last came in first, and is worked on last.
    now = time.monotonic()
    table.save_draft({"draft": draft(question="Fourth?").to_plain()}, said_at=now + 2, turn=("a", 4))
    table.save_draft({"draft": draft(question="Fifth?").to_plain()}, said_at=now + 1, turn=("a", 5))
    assert asked(table) == "Fifth?"
    table.save_draft({"draft": draft(question="Before?").to_plain()}, said_at=now + 1.5, turn=("b", 2))
    assert asked(table) == "Fifth?"


def test_what_another_page_wrote_is_kept_aside(table):
    """
    Of two pages the one that wrote last holds; the other is told, and what it had written can be brought
    back. Who only looks at the older page changes nothing.
    """

    def say(question, page, turn, version, edits):
        table.save_draft(
            {"draft": draft(question=question).to_plain()},
            turn=(page, turn),
            view=desk.PageView(version, edits),
        )

    say("Of one?", "one", 1, 0, 1)
    assert table.draft_version == 1
    say("Of the other?", "other", 1, 1, 1)
    assert table.is_overtaken("one", 0)
    assert not table.is_overtaken("other", 1)
    assert table.replaced_draft() == {}
    say("Of one?", "one", 2, 0, 1)
    assert asked(table) == "Of the other?"
    say("Of one again?", "one", 3, 0, 2)
    assert asked(table) == "Of one again?"
    assert desk.read_draft(table.replaced_draft()).questions[0].question == "Of the other?"
    assert table.is_overtaken("other", 1)
    say("Of one, later?", "one", 4, 0, 3)
    assert desk.read_draft(table.replaced_draft()).questions[0].question == "Of the other?"
    table.settle_replaced(bring_back=True)
    assert asked(table) == "Of the other?"
    assert desk.read_draft(table.replaced_draft()).questions[0].question == "Of one, later?"
    table.settle_replaced(bring_back=False)
    assert (asked(table), table.replaced_draft()) == ("Of the other?", {})
    # What says the same again makes no other version, and tells nobody.
    version = table.draft_version
    say("Of the other?", "third", 1, version, 1)
    assert table.draft_version == version


def test_what_comes_late_from_a_page_that_was_left_takes_no_place(table):
    """
    It is kept aside where another page has written since, holds where none has, and is not there twice.
    """

    def say(question, page, turn, version, edits, is_left):
        table.save_draft(
            {"draft": draft(question=question).to_plain()},
            turn=(page, turn),
            view=desk.PageView(version, edits, is_left),
        )

    say("Left?", "one", 1, 0, 1, is_left=True)
    assert (asked(table), table.draft_version) == ("Left?", 1)
    say("After it?", "two", 1, 1, 1, is_left=False)
    say("Left, and sent once more?", "one", 2, 0, 1, is_left=True)
    assert (asked(table), table.replaced_draft()) == ("After it?", {})
    say("Left, and changed before?", "one", 3, 0, 2, is_left=True)
    assert (asked(table), table.draft_version) == ("After it?", 2)
    assert desk.read_draft(table.replaced_draft()).questions[0].question == "Left, and changed before?"
    say("After all?", "two", 2, 1, 2, is_left=False)
    assert (asked(table), table.draft_version) == ("After all?", 3)


def test_a_draft_survives_being_kept(table):
    """
    What was kept comes back; what is damaged, or of another kind, is as it was at first.
    """
    made = draft(unsure=True, example_rows=[3])
    table.save_draft({"draft": made.to_plain()})
    assert desk.read_draft(table.draft()["draft"]) == made
    (table.folder / "draft.json").write_bytes(b"[1")
    assert table.draft() == {}
    strange = {
        "labels": [3, {"name": None}],
        "task": "x",
        "codebook": 3,
        "text": 4,
        "unsure": "yes",
        "language": "xx",
    }
    only = desk.DraftQuestion(labels=(desk.DraftLabel(),), cant_say=True)
    assert desk.read_draft(strange) == desk.Draft(questions=(only,))
    for odd in ([], [3, {"kind": "x", "only_if": [{"question": 7}, 2]}]):
        assert desk.read_draft({"questions": odd}) == desk.Draft()


def test_no_row_with_a_text(tmp_path, table):
    """
    There is nothing to ask.
    """
    (tmp_path / "empty.csv").write_text('id,post\n1,""\n2," "\n')
    empty = desk.Library().add(tmp_path / "empty.csv")
    empty.read().wait(10)
    with pytest.raises(UsageError, match="nothing to ask"):
        desk.try_draft(empty, draft(), empty.read())


def test_ten_others_by_chance(table, tmp_path):
    """
    Each lot of further rows is another one, the same whenever it is asked for, without rows that became
    examples; when all were tried that is said, and nobody is asked.
    """
    with scripted_local_model(tmp_path / "server") as engine:
        made, seen = draft(example_rows=[1, 2]), list[int]()
        for ten in range(4):
            found = desk.try_draft(table, made, table.read(), ten=ten)
            assert [row.text for row in found.report.rows] == [POSTS[number - 1] for number in found.numbers]
            assert desk.try_draft(table, made, table.read(), ten=ten) == found
            if ten:
                assert not {1, 2} & set(found.numbers)
            seen += found.numbers
        with pytest.raises(UsageError, match="each row with a text was tried"):
            desk.try_draft(table, made, table.read(), ten=4)
        assert len(seen) == len(set(seen))
        assert {*seen, 1, 2} == {number for number, text in enumerate(POSTS, start=1) if text.strip()}
        assert sum(engine.calls.values()) == len(seen)


def test_what_a_person_says_of_tried_rows_is_kept(table, tmp_path):
    """
    By the wording that was tried, over all its lots; a press can be taken back.
    """
    with scripted_local_model(tmp_path / "server"):
        lots = [desk.try_draft(table, draft(), table.read(), ten=ten).numbers for ten in (0, 1)]
    key = desk.trial_key(draft())
    desk.judge(table, key, 0, lots[0][0], True)
    desk.judge(table, key, 1, lots[1][0], False)
    desk.judge(table, key, 1, lots[1][1], True)
    assert desk.judgements(table, key) == {lots[0][0]: True, lots[1][0]: False, lots[1][1]: True}
    desk.judge(table, key, 1, lots[1][0], None)
    assert desk.judgements(table, key) == {lots[0][0]: True, lots[1][1]: True}
    assert desk.judgements(table, desk.trial_key(draft(question="Is it good?"))) == {}


def test_progress_begins_with_no_row(table, tmp_path):
    """
    What is told of a trial is answers, from the first one on.
    """
    told: list[int] = []
    with scripted_local_model(tmp_path / "server"):
        desk.try_draft(table, draft(), table.read(), hooks=api.Hooks(rows=told.append))
    assert told == list(range(1, 11))
