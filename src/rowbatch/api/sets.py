"""
Coding sets: rows of a table that were drawn for people, who codes them, and what they said.

    coding = rowbatch.coding_set("posts.csv", count=200, text="post", codebook="codebook.yaml", name="posts")
    coding.write_sheet("anna.xlsx", "Anna")
    coding.take("anna.xlsx", coder="Anna")
    coding.draw(100)
    coding.gold("mood")
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from rowbatch.api.coding import Asked, asked_of_table, listed
from rowbatch.api.runs import Run, open_run
from rowbatch.core.codebook import codebook_document
from rowbatch.core.coding_set import Codes, CodingSet, DrawnRow, Wave, gold_of, probabilities
from rowbatch.core.drawing import STRATIFIED, Allocation
from rowbatch.core.plan import Source
from rowbatch.core.table_options import PLAIN, ReadingKeywords
from rowbatch.errors import TableChanged, UsageError
from rowbatch.requests.pipeline import open_source
from rowbatch.store.coding_sets import (
    CodingFolder,
    find_set,
    free_set_path,
    known_sets,
    new_set_id,
    now,
)
from rowbatch.store.rundir import digest_source, size_of_source
from rowbatch.tables.base import Table
from rowbatch.tools.coding_set import Design, DrawnWave, draw_wave
from rowbatch.tools.sample import variables_of

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook


class OpenCodingSet:
    """
    A coding set that is open.

    Args:
        folder: On the disk.
    """

    def __init__(self, folder: CodingFolder) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"OpenCodingSet({str(self.path)!r})"

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
        if last is not None and last.design == STRATIFIED and not stratify:
            stratify, run = last.stratified_by, run or last.run or None
            if allocation is None and last.allocation != "given":
                allocation = "equal" if last.allocation == "equal" else "proportional"
        design = _design(count, stratify, run, allocation, at_least)
        return self._add(design if last is None else design.as_before(last))

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
        count: How many rows, or groups; those without a text are never drawn.
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
        group: Column that says to which person or document a row belongs: groups are drawn, not rows.
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
    return OpenCodingSet(folder)


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
