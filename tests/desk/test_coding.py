"""What a coder is shown, and what becomes of each press."""

from __future__ import annotations

from pathlib import Path

import pytest

from coding_by_hand import EVERY_KIND, MOOD, coding_set
from rowbatch.api.sets import OpenCodingSet
from rowbatch.desk.coding import Coding, CodingRoom
from rowbatch.errors import InputError, UsageError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))


def began(texts: int = 4, **more: object) -> Coding:
    coding = Coding(coding_set([f"text {n}" for n in range(1, texts + 1)], **more))  # type: ignore[arg-type]
    coding.folder.add_coder("Anna")
    return coding


def keys(coding: Coding) -> list[str]:
    return [one.key for one in coding.queue("Anna")]


def test_a_press_counts_once_and_only_on_its_own_page() -> None:
    """
    The same press twice is one code; another one from a page that is not true any more changes nothing.
    """
    coding = began()
    key = coding.next_key("Anna")
    assert key == keys(coding)[0]
    assert coding.say("Anna", key, 0, {"mood": "good"}) == "saved"
    assert coding.say("Anna", key, 0, {"mood": "good"}) == "again"
    assert coding.say("Anna", key, 0, {"mood": "bad"}) == "late"
    assert [one.values for one in coding.history("Anna")] == [{"mood": "good"}]
    assert coding.say("Anna", key, 1, {"mood": "bad"}) == "saved"
    assert coding.shown("Anna", key).values == {"mood": "bad"}


def test_the_next_text_is_the_one_after_and_skipped_ones_come_at_the_end() -> None:
    """
    After a row the next that is not done comes; those that were passed over come when the rest is done.
    """
    coding = began(3)
    first, second, third = keys(coding)
    assert coding.next_key("Anna", after=first) == second
    coding.say("Anna", second, 0, {"mood": "bad"})
    coding.say("Anna", third, 0, {"mood": "bad"})
    assert coding.next_key("Anna", after=third) == first
    coding.say("Anna", first, 0, {"mood": "bad"})
    assert coding.next_key("Anna", after=first) is None
    # Another program goes on where this one was killed.
    assert Coding(coding.folder).progress("Anna").done == 3


def test_undo_goes_back_step_by_step() -> None:
    """
    Each press of undo takes back what was said before the last; the history keeps all of it, and a page that
    is not true any more undoes nothing.
    """
    coding = began()
    first, second, *_ = keys(coding)
    coding.say("Anna", first, 0, {"mood": "good"}, note="hm")
    coding.say("Anna", first, 1, {"mood": "bad"}, note="hm")
    coding.say("Anna", second, 0, {"mood": "mixed"})
    assert coding.undo("Anna", 2) is None
    assert coding.undo("Anna", 3) == second
    assert coding.undo("Anna", 3) is None
    assert coding.undo("Anna", 4) == first
    shown = coding.shown("Anna", first)
    assert (shown.values, shown.note) == ({"mood": "good"}, "hm")
    assert coding.undo("Anna", 5) == first
    assert coding.shown("Anna", first).values == {}
    assert coding.undo("Anna", 6) is None
    assert len(coding.history("Anna")) == 6
    assert coding.folder.codes() == {"Anna": {}}


def test_conditions_decide_what_is_asked() -> None:
    """
    A row is done when all that applies to it has a value; what a later change leaves without its condition
    does not count any more.
    """
    coding = began(2, variables=EVERY_KIND)
    key = keys(coding)[0]
    said = {"mood": "can't say", "topics": "home; work", "protest": "yes", "strength": "2", "age": "17"}
    coding.say("Anna", key, 0, said)
    assert coding.shown("Anna", key).first_open.name == "march"  # type: ignore[union-attr]
    coding.say("Anna", key, 1, {"march": "at the gate", "day": "2 March 2026"})
    coding.say("Anna", key, 2, {"blame": "text  1"})
    shown = coding.shown("Anna", key)
    assert shown.is_complete
    assert shown.values == {
        "mood": "can't say", "topics": "work; home", "protest": "yes", "strength": "2", "age": "17",
        "march": "at the gate", "day": "2026-03-02", "blame": "text 1",
    }  # fmt: skip
    coding.say("Anna", key, 3, {"protest": "no"})
    shown = coding.shown("Anna", key)
    assert shown.is_complete
    assert "march" not in shown.values
    assert "march" not in [one.name for one in shown.asked]


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("mood", "great", "value-not-a-label"),
        ("age", "300", "value-too-large"),
        ("blame", "somebody else", "value-not-in-text"),
        ("nothing", "1", "no-such-variable"),
    ],
)
def test_what_is_no_value_is_refused_and_nothing_is_written(name: str, value: str, kind: str) -> None:
    """
    A value that the codebook does not know, or a quote that does not stand in the text, is no code.
    """
    coding = began(1, variables=EVERY_KIND)
    with pytest.raises(UsageError) as caught:
        coding.say("Anna", keys(coding)[0], 0, {name: value})
    assert caught.value.kind == kind
    assert coding.history("Anna") == []


