"""
The archive that X (Twitter) gives to the owner of an account: tweets, likes, direct messages.

Form: `data/tweets.js` and `data/tweets-part1.js`, … (before 2022 `tweet.js`), each
`window.YTD.tweets.part0 = [` and entries such as `{"tweet": {…}}`; before 2020 without that wrapper.
Likes and messages have files of their own. Source: archives as public readers of them describe
(community-archive, docs/archive_data.md; tweetback, README) (from memory; no export of it was at hand); X
documents no form.

Rows: one a tweet, a like or a message. `text` is what a person sees: in `full_text` X writes `&` as
`&amp;`. The rest is as it stands, its fields as dotted columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import TableError
from rowbatch.programs.archives import by_number, json_of, names_in, open_records, opened, said, unescaped
from rowbatch.programs.base import Program
from rowbatch.tables.base import Table
from rowbatch.tables.json_text import Fields, JsonScanner, fields_of, list_of
from rowbatch.words.notice import Notice

_NAME = "x"
_TWEETS = re.compile(r"(?:.*/)?data/tweets?(?:-part[0-9]+)?\.js")
_BEGIN = re.compile(rb"\s*window\.YTD\.[A-Za-z_]+\.part[0-9]+\s*=\s*(?=\[)")


def _is_file(path: Path, head: bytes) -> bool:
    found = _BEGIN.match(head.removeprefix(b"\xef\xbb\xbf"))
    return found is not None or bool(_parts(path, head))


def _parts(path: Path, head: bytes) -> list[str]:
    names = names_in(path, head, ("data",))
    return sorted((name for name in names if _TWEETS.fullmatch(name)), key=by_number)


def _open(path: Path, options: ReadOptions) -> Table:
    head = b"PK\x03\x04" if path.is_file() else b""
    parts = _parts(path, head) or [""]

    def records() -> Iterator[Fields]:
        for part in parts:
            with opened(path, part) as file:
                yield from _entries(path, file)

    return open_records(
        path,
        options,
        program=_NAME,
        records=records,
        note=lambda rows: Notice("note-x-archive", {"path": path.name, "rows": rows}),
    )


def _entries(path: Path, file: BufferedReader) -> Iterator[Fields]:
    found = _BEGIN.match(file.peek(200).removeprefix(b"\xef\xbb\xbf"))
    if found is None:
        raise TableError("archive-broken", path=str(path), told="it does not begin with window.YTD")
    file.read(file.peek(200).index(b"=") + 1)
    scanner = JsonScanner(path, file)
    for raw in scanner.values():
        entry = fields_of(raw)
        only = next(iter(entry.values())) if len(entry) == 1 else None
        inner = fields_of(only) if only is not None and bytes(memoryview(only)[:1]) == b"{" else entry
        if "messages" in inner and "conversationId" in inner:
            yield from _messages(inner)
        else:
            text = said(inner, "full_text", "fullText", "text")
            # Lists of accounts have none.
            shown = {"text": json_of(unescaped(text))} if text or "full_text" in inner else {}
            yield {**shown, **_beside_text(inner)}


def _beside_text(found: Fields) -> Fields:
    return {("text_escaped" if name == "text" else name): raw for name, raw in found.items()}


def _messages(conversation: Fields) -> Iterator[Fields]:
    for raw in list_of(conversation["messages"]):
        message = fields_of(raw)
        kind, inner = next(iter(message.items()), ("", None))
        found = fields_of(inner) if inner is not None else {}
        yield {
            "text": found.get("text", json_of("")),
            "conversationId": conversation["conversationId"],
            "kind": json_of(kind),
            **{name: value for name, value in found.items() if name != "text"},
        }


PROGRAM = Program(name=_NAME, title="X (Twitter), archive of an account", is_file=_is_file, open=_open)
