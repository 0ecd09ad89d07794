"""
Dumps of Reddit (Pushshift, Academic Torrents): a comment (RC_…) or a submission (RS_…) a line, often
packed by Zstandard, and without an ending to their names.

Form: Reddit's own JSON, `body` of a comment, `title` and `selftext` of a submission. Source: Pushshift's
"The Pushshift Reddit Dataset" (2020), and dumps of 2015 and 2023 as their readers describe them.

Rows: one an object, its fields as they stand. `text` is what a person sees: the body, or title and text
with an empty line between; `&gt;` is `>`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rowbatch.core.table_options import ReadOptions
from rowbatch.programs.archives import begins_with_field, json_of, open_records, opened, said, unescaped
from rowbatch.programs.base import Program
from rowbatch.tables.base import Table
from rowbatch.tables.json_text import Fields, JsonScanner, fields_of
from rowbatch.words.notice import Notice

_NAME = "reddit"


def _is_file(path: Path, head: bytes) -> bool:
    del path
    marks = (b'"subreddit"', b'"author"', b'"created_utc"')
    has_text = b'"body"' in head or b'"selftext"' in head
    return (
        head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
        and has_text
        and all(m in head for m in marks)
        and begins_with_field(head, "subreddit")
    )


def _open(path: Path, options: ReadOptions) -> Table:
    def records() -> Iterator[Fields]:
        with opened(path) as file:
            scanner = JsonScanner(path, file)
            while scanner.peek():
                yield _row(fields_of(scanner.value()))

    return open_records(
        path,
        options,
        program=_NAME,
        records=records,
        note=lambda rows: Notice("note-reddit", {"path": path.name, "rows": rows}),
    )


def _row(found: Fields) -> Fields:
    if "body" in found:
        text = said(found, "body")
    else:
        text = "\n\n".join(part for part in (said(found, "title"), said(found, "selftext")) if part)
    # A dump has no field `text`: where there is one, it is of whoever worked on it since.
    return {"text": json_of(unescaped(text)), **found}


PROGRAM = Program(name=_NAME, title="Reddit, dumps of comments and submissions", is_file=_is_file, open=_open)
