"""A student in the pages: it labels a larger table in the background; its tables can be downloaded."""

from __future__ import annotations

import csv
import io
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from browsing import opened, run_axe
from coded_sets import draw, say, set_of
from distilling import made_texts, run_of_some
from rowbatch import desk
from rowbatch.api import Run
from serving_pages import Site, served_pages, visiting


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Run, str, str]]:
    """The pages, a run of every third row of a table, that table in the library, and what people coded."""
    folder = tmp_path_factory.mktemp("larger")
    made = made_texts(400)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROWBATCH_HOME", str(folder / "home"))
        asked = range(1, 400, 3)
        with run_of_some(folder, made, asked) as (run, whole), served_pages() as found:
            table = found.program.library.add(whole)
            people = set_of(run)
            draw(people, range(2, 122, 2), {"": len(asked)})
            say(people, "Anna", {row: made.truth[asked[row - 1]] for row in range(2, 122, 2)})
            yield found, run, table.id, people.plan.id


def _look(site: Site, chromium: Any, address: str, name: str) -> None:
    """In both languages and schemes, for axe."""
    for locale, scheme in (("en-US", "light"), ("zh-CN", "dark")):
        with opened(chromium, site.link, locale=locale, color_scheme=scheme) as page:
            page.goto(f"{site.shown_url}{address}")
            run_axe(page, f"{name}, {locale}")


def test_a_student_labels_in_the_background(larger: tuple[Site, Run, str, str], chromium: Any) -> None:
    """
    The page does not wait: it says how far the student is, asks again by itself, and can stop it, and then
    nothing is written; at its end the tables can be downloaded, with every row once.
    """
    site, run, table, people = larger
    job = desk.job_id(run.path)
    goes_on, asked = threading.Event(), {"set": people, "variable": "mood"}
    with visiting(site) as client, pytest.MonkeyPatch.context() as patch:
        place = f"/jobs/{job}/distil"
        real = desk.Results.distil

        def held(self: desk.Results, *given: Any) -> None:
            given[-1].check(250)
            assert goes_on.wait(60)
            real(self, *given)

        patch.setattr(desk.Results, "distil", held)
        answer = client.post(place, data={"table": table, **asked})
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            f"/jobs/{job}/quality?set={people}&variable=mood#distil",
        )
        student = site.program.students[job]
        assert student.table.read().wait(60)
        _look(site, chromium, f"/jobs/{job}/quality?set={people}&variable=mood", "at work")
        for address in (place, f"/jobs/{job}/quality"):
            page = client.get(address, params=asked).text
            assert "whole.csv: 250 of 400 rows are labelled" in page
            assert '<progress max="400" value="250"' in page
            assert 'hx-trigger="every 1s"' in page
            assert "Learn and label" not in page
        # One at a time: the second press is of the same.
        client.post(place, data={"table": table, **asked})
        assert site.program.students[job] is student
        assert client.post(f"{place}/stop", data=asked).status_code == 303
        goes_on.set()
        student.task.wait()
        page = client.get(place, params=asked).text
        assert "Learn and label" in page
        assert "/distilled/" not in page
        assert not [*(run.path / "distilled").glob("*.csv")]
        client.post(place, data={"table": table, **asked})
        site.program.students[job].task.wait()
        page = client.get(place, params=asked).text
        _look(site, chromium, f"/jobs/{job}/quality?set={people}&variable=mood", "labelled")
        links = re.findall(rf'href="(/jobs/{job}/distilled/[^"]+)"', page)
        assert len(links) == 2
        assert "hx-trigger" not in page
        with visiting(site, "zh") as reader:
            assert "good 的比例" in reader.get(place, params=asked).text
        labelled, rest = (client.get(link) for link in links)
        assert 'filename="whole-mood-labelled.csv"' in labelled.headers["content-disposition"]
        assert 'filename="whole-mood-rest.csv"' in rest.headers["content-disposition"]
        rows = list(csv.DictReader(io.StringIO(labelled.text)))
        assert [row["n"] for row in rows] == [str(row) for row in range(400)]
        left = sum(row["mood_from"] == "left" for row in rows)
        assert len(list(csv.DictReader(io.StringIO(rest.text)))) == left > 0
        assert client.get(f"/jobs/{job}/distilled/run.toml").status_code == 404
