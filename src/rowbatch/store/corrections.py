"""
Labels that a person put in the place of the model's, row by row.

A file of lines in the run directory that only grows: what the model said stays in the results, and what was
corrected, and when, can be read afterwards.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from rowbatch.errors import from_os_error
from rowbatch.store.home import private_file_of_ours

NAME = "corrections.jsonl"

Corrections = dict[int, dict[str, str]]
"""By row number and variable: the person's label."""


def read_corrections(run: Path) -> Corrections:
    """What holds now; the last word on a row and variable counts."""
    found: Corrections = {}
    try:
        with (run / NAME).open("rb") as file:
            for line in file:
                try:
                    entry = json.loads(line)
                    row, variable, value = int(entry["row"]), str(entry["variable"]), entry["value"]
                except (ValueError, KeyError, TypeError):
                    # The last line of a program that was killed while it wrote.
                    continue
                if value is None:
                    found.get(row, {}).pop(variable, None)
                else:
                    found.setdefault(row, {})[variable] = str(value)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise from_os_error(error, str(run / NAME)) from error
    return {row: values for row, values in sorted(found.items()) if values}


def add_correction(run: Path, row: int, variable: str, value: str | None, *, chosen_by: str = "") -> None:
    """
    Note one; it is on disk when this returns.

    Args:
        run: The run directory.
        row: From 1.
        variable: Of the codebook.
        value: The person's label; None takes an earlier correction back.
        chosen_by: How the row was chosen, where it was not by chance or by hand; or "".
    """
    entry = {
        "row": row,
        "variable": variable,
        "value": value,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        **({"chosen_by": chosen_by} if chosen_by else {}),
    }
    path = run / NAME
    try:
        private_file_of_ours(path)
        with path.open("ab+") as file:
            # After a line that was cut by a crash a new one begins.
            if file.seek(0, os.SEEK_END) and not _ends_line(path):
                file.write(b"\n")
            file.write(json.dumps(entry, ensure_ascii=True).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise from_os_error(error, str(path)) from error


def _ends_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
