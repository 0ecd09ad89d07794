"""Several models in one run."""

from __future__ import annotations

import csv
from decimal import Decimal

import pytest

import rowbatch
from fake_providers import Reply
from paneling import ASKED, FIRST, OTHERS, SECOND, THIRD, providers_of, write_table
from rowbatch.cli.app import run_command_line
from rowbatch.core.agreement import Agreement
from rowbatch.desk.recipes import methods_text
from rowbatch.errors import OutputExists, ServiceError, UsageError
from rowbatch.programs.opening import open_table
from rowbatch.results.views import answers_name, write_answers_view
from rowbatch.store.ledger import Ledger
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.view import TableView
from rowbatch.words.printing import dollars


@pytest.fixture
def providers(monkeypatch, tmp_path):
    return providers_of(monkeypatch, tmp_path)


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def scripted(answers):
    """Each model says of each text what stands here, in order; "" is an answer that no codebook allows."""
    order = [FIRST, SECOND, THIRD]
    return lambda model, text: {"label": answers[text][order.index(model)] or "?"}


def make(tmp_path, texts, **more):
    table = write_table(tmp_path, texts)
    return rowbatch.create(table, **{**ASKED, "with_models": OTHERS, "output": tmp_path / "out.csv", **more})


def resume(run, **more):
    return run.resume(poll_seconds=0.01, **more)


def test_the_majority_and_ties(tmp_path, providers):
    """
    The commonest value counts, of equally common ones the first model's; how many of all agree is its
    confidence, and each model's answer stands beside it.
    """
    said = {"all": "aaa", "two": "abb", "tie": "cab", "first fails": ["", "b", "b"], "one": ["", "", "c"]}
    providers.answers = scripted(said | {"none": ["", "", ""]})
    run = make(tmp_path, [*said, "none", " "])
    report = resume(run)
    rows = {row["text"]: row for row in rows_of(tmp_path / "out.csv")}
    found = {text: (row["label"], row["label_confidence"]) for text, row in rows.items()}
    assert found == {
        "all": ("a", "1"),
        "two": ("b", "0.666667"),
        "tie": ("c", "0.333333"),
        "first fails": ("b", "0.666667"),
        "one": ("c", "0.333333"),
        "none": ("", ""),
        " ": ("", ""),
    }
    each = [f"label_{name}" for name in ("gpt_4o_mini", "claude_haiku_4_5", "gemini_2_5_flash_lite")]
    assert [rows["two"][name] for name in each] == ["a", "b", "b"]
    assert [rows["one"][name] for name in each] == ["", "", "c"]
    assert {row["confidence_basis"] for text, row in rows.items() if text not in ("none", " ")} == {
        "agreement of 3 models"
    }
    assert [rows[text]["status"] for text in ("all", "one", "none", " ")] == [
        "ok",
        "ok",
        "invalid",
        "skipped",
    ]
    assert (rows["two"]["model"], rows["none"]["raw_answer"]) == (SECOND, '{"label": "?"}')
    assert report.rows == 7
    assert [dict(one.statuses)["ok"] for one in report.each] == [3, 4, 5]


