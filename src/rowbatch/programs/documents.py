"""
Documents as a table: a folder or zip file of PDF, Word, OpenDocument, HTML, Markdown, subtitles and texts, or
one of them.

Rows: one a document, in the order of the names, folders inside included: `file` and `text`. Of a web page
and of a word processor's document the text is what a reader sees, a paragraph a line, and footnotes and
endnotes at the end; of subtitles what is said, without numbers and times; of a PDF its pages, with an empty
line between them.
Source: ECMA-376 (WordprocessingML: `w:p`, `w:t`, `w:tab`, `w:br`), OpenDocument 1.3 (`text:p`, `text:h`),
HTML Living Standard, WebVTT (W3C). PDF by pypdf 7.1 (BSD-3-Clause), in the extra `documents`.
"""

from __future__ import annotations

import html.parser
import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, ClassVar
from xml.parsers import expat

import polars as pl

from rowbatch.core.folders import own_files
from rowbatch.core.table_options import DOCUMENTS, NO_DOCUMENTS, ReadOptions
from rowbatch.errors import RowbatchError, TableError, from_os_error
from rowbatch.programs.base import Program
from rowbatch.tables.ahead import require_wanted
from rowbatch.tables.base import Table, TableChunk
from rowbatch.tables.bounds import max_cell_bytes, require_cell
from rowbatch.tables.compressed import members_of_zip
from rowbatch.tables.frame_table import refuse_options
from rowbatch.tables.text_folder import read_text
from rowbatch.words.notice import Notice

_NAME = DOCUMENTS
_CHARS_PER_CHUNK = 8_000_000
_PAGES = 20_000
_BLOCK_BYTES = 1 << 20
# Of one in a zip file, as it lies on the disk for a while.
_MAX_DOCUMENT_BYTES = 1 << 30
# Of the XML of a word processor: there are some ten bytes of it for each letter.
_XML_FACTOR = 20
_BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "br", "dd", "details", "div", "dl", "dt", "fieldset"),
        *("figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li"),
        *(
            "main",
            "nav",
            "ol",
            "option",
            "p",
            "pre",
            "section",
            "summary",
            "table",
            "td",
            "th",
            "title",
            "tr",
        ),
        "ul",
    )
)
_HIDDEN = frozenset(("script", "style", "template", "noscript", "svg", "math", "head"))
# Of a word processor's document: what was deleted under supervision, what stands beside the text, numbers of
# notes, and what stands there once more for programs that do not know the newer form.
_LEFT_OUT = frozenset(("delText", "annotation", "instrText", "tracked-changes", "Fallback", "note-citation"))
_DAMAGE = (KeyError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError)
# A page that was written, and saved from the web: neither is a table, also alone.
_PAGES_OF_TEXT = (".md", ".html", ".htm", ".xhtml")
_TIMES = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?[.,]\d{3}\s*-->.*")
_CUE_TAG = re.compile(r"</?(?:[cibuv]|ruby|rt|lang|font)\b[^>]*>|<\d{1,2}:\d{2}[^>]*>")
_VOICE = re.compile(r"<v(?:\.[^ >]*)? ([^>]+)>")


def _is_file(path: Path, head: bytes) -> bool:
    if path.is_dir():
        return _are_documents(file.name for file in _files(path))
    suffix = path.suffix.lower()
    if suffix == ".pdf":
        return head.startswith(b"%PDF-")
    if suffix in (".docx", ".odt"):
        return head.startswith(b"PK\x03\x04")
    if head.startswith(b"PK\x03\x04"):
        names = _members(path)
        return _are_documents(names) or _are_texts(names)
    if suffix in _PAGES_OF_TEXT:
        return bool(head.strip())
    return suffix in (".srt", ".vtt") and b"-->" in head


def _are_texts(names: tuple[str, ...]) -> bool:
    """Whether files are several plain texts and nothing else, which are no one's table."""
    return len(names) > 1 and all(_suffix(name) == ".txt" for name in names)


def _are_documents(names: Iterable[str]) -> bool:
    """Whether files are documents, some of them more than plain texts, and none is a table."""
    suffixes = set(map(_suffix, names))
    return bool(suffixes & (_READERS.keys() - {".txt"})) and not suffixes & NO_DOCUMENTS


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _members(path: Path) -> tuple[str, ...]:
    """Of a zip file; what is wrong with it is said by who opens it."""
    try:
        return members_of_zip(path) or ()
    except RowbatchError:
        return ()


