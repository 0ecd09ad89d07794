"""Pages, by their answers. What needs a browser is in test_browser.py."""

import csv
import io
import json
import re
import zipfile
from collections import OrderedDict
from decimal import Decimal
from hashlib import sha256
from html import escape, unescape
from html.parser import HTMLParser
from importlib.resources import as_file, files
from pathlib import Path
from shlex import split

import httpx2
import openpyxl
import pytest

from end_to_end import wait_until
from refi_schema import check_schema
from rowbatch import api, desk
from rowbatch.cli.app import app
from rowbatch.core.coding_set import Code
from rowbatch.core.states import Remarks
from rowbatch.server.engine import EngineReply
from rowbatch.steps.progress import note_remarks
from rowbatch.store.rundir import RunDirectory
from rowbatch.web.explain import explain_trouble
from rowbatch.web.pages import label
from rowbatch.web.words import Words, choose_language, words_of
from rowbatch.words.notice import Notice
from serving import scripted_answer, scripted_local_model
from serving_pages import GOOD_OR_BAD, served_pages, visiting

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<b hx-get='/settings' hx-trigger='load'>x</b>",
    "=cmd|' /C calc'!A0",
    "{{ 1237*5683 }} {% raw %}",
    "\u202egnp.exe",
    "'; DROP TABLE shard; --",
]


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with scripted_local_model(tmp_path / "server"), served_pages() as found:
        yield found


def table_file(rows, header=("id", "post", "truth")):
    out = io.StringIO(newline="")
    csv.writer(out).writerows([header, *rows])
    return out.getvalue().encode()


def sent(client, content, name="posts.csv"):
    """Hand a file over; returns where it leads."""
    answer = client.post("/tables", params={"name": name}, content=content)
    assert answer.status_code == 200, answer.text
    return answer.json()["url"]


def labelled(site, client, rows, *header):
    """A job that is done, by the forms alone: as a browser without scripts."""
    place = sent(client, table_file(rows, *header)).removesuffix("/label")
    return done(site, client, place, GOOD_OR_BAD | {"do": "review"})


def done(site, client, place, form):
    """A job of a form, when it is done."""
    assert client.post(f"{place}/label", data=form).headers["location"] == f"{place}/start"
    page = client.get(f"{place}/start")
    while "hx-trigger" in page.text and "checking" in page.text and "Start" not in page.text:
        page = client.get(f"{place}/start")
    job = client.post(f"{place}/start").headers["location"]
    site.program.jobs._tasks[job.rsplit("/", 1)[1]].wait(30)
    return job


def found_in(answer, pattern):
    match = re.search(pattern, answer.text)
    assert match, answer.text
    return match.group(1)


