"""
Which row a result is of, by what stands in the table: `comment-3` is the row whose `id` is 3.

An id is one value of a row, or several with constant text (a template), with the same text before and behind
it in all ids; where a row has several results, another text behind it in each. It is cut only where letters,
digits and other characters meet, so that `row-12` is never the value 2.

Values are compared exactly. Where that does not find all ids, they are compared as whole numbers too: `3.0`,
which pandas makes of 3 in a column with gaps, is 3, and `007` is 7, as long as no two values become one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import polars as pl

from rowbatch.core.template import Column, Template
from rowbatch.errors import InputError, UsageError
from rowbatch.tables.base import Table

# Letters, digits, and any other character by itself: an id is cut between two of these.
_PIECES = r"[0-9]+|\p{Alphabetic}+|[^0-9\p{Alphabetic}]"
_LETTERS = r"[0-9]+|[^0-9]"
_WHOLE_NUMBER = r"^\s*0*([0-9]+?)(?:\.0+)?\s*$"
_SAMPLE = 40
_MOST_CUTS = 60
# At a time: the pieces of an id take some hundred bytes.
_IDS_AT_ONCE = 100_000
# What ids must have so that a column that nobody named is the one: this share of its values, or so many
# characters of them.
_SURE_SHARE = 0.5
_SURE_CHARS = 12


class RowKeys(NamedTuple):
    """
    What tells the rows of a table apart.

    Attributes:
        name: Of the column, or the template, for people.
        keys: A text for each row, null where it has none.
        is_whole: They are made by a template: an id is such a text, or begins with it where rows have several
            results.
    """

    name: str
    keys: pl.Series
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """
    Which row each id is of.

    Attributes:
        name: Of the column or template.
        rows: `id` and `row` (from 1) of those that have one, and `variant`: what stands behind the value
            where a row has several results, without the sign before it; else "".
        found: How many ids have a row.
        ids: How many ids there are.
        values: How many rows of the table have a value.
        chars: How many characters the values of these ids have in all.
        as_numbers: The values were compared as whole numbers.
        other: An id that may be of another row just as well, its row here and the other one; or None.
    """

    name: str
    rows: pl.DataFrame
    found: int
    ids: int
    values: int
    chars: int
    as_numbers: bool
    other: tuple[str, int, int] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether each id has a row."""
        return self.found == self.ids

    @property
    def is_sure(self) -> bool:
        """Whether all that is no accident, although nobody said which column it is."""
        return (
            self.is_whole
            and self.other is None
            and (self.found >= _SURE_SHARE * self.values or self.chars >= _SURE_CHARS)
        )

    def is_same(self, other: Reading) -> bool:
        """Whether both put each id into the same row."""
        mine, theirs = (one.rows.select("id", "row").sort("id") for one in (self, other))
        return mine.equals(theirs)


def key_template(text: str) -> Template:
    """
    What `--id` says: the name of a column, or a template with `{{column}}`.

    Raises:
        UsageError: It has braces without a partner, or names no column.
    """
    template = Template.parse(text) if "{{" in text else Template.column_only(text)
    if not template.columns or not text:
        raise UsageError("id-without-column", text=text)
    return template


def read_keys(table: Table, said: str) -> RowKeys:
    """
    Read the keys of all rows.

    Args:
        table: Is read once.
        said: A column, or a template.
    Raises:
        TableError: There is no such column, or the table is broken.
    """
    template = key_template(said)
    key = rendered_keys(template, {name: str(table.column(name)) for name in template.columns})
    keys = [chunk.frame.select(key).to_series() for chunk in table.chunks()]
    return RowKeys(said, pl.concat(keys) if len(keys) > 1 else keys[0], is_whole="{{" in said)


def rendered_keys(template: Template, places: Mapping[str, str]) -> pl.Expr:
    """
    A template's text for each row, null where a cell that it needs is empty.

    Args:
        template: With at least one column.
        places: Of its columns in the frame.
    """
    parts = [
        pl.col(places[part.name]) if isinstance(part, Column) else pl.lit(part) for part in template.parts
    ]
    is_empty = pl.any_horizontal(pl.col(cell).str.strip_chars() == "" for cell in places.values())
    return pl.when(is_empty).then(None).otherwise(pl.concat_str(parts)).alias("key")


def counted_keys(rows: int, first_number: int) -> RowKeys:
    """Row numbers as keys."""
    numbers = pl.int_range(first_number, first_number + rows, dtype=pl.Int64, eager=True)
    return RowKeys("", numbers.cast(pl.String).alias("key"), is_whole=False)


