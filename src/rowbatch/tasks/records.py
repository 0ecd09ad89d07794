"""What became of a task, kept beside what it wrote: who finds it does not do the task again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rowbatch.errors import InputError, StorageError, UsageError
from rowbatch.objects.stores import Store
from rowbatch.store.sources import digest_file


def record_name(task: str) -> str:
    """Under what name the record of a task is kept."""
    return f"records/{task}.json"


def find_record(store: Store, task: str, files: Store | None = None) -> dict[str, Any] | None:
    """
    The record of a task that is done and whose files are there; else None.

    Args:
        store: Where records are kept.
        task: Its id.
        files: Where its files lie; None means there, too.

    Only the sizes of the files are compared: they appear whole, and who takes them looks at their digests.
    """
    try:
        record = dict(json.loads(store.read(record_name(task))))
        for file in record["files"]:
            found = (files or store).stat(file["name"])
            if found is None or found.size != file["bytes"]:
                return None
    except (InputError, UsageError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return record


def keep_record(
    store: Store, task: str, record: Mapping[str, Any], files: Store | None = None
) -> dict[str, Any]:
    """
    Keep a record; of two of the same task the first stays, and both are the same.

    Raises:
        StorageError: Another record is there: the task was done by another version, or of another table.
    """
    name = record_name(task)
    kept = dict(record)
    if store.put(name, json.dumps(kept, ensure_ascii=False).encode()):
        return kept
    if find_record(store, task, files) is None:
        # Its files are gone or were cut; these are whole.
        store.delete(name)
        store.put(name, json.dumps(kept, ensure_ascii=False).encode())
    found = find_record(store, task, files)
    if found != kept:
        raise StorageError("task-done-otherwise", path=f"{store.url}/{name}", task=task)
    return kept


def keep_file(store: Store, name: str, path: Path) -> tuple[int, str]:
    """
    Give a file that is complete its name in the store.

    Returns:
        Its bytes and its digest.
    Raises:
        StorageError: A file of other content is there under this name.
    """
    size, digest = path.stat().st_size, digest_file(path)
    if not store.commit(name, path) and hashlib.sha256(store.read(name)).hexdigest() != digest:
        raise StorageError("task-done-otherwise", path=f"{store.url}/{name}", task=name)
    return size, digest
