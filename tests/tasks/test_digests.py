"""Whoever does the tasks, and how many do, the same request files come out."""

import pytest

from cases import cases
from rowbatch.steps.build import build
from rowbatch.tasks.array import work
from rowbatch.tasks.into_run import build_by_tasks
from rowbatch.tasks.plan import make_plan, place_of, read_tasks
from tasking import FORMS, create_run, digests, planned_run, requests_of, unfinished, write_table

ROWS = 40


@pytest.mark.parametrize("form", FORMS)
def test_the_same_shards_by_every_runner(tmp_path, form):
    """
    Of every form of table: serial and array jobs of 1, 2 and 7 elements give the same files, and these hold,
    in order, what is written without tasks.
    """
    table = write_table(tmp_path / form, ROWS)
    serial = planned_run(tmp_path / "serial", table)
    report = build_by_tasks(serial, "serial")
    assert report.rows == ROWS
    assert report.shards == len(read_tasks(place_of(serial))) > 2
    whole = create_run(tmp_path / "whole", table)
    told = build(whole)
    assert requests_of(serial) == requests_of(whole)
    assert (report.requests, report.skipped, report.request_bytes, report.prompt_tokens) == (
        told.requests,
        told.skipped,
        told.request_bytes,
        told.prompt_tokens,
    )
    for elements in (1, 2, 7):
        run = planned_run(tmp_path / f"array-{elements}", table)
        for index in reversed(range(elements)):
            assert all(outcome.record for outcome in work(place_of(run) / "prepare.jsonl", index, elements))
        build_by_tasks(run, "array")
        assert digests(run) == digests(serial)
        assert unfinished(run) == []


@pytest.mark.parametrize("form", cases(["posts.csv"], FORMS))
@pytest.mark.parametrize("workers", cases([2], [1, 2, 7]))
def test_the_same_shards_by_a_pool(tmp_path, form, workers):
    """
    Several processes give the same files as one.
    """
    table = write_table(tmp_path / form, ROWS)
    serial, pool = planned_run(tmp_path / "serial", table), planned_run(tmp_path / "pool", table)
    build_by_tasks(serial, "serial")
    build_by_tasks(pool, "pool", workers)
    assert digests(pool) == digests(serial)
    assert unfinished(pool) == []


def test_equal_rows_are_asked_once_over_all_tasks(tmp_path):
    """
    With `dedupe` a row that asks what one of another task asks has no request, as without tasks.
    """
    table = tmp_path / "posts.csv"
    table.write_text("id,text\n" + "".join(f"{n},text {n % 5}\n" for n in range(30)))
    run, whole = (create_run(tmp_path / name, table, dedupe=True) for name in ("tasks", "whole"))
    assert make_plan(run, "serial", rows_per_task=9).tasks == 4
    report, told = build_by_tasks(run), build(whole)
    assert requests_of(run) == requests_of(whole)
    assert report.duplicates == told.duplicates == 25
    assert run.duplicates_path.read_bytes() == whole.duplicates_path.read_bytes()


def test_texts_that_repeat_are_told_over_all_tasks(tmp_path, monkeypatch):
    """
    Without `dedupe` it is counted which rows ask what another one asks, also one of another task, as without
    tasks; what stood for the texts is gone then. Of a table too large for that nothing is said.
    """
    table = tmp_path / "posts.csv"
    table.write_text("id,text\n" + "".join(f"{n},{'' if n == 7 else f'text {n % 5}'}\n" for n in range(30)))
    run, whole = (create_run(tmp_path / name, table) for name in ("tasks", "whole"))
    assert make_plan(run, "serial", rows_per_task=9).tasks == 4
    report, told = build_by_tasks(run), build(whole)
    assert (report.repeats, report.repeated_texts) == (told.repeats, told.repeated_texts) == (24, 5)
    assert not (place_of(run) / "hashes").exists()
    large = create_run(tmp_path / "large", table)
    make_plan(large, "serial", rows_per_task=9)
    monkeypatch.setattr("rowbatch.tasks.prepare.MOST_COMPARED_ROWS", 29)
    assert build_by_tasks(large).repeats == 0
