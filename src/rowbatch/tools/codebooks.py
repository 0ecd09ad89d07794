"""
Codebooks in every form: YAML, JSON, a table, an XLSForm, what a classify function takes, REFI-QDA.

Whoever takes a codebook, the command line, Python and the web app, reads it here, so that each takes all.
"""

from __future__ import annotations

import errno
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Literal

import polars as pl

from rowbatch.core.classify_calls import Function, call_of, draw_from_call, is_classify_call
from rowbatch.core.codebook import Codebook, parse_codebook, placed_fault
from rowbatch.core.codebook_table import (
    Drawn,
    Sheet,
    draw_from_labels,
    draw_from_table,
    is_codebook_table,
    table_of,
)
from rowbatch.core.document import Shown
from rowbatch.core.plain_xml import BrokenXml
from rowbatch.core.refi_codebook import (
    CodesReader,
    codebook_xml,
    codes_of,
    draw_from_codes,
    not_in_codes,
)
from rowbatch.core.refi_files import PROJECT_ENDING, PROJECT_PART, is_refi
from rowbatch.core.table_options import ReadOptions
from rowbatch.core.xlsform import SHEETS, draw_from_form, is_xlsform
from rowbatch.errors import CodebookError, UsageError, from_os_error
from rowbatch.programs.opening import open_table
from rowbatch.store.atomic import atomic_path
from rowbatch.store.codebook_file import codebook_of_yaml, json_text, yaml_text
from rowbatch.store.yaml_file import MAX_BYTES, YamlDocument, read_json, read_yaml
from rowbatch.tables.base import TableChunk
from rowbatch.tables.excel_reader import sheet_names
from rowbatch.tables.writer import FORMATS, TableShape, open_writer
from rowbatch.words.notice import Notice

Form = Literal["yaml", "json", "table", "labels", "xlsform", "classify", "refi"]

MAX_LABELS = 300
"""Of a list of labels; more than anybody writes, and than a model can tell apart."""
_LONG_LABEL = 200
MAX_ROWS = 20_000
"""Of a codebook that is a table."""
_TABLES = (".csv", ".tsv", ".tab")
_WORKBOOK = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_YAML_BEGINS = re.compile(rb"\s*(#[^\n]*\n\s*)*(instructions|variables|language)\s*:")
_BOM = b"\xef\xbb\xbf"
_OUTPUTS = (".yaml", ".yml", ".json", ".csv", ".tsv", ".xlsx", ".qdc")
_BLOCK_BYTES = 1 << 18
_MAX_PROJECT_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class LoadedCodebook:
    """
    A codebook that was read.

    Attributes:
        codebook: As it is.
        form: What the file was.
        left_out: What of it has no place in a codebook, and changes nothing.
        not_taken: What has none, and does: only where the reader asked for the rest all the same.
    """

    codebook: Codebook
    form: Form
    left_out: tuple[Notice, ...] = ()
    not_taken: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class ConvertedCodebook(Shown):
    """
    A codebook that was written in another form.

    Attributes:
        output: The file.
        variables: How many are in it.
        left_out: What has no place in the new form, or had none in a codebook, and changes nothing of it.
        not_taken: What of the input has no place in a codebook, and is asked otherwise now.
    """

    output: Path
    variables: int
    left_out: tuple[Notice, ...]
    not_taken: tuple[Notice, ...]


def read_any_codebook(path: Path, *, variable: str = "label") -> Codebook:
    """
    Read a codebook of any form that is known.

    Args:
        path: The file; what it is, its first bytes and its name say.
        variable: Name of the variable, where the file has only its labels.
    Raises:
        InputError: The file cannot be read.
        CodebookError: It is none, with line and field, or row and column; or a part of it, which would change
            what is asked, has no place in a codebook.
    """
    return load_codebook(path, variable=variable).codebook


def load_codebook(path: Path, *, variable: str = "label", partly: bool = False) -> LoadedCodebook:
    """
    As `read_any_codebook`, and what it was.

    Args:
        path: The file.
        variable: Name of the variable, where the file has only its labels.
        partly: Take what can be taken, and say what can't.
    """
    head = _head(path)
    if is_refi(path, head):
        return _load_codes(path, variable, partly=partly)
    if head.startswith(_WORKBOOK) or path.suffix.lower() in _TABLES:
        return load_table(path, variable=variable, partly=partly)
    if path.suffix.lower() == ".json" or head.lstrip(_BOM).lstrip().startswith((b"{", b"[")):
        return _load_json(path, variable, partly=partly)
    return LoadedCodebook(codebook_of_yaml(read_yaml(path), path), "yaml")


