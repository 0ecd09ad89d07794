"""
`distil`: learn a run's labels, and label all rows of a table by what was learned.

Reads the run as `export` does. The table is passed twice, chunk by chunk; what is kept of each row between
these is its label and how sure the student is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from rowbatch.core.added_columns import new_column_names
from rowbatch.core.kinds.base import Variable
from rowbatch.core.label_list import SEPARATOR
from rowbatch.core.run_quality import MODEL, ROW, SURE
from rowbatch.core.states import RowStatus
from rowbatch.core.statistics.acceptance import Acceptance
from rowbatch.core.student.learning import LEAST_ROWS, MOST_ROWS, Learning, learn, learnable, order_of
from rowbatch.core.table_options import WriteOptions
from rowbatch.errors import InputError, RunError, UsageError
from rowbatch.results.answered import AnsweredTable
from rowbatch.results.shard_answers import ResultTally
from rowbatch.store.atomic import atomic_path
from rowbatch.store.distillations import FOLDER
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.student_file import FORMAT, Lesson, digest_of, read_student, write_student
from rowbatch.tables.base import Table, TableChunk, blank_rows
from rowbatch.tables.writer import AddedColumn, TableShape, format_of, open_writer
from rowbatch.words.notice import Notice

if TYPE_CHECKING:
    from collections.abc import Generator

TEXT, OWN = "asked", "own"
_BETWEEN = "\x1f"
_FROM_MODEL, _FROM_STUDENT, _LEFT, _BLANK = range(4)
FROM = ("model", "student", "left", "blank")
"""Where a row's label is from: the model, the student; nobody, since nothing shows it; nobody: no text."""


def text_of(table: Table, columns: Sequence[str]) -> pl.Expr:
    """What a row asks, as one text: its cells of the columns that a request is made of."""
    cells = [pl.col(str(table.column(name))) for name in columns]
    return pl.concat_str(cells, separator=_BETWEEN).alias(TEXT)


def chosen_variable(run: RunDirectory, name: str | None) -> Variable:
    """
    The variable that is to be learned; None means the first that can be.

    Raises:
        UsageError: There is none of that name, or it has no labels, or is not asked of each row.
    """
    codebook = run.plan().question.codebook
    fitting = [one for one in codebook.variables if one.choices and not one.only_if]
    named = [one for one in codebook.variables if name is None or one.name == name]
    found = next((one for one in fitting if name is None or one.name == name), None)
    if found is None:
        raise UsageError(
            "distil-kind",
            variable=name or (named[0].name if named else ""),
            variables=[one.name for one in fitting],
        )
    return found


@dataclass(frozen=True, slots=True)
class Taught:
    """
    What a run says of the rows of its table.

    Attributes:
        columns: Of the table, that a row's text is made of.
        rows: `ROW`, `TEXT`, and in `OWN` the model's value, of each row with an answer.
    """

    columns: tuple[str, ...]
    rows: pl.DataFrame


def read_taught(run: RunDirectory, variable: Variable) -> Taught:
    """
    Read the answers of a run.

    Raises:
        RunError: The table or a raw file was changed since.
    """
    with run.ledger() as ledger:
        shards = ledger.shards()
    answered = AnsweredTable(run, shards, ResultTally())
    place = str(answered.codebook.columns.index(variable.name))
    columns = tuple(answered.plan.question.user.columns)
    parts = []
    with closing(answered.chunks()) as chunks:
        for chunk, answers in chunks:
            frame = answers.select(
                pl.col("row").alias(ROW), pl.col(place).alias(OWN), pl.col("status") == RowStatus.OK.value
            ).hstack(chunk.frame.select(text_of(answered.table, columns)))
            parts.append(frame.filter(pl.col("status") & (pl.col(OWN) != "")).drop("status"))
    return Taught(columns, pl.concat(parts))


def texts_of_rows(table: Table, columns: Sequence[str], rows: Collection[int]) -> dict[int, str]:
    """The texts of some rows of a table, by number."""
    wanted = pl.Series(sorted(rows), dtype=pl.Int64).implode()
    found: dict[int, str] = {}
    with closing(cast("Generator[TableChunk]", table.chunks())) as chunks:
        for chunk in chunks:
            numbers = pl.int_range(chunk.first_row, chunk.first_row + chunk.frame.height, eager=True)
            frame = chunk.frame.select(text_of(table, columns)).with_columns(numbers.alias(ROW))
            found |= dict(frame.filter(pl.col(ROW).is_in(wanted)).select(ROW, TEXT).iter_rows())
    return found


