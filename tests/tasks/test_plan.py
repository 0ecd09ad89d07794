"""The plan: which rows are one task, decided once."""

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from rowbatch.core.plan import Output
from rowbatch.errors import RowbatchError, RunError, TableChanged, TableError, UsageError
from rowbatch.objects.stores import open_store
from rowbatch.steps.create import create
from rowbatch.store.rundir import RunDirectory
from rowbatch.tasks import prepare as prepare_module
from rowbatch.tasks.doing import SerialRunner
from rowbatch.tasks.into_run import build_by_tasks
from rowbatch.tasks.plan import PLAN, TASKS, make_plan, place_of, read_task_plan, read_tasks
from rowbatch.tasks.prepare import prepare
from tasking import FORMS, create_run, digests, planned_run, requests_of, unfinished, write_table


def forms_of(run):
    return {piece["form"] for task in read_tasks(place_of(run)) for piece in task["pieces"]}


@pytest.mark.parametrize("form", FORMS)
def test_how_each_form_is_cut(tmp_path, form):
    """
    Parquet and Arrow are cut by their footers and plain CSV by its bytes; only what can be read from its
    begin alone is written once more. Together the pieces are the table: each row once, in order.
    """
    run = planned_run(tmp_path / "run", write_table(tmp_path / form, 40))
    whole = {"parquet": "parquet", "arrow": "parquet", "csv": "csv", "tsv": "csv"}
    ending = form.rpartition("." if "." in form else "-")[2]
    expected = "staged" if form == "old-mac.csv" else whole.get(ending, "staged")
    assert forms_of(run) == {expected}
    pieces = [piece for task in read_tasks(place_of(run)) for piece in task["pieces"]]
    rows = [row for piece in pieces for row in range(piece["first_row"], piece["first_row"] + piece["rows"])]
    assert rows == list(range(1, 41))
    tasks = read_tasks(place_of(run))
    assert [task["rows"] for task in tasks] == [9, 9, 9, 9, 4]
    assert len({task["id"] for task in tasks}) == 5
    plan = read_task_plan(open_store(place_of(run)))
    assert (plan.rows, plan.tasks, plan.header[-1], plan.rows_per_task) == (40, 5, "text", 9)


def test_small_files_are_packed(tmp_path):
    """
    Files that are much smaller than a task are several in one, in the order of their paths.
    """
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(12):
        pl.DataFrame({"text": [f"{number}-{n}" for n in range(3)]}).write_parquet(
            folder / f"{number:02d}.parquet"
        )
    run = planned_run(tmp_path / "run", folder, rows_per_task=10)
    tasks = read_tasks(place_of(run))
    assert [len(task["pieces"]) for task in tasks] == [4, 4, 4, 2]
    build_by_tasks(run, "serial")
    lines = requests_of(run).splitlines()
    said = [json.loads(line)["body"]["messages"][-1]["content"] for line in lines]
    assert said == [f"{number}-{n}" for number in range(12) for n in range(3)]
    assert [json.loads(line)["custom_id"] for line in lines] == [f"row-{n}" for n in range(1, 37)]


def test_a_plan_is_made_once(tmp_path):
    """
    A plan that is there stays as it is, whatever is asked for then.
    """
    run = planned_run(tmp_path / "run", write_table(tmp_path / "posts.csv", 20))
    before = [(place_of(run) / name).read_bytes() for name in (PLAN, TASKS)]
    assert make_plan(run, "pool", rows_per_task=3).tasks == 3
    assert [(place_of(run) / name).read_bytes() for name in (PLAN, TASKS)] == before


def test_bytes_cut_inside_a_task(tmp_path):
    """
    Where the texts of a task are long it has several files, and no other task's files change for that.
    """
    table = tmp_path / "posts.csv"
    rows = ["short"] * 20
    runs = []
    for name in ("a", "b"):
        pl.DataFrame({"text": rows}).write_csv(table)
        run = planned_run(tmp_path / name, table, rows_per_task=5)
        plan = json.loads((place_of(run) / PLAN).read_text())
        (place_of(run) / PLAN).write_text(json.dumps({**plan, "max_bytes": 4000}))
        runs.append([prepare(task)["files"] for task in read_tasks(place_of(run))])
        rows[6:8] = ["long " * 600] * 2
    assert [len(files) for files in runs[0]] == [1, 1, 1, 1]
    assert [len(files) for files in runs[1]] == [1, 4, 1, 1]
    assert [runs[0][at] for at in (0, 2, 3)] == [runs[1][at] for at in (0, 2, 3)]
    assert all(file["bytes"] <= 4000 for files in runs[1] for file in files)


