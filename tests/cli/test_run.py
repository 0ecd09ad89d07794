"""`rowbatch run` and its verbs, as a user types them, against the real server with a scripted engine."""

import contextlib
import json
import random
import signal
import subprocess
import sys

import pytest

from cases import cases
from end_to_end import (
    environment,
    read_rows,
    rowbatch,
    scripted_server,
    start_rowbatch,
    start_scripted_server,
    wait_until,
    write_table,
)

TEXTS = [
    "The rent went up again.",
    'He said "no", and left',
    "",
    "line one\nline two",
    "市政府开会了 🎉",
    "  ",
    "=HYPERLINK(1)",
    "null",
]
LABELS = {"economy", "education", "other"}
RUN_OPTIONS = ("--text", "post", "--labels", "economy,education,other", "--prompt", "What is it about?")


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def table(tmp_path):
    return write_table(tmp_path / "posts.csv", TEXTS)


def test_a_table_becomes_a_labelled_table(tmp_path, home, table):
    """
    Every row once, in order, all columns as they were, a label and a status for each.
    """
    with scripted_server(home):
        done = rowbatch("run", table, *RUN_OPTIONS, "-o", "out.csv", home=home, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = read_rows(tmp_path / "out.csv")
    assert [(row["id"], row["post"]) for row in rows] == [
        (row["id"], row["post"]) for row in read_rows(table)
    ]
    assert [row["status"] for row in rows] == [
        *("ok", "ok", "skipped", "ok"),
        *("ok", "skipped", "ok", "ok"),
    ]
    assert {row["label"] for row in rows if row["status"] == "ok"} <= LABELS
    for expected in (
        "8: 6 to ask in 1 shard",
        "2 without a text",
        "nothing: the model runs on this computer",
    ):
        assert expected in done.stdout
    assert "The rent went up again." in done.stdout


def test_a_codebook_and_its_metadata(tmp_path, home, table):
    """
    The codebook's variables become columns; beside the table lies what a reviewer asks for.
    """
    codebook = tmp_path / "codebook.yaml"
    codebook.write_text(
        "instructions: Read the post.\nvariables:\n  - name: topic\n"
        "    labels: [{name: economy, definition: Money.}, {name: other}]\n"
    )
    with scripted_server(home):
        done = rowbatch(
            *("run", table, "--text", "post", "--codebook", codebook, "-o", "out.csv"),
            home=home,
            cwd=tmp_path,
        )
    assert done.returncode == 0, done.stderr
    assert {row["topic"] for row in read_rows(tmp_path / "out.csv")} <= {"economy", "other", ""}
    metadata = json.loads((tmp_path / "out.csv-metadata.json").read_text())["rowbatch:run"]
    assert metadata["codebook"]["variables"][0]["name"] == "topic"
    assert metadata["statuses"] == {"ok": 6, "skipped": 2}
    assert metadata["demonstration"] is True
    assert "demonstration" in done.stdout


def test_free_text_goes_into_the_column_answer(tmp_path, home, table):
    """
    Without labels the answer is free text, byte for byte, line breaks included.
    """
    with scripted_server(home):
        done = rowbatch(
            *("run", table, "--text", "post", "--prompt", "Repeat.", "-o", "o.csv"), home=home, cwd=tmp_path
        )
    assert done.returncode == 0, done.stderr
    for row in read_rows(tmp_path / "o.csv"):
        assert row["answer"] == (row["post"] if row["status"] == "ok" else "")


def test_the_verbs_one_by_one_each_twice(tmp_path, home, table):
    """
    build, submit, watch, download, collect: each can be repeated, and the end is the same table.
    """
    with scripted_server(home):
        whole = rowbatch("run", table, *RUN_OPTIONS, "-o", "a.csv", home=home, cwd=tmp_path)
        assert whole.returncode == 0, whole.stderr
        rowbatch_create(tmp_path, home, table)
        for verb in ("build", "submit", "watch", "download", "collect"):
            for _ in range(2):
                done = rowbatch(verb, "second", home=home, cwd=tmp_path)
                assert done.returncode == 0, (verb, done.stderr)
        status = json.loads(rowbatch("status", "second", "--json", home=home, cwd=tmp_path).stdout)
        listed = rowbatch("list", home=home, cwd=tmp_path).stdout
    assert status["state"] == "collected"
    assert sum(event["kind"] == "submitted" for event in status["events"]) == 1
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert listed.count("collected") == 2


def rowbatch_create(cwd, home, table):
    """Make a run without starting it, the way a notebook does."""
    program = (
        "import sys, rowbatch\n"
        "rowbatch.create(sys.argv[1], text='post', labels=['economy', 'education', 'other'],"
        " prompt='What is it about?', output='b.csv', run='rowbatch-runs/second', fresh=True)"
    )
    subprocess.run([sys.executable, "-c", program, str(table)], env=environment(home), cwd=cwd, check=True)


@pytest.mark.parametrize("seed", range(cases(2, 10)))
def test_killed_anywhere_and_resumed(tmp_path, home, seed):
    """
    kill -9 of the program and of the server at random moments, then resume: the same table, each row
    asked of the engine once, or twice only when its answer was not on disk yet.
    """
    texts = [f"text number {number}" for number in range(60)]
    table = write_table(tmp_path / "posts.csv", texts)
    chance = random.Random(seed)
    server = start_scripted_server(home, "--delay", "0.02")
    out = tmp_path / "out.csv"
    try:
        program = start_rowbatch("run", table, *RUN_OPTIONS, "-o", out, home=home, cwd=tmp_path)
        run = tmp_path / "rowbatch-runs" / "posts"
        for _ in range(4):
            wait_until((run / "run.toml").exists)
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(timeout=chance.uniform(0.05, 0.9))
            program.kill()
            program.wait()
            if chance.random() < 0.5:
                server.send_signal(signal.SIGKILL)
                server.wait()
                server = start_scripted_server(home, "--delay", "0.02")
            program = start_rowbatch("resume", run, home=home, cwd=tmp_path)
        assert program.wait(timeout=60) == 0
    finally:
        server.kill()
        server.wait()
        program.kill()
        program.wait()
    rows = read_rows(out)
    assert [row["post"] for row in rows] == texts
    assert {row["status"] for row in rows} == {"ok"}
    batches = list((home / "server").glob("**/batch_*"))
    assert len({path.name.split(".")[0] for path in batches}) <= 1


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        pytest.param(("posts.csv", "--text", "pots"), 3, ("pots", "'post'"), id="near-column-name"),
        pytest.param(("none.csv", "--text", "post"), 3, ("none.csv does not exist",), id="no-file"),
        pytest.param((".", "--text", "post"), 3, ("empty.csv",), id="folder"),
        pytest.param(("empty.csv", "--text", "post"), 3, ("empty.csv",), id="empty-file"),
        pytest.param(("header.csv", "--text", "post"), 3, ("header.csv", "row"), id="header-only"),
        pytest.param(
            ("latin.csv", "--text", "post", "--encoding", "utf-8"),
            3,
            ("UTF-8", "--encoding"),
            id="not-utf-8",
        ),
        pytest.param(("ragged.csv", "--text", "post"), 3, ("ragged.csv", "line 3"), id="ragged"),
        pytest.param(("blank.csv", "--text", "post"), 2, ("nothing to ask",), id="all-texts-empty"),
        pytest.param(("posts.csv",), 2, ("--text",), id="no-text-column"),
        pytest.param(
            ("posts.csv", "--text", "post", "-o", "posts.csv"), 4, ("exists",), id="output-is-input"
        ),
        pytest.param(("posts.csv", "--text", "post", "-o", "taken.csv"), 4, ("exists",), id="output-exists"),
        pytest.param(
            ("posts.csv", "--text", "post", "--overwrite", "-o", "posts.csv"),
            2,
            ("input",),
            id="replace-input",
        ),
        pytest.param(
            ("posts.csv", "--text", "post", "--provider", "opnai"), 2, ("'openai'",), id="near-provider"
        ),
        pytest.param(
            ("posts.csv", "--text", "post", "--provider", "openai"), 2, ("model",), id="no-model-chosen"
        ),
    ],
)
def test_bad_input_is_one_clear_error(tmp_path, home, table, arguments, code, says):
    """
    What, where, what to do; an exit code; no traceback; no run left behind; nothing overwritten.
    """
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "header.csv").write_text("id,post\n")
    (tmp_path / "latin.csv").write_bytes("id,post\n1,café\n".encode("latin-1"))
    (tmp_path / "ragged.csv").write_text("id,post\n1,a\n2,b,c\n3,d\n")
    (tmp_path / "blank.csv").write_text("id,post\n1,\n2, \n")
    (tmp_path / "taken.csv").write_text("mine")
    before = table.read_bytes()
    done = rowbatch("run", *arguments, "--labels", "a,b", "--prompt", "?", home=home, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("error: ")
    for part in says:
        assert part in done.stderr
    assert " hint: " in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("rowbatch-runs/*/run.toml"))
    assert (tmp_path / "taken.csv").read_text() == "mine"
    assert table.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param(("--labels", "a,b,A", "--prompt", "?"), "twice", id="duplicate-label"),
        pytest.param(("--labels", "a,,b", "--prompt", "?"), "empty", id="empty-label"),
        pytest.param(("--labels", "a", "--prompt", "?"), "at least two", id="one-label"),
        pytest.param((), "model do", id="nothing-to-do"),
        pytest.param(("--codebook", "broken.yaml"), "line 2", id="broken-codebook"),
    ],
)
def test_a_bad_codebook_is_one_clear_error(tmp_path, home, table, options, says):
    """
    Duplicates in the labels and faults in a codebook are named before anything is made.
    """
    (tmp_path / "broken.yaml").write_text("variables:\n  - nam: x\n")
    done = rowbatch("run", table, "--text", "post", *options, home=home, cwd=tmp_path)
    assert done.returncode in (2, 3)
    assert says in done.stderr
    assert not (tmp_path / "rowbatch-runs").exists()


def test_money_is_asked_for(tmp_path, home, table):
    """
    A run that costs money does not start without a yes, and says how to start it.
    """
    done = rowbatch(
        *("run", table, *RUN_OPTIONS, "--provider", "openai", "--model", "gpt-4o-mini"),
        home=home,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "costs money" in done.stderr
    assert "--yes" in done.stderr
    assert "about $" in done.stdout
    status = json.loads(rowbatch("status", "posts", "--json", home=home, cwd=tmp_path).stdout)
    assert status["state"] == "built"


def test_a_run_of_a_newer_version_is_refused(tmp_path, home, table):
    """
    Every verb says that a newer rowbatch is needed, and touches nothing.
    """
    rowbatch_create(tmp_path, home, table)
    settings = tmp_path / "rowbatch-runs" / "second" / "run.toml"
    settings.write_text(settings.read_text().replace("format = 2", "format = 7", 1))
    for verb in ("resume", "status", "collect"):
        done = rowbatch(verb, "second", home=home, cwd=tmp_path)
        assert done.returncode == 6
        assert "newer rowbatch" in done.stderr
        assert "upgrade" in done.stderr
