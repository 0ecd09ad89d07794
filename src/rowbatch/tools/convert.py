"""`convert`: a table becomes one Batch JSONL file. Needs no run, no key and no network."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rowbatch.core.document import Shown
from rowbatch.core.plan import Asking, Question, Source
from rowbatch.core.shard import ShardCutter, ShardLimits
from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import UsageError
from rowbatch.programs.opening import open_table
from rowbatch.requests.line_writer import Lines
from rowbatch.requests.pipeline import TableRequests
from rowbatch.store.atomic import BackgroundSync, atomic_path, require_free
from rowbatch.tables.ahead import read_ahead
from rowbatch.tables.base import BadRowList, TableChunk
from rowbatch.tools.made_ids import MadeIds
from rowbatch.tools.row_keys import key_template
from rowbatch.tools.split import Part, folder_of_parts, named_parts, require_free_parts
from rowbatch.words.notice import Notice


@dataclass(frozen=True, slots=True, repr=False)
class ConvertReport(Shown):
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
        notes: What was changed so that the model takes it, and how the table was read.
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
    notes: Sequence[Notice]
    parts: Sequence[Part] = ()


def convert(
    source: Source,
    question: Question,
    asking: Asking,
    out: Path,
    *,
    id_column: str | None = None,
    skip_empty: bool = False,
    limits: ShardLimits | None = None,
    overwrite: bool = False,
) -> ConvertReport:
    """
    Write one request for each row, in order; `custom_id` is the prefix and the row number.

    Args:
        source: The input.
        question: What is asked of each row.
        asking: Of whom, and how. Where rows that ask the same are asked once, it is written beside `out`, as
            `OUT-duplicates.csv`, which row got whose request, and `extract` wants it. The prefix must not end
            in a digit, which would make the number another one.
        out: The JSONL file; it appears whole or not at all.
        id_column: Ids are the values of this column instead, or what a template with `{{column}}` makes. Of
            the rows that are asked each has one, no two have the same, and each is one that all providers
            take: 1 to 64 letters, digits, `_` and `-`.
        skip_empty: Leave rows with an empty text out; their numbers are not used again.
        limits: Of a part: then `out` is a folder with as many parts as it takes, written in the same pass.
        overwrite: Whether `out` may be replaced.
    Raises:
        TableError: The table is broken, or has no such column; or an id cannot be one.
        OutputExists, StorageError: The output cannot be written.
        UsageError: The arguments do not fit together.
    """
    table, dedupe = source.path, asking.dedupe
    if out.exists() and table.exists() and out.samefile(table):
        raise UsageError("table-would-be-its-requests", path=str(table))
    if limits is None:
        require_free(out, overwrite=overwrite)
    else:
        require_free_parts(table, out, is_zip=False, overwrite=overwrite)
    if dedupe:
        require_free(duplicates_path(out), overwrite=overwrite)
    requests = table_requests(source, question, asking, skip_empty=skip_empty, id_column=id_column)
    parts: Sequence[Part] = ()
    if limits is None:
        size = 0
        with (
            atomic_path(out, overwrite=overwrite) as path,
            path.open("wb", buffering=0) as file,
            read_ahead(_lines(requests, id_column)) as chunks,
        ):
            for lines in chunks:
                lines.write(file)
                size += sum(lines.line_sizes())
    else:
        parts = _write_parts(_lines(requests, id_column), out, limits, overwrite=overwrite)
        size = sum(part.size_bytes for part in parts)
    if dedupe:
        requests.duplicates.save(duplicates_path(out), overwrite=overwrite)
    return ConvertReport(
        out=out,
        rows=requests.counts.rows,
        requests=requests.counts.requests,
        empty_rows=requests.counts.empty_rows,
        duplicates=len(requests.duplicates),
        duplicates_path=duplicates_path(out) if dedupe else out,
        size_bytes=size,
        reading=requests.table.reading,
        encoding_guessed=requests.table.guessed_encoding,
        bad_rows=requests.table.bad_rows,
        notes=(*asking.notes, *requests.table.notes),
        parts=parts,
    )


def _lines(requests: TableRequests, id_column: str | None) -> Iterator[Lines]:
    """The request lines; ids that are made of columns are looked at on the way."""
    if id_column is None:
        yield from requests.lines()
        return
    ids = MadeIds(requests.table, key_template(id_column))
    seen: list[TableChunk] = []
    for found in requests.chunks(seen.append):
        ids.look(seen.pop(), found.rows)
        yield found.lines
    ids.require_single()


def _write_parts(
    requests: Iterator[Lines], out: Path, limits: ShardLimits, *, overwrite: bool
) -> Sequence[Part]:
    # Who cuts by lines or bytes alone needs nothing that counts tokens.
    from rowbatch.requests.line_tokens import LineTokens

    cutter, counter = ShardCutter(limits), LineTokens()
    sizes: list[tuple[int, int]] = []
    done = 0
    with folder_of_parts(out, overwrite=overwrite) as folder:
        # Reading, rendering and writing are three threads.
        with BackgroundSync() as sync, ExitStack() as last, read_ahead(requests) as chunks:
            file: io.FileIO | None = None
            for lines in chunks:
                tokens = None
                if limits.max_tokens is not None:
                    tokens = [counter.count(line) for line in lines.to_list()]
                rows = range(done + 1, done + 1 + len(lines))
                for cut in cutter.cut(lines.line_sizes(), rows, tokens):
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


def table_requests(
    source: Source,
    question: Question,
    asking: Asking,
    *,
    skip_empty: bool = False,
    id_column: str | None = None,
) -> TableRequests:
    """The requests of a table that no run keeps; arguments and errors as in `convert`."""
    _require_valid_words(question, asking)
    return TableRequests(
        open_table(source.path, source.reading),
        question,
        asking,
        skip_empty=skip_empty,
        custom_id=None if id_column is None else key_template(id_column),
    )


def _require_valid_words(question: Question, asking: Asking) -> None:
    id_prefix = asking.id_prefix
    if id_prefix[-1:].isdigit():
        raise UsageError("prefix-ends-in-digit", prefix=id_prefix)
    if not _is_text(asking.model):
        raise UsageError("model-no-text", text=asking.model)
    if not _is_text(question.system):
        raise UsageError("system-no-text", text=question.system)
    if not _is_text(question.template):
        raise UsageError("template-no-text", text=question.template)
    if not _is_text(id_prefix):
        raise UsageError("prefix-no-text", text=id_prefix)


def _is_text(words: str | None) -> bool:
    # Bytes of a command line that are not in the terminal's encoding come as half surrogate pairs.
    return not any("\ud800" <= character <= "\udfff" for character in words or "")


def duplicates_path(out: Path) -> Path:
    """Where it stands which row got whose request: beside the requests."""
    return out.with_name(f"{out.name}-duplicates.csv")
