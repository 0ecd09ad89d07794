"""
Cells that a spreadsheet would run, and the mark that makes them texts.

A spreadsheet takes a cell for a formula when it begins with a sign of one. Where a cell begins depends on who
opens the file: a German Excel cuts a CSV file at `;` and looks at no quotation marks in the middle of what it
takes for a cell, others cut at tabs, or are told to look at no quotation marks at all. So each place in a
text where a cell could begin counts, and not its first character alone.
"""

from __future__ import annotations

import polars as pl

# Where a cell could begin: at the beginning, after what may separate cells, and after what may end a row.
_BEGIN = r"\A|[,;|\t\r\n\x0b\x0c\u{85}\u{2028}\u{2029}]"
# What a program may pass over before it looks: spaces, quotation marks, characters that show nothing.
_BETWEEN = (
    r'[ "\x00-\x08\x0e-\x1f\x7f-\u{84}\u{86}-\u{a0}\u{ad}\u{1680}'
    r"\u{2000}-\u{2027}\u{202a}-\u{206f}\u{3000}\u{feff}]*"
)
# Source: OWASP, "CSV Injection"; the wide ones are taken for these in East Asian versions of Excel. An
# apostrophe before one is marked too, so that taking one away gives every text back.
_SIGNS = r"[=+\-@\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}]"
_SIGN = rf"'*{_SIGNS}"
# A tab is passed over by some programs; it begins a cell where something else separates them.
_BEFORE_TAB, _TAB = r"\A|[,;|\r\n]", r"'*\t"
_LINE_END = r"'*[\r\n]"
# Digits with what may stand between them: nothing that could call or name anything.
_NUMBER = r"\A *[+-]?[0-9.,]*[0-9][0-9.,]*(?:[eE][+-]?[0-9]+)? *\z"

_MARKS = (
    (_BEGIN, _SIGN),
    (_BEFORE_TAB, _TAB),
    (r"\A", _LINE_END),
)


def looks_like_formula(cell: pl.Expr) -> pl.Expr:
    """Whether a spreadsheet, in whatever language, would take a text or a part of it for a formula."""
    found = "|".join(f"(?:{begin}){_BETWEEN}{sign}" for begin, sign in _MARKS)
    return cell.str.contains(found) & ~cell.str.contains(_NUMBER)


def mark_formulas(frame: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """
    Put an apostrophe before each sign that would begin a formula.

    A cell that is a number stays one. Taking an apostrophe away wherever one stands at such a place before
    such a sign gives the cells back as they were; see "Out" in docs/reference/tables.md.

    Args:
        frame: Texts; null stays null.
    Returns:
        The texts, and how many of them were changed.
    """
    if not frame.width or not frame.height:
        return frame, 0
    # Most cells have neither a sign nor a tab or end of line, and that is seen four times as fast.
    masks = frame.select(_may_look_like_formula(pl.all()).fill_null(value=False))
    columns, changed = [], 0
    for column, mask in zip(frame.get_columns(), masks.get_columns(), strict=True):
        at = mask.arg_true()
        cells = column.gather(at)
        found = cells.to_frame().select(looks_like_formula(pl.first())).to_series()
        if not found.any():
            columns.append(column)
            continue
        marked = cells.filter(found)
        for begin, sign in _MARKS:
            marked = marked.str.replace_all(f"({begin})({_BETWEEN})({sign})", "${1}${2}'${3}")
        columns.append(column.scatter(at.filter(found), marked))
        changed += len(marked)
    return pl.DataFrame(columns), changed


def _may_look_like_formula(cell: pl.Expr) -> pl.Expr:
    """Whether a text has any of what `_MARKS` ends with."""
    return cell.str.contains(_SIGNS) | cell.str.contains(r"[\t\r\n]")
