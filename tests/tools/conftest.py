"""What tests of tools share."""

from __future__ import annotations

import pytest


@pytest.fixture
def write(tmp_path):
    """Write lines as a CSV file."""

    def write(name, *lines):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write
