"""Coding sets on the disk."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from rowbatch.core.coding_set import (
    Code,
    CodingSet,
    Decision,
    DrawnRow,
    Look,
    Wave,
    disagreements,
    gold_of,
    probabilities,
)
from rowbatch.core.plan import Source
from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import InputError, OutputExists, StorageError, UsageError
from rowbatch.processes import hold_in_turn, python_module
from rowbatch.store.coding_sets import CodingFolder, find_set, free_set_path, known_sets, sets_of_table

ANSWER = {"variables": [{"name": "mood", "labels": [{"name": "good"}, {"name": "bad"}]}]}


def plan_of(name: str = "posts", **changes: object) -> CodingSet:
    values: dict[str, object] = {
        "id": "0123456789abcdef",
        "name": name,
        "source": Source(Path("/data/posts.csv"), "ab" * 32, 10, ReadOptions(delimiter=";")),
        "text": "post",
        "answer": ANSWER,
        "variables": ("mood",),
        "context": ("id",),
        "created_at": "2026-11-28T10:00:00+00:00",
        "rowbatch_version": "0.3",
    }
    return CodingSet(**{**values, **changes})  # type: ignore[arg-type]


def rows_of(*numbers: int, **changes: object) -> list[DrawnRow]:
    return [DrawnRow(f"row-{n}-00000000", n, f"text {n}", {"id": str(n)}, **changes) for n in numbers]  # type: ignore[arg-type]


@pytest.fixture
def coding(tmp_path: Path) -> CodingFolder:
    return CodingFolder.create(tmp_path / "posts", plan_of())


def test_a_set_is_read_as_it_was_frozen(coding: CodingFolder) -> None:
    """
    The table with how it is read, the codebook and what is asked come back, and nothing takes its place.
    """
    assert CodingFolder(coding.path).plan == plan_of()
    assert [one.name for one in coding.plan.asked] == ["mood"]
    with pytest.raises(OutputExists):
        CodingFolder.create(coding.path, plan_of("other"))


def test_rows_come_wave_by_wave_and_none_twice(coding: CodingFolder) -> None:
    """
    A wave is there with all its rows or not at all, and a row that is in the set is refused with its number.
    """
    coding.add_wave(Wave(1, {"": 100}), rows_of(7, 3))
    coding.add_wave(Wave(2, {"": 100}), rows_of(9, wave=2))
    assert [one.row for one in coding.rows()] == [7, 3, 9]
    assert coding.rows()[0] == rows_of(7)[0]
    assert [one.number for one in coding.waves()] == [1, 2]
    with pytest.raises(UsageError) as caught:
        coding.add_wave(Wave(3, {"": 100}), rows_of(1, 3))
    assert (caught.value.kind, caught.value.values["rows"]) == ("coding-rows-twice", [3])
    assert len(coding.rows()) == 3


def test_rows_without_their_wave_were_never_drawn(coding: CodingFolder) -> None:
    """
    A program that was stopped before the line of a wave leaves rows that do not count, and are drawn anew.
    """
    coding.add_wave(Wave(1, {"": 100}), rows_of(7))
    (coding.path / "rows-2.json").write_text(json.dumps([]))
    assert [one.row for one in coding.rows()] == [7]
    coding.add_wave(Wave(2, {"": 100}), rows_of(8, wave=2))
    assert [one.row for one in coding.rows()] == [7, 8]


def test_the_last_word_counts_and_all_words_stay(coding: CodingFolder) -> None:
    """
    Who changes their mind, or takes a code back, adds a line; the history keeps the earlier ones.
    """
    coding.add_codes("Anna", [Code("a", {"mood": "good"}, at="1"), Code("b", {"mood": "bad"}, at="2")])
    coding.add_codes("Anna", [Code("a", {"mood": "bad"}, note="irony", seconds=2.5, saw_model=True)])
    coding.add_codes("Anna", [Code("b", {})])
    coding.add_codes("李 娜", [Code("a", {"mood": "good"})])
    codes = coding.codes()
    assert {name: [*of] for name, of in codes.items()} == {"Anna": ["a"], "李 娜": ["a"]}
    assert codes["Anna"]["a"] == Code("a", {"mood": "bad"}, "irony", "", 2.5, True)
    assert len(coding.history("Anna")) == 4
    assert sorted(path.name for path in (coding.path / "codes").iterdir()) == ["Anna.jsonl", "coder.jsonl"]


def test_a_line_that_was_cut_off_loses_itself_alone(coding: CodingFolder) -> None:
    """
    A crash in the middle of a line leaves what was said before, and what is said after it.
    """
    coding.add_codes("Anna", [Code("a", {"mood": "good"})])
    with (coding.path / "codes" / "Anna.jsonl").open("ab") as file:
        file.write(b'12345678 {"key":"b"')
    coding.add_codes("Anna", [Code("c", {"mood": "bad"})])
    assert [*coding.codes()["Anna"]] == ["a", "c"]


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 61])
def test_names_of_coders(coding: CodingFolder, name: str) -> None:
    """
    A name that cannot be shown on a line is refused.
    """
    with pytest.raises(UsageError) as caught:
        coding.add_coder(name)
    assert caught.value.kind == "coder-name"


def test_names_of_coders_never_become_paths(coding: CodingFolder) -> None:
    """
    Two names that make one file name have two files, and none lies elsewhere.
    """
    assert coding.add_coder("../../x") == "x"
    assert coding.add_coder("X") == "X-2"
    assert coding.add_coder("../../x") == "x"
    (coding.path / "coders.json").write_text('{"../up": "Eve"}')
    with pytest.raises(InputError):
        coding.codes()


def test_gold_is_what_was_decided_or_what_all_say(coding: CodingFolder) -> None:
    """
    Where coders differ there is no gold until somebody decides; a decision that is taken back is none.
    """
    coding.add_codes(
        "A", [Code("a", {"mood": "good"}), Code("b", {"mood": "good"}), Code("c", {"mood": "bad"})]
    )
    coding.add_codes("B", [Code("a", {"mood": "bad"}), Code("b", {"mood": "good"})])
    assert gold_of(coding.codes(), coding.decisions(), "mood") == {"b": "good", "c": "bad"}
    coding.add_decision(Decision("a", "mood", "bad", by="Anna"))
    assert gold_of(coding.codes(), coding.decisions(), "mood")["a"] == "bad"
    coding.add_decision(Decision("a", "mood", ""))
    assert "a" not in gold_of(coding.codes(), coding.decisions(), "mood")
    assert gold_of(coding.codes(), coding.decisions(), "other") == {}


def test_looks_are_kept(coding: CodingFolder) -> None:
    """
    Every look at a part is there afterwards.
    """
    look = Look("test", "2026-11-28T10:00:00+00:00", "run posts, mood", "ff")
    coding.add_look(look)
    assert coding.looks() == [look]


def test_chances_of_rows() -> None:
    """
    A top-up of the same draw is one draw with it; strata have chances of their own; of groups it is a
    group's; rows that a person or a model chose have none.
    """
    waves = [
        Wave(1, {"": 100}),
        Wave(2, {"": 100}),
        Wave(3, {"x": 10, "y": 90}, design="stratified"),
        Wave(4, {"": 100}, chosen_by="least-sure"),
        Wave(5, {"": 100}, design="groups", clusters={"": 20}),
    ]
    rows = [
        *rows_of(1, 2, 3),
        *rows_of(4, wave=2),
        *rows_of(5, 6, wave=3, stratum="x"),
        *rows_of(7, wave=3, stratum="y"),
        *rows_of(8, wave=4),
        *rows_of(9, 10, wave=5, group="ann"),
    ]
    found = {int(key.split("-")[1]): chance for key, chance in probabilities(waves, rows).items()}
    assert found == {
        1: 0.04, 2: 0.04, 3: 0.04, 4: 0.04, 5: 0.2, 6: 0.2, 7: 1 / 90, 9: 0.05, 10: 0.05,
    }  # fmt: skip


def test_sets_are_found_by_folder_id_name_and_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A set is found by what a person may call it; one name of two sets is a question, a damaged one is passed.
    """
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    assert known_sets() == []
    first = CodingFolder.create(free_set_path("posts"), plan_of())
    second = CodingFolder.create(free_set_path("posts"), plan_of(id="f" * 16, created_at="2026-11-29"))
    assert [one.path.name for one in known_sets()] == ["posts", "posts-2"]
    assert find_set(first.path).path == first.path
    assert find_set("f" * 16).path == second.path
    with pytest.raises(InputError) as caught:
        find_set("posts")
    assert caught.value.kind == "coding-set-several"
    with pytest.raises(InputError) as caught:
        find_set("other")
    assert caught.value.kind == "no-coding-set"
    assert len(sets_of_table("ab" * 32)) == 2
    assert sets_of_table("cd" * 32) == []
    (second.path / "set.json").write_text("{")
    assert [one.path.name for one in known_sets()] == ["posts"]
    with pytest.raises(InputError) as caught:
        _ = second.plan
    assert caught.value.kind == "coding-set-damaged"