class _Tags(HTMLParser):
    """Names of the tags and attributes of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]


def tags(html):
    found = _Tags()
    found.feed(html)
    return found


def test_five_actions_without_a_script(site, client):
    """
    Drop, question and labels, review, start, download: the table comes back with every row and cell.
    """
    rows = [[n, f'post {n}, "quoted"\nin two lines' if n % 3 else "", "good"] for n in range(1, 25)]
    job = labelled(site, client, rows)
    page = client.get(job).text
    assert "16 of 24" in re.sub(r"<[^>]+>|\s+", " ", page).replace("  ", " ")
    answer = client.get(f"{job}/table?format=csv")
    assert answer.headers["content-disposition"].startswith('attachment; filename="posts.labelled.csv"')
    back = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert [row[:3] for row in back[1:]] == [[str(cell) for cell in row] for row in rows]
    assert {row[3] for row in back[1:]} <= {"good", "bad", ""}
    assert all(bool(row[3]) == bool(row[1]) for row in back[1:])


def test_what_another_tab_asks_is_not_started_unseen(site, client):
    """
    Two tabs stand before the start of two questions; the older one starts nothing, and shows what would be
    asked now. Who starts that, starts it once.
    """
    place = sent(client, table_file([[n, f"post {n}", ""] for n in range(1, 4)])).removesuffix("/label")

    def reviewed(question):
        form = {"text": "post", "kind": "label", "question": question, "do": "review"}
        form |= {"labels.0.name": "good", "labels.1.name": "bad", "provider": "local"}
        assert client.post(f"{place}/label", data=form).headers["location"] == f"{place}/start"
        wait_until(lambda: "Please read this" in client.get(f"{place}/start").text)
        return found_in(client.get(f"{place}/start"), r'name="asked" value="([^"]+)"')

    first, second = reviewed("Of the first tab?"), reviewed("Of the second?")
    refused = client.post(f"{place}/start", data={"asked": first})
    assert refused.headers["location"] == f"{place}/start?changed=1"
    assert "nothing was started" in client.get(refused.headers["location"]).text
    assert [job.state for job in site.program.jobs.all()] == ["draft"]
    started = client.post(f"{place}/start", data={"asked": second}).headers["location"]
    assert started.startswith("/jobs/")
    assert client.post(f"{place}/start", data={"asked": first}).headers["location"] == started


def test_the_same_file_dropped_twice_is_the_same_table(client):
    """
    What was written for it is there, and it is said that it is the same.
    """
    content = table_file([[n, f"post {n}", ""] for n in range(1, 4)])
    first = sent(client, content)
    form = {"text": "post", "kind": "label", "question": "Kept?", "do": "save"}
    client.post(first, data=form)
    assert "This file was here before" not in client.get(first).text
    again = sent(client, content)
    assert again == f"{first}?known=1"
    page = client.get(again).text
    assert "This file was here before" in page
    assert "Kept?" in page
    by_form = client.post("/tables/form", files={"file": ("posts.csv", content)})
    assert by_form.headers["location"] == again


def test_a_page_that_is_made_while_something_is_written_is_behind(site, client, monkeypatch):
    """
    What is said after a page has read what it shows is another version than the page says.
    """
    place = sent(client, table_file([[1, "post 1", ""]])).removesuffix("/label")
    (table,) = site.program.library.tables()
    found, written = label.draft_of, desk.Draft(text="post", instructions="Written meanwhile")

    def meanwhile(*args):
        draft = found(*args)
        table.save_draft({"draft": written.to_plain()})
        return draft

    monkeypatch.setattr(label, "draft_of", meanwhile)
    page = client.get(f"{place}/label")
    assert "Written meanwhile" not in page.text
    assert int(found_in(page, r'name="version" value="(\d+)"')) < table.draft_version


def test_codebooks_to_begin_with_by_the_forms_alone(client):
    """
    A ready one replaces what is asked, which is brought back by a press; a sheet of what the form asks, and a
    template, are codebooks again.
    """
    place = sent(client, table_file([[n, f"post {n}", ""] for n in range(1, 4)])).removesuffix("/label")
    form = {"text": "post", "kind": "label", "question": "My own?", "do": "save"}
    form |= {"labels.0.name": "one", "labels.1.name": "two"}
    client.post(f"{place}/label", data=form)
    sheets = [client.get(f"{place}/codebook{end}") for end in ("", "?of=template")]
    for name in ("sentiment", "moral-foundations"):
        taken = client.post(f"{place}/ready", data={"name": name})
        assert taken.headers["location"] == f"{place}/label#question"
    page = client.get(f"{place}/label").text
    assert "To which moral concerns" in page
    assert "Which tone does the text have?" in page
    assert client.post(f"{place}/ready", data={"name": "moods"}).status_code == 400
    client.post(f"{place}/replaced", data={"do": "back"})
    assert "Praise, joy" in client.get(f"{place}/label").text
    for sheet, told in zip(sheets, ("My own?", "Which policy area"), strict=True):
        assert sheet.headers["content-disposition"].startswith('attachment; filename="codebook.xlsx"')
        client.post(f"{place}/import", files={"codebook_file": ("codebook.xlsx", sheet.content)})
        assert told in client.get(f"{place}/label").text


def test_a_table_in_json_is_dropped(site, client):
    """
    Its rows are shown and asked, and nothing of what the program knows of the file.
    """
    content = json.dumps([{"id": n, "post": f"post {n}"} for n in range(1, 25)]).encode()
    place = sent(client, content, "posts.JSON").removesuffix("/label")
    rows = client.get(f"{place}/rows", params={"start": 23, "count": 5}).json()["rows"]
    assert rows == [["23", "post 23"], ["24", "post 24"]]
    for address in (place, f"{place}/label"):
        assert "sha256" not in client.get(address).text
    form = {"text": "post", "kind": "text", "question": "How is it?", "provider": "local", "do": "review"}
    assert client.post(f"{place}/label", data=form).headers["location"] == f"{place}/start"
    (task,) = site.program.jobs._tasks.values()
    assert task.wait(30)
    (job,) = site.program.jobs.all()
    lines = (job.run.path / "requests" / "r1-0001.jsonl").read_text().splitlines()
    asked = [json.loads(line) for line in lines]
    assert [line["body"]["messages"][-1]["content"] for line in asked] == [f"post {n}" for n in range(1, 25)]


def test_a_table_that_an_earlier_version_lost(site, client):
    """
    A record that was written over a table is not shown as its rows, and what was made of it is not started.
    """
    place = sent(client, table_file([[1, "so good", ""]]), "posts.json.csv").removesuffix("/label")
    folder = site.program.library.folder / place.rsplit("/", 1)[1]
    record = json.loads((folder / "table.json").read_text())
    (folder / "table.json").write_text(json.dumps({**record, "path": str(folder / "table.json")}))
    for address in (place, f"{place}/start"):
        page = client.get(address, follow_redirects=True).text
        assert "was lost" in page
        assert record["sha256"] not in page
    assert client.get(f"{place}/label").headers["location"] == place
    assert client.post(f"{place}/start").status_code == 400
    assert "was lost" not in client.get(sent(client, table_file([[1, "so good", ""]]))).text


def test_corrections_are_not_the_models_labels(site, client):
    """
    The page compares people with the model's own answers, as Python does, and says so where rows were
    corrected; each number of the comparison leads to as many rows.
    """
    truths = ("good", "bad", "", " good ", "bad")
    rows = [[n, f"post {n}" if n % 7 else "", truths[n % 5]] for n in range(1, 41)]
    job = labelled(site, client, rows)

    def told(page):
        shown = page.split('class="kpis">')[1].split("</section>")[0]
        counts = re.findall(r'href="([^"]+)" aria-label="people: (\w+), model: ([\w ]+), (\d+) rows"', shown)
        return [re.findall(r"<b>([^<]+)</b>", shown), counts]

    before = told(client.get(job).text)
    run = site.program.jobs.job(job.rsplit("/", 1)[1]).run
    found = run.agreement("truth")
    assert before[0] == [f"{found.accuracy:.2f}", f"{found.kappa:.2f}", str(found.n)]
    assert "What you corrected by hand" not in client.get(job).text
    for number in range(1, 41):
        label = "bad" if number % 2 else "good"
        assert (
            client.post(f"{job}/rows/{number}", data={"variable": "label", "label": label}).status_code == 303
        )
    page = client.get(job).text
    assert told(page) == before
    assert run.agreement("truth") == found
    assert "What you corrected by hand" in page
    assert sum(int(count) for *_, count in before[1]) == found.n == 32
    assert {model for _, _, model, _ in before[1]} == {"good", "bad", "no label"}
    for address, _, _, count in before[1]:
        rows_page = client.get(address.replace("&amp;", "&")).text
        assert f"· {count} row" in rows_page
        assert rows_page.count("<tr aria-rowindex") == int(count)
    differing = sum(int(count) for _, people, model, count in before[1] if people != model)
    assert f"Differs from people {differing}</a>" in rows_page


def test_people_and_model_side_by_side(site, client):
    """
    The rows of a cell say in their heading which one it is, with both labels beside each other; a press
    saves, and leads to the next row of the list, which says what was saved and takes it back.
    """
    job = labelled(site, client, [[n, f"post {n}", "bad" if n % 3 else " Good "] for n in range(1, 31)])
    page = client.get(job).text
    cells = re.findall(r'href="([^"]+)" aria-label="people: (\w+), model: (\w+), (\d+) rows"', page)
    address, people, model, count = next(one for one in cells if one[1] != one[2] and int(one[3]) > 1)
    listed = client.get(unescape(address)).text
    assert f"<h1>people: {people}, model: {model}</h1>" in listed
    both = re.findall(r'data-name="Model" class="bad"><div class="cut">(\w+)</div></td><td[^>]*>', listed)
    assert both == [model] * int(count)
    assert len(re.findall(rf'data-name="People"><div class="cut">{people}</div>', listed)) == int(count)
    numbers = [int(one) for one in re.findall(r"<tr aria-rowindex.*?/rows/(\d+)\?", listed)]
    query = unescape(address).partition("?")[2]
    shown = client.get(f"{job}/rows/{numbers[0]}?{query}").text
    sides = shown.split('class="sides other"')[1].split("</dl>")[0]
    assert re.findall(r'<dd dir="auto">(\w+)</dd>', sides) == [model, people]
    pressed = {"variable": "label", "go": "next", "label": people}
    answer = client.post(f"{job}/rows/{numbers[0]}?{query}", data=pressed)
    place, _, fragment = answer.headers["location"].partition("#")
    assert answer.status_code == 303
    assert place.startswith(f"{job}/rows/{numbers[1]}?")
    assert fragment == "row"
    told = client.get(place).text
    assert f"Row {numbers[0]} is saved as “{people}”." in told
    assert 'id="row" tabindex="-1"' in told
    last = client.post(f"{job}/rows/{numbers[-1]}?{query}", data=pressed).headers["location"]
    assert last.startswith(f"{job}/rows/{numbers[-1]}?")
    assert "It was the last one of the list." in client.get(last.partition("#")[0]).text
    run = site.program.jobs.job(job.rsplit("/", 1)[1]).run
    # What the page shows of the comparison stands in the text for a paper, too.
    agreement = run.agreement("truth")
    methods = client.get(f"{job}/methods").text
    assert "30 texts carry a code of people in the column truth" in methods
    assert f"accuracy {agreement.accuracy:.2f} (" in methods
    assert "[Report here" not in methods
    assert (
        "30 条文本在列 truth 中有人工编码"
        in client.get(f"{job}/methods", headers={"accept-language": "zh"}).text
    )
    assert run.corrections() == {numbers[0]: {"label": people}, numbers[-1]: {"label": people}}
    client.post(f"{job}/rows/{numbers[0]}?{query}", data={"variable": "label", "do": "undo"})
    assert list(run.corrections()) == [numbers[-1]]
    # What people and the model said stays in the list, and so does what holds now.
    assert f"now: {people}" in client.get(unescape(address)).text
    assert (
        "<h1>Rows where people and model differ</h1>"
        in client.get(f"{job}/rows?people=truth&variable=label&differs=1").text
    )


def test_tried_rows_are_judged_one_by_one(site, client):
    """
    Full texts, people's label beside the model's, right or wrong by it or by a press, counted; a second press
    tries others; a wrong row becomes an example, or a note to a label, and is no further row then.
    """
    long = "word " * 300 + "the end"
    rows = [
        [n, long if n == 1 else f"post {n}\nin two lines", "good" if n < 16 else ""] for n in range(1, 31)
    ]
    place = sent(client, table_file(rows)).removesuffix("/label")
    form = GOOD_OR_BAD

    def tried():
        page = client.get(f"{place}/label").text
        return page[page.index('id="trial"') : page.index("</section>", page.index('id="trial"'))]

    def numbers(page):
        return [int(one) for one in re.findall(r'name="row" value="(\d+)">\s*<button class="icon"', page)]

    assert "Try on 10 rows" in tried()
    client.post(f"{place}/try", data=form)
    page = tried()
    assert long in re.sub(r"<[^>]+>", "", page).replace(" … all of it", "")
    assert "post 4\nin two lines" in page
    first = numbers(page)
    model = re.findall(r'data-name="Model"><div class="full">(\w+)</div>', page)
    people = re.findall(r'data-name="People">(\w+|–)</td>', page)
    assert people == ["good" if n < 16 else "–" for n in first]
    right = sum(said == "good" for said, n in zip(model, first, strict=True) if n < 16)
    known = sum(n < 16 for n in first)
    assert f"{right} right" in page
    assert f"{known - right} wrong" in page
    assert f"{10 - known} to be judged" in page
    # The keys are those of the first row that nobody judged.
    following = next(n for n in first if n >= 16)
    assert re.findall(r'id="(\w+-\d+)"[^>]*data-key="[yn]"', page) == [f"yes-{following}", f"no-{following}"]
    client.post(f"{place}/judge", data={"row": str(following), "right": "no"})
    client.post(f"{place}/judge", data={"row": str(first[0]), "right": "yes"})
    page = tried()
    assert f"{10 - known - 1} to be judged" in page
    assert re.search(rf'id="no-{following}" name="right" value="" [^>]*aria-pressed="true"', page)
    for strange in ({"row": "999", "right": "yes"}, {"row": str(first[1]), "right": "x"}, {}):
        client.post(f"{place}/judge", data=strange)
        assert tried() == page
    client.post(f"{place}/try", data=form | {"ten": "1"})
    assert not set(numbers(tried())) & set(first)
    table = site.program.library.table(place.rsplit("/", 1)[1])
    second = numbers(tried())
    taught = {"question": "0", "label": "bad"}
    client.post(f"{place}/example", data=taught | {"row": str(second[0]), "do": "example"})
    client.post(
        f"{place}/example", data=taught | {"row": str(second[1]), "do": "note", "note": "Irony, too."}
    )
    made = desk.read_draft(table.draft()["draft"])
    assert made.questions[0].labels[1].examples == (f"post {second[0]} in two lines",)
    assert made.questions[0].labels[1].definition == "Irony, too."
    assert made.example_rows == tuple(second[:2])
    assert "From an earlier version" in tried()


def test_labels_by_group_and_over_time(site, client):
    """
    A table with a column of dates and one of few groups shows the labels in each, as pictures with all their
    numbers; the page of the job asks for them when it is there, and leads to them without a script.
    """
    rows = [
        [n, f"post {n}", "DE" if n % 2 else "<b>FR", f"2026-0{n % 3 + 1}-0{n % 9 + 1}"] for n in range(1, 61)
    ]
    job = labelled(site, client, rows, ("id", "post", "land", "day"))
    page = client.get(job).text
    assert f'hx-get="{job}/splits" hx-trigger="load"' in page
    assert f'<a href="{job}/splits">' in page
    shown = client.get(f"{job}/splits").text
    assert "label by week (day)" in shown
    assert "label by land" in shown
    assert "<b>FR" not in shown
    back = list(csv.DictReader(io.StringIO(client.get(f"{job}/table?format=exact").text)))
    for land in ("DE", "<b>FR"):
        line = shown.split(f'<th scope="row" dir="auto">{escape(land)}</th>')[1].split("</tr>")[0]
        counts = [int(one) for one in re.findall(r'<td class="num">(\d+)', line)]
        said = [row["label"] for row in back if row["land"] == land]
        assert counts == [said.count("good"), said.count("bad"), len(said)]
        ends = [
            (float(x), float(width)) for x, width in re.findall(r'x="([\d.]+)" y="1" width="([\d.]+)"', line)
        ]
        assert ends[0][0] == 0
        assert ends[-1][0] + ends[-1][1] == pytest.approx(200, abs=0.2)
    part = client.get(f"{job}/splits", headers={"hx-request": "true"}).text
    assert part.startswith('<section id="splits"')
    assert "hx-get" not in part
    one = next(row for row in back if row["label"] == "good")
    client.post(f"{job}/rows/{one['id']}", data={"variable": "label", "label": "bad"})
    assert "1 row counts as it was corrected by hand" in client.get(f"{job}/splits").text


def test_a_paused_job_can_be_stopped(tmp_path, monkeypatch):
    """
    Its page offers that, and what was answered before is downloaded afterwards, each row in its place.
    """
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "posts.csv").write_bytes(table_file([[n, f"post {n}", ""] for n in range(1, 31)]))
    with (
        scripted_local_model(tmp_path / "server", delay_s=0.2),
        served_pages() as site,
        visiting(site) as client,
    ):
        run = api.create("posts.csv", text="post", labels=["good", "bad"], prompt="How is it?")
        run.build()
        job = f"/jobs/{desk.job_id(run.path)}"
        found = site.program.jobs.start(run)
        client.post(f"{job}/pause")
        assert found.wait(60)
        page = client.get(job).text
        assert 'data-state="paused"' in page
        assert 'data-open="#stop"' in page
        assert f'action="{job}/cancel"' in page
        client.post(f"{job}/cancel")
        wait_until(lambda: 'data-state="stopped"' in client.get(f"{job}?part=job").text, 60)
        back = list(csv.DictReader(io.StringIO(client.get(f"{job}/table?format=exact").text)))
    assert [row["post"] for row in back] == [f"post {n}" for n in range(1, 31)]
    assert {row["status"] for row in back} <= {"ok", "cancelled", "unsent"}


def test_a_job_that_is_over_is_ready_to_look_at(site, client, monkeypatch):
    """
    Its rows are made ready before somebody looks, and its first page has its numbers at once.
    """
    job = labelled(site, client, [[n, f"post {n}", ""] for n in range(1, 31)])
    job_id = job.rsplit("/", 1)[1]
    assert site.program.making_ready[job_id].wait(60)
    assert site.program.making_ready[job_id].error is None
    # Another program finds all of it.
    monkeypatch.setattr(site.program, "_results", OrderedDict())
    monkeypatch.setattr("rowbatch.desk.results.write_answers_view", lambda *_: pytest.fail("made again"))
    monkeypatch.setattr("rowbatch.store.column_codes._make", lambda *_: pytest.fail("counted again"))
    assert site.program.results(site.program.jobs.job(job_id)).prepare(60)
    assert "every 800ms" not in client.get(f"{job}?part=results").text


def test_a_row_that_is_saved_leaves_its_list(site, client):
    """
    Of rows with one label the next one comes although the row that was saved has another label now.
    """
    job = labelled(site, client, [[n, f"post {n}", ""] for n in range(1, 31)])
    listed = client.get(f"{job}/rows?variable=label&label=good").text
    numbers = [int(one) for one in re.findall(r"<tr aria-rowindex.*?/rows/(\d+)\?", listed)]
    answer = client.post(
        f"{job}/rows/{numbers[0]}?variable=label&label=good",
        data={"variable": "label", "go": "next", "label": "bad"},
    )
    assert answer.headers["location"].startswith(f"{job}/rows/{numbers[1]}?")


def test_spellings_and_repeated_texts_in_the_comparison(site, client):
    """
    What people wrote in another spelling counts, what means "not coded" is asked for and told, and texts that
    stand twice count once.
    """
    rows = [[1, "post 1", "Good "], [2, "post 1", "bad"], [3, "post 3", "NA"], [4, "post 4", "BAD"]]
    job = labelled(site, client, rows)
    page = client.get(job).text
    assert "texts coded by people" in page
    assert "3 rows that people coded are 2 texts" in page
    assert "1 text is left out: people differ about it." in page
    assert "“NA” (1 row)" in page
    page = client.get(f"{job}?people=truth&not_coded=bad").text
    assert 'name="not_coded" value="bad"' in page
    assert "“bad” (1 row), “NA” (1 row), “BAD” (1 row)" in page or "“BAD” (1 row)" in page
    assert "not_coded=bad" in page.split('class="compare"')[1].split("</table>")[0]
    page = client.get(f"{job}?people=truth&not_coded=good,bad").text
    assert "says nothing" in page.split('id="people"')[1]


def test_report_and_archive_are_downloads(site, client):
    """
    A job's methods page leads to its report and its archive: files to keep, never shown by the browser, with
    strangers' texts as text; a checklist that there is not is a sentence.
    """
    job = labelled(site, client, [[n, text, "good"] for n, text in enumerate(HOSTILE, start=1)])
    assert f'action="{job}/archive"' in client.get(f"{job}/methods").text
    told = client.get(f"{job}/report?checklist=tamper")
    assert told.headers["content-disposition"].startswith("attachment")
    assert told.headers["content-type"] == "application/octet-stream"
    assert "Nobody has checked these labels" in told.text
    assert "TaMPER" in told.text
    assert "<script>alert" not in told.text
    assert "img" not in tags(told.text).tags
    packed = client.get(f"{job}/archive?texts=0&title=A+study&author=Anna")
    assert packed.headers["content-disposition"].startswith("attachment")
    with zipfile.ZipFile(io.BytesIO(packed.content)) as file:
        assert "table.csv" not in file.namelist()
        assert file.read("README.md").decode().startswith("# A study")
    refused = client.get(f"{job}/report?checklist=consort")
    assert refused.status_code == 400
    assert "There is no checklist" in refused.text


def test_hostile_cells_stay_text(site, client):
    """
    No cell, column name or answer becomes HTML, an attribute or a formula, on any page.
    """
    rows = [[n, text, "good"] for n, text in enumerate(HOSTILE, start=1)]
    job = labelled(site, client, rows)
    assert "done" in client.get(job).text
    harmless = set(tags(client.get("/help").text).tags)
    place = f"/tables/{site.program.library.tables()[0].id}"
    for path in (
        place,
        f"{place}?row=1",
        f"{place}/label",
        f"{place}?sample=20",
        job,
        f"{job}/rows",
        f"{job}/rows?q=%3Cscript%3E",
        f"{job}/rows?label=%3Cscript%3E",
        *(f"{job}/rows/{n}" for n in range(1, 8)),
        f"{job}/methods",
        f"{job}/download",
    ):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert "<script>alert" not in answer.text, path
        assert "onerror" not in tags(answer.text).attributes, path
        assert "img" not in tags(answer.text).tags, path
        assert not [name for name in tags(answer.text).attributes if name.startswith("on")], path
        assert "7029871" not in answer.text, path
    assert "script" in harmless
    safe = client.get(f"{job}/table?format=csv").content.decode("utf-8-sig")
    assert "'=cmd" in safe
    exact = client.get(f"{job}/table?format=exact").content.decode()
    back = list(csv.reader(io.StringIO(exact, newline="")))
    assert [row[1] for row in back[1:]] == HOSTILE
    assert "2 cells, or parts of them, would be formulas" in client.get(f"{job}/download").text
    # A name of a file is a label, and stays one.
    other = sent(client, table_file(rows), name="../<img src=x>.csv")
    assert "img" not in tags(client.get(other).text).tags


@pytest.mark.parametrize("kind", ["xlsx", "parquet", "jsonl", "dta", "sav", "tsv"])
def test_other_formats(site, client, kind):
    """
    Each format downloads, is one, and has all rows.
    """
    job = labelled(site, client, [[n, f"post {n}", "good"] for n in range(1, 6)])
    answer = client.get(f"{job}/table", params={"format": kind, "without_status": "1"})
    path = Path(f"back.{kind}")
    path.write_bytes(answer.content)
    table = desk.Library().add(path).open()
    assert table.header == ("id", "post", "truth", "label")
    assert sum(chunk.frame.height for chunk in table.chunks()) == 5
    assert client.get(f"{job}/table?format=nonsense").status_code == 404


def test_a_project_for_qualitative_analysis_downloads(site, client):
    """
    It is offered beside the tables, under the name of the table, with a source for each row.
    """
    job = labelled(site, client, [[n, f"post {n}", "good"] for n in range(1, 6)])
    assert 'value="qdpx"' in client.get(f"{job}/download").text
    answer = client.get(f"{job}/table", params={"format": "qdpx"})
    assert ".labelled.qdpx" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert len(archive.namelist()) == 6
        check_schema(archive.read("project.qde"), "project")


def test_corrections_filters_and_pages(site, client):
    """
    A correction moves a row between the filters; each filter is an address.
    """
    job = labelled(site, client, [[n, f"post {n}", "good"] for n in range(1, 251)])
    listed = client.get(f"{job}/rows?page=3").text
    assert "Page 3 of 3" in listed
    assert client.get(f"{job}/rows?page=999").text.count("<tr aria-rowindex") == 50
    assert client.get(f"{job}/rows?page=x&q=post+25").text.count("<tr aria-rowindex") == 2
    row = client.get(f"{job}/rows/7").text
    now = "good" if "<strong>good</strong>" in row else "bad"
    other = "bad" if now == "good" else "good"
    form = {"variable": "label", "label": other, "do": "correct"}
    answer = client.post(f"{job}/rows/7?label={now}", data=form)
    assert answer.headers["location"] == f"{job}/rows/7?label={now}#row"
    assert "corrected by hand" in client.get(f"{job}/rows/7").text
    assert f"{job}/rows/7?" in client.get(f"{job}/rows?corrected=1").text
    back = client.get(f"{job}/table?format=exact").text
    assert back.splitlines()[7].split(",")[3:6] == [other, now, other]
    client.post(f"{job}/rows/7", data={**form, "do": "undo"})
    assert "corrected by hand" not in client.get(f"{job}/rows/7").text
    for wrong in ({"label": "weird"}, {"label": ""}, {"variable": "x"}):
        assert client.post(f"{job}/rows/7", data={**form, **wrong}).status_code == 400
    refused = client.post(f"{job}/rows/7?label={now}", data={**form, "label": "weird"}).text
    assert "is not a label of the codebook" in refused
    assert 'name="go" value="next"' in refused
    assert f"{job}/rows?label={now}" in refused
    for number in ("0", "251", "x", "9" * 30):
        assert client.get(f"{job}/rows/{number}").status_code in (400, 404)


def test_the_least_sure_rows_first(tmp_path, monkeypatch):
    """
    Asked for with a box, shown beside each answer, listed by it; the next row of the list is the next one
    that the model was least sure of, and a correction that was made from there is marked so.
    """
    sure = {f"post {n}": share for n, share in enumerate([0.9, 0.4, 0.7, 0.55, 0.6], start=1)}

    def answer(body):
        assert body["logprobs"] is True
        text = str(body["messages"][-1]["content"])
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": '{"label":"good"}'},
            "finish_reason": "stop",
            "confidence": sure[text],
            "rowbatch": {"method": "calibrated scoring"},
        }
        return EngineReply(200, {"object": "chat.completion", "model": "m", "choices": [choice], "usage": {}})

    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with (
        scripted_local_model(tmp_path / "server", answer),
        served_pages() as site,
        visiting(site) as client,
    ):
        place = sent(client, table_file([[n, f"post {n}", "good"] for n in range(1, 6)])).removesuffix(
            "/label"
        )
        form = {
            "text": "post",
            "task": "label",
            "question": "How is it?",
            "labels.0.name": "good",
            "labels.1.name": "bad",
            "provider": "local",
            "language": "en",
            "confidence": "on",
            "do": "review",
        }
        job = done(site, client, place, form)
        listed = client.get(f"{job}/rows?least_sure=1").text
        assert re.findall(rf'{job}/rows/([0-9]+)\?least_sure=1">', listed) == ["2", "4", "5", "3", "1"]
        assert "40%" in listed
        assert "no random sample" in listed
        assert "Least sure first 5" in listed
        row = client.get(f"{job}/rows/4?least_sure=1").text
        assert "55% sure" in row
        assert f"{job}/rows/2?least_sure=1" in row
        assert f"{job}/rows/5?least_sure=1" in row
        fix = {"variable": "label", "label": "bad", "do": "correct"}
        client.post(f"{job}/rows/2?least_sure=1", data=fix)
        client.post(f"{job}/rows/3", data=fix)
        run = site.program.jobs.job(job.rsplit("/", 1)[1]).run
        noted = [json.loads(line) for line in (run.path / "corrections.jsonl").read_text().splitlines()]
        assert [entry.get("chosen_by") for entry in noted] == ["least sure", None]
        assert "Least sure first 3" in client.get(f"{job}/rows").text
        # What the model was sure of is its own value, and not a person's.
        corrected = re.sub(r"<[^>]+>|\s+", " ", client.get(f"{job}/rows/2").text)
        assert re.search(r"40% sure +bad +corrected by hand", corrected)
        # From a row that was just corrected the list goes on with its first one.
        assert f"{job}/rows/4?least_sure=1" in client.get(f"{job}/rows/2?least_sure=1").text
        assert "label_confidence" in client.get(f"{job}/table?format=exact").text


def test_only_who_tells_it_is_asked_how_sure_it_is(client):
    """
    There is no box where the provider or the model does not tell it; a box that was checked before says why.
    """
    place = sent(client, table_file([[1, "post 1", "good"]])).removesuffix("/label")
    form = {
        "text": "post",
        "task": "label",
        "question": "How is it?",
        "labels.0.name": "good",
        "labels.1.name": "bad",
        "language": "en",
        "model": "m",
    }
    for provider, is_offered in (("openai", True), ("anthropic", False), ("local", True)):
        client.post(f"{place}/label", data={**form, "provider": provider, "do": "provider"})
        shown = client.get(f"{place}/label").text
        assert ('name="confidence"' in shown) is is_offered
    refused = client.post(
        f"{place}/label", data={**form, "provider": "anthropic", "confidence": "on", "do": "review"}
    )
    assert refused.status_code == 422
    assert "there is no confidence" in refused.text


def test_a_number_by_the_forms_alone(site, client):
    """
    Asked for with its limits, shown with its mean, looked for by its limits, corrected within them, in both
    languages; a fault in the limits stands at its field.
    """
    rows = [[n, f"post {n * 10}", n * 10] for n in range(1, 6)]
    place = sent(client, table_file(rows, header=("id", "post", "number_coder"))).removesuffix("/label")
    form = {"text": "post", "kind": "number", "question": "How many?", "rules": "number", "provider": "local"}
    rules = {"rules.min": "0", "rules.max": "100,5", "rules.whole": "on"}
    answer = client.post(f"{place}/label", data={**form, **rules, "do": "review"})
    assert answer.status_code == 422
    assert 'href="#rules.max"' in answer.text
    assert 'id="rules.max"' in answer.text
    rules["rules.max"] = "100"
    job = done(site, client, place, {**form, **rules, "do": "review"})
    page = client.get(f"{place}/label").text
    assert "number is a whole number from 0 to 100." in page
    assert 'name="rules.max" value="100"' in page
    assert 'name="rules.whole" checked' in page
    page = client.get(job).text
    assert all(told in page for told in ("number in the whole table", "<b>30</b>", "Mean absolute error"))
    listed = client.get(f"{job}/rows?variable=number&least=20&most=40").text
    assert listed.count("<tr aria-rowindex") == 3
    assert client.get(f"{job}/rows?variable=number&least=few").status_code == 400
    correction = {"variable": "number", "do": "correct"}
    refused = client.post(f"{job}/rows/1", data={**correction, "label": "101"})
    assert refused.status_code == 400
    assert "101 is more than 100" in refused.text
    assert client.post(f"{job}/rows/1", data={**correction, "label": "11"}).status_code == 303
    assert (
        client.get(f"{job}/table?format=exact").text.splitlines()[1].startswith("1,post 10,10,11,10,11,ok,")
    )
    assert "number is a whole number from 0 to 100." in client.get(f"{job}/methods").text
    chinese = {"accept-language": "zh"}
    assert "只要整数" in client.get(f"{place}/label", headers=chinese).text
    assert "平均绝对误差" in client.get(job, headers=chinese).text


def test_a_form_that_is_not_complete(site, client):
    """
    Every fault stands beside its field and in a list with links; what was written stays.
    """
    place = sent(client, table_file([[1, "so good", ""]]))
    form = {"text": "post", "kind": "label", "question": " ", "labels.0.name": "one", "provider": "openai"}
    answer = client.post(place, data={**form, "do": "review"})
    assert answer.status_code == 422
    for anchor in ("question", "labels", "model"):
        assert f'href="#{anchor}"' in answer.text
        assert f'id="{anchor}"' in answer.text
    assert 'value="one"' in client.get(place).text


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        pytest.param(b"", "posts.csv", "empty", id="empty"),
        pytest.param(b"PK", "slides.pptx", "CSV or XLSX", id="slides"),
    ],
)
def test_files_that_are_refused(client, content, name, told):
    """
    What is wrong is said before a page is left, and nothing stays.
    """
    answer = client.post(
        "/tables", params={"name": name}, content=content, headers={"accept": "application/json"}
    )
    assert answer.status_code == 400
    assert told in answer.json()["message"]
    assert desk.Library().tables() == []


def test_a_file_that_is_too_large(client):
    """
    It is refused by its length, or, where that is not told, as soon as it has grown too large.
    """
    desk.change_settings(max_upload_gb=0.00001)
    for content in (b"x" * 20_000, (b"x" * 1_000 for _ in range(20))):
        answer = client.post("/tables", params={"name": "a.csv"}, content=content)
        assert answer.status_code == 400
        assert "larger than" in answer.text
    assert desk.Library().tables() == []


def test_a_broken_table_can_be_mended(client):
    """
    The page says which line is broken, and offers to keep or leave out such rows.
    """
    place = sent(client, b"id,post\n1,fine\n2,one,too many\n3,fine\n")
    page = client.get(place).text
    assert "cannot be read as a table" in page
    assert "line 3" in page.lower()
    assert str(desk.Library().folder) not in page
    answer = client.post(f"{place}/reading", data={"on_bad_rows": "skip"})
    page = client.get(answer.headers["location"]).text
    assert "1 broken row" in page


def test_rows_for_the_table_that_scrolls(client):
    """
    Any hundred rows; nonsense is refused, long cells are cut.
    """
    place = sent(client, table_file([[n, "x" * 5_000, ""] for n in range(1, 301)])).removesuffix("/label")
    rows = client.get(f"{place}/rows?start=250&count=100").json()["rows"]
    assert [row[0] for row in rows] == [str(n) for n in range(250, 301)]
    assert len(rows[0][1]) == 2_001
    for asked in ("start=x&count=1", "start=1&count=100000", "", "start=-1&count=5", "start=1&count=0"):
        assert client.get(f"{place}/rows?{asked}").status_code == 400


def test_keys_are_never_sent_back(site, client, monkeypatch):
    """
    A key that was typed in is in no answer, no file of the program and no log; it can be removed.
    """
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    secret = "sk-canary-0123456789abcdef"
    kept = client.post("/settings/keys", data={"provider": "openai", "key": secret, "do": "keep"})
    assert kept.status_code == 200
    assert "is kept" in kept.text
    place = sent(client, table_file([[1, "so good", ""]]))
    pages = [kept, *(client.get(path) for path in ("/settings", "/help", "/jobs", "/", place))]
    assert all(secret not in page.text and "cdef" not in page.text for page in pages)
    assert api.find_key(api.find_provider("openai"), "https://api.openai.com/v1") is not None
    assert api.find_key(api.find_provider("openai"), "https://evil.example/v1") is None
    for file in Path().rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes()
    assert "forgotten" in client.post("/settings/keys", data={"provider": "openai", "do": "remove"}).text
    assert api.find_key(api.find_provider("openai"), "https://api.openai.com/v1") is None
    assert (
        client.post("/settings/keys", data={"provider": "openai", "key": " ", "do": "keep"}).status_code
        == 422
    )


def test_settings_are_kept_and_checked(client):
    """
    Numbers that are none are refused at their field.
    """
    assert client.post("/settings", data={"max_cost": "5", "max_upload_gb": "3"}).status_code == 200
    assert (desk.read_settings().max_cost, desk.read_settings().max_upload_gb) == ("5", 3.0)
    assert client.post("/settings", data={"max_cost": "much", "max_upload_gb": "0"}).status_code == 422
    answer = client.post("/settings/look", data={"language": "zh", "look": "dark"})
    assert "set-cookie" not in answer.headers
    assert (desk.read_settings().max_cost, desk.read_settings().language) == ("5", "zh")
    # The next start has another host name, for which no cookie would be known.
    with served_pages() as later, httpx2.Client(base_url=later.url, cookies=later.cookie) as again:
        html = again.get("/").text
    assert '<html lang="zh-CN" data-look="dark">' in html
    assert 'data-keys="off"' in html
    client.post("/settings/look", data={"language": "tlh", "look": "loud", "keys": "on"})
    assert (desk.read_settings().language, desk.read_settings().look) == ("zh", "dark")
    assert desk.read_settings().has_keys
    away = client.post("/settings/language", data={"language": "zh", "back": "//evil.example"})
    assert away.headers["location"] == "/"


def test_a_limit_for_the_month(site, client, monkeypatch):
    """
    A job whose own limit is larger than what the month leaves is not started, and says what is left.
    """
    monkeypatch.setenv("OPENAI_API_KEY", "sk-nobody")
    assert client.post("/settings", data={"max_cost_month": "much", "max_upload_gb": "2"}).status_code == 422
    assert client.post("/settings", data={"max_cost_month": "1,50", "max_upload_gb": "2"}).status_code == 200
    place = sent(client, table_file([[1, "so good", ""]])).removesuffix("/label")
    form = {
        "text": "post",
        "question": "How is it?",
        "labels.0.name": "good",
        "labels.1.name": "bad",
        "provider": "openai",
        "model": "gpt-4o-mini",
    }
    client.post(f"{place}/label", data=form)
    wait_until(lambda: [job.state for job in site.program.jobs.all()] == ["draft"])
    for cap, told in (("5", "leaves $1.50"), ("", "needs one of its own")):
        answer = client.post(f"{place}/start", data={"cap": cap})
        assert answer.status_code == 422
        assert told in answer.text
    assert [job.state for job in site.program.jobs.all()] == ["draft"]


def test_limits_at_the_provider_can_be_said_where_the_estimate_is(site, client, monkeypatch):
    """
    Folded away: a tier, tokens that wait, batches an hour, room for files, and whether request files go. The
    estimate is made with them, the job keeps them, and one that is no limit is told beside its field. A job
    that is made anew since the question changed has them too.
    """
    monkeypatch.setenv("OPENAI_API_KEY", "sk-nobody")
    place = sent(client, table_file([[1, "so good", ""]])).removesuffix("/label")
    form = {
        "text": "post",
        "question": "How is it?",
        "labels.0.name": "good",
        "labels.1.name": "bad",
        "provider": "openai",
        "model": "gpt-4.1-mini",
    }
    client.post(f"{place}/label", data=form)
    wait_until(lambda: [job.state for job in site.program.jobs.all()] == ["draft"])
    page = client.get(f"{place}/start")
    folded = page.text.partition("<details>")[2].partition("</details>")[0]
    assert "Your limits at the provider" in folded
    limits = {
        "limits": "1",
        "tier": "1",
        "queue_tokens": "",
        "creations_per_hour": "1,200",
        "storage_bytes": "2.5",
        "free_inputs": "1",
        "cap": "0.5",
    }
    page = client.post(f"{place}/limits", data=limits)
    assert page.status_code == 200
    fields = {
        "tier": "1",
        "queue_tokens": "",
        "creations_per_hour": "1200",
        "storage_bytes": "2.5",
        "cap": "0.5",
    }
    for name, value in fields.items():
        assert found_in(page, rf'<input id="{name}" name="{name}" value="([^"]*)"') == value

    def policy():
        (job,) = site.program.jobs.all()
        return job.run.policy()

    assert (policy().tier, policy().creations_per_hour, policy().free_inputs) == (1, 1_200, True)
    assert (policy().queue_tokens, policy().storage_bytes, policy().max_cost_usd) == (
        None,
        2_500_000_000,
        None,
    )
    for name, value in (
        ("tier", "9"),
        ("tier", "two"),
        ("creations_per_hour", "0"),
        ("creations_per_hour", "1.5"),
        ("queue_tokens", "-3"),
        ("queue_tokens", "nan"),
        ("storage_bytes", "1e400"),
        ("storage_bytes", "much"),
    ):
        for address in ("limits", "start"):
            refused = client.post(f"{place}/{address}", data={**limits, name: value})
            assert refused.status_code == 422, (name, value)
            assert f'id="fault-{name}"' in refused.text
            assert f'name="{name}" value="{value}"' in refused.text
    assert policy().tier == 1
    # The question is changed, so the requests are written anew.
    client.post(f"{place}/label", data={**form, "question": "How is it really?"})
    wait_until(lambda: [job.state for job in site.program.jobs.all()] == ["draft"])
    client.get(f"{place}/start")
    assert (policy().tier, policy().creations_per_hour, policy().free_inputs) == (1, 1_200, True)
    # Of a model whose tiers nobody knows the rest is kept.
    client.post(f"{place}/label", data={**form, "model": "gpt-4o-mini"})
    wait_until(lambda: [job.state for job in site.program.jobs.all()] == ["draft"])
    assert 'name="tier"' not in client.get(f"{place}/start").text
    assert (policy().tier, policy().creations_per_hour, policy().free_inputs) == (None, 1_200, True)
    # And what is emptied is not known any more.
    client.post(f"{place}/limits", data={"limits": "1"})
    assert client.get(f"{place}/start").status_code == 200
    assert (policy().tier, policy().creations_per_hour, policy().free_inputs) == (None, None, False)


def test_get_changes_nothing(site, client):
    """
    No address does anything by being looked at.
    """
    place = sent(client, table_file([[1, "so good", ""]])).removesuffix("/label")
    for path in (
        f"{place}/remove",
        f"{place}/reading",
        "/tables/example",
        "/settings/keys",
        "/settings/cache",
    ):
        assert client.get(path).status_code in (404, 405)
    assert len(desk.Library().tables()) == 1
    assert api.list_runs() == []


def test_the_three_tools(site, client, tmp_path):
    """
    A table becomes a batch file, that becomes parts, and answers become a table; the files are as those of
    the commands.
    """
    rows = [[n, f"post {n}" if n != 3 else "", ""] for n in range(1, 11)]
    opened = client.post(
        "/tools/convert",
        files={"file": ("posts.csv", table_file(rows))},
        data={"do": "open"},
        follow_redirects=True,
    )
    file_id = found_in(opened, r'name="file_id" value="(\w+)"')
    form = {"file_id": file_id, "text": "post", "model": "gpt-4o-mini", "system": "Say it.", "do": "preview"}
    assert "post 1" in client.post("/tools/convert", data=form, follow_redirects=True).text
    made = client.post(
        "/tools/convert", data={**form, "do": "convert", "skip_empty": "on"}, follow_redirects=True
    )
    assert "The batch file is ready" in made.text
    assert "rowbatch convert posts.csv" in made.text
    batch = client.get(found_in(made, r'href="(/tools/results/\w+)"'))
    (tmp_path / "posts.csv").write_bytes(table_file(rows))
    api.convert(
        tmp_path / "posts.csv",
        tmp_path / "own.jsonl",
        text="post",
        model="gpt-4o-mini",
        system="Say it.",
        skip_empty=True,
    )
    assert batch.content == (tmp_path / "own.jsonl").read_bytes()
    looked = client.post(
        "/tools/split", files={"file": ("b.jsonl", batch.content)}, data={"do": "look"}, follow_redirects=True
    )
    assert "What" not in looked.headers
    assert ">9<" in looked.text
    split = client.post(
        "/tools/split",
        files={"file": ("b.jsonl", batch.content)},
        data={"do": "split", "how": "parts", "number": "2"},
        follow_redirects=True,
    )
    parts = client.get(found_in(split, r'href="(/tools/results/\w+)"'))
    with zipfile.ZipFile(io.BytesIO(parts.content)) as archive:
        assert b"".join(archive.read(name) for name in sorted(archive.namelist())) == batch.content
    answers = b"".join(
        json.dumps(
            {
                "custom_id": f"row-{n}",
                "response": {
                    "status_code": 200,
                    "body": {"choices": [{"message": {"content": f"about {n}"}}]},
                },
                "error": None,
            }
        ).encode()
        + b"\n"
        for n in (1, 2, 5)
    )
    table = client.post(
        "/tools/extract",
        files=[
            ("results", ("out.jsonl", answers + b"not json\n")),
            ("join", ("posts.csv", table_file(rows))),
        ],
        data={"do": "extract", "format": "exact"},
        follow_redirects=True,
    )
    assert "Lines that cannot be read" in table.text
    back = client.get(found_in(table, r'href="(/tools/results/\w+)"'))
    found = list(csv.DictReader(io.StringIO(back.text, newline="")))
    assert [row["post"] for row in found] == [str(row[1]) for row in rows]
    assert found[4]["content"] == "about 5"
    assert client.get("/tools/results/0000").status_code == 404
    wrong = client.post(
        "/tools/split",
        files={"file": ("b.jsonl", batch.content)},
        data={"how": "parts", "number": "x"},
        follow_redirects=True,
    )
    assert wrong.status_code == 422


def test_every_sentence_is_translated(site, client, monkeypatch):
    """
    In a language whose words all have brackets, no word of ours is without them.
    """
    import gettext

    from rowbatch.web import rendering, words
    from rowbatch.web.pages import tables

    class Bracketed(gettext.NullTranslations):
        def gettext(self, message):
            return f"⟦{message}⟧"

        def ngettext(self, one, many, n):
            return f"⟦{one if n == 1 else many}⟧"

    job = labelled(site, client, [[n, f"9{n}", "good"] for n in range(1, 4)])
    place = f"/tables/{site.program.library.tables()[0].id}"
    pseudo = Words("en", Bracketed())
    monkeypatch.setattr(rendering, "words_of", lambda _: pseudo)
    monkeypatch.setattr(words, "words_of", lambda _: pseudo)
    monkeypatch.setattr(tables, "words_of", lambda _: pseudo)
    rendering._environment.cache_clear()
    try:
        for path in (
            "/",
            "/jobs",
            "/tools",
            "/tools/convert",
            "/tools/split",
            "/tools/extract",
            "/tools/units",
            place,
            job,
        ):
            left = _outside_of_brackets(client.get(path).text)
            assert left == [], path
    finally:
        rendering._environment.cache_clear()


# What is the same in every language: names of programs, formats, things of the test, the program's own words.
_SAME = re.compile(
    r"rowbatch|posts\.csv|English|中文|UTF-8|GB18030|GBK|GB2312|Big5|Windows-125\d|Latin-1|UTF-16|Shift-JIS"
    r"|EUC-KR|Excel|XLSX"
    r"|Parquet|JSONL|Stata|SPSS|OpenAI|Azure|Anthropic|Google|Gemini|Mistral|Groq|DashScope|Alibaba|Doubleword|Parasail"
    r"|Zhipu|smollm2-135m-instruct-demo|good|bad|label|post|truth|id|chat|responses|embeddings|How is it\?"
    r"|kB|Nov|\d{4}"
    r"|built|policy|uploaded|submitted|downloaded|ended|intent|status|collected|r1-0001|home|runs|/\S*|[a-z]+-[a-z]+|\{.*",
    re.IGNORECASE,
)


def _outside_of_brackets(html):
    body = re.sub(r"(?s)<(script|style|pre|datalist)\b.*?</\1>|<[^>]*>", "\n", html)
    body = re.sub(r"(?s)<details class=\"card\">.*", "", body)
    while "⟦" in body:
        shorter = re.sub(r"⟦[^⟦⟧]*⟧", "", body)
        if shorter == body:
            break
        body = shorter
    left: list[str] = []
    titles = [api.find_provider(name).title for name in api.providers()]
    titles += desk.program_titles().values()
    for line in body.split("\n"):
        if any(line.strip().endswith(title) for title in titles):
            continue
        rest = _SAME.sub("", line.replace("&#39;", "'").replace("&quot;", '"'))
        if re.search(r"[A-Za-z]{3,}", rest):
            left.append(line.strip())
    return left


def test_languages():
    """
    A choice wins over the browser; numbers, money and times are written in the way of the language.
    """
    assert choose_language("zh", "en") == "zh"
    assert choose_language("", "fr, zh-CN;q=0.9, en;q=0.8") == "zh"
    assert choose_language("xx", "de;q=x, *") == "en"
    en, zh = words_of("en"), words_of("zh")
    assert (en.t("done"), zh.t("done")) == ("done", "完成")
    assert en.nt("%(n)s row", "%(n)s rows", 1_234) == "1,234 rows"
    assert en.money(0.004) == "less than $0.01"
    assert en.money_range(Decimal("3.1"), Decimal("4.2")) == "$3.10 – $4.20"
    assert en.duration(8_040) == "2 h 14 min"
    assert zh.duration(90) == "2 分钟"
    assert en.visible("a\u202eb") == "a[U+202E]b"


def test_no_page_has_scripts_or_styles_of_its_own():
    """
    The security policy forbids them; nothing marks foreign text as safe, and htmx evaluates nothing.
    """
    with as_file(files("rowbatch.web").joinpath("templates")) as folder:
        templates = sorted(folder.rglob("*.html"))
    assert any(template.parent.name == "kinds" for template in templates)
    for template in templates:
        text = template.read_text(encoding="utf-8")
        assert not re.search(
            r"<script(?! src=)|<style|\sstyle=|\son\w+=|javascript:|\|\s*safe\b|hx-on|js:", text
        ), template
        assert "autoescape" not in text


def test_htmx_is_the_released_one():
    """
    Version 4.0.1 (0BSD), byte for byte.
    """
    content = files("rowbatch.web").joinpath("static", "htmx.min.js").read_bytes()
    assert sha256(content).hexdigest() == "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"


def test_the_example_is_the_one_in_the_docs():
    """
    The table that comes with the program is that of `examples/`.
    """
    own = files("rowbatch.web").joinpath("example", "posts.csv").read_bytes()
    assert own == (Path(__file__).parents[2] / "examples" / "posts.csv").read_bytes()


def begun(client, content=None, name="posts.csv"):
    """A table with a form; returns its address and the fields of the form."""
    place = sent(client, content or table_file([[1, "so good", ""], [2, "so bad", ""]]), name)
    place = place.removesuffix("/label")
    form = {
        "text": "post",
        "question": "How is it?",
        "labels.0.name": "good",
        "labels.1.name": "bad",
        "provider": "local",
    }
    return place, form


def test_a_column_that_is_not_there_is_said_beside_the_preview(client):
    """
    A message that names a wrong column is a fault to be mended, also on the next visit.
    """
    place, form = begun(client)
    wrong = {**form, "template": "About {{speach}}"}
    assert "no column of the name speach" in client.post(f"{place}/preview", data=wrong).text
    assert client.get(f"{place}/label").status_code == 200
    assert client.post(f"{place}/label", data=wrong).status_code == 422


def test_who_gets_tried_rows_is_said_as_soon_as_it_is_chosen(client):
    """
    The button that sends ten rows names where to, without the page being loaded again.
    """
    place, form = begun(client)
    assert "Free, on this computer." in client.post(f"{place}/preview", data=form).text
    asked = {**form, "provider": "openai", "model": "gpt-4o-mini"}
    text = client.post(f"{place}/preview", data=asked).text
    assert "Sends 10 texts to OpenAI at once; costs" in text
    assert "Free, on this computer." not in text


def test_columns_without_a_name_of_their_own_are_not_offered(client):
    """
    Of columns that share a name, or have none, nobody could say which is asked about; a number is no text.
    """
    content = table_file([[1, "x", "y", "a long text without a name"]], header=("id", "text", "text", ""))
    place, _ = begun(client, content)
    page = client.get(place).text
    offered = re.findall(r"<option[^>]*>([^<]*)", page[page.index('id="next"') :])
    assert offered[:2] == ["(please choose)", "id"]
    assert "text" not in offered


def test_a_broken_table_offers_its_cure(client):
    """
    There is no way on before it is read; the two ways to read it are buttons.
    """
    place, _ = begun(client, b"id,post\n1,good\n2,bad,very\n3,fine\n")
    page = client.get(place).text
    assert 'id="next"' not in page
    assert "Leave broken rows out" in page
    answer = client.post(f"{place}/reading", data={"on_bad_rows": "skip"})
    assert 'id="next"' in client.get(answer.headers["location"]).text


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        pytest.param([["label"], *([f"l{n}"] for n in range(301))], "301 labels", id="too-many"),
        pytest.param([["id"], ["x" * 201]], "texts rather than labels", id="no-labels"),
    ],
)
def test_a_codebook_that_is_none(client, rows, told):
    """
    Nothing is cut off or taken for labels in silence; what was written stays.
    """
    place, form = begun(client)
    client.post(f"{place}/preview", data=form)
    content = "\n".join(",".join(row) for row in rows).encode()
    answer = client.post(f"{place}/import", files={"codebook_file": ("codes.csv", content)})
    assert answer.status_code == 422
    assert told in answer.text
    assert 'value="good"' in client.get(f"{place}/label").text
    taken = client.post(f"{place}/import", files={"codebook_file": ("codes.csv", b"label\nup\ndown\nside\n")})
    assert "3 labels were taken over" in client.get(taken.headers["location"]).text


def test_a_codebook_that_is_a_table_of_variables(client):
    """
    It is taken as it is; a fault in it is told with its row and column, and what was written stays.
    """
    place, form = begun(client)
    client.post(f"{place}/preview", data=form)
    rows = ["variable,kind,label,min", "mood,label,up,", ",,down,", "age,number,,young"]
    broken = client.post(f"{place}/import", files={"codebook_file": ("book.csv", "\n".join(rows).encode())})
    assert broken.status_code == 422
    told = "row 3 below the header, column &#39;min&#39;: a number is expected"
    assert "book.csv" in broken.text
    assert told in broken.text
    assert 'value="good"' in client.get(f"{place}/label").text
    rows[-1] = "age,number,,0"
    taken = client.post(f"{place}/import", files={"codebook_file": ("book.csv", "\n".join(rows).encode())})
    assert taken.status_code == 303
    page = client.get(f"{place}/label").text
    assert "mood" in page
    assert "age" in page


def test_a_dropped_file_of_codes(client):
    """
    Codes of NVivo and others are taken over as questions; a broken file is named, and what was written stays.
    """
    place, form = begun(client)
    client.post(f"{place}/preview", data=form)
    broken = client.post(f"{place}/import", files={"codebook_file": ("codes.qdc", b"<CodeBook><Codes>")})
    assert broken.status_code == 422
    assert "codes.qdc is no codebook or project of REFI-QDA" in broken.text
    assert 'value="good"' in client.get(f"{place}/label").text
    codes = b'<CodeBook xmlns="urn:QDA-XML:codebook:1.0"><Codes><Code name="joy"/>'
    codes += b'<Code name="fear"/></Codes></CodeBook>'
    taken = client.post(f"{place}/import", files={"codebook_file": ("codes.qdc", codes)})
    page = client.get(taken.headers["location"]).text
    assert "2 labels were taken over" in page
    assert 'value="fear"' in page


def test_a_form_that_asks_more_than_a_codebook_can(client, tmp_path):
    """
    Nothing of it is dropped in silence: the page says which rows cannot be taken, and what was written stays.
    """
    made = openpyxl.Workbook()
    survey = made.active
    survey.title = "survey"
    for row in (
        ["type", "name", "label", "relevant"],
        ["integer", "age", "How old?", None],
        ["text", "school", "Which school?", "${age} < 18"],
    ):
        survey.append(row)
    made.save(tmp_path / "form.xlsx")
    place, form = begun(client)
    client.post(f"{place}/preview", data=form)
    content = (tmp_path / "form.xlsx").read_bytes()
    answer = client.post(f"{place}/import", files={"codebook_file": ("form.xlsx", content)})
    assert answer.status_code == 422
    assert "form.xlsx has parts that a codebook cannot say" in answer.text
    assert "row 2 of the survey, relevant: ${age} &lt; 18" in answer.text
    assert "bring it again" in answer.text
    assert 'value="good"' in client.get(f"{place}/label").text


def test_a_download_without_columns(site, client):
    """
    No column chosen is a question, and not all of them.
    """
    job = labelled(site, client, [[1, "so good", ""]])
    answer = client.get(f"{job}/table?format=csv&columns=chosen")
    assert answer.status_code == 400
    assert "no column" in answer.text.lower()


def test_the_tools_guess_the_column_with_the_texts(client):
    """
    The column with the longest cells is chosen when a table is opened, whatever it is called and wherever
    it stands.
    """
    rows = [["a-1", "2026-11-25", "so good that I came back", "x"], ["a-2", "2026-11-25", "", "y"]]
    table = table_file(rows, header=("id", "date", "what they wrote", "text"))
    opened = client.post(
        "/tools/convert", files={"file": ("posts.csv", table)}, data={"do": "open"}, follow_redirects=True
    )
    assert "<option selected>what they wrote</option>" in opened.text
    assert opened.text.count("<option selected>what") == 1
    assert "<option selected>id<" not in opened.text


REQUEST = b'{"custom_id":"row-1","method":"POST","url":"/v1/chat/completions","body":{"model":"m"}}\n'
RESULT = b'{"custom_id":"row-1","response":{"status_code":200,"body":{}},"error":null}\n'


@pytest.mark.parametrize(
    "content",
    [
        table_file([[n, f"post {n}", ""] for n in range(50)]),
        b'{"id": 1, "text": "a table in JSONL"}\n',
        b'["custom_id"]\n',
        b"\n\n17\n",
    ],
)
@pytest.mark.parametrize("do", ["split", "look"])
def test_the_tools_do_not_split_what_is_no_batch_file(client, content, do):
    """
    A table is not cut as if its lines were requests, and the page says which file is wanted.
    """
    answer = client.post(
        "/tools/split",
        files={"file": ("posts.csv", content)},
        data={"do": do, "how": "parts", "number": "1"},
        follow_redirects=True,
    )
    assert answer.status_code == 422
    assert "This is not a batch file" in answer.text
    assert "posts.csv" in answer.text
    assert "/tools/results/" not in answer.text


@pytest.mark.parametrize(
    "content",
    [
        REQUEST + b"not json\n" + REQUEST,
        b'\n{"custom_id": broken\n' + REQUEST,
        b"\xef\xbb\xbf" + REQUEST,
        b'{"custom_id":"a","params":{"model":"m"}}\n',
        b'{"key":"a","request":{"contents":[]}}\n',
    ],
)
def test_the_tools_split_a_batch_file_with_broken_lines(client, content):
    """
    A batch file is cut as it is, also where some lines are broken, and in any provider's form.
    """
    answer = client.post(
        "/tools/split",
        files={"file": ("b.jsonl", content)},
        data={"do": "split", "how": "parts", "number": "1"},
        follow_redirects=True,
    )
    assert answer.status_code == 200
    parts = client.get(found_in(answer, r'href="(/tools/results/\w+)"'))
    with zipfile.ZipFile(io.BytesIO(parts.content)) as archive:
        assert [archive.read(name) for name in archive.namelist()] == [content]


def test_the_tools_know_requests_from_answers(client):
    """
    The file that was sent is no answer to anything, also when it is chosen beside one.
    """
    for files_chosen in ([("sent.jsonl", REQUEST)], [("out.jsonl", RESULT), ("sent.jsonl", REQUEST)]):
        answer = client.post(
            "/tools/extract",
            files=[("results", one) for one in files_chosen],
            data={"do": "extract", "format": "csv"},
            follow_redirects=True,
        )
        assert answer.status_code == 422
        assert "This is the file that was sent, not the answers" in answer.text
        assert "sent.jsonl" in answer.text
    fine = client.post(
        "/tools/extract",
        files={"results": ("out.jsonl", b"broken\n" + RESULT)},
        data={"do": "extract", "format": "csv"},
        follow_redirects=True,
    )
    assert fine.status_code == 200


@pytest.mark.parametrize(
    ("tool", "field", "data"),
    [
        ("convert", "file", {"do": "open"}),
        ("convert", "file", {"do": "convert", "model": "m", "text": "x"}),
        ("split", "file", {"do": "split", "how": "parts", "number": "1"}),
        ("split", "file", {"do": "look"}),
        ("extract", "results", {"do": "extract", "format": "csv"}),
        ("units", "file", {"do": "open"}),
    ],
)
@pytest.mark.parametrize("content", [b"\x1f\x8b\x08", b"broken\n", b'"id,x\n'])
def test_the_tools_call_a_file_by_its_name(site, client, tool, field, data, content):
    """
    An error names the file as its owner does, and never the place where the program keeps it.
    """
    answer = client.post(
        f"/tools/{tool}", files={field: ("my posts.csv", content)}, data=data, follow_redirects=True
    )
    assert answer.status_code == 422
    assert "my posts.csv" in answer.text
    assert str(site.program._tool_folder) not in answer.text


def test_long_texts_and_their_units(client, tmp_path):
    """
    A table of long texts becomes one of units, and their labels those of the texts; the files are as those of
    the commands, and what does not fit is said in the page's words.
    """
    table = b"id,talk\n1,One. Two. Three.\n2,\n3,Four.\n"
    opened = client.post(
        "/tools/units", files={"file": ("talks.csv", table)}, data={"do": "open"}, follow_redirects=True
    )
    file_id = found_in(opened, r'name="file_id" value="(\w+)"')
    form = {
        "file_id": file_id,
        "text": "talk",
        "by": "sentence",
        "size": "2",
        "overlap": "1",
        "format": "exact",
    }
    made = client.post("/tools/units", data=form, follow_redirects=True)
    assert "The units are ready" in made.text
    assert "rowbatch units talks.csv --text talk --by sentence --size 2 --overlap 1" in made.text
    units = client.get(found_in(made, r'href="(/tools/results/\w+)"')).content
    (tmp_path / "talks.csv").write_bytes(table)
    api.units(tmp_path / "talks.csv", tmp_path / "u.csv", text="talk", by="sentence", size=2, overlap=1)
    assert units == (tmp_path / "u.csv").read_bytes()
    refused = client.post(
        "/tools/units", data={**form, "by": "words", "size": "", "overlap": ""}, follow_redirects=True
    )
    assert refused.status_code == 422
    assert "how many a unit has" in refused.text
    assert "--size" not in refused.text
    lines = units.decode().splitlines()
    topics = ["topic", "a", "b", "", "c"]
    labelled = "".join(f"{line},{topic}\n" for line, topic in zip(lines, topics, strict=True)).encode()
    files = {"labelled": ("coded.csv", labelled), "of": ("talks.csv", table)}
    answer = client.post(
        "/tools/join-units", files=files, data={"rule": "most", "format": "exact"}, follow_redirects=True
    )
    assert "The table is ready" in answer.text
    assert "topic" in answer.text
    assert "1 document has no most frequent value" in answer.text
    joined = client.get(found_in(answer, r'href="(/tools/results/\w+)"'))
    assert joined.text.splitlines()[1:] == [
        '1,One. Two. Three.,2,0,,"[""a"", ""b""]"',
        "2,,0,0,,",
        "3,Four.,1,0,c,",
    ]
    other = {**files, "of": ("others.csv", b"id,talk\n1,Else entirely.\n2,\n3,No.\n")}
    refused = client.post("/tools/join-units", files=other, data={"rule": "any"}, follow_redirects=True)
    assert refused.status_code == 422
    assert "“others.csv”" in refused.text
    assert "rowbatch-" not in refused.text


def test_the_tools_join_by_row_numbers_only_where_these_are_proved(site, client):
    """
    Ids that may be made of a column are not joined by a guess; who knows that they are row numbers says so.
    """
    files = [
        ("results", ("out.jsonl", RESULT + RESULT.replace(b"row-1", b"row-2"))),
        ("join", ("my posts.csv", b"id,text\n2,first\n1,second\n")),
    ]
    form = {"do": "extract", "format": "exact"}
    answer = client.post("/tools/extract", files=files, data=form, follow_redirects=True)
    assert answer.status_code == 422
    assert "made of the column &#39;id&#39;" in answer.text
    answer = client.post(
        "/tools/extract", files=files, data={**form, "first_number": "1"}, follow_redirects=True
    )
    assert answer.status_code == 200
    back = client.get(found_in(answer, r'href="(/tools/results/\w+)"')).text
    assert [row["status"] for row in csv.DictReader(io.StringIO(back, newline=""))] != ["missing"] * 2
    assert "--first-number 1" in answer.text


@pytest.mark.parametrize("more", [{}, {"as_json": "on"}, {"extras": "on"}, {"as_json": "on", "extras": "on"}])
@pytest.mark.parametrize("written", ["csv", "exact"])
def test_the_command_that_extract_shows_gives_the_same_table(client, tmp_path, monkeypatch, written, more):
    """
    Typed as it is shown, beside the same files, it writes what the page gave, byte for byte.
    """
    monkeypatch.chdir(tmp_path)
    line = b"""{"custom_id":"row-%d","response":{"status_code":200,"body":{"model":"m","usage":
        {"prompt_tokens":1,"completion_tokens":1},"choices":[{"message":{"content":"{\\"a\\":\\"=1\\"}"},
        "finish_reason":"stop"}]}}}""".replace(b"\n", b"")
    Path("out.jsonl").write_bytes(b"".join(line % number + b"\n" for number in (1, 2)))
    Path("my posts.csv").write_bytes(b"number,text\n1,first\n2,second\n")
    answer = client.post(
        "/tools/extract",
        files=[
            (field, (name, Path(name).read_bytes()))
            for field, name in (("results", "out.jsonl"), ("join", "my posts.csv"))
        ],
        data={"do": "extract", "format": written, "first_number": "1", **more},
        follow_redirects=True,
    )
    assert answer.status_code == 200
    command = unescape(found_in(answer, r"(rowbatch extract [^<]*)<"))
    app.main(split(command)[1:], standalone_mode=False)
    (target,) = Path().glob("*.answers.csv")
    assert target.read_bytes() == client.get(found_in(answer, r'href="(/tools/results/\w+)"')).content


def test_the_tools_join_by_a_column(client):
    """
    The column that the ids are made of, several results of a row, and requests that have no result.
    """
    ids = [b"c-2_run0", b"c-2_run1", b"c-7_run0"]
    results = b"".join(RESULT.replace(b"row-1", name) for name in ids)
    request = b'{"custom_id":"%s","body":{"model":"m","messages":[{"role":"user","content":"x"}]}}\n'
    files = [
        ("results", ("out.jsonl", results)),
        ("join", ("posts.csv", b"key,text\n7,first\n2,second\n")),
        ("requests", ("sent.jsonl", b"".join(request % name for name in (*ids, b"c-7_run1")))),
    ]
    form = {"do": "extract", "format": "exact", "id_column": "key"}
    refused = client.post("/tools/extract", files=files, data=form, follow_redirects=True)
    assert refused.status_code == 422
    answer = client.post(
        "/tools/extract", files=files, data={**form, "several": "rows"}, follow_redirects=True
    )
    assert answer.status_code == 200
    back = client.get(found_in(answer, r'href="(/tools/results/\w+)"')).text
    rows = list(csv.DictReader(io.StringIO(back, newline="")))
    assert [(row["key"], row["result"]) for row in rows] == [("7", "run0"), ("2", "run0"), ("2", "run1")]
    assert "<dt>Requests without a result</dt><dd>1</dd>" in answer.text
    assert "--id key --several rows --requests sent.jsonl" in answer.text


def test_the_tools_make_rows_of_entries(client):
    """
    Answers that are lists become a row for each entry.
    """
    body = b'{"choices":[{"message":{"content":"good"},"finish_reason":"stop"}]}'
    result = RESULT.replace(b'"body":{}', b'"body":' + body)
    packed = result.replace(b'"good"', b'"[{\\"id\\":2,\\"t\\":\\"b\\"},{\\"id\\":1,\\"t\\":\\"a\\"}]"')
    assert packed != result
    form = {"do": "extract", "format": "exact", "unpack": "on"}
    answer = client.post(
        "/tools/extract", files=[("results", ("out.jsonl", packed))], data=form, follow_redirects=True
    )
    assert answer.status_code == 200
    back = client.get(found_in(answer, r'href="(/tools/results/\w+)"')).text
    assert [row["t"] for row in csv.DictReader(io.StringIO(back, newline=""))] == ["b", "a"]
    assert "--unpack" in answer.text


def test_the_tools_make_lines_of_a_document(client):
    """
    A JSON list is called that, and becomes lines on demand; ids of requests can be made of a column.
    """
    table = table_file([("a7", "one", ""), ("a8", "two", "")])
    opened = client.post(
        "/tools/convert", files={"file": ("posts.csv", table)}, data={"do": "open"}, follow_redirects=True
    )
    form = {"file_id": found_in(opened, r'name="file_id" value="(\w+)"'), "text": "post", "model": "m"}
    made = client.post(
        "/tools/convert", data={**form, "do": "convert", "id_column": "id"}, follow_redirects=True
    )
    assert "--id id" in made.text
    lines = client.get(found_in(made, r'href="(/tools/results/\w+)"')).content.splitlines()
    assert [json.loads(line)["custom_id"] for line in lines] == ["a7", "a8"]
    document = b"[\n" + b",\n".join(lines) + b"\n]"
    form = {"do": "split", "how": "parts", "number": "1"}
    answer = client.post(
        "/tools/split", files={"file": ("r.json", document)}, data=form, follow_redirects=True
    )
    assert answer.status_code == 422
    assert "one JSON document" in answer.text
    answer = client.post(
        "/tools/split",
        files={"file": ("r.json", document)},
        data={**form, "to_lines": "on"},
        follow_redirects=True,
    )
    assert answer.status_code == 200, answer.text
    assert "--to-lines" in answer.text
    parts = client.get(found_in(answer, r'href="(/tools/results/\w+)"')).content
    with zipfile.ZipFile(io.BytesIO(parts)) as archive:
        assert archive.read("part_01_of_01.jsonl").splitlines() == lines


def test_the_tools_call_a_table_to_join_by_its_name(site, client):
    """
    Of several files, the message names the one that is at fault; so it does for a file handed over before.
    """
    answer = client.post(
        "/tools/extract",
        files=[("results", ("out.jsonl", RESULT)), ("join", ("my posts.csv", b"id,text\n"))],
        data={"do": "extract", "format": "csv"},
        follow_redirects=True,
    )
    assert answer.status_code == 422
    assert "“my posts.csv” has a header but no rows" in answer.text
    assert str(site.program._tool_folder) not in answer.text
    table = table_file([[1, "so good", ""]])
    opened = client.post(
        "/tools/convert", files={"file": ("my posts.csv", table)}, data={"do": "open"}, follow_redirects=True
    )
    form = {"file_id": found_in(opened, r'name="file_id" value="(\w+)"'), "model": "m", "text": "nothing"}
    answer = client.post("/tools/convert", data={**form, "do": "convert"}, follow_redirects=True)
    assert answer.status_code == 422
    assert "“my posts.csv” has no column" in answer.text
    assert str(site.program._tool_folder) not in answer.text


def test_answers_that_are_doubted_are_said_above_the_labels(site, client):
    """
    Who looks at labels that may belong to other rows is told before anything else.
    """
    job = labelled(site, client, [[1, "so good", ""]])
    told = "Answers may stand beside the wrong rows"
    assert told not in client.get(job).text
    with RunDirectory(site.program.jobs.all()[0].run.path).ledger() as ledger:
        ledger.add_event("answers-doubted", ledger.shards()[0], match=0.1)
    assert told in client.get(job).text


def test_what_the_server_of_the_model_ignores_is_said_on_the_page(site, client):
    """
    In either language, above the labels.
    """
    job = labelled(site, client, [[1, "so good", ""]])
    assert "ignores" not in client.get(job).text
    with RunDirectory(site.program.jobs.all()[0].run.path).ledger() as ledger:
        note_remarks(ledger, ledger.shards()[0], Remarks(("response_format",), ("response_format",), 3))
    page = client.get(job).text
    assert (
        "The server of the model ignores the form of the answer; the form stands in the prompt instead."
        in page
    )
    assert "3 rows may have been asked twice" in page
    client.post("/settings/look", data={"language": "zh", "look": "light"})
    assert "模型的服务器忽略了回答的格式" in client.get(job).text


def test_what_was_forgiven_is_said_where_people_look(tmp_path, monkeypatch):
    """
    Thoughts before the answers cost no label, and the job says that there were some, in Chinese too.
    """
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def thinks(body):
        return f"<think>Hm.</think>{scripted_answer(body)}"

    rows = [[1, "so good", ""], [2, "not so good", ""]]
    with scripted_local_model(tmp_path / "server", thinks), served_pages() as site, visiting(site) as client:
        job = labelled(site, client, rows)
        page = client.get(job).text
        assert "2 answers had thoughts before them" in page
        assert "row has no label" not in page
        client.post("/settings/look", data={"language": "zh", "look": "light"})
        assert "2 个回答前带有思考过程" in client.get(job).text


def test_labels_that_are_brought_leave_the_language_of_the_page(site, client):
    """
    Who begins on a Chinese page with a list of labels asks in Chinese, as who begins by writing; and what no
    page sends is no fault of the program.
    """
    place = sent(client, table_file([[1, "so good", ""]])).removesuffix("/label")
    client.post("/settings/look", data={"language": "zh", "look": "light"})
    client.post(f"{place}/import", files={"codebook_file": ("codes.csv", b"label\nup\ndown\n")})
    (table,) = site.program.library.tables()
    assert table.draft()["draft"]["language"] == "zh"
    odd = {"question": "9" * 5_000, "row": "1", "value": "up", "do": "example"}
    assert client.post(f"{place}/example", data=odd).status_code == 303


def test_a_column_without_a_name_is_not_taken_for_the_texts(site, client):
    """
    As of a sheet with something beside its table: the column that looks like texts is chosen, and where none
    is, that is said beside its field.
    """
    rows = [[n, f"A post of some words, number {n}.", ""] for n in range(1, 5)]
    place = sent(client, table_file(rows, header=("id", "post", ""))).removesuffix("/label")
    assert '<option value="post" selected>' in client.get(place).text
    page = client.get(f"{place}/label").text
    assert '<option value="post" selected>' in page
    assert "empty text" not in page
    wrong = client.post(f"{place}/label", data={**FORM, "text": ""})
    assert wrong.status_code == 422
    assert 'id="fault-text"' in wrong.text
    assert 'id="fault-template"' not in wrong.text


def test_a_job_is_called_by_its_question_wherever_jobs_are_listed(site, client):
    """
    Two jobs of one table are told apart by what they ask, on the first page, in the list and where their
    table is removed; what a person wrote is text.
    """
    job = labelled(site, client, [[1, "so good", ""]])
    (first,) = site.program.jobs.all()
    (table,) = site.program.library.tables()
    book = {
        "variables": [
            {"name": "x", "question": "Is it <b>kind</b>?", "labels": [{"name": "a"}, {"name": "b"}]}
        ]
    }
    other = api.create(table.info.path, text="post", codebook=book)
    for address in ("/", "/jobs", f"/tables/{table.id}/removing"):
        page = client.get(address).text
        assert re.search(rf'<a href="{job}" dir="auto">{re.escape(first.asks)}</a>', page), address
    for address in ("/", "/jobs"):
        page = client.get(address).text
        assert (
            f'<a href="/jobs/{desk.job_id(other.path)}" dir="auto">Is it &lt;b&gt;kind&lt;/b&gt;?</a>' in page
        )


def test_what_people_coded_outlives_their_table_and_gets_it_back(site, client):
    """
    Who removes a table is told of its coding sets, of what is written for it and of the rows that were tried;
    what was coded can be read and downloaded without it, and the same file, dropped again, lets more rows be
    drawn.
    """
    content = [[n, f"post <i>{n}</i>", ""] for n in range(1, 25)]
    place = sent(client, table_file(content)).removesuffix("/label")
    (table,) = site.program.library.tables()
    assert client.post(f"{place}/try", data=GOOD_OR_BAD).status_code == 303
    made = api.coding_set(
        table.info.path, count=8, text="post", labels=["good", "bad"], prompt="Good?", name="S <b>"
    )
    first = made.rows()[0]
    made.folder.add_codes("Anna", [Code(first.key, {"label": "good"})])
    assert client.post(f"{place}/remove").headers["location"] == f"{place}/removing"
    question = client.get(f"{place}/removing").text
    link = f'<a href="/coding/{made.plan.id}" dir="auto">S &lt;b&gt;</a>'
    assert f'{link}</th><td class="num">8</td><td class="num">1</td>' in question
    assert (
        f"{escape(desk.read_draft(table.draft()['draft']).summary)}</strong> 10 rows that were tried go, too."
        in question
    )
    client.post("/settings/look", data={"language": "zh", "look": "light"})
    assert "1 个编码集" in client.get(f"{place}/removing").text
    client.post("/settings/look", data={"language": "en", "look": "light"})
    client.post(f"{place}/remove", data={"sure": "yes"})
    assert client.get(f"/coding/{made.plan.id}").status_code == 200
    kept = client.get(f"/coding/{made.plan.id}/sheet?what=codes&to=csv")
    assert "Anna" in kept.text
    assert escape(first.text) in client.get(f"/coding/{made.plan.id}/by/Anna?row={first.key}").text
    more = client.post(f"/coding/{made.plan.id}", data={"do": "draw", "count": "2"})
    assert more.status_code >= 400
    assert str(table.info.path) not in more.text.split("<details")[0]
    assert sent(client, table_file(content)).startswith(f"{place}/")
    assert client.post(f"/coding/{made.plan.id}", data={"do": "draw", "count": "2"}).status_code == 303
    assert len(made.rows()) == 10


def test_a_table_that_jobs_need_is_not_removed_by_one_press(site, client):
    """
    Who removes a table is told of the jobs that need it, and asked; when it is gone, their pages say what
    brings it back; and the same file, dropped again, has its labels again.
    """
    content = [[n, f"post {n}", "good"] for n in range(1, 25)]
    job = labelled(site, client, content)
    before = client.get(f"{job}/table", params={"format": "csv"}).content
    (table,) = site.program.library.tables()
    asked = client.post(f"/tables/{table.id}/remove")
    assert (asked.status_code, asked.headers["location"]) == (303, f"/tables/{table.id}/removing")
    question = client.get(f"/tables/{table.id}/removing").text
    assert f'href="{job}"' in question
    assert "1 job needs it" in question
    assert client.get(f"{job}/table", params={"format": "csv"}).content == before
    assert client.post(f"/tables/{table.id}/remove", data={"sure": "yes"}).headers["location"] == "/"
    assert site.program.library.tables() == []
    for address in (job, f"{job}/rows", f"{job}/rows/1", f"{job}/table?format=csv"):
        page = client.get(address).text
        assert "Drop the same file on the first page again" in page, address
        assert str(table.info.path) not in page.split("<details")[0], address
    # Another file is another table, and one of another format, too.
    assert not sent(client, table_file(content[:3])).startswith(f"/tables/{table.id}")
    assert not sent(client, table_file(content), "posts.txt").startswith(f"/tables/{table.id}")
    # An earlier version took the same file for another table.
    with site.program.library.receive("posts.csv") as (other, file):
        file.write(table_file(content))
    site.program.library.keep(other, "posts.csv")
    assert sent(client, table_file(content)).startswith(f"/tables/{table.id}")
    assert client.get(f"{job}/table", params={"format": "csv"}).content == before
    assert "Drop the same file" not in client.get(job).text
    # What a job said that stood still meanwhile.
    told = Notice("path-missing", {"path": str(table.info.path)})
    shown = explain_trouble(words_of("en"), desk.Trouble("table", told, at=""))
    assert shown.title == "The table of this job was removed, and is there again"


def test_a_table_without_jobs_is_removed_at_once(site, client):
    """
    Nothing is lost with a table that nothing was asked of: one press does it.
    """
    place = sent(client, table_file([[1, "post 1", ""]])).removesuffix("/label")
    assert client.post(f"{place}/remove").headers["location"] == "/"
    assert site.program.library.tables() == []


FORM = {**GOOD_OR_BAD, "do": "review"}


def test_labels_of_another_model_are_not_taken_for_peoples(site, client):
    """
    A column that a model labelled, by its name, is compared with last, and under a word that says what it is;
    it judges no row that was tried, and no list calls its labels people's.
    """
    rows = [[n, f"post {n}", "good", ("good", "bad")[n % 2]] for n in range(1, 25)]
    both = table_file(rows, ("id", "post", "gpt-4o_label", "truth"))
    job = done(site, client, sent(client, both).removesuffix("/label"), FORM)
    assert '<option value="truth" selected>' in client.get(job).text
    assert "a model labelled" not in client.get(job).text
    asked = client.get(job, params={"people": "gpt-4o_label"}).text
    assert "By its name a model labelled the column gpt-4o_label, not people." in asked
    assert "<b>24</b><span>rows that the other model labelled</span>" in asked
    assert "other model: good, model: " in asked
    assert "Where both models differ" in asked
    assert "people:" not in asked
    assert "coded by people" not in asked
    differing = {"people": "gpt-4o_label", "variable": "label", "differs": "1"}
    assert "Rows where both models differ" in client.get(f"{job}/rows", params=differing).text
    assert "Differs from people" in client.get(f"{job}/rows").text
    alone = table_file([row[:3] for row in rows], ("id", "post", "prediction"))
    place = sent(client, alone).removesuffix("/label")
    job = done(site, client, place, FORM)
    assert "a model labelled the column prediction" in client.get(job).text
    assert "Differs from people" not in client.get(f"{job}/rows").text
    assert "<dt>People" not in client.get(f"{job}/rows/1").text
    client.post(f"{place}/try", data={**FORM, "ten": "0"})
    (trial,) = (one for name, one in site.program.trials.items() if name in place)
    assert trial.task.wait(30)
    tried = client.get(f"{place}/label").text
    assert "10 to be judged" in tried
    assert "by people" not in tried


def test_names_that_are_words_are_in_chinese(site):
    """
    On Chinese pages an endpoint without a name has Chinese words, and the key of a provider is no key of the
    keyboard.
    """
    with visiting(site, "zh-CN") as client:
        place = sent(client, table_file([[1, "post 1", ""]])).removesuffix("/label")
        for address in (f"{place}/label", "/settings"):
            page = client.get(address).text
            assert "与 OpenAI 兼容的接口" in page, address
            assert "an OpenAI-compatible endpoint" not in page, address
        assert "按键</label>" not in client.get("/settings").text
        assert "密钥</label>" in client.get("/settings").text


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("anna.vtt", b"WEBVTT\n\n00:01.000 --> 00:02.000\n<v Anna>Hello you\n", "Anna: Hello you"),
        ("anna.SRT", b"1\n00:00:01,000 --> 00:00:02,000\nHello, you\n", "Hello, you"),
        ("anna.html", b"<html><body><h1>Hi</h1><p>Hello, you</p></body></html>", "Hello, you"),
        ("anna.md", b"# Hi\n\nHello, you; and you, too\n", "Hello, you; and you, too"),
    ],
)
def test_an_interview_alone_is_a_row(site, client, name, content, told):
    """
    As on the command line: its ending says what it is; tools take it, too.
    """
    answer = client.post("/tables", params={"name": name}, content=content)
    assert answer.status_code == 200, answer.text
    table = site.program.library.tables()[0]
    assert table.read().wait(60)
    found = table.read().view
    assert found.state.rows == 1
    assert told in found.frame(1, 1).row(0)[-1]
    files = {"file": (name, content, "text/plain")}
    tool = client.post("/tools/convert", data={"do": "open"}, files=files, follow_redirects=True)
    assert tool.status_code == 200
    assert 'value="text"' in tool.text


@pytest.mark.parametrize("name", ["thesis.pdf", "letter.docx", "letter.odt"])
def test_a_broken_document_is_told(site, client, name):
    """
    What is wrong with it, and not with us.
    """
    content = b"%PDF-1.4" if name.endswith("pdf") else b"PK\x03\x04 and no more"
    assert client.post("/tables", params={"name": name}, content=content).status_code == 200
    table = site.program.library.tables()[0]
    table.read().wait(60)
    page = client.get(f"/tables/{table.id}")
    assert page.status_code == 200
    assert "This file cannot be read as a table to its end" in page.text
    assert f"/{table.id}/data" not in page.text


def test_notes_call_a_table_by_its_name(site, client):
    """
    Not as the copy of it is called.
    """
    text = "I: How are you?\n\nB: I am well, thanks, and so on and so on.\n\n" * 20
    client.post("/tables", params={"name": "my interview.txt"}, content=text.encode())
    table = site.program.library.tables()[0]
    assert table.read().wait(60)
    page = client.get(f"/tables/{table.id}").text
    assert "“my interview.txt” looks like running text" in page


def test_a_tab_of_a_table_that_another_one_removed_leads_on(site, client):
    """
    Starting there, or going back, says what became of it, and how it comes back.
    """
    place = sent(client, table_file([[1, "so good", ""]]))
    table = site.program.library.tables()[0]
    client.post(f"/tables/{table.id}/remove", data={"sure": "yes"})
    for answer in (client.get(place), client.post(place, data={"do": "review"})):
        assert answer.status_code == 404
        assert "it was removed" in answer.text
        assert "Open its file again" in answer.text
