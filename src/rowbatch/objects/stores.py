"""From what people type to the store that is meant."""

from __future__ import annotations

from pathlib import Path

from rowbatch.errors import UsageError
from rowbatch.objects.address import is_object_address, parse_address
from rowbatch.objects.folder import Folder
from rowbatch.objects.store import Store

__all__ = ["Store", "open_store"]

_OPEN: dict[str, Store] = {}


def open_store(place: str | Path) -> Store:
    """
    The store at a place; the same one for the same address in this process.

    Nothing is asked of it yet. Whether it keeps the promise that a name is taken once is found out before the
    first object is written.

    Args:
        place: A folder, which is made when something is put there; or an address as `s3://bucket/prefix`, and
            so with `gs` (Google) and `az` (Azure).
    Raises:
        UsageError: The address is none, or has a secret in it; or what reads such stores is not installed.
    """
    if isinstance(place, Path) or not is_object_address(place):
        return Folder(Path(place))
    if place not in _OPEN:
        address = parse_address(place)
        try:
            from rowbatch.objects.bucket import open_bucket
        except ModuleNotFoundError as error:
            raise UsageError("objects-need-extra", address=str(address)) from error
        _OPEN[place] = open_bucket(address)
    return _OPEN[place]
