"""
Multiple response sets in a file of SPSS: put into a file that is written, since the writer has none.

Source:
    PSPP's developers' manual, "System File Format": the records of a system file, and the extension record
    "Multiple Response Sets" (type 7, subtype 7). What is written is read by pyreadstat 1.3.7.
"""

from __future__ import annotations

import re
import shutil
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rowbatch.errors import from_os_error

_HEADER_BYTES = 176
_EXTENSION = 7
_SETS, _LONG_NAMES = 7, 13
_MOST_NAME = 63


@dataclass(frozen=True, slots=True)
class ResponseSet:
    """
    Variables that are answers to one question.

    Attributes:
        name: Of the set, without the `$` that SPSS puts before it.
        label: In words.
        counted: The value that says that an answer was given; None where the variables have categories.
        variables: Their names.
    """

    name: str
    label: str
    counted: float | str | None
    variables: tuple[str, ...]


def add_response_sets(path: Path, sets: Sequence[ResponseSet]) -> None:
    """
    Write sets into a file.

    Args:
        path: A file of SPSS, in the byte order of this machine, as pyreadstat writes it.
        sets: Of variables that it has; one of fewer than two variables is none.
    """
    sets = [one for one in sets if len(one.variables) > 1]
    if not sets:
        return
    with path.open("rb") as file:
        end, short_names = _dictionary(file)
        known = {long.lower(): short for short, long in short_names.items()}
        text = "".join(f"{_set(one, known)}\n" for one in sets).encode()
        record = struct.pack("=iiii", _EXTENSION, _SETS, 1, len(text)) + text
        place = path.with_name(f"{path.name}.sets")
        try:
            with place.open("wb") as out:
                file.seek(0)
                out.write(file.read(end))
                out.write(record)
                shutil.copyfileobj(file, out, 1 << 20)
            place.replace(path)
        except OSError as error:
            raise from_os_error(error, str(path)) from error
        finally:
            place.unlink(missing_ok=True)


def _set(one: ResponseSet, short_names: dict[str, str]) -> str:
    """A set of yes and no, as the record has it: names are the short ones, in small letters."""
    name = re.sub(r"\W", "_", one.name)
    # SPSS counts bytes.
    while len(name.encode()) > _MOST_NAME:
        name = name[:-1]
    counted = str(one.counted)
    label = one.label.encode()
    variables = " ".join(short_names[variable.lower()].lower() for variable in one.variables)
    return f"${name}=D{len(counted)} {counted} {len(label)} {one.label} {variables}"


def _dictionary(file: BinaryIO) -> tuple[int, dict[str, str]]:
    """Where the record stands that ends the dictionary, and the long name of each short one."""
    file.seek(_HEADER_BYTES)
    names: dict[str, str] = {}
    while True:
        at = file.tell()
        match _whole(file):
            case 2:
                name = _variable(file)
                names |= {name: name} if name else {}
            case 3:
                _pass_labels(file)
            case 4:
                file.seek(4 * _whole(file), 1)
            case 6:
                file.seek(80 * _whole(file), 1)
            case 7:
                names |= _extension(file)
            case 999:
                return at, names
            case found:
                raise ValueError(f"a record of type {found} in the dictionary of a file of SPSS")


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


def _extension(file: BinaryIO) -> dict[str, str]:
    """The long names, where it is the record of these."""
    subtype, size, count = _wholes(file, 3)
    content = file.read(size * count)
    if subtype != _LONG_NAMES:
        return {}
    pairs = (pair.partition("=") for pair in content.decode().rstrip("\t").split("\t"))
    return {short: long for short, _, long in pairs}


def _whole(file: BinaryIO) -> int:
    return _wholes(file, 1)[0]


def _wholes(file: BinaryIO, count: int) -> tuple[int, ...]:
    return struct.unpack(f"={count}i", file.read(4 * count))
