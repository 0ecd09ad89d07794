"""Results, for people who look."""

import csv
import json

import polars as pl
import pytest

from rowbatch import api, desk
from rowbatch.core.agreement import Agreement
from rowbatch.errors import InputError, RunError, UsageError
from serving import scripted_local_model

ROWS = [
    (f"post {n}" + (" Déjà VU" if n % 5 == 0 else ""), "good" if n % 2 else "bad", "good" if n % 3 else "")
    for n in range(1, 241)
]
ROWS[9] = ("", "", "good")


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["post", "truth", "coder"], *ROWS])

    def answer(body):
        number = int(str(body["messages"][-1]["content"]).split()[1])
        return json.dumps({"label": "weird" if number % 40 == 0 else "good" if number % 4 else "bad"})

    with scripted_local_model(tmp_path / "server", answer):
        run = api.create("posts.csv", text="post", labels=["good", "bad"], prompt="How is it?")
        run.resume()
    found = desk.Results(run)
    assert found.prepare(30)
    return found


def test_counts_of_everything(results):
    """
    Statuses, reasons and labels add up to all rows; a correction moves a row.
    """
    counts = results.counts()
    assert counts.rows == 240
    assert counts.statuses == {"ok": 233, "invalid": 6, "skipped": 1}
    assert dict(counts.labels["label"]) == {"good": 179, "bad": 54}
    assert counts.reasons["invalid"][0][1] == 6
    results.run.correct(40, "label", "bad")
    assert dict(results.counts().labels["label"]) == {"good": 179, "bad": 55}
    assert results.counts().corrected == 1


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        pytest.param(desk.RowFilter(), list(range(1, 241)), id="all"),
        pytest.param(desk.RowFilter(status="skipped"), [10], id="status"),
        pytest.param(desk.RowFilter(status="missing-label"), [40, 80, 120, 160, 200, 240], id="no-label"),
        pytest.param(desk.RowFilter(label="bad"), [n for n in range(4, 241, 4) if n % 40], id="label"),
        pytest.param(desk.RowFilter(text="déjà vu"), [n for n in range(5, 241, 5) if n != 10], id="words"),
        pytest.param(
            desk.RowFilter(people="truth", differs=True, variable="label"),
            [n for n in range(1, 241) if n != 10 and (n % 40 == 0 or (n % 4 != 0) != (n % 2 != 0))],
            id="differs-from-people",
        ),
        pytest.param(desk.RowFilter(people="truth", says="good", label="bad"), [], id="people-against-model"),
    ],
)
def test_filters(results, chosen, expected):
    """
    A filter gives exactly its rows, in their order, page by page.
    """
    assert results.rows(chosen).to_list() == expected
    page = results.page(chosen, 3, 5)
    assert [number for number, *_ in page] == expected[3:8]
    assert all(text == ROWS[number - 1][0] for number, text, *_ in page)


def test_one_row_in_full(results):
    """
    Cells, answer, request and the line that came back.
    """
    row = results.row(40)
    assert dict(row.cells) == {"post": ROWS[39][0], "truth": "bad", "coder": "good"}
    assert (row.status, row.values, row.human) == ("invalid", {"label": ""}, {})
    assert "weird" in row.raw
    assert row.request["messages"][-1]["content"] == ROWS[39][0]
    ((round_, line),) = row.results
    assert (round_, json.loads(line)["custom_id"]) == (1, "row-40")
    assert results.row(10).request is None
    assert results.row(4).results[0][1].count('"row-4"') == 1
    for number in (0, 241):
        with pytest.raises(InputError):
            results.row(number)


def test_people_and_model(results):
    """
    Columns that people may have coded are found; agreement counts the rows without a label against the model.
    """
    assert results.people_columns() == ("truth", "coder")
    agreement = results.agreement("truth", "label")
    assert agreement.n == 239
    assert sum(sum(row.values()) for row in agreement.confusion.values()) == 239
    for people, variable in (("post", "label"), ("nonsense", "label"), ("truth", "nonsense")):
        with pytest.raises(UsageError):
            results.agreement(people, variable)


def cells(results, people):
    """Rows behind each cell of people's labels against the model's, found one by one."""
    return {
        (said, model): len(
            results.rows(
                desk.RowFilter(people=people, says=said, variable="label", model=model, unlabelled=not model)
            )
        )
        for said in ("good", "bad")
        for model in ("good", "bad", "")
    }


