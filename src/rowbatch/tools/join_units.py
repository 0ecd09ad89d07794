"""`join-units`: the labels of units become those of their documents. Needs no run, no key and no network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import polars as pl

from rowbatch.core.added_columns import STATUS_COLUMNS
from rowbatch.core.confidence import BASIS_COLUMN
from rowbatch.core.document import Shown
from rowbatch.core.states import RowStatus
from rowbatch.core.table_options import ReadOptions, WriteOptions
from rowbatch.core.unit_rules import NO, UNITS_RULES, YES, UnitsRule, ValueKind, ValueLook, join_values
from rowbatch.errors import TableError, UsageError
from rowbatch.programs.opening import open_table
from rowbatch.results.rows_by_number import Cursor, RowsByNumber
from rowbatch.store.atomic import atomic_path
from rowbatch.tables.ahead import read_ahead
from rowbatch.tables.base import BadRowList, ColumnInfo, Table, TableChunk
from rowbatch.tables.losses import losses
from rowbatch.tables.numbers import find_numbers
from rowbatch.tables.writer import AddedColumn, TableShape, format_of, open_writer
from rowbatch.tools.units import DOCUMENT, END, START, UNIT, UNITS, unit_columns
from rowbatch.words.notice import Notice

UNANSWERED = "units_unanswered"
_NUMBER, _FITS, _ANSWERED, _BLANK = "number", "fits", "answered", "blank"
_CONFIDENCE = "_confidence"
_NAMED_ROWS = 10
_SURE_SHARE = 0.9
# Documents whose units are put together at once, and whose units lie in one file: each has many.
_DOCUMENTS_PER_PART = 2_000
_DOCUMENTS_PER_FILE = 10_000
# Units that are not there have places in a list, unless somebody's table says that there are millions.
_MOST_PLACES = 1_000_000


@dataclass(slots=True, repr=False)
class JoinUnitsReport(Shown):
    """
    What was written.

    Attributes:
        out: The table of documents.
        documents: Rows of it, as many as the original table has.
        units: That were read, empty ones not counted.
        unanswered: Units without an answer, or not there.
        rules: Of each column that was joined.
        ties: Documents without a most frequent value, by column.
        encoding_guessed, bad_rows: Of the original table.
        formulas: Cells that were marked, because a spreadsheet would take them for formulas.
        notes: What a person should know.
    """

    out: Path
    documents: int = 0
    units: int = 0
    unanswered: int = 0
    rules: Mapping[str, UnitsRule] = field(default_factory=dict)
    ties: dict[str, int] = field(default_factory=dict)
    encoding_guessed: str = ""
    bad_rows: BadRowList = field(default_factory=BadRowList)
    formulas: int = 0
    notes: Sequence[Notice] = ()


def read_rules(said: Sequence[str]) -> dict[str, UnitsRule]:
    """
    Rules by column; that of all others stands at "".

    Args:
        said: `any`, `most` or `list`, or one of them for a column, as in `topic=list`.
    Raises:
        UsageError: There is no such rule, or none at all.
    """
    found: dict[str, UnitsRule] = {}
    for one in said:
        column, _, rule = one.rpartition("=")
        known = next((name for name in UNITS_RULES if name == rule), None)
        if known is None:
            raise UsageError("units-rule-unknown", rule=rule, known=list(UNITS_RULES))
        found[column] = known
    if not found:
        raise UsageError("units-rule-missing")
    return found


def join_units(
    labelled: Path,
    source: Path,
    out: Path,
    rules: Mapping[str, UnitsRule],
    *,
    id_column: str | None = None,
    shown_as: str = "",
    reading: ReadOptions | None = None,
    writing: WriteOptions | None = None,
    overwrite: bool = False,
) -> JoinUnitsReport:
    """
    Write the rows of the original table, in their order and as they were, with what their units are together.

    Behind its columns stand `units` and `units_unanswered` (failed, skipped, or not there), then each label;
    by the rule `most` a label that is no number has its ties beside it, in `…_tie`, as a JSON list. What each
    rule does is said at `join_values`. Units may come in any order.

    Args:
        labelled: The table of units with labels, in any format.
        source: The table that the units were cut from.
        out: The table of documents; its ending says the format.
        rules: By column; that at "" holds for every label without one of its own. Without it only the named
            columns are joined.
        id_column: A column of both tables that says whose a unit is; None means `document`, the row.
        shown_as: What messages call `labelled`.
        reading: How the original table is read.
        writing: How the output is written.
        overwrite: Whether `out` may be replaced.
    Raises:
        TableError: A table is broken, has no such column, is no table of units, or not of this table.
        OutputExists, StorageError: The output cannot be written.
        UsageError, CannotHold: The format of the output cannot hold it; or no column has labels.
    """
    for path in (labelled, source):
        if out.exists() and path.exists() and out.samefile(path):
            raise UsageError("table-would-be-its-documents", path=str(path))
    format_name = format_of(out)
    table, units = open_table(source, reading), open_table(labelled)
    name = shown_as or str(labelled)
    found = _UnitColumns.of(units, table, rules, id_column, name)
    report = JoinUnitsReport(
        out,
        rules={label.name: label.rule for label in found.labels},
        encoding_guessed=table.guessed_encoding,
    )
    numbers = find_numbers(table, writing)
    with RowsByNumber(out.parent, numbers_per_range=_DOCUMENTS_PER_FILE) as rows:
        reader = _Reader(units, table, found, rows, name)
        reader.read()
        joiner = _Joiner(table, found, reader, report)
        shape = TableShape.of(table, joiner.added, numbers=numbers.dtypes)
        with (
            atomic_path(out, overwrite=overwrite) as temporary,
            open_writer(temporary, format_name, shape, writing) as writer,
            read_ahead(table.chunks(_DOCUMENTS_PER_PART)) as chunks,
        ):
            for chunk in chunks:
                writer.write(chunk, joiner.beside(chunk))
            joiner.finish()
            report.formulas = writer.formulas
    report.bad_rows = table.bad_rows
    report.notes = (*table.notes, *joiner.notes(), *losses(shape, out), *numbers.notes)
    return report


@dataclass(slots=True)
class _Label:
    """
    A column of labels.

    Attributes:
        name: Of the column.
        position: In the table of units.
        rule: How it is joined.
        names: Of its codes, where it has such; texts by texts.
        kind: Of its values, once all are read.
        are_bits: Whether all of them are 0 and 1.
    """

    name: str
    position: int
    rule: UnitsRule
    names: Mapping[str, str]
    kind: ValueKind = "label"
    are_bits: bool = False

    @property
    def has_ties(self) -> bool:
        """Whether a document can have several values that are most frequent."""
        return self.rule == "most" and self.kind in ("yes-no", "label")

    @property
    def dtype(self) -> pl.DataType:
        """Of what documents have."""
        if self.rule == "most" and self.kind == "number":
            return pl.Float64()
        return pl.Int64() if self.rule != "list" and self.are_bits else pl.String()


@dataclass(frozen=True, slots=True)
class _UnitColumns:
    """
    Which columns of a table of units are what; positions, None where there is none.

    Attributes:
        key: What says whose a unit is.
        id_position: The same column in the original table; None where it is the row.
        unit, units, start, end, status: As their names say.
        labels: What is joined.
        shared: Columns that both tables have: positions in the units and in the original.
    """

    key: int
    id_position: int | None
    unit: int | None
    units: int | None
    start: int | None
    end: int | None
    status: int | None
    labels: Sequence[_Label]
    shared: Sequence[tuple[int, int]]

    @classmethod
    def of(
        cls, units: Table, table: Table, rules: Mapping[str, UnitsRule], id_column: str | None, name: str
    ) -> _UnitColumns:
        """
        Find them by their names.

        Raises:
            TableError: There is no such column, or the units say nothing of whose they are.
            UsageError: There is no column of labels.
        """
        own = unit_columns(table.header)
        status = [_free(column, table.header) for column in STATUS_COLUMNS]
        if id_column is None and own[DOCUMENT] not in units.header:
            raise TableError("units-without-document", path=name, column=own[DOCUMENT])
        key = units.column(own[DOCUMENT] if id_column is None else id_column)
        by_name = {column: rule for column, rule in rules.items() if column}
        known = {*table.header, *own.values(), *status}
        named = [units.column(column) for column in by_name]
        labels = [
            _Label(column, position, by_name.get(column) or rules[""], _names_of(units, position))
            for position, column in enumerate(units.header)
            if position in named
            or ("" in rules and column not in known and not _tells_of_others(column, units))
        ]
        if not labels:
            raise UsageError("units-without-labels", path=name)

        def place(column: str) -> int | None:
            return units.header.index(column) if units.header.count(column) == 1 else None

        shared = [
            (units.header.index(column), position)
            for position, column in enumerate(table.header)
            if units.header.count(column) == 1 and table.header.count(column) == 1
        ]
        return cls(
            key,
            None if id_column is None else table.column(id_column),
            place(own[UNIT]),
            place(own[UNITS]),
            place(own[START]),
            place(own[END]),
            place(status[0]),
            labels,
            shared,
        )


def _free(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name = f"rowbatch_{name}"
    return name


def _tells_of_others(column: str, units: Table) -> bool:
    """Whether a column says how sure another one is: what that is of a document is not known."""
    is_confidence = column.endswith(_CONFIDENCE) and column.removesuffix(_CONFIDENCE) in units.header
    return is_confidence or column == BASIS_COLUMN


def _names_of(units: Table, position: int) -> Mapping[str, str]:
    """The words of codes; none of 0 and 1 that tell of another column, as every program has them so."""
    info = units.columns[position] if units.columns else ColumnInfo()
    names = {_code(code): name for code, name in info.value_labels.items()}
    is_yes_no = {*names} <= {"0", "1"} and {name.casefold() for name in names.values()} <= YES | NO
    is_indicator = is_yes_no and _tells_whether(units.header[position], units.header[:position])
    return {} if is_indicator else names


def _tells_whether(name: str, earlier: Sequence[str]) -> bool:
    """Whether a column is named as one that says whether one before it has a label, or can't say."""
    return any(name.startswith(f"{other}_") for other in earlier)


