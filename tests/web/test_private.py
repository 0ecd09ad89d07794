"""What the program keeps: nobody else can read it, and it goes with its table."""

import csv
import io
import json
import os
import shutil
import stat
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import polars as pl
import pytest

from end_to_end import wait_until
from rowbatch import desk
from rowbatch.desk import library as library_module
from rowbatch.desk import readings
from rowbatch.errors import InputError, RowbatchError, StorageError
from rowbatch.store.view import write_view
from rowbatch.web import program as program_module
from serving import scripted_local_model
from serving_pages import served_pages, visiting

SENTINEL = "a text that nobody else may read"


@contextmanager
def a_program(home):
    """The program, and a browser without scripts."""
    with scripted_local_model(home / "server"), served_pages() as site, visiting(site) as client:
        yield site, client


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def table_file(rows=24):
    out = io.StringIO(newline="")
    csv.writer(out).writerows([("id", "post"), *((n, f"{SENTINEL} {n}") for n in range(1, rows + 1))])
    return out.getvalue().encode()


FORM = {
    "text": "post",
    "kind": "label",
    "question": "How is it?",
    "labels.0.name": "good",
    "labels.0.examples": f"{SENTINEL} 1",
    "labels.1.name": "bad",
    "provider": "local",
}


def looked_at(client, content=None, name="posts.csv"):
    """Hand a table over, look at it, try rows; returns its address."""
    place = client.post("/tables", params={"name": name}, content=content or table_file()).json()["url"]
    place = place.removesuffix("/label")
    assert SENTINEL in client.get(place).text
    assert client.post(f"{place}/label", data={**FORM, "do": "save"}).status_code in (200, 303)
    tried = client.post(f"{place}/try", data=FORM, follow_redirects=True)
    assert tried.status_code == 200
    return place


def built(site, client, place):
    """The job of its draft, of which nothing was sent."""
    assert (
        client.post(f"{place}/label", data={**FORM, "do": "review"}).headers["location"] == f"{place}/start"
    )
    (job,) = site.program.jobs.all()
    assert site.program.jobs._tasks[job.id].wait(30)
    return job


def places_with(folder, words=SENTINEL):
    """Files below a folder in whose bytes the words stand."""
    return [path for path in folder.rglob("*") if path.is_file() and words.encode() in path.read_bytes()]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such rights")
@pytest.mark.parametrize("umask", [0o000, 0o022], ids="umask-{:03o}".format)
def test_nobody_else_reads_what_a_session_leaves(home, umask):
    """
    A table, drafts, tried rows, a job to its end, corrections, downloads, tools, settings, the local server:
    each folder is 0700 and each file 0600.
    """
    before = os.umask(umask)
    try:
        with a_program(home) as (site, client):
            place = looked_at(client)
            job = built(site, client, place)
            assert client.post(f"{place}/start").headers["location"] == f"/jobs/{job.id}"
            assert site.program.jobs._tasks[job.id].wait(30)
            wait_until(lambda: "Read and correct rows" in client.get(f"/jobs/{job.id}").text)
            assert (
                client.post(f"/jobs/{job.id}/rows/1", data={"variable": "label", "label": "bad"}).status_code
                == 303
            )
            assert SENTINEL in client.get(f"/jobs/{job.id}/table?format=csv").text
            files = {"file": ("posts.csv", table_file())}
            assert client.post("/tools/convert", files=files, data={"do": "open"}).status_code == 200
            assert client.post("/settings", data={"max_upload_gb": "1"}).status_code in (200, 303)
            assert site.program.upkeep.wait(30)
            assert site.program.upkeep.error is None
            found = [home, *home.rglob("*")]
            assert {"views", "tools", "runs", "tables", "known-runs", "server", "tries"} <= {
                p.name for p in found
            }
            wrong = [
                (str(path.relative_to(home)), oct(stat.S_IMODE(path.stat().st_mode)))
                for path in found
                if stat.S_IMODE(path.stat().st_mode) != (0o700 if path.is_dir() else 0o600)
            ]
            assert wrong == []
            assert len(places_with(home)) > 5
    finally:
        os.umask(before)


