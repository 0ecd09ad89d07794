"""
Which test proves which line of the fault catalogue: `python tests/fault_table.py` prints the table.

A test names what it proves at the begin of its docstring, as in "C2, N6: …".
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

CATALOGUE = {
    "C": 8,  # create: lost answers, crashes, stops
    "N": 6,  # network
    "M": 11,  # merge of results
    "P": 2,  # preparing files
    "Q": 5,  # queue and quota
    "L": 4,  # locks
    "D": 2,  # disk
    "R": 15,  # the rules of the protocol
    "B": 1,  # budget
    "K": 1,  # key
}
OPEN: dict[str, str] = {}
_IDS = re.compile(r"\s*((?:[A-Z][0-9]{1,2}(?:, )?)+): ")


def ids() -> list[str]:
    """All of the catalogue, in its order."""
    return [f"{letter}{number}" for letter, last in CATALOGUE.items() for number in range(1, last + 1)]


def proofs_by_id() -> dict[str, list[str]]:
    """For each id the tests that name it, as pytest wants them."""
    found: dict[str, list[str]] = {name: [] for name in ids()}
    root = Path(__file__).parent
    for path in sorted(root.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.ClassDef):
                continue
            said = _IDS.match(ast.get_docstring(node) or "")
            for name in said.group(1).split(", ") if said else []:
                found.setdefault(name, []).append(f"{path.relative_to(root.parent).as_posix()}::{node.name}")
    return found


if __name__ == "__main__":
    for name, tests in proofs_by_id().items():
        sys.stdout.write(f"{name:<4}" + ("\n    ".join(tests) or f"open: {OPEN.get(name, 'no test')}") + "\n")
