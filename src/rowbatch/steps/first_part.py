"""
The small first part: some rows of a large run go first, so that an answer is seen before all is paid.

Only where there are several parts anyway. A run of one part would take the time of two batches, each of which
may take hours; `rowbatch try` shows some answers of it at once.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from rowbatch.core.policy import Policy
from rowbatch.errors import from_os_error
from rowbatch.results.findings import row_of_request
from rowbatch.store.atomic import atomic_path
from rowbatch.store.ledger import Shard, new_shard
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.sources import digest_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FIRST_ROWS = 100
"""
How many rows go first where nobody said it: the share of useless answers among so many is known to a tenth
(95 % interval of a half: 40 to 60 %), and they cost a five-hundredth of a part of 50,000.
"""


def first_rows_of(policy: Policy) -> int:
    """How many rows go first, where there are several parts; 0 for none."""
    return FIRST_ROWS if policy.first_rows is None else policy.first_rows


def with_first_part(
    run: RunDirectory,
    shards: Sequence[Shard],
    policy: Policy,
    *,
    token_of: Callable[[str], str],
    count_tokens: Callable[[bytes], int],
) -> list[Shard]:
    """
    Set the first rows apart as a shard of their own, before anything is in the ledger.

    The first shard keeps its name; the rest of what was in it becomes the last one.

    Args:
        run: That is being built.
        shards: Of its first round, whose files are written.
        policy: How it is driven.
        token_of: A token for a shard of this name.
        count_tokens: Of the prompt of a request line.
    Returns:
        The shards; the same where none is set apart.
    """
    rows = first_rows_of(policy)
    first = shards[0]
    # Who says how many wants them first, also of one part.
    is_wanted = len(shards) > 1 or policy.first_rows is not None
    if not is_wanted or not 0 < rows < first.requests:
        return list(shards)
    name = f"r1-{len(shards) + 1:04d}"
    place, rest_place = run.request_path(first.name), run.request_path(name)
    try:
        with place.open("rb") as lines:
            head = list(islice(lines, rows))
            last_row = row_of_request(head[-1])
            with atomic_path(rest_place, overwrite=True) as temporary, temporary.open("wb") as rest:
                line = next(lines)
                next_row = row_of_request(line)
                rest.write(line)
                while block := lines.read(1 << 20):
                    rest.write(block)
        with atomic_path(place, overwrite=True) as temporary:
            temporary.write_bytes(b"".join(head))
    except OSError as error:
        raise from_os_error(error, str(run.requests)) from error
    size = sum(map(len, head))
    tokens = sum(map(count_tokens, head)) if first.tokens else 0
    apart = new_shard(
        number=1,
        first_row=first.first_row,
        last_row=last_row,
        requests=rows,
        size_bytes=size,
        sha256=digest_file(place),
        token=first.token,
        tokens=tokens,
    )
    left = new_shard(
        number=len(shards) + 1,
        first_row=next_row,
        last_row=first.last_row,
        requests=first.requests - rows,
        size_bytes=first.bytes - size,
        sha256=digest_file(rest_place),
        token=token_of(name),
        tokens=max(first.tokens - tokens, 0),
    )
    return [apart, *shards[1:], left]
