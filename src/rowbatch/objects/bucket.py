"""
A bucket as a store: S3 and what speaks as it does, Google, Azure.

One library speaks to all three (obstore). A name is taken by a conditional write (`If-None-Match: *`; Google:
`x-goog-if-generation-match: 0`), so that of several writers the store itself chooses one.
"""

from __future__ import annotations

import mmap
import os
import re
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    InvalidPathError,
    PermissionDeniedError,
    PreconditionError,
)
from obstore.store import AzureStore, GCSStore, S3Store

from rowbatch.errors import InputError, OutputExists, RowbatchError, StorageError, UsageError, from_os_error
from rowbatch.objects.address import ObjectAddress
from rowbatch.objects.settings import (
    endpoint_of,
    has_no_s3_key,
    keep_secrets_of_stores,
    may_go_in_clear,
    s3_settings,
)
from rowbatch.objects.store import Stat, require_name

# What is ours beside the objects, and none of them: trials of the store, claims of large files.
_OURS = ".rowbatch"
# Who wrote an object stands beside it, so that a writer whose answer was lost knows its own. Azure takes no
# hyphen in such a name.
_WRITER = "rowbatchwriter"
# A file up to this size goes in one conditional call. It is mapped, not read: 300 MB took 9 MB of memory, and
# 533 where obstore 0.12 read the file itself. S3 takes 5 GiB in one call, Azure 5,000 MiB.
_IN_ONE_CALL = 1 << 30
_PART_BYTES = 16 << 20
_FETCH_BYTES = 32 << 20
_TRIES = 4
_PAUSE_S = 0.5


# The process that first asked a store. The library has threads, which a fork leaves behind: a call in the
# child would wait for ever (obstore 0.12.1).
_ASKING: list[int] = []


def open_bucket(address: ObjectAddress) -> Bucket:
    """
    The store at an address; nothing is asked of it yet.

    Raises:
        UsageError: The environment does not say how to reach it.
        InputError: A profile does not.
    """
    keep_secrets_of_stores()
    client: dict[str, Any] = {
        "connect_timeout": "10s",
        # Between two pieces of an answer; a whole file may take its time.
        "read_timeout": "60s",
        "timeout": "6h",
    }
    common: dict[str, Any] = {
        "client_options": client,
        "retry_config": {"max_retries": 3, "retry_timeout": timedelta(seconds=60)},
    }
    try:
        match address.scheme:
            case "s3":
                settings: dict[str, Any] = dict(s3_settings())
                if has_no_s3_key(settings):
                    raise InputError("store-no-key", store=str(address))
                client["allow_http"] = may_go_in_clear(settings.get("endpoint", ""))
                # One name is deleted at a time, and many look-alikes do not know the call for several.
                settings["disable_bulk_delete"] = True
                return Bucket(address, S3Store(address.bucket, **settings, **common))
            case "gs":
                endpoint = endpoint_of(("GOOGLE_BASE_URL",))
                client["allow_http"] = may_go_in_clear(endpoint)
                return Bucket(address, GCSStore(address.bucket, **common))
            case _:
                endpoint = endpoint_of(("AZURE_STORAGE_ENDPOINT",))
                client["allow_http"] = may_go_in_clear(endpoint)
                return Bucket(address, AzureStore(address.bucket, **common))
    except BaseError as error:
        raise _told(error, str(address), str(address)) from None


