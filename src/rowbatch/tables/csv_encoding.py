"""The encoding of a CSV file: what is said, what its text shows, and where it is not what it seems."""

from __future__ import annotations

import codecs
import io
import os
from pathlib import Path

from rowbatch.errors import TableError, UsageError
from rowbatch.tables.bounds import max_row_bytes
from rowbatch.tables.compressed import open_binary
from rowbatch.tables.encodings import (
    SAMPLE_BYTES,
    EncodingGuess,
    guess_encoding,
    is_utf8,
    looks_encoded,
    marked_encoding,
    telling_lines,
)

_USUAL_ENCODINGS = ("cp1252 (Windows)", "latin-1", "gb18030 (Chinese)")
# Where letters are looked for in a file that begins in plain ASCII: so many places of so many bytes.
_PLACES, _PLACE_BYTES = 32, 128 << 10
_LEAST_TELLING = 4


def find_telling(file: io.BufferedReader, head: bytes) -> bytes:
    """
    The head of a file; where that is ASCII alone, a piece further down that is not.

    To look at all of a file takes a tenth of the time that its rows take. What is in no place that is looked
    at, the reader finds, and says which encoding it looks like.
    """
    if len(head) < SAMPLE_BYTES or not head.isascii():
        return head
    if isinstance(file.raw, io.FileIO):
        size = os.fstat(file.fileno()).st_size
        step = max((size - len(head)) // _PLACES, _PLACE_BYTES)
        places = [*range(len(head), size, step), max(len(head), size - _PLACE_BYTES)]
    else:
        # To find a place in a packed file is to unpack it up to there.
        places = [len(head) + number * _PLACE_BYTES for number in range(_PLACES)]
    for place in places:
        file.seek(place)
        piece = file.read(_PLACE_BYTES)
        if not piece.isascii():
            # From the begin of a line on, so that no character is cut.
            piece += file.read(SAMPLE_BYTES - _PLACE_BYTES)
            piece = piece[piece.find(b"\n") + 1 :]
            # One byte among a million is damage, for the reader to tell.
            return piece if sum(byte > 0x7F for byte in telling_lines(piece)) >= _LEAST_TELLING else head
    return head


def find_encoding(
    path: Path, head: bytes, telling: bytes, said: str | None, member: str
) -> tuple[str, EncodingGuess | None]:
    """Python's name of the encoding, and the guess where it was guessed."""
    marked = marked_encoding(head)
    if said is not None:
        return known_encoding(said, marked), None
    if marked is not None:
        return marked, None
    if is_utf8(telling, is_whole=telling is head and len(head) < SAMPLE_BYTES):
        guess = guess_encoding(head) if looks_encoded(head) else None
        return (guess.encoding, guess) if guess and guess.encoding else ("utf-8", None)
    guess = guess_encoding(telling)
    if guess.encoding == "utf-8":
        # What is broken in it is told with its line.
        return "utf-8", None
    if guess.encoding is not None:
        return guess.encoding, guess
    line, byte = find_undecodable(path, "utf-8", member) or (None, None)
    if guess.readings:
        (first, one), (second, other) = guess.readings
        raise TableError(
            "encoding-of-two", path=str(path), first=first, one=one, second=second, other=other, line=line
        )
    raise TableError(
        "encoding-unknown" if line is None else "encoding-unknown-at",
        path=str(path),
        line=line,
        byte=byte,
        candidates=guess.candidates or _USUAL_ENCODINGS,
    )


def known_encoding(encoding: str, marked: str | None) -> str:
    """
    Python's name of an encoding of texts that a person said.

    Args:
        encoding: In any spelling.
        marked: What the byte order mark of the file says; None for none.
    Raises:
        UsageError: There is none of that name.
    """
    try:
        name = codecs.lookup(encoding).name
        # Some names of Python's are no encodings of text (base64), or none of files (idna).
        io.TextIOWrapper(io.BytesIO(b""), encoding=name).read()
        codecs.getincrementaldecoder(name)("replace").decode(b"")
    except (LookupError, ValueError):
        raise UsageError("no-such-encoding", encoding=encoding) from None
    if name == "utf-8":
        return "utf-8-sig"
    # A byte order mark that is there is no part of the first name.
    return marked if marked and name.startswith(marked) else name


def guess_another_encoding(path: Path, member: str) -> str | None:
    """Which encoding a file looks like that is not UTF-8; None where nobody can tell."""
    with open_binary(path, member) as file:
        head = file.read(SAMPLE_BYTES)
        head = find_telling(file, head)
    guess = None if is_utf8(head, is_whole=len(head) < SAMPLE_BYTES) else guess_encoding(head).encoding
    # UTF-8 with a broken byte is what it was read as.
    return None if guess == "utf-8" else guess


def find_undecodable(path: Path, encoding: str, member: str) -> tuple[int, int] | None:
    """Line and byte of the first that is not of an encoding; None where there is none, or nobody can say."""
    if encoding.startswith(("utf-16", "utf-32")):
        return None
    number, most = 1, max_row_bytes()
    with open_binary(path, member) as file:
        while line := file.readline(most):
            try:
                line.decode(encoding)
            except UnicodeError as error:
                # A few of Python's codecs (punycode) do not say where.
                if not isinstance(error, UnicodeDecodeError):
                    return None
                before = line[: error.start]
                return number + before.count(b"\r"), error.start - before.rfind(b"\r")
            number += count_lines(line)
    return None


def count_lines(block: bytes) -> int:
    """Line ends as text mode counts them; the block does not end between the two of a pair."""
    return block.count(b"\n") + block.count(b"\r") - block.count(b"\r\n")
