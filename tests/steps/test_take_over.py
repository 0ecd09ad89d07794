"""Answers that an earlier run has are taken over, and not paid again."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from unittest import mock

import polars as pl
import pytest

from driving import LABELS, client_of, drive, right_label, rows_of
from fake_providers import FakeProvider
from rowbatch.core.codebook import Codebook, codebook_document, codebook_from_labels
from rowbatch.core.endpoint import Endpoint
from rowbatch.core.plan import Output, Plan, Question, Source
from rowbatch.core.shard import ShardLimits
from rowbatch.providers.catalog import find_provider
from rowbatch.requests.asking import Said, asking_of
from rowbatch.results import earlier as earlier_module
from rowbatch.steps import build as build_step
from rowbatch.steps import take_over
from rowbatch.steps.build import build
from rowbatch.steps.built import is_built, read_build_report
from rowbatch.steps.collect import collect
from rowbatch.steps.create import create
from rowbatch.steps.recover import recover
from rowbatch.steps.verify import verify
from rowbatch.store.ledger import Ledger
from rowbatch.store.rundir import RunDirectory

DIALECTS = ["openai", "anthropic", "gemini", "mistral"]


def planned(folder, rows, *, text="text", provider="openai", endpoint=Endpoint.CHAT, said=None, **asking):
    """A run that is not built, of a table with these rows: dictionaries of columns."""
    folder.mkdir(parents=True)
    table = folder / "posts.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    run = RunDirectory(folder / "run")
    is_embeddings = endpoint is Endpoint.EMBEDDINGS
    book = Codebook() if is_embeddings else codebook_from_labels("label", LABELS, "Which?")
    question = Question(text=text, answer=codebook_document(book))
    said = said or Said(max_tokens=None if is_embeddings else 20)
    asked = asking_of(question, said, provider=provider, model="m", endpoint=endpoint, **asking)
    output = folder / ("out.parquet" if is_embeddings else "out.csv")
    create(run, Plan(Source(table), question, asked, Output(output)))
    return run


def build_small(run, earlier=(), provider="openai", shard_rows=4):
    """Build it with small shards; what it took over."""
    small = dataclasses.replace(find_provider(provider), limits=ShardLimits(shard_rows, 100_000))
    with mock.patch.object(build_step, "find_provider", return_value=small):
        return build(run, earlier=earlier)


def posts(*texts):
    return [{"id": str(number), "text": text} for number, text in enumerate(texts, 1)]


def finished(run, fake, earlier=(), provider="openai"):
    """Build and drive it to its end, and write its table."""
    built = build_small(run, earlier, provider)
    drive(run, fake, provider=provider)
    return built, collect(run)


WAVES = [
    # The first one; with marks that careless programs stumble over.
    [
        ("1", "alpha"),
        ("2", 'say "x", y'),
        ("3", "two\u2028lines"),
        ("4", ""),
        ("5", "数据 😀"),
        ("6", "a\nb"),
    ],
    # Rows were added, and all are sorted otherwise.
    [
        ("9", "new one"),
        ("6", "a\nb"),
        ("5", "数据 😀"),
        ("4", ""),
        ("3", "two\u2028lines"),
        ("2", 'say "x", y'),
        ("1", "alpha"),
        ("8", "newer"),
    ],
    # Cells were corrected, also an empty one.
    [("1", "alpha!"), ("2", 'say "x", y'), ("3", "two\u2028lines"), ("4", "was empty"), ("9", "new one")],
    # Rows were removed and old ones came back; the number of rows is that of the wave before.
    [("6", "a\nb"), ("1", "alpha"), ("4", "was empty"), ("8", "newer"), ("10", "last")],
]


@pytest.mark.parametrize("provider", DIALECTS)
def test_a_text_is_paid_once_over_all_waves(tmp_path, provider):
    """A table that grows, is sorted, corrected and cut: the provider's own count has each text once."""
    fake, sent = FakeProvider(provider), 0
    runs: list[RunDirectory] = []
    for number, wave in enumerate(WAVES, 1):
        # Each wave calls its columns otherwise, and has them in another order.
        names = ("id", "text") if number % 2 else ("message", "no")
        rows = [dict(zip(names, pair if number % 2 else pair[::-1], strict=True)) for pair in wave]
        run = planned(
            tmp_path / f"w{number}", rows, text="text" if number % 2 else "message", provider=provider
        )
        known = {text for earlier in WAVES[: number - 1] for _, text in earlier if text}
        built, report = finished(run, fake, runs[::-1], provider)
        new = [text for _, text in wave if text and text not in known]
        assert built.requests == len(new)
        assert built.taken_over == sum(text in known for _, text in wave)
        assert report.taken_over == built.taken_over
        sent += len(new)
        assert fake.rows_run == sent
        labelled = rows_of(tmp_path / f"w{number}" / "out.csv")
        assert [row["text" if number % 2 else "message"] for row in labelled] == [text for _, text in wave]
        for row, (_, text) in zip(labelled, wave, strict=True):
            assert row["status"] == ("ok" if text else "skipped")
            assert row["label"] == (right_label(text) if text else "")
        assert verify(run).faults == []
        runs.append(run)
    distinct = {text for wave in WAVES for _, text in wave if text}
    assert sent == len(distinct)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"said": Said(max_tokens=21)}, id="limit"),
        pytest.param({"said": Said(temperature=0.5, max_tokens=20)}, id="temperature"),
        pytest.param({"said": Said(max_tokens=20, others={"seed": 4})}, id="seed"),
        pytest.param({"base_url": "https://gateway.example/v1"}, id="address"),
        pytest.param({"provider": "mistral"}, id="provider"),
        pytest.param({"endpoint": Endpoint.RESPONSES}, id="endpoint"),
        pytest.param({"fresh": True}, id="fresh"),
    ],
)
def test_another_question_or_another_provider_is_asked_anew(tmp_path, other):
    """What is asked otherwise, or elsewhere, has no answer yet; and `fresh` asks all."""
    fake = FakeProvider()
    first = planned(tmp_path / "a", posts("one", "two"))
    finished(first, fake)
    built = build_small(planned(tmp_path / "b", posts("one", "two"), **other), [first])
    assert (built.requests, built.taken_over) == (2, 0)


