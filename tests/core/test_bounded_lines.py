"""Lines without an end are cut."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowbatch.core import bounded_lines
from rowbatch.core.bounded_lines import cut_lines
from rowbatch.core.result_columns import read_frames


@given(
    st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")), max_size=9),
    st.integers(1, 8),
    st.booleans(),
)
def test_every_line_keeps_its_place_and_its_begin(lines, most, ends):
    """
    Whatever the lines are, each is there, with as many of its bytes as are allowed.
    """
    whole = b"\n".join(lines) + (b"\n" if ends else b"")
    expected = [line[:most] for line in whole.split(b"\n")]
    assert cut_lines(io.BytesIO(whole), most).read() == b"\n".join(expected)
    # Where blocks are smaller than lines, it is the same.
    small = pytest.MonkeyPatch()
    with small.context() as patch:
        patch.setattr(bounded_lines, "_BLOCK_BYTES", 3)
        assert cut_lines(io.BytesIO(whole), most).read() == b"\n".join(expected)


def test_no_more_is_read_than_wanted():
    """
    A piece of a file ends where it ends, also where a line was cut.
    """
    file = io.BytesIO(b"aaaa\nbb\ncc\n")
    assert cut_lines(file, 2, 8).readlines() == [b"aa\n", b"bb\n"]


def result(number, text):
    body = {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}
    answer = {"custom_id": f"row-{number}", "response": {"status_code": 200, "body": body}}
    return json.dumps(answer).encode() + b"\n"


def test_a_result_line_without_end_costs_itself_only(monkeypatch):
    """
    It is unreadable, with its number, and the rows around it are read.
    """
    monkeypatch.setattr(bounded_lines, "MOST_LINE_BYTES", 500)
    file = io.BytesIO(result(1, "a") + result(2, "b" * 5_000) + result(3, "c"))
    (frame,) = read_frames(file)
    assert frame.frame["custom_id"].to_list() == ["row-1", "row-3"]
    assert [number for number, _ in frame.unreadable] == [2]
    assert frame.lines == 3
