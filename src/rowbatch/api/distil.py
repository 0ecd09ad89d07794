"""A small student of a run's labels, for all other rows of a table; its errors by what people coded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from rowbatch.api.quality import RunEstimand, corrected, require_part, require_share
from rowbatch.core.distillation import Counts, Distillation, Teaching
from rowbatch.core.kinds.base import Variable
from rowbatch.core.label_list import SEPARATOR
from rowbatch.core.plan import Source
from rowbatch.core.run_quality import MODEL, ROW, Judging
from rowbatch.core.statistics.corrected import LEAST_FOR_SHARES, CorrectedEstimates
from rowbatch.core.statistics.figures import Figure, Resampling, share_figure
from rowbatch.core.student.learning import FEW_ROWS, Unlike, unlike
from rowbatch.core.table_options import PLAIN, ReadOptions, WriteOptions
from rowbatch.errors import UsageError
from rowbatch.objects.address import require_here
from rowbatch.requests.pipeline import open_source
from rowbatch.results.coded import CodedRun, extra, set_of_run
from rowbatch.steps.distil import (
    OWN,
    TEXT,
    Learned,
    TableSaid,
    Taught,
    chosen_variable,
    count_labels,
    count_sources,
    learn_run,
    least_sure_of,
    read_taught,
    say_of_table,
    sources_of,
    take_student,
    texts_of_rows,
    write_distilled,
)
from rowbatch.store.atomic import require_free
from rowbatch.store.coding_sets import CodingFolder, find_set, now
from rowbatch.store.copies import local_path
from rowbatch.store.distillations import keep_distillation
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.sources import digest_source, size_of_source
from rowbatch.tables.base import Table
from rowbatch.tables.formats import open_table
from rowbatch.tables.writer import format_of
from rowbatch.words.notice import Notice

if TYPE_CHECKING:
    from rowbatch.api.hooks import Hooks
    from rowbatch.api.runs import Run

# So far from the middle, a random part of a table is once in three million times.
_FAR = 5.0
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Wish:
    """
    What is wanted of a distillation.

    Attributes:
        estimand: Which numbers.
        judging: How labels are judged.
        output: The table that is written; None means `distilled.csv` in the run.
        rest: A table of the rows that are left; None for none.
        coding_set: Its folder, its id or its name; None means the only one of the table, or of the run's.
        variable: Of the codebook; None means the first that can be learned.
        part, with_seen: As in `Run.validate`.
        all_labels: Labels of which nothing is shown are written, too.
        seed: Of the parts that students are judged by.
        writing: How tables are written.
        overwrite: Whether they may be replaced.
        student: The file of one that was learned earlier; None means that it is learned from the run.
    """

    estimand: RunEstimand
    judging: Judging
    output: Path | None = None
    rest: Path | None = None
    coding_set: str | Path | None = None
    variable: str | None = None
    part: str | None = None
    with_seen: bool = False
    all_labels: bool = False
    seed: int = 1
    writing: WriteOptions | None = None
    overwrite: bool = False
    student: Path | None = None


def distil_run(
    run: Run,
    table: str | Path | None,
    wish: Wish,
    reading: ReadOptions | None = None,
    hooks: Hooks | None = None,
    *,
    shown_as: str = "",
) -> Distillation:
    """
    Learn a run's labels, and label a table by what was learned; see `Run.distil`.

    Args:
        run: The run.
        table: The table; None means the run's own, of which not all rows were asked.
        wish: What is wanted.
        reading: How the table is read.
        hooks: Told how many rows were read.
        shown_as: What people call the table, where that is not the name of its file.
    """
    require_share("wanted", wish.judging.wanted)
    require_share("certainty", wish.judging.certainty)
    directory = RunDirectory(run.path)
    variable = chosen_variable(directory, wish.variable)
    output = require_here(wish.output or run.path / "distilled.csv")
    files = [output, *([wish.rest] if wish.rest is not None else [])]
    for file in files:
        format_of(file)
        require_free(require_here(file), overwrite=wish.overwrite)
    run.build()
    own = run.plan.source
    source = own if table is None else replace(_source_of(table, reading), name=shown_as)
    opened = open_source(source, run.path) if source.sha256 == own.sha256 else _open(source)
    for file in files:
        if file.exists() and any(one.exists() and file.samefile(one) for one in (opened.path, own.path)):
            raise UsageError("distil-onto-table", path=str(file))
    if len(files) == 2 and files[0].absolute() == files[1].absolute():
        raise UsageError("distil-onto-table", path=str(files[1]))
    folder = _set_of(run, source, wish, variable)
    taught = read_taught(directory, variable)
    people: dict[int, str] = {}
    if folder is not None:
        place = opened if folder.plan.source.sha256 == source.sha256 else open_source(own, run.path)
        people = texts_of_rows(place, taught.columns, {one.row for one in folder.rows()})
    if hooks is not None and hooks.stage is not None:
        hooks.stage("distil")
    texts = set(people.values())
    if wish.student is None:
        learned = learn_run(directory, variable, taught, texts, seed=wish.seed)
    else:
        learned = take_student(directory, variable, taught, texts, local_path(wish.student))
    job = _Job(run, source, opened, variable, wish, taught, learned, hooks)
    return job.distil(folder, people, output)


def _open(source: Source) -> Table:
    return open_table(source.path, source.reading)


def _source_of(table: str | Path, reading: ReadOptions | None) -> Source:
    path = local_path(table)
    opened = open_table(path, reading)
    program = opened.reading.program or PLAIN
    path = opened.path.resolve()
    return Source(
        path=path,
        sha256=digest_source(path, program),
        size_bytes=size_of_source(path, program),
        reading=replace(opened.reading, program=program),
        encoding_guessed=opened.guessed_encoding,
    )


def _set_of(run: Run, source: Source, wish: Wish, variable: Variable) -> CodingFolder | None:
    """
    The coding set that is meant; None where nothing has to be shown, and there is none.

    Raises:
        UsageError: There is none, or several; or it is of another table.
    """
    own = run.plan.source
    if wish.coding_set is not None:
        folder = find_set(wish.coding_set)
        if folder.plan.source.sha256 not in (source.sha256, own.sha256):
            raise UsageError(
                "quality-set-of-other-table",
                name=folder.plan.name,
                table=folder.plan.source.shown_name,
                other=source.shown_name,
            )
        return folder
    for one in dict.fromkeys([source.sha256, own.sha256]):
        try:
            return set_of_run(
                replace(run.plan, source=source if one == source.sha256 else own), variable.name
            )
        except UsageError as error:
            if error.kind not in ("coding-set-none", "coding-set-not-coded"):
                raise
    if wish.all_labels:
        return None
    raise UsageError("distil-without-people", table=source.shown_name, variable=variable.name)


@dataclass(frozen=True, slots=True)
class _Job:
    """A distillation, once the student has learned."""

    run: Run
    source: Source
    table: Table
    variable: Variable
    wish: Wish
    taught: Taught
    learned: Learned
    hooks: Hooks | None

    def distil(self, folder: CodingFolder | None, people: Mapping[int, str], output: Path) -> Distillation:
        wish, variable, learned = self.wish, self.variable, self.learned
        coded = None if folder is None else self._coded(folder)
        is_inside = folder is not None and folder.plan.source.sha256 != self.source.sha256
        more = {extra(name): name for name in wish.estimand.columns}
        if coded is not None and not is_inside:
            more |= dict(coded.needed(wish.estimand.columns).table)
        elif coded is not None:
            _require_simple(coded)
        of_run = set(self.taught.rows[TEXT].to_list()) if is_inside else set()
        wanted = {*people.values(), *of_run} if is_inside else set()
        frames, said = self._said(wanted, more)
        if not (said.own < 0)[said.codes >= 0].any():
            raise UsageError("distil-nothing-left", table=self.source.shown_name)
        notes = [*learned.notes]
        if learned.learning.rows < FEW_ROWS:
            notes.append(Notice("distil-few", {"rows": learned.learning.rows, "enough": FEW_ROWS}))
        quality = right = estimates = of_model = of_student = None
        if coded is None:
            notes.insert(0, Notice("distil-unshown"))
        else:
            if is_inside:
                coded = _moved(coded, people, said)
                self._require_by_chance(said, of_run)
                population = pl.concat(frames)
            else:
                population = coded.population(frames, self.table.not_asked)
            quality = coded.judged(population, wish.judging)
            notes += quality.notes
            right = _model_right(coded, population, wish.judging.resampling, variable)
            estimates = self._estimates(coded, population, notes)
            of_model, of_student = self._of_asked(coded, population)
            if of_model is not None:
                notes.append(
                    Notice("distil-of-model", {"rows": of_model.rows, "labelled": of_model.labelled})
                )
        if said.own.max(initial=-1) < 0 and wish.student is None:
            notes.append(Notice("distil-none-of-table", {"table": self.source.shown_name}))
        looks = unlike(learned.learning, said.known)
        if looks is not None and looks.is_so:
            notes.append(
                Notice(
                    "distil-unlike",
                    {
                        "table": self.source.shown_name,
                        "share": f"{looks.share:.0%}",
                        "expected": f"{looks.expected:.0%}",
                    },
                )
            )
        usable = None if wish.all_labels else least_sure_of(None if quality is None else quality.acceptance)
        sources = sources_of(said, variable, usable)
        counts = count_sources(sources)
        # A table without rows is none.
        rest = wish.rest if counts["left"] else None
        written = write_distilled(
            said,
            sources,
            variable,
            output,
            rest=rest,
            writing=wish.writing,
            overwrite=wish.overwrite,
        )
        found = Distillation(
            run=self.run.path.name,
            table=self.source.shown_name,
            variable=variable.name,
            output=output,
            rest=rest,
            columns=written.columns,
            teaching=self._teaching(looks),
            counts=Counts(
                rows=len(sources),
                blank=counts["blank"],
                of_model=counts["model"],
                of_student=counts["student"],
                left=counts["left"],
                by_label=count_labels(said),
            ),
            is_all=wish.all_labels,
            quality=quality,
            model_right=right,
            estimates=estimates,
            of_model=of_model,
            of_student=of_student,
            saved=self.run.repair_cost(counts["student"]),
            to_pay=self.run.repair_cost(counts["left"]),
            notes=tuple(dict.fromkeys(notes)),
        )
        note = {"at": now(), "table_sha256": self.source.sha256, **found.to_plain()}
        name = f"{learned.sha256[:16]}-{self.source.sha256[:8]}"
        keep_distillation(self.run.path, name, note)
        return found

    def _said(self, wanted: set[str], more: Mapping[str, str]) -> tuple[list[pl.DataFrame], TableSaid]:
        """What is said of each row with a text, and of all rows."""
        *frames, said = say_of_table(
            self.table,
            self.taught,
            self.learned,
            is_same_table=self.source.sha256 == self.run.plan.source.sha256,
            wanted=wanted,
            more=more,
            progress=self.hooks.rows if self.hooks else None,
        )
        assert isinstance(said, TableSaid)
        return [one for one in frames if isinstance(one, pl.DataFrame)], said

    def _coded(self, folder: CodingFolder) -> CodedRun:
        """What people coded, beside what the student says."""
        own, wish = self.run.plan.source, self.wish
        is_of_table = folder.plan.source.sha256 == self.source.sha256
        header = self.table.header if is_of_table else self.run.header
        return CodedRun(
            replace(self.run.plan, source=self.source if is_of_table else own),
            folder,
            # Each student is another look at the same rows.
            run=f"{self.run.path.name} (student {self.learned.sha256[:8]})",
            header=header,
            variable=self.variable.name,
            part=require_part(wish.part),
            with_seen=wish.with_seen,
        )

    def _require_by_chance(self, said: TableSaid, of_run: set[str]) -> None:
        """
        That the rows of the run lie in the table as a random part of it does, as far as that can be seen.

        Raises:
            UsageError: They do not, as where the first ones were asked.
        """
        rows = [found[0] for text, found in said.found.items() if text in of_run and len(found) == 1]
        whole = len(said.codes)
        if len(rows) < 2:
            return
        off = np.mean(rows) / whole - 0.5
        if abs(off) * math.sqrt(12 * len(rows)) > _FAR:
            raise UsageError("distil-not-by-chance", rows=len(rows), table=self.source.shown_name)

    def _estimates(
        self, coded: CodedRun, population: pl.DataFrame, notes: list[Notice]
    ) -> CorrectedEstimates | None:
        try:
            found = corrected(coded, population, self.wish.estimand, self.wish.judging.resampling)
        except UsageError as error:
            if error.kind != "correct-strata-unknown":
                raise
            notes.append(error.notice)
            return None
        notes += found.notes
        return replace(found, predicted=f"{self.variable.name} (student)")

    def _of_asked(
        self, coded: CodedRun, population: pl.DataFrame
    ) -> tuple[CorrectedEstimates, CorrectedEstimates] | tuple[None, None]:
        """The same of the rows that the model was asked, with what it says, and with what students do."""
        asked = population.filter(pl.col(OWN).is_not_null())
        both = asked.filter(pl.col(ROW).is_in([*coded.settled.gold])).height
        if both < LEAST_FOR_SHARES:
            return None, None
        wanted, resampling = self.wish.estimand, self.wish.judging.resampling
        try:
            of_model = corrected(coded, asked.with_columns(pl.col(OWN).alias(MODEL)), wanted, resampling)
            return of_model, corrected(coded, asked, wanted, resampling)
        except UsageError:
            # As where a group has no row among these.
            return None, None

    def _teaching(self, looks: Unlike | None) -> Teaching:
        learned = self.learned
        learning = learned.learning
        return Teaching(
            rows=learning.rows,
            held_out=learned.held_out,
            labels=learning.student.labels,
            rare=learning.rare,
            strength=learning.strength,
            features=learning.student.vocabulary.size,
            same=learning.same,
            seed=self.wish.seed,
            sha256=learned.sha256,
            is_kept=learned.is_kept,
            path=learned.path,
            taught_by=learned.taught_by,
            unlike=looks,
        )


def _require_simple(coded: CodedRun) -> None:
    """
    That rows of a part of the table were drawn alike: of the rest of the table no strata are known.

    Raises:
        UsageError: They were not.
    """
    waves = [one for one in coded.content.waves if one.chosen_by == "chance"]
    if any(one.stratified_by or one.clusters for one in waves):
        raise UsageError("distil-set-design", name=coded.content.plan.name)


def _moved(coded: CodedRun, people: Mapping[int, str], said: TableSaid) -> CodedRun:
    """
    The set in the table that its rows are a part of: each row is one there with the same text.

    Raises:
        UsageError: A row is not in the table.
    """
    left = {text: list(reversed(rows)) for text, rows in said.found.items()}
    found, gone = {}, []
    for row in sorted(one.row for one in coded.content.rows):
        if left.get(people.get(row, "")):
            found[row] = left[people[row]].pop()
        else:
            gone.append(row)
    if gone:
        raise UsageError(
            "distil-not-of-table",
            name=coded.content.plan.name,
            table=said.table.path.name,
            count=len(gone),
            rows=gone[:_SHOWN],
        )
    return coded.moved(found)


def _model_right(
    coded: CodedRun, population: pl.DataFrame, resampling: Resampling, variable: Variable
) -> Figure | None:
    """How often the model says what people do, of rows that both know."""
    gold = coded.settled.gold
    both = population.filter(pl.col(ROW).is_in([*gold]) & pl.col(OWN).is_not_null()).select(ROW, OWN)
    if not both.height:
        return None
    same = sum(_as_set(gold[row], variable) == _as_set(value, variable) for row, value in both.iter_rows())
    return share_figure(same, both.height, resampling, "rows of which the model says what people do")


def _as_set(value: str, variable: Variable) -> object:
    return frozenset(value.split(SEPARATOR)) if variable.has_several else value
