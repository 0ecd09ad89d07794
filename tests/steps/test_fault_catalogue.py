"""The catalogue of faults, and the tests that prove it."""

from fault_table import OPEN, ids, proofs_by_id


def test_every_fault_has_a_test_that_names_it():
    """
    Each id is named by a test, or stands among those that are open, with the reason.
    """
    found = proofs_by_id()
    assert set(found) == set(ids()), "a test names a fault that is in no catalogue"
    assert {name for name, tests in found.items() if not tests} == set(OPEN)
