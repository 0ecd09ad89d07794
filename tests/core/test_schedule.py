"""What many batches mean is said before the first of them, with the limit that binds."""

from dataclasses import replace

import pytest

from rowbatch.core.policy import Policy
from rowbatch.core.schedule import Room, plan_schedule
from rowbatch.errors import UsageError
from rowbatch.providers.catalog import find_room

BILLION = 1_000_000_000
OPENAI = Room(creations_per_hour=2_000, storage_bytes=2_500_000_000_000)


def planned(room, *, batches=20_000, rows_a_batch=50_000, frees_inputs=False, request_bytes=1_200):
    rows = batches * rows_a_batch
    return plan_schedule(
        room,
        batches=batches,
        requests=rows,
        request_bytes=rows * request_bytes,
        prompt_tokens=rows * 150,
        answer_tokens=rows * 25,
        frees_inputs=frees_inputs,
    )


def kinds(schedule):
    return [note.kind for note in schedule.notes]


def test_a_billion_rows():
    """
    20,000 batches take ten hours to be made; 1.5 · 10¹¹ tokens fill a queue of 15 billion 13 times, with a
    fifth of it left free; 2.1 TB of files have room where 2.5 TB have.
    """
    found = planned(replace(OPENAI, queue_tokens=15_000_000_000))
    assert found.creation_hours == 10
    assert found.queue_turns == 13
    assert found.kept_bytes == 2_100_000_000_000
    assert found.binding == "queue"
    assert kinds(found) == ["plan-creations", "plan-queue", "plan-storage", "plan-binds-queue"]


def test_a_tier_that_nobody_said():
    """
    Where the tier is not known, what each would mean is said; nothing is guessed.
    """
    found = planned(replace(OPENAI, tiers=(5_000_000, 15_000_000_000)))
    assert found.queue_turns is None
    assert found.turns_of_tiers == (37_500, 13)
    assert found.binding == "creations"
    assert "tier 1: 37,500; tier 2: 13" in str(found.notes[1])


@pytest.mark.parametrize(
    ("request_bytes", "frees", "binding", "kind"),
    [
        pytest.param(1_200, False, "creations", "plan-storage", id="room"),
        pytest.param(4_000, False, "storage", "plan-storage-over", id="no-room"),
        pytest.param(4_000, True, "creations", "plan-storage-freed", id="room-without-inputs"),
    ],
)
def test_storage(request_bytes, frees, binding, kind):
    """
    Files that do not fit are told with the way out: request files are removed when their results are here.
    """
    found = planned(OPENAI, request_bytes=request_bytes, frees_inputs=frees)
    assert (found.binding, kinds(found)[2]) == (binding, kind)


def test_results_that_do_not_fit():
    """
    Where results alone are too many, no way of removing request files helps, and that is said.
    """
    found = planned(Room(storage_bytes=10**11), frees_inputs=True)
    assert kinds(found)[-2:] == ["plan-storage-impossible", "plan-binds-storage"]


def test_what_is_unknown_is_said_as_unknown():
    """
    Of a provider of which nothing is known nothing is reckoned.
    """
    found = planned(Room())
    assert found.creation_hours is None
    assert kinds(found) == ["plan-creations-unknown", "plan-queue-unknown", "plan-storage-unknown"]


def test_files_and_requests_that_wait():
    """
    Azure keeps so many input files, Mistral so many requests that wait.
    """
    azure = planned(Room(files=500), batches=600)
    assert azure.binding == "files"
    mistral = planned(Room(queue_requests=1_000_000), batches=100)
    assert (mistral.queue_turns, mistral.binding) == (5, "queue")


def test_a_few_batches_are_not_worth_a_word():
    """
    Of a small run that no limit holds up nothing is said.
    """
    assert planned(replace(OPENAI, queue_tokens=10**10), batches=2).notes == ()


def test_the_room_of_a_provider():
    """
    The catalog says it; what the user says of their own limits wins; a tier is that of the model.
    """
    room = find_room("openai", "gpt-5-mini")
    assert (room.creations_per_hour, room.storage_bytes) == (2_000, 2_500_000_000_000)
    assert room.queue_tokens is None
    assert find_room("openai", "gpt-5-mini", Policy(tier=5)).queue_tokens == 15_000_000_000
    said = Policy(tier=5, queue_tokens=7, creations_per_hour=8, storage_bytes=9)
    room = find_room("openai", "gpt-5-mini", said)
    assert (room.queue_tokens, room.creations_per_hour, room.storage_bytes) == (7, 8, 9)
    with pytest.raises(UsageError, match="tier 6"):
        find_room("openai", "gpt-5-mini", Policy(tier=6))
    with pytest.raises(UsageError, match="tier 1"):
        find_room("mistral", "m", Policy(tier=1))
