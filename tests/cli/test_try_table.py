"""`rowbatch try TABLE` and `run --dry-run`: what a person sees before a run, and that it is paid once."""

import csv
import json
import os
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import rowbatch
from driving import KEY, right_label, texts
from end_to_end import read_rows, run_here
from kill_runs import fake_server, judged
from rowbatch.cli import app
from rowbatch.core.drawing import drawn
from rowbatch.words.printing import printable

ROWS = 60
ASKED = [text for text in texts(ROWS) if text.strip()]
GAPS = 9
QUESTION = ("--text", "text", "--labels", "a,b,c", "--prompt", "Which?", "--max-tokens", "20")


@pytest.fixture
def place(tmp_path):
    with (tmp_path / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "text"], *([n, text] for n, text in enumerate(texts(ROWS), 1))])
    return tmp_path


def typed(place, *words, key=KEY):
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    env = {**kept, "ROWBATCH_HOME": str(place / "home"), "OPENAI_API_KEY": key}
    done = run_here(words, cwd=place, env=env)
    assert KEY not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


class Refusing(BaseHTTPRequestHandler):
    """Refuses every key, as OpenAI does."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_GET(self):
        told = {
            "message": "Incorrect API key provided",
            "code": "invalid_api_key",
            "type": "x",
            "param": None,
        }
        body = json.dumps({"error": told}).encode()
        self.send_response(401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def refusing():
    """The address of a provider that refuses every key."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        running = threading.Thread(target=server.serve_forever)
        running.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            running.join()


def asked_of(address):
    return ("--provider", "openai", "--base-url", f"{address}/v1", "--model", "gpt-4o-mini")


def runs_in(place):
    return sorted(path.name for path in (place / "rowbatch-runs").glob("*"))


def rows_shown(told):
    """Number, text and answer of each row that was shown."""
    return re.findall(r"^row (\d+)\n  (.*)\n  -> (.*)$", told, re.MULTILINE)


def test_rows_are_asked_at_once_and_never_again(place):
    """
    Rows that chance draws are asked and shown with their texts and labels, and the price of the whole table;
    the same command again asks nothing, another seed draws other rows, and the run pays each of the others
    once.
    """
    have_text = [number for number, text in enumerate(texts(ROWS), 1) if text.strip()]
    expected = sorted(drawn(have_text, 7, 1))
    with fake_server(place, {}, 1) as address:
        words = ("posts.csv", *QUESTION, *asked_of(address))
        first = typed(place, "try", *words, "--rows", "7", "--yes")
        assert first.returncode == 0, first.stderr
        assert judged(address)["texts_paid"] == 7
        assert judged(address)["batches"] == 0
        shown = rows_shown(first.stdout)
        assert f"The first request (row {expected[0]})" in first.stdout
        assert [int(number) for number, _, _ in shown] == expected
        for number, text, answer in shown:
            assert text == printable(texts(ROWS)[int(number) - 1])
            assert answer == right_label(texts(ROWS)[int(number) - 1])
        assert re.search(r"^cost .*\$0\.0+\d+ for these rows$", first.stdout, re.MULTILINE)
        of_all = first.stdout.partition("All of the table:")[2]
        assert f"7 of {ROWS} rows have their answers in run posts-try; {len(ASKED) - 7} to ask" in of_all

        again = typed(place, "try", *words, "--rows", "7", "--yes")
        assert rows_shown(again.stdout) == shown
        assert judged(address)["texts_paid"] == 7
        assert runs_in(place) == ["posts-try"]

        other = typed(place, "try", *words, "--rows", "7", "--seed", "2", "--yes")
        assert [int(row[0]) for row in rows_shown(other.stdout)] == sorted(drawn(have_text, 7, 2))
        paid = int(str(judged(address)["texts_paid"]))
        assert 7 < paid <= 14

        done = typed(place, "run", *words, "--yes", "-o", "out.csv", "--poll-seconds", "0")
        assert done.returncode == 0, done.stderr
        judge = judged(address)
        assert judge["texts_paid"] == paid
        assert (judge["rows_paid"], judge["paid_twice"]) == (len(ASKED) - paid, [])
    rows = read_rows(place / "out.csv")
    assert [row["text"] for row in rows] == texts(ROWS)
    assert all(row["label"] == right_label(row["text"]) for row in rows if row["status"] == "ok")


