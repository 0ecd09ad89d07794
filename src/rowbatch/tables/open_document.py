"""
What readers of .ods lose, put into the file in a way that they keep.

Source:
    OpenDocument 1.3, part 3, 6.1 (tabs and line breaks are elements of a paragraph) and 19.385 (a time is a
    duration of ISO 8601). Measured with fastexcel 0.21.0 and python-calamine 0.9.1: `text:tab` and
    `text:line-break` vanish, so that words run together; a time is nothing in the one; a cell with an
    error, which LibreOffice writes as an empty text with the mark `calcext:value-type="error"`, is empty.
    Several paragraphs, spaces and notes of a cell come out right.
"""

from __future__ import annotations

import datetime
import io
import re
import zipfile
from pathlib import Path

from rowbatch.tables.bounds import require_memory
from rowbatch.tables.workbook_cells import text_of_duration

_CONTENT, _MANIFEST = "content.xml", "META-INF/manifest.xml"
_SIGNS = (b"<text:tab", b"<text:line-break", b'"time"', b'"error"')
_TAB = re.compile(rb"<text:tab\b[^<>]*?(?:/>|>\s*</text:tab>)")
_LINE_BREAK = re.compile(rb"<text:line-break\b[^<>]*?(?:/>|>\s*</text:line-break>)")
_CELL = re.compile(rb"<table:(?:covered-)?table-cell\b[^<>]*>")
_TIME = re.compile(rb'office:value-type\s*=\s*"time"')
_TIME_VALUE = re.compile(rb'office:time-value\s*=\s*"([^"<]*)"')
_ERROR = re.compile(rb'calcext:value-type\s*=\s*"error"')
_STRING_VALUE = re.compile(rb'\soffice:string-value\s*=\s*"\s*"')
_DURATION = re.compile(r"(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,](\d{1,9})\d*)?S)?)?")


def with_all_texts(path: Path, data: bytes) -> tuple[bytes, int]:
    """
    Make a file of an .ods in which tabs, line breaks, times and errors are plain text.

    Args:
        path: For messages.
        data: The file; one without such cells, or that is no .ods, comes back as it is.
    Returns:
        The file, and how many cells have an error.
    Raises:
        TableError: There is no memory for it.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = archive.getinfo(_CONTENT).file_size
            require_memory(path, 4 * size)
            content = archive.read(_CONTENT)
            if not any(sign in content for sign in _SIGNS):
                return data, 0
            others = [
                (one, archive.read(one))
                for one in archive.infolist()
                if one.filename in ("mimetype", _MANIFEST)
            ]
    except (KeyError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError):
        # What is wrong with it is said by who reads it.
        return data, 0
    errors = 0

    def plain(found: re.Match[bytes]) -> bytes:
        nonlocal errors
        cell = found[0]
        if _ERROR.search(cell):
            errors += 1
            return _STRING_VALUE.sub(b"", cell)
        if _TIME.search(cell) and (value := _TIME_VALUE.search(cell)):
            shown = _clock(value[1].decode("ascii", "replace"))
            if shown is not None:
                text = b'office:value-type="string" office:string-value="%s"' % shown.encode()
                return _TIME.sub(text, _TIME_VALUE.sub(b"", cell))
        return cell

    content = _CELL.sub(plain, content)
    content = _LINE_BREAK.sub(b"&#10;", _TAB.sub(b"&#9;", content))
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for one, told in others:
            archive.writestr(one.filename, told)
        archive.writestr(_CONTENT, content)
    return made.getvalue(), errors


def _clock(told: str) -> str | None:
    """Hours, minutes and seconds of a duration of ISO 8601: `30:15:00`; None where it is none."""
    found = _DURATION.fullmatch(told)
    if found is None or told.endswith(("P", "T")):
        return None
    sign, days, hours, minutes, seconds, parts = found.groups()
    try:
        value = datetime.timedelta(
            days=int(days or 0),
            hours=int(hours or 0),
            minutes=int(minutes or 0),
            seconds=int(seconds or 0),
            microseconds=int((parts or "0").ljust(6, "0")[:6]),
        )
    except OverflowError:
        return None
    return text_of_duration(-value if sign else value)
