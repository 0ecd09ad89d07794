"""What `--json` prints, of any command: values as JSON has them."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path, PurePath
from typing import Any, Protocol, runtime_checkable

from rowbatch.cli.piped import stream_name


@runtime_checkable
class _Counted(Protocol):
    """What is counted of the values of a variable."""

    def facts(self) -> Sequence[tuple[str, float]]: ...


def json_text(value: Any) -> str:
    """
    A value as JSON, in ASCII: it can be printed and read anywhere, and nothing in it moves a terminal.

    A value of ours is an object of its attributes. Money is text, as in the ledger, because a number of JSON
    is rounded by most that read it; times and dates are text in ISO 8601; a number that is none is null.

    Raises:
        TypeError: There is no rule for a value in it.
    """
    return json.dumps(_plain(value), ensure_ascii=True, allow_nan=False, indent=2)


def _plain(value: Any) -> Any:
    match value:
        case Enum():
            return _plain(value.value)
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return f"{value:f}"
        case date():
            return value.isoformat()
        case Path():
            return stream_name(value) or str(value)
        case PurePath():
            return str(value)
        case Mapping():
            return {_name(key): _plain(entry) for key, entry in value.items()}
        case AbstractSet():
            return sorted(map(_plain, value))
        case Sequence() if not isinstance(value, bytes | bytearray | memoryview):
            return [_plain(entry) for entry in value]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        case _Counted():
            return {name: _plain(number) for name, number in value.facts()}
    raise TypeError(f"there is no JSON for a {type(value).__name__}")


def _name(key: Any) -> str:
    plain = _plain(key)
    return plain if isinstance(plain, str) else json.dumps(plain)
