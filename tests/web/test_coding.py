"""The pages of human coding, by their answers. What needs a browser is in test_coding_browser.py."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

import pytest

from coding_by_hand import EVERY_KIND, coding_set
from serving import scripted_local_model
from serving_pages import GOOD_OR_BAD, served_pages, visiting


def begun(client, folder, name="Anna"):
    """Where a coder codes."""
    return client.post(f"/coding/{folder.plan.id}/coders", data={"name": name}).headers["location"]


def form_of(page):
    """The hidden fields of the form of a page."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))


def pressed(client, place, page, **fields):
    """The page after a press on this one."""
    answer = client.post(place, data={**form_of(page), **fields})
    return client.get(answer.headers["location"]) if answer.status_code == 303 else answer


def found_in(text, pattern):
    """What stands there."""
    match = re.search(pattern, text, re.S)
    assert match, text
    return match.group(1)


def text_of(page):
    return unescape(found_in(page.text, r'id="text"[^>]*>(.*?)</p>'))


def words(page):
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page.text)))


def test_a_press_is_saved_and_the_next_text_comes(client):
    """
    From the list to a name, then one press a text; line breaks and markup of the text stay as they are.
    """
    folder = coding_set(["one\n  <b>two</b>\n", "second", "third"], context={"party": "<i>left</i>"})
    assert "posts" in client.get("/coding").text
    page = client.get(f"/coding/{folder.plan.id}")
    assert page.status_code == 200
    place = begun(client, folder)
    page = client.get(place)
    assert text_of(page) == "one\n  <b>two</b>\n"
    assert "&lt;i&gt;left&lt;/i&gt;" in page.text
    assert re.search(r'value="good"[^>]*data-key="1"', page.text)
    assert re.search(r'value="can&#39;t say"[^>]*data-key="x"', page.text)
    page = pressed(client, place, page, label="good", seconds="3.4")
    assert text_of(page) == "second"
    assert "1 of 3 done" in words(page)
    (code,) = folder.history("Anna")
    assert (code.values, code.seconds, code.via, code.saw_model) == ({"mood": "good"}, 3.4, "app", False)


def test_an_old_page_and_a_double_press_touch_no_other_row(client):
    """
    Two tabs show the same text: what the second says comes too late, and is told; the same press goes on.
    """
    folder = coding_set(["first", "second"])
    place = begun(client, folder)
    one = client.get(place)
    other = client.get(place)
    assert text_of(pressed(client, place, one, label="good")) == "second"
    assert text_of(pressed(client, place, one, label="good")) == "second"
    late = pressed(client, place, other, label="bad")
    assert text_of(late) == "first"
    assert "in another window" in words(late)
    assert [one.values for one in folder.history("Anna")] == [{"mood": "good"}]


def test_undo_notes_and_skipping(client):
    """
    z shows the last text again without its code; a note goes along with a press and with a skip.
    """
    folder = coding_set(["first", "second"])
    place = begun(client, folder)
    page = pressed(client, place, client.get(place), label="good", note="sure?")
    page = pressed(client, place, page, do="undo")
    assert text_of(page) == "first"
    assert "0 of 2 done" in words(page)
    page = pressed(client, place, page, do="skip", note="later")
    assert text_of(page) == "second"
    page = pressed(client, place, page, label="bad")
    assert text_of(page) == "first"
    assert ">later</textarea>" in page.text
    page = pressed(client, place, page, label="mixed", note="later")
    assert "All 2 texts are coded" in words(page)
    assert {one.note for one in folder.codes()["Anna"].values()} == {"", "later"}


