"""
Coding sets: rows of a table that were drawn for people, who codes them, and what they said.

    coding = rowbatch.coding_set("posts.csv", count=200, text="post", codebook="codebook.yaml", name="posts")
    coding.write_sheet("anna.xlsx", "Anna")
    coding.take("anna.xlsx", coder="Anna")
    coding.draw(100)
    coding.gold("mood")
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import polars as pl

from rowbatch.api.coding import Asked, asked_of_table, form_of, listed
from rowbatch.api.runs import Run, open_run
from rowbatch.core.codebook import codebook_document
from rowbatch.core.coding import ROW_KEY, CodingJob, CodingTask
from rowbatch.core.coding_set import (
    Code,
    Codes,
    CodingSet,
    DrawnRow,
    Wave,
    disagreements,
    draws_of,
    gold_of,
    is_complete,
    probabilities,
    queue_of,
)
from rowbatch.core.document import Block, Paragraph, Shown
from rowbatch.core.drawing import Allocation
from rowbatch.core.label_list import read_values
from rowbatch.core.plan import Source
from rowbatch.core.statistics.how_many import HowMany, how_many
from rowbatch.core.table_options import PLAIN, ReadingKeywords
from rowbatch.errors import RowbatchError, TableChanged, UsageError
from rowbatch.requests.pipeline import open_source
from rowbatch.results.codes_in_files import codes_in_file, further_codes
from rowbatch.store.coding_sets import (
    CodingFolder,
    find_set,
    free_set_path,
    known_sets,
    new_set_id,
    now,
)
from rowbatch.store.sources import digest_source, size_of_source
from rowbatch.tables.base import Table
from rowbatch.tools.coding_set import (
    Design,
    DrawnWave,
    ReplayedWave,
    choose_wave,
    draw_wave,
    replay_wave,
)
from rowbatch.tools.coding_table import write_frame
from rowbatch.tools.sample import SampleForm, require_ending, variables_of, write_job

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook
    from rowbatch.core.kinds.base import Variable


@dataclass(frozen=True, slots=True)
class CoderStatus:
    """
    How far a coder is.

    Attributes:
        name: Of the coder.
        rows: That are theirs.
        coded: Of these, those that they are done with, see `core.coding_set.is_complete`.
        begun: Of these, those of which something was said.
    """

    name: str
    rows: int
    coded: int
    begun: int


@dataclass(frozen=True, slots=True, repr=False)
class SetStatus(Shown):
    """
    How a coding set stands.

    Attributes:
        name, id, path: Of the set.
        table: That it is of.
        variables: That people are asked.
        waves: How rows were drawn.
        rows: In the set.
        repeats: Of these, those with the text of another one, which alone is coded.
        by_chance: Of these, those that chance drew; only they have a part in estimates.
        parts: Rows by what they are for.
        coders: How far each is.
        settled: By variable, rows of which the value is settled: all who coded it agree, or it was decided.
        differing: By variable, rows of which coders differ, and nobody has decided.
        looks: How often somebody looked at the numbers of `test`.
    """

    name: str
    id: str
    path: Path
    table: Path
    variables: tuple[str, ...]
    waves: tuple[Wave, ...]
    rows: int
    repeats: int
    by_chance: int
    parts: Mapping[str, int]
    coders: tuple[CoderStatus, ...]
    settled: Mapping[str, int]
    differing: Mapping[str, int]
    looks: int


@dataclass(frozen=True, slots=True, repr=False)
class WrittenSheet(Shown):
    """
    A file for people to code.

    Attributes:
        path: It.
        config: Beside it, what the program is to be told; or None.
        form: For whom it is.
        coder: Whose; "" for anybody's.
        rows: In it.
    """

    path: Path
    config: Path | None
    form: SampleForm
    coder: str
    rows: int


@dataclass(frozen=True, slots=True, repr=False)
class TakenCodes(Shown):
    """
    What was taken from a file of one coder.

    Attributes:
        path: The file.
        coder: Who.
        new: Rows that this coder had not coded before.
        changed: Rows of which they say something else, or more, now.
        same: Rows of which nothing is new.
        was_taken: This very file was taken before, so that nothing was done.
    """

    path: Path
    coder: str
    new: int
    changed: int
    same: int
    was_taken: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Replay(Shown):
    """
    Whether the rows of a set are those that its seed draws.

    Attributes:
        same_table: The table has the digest that it had.
        waves: Drawn anew; none where the table is another one.
    """

    same_table: bool
    waves: tuple[ReplayedWave, ...] = ()

    @property
    def is_same(self) -> bool:
        """The table and the rows of each wave that chance drew are the same."""
        return self.same_table and all(one.is_same is not False for one in self.waves)


class OpenCodingSet(Shown):
    """
    A coding set that is open.

    Attributes:
        folder: On the disk.
        first_drawn: The rows that it was made with, where it was made just now; else None.
    """

    def __init__(self, folder: CodingFolder, first_drawn: DrawnWave | None = None) -> None:
        self.folder = folder
        self.first_drawn = first_drawn

    def as_blocks(self) -> Iterable[Block]:
        """How it stands, and how it is opened again."""
        try:
            yield from self.status().as_blocks()
        except RowbatchError as error:
            # Whatever is wrong with it, it can be looked at.
            yield Paragraph(str(error), is_alert=True)
        yield Paragraph(f"rowbatch.open_coding_set({str(self.path)!r})")

    @property
    def path(self) -> Path:
        """Its folder."""
        return self.folder.path

    @property
    def plan(self) -> CodingSet:
        """What is coded, as it was frozen."""
        return self.folder.plan

    @property
    def name(self) -> str:
        """What people call it."""
        return self.plan.name

    def rows(self) -> list[DrawnRow]:
        """All rows, in the order in which they were drawn."""
        return self.folder.rows()

    def waves(self) -> list[Wave]:
        """How rows were drawn, oldest first."""
        return self.folder.waves()

    def codes(self) -> Codes:
        """What holds of what each coder said, by coder and key."""
        return self.folder.codes()

    def gold(self, variable: str) -> dict[str, str]:
        """
        The value of each row that people settled on, by key: what was decided, or what all who coded it say.

        Raises:
            UsageError: The variable is not asked.
        """
        self._require_asked(variable)
        return gold_of(self.codes(), self.folder.decisions(), variable)

    def probabilities(self) -> dict[str, float]:
        """How likely each row was to be drawn, by key; rows that chance did not draw are not there."""
        return probabilities(self.waves(), self.rows())

    def draw(
        self,
        count: int,
        *,
        stratify: str = "",
        run: str | Path | Run | None = None,
        allocation: Allocation | Mapping[str, int] | None = None,
        at_least: int = 0,
    ) -> DrawnWave:
        """
        Draw further rows: none that is in the set, in the design of those before.

        Args:
            count: How many rows; where groups were drawn, how many groups.
            stratify: Of a set whose rows were drawn without: a column of the table, or a variable of `run`,
                whose values are filled up.
            run: Whose labels the strata are.
            allocation, at_least: As in `coding_set`.
        Raises:
            UsageError: There are not so many rows, or the design goes on from no other.
            TableChanged: The table was changed since the set was made.
        """
        last = next((one for one in reversed(self.waves()) if one.chosen_by == "chance"), None)
        if last is not None and last.stratified_by and not stratify:
            stratify, run = last.stratified_by, run or last.run or None
            if allocation is None and last.allocation != "given":
                allocation = "equal" if last.allocation == "equal" else "proportional"
        design = _design(count, stratify, run, allocation, at_least)
        return self._add(design if last is None else design.as_before(last))

    def draw_least_sure(self, run: str | Path | Run, count: int) -> DrawnWave:
        """
        Add rows that a model was least sure of: to mend the codebook by, and without a part in estimates.

        Args:
            run: With confidences, of the same table.
            count: How many.
        Raises:
            UsageError: Nobody asked how sure the model was, there are not so many rows, or the run is of
                another table.
        """
        opened = self._run_of_table(run)
        waves, before = self.waves(), self.rows()
        numbers = opened.least_sure_rows(count, [one.row for one in before])
        if len(numbers) < count:
            raise UsageError("sample-too-few-unsure", rows=count, left=len(numbers))
        found = choose_wave(self._table(), self.plan, numbers, waves, before, run=str(opened.path.resolve()))
        self.folder.add_wave(found.wave, found.rows)
        return found

    def write_sheet(
        self,
        path: str | Path,
        coder: str = "",
        *,
        to: SampleForm | None = None,
        all_rows: bool = False,
        overwrite: bool = False,
    ) -> WrittenSheet:
        """
        Write what a coder is to code: rows that are theirs, in an order of their own.

        Args:
            path: A workbook or CSV for a person, `.json` for Label Studio, `.jsonl` for doccano.
            coder: Who; "" means all rows, in the order in which they were drawn.
            to: `sheet`, `label-studio` or `doccano`; None means as the file's ending says.
            all_rows: Also those that they have coded.
            overwrite: Whether a file may be replaced.
        Raises:
            UsageError: There is nothing left to code, or the name of the file does not fit.
            CannotHold: A text or a variable has no place in the form.
            OutputExists: The file is there.
        """
        place, plan, rows = Path(path), self.plan, self.rows()
        form = to or form_of(place)
        require_ending(place, form)
        asked = plan.asked
        own = queue_of(plan, rows, coder) if coder else [one for one in rows if not one.same_as]
        if coder and not all_rows:
            said = self.codes().get(coder, {})
            own = [one for one in own if not _is_coded(said.get(one.key), asked)]
        if not own:
            raise UsageError("coding-nothing-left", name=plan.name, coder=coder)
        book = plan.codebook
        tasks = [CodingTask(one.key, one.text, one.context) for one in own]
        job = CodingJob(tasks, asked, plan.text, book.instructions, book.language)
        config = write_job(job, place, form, overwrite=overwrite)
        return WrittenSheet(place, config, form, coder, len(own))

    def write_sheets(
        self, path: str | Path, to: SampleForm | None = None, *, overwrite: bool = False
    ) -> list[WrittenSheet]:
        """
        Write a file for each coder among whom the rows are divided, with their name before its ending; one
        file where there are none.

        Args:
            path, to, overwrite: As for `write_sheet`.
        """
        files = files_of_coders(Path(path), self.plan.coders)
        return [self.write_sheet(one, coder, to=to, overwrite=overwrite) for one, coder in files.items()]

    def take(
        self, path: str | Path, coder: str = "", *, not_coded: str | Iterable[object] = ()
    ) -> list[TakenCodes]:
        """
        Take what people coded in a file: all of it, or nothing.

        Cells without a code change nothing; what a file says of a row counts from then on, and what was said
        before stays in the history.

        Args:
            path: A sheet that was filled in, or an export of Label Studio or doccano.
            coder: Who coded it; "" where the columns of the file say so, or the set has one coder alone.
            not_coded: Values that mean that nobody coded the row, as in `["99"]`.
        Returns:
            Of each coder what was new.
        Raises:
            UsageError: It has codes that the codebook does not know, rows that are not in the set, nothing in
                it, or nobody can tell who coded it; nothing was taken.
            TableError, InputError: It can't be read.
        """
        place = Path(path)
        digest = digest_source(place)
        plan = self.plan
        said = codes_in_file(place, plan, self.rows(), coder=coder, not_coded=read_values(not_coded))
        with self.folder.turn():
            known, at = self.codes(), now()
            found: list[tuple[TakenCodes, list[Code]]] = []
            for name, one in said.items():
                if self.folder.took_file(digest, name):
                    found.append((TakenCodes(place, name, 0, 0, len(one.values), was_taken=True), []))
                    continue
                before = known.get(name, {})
                further = further_codes(one, before, at=at, via=place.name)
                changed = sum(code.key in before for code in further)
                same = len(one.values) - len(further)
                told = TakenCodes(place, name, len(further) - changed, changed, same)
                found.append((told, further))
            for told, _ in found:
                # A name that cannot be one is refused before anything is taken.
                self.folder.add_coder(told.coder)
            for told, further in found:
                if further:
                    self.folder.add_codes(told.coder, further)
                if not told.was_taken:
                    self.folder.add_file(digest, str(place), told.coder)
        return [told for told, _ in found]

    def status(self) -> SetStatus:
        """How the set stands, from its files."""
        plan, rows, codes = self.plan, self.rows(), self.codes()
        decisions = self.folder.decisions()
        names = dict.fromkeys([*plan.coders, *codes])
        settled, differing = {}, {}
        for variable in plan.variables:
            gold = gold_of(codes, decisions, variable)
            settled[variable] = len(gold)
            differing[variable] = sum(key not in gold for key in disagreements(codes, variable))
        return SetStatus(
            name=plan.name,
            id=plan.id,
            path=self.path,
            table=plan.source.path,
            variables=plan.variables,
            waves=tuple(self.waves()),
            rows=len(rows),
            repeats=sum(bool(one.same_as) for one in rows),
            by_chance=len(draws_of(self.waves(), rows)),
            parts=Counter(one.part for one in rows if one.part),
            coders=tuple(_coder_status(plan, rows, name, codes.get(name, {})) for name in names),
            settled=settled,
            differing=differing,
            looks=sum(one.part == "test" for one in self.folder.looks()),
        )

    def table(self) -> pl.DataFrame:
        """
        All rows with what people said: for statistics in another program, or in `rowbatch correct`.

        Returns:
            `row`, `rowbatch_row`, the context and the text, `wave`, `stratum`, `group`, `part`, `probability`
            (null where chance did not draw the row); of each variable what it was settled to, and what each
            coder said, as in `mood_anna`; empty cells are null.
        """
        plan, rows, codes = self.plan, self.rows(), self.codes()
        chance, decisions = self.probabilities(), self.folder.decisions()
        columns: dict[str, list[Any]] = {
            "row": [one.row for one in rows],
            ROW_KEY: [one.key for one in rows],
            **{name: [one.context.get(name) for one in rows] for name in plan.context},
            plan.text: [one.text for one in rows],
            "wave": [one.wave for one in rows],
            "stratum": [one.stratum or None for one in rows],
            "group": [one.group or None for one in rows],
            "part": [one.part or None for one in rows],
            "probability": [chance.get(one.key) for one in rows],
        }
        for variable in plan.variables:
            gold = gold_of(codes, decisions, variable)
            columns[variable] = [gold.get(one.key) for one in rows]
            for coder, said in codes.items():
                of_rows = [said.get(one.key) for one in rows]
                columns[f"{variable}_{coder}"] = [one and one.values.get(variable) for one in of_rows]
        numbers = {"row": pl.Int64, "wave": pl.Int64, "probability": pl.Float64}
        return pl.DataFrame(columns, schema={name: numbers.get(name, pl.String) for name in columns})

    def export(self, output: str | Path, *, overwrite: bool = False) -> Path:
        """
        Write `table` to a file, in the format that its ending says.

        Raises:
            OutputExists: The file is there.
        """
        write_frame(self.table(), Path(output), overwrite=overwrite)
        return Path(output)

    def replay(self) -> Replay:
        """Draw all waves anew, and say whether the table and the rows are the same; nothing is changed."""
        try:
            table = self._table()
        except TableChanged:
            return Replay(same_table=False)
        waves, rows = self.waves(), self.rows()
        return Replay(
            True,
            tuple(
                replay_wave(
                    table,
                    self.plan,
                    waves[:number],
                    [one for one in rows if one.wave <= number],
                    _labels_of(waves[number - 1]),
                )
                for number in range(1, len(waves) + 1)
            ),
        )

    def how_many(
        self, run: str | Path | Run, variable: str, *, label: str | None = None, level: float = 0.95
    ) -> HowMany:
        """
        How many rows of the run's table people have to code, by those that they have coded of this set.

        Args:
            run: Of the same table.
            variable: Of both.
            label: Whose share is wanted; None means the one that needs the most.
            level: Of the intervals.
        """
        gold = self.gold(variable)
        opened = self._run_of_table(run)
        answers = opened.labels_of_rows(variable)
        chance = draws_of(self.waves(), self.rows())
        numbers = {one.row: gold[one.key] for one in self.rows() if one.key in gold and one.key in chance}
        pilot = answers.filter(pl.col("row").is_in(pl.Series([*numbers], dtype=pl.Int64).implode()))
        pairs = [(numbers[row], value or "") for row, value in pilot.iter_rows()]
        return how_many(pairs, sum(self.waves()[0].population.values()), label=label, level=level)

    def _run_of_table(self, run: str | Path | Run) -> Run:
        opened = run if isinstance(run, Run) else open_run(run)
        if opened.plan.source.sha256 != self.plan.source.sha256:
            raise UsageError("coding-set-of-other-table", name=self.name, table=str(self.plan.source.path))
        return opened

    def _add(self, design: Design) -> DrawnWave:
        found = draw_wave(self._table(), self.plan, design, self.waves(), self.rows())
        self.folder.add_wave(found.wave, found.rows)
        return found

    def _table(self) -> Table:
        """
        The table, as it was when the set was made.

        Raises:
            TableChanged: It is another one now.
        """
        source = self.plan.source
        try:
            return open_source(source, self.path)
        except TableChanged:
            raise TableChanged("coding-table-changed", path=str(self.path), table=str(source.path)) from None

    def _require_asked(self, variable: str) -> None:
        if variable not in self.plan.variables:
            raise UsageError("sample-no-variable", name=variable, names=list(self.plan.variables))


def files_of_coders(path: Path, coders: Sequence[str]) -> dict[Path, str]:
    """
    The file of each coder, as `posts-Anna.xlsx`; the one that was named where there are not several.

    Args:
        path: What a person named.
        coders: Among whom rows are divided.
    Returns:
        Coders by file; "" means anybody.
    """
    if len(coders) < 2:
        return {path: coders[0] if coders else ""}
    found: dict[Path, str] = {}
    for coder in coders:
        stem = re.sub(r"[^\w.-]+", "-", coder).strip("-.")
        own = path.with_name(f"{path.stem}-{stem}{path.suffix}")
        if not stem or own in found:
            short = hashlib.sha256(coder.encode()).hexdigest()[:8]
            own = path.with_name(f"{path.stem}-{short}{path.suffix}")
        found[own] = coder
    return found


def _is_coded(code: Code | None, asked: Sequence[Variable]) -> bool:
    return code is not None and is_complete(asked, code.values)


def _coder_status(
    plan: CodingSet, rows: Sequence[DrawnRow], name: str, said: Mapping[str, Code]
) -> CoderStatus:
    own, asked = queue_of(plan, rows, name), plan.asked
    whole = sum(_is_coded(said.get(one.key), asked) for one in own)
    return CoderStatus(name, len(own), whole, sum(one.key in said for one in own) - whole)


def _labels_of(wave: Wave) -> pl.DataFrame | None:
    """The labels that the strata of a wave are of; None where they are none, or the run is gone."""
    if not wave.run or not wave.stratified_by:
        return None
    try:
        return open_run(wave.run).labels_of_rows(wave.stratified_by)
    except RowbatchError:
        return None


def coding_set(
    table: str | Path | Run,
    *,
    count: int,
    name: str = "",
    text: str | None = None,
    labels: str | Iterable[object] | None = None,
    prompt: str | None = None,
    codebook: str | Path | Mapping[str, Any] | Codebook | None = None,
    variables: str | Sequence[str] = (),
    context: str | Sequence[str] = (),
    stratify: str = "",
    run: str | Path | Run | None = None,
    allocation: Allocation | Mapping[str, int] | None = None,
    at_least: int = 0,
    group: str = "",
    whole_groups: bool = True,
    seed: int = 1,
    test: float = 0.5,
    coders: str | Sequence[str] = (),
    overlap: float | None = None,
    at: str | Path | None = None,
    **reading: Unpack[ReadingKeywords],
) -> OpenCodingSet:
    """
    Make a coding set: draw rows of a table by chance, and freeze what people are asked of them.

    Args:
        table: A table; or a run, its folder, or its name: its table, text and codebook.
        count: How many rows, or groups; those without a text are never drawn, nor those whose text is an
            example in the codebook: of these the model is told what is right.
        name: What people call it; by default as the table.
        text: Column with the text; a run has its own.
        labels, prompt, codebook: What is asked, as in `create`; a run has its own.
        variables: Only these of the codebook.
        context: Columns that coders see beside the text.
        stratify: So many rows of each value of it are drawn: a column of the table; or a variable whose
            labels a run gave.
        run: Whose labels the strata are; where `table` is a run, that one by default.
        allocation: `proportional`, as many rows of each stratum as its share of the table says; `equal`; or a
            number for each.
        at_least: So many rows of each stratum come first, so that rare ones are not missed.
        group: Column that says to which person or document a row belongs: groups are drawn, not rows; with
            `stratify` so many groups of each stratum, where each lies in one.
        whole_groups: With all of their rows; else one row of each.
        seed: Any number; another one draws other rows.
        test: About this share of the texts is kept for the last look, the rest is there to mend the codebook
            by; 0 parts nothing.
        coders: Among whom the rows are divided; none means that each coder codes all of them.
        overlap: Share of the rows that all of these code, a fifth by default; 1 means all of them.
        at: Folder to be made; by default one in the home of rowbatch.
        reading: How the table is read, see `ReadOptions`.
    Raises:
        UsageError: Something does not fit, or there are fewer rows; nothing was made.
        OutputExists: There is a set at that place, or of that name.
        TableError, CodebookError, RunError: One of these is broken.
    """
    asked = asked_of_table(
        table,
        text=text,
        labels=labels,
        prompt=prompt,
        codebook=codebook,
        variables=variables,
        reading=reading,
    )
    people = tuple(dict.fromkeys(one.strip() for one in listed(coders)))
    if not 0 <= test <= 1:
        raise UsageError("sample-share", name="test", value=test)
    if overlap is None:
        overlap = 0.2 if len(people) > 1 else 1.0
    if not 0 <= overlap <= 1:
        raise UsageError("sample-share", name="overlap", value=overlap)
    source = _source_of(asked)
    plan = CodingSet(
        id=new_set_id(),
        name=name or asked.table.path.stem,
        source=source,
        text=asked.text,
        answer=codebook_document(asked.codebook),
        variables=tuple(one.name for one in variables_of(asked.codebook, asked.variables)),
        context=tuple(dict.fromkeys(listed(context))),
        created_at=now(),
        rowbatch_version=version("rowbatch"),
        seed=seed,
        test=test,
        coders=people,
        overlap=overlap,
        leaves_examples=True,
    )
    if stratify and run is None and asked.run is not None and stratify not in asked.table.header:
        run = asked.run
    design = replace(
        _design(count, stratify, run, allocation, at_least), group=group, whole_groups=whole_groups
    )
    # First everything that can go wrong, then the folder.
    found = draw_wave(asked.table, plan, design, [], [])
    folder = CodingFolder.create(Path(at) if at is not None else _place_of(name, plan.name), plan)
    for coder in people:
        folder.add_coder(coder)
    folder.add_wave(found.wave, found.rows)
    return OpenCodingSet(folder, found)


def _place_of(name: str, called: str) -> Path:
    """A folder in the user's home; a name that a person gave is to be found again by it."""
    path = free_set_path(called)
    if name and any(one.plan.name == name for one in known_sets()):
        raise UsageError("coding-set-name-taken", name=name)
    return path