def test_a_set_of_a_newer_version(coding: CodingFolder) -> None:
    """
    It is said that the program is too old.
    """
    path = coding.path / "set.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(InputError) as caught:
        _ = coding.plan
    assert caught.value.kind == "coding-set-too-new"


def test_a_decision_holds_for_each_row_with_the_text(coding: CodingFolder) -> None:
    """
    Coders are shown a text once; what their difference is settled to is gold of all rows that have it, and
    no longer when it is taken back.
    """
    first, second, other = rows_of(1, 2, 3)
    coding.add_wave(Wave(1, {"": 9}), [first, replace(second, same_as=first.key), other])
    coding.add_codes("A", [Code(first.key, {"mood": "good"}), Code(other.key, {"mood": "bad"})])
    coding.add_codes("B", [Code(first.key, {"mood": "bad"})])
    assert disagreements(coding.codes(), "mood") == [first.key, second.key]
    assert gold_of(coding.codes(), coding.decisions(), "mood") == {other.key: "bad"}
    coding.add_decision(Decision(first.key, "mood", "good", by="C", note="irony"))
    assert gold_of(coding.codes(), coding.decisions(), "mood") == {
        first.key: "good",
        second.key: "good",
        other.key: "bad",
    }
    assert coding.decisions()[second.key, "mood"].note == "irony"
    coding.add_decision(Decision(first.key, "mood", ""))
    assert gold_of(coding.codes(), coding.decisions(), "mood") == {other.key: "bad"}


