"""A run that was moved, copied or renamed, with its table or without."""

import shutil

import polars as pl
import pytest

from driving import build_run, drive, finish, make_run
from fake_providers import FakeProvider
from rowbatch.api.standing import status_of
from rowbatch.core.codebook import codebook_document, codebook_from_labels
from rowbatch.core.plan import Output, Plan, Question, Source
from rowbatch.errors import TableChanged
from rowbatch.requests.asking import Said, asking_of
from rowbatch.steps.collect import collect
from rowbatch.steps.create import create
from rowbatch.steps.verify import verify
from rowbatch.store.rundir import RunDirectory


def done(folder):
    """A run that has its table, and one in the run directory too."""
    run = make_run(folder / "here")
    finish(run, FakeProvider())
    collect(run, output=run.path / "again.csv")
    assert verify(run).faults == []
    return run


def test_a_run_that_was_renamed_is_verified_where_it_is(tmp_path):
    """
    Its own tables are those in it now: all is well, and a changed one is a fault; once they were "gone".
    """
    run = RunDirectory(done(tmp_path).path.rename(tmp_path / "here" / "other name"))
    assert verify(run).faults == []
    (run.path / "again.csv").write_text("changed")
    assert [fault.split(" is ")[0] for fault in verify(run).faults] == [str(run.path / "again.csv")]
    (run.path / "again.csv").unlink()
    assert len(verify(run).faults) == 1


def test_a_copy_is_not_verified_by_the_files_of_the_first(tmp_path):
    """
    What lies in the copy is read, though the run that it was copied of is whole.
    """
    run = done(tmp_path)
    copy = RunDirectory(shutil.copytree(run.path, tmp_path / "here" / "copy"))
    assert verify(copy).faults == []
    (copy.path / "again.csv").write_text("changed")
    assert [fault.split(" is ")[0] for fault in verify(copy).faults] == [str(copy.path / "again.csv")]
    assert verify(run).faults == []


def test_a_folder_that_was_moved_as_a_whole(tmp_path):
    """
    Run, table and labelled table moved together: all are found, by their digests, and the run goes on.
    """
    run = done(tmp_path)
    (tmp_path / "here").rename(tmp_path / "there")
    moved = RunDirectory(tmp_path / "there" / run.path.name)
    assert verify(moved).faults == []
    assert collect(moved, output=tmp_path / "new.csv").rows == 14


def test_a_run_has_its_table_from_whichever_folder_it_is_seen(tmp_path, monkeypatch):
    """
    A run without `-o`, named by where one stood: listed from another folder it once was not "collected" any
    more, and its table could not be read. Moved, it has its table too.
    """
    (tmp_path / "elsewhere").mkdir()
    run = make_run(tmp_path / "here")
    finish(run, FakeProvider())
    monkeypatch.chdir(tmp_path / "here")
    seen = RunDirectory(run.path.relative_to(tmp_path / "here"))
    collect(seen, output=seen.path / "again.csv")
    for place in ("here", "elsewhere"):
        monkeypatch.chdir(tmp_path / place)
        status = status_of(run)
        assert (status.state, status.output) == ("collected", run.path / "again.csv")
    moved = RunDirectory(run.path.rename(tmp_path / "there"))
    assert (status_of(moved).state, status_of(moved).output) == ("collected", moved.path / "again.csv")


def test_a_table_that_was_moved_can_be_named(tmp_path):
    """
    Elsewhere it is not looked for: it is gone, unless it is named; and another one is not taken for it.
    """
    run = done(tmp_path)
    table = (tmp_path / "here" / "posts.csv").rename(tmp_path / "kept.csv")
    (fault,) = verify(run).faults
    assert "posts.csv does not exist" in fault
    assert verify(run, table).faults == []
    (tmp_path / "other.csv").write_text("id,text\n1,other\n")
    (fault,) = verify(run, tmp_path / "other.csv").faults
    assert "was changed" in fault


def test_another_table_of_the_same_name_is_not_taken(tmp_path):
    """
    The digest decides: what lies beside a moved run under the table's name may be something else.
    """
    run = done(tmp_path)
    (tmp_path / "there").mkdir()
    moved = RunDirectory(run.path.rename(tmp_path / "there" / "run"))
    (tmp_path / "there" / "posts.csv").write_text("id,text\n1,other\n")
    assert verify(moved).faults == []
    (tmp_path / "here" / "posts.csv").write_text("id,text\n1,changed\n")
    with pytest.raises(TableChanged):
        collect(moved, output=tmp_path / "new.csv")


def test_a_run_of_a_data_frame_is_whole_wherever_it_is(tmp_path):
    """
    Its table lies in it, and its labelled table goes where it is, not into a folder of its former name.
    """
    run, fake = RunDirectory(tmp_path / "run"), FakeProvider()
    question = Question(text="text", answer=codebook_document(codebook_from_labels("label", ["a", "b"], "?")))
    asking = asking_of(question, Said(max_tokens=20), provider="openai", model="m")
    frame = pl.DataFrame({"text": ["one", "two", "three"]})
    create(run, Plan(Source(tmp_path / "frame"), question, asking, Output()), frame=frame)
    build_run(run, "openai", 4)
    drive(run, fake)
    moved = RunDirectory(run.path.rename(tmp_path / "moved"))
    assert collect(moved).path == moved.path / "labelled.parquet"
    assert not run.path.exists()
    assert verify(moved).faults == []