def test_two_columns_in_a_template_are_compared_as_they_are_sent(tmp_path):
    """What stands in which column makes another request, though all the letters are the same."""
    fake = FakeProvider()
    rows = [{"a": "x", "b": "y"}, {"a": "x y", "b": ""}]
    first = templated(tmp_path / "a", rows, "{{a}} and {{b}}")
    finished(first, fake)
    same = build_small(templated(tmp_path / "b", [{"q": "y", "p": "x"}], "{{p}} and {{q}}"), [first])
    other = build_small(templated(tmp_path / "c", [{"p": "y", "q": "x"}], "{{p}} and {{q}}"), [first])
    assert (same.taken_over, other.taken_over) == (1, 0)


def templated(folder, rows, template):
    run = planned(folder, rows, text=next(iter(rows[0])))
    plan = run.plan()
    shutil.rmtree(run.path)
    create(
        run,
        dataclasses.replace(plan, question=dataclasses.replace(plan.question, text="", template=template)),
    )
    return run


def test_only_answers_that_can_be_used_are_taken(tmp_path):
    """A row without a usable answer, or that was never sent, is asked."""
    fake = FakeProvider()
    fake.spoil = lambda row, line: line.replace(b"label", b"lapel") if row == "row-2" else line
    first = planned(tmp_path / "a", posts("one", "two", "three", "four", "five"))
    built = build_small(first)
    drive(first, fake, goal="submitted")
    with client_of(fake) as client, first.ledger() as ledger:
        del client
        assert built.shards == len(ledger.shards()) == 2
    # Nothing came yet.
    assert build_small(planned(tmp_path / "b", posts("one")), [first]).taken_over == 0
    drive(first, fake)
    third = planned(tmp_path / "c", posts("five", "two", "one"))
    assert build_small(third, [first]).taken_over == 2
    fake.spoil = lambda _, line: line
    drive(third, fake)
    collect(third)
    assert [row["status"] for row in rows_of(tmp_path / "c" / "out.csv")] == ["ok"] * 3


def test_a_doubted_shard_and_a_row_with_two_lines_give_nothing(tmp_path):
    """Where it is not certain whose an answer is, the row is asked."""
    fake = FakeProvider()
    fake.spoil = lambda row, line: line + line if row == "row-2" else line
    first = planned(tmp_path / "a", posts("one", "two", "three"))
    finished(first, fake)
    assert build_small(planned(tmp_path / "b", posts("one", "two", "three")), [first]).taken_over == 2
    with mock.patch.object(earlier_module, "read_findings", return_value=mock.Mock(is_doubted=True)):
        assert build_small(planned(tmp_path / "c", posts("one", "two", "three")), [first]).taken_over == 0


