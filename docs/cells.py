"""
The page of cells: what each kind of cell is in each format, as it is read, and as it comes out in every
    other.

Files are made by other programs' libraries (openpyxl, pyreadstat, polars, msgspec) or by hand; what a cell
shows is written down here by hand, and a test compares. What comes out is read back from the file that was
written.
"""

from __future__ import annotations

import datetime
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pyreadstat

from rowbatch.errors import RowbatchError
from rowbatch.programs.opening import open_table
from rowbatch.tables.writer import TableShape, format_of, open_writer

DOCS = Path(__file__).parent
PAGE = DOCS / "reference" / "cells.md"
sys.path.insert(0, str(DOCS.parent / "tests"))
import r_files  # noqa: E402

OUTPUTS = (".csv", ".xlsx", ".dta", ".sav", ".parquet", ".jsonl")
BESIDE = "n.s."
"""The text that stands beside a cell, in the second column of the page."""


@dataclass(frozen=True, slots=True)
class Kind:
    """
    A kind of cell.

    Attributes:
        name: In words.
        cell: As the writer of the format takes it.
        shown: What a person sees in the program, by the rule of docs/reference/tables.md.
        form: The display format, where the program has some.
        beside: Whether the format has columns in which a text stands beside it.
    """

    name: str
    cell: Any
    shown: str
    form: str = ""
    beside: bool = True


@dataclass(frozen=True, slots=True)
class Format:
    """
    A format: how files of it are written, and its kinds of cells.

    Attributes:
        title: Of its table on the page.
        suffix: Of its files.
        write: Writes a column of cells with a format.
        kinds: Its cells.
    """

    title: str
    suffix: str
    write: Callable[[Path, Sequence[Any], str], None]
    kinds: tuple[Kind, ...]


def _csv(path: Path, cells: Sequence[Any], form: str) -> None:
    del form
    quoted = ('"' + str(cell).replace('"', '""') + '"' for cell in cells)
    path.write_text("v,k\r\n" + "".join(f"{cell},x\r\n" for cell in quoted), encoding="utf-8", newline="")


def _json_lines(path: Path, cells: Sequence[Any], form: str) -> None:
    del form
    path.write_text("".join(f'{{"v":{cell},"k":"x"}}\n' for cell in cells), encoding="utf-8")


def _xlsx(path: Path, cells: Sequence[Any], form: str) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row, value in enumerate(["v", *cells], start=1):
        cell = sheet.cell(row, 1, value)
        if form and row == 2:
            cell.number_format = form
        sheet.cell(row, 2, "k" if row == 1 else "x")
    book.save(path)


_ODS = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0" '
    'office:version="1.3">'
    '<office:body><office:spreadsheet><table:table table:name="S">{}</table:table></office:spreadsheet>'
    "</office:body></office:document-content>"
)


def _ods(path: Path, cells: Sequence[Any], form: str) -> None:
    del form
    plain = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    made = [cell if cell.startswith("<") else plain.format(cell) for cell in ("v", *cells)]
    rows = "".join(f"<table:table-row>{cell}{plain.format('k')}</table:table-row>" for cell in made)
    manifest = '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", manifest)
        archive.writestr("content.xml", _ODS.format(rows))


def _dta(path: Path, cells: Sequence[Any], form: str) -> None:
    letters = sorted({cell for cell in cells if isinstance(cell, str) and len(cell) == 1})
    values = pl.Series(cells, dtype=pl.Object) if letters else pl.Series(cells, strict=False)
    pyreadstat.write_dta(
        pl.DataFrame({"v": values, "k": ["x"] * len(cells)}),
        str(path),
        variable_format={"v": form} if form else {},
        missing_user_values={"v": letters} if letters else {},
    )


def _sav(path: Path, cells: Sequence[Any], form: str) -> None:
    frame = pl.DataFrame({"v": pl.Series(cells, strict=False), "k": ["x"] * len(cells)})
    pyreadstat.write_sav(frame, str(path), variable_format={"v": form} if form else {})


def _parquet(path: Path, cells: Sequence[Any], form: str) -> None:
    kinds: dict[str, pl.DataType] = {
        "float32": pl.Float32(),
        "decimal": pl.Decimal(10, 2),
        "binary": pl.Binary(),
    }
    pl.DataFrame({"v": pl.Series(cells, dtype=kinds.get(form)), "k": ["x"] * len(cells)}).write_parquet(path)


def _rds(path: Path, cells: Sequence[Any], form: str) -> None:
    del form
    column = cells[0](len(cells))
    frame = r_files.frame({"v": column, "k": r_files.texts(*["x"] * len(cells))}, rows=len(cells))
    path.write_bytes(r_files.saved(frame))


