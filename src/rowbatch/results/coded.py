"""A run beside a coding set of its table: the rows that could be drawn, and what the model said of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from copy import copy
from dataclasses import dataclass, replace

import polars as pl

from rowbatch.core.agreement import NO_LABEL
from rowbatch.core.coding import read_row_key
from rowbatch.core.coding_set import Look, Part
from rowbatch.core.confidence import column_of, measured
from rowbatch.core.kinds.base import Variable, example_key
from rowbatch.core.plan import Plan
from rowbatch.core.run_quality import (
    GROUP,
    MODEL,
    ROW,
    STRATUM,
    SURE,
    Chosen,
    Judging,
    RunQuality,
    SetContent,
    Settled,
    judge,
    look_number,
    settle,
    used_up,
)
from rowbatch.errors import UsageError
from rowbatch.results.answered import AnsweredTable
from rowbatch.results.people import comparable_variable
from rowbatch.results.shard_answers import ResultTally
from rowbatch.store.coding_sets import CodingFolder, now, sets_of_table
from rowbatch.store.rundir import RunDirectory
from rowbatch.tables.base import Table
from rowbatch.words.notice import Notice

_TEXT = "text"
_SHOWN = 5


def extra(name: str) -> str:
    """What a column of the table is called among the rows of a run."""
    return f"column:{name}"


def _answer(name: str) -> str:
    return f"answer:{name}"


def content_of(folder: CodingFolder) -> SetContent:
    """All that a coding set holds."""
    return SetContent(
        folder.plan, folder.waves(), folder.rows(), folder.codes(), folder.decisions(), folder.looks()
    )


def set_of_run(plan: Plan, variable: str | None) -> CodingFolder:
    """
    The coding set that goes with a run, where nobody says which.

    Raises:
        UsageError: There is none with codes, or several.
    """
    sets = sets_of_table(plan.source.sha256)
    fitting = [
        one
        for one in sets
        if (variable is None or variable in one.plan.variables) and any(one.codes().values())
    ]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UsageError("coding-sets-several", names=[one.plan.name for one in fitting[:_SHOWN]])
    if sets:
        raise UsageError("coding-set-not-coded", name=sets[-1].plan.name)
    raise UsageError("coding-set-none", table=plan.source.shown_name)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Columns of the table that are needed, and other answers of the model, by how they are called here."""

    table: Mapping[str, str]
    answers: Mapping[str, str]


