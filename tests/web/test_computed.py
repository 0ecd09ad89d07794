"""Numbers that take long: nobody waits for them, nobody sees old ones, and they are computed once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from coded_sets import answered_run, draw, say, set_of
from rowbatch import desk
from rowbatch.api import Run
from rowbatch.desk.run_states import state_of_runs
from rowbatch.errors import UsageError
from rowbatch.web import computed
from rowbatch.web.computed import ComputedNumbers, NotComputedYetError
from serving_pages import Site, served_pages, visiting

Found = TypeVar("Found")
MANY, FEW = 1_000_000, 100
ANSWERS = [{"mood": "good" if row % 3 else "bad"} for row in range(60)]
GOLD = {row: "good" if row % 2 else "bad" for row in range(1, 41)}
PAGES = {
    "quality": "The same as people (accuracy)",
    "splits/corrected": "<figure",
    "stability": "rowbatch stability",
}


class Work:
    """Computes when it is let."""

    def __init__(self) -> None:
        self.calls = 0
        self.may_end = threading.Event()

    def __call__(self) -> int:
        self.calls += 1
        call = self.calls
        assert self.may_end.wait(60)
        return call


def came(get: Callable[[], int]) -> int:
    """The numbers, however long it takes."""
    for _ in range(10_000):
        try:
            return get()
        except NotComputedYetError:
            threading.Event().wait(0.001)
    pytest.fail("they never come")


def test_nobody_waits_for_numbers_of_many_rows() -> None:
    """
    They are computed once, however often they are asked for, and again when they would be others.
    """
    numbers, work = ComputedNumbers(), Work()
    for _ in range(3):
        with pytest.raises(NotComputedYetError):
            numbers.get("shares", "Monday", work, MANY)
    work.may_end.set()
    assert came(lambda: numbers.get("shares", "Monday", work, MANY)) == 1
    assert numbers.get("shares", "Monday", work, MANY) == 1
    assert numbers.get("shares", "Tuesday", work, FEW) == 2
    assert numbers.get("others", "Tuesday", work, FEW) == 3


def test_who_waits_gets_the_numbers_that_came(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Also where more was coded meanwhile, or nobody would ever see any; but none that came long ago.
    """
    numbers, work = ComputedNumbers(), Work()
    work.may_end.set()
    assert came(lambda: numbers.get("shares", "Monday", work, MANY)) == 1
    for number, patience_s in enumerate((60.0, 0.0)):
        monkeypatch.setattr(computed, "_WAITED_FOR_S", patience_s)
        work.may_end.clear()
        with pytest.raises(NotComputedYetError):
            numbers.get(number, "Tuesday", work, MANY)
        work.may_end.set()
        numbers._kept[number].task.wait()
        calls = work.calls
        assert came(lambda: numbers.get(number, "Wednesday", work, MANY)) == (  # noqa: B023
            calls if patience_s else calls + 1
        )
    # The next look is at what holds now.
    calls = work.calls
    assert numbers.get(0, "Wednesday", work, FEW) == calls + 1


def test_what_was_refused_is_tried_again() -> None:
    """
    A refusal is raised where the numbers are asked for, and is not kept.
    """
    numbers, said = ComputedNumbers(), iter([UsageError("no-columns"), UsageError("no-columns")])

    def refuse() -> int:
        error = next(said, None)
        if error is not None:
            raise error
        return 7

    for _ in range(2):
        with pytest.raises(UsageError):
            numbers.get("shares", "Monday", refuse, FEW)
    assert numbers.get("shares", "Monday", refuse, FEW) == 7


def test_few_are_kept() -> None:
    """
    Those that were looked at last.
    """
    numbers, work = ComputedNumbers(), Work()
    work.may_end.set()
    for number in range(100):
        numbers.get(number, "Monday", work, FEW)
    assert numbers.get(99, "Monday", work, FEW) == 100
    assert numbers.get(0, "Monday", work, FEW) == 101


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Run]]:
    folder = tmp_path_factory.mktemp("computed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROWBATCH_HOME", str(folder / "home"))
        patch.chdir(folder)
        with (
            answered_run(folder, ANSWERS, columns={"city": ["north", "south"] * 30}) as run,
            served_pages() as found,
        ):
            made = set_of(run, "people")
            draw(made, [*GOLD], {"": len(ANSWERS)})
            say(made, "Anna", GOLD)
            yield found, run


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_page_says_that_its_numbers_are_computed(
    site: tuple[Site, Run], monkeypatch: pytest.MonkeyPatch, page: str, language: str
) -> None:
    """
    At once, and it asks for itself again, until they are there.
    """
    served, run = site
    monkeypatch.setattr(computed, "_MANY_ROWS", 0)
    may_end = threading.Event()

    class Late(ComputedNumbers):
        def get(self, name: Hashable, of: Hashable, work: Callable[[], Found], rows: int) -> Found:
            def late() -> Found:
                assert may_end.wait(60)
                return work()

            return super().get(name, of, late, rows)

    monkeypatch.setattr(served.program, "numbers", Late())
    with visiting(served, language) as client:
        address = f"/jobs/{desk.job_id(run.path)}/{page}"
        client.get(f"/jobs/{desk.job_id(run.path)}/rows")
        answer = client.get(address)
        waited = 0
        while answer.headers.get("refresh") == "1":
            waited += 1
            assert {"en": "are being computed", "zh": "计算"}[language] in answer.text
            may_end.set()
            next(iter(served.program.numbers._kept.values())).task.wait(60)
            answer = client.get(address)
    assert waited == 1
    assert answer.status_code == 200
    assert language == "zh" or PAGES[page] in answer.text


def test_a_state_is_another_after_each_thing_that_counts(site: tuple[Site, Run], tmp_path: Path) -> None:
    """
    A code, a correction, a further run; but not a look.
    """
    _, run = site
    before = state_of_runs(run)
    run.table()
    assert state_of_runs(run) == before
    say(set_of(run, "further", at=tmp_path / "further"), "Ben", {})
    run.correct(1, "mood", "bad")
    after = state_of_runs(run)
    assert after != before
    run.correct(1, "mood", None)
    assert state_of_runs(run) != after