@dataclass(frozen=True, slots=True)
class Learned:
    """
    A student, and what it says of the rows that it learned from.

    Attributes:
        learning: How it came about.
        held_out: Rows with an answer that it was not shown.
        sha256: Of what it was shown.
        is_kept: It was learned earlier, and kept.
        path: Where it is kept.
        taught_by: Name of the run that it was learned from.
        rows: `TEXT`, each once; in `OWN` the model's value; and of these texts what students say that did
            not see them: `MODEL`, `SURE`; null where the student itself did not.
        notes: What a person should know.
        seen: Of texts that it learned from elsewhere, by `digest_of`: their rows in `learning.unseen`.
    """

    learning: Learning
    held_out: int
    sha256: str
    is_kept: bool
    path: Path
    taught_by: str
    rows: pl.DataFrame
    notes: tuple[Notice, ...]
    seen: Mapping[int, int] = field(default_factory=dict)


def learn_run(
    run: RunDirectory, variable: Variable, taught: Taught, people: Collection[str], *, seed: int
) -> Learned:
    """
    Learn a run's labels, or take up what was learned of the same rows before.

    Args:
        run: The run; the student is kept in it.
        variable: Which.
        taught: Its answers.
        people: Texts of rows that people code: what is said of these texts is not learned from.
        seed: Of the parts that are judged apart.
    Raises:
        UsageError: There are too few rows, or labels.
        RunError: The file of a student is damaged.
    """
    labels = _labels_of(variable)
    of_people = pl.Series("people", sorted(people), dtype=pl.String)
    is_held = (
        taught.rows[TEXT].is_in(of_people.implode())
        if len(of_people)
        else pl.repeat(False, taught.rows.height, eager=True)
    )
    own = taught.rows.filter(~is_held)
    held_out = taught.rows.height - own.height
    if own.height > MOST_ROWS:
        order = sorted(range(own.height), key=lambda row: order_of(own[TEXT][row], seed))
        own = own[sorted(order[:MOST_ROWS])]
    texts, values = own[TEXT].to_list(), own[OWN].to_list()
    enough, rare = learnable(values, labels, several=variable.has_several)
    if own.height < LEAST_ROWS:
        raise UsageError("distil-too-few", rows=own.height, held_out=held_out, least=LEAST_ROWS)
    if len(enough) < (1 if variable.has_several else 2):
        raise UsageError("distil-one-label", variable=variable.name, labels=enough, rare=list(rare))
    lesson = lesson_of(run, variable, taught.columns)
    about = [lesson.rules, list(lesson.columns), FORMAT]
    shown = [variable.name, variable.has_several, labels, seed, texts, values, about]
    digest = hashlib.sha256(
        json.dumps(shown, ensure_ascii=False).encode("utf-8", "surrogatepass")
    ).hexdigest()
    path = run.path / FOLDER / f"{digest[:16]}.npz"
    is_kept = path.exists()
    if is_kept:
        learning = read_student(path).learning
    else:
        learning = learn(texts, values, labels, several=variable.has_several, seed=seed)
        path.parent.mkdir(exist_ok=True)
        write_student(path, learning, lesson, texts)
    unseen = learning.unseen
    seen = own.with_columns(
        unseen.values(learning.student).alias(MODEL), pl.Series(SURE, unseen.sure, dtype=pl.Float32)
    )
    others = taught.rows.join(own.select(ROW), on=ROW, how="anti")
    rows = (
        pl.concat([seen, others], how="diagonal")
        .sort(ROW)
        .unique(TEXT, keep="first", maintain_order=True)
        .drop(ROW)
    )
    return Learned(learning, held_out, digest, is_kept, path, run.path.name, rows, _notes_of(learning))


def _labels_of(variable: Variable) -> list[str]:
    return list(dict.fromkeys([*variable.choices, *([variable.cant_say_word] if variable.cant_say else [])]))


def _notes_of(learning: Learning) -> tuple[Notice, ...]:
    notes = []
    if learning.rare:
        rows = sum(learning.rare.values())
        notes.append(Notice("distil-rare", {"labels": list(learning.rare), "rows": rows}))
    if not learning.is_converged:
        notes.append(Notice("distil-not-converged"))
    return tuple(notes)


_HOW_IT_IS_ASKED = frozenset({"examples", "reason", "evidence"})
"""Of a variable: what helps a model, and does not change what a label means."""


