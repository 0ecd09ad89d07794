"""Result files become a pile of answers, by row number or in the order of their lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import polars as pl

from rowbatch.core.forms import count_forgiven
from rowbatch.core.packed import ENTRY, NO_ID, NO_OBJECT_ENTRY, PackedForm, packed_form, unpacked
from rowbatch.core.result_columns import Extra, ResultFrame
from rowbatch.core.states import RowStatus
from rowbatch.errors import InputError
from rowbatch.results.extract_report import MOST_SHOWN, ExtractReport, note_unknown
from rowbatch.results.files import by_row_number, result_frames
from rowbatch.results.rows_by_number import RowsByNumber
from rowbatch.results.workers import ResultWorkers

_NO_IDS = pl.Series("custom_id", [], dtype=pl.String)
# Answers that show how all are packed.
_LOOKED_AT = 500
_NO_NUMBERS = pl.Series("number", [], dtype=pl.Int64)


class Unpacking(NamedTuple):
    """
    An answer is a list of entries, each for a row of its own.

    Attributes:
        id_field: The field of an entry that is its id; None means found out.
        list_field: The field of an answer that is the list; None means found out.
    """

    id_field: str | None = None
    list_field: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """
    What was read.

    Attributes:
        prefix: The commonest one.
        prefix_code: Its number.
        lowest, highest: The lowest and the highest number with it, or None.
        numbers: All of them.
        lines: How many results have it.
        prefixes: All that there are.
        choices: The largest number of further choices of a result.
        embedding_sizes: Different numbers of dimensions.
        has_content: Some result has a text.
        ids: The different ids, where they were to be kept.
    """

    prefix: str
    prefix_code: int
    lowest: int | None
    highest: int | None
    numbers: pl.Series
    lines: int
    prefixes: tuple[str, ...]
    choices: int
    embedding_sizes: frozenset[int]
    has_content: bool
    ids: pl.Series


class PileReader:
    """
    Read result files into `answers`: by row number, or numbered in the order of the lines.

    Args:
        answers: Where they go.
        report: What was read.
        extras, as_json: As `result_frames`.
        by_row: By the number at the end of `custom_id`.
        keeps_ids: In the order of the lines, for somebody who looks at the ids then.
        unpacking: An answer is a list of entries, each a result of its own; None where it is not.
        workers: Processes that were started before.
    """

    def __init__(
        self,
        answers: RowsByNumber,
        report: ExtractReport,
        extras: Sequence[Extra],
        *,
        as_json: bool,
        by_row: bool,
        keeps_ids: bool = False,
        unpacking: Unpacking | None = None,
        workers: ResultWorkers | None = None,
    ) -> None:
        self._answers, self._report, self._extras = answers, report, extras
        self._as_json = as_json and unpacking is None
        self._unpacking = unpacking
        self._form: PackedForm | None = None
        self._rows = 0
        self._by_row, self._keeps_ids = by_row, keeps_ids
        self._workers = workers
        self._codes: dict[str, int] = {}
        self._ids: list[pl.DataFrame] = []
        self._choices = 0
        self._embedding_sizes: set[int] = set()
        self._has_content = False

    def read(self, paths: Sequence[Path]) -> Found:
        parts = result_frames(
            paths,
            self._extras,
            as_json=self._as_json,
            by_row=self._by_row and self._unpacking is None,
            any_provider=True,
            workers=self._workers,
        )
        for path, part in parts:
            self.take(path, part)
        _require_results(paths, self._report)
        return self.found()

    def take(self, path: Path, part: ResultFrame) -> None:
        """Take what was read of a file."""
        report = self._report
        report.unreadable_lines += len(part.unreadable)
        shown = MOST_SHOWN - len(report.unreadable)
        report.unreadable += [(path, number, why) for number, why in part.unreadable[:shown]]
        report.results += part.frame.height
        frame = self._unpacked(part.frame) if self._unpacking else part.frame
        if frame.height:
            self._add(frame)
            self._rows += frame.height

    def found(self) -> Found:
        """What was taken."""
        if not self._by_row:
            if not self._keeps_ids:
                self._count_repeated()
            return self._found("", 0, _NO_NUMBERS, ())
        return self._commonest()

    def _add(self, frame: pl.DataFrame) -> None:
        if "forgiven" in frame:
            self._report.forgiven.update(count_forgiven(frame["forgiven"]))
            frame = frame.drop("forgiven")
        self._has_content = self._has_content or bool((frame["content"] != "").any())
        if "choices" in frame:
            self._choices = max(self._choices, int(frame["choices"].list.len().max() or 0))  # type: ignore[arg-type]
        if "embedding" in frame:
            self._embedding_sizes.update(frame["embedding"].list.len().drop_nulls().unique().to_list())
        if self._by_row:
            frame = self._numbered(frame)
        else:
            # Every line is kept here, also a repeated one: which one is right is the reader's to say.
            first = self._rows
            self._ids.append(frame.select("custom_id") if self._keeps_ids else _fingerprints(frame))
            frame = frame.with_columns(
                pl.int_range(first, first + frame.height, dtype=pl.Int64).alias("number")
            )
        if frame.height:
            self._answers.add(frame)

    def _unpacked(self, frame: pl.DataFrame) -> pl.DataFrame:
        """A row for each entry; beside a table only those that have an id of their own."""
        assert self._unpacking is not None
        if not frame.height:
            return frame
        if self._form is None:
            good = frame.filter(pl.col("status") == RowStatus.OK.value)["content"]
            if len(good):
                id_field, list_field = self._unpacking
                sample = good.head(_LOOKED_AT).to_list()
                self._form = packed_form(sample, id_field=id_field, list_field=list_field)
        entries = unpacked(frame, self._form or PackedForm("", ""))
        if not self._by_row and not self._keeps_ids:
            return entries
        has_own_id = entries[ENTRY].is_not_null() & ~entries["status_reason"].is_in((NO_ID, NO_OBJECT_ENTRY))
        others = entries.filter(~has_own_id)
        # Whose rows they were nobody can say.
        note_unknown(self._report, "", others["custom_id"])
        self._report.reasons.update(others["status_reason"].to_list())
        entries = entries.filter(has_own_id)
        return by_row_number(entries) if self._by_row and entries.height else entries

    def _numbered(self, frame: pl.DataFrame) -> pl.DataFrame:
        if "custom_id" in frame:
            is_strange = frame["number"].is_null()
            note_unknown(self._report, "", frame["custom_id"].filter(is_strange))
            frame = frame.drop("custom_id").filter(~is_strange)
        prefixes = frame["prefix"].unique(maintain_order=True).to_list()
        for prefix in prefixes:
            self._codes.setdefault(prefix, len(self._codes))
        codes = pl.Series([self._codes[prefix] for prefix in prefixes], dtype=pl.UInt32)
        code = (
            codes.new_from_index(0, frame.height)
            if len(prefixes) == 1
            else frame["prefix"].replace_strict(prefixes, codes, return_dtype=pl.UInt32)
        )
        frame = frame.with_columns(code.alias("prefix"))
        self._ids.append(frame.select("prefix", "number"))
        return frame

    def _commonest(self) -> Found:
        """Of two experiments in one pile the larger one: nobody's answer goes to another's row."""
        if not self._codes:
            return self._found("", 0, _NO_NUMBERS, ())
        ids = pl.concat(self._ids)
        names = list(self._codes)
        commonest = 0
        if len(names) > 1:
            once = ids.unique(maintain_order=True)
            counts = once.group_by("prefix").len().rows()
            # Of equally common ones always the same, however the files were cut into parts.
            commonest = min(counts, key=lambda found: (-found[1], names[found[0]]))[0]
            for code, number in once.filter(pl.col("prefix") != commonest).iter_rows():
                note_unknown(self._report, names[code], pl.Series([number]))
            ids = ids.filter(pl.col("prefix") == commonest)
        return self._found(names[commonest], commonest, ids["number"], tuple(names))

    def _count_repeated(self) -> None:
        if not self._ids:
            return
        ids = pl.concat(self._ids)
        if ids["id"].n_unique() == ids.height:
            return
        counts = ids.group_by("id").agg(
            pl.len().alias("lines"), (pl.col("answer") != pl.col("answer").first()).sum().alias("differing")
        )
        self._report.repeated_ids = int((counts["lines"] - 1).sum())
        self._report.differing_ids = int(counts["differing"].sum())

    def _found(self, prefix: str, code: int, numbers: pl.Series, prefixes: tuple[str, ...]) -> Found:
        ids = pl.concat(self._ids)["custom_id"] if self._keeps_ids and self._ids else _NO_IDS
        self._ids.clear()
        lowest, highest = numbers.min(), numbers.max()
        return Found(
            prefix=prefix,
            prefix_code=code,
            lowest=lowest if isinstance(lowest, int) else None,
            highest=highest if isinstance(highest, int) else None,
            numbers=numbers,
            lines=len(numbers),
            prefixes=prefixes,
            choices=self._choices,
            embedding_sizes=frozenset(self._embedding_sizes),
            has_content=self._has_content,
            ids=ids.unique(maintain_order=True),
        )


def _fingerprints(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        pl.col("custom_id").hash().alias("id"),
        pl.struct("content", "status", "status_reason").hash().alias("answer"),
    )


def _require_results(paths: Sequence[Path], report: ExtractReport) -> None:
    if report.results == 0 and report.unreadable_lines:
        path, line, why = report.unreadable[0]
        raise InputError("no-results", lines=report.unreadable_lines, path=str(path), line=line, told=why)
    if report.results == 0 and len(paths) == 1:
        raise InputError("file-empty", path=str(paths[0]))
