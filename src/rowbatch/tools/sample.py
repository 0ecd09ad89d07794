"""
`sample`: draw rows of a table at random, and write them for people to code.

What a model answered is never among them: coders are blind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, assert_never, cast

import polars as pl

from rowbatch.core.coding import CodingJob, CodingTask, row_key
from rowbatch.core.document import Shown
from rowbatch.core.drawing import SIMPLE, drawn
from rowbatch.core.kinds.base import Variable
from rowbatch.errors import UsageError
from rowbatch.tables.base import Table, TableChunk, blank_rows
from rowbatch.tools.coding_sheet import write_sheet
from rowbatch.tools.doccano_tasks import write_doccano
from rowbatch.tools.label_studio_tasks import write_label_studio
from rowbatch.words.notice import Notice

if TYPE_CHECKING:
    from collections.abc import Generator

    from rowbatch.core.codebook import Codebook

SampleForm = Literal["sheet", "label-studio", "doccano"]
ENDINGS: Mapping[SampleForm, tuple[str, ...]] = {
    "sheet": (".xlsx", ".csv"),
    "label-studio": (".json",),
    "doccano": (".jsonl",),
}
"""How a file for each of them is called at its end."""


@dataclass(frozen=True, slots=True)
class Draw:
    """
    How rows are drawn.

    Attributes:
        rows: How many are written.
        seed: Another one draws other rows; the same one always the same.
        after: So many that are drawn first are left out: they were written before.
        design: `simple`: each row with a text is as likely as any other.
    """

    rows: int
    seed: int = 1
    after: int = 0
    design: str = SIMPLE


@dataclass(frozen=True, slots=True, repr=False)
class SampleReport(Shown):
    """
    What was drawn and written.

    Attributes:
        path: The file to be coded.
        config: Beside it, what the program is to be told; None where there is nothing.
        form: For whom it is.
        rows: Drawn and written.
        of_rows: Rows of the table that have a text; these could be drawn.
        without_text: Rows of the table that have none.
        draw: How.
        variables: What is asked.
        notes: What a person should know of the table.
    """

    path: Path
    config: Path | None
    form: SampleForm
    rows: int
    of_rows: int
    without_text: int
    draw: Draw
    variables: tuple[str, ...]
    notes: tuple[Notice, ...] = ()


def write_sample(
    table: Table,
    text: str,
    codebook: Codebook,
    path: Path,
    *,
    form: SampleForm,
    draw: Draw,
    variables: Sequence[str] = (),
    context: Sequence[str] = (),
    overwrite: bool = False,
) -> SampleReport:
    """
    Draw rows and write them.

    Args:
        table: Whose rows.
        text: Column with the text.
        codebook: What is asked.
        path: Where to.
        form: For whom.
        draw: How.
        variables: Only these of the codebook; none means all.
        context: Columns that stand beside the text.
        overwrite: Whether a file may be replaced.
    Raises:
        UsageError: There is no such column or variable, there are fewer rows, or the name of the file does
        not fit.
        CannotHold: A text or a variable has no place in the form.
        OutputExists: The file is there.
    """
    require_ending(path, form)
    asked = variables_of(codebook, variables)
    place = table.column(text)
    beside = {name: table.column(name) for name in context}
    have_text, without_text = rows_with_text(table, [place])
    numbers = drawn(have_text, draw.after + draw.rows, draw.seed, draw.design)[draw.after :]
    if len(numbers) < draw.rows:
        raise UsageError("sample-too-few-rows", rows=draw.rows, left=len(numbers), of=len(have_text))
    tasks = tasks_of(table, numbers, place, beside)
    job = CodingJob(
        [tasks[number] for number in numbers], asked, text, codebook.instructions, codebook.language
    )
    config = write_job(job, path, form, overwrite=overwrite)
    return SampleReport(
        path=path,
        config=config,
        form=form,
        rows=len(numbers),
        of_rows=len(have_text),
        without_text=without_text,
        draw=draw,
        variables=tuple(one.name for one in asked),
        notes=tuple(table.notes),
    )


def require_ending(path: Path, form: SampleForm) -> None:
    """
    Make sure that a file is called as one for this form is.

    Raises:
        UsageError: It is not.
    """
    if path.suffix.lower() not in ENDINGS[form]:
        raise UsageError("sample-ending", path=str(path), form=form, endings=list(ENDINGS[form]))


def write_job(job: CodingJob, path: Path, form: SampleForm, *, overwrite: bool) -> Path | None:
    """
    Write what people are asked, in a form.

    Args:
        job: It.
        path: Of the file.
        form: For whom.
        overwrite: Whether a file may be replaced.
    Returns:
        The file beside it with what the program is to be told; None where there is none.
    Raises:
        CannotHold: A text or a variable has no place in the form.
        OutputExists: The file is there.
    """
    match form:
        case "sheet":
            write_sheet(job, path, overwrite=overwrite)
            return None
        case "label-studio":
            return write_label_studio(job, path, overwrite=overwrite)
        case "doccano":
            return write_doccano(job, path, overwrite=overwrite)
        case _:
            assert_never(form)


def variables_of(codebook: Codebook, names: Sequence[str]) -> tuple[Variable, ...]:
    """The variables that people are asked: without what comes with them, as reasons."""
    known = codebook.variables or codebook.answers
    for name in names:
        if all(one.name != name for one in known):
            raise UsageError("sample-no-variable", name=name, names=[one.name for one in known])
    return tuple(one for one in known if not names or one.name in names)


def chunks_of(table: Table) -> Generator[TableChunk]:
    return cast("Generator[TableChunk]", table.chunks())


def rows_with_text(table: Table, places: list[int]) -> tuple[pl.Series, int]:
    """Numbers of the rows that have a text in one of some columns, and how many have none."""
    found: list[pl.Series] = []
    without_text = 0
    with closing(chunks_of(table)) as chunks:
        for chunk in chunks:
            blank = blank_rows(chunk.frame, places, table.not_asked)
            rows = pl.int_range(chunk.first_row, chunk.first_row + chunk.frame.height, eager=True)
            found.append(rows.filter(~blank))
            without_text += int(blank.sum())
    return pl.concat(found), without_text


def rows_at(table: Table, numbers: Sequence[int], places: Iterable[tuple[str, int]]) -> pl.DataFrame:
    """
    Some rows of a table, in its order.

    Args:
        table: Which.
        numbers: Of the rows, from 1; each is there.
        places: Columns that are wanted: what they are called, and their positions.
    """
    wanted = pl.Series(numbers, dtype=pl.Int64).sort()
    columns = [pl.col(str(place)).alias(name) for name, place in places]
    found = []
    with closing(chunks_of(table)) as chunks:
        for chunk in chunks:
            here = wanted.filter(
                wanted.is_between(chunk.first_row, chunk.first_row + chunk.frame.height, closed="left")
            )
            found.append(chunk.frame[(here - chunk.first_row).to_list()].select(columns))
    return pl.concat(found)


def tasks_of(
    table: Table, numbers: Sequence[int], place: int, beside: Mapping[str, int]
) -> dict[int, CodingTask]:
    wanted = pl.Series(numbers, dtype=pl.Int64)
    found: dict[int, CodingTask] = {}
    with closing(chunks_of(table)) as chunks:
        for chunk in chunks:
            frame = chunk.frame.with_row_index("row", offset=chunk.first_row)
            for row in frame.filter(pl.col("row").is_in(wanted.implode())).iter_rows(named=True):
                text = row[str(place)]
                context = {name: row[str(at)] for name, at in beside.items()}
                found[row["row"]] = CodingTask(row_key(row["row"], text), text, context)
    return found
