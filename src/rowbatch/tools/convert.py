"""`convert`: a table becomes one Batch JSONL file. Needs no run, no key and no network."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rowbatch.core.endpoint import Endpoint
from rowbatch.core.request import RequestLines, RequestSettings, render_requests
from rowbatch.core.shard import ShardCutter, ShardLimits
from rowbatch.core.template import Template
from rowbatch.errors import UsageError
from rowbatch.requests.duplicates import Duplicates, find_duplicates
from rowbatch.requests.images import ImageColumn
from rowbatch.requests.line_tokens import LineTokens
from rowbatch.requests.parameters import parameters_for_model
from rowbatch.store.atomic import BackgroundSync, atomic_path, require_free
from rowbatch.tables.ahead import read_ahead
from rowbatch.tables.base import BadRowList, ReadOptions, blank_rows
from rowbatch.tables.formats import open_table
from rowbatch.tools.split import Part, folder_of_parts, named_parts, require_free_parts


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
        notes: What was changed so that the model takes it, in sentences.
        parts: Of the folder, when it was written in parts.
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
    notes: Sequence[str]
    parts: Sequence[Part] = ()


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
    limits: ShardLimits | None = None,
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
        limits: Of a part: then `out` is a folder with as many parts as it takes, written in the same pass.
        overwrite: Whether `out` may be replaced.
    Raises:
        TableError: The table is broken, or has no such column.
        OutputExists, StorageError: The output cannot be written.
        UsageError: The arguments do not fit together.
    """
    if out.exists() and table.exists() and out.samefile(table):
        raise UsageError("table-would-be-its-requests", path=str(table))
    if limits is None:
        require_free(out, overwrite=overwrite)
    else:
        require_free_parts(table, out, is_zip=False, overwrite=overwrite)
    if dedupe:
        require_free(duplicates_path(out), overwrite=overwrite)
    requests = TableRequests(
        table,
        text=text,
        template=template,
        system=system,
        model=model,
        endpoint=endpoint,
        max_tokens=max_tokens,
        temperature=temperature,
        parameters=parameters,
        image=image,
        image_folder=image_folder,
        dedupe=dedupe,
        id_prefix=id_prefix,
        skip_empty=skip_empty,
        reading=reading,
    )
    parts: Sequence[Part] = ()
    if limits is None:
        size = 0
        with (
            atomic_path(out, overwrite=overwrite) as path,
            path.open("wb", buffering=0) as file,
            read_ahead(requests.chunks()) as chunks,
        ):
            for lines in chunks:
                lines.write(file)
                size += int(lines.sizes.sum())
    else:
        parts = _write_parts(requests, out, limits, overwrite=overwrite)
        size = sum(part.size_bytes for part in parts)
    if dedupe:
        requests.duplicates.save(duplicates_path(out), overwrite=overwrite)
    return ConvertReport(
        out=out,
        rows=requests.rows,
        requests=requests.requests,
        empty_rows=requests.empty_rows,
        duplicates=len(requests.duplicates),
        duplicates_path=duplicates_path(out) if dedupe else out,
        size_bytes=size,
        reading=requests.table.reading,
        encoding_guessed=requests.table.guessed_encoding,
        bad_rows=requests.table.bad_rows,
        notes=requests.notes,
        parts=parts,
    )


def _write_parts(
    requests: TableRequests, out: Path, limits: ShardLimits, *, overwrite: bool
) -> Sequence[Part]:
    cutter, counter = ShardCutter(limits), LineTokens()
    sizes: list[tuple[int, int]] = []
    done = 0
    with folder_of_parts(out, overwrite=overwrite) as folder:
        # Reading, rendering and writing are three threads.
        with BackgroundSync() as sync, ExitStack() as last, read_ahead(requests.chunks()) as chunks:
            file: io.FileIO | None = None
            for lines in chunks:
                tokens = None
                if limits.max_tokens is not None:
                    tokens = [counter.count(line) for line in lines.to_list()]
                rows = range(done + 1, done + 1 + len(lines))
                for cut in cutter.cut(lines.sizes.to_list(), rows, tokens):
                    if file is None or cut.shard > len(sizes):
                        last.close()
                        file = (folder / str(cut.shard)).open("xb", buffering=0)
                        last.callback(sync.close, file)
                        sizes.append((0, 0))
                    lines.slice(cut.start, cut.stop).write(file)
                    sizes[-1] = (sizes[-1][0] + cut.stop - cut.start, sizes[-1][1] + cut.size_bytes)
                done += len(lines)
        parts = named_parts(sizes)
        for number, part in enumerate(parts, start=1):
            (folder / str(number)).rename(folder / part.name)
    return parts


