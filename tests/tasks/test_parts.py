"""The labelled table in parts: the same rows, the same answers and the same counts as in one file."""

import json

import polars as pl
import pytest

from cases import cases
from driving import drive
from fake_providers import FakeProvider, Faults
from rowbatch.errors import OutputExists, RunError, UsageError
from rowbatch.programs.opening import open_table
from rowbatch.steps.collect import collect
from rowbatch.steps.verify import verify
from rowbatch.tasks.array import work
from rowbatch.tasks.doing import SerialRunner
from rowbatch.tasks.into_run import build_by_tasks
from rowbatch.tasks.parts import collect_parts
from rowbatch.tasks.plan import place_of
from rowbatch.tasks.pool import PoolRunner
from rowbatch.tasks.verify import verify_by
from tasking import planned_run, unfinished, write_table

COUNTS = (
    "rows",
    "statuses",
    "reasons",
    "forgiven",
    "models",
    "unknown_ids",
    "repeated_ids",
    "unreadable_lines",
    "prompt_tokens",
    "answer_tokens",
    "without_confidence",
    "labels",
    "spent",
)
FAULTS = Faults(rows_fail=0.3, rows_refused=0.1, rows_missing=0.1, rows_twice=0.1, strange_lines=0.2)


@pytest.fixture
def run(tmp_path):
    return driven_run(tmp_path, "posts.csv")


def driven_run(folder, form, *, rows=60, seed=1):
    """A run whose results have everything that can be odd, over several rounds."""
    run = planned_run(folder / "run", write_table(folder / form, rows))
    build_by_tasks(run, "serial")
    drive(run, FakeProvider("openai", FAULTS, seed))
    with run.ledger() as ledger:
        assert max(shard.round for shard in ledger.shards()) > 1
    return run


def counts_of(report):
    return {name: getattr(report, name) for name in COUNTS}


@pytest.mark.parametrize(
    "form", cases(["posts.csv", "posts.parquet", "posts.xlsx"], ["posts.jsonl", "posts.sav"])
)
@pytest.mark.parametrize("seed", cases([1, 2], range(1, 21)))
def test_parts_are_the_table(tmp_path, form, seed):
    """
    Read as a folder the parts have the rows of the table in its order, and the reports count the same,
    whatever is odd in the results and however many rounds a row took. Of a format that is not cut they are
    texts.
    """
    run = driven_run(tmp_path, form, seed=seed)
    report = collect_parts(run, tmp_path / "parts", "serial")
    told = collect(run, output=tmp_path / "whole.parquet")
    assert counts_of(report) == counts_of(told)
    parts, whole = pl.read_parquet(tmp_path / "parts/*.parquet"), pl.read_parquet(tmp_path / "whole.parquet")
    assert parts.equals(whole.fill_null("") if form.endswith(("xlsx", "sav")) else whole)
    assert open_table(tmp_path / "parts").header == tuple(whole.columns)
    assert unfinished(run) == []


def test_parts_by_a_pool_and_by_an_array(run, tmp_path):
    """
    Whoever writes them the parts have the same bytes; and of an array job what is left is told.
    """
    collect_parts(run, tmp_path / "serial", "serial")
    collect_parts(run, tmp_path / "pool", "pool", 2)
    with pytest.raises(RunError, match="7 of 7 tasks are not done yet"):
        collect_parts(run, tmp_path / "array", "array")
    for index in range(3):
        assert all(outcome.record for outcome in work(place_of(run) / "extract.jsonl", index, 3))
    collect_parts(run, tmp_path / "array", "array")
    expected = {path.name: path.read_bytes() for path in (tmp_path / "serial").glob("part-*")}
    assert len(expected) == 7
    for folder in ("pool", "array"):
        assert {path.name: path.read_bytes() for path in (tmp_path / folder).glob("part-*")} == expected


def test_what_is_replaced(run, tmp_path):
    """
    The same state again costs nothing; parts of another one are replaced on demand, what is not ours never.
    """
    out = tmp_path / "parts"
    first = collect_parts(run, out, "serial")
    times = {path: path.stat().st_mtime_ns for path in out.glob("part-*")}
    assert counts_of(collect_parts(run, out, "serial")) == counts_of(first)
    assert {path: path.stat().st_mtime_ns for path in out.glob("part-*")} == times
    about = out / "_rowbatch.json"
    about.write_text(json.dumps({"state": "another"}))
    with pytest.raises(OutputExists):
        collect_parts(run, out, "serial")
    assert counts_of(collect_parts(run, out, "serial", overwrite=True)) == counts_of(first)
    (out / "mine.txt").write_text("mine")
    for overwrite in (False, True):
        about.write_text(json.dumps({"state": "another"}))
        with pytest.raises(OutputExists):
            collect_parts(run, out, "serial", overwrite=overwrite)
    assert (out / "mine.txt").read_text() == "mine"
    assert len(list(out.glob("part-*"))) == 7


def test_a_result_that_was_changed_is_told(run, tmp_path):
    """
    No part is made of a result file that is not what came.
    """
    file = sorted(run.results.glob("r1-*.output.jsonl"))[2]
    file.write_bytes(file.read_bytes().replace(b"row-", b"row_"))
    with pytest.raises(RunError) as caught:
        collect_parts(run, tmp_path / "parts", "serial")
    assert caught.value.kind == "result-file-changed"


def test_what_has_no_parts(tmp_path):
    """
    A run that was not planned as tasks is told so.
    """
    run = driven_run(tmp_path, "posts.csv")
    (place_of(run) / "plan.json").unlink()
    with pytest.raises(UsageError) as caught:
        collect_parts(run, tmp_path / "parts", "serial")
    assert caught.value.kind == "parts-not-planned"


@pytest.mark.parametrize("runner", [SerialRunner(), PoolRunner(2)], ids=["serial", "pool"])
def test_verified_by_tasks(run, runner):
    """
    Tasks find in the files of a run what one process finds, in the same order.
    """

    def by_tasks():
        return verify(run, of_shards=lambda shards: verify_by(runner, run, shards))

    assert by_tasks() == verify(run)
    assert by_tasks().faults == []
    for path in (
        sorted(run.requests.glob("r1-*.jsonl"))[1],
        sorted(run.results.glob("r1-*.output.jsonl"))[0],
    ):
        path.write_bytes(path.read_bytes() + b"\n")
    assert by_tasks() == verify(run)
    assert len(by_tasks().faults) == 2
