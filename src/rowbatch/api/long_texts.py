"""Long texts in units that are coded one by one, and back."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Unpack

from rowbatch.core.table_options import ReadingKeywords, WriteOptions, reading_of
from rowbatch.core.units import UnitKind, UnitRule
from rowbatch.errors import from_os_error
from rowbatch.objects.address import require_here
from rowbatch.store.atomic import require_free
from rowbatch.tools import join_units as join_tool
from rowbatch.tools import units as units_tool


def units(
    table: str | Path,
    output: str | Path,
    *,
    text: str,
    by: UnitKind,
    size: int | None = None,
    overlap: int = 0,
    model: str = "",
    writing: WriteOptions | None = None,
    overwrite: bool = False,
    **reading: Unpack[ReadingKeywords],
) -> units_tool.UnitsReport:
    """
    The texts of a table become units, a row each; see `rowbatch.tools.units.units`.

    Args:
        table: The table, or a folder of documents.
        output: The table of units.
        text: Name of the column with the texts.
        by: `sentence`, `paragraph`, `speaker`, `line`, `words` or `tokens`.
        size: So many of them are a unit; 1 where nothing is said, and words and tokens need it.
        overlap: So many of them stand in the unit before, too.
        model: Whose tokens are counted; "" means those of OpenAI's current models.
        writing: How the output is written.
        overwrite: Whether it may be replaced.
        reading: How the table is read, see `ReadOptions`.
    """
    return units_tool.units(
        Path(table),
        text,
        Path(output),
        UnitRule.of(by, size, overlap),
        model=model,
        reading=reading_of(reading),
        writing=writing,
        overwrite=overwrite,
    )


def join_units(
    labelled: str | Path,
    output: str | Path,
    *,
    of: str | Path,
    rule: str | Sequence[str],
    id_column: str | None = None,
    writing: WriteOptions | None = None,
    overwrite: bool = False,
    **reading: Unpack[ReadingKeywords],
) -> join_tool.JoinUnitsReport:
    """
    The labels of units become those of their documents; see `rowbatch.tools.join_units.join_units`.

    Args:
        labelled: The table of units with labels; or a run that labelled them, with the labels that people
            corrected.
        output: The table of documents.
        of: The table that the units were cut from.
        rule: `any`, `most` or `list`; or one of them for a column, as in `topic=list`; or several.
        id_column: A column of both tables that says whose a unit is; None means the row.
        writing: How the output is written.
        overwrite: Whether it may be replaced.
        reading: How the table that they were cut from is read, see `ReadOptions`.
    """
    rules = join_tool.read_rules([rule] if isinstance(rule, str) else rule)
    out = Path(output)
    with _table_of(Path(labelled), out, overwrite=overwrite) as path:
        return join_tool.join_units(
            path,
            Path(of),
            out,
            rules,
            id_column=id_column,
            shown_as=str(labelled),
            reading=reading_of(reading),
            writing=writing,
            overwrite=overwrite,
        )


@contextmanager
def _table_of(labelled: Path, out: Path, *, overwrite: bool) -> Iterator[Path]:
    """The table of units; of a run one that is written for the time being, beside the output."""
    is_run = (labelled / "run.toml").is_file() or not (labelled.exists() or labelled.suffix)
    if not is_run:
        yield labelled
        return
    from rowbatch.api.runs import open_run

    run = open_run(labelled)
    require_free(require_here(out), overwrite=overwrite)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix=".rowbatch-", dir=out.parent)
    except OSError as error:
        raise from_os_error(error, str(out)) from error
    with folder as place:
        path = Path(place) / "units.parquet"
        run.export(path)
        yield path
