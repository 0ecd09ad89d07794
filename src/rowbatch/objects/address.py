"""Addresses of objects, as people write them: `s3://bucket/folder/table.parquet`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from rowbatch.core.address import require_no_secret, shown_address
from rowbatch.errors import InputError, UsageError
from rowbatch.objects.store import require_name

_ADDRESS = re.compile(r"(s3|gs|az)://([^/]*)(?:/(.*))?", re.DOTALL)
_AS_PATH = re.compile(r"(s3|gs|az):/{1,2}", re.IGNORECASE)
# S3: 3 to 63 of these; Google allows `_` and dotted names of 222; Azure's containers are within both.
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


class ObjectAddress(NamedTuple):
    """
    A place on object storage.

    Attributes:
        scheme: `s3`, `gs` or `az`.
        bucket: Bucket, or container.
        name: The name in it, or the prefix of names; "" for the whole. As typed: `%41` is these three signs.
    """

    scheme: str
    bucket: str
    name: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.name}".rstrip("/")


def is_object_address(text: str) -> bool:
    """Whether a text is meant as an address of an object, well written or not."""
    return text.startswith(("s3://", "gs://", "az://"))


def as_address(place: str | Path) -> str | None:
    """
    The address of an object that is meant; None for a file.

    Also where it was made a path before, which makes one of two slashes.
    """
    text = place.as_posix() if isinstance(place, Path) else place
    found = _AS_PATH.match(text)
    return f"{found[1].lower()}://{text[found.end() :]}" if found else None


def require_here(place: Path) -> Path:
    """
    Refuse an address where only a place on this computer is taken: a folder of the name `s3:` would be made.

    Raises:
        InputError: It is one.
    """
    if address := as_address(place):
        raise InputError("object-not-here", object=address)
    return place


def parse_address(text: str) -> ObjectAddress:
    """
    Take an address apart.

    Raises:
        UsageError: It is none, has a secret in it, which the message does not show, or has what no object is
            called: `a/../b`.
    """
    require_no_secret(text, shown_address(text))
    found = _ADDRESS.fullmatch(text)
    if found is None or not _BUCKET.fullmatch(found[2]):
        raise UsageError("store-address", address=shown_address(text))
    name = (found[3] or "").rstrip("/")
    return ObjectAddress(found[1], found[2], require_name(name) if name else "")
