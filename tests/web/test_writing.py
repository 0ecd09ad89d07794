"""Nothing that a person writes in the form of questions is lost: in a browser, by hand, under load."""

import csv
import random
import re
import threading
import time

import pytest
from playwright.sync_api import expect

from browsing import hand_over, opened, run_axe
from cases import cases
from rowbatch import desk
from rowbatch.web.pages import label
from serving import scripted_local_model
from serving_pages import served_pages

ACTIONS = cases(60, 500)
LATE_S = 0.6


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "post"], *([n, f"post {n}"] for n in range(1, 31))])
    return tmp_path


@pytest.fixture
def loaded(monkeypatch):
    """Each thing that a page says is worked on after a time of its own, so that some overtake others."""
    chance, never = random.Random(7), threading.Event()

    def late(function):
        def worked_on(*args):
            never.wait(chance.random() * LATE_S)
            return function(*args)

        return worked_on

    for name in ("draft_of_form", "save"):
        monkeypatch.setattr(label, name, late(getattr(label, name)))


class Person:
    """
    Writes as a person does, and remembers what was written.

    Attributes:
        rows: Name and definition of each label.
        question, reason: As they were written and ticked last.
        done: What was done, in order.
    """

    def __init__(self, page, seed):
        self.page, self.chance = page, random.Random(seed)
        self.rows, self.question, self.reason, self.count = [["", ""], ["", ""]], "", False, 0
        self.done = []

    def word(self):
        self.count += 1
        return f"{self.chance.choice(['rent', '健康', 'wörter', 'a & b'])} {self.count}"

    def type_name(self):
        at = self.chance.randrange(len(self.rows))
        self.rows[at][0] = word = self.word()
        field = self.page.locator(f"[id='labels.{at}']")
        field.press("Control+a")
        field.press_sequentially(word)

    def type_definition(self):
        at = self.chance.randrange(len(self.rows))
        self.rows[at][1] = word = self.word()
        self.page.locator(f"textarea[name='labels.{at}.definition']").fill(word)

    def type_question(self):
        self.question += (word := f"{self.word()} ")
        self.page.locator("#question").press("Control+End")
        self.page.locator("#question").press_sequentially(word)

    def add(self):
        self.rows.append(["", ""])
        self.page.locator("button[name=do][value=add]").click()

    def add_by_enter(self):
        """Enter in the last name makes a label, and what is typed at once goes into it."""
        word = self.word()
        self.page.locator(f"[id='labels.{len(self.rows) - 1}']").press("Enter")
        self.page.keyboard.type(word)
        self.rows.append([word, ""])

    def remove(self):
        if len(self.rows) > 1:
            at = self.chance.randrange(len(self.rows))
            del self.rows[at]
            self.page.locator(f"button[value='remove.{at}']").click()

    def move(self):
        if len(self.rows) > 1:
            at = self.chance.randrange(1, len(self.rows))
            self.rows[at - 1], self.rows[at] = self.rows[at], self.rows[at - 1]
            way = self.chance.choice([f"up.{at}", f"down.{at - 1}"])
            self.page.locator(f"button[value='{way}']").click()

    def tick(self):
        self.reason = not self.reason
        self.page.locator("input[name=reason]").click()

    def turn_row(self):
        self.page.get_by_label("Next row").click()

    def change_kind(self):
        """A kind that has labels too; what is written while the answer is on its way stays."""
        kind = self.chance.choice(["label", "labels", "scale"])
        self.page.locator("#kind").select_option(kind)
        self.type_definition()

    def reload(self):
        self.page.reload()

    def go_away(self):
        address = self.page.url
        self.page.goto(address.rpartition("/")[0])
        self.page.goto(address)

    def look(self):
        """All that was written stands in the form."""
        form = self.page.locator("#form:not([inert])")
        expect(form.locator("input[id^='labels.']")).to_have_count(len(self.rows), timeout=30_000)
        for at, (name, definition) in enumerate(self.rows):
            expect(form.locator(f"[id='labels.{at}']")).to_have_value(name)
            expect(form.locator(f"[name='labels.{at}.definition']")).to_have_value(definition)
        expect(form.locator("#question")).to_have_value(self.question)
        expect(form.locator("input[name=reason]")).to_be_checked(checked=self.reason)