def _code(code: float | str) -> str:
    return str(int(code)) if isinstance(code, float) and code.is_integer() else str(code)


class _Reader:
    """
    Reads the table of units.

    Attributes:
        unknown: Units of no document, and some of what they say whose they are.
        text: Position of the column with the texts of the units in both tables, where it was found.
    """

    def __init__(
        self, units: Table, table: Table, columns: _UnitColumns, rows: RowsByNumber, name: str
    ) -> None:
        self._units, self._table, self._columns, self._name = units, table, columns, name
        self._rows = rows
        self._of_id = _rows_of_ids(table, columns.id_position) if columns.id_position is not None else None
        self._looks = [ValueLook() for _ in columns.labels]
        self.unknown = 0
        self.unknown_examples: list[str] = []
        self.text: tuple[int, int] | None = None

    def read(self) -> None:
        """
        Put all units into rows by the number of their document.

        Raises:
            TableError: A unit does not say whose it is.
        """
        columns = self._columns
        for chunk in self._units.chunks():
            if chunk.first_row == 1:
                self.text = self._text_column(chunk.frame)
            frame = chunk.frame
            found = pl.DataFrame({_NUMBER: self._documents(frame, chunk.first_row)})
            found = found.with_columns(self._numbers(frame))
            values = [
                _with_names(frame[str(label.position)], label.names).alias(str(place))
                for place, label in enumerate(columns.labels)
            ]
            for look, column in zip(self._looks, values, strict=True):
                look.look(column.unique().to_list())
            found = found.with_columns(*values, *self._state(frame, values), *self._text(frame))
            known = found.filter(pl.col(_NUMBER).is_not_null())
            if known.height:
                self._rows.add(known)
        for label, look in zip(columns.labels, self._looks, strict=True):
            label.kind, label.are_bits = look.kind, look.are_bits
        for label in columns.labels:
            if label.are_bits and _tells_whether(label.name, self._units.header[: label.position]):
                label.kind = "indicator"
        for label in columns.labels:
            if label.kind == "label" and self._has_indicators(label):
                label.kind = "labels"

    def cursor(self) -> Cursor:
        """All units, by document."""
        return Cursor(self._rows.in_order(lambda part: part))

    def _documents(self, frame: pl.DataFrame, first_row: int) -> pl.Series:
        """Rows of the original table, null where there is no such row."""
        said = frame[str(self._columns.key)].str.strip_chars()
        if self._of_id is not None:
            rows = said.replace_strict(self._of_id, default=None, return_dtype=pl.Int64)
        else:
            rows = said.str.extract(r"^(\d{1,15})(?:\.0*)?$").cast(pl.Int64)
            if rows.null_count():
                place = int(rows.is_null().arg_max() or 0)
                raise TableError(
                    "unit-without-document",
                    path=self._name,
                    row=first_row + place,
                    column=self._units.header[self._columns.key],
                    cell=said[place],
                )
            rows = rows.to_frame("row").select(pl.when(pl.col("row") > 0).then("row")).to_series()
        self.note_unknown(said.filter(rows.is_null()))
        return rows

    def note_unknown(self, said: pl.Series) -> None:
        """Count units of no document."""
        self.unknown += len(said)
        self.unknown_examples += map(str, said.head(_NAMED_ROWS - len(self.unknown_examples)).to_list())

    def _numbers(self, frame: pl.DataFrame) -> Iterator[pl.Series]:
        """Which unit, of how many, and where; null where it does not say."""
        columns = self._columns
        for name, position in (
            (UNIT, columns.unit),
            (UNITS, columns.units),
            (START, columns.start),
            (END, columns.end),
        ):
            if position is None:
                yield pl.Series(name, [None] * frame.height, dtype=pl.Int64)
            else:
                found = frame[str(position)].str.extract(r"^\s*(\d{1,15})(?:\.0*)?\s*$")
                yield found.cast(pl.Int64).alias(name)

    def _state(self, frame: pl.DataFrame, labels: Sequence[pl.Series]) -> Iterator[pl.Series]:
        """Whether a unit has an answer, and whether it is of a document without a text."""
        columns = self._columns
        if columns.status is not None:
            yield (frame[str(columns.status)] == RowStatus.OK.value).alias(_ANSWERED)
        else:
            has_value = pl.any_horizontal(pl.all().str.strip_chars() != "")
            yield pl.DataFrame(labels).select(has_value.alias(_ANSWERED)).to_series()
        if columns.end is None:
            yield pl.repeat(False, frame.height, eager=True).alias(_BLANK)
        else:
            yield (frame[str(columns.end)].str.strip_chars() == "0").alias(_BLANK)

    def _text_column(self, frame: pl.DataFrame) -> tuple[int, int] | None:
        """The column that both tables have whose texts are as long as the units; None unless it is one."""
        columns = self._columns
        if columns.start is None or columns.end is None:
            return None
        start, end = (pl.col(str(one)).cast(pl.Int64, strict=False) for one in (columns.start, columns.end))
        found = []
        for ours, theirs in columns.shared:
            text = pl.col(str(ours))
            # A spreadsheet may have made one character of a line's end, and put an apostrophe before all.
            size = text.str.len_chars().cast(pl.Int64)
            fits = (end - start).is_between(size - 1, size + text.str.count_matches("\n")).fill_null(False)
            if int(frame.select(fits.sum()).item()) >= _SURE_SHARE * frame.height:
                found.append((ours, theirs))
        return found[0] if len(found) == 1 else None

    def _text(self, frame: pl.DataFrame) -> Iterator[pl.Series]:
        if self.text is not None:
            yield fingerprints(frame[str(self.text[0])]).alias(_FITS)

    def _has_indicators(self, label: _Label) -> bool:
        """Whether a run wrote a column of 0 and 1 for each label beside it: then values have several."""
        beside = self._units.header[label.position + 1 : label.position + 2]
        indicators = {one.name for one in self._columns.labels if one.kind == "indicator"}
        return bool(beside) and beside[0].startswith(f"{label.name}_") and beside[0] in indicators


