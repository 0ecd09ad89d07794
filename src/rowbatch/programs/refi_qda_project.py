"""The texts, passages and variables of a project of REFI-QDA as a table: see `programs.refi_qda`."""

from __future__ import annotations

import errno
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, ClassVar

import polars as pl

from rowbatch.core.label_list import SEPARATOR
from rowbatch.core.plain_xml import BrokenXml
from rowbatch.core.refi_codebook import Code, CodesReader, all_codes, plain_guid, questions_of
from rowbatch.core.refi_files import PROJECT_ENDING, PROJECT_PART
from rowbatch.core.refi_project import SOURCES_FOLDER, PlainText
from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import TableError, from_os_error
from rowbatch.tables.ahead import require_wanted
from rowbatch.tables.base import Table, TableChunk
from rowbatch.tables.bounds import max_cell_bytes, require_cell
from rowbatch.tables.encodings import marked_encoding
from rowbatch.tables.frame_table import refuse_options
from rowbatch.words.notice import Notice

_NAME = "refi_qda"
_FLAT = "label"
"""Name of the question that codes without any below them are, as a codebook has it that is not told."""
_INTERNAL = "internal://"
_BLOCK_BYTES = 1 << 18
_CHARS_PER_CHUNK = 8_000_000
_MAX_PROJECT_BYTES = 4 << 30
_MAX_PARTS = 2_000_000
"""Texts, codings, values: what is kept of each takes up to 400 bytes."""
_MAX_OWN_CHARS = 500_000_000
# So many texts, and passages of each, are looked at to see how line ends are counted, by so many characters.
_LOOKED_AT, _NAME_LOOKED_AT = 50, 15
_OTHER_PARTS = (
    *("PictureSource", "AudioSource", "VideoSource"),
    *("PDFSelection", "Note", "Link", "Graph", "Set"),
)
_UNIT_COLUMNS = ("unit", "unit_start", "unit_end")
# As a question of yes or no has it that a code alone becomes.
_YES = "yes"
_VALUES = ("TextValue", "BooleanValue", "IntegerValue", "FloatValue", "DateValue", "DateTimeValue")
_DAMAGE = (BrokenXml, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)

Range = tuple[int, int] | None
"""A passage: from which character to before which one; None for the whole text."""


@dataclass(slots=True)
class _Source:
    """
    A text of the project.

    Attributes:
        name: As people see it.
        guid: Its id.
        part: Its file in the archive, or elsewhere; "" where it stands in the XML.
        own: What stands there.
        codings: Codes with the coder's id, by passage.
        names: Of passages, as far as they say with which words they begin.
        values: Of variables, by their id.
    """

    name: str
    guid: str
    part: str
    own: list[str] = field(default_factory=list)
    codings: dict[Range, list[tuple[str, str]]] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)


