"""The web app in a real browser, under its strict security policy, in both languages and both schemes."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Error, expect

import rowbatch
from browsing import begin, downloaded, hand_over, opened, review, run_axe
from cases import cases
from coded_sets import draw, say, set_of
from driving import KEY
from kill_runs import fake_server, judged
from rowbatch import api, desk
from rowbatch.server.local_model import check_local_model
from rowbatch.web.pages import jobs
from serving import scripted_local_model
from serving_pages import served_pages

QUESTION = "How is the mood?"
AGES = {"variables": [{"name": "age", "kind": "number", "question": "How old?", "min": 0, "whole": True}]}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path, rows, header=("id", "post", "truth"), encoding="utf-8"):
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file).writerows([header, *rows])
    return path


def ask(page, question=QUESTION, labels=("good", "bad")):
    page.fill("#question", question)
    for number, label in enumerate(labels):
        if number > 1:
            page.locator("button[value=add]").click()
            expect(page.locator(f"input[name='labels.{number}.name']")).to_be_visible()
        page.fill(f"input[name='labels.{number}.name']", label)


def test_five_actions_with_the_local_model(chromium, home):
    """
    Drop a file, write question and labels, review, start, download: with the real model that comes along,
    every row and every cell is back, with a label.
    """
    check_local_model()
    rows = [
        ["007", 'so good, "thank you"\nsee you', "good"],
        ["2", "", ""],
        ["3", "terrible service 差", "bad"],
    ]
    write(home / "posts.csv", rows)
    try:
        with served_pages() as site, opened(chromium, site.link) as page:
            hand_over(page, home / "posts.csv")
            ask(page)
            review(page)
            assert "Nobody" in page.locator("main").inner_text()
            begin(page)
            page.locator("a.primary[href$='format=csv']").wait_for(timeout=120_000)
            back = downloaded(page, home / "back.csv")
            assert [[row["id"], row["post"], row["truth"]] for row in back] == rows
            assert [row["status"] for row in back] == ["ok", "skipped", "ok"]
            assert {row["label"] for row in back} <= {"good", "bad", ""}
            run_axe(page, "results")
    finally:
        stop_local_server(home)


def test_no_press_on_the_preview_is_lost(chromium, home):
    """
    However fast somebody types and presses: the row that is shown is the one that was asked for last.
    """
    write(home / "posts.csv", [[n, f"post {n}", ""] for n in range(1, 31)])
    with scripted_local_model(home / "server"), served_pages() as site, opened(chromium, site.link) as page:
        hand_over(page, home / "posts.csv")
        ask(page)
        side = page.locator("#side")
        expect(side).to_contain_text("post 1")
        for letter in "Is it so?":
            page.locator("#question").press_sequentially(letter)
            page.get_by_label("Next row").click()
        expect(side).to_contain_text("post 10")
        expect(side).to_contain_text("Is it so?")
        for _ in range(12):
            page.get_by_label("Previous row").click()
        expect(page.locator("#row")).to_have_value("1")
        expect(side.get_by_label("Text of row 1", exact=True)).to_contain_text("post 1")
        # What was asked before is answered by now, and changes nothing.
        page.wait_for_load_state("networkidle")
        expect(side.get_by_label("Text of row 1", exact=True)).to_contain_text("post 1")
        page.get_by_text("Random row").click()
        expect(side.get_by_label("Text of row", exact=False)).to_have_count(1)


def stop_local_server(home):
    state = home / "home" / "server" / "server.json"
    if state.exists():
        os.kill(json.loads(state.read_text())["pid"], signal.SIGTERM)


def test_the_preview_follows_the_writing(chromium, home):
    """
    What the model sees changes with every word, row by row; labels are added, moved and removed; ten rows are
    tried, and one of them becomes an example.
    """
    write(home / "posts.csv", [[n, f"post {n}", ""] for n in range(1, 31)])
    with scripted_local_model(home / "server"), served_pages() as site, opened(chromium, site.link) as page:
        hand_over(page, home / "posts.csv")
        ask(page, labels=("good", "bad", "mixed"))
        side = page.locator("#side")
        expect(side).to_contain_text(QUESTION)
        expect(side).to_contain_text("- mixed")
        expect(side).to_contain_text("post 1")
        page.get_by_label("Next row").click()
        expect(side).to_contain_text("post 2")
        page.get_by_label("Move label 3 up").click()
        expect(page.locator("input[name='labels.1.name']")).to_have_value("mixed")
        page.get_by_label("Remove label 2").click()
        expect(page.locator("input[name='labels.1.name']")).to_have_value("bad")
        expect(page.locator("#question")).to_have_value(QUESTION)
        # In the name of the last label Enter alone makes a further one.
        page.focus("input[name='labels.1.name']")
        page.keyboard.press("Control+Enter")
        expect(page.locator("#trial .verdict")).to_have_count(10, timeout=30_000)
        expect(page.locator("input[name='labels.2.name']")).to_have_count(0)
        expect(page.locator("#trial")).not_to_contain_text("earlier version")
        # Each press is for the next row, and is counted.
        page.evaluate("document.activeElement.blur()")
        for number, key in enumerate("yny", start=1):
            page.keyboard.press(key)
            expect(page.locator("#trial")).to_contain_text(f"{10 - number} to be judged")
        expect(page.locator("#trial")).to_contain_text("2 right")
        expect(page.locator("#trial")).to_contain_text("1 wrong")
        run_axe(page, "tried rows")
        # A press by mouse keeps its focus.
        page.locator("#trial .verdict button").nth(7).click()
        expect(page.locator("#trial")).to_contain_text("2 wrong")
        expect(page.locator("#trial .verdict button").nth(7)).to_be_focused()
        before = page.locator("#trial .num").all_inner_texts()
        page.keyboard.press("Control+Enter")
        expect(page.locator("#trial")).to_contain_text("10 to be judged")
        assert not set(before[1:]) & set(page.locator("#trial .num").all_inner_texts()[1:])
        expect(page.locator("#trial")).to_contain_text("2 right, 2 wrong")
        page.get_by_role("button", name="The same rows again").click()
        page.locator("#trial .teach summary").first.click()
        page.locator("#trial .teach form").first.get_by_role("button").first.click()
        page.wait_for_url("**/label#trial")
        expect(page.locator("textarea[name$=examples]").filter(has_text="post ")).to_have_count(1)
        expect(page.locator("#trial")).to_contain_text("earlier version")
        # What was written is there after a while, in another tab.
        again = page.context.new_page()
        again.goto(page.url)
        expect(again.locator("#question")).to_have_value(QUESTION)
        page.fill("#question", "")
        page.locator("#dock button").click()
        expect(page.locator("#fault-question")).to_be_visible()
        run_axe(page, "label with a fault")
        page.may = re.compile("422")


def test_a_preview_that_comes_late_undoes_no_button(chromium, home):
    """
    The page asks for its preview, then a label is moved; where the first question comes in last, the move
    stays, and what is written after it is kept.
    """
    write(home / "posts.csv", [[n, f"post {n}", ""] for n in range(1, 4)])
    with served_pages() as site, opened(chromium, site.link) as page:
        hand_over(page, home / "posts.csv")
        with page.expect_request("**/preview") as asked:
            ask(page, labels=("good", "bad"))
        late = asked.value
        expect(page.locator("#side")).to_contain_text("- bad")
        page.get_by_label("Move label 2 up").click()
        expect(page.locator("input[name='labels.0.name']")).to_have_value("bad")
        # By the page itself: of a request that is under way Playwright does not always know the cookies.
        again = page.evaluate(
            """([address, body]) => fetch(address, {
                method: "POST", body, headers: {"content-type": "application/x-www-form-urlencoded"},
            }).then((answer) => answer.ok)""",
            [late.url, late.post_data],
        )
        assert again
        page.reload()
        expect(page.locator("input[name='labels.0.name']")).to_have_value("bad")
        with page.expect_response("**/preview"):
            page.fill("input[name='labels.0.name']", "worse")
        page.reload()
        expect(page.locator("input[name='labels.0.name']")).to_have_value("worse")


def test_a_run_with_faults_and_its_repair(chromium, home, monkeypatch):
    """
    A provider that fails: gaps by reason, each with its price; one button asks those rows again, and only
    those. Nothing is paid twice, and the key is in no page.
    """
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(api.Run, "change_policy", quick_policy(api.Run.change_policy))
    # Of a provider's job the page asks every five seconds.
    monkeypatch.setattr(jobs, "_every", lambda _: "300ms")
    write(home / "posts.csv", [[n, f"text {n}", ""] for n in range(1, 41)])
    with fake_server(home, {"rows_fail": 0.5}, 3, polls=1) as address, served_pages() as site:
        with opened(chromium, site.link) as page:
            hand_over(page, home / "posts.csv")
            ask(page, labels=("a", "b", "c"))
            page.select_option("#provider", "openai")
            expect(page.locator("#base_url")).to_be_visible()
            page.fill("#model", "gpt-4o-mini")
            page.fill("#base_url", f"{address}/v1")
            expect(page.locator("#dock")).to_contain_text("$")
            review(page)
            text = page.locator("main").inner_text()
            assert "OpenAI" in text
            assert "leave this computer" in text
            assert "Never spend more than" in text
            run_axe(page, "review")
            begin(page)
            page.locator("section[aria-labelledby=gaps-title]").wait_for(timeout=60_000)
            run_axe(page, "gaps")
            assert KEY not in page.content()
            gaps = page.locator("section[aria-labelledby=gaps-title]")
            button = gaps.get_by_role("button", name=re.compile("^Ask"))
            missing = int(re.findall(r"Ask (?:all )?(\d+)", button.first.inner_text())[0])
            for _ in range(12):
                if not button.count():
                    break
                button.first.click()
                page.locator("#job[data-ended]").wait_for(timeout=60_000)
                page.locator("a.primary[href$='format=csv']").wait_for(timeout=60_000)
                page.wait_for_timeout(300)
            assert missing > 0
            back = downloaded(page, home / "back.csv")
            assert [row["post"] for row in back] == [f"text {n}" for n in range(1, 41)]
            assert {row["status"] for row in back} == {"ok"}
        assert judged(address)["double_submits"] == {}


def quick_policy(change):
    """Questions in quick succession, and one round, so that gaps are left."""

    def changed(run, **changes):
        return change(run, **{"poll_seconds": 0.05, "rounds": 1, **changes})

    return changed


def test_the_program_is_stopped_and_started_in_the_middle(chromium, home):
    """
    The page says that the program is gone, and when it is back, that it is another one now: its own cookie is
    no use there. The new link leads to the same job, which has gone on. No row is asked twice.
    """
    write(home / "posts.csv", [[n, f"post {n}", ""] for n in range(1, 61)])
    environment = {**os.environ, "ROWBATCH_HOME": str(home / "home")}
    from end_to_end import scripted_server

    with scripted_server(home / "home", delay_s=0.15, journal=home / "journal"):
        program = start_program(environment, home)
        link = link_of(home)
        with opened(chromium, link) as page:
            page.may = re.compile(
                "ERR_CONNECTION_REFUSED|Failed to fetch|net::|htmx|fetch|421|rb-", re.IGNORECASE
            )
            hand_over(page, home / "posts.csv")
            ask(page)
            review(page)
            begin(page)
            expect(page.locator("#job strong").first).not_to_have_text("0", timeout=30_000)
            program.send_signal(signal.SIGTERM)
            program.wait(15)
            expect(page.locator("#gone")).to_be_visible(timeout=20_000)
            program = start_program(environment, home)
            try:
                expect(page.locator("#outlived")).to_be_visible(timeout=20_000)
                assert not page.locator("#gone").is_visible()
                job = urlsplit(page.url).path
                page.goto(link_of(home).replace("/?", f"{job}?"))
                assert urlsplit(page.url).path == job
                page.locator("a.primary[href$='format=csv']").wait_for(timeout=60_000)
                back = downloaded(page, home / "back.csv")
                assert [row["status"] for row in back] == ["ok"] * 60
            finally:
                program.send_signal(signal.SIGTERM)
                program.wait(15)
    asked = [json.loads(line) for line in (home / "journal").read_text().splitlines()]
    assert sorted(asked) == sorted(f"post {n}" for n in range(1, 61))


def start_program(environment, folder):
    (folder / "ui.txt").unlink(missing_ok=True)
    with (folder / "ui.txt").open("w") as out:
        program = subprocess.Popen(
            [sys.executable, "-m", "rowbatch", "ui", "--no-browser", "--port", str(free_port(folder))],
            cwd=folder,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    end = time.monotonic() + 20
    while "http" not in (folder / "ui.txt").read_text():
        assert program.poll() is None, (folder / "ui.txt").read_text()
        assert time.monotonic() < end
        time.sleep(0.02)
    return program


def free_port(folder):
    """The same one for every program of a test: open pages know no other."""
    import socket

    known = folder / "port"
    if not known.exists():
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            known.write_text(str(free.getsockname()[1]))
    return int(known.read_text())


def link_of(folder):
    return re.findall(r"http://\S+", (folder / "ui.txt").read_text())[0]


def test_nine_tabs_on_a_running_job(chromium, home):
    """
    All load, all follow the job, and all end with it.
    """
    write(home / "posts.csv", [[n, f"post {n}", ""] for n in range(1, 21)])
    with scripted_local_model(home / "server") as engine, served_pages() as site:
        engine.gate.clear()
        with opened(chromium, site.link) as page:
            hand_over(page, home / "posts.csv")
            ask(page)
            review(page)
            begin(page)
            tabs = [page, *(page.context.new_page() for _ in range(8))]
            for tab in tabs[1:]:
                tab.goto(page.url)
            for tab in tabs:
                expect(tab.locator("#job progress").first).to_be_visible()
            run_axe(page, "running")
            engine.gate.set()
            for tab in tabs:
                tab.locator("a.primary[href$='format=csv']").wait_for(timeout=30_000)


def test_a_job_is_stopped_and_continued(chromium, home):
    """
    The question whether to stop stays on the screen while the page follows the job; what was answered is
    kept, and Continue asks the rest.
    """
    write(home / "posts.csv", [[n, f"post {n}", ""] for n in range(1, 61)])
    with (
        scripted_local_model(home / "server", delay_s=1.0) as engine,
        served_pages() as site,
        opened(chromium, site.link) as page,
    ):
        hand_over(page, home / "posts.csv")
        ask(page)
        review(page)
        begin(page)
        page.get_by_role("button", name="Stop …").click()
        expect(page.locator("#job strong").first).not_to_have_text("0", timeout=30_000)
        page.wait_for_timeout(2_500)
        assert page.evaluate("document.querySelector('#stop').open")
        page.locator("#stop button.danger").click()
        page.locator("#job[data-state=stopped]").wait_for(timeout=30_000)
        assert 0 < len(engine.calls) < 60
        engine.delay_s = 0.0
        page.get_by_role("button", name="Continue").click()
        page.locator("#job[data-state=done]").wait_for(timeout=60_000)
        page.locator("a.primary[href$='format=csv']").wait_for()
        assert {row["status"] for row in downloaded(page, home / "back.csv")} == {"ok"}


def test_chinese_pages_and_a_gb18030_file(chromium, home):
    """
    A file as Chinese Excel saves it opens without a question, and its texts come back as they were.
    """
    rows = [
        ["1", "菜价又涨了，工资却没有涨。", "经济"],
        ["2", "孩子的学校缺数学老师三个星期了。", "教育"],
        ["3", "急诊室等了五个小时。", "其他"],
    ]
    write(home / "评论.csv", rows, header=("编号", "正文", "人工"), encoding="gb18030")

    def answer(body):
        assert "取以下各值之一" in body["messages"][0]["content"]
        return json.dumps({"label": "经济"})

    with (
        scripted_local_model(home / "server", answer),
        served_pages() as site,
        opened(chromium, site.link, locale="zh-CN", color_scheme="dark") as page,
    ):
        assert page.locator("html").get_attribute("lang") == "zh-CN"
        page.set_input_files("#file", home / "评论.csv")
        page.wait_for_url(re.compile("/tables/[0-9a-f]{16}$"))
        expect(page.locator("#table-state")).to_contain_text("GB18030")
        expect(page.locator("v-table tbody")).to_contain_text("菜价又涨了")
        run_axe(page, "data, Chinese, dark")
        page.locator("#next button").click()
        ask(page, "这条评论谈的是什么？", ("经济", "教育", "其他"))
        review(page)
        begin(page)
        page.locator("a.primary[href$='format=csv']").wait_for(timeout=30_000)
        back = downloaded(page, home / "back.csv")
        assert [[row["编号"], row["正文"], row["人工"]] for row in back] == rows
        assert {row["label"] for row in back} == {"经济"}
        assert "人工与模型的差异" in page.locator("main").inner_text()
        page.goto(f"{site.shown_url}/settings")
        page.select_option("#language", "en")
        page.select_option("#look", "light")
        page.locator("form[action='/settings/look'] button").click()
        expect(page.locator("h1")).to_have_text("Settings")
        assert page.locator("html").get_attribute("data-look") == "light"


def test_a_million_rows(chromium, home):
    """
    Only the rows that are seen are in the page; the last one is a key away, and every one can be reached.
    """
    with (home / "big.csv").open("w", encoding="utf-8") as file:
        file.write("id,post\n")
        file.writelines(f"s{n:07d},text number {n} of a long table\n" for n in range(1, 1_000_001))
    with served_pages() as site, opened(chromium, site.link) as page:
        page.set_input_files("#file", home / "big.csv")
        page.wait_for_url(re.compile("/tables/[0-9a-f]{16}"), timeout=60_000)
        page.goto(re.sub("/label.*", "", page.url))
        page.locator("#table-state[data-state=complete]").wait_for(timeout=60_000)
        table = page.locator("v-table tbody")
        expect(table).to_contain_text("s0000001")
        page.locator(".vbox").focus()
        page.keyboard.press("End")
        expect(table).to_contain_text("s1000000")
        first = page.locator("v-table tbody tr").first
        before = int(first.get_attribute("aria-rowindex"))
        page.keyboard.press("ArrowUp")
        assert int(first.get_attribute("aria-rowindex")) == before - 1
        page.fill("#go", "500000")
        page.keyboard.press("Enter")
        expect(first).to_contain_text("s0500000")
        page.locator(".vbox").hover()
        page.mouse.wheel(0, 96)
        expect(first).to_contain_text("s0500003")
        assert page.locator("v-table tbody tr").count() < 60
        run_axe(page, "data with a million rows")


def test_hostile_cells_and_answers_in_a_browser(chromium, home):
    """
    Nothing in a cell, a header or an answer runs, loads or is fetched.
    """
    evil = (
        "<img src=http://127.0.0.1:1/x onerror=alert(1)><script>alert(2)</script>"
        "<a hx-get=/settings hx-trigger=load>"
    )
    header = ("id", "post", "</th><script>alert(3)</script>")
    write(home / "posts.csv", [[n, f"{n} {evil}", evil] for n in range(1, 6)], header=header)

    def answer(body):
        return json.dumps({"answer": evil, "reason": evil})

    with (
        scripted_local_model(home / "server", answer),
        served_pages() as site,
        opened(chromium, site.link) as page,
    ):
        dialogs = []

        def seen(dialog):
            dialogs.append(dialog.message)
            dialog.dismiss()

        page.on("dialog", seen)
        page.set_input_files("#file", home / "posts.csv")
        page.wait_for_url(re.compile("/tables/[0-9a-f]{16}"))
        page.goto(re.sub("/label.*", "", page.url))
        expect(page.locator("v-table tbody")).to_contain_text("onerror")
        page.goto(f"{page.url}/label")
        page.select_option("#text", "post")
        page.select_option("#kind", "text")
        expect(page.locator("input[name='labels.0.name']")).to_have_count(0)
        page.fill("#question", evil)
        page.check("input[name=reason]")
        page.get_by_role("button", name="Try on 10 rows").click()
        expect(page.locator("#trial tbody tr:not(.teach)")).to_have_count(5, timeout=30_000)
        review(page)
        begin(page)
        page.locator("a.primary[href$='format=csv']").wait_for(timeout=30_000)
        page.get_by_role("link", name="Read and correct rows").click()
        expect(page.locator("tbody")).to_contain_text("onerror")
        page.locator("tbody a").first.click()
        expect(page.locator(".read")).to_contain_text("onerror")
        assert page.locator("main img, main script, main [onerror]").count() == 0
        assert dialogs == []


def test_a_hostile_page_on_another_port(chromium, home):
    """
    A page that another program serves can neither read, nor post, nor frame ours, although the browser has
    our cookie.
    """
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    with served_pages() as site:

        class Evil(BaseHTTPRequestHandler):
            def do_GET(self):
                body = (
                    f"<!doctype html><title>evil</title><iframe name=f src='{site.shown_url}/'></iframe>"
                    f"<form method=post target=f action='{site.shown_url}/tables/example'></form>"
                ).encode()
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        evil = ThreadingHTTPServer(("127.0.0.1", 0), Evil)
        thread = threading.Thread(target=evil.serve_forever)
        thread.start()
        context = chromium.new_context()
        try:
            page = context.new_page()
            page.goto(site.link)
            expect(page.locator("h1")).to_have_text("Label a table")
            page.goto(f"http://127.0.0.1:{evil.server_port}/")
            read = "url => fetch(url, {credentials: 'include'}).then(r => r.text(), e => 'refused')"
            assert page.evaluate(read, f"{site.shown_url}/jobs") == "refused"
            post = (
                "url => fetch(url, {method: 'POST', mode: 'no-cors', credentials: 'include'}).catch(() => 0)"
            )
            page.evaluate(f"async url => {{ await ({post})(url) }}", f"{site.shown_url}/tables/example")
            page.evaluate("document.forms[0].submit()")
            page.wait_for_timeout(500)
            frame = page.frame("f")
            try:
                shown = frame.evaluate("document.body ? document.body.innerText : ''") if frame else ""
            except Error:
                shown = ""
            assert "Label a table" not in shown
            assert desk.Library().tables() == []
        finally:
            context.close()
            evil.shutdown()
            thread.join()
            evil.server_close()


def test_the_tools_in_a_browser(chromium, home):
    """
    From a table to a batch file, by hand; the columns are offered as soon as the table is open.
    """
    write(home / "posts.csv", [[n, f"post {n}", ""] for n in range(1, 6)])
    with served_pages() as site, opened(chromium, f"{site.link}") as page:
        page.goto(f"{site.shown_url}/tools/convert")
        page.set_input_files("#file", home / "posts.csv")
        page.fill("#model", "gpt-4o-mini")
        page.locator("#tool summary", has_text="More").click()
        page.get_by_role("button", name="post", exact=True).click()
        expect(page.locator("#template")).to_have_value("{{post}}")
        page.locator("#template").press("End")
        page.locator("#template").type(" (short)")
        page.get_by_role("button", name="Make the batch file").click()
        with page.expect_download() as found:
            page.get_by_role("link", name=re.compile("^Download")).click()
        found.value.save_as(home / "posts.jsonl")
        lines = [json.loads(line) for line in (home / "posts.jsonl").read_text().splitlines()]
        said = [line["body"]["messages"][0]["content"] for line in lines]
        assert said == [f"post {n} (short)" for n in range(1, 6)]
        run_axe(page, "convert")


@pytest.mark.parametrize(
    ("scheme", "language"),
    cases(
        # Contrast is a matter of the scheme, length and names are one of the language.
        [("light", "zh-CN"), ("dark", "en-US")],
        [(scheme, language) for scheme in ("light", "dark") for language in ("en-US", "zh-CN")],
    ),
)
def test_every_screen_is_accessible(chromium, home, language, scheme):
    """
    No violation of WCAG 2.2 A or AA on any screen, wide or narrow; nothing is wider than a narrow screen.
    """
    write(home / "posts.csv", [[n, f"post {n}" if n != 3 else "", "good"] for n in range(1, 31)])
    with scripted_local_model(home / "server"), served_pages() as site:
        run = rowbatch.create("posts.csv", text="post", labels=["good", "bad"], prompt=QUESTION)
        run.resume()
        table = site.program.library.add(home / "posts.csv")
        numbers = rowbatch.create("posts.csv", text="post", codebook=AGES)
        numbers.resume()
        other = site.program.library.add(home / "posts.csv")
        other.save_draft(
            {"draft": {"text": "post", "task": "number", "question": "?", "rules": {"min": "x"}}}
        )
        people, coded = set_of(run), range(2, 29, 3)
        draw(people, coded, {"": 29}, texts={row: f"post {row}" for row in coded})
        for name in ("Anna", "李 娜"):
            say(people, name, {row: "good" if row % 2 else "bad" for row in coded}, "label")
        with opened(chromium, site.link, locale=language, color_scheme=scheme) as page:
            job, ages = (f"/jobs/{desk.job_id(one.path)}" for one in (run, numbers))
            for path in (
                "/",
                f"/tables/{table.id}",
                f"/tables/{table.id}?sample=20",
                f"/tables/{table.id}/label",
                "/jobs",
                job,
                f"{job}/rows",
                f"{job}/rows/1",
                f"{job}/download",
                f"{job}/download?format=xlsx&numbers=1&look=1",
                f"{job}/methods",
                f"{job}/rows?people=truth&variable=label&differs=1",
                f"{job}/splits",
                f"{job}/quality",
                f"{ages}/quality",
                f"{job}/stability",
                f"/tables/{other.id}/label",
                ages,
                f"{ages}/rows?variable=age&least=1",
                f"{ages}/rows/1",
                "/tools",
                "/tools/convert",
                "/tools/split",
                "/tools/extract",
                "/tools/units",
                "/tools/join-units",
                "/tools/agree",
                "/tools/how-many",
                "/settings",
                "/help",
            ):
                page.goto(f"{site.shown_url}{path}")
                page.wait_for_timeout(150)
                run_axe(page, f"{path} {language} {scheme}")
                if scheme == "light":
                    page.set_viewport_size({"width": 320, "height": 700})
                    assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
                    page.set_viewport_size({"width": 1280, "height": 800})
            page.may = re.compile("404")
            page.goto(f"{site.shown_url}/nonsense")
            run_axe(page, "no such page")


def test_keys(chromium, home):
    """
    Single keys go through rows while no field has the focus, and do nothing when they are switched off.
    """
    write(home / "posts.csv", [[n, f"post {n}", ""] for n in range(1, 6)])
    with scripted_local_model(home / "server"), served_pages() as site:
        run = rowbatch.create("posts.csv", text="post", labels=["good", "bad"], prompt=QUESTION)
        run.resume()
        with opened(chromium, site.link) as page:
            page.goto(f"{site.shown_url}/jobs/{desk.job_id(run.path)}/rows/1?")
            page.keyboard.press("j")
            page.wait_for_url("**/rows/2?*")
            page.keyboard.press("k")
            page.wait_for_url("**/rows/1?*")
            # A label has a key: it is saved, and the next row comes, with the focus at its top.
            page.keyboard.press("2")
            page.wait_for_url("**/rows/2?*")
            expect(page.locator("#row")).to_be_focused()
            expect(page.locator("main")).to_contain_text("Row 1 is saved as “bad”.")
            page.keyboard.press("z")
            page.wait_for_url(re.compile("/rows/1(?!.*saved)"))
            assert run.corrections() == {}
            page.keyboard.press("e")
            expect(page.locator(".judge .option[aria-pressed=true]")).to_be_focused()
            page.keyboard.press("Enter")
            page.wait_for_url("**/rows/2?*")
            assert list(run.corrections()) == [1]
            page.keyboard.press("g")
            page.keyboard.press("j")
            page.wait_for_url("**/jobs")
            page.goto(f"{site.shown_url}/settings")
            page.uncheck("input[name=keys]")
            page.locator("form[action='/settings/look'] button").click()
            page.goto(f"{site.shown_url}/jobs/{desk.job_id(run.path)}/rows/1?")
            page.keyboard.press("j")
            page.wait_for_timeout(200)
            assert "/rows/1" in page.url