class TableRequests:
    """
    The requests of a table; arguments and errors as in `convert`.

    Attributes:
        table: Opened.
        notes: What was changed so that the model takes it, in sentences.
        duplicates: Rows that have no request of their own.
        rows, requests, empty_rows: Counted while `chunks` runs.
    """

    def __init__(
        self,
        table: Path,
        *,
        model: str,
        text: str | None = None,
        template: str | None = None,
        system: str | None = None,
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
    ) -> None:
        if (text is None) == (template is None):
            raise UsageError(
                "say what the user message is: a column, or a template" + (", not both" if text else ""),
                hint="give --text COLUMN or --template with {{columns}}",
            )
        _require_valid_words(model=model, system=system, template=template, id_prefix=id_prefix)
        self.table = open_table(table, reading)
        user = Template.parse(template) if template is not None else Template.column_only(str(text))
        fitting, self.notes = parameters_for_model(
            "", model, endpoint, temperature=temperature, max_tokens=max_tokens, others=parameters
        )
        self._settings = RequestSettings(
            model=model,
            user=user,
            system=Template.parse(system) if system else None,
            image=image,
            endpoint=endpoint,
            parameters=fitting,
            id_prefix=id_prefix,
        )
        self._positions = {name: self.table.column(name) for name in self._settings.columns}
        self._asked = [self._positions[name] for name in (*user.columns, *([image] if image else []))]
        self._skip_empty = skip_empty
        self._image = (
            ImageColumn(table, image, self._positions[image], image_folder) if image is not None else None
        )
        self.duplicates = Duplicates.none()
        if dedupe:
            asked = self._asked if skip_empty else []
            self.duplicates = find_duplicates(self.table, self._settings.columns, asked)
        self.rows = self.requests = self.empty_rows = 0

    def chunks(self) -> Iterator[RequestLines]:
        """The request lines, some thousands at a time, in order."""
        for chunk in self.table.chunks(self._settings.rows_per_chunk()):
            blank = blank_rows(chunk.frame, self._asked)
            self.empty_rows += int(blank.sum())
            self.rows += chunk.frame.height
            left_out = self.duplicates.mask(chunk.first_row, chunk.frame.height)
            if self._skip_empty:
                left_out |= blank
            frame = self._image.filled(chunk) if self._image else chunk.frame
            frame = frame.with_row_index("row", offset=chunk.first_row).filter(~left_out)
            self.requests += frame.height
            yield render_requests(self._settings, frame, self._positions, frame["row"])


def _require_valid_words(*, model: str, system: str | None, template: str | None, id_prefix: str) -> None:
    if id_prefix[-1:].isdigit():
        raise UsageError("prefix-ends-in-digit", prefix=id_prefix)
    if not _is_text(model):
        raise UsageError("model-no-text", text=model)
    if not _is_text(system):
        raise UsageError("system-no-text", text=system)
    if not _is_text(template):
        raise UsageError("template-no-text", text=template)
    if not _is_text(id_prefix):
        raise UsageError("prefix-no-text", text=id_prefix)


def _is_text(words: str | None) -> bool:
    # Bytes of a command line that are not in the terminal's encoding come as half surrogate pairs.
    return not any("\ud800" <= character <= "\udfff" for character in words or "")


def duplicates_path(out: Path) -> Path:
    """Where it stands which row got whose request: beside the requests."""
    return out.with_name(f"{out.name}-duplicates.csv")
