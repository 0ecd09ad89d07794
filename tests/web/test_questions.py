"""Several questions of every kind: by keyboard in a browser, and by the forms alone."""

import csv
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from playwright.sync_api import expect

from browsing import begin, downloaded, hand_over, opened, review, run_axe
from rowbatch import desk
from serving import scripted_local_model
from serving_pages import served_pages, visiting

TEXTS = [f"{'Anna' if n % 2 else 'Carl'} wants rents down by {n} percent." for n in range(1, 13)]
LABELS = [{"name": name} for name in ("housing", "health", "other")]
CODEBOOK = {
    "variables": [
        {"name": "topic", "labels": LABELS, "cant_say": True, "reason": True, "evidence": True},
        {"name": "tags", "kind": "labels", "labels": LABELS, "none": True},
        {"name": "protest", "kind": "yes-no"},
        {"name": "tone", "kind": "scale", "labels": [{"name": one} for one in ("low", "middle", "high")]},
        {"name": "day", "kind": "date", "cant_say": True},
        {"name": "share", "kind": "number", "only_if": {"topic": ["housing"]}},
        {"name": "words", "kind": "quote", "most": 2},
        {"name": "gist", "kind": "text"},
    ]
}


def answer(body):
    """Of each kind that the schema asks for."""
    text = str(body["messages"][-1]["content"])
    number, is_anna = int(text.split()[-2]), text.startswith("Anna")
    named = {
        "topic": "housing" if is_anna else "other",
        "main_topic": "housing" if is_anna else "other",
        "topic_reason": "Rents are named",
        "topic_evidence": "rents down",
        "tags": ["housing", "health"] if is_anna else [],
        "protest": number > 6,
        "tone": "high" if is_anna else "low",
        "strongly_feel": "high" if is_anna else "low",
        "day": f"{2020 + number % 2}-05-{number:02}" if number < 9 else None,
        "share": number if is_anna else None,
        "words": ["rents down", text.split(maxsplit=1)[0]],
        "words_name_blame": text.split(maxsplit=1)[0] if is_anna else None,
        "gist": text,
    }
    asked = body["response_format"]["json_schema"]["schema"]["properties"]
    return json.dumps({name: named[name] for name in asked})


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [["id", "post", "truth"], *([n, one, ""] for n, one in enumerate(TEXTS, 1))]
        )
    return tmp_path


