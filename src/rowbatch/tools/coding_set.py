"""
Rows of a table for a coding set: drawn by chance in one of the designs of `core.drawing`, or chosen.

A draw reads the table twice: once for the numbers of its rows, their strata and groups, and once for the
texts of those that are drawn. Of a million rows the numbers and names alone are in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

import polars as pl

from rowbatch.core.agreement import NO_LABEL
from rowbatch.core.coding_set import CodingSet, DrawnRow, Wave, draws_of
from rowbatch.core.drawing import (
    GROUPS,
    ONE_PER_GROUP,
    SIMPLE,
    STRATIFIED,
    Allocation,
    allocate,
    draw_of,
    drawn,
    is_for_test,
)
from rowbatch.core.kinds.base import LONGEST_EXAMPLE
from rowbatch.errors import RowbatchError, UsageError
from rowbatch.store.coding_sets import now
from rowbatch.tables.base import Table, blank_rows
from rowbatch.tools.sample import chunks_of, tasks_of
from rowbatch.words.notice import Notice

_ROW, _STRATUM, _GROUP = "row", "stratum", "group"
_MOST_STRATA = 200
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Design:
    """
    How rows are drawn.

    Attributes:
        count: How many rows; of groups, how many of these.
        stratify: Column of the table whose values are the strata; or "".
        by_labels: The strata are a model's labels: of each row, columns `row` and `stratum`; or None.
        variable: Of these labels.
        run: Folder of the run that they are of; or "".
        allocation: How many of each stratum.
        given: By stratum, where a person says.
        at_least: So many of each stratum come first.
        group: Column that says to which person or document a row belongs; or "".
        whole_groups: All rows of a group that is drawn; else one of them.
    """

    count: int
    stratify: str = ""
    by_labels: pl.DataFrame | None = None
    variable: str = ""
    run: str = ""
    allocation: Allocation = "proportional"
    given: Mapping[str, int] = field(default_factory=dict)
    at_least: int = 0
    group: str = ""
    whole_groups: bool = True

    @property
    def name(self) -> str:
        """Which of the designs it is."""
        if self.group:
            return GROUPS if self.whole_groups else ONE_PER_GROUP
        return STRATIFIED if self.stratified_by else SIMPLE

    @property
    def stratified_by(self) -> str:
        """Column, or variable, that the strata are of; or ""."""
        return self.stratify or self.variable

    def as_before(self, wave: Wave) -> Design:
        """The same design as an earlier wave's, for further rows."""
        if wave.design in (GROUPS, ONE_PER_GROUP):
            return replace(self, group=wave.grouped_by, whole_groups=wave.design == GROUPS)
        return self


@dataclass(frozen=True, slots=True)
class DrawnWave:
    """
    Rows that were drawn, and what a person should know of it.

    Attributes:
        wave: How.
        rows: They, in the order in which they were drawn.
        of_rows: Rows of the table that could be drawn.
        without_text: Rows of the table that have none.
        without_group: Rows with a text that belong to no group, where groups are drawn.
        repeats: Of the drawn rows, those whose text is in the set already: it is coded once.
        adopted: Rows that were drawn and are in the set already, where somebody had chosen them.
        short: Strata that have fewer rows in the set than each should have at least.
        unseen: Strata of which the set has no row: nothing can be said of these.
        notes: What a person should know of the table.
    """

    wave: Wave
    rows: Sequence[DrawnRow]
    of_rows: int
    without_text: int
    without_group: int = 0
    repeats: int = 0
    adopted: int = 0
    short: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    notes: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class _SoFar:
    """What is drawn from, for which set, and what that has already."""

    table: Table
    plan: CodingSet
    waves: Sequence[Wave]
    rows: Sequence[DrawnRow]
    population: _Population


@dataclass(frozen=True, slots=True)
class _Population:
    """What can be drawn: `row`, and `stratum` and `group` where there are such; and what cannot."""

    frame: pl.DataFrame
    without_text: int
    without_group: int
    examples: int