class Bucket:
    """Objects in a bucket whose names begin with a prefix."""

    is_local = False

    def __init__(self, address: ObjectAddress, client: S3Store | GCSStore | AzureStore) -> None:
        self.url = str(address)
        self._prefix = f"{address.name}/" if address.name else ""
        self._client = client
        # An answer without words (that to HEAD) can mean that the bucket is not there: asked once.
        self._is_there = False
        self._keeps_promise = False

    def require_fit(self) -> None:
        """As in `Store`. A look-alike of S3 may not know the condition, and then says yes to both."""
        if self._keeps_promise:
            return
        name = f"{_OURS}/trial/{uuid.uuid4().hex}"
        path = self._path(name)
        try:
            if not self._create_once(path, name, b"1"):
                raise StorageError("store-no-condition", path=self.url)
            try:
                with self._asking(name):
                    obstore.put(self._client, path, b"2", mode="create")
            except _NameTaken:
                self._keeps_promise = True
            else:
                raise StorageError("store-no-condition", path=self.url)
        finally:
            with suppress(RowbatchError):
                self.delete(name)

    def stat(self, name: str) -> Stat | None:
        """As in `Store`."""
        path = self._path(name)
        try:
            with self._asking(name):
                found = obstore.head(self._client, path)
        except InputError:
            if not self._is_there:
                self._require_bucket()
            return None
        except StorageError as error:
            if error.kind not in _PASSING:
                self._ask_why(name)
            raise
        return Stat(found["size"], _version(found))

    def names(self, prefix: str = "") -> Iterator[str]:
        """As in `Store`."""
        return (name for name, _ in self.stats(prefix))

    def stats(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        """As in `Store`."""
        # The library takes a prefix as a folder, and lists what is in it.
        inside = (self._prefix + prefix).rpartition("/")[0]
        start = len(self._prefix)
        ours = f"{self._prefix}{_OURS}/"
        found: dict[str, Stat] = {}
        with self._asking(prefix):
            for page in obstore.list(self._client, inside or None, chunk_size=1_000):
                for one in page:
                    if not one["path"].startswith(ours):
                        found[one["path"][start:]] = Stat(one["size"], _version(one))
        folders = {name[:at] for name in found for at, sign in enumerate(name) if sign == "/"}
        # The library takes the slash from the end of a name: that of the prefix itself is nothing.
        return iter(
            sorted(
                (
                    (name, stat)
                    for name, stat in found.items()
                    if name and name.startswith(prefix) and (stat.size or name not in folders)
                ),
                key=lambda one: one[0].encode(),
            )
        )

    def commit(self, name: str, path: Path) -> bool:
        """As in `Store`."""
        try:
            size = path.stat().st_size
            if size > _IN_ONE_CALL:
                is_new = self._create_in_parts(name, path)
            elif size:
                with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                    is_new = self._create(name, content)
            else:
                is_new = self._create(name, b"")
            path.unlink(missing_ok=True)
        except OSError as error:
            raise from_os_error(error, str(path)) from error
        return is_new

    def replace(self, name: str, path: Path) -> None:
        """As in `Store`."""
        try:
            with self._asking(name):
                obstore.put(
                    self._client,
                    self._path(name),
                    path,
                    chunk_size=_PART_BYTES,
                    max_concurrency=4,
                    mode="overwrite",
                )
            path.unlink(missing_ok=True)
        except OSError as error:
            raise from_os_error(error, str(path)) from error

    def put(self, name: str, data: bytes) -> bool:
        """As in `Store`."""
        return self._create(name, data)

    def fetch(self, name: str, path: Path, known: Stat | None = None) -> Stat:
        """As in `Store`."""
        found = known or self.stat(name)
        if found is None:
            raise InputError("object-missing", object=self._shown(name))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name[:100]}.{uuid.uuid4().hex[:8]}.part")
            try:
                part.touch(0o600, exist_ok=False)
                with part.open("wb") as file:
                    for start in range(0, found.size, _FETCH_BYTES):
                        file.write(self.read(name, start, _FETCH_BYTES, found.version))
                    file.flush()
                    os.fsync(file.fileno())
                os.link(part, path)
            finally:
                part.unlink(missing_ok=True)
        except FileExistsError:
            raise OutputExists(str(path)) from None
        except OSError as error:
            raise from_os_error(error, str(path)) from error
        return found

    def delete(self, name: str) -> None:
        """As in `Store`."""
        # Google and Azure say where there was none.
        with suppress(InputError), self._asking(name):
            obstore.delete(self._client, self._path(name))

    def read(self, name: str, start: int = 0, size: int | None = None, version: str | None = None) -> bytes:
        """As in `Store`."""
        path = self._path(name)
        options: obstore.GetOptions = {} if version is None else {"if_match": version}
        # Azure knows no range that is counted from the end.
        if size == 0 or start < 0:
            found = self.stat(name)
            if found is None:
                raise InputError("object-missing", object=self._shown(name))
            if size == 0:
                return b""
            start = max(0, found.size + start)
        if size is not None:
            options["range"] = (start, start + size)
        elif start:
            options["range"] = {"offset": start}

        def ask() -> bytes:
            return bytes(obstore.get(self._client, path, options=options).bytes())

        # What an answer lost in its middle, the library asks for again itself.
        with self._asking(name):
            try:
                return ask()
            except BaseError as error:
                # Behind the end there is nothing: 416, or as the library says it.
                if "range" in options and _is_behind_end(error):
                    return b""
                raise

    def _create(self, name: str, content: bytes | mmap.mmap) -> bool:
        self.require_fit()
        return self._create_once(self._path(name), name, content)

    def _create_once(self, path: str, name: str, content: bytes | mmap.mmap) -> bool:
        """
        Take a free name, whatever is lost on the way.

        An answer that did not come leaves open whether the object is there, and S3 answers 409 while another
        writer is at it. So what is there is looked at: ours, another's or nothing, and with that tried again.
        """
        writer = uuid.uuid4().hex
        for rest in reversed(range(_TRIES)):
            problem: RowbatchError | None = None
            try:
                with self._asking(name):
                    obstore.put(self._client, path, content, mode="create", attributes={_WRITER: writer})
            except _NameTaken:
                pass
            except StorageError as error:
                if error.kind not in _PASSING:
                    raise
                problem = error
            else:
                return True
            try:
                found = self._writer(path, name)
            except StorageError as error:
                if error.kind not in _PASSING:
                    raise
                found, problem = None, error
            if found is not None:
                return found == writer
            if not rest:
                raise problem or StorageError("store-busy", path=self._shown(name))
            time.sleep(_PAUSE_S * (_TRIES - rest))
        raise AssertionError

    def _writer(self, path: str, name: str) -> str | None:
        """Who wrote an object: "" where that is not said, None where there is none."""
        try:
            with self._asking(name):
                found = obstore.get(self._client, path, options={"head": True})
        except InputError:
            return None
        return str(found.attributes.get(_WRITER, ""))

    def _create_in_parts(self, name: str, path: Path) -> bool:
        """
        Take a free name with a large file, in parts.

        Not every store looks at a condition when an upload in parts ends (Ceph 16 does not), and the library
        cannot set one. So the name is claimed first, by a small object that is taken by a condition; the
        file appears when its last part is there. A program that was killed leaves its claim, which says whose
        it is.
        """
        self.require_fit()
        claim = f"{_OURS}/claims/{name}"
        if self.stat(name) is not None:
            return False
        me = f"{socket.gethostname()} {os.getpid()}"
        if not self._create_once(self._path(claim), claim, me.encode()):
            raise StorageError(
                "store-claimed", path=self._shown(name), claim=self._shown(claim), by=self._by(claim)
            )
        try:
            # Another may have come to its end before the claim was ours.
            if self.stat(name) is not None:
                return False
            with self._asking(name):
                obstore.put(
                    self._client,
                    self._path(name),
                    path,
                    use_multipart=True,
                    chunk_size=_PART_BYTES,
                    max_concurrency=4,
                )
            return True
        finally:
            with suppress(RowbatchError):
                self.delete(claim)

    def _by(self, claim: str) -> str:
        with suppress(RowbatchError):
            return self.read(claim, 0, 200).decode(errors="replace")
        return "?"

    def _ask_why(self, name: str) -> None:
        """
        Ask for a byte of what was refused: an answer to HEAD has no words, and a wrong key, one that expired,
        a clock and a region are told apart by these alone.
        """
        with self._asking(name):
            obstore.get(self._client, self._path(name), options={"range": (0, 1)}).bytes()

    def _require_bucket(self) -> None:
        with self._asking(""):
            next(iter(obstore.list(self._client, self._prefix + _OURS, chunk_size=1)), None)

    def _path(self, name: str) -> str:
        return self._prefix + require_name(name)

    def _shown(self, name: str) -> str:
        return f"{self.url}/{name}".rstrip("/")

    @contextmanager
    def _asking(self, name: str) -> Iterator[None]:
        if not _ASKING:
            _ASKING.append(os.getpid())
        if _ASKING[0] != os.getpid():
            raise UsageError("store-after-fork", store=self.url)
        try:
            yield
        except AlreadyExistsError:
            raise _NameTaken from None
        except (BaseError, FileNotFoundError, PermissionError) as error:
            raise _told(error, self._shown(name), self.url) from None
        self._is_there = True


