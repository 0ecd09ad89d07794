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


def without_point(text: str) -> str:
    """A whole number that is written with a point, as programs do that know floats only: `1.0` is `1`."""
    return re.sub(r"\A([+-]?\d+)\.0+\Z", r"\1", text.strip())