def test_a_note_without_a_code_is_kept_and_is_no_code() -> None:
    """
    Who skips a text with a note finds the note again, and the text is still to be coded.
    """
    coding = began()
    key = keys(coding)[0]
    assert coding.say("Anna", key, 0, {}, note="ask Ben") == "saved"
    assert coding.shown("Anna", key).note == "ask Ben"
    assert coding.progress("Anna").done == 0
    assert coding.say("Anna", key, 1, {}, note=" ask Ben ") == "again"


def test_pace_is_that_of_the_coder() -> None:
    """
    The time that is left comes of the coder's own last texts, and pauses do not count as reading.
    """
    coding = began(20)
    for n, key in enumerate(keys(coding)[:10]):
        coding.say("Anna", key, 0, {"mood": "good"}, seconds=9_000.0 if n == 3 else 6.0)
        assert (coding.progress("Anna").seconds_left is None) == (n < 4)
    assert coding.progress("Anna").seconds_left == 60.0
    assert [row.key for row, _ in coding.last("Anna")] == keys(coding)[:10][::-1]


def test_differences_are_settled_beside_what_coders_said() -> None:
    """
    Rows of which coders differ are found, settled, and settled again; what coders said stays.
    """
    coding = began()
    coding.folder.add_coder("李娜")
    first, second, *_ = keys(coding)
    coding.say("Anna", first, 0, {"mood": "good"}, note="irony?")
    coding.say("李娜", first, 0, {"mood": "bad"})
    for coder in ("Anna", "李娜"):
        coding.say(coder, second, 0, {"mood": "bad"})
    assert coding.differing() == {"mood": [first]}
    assert coding.difference(first, "mood").said == (("Anna", "good", "irony?"), ("李娜", "bad", ""))
    assert coding.decide(first, "mood", "bad", by="Ben", saw_model=True)
    assert not coding.decide(first, "mood", "bad", by="Ben")
    decision = coding.difference(first, "mood").decision
    assert decision is not None
    assert (decision.value, decision.by, decision.saw_model) == ("bad", "Ben", True)
    assert coding.decide(first, "mood", "")
    assert coding.difference(first, "mood").decision is None
    assert coding.folder.codes()["Anna"][first].values == {"mood": "good"}
    with pytest.raises(UsageError):
        coding.decide(first, "mood", "great")


def test_what_comes_from_elsewhere_is_seen() -> None:
    """
    Codes that another program took from a sheet count at once, and undo leaves them alone.
    """
    from dataclasses import replace

    coding = began(2)
    first, second = keys(coding)
    coding.say("Anna", first, 0, {"mood": "good"})
    code = coding.history("Anna")[0]
    Coding(coding.folder).folder.add_codes("Anna", [replace(code, key=second, via="anna.xlsx")])
    assert coding.next_key("Anna") is None
    assert coding.undo("Anna", 2) == first


def test_sets_and_coders_that_are_not_there() -> None:
    """
    An address of a set, a coder or a row that is not there says so.
    """
    coding = began()
    room = CodingRoom()
    assert room.coding(coding.id) is room.coding(coding.id)
    for call in (
        lambda: room.coding("f" * 16),
        lambda: coding.coder("eve"),
        lambda: coding.shown("Anna", "row-9-00000000"),
    ):
        with pytest.raises(InputError):
            call()


def test_two_programs_hear_one_coder() -> None:
    """
    What another program took meanwhile, as a sheet in a terminal, is seen by the next press: it comes too
    late, and takes nothing back.
    """
    coding = began(2)
    first, second = keys(coding)
    other = Coding(coding.folder)
    assert coding.say("Anna", first, 0, {"mood": "good"}) == "saved"
    assert other.say("Anna", first, 0, {"mood": "bad"}) == "late"
    assert other.say("Anna", second, 0, {"mood": "bad"}) == "saved"
    assert coding.say("Anna", second, 0, {"mood": "good"}) == "late"
    assert coding.undo("Anna", 1) is None
    assert [(one.key, one.values["mood"]) for one in coding.history("Anna")] == [
        (first, "good"),
        (second, "bad"),
    ]


def test_one_rule_says_what_is_coded() -> None:
    """
    A row without its free text counts as coded at every door; a set that asks for nothing else wants it.
    """
    asked = [MOOD, {"name": "why", "kind": "text"}]
    coding = began(2, variables=asked)
    first, second = keys(coding)
    coding.say("Anna", first, 0, {"mood": "good"})
    shown = coding.shown("Anna", first)
    assert shown.is_complete
    assert shown.first_open is not None
    assert coding.next_key("Anna") == second
    assert coding.progress("Anna").done == 1
    (status,) = OpenCodingSet(coding.folder).status().coders
    assert (status.coded, status.begun) == (1, 0)
    coding.say("Anna", second, 0, {"why": "because"})
    (status,) = OpenCodingSet(coding.folder).status().coders
    assert (status.coded, status.begun) == (1, 1)
    assert coding.progress("Anna").done == 1
    only = began(1, variables=asked[1:], name="why", set_id="f" * 16)
    assert only.progress("Anna").done == 0
    only.say("Anna", keys(only)[0], 0, {"why": "because"})
    assert only.progress("Anna").done == 1
