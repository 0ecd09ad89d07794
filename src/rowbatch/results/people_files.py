"""
What people coded in files of their own: sheets that were drawn for them, and exports of annotation tools.

Rows are found by the key that each text was given with; one coder is a column, or a file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from rowbatch.core.codebook import Codebook
from rowbatch.core.coding import CANT_SAY_FIELD, ROW_KEY, RowKey, read_row_key
from rowbatch.core.comparison import PeopleComparison, PeopleReader
from rowbatch.core.kinds.base import Variable
from rowbatch.core.run_quality import settle
from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import TableError, UsageError
from rowbatch.programs.opening import open_table
from rowbatch.results.answered import AnsweredTable
from rowbatch.results.coded import content_of
from rowbatch.results.people import (
    ITEM,
    MODEL,
    PEOPLE,
    comparable_variable,
    compare,
    info_of,
    item_key,
    item_of,
    people_reader,
    said_by_people,
)
from rowbatch.results.shard_answers import ResultTally
from rowbatch.store.coding_sets import CodingFolder, is_coding_set
from rowbatch.store.rundir import RunDirectory
from rowbatch.tables.base import Table
from rowbatch.tables.excel_reader import sheet_names

_DOCCANO, _DOCCANO_LABELS = "doccano", "label"
_BETWEEN = ": "
_SHOWN = 5
_ROW = "row"


@dataclass(frozen=True, slots=True)
class Coding:
    """
    What one coder said of a variable.

    Attributes:
        path: The file.
        column: In it.
        cells: By number of row; only those in which something stands.
        keys: Of these rows.
        coder: What stands behind the variable's name in that of the column; "" where nothing does.
        values: That the cells stand for, by number of row; cells that mean that nobody coded the row have
            none.
    """

    path: Path
    column: str
    cells: Mapping[int, str]
    keys: Mapping[int, RowKey]
    coder: str
    values: Mapping[int, str]


class CodedFile:
    """
    A file that people coded, with the keys of its rows.

    Args:
        path: A sheet or CSV file with a column `rowbatch_row` and one of each variable's name, or several
            with coders' names behind; or an export of Label Studio or doccano.
    Raises:
        UsageError: It has no keys, or in several sheets.
        TableError, InputError: It can't be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._table = _open_with_keys(path)
        place = self._table.header.index(ROW_KEY)
        self._rows = [row for chunk in self._table.chunks() for row in chunk.frame.iter_rows()]
        self._keys = [read_row_key(row[place]) for row in self._rows]

    def codings(self, codebook: Codebook, variable: Variable, not_coded: Iterable[str] = ()) -> list[Coding]:
        """
        What was said of a variable: a coder each; nothing where the file has no column of it.

        Args:
            codebook: That people coded by.
            variable: Of it.
            not_coded: Values that mean that nobody coded the row.
        Raises:
            UsageError: A column stands twice, a row has no key, or stands twice with different codes, or has
                a code that the codebook does not know.
        """
        path, table = self.path, self._table
        columns = _columns_of(table, codebook, variable)
        for column in columns:
            if table.header.count(column) > 1:
                raise UsageError("people-file-column-twice", path=str(path), column=column)
        places = [at for found in columns.values() for at in found]
        lost = [
            number
            for number, (key, row) in enumerate(zip(self._keys, self._rows, strict=True), start=1)
            if key is None and any(row[at].strip() for at in places)
        ]
        if lost:
            raise UsageError(
                "people-file-rows-lost", path=str(path), column=ROW_KEY, count=len(lost), rows=lost[:_SHOWN]
            )
        base = _DOCCANO_LABELS if table.reading.program == _DOCCANO else variable.name
        found = []
        for column, own in columns.items():
            reader = people_reader(variable, info_of(table.columns, own[0]), not_coded)
            cells: dict[int, str] = {}
            for key, row in zip(self._keys, self._rows, strict=True):
                if key is None:
                    continue
                cell = next((row[at].strip() for at in own if row[at].strip()), "")
                if table.reading.program == _DOCCANO:
                    cell = _of_variable(cell, codebook, variable)
                if not cell:
                    continue
                if cells.setdefault(key.row, cell) != cell:
                    raise UsageError("people-row-twice", path=str(path), column=column, row=key.row)
            values = _read_known(path, column, cells, reader)
            keys = {key.row: key for key in self._keys if key is not None}
            found.append(
                Coding(path, column, cells, keys, column.removeprefix(base).removeprefix("_"), values)
            )
        return found

    def notes(self, name: str) -> dict[int, str]:
        """What stands in a column, by number of row; without empty cells, and nothing where there is none."""
        if name not in self._table.header:
            return {}
        at = self._table.header.index(name)
        pairs = zip(self._keys, self._rows, strict=True)
        return {key.row: row[at].strip() for key, row in pairs if key is not None and row[at].strip()}


