"""`convert`: a table becomes one Batch JSONL file. Needs no run, no key and no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rowbatch.core.endpoint import Endpoint, parameters_of
from rowbatch.core.request import RequestSettings, render_requests, write_lines
from rowbatch.core.template import Template
from rowbatch.errors import UsageError
from rowbatch.steps.duplicates import Duplicates, find_duplicates
from rowbatch.steps.frozen import blank_rows
from rowbatch.steps.images import ImageColumn
from rowbatch.store.atomic import atomic_path, require_free
from rowbatch.tables.base import BadRowList, ReadOptions
from rowbatch.tables.formats import open_table


@dataclass(frozen=True, slots=True)
class ConvertReport:
    """
    What was written.

    Attributes:
        out: The JSONL file.
        rows: Of the table.
        requests: Lines of the file.
        empty_rows: Rows with an empty text, whether kept or left out.
        duplicates: Rows that ask what an earlier one asks, and have no line of their own.
        duplicates_path: Where it stands which these are; or `out` when equal rows were not looked for.
        size_bytes: Of the file.
        reading: What the table was read with.
        encoding_guessed: The encoding, if nothing said it but the text itself; else "".
        bad_rows: Broken rows that were kept or skipped.
    """

    out: Path
    rows: int
    requests: int
    empty_rows: int
    duplicates: int
    duplicates_path: Path
    size_bytes: int
    reading: ReadOptions
    encoding_guessed: str
    bad_rows: BadRowList


def convert(
    table: Path,
    out: Path,
    *,
    text: str | None = None,
    template: str | None = None,
    system: str | None = None,
    model: str,
    endpoint: Endpoint = Endpoint.CHAT,
    max_tokens: int | None = None,
    temperature: float | None = None,
    parameters: Mapping[str, Any] | None = None,
    image: str | None = None,
    image_folder: Path | None = None,
    dedupe: bool = False,
    id_prefix: str = "row-",
    skip_empty: bool = False,
    reading: ReadOptions | None = None,
    overwrite: bool = False,
) -> ConvertReport:
    """
    Write one request for each row, in order; `custom_id` is the prefix and the row number.

    Args:
        table: The input.
        out: The JSONL file; it appears whole or not at all.
        text: Column that is the user message.
        template: The user message with `{{column}}`; instead of `text`.
        system: The system message, may have `{{column}}`; None means none.
        model, max_tokens, temperature: Of each request; None leaves a parameter out.
        endpoint: Which endpoint is asked.
        parameters: Any others, as the endpoint names them.
        image: Column with an image beside the text.
        image_folder: Where the files lie that it names; None means that it holds addresses of the web.
        dedupe: Ask rows that ask the same once. Which row got whose request is written beside `out`, as
            `OUT-duplicates.csv`, and `extract` wants it.
        id_prefix: Before the row number; must not end in a digit, which would make the number another one.
        skip_empty: Leave rows with an empty text out; their numbers are not used again.
        reading: How to read the table; None means found out.
        overwrite: Whether `out` may be replaced.
    Raises:
        TableError: The table is broken, or has no such column.
        OutputExists, StorageError: The output cannot be written.
        UsageError: The arguments do not fit together.
    """
    if (text is None) == (template is None):
        raise UsageError(
            "say what the user message is: a column, or a template" + (", not both" if text else ""),
            hint="give --text COLUMN or --template with {{columns}}",
        )
    if id_prefix[-1:].isdigit():
        raise UsageError(
            f"the prefix {id_prefix!r} ends in a digit, so the row number behind it could not be told",
            hint=f"for example: --id-prefix {id_prefix}-",
        )
    for name, words in {
        "model": model,
        "system": system,
        "template": template,
        "id prefix": id_prefix,
    }.items():
        # Bytes of a command line that are not in the terminal's encoding come as half surrogate pairs.
        if words and any("\ud800" <= character <= "\udfff" for character in words):
            raise UsageError(f"the {name} is not valid text: {words!a}", hint="type it in UTF-8")
    if out.exists() and table.exists() and out.samefile(table):
        raise UsageError(f"{table} would be replaced by its own requests", hint="give another name with -o")
    opened = open_table(table, reading)
    user = Template.parse(template) if template is not None else Template.column_only(str(text))
    settings = RequestSettings(
        model=model,
        user=user,
        system=Template.parse(system) if system else None,
        image=image,
        endpoint=endpoint,
        parameters=parameters_of(endpoint, temperature=temperature, max_tokens=max_tokens, others=parameters),
        id_prefix=id_prefix,
    )
    positions = {name: opened.column(name) for name in settings.columns}
    asked = [positions[name] for name in (*user.columns, *([image] if image else []))]
    duplicates = Duplicates.none()
    if dedupe:
        require_free(duplicates_path(out), overwrite=overwrite)
        duplicates = find_duplicates(opened, settings.columns, asked if skip_empty else [])
    rows = requests = empty = size = 0
    with atomic_path(out, overwrite=overwrite) as path, path.open("wb", buffering=0) as file:
        for chunk in opened.chunks(settings.rows_per_chunk()):
            blank = blank_rows(chunk.frame, asked)
            empty += int(blank.sum())
            rows += chunk.frame.height
            frame = chunk.frame
            if image:
                frame = ImageColumn(table, image, positions[image], image_folder).filled(chunk)
            left_out = duplicates.mask(chunk.first_row, frame.height)
            if skip_empty:
                left_out |= blank
            frame = frame.with_row_index("row", offset=chunk.first_row).filter(~left_out)
            requests += frame.height
            size += write_lines(render_requests(settings, frame, positions, frame["row"]), file)
    if dedupe:
        duplicates.save(duplicates_path(out), overwrite=overwrite)
    return ConvertReport(
        out=out,
        rows=rows,
        requests=requests,
        empty_rows=empty,
        duplicates=len(duplicates),
        duplicates_path=duplicates_path(out) if dedupe else out,
        size_bytes=size,
        reading=opened.reading,
        encoding_guessed=opened.guessed_encoding,
        bad_rows=opened.bad_rows,
    )


def duplicates_path(out: Path) -> Path:
    """Where it stands which row got whose request: beside the requests."""
    return out.with_name(f"{out.name}-duplicates.csv")
