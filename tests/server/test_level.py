"""How many calls a server is given: simulated servers, and what of their most the level reaches."""

import heapq
import random
from collections.abc import Callable

import pytest

from rowbatch.server.level import FIRST_LEVEL, Level


def simulate(
    took_s: Callable[[int, float], float],
    seconds: float,
    *,
    most: int = 512,
    takes: int | None = None,
    is_uneven: bool = False,
) -> tuple[float, Level, int]:
    """
    Answers a second of a server that is kept as full as the level says.

    Args:
        took_s: How long an answer takes, by how many are with the server, and when it is asked.
        seconds: Simulated.
        most: Of the level.
        takes: More than so many are refused.
        is_uneven: Answers differ in length, as in an exponential distribution.
    """
    draw, level = random.Random(1), Level(most)
    now, in_flight, answers, refused = 0.0, 0, 0, 0
    events: list[tuple[float, float, bool]] = []
    while now < seconds:
        while in_flight < level.now:
            in_flight += 1
            level.began(in_flight)
            if takes is not None and in_flight > takes:
                heapq.heappush(events, (now + 0.001, now, False))
            else:
                length_s = took_s(in_flight, now) * (draw.expovariate(1) if is_uneven else 1.0)
                heapq.heappush(events, (now + length_s, now, True))
        now, began, is_answer = heapq.heappop(events)
        in_flight -= 1
        if is_answer:
            answers += 1
            level.answered(began, now)
        else:
            refused += 1
            level.refused(began, now)
    return answers / seconds, level, refused


def step_time(in_flight: int, _: float) -> float:
    """Eight steps of 50 ms, each for up to 256 rows."""
    return 0.4 * max(1.0, in_flight / 256)


def graphics_card(in_flight: int, _: float) -> float:
    """As an H200 was seen: 0.4 s alone, 1.6 s with 256 at once."""
    return 0.4 + 0.0047 * in_flight


@pytest.mark.parametrize("is_uneven", [False, True], ids=["alike", "uneven"])
@pytest.mark.parametrize(
    ("took_s", "most_rate"),
    [
        pytest.param(step_time, 640, id="steps"),
        pytest.param(graphics_card, 512 / graphics_card(512, 0), id="card"),
    ],
)
def test_a_server_that_works_on_many_at_once_is_kept_full(took_s, most_rate, is_uneven):
    """
    With nothing said, within a minute and with its search: nine tenths of the most that it can give.
    """
    rate, _, _ = simulate(took_s, 60, is_uneven=is_uneven)
    assert rate >= 0.9 * most_rate


def test_a_server_that_answers_in_turn_is_not_given_more_and_more():
    """
    More at once bring no more answers a second: the level stays where it began, or goes back there.
    """
    free_at = 0.0

    def in_turn(_: int, now: float) -> float:
        nonlocal free_at
        free_at = max(free_at, now) + 0.05
        return free_at - now

    rate, level, _ = simulate(in_turn, 300)
    assert rate == pytest.approx(20, rel=0.01)
    assert level.now == FIRST_LEVEL


def test_a_ceiling_holds():
    """
    Also where more would bring more; and it may be changed while it goes on.
    """
    rate, level, _ = simulate(lambda *_: 1.0, 60, most=256)
    assert level.now == 256
    assert rate >= 0.9 * 256
    level.most = 10
    assert level.now == 10


@pytest.mark.parametrize("takes", [4, 60, 256])
def test_a_server_that_refuses_more_than_it_takes(takes):
    """
    The level is found close below what it takes, and few calls are refused on the way.
    """
    rate, level, refused = simulate(lambda *_: 0.4, 120, takes=takes)
    assert rate >= 0.8 * takes / 0.4
    assert level.now <= 1.1 * takes + 1
    assert refused <= 0.1 * rate * 120


def test_answers_that_take_much_longer_take_the_level_down():
    """
    Somebody else uses the server too: it is given less, and more again when it is alone.
    """
    level, draw = Level(64), random.Random(2)
    clock = 0.0

    def go_on(seconds: float, took_s: Callable[[], float]) -> int:
        nonlocal clock
        end, lowest = clock + seconds, level.now
        while clock < end:
            for number in range(level.now):
                level.began(number + 1)
            length_s = took_s()
            for _ in range(level.now):
                level.answered(clock, clock + length_s)
            clock += length_s
            lowest = min(lowest, level.now)
        return lowest

    go_on(30, lambda: 0.5 + 0.01 * draw.random())
    assert level.now == 64
    assert go_on(30, lambda: 0.06 * level.now) < 50
    go_on(200, lambda: 0.5 + 0.01 * draw.random())
    assert level.now == 64


def test_too_little_to_do_says_nothing():
    """
    One call at a time, however many are answered, does not raise the level: nothing was tried.
    """
    level = Level(512)
    for at in range(1000):
        level.began(1)
        level.answered(float(at), at + 0.5)
    assert level.now == FIRST_LEVEL


def test_a_server_that_refused_everything_for_a_while_is_given_as_much_as_before():
    """
    503 for minutes, as of a gateway whose server starts anew: the level is not sought from one upwards again.
    """
    level = Level(512)
    now = 0.0
    while level.now < 200:
        batch, now = [now] * level.now, now + 1.0
        for number, _ in enumerate(batch):
            level.began(number + 1)
        for began in batch:
            level.answered(began, now)
    before = level.now
    for _ in range(100):
        began, now = now, now + 2.0
        level.began(1)
        level.refused(began, now)
    assert level.now == 1
    level.began(1)
    level.answered(now, now + 1.0)
    assert level.now >= 0.6 * before