class CodedRun:
    """
    A run, a coding set of its table, and a variable.

    Attributes:
        content: Of the set.
        variable: Of the run.
        settled: What people settled on.
        notes: What a person should know of how both fit.

    Args:
        plan: Of the run.
        folder: The set.
        run: What the run is called.
        header: Of its table.
        variable: Of the codebook; None means the first of the set that can be compared.
        part: Which rows; None means the test part where there is one, else all.
        with_seen: Whether codes count that were given with the model's answer in sight.
    Raises:
        UsageError: The set is of another table, or has no such variable; or people settled on nothing.
    """

    def __init__(
        self,
        plan: Plan,
        folder: CodingFolder,
        *,
        run: str,
        header: Sequence[str],
        variable: str | None = None,
        part: Chosen | None = None,
        with_seen: bool = False,
    ) -> None:
        self._plan, self._folder, self._run, self._header = plan, folder, run, header
        self.content = content_of(folder)
        coded = self.content.plan
        if coded.source.sha256 != plan.source.sha256:
            raise UsageError(
                "quality-set-of-other-table",
                name=coded.name,
                table=coded.source.shown_name,
                other=plan.source.shown_name,
            )
        self._codebook = plan.question.codebook
        self.variable = self._chosen(variable)
        chosen: Chosen = part or ("test" if self.content.has_test else "all")
        told = self.variable.taught_texts
        judging = (
            [one for one in self.content.rows if example_key(one.text) not in told]
            if told
            else self.content.rows
        )
        self._taught = len(self.content.rows) - len(judging)
        self.settled: Settled = settle(
            replace(self.content, rows=judging), self.variable, chosen, with_seen=with_seen
        )
        if not self.settled.gold:
            counts = self.settled.counts
            raise UsageError(
                "quality-nothing-settled",
                name=coded.name,
                variable=self.variable.name,
                part=chosen,
                rows=counts.rows,
                uncoded=counts.uncoded,
                unsettled=counts.unsettled,
                seen=counts.seen,
            )
        self._drawn = {one.row: one for one in self.content.rows}

    def _chosen(self, name: str | None) -> Variable:
        asked = self.content.plan.variables
        if name is None:
            own = [one for one in self._codebook.variables if one.name in asked and one.can_compare]
            name = own[0].name if own else None
        if name is None:
            raise UsageError(
                "coding-set-of-other-variables",
                name=self.content.plan.name,
                variables=list(asked),
                own=[one.name for one in self._codebook.variables],
            )
        if name not in asked:
            raise UsageError(
                "coding-set-without-variable",
                name=self.content.plan.name,
                variable=name,
                variables=list(asked),
            )
        return comparable_variable(self._codebook, name)

    @property
    def notes(self) -> tuple[Notice, ...]:
        """What a person should know of how both fit."""
        found = []
        if self._taught:
            found.append(Notice("quality-examples", {"rows": self._taught}))
        theirs = next((one for one in self.content.plan.asked if one.name == self.variable.name), None)
        if theirs is not None and theirs.to_plain() != self.variable.to_plain():
            found.append(Notice("quality-other-codebook", {"variable": self.variable.name}))
        if self.variable.only_if:
            found.append(Notice("quality-only-if", {"variable": self.variable.name}))
        return tuple(found)

    def moved(self, rows: Mapping[int, int]) -> CodedRun:
        """
        The same in another table, of which the set's is a random part.

        Args:
            rows: The number there of each row that was drawn; others are left out.
        """
        found = copy(self)
        content, settled = self.content, self.settled

        def there(values: Mapping[int, str]) -> dict[int, str]:
            return {rows[row]: value for row, value in values.items() if row in rows}

        own = [replace(one, row=rows[one.row]) for one in content.rows if one.row in rows]
        found.content = replace(content, rows=own)
        found.settled = replace(
            settled,
            gold=there(settled.gold),
            said={coder: there(values) for coder, values in settled.said.items()},
            seen={coder: there(values) for coder, values in settled.seen.items()},
        )
        found._drawn = {one.row: one for one in own}
        return found

    # Rows of the run

    def needed(self, more: Iterable[str] = ()) -> _Columns:
        """Columns that `population` wants beside number and answer, `more` of the table among them."""
        table = {_TEXT: self.content.plan.text, **{extra(name): name for name in more}}
        answers = {}
        for wave in self.content.waves:
            if wave.chosen_by != "chance":
                continue
            name = wave.stratified_by
            if name and name in self._header:
                table[extra(name)] = name
            if name and name in self._codebook.columns:
                answers[_answer(name)] = name
            if wave.clusters and wave.grouped_by in self._header:
                table[GROUP] = wave.grouped_by
        return _Columns(table, answers)

    def population(self, frames: Iterable[pl.DataFrame], not_asked: Collection[str] = ()) -> pl.DataFrame:
        """
        The rows that could be drawn.

        Args:
            frames: All rows of the run in order: `ROW`, `MODEL`, perhaps `SURE`, and what `needed` names.
            not_asked: Texts that count as empty.
        Returns:
            Without those that have no text, and without the texts; with `STRATUM` where that is known.
        Raises:
            UsageError: A row that was drawn has another text here.
        """
        parts = [self._slim(frame, not_asked) for frame in frames]
        found = pl.concat(parts) if parts else pl.DataFrame(schema={ROW: pl.Int64, MODEL: pl.String})
        gone = set(self._drawn) - set(
            found.filter(pl.col(ROW).is_in([*self._drawn])).select(ROW).to_series().to_list()
        )
        self._require_same(sorted(gone))
        return self._with_strata(found)

    def _slim(self, frame: pl.DataFrame, not_asked: Collection[str]) -> pl.DataFrame:
        has_text = frame.filter(~pl.col(_TEXT).str.strip_chars().is_in(["", *not_asked]))
        own = has_text.filter(pl.col(ROW).is_in([*self._drawn]))
        wrong = []
        for row, text in own.select(ROW, _TEXT).iter_rows():
            key = read_row_key(self._drawn[row].key)
            if key is None or key.row != row or not key.may_be([text]):
                wrong.append(row)
        self._require_same(wrong)
        return has_text.drop(_TEXT)

    def _require_same(self, wrong: Sequence[int]) -> None:
        if wrong:
            raise UsageError(
                "coding-set-of-other-rows",
                name=self.content.plan.name,
                count=len(wrong),
                rows=[*wrong[:_SHOWN]],
            )

    def _with_strata(self, population: pl.DataFrame) -> pl.DataFrame:
        """Say which rows were drawn alike: those of which every draw's strata are the same."""
        waves = {one.number: one for one in self.content.waves if one.chosen_by == "chance"}
        names = list(dict.fromkeys(one.stratified_by for one in waves.values() if one.stratified_by))
        columns = []
        for name in names:
            told = {
                row: one.stratum
                for row, one in self._drawn.items()
                if one.wave in waves and waves[one.wave].stratified_by == name
            }
            fitting = [
                place
                for place in (extra(name), _answer(name))
                if place in population.columns and _is_told(population, place, told)
            ]
            if not fitting:
                return population
            cell = pl.col(fitting[0]).str.strip_chars()
            columns.append(pl.when(cell == "").then(pl.lit(NO_LABEL)).otherwise(cell).alias(name))
        if not columns:
            return population
        stratum = pl.struct(columns).rank("dense").cast(pl.Int64).alias(STRATUM)
        return population.with_columns(stratum)

    # Numbers

    def judged(self, population: pl.DataFrame, judging: Judging) -> RunQuality:
        """
        All numbers; of rows that are kept for the end it is noted that somebody looked.

        Args:
            population: As `population` gave it.
            judging: How; which look it is, is found here.
        """
        look = self._look()
        notes = [*self.notes, self.part_note]
        if (used := self._used_up(look)) is not None:
            notes.insert(0, used)
        number = look_number(self.content.looks, look)
        found = judge(
            population,
            self.content,
            self.settled,
            self.variable,
            replace(judging, look=number),
            run=self._run,
            notes=notes,
        )
        self._note(look)
        return found

    def looked(self) -> Notice | None:
        """Note that somebody looked; what is to be said where the rows are used up for that, else None."""
        look = self._look()
        used = self._used_up(look)
        self._note(look)
        return used

    @property
    def part_note(self) -> Notice:
        """Which rows the numbers are of, in words."""
        settled = self.settled
        return Notice(
            "quality-part",
            {
                "name": self.content.plan.name,
                "part": settled.part,
                "rows": settled.counts.settled,
                "drawn": settled.counts.rows,
            },
        )

    def _look(self) -> Look:
        part: Part = "test" if self.settled.part == "test" else "dev" if self.settled.part == "dev" else ""
        return Look(
            part=part,
            at=now(),
            what=f"{self._run}, {self.variable.name}",
            codebook_sha256=_digest(self._plan),
            run=self._run,
            variable=self.variable.name,
            rows=len(self.settled.gold),
        )

    def _used_up(self, look: Look) -> Notice | None:
        return None if look.part == "dev" else used_up(self.content.looks, look)

    def _note(self, look: Look) -> None:
        """The same numbers that are looked at again are no other look."""
        if look.part == "dev":
            return
        if not any(replace(one, at="") == replace(look, at="") for one in self._folder.looks()):
            self._folder.add_look(look)


