"""
What doccano exports: JSONL, JSON or CSV, in a zip file with a file for each member of a project, or
`all.jsonl`.

Form: `id`, `text` (`data` in versions before 1.6, `filename` of pictures and sounds), the fields of the item,
then `label`: a list of labels or texts, or of spans `[0, 4, "PER"]`; `cats` and `entities` where both are
asked; `entities` and `relations` of objects where relations are; last `Comments`. In CSV several labels
stand in one cell with `#` between, sorted. Of each member there are all items, or those that they
confirmed.
Source: `data_export` of doccano 1.8.4 (`celery_tasks.py`, `pipeline/formatters.py`, `pipeline/factories.py`).

Rows: one an item. A list of one label is the label; of several it stays a list. Of a zip file each member has
columns, `label_anna`.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

import polars as pl

from rowbatch.core.table_options import PLAIN, ReadOptions
from rowbatch.programs.archives import names_in
from rowbatch.programs.base import HEAD_BYTES, DressedTable, Program
from rowbatch.programs.coders import CodedItems, objects_of, open_coded, text_of_list
from rowbatch.tables import formats
from rowbatch.tables.base import Table, TableChunk
from rowbatch.tables.frame_table import refuse_options
from rowbatch.tables.json_text import Fields, cell_of
from rowbatch.words.notice import Notice

_NAME, _TITLE = "doccano", "doccano"
_LABELS = ("label", "labels", "cats")
_SPOKEN = (*_LABELS, "entities", "relations", "Comments")
"""What a member said, and not what belongs to the item."""
_TEXTS = ("text", "data", "filename")
_ENDINGS = (".jsonl", ".json", ".csv")
_BETWEEN = "#"
_ZIP = b"PK\x03\x04"
_COMMENTS = re.compile(rb'"Comments":|^[^\n]*,Comments\r?\n')
_TEXT = re.compile(r'"(?:text|data|filename)": ?"((?:[^"\\]|\\.)*)"')


def _may_be(path: Path) -> bool:
    """Whether all files of a zip file have the names of doccano's fields."""
    return path.is_file() and path.suffix.lower() == ".zip" and _have_fields(path, names_in(path, _ZIP))


def _have_fields(path: Path, names: list[str]) -> bool:
    are_files = bool(names) and all("/" not in name and name.endswith(_ENDINGS) for name in names)
    return are_files and all(_is_export(path, name) for name in names[:4])


def _is_file(path: Path, head: bytes) -> bool:
    names = names_in(path, head) if path.is_file() else []
    if not _have_fields(path, names):
        return False
    # Since version 1.6 all have comments; before, members are known by the same texts, which they coded. A
    # data set with a file for training and one for a test has the same names, and is none.
    heads = [_begin(path, name) for name in names[:4]]
    if all(_COMMENTS.search(head) for head in heads):
        return True
    if len(names) == 1:
        return not names[0].endswith(".csv")
    first, *others = (
        _texts(head, is_csv=name.endswith(".csv")) for head, name in zip(heads, names, strict=False)
    )
    return all(len(first & other) * 2 >= min(len(first), len(other)) > 0 for other in others)


def _texts(head: bytes, *, is_csv: bool) -> set[str]:
    """The texts in the begin of a file."""
    text = head.decode("utf-8-sig", "replace")
    if not is_csv:
        return set(_TEXT.findall(text))
    try:
        return {row.get(name) or "" for row in csv.DictReader(io.StringIO(text)) for name in _TEXTS} - {""}
    except csv.Error:
        return set()


def _is_export(path: Path, name: str) -> bool:
    """Whether a file in a zip file begins as an export does."""
    head = _begin(path, name)
    if name.endswith(".csv"):
        header = head.partition(b"\n")[0].decode("utf-8", "replace").strip().split(",")
        return header[:1] == ["id"] and bool({*_TEXTS} & {*header}) and bool({*_LABELS} & {*header})
    has = [f'"{field}":'.encode() in head for field in (*_TEXTS, *_SPOKEN)]
    begins = head.lstrip(b"[ \r\n").startswith(b'{"id":')
    return begins and any(has[: len(_TEXTS)]) and any(has[len(_TEXTS) :])


def _open(path: Path, options: ReadOptions) -> Table:
    refuse_options(path, options, allowed=(), kind="an export of a program")
    return open_coded(path, lambda: _read(path))


