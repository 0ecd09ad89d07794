"""`create`: check everything that was asked for, and freeze it in a new run directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from rowbatch.core.endpoint import Endpoint, output_limit
from rowbatch.core.template import Template
from rowbatch.errors import OutputExists, UsageError
from rowbatch.providers.anthropic import DEFAULT_MAX_TOKENS
from rowbatch.providers.catalog import find_provider
from rowbatch.steps.parameters import parameters_for_model
from rowbatch.store.atomic import atomic_path
from rowbatch.store.rundir import RunDirectory, RunSettings, digest_source, require_source, size_of_source
from rowbatch.tables.base import ReadOptions, Table
from rowbatch.tables.formats import open_table
from rowbatch.tables.statistics_limits import is_letter
from rowbatch.tables.writer import WriteOptions, format_of

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook

FRAME_NAME = "table.parquet"
STATUS_COLUMNS = ("status", "status_reason", "raw_answer", "model")


def create(
    run: RunDirectory,
    *,
    table: Path,
    frame: pl.DataFrame | None = None,
    text: str | None,
    template: str | None,
    codebook: Codebook,
    provider: str,
    base_url: str | None,
    model: str | None,
    parameters: Mapping[str, Any],
    temperature: float | None = None,
    max_tokens: int | None = None,
    output: Path | None,
    overwrite: bool,
    reading: ReadOptions,
    endpoint: Endpoint = Endpoint.CHAT,
    image: str | None = None,
    image_folder: Path | None = None,
    dedupe: bool = False,
    writing: WriteOptions | None = None,
    policy: Mapping[str, Any] | None = None,
    existing: Sequence[RunDirectory] = (),
    name: str = "",
) -> RunDirectory | None:
    """
    Make a run directory. Nothing is sent, and nothing else is written.

    Args:
        run: Where it shall lie; the folder must not be there yet.
        table: The input.
        frame: The input instead, which is kept in the run directory.
        text: Name of the column with the text; or None when `template` names all columns.
        template: The user message, with `{{column}}` placeholders; None means the text alone.
        codebook: What to ask.
        provider, base_url, model: Who is asked; None means the provider's default.
        endpoint: Which endpoint is asked.
        parameters: Of each request, as the endpoint names them.
        temperature, max_tokens: Of each request; None leaves one out.
        image: Column with an image beside the text; None for none.
        image_folder: Where the files lie that it names; None means that it holds addresses of the web.
        dedupe: Ask rows that ask the same once.
        writing: How the labelled table is written.
        output: Where the labelled table goes; None means into the run directory.
        overwrite: Whether `output` may be replaced.
        reading: How to read the table.
        policy: How it is to be driven.
        existing: Runs that are there; nothing is made when one of them asks the same.
        name: What people call the table, where its file is called otherwise.
    Returns:
        That one; or None.
    Raises:
        TableError: The table cannot be read, or has no such column.
        OutputExists: The run or the output is there already.
        UsageError: The arguments do not fit together.
    """
    chosen = find_provider(provider)
    if not (base_url or chosen.base_url or chosen.name == "local"):
        raise UsageError(
            f"{chosen.title} has no address that is the same for all",
            hint=f"give --base-url, as in {chosen.base_url_example}",
        )
    model = model or chosen.default_model
    if not model:
        raise UsageError(f"{chosen.title} needs a model", hint="give --model NAME")
    kept: Path | None = None
    if frame is not None:
        kept = _kept(frame, run)
        table = kept
    require_source(table)
    opened = open_table(table, reading)
    _require_question(opened, codebook, endpoint, text=text, template=template)
    if image is not None:
        opened.column(image)
    if image_folder is not None and image is None:
        raise UsageError("which column names the images?", hint="give --image COLUMN")
    fitting, notes = parameters_for_model(
        chosen.name, model, endpoint, temperature=temperature, max_tokens=max_tokens, others=parameters
    )
    if chosen.dialect == "anthropic" and output_limit(fitting) is None:
        # It is required there.
        fitting["max_tokens"] = DEFAULT_MAX_TOKENS
        notes.append(f"answers have at most {DEFAULT_MAX_TOKENS:,} tokens, as {chosen.title} wants a limit")
    notes += output_notes(opened, output)
    settings = RunSettings(
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        rowbatch_version=version("rowbatch"),
        table={
            "path": str((run.path / FRAME_NAME if kept else table).resolve()),
            "sha256": digest_source(table),
            "size_bytes": size_of_source(table),
            "reading": {name: said for name, said in asdict(opened.reading).items() if said is not None},
            "encoding_guessed": opened.guessed_encoding,
            "text": text or "",
            "image": image or "",
            **({"name": name} if name else {}),
            "image_folder": str(image_folder.resolve()) if image_folder else "",
        },
        request={
            "provider": chosen.name,
            "base_url": base_url or chosen.base_url,
            "model": model,
            "url": str(endpoint),
            "dedupe": dedupe,
            "template": template or "",
            "parameters": fitting,
            "notes": notes,
        },
        answer=codebook.model_dump(mode="json"),
        output={
            "path": str(_output_path(run, output, is_frame=kept is not None)),
            "overwrite": overwrite,
            "writing": asdict(writing or WriteOptions()),
            "columns": new_column_names(opened.header, answer_columns(endpoint, codebook)),
        },
        policy=policy or {},
    )
    for other in existing:
        if other.settings().asks_the_same(settings):
            return other
    if output is not None:
        _require_free_output(output, table, overwrite=overwrite)
    run.create(settings)
    if kept:
        kept.replace(run.path / FRAME_NAME)
    return None


def _kept(frame: pl.DataFrame, run: RunDirectory) -> Path:
    """Write a data frame beside the run directory, which is not there yet."""
    if run.path.exists():
        raise OutputExists(str(run.path), hint="give the run another name")
    place = run.path.with_name(f".{run.path.name}.{FRAME_NAME}")
    with atomic_path(place, overwrite=True) as temporary:
        frame.write_parquet(temporary)
    return place


def _output_path(run: RunDirectory, output: Path | None, *, is_frame: bool) -> Path | str:
    if output is not None:
        return output.resolve()
    # A frame has types, and its labelled table is to have them too.
    return (run.path / "labelled.parquet").resolve() if is_frame else ""


def _require_question(
    table: Table, codebook: Codebook, endpoint: Endpoint, *, text: str | None, template: str | None
) -> None:
    if text is None and template is None:
        raise UsageError(
            "which column holds the text?", hint="give --text COLUMN, or --template with {{columns}}"
        )
    if text is not None:
        table.column(text)
    if template is not None:
        columns = Template.parse(template).columns
        if not columns:
            raise UsageError(
                "the template names no column, so every row would be asked the same",
                hint="put a column in, as in {{" + (text or table.header[0]) + "}}",
            )
        for name in columns:
            table.column(name)
    if endpoint is Endpoint.EMBEDDINGS:
        if codebook.variables or codebook.instructions:
            raise UsageError(
                "embeddings answer no question", hint="leave --prompt, --labels and --codebook out"
            )
    elif template is None and not codebook.variables and not codebook.instructions:
        raise UsageError("what shall the model do with the text?", hint="give --prompt, or --codebook FILE")


def _require_free_output(output: Path, table: Path, *, overwrite: bool) -> None:
    format_of(output)
    if output.exists() and not overwrite:
        raise OutputExists(str(output))
    if output.resolve() == table.resolve():
        raise UsageError("the labelled table would replace the input", hint="give -o another name")


def output_notes(table: Table, output: Path | None) -> list[str]:
    """What of the table the output will not have, in sentences."""
    if output is None or output.suffix.lower() != ".sav":
        return []
    lettered = [
        (name, "".join(f" .{value}" for value in sorted(filter(is_letter, map(str, info.value_labels)))))
        for name, info in zip(table.header, table.columns, strict=False)
        if any(map(is_letter, info.value_labels)) and info.format.startswith("stata:")
    ]
    return [
        f"SPSS has no missing values such as Stata's{letters}: in {output.name} those of the column {name!r} "
        "are empty and their labels are left out; a .dta file keeps them"
        for name, letters in lettered
    ]


def answer_columns(endpoint: Endpoint, codebook: Codebook) -> tuple[str, ...]:
    """What an answer is made of."""
    return ("embedding",) if endpoint is Endpoint.EMBEDDINGS else codebook.columns


def new_column_names(header: tuple[str, ...], columns: Sequence[str]) -> list[str]:
    """
    Names of the columns that are added: those of the answer, then the status columns.

    A name that the table has already gets `rowbatch_` in front; the table's own columns never change.
    """
    taken = set(header)
    names = []
    for name in (*columns, *STATUS_COLUMNS):
        free = name
        while free in taken:
            free = f"rowbatch_{free}"
        taken.add(free)
        names.append(free)
    return names