def draw_wave(
    table: Table, plan: CodingSet, design: Design, waves: Sequence[Wave], before: Sequence[DrawnRow]
) -> DrawnWave:
    """
    Draw further rows of a set; nothing is written.

    Args:
        table: That the set is of.
        plan: Of the set.
        design: How.
        waves, before: What the set has already.
    Raises:
        UsageError: There are not so many rows, or it does not go on from how rows were drawn before.
        TableError: There is no such column, or the table is broken.
    """
    if design.name == ONE_PER_GROUP and design.stratified_by:
        # Rows of one stratum would not be as likely as each other, as estimates in strata take them to be.
        raise UsageError("sample-strata-and-groups")
    _require_goes_on(design, waves)
    population = _population(table, plan, design)
    so_far = _SoFar(table, plan, waves, before, population)
    if design.group:
        return _draw_groups(so_far, design)
    if design.stratified_by:
        return _draw_strata(so_far, design)
    earlier = draws_of(waves, before)
    numbers = population.frame[_ROW]
    had = sum(one.key in earlier for one in before)
    order = drawn(numbers, had + design.count, plan.seed)[had:]
    if len(order) < design.count:
        raise UsageError(
            "sample-too-few-rows", rows=design.count, left=len(order), of=population.frame.height
        )
    known = {one.row: one for one in before}
    wave = Wave(
        number=len(waves) + 1,
        population={"": population.frame.height},
        seed=plan.seed,
        also={known[row].key: "" for row in order if row in known},
        drawn_at=now(),
    )
    new = pl.DataFrame({_ROW: [row for row in order if row not in known]}, schema={_ROW: pl.Int64})
    return _drawn(so_far, wave, new)


def choose_wave(
    table: Table,
    plan: CodingSet,
    numbers: Sequence[int],
    waves: Sequence[Wave],
    before: Sequence[DrawnRow],
    *,
    run: str,
) -> DrawnWave:
    """
    Add rows that a model was least sure of, which have no part in estimates; nothing is written.

    Args:
        table, plan, waves, before: As for `draw_wave`.
        numbers: Of the rows, none of which is in the set; in the order in which they are coded.
        run: Folder of the run that was least sure.
    """
    # Chance may draw such a row later on: then it has to be known to which group it belongs.
    grouped = next((one for one in waves if one.grouped_by), None)
    design = Design(0, group=grouped.grouped_by if grouped else "")
    population = _population(table, plan, design)
    wave = Wave(
        number=len(waves) + 1,
        population={"": population.frame.height},
        design="",
        seed=plan.seed,
        chosen_by="least-sure",
        run=run,
        drawn_at=now(),
    )
    order = pl.DataFrame({_ROW: numbers}, schema={_ROW: pl.Int64})
    chosen = order.join(_with_chances(population, grouped), on=_ROW, how="inner", maintain_order="left")
    return _drawn(_SoFar(table, plan, waves, before, population), wave, chosen)


def design_differs(design: Design, waves: Sequence[Wave]) -> bool:
    """Whether a design cannot go on from how rows of a set were drawn before."""
    by_chance = [one for one in waves if one.chosen_by == "chance"]
    if not by_chance:
        return False
    last = by_chance[-1]
    if design.name == STRATIFIED and last.design == SIMPLE:
        return False
    return (design.name, design.stratified_by, design.group) != (
        last.design,
        last.stratified_by,
        last.grouped_by,
    )


def _require_goes_on(design: Design, waves: Sequence[Wave]) -> None:
    if design_differs(design, waves):
        last = [one for one in waves if one.chosen_by == "chance"][-1]
        raise UsageError(
            "coding-design-differs",
            was=last.design,
            by=last.stratified_by or last.grouped_by,
            now=design.name,
        )


