"""Which files are of REFI-QDA: codebooks and projects."""

from __future__ import annotations

import re
from pathlib import Path

from rowbatch.core.plain_xml import head_text

PROJECT_ENDING = ".qdpx"
PROJECT_PART = "project.qde"
"""Of a project, which is a zip file: its XML."""
CODES_ENDINGS = (".qdc", ".qde")
_ROOT = re.compile(r"<(?:[\w.-]+:)?(?:CodeBook|Project)\b[^>]*QDA-XML")
_HEAD_BYTES = 1 << 12


def is_refi(path: Path, head: bytes) -> bool:
    """Whether a file is one, by its ending or by its first bytes, which are XML of that namespace then."""
    if path.suffix.lower() in (PROJECT_ENDING, *CODES_ENDINGS):
        return not path.is_dir()
    return _ROOT.search(head_text(head[:_HEAD_BYTES])) is not None