def _members_of(path: Path) -> tuple[str, ...]:
    """Those of a zip file; nothing of any other."""
    return _members(path) if path.suffix.lower() == ".zip" else ()


def _may_be(path: Path) -> bool:
    """
    A document, where somebody says so; or a folder that has one, whatever lies beside it, such as a table
    that was written there.
    """
    if not path.is_dir():
        return path.suffix.lower() in _READERS or any(_suffix(name) in _READERS for name in _members_of(path))
    return any(file.suffix.lower() in _READERS for file in _files(path))


def open_running_text(path: Path, member: str, encoding: str | None) -> Table:
    """
    A file that has the name of a text and looks like one, as a document; and that this was found out.

    Args:
        path: The file.
        member: Of a zip file: which of the files in it; else "".
        encoding: Its encoding; None means found out.
    """
    name = member or path.name
    return DocumentTable(path, (name,), encoding, (Notice("note-running-text", {"path": name}),))


def _open(path: Path, options: ReadOptions) -> Table:
    refuse_options(path, options, allowed=("encoding",), kind="a document")
    if path.is_dir():
        names = [file.relative_to(path).as_posix() for file in _files(path)]
    elif path.suffix.lower() in _READERS:
        return DocumentTable(path, (path.name,), options.encoding, ())
    else:
        names = sorted(_members(path))
    known = tuple(name for name in names if _suffix(name) in _READERS)
    others = Counter(
        _suffix(name) or PurePosixPath(name).name for name in names if _suffix(name) not in _READERS
    )
    notes: tuple[Notice, ...] = ()
    if others:
        kinds = [f"{suffix} ({count})" for suffix, count in sorted(others.items())]
        notes = (Notice("note-other-files", {"count": others.total(), "kinds": kinds[:12]}),)
    return DocumentTable(path, known, options.encoding, notes)


def _files(folder: Path) -> list[Path]:
    try:
        return own_files(folder)
    except OSError as error:
        raise from_os_error(error, str(folder)) from error


class DocumentTable(Table):
    """Documents, read one after the other."""

    format: ClassVar[str] = _NAME

    def __init__(
        self, path: Path, files: tuple[str, ...], encoding: str | None, notes: tuple[Notice, ...]
    ) -> None:
        super().__init__(path, ("file", "text"), notes=notes)
        self._files, self._encoding = files, encoding
        self._pictures: list[str] = []
        self._notes_of_folder = notes

    @property
    def reading(self) -> ReadOptions:
        return ReadOptions(encoding=self._encoding, program=_NAME)

    def _chunks(self, rows_per_chunk: int) -> Iterator[TableChunk]:
        first, names, texts, chars = 1, list[str](), list[str](), 0
        self._pictures = []
        with _packed(self.path) as packed:
            for row, name in enumerate(self._files, start=1):
                require_wanted()
                with _placed(self.path, name, packed) as place:
                    text = _text_of(place, self._encoding)
                    require_cell(place, len(text.encode()), row=row, column="text")
                names.append(_shown(name) if packed else name)
                texts.append(text)
                chars += len(text)
                if _suffix(name) == ".pdf" and not text.strip():
                    self._pictures.append(PurePosixPath(name).name)
                if len(names) >= rows_per_chunk or chars >= _CHARS_PER_CHUNK:
                    yield TableChunk(first, pl.DataFrame({"0": names, "1": texts}))
                    first, names, texts, chars = first + len(names), [], [], 0
        if self._pictures:
            told = {"count": len(self._pictures), "files": self._pictures[:12]}
            self.notes = (*self._notes_of_folder, Notice("note-pages-without-text", told))
        if names:
            yield TableChunk(first, pl.DataFrame({"0": names, "1": texts}))


@contextmanager
def _packed(path: Path) -> Iterator[zipfile.ZipFile | None]:
    """The zip file that documents are in; None where they are in a folder, or it is one."""
    if path.is_dir() or path.suffix.lower() in _READERS:
        yield None
        return
    with zipfile.ZipFile(path) as packed:
        yield packed


