"""The tools in one step each: a file is dropped, is open at once, and what is made leads to the next tool."""

from __future__ import annotations

import csv
import io
import json
import re
from urllib.parse import parse_qs, urlsplit

import openpyxl
import pytest
from playwright.sync_api import expect

from browsing import opened, run_axe
from rowbatch import api
from rowbatch.web.pages import tools
from serving_pages import served_pages

TABLE = b"id,post\n1,The rent went up.\n2,The school is closed.\n3,A new ward.\n"
CODED = b"id,post,a,b\n" + b"".join(
    b"%d,A text of some words.,%s,yes\n" % (n, (b"yes", b"no")[n % 2]) for n in range(9)
)
ANSWERS = b"".join(
    json.dumps(
        {
            "custom_id": f"row-{n}",
            "response": {"status_code": 200, "body": {"choices": [{"message": {"content": f"about {n}"}}]}},
            "error": None,
        }
    ).encode()
    + b"\n"
    for n in (1, 2, 3)
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def link_to(answer, tool):
    """The step of a result that leads to a tool."""
    found = re.search(rf'href="(/tools/{tool}\?[^"]+)"', answer.text)
    assert found is not None, answer.text
    return found[1].replace("&amp;", "&")


def file_id(answer):
    found = re.search(r'name="file_id" value="(\w+)"', answer.text)
    assert found is not None, answer.text
    return found[1]


def fetched(client, answer):
    found = re.search(r'href="(/tools/results/\w+)"', answer.text)
    assert found is not None, answer.text
    return client.get(found[1])


def drop(page, files):
    """Files let fall somewhere on a page, on no field."""
    transfer = page.evaluate_handle(
        """files => {
            const transfer = new DataTransfer();
            for (const [name, text] of files) transfer.items.add(new File([text], name));
            return transfer;
        }""",
        [[name, content.decode()] for name, content in files],
    )
    page.locator("h1").dispatch_event("drop", {"dataTransfer": transfer})


def test_what_was_dropped_leads_through_all_three_tools(client):
    """
    The batch file goes on to be split, and the table to be joined with the answers, without being handed over
    again.
    """
    at_once = client.post("/tools/convert", files={"file": ("posts.csv", TABLE)}, data={"do": "open"})
    form = {"file_id": file_id(at_once), "text": "post", "model": "gpt-6-luna", "system": "Say it."}
    made = client.post("/tools/convert", data={**form, "do": "convert"})
    batch = fetched(client, made).content
    to_split = client.get(link_to(made, "split"))
    assert to_split.status_code == 200
    assert "posts.jsonl" in to_split.text
    assert "gpt-6-luna (3)" in to_split.text
    carried = re.search(r'name="join_id" value="(\w+)"', to_split.text)
    assert carried is not None
    split = client.post(
        "/tools/split",
        data={
            "file_id": file_id(to_split),
            "join_id": carried[1],
            "how": "parts",
            "number": "2",
            "do": "split",
        },
    )
    assert "The parts are ready" in split.text
    for before in (made, split):
        to_extract = client.get(link_to(before, "extract"))
        brought = dict(re.findall(r'name="(\w+_id)" value="(\w+)"', to_extract.text))
        assert set(brought) == {"join_id", "requests_id"}
        assert "posts.csv" in to_extract.text
    done = client.post(
        "/tools/extract",
        data={**brought, "do": "extract", "format": "exact"},
        files=[("files", ("out.jsonl", ANSWERS))],
    )
    assert "The table is ready" in done.text
    rows = list(csv.DictReader(io.StringIO(fetched(client, done).text, newline="")))
    assert [(row["post"], row["content"]) for row in rows] == [
        ("The rent went up.", "about 1"),
        ("The school is closed.", "about 2"),
        ("A new ward.", "about 3"),
    ]
    # Requests without a result are told, since the batch file is known.
    assert "Requests sent" in done.text
    agree = client.get(link_to(done, "agree"))
    assert agree.status_code == 200
    assert 'value="content"' in agree.text
    assert batch.count(b"\n") == 3


@pytest.mark.parametrize(
    ("name", "content", "role"),
    [
        pytest.param("out.jsonl", ANSWERS, "results_id", id="answers"),
        pytest.param("posts.csv", TABLE, "join_id", id="table"),
        pytest.param("rows.jsonl", b'{"id": 1, "post": "a"}\n', "join_id", id="table-in-jsonl"),
        pytest.param(
            "sent.jsonl",
            b'{"custom_id": "row-1", "method": "POST", "url": "/v1/chat/completions", "body": {}}\n',
            "requests_id",
            id="requests",
        ),
    ],
)
def test_a_file_is_taken_for_what_it_is(client, name, content, role):
    """
    Answers, the table and the batch file that was sent may be dropped together, in any order.
    """
    answer = client.post("/tools/extract", files=[("files", (name, content))], data={"do": "open"})
    assert re.findall(r'name="(\w+_id)" value="\w+"', answer.text) == [role]


@pytest.mark.parametrize(
    ("how", "number", "told"),
    [
        pytest.param("parts", "", "A number is missing", id="forgotten"),
        pytest.param("rows", "x", "is not a number", id="no-number"),
        pytest.param("parts", "2.5", "is not a number", id="half-a-part"),
        pytest.param("mb", "0", "A number is missing", id="nothing"),
    ],
)
def test_a_forgotten_number_loses_nothing(client, how, number, told):
    """
    It is said beside its field; the file is here still, and all else is as it was chosen.
    """
    first = client.post("/tools/convert", files={"file": ("posts.csv", TABLE)}, data={"do": "open"})
    made = client.post(
        "/tools/convert", data={"file_id": file_id(first), "text": "post", "model": "m", "do": "convert"}
    )
    batch = fetched(client, made).content
    wrong = client.post(
        "/tools/split",
        files={"file": ("b.jsonl", batch)},
        data={"do": "split", "how": how, "number": number, "limits": "mistral"},
    )
    assert wrong.status_code == 422
    assert re.search(rf'id="fault-number">[^<]*{told}', wrong.text)
    assert re.search(r'id="number"[^>]* aria-invalid="true" aria-describedby="fault-number"', wrong.text)
    assert f'<option value="{how}" selected>' in wrong.text
    assert '<option value="mistral" selected>' in wrong.text
    again = client.post(
        "/tools/split", data={"file_id": file_id(wrong), "how": "parts", "number": "3", "do": "split"}
    )
    assert "The parts are ready" in again.text


def test_what_is_wrong_with_a_table_loses_nothing(client):
    """
    A temperature that is none, and no model, are said beside their fields, and all else is as it was written.
    """
    first = client.post("/tools/convert", files={"file": ("posts.csv", TABLE)}, data={"do": "open"})
    form = {
        "file_id": file_id(first),
        "text": "post",
        "model": "",
        "system": "Say it.",
        "temperature": "warm",
        "max_tokens": "1,000",
        "skip_empty": "on",
    }
    wrong = client.post("/tools/convert", data={**form, "do": "convert"})
    assert wrong.status_code == 422
    assert set(re.findall(r'id="fault-(\w+)"', wrong.text)) == {"model", "temperature"}
    assert ">Say it.</textarea>" in wrong.text
    assert 'value="warm"' in wrong.text
    assert 'name="skip_empty" checked' in wrong.text
    right = {**form, "file_id": file_id(wrong), "model": "m", "temperature": "0,5", "do": "convert"}
    line = json.loads(fetched(client, client.post("/tools/convert", data=right)).content.splitlines()[0])
    assert (line["body"]["temperature"], line["body"]["max_tokens"]) == (0.5, 1000)


def test_results_that_are_missing_lose_nothing(client):
    """
    Without answers, or with what was sent in their place, the table that was brought is here still.
    """
    sent = b'{"custom_id": "row-1", "method": "POST", "url": "/v1/chat/completions", "body": {}}\n'
    none = client.post("/tools/extract", files=[("files", ("posts.csv", TABLE))], data={"do": "extract"})
    assert none.status_code == 422
    table = dict(re.findall(r'name="(join_id)" value="(\w+)"', none.text))
    wrong = client.post(
        "/tools/extract", data={**table, "do": "extract"}, files=[("results", ("sent.jsonl", sent))]
    )
    assert wrong.status_code == 422
    assert "This is the file that was sent, not the answers" in wrong.text
    brought = dict(re.findall(r'name="(\w+_id)" value="(\w+)"', wrong.text))
    assert set(brought) == {"join_id", "requests_id"}
    done = client.post(
        "/tools/extract", data={**brought, "do": "extract"}, files=[("files", ("out.jsonl", ANSWERS))]
    )
    assert "The table is ready" in done.text


def test_the_model_that_is_offered_is_known(client):
    """
    It is in the catalogue with a price, which is told, and is not about to be switched off.
    """
    found = next(one for one in api.models("openai") if one.name == tools._MODEL)
    assert found.price is not None
    assert found.known is not None
    assert found.known.shutdown is None
    page = client.post("/tools/convert", files={"file": ("posts.csv", TABLE)}, data={"do": "open"}).text
    assert f'value="{found.name}" list="models"' in page
    assert f"{found.name}, as a batch: ${found.price.input_usd} in" in page
    assert page.count('placeholder="the model\'s default"') == 2
    for name in ("CSV", "JSONL"):
        assert name in client.get("/tools").text


def test_a_link_of_yesterday_asks_for_the_file(client):
    """
    A file that is gone is no error: the tool begins anew.
    """
    for tool in ("convert", "split", "extract", "agree"):
        answer = client.get(f"/tools/{tool}?file_id=0123456789abcdef&join_id=../x")
        assert answer.status_code == 200
        assert "data-opens" in answer.text


@pytest.mark.parametrize("tool", ["convert", "units", "agree", "correct", "compare", "how-many"])
def test_a_table_that_is_dropped_is_open_at_once(chromium, home, tool):
    """
    Let fall anywhere on the page of a tool, a table shows its columns without a further press.
    """
    with served_pages() as site, opened(chromium, site.link) as page:
        page.goto(f"{site.shown_url}/tools/{tool}")
        drop(page, [("posts.csv", TABLE)])
        page.locator(".here").wait_for()
        expect(page.locator(".here strong")).to_have_text("posts.csv")
        expect(page.locator("main form")).to_contain_text("post")
        run_axe(page, tool)


def test_dropped_files_become_a_table(chromium, home):
    """
    Answers and their table, dropped together; one press makes the table. Two tables of units go into their
    two fields.
    """
    with served_pages() as site, opened(chromium, site.link) as page:
        page.goto(f"{site.shown_url}/tools/extract")
        drop(page, [("posts.csv", TABLE), ("out.jsonl", ANSWERS)])
        expect(page.locator(".brought th")).to_have_text(["out.jsonl", "posts.csv"])
        run_axe(page, "extract")
        page.get_by_role("button", name="Make the table").click()
        with page.expect_download() as download:
            page.get_by_role("link", name=re.compile("^Download")).click()
        assert download.value.suggested_filename == "posts.answers.xlsx"
        run_axe(page, "extract, done")
        step = page.get_by_role("link", name="How far do coders agree?").get_attribute("href")
        assert parse_qs(urlsplit(step).query)["file_id"]
        page.goto(f"{site.shown_url}/tools/join-units")
        drop(page, [("units.csv", b"a\n1\n"), ("posts.csv", TABLE)])
        names = page.evaluate("['labelled', 'of'].map(id => document.getElementById(id).files[0].name)")
        assert names == ["units.csv", "posts.csv"]


def test_a_batch_file_that_is_dropped_is_looked_at(chromium, home):
    """
    What is in it is told at once, and only the field that the choice needs is there.
    """
    api.convert(_written(home / "posts.csv"), home / "b.jsonl", text="post", model="m")
    with served_pages() as site, opened(chromium, site.link) as page:
        page.goto(f"{site.shown_url}/tools/split")
        drop(page, [("b.jsonl", (home / "b.jsonl").read_bytes())])
        expect(page.locator(".facts").first).to_contain_text("m (3)")
        expect(page.locator("#limits")).to_be_visible()
        expect(page.locator("#number")).to_be_hidden()
        page.select_option("#how", "parts")
        expect(page.locator("#number")).to_be_visible()
        expect(page.locator("#limits")).to_be_hidden()


def _written(path):
    path.write_bytes(TABLE)
    return path


def workbook():
    """Notes on a first sheet, and the table on the second."""
    book = openpyxl.Workbook()
    book.active.title = "notes"
    for line in ("About", "The table is on the next sheet."):
        book.active.append([line])
    table = book.create_sheet("data")
    for row in (("id", "answer"), (1, "The rent went up."), (2, "The school is closed."), (3, "A new ward.")):
        table.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_sheet_of_a_workbook_is_chosen(client):
    """
    A workbook shows its sheets; the one that is chosen is made a batch file, cut into units and joined with
    the answers, and what was written before stays.
    """
    opened_first = client.post(
        "/tools/convert", files={"file": ("book.xlsx", workbook())}, data={"do": "open"}
    )
    form = {"file_id": file_id(opened_first), "model": "gpt-6-luna", "system": "Say it."}
    assert "<option>About</option>" in opened_first.text.replace(" selected", "")
    chosen = client.post("/tools/convert", data={**form, "sheet": "data", "do": "open"})
    assert '<option value="data" selected>' in chosen.text
    assert "<option selected>answer</option>" in chosen.text
    assert "Say it." in chosen.text
    made = client.post("/tools/convert", data={**form, "sheet": "data", "text": "answer", "do": "convert"})
    assert "--sheet data" in made.text
    lines = [json.loads(line) for line in fetched(client, made).text.splitlines()]
    assert [line["body"]["messages"][-1]["content"] for line in lines] == [
        "The rent went up.",
        "The school is closed.",
        "A new ward.",
    ]
    brought = dict(re.findall(r'name="(\w+_id)" value="(\w+)"', client.get(link_to(made, "extract")).text))
    done = client.post(
        "/tools/extract",
        data={**brought, "do": "extract", "format": "exact"},
        files=[("files", ("out.jsonl", ANSWERS))],
    )
    rows = list(csv.DictReader(io.StringIO(fetched(client, done).text, newline="")))
    assert [(row["answer"], row["content"]) for row in rows] == [
        ("The rent went up.", "about 1"),
        ("The school is closed.", "about 2"),
        ("A new ward.", "about 3"),
    ]
    units = {"file_id": form["file_id"], "sheet": "data", "text": "answer", "by": "sentence"}
    cut = client.post("/tools/units", data={**units, "format": "exact", "do": "units"})
    assert "The rent went up." in fetched(client, cut).text
    # A name that no sheet has is none.
    none = client.post("/tools/convert", data={**form, "sheet": "../x", "do": "open"})
    assert "<option selected>answer</option>" not in none.text


def test_another_sheet_is_read_at_once(chromium, home):
    """
    Who chooses a sheet sees its columns, without a button.
    """
    (home / "book.xlsx").write_bytes(workbook())
    with served_pages() as site, opened(chromium, site.link) as page:
        page.goto(page.url.rstrip("/") + "/tools/convert")
        page.set_input_files("#file", home / "book.xlsx")
        page.select_option("#sheet", "data")
        expect(page.locator("#text")).to_have_value("answer")
        run_axe(page, "sheets")
        page.goto(page.url.split("/tools")[0])
        page.set_input_files("#file", home / "book.xlsx")
        page.wait_for_url("**/tables/*")
        expect(page.locator("main")).to_contain_text("Of “book.xlsx” the sheet 'notes' is read")
        assert str(home) not in page.locator("main").inner_text()
        page.get_by_role("button", name="data", exact=True).click()
        expect(page.locator("#text")).to_have_value("answer")
        run_axe(page, "a sheet")


@pytest.mark.parametrize(
    ("tool", "button"),
    [("convert", "Make the batch file"), ("agree", "Show how far they agree"), ("units", "Cut the texts")],
)
def test_the_back_button_of_a_tool(chromium, home, tool, button):
    """
    Who goes back from what a tool has made finds the file open, as does who reloads the page: nothing is sent
    again, and no page of the browser asks for it.
    """
    with served_pages() as site, opened(chromium, site.link) as page:
        page.goto(f"{site.shown_url}/tools/{tool}")
        drop(page, [("posts.csv", CODED)])
        page.locator(".here").wait_for()
        page.get_by_role("button", name=button).click()
        page.locator(".made").wait_for()
        page.go_back()
        expect(page.locator(".here strong")).to_have_text("posts.csv")
        expect(page.locator(".made")).to_have_count(0)
        page.reload()
        expect(page.locator(".here strong")).to_have_text("posts.csv")
        page.go_back()
        expect(page.locator(".here")).to_have_count(0)


@pytest.mark.parametrize("tool", ["convert", "units"])
def test_one_thing_is_next(client, tool):
    """
    A page has one button that stands out: what the form does, and once that is done, the download.
    """
    ready = client.post(f"/tools/{tool}", files={"file": ("posts.csv", TABLE)}, data={"do": "open"})
    assert re.findall(r'class="(?:button )?primary"[^>]*>([^<]*)', ready.text) in (
        ["Make the batch file"],
        ["Cut the texts"],
    )
    form = {"file_id": file_id(ready), "text": "post", "model": "gpt-6-luna", "by": "sentence", "do": tool}
    made = client.post(f"/tools/{tool}", data=form)
    (told,) = re.findall(r'class="(?:button )?primary"[^>]*>([^<]*)', made.text)
    assert told.startswith("Download")