class _NameTaken(Exception):
    """Somebody has the name."""


_PASSING = ("store-busy", "store-no-answer")


def _version(found: Any) -> str:
    return str(found.get("e_tag") or found.get("version") or found["last_modified"].isoformat())


def _is_behind_end(error: Exception) -> bool:
    text = str(error)
    return (
        "status code: 416" in text or "InvalidRange" in text or "is out of bounds" in text.partition("\n")[0]
    )


# S3, Google's XML and Azure say the code in the same element.
_CODE = re.compile(r"<Code>([A-Za-z.]{1,80})</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
# Where a computer in the cloud asks for keys, and what the library says where it needs more for Azure.
_WITHOUT_KEY = ("169.254.", "metadata.google", "Account must be specified")


def _told(error: Exception, shown: str, store: str) -> RowbatchError:
    """
    What the store or the library said, as one of our errors.

    The library says status and code only within its words (obstore 0.12). Nothing else of these is told,
    since they hold what was sent.
    """
    text = str(error)
    code, status = _CODE.search(text), _STATUS.search(text)
    number = int(status[1]) if status else None
    if any(sign in text for sign in _WITHOUT_KEY):
        return InputError("store-no-key", store=store)
    said = _of_code(code[1], shown, store) if code else None
    if said is not None:
        return said
    if isinstance(error, InvalidPathError):
        return StorageError("store-odd-names", path=shown)
    if isinstance(error, PreconditionError):
        return StorageError("object-changed", path=shown)
    if isinstance(error, FileNotFoundError) or number == 404:
        return InputError("object-missing", object=shown)
    if isinstance(error, PermissionDeniedError | PermissionError) or number in (401, 403):
        return StorageError("store-refused", path=shown)
    if number is not None and (number in (408, 409, 429) or number >= 500):
        return StorageError("store-busy", path=shown)
    if number is None and "HTTP error" in text:
        return StorageError("store-no-answer", path=shown)
    first = f"HTTP {number}" if number else text.partition("\n")[0][:200]
    return StorageError("store-refuses", path=shown, said=code[1] if code else first)


def _of_code(code: str, shown: str, store: str) -> RowbatchError | None:
    """
    What a code of S3, or of Azure in the same place, means; None where its status says enough.

    Source:
        Amazon S3 API Reference, "Error responses"; Azure, "Blob Storage error codes".
    """
    match code:
        case "NoSuchBucket" | "ContainerNotFound" | "InvalidBucketName":
            return InputError("store-no-bucket", store=store)
        case "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "AuthenticationFailed" | "InvalidToken":
            return StorageError("store-key-wrong", path=shown)
        case "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired":
            return StorageError("store-key-expired", path=shown)
        case "RequestTimeTooSkewed" | "RequestExpired":
            return StorageError("store-clock", path=shown)
        case "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException":
            return StorageError("store-region", path=shown)
        case "QuotaExceeded" | "EntityTooLarge":
            return StorageError("store-full", path=shown, code=code)
        case "SlowDown" | "ServiceUnavailable" | "InternalError" | "OperationAborted":
            return StorageError("store-busy", path=shown)
        case _:
            return None
