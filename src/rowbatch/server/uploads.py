"""
Uploads in parts: announced, brought in pieces that may come in any order, and put together at the end.

Source:
    OpenAI's specification 2.3.0, `/uploads`: an upload lives for an hour, a part has at most 64 MB, and the
    parts must have as many bytes as were announced. Files are bounded as those of `/files` are.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile

from rowbatch.objects.disk import fsync_folder
from rowbatch.server.incoming import (
    MAX_UPLOAD_BYTES,
    ApiError,
    keep_upload,
    life_s,
    not_among,
    require_json_lines,
    shown,
    whole_number,
    wrong_type,
)
from rowbatch.server.storage import FILE_LIFE_S, Storage
from rowbatch.server.strict_json import whole_text
from rowbatch.store.home import private_file

UPLOAD_LIFE_S = 3600
MAX_PART_BYTES = 64 << 20
_MAX_PARTS = 10_000
_COPY_BYTES = 1 << 20
_UPLOAD_ID = re.compile(r"upload_[0-9a-f]{32}")
_PART_ID = re.compile(r"part_[0-9a-f]{32}")
_LIFE = "_life_s"


@dataclass(frozen=True, slots=True)
class Uploads:
    """The uploads of a storage. Every method is one call, and answers as OpenAI does."""

    storage: Storage

    def create(self, wanted: Mapping[str, Any], owner: str) -> dict[str, Any]:
        """
        Announce a file.

        Raises:
            ApiError: What is said of it cannot be.
        """
        for name, kind, said in (
            ("filename", str, "a string"),
            ("purpose", str, "a string"),
            ("bytes", int, "an integer"),
            ("mime_type", str, "a string"),
        ):
            if wanted.get(name) is None:
                raise _missing(name)
            if not isinstance(wanted[name], kind) or isinstance(wanted[name], bool):
                raise wrong_type(name, said, wanted[name])
        if wanted["purpose"] != "batch":
            raise not_among("purpose", wanted["purpose"], ("batch",))
        size = whole_number("bytes", str(wanted["bytes"]), least=1, most=MAX_UPLOAD_BYTES)
        life = life_s("expires_after", wanted.get("expires_after"))
        now = self.storage.now()
        document = {
            "id": f"upload_{secrets.token_hex(16)}",
            "object": "upload",
            "bytes": size,
            "created_at": now,
            "filename": whole_text(wanted["filename"]),
            "purpose": "batch",
            "status": "pending",
            "expires_at": now + UPLOAD_LIFE_S,
            "file": None,
            _LIFE: life or FILE_LIFE_S,
        }
        self.storage.execute(
            "INSERT INTO upload (id, owner, document, expires_at) VALUES (?, ?, ?, ?)",
            (document["id"], owner, json.dumps(document), document["expires_at"]),
        )
        return _as_told(document)

    def find(self, upload_id: str, owner: str) -> dict[str, Any]:
        """
        An upload as it is told.

        Raises:
            ApiError: It is not this owner's, or there is none.
        """
        return _as_told(self._upload(upload_id, owner))

    def require_pending(self, upload_id: str, owner: str) -> dict[str, Any]:
        """
        An upload that takes parts still.

        Raises:
            ApiError: It is none, or over.
        """
        document = self._upload(upload_id, owner)
        if document["status"] != "pending":
            raise ApiError(400, f"Upload {upload_id} is {document['status']}: it takes nothing more.")
        return document

    async def add_part(self, upload_id: str, data: object, owner: str) -> dict[str, Any]:
        """
        Take a piece.

        Raises:
            ApiError: The upload takes none, or the piece is too large.
            OSError: The disk does not take it.
        """
        document = self.require_pending(upload_id, owner)
        if not isinstance(data, UploadFile):
            raise _missing("data")
        row = self.storage.execute(
            "SELECT count(*), coalesce(sum(bytes), 0) FROM upload_part WHERE upload_id = ?", (upload_id,)
        ).fetchone()
        # A part may be sent again whose answer was lost; nobody sends everything three times.
        most = 2 * int(document["bytes"]) + MAX_PART_BYTES
        if int(row[0]) >= _MAX_PARTS or int(row[1]) >= most:
            raise ApiError(400, f"Upload {upload_id} has more parts than its bytes need.")
        part_id = f"part_{secrets.token_hex(16)}"
        path = self.storage.uploads / part_id
        await keep_upload(data, path, most=MAX_PART_BYTES)
        try:
            self.require_pending(upload_id, owner)
            self.storage.execute(
                "INSERT INTO upload_part (id, upload_id, bytes) VALUES (?, ?, ?)",
                (part_id, upload_id, path.stat().st_size),
            )
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return {
            "id": part_id,
            "object": "upload.part",
            "created_at": self.storage.now(),
            "upload_id": upload_id,
        }

    async def complete(self, upload_id: str, wanted: Mapping[str, Any], owner: str) -> dict[str, Any]:
        """
        Put the parts together, in the order that is said: from here on it is a file.

        Raises:
            ApiError: The parts are not the file that was announced.
            OSError: The disk does not take it.
        """
        document = self.require_pending(upload_id, owner)
        parts, md5 = _part_ids(wanted), wanted.get("md5")
        if md5 is not None and not isinstance(md5, str):
            raise wrong_type("md5", "a string", md5)
        known = {
            row["id"]: int(row["bytes"])
            for row in self.storage.execute(
                "SELECT id, bytes FROM upload_part WHERE upload_id = ?", (upload_id,)
            )
        }
        for part_id in parts:
            if part_id not in known:
                raise ApiError(400, f"There is no part '{shown(part_id)}' of this upload.", param="part_ids")
        size = sum(known[part_id] for part_id in parts)
        if size != document["bytes"]:
            raise ApiError(
                400,
                f"The parts have {size} bytes, and {document['bytes']} were announced.",
                param="part_ids",
            )
        file_id = self.storage.new_file_id()
        whole = self.storage.path_of(file_id)
        sources = [self.storage.uploads / part_id for part_id in parts]
        await asyncio.to_thread(_put_together, sources, whole, md5)
        try:
            # Somebody may have cancelled it meanwhile.
            self.require_pending(upload_id, owner)
        except BaseException:
            whole.unlink(missing_ok=True)
            raise
        with self.storage.transaction():
            file = self.storage.add_file(
                file_id, filename=document["filename"], purpose="batch", life_s=document[_LIFE], owner=owner
            )
            document = self._change(document, status="completed", file=file)
        self.storage.remove_parts(upload_id)
        return _as_told(document)

    def cancel(self, upload_id: str, owner: str) -> dict[str, Any]:
        """
        Give an upload up.

        Raises:
            ApiError: It is over already.
        """
        document = self._change(self.require_pending(upload_id, owner), status="cancelled")
        self.storage.remove_parts(upload_id)
        return _as_told(document)

    def _change(self, document: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        changed = {**document, **changes}
        self.storage.execute(
            "UPDATE upload SET document = ? WHERE id = ?", (json.dumps(changed), changed["id"])
        )
        return changed

    def _upload(self, upload_id: str, owner: str) -> dict[str, Any]:
        row = None
        if _UPLOAD_ID.fullmatch(upload_id):
            row = self.storage.execute(
                "SELECT document FROM upload WHERE id = ? AND owner = ?", (upload_id, owner)
            ).fetchone()
        if row is None:
            raise ApiError(404, f"No such Upload object: {shown(upload_id)}", param="id")
        document: dict[str, Any] = json.loads(row["document"])
        if document["status"] == "pending" and document["expires_at"] <= self.storage.now():
            document["status"] = "expired"
        return document


def _put_together(sources: Sequence[Path], whole: Path, md5: str | None) -> None:
    """
    Write the parts one after the other, as a file that is there whole or not at all.

    Raises:
        ApiError: It has another checksum, or its first line is no JSON.
    """
    temporary = whole.with_suffix(".part")
    # A checksum that the protocol has; it protects from nobody.
    digest = hashlib.md5(usedforsecurity=False)
    first = b""
    try:
        private_file(temporary)
        with temporary.open("wb") as file:
            for source in sources:
                with source.open("rb") as part:
                    while block := part.read(_COPY_BYTES):
                        if len(first) < _COPY_BYTES:
                            first += block
                        digest.update(block)
                        file.write(block)
            size = file.tell()
            file.flush()
            os.fsync(file.fileno())
        if md5 is not None and digest.hexdigest() != md5.strip().lower():
            raise ApiError(400, "The md5 of the parts is not the one that was given.", param="md5")
        require_json_lines(first, is_all=len(first) == size)
        temporary.replace(whole)
        fsync_folder(whole.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _part_ids(wanted: Mapping[str, Any]) -> list[str]:
    found = wanted.get("part_ids")
    if found is None:
        raise _missing("part_ids")
    if not isinstance(found, list):
        raise wrong_type("part_ids", "an array", found)
    for part_id in found:
        if not isinstance(part_id, str):
            raise wrong_type("part_ids", "an array of strings", part_id)
        if not _PART_ID.fullmatch(part_id):
            raise ApiError(400, f"There is no part '{shown(part_id)}' of this upload.", param="part_ids")
    if len(set(found)) < len(found):
        raise ApiError(400, "A part is named twice.", param="part_ids")
    return found


def _missing(name: str) -> ApiError:
    return ApiError(
        400, f"Missing required parameter: '{name}'.", code="missing_required_parameter", param=name
    )


def _as_told(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if not name.startswith("_")}
