"""The table page where a table is read in another way: one press each, and every choice as a field."""

import io
import json
import re
import zipfile
from html import unescape

import openpyxl
import pytest
from playwright.sync_api import expect

from browsing import opened, run_axe
from rowbatch.core.table_options import ReadOptions
from rowbatch.desk.drafts import make_run, read_draft
from serving_pages import served_pages

QUOTED = "id,post\n1,fine\n" + "".join(f"{n},'so good, it is {n}'\n" for n in range(2, 9))
DOCUMENT = {
    "meta": {"tags": [{"t": "a"}, {"t": "b"}]},
    "data": {"items": [{"id": 1, "user": {"text": "so good"}}, {"id": 2}, {"id": 3}]},
}


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    with served_pages() as found:
        yield found


def handed_over(site, client, name, content):
    """The address of a table, and what gives the table as it is now."""
    assert client.post("/tables", params={"name": name}, content=content).status_code == 200
    table = site.program.library.tables()[0]
    return f"/tables/{table.id}", lambda: site.program.library.table(table.id)


def pressed(client, place, page, text):
    """Press a button that says this, as a browser without scripts; returns the page after it."""
    button = re.search(rf'<button[^>]* name="(\w+)" value="([^"]*)"[^>]*>{re.escape(text)}</button>', page)
    assert button, page
    answer = client.post(f"{place}/reading", data={button[1]: unescape(button[2])})
    assert answer.headers["location"] == place
    return client.get(place).text


@pytest.mark.parametrize(
    ("content", "button", "said", "cells"),
    [
        pytest.param(
            "id,post\n1,a\n2,b\n" + "".join(f"{n};it is so;\n" for n in range(3, 9)),
            "Leave broken rows out",
            {"on_bad_rows": "skip"},
            ["a", "b"],
            id="skip",
        ),
        pytest.param(
            "id,post\n1,a\n2,b,c\n",
            "Keep what can be understood of broken rows",
            {"on_bad_rows": "keep"},
            ["a", "b,c"],
            id="keep",
        ),
        pytest.param(
            "id,post\n1,a\n" + "".join(f'{n},"they said \\"no, {n}\\""\n' for n in range(2, 4)),
            "Read it with \\ before a quote in a cell",
            {"quote": '"', "escape": "\\"},
            ["a", 'they said "no, 2"', 'they said "no, 3"'],
            id="escape",
        ),
        pytest.param(
            QUOTED,
            "Read it with &#39; around the cells",
            {"quote": "'", "escape": "none"},
            ["fine", *(f"so good, it is {n}" for n in range(2, 9))],
            id="quote",
        ),
    ],
)
def test_each_way_out_is_a_button_and_is_kept_for_the_run(site, client, content, button, said, cells):
    """
    The table is read so from then on: on its page, and in the plan of a run that is made of it.
    """
    place, table = handed_over(site, client, "t.csv", content.encode())
    if "escape" in said:
        # Where nothing is said both are found out at once.
        client.post(f"{place}/reading", data={"quote": '"', "escape": "none"})
    page = pressed(client, place, client.get(place).text, button)
    assert 'id="next"' in page
    assert table().info.reading == ReadOptions(**said)
    assert next(table().open().chunks()).frame["1"].to_list() == cells
    draft = read_draft({"text": "post", "instructions": "", "questions": [{"kind": "text", "question": "?"}]})
    reading = make_run(table(), draft).plan.source.reading
    assert {name: getattr(reading, name) for name in said} == said
    assert "It is read as you chose" in page
    answer = client.post(f"{place}/reading", data={"do": "reset"})
    assert answer.status_code == 303
    assert table().info.reading == ReadOptions()


def test_the_lists_of_a_document_are_chosen_by_their_rows(site, client):
    """
    Each list is a button with how many entries it has; the others stay in reach, and a text in an object in
    an entry is a column by its dotted name, which the form takes.
    """
    place, table = handed_over(site, client, "t.json", json.dumps(DOCUMENT).encode())
    page = client.get(place).text
    assert "meta.tags: 2 entries" in page
    page = pressed(client, place, page, "data.items: 3 entries")
    assert table().info.reading.rows == "data.items"
    assert '<option value="user.text" selected>' in page
    assert "meta.tags: 2 entries" in page
    preview = client.post(
        f"{place}/preview",
        data={
            "text": "user.text",
            "kind": "text",
            "question": "How?",
            "provider": "local",
            "template": "Said: {{user.text}}",
        },
    ).text
    assert "Said: so good" in preview


