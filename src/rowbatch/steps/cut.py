"""A shard that is too large for the provider is cut into smaller ones, before anything is paid."""

from __future__ import annotations

import hashlib
import secrets
from itertools import islice
from typing import TYPE_CHECKING

from rowbatch.errors import ServiceError, from_os_error
from rowbatch.results.findings import asked_requests
from rowbatch.store.atomic import atomic_path
from rowbatch.store.ledger import Ledger, Shard, name_of, new_shard
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.sources import digest_file
from rowbatch.words.notice import Notice

if TYPE_CHECKING:
    from pathlib import Path


def new_token(name: str) -> str:
    """What a shard's batch is recognised by: the same for the life of the shard, and nobody else's."""
    return f"{secrets.token_hex(8)}-{name}"


def derived_token(seed: str, name: str, sha256: str) -> str:
    """
    The token of a shard that is made of others, by a cut or a round: the same each time that the same comes
    of them. So a copy of the run that does not know of it, and makes it again, finds the batch that it has.

    Args:
        seed: The token of the run's first shard, which is the run's own.
        name: Of the new one.
        sha256: Of its file.
    """
    return f"{hashlib.sha256(f'{seed} {name} {sha256}'.encode()).hexdigest()[:16]}-{name}"


def cut_shard(run: RunDirectory, ledger: Ledger, shard: Shard, parts: int, why: Notice | str) -> list[Shard]:
    """
    Put smaller shards in the place of one that the provider does not take.

    Args:
        run: Its run.
        ledger: Of the run.
        shard: Not submitted, or taken back.
        parts: Into how many, at least 2.
        why: What the provider said, or what we know.
    Returns:
        The new shards, with the same requests in the same order.
    Raises:
        ServiceError: It has one request only.
    """
    if shard.requests < 2:
        raise ServiceError("row-too-large", row=shard.first_row, why=why)
    rows = asked_requests(run.request_path(shard.name))["row"]
    seed, highest = ledger.first_token(), ledger.last_number(shard.round)
    parts = min(parts, shard.requests)
    counts = [shard.requests // parts + (index < shard.requests % parts) for index in range(parts)]
    made, done = [], 0
    try:
        with run.request_path(shard.name).open("rb") as source:
            for index, count in enumerate(counts):
                number = highest + 1 + index
                name = name_of(shard.round, number)
                path = run.request_path(name)
                size = _copy_lines(islice(source, count), path)
                digest = digest_file(path)
                made.append(
                    new_shard(
                        round_=shard.round,
                        number=number,
                        first_row=int(rows[done]),
                        last_row=int(rows[done + count - 1]),
                        requests=count,
                        size_bytes=size,
                        sha256=digest,
                        token=derived_token(seed, name, digest),
                        tokens=-(-shard.tokens * size // shard.bytes),
                    )
                )
                done += count
    except OSError as error:
        raise from_os_error(error, str(run.requests)) from error
    ledger.add_shards(made, event="cut", cut=shard)
    return made


def _copy_lines(lines: islice[bytes], path: Path) -> int:
    size = 0
    with atomic_path(path, overwrite=True) as temporary, temporary.open("wb") as file:
        for line in lines:
            size += file.write(line)
    return size