def looks_like_codebook_file(path: Path) -> bool:
    """Whether a file of any name is a codebook in YAML, JSON or REFI-QDA, and no table."""
    head = _head(path).removeprefix(_BOM)
    if _YAML_BEGINS.match(head) or is_refi(path, head):
        return True
    return path.suffix.lower() == ".json" and head.lstrip().startswith((b"{", b"["))


def load_table(path: Path, *, variable: str = "label", partly: bool = False) -> LoadedCodebook:
    """
    A codebook that is a table: of variables, an XLSForm, or a list of labels.

    Raises:
        TableError: It is no table.
        CodebookError: It is no codebook.
    """
    sheets = _form_sheets(path)
    if sheets is not None and is_xlsform(sheets):
        return _checked(draw_from_form(sheets), path, "xlsform", partly=partly)
    sheet = _read_sheet(path)
    if is_codebook_table(sheet.header):
        return _checked(draw_from_table(sheet), path, "table", partly=partly)
    return _checked(_labels(sheet, variable), path, "labels", partly=partly)


def read_label_list(path: Path) -> list[dict[str, Any]]:
    """
    The labels of a table that is a list of them, as a codebook file has them.

    Raises:
        TableError: It cannot be read.
        CodebookError: There is no label in it, or what is in it are no labels.
    """
    labels: list[dict[str, Any]] = _labels(_read_sheet(path), "label").document["variables"][0]["labels"]
    return labels


def is_label_list(path: Path) -> bool:
    """Whether a table has no variables: it may be a list of labels."""
    sheets = _form_sheets(path)
    if sheets is not None and is_xlsform(sheets):
        return False
    return not is_codebook_table(_read_sheet(path).header)


def _labels(sheet: Sheet, variable: str) -> Drawn:
    drawn = draw_from_labels(sheet, variable)
    found = [label["name"] for label in drawn.document["variables"][0]["labels"]]
    if not found:
        raise CodebookError("no-label-in-table")
    if len(found) > MAX_LABELS:
        raise CodebookError("too-many-labels", labels=len(found), most=MAX_LABELS)
    longest = max(map(len, found))
    if longest > _LONG_LABEL:
        raise CodebookError("texts-for-labels", chars=longest)
    return drawn


def convert_codebook(
    source: Path,
    output: Path,
    *,
    to: Function | None = None,
    variable: str | None = None,
    overwrite: bool = False,
) -> ConvertedCodebook:
    """
    Write a codebook in another form.

    Args:
        source: A codebook of any form.
        output: YAML, JSON, CSV, TSV, XLSX, or codes of REFI-QDA (.qdc), by its name.
        to: What the classify function of this house takes, as JSON.
        variable: Which variable that is for; or the name of the only one, where the input has labels alone.
        overwrite: Whether `output` may be replaced.
    Raises:
        InputError, CodebookError: The input is no codebook.
        UsageError: The output has another ending, or the function cannot take what the codebook asks.
        OutputExists: There is such a file.
    """
    _require_ending(output, (".json",) if to else _OUTPUTS)
    loaded = load_codebook(source, variable=variable or "label", partly=True)
    codebook = loaded.codebook
    left: tuple[Notice, ...] = ()
    if to:
        # The name that a list of labels was given is the variable's own.
        call, more = call_of(codebook, to, variable)
        left = tuple(more)
        content = json.dumps(call, ensure_ascii=False, indent=2) + "\n"
        with atomic_path(output, overwrite=overwrite) as path:
            path.write_text(content, encoding="utf-8")
    else:
        left = write_codebook(codebook, output, overwrite=overwrite)
    return ConvertedCodebook(output, len(codebook.variables), (*loaded.left_out, *left), loaded.not_taken)


def _require_ending(output: Path, endings: tuple[str, ...]) -> None:
    if output.suffix.lower() not in endings:
        raise UsageError("codebook-output-unknown", path=str(output), endings=list(endings))


def write_codebook(
    codebook: Codebook, output: Path, *, overwrite: bool = False, text: str = ""
) -> tuple[Notice, ...]:
    """
    Write a codebook as YAML, JSON, CSV, TSV, XLSX, or codes of REFI-QDA (.qdc), by the name of the file.

    Args:
        codebook: Which.
        output: The file.
        overwrite: Whether it may be replaced.
        text: The codebook in YAML as somebody wrote it, with comments; "" for one that is made.
    Returns:
        What has no place there.
    Raises:
        UsageError: The name has another ending, or nothing of the codebook has a place there.
        OutputExists: There is such a file.
    """
    _require_ending(output, _OUTPUTS)
    suffix, content = output.suffix.lower(), ""
    left: tuple[Notice, ...] = ()
    if suffix == ".json":
        content = json_text(codebook)
    elif suffix in (".yaml", ".yml"):
        content = text or yaml_text(codebook)
    elif suffix == ".qdc":
        codes = codes_of(codebook)
        if not codes:
            raise UsageError("refi-nothing-fits")
        left = tuple(not_in_codes(codebook))
        content = codebook_xml(codes, "rowbatch")
    with atomic_path(output, overwrite=overwrite) as path:
        if content:
            path.write_text(content, encoding="utf-8")
        else:
            _write_table(table_of(codebook), path, suffix)
    return left