def test_a_file_in_a_zip_file_is_chosen_by_a_button(site, client, tmp_path):
    """
    Both files are named; the chosen one is read, and the other one can be chosen in its place.
    """
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as packed:
        packed.writestr("one.csv", "id,post\n1,so good\n")
        packed.writestr("two.csv", "id,post\n1,so bad\n")
    place, table = handed_over(site, client, "t.zip", (tmp_path / "t.zip").read_bytes())
    page = pressed(client, place, client.get(place).text, "two.csv")
    assert "so bad" in page
    assert '<option value="two.csv" selected>' in page
    client.post(f"{place}/reading", data={"sheet": "one.csv"})
    assert next(table().open().chunks()).frame["1"].to_list() == ["so good"]


@pytest.mark.parametrize(
    ("form", "reading"),
    [
        ({"encoding": "other", "encoding_other": "koi8-r"}, ReadOptions(encoding="koi8-r")),
        ({"delimiter": "tab"}, ReadOptions(delimiter="\t")),
        ({"delimiter": "other", "delimiter_other": "^"}, ReadOptions(delimiter="^")),
        ({"delimiter": "other", "delimiter_other": ""}, ReadOptions()),
        ({"quote": "none"}, ReadOptions(quote="none")),
        ({"escape": "other", "escape_other": "^"}, ReadOptions(escape="^")),
        ({"skip_rows": "2"}, ReadOptions(skip_rows=2)),
        ({"skip_rows": ""}, ReadOptions()),
        ({"program": "plain"}, ReadOptions(program="plain")),
        ({"header": "lines", "header_first": "1", "header_last": "2"}, ReadOptions(header="1-2")),
        ({"header": "lines", "header_first": "1", "header_last": ""}, ReadOptions()),
        ({"on_bad_rows": ""}, ReadOptions()),
        ({"on_bad_rows": "burn"}, ReadOptions()),
    ],
)
def test_every_choice_is_a_field(site, client, form, reading):
    """
    What a form says is kept, as `ReadOptions` has it; what it does not name stays.
    """
    place, table = handed_over(site, client, "t.csv", b"id,post\n1,so good\n2,so bad\n3,so so\n")
    answer = client.post(f"{place}/reading", data=form)
    assert answer.headers["location"] == place
    assert table().info.reading == reading
    assert client.get(place).status_code == 200
    client.post(f"{place}/reading", data={"on_bad_rows": "skip"})
    kept = table().info.reading
    assert kept == ReadOptions(
        **{name: getattr(reading, name) for name in ReadOptions.__slots__} | {"on_bad_rows": "skip"}
    )


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"skip_rows": "-1"}, "lines that are left out are counted from 0"),
        ({"quote": "other", "quote_other": "<<"}, "is one character"),
        ({"header": "lines", "header_first": "3", "header_last": "2"}, "choose the line with the names"),
    ],
)
def test_a_choice_that_says_nothing_is_refused_on_the_page(site, client, form, told):
    """
    The page says what is wrong, names no option of the command line, and the table is read as before.
    """
    place, table = handed_over(site, client, "t.csv", b"id,post\n1,so good\n")
    answer = client.post(f"{place}/reading", data=form)
    assert answer.status_code == 422
    assert told in answer.text.lower()
    # In the details for the help desk kinds and values are the same in every language.
    assert "--" not in re.sub(r"(?s)<pre.*?</pre>|<!--.*?-->", "", answer.text)
    assert table().info.reading == ReadOptions()


def test_a_choice_that_does_not_fit_is_taken_back_by_a_press(site, client):
    """
    An encoding of an Excel workbook, as an earlier version could keep it.
    """
    place, table = handed_over(site, client, "t.json", b'[{"post": "so good"}]')
    table().change_reading(skip_rows=3)
    page = client.get(place).text
    assert "does not fit" in page
    page = pressed(client, place, page, "Let it be found out")
    assert table().info.reading == ReadOptions()
    assert "so good" in page


