"""What becomes of a row that has several lines: one rule for counts, rounds, the table and `extract`."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cases import cases
from driving import drive, judge, make_run, rows_of
from fake_providers import FakeProvider
from rowbatch.core.answer import AnswerReader
from rowbatch.core.findings import read_findings
from rowbatch.core.shard import ShardLimits
from rowbatch.core.states import ShardState
from rowbatch.results.checked import inspect
from rowbatch.results.findings import asked_requests
from rowbatch.results.lines import LineReader
from rowbatch.steps.collect import collect
from rowbatch.steps.drive import DrivePolicy
from rowbatch.steps.rounds import plan_next_round
from rowbatch.steps.verify import verify
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.sources import digest_file
from rowbatch.tools.extract import extract

CALM = DrivePolicy(poll_every_s=1.0, ask_invalid_again=True)


def result(custom_id, *, status=200, content="", refusal=None, finish="stop"):
    """A result line of OpenAI's."""
    message = {"role": "assistant", "content": content, "refusal": refusal}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    answer = {"model": "m-1", "choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}
    body = answer if status == 200 else {"error": {"message": "it failed", "code": None}}
    response = {"status_code": status, "request_id": "r", "body": body}
    return json.dumps({"id": "b", "custom_id": custom_id, "response": response, "error": None}).encode()


def labelled(label):
    return json.dumps({"label": label})


def twice(other):
    """The provider gives a row another line, before or after its good one."""

    def spoil(custom_id, line):
        return other(custom_id, line) if custom_id == "row-4" else line

    return spoil


FAILED = result("row-4", status=500) + b"\n"
NO_LABEL = result("row-4", content=labelled("nothing of that kind")) + b"\n"


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(lambda _, line: FAILED + line, id="error-then-answer"),
        pytest.param(lambda _, line: line + FAILED, id="answer-then-error"),
        pytest.param(lambda _, line: NO_LABEL + line, id="no-label-then-answer"),
        pytest.param(lambda _, line: FAILED + NO_LABEL + 2 * line, id="all-of-them"),
    ],
)
def test_a_row_with_a_good_line_is_not_paid_again(tmp_path, lines):
    """
    A row that has a good line, whatever other lines it has, is answered: it is not asked again, and the
    table, the counts and `extract` all have that answer.
    """
    run, fake = make_run(tmp_path), FakeProvider("openai")
    fake.spoil = twice(lines)
    drive(run, fake, policy=CALM)
    report = collect(run)
    assert {row for row, count in fake.paid_rows.items() if count > 1} == set()
    assert set(report.statuses) == {"ok", "skipped"}
    assert report.repeated_ids > 0
    judge(run, fake, rows_of(report.path))
    files = sorted(run.results.glob("*.jsonl"))
    extracted = extract(files, tmp_path / "extracted.csv", join=tmp_path / "posts.csv", first_number=1)
    # The result itself does not know the codebook; rows without a text were not asked.
    assert set(extracted.statuses) == {"ok", "missing"}
    with run.ledger() as ledger:
        for shard in ledger.shards():
            findings = read_findings(shard.findings)
            assert findings is not None
            assert set(findings.statuses) == {"ok"}


def test_counts_of_an_earlier_version_are_no_fault(tmp_path):
    """
    An earlier version counted the first line of a row; `verify` does not call that a fault of the files.
    """
    run, fake = make_run(tmp_path), FakeProvider("openai")
    fake.spoil = twice(lambda _, line: FAILED + line)
    drive(run, fake)
    with run.ledger() as ledger:
        first = ledger.shards()[0]
        findings = json.loads(str(first.findings))
        assert findings["statuses"] == {"ok": 4}
        findings |= {"statuses": {"ok": 3, "error": 1}, "tokens_of": {"ok": [1, 1], "error": [0, 0]}}
        told = {"findings": json.dumps(findings), "round": first.round, "number": first.number}
        # As an older version noted it; no move does.
        ledger._db.execute(
            "UPDATE shard SET findings = :findings WHERE round = :round AND number = :number", told
        )
        ledger._leave_trail((first.round, first.number))
    assert verify(run).faults == []


# What a line can be: how it is written; its status as it tells it, and by the codebook; whether its row is
# asked again when it decides.
FORMS: dict[str, Any] = {
    "label": (lambda row: result(row, content=labelled("b")), "ok", "ok", False),
    "other label": (lambda row: result(row, content=labelled("c")), "ok", "ok", False),
    "no label": (lambda row: result(row, content=labelled("d")), "ok", "invalid", True),
    "refused": (lambda row: result(row, refusal="I'd rather not."), "refused", "refused", False),
    "cut": (lambda row: result(row, content="{", finish="length"), "truncated", "truncated", False),
    "failed": (lambda row: result(row, status=500), "error", "error", True),
    "turned down": (lambda row: result(row, status=400), "error", "error", False),
}
ASKED = (1, 2, 4, 5, 6)
STRANGE = 7
RANK = {"ok": 0, "invalid": 1, "refused": 1, "truncated": 1, "error": 2, "missing": 3}


