"""
A small writer of what R saves, in its binary form (XDR), version 2 or 3.

Each function gives the bytes of a value; what follows the data are its attributes.

Source:
    R Internals, "Serialization Formats".
"""

from __future__ import annotations

import struct

NA = -(2**31)
NA_REAL = b"\x7f\xf0\x00\x00\x00\x00\x07\xa2"
NULL = struct.pack(">i", 254)
_HAS_ATTRIBUTES = 0x200


def _whole(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}i", *numbers)


def _flags(kind: int, attributes: dict[str, bytes]) -> bytes:
    is_object = 0x100 if "class" in attributes else 0
    return _whole(kind | is_object | (_HAS_ATTRIBUTES if attributes else 0))


def _end(attributes: dict[str, bytes]) -> bytes:
    return pairs(**attributes) if attributes else b""


def word(text: str | bytes | None, mark: int = 0x8000) -> bytes:
    """One text; `mark` says its encoding: 0x8000 UTF-8, 0x4000 latin1, 0x2000 bytes, 0 none."""
    if text is None:
        return _whole(9, -1)
    data = text.encode() if isinstance(text, str) else text
    return _whole(9 | (0x40000 if data.isascii() else mark), len(data)) + data


def pairs(**values: bytes) -> bytes:
    """A chain of values with names."""
    found = b""
    for name, value in values.items():
        found += _whole(0x402) + _whole(1) + word(name) + value
    return found + NULL


def texts(*values: str | bytes | None, mark: int = 0x8000, **attributes: bytes) -> bytes:
    """Texts; None is NA."""
    data = b"".join(word(value, mark) for value in values)
    return _flags(16, attributes) + _whole(len(values)) + data + _end(attributes)


def wholes(*values: int | None, kind: int = 13, **attributes: bytes) -> bytes:
    """Whole numbers of 32 bits; None is NA. Of the kind 10 they are TRUE and FALSE."""
    data = _whole(*(NA if value is None else value for value in values))
    return _flags(kind, attributes) + _whole(len(values)) + data + _end(attributes)


def doubles(*values: float | bytes | None, **attributes: bytes) -> bytes:
    """Doubles; None is NA, and bytes are these bytes."""
    data = b"".join(
        NA_REAL if value is None else value if isinstance(value, bytes) else struct.pack(">d", value)
        for value in values
    )
    return _flags(14, attributes) + _whole(len(values)) + data + _end(attributes)


def tagged(letter: str) -> bytes:
    """Haven's missing value of a letter."""
    return b"\x7f\xf0\x00" + letter.encode() + b"\x00\x00\x07\xa2"


def long_wholes(*values: int | None) -> bytes:
    """Whole numbers of 64 bits, as the package bit64 has them."""
    data = [struct.pack(">q", -(2**63) if value is None else value) for value in values]
    return doubles(*data, **{"class": texts("integer64")})


def complexes(*values: complex) -> bytes:
    """Complex numbers."""
    data = b"".join(struct.pack(">2d", value.real, value.imag) for value in values)
    return _whole(15, len(values)) + data


def raw(data: bytes) -> bytes:
    """Bytes."""
    return _whole(24, len(data)) + data


def values(*items: bytes, **attributes: bytes) -> bytes:
    """A list."""
    return _flags(19, attributes) + _whole(len(items)) + b"".join(items) + _end(attributes)


def function() -> bytes:
    """A function without arguments, whose body is a number."""
    return _whole(0x403) + _whole(253) + NULL + doubles(1.0)


def wrapped(value: bytes) -> bytes:
    """A vector in a form that R 3.5 and later have beside the plain one."""
    about = _whole(2) + _whole(1) + word("wrap_real") + _whole(2) + _whole(1) + word("base") + NULL
    return _whole(238) + about + values(value, wholes(0, 0)) + NULL


def texts_of(numbers: bytes) -> bytes:
    """Texts that R would only make when somebody looks at them."""
    about = _whole(2) + _whole(1) + word("deferred_string") + _whole(2) + _whole(1) + word("base") + NULL
    return _whole(238) + about + _whole(2) + numbers + wholes(0) + NULL


def frame(
    columns: dict[str, bytes], row_names: bytes | None = None, rows: int = 1, **attributes: bytes
) -> bytes:
    """A data frame."""
    return values(
        *columns.values(),
        names=texts(*columns),
        **{
            "row.names": wholes(None, -rows) if row_names is None else row_names,
            "class": texts("data.frame"),
        },
        **attributes,
    )


def saved(value: bytes, *, version: int = 3, native: str = "UTF-8") -> bytes:
    """What `saveRDS(compress = FALSE)` writes."""
    begin = b"X\n" + _whole(version, 0x040300, 0x030500 if version == 3 else 0x020300)
    return begin + (_whole(len(native)) + native.encode() if version == 3 else b"") + value


def saved_many(objects: dict[str, bytes]) -> bytes:
    """What `save(compress = FALSE)` writes."""
    return b"RDX3\n" + saved(pairs(**objects))
