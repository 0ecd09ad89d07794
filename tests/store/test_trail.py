"""What a run's trail says, whether all of it is decoded or only what counts."""

import json
import zlib

import pytest

from rowbatch.store.trail import Moment, Step, Steps, Trail


@pytest.fixture
def trail(tmp_path):
    return Trail(
        tmp_path / "batches.jsonl", "an identity", provider="openai", base_url="https://a.example/v1"
    )


def about_shard(number, event, *, round_=1, **more):
    kept = {"round": round_, "number": number, "batch_id": None, "file_id": "a {file}", **more}
    return Step(Moment(event, "2026-11-02T06:22:10+00:00", "written", round_, number), shard=kept)


def about_run(event):
    return Step(
        Moment(event, "2026-11-02T06:22:10+00:00", "policy", None, None), run={"policy": {"n": event}}
    )


def told(steps: Steps):
    return steps.of_shards, steps.of_run, steps.newest, steps.damaged


def whole(text: str) -> bytes:
    return f'{text},"sum":"{zlib.crc32(text.encode()):08x}"}}\n'.encode()


def test_the_last_lines_say_how_all_stands(trail):
    """
    What is said of shards, the run, the newest event and damage is the same, however often each changed;
    also where the newest event is not of a last line, and where a line cannot be read or was cut off.
    """
    assert told(trail.last()) == told(trail.read()) == ({}, None, None, 0)
    trail.append([about_run(1), *(about_shard(number, 1) for number in range(1, 8))])
    trail.append(about_shard(number, 10 + number, batch_id=f"b{number}") for number in (3, 1, 3, 7))
    trail.append([about_shard(3, 99), about_shard(3, 12, round_=2), about_run(20), about_shard(3, 30)])
    assert len(trail.last().all) < len(trail.read().all)
    assert told(trail.last()) == told(trail.read())
    assert trail.last().newest.id == 99
    with trail.path.open("ab") as file:
        file.write(b"no line of ours\n" + trail.path.read_bytes().splitlines()[2][:200])
    assert told(trail.last()) == told(trail.read())
    assert trail.last().damaged == 1


def test_a_whole_line_that_nobody_wrote_hides_none(trail):
    """
    One with a right sum, and without what a line has, is as one that cannot be read.
    """
    trail.append([about_run(1), about_shard(1, 2, batch_id="paid")])
    line = json.loads(trail.path.read_bytes().splitlines()[-1])
    del line["sum"], line["shard"]["batch_id"]
    with trail.path.open("ab") as file:
        file.write(whole(json.dumps(line, separators=(",", ":"))[:-1]))
    assert told(trail.last()) == told(trail.read())
    assert trail.last().of_shards[1, 1].shard["batch_id"] == "paid"
    assert trail.last().damaged == 1
