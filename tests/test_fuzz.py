"""A short run of the fuzzing; `make fuzz` has the long one."""

from __future__ import annotations

import pytest

from fuzz_inputs import KINDS, fuzz


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_broken_inputs_are_no_traceback(kind, seed):
    """
    Each of some hundred broken inputs is a table with all its rows, or one clear error.
    """
    ends = fuzz(kind, 150, seed)
    assert sum(ends.values()) == 150
    assert len(ends) > 1
