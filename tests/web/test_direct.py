"""The two ways to ask, on the page before the start."""

import csv
import re
from html import unescape

import pytest

from driving import KEY
from end_to_end import wait_until
from kill_runs import fake_server, judged
from rowbatch import api
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
