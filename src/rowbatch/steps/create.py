"""`create`: check a plan against its table, and freeze it in a new run directory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import polars as pl

from rowbatch.core.added_columns import STATUS_COLUMNS, answer_columns, new_column_names
from rowbatch.core.codebook import open_place
from rowbatch.core.plan import Asking, Output, Plan, Source
from rowbatch.core.table_options import PLAIN
from rowbatch.errors import OutputExists, UsageError
from rowbatch.programs.opening import open_table
from rowbatch.requests.pipeline import open_source
from rowbatch.results.written import written_columns
from rowbatch.store.atomic import atomic_path
from rowbatch.store.copies import require_free_object
from rowbatch.store.plan_file import require_text
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.sources import COPY_NAME, FRAME_NAME, digest_source, require_source, size_of_source
from rowbatch.tables.losses import losses
from rowbatch.tables.numbers import find_numbers
from rowbatch.tables.writer import TableShape, format_of, require_typed
from rowbatch.words.notice import Notice

_PACKED = (".gz", ".zst", ".bz2", ".xz")


def create(
    run: RunDirectory,
    plan: Plan,
    *,
    frame: pl.DataFrame | None = None,
    existing: Sequence[RunDirectory] = (),
) -> RunDirectory | None:
    """
    Make a run directory. Nothing is sent, and nothing else is written.

    Args:
        run: Where it shall lie; the folder must not be there yet.
        plan: What is asked. Its source is read as far as it takes to know its columns and its digest.
        frame: The input instead of a file, which is kept in the run directory.
        existing: Runs that are there; nothing is made when one of them asks the same.
    Returns:
        That one; or None.
    Raises:
        TableError: The table cannot be read, or has no such column.
        InputError: A name is no UTF-8.
        OutputExists: The run or the output is there already.
        UsageError: The output would replace the table.
    """
    kept: Path | None = None
    if frame is not None:
        kept = _kept(frame, run)
        plan = replace(plan, source=replace(plan.source, path=kept))
    still_open = open_place(plan.question.codebook)
    if still_open:
        raise UsageError("codebook-open-place", place=still_open)
    complete = _completed(run, plan, is_frame=kept is not None)
    require_text(complete, run.path)
    for other in existing:
        if other.plan().asks_the_same(complete):
            return other
    if plan.output.address:
        format_of(Path(plan.output.address))
        if not plan.output.overwrite:
            require_free_object(plan.output.address)
    elif plan.output.path is not None:
        _require_free_output(plan.output.path, plan.source.path, overwrite=plan.output.overwrite)
    run.create(complete)
    if plan.source.origin:
        run.keep_copy(plan.source.path)
    if kept:
        kept.replace(run.path / FRAME_NAME)
    return None


def create_member(run: RunDirectory, member: RunDirectory, asking: Asking) -> None:
    """
    Make the run directory of a further model inside that of all. Nothing is sent.

    It asks the same of the same table, and writes its own labelled table.

    Args:
        run: Of all.
        member: Where the model's run shall lie.
        asking: How the model is asked.
    Raises:
        TableChanged: The table was changed since the run was made.
    """
    whole = run.plan()
    table = open_source(whole.source, run.path)
    policy = replace(whole.policy, max_cost_usd=None)
    output = Output(writing=whole.output.writing)
    plan = replace(whole, asking=asking, output=output, policy=policy, panel=None)
    columns = tuple(new_column_names(table.header, answer_columns(plan)))
    member.create(replace(plan, output=replace(output, columns=columns)))


def _completed(run: RunDirectory, plan: Plan, *, is_frame: bool) -> Plan:
    """The plan with what its table says: digest, encoding, and names for the columns that are added."""
    path, question = plan.source.path, plan.question
    require_source(path)
    table = open_table(path, plan.source.reading)
    for name in dict.fromkeys((*question.asked_columns, *question.columns)):
        table.column(name)
    program = table.reading.program or PLAIN
    source = Source(
        path=_source_path(run, plan.source, is_frame=is_frame),
        sha256=digest_source(path, program),
        size_bytes=size_of_source(path, program),
        reading=replace(table.reading, program=program),
        encoding_guessed=table.guessed_encoding,
        name=plan.source.name,
        origin=plan.source.origin,
        origin_version=plan.source.origin_version,
    )
    output = replace(
        plan.output,
        path=_output_path(run, plan.output, is_frame=is_frame),
        columns=tuple(new_column_names(table.header, answer_columns(plan))),
    )
    moved = {
        name: ours
        for name, ours in zip((*answer_columns(plan), *STATUS_COLUMNS), output.columns, strict=True)
        if name != ours
    }
    taken = (
        (Notice("note-columns-taken", {"taken": list(moved), "ours": list(moved.values())}),) if moved else ()
    )
    made = replace(plan, source=source, output=output)
    written = written_columns(question.codebook, output.columns, None, made)
    shape, place = TableShape.of(table, [one.column for one in written]), run.output_of(made)
    require_typed(format_of(place), output.writing)
    numbers = find_numbers(table, output.writing)
    notes = (*plan.asking.notes, *table.notes, *taken, *losses(shape, place), *numbers.notes)
    return replace(
        made,
        asking=replace(plan.asking, notes=notes),
        created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        rowbatch_version=version("rowbatch"),
    )


def _kept(frame: pl.DataFrame, run: RunDirectory) -> Path:
    """Write a data frame beside the run directory, which is not there yet."""
    if run.path.exists():
        raise OutputExists(str(run.path), kind="run-name-taken")
    place = run.path.with_name(f".{run.path.name}.{FRAME_NAME}")
    with atomic_path(place, overwrite=True) as temporary:
        frame.write_parquet(temporary)
    return place


def _source_path(run: RunDirectory, source: Source, *, is_frame: bool) -> Path:
    if source.origin:
        return (run.path / COPY_NAME / source.path.name).resolve()
    return (run.path / FRAME_NAME if is_frame else source.path).resolve()


def _output_path(run: RunDirectory, output: Output, *, is_frame: bool) -> Path | None:
    if output.address:
        return (run.path / f"labelled{_ending(output.address)}").resolve()
    if output.path is not None:
        return output.path.resolve()
    # A frame has types, and its labelled table is to have them too.
    return (run.path / "labelled.parquet").resolve() if is_frame else None


def _ending(address: str) -> str:
    suffixes = Path(address.rpartition("/")[2]).suffixes
    return "".join(suffixes[-2:] if len(suffixes) > 1 and suffixes[-1] in _PACKED else suffixes[-1:])


def _require_free_output(output: Path, table: Path, *, overwrite: bool) -> None:
    format_of(output)
    if output.exists() and not overwrite:
        raise OutputExists(str(output))
    if output.resolve() == table.resolve():
        raise UsageError("output-is-input")
