"""`download`: bring the result files of every batch that is over, whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rowbatch.core.states import ShardState
from rowbatch.errors import ServiceError
from rowbatch.providers.base import BatchClient
from rowbatch.store.atomic import atomic_file
from rowbatch.store.ledger import Shard
from rowbatch.store.rundir import RunDirectory


@dataclass(frozen=True, slots=True)
class DownloadReport:
    """
    What `download` did.

    Attributes:
        downloaded: Shards whose files came now.
        already: Shards whose files were here.
        waiting: Shards whose batch is not over.
        size_bytes: Of the files that came now.
    """

    downloaded: int
    already: int
    waiting: int
    size_bytes: int


def download(
    run: RunDirectory, client: BatchClient, progress: Callable[[Shard], None] | None = None
) -> DownloadReport:
    """
    Fetch both files of every ended batch, whatever its status: an expired or cancelled one has
    answers that are paid for. First the files, then the ledger. The caller holds the run lock.

    Raises:
        ServiceError: A file cannot be had, or did not come whole.
        StorageError: No space left.
    """
    downloaded = already = waiting = size = 0
    with run.ledger() as ledger:
        for shard in ledger.shards():
            if shard.state is ShardState.DOWNLOADED:
                already += 1
                continue
            if shard.state is not ShardState.ENDED:
                waiting += 1
                continue
            view = client.view(json.loads(shard.batch_json or "{}"))
            columns: dict[str, str | int | None] = {}
            for kind, file_id in (("output", view.output_file_id), ("error", view.error_file_id)):
                if file_id is None:
                    continue
                path = run.result_path(shard.name, kind)
                digest, file_size = _fetch(client, file_id, path)
                size += file_size
                columns[f"{kind}_name"], columns[f"{kind}_sha256"] = path.name, digest
            ledger.move(shard, ShardState.DOWNLOADED, event="downloaded", detail=columns, **columns)
            downloaded += 1
            if progress:
                progress(shard)
    return DownloadReport(downloaded, already, waiting, size)


def _fetch(client: BatchClient, file_id: str, path: Path) -> tuple[str, int]:
    with atomic_file(path, overwrite=True) as file:
        size = client.fetch(file_id, file)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if size:
            file.seek(-1, 2)
            if file.read(1) != b"\n":
                # The last line is cut, or the server leaves the last newline out: parse to tell.
                _require_whole_last_line(file, size, file_id)
    return digest, size


def _require_whole_last_line(file: BinaryIO, size: int, file_id: str) -> None:
    block = 1 << 16
    tail = b""
    position = size
    while position and b"\n" not in tail:
        step = min(block, position)
        position -= step
        file.seek(position)
        tail = file.read(step) + tail
    try:
        json.loads(tail.rsplit(b"\n", 1)[-1])
    except ValueError:
        raise ServiceError(
            f"the result file {file_id} came cut off after {size:,} bytes",
            hint="run `rowbatch resume` again to fetch it anew; the answers are still at the provider",
        ) from None
