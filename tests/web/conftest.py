"""A real browser for the tests of the web app."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
# A page on a busy machine may need more than Playwright's 5 s; what is there is not waited for.
expect.set_options(timeout=30_000)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A browser; without one the tests fail on machines that check, and are left out on others."""
    with sync_playwright() as playwright:
        # What `make test` installs where there is no package manager that we know.
        own = playwright.chromium.executable_path
        path = CHROMIUM or (own if Path(own).exists() else None)
        if path is None:
            if os.environ.get("CI"):
                pytest.fail("there is no Chromium here; `make test` installs it, see the Makefile")
            pytest.skip("there is no Chromium here: apt install chromium, or set CHROMIUM")
        # In a container Chromium cannot make its own sandbox.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