def _population(table: Table, plan: CodingSet, design: Design) -> _Population:
    """
    The rows that can be drawn; those without a text, or without a group where there are any, cannot, nor
    those whose text is an example.
    """
    place, never = table.column(plan.text), sorted(plan.never_drawn)
    columns = {_STRATUM: design.stratify, _GROUP: design.group}
    places = {name: str(table.column(column)) for name, column in columns.items() if column}
    found: list[pl.DataFrame] = []
    without_text = without_group = examples = 0
    with closing(chunks_of(table)) as chunks:
        for chunk in chunks:
            blank = blank_rows(chunk.frame, [place], table.not_asked)
            frame = chunk.frame.select(
                pl.int_range(chunk.first_row, chunk.first_row + chunk.frame.height, dtype=pl.Int64).alias(
                    _ROW
                ),
                *(pl.col(at).str.strip_chars().alias(name) for name, at in places.items()),
            ).filter(~blank)
            without_text += int(blank.sum())
            if never:
                is_example = chunk.frame.select(_is_among(str(place), never)).to_series().filter(~blank)
                examples += int(is_example.sum())
                frame = frame.filter(~is_example)
            if design.group:
                has_group = frame[_GROUP] != ""
                without_group += frame.height - int(has_group.sum())
                frame = frame.filter(has_group)
            found.append(frame)
    frame = pl.concat(found)
    if design.by_labels is not None:
        frame = frame.join(design.by_labels, on=_ROW, how="left", maintain_order="left")
    if _STRATUM in frame.columns:
        is_empty = pl.col(_STRATUM).fill_null("") == ""
        frame = frame.with_columns(
            pl.when(is_empty).then(pl.lit(NO_LABEL)).otherwise(_STRATUM).alias(_STRATUM)
        )
    return _Population(frame, without_text, without_group, examples)


def _told_of_examples(population: _Population) -> list[Notice]:
    return [Notice("sample-examples", {"rows": population.examples})] if population.examples else []


def _is_among(column: str, texts: Sequence[str]) -> pl.Expr:
    """Whether a text is one of some, by `example_key`."""
    text = pl.col(column).str.replace_all("\r\n", "\n", literal=True).str.strip_chars()
    return text.str.slice(0, LONGEST_EXAMPLE).str.strip_chars().is_in(texts)


def _strata_of_before(so_far: _SoFar, design: Design, sizes: Mapping[str, int]) -> dict[int, str]:
    """
    The stratum of each row that is in the set already, by its number.

    Args:
        so_far: With the strata of all rows.
        design: Of the draw.
        sizes: Rows by stratum.
    Raises:
        UsageError: There are too many strata, or they are others than before.
    """
    if len(sizes) > _MOST_STRATA:
        raise UsageError(
            "sample-too-many-strata", by=design.stratified_by, count=len(sizes), most=_MOST_STRATA
        )
    numbers = pl.Series([one.row for one in so_far.rows], dtype=pl.Int64)
    known = so_far.population.frame.filter(pl.col(_ROW).is_in(numbers.implode()))
    found = dict(known.select(_ROW, _STRATUM).iter_rows())
    _require_same_strata(so_far, design, found, sizes)
    return found


def _sizes(frame: pl.DataFrame) -> dict[str, int]:
    """How many of what a frame has are in each stratum, by name."""
    return {
        str(name): int(count) for name, count in frame.group_by(_STRATUM).len().sort(_STRATUM).iter_rows()
    }


