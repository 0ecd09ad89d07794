"""Rows asked otherwise: how stable labels are, and one estimate in every way to ask."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import rowbatch
from coded_sets import draw, say, set_of
from paneling import ASKED, OTHERS, providers_of, write_table
from rowbatch import api
from rowbatch.api import Run
from rowbatch.errors import UsageError
from rowbatch.reporting.variants import read_sample
from rowbatch.store.rundir import RunDirectory
from serving import scripted_local_model

MOOD: dict[str, Any] = {
    "instructions": "Say how the author feels.",
    "variables": [{"name": "mood", "labels": [{"name": "good"}, {"name": "bad"}]}],
}
ROWS = 40


def answer(body: Mapping[str, Any]) -> str:
    """
    Rows 1 to 24 are good, the others bad. Where the labels stand the other way round, rows 1 to 4 are bad; in
    other words, row 40 is good, and nothing usable is said of row 39.
    """
    system = str(body["messages"][0]["content"])
    row = int(str(body["messages"][-1]["content"]).rsplit(maxsplit=1)[-1])
    mood = "good" if row <= 24 else "bad"
    if system.index("bad") < system.index("good") and row <= 4:
        mood = "bad"
    if "Say how the author feels." not in system:
        if row == 39:
            return "?"
        if row == 40:
            mood = "good"
    return json.dumps({"mood": mood})


@contextmanager
def asking(folder: Path) -> Iterator[Run]:
    with (folder / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [("post", "city")]
        rows += [(f"text number {row}", "north" if row <= 20 else "south") for row in range(1, ROWS + 1)]
        csv.writer(file).writerows(rows)
    with scripted_local_model(folder / "server", answer):
        run = rowbatch.create(folder / "posts.csv", text="post", codebook=MOOD, run=folder / "posts")
        run.resume()
        yield run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A run of 40 rows, asked again, in reverse, and in other words."""
    folder = tmp_path_factory.mktemp("stability")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROWBATCH_HOME", str(folder / "home"))
        patch.chdir(folder)
        with asking(folder) as run:
            variants = api.vary(run, rows=ROWS, prompts="How does the author feel?")
            assert [one.path.name for one in variants.runs] == ["order-reversed", "prompt-1", "repeat-1"]
            variants.resume()
            yield run


