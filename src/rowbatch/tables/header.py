"""
Where the header of a table is, found in its first records: a pure reading of texts, for CSV files and sheets.

Whoever is unsure takes the first record with something in it, as every reader of tables does. Anything else
is said of a table only where its records leave no other reading: lines above the header are narrower than
the table, or have a single cell filled; several header lines need columns of numbers below them; no header
at all needs numbers or dates in the first record that are values of their columns.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

MOST_RECORDS = 100
"""So many records are looked at."""
_MOST_ABOVE = 30
_MOST_NAME_CHARS = 500
_MOST_VALUE_CHARS = 100
# From one name that is a year or a position to the next.
_MOST_STEP = 10
# Of the records, so many must be as wide as the table is taken to be.
_SHARE_OF_WIDTH = 0.8
_ROWS_FOR_SEVERAL = 3
_NUMBER = re.compile(r"[+-]?[$€£]?(?:\d+(?:[.,]\d+)*|[.,]\d+)(?:[eE][+-]?\d+)?\s?%?")
_DATE = re.compile(
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})(?:[T ,]+\d{1,2}:\d{2}.*)?"
    r"|\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[AaPp][Mm])?"
    r"|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? .*\d{1,2}:\d{2}:\d{2}.*"
)
# Words, and marks, that stand in the place of a value.
_MISSING = frozenset(("na", "n/a", "#n/a", "nan", "null", "none", "nil", "missing", "unknown", "inf", "-inf"))
_MISSING |= frozenset(("-", "--", ".", "..", "...", "?"))

Kind = Literal["number", "date", "text", ""]


@dataclass(frozen=True, slots=True)
class HeaderPlace:
    """
    Where the header is among records.

    Attributes:
        first: Position of its first record; of the first row where there is no header.
        last: Position of its last record; `first - 1` where there is no header.
        above: Records with something in them that stand above it, or above the first row.
        has_trailing: Every row has one more cell than the header, which is empty: each line ends with a
            delimiter.
    """

    first: int
    last: int
    above: int = 0
    has_trailing: bool = False

    @property
    def is_none(self) -> bool:
        """There is no header."""
        return self.last < self.first


def find_header(records: Sequence[Sequence[str]]) -> HeaderPlace | None:
    """
    Find the header in the first records of a table.

    Args:
        records: Cells as texts, from the first line on; one without cells, or with empty ones alone, is a
            blank line. `MOST_RECORDS` of them are enough.
    Returns:
        None where no record has anything in it.
    """
    records = records[:MOST_RECORDS]
    filled = [at for at, record in enumerate(records) if _used(record)]
    if not filled:
        return None
    first = filled[0]
    header = _below_titles(records, filled)
    # A record of empty cells is no header where one with names follows.
    if header is None:
        header = (
            first if not any(len(record) for record in records[:first]) else _first_of_cells(records, first)
        )
    above = sum(at < header for at in filled)
    rows = [records[at] for at in filled if at > header]
    if _is_row(records[header], rows):
        return HeaderPlace(header, header - 1, above)
    last = header
    following = header + 1
    if following in filled and _is_second_line(records[header], records[following], rows[1:]):
        last = following
    return HeaderPlace(header, last, above, has_trailing_delimiter(records[header], records[last + 1 :]))


def has_trailing_delimiter(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether every row has one more cell than the header, and it is empty."""
    rows = [row for row in rows if len(row)]
    return any(map(_used, rows)) and all(len(row) == len(header) + 1 and row[-1] == "" for row in rows)


