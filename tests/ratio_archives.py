"""
Small files that hold much: a few letters, repeated, in every format that is read.

    python tests/ratio_archives.py --mib 2000

makes one of each kind, reads each in a process of its own with a bound on its memory, and says how it ended:
with one sentence of ours, or with all of its rows. Made when they are needed, and kept nowhere.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import json
import lzma
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

_BLOCK = b"a" * (1 << 20)


def one_open_quote(file: IO[bytes], mib: int) -> None:
    """A CSV file whose second line opens a quote."""
    file.write(b'text\n"')
    for _ in range(mib):
        file.write(_BLOCK)


def one_line(file: IO[bytes], mib: int) -> None:
    """An object of JSON with one long text."""
    file.write(b'{"text": "')
    for _ in range(mib):
        file.write(_BLOCK)
    file.write(b'"}\n')


def many_objects(file: IO[bytes], mib: int) -> None:
    """A list of small objects."""
    file.write(b"[")
    for _ in range(mib):
        file.write(b'{"a":1},' * (1 << 17))
    file.write(b'{"a":1}]')


def _zstd() -> Any:
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        from backports import zstd
    return zstd


_PACKERS: dict[str, Callable[[Path], Any]] = {
    "gz": lambda path: gzip.GzipFile(path, "wb", compresslevel=1),
    "bz2": lambda path: bz2.BZ2File(path, "wb", compresslevel=9),
    "xz": lambda path: lzma.LZMAFile(path, "wb", preset=0),  # noqa: SIM115 - who asks for it closes it
    "zst": lambda path: _zstd().ZstdFile(path, "wb"),
}


def packed(folder: Path, mib: int, name: str, write: Callable[[IO[bytes], int], None], packing: str) -> Path:
    """A text file, packed."""
    path = folder / f"{name}.{packing}"
    with _PACKERS[packing](path) as file:
        write(file, mib)
    return path


def workbook(folder: Path, mib: int) -> Path:
    """A workbook with a text of 32,767 letters that each of its cells has."""
    import xlsxwriter

    path = folder / "shared.xlsx"
    with xlsxwriter.Workbook(path, {"constant_memory": False}) as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "text")
        for row in range(1, 1 + max(mib * 32, 2)):
            sheet.write(row, 0, "a" * 32_767)
    return path


def far_workbook(folder: Path, mib: int) -> Path:
    """A workbook with a second cell far away from the first one."""
    import xlsxwriter

    path = folder / "far.xlsx"
    rows = min(mib * (1 << 20) // 64 // 1000, 1_048_575)
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "text")
        sheet.write(rows, 999, "a")
    return path


def long_sheet(folder: Path, mib: int) -> Path:
    """A workbook whose sheet has mostly one long remark, which is white space."""
    whole = folder / "whole.xlsx"
    path = folder / "long.xlsx"
    import xlsxwriter

    with xlsxwriter.Workbook(whole) as book:
        book.add_worksheet().write(0, 0, "text")
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for part in source.infolist():
            with target.open(part.filename, "w", force_zip64=True) as file:
                data = source.read(part)
                begin, end = data[:-20], data[-20:]
                file.write(begin if part.filename.endswith("sheet1.xml") else data)
                if part.filename.endswith("sheet1.xml"):
                    for _ in range(mib):
                        file.write(b" " * (1 << 20))
                    file.write(end)
    return path


def open_document(folder: Path, mib: int) -> Path:
    """An .ods whose one row is said to be there many times."""
    times = max(mib * (1 << 20) // 64 // 100, 1)
    cell = (
        '<table:table-cell office:value-type="string" table:number-columns-repeated="100"><text:p>a</text:p>'
        "</table:table-cell>"
    )
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    content = (
        f"<office:document-content {spaces}><office:body><office:spreadsheet>"
        f'<table:table table:name="one"><table:table-row table:number-rows-repeated="{times}">{cell}'
        "</table:table-row></table:table></office:spreadsheet></office:body></office:document-content>"
    )
    path = folder / "repeated.ods"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        file.writestr("META-INF/manifest.xml", "<manifest/>")
        file.writestr("content.xml", content)
    return path


def parquet(folder: Path, mib: int) -> Path:
    """One row group of one number."""
    import polars as pl

    rows = mib * (1 << 20) // 16
    path = folder / "same.parquet"
    pl.LazyFrame({"a": pl.repeat(7, rows, dtype=pl.Int64, eager=True)}).collect().write_parquet(
        path, row_group_size=rows
    )
    return path


def feather(folder: Path, mib: int) -> Path:
    """One record batch of one number, packed."""
    import polars as pl

    rows = mib * (1 << 20) // 16
    path = folder / "same.feather"
    pl.DataFrame({"a": pl.repeat(7, rows, dtype=pl.Int64, eager=True)}).write_ipc(
        path, compression="zstd", record_batch_size=rows
    )
    return path


def zsav(folder: Path, mib: int) -> Path:
    """Long texts of one letter in SPSS's own packing: it is read in parts, so all of its rows come."""
    import polars as pl
    import pyreadstat

    path = folder / "same.zsav"
    pyreadstat.write_sav(pl.DataFrame({"a": ["a" * 30_000] * (mib * 35)}), path, compress=True)
    return path


