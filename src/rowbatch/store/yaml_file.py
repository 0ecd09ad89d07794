"""
YAML that a person wrote: plain values with their lines, in bounds, and no text that becomes something else.

It is YAML 1.2 with its core schema: `no`, `1_000` and `2026-11-23` are texts. Merge keys (`<<`) of YAML 1.1
are known. A short text can stand for very much, when references (`*name`) to what has references itself
multiply; so entries are counted as they would be written out, before anything is made of them.

Source:
    YAML 1.2.2, chapter 10.3, "Core Schema"; YAML 1.1, "Merge Key Language-Independent Type".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rowbatch.errors import CodebookError, from_os_error

MAX_BYTES = 2 << 20
"""Of a file: more than any model reads."""
MAX_ENTRIES = 100_000
"""Values and names, each reference counted as what it stands for."""
MAX_DEPTH = 50
"""Lists and fields inside of each other."""

_TAG = "tag:yaml.org,2002:"
_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_WHOLE = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
# Python takes no longer text for a number; a longer one stays a text.
_MAX_DIGITS = 4000
_MERGE = "<<"

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """
    What stood in a file.

    Attributes:
        value: Dictionaries with texts as names, lists, texts, numbers, true and false, None.
        lines: Line of each place in it, from 1; of what a reference stands for only its own.
    """

    value: Any
    lines: dict[Place, int]


def read_yaml(path: Path) -> YamlDocument:
    """
    Read a YAML file.

    Raises:
        InputError: The file cannot be read.
        CodebookError: It is no YAML, or more than a person would write; with the line.
    """
    return _read(_text(path), str(path))


def read_yaml_text(text: str, name: str) -> YamlDocument:
    """
    As `read_yaml`, of what is in memory.

    Args:
        text: In YAML.
        name: For messages.
    """
    return _read(text, name)


def read_json(path: Path) -> YamlDocument | None:
    """
    Read a JSON file; None where it is none, which as YAML it may be.

    Its own reader: what JSON escapes, and moves in with tabs, is not always YAML. Lines are known where it
    is.

    Raises:
        InputError: The file cannot be read.
        CodebookError: A field stands twice, or it is more than a person would write.
    """
    text = _text(path)

    def fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                raise CodebookError("json-field-twice", path=str(path), name=name)
            found[name] = value
        return found

    try:
        value = json.loads(text, object_pairs_hook=fields)
        # A half of a character that JSON can escape is no text.
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        raise CodebookError("yaml-too-deep", path=str(path), line=1, most=MAX_DEPTH) from error
    except ValueError:
        return None
    _require_bounds(value, str(path))
    try:
        lines = _read(text, str(path)).lines
    except CodebookError:
        lines = {}
    return YamlDocument(value, lines)


def _require_bounds(value: Any, path: str) -> None:
    level, entries = [value], 0
    for depth in range(1, MAX_DEPTH + 2):
        entries += len(level)
        if entries > MAX_ENTRIES:
            raise CodebookError("yaml-too-many-entries", path=path, line=1, most=MAX_ENTRIES)
        if level and depth > MAX_DEPTH:
            raise CodebookError("yaml-too-deep", path=path, line=1, most=MAX_DEPTH)
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    if len(data) > MAX_BYTES:
        raise CodebookError("yaml-too-long", path=str(path), most_mb=MAX_BYTES >> 20)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CodebookError("codebook-not-utf8", path=str(path), byte=error.start + 1) from error


def _read(text: str, path: str) -> YamlDocument:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError
    from ruamel.yaml.reader import ReaderError

    try:
        return _Reader(YAML(typ="safe", pure=True).parse(text), path).document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise CodebookError(
            "codebook-yaml-broken-at" if line else "codebook-yaml-broken",
            path=path,
            line=line,
            told=_first_line(error.problem or error.context or str(error)),
        ) from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise CodebookError(
            "yaml-character", path=path, line=line, character=f"U+{error.character:04X}"
        ) from error
    except YAMLError as error:
        raise CodebookError("codebook-no-yaml", path=path, told=_first_line(str(error))) from error


@dataclass(slots=True)
class _Anchored:
    """What a reference stands for; `entries` is None while it is being read."""

    value: Any = None
    entries: int | None = None
    depth: int = 0


@dataclass(slots=True)
class _Reader:
    events: Iterator[Any]
    path: str
    lines: dict[Place, int] = field(default_factory=dict)
    entries: int = 0
    deepest: int = 0
    anchored: dict[str, _Anchored] = field(default_factory=dict)

    def document(self) -> YamlDocument:
        kinds = _event_kinds()
        value: Any = None
        documents = 0
        for event in self.events:
            if isinstance(event, kinds.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise CodebookError("yaml-several-documents", **self._at(event))
            elif not isinstance(
                event, kinds.DocumentEndEvent | kinds.StreamStartEvent | kinds.StreamEndEvent
            ):
                value = self._value(event, (), 1)
        return YamlDocument(value, self.lines)

    def _value(self, event: Any, place: Place, depth: int) -> Any:
        kinds = _event_kinds()
        self._count(event, 1, depth)
        if isinstance(event, kinds.AliasEvent):
            return self._referred(event, depth)
        known = None
        if event.anchor:
            known = self.anchored[event.anchor] = _Anchored()
        before, deepest, self.deepest = self.entries, self.deepest, depth
        if isinstance(event, kinds.ScalarEvent):
            value = self._scalar(event)
        elif isinstance(event, kinds.SequenceStartEvent):
            value = self._list(event, place, depth)
        else:
            value = self._fields(event, place, depth)
        if known is not None:
            known.value, known.entries, known.depth = value, self.entries - before + 1, self.deepest - depth
        self.deepest = max(deepest, self.deepest)
        return value

    def _count(self, event: Any, entries: int, depth: int) -> None:
        self.entries += entries
        self.deepest = max(self.deepest, depth)
        if self.entries > MAX_ENTRIES:
            raise CodebookError("yaml-too-many-entries", **self._at(event), most=MAX_ENTRIES)
        if depth > MAX_DEPTH:
            raise CodebookError("yaml-too-deep", **self._at(event), most=MAX_DEPTH)

    def _referred(self, event: Any, depth: int) -> Any:
        known = self.anchored.get(event.anchor)
        if known is None:
            raise CodebookError("yaml-refers-to-nothing", **self._at(event), name=event.anchor)
        if known.entries is None:
            raise CodebookError("yaml-refers-to-itself", **self._at(event), name=event.anchor)
        self._count(event, known.entries - 1, depth + known.depth)
        return known.value

    def _list(self, event: Any, place: Place, depth: int) -> list[Any]:
        self._require_tag(event, "seq")
        found: list[Any] = []
        for item in self.events:
            if isinstance(item, _event_kinds().SequenceEndEvent):
                break
            inner = (*place, len(found))
            self.lines[inner] = item.start_mark.line + 1
            found.append(self._value(item, inner, depth + 1))
        return found

    def _fields(self, event: Any, place: Place, depth: int) -> dict[str, Any]:
        self._require_tag(event, "map")
        kinds = _event_kinds()
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key in self.events:
            if isinstance(key, kinds.MappingEndEvent):
                break
            if not isinstance(key, kinds.ScalarEvent):
                raise CodebookError("yaml-name-no-text", **self._at(key))
            self._count(key, 1, depth)
            self._require_tag(key, "str")
            if key.anchor:
                self.anchored[key.anchor] = _Anchored(key.value, 1)
            if key.value == _MERGE and key.style is None:
                self._merge(key, merged, self._value(next(self.events), (*place, _MERGE), depth + 1))
                continue
            name = key.value
            if name in found:
                raise CodebookError("yaml-field-twice", **self._at(key), name=name)
            inner = (*place, name)
            self.lines[inner] = key.start_mark.line + 1
            found[name] = self._value(next(self.events), inner, depth + 1)
        return {**merged, **found}

    def _merge(self, key: Any, merged: dict[str, Any], value: Any) -> None:
        several = value if isinstance(value, list) else [value]
        for one in several:
            if not isinstance(one, dict):
                raise CodebookError("yaml-merges-no-fields", **self._at(key))
            for name, inner in one.items():
                # Of several the first one counts.
                merged.setdefault(name, inner)

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        tag = event.tag
        if tag is None:
            return _plain_value(text) if event.style is None else text
        if tag in ("!", f"{_TAG}str"):
            return text
        value = _plain_value(text)
        fits = {
            f"{_TAG}int": isinstance(value, int) and not isinstance(value, bool),
            f"{_TAG}float": isinstance(value, int | float) and not isinstance(value, bool),
            f"{_TAG}bool": isinstance(value, bool),
            f"{_TAG}null": value is None,
        }
        if not fits.get(tag, False):
            raise CodebookError("yaml-tag", **self._at(event), tag=_shown_tag(tag))
        return value

    def _require_tag(self, event: Any, name: str) -> None:
        if event.tag not in (None, "!", _TAG + name):
            raise CodebookError("yaml-tag", **self._at(event), tag=_shown_tag(event.tag))

    def _at(self, event: Any) -> dict[str, Any]:
        return {"path": self.path, "line": event.start_mark.line + 1}


def _event_kinds() -> Any:
    from ruamel.yaml import events

    return events


def _plain_value(text: str) -> Any:
    """What a text without quotes is by the core schema."""
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if len(text) <= _MAX_DIGITS:
        if _WHOLE.fullmatch(text):
            # Zeros at the begin are no octal number there: 010 is ten.
            return int(text, 8 if text.startswith("0o") else 16) if text[:2] in ("0o", "0x") else int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
    special = _SPECIAL.fullmatch(text)
    if special:
        return float(f"{special[1]}inf" if special[2] else "nan")
    return text


def _shown_tag(tag: str) -> str:
    return f"!!{tag.removeprefix(_TAG)}" if tag.startswith(_TAG) else tag


def _first_line(text: str) -> str:
    return next(iter(text.strip().splitlines()), "")
