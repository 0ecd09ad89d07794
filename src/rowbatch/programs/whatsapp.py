"""
A chat that WhatsApp exports as text: `_chat.txt` of an iPhone, `WhatsApp Chat with NAME.txt` of Android.

Form: `[31.12.23, 23:59:59] NAME: text` (iPhone), `31/12/2023, 23:59 - NAME: text` (Android), `31.12.17
23:59:59: NAME: text` (iPhone of old); order and marks of the date, 12 or 24 hours, digits and words for the
halves of the day are those of the phone's language, and the same in a whole chat. A message may go over
several lines; an iPhone ends messages with CR LF, and lines in them with LF. What has no name is of the
program: who joined, what is encrypted. Marks that cannot be seen (U+200E, U+202A, U+202C) stand before names
and attachments, and U+202F, U+2009 or U+00A0 between the parts of a stamp.
Source: stamps that readers of real chats are tested with: github.com/Pustur/whatsapp-chat-parser (57484d5),
github.com/JBGruber/rwhatsapp (6e09da3), github.com/joweich/chat-miner (14414d4, test/whatsapp/testlog.txt),
github.com/AyazKhuraishi/whatsapp-export-inconsistencies (10a4784), and issues of these; the words for the
halves of the day are those of CLDR (Babel 2.18) in WhatsApp's languages. WhatsApp documents no form.

Rows: one a message: `time` in ISO 8601 without a zone, since none is said; `author`, empty for the
program's own; `text`; `stamp`, the time as it stands. Which part of a date is the day is seen by all stamps
together: messages follow each other in time. Where they do not tell, the day comes first, and that is said;
so is how many stamps are no time of this calendar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import polars as pl

from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import TableError, from_os_error
from rowbatch.programs.archives import begin_of, names_in, opened
from rowbatch.programs.base import Program
from rowbatch.tables.base import Table, TableChunk
from rowbatch.tables.bounds import CELL_VARIABLE, max_cell_bytes, max_row_bytes, require_cell
from rowbatch.tables.frame_table import refuse_options
from rowbatch.words.notice import Notice

_NAME = "whatsapp"
Order = Literal["day", "month", "year"]
"""What comes first in a date."""
_PLACES: dict[Order, tuple[int, int, int]] = {"day": (2, 1, 0), "month": (2, 0, 1), "year": (0, 1, 2)}
"""Where year, month and day stand in a date."""
_MARKS = "[\u200e\u200f\u202a-\u202e\u2066-\u2069]*"
_BLANK = "[ \u00a0\u2009\u202f]"
_STAMP = re.compile(
    rf"{_MARKS}(?P<open>\[)?"
    rf"(?P<stamp>(?P<a>\d{{1,4}}){_MARKS}(?P<mark>[./-]) ?(?P<b>\d{{1,2}}){_MARKS}(?P=mark) ?(?P<c>\d{{2,4}})"
    # Years may have a word of their own (Bulgarian); then a comma, a blank, a word (Finnish "klo", Danish
    # "kl."), or the half of the day before the time (Chinese).
    rf"\.?(?: ?г\.)?{_MARKS}[,،]?{_MARKS}{_BLANK}?"  # noqa: RUF001 - Cyrillic
    rf"(?:(?P<before>[^\W\d_]{{1,8}}\.?(?:[. ][^\W\d_]{{1,4}}\.?)?){_BLANK}?)?"
    # Canadians say "15 h 50 min 46 s" in French.
    r"(?P<hour>\d{1,2})(?:[:.]| ?h ?)(?P<minute>\d{2})(?:(?:[:.]| min )(?P<second>\d{2})(?: s)?)?"
    rf"(?:{_BLANK}?(?P<half>[^\s\d\[\]:,،-]{{1,14}}(?:{_BLANK}[^\s\d\[\]:,،-]{{1,3}})?))?)"
    rf"(?(open)\]{_BLANK}?|(?P<end> [-\u2013] |: ))"
)
_AUTHOR = re.compile(rf"{_MARKS}(?P<author>[^\r\n:]{{1,200}}?){_MARKS}: (?P<text>.*)", re.DOTALL)
_AUTHOR_ALONE = re.compile(rf"{_MARKS}(?P<author>[^\r\n:]{{1,200}}?){_MARKS}:\s*\Z")
# Without dots and blanks.
_MORNING = frozenset(
    (
        *("am", "ap", "de", "dop", "dopoldne", "eparadites", "fh", "fm", "förmiddag", "pd", "paradite", "pg"),
        *(
            "priekšp",
            "priekšpusdiena",
            "priekšpusdienā",
            "priešpiet",
            "prijepodne",
            "rn",
            "sa",
            "safiya",
            "sf",
        ),
        *(
            "to",
            "vm",
            "öö",
            "πμ",
            "дп",
            "проб",
            "претпл",
            "таңкы",
            "тң",
            "үө",
            "ص",
            "صباحًا",
            "قظ",
            "قبلازظهر",
        ),
        *("पूर्वाह्न", "ਪੂਦੁ", "පෙව", "ก่อนเที่ยง", "ກ່ອນທ່ຽງ", "နံနက်", "ጥዋት", "午前", "오전"),
        *("上午", "凌晨", "清晨", "早上", "半夜", "午夜"),
    )
)
_AFTERNOON = frozenset(
    (
        *(
            "pm",
            "ip",
            "du",
            "odp",
            "pop",
            "popoldne",
            "epasdites",
            "eh",
            "em",
            "eftermiddag",
            "md",
            "pasdite",
        ),
        *(
            "ptg",
            "pēcp",
            "pēcpusd",
            "pēcpusdiena",
            "pēcpusdienā",
            "popiet",
            "popodne",
            "in",
            "ch",
            "yamma",
            "ym",
        ),
        *(
            "tk",
            "nm",
            "ös",
            "μμ",
            "пп",
            "слоб",
            "попл",
            "түштөнкийинки",
            "тк",
            "үх",  # noqa: RUF001 - Cyrillic
            "م",
            "مساءً",
            "بظ",
            "بعدازظهر",
        ),
        *("अपराह्न", "ਬਾਦੁ", "පව", "หลังเที่ยง", "ຫຼັງທ່ຽງ", "ညနေ", "ከሰዓት", "午後", "오후"),
        *("下午", "中午", "晚上", "傍晚"),
    )
)
# Words behind a time of 24 hours.
_NO_HALF = frozenset(("", "uhr", "h", "น", "ч"))
_FIRST_YEAR, _LAST_YEAR = 2009, 2100
# Thai years.
_BUDDHIST = 543
_NEVER = (0, 0, 0)
_CHAT_FILE = re.compile(r"(?:.*/)?(?:_chat|[^/]*WhatsApp[^/]*)\.txt")
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
    if path.is_dir():
        return False
    if names_in(path, head):
        member = _member(path)
        return bool(member) and (
            _CHAT_FILE.fullmatch(member) is not None or _begins_as_chat(begin_of(path, member))
        )
    return _begins_as_chat(head)


def _member(path: Path) -> str:
    """The chat in a zip file: by its name, or the only text; "" where there is none."""
    texts = [name for name in names_in(path, b"PK\x03\x04") if name.lower().endswith(".txt")]
    chats = [name for name in texts if _CHAT_FILE.fullmatch(name)] or texts
    return chats[0] if len(chats) == 1 else ""


def _begins_as_chat(head: bytes) -> bool:
    lines = head.removeprefix(b"\xef\xbb\xbf").decode(errors="replace").splitlines()[:_SEEN_LINES]
    first = _stamp(lines[0]) if lines else None
    if first is None:
        return False
    stamped = [line[found.end() :] for line in lines if (found := _stamp(line, first))]
    return any(_AUTHOR.match(line) for line in stamped)


def _open(path: Path, options: ReadOptions) -> Table:
    refuse_options(path, options, allowed=(), kind="a chat of WhatsApp")
    member = _member(path)
    rows, longest, unread = 0, 0, 0
    orders = {order: _Order() for order in _PLACES}
    last: tuple[str | Any, ...] = ()
    is_date = False
    for rows, message in enumerate(_messages(path, member), start=1):
        written = message.stamp.group("a", "b", "c")
        if written != last:
            dates = {order: _date(written, order) for order in orders}
            for order, seen in orders.items():
                seen.meet(dates[order])
            last, is_date = written, any(dates.values())
        unread += not is_date or _hour(message.stamp) is None
        if len(message.text) > longest:
            longest = len(message.text)
            require_cell(path, len(message.text.encode()), row=rows, column="text")
    if not rows:
        raise TableError("table-without-rows", path=str(path))
    # The first of those that fit as well: the day, then the month, then the year.
    order = min(orders, key=lambda one: (orders[one].impossible, orders[one].backwards))
    notes = [Notice("note-messages", {"path": path.name, "rows": rows, "program": "WhatsApp"})]
    day, month = orders["day"], orders["month"]
    is_open = (day.impossible, day.backwards) == (month.impossible, month.backwards)
    if order == "day" and is_open and day.last != _NEVER:
        notes.append(Notice("note-day-first", {"path": path.name}))
    if unread:
        notes.append(Notice("note-stamps-unread", {"path": path.name, "stamps": unread}))
    return WhatsAppTable(path, member, order, tuple(notes))


@dataclass(slots=True)
class _Order:
    """How well an order of the parts of a date fits the messages, which follow each other."""

    impossible: int = 0
    backwards: int = 0
    last: tuple[int, int, int] = _NEVER

    def meet(self, date: tuple[int, int, int] | None) -> None:
        if date is None:
            self.impossible += 1
        else:
            self.backwards += date < self.last
            self.last = date


def _stamp(line: str, first: re.Match[str] | None = None) -> re.Match[str] | None:
    """
    The stamp of a message at the begin of a line; None where there is none.

    Args:
        line: A line.
        first: The first stamp of the chat: others have the same form, and what has another is of a message.
    """
    found = _STAMP.match(line)
    if found is None:
        return None
    if found["end"] == ": " and (found["second"] is None or len(found["a"]) == 4 or _hour(found) is None):
        # Lines of logs look like this, and no chat does.
        return None
    return found if first is None or _form(found) == _form(first) else None


def _form(stamp: re.Match[str]) -> tuple[str, str, bool, bool, bool]:
    end = (stamp["end"] or "]").strip()
    return stamp["mark"], end, stamp["half"] is None, stamp["before"] is None, stamp["second"] is None


def _messages(path: Path, member: str) -> Iterator[_Message]:
    """The messages, with what stands behind their stamps; lines before the first stamp are no message."""
    stamp: re.Match[str] | None = None
    first: re.Match[str] | None = None
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
                found = _stamp(text, first)
                first = first or found
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
    date, hour = _date(stamp.group("a", "b", "c"), order), _hour(stamp)
    if date is None or hour is None:
        return ""
    try:
        time = datetime(*date, hour, int(stamp["minute"]), int(stamp["second"] or 0))  # noqa: DTZ001 - no zone is said
    except ValueError:
        return ""
    return time.isoformat() if stamp["second"] else time.isoformat(timespec="minutes")


@lru_cache(maxsize=10_000)
def _date(stamp: tuple[str | Any, ...], order: Order) -> tuple[int, int, int] | None:
    """Year, month and day; None where the three numbers are no date in this order, or of another calendar."""
    written = [stamp[part] for part in _PLACES[order]]
    year, month, day = map(int, written)
    if len(written[0]) == 2:
        year += 2000
    elif year > _LAST_YEAR:
        year -= _BUDDHIST
    is_date = _FIRST_YEAR <= year <= _LAST_YEAR and 1 <= month <= 12 and 1 <= day <= 31
    return (year, month, day) if is_date and len(written[0]) in (2, 4) else None


def _hour(stamp: re.Match[str]) -> int | None:
    """Of 24; None where the half of the day is a word that is not known."""
    hour = int(stamp["hour"])
    if stamp["half"] is None and stamp["before"] is None:
        return hour
    half = re.sub(r"[.\s\u200c]", "", stamp["half"] or stamp["before"] or "").casefold()
    if half in _AFTERNOON:
        return hour + 12 if hour < 12 else hour
    if half in _MORNING:
        return 0 if hour == 12 else hour
    is_known = stamp["half"] is None or half in _NO_HALF or hour > 12
    return hour if is_known else None


PROGRAM = Program(name=_NAME, title="WhatsApp", is_file=_is_file, open=_open)
