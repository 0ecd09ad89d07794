"""`create`: check everything that was asked for, and freeze it in a new run directory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rowbatch.core.codebook import Codebook
from rowbatch.core.template import Template
from rowbatch.errors import OutputExists, UsageError
from rowbatch.providers.catalog import find_provider
from rowbatch.store.rundir import RunDirectory, RunSettings, digest_file, require_file
from rowbatch.tables.base import ReadOptions
from rowbatch.tables.formats import open_table

CHAT_COMPLETIONS = "/v1/chat/completions"
STATUS_COLUMNS = ("status", "status_reason", "raw_answer", "model")


def create(
    run: RunDirectory,
    *,
    table: Path,
    text: str | None,
    template: str | None,
    codebook: Codebook,
    provider: str,
    base_url: str | None,
    model: str | None,
    parameters: Mapping[str, Any],
    output: Path | None,
    overwrite: bool,
    reading: ReadOptions,
) -> RunSettings:
    """
    Make a run directory. Nothing is sent, and nothing else is written.

    Args:
        run: Where it shall lie; the folder must not be there yet.
        table: The input.
        text: Name of the column with the text; or None when `template` names all columns.
        template: The user message, with `{{column}}` placeholders; None means the text alone.
        codebook: What to ask.
        provider, base_url, model: Who is asked; None means the provider's default.
        parameters: Of each request, as the endpoint names them.
        output: Where the labelled table goes; None means into the run directory.
        overwrite: Whether `output` may be replaced.
        reading: How to read the table.
    Raises:
        TableError: The table cannot be read, or has no such column.
        OutputExists: The run or the output is there already.
        UsageError: The arguments do not fit together.
    """
    chosen = find_provider(provider)
    model = model or chosen.default_model
    if not model:
        raise UsageError(f"{chosen.title} needs a model", hint="give --model NAME")
    if text is None and template is None:
        raise UsageError(
            "which column holds the text?", hint="give --text COLUMN, or --template with {{columns}}"
        )
    require_file(table)
    opened = open_table(table, reading)
    if text is not None:
        opened.column(text)
    if template is not None:
        columns = Template.parse(template).columns
        if not columns:
            raise UsageError(
                "the template names no column, so every row would be asked the same",
                hint="put a column in, as in {{" + (text or opened.header[0]) + "}}",
            )
        for name in columns:
            opened.column(name)
    elif not codebook.variables and not codebook.instructions:
        raise UsageError("what shall the model do with the text?", hint="give --prompt, or --codebook FILE")
    if output is not None and output.exists() and not overwrite:
        raise OutputExists(str(output))
    if output is not None and output.resolve() == table.resolve():
        raise UsageError("the labelled table would replace the input", hint="give -o another name")
    settings = RunSettings(
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        rowbatch_version=version("rowbatch"),
        table={
            "path": str(table.resolve()),
            "sha256": digest_file(table),
            "size_bytes": table.stat().st_size,
            "reading": {name: said for name, said in asdict(opened.reading).items() if said is not None},
            "text": text or "",
        },
        request={
            "provider": chosen.name,
            "base_url": base_url or chosen.base_url,
            "model": model,
            "url": CHAT_COMPLETIONS,
            "template": template or "",
            "parameters": dict(parameters),
        },
        answer=codebook.model_dump(mode="json"),
        output={
            "path": str(output.resolve()) if output else "",
            "overwrite": overwrite,
            "columns": new_column_names(opened.header, codebook),
        },
    )
    run.create(settings)
    return settings


def new_column_names(header: tuple[str, ...], codebook: Codebook) -> list[str]:
    """
    Names of the columns that are added: the codebook's, then the status columns.

    A name that the table has already gets `rowbatch_` in front; the table's own columns never change.
    """
    taken = set(header)
    names = []
    for name in (*codebook.columns, *STATUS_COLUMNS):
        free = name
        while free in taken:
            free = f"rowbatch_{free}"
        taken.add(free)
        names.append(free)
    return names
