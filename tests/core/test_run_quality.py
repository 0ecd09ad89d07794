"""A run beside a coding set, as values: how rows were drawn, how sure the model was, who looked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
import pytest

from rowbatch.core.coding_set import Code, CodingSet, Decision, DrawnRow, Look, Wave
from rowbatch.core.plan import Source
from rowbatch.core.run_quality import (
    MODEL,
    ROW,
    STRATUM,
    SURE,
    Judging,
    SetContent,
    judge,
    look_number,
    settle,
    used_up,
    weigh,
)
from rowbatch.core.statistics.figures import Resampling, difference_figure, share_figure

ANSWER = {"variables": [{"name": "mood", "labels": [{"name": "good"}, {"name": "bad"}]}]}
PLAN = CodingSet("00" * 8, "people", Source(Path("posts.csv"), "ab" * 32), "post", ANSWER, ("mood",))
(MOOD,) = PLAN.asked


def content(
    waves: Sequence[Wave],
    rows: Sequence[DrawnRow],
    codes: Mapping[str, Mapping[int, str]],
    decisions: Sequence[Decision] = (),
) -> SetContent:
    keys = {one.row: one.key for one in rows}
    said = {
        coder: {keys[row]: Code(keys[row], {"mood": value}) for row, value in values.items()}
        for coder, values in codes.items()
    }
    return SetContent(PLAN, waves, rows, said, {(one.key, one.variable): one for one in decisions}, ())


def row(number: int, **more: object) -> DrawnRow:
    return DrawnRow(f"row-{number}-00000000", number, f"text {number}", **more)  # type: ignore[arg-type]


def table(model: Sequence[str], **columns: Sequence[object]) -> pl.DataFrame:
    return pl.DataFrame(
        {ROW: range(1, len(model) + 1), MODEL: model, **columns}, schema_overrides={ROW: pl.Int64}
    )


def test_rows_of_several_draws_count_by_all_of_them() -> None:
    """
    After a draw of all rows alike some of one stratum were drawn besides: each row counts one by the share of
    its stratum that people settled on, whichever draw it came by.
    """
    waves = [Wave(1, {"": 12}), Wave(2, {"a": 4, "b": 8}, "by city", stratified_by="city")]
    rows = [row(1), row(5), row(6), *(row(n, wave=2, stratum="a") for n in (2, 3))]
    found = content(waves, rows, {"Anna": dict.fromkeys((1, 2, 3, 5, 6), "good")})
    population = table(["good"] * 12, **{STRATUM: [1] * 4 + [2] * 8})
    settled = settle(found, MOOD, "all")
    weighing = weigh(population, found, settled)
    assert weighing.probability == {1: 3 / 4, 2: 2 / 8}
    assert weighing.weights is not None
    assert weighing.weights[1] == weighing.weights[2] == weighing.weights[3]
    assert weighing.weights[5] == pytest.approx(3 * weighing.weights[1])
    assert sum(weighing.weights.values()) == pytest.approx(5)


def test_a_rare_label_that_was_drawn_more_often_is_no_easier_to_guess() -> None:
    """
    A city of a tenth of the rows, where "bad" is common, has half of the coded ones. 20 of 50 that the model
    calls bad are: no more than of all coded rows, and five times as many as of all rows of the table.
    """
    waves = [Wave(1, {"a": 200, "b": 1800}, stratified_by="city")]
    rows = [row(n, stratum="a" if n <= 200 else "b") for n in range(1, 401)]
    gold = {n: "bad" if n <= 20 or 50 < n <= 180 else "good" for n in range(1, 401)}
    found = content(waves, rows, {"Anna": gold})
    population = table(["bad"] * 50 + ["good"] * 1950, **{STRATUM: [1] * 200 + [2] * 1800})
    judged = judge(population, found, settle(found, MOOD, "all"), MOOD, Judging(Resampling()), run="run")
    assert judged.acceptance is not None
    bad = next(one for one in judged.acceptance.labels if one.label == "bad")
    assert (bad.hits, bad.n, bad.verdict) == (20, 50, "usable-with-correction")


def test_what_was_drawn_in_groups_is_accepted_nowhere() -> None:
    """
    Where whole groups were drawn rows are not alone, and exact bounds do not hold: there are none, and why is
    said.
    """
    waves = [Wave(1, {"": 10}, "groups", clusters={"": 5}, grouped_by="person")]
    rows = [row(n, group=str(n // 2)) for n in range(1, 7)]
    found = content(waves, rows, {"Anna": dict.fromkeys(range(1, 7), "good")})
    judged = judge(
        table(["good"] * 10), found, settle(found, MOOD, "all"), MOOD, Judging(Resampling()), run="run"
    )
    assert "quality-groups" in [note.kind for note in judged.notes]
    assert judged.acceptance is not None
    assert {one.why.kind for one in judged.acceptance.labels if one.why} == {"accept-not-drawn-alike"}
    assert judged.acceptance.usable_rows == 0


def test_groups_of_unequal_chance_are_weighted_by_it() -> None:
    """
    Where some groups were likelier than others their rows count one by that, and of the rows that were not
    drawn nothing is said.
    """
    waves = [
        Wave(1, {"": 10}, "groups", clusters={"": 2}, grouped_by="person"),
        Wave(2, {"": 10}, "other groups", clusters={"": 4}, grouped_by="person"),
    ]
    rows = [row(1, group="a"), row(2, group="b", wave=2)]
    found = content(waves, rows, {"Anna": {1: "good", 2: "good"}})
    weighing = weigh(table(["good"] * 10), found, settle(found, MOOD, "all"))
    assert weighing.weights is not None
    assert [weighing.weights[n] for n in (1, 2)] == pytest.approx([2 / 3, 4 / 3])
    assert weighing.probability == {}


def test_a_label_may_be_usable_where_the_model_is_sure() -> None:
    """
    Beside all rows with a label stand those of which the model was sure enough, by thresholds that are fixed:
    the surer ones are all right, and may be used.
    """
    sure = [0.95] * 100 + [0.5] * 100
    gold = {n: "good" if n <= 100 or n % 2 else "bad" for n in range(1, 201)}
    found = content([Wave(1, {"": 200})], [row(n) for n in gold], {"Anna": gold})
    population = table(["good"] * 200, **{SURE: sure})
    judged = judge(population, found, settle(found, MOOD, "all"), MOOD, Judging(Resampling()), run="run")
    assert judged.acceptance is not None
    good = {one.least_sure: one for one in judged.acceptance.labels if one.label == "good"}
    assert [(least, one.hits, one.n, one.verdict) for least, one in good.items()] == [
        (None, 150, 200, "not-automatable"),
        (0.7, 100, 100, "usable"),
        (0.9, 100, 100, "usable"),
        (0.99, 0, 0, "too-little-evidence"),
    ]
    assert judged.acceptance.usable_rows == 100


def test_a_decision_holds_and_a_disagreement_waits() -> None:
    """
    What was decided is gold, also where all coders say something else; what was not decided is none.
    """
    rows = [row(1), row(2), row(3)]
    codes = {"Anna": {1: "good", 2: "good", 3: "good"}, "Ben": {1: "bad", 2: "bad", 3: "good"}}
    decided = [Decision(rows[0].key, "mood", "bad"), Decision(rows[2].key, "mood", "bad")]
    found = settle(content([Wave(1, {"": 9})], rows, codes, decided), MOOD, "all")
    assert found.gold == {1: "bad", 3: "bad"}
    assert found.counts.unsettled == 1


def test_looks_are_counted_by_what_was_looked_at() -> None:
    """
    The same numbers looked at again are the look that they were; other rows, another run, another codebook
    are further ones, of a part and a variable each; and another codebook uses the part up.
    """

    def look(
        part: str = "test", codebook: str = "a", run: str = "r", rows: int = 10, name: str = "mood"
    ) -> Look:
        return Look(part, "2026-11-28T10:00:00+00:00", "", codebook, run, name, rows)  # type: ignore[arg-type]

    earlier = [look(), look("dev"), look(rows=20), look(), look(name="tone"), look(run="s")]
    assert [look_number(earlier, one) for one in (look(), look(rows=20), look(run="s"), look(rows=30))] == [
        *(1, 2, 3, 4),
    ]
    assert look_number(earlier, look(name="tone", rows=11)) == 2
    assert used_up(earlier, look()) is None
    told = used_up(earlier, look(codebook="b"))
    assert told is not None
    assert (told.values["looks"], told.values["day"]) == (5, "2026-11-28")


def test_the_difference_of_two_shares_is_newcombes() -> None:
    """
    The examples of his paper, table II: 56 of 70 against 48 of 80, and shares of 0 and 1.
    """
    resampling = Resampling()
    for first, second, low, high in (
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((0, 10), (0, 20), -0.1611, 0.2775),
    ):
        shares = [share_figure(*one, resampling, "") for one in (first, second)]
        found = difference_figure(shares[0], shares[1], resampling, "more often")
        assert found.low == pytest.approx(low, abs=1e-4)
        assert found.high == pytest.approx(high, abs=1e-4)
    nothing = difference_figure(
        share_figure(0, 0, resampling, ""), share_figure(1, 2, resampling, ""), resampling, ""
    )
    assert nothing.estimate is None
    assert nothing.why is not None
