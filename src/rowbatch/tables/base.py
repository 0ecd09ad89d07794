"""
What a table is to the rest of the house, whatever its format.

A table has a header and rows in chunks. Every cell is a text; a chunk of a format with types carries its
values as well, so that an output with types can give them back as they came.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import polars as pl

from rowbatch.core.choices import near_name
from rowbatch.core.document import Shown
from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import TableError
from rowbatch.tables.ahead import read_ahead
from rowbatch.tables.bounds import require_columns
from rowbatch.tables.extensions import plain_values
from rowbatch.words.notice import Notice

_MOST_SHOWN = 40
_DELIMITERS = (";", "\t", "|", ",")
# Who speaks, in the first line of an interview: `I:`, `INTERVIEWER:`, `[00:01] Anna:`.
_SAID = re.compile("(?:\\[[\\d:.]+\\]\\s*)?\\w{1,20}(?::\\s|\uff1a)")
# Chinese has no blanks between words: a sentence is seen by its marks, or by a comma within.
_SENTENCE = re.compile("[\u3002\uff01\uff1f\uff1b]|[\u4e00-\u9fff].*\uff0c.*[\u4e00-\u9fff]")

if TYPE_CHECKING:
    from collections.abc import Generator

    from rowbatch.tables.response_sets import ResponseSet

ROWS_PER_CHUNK = 20_000
# From 1970 on.
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
# 260,000 years from 1970 on; polars 2.1.0 shows two thousand more, and breaks off at what is beyond.
_LARGEST_MOMENT = {"ms": 8_200 * 10**12, "us": 8_200 * 10**15, "ns": 1 << 63}


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """
    What a statistics file says about a column besides its values.

    Attributes:
        label: What the column is about, in words; or "".
        value_labels: What its values mean, as in `{1: "yes", 2: "no"}`.
        format: The program's display format, as in `%8.0g` (Stata) or `F8.2` (SPSS); or "".
        measure: `nominal`, `ordinal`, `scale`, or "" where it is not known (SPSS).
        display_width: Characters (SPSS), or None.
        storage: How the program keeps it, as in `stata:byte`, `stata:str20`, `spss:A20`; or "".
        missing_ranges: User-defined missing values as pyreadstat gives and takes them (SPSS: a list of
            values and of `{"lo": …, "hi": …}`; Stata: a list of the letters of extended missing values).
    """

    label: str = ""
    value_labels: Mapping[int | float | str, str] = field(default_factory=dict)
    format: str = ""
    measure: str = ""
    display_width: int | None = None
    storage: str = ""
    missing_ranges: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class TableChunk:
    """
    Consecutive rows.

    Attributes:
        first_row: Number of the first one, from 1.
        frame: Columns named by their position ("0", "1", …), all text, never null.
        typed: The same rows and columns as a format with types has them, nulls included; or None.
        missing: Gives the letters of Stata's missing values `.a` to `.z`, which are null in `typed`: as many
            rows, null where there is none, and only the columns that have any. None where no value has one.
        cells: What each cell is (see `workbook_cells.CellKind`) in columns of a sheet in which types stand
            side by side, which are texts in `typed`; or None. Only these columns, named as those of `frame`.
        native: Numbers as the program keeps them, of columns that are days, moments, durations or periods in
            `typed`; or None. Only these columns. An output of the same program has them again.
    """

    first_row: int
    frame: pl.DataFrame
    typed: pl.DataFrame | None = None
    missing: Callable[[], pl.DataFrame] | None = None
    cells: pl.DataFrame | None = None
    native: pl.DataFrame | None = None

    def part(self, rows: slice | pl.Series, columns: Sequence[int] | None = None) -> TableChunk:
        """
        Some rows, and some columns, with all that is known of them.

        Args:
            rows: A slice, a mask, or positions, which may come several times.
            columns: Positions of those that stay, in their new order; None for all.
        Returns:
            A chunk with the same `first_row`.
        """
        missing = self.missing
        return TableChunk(
            self.first_row,
            _part(self.frame, rows, columns),
            None if self.typed is None else _part(self.typed, rows, columns),
            None if missing is None else lambda: _part(missing(), rows, columns),
            None if self.cells is None else _part(self.cells, rows, columns),
            None if self.native is None else _part(self.native, rows, columns),
        )

    def out_of_calendar(self) -> dict[int, pl.Series]:
        """
        Rows with a number that is no day and no time, where a display format makes days or times of numbers.

        Returns:
            A mask for each column that has any, by its position. Such a value is null in `typed`, and its
            text is the number.
        """
        if self.native is None or self.typed is None:
            return {}
        found = {
            int(column.name): column.is_not_null() & self.typed[column.name].is_null()
            for column in self.native
            if column.null_count() < self.typed[column.name].null_count()
        }
        return {position: rows for position, rows in found.items() if rows.any()}


def _part(frame: pl.DataFrame, rows: slice | pl.Series, columns: Sequence[int] | None) -> pl.DataFrame:
    """Rows and columns of a frame that has some of the columns of a chunk, named by their positions."""
    if columns is not None:
        places = {str(old): str(new) for new, old in enumerate(columns) if str(old) in frame.columns}
        frame = frame.select(list(places)).rename(places)
    if not frame.width:
        return frame
    return frame.filter(rows) if isinstance(rows, pl.Series) and rows.dtype == pl.Boolean else frame[rows]


@dataclass(frozen=True, slots=True)
class BadRow:
    """
    A row that was not as it should be, and was kept or skipped on demand.

    Attributes:
        line: Of the file, from 1.
        what: What is wrong with it.
    """

    line: int
    what: str


_BAD_LINES_TOLD = 10
MOST_TOLD = 100
"""So many broken rows are told one by one; others are counted."""


@dataclass(slots=True, repr=False)
class BadRowList(Shown):
    """
    The broken rows that were met so far.

    Attributes:
        count: How many.
        first: The first `MOST_TOLD`.
    """

    count: int = 0
    first: list[BadRow] = field(default_factory=list)

    def add(self, line: int, what: str) -> None:
        """Note one."""
        self.count += 1
        if len(self.first) < MOST_TOLD:
            self.first.append(BadRow(line, what))

    def take(self, others: BadRowList) -> None:
        """Note those of another table, or of another part of this one, behind these."""
        self.count += others.count
        self.first += others.first[: MOST_TOLD - len(self.first)]


class Table(ABC):
    """
    A table whose header was read.

    Attributes:
        format: Name of the format, as in `csv`, `parquet`, `stata`; the same for every table of a class.
        path: The file or folder.
        header: Names of the columns as they stand; may be empty, or stand twice.
        columns: What is known about each column beyond its name: one entry for each, or none at all.
        label: What the file is about, in words (Stata, SPSS); or "".
        documents: What the file says about itself in lines of text (SPSS), or the notes of a dataset (Stata).
        response_sets: Multiple response sets (SPSS).
        notes: What a person should know of how it was read: which sheet, which lines, what was left out.
        not_asked: Texts that stand for no answer, such as a program's own "not shown": a row is blank where
            its cells have nothing else.
        bad_rows: Those met by the `chunks` that ran last.
    """

    format: ClassVar[str]
    most_rows: ClassVar[int] = ROWS_PER_CHUNK
    """Of a chunk."""

    def __init__(
        self,
        path: Path,
        header: tuple[str, ...],
        *,
        columns: tuple[ColumnInfo, ...] = (),
        label: str = "",
        notes: tuple[Notice, ...] = (),
    ) -> None:
        require_columns(path, len(header))
        self.path = path
        self.header = header
        self.columns = columns
        self.label = label
        self.documents: tuple[str, ...] = ()
        self.response_sets: tuple[ResponseSet, ...] = ()
        self.notes = notes
        self.not_asked: frozenset[str] = frozenset()
        self.bad_rows = BadRowList()

    @property
    def is_text(self) -> bool:
        """Whether the file knows no types, so that its numbers are texts."""
        return False

    @property
    def is_running_text(self) -> bool:
        """Whether it is a .txt file that looks like an interview or a letter, and not like a table."""
        # Names of columns are short, and do not begin as what a speaker says does.
        is_running = any(
            len(header.split()) > 5 or _SAID.match(header) or _SENTENCE.search(header)
            for header in self.header
        )
        return self._is_called_text and is_running

    @property
    def _is_called_text(self) -> bool:
        # In a zip file it is the one that is read there.
        name = (self.format == "csv" and self.reading.sheet) or self.path.name
        return name.lower().endswith(".txt")

    @property
    def guessed_encoding(self) -> str:
        """The encoding, if nothing said it but the text itself; else ""."""
        return ""

    @property
    def reading(self) -> ReadOptions:
        """Options that give the same table again: what was found out is said."""
        return ReadOptions()

    @abstractmethod
    def _chunks(self, rows_per_chunk: int) -> Iterator[TableChunk]:
        """As `chunks`, but a table without rows yields nothing."""

    def chunks(
        self, rows_per_chunk: int | None = None, *, check: Callable[[], object] | None = None
    ) -> Iterator[TableChunk]:
        """
        Read the rows, from the first one. May be called again.

        When the iterator is closed, reading ends at the next block of the file, also within a chunk.

        Args:
            rows_per_chunk: At most so many; fewer when the cells are long. None means as is best for the
                format.
            check: Called several times a second while a chunk is waited for; what it raises ends the reading.
        Yields:
            Chunks in order; at least one.
        Raises:
            TableError: The table is broken, with the place; or it has no rows.
        """
        self.bad_rows = BadRowList()
        first_row = 1
        # A processor reads the next chunks while another one works on this one.
        rows = min(rows_per_chunk or self.most_rows, self.most_rows)
        with read_ahead(self._chunks(rows), check) as chunks:
            for chunk in chunks:
                yield chunk
                first_row = chunk.first_row + chunk.frame.height
        if first_row == 1:
            raise TableError("table-without-rows", path=str(self.path))

    def peek(self, count: int) -> list[tuple[str, ...]]:
        """
        Up to so many of the first rows, as texts, without reading on; none where they are broken, which is
        told by who reads them.
        """
        try:
            return self._first_rows(count)
        except TableError:
            return []

    def _first_rows(self, count: int) -> list[tuple[str, ...]]:
        with closing(cast("Generator[TableChunk]", self.chunks(count))) as chunks:
            return next(chunks).frame.head(count).rows()

    def told(self) -> tuple[Notice, ...]:
        """
        What a person should know of how it was read: its notes, an encoding that was guessed, and the broken
        rows that the `chunks` that ran last met.
        """
        found = list(self.notes)
        if self.guessed_encoding:
            found.append(
                Notice("note-encoding-guessed", {"path": self.path.name, "encoding": self.guessed_encoding})
            )
        if self.bad_rows.count:
            lines = [bad.line for bad in self.bad_rows.first[:_BAD_LINES_TOLD]]
            values = {"path": self.path.name, "count": self.bad_rows.count, "lines": lines}
            found.append(Notice("note-bad-rows", values))
        return tuple(found)

    def column(self, name: str) -> int:
        """
        Position of a column.

        Raises:
            TableError: There is none of that name, or more than one.
        """
        found = [position for position, header in enumerate(self.header) if header == name]
        if len(found) == 1:
            return found[0]
        if found:
            raise TableError(
                "column-twice",
                path=str(self.path),
                column=name,
                count=len(found),
                numbers=[position + 1 for position in found],
            )
        guess = near_name(name, self.header) or None
        self._require_a_table(name, guess)
        raise TableError(
            "no-such-column" if guess is None else "no-such-column-but-near",
            path=str(self.path),
            column=name,
            near=guess,
            columns=list(self.header[:_MOST_SHOWN]),
        )

    def _require_a_table(self, name: str, guess: str | None) -> None:
        """Say that a file is read otherwise than it is meant, where its header shows that."""
        for delimiter in _DELIMITERS if len(self.header) == 1 else ():
            if name in (cell.strip(' "') for cell in self.header[0].split(delimiter)):
                raise TableError(
                    "no-such-column-but-one",
                    path=str(self.path),
                    column=name,
                    whole=self.header[0],
                    delimiter="tab" if delimiter == "\t" else delimiter,
                )
        if self.is_running_text:
            raise TableError("no-such-column-in-text", path=str(self.path), column=name)
        # In a list of texts commas have blanks behind them, and names of columns have none before them.
        may_be_list = len(self.header) == 1 or any(header[:1].isspace() for header in self.header)
        if guess is None and self.format == "csv" and self._is_called_text and may_be_list:
            shown = list(self.header[:_MOST_SHOWN])
            raise TableError("no-such-column-in-list", path=str(self.path), column=name, columns=shown)


def blank_rows(
    frame: pl.DataFrame, columns: list[int], not_asked: Collection[str] = frozenset()
) -> pl.Series:
    """
    Which rows have nothing to ask about: every one of `columns` is empty or white space.

    Args:
        frame: A chunk, columns named by their position.
        columns: Positions of the columns that a request takes its text from.
        not_asked: Texts that count as empty, see `Table.not_asked`.
    Returns:
        Booleans, one a row.
    """
    if not columns:
        return pl.repeat(False, frame.height, eager=True)
    blank = pl.repeat(True, frame.height, eager=True)
    for column in columns:
        cell = pl.col(str(column)).str.strip_chars()
        empty = cell.is_in(["", *sorted(not_asked)]) if not_asked else cell == ""
        blank &= frame.select(empty.alias("blank")).to_series()
        if not blank.any():
            # Nearly always the first column has something in each row.
            break
    return blank.alias("blank")


def as_text(typed: pl.DataFrame) -> pl.DataFrame:
    """
    Render values as texts, by one rule for every format with types.

    - A missing value is the empty text.
    - A whole number has no decimal point, also where the format only knows floats (SPSS, Excel): `1`.
    - Any other float is the shortest decimal that reads back as the same value of its width: `0.1`, `1e300`.
    - True and false are `true` and `false`.
    - Dates and times are ISO 8601: `2026-11-23`, `2026-11-23T18:00:00`, `18:00:00`; parts of a second
      only where there are any.
    - Lists and structures are JSON, and what is in them follows these rules.
    - Bytes are text where they are UTF-8, otherwise Base64; ids of Arrow (UUID) are written as such ids are.
    - A type of somebody's own (an extension of Arrow) is as what it is kept in; JSON stays as it is.

    Args:
        typed: Any columns.
    Returns:
        The same columns, all text, never null.
    """
    return pl.DataFrame([_text_of(column) for column in typed.get_columns()])


def _text_of(column: pl.Series) -> pl.Series:
    column = plain_values(column)
    kind = column.dtype
    if kind == pl.String:
        text = column
    elif kind == pl.Null:
        text = pl.Series(column.name, [""] * len(column), dtype=pl.String)
    elif kind == pl.Boolean or kind.is_integer() or isinstance(kind, pl.Categorical | pl.Enum):
        text = column.cast(pl.String)
    elif kind.is_float():
        text = _floats(_of_half_width(column) if kind == pl.Float16 else column)
    elif isinstance(kind, pl.Decimal):
        text = column.cast(pl.String)
        if kind.scale:
            text = text.str.strip_chars_end("0").str.strip_chars_end(".")
    elif isinstance(kind, pl.Datetime):
        text = _moments(column, _LARGEST_MOMENT[kind.time_unit])
    elif kind == pl.Time:
        text = _trimmed(column.dt.to_string("iso:strict"))
    elif kind == pl.Date or isinstance(kind, pl.Duration):
        text = column.dt.to_string("iso")
    elif kind == pl.Binary:
        text = pl.Series(column.name, [_shown_bytes(value) for value in column.to_list()], dtype=pl.String)
    else:
        text = _json(column)
    return text.fill_null("") if text.null_count() else text


def _moments(column: pl.Series, most: int) -> pl.Series:
    """Moments; what is beyond any calendar, as DuckDB's infinity, is the number."""
    number = column.to_physical()
    lowest, highest = number.min(), number.max()
    if not isinstance(lowest, int) or not isinstance(highest, int) or -most < lowest <= highest < most:
        return _trimmed(column.dt.to_string("iso:strict"))
    is_there = number.is_between(-most, most)
    shown = column.set((~is_there).fill_null(False), None)
    return _trimmed(shown.dt.to_string("iso:strict")).zip_with(
        is_there.fill_null(True), number.cast(pl.String)
    )


