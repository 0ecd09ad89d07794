"""Rows that are asked several times: the commonest answer, and how many agree."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections import Counter

import polars as pl
import pytest
import stamina
from hypothesis import given
from hypothesis import strategies as st

import fake_providers
from driving import POLICY, drive, finish, make_run
from fake_providers import FakeProvider, Faults
from rowbatch.core.codebook import Codebook, codebook_document, codebook_from_labels, parse_codebook
from rowbatch.core.confidence import Measured, measured
from rowbatch.core.plan import Question
from rowbatch.core.samples import merged_samples, request_numbers, row_of_request
from rowbatch.core.shard import ShardLimits
from rowbatch.core.states import RowStatus
from rowbatch.errors import UsageError
from rowbatch.requests.asking import Said, asking_of
from rowbatch.steps.collect import collect
from rowbatch.steps.repair import plan_repair


@pytest.fixture(autouse=True)
def _no_waiting():
    with stamina.set_testing(True, attempts=6):
        yield


@pytest.fixture
def in_turn(monkeypatch):
    """Each text gets a, a, b, a, c in turn; how often each was asked."""
    asked: Counter[str] = Counter()

    def answer(body):
        text = str(body["messages"][-1]["content"])
        asked[text] += 1
        return json.dumps({"label": "aabac"[(asked[text] - 1) % 5]})

    monkeypatch.setattr(fake_providers, "answer_text", answer)
    return asked


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini", "mistral"])
def test_the_commonest_answer_and_how_many_agree(tmp_path, in_turn, provider):
    """
    One row of the table for each of the input, in order, with any provider; each text is asked five times,
    and a text that stands twice not more often.
    """
    run = make_run(tmp_path, provider=provider, samples=5, dedupe=True)
    report = finish(run, FakeProvider(provider), provider=provider)
    rows = rows_of(report.path)
    assert [row["id"] for row in rows] == [str(n) for n in range(1, 15)]
    asked = [row for row in rows if row["status"] == "ok"]
    assert {(row["label"], row["label_confidence"], row["confidence_basis"]) for row in asked} == {
        ("a", "0.6", "agreement of 5 samples")
    }
    assert set(in_turn.values()) == {5}
    skipped = [row for row in rows if row["status"] == "skipped"]
    assert {(row["label"], row["label_confidence"], row["confidence_basis"]) for row in skipped} == {
        ("", "", "")
    }
    assert (report.rows, report.statuses[RowStatus.OK]) == (14, len(asked))
    assert len(skipped) == 2


def test_failures_and_further_rounds(tmp_path, in_turn):
    """
    Samples that fail are asked again by themselves; what stays without an answer agrees with nobody.
    """
    run = make_run(tmp_path, samples=3)
    finish(run, FakeProvider("openai", Faults(rows_fail=0.3, rows_twice=0.2)))
    rows = [row for row in rows_of(tmp_path / "out.csv") if row["status"] != "skipped"]
    assert {row["status"] for row in rows} == {"ok"}
    assert {row["label"] for row in rows} <= {"a", "b", "c"}


def test_rows_without_an_answer_are_repaired_with_all_their_samples(tmp_path, in_turn):
    """
    A row of which no sample can be used is asked again, as often as the others.
    """
    run = make_run(tmp_path, samples=2)
    fake = FakeProvider("openai", Faults(rows_refused=0.8))
    drive(run, fake, policy=dataclasses.replace(POLICY, rounds=1))
    collect(run)
    refused = [row for row in rows_of(tmp_path / "out.csv") if row["status"] not in ("ok", "skipped")]
    assert 0 < len(refused) < 12
    statuses = [RowStatus(status) for status in {row["status"] for row in refused}]
    with run.ledger() as ledger:
        repair = plan_repair(run, ledger, ShardLimits(4, 100_000), statuses)
    assert repair.rows == 2 * len(refused)
    fake.faults.rows_refused = 0.0
    drive(run, fake, policy=dataclasses.replace(POLICY, rounds=2))
    collect(run)
    assert {row["status"] for row in rows_of(tmp_path / "out.csv")} == {"ok", "skipped"}


LABELS = st.sampled_from(["a", "b", "c", None])


@given(st.integers(2, 10), st.data())
def test_the_majority_of_any_answers(samples, data):
    """
    As counting by hand: the commonest value, the first of equally common ones, its share of all samples.
    """
    said = data.draw(st.lists(st.lists(LABELS, min_size=samples, max_size=samples), max_size=6))
    flat = [one for row in said for one in row]
    answers = pl.DataFrame(
        {
            "row": pl.int_range(1, len(flat) + 1, dtype=pl.Int64, eager=True),
            "0": [one or "" for one in flat],
            "1": [f"words {n}" if one else "" for n, one in enumerate(flat)],
            "status": ["ok" if one else "invalid" for one in flat],
            "status_reason": ["" if one else f"no {n}" for n, one in enumerate(flat)],
            "raw_answer": ["" if one else "?" for one in flat],
            "model": ["m"] * len(flat),
        },
        schema={"row": pl.Int64}
        | dict.fromkeys(["0", "1", "status", "status_reason", "raw_answer", "model"], pl.String),
    )
    merged = merged_samples(answers, samples, [Measured(0, "label", ("a", "b", "c"))])
    assert merged["row"].to_list() == list(range(1, len(said) + 1))
    for row, found in zip(said, merged.iter_rows(named=True), strict=True):
        counts = Counter(one for one in row if one)
        first = (found["row"] - 1) * samples
        if not counts:
            assert (found["status"], found["0"], found["confidence:0"]) == ("invalid", "", None)
            assert (found["status_reason"], found["confidence_basis"]) == (f"no {first}", "")
            continue
        most = max(counts.values())
        assert found["0"] == next(one for one in row if one and counts[one] == most)
        assert found["confidence:0"] == pytest.approx(most / samples, abs=1e-6)
        assert found["1"] == f"words {first + next(n for n, one in enumerate(row) if one)}"


PLEDGES = parse_codebook(
    {
        "variables": [
            {"name": "tone", "labels": [{"name": "good"}, {"name": "bad"}], "reason": True},
            {"name": "pledge", "kind": "yes-no"},
            {"name": "words", "kind": "quote", "only_if": {"pledge": ["yes"]}},
            {
                "name": "how",
                "kind": "scale",
                "labels": [{"name": "vague"}, {"name": "exact"}],
                "only_if": {"pledge": ["yes"]},
                "reason": True,
            },
        ]
    }
)


def merged_pledges(*said):
    """What samples of one row come to, each given by tone, pledge, words and how."""
    reasons = [f"because {n}" for n in range(len(said))]
    values = {
        "tone": [one[0] for one in said],
        "pledge": [one[1] for one in said],
        "words": [one[2] for one in said],
        "how": [one[3] for one in said],
        "tone_reason": reasons,
        "how_reason": [reason if one[3] else "" for one, reason in zip(said, reasons, strict=True)],
        "words_start": ["0" if one[2] else "" for one in said],
        "words_end": [str(len(one[2])) if one[2] else "" for one in said],
    }
    answers = pl.DataFrame(
        {
            "row": pl.int_range(1, len(said) + 1, dtype=pl.Int64, eager=True),
            **{str(n): values[name] for n, name in enumerate(PLEDGES.columns)},
            "status": ["ok"] * len(said),
            "status_reason": [""] * len(said),
            "raw_answer": [""] * len(said),
            "model": ["m"] * len(said),
        }
    )
    (row,) = merged_samples(answers, len(said), measured(PLEDGES), PLEDGES).iter_rows(named=True)
    found = {name: row[str(n)] for n, name in enumerate(PLEDGES.columns)}
    return found | {
        f"{PLEDGES.columns[one.place]}?": row[f"confidence:{one.place}"] for one in measured(PLEDGES)
    }


def test_what_does_not_apply_to_the_commonest_answer_is_empty():
    """
    The first sample says that there is a promise, the others that there is none: none of its words stays.
    """
    found = merged_pledges(
        ("good", "yes", "We will", "exact"), ("good", "no", "", ""), ("good", "no", "", "")
    )
    assert (found["pledge"], found["words"], found["words_start"], found["words_end"]) == ("no", "", "", "")
    assert (found["how"], found["how_reason"], found["how?"]) == ("", "", None)


def test_what_applies_to_the_commonest_answer_is_told_by_samples_in_which_it_applied():
    """
    Most say that there is a promise, and not the first: its words are there, and how exact it is.
    """
    found = merged_pledges(
        ("good", "no", "", ""),
        ("good", "no", "", ""),
        ("good", "yes", "We will", "vague"),
        ("good", "yes", "We shall", "exact"),
        ("good", "yes", "We must", "exact"),
    )
    assert (found["pledge"], found["pledge?"]) == ("yes", 0.6)
    assert (found["words"], found["words_start"], found["words_end"]) == ("We will", "0", "7")
    assert (found["how"], found["how?"], found["how_reason"]) == ("exact", 0.4, "because 3")


def test_the_reason_is_of_a_sample_that_gives_the_commonest_answer():
    """
    Not of the first, which says otherwise.
    """
    found = merged_pledges(("bad", "no", "", ""), ("good", "no", "", ""), ("good", "no", "", ""))
    assert (found["tone"], found["tone_reason"]) == ("good", "because 1")


@given(st.lists(st.integers(1, 10**9), unique=True), st.integers(1, 10))
def test_numbers_of_requests(rows, samples):
    """
    Each row has its own numbers, in the order of the rows, and each number leads back to its row.
    """
    numbers = request_numbers(pl.Series("row", sorted(rows), dtype=pl.Int64), samples).to_list()
    assert numbers == sorted(set(numbers))
    assert [row_of_request(one, samples) for one in numbers] == [
        n for n in sorted(rows) for _ in range(samples)
    ]


LABELLED = Question(text="text", answer=codebook_document(codebook_from_labels("label", ["a", "b"], "?")))
WORDS = Question(text="text", answer=codebook_document(Codebook(instructions="Sum it up.")))


@pytest.mark.parametrize(
    ("question", "options", "kind"),
    [
        (LABELLED, {"samples": 11}, "samples-out-of-range"),
        (LABELLED, {"samples": 0}, "samples-out-of-range"),
        (LABELLED, {"samples": 3, "confidence": True}, "samples-and-confidence"),
        (WORDS, {"samples": 3}, "samples-of-words"),
        (LABELLED, {"samples": 3, "provider": "local"}, "samples-of-local"),
        (LABELLED, {"samples": 3, "said": Said(temperature=0.0)}, "samples-the-same"),
        (LABELLED, {"samples": 3, "said": Said(others={"seed": 7})}, "samples-the-same"),
    ],
)
def test_samples_that_would_say_nothing(question, options, kind):
    """
    Said before the run is made.
    """
    said = options.pop("said", Said())
    options = {"provider": "openai", "model": "gpt-4o-mini", **options}
    with pytest.raises(UsageError) as error:
        asking_of(question, said, **options)
    assert error.value.kind == kind


def test_the_estimate_is_so_many_times_as_much(tmp_path, monkeypatch):
    """
    The price, and so the cap, are of all samples; the plan keeps how many, and the command says it.
    """
    import rowbatch

    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    (tmp_path / "t.csv").write_text("text\none\ntwo\n")

    def made(name, **options):
        return rowbatch.create(
            tmp_path / "t.csv",
            text="text",
            labels=["a", "b"],
            prompt="?",
            provider="openai",
            model="gpt-4o-mini",
            run=tmp_path / name,
            **options,
        )

    once, often = made("once").preview(), made("often", samples=4).preview()
    assert (once.built.requests, often.built.requests) == (2, 8)
    assert often.cost.high_usd == 4 * once.cost.high_usd
    plan = rowbatch.open(tmp_path / "often").plan
    assert plan.asking.samples == 4
    words = rowbatch.api.command_of(plan)
    assert words[words.index("--samples") + 1] == "4"