def lesson_of(run: RunDirectory, variable: Variable, columns: Sequence[str]) -> Lesson:
    """What a student of a run is taught."""
    rules = variable.model_dump(mode="json")
    own = {name: rule for name, rule in rules.items() if name not in _HOW_IT_IS_ASKED}
    # Equal rules are equal however they are kept.
    return Lesson(run.path.name, variable.name, json.loads(json.dumps(own)), tuple(columns))


def take_student(
    run: RunDirectory, variable: Variable, taught: Taught, people: Collection[str], path: Path
) -> Learned:
    """
    Take up a student that was learned elsewhere or earlier, and kept.

    Args:
        run: Whose question it answers.
        variable: Which.
        taught: The answers of that run: its own rows keep the model's labels.
        people: Texts of rows that people code.
        path: Of the student.
    Raises:
        UsageError: It learned another question, or was taught by other columns.
        InputError: The file is no student, or damaged, or there is none.
        StorageError: It cannot be read.
    """
    try:
        kept = read_student(path)
    except RunError as error:
        # It may be any file of theirs, and is not to be removed.
        raise InputError("student-unreadable", path=str(path)) from error
    here, there = lesson_of(run, variable, taught.columns), kept.lesson
    if there.variable != here.variable:
        raise UsageError(
            "student-of-other-variable", path=str(path), variable=here.variable, other=there.variable
        )
    differ = sorted(
        name for name in {*here.rules, *there.rules} if here.rules.get(name) != there.rules.get(name)
    )
    if differ:
        raise UsageError(
            "student-of-other-rules", path=str(path), variable=here.variable, rules=differ, run=there.run
        )
    if there.columns != here.columns:
        raise UsageError(
            "student-of-other-columns",
            path=str(path),
            columns=list(here.columns),
            others=list(there.columns),
        )
    seen = {digest: row for row, digest in enumerate(kept.texts.tolist())}
    rows = (
        taught.rows.sort(ROW)
        .unique(TEXT, keep="first", maintain_order=True)
        .select(
            TEXT,
            OWN,
            pl.lit(None, dtype=pl.String).alias(MODEL),
            pl.lit(None, dtype=pl.Float32).alias(SURE),
        )
    )
    of_people = sum(digest_of(one) in seen for one in people)
    notes = _notes_of(kept.learning)
    if of_people:
        notes = (*notes, Notice("student-saw-people", {"count": of_people, "rows": len(people)}))
    return Learned(
        kept.learning,
        len(people) - of_people,
        kept.sha256,
        True,
        path,
        there.run,
        rows,
        notes,
        seen,
    )


@dataclass(slots=True)
class TableSaid:
    """
    What is said of each row of a table.

    Attributes:
        table: It.
        names: The values that the student gave, by code.
        codes: The student's value of each row, -1 where it is blank.
        sure: How sure it is.
        own: The model's value of each row that it was asked, as a code of `own_names`, else -1.
        own_names: These.
        found: Rows by text that were looked for.
        known: The share of its words that the student knows, of each row that it did not learn from.
    """

    table: Table
    names: list[str] = field(default_factory=list)
    codes: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    sure: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    own: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    own_names: list[str] = field(default_factory=list)
    found: dict[str, list[int]] = field(default_factory=dict)
    known: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, dtype=np.float32))