def read_codings(
    path: Path, codebook: Codebook, variable: Variable, not_coded: Iterable[str] = ()
) -> list[Coding]:
    """
    Read a file that people coded: a coder each.

    Args:
        path: A sheet or CSV file with a column `rowbatch_row` and one of the variable's name, or several with
            coders' names behind; or an export of Label Studio or doccano.
        codebook: Of the run.
        variable: Of it.
        not_coded: Values that mean that nobody coded the row.
    Raises:
        UsageError: It has no keys, no column of the variable or one twice, nothing in it, or codes that the
            codebook does not know.
        TableError, InputError: It can't be read.
    """
    found = CodedFile(path).codings(codebook, variable, not_coded)
    if not found:
        raise UsageError("people-file-without-variable", path=str(path), variable=variable.name)
    if not any(one.cells for one in found):
        raise UsageError("people-file-not-coded", path=str(path), variable=variable.name)
    return found


def _open_with_keys(path: Path) -> Table:
    """
    The table with the keys; of a workbook the sheet that has them, as coders put sheets before it.

    Raises:
        UsageError: None has, or several have.
    """
    table = open_table(path)
    with_keys = {
        sheet: one for sheet in sheet_names(path) if (one := _sheet_with_keys(path, sheet)) is not None
    }
    if len(with_keys) > 1:
        raise UsageError("people-sheets", path=str(path), column=ROW_KEY, sheets=[*with_keys])
    table = next(iter(with_keys.values()), table)
    if ROW_KEY not in table.header:
        raise UsageError("people-file-without-rows", path=str(path), column=ROW_KEY)
    if table.header.count(ROW_KEY) > 1:
        raise UsageError("people-file-column-twice", path=str(path), column=ROW_KEY)
    return table


def _sheet_with_keys(path: Path, sheet: str) -> Table | None:
    try:
        table = open_table(path, ReadOptions(sheet=sheet))
    except TableError:
        # Empty, as a new sheet is.
        return None
    return table if ROW_KEY in table.header else None


def _columns_of(table: Table, codebook: Codebook, variable: Variable) -> dict[str, tuple[int, ...]]:
    """The columns of a variable, one for each coder; where a program has "can't say" apart, both."""
    if table.reading.program == _DOCCANO:
        names = _named(table.header, _DOCCANO_LABELS, ())
        return {name: (at,) for name, at in names.items()}
    others = [one.name for one in codebook.variables if one.name != variable.name]
    apart = f"{variable.name}{CANT_SAY_FIELD}"
    found: dict[str, tuple[int, ...]] = {}
    for name, at in _named(table.header, variable.name, [*others, apart]).items():
        found[name] = (at,)
    for name, at in _named(table.header, apart, others).items():
        coder = f"{variable.name}{name.removeprefix(apart)}"
        found[coder] = (*found.get(coder, ()), at)
    return found


def _named(header: Sequence[str], name: str, others: Iterable[str]) -> dict[str, int]:
    """Columns of a name, or with a coder's behind it; none that is as much another's with a longer name."""
    longer = [one for one in others if one.startswith(f"{name}_")]
    return {
        column: at
        for at, column in enumerate(header)
        if (column == name or column.startswith(f"{name}_"))
        and not any(column == one or column.startswith(f"{one}_") for one in longer)
    }


def _of_variable(cell: str, codebook: Codebook, variable: Variable) -> str:
    """
    The labels of a variable among those of a project of doccano, in which several have their names before.
    """
    try:
        labels = json.loads(cell) if cell.startswith("[") else [cell] if cell else []
    except ValueError:
        return cell
    if not all(isinstance(label, str) for label in labels):
        return cell
    names = [f"{one.name}{_BETWEEN}" for one in codebook.variables]
    own = f"{variable.name}{_BETWEEN}"
    if any(label.startswith(name) for label in labels for name in names):
        labels = [label.removeprefix(own) for label in labels if label.startswith(own)]
    if len(labels) == 1:
        return str(labels[0])
    return json.dumps(labels, ensure_ascii=False) if labels else ""


def _read_known(path: Path, column: str, cells: Mapping[int, str], reader: PeopleReader) -> dict[int, str]:
    """
    The values that cells stand for.

    Raises:
        UsageError: Some are no codes of the codebook, with their rows.
    """
    values: dict[int, str] = {}
    strange: dict[str, list[int]] = {}
    for row, cell in cells.items():
        try:
            if (value := reader.read(cell)) is not None:
                values[row] = value
        except UsageError:
            strange.setdefault(cell, []).append(row)
    if strange:
        rows = sorted(row for found in strange.values() for row in found)
        raise UsageError(
            "people-codes-unknown",
            path=str(path),
            column=column,
            values=list(strange)[:_SHOWN],
            count=len(rows),
            rows=rows[:_SHOWN],
        )
    return values


