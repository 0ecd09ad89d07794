"""
Copies of objects on this computer, and outputs that go to object storage.

A table on object storage is fetched once for each version of it, into the cache; what is written for object
storage is made whole here first, and then takes its name there.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from rowbatch.errors import InputError, OutputExists, RowbatchError, UsageError, from_os_error
from rowbatch.objects.address import as_address, parse_address
from rowbatch.objects.store import Store
from rowbatch.objects.stores import open_store
from rowbatch.store.home import cache, private_folder, write_private_file

# A copy that nobody used for so long is removed; what is in it may not lie around for ever.
_KEPT_DAYS = 30
_LONGEST_NAME_BYTES = 200


# Of those made in this process, the address of each.
_ADDRESSES: dict[str, str] = {}


class Copy(NamedTuple):
    """
    A file on this computer.

    Attributes:
        path: Where it lies.
        origin: The address that it was fetched from; "" for a file that is no copy.
        version: Of the object, as the store says it; or "".
    """

    path: Path
    origin: str = ""
    version: str = ""


def copy_of(place: str | Path) -> Copy:
    """
    A file as it is; of an object a copy, which is fetched only where this version of it is not here yet.

    Raises:
        InputError: There is no such object.
        UsageError: The address is none.
        StorageError: The store does not give it, or the disk is full.
    """
    address = as_address(place)
    if address is None:
        return Copy(Path(place))
    store, name = _place_of(address)
    found = store.stat(name)
    if found is None:
        raise InputError("object-missing", object=address)
    folder = cache() / "objects" / _digest(f"{address}\n{found.version}\n{found.size}")
    path = folder / _file_name(name)
    _remove_old(folder.parent)
    private_folder(folder)
    if not (path.is_file() and path.stat().st_size == found.size):
        path.unlink(missing_ok=True)
        # Another process may have been faster; its copy is as good.
        with suppress(OutputExists):
            found = store.fetch(name, path)
    with suppress(OSError):
        os.utime(folder)
    _ADDRESSES[str(path)] = address
    return Copy(path, address, found.version)


def local_path(place: str | Path) -> Path:
    """The file, or the copy of the object, that `place` names; errors as in `copy_of`."""
    return copy_of(place).path


@contextmanager
def told_by_address() -> Iterator[None]:
    """Whatever is wrong with a copy is told of the object that it is a copy of: people know that name."""
    try:
        yield
    except RowbatchError as error:
        for path, address in _ADDRESSES.items():
            error.call_path(path, address)
        raise


def is_same_object(output: str | Path, source: str | Path) -> bool:
    """Whether an output would take the place of what it is made of, on object storage."""
    address = as_address(output)
    other = as_address(source)
    return address is not None and other is not None and parse_address(address) == parse_address(other)


def version_of(address: str) -> str | None:
    """Which version of an object is there now; None where there is none."""
    store, name = _place_of(address)
    found = store.stat(name)
    return None if found is None else found.version


@contextmanager
def output_path(place: str | Path, *, overwrite: bool) -> Iterator[Path]:
    """
    Where to write an output: the path itself; or, for an address, one that is brought there at the end.

    With it comes what was written beside it. It takes its name on the store last, so that whoever sees it
    finds the rest.

    Raises:
        OutputExists: The name is taken there and `overwrite` is False.
        StorageError: The store does not take it; then nothing is there under its name.
    """
    address = as_address(place)
    if address is None:
        yield Path(place)
        return
    store, name = _place_of(address)
    if not overwrite and (store.stat(name) is not None or next(store.names(f"{name}/"), None) is not None):
        raise OutputExists(address)
    store.require_fit()
    with tempfile.TemporaryDirectory(dir=private_folder(cache() / "objects"), prefix="output-") as made:
        path = Path(made) / _file_name(name)
        try:
            yield path
        except RowbatchError as error:
            error.call_path(str(path), address)
            raise
        files = sorted(file for file in Path(made).rglob("*") if file.is_file())
        for file in sorted(files, key=lambda file: file == path):
            beside = file.relative_to(made).as_posix().removeprefix(path.name)
            inside = file == path or file.is_relative_to(path)
            _bring(store, f"{name}{beside}" if inside else str(file.name), file, overwrite=overwrite)


def bring(path: Path, address: str, note: Path, *, overwrite: bool) -> None:
    """
    Put a file of a run under its address. One that this run put there before may be replaced.

    Args:
        path: The file, which stays.
        address: Where it goes.
        note: A file of the run in which it stands which version it put there.
        overwrite: Whether what somebody else put there may be replaced.
    Raises:
        OutputExists: Somebody else did.
    """
    store, name = _place_of(address)
    there = store.stat(name)
    is_ours = there is not None and _noted(note) == {"address": address, "version": there.version}
    copy = path.with_name(f".{path.name[:100]}.to-store.part")
    try:
        copy.unlink(missing_ok=True)
        try:
            os.link(path, copy)
        except OSError:
            copy.write_bytes(path.read_bytes())
        _bring(store, name, copy, overwrite=overwrite or is_ours)
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    finally:
        with suppress(OSError):
            copy.unlink()
    there = store.stat(name)
    if there is not None:
        write_private_file(note, json.dumps({"address": address, "version": there.version}))


def require_free_object(address: str) -> None:
    """
    Look before the work whether a name is free on the store, and whether one is taken once there.

    Raises:
        OutputExists: It is taken.
    """
    store, name = _place_of(address)
    if store.stat(name) is not None:
        raise OutputExists(address)
    store.require_fit()


def _bring(store: Store, name: str, file: Path, *, overwrite: bool) -> None:
    if overwrite:
        store.replace(name, file)
    elif not store.commit(name, file):
        raise OutputExists(f"{store.url}/{name}")


def _place_of(address: str) -> tuple[Store, str]:
    found = parse_address(address)
    if not found.name:
        raise UsageError("store-address", address=address)
    # Of the folder that it is in: a key may have rights there alone.
    folder, _, last = found.name.rpartition("/")
    return open_store(f"{found.scheme}://{found.bucket}/{folder}".rstrip("/")), last


def _file_name(name: str) -> str:
    if len(name.encode()) > _LONGEST_NAME_BYTES:
        return _digest(name) + "".join(Path(name).suffixes[-2:])[-30:]
    return name


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _noted(note: Path) -> object:
    try:
        return json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _remove_old(folder: Path) -> None:
    oldest = time.time() - _KEPT_DAYS * 86_400
    with suppress(OSError):
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime < oldest:
                for path in sorted(Path(entry.path).rglob("*"), reverse=True):
                    path.unlink() if not path.is_dir() else path.rmdir()
                Path(entry.path).rmdir()
