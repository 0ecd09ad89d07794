"""
Rows that are asked several times: which requests are theirs, and what their answers come to together.

Each row has so many requests in a row: those of row 1 come first, then those of row 2. So everything between
the requests and the answers goes on with numbers of requests, as it does with numbers of rows where each is
asked once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from rowbatch.core.confidence import BASIS_COLUMN, Measured, column_of
from rowbatch.core.fate import decides
from rowbatch.core.states import RowStatus

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook
    from rowbatch.core.kinds.base import Variable


def agreement_basis(samples: int) -> str:
    """What the confidence of a row comes from that was asked so often."""
    return f"agreement of {samples} samples"


def request_numbers(rows: pl.Series, samples: int) -> pl.Series:
    """The numbers of the requests of some rows: of each as many as it has samples, in order."""
    if samples == 1:
        return rows
    first = (rows - 1) * samples + 1
    numbers = pl.DataFrame({"first": first}).select(
        pl.int_ranges("first", pl.col("first") + samples).explode().alias(rows.name)
    )
    return numbers.to_series().cast(pl.Int64)


def row_of_request(number: int, samples: int) -> int:
    """The row that a request asks."""
    return (number - 1) // samples + 1


def merged_samples(
    answers: pl.DataFrame, samples: int, wanted: Sequence[Measured], codebook: Codebook | None = None
) -> pl.DataFrame:
    """
    One answer for each row, of those to its samples.

    The status, the model and free text are those of the sample that says most, the first of equals; each
    value that can be counted is the commonest one among usable answers, of equally common ones the one that
    came first. Its confidence is the share of all samples that agree with it, those without an answer too.

    Values go together: what depends on others is counted among the samples in which it applied, and is there
    only where it applies to what was counted of the others; a reason and a quote are those of the first
    sample that says the value which they are of.

    Args:
        answers: As `RunAnswers.of_rows`, by number of request, sorted; all samples of a row.
        samples: How many a row has.
        wanted: The values that are counted.
        codebook: What was asked; None where no value depends on another.
    Returns:
        The same columns by number of row, and how sure the model was, as in `Lines`.
    """
    numbered = answers.with_columns(((pl.col("row") - 1) // samples + 1).alias("row"))
    numbered = numbered.with_columns(answers["row"].alias("number"))
    merged = numbered.filter(decides(numbered))
    is_ok = pl.col("status") == RowStatus.OK.value
    usable = numbered.filter(is_ok)
    counted = {one.place for one in wanted}
    variables = codebook.variables if codebook is not None else ()
    for place in range(len(variables)) if variables else sorted(counted):
        applying = usable
        if codebook is not None and variables[place].only_if:
            applying = usable.filter(_applies(codebook, variables[place], usable))
        name = str(place)
        if place in counted:
            merged = _commonest(merged, applying, name, samples)
            speakers = applying.join(merged.select("row", name), on=["row", name], how="semi")
        elif applying is not usable:
            merged = _of_first(merged, applying, [name])
            speakers = applying
        else:
            # Words that are asked of every row stay those of the sample that decides.
            speakers = None
        if codebook is None or not variables:
            continue
        beside = [str(codebook.columns.index(one.name)) for one in codebook.beside(variables[place])]
        if speakers is not None and beside:
            merged = _of_first(merged, speakers, beside)
        if variables[place].only_if:
            is_asked = _applies(codebook, variables[place], merged)
            merged = merged.with_columns(
                *(
                    pl.when(is_asked).then(pl.col(each)).otherwise(pl.lit("")).alias(each)
                    for each in (name, *beside)
                ),
                *([pl.when(is_asked).then(pl.col(column_of(place)))] if place in counted else []),
            )
    return merged.select(
        *(pl.col(name).fill_null("") if name.isdecimal() else pl.col(name) for name in answers.columns),
        *(column_of(one.place) for one in wanted),
        pl.when(is_ok).then(pl.lit(agreement_basis(samples))).otherwise(pl.lit("")).alias(BASIS_COLUMN),
    )


def _commonest(merged: pl.DataFrame, samples_of: pl.DataFrame, name: str, samples: int) -> pl.DataFrame:
    """The same rows with the commonest of a value, and the share of samples that agree."""
    counted = samples_of.group_by("row", name).agg(
        pl.len().alias("agree"), pl.col("number").min().alias("first")
    )
    commonest = counted.sort("row", "agree", "first", descending=[False, True, False]).unique(
        "row", keep="first", maintain_order=True
    )
    share = (pl.col("agree") / samples).round(6).alias(column_of(int(name)))
    return merged.drop(name).join(
        commonest.select("row", name, share), on="row", how="left", maintain_order="left"
    )


def _of_first(merged: pl.DataFrame, speakers: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The same rows with the values of the first of some samples of each; without any they have none."""
    first = speakers.sort("number").unique("row", keep="first", maintain_order=True)
    return merged.drop(names).join(first.select("row", *names), on="row", how="left", maintain_order="left")


def _applies(codebook: Codebook, variable: Variable, answers: pl.DataFrame) -> pl.Expr:
    """Whether a variable is asked, by the values of others in the same answer."""
    fits = []
    for name, values in variable.only_if.items():
        place = codebook.columns.index(name)
        other = codebook.variables[place]
        allowed = frozenset(map(other.read, values))
        found = answers[str(place)].drop_nulls().unique()
        fitting = [value for value in found if value and other.is_among(value, allowed)]
        fits.append(pl.col(str(place)).is_in(fitting))
    return pl.all_horizontal(fits)
