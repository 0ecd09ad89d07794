"""Results of every kind of question: counts, filters, quotes in their text, corrections and what follows."""

import csv
import json

import polars as pl
import pytest

from rowbatch import api, desk
from rowbatch.errors import InputError, UsageError
from serving import scripted_local_model

TEXTS = [
    f"{who} wants rents down by {n} percent, now." for n in range(1, 9) for who in ("Anna", "Bert", "Carl")
]
LABELS = [{"name": name} for name in ("housing", "health", "other")]
CODEBOOK = {
    "variables": [
        {"name": "topic", "labels": LABELS, "reason": True, "evidence": True},
        {"name": "tags", "kind": "labels", "labels": LABELS, "none": True, "cant_say": True},
        {"name": "protest", "kind": "yes-no"},
        {"name": "tone", "kind": "scale", "labels": [{"name": one} for one in ("low", "middle", "high")]},
        {"name": "day", "kind": "date", "cant_say": True},
        {"name": "share", "kind": "number", "only_if": {"topic": ["housing"]}, "reason": True},
        {"name": "who", "kind": "quote", "none": True},
        {"name": "words", "kind": "quote", "most": 2, "none": True, "only_if": {"protest": "yes"}},
    ]
}


def answer(body):
    text = str(body["messages"][-1]["content"]).removeprefix("Text: ")
    number, name = int(text.split()[5]), text.split()[0]
    is_housing = name != "Carl"
    return json.dumps(
        {
            "topic_reason": f"{name} says so",
            "topic_evidence": "rents down",
            "topic": "housing" if is_housing else "other",
            "tags": {"Anna": ["housing", "health"], "Bert": ["health"], "Carl": []}[name],
            "protest": number > 4,
            "tone": ("low", "middle", "high")[number % 3],
            "day": None if number == 8 else f"{2020 + number % 2}-05-{number:02}",
            "share_reason": "it stands there" if is_housing else None,
            "share": number if is_housing else None,
            "who": f"{name.upper()}",
            "words": ["Rents down", "now"] if number > 4 else None,
        }
    )


@pytest.fixture
def results(tmp_path, monkeypatch, request):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "post"], *enumerate(TEXTS, start=1)])
    template = getattr(request, "param", "")
    with scripted_local_model(tmp_path / "server", answer):
        run = api.create("posts.csv", text="post", codebook=CODEBOOK, template=template)
        run.resume()
    found = desk.Results(run)
    assert found.prepare(30)
    assert found.counts().statuses == {"ok": 24}
    return found


def numbers(results, **chosen):
    return results.rows(desk.RowFilter(**chosen)).to_list()


def exported(results, tmp_path):
    results.run.export(tmp_path / "out.parquet", overwrite=True)
    return pl.read_parquet(tmp_path / "out.parquet")