def test_three_questions_by_keyboard(chromium, home):
    """
    Written without a mouse and without a manual: labels by Enter, a scale, a quote that is asked only of some
    rows; tried, labelled, read with the quote marked in its text, corrected, downloaded.
    """
    with (
        scripted_local_model(home / "server", answer),
        served_pages() as site,
        opened(chromium, site.link) as page,
    ):
        hand_over(page, home / "posts.csv")
        expect(page.locator("fieldset.asked")).to_have_count(0)

        def focused(field):
            page.wait_for_function("id => document.activeElement.id === id", arg=field)

        def write_labels(prefix, names):
            page.locator(f"[id='{prefix}labels.0']").focus()
            for number, name in enumerate(names):
                focused(f"{prefix}labels.{number}")
                page.keyboard.type(name)
                if number + 1 < len(names):
                    page.keyboard.press("Enter")

        page.locator("#question").focus()
        page.keyboard.type("What is the main topic?")
        write_labels("", ("housing", "health", "other"))
        page.locator("button[value='question.add']").press("Enter")
        focused("q1.question")
        page.keyboard.type("How strongly do they feel?")
        page.locator("[id='q1.kind']").select_option("scale")
        expect(page.locator("main")).to_contain_text("Steps, in their order")
        write_labels("q1.", ("low", "high"))
        page.locator("button[value='question.add']").press("Enter")
        focused("q2.question")
        page.keyboard.type("Which words name who is to blame?")
        page.locator("[id='q2.kind']").select_option("quote")
        expect(page.locator("main")).to_contain_text("How many quotes at most")
        third = page.locator("fieldset.asked").nth(2)
        third.locator("summary").first.press("Enter")
        third.locator("[id='q2.only_if.0']").select_option("0")
        box = third.get_by_label("housing", exact=True)
        box.press("Space")
        expect(box).to_be_checked()
        side = page.locator("#side")
        expect(side).to_contain_text("Answer words_name_blame only if main_topic is housing")
        run_axe(page, "three questions")
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.set_viewport_size({"width": 1280, "height": 800})

        # What was written is there in another tab, in its order.
        again = page.context.new_page()
        again.goto(page.url)
        expect(again.locator("[id='q1.question']")).to_have_value("How strongly do they feel?")
        expect(again.locator("fieldset.asked").nth(2).get_by_label("housing", exact=True)).to_be_checked()
        again.close()

        page.keyboard.press("Control+Enter")
        expect(page.locator("#trial tbody tr:not(.teach)")).to_have_count(10, timeout=30_000)
        expect(page.locator("#trial thead")).to_contain_text("words_name_blame")
        expect(page.locator("#trial thead")).not_to_contain_text("words_name_blame_start")
        review(page)
        with page.expect_download() as found:
            page.locator("a[href$='/codebook']").click()
        found.value.save_as(home / "codebook.yaml")
        assert "only_if" in (home / "codebook.yaml").read_text(encoding="utf-8")
        begin(page)
        page.locator("a.primary[href$='format=csv']").wait_for(timeout=60_000)
        expect(page.locator("#results")).to_contain_text("does not apply: 6 rows")
        page.get_by_role("link", name="Read and correct rows").click()
        page.locator("tbody a").first.click()
        expect(page.locator(".read mark")).to_have_text("Anna")
        run_axe(page, "a row with a quote")
        quote = page.get_by_label("words_name_blame Which words name who is to blame?", exact=True)
        quote.fill("the landlords")
        page.may = re.compile("400")
        quote.locator("xpath=..").get_by_role("button", name="Save my label").press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("does not stand in the text")
        quote.fill("anna WANTS")
        quote.locator("xpath=..").get_by_role("button", name="Save my label").press("Enter")
        expect(page.locator(".read mark")).to_have_text("Anna wants")
        here = page.url
        page.locator("form.judge").get_by_role("button", name="health").press("Enter")
        # The label is saved at once, and the next row comes.
        page.wait_for_url(lambda url: url.partition("?")[0] != here.partition("?")[0])
        page.goto(here)
        expect(page.locator("main")).to_contain_text("Not asked of this row: words_name_blame")
        expect(page.locator(".read mark")).to_have_count(0)
        page.goto(re.sub("/rows/.*", "", page.url))
        back = downloaded(page, home / "back.csv")
        assert [row["main_topic"] for row in back][:3] == ["health", "other", "housing"]
        assert [row["words_name_blame"] for row in back][:3] == ["", "", "Anna"]
        assert [row["strongly_feel"] for row in back][:2] == ["high", "low"]


@pytest.fixture
def site(home):
    with scripted_local_model(home / "server", answer), served_pages() as found:
        yield found


@pytest.fixture
def client(site):
    with visiting(site) as found:
        yield found


@pytest.fixture
def place(site, home):
    table = site.program.library.add(home / "posts.csv")
    assert table.read().wait(10)
    return table


def form_of(prefix="", **fields):
    return {f"{prefix}{name}": value for name, value in fields.items()}


FIRST = {"text": "post", "kind": "label", "question": "Topic?", "labels.0.name": "a", "labels.1.name": "b"}


def questions(place):
    return desk.read_draft(place.draft()["draft"]).questions


