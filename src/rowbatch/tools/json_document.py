"""
One JSON document is no JSONL: a list of requests, what Anthropic's create call takes, objects on many lines.

Who cuts it at its line ends tears it, and every line of it is broken. So it is known by its begin and named,
and made lines on demand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec

from rowbatch.errors import InputError, from_os_error
from rowbatch.tables.bounds import require_memory
from rowbatch.tables.compressed import open_binary

_HEAD_BYTES = 1 << 16
_BOM = b"\xef\xbb\xbf"
_ID_NAMES = ("custom_id", "key", "request", "body", "params", "response", "result")
# The text, its entries and one of them anew.
_MEMORY_PER_BYTE = 3
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def require_lines(path: Path) -> None:
    """
    Make sure that a file is not one JSON document.

    Raises:
        InputError: It is one, or is not there.
    """
    if is_document(path):
        raise InputError("file-is-document", path=str(path), name=path.name)


def require_result_lines(path: Path, *, one_line_too: bool = False) -> None:
    """
    Make sure that a file of results, which is never packed, is not one JSON document on many lines.

    Args:
        path: The file.
        one_line_too: Nor one on a single line, which nobody tears: it is a line that is no result.

    Raises:
        InputError: It is one, or is not there.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    if (one_line_too or b"\n" in head.strip()) and _begins_document(head):
        raise InputError("file-is-document", path=str(path), name=path.name)


def is_document(path: Path) -> bool:
    """
    Whether a file, packed or not, begins like one JSON document, or several on many lines, not like JSONL.

    Raises:
        InputError: It is not there.
        TableError: It is packed, and damaged.
    """
    try:
        with open_binary(path) as file:
            return _begins_document(file.read(_HEAD_BYTES))
    except OSError as error:
        raise from_os_error(error, str(path)) from error


def _begins_document(head: bytes) -> bool:
    text = head.removeprefix(_BOM).lstrip()
    if not text.startswith((b"[", b"{")):
        return False
    first, end, rest = text.partition(b"\n")
    rest = rest.lstrip()
    try:
        found = msgspec.json.decode(first)
    except (ValueError, RecursionError):
        if text.startswith(b"["):
            return text[1:].lstrip().startswith(b"{")
        # Programs that write over many lines break them behind these. A cut line of JSONL is followed
        # by another object.
        last = first.rstrip()[-1:]
        return bool(end) and (last == b"[" or (last in b"{,:" and bool(rest) and not rest.startswith(b"{")))
    if rest:
        return False
    if isinstance(found, list):
        return bool(found) and isinstance(found[0], dict)
    return isinstance(found, dict) and _list_in(first) is not None


def lines_of(path: Path) -> Iterator[bytes]:
    r"""
    The entries of a document as lines of JSONL; numbers and texts are spelled as they were.

    Args:
        path: A list, an object that holds one, or objects one after the other.
    Yields:
        Lines with `\n`.
    Raises:
        InputError: It is none of these, or not there.
        TableError: There is no room for it in memory.
    """
    try:
        with open_binary(path) as file:
            require_memory(path, path.stat().st_size * _MEMORY_PER_BYTE)
            data = file.read().removeprefix(_BOM).strip()
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    try:
        for entry in _entries(data):
            yield msgspec.json.format(entry, indent=-1) + b"\n"
    except (ValueError, RecursionError) as error:
        told = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InputError("document-unreadable", path=str(path), told=told) from error


def _entries(data: bytes) -> Iterator[bytes]:
    if data.startswith(b"["):
        yield from map(bytes, _LIST.decode(data))
        return
    listed = _list_in(data)
    if listed is not None:
        yield from map(bytes, listed)
        return
    text, at = data.decode("utf-8"), 0
    read = json.JSONDecoder().raw_decode
    while at < len(text):
        _, end = read(text, at)
        yield text[at:end].encode()
        at = _behind_blanks(text, end)


def _behind_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n,":
        at += 1
    return at


def _list_in(data: bytes) -> list[msgspec.Raw] | None:
    """The one list of an object that is no request or result itself; None where there is none."""
    try:
        found = _OBJECT.decode(data)
    except (ValueError, RecursionError):
        return None
    if any(name in found for name in _ID_NAMES):
        return None
    lists = [bytes(value) for value in found.values() if bytes(value).lstrip().startswith(b"[")]
    if len(lists) != 1:
        return None
    entries = _LIST.decode(lists[0])
    return entries if entries and bytes(entries[0]).lstrip().startswith(b"{") else None