def is_in_calendar(column: pl.Series) -> bool:
    """Whether all days or moments are of the years 1 to 9999, which other programs and Python know."""
    days = (
        column.cast(pl.Date).to_physical() if isinstance(column.dtype, pl.Datetime) else column.to_physical()
    )
    return bool(days.is_between(_FIRST_DAY, _LAST_DAY).fill_null(True).all())


def show_clock(durations: pl.Series) -> pl.Series:
    """
    Show durations by hours, of which there may be more than a day has: `13:45:00`, `30:00:00`, `-01:00:00.5`.

    Args:
        durations: Of any unit.
    Returns:
        Texts; null stays null.
    """
    name = durations.name
    total = pl.col(name).cast(pl.Duration("us")).cast(pl.Int64)
    size = total.abs()
    seconds = size // 1_000_000
    parts = (size % 1_000_000).cast(pl.String).str.zfill(6).str.strip_chars_end("0")
    shown = pl.concat_str(
        pl.when(total < 0).then(pl.lit("-")).otherwise(pl.lit("")),
        (seconds // 3600).cast(pl.String).str.zfill(2),
        pl.lit(":"),
        (seconds // 60 % 60).cast(pl.String).str.zfill(2),
        pl.lit(":"),
        (seconds % 60).cast(pl.String).str.zfill(2),
        pl.when(parts == "").then(pl.lit("")).otherwise("." + parts),
    )
    return durations.to_frame().select(pl.when(total.is_not_null()).then(shown).alias(name)).to_series()


def as_doubles(column: pl.Series) -> pl.Series:
    """
    Numbers of a type that other programs do not have as doubles, where all show the same decimals.

    A float of fewer bits is the double that its shortest decimal means (0.1 and not 0.10000000149011612), as
    is a decimal; one that a double cannot show leaves the column as it is. So are all other types.
    """
    kind = column.dtype
    if kind == pl.Float16:
        return _of_half_width(column)
    if kind == pl.Float32:
        return column.cast(pl.String).cast(pl.Float64)
    if isinstance(kind, pl.Decimal):
        text = _text_of(column)
        doubles = column.cast(pl.String).cast(pl.Float64)
        return doubles if _text_of(doubles).equals(text) else column
    return column


def _of_half_width(column: pl.Series) -> pl.Series:
    """Floats of 16 bits as the doubles that their shortest decimals mean, which polars 2.1 does not know."""
    import numpy as np

    found = column.cast(pl.Float64)
    whole = (found.floor() == found) | ~found.is_finite()
    different = found.filter(~whole).unique().drop_nulls()
    shortest = [float(str(np.float16(value))) for value in different.to_list()]
    return found.replace(different, pl.Series(shortest, dtype=pl.Float64))


def _floats(column: pl.Series) -> pl.Series:
    # Whole numbers that a float holds exactly; infinities and NaN fail the comparison.
    whole = column.is_finite() & (column.abs() < 2**53) & (column.floor() == column)
    frame = pl.DataFrame([column.alias("value"), whole.alias("whole")])
    return frame.select(
        pl.when(pl.col("whole"))
        .then(pl.col("value").cast(pl.Int64, strict=False).cast(pl.String))
        .otherwise(pl.col("value").cast(pl.String))
        .alias(column.name)
    ).to_series()


def _trimmed(text: pl.Series) -> pl.Series:
    return text.str.replace(r"\.(\d*?)0+($|[Z+-])", ".$1$2").str.replace(r"\.($|[Z+-])", "$1")


def _shown_bytes(value: bytes | None) -> str | None:
    import base64

    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def _json(column: pl.Series) -> pl.Series:
    import json

    convert = _converter(column.dtype)
    texts = [
        None if value is None else json.dumps(convert(value), ensure_ascii=False, default=str)
        for value in column.to_list()
    ]
    return pl.Series(column.name, texts, dtype=pl.String)


def _converter(kind: Any) -> Callable[[Any], Any]:
    """What makes of a value that is not null one that JSON has."""
    kind = kind if isinstance(kind, pl.DataType) else kind()
    if isinstance(kind, pl.List | pl.Array):
        inner = _converter(kind.inner)
        return lambda values: [None if value is None else inner(value) for value in values]
    if isinstance(kind, pl.Struct):
        fields = {field.name: _converter(field.dtype) for field in kind.fields}
        return lambda values: {
            name: None if values[name] is None else one(values[name]) for name, one in fields.items()
        }
    if isinstance(kind, pl.BaseExtension):
        return _converter(kind.ext_storage())
    if kind in (pl.Float16, pl.Float32):
        return _converted_float(kind)
    if kind == pl.Binary:
        return _shown_bytes
    if kind.is_temporal() or isinstance(kind, pl.Decimal):
        # One value at a time is slow, and rare: lists of dates, of decimals.
        return lambda value: _text_of(pl.Series([value], dtype=kind))[0]
    return lambda value: value


def _converted_float(kind: pl.DataType) -> Callable[[float], float]:
    import numpy as np

    width = np.float16 if kind == pl.Float16 else np.float32
    return lambda value: float(str(width(value)))
