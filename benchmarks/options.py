"""The options of all benchmarks, so that `make bench ARGS=…` may say any of them."""

from __future__ import annotations

import argparse
from pathlib import Path


def parser_of(description: str, *, rows: int = 0, rounds: int = 0) -> argparse.ArgumentParser:
    """
    A parser that knows what any benchmark may be told; one that has no use for an option passes it over.

    Args:
        description: What is measured.
        rows, rounds: What this benchmark takes where nothing is said.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=rows, help="of the table")
    parser.add_argument("--rounds", type=int, default=rounds, help="how often each is measured")
    parser.add_argument("--folder", type=Path, help="where the data go; a RAM disk gives steadier numbers")
    parser.add_argument("--commit", help="another version of this program, to compare with")
    parser.add_argument("--without-peers", action="store_true", help="only ours, and the machine's limit")
    return parser
