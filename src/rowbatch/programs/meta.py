"""
What Facebook and Instagram give as JSON: messages, posts, comments.

Form: `messages/inbox/NAME/message_1.json`, and so in `archived_threads`, `filtered_threads`,
`message_requests` and `e2ee_cutover` (`participants`, `messages` with `sender_name`, `timestamp_ms`,
`content`); of encrypted chats `NAME_1.json` (`threadName`, `messages` with `senderName`, `timestamp`,
`text`); `your_posts_1.json` (a list with `timestamp`, `data[].post`), `comments.json` (`comments_v2`);
Instagram's `post_comments_1.json` (`string_map_data`, before 2022 `string_list_data`) and `posts_1.json`,
stories and reels (`media` with `title` and `creation_timestamp`). All texts but those of encrypted chats are
UTF-8 whose bytes were written as characters: `é` is `\\u00c3\\u00a9`.
Source: readers of real downloads of 2020 to 2026 in public repositories, by the names of these fields, and
their tests; Meta documents no form.

Rows: one a message, post or comment. Texts are repaired to what a person sees; `text` is what was
written, `time` is in UTC. Of a whole download the messages are read, and files of posts and comments are
named. The HTML form is refused by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import TableError
from rowbatch.programs.archives import by_number, json_of, moment, names_in, open_records, opened
from rowbatch.programs.base import Program
from rowbatch.tables.base import Table
from rowbatch.tables.json_text import Fields, JsonScanner
from rowbatch.words.notice import Notice

_NAME = "meta"
_MESSAGES = re.compile(r"(?:.*/)?messages/[a-z0-9_]+/[^/]+/message_[0-9]+\.json")
_PAGES = re.compile(r"(?:.*/)?messages/[a-z0-9_]+/[^/]+/message_[0-9]+\.html")
_NO_MESSAGES = re.compile(
    r"(?:.*/)?(?:your_posts[^/]*|posts_[0-9]+|stories|reels|group_posts_and_comments|your_comments_in_groups"
    r"|comments|post_comments[^/]*|reels_comments)\.json"
)
_POSTS = re.compile(rb'\s*\[\s*\{\s*"(?:timestamp|data|attachments|title)"')
# In its posts `post` stands in objects of a list, in a plain list of posts it stands alone.
_SAID = re.compile(rb'"data"\s*:\s*\[\s*\{[^\[\]]*"post"\s*:')
_FOLDERS = (
    "messages", "your_facebook_activity", "your_activity_across_facebook", "your_instagram_activity",
)  # fmt: skip
_LISTS = (
    *("comments_v2", "group_comments_v2", "comments_media_comments", "comments_reels_comments"),
    *("ig_stories", "ig_reels_media"),
)
_MOST_NAMED = 12
_OF_MESSAGES = (
    (b'"participants"', b'"sender_name"', b'"timestamp_ms"'),
    (b'"participants"', b'"senderName"', b'"threadName"'),
)


def _is_file(path: Path, head: bytes) -> bool:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"{"):
        are_messages = any(all(mark in text for mark in marks) for marks in _OF_MESSAGES)
        return are_messages or any(f'"{name}"'.encode() in text[:200] for name in _LISTS)
    if text.startswith(b"["):
        is_posts = (
            _POSTS.match(text) is not None and b'"timestamp"' in text and _SAID.search(text) is not None
        )
        are_media = all(mark in text for mark in (b'"media"', b'"uri"', b'"creation_timestamp"'))
        return is_posts or are_media or (b'"string_map_data"' in text and b'"media_list_data"' in text)
    if text.startswith(b"<html"):
        return b'class="_a706"' in text or b"_a6-g" in text
    return any(_MESSAGES.fullmatch(name) or _PAGES.fullmatch(name) for name in names_in(path, head, _FOLDERS))


def _open(path: Path, options: ReadOptions) -> Table:
    names = names_in(path, b"PK\x03\x04" if path.is_file() else b"", _FOLDERS)
    parts = sorted((name for name in names if _MESSAGES.fullmatch(name)), key=by_number)
    if not parts:
        if names:
            raise TableError("archive-in-html", path=str(path))
        with opened(path) as file:
            if file.peek(64).lstrip().startswith(b"<html"):
                raise TableError("archive-in-html", path=str(path))

    def records() -> Iterator[Fields]:
        for part in parts or [""]:
            with opened(path, part) as file:
                for row in _rows(JsonScanner(path, file)):
                    yield {name: json_of(value) for name, value in row.items()}

    table = open_records(
        path,
        options,
        program=_NAME,
        records=records,
        note=lambda rows: Notice("note-meta", {"path": path.name, "rows": rows}),
    )
    if others := [name for name in names if _NO_MESSAGES.fullmatch(name)]:
        values = {"path": path.name, "files": others[:_MOST_NAMED], "count": len(others)}
        table.notes = (*table.notes, Notice("note-meta-others", values))
    return table


def _rows(scanner: JsonScanner) -> Iterator[dict[str, Any]]:
    if scanner.peek() == b"[":
        for _ in scanner.entries():
            yield _post(_value(scanner))
        return
    thread: dict[str, Any] = {}
    messages: list[dict[str, Any]] = []
    for name in scanner.fields():
        if name == "messages" and scanner.peek() == b"[":
            # The title of a thread stands behind its messages, of which a file has 10,000 at most.
            messages = [_value(scanner) for _ in scanner.entries()]
        elif name in _LISTS and scanner.peek() == b"[":
            for _ in scanner.entries():
                yield _post(_value(scanner))
        elif name in ("title", "threadName", "thread_path"):
            thread["thread_path" if name == "thread_path" else "thread"] = _value(scanner)
        else:
            scanner.skip()
    for message in messages:
        sent = message.get("timestamp_ms", message.get("timestamp"))
        time = moment(sent / 1000) if isinstance(sent, int) else ""
        yield {"text": message.get("content", ""), "time": time, **thread, **message}


def _post(found: Any) -> dict[str, Any]:
    found = found if isinstance(found, dict) else {"entry": found}
    text, time = "", found.get("timestamp")
    for part in found.get("data") or []:
        if isinstance(part, dict):
            inner = part.get("comment")
            written = inner.get("comment") if isinstance(inner, dict) else part.get("post")
            text = text or (written if isinstance(written, str) else "")
    # The names are in the language of the account: what has a value, and what has a time.
    named, listed, media = found.get("string_map_data"), found.get("string_list_data"), found.get("media")
    values = list(named.values()) if isinstance(named, dict) else listed if isinstance(listed, list) else []
    text = text or _first(values, "value", str, "")
    time = time or _first(values, "timestamp", int, None)
    if not text and not values:
        # A picture alone has its title, several have one together.
        shown = [found, *(media if isinstance(media, list) else [])]
        has_pictures = isinstance(media, list) or "uri" in found
        text = _first(shown, "title", str, "") if has_pictures else ""
        time = time or _first(shown, "creation_timestamp", int, None)
    return {"text": text, "time": moment(time) if isinstance(time, int) else "", **found}


def _first(values: list[Any], name: str, kind: type, none: Any) -> Any:
    """What the first object of some that has anything by this name says."""
    found = (one.get(name) for one in values if isinstance(one, dict))
    return next((one for one in found if isinstance(one, kind) and one), none)


def _value(scanner: JsonScanner) -> Any:
    return _repaired(json.loads(scanner.value()))


def _repaired(value: Any) -> Any:
    match value:
        case str():
            try:
                return value.encode("latin-1").decode("utf-8")
            except UnicodeError:
                return value
        case list():
            return [_repaired(one) for one in value]
        case dict():
            return {_repaired(name): _repaired(one) for name, one in value.items()}
        case _:
            return value


PROGRAM = Program(name=_NAME, title="Facebook and Instagram", is_file=_is_file, open=_open)