def read_ids(ids: pl.Series, keys: RowKeys, *, several: bool) -> Reading:
    """
    Find the row of each id.

    Args:
        ids: Different ones.
        keys: Of the rows.
        several: A row may have several results, whose ids differ behind its value.
    Returns:
        The reading that finds most.
    Raises:
        InputError: A value that is needed stands in two rows.
    """
    frame = pl.DataFrame(
        {"key": keys.keys, "row": pl.int_range(1, len(keys.keys) + 1, dtype=pl.Int64, eager=True)}
    ).drop_nulls("key")
    exact = _best(ids, keys, frame, several=several, as_numbers=False)
    if exact.is_whole:
        return exact
    loose = frame.with_columns(_loose(pl.col("key")))
    if loose["key"].n_unique() < frame["key"].n_unique():
        return exact
    numbers = _best(ids, keys, loose, several=several, as_numbers=True)
    return numbers if numbers.found > exact.found else exact


def _loose(text: pl.Expr) -> pl.Expr:
    return pl.coalesce(text.str.extract(_WHOLE_NUMBER), text.str.strip_chars())


class _Cut(NamedTuple):
    """How many characters stand before the value in an id, and what stands behind it in all of them."""

    before: int
    behind: str


def _best(ids: pl.Series, keys: RowKeys, frame: pl.DataFrame, *, several: bool, as_numbers: bool) -> Reading:
    best: Reading | None = None
    cuts = list(_cuts(ids, keys, frame, several=several, as_numbers=as_numbers))
    whole_pieces = len(cuts)
    if cuts and cuts[0] != _Cut(0, "") and not several:
        # In `xa1` the value may be a1 as well, where the column has that too: then nobody can say.
        within = _cuts(ids, keys, frame, several=several, as_numbers=as_numbers, within_words=True)
        cuts += [cut for cut in within if cut not in cuts]
    for place, cut in enumerate(cuts):
        rows = _rows_by(ids, cut, frame, several=several, as_numbers=as_numbers)
        ids_of = rows["id"].n_unique()
        found = Reading(
            name=keys.name,
            rows=rows.select("id", "row", "variant").unique("id", maintain_order=True),
            found=ids_of,
            ids=len(ids),
            values=frame.height,
            chars=int(rows["key"].str.len_chars().sum() or 0),
            as_numbers=as_numbers,
        )
        is_doubt = place >= whole_pieces and best is not None
        is_as_good = best is not None and (
            found.found == best.found or (is_doubt and found.found > best.found)
        )
        if best is not None and best.other is None and is_as_good:
            best = replace(best, other=_difference(best, found))
        if found.is_whole and cut == _Cut(0, "") and not several:
            # The values themselves: what else could be cut off is no question then.
            _require_single(keys.name, rows)
            return found
        if best is None or (found.found > best.found and not is_doubt):
            _require_single(keys.name, rows)
            best = found
    empty = pl.DataFrame(schema={"id": pl.String, "row": pl.Int64, "variant": pl.String})
    return best or Reading(keys.name, empty, 0, len(ids), frame.height, 0, as_numbers)


def _difference(one: Reading, other: Reading) -> tuple[str, int, int] | None:
    """An id whose row differs between two readings, and both rows."""
    both = one.rows.join(other.rows, on="id", how="inner", suffix="_other", maintain_order="left")
    differs = both.filter(pl.col("row") != pl.col("row_other"))
    if differs.height:
        return str(differs["id"][0]), int(differs["row"][0]), int(differs["row_other"][0])
    return None


def _require_single(name: str, rows: pl.DataFrame) -> None:
    double = rows.filter(rows["id"].is_duplicated()).sort("id", "row")
    if double.height:
        raise InputError(
            "id-value-twice",
            column=name,
            value=double["key"][0],
            first=int(double["row"][0]),
            second=int(double["row"][1]),
        )


