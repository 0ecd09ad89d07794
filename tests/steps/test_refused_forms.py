"""Servers of others that refuse a schema as the form of an answer, asked row by row."""

from collections import Counter
from contextlib import contextmanager

import pytest

import rowbatch
from end_to_end import read_rows
from rowbatch import desk
from rowbatch.cli.app import run_command_line
from rowbatch.steps.direct import DirectClient
from rowbatch.store.journal import Journal
from upstreams import MODEL, Said, fake_upstream, said

TEXTS = [f"text number {number}" for number in range(12)]
REFUSED = "a weaker form is asked for"


def refusal(message, status=400):
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return Said(status, {"error": error})


def any_object(body):
    """As DeepSeek: any object, where the prompt has the word."""
    form = body.get("response_format", {})
    if form.get("type") == "json_schema":
        return refusal("This response_format type is unavailable now")
    is_told = "JSON schema" in str(body["messages"][0]["content"])
    return said('{"label": "good"}' if form and is_told else "It is good.")


def other_words(body):
    """As the server of llama-cpp-python, whose refusals are FastAPI's own."""
    form = body.get("response_format", {})
    if form.get("type") == "json_schema":
        place = ["body", "response_format", "type"]
        return Said(
            422, {"detail": [{"type": "literal_error", "loc": place, "msg": "Input should be 'text'"}]}
        )
    return said('{"label": "good"}' if "schema" in form else "It is good.")


def no_form(body):
    if "response_format" in body:
        return refusal("response_format is not supported by this model")
    return said('{"label": "good"}' if "JSON schema" in str(body["messages"][0]["content"]) else "Good.")


def nothing_at_all(body):
    return refusal("this model is on holiday")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROWBATCH_API_KEY", "sk-of-a-test")
    # A report looks at all runs of the same table that the home knows, also those of tests beside this one.
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    (tmp_path / "t.csv").write_text("text\n" + "".join(f"{text}\n" for text in TEXTS))
    return tmp_path


class Killed(BaseException):
    """The end of the program."""


@contextmanager
def killed_after_answers(monkeypatch):
    """In it the program ends as soon as it has noted an answer."""
    noted = DirectClient._note

    def kill(self, rows, number, outcome):
        noted(self, rows, number, outcome)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(DirectClient, "_note", kill)
        yield


def words(command, upstream, *more):
    question = ["--text", "text", "--labels", "good,bad", "--prompt", "Mood?"]
    asked = ["--provider", "compatible", "--base-url", upstream.base_url, "--model", MODEL]
    return [command, "t.csv", *question, *asked, *more]


def answered(upstream, answer):
    """How often each text was answered, and with that paid."""
    return Counter(call["messages"][-1]["content"] for call in upstream.calls if answer(call).status == 200)


@pytest.mark.parametrize("answer", [any_object, other_words, no_form])
def test_a_direct_run_labels_every_row_and_pays_it_once(place, capsys, answer):
    """
    What is refused is not billed, and is asked otherwise; the status says so, once.
    """
    with fake_upstream(answer) as upstream:
        assert run_command_line(words("run", upstream, "--direct", "--yes", "--poll-seconds", "0")) == 0
        assert answered(upstream, answer) == dict.fromkeys(TEXTS, 1)
        # Those that were on their way together, twice at most.
        assert len(upstream.calls) <= len(TEXTS) + 2 * 4
    out = read_rows(place / "rowbatch-runs" / "t" / "labelled.csv")
    assert [(row["text"], row["label"]) for row in out] == [(text, "good") for text in TEXTS]
    assert "cancelled" not in capsys.readouterr().out
    assert run_command_line(["status", "t"]) == 0
    assert capsys.readouterr().out.count(REFUSED) == 1
    assert run_command_line(["verify", "t"]) == 0
    assert run_command_line(["report", "t", "-o", "report.html"]) == 0
    assert "the schema stood in the prompt" in (place / "report.html").read_text(encoding="utf-8")
    english, chinese = (desk.methods_text(rowbatch.open("t"), language) for language in ("en", "zh"))
    assert "the schema stood in the prompt" in english
    assert "结构写在提示词中" in chinese


@pytest.mark.parametrize("answer", [any_object, other_words, no_form])
def test_rows_that_are_tried_are_asked_otherwise_too(place, capsys, answer):
    """
    Of a table and of a run: their labels are shown, each is paid once, and a trial of a run says it.
    """
    with fake_upstream(answer) as upstream:
        assert run_command_line(words("try", upstream, "--rows", "3", "--yes")) == 0
        told = capsys.readouterr().out
        assert told.count("-> good") == 3
        assert told.count(REFUSED) == 1
        tried = answered(upstream, answer)
        assert sorted(tried.values()) == [1, 1, 1]
        run = rowbatch.create(
            place / "t.csv",
            text="text",
            labels="good,bad",
            prompt="Mood?",
            provider="compatible",
            base_url=upstream.base_url,
            model=MODEL,
            run=place / "r",
        )
        run.build()
        before = len(upstream.calls)
        report = run.try_rows(2)
        assert [row.values for row in report.rows] == [("good",)] * 2
        assert [notice.kind for notice in report.notices] == ["mended-json-schema"]
        assert len(upstream.calls) - before == 2 + (2 if answer is no_form else 1)
        # What helped is known of the run, and of rows that were tried before it is said again.
        again = len(upstream.calls)
        report = run.try_rows(4)
        assert [notice.kind for notice in report.notices] == ["mended-json-schema"]
        assert len(upstream.calls) - again == len(report.rows) - 2


