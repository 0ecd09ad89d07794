"""The two ways to ask, on the page before the start."""

import csv
import re
import threading
from html import unescape

import pytest

from driving import KEY
from end_to_end import wait_until
from kill_runs import fake_server, judged
from rowbatch import api
from rowbatch.providers.openai import OpenAIBatchClient
from serving_pages import served_pages, visiting


@pytest.fixture
def place_of_work(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    with fake_server(tmp_path, {}, 1) as address, served_pages() as site, visiting(site) as found:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{address}/v1")
        yield found, site, address


def test_now_at_the_ordinary_price_or_as_a_batch(place_of_work, tmp_path):
    """
    The page has the batch price, and beside it what asking at once costs; who chooses that sees its price and
    a limit for it, starts, and has each row asked once, without a batch.
    """
    client, site, address = place_of_work
    with (tmp_path / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "post"], *([n, f"post number {n}"] for n in range(1, 9))])
    content = (tmp_path / "posts.csv").read_bytes()
    place = client.post("/tables", params={"name": "posts.csv"}, content=content).json()["url"]
    place = place.removesuffix("/label")
    form = {
        "text": "post",
        "task": "label",
        "question": "How is it?",
        "labels.0.name": "good",
        "labels.1.name": "bad",
        "provider": "openai",
        "base_url": f"{address}/v1",
        "model": "gpt-4o-mini",
        "do": "review",
    }
    assert client.post(f"{place}/label", data=form).headers["location"] == f"{place}/start"
    # For a moment after the check its task is still there, and the page leads to the job.
    wait_until(lambda: "Please read this before you start" in client.get(f"{place}/start").text)
    page = client.get(f"{place}/start")
    assert "as 1 batch" in page.text
    assert "Instead now, row by row at the ordinary price" in page.text
    assert 'name="way"' not in page.text
    direct = client.get(f"{place}/start?way=direct").text
    assert "row by row, at once" in direct
    # Not what is true of a batch.
    assert "usually within minutes" in direct
    assert "usually within hours" not in direct
    assert "Instead as a batch, within a day" in direct
    cap = re.search(r'name="cap" value="([^"]*)"', unescape(direct))
    assert cap
    started = client.post(f"{place}/start", data={"way": "direct", "cap": cap[1]})
    job = started.headers["location"]
    site.program.jobs._tasks[job.rsplit("/", 1)[1]].wait(60)
    count = judged(address)
    assert (count["texts_paid"], count["texts_paid_twice"], count["batches"]) == (8, [], 0)
    assert "8 of 8" in re.sub(r"<[^>]+>|\s+", " ", client.get(job).text).replace("  ", " ")
    (run,) = api.list_runs()
    assert api.open_run(run.path).policy().direct


def test_one_price_and_only_of_what_was_tried(place_of_work, tmp_path):
    """
    What was measured on tried rows makes the price on the page of the question and on that before the start,
    the same on both; of another question, or another model, nothing was measured.
    """
    client, site, address = place_of_work
    with (tmp_path / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        # So many and so long that a difference in the price shows.
        rows = [[n, f"post number {n} " * 40] for n in range(1_000, 4_000)]
        csv.writer(file).writerows([["id", "post"], *rows])
    content = (tmp_path / "posts.csv").read_bytes()
    place = client.post("/tables", params={"name": "posts.csv"}, content=content).json()["url"]
    place = place.removesuffix("/label")
    form = {
        "text": "post",
        "kind": "text",
        "question": "What is it about?",
        "reason": "on",
        "provider": "openai",
        "base_url": f"{address}/v1",
        "model": "gpt-4o-mini",
    }
    (table,) = site.program.library.tables()
    assert table.read().wait(30)
    assert client.post(f"{place}/try", data=form).status_code in (200, 303)
    (trial,) = site.program.trials.values()
    assert trial.task.wait(60)
    assert trial.task.error is None

    def price(page):
        return re.findall(r"<strong>([^<]*\$[^<]*)</strong>", page)

    tried = client.get(f"{place}/label").text
    assert "measured on tried rows" in tried
    client.post(f"{place}/label", data={**form, "do": "review"})
    wait_until(lambda: "Please read this before you start" in client.get(f"{place}/start").text)
    before_start = client.get(f"{place}/start").text
    assert "answers as long as those of the tried rows" in before_start
    assert price(before_start) == price(tried)
    # Each row is tried once, however often it will be asked.
    dear = {**form, "kind": "yes-no", "model": "gpt-4o"}
    said = [
        re.findall(r"costs ([^<]*\d)", client.get(f"{place}/label").text)
        for samples in ("", "7")
        if client.post(f"{place}/label", data={**dear, "samples": samples, "do": "save"})
    ]
    assert said[0]
    assert said[0] == said[1]
    for other in ({"question": "Tell it in full?"}, {"model": "gpt-4o"}):
        client.post(f"{place}/label", data={**form, **other, "do": "save"})
        assert "measured on tried rows" not in client.get(f"{place}/label").text
    client.post(f"{place}/label", data={**form, "model": "gpt-4.1-mini", "do": "review"})
    wait_until(lambda: "Please read this before you start" in client.get(f"{place}/start").text)
    assert "tried rows" not in client.get(f"{place}/start").text


def test_a_page_of_rows_that_go_one_by_one_says_no_word_of_batches(place_of_work, tmp_path, monkeypatch):
    """
    While rows are asked one by one nothing goes on at the provider, and the page does not say that it does.
    """
    client, site, address = place_of_work
    with (tmp_path / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "post"], *([n, f"post number {n}"] for n in range(1, 9))])
    made = api.create(
        "posts.csv",
        text="post",
        labels=["a", "b"],
        prompt="Which?",
        provider="openai",
        model="gpt-4o-mini",
        base_url=f"{address}/v1",
        direct=True,
        run=tmp_path / "run",
    )
    made.build()
    asked, gate = threading.Event(), threading.Event()
    pay = OpenAIBatchClient.pay_row

    def waits(self, *said):
        asked.set()
        assert gate.wait(60)
        return pay(self, *said)

    monkeypatch.setattr(OpenAIBatchClient, "pay_row", waits)
    task = site.program.jobs.start(made)
    (job,) = site.program.jobs.all()
    try:
        assert asked.wait(30)
        page = client.get(f"/jobs/{job.id}").text
    finally:
        gate.set()
    assert task.wait(60)
    assert "as long as the program runs" in page
    assert "The provider goes on working" not in page
    assert "usually hours, at most a day" not in page
