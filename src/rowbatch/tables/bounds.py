"""
How much a table may ask for: of one cell, of one row, and of the memory of this computer.

A small file can hold much: what is packed, and what is said once and repeated, grows as it is read. A table
is never refused for being packed well; it is refused where what it holds has no room here, before it is read.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rowbatch.errors import TableError, UsageError

CELL_VARIABLE = "ROWBATCH_MAX_CELL_MB"
MEMORY_VARIABLE = "ROWBATCH_MAX_MEMORY_GB"
MAX_CELL_BYTES = 16 << 20
"""Of one cell, unless `ROWBATCH_MAX_CELL_MB` says otherwise. Excel takes 32,767 characters."""
ROW_IN_CELLS = 4
"""A row may be as long as so many of the longest cells."""
MAX_COLUMNS = 100_000
"""Excel takes 16,384."""
MAX_ZSTD_WINDOW_LOG = 31
"""What unpacking Zstandard may keep where there is room, as a power of two: 2 GiB, as some dumps ask for."""
_SURE_ZSTD_WINDOW_LOG = 27
MAX_XZ_MEMORY_BYTES = 256 << 20
"""What unpacking xz may keep; its level 9 asks for 65 MiB."""
MAX_PART_BYTES = 64 << 20
"""The texts of a chunk that a reader of a format with types gives, where they are more than a row."""
_SHARE_OF_MEMORY = 0.75
LEAST_DATA_BYTES = 512 << 20
LEAST_ADDRESS_BYTES = 3 << 29
"""
What a limit of the system has to leave a process in which tables are read, `ulimit -d` and `ulimit -v`.

With polars 2.1.0 on two processors, and 60,000 texts in tasks of 20,000: below 300 and 1,300 MB it ended the
process (SIGABRT), or waited without an end for a thread that got no memory.
"""


def max_cell_bytes() -> int:
    """
    How long a cell may be.

    Raises:
        UsageError: The environment says something that is no number.
    """
    said = _said(CELL_VARIABLE)
    return MAX_CELL_BYTES if said is None else int(said * (1 << 20))


def max_row_bytes() -> int:
    """How long a row of a text file may be, line ends included."""
    return ROW_IN_CELLS * max_cell_bytes()


def memory_for_tables() -> int:
    """
    Bytes of memory that reading a table may take: three quarters of what is free, or what is set.
    """
    said = _said(MEMORY_VARIABLE)
    return int(said * (1 << 30)) if said is not None else int(_SHARE_OF_MEMORY * free_memory())


def room_for_zstd_window() -> int:
    """
    What unpacking Zstandard may keep, as a power of two: as much as has room in memory.

    128 MiB are never refused: its levels up to 22 ask for them. The library takes only what was unpacked.
    """
    return max(_SURE_ZSTD_WINDOW_LOG, memory_for_tables().bit_length() - 1)


def require_memory(path: Path, needed_bytes: int, most: int | None = None) -> None:
    """
    Refuse a table that does not fit into memory.

    Args:
        path: The table.
        needed_bytes: What reading it takes, or a good guess.
        most: What it may take, where that was asked before some of it was taken.
    Raises:
        TableError: It is more.
    """
    most = memory_for_tables() if most is None else most
    if needed_bytes > most:
        raise TableError(
            "table-needs-memory",
            path=str(path),
            needed_gb=needed_bytes / (1 << 30),
            most_gb=most / (1 << 30),
            variable=MEMORY_VARIABLE,
        )


def require_limits(path: Path) -> None:
    """
    Refuse to read a table where a limit of this process would end it in the middle, without a word of ours.

    Args:
        path: The table.
    Raises:
        TableError: Such a limit is set.
    """
    if sys.platform == "win32":
        return
    import resource

    for what, name, least in (
        (resource.RLIMIT_DATA, "ulimit -d", LEAST_DATA_BYTES),
        (resource.RLIMIT_AS, "ulimit -v", LEAST_ADDRESS_BYTES),
    ):
        most, _ = resource.getrlimit(what)
        if 0 <= most < least:
            raise TableError(
                "limit-on-memory", path=str(path), limit_mb=most >> 20, least_mb=least >> 20, name=name
            )


def require_cell(path: Path, size_bytes: int, *, row: int, column: str) -> None:
    """
    Refuse a cell that is too long.

    Raises:
        TableError: It is longer than `max_cell_bytes`.
    """
    if size_bytes > max_cell_bytes():
        raise TableError(
            "cell-too-large",
            path=str(path),
            row=row,
            column=column,
            most=max_cell_bytes(),
            variable=CELL_VARIABLE,
        )


def require_columns(path: Path, columns: int) -> None:
    """
    Refuse a table of too many columns.

    Raises:
        TableError: It has more than `MAX_COLUMNS`.
    """
    if columns > MAX_COLUMNS:
        raise TableError("too-many-columns", path=str(path), columns=columns, most=MAX_COLUMNS)


def free_memory() -> int:
    """
    Bytes of memory that this process can still take without swapping.

    Source:
        Linux: proc(5), MemAvailable; cgroups(7), version 1 and 2; getrlimit(2), RLIMIT_AS. Windows:
        GlobalMemoryStatusEx. Elsewhere the half of what the computer has, since it does not say what is free.
    """
    known = [size for size in (_free_of_system(), _free_of_group(), _free_of_limit()) if size is not None]
    return max(min(known, default=4 << 30), 0)


def _said(variable: str) -> float | None:
    said = os.environ.get(variable, "").strip()
    if not said:
        return None
    try:
        value = float(said)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e9:
        raise UsageError("environment-no-number", variable=variable, value=said)
    return value


def _free_of_system() -> int | None:
    try:
        with Path("/proc/meminfo").open(encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    if sys.platform == "win32":
        return _free_of_windows()
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (ValueError, OSError):
        return None


def _free_of_windows() -> int | None:
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            ("total", ctypes.c_ulonglong),
            ("free", ctypes.c_ulonglong),
            ("total_page_file", ctypes.c_ulonglong),
            ("free_page_file", ctypes.c_ulonglong),
            ("total_virtual", ctypes.c_ulonglong),
            ("free_virtual", ctypes.c_ulonglong),
            ("free_extended", ctypes.c_ulonglong),
        )

    status = Status()
    status.length = ctypes.sizeof(status)
    told = getattr(ctypes, "windll").kernel32.GlobalMemoryStatusEx(ctypes.byref(status))  # noqa: B009
    return int(status.free) if told else None


_CGROUPS = (
    (
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory.current",
        "/sys/fs/cgroup/memory.stat",
        "inactive_file",
    ),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        "/sys/fs/cgroup/memory/memory.stat",
        "total_inactive_file",
    ),
)


def _free_of_group() -> int | None:
    """What a container may still take; pages of files that it can drop are free."""
    for limit, usage, stat, dropped in _CGROUPS:
        try:
            most = Path(limit).read_text(encoding="ascii").strip()
            if most == "max":
                return None
            used = int(Path(usage).read_text(encoding="ascii"))
            for line in Path(stat).read_text(encoding="ascii").splitlines():
                name, _, size = line.partition(" ")
                if name == dropped:
                    used -= int(size)
            return int(most) - used
        except (OSError, ValueError):
            continue
    return None


def _free_of_limit() -> int | None:
    """What `ulimit -v` leaves."""
    try:
        import resource
    except ImportError:
        return None
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most == resource.RLIM_INFINITY:
        return None
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        return most - pages * resource.getpagesize()
    except (OSError, ValueError):
        return most
