"""Columns and runs may have any name, also those that the program gives to columns of its own."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import rowbatch
from coded_sets import MOOD, answered_run, draw, say, set_of
from rowbatch import api
from rowbatch.api import Run

ROWS = 60
NAMES = ("row", "value", "gold", "group", "stratum", "model", "sure", "likely", "cluster", "0", "status")
"""Of columns of our own in the frames of which numbers are made."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A run, coded, whose table has a column with two groups under each name."""
    folder = tmp_path_factory.mktemp("names")
    cities = ["north" if row % 2 else "south" for row in range(1, ROWS + 1)]
    moods = [{"mood": "good" if row % 3 else "bad"} for row in range(1, ROWS + 1)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROWBATCH_HOME", str(folder / "home"))
        patch.chdir(folder)
        with answered_run(folder, moods, MOOD, {"city": cities, **dict.fromkeys(NAMES, cities)}) as run:
            people = set_of(run)
            rows = random.Random(1).sample(range(1, ROWS + 1), 40)
            draw(people, rows, {"": ROWS})
            say(people, "Anna", {row: "good" if row % 5 else "bad" for row in rows})
            yield run


@pytest.fixture
def run(made: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("ROWBATCH_HOME", str(made.path.parent / "home"))
    monkeypatch.chdir(made.path.parent)
    return made


@pytest.mark.parametrize("name", NAMES)
def test_groups_of_a_column_of_any_name(run: Run, name: str) -> None:
    """
    What a column is called changes no number.
    """
    curve = api.specification_curve(run, label="good", by=name, draws=200)
    expected = api.specification_curve(run, label="good", by="city", draws=200)
    assert curve.range == expected.range
    told = run.corrected(label="good", by=name, draws=200)
    as_city = run.corrected(label="good", by="city", draws=200)
    assert [one.corrected.estimate for one in told.corrections] == [
        one.corrected.estimate for one in as_city.corrections
    ]
    on = run.corrected(label="good", on=name, draws=200)
    on_city = run.corrected(label="good", on="city", draws=200)
    assert [one.corrected.estimate for one in on.corrections] == [
        one.corrected.estimate for one in on_city.corrections
    ]
    clustered = run.corrected(label="good", cluster=name, draws=200)
    assert clustered.corrections[0].corrected.estimate == pytest.approx(
        run.corrected(label="good", cluster="city", draws=200).corrections[0].corrected.estimate
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_run_of_any_name_beside_people(run: Run, tmp_path: Path, name: str) -> None:
    """
    What a run is called changes nothing of how often it says what people do.
    """
    shutil.copytree(run.path, tmp_path / name)
    found = api.stability(tmp_path / name, draws=200)
    expected = api.stability(run, draws=200)
    assert [one.estimate for one in found.against.values()] == [
        one.estimate for one in expected.against.values()
    ]


@pytest.mark.parametrize("name", NAMES)
def test_tools_take_a_column_of_any_name(tmp_path: Path, name: str) -> None:
    """
    Numbers of a table don't depend on what its columns are called.
    """
    rows = [("good" if n % 3 else "bad", "good" if n % 5 else "bad", f"t{n}", "ab"[n % 2]) for n in range(90)]

    def table(columns: tuple[str, ...]) -> Path:
        path = tmp_path / f"{'-'.join(columns)}.csv"
        path.write_text("\n".join(",".join(one) for one in (columns, *rows)) + "\n", encoding="utf-8")
        return path

    plain = table(("said", "truth", "id", "city"))
    for at in range(4):
        columns = ["said", "truth", "id", "city"]
        columns[at] = name
        odd = table(tuple(columns))
        assert (
            rowbatch.agree(odd, columns[:2], draws=200).to_plain()["measures"]["cohen_kappa"]
            == rowbatch.agree(plain, ["said", "truth"], draws=200).to_plain()["measures"]["cohen_kappa"]
        )
        got = rowbatch.correct(
            odd, predicted=columns[0], gold=columns[1], by=columns[3], label="good", draws=200
        )
        want = rowbatch.correct(plain, predicted="said", gold="truth", by="city", label="good", draws=200)
        assert [one.corrected.estimate for one in got.corrections] == [
            one.corrected.estimate for one in want.corrections
        ]


@pytest.mark.parametrize("name", [*NAMES, "coder", "key", "answer", "text", "position", "left", "right", "n"])
def test_tables_are_put_together_by_columns_of_any_name(tmp_path: Path, name: str) -> None:
    """
    Keys, values and columns that only go along may be called as what the program calls its own.
    """
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    for path, shift in ((first, 0), (second, 1)):
        lines = [f"t{row},{'good' if (row + shift) % 3 else 'bad'},x{row}" for row in range(30)]
        for key, value, more in ((name, "mood", "other"), ("id", name, "other"), ("id", "mood", name)):
            own = path.with_suffix(f".{key}-{value}.csv")
            own.write_text("\n".join([f"{key},{value},{more}", *lines]) + "\n", encoding="utf-8")
    for key, value in ((name, "mood"), ("id", name), ("id", "mood")):
        files = [path.with_suffix(f".{key}-{value}.csv") for path in (first, second)]
        beside = rowbatch.compare(*files, columns=[value, value], key=key, draws=200)
        assert (beside.agreement.rows, beside.same) == (30, 10)
        output = tmp_path / f"{key}-{value}.csv"
        rowbatch.merge_coders(files, output, key=key, value=value)
        merged = output.read_text(encoding="utf-8-sig").splitlines()
        assert len(merged) == 31
        assert merged[1].split(",")[0] == "t0"
        assert merged[1].split(",").count("bad") == 1
    drawn = tmp_path / "drawn.csv"
    rowbatch.sample(
        second.with_suffix(".id-mood.csv"),
        drawn,
        count=10,
        text="mood",
        labels="good,bad",
        keep=[name, "id"],
        prompt="Which?",
    )
    assert len(drawn.read_text(encoding="utf-8-sig").splitlines()) == 11
