"""`merge-coders`: what several people coded, in any layout, becomes one table with a column a coder."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import polars as pl

from rowbatch.core.choices import require_one_of
from rowbatch.core.document import Shown
from rowbatch.core.spelling import without_point
from rowbatch.core.table_options import ReadOptions, WriteOptions
from rowbatch.errors import UsageError
from rowbatch.programs.opening import open_table
from rowbatch.store.atomic import atomic_path
from rowbatch.tables.base import Table, TableChunk
from rowbatch.tables.frame_table import positional
from rowbatch.tables.losses import losses
from rowbatch.tables.writer import TableShape, format_of, open_writer
from rowbatch.words.notice import Notice

OnContradiction = Literal["refuse", "empty", "first", "last"]

_SHOWN = 20
_ROWS_PER_CHUNK = 50_000
# Between different texts of one coder about one row, in columns that are no values.
_BETWEEN = "; "
_KEY, _CODER, _VARIABLE, _VALUE, _FILE, _ROW = "key", "coder", "variable", "value", "file", "row"


@dataclass(frozen=True, slots=True)
class Layout:
    """
    Where keys, coders and values stand.

    Attributes:
        key: Column that says which row of the table is meant.
        values: Columns with what was coded.
        coder: Column that says who coded: a row is what one coder said of one thing (long). None means that a
            file is a coder's, called by its name; or with `coders`, that each has a column.
        coders: Columns, one a coder (wide): rows of one key are put together.
        variable: Column that says which variable a value is of; with `coder` only.
        missing: Texts that mean that nothing was said, besides empty cells.
        on_contradiction: What becomes of a cell of which one coder said different things.
    """

    key: str
    values: tuple[str, ...] = ()
    coder: str | None = None
    coders: tuple[str, ...] = ()
    variable: str | None = None
    missing: tuple[str, ...] = ()
    on_contradiction: OnContradiction = "refuse"

    def __post_init__(self) -> None:
        require_one_of("contradictions", self.on_contradiction, get_args(OnContradiction))


@dataclass(frozen=True, slots=True)
class Contradiction:
    """
    Different values of one coder for one thing.

    Attributes:
        key, coder, variable: Of what; the variable is "" where there is one only.
        values: All of them.
        places: Where they stand: the file and its row.
    """

    key: str
    coder: str
    variable: str
    values: tuple[str, ...]
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class MergeReport(Shown):
    """
    What was put together. Each value that was read is used, repeated, or contradicting.

    Attributes:
        out: The table.
        rows_read: Of all files.
        rows: Of the output: a row a key.
        columns: Of the values, in the output, each with how many it has.
        used, repeated, contradicting: Values that stand in the output, that say the same once more, and those
            of contradictions that do not stand there.
        rows_without_value: Rows that were read and say nothing; their keys are in the output.
        contradictions: The first of them.
        per_coder: Further columns that differ between coders, and so have a column each.
        notes: What a person should know.
    """

    out: Path
    rows_read: int
    rows: int
    columns: Mapping[str, int]
    used: int
    repeated: int
    contradicting: int
    rows_without_value: int
    contradictions: tuple[Contradiction, ...]
    per_coder: tuple[str, ...]
    notes: tuple[Notice, ...]


def merge_coders(
    files: Sequence[Path],
    out: Path,
    layout: Layout,
    *,
    reading: ReadOptions | None = None,
    writing: WriteOptions | None = None,
    overwrite: bool = False,
) -> MergeReport:
    """
    Write one table with a row a key, its further columns, and a column for each coder and variable.

    A column that says the same of a key in all its rows stays one; one that differs has a column a coder.

    Args:
        files: Tables of any format.
        out: The table; its ending says the format.
        layout: Where what stands.
        reading: How the tables are read.
        writing: How the output is written.
        overwrite: Whether it may be replaced.
    Raises:
        UsageError: The layout is ambiguous, a row has no key or coder, or there are contradictions, with
            their rows.
        TableError, InputError: A table is broken, or not there.
        OutputExists, StorageError: The output cannot be written.
    """
    _require_layout(files, layout, out)
    tables = [_read(path, reading) for path in files]
    notes = [note for one in tables for note in one.table.told()]
    rows = _rows_of(tables, layout)
    values = _values_of(rows, layout)
    merged, contradictions = _merged(values, tables, layout)
    keys = rows.select(_KEY).unique(maintain_order=True)
    frame = keys.rename({_KEY: layout.key})
    taken = [layout.key]
    per_coder = []
    for name in _further(tables, layout):
        columns = _further_columns(rows, name)
        per_coder += [name] if len(columns) > 1 or name not in columns else []
        for column, cells in columns.items():
            taken.append(_free(column, taken))
            frame = frame.hstack(
                [keys.join(cells, on=_KEY, how="left", maintain_order="left")[_VALUE].alias(column)]
            )
    counts: dict[str, int] = {}
    for (coder, variable), part in merged.partition_by(
        [_CODER, _VARIABLE], maintain_order=True, as_dict=True
    ).items():
        column = _free(f"{variable}_{coder}" if variable else str(coder), taken)
        taken.append(column)
        joined = keys.join(part.select(_KEY, _VALUE), on=_KEY, how="left", maintain_order="left")[_VALUE]
        counts[column] = joined.len() - joined.null_count()
        frame = frame.hstack([joined.alias(column)])
    if not counts:
        raise UsageError("merge-nothing-coded", columns=list(layout.values or layout.coders))
    apart = _keys_apart(rows, files)
    near = _keys_near(rows, files)
    notes += [note for note in (apart, near) if note is not None]
    shape = TableShape(tuple(taken), (), (), is_text=True)
    with (
        atomic_path(out, overwrite=overwrite) as temporary,
        open_writer(temporary, format_of(out), shape, writing) as writer,
    ):
        texts = positional(frame.fill_null(""))
        for start in range(0, max(1, frame.height), _ROWS_PER_CHUNK):
            part = texts.slice(start, _ROWS_PER_CHUNK)
            writer.write(TableChunk(start + 1, part), pl.DataFrame())
    used = sum(counts.values())
    repeated = int(merged["repeated"].sum())
    return MergeReport(
        out=out,
        rows_read=rows.height,
        rows=frame.height,
        columns=counts,
        used=used,
        repeated=repeated,
        contradicting=values.height - used - repeated,
        rows_without_value=rows.height - values.select(_FILE, _ROW).n_unique(),
        contradictions=contradictions,
        per_coder=tuple(per_coder),
        notes=(*notes, *losses(shape, out)),
    )


@dataclass(frozen=True, slots=True)
class _Read:
    """A table as texts: its name, its columns by name, null where nothing is."""

    path: Path
    name: str
    frame: pl.DataFrame
    table: Table


def _read(path: Path, reading: ReadOptions | None) -> _Read:
    table = open_table(path, reading)
    names = list(table.header)
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twice is not None:
        raise UsageError("merge-name-twice", path=str(path), column=twice)
    frame = pl.concat([chunk.frame for chunk in table.chunks()])
    frame = frame.rename(dict(zip(frame.columns, names, strict=True)))
    blank = pl.all().str.strip_chars().is_in(["", *table.not_asked])
    frame = frame.select(pl.when(blank).then(None).otherwise(pl.all()).name.keep())
    name = path.name.split(".", maxsplit=1)[0]
    return _Read(path, name, frame, table)


def _require_layout(files: Sequence[Path], layout: Layout, out: Path) -> None:
    if any(out.exists() and path.exists() and out.samefile(path) for path in files):
        raise UsageError("merge-out-is-a-file", path=str(out))
    if layout.coder is not None and layout.coders:
        raise UsageError("merge-long-and-wide")
    if layout.variable is not None and (layout.coder is None or len(layout.values) != 1):
        raise UsageError("merge-variable-is-long")
    if not layout.values and not layout.coders:
        raise UsageError("merge-which-values")
    if layout.values and layout.coders:
        raise UsageError("merge-values-or-coders")
    named = [layout.key, *layout.values, *layout.coders]
    named += [name for name in (layout.coder, layout.variable) if name is not None]
    twice = next((name for at, name in enumerate(named) if name in named[:at]), None)
    if twice is not None:
        raise UsageError("merge-column-twice", column=twice)
    if layout.coder is None and not layout.coders:
        names = [path.name.split(".", maxsplit=1)[0] for path in files]
        same = next((name for at, name in enumerate(names) if name in names[:at]), None)
        if same is not None:
            raise UsageError("merge-file-twice", coder=same)
        if len(files) == 1:
            raise UsageError("merge-one-file", path=str(files[0]))


def _rows_of(tables: Sequence[_Read], layout: Layout) -> pl.DataFrame:
    """All rows, each with its key, its coder (null where a row is nobody's), its file and its number."""
    parts = []
    for at, table in enumerate(tables):
        needed = [layout.key, *([layout.coder] if layout.coder else [])]
        needed += [layout.variable] if layout.variable else []
        some = layout.coders if layout.coders else layout.values
        for name in (*needed, *some):
            # Of several wide files each may have its own coders.
            is_optional = name in layout.coders and len(tables) > 1
            if name not in table.frame.columns and not is_optional:
                # Which others there are is known to the table, also of its other sheets.
                table.table.column(name)
        for name in needed:
            empty = table.frame[name].is_null()
            if empty.any():
                raise UsageError(
                    "merge-empty-cell",
                    column=name,
                    path=str(table.path),
                    row=int(empty.arg_max() or 0) + 1,
                    rows=int(empty.sum()),
                )
        coder = pl.lit(table.name)
        if layout.coder is not None:
            coder = pl.col(layout.coder).str.strip_chars()
        elif layout.coders:
            coder = pl.lit(None, dtype=pl.String)
        parts.append(
            table.frame.with_columns(
                pl.col(layout.key).str.strip_chars().alias(f"\0{_KEY}"),
                coder.alias(f"\0{_CODER}"),
                pl.lit(at).alias(f"\0{_FILE}"),
                pl.int_range(1, pl.len() + 1).alias(f"\0{_ROW}"),
            )
        )
    rows = pl.concat(parts, how="diagonal")
    # Names of ours stand first, and are told apart from the table's by their place.
    ours = [f"\0{name}" for name in (_KEY, _CODER, _FILE, _ROW)]
    table_columns = [name for name in rows.columns if name not in ours]
    return rows.select(
        *(pl.col(name).alias(name[1:]) for name in ours),
        *(pl.col(name).alias(f"of {name}") for name in table_columns),
    )


def _values_of(rows: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """What was said: a line a value."""
    parts = []
    is_one = len(layout.values) == 1 and layout.variable is None
    for name in layout.coders or layout.values:
        if f"of {name}" not in rows.columns:
            raise UsageError("merge-nothing-coded", columns=[name])
        variable = pl.lit("" if is_one or layout.coders else name)
        if layout.variable is not None:
            variable = pl.col(f"of {layout.variable}").str.strip_chars()
        parts.append(
            rows.select(
                _KEY,
                pl.lit(name).alias(_CODER) if layout.coders else pl.col(_CODER),
                variable.alias(_VARIABLE),
                pl.col(f"of {name}").str.strip_chars().alias(_VALUE),
                _FILE,
                _ROW,
            )
        )
    values = pl.concat(parts)
    return values.filter(pl.col(_VALUE).is_not_null() & ~pl.col(_VALUE).is_in(list(layout.missing)))


def _merged(
    values: pl.DataFrame, tables: Sequence[_Read], layout: Layout
) -> tuple[pl.DataFrame, tuple[Contradiction, ...]]:
    """A value for each key, coder and variable, and what contradicts itself."""
    cell = [_KEY, _CODER, _VARIABLE]
    found = values.group_by(cell, maintain_order=True).agg(
        pl.col(_VALUE).n_unique().alias("different"),
        pl.col(_VALUE).first().alias("first"),
        pl.col(_VALUE).last().alias("last"),
        pl.len().alias("count"),
    )
    torn = found.filter(pl.col("different") > 1)
    contradictions = tuple(
        _contradiction(values, tables, *key) for key in torn.select(cell).head(_SHOWN).iter_rows()
    )
    if contradictions and layout.on_contradiction == "refuse":
        first = contradictions[0]
        raise UsageError(
            "merge-contradictions",
            count=torn.height,
            coder=first.coder,
            key=first.key,
            values=list(first.values),
            places=list(first.places),
        )
    kept = {"first": pl.col("first"), "last": pl.col("last")}.get(layout.on_contradiction, pl.lit(None))
    is_torn = pl.col("different") > 1
    merged = found.select(
        *cell,
        pl.when(is_torn).then(kept).otherwise(pl.col("first")).alias(_VALUE),
        pl.when(is_torn).then(0).otherwise(pl.col("count") - 1).alias("repeated"),
    )
    return merged, contradictions


def _contradiction(
    values: pl.DataFrame, tables: Sequence[_Read], key: str, coder: str, variable: str
) -> Contradiction:
    rows = values.filter((pl.col(_KEY) == key) & (pl.col(_CODER) == coder) & (pl.col(_VARIABLE) == variable))
    places = [f"{tables[at].path.name} row {row}" for at, row in zip(rows[_FILE], rows[_ROW], strict=True)]
    return Contradiction(
        key, coder, variable, tuple(rows[_VALUE].unique(maintain_order=True)), tuple(places[:_SHOWN])
    )


def _further(tables: Sequence[_Read], layout: Layout) -> list[str]:
    """Columns of the tables that say neither who, nor what of which row."""
    ours = {layout.key, layout.coder, layout.variable, *layout.values, *layout.coders}
    return [
        name for name in dict.fromkeys(n for table in tables for n in table.frame.columns) if name not in ours
    ]


def _further_columns(rows: pl.DataFrame, name: str) -> dict[str, pl.DataFrame]:
    """One column where all rows of a key say the same, or nothing; else a column a coder."""
    column = f"of {name}"
    said = rows.select(_KEY, _CODER, pl.col(column).alias(_VALUE)).filter(pl.col(_VALUE).is_not_null())
    per_key = said.group_by(_KEY, maintain_order=True).agg(pl.col(_VALUE).unique(maintain_order=True))
    coders = said[_CODER].drop_nulls().unique(maintain_order=True)
    joined = pl.col(_VALUE).list.join(_BETWEEN)
    if not (per_key[_VALUE].list.len() > 1).any() or not coders.len():
        return {name: per_key.with_columns(joined)}
    found = {}
    for coder in coders:
        of_one = said.filter(pl.col(_CODER) == coder).group_by(_KEY, maintain_order=True)
        found[f"{name}_{coder}"] = of_one.agg(pl.col(_VALUE).unique(maintain_order=True)).with_columns(joined)
    return found


def _free(column: str, taken: Sequence[str]) -> str:
    if column in taken:
        raise UsageError("merge-name-taken", column=column)
    return column


def _keys_apart(rows: pl.DataFrame, files: Sequence[Path]) -> Notice | None:
    """Two files that have no key in common are mostly two ways to write it."""
    if len(files) < 2:
        return None
    keys = [set(part[_KEY]) for part in rows.partition_by(_FILE, maintain_order=True)]
    for at in range(1, len(keys)):
        if not keys[at] & set().union(*keys[:at]):
            return Notice("merge-keys-apart", {"path": str(files[at]), "key": sorted(keys[at])[0]})
    return None


def _keys_near(rows: pl.DataFrame, files: Sequence[Path]) -> Notice | None:
    """
    Keys of one file that another one writes a little otherwise: `T-01` beside `t1`. They are two rows, since
    nobody but a person knows whether they are one; where two keys of a file are as near, nothing is said.
    """
    keys = [set(part[_KEY]) for part in rows.partition_by(_FILE, maintain_order=True)]
    near: list[tuple[str, str, str]] = []
    known: dict[str, set[str]] = {}
    for key in set().union(*keys):
        known.setdefault(_plain_key(key), set()).add(key)
    for plain, same in sorted(known.items()):
        if not plain or len(same) != 2:
            continue
        first, second = (next(at for at, one in enumerate(keys) if key in one) for key in sorted(same))
        if any(same <= one for one in keys):
            continue
        one, other = sorted(same) if first <= second else sorted(same, reverse=True)
        near.append((one, other, str(files[max(first, second)])))
    if not near:
        return None
    key, other, path = near[0]
    return Notice("merge-keys-near", {"count": len(near), "path": path, "key": other, "other": key})


def _plain_key(key: str) -> str:
    """Letters and digits alone, small, without zeros before a number or a decimal point behind it."""
    plain = unicodedata.normalize("NFKC", without_point(key)).casefold()
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", re.sub(r"[\W_]+", "", plain))
