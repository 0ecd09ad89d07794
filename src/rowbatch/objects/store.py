"""What a place for files can do, whatever it is: a folder, or a part of a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from rowbatch.errors import UsageError

# S3, Google and Azure: a name has at most 1,024 bytes of UTF-8 (Azure: 1,024 characters).
_MAX_NAME_BYTES = 1_024


class Stat(NamedTuple):
    """
    What is known of an object without reading it.

    Attributes:
        size: Its bytes.
        version: A text that is another one when the content is: an ETag; in a folder inode, size and time.
    """

    size: int
    version: str


class Store(Protocol):
    """
    Objects under names in one place: a folder, or the names in a bucket that begin with a prefix.

    A name is a path with `/` between its parts, in Unicode, as `require_name` has it. An object has all its
    bytes or is not there: nothing is ever half written, and nothing that is there is changed.

    Attributes:
        url: Where it is, as a person would type it, with nothing secret in it.
        is_local: Whether it is a folder on this computer.
    """

    url: str
    is_local: bool

    def require_fit(self) -> None:
        """
        Make sure, before work begins, that a name is taken once here; what is found out is found out once.

        Raises:
            StorageError: It is a store that lets a second writer replace what the first wrote; or the key may
                not write there.
        """

    def read(self, name: str, start: int = 0, size: int | None = None, version: str | None = None) -> bytes:
        """
        Bytes of an object.

        Args:
            name: Its name.
            start: The first byte, from 0; below 0 from its end.
            size: How many at most; None for all that follow. Fewer come only where the object ends.
            version: Of which it must be, as `stat` says it; None takes any.
        Raises:
            InputError: It is not there.
            StorageError: It is another version.
        """

    def stat(self, name: str) -> Stat | None:
        """Size and version of an object; None where there is none."""

    def names(self, prefix: str = "") -> Iterator[str]:
        """All names that begin with `prefix`, sorted by their bytes in UTF-8."""

    def stats(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        """
        As `names`, each with what is known of it.

        Some programs put an empty object in the place of a folder, as `folder/` or `folder` beside
        `folder/name`: these are none.
        """

    def commit(self, name: str, path: Path) -> bool:
        """
        Make a whole file the object of that name, only where the name is free.

        The object appears at once and is durable when this returns. Of several that commit the same name
        exactly one is told True, also from several computers.

        Args:
            name: The name to take.
            path: A complete file that nobody writes to any more. It is gone when this returns, whatever the
                answer; after an error it is still there.
        Returns:
            False where the name is taken; what is there stays.
        Raises:
            StorageError: The disk or the store is full, or refuses.
        """

    def replace(self, name: str, path: Path) -> None:
        """
        As `commit`, whatever has the name: an output that a person wants replaced. At each moment the old
        object is there or the new one.
        """

    def put(self, name: str, data: bytes) -> bool:
        """As `commit`, for bytes."""

    def fetch(self, name: str, path: Path, known: Stat | None = None) -> Stat:
        """
        Copy an object to a new file: the whole of it, of one version, or an error and no file.

        Args:
            name: Its name.
            path: The new file.
            known: What `stat` or `stats` said of it; None means that it is asked.
        Raises:
            OutputExists: `path` is there already.
            InputError: The object is not there.
        """

    def delete(self, name: str) -> None:
        """Remove an object; one that is not there is no error."""


def require_name(name: str) -> str:
    """
    Look whether a name can be one in every store.

    Raises:
        UsageError: It is empty, too long, no Unicode text, or has a part that a file system reads as a place.
    """
    try:
        is_fit = len(name.encode()) <= _MAX_NAME_BYTES
    except UnicodeEncodeError:
        is_fit = False
    if not is_fit or "\0" in name or any(part in ("", ".", "..") for part in name.split("/")):
        raise UsageError("object-name", name=name)
    return name