def test_a_table_that_is_removed_leaves_nothing(home):
    """
    Its draft, the job of it that was never sent and the table are removed: no byte of its texts is left.
    """
    with a_program(home) as (site, client):
        place = looked_at(client)
        client.post(f"{place}/reading", data={"delimiter": ";"})
        assert SENTINEL in client.get(place).text
        client.post(f"{place}/reading", data={"delimiter": ","})
        job = built(site, client, place)
        # As if it had been looked at.
        answers = home / "cache" / "views" / "answers"
        write_view(
            answers, ["post"], [(1, pl.DataFrame({"0": [SENTINEL]}))], of={"run": str(job.run.path.resolve())}
        )
        assert len(list((home / "cache" / "views").iterdir())) == 3
        assert client.post(f"/jobs/{job.id}/discard").headers["location"] == "/jobs"
        assert places_with(home)
        assert not answers.exists()
        assert client.post(f"{place}/remove", data={"sure": "yes"}).headers["location"] == "/"
        assert places_with(home) == []
        assert list((home / "cache" / "views").iterdir()) == []
        assert client.get(place).status_code == 404
        # A page that is still open says something about it later.
        client.post(f"{place}/label", data={**FORM, "do": "save"})
        assert places_with(home) == []


def test_a_job_keeps_its_answers_when_its_table_goes(home):
    """
    Requests and answers of what was sent stay, and the page says so before; of the rows that were made ready
    to look at only the answers stay.
    """
    with a_program(home) as (site, client):
        place = looked_at(client)
        job = built(site, client, place)
        client.post(f"{place}/start")
        assert site.program.jobs._tasks[job.id].wait(30)
        wait_until(lambda: "Read and correct rows" in client.get(f"/jobs/{job.id}").text)
        assert "Its jobs keep their requests" in client.get("/").text
        client.post(f"{place}/remove", data={"sure": "yes"})
        left = {path.relative_to(home).parts[0] for path in places_with(home)}
        assert left == {"runs", "server"}
        assert list((job.run.path / "results").iterdir())
        page = client.get(f"/jobs/{job.id}")
        assert page.status_code == 200
        assert "was removed from the program" in page.text
        assert client.get(f"/jobs/{job.id}/recipe").status_code == 200


def test_two_tables_of_the_same_bytes(home, tmp_path):
    """
    What the other one, which stays where it is, needs stays until it goes as well.
    """
    (tmp_path / "again.csv").write_bytes(table_file())
    with a_program(home) as (site, client):
        first, other = looked_at(client), site.program.library.add(tmp_path / "again.csv")
        second = f"/tables/{other.id}"
        assert first != second
        assert SENTINEL in client.get(second).text
        client.post(f"{first}/remove", data={"sure": "yes"})
        assert places_with(home / "cache" / "views")
        assert SENTINEL in client.get(second).text
        client.post(f"{second}/remove", data={"sure": "yes"})
        assert places_with(home) == []


def kept_table(library, content=None, name="posts.csv"):
    with library.receive(name) as (table_id, file):
        file.write(content or table_file())
    return library.keep(table_id, name)


@pytest.mark.parametrize("are_twins", [False, True], ids=["one-table", "two-of-the-same-bytes"])
def test_two_pages_remove_at_once(home, monkeypatch, are_twins):
    """
    Of a table that two pages remove, one is told that it is gone already; of two tables with the same bytes
    neither leaves the views to the other.
    """
    library = desk.Library()
    tables = [kept_table(library)]
    tables.append(kept_table(library) if are_twins else tables[0])
    assert tables[0].read().wait(30)
    assert places_with(home / "cache")
    both, stop = threading.Barrier(2), readings.stop_readings
    told: list[str] = []

    def at_once(which):
        # Each has looked by now at what there is.
        if len(told) < 2:
            told.append("stopping")
            both.wait(10)
        stop(which)

    monkeypatch.setattr(readings, "stop_readings", at_once)

    def remove(table):
        try:
            library.remove(table.id)
        except RowbatchError as error:
            return error.kind
        return "removed"

    with ThreadPoolExecutor(2) as threads:
        found = sorted(threads.map(remove, tables))
    assert found == ["removed", "removed" if are_twins else "table-missing"]
    assert places_with(home) == []
    assert library.tables() == []