class _ProjectReader(CodesReader):
    """
    All that a table is made of, but for texts that lie in files of their own.

    Attributes:
        origin: The program that wrote it.
        users, variables: Names by their ids.
        sources: Texts, in order.
        others: What is no text, by the names of its elements.
    """

    def __init__(self) -> None:
        super().__init__()
        self.origin = ""
        self.users: dict[str, str] = {}
        self.variables: dict[str, str] = {}
        self.sources: list[_Source] = []
        self.others: Counter[str] = Counter()
        self._pdf = ("", "")
        self._source: _Source | None = None
        self._passage: Range = None
        # Of the passage, and of the coding.
        self._user = self._coder = ""
        self._variable = self._value = ""
        self._case: dict[str, str] = {}
        self._cases: list[tuple[dict[str, str], str]] = []
        self._parts = self._own_chars = 0

    def end_codes(self) -> None:
        """Go on: what was coded comes behind them."""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        parent = self.parents[-1] if self.parents else ""
        super().start(name, attributes)
        # Its own id, or that of what it refers to.
        guid = plain_guid(attributes.get("guid") or attributes.get("targetGUID", ""))
        said = attributes.get("name", "").strip()
        match parent, name:
            case "", _:
                self.origin = attributes.get("origin", "")
            case "Users", "User":
                self.users[guid] = said
                self._count_part()
            case "Sources", "TextSource":
                self._begin(said, guid, attributes)
            case "Sources", "PDFSource":
                self._pdf = (said, guid)
            case "PDFSource", "Representation":
                self._begin(*self._pdf, attributes)
            case ("TextSource" | "Representation", "PlainTextSelection") if self._source is not None:
                self._begin_passage(self._source, attributes)
            case (_, "Coding"):
                self._coder = plain_guid(attributes.get("creatingUser", "")) or self._user
            case "Coding", "CodeRef":
                self._add_coding(guid)
            case (_, other) if other in _OTHER_PARTS:
                self.others[other] += 1
            case _:
                self._start_value(parent, name, guid, said)

    def _start_value(self, parent: str, name: str, guid: str, said: str) -> None:
        match parent, name:
            case "Variables", "Variable":
                self.variables[guid] = said
                self._count_part()
            case "VariableValue", "VariableRef":
                self._variable = guid
            case "VariableValue", _:
                self._value = ""
            case "Cases", "Case":
                self._case = {}
            case "Case", "SourceRef":
                self._cases.append((self._case, guid))
                self._count_part()

    def _begin(self, name: str, guid: str, attributes: Mapping[str, str]) -> None:
        self._source = _Source(name, guid, attributes.get("plainTextPath", ""))
        self.sources.append(self._source)
        self._count_part()

    def _count_part(self) -> None:
        self._parts += 1
        if self._parts > _MAX_PARTS:
            raise BrokenXml(f"more than {_MAX_PARTS:,} texts, codings and values")

    def _begin_passage(self, source: _Source, attributes: Mapping[str, str]) -> None:
        start, end = (int(attributes.get(f"{edge}Position", "")) for edge in ("start", "end"))
        self._passage = (max(0, start), max(0, start, end))
        self._user = plain_guid(attributes.get("creatingUser", ""))
        name = attributes.get("name", "").strip()
        if name and len(source.names) < _LOOKED_AT:
            source.names[self._passage[0]] = name

    def _add_coding(self, code: str) -> None:
        # In a selection of a picture, or of a part of a page, there is no text.
        of = self.parents[-3]
        if self._source is None or of not in (
            "PlainTextSelection",
            "TextSource",
            "Representation",
            "PDFSource",
        ):
            return
        self._count_part()
        passage = self._passage if of == "PlainTextSelection" else None
        self._source.codings.setdefault(passage, []).append((code, self._coder))

    def end(self, name: str) -> None:
        super().end(name)
        parent = self.parents[-1] if self.parents else ""
        if parent == "Sources":
            if name == "PDFSource" and self._source is None:
                self.others[name] += 1
            self._source = None
        elif name == "PlainTextSelection":
            self._passage, self._user = None, ""
        elif parent == "VariableValue" and name in _VALUES and (value := self._value.strip()):
            self._count_part()
            if "Case" in self.parents:
                self._case[self._variable] = value
            elif self._source is not None:
                self._source.values[self._variable] = value

    def text(self, data: str) -> None:
        super().text(data)
        here = self.parents[-1] if self.parents else ""
        is_own = here == "PlainTextContent" and self._source is not None
        if not is_own and here not in _VALUES:
            return
        self._own_chars += len(data)
        if self._own_chars > _MAX_OWN_CHARS:
            raise BrokenXml(f"more than {_MAX_OWN_CHARS:,} characters of texts and values in {PROJECT_PART}")
        if is_own and self._source is not None:
            self._source.own.append(data)
        else:
            self._value += data

    def give_values_of_cases(self) -> None:
        """Give the values of cases to the texts that they are of."""
        by_guid = {source.guid: source for source in self.sources}
        for values, guid in self._cases:
            if guid in by_guid:
                by_guid[guid].values = values | by_guid[guid].values