def test_rows_on_which_models_differ(tmp_path, providers):
    """
    Only rows of which two models that answered say different things, the least agreement first, of equals the
    earlier row; and how far each two models agree, counted by hand.
    """
    said = {
        "all": "aaa",
        "two": "abb",
        "tie": "cab",
        "gone": ["", "b", "b"],
        "again": "aab",
        "half": ["a", "", "c"],
    }
    providers.answers = scripted(said)
    run = make(tmp_path, said)
    resume(run)
    report = run.disagreements(tmp_path / "differ.csv")
    rows = rows_of(tmp_path / "differ.csv")
    assert [(row["text"], row["label"], row["label_confidence"]) for row in rows] == [
        ("tie", "c", "0.333333"),
        ("half", "a", "0.333333"),
        ("two", "b", "0.666667"),
        ("again", "a", "0.666667"),
    ]
    assert (rows[0]["label_gpt_4o_mini"], rows[0]["label_gemini_2_5_flash_lite"]) == ("c", "b")
    assert "status" not in rows[0]
    assert (report.rows, report.compared) == (4, 6)
    pairs = {(pair.one, pair.other): (pair.rows, pair.same) for pair in report.pairs}
    first, second, third = "gpt_4o_mini", "claude_haiku_4_5", "gemini_2_5_flash_lite"
    assert pairs == {(first, second): (4, 2), (first, third): (5, 1), (second, third): (5, 3)}
    # Of the first two: aa, ab, ca, aa. By chance 3/4 * 3/4 agree on a.
    (kappa,) = [pair.kappa for pair in report.pairs if pair.other == second]
    assert kappa == pytest.approx((1 / 2 - 9 / 16) / (1 - 9 / 16))
    with pytest.raises(OutputExists):
        run.disagreements(tmp_path / "differ.csv")
    alone = rowbatch.create(tmp_path / "posts.csv", **ASKED)
    with pytest.raises(UsageError, match="one model alone"):
        alone.disagreements(tmp_path / "no.csv")


def test_error_rates_decide(tmp_path, providers):
    """
    Of two models that always agree and are right and two that are wrong in their own ways, Dawid and Skene
    believe the first: the confidence is a probability, and says what it is.
    """
    texts = [f"{'x' * n}" for n in range(1, 31)]

    def answers(model, text):
        right = "abc"[len(text) % 3]
        # The second model takes every c for b, and the third says a whatever it reads.
        return {"label": {SECOND: "b" if right == "c" else right, THIRD: "a"}.get(model, right)}

    providers.answers = answers
    run = make(tmp_path, texts, consensus="dawid-skene")
    resume(run)
    rows = rows_of(tmp_path / "out.csv")
    assert {row["confidence_basis"] for row in rows} == {"Dawid-Skene of 3 models"}
    of_b = {row["label"] for row in rows if len(row["text"]) % 3 == 1}
    assert of_b == {"b"}
    assert all(0 <= float(row["label_confidence"]) <= 1 for row in rows)
    # c, b, a said by the three is one pattern: whatever is decided of it is decided alike.
    assert len({row["label"] for row in rows if len(row["text"]) % 3 == 2}) == 1
    assert rows == rows_of(run.export(tmp_path / "again.csv").path)


def test_one_cap_over_all_models(tmp_path, providers):
    """
    What one model has spent or reserved is not there for the others: the cap holds what all cost together,
    however often it is resumed, and a model that is resumed by itself keeps it too.
    """
    texts = [f"{'x' * n}" for n in range(1, 13)]
    run = make(tmp_path, texts)
    preview = run.preview()
    most = [run._most_usd(shard) for shard in shards_of(run)]
    cap = sum(most) + Decimal("0.000001")
    report = resume(run, max_cost_usd=cap)
    assert providers.paid == {"openai": 12, "anthropic": 0, "gemini": 0}
    assert f"the cap of {dollars(cap)} does not allow it" in str(report.stopped_because)
    assert preview.own_cost is not None
    assert preview.cost.high_usd == sum(
        one.high_usd for one in (preview.own_cost, *(one.cost for one in preview.members))
    )
    member = rowbatch.open(run.path / "with" / "anthropic-claude_haiku_4_5")
    resume(member)
    assert providers.paid["anthropic"] == 0
    waits = [shard.waits_for for shard in shards_of(member)]
    assert f"the cap of {dollars(cap)} does not allow it" in str(waits[0])
    resume(run, max_cost_usd=Decimal(5))
    assert providers.paid == {"openai": 12, "anthropic": 12, "gemini": 12}
    assert {row["status"] for row in rows_of(tmp_path / "out.csv")} == {"ok"}


def shards_of(run):
    with RunDirectory(run.path).ledger() as ledger:
        return ledger.shards()