def test_nothing_is_made_of_a_table_that_was_removed(home, tmp_path):
    """
    A page that still has it reads it, reads it in another way or tries rows of it: it is told, and neither a
    record nor a row is there again. The file stays where it is, so reading it would go well.
    """
    (tmp_path / "posts.csv").write_bytes(table_file())
    library = desk.Library()
    table = library.add(tmp_path / "posts.csv")
    reading = table.read()
    assert reading.wait(30)
    draft = desk.Draft(
        text="post",
        questions=(
            desk.DraftQuestion(
                question="How is it?", labels=(desk.DraftLabel("good"), desk.DraftLabel("bad"))
            ),
        ),
        provider="local",
    )
    assert reading.view is not None
    frame = reading.view.frame(1, 24)
    # Of a trial that has looked at the rows by now.
    view = SimpleNamespace(
        state=SimpleNamespace(rows=24),
        frame=lambda start, count: frame[start - 1 : start - 1 + count],
        take=lambda rows, keys=None: frame[[row - 1 for row in rows]].select(keys or pl.all()),
    )
    looked: Any = SimpleNamespace(view=view, header=reading.header, rows=24)
    library.remove(table.id)
    for late in (
        table.read,
        lambda: table.change_reading(delimiter=";"),
        lambda: desk.try_draft(table, draft, looked),
    ):
        with pytest.raises(InputError) as caught:
            late()
        assert caught.value.kind == "table-missing"
    assert places_with(home) == []
    assert library.tables() == []
    assert list(library.folder.iterdir()) == []


def test_a_table_is_removed_while_its_rows_are_tried(home, monkeypatch):
    """
    Also those that were to be tried before, and still wait for an answer: what comes when the table is gone
    is kept nowhere.
    """
    monkeypatch.setattr(program_module, "_STOP_S", 0.1)
    with (
        scripted_local_model(home / "server") as engine,
        served_pages() as site,
        visiting(site) as client,
    ):
        place = client.post("/tables", params={"name": "posts.csv"}, content=table_file()).json()["url"]
        place = place.removesuffix("/label")
        engine.gate.clear()
        begun = []
        for question in ("How is it?", "How was it?"):
            asked = {**FORM, "question": question}
            client.post(f"{place}/try", data=asked, headers={"hx-request": "true"})
            (trial,) = site.program.trials.values()
            assert trial.task.is_alive
            begun.append(trial.task)
            # The first waits for its answers before the second is begun.
            wait_until(lambda: engine.begun > 0)
        assert client.post(f"{place}/remove", data={"sure": "yes"}).headers["location"] == "/"
        assert all(task.is_stopping for task in begun)
        # As if a file was just being made.
        left = home / "tables" / place.rpartition("/")[2] / "tries" / "late"
        left.mkdir(parents=True)
        (left / "rows.jsonl").write_text(SENTINEL)
        assert begun[0].is_alive
        engine.gate.set()
        assert all(task.wait(30) for task in begun)
        assert places_with(home) == []
        assert list((home / "tables").iterdir()) == []


