"""How far people and model agree, as a page shows it, of every kind that can be compared."""

import csv
import json
import re

import pytest

from rowbatch import api, desk
from serving import scripted_local_model
from serving_pages import served_pages, visiting

NAMES = ("topics", "protest", "tone", "day", "years")
QUESTIONS = {
    "variables": [
        {
            "name": "topics",
            "kind": "labels",
            "labels": [{"name": "housing"}, {"name": "health"}, {"name": "crime"}],
        },
        {"name": "protest", "kind": "yes-no"},
        {"name": "tone", "kind": "scale", "labels": [{"name": "low"}, {"name": "high"}], "cant_say": True},
        {"name": "day", "kind": "date", "cant_say": True},
        {"name": "years", "kind": "number", "cant_say": True},
    ]
}
HEADER = ("text", "topics_a", "protest_a", "tone_a", "day_a", "years_a")
CODED = [
    ("one", "housing", "yes", "low", "2026-03-02", "1"),
    ("two", "housing; health", "yes", "can't say", "2026-03-02", "2"),
    ("ten", "health", "yes", "low", "can't say", "can't say"),
    ("six", "health", "yes", "low", "2026-03-02", "3"),
]
ANSWERS = {
    "one": (["housing"], "yes", "low", "2026-03-02", 1),
    "two": (["health"], "no", "high", None, None),
    "ten": (["health"], "yes", "low", "2026-03-02", 2),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("agreement")

    def answer(body):
        given = ANSWERS.get(str(body["messages"][-1]["content"]))
        return "?" if given is None else json.dumps(dict(zip(NAMES, given, strict=True)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROWBATCH_HOME", str(folder / "home"))
        patch.chdir(folder)
        with (folder / "posts.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([HEADER, *CODED])
        with scripted_local_model(folder / "server", answer), served_pages() as found:
            run = api.create("posts.csv", text="text", codebook=QUESTIONS)
            run.resume()
            assert found.program.results(found.program.jobs.job(desk.job_id(run.path))).prepare(60)
            yield found, f"/jobs/{desk.job_id(run.path)}"


def shown(site, language, name):
    served, job = site
    with visiting(served, language) as client:
        answer = client.get(job, params={"people": f"{name}_a"})
    assert answer.status_code == 200
    part = answer.text.partition('id="people"')[2].partition("<figure")[0]
    return re.findall(r'<div class="kpi"><b>([^<]+)</b><span>([^<]+)', part), part


@pytest.mark.parametrize(
    ("name", "figures", "english", "chinese"),
    [
        (
            "topics",
            ["0.50", "0.62", "0.75", "0.73", "0.39", "4"],
            ["Micro F1: all labels together", "1 of them has no answer of the model", "crime"],
            ["微平均 F1", "其中 1 条没有模型的回答"],
        ),
        (
            "protest",
            ["0.50", "0.00", "0.50", "–", "4"],
            ["Sensitivity", "Specificity", "people: yes, model: no, 1 rows"],
            ["灵敏度", "特异度"],
        ),
        (
            "tone",
            ["0.67", "0.00", "0.00", "0.00", "0.33", "–", "3"],
            ["Spearman", "1 text is left out", "counts as far off as the two ends"],
            ["Spearman 等级相关系数", "有 1 条文本未计入", "两端之间的距离"],
        ),
        (
            "day",
            ["0.33", "0", "0", "1"],
            ["The same day", "2 rows coded by people have no date", "Of 1 of them", "1 text is left out"],
            ["同一天的比例", "有 2 行没有模型给出的日期", "其中 1 行模型回答"],
        ),
        (
            "years",
            ["0", "0", "–", "1"],
            ["2 rows coded by people have no number", "Of 1 of them the model", "1 text is left out"],
            ["其中 1 行模型回答", "有 1 条文本未计入"],
        ),
    ],
)
def test_each_kind_shows_its_own_figures(site, name, figures, english, chinese):
    """
    A page has the figures of the kind, a dash for what is undefined, and says which rows had no part, in both
    languages.
    """
    found, page = shown(site, "en", name)
    assert [figure for figure, _ in found] == figures
    for words in english:
        assert words in page, page
    found, page = shown(site, "zh", name)
    assert [figure for figure, _ in found] == figures
    for words in chinese:
        assert words in page, page


@pytest.mark.parametrize(("name", "rows"), [("topics", 2), ("day", 3), ("years", 3)])
def test_the_rows_that_differ_are_a_link_away(site, name, rows):
    """
    Beside the figures stands a link to the rows where people and model say different things.
    """
    _, page = shown(site, "en", name)
    (address,) = re.findall(r'href="([^"]+differs=1)"', page)
    with visiting(site[0], "en") as client:
        assert client.get(address.replace("&amp;", "&")).text.count("<tr aria-rowindex") == rows