def say_of_table(
    table: Table,
    taught: Taught,
    learned: Learned,
    *,
    is_same_table: bool,
    wanted: Collection[str],
    more: Mapping[str, str],
    progress: Callable[[int], None] | None = None,
) -> Iterator[pl.DataFrame | TableSaid]:
    """
    Label all rows of a table, chunk by chunk.

    Args:
        table: It.
        taught: What the run said of its own table.
        learned: By whom.
        is_same_table: It is the run's: answers go with the numbers of rows.
        wanted: Texts whose rows are looked for.
        more: Further columns that are handed on, by how they are called there.
        progress: Told how many rows were read.
    Yields:
        Of the rows with a text `ROW`, the student's value in `MODEL`, `SURE`, the model's own in `OWN`, and
        `more`; at last all that was found.
    """
    reader = learned.learning.student.applied()
    student = learned.learning.student
    said = TableSaid(table)
    numbers: dict[str, int] = {}
    own_numbers: dict[str, int] = {}
    asked = [table.column(name) for name in taught.columns]
    looked = pl.Series("looked", sorted(wanted), dtype=pl.String)
    of_row = taught.rows.select(ROW, pl.col(OWN).alias("of_row")) if is_same_table else None
    codes, sures, owns = [], [], []
    known = [said.known]
    unseen = learned.learning.unseen
    unseen_values = unseen.values(student)
    for chunk in table.chunks():
        height = chunk.frame.height
        frame = chunk.frame.select(
            text_of(table, taught.columns),
            *(pl.col(str(table.column(name))).alias(alias) for alias, name in more.items()),
        ).with_columns(
            pl.int_range(chunk.first_row, chunk.first_row + height, dtype=pl.Int64, eager=True).alias(ROW)
        )
        blank = blank_rows(chunk.frame, asked, table.not_asked)
        frame = frame.join(learned.rows, on=TEXT, how="left", maintain_order="left")
        if of_row is not None:
            frame = frame.join(of_row, on=ROW, how="left", maintain_order="left")
            frame = frame.with_columns(pl.coalesce("of_row", OWN).alias(OWN)).drop("of_row")
        told = reader.read(frame[TEXT])
        if learned.seen:
            rows = pl.Series(
                [learned.seen.get(digest_of(one)) for one in frame[TEXT].to_list()], dtype=pl.Int64
            )
            frame = frame.with_columns(
                unseen_values.gather(rows).alias(MODEL),
                pl.Series(unseen.sure, dtype=pl.Float32).gather(rows).alias(SURE),
            )
        if told.known is not None:
            known.append(told.known[(frame[MODEL].is_null() & ~blank).to_numpy()].astype(np.float32))
        frame = frame.with_columns(
            # A student that learned from a text has no say about it: others do, that did not.
            pl.coalesce(pl.col(MODEL), told.values(student)).alias(MODEL),
            pl.coalesce(pl.col(SURE), pl.Series("s", told.sure, dtype=pl.Float32)).alias(SURE),
        )
        if len(looked):
            hits = frame.filter(pl.col(TEXT).is_in(looked.implode()))
            for text, row in hits.select(TEXT, ROW).iter_rows():
                said.found.setdefault(text, []).append(row)
        codes.append(np.where(blank.to_numpy(), -1, _numbered(frame[MODEL], numbers)).astype(np.int32))
        sures.append(frame[SURE].to_numpy().astype(np.float32))
        owns.append(np.where(blank.to_numpy(), -1, _numbered(frame[OWN], own_numbers)).astype(np.int32))
        if progress is not None:
            progress(chunk.first_row + height - 1)
        yield frame.filter(~blank).select(ROW, MODEL, pl.col(SURE).cast(pl.Float64), OWN, *more)
    said.codes, said.sure, said.own = (np.concatenate(one) for one in (codes, sures, owns))
    said.names, said.own_names = list(numbers), list(own_numbers)
    said.known = np.concatenate(known)
    yield said


def _numbered(values: pl.Series, numbers: dict[str, int]) -> npt.NDArray[np.int64]:
    """Each value as a number, the same one in each chunk; -1 for null."""
    for value in values.drop_nulls().unique(maintain_order=True).to_list():
        numbers.setdefault(value, len(numbers))
    if not numbers:
        return np.full(len(values), -1, dtype=np.int64)
    found = values.replace_strict([*numbers], [*numbers.values()], default=-1, return_dtype=pl.Int64)
    return found.fill_null(-1).to_numpy()


def least_sure_of(acceptance: Acceptance | None) -> dict[str, float]:
    """How sure the student has to be of each label that may be used unseen; others are not there."""
    found: dict[str, float] = {}
    for one in acceptance.labels if acceptance is not None else ():
        if one.verdict == "usable":
            least = one.least_sure or 0.0
            found[one.label] = min(least, found.get(one.label, 1.0))
    return found


def sources_of(
    said: TableSaid, variable: Variable, usable: Mapping[str, float] | None
) -> npt.NDArray[np.int8]:
    """
    Where each row's label is from, see `FROM`.

    Args:
        said: Of the rows.
        variable: Whose labels.
        usable: How sure the student has to be of each label, as `least_sure_of` says; None means that any
            label of it will do.
    """
    found = np.full(len(said.codes), _LEFT, dtype=np.int8)
    if usable is None:
        found[:] = _FROM_STUDENT
    else:
        # Of several labels the least certain one decides.
        never = 2.0
        least = [
            max(
                usable.get(label, never)
                for label in (name.split(SEPARATOR) if variable.has_several else [name])
            )
            for name in said.names
        ]
        needed = np.array([*least, never])[said.codes]
        found[said.sure.astype(np.float64) >= needed] = _FROM_STUDENT
    found[said.own >= 0] = _FROM_MODEL
    found[said.codes < 0] = _BLANK
    return found