def decided(lines, status_at):
    """The line that decides for each row, one line at a time."""
    found: dict[int, str] = {}
    for row, form in lines:
        if row not in found or RANK[FORMS[form][status_at]] < RANK[FORMS[found[row]][status_at]]:
            found[row] = form
    return found


@pytest.fixture(scope="module")
def asked_run(tmp_path_factory):
    """A run of one shard, rows 1 to 6, of which row 3 has no text, that is sent."""
    return make_run(tmp_path_factory.mktemp("asked"), rows=6, shard_rows=100)


def with_results(run, folder, output, errors):
    """A copy of a run, to which these lines came."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(run.path, folder)
    copy = RunDirectory(folder)
    columns: dict[str, Any] = {"batch_status": "completed"}
    for kind, lines in (("output", output), ("error", errors)):
        path = copy.result_path("r1-0001", kind)
        path.write_bytes(b"".join(FORMS[form][0](f"row-{row}") + b"\n" for row, form in lines))
        columns |= {f"{kind}_name": path.name, f"{kind}_sha256": digest_file(path)}
    with copy.ledger() as ledger:
        (shard,) = ledger.shards()
        shard = ledger.move(shard, ShardState.UPLOADED, event="uploaded")
        claimed = ledger.claim(shard, reserved_usd=Decimal(0), cap_usd=None)
        assert claimed is not None
        shard = ledger.move(claimed, ShardState.SUBMITTED, event="submitted")
        shard = ledger.move(shard, ShardState.ENDED, event="ended")
        ledger.move(shard, ShardState.DOWNLOADED, event="downloaded", **columns)
    return copy


FILES = st.lists(st.tuples(st.sampled_from([*ASKED, STRANGE]), st.sampled_from(sorted(FORMS))), max_size=8)


@given(FILES, FILES)
@settings(
    max_examples=cases(15, 300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_all_who_read_a_shard_decide_alike(asked_run, output, errors):
    """
    Whatever lines came, in two files: the counts, the next round, the labelled table and `extract` go by the
    same line of each row.
    """
    folder = asked_run.path.with_name("came")
    run = with_results(asked_run, folder, output, errors)
    came = [line for line in [*output, *errors] if line[0] in ASKED]
    by_codebook, by_itself = decided(came, 2), decided(came, 1)
    expected = {row: FORMS[by_codebook[row]][2] if row in by_codebook else "missing" for row in ASKED}

    report = collect(run, output=folder / "table.csv")
    table = {int(row["id"]): row for row in rows_of(report.path)}
    assert {row: table[row]["status"] for row in ASKED} == expected
    labels = {row: {"label": "b", "other label": "c"}.get(by_codebook.get(row), "") for row in ASKED}
    assert {row: table[row]["label"] for row in ASKED} == labels
    assert report.repeated_ids == len(came) - len(by_codebook)
    assert report.unknown_ids == len(output) + len(errors) - len(came)

    paths = [run.result_path("r1-0001", kind) for kind in ("output", "error")]
    reader = AnswerReader(run.plan().question.codebook)
    findings = inspect(paths, run.request_path("r1-0001"), LineReader(reader), run.plan().question.user)
    told = Counter(FORMS[by_codebook[row]][1] if row in by_codebook else "missing" for row in ASKED)
    assert findings.told == told
    assert findings.statuses == Counter(expected.values())

    with run.ledger() as ledger:
        planned = plan_next_round(run, ledger, reader, ShardLimits(100, 100_000), ask_invalid_again=True)
    again = {row for row in ASKED if row not in by_codebook or FORMS[by_codebook[row]][3]}
    assert planned.rows == len(again)
    if again:
        assert set(asked_requests(run.request_path("r2-0001"))["row"]) == again

    if any(came):
        extracted = extract(
            paths, folder / "extracted.csv", join=asked_run.path.with_name("posts.csv"), first_number=1
        )
        rows = {int(row["id"]): row for row in rows_of(extracted.out)}
        contents = {row: json.loads(FORMS[form][0](f"row-{row}")) for row, form in by_itself.items()}
        assert {row: rows[row]["status"] for row in by_itself} == {
            row: FORMS[form][1] for row, form in by_itself.items()
        }
        for row, line in contents.items():
            if by_itself[row] in ("label", "other label", "no label"):
                assert rows[row]["content"] == line["response"]["body"]["choices"][0]["message"]["content"]