def test_every_kind_is_asked_one_after_the_other(client):
    """
    One variable after the other, those that do not apply left out; what is no value is told with what was
    written still in its field.
    """
    folder = coding_set(["It is 12 noon.\nThe mayor is to blame.", "x"], EVERY_KIND)
    place = begun(client, folder)
    page = client.get(place)
    for fields in (
        {"label": "can't say"},
        {"label": ["home", "work"]},
        {"label": "no"},
        {"label": "2"},
    ):
        page = pressed(client, place, page, **fields)
        assert page.status_code == 200, page.text
    wrong = pressed(client, place, page, label="300", note="old", do="say")
    assert wrong.status_code == 400
    assert 'value="300"' in wrong.text
    assert ">old</textarea>" in wrong.text
    page = pressed(client, place, wrong, label="44", note="old", do="say")
    page = pressed(client, place, page, label="2026-03-02", note="old", do="say")
    assert "data-select" in page.text
    wrong = pressed(client, place, page, label="The major", do="say")
    assert ">The major</textarea>" in wrong.text
    page = pressed(client, place, wrong, label="The mayor", do="say", note="old")
    assert text_of(page) == "x"
    (code,) = folder.codes()["Anna"].values()
    assert code.values == {
        "mood": "can't say", "topics": "work; home", "protest": "no", "strength": "2", "age": "44",
        "day": "2026-03-02", "blame": "The mayor",
    }  # fmt: skip
    assert code.note == "old"
    again = client.get(place, params={"key": code.key, "variable": "protest"})
    page = pressed(client, place, again, label="yes")
    assert "Where?" in page.text
    assert "This text is coded" not in page.text


def test_words_of_their_own_may_be_left_empty(client):
    """
    The last question is for words of the coder's own: it is asked, and one press leaves it empty.
    """
    folder = coding_set(["first", "second"], [EVERY_KIND[0], {"name": "why", "kind": "text"}])
    place = begun(client, folder)
    page = pressed(client, place, client.get(place), label="good")
    assert text_of(page) == "first"
    assert "Leave it empty" in words(page)
    assert page.text.count('data-key="s"') == 1
    page = pressed(client, place, page, do="next")
    assert text_of(page) == "second"
    page = pressed(client, place, pressed(client, place, page, label="bad"), label="so", do="say")
    assert "All 2 texts are coded" in words(page)
    assert [one.values for one in folder.codes()["Anna"].values()] == [
        {"mood": "good"},
        {"mood": "bad", "why": "so"},
    ]


def test_the_last_codes_are_within_reach(client):
    """
    Each of the last ten leads back to its text, where another press takes the code's place.
    """
    folder = coding_set([f"text {n}" for n in range(15)])
    place = begun(client, folder)
    page = client.get(place)
    for _ in range(12):
        page = pressed(client, place, page, label="good", seconds="5")
    links = re.findall(r'<li><a href="([^"]+)"', page.text)
    assert len(links) == 10
    assert "about 15 seconds left" in words(page)
    before = client.get(links[3])
    assert 'value="good" aria-pressed="true"' in before.text
    after = pressed(client, place, before, label="bad")
    assert "12 of 15 done" in words(after)
    assert [one.values["mood"] for one in folder.codes()["Anna"].values()].count("bad") == 1


def test_differences_are_settled_with_one_press(client):
    """
    The text, what each coder says and why, and one press; then the next. A decision can be taken back.
    """
    folder = coding_set(["first", "second", "third"])
    for name, labels in (("Anna", ("good", "good", "bad")), ("Ben", ("bad", "good", "mixed"))):
        place = begun(client, folder, name)
        page = client.get(place)
        for label in labels:
            page = pressed(client, place, page, label=label, note=f"{name} thinks")
        # Each codes in an order of their own.
    place = f"/coding/{folder.plan.id}/differences"
    page = client.get(place)
    total = int(found_in(words(page), r"Difference 1 of (\d)"))
    assert "Anna thinks" in page.text
    assert "Ben thinks" in page.text
    assert "Praise, joy." in page.text
    for _ in range(total):
        answer = client.post(place, data={**form_of(page), "only": "mixed", "by": "Cem", "note": "we spoke"})
        page = client.get(answer.headers["location"])
    assert "is settled" in words(page)
    decisions = folder.decisions()
    assert len(decisions) == total
    assert {(one.value, one.by, one.note, one.saw_model) for one in decisions.values()} == {
        ("mixed", "Cem", "we spoke", False)
    }
    (key, _), *_ = decisions
    page = client.get(place, params={"key": key, "variable": "mood"})
    client.post(place, data={**form_of(page), "do": "undo"})
    assert len(folder.decisions()) == total - 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_pages_in_both_languages(site, language):
    """
    Every page is there in both languages, with a form for every kind.
    """
    folder = coding_set(["第一\n篇"], EVERY_KIND, name="帖子", language=language)
    with visiting(site, language) as client:
        place = begun(client, folder, "李娜")
        for variable in EVERY_KIND:
            page = client.get(place, params={"key": folder.rows()[0].key, "variable": variable["name"]})
            assert page.status_code == 200
            assert text_of(page) == "第一\n篇"
            assert ("撤销" in page.text) == (language == "zh")
        for address in ("/coding", f"/coding/{folder.plan.id}", f"/coding/{folder.plan.id}/differences"):
            assert client.get(address).status_code == 200