def test_a_table_that_changes(tmp_path):
    """
    A file that has other bytes than when it was planned is found by its task; one of the same size that was
    written anew, before anything is in the ledger.
    """
    table = write_table(tmp_path / "posts.csv", 20)
    run = planned_run(tmp_path / "run", table)
    whole = table.read_bytes()
    table.write_bytes(whole + b"99,more\n")
    with pytest.raises(TableChanged, match="not what it was"):
        prepare(read_tasks(place_of(run))[0])
    table.write_bytes(whole.replace(b"one, and", b"One, and"))
    with pytest.raises(TableChanged) as caught:
        build_by_tasks(run, "serial")
    assert caught.value.kind == "table-changed"
    assert not any(run.requests.iterdir())


def test_an_error_names_the_line_of_the_file(tmp_path):
    """
    A row that cannot be read is told by its line in the whole file, by the file's own name.
    """
    table = tmp_path / "posts.csv"
    lines = [f"{n},text {n}" for n in range(1, 30)]
    lines[20] = "21,one cell,too many"
    table.write_text("\n".join(["id,text", *lines, ""]))
    run = planned_run(tmp_path / "run", table)
    with pytest.raises(TableError) as caught:
        build_by_tasks(run, "serial")
    assert caught.value.kind == "line-ragged"
    assert (caught.value.values["path"], caught.value.values["line"]) == (str(table), 22)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "tasks-damaged"),
        ("{}", "tasks-damaged"),
        ('{"format": 9}', "tasks-too-new"),
        ("x", "tasks-damaged"),
    ],
)
def test_a_damaged_plan(tmp_path, text, kind):
    """
    A plan that is none is told, and nothing is done by it.
    """
    run = planned_run(tmp_path / "run", write_table(tmp_path / "posts.csv", 20))
    (place_of(run) / PLAN).write_text(text)
    with pytest.raises(RunError) as caught:
        prepare(read_tasks(place_of(run))[0])
    assert caught.value.kind == kind


def test_what_is_not_planned_as_tasks(tmp_path):
    """
    A run that would look answers of earlier runs up is not: that could cost more than was asked for.
    """
    table = write_table(tmp_path / "posts.csv", 20)
    fresh = create_run(tmp_path / "fresh", table)
    plan = fresh.plan()
    run = RunDirectory(tmp_path / "run")
    create(run, replace(plan, asking=replace(plan.asking, fresh=False), output=Output()))
    with pytest.raises(UsageError) as caught:
        make_plan(run, "pool")
    assert caught.value.kind == "tasks-are-fresh"


def test_folders_whose_files_differ(tmp_path):
    """
    Files of a folder that have other columns or types than the first are told, with their names.
    """
    folder = tmp_path / "folder"
    folder.mkdir()
    pl.DataFrame({"text": ["a"], "n": [1]}).write_parquet(folder / "a.parquet")
    for frame, kind in (
        (pl.DataFrame({"text": ["a"], "m": [1]}), "folder-headers-differ"),
        (pl.DataFrame({"text": ["a"], "n": ["x"]}), "folder-types-differ"),
    ):
        frame.write_parquet(folder / "b.parquet")
        with pytest.raises(RowbatchError) as caught:
            create_run(tmp_path / kind, folder)
        assert caught.value.kind == kind
        assert "b.parquet" in str(caught.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is a file of Linux")
def test_a_full_disk(tmp_path, monkeypatch):
    """
    A disk without room is told in a sentence, nothing unfinished is left, and then the same files come out.
    """
    table = write_table(tmp_path / "posts.csv", 20)
    quiet, run = planned_run(tmp_path / "quiet", table), planned_run(tmp_path / "run", table)
    build_by_tasks(quiet, "serial")
    with monkeypatch.context() as full:
        # What is written to it fails with ENOSPC, as polars and Python meet it.
        full.setattr(prepare_module, "scratch_file", lambda _: nullcontext(Path("/dev/full")))
        outcomes = list(SerialRunner().map("prepare", read_tasks(place_of(run))))
    assert {outcome.problem["kind"] for outcome in outcomes if outcome.problem} == {"disk-full"}
    assert all(outcome.record is None for outcome in outcomes)
    assert unfinished(run) == []
    build_by_tasks(run, "serial")
    assert digests(run) == digests(quiet)