def _write_table(sheet: Sheet, path: Path, suffix: str) -> None:
    columns = {str(position): [row[position] for row in sheet.rows] for position in range(len(sheet.header))}
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    shape = TableShape(tuple(sheet.header), (), ())
    with open_writer(path, FORMATS[suffix], shape) as writer:
        writer.write(TableChunk(1, frame), pl.DataFrame())


def _load_codes(path: Path, variable: str, *, partly: bool) -> LoadedCodebook:
    reader = CodesReader()
    try:
        reader.read(_blocks(path))
    except (BrokenXml, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise CodebookError("refi-broken", path=str(path), told=str(error)) from error
    except KeyError:
        raise CodebookError("refi-no-project", path=str(path)) from None
    except OSError as error:
        if error.errno == errno.EINVAL:
            # A place before the begin of the file, which a broken archive names.
            raise CodebookError("refi-broken", path=str(path), told=str(error)) from error
        raise from_os_error(error, str(path)) from error
    drawn = draw_from_codes(reader.codes, variable=variable, sets=reader.sets, most_labels=MAX_LABELS)
    return _checked(drawn, path, "refi", partly=partly)


def _blocks(path: Path) -> Iterator[bytes]:
    """The XML of a codebook or of a project, block by block."""
    with ExitStack() as leaving:
        file: IO[bytes] = leaving.enter_context(path.open("rb"))
        if path.suffix.lower() == PROJECT_ENDING:
            archive = leaving.enter_context(zipfile.ZipFile(file))
            file = leaving.enter_context(archive.open(PROJECT_PART))
        size = 0
        while block := file.read(_BLOCK_BYTES):
            size += len(block)
            if size > _MAX_PROJECT_BYTES:
                raise BrokenXml(f"more than {_MAX_PROJECT_BYTES >> 20} MB before its codes end")
            yield block


def _load_json(path: Path, variable: str, *, partly: bool) -> LoadedCodebook:
    document: YamlDocument | None = read_json(path)
    if document is None:
        # What begins with a bracket may be YAML as well, and says better what is wrong.
        document = read_yaml(path)
    elif is_classify_call(document.value):
        return _checked(
            draw_from_call(document.value, variable, document.lines), path, "classify", partly=partly
        )
    return LoadedCodebook(codebook_of_yaml(document, path), "json")


def _checked(drawn: Drawn, path: Path, form: Form, *, partly: bool) -> LoadedCodebook:
    own = [placed_fault(where, "", fault) for where, fault in drawn.faults]
    try:
        codebook = parse_codebook(drawn.document, path=str(path), lines=drawn.where)
    except CodebookError as error:
        if not own:
            raise
        own += error.values["faults"]
    if own:
        raise CodebookError(
            "codebook-file-faults" if len(own) > 1 else "codebook-file-fault", path=str(path), faults=own
        )
    if drawn.not_taken and not partly:
        raise CodebookError("codebook-not-taken", path=str(path), parts=drawn.not_taken)
    return LoadedCodebook(codebook, form, tuple(drawn.left_out), tuple(drawn.not_taken))


def _form_sheets(path: Path) -> dict[str, Sheet] | None:
    """The sheets of a workbook that an XLSForm has, where it has the first of them."""
    names = {name.strip().lower(): name for name in sheet_names(path)}
    if SHEETS[0] not in names:
        return None
    found = {}
    for wanted in SHEETS:
        if wanted in names:
            found[wanted] = replace(_read_sheet(path, names[wanted]), name=names[wanted])
    return found


def _read_sheet(path: Path, sheet: str | None = None) -> Sheet:
    table = open_table(path, ReadOptions(sheet=sheet))
    rows: list[tuple[str, ...]] = []
    size = 0
    for chunk in table.chunks(1_000):
        for cells in chunk.frame.iter_rows():
            rows.append(cells)
            size += sum(map(len, cells))
        if len(rows) > MAX_ROWS or size > MAX_BYTES:
            raise CodebookError(
                "codebook-table-too-long", path=str(path), most=MAX_ROWS, most_mb=MAX_BYTES >> 20
            )
    return Sheet(table.header, rows)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4096)
    except OSError as error:
        raise from_os_error(error, str(path)) from error
