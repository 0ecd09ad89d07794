"""A report of a run whose rows people coded: from the coding set to the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coded_sets import answered_run, draw, say, set_of
from rowbatch.api.reporting import archive, check_archive, report
from rowbatch.core.coding_set import Wave
from rowbatch.errors import UsageError
from rowbatch.reporting.people import design_told

ANSWERS = [{"mood": "good"}] * 20 + [{"mood": "bad"}] * 20
GOLD = {row: ("good" if row <= 16 else "bad") for row in range(1, 41)}


def test_the_numbers_of_people_come_from_the_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Of the only coding set of the table: agreement, the corrected share, labels that may be used, each look
    counted; nobody typed anything. Several sets are a question, and one that nobody coded is none.
    """
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    with answered_run(tmp_path, ANSWERS) as run:
        path = tmp_path / "r.json"
        set_of(run, "empty")
        report(run, path)
        assert json.loads(path.read_text())["people"] is None
        folder = set_of(run)
        draw(folder, [*GOLD], {"": 40}, parts="test")
        say(folder, "Anna", GOLD)
        say(folder, "Ben", {row: "bad" if row == 40 else value for row, value in GOLD.items()})
        report(run, [path, tmp_path / "r.html"], overwrite=True, checklist="tornberg")
        found = json.loads(path.read_text())["people"]
        assert (found["source"], found["coders"], found["rows"], found["part"]) == ("people", 2, 40, "test")
        assert found["is_random"]
        assert not found["is_test_spent"]
        assert found["design"] == "simple random, seed 1"
        assert found["looks"] == len(folder.looks()) == 1
        # 36 of 40 are right, and people call 16 of them good.
        assert found["against"]["mood"]["accuracy"]["estimate"] == pytest.approx(0.9)
        assert [cell for cell in found["confusion"]["mood"] if cell[1] == "good"] == [
            ["good", "good", 16],
            ["bad", "good", 4],
        ]
        (good,) = [one for one in found["corrected"] if "good" in one["name"]]
        assert good["model_only"]["estimate"] == pytest.approx(0.5)
        assert good["corrected"]["estimate"] == pytest.approx(0.4, abs=1e-6)
        assert set(found["accepted"]["mood"]) == {"good", "bad"}
        page = (tmp_path / "r.html").read_text()
        assert "Nobody has checked" not in page
        assert "simple random, seed 1" in page
        say(folder, "Ben", dict.fromkeys((1, 2, 3), "bad"))
        report(run, [path, tmp_path / "r.html", tmp_path / "zh.html"], overwrite=True)
        # Three rows wait for a decision: what the numbers are not of stands beside them.
        assert any(
            note.startswith("3 rows are left out")
            for note in json.loads(path.read_text())["people"]["notes"]["mood"]
        )
        assert "mood: 3 rows are left out, since coders differ" in (tmp_path / "r.html").read_text()
        report(run, tmp_path / "zh.html", language="zh", overwrite=True)
        assert "mood：有 3 行" in (tmp_path / "zh.html").read_text()
        packed = archive(run, tmp_path / "a.zip")
        assert check_archive(packed.path).faults == ()
        other = set_of(run, "other")
        draw(other, [1], {"": 40})
        say(other, "Anna", {1: "good"})
        with pytest.raises(UsageError) as caught:
            report(run, path, overwrite=True)
        assert caught.value.kind == "coding-sets-several"
        report(run, path, people="people", overwrite=True)


def test_designs_are_told_once() -> None:
    """
    Each design with its seed, in either language; rows that chance did not draw are told as that.
    """

    waves = [
        Wave(1, {"": 9}),
        Wave(2, {"": 9}),
        Wave(3, {"a": 9}, design="stratified", seed=2, stratified_by="city"),
        Wave(4, {}, design="", chosen_by="least-sure"),
    ]
    assert design_told(waves, "en") == (
        "simple random, seed 1; random within strata of city, seed 2 (and others that chance did not draw, "
        "which do not count)"
    )
    assert design_told(waves[:1], "zh") == "简单随机抽样，种子 1"
    assert design_told([], "en") == ""
