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
from rowbatch.web import program as program_module
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


def result_of(answer):
    """The address of the file that was made."""
    found = re.search(r'href="(/tools/results/\w+)"', answer.text)
    assert found is not None, answer.text
    return found[1]


def fetched(client, answer):
    return client.get(result_of(answer))


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
    at_once = client.post(
        "/tools/convert", files={"file": ("posts.csv", TABLE)}, data={"do": "open"}, follow_redirects=True
    )
    form = {"file_id": file_id(at_once), "text": "post", "model": "gpt-6-luna", "system": "Say it."}
    made = client.post("/tools/convert", data={**form, "do": "convert"}, follow_redirects=True)
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
        follow_redirects=True,
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
        follow_redirects=True,
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
    answer = client.post(
        "/tools/extract", files=[("files", (name, content))], data={"do": "open"}, follow_redirects=True
    )
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
    first = client.post(
        "/tools/convert", files={"file": ("posts.csv", TABLE)}, data={"do": "open"}, follow_redirects=True
    )
    made = client.post(
        "/tools/convert",
        data={"file_id": file_id(first), "text": "post", "model": "m", "do": "convert"},
        follow_redirects=True,
    )
    batch = fetched(client, made).content
    wrong = client.post(
        "/tools/split",
        files={"file": ("b.jsonl", batch)},
        data={"do": "split", "how": how, "number": number, "limits": "mistral"},
        follow_redirects=True,
    )
    assert wrong.status_code == 422
    assert re.search(rf'id="fault-number">[^<]*{told}', wrong.text)
    assert re.search(r'id="number"[^>]* aria-invalid="true" aria-describedby="fault-number"', wrong.text)
    assert f'<option value="{how}" selected>' in wrong.text
    assert '<option value="mistral" selected>' in wrong.text
    again = client.post(
        "/tools/split",
        data={"file_id": file_id(wrong), "how": "parts", "number": "3", "do": "split"},
        follow_redirects=True,
    )
    assert "The parts are ready" in again.text


def test_what_is_wrong_with_a_table_loses_nothing(client):
    """
    A temperature that is none, and no model, are said beside their fields, and all else is as it was written.
    """
    first = client.post(
        "/tools/convert", files={"file": ("posts.csv", TABLE)}, data={"do": "open"}, follow_redirects=True
    )
    form = {
        "file_id": file_id(first),
        "text": "post",
        "model": "",
        "system": "Say it.",
        "temperature": "warm",
        "max_tokens": "1,000",
        "skip_empty": "on",
    }
    wrong = client.post("/tools/convert", data={**form, "do": "convert"}, follow_redirects=True)
    assert wrong.status_code == 422
    assert set(re.findall(r'id="fault-(\w+)"', wrong.text)) == {"model", "temperature"}
    assert ">Say it.</textarea>" in wrong.text
    assert 'value="warm"' in wrong.text
    assert 'name="skip_empty" checked' in wrong.text
    right = {**form, "file_id": file_id(wrong), "model": "m", "temperature": "0,5", "do": "convert"}
    line = json.loads(
        fetched(
            client, client.post("/tools/convert", data=right, follow_redirects=True)
        ).content.splitlines()[0]
    )
    assert (line["body"]["temperature"], line["body"]["max_tokens"]) == (0.5, 1000)