def _codings_of_set(path: Path, variable: Variable) -> list[Coding]:
    """
    What the coders of a set said of the rows that chance drew, a coder each; codes that were given with the
    model's answer in sight do not count.

    Raises:
        UsageError: Nobody said anything.
    """
    content = content_of(CodingFolder(path))
    settled = settle(content, variable, "all")
    keys = {one.row: key for one in content.rows if (key := read_row_key(one.key)) is not None}
    if not settled.said:
        raise UsageError("coding-set-not-coded", name=content.plan.name)
    return [
        Coding(path, coder, cells, {row: keys[row] for row in cells}, coder, cells)
        for coder, cells in settled.said.items()
    ]


def compare_with_files(
    run: RunDirectory,
    paths: Sequence[Path],
    variable: str | None,
    *,
    not_coded: Sequence[str] = (),
    item: str | None = None,
) -> PeopleComparison:
    """
    Compare what people coded in files with the answers of a run that are on disk.

    A text counts once: where several coders differ, what most of them say.

    Args:
        run: A run that is built.
        paths: The files; or folders of coding sets.
        variable: Of the codebook; None means the first that can be compared.
        not_coded: Values that mean that nobody coded the row.
        item: Column that names each text; None means that rows that ask the same are one text.
    Raises:
        UsageError: A file is given twice, or does not fit: it has no keys, no codes, codes that the codebook
            does not know, or is of another table.
        RunError: The table was changed since.
    """
    for at, path in enumerate(paths):
        if path.resolve() in [one.resolve() for one in paths[:at]]:
            raise UsageError("people-file-twice", path=str(path))
    with run.ledger() as ledger:
        shards = ledger.shards()
    answered = AnsweredTable(run, shards, ResultTally())
    chosen = comparable_variable(answered.codebook, variable)
    codings = [
        one
        for path in paths
        for one in (
            _codings_of_set(path, chosen)
            if is_coding_set(path)
            else read_codings(path, answered.codebook, chosen, not_coded)
        )
    ]
    said = _frame(codings)
    wanted = said[_ROW].unique()
    table, place = answered.table, str(answered.codebook.columns.index(chosen.name))
    same, blank = (
        [str(table.column(name)) for name in names] for names in item_of(answered.plan.question, item)
    )

    def frames() -> Iterator[pl.DataFrame]:
        last = 0
        with closing(answered.chunks()) as chunks:
            for chunk, answers in chunks:
                last = chunk.first_row + chunk.frame.height - 1
                texts = chunk.frame.with_columns(
                    answers[_ROW].alias("number"), answers[place].alias(MODEL)
                ).filter(pl.col("number").is_in(wanted.implode()))
                _require_same(texts, codings)
                rows = texts.select(pl.col("number").alias(_ROW), MODEL, item_key(same, blank, "number"))
                yield rows.join(said, on=_ROW, how="inner", maintain_order="left").select(
                    said_by_people(PEOPLE), MODEL, ITEM
                )
        if beyond := wanted.filter(wanted > last).sort().to_list():
            _refuse_other(codings, beyond)

    reader = people_reader(chosen, None, not_coded)
    return compare(frames(), reader, ", ".join(dict.fromkeys(one.path.name for one in codings)))


def _frame(codings: Sequence[Coding]) -> pl.DataFrame:
    return pl.DataFrame(
        [(row, cell) for one in codings for row, cell in one.cells.items()],
        schema={_ROW: pl.Int64, PEOPLE: pl.String},
        orient="row",
    )


def _require_same(texts: pl.DataFrame, codings: Sequence[Coding]) -> None:
    """
    Make sure that the rows are those that people were given.

    Raises:
        UsageError: One has another text.
    """
    names = [name for name in texts.columns if name not in ("number", MODEL)]
    wrong = []
    for row in texts.iter_rows(named=True):
        keys = [one.keys[row["number"]] for one in codings if row["number"] in one.cells]
        if not all(key.may_be(row[name] for name in names) for key in keys):
            wrong.append(row["number"])
    if wrong:
        _refuse_other(codings, wrong)


def _refuse_other(codings: Sequence[Coding], rows: Sequence[int]) -> None:
    paths = [str(one.path) for one in codings if any(row in one.cells for row in rows)]
    raise UsageError("people-file-of-other-table", path=paths[0], count=len(rows), rows=[*rows[:_SHOWN]])
