"""Exports with corrections, and rounds that a person asks for."""

import csv
import dataclasses
import json
from typing import Any

import polars as pl
import pytest

import rowbatch
from rowbatch import api, desk
from rowbatch.core.table_options import WriteOptions
from rowbatch.errors import OutputExists, RunError, TableError, UsageError
from rowbatch.providers.catalog import find_model, find_price
from rowbatch.server.engine import EngineReply
from rowbatch.steps.repair import largest_output_limit
from serving import scripted_local_model

TEXTS = ["fine 1", "odd 2", "", "fine 4", "=odd 5", "fine 6"]


@pytest.fixture
def odd_answers(tmp_path, monkeypatch):
    """A server that answers texts with `odd` wrongly, until it is told that its answer was wrong."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    asked = []

    def answer(body):
        said = [str(message["content"]) for message in body["messages"]]
        asked.append(said)
        is_again = len(said) > 3
        return json.dumps({"label": "good" if "fine" in said[1] or is_again else "weird"})

    with scripted_local_model(tmp_path / "server", answer):
        yield tmp_path, asked


@pytest.fixture
def collected(odd_answers):
    """A run with two answers that the codebook does not allow."""
    folder, asked = odd_answers
    with (folder / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "text"], *enumerate(TEXTS, start=1)])
    run = rowbatch.create("posts.csv", text="text", labels=["good", "bad"], prompt="How is it?")
    run.resume()
    return run, asked


def rows_of(path):
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_a_repair_asks_only_those_rows_and_says_what_was_wrong(collected):
    """
    The round has the two rows with an answer that is no label; afterwards every row has one.
    """
    run, asked = collected
    assert run.status().events[-1].detail["statuses"] == {"ok": 3, "invalid": 2, "skipped": 1}
    before = len(asked)
    assert run.plan_repair(["invalid"]) == 2
    run.resume()
    again = asked[before:]
    assert sorted(said[1] for said in again) == ["=odd 5", "odd 2"]
    assert all("weird" in said[2] and "cannot be used" in said[3] for said in again)
    assert run.status().events[-1].detail["statuses"] == {"ok": 5, "skipped": 1}
    assert run.plan_repair(["invalid"]) == 0
    assert run.repair_cost(2).is_free


def test_what_is_not_repaired(collected):
    """
    Rows with a label, or without a text, are not asked again; nor is anything while a round is on its way.
    """
    run, _ = collected
    for strange in (["ok"], ["skipped"], ["nonsense"], []):
        with pytest.raises(UsageError):
            run.plan_repair(strange)
    run.plan_repair(["invalid"])
    with pytest.raises(RunError, match="on their way"):
        run.plan_repair(["invalid"])


def test_an_export_with_corrections(collected, tmp_path):
    """
    What holds, what the model said and what people said stand side by side; every row is there once.
    """
    run, _ = collected
    run.correct(1, "label", "bad")
    run.correct(2, "label", "good")
    run.correct(6, "label", "bad")
    run.correct(6, "label", None)
    report = run.export(tmp_path / "out.csv")
    rows = rows_of(tmp_path / "out.csv")
    assert [row["text"] for row in rows] == TEXTS
    assert [row["label"] for row in rows] == ["bad", "good", "", "good", "", "good"]
    assert [row["label_model"] for row in rows] == ["good", "", "", "good", "", "good"]
    assert [row["label_human"] for row in rows] == ["bad", "good", "", "", "", ""]
    assert (report.rows, report.corrected, report.formulas) == (6, 2, 1)
    with pytest.raises(OutputExists):
        run.export(tmp_path / "out.csv")
    # What `collect` wrote is as it was.
    assert [row["label"] for row in rows_of(run.output)] == ["good", "", "", "good", "", "good"]


@pytest.mark.parametrize("ending", ["csv", "tsv", "xlsx", "parquet", "jsonl", "dta", "sav", "arrow"])
def test_every_format(collected, tmp_path, ending):
    """
    The same rows in every format.
    """
    run, _ = collected
    run.correct(2, "label", "good")
    report = run.export(tmp_path / f"out.{ending}")
    assert report.rows == 6
    again = desk.Library(tmp_path / "library").add(tmp_path / f"out.{ending}")
    frame = pl.concat([chunk.frame for chunk in again.open().chunks()])
    assert frame["1"].to_list() == TEXTS
    assert "label_human" in again.open().header


def test_some_columns_some_rows_and_no_formula(collected, tmp_path):
    """
    Columns and rows can be left out; for a spreadsheet cells that look like formulas are marked.
    """
    run, _ = collected
    safe = WriteOptions(bom=True, formula_safe=True)
    report = run.export(tmp_path / "a.csv", columns=["text"], with_status=False, writing=safe)
    assert (report.formulas, report.are_marked) == (1, True)
    assert (tmp_path / "a.csv").read_bytes().startswith(b'\xef\xbb\xbf"text","label"\n')
    assert [row["text"] for row in rows_of(tmp_path / "a.csv")] == [
        text.replace("=odd", "'=odd") for text in TEXTS
    ]
    report = run.export(tmp_path / "b.csv", only_answered=True)
    assert [row["id"] for row in rows_of(tmp_path / "b.csv")] == ["1", "4", "6"]
    assert report.left_out == 3
    assert not report.are_marked
    with pytest.raises(TableError):
        run.export(tmp_path / "c.csv", columns=["nonsense"])


def test_corrections_that_cannot_be(collected):
    """
    There must be such a row, variable and label.
    """
    run, _ = collected
    for row, variable, label in (
        (0, "label", "good"),
        (7, "label", "good"),
        (1, "x", "good"),
        (1, "label", "weird"),
    ):
        with pytest.raises(UsageError):
            run.correct(row, variable, label)
    assert run.corrections() == {}


def test_the_longest_answer_that_a_file_allows(tmp_path):
    """
    It is read from the bodies, and not from texts that look like one; a repair may allow more than the plan.
    """
    said = 'say "max_tokens":9000'
    bodies = [{"max_tokens": 200}, {"messages": [{"content": said}], "max_completion_tokens": 800}]
    path = tmp_path / "r2-0001.jsonl"
    path.write_text("".join(json.dumps({"body": body}) + "\n" for body in bodies), encoding="utf-8")
    assert largest_output_limit(path) == 800
    path.write_text("{}\n", encoding="utf-8")
    assert largest_output_limit(path) is None


def test_a_repair_reserves_what_its_longer_answers_may_cost(tmp_path, monkeypatch):
    """
    The cap counts a round of truncated rows by the limit that its requests have, not by the plan's.
    """
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("text\na\n", encoding="utf-8")
    asked: dict[str, Any] = {
        "text": "text",
        "prompt": "?",
        "provider": "openai",
        "model": "gpt-4o-mini",
    }
    run = api.create("t.csv", labels=["x", "y"], **asked)
    run.build()
    with run._directory.ledger() as ledger:
        (shard,) = ledger.shards()
    line = run._directory.request_path(shard.name).read_bytes()
    again = dataclasses.replace(shard, round=2)
    longer = line.replace(b'"max_tokens":200', b'"max_tokens":800')
    run._directory.request_path(again.name).write_bytes(longer)
    price = find_price("openai", "gpt-4o-mini")
    assert price is not None
    assert run._most_usd(again) - run._most_usd(shard) == price.usd(0, 600)


def test_a_repair_of_what_was_cut_off_gives_more_room_each_time(tmp_path, monkeypatch):
    """
    The offer says how many tokens an answer may have, and the round gives them; where it failed, the next one
    gives more than that.
    """
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("text\na\nb\n", encoding="utf-8")
    limits: list[int] = []

    def answer(body):
        limits.append(body["max_tokens"])
        words = json.dumps({"label": "x"})[: body["max_tokens"] // 6]
        is_cut = not words.endswith("}")
        choice = {"message": {"role": "assistant", "content": words}, "index": 0}
        told = {"choices": [choice | {"finish_reason": "length" if is_cut else "stop"}], "object": "x"}
        return EngineReply(200, told | {"usage": {"prompt_tokens": 9, "completion_tokens": 6}})

    with scripted_local_model(tmp_path / "server", answer):
        run = api.create("t.csv", text="text", prompt="?", labels=["x", "y"], max_tokens=6)
        run.resume()
        seen = []
        while run.status().statuses.get("truncated"):
            offer = run.repair_offer("truncated", 2)
            assert not offer.is_same
            assert offer.cost.is_free
            seen.append((offer.limit, offer.longer))
            assert run.plan_repair(["truncated"]) == 2
            run.resume()
    assert seen == [(6, 24), (24, 96)]
    assert limits == [6, 6, 24, 24, 96, 96]
    assert run.status().statuses == {"ok": 2}


def test_the_same_is_not_offered_again(tmp_path, monkeypatch):
    """
    Longer answers up to what the model can give, at the price of answers so long; and nothing more to those
    who declined twice.
    """
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("text\na\nb\n", encoding="utf-8")
    asked: dict[str, Any] = {"text": "text", "prompt": "?", "provider": "openai", "model": "gpt-4o-mini"}
    run = api.create("t.csv", labels=["x", "y"], **asked)
    run.build()
    known = find_model("openai", "gpt-4o-mini")
    assert known is not None
    offer, usual = run.repair_offer("truncated", 2), run.repair_cost(2)
    assert offer.longer == 800
    assert offer.cost.high_usd is not None
    assert usual.high_usd is not None
    assert offer.cost.high_usd > usual.high_usd

    def repaired(number, **told):
        with run._directory.ledger() as ledger:
            (first,) = (one for one in ledger.shards() if one.round == 1)
            again = dataclasses.replace(first, round=number, token=f"t{number}")
            ledger.add_shards([again], event="repair", detail=told)

    repaired(2, statuses=["truncated"], limit=known.max_output)
    offer = run.repair_offer("truncated", 2)
    assert offer.is_same
    assert offer.longer is None
    assert not run.repair_offer("refused", 2).is_same
    repaired(3, statuses=["refused"])
    assert run.repair_offer("refused", 2).is_same
    assert not run.repair_offer("error", 2).is_same
