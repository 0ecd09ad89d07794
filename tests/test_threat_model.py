"""Each promise of the threat model names a test that is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "explanation" / "threat-model.md").read_text(encoding="utf-8")
PROMISES = re.findall(r"^\| (?!promised|---)(.+) \| (.+) \|$", PAGE, re.MULTILINE)
TESTS = {path: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py")}
TARGETS = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("promise", "proofs"), PROMISES)
def test_each_promise_has_a_proof(promise, proofs):
    """
    What is said to show it is a test, a file of tests or a target that exists.
    """
    named = re.findall(r"`([^`]+)`", proofs)
    assert named
    for name in named:
        if name.startswith("make "):
            assert name.split()[1] in TARGETS
        elif name.startswith("tests/"):
            assert (ROOT / name).exists(), name
        else:
            assert any(f"def {name}(" in text for text in TESTS.values()), name


def test_the_page_has_promises():
    """
    They were found.
    """
    assert len(PROMISES) > 25
