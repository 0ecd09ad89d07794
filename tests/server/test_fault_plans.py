"""Plans of faults, read: what is right becomes rules, what is wrong is told with its place and a way out."""

from __future__ import annotations

import pytest

from rowbatch.errors import UsageError
from rowbatch.server.faults.catalogue import CALLS, KINDS
from rowbatch.server.faults.lines import _ROWS, spoil
from rowbatch.server.faults.plan import FaultPlan, named_plans, parse_plan, read_plan


def test_a_plan_says_what_when_and_how():
    """
    Each field of a fault comes into its rule; what is not said is as usual for its kind.
    """
    plan = parse_plan(
        """
        seed = 7
        [[fault]]
        kind = "too-many-requests"
        on = ["upload", "answer"]
        nth = 3
        at_most = 2
        wait = "date"
        [[fault]]
        kind = "row-fails"
        share = 0.25
        batches = [1, 2]
        status = 500
        [[fault]]
        kind = "reset"
        on = "any"
        """,
        "x.toml",
    )
    refused, fails, reset = plan.rules
    assert (plan.seed, refused.on, refused.nth, refused.at_most) == (
        7,
        ("upload", "answer"),
        frozenset({3}),
        2,
    )
    assert refused.values == {"wait": "date", "seconds": 1, "code": "rate_limit_exceeded"}
    assert (fails.share, fails.batches, dict(fails.values)) == (0.25, frozenset({1, 2}), {"status": 500})
    assert reset.on == CALLS


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("[[fault]\n", "is no TOML", id="toml"),
        pytest.param("sed = 1", "'sed' is not for here", id="field-of-all"),
        pytest.param("fault = 3", "'fault' is not for here", id="no-tables"),
        pytest.param("seed = 'x'", "the seed is a whole number, not 'x'", id="seed"),
        pytest.param("seed = true", "the seed is a whole number", id="seed-true"),
        pytest.param("[[fault]]\n", "fault 1: there is no kind None", id="no-kind"),
        pytest.param("[[fault]]\nkind = ['x']", "there is no kind", id="kind-list"),
        pytest.param(
            "[[fault]]\nkind='bom'\n[[fault]]\nkind = 'lost'", "fault 2: there is no kind 'lost'", id="kind"
        ),
        pytest.param("[[fault]]\nkind='bom'\nstatus=3", "'status' can not be said of this kind", id="field"),
        pytest.param("[[fault]]\nkind='bom'\non='upload'", "'on' can not be said", id="on-a-file"),
        pytest.param("[[fault]]\nkind='reset'\nbatches=1", "'batches' can not be said", id="batches-of-call"),
        pytest.param("[[fault]]\nkind='reset'\non='uploads'", "on is 'uploads'", id="call"),
        pytest.param("[[fault]]\nkind='reset'\non=[]", "on is []", id="no-call"),
        pytest.param("[[fault]]\nkind='reset'\nnth=0", "nth is 0", id="nth"),
        pytest.param("[[fault]]\nkind='reset'\nnth=[1, '2']", "nth is [1, '2']", id="nth-text"),
        pytest.param("[[fault]]\nkind='reset'\nshare=1.5", "share is 1.5", id="share"),
        pytest.param("[[fault]]\nkind='reset'\nshare=nan", "share is nan", id="share-nan"),
        pytest.param("[[fault]]\nkind='reset'\nat_most=true", "at_most is True", id="at-most"),
        pytest.param("[[fault]]\nkind='cut-answer'\nkeep=2", "keep is 2", id="keep"),
        pytest.param("[[fault]]\nkind='row-fails'\nstatus=1.5", "status is 1.5", id="status"),
        pytest.param("[[fault]]\nkind='row-fails'\nstatus=600", "status is 600", id="status-600"),
        pytest.param("[[fault]]\nkind='row-twice'\ndiffers=1", "differs is 1", id="flag"),
        pytest.param("[[fault]]\nkind='too-many-requests'\nwait='later'", "wait is 'later'", id="choice"),
        pytest.param("[[fault]]\nkind='fails-validation'\ncode=''", "code is ''", id="text"),
    ],
)
def test_a_wrong_plan_is_told(tmp_path, text, told):
    """
    The error names the file, the fault and the field, and its hint what can stand there.
    """
    path = tmp_path / "faults.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        read_plan(str(path))
    assert told in error.value.message
    assert str(path) in error.value.message
    assert error.value.hint


def test_every_kind_has_a_name_and_does_something():
    """
    Each kind is a plan by itself; each of rows, answers and files changes what is sent.
    """
    plans = named_plans()
    assert plans.keys() >= KINDS.keys()
    body = '{"model": "m", "choices": [{"message": {"content": "some text"}}], "usage": {"total_tokens": 1}}'
    line = '{"custom_id": "row-%d", "response": {"status_code": 200, "body": %s}, "error": null}\n'
    output = "".join(
        line % (number, body.replace("some", f"some {number}")) for number in range(1, 13)
    ).encode()
    for name, kind in KINDS.items():
        if kind.scope in ("row", "answer", "file"):
            spoiled = spoil({"output": output}, plans[name], 1)
            assert spoiled.files != {"output": output, "error": b""}, name
            assert spoiled.happened, name
            assert spoil({"output": output}, plans[name], 1) == spoiled
            assert not spoil({"output": output}, plans[name], 2).happened
    assert {name for name, kind in KINDS.items() if kind.scope == "row"} == {*_ROWS, "answers-swapped"}


def test_chance_follows_from_the_seed():
    """
    A share of 0.3 is about that, the same each time, and another with another seed.
    """
    text = "[[fault]]\nkind = 'row-missing'\nshare = 0.3"
    plan = parse_plan(text, "x")
    found = [plan.happens(0, number, "row", number) for number in range(1, 1_001)]
    assert 250 < sum(found) < 350
    assert found == [plan.happens(0, number, "row", number) for number in range(1, 1_001)]
    other = FaultPlan(plan.rules, 2)
    assert found != [other.happens(0, number, "row", number) for number in range(1, 1_001)]
