"""Files of requests, answered by several workers at once that are killed at any moment."""

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest

from end_to_end import environment, rowbatch, wait_until
from rowbatch import api
from rowbatch.errors import InputError, UsageError
from rowbatch.server.engine import EngineReply
from rowbatch.server.upstream import UpstreamEngine
from rowbatch.tasks import infer as room
from rowbatch.tasks.doing import do_task
from upstreams import MODEL, Said, echo, fake_upstream, said

SHARDS, ROWS = 3, 60


def request(name: str, number: int, model: str = MODEL) -> dict[str, object]:
    text = f"{name} {number}"
    return {
        "custom_id": f"row-{number}",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": model, "messages": [{"role": "user", "content": text}]},
    }


def write_shards(folder: Path, shards: int = SHARDS, rows: int = ROWS) -> Path:
    folder.mkdir()
    for shard in range(shards):
        lines = (json.dumps(request(f"s{shard}", number)) + "\n" for number in range(rows))
        (folder / f"s{shard}.jsonl").write_text("".join(lines))
    return folder


def require_right(results: Path, shards: int = SHARDS, rows: int = ROWS) -> None:
    """Each file of results has each row of its requests once, in their order, with its own answer."""
    assert sorted(path.name for path in results.glob("*.jsonl")) == [f"s{n}.jsonl" for n in range(shards)]
    for shard in range(shards):
        entries = [json.loads(line) for line in (results / f"s{shard}.jsonl").read_text().splitlines()]
        assert [entry["custom_id"] for entry in entries] == [f"row-{number}" for number in range(rows)]
        texts = [entry["response"]["body"]["choices"][0]["message"]["content"] for entry in entries]
        assert texts == [f"s{shard} {number}" for number in range(rows)]
    assert list((results / "work").glob("*")) == []


def text_of(body) -> str:
    return str(body["messages"][-1]["content"])


def slow(body):
    return Said(body=echo(body).body, delay_s=0.01)


def test_a_folder_is_answered(tmp_path):
    """
    Each file becomes one of the same name, in the order of its requests, though answers come in any order;
    the same command again asks nothing.
    """
    draw = random.Random(1)
    folder = write_shards(tmp_path / "in")
    with fake_upstream(lambda body: Said(body=echo(body).body, delay_s=draw.random() / 100)) as server:
        done = api.infer(folder, upstreams=[server.base_url])
        require_right(folder / "results")
        assert [shard.record["completed"] for shard in done] == [ROWS] * SHARDS
        assert len(server.calls) == SHARDS * ROWS
        again = api.infer(folder, upstreams=[server.base_url])
        assert [shard.record["files"] for shard in again] == [shard.record["files"] for shard in done]
        assert len(server.calls) == SHARDS * ROWS


def test_a_row_that_is_refused_is_in_the_results(tmp_path):
    """
    With what the server said; extract reads the file as any other.
    """
    folder = write_shards(tmp_path / "in", 1)

    def answer(body):
        told = {"error": {"message": "too long", "type": "invalid_request_error", "code": "length"}}
        return Said(400, told) if text_of(body) == "s0 7" else echo(body)

    with fake_upstream(answer) as server:
        (done,) = api.infer(folder, upstreams=[server.base_url])
    assert (done.record["completed"], done.record["failed"]) == (ROWS - 1, 1)
    report = api.extract([folder / "results" / "s0.jsonl"], tmp_path / "out.csv")
    assert report.rows == ROWS
    assert "s0 8" in (tmp_path / "out.csv").read_text()