@contextmanager
def _placed(path: Path, name: str, packed: zipfile.ZipFile | None) -> Iterator[Path]:
    """Where a document lies; one of a zip file is unpacked for as long as it is read."""
    if packed is None:
        yield path / name if path.is_dir() else path
        return
    with TemporaryDirectory(prefix="rowbatch-") as folder:
        place = Path(folder) / PurePosixPath(name).name
        _unpack(packed, name, place, path)
        try:
            yield place
        except RowbatchError as error:
            # In the zip file a person finds it.
            error.values = {**error.values, "path": f"{path}: {name}"}
            raise


def _shown(name: str) -> str:
    """
    A name in a zip file as its person knows it.

    macOS and Info-ZIP write it in UTF-8 without the mark that says so; without that it is code page 437 by
    PKWARE's rule, as Python 3.11 reads it.
    """
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name


def _unpack(packed: zipfile.ZipFile, name: str, place: Path, path: Path) -> None:
    if packed.getinfo(name).flag_bits & 1:
        raise TableError("zip-has-password", path=str(path), member=name)
    size = 0
    try:
        with packed.open(name) as member, place.open("wb") as to:
            while block := member.read(_BLOCK_BYTES):
                require_wanted()
                size += len(block)
                if size > _MAX_DOCUMENT_BYTES:
                    where = f"{path}: {name}"
                    raise TableError("document-too-large", path=where, most=_MAX_DOCUMENT_BYTES)
                to.write(block)
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    except (*_DAMAGE, zlib.error) as error:
        raise TableError("packed-file-damaged", path=str(path), told=str(error)) from error


def _text_of(file: Path, encoding: str | None) -> str:
    try:
        return _READERS[file.suffix.lower()](file, encoding).replace("\0", "\ufffd")
    except OSError as error:
        raise from_os_error(error, str(file)) from error


def _plain(file: Path, encoding: str | None) -> str:
    return read_text(file, encoding, row=1)


def _web_page(file: Path, encoding: str | None) -> str:
    page = _Page()
    page.feed(_plain(file, encoding))
    page.close()
    return page.text()


