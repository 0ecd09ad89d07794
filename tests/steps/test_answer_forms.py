"""Answers that are not quite as they were asked for, through every door of a run."""

from __future__ import annotations

import json
from collections import Counter

import pytest
import stamina

import fake_providers
from answer_forms import FORMS
from driving import PRICE, client_of, drive, finish, make_run, right_label, rows_of, texts
from fake_providers import FakeProvider
from odd_results import SHAPES
from rowbatch.core.answer import AnswerReader
from rowbatch.core.endpoint import find_endpoint
from rowbatch.steps.recover import recover
from rowbatch.steps.trial import try_rows
from rowbatch.tools.extract import extract

DRIVEN = [
    shape
    for shape in SHAPES
    if shape.provider in ("openai", "anthropic", "gemini", "mistral") and shape.endpoint != "embeddings"
]
SHAPE_IDS = [f"{shape.provider}-{shape.endpoint}" for shape in DRIVEN]
ROWS = 2 * len(FORMS)


@pytest.fixture(autouse=True)
def _no_waiting():
    with stamina.set_testing(True, attempts=6):
        yield


@pytest.fixture(autouse=True)
def forms(monkeypatch) -> dict[str, str]:
    """By text: the form that its answer has; filled while the model answers, one form after the other."""
    given: dict[str, str] = {}
    right = fake_providers.answer_text

    def answer_text(body):
        said = body.get("messages", body.get("input"))
        text = said if isinstance(said, str) else str(said[-1]["content"])
        names = list(FORMS)
        form = given.setdefault(text, names[len(given) % len(names)])
        return FORMS[form].write(right(body))

    monkeypatch.setattr(fake_providers, "answer_text", answer_text)
    return given


def run_of(folder, shape):
    endpoint = find_endpoint(shape.endpoint)
    return make_run(folder, rows=ROWS, shard_rows=1000, provider=shape.provider, endpoint=endpoint)


def expected_counts(forms) -> Counter[str]:
    return Counter(word for form in forms.values() for word in FORMS[form].forgiven.split())


def judge_rows(rows, forms) -> None:
    for row, text in zip(rows, texts(ROWS), strict=True):
        if not text:
            continue
        form = FORMS[forms[text]]
        assert (row["label"], row["status_reason"]) == (
            "" if form.reason else right_label(text),
            form.reason,
        ), forms[text]


@pytest.mark.parametrize("shape", DRIVEN, ids=SHAPE_IDS)
def test_every_form_in_one_run(tmp_path, shape, forms):
    """
    Every row whose answer a person would understand has its label, and what was forgiven is counted: in the
    report, beside the table, and among the events. Nothing of it is paid for again.
    """
    run, fake = run_of(tmp_path, shape), FakeProvider(shape.provider)
    report = finish(run, fake, provider=shape.provider)
    assert set(forms.values()) == set(FORMS)
    judge_rows(rows_of(report.path), forms)
    expected = expected_counts(forms)
    assert report.forgiven == expected
    assert len(fake.batches) == 1
    metadata = json.loads(report.path.with_name(f"{report.path.name}-metadata.json").read_text("utf-8"))
    assert metadata["rowbatch:run"]["forgiven"] == expected
    with run.ledger() as ledger:
        assert ledger.events()[-1].detail["forgiven"] == expected
    told = [str(notice) for notice in report.forgiven_notices]
    assert f"{expected['thoughts']} answers had thoughts before them" in told
    assert len(told) == len(expected)


@pytest.mark.parametrize("shape", DRIVEN, ids=SHAPE_IDS)
def test_a_recovered_run_reads_the_same(tmp_path, shape, forms):
    """
    A ledger that was lost is made anew of the results, which say then what they said before.
    """
    run, fake = run_of(tmp_path, shape), FakeProvider(shape.provider)
    drive(run, fake, provider=shape.provider)
    run.ledger_path.unlink()
    with client_of(fake, shape.provider) as client:
        recover(run, client, reader=AnswerReader(run.plan().question.codebook), price=PRICE)
    report = finish(run, fake, provider=shape.provider)
    judge_rows(rows_of(report.path), forms)
    assert report.forgiven == expected_counts(forms)
    assert len(fake.batches) == 1


@pytest.mark.parametrize(
    "shape", [shape for shape in DRIVEN if shape.endpoint == "chat"], ids=lambda shape: shape.provider
)
def test_rows_that_are_tried_read_the_same(tmp_path, shape, forms):
    """
    A trial shows the labels that the run would have, and says what was forgiven.
    """
    run, fake = run_of(tmp_path, shape), FakeProvider(shape.provider)
    with client_of(fake, shape.provider) as client:
        reader = AnswerReader(run.plan().question.codebook)
        report = try_rows(run, client, reader, rows=len(FORMS), price=None)
    assert len(report.rows) == len(FORMS)
    for tried in report.rows:
        form = FORMS[forms[tried.text]]
        assert tried.values == ("" if form.reason else right_label(tried.text),)
        assert (tried.reason, " ".join(tried.forgiven)) == (form.reason, form.forgiven)
    assert len(report.notices) == len(expected_counts(forms))


def test_extract_reads_the_same(tmp_path, forms):
    """
    What lies in a result file is read in the same way where only its fields are wanted, and counted.
    """
    run, fake = run_of(tmp_path, DRIVEN[0]), FakeProvider()
    drive(run, fake)
    (file,) = (run.path / "results").glob("*.output.jsonl")
    report = extract([file], tmp_path / "fields.csv", as_json=True)
    by_codebook = {"object-around", "key-spelling", "value-spelling"}
    counts = expected_counts(forms)
    counts["thoughts"] -= sum(form == "thoughts-and-label" for form in forms.values())
    assert report.forgiven == {name: n for name, n in counts.items() if name not in by_codebook}
    assert report.reasons["the answer holds different JSON objects"]
    rows = [row for row in rows_of(report.out) if row["label"]]
    assert len(rows) > ROWS // 2


def test_what_is_not_forgiven_keeps_all_that_the_model_said(tmp_path, forms):
    """
    An answer that could not be read says why, and its text is kept, thoughts included.
    """
    run, fake = run_of(tmp_path, DRIVEN[0]), FakeProvider()
    report = finish(run, fake)
    reasons = {form.reason for form in FORMS.values() if form.reason}
    assert set(report.reasons) - {"the text is empty"} == reasons
    by_text = {row["text"]: row for row in rows_of(report.path)}
    alone = [by_text[text] for text, form in forms.items() if form == "thoughts-alone"]
    assert all(row["raw_answer"].startswith("<think>") for row in alone)
