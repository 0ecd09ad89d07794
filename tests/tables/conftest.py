"""What the tests of tables share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rowbatch.tables import csv_reader


@pytest.fixture(scope="session", autouse=True)
def fast_reader_for_small_files() -> Iterator[None]:
    """Both readers are at work in the small files of tests too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_reader, "_MIN_FAST_BYTES", 0)
        yield