def test_a_model_that_cannot_be_reached_holds_up_nobody(tmp_path, providers, monkeypatch):
    """
    The others are asked and in the table; the same again asks only the one that is missing, and no model is
    paid twice.
    """
    texts = [f"{'x' * n}" for n in range(1, 8)]
    run = make(tmp_path, texts)
    handle = providers.fakes["anthropic"].handle

    def refuse(method, url, headers, body):
        return Reply(403, b'{"error": {"type": "permission_error", "message": "no"}}', {})

    monkeypatch.setattr(providers.fakes["anthropic"], "handle", refuse)
    with pytest.raises(ServiceError):
        resume(run)
    rows = rows_of(tmp_path / "out.csv")
    assert {(row["status"], row["label_confidence"], row["label_claude_haiku_4_5"]) for row in rows} == {
        ("ok", "0.666667", "")
    }
    status = run.status()
    assert [one.state for one in status.members] == ["built", "collected"]
    assert status.state == "built"
    monkeypatch.setattr(providers.fakes["anthropic"], "handle", handle)
    resume(rowbatch.open(run.path))
    assert providers.paid == {"openai": 7, "anthropic": 7, "gemini": 7}
    assert run.status().state == "collected"
    assert run.status().spent_usd == run.collect().cost_usd
    assert [len(fake.batches) for fake in providers.fakes.values()] == [1, 1, 1]


def test_nothing_is_paid_where_a_key_is_missing(tmp_path, providers, monkeypatch):
    """
    A key that one of the models wants is missed before the first one is paid.
    """
    run = make(tmp_path, ["x"])
    monkeypatch.delenv("GEMINI_API_KEY")
    with pytest.raises(UsageError, match="key"):
        resume(run)
    assert providers.paid == {"openai": 0, "anthropic": 0, "gemini": 0}


def test_all_models_are_cancelled_verified_and_cleaned(tmp_path, providers):
    """
    Cancelling is of all; the list has one run; what was read again and removed is of all models' files.
    """
    run = make(tmp_path, ["x", "xx"])
    run.submit(poll_seconds=0.01)
    assert [len(fake.batches) for fake in providers.fakes.values()] == [1, 1, 1]
    run.cancel(poll_seconds=0.01)
    assert {shard.state for one in (run, *run.members) for shard in shards_of(one)} <= {"downloaded"}
    resume(run)
    assert run.record().is_cancelled is False
    assert [status.path.name for status in rowbatch.list_runs()] == ["posts"]
    assert not run.verify().faults
    (run.members[1].path / "requests" / "r1-0001.jsonl").write_text("{}")
    assert any("gemini" in fault for fault in run.verify().faults)
    assert run.clean().files >= 3


def test_earlier_answers_of_each_model(tmp_path, providers):
    """
    A table that grew is asked of each model what that model was not asked; also where it was asked alone.
    """
    alone = {**ASKED, "provider": "gemini", "model": THIRD}
    resume(rowbatch.create(write_table(tmp_path, ["x", "xx", "xxx"]), **alone))
    resume(make(tmp_path, ["x", "xx"]))
    assert providers.paid == {"openai": 2, "anthropic": 2, "gemini": 3}
    grown = make(tmp_path, ["xxx", "x", "xx", "xxxx"], output=tmp_path / "grown.csv")
    assert [one.built.requests for one in (grown.preview(), *grown.preview().members)] == [2, 2, 1]
    resume(grown)
    assert providers.paid == {"openai": 4, "anthropic": 4, "gemini": 4}
    assert {row["label_confidence"] for row in rows_of(tmp_path / "grown.csv")} == {"1"}