def _error(text: str) -> str:
    return (
        '<table:table-cell office:value-type="string" office:string-value="" calcext:value-type="error">'
        f"<text:p>{text}</text:p></table:table-cell>"
    )


def _value(kind: str, value: str) -> str:
    name = {"date": "date-value", "time": "time-value", "boolean": "boolean-value"}.get(kind, "value")
    return (
        f'<table:table-cell office:value-type="{kind}" office:{name}="{value}"><text:p>shown</text:p>'
        "</table:table-cell>"
    )


# As the programs have it, of no zone.
_MOMENT = datetime.datetime.fromisoformat("2020-01-02T03:04:05")
_FACTOR: dict[str, Any] = {"levels": r_files.texts("no", "yes"), "class": r_files.texts("factor")}
_WORDS = ("NA", "N/A", "null", "None", "nan", "<NA>")
FORMATS = (
    Format(
        "CSV",
        ".csv",
        _csv,
        (
            *(Kind("a word for nothing", word, word) for word in _WORDS[:2]),
            Kind("a code", "007", "007"),
            Kind("a number as it is spelt", "1.50", "1.50"),
            Kind("a large number", "1e5", "1e5"),
            Kind("a text with a line break", "a\nb", "a\nb"),
            Kind("blanks", " ", " "),
        ),
    ),
    Format(
        "JSON lines",
        ".jsonl",
        _json_lines,
        (
            Kind("a text", '"007"', "007", beside=False),
            Kind("a whole number", "12345678901234567890", "12345678901234567890", beside=False),
            Kind("a number as it is spelt", "1.50", "1.50", beside=False),
            Kind("true", "true", "true", beside=False),
            Kind("null", "null", "", beside=False),
            Kind("Python's NaN", "NaN", "NaN", beside=False),
            Kind("a list", '["a", 1]', '["a", 1]', beside=False),
        ),
    ),
    Format(
        "Excel",
        ".xlsx",
        _xlsx,
        (
            *(Kind("a word for nothing", word, word) for word in _WORDS),
            Kind("a whole number", 7, "7"),
            Kind("a small number", 2.2e-16, "2.2e-16"),
            Kind("a number of many digits", 3.14159265358979, "3.14159265358979"),
            Kind("true", True, "TRUE"),
            Kind("a day", datetime.date(2020, 1, 2), "2020-01-02"),
            Kind("a moment", _MOMENT, "2020-01-02T03:04:05"),
            Kind("a time of day", datetime.time(13, 45), "13:45:00"),
            Kind("a duration", datetime.timedelta(hours=30, minutes=15), "30:15:00", "[h]:mm:ss"),
            Kind("a time below 0", -0.5, "-0.5", "h:mm"),
            Kind("29 February 1900", 60, "1900-02-29", "yyyy-mm-dd"),
            Kind("an error", "#N/A", "#N/A"),
            Kind("a text like a number", "007", "007"),
        ),
    ),
    Format(
        "OpenDocument",
        ".ods",
        _ods,
        (
            Kind("a word for nothing", "NA", "NA"),
            Kind("a number", _value("float", "0.5"), "0.5"),
            Kind("a percentage", _value("percentage", "0.5"), "0.5"),
            Kind("true", _value("boolean", "true"), "TRUE"),
            Kind("a day", _value("date", "2020-01-02"), "2020-01-02"),
            Kind("a time of day", _value("time", "PT13H45M00S"), "13:45:00"),
            Kind("a duration", _value("time", "PT30H15M00S"), "30:15:00"),
            Kind("an error", _error("#DIV/0!"), "#DIV/0!"),
        ),
    ),
    Format(
        "Stata",
        ".dta",
        _dta,
        (
            Kind("a number", 0.1, "0.1", beside=False),
            Kind("a missing value", None, "", beside=False),
            Kind("a missing value `.a`", "a", "", beside=False),
            Kind("a day (`%tdDD/NN/CCYY`)", 21915.0, "2020-01-01", "%tdDD/NN/CCYY", beside=False),
            Kind("a day of no calendar (`%td`)", 99999999.0, "99999999", "%td", beside=False),
            Kind("a moment (`%tc`)", 1893501296000.0, "2020-01-01T12:34:56", "%tc", beside=False),
            Kind(
                "a moment shown as a time (`%tcHH:MM:SS`)",
                1893501296000.0,
                "2020-01-01T12:34:56",
                "%tcHH:MM:SS",
                beside=False,
            ),
            Kind("a month (`%tm`)", 720.0, "2020-01", "%tm", beside=False),
            Kind("a quarter (`%tq`)", 240.0, "2020Q1", "%tq", beside=False),
            Kind("a text", "some text", "some text", beside=False),
        ),
    ),
    Format(
        "SPSS",
        ".sav",
        _sav,
        (
            Kind("a number", 0.1, "0.1", beside=False),
            Kind("a missing value", None, "", beside=False),
            Kind("a day (`DATE11`)", 13797129600.0, "2019-12-31", "DATE11", beside=False),
            Kind("a month (`MOYR8`)", 13797129600.0, "2019-12", "MOYR8", beside=False),
            Kind("a time (`TIME8`)", 3600.0, "01:00:00", "TIME8", beside=False),
            Kind("a time of more than a day (`TIME8`)", 108000.0, "30:00:00", "TIME8", beside=False),
            Kind("a text", "some text", "some text", beside=False),
        ),
    ),
    Format(
        "R",
        ".rds",
        _rds,
        (
            Kind("a number", lambda n: r_files.doubles(*[0.1] * n), "0.1", beside=False),
            Kind("NA", lambda n: r_files.wholes(*[None] * n), "", beside=False),
            Kind("TRUE", lambda n: r_files.wholes(*[1] * n, kind=10), "true", beside=False),
            Kind(
                "a factor",
                lambda n: r_files.wholes(*[2] * n, **_FACTOR),
                "yes",
                beside=False,
            ),
            Kind(
                "a day",
                lambda n: r_files.doubles(*[18262.0] * n, **{"class": r_files.texts("Date")}),
                "2020-01-01",
                beside=False,
            ),
        ),
    ),
    Format(
        "Parquet",
        ".parquet",
        _parquet,
        (
            Kind("a whole number", 2**60, str(2**60), beside=False),
            Kind("a float of 32 bits", 0.1, "0.1", "float32", beside=False),
            Kind("infinity", float("inf"), "inf", beside=False),
            Kind("a decimal", 1.1, "1.1", "decimal", beside=False),
            Kind("true", True, "true", beside=False),
            Kind("a day", datetime.date(2020, 1, 2), "2020-01-02", beside=False),
            Kind("a moment", _MOMENT, "2020-01-02T03:04:05", beside=False),
            Kind("a time of day", datetime.time(13, 45), "13:45:00", beside=False),
            Kind("a list", [1, 2], "[1, 2]", beside=False),
            Kind("bytes", b"ab", "ab", "binary", beside=False),
        ),
    ),
)

