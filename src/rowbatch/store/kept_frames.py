"""
Frames that are kept beside what they are made of: fingerprints of rows, codes of columns, what was counted.

They are copies, and can be thrown away. Each says of what it is, and its own digest stands at its end: one of
anything else, or that is not whole, is never taken.
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

# As the first files of this form said, which were fingerprints.
_BEGIN = b"rowbatch fingerprints 1\n"
_DIGEST_BYTES = 32
_DOCUMENT = "document"


def keep_frame(path: Path, about: Mapping[str, Any], frame: pl.DataFrame) -> None:
    """
    Keep a frame. Never an error: where it cannot be written there is none.

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


def kept_frame(path: Path, about: Mapping[str, Any]) -> pl.DataFrame | None:
    """
    Read what `keep_frame` wrote; None when it is not there, not whole, or of something else.

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


def keep_document(path: Path, about: Mapping[str, Any], document: object) -> None:
    """Keep what JSON can hold, as `keep_frame` keeps a frame."""
    keep_frame(path, about, pl.DataFrame({_DOCUMENT: [json.dumps(document)]}))


def kept_document(path: Path, about: Mapping[str, Any]) -> Any:
    """What `keep_document` kept; None when it is not there, not whole, or of something else."""
    found = kept_frame(path, about)
    return None if found is None else json.loads(found[_DOCUMENT].item())