def _draw_strata(so_far: _SoFar, design: Design) -> DrawnWave:
    population, before, seed = so_far.population, so_far.rows, so_far.plan.seed
    sizes = _sizes(population.frame)
    known = {one.row: one for one in before}
    earlier = draws_of(so_far.waves, before)
    stratum_of = _strata_of_before(so_far, design, sizes)
    taken: dict[str, int] = {}
    for one in before:
        if one.key in earlier and one.row in stratum_of:
            taken[stratum_of[one.row]] = taken.get(stratum_of[one.row], 0) + 1
    wanted = _wanted(design, sizes, taken)
    also = {
        one.key: stratum_of[one.row]
        for one in before
        if one.key in earlier and earlier[one.key][0].design != STRATIFIED
    }
    gone = {one.row for one in before if one.key in earlier}
    chosen: list[tuple[bytes, int, str]] = []
    for name, count in wanted.items():
        if count:
            rows = population.frame.filter(pl.col(_STRATUM) == name)[_ROW]
            free = (row for row in rows if row not in gone)
            chosen += [
                (draw_of(row, seed, STRATIFIED), row, name) for row in drawn(free, count, seed, STRATIFIED)
            ]
    chosen.sort()
    if len(chosen) < design.count:
        raise UsageError("sample-too-few-rows", rows=design.count, left=len(chosen), of=sum(sizes.values()))
    wave = Wave(
        number=len(so_far.waves) + 1,
        population=sizes,
        design=STRATIFIED,
        seed=seed,
        stratified_by=design.stratified_by,
        drawn_at=now(),
        allocation=design.allocation,
        run=design.run,
        also=also | {known[row].key: name for _, row, name in chosen if row in known},
    )
    new = pl.DataFrame(
        [(row, name) for _, row, name in chosen if row not in known],
        schema={_ROW: pl.Int64, _STRATUM: pl.String},
        orient="row",
    )
    made = _drawn(so_far, wave, new)
    has = {name: taken.get(name, 0) + count for name, count in wanted.items()}
    return replace(
        made,
        adopted=len(chosen) - new.height,
        short=tuple(name for name in sizes if has[name] < design.at_least),
        unseen=tuple(name for name in sizes if not has[name]),
    )


def _wanted(design: Design, sizes: Mapping[str, int], taken: Mapping[str, int]) -> dict[str, int]:
    """How many further rows of each stratum."""
    if design.allocation != "given":
        return allocate(
            design.count, sizes, taken, equal=design.allocation == "equal", at_least=design.at_least
        )
    strange = [name for name in design.given if name not in sizes]
    if strange:
        raise UsageError(
            "sample-no-stratum", by=design.stratified_by, names=strange[:_SHOWN], known=[*sizes][:40]
        )
    for name, count in design.given.items():
        left = sizes[name] - taken.get(name, 0)
        if count > left:
            raise UsageError("sample-stratum-too-small", stratum=name, rows=count, left=left)
    return {name: design.given.get(name, 0) for name in sizes}


def _require_same_strata(
    so_far: _SoFar, design: Design, stratum_of: Mapping[int, str], sizes: Mapping[str, int]
) -> None:
    """
    Make sure that the strata are those of before: answers of a model may have come, or changed.

    Raises:
        UsageError: They are others.
    """
    earlier = [one for one in so_far.waves if one.stratified_by and one.chosen_by == "chance"]
    if not earlier:
        return
    placed = draws_of(so_far.waves, so_far.rows)
    moved = [
        one.row
        for one in so_far.rows
        if one.key in placed
        and placed[one.key][0].stratified_by
        and placed[one.key][1] != stratum_of.get(one.row)
    ]
    if moved or dict(earlier[-1].population) != dict(sizes):
        raise UsageError("coding-strata-changed", by=design.stratified_by, count=len(moved))


def _with_chances(population: _Population, wave: Wave | None) -> pl.DataFrame:
    """Rows with the chance of each within its group, where one of a group is drawn."""
    frame = population.frame
    if wave is not None and wave.design == ONE_PER_GROUP:
        return frame.with_columns((1 / pl.len().over(_GROUP)).alias("within"))
    return frame