def rds(folder: Path, mib: int) -> Path:
    """A data frame of R of one number, packed."""
    import pandas
    import pyreadr

    path = folder / "same.rds"
    rows = mib * (1 << 20) // 64
    pyreadr.write_rds(str(path), pandas.DataFrame({"a": [7.0] * rows}), compress="gzip")
    return path


def archives() -> Iterator[tuple[str, Callable[[Path, int], Path]]]:
    """Every kind: its name, and what makes a file of it that becomes about so many MiB in memory."""
    for packing in _PACKERS:
        for name, write in (
            ("quote.csv", one_open_quote),
            ("line.jsonl", one_line),
            ("list.json", many_objects),
        ):
            yield (
                f"{name}.{packing}",
                lambda folder, mib, n=name, w=write, p=packing: packed(folder, mib, n, w, p),  # type: ignore[misc]
            )
    for make in (workbook, far_workbook, long_sheet, open_document, parquet, feather, zsav):
        yield make.__name__, make
    try:
        import pyreadr  # noqa: F401
    except ImportError:
        return
    yield rds.__name__, rds


ARCHIVES = dict(archives())

_READER = """
import json, re, resource, sys, time
from pathlib import Path
most = int(sys.argv[2])
import polars, fastexcel, pyreadstat
from rowbatch.errors import RowbatchError
from rowbatch.programs.opening import open_table
if most:
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + most, now + most))
def peak_kib():
    # What `getrusage` says of a process begins, on Linux, with what its parent had.
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1])
before = peak_kib()
began = time.monotonic()
try:
    rows = sum(chunk.frame.height for chunk in open_table(Path(sys.argv[1])).chunks())
    end = {"rows": rows}
except RowbatchError as error:
    end = {"kind": error.kind, "message": error.message}
end["mib"] = (peak_kib() - before) // 1024
end["seconds"] = round(time.monotonic() - began, 2)
print(json.dumps(end))
"""


def read_in_bounds(
    path: Path, *, most_mib: int, memory_gb: float | None = None, cell_mb: float | None = None
) -> dict[str, Any]:
    """
    Read a table in a process of its own that can take so much memory and no more.

    Returns:
        `rows`, or `kind` and `message` of the error; `mib` of memory that it took; `seconds`.
    """
    environment = dict(os.environ)
    if cell_mb is not None:
        environment["ROWBATCH_MAX_CELL_MB"] = str(cell_mb)
    if memory_gb is not None:
        environment["ROWBATCH_MAX_MEMORY_GB"] = str(memory_gb)
    # Each thread of polars takes address space for itself.
    environment["POLARS_MAX_THREADS"] = "2"
    done = subprocess.run(
        [sys.executable, "-c", _READER, str(path), str(most_mib << 20)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=600,
        check=False,
    )
    if done.returncode:
        return {"kind": f"exit {done.returncode}", "message": done.stderr.strip()[-300:]}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=2000, help="what each file becomes in memory, about")
    parser.add_argument("--most-mib", type=int, default=1500, help="what reading it may take")
    parser.add_argument("kinds", nargs="*", help="some of: " + ", ".join(ARCHIVES))
    options = parser.parse_args()
    failed = 0
    for name in options.kinds or ARCHIVES:
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            path = ARCHIVES[name](Path(folder), options.mib)
            made_s, size = time.monotonic() - began, path.stat().st_size
            end = read_in_bounds(path, most_mib=options.most_mib)
        told = end.get("message") or f"{end['rows']:,} rows"
        is_ours = "rows" in end or not end["kind"].startswith("exit")
        failed += not is_ours
        print(
            f"{name:16} {size:>10,} bytes, made in {made_s:.0f} s: {end.get('mib', '?')} MiB, "
            f"{end.get('seconds', '?')} s: {told.replace(str(path), path.name)}",
            flush=True,
        )
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
