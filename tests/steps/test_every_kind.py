"""A codebook of nine variables of every kind: asked of every provider, labelled, exported, read back."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pyreadstat
import pytest

from driving import POLICY, build_run, client_of, drive
from fake_providers import FakeProvider
from rowbatch.api import Run
from rowbatch.core.answer import AnswerReader
from rowbatch.core.codebook import Codebook, codebook_document
from rowbatch.core.findings import read_findings
from rowbatch.core.kinds.labels import LabelsVariable
from rowbatch.core.label_list import SEPARATOR
from rowbatch.core.plan import Output, Plan, Question, Source
from rowbatch.errors import UsageError
from rowbatch.requests.asking import Said, asking_of
from rowbatch.steps.build import build
from rowbatch.steps.collect import collect
from rowbatch.steps.create import create
from rowbatch.steps.drive import DrivePolicy
from rowbatch.steps.export import export
from rowbatch.steps.recover import recover
from rowbatch.steps.verify import verify
from rowbatch.store.codebook_file import read_codebook
from rowbatch.store.rundir import RunDirectory

EXAMPLES = Path(__file__).parents[2] / "examples"
TEXTS = [
    f"{word} rise every year, and we   will build {n} homes." for n, word in enumerate(["Rents", "Taxes"] * 9)
]
PROVIDERS = ("openai", "anthropic", "gemini", "mistral")


def book(language: str) -> Codebook:
    return read_codebook(EXAMPLES / f"speeches.{language}.yaml")


def labelled(
    folder: Path,
    language: str,
    provider: str = "openai",
    spoil: Callable[[str, bytes], bytes] = lambda _, line: line,
    policy: DrivePolicy = POLICY,
    template: str = "",
) -> RunDirectory:
    """A run over the texts with the codebook of nine variables, driven to its end against a fake."""
    table = folder / "speeches.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "text"], *([n, text] for n, text in enumerate(TEXTS, 1))])
    run = RunDirectory(folder / "run")
    question = Question(text="text", template=template, answer=codebook_document(book(language)))
    asking = asking_of(question, Said(max_tokens=900), provider=provider, model="m")
    create(run, Plan(Source(table), question, asking, Output(folder / "out.csv")))
    build_run(run, provider, 7)
    fake = FakeProvider(seed=1, skin=provider)
    fake.spoil = spoil
    drive(run, fake, provider=provider, policy=policy)
    return run


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_answers_every_kind(tmp_path, provider, language):
    """
    What the schema asks for comes back as values of each kind; what does not apply has none; quotes stand
    in the text.
    """
    report = collect(labelled(tmp_path, language, provider))
    assert {status.value: n for status, n in report.statuses.items()} == {"ok": len(TEXTS)}, report.reasons
    frame = pl.read_csv(tmp_path / "out.csv", infer_schema=False)
    yes = "yes" if language == "en" else "是"
    seen = set(frame["pledge"])
    assert len(seen) == 2
    for row in frame.iter_rows(named=True):
        text = row["text"]
        start, stop = int(row["topic_evidence_start"]), int(row["topic_evidence_end"])
        assert text[start:stop] == row["topic_evidence"]
        applies = row["pledge"] == yes
        for name in ("pledge_words", "precision", "deadline"):
            assert bool(row[name]) == applies, name
        if applies:
            dt.date.fromisoformat(row["deadline"])
    groups = next(one for one in book(language).variables if isinstance(one, LabelsVariable))
    for name, label in zip(groups.indicator_names, groups.labels, strict=True):
        held = [label.name in cell.split(SEPARATOR) for cell in frame["groups"]]
        assert frame[name].cast(pl.Int64).to_list() == [int(one) for one in held]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("ending", [".dta", ".sav"])
def test_stata_and_spss_have_each_value_as_what_it_is(tmp_path, language, ending):
    """
    Read back by pyreadstat 1.3.7: labels by their codes, dates as dates, 0 and 1 with labels, "can't say" as
    a missing value with its label, the same cells as in the CSV; in SPSS a multiple response set.
    """
    run = labelled(tmp_path, language)
    collect(run)
    plain = pl.read_csv(tmp_path / "out.csv", infer_schema=False)
    path = tmp_path / f"speeches{ending}"
    export(run, path)
    is_spss = ending == ".sav"
    read: Any = pyreadstat.read_sav if is_spss else pyreadstat.read_dta
    frame, meta = read(str(path), output_format="polars", user_missing=True)
    assert frame.columns == plain.columns
    word = "can't say" if language == "en" else "无法判断"
    topic = meta.variable_value_labels["topic"]
    assert list(topic.values()) == list(book(language).variables[0].choices)
    assert (9.0 if is_spss else "a") in topic
    if is_spss:
        assert meta.missing_ranges["topic"] == [{"lo": 9.0, "hi": 9.0}]
    assert topic[9.0 if is_spss else "a"] == word
    for name in ("topic", "precision", "tone", "pledge"):
        labels = meta.variable_value_labels[name]
        # Of a value that is missing beside letters pyreadstat makes a number; see `findings/`.
        cells = [labels.get(value if isinstance(value, str) else _number(value)) for value in frame[name]]
        assert [cell or None for cell in cells] == plain[name].to_list()
    yes, no = ("yes", "no") if language == "en" else ("是", "否")
    assert meta.variable_value_labels["pledge"] == {1: yes, 0: no}
    days = [value and value.isoformat() for value in frame["deadline"]]
    assert days == [value or None for value in plain["deadline"]]
    for name in ("money", "topic_evidence_start"):
        assert [_number(v) for v in frame[name]] == [v and float(v) for v in plain[name]]
    members = [name for name in plain.columns if name.startswith("groups_")]
    assert all(meta.variable_value_labels[name] == {0: no, 1: yes} for name in members)
    if is_spss:
        assert meta.mr_sets["groups"] == {
            "type": "D",
            "is_dichotomy": True,
            "counted_value": 1,
            "label": "groups",
            "variable_list": members,
        }


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def test_a_correction_takes_with_it_what_follows(tmp_path):
    """
    A promise that a person takes for none has no words, no precision and no day; taken back, all is as it
    was.
    A corrected quote has its own places; one that does not stand in the text is refused.
    """
    directory = labelled(tmp_path, "en")
    run = Run(directory.path)
    report = collect(directory)
    assert report.rows == len(TEXTS)
    before = pl.read_csv(tmp_path / "out.csv", infer_schema=False)
    row = before["pledge"].to_list().index("yes") + 1
    run.correct(row, "pledge", "no")
    export(directory, tmp_path / "a.csv")
    held = pl.read_csv(tmp_path / "a.csv", infer_schema=False).row(row - 1, named=True)
    assert (held["pledge"], held["pledge_words"], held["precision"], held["deadline"]) == (
        "no",
        None,
        None,
        None,
    )
    assert held["pledge_model"] == "yes"
    assert held["precision_model"] == before["precision"][row - 1]
    run.correct(row, "pledge", None)
    assert run.corrections() == {}
    run.correct(row, "pledge_words", '["we will build"]')
    export(directory, tmp_path / "b.csv")
    held = pl.read_csv(tmp_path / "b.csv", infer_schema=False).row(row - 1, named=True)
    text = TEXTS[row - 1]
    start = text.index("we   will")
    assert held["pledge_words"] == '["we   will build"]'
    assert (held["pledge_words_start"], held["pledge_words_end"]) == (str(start), str(start + 15))
    with pytest.raises(UsageError, match="does not stand in the text"):
        run.correct(row, "pledge_words", "we shall build")
    with pytest.raises(UsageError, match="pledge_words_start"):
        run.correct(row, "pledge_words_start", "0")
    run.correct(row, "groups", "families, workers")
    export(directory, tmp_path / "c.csv")
    held = pl.read_csv(tmp_path / "c.csv", infer_schema=False).row(row - 1, named=True)
    assert (held["groups"], held["groups_workers"], held["groups_firms"]) == ("workers; families", "1", "0")


def test_a_quote_that_is_not_in_the_text_makes_the_row_invalid(tmp_path):
    """
    The row says which quote, and keeps the values that came with it; the others are as they were.
    """

    def spoil(custom_id: str, line: bytes) -> bytes:
        return line.replace(b"Rents rise", b"Rents fall") if custom_id == "row-3" else line

    run = labelled(tmp_path, "en", spoil=spoil)
    report = collect(run)
    assert {status.value: n for status, n in report.statuses.items()} == {"ok": len(TEXTS) - 1, "invalid": 1}
    frame = pl.read_csv(tmp_path / "out.csv", infer_schema=False)
    row = frame.row(2, named=True)
    assert row["status"] == "invalid"
    assert row["status_reason"].startswith("topic_evidence: 'Rents fall")
    assert row["status_reason"].endswith("does not stand in the text")
    assert json.loads(row["raw_answer"])["topic"] in book("en").variables[0].choices
    assert row["topic"] is None
    assert set(frame["status"]) == {"ok", "invalid"}


def test_a_quote_that_is_not_in_the_text_is_asked_for_again(tmp_path):
    """
    With the answer and what is wrong with it; and until then every count says that it cannot be used.
    """
    spoiled: set[str] = set()

    def spoil(custom_id: str, line: bytes) -> bytes:
        if custom_id == "row-3" and custom_id not in spoiled:
            spoiled.add(custom_id)
            return line.replace(b"Rents rise", b"Rents fall")
        return line

    policy = replace(POLICY, ask_invalid_again=True)
    run = labelled(tmp_path, "en", spoil=spoil, policy=policy)
    with run.ledger() as ledger:
        found = {shard.name: read_findings(shard.findings) for shard in ledger.shards() if shard.findings}
    counts = {name: one.statuses for name, one in found.items() if one is not None}
    assert sum(one.get("invalid", 0) for name, one in counts.items() if name.startswith("r1-")) == 1
    assert counts["r2-0001"] == {"ok": 1}
    (line,) = run.request_path("r2-0001").read_text(encoding="utf-8").splitlines()
    assert "does not stand in the text" in json.loads(line)["body"]["messages"][-1]["content"]
    report = collect(run)
    assert {status.value: n for status, n in report.statuses.items()} == {"ok": len(TEXTS)}


def spoiled(custom_id: str, line: bytes) -> bytes:
    """The third row's quote is not in its text."""
    return line.replace(b"Rents rise", b"Rents fall") if custom_id == "row-3" else line