def _with_names(codes: pl.Series, names: Mapping[str, str]) -> pl.Series:
    return codes.replace(dict(names)) if names else codes


def fingerprints(texts: pl.Series) -> pl.Series:
    """What two texts have in common that are the same but for white space and a spreadsheet's apostrophe."""
    return texts.str.replace_all(r"\s|^'", "").hash(seed=1)


def _rows_of_ids(table: Table, position: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for chunk in table.chunks():
        ids = chunk.frame[str(position)].str.strip_chars().to_list()
        for row, value in enumerate(ids, start=chunk.first_row):
            if not value:
                raise TableError(
                    "units-id-empty", path=str(table.path), row=row, column=table.header[position]
                )
            if value in found:
                raise TableError(
                    "units-id-twice",
                    path=str(table.path),
                    row=row,
                    column=table.header[position],
                    cell=value,
                    first=found[value],
                )
            found[value] = row
    return found


class _Unit(NamedTuple):
    """
    A unit.

    Attributes:
        unit, units: Which one of how many, where that is known.
        is_answered: Whether it has an answer.
        is_blank: Whether it stands for a document without a text.
        values: Of its labels.
    """

    unit: int | None
    units: int | None
    is_answered: bool
    is_blank: bool
    values: tuple[str, ...]


@dataclass(slots=True)
class _RowList:
    """Rows that a person is told: how many, and the first ones."""

    count: int = 0
    rows: list[int] = field(default_factory=list)

    def add(self, row: int) -> None:
        """Note one."""
        self.count += 1
        if len(self.rows) < _NAMED_ROWS:
            self.rows.append(row)


class _Joiner:
    """
    Puts the units of documents together, chunk by chunk of the original table.

    Attributes:
        added: The columns that come behind those of the table.
    """

    def __init__(self, table: Table, columns: _UnitColumns, reader: _Reader, report: JoinUnitsReport) -> None:
        self._table, self._labels, self._reader, self._report = table, columns.labels, reader, report
        self._cursor = reader.cursor()
        self._missing, self._twice, self._changed = _RowList(), _RowList(), _RowList()
        self._with_texts = 0
        taken = [*table.header]
        self.added: list[AddedColumn] = []

        def add(name: str, label: str, dtype: pl.DataType) -> None:
            free = _free(name, taken)
            taken.append(free)
            self.added.append(AddedColumn(free, label, dtype=dtype))

        add(UNITS, "Units of the text", pl.Int64())
        add(UNANSWERED, "Units without an answer", pl.Int64())
        for label in columns.labels:
            add(label.name, f"{label.name}: {label.rule} of the units", label.dtype)
            if label.has_ties:
                add(f"{label.name}_tie", f"{label.name}: values that are equally frequent", pl.String())

    def beside(self, chunk: TableChunk) -> pl.DataFrame:
        """The added columns of a chunk."""
        first, height = chunk.first_row, chunk.frame.height
        parts = list(self._cursor.until(first + height))
        found = pl.concat(parts) if parts else None
        if found is not None and self._reader.text is not None:
            self._check_texts(found, chunk.frame[str(self._reader.text[1])].to_list(), first)
        documents = self._by_document(found)
        rows = [self._of_document(row, documents.get(row, [])) for row in range(first, first + height)]
        self._report.documents += height
        return pl.DataFrame(
            [
                pl.Series(column.name, [row[place] for row in rows], dtype=pl.String).cast(column.dtype)
                for place, column in enumerate(self.added)
            ]
        )

    def finish(self) -> None:
        """
        Look at what is left.

        Raises:
            TableError: The units are those of another table.
        """
        for part in self._cursor.rest():
            self._reader.note_unknown(part[_NUMBER])
        path, unknown = str(self._table.path), self._reader.unknown
        if unknown > self._report.units:
            raise TableError(
                "units-of-another-table", path=path, count=unknown, documents=self._report.documents
            )
        if self._changed.count * 2 > self._with_texts:
            raise TableError(
                "units-of-other-texts", path=path, row=self._changed.rows[0], count=self._changed.count
            )

    def notes(self) -> Iterator[Notice]:
        """What a person should know."""
        reader = self._reader
        if self._missing.count:
            yield Notice("note-units-missing", {"count": self._missing.count, "rows": self._missing.rows})
        if self._twice.count:
            yield Notice("note-units-twice", {"count": self._twice.count, "rows": self._twice.rows})
        if self._changed.count:
            yield Notice("note-units-changed", {"count": self._changed.count, "rows": self._changed.rows})
        if reader.unknown:
            values = {"count": reader.unknown, "documents": reader.unknown_examples}
            yield Notice("note-units-unknown", values)
        medians = [label.name for label in self._labels if label.kind == "number" and label.rule == "most"]
        if medians:
            yield Notice("note-units-median", {"columns": medians})
        for column, count in self._report.ties.items():
            yield Notice("note-units-tie", {"column": column, "count": count})

    def _by_document(self, found: pl.DataFrame | None) -> dict[int, list[_Unit]]:
        documents: dict[int, list[_Unit]] = {}
        if found is None:
            return documents
        labels = [str(place) for place in range(len(self._labels))]
        columns = found.select(_NUMBER, UNIT, UNITS, _ANSWERED, _BLANK, *labels)
        for row, unit, units, is_answered, is_blank, *values in columns.iter_rows():
            documents.setdefault(row, []).append(_Unit(unit, units, is_answered, is_blank, tuple(values)))
        return documents

    def _check_texts(self, found: pl.DataFrame, texts: Sequence[str], first: int) -> None:
        """Note the documents whose texts are not those that the units were cut from."""
        units = found.filter(~pl.col(_BLANK) & pl.col(START).is_not_null() & pl.col(END).is_not_null())
        cut = [
            texts[row - first][start:end] for row, start, end in units.select(_NUMBER, START, END).iter_rows()
        ]
        fits = units[_FITS] == fingerprints(pl.Series(cut, dtype=pl.String))
        self._with_texts += units[_NUMBER].n_unique()
        for row in units.filter(~fits)[_NUMBER].unique().sort().to_list():
            self._changed.add(row)

    def _of_document(self, row: int, units: Sequence[_Unit]) -> list[str | None]:
        """The values of a document, in the order of the columns."""
        if not units:
            self._missing.add(row)
            return [None] * len(self.added)
        in_order = self._once(row, [unit for unit in units if not unit.is_blank])
        unanswered = sum(not unit.is_answered for unit in in_order)
        self._report.units += len(in_order)
        self._report.unanswered += unanswered
        cells: list[str | None] = [str(len(in_order)), str(unanswered)]
        for place, label in enumerate(self._labels):
            joined = join_values([unit.values[place] for unit in in_order], label.kind, label.rule)
            cells.append(joined.value or None)
            if label.has_ties:
                cells.append(json.dumps(joined.tie, ensure_ascii=False) if joined.tie else None)
            if joined.tie:
                self._report.ties[label.name] = self._report.ties.get(label.name, 0) + 1
        return cells

    def _once(self, row: int, units: list[_Unit]) -> list[_Unit]:
        """Units in their order, each once; in the place of each that is not there one without an answer."""
        numbered = {unit.unit: unit for unit in reversed(units) if unit.unit is not None}
        if len(numbered) < len(units):
            if not numbered:
                # Whoever made the table did not number them.
                return units
            self._twice.add(row)
        count = max((max(unit.units or 0, unit.unit or 0) for unit in units), default=0)
        if len(numbered) < count:
            self._missing.add(row)
        if count > _MOST_PLACES:
            return [numbered[number] for number in sorted(numbered)]
        nothing = _Unit(None, None, False, False, ("",) * len(self._labels))
        return [numbered.get(number, nothing) for number in range(1, count + 1)]