def test_nothing_that_is_written_is_lost(chromium, home, loaded):
    """
    Typed, added, removed, moved, ticked, reloaded in the middle, left and come back to, with answers that
    take their time and overtake each other: what was done last stands in the form, and in the end in the
    program.
    """
    with served_pages() as site, opened(chromium, site.link) as page:
        hand_over(page, home / "posts.csv")
        person = Person(page, seed=20)
        usual = [
            *(person.type_name, person.type_definition, person.type_question, person.add),
            *(person.add_by_enter, person.remove, person.remove, person.move, person.tick),
            *(person.turn_row, person.change_kind, person.reload, person.go_away),
        ]
        for _ in range(ACTIONS):
            person.done.append((action := person.chance.choice(usual)).__name__)
            action()
            try:
                person.look()
            except AssertionError as error:
                error.add_note(f"after {len(person.done)}: {person.done[-12:]}, {person.rows}")
                raise
        (table,) = site.program.library.tables()
        expected = (person.question.strip(), [tuple(row) for row in person.rows])
        deadline = time.monotonic() + 60

        def kept():
            question = desk.read_draft(table.draft()["draft"]).questions[0]
            return question.question.strip(), [(one.name, one.definition) for one in question.labels]

        while kept() != expected and time.monotonic() < deadline:
            page.wait_for_load_state("networkidle")
        assert kept() == expected


def test_two_tabs_on_one_table_know_of_each_other(chromium, home):
    """
    The older tab is told as soon as another one has written; what is written last holds, and what it replaced
    is brought back by a press.
    """
    with served_pages() as site, opened(chromium, site.link) as page:
        hand_over(page, home / "posts.csv")
        page.fill("#question", "The first tab?")
        page.fill("[id='labels.0']", "one")
        page.fill("[id='labels.1']", "other")
        expect(page.locator("#side")).to_contain_text("The first tab?")
        other = page.context.new_page()
        other.goto(page.url)
        expect(other.locator("#question")).to_have_value("The first tab?")
        other.fill("#question", "The second tab?")
        expect(other.locator("#side")).to_contain_text("The second tab?")
        told = page.locator("#tabs [role=alert]")
        expect(told).to_contain_text("in another tab or window", timeout=15_000)
        expect(other.locator("#tabs [role=alert]")).to_have_count(0)
        run_axe(page, "overtaken")
        (table,) = site.program.library.tables()

        def asked():
            return desk.read_draft(table.draft()["draft"]).questions[0].question

        # Who only looks through the rows changes nothing.
        page.get_by_label("Next row").click()
        expect(page.locator("#side")).to_contain_text("post 2")
        assert asked() == "The second tab?"
        page.fill("#question", "The first again?")
        expect(page.locator("#side")).to_contain_text("The first again?")
        expect(page.locator("#tabs")).to_contain_text("The second tab?")
        assert asked() == "The first again?"
        expect(other.locator("#tabs [role=alert]")).to_be_visible(timeout=15_000)
        page.get_by_role("button", name="Bring it back").click()
        expect(page.locator("#question")).to_have_value("The second tab?")
        expect(page.locator("#tabs")).to_contain_text("The first again?")
        run_axe(page, "replaced")
        page.get_by_role("button", name="Leave it").click()
        expect(page.locator("#tabs form")).to_have_count(0)
        other.get_by_role("link", name="Show what is there now").click()
        expect(other.locator("#question")).to_have_value("The second tab?")
        expect(other.locator("#tabs [role=alert]")).to_have_count(0)
        assert asked() == "The second tab?"


