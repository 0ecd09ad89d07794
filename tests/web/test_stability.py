"""The page about how stable a job's labels are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import rowbatch
from coded_sets import MOOD, answered_run, draw, say, set_of
from rowbatch import desk
from rowbatch.api import Run
from serving_pages import Site, served_pages, visiting

ANSWERS = [{"mood": "good"}] * 20 + [{"mood": "bad"}] * 20


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Run]]:
    folder = tmp_path_factory.mktemp("stability")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROWBATCH_HOME", str(folder / "home"))
        patch.chdir(folder)
        columns = {"city": ["north", "south"] * 20}
        with answered_run(folder, ANSWERS, columns=columns) as run, served_pages() as found:
            yield found, run


def shown(site: tuple[Site, Run], language: str = "en", **asked: str) -> str:
    served, run = site
    with visiting(served, language) as client:
        answer = client.get(f"/jobs/{desk.job_id(run.path)}/stability", params=asked or None)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_one_way_leads_on_and_further_ones_are_compared(site: tuple[Site, Run]) -> None:
    """
    With one way there is one thing to do; then picture, numbers and people stand there, in both languages,
    and a difference between groups is one choice away.
    """
    run = site[1]
    assert "rowbatch stability" in shown(site)
    assert "<svg" not in shown(site).split("</header>")[-1]
    # Another run of the table, made without its server: of the very answers that are here.
    again = rowbatch.create(run.plan.source.path, text="post", codebook=MOOD, run=run.path.parent / "<again>")
    again.build()
    folder = set_of(run)
    gold = {row: "good" if row <= 22 else "bad" for row in range(2, 41, 2)}
    draw(folder, [*gold], {"": 40})
    say(folder, "Anna", gold)
    page = shown(site, label="bad")
    assert page.count('class="on"') == 2
    for told in ("share of bad", "&lt;again&gt;", "as people coded: run", "How far labels stay the same"):
        assert told in page, told
    assert "<again>" not in page
    assert "各种提问方式下的估计值" in shown(site, "zh")
    assert "city north less south" in shown(site, by="city", label="good")
    wrong = shown(site, by="post")
    assert 'role="alert"' in wrong
    assert "ay which two" in wrong
