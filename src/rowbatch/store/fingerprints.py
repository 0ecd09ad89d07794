"""
Files of fingerprints: which rows of a run ask what, in 128 bits a row.

They are copies of what stands in the run, and can be thrown away. Each says of what it is, and its own digest
stands at its end: one of anything else, or that is not whole, is never taken.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

from rowbatch.errors import RowbatchError
from rowbatch.store.atomic import atomic_file

_BEGIN = b"rowbatch fingerprints 1\n"
_DIGEST_BYTES = 32


def write_fingerprints(path: Path, about: Mapping[str, Any], frame: pl.DataFrame) -> None:
    """
    Write a file of fingerprints. Never an error: where it cannot be written there is none.

    Args:
        path: Where to; one that is there is replaced.
        about: What it is of, as JSON can hold it.
        frame: As it is to be read.
    """
    body = io.BytesIO()
    frame.write_ipc(body)
    head = _BEGIN + json.dumps(about).encode() + b"\n"
    digest = hashlib.sha256(head)
    digest.update(body.getbuffer())
    # Nothing of the run depends on it.
    with suppress(RowbatchError, OSError):
        # Readable by nobody else, as everything in a run is.
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with atomic_file(path, overwrite=True) as file:
            file.write(head)
            file.write(body.getbuffer())
            file.write(digest.digest())


def read_fingerprints(path: Path, about: Mapping[str, Any]) -> pl.DataFrame | None:
    """
    Read what `write_fingerprints` wrote; None when it is not there, not whole, or of something else.

    Args:
        path: Where it lies.
        about: What it has to be of.
    """
    head = _BEGIN + json.dumps(about).encode() + b"\n"
    try:
        with path.open("rb") as file:
            if file.read(len(head)) != head:
                return None
            body = file.read()
    except OSError:
        return None
    content, end = memoryview(body)[:-_DIGEST_BYTES], body[-_DIGEST_BYTES:]
    digest = hashlib.sha256(head)
    digest.update(content)
    return pl.read_ipc(io.BytesIO(content)) if digest.digest() == end else None