def test_questions_by_the_forms_alone(client, place):
    """
    Added, moved, removed and changed by buttons that need no script; each leads back to the field that it was
    about, and what the form does not show stays.
    """
    address = f"/tables/{place.id}/label"

    def press(do, **fields):
        answer = client.post(address, data={**FIRST, **fields, "do": do})
        assert answer.status_code == 303
        return answer.headers["location"].partition("#")[2]

    assert press("question.add") == "q1.question"
    second = form_of("q1.", kind="yes-no", question="Is it so?", rules="label")
    assert press("save", **second) == ""
    assert [one.kind for one in questions(place)] == ["label", "yes-no"]
    assert (
        press("q1.example.add", **{**second, "q1.rules": "yes-no", "q1.rules.yes": "It is"})
        == "q1.examples.0"
    )
    assert questions(place)[1].rules == {"yes": "It is"}
    assert press("q1.example.row", **second, row="2", **{"q1.examples": "1", "q1.examples.0.text": "x"})
    assert [one.text for one in questions(place)[1].examples] == ["x", TEXTS[1]]
    kept = {"q1.examples": "1", "q1.examples.0.text": "x", "q1.examples.0.answer": "yes"}
    assert press("q1.example.remove.1", **second, **kept) == "q1.examples.0"
    assert press("add", **second) == "labels.2"
    condition = {"q1.only_if": "1", "q1.only_if.0.question": "0", "q1.only_if.0.values": ["a", "b"]}
    assert press("save", **second, **condition) == ""
    assert questions(place)[1].only_if == (desk.DraftCondition(0, ("a", "b")),)
    page = client.get(address).text
    assert 'name="q1.only_if.0.values" value="b" checked' in page
    assert press("question.up.1", **second, **condition) == "question"
    assert [one.question for one in questions(place)] == ["Is it so?", "Topic?"]
    assert questions(place)[0].only_if[0].question == 1
    assert press("question.remove.0") == "question"
    assert len(questions(place)) == 1
    for strange in ("question.remove.7", "q9.add", "q1.example.up.3", "question.up", "remove.12"):
        press(strange)
    assert len(questions(place)) == 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_codebook_of_every_kind_by_the_forms_alone(client, site, place, language):
    """
    Brought as a file it is opened in the form; sent as the form shows it, it asks the same; every page of its
    answers opens in both languages, finds rows, and takes corrections of every kind.
    """
    address = f"/tables/{place.id}"
    file = ("book.yaml", f"variables: {json.dumps(CODEBOOK['variables'])}\n".encode())
    taken = client.post(f"{address}/import", files={"codebook_file": file})
    assert taken.status_code == 303, taken.text
    known = questions(place)
    headers = {"accept-language": language}
    page = client.get(f"{address}/label", headers=headers).text
    assert page.count('<fieldset class="asked">') == 8
    assert client.post(f"{address}/label", data={**fields_of(page), "do": "save"}).status_code == 303
    assert questions(place) == known
    answer = client.post(f"{address}/label", data={**fields_of(page), "do": "review"})
    assert answer.headers["location"] == f"{address}/start", answer.text
    (task,) = site.program.jobs._tasks.values()
    assert task.wait(30)
    client.get(f"{address}/start")
    job = client.post(f"{address}/start", data={}).headers["location"]
    (found,) = site.program.jobs.all()
    assert found.task is None or found.task.wait(60)
    results = client.get(job, headers=headers).text
    assert site.program.results(found).prepare(30)
    results = client.get(job, headers=headers).text
    for told in ("housing", "none of these", ">2020<", ">high<"):
        assert told in results, told
    for wanted, rows in (
        ("variable=tags&label=health", 6),
        ("variable=tone&least=middle", 6),
        ("variable=day&least=2020-01-01&most=2020-12-31", 4),
        ("variable=share&not_asked=1", 6),
        ("variable=day&label=can%27t+say", 4),
    ):
        assert client.get(f"{job}/rows?{wanted}", headers=headers).text.count("<tr aria-rowindex") == rows
    row = client.get(f"{job}/rows/1", headers=headers).text
    assert "<mark" in row
    assert "Rents are named" in row

    def correct(number, variable, *said):
        data = {"variable": variable, "label": list(said), "do": "correct"}
        return client.post(f"{job}/rows/{number}", data=data, headers=headers).status_code

    for variable, said in (
        ("topic", ["health"]),
        ("tags", ["other", "health"]),
        ("protest", ["yes"]),
        ("tone", ["middle"]),
        ("day", ["2 May 2020"]),
        ("words", ["rents\r\nAnna"]),
        ("gist", ["Rents."]),
        ("topic_reason", ["Because."]),
        ("topic_evidence", ["wants"]),
    ):
        assert correct(1, variable, *said) == 303, variable
    told = found.run.corrections()[1]
    assert {**told} | {
        **{"tags": "health; other", "day": "2020-05-02", "words": '["rents", "Anna"]', "share": ""},
        **{"words_start": "11;0", "topic_evidence_start": "5"},
    } == told
    for variable, said in (
        ("tags", ["none of these", "other"]),
        ("share", ["3"]),
        ("day", ["soon"]),
        ("words", ["landlords"]),
        ("words_start", ["1"]),
        ("nonsense", ["1"]),
        ("tags", []),
    ):
        assert correct(1, variable, *said) == 400, variable
    assert found.run.corrections()[1] == told
    assert client.get(f"{job}/rows/1", headers=headers).status_code == 200


