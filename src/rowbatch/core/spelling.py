"""When two spellings of a label are one."""

from __future__ import annotations

import re
from functools import lru_cache

_CACHED_CHARS = 200


def spelling_key(text: str) -> str:
    """Two spellings of a label are the same when their keys are: case and outer punctuation don't count."""
    return _key_again(text) if len(text) <= _CACHED_CHARS else _key(text)


def _key(text: str) -> str:
    return re.sub(r"\s+", " ", text.strip().strip("\"'`*.,:;!()[]").strip()).casefold()


# Most answers of a run are one of a few labels.
_key_again = lru_cache(maxsize=4096)(_key)
