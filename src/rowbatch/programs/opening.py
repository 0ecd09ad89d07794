"""Which table a file is to its person: a program's export, or a plain table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rowbatch.core.table_options import FIRST, PLAIN, ReadOptions
from rowbatch.errors import RowbatchError, TableError, UsageError
from rowbatch.programs.base import HEAD_BYTES
from rowbatch.programs.registry import PROGRAMS, Known
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
            names = [*program_titles(), PLAIN]
            raise UsageError("no-such-program", program=options.program, known=names)
    head = _head(path)
    for known in programs:
        if options.program is None and not known.may_have(path, head):
            continue
        one = known.program
        if one.is_file is None or one.open is None:
            continue
        may_be = one.may_be if options.program is not None else None
        if one.is_file(path, head) or (may_be is not None and may_be(path)):
            return one.open(path, options)
    plain = formats.open_table(path, options)
    if plain.is_running_text and options == ReadOptions(encoding=options.encoding):
        return _running_text(plain, options)
    if found := _dressed(plain, options, programs):
        return found
    if options.program is not None:
        raise UsageError("not-of-program", path=str(path), program=programs[0].title)
    return plain


def _running_text(plain: Table, options: ReadOptions) -> Table:
    """An interview or a letter, of which nobody said that it is a table."""
    from rowbatch.programs.documents import open_running_text

    return open_running_text(plain.path, plain.reading.sheet or "", options.encoding)


def _dressed(plain: Table, options: ReadOptions, programs: tuple[Known, ...]) -> Table | None:
    """
    The table as the user of a program sees it; None where a person says where its header is, or it is none.
    """
    is_said = options.header is not None or options.skip_rows
    if plain.format not in ("csv", "excel", "json", "jsonl") or (is_said and options.program is None):
        return None
    # What belongs to the header of a program may have been joined already.
    first = plain
    if plain.format not in ("json", "jsonl") and plain.reading.header not in (None, FIRST, "1"):
        try:
            first = formats.open_table(path=plain.path, options=replace(options, header=FIRST, skip_rows=0))
        except TableError:
            return None
    for known in programs:
        if options.program is None and not known.may_dress(first):
            continue
        dress = known.program.dress
        if dress is not None and (found := dress(first, options)) is not None:
            return found
    return None


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
