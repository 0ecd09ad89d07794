"""How sure a model was, from the request to the labelled table, with every provider that tells it."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import shutil
from pathlib import Path

import polars as pl
import pytest
import stamina

from driving import POLICY, drive, finish, make_run
from fake_providers import FakeProvider, Faults, tokens_of
from rowbatch.core.answer import AnswerReader
from rowbatch.core.codebook import Codebook, codebook_document, codebook_from_labels, parse_codebook
from rowbatch.core.endpoint import Endpoint
from rowbatch.core.plan import Plan, Question, Source
from rowbatch.errors import UsageError
from rowbatch.requests.asking import Said, asking_of
from rowbatch.results.least_sure import how_sure, least_sure_rows
from rowbatch.results.lines import LineReader, count_without_confidence
from rowbatch.steps.collect import collect
from rowbatch.steps.export import export
from rowbatch.store.corrections import add_correction

TELLING = [
    ("openai", Endpoint.CHAT),
    ("openai", Endpoint.RESPONSES),
    ("gemini", Endpoint.CHAT),
    ("mistral", Endpoint.CHAT),
]
ASKED = ["label", "label_confidence", "confidence_basis"]


@pytest.fixture(autouse=True)
def _no_waiting():
    with stamina.set_testing(True, attempts=6):
        yield


def expected(label):
    """The product over the tokens that hold the label and its quotation mark, as the fake cuts them."""
    content = json.dumps({"label": label})
    begin = content.rindex(label)
    first, last = begin // 5, (begin + len(label)) // 5
    return math.exp(sum(one["logprob"] for one in tokens_of(content)[first : last + 1]))


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("provider", "endpoint"), TELLING)
def test_every_provider_that_tells_probabilities(tmp_path, provider, endpoint):
    """
    The request asks for them, the table has them beside the label; a row without a label has none. The same
    again where the columns of the results were thrown away, and where rows get the answer of another.
    """
    run = make_run(tmp_path, provider=provider, endpoint=endpoint, confidence=True, dedupe=True)
    fake = FakeProvider(provider, Faults(rows_refused=0.2))
    report = finish(run, fake, provider=provider, policy=dataclasses.replace(POLICY, rounds=1))
    rows = rows_of(report.path)
    assert list(rows[0])[2:5] == ASKED
    sure = [row for row in rows if row["status"] == "ok"]
    assert len(sure) > 5
    assert {row["status"] for row in rows} > {"ok"}
    for row in rows:
        if row["status"] == "ok":
            assert float(row["label_confidence"]) == pytest.approx(expected(row["label"]), abs=1e-6)
            assert row["confidence_basis"] == "label probability"
        else:
            assert (row["label_confidence"], row["confidence_basis"]) == ("", "")
    assert report.without_confidence == 0
    shutil.rmtree(run.columns)
    collect(run, output=tmp_path / "again.csv")
    assert rows_of(tmp_path / "again.csv") == rows


@pytest.mark.parametrize("ending", ["parquet", "xlsx", "dta", "sav", "jsonl", "tsv"])
def test_in_every_format_they_are_numbers(tmp_path, ending):
    """
    Where a format has types, a confidence is a number, and one that is not known is missing.
    """
    import rowbatch

    run = make_run(tmp_path, confidence=True, output=f"out.{ending}")
    finish(run, FakeProvider("openai"))
    frame = rowbatch.open(run.path).table()
    sure = frame["label_confidence"]
    if ending in ("parquet", "dta", "sav"):
        from rowbatch.programs.opening import open_table

        table = open_table(tmp_path / f"out.{ending}")
        place = str(table.header.index("label_confidence"))
        (chunk,) = table.chunks()
        assert chunk.typed is not None
        assert chunk.typed[place].dtype == pl.Float64
        assert chunk.typed[place].null_count() == frame.filter(pl.col("status") != "ok").height
    told = [float(text) for text in sure.to_list() if text not in (None, "")]
    assert len(told) == frame.filter(pl.col("status") == "ok").height
    assert all(0 < one < 1 for one in told)


def test_an_export_of_corrected_rows(tmp_path):
    """
    The confidence stays the model's own, beside what a person said.
    """
    run = make_run(tmp_path, confidence=True)
    before = rows_of(finish(run, FakeProvider("openai")).path)
    add_correction(run.path, 1, "label", "c")
    export(run, tmp_path / "x.csv")
    rows = rows_of(tmp_path / "x.csv")
    assert rows[0]["label_human"] == "c"
    assert [row["label_confidence"] for row in rows] == [row["label_confidence"] for row in before]


def test_what_no_confidence_is_told_of_is_counted(tmp_path, monkeypatch):
    """
    A server that lists other tokens than its answer's: the labels stay, and it is said how many have none.
    """
    import fake_providers

    monkeypatch.setattr(fake_providers, "tokens_of", lambda text: tokens_of(text.upper()))
    run = make_run(tmp_path, confidence=True)
    report = finish(run, FakeProvider("openai"))
    rows = [row for row in rows_of(report.path) if row["status"] == "ok"]
    assert {(row["label_confidence"], row["confidence_basis"]) for row in rows} == {("", "")}
    assert report.without_confidence == len(rows) > 5


def test_what_does_not_apply_has_no_confidence(tmp_path):
    """
    The model may answer what does not apply, with tokens; the value is empty, so nothing is said of how sure
    it was, the queue goes by the other values, and nobody is told that the provider did not tell.
    """
    book = parse_codebook(
        {
            "variables": [
                {"name": "topic", "labels": [{"name": "a"}, {"name": "b"}]},
                {"name": "how", "labels": [{"name": "x"}, {"name": "y"}], "only_if": {"topic": ["a"]}},
            ]
        }
    )
    result = {
        "custom_id": "row-1",
        "response": {
            "status_code": 200,
            "body": {
                "model": "m",
                "choices": [
                    {
                        "message": {"content": (content := '{"topic": "b", "how": "x"}')},
                        "finish_reason": "stop",
                        "logprobs": {"content": tokens_of(content)},
                    }
                ],
            },
        },
    }
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps(result) + "\n")
    ((_, lines),) = LineReader(AnswerReader(book), confidence=True).parts([path])
    (row,) = lines.frame.iter_rows(named=True)
    assert (row["status"], row["0"], row["1"]) == ("ok", "b", "")
    assert row["confidence:0"] is not None
    assert row["confidence:1"] is None
    assert row["confidence_basis"] == "label probability"
    assert count_without_confidence(lines.frame, ["0", "1"]) == 0


def test_nothing_changes_where_nobody_asks(tmp_path):
    """
    Neither the requests nor the table.
    """
    run = make_run(tmp_path)
    drive(run, FakeProvider("openai"))
    assert b"logprobs" not in run.request_path("r1-0001").read_bytes()
    assert "label_confidence" not in rows_of(collect(run).path)[0]


LABELLED = Question(text="text", answer=codebook_document(codebook_from_labels("label", ["a", "b"], "?")))
WORDS = Question(text="text", answer=codebook_document(Codebook(instructions="Sum it up.")))


@pytest.mark.parametrize(
    ("question", "provider", "model", "kind"),
    [
        (LABELLED, "anthropic", "claude-sonnet-5", "confidence-not-offered"),
        (LABELLED, "groq", "m", "confidence-not-offered"),
        (LABELLED, "openai", "o4-mini", "confidence-not-told"),
        (LABELLED, "openai", "gpt-5.4-mini", "confidence-not-told"),
        (WORDS, "openai", "gpt-4o-mini", "confidence-of-words"),
    ],
)
def test_who_does_not_tell_says_so_before_anything_is_made(question, provider, model, kind):
    """
    Providers without probabilities, models that reason, and free text.
    """
    with pytest.raises(UsageError) as error:
        asking_of(question, Said(), provider=provider, model=model, confidence=True)
    assert error.value.kind == kind


def test_what_is_asked():
    """
    OpenAI: nothing but the probabilities, unless somebody wants other tokens; servers that tell probabilities
    from before the schema: the likeliest other tokens too; a model that reasons when it is told not to.
    """

    def asked(provider, model="m", endpoint=Endpoint.CHAT, **others):
        said = Said(max_tokens=20, others=others)
        asking = asking_of(
            LABELLED,
            said,
            provider=provider,
            model=model,
            base_url="http://localhost/v1" if provider == "compatible" else "",
            endpoint=endpoint,
            confidence=True,
        )
        names = ("logprobs", "top_logprobs", "include")
        return {name: asking.parameters[name] for name in names if name in asking.parameters}

    assert asked("openai", "gpt-4o-mini") == {"logprobs": True}
    assert asked("openai", "gpt-4o-mini", top_logprobs=5) == {"logprobs": True, "top_logprobs": 5}
    assert asked("openai", endpoint=Endpoint.RESPONSES) == {"include": ["message.output_text.logprobs"]}
    assert asked("compatible") == {"logprobs": True, "top_logprobs": 5}
    assert asked("openai", "gpt-5.4-mini", reasoning_effort="none") == {"logprobs": True}
    assert asked("groq", logprobs=True) == {"logprobs": True}


def test_the_rows_that_the_model_was_least_sure_of(tmp_path):
    """
    A queue for people: rows in the order of the table, none that a person corrected, none without a
    confidence; and a column that says that they are no random sample.
    """
    run = make_run(tmp_path, rows=28, confidence=True)
    fake = FakeProvider("openai", Faults(rows_refused=0.2))
    finish(run, fake, policy=dataclasses.replace(POLICY, rounds=1))
    everything = rows_of(tmp_path / "out.csv")
    sure = {row["id"]: float(row["label_confidence"]) for row in everything if row["label_confidence"]}
    # The fake is as sure of one label as of any other: what is least sure are the first rows.
    assert len(set(sure.values())) == 1
    first, *others = sure
    add_correction(run.path, int(first), "label", "c", chosen_by="least sure")
    report = export(run, tmp_path / "check.csv", least_sure=5)
    checked = rows_of(tmp_path / "check.csv")
    assert [row["id"] for row in checked] == others[:5]
    assert {row["chosen_by"] for row in checked} == {"least sure"}
    assert (report.rows, report.left_out) == (5, 23)
    assert export(run, tmp_path / "all.csv", least_sure=1_000).rows == len(others)
    assert least_sure_rows(run, 3).to_list() == [int(one) for one in others[:3]]
    noted = json.loads((run.path / "corrections.jsonl").read_text().splitlines()[0])
    assert (noted["value"], noted["chosen_by"]) == ("c", "least sure")


def test_least_sure_by_the_value_that_is_least_sure():
    """
    Of a row with several values the one that the model was least sure of counts.
    """
    book = parse_codebook(
        {"variables": [{"name": name, "labels": [{"name": "x"}, {"name": "y"}]} for name in ("a", "b")]}
    )
    question = Question(text="text", answer=codebook_document(book))
    asking = asking_of(question, Said(), provider="openai", model="gpt-4o-mini", confidence=True)
    plan = Plan(Source(Path("t.csv")), question, asking)
    frame = pl.DataFrame({"confidence:0": [0.9, 0.5, None], "confidence:1": [0.2, None, None]})
    assert frame.select(how_sure(plan)).to_series().to_list() == [0.2, 0.5, None]


def test_a_queue_needs_that_somebody_asked(tmp_path):
    """
    Said before anything is written.
    """
    run = make_run(tmp_path)
    finish(run, FakeProvider("openai"))
    with pytest.raises(UsageError) as error:
        export(run, tmp_path / "x.csv", least_sure=5)
    assert error.value.kind == "confidence-not-asked"
    assert not (tmp_path / "x.csv").exists()
