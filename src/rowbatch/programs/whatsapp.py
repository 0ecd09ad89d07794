"""
A chat that WhatsApp exports as text: `_chat.txt` of an iPhone, `WhatsApp Chat with NAME.txt` of Android.

Form: `[31.12.23, 23:59:59] NAME: text` (iPhone), `31/12/2023, 23:59 - NAME: text` (Android); order and
marks of the date, 12 or 24 hours, words for the halves of the day are those of the phone's language. A
message may go over several lines; an iPhone ends messages with CR LF, and lines in them with LF. What has
no name is of the program: who joined, what is encrypted. Marks that cannot be seen (U+200E, U+202A,
U+202C) stand before names and attachments, and U+202F or U+00A0 before AM and PM. Source: exports as
public readers of them describe (rwhatsapp, whatstk, bolsozap) (from memory; no export of it was at hand);
WhatsApp documents no form.

Rows: one a message: `time` in ISO 8601 without a zone, since none is said; `author`, empty for the
program's own; `text`; `stamp`, the time as it stands. Whether the day or the month comes first is seen by
all stamps; where none tells, the day does, and that is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import polars as pl

from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import TableError, from_os_error
from rowbatch.programs.archives import names_in, opened
from rowbatch.programs.base import Program
from rowbatch.tables.base import Table, TableChunk
from rowbatch.tables.bounds import CELL_VARIABLE, max_cell_bytes, max_row_bytes, require_cell
from rowbatch.tables.frame_table import refuse_options
from rowbatch.words.notice import Notice

_NAME = "whatsapp"
Order = Literal["day", "month", "year"]
"""What comes first in a date."""
_MARKS = "[\u200e\u200f\u202a-\u202e\u2066-\u2069]*"
_STAMP = re.compile(
    rf"{_MARKS}(?P<open>\[)?"
    r"(?P<stamp>(?P<a>[0-9]{1,4})(?P<mark>[./-]) ?(?P<b>[0-9]{1,2})(?P=mark) ?(?P<c>[0-9]{2,4})\.?"
    # A comma, a blank, a word (Finnish "klo", German "um"), or the half of the day before the time (Chinese).
    r"(?:,|، ?)?[ \u00a0\u202f]?(?:(?P<before>[^\W\d_]{1,8}(?:[. ][^\W\d_]{1,4}\.?)?)[ \u00a0\u202f]?)?"
    r"(?P<hour>[0-9]{1,2})[:.](?P<minute>[0-9]{2})(?:[:.](?P<second>[0-9]{2}))?"
    r"(?:[ \u00a0\u202f]?(?P<half>[^\W\d_]{1,2}\.?[ \u00a0\u202f]?[^\W\d_]{0,2}\.?))?)"
    r"(?(open)\][ ]?| [-\u2013] )"
)
_AUTHOR = re.compile(rf"{_MARKS}(?P<author>[^\r\n:]{{1,200}}?){_MARKS}: (?P<text>.*)", re.DOTALL)
_AUTHOR_ALONE = re.compile(rf"{_MARKS}(?P<author>[^\r\n:]{{1,200}}?){_MARKS}:\s*\Z")
_AFTERNOON = ("pm", "p.m.", "下午", "晚上", "오후", "午後", "μμ", "م")
_MORNING = ("am", "a.m.", "上午", "凌晨", "早上", "오전", "午前", "πμ", "ص")
_CHAT_FILE = re.compile(r"(?:.*/)?(?:_chat|WhatsApp[^/]*)\.txt")
_SEEN_LINES = 20
_CHARS_PER_CHUNK = 32_000_000


@dataclass(frozen=True, slots=True)
class _Message:
    stamp: re.Match[str]
    text: str


class WhatsAppTable(Table):
    """The messages of a chat."""

    format = "whatsapp"

    def __init__(self, path: Path, member: str, order: Order, notes: tuple[Notice, ...]) -> None:
        super().__init__(path, ("time", "author", "text", "stamp"), notes=notes)
        self._member, self._order = member, order

    @property
    def reading(self) -> ReadOptions:
        return ReadOptions(program=_NAME)

    def _chunks(self, rows_per_chunk: int) -> Iterator[TableChunk]:
        first_row, chars = 1, 0
        rows: list[tuple[str, str, str, str]] = []
        for message in _messages(self.path, self._member):
            rows.append(_row(message, self._order))
            chars += len(message.text)
            if len(rows) >= rows_per_chunk or chars >= _CHARS_PER_CHUNK:
                yield _chunk(first_row, rows)
                first_row += len(rows)
                rows, chars = [], 0
        if rows:
            yield _chunk(first_row, rows)


def _chunk(first_row: int, rows: list[tuple[str, str, str, str]]) -> TableChunk:
    columns = zip(*rows, strict=True)
    return TableChunk(
        first_row,
        pl.DataFrame([pl.Series(str(at), cells, dtype=pl.String) for at, cells in enumerate(columns)]),
    )


def _is_file(path: Path, head: bytes) -> bool:
    names = [name for name in names_in(path, head) if not path.is_dir()]
    if names:
        return sum(_CHAT_FILE.fullmatch(name) is not None for name in names) == 1
    lines = head.removeprefix(b"\xef\xbb\xbf").decode(errors="replace").splitlines()[:_SEEN_LINES]
    if not lines or _STAMP.match(lines[0]) is None:
        return False
    stamped = [line[found.end() :] for line in lines if (found := _STAMP.match(line))]
    return any(_AUTHOR.match(line) for line in stamped)


def _open(path: Path, options: ReadOptions) -> Table:
    refuse_options(path, options, allowed=(), kind="a chat of WhatsApp")
    names = names_in(path, b"PK\x03\x04") if not path.is_dir() else []
    member = next((name for name in names if _CHAT_FILE.fullmatch(name)), "")
    first, second, rows, longest = 0, 0, 0, 0
    is_year_first = False
    for rows, message in enumerate(_messages(path, member), start=1):
        stamp = message.stamp
        is_year_first = is_year_first or len(stamp["a"]) == 4
        first, second = max(first, int(stamp["a"])), max(second, int(stamp["b"]))
        if len(message.text) > longest:
            longest = len(message.text)
            require_cell(path, len(message.text.encode()), row=rows, column="text")
    if not rows:
        raise TableError("table-without-rows", path=str(path))
    order: Order = "year" if is_year_first else "month" if second > 12 >= first else "day"
    note = Notice("note-messages", {"path": path.name, "rows": rows, "program": "WhatsApp"})
    is_open = not is_year_first and first <= 12 and second <= 12
    notes = (note, Notice("note-day-first", {"path": path.name})) if is_open else (note,)
    return WhatsAppTable(path, member, order, notes)


def _messages(path: Path, member: str) -> Iterator[_Message]:
    """The messages, with what stands behind their stamps; lines before the first stamp are no message."""
    stamp: re.Match[str] | None = None
    parts: list[str] = []
    size, number, most = 0, 0, max_row_bytes()
    try:
        with opened(path, member) as file:
            while line := file.readline(most):
                number += 1
                size += len(line)
                if size > max(most, max_cell_bytes()):
                    raise TableError(
                        "row-too-long", path=str(path), line=number, most=most, variable=CELL_VARIABLE
                    )
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                found = _STAMP.match(text)
                if found is None:
                    parts.append(text)
                    continue
                if stamp is not None:
                    yield _Message(stamp, "".join(parts))
                stamp, parts, size = found, [text[found.end() :]], len(line)
            if stamp is not None:
                yield _Message(stamp, "".join(parts))
    except UnicodeError as error:
        raise TableError("text-not-of-encoding", path=str(path), encoding="utf-8", told=str(error)) from error
    except OSError as error:
        raise from_os_error(error, str(path)) from error


def _row(message: _Message, order: Order) -> tuple[str, str, str, str]:
    # The end of a message is not of its text: CR LF of an iPhone, LF of Android.
    text = message.text.removesuffix("\n").removesuffix("\r").replace("\r\n", "\n")
    found = _AUTHOR.match(text) or _AUTHOR_ALONE.match(text)
    author = found["author"] if found else ""
    said = (found.groupdict().get("text") or "") if found else text
    return _time(message.stamp, order), author, said, message.stamp["stamp"]


def _time(stamp: re.Match[str], order: Order) -> str:
    """ISO 8601; "" for a stamp that is no time."""
    first, second, third = stamp["a"], stamp["b"], stamp["c"]
    year, month, day = {
        "day": (third, second, first),
        "month": (third, first, second),
        "year": (first, second, third),
    }[order]
    hour = int(stamp["hour"])
    half = re.sub(r"[ \u00a0\u202f]", "", stamp["half"] or stamp["before"] or "").casefold()
    if half in _AFTERNOON and hour < 12:
        hour += 12
    elif half in _MORNING and hour == 12:
        hour = 0
    try:
        whole = int(year) + (2000 if len(year) == 2 else 0)
        time = datetime(whole, int(month), int(day), hour, int(stamp["minute"]), int(stamp["second"] or 0))  # noqa: DTZ001 - no zone is said
    except ValueError:
        return ""
    return time.isoformat() if stamp["second"] else time.isoformat(timespec="minutes")


PROGRAM = Program(name=_NAME, title="WhatsApp", is_file=_is_file, open=_open)