def _is_told(population: pl.DataFrame, place: str, told: Mapping[int, str]) -> bool:
    """Whether drawn rows have the strata here by which they were drawn; what is empty is a stratum, too."""
    own = population.filter(pl.col(ROW).is_in([*told])).select(ROW, place)
    return all(_named(cell) == _named(told[row]) for row, cell in own.iter_rows())


def _named(cell: str | None) -> str:
    return (cell or "").strip() or NO_LABEL


def _digest(plan: Plan) -> str:
    """Of what is asked: another one is another codebook."""
    question = plan.question
    asked = [dict(question.answer), question.system, question.template]
    return hashlib.sha256(json.dumps(asked, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def population_of_run(run: RunDirectory, coded: CodedRun, more: Iterable[str] = ()) -> pl.DataFrame:
    """
    The rows of a run that could be drawn, chunk by chunk from its table and its answers on disk.

    Args:
        run: A run that is built.
        coded: The same run beside a set.
        more: Further columns of the table.
    Raises:
        UsageError: A row that was drawn has another text here.
        RunError: The table was changed since.
    """
    with run.ledger() as ledger:
        shards = ledger.shards()
    answered = AnsweredTable(run, shards, ResultTally())
    table: Table = answered.table
    needed = coded.needed(more)
    columns = answered.codebook.columns
    place = columns.index(coded.variable.name)
    own = [
        pl.col(str(place)).alias(MODEL),
        *(pl.col(str(columns.index(name))).alias(alias) for alias, name in needed.answers.items()),
    ]
    is_sure = any(one.place == place for one in measured(answered.codebook))
    cells = [pl.col(str(table.column(name))).alias(alias) for alias, name in needed.table.items()]

    def frames() -> Iterator[pl.DataFrame]:
        with closing(answered.chunks()) as chunks:
            for chunk, answers in chunks:
                sure = (
                    [pl.col(column_of(place)).alias(SURE)]
                    if is_sure and column_of(place) in answers.columns
                    else []
                )
                yield answers.select(ROW, *own, *sure).hstack(chunk.frame.select(cells))

    return coded.population(frames(), table.not_asked)
