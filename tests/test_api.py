"""The Python door, against the real server with a scripted engine."""

import csv

import polars as pl
import pytest

import rowbatch
from end_to_end import scripted_server, write_table
from rowbatch.errors import OutputExists, RunError, TableError, UsageError

LABELS = ["good", "bad"]


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """An empty folder to work in, a home of its own, and a server that answers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    with scripted_server(tmp_path / "home"):
        yield tmp_path


def test_a_notebook_session(workplace):
    """
    create, preview, submit, wait, table: and a second notebook goes on with open.
    """
    write_table(workplace / "posts.csv", ["so good", "so bad", "", "007"])
    run = rowbatch.create("posts.csv", text="post", labels=LABELS, prompt="How is the mood?", variable="mood")
    preview = run.preview()
    assert (preview.built.rows, preview.built.requests, preview.built.skipped) == (4, 3, 1)
    assert preview.first_request["messages"][-1] == {"role": "user", "content": "so good"}
    assert preview.cost.is_free
    assert preview.destination == "this computer"
    assert "demonstration" in preview.note
    assert run.submit().submitted == 1
    report = run.wait()
    assert report.rows == 4
    frame = run.table()
    assert frame.columns[:4] == ["id", "post", "mood", "status"]
    assert frame["post"].to_list() == ["so good", "so bad", "", "007"]
    assert frame["status"].to_list() == ["ok", "ok", "skipped", "ok"]
    again = rowbatch.open("posts")
    assert again.path.resolve() == run.path.resolve()
    driven = again.submit()
    assert (driven.submitted, driven.unsent) == (0, 0)
    again.resume()
    assert again.table().equals(frame)
    assert [status.state for status in rowbatch.list_runs()] == ["collected"]


def test_a_template_with_several_columns(workplace):
    """
    The message of a row may hold several of its cells; braces inside a cell stay braces.
    """
    (workplace / "t.csv").write_text('title,post\nA,"{{title}} and ""quotes"""\n')
    run = rowbatch.create("t.csv", template="Title: {{title}}\nPost: {{ post }}", prompt="Repeat.")
    run.submit()
    run.wait()
    assert run.table()["answer"].to_list() == ['Title: A\nPost: {{title}} and "quotes"']


def test_own_columns_never_replace_those_of_the_table(workplace):
    """
    A table that has a column `status` already keeps it; ours gets another name.
    """
    (workplace / "t.csv").write_text("status,label,text,,\nold,mine,hello,x,y\n")
    run = rowbatch.create("t.csv", text="text", labels=LABELS, prompt="?")
    run.submit()
    run.wait()
    header = next(csv.reader(run.output.read_text().splitlines()))
    assert header[:5] == ["status", "label", "text", "", ""]
    assert header[5:] == ["rowbatch_label", "rowbatch_status", "status_reason", "raw_answer", "model"]
    row = run.table().row(0, named=True)
    assert (row["status"], row["label"], row["rowbatch_status"]) == ("old", "mine", "ok")


def test_agreement_with_a_column_of_the_table(workplace):
    """
    Rows without a gold label don't count; labels that are not in the codebook are named.
    """
    (workplace / "t.csv").write_text("text,coder\na,good\nb,bad\nc,\nd,ugly\n")
    run = rowbatch.create("t.csv", text="text", labels=LABELS, prompt="?")
    run.submit()
    run.wait()
    with pytest.raises(UsageError, match="ugly"):
        run.agreement("coder")
    (workplace / "u.csv").write_text("text,coder\na,good\nb,bad\nc,\n")
    other = rowbatch.create("u.csv", text="text", labels=LABELS, prompt="?")
    other.submit()
    other.wait()
    assert other.agreement("coder").n == 2


def test_the_three_tools(workplace):
    """
    convert, split and extract are functions as well, and fit together.
    """
    write_table(workplace / "posts.csv", ["a", "b", "c"])
    assert rowbatch.convert("posts.csv", "out.jsonl", text="post", model="gpt-4o-mini").requests == 3
    assert len(rowbatch.split("out.jsonl", "parts", max_requests=2).parts) == 2
    assert len(rowbatch.split("out.jsonl", "parts.zip", limits="openai").parts) == 1
    (workplace / "results.jsonl").write_text(
        '{"custom_id":"row-2","response":{"status_code":200,"body":{"choices":'
        '[{"message":{"content":"yes"},"finish_reason":"stop"}]}},"error":null}\n'
    )
    rowbatch.extract(["results.jsonl"], "answers.csv", join="posts.csv")
    assert pl.read_csv("answers.csv", infer_schema=False)["content"].to_list() == [None, "yes", None]


def test_errors_are_exceptions_with_values(workplace):
    """
    A caller can tell errors apart without reading their words.
    """
    write_table(workplace / "posts.csv", ["a"])
    with pytest.raises(TableError) as table_error:
        rowbatch.create("posts.csv", text="pst", labels=LABELS)
    assert table_error.value.column == "pst"
    with pytest.raises(OutputExists) as exists:
        rowbatch.create("posts.csv", text="post", labels=LABELS, output="posts.csv")
    assert exists.value.path == "posts.csv"
    with pytest.raises(RunError):
        rowbatch.open("nothing")
    with pytest.raises(UsageError, match="twice"):
        rowbatch.create("posts.csv", text="post", labels=LABELS, codebook={"variables": []})
    assert isinstance(table_error.value, rowbatch.RowbatchError)
    assert not (workplace / "rowbatch-runs").exists()


def test_a_column_that_is_not_named_is_guessed_and_not_asked(tmp_path):
    """
    Command, files and frames say the same column as the app, by the same rule; nothing is made.
    """
    columns = {"_uuid": ["123e4567-e89b-12d3-a456-426614174000"] * 2, "comment": ["Rents!", "It is fine"]}
    table = tmp_path / "posts.csv"
    pl.DataFrame(columns).write_csv(table)
    for given in (table, pl.DataFrame(columns), columns):
        with pytest.raises(UsageError) as told:
            rowbatch.create(given, labels="a,b", prompt="?", run=tmp_path / "run")
        assert told.value.values == {"likely": "comment"}
        assert "'comment' looks like it" in told.value.hint
    with pytest.raises(UsageError) as told:
        rowbatch.create({"n": [1, 2]}, labels="a,b", prompt="?", run=tmp_path / "run")
    assert told.value.kind == "question-without-column"
    assert not (tmp_path / "run").exists()
