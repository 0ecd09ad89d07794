"""A run beside a coding set, on published data, and on tables that are larger than a person can look at."""

from __future__ import annotations

import os
import random
from pathlib import Path

import polars as pl
import pytest

import rowbatch
from coded_sets import draw, say, set_of
from rowbatch.api import Run
from rowbatch.api.quality import RunEstimand, corrected
from rowbatch.core.run_quality import MODEL, ROW, Judging
from rowbatch.core.statistics.figures import Resampling
from rowbatch.errors import UsageError
from rowbatch.results.coded import CodedRun, set_of_run
from rowbatch.store.coding_sets import sets_of_table

_SHARED = Path(__file__).parents[3] / "shared" / "data"
_DATA = Path(os.environ.get("ROWBATCH_SHARED_DATA", _SHARED)) / "politeness_gpt4o.csv"
_ASKED = {
    "variables": [{"name": "politeness", "labels": [{"name": "polite"}, {"name": "impolite"}]}],
    "instructions": "Is it polite?",
}


def beside(run: Run, variable: str | None = None) -> CodedRun:
    folder = set_of_run(run.plan, variable)
    return CodedRun(run.plan, folder, run="run", header=run.header, variable=variable)


@pytest.mark.skipif(not _DATA.is_file(), reason="the published table is not here")
def test_a_published_share_is_corrected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Of 5,480 requests people call 50.0 % polite and GPT-4o 73.5 % (accuracy 0.696): by a random sample of 400
    the corrected share is near people's, its interval holds theirs, and the model's own does not.
    """
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    run = rowbatch.create(_DATA, text="Text", codebook=_ASKED, run=tmp_path / "run")
    table = pl.read_csv(_DATA, infer_schema_length=0)
    gold = ["polite" if cell == "1" else "impolite" for cell in table["Prediction_human"]]
    model = ["polite" if cell == "polite" else "impolite" for cell in table["Prediction_gpt-4o"]]
    rows = random.Random(1).sample(range(1, table.height + 1), 400)
    folder = set_of(run)
    texts = dict(enumerate(table["Text"], 1))
    draw(folder, rows, {"": table.height}, texts=texts)
    say(folder, "Anna", {row: gold[row - 1] for row in rows}, "politeness")
    coded = beside(run)
    frame = pl.DataFrame(
        {ROW: range(1, table.height + 1), MODEL: model, "text": [*texts.values()]},
        schema_overrides={ROW: pl.Int64},
    )
    population = coded.population([frame])
    found = coded.judged(population, Judging(Resampling()))
    low, high = (found.model.measures["accuracy"].low, found.model.measures["accuracy"].high)
    assert (low or 1) < 0.695985 < (high or 0)
    polite = corrected(coded, population, RunEstimand(label="polite"), Resampling()).corrections[0]
    assert polite.model_only.estimate == pytest.approx(0.735401, abs=1e-6)
    assert polite.corrected.estimate == pytest.approx(0.5, abs=0.04)
    assert (polite.corrected.low or 1) < 0.5 < (polite.corrected.high or 0)
    assert (polite.model_only.low or 0) > 0.5
    assert found.acceptance is not None
    assert "usable" not in {one.verdict for one in found.acceptance.labels}


KINDS = {
    "variables": [
        {"name": "topics", "kind": "labels", "labels": [{"name": "work"}, {"name": "home"}], "none": True},
        {
            "name": "tone",
            "kind": "scale",
            "labels": [{"name": "low"}, {"name": "mid"}, {"name": "high"}],
            "cant_say": True,
        },
        {"name": "age", "kind": "number", "cant_say": True},
        {"name": "day", "kind": "date", "cant_say": True},
    ]
}


@pytest.fixture
def of_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    lines = "".join(f"text number {row}\n" for row in range(1, 41))
    (tmp_path / "posts.csv").write_text("post\n" + lines, encoding="utf-8")
    run = rowbatch.create(tmp_path / "posts.csv", text="post", codebook=KINDS, run=tmp_path / "run")
    draw(set_of(run), range(1, 31), {"": 40})
    return run


def numbers_of(run: Run, variable: str, people: list[str], model: list[str]) -> tuple[CodedRun, pl.DataFrame]:
    (folder,) = sets_of_table(run.plan.source.sha256)
    say(folder, "Anna", dict(enumerate(people, 1)), variable)
    coded = beside(run, variable=variable)
    frame = pl.DataFrame(
        {
            ROW: range(1, 41),
            MODEL: [*model, *model[:10]],
            "text": [f"text number {row}" for row in range(1, 41)],
        },
        schema_overrides={ROW: pl.Int64},
    )
    return coded, coded.population([frame])


def test_several_labels_count_each_for_itself(of_kinds: Run) -> None:
    """
    Of sets of labels there is a number for each label, the share of the whole table corrected, and measures
    of sets.
    """
    people = ["work; home"] * 10 + ["work"] * 10 + ["none of these"] * 10
    model = ["work; home"] * 8 + ["work"] * 12 + ["none of these"] * 5 + ["home"] * 5
    coded, population = numbers_of(of_kinds, "topics", people, model)
    found = coded.judged(population, Judging(Resampling(draws=200)))
    work, home = found.of_labels["work"], found.of_labels["home"]
    assert work.measures["accuracy"].estimate == 1.0
    # Home: 8 both, 2 people only, 5 the model only, 15 neither.
    assert home.measures["accuracy"].estimate == pytest.approx(23 / 30)
    assert found.model.measures["accuracy"].estimate == pytest.approx(23 / 30)
    assert found.comparison is not None
    shares = corrected(coded, population, RunEstimand(method="dsl"), Resampling()).corrections
    assert [one.quantity for one in shares] == ["share of work", "share of home", "share of none of these"]
    # The model: home in 8 + 5 of 30 rows and 8 of the 10 others; off by 3 of 30.
    assert shares[1].model_only.estimate == pytest.approx(21 / 40)
    assert shares[1].corrected.estimate == pytest.approx(21 / 40 - 3 / 30)
    assert found.acceptance is not None
    assert [(one.label, one.hits, one.n) for one in found.acceptance.labels][:2] == [
        *(("work", 20, 20), ("home", 8, 13)),
    ]


def test_steps_and_numbers_have_their_order(of_kinds: Run) -> None:
    """
    On a scale and of numbers "can't say" lies nowhere: of people it is left out and counted, of the model it
    is no answer; means of numbers are corrected, dates are not.
    """
    people = ["low"] * 10 + ["mid"] * 10 + ["high"] * 9 + ["can't say"]
    model = ["low"] * 10 + ["high"] * 10 + ["high"] * 8 + ["can't say"] * 2
    coded, population = numbers_of(of_kinds, "tone", people, model)
    found = coded.judged(population, Judging(Resampling(draws=200)))
    assert (found.counts.settled, found.counts.cant_say, found.model.without) == (29, 1, 1)
    assert found.model.measures["accuracy"].estimate == pytest.approx(18 / 29)
    assert "cohen_kappa_quadratic" in found.model.measures
    ages = [str(20 + row) for row in range(29)] + ["can't say"]
    told = [str(21 + row) for row in range(28)] + ["can't say", "30"]
    coded, population = numbers_of(of_kinds, "age", ages, told)
    found = coded.judged(population, Judging(Resampling(draws=200)))
    assert found.model.measures["bias"].estimate == pytest.approx(1.0)
    assert (found.counts.settled, found.acceptance) == (29, None)
    mean = corrected(coded, population, RunEstimand(), Resampling()).corrections[0]
    assert mean.quantity == "mean of age (people), where it can be said"
    assert mean.people_only.estimate == pytest.approx(34.0)
    # Of the rows of which people can say it.
    assert mean.corrected.n == mean.people_only.n == 29
    assert mean.corrected.low is not None
    assert mean.corrected.high is not None
    assert mean.corrected.low < 34 < mean.corrected.high
    days = [f"2026-03-{row:02}" for row in range(1, 31)]
    coded, population = numbers_of(of_kinds, "day", days, [*days[:29], "2026-04-01"])
    found = coded.judged(population, Judging(Resampling(draws=200)))
    assert found.model.measures["accuracy"].estimate == pytest.approx(29 / 30)
    assert found.comparison is not None
    with pytest.raises(UsageError) as caught:
        corrected(coded, population, RunEstimand(), Resampling())
    assert caught.value.kind == "correct-kind"
