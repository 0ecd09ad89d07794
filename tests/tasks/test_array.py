"""An array job: each element does its tasks wherever it runs, and one side takes what they did."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from rowbatch.errors import RunError, UsageError
from rowbatch.objects.stores import open_store
from rowbatch.tasks import prepare as prepare_module
from rowbatch.tasks.array import work
from rowbatch.tasks.doing import do_task
from rowbatch.tasks.into_run import build_by_tasks
from rowbatch.tasks.plan import place_of, read_tasks
from rowbatch.tasks.prepare import prepare
from rowbatch.tasks.records import keep_record
from rowbatch.tasks.runners import make_runner
from tasking import digests, planned_run, unfinished, write_table


@pytest.fixture
def run(tmp_path):
    return planned_run(tmp_path / "run", write_table(tmp_path / "posts.csv", 40))


def tasks_file(run):
    return place_of(run) / "prepare.jsonl"


def test_what_is_left_is_told(run):
    """
    Before all elements have run nothing is built, and how many tasks are left is told; then it is as any run.
    """
    list(work(tasks_file(run), 0, 2))
    with pytest.raises(RunError) as caught:
        build_by_tasks(run)
    assert (caught.value.kind, caught.value.values["left"], caught.value.values["tasks"]) == (
        "tasks-wait-for-array",
        2,
        5,
    )
    assert not any(run.requests.iterdir())
    list(work(tasks_file(run), 1, 2))
    assert build_by_tasks(run).rows == 40


def test_one_element_a_task(run):
    """
    Without a number of elements each does one task, and there is none beyond the last.
    """
    done = [outcome.task for index in range(5) for outcome in work(tasks_file(run), index)]
    assert done == [task["id"] for task in read_tasks(place_of(run))]
    with pytest.raises(UsageError, match="there is no element 5"):
        list(work(tasks_file(run), 5))


def test_a_failure_is_kept_for_who_waits(run, monkeypatch):
    """
    What ended a task on another machine is raised where the records are taken; done again it is forgotten.
    """
    with monkeypatch.context() as broken:
        broken.setattr(prepare_module, "_prepared", lambda *_: 1 / 0)
        outcomes = list(work(tasks_file(run), 0, 1))
    assert {outcome.problem["kind"] for outcome in outcomes if outcome.problem} == {"task-broke"}
    with pytest.raises(Exception, match="ZeroDivisionError: division by zero"):
        build_by_tasks(run)
    assert all(outcome.record for outcome in work(tasks_file(run), 0, 1))
    assert build_by_tasks(run).rows == 40


def test_a_plan_can_be_moved(run, tmp_path):
    """
    The folder of the run may lie elsewhere on the machine that does the tasks.
    """
    moved = type(run)(tmp_path / "moved")
    run.path.rename(moved.path)
    assert all(outcome.record for outcome in work(tasks_file(moved), 0, 1))
    assert build_by_tasks(moved).rows == 40


def test_a_task_is_done_once(run, monkeypatch):
    """
    A task whose files and record are there returns at once; where a file is gone or was cut, it is done again.
    """
    tasks = read_tasks(place_of(run))
    first = prepare(tasks[0])
    with monkeypatch.context() as unused:
        unused.setattr(prepare_module, "_prepared", lambda *_: pytest.fail("it is done already"))
        assert prepare(tasks[0]) == first
    file = place_of(run) / first["files"][0]["name"]
    whole = file.read_bytes()
    file.unlink()
    assert prepare(tasks[0]) == first
    assert file.read_bytes() == whole


def test_a_task_done_twice_at_once(run, monkeypatch):
    """
    Of two that do the same task at the same time both end with the same record, and one file is there.
    """
    tasks = read_tasks(place_of(run))
    records: list[Mapping[str, Any] | None] = []

    def second_in_between(store, task, record):
        if not records:
            records.append(None)
            records.append(prepare(tasks[0]))
        return keep_record(store, task, record)

    monkeypatch.setattr(prepare_module, "keep_record", second_in_between)
    assert prepare(tasks[0]) == records[1]
    assert unfinished(run) == []


def test_a_task_done_by_another_version_is_told(run):
    """
    A file of other content under the name of a task's is never taken for it, and never replaced.
    """
    tasks = read_tasks(place_of(run))
    name = f"prepare/{tasks[0]['id']}-0001.jsonl"
    open_store(place_of(run)).put(name, b"{}\n")
    error = do_task("prepare", tasks[0]).error
    assert error is not None
    assert error.kind == "task-done-otherwise"
    assert (place_of(run) / name).read_bytes() == b"{}\n"


def test_records_that_are_damaged_are_made_again(run):
    """
    A record that is no record does not stand for a task.
    """
    list(work(tasks_file(run), 0, 1))
    before = digests(run)
    record = place_of(run) / "records" / "p000002.json"
    for text in ("", "{}", "[]", '{"files": [{"name": "../x", "bytes": 1}]}', json.dumps({"files": 3})):
        record.write_text(text)
        assert all(outcome.record for outcome in work(tasks_file(run), 0, 1))
    assert digests(run) == before
    assert build_by_tasks(run).rows == 40


def test_names_of_runners(tmp_path):
    """
    A runner that is not known, or takes no number of workers, is told.
    """
    with pytest.raises(UsageError, match="there is no runner 'cloud'"):
        make_runner("cloud", None, tmp_path)
    for name in ("serial", "array"):
        with pytest.raises(UsageError, match="takes no number of workers"):
            make_runner(name, 2, tmp_path)