def test_every_look_at_the_files_finds_the_quotes_that_are_not_in_the_text(tmp_path):
    """
    What came is counted the same when it comes, when files are verified, and when a ledger is made anew.
    """
    run = labelled(tmp_path, "en", spoil=spoiled)
    with run.ledger() as ledger:
        counted = [read_findings(shard.findings) for shard in ledger.shards()]
    assert [one.statuses.get("invalid", 0) for one in counted if one is not None] == [1, 0, 0]
    assert verify(run).faults == []
    run.ledger_path.unlink()
    with client_of(FakeProvider()) as client:
        recover(run, client, reader=AnswerReader(book("en")), price=None)
    with run.ledger() as ledger:
        assert [read_findings(shard.findings) for shard in ledger.shards()] == counted


@pytest.mark.parametrize(
    ("template", "quote"),
    [
        pytest.param("", b"Rents fall every", id="nowhere"),
        pytest.param("{{text}} (speech)", b"homes. (speech)", id="in-the-template"),
    ],
)
def test_an_answer_with_a_quote_that_is_not_in_the_text_is_not_taken_over(tmp_path, template, quote):
    """
    It would never be asked again. Words of the template are not the row's.
    """

    def spoil(custom_id: str, line: bytes) -> bytes:
        return line.replace(b"Rents rise every", quote) if custom_id == "row-3" else line

    old = labelled(tmp_path, "en", spoil=spoil, template=template)
    assert {status.value: n for status, n in collect(old).statuses.items()} == {"ok": 17, "invalid": 1}
    assert verify(old).faults == []
    new = RunDirectory(tmp_path / "new")
    create(new, replace(old.plan(), output=Output(tmp_path / "new.csv")))
    report = build(new, earlier=[old])
    assert (report.taken_over, report.requests) == (17, 1)
