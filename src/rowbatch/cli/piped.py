"""
`-` in the place of a file: standard input and standard output.

What comes is kept in a file of its own until the command ends, since tables are read more than once; what
goes is written whole and then sent, so that nobody gets half a table of a command that failed.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import click

from rowbatch.errors import RowbatchError, UsageError, from_os_error

QUIET = "rowbatch.quiet"
"""In the context of a command: that it says nothing but errors."""
STREAM = Path("-")
"""What is typed for standard input, or output."""

_Function = TypeVar("_Function", bound=Callable[..., Any])
_INPUT, _OUTPUT = "standard input", "standard output"
# Files of ours by the name that people know them by.
_NAMES: dict[Path, str] = {}
# What a table in JSON begins with, and the ending of its file.
_JSON = {b"{": ".jsonl", b"[": ".json"}


def stream_name(path: Path) -> str | None:
    """What a file is called that stands in the place of a stream."""
    return _NAMES.get(path)


def piped(
    *inputs: str, output: str = "", ending: str = ".csv", is_fixed: bool = False
) -> Callable[[_Function], _Function]:
    """
    Let files of a command be `-`, and say in options what they hold.

    Args:
        inputs: Names of its parameters that are files it reads.
        output: Of the one that it writes; "" where that is no file.
        ending: What is written where nobody says.
        is_fixed: Nothing else can be written.
    """

    def decorate(function: _Function) -> _Function:
        @wraps(function)
        def run(
            *arguments: Any, stdin_is: str | None = None, stdout_is: str | None = None, **options: Any
        ) -> Any:
            with ExitStack() as leaving:
                _take_input(leaving, options, inputs, stdin_is)
                send = _take_output(
                    leaving, options, output, f".{stdout_is.lstrip('.')}" if stdout_is else ending
                )
                code = function(*arguments, **options)
                if send is not None:
                    send()
                return code

        found: Any = run
        is_said = bool(output) and not is_fixed
        if is_said:
            found = click.option(
                "--format",
                "stdout_is",
                metavar="ENDING",
                help="Of standard output, where the output is -: as in csv, xlsx or jsonl.  "
                f"[default: {ending[1:]}]",
            )(found)
        if inputs:
            found = click.option(
                "--from",
                *([] if is_said else ["--format"]),
                "stdin_is",
                metavar="ENDING",
                help="Of standard input, where the input is -: as in csv, jsonl or xlsx.  "
                "[default: found out]",
            )(found)
        taken: _Function = found
        return taken

    return decorate


def _take_input(
    leaving: ExitStack, options: dict[str, Any], inputs: tuple[str, ...], said: str | None
) -> None:
    """Put a file with what comes in the place of each `-`."""
    places = [name for name in inputs for one in _files(options[name]) if one == STREAM]
    if len(places) > 1:
        raise UsageError("stdin-twice")
    for name in places:
        folder = leaving.enter_context(_folder(_INPUT))
        file = _kept(folder, said)
        _NAMES[file] = _INPUT
        leaving.callback(_NAMES.pop, file)
        options[name] = (
            file
            if isinstance(options[name], Path)
            else tuple(file if one == STREAM else one for one in options[name])
        )


def _files(value: Any) -> tuple[Path, ...]:
    return () if value is None else (value,) if isinstance(value, Path) else tuple(value)


def _kept(folder: Path, said: str | None) -> Path:
    source, file = sys.stdin.buffer, folder / "stdin"
    try:
        with file.open("wb") as target:
            shutil.copyfileobj(source, target)
        with file.open("rb") as kept:
            head = kept.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    except OSError as error:
        raise from_os_error(error, str(file)) from error
    return file.rename(file.with_suffix(f".{said.lstrip('.')}" if said else _JSON.get(head, ".csv")))


def _take_output(
    leaving: ExitStack, options: dict[str, Any], name: str, ending: str
) -> Callable[[], None] | None:
    """Put a file in the place of `-`, and give what sends it; nothing else is written to standard output."""
    if not name or options[name] != STREAM:
        return None
    folder = leaving.enter_context(_folder(_OUTPUT))
    file = folder / f"stdout{ending}"
    options[name] = file
    _NAMES[file] = _OUTPUT
    leaving.callback(_NAMES.pop, file)
    out = sys.stdout
    leaving.enter_context(redirect_stdout(sys.stderr))

    def send() -> None:
        made = file.iterdir() if file.is_dir() else (one for one in folder.iterdir() if one != file)
        others = sorted(one.name.removeprefix(f"{file.name}-") for one in made)
        if others:
            raise UsageError("stdout-one-file", others=others)
        with file.open("rb") as whole:
            shutil.copyfileobj(whole, out.buffer)
        out.buffer.flush()

    return send


@contextmanager
def _folder(name: str) -> Iterator[Path]:
    """A folder of our own for one file, which an error calls by the name that people know it by."""
    with TemporaryDirectory(prefix="rowbatch-", ignore_cleanup_errors=True) as folder:
        path = Path(folder).resolve()
        try:
            yield path
        except RowbatchError as error:
            for one in sorted(path.glob("*")):
                error.call_path(str(one), name)
            for stem in ("stdin", "stdout"):
                error.call_path(str(path / stem), name)
            raise
