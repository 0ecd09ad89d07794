"""Tables for spreadsheets: nothing in them runs, wherever it is opened, and the texts can be had back."""

import csv
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cases import cases
from rowbatch.cli.app import app
from rowbatch.core.table_options import WriteOptions
from rowbatch.errors import UsageError
from rowbatch.tables.base import TableChunk
from rowbatch.tables.formats import open_table
from rowbatch.tables.formulas import mark_formulas
from rowbatch.tables.writer import TableShape, format_of, open_writer

SAFE = WriteOptions(bom=True, formula_safe=True)
SAFE_TSV = WriteOptions(formula_safe=True)
SEPARATORS = ",;\t|"
_NUMBER = re.compile(r" *[+-]?[0-9.,]*[0-9][0-9.,]*([eE][+-]?[0-9]+)? *\Z")
# A number behind which another cell of the same row goes on: no formula has a text directly behind a number.
_NUMBER_AND_TEXT = re.compile(r'[+-][0-9.,]*[0-9][0-9.,]*([eE][+-]?[0-9]+)? *"?[,\t]"')


def written(path, header, rows, options):
    """Write texts as a table; returns it, and how many cells were marked."""
    frame = pl.DataFrame(
        {str(at): [row[at] for row in rows] for at in range(len(header))},
        schema=dict.fromkeys(map(str, range(len(header))), pl.String),
    )
    with open_writer(path, format_of(path), TableShape(header, (), ()), options) as writer:
        writer.write(TableChunk(1, frame), pl.DataFrame())
    return path.read_bytes().decode("utf-8-sig"), writer.formulas


def would_run(cell):
    """Whether a spreadsheet, however it cut the file, would take this for a formula."""
    seen = cell.lstrip(' "\n\u00a0\u3000\ufeff\u200b\0')
    if not seen or _NUMBER.match(seen.rstrip('"')) or _NUMBER_AND_TEXT.match(seen):
        return False
    return seen[0] in "=+-@＝＋－＠" or cell[:1] in "\t\r"


def cells_however_cut(text):
    """Each cell that some program could see in a file, with its separator and whether it looks at quotes."""
    for separator in SEPARATORS:
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, quoting=quoting):
                yield from ((separator, quoting, cell) for cell in row)


DANGEROUS = [
    *(f"{sign}1+1" for sign in "=+-@＝＋－＠"),
    *(f"x{separator}=1+1{separator}y" for separator in (*SEPARATORS, "\n", "\r\n", "\r")),
    *(f"x{separator} =1+1" for separator in SEPARATORS),
    *(f'x{separator}"=1+1"' for separator in SEPARATORS),
    "x; \u00a0\"'=1+1",
    'x";=1+1;"y',
    "\t=1+1",
    "x;\t=1+1",
    "\r=1+1",
    " =1+1",
    '"=1+1"',
    "\u200b=1+1",
    "=cmd|' /C calc'!A0",
    "x;@SUM(1+1)*cmd|' /C calc'!A0",
    "-1+cmd|' /C calc'!A0",
    "x;-5",
    "-5;x,y",
    "3*cmd|' /C calc'!A0",
    "'=1+1",
    "{=1+1}",
]
NUMBERS = [
    "-5",
    "+5",
    "-1,5",
    "-1.5",
    "1e-5",
    "-1.5E+10",
    "-1,234.50",
    "-1.234,50",
    " -5",
    "2024-01-05",
    "-.5",
]


@pytest.mark.parametrize(("ending", "options"), [(".csv", SAFE), (".tsv", SAFE_TSV)])
@pytest.mark.parametrize("bad", DANGEROUS)
def test_no_cell_runs_wherever_the_file_is_cut(tmp_path, bad, ending, options):
    """
    With each separator that a country has, with and without quotation marks, in the header and in each place
    of a row, beside numbers and other texts: no cell begins a formula.
    """
    rows = [(bad, "x", "-5"), ("-5", bad, "-1,5"), ("x;", "-5", bad), (bad, bad, bad), ("-5", "", "+5")]
    text, count = written(tmp_path / f"t{ending}", (bad, f"-5;{bad}", "c"), rows, options)
    assert [found for found in cells_however_cut(text) if would_run(found[2])] == []
    assert count in (0, 1, 8)


def test_what_is_judged_dangerous_is():
    """
    The judge of these tests finds each of the dangers where nothing is marked.
    """
    harmless = {"x; \u00a0\"'=1+1", "3*cmd|' /C calc'!A0", "'=1+1", "{=1+1}"}
    for bad in DANGEROUS:
        text = io.StringIO(newline="")
        csv.writer(text).writerow(["a", bad, "b"])
        found = [found for found in cells_however_cut(text.getvalue()) if would_run(found[2])]
        assert bool(found) == (bad not in harmless), bad