def _draw_groups(so_far: _SoFar, design: Design) -> DrawnWave:
    population, before, plan = so_far.population, so_far.rows, so_far.plan
    frame = population.frame
    if not all(one.group for one in before):
        raise UsageError("coding-groups-first", group=design.group)
    earlier = draws_of(so_far.waves, before)
    by_key = {one.key: one for one in before}
    had = {by_key[key].group for key in earlier}
    wave = Wave(
        number=len(so_far.waves) + 1,
        population={"": frame.height},
        design=design.name,
        seed=plan.seed,
        grouped_by=design.group,
        drawn_at=now(),
    )
    short: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    if design.stratified_by:
        strata = _groups_in_strata(so_far, design, had)
        order, short, unseen = strata.order, strata.short, strata.unseen
        wave = replace(
            wave,
            population=_sizes(frame),
            clusters=strata.sizes,
            stratified_by=design.stratified_by,
            allocation=design.allocation,
            run=design.run,
        )
    else:
        names = frame[_GROUP].unique(maintain_order=True)
        order = drawn(names, len(had) + design.count, plan.seed, GROUPS)[len(had) :]
        wave = replace(wave, clusters={"": len(names)})
    if len(order) < design.count:
        of = sum(wave.clusters.values())
        raise UsageError("sample-too-few-groups", groups=design.count, left=len(order), of=of)
    place = {name: at for at, name in enumerate(order)}
    of_groups = _with_chances(population, wave).filter(pl.col(_GROUP).is_in(pl.Series(order).implode()))
    picked = sorted(
        (place[row[_GROUP]], draw_of(row[_ROW], plan.seed, design.name), row[_ROW])
        for row in of_groups.select(_ROW, _GROUP).iter_rows(named=True)
    )
    if not design.whole_groups:
        picked = list({at: (at, hashed, row) for at, hashed, row in reversed(picked)}.values())
        picked.reverse()
    known = {one.row: one for one in before}
    rows = [row for _, _, row in picked]
    stratum_of = (
        dict(of_groups.select(_ROW, _STRATUM).iter_rows())
        if design.stratified_by
        else dict.fromkeys(rows, "")
    )
    wave = replace(wave, also={known[row].key: stratum_of[row] for row in rows if row in known})
    chosen = pl.DataFrame({_ROW: [row for row in rows if row not in known]}, schema={_ROW: pl.Int64}).join(
        of_groups, on=_ROW, how="left", maintain_order="left"
    )
    return replace(_drawn(so_far, wave, chosen), short=short, unseen=unseen)


@dataclass(frozen=True, slots=True)
class _GroupsInStrata:
    """
    Groups that are drawn in strata.

    Attributes:
        order: Their names, in the order in which they are drawn.
        sizes: How many groups each stratum has.
        short, unseen: As in `DrawnWave`, counted in groups.
    """

    order: list[str]
    sizes: Mapping[str, int]
    short: tuple[str, ...]
    unseen: tuple[str, ...]


def _groups_in_strata(so_far: _SoFar, design: Design, had: Collection[str]) -> _GroupsInStrata:
    """
    Draw groups in strata, so many of each: by the same hashes as without.

    Args:
        so_far, design: As for `draw_wave`.
        had: Names of those that were drawn before.
    Raises:
        UsageError: A group lies in several strata: drawn with one of them it would come with rows of the
            others, which had another chance.
    """
    frame, seed = so_far.population.frame, so_far.plan.seed
    _strata_of_before(so_far, design, _sizes(frame))
    groups = frame.group_by(_GROUP, maintain_order=True).agg(
        pl.col(_STRATUM).first(), pl.col(_STRATUM).n_unique().alias("strata")
    )
    torn = groups.filter(pl.col("strata") > 1)[_GROUP]
    if torn.len():
        raise UsageError(
            "sample-groups-in-several-strata",
            group=design.group,
            by=design.stratified_by,
            count=torn.len(),
            names=torn.head(_SHOWN).to_list(),
        )
    sizes = _sizes(groups)
    drawn_before = groups.filter(pl.col(_GROUP).is_in(pl.Series([*had], dtype=pl.String).implode()))
    taken = _sizes(drawn_before)
    wanted = _wanted(design, sizes, taken)
    chosen: list[tuple[bytes, str]] = []
    for name, count in wanted.items():
        free = [one for one in groups.filter(pl.col(_STRATUM) == name)[_GROUP] if one not in had]
        chosen += [(draw_of(one, seed, GROUPS), one) for one in drawn(free, count, seed, GROUPS)]
    has = {name: taken.get(name, 0) + count for name, count in wanted.items()}
    return _GroupsInStrata(
        order=[name for _, name in sorted(chosen)],
        sizes=sizes,
        short=tuple(name for name in sizes if has[name] < design.at_least),
        unseen=tuple(name for name in sizes if not has[name]),
    )


