"""When two spellings of a label are one."""

from __future__ import annotations

import re


def spelling_key(text: str) -> str:
    """Two spellings of a label are the same when their keys are: case and outer punctuation don't count."""
    return re.sub(r"\s+", " ", text.strip().strip("\"'`*.,:;!()[]").strip()).casefold()