@pytest.fixture
def run(made: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("ROWBATCH_HOME", str(made.path.parent / "home"))
    monkeypatch.chdir(made.path.parent)
    return made


def test_what_changed_is_counted(run: Run) -> None:
    """
    Of 40 rows four move with the order of the labels and one with the words; what is lost is no change.
    """
    found = api.stability(run)
    assert found.found is not None
    numbers = found.found
    assert (numbers.rows, numbers.changed.n) == (40, 40)
    assert numbers.changed.estimate == pytest.approx(5 / 40)
    kinds = {kind: one.estimate for kind, one in numbers.changed_by_kind.items()}
    assert kinds == {"order": pytest.approx(4 / 40), "prompt": pytest.approx(1 / 39), "repeat": 0.0}
    assert numbers.by_kind["repeat"].estimate == 1.0
    assert numbers.lost == {"order-reversed": 0, "prompt-1": 1, "repeat-1": 0}
    assert [(one.name, one.before, one.after, one.rows) for one in numbers.churn] == [
        ("order-reversed", "good", "bad", 4),
        ("prompt-1", "bad", "", 1),
        ("prompt-1", "bad", "good", 1),
    ]
    kept = {one.label: (one.kept.estimate, one.kept.n) for one in numbers.labels}
    assert kept["good"][0] == pytest.approx(20 / 24)
    assert kept["bad"][0] == pytest.approx(15 / 16)
    assert [kept[label][1] for label in ("good", "bad")] == [24, 16]
    # Two coders, 40 units, 4 differ; of 80 ratings 44 are good and 36 bad.
    expected = 1 - (79 * 4 * 2) / (2 * 44 * 36)
    assert numbers.by_name["order-reversed"].estimate == pytest.approx(expected)
    assert numbers.alpha.low is not None
    assert numbers.alpha.estimate is not None
    assert numbers.alpha.low < numbers.alpha.estimate < 1
    facets = {one.name: one.facets for one in found.configurations}
    assert facets["posts"] == {"prompt": "as asked", "label order": "as asked", "asked": "first"}
    assert facets["order-reversed"]["label order"] == "reversed"
    assert facets["prompt-1"]["prompt"] == "other 1"
    assert facets["repeat-1"]["asked"] == "again 1"
    assert json.loads(json.dumps(found.to_plain()))["stability"]["changed"]["n"] == 40
    assert "order-reversed" in found._repr_html_()


def test_every_way_has_its_estimate(run: Run) -> None:
    """
    The curve has each way once, from low to high, all of the same rows; and a difference between groups.
    """
    curve = api.specification_curve(run, label="good")
    assert curve.rows == 40
    shares = {one.configuration.name: one.model_only.estimate for one in curve.counted}  # type: ignore[union-attr]
    assert shares == {
        "posts": pytest.approx(24 / 40),
        "order-reversed": pytest.approx(20 / 40),
        "prompt-1": pytest.approx(25 / 40),
        "repeat-1": pytest.approx(24 / 40),
    }
    assert curve.counted[0].configuration.name == "order-reversed"
    assert curve.range == pytest.approx((0.5, 0.6, 0.625))
    assert curve.svg.startswith("<svg xmlns=")
    assert curve.svg.count('class="on"') == 4 * 3
    north = api.specification_curve(run, label="good", by="city")
    assert north.quantity == "share of good, city north less south"
    less = {one.configuration.name: one.model_only.estimate for one in north.counted}  # type: ignore[union-attr]
    assert less["posts"] == pytest.approx(1 - 4 / 20)
    assert less["prompt-1"] == pytest.approx(1 - 5 / 20)
    with pytest.raises(UsageError) as caught:
        api.specification_curve(run, label="ugly")
    assert caught.value.kind == "stability-no-label"


def test_the_same_call_again_asks_nothing(run: Run) -> None:
    """
    What was asked is not asked again; further ways ask the same rows, and other rows cannot be drawn.
    """
    again = api.vary(run, prompts=" How does the author feel? ")
    assert (again.new, again.unfinished, again.cost(), again.rows) == ((), (), None, 40)
    sample = read_sample(RunDirectory(run.path))
    assert sample is not None
    assert sample.rows == tuple(range(1, 41))
    with pytest.raises(UsageError) as caught:
        api.vary(run, rows=10, repeats=2)
    assert caught.value.kind == "stability-other-rows"
    with pytest.raises(UsageError) as caught:
        api.vary(run, prompts="Say how the author feels.")
    assert caught.value.kind == "stability-prompt-the-same"
    assert api.paraphrases(run, 2)[1].startswith("You are coding texts for a study. Say how")


def test_what_is_not_over_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A way that was made and not asked, and another run of the table, stand in the curve; a run of another
    question does so, too, without a number.
    """
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with asking(tmp_path) as run:
        table = tmp_path / "posts.csv"
        warm = rowbatch.create(table, text="post", codebook=MOOD, temperature=0.5, run=tmp_path / "warm")
        warm.resume()
        rowbatch.create(table, text="post", labels=["yes", "no"], prompt="Is it?", run=tmp_path / "other")
        api.vary(run, rows=12, repeats=1, orders=())
        curve = api.specification_curve(run)
        states = {one.configuration.name: one.configuration.state for one in curve.specifications}
        assert states == {
            "posts": "complete",
            "warm": "complete",
            "repeat-1": "unfinished",
            "other": "other-question",
        }
        assert {one.configuration.name for one in curve.counted} == {"posts", "warm"}
        assert [note.values["names"] for note in curve.notes] == [["repeat-1", "other"]]
        warm_facets = next(
            one.configuration.facets for one in curve.counted if one.configuration.name == "warm"
        )
        assert "temperature = 0.5" in warm_facets["settings"]
        # A comparison of two asks nothing, and needs no variants.
        beside = api.stability(run, with_runs=warm.path)
        assert beside.found is not None
        assert beside.found.by_name["warm"].estimate == 1.0


def test_people_stand_beside_every_way(run: Run) -> None:
    """
    Where people coded rows, it is said how often each way is what they said, and each is corrected by them.
    """
    folder = set_of(run)
    gold = {row: "good" if row <= 22 else "bad" for row in range(2, 41, 2)}
    draw(folder, [*gold], {"": 40})
    say(folder, "Anna", gold)
    found = api.stability(run)
    assert found.people == "people"
    # Of 20 coded rows 24 is wrong; in reverse 2 and 4, too; in other words 40, too.
    wrong = {name: 20 - round((one.estimate or 0) * one.n) for name, one in found.against.items()}
    assert wrong == {"posts": 1, "repeat-1": 1, "order-reversed": 3, "prompt-1": 2}
    curve = api.specification_curve(run, label="good")
    for one in curve.counted:
        assert one.corrected is not None
        assert one.corrected.low is not None
        assert one.corrected.low <= 0.55 <= (one.corrected.high or 0)
    # People alone say 11 of 20.
    first = next(one for one in curve.counted if one.configuration.kind == "first")
    direct = run.corrected(label="good").corrections[0].corrected
    assert first.corrected is not None
    assert first.corrected.estimate == pytest.approx(direct.estimate)
    assert first.corrected.low == pytest.approx(direct.low)


def test_a_report_tells_all_ways(run: Run, tmp_path: Path) -> None:
    """
    Report and checklist say how stable the labels are, with a picture and every prompt, in both languages.
    """
    for language, words in (("en", "How stable it is"), ("zh", "稳定性")):
        page = tmp_path / f"{language}.html"
        api.report(run, page, language=language, checklist="tamper")  # type: ignore[arg-type]
        told = page.read_text(encoding="utf-8")
        assert f"<h2>{words}</h2>" in told
        assert "How does the author feel?" in told
        assert told.count('class="on"') == 4 * 3
    assert "40 rows asked in 4 ways" in (tmp_path / "en.html").read_text(encoding="utf-8")
    api.report(run, [tmp_path / "r.json", tmp_path / "r.tex"])
    plain = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert plain["specification_curve"]["counted"] == 4
    assert plain["stability"]["stability"]["changed"]["estimate"] == pytest.approx(5 / 40)
    assert str(tmp_path) not in json.dumps(plain["stability"])
    assert "order-reversed" in (tmp_path / "r.tex").read_text(encoding="utf-8")


def test_paid_ways_share_one_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Each way is paid once, also after the same call again; what all of them may cost together holds; and other
    models are ways, too.
    """
    providers = providers_of(monkeypatch, tmp_path)
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    table = write_table(tmp_path, [f"text {row}" for row in range(12)])
    run = rowbatch.create(table, **ASKED)
    run.resume(poll_seconds=0.01)
    first = dict(providers.paid)
    variants = api.vary(run, rows=6, orders=(), repeats=2)
    assert dict(providers.paid) == first
    most = [one.cost.high_usd for one in variants.previews()]
    assert most[0] is not None
    # Enough for one of both: the other one waits, and says why.
    held = variants.resume(poll_seconds=0.01, max_cost_usd=most[0] * Decimal("1.5"))
    assert sum(providers.paid.values()) - sum(first.values()) == 6
    assert [one.stopped_because is None for one in held] == [True, False]
    more = api.vary(run, rows=6, orders=(), repeats=2, models=OTHERS[0])
    assert [one.kind for one in more.new] == ["model"]
    more.resume(poll_seconds=0.01, max_cost_usd=Decimal(5))
    paid = dict(providers.paid)
    assert sum(paid.values()) - sum(first.values()) == 18
    api.vary(run, rows=6, orders=(), repeats=2, models=OTHERS[0]).resume(poll_seconds=0.01)
    assert dict(providers.paid) == paid
    found = api.stability(run)
    assert found.found is not None
    assert set(found.found.by_kind) == {"model", "repeat"}
    assert found.found.rows == 6
    assert [one.asked for one in found.configurations] == [12, 6, 6, 6]


def test_few_rows_are_all_asked_where_nobody_says_how_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A table of 40 rows is asked otherwise as a whole; who wants 100 of them is told how many there are.
    """
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with asking(tmp_path) as run:
        with pytest.raises(UsageError) as caught:
            api.vary(run, rows=100, orders=())
        assert (caught.value.kind, caught.value.values["left"]) == ("stability-too-few-rows", ROWS)
        (tmp_path / "rowbatch.toml").write_text("max_cost = 0.75\n", encoding="utf-8")
        variants = api.vary(run, orders=())
        assert variants.rows == ROWS
        assert [one.policy().max_cost_usd for one in variants.runs] == [Decimal("0.75")]
        # The same rows again, also when nobody says how many.
        assert api.vary(run, orders=(), prompts="How does the author feel?").rows == ROWS


def test_comparing_ways_is_told(run: Run) -> None:
    """
    Reading the answers of all ways takes a while: whoever waits is told so.
    """
    stages: list[str] = []
    api.stability(run, hooks=api.Hooks(stage=stages.append))
    assert stages[-1] == "compare"