def test_the_earlier_run_may_be_removed(tmp_path):
    """What was taken over is the run's own: collect, verify, and a run after it need the old one no more."""
    fake = FakeProvider()
    first = planned(tmp_path / "a", posts("one", "two", "three"))
    finished(first, fake)
    second = planned(tmp_path / "b", posts("three", "four", "one"))
    build_small(second, [first])
    shutil.rmtree(tmp_path / "a")
    drive(second, fake)
    report = collect(second)
    assert report.statuses == {"ok": 3}
    assert verify(second).faults == []
    third = planned(tmp_path / "c", posts("one", "four", "three"))
    assert build_small(third, [second]).requests == 0
    assert collect(third).statuses == {"ok": 3}
    assert [row["label"] for row in rows_of(tmp_path / "c" / "out.csv")] == [
        right_label(text) for text in ("one", "four", "three")
    ]
    assert fake.rows_run == 4


def test_the_table_says_whose_the_answers_are(tmp_path):
    """The metadata name the runs; tokens that were paid there are not counted here."""
    fake = FakeProvider()
    first = planned(tmp_path / "a", posts("one", "two"))
    finished(first, fake)
    second = planned(tmp_path / "b", posts("two", "three"))
    built, report = finished(second, fake, [first])
    assert built.taken_from == ("run",)
    document = json.loads((tmp_path / "b" / "out.csv-metadata.json").read_text())["rowbatch:run"]
    assert document["answers_taken_over"] == {
        "rows": 1,
        "from": [{"run": "run", "created_at": first.plan().created_at, "rows": 1}],
    }
    assert [spent.requests for spent in report.spent] == [1]
    assert report.prompt_tokens == report.spent[0].prompt_tokens


def test_rows_that_ask_the_same_are_taken_with_it(tmp_path):
    """With `dedupe` the first of equal rows is taken over, and the others have its answer."""
    fake = FakeProvider()
    first = planned(tmp_path / "a", posts("one", "two"))
    finished(first, fake)
    for name, dedupe, taken in (("b", True, 1), ("c", False, 2)):
        run = planned(tmp_path / name, posts("one", "one", "three", "three"), dedupe=dedupe)
        built, report = finished(run, fake, [first])
        assert (built.taken_over, built.requests) == (taken, 1 if dedupe else 2)
        assert report.statuses == {"ok": 4}
        assert verify(run).faults == []


def test_embeddings_are_taken_over(tmp_path):
    """Lists of numbers as well as labels, with the dimensions that the first one has."""
    fake = FakeProvider()
    fake.spoil = as_embedding
    first = planned(tmp_path / "a", posts("one", "two"), endpoint=Endpoint.EMBEDDINGS)
    finished(first, fake)
    second = planned(tmp_path / "b", posts("two", "three", "one"), endpoint=Endpoint.EMBEDDINGS)
    built, report = finished(second, fake, [first])
    assert (built.taken_over, built.requests) == (2, 1)
    assert report.statuses == {"ok": 3}
    found = pl.read_parquet(tmp_path / "b" / "out.parquet")
    old = pl.read_parquet(tmp_path / "a" / "out.parquet")
    assert found["embedding"][0].to_list() == old["embedding"][1].to_list()
    assert found["embedding"][2].to_list() == old["embedding"][0].to_list()


def as_embedding(row, line):
    """The same line with an embedding that depends on its row."""
    document = json.loads(line)
    number = int(row.removeprefix("row-"))
    document["response"]["body"] = {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [number / 8, 0.5, -1.0]}],
        "model": "m",
        "usage": {"prompt_tokens": 3, "total_tokens": 3},
    }
    return json.dumps(document).encode() + b"\n"


def test_indexes_are_made_anew_of_the_files(tmp_path):
    """An old run has none, and another polars hashes otherwise: the same is found by what lies in the run."""
    fake = FakeProvider()
    first = planned(tmp_path / "a", posts(*(text for _, text in WAVES[0])))
    finished(first, fake)
    known = (first.fingerprints / "asked").read_bytes()
    shutil.rmtree(first.fingerprints)
    shutil.rmtree(first.columns)
    second = planned(tmp_path / "b", posts(*(text for _, text in WAVES[1])))
    assert build_small(second, [first]).taken_over == 5
    assert (first.fingerprints / "asked").read_bytes() == known
    (first.fingerprints / "asked").write_bytes(known[:-7] + b"damaged")
    (first.fingerprints / "answered").unlink()
    third = planned(tmp_path / "c", posts(*(text for _, text in WAVES[1])))
    assert build_small(third, [first]).taken_over == 5
    with mock.patch.object(pl, "__version__", "3.0.0"):
        fourth = planned(tmp_path / "d", posts(*(text for _, text in WAVES[1])))
        assert build_small(fourth, [first]).taken_over == 5