def _drawn(so_far: _SoFar, wave: Wave, chosen: pl.DataFrame) -> DrawnWave:
    """The rows with their texts; one whose text and context are there already names the row that has them."""
    table, plan, population = so_far.table, so_far.plan, so_far.population
    beside = {name: table.column(name) for name in plan.context}
    tasks = tasks_of(table, chosen[_ROW].to_list(), table.column(plan.text), beside)
    first = {(one.text, *one.context.values()): one.key for one in so_far.rows if not one.same_as}
    rows = []
    for row in chosen.iter_rows(named=True):
        task = tasks[row[_ROW]]
        said = (task.text, *task.context.values())
        group = row.get(_GROUP) or ""
        is_test = is_for_test(group or task.text, plan.seed, plan.test)
        rows.append(
            DrawnRow(
                key=task.key,
                row=row[_ROW],
                text=task.text,
                context=task.context,
                wave=wave.number,
                stratum=row.get(_STRATUM) or "",
                group=group,
                part=("test" if is_test else "dev") if plan.test else "",
                same_as=first.get(said, ""),
                within=row.get("within") or 1.0,
            )
        )
        first.setdefault(said, task.key)
    return DrawnWave(
        wave=wave,
        rows=rows,
        of_rows=population.frame.height,
        without_text=population.without_text,
        without_group=population.without_group,
        repeats=sum(bool(one.same_as) for one in rows),
        adopted=len(wave.also),
        notes=(*table.notes, *_told_of_examples(population)),
    )


@dataclass(frozen=True, slots=True)
class ReplayedWave:
    """
    A wave that was drawn anew.

    Attributes:
        number: Of the wave.
        is_same: Whether the same rows came, of the same texts, strata and parts; None where it cannot be
            told: the wave was no chance, or the labels that were its strata are gone.
        missing, further: Rows that are in the wave and were not drawn now; and the other way round.
    """

    number: int
    is_same: bool | None
    missing: tuple[int, ...] = ()
    further: tuple[int, ...] = ()


def replay_wave(
    table: Table,
    plan: CodingSet,
    waves: Sequence[Wave],
    rows: Sequence[DrawnRow],
    labels: pl.DataFrame | None,
) -> ReplayedWave:
    """
    Draw the last of some waves anew, and compare.

    Args:
        table: That the set is of.
        plan: Of the set.
        waves: The wave, with those before it.
        rows: Of these.
        labels: A model's labels that the strata are of; None where they are a column of the table, or gone.
    """
    wave, before = waves[-1], [one for one in rows if one.wave < waves[-1].number]
    if wave.chosen_by != "chance" or (wave.run and labels is None):
        return ReplayedWave(wave.number, None)
    of_wave = [one for one in rows if one.wave == wave.number]
    earlier = draws_of(waves[:-1], before)
    adopted = [one for one in before if one.key in wave.also and one.key not in earlier]
    drawn_now = [*of_wave, *adopted]
    strata = [(one, one.stratum) for one in of_wave] + [(one, wave.also[one.key]) for one in adopted]
    if wave.grouped_by:
        given = Counter({one.group: stratum for one, stratum in strata}.values())
    else:
        given = Counter(stratum for _, stratum in strata)
    design = Design(
        count=len({one.group for one in drawn_now}) if wave.grouped_by else len(drawn_now),
        stratify="" if wave.run else wave.stratified_by,
        by_labels=labels,
        variable=wave.stratified_by if wave.run else "",
        allocation="given" if wave.stratified_by else "proportional",
        given=given if wave.stratified_by else {},
        group=wave.grouped_by,
        whole_groups=wave.design == GROUPS,
    )
    try:
        found = draw_wave(table, plan, design, waves[:-1], before)
    except RowbatchError:
        # There are not so many rows, or other strata: it cannot have been drawn like this.
        return ReplayedWave(wave.number, False)
    is_same = (
        [*found.rows] == of_wave
        and found.wave.also.keys() == wave.also.keys()
        and dict(found.wave.population) == dict(wave.population)
    )
    had, now_drawn = ({one.row for one in group} for group in (of_wave, found.rows))
    return ReplayedWave(
        wave.number, is_same, tuple(sorted(had - now_drawn)[:_SHOWN]), tuple(sorted(now_drawn - had)[:_SHOWN])
    )
