"""Paid runs as a user types them, against a provider in a process of its own."""

import csv
import os
import re
import sqlite3
import sys
from datetime import UTC, datetime, timedelta

import pytest
import stamina

import kill_runs
from driving import KEY, texts
from end_to_end import read_rows, run_here
from kill_runs import fake_server, judged

ROWS = 60


@pytest.fixture
def workplace(tmp_path):
    with (tmp_path / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "text"], *([n, text] for n, text in enumerate(texts(ROWS), 1))])
    return tmp_path


def rowbatch(workplace, *words, **variables):
    """Type a command; returns what came of it."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")},
        "ROWBATCH_HOME": str(workplace / "home"),
        "OPENAI_API_KEY": KEY,
        **variables,
    }
    done = run_here(words, cwd=workplace, env=environment)
    assert KEY not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def command_for(workplace, address):
    """What a user types behind `rowbatch`."""
    _, _, _, *words = kill_runs.command_for(workplace, address)
    return words


@pytest.mark.parametrize(
    ("faults", "code", "result", "hint"),
    [
        pytest.param({}, 0, "done", "", id="done"),
        pytest.param({"rows_refused": 0.2}, 9, "gaps", "", id="done-with-gaps"),
        pytest.param({"rows_refused": 1.0}, 10, "needs-you", "--go-on", id="needs-you"),
        # Who has paid has nothing to go on with all the same: these rows are asked again.
        pytest.param(
            {"unpaid": 0}, 10, "needs-you", "pay at the provider, then: rowbatch resume", id="unpaid"
        ),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
def test_exit_codes_and_the_command_at_the_end(workplace, faults, code, result, hint):
    """
    The code and the person's own command tell how it ended; the table is there in every case.
    """
    with fake_server(workplace, faults, 1) as address:
        told = 'echo "$ROWBATCH_RESULT $ROWBATCH_OUTPUT" > told'
        done = rowbatch(workplace, *command_for(workplace, address), "--on-done", told)
        assert done.returncode == code, done.stderr
        assert (workplace / "told").read_text().split() == [result, str(workplace / "out.csv")]
        assert judged(address)["double_submits"] == {}
    rows = read_rows(workplace / "out.csv")
    assert [row["text"] for row in rows] == texts(ROWS)
    if code == 10:
        assert hint in done.stderr
        assert "unsent" in {row["status"] for row in rows}


def test_the_same_command_again_pays_nothing(workplace):
    """
    A second time it is the same run: no call that costs money, the same table.
    """
    with fake_server(workplace, {}, 2) as address:
        command = command_for(workplace, address)
        assert rowbatch(workplace, *command).returncode == 0
        first = (workplace / "out.csv").read_bytes()
        made = judged(address)["posts"]
        again = rowbatch(workplace, *command)
        assert again.returncode == 0
        assert "goes on" in again.stdout
        assert judged(address)["posts"] == made
    assert (workplace / "out.csv").read_bytes() == first
    assert [path.name for path in (workplace / "rowbatch-runs").iterdir()] == ["posts"]


def test_another_question_is_another_run(workplace):
    """
    C8, R8: a changed prompt does not go on with the old run's answers.
    """
    with fake_server(workplace, {}, 3) as address:
        assert rowbatch(workplace, *command_for(workplace, address)).returncode == 0
        other = [
            word if word != "Which?" else "Which one?"
            for word in (*command_for(workplace, address), "-o", "other.csv")
        ]
        assert rowbatch(workplace, *other).returncode == 0
    assert len(list((workplace / "rowbatch-runs").iterdir())) == 2


def test_a_cap_on_the_command_line(workplace):
    """
    More than the cap is not submitted; without a known price a cap cannot be kept, and that is said.
    """
    with fake_server(workplace, {}, 4) as address:
        command = command_for(workplace, address)
        done = rowbatch(workplace, *command, "--max-cost", "0.0001")
        assert done.returncode == 9
        assert "cap of $0.0001" in done.stdout
        assert judged(address)["posts"] == 0
        unknown = [word if word != "gpt-4o-mini" else "nobody-knows" for word in command]
        done = rowbatch(workplace, *unknown, "--max-cost", "1", "-o", "other.csv")
        assert done.returncode == 2
        assert "models.toml" in done.stderr
        assert "there is no price for this model" in done.stdout
        assert "the limits of nobody-knows are not known" in done.stdout
        home = workplace / "home"
        (home / "models.toml").write_text('[openai."nobody-knows"]\ninput_usd = 1\noutput_usd = 2\n')
        done = rowbatch(workplace, *unknown, "--max-cost", "1", "-o", "other.csv")
        assert done.returncode == 0, done.stderr


def test_try_verify_log_clean_and_doctor(workplace):
    """
    The small commands, on one run.
    """
    with fake_server(workplace, {}, 5) as address:
        command = command_for(workplace, address)
        asked = rowbatch(workplace, *command[:-1])
        assert asked.returncode == 2
        assert "nobody to ask" in asked.stderr
        tried = rowbatch(workplace, "try", "posts", "--rows", "3", "--yes")
        assert tried.returncode == 0
        assert "on average" in tried.stdout
        assert rowbatch(workplace, "doctor", "posts", "--probe").returncode == 0
        assert rowbatch(workplace, "resume", "posts", "--yes").returncode == 0
        assert rowbatch(workplace, "verify", "posts").returncode == 0
        assert "submitted" in rowbatch(workplace, "log", "posts").stdout
        cleaned = rowbatch(workplace, "clean", "posts", "--yes")
        assert cleaned.returncode == 0
        assert "removed at the provider" in cleaned.stdout
        result = next((workplace / "rowbatch-runs" / "posts" / "results").iterdir())
        result.write_bytes(result.read_bytes()[:-1] + b" \n")
        broken = rowbatch(workplace, "verify", "posts")
        assert broken.returncode == 1
        assert result.name in broken.stdout


def test_a_key_is_not_sent_to_another_host(workplace):
    """
    OPENAI_API_KEY belongs to OpenAI: another host is refused, unless it is named as the address.
    """
    words = ["doctor", "--provider", "openai", "--base-url", "https://gateway.invalid/v1"]
    refused = rowbatch(workplace, *words)
    assert refused.returncode == 1
    assert "none was found" in refused.stdout
    with stamina.set_testing(True, attempts=2):
        named = rowbatch(workplace, *words, OPENAI_BASE_URL="https://gateway.invalid/v1")
    assert "none was found" not in named.stdout


def test_what_it_did_cost_stands_beside_what_it_was_to_cost(workplace):
    """
    Before: rows, tokens, the price with its date; after: the bill by round and status against the estimate.
    """
    with fake_server(workplace, {"rows_fail": 0.3}, 6) as address:
        done = rowbatch(workplace, *command_for(workplace, address))
    said = done.stdout
    assert re.search(r"^rows +60: 51 to ask", said, re.MULTILINE)
    assert re.search(r"^tokens +[\d,]+( to [\d,]+)? in, [\d,]+ to [\d,]+ out, estimated$", said, re.MULTILINE)
    assert re.search(r"^cost +about \$[\d.]+ to \$[\d.]+ at the batch price of 20\d\d-", said, re.MULTILINE)
    found = re.search(
        r"cost \$([\d.]+), by the tokens that the provider counted; the estimate was \$[\d.]+ to \$[\d.]+",
        said,
    )
    assert found
    rounds = re.findall(r"round \d+: .*, \$([\d.]+)$", said, re.MULTILINE)
    assert len(rounds) > 1
    assert float(found.group(1)) == pytest.approx(sum(map(float, rounds)), abs=0.0001)


def test_results_that_wait_too_long_are_told_of_without_asking_anybody(workplace):
    """
    Q4: `status` and `list` say what may soon be gone, also when nobody has looked since the batch was made.
    """
    with fake_server(workplace, {}, 7, polls=99) as address:
        words = [word for word in command_for(workplace, address) if word != "--yes"]
        assert rowbatch(workplace, *words).returncode == 2
        assert rowbatch(workplace, "submit", "posts", "--yes").returncode == 0
    assert "look " not in rowbatch(workplace, "status", "posts").stdout
    ledger = workplace / "rowbatch-runs" / "posts" / "ledger.sqlite"
    with sqlite3.connect(ledger) as db:
        db.execute(
            "UPDATE shard SET submitted_at = ?", ((datetime.now(UTC) - timedelta(days=27)).isoformat(),)
        )
    db.close()
    told = rowbatch(workplace, "status", "posts").stdout
    assert re.search(r"^look .*keeps the oldest for 2 more days at least: .*resume", told, re.MULTILINE)
    assert "more days" in rowbatch(workplace, "list").stdout
