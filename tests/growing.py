"""What tests of tables that grow share: commands as a user types them, against a provider that is paid."""

from __future__ import annotations

import csv
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from driving import KEY
from end_to_end import run_here

KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")
FIRST = [f"text {'x' * n}" for n in range(12)]


def rowbatch(folder: Path, *words: str, key: bool = True) -> subprocess.CompletedProcess[str]:
    """Type a command; returns what came of it."""
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    environment |= {"ROWBATCH_HOME": str(folder / "home"), **(dict.fromkeys(KEYS, KEY) if key else {})}
    done = run_here(words, cwd=folder, env=environment)
    assert "Traceback" not in done.stderr
    return done


def table(folder: Path, name: str, texts: Sequence[str]) -> str:
    """Write a table of these texts; returns its name."""
    with (folder / name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "text"], *enumerate(texts, 1)])
    return name
