"""A real browser for the tests of the web app, and the app itself, with who looks at it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from serving_pages import Site, served_pages, visiting

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


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The app, of a person who has nothing yet."""
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with served_pages() as found:
        yield found


@pytest.fixture
def client(site: Site) -> Iterator[httpx2.Client]:
    """Who looks at it, and was let in."""
    with visiting(site) as found:
        yield found