def _design(
    count: int,
    stratify: str,
    run: str | Path | Run | None,
    allocation: Allocation | Mapping[str, int] | None,
    at_least: int,
) -> Design:
    given = {name: int(rows) for name, rows in allocation.items()} if isinstance(allocation, Mapping) else {}
    if given and count not in (0, sum(given.values())):
        raise UsageError("sample-strata-sum", rows=count, sum=sum(given.values()))
    of_run = None if run is None or not stratify else run if isinstance(run, Run) else open_run(run)
    return Design(
        count=count or sum(given.values()),
        stratify=stratify if of_run is None else "",
        by_labels=None if of_run is None else of_run.labels_of_rows(stratify),
        variable="" if of_run is None else stratify,
        run="" if of_run is None else str(of_run.path.resolve()),
        allocation="given" if given else "equal" if allocation == "equal" else "proportional",
        given=given,
        at_least=at_least,
    )


def _source_of(asked: Asked) -> Source:
    if asked.run is not None:
        return asked.run.plan.source
    program = asked.table.reading.program or PLAIN
    path = asked.table.path.resolve()
    return Source(
        path=path,
        sha256=digest_source(path, program),
        size_bytes=size_of_source(path, program),
        reading=replace(asked.table.reading, program=program),
        encoding_guessed=asked.table.guessed_encoding,
    )


def open_coding_set(name: str | Path) -> OpenCodingSet:
    """
    Open a coding set.

    Args:
        name: Its folder, its name, or its id.
    Raises:
        InputError: There is none, or several have the name.
    """
    return OpenCodingSet(find_set(name))


def coding_sets() -> list[OpenCodingSet]:
    """The sets in the home of rowbatch, oldest first."""
    return [OpenCodingSet(folder) for folder in known_sets()]