@settings(max_examples=cases(150, 3_000), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(*[st.text(alphabet="=+-@;,|\t\r\n\"' \u00a0＝1.5ex('", max_size=9)] * 3),
        min_size=1,
        max_size=4,
    )
)
def test_no_cell_runs_whatever_stands_in_it(tmp_path, rows):
    """
    The same for texts made of nothing but separators, signs and digits; and every text can be had back.
    """
    path = tmp_path / "t.csv"
    path.unlink(missing_ok=True)
    text, _ = written(path, ("a", "b", "c"), rows, SAFE)
    assert [found for found in cells_however_cut(text) if would_run(found[2])] == []
    found = list(csv.reader(io.StringIO(text, newline="")))[1:]
    assert [tuple(map(without_marks, row)) for row in found] == rows


def without_marks(cell):
    """As the docs say it, by the lines of Python that stand there."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "tables.md").read_text(encoding="utf-8")
    program = page.split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {}
    exec(program, names)
    return names["as_it_was"](cell)


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_stay_numbers(tmp_path, number):
    """
    A number that has a sign, and a date, is as it was, and is not counted.
    """
    text, count = written(tmp_path / "t.csv", ("a", "b"), [(number, "x"), ("x", number)], SAFE)
    assert list(csv.reader(io.StringIO(text)))[1:] == [[number, "x"], ["x", number]]
    assert count == 0


def test_an_exact_copy_is_exact(tmp_path):
    """
    Where nothing is said about spreadsheets, every cell is as it was.
    """
    rows = [(text, "x") for text in [*DANGEROUS, *NUMBERS]]
    text, count = written(tmp_path / "t.csv", ("=1", "b"), rows, None)
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["=1", "b"], *map(list, rows)]
    assert count == 0


def test_what_is_marked_is_counted_by_cells():
    """
    A cell with several places counts once; cells of columns without any stay the same object.
    """
    frame = pl.DataFrame({"0": ["=1;=2;=3", "x", "y;@z"], "1": ["a", "b", "c"], "2": ["-5", "=x", None]})
    marked, count = mark_formulas(frame)
    assert marked.columns == ["0", "1", "2"]
    assert marked.rows() == [("'=1;'=2;'=3", "a", "-5"), ("x", "b", "'=x"), ("y;'@z", "c", None)]
    assert count == 3
    assert mark_formulas(pl.DataFrame())[1] == 0


def test_a_workbook_has_texts_only(tmp_path):
    """
    xlsxwriter 3.3 `write_string`: what begins like a formula, an array formula, an address of the web or a
    number is a string cell; the sheet has no formula and no link, of which a sheet holds 65,530.
    """
    texts = [
        *DANGEROUS,
        *NUMBERS,
        "http://example.org",
        "mailto:a@example.org",
        "internal:Sheet1!A1",
        "{=A1}",
        "0",
    ]
    path = tmp_path / "t.xlsx"
    frame = pl.DataFrame({"0": texts, "1": texts})
    with open_writer(path, "xlsx", TableShape(("=1+1", "http://example.org"), (), ()), SAFE_TSV) as writer:
        writer.write(TableChunk(1, frame), pl.DataFrame())
    with zipfile.ZipFile(path) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
        assert not [name for name in parts.namelist() if "rels" in name and "worksheets" in name]
    assert "<f>" not in sheet
    assert "<f " not in sheet
    assert "hyperlink" not in sheet
    assert set(re.findall(r'<c [^>]*?t="(\w+)"', sheet)) == {"inlineStr"}
    assert sheet.count("<c ") == sheet.count('t="inlineStr"') == 2 * (len(texts) + 1)
    found = [row for chunk in open_table(path).chunks() for row in chunk.frame.rows()]
    assert found == [(text, text) for text in texts]


def test_the_command_line_says_how_many_cells_are_marked(tmp_path):
    """
    `extract --excel-safe` marks what models answered, and counts it; a TSV file is marked as well, and other
    formats refuse to be.
    """
    lines = [
        {
            "custom_id": f"row-{number}",
            "response": {"status_code": 200, "body": {"choices": [{"message": {"content": text}}]}},
        }
        for number, text in enumerate(["=1+1", "x;@y", "plain", "-5"], start=1)
    ]
    results = tmp_path / "results.jsonl"
    results.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for name, separator in (("a.csv", ","), ("a.tsv", "\t")):
        said = CliRunner().invoke(app, ["extract", str(results), "-o", str(tmp_path / name), "--excel-safe"])
        assert said.exit_code == 0, said.output
        assert "2 cells that a spreadsheet would take for a formula, marked" in said.output
        rows = list(csv.reader(io.StringIO((tmp_path / name).read_text()), delimiter=separator))
        assert [row[rows[0].index("content")] for row in rows[1:]] == ["'=1+1", "x;'@y", "plain", "-5"]
    refused = CliRunner().invoke(
        app,
        ["extract", str(results), "-o", str(tmp_path / "a.parquet"), "--excel-safe"],
        standalone_mode=False,
    )
    assert isinstance(refused.exception, UsageError)
