"""The pictures that the docs show."""

import inspect
import itertools
import random
import re
import struct
import sys
import zlib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))

from pictures import MAX_BYTES, PICTURES, packed, visit

_NAMES = ("start", "form", "results", "quality", "coding")


def _part(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _filtered(lines: list[bytes], step: int) -> bytes:
    """Lines as an encoder writes them: each of the five filters of PNG in turn."""
    out, above = bytearray(), bytes(len(lines[0]))
    for number, line in enumerate(lines):
        method = number % 5
        out.append(method)
        for at, value in enumerate(line):
            left = line[at - step] if at >= step else 0
            corner = above[at - step] if at >= step else 0
            guess = left + above[at] - corner
            nearest = min((left, above[at], corner), key=lambda one: abs(guess - one))
            out.append((value - (0, left, above[at], (left + above[at]) // 2, nearest)[method]) & 255)
        above = line
    return bytes(out)


def _indexed(png: bytes) -> list[bytes]:
    """The pixels of a picture with a palette."""
    parts = {found[1]: found[2] for found in _parts(png)}
    width = struct.unpack(">I", parts[b"IHDR"][:4])[0]
    palette, data = parts[b"PLTE"], zlib.decompress(parts[b"IDAT"])
    rows = [data[at + 1 : at + 1 + width] for at in range(0, len(data), width + 1)]
    return [b"".join(palette[3 * one : 3 * one + 3] for one in row) for row in rows]


def _parts(png):
    at = 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        yield length, png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length


@pytest.mark.parametrize(("kind", "step"), [pytest.param(2, 3, id="rgb"), pytest.param(6, 4, id="rgba")])
def test_a_picture_is_the_same_when_it_is_packed(kind, step):
    """However its lines were filtered, each pixel of a picture of at most 256 colours stays."""
    chance = random.Random(5)
    colours = [bytes(chance.randrange(256) for _ in range(3)) for _ in range(200)]
    pixels = [[chance.choice(colours) for _ in range(40)] for _ in range(15)]
    lines = [b"".join(one + b"\xff" * (step - 3) for one in line) for line in pixels]
    png = b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _part(b"IHDR", struct.pack(">IIBBBBB", 40, 15, 8, kind, 0, 0, 0)),
            _part(b"IDAT", zlib.compress(_filtered(lines, step))),
            _part(b"IEND", b""),
        )
    )
    assert _indexed(packed(png)) == [b"".join(line) for line in pixels]


def test_a_rare_colour_becomes_the_nearest():
    """Where there are more than 256 colours, a pixel of one that is seldom gets the one most like it."""
    often = [bytes((red, 0, 0)) for red in range(256)]
    line = b"".join(itertools.chain(often, often, [b"\x07\x01\x00"]))
    png = b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _part(b"IHDR", struct.pack(">IIBBBBB", 513, 1, 8, 2, 0, 0, 0)),
            _part(b"IDAT", zlib.compress(b"\0" + line)),
            _part(b"IEND", b""),
        )
    )
    assert _indexed(packed(png)) == [b"".join([*often, *often, often[7]])]


def test_the_pictures_are_there_and_small():
    """Each picture that is taken lies in its folder, is one, and is small enough for a page."""
    assert tuple(re.findall(r'take\(page, "(\w+)"\)', inspect.getsource(visit))) == _NAMES
    for name in _NAMES:
        png = (PICTURES / f"{name}.png").read_bytes()
        assert png.startswith(b"\x89PNG")
        assert len(png) <= MAX_BYTES
    assert sorted(path.stem for path in PICTURES.iterdir()) == sorted(_NAMES)
