"""What our own Batch server says of batches besides what OpenAI's says."""

import json

import rowbatch
from driving import make_run
from rowbatch.cli.app import run_command_line
from rowbatch.core.states import IGNORABLE, Remarks
from rowbatch.providers.openai import read_batch
from rowbatch.server.node import Upstream
from rowbatch.server.upstream import UpstreamEngine
from rowbatch.steps.progress import note_remarks, told_remarks
from serving import ask, running_server
from upstreams import MODEL, fake_upstream, said


def test_remarks_are_read_and_nothing_else():
    """
    Names that have words, a count; whatever else stands there is nobody's.
    """
    batch = {"id": "batch_1", "status": "in_progress"}
    told = {"ignored_by_server": ["stop", "<b>", {}, "response_format"], "mended": ["response_format", 1]}
    found = read_batch({**batch, "rowbatch": {**told, "rows_maybe_asked_twice": 4}}).remarks
    assert found == Remarks(("response_format", "stop"), ("response_format",), 4)
    odd: tuple[object, ...] = (
        None,
        [],
        "x",
        {"ignored_by_server": "stop", "mended": {}, "rows_maybe_asked_twice": -1},
    )
    assert {read_batch({**batch, "rowbatch": one}).remarks for one in odd} == {Remarks()}


def test_what_many_batches_say_is_kept_once(tmp_path):
    """
    Rows that may have been asked twice are added up over batches, by the last word of each.
    """
    run = make_run(tmp_path, rows=9, shard_rows=3)
    with run.ledger() as ledger:
        one, other, *_ = ledger.shards()
        for said_of in (one, other, one):
            note_remarks(ledger, said_of, Remarks(("stop", "max_tokens"), ("max_tokens",)))
            note_remarks(ledger, said_of, Remarks())
        assert len(ledger.events("server-remarked")) == 1
        assert [notice.kind for notice in told_remarks(ledger)] == ["mended-max-tokens", "ignored-stop"]
        for shard, count in ((one, 2), (one, 5), (one, 5), (other, 3)):
            note_remarks(ledger, shard, Remarks(asked_twice=count))
        *_, twice = told_remarks(ledger)
        assert (twice.kind, twice.values) == ("maybe-asked-twice", {"count": 8})
        for name in IGNORABLE:
            note_remarks(ledger, other, Remarks((name,)))
        assert len(told_remarks(ledger)) == len(IGNORABLE) + 1


def test_what_a_server_behind_ours_ignores_stands_in_the_status_of_a_run(tmp_path, monkeypatch, capsys):
    """
    A run at our server, before one that leaves out the schema: the labels are right all the same, and
    `rowbatch status` says it, and so do `/health` and `/readyz`.
    """
    monkeypatch.chdir(tmp_path)

    def answer(body):
        is_told = "JSON schema" in str(body["messages"][0]["content"])
        return said('{"label": "good"}' if is_told else "I think it is good")

    rows = "".join(f"text number {n}\n" for n in range(25))
    (tmp_path / "t.csv").write_text(f"text\n{rows}")
    with fake_upstream(answer) as upstream:
        engine = UpstreamEngine([Upstream(upstream.base_url)])
        with running_server(tmp_path / "server", engine) as server:
            monkeypatch.setenv("ROWBATCH_API_KEY", server.key)
            question = ["--text", "text", "--labels", "good,bad", "--prompt", "?"]
            asked = ["--provider", "compatible", "--base-url", server.base_url, "--model", MODEL]
            words = ["run", "t.csv", *question, *asked, "--poll-seconds", "0", "--yes"]
            assert run_command_line(words) == 0
            _, _, health = ask(server, "GET", "/health")
            _, _, ready = ask(server, "GET", "/readyz", authorization="")
    assert "the schema is put into the prompt" in health["ignored_by_upstream"][MODEL][0]
    assert ready == {"status": "ready", "ignored_by_upstream": ["response_format"]}
    run = rowbatch.open("t")
    status = run.status()
    assert status.labelled == 25
    assert [notice.kind for notice in status.remarks] == ["mended-response-format"]
    capsys.readouterr()
    assert run_command_line(["status", "t"]) == 0
    looked = "look     the server of the model ignores the form of the answer; the form stands in the prompt"
    assert looked in capsys.readouterr().out
    assert run_command_line(["status", "t", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["remarks"][0]["kind"] == "mended-response-format"