class ProjectTable(Table):
    """
    What was coded, a passage a row.

    Args:
        path: Of the project.
        reader: What it says.
        parts: Files in it, by their names in small letters.
    Raises:
        TableError: None of its texts is there.
    """

    format: ClassVar[str] = _NAME

    def __init__(self, path: Path, reader: _ProjectReader, parts: Mapping[str, str]) -> None:
        self._parts, self._questions = parts, _Questions(reader.codes)
        known = [one for one in reader.sources if one.own or self._part(one)]
        if not known:
            raise TableError("refi-no-texts", path=str(path))
        others = reader.others
        others["TextSource"] += len(reader.sources) - len(known)
        self._sources = known
        self._columns = _coded_columns(known, reader.users, self._questions)
        self._is_of_passages = any(
            len({one for one in source.codings if one}) > 1 or any(one and one[0] for one in source.codings)
            for source in known
        )
        used = {variable for source in known for variable in source.values}
        self._variables = [guid for guid in reader.variables if guid in used]
        names = ["document", *(_UNIT_COLUMNS if self._is_of_passages else ()), "text"]
        coders = [reader.users.get(coder, "") for _, coder in self._columns]
        names += [
            f"{question}_{coder}" if coder else question
            for (question, _), coder in zip(self._columns, coders, strict=True)
        ]
        names += [reader.variables[guid] or "variable" for guid in self._variables]
        super().__init__(path, _unlike(names))
        codings = sum(len(codes) for source in known for codes in source.codings.values())
        told = {
            "path": path.name,
            "sources": len(known),
            "codings": codings,
            "coders": [*dict.fromkeys(coders)][:12],
        }
        self.notes = (Notice("note-refi-project", told),)
        left_out = [f"{name} ({count})" for name, count in sorted(others.items()) if count]
        if left_out:
            self.notes += (Notice("note-refi-left-out", {"path": path.name, "parts": left_out}),)
        self._is_two = self._counts_two(reader.origin)

    @property
    def reading(self) -> ReadOptions:
        return ReadOptions(program=_NAME)

    def _part(self, source: _Source) -> str | None:
        """The file of a text in the archive; None where it is not there."""
        name = source.part.removeprefix(_INTERNAL).lstrip("/").lower()
        return self._parts.get(f"{SOURCES_FOLDER}/{name}") if name else None

    def _counts_two(self, origin: str) -> bool:
        """Whether CR and LF count as two, by the names of passages, or else by the program."""
        named = [source for source in self._sources if source.names and not source.own][:_LOOKED_AT]
        votes, by_default = 0, "ATLAS" not in origin.upper()
        if not named:
            return by_default
        with _opened(self.path) as archive:
            for source in named:
                text = self._text(archive, source, row=1)
                if "\r\n" not in text:
                    continue
                plain = PlainText.of(text).text
                for start, name in source.names.items():
                    votes += _begins(text, start, name) - _begins(plain, start, name)
        return votes > 0 if votes else by_default

    def _text(self, archive: zipfile.ZipFile, source: _Source, *, row: int) -> str:
        """A text as it stands there, without a byte order mark."""
        part = self._part(source)
        if source.own or part is None:
            return "".join(source.own)
        with archive.open(part) as file:
            data = file.read(max_cell_bytes() + 1)
        require_cell(self.path, len(data), row=row, column="text")
        encoding = marked_encoding(data) or "utf-8"
        return data.decode(encoding, "replace").removeprefix("\ufeff").replace("\0", "\ufffd")

    def _chunks(self, rows_per_chunk: int) -> Iterator[TableChunk]:
        rows: list[list[str]] = []
        first, chars = 1, 0
        with _opened(self.path) as archive:
            for source in self._sources:
                require_wanted()
                for row in self._rows(source, self._text(archive, source, row=first + len(rows))):
                    rows.append(row)
                    chars += sum(map(len, row))
                    if len(rows) >= rows_per_chunk or chars >= _CHARS_PER_CHUNK:
                        yield self._chunk(first, rows)
                        first, chars, rows = first + len(rows), 0, []
        if rows:
            yield self._chunk(first, rows)

    def _chunk(self, first: int, rows: list[list[str]]) -> TableChunk:
        columns = range(len(self.header))
        return TableChunk(
            first,
            pl.DataFrame({str(at): pl.Series([row[at] for row in rows], dtype=pl.String) for at in columns}),
        )

    def _rows(self, source: _Source, text: str) -> Iterator[list[str]]:
        """Its passages, the whole first."""
        plain = PlainText.of(text)
        passages: dict[tuple[int, int], list[tuple[str, str]]] = {}
        size = len(plain.text)
        for passage, codings in source.codings.items():
            start, end = passage or (0, size)
            if passage and self._is_two:
                start, end = plain.place(start), plain.place(end)
            place = (min(start, size), min(end, size))
            passages.setdefault(place, []).extend(codings)
        for number, (start, end) in enumerate(sorted(passages or {(0, size): []}, key=_in_order), start=1):
            cells = [source.name]
            if self._is_of_passages:
                cells += [str(number), str(start), str(end)]
            codings = passages.get((start, end), [])
            cells += [plain.text[start:end], *self._cells(codings)]
            yield [*cells, *(source.values.get(guid, "") for guid in self._variables)]

    def _cells(self, codings: Sequence[tuple[str, str]]) -> Iterator[str]:
        given = {
            (*self._questions.by_code[code], coder)
            for code, coder in codings
            if code in self._questions.by_code
        }
        for question, coder in self._columns:
            labels = self._questions.labels[question]
            yield SEPARATOR.join(label for label in labels if (question, label, coder) in given)


