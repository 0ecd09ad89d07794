"""Money as people read it, the same everywhere."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rowbatch.cli.json_output import json_text
from rowbatch.words.notice import Notice, notice_of
from rowbatch.words.printing import dollars


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "$0.00"),
        ("1234567.891", "$1,234,567.89"),
        ("1", "$1.00"),
        ("0.5", "$0.5000"),
        ("0.0123", "$0.0123"),
        ("0.00005", "$0.00005"),
        ("0.000051234", "$0.000051"),
        ("1E-7", "$0.0000001"),
        ("0.000000123", "$0.00000012"),
    ],
)
def test_what_is_not_nothing_is_never_told_as_nothing(amount, shown):
    """
    Without powers of ten, and with two digits at least of what is very little.
    """
    assert dollars(Decimal(amount)) == shown
    assert dollars(float(amount)) == shown
    assert dollars(amount) == shown


def test_a_cap_is_told_in_the_same_way_now_and_from_a_ledger():
    """
    Older ledgers have the cap as text, and all have numbers as JSON has them.
    """
    values = {"cap_usd": Decimal("1E-7"), "spent_usd": Decimal(0), "most_usd": Decimal("0.0042")}
    told = Notice("cap-reached", values)
    assert "the cap of $0.0000001 does not allow it: $0.00 are spent" in str(told)
    assert str(notice_of(told.to_plain())) == str(told)
    assert str(Notice("cap-reached", {**values, "cap_usd": "1E-7"})) == str(told)


def test_programs_get_no_powers_of_ten():
    """
    In JSON money is text, as people write it.
    """
    assert json_text({"usd": Decimal("1E-7")}) == '{\n  "usd": "0.0000001"\n}'
