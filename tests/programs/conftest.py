"""What all tests of programs prove besides: the signs by which a program is asked are never too narrow."""

from pathlib import Path

import pytest

from rowbatch.core.table_options import ReadOptions
from rowbatch.programs.registry import PROGRAMS, Known
from rowbatch.tables.base import Table


@pytest.fixture(autouse=True)
def signs_are_compared(monkeypatch):
    """
    Whoever is left out because there is no sign of it is asked all the same, and must not know the file.
    """
    real_may_have, real_may_dress = Known.may_have, Known.may_dress

    def may_have(self: Known, path: Path, head: bytes) -> bool:
        found, is_file = real_may_have(self, path, head), self.program.is_file
        assert found or is_file is None or not is_file(path, head), (self.name, path, head[:200])
        return found

    def may_dress(self: Known, table: Table) -> bool:
        found, dress = real_may_dress(self, table), self.program.dress
        assert found or dress is None or dress(table, ReadOptions()) is None, (self.name, table.header)
        return found

    monkeypatch.setattr(Known, "may_have", may_have)
    monkeypatch.setattr(Known, "may_dress", may_dress)
    assert [known.program.name for known in PROGRAMS] == [known.name for known in PROGRAMS]
    assert [known.program.title for known in PROGRAMS] == [known.title for known in PROGRAMS]