class _Questions:
    """
    The questions that codes are, as a codebook of the same file has them.

    Attributes:
        by_code: Question and label by the id of a code.
        labels: Of each question, in order. A code above others that was given itself is one more.
    """

    def __init__(self, codes: Sequence[Code]) -> None:
        self.by_code: dict[str, tuple[str, str]] = {}
        self.labels: dict[str, list[str]] = {}
        for question in questions_of(codes, _FLAT):
            top, is_alone = question.top, question.top is not None and len(question.labels) == 1
            if top is not None:
                self._add(question.name, top.name, top)
            for label, code in question.labels:
                self._add(question.name, _YES if is_alone else label, code)
        for code in all_codes(codes):
            if code.guid not in self.by_code:
                self._add(_FLAT, code.name, code)

    def _add(self, question: str, label: str, code: Code) -> None:
        self.by_code[code.guid] = (question, label)
        labels = self.labels.setdefault(question, [])
        if label not in labels:
            labels.append(label)


def _coded_columns(
    sources: Sequence[_Source], users: Iterable[str], questions: _Questions
) -> list[tuple[str, str]]:
    """Questions with the ids of those who coded them, in the order of the codes, then of the users."""
    used = {
        (questions.by_code[code][0], coder)
        for source in sources
        for codings in source.codings.values()
        for code, coder in codings
        if code in questions.by_code
    }
    known = {user: place for place, user in enumerate(users)}
    order = {question: place for place, question in enumerate(questions.labels)}
    return sorted(used, key=lambda one: (order[one[0]], known.get(one[1], len(known)), one[1]))


def _begins(text: str, start: int, name: str) -> bool:
    """Whether a passage that begins there begins as its name does; nobody begins one with a blank."""
    piece = text[start : start + 2 * _NAME_LOOKED_AT]
    return not piece[:1].isspace() and "".join(piece.split()).startswith(
        "".join(name.split())[:_NAME_LOOKED_AT]
    )


def _in_order(passage: tuple[int, int]) -> tuple[int, int]:
    """The whole comes before its parts."""
    return passage[0], -passage[1]


def _unlike(names: Sequence[str]) -> tuple[str, ...]:
    """The same names, with a number where one stands twice."""
    found: dict[str, None] = {}
    for name in names:
        free, count = name, 2
        while free in found:
            free, count = f"{name}_{count}", count + 1
        found[free] = None
    return tuple(found)


def open_project(path: Path, options: ReadOptions) -> Table:
    """
    Open a project.

    Args:
        path: The file.
        options: May say nothing.
    Raises:
        TableError: It is no project, or a broken one.
        UsageError: An option was given.
    """
    refuse_options(path, options, allowed=(), kind="a project of REFI-QDA")
    if path.suffix.lower() != PROJECT_ENDING:
        raise TableError("refi-no-table", path=str(path))
    reader = _ProjectReader()
    with _opened(path) as archive:
        parts = {part.lower(): part for part in archive.namelist()}
        with archive.open(PROJECT_PART) as file:
            reader.read(_blocks(file))
    reader.give_values_of_cases()
    return ProjectTable(path, reader, parts)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """A project's archive; whatever is wrong with it while it is read is told."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except KeyError:
        raise TableError("refi-project-broken", path=str(path), told=f"there is no {PROJECT_PART}") from None
    except _DAMAGE as error:
        raise TableError("refi-project-broken", path=str(path), told=str(error)) from error
    except OSError as error:
        if error.errno == errno.EINVAL:
            # A place before the begin of the file, which a broken archive names.
            raise TableError("refi-project-broken", path=str(path), told=str(error)) from error
        raise from_os_error(error, str(path)) from error


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    size = 0
    while block := file.read(_BLOCK_BYTES):
        size += len(block)
        if size > _MAX_PROJECT_BYTES:
            raise BrokenXml(f"more than {_MAX_PROJECT_BYTES >> 30} GB")
        yield block