def test_what_was_found_out_is_said_in_words(site, client):
    """
    Each field says what holds where nothing is chosen, and only fields of the format are there.
    """
    place, _ = handed_over(site, client, "t.csv", "id;post\n1;so schön\n2;so, so\n".encode())
    page = client.get(place).text
    for told in ("found out by itself: semicolon", "found out by itself: UTF-8", "stop and say where"):
        assert told in page
    assert 'name="rows"' not in page
    place, _ = handed_over(site, client, "t.json", b'[{"post": "so good"}]')
    page = client.get(place).text
    assert 'name="rows"' in page
    assert 'name="delimiter"' not in page
    assert "keep what can be understood" not in page


def test_an_archive_of_a_program_has_no_choices_of_a_table(site, client):
    """
    A chat of WhatsApp in a zip file has no delimiter and no header; that it is no chat can be said.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr(
            "_chat.txt", "[01/02/2026, 10:00:00] Ada B: so good\n[01/02/2026, 10:01:00] Bo C: so bad\n"
        )
    place, _ = handed_over(site, client, "chat.zip", packed.getvalue())
    page = client.get(place).text
    assert "found out by itself: WhatsApp" in page
    assert 'name="delimiter"' not in page
    assert 'name="header"' not in page


def test_another_sheet_has_a_header_of_its_own(site, client):
    """
    What was said of the lines of one sheet is not said of another one.
    """
    book = openpyxl.Workbook()
    for row in (["title", None], ["id", "post"], [1, "so good"]):
        book.active.append(row)
    other = book.create_sheet("other")
    for row in (["id", "post"], [1, "so bad"], [2, "so so"]):
        other.append(row)
    content = io.BytesIO()
    book.save(content)
    place, table = handed_over(site, client, "t.xlsx", content.getvalue())
    client.post(f"{place}/reading", data={"header": "2"})
    assert table().info.reading.header == "2"
    client.post(f"{place}/reading", data={"sheet": "other"})
    assert table().info.reading == ReadOptions(sheet="other")
    assert next(table().open().chunks()).frame["1"].to_list() == ["so bad", "so so"]


@pytest.mark.parametrize(("language", "width"), [("en-US", 1_200), ("zh-CN", 390)])
def test_by_the_keyboard_in_a_browser(chromium, site, client, language, width):
    """
    The way that fits is pressed, and the choices are opened and sent, by keys alone; nothing violates WCAG
    2.2, and nothing is wider than the screen. A field for a sign of one's own is there only where it is
    wanted.
    """
    place, table = handed_over(site, client, "t.csv", QUOTED.encode())
    client.post(f"{place}/reading", data={"quote": '"', "escape": "none"})
    screen = {"width": width, "height": 800}
    with opened(chromium, site.link, locale=language, viewport=screen) as page:
        page.goto(f"{site.shown_url}{place}")
        run_axe(page, "broken")
        page.locator("button[name=quote]").focus()
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert table().info.reading == ReadOptions(quote="'", escape="none")
        closed = page.locator("section:has(#reading) > details").first
        expect(closed.locator("#delimiter")).to_be_hidden()
        closed.locator("summary").focus()
        page.keyboard.press("Enter")
        other = page.locator("input[name=delimiter_other]")
        expect(page.locator("#delimiter")).to_be_visible()
        expect(other).to_be_hidden()
        page.select_option("#delimiter", "other")
        expect(other).to_be_visible()
        run_axe(page, "choices")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.select_option("#delimiter", ",")
        page.fill("#skip_rows", "0")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert table().info.reading == ReadOptions(quote="'", escape="none", delimiter=",")
        lines = page.locator("details:has(#header_first)")
        lines.locator("summary").focus()
        page.keyboard.press("Enter")
        page.fill("#header_first", "1")
        page.fill("#header_last", "2")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert table().info.reading.header == "1-2"
        run_axe(page, "read otherwise")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
