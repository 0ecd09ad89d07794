"""Tasks whose plan and files lie on object storage: workers on machines that share no folder."""

import shutil

import polars as pl
import pytest

from driving import drive
from fake_objects import fake_store
from fake_providers import FakeProvider, Faults
from rowbatch.errors import OutputExists, TableChanged
from rowbatch.objects import bucket, stores
from rowbatch.steps.collect import collect
from rowbatch.store.copies import copy_of
from rowbatch.tasks import ranges
from rowbatch.tasks.array import work
from rowbatch.tasks.into_run import build_by_tasks
from rowbatch.tasks.parts import collect_parts
from rowbatch.tasks.plan import place_of
from tasking import FORMS, digests, planned_run, unfinished, write_table

_PLAN = "s3://bucket/work 1+1/ü"


@pytest.fixture
def fake(monkeypatch, tmp_path):
    monkeypatch.setattr(stores, "_OPEN", {})
    monkeypatch.setattr(bucket, "_PAUSE_S", 0.01)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with fake_store() as found:
        for name, value in found.environment().items():
            monkeypatch.setenv(name, value)
        yield found


def _put(fake, path, name):
    """A table, or a folder of such, under a name in the bucket; its address."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    for file in files:
        inside = file.relative_to(path).as_posix()
        stores.open_store("s3://bucket").put(name if file == path else f"{name}/{inside}", file.read_bytes())
    return f"s3://bucket/{name}"


def _planned(place, address, **options):
    return planned_run(place, copy_of(address), store=_PLAN, **options)


@pytest.mark.parametrize("form", FORMS)
def test_the_same_files_as_in_a_folder(fake, tmp_path, form):
    """
    Of a table of any form on object storage: workers that see neither run nor table write the same bytes as
    those that see both, and the run takes them.
    """
    table = write_table(tmp_path / form, 40)
    here = planned_run(tmp_path / "here", table)
    list(work(place_of(here) / "prepare.jsonl", 0, 1))
    build_by_tasks(here)
    there = _planned(tmp_path / "there", _put(fake, table, f"tables/{form}"))
    # Nobody but the store has it while they work.
    (tmp_path / "there").rename(tmp_path / "away")
    shutil.rmtree(table) if table.is_dir() else table.unlink()
    for index in (1, 0):
        assert all(outcome.problem is None for outcome in work(f"{_PLAN}/prepare.jsonl", index, 2))
    (tmp_path / "away").rename(tmp_path / "there")
    assert build_by_tasks(there).rows == 40
    assert digests(there) == digests(here)
    assert not unfinished(there)


@pytest.mark.parametrize(
    ("form", "runner"), [("posts.parquet", "pool"), ("posts.csv", "serial"), ("posts.xlsx", "serial")]
)
def test_the_labelled_table_in_parts(fake, tmp_path, form, runner):
    """
    Of a run whose tasks lie on object storage, as its table does: parts have the rows and the answers of one
    file, by tasks that read the table there.
    """
    table = write_table(tmp_path / form, 40)
    run = _planned(tmp_path / "run", _put(fake, table, form))
    list(work(f"{_PLAN}/prepare.jsonl", 0, 1))
    build_by_tasks(run)
    drive(run, FakeProvider("openai", Faults(rows_fail=0.3), 1))
    collect(run, output=tmp_path / "whole.parquet")
    fake.asked.clear()
    report = collect_parts(run, tmp_path / "parts", runner, 1 if runner == "pool" else None)
    assert report.rows == 40
    assert any(form in asked[1] for asked in fake.asked) == (form != "posts.xlsx")
    parts, whole = pl.read_parquet(tmp_path / "parts/*.parquet"), pl.read_parquet(tmp_path / "whole.parquet")
    assert parts.equals(whole.fill_null("") if form == "posts.xlsx" else whole)
    assert not unfinished(run)


def test_equal_rows_are_asked_once(fake, tmp_path):
    """
    Which rows repeat others is known over the whole table, and workers find it beside the plan.
    """
    table = write_table(tmp_path / "posts.csv", 40)
    here = planned_run(tmp_path / "here", table, dedupe=True)
    build_by_tasks(here, "serial")
    there = _planned(tmp_path / "there", _put(fake, table, "posts.csv"), dedupe=True)
    list(work(f"{_PLAN}/prepare.jsonl", 0, 1))
    build_by_tasks(there)
    assert digests(there) == digests(here)


def test_a_table_of_this_computer_is_brought_as_texts(fake, tmp_path):
    """
    Workers cannot see it: its texts go with the plan.
    """
    table = write_table(tmp_path / "posts.csv", 40)
    here = planned_run(tmp_path / "here", table)
    build_by_tasks(here, "serial")
    there = planned_run(tmp_path / "there", table, store=_PLAN)
    assert "work 1+1/ü/staged-0001.parquet" in fake.names()
    list(work(f"{_PLAN}/prepare.jsonl", 0, 1))
    build_by_tasks(there)
    assert digests(there) == digests(here)


def test_a_task_of_a_parquet_file_fetches_its_own_row_groups(fake, tmp_path, monkeypatch):
    """
    Of a file with twenty row groups a task of one of them moves a tenth of the bytes at most.
    """
    import polars as pl

    monkeypatch.setattr(ranges, "_TAIL_BYTES", (8 << 10, 16 << 20))
    frame = pl.DataFrame({"id": range(2_000), "text": [f"{n} {n * 7919:x} " * 40 for n in range(2_000)]})
    frame.write_parquet(tmp_path / "posts.parquet", row_group_size=100, compression="uncompressed")
    size = (tmp_path / "posts.parquet").stat().st_size
    address = _put(fake, tmp_path / "posts.parquet", "posts.parquet")
    run = _planned(tmp_path / "run", address, rows_per_task=100)
    fake.asked.clear()
    (done,) = work(f"{_PLAN}/prepare.jsonl", 7)
    assert done.problem is None
    asked = [span for method, name, span in fake.asked if method == "GET" and name.endswith("posts.parquet")]
    moved = sum(
        int(end) - int(start) + 1 for start, end in (span.removeprefix("bytes=").split("-") for span in asked)
    )
    assert moved < size / 10
    list(work(f"{_PLAN}/prepare.jsonl", 0, 1))
    assert build_by_tasks(run).rows == 2_000


def test_a_table_that_was_replaced_is_noticed_by_the_task(fake, tmp_path):
    """
    Its version is asked for with each range: no request is made of another table, and who waits is told.
    """
    address = _put(fake, write_table(tmp_path / "posts.csv", 40), "posts.csv")
    run = _planned(tmp_path / "run", address)
    fake.objects["bucket/posts.csv"] = fake.objects["bucket/posts.csv"].replace(b"text", b"TEXT")
    outcomes = list(work(f"{_PLAN}/prepare.jsonl", 0, 1))
    assert {(outcome.problem or {}).get("kind") for outcome in outcomes} == {"piece-changed"}
    with pytest.raises(TableChanged, match=r"s3://bucket/posts\.csv"):
        build_by_tasks(run)


def test_a_worker_is_repeated_after_any_lost_answer(fake, tmp_path):
    """
    A write whose answer was lost is known as its own; a second worker finds all done, and writes nothing.
    """
    address = _put(fake, write_table(tmp_path / "posts.csv", 40), "posts.csv")
    run = _planned(tmp_path / "run", address)
    fake.faults.lose_answer, fake.faults.cut_upload, fake.faults.cut_download = 2, 1, 1
    assert all(outcome.problem is None for outcome in work(f"{_PLAN}/prepare.jsonl", 0, 1))
    fake.asked.clear()
    assert all(outcome.problem is None for outcome in work(f"{_PLAN}/prepare.jsonl", 0, 1))
    assert "PUT" not in {method for method, *_ in fake.asked}
    assert build_by_tasks(run).rows == 40


def test_another_plan_at_the_address_is_not_written_over(fake, tmp_path):
    """
    Of two runs that name the same place the second is refused; the first one's plan again is no error.
    """
    one = _put(fake, write_table(tmp_path / "posts.csv", 40), "posts.csv")
    two = _put(fake, write_table(tmp_path / "posts.tsv", 30), "posts.tsv")
    _planned(tmp_path / "run", one)
    before = dict(fake.objects)
    with pytest.raises(OutputExists, match="work 1"):
        _planned(tmp_path / "other", two)
    assert fake.objects == before
    from rowbatch.store.rundir import RunDirectory
    from rowbatch.tasks.plan import make_plan

    assert make_plan(RunDirectory(tmp_path / "run"), "array").store == _PLAN
    assert fake.objects == before