@pytest.mark.parametrize("ending", ["dta", "sav", "parquet"])
def test_formats_with_types(tmp_path, providers, ending):
    """
    The columns of each model have the labels of the codebook, as the consensus has.
    """
    providers.answers = scripted({"one": "abb", "two": "ccc"})
    run = make(tmp_path, ["one", "two"], output=tmp_path / f"out.{ending}")
    resume(run)
    frame = run.table()
    assert frame["label"].to_list() == ["b", "c"]
    assert frame["label_gpt_4o_mini"].cast(str).to_list()[0] in ("a", "1")
    if ending != "parquet":
        table = open_table(tmp_path / f"out.{ending}")
        known = dict(zip(table.header, table.columns, strict=True))
        assert known["label_gpt_4o_mini"].value_labels == known["label"].value_labels
        assert list(known["label"].value_labels.values()) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"confidence": True}, "panel-and-confidence"),
        ({"samples": 3}, "panel-and-confidence"),
        ({"labels": None}, "panel-of-words"),
        ({"with_models": ["openai:gpt-4o-mini"]}, "panel-model-twice"),
        ({"with_models": [], "consensus": "dawid-skene"}, "consensus-of-one"),
        ({"consensus": "vote"}, "no-such-consensus"),
        ({"with_models": [f"openai:m{n}" for n in range(10)]}, "panel-too-many"),
        ({"with_models": ["nobody:m"]}, "no-such-provider"),
    ],
)
def test_what_does_not_go_together(tmp_path, providers, more, kind):
    """
    Is said before anything is made.
    """
    with pytest.raises(UsageError) as caught:
        make(tmp_path, ["x"], **more)
    assert caught.value.kind == kind
    assert not (tmp_path / "rowbatch-runs").exists()


def test_the_plan_and_its_command(tmp_path, providers):
    """
    The plan is kept whole, and its command makes it again: the same run. Of one model alone nothing of it
    stands in run.toml, which older versions still read.
    """
    run = make(tmp_path, ["x"], consensus="dawid-skene")
    words = rowbatch.api.command_of(run.plan)
    assert words[words.index("--with") + 1] == OTHERS[0]
    assert words[words.index("--consensus") + 1] == "dawid-skene"
    again = make(tmp_path, ["x"], consensus="dawid-skene", reuse=True)
    assert again.path == run.path
    assert rowbatch.open(run.path).plan == run.plan
    other = make(tmp_path, ["x"], reuse=True)
    assert other.path != run.path
    assert "format = 3" in (run.path / "run.toml").read_text()
    alone = rowbatch.create(tmp_path / "posts.csv", **ASKED)
    told = (alone.path / "run.toml").read_text()
    assert "format = 2" in told
    assert "[panel" not in told
    assert "[panel" in (run.path / "run.toml").read_text()


def test_the_command_line(tmp_path, providers, capsys):
    """
    `run --with` shows each model's price and the sum, and what each came to; `disagreements` and `status`
    show the rest.
    """
    write_table(tmp_path, ["x", "xx", "xxx"])
    providers.answers = scripted({"x": "aab", "xx": "bbb", "xxx": "ccc"})
    words = ["run", "posts.csv", "--text", "text", "--labels", "a,b,c", "--prompt", "Which?"]
    words += ["--provider", "openai", "--model", FIRST, "--max-tokens", "20", "--poll-seconds", "0.01", "-y"]
    words += [word for other in OTHERS for word in ("--with", other)]
    assert run_command_line(words) == 0
    told = capsys.readouterr().out
    assert "3 to ask, $" in told
    assert "for all 3 models" in told
    assert "goes to  https://api.openai.com/v1, https://api.anthropic.com" in told
    assert f"{SECOND} (anthropic): ok 3" in told
    assert run_command_line(["disagreements", "posts", "-o", "differ.csv"]) == 0
    told = capsys.readouterr().out
    assert "1 row of 3 that several models answered" in told
    assert "gpt_4o_mini / claude_haiku_4_5" in told
    assert "100.0% of 3, kappa 1.00" in told
    assert run_command_line(["status", "posts"]) == 0
    assert f"with     {SECOND} (anthropic): collected" in capsys.readouterr().out
    assert run_command_line([*words, "--samples", "3"]) != 0
    assert "leave --samples and --confidence out" in capsys.readouterr().err


