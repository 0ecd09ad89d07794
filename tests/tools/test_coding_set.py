"""Draws of a coding set: each design goes on from itself, and keeps the chance of each row."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import rowbatch
from rowbatch.core.coding_set import assigned, probabilities, queue_of
from rowbatch.core.drawing import allocate
from rowbatch.errors import OutputExists, RowbatchError, UsageError
from rowbatch.programs.opening import open_table
from rowbatch.tools.coding_set import Design, draw_wave

ROWS = 400


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """400 rows: towns a (most), b and c (12); 80 persons with 1 to 9 rows; each 20th has no text."""
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "posts.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("town", "person", "post", "side"))
        for at in range(1, ROWS + 1):
            town = "c" if at % 33 == 0 else "b" if at % 5 == 0 else "a"
            person = at * at % 83
            # A person is of one side.
            side = "left" if person % 3 else "right"
            rows.writerow((town, f"p{person}", f"text {at}" if at % 20 else "", side))
    return path


def made(table: Path, count: int, **options: object) -> rowbatch.OpenCodingSet:
    return rowbatch.coding_set(table, count=count, text="post", labels="good,bad", **options)  # type: ignore[arg-type]


def numbers(coding: rowbatch.OpenCodingSet) -> list[int]:
    return [one.row for one in coding.rows()]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="simple"),
        pytest.param({"stratify": "town"}, id="proportional"),
        pytest.param({"stratify": "town", "allocation": "equal"}, id="equal"),
        pytest.param({"stratify": "town", "at_least": 6}, id="at-least"),
        pytest.param({"group": "person"}, id="groups"),
        pytest.param({"group": "person", "whole_groups": False}, id="one-per-group"),
        pytest.param({"group": "person", "stratify": "side", "allocation": "equal"}, id="groups-in-strata"),
    ],
)
def test_a_sample_goes_on_as_if_it_had_been_drawn_at_once(table: Path, options: dict[str, object]) -> None:
    """
    Twenty and then ten more are the thirty, in every design; none comes twice, and another seed draws others.
    """
    small, large = made(table, 20, name="small", **options), made(table, 30, name="large", **options)
    before = numbers(small)
    small.draw(10, at_least=options.get("at_least", 0))  # type: ignore[arg-type]
    assert numbers(small)[: len(before)] == before
    assert sorted(numbers(small)) == sorted(numbers(large))
    assert len(set(numbers(small))) == len(numbers(small))
    assert numbers(made(table, 20, name="other", seed=2, **options)) != before
    assert small.probabilities() == pytest.approx(large.probabilities())


def test_rows_of_a_stratum_are_drawn_by_a_hash_that_anyone_can_compute(table: Path) -> None:
    """
    As docs/how-to/code-a-sample.md has it: of each stratum the rows with the smallest hashes.
    """
    coding = made(table, 12, stratify="town", allocation={"a": 6, "b": 4, "c": 2})
    assert Counter(one.stratum for one in coding.rows()) == {"a": 6, "b": 4, "c": 2}
    of_b = [at for at in range(1, ROWS + 1) if at % 33 and at % 5 == 0 and at % 20]

    def hashed(row: int) -> str:
        return hashlib.sha256(f"rowbatch-sample\nstratified\n1\n{row}".encode()).hexdigest()

    assert [one.row for one in coding.rows() if one.stratum == "b"] == sorted(of_b, key=hashed)[:4]
    assert numbers(coding) == sorted(numbers(coding), key=hashed)
    assert coding.waves()[0].population == {"a": 310, "b": 58, "c": 12}


def test_a_rare_stratum_is_filled_up_in_a_simple_sample(table: Path) -> None:
    """
    What was drawn without strata counts in them, and each row then stands for those of its stratum.
    """
    coding = made(table, 40)
    first = Counter("c" if row % 33 == 0 else "b" if row % 5 == 0 else "a" for row in numbers(coding))
    found = coding.draw(20, stratify="town", at_least=8)
    assert found.wave.also.keys() == {one.key for one in coding.rows()[:40]}
    added = Counter(one.stratum for one in found.rows)
    assert first["c"] + added["c"] >= 8
    chance = coding.probabilities()
    assert sum(1 / one for one in chance.values()) == pytest.approx(380)
    by_row = {one.row: chance[one.key] for one in coding.rows()}
    assert {round(12 * p) for row, p in by_row.items() if row % 33 == 0} == {first["c"] + added["c"]}
    with pytest.raises(UsageError) as caught:
        coding.draw(5, stratify="person")
    assert caught.value.kind == "coding-design-differs"


@pytest.mark.parametrize(
    "design",
    [
        pytest.param(Design(30), id="simple"),
        pytest.param(Design(30, stratify="town", allocation="equal"), id="stratified"),
        pytest.param(Design(12, group="person"), id="groups"),
        pytest.param(Design(12, group="person", whole_groups=False), id="one-per-group"),
        pytest.param(Design(12, group="person", stratify="side", allocation="equal"), id="groups-in-strata"),
        pytest.param(Design(12, group="person", stratify="side", at_least=4), id="groups-at-least"),
    ],
)
def test_sums_of_one_over_the_chance_are_right_on_average(table: Path, design: Design) -> None:
    """
    Over 40 seeds the Horvitz-Thompson estimate of how many rows have an odd number is right within four
    standard errors: in every design.
    """
    truth = sum(1 for at in range(1, ROWS + 1) if at % 20 and at % 2)
    plan, opened = made(table, 1).plan, open_table(table)
    found = []
    for seed in range(40):
        drawn = draw_wave(opened, replace(plan, seed=seed), design, [], [])
        chance = probabilities([drawn.wave], drawn.rows)
        found.append(sum(1 / chance[one.key] for one in drawn.rows if one.row % 2))
    mean = sum(found) / len(found)
    error = (sum((one - mean) ** 2 for one in found) / (len(found) - 1) / len(found)) ** 0.5
    assert abs(mean - truth) < 4 * error, (mean, truth, error)


def test_parts_are_of_texts_and_of_groups(table: Path) -> None:
    """
    A row is for `test` by the hash of its text, whichever wave it comes by; a group stays together; 0 parts
    nothing; and each row's chance in a part is that of being there.
    """
    coding = made(table, 100, group="", name="one")
    parts = {one.row: one.part for one in coding.rows()}
    assert 30 < sum(part == "test" for part in parts.values()) < 70
    for row, part in parts.items():
        first = hashlib.sha256(f"rowbatch-part\n1\ntext {row}".encode()).hexdigest()[:16]
        assert part == ("test" if int(first, 16) < 2**63 else "dev")
    test = [one for one in coding.rows() if one.part == "test"]
    assert sum(1 / one for one in probabilities(coding.waves(), test).values()) == pytest.approx(380)
    assert {one.part for one in made(table, 9, test=0, name="two").rows()} == {""}
    grouped = made(table, 20, group="person", name="three").rows()
    assert len({(one.group, one.part) for one in grouped}) == 20


def test_groups_are_drawn_in_strata_with_their_parts(table: Path) -> None:
    """
    So many groups of each stratum come with all of their rows, each group is wholly of one part, the chance
    of a row is that of its group in its stratum, and the draw is replayed.
    """
    coding = made(table, 20, group="person", stratify="side", allocation={"left": 12, "right": 8})
    rows, (wave,) = coding.rows(), coding.waves()
    groups = {one.group: one.stratum for one in rows}
    assert Counter(groups.values()) == {"left": 12, "right": 8}
    assert all(stratum == ("left" if int(name[1:]) % 3 else "right") for name, stratum in groups.items())
    assert len({(one.group, one.part) for one in rows}) == 20
    assert {one.part for one in rows} == {"dev", "test"}
    chance = coding.probabilities()
    for one in rows:
        size = wave.clusters[one.stratum]
        assert chance[one.key] == pytest.approx({"left": 12, "right": 8}[one.stratum] / size)
    test = [one for one in rows if one.part == "test"]
    of_part = probabilities([wave], test)
    drawn = Counter({one.group: one.stratum for one in test}.values())
    assert {one.stratum: of_part[one.key] * wave.clusters[one.stratum] for one in test} == pytest.approx(
        drawn
    )
    coding.draw(4)
    assert len({one.group for one in coding.rows()}) == 24
    assert coding.replay().is_same
    with pytest.raises(UsageError) as caught:
        coding.draw(4, stratify="town")
    assert caught.value.kind == "coding-design-differs"


def test_a_text_that_stands_in_several_rows_is_coded_once(table: Path) -> None:
    """
    The later row names the earlier one, nobody is shown it, and what is said of the one is said of both;
    they are in one part, and another context makes another text of it.
    """
    table.write_text("id,post\n" + "".join(f"{at % 2},same\n{at},text {at}\n" for at in range(1, 9)))
    coding = rowbatch.coding_set(table, count=16, text="post", labels="good,bad", context="id", name="twice")
    rows = coding.rows()
    repeats = [one for one in rows if one.same_as]
    assert len(repeats) == 6
    assert {one.text for one in repeats} == {"same"}
    shown = queue_of(coding.plan, rows, "Anna")
    assert len(shown) == 10
    assert not {one.key for one in shown} & {one.key for one in repeats}
    assert len({one.part for one in rows if one.text == "same"}) == 1


def test_rows_are_divided_among_coders(table: Path) -> None:
    """
    A fifth of each wave is coded by all, each other row by one, in an order of their own; further rows change
    nothing of the earlier ones.
    """
    coding = made(table, 50, coders=["Anna", "Ben"])
    owners = assigned(coding.plan, coding.rows())
    assert Counter(owners.values()) == {("Anna", "Ben"): 10, ("Anna",): 20, ("Ben",): 20}
    anna, ben = (queue_of(coding.plan, coding.rows(), name) for name in ("Anna", "Ben"))
    assert (len(anna), len(ben)) == (30, 30)
    both = {one.key for one in anna} & {one.key for one in ben}
    assert [one.key for one in anna if one.key in both] != [one.key for one in ben if one.key in both]
    coding.draw(10)
    assert assigned(coding.plan, coding.rows()).items() >= owners.items()
    assert [*queue_of(coding.plan, coding.rows(), "Anna")][:30] == anna
    assert len(queue_of(coding.plan, coding.rows(), "Cem")) == 60


def test_more_rows_of_strata_begin_with_fewer() -> None:
    """
    Row by row the stratum that is the furthest behind gets the next: proportional, equal, or a least number
    first; none gets more than it has.
    """
    sizes = {"a": 900, "b": 90, "c": 10}
    assert allocate(100, sizes, {}) == {"a": 90, "b": 9, "c": 1}
    assert allocate(60, sizes, {}, equal=True) == {"a": 25, "b": 25, "c": 10}
    assert allocate(100, sizes, {}, at_least=8) == {"a": 84, "b": 8, "c": 8}
    assert allocate(10, sizes, {"a": 83, "b": 9}, at_least=8) == {"a": 2, "b": 0, "c": 8}
    before = dict.fromkeys(sizes, 0)
    for count in range(1, 200):
        now = allocate(count, sizes, {}, at_least=5)
        assert sum(now.values()) == count
        assert all(now[name] >= before[name] for name in sizes)
        before = now
    assert allocate(5_000, sizes, {}) == sizes


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"count": 381}, "sample-too-few-rows"),
        ({"count": 81, "group": "person"}, "sample-too-few-groups"),
        ({"count": 5, "stratify": "post"}, "sample-too-many-strata"),
        ({"count": 5, "stratify": "town", "group": "person"}, "sample-groups-in-several-strata"),
        (
            {"count": 5, "stratify": "town", "group": "person", "whole_groups": False},
            "sample-strata-and-groups",
        ),
        ({"count": 0, "stratify": "town", "allocation": {"z": 1}}, "sample-no-stratum"),
        ({"count": 0, "stratify": "town", "allocation": {"c": 13}}, "sample-stratum-too-small"),
        ({"count": 4, "stratify": "town", "allocation": {"c": 3}}, "sample-strata-sum"),
        ({"count": 4, "test": 2}, "sample-share"),
        ({"count": 4, "coders": "a", "overlap": -1}, "sample-share"),
        ({"count": 4, "context": "nothing"}, "no-such-column"),
    ],
)
def test_what_does_not_fit_is_said_before_a_set_is_made(
    table: Path, options: dict[str, object], kind: str
) -> None:
    """
    More than there are, strata without end, two designs at once: no set is there then.
    """
    with pytest.raises(RowbatchError) as caught:
        made(table, **options)  # type: ignore[arg-type]
    assert caught.value.kind == kind
    assert rowbatch.coding_sets() == []


def test_a_set_keeps_its_table(table: Path) -> None:
    """
    A table that was changed is refused; a name that is taken, too; and a set is found by folder, name and id.
    """
    coding = made(table, 5, name="mine")
    assert rowbatch.open_coding_set("mine").path == coding.path
    assert rowbatch.open_coding_set(coding.plan.id).path == coding.path
    assert rowbatch.open_coding_set(coding.path).name == "mine"
    with pytest.raises(UsageError) as taken:
        made(table, 5, name="mine")
    assert taken.value.kind == "coding-set-name-taken"
    with pytest.raises(OutputExists):
        made(table, 5, at=coding.path)
    table.write_text(table.read_text() + "a,p1,one more\n")
    with pytest.raises(RowbatchError) as caught:
        coding.draw(5)
    assert caught.value.kind == "coding-table-changed"
