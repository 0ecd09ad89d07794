"""Result files are read once; what they say lies in columns that can be thrown away."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
import stat
import tempfile

import pytest
import stamina
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driving import POLICY, drive, finish, make_run
from fake_providers import FakeProvider, Faults
from rowbatch.core.answer import AnswerReader
from rowbatch.core.endpoint import Endpoint
from rowbatch.core.shard import ShardLimits
from rowbatch.core.states import RowStatus
from rowbatch.errors import RunError
from rowbatch.results import columns, lines, views
from rowbatch.results.views import write_answers_view
from rowbatch.steps.collect import collect
from rowbatch.steps.export import export
from rowbatch.steps.repair import plan_repair
from rowbatch.steps.rounds import plan_next_round
from rowbatch.store import file_states
from rowbatch.store.sources import digest_file

ENDPOINTS = [Endpoint.CHAT, Endpoint.RESPONSES, Endpoint.EMBEDDINGS]
FAULTY = Faults(rows_fail=0.3, rows_refused=0.1, rows_twice=0.2, strange_lines=0.2, rows_missing=0.1)


@pytest.fixture(autouse=True)
def _no_waiting():
    with stamina.set_testing(True, attempts=6):
        yield


def came(folder, endpoint=Endpoint.CHAT, rows=30):
    """A run whose first round is downloaded, with all that goes wrong with rows."""
    run = make_run(folder, rows=rows, shard_rows=8, endpoint=endpoint)
    drive(run, FakeProvider("openai", FAULTY), policy=dataclasses.replace(POLICY, rounds=1))
    return run


@pytest.fixture(scope="module")
def chat_run(tmp_path_factory):
    with stamina.set_testing(True, attempts=6):
        return came(tmp_path_factory.mktemp("chat"))


@pytest.fixture(scope="module")
def kept_run(chat_run):
    """The same, where `collect` left the columns; and its table."""
    shutil.rmtree(chat_run.columns)
    return chat_run, table_of(chat_run)


def table_of(run, name="again.csv"):
    """The labelled table, written anew."""
    path = run.path.parent / name
    collect(run, output=path, overwrite=True)
    return path.read_bytes()


def files_of(run):
    return sorted(path.relative_to(run.columns).as_posix() for path in run.columns.glob("*/*"))


def not_again(*_, **__):
    """In the place of what decodes."""
    pytest.fail("a result file is read again")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_after_the_download_no_result_file_is_decoded_again(tmp_path, monkeypatch, endpoint):
    """
    The labelled table, an export, a view, and the next round take what was read when the files came; they are
    what they are without it.
    """
    run = came(tmp_path, endpoint)
    with run.ledger() as ledger:
        shards = ledger.shards()
    assert len(files_of(run)) == len(shards)
    without = tmp_path / "without"
    shutil.copytree(run.path, without)
    shutil.rmtree(without / "columns")

    def outcome(run, place):
        """All that is made of the results."""
        place.mkdir()
        reader = None if endpoint is Endpoint.EMBEDDINGS else AnswerReader(run.plan().question.codebook)
        report = collect(run, output=place / "table.csv")
        write_answers_view(run, shards, place / "view")
        export(run, place / "export.csv")
        with run.ledger() as ledger:
            planned = plan_next_round(run, ledger, reader, ShardLimits(100, 100_000), ask_invalid_again=True)
        assert planned.rows
        # A view says of which run it is; all else is the same.
        where = str(run.path.resolve()).encode()
        made = {
            path.relative_to(place).as_posix(): path.read_bytes().replace(where, b"RUN")
            for path in sorted(place.rglob("*"))
            if path.is_file() and not path.name.endswith("-metadata.json")
        }
        counts = (report.statuses, report.unknown_ids, report.repeated_ids, report.prompt_tokens)
        asked = sorted(path.read_bytes() for path in run.requests.glob("r2-*.jsonl"))
        return made, counts, asked

    expected = outcome(type(run)(without), tmp_path / "expected")

    monkeypatch.setattr(lines, "result_frames", not_again)
    assert outcome(run, tmp_path / "found") == expected


def test_a_repair_reads_no_result_file(tmp_path, monkeypatch):
    """
    A round that a person asks for takes what was read when the files came.
    """
    run = came(tmp_path)
    monkeypatch.setattr(lines, "result_frames", not_again)
    with run.ledger() as ledger:
        planned = plan_repair(run, ledger, ShardLimits(100, 100_000), [RowStatus.ERROR, RowStatus.MISSING])
    assert planned.rows


def test_a_run_of_before_is_read_once_too(chat_run):
    """
    Where there are no columns, as in a run of an earlier version, whoever reads the results leaves them.
    """
    expected, names = table_of(chat_run), files_of(chat_run)
    shutil.rmtree(chat_run.columns)
    assert table_of(chat_run) == expected
    assert files_of(chat_run) == names


def test_a_changed_result_file_is_noticed(tmp_path):
    """
    A result file that is not the one that came ends `collect`, although its columns are there; no table is
    written.
    """
    run = came(tmp_path)
    path = run.result_path("r1-0002", "output")
    path.write_bytes(path.read_bytes().replace(b'\\"a\\"', b'\\"b\\"') + b"\n")
    with pytest.raises(RunError, match="its digest differs"):
        collect(run, output=tmp_path / "new.csv")
    assert not (tmp_path / "new.csv").exists()


def settled(monkeypatch):
    """Files are small here, and read so soon that a further change might fall into the same tick."""
    monkeypatch.setattr(file_states, "_TICK_NS", -(1 << 62))
    monkeypatch.setattr(file_states, "_LONG_TICK_NS", -(1 << 62))


def compared(monkeypatch):
    """Result files that are compared with their digests from now on."""
    found = []
    real = digest_file

    def noted(path):
        found.append(path.name)
        return real(path)

    monkeypatch.setattr(columns, "digest_file", noted)
    return found


@pytest.mark.skipif(os.name != "posix", reason="nothing tells there when a file was changed")
def test_result_files_that_stand_as_they_did_are_not_read_again(tmp_path, monkeypatch):
    """
    What was compared with its digest, and was not touched since, is not compared again; a file that was
    copied, or only touched, is.
    """
    settled(monkeypatch)
    run = came(tmp_path)
    found = compared(monkeypatch)
    before = table_of(run)
    assert found == []
    copied = sorted(run.path.glob("results/*.output.jsonl"))[0]
    content = copied.read_bytes()
    copied.unlink()
    copied.write_bytes(content)
    touched = sorted(run.path.glob("results/*.output.jsonl"))[1]
    os.utime(touched)
    assert table_of(run) == before
    assert {copied.name, touched.name} <= set(found)
    assert len(found) < len(list(run.path.glob("results/*.jsonl")))


@pytest.mark.skipif(os.name != "posix", reason="nothing tells there when a file was changed")
def test_a_change_that_hides_is_noticed(tmp_path, monkeypatch):
    """
    A file of the same size with the times it had before is another one all the same.
    """
    settled(monkeypatch)
    run = came(tmp_path)
    path = sorted(run.path.glob("results/*.output.jsonl"))[0]
    was = path.stat()
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    now = path.stat()
    assert (now.st_size, now.st_mtime_ns, now.st_ino) == (was.st_size, was.st_mtime_ns, was.st_ino)
    with pytest.raises(RunError, match="its digest differs"):
        table_of(run)


@pytest.mark.parametrize("tick_ns", [1 << 62, None])
def test_files_that_just_came_are_compared(tmp_path, monkeypatch, tick_ns):
    """
    Where a further change might leave the same time, how a file stands proves nothing; nor does it where the
    system does not tell.
    """
    if tick_ns is None:
        settled(monkeypatch)
        monkeypatch.setattr(columns.ShardResults, "states", lambda _: ())
    else:
        monkeypatch.setattr(file_states, "_TICK_NS", tick_ns)
        monkeypatch.setattr(file_states, "_LONG_TICK_NS", tick_ns)
    run = came(tmp_path)
    found = compared(monkeypatch)
    table_of(run)
    assert len(found) == len(list(run.path.glob("results/*.jsonl")))


@pytest.mark.skipif(os.name != "posix", reason="nothing tells there when a file was changed")
def test_a_file_that_changes_while_its_columns_are_made_is_compared(tmp_path, monkeypatch):
    """
    What it was before, and is after, must be the same, or it is compared each time.
    """
    settled(monkeypatch)
    run = came(tmp_path)
    shutil.rmtree(run.columns)
    real = columns._ColumnsWriter.keep

    def touched(self):
        os.utime(self._results.paths[0])
        real(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns._ColumnsWriter, "keep", touched)
        table_of(run)
    found = compared(monkeypatch)
    table_of(run)
    assert len(found) == len(list(run.path.glob("results/*.jsonl")))


@given(st.integers(0, 2**30), st.integers(0, 2**30), st.integers(0, 8))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_columns_that_are_not_whole_are_not_taken(kept_run, which, at, bit):
    """
    Cut at any place, or with any bit changed, columns are not taken: the table is as it was, and so are the
    columns afterwards.
    """
    run, expected = kept_run
    paths = sorted(run.columns.glob("*/*"))
    path = paths[which % len(paths)]
    whole = path.read_bytes()
    at %= len(whole)
    changed = b"" if bit == 8 else bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :]
    path.write_bytes(whole[:at] + changed)
    assert table_of(run) == expected
    assert path.read_bytes() == whole


def test_another_reader_reads_for_itself(chat_run, monkeypatch):
    """
    What another version of the reading code, or another codebook, has read is not taken, and is removed.
    """
    expected, names = table_of(chat_run), files_of(chat_run)
    monkeypatch.setattr(columns, "reader_digest", lambda: "another version")
    assert table_of(chat_run) == expected
    others = files_of(chat_run)
    assert len(others) == len(names)
    assert not set(others) & set(names)
    reader = lines.LineReader(AnswerReader(chat_run.plan().question.codebook))
    with chat_run.ledger() as ledger:
        (shard, *_) = ledger.shards()
    another = lines.LineReader(None)
    ours = columns.ResultReader(chat_run, reader).results(shard)
    assert ours.columns != columns.ResultReader(chat_run, another).results(shard).columns


def test_a_view_of_another_reader_is_made_anew(chat_run, monkeypatch):
    """
    A view of answers that another version of the reading code made is not shown.
    """
    with chat_run.ledger() as ledger:
        shards = ledger.shards()
    before = views.answers_name(chat_run, shards)
    assert views.answers_name(chat_run, shards) == before
    monkeypatch.setattr(views, "reader_digest", lambda: "another version")
    assert views.answers_name(chat_run, shards) != before


def no_room(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


class _Full:
    """The room that a disk has."""

    free = 1 << 20


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda patch: patch.setattr(columns._ColumnsWriter, "_write", no_room), id="no-space"),
        pytest.param(lambda patch: patch.setattr(shutil, "disk_usage", lambda _: _Full), id="little-space"),
        pytest.param(lambda patch: patch.setattr(tempfile, "NamedTemporaryFile", no_room), id="no-file"),
    ],
)
def test_without_room_for_columns_nothing_is_lost(tmp_path, monkeypatch, broken):
    """
    On a disk that has no room for columns a run ends as it does elsewhere, and nothing half is left.
    """
    expected = finish(make_run(tmp_path / "roomy"), FakeProvider("openai")).path.read_bytes()
    broken(monkeypatch)
    run = make_run(tmp_path / "full")
    assert finish(run, FakeProvider("openai")).path.read_bytes() == expected
    assert files_of(run) == []


def test_a_file_in_the_place_of_the_folder_harms_nothing(tmp_path):
    """
    Where the folder cannot be made there are no columns, and the run ends.
    """
    run = make_run(tmp_path)
    run.columns.write_text("mine")
    assert not finish(run, FakeProvider("openai")).has_gaps
    assert run.columns.read_text() == "mine"


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
def test_columns_are_as_private_as_the_run(chat_run):
    """
    Nobody else can read what the texts were answered.
    """
    table_of(chat_run)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in chat_run.columns.rglob("*")}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert stat.S_IMODE(chat_run.columns.stat().st_mode) == 0o700


def test_what_a_killed_program_left_is_removed(chat_run):
    """
    Half-written columns that are an hour old are removed when their shard is read again.
    """
    table_of(chat_run)
    folder = chat_run.columns / "r1-0001"
    old, new = folder / "x.part", folder / "y.part"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    next(folder.glob("*.arrow")).unlink()
    table_of(chat_run)
    assert not old.exists()
    assert new.exists()
    new.unlink()