@dataclass(frozen=True, slots=True)
class Written:
    """
    What was written.

    Attributes:
        columns: Names of the added columns.
        formulas: Cells that were marked, because a spreadsheet would take them for formulas.
    """

    columns: tuple[str, ...]
    formulas: int


def write_distilled(
    said: TableSaid,
    sources: npt.NDArray[np.int8],
    variable: Variable,
    output: Path,
    *,
    rest: Path | None = None,
    writing: WriteOptions | None = None,
    overwrite: bool = False,
) -> Written:
    """
    Write all rows of a table with their labels, and those that are left apart once more.

    Every row comes once, in order, with all its cells. Files get their names when both are whole.

    Args:
        said: Of the rows.
        sources: Where each row's label is from.
        variable: Whose labels.
        output: The table; its ending says the format.
        rest: A table of the rows that are left, with their numbers; None for none.
        writing: How.
        overwrite: Whether files may be replaced.
    Raises:
        OutputExists, StorageError: A file cannot be written.
        UsageError, CannotHold: The format cannot hold it.
    """
    table = said.table
    wanted = (
        variable.name,
        f"{variable.name}_from",
        f"{variable.name}_student",
        f"{variable.name}_sure",
        "row_of_table",
    )
    label, source, student, sure, number = new_column_names(table.header, wanted)[:5]
    known = () if variable.has_several else tuple(_labels_of(variable))
    question = variable.question or variable.name
    added = [
        AddedColumn(label, question, known),
        AddedColumn(source, f"Where {variable.name} is from", FROM),
        AddedColumn(student, f"{variable.name}, as a student of the model's labels has it", known),
        AddedColumn(sure, "How sure the student is (0 to 1)", dtype=pl.Float64()),
    ]
    names = pl.Series([*said.names, ""], dtype=pl.String)
    own_names = pl.Series([*said.own_names, ""], dtype=pl.String)
    kinds = pl.Series(FROM, dtype=pl.String)
    shape = TableShape.of(table, added)
    with (
        atomic_path(output, overwrite=overwrite) as temporary,
        open_writer(temporary, format_of(output), shape, writing) as writer,
    ):
        for chunk in table.chunks():
            part = slice(chunk.first_row - 1, chunk.first_row - 1 + chunk.frame.height)
            of_student = names.gather(_last(said.codes[part], len(said.names)))
            of_model = own_names.gather(_last(said.own[part], len(said.own_names)))
            kind = sources[part]
            is_student = pl.Series(kind == _FROM_STUDENT)
            is_model = pl.Series(kind == _FROM_MODEL)
            empty = pl.repeat("", len(kind), eager=True, dtype=pl.String)
            writer.write(
                chunk,
                pl.DataFrame(
                    [
                        of_model.zip_with(is_model, of_student.zip_with(is_student, empty)).alias(label),
                        kinds.gather(pl.Series(kind.astype(np.int64))).alias(source),
                        of_student.alias(student),
                        pl.Series(
                            sure,
                            np.where(kind == _BLANK, np.nan, np.round(said.sure[part].astype(np.float64), 4)),
                            nan_to_null=True,
                        ),
                    ]
                ),
            )
    formulas = writer.formulas
    if rest is not None:
        shape = TableShape.of(
            table, [AddedColumn(number, "Number of the row in the table", dtype=pl.Int64())]
        )
        with (
            atomic_path(rest, overwrite=overwrite) as temporary,
            open_writer(temporary, format_of(rest), shape, writing) as writer,
        ):
            for chunk in table.chunks():
                first = chunk.first_row - 1
                is_left = pl.Series(sources[first : first + chunk.frame.height] == _LEFT)
                if is_left.any():
                    numbers = pl.Series(number, is_left.arg_true().cast(pl.Int64) + chunk.first_row)
                    writer.write(chunk.part(is_left), numbers.to_frame())
    return Written((label, source, student, sure), formulas)


def _last(codes: npt.NDArray[np.int32], count: int) -> pl.Series:
    """Codes as places in a list whose last entry is for nothing."""
    return pl.Series(np.where(codes < 0, count, codes).astype(np.int64))


def count_sources(sources: npt.NDArray[np.int8]) -> dict[str, int]:
    """How many rows have their label from where."""
    counts = np.bincount(sources, minlength=len(FROM))
    return dict(zip(FROM, counts.tolist(), strict=True))


def count_labels(said: TableSaid) -> dict[str, int]:
    """How often the student gives each value."""
    counts = np.bincount(said.codes[said.codes >= 0], minlength=len(said.names))
    return {name: int(count) for name, count in zip(said.names, counts, strict=True)}
