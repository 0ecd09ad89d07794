"""Which table a file is to its person: a program's export, or a plain table."""

from __future__ import annotations

from pathlib import Path

from rowbatch.core.table_options import PLAIN, ReadOptions
from rowbatch.errors import RowbatchError, UsageError
from rowbatch.programs.base import HEAD_BYTES, Program
from rowbatch.programs.registry import PROGRAMS
from rowbatch.tables import formats
from rowbatch.tables.base import Table
from rowbatch.tables.compressed import open_binary


def open_table(path: Path, options: ReadOptions | None = None) -> Table:
    """
    Open a table of any format, or the export of a program that is known, and read its header.

    Args:
        path: The file; or a folder.
        options: How to read it. `program` names whose export it is, or says that it is a plain table; None
            means that it is seen.
    Raises:
        InputError: There is no such file.
        TableError: It is empty, broken, of no known format, or not what `program` says.
        UsageError: The options do not fit, or there is no such program.
    """
    options = options or ReadOptions()
    if options.program == PLAIN:
        return formats.open_table(path, options)
    programs = PROGRAMS
    if options.program is not None:
        programs = tuple(one for one in PROGRAMS if one.name == options.program)
        if not programs:
            known = [*dict.fromkeys(one.name for one in PROGRAMS), PLAIN]
            raise UsageError("no-such-program", program=options.program, known=known)
    head = _head(path)
    for one in programs:
        if one.is_file is not None and one.open is not None and one.is_file(path, head):
            return one.open(path, options)
    plain = formats.open_table(path, options)
    for one in programs:
        if one.dress is not None and (found := one.dress(plain, options)) is not None:
            return found
    if options.program is not None:
        raise UsageError("not-of-program", path=str(path), program=programs[0].title)
    return plain


def program_titles() -> dict[str, str]:
    """The programs whose exports are known: names as `--program` takes them, and titles."""
    return {one.name: one.title for one in PROGRAMS}


def _head(path: Path) -> bytes:
    if path.is_dir():
        return b""
    try:
        with open_binary(path) as file:
            return file.read(HEAD_BYTES)
    except (OSError, RowbatchError):
        # What is wrong with it is said by who opens it next.
        return b""


__all__ = ["Program", "open_table", "program_titles"]