def at_once(*works: Callable[[], None]) -> None:
    """Do several things at the same moment, each in a thread."""
    gate = threading.Barrier(len(works))

    def run(work: Callable[[], None]) -> None:
        gate.wait(60)
        work()

    with ThreadPoolExecutor(len(works)) as pool:
        for one in [pool.submit(run, work) for work in works]:
            one.result()


ELSEWHERE = """
import sys
from pathlib import Path
from rowbatch.core.coding_set import Code
from rowbatch.store.coding_sets import CodingFolder
folder = CodingFolder(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for n in range(60):
    folder.add_codes("Anna", [Code(f"p-{n}", {"mood": "good"}, note="x" * 300)])
"""


def test_two_programs_write_what_one_coder_says(coding: CodingFolder) -> None:
    """
    A program and two windows of another one add to one file at once: each line is there, whole, once, and
    in the order in which its writer wrote it; and a coder who comes meanwhile is not lost.
    """
    python = python_module("x")[0]
    other = subprocess.Popen(
        [python, "-P", "-c", ELSEWHERE, str(coding.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdin is not None
    assert other.stdout is not None
    assert other.stdout.readline() == b"ready\n"

    def window(name: str) -> Callable[[], None]:
        def write() -> None:
            folder = CodingFolder(coding.path)
            for n in range(40):
                folder.add_codes("Anna", [Code(f"{name}-{n}", {"mood": "bad"}, note="y" * 300)])
                if not n % 8:
                    folder.add_coder(f"{name} {n}")

        return write

    def begin() -> None:
        other.stdin.write(b"go\n")  # type: ignore[union-attr]
        other.stdin.flush()  # type: ignore[union-attr]

    at_once(begin, window("a"), window("b"))
    other.communicate(timeout=120)
    assert other.returncode == 0
    heard = [one.key for one in coding.history("Anna")]
    assert len(heard) == 60 + 40 + 40
    for name, count in (("p", 60), ("a", 40), ("b", 40)):
        assert [key for key in heard if key.startswith(name)] == [f"{name}-{n}" for n in range(count)]
    assert len(coding.coders()) == 1 + 2 * 5
    assert (coding.path / "codes" / "Anna.jsonl").read_bytes().count(b"\n") == len(heard)


def test_two_draws_at_once_are_one(coding: CodingFolder) -> None:
    """
    Of two programs that draw at the same moment one is told that another one was first, and its rows take
    nobody's place.
    """
    told: list[str] = []

    def draw(first: int) -> Callable[[], None]:
        def add() -> None:
            try:
                CodingFolder(coding.path).add_wave(Wave(1, {"": 100}), rows_of(first, first + 1))
            except UsageError as error:
                told.append(error.kind)

        return add

    at_once(draw(1), draw(11))
    assert told == ["coding-drawn-meanwhile"]
    assert [one.row for one in coding.rows()] in ([1, 2], [11, 12])
    assert len(coding.waves()) == 1


def test_a_turn_is_taken_within_itself_and_not_for_ever(coding: CodingFolder) -> None:
    """
    Who has the turn adds what they have to; a program that stands still with it is told of in words.
    """
    with coding.turn():
        coding.add_codes("Anna", [Code("a", {"mood": "good"})])
    with (
        hold_in_turn(coding.path / ".lock"),
        pytest.raises(StorageError) as caught,
        hold_in_turn(coding.path / ".lock", wait_s=0.01),
    ):
        pass
    assert caught.value.kind == "held-by-another"
    assert len(coding.history("Anna")) == 1
