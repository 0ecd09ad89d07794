"""The page about how good a job's labels are, by what people coded."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from coded_sets import answered_run, draw, say, set_of
from distilling import note_of_student
from rowbatch import desk
from rowbatch.api import Run
from rowbatch.store.distillations import keep_distillation
from serving_pages import Site, served_pages, visiting

ANSWERS = [{"mood": "good"}] * 20 + [{"mood": "bad"}] * 18 + [None] * 2
GOLD = {
    **dict.fromkeys(range(1, 13), "good"),
    **dict.fromkeys(range(13, 17), "bad"),
    **dict.fromkeys(range(21, 29), "bad"),
    29: "good",
    39: "bad",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Run]]:
    folder = tmp_path_factory.mktemp("quality")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROWBATCH_HOME", str(folder / "home"))
        with answered_run(folder, ANSWERS) as run, served_pages() as found:
            yield found, run


def shown(site: tuple[Site, Run], language: str = "en", address: str = "/quality", **asked: str) -> str:
    served, run = site
    with visiting(served, language) as client:
        answer = client.get(f"/jobs/{desk.job_id(run.path)}{address}", params=asked or None)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_without_a_set_there_is_one_thing_to_do(site: tuple[Site, Run]) -> None:
    """
    Where nobody coded rows the page says why that matters, and has the one button that leads on.
    """
    page = shown(site)
    place = f"/coding/new?of=job-{desk.job_id(site[1].path)}"
    assert f'href="{place}">Draw a sample to code' in page
    with visiting(site[0], "en") as client:
        assert client.get(place).status_code == 200
    assert "抽取样本进行编码" in shown(site, "zh")
    assert "/quality" in shown(site, address="")


@pytest.fixture(scope="module")
def coded(site: tuple[Site, Run], tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = set_of(site[1], "hundred <b>")
    draw(folder, [*GOLD], {"": 40})
    say(folder, "Anna", GOLD)
    say(folder, "Ben", {1: "good", 2: "good", 21: "bad"})
    return folder.plan.id


def test_set_and_quality_lead_to_each_other(site: tuple[Site, Run], coded: str) -> None:
    """
    The page of a set names the jobs of its table, and that of a job's quality leads back to the set.
    """
    quality = f"/jobs/{desk.job_id(site[1].path)}/quality?set={coded}"
    with visiting(site[0], "en") as client:
        assert f'href="{quality}"' in client.get(f"/coding/{coded}").text
        assert f'href="/coding/{coded}">Code more rows' in client.get(quality).text


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["Anna, Ben", "1 row has no answer that counts", "model only (biased)", "share of good"]),
        ("zh", ["编码者之间", "有 1 行没有有效回答", "仅模型（有偏）", "good 的比例", "已编码的行太少"]),
    ],
)
def test_all_numbers_stand_on_one_page(
    site: tuple[Site, Run], coded: str, language: str, words: list[str]
) -> None:
    """
    People among each other, the model against them, each label, what is corrected and what may be used, in
    both languages; names from outside are text.
    """
    page = shown(site, language)
    for one in words:
        assert one in page, page
    # 20 of 26 right; of 20 rows called good 12 of 16 coded ones are.
    assert re.search(r'<td class="num">0\.769</td>', page)
    assert "hundred &lt;b&gt;" in page
    assert "hundred <b>" not in page


def test_a_cell_of_the_matrix_opens_its_rows(site: tuple[Site, Run], coded: str) -> None:
    """
    Each number of the matrix leads to as many rows, also where the model has no answer, and a row leads to
    the next of the same cell.
    """
    page = shown(site)
    cells = re.findall(r'<a href="/jobs/\w+(/rows\?[^"]*coded=[^"]*)" aria-label="[^"]*">(\d+)</a>', page)
    assert sorted(int(count) for _, count in cells) == [1, 1, 4, 8, 12]
    for address, count in cells:
        rows = shown(site, address=address.replace("&amp;", "&"))
        assert rows.count("<tr aria-rowindex") == int(count)


def test_a_set_that_does_not_fit_is_said(site: tuple[Site, Run], coded: str) -> None:
    """
    A part that has no coded rows is told in words, with what to do.
    """
    page = shown(site, part="dev")
    assert "settled on no value" in page
    assert "Code rows" in page


def test_of_several_sets_the_report_takes_the_chosen_one(site: tuple[Site, Run], coded: str) -> None:
    """
    With one set the report takes it; of several a person chooses, and is never sent away.
    """
    served, run = site
    place = f"/jobs/{desk.job_id(run.path)}"
    with visiting(served, "en") as client:
        assert 'name="people"' not in client.get(f"{place}/methods").text
        assert "Nobody has checked these labels" not in client.get(f"{place}/report").text
        other = set_of(run, "second <b>")
        draw(other, [1, 2], {"": 40})
        say(other, "Eve", {1: "good", 2: "bad"})
        page = client.get(f"{place}/methods").text
        assert f'<option value="{coded}">hundred &lt;b&gt;</option>' in page
        assert page.index(f'value="{other.plan.id}"') < page.index(f'value="{coded}"')
        told = client.get(f"{place}/report", params={"people": coded})
        assert told.headers["content-disposition"].startswith("attachment")
        assert "hundred &lt;b&gt;" in told.text
        assert "second &lt;b&gt;" in client.get(f"{place}/report", params={"people": other.plan.id}).text


def test_a_student_is_refused_in_words_where_it_cannot_learn(site: tuple[Site, Run], coded: str) -> None:
    """
    The page offers the tables of the library; where the rows are too few to learn from it says so on the same
    page, in the language of the reader.
    """
    whole = site[1].path.parent / "more.csv"
    whole.write_text("post\nanother text\n", encoding="utf-8")
    table = site[0].program.library.add(whole)
    job = desk.job_id(site[1].path)
    for language, told in (("en", "rows are left to learn from"), ("zh", "可供学习的只有")):
        page = shown(site, language, set=coded)
        assert f'value="{table.id}">more.csv' in page
        with visiting(site[0], language) as client:
            form = {"table": table.id, "set": coded, "variable": "mood"}
            answer = client.post(f"/jobs/{job}/distil", data=form)
            assert answer.status_code == 303
            site[0].program.students[job].task.wait()
            assert told in client.get(answer.headers["location"]).text
            assert told in client.get(f"/jobs/{job}/distil", params={"set": coded}).text


def test_what_a_student_labelled_is_shown(site: tuple[Site, Run], coded: str) -> None:
    """
    Its table, how often it is right, how many rows have whose label, and each verdict, in both languages.
    """
    (site[1].path / "students").mkdir(exist_ok=True)
    keep_distillation(site[1].path, "one", note_of_student("2026-11-29T10:00:00+00:00", "lots <b>.csv"))
    for language, told in (
        ("en", ("Rows left without a label", "good, at least 70% sure", "may be used")),
        ("zh", ("没有标签的行", "good，把握至少 70%", "可以使用")),
    ):
        page = shown(site, language, set=coded)
        assert "lots &lt;b&gt;.csv · mood" in page
        assert "0.800–0.950" in page
        for words in told:
            assert words in page, words