def test_files_that_were_changed_are_not_taken(tmp_path):
    """A result file that is not what came, or is gone, costs its rows another question, and no error."""
    fake = FakeProvider()
    first = planned(tmp_path / "a", posts("one", "two"))
    finished(first, fake)
    build_small(planned(tmp_path / "b", posts("one")), [first])
    (result,) = first.results.glob("*.output.jsonl")
    result.write_bytes(result.read_bytes().replace(b"row-1", b"row-2"))
    for name in ("c", "d"):
        run = planned(tmp_path / name, posts("one", "two"))
        assert build_small(run, [first]).taken_over == 0
        assert not list(run.results.iterdir())
        assert sorted(path.name for path in run.requests.iterdir()) == ["r1-0001.jsonl"]
        result.unlink(missing_ok=True)


class Killed(BaseException):
    """The program is gone."""


@pytest.mark.parametrize("at", ["rest", "finish", "_copy", "_shard", "add_shards"])
def test_a_build_that_was_killed_is_done_again(tmp_path, at):
    """Wherever it was stopped, the next build takes the same over, or asks where the old run is gone."""
    fake = FakeProvider()
    first = planned(tmp_path / "a", posts("one", "two", "three"))
    finished(first, fake)
    second = planned(tmp_path / "b", posts("new", "two", "three", "four", "five", "six"))
    killed(second, first, at)
    assert not is_built(second)
    build_small(second, [first], shard_rows=2)
    assert names(second) == ["r0-0001.jsonl", "r0-rows.parquet", "r1-0001.jsonl", "r1-0002.jsonl"]
    drive(second, fake)
    assert collect(second).statuses == {"ok": 6}
    assert fake.rows_run == 3 + 4
    third = planned(tmp_path / "c", posts("one", "two", "nine"))
    killed(third, first, at)
    shutil.rmtree(tmp_path / "a")
    assert build_small(third).requests == 3
    assert names(third) == ["r1-0001.jsonl"]


def names(run):
    return sorted(path.name for path in run.requests.iterdir())


def killed(run, earlier, at):
    """Build it, and stop at a place, after what is done there."""
    owner = {"rest": take_over.Takeover, "finish": take_over.Takeover, "add_shards": Ledger}.get(
        at, take_over
    )
    done = getattr(owner, at)

    def stop(*args, **options):
        if at != "add_shards":
            done(*args, **options)
        raise Killed

    with mock.patch.object(owner, at, stop), pytest.raises(Killed):
        build_small(run, [earlier], shard_rows=2)


def test_many_rows_in_another_order(tmp_path):
    """Parts of some rows, heaps of some rows, answers from several runs: each row has its own answer."""
    fake = FakeProvider()
    with (
        mock.patch.object(take_over, "_ROWS_OF_A_SHARD", 7),
        mock.patch.object(take_over, "_HELD_BYTES", 1_000),
        mock.patch.object(earlier_module, "_ROWS_OF_A_HEAP", 20),
    ):
        runs = []
        for number in range(4):
            run = planned(
                tmp_path / str(number), posts(*("x" * n for n in range(1 + number * 15, 16 + number * 15)))
            )
            finished(run, fake)
            runs.append(run)
        order = [n * 37 % 61 for n in range(1, 61)]
        last = planned(tmp_path / "last", posts(*("x" * n for n in order), "not known"))
        built, report = finished(last, fake, runs)
    assert (built.taken_over, built.requests) == (60, 1)
    assert report.statuses == {"ok": 61}
    for row in rows_of(tmp_path / "last" / "out.csv"):
        assert row["label"] == right_label(row["text"])
    with last.ledger() as ledger:
        assert len([shard for shard in ledger.shards() if shard.round == 0]) == 9


@pytest.mark.parametrize("lost", ["ledger", "ledger and trail"])
def test_a_lost_ledger_is_made_anew(tmp_path, lost):
    """Answers that were taken over are known by the trail, and else by the files; nothing is paid again."""
    fake = FakeProvider()
    first = planned(tmp_path / "a", posts("one", "two"))
    finished(first, fake)
    second = planned(tmp_path / "b", posts("two", "three", "one"))
    finished(second, fake, [first])
    before = read_build_report(second)
    second.ledger_path.unlink()
    if "trail" in lost:
        (second.path / "batches.jsonl").unlink()
    with client_of(fake) as client:
        report = recover(
            second, client, reader=earlier_module.line_reader(second.plan())._answers, price=None
        )
    assert (report.shards, report.downloaded, report.unsent) == (2, 2, 0)
    after = read_build_report(second)
    assert (after.taken_over, after.requests) == (before.taken_over, before.requests)
    drive(second, fake)
    assert collect(second, overwrite=True).statuses == {"ok": 3}
    assert fake.rows_run == 3
