"""`python -m rowbatch`, and the command `rowbatch`."""

from __future__ import annotations

import codecs
import gc
import importlib
import importlib.util
import io
import os
import sys
import threading
import types
from contextlib import suppress

from rowbatch.cli.overview import overview
from rowbatch.words.masking import mask_logs, mask_tracebacks

_LATER = "polars"
# What is imported stays. Looking through it for garbage after each 700 new objects, as Python does, took
# 15 ms of `list` and 22 ms of a small convert, and takes 3 now; some 5 MB may lie about for it.
_OBJECTS_BETWEEN_LOOKS = 50_000


def main() -> None:
    """Run the command line and leave with its exit code. What it logs, and any traceback, is masked."""
    gc.set_threshold(_OBJECTS_BETWEEN_LOOKS)
    _open_missing_streams()
    if sys.argv[1:] in (["--help"], ["-h"]):
        _show_overview()
    _import_later()
    from rowbatch.cli.app import run_command_line

    codecs.register_error("rowbatch", _any_text)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="rowbatch")
    mask_logs()
    mask_tracebacks()
    sys.exit(run_command_line(sys.argv[1:]))


def _show_overview() -> None:
    """Show the help and leave; where it cannot be written, whoever runs commands tells why."""
    with suppress(OSError):
        sys.stdout.write(f"{overview()}\n")
        sys.stdout.flush()
        sys.exit(0)


def _open_missing_streams() -> None:
    """
    Where we were started without standard input, output or error (`>&-`), open them to nowhere: the next file
    that is opened would get their number, and what C libraries say of themselves would be written into it.
    """
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:
        os.set_inheritable(number, True)
    os.close(number)
    sys.stdin, sys.stdout, sys.stderr = (
        found or open(number, how, encoding="utf-8", closefd=False)  # noqa: SIM115 - until our end
        for number, (found, how) in enumerate(
            zip((sys.stdin, sys.stdout, sys.stderr), ("r", "w", "w"), strict=True)
        )
    )


class _Later(types.ModuleType):
    """A module that is imported when something of it is wanted first."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__spec__ = importlib.util.find_spec(name)
        self._importing = threading.RLock()

    def __getattr__(self, name: str) -> object:
        # What the machinery of imports asks whether there is.
        if name.startswith("__") and name != "__path__":
            raise AttributeError(name)
        with self._importing:
            if sys.modules.get(self.__name__) is self:
                del sys.modules[self.__name__]
                try:
                    found = importlib.import_module(self.__name__)
                except BaseException:
                    sys.modules[self.__name__] = self
                    raise
                # Whoever has this one has all of it from now on.
                self.__dict__.update(vars(found))
        return getattr(sys.modules[self.__name__], name)


def _import_later() -> None:
    """
    Don't import polars before something of it is wanted: it takes longer than all else that a command needs,
    and many need nothing of it.
    """
    if _LATER not in sys.modules:
        sys.modules[_LATER] = _Later(_LATER)


def _any_text(error: UnicodeError) -> tuple[bytes, int]:
    """
    Write what the terminal cannot: a name that is no UTF-8 with the bytes that it has, as `ls` does, and a
    question mark for anything else. A command whose work is done must not fail over its last words.
    """
    assert isinstance(error, UnicodeEncodeError)
    codes = map(ord, error.object[error.start : error.end])
    # Python names the byte 0xE9 of such a file U+DCE9 (PEP 383).
    written = (code - 0xDC00 if 0xDC80 <= code <= 0xDCFF else ord("?") for code in codes)
    return bytes(written), error.end


if __name__ == "__main__":
    main()