def is_header_longer(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the header's line alone ends with a delimiter: every row has one cell less."""
    rows = [row for row in rows if len(row)]
    return (
        len(header) > 2
        and header[-1] == ""
        and bool(rows)
        and all(len(row) == len(header) - 1 for row in rows)
    )


def has_row_numbers(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """
    Whether every row begins with its number, 1, 2, 3, without a name above it, as R's `write.table` writes.
    """
    rows = [row for row in rows if len(row)]
    return (
        len(rows) > 1
        and header[-1] != ""
        and not has_trailing_delimiter(header, rows)
        and all(len(row) == len(header) + 1 for row in rows)
        and [row[0] for row in rows] == [str(number) for number in range(1, len(rows) + 1)]
    )


def join_header(lines: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """
    Names of several header lines: the parts of a column, joined by a space.

    An empty cell of an upper line takes what stands left of it, as the name of a group stands over its first
    column; a part that is the same as the one above it is not said twice.
    """
    if len(lines) == 1:
        return tuple(lines[0])
    width = max(map(len, lines), default=0)
    padded = [[*line, *[""] * (width - len(line))] for line in lines]
    for line in padded[:-1]:
        for at in range(1, width):
            line[at] = line[at] or line[at - 1]
    parts = (
        dict.fromkeys(part.strip() for part in column if part.strip()) for column in zip(*padded, strict=True)
    )
    return tuple(" ".join(column) for column in parts)


def numbered_columns(width: int) -> tuple[str, ...]:
    """Names for the columns of a table without a header: `column_1` and so on."""
    return tuple(f"column_{number}" for number in range(1, width + 1))


def kind_of(cell: str) -> Kind:
    """What a cell looks like; "" for a blank one and for words that stand for nothing."""
    text = cell.strip()
    if not text or text.casefold() in _MISSING:
        return ""
    if len(text) > _MOST_VALUE_CHARS:
        return "text"
    if _NUMBER.fullmatch(text):
        return "number"
    return "date" if _DATE.fullmatch(text) else "text"


def usual_width(records: Sequence[Sequence[str]]) -> int:
    """How many cells most of the records have that have any; 0 where there is no such number."""
    widths = Counter(len(record) for record in records if len(record))
    if not widths:
        return 0
    width, count = max(widths.items(), key=lambda entry: (entry[1], entry[0]))
    return width if count >= _SHARE_OF_WIDTH * widths.total() else 0


def _used(record: Sequence[str]) -> int:
    """Cells with something in them."""
    return sum(1 for cell in record if cell.strip())


def _first_of_cells(records: Sequence[Sequence[str]], first: int) -> int:
    """The first record that has cells, even if all are empty, as every reader of tables has it."""
    return next(at for at, record in enumerate(records[: first + 1]) if len(record))


def _below_titles(records: Sequence[Sequence[str]], filled: list[int]) -> int | None:
    """The record with the names, where others stand above it; None where that is not certain."""
    for place, at in enumerate(filled[:_MOST_ABOVE]):
        above = [records[one] for one in filled[:place]]
        begins_empty = any(len(record) for record in records[: filled[0]])
        if not above and not begins_empty:
            continue
        rows = [records[one] for one in filled[place + 1 :]]
        # Below titles of one cell a column or two may have no name, where numbers stand below others' names.
        are_titles = bool(above) and all(_used(one) == 1 for one in above)
        may_have_gaps = are_titles and kinds_differ(records[at], rows)
        if _can_be_names(records[at], rows, may_have_gaps=may_have_gaps) and _is_above(
            above, records[at], rows, is_apart=_is_apart(filled, place)
        ):
            return at
        if _used(records[at]) > 1 and not _is_comment(records[at]) and _fits(records[at], rows):
            # It is as wide as the table, and no names: nothing below it can be the header.
            return None
    return None


def _is_apart(filled: list[int], place: int) -> bool:
    """Whether a blank line stands between the titles and this record."""
    return place > 0 and filled[place] - filled[place - 1] > 1


def _fits(record: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    width = usual_width(rows)
    return bool(width) and len(record) == width and _used(record) * 2 > width


def _can_be_names(
    record: Sequence[str], rows: Sequence[Sequence[str]], *, may_have_gaps: bool = False
) -> bool:
    """
    Whether a record can be the header of the rows below it: a name for each column, all different.

    Args:
        record: Its cells.
        rows: Below it.
        may_have_gaps: Up to a third of the columns, and not more than leaves three, may have no name.
    """
    width = usual_width(rows)
    if width and len(record) == width - 1 and has_trailing_delimiter(record, rows):
        width -= 1
    if width < 2 or len(record) != width:
        return False
    # The names of an index, and what follows a delimiter at the end of the line, may be missing.
    names = [cell.strip() for cell in record]
    inner = names[1:-1] if width > 2 else [name for name in names if name]
    is_complete = bool(inner) and all(inner) and _used(record) >= max(2, width - 1)
    if not is_complete and not (may_have_gaps and _used(record) >= max(3, width * 2 / 3)):
        return False
    given = [name for name in names if name]
    return (
        len(set(given)) == len(given)
        and all(kind_of(name) == "text" and len(name) <= _MOST_NAME_CHARS for name in given)
        and all(any(map(str.isalpha, name)) for name in given)
        and any(_used(row) > 1 for row in rows)
    )


def _is_above(
    above: Sequence[Sequence[str]],
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    is_apart: bool,
) -> bool:
    """Whether all records above the names are titles, and no header of the table."""
    width = len(names)
    has_kinds = kinds_differ(names, rows)
    if not above and not (all(names) and (has_kinds or (width > 2 and len(rows) > 1))):
        return False
    # In a sentence a blank follows the comma: `text` above texts with commas is a name, and no title.
    if not has_kinds and not is_apart and len(above) == 1 and any(name[:1].isspace() for name in names[1:]):
        return False
    for record in above:
        is_comment = _is_comment(record)
        if len(record) == width:
            if is_comment and _used(record) > 1:
                # `#id,name` is a header as well.
                if not has_kinds:
                    return False
                continue
            # A title that was filled up with delimiters has its text in the first cell.
            if _used(record) > 2 or not record[0].strip() or (_used(record) == 2 and width < 4):
                return False
            if (width < 3 or _used(record) == 2) and not (has_kinds or is_apart):
                return False
        elif len(record) == width - 1 and not is_comment and not (has_kinds or is_apart):
            # R writes the names of its rows without a name above them.
            return False
        elif len(record) > width and not is_comment and not is_apart:
            return False
    return True


def _is_comment(record: Sequence[str]) -> bool:
    return len(record) > 0 and record[0].lstrip().startswith("#")


# Words that tables often have as names, and rows seldom as a whole cell.
_USUAL_WORDS = """
    id _id uuid row_id nr no number index key code name title text texts comment comments answer
    response message body content tweet post review feedback description abstract sentence statement
    speech quote label labels gold annotation category topic sentiment stance rating score date time
    timestamp created_at year month day author user username source url link lang language country
    city age gender sex party group file filename document speaker coder model v1 v2
    datum jahr titel kommentar antwort nachricht beitrag inhalt sprache
    texte commentaire réponse avis contenu titre année auteur langue
    texto comentario respuesta mensaje contenido fecha año autor idioma
    编号 序号 标题 文本 正文 内容 评论 留言 回答 意见 反馈 消息 帖子 日期 时间 年份
    作者 用户 标签 类别 情感 性别 年龄 城市 国家
"""
_USUAL_NAMES = frozenset(_USUAL_WORDS.split())


def kinds_differ(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a column has numbers or dates alone below its name."""
    return any(
        kind_of(name) == "text" and _kind_of_column(rows, at) in ("number", "date")
        for at, name in enumerate(names)
    )


def is_surely_header(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """
    Whether a first line surely has names, so that it may be told to somebody who must not see a row:
    something shows that it has, and nothing that it is a row itself.

    A word that tables often have as a name shows it, or numbers and dates below something else. A number, a
    date or an address in the place of a name says that it is a row, and so does a cell below that is the
    same.

    Args:
        names: The first line.
        rows: Some of those that follow.
    """
    for at, name in enumerate(names):
        below = {row[at].strip().casefold() for row in rows if at < len(row)}
        if not name.strip():
            continue
        if kind_of(name) != "text" or "@" in name or "://" in name or name.strip().casefold() in below:
            return False
    return kinds_differ(names, rows) or any(name.strip().casefold() in _USUAL_NAMES for name in names)


def _kind_of_column(rows: Sequence[Sequence[str]], at: int) -> Kind:
    """The kind of all cells of a column that have one; "" where there is none, or more than one."""
    kinds = {kind_of(row[at]) for row in rows if at < len(row)} - {""}
    return kinds.pop() if len(kinds) == 1 else ""


def _is_row(record: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first record is a row of the table: its numbers and dates are values of their columns."""
    width = len(record)
    rows = [row for row in rows if len(row) == width]
    # Numbers alone name columns, too; beside a text they are its row's.
    texts = [cell for cell in record if kind_of(cell) == "text" and any(map(str.isalpha, cell))]
    if len(rows) < 2 or not texts or _used(record) * 2 <= width:
        return False
    values = 0
    numbers: list[float] = []
    is_certain = False
    for at, cell in enumerate(record):
        kind, below = kind_of(cell), _kind_of_column(rows, at)
        column = [row[at] for row in rows if kind_of(row[at])]
        if below not in ("number", "date") or kind == "" or len(column) < 2:
            continue
        if kind != below:
            return False
        values += 1
        if kind == "date":
            is_certain = True
            continue
        number = _value(cell)
        values_below = list(map(_value, column))
        numbers.append(number)
        # A year, a code and a position name columns too: values are those that go on, or come again.
        goes_on = values_below[0] - number == values_below[1] - values_below[0] != 0
        is_certain |= number != int(number) or abs(number) >= 1e5 or goes_on or number in values_below
    steps = {second - first for first, second in pairwise(numbers)}
    is_series = len(steps) == 1 and 0 < abs(next(iter(steps))) <= _MOST_STEP
    return values > 0 and is_certain and not is_series


def _value(cell: str) -> float:
    """A number, whatever its marks are; only compared with others of its column."""
    text = cell.strip().strip("$€£% +").replace(",", ".")
    try:
        return float(text)
    except ValueError:
        return float(re.sub(r"[^0-9]", "", text) or 0)


def _is_second_line(names: Sequence[str], second: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """
    Whether the line below the names is one of the header too: units, labels, the names in a group.

    Lines of programs, which have ids or tags in them, are left to those who know the program.
    """
    rows = [row for row in rows if len(row) == len(second)]
    width = len(second)
    if len(rows) < _ROWS_FOR_SEVERAL or width < 2 or len(names) > width:
        return False
    if any(cell.lstrip().startswith(("#", "{")) for cell in second):
        return False
    of_values = [at for at in range(width) if _kind_of_column(rows, at) in ("number", "date")]
    if any(sum(kind_of(row[at]) != "" for row in rows) < _ROWS_FOR_SEVERAL for at in of_values):
        return False
    said = [at for at in of_values if kind_of(second[at]) == "text"]
    if len(of_values) < 2 or len(said) != len(of_values):
        return False
    if all(cell.strip() for cell in names):
        # Units, or labels: words over every column of numbers.
        return len(names) == width
    # Groups: a name over the first of its columns, and under it names that come again in each group.
    return all(cell.strip() for cell in second[1:]) and len(set(join_header([names, second]))) == width
