"""What the doctor sees before it costs money."""

import shutil
from collections import namedtuple
from datetime import UTC, datetime, timedelta

import pytest
import stamina

from driving import client_of, drive, make_run
from fake_providers import START, FakeProvider, Faults, Reply
from rowbatch.steps import doctor
from rowbatch.steps.doctor import check_folder, check_probe, check_provider, check_results_age

Usage = namedtuple("Usage", "total used free")
BODY = {"model": "m", "messages": [{"role": "user", "content": "x"}]}


@pytest.fixture(autouse=True)
def _no_waiting():
    with stamina.set_testing(True, attempts=2):
        yield


def graded(checks):
    return {check.what: check.grade for check in checks}


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini", "mistral"])
def test_all_is_well(tmp_path, provider):
    """
    A key that is taken, a clock that agrees, a folder with space where SQLite works, a request that is taken.
    """
    with client_of(FakeProvider(provider), provider) as client:
        found = [
            *check_folder(tmp_path, rows=100),
            *check_provider(client, has_key=True, now=START),
            check_probe(client, "/v1/chat/completions", BODY),
        ]
    expected = ["disk", "file system", "ledger", "key", "provider", "clock", "probe"]
    assert graded(found) == dict.fromkeys(expected, "ok")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_not_accepted(monkeypatch, status):
    """
    It says so in the provider's words, and stops there.
    """
    fake = FakeProvider()
    refusal = b'{"error": {"message": "Incorrect API key provided", "type": "x", "code": "invalid_api_key"}}'
    monkeypatch.setattr(fake.skin, "route", lambda *_: Reply(status, refusal))
    with client_of(fake) as client:
        (key,) = check_provider(client, has_key=True)
    assert (key.what, key.grade) == ("key", "fault")
    assert "Incorrect API key" in key.told


def test_a_provider_out_of_reach():
    """
    A fault, with what to look at.
    """
    with client_of(FakeProvider(faults=Faults(lose_other=1.0))) as client:
        found = check_provider(client, has_key=True)
    assert graded(found) == {"key": "ok", "provider": "fault"}
    assert "network" in found[-1].hint


@pytest.mark.parametrize(("minutes", "says"), [(-90, "behind"), (90, "ahead")])
def test_r15_a_clock_that_is_wrong(minutes, says):
    """
    R15: how far, and in which direction.
    """
    with client_of(FakeProvider()) as client:
        clock = check_provider(client, has_key=True, now=START + timedelta(minutes=minutes))[-1]
    assert (clock.what, clock.grade) == ("clock", "warning")
    assert says in clock.told
    assert "5,400 s" in clock.told


def test_d1_too_little_space(tmp_path, monkeypatch):
    """
    D1: the results of all rows have to fit, and the number is told.
    """
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, 10**9))
    assert graded(check_folder(tmp_path, rows=1_000))["disk"] == "ok"
    disk, *_ = check_folder(tmp_path, rows=1_000_000)
    assert disk.grade == "fault"
    assert "2.2 GB are needed" in disk.told


@pytest.mark.parametrize("kind", ["nfs4", "lustre", "cifs"])
def test_l4_a_folder_that_machines_share(tmp_path, monkeypatch, kind):
    """
    L4: SQLite on a network file system is warned of.
    """
    monkeypatch.setattr(doctor, "_file_system", lambda _: kind)
    found = check_folder(tmp_path)
    assert graded(found) == {"disk": "ok", "file system": "warning", "ledger": "ok"}
    assert "one machine at a time" in found[1].hint


def test_a_parameter_that_is_refused_shows_in_the_probe(monkeypatch):
    """
    One call, never repeated, and the provider's own sentence.
    """
    fake = FakeProvider()
    refusal = b'{"error": {"message": "Unsupported parameter: temperature", "type": "x", "code": "u"}}'
    monkeypatch.setattr(fake.skin, "route", lambda *_: Reply(400, refusal))
    with client_of(fake) as client:
        probe = check_probe(client, "/v1/chat/completions", BODY)
    assert probe.grade == "fault"
    assert "Unsupported parameter: temperature" in probe.told
    assert fake.calls.total() == 1


@pytest.mark.parametrize(
    ("days", "kept", "grade", "says"),
    [
        pytest.param(1, 30, "ok", "29 more days", id="fresh"),
        pytest.param(24, 30, "ok", "6 more days", id="day-24"),
        pytest.param(26, 30, "warning", "4 more days", id="day-26"),
        pytest.param(29.5, 30, "warning", "12 more hours", id="last-day"),
        pytest.param(31, 30, "warning", "may be gone", id="too-late"),
        pytest.param(1, 2, "ok", "24 more hours", id="kept-for-two-days"),
        pytest.param(1.5, 2, "warning", "12 more hours", id="half-a-day-left"),
    ],
)
def test_q4_results_that_will_soon_be_gone(tmp_path, days, kept, grade, says):
    """
    Q4: also of batches that nobody has looked at since; what is here is not warned of.
    """
    run, fake = make_run(tmp_path), FakeProvider()
    with run.ledger() as ledger:
        assert check_results_age(ledger, kept, START) is None
    drive(run, fake, goal="submitted")
    with run.ledger() as ledger:
        found = check_results_age(ledger, kept, START + timedelta(days=days))
    assert found is not None
    assert (found.what, found.grade) == ("results", grade)
    assert says in found.told
    drive(run, fake)
    with run.ledger() as ledger:
        assert check_results_age(ledger, kept, datetime.now(UTC) + timedelta(days=99)) is None
