"""
The dictionary of a file of SPSS that pyreadstat wrote, and names in it that pyreadstat does not write.

Source:
    PSPP's developers' manual, "System File Format": the records of a system file, and the extension record
    "Long Variable Names" (type 7, subtype 13). What is written is read by pyreadstat 1.3.7, which refuses to
    write a name that begins with `@`; SPSS gives such names itself to columns whose name begins with a digit.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rowbatch.errors import from_os_error

EXTENSION = 7
_HEADER_BYTES = 176
_LONG_NAMES = 13


@dataclass(slots=True)
class Dictionary:
    """
    What is known of it.

    Attributes:
        end: Where the record stands that ends it, in bytes.
        names: The long name of each short one.
        names_at: Where the long names stand, in bytes.
        long_names: The record of them.
    """

    end: int
    names: dict[str, str]
    names_at: int
    long_names: bytes


def rename_variables(path: Path, names: Mapping[str, str]) -> None:
    """
    Give variables other names of the same length in bytes.

    Args:
        path: A file of SPSS, in the byte order of this machine, as pyreadstat writes it.
        names: The new name of each.
    """
    if not names:
        return
    try:
        with path.open("r+b") as file:
            found = read_dictionary(file)
            pairs = (pair.partition("=") for pair in found.long_names.decode().split("\t"))
            renamed = "\t".join(
                f"{short}{sign}{names.get(long, long)}" for short, sign, long in pairs
            ).encode()
            if len(renamed) != len(found.long_names):
                raise ValueError("a name of another length")
            file.seek(found.names_at)
            file.write(renamed)
    except OSError as error:
        raise from_os_error(error, str(path)) from error


def read_dictionary(file: BinaryIO) -> Dictionary:
    """
    Read what stands before the rows.

    Raises:
        ValueError: There is a record of a type that no file has.
    """
    file.seek(_HEADER_BYTES)
    found = Dictionary(0, {}, 0, b"")
    while True:
        at = file.tell()
        match kind := _whole(file):
            case 2:
                name = _variable(file)
                found.names.update({name: name} if name else {})
            case 3:
                _pass_labels(file)
            case 4:
                file.seek(4 * _whole(file), 1)
            case 6:
                file.seek(80 * _whole(file), 1)
            case 7:
                _read_extension(file, found)
            case 999:
                found.end = at
                return found
            case _:
                raise ValueError(f"a record of type {kind} in the dictionary of a file of SPSS")


def _variable(file: BinaryIO) -> str:
    """The name in a variable's record; "" in one that only goes on with a long text."""
    width, has_label, missing = _wholes(file, 3)
    file.seek(8, 1)
    name = file.read(8).decode(errors="replace").strip()
    if has_label:
        size = _whole(file)
        file.seek(-(-size // 4) * 4, 1)
    file.seek(8 * abs(missing), 1)
    return name if width >= 0 else ""


def _pass_labels(file: BinaryIO) -> None:
    for _ in range(_whole(file)):
        file.seek(8, 1)
        # The label and its length are padded together to eight bytes.
        size = file.read(1)[0]
        file.seek((size + 8) // 8 * 8 - 1, 1)


def _read_extension(file: BinaryIO, found: Dictionary) -> None:
    subtype, size, count = _wholes(file, 3)
    at = file.tell()
    content = file.read(size * count)
    if subtype == _LONG_NAMES:
        found.names_at, found.long_names = at, content
        pairs = (pair.partition("=") for pair in content.decode().rstrip("\t").split("\t"))
        found.names.update({short: long for short, _, long in pairs})


def _whole(file: BinaryIO) -> int:
    return _wholes(file, 1)[0]


def _wholes(file: BinaryIO, count: int) -> tuple[int, ...]:
    return struct.unpack(f"={count}i", file.read(4 * count))