_HEAD = """\
# Cells

<!-- Generated by docs/cells.py, which writes, reads and writes these cells: `make docs`. -->

What a cell of each kind is when it is read (*in*), when a text stands in the same column, and when the table
is written in each format and read again. Files are made by openpyxl, pyreadstat, polars or by hand. `·` is
the empty cell; "refused" means that it is said before anything is sent. What a program does not have (true
and false in Stata and SPSS, types in CSV) comes out as what it has.
"""


def read_texts(path: Path) -> list[str]:
    """The first column of a file, as texts."""
    return [text for chunk in open_table(path).chunks() for text in chunk.frame["0"]]


def cells_in(form: Format, kind: Kind, folder: Path) -> Iterator[str]:
    """What a cell is alone, and beside a text where there can be one."""
    path = folder / f"in{form.suffix}"
    form.write(path, [kind.cell], kind.form)
    yield read_texts(path)[0]
    if kind.beside:
        form.write(path, [kind.cell, BESIDE], kind.form)
        yield read_texts(path)[0]


def cell_out(form: Format, kind: Kind, suffix: str, folder: Path) -> str:
    """What a cell is when the table was written in a format, and read again."""
    path, out = folder / f"in{form.suffix}", folder / f"out{suffix}"
    form.write(path, [kind.cell], kind.form)
    table = open_table(path)
    try:
        with open_writer(out, format_of(out), TableShape.of(table, [])) as writer:
            for chunk in table.chunks():
                writer.write(chunk, pl.DataFrame())
    except RowbatchError:
        return "refused"
    return read_texts(out)[0]


def page() -> str:
    """The page."""
    parts = [_HEAD]
    with tempfile.TemporaryDirectory(prefix="rowbatch-") as place:
        folder = Path(place)
        for form in FORMATS:
            head = ("", "in", "beside a text", *OUTPUTS)
            lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
            for kind in form.kinds:
                found = [*cells_in(form, kind, folder)]
                found += [] if kind.beside else [""]
                found += [cell_out(form, kind, suffix, folder) for suffix in OUTPUTS]
                shown = [kind.name, *(_told(text, at) for at, text in enumerate(found))]
                lines.append(f"| {' | '.join(shown)} |")
            parts.append(f"## {form.title}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def _told(text: str, at: int) -> str:
    if text == "refused":
        return text
    if not text:
        return "" if at == 1 else "·"
    return (
        "`" + text.replace("\n", "⏎").replace(" ", "␣" if not text.strip() else " ").replace("|", "\\|") + "`"
    )
