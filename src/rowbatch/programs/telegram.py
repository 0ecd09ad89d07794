"""
What Telegram Desktop exports as JSON: `result.json` of one chat, or of all; or its folder, packed or not.

Form: `{"name", "type", "id", "messages": […]}`, or such objects in `chats.list` and `left_chats.list`,
behind an `about` and perhaps long lists of contacts and sessions. A message's `text` is a text, or a list of
texts and of objects with a text each (links, bold, mentions). A control character is written as `\\x0B`,
which is no JSON.
Source: github.com/telegramdesktop/tdesktop, Telegram/SourceFiles/export/output/export_output_json.cpp
    (35f5d5a and later ones).

Rows: one a message, also of the service (who joined, what was pinned), which has no text. `text` is the
whole text; where the parts are not said in `text_entities` as well, they stay in `text_parts`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rowbatch.core.table_options import ReadOptions
from rowbatch.programs.archives import begin_of, json_of, names_in, open_records, opened, said
from rowbatch.programs.base import Program
from rowbatch.tables.base import Table
from rowbatch.tables.json_text import Fields, JsonScanner, fields_of, list_of, text_of
from rowbatch.words.notice import Notice

_NAME = "telegram"
_RESULT = "result.json"
# Of all chats: the text is in the language of the program, which calls itself so in each.
_ALL = re.compile(rb'\{\s*"about"\s*:\s*"(?:[^"\\]|\\.)*?Telegram')
_LISTS = (
    *(b'"personal_information"', b'"profile_pictures"', b'"stories"', b'"contacts"', b'"frequent_contacts"'),
    *(b'"sessions"', b'"chats"', b'"left_chats"'),
)
_CONTROL = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_CHAT = re.compile(
    rb'"type"\s*:\s*"(?:saved_messages|replies|verification_codes|personal_chat|bot_chat|private_group'
    rb'|private_supergroup|public_supergroup|private_channel|public_channel)"'
)


def _is_file(path: Path, head: bytes) -> bool:
    if member := _member(path, head):
        head = begin_of(path, member)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _ALL.match(text) and any(name in text for name in _LISTS):
        return True
    return text.startswith(b"{") and b'"messages"' in text and _CHAT.search(text) is not None


def _member(path: Path, head: bytes) -> str:
    """`result.json` in a folder or a zip file; "" where there is none, or more than one."""
    if path.is_dir():
        return _RESULT if (path / _RESULT).is_file() else ""
    found = [name for name in names_in(path, head) if name.rsplit("/", 1)[-1] == _RESULT]
    return found[0] if len(found) == 1 else ""


def _open(path: Path, options: ReadOptions) -> Table:
    member = _member(path, b"PK\x03\x04" if path.is_file() else b"")

    def records() -> Iterator[Fields]:
        with opened(path, member) as file:
            scanner = JsonScanner(path, file)
            yield from _chats(scanner)

    return open_records(
        path,
        options,
        program=_NAME,
        records=records,
        note=lambda rows: Notice("note-messages", {"path": path.name, "rows": rows, "program": "Telegram"}),
    )


def _chats(scanner: JsonScanner) -> Iterator[Fields]:
    """The messages of a chat, or of all chats in an object; names stand before messages."""
    chat: Fields = {}
    for name in scanner.fields():
        if name == "messages" and scanner.peek() == b"[":
            for raw in scanner.values():
                yield _message(chat, fields_of(_as_json(raw)))
        elif name in ("chats", "left_chats") and scanner.peek() == b"{":
            yield from _chats(scanner)
        elif name == "list" and scanner.peek() == b"[":
            for _ in scanner.entries():
                yield from _chats(scanner)
        elif name in ("name", "type", "id"):
            chat[f"chat_{name}"] = json_of(_said_any(_as_json(scanner.value())))
        else:
            scanner.skip()


def _as_json(raw: bytes) -> bytes:
    """A value with its control characters as JSON has them."""
    if b"\\x" not in raw:
        return raw
    return _CONTROL.sub(lambda found: b"\\u00" + found[1] if found[1] else found[0], raw)


def _said_any(raw: bytes) -> str:
    """A text as it reads, a number as it is spelled, nothing for null: a deleted account has no name."""
    return text_of(raw)[0] if raw.startswith(b'"') else "" if raw == b"null" else raw.decode()


def _message(chat: Fields, message: Fields) -> Fields:
    raw = message.get("text")
    is_list = raw is not None and bytes(memoryview(raw)[:1]) == b"["
    text = "".join(_part(bytes(part)) for part in list_of(raw)) if raw is not None and is_list else None
    row: Fields = {"text": json_of(text) if text is not None else message.get("text", json_of(""))}
    if is_list and raw is not None and "text_entities" not in message:
        row["text_parts"] = raw
    return {**row, **chat, **{name: value for name, value in message.items() if name != "text"}}


def _part(raw: bytes) -> str:
    return said(fields_of(raw), "text") if raw.startswith(b"{") else _said_any(raw)


PROGRAM = Program(name=_NAME, title="Telegram", is_file=_is_file, open=_open)
