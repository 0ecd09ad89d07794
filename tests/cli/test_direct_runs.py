"""`--direct` as a person types it, against a provider in a process of its own, and killed."""

import csv
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import urllib.request

import pytest

from cases import cases
from driving import KEY, right_label, texts
from end_to_end import read_rows, run_here, wait_until
from kill_runs import fake_server, judged

ROWS = 60
ASKED = sum(bool(text.strip()) for text in texts(ROWS))


@pytest.fixture
def workplace(tmp_path):
    with (tmp_path / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "text"], *([n, text] for n, text in enumerate(texts(ROWS), 1))])
    return tmp_path


def environment(workplace):
    return {
        **{name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")},
        "ROWBATCH_HOME": str(workplace / "home"),
        "OPENAI_API_KEY": KEY,
    }


def rowbatch(workplace, *words):
    done = run_here(words, cwd=workplace, env=environment(workplace))
    assert KEY not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def words_for(workplace, address, *more):
    return [
        *("run", str(workplace / "posts.csv"), "--provider", "openai", "--base-url", f"{address}/v1"),
        *("--model", "gpt-4o-mini", "--text", "text", "--labels", "a,b,c", "--prompt", "Which?"),
        *("--max-tokens", "20", "-o", "out.csv", *more),
    ]


def texts_paid(address):
    return int(str(judged(address)["texts_paid"]))


def amount(pattern, text):
    found = re.search(pattern, text)
    assert found, text
    return float(found[1])


def require_right(workplace):
    rows = read_rows(workplace / "out.csv")
    assert [row["text"] for row in rows] == texts(ROWS)
    assert all(row["label"] == right_label(row["text"]) for row in rows if row["status"] == "ok")
    assert not any(KEY.encode() in path.read_bytes() for path in workplace.rglob("*") if path.is_file())
    return rows


def test_a_direct_run_shows_both_prices_and_pays_each_row_once(workplace):
    """
    Before: the ordinary price, and what batches would cost, half of it; after: one call for each row.
    """
    with fake_server(workplace, {}, 1) as address:
        asked = rowbatch(workplace, *words_for(workplace, address, "--direct"))
        assert asked.returncode == 2
        assert judged(address)["texts_paid"] == 0
        lines = asked.stdout
        here = amount(r"cost +about \$([\d.]+) to \$[\d.]+ at the ordinary price", lines)
        there = amount(r"in batches about \$([\d.]+) to \$[\d.]+, within a day", lines)
        assert here == pytest.approx(2 * there, abs=0.0002)
        by_batch = rowbatch(workplace, *words_for(workplace, address, "--by-batch"))
        assert "row by row about $" in by_batch.stdout
        assert "at the batch price" in by_batch.stdout
        done = rowbatch(workplace, *words_for(workplace, address, "--direct", "--yes"))
        assert done.returncode == 0, done.stderr
        count = judged(address)
        assert (count["texts_paid"], count["texts_paid_twice"], count["batches"]) == (ASKED, [], 0)
        again = rowbatch(workplace, *words_for(workplace, address, "--direct", "--yes"))
        assert again.returncode == 0
        assert judged(address) == count
        for small in ("verify", "status"):
            assert rowbatch(workplace, small, "posts").returncode == 0
        assert rowbatch(workplace, "clean", "posts", "--yes").returncode == 0
    rows = require_right(workplace)
    assert {row["status"] for row in rows} == {"ok", "skipped"}
    assert amount(r"  cost \$([\d.]+), by the tokens", done.stdout) > 0


def test_flex_costs_what_a_batch_costs(workplace):
    """
    `service_tier=flex` goes with each call, and the price says so.
    """
    with fake_server(workplace, {}, 2) as address:
        words = words_for(workplace, address, "--direct", "--param", "service_tier=flex")
        told = rowbatch(workplace, *words).stdout
    assert amount(r"cost +about \$([\d.]+) to .* at the flex price", told) == amount(
        r"in batches about \$([\d.]+) to", told
    )
    request = next((workplace / "rowbatch-runs").glob("*/requests/r1-0001.jsonl")).read_text().splitlines()[0]
    assert json.loads(request)["body"]["service_tier"] == "flex"


@pytest.mark.parametrize("seed", range(cases(1, 6)))
def test_killed_again_and_again_it_asks_no_row_twice(workplace, seed):
    """
    kill -9 at any moment, and the same command: no row is paid twice, lost ones are said; with
    `--resubmit-lost` only these are asked again.
    """
    rng, kills = random.Random(seed), 0
    with fake_server(workplace, {"refuse_rows": 0.1, "rows_fail": 0.05}, seed) as address:
        command = [sys.executable, "-m", "rowbatch", *words_for(workplace, address, "--direct", "--yes")]
        while True:
            process = subprocess.Popen(
                command,
                cwd=workplace,
                env=environment(workplace),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            before = texts_paid(address)
            try:
                if kills < cases(3, 8):
                    deadline = time.monotonic() + 60
                    more = rng.randint(1, 8)
                    while process.poll() is None and texts_paid(address) < before + more:
                        assert time.monotonic() < deadline
                        time.sleep(0.002)
                    if process.poll() is None:
                        process.kill()
                        process.communicate()
                        kills += 1
                        continue
                _, said = process.communicate(timeout=120)
            finally:
                process.kill()
            break
        assert process.returncode in (0, 10), said.decode()
        assert kills
        count = judged(address)
        assert count["texts_paid_twice"] == []
        rows = require_right(workplace)
        lost = [row for row in rows if row["status"] == "error"]
        assert bool(lost) == (process.returncode == 10)
        assert all("stopped before the answer came" in row["status_reason"] for row in lost)
        # Rows that fail in the last round are not asked any more, whoever lost their answer.
        urllib.request.urlopen(f"{address}/faults", data=b"{}").close()
        done = rowbatch(workplace, "resume", "posts", "--yes", "--resubmit-lost")
        assert done.returncode == 0, done.stderr
        twice = judged(address)["texts_paid_twice"]
        assert isinstance(twice, list)
        assert set(twice) <= {row["text"] for row in lost}
    assert {row["status"] for row in require_right(workplace)} == {"ok", "skipped"}


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_waits_for_what_is_on_its_way(workplace):
    """
    After Ctrl-C no row is lost: it says how to go on, and a resume asks what was not asked, once.
    """
    with fake_server(workplace, {}, 4) as address:
        process = subprocess.Popen(
            [sys.executable, "-m", "rowbatch", *words_for(workplace, address, "--direct", "--yes")],
            cwd=workplace,
            env=environment(workplace),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        wait_until(lambda: texts_paid(address) > 4)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=300)
        if process.returncode:
            assert process.returncode == 130
            assert b"What was asked is answered and kept" in said
        done = rowbatch(workplace, "resume", "posts", "--yes")
        assert done.returncode == 0, done.stderr
        count = judged(address)
        assert (count["texts_paid"], count["texts_paid_twice"]) == (ASKED, [])
    assert {row["status"] for row in require_right(workplace)} == {"ok", "skipped"}


def test_too_many_rows_are_refused_before_anything_is_asked(workplace, monkeypatch):
    """
    More rows than may be asked so: said with the way out; in batches they go.
    """
    monkeypatch.setattr("rowbatch.api.runs.MOST_ROWS", 50)
    with fake_server(workplace, {}, 5) as address:
        done = rowbatch(workplace, *words_for(workplace, address, "--direct", "--yes"))
        assert done.returncode == 2
        assert "51 rows are too many to be asked one by one: at most 50" in done.stderr
        assert judged(address)["texts_paid"] == 0
        by_batch = words_for(workplace, address, "--by-batch", "--yes", "--poll-seconds", "0.05")
        assert rowbatch(workplace, *by_batch).returncode == 0
        assert judged(address)["texts_paid"] == 0


def test_a_wrong_address_is_told_at_once(workplace):
    """
    Nobody is there: a few tries, and it is said; nothing counts as lost.
    """
    words = words_for(workplace, "http://127.0.0.1:9", "--direct", "--yes")
    done = rowbatch(workplace, *words)
    assert done.returncode == 7
    assert "nothing was asked" in done.stderr or "cannot be reached" in done.stderr


def test_the_model_on_this_computer_has_no_other_way(workplace):
    """
    It costs nothing and answers at once: `--direct` is for providers, and says so.
    """
    words = [
        "run",
        str(workplace / "posts.csv"),
        "--text",
        "text",
        "--labels",
        "a,b",
        "--prompt",
        "?",
        "--direct",
        "--yes",
    ]
    done = rowbatch(workplace, *words)
    assert done.returncode == 2
    assert "leave --direct out" in done.stderr


def test_the_same_from_python(workplace, monkeypatch):
    """
    `direct=True`: `submit` asks every row, `wait` makes the table.
    """
    import rowbatch as library

    for name, value in environment(workplace).items():
        monkeypatch.setenv(name, value)
    with fake_server(workplace, {}, 6) as address:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{address}/v1")
        run = library.create(
            workplace / "posts.csv",
            text="text",
            labels=["a", "b", "c"],
            prompt="Which?",
            provider="openai",
            base_url=f"{address}/v1",
            model="gpt-4o-mini",
            run=workplace / "mine",
            output=workplace / "out.csv",
            direct=True,
        )
        preview = run.preview()
        assert preview.is_direct
        assert preview.other_cost is not None
        assert preview.cost.low_usd is not None
        assert preview.other_cost.low_usd is not None
        assert preview.cost.low_usd == 2 * preview.other_cost.low_usd
        run.submit()
        assert json.load(urllib.request.urlopen(f"{address}/judge"))["texts_paid"] == ASKED
        run.wait()
    assert {row["status"] for row in require_right(workplace)} == {"ok", "skipped"}
