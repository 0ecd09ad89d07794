"""
A sample as a sheet that a person codes: a workbook with drop-downs and the codebook, or a CSV file.

Every cell is text, and a text that looks like a formula stays one; line breaks stay. Of CSV a spreadsheet
would take such cells for formulas: they get an apostrophe in front.

Source: Microsoft, "Excel specifications and limits" and "DataValidation object": an input message has at
most 255 characters, its title 32. A list that lies in a sheet of its own may have labels of any length, and
with commas.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from rowbatch.core.coding import NOTE, ROW_KEY, CodingJob, context_names
from rowbatch.core.kinds.base import Variable
from rowbatch.core.kinds.choice import ChoiceVariable, Label
from rowbatch.core.kinds.date import DateVariable
from rowbatch.core.kinds.labels import LabelsVariable
from rowbatch.core.kinds.number import NumberVariable
from rowbatch.core.label_list import SEPARATOR
from rowbatch.core.table_options import WriteOptions
from rowbatch.errors import from_os_error
from rowbatch.store.atomic import atomic_path
from rowbatch.tables.base import TableChunk
from rowbatch.tables.excel_writer import ExcelCheck
from rowbatch.tables.writer import TableShape, open_writer

_TEXT_WIDTH, _LABEL_WIDTH, _KEY_WIDTH = 80, 18, 16
_MOST_MESSAGE, _MOST_TITLE = 255, 32
_SEVERAL = {"en": f"Several: a{SEPARATOR}b", "zh": f"可多选 a{SEPARATOR}b"}
_CODEBOOK = ("variable", "question", "value", "definition", "examples")
_CODEBOOK_WIDTHS = (18, 40, 24, 60, 60)


def write_sheet(job: CodingJob, path: Path, *, overwrite: bool) -> None:
    """
    Write a sheet to be coded; `.csv` as text, anything else as a workbook.

    Args:
        job: What is asked.
        path: Of the file.
        overwrite: Whether it may be replaced.
    Raises:
        CannotHold: A text is longer than a cell of Excel may be.
        OutputExists: The file is there.
        StorageError: It cannot be written.
    """
    rows = list(_rows(job))
    header = _header(job)
    shape = TableShape(tuple(header), (), ())
    with atomic_path(path, overwrite=overwrite) as temporary:
        if path.suffix.lower() == ".csv":
            frame = pl.DataFrame(
                {str(at): [row[at] for row in rows] for at in range(len(header))},
                schema={str(at): pl.String for at in range(len(header))},
            )
            options = WriteOptions(bom=True, formula_safe=True)
            with open_writer(temporary, "csv", shape, options) as writer:
                writer.write(TableChunk(1, frame), pl.DataFrame())
        else:
            check = ExcelCheck(path, shape)
            check.require_rows(len(rows))
            for number, row in enumerate(rows, start=1):
                for position, cell in enumerate(row):
                    check.require_text(cell, number, position)
            try:
                _write_workbook(job, temporary, header, rows)
            except OSError as error:
                raise from_os_error(error, str(path)) from error


def _header(job: CodingJob) -> list[str]:
    labels = [one.name for one in job.variables]
    note = NOTE if NOTE not in labels else f"coder_{NOTE}"
    beside = context_names([*job.context, job.text], labels, (ROW_KEY, note))
    return [ROW_KEY, *beside, *labels, note]


def _rows(job: CodingJob) -> Iterator[list[str]]:
    empty = [""] * (len(job.variables) + 1)
    for task in job.tasks:
        yield [task.key, *task.context.values(), task.text, *empty]


def _write_workbook(job: CodingJob, path: Path, header: list[str], rows: list[list[str]]) -> None:
    import xlsxwriter

    book = xlsxwriter.Workbook(
        str(path), {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    )
    bold = book.add_format({"bold": True, "valign": "top", "text_wrap": True})
    text = book.add_format({"text_wrap": True, "valign": "top"})
    # Without it Excel would make a number of `007`, and a date of `1-2`.
    label = book.add_format({"num_format": "@", "valign": "top", "text_wrap": True, "bg_color": "#fff9e5"})
    day = book.add_format({"num_format": "yyyy-mm-dd", "valign": "top", "bg_color": "#fff9e5"})
    number = book.add_format({"valign": "top", "bg_color": "#fff9e5"})
    sheet, codebook, lists = (book.add_worksheet(name) for name in ("texts", "codebook", "lists"))
    lists.hide()
    first = len(header) - len(job.variables) - 1
    for at, name in enumerate(header):
        sheet.write_string(0, at, name, bold)
    for row, cells in enumerate(rows, start=1):
        for at, cell in enumerate(cells[:first]):
            sheet.write_string(row, at, cell, text)
    sheet.set_column(0, 0, _KEY_WIDTH)
    sheet.set_column(1, first - 1, _LABEL_WIDTH)
    sheet.set_column(first - 1, first - 1, _TEXT_WIDTH)
    for at, variable in enumerate(job.variables, start=first):
        form = day if isinstance(variable, DateVariable) else number if _is_number(variable) else label
        sheet.set_column(at, at, _LABEL_WIDTH, form)
        for row in range(1, len(rows) + 1):
            sheet.write_blank(row, at, None, form)
        choices = list(variable.choices)
        for row, choice in enumerate(choices):
            lists.write_string(row, at, choice, label)
        column = _column_name(at)
        said = _validation(job, variable, f"=lists!${column}$1:${column}${len(choices)}")
        if said is not None and rows:
            sheet.data_validation(1, at, len(rows), at, said)
    sheet.set_column(len(header) - 1, len(header) - 1, 2 * _LABEL_WIDTH, label)
    sheet.freeze_panes(1, 1)
    _write_codebook(job, codebook, bold, text)
    book.close()


def _is_number(variable: Variable) -> bool:
    return isinstance(variable, NumberVariable)


def _column_name(at: int) -> str:
    from xlsxwriter.utility import xl_col_to_name

    return str(xl_col_to_name(at))


def _validation(job: CodingJob, variable: Variable, source: str) -> dict[str, Any] | None:
    """What a cell takes, as XlsxWriter wants it; None for any text."""
    says = variable.question or variable.name
    message = {
        "input_title": variable.name[:_MOST_TITLE],
        "input_message": says if len(says) <= _MOST_MESSAGE else f"{says[: _MOST_MESSAGE - 1]}…",
    }
    match variable:
        case ChoiceVariable():
            return {"validate": "list", "source": source, **message}
        case LabelsVariable():
            # Excel's lists take one: any is offered, and several may be written.
            several = f"{says}\n\n{_SEVERAL[job.language]}"
            if len(several) <= _MOST_MESSAGE:
                message["input_message"] = several
            return {"validate": "list", "source": source, "show_error": False, **message}
        case NumberVariable():
            bounds = {"minimum": variable.min, "maximum": variable.max}
            return {
                "validate": "integer" if variable.whole else "decimal",
                **_between(bounds["minimum"], bounds["maximum"], -(10**15), 10**15),
                "show_error": not variable.cant_say,
                **message,
            }
        case DateVariable():
            least = datetime.date.fromisoformat(variable.min) if variable.min else datetime.date(1900, 3, 1)
            most = datetime.date.fromisoformat(variable.max) if variable.max else datetime.date(9999, 12, 31)
            # Days before Excel's calendar are texts there.
            is_open = variable.cant_say or least < datetime.date(1900, 3, 1) or not variable.min
            least = max(least, datetime.date(1900, 3, 1))
            return {
                "validate": "date",
                "criteria": "between",
                "minimum": least,
                "maximum": max(least, most),
                "show_error": not is_open,
                **message,
            }
        case _:
            return None


def _between(least: float | None, most: float | None, lowest: float, highest: float) -> dict[str, Any]:
    return {
        "criteria": "between",
        "minimum": lowest if least is None else least,
        "maximum": highest if most is None else most,
    }


def _write_codebook(job: CodingJob, sheet: Any, bold: Any, text: Any) -> None:
    row = 0
    if job.instructions:
        sheet.merge_range(0, 0, 0, len(_CODEBOOK) - 1, "", text)
        sheet.write_string(0, 0, job.instructions[:32_000], text)
        sheet.set_row(0, 15 * min(20, 1 + len(job.instructions) // 150 + job.instructions.count("\n")))
        row = 2
    for at, (name, width) in enumerate(zip(_CODEBOOK, _CODEBOOK_WIDTHS, strict=True)):
        sheet.write_string(row, at, name, bold)
        sheet.set_column(at, at, width)
    sheet.freeze_panes(row + 1, 0)
    for variable in job.variables:
        for line in _lines(job, variable):
            row += 1
            for at, cell in enumerate(line):
                sheet.write_string(row, at, cell[:32_000], text)


def _lines(job: CodingJob, variable: Variable) -> Iterator[tuple[str, ...]]:
    rule = "\n".join(variable.instructions(job.language)) if not variable.choices else ""
    labels = variable.labels if isinstance(variable, LabelsVariable) else ()
    labels = variable.options if isinstance(variable, ChoiceVariable) else labels
    known = {label.name: label for label in labels}
    first = (variable.name, variable.question or rule)
    if not variable.choices:
        yield (*first, "", "", "")
    for at, choice in enumerate(variable.choices):
        label = known.get(choice) or Label(name=choice)
        beside = first if not at else (variable.name, "")
        yield (*beside, choice, label.definition, "\n".join(label.examples))
