"""
What the server tells whoever watches it: Prometheus metrics, and log lines that programs read.

Neither has a key, an address of a client, or a word of what is asked and answered; the log has the names of
keys, and the metrics have not even these.

Source:
    Prometheus' text format, version 0.0.4.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
REQUESTS = "rowbatch.server.requests"
"""The logger that has one line a call."""
_OURS = "rowbatch.server"


Family = tuple[str, str, str, Mapping[tuple[tuple[str, str], ...], float]]
"""A metric: name, type, help, and values by their labels."""


class Meter:
    """
    Counts calls.

    Attributes:
        calls: By method and class of status, as in `("GET", "2xx")`.
        seconds: That they took in all, until their head was sent.
    """

    _METHODS = frozenset({"GET", "POST", "DELETE", "HEAD"})

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        self.seconds = 0.0

    def count(self, method: str, status: int, seconds: float) -> None:
        # A client can make up methods without end.
        named = method if method in self._METHODS else "other"
        self.calls[named, f"{status // 100}xx"] += 1
        self.seconds += seconds


def exposition(families: Iterable[Family]) -> str:
    """
    Metrics as Prometheus reads them.

    Args:
        families: Of the metrics of one name each.
    """
    lines = []
    for name, kind, told, values in families:
        lines += [f"# HELP {name} {told}", f"# TYPE {name} {kind}"]
        for labels, value in values.items():
            said = ",".join(f'{label}="{text}"' for label, text in labels)
            lines.append(f"{name}{{{said}}} {value:g}" if said else f"{name} {value:.17g}")
    return "\n".join(lines) + "\n"


def log_as_json() -> None:
    """From now on the log of this process is one JSON object a line, on stderr, with a line a call."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(_OURS).setLevel(logging.INFO)


class _JsonLines(logging.Formatter):
    """
    A record as one line. Our own messages are fixed texts with facts beside them; of others, and of errors,
    the kind and the place are said, since their words may repeat what was asked.
    """

    def format(self, record: logging.LogRecord) -> str:
        is_ours = record.name.startswith(_OURS) and not record.args
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.msg if is_ours and isinstance(record.msg, str) else _template(record),
            **getattr(record, "facts", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["at"] = [
                f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(record.exc_info[2])[-5:]
            ]
        return json.dumps(line)


def _template(record: logging.LogRecord) -> str:
    """The message before anything was put into it, or the place in the code where it was put together."""
    if isinstance(record.msg, str) and record.args:
        return record.msg[:200]
    return f"{record.module}:{record.lineno}"
