"""Labels by group and over time, corrected by what people coded, as pages."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from browsing import opened, run_axe
from coded_sets import answered_run, draw, say, set_of
from rowbatch import desk
from rowbatch.api import Run
from serving_pages import Site, served_pages, visiting

ROWS = 240
# The model calls a third of all rows good; of the coded ones, every third, it is wrong about some.
ANSWERS = [{"mood": "good" if row % 3 == 0 else "bad"} for row in range(ROWS)]
CITY = [
    "east <b>" if row < 100 else "north" if row < 200 else "" if row < 230 else "west" for row in range(ROWS)
]
DAY = [f"{2021 + row // 120}-0{1 + row % 6}-1{row % 9}" for row in range(ROWS)]
GOLD = {row + 1: "good" if row % 3 == 0 and row % 4 else "bad" for row in range(0, ROWS, 2)}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Run]]:
    folder = tmp_path_factory.mktemp("corrected-splits")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROWBATCH_HOME", str(folder / "home"))
        columns = {"city": CITY, "day": DAY}
        with answered_run(folder, ANSWERS, columns=columns) as run, served_pages() as found:
            yield found, run


def shown(site: tuple[Site, Run], address: str, language: str = "en") -> str:
    with visiting(site[0], language) as client:
        answer = client.get(f"/jobs/{desk.job_id(site[1].path)}/{address}")
    assert answer.status_code == 200, answer.text
    return answer.text


def numbers(page: str, title: str) -> dict[str, list[str]]:
    """Of a picture: the numbers of each part."""
    figure = next(one for one in page.split("<figure")[1:] if f"<figcaption>{title}</figcaption>" in one)
    rows = re.findall(r'<tr><th scope="row"[^>]*>(.*?)(?:<span.*?)?</th>(.*?)</tr>', figure, re.S)
    return {name: re.findall(r'<td class="num">([^<]*)</td>', cells) for name, cells in rows}


def test_without_coded_rows_it_says_what_to_do(site: tuple[Site, Run]) -> None:
    """
    Nothing is corrected where nobody coded, and no page leads there.
    """
    assert "/splits/corrected" not in shown(site, "splits")
    assert "/coding/new?of=job-" in shown(site, "splits/corrected")


@pytest.fixture(scope="module")
def coded(site: tuple[Site, Run]) -> str:
    folder = set_of(site[1], "half")
    draw(folder, [*GOLD], {"": ROWS})
    say(folder, "Anna", GOLD)
    return folder.plan.id


def test_each_part_has_the_numbers_of_the_command(site: tuple[Site, Run], coded: str) -> None:
    """
    The shares and intervals of a group are those that `correct` gives by the same column; a part with too
    few coded rows has none, and says why; rows in no part are left out; names are text.
    """
    assert "/splits/corrected" in shown(site, "splits")
    page = shown(site, "splits/corrected")
    assert "<b>" not in page.split("<h1>")[1].replace("east &lt;b&gt;", "")
    found = numbers(page, "mood by city: good")
    told = {
        one.quantity.rsplit(", city ", 1)[1]: one
        for one in site[1].corrected(label="good", by="city").corrections
        if " less " not in one.quantity
    }
    assert set(found) == {"east &lt;b&gt;", "north", "west"}
    for name in ("east <b>", "north"):
        figure, model = told[name].corrected, told[name].model_only
        assert found[name.replace("<b>", "&lt;b&gt;")] == [
            f"{figure.estimate:.3f}",
            f"{figure.low:.3f}–{figure.high:.3f}",
            f"{model.estimate:.3f}",
            "50",
            "100",
        ]
    assert found["west"] == ["–", "–", "0.300", "5", "10"]
    assert 'west<span class="about">too few coded rows to tell</span>' in page


def test_times_are_those_of_the_counted_picture(site: tuple[Site, Run], coded: str) -> None:
    """
    Over time the parts are the same as in the picture of what the model counted, with all of their rows.
    """
    counted = shown(site, "splits")
    title = re.search(r"<figcaption>(mood by [a-z]+ \(day\))</figcaption>", counted)
    assert title is not None
    found = numbers(shown(site, "splits/corrected"), f"{title[1]}: good")
    assert sum(int(cells[-1]) for cells in found.values()) == ROWS
    assert sum(int(cells[-2]) for cells in found.values()) == len(GOLD)
    chinese = shown(site, "splits/corrected", "zh")
    assert "按组和时间" in chinese
    assert "：good</figcaption>" in chinese


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pictures_are_accessible(
    site: tuple[Site, Run], coded: str, chromium: Browser, language: str, scheme: str
) -> None:
    """
    In both languages and schemes, and nothing runs over on a phone.
    """
    with opened(chromium, site[0].link, locale=language, color_scheme=scheme) as page:
        page.goto(f"{site[0].shown_url}/jobs/{desk.job_id(site[1].path)}/splits/corrected")
        page.locator("figure").first.wait_for()
        run_axe(page, "corrected splits")
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