def test_nothing_is_sent_before_a_person_says_yes(place):
    """
    The price is shown; without a yes nothing is asked, and nothing of it is left.
    """
    with fake_server(place, {}, 1) as address:
        done = typed(place, "try", "posts.csv", *QUESTION, *asked_of(address), "--rows", "3")
        assert done.returncode == 2
        assert "cost " in done.stdout
        assert "The first request" in done.stdout
        assert judged(address)["texts_paid"] == 0
    assert runs_in(place) == []
    assert json.loads(typed(place, "list", "--json").stdout) == []


@pytest.mark.parametrize("command", [("try", "--rows", "3"), ("run",), ("run", "--direct")])
def test_a_key_that_is_refused_leaves_nothing(place, command):
    """
    Where the provider refuses before anything was made there, no empty run is left in the list.
    """
    name, *more = command
    with refusing() as address:
        words = (name, "posts.csv", *QUESTION, *asked_of(address), *more, "--yes")
        done = typed(place, *words)
    assert done.returncode == 7, done.stdout + done.stderr
    assert "Incorrect API key" in done.stderr
    assert runs_in(place) == []
    assert json.loads(typed(place, "list", "--json").stdout) == []


def test_a_dry_run_shows_all_and_does_nothing(place):
    """
    The first request, rows, price, model and where it goes; nothing is sent, nothing is left. What an
    earlier run was answered is not asked again, and it says so.
    """
    with fake_server(place, {}, 1) as address:
        words = ("run", "posts.csv", *QUESTION, *asked_of(address))
        done = typed(place, *words, "--dry-run")
        assert done.returncode == 0, done.stderr
        for told in (f"{len(ASKED)} to ask", "gpt-4o-mini", address, "cost ", "Which?", "Nothing was sent"):
            assert told in done.stdout
        assert "posts-try" not in done.stdout
        assert judged(address)["calls"] == {}
        assert not (place / "rowbatch-runs").exists()
        assert typed(place, *words, "--yes", "--poll-seconds", "0").returncode == 0
        calls = judged(address)["calls"]
        later = typed(place, *words, "--dry-run")
        assert (later.returncode, "nothing to ask" in later.stdout) == (0, True)
        assert judged(address)["calls"] == calls != {}
    assert runs_in(place) == ["posts"]