def _cuts(
    ids: pl.Series,
    keys: RowKeys,
    frame: pl.DataFrame,
    *,
    several: bool,
    as_numbers: bool,
    within_words: bool = False,
) -> Sequence[_Cut]:
    """
    The ways to cut ids that find most of a sample of them, equally many each.

    Args:
        ids: Not empty ones.
        within_words: Also between two letters.
    """
    if keys.is_whole:
        return [_Cut(0, "")]
    common = _common_prefix(ids)
    sample = ids.gather_every(max(1, len(ids) // _SAMPLE)).head(_SAMPLE)
    candidates = pl.DataFrame(
        list(_candidates(sample, common, several=several, within_words=within_words)),
        schema={"at": pl.Int64, "before": pl.Int64, "behind": pl.String, "key": pl.String},
        orient="row",
    )
    if as_numbers:
        candidates = candidates.with_columns(_loose(pl.col("key")))
    hits = candidates.filter(candidates["key"].is_in(frame["key"].implode()))
    by = ["before"] if several else ["before", "behind"]
    counts = hits.group_by(by).agg(pl.col("at").n_unique().alias("found"))
    if not counts.height:
        return ()
    most = counts.filter(pl.col("found") == pl.col("found").max()).sort(by)
    return [_Cut(row["before"], "" if several else row["behind"]) for row in most.iter_rows(named=True)][
        :_MOST_CUTS
    ]


def _candidates(
    sample: pl.Series, common: int, *, several: bool, within_words: bool = False
) -> Iterator[tuple[int, int, str, str]]:
    pieces = sample.str.extract_all(_LETTERS if within_words else _PIECES).to_list()
    for at, (text, parts) in enumerate(zip(sample.to_list(), pieces, strict=True)):
        ends = [0]
        for part in parts:
            ends.append(ends[-1] + len(part))
        ends = ends[: _MOST_CUTS + 1] if ends[-1] != len(text) else [*ends[:_MOST_CUTS], ends[-1]]
        for before in ends:
            if before > common:
                break
            for end in ends:
                if end > before:
                    yield at, before, "" if several else text[end:], text[before:end]


def _common_prefix(ids: pl.Series) -> int:
    """How many characters all ids begin with."""
    first, last = str(ids.min()), str(ids.max())
    same = (place for place, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    return next(same, min(len(first), len(last)))


def _rows_by(
    ids: pl.Series, cut: _Cut, frame: pl.DataFrame, *, several: bool, as_numbers: bool
) -> pl.DataFrame:
    """`id`, `key`, `variant` and `row` of the ids that have a row; of one with several rows each."""
    parts = []
    for start in range(0, len(ids), _IDS_AT_ONCE):
        some = pl.DataFrame({"id": ids[start : start + _IDS_AT_ONCE]})
        cells = _longest_first(some, cut) if several else _cut_off(some, cut)
        if as_numbers:
            cells = cells.with_columns(_loose(pl.col("key")))
        if several:
            # The longest value that there is: `2-1` before `2`.
            known = cells.filter(cells["key"].is_in(frame["key"].implode()))
            cells = known.unique("id", keep="first", maintain_order=True)
        parts.append(cells)
    return pl.concat(parts).join(frame, on="key", how="inner", maintain_order="left")


def _cut_off(some: pl.DataFrame, cut: _Cut) -> pl.DataFrame:
    chars = pl.col("id").str.len_chars().cast(pl.Int64) - cut.before - len(cut.behind)
    return (
        some.filter(pl.col("id").str.ends_with(cut.behind) & (chars > 0))
        .with_columns(pl.col("id").str.slice(cut.before, chars).alias("key"))
        .with_columns(pl.lit("").alias("variant"))
    )


def _longest_first(some: pl.DataFrame, cut: _Cut) -> pl.DataFrame:
    """Each id with each text that may be its value, the longest one first."""
    rest = pl.col("id").str.slice(cut.before)
    pieces = (
        some.with_columns(rest.alias("rest"))
        .with_columns(pl.col("rest").str.extract_all(_PIECES).alias("piece"))
        .explode("piece")
        .drop_nulls("piece")
    )
    ends = pl.col("piece").str.len_chars().cum_sum().over("id")
    return (
        pieces.with_columns(ends.alias("end"))
        .with_columns(
            pl.col("rest").str.slice(0, pl.col("end")).alias("key"),
            pl.col("rest").str.slice(pl.col("end")).str.strip_chars_start("-_.:/|# ").alias("variant"),
        )
        .select("id", "key", "variant")
        .reverse()
    )


def columns_with(ids: pl.Series, table: Table) -> tuple[list[str], int]:
    """
    The columns that may hold the values of ids: those of a sample of them all stand in it.

    Args:
        ids: Different ones.
        table: Is read once.
    Returns:
        Names, none that stands twice in the header; and how many rows the table has.
    """
    sample = ids.gather_every(max(1, len(ids) // _SAMPLE)).head(_SAMPLE)
    candidates = pl.DataFrame(
        list(_candidates(sample, _common_prefix(ids), several=False)),
        schema={"at": pl.Int64, "before": pl.Int64, "behind": pl.String, "key": pl.String},
        orient="row",
    ).select("at", pl.concat_list("key", _loose(pl.col("key"))).alias("key"))
    wanted = candidates.explode("key").unique()
    texts = wanted["key"].unique()
    found: dict[str, set[str]] = {
        str(place): set() for place, name in enumerate(table.header) if table.header.count(name) == 1
    }
    rows = 0
    for chunk in table.chunks():
        rows += chunk.frame.height
        for place, texts_found in found.items():
            cells = chunk.frame.select(pl.col(place).alias("key"))
            both = pl.concat([cells, cells.select(_loose(pl.col("key")))]).to_series()
            texts_found.update(both.filter(both.is_in(texts.implode())).unique().to_list())
    names = [
        table.header[int(place)]
        for place, texts_found in found.items()
        if wanted.filter(pl.col("key").is_in(list(texts_found)))["at"].n_unique() == len(sample)
    ]
    return names, rows
