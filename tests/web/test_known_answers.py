"""Answers that an earlier job has, on the page before the start."""

import csv
import io
import re
import shutil

import pytest

from driving import KEY
from kill_runs import fake_server, judged
from rowbatch import api, desk
from serving_pages import served_pages, visiting


@pytest.fixture
def provider(tmp_path, monkeypatch):
    """The address of a provider."""
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    with fake_server(tmp_path, {}, 1) as address:
        yield address


@pytest.fixture
def client(provider):
    with served_pages() as site, visiting(site) as found:
        yield found


def reviewed(client, address, name, texts, **more):
    """A table dropped, a question asked; the address of the table, and the page before the start."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([["id", "post"], *enumerate(texts, 1)])
    answer = client.post("/tables", params={"name": name}, content=out.getvalue().encode())
    place = answer.json()["url"].removesuffix("/label")
    form = {
        "text": "post",
        "kind": "label",
        "question": "How is it?",
        "labels.0.name": "a",
        "labels.1.name": "b",
        "labels.2.name": "c",
        "provider": "openai",
        "base_url": f"{address}/v1",
        "model": "gpt-4o-mini",
        "do": "review",
        **more,
    }
    assert client.post(f"{place}/label", data=form).headers["location"] == f"{place}/start"
    return place, start_page(client, place)


def start_page(client, place):
    """The page, when all is checked; its words alone."""
    page = client.get(f"{place}/start")
    while 'id="checking"' in page.text:
        page = client.get(f"{place}/start")
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


def newest():
    """The run that was made last."""
    return api.open_run(max(api.list_runs(), key=lambda status: status.path.stat().st_ctime_ns).path)


def test_known_answers_stand_beside_the_price(client, provider):
    """
    How many are known, from which job, and two prices; all can be asked instead, and back. Where all are
    known nothing is sent and no limit or key is spoken of.
    """
    texts = [f"post {'x' * n}" for n in range(9)]
    _, page = reviewed(client, provider, "first.csv", texts)
    assert "Known already" not in page
    newest().resume(poll_seconds=0.05)
    assert judged(provider)["rows_run"] == 9
    place, page = reviewed(client, provider, "second.csv", ["new", *texts[::-1]])
    told = "9 rows have their answers from earlier jobs (first), and are not sent again."
    assert told in page
    assert "1 of 10 are sent" in page
    assert "Ask all rows instead – about" in page or "Ask all rows instead – less" in page
    assert client.post(f"{place}/fresh", data={"fresh": "yes"}).headers["location"] == f"{place}/start"
    page = start_page(client, place)
    assert "10 of 10 are sent" in page
    assert "Every row is asked, whether an earlier job has its answer or not." in page
    client.post(f"{place}/fresh", data={"fresh": "no"})
    assert told in start_page(client, place)
    newest().resume(poll_seconds=0.05)
    assert judged(provider)["rows_run"] == 10
    place, page = reviewed(client, provider, "third.csv", texts[:4])
    assert "0 of 4 are sent" in page
    assert "Write the table – nothing is sent" in page
    assert "word for word" not in page
    for said in ("0 batches", "within hours", "row by row", "Never spend", "have at most", "free"):
        assert said not in page, said
    # Nor does a limit for the month ask for one.
    desk.change_settings(max_cost_month="5")
    job = client.post(f"{place}/start").headers["location"]
    while 'data-ended="1"' not in (page := client.get(job).text):
        pass
    assert "4 rows have their answers from earlier jobs" in page
    assert judged(provider)["rows_run"] == 10
    answer = client.get(f"{job}/table?format=csv").content.decode("utf-8-sig")
    assert [row["status"] for row in csv.DictReader(io.StringIO(answer))] == ["ok"] * 4
    assert client.post(f"{place}/fresh", data={"fresh": "yes"}).headers["location"] == job


def test_only_what_changed_can_be_asked(client, provider):
    """
    Which variables changed is said, and a button asks only these, and back; once the earlier job is gone all
    are asked.
    """
    second = {"q1.kind": "yes-no", "q1.name": "b", "q1.question": "Is it long?"}
    texts = [f"post {'x' * n}" for n in range(6)]
    reviewed(client, provider, "first.csv", texts, **second)
    first = newest()
    first.resume(poll_seconds=0.05)
    place, page = reviewed(
        client, provider, "second.csv", texts[::-1], **{**second, "labels.0.definition": "Changed."}
    )
    assert "1 variable changed since an earlier job asked these rows." in page
    assert "Ask only these: label" in page
    assert "asked otherwise in the codebook: label" in page
    client.post(f"{place}/fresh", data={"only_changed": "yes"})
    page = start_page(client, place)
    assert "Only the variables that changed are asked." in page
    assert newest().plan.question.kept == ("b",)
    client.post(f"{place}/fresh", data={"only_changed": "no"})
    assert "Ask only these: label" in start_page(client, place)
    shutil.rmtree(first.path)
    answer = client.post(f"{place}/fresh", data={"only_changed": "yes"})
    assert answer.headers["location"] == f"{place}/label"
    assert client.get(f"{place}/label").status_code == 200


@pytest.mark.parametrize("more", [{}, {"kind": "scale"}])
def test_a_second_question_leaves_the_first_ones_answers_known(client, provider, more):
    """
    A question that was asked alone keeps the name of its column when another one comes beside it, and when
    that is gone again; so only the new one is asked.
    """
    texts = [f"post {'x' * n}" for n in range(6)]
    place, _ = reviewed(client, provider, "posts.csv", texts, **more)
    newest().resume(poll_seconds=0.05)
    (name,) = newest().plan.question.codebook.variables
    form = {
        "text": "post",
        "kind": "label",
        "question": "How is it?",
        "labels.0.name": "a",
        "labels.1.name": "b",
        "labels.2.name": "c",
        **more,
    }
    client.post(f"{place}/label", data={**form, "do": "question.add"})
    second = {"q1.kind": "yes-no", "q1.question": "Is it long?"}
    answer = client.post(f"{place}/label", data={**form, **second, "do": "review"})
    assert answer.headers["location"] == f"{place}/start"
    page = start_page(client, place)
    assert "Ask only these: long" in page
    client.post(f"{place}/fresh", data={"only_changed": "yes"})
    start_page(client, place)
    assert newest().plan.question.kept == (name.name,)
    client.post(f"{place}/label", data={**form, **second, "do": "question.remove.1"})
    client.post(f"{place}/label", data={**form, "do": "review"})
    assert "0 of 6 are sent" in start_page(client, place)