@pytest.mark.parametrize("is_there", [False, True])
def test_who_does_not_want_to_try_is_not_sent_to_a_run_that_is_gone(place, monkeypatch, capsys, is_there):
    """
    After "no", or where nobody can be asked, the run of the trial is removed: no hint names it.
    """
    monkeypatch.chdir(place)
    monkeypatch.setenv("ROWBATCH_HOME", str(place / "home"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr("sys.stdin.isatty", lambda: is_there, raising=False)
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    words = ("try", "posts.csv", *QUESTION, "--provider", "openai", "--model", "gpt-4o-mini")
    assert app.run_command_line(words) == 2
    told = capsys.readouterr().err
    assert ("not tried" if is_there else "nobody to ask") in told
    assert "rowbatch-runs" not in told
    assert "resume" not in told
    assert runs_in(place) == []


def test_a_dry_run_knows_the_run_that_is_there(place):
    """
    The same command goes on with that run, so its own output is no obstacle, its rows at work are not counted
    as still to be paid, and it says how far they are. Another question is stopped by the output, as ever.
    """
    with fake_server(place, {}, 1) as address:
        words = ("run", "posts.csv", *QUESTION, *asked_of(address), "-o", "labelled.csv")
        # Nobody is there to say yes: it is made, and not sent.
        assert typed(place, *words).returncode == 2
        assert typed(place, "submit", "posts", "--yes").returncode == 0
        at_work = typed(place, *words, "--dry-run")
        assert at_work.returncode == 0, at_work.stderr
        assert "This run is there already: rowbatch-runs/posts, running" in at_work.stdout
        assert f"0 of {len(ASKED)} rows answered" in at_work.stdout
        assert "to ask" not in at_work.stdout
        assert typed(place, *words, "--yes", "--poll-seconds", "0").returncode == 0
        calls = judged(address)["calls"]
        over = typed(place, *words, "--dry-run")
        assert (over.returncode, over.stderr) == (0, "")
        assert "nothing to ask" in over.stdout
        assert f"{len(ASKED)} of {len(ASKED)} rows answered" in over.stdout
        told = json.loads(typed(place, *words, "--dry-run", "--json").stdout)
        assert told["same_run"] == "rowbatch-runs/posts"
        again = typed(place, *words, "--yes")
        assert f"{len(ASKED)} of {len(ASKED)} rows have their answer, and are not asked again" in again.stdout
        other = typed(place, *words, "--prompt", "Another one?", "--dry-run")
        assert other.returncode == 4
        assert "labelled.csv exists already" in other.stderr
        assert judged(address)["calls"] == calls
    assert runs_in(place) == ["posts"]


def test_a_trial_keeps_to_the_cap_of_the_settings(place):
    """
    What `rowbatch.toml` says a run may cost holds for the rows that are tried, too: nothing is sent.
    """
    (place / "rowbatch.toml").write_text("max_cost = 0.0000001\n", encoding="utf-8")
    with fake_server(place, {}, 1) as address:
        tried = typed(place, "try", "posts.csv", *QUESTION, *asked_of(address), "--yes")
        assert "max_cost $0.0000001, as" in tried.stderr
        assert "the cap of $0.0000001 does not allow it" in tried.stdout
        assert tried.returncode == GAPS
        assert judged(address)["texts_paid"] == 0
    # Nothing was answered: nothing is kept, nor said to be.
    assert "kept " not in tried.stdout
    assert runs_in(place) == []


def test_what_was_said_of_a_file_is_said_once(place):
    """
    A table that has to be described is read so once; its rows are the same to the run that comes after, and
    the model on this computer shows both without a price.
    """
    lines = ["eins|zwei", "a|gut, sehr gut", "b|schlecht: übel", "c|so lala"]
    (place / "odd.csv").write_bytes("\n".join(lines).encode("latin-1"))
    words = ("odd.csv", "--encoding", "latin-1", "--delimiter", "|", "--text", "zwei", "--labels", "gut,übel")
    more = ("--template", "{{eins}}: {{zwei}}")
    dry = typed(place, "run", *words, *more, "--dry-run")
    assert "3 to ask" in dry.stdout, dry.stderr
    assert not (place / "rowbatch-runs").exists()
    tried = typed(place, "try", *words, *more, "--rows", "50")
    assert tried.returncode == 0, tried.stderr
    assert [(row[0], row[1]) for row in rows_shown(tried.stdout)] == [
        ("1", "gut, sehr gut"),
        ("2", "schlecht: übel"),
        ("3", "so lala"),
    ]
    assert "3 of 3 rows have their answers in run odd-try; nothing to ask" in tried.stdout


def test_a_run_can_be_tried_as_before(place):
    """
    A run that was made and not started is tried by its name; what is asked of a table is refused there.
    """
    made = typed(place, "run", "posts.csv", *QUESTION, "--dry-run")
    assert made.returncode == 0
    with fake_server(place, {}, 1) as address:
        words = ("posts.csv", *QUESTION, *asked_of(address))
        assert typed(place, "run", *words).returncode == 2
        assert runs_in(place) == ["posts"]
        tried = typed(place, "try", "posts", "--rows", "2", "--yes")
        assert tried.returncode == 0, tried.stderr
        assert judged(address)["texts_paid"] == 2
    wrong = typed(place, "try", "rowbatch-runs/posts", "--text", "text")
    assert wrong.returncode == 2
    assert "--text" in wrong.stderr
    missing = typed(place, "try", "nowhere.csv", "--text", "text")
    assert (missing.returncode, "nowhere.csv does not exist" in missing.stderr) == (3, True)


def test_the_same_from_python(place, monkeypatch):
    """
    A notebook has the rows as values, and what the whole table will cost.
    """
    monkeypatch.chdir(place)
    monkeypatch.setenv("ROWBATCH_HOME", str(place / "home"))
    trial = rowbatch.try_table("posts.csv", count=3, text="text", labels=["a", "b"], prompt="Which?")
    assert len(trial.numbers) == 3
    tried = trial.ask()
    assert [row.row for row in tried.rows] == list(trial.numbers)
    assert tried.columns == ("label",)
    assert tried.of_all.built.rows == ROWS
    assert tried.of_all.built.taken_over + tried.of_all.built.requests == len(ASKED)
    preview = rowbatch.preview_table("posts.csv", text="text", labels=["a", "b"], prompt="Which?")
    assert preview.built == tried.of_all.built
