"""Embeddings as numbers."""

from __future__ import annotations

import polars as pl


def embeddings_of(texts: pl.Series) -> pl.Series:
    """
    Read embeddings.

    Args:
        texts: JSON, each of a list of numbers, or of a Base64 text of little-endian 32-bit floats; or null.
    Returns:
        As many lists of 32-bit floats; null for null, and for what is neither.
    """
    name = texts.name
    is_list = texts.str.starts_with("[")
    lists = _lists(pl.select(pl.when(is_list).then(texts)).to_series())
    coded = texts.filter(~is_list & texts.is_not_null())
    if not len(coded):
        return lists.alias(name)
    decoded = [_floats(text) for text in texts.to_list()]
    return (
        pl.select(
            pl.when(lists.is_not_null()).then(lists).otherwise(pl.Series(decoded, dtype=pl.List(pl.Float32)))
        )
        .to_series()
        .alias(name)
    )


def _lists(texts: pl.Series) -> pl.Series:
    try:
        return texts.str.json_decode(pl.List(pl.Float32))
    except pl.exceptions.PolarsError:
        # One of them is broken: it must not cost the others.
        return pl.Series([_one_list(text) for text in texts.to_list()], dtype=pl.List(pl.Float32))


def _one_list(text: str | None) -> list[float] | None:
    import msgspec

    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=list[float])
    except (ValueError, RecursionError):
        return None


def _floats(text: str | None) -> list[float] | None:
    import array
    import base64
    import binascii
    import sys

    if text is None or not text.startswith('"'):
        return None
    try:
        values = array.array("f", base64.b64decode(text.strip('"').replace("\\/", "/"), validate=True))
    except (binascii.Error, ValueError):
        return None
    if sys.byteorder == "big":
        values.byteswap()
    return values.tolist()
