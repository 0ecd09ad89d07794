"""
XML from outside, element by element, in bounds: no entities of its own, no tag without an end, no depth.

Source:
    XML 1.0, chapters 2 and 4. Measured with expat 2.5.0, which Python 3.11 brings: a tag that goes on for
    megabytes is read again from its begin with each block, and entities that stand for entities are stopped
    only after 8 MiB.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from xml.parsers import expat

MAX_DEPTH = 100
"""Elements inside of each other; of what people code, more than ten are never seen."""
MAX_TAG_BYTES = 4 << 20
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")
_SAYS_WIDE = re.compile(rb"<\?xml[^>]*encoding\s*=\s*[\"']utf-?16", re.IGNORECASE)
# What XML 1.0 has no place for, not even escaped; and the marks that expat takes for a new line.
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Ids, times and most names: nothing is to be done, as is seen at once.
_PLAIN = re.compile(r"[\w :./-]*")


class BrokenXml(ValueError):
    """It is no XML, or none that is read here; the text says why, in English."""


class Enough(Exception):
    """Raised by a reader that needs no more of the file."""


class XmlReader:
    """
    Reads elements; the base of what knows what they mean.

    Attributes:
        line: Of the tag that is read, from 1.
    """

    def __init__(self) -> None:
        self.line = 0
        self._depth = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element begins; names are without their prefix."""

    def end(self, name: str) -> None:
        """An element ends."""

    def text(self, data: str) -> None:
        """Characters, in one piece or in several."""

    def read(self, blocks: Iterable[bytes]) -> None:
        """
        Read a file, until it ends or `Enough` is raised.

        Args:
            blocks: In order, the first with at least its first 200 bytes, or all of them.
        Raises:
            BrokenXml: It is none.
        """
        parser: expat.XMLParserType | None = None
        fed = passed = 0
        try:
            for block in blocks:
                if parser is None:
                    parser = self._parser(block)
                    block = _without_blanks(block)  # noqa: PLW2901
                _parse(parser, block, is_last=False)
                fed += len(block)
                # expat 2.6 has -1 here while it waits for more.
                passed = max(passed, parser.CurrentByteIndex)
                _require_passed(fed - passed)
        except Enough:
            return
        if parser is None:
            raise BrokenXml("it is empty")
        with suppress(Enough):
            _parse(parser, b"", is_last=True)

    def _parser(self, head: bytes) -> expat.XMLParserType:
        encoding = None
        if not head.startswith(_WIDE) and _SAYS_WIDE.match(head.removeprefix(b"\xef\xbb\xbf").lstrip()):
            # .NET writes so of a text, whatever the file is written in.
            encoding = "utf-8"
        parser = expat.ParserCreate(encoding)
        parser.buffer_text = True

        def start(name: str, attributes: dict[str, str]) -> None:
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise BrokenXml(f"more than {MAX_DEPTH} elements inside of each other")
            self.line = parser.CurrentLineNumber
            self.start(name.rpartition(":")[2], attributes)

        def end(name: str) -> None:
            self._depth -= 1
            self.end(name.rpartition(":")[2])

        parser.StartElementHandler, parser.EndElementHandler = start, end
        parser.CharacterDataHandler = self.text
        parser.EntityDeclHandler = _refuse_entity
        return parser


def _parse(parser: expat.XMLParserType, block: bytes, *, is_last: bool) -> None:
    try:
        parser.Parse(block, is_last)
    except BrokenXml:
        raise
    except (expat.ExpatError, LookupError, ValueError) as error:
        # An encoding that nobody knows is a LookupError; one of several bytes a character, a ValueError.
        raise BrokenXml(str(error)) from error


def _require_passed(waiting_bytes: int) -> None:
    if waiting_bytes > MAX_TAG_BYTES:
        raise BrokenXml(f"a tag of more than {MAX_TAG_BYTES >> 20} MiB")


def escaped(text: str, *, quote: str = "") -> str:
    """
    A text as XML has it; what no XML can hold becomes U+FFFD.

    Args:
        text: Any.
        quote: What stands around it, where it is the value of an attribute: line ends and tabs are kept then.
    """
    if _PLAIN.fullmatch(text):
        return text
    text = _NO_XML.sub("\ufffd", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A reader makes one line end of all kinds.
    text = text.replace("\r", "&#13;")
    if quote:
        text = text.replace(quote, "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")
    return text


def element(name: str, attributes: Mapping[str, str], close: str = ">") -> str:
    """A tag with its attributes; of those that are "" none."""
    told = ((key, escaped(value, quote='"')) for key, value in attributes.items() if value)
    written = "".join(f' {key}="{value}"' for key, value in told)
    return f"<{name}{written}{close}"


def head_text(head: bytes) -> str:
    """The begin of a file that may be XML, as a text to look for tags in."""
    if head.startswith((b"\xff\xfe", b"<\0")):
        return head.decode("utf-16-le", "replace")
    if head.startswith((b"\xfe\xff", b"\0<")):
        return head.decode("utf-16-be", "replace")
    return head.decode("utf-8", "replace")


def _without_blanks(head: bytes) -> bytes:
    # An XML declaration has to come first, which not everybody who edits a file knows.
    bare = head.lstrip(b" \t\r\n")
    return bare if bare.startswith(b"<") and not bare.startswith(b"<\0") else head


def _refuse_entity(*declared: object) -> None:
    del declared
    raise BrokenXml("it declares entities of its own")