def test_a_table_that_cannot_be_removed_is_still_there(home, monkeypatch):
    """
    The disk refuses: that is said, and the table can be removed when the disk does.
    """
    library = desk.Library()
    table = kept_table(library)
    remove = shutil.rmtree
    monkeypatch.setattr(library_module, "_REMOVED_TRIES", 2)
    with monkeypatch.context() as patch:

        def refuse(folder, **_):
            (folder / "data.csv").unlink(missing_ok=True)
            raise PermissionError(13, os.strerror(13), str(folder))

        patch.setattr(shutil, "rmtree", refuse)
        with pytest.raises(StorageError):
            library.remove(table.id)
    assert [one.id for one in library.tables()] == [table.id]
    times = []

    def after_a_writer(folder, **options):
        times.append(folder)
        if len(times) == 1:
            raise OSError(39, os.strerror(39), str(folder))
        remove(folder, **options)

    monkeypatch.setattr(shutil, "rmtree", after_a_writer)
    library.remove(table.id)
    assert len(times) == 2
    assert places_with(home) == []


def test_the_same_rows_are_tried_once(home):
    """
    Two pages ask for it at the same moment: one trial is begun, and both look at it.
    """
    with served_pages() as site:
        going, begun = threading.Event(), []

        def work(task):
            begun.append(task)
            going.wait(10)
            return "tried"

        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(lambda _: site.program.begin_trial("id", "key", work), range(8)))
        assert len({id(trial) for trial in found}) == 1
        going.set()
        assert found[0].task.wait(10)
        assert len(begun) == 1
        assert site.program.begin_trial("id", "key", work) is found[0]
        other = site.program.begin_trial("id", "another", work)
        assert other is not found[0]
        assert other.task.wait(10)


def test_a_question_that_comes_back_waits_for_its_answer(home):
    """
    A question is changed and changed back while the first trial of it, which was stopped, still waits for an
    answer: the new one waits for that, and is not told that another process works there.
    """
    with scripted_local_model(home / "server") as engine, served_pages() as site:
        headers = {"origin": site.url, "accept-language": "en", "hx-request": "true"}
        with httpx2.Client(base_url=site.url, cookies=site.cookie, headers=headers, timeout=30.0) as client:
            place = client.post("/tables", params={"name": "posts.csv"}, content=table_file()).json()["url"]
            place = place.removesuffix("/label")
            engine.gate.clear()
            for question in ("How is it?", "How was it?", "How is it?"):
                client.post(f"{place}/try", data={**FORM, "question": question})
            engine.gate.set()
            (trial,) = site.program.trials.values()
            assert trial.task.wait(30)
            assert trial.task.error is None
            assert len(trial.task.result[0].report.rows) == 10


def test_what_versions_before_left_is_swept(home, tmp_path):
    """
    Views of tables and runs that are gone go at the next start; those of tables that are there stay, also
    those of earlier versions, and one that somebody is just beginning.
    """
    with a_program(home) as (_, client):
        place = looked_at(client)
    views = home / "cache" / "views"
    (known,) = views.iterdir()

    def view(name, of, *, is_old=True):
        write_view(views / name, ["post"], [(1, pl.DataFrame({"0": [SENTINEL]}))], of=of)
        if not of:
            head = json.loads((views / name / "head.json").read_text())
            del head["of"]
            (views / name / "head.json").write_text(json.dumps(head))
        if is_old:
            os.utime(views / name, (time.time() - 10_000,) * 2)

    view("gone-table", {"table": "0" * 64})
    view("gone-run", {"run": str(tmp_path / "no-run")})
    view("unmarked", {})
    view("just-begun", {}, is_old=False)
    head = json.loads((known / "head.json").read_text())
    del head["of"]
    (known / "head.json").write_text(json.dumps(head))
    os.utime(known, (time.time() - 10_000,) * 2)
    half = home / "tables" / "0123456789abcdef"
    half.mkdir()
    (half / "data.csv").write_text(SENTINEL)
    for path in (half / "data.csv", half):
        os.utime(path, (time.time() - 100_000,) * 2)
    with a_program(home) as (site, client):
        assert client.get("/").status_code == 200
        assert site.program.upkeep.wait(30)
        assert site.program.upkeep.error is None
        assert {path.name for path in views.iterdir()} == {known.name, "just-begun"}
        assert not half.exists()
        # A view that does not say of what it is goes with its table nevertheless.
        client.post(f"{place}/remove", data={"sure": "yes"})
        assert {path.name for path in views.iterdir()} == {"just-begun"}


