"""A process that reads pieces of result files for another one; see `result_files`."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from rowbatch.errors import RowbatchError
from rowbatch.results.files import Piece, read_piece, read_wanted, send_piece


def main() -> None:
    """Answer questions until there are no more."""
    # Ctrl-C is for the process that asks; it ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for question in sys.stdin.buffer:
        path, start, stop, wanted = json.loads(question)
        try:
            part = read_piece(Piece(Path(path), start, stop), read_wanted(wanted))
        except RowbatchError:
            # The one that asks reads it itself then, and says what is wrong.
            return
        send_piece(sys.stdout.buffer, part)


if __name__ == "__main__":
    main()
