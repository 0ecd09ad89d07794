"""
The programs whose exports are known, in the order in which a file is looked at, and by which signs of a plain
text it may be one of theirs.

Most tables are plain CSV files, and nobody's export. A program's module is imported when there is a sign of
it, because importing all of them takes longer than reading such a file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rowbatch.programs.base import Program
    from rowbatch.tables.base import Table

_BOM = b"\xef\xbb\xbf"
# JSON, XML, zip files, PDF, and what a compressed or old file begins with.
_NO_TEXT = (b"{", b"[", b"<", b"PK", b"%PDF", b"\xff\xfe", b"\xfe\xff")
_LINE_CHARS = 200
# Of doccano: the columns with what its members said.
_SPOKEN = frozenset(("label", "labels", "cats", "entities", "relations"))

FileSign = Callable[[str, bytes], bool]
"""Of the ending of a file, in small letters, and its first bytes: whether it may be one."""
TableSign = Callable[[tuple[str, ...], str], bool]
"""Of the header of a CSV table and the name of its file: whether it may be one."""


def _never(*_: object) -> bool:
    return False


def _always(*_: object) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Known:
    """
    A program whose exports are known.

    The signs are for plain texts and CSV tables alone; at whatever else a file is, each program looks itself.
    They hold for every export that the module takes, and cost nothing: all tests of programs compare the two.

    Attributes:
        name, title: As in `Program`.
        module: Of `rowbatch.programs`, where it is not called as the program.
        text: Sign of its files that are plain texts.
        table: Sign of what it dresses among CSV tables.
    """

    name: str
    title: str
    module: str = ""
    text: FileSign = _never
    table: TableSign = _never

    @property
    def program(self) -> Program:
        """What its module knows, which is imported for that."""
        found: Program = import_module(f"rowbatch.programs.{self.module or self.name}").PROGRAM
        return found

    def may_have(self, path: Path, head: bytes) -> bool:
        """Whether a path with these first bytes may be a file of it, see `Program.is_file`."""
        return not _is_plain_text(path, head) or self.text(path.suffix.lower(), head)

    def may_dress(self, table: Table) -> bool:
        """Whether it may know a table, see `Program.dress`."""
        return table.format != "csv" or self.table(table.header, table.path.name)


def _is_plain_text(path: Path, head: bytes) -> bool:
    """Whether a file begins as a plain text does, and as no file of a program that has a form of its own."""
    begin = head.removeprefix(_BOM).lstrip()
    return bool(begin) and not path.is_dir() and b"\0" not in head and not begin.startswith(_NO_TEXT)


def _begins_as_chat(suffix: str, head: bytes) -> bool:
    """Its first line begins with a moment."""
    del suffix
    begin = head[: 4 * _LINE_CHARS].decode(errors="replace").lstrip("\ufeff")
    line = begin.splitlines()[0][:_LINE_CHARS] if begin else ""
    # A bracket stands before it, or marks of the direction of writing.
    first = next((char for char in line if char.isalnum() or char in "\"';,|"), "")
    return first.isdigit()


def _is_takeout(suffix: str, head: bytes) -> bool:
    """It has the id of a channel: by its name, or in the first row, where names are in another language."""
    del suffix
    return b"UC" in head or b"channel id" in head.lower()


PROGRAMS: tuple[Known, ...] = (
    Known(
        "x",
        "X (Twitter), archive of an account",
        module="x_archive",
        text=lambda _, head: head.removeprefix(_BOM).lstrip().startswith(b"window."),
    ),
    Known("twarc", "X (Twitter), answers of its API (twarc)"),
    Known("telegram", "Telegram"),
    Known("odk", "ODK"),
    Known(
        "redcap",
        "REDCap",
        table=lambda header, name: (
            "_DATA_NOHDRS_" in name
            or len(header) == 1
            or any(one.endswith("_complete") or one.startswith("redcap_") for one in header)
        ),
    ),
    Known("whatsapp", "WhatsApp", text=_begins_as_chat),
    Known("meta", "Facebook and Instagram"),
    Known("reddit", "Reddit, dumps of comments and submissions"),
    Known("youtube", "YouTube, comments", text=_is_takeout),
    Known(
        "refi_qda",
        "REFI-QDA",
        text=lambda suffix, head: suffix in (".qdpx", ".qdc", ".qde") or b"QDA-XML" in head,
    ),
    Known(
        "potato",
        "potato",
        table=lambda header, _: header[:1] == ("user",) or header[:2] == ("instance_id", "user_id"),
    ),
    Known("prodigy", "Prodigy"),
    Known("doccano", "doccano", table=lambda header, _: "id" in header and not _SPOKEN.isdisjoint(header)),
    Known(
        "documents",
        "a folder of documents",
        text=lambda suffix, _: suffix in (".pdf", ".docx", ".odt", ".srt", ".vtt", ".md"),
    ),
    Known("lines", "a text, each line a row"),
    Known("qualtrics", "Qualtrics", table=_always),
    Known("surveymonkey", "SurveyMonkey", table=_always),
    Known("limesurvey", "LimeSurvey", table=_always),
    Known("kobo", "KoboToolbox"),
    Known("hxl", "KoboToolbox (HXL)", table=_always),
    Known(
        "label_studio",
        "Label Studio",
        table=lambda header, _: "annotation_id" in header or "annotations" in header,
    ),
)