def test_a_run_that_is_killed_goes_on(tmp_path, providers, monkeypatch):
    """
    Stopped at any paid call of any model, the same command again ends with the same table, and nobody is paid
    twice.
    """
    texts = [f"{'x' * n}" for n in range(1, 6)]
    run = make(tmp_path, texts)
    claim = Ledger.claim
    for left in range(3):
        claims = [0]

        def stopped(*given, claims=claims, left=left, **named):
            claims[0] += 1
            # One more model each time is sent before it is stopped.
            if claims[0] > 1 or left == 0:
                raise KeyboardInterrupt
            return claim(*given, **named)

        monkeypatch.setattr(Ledger, "claim", stopped)
        with pytest.raises(KeyboardInterrupt):
            resume(rowbatch.open(run.path))
    monkeypatch.setattr(Ledger, "claim", claim)
    resume(rowbatch.open(run.path))
    assert providers.paid == {"openai": 5, "anthropic": 5, "gemini": 5}
    assert [fake.posts for fake in providers.fakes.values()] == [1, 1, 1]
    assert {row["label_confidence"] for row in rows_of(tmp_path / "out.csv")} == {"1"}


def test_row_by_row(tmp_path, providers):
    """
    With `--direct` each model is asked row by row, under the same rules.
    """
    run = make(tmp_path, ["x", "xx"], direct=True)
    report = resume(run)
    assert [len(fake.paid_texts) for fake in providers.fakes.values()] == [2, 2, 2]
    assert not any(fake.batches for fake in providers.fakes.values())
    assert {row["label_confidence"] for row in rows_of(report.path)} == {"1"}


def test_corrections_views_and_people(tmp_path, providers):
    """
    What people correct is the consensus; they are compared with it; the rows with the least agreement can be
    exported first; a view of the answers has what was agreed on.
    """
    providers.answers = scripted({"one": "abb", "two": "ccc", "three": "bac"})
    table = tmp_path / "posts.csv"
    table.write_text("text,people\none,b\ntwo,c\nthree,c\n")
    run = rowbatch.create(table, **ASKED, with_models=OTHERS, output=tmp_path / "out.csv")
    resume(run)
    found = run.agreement("people")
    assert isinstance(found, Agreement)
    assert found.accuracy == pytest.approx(2 / 3)
    run.correct(3, "label", "c")
    rows = rows_of(run.export(tmp_path / "again.csv", least_sure=1).path)
    assert [(row["text"], row["label_gpt_4o_mini"]) for row in rows] == [("one", "a")]
    (third,) = [row for row in rows_of(run.export(tmp_path / "all.csv").path) if row["text"] == "three"]
    assert (third["label"], third["label_model"], third["label_human"]) == ("c", "b", "c")
    directory = RunDirectory(run.path)
    name = answers_name(directory, shards_of(run))
    write_answers_view(directory, shards_of(run), tmp_path / name)
    assert TableView(tmp_path / name).frame(1, 3)["0"].to_list() == ["b", "c", "b"]
    assert f"several models: {FIRST} (OpenAI), {SECOND} (Anthropic)" in methods_text(run)
    assert "多数模型" in methods_text(run, "zh")


def test_a_data_frame_that_is_moved(tmp_path, providers):
    """
    The models' runs lie in the run, and go with it: its table is found from there too.
    """
    frame = {"text": ["x", "xx"], "n": [1, 2]}
    run = rowbatch.create(frame, **ASKED, with_models=OTHERS, run=tmp_path / "here")
    run.build()
    (tmp_path / "here").rename(tmp_path / "there")
    moved = rowbatch.open(tmp_path / "there")
    resume(moved)
    assert not moved.verify().faults
    assert moved.table()["label_confidence"].to_list() == [1.0, 1.0]
    again = rowbatch.create(frame, **ASKED, with_models=OTHERS, run=tmp_path / "again")
    again.build()
    again.discard()
    assert not (tmp_path / "again").exists()
