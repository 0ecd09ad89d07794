"""What holds for all tests."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

from cases import ALL_CASES

# A machine that is busy, or stands still for a while, is no fault of what is tested. Each commit is judged by
# the same examples; `make proofs` looks for new ones.
settings.register_profile(
    "rowbatch",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=not ALL_CASES,
)
settings.load_profile("rowbatch")
if not ALL_CASES:
    # Hypothesis 6.170.15 mixes constants of the modules imported so far into what it draws, derandomized or
    # not, and which these are depends on the worker and on the tests before.
    providers._get_local_constants = lambda: providers._local_constants

# Thousands of ledgers and files are made, each synced to the disk at every step. What stops programs here are
# exceptions and signals, never the power, so memory proves as much. A container's 64 MB are too few.
MEMORY = Path("/dev/shm")
if "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= 1 << 30:
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def pytest_configure() -> None:
    """Programs that tests start are ended by SIGHUP, although `nohup make test` has it ignored."""
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def no_loop_of_a_browser(request: pytest.FixtureRequest) -> Iterator[None]:
    """
    A browser that an earlier test started leaves its loop running in this thread (Playwright 1.65, sync API),
    and `asyncio.run` refuses to run beside one. Which tests a worker has done before is chance.
    """
    running = asyncio._get_running_loop()
    if running is None or "chromium" in request.fixturenames:
        yield
        return
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(running)