def fields_of(page):
    """What a browser would send of the form of a label page."""
    found: dict[Any, list[str]] = {}

    class Reader(HTMLParser):
        area: str | None = None
        choice: str | None = None
        is_ours = False

        def handle_starttag(self, tag, attrs):
            given = dict(attrs)
            if tag == "form":
                self.is_ours = given.get("id") == "form"
            name = given.get("name")
            if not self.is_ours and given.get("form") != "form":
                return
            if tag == "input" and name and (given.get("type") != "checkbox" or "checked" in given):
                found.setdefault(name, []).append(given.get("value") or "")
                if given.get("type") == "checkbox" and "value" not in given:
                    found[name][-1] = "on"
            elif tag == "textarea":
                self.area = name
                found.setdefault(name, []).append("")
            elif tag == "select":
                self.choice = name
            elif tag == "option" and self.choice and "selected" in given:
                found.setdefault(self.choice, []).append(given.get("value") or "")

        def handle_data(self, data):
            if self.area:
                found[self.area][-1] += data

        def handle_endtag(self, tag):
            if tag == "textarea":
                self.area = None
            elif tag == "select":
                self.choice = None
            elif tag == "form":
                self.is_ours = False

    Reader().feed(page)
    # The column with the texts has no value of its own beside its name.
    found["text"] = ["post"]
    return {name: said if len(said) > 1 else said[0] for name, said in found.items()}


def test_a_tried_row_becomes_an_example_of_any_kind(client, place, site):
    """
    With its right answer, at the label or beside the others; what is no answer is told and not taken.
    """
    address = f"/tables/{place.id}"
    file = ("book.yaml", f"variables: {json.dumps(CODEBOOK['variables'])}\n".encode())
    client.post(f"{address}/import", files={"codebook_file": file})
    for place_of, said, status in (
        ("0", ["housing"], 303),
        ("1", ["housing", "other"], 303),
        ("6", ["rents\r\nCarl"], 303),
        ("4", ["soon"], 422),
        ("99", ["x"], 303),
    ):
        data = {"row": "2", "question": place_of, "label": said}
        assert client.post(f"{address}/example", data=data).status_code == status
    made = questions(place)
    assert made[0].labels[0].examples == (TEXTS[1],)
    assert made[1].examples == (desk.DraftExample(TEXTS[1], "housing; other"),)
    assert made[6].examples == (desk.DraftExample(TEXTS[1], "rents\nCarl"),)
    draft = desk.read_draft(place.draft()["draft"])
    assert draft.example_rows == (2, 2, 2)
    assert desk.faults(draft, ["id", "post"]) == []
