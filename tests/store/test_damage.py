"""Changed bytes in a ledger: each ends as right, or with a sentence, and nothing is paid twice."""

import random
from pathlib import Path

import pytest
import stamina

from cases import cases
from driving import PRICE, client_of, drive, make_run, rows_of, texts
from fake_providers import FakeProvider
from rowbatch.api.runs import Run
from rowbatch.core.answer import AnswerReader
from rowbatch.errors import RowbatchError
from rowbatch.steps.collect import collect
from rowbatch.steps.recover import recover
from rowbatch.steps.verify import verify
from rowbatch.store.rundir import RunDirectory

ROWS = 9
FLIPS = cases(60, 3000)


@pytest.fixture(autouse=True)
def _no_waiting():
    with stamina.set_testing(True, attempts=2):
        yield


def places(content: bytes, rng: random.Random, count: int) -> list[int]:
    """Offsets: of the file's and each page's header, and where something is written."""
    page = int.from_bytes(content[16:18], "big")
    headers = [start + at for start in range(0, len(content), page) for at in range(12)]
    written = [at for at, byte in enumerate(content) if byte]
    return [*rng.sample(headers, min(len(headers), count // 3)), *rng.choices(written, k=count)][:count]


def flipped(content: bytes, at: int, rng: random.Random) -> bytes:
    return content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :]


@pytest.mark.parametrize("goal", ["submitted", "over", "downloaded"])
def test_a_flipped_bit_of_a_ledger_is_right_or_said(tmp_path, goal):
    """
    Whatever verb is used then, it ends as right or with an error of ours, whose exit code is not 70; and no
    shard is paid for again, neither by going on nor after `recover`.
    """
    rng = random.Random(goal)
    run, fake = make_run(tmp_path, rows=ROWS), FakeProvider()
    for step in ("submitted", "over", "downloaded"):
        drive(run, fake, goal=step)
        if step == goal:
            break
    kept = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    content, told = kept[run.ledger_path], 0
    for at in places(content, rng, FLIPS // 3):
        restore(run, kept)
        run.ledger_path.write_bytes(flipped(content, at, rng))
        told += sum(
            [said(lambda: Run(run.path).status()), said(lambda: verify(run)), said(lambda: collect(run))]
        )
        is_told = said(lambda: drive(run, fake)) or said(lambda: collect(run))
        assert fake.double_submits() == {}, at
        assert all(count == 1 for count in fake.paid_rows.values()), at
        if not is_told:
            assert [row["text"] for row in rows_of(tmp_path / "out.csv")] == texts(ROWS), at
        else:
            said(lambda: recovered(run, fake))
            said(lambda: drive(run, fake))
            assert fake.double_submits() == {}, at
    assert told > 10, "the flips have to be seen"


def recovered(run: RunDirectory, fake: FakeProvider) -> None:
    with client_of(fake) as client:
        recover(run, client, reader=AnswerReader(run.plan().question.codebook), price=PRICE)


def said(verb) -> bool:
    """Whether it ended with an error of ours."""
    try:
        verb()
    except RowbatchError as error:
        return error.message != ""
    return False


def restore(run: RunDirectory, kept: dict[Path, bytes]) -> None:
    for path in run.path.rglob("*"):
        if path.is_file() and path not in kept:
            path.unlink()
    for path, content in kept.items():
        path.write_bytes(content)
