"""
Tweets as the interfaces of X (Twitter) gave them, and twarc and others kept them.

Form 2: a page of answers a line (or a document), `{"data": [tweets], "includes": {"users": […], "tweets":
[…]}}`, or flattened: a tweet a line, with its `author` and all of its `referenced_tweets` in it; source: X
API v2, "Data dictionary" and "Expansions"; github.com/DocNow/twarc (12104e0), src/twarc/expansions.py.
Form 1: a tweet a line with `id_str` and `user`; source: Twitter API 1.1, "Tweet object", "Extended Tweets";
twarc 1.

Rows: one a tweet. `text` is what a person sees: a retweet and a long tweet are whole, and `&amp;` is `&`;
as it was sent it is `text_escaped`. Of form 2 the author stands in `author.username` and so on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rowbatch.core.table_options import ReadOptions
from rowbatch.programs.archives import begins_with_field, json_of, open_records, opened, said, unescaped
from rowbatch.programs.base import Program
from rowbatch.tables.base import Table
from rowbatch.tables.json_text import Fields, JsonScanner, fields_of, list_of
from rowbatch.words.notice import Notice

_NAME = "twarc"
_PAGE = re.compile(rb'\s*\{\s*"(?:data|includes|meta|__twarc)"\s*:\s*[\[{]')
_FLAT = (b'"author_id"', b'"author"', b'"text"', b'"conversation_id"', b'"username"')
_RETWEET = re.compile(r"RT @\w+: ")


def _is_file(path: Path, head: bytes) -> bool:
    del path
    text = head.removeprefix(b"\xef\xbb\xbf")
    if _PAGE.match(text):
        return b'"text"' in text and (b'"edit_history_tweet_ids"' in text or b'"author_id"' in text)
    start = text.lstrip()[:1]
    if start == b"{" and all(mark in text for mark in _FLAT):
        return True
    marks = (b'"id_str"', b'"screen_name"', b'"created_at"', b'"truncated"', b'"user"')
    return start == b"{" and all(mark in text for mark in marks) and begins_with_field(text, "id_str")


def _open(path: Path, options: ReadOptions) -> Table:
    def records() -> Iterator[Fields]:
        with opened(path) as file:
            scanner = JsonScanner(path, file)
            while scanner.peek():
                found = fields_of(scanner.value())
                if "id_str" in found:
                    yield _tweet(found)
                elif "author_id" in found and "data" not in found:
                    yield _flat(found)
                else:
                    yield from _page(found)

    return open_records(
        path,
        options,
        program=_NAME,
        records=records,
        note=lambda rows: Notice("note-tweets", {"path": path.name, "rows": rows}),
    )


def _object(found: Fields, name: str) -> Fields:
    raw = found.get(name)
    return fields_of(raw) if raw is not None and bytes(memoryview(raw)[:1]) == b"{" else {}


def _objects(found: Fields, name: str) -> list[Fields]:
    raw = found.get(name)
    if raw is None:
        return []
    first = bytes(memoryview(raw)[:1])
    # A look-up of one tweet has no list.
    return (
        [fields_of(one) for one in list_of(raw)]
        if first == b"["
        else [fields_of(raw)]
        if first == b"{"
        else []
    )


def _page(page: Fields) -> Iterator[Fields]:
    includes = _object(page, "includes")
    users = {said(user, "id"): user for user in _objects(includes, "users")}
    others = {said(tweet, "id"): tweet for tweet in _objects(includes, "tweets")}
    for tweet in _objects(page, "data"):
        text = _long(tweet)
        for link in _objects(tweet, "referenced_tweets"):
            whole = others.get(said(link, "id"))
            if said(link, "type") == "retweeted" and whole is not None and (begin := _RETWEET.match(text)):
                text = begin[0] + _long(whole)
        row = {"text": json_of(unescaped(text)), **_beside_text(tweet)}
        for name, raw in users.get(said(tweet, "author_id"), {}).items():
            row[f"author.{name}"] = raw
        yield row


def _flat(tweet: Fields) -> Fields:
    text = _long(tweet)
    for link in _objects(tweet, "referenced_tweets"):
        if said(link, "type") == "retweeted" and "text" in link and (begin := _RETWEET.match(text)):
            text = begin[0] + _long(link)
    return {"text": json_of(unescaped(text)), **_beside_text(tweet)}


def _long(tweet: Fields) -> str:
    return said(_object(tweet, "note_tweet"), "text") or said(tweet, "text")


def _tweet(tweet: Fields) -> Fields:
    text, whole = _whole(tweet), _object(tweet, "retweeted_status")
    if whole and (begin := _RETWEET.match(text)):
        text = begin[0] + _whole(whole)
    return {"text": json_of(unescaped(text)), **_beside_text(tweet)}


def _whole(tweet: Fields) -> str:
    return said(_object(tweet, "extended_tweet"), "full_text") or said(tweet, "full_text", "text")


def _beside_text(tweet: Fields) -> Fields:
    return {("text_escaped" if name == "text" else name): raw for name, raw in tweet.items()}


PROGRAM = Program(name=_NAME, title="X (Twitter), answers of its API (twarc)", is_file=_is_file, open=_open)
