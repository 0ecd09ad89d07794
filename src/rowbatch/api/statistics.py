"""
Statistics of any table, without a run: how far coders agree, what they coded in one table, and estimates
corrected for a model's errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import polars as pl

from rowbatch.core.choices import require_one_of
from rowbatch.core.label_list import read_labels, read_values
from rowbatch.core.statistics.alternative_annotator import EPSILONS, People
from rowbatch.core.statistics.among_coders import Level
from rowbatch.core.statistics.coder_agreement import Cells, CoderAgreement
from rowbatch.core.statistics.corrected import CorrectedEstimates, Method
from rowbatch.core.statistics.corrected_regression import Model
from rowbatch.core.statistics.figures import Resampling
from rowbatch.core.statistics.how_many import HowMany
from rowbatch.core.statistics.how_many import how_many as how_many_rows
from rowbatch.core.statistics.side_by_side import SideBySide
from rowbatch.core.table_options import ReadingKeywords, WriteOptions, reading_of
from rowbatch.errors import UsageError
from rowbatch.tables.frames import from_frame
from rowbatch.tools import merge_coders as merge_tool
from rowbatch.tools.agree import Coders, agree_columns
from rowbatch.tools.correct import Estimand, correct_columns
from rowbatch.tools.how_many import Pilot, how_many_of_pilot, how_many_of_table
from rowbatch.tools.merge_coders import MergeReport, OnContradiction
from rowbatch.tools.side_by_side import Labelled, compare_labelled


def agree(
    table: str | Path | object,
    coders: str | Sequence[str],
    *,
    gold: str | None = None,
    level: Level = "nominal",
    labels: str | Sequence[object] = (),
    missing: str | Sequence[object] = (),
    probability: str | None = None,
    several: bool = False,
    separator: str = ";",
    none: str | Sequence[object] = (),
    quotes: bool = False,
    text: str | None = None,
    alt_test: str | None = None,
    people: People = "experts",
    epsilon: float | None = None,
    calibration: str | None = None,
    confidence: float = 0.95,
    draws: int = 2_000,
    seed: int = 1,
    **reading: Unpack[ReadingKeywords],
) -> CoderAgreement:
    """
    How far columns of a table agree, which hold what coders said of each row.

    Empty cells are missing. A text such as `NA` is a label, unless `missing` says otherwise.

    Args:
        table: A table of any format, or a data frame.
        coders: Columns, one a coder: a list, or one text with commas in between.
        gold: The column that is right. Answers that are not there are wrong then.
        level: What the order of values means: `nominal` nothing, `ordinal` an order, `interval` distances,
            `ratio`
            distances from a true zero.
        labels: All labels, in order; by default those that occur, numbers by size.
        missing: Texts that mean that nothing was said.
        probability: Column with how likely each row was drawn, where rows were not drawn alike.
        several: Whether a cell may hold several labels.
        separator: Between them; JSON lists are read, too.
        none: Cells that say that no label applies, or that nothing is quoted; an empty text means empty
            cells.
        quotes: Whether cells hold quotes of a text: a JSON list, a quote a line, or one.
        text: Column with the text that is quoted.
        alt_test: Column of a model: may it replace one of the coders?
        people: What the coders are, `experts`, `skilled` or `crowd`: how much worse the model may be, since
            it costs less (0.2, 0.15, 0.1).
        epsilon: The same as a number.
        calibration: Column with the confidence, from 0 to 1, of the one coder who is beside gold.
        confidence: Of the intervals.
        draws: How many samples are drawn for them.
        seed: Of these draws.
        reading: How the table is read, see `ReadOptions`.
    Raises:
        UsageError: The columns or cells do not fit, with the row.
        TableError: There is no such column, or the table is broken.
    """
    require_one_of("people", people, list(EPSILONS))
    return agree_columns(
        _source(table),
        Coders(
            names=tuple(read_labels(coders)),
            gold=gold,
            level=level,
            labels=tuple(read_labels(labels)) if labels else (),
            missing=tuple(read_values(missing)),
            probability=probability,
            cells=_cells(several=several, quotes=quotes),
            separator=separator,
            none=("",) if none == "" else tuple(read_values(none)),
            text=text,
            model=alt_test,
            epsilon=EPSILONS[people] if epsilon is None else epsilon,
            sure=calibration,
        ),
        resampling_of(confidence, draws, seed),
        reading_of(reading),
    )


def _cells(*, several: bool, quotes: bool) -> Cells:
    if several and quotes:
        raise UsageError("agree-one-kind")
    return "labels" if several else "quotes" if quotes else "label"


def resampling_of(confidence: float, draws: int, seed: int) -> Resampling:
    """
    How intervals are found.

    Raises:
        UsageError: The level is no share, there are too few draws, or the seed is below 0.
    """
    if not 0.5 <= confidence < 1:
        raise UsageError("confidence-no-share", confidence=confidence)
    if draws < 100 or seed < 0:
        raise UsageError("draws-too-few", draws=draws, seed=seed)
    return Resampling(confidence, draws, seed)


def _source(table: str | Path | object) -> Path | pl.DataFrame:
    return Path(table) if isinstance(table, str | Path) else from_frame(table)


def correct(
    table: str | Path | object,
    *,
    predicted: str,
    gold: str,
    label: object | None = None,
    probability: str | None = None,
    method: Method = "ppi",
    level: float = 0.95,
    by: str | None = None,
    between: str | Sequence[str] = (),
    on: str | Sequence[str] = (),
    outcome: str | None = None,
    model: Model = "linear",
    cluster: str | None = None,
    missing: str | Sequence[object] = (),
    cant_say: str | None = None,
    draws: int = 2_000,
    seed: int = 1,
    **reading: Unpack[ReadingKeywords],
) -> CorrectedEstimates:
    """
    Shares, means, differences and regressions, corrected for the errors of a model's labels.

    Of a sample that was drawn at random people know the truth; of all rows there is what a model says. Each
    number
    comes three times: of the model alone, which is biased, of people alone, and of both.

    Args:
        table: A table of any format, or a data frame.
        predicted: Column with the model's values.
        gold: Column with people's; rows where it is empty are the unlabelled ones.
        label: Whose share is wanted; by default the mean of numbers, or the share of every label.
        probability: Column with how likely each row was to be labelled, where not all were alike.
        method: `ppi` (PPI++), `dsl`, or for shares `rogan-gladen`.
        level: Of the intervals.
        by: Column with groups, each of which is estimated; of two also their difference.
        between: The two groups whose difference is wanted, where there are more.
        on: Columns with predictors: the label is regressed on them.
        outcome: Column that is regressed on the label, and on those of `on`.
        model: Of the regression: `linear` or `logistic`.
        cluster: Column with what belongs together, as texts of one person.
        missing: Texts that mean that nothing was said, besides empty cells.
        cant_say: What means that no number can be said of a row, as "can't say": the mean is then that of the
            rows of which people can say one.
        draws: How many draws the intervals of shares are made of.
        seed: Of these draws.
        reading: How the table is read, see `ReadOptions`.
    Raises:
        UsageError: Something does not fit together, or a cell is not what it should be, with its row.
        TableError: There is no such column, or the table is broken.
    """
    return correct_columns(
        _source(table),
        Estimand(
            predicted=predicted,
            gold=gold,
            label=None if label is None else read_values([label])[0],
            probability=probability,
            method=method,
            by=by,
            between=tuple(read_labels(between)) if between else (),
            on=tuple(read_labels(on)) if on else (),
            outcome=outcome,
            model=model,
            cluster=cluster,
            missing=tuple(read_values(missing)),
            cant_say=cant_say,
        ),
        resampling_of(level, draws, seed),
        reading_of(reading),
    )


def merge_coders(
    files: str | Path | Sequence[str | Path],
    output: str | Path,
    *,
    key: str,
    value: str | Sequence[str] = (),
    coder: str | None = None,
    coders: str | Sequence[str] = (),
    variable: str | None = None,
    missing: str | Sequence[object] = (),
    contradictions: OnContradiction = "refuse",
    writing: WriteOptions | None = None,
    overwrite: bool = False,
    **reading: Unpack[ReadingKeywords],
) -> MergeReport:
    """
    What several people coded, in any layout, becomes one table with a column a coder, as `agree` takes it.

    Args:
        files: A table, or several: a file a coder, called by its name; or with `coder` or `coders` any.
        output: The table; its ending says the format.
        key: Column that says which row is meant.
        value: Columns with what was coded.
        coder: Column that says who coded, where a row is what one coder said.
        coders: Columns, one a coder, where rows of one key have to be put together.
        variable: Column that says which variable a value is of, with `coder`.
        missing: Texts that mean that nothing was said, besides empty cells.
        contradictions: Where one coder said different things of one row: `refuse`, leave `empty`, or take the
            `first` or `last`.
        writing: How the output is written.
        overwrite: Whether it may be replaced.
        reading: How the tables are read, see `ReadOptions`.
    Raises:
        UsageError: The layout is ambiguous, a row has no key or coder, or there are contradictions.
        TableError: A table is broken.
        OutputExists, StorageError: The output cannot be written.
    """
    paths = [files] if isinstance(files, str | Path) else files
    return merge_tool.merge_coders(
        [Path(path) for path in paths],
        Path(output),
        merge_tool.Layout(
            key=key,
            values=tuple(read_labels(value)) if value else (),
            coder=coder,
            coders=tuple(read_labels(coders)) if coders else (),
            variable=variable,
            missing=tuple(read_values(missing)),
            on_contradiction=contradictions,
        ),
        reading=reading_of(reading),
        writing=writing,
        overwrite=overwrite,
    )


def compare(
    first: str | Path | object,
    second: str | Path | object | None = None,
    *,
    variable: str | None = None,
    columns: str | Sequence[str] = (),
    key: str | None = None,
    gold: str | None = None,
    level: Level = "nominal",
    labels: str | Sequence[object] = (),
    missing: str | Sequence[object] = (),
    probability: str | None = None,
    several: bool = False,
    separator: str = ";",
    none: str | Sequence[object] = (),
    confidence: float = 0.95,
    draws: int = 2_000,
    seed: int = 1,
    **reading: Unpack[ReadingKeywords],
) -> SideBySide:
    """
    Two labelled tables or runs on the same rows, or two columns of one: how often they say the same, what
    became what, and beside gold which one is right more often.

    Args:
        first, second: Tables of any format, runs, or data frames; without `second` two `columns` of one.
        variable: Column of both with the labels. Of runs it is by default the only variable of the codebook.
        columns: Two columns: of one table, or the one of the first and the one of the second.
        key: Column of both that says which rows belong together; by default they stand in one order, which
            has to be seen in other columns.
        gold: The column that is right, of either.
        level, labels, missing, probability, several, separator, none: As of `agree`.
        confidence: Of the intervals.
        draws: How many samples are drawn for them.
        seed: Of these draws.
        reading: How the tables are read, see `ReadOptions`.
    Raises:
        UsageError: Nobody knows what is compared, or which rows belong together.
        TableError: There is no such column, or a table is broken.
    """
    named = read_labels(columns) if columns else [variable or ""] * 2
    if len(named) != 2 or (variable is not None and columns) or (second is None and not columns):
        raise UsageError("compare-nothing-to-compare")
    one = _labelled(first, named[0], "first")
    other = replace(one, column=named[1]) if second is None else _labelled(second, named[1], "second")
    return compare_labelled(
        one,
        other,
        Coders(
            names=(),
            gold=gold,
            level=level,
            labels=tuple(read_labels(labels)) if labels else (),
            missing=tuple(read_values(missing)),
            probability=probability,
            cells=_cells(several=several, quotes=False),
            separator=separator,
            none=("",) if none == "" else tuple(read_values(none)),
        ),
        resampling_of(confidence, draws, seed),
        key=key,
        reading=reading_of(reading),
    )


def _labelled(source: str | Path | object, column: str, name: str) -> Labelled:
    """A table with its labels; of a run its labelled table, its model and what it did cost."""
    if not isinstance(source, str | Path):
        if not column:
            raise UsageError("compare-nothing-to-compare")
        return Labelled(from_frame(source), name, column)
    path = Path(source)
    if (path / "run.toml").is_file() or not (path.exists() or path.suffix):
        from rowbatch.api.runs import open_run

        run = open_run(path)
        variables = [one.name for one in run.codebook.variables]
        if not column and len(variables) != 1:
            raise UsageError("compare-nothing-to-compare")
        frame = run.table()
        status = run.status(most_states=0)
        return Labelled(frame, run.path.name, column or variables[0], status.model, status.spent_usd)
    if not column:
        raise UsageError("compare-nothing-to-compare")
    return Labelled(path, path.name, column)


def how_many(
    table: str | Path | object | None = None,
    *,
    predicted: str | None = None,
    gold: str | None = None,
    label: object | None = None,
    mean: bool = False,
    of: int | None = None,
    half_width: float | None = None,
    missing: str | Sequence[object] = (),
    level: float = 0.95,
    **reading: Unpack[ReadingKeywords],
) -> HowMany:
    """
    How many rows people have to code: how wide the interval of a share will be, before anyone codes.

    Of a pilot, rows that people coded already, of people alone and corrected by a model's values; without one
    of the worst case, a share of one half.

    Args:
        table: A table with the model's values, or a data frame; None where there is none yet.
        predicted: Column with the model's values.
        gold: Column with people's; rows where it is empty are not coded yet.
        label: Whose share is wanted; None means the one that needs the most rows.
        mean: The mean of numbers is wanted, and not a share.
        of: Rows of the table that the sample is drawn from; None means those of `table`, or endless.
        half_width: Say how many rows give an interval that is no wider to each side.
        missing: Texts that mean that nothing was said, besides empty cells.
        level: Of the intervals.
        reading: How the table is read, see `ReadOptions`.
    Raises:
        UsageError: The pilot is too small, or something does not fit together.
        TableError: There is no such column, or the table is broken.
    """
    wanted = None if label is None else read_values([label])[0]
    if (predicted is None) != (gold is None) or (predicted is not None and table is None):
        raise UsageError("how-many-columns")
    if predicted is None or gold is None:
        if wanted is not None or mean:
            raise UsageError("how-many-columns")
        if table is None:
            found = how_many_rows([], of, level=level)
        else:
            found = how_many_of_table(_source(table), of, level, reading_of(reading))
        return found if half_width is None else found.for_width(half_width)
    found = how_many_of_pilot(
        _source(table),
        Pilot(predicted, gold, wanted, mean=mean, of=of, missing=tuple(read_values(missing)), level=level),
        reading_of(reading),
    )
    return found if half_width is None else found.for_width(half_width)