def _read(path: Path) -> Table:
    names = sorted(names_in(path, _ZIP))
    items = CodedItems()
    for name in names:
        coder = PurePosixPath(name).stem if len(names) > 1 else ""
        seen: dict[tuple[str, str], int] = {}
        for row in _rows(path, name):
            spoken = {field: cell for field, cell in row.items() if field in _SPOKEN}
            fields = {field: cell for field, cell in row.items() if field not in _SPOKEN}
            # An id is of one text; where it isn't, both are kept.
            key = (row.get("id", ""), next((row[field] for field in _TEXTS if field in row), ""))
            seen[key] = seen.get(key, 0) + 1
            items.add((*key, seen[key]), coder, fields, spoken)
    notes = [Notice("note-annotations", {"path": path.name, "program": _TITLE, "rows": len(items)})]
    return items.table(path, ReadOptions(program=_NAME), tuple(notes))


def _rows(path: Path, name: str) -> Iterator[dict[str, str]]:
    if not name.endswith(".csv"):
        for found in objects_of(path, name):
            yield _cells(found)
        return
    table = formats.open_table(path, ReadOptions(sheet=name, program=PLAIN))
    splits = _split_columns(table)
    for chunk in table.chunks():
        for row in chunk.frame.iter_rows():
            cells = dict(zip(table.header, row, strict=True))
            yield {field: _listed(cell) if field in splits else cell for field, cell in cells.items()}


def _cells(found: Fields) -> dict[str, str]:
    return {
        name: _chosen(cell_of(raw)) if name in (*_LABELS, "Comments") else cell_of(raw)
        for name, raw in found.items()
    }


def _chosen(cell: str) -> str:
    """A list of labels as a cell: one is itself, none is nothing, and all else stays as it is."""
    if not cell.startswith("["):
        return cell
    try:
        values = json.loads(cell)
    except (ValueError, RecursionError):
        return cell
    if not values:
        return ""
    return values[0] if len(values) == 1 and isinstance(values[0], str) else cell


def _split_columns(table: Table) -> frozenset[str]:
    """
    The columns of a CSV whose cells are labels with `#` between.

    doccano sorts them, and knows each once: a column in which this is not so, in any cell, is of texts.
    """
    found = {name for name in (*_LABELS, "Comments") if table.header.count(name) == 1}
    places = {name: str(table.header.index(name)) for name in found}
    for chunk in table.chunks():
        for name in [*found]:
            cells = chunk.frame[places[name]].unique()
            if not all(map(_is_list, cells.filter(cells.str.contains(_BETWEEN, literal=True)))):
                found.discard(name)
    return frozenset(found)


def _is_list(cell: str) -> bool:
    parts = cell.split(_BETWEEN)
    return all(part and part == part.strip() for part in parts) and parts == sorted(set(parts))


def _listed(cell: str) -> str:
    return text_of_list(cell.split(_BETWEEN)) if _BETWEEN in cell else cell


def _begin(path: Path, name: str) -> bytes:
    """The begin of a file in a zip file; empty where it can't be read."""
    try:
        with zipfile.ZipFile(path) as packed, packed.open(name) as file:
            return file.read(HEAD_BYTES)
    except (OSError, RuntimeError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return b""


class DoccanoTable(DressedTable):
    """An export of one file, whose lists of one label are the label."""

    format = "doccano"

    def __init__(self, inner: Table, columns: Mapping[str, bool], note: Notice) -> None:
        super().__init__(inner, _NAME, note=note)
        self._lists = {str(inner.header.index(name)): is_joined for name, is_joined in columns.items()}

    def _chunks(self, rows_per_chunk: int) -> Iterator[TableChunk]:
        for chunk in super()._chunks(rows_per_chunk):
            changed = [
                pl.Series(
                    place, [_listed(cell) if is_joined else _chosen(cell) for cell in chunk.frame[place]]
                )
                for place, is_joined in self._lists.items()
            ]
            yield replace(chunk, frame=chunk.frame.with_columns(changed))


def _dress(table: Table, options: ReadOptions) -> Table | None:
    header = table.header
    columns = [name for name in (*_LABELS, "Comments") if header.count(name) == 1]
    is_item = header.count("id") == 1 and any(header.count(name) == 1 for name in _TEXTS)
    spoken = {*header} & {*_SPOKEN} - {"Comments"}
    if not is_item or not spoken or len(set(header)) < len(header):
        return None
    is_csv = table.format == "csv"
    # Before version 1.6 there were no comments; then only lists show whose it is, which CSV doesn't have.
    if "Comments" not in header and options.program != _NAME:
        cells = [] if is_csv else [row[header.index(name)] for row in table.peek(50) for name in columns]
        if not cells or not all(cell.startswith("[") for cell in cells):
            return None
    joined = _split_columns(table) if is_csv else frozenset()
    lists = {name: name in joined for name in columns if not is_csv or name in joined}
    return DoccanoTable(table, lists, Notice("note-doccano", {"path": table.path.name}))


PROGRAM = Program(name=_NAME, title=_TITLE, is_file=_is_file, open=_open, dress=_dress, may_be=_may_be)
