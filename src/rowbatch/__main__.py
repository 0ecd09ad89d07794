"""`python -m rowbatch`, and the command `rowbatch`."""

from __future__ import annotations

import codecs
import io
import sys

from rowbatch.words.masking import mask_logs, mask_tracebacks


def main() -> None:
    """Run the command line and leave with its exit code. What it logs, and any traceback, is masked."""
    from rowbatch.cli.app import run_command_line

    codecs.register_error("rowbatch", _any_text)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="rowbatch")
    mask_logs()
    mask_tracebacks()
    sys.exit(run_command_line(sys.argv[1:]))


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