def test_the_reading_of_a_table_that_is_removed_ends(home, monkeypatch):
    """
    It stops at its next rows, and leaves no folder; so it is where it is being cleared.
    """
    from rowbatch.tables.csv_reader import CsvTable

    read = CsvTable.chunks

    def slowly(self, rows_per_chunk=None, *, check=None):
        for chunk in read(self, 1, check=check):
            yield chunk
            time.sleep(0.02)

    monkeypatch.setattr(CsvTable, "chunks", slowly)
    library = desk.Library()
    for remove in (lambda table: library.remove(table.id), lambda _: desk.clear_views()):
        with library.receive("posts.csv") as (table_id, file):
            file.write(table_file(2_000))
        table = library.keep(table_id, "posts.csv")
        reading = table.read()
        wait_until(lambda reading=reading: reading.rows > 2)
        begun = time.monotonic()
        remove(table)
        assert time.monotonic() - begun < 5
        assert not reading.task.is_alive
        assert not reading.is_complete
        assert list(desk.views_folder().iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_FSIZE is Linux's")
def test_a_disk_that_is_full_while_a_table_is_read(home, monkeypatch):
    """
    The reading says so, as an error of ours, and leaves no half view; it is read again when there is room.
    """
    import resource
    import signal

    from rowbatch.errors import StorageError

    # Python 3.11 would keep a compiled module that was cut off, for all programs to come.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    library = desk.Library()
    with library.receive("posts.csv") as (table_id, file):
        file.write(table_file(5_000))
    table = library.keep(table_id, "posts.csv")
    before, limit = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limit[1]))
    try:
        reading = table.read()
        assert reading.wait(30)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, before)
    assert isinstance(reading.error, StorageError)
    assert not reading.is_complete
    assert list(desk.views_folder().iterdir()) == []
    assert table.read() is reading
    reading.task.ended_at -= readings._AGAIN_S
    again = table.read()
    assert again is not reading
    assert again.wait(30)
    assert (again.error, again.rows) == (None, 5_000)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights")
def test_uploads_of_forms_have_no_name(home, tmp_path, monkeypatch):
    """
    What a form brings beyond a megabyte lies in a file without a name that only the program can reach:
    Starlette 1.10 takes `tempfile.SpooledTemporaryFile` for it.
    """
    import tempfile

    place = tmp_path / "spool"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    seen = []
    made = tempfile.TemporaryFile

    def noted(*args, **kwargs):
        file = made(*args, **kwargs)
        found = os.fstat(file.fileno())
        seen.append((stat.S_IMODE(found.st_mode), found.st_nlink, list(place.iterdir())))
        return file

    monkeypatch.setattr(tempfile, "TemporaryFile", noted)
    content = table_file(100_000)
    assert len(content) > 2 << 20
    with a_program(home) as (_, client):
        answer = client.post("/tools/convert", files={"file": ("posts.csv", content)}, data={"do": "open"})
        assert answer.status_code == 200
    assert (0o600, 0, []) in seen
    assert list(place.iterdir()) == []
    assert not Path("posts.csv").exists()


def test_what_is_tidied_does_not_hold_up_the_first_page(home, monkeypatch):
    """
    Tidying imports what reads tables: it begins when a page was shown.
    """
    before: list[bool] = []
    programs: list[program_module.Program] = []
    monkeypatch.setattr(desk.Library, "tidy", lambda *_: before.append(programs[0].page_shown.is_set()))
    with a_program(home) as (site, client):
        programs.append(site.program)
        assert client.get("/").status_code == 200
        assert site.program.upkeep.wait(30)
        assert site.program.upkeep.error is None
    assert before == [True]
