"""
Comments of YouTube: what Google Takeout gives, and what the YouTube Data API answers.

Form of Takeout, with names in the language of the account: `comments.csv` and `live chats.csv`, whose
`Comment Text` (`Comment text` of old) and `Live Chat Text` are JSON, `{"text":"…"}` once or many times with
commas between, or before 2024 `{"takeoutSegments":[{"text":"…"}]}`. Form of the API: `commentThreads.list`,
`items[].snippet.topLevelComment` and `items[].replies.comments`; pages may follow each other.
Source: YouTube Data API v3, "CommentThreads"; google_takeout_parser and other readers of Takeout's files in
public repositories, by these names and their tests.

Rows: one a comment, answers below theirs. `text` is what was written; of the API `textOriginal`, or
`textDisplay`, which is HTML and stays so.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import polars as pl

from rowbatch.core.table_options import PLAIN, ReadOptions
from rowbatch.programs.archives import json_of, open_records, opened, said
from rowbatch.programs.base import Program, TableOnTop
from rowbatch.tables.base import Table, TableChunk
from rowbatch.tables.formats import open_table
from rowbatch.tables.json_reader import free_name
from rowbatch.tables.json_text import Fields, JsonScanner, fields_of, list_of
from rowbatch.words.notice import Notice

_NAME = "youtube"
_ANSWER = b'"youtube#commentThread'
_TEXTS = ("comment text", "live chat text")
_TAKEOUT = {"channel id", "video id"}
_CHANNEL = re.compile(r"UC[\w-]{22}")
_PARTS = re.compile(r'\{"(?:text|takeoutSegments)":')


def _is_file(path: Path, head: bytes) -> bool:
    del path
    text = head.removeprefix(b"\xef\xbb\xbf")
    if text.lstrip().startswith(b"{"):
        return _ANSWER in text[:4000] and b'"items"' in text
    return _is_takeout(text)


def _is_takeout(head: bytes) -> bool:
    try:
        lines = list(islice(csv.reader(io.StringIO(head.decode(errors="replace"))), 2))
    except csv.Error:
        return False
    return _place(lines[0] if lines else [], lines[1] if len(lines) > 1 else []) is not None


def _place(header: Sequence[str], row: Sequence[str]) -> int | None:
    """The column with the comments: by its name, or in another language by what stands in the first row."""
    names = [name.lower() for name in header]
    named = next((at for at, name in enumerate(names) if name in _TEXTS), None)
    if named is not None and set(names) >= _TAKEOUT:
        return named
    is_of_channel = any(_CHANNEL.fullmatch(cell) for cell in row)
    return next((at for at, cell in enumerate(row) if is_of_channel and _PARTS.match(cell)), None)


def _open(path: Path, options: ReadOptions) -> Table:
    with opened(path) as file:
        is_takeout = not file.peek(100).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
    if is_takeout:
        return _Takeout(open_table(path, replace(options, program=PLAIN)))

    def records() -> Iterator[Fields]:
        with opened(path) as file:
            scanner = JsonScanner(path, file)
            while scanner.peek():
                for name in scanner.fields():
                    if name == "items" and scanner.peek() == b"[":
                        for _ in scanner.entries():
                            yield from _thread(fields_of(scanner.value()))
                    else:
                        scanner.skip()

    return open_records(
        path,
        options,
        program=_NAME,
        records=records,
        note=lambda rows: Notice("note-messages", {"path": path.name, "rows": rows, "program": "YouTube"}),
    )


def _thread(thread: Fields) -> Iterator[Fields]:
    snippet = fields_of(thread["snippet"]) if "snippet" in thread else {}
    if "topLevelComment" in snippet:
        yield _comment(fields_of(snippet["topLevelComment"]))
    elif snippet:
        yield _comment(thread)
    replies = fields_of(thread["replies"]) if "replies" in thread else {}
    for reply in list_of(replies["comments"]) if "comments" in replies else []:
        yield _comment(fields_of(reply))


def _comment(comment: Fields) -> Fields:
    snippet = fields_of(comment["snippet"]) if "snippet" in comment else {}
    return {"text": json_of(said(snippet, "textOriginal", "textDisplay")), **comment}


class _Takeout(TableOnTop):
    """The table of Takeout, with the text that its comments have beside it."""

    format = "archive"

    def __init__(self, plain: Table) -> None:
        name = free_name("text", plain.header)
        note = Notice("note-youtube-takeout", {"path": plain.path.name, "column": name})
        super().__init__(plain, _NAME, (name, *plain.header), notes=(*plain.notes, note))
        first = plain.peek(1)
        self._at = _place(plain.header, first[0] if first else ()) or 0

    def _chunks(self, rows_per_chunk: int) -> Iterator[TableChunk]:
        for chunk in self._inner_chunks(rows_per_chunk):
            texts = pl.Series("0", [_written(cell) for cell in chunk.frame[str(self._at)]], dtype=pl.String)
            others = [column.alias(str(at)) for at, column in enumerate(chunk.frame.get_columns(), start=1)]
            yield TableChunk(chunk.first_row, pl.DataFrame([texts, *others]))


def _written(cell: str) -> str:
    """What the parts of a comment say; a cell that is no JSON says itself."""
    try:
        parts = [fields_of(part) for part in list_of(f"[{cell}]".encode())]
        segments = [one for part in parts for one in list_of(part.get("takeoutSegments", b"[]"))]
        parts += [fields_of(segment) for segment in segments]
    except (ValueError, RecursionError):
        return cell
    return "".join(said(part, "text") for part in parts) if parts else cell


PROGRAM = Program(name=_NAME, title="YouTube, comments", is_file=_is_file, open=_open)
