"""What the lines of result files say, read through the codebook: flat columns, a row for each line."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from rowbatch.core.answer import FORGIVEN, AnswerReader
from rowbatch.core.codebook import Codebook
from rowbatch.core.confidence import BASES, BASIS_COLUMN, CONFIDENCE, NO_BASIS, Measured, column_of, measured
from rowbatch.core.plan import ROW_PREFIX
from rowbatch.core.result_columns import Extra, ResultFrame
from rowbatch.core.states import RowStatus
from rowbatch.results.files import result_frames

EXTRAS: tuple[Extra, ...] = ("model", "usage", "usage_details", "cause")
"""What is wanted of a result besides its text."""
TOLD = "told"
"""Column with the status that the result itself tells, before anybody knew the codebook."""
_ROW_ID = rf"\A{ROW_PREFIX}([0-9]{{1,15}})\z"
COUNTS = ("prompt_tokens", "cached_tokens", "cache_write_tokens", "completion_tokens")
"""Columns with tokens, as the provider counted them."""


@dataclass(frozen=True, slots=True)
class Lines:
    """
    Lines of result files, in order.

    Attributes:
        frame: `row` (0 for an id that is no row's); the values in "0", "1", …; `status`, `status_reason`,
            `raw_answer`, `FORGIVEN` and `model`, texts, never null; `TOLD`; `cause`, and tokens as the
            provider counted them, null where it does not tell. Where confidence is wanted: for each value
            that has one `column_of`, null where it is not known; and `BASIS_COLUMN`, a text, "" where all
            are null.
        unreadable: Lines that are no results.
    """

    frame: pl.DataFrame
    unreadable: int


class LineReader:
    """
    Read the results of one run.

    Args:
        answers: Reads through the run's codebook; None when the answers are embeddings: then "0" holds lists
            of 32-bit floats, or null where there is none.
        confidence: Also read how sure the model was of each value, by the probabilities of its tokens.
    """

    def __init__(self, answers: AnswerReader | None, *, confidence: bool = False) -> None:
        self._answers = answers
        self._measured: tuple[Measured, ...] = ()
        if confidence and answers is not None:
            self._measured = measured(answers.codebook)

    @property
    def is_for_embeddings(self) -> bool:
        """Whether the values are embeddings."""
        return self._answers is None

    @property
    def codebook(self) -> Codebook | None:
        """By which answers are read; None for embeddings."""
        return None if self._answers is None else self._answers.codebook

    @property
    def kind(self) -> str:
        """What it reads by, in a text that is another one for another codebook."""
        if self._answers is None:
            return "embeddings"
        return self._answers.codebook.model_dump_json() + (" with confidence" if self._measured else "")

    @property
    def nothing(self) -> pl.DataFrame:
        """A frame of no lines."""
        width = 1 if self._answers is None else self._answers.width
        texts = ["status", "status_reason", "raw_answer", FORGIVEN, "model", TOLD, "cause"]
        schema: dict[str, Any] = {"row": pl.Int64, **dict.fromkeys(map(str, range(width)), pl.String)}
        schema |= dict.fromkeys(texts, pl.String) | dict.fromkeys(COUNTS, pl.Int64)
        if self._answers is None:
            schema["0"] = pl.List(pl.Float32)
        if self._measured:
            schema |= {column_of(one.place): pl.Float64 for one in self._measured}
            schema[BASIS_COLUMN] = pl.String
        return pl.DataFrame(schema=schema)

    def parts(self, paths: Sequence[Path], *, processes: int | None = None) -> Generator[tuple[Path, Lines]]:
        """
        Read result files, some thousand lines at a time, in order.

        Args:
            paths: In OpenAI's form.
            processes: As in `result_frames`.
        Raises:
            InputError: A file is not there.
        """
        for path, part in result_frames(paths, EXTRAS, processes=processes, measured=self._measured):
            yield path, self.lines(part)

    def lines(self, part: ResultFrame) -> Lines:
        """Lines that were decoded, with `EXTRAS`."""
        frame = part.frame
        if not frame.height:
            return Lines(self.nothing, len(part.unreadable))
        read = self._embeddings(frame) if self._answers is None else self._answers.read_frame(frame)
        return Lines(
            read.select(
                row_of_id(frame["custom_id"]),
                pl.all(),
                frame["model"].fill_null(""),
                frame["status"].alias(TOLD),
                *(frame[name] for name in ("cause", *COUNTS)),
                *self._confidences(frame, read),
            ),
            len(part.unreadable),
        )

    def _confidences(self, frame: pl.DataFrame, read: pl.DataFrame) -> list[pl.Series]:
        """
        How sure the model was of the values that were read.

        Of an answer that cannot be used nobody asks it, nor of what the model said where it does not apply.
        """
        if not self._measured:
            return []
        is_ok = read["status"] == RowStatus.OK.value
        nothing = pl.Series([None], dtype=pl.Float64)
        sure = [
            frame[column_of(one.place)].zip_with(is_ok & (read[str(one.place)] != ""), nothing)
            for one in self._measured
        ]
        is_known = pl.select(pl.any_horizontal(one.is_not_null() for one in sure)).to_series()
        basis = frame[BASIS_COLUMN].replace_strict(range(len(BASES)), list(BASES), return_dtype=pl.String)
        none = pl.Series([BASES[NO_BASIS]])
        return [*sure, basis.zip_with(is_known, none)]

    @staticmethod
    def _embeddings(frame: pl.DataFrame) -> pl.DataFrame:
        if "embedding" not in frame:
            frame = frame.with_columns(pl.lit(None, pl.List(pl.Float32)).alias("embedding"))
        read = frame.select(
            pl.col("embedding").alias("0"),
            "status",
            "status_reason",
            pl.col("content").alias("raw_answer"),
            pl.lit("").alias(FORGIVEN),
        )
        return judged_embeddings(read, None)


def judged_embeddings(lines: pl.DataFrame, size: int | None) -> pl.DataFrame:
    """
    The same lines; an answer without a usable embedding is invalid.

    Args:
        lines: "0", `status`, `status_reason`.
        size: Dimensions that an embedding has to have; None means any.
    """
    dimensions = pl.col("0").list.len()
    is_right = (dimensions.is_not_null() if size is None else dimensions == size).fill_null(False)
    is_wrong = (pl.col("status") == RowStatus.OK.value) & ~is_right
    return lines.with_columns(
        pl.when(is_wrong).then(pl.lit(RowStatus.INVALID.value)).otherwise("status").alias("status"),
        pl.when(is_wrong)
        .then(pl.lit("no embedding, or one of another size than the first"))
        .otherwise("status_reason")
        .alias("status_reason"),
        pl.when(is_right).then("0").alias("0"),
    )


def count_without_confidence(answers: pl.DataFrame, values: Sequence[str]) -> int:
    """How many of some usable answers have one of some values without its confidence, though it has one."""
    asked = [name for name in values if f"{CONFIDENCE}{name}" in answers.columns]
    if not asked:
        return 0
    unknown = (pl.col(f"{CONFIDENCE}{name}").is_null() & (pl.col(name).fill_null("") != "") for name in asked)
    return int(answers.select(pl.any_horizontal(unknown).sum()).item())


def row_of_id(ids: pl.Series) -> pl.Series:
    """The row that a custom_id stands for; 0 for an id that is no row's."""
    return ids.str.extract(_ROW_ID, 1).cast(pl.Int64).fill_null(0).alias("row")