def test_addresses_that_lead_nowhere(client):
    """
    Sets, coders and texts that are not there are told with a page, and no name is a path.
    """
    folder = coding_set(["first"])
    place = begun(client, folder)
    assert client.get("/coding/ffffffffffffffff").status_code == 404
    assert client.get(f"/coding/{folder.plan.id}/by/eve").status_code == 404
    assert client.get(f"/coding/{folder.plan.id}/by/..%2F..%2Fset").status_code == 404
    assert client.get(place, params={"key": "row-9-00000000"}).status_code == 404
    assert client.post(f"/coding/{folder.plan.id}/coders", data={"name": " "}).status_code == 400
    assert client.post(place, data={"key": folder.rows()[0].key, "version": "x"}).status_code == 400
    assert folder.history("Anna") == []


def test_a_set_is_put_away_and_taken_out_again(client):
    """
    What was put away leaves the list and stays as it was.
    """
    folder = coding_set(["first"])
    place = f"/coding/{folder.plan.id}"
    client.post(place, data={"do": "archive"})
    listed = client.get("/coding").text
    assert "1 set was put away" in listed
    assert client.get(place).status_code == 200
    client.post(place, data={"do": "restore"})
    assert "put away" not in client.get("/coding").text
    assert len(folder.rows()) == 1


def table_of(client):
    """A table with its question, and where it is."""
    content = "id,post,party\n" + "".join(
        f"{n},post {n},{'left' if n % 3 else 'right'}\n" for n in range(1, 61)
    )
    answer = client.post("/tables", params={"name": "posts.csv"}, content=content.encode())
    place = answer.json()["url"].removesuffix("/label")
    return place, place.rsplit("/", 1)[1]


QUESTION = {**GOOD_OR_BAD, "do": "review"}


def test_no_more_texts_are_asked_for_than_there_are(site, client):
    """
    The number that a new set begins with can be drawn, also where some rows have no text.
    """
    content = b"id,post\n" + b"".join(b"%d,%s\n" % (n, b"a text" if n % 3 else b"") for n in range(1, 31))
    answer = client.post("/tables", params={"name": "posts.csv"}, content=content)
    place = answer.json()["url"].removesuffix("/label")
    client.post(f"{place}/label", data=QUESTION)
    form = client.get("/coding/new", params={"of": f"table-{place.rsplit('/', 1)[1]}"}).text
    assert re.search(r'id="count" name="count" value="20"', form)
    made = client.post(
        "/coding/new",
        data={
            "of": f"table-{place.rsplit('/', 1)[1]}",
            "count": "20",
            "name": "a",
            "text": "post",
            "seed": "1",
        },
    )
    assert made.status_code == 303, made.text


def test_a_set_is_made_of_a_table(site, client):
    """
    The table's page leads to it; without a question that is asked for first; then rows are drawn, and more
    later; what cannot be drawn is told with all that was said still there.
    """
    place, table = table_of(client)
    assert f"/coding/new?of=table-{table}" in client.get(place).text
    new = client.get("/coding/new", params={"of": f"table-{table}"})
    assert "First write what is asked" in words(new)
    client.post(f"{place}/label", data=QUESTION)
    new = client.get("/coding/new", params={"of": f"table-{table}"})
    assert "Drawn by chance" in words(new)
    form = {
        "of": f"table-{table}", "name": "my sample", "count": "700", "text": "post", "context": "party",
        "test": "0.5", "overlap": "1", "seed": "7", "coders": "Anna\r\nBen", "stratify": "", "at_least": "0",
    }  # fmt: skip
    wrong = client.post("/coding/new", data=form)
    assert wrong.status_code == 400
    assert 'value="my sample"' in wrong.text
    assert site.program.coding.all() == []
    made = client.post("/coding/new", data={**form, "count": "20"}).headers["location"]
    page = client.get(made)
    assert "20 texts" in words(page)
    assert "posts.csv" in words(page)
    assert "Continue as Ben" in words(page)
    told = client.post(made, data={"do": "draw", "count": "10"}).headers["location"]
    # Who loads the page again draws no more.
    assert all("10 texts were drawn" in words(client.get(told)) for _ in range(2))
    assert client.post(made, data={"do": "draw", "count": "many"}).status_code == 400
    (coding,) = site.program.coding.all()
    assert len(coding.rows()) == 30
    assert set(coding.rows()[0].context) == {"party"}
    assert sorted(coding.folder.coders().values()) == ["Anna", "Ben"]
    page = client.get(f"{made}/by/Anna")
    assert "How is it?" in page.text
    assert "0 of 30 done" in words(page)