@contextmanager
def worker(folder: Path, server, home: Path, *options: str):
    words = ["infer", str(folder), "--upstream", server.base_url, "--stale", "2", *options]
    process = subprocess.Popen(
        [sys.executable, "-m", "rowbatch", *words],
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def texts_in(paths) -> Counter[str]:
    """How often each answer stands in some files, without a last line that was cut."""
    return Counter(
        json.loads(line)["response"]["body"]["choices"][0]["message"]["content"]
        for path in paths
        for line in path.read_bytes().split(b"\n")[:-1]
    )


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_workers_that_are_killed_lose_no_finished_row(tmp_path):
    """
    kill -9 at random moments, again and again: what was written is never asked again, at most what was under
    way is; the results are as they would have been.
    """
    draw = random.Random(3)
    folder = write_shards(tmp_path / "in", SHARDS, 200)
    work = folder / "results" / "work"
    kept: set[str] = set()
    with fake_upstream(slow) as server:
        for kills in range(1, 5):
            with worker(folder, server, tmp_path / "home", "--slots", "4") as process:
                wait_until(lambda kills=kills: len(server.calls) >= 100 * kills)
                time.sleep(draw.random() / 5)
                process.kill()
                process.wait()
            parts = texts_in(work.glob("*.part"))
            assert set(parts.values()) <= {1}
            now = {*parts, *texts_in(folder.glob("results/*.jsonl"))}
            assert kept <= now
            kept = now
        asked = Counter(map(text_of, server.calls))
        with worker(folder, server, tmp_path / "home", "--slots", "4") as process:
            told, _ = process.communicate(timeout=60)
        assert process.returncode == 0, told
        later = Counter(map(text_of, server.calls)) - asked
        assert later.keys().isdisjoint(kept)
        # Four are under way when a worker is killed, of which the last answers may not be written yet.
        assert len(server.calls) - SHARDS * 200 <= 4 * 2 * 4
    require_right(folder / "results", SHARDS, 200)


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_two_workers_share_a_folder(tmp_path):
    """
    Each file is answered by one of them; when one is killed in the middle the other one ends its file too.
    """
    folder = write_shards(tmp_path / "in", 4)
    home = tmp_path / "home"

    def answer(body):
        # Neither is to be ready before the other one has begun.
        return Said(body=echo(body).body, delay_s=0.01 if one.calls and other.calls else 0.5)

    with fake_upstream(answer) as one, fake_upstream(answer) as other:
        with (
            worker(folder, one, home, "--slots", "2") as first,
            worker(folder, other, home, "--slots", "2") as second,
        ):
            wait_until(lambda: len(one.calls) > 5 and len(other.calls) > 5)
            first.kill()
            told, _ = second.communicate(timeout=60)
        assert second.returncode == 0, told
        assert f"4 files with {4 * ROWS} rows" in told
        asked = Counter(map(text_of, [*one.calls, *other.calls]))
        assert len(asked) == 4 * ROWS
        assert asked.total() - 4 * ROWS <= 4
    require_right(folder / "results", 4)


def test_a_file_that_two_answer_at_once_is_there_once(tmp_path):
    """
    A worker sleeps and its lease is taken over; then both answer rows. The one that is ready first gives the
    file its name, the other one takes that, and no row is there twice.
    """
    folder = write_shards(tmp_path / "in", 1)
    answers = iter(range(10_000))

    def different(body):
        return Said(body={"choices": [{"message": {"content": f"{next(answers)}"}}]}, delay_s=0.01)

    with fake_upstream(different) as server:
        with worker(folder, server, tmp_path / "home", "--slots", "2") as process:
            wait_until(lambda: len(server.calls) > 10)
            os.kill(process.pid, signal.SIGSTOP)
            mine = api.infer(folder, upstreams=[server.base_url], slots=2, stale_s=1)
            os.kill(process.pid, signal.SIGCONT)
            told, _ = process.communicate(timeout=60)
        assert process.returncode == 0, told
    content = (folder / "results" / "s0.jsonl").read_bytes()
    entries = [json.loads(line) for line in content.splitlines()]
    assert [entry["custom_id"] for entry in entries] == [f"row-{number}" for number in range(ROWS)]
    assert mine[0].record["files"][0]["bytes"] == len(content)
    assert list((folder / "results" / "work").glob("*")) == []


def test_a_shard_is_a_task(tmp_path):
    """
    The same function for any runner: plain JSON in and out, and the same record again.
    """
    folder = write_shards(tmp_path / "in", 1)
    with fake_upstream() as server:
        task = {
            "id": "s0.jsonl",
            "store": str(tmp_path / "out"),
            "requests": str(folder / "s0.jsonl"),
            "upstreams": [server.base_url],
        }
        first, second = (do_task("infer", json.loads(json.dumps(task))) for _ in range(2))
        assert first.result()["completed"] == ROWS
        assert {**first.result(), "asked": 0} == {**second.result(), "asked": 0}
        assert len(server.calls) == ROWS


def test_what_is_no_request_is_told_and_the_others_are_answered(tmp_path):
    """
    With file and line, before a row of that file is asked; a model that nobody has is named.
    """
    folder = write_shards(tmp_path / "in", 2)
    good = (folder / "s0.jsonl").read_text().splitlines(keepends=True)
    for bad in ("no json\n", good[0], json.dumps({**request("x", 99), "url": "/v1/else"}) + "\n"):
        (folder / "s0.jsonl").write_text("".join([*good[:5], bad]))
        with fake_upstream() as server:
            with pytest.raises(InputError, match=r"line 6 of .*s0.jsonl") as caught:
                api.infer(folder, upstreams=[server.base_url])
            assert "custom_id" in caught.value.hint
    assert (folder / "results" / "s1.jsonl").exists()
    (folder / "s0.jsonl").write_text(json.dumps(request("s0", 1, model="gpt-none")) + "\n")
    with fake_upstream() as server, pytest.raises(UsageError, match=f"gpt-none.*{MODEL}"):
        api.infer(folder, upstreams=[server.base_url])
    (folder / "s0.jsonl").write_text("")
    with fake_upstream() as server, pytest.raises(InputError, match="no requests"):
        api.infer(folder, upstreams=[server.base_url])
    with pytest.raises(InputError, match="no request files"):
        api.infer(tmp_path)


def test_a_file_that_was_changed_is_told_and_not_mixed(tmp_path):
    """
    The same name and the same custom_ids, and other texts: the results that are there are not taken for
    answers to them.
    """
    folder = write_shards(tmp_path / "in", 2)
    with fake_upstream() as server:
        api.infer(folder, upstreams=[server.base_url])
        earlier = (folder / "s0.jsonl").read_text()
        (folder / "s0.jsonl").write_text(earlier.replace("s0 ", "s9 "))
        with pytest.raises(InputError, match=r"s0\.jsonl has changed") as caught:
            api.infer(folder, upstreams=[server.base_url])
        assert "results" in caught.value.hint
        assert len(server.calls) == 2 * ROWS
        task = {"id": "s0.jsonl", "store": str(folder / "results"), "requests": str(folder / "s0.jsonl")}
        with pytest.raises(InputError, match="has changed"):
            do_task("infer", {**task, "upstreams": [server.base_url]}).result()
        (folder / "s0.jsonl").write_text(earlier)
        assert len(api.infer(folder, upstreams=[server.base_url])) == 2
        assert len(server.calls) == 2 * ROWS


_KILLED = """
import os, signal, sys
from rowbatch import api
from rowbatch.tasks import infer as room
def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)
room.keep_record = killed
api.infer(sys.argv[1], upstreams=[sys.argv[2]])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_a_worker_is_killed_between_results_and_their_record(tmp_path):
    """
    The next one takes the results, and asks nothing, where they are of the file as it is; where one of both
    was changed it says so.
    """
    folder = write_shards(tmp_path / "in", 1)
    requests, results = folder / "s0.jsonl", folder / "results" / "s0.jsonl"
    with fake_upstream() as server:
        words = [sys.executable, "-c", _KILLED, str(folder), server.base_url]
        done = subprocess.run(words, env=environment(tmp_path), check=False)
        assert done.returncode == -signal.SIGKILL
        assert not (folder / "results" / "records").exists()
        for path in (requests, results):
            earlier = path.read_text()
            path.write_text(earlier.replace("s0 7", "s9 7"))
            with pytest.raises(InputError, match=r"s0\.jsonl is there, and nothing says of which requests"):
                api.infer(folder, upstreams=[server.base_url])
            path.write_text(earlier)
        api.infer(folder, upstreams=[server.base_url])
        assert len(server.calls) == ROWS
    require_right(folder / "results", 1)


def test_results_that_were_moved_away_leave_no_record_of_theirs(tmp_path):
    """
    As the hint says: the changed file is answered anew, also where its results have the same size.
    """
    folder = write_shards(tmp_path / "in", 1)
    with fake_upstream() as server:
        api.infer(folder, upstreams=[server.base_url])
        (folder / "s0.jsonl").write_text((folder / "s0.jsonl").read_text().replace("s0 ", "s9 "))
        (folder / "results" / "s0.jsonl").rename(tmp_path / "away.jsonl")
        api.infer(folder, upstreams=[server.base_url])
        again = api.infer(folder, upstreams=[server.base_url])
        assert len(server.calls) == 2 * ROWS
    assert again[0].record["requests_sha256"] == room._look_at(room.Shard("", folder / "s0.jsonl")).digest


def test_what_was_left_half_done_is_of_its_requests_only(tmp_path):
    """
    A worker is killed, the file is made anew with other texts, and the next one asks all of its rows; what
    was left of the earlier ones is removed at the end.
    """
    folder = write_shards(tmp_path / "in", 1)
    earlier = (folder / "s0.jsonl").read_text()
    (folder / "s0.jsonl").write_text(earlier.replace("s0 ", "earlier "))
    with fake_upstream(slow) as server:
        with worker(folder, server, tmp_path / "home", "--slots", "2") as process:
            wait_until(lambda: any(path.stat().st_size for path in folder.glob("results/work/*.part")))
            process.kill()
            process.wait()
        (folder / "s0.jsonl").write_text(earlier)
        api.infer(folder, upstreams=[server.base_url])
        assert {text_of(body) for body in server.calls} >= {f"s0 {number}" for number in range(ROWS)}
    require_right(folder / "results", 1)


@pytest.mark.parametrize("how", ["cut", "other", "no json"])
def test_a_file_that_changes_while_it_is_answered_is_told(tmp_path, how):
    """
    In place: before the last row is asked, or before the results get their name. Nothing is kept of it, and
    the same command answers the file as it is then.
    """
    folder = write_shards(tmp_path / "in", 1, 2_000)
    path = folder / "s0.jsonl"
    later = {
        "cut": path.read_text()[: 1_000 * 130],
        "other": path.read_text().replace("s0 ", "s9 "),
        "no json": "no json\n" * 20_000,
    }[how]

    def answer(body):
        if text_of(body) == "s0 7":
            path.write_text(later)
        return echo(body)

    with fake_upstream(answer) as server:
        with pytest.raises(InputError, match="was changed while it was being answered"):
            api.infer(folder, upstreams=[server.base_url], slots=4)
        assert list((folder / "results").glob("*.jsonl")) == []
        write_shards(tmp_path / "again", 1)
        path.write_text((tmp_path / "again" / "s0.jsonl").read_text())
        server.answer = echo
        api.infer(folder, upstreams=[server.base_url])
    require_right(folder / "results", 1)


def test_an_answer_that_nobody_expects_is_an_error_of_its_row(tmp_path, monkeypatch):
    """
    A fault of the engine costs that row and not the file.
    """
    folder = write_shards(tmp_path / "in", 1)
    answer = UpstreamEngine.answer

    async def sometimes(self, endpoint, body, **more):
        if text_of(body) == "s0 7":
            raise KeyError("choices")
        return await answer(self, endpoint, body, **more)

    monkeypatch.setattr(UpstreamEngine, "answer", sometimes)
    with fake_upstream() as server:
        (done,) = api.infer(folder, upstreams=[server.base_url])
    assert (done.record["completed"], done.record["failed"]) == (ROWS - 1, 1)


def test_many_that_were_killed_leave_no_more_open_files_than_a_few(tmp_path, monkeypatch):
    """
    Each worker that was killed left a file of its own; here 60 of them, with room for 4.
    """
    monkeypatch.setattr(room, "_OPEN_FILES", 4)
    folder = write_shards(tmp_path / "in", 1)
    shard = room.Shard("s0.jsonl", folder / "s0.jsonl")
    mark = room._look_at(shard).mark
    work = folder / "results" / "work"
    work.mkdir(parents=True)
    for number in range(ROWS):
        reply = EngineReply(200, said(f"s0 {number}").body)
        line = room._result_line("/v1/chat/completions", f"row-{number}", reply)
        (work / f"s0.jsonl.{mark}.{number:016x}.part").write_bytes(line)
    opened = []
    with fake_upstream() as server:
        whole = room._Answers._opened

        def counted(self, number):
            file = whole(self, number)
            opened.append(len(self._files))
            return file

        monkeypatch.setattr(room._Answers, "_opened", counted)
        api.infer(folder, upstreams=[server.base_url])
        assert len(server.calls) == 0
    assert (len(opened), max(opened)) == (ROWS, 4)
    require_right(folder / "results", 1)


def test_a_disk_that_is_full_is_waited_for(tmp_path, monkeypatch):
    """
    Answers that are here stay in memory, nothing is asked twice, and it goes on when there is room.
    """
    monkeypatch.setattr(room, "_TRY_AGAIN_S", 0.02)
    folder = write_shards(tmp_path / "in", 1)
    failures = iter(range(5))

    class Disk(io.FileIO):
        def write(self, data):
            if next(failures, None) is not None:
                super().write(bytes(data)[:9])
                raise OSError(28, os.strerror(28))
            return super().write(data)

    monkeypatch.setattr(room, "FileIO", Disk)
    with fake_upstream() as server:
        api.infer(folder, upstreams=[server.base_url], slots=4)
        assert len(server.calls) == ROWS
    require_right(folder / "results", 1)


def test_the_command(tmp_path):
    """
    Says what it did, for people and as JSON.
    """
    folder = write_shards(tmp_path / "in", 1)
    with fake_upstream() as server:
        words = ("infer", folder, "--upstream", server.base_url, "-o", tmp_path / "out")
        told = rowbatch(*words, home=tmp_path / "home", cwd=tmp_path)
        assert (told.returncode, told.stderr) == (0, "")
        assert f"s0.jsonl  {ROWS} rows; {ROWS} asked here" in told.stdout
        again = rowbatch(*words, "--json", home=tmp_path / "home", cwd=tmp_path)
        (record,) = json.loads(again.stdout)
        assert record["completed"] == ROWS
