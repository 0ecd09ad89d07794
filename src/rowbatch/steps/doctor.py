"""`doctor`: look at everything that a run needs, before it costs money."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rowbatch.core.document import Shown
from rowbatch.errors import RowbatchError, StorageError
from rowbatch.store.ledger import Ledger
from rowbatch.store.sqlite import open_database, translated

if TYPE_CHECKING:
    from rowbatch.providers.base import BatchClient

Grade = Literal["ok", "warning", "fault"]
# SQLite needs locks that work; these file systems are shared between machines.
_NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "afs", "9p", "fuse.sshfs", "ceph"}
)
_MOST_CLOCK_DIFFERENCE = timedelta(minutes=2)
# A result is about so large, for each row.
_RESULT_BYTES = 1_000
_FREE_BYTES = 200_000_000
_WARN_BEFORE_DAYS = 5


@dataclass(frozen=True, slots=True, repr=False)
class Check(Shown):
    """
    One thing that was looked at.

    Attributes:
        what: Its name.
        grade: `ok`, `warning`, or `fault`.
        told: What was found, in a sentence.
        hint: What to do, or "".
    """

    what: str
    grade: Grade
    told: str
    hint: str = ""


def check_folder(folder: Path, *, rows: int = 0) -> list[Check]:
    """
    Look at the place where a run lies: space, kind of file system, and whether SQLite works there.

    Args:
        folder: It is there.
        rows: How many results will come.
    """
    found = []
    free = shutil.disk_usage(folder).free
    needed = rows * _RESULT_BYTES * 2 + _FREE_BYTES
    enough = free >= needed
    found.append(
        Check(
            "disk",
            "ok" if enough else "fault",
            f"{free / 1e9:,.1f} GB free"
            + ("" if enough else f", and about {needed / 1e9:,.1f} GB are needed"),
            "" if enough else "free some space; a full disk pauses a run, and loses nothing",
        )
    )
    kind = _file_system(folder)
    shared = kind in _NETWORK_FILE_SYSTEMS
    found.append(
        Check(
            "file system",
            "warning" if shared else "ok",
            f"{kind or 'not known'}" + (", shared between machines" if shared else ""),
            "use the run from one machine at a time; better, keep it on a local disk (--run)"
            if shared
            else "",
        )
    )
    return [*found, _check_sqlite(folder)]


def check_provider(client: BatchClient, *, has_key: bool, now: datetime | None = None) -> list[Check]:
    """
    Ask the provider for its list of batches: whether it can be reached, takes the key, and what time it has.

    Args:
        client: Its calls.
        has_key: Whether there is a key.
        now: The time on this machine; None means now.
    """
    key = Check("key", "ok", "found") if has_key else Check("key", "warning", "none is sent")
    try:
        client.find("file-of-rowbatch-doctor", "rowbatch-doctor", since=datetime.now(UTC))
    except RowbatchError as error:
        status = getattr(error, "status", None)
        if status in (401, 403):
            refused = Check(
                "key", "fault", f"not accepted: {error.message}", "is it the right one, and paid up?"
            )
            return [refused]
        return [key, Check("provider", "fault", error.message, error.hint)]
    apart = client.now() - (now or datetime.now(UTC))
    wrong = abs(apart) > _MOST_CLOCK_DIFFERENCE
    where = "behind" if apart > timedelta(0) else "ahead of"
    return [
        key,
        Check("provider", "ok", "answers"),
        Check(
            "clock",
            "warning" if wrong else "ok",
            f"{abs(apart).total_seconds():,.0f} s {where} the provider's"
            if wrong
            else "agrees with the provider's",
            "set the time; lost answers are searched by the provider's clock all the same" if wrong else "",
        ),
    ]


def check_probe(client: BatchClient, url: str, body: Mapping[str, Any]) -> Check:
    """Send one row with the real body, at once: a parameter that is refused shows now. It is billed."""
    try:
        client.ask(url, body)
    except RowbatchError as error:
        return Check("probe", "fault", error.message, "every row would be refused so: mend it before the run")
    return Check("probe", "ok", "one row with the real request was answered")


def check_results_age(ledger: Ledger, results_days: int, now: datetime) -> Check | None:
    """
    Warn of results that will soon be gone at the provider; None when nothing waits there.

    Nobody may have looked since a batch was made, so it counts from then: what is left is never less.

    Args:
        ledger: Of the run.
        results_days: How long the provider keeps results.
        now: The time.
    """
    count, oldest = ledger.oldest_at_provider()
    if oldest is None:
        return None
    kept = timedelta(days=results_days)
    left = kept - (now - oldest)
    soon = left < min(timedelta(days=_WARN_BEFORE_DAYS), kept / 3)
    hours = int(left.total_seconds() // 3_600)
    lasts = f"{left.days:,} more days" if left.days > 1 else f"{hours:,} more hours"
    batches = "1 batch" if count == 1 else f"{count:,} batches"
    return Check(
        "results",
        "warning" if soon else "ok",
        f"the results of {batches} are not here yet, and "
        + (f"the provider keeps the oldest for {lasts} at least" if hours > 0 else "may be gone by now"),
        "rowbatch resume brings them" if soon else "",
    )


def _check_sqlite(folder: Path) -> Check:
    place = folder / f".rowbatch-doctor-{datetime.now(UTC):%H%M%S%f}.sqlite"
    try:
        with closing(open_database(place)) as db, translated(place):
            db.execute("CREATE TABLE t (a)")
            db.execute("INSERT INTO t VALUES (1)")
    except StorageError as error:
        told = error.values.get("told", error.message)
        return Check("ledger", "fault", f"SQLite does not work here: {told}", "use another folder (--run)")
    finally:
        place.unlink(missing_ok=True)
    return Check("ledger", "ok", "SQLite works here")


def _file_system(folder: Path) -> str:
    """Its name, where the system tells (Linux); else ""."""
    mounts = Path("/proc/self/mounts")
    if sys.platform != "linux" or not mounts.is_file():
        return ""
    resolved = folder.resolve()
    best, kind = 0, ""
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(fields[1].replace("\\040", " "))
        if resolved.is_relative_to(point) and len(point.parts) > best:
            best, kind = len(point.parts), fields[2]
    return kind
