"""`python -m rowbatch`, and the command `rowbatch`."""

from __future__ import annotations

import sys

from rowbatch.words.masking import mask_logs, mask_tracebacks


def main() -> None:
    """Run the command line and leave with its exit code. What it logs, and any traceback, is masked."""
    from rowbatch.cli.app import run_command_line

    mask_logs()
    mask_tracebacks()
    sys.exit(run_command_line(sys.argv[1:]))


if __name__ == "__main__":
    main()
