"""The run directory and its frozen plan."""

from decimal import Decimal
from pathlib import Path

import pytest

from rowbatch.core.endpoint import Endpoint
from rowbatch.core.plan import Asking, Output, Plan, Question, Source
from rowbatch.core.policy import Policy
from rowbatch.core.table_options import ReadOptions, WriteOptions
from rowbatch.errors import OutputExists, RunError, RunTooNew
from rowbatch.store.rundir import RunDirectory, free_run_path, known_runs, remember_run
from rowbatch.words.notice import Notice

PLAN = Plan(
    source=Source(
        Path("/a/b.csv"),
        "0",
        5,
        ReadOptions("cp1252", ";", on_bad_rows="keep"),
        encoding_guessed="cp1252",
        name="é.csv",
    ),
    question=Question(
        text="a",
        template='{{a}} "quoted"\nand a new line',
        answer={"instructions": "", "variables": [{"name": "x", "labels": [{"name": "é"}, {"name": "b"}]}]},
        image="picture",
        image_folder=Path("/a/images"),
    ),
    asking=Asking(
        provider="openai",
        model="m",
        base_url="https://example.org/v1",
        endpoint=Endpoint.RESPONSES,
        parameters={"temperature": 0.5, "max_output_tokens": 200},
        is_limit_ours=True,
        dedupe=True,
        notes=(Notice("note-limit-is-ours", {"tokens": 200}),),
    ),
    output=Output(
        Path("/a/out.xlsx"), overwrite=True, writing=WriteOptions(bom=True), columns=("x", "status")
    ),
    policy=Policy(max_cost_usd=Decimal("0.50"), rounds=2),
    created_at="2026-11-23T12:00:00+00:00",
    rowbatch_version="0.1.0",
)


def test_a_plan_comes_back_as_it_was(tmp_path):
    """
    run.toml loses nothing, quotes and line breaks included.
    """
    run = RunDirectory(tmp_path / "run")
    run.create(PLAN)
    assert run.plan() == PLAN


def test_a_run_is_never_made_over_another(tmp_path):
    """
    An existing folder is refused, and a free name is found.
    """
    run = RunDirectory(tmp_path / "posts")
    run.create(PLAN)
    with pytest.raises(OutputExists):
        run.create(PLAN)
    assert free_run_path(tmp_path, "posts").name == "posts-2"
    assert free_run_path(tmp_path, "../../etc").parent == tmp_path


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param("format = 99\n", RunTooNew, id="newer"),
        pytest.param("format = [", RunError, id="broken"),
        pytest.param("format = 1\n", RunError, id="fields-missing"),
        pytest.param("", RunError, id="empty"),
    ],
)
def test_a_run_that_cannot_be_read_is_a_clear_error(tmp_path, content, error):
    """
    Newer, broken and incomplete settings each say what is wrong.
    """
    (tmp_path / "run.toml").write_text(content)
    with pytest.raises(error):
        RunDirectory(tmp_path).plan()


def test_a_folder_that_is_no_run_is_named(tmp_path):
    """
    The message says what is missing and how to find runs.
    """
    with pytest.raises(RunError) as caught:
        RunDirectory(tmp_path).plan()
    assert "run.toml" in caught.value.message
    assert "rowbatch list" in caught.value.hint


def test_runs_are_found_wherever_they_lie(tmp_path):
    """
    A run is listed while its folder is there, and silently forgotten with it.
    """
    run = RunDirectory(tmp_path / "somewhere" / "posts")
    run.create(PLAN)
    remember_run(tmp_path / "home", run.path)
    assert known_runs(tmp_path / "home") == [run.path.resolve()]
    run.settings_path.unlink()
    assert known_runs(tmp_path / "home") == []


def test_settings_of_too_many_brackets_are_damaged(tmp_path):
    """
    A run.toml that tomllib cannot take is said to be damaged.
    """
    run = RunDirectory(tmp_path)
    run.settings_path.write_text("a = " + "[" * 2000 + "]" * 2000)
    with pytest.raises(RunError) as caught:
        run.plan()
    assert caught.value.kind == "settings-damaged"