def test_results_that_are_missing_lose_nothing(client):
    """
    Without answers, or with what was sent in their place, the table that was brought is here still.
    """
    sent = b'{"custom_id": "row-1", "method": "POST", "url": "/v1/chat/completions", "body": {}}\n'
    none = client.post(
        "/tools/extract",
        files=[("files", ("posts.csv", TABLE))],
        data={"do": "extract"},
        follow_redirects=True,
    )
    assert none.status_code == 422
    table = dict(re.findall(r'name="(join_id)" value="(\w+)"', none.text))
    wrong = client.post(
        "/tools/extract",
        data={**table, "do": "extract"},
        files=[("results", ("sent.jsonl", sent))],
        follow_redirects=True,
    )
    assert wrong.status_code == 422
    assert "This is the file that was sent, not the answers" in wrong.text
    brought = dict(re.findall(r'name="(\w+_id)" value="(\w+)"', wrong.text))
    assert set(brought) == {"join_id", "requests_id"}
    done = client.post(
        "/tools/extract",
        data={**brought, "do": "extract"},
        files=[("files", ("out.jsonl", ANSWERS))],
        follow_redirects=True,
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
    page = client.post(
        "/tools/convert", files={"file": ("posts.csv", TABLE)}, data={"do": "open"}, follow_redirects=True
    ).text
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
        "/tools/convert",
        files={"file": ("book.xlsx", workbook())},
        data={"do": "open"},
        follow_redirects=True,
    )
    form = {"file_id": file_id(opened_first), "model": "gpt-6-luna", "system": "Say it."}
    assert "<option>About</option>" in opened_first.text.replace(" selected", "")
    chosen = client.post(
        "/tools/convert", data={**form, "sheet": "data", "do": "open"}, follow_redirects=True
    )
    assert '<option value="data" selected>' in chosen.text
    assert "<option selected>answer</option>" in chosen.text
    assert "Say it." in chosen.text
    made = client.post(
        "/tools/convert",
        data={**form, "sheet": "data", "text": "answer", "do": "convert"},
        follow_redirects=True,
    )
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
        follow_redirects=True,
    )
    rows = list(csv.DictReader(io.StringIO(fetched(client, done).text, newline="")))
    assert [(row["answer"], row["content"]) for row in rows] == [
        ("The rent went up.", "about 1"),
        ("The school is closed.", "about 2"),
        ("A new ward.", "about 3"),
    ]
    units = {"file_id": form["file_id"], "sheet": "data", "text": "answer", "by": "sentence"}
    cut = client.post("/tools/units", data={**units, "format": "exact", "do": "units"}, follow_redirects=True)
    assert "The rent went up." in fetched(client, cut).text
    # A name that no sheet has is none.
    none = client.post("/tools/convert", data={**form, "sheet": "../x", "do": "open"}, follow_redirects=True)
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
    Who goes back from what a tool has made finds the file open, and who goes forward again or reloads the
    page what was made: nothing is sent again, and no page of the browser asks for it.
    """
    with served_pages() as site, opened(chromium, site.link) as page:
        page.goto(f"{site.shown_url}/tools/{tool}")
        drop(page, [("posts.csv", CODED)])
        page.locator(".here").wait_for()
        page.get_by_role("button", name=button).click()
        page.locator(".made").wait_for()
        page.reload()
        page.locator(".made").wait_for()
        expect(page.locator(".here strong")).to_have_text("posts.csv")
        page.go_back()
        expect(page.locator(".here strong")).to_have_text("posts.csv")
        expect(page.locator(".made")).to_have_count(0)
        page.go_forward()
        page.locator(".made").wait_for()
        run_axe(page, f"what {tool} has made")
        page.go_back()
        page.reload()
        expect(page.locator(".here strong")).to_have_text("posts.csv")
        page.go_back()
        expect(page.locator(".here")).to_have_count(0)


@pytest.mark.parametrize("tool", ["convert", "units"])
def test_one_thing_is_next(client, tool):
    """
    A page has one button that stands out: what the form does, and once that is done, the download.
    """
    ready = client.post(
        f"/tools/{tool}", files={"file": ("posts.csv", TABLE)}, data={"do": "open"}, follow_redirects=True
    )
    assert re.findall(r'class="(?:button )?primary"[^>]*>([^<]*)', ready.text) in (
        ["Make the batch file"],
        ["Cut the texts"],
    )
    form = {"file_id": file_id(ready), "text": "post", "model": "gpt-6-luna", "by": "sentence", "do": tool}
    made = client.post(f"/tools/{tool}", data=form, follow_redirects=True)
    (told,) = re.findall(r'class="(?:button )?primary"[^>]*>([^<]*)', made.text)
    assert told.startswith("Download")


def made_at(client, tool, **form):
    """The address of what a tool makes of the table, and its page."""
    ready = client.post(f"/tools/{tool}", files={"file": ("posts.csv", CODED)}, data={"do": "open"})
    answer = client.post(f"/tools/{tool}", data={"file_id": file_id(ready), **form})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"], client.get(answer.headers["location"])


CONVERT = {"text": "post", "model": "gpt-6-luna", "system": "Say <b>it</b>.", "do": "convert"}
AGREE = {"coders": ["a", "b"], "do": "show"}


def test_what_a_tool_has_made_has_an_address(client):
    """
    It is there again in every language, with what was written and the file; the page of the tools lists it
    until it is removed, and then its files are gone, too.
    """
    for tool, form, in_chinese in (("convert", CONVERT, "批处理文件已生成"), ("agree", AGREE, "一致程度")):
        address, page = made_at(client, tool, **form)
        assert client.get(address).text == page.text
        client.post("/settings/look", data={"language": "zh", "look": "light"})
        assert in_chinese in client.get(address).text
        client.post("/settings/look", data={"language": "en", "look": "light"})
        file = result_of(page)
        assert client.get(file).status_code == 200
        assert f'href="{address}"' in client.get("/tools").text
        assert "posts.csv" in client.get("/tools").text
        brought = file_id(page)
        made_id = address.rsplit("=", 1)[1]
        assert client.post(f"/tools/made/{made_id}/remove").headers["location"] == "/tools"
        assert client.get(address).status_code == 404
        assert client.get(file).status_code == 404
        assert 'name="file_id"' not in client.get(f"/tools/{tool}?file_id={brought}").text
        assert address not in client.get("/tools").text
    assert client.get("/tools/split?made=../x").status_code == 404


def test_what_was_written_is_beside_what_was_made(client):
    """
    The form below a result is as it was sent, so that it can be changed and sent again.
    """
    _, page = made_at(client, "convert", **CONVERT, max_tokens="50")
    assert "Say &lt;b&gt;it&lt;/b&gt;." in page.text
    assert 'name="max_tokens" value="50"' in page.text
    _, page = made_at(client, "agree", **AGREE, labels="yes,no")
    assert page.text.count('checked> <span class="break">') == 2
    assert 'value="yes,no"' in page.text


def test_results_that_share_a_file_leave_it_to_each_other(client, site):
    """
    Who removes one result takes nothing from another; of very many the oldest goes.
    """
    ready = client.post("/tools/agree", files={"file": ("posts.csv", CODED)}, data={"do": "open"})
    form = {"file_id": file_id(ready), **AGREE}
    addresses = [client.post("/tools/agree", data=form).headers["location"] for _ in range(3)]
    client.post(f"/tools/made/{addresses[0].rsplit('=', 1)[1]}/remove")
    assert file_id(client.get(addresses[1])) == form["file_id"]
    for _ in range(program_module._KEPT_MADE):
        client.post("/tools/how-many", data={"do": "show", "half_width": "0.1"})
    assert len(site.program.made()) == program_module._KEPT_MADE
    assert client.get(addresses[2]).status_code == 404


def test_a_result_outlives_its_file(client, site, monkeypatch):
    """
    When the file is gone, an hour after the download, the numbers are still there, without a way to a file.
    """
    address, page = made_at(client, "agree", **AGREE)
    client.get(result_of(page))
    monkeypatch.setattr(program_module, "_AFTER_DOWNLOAD_S", -1.0)
    later = client.get(address)
    assert later.status_code == 200
    assert "Krippendorff" in later.text
    assert "/tools/results/" not in later.text
    # What is older than half a day goes whole.
    monkeypatch.setattr(program_module, "_TOOL_HOURS", -1.0)
    assert client.get(address).status_code == 404


ODD = "Zeit;Text;a;b\n" + "".join(f"{n};schön {n};{'ja' if n % 2 else 'nein'};ja\n" for n in range(12))


@pytest.mark.parametrize(
    ("tool", "form"),
    [
        ("convert", {"text": "Text", "model": "m", "do": "convert"}),
        ("units", {"text": "Text", "by": "sentence", "do": "units"}),
        ("agree", {"coders": ["a", "b"], "do": "show"}),
        ("correct", {"predicted": "b", "gold": "a", "do": "show"}),
        ("compare", {"first": "a", "second": "b", "do": "show"}),
        ("how-many", {"predicted": "b", "gold": "a", "do": "show"}),
        ("merge-coders", {"key": "Zeit", "value": ["a"], "do": "show"}),
    ],
)
def test_a_table_of_a_tool_is_read_as_a_person_says(client, tool, form):
    """
    Each tool offers how its table is read, as the page of a table does; what is chosen holds for what is
    made, and stands in the command.
    """
    content = ODD.replace(";", "%").encode("latin-1")
    names = ("odd.csv", "other.csv") if tool == "merge-coders" else ("odd.csv",)
    files = [("file", (name, content)) for name in names]
    first = client.post(f"/tools/{tool}", files=files, data={"do": "open"})
    assert 'id="delimiter"' in first.text
    assert 'id="encoding"' in first.text
    reading = {"delimiter": "other", "delimiter_other": "%", "encoding": "latin-1"}
    kept = {"file_id": re.findall(r'name="file_id" value="(\w+)"', first.text)}
    chosen = client.post(f"/tools/{tool}", data={**kept, **reading, "do": "open"})
    assert chosen.status_code == 200
    assert 'name="delimiter_other" value="%"' in chosen.text
    made = client.post(f"/tools/{tool}", data={**kept, **form}, follow_redirects=True)
    assert "Read odd.csv in another way" in made.text
    assert "--delimiter" in made.text
    assert "--encoding latin-1" in made.text
    if tool == "convert":
        assert "schön 1" in fetched(client, made).text


def test_a_table_that_cannot_be_read_stays_to_be_read_otherwise(client):
    """
    The file need not be handed over again: how it is read is offered beside what is wrong, and nothing else.
    """
    content = b"post\n" + "schön\n".encode("latin-1")
    first = client.post("/tools/convert", files={"file": ("p.csv", content)}, data={"do": "open"})
    kept = {"file_id": file_id(first)}
    wrong = client.post("/tools/convert", data={**kept, "encoding": "utf-16", "do": "open"})
    assert wrong.status_code == 422
    assert 'role="alert"' in wrong.text
    assert 'id="encoding"' in wrong.text
    assert 'id="model"' not in wrong.text
    right = client.post("/tools/convert", data={**kept, "encoding": "latin-1", "do": "open"})
    assert 'id="model"' in right.text
    agree = client.post("/tools/agree", data={**kept, "encoding": "utf-16", "do": "open"})
    assert 'id="encoding"' in agree.text


def test_the_table_of_the_answers_and_of_the_units_is_read_as_a_person_says(client):
    """
    The tools with several files say whose reading it is.
    """
    content = ODD.replace("Text", "post").replace(";", "%").encode("latin-1")
    reading = {"delimiter": "other", "delimiter_other": "%", "encoding": "latin-1"}
    brought = client.post(
        "/tools/extract",
        files=[("files", ("odd.csv", content)), ("files", ("out.jsonl", ANSWERS))],
        data={"do": "open"},
    )
    ids = dict(re.findall(r'name="(\w+_id)" value="(\w+)"', brought.text))
    done = client.post(
        "/tools/extract", data={**ids, **reading, "format": "exact", "do": "extract"}, follow_redirects=True
    )
    assert "schön 0,nein,ja,about 1" in fetched(client, done).text
    cut = client.post("/tools/units", files={"file": ("odd.csv", content)}, data={"do": "open"})
    form = {
        "file_id": file_id(cut),
        **reading,
        "text": "post",
        "by": "sentence",
        "format": "exact",
        "do": "units",
    }
    units = fetched(client, client.post("/tools/units", data=form, follow_redirects=True)).content
    labelled = units.replace(b"\r\n", b"\n").splitlines()
    both = {
        "labelled": (
            "units.csv",
            b"\n".join([labelled[0] + b",label", *(line + b",good" for line in labelled[1:])]),
        ),
        "of": ("odd.csv", content),
    }
    joined = client.post(
        "/tools/join-units",
        files=both,
        data={**reading, "rule": "most", "format": "exact", "do": "join"},
        follow_redirects=True,
    )
    assert "schön 0" in fetched(client, joined).text