def test_each_kind_is_counted(results):
    """
    Of several labels each counts; a scale is in its order, dates are counted by year; what can't be said and
    what does not apply is told apart.
    """
    counts = results.counts()
    assert dict(counts.labels["topic"]) == {"housing": 16, "health": 0, "other": 8}
    assert dict(counts.labels["tags"]) == {
        **{"housing": 8, "health": 16, "other": 0},
        **{"none of these": 8, "can't say": 0},
    }
    assert [name for name, _ in counts.labels["tone"]] == ["low", "middle", "high"]
    assert dict(counts.labels["protest"]) == {"yes": 12, "no": 12}
    assert "day" not in counts.labels
    assert counts.tallies["day"].facts() == [("2020", 9), ("2021", 12)]
    assert (counts.cant_say, counts.not_asked) == ({"day": 3}, {"share": 8, "words": 12})


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"variable": "tags", "label": "health"}, [n for n in range(1, 25) if n % 3]),
        ({"variable": "tags", "label": "none of these"}, list(range(3, 25, 3))),
        ({"variable": "tone", "least": "middle"}, [n for n in range(1, 25) if ((n - 1) // 3 + 1) % 3]),
        ({"variable": "day", "least": "2020-05-05", "most": "2020-05-06"}, [16, 17, 18]),
        ({"variable": "day", "label": "can't say"}, [22, 23, 24]),
        ({"variable": "share", "not_asked": True}, list(range(3, 25, 3))),
        ({"variable": "share", "least": "8"}, [22, 23]),
    ],
)
def test_rows_are_found_by_a_value_of_any_kind(results, chosen, expected):
    """
    By one label among several, from a step or a day on, by what can't be said or does not apply.
    """
    assert numbers(results, **chosen) == expected


@pytest.mark.parametrize(
    "results", ["", "Text: {{post}}"], indirect=True, ids=["the-text-alone", "a-message-with-the-text"]
)
def test_quotes_are_marked_in_the_text(results):
    """
    Each piece of the text that a quote or evidence stands for has its variables; together they are the text.
    """
    row = results.row(13)
    assert "".join(piece for piece, _ in row.pieces) == row.message
    marked = {piece: names for piece, names in row.pieces if names}
    assert marked == {
        "Anna": ("who",),
        "rents down": ("words", "topic_evidence"),
        "now": ("words",),
    }
    assert row.values["who"] == "Anna"
    assert results.row(1).not_asked == ("words",)


def test_a_corrected_quote_stands_in_the_text_and_its_places_follow(results, tmp_path):
    """
    It takes the text's own characters; one that does not stand there is refused and nothing is noted; taken
    back, the model's places are there again.
    """
    results.correct(13, "who", "WANTS  rents")
    row = results.row(13)
    assert row.human == {"who": "wants rents", "who_start": "5", "who_end": "16"}
    assert ("rents", ("who", "words", "topic_evidence")) in row.pieces
    table = exported(results, tmp_path)
    assert table["who"][12] == "wants rents"
    assert (table["who_start"][12], table["who_end"][12]) == (5, 16)
    assert (table["who_start"][11], table["who_end"][11]) == (0, 4)
    with pytest.raises(UsageError, match="does not stand in the text"):
        results.correct(13, "who", "landlords")
    assert results.row(13).human == row.human
    results.correct(13, "words", "now\nPERCENT")
    assert results.row(13).human["words"] == '["now", "percent"]'
    assert results.row(13).human["words_start"] == "36;27"
    results.correct(13, "who", "no quote")
    assert results.row(13).human["who_start"] == ""
    for variable in ("who", "words"):
        results.correct(13, variable, None)
    assert results.run.corrections() == {}


def test_what_depends_on_a_corrected_value_follows_it(results, tmp_path):
    """
    What does not apply any more has no value, its reason neither; it is there again when the correction is
    taken back; what now applies can be given a value, and what does not cannot.
    """
    results.correct(1, "topic", "health")
    row = results.row(1)
    assert row.human == {"topic": "health", "share": "", "share_reason": ""}
    assert row.not_asked == ("share", "words", "share_reason")
    table = exported(results, tmp_path)
    assert (table["share"][0], table["share_model"][0]) == (None, 1)
    assert results.counts().not_asked["share"] == 9
    with pytest.raises(UsageError, match="does not apply to this row") as caught:
        results.correct(1, "share", "3")
    assert "correct topic first" in caught.value.hint
    results.correct(1, "topic", "housing")
    assert results.row(1).human == {"topic": "housing"}
    results.correct(1, "topic", None)
    assert results.run.corrections() == {}
    # Of a row to which it did not apply.
    results.correct(3, "topic", "housing")
    results.correct(3, "share", "5.5")
    assert results.row(3).human == {"topic": "housing", "share": "5.5"}
    results.correct(3, "topic", None)
    assert results.row(3).not_asked == ("share", "words", "share_reason")
    assert exported(results, tmp_path)["share"][2] is None


def test_quotes_that_do_not_apply_any_more_have_no_places(results, tmp_path):
    """
    Their places go with them, and come back with them.
    """
    results.correct(13, "protest", "no")
    row = results.row(13)
    assert {name: row.human[name] for name in ("words", "words_start", "words_end")} == {
        **{"words": "", "words_start": "", "words_end": ""},
    }
    assert all("words" not in names for _, names in row.pieces)
    results.correct(13, "protest", None)
    assert results.row(13).human == {}


def test_python_corrects_as_the_pages_do(results):
    """
    A run reads the row by itself: the same notes, the same refusals.
    """
    run = results.run
    run.correct(24, "who", "CARL wants")
    assert run.corrections()[24] == {"who": "Carl wants", "who_start": "0", "who_end": "10"}
    run.correct(24, "protest", "no")
    assert run.corrections()[24]["words"] == ""
    for variable, value, says in (
        ("who_start", "3", "cannot be corrected by itself"),
        ("words", "now", "does not apply"),
        ("tags", "war", "not a label"),
        ("day", "soon", "not a date"),
        ("who", "landlords", "does not stand in the text"),
    ):
        with pytest.raises(UsageError, match=says):
            run.correct(24, variable, value)
    with pytest.raises((UsageError, InputError), match="no row 25"):
        run.correct(25, "who", "Carl")
    run.correct(2, "tags", "other; housing")
    assert run.corrections()[2] == {"tags": "housing; other"}


def test_the_paper_says_what_was_asked_for(results):
    """
    Rules of every kind, conditions, reasons, evidence and quotes, in both languages; labels with braces stand
    there as they are.
    """
    english, chinese = desk.methods_text(results.run, "en"), desk.methods_text(results.run, "zh")
    for told in (
        "tone is a scale from low to high, with 3 steps.",
        "share was asked only if topic is housing. words was asked only if protest is yes.",
        "Where a text did not tell, the answer to tags, day could be “can't say”.",
        "Before its answer to topic, share the model gave a reason in one sentence.",
        "Before its answer to topic the model quoted the words of the text that show it.",
        "an answer with a quote that does not stand there was not used.",
    ):
        assert told in english
    for told in (
        "仅当topic 为 housing时才询问 share。",
        "tags、day 可以回答“can't say”。",
        "引文均在文本中核对",
    ):
        assert told in chinese
    braces = {"name": "tone", "kind": "scale", "labels": [{"name": "{low}"}, {"name": "{}"}]}
    with scripted_local_model(results.run.path.parent / "server", lambda _: '{"tone": "{}"}'):
        run = api.create("posts.csv", text="post", codebook={"variables": [braces]})
        run.resume()
    assert "from {low} to {}" in desk.methods_text(run, "en")