class _Page(html.parser.HTMLParser):
    """The text of a web page, a block a line."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag in _HIDDEN:
            self._hidden.append(tag)
        elif tag in _BLOCKS:
            self._parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden:
            del self._hidden[self._hidden.index(tag) :]
        elif tag in _BLOCKS:
            self._parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._parts.append(re.sub(r"\s+", " ", data))

    def text(self) -> str:
        """What was read, without blank lines."""
        lines = (re.sub(r" +", " ", line).strip() for line in "".join(self._parts).split("\n"))
        return "\n".join(line for line in lines if line)


def _subtitles(file: Path, encoding: str | None) -> str:
    """What is said, a line each; whoever says it before it, where the file names them."""
    said: list[str] = []
    text = _plain(file, encoding).replace("\r\n", "\n").replace("\r", "\n")
    for block in re.split(r"\n\s*\n", text):
        lines = block.strip().split("\n")
        at = next((number for number, line in enumerate(lines) if _TIMES.match(line.strip())), None)
        if at is None:
            # The head, styles and notes of a file of WebVTT.
            continue
        for line in lines[at + 1 :]:
            voiced = _VOICE.sub(lambda found: f"{found[1].strip()}: ", line)
            said.append(_CUE_TAG.sub("", voiced).strip())
    return "\n".join(line for line in said if line)


def _word(file: Path, encoding: str | None) -> str:
    del encoding
    return _Paragraphs(
        parts=("word/document.xml", "word/footnotes.xml", "word/endnotes.xml"),
        paragraphs=("p",),
        texts=("t",),
        signs={"tab": "\t", "br": "\n", "cr": "\n"},
    ).read(file)


def _open_document(file: Path, encoding: str | None) -> str:
    del encoding
    signs = {"tab": "\t", "line-break": "\n", "s": " "}
    return _Paragraphs(parts=("content.xml",), paragraphs=("p", "h"), texts=("p", "h"), signs=signs).read(
        file
    )


class _Paragraphs:
    """The paragraphs of a word processor's document, a line each."""

    def __init__(
        self,
        *,
        parts: tuple[str, ...],
        paragraphs: tuple[str, ...],
        texts: tuple[str, ...],
        signs: Mapping[str, str],
    ) -> None:
        self._files, self._paragraphs, self._texts, self._signs = parts, paragraphs, texts, signs
        self._parts: list[str] = []
        # Footnotes that stand within the text, and how deep the text around them is.
        self._notes: list[str] = []
        self._around: list[tuple[list[str], int]] = []
        self._depth = self._left_out = self._size = 0

    def read(self, file: Path) -> str:
        """Read a document."""
        try:
            with zipfile.ZipFile(file) as archive:
                there = set(archive.namelist())
                for number, part in enumerate(self._files):
                    # A document need not have notes.
                    if number == 0 or part in there:
                        with archive.open(part) as content:
                            self._read_part(file, content)
        except (expat.ExpatError, *_DAMAGE) as error:
            raise TableError("document-broken", path=str(file), told=str(error)) from error
        return "".join([*self._parts, *self._notes]).strip("\n")

    def _read_part(self, file: Path, content: IO[bytes]) -> None:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._characters
        parser.EntityDeclHandler = _refuse_entity
        most = _XML_FACTOR * max_cell_bytes()
        while block := content.read(1 << 18):
            self._size += len(block)
            require_cell(file, self._size // _XML_FACTOR, row=1, column="text")
            if self._size > most:
                return
            parser.Parse(block, False)
        parser.Parse(b"", True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        prefix, _, local = name.rpartition(":")
        if local in _LEFT_OUT:
            self._left_out += 1
        elif name == "text:note":
            self._around.append((self._parts, self._depth))
            self._parts, self._depth = self._notes, 0
        elif local in self._signs and not self._left_out and prefix in ("w", "text"):
            times = attributes.get("text:c", "1")
            self._parts.append(self._signs[local] * (int(times[:4]) if times.isdigit() else 1))
        if local in self._texts and prefix in ("w", "text"):
            self._depth += 1

    def _end(self, name: str) -> None:
        prefix, _, local = name.rpartition(":")
        if local in _LEFT_OUT:
            self._left_out -= 1
        elif name == "text:note" and self._around:
            self._parts, self._depth = self._around.pop()
        if local in self._texts and prefix in ("w", "text"):
            self._depth -= 1
        if local in self._paragraphs and prefix in ("w", "text") and not self._left_out:
            self._parts.append("\n")

    def _characters(self, data: str) -> None:
        if self._depth and not self._left_out:
            self._parts.append(data)


def _refuse_entity(*declared: object) -> None:
    del declared
    raise ValueError("it declares entities of its own")


def _pdf(file: Path, encoding: str | None) -> str:
    del encoding
    try:
        import pypdf
    except ImportError as error:
        raise TableError("documents-need-extra", path=str(file)) from error
    try:
        with file.open("rb") as opened:
            reader = pypdf.PdfReader(io.BytesIO(opened.read()))
        if reader.is_encrypted and not reader.decrypt(""):
            return _locked(file)
        pages = []
        size = 0
        for page in reader.pages[:_PAGES]:
            require_wanted()
            pages.append(page.extract_text())
            size += len(pages[-1])
            require_cell(file, size, row=1, column="text")
    except (OSError, TableError, MemoryError):
        raise
    # The reader raises many kinds of errors for files that are not as they should be.
    except Exception as error:
        raise TableError("document-broken", path=str(file), told=str(error)) from error
    return "\n\n".join(text.strip() for text in pages)


def _locked(file: Path) -> str:
    raise TableError("document-locked", path=str(file))


def _old_word(file: Path, encoding: str | None) -> str:
    del encoding
    raise TableError("document-too-old", path=str(file))


_READERS: Mapping[str, Callable[[Path, str | None], str]] = {
    ".txt": _plain,
    ".md": _plain,
    ".html": _web_page,
    ".htm": _web_page,
    ".xhtml": _web_page,
    ".srt": _subtitles,
    ".vtt": _subtitles,
    ".docx": _word,
    ".odt": _open_document,
    ".pdf": _pdf,
    ".doc": _old_word,
    ".rtf": _old_word,
}

PROGRAM = Program(name=_NAME, title="a folder of documents", is_file=_is_file, open=_open, may_be=_may_be)
