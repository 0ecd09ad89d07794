"""`units`: the texts of a table become units, a row each. Needs no run, no key and no network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from rowbatch.core.document import Shown
from rowbatch.core.table_options import ReadOptions, WriteOptions
from rowbatch.core.tokens import TokenCounter, token_counter
from rowbatch.core.units import UnitRule, Units, cut_units
from rowbatch.errors import UsageError
from rowbatch.programs.opening import open_table
from rowbatch.providers.catalog import find_model
from rowbatch.store.atomic import atomic_path
from rowbatch.tables.ahead import read_ahead
from rowbatch.tables.base import ROWS_PER_CHUNK, BadRowList, ColumnInfo, Table, TableChunk
from rowbatch.tables.losses import losses
from rowbatch.tables.numbers import find_numbers
from rowbatch.tables.writer import AddedColumn, TableShape, TableWriter, format_of, open_writer
from rowbatch.words.notice import Notice

DOCUMENT, UNIT, UNITS, START, END, SPEAKER = "document", "unit", "units", "unit_start", "unit_end", "speaker"
_MEANINGS = {
    DOCUMENT: "Row of the original table",
    UNIT: "Which unit of the text, from 1",
    UNITS: "How many units the text has",
    START: "First character of the unit in the text, from 0",
    END: "Character of the text behind the unit",
    SPEAKER: "Who speaks",
}
_USUAL_ENCODING = "o200k_base"
_CHARS_PER_WRITE = 8_000_000


@dataclass(slots=True, repr=False)
class UnitsReport(Shown):
    """
    What was written.

    Attributes:
        out: The table of units.
        documents: Rows of the original table.
        units: Rows of the new one.
        empty_documents: Rows without a text: each has one unit, which is empty.
        most_units: Of one text.
        longest_chars: Of one unit.
        encoding_guessed: The encoding, if nothing said it but the text itself; else "".
        bad_rows: Broken rows that were kept or skipped.
        formulas: Cells that were marked, because a spreadsheet would take them for formulas.
        notes: How the table was read, by what tokens were counted, and what the output does not keep.
    """

    out: Path
    documents: int = 0
    units: int = 0
    empty_documents: int = 0
    most_units: int = 0
    longest_chars: int = 0
    encoding_guessed: str = ""
    bad_rows: BadRowList = field(default_factory=BadRowList)
    formulas: int = 0
    notes: Sequence[Notice] = ()


def unit_columns(header: Sequence[str], *, speakers: bool = True) -> dict[str, str]:
    """
    What the columns are called that say whose a unit is, beside those of a table.

    A name that the table has already gets `rowbatch_` in front.
    """
    names = {}
    for name in (DOCUMENT, UNIT, UNITS, START, END, *((SPEAKER,) if speakers else ())):
        free = name
        while free in header:
            free = f"rowbatch_{free}"
        names[name] = free
    return names


def units(
    source: Path,
    text: str,
    out: Path,
    rule: UnitRule,
    *,
    model: str = "",
    reading: ReadOptions | None = None,
    writing: WriteOptions | None = None,
    overwrite: bool = False,
) -> UnitsReport:
    """
    Write a row for each unit of the texts, in their order.

    It has the columns of the table, with the unit in the place of the text, and behind them `document` (row
    of the table, from 1), `unit` (from 1) of `units`, `unit_start` and `unit_end` (characters of the text
    from 0, the last one not counted in), and `speaker` where the texts are cut by these. A row without a text
    has one unit, which is empty, so that no document is lost.

    Args:
        source: The table.
        text: Name of its column with the texts.
        out: The table of units; its ending says the format.
        rule: How to cut.
        model: Whose tokens are counted, where a unit is so many of them.
        reading, writing: How the tables are read and written.
        overwrite: Whether `out` may be replaced.
    Raises:
        TableError: The table is broken, or has no such column.
        OutputExists, StorageError: The output cannot be written.
        UsageError, CannotHold: The format of the output cannot hold it.
    """
    if out.exists() and source.exists() and out.samefile(source):
        raise UsageError("table-would-be-its-units", path=str(source))
    format_name = format_of(out)
    table = open_table(source, reading)
    position = table.column(text)
    counter = _counter(model) if rule.by == "tokens" else None
    report = UnitsReport(out, encoding_guessed=table.guessed_encoding)
    shape = _shape(table, position, rule)
    numbers = find_numbers(table, writing)
    shape = replace(shape, numbers={at: kind for at, kind in numbers.dtypes.items() if at != position})
    told = [_told(counter)] if counter is not None else []
    with (
        atomic_path(out, overwrite=overwrite) as temporary,
        open_writer(temporary, format_name, shape, writing) as writer,
        read_ahead(table.chunks()) as chunks,
    ):
        cutter = _Cutter(table, position, rule, counter, report)
        for chunk in chunks:
            cutter.cut(chunk, writer)
        report.formulas = writer.formulas
    report.bad_rows = table.bad_rows
    # Some is known only when all is read.
    report.notes = (*table.notes, *told, *losses(shape, out), *numbers.notes)
    return report


def _counter(model: str) -> TokenCounter:
    known = find_model("", model) if model else None
    return token_counter(known.encoding if known else "" if model else _USUAL_ENCODING)


def _told(counter: TokenCounter) -> Notice:
    if counter.is_exact:
        return Notice("note-units-tokens", {"encoding": counter.encoding})
    return Notice("note-units-tokens-estimated")


def _shape(table: Table, position: int, rule: UnitRule) -> TableShape:
    names = unit_columns(table.header, speakers=rule.by == "speaker")
    added = [
        AddedColumn(name, _MEANINGS[what], dtype=pl.String() if what == SPEAKER else pl.Int64())
        for what, name in names.items()
    ]
    shape = TableShape.of(table, added)
    if not shape.columns:
        return shape
    columns = list(shape.columns)
    columns[position] = _of_texts(columns[position])
    return replace(shape, columns=tuple(columns))


def _of_texts(info: ColumnInfo) -> ColumnInfo:
    """What is still true of a column whose texts were cut."""
    is_text = info.storage.startswith(("stata:str", "spss:A"))
    return ColumnInfo(
        label=info.label,
        format=info.format if is_text else "",
        measure=info.measure,
        display_width=info.display_width,
        storage=info.storage if is_text else "",
    )


class _Cutter:
    """Cuts the texts of chunks, and writes the units in parts of bounded size."""

    def __init__(
        self, table: Table, position: int, rule: UnitRule, counter: TokenCounter | None, report: UnitsReport
    ) -> None:
        self._name, self._not_asked = str(position), table.not_asked
        self._rule, self._report = rule, report
        self._count = _no_tokens if counter is None else counter.count if counter.is_exact else _most(counter)

    def cut(self, chunk: TableChunk, writer: TableWriter) -> None:
        """Cut the texts of a chunk, and write their units."""
        report, rows = self._report, _Rows()
        others = _without_texts(chunk, self._name)
        for place, text in enumerate(chunk.frame[self._name].to_list()):
            is_asked = text.strip() not in self._not_asked
            found = cut_units(text, self._rule, self._count) if is_asked else Units()
            report.documents += 1
            report.empty_documents += not found
            report.most_units = max(report.most_units, len(found))
            for unit, (start, end) in enumerate(_places(found)):
                rows.places.append(place)
                rows.texts.append(text[start:end])
                rows.speakers.append(found.speakers[unit] if found.speakers else "")
                rows.numbers.append((chunk.first_row + place, unit + 1, len(found), start, end))
                rows.chars += end - start
                if rows.are_many:
                    self._write(others, rows, writer)
                    rows = _Rows()
        self._write(others, rows, writer)

    def _write(self, others: TableChunk, rows: _Rows, writer: TableWriter) -> None:
        """Write what was cut; `others` are the other columns of the chunk that it is of."""
        if not rows.texts:
            return
        report = self._report
        texts = pl.Series(self._name, rows.texts, dtype=pl.String)
        part = others.part(pl.Series(rows.places, dtype=pl.UInt32))
        typed = part.typed
        part = replace(
            part,
            first_row=report.units + 1,
            frame=part.frame.with_columns(texts),
            typed=None if typed is None else typed.with_columns(texts),
        )
        writer.write(part, rows.frame(with_speakers=self._rule.by == "speaker"))
        report.units += len(rows.texts)
        report.longest_chars = max(report.longest_chars, *map(len, rows.texts))


@dataclass(slots=True)
class _Rows:
    """
    Units that are not written yet.

    Attributes:
        places: In the chunk, of the rows that they are of.
        texts, speakers: Of each.
        numbers: Document, unit, of how many, start and end.
        chars: Of all texts.
    """

    places: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    speakers: list[str] = field(default_factory=list)
    numbers: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    chars: int = 0

    @property
    def are_many(self) -> bool:
        """Whether it is time to write them."""
        return len(self.texts) >= ROWS_PER_CHUNK or self.chars >= _CHARS_PER_WRITE

    def frame(self, *, with_speakers: bool) -> pl.DataFrame:
        """The added columns."""
        schema = dict.fromkeys((DOCUMENT, UNIT, UNITS, START, END), pl.Int64)
        frame = pl.DataFrame(self.numbers, schema=schema, orient="row")
        speakers = pl.Series(SPEAKER, self.speakers, dtype=pl.String)
        return frame.with_columns(speakers) if with_speakers else frame


def _places(units: Units) -> Sequence[tuple[int, int]]:
    """Where units are; an empty one where there is none."""
    return list(zip(units.starts, units.ends, strict=True)) or [(0, 0)]


def _no_tokens(text: str) -> int:
    del text
    return 0


def _most(counter: TokenCounter) -> Callable[[str], int]:
    """The most tokens that texts can have: a unit is to have no more than was said."""
    return lambda text: counter.high(counter.count(text))


def _without_texts(chunk: TableChunk, name: str) -> TableChunk:
    """A chunk in which the texts are empty, so that rows of it can be repeated at no cost."""
    empty = pl.lit("").alias(name)
    missing = chunk.missing
    return TableChunk(
        chunk.first_row,
        chunk.frame.with_columns(empty),
        None if chunk.typed is None else chunk.typed.with_columns(empty),
        None if missing is None else lambda: missing().drop(name, strict=False),
        _others(chunk.cells, name),
        _others(chunk.native, name),
    )


def _others(frame: pl.DataFrame | None, name: str) -> pl.DataFrame | None:
    """The other columns; None where there are none."""
    if frame is None or name not in frame.columns:
        return frame
    return frame.drop(name) if frame.width > 1 else None
