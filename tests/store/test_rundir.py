"""The run directory and its frozen settings."""

import pytest

from rowbatch.errors import OutputExists, RunError, RunTooNew
from rowbatch.store.rundir import RunDirectory, RunSettings, free_run_path, known_runs, remember_run

SETTINGS = RunSettings(
    created_at="2026-11-23T12:00:00+00:00",
    rowbatch_version="0.1.0",
    table={"path": "/a/b.csv", "sha256": "0", "size_bytes": 5},
    request={
        "provider": "local",
        "template": '{{a}} "quoted"\nand a new line',
        "parameters": {"temperature": 0.5},
    },
    answer={"instructions": "", "variables": [{"name": "x", "labels": [{"name": "é"}]}]},
    output={"path": "", "columns": ["x", "status"]},
)


def test_settings_come_back_as_they_were(tmp_path):
    """
    run.toml loses nothing, quotes and line breaks included.
    """
    run = RunDirectory(tmp_path / "run")
    run.create(SETTINGS)
    assert run.settings() == SETTINGS


def test_a_run_is_never_made_over_another(tmp_path):
    """
    An existing folder is refused, and a free name is found.
    """
    run = RunDirectory(tmp_path / "posts")
    run.create(SETTINGS)
    with pytest.raises(OutputExists):
        run.create(SETTINGS)
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
        RunDirectory(tmp_path).settings()


def test_a_folder_that_is_no_run_is_named(tmp_path):
    """
    The message says what is missing and how to find runs.
    """
    with pytest.raises(RunError) as caught:
        RunDirectory(tmp_path).settings()
    assert "run.toml" in caught.value.message
    assert "rowbatch list" in caught.value.hint


def test_runs_are_found_wherever_they_lie(tmp_path):
    """
    A run is listed while its folder is there, and silently forgotten with it.
    """
    run = RunDirectory(tmp_path / "somewhere" / "posts")
    run.create(SETTINGS)
    remember_run(tmp_path / "home", run.path)
    assert known_runs(tmp_path / "home") == [run.path.resolve()]
    run.settings_path.unlink()
    assert known_runs(tmp_path / "home") == []
