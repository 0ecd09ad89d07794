"""A short run of the odd requests; `make fuzz` has the long one."""

import pytest

from fuzz_http import fuzz


# Starlette 1.10 (formparsers.MultiPartParser.parse) closes the files of a form that is none, but not those of
# one whose browser went away in the middle: they are closed when nobody knows them any more, which is soon.
@pytest.mark.filterwarnings("ignore:Unclosed file <tempfile.SpooledTemporaryFile:ResourceWarning")
@pytest.mark.parametrize("target", ["server", "app"])
def test_odd_requests_are_no_fault_of_ours(target: str) -> None:
    """
    Each of three hundred odd requests is answered, or its connection closed.
    """
    ends = fuzz(target, 300, 1)
    assert sum(ends.values()) == 300
    assert {"200", "400", "404"} <= ends.keys()