def test_sheets_go_out_and_come_back(client, tmp_path):
    """
    What is left of a coder goes out as a sheet or for another program; what comes back counts, once, and what
    is no code is refused with nothing taken.
    """
    folder = coding_set(["first", "second", "third"])
    begun(client, folder)
    place = f"/coding/{folder.plan.id}"
    for to in ("xlsx", "label-studio", "doccano"):
        answer = client.get(f"{place}/sheet", params={"to": to, "coder": "Anna"})
        assert answer.status_code == 200
        assert answer.content[:2] == b"PK"
    assert client.get(f"{place}/sheet", params={"to": "exe"}).status_code == 404
    sheet = client.get(f"{place}/sheet", params={"to": "csv", "coder": "Anna"}).content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(sheet, newline="")))
    assert {row["post"] for row in rows} == {"first", "second", "third"}
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, rows[0])
    writer.writeheader()
    writer.writerows({**row, "mood": "good"} for row in rows[:2])
    sent = {"files": {"file": ("anna.csv", out.getvalue().encode())}, "data": {"coder": "Anna"}}
    assert "Anna: 2 new, 0 changed, 0 as before." in words(client.post(f"{place}/take", **sent))
    assert "was taken before" in words(client.post(f"{place}/take", **sent))
    wrong = {"file": ("ben.csv", out.getvalue().replace("good", "great").encode())}
    assert client.post(f"{place}/take", files=wrong, data={"coder": "Ben"}).status_code == 400
    assert [*folder.codes()] == ["Anna"]
    assert "1 of 3" not in client.get(place).text
    assert "2 of 3" in client.get(place).text
    table = client.get(f"{place}/sheet", params={"to": "csv", "what": "codes"}).text
    assert table.count("good") >= 2


def test_what_a_model_said_is_hidden_or_noted(tmp_path, monkeypatch):
    """
    Nobody sees a model's answer until that is switched on; then each code says whether its coder saw it, and
    a share of the texts stays blind for everybody.
    """
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with scripted_local_model(tmp_path / "server"), served_pages() as site, visiting(site) as client:
        place, _ = table_of(client)
        client.post(f"{place}/label", data=QUESTION)
        page = client.get(f"{place}/start")
        while "checking" in page.text and "Start" not in page.text:
            page = client.get(f"{place}/start")
        job = client.post(f"{place}/start").headers["location"].rsplit("/", 1)[1]
        site.program.jobs._tasks[job].wait(30)
        assert f"/coding/new?of=job-{job}" in client.get(f"/jobs/{job}").text
        form = {
            "of": f"job-{job}",
            "name": "x",
            "count": "24",
            "text": "post",
            "seed": "1",
            "overlap": "1",
            "test": "0",
        }
        made = client.post("/coding/new", data=form).headers["location"]
        (coding,) = site.program.coding.all()
        screen = begun(client, coding.folder)
        page = client.get(screen)
        assert "A model said" not in page.text
        page = pressed(client, screen, page, label="good")
        client.post(made, data={"do": "model", "job": job, "blind": "0.5"})
        page, seen = client.get(screen), []
        while 'id="text"' in page.text:
            seen.append("A model said" in page.text)
            page = pressed(client, screen, page, label="good")
        assert 4 < sum(seen) < 19
        codes = coding.history("Anna")
        assert [one.saw_model for one in codes] == [False, *seen]
        # Who codes the same row again has seen it.
        client.post(made, data={"do": "model", "job": ""})
        again = client.get(screen, params={"key": next(one.key for one in codes if one.saw_model)})
        assert "A model said" not in again.text
        pressed(client, screen, again, label="bad")
        assert coding.history("Anna")[-1].saw_model
