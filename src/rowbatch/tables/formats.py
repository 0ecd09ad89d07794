"""
Which reader a table needs. All but the one of CSV are imported when there is such a file: together they take
longer to import than a small CSV file to be read.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import cast

from rowbatch.core.table_options import ReadingKeywords, ReadOptions
from rowbatch.errors import TableError, from_os_error
from rowbatch.tables.base import Table
from rowbatch.tables.bounds import require_limits
from rowbatch.tables.compressed import PACKED_SUFFIXES, members_of_zip, unpacked_suffix
from rowbatch.tables.csv_reader import open_csv
from rowbatch.tables.frame_table import refuse_options
from rowbatch.words.notice import Notice

_JSON_LINES = (".jsonl", ".ndjson", ".jsonlines")
_EXCEL = (".xlsx", ".xls", ".xlsb", ".xlsm", ".ods")
_R = (".rds", ".rda", ".rdata")
_STATISTICS = (".dta", ".por", ".sav", ".zsav", ".sas7bdat", ".xpt")
_TEXTS = (".csv", ".tsv", ".tab", ".txt")
_OF_CSV = ("encoding", "delimiter", "on_bad_rows", "header", "skip_rows", "quote", "escape")
# An old workbook is a compound file, as many others are.
_COMPOUND = b"\xd0\xcf\x11\xe0"
_OF_WORKBOOKS = ("sheet", "header", "skip_rows")
_OF_R = ("sheet", "encoding")
_OF_JSON = ("encoding", "on_bad_rows", "rows", "header")


def open_table(path: Path, options: ReadOptions | None = None) -> Table:
    """
    Open a table of any format and read its header.

    What a file is, is seen by its first bytes; its name decides only where those do not.

    Args:
        path: The file; or a folder of .txt files, or of tables of one form.
        options: How to read it; what does not belong to its format is an error.
    Raises:
        InputError: There is no such file.
        TableError: It is empty, broken, or of no known format; or this process may take too little memory.
        UsageError: The options do not fit.
    """
    options = options or ReadOptions()
    require_limits(path)
    if path.is_dir():
        return _open_folder(path, options)
    found = _by_bytes(path, _head(path), options) or _by_name(path, options)
    if found is not None:
        return found
    refuse_options(path, options, allowed=_OF_CSV, kind="a CSV file")
    return open_csv(path, **_said(options))


def _open_folder(path: Path, options: ReadOptions) -> Table:
    from rowbatch.tables.table_folder import files_of_folder, open_table_folder
    from rowbatch.tables.text_folder import open_text_folder

    if not any(file.suffix.lower() == ".txt" for file in path.rglob("*")):
        files = files_of_folder(path)
        if files:
            return open_table_folder(path, files, options, open_table)
    return open_text_folder(path, options)


def fitting_options(path: Path) -> frozenset[str]:
    """
    Which options have a meaning for a file, by its first bytes and its name.

    Args:
        path: The file; or a folder of .txt files.
    Returns:
        Names of attributes of `ReadOptions`; that it is no program's export can be said of each file.
    Raises:
        InputError: There is no such file.
        TableError: It is a zip file that is damaged.
    """
    if path.is_dir():
        from rowbatch.tables.table_folder import files_of_folder

        files = files_of_folder(path)
        return fitting_options(files[0]) if files else frozenset(("encoding",))
    head = _head(path)
    suffix, unpacked = path.suffix.lower(), unpacked_suffix(path)
    if head.startswith((b"PAR1", b"ARROW1\0")):
        return frozenset()
    if head.startswith(b"PK") and zip_members(path):
        return frozenset((*_OF_CSV, "sheet"))
    if head.startswith(b"PK") or (head.startswith(_COMPOUND) and suffix != ".doc"):
        return frozenset(_OF_WORKBOOKS)
    if _statistics_suffix(suffix, head):
        return frozenset(("encoding",))
    if unpacked in _R:
        return frozenset(_OF_R)
    return frozenset(_OF_JSON if unpacked in (*_JSON_LINES, ".json") else _OF_CSV)


def zip_members(path: Path) -> tuple[str, ...]:
    """
    Names of the files in a zip file of tables; none where it is a workbook, or no zip file.

    Raises:
        InputError: There is no such file.
        TableError: It is damaged.
    """
    is_zip = not path.is_dir() and path.suffix.lower() not in _EXCEL and _head(path).startswith(b"PK\x03\x04")
    return (members_of_zip(path) or ()) if is_zip else ()


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64)
    except OSError as error:
        raise from_os_error(error, str(path)) from error


def _said(options: ReadOptions) -> ReadingKeywords:
    return cast(ReadingKeywords, asdict(options))


def _by_bytes(path: Path, head: bytes, options: ReadOptions) -> Table | None:
    if head.startswith((b"PAR1", b"ARROW1\0")):
        from rowbatch.tables.columnar import open_columnar

        return open_columnar(path, options, is_parquet=head.startswith(b"PAR1"))
    if head.startswith(b"FEA1"):
        raise TableError("feather-too-old", path=str(path))
    suffix = path.suffix.lower()
    # A new workbook is a zip file.
    if head.startswith(b"PK\x05\x06"):
        raise TableError("zip-empty", path=str(path))
    if head.startswith(b"PK\x03\x04"):
        members = None if suffix in _EXCEL else members_of_zip(path)
        if members is not None:
            return _open_member(path, options, members)
    if head.startswith(b"PK\x03\x04") or (head.startswith(_COMPOUND) and suffix != ".doc"):
        from rowbatch.tables.excel_reader import open_excel

        return open_excel(path, options)
    statistics = _statistics_suffix(suffix, head)
    if statistics:
        from rowbatch.tables.statistics_reader import open_statistics

        return open_statistics(path, options, statistics)
    return None


def _open_member(path: Path, options: ReadOptions, members: tuple[str, ...]) -> Table:
    """A CSV file in a zip file: the one that is said, or the only one."""
    texts = [name for name in members if Path(name).suffix.lower() in _TEXTS]
    texts = texts or [name for name in members if not _is_other_table(name)]
    if members and not texts and options.sheet is None:
        raise TableError("zip-without-csv", path=str(path), members=list(members[:40]))
    if options.sheet is not None:
        texts = [name for name in members if name == options.sheet]
        if not texts:
            raise TableError("no-such-member", path=str(path), member=options.sheet, members=members[:40])
    if not texts:
        raise TableError("zip-empty", path=str(path))
    if options.sheet is not None and _is_other_table(options.sheet):
        raise TableError("zip-without-csv", path=str(path), members=texts)
    if len(texts) > 1:
        raise TableError("zip-several", path=str(path), count=len(texts), members=texts[:40])
    refuse_options(path, options, allowed=(*_OF_CSV, "sheet"), kind="a CSV file")
    found = open_csv(path, member=texts[0], **_said(options))
    found.notes = (Notice("note-zip-member", {"member": texts[0]}), *found.notes)
    return found


def _is_other_table(name: str) -> bool:
    """Whether a file in a zip file is called as a table that is no CSV file, and is read unpacked."""
    suffix = Path(name).suffix.lower()
    others = (*_JSON_LINES, ".json", *_EXCEL, *_R, *_STATISTICS, ".parquet", ".arrow", ".feather")
    return suffix in others


def _statistics_suffix(suffix: str, head: bytes) -> str:
    """The ending that a file of Stata, SPSS or SAS should have; or ""."""
    if head.startswith((b"$FL2", b"$FL3")):
        return ".zsav" if head.startswith(b"$FL3") else ".sav"
    if head.startswith(b"<stata_dta>"):
        return ".dta"
    if head.startswith(b"\0" * 12 + b"\xc2\xea\x81\x60\xb3\x14\x11\xcf"):
        return ".sas7bdat"
    if head.startswith(b"HEADER RECORD*******LIBRARY HEADER"):
        return ".xpt"
    # Old Stata files begin with the number of their version, and .por files with nothing of their own.
    return suffix if suffix in _STATISTICS else ""


def _by_name(path: Path, options: ReadOptions) -> Table | None:
    suffix = unpacked_suffix(path)
    if suffix in _R:
        from rowbatch.tables.r_reader import open_r

        return open_r(path, options)
    if suffix in _JSON_LINES or suffix == ".json":
        from rowbatch.tables.json_reader import open_json

        return open_json(path, options, is_lines=suffix in _JSON_LINES)
    if suffix in _EXCEL:
        is_packed = path.suffix.lower() in PACKED_SUFFIXES
        raise TableError("packed-workbook" if is_packed else "no-workbook", path=str(path))
    return None
