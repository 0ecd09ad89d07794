"""What holds for all tests."""

import asyncio
import functools
import os
import pickle
import shutil
import signal
import ssl
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpcore2
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

# Each HTTP client that is made reads the certificates of the system, which takes 50 ms of computing: by the
# thousand they were a tenth of all tests. Clients may share what was read, as those of a program do.
_read_certificates = httpcore2.default_ssl_context


def _certificates(*, _trust_env: bool = True) -> ssl.SSLContext:
    named = [os.environ.get(name, "") for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")] if _trust_env else []
    changed = [Path(name).stat().st_mtime_ns for name in named if name and Path(name).exists()]
    return _certificates_of(_trust_env, *named, *changed)


@functools.lru_cache(8)
def _certificates_of(is_env_trusted: bool, *_: object) -> ssl.SSLContext:
    return _read_certificates(_trust_env=is_env_trusted)


httpcore2.default_ssl_context = _certificates

# The frozen plan of a run is read again at each look at it, 13 times in a small run. Text that is the same is
# parsed once.
_parse_toml = tomllib.loads


def _toml(text: str, /, *, parse_float: Callable[[str], Any] = float) -> dict[str, Any]:
    return (
        pickle.loads(_parsed_toml(text))
        if parse_float is float
        else _parse_toml(text, parse_float=parse_float)
    )


@functools.lru_cache(64)
def _parsed_toml(text: str) -> bytes:
    return pickle.dumps(_parse_toml(text))


tomllib.loads = _toml


def pytest_configure() -> None:
    """Programs that tests start are ended by SIGHUP, although `nohup make test` has it ignored."""
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """
    Three processes for two cores: tests wait for pages, programs and servers, and compute for about six
    tenths of the time that two processes on two cores take.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores * 3 // 2)


@pytest.fixture(autouse=True)
def pauses_of_the_same_length() -> None:
    """By how much pauses differ is chance: the same for each test, whatever its worker did before."""
    for name in ("rowbatch.steps.drive", "rowbatch.steps.pace"):
        if name in sys.modules:
            sys.modules[name]._RANDOM.seed(0)


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