def test_what_is_refused_for_another_reason_is_asked_once(place, capsys):
    """
    Each row once, as a row that failed.
    """
    with fake_upstream(nothing_at_all) as upstream:
        run_command_line(words("run", upstream, "--direct", "--yes", "--poll-seconds", "0"))
        asked = Counter(call["messages"][-1]["content"] for call in upstream.calls)
        assert set(asked.values()) == {1}
        assert all(call["response_format"]["type"] == "json_schema" for call in upstream.calls)
    capsys.readouterr()
    run_command_line(["status", "t"])
    assert REFUSED not in capsys.readouterr().out


def test_who_goes_on_asks_as_it_was_asked(place, monkeypatch):
    """
    Killed after the refusal, and after an answer: nothing is asked in vain again, and the journal has a line
    before each call.
    """
    with fake_upstream(any_object) as upstream:
        with killed_after_answers(monkeypatch), pytest.raises(Killed):
            run_command_line(words("run", upstream, "--direct", "--yes", "--poll-seconds", "0"))
        before = len(upstream.calls)
        assert run_command_line(["resume", "t", "--yes", "--poll-seconds", "0"]) == 0
        later = upstream.calls[before:]
        assert all(call["response_format"]["type"] == "json_object" for call in later)
        assert answered(upstream, any_object) == dict.fromkeys(TEXTS, 1)
    (path,) = place.rglob("*.journal.jsonl")
    entries = Journal(path).read().all
    assert sum(entry["as"] == "intent" for entry in entries) == len(upstream.calls)
    assert {entry["form"] for entry in entries if entry["as"] == "answer"} == {1}


def quoted(body):
    """As a filter that says which words it does not like, here those of a post about JSON."""
    text = str(body["messages"][-1]["content"])
    if text == TEXTS[4]:
        return refusal(f"This text may not be asked: 'is json_schema better than XML?' ({text})")
    return said('{"label": "good"}')


def test_a_refusal_that_quotes_the_form_is_of_its_own_row(place, capsys):
    """
    A text may have the name of the form in it: its row is asked three times at most and fails, and no other
    one is asked for less, in a run and in a trial.
    """
    with fake_upstream(quoted) as upstream:
        assert run_command_line(words("run", upstream, "--direct", "--yes", "--poll-seconds", "0")) == 9
        asked = Counter(call["messages"][-1]["content"] for call in upstream.calls)
        assert asked.pop(TEXTS[4]) <= 3
        assert asked == dict.fromkeys([*TEXTS[:4], *TEXTS[5:]], 1)
        others = [call for call in upstream.calls if call["messages"][-1]["content"] != TEXTS[4]]
        assert all(call["response_format"]["type"] == "json_schema" for call in others)
    out = read_rows(place / "rowbatch-runs" / "t" / "labelled.csv")
    assert [row["label"] for row in out] == [*["good"] * 4, "", *["good"] * 7]
    capsys.readouterr()
    run_command_line(["status", "t"])
    assert REFUSED not in capsys.readouterr().out
    with fake_upstream(quoted) as upstream:
        run_command_line(words("try", upstream, "--rows", "12", "--yes"))
        forms = [(call["messages"][-1]["content"], call.get("response_format")) for call in upstream.calls]
        assert [text for text, _ in forms].count(TEXTS[4]) <= 3
        assert all(form and form["type"] == "json_schema" for text, form in forms if text != TEXTS[4])
    told = capsys.readouterr().out
    assert told.count("-> good") == 11
    assert REFUSED not in told


def test_a_trial_that_was_stopped_goes_on_where_it_was(place, monkeypatch, capsys):
    """
    The same command again pays no row twice, and leaves one run; a trial that is over is not gone on with.
    """
    with fake_upstream(any_object) as upstream:
        command = words("try", upstream, "--rows", "8", "--yes")
        for _ in range(2):
            with killed_after_answers(monkeypatch), pytest.raises(Killed):
                run_command_line(command)
        assert run_command_line(command) == 0
        assert capsys.readouterr().out.count("-> good") == 8
        paid = answered(upstream, any_object)
        assert (len(paid), set(paid.values())) == (8, {1})
        assert [run.name for run in (place / "rowbatch-runs").iterdir()] == ["t-try"]
        assert run_command_line(command) == 0
        assert "-> good" in capsys.readouterr().out
        assert answered(upstream, any_object) == paid
        assert [run.name for run in (place / "rowbatch-runs").iterdir()] == ["t-try"]
