"""
A project of qualitative analysis as XML: sources, the passages that were coded, and who coded them.

Positions count characters (code points) of the text file from 0, and the end is not counted in. The standard
speaks of "the first and the last character"; its own example says that "granola" goes from 62 to 69, and
QualCoder 4.0 beta cuts the text at both.

Line ends are LF: whether CR and LF are two characters is read in both ways. QualCoder 4.0 beta counts two,
but one where the file comes from ATLAS.ti.

Source:
    REFI-QDA Standard 1.5 of 2019-09-25, qdasoftware.org: 5.3 "XML Schema for REFI-QDA project exchange", 8
    "Exchange format" (`project.qde`, and texts in `sources/`, named by their ids), 9.1.2 (UTF-8), 10.2.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Literal

from rowbatch.core.plain_xml import element, escaped
from rowbatch.core.refi_codebook import Code, codes_xml, guid_of

PROJECT_NAMESPACE = "urn:QDA-XML:project:1.0"
SOURCES_FOLDER = "sources"

VariableType = Literal["Text", "Integer", "Float"]
_TWO_SIGNS = re.compile("\r\n")
_LINE_END = re.compile("\r\n?")
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class ProjectVariable:
    """
    A variable of sources.

    Attributes:
        name: As people see it; each once.
        type: Of its values.
    """

    name: str
    type: VariableType = "Text"

    @property
    def guid(self) -> str:
        """Its id."""
        return guid_of("variable", self.name)


@dataclass(frozen=True, slots=True)
class Coding:
    """
    A passage that somebody gave a code.

    Attributes:
        code: The code's id.
        user: The name of whoever gave it.
        start, end: Of the passage, in characters of the text as it was given, from 0, the end not counted in.
        name: Of the passage; or "".
        description: Why it was given; or "".
    """

    code: str
    user: str
    start: int
    end: int
    name: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class TextSource:
    """
    A text that was coded.

    Attributes:
        guid: Its id.
        name: As people see it.
        text: As it was given.
        codings: In any order.
        values: Texts of variables, each with its variable; "" for none.
    """

    guid: str
    name: str
    text: str
    codings: Sequence[Coding]
    values: Sequence[tuple[ProjectVariable, str]] = ()


@dataclass(frozen=True, slots=True)
class PlainText:
    """
    A text as a project has it, with LF at the ends of lines.

    Attributes:
        text: Of the file.
        is_changed: Whether it is another one than was given.
        moves: Where the text that was given had two signs for a line end, in order.
        before: How many characters it had before the first one that is left.
    """

    text: str
    is_changed: bool
    moves: Sequence[int]
    before: int

    @classmethod
    def of(cls, given: str) -> PlainText:
        """A text with any line ends; a byte order mark at its begin is left out."""
        bare = given.removeprefix("\ufeff")
        moves = [found.start() for found in _TWO_SIGNS.finditer(given)] if "\r" in given else []
        text = _LINE_END.sub("\n", bare) if "\r" in given else bare
        return cls(text, text != given, moves, len(given) - len(bare))

    def place(self, position: int) -> int:
        """Where a position of the text that was given is in this one."""
        return max(0, position - self.before - bisect.bisect_left(self.moves, position))


def source_xml(source: TextSource, plain: PlainText, created_at: str) -> Iterator[str]:
    """
    A source with its codings.

    Args:
        source: What was coded.
        plain: Its text.
        created_at: When it was coded: as XML Schema has it, in UTC.
    """
    path = f"internal://{source.guid}.txt"
    yield element("TextSource", {"guid": source.guid, "name": source.name, "plainTextPath": path}, ">\n")
    for one in dict.fromkeys(source.codings):
        place = {"startPosition": str(plain.place(one.start)), "endPosition": str(plain.place(one.end))}
        ids = (source.guid, one.code, one.user, str(one.start), str(one.end))
        made = {"creatingUser": user_guid(one.user), "creationDateTime": created_at}
        name = " ".join(one.name.split())
        name = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
        selection = {"guid": guid_of("selection", *ids), "name": name, **place, **made}
        yield element("PlainTextSelection", selection)
        if one.description:
            yield f"<Description>{escaped(one.description)}</Description>"
        yield element("Coding", {"guid": guid_of("coding", *ids), **made})
        yield f'<CodeRef targetGUID="{one.code}"/></Coding></PlainTextSelection>\n'
    for variable, value in source.values:
        if (written := _value(variable.type, value)) is not None:
            reference = f'<VariableRef targetGUID="{variable.guid}"/>'
            kind = f"{variable.type}Value"
            yield f"<VariableValue>{reference}<{kind}>{escaped(written)}</{kind}></VariableValue>\n"
    yield "</TextSource>\n"


@lru_cache
def user_guid(name: str) -> str:
    """The id of whoever coded."""
    return guid_of("user", name)


def _value(kind: VariableType, value: str) -> str | None:
    """A value as XML Schema has it; None where there is none."""
    if not value or kind == "Text":
        return value or None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return f"{number:f}" if number.is_finite() else None


def project_head(
    *,
    name: str,
    created_at: str,
    users: Sequence[str],
    codes: Sequence[Code],
    variables: Iterable[ProjectVariable],
) -> Iterator[str]:
    """
    What stands before the sources of a project.

    Args:
        name: Of the project.
        created_at: As `source_xml` has it.
        users: Names of whoever coded.
        codes: Those at the top.
        variables: Of its sources.
    """
    yield '<?xml version="1.0" encoding="utf-8"?>\n'
    root = {"name": name, "origin": "rowbatch", "creationDateTime": created_at, "xmlns": PROJECT_NAMESPACE}
    yield element("Project", root, ">\n")
    if users:
        yield "<Users>\n"
        yield from (element("User", {"guid": user_guid(one), "name": one}, "/>\n") for one in users)
        yield "</Users>\n"
    if codes:
        yield "<CodeBook>\n<Codes>\n"
        yield from codes_xml(codes)
        yield "</Codes>\n</CodeBook>\n"
    written = [
        element("Variable", {"guid": one.guid, "name": one.name, "typeOfVariable": one.type}, "/>\n")
        for one in variables
    ]
    if written:
        yield from ("<Variables>\n", *written, "</Variables>\n")