def test_a_ready_task_is_a_press_away(chromium, home):
    """
    With its labels and definitions in the form, in the language of the pages; what was written before comes
    back by a press; a stance is not asked before its target is written.
    """
    with served_pages() as site, opened(chromium, site.link) as page:
        hand_over(page, home / "posts.csv")
        run_axe(page, "ready tasks")
        page.fill("#question", "My own?")
        page.get_by_role("button", name="Stance", exact=True).click()
        page.wait_for_url("**/label#question")
        expect(page.locator("#question")).to_have_value("Where does the author stand on [TARGET]?")
        expect(page.locator("#question")).to_be_focused()
        expect(page.locator("[id='labels.0']")).to_have_value("in favour")
        # What it is called stays when something else is asked.
        expect(page.locator("#question-fields")).to_contain_text("a column called “stance”")
        expect(page.locator("main")).to_contain_text("Write in the place of [TARGET]")
        expect(page.locator("#tabs")).to_contain_text("My own?")
        page.may = re.compile("422")
        page.locator("#dock button").click()
        expect(page.locator("#fault-question")).to_contain_text("[TARGET]")
        page.fill("#question", "Where does the author stand on a sugar tax?")
        page.locator("#dock button").click()
        page.wait_for_url("**/start")
        page.goto(page.url.replace("/start", "/label"))
        page.get_by_role("button", name="中文").click()
        page.get_by_role("button", name="情感倾向").click()
        page.wait_for_url("**/label#question")
        expect(page.locator("[id='labels.0']")).to_have_value("正面")
        expect(page.locator("#language")).to_have_value("zh")


def test_the_back_button_brings_what_the_program_has(chromium, home):
    """
    A browser that goes back fills no field with what it remembers: each says what will be asked.
    """
    with served_pages() as site, opened(chromium, site.link) as page:
        hand_over(page, home / "posts.csv")
        address = page.url
        page.get_by_role("button", name="Sentiment", exact=True).click()
        page.wait_for_url("**/label#question")
        page.select_option("#kind", "yes-no")
        expect(page.locator("textarea[name='rules.yes']")).to_be_visible()
        page.go_back()
        page.wait_for_url(address)
        expect(page.locator("textarea[name='rules.yes']")).to_be_visible()
        expect(page.locator("#kind")).to_have_value("yes-no")


def test_a_wrong_answer_is_not_taught_by_one_press(chromium, home):
    """
    A row that is judged to be wrong opens what it could teach, and asks for the right label: what the model
    said is not offered as it. One that is right after all is offered as it is.
    """
    with (
        scripted_local_model(home / "server"),
        served_pages() as site,
        opened(chromium, site.link) as page,
    ):
        hand_over(page, home / "posts.csv")
        page.fill("#question", "How is it?")
        page.fill("[id='labels.0']", "good")
        page.fill("[id='labels.1']", "bad")
        page.locator("#trial").get_by_role("button", name="Try on 10 rows").click()
        expect(page.locator("#trial .verdict")).to_have_count(10)
        expect(page.locator("#trial .teach details[open]")).to_have_count(0)
        page.locator("#trial .verdict button[value=no]").first.click()
        taught = page.locator("#trial .teach details").first
        choice = taught.locator("select")
        expect(choice).to_be_visible()
        expect(choice).to_have_value("")
        taught.get_by_role("button", name="Add as an example").click()
        # The browser itself asks for a choice.
        assert choice.evaluate("field => field.matches(':invalid')")
        expect(page.locator("textarea[name$=examples]").filter(has_text="post")).to_have_count(0)
        run_axe(page, "a wrong row")
        page.locator("#trial .verdict button[value=yes]").first.click()
        expect(page.locator("#trial .teach details[open]")).to_have_count(0)
        taught.locator("summary").click()
        expect(choice).not_to_have_value("")
