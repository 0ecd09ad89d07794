"""
Small files that hold much end in one sentence, in bounded memory; `tests/ratio_archives.py` makes large ones.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ratio_archives import ARCHIVES, read_in_bounds

# What each becomes in memory, about; what may be taken of it; and how long a cell may be.
MIB, MEMORY_GB, CELL_MB = 4, 0.001, 0.5
IN_PARTS = ("zsav", "list.json.gz", "list.json.bz2", "list.json.xz", "list.json.zst")


@pytest.mark.skipif(sys.platform == "win32", reason="a process has no such bound there")
@pytest.mark.parametrize("kind", ARCHIVES)
def test_a_small_file_that_holds_much_is_refused_in_one_sentence(tmp_path: Path, kind: str) -> None:
    """
    What becomes more than there is room for is an error that says so before the memory is taken; what is read
    in parts comes whole. The reader may take 1,100 MiB of addresses, of which threads keep much for nothing.
    """
    path = ARCHIVES[kind](tmp_path, MIB)
    end = read_in_bounds(path, most_mib=1100, memory_gb=MEMORY_GB, cell_mb=CELL_MB)
    if kind in IN_PARTS:
        assert "rows" in end, end
    else:
        kinds = (
            "table-needs-memory",
            "sheet-needs-memory",
            "cell-too-long",
            "cell-too-large",
            "row-too-long",
        )
        assert end.get("kind") in kinds, end
        assert str(path) in end["message"]
        assert "\n" not in end["message"]
