"""
Copies of objects on this computer, and outputs that go to object storage.

A table on object storage is fetched once for each version of it, into the cache: an object, or all those in a
folder. What is written for object storage is made whole here first, and then takes its name there.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from rowbatch.core.folders import own_names
from rowbatch.errors import InputError, OutputExists, RowbatchError, UsageError, from_os_error
from rowbatch.objects.address import as_address, parse_address
from rowbatch.objects.store import Stat, Store
from rowbatch.objects.stores import open_store
from rowbatch.store.home import cache, private_folder, write_private_file

# A copy that nobody used for so long is removed; what is in it may not lie around for ever.
_KEPT_DAYS = 30
_LONGEST_NAME_BYTES = 200
# Of a thousand small objects each waits for its answer most of the time.
_FETCHED_AT_ONCE = 8


# Of those made in this process, the address of each.
_ADDRESSES: dict[str, str] = {}


class Copy(NamedTuple):
    """
    A file on this computer, or a folder.

    Attributes:
        path: Where it lies.
        origin: The address that it was fetched from; "" for a file that is no copy.
        version: Of the object, as the store says it, or of all those in a folder; or "".
    """

    path: Path
    origin: str = ""
    version: str = ""


def copy_of(place: str | Path) -> Copy:
    """
    A file as it is; of an object a copy, which is fetched only where this version of it is not here yet.

    Where there is no object of that name, but some in a folder of that name, the copy is a folder with
    these, as far as a person put them there.

    Raises:
        InputError: There is no such object, and no such folder.
        UsageError: The address is none.
        StorageError: The store does not give it, or the disk is full.
    """
    address = as_address(place)
    if address is None:
        return Copy(Path(place))
    store, name = place_of_object(address)
    there = _look_up(address)
    if there is None:
        raise InputError("object-missing", object=address)
    folder = cache() / "objects" / _digest(f"{address}\n{there.stat.version}\n{there.stat.size}")
    path = folder / _file_name(name)
    _remove_old(folder.parent)
    private_folder(folder)
    version = there.stat.version
    if there.files is not None:
        _fetch_folder(address, there.files, path)
    elif not (path.is_file() and path.stat().st_size == there.stat.size):
        path.unlink(missing_ok=True)
        # Another process may have been faster; its copy is as good.
        with suppress(OutputExists):
            version = store.fetch(name, path).version
    with suppress(OSError):
        os.utime(folder)
    _ADDRESSES[str(path)] = address
    return Copy(path, address, version)


class _There(NamedTuple):
    """
    What lies under an address.

    Attributes:
        stat: Of the object; or of the folder, in which each object counts.
        files: The objects in the folder, by their names from there; None of an object.
    """

    stat: Stat
    files: Mapping[str, Stat] | None = None


def _look_up(address: str) -> _There | None:
    store, name = place_of_object(address)
    found = store.stat(name)
    if found is not None and found.size:
        return _There(found)
    # Where a store shows folders, an empty object may stand for one.
    listed = dict(open_store(address).stats())
    files = {name: listed[name] for name in own_names(listed)}
    if files:
        lines = "".join(f"{name}\n{stat.version}\n{stat.size}\n" for name, stat in files.items())
        return _There(Stat(sum(stat.size for stat in files.values()), _digest(lines)), files)
    return None if found is None else _There(found)


def _fetch_folder(address: str, files: Mapping[str, Stat], path: Path) -> None:
    """Copy the objects of a folder, as they were listed, to a folder that appears whole."""
    if path.is_dir():
        return
    folders = {"/".join(name.split("/")[:end]) for name in files for end in range(1, name.count("/") + 1)}
    if both := next((name for name in files if name in folders), None):
        raise InputError("object-and-folder", object=f"{address}/{both}")
    store = open_store(address)
    made = Path(tempfile.mkdtemp(dir=path.parent, prefix=".", suffix=".part"))
    try:
        with ThreadPoolExecutor(_FETCHED_AT_ONCE) as fetching:
            waiting = [
                fetching.submit(store.fetch, name, made.joinpath(*map(_file_name, name.split("/"))), stat)
                for name, stat in files.items()
            ]
            try:
                for one in waiting:
                    one.result()
            except BaseException:
                fetching.shutdown(cancel_futures=True)
                raise
        # Another process may have been faster; its copy is as good.
        if not path.is_dir():
            made.rename(path)
    except OSError as error:
        if not path.is_dir():
            raise from_os_error(error, str(path)) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


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


def objects_of(address: str) -> dict[str, tuple[str, Stat]]:
    """
    The objects that a copy is of: address and what is known of each, by its path there; "" of one alone.

    Raises:
        InputError: There are none any more.
    """
    there = _look_up(address)
    if there is None:
        raise InputError("object-missing", object=address)
    if there.files is None:
        return {"": (address, there.stat)}
    return {
        "/".join(map(_file_name, name.split("/"))): (f"{address}/{name}", stat)
        for name, stat in there.files.items()
    }


def require_outside(output: str | Path, *sources: str | Path) -> None:
    """
    Refuse an output that would lie in a folder on object storage that is a table, and be a part of it.

    Raises:
        UsageError: It would.
    """
    address = as_address(output)
    for source in sources:
        folder = as_address(source)
        if (
            address is not None
            and folder is not None
            and str(parse_address(address)).startswith(f"{parse_address(folder)}/")
        ):
            raise UsageError("output-in-table", output=address, table=folder)


def version_of(address: str) -> str | None:
    """Which version of an object, or of a folder of them, is there now; None where there is none."""
    there = _look_up(address)
    return None if there is None else there.stat.version


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
    store, name = place_of_object(address)
    if not overwrite and (store.stat(name) is not None or next(store.names(f"{name}/"), None) is not None):
        raise OutputExists(address)
    if not overwrite:
        # What may be replaced needs no store that keeps the first.
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
    store, name = place_of_object(address)
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
    store, name = place_of_object(address)
    if store.stat(name) is not None:
        raise OutputExists(address)
    store.require_fit()


def _bring(store: Store, name: str, file: Path, *, overwrite: bool) -> None:
    if overwrite:
        store.replace(name, file)
    elif not store.commit(name, file):
        raise OutputExists(f"{store.url}/{name}")


def place_of_object(address: str) -> tuple[Store, str]:
    """
    The store that an object is in, and its name there.

    Raises:
        UsageError: It is no address of an object.
    """
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