@pytest.mark.parametrize("people", ["truth", "coder"])
def test_corrections_are_not_the_models_labels(results, people):
    """
    What people corrected changes neither the agreement, nor a cell, nor which rows differ; Python and the
    pages say the same, and the rows behind a number are as many as it says.
    """
    before = results.agreement(people, "label")
    differing = results.rows(desk.RowFilter(people=people, variable="label", differs=True)).to_list()
    assert results.run.agreement(people) == before
    # A right one, a wrong one, one without a label, one without a text.
    for number, label in ((1, "bad"), (2, "bad"), (40, "bad"), (10, "good")):
        results.run.correct(number, "label", label)
    assert results.counts().corrected == 4
    assert results.agreement(people, "label") == before
    assert results.run.agreement(people) == results.run.agreement(people, "label") == before
    found = cells(results, people)
    assert found == {
        (said, "" if model == "(none)" else model): count
        for said, counts in before.confusion.items()
        for model, count in counts.items()
    }
    assert found["good", ""] + found["bad", ""] == before.unlabelled > 0
    after = results.rows(desk.RowFilter(people=people, variable="label", differs=True)).to_list()
    assert after == differing
    assert len(differing) == before.n - round(before.accuracy * before.n)
    assert len(differing) == sum(count for (said, model), count in found.items() if said != model)
    # Counts of labels and lists by label are of what holds, as the download has it.
    assert dict(results.counts().labels["label"])["bad"] == 57
    assert 40 in results.rows(desk.RowFilter(label="bad")).to_list()


def test_agreement_asks_the_answers_and_not_a_file(results):
    """
    A labelled table that somebody edited, or removed, is not what the model said.
    """
    before = results.run.agreement("truth")
    text = results.run.output.read_text()
    results.run.output.write_text(text.replace(",good,ok", ",bad,ok"))
    assert results.run.agreement("truth") == before
    results.run.output.unlink()
    assert results.run.agreement("truth") == before
    assert not results.run.output.exists()


def test_agreement_that_cannot_be_said(results, tmp_path):
    """
    A column that is not there, or says nothing, or says other things, is an error in words, in Python too.
    """
    for people, variable, told in (
        ("nonsense", "label", "no column 'nonsense'"),
        ("post", "label", "values that the codebook does not allow"),
        ("truth", "nonsense", "no variable nonsense whose values can be compared"),
    ):
        with pytest.raises(UsageError, match=told):
            results.run.agreement(people, variable)
        with pytest.raises(UsageError, match=told):
            results.agreement(people, variable)
    (tmp_path / "silent.csv").write_text("post,truth,twice,twice\na,,x,y\nb, ,x,y\n")
    run = api.create("silent.csv", text="post", labels=["good", "bad"], prompt="?")
    run.build()
    with pytest.raises(UsageError, match="'truth' says nothing"):
        run.agreement("truth")
    with pytest.raises(UsageError, match="2 columns 'twice'"):
        run.agreement("twice")
    taken = api.create("silent.csv", text="post", labels=["good", "(none)"], prompt="?")
    taken.build()
    with pytest.raises(UsageError, match=r"'\(none\)' is a label"):
        taken.agreement("truth")


def test_agreement_of_a_table_with_types(tmp_path, monkeypatch):
    """
    Empty cells of a format with types don't count, and blanks around people's labels are none of them.
    """
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    frame = pl.DataFrame({"post": ["a", "b", "c", "d"], "truth": ["yes", " yes ", None, "no"]})
    with scripted_local_model(tmp_path / "server", lambda _: json.dumps({"label": "yes"})):
        run = api.create(frame, text="post", labels=["yes", "no"], prompt="?")
        run.resume()
    found = run.agreement("truth")
    assert isinstance(found, Agreement)
    assert (found.n, found.confusion["yes"]["yes"], found.confusion["no"]["yes"]) == (3, 2, 1)
    shown = desk.Results(run)
    assert shown.prepare(30)
    assert shown.agreement("truth", "label") == found
    # Of a million rows it takes a second; what was compared is kept, and is another thing with other words.
    compared = shown.compare_with_people("truth", "label")
    assert shown.compare_with_people("truth", "label") is compared
    assert shown.compare_with_people("truth", "label", "maybe") is not compared


def test_methods_text_says_only_what_is_known(results):
    """
    Numbers, model and date in both languages; what only the author knows is left to the author.
    """
    text = desk.methods_text(results.run)
    assert "239 of the 240 texts" in text
    assert "233 texts (97.5%" in text
    assert "How is it?" in text
    assert "[Report here" in text
    assert "240 条文本里的 239 条" in desk.methods_text(results.run, "zh")
    assert "instructions: How is it?" in desk.codebook_yaml(results.run)


def test_a_table_that_was_changed_since(results, tmp_path):
    """
    Rows of another table are not shown beside the answers.
    """
    (tmp_path / "posts.csv").write_text("post,truth,coder\nx,,\n")
    with pytest.raises(RunError, match="changed"):
        desk.Results(results.run).prepare(5)
