"""A table that grows, as a user types it: what was answered before is not asked again."""

import json
import re
from typing import Any

import rowbatch as library
from driving import right_label
from end_to_end import read_rows
from growing import FIRST, rowbatch, table
from kill_runs import fake_server, judged


def label(folder, address, table, *more, key=True):
    """Label a table."""
    options = {
        "--provider": "openai",
        "--base-url": f"{address}/v1",
        "--model": "gpt-4o-mini",
        "--text": "text",
        "--labels": "a,b,c",
        "--prompt": "Which?",
        "--max-tokens": "20",
        "--poll-seconds": "0.05",
    }
    words = [word for pair in options.items() for word in pair]
    return rowbatch(folder, "run", table, *words, "-o", f"{table}.out.csv", "--yes", *more, key=key)


def test_where_all_is_known_no_provider_has_a_price_to_tell(tmp_path):
    """
    Anthropic's price has what may be written to its cache, which is asked of the parts that are sent: none.
    """
    with fake_server(tmp_path, {}, 1, skin="anthropic") as address:
        who = ["--provider", "anthropic", "--base-url", f"{address}/v1", "--model", "claude-haiku-4-5"]
        for name in ("g.csv", "h.csv"):
            done = label(tmp_path, address, table(tmp_path, name, FIRST), *who)
            assert done.returncode == 0, done.stderr
        assert "12 of 12 rows have their answers in run g; nothing to ask" in done.stdout
        assert judged(address)["rows_run"] == 12


def test_what_is_known_is_said_before_the_price(tmp_path):
    """
    "12 of 15 rows have their answers in run g; 3 to ask, about $…"; the next time there is nothing to
    ask, no key is needed and nothing is called; `--fresh` asks all.
    """
    with fake_server(tmp_path, {}, 1) as address:
        assert label(tmp_path, address, table(tmp_path, "g.csv", FIRST)).returncode == 0
        grown = ["new 1", *reversed(FIRST), "new 2", "new 33"]
        done = label(tmp_path, address, table(tmp_path, "h.csv", grown))
        assert done.returncode == 0, done.stderr
        assert re.search(
            r"12 of 15 rows have their answers in run g; 3 to ask, about \$[0-9.]+ "
            r"\(--fresh asks all, about \$[0-9.]+\)",
            done.stdout,
        ), done.stdout
        assert "The first request (row 1)" in done.stdout
        assert "12 rows have their answers from run g, and cost nothing here" in done.stdout
        assert judged(address)["rows_run"] == 15
        assert [row["label"] for row in read_rows(tmp_path / "h.csv.out.csv")] == list(
            map(right_label, grown)
        )
        posts = judged(address)["posts"]
        again = label(tmp_path, address, table(tmp_path, "i.csv", grown[1:]), key=False)
        assert again.returncode == 0, again.stderr
        assert "14 of 14 rows have their answers in run h" in again.stdout
        assert "nothing to ask (--fresh asks all)" in again.stdout
        assert "The first request" not in again.stdout
        assert judged(address)["posts"] == posts
        status = json.loads(rowbatch(tmp_path, "status", "i", "--json").stdout)
        assert (status["state"], status["built"]["taken_over"]) == ("collected", 14)
        assert rowbatch(tmp_path, "verify", "i").returncode == 0
        assert label(tmp_path, address, table(tmp_path, "j.csv", FIRST), "--fresh").returncode == 0
        assert judged(address)["rows_run"] == 15 + 12


def test_a_cap_is_for_what_is_asked(tmp_path):
    """
    The cap holds what is left to ask, and not what was paid in the earlier run.
    """
    with fake_server(tmp_path, {}, 2) as address:
        assert label(tmp_path, address, table(tmp_path, "g.csv", FIRST)).returncode == 0
        small = ["--max-cost", "0.00005"]
        other = label(tmp_path, address, table(tmp_path, "h.csv", [f"{text}!" for text in FIRST]), *small)
        assert "cap of $0.00005" in other.stdout
        known = label(tmp_path, address, table(tmp_path, "i.csv", [*FIRST, "one more"]), *small)
        assert known.returncode == 0, known.stdout + known.stderr


def test_the_same_from_python(tmp_path, monkeypatch):
    """
    `preview()` tells what is known and both prices; `fresh=True` asks all; the plan keeps it.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    with fake_server(tmp_path, {}, 3) as address:
        assert label(tmp_path, address, table(tmp_path, "g.csv", FIRST)).returncode == 0
        asked: dict[str, Any] = {
            "text": "body",
            "labels": ["a", "b", "c"],
            "prompt": "Which?",
            "provider": "openai",
            "base_url": f"{address}/v1",
            "model": "gpt-4o-mini",
            "max_tokens": 20,
        }
        rows = {"body": [*FIRST[::-1], "quite new"], "who": ["x"] * 13}
        grown = library.create(rows, **asked)
        preview = grown.preview()
        assert (preview.built.taken_over, preview.built.taken_from, preview.built.requests) == (12, ("g",), 1)
        assert preview.first_row == 13
        likely, of_all = preview.cost.likely_usd, preview.cost_of_all.likely_usd
        assert likely is not None
        assert of_all is not None
        assert likely < of_all
        fresh = library.create(rows, **asked, fresh=True)
        assert (fresh.build().taken_over, fresh.build().requests) == (0, 13)
        assert not fresh.plan.asks_the_same(grown.plan)
        assert "--fresh" in library.api.command_of(fresh.plan)
        fresh.discard()
        # Nothing of it was sent either, though it has answers.
        grown.discard()
        all_known = library.create({"body": FIRST}, **asked)
        assert all_known.build().requests == 0
        assert all_known.table()["label"].to_list() == list(map(right_label, FIRST))
