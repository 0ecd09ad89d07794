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

from rowbatch.errors import from_os_error
from rowbatch.tables.spss_dictionary import EXTENSION, read_dictionary

_SETS = 7
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
        dictionary = read_dictionary(file)
        end = dictionary.end
        known = {long.lower(): short for short, long in dictionary.names.items()}
        text = "".join(f"{_set(one, known)}\n" for one in sets).encode()
        record = struct.pack("=iiii", EXTENSION, _SETS, 1, len(text)) + text
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
    """A set as the record has it: names are the short ones, in small letters."""
    name = re.sub(r"\W", "_", one.name)
    # SPSS counts bytes.
    while len(name.encode()) > _MOST_NAME:
        name = name[:-1]
    counted = one.counted
    if isinstance(counted, float) and counted.is_integer():
        counted = int(counted)
    of = "C" if counted is None else f"D{len(str(counted).encode())} {counted}"
    label = one.label.encode()
    variables = " ".join(short_names[variable.lower()].lower() for variable in one.variables)
    return f"${name}={of} {len(label)} {one.label} {variables}"
