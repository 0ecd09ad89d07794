"""What an output does not keep of what a file of Stata, SPSS or SAS knows: said before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rowbatch.tables.base import ColumnInfo
from rowbatch.tables.statistics_limits import (
    SPSS_LABEL_BYTES,
    SPSS_VALUE_LABEL_BYTES,
    STATA_LABEL_CHARS,
    is_letter,
)
from rowbatch.tables.writer import TableShape
from rowbatch.words.notice import Notice


def losses(shape: TableShape, output: Path) -> Iterator[Notice]:
    """
    What an output of this name will not have.

    Args:
        shape: Of the table that is written.
        output: Where it goes; its ending says the format.
    """
    suffix, name = output.suffix.lower(), output.name
    columns = list(zip(shape.header, shape.columns, strict=False))
    if suffix == ".sav":
        yield from _letters(columns, name)
        yield from _long_labels(shape, name, program="SPSS", most=SPSS_LABEL_BYTES)
        long = [
            column
            for column, labels in _value_labels(shape)
            if any(len(label.encode()) > SPSS_VALUE_LABEL_BYTES for label in labels)
        ]
        if long:
            yield Notice(
                "note-value-labels-cut",
                {"columns": long, "count": len(long), "most": SPSS_VALUE_LABEL_BYTES, "output": name},
            )
        return
    if suffix == ".dta":
        yield from _long_labels(shape, name, program="Stata", most=STATA_LABEL_CHARS)
        missing = [column for column, info in columns if info.missing_ranges]
        on_texts = [column for column, info in columns if any(_is_text(value) for value in info.value_labels)]
        on_digits = [
            column
            for position, (column, info) in enumerate(columns)
            if info.value_labels
            and shape.is_text
            and position not in shape.numbers
            and column not in on_texts
        ]
        if on_digits:
            values = {"columns": on_digits, "count": len(on_digits), "output": name}
            yield Notice("note-digit-labels-not-kept", values)
        if missing:
            values = {"columns": missing, "count": len(missing), "output": name}
            yield Notice("note-missing-not-kept", values)
        if on_texts:
            yield Notice(
                "note-text-labels-not-kept", {"columns": on_texts, "count": len(on_texts), "output": name}
            )
        return
    labelled = sum(bool(info.label or info.value_labels) for _, info in columns)
    missing_count = sum(bool(info.missing_ranges) for _, info in columns)
    if labelled or missing_count:
        yield Notice("note-labels-not-kept", {"count": labelled, "missing": missing_count, "output": name})


def _letters(columns: Sequence[tuple[str, ColumnInfo]], output: str) -> Iterator[Notice]:
    """Missing values of Stata that have labels."""
    for column, info in columns:
        letters = [f".{value}" for value in sorted(filter(is_letter, map(str, info.value_labels)))]
        if letters and (info.format or info.storage).startswith("stata:"):
            yield Notice("note-letters-lost", {"letters": letters, "output": output, "column": column})


def _long_labels(shape: TableShape, output: str, *, program: str, most: int) -> Iterator[Notice]:
    """
    Labels of variables that are longer than the program keeps: it counts bytes (SPSS) or characters (Stata).
    """
    labels = [
        *zip(shape.header, (info.label for info in shape.columns), strict=False),
        *((column.name, column.label) for column in shape.added),
    ]
    long = [name for name, label in labels if len(label if program == "Stata" else label.encode()) > most]
    if long:
        values = {"columns": long, "count": len(long), "most": most, "program": program, "output": output}
        yield Notice("note-labels-cut", values)


def _value_labels(shape: TableShape) -> Iterator[tuple[str, list[str]]]:
    for name, info in zip(shape.header, shape.columns, strict=False):
        yield name, list(info.value_labels.values())
    for column in shape.added:
        yield column.name, list(column.labels)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not is_letter(value)
