"""
The archive that X (Twitter) gives to the owner of an account: tweets, likes, direct messages.

Form: `data/tweets.js` and `data/tweets-part1.js`, … (before 2022 `tweet.js`), each
`window.YTD.tweets.part0 = [` and entries such as `{"tweet": {…}}`; before 2020 without that wrapper. A long
post is cut there, ends with `…` and links, and is whole in `data/note-tweet.js`, with the same second and no
`&amp;`; a retweet is cut and nowhere whole. Likes and messages have files of their own.
Source: archives that their owners published: github.com/alrocar/x (5db07a5, of 2024; each of its long posts
is found in this way) and github.com/ajitg25/twitter-analytics (c29d0ee, of 2025); X documents no form.

Rows: one a tweet, a like or a message. `text` is what a person sees: in `full_text` X writes `&` as
`&amp;`. The rest is as it stands, its fields as dotted columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from io import BufferedReader
from pathlib import Path

from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import TableError
from rowbatch.programs.archives import (
    begin_of,
    by_number,
    json_of,
    names_in,
    open_records,
    opened,
    said,
    unescaped,
)
from rowbatch.programs.base import Program
from rowbatch.tables.base import Table
from rowbatch.tables.json_text import Fields, JsonScanner, fields_of, list_of
from rowbatch.words.notice import Notice

_NAME = "x"
_TWEETS = re.compile(r"(?:(?:.*/)?data/)?tweets?(?:-part[0-9]+)?\.js")
_LONG = re.compile(r"(?:(?:.*/)?data/)?note-tweet(?:-part[0-9]+)?\.js")
_BEGIN = re.compile(rb"\s*window\.YTD\.[A-Za-z_]+\.part[0-9]+\s*=\s*(?=\[)")
# Mentions of those who are answered, what was written, and links to what is shown below it.
_PARTS = re.compile(r"((?:@\w+\s+)*)(.*)…((?:\s*https://t\.co/\w+)*)", re.DOTALL)
_LINK = re.compile(r"https?://\S+")
# A text that is shorter may end with three dots of its author; none that is cut is longer.
_LEAST_CUT_CHARS, _MOST_CUT_CHARS = 100, 2000
_Wholes = Mapping[str, list[str]]
"""Texts of long posts by their second."""


def _is_file(path: Path, head: bytes) -> bool:
    found = _BEGIN.match(head.removeprefix(b"\xef\xbb\xbf"))
    if found is not None:
        return True
    parts = _parts(path, head)
    return bool(parts) and _BEGIN.match(begin_of(path, parts[0]).removeprefix(b"\xef\xbb\xbf")) is not None


def _parts(path: Path, head: bytes) -> list[str]:
    return _named(path, head, _TWEETS)


def _named(path: Path, head: bytes, form: re.Pattern[str]) -> list[str]:
    names = names_in(path, head, ("data",))
    if not names and path.is_dir():
        # The folder `data` itself.
        names = [file.name for file in path.glob("*.js")]
    return sorted((name for name in names if form.fullmatch(name)), key=by_number)


def _open(path: Path, options: ReadOptions) -> Table:
    head = b"PK\x03\x04" if path.is_file() else b""
    parts = _parts(path, head)
    wholes = _wholes(path, _named(path, head, _LONG) if parts else [])
    cut = 0

    def records() -> Iterator[Fields]:
        nonlocal cut
        cut = 0
        for part in parts or [""]:
            with opened(path, part) as file:
                for row in _entries(path, file, wholes):
                    cut += "full_text" in row and _parts_of(said(row, "text")) is not None
                    yield row

    table = open_records(
        path,
        options,
        program=_NAME,
        records=records,
        note=lambda rows: Notice("note-x-archive", {"path": path.name, "rows": rows}),
    )
    if cut:
        table.notes = (*table.notes, Notice("note-x-cut", {"path": path.name, "cut": cut}))
    return table


def _wholes(path: Path, names: list[str]) -> _Wholes:
    """The long posts of an archive."""
    found: dict[str, list[str]] = {}
    for name in names:
        with opened(path, name) as file:
            for entry in _entries(path, file, {}):
                if when := said(entry, "createdAt"):
                    found.setdefault(_second(when), []).append(said(entry, "text"))
    return found


def _second(when: str) -> str:
    """A moment in UTC to the second, of both ways in which X writes it; "" for another."""
    for form in ("%Y-%m-%dT%H:%M:%S.%fZ", "%a %b %d %H:%M:%S +0000 %Y"):
        try:
            return datetime.strptime(when, form).strftime("%Y%m%d%H%M%S")  # noqa: DTZ007 - both are in UTC
        except ValueError:
            pass
    return ""


def _whole(text: str, when: str, wholes: _Wholes) -> str:
    """A post with all that was written, where it is a long one."""
    parts = _parts_of(text)
    if parts is None:
        return text
    answered, begin, links = parts
    for whole in wholes.get(_second(when), ()):
        written = whole.removeprefix(answered)
        if _compared(written).startswith(_compared(begin)):
            return answered + written + links
    return text


def _parts_of(text: str) -> tuple[str, str, str] | None:
    """Of a cut post who is answered, the begin of what was written, and links; None for another."""
    found = _PARTS.fullmatch(text) if _LEAST_CUT_CHARS <= len(text) <= _MOST_CUT_CHARS else None
    return (found[1], found[2], found[3]) if found else None


def _compared(text: str) -> str:
    """A text without its links, of which a post may have others than its whole, and without blanks."""
    return "".join(_LINK.sub("", text).split())


def _entries(path: Path, file: BufferedReader, wholes: _Wholes) -> Iterator[Fields]:
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
        elif "noteTweetId" in inner and "core" in inner:
            yield {"text": fields_of(inner["core"]).get("text", json_of("")), **inner}
        else:
            text = said(inner, "full_text", "fullText", "text")
            # Lists of accounts have none.
            shown = (
                {"text": json_of(_whole(unescaped(text), said(inner, "created_at"), wholes))}
                if text or "full_text" in inner
                else {}
            )
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
