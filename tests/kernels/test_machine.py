"""The machine that runs the kernels, and the module that it runs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from rowbatch.kernels import build, machine
from rowbatch.kernels.machine import Machine, new_machine


@pytest.fixture
def made() -> Machine:
    found = new_machine()
    assert found is not None
    return found


def test_the_module_is_what_the_sources_say():
    """
    Whoever changes a source compiles it (`make kernels`): a digest of them stands in what was compiled.
    """
    assert build.digest_of_sources().encode() in build.BUILT.read_bytes()


def test_room_stays_where_it_is(made):
    """
    What was put somewhere is there when the memory has grown, and what was looked at still shows it.
    """
    at = made.put(b"before")
    seen = made.bytes[at : at + 6]
    more = made.room(5_000_000)
    assert more > at + 6
    assert bytes(made.bytes[at : at + 6]) == b"before" == bytes(seen)
    made.bytes[at : at + 6] = b"behind"
    assert bytes(seen) == b"behind"


def test_what_is_looked_at_outlives_the_machine():
    """
    A part of its memory keeps all of it.
    """
    made = new_machine()
    assert made is not None
    at = made.put(b"x" * 100)
    seen = made.bytes[at : at + 100]
    del made
    others = [new_machine() for _ in range(3)]
    assert bytes(seen) == b"x" * 100
    assert all(others)


def test_more_room_than_there_is(made):
    """
    The memory of a machine has 4 GiB at most: it says so, and goes on.
    """
    with pytest.raises(MemoryError):
        made.room(1 << 32)
    at = made.put(b"text")
    assert made.call("is_text", at, 4)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"a" * 100, id="ASCII"),
        pytest.param("é中🙂\u2028".encode() * 9, id="all-lengths"),
        pytest.param(b"a" * 15 + b"\xc3\xa9", id="across-sixteen"),
        pytest.param(b"abc\0", id="NUL"),
        pytest.param(b"\xc0\xaf", id="too-long-of-two"),
        pytest.param(b"\xe0\x80\xaf", id="too-long-of-three"),
        pytest.param(b"\xf0\x80\x80\xaf", id="too-long-of-four"),
        pytest.param(b"x" * 40 + b"\xed\xa0\x80", id="half-a-pair"),
        pytest.param(b"\xf4\x90\x80\x80", id="beyond-Unicode"),
        pytest.param(b"\xc3", id="cut-off"),
        pytest.param(b"\xe4\xb8", id="cut-off-of-three"),
        pytest.param(b"ok\xff", id="no-byte-of-any"),
        pytest.param(b"\x80", id="a-later-byte-first"),
        pytest.param("中".encode() * 30 + b"\xe4\x41\x41", id="a-later-byte-missing"),
    ],
)
def test_text_is_told_as_python_tells_it(made, text):
    """
    UTF-8 as Python has it (strict), and no NUL; wherever it stands.
    """
    is_right = is_utf8(text)
    for before in range(18):
        for after in (0, 20):
            # What lies behind belongs to nobody.
            at = made.put(b"x" * before + text + b"y" * after + b"\x80" * 20)
            assert bool(made.call("is_text", at, before + len(text) + after)) == is_right


def test_all_pairs_of_bytes_and_more(made):
    """
    Each pair of bytes, alone and with later bytes behind it, is told as Python tells it.
    """
    at = made.room(40)
    for first in range(0xC0, 256):
        for second in range(256):
            for more in (b"", b"\x80", b"\x80\x80", b"\xbf\xbf\xbf"):
                text = bytes((first, second)) + more
                made.bytes[at : at + len(text)] = text
                assert bool(made.call("is_text", at, len(text))) == is_utf8(text)


def is_utf8(text: bytes) -> bool:
    try:
        return "\0" not in text.decode()
    except UnicodeDecodeError:
        return False


def test_without_a_machine(monkeypatch):
    """
    It can be turned off; and where the runtime has nothing for a computer there is none.
    """
    monkeypatch.setenv(machine.WITHOUT, "1")
    assert new_machine() is None
    monkeypatch.delenv(machine.WITHOUT)

    def missing(addresses):
        raise ImportError

    monkeypatch.setattr(machine, "_compiled", missing)
    assert new_machine() is None


@pytest.mark.skipif(sys.platform != "linux", reason="limits of addresses are of Linux here")
def test_few_addresses(tmp_path):
    """
    Clusters limit the addresses of a process (`ulimit -v`): a machine takes fewer there.
    """
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30));"
        "from rowbatch.kernels.machine import new_machine; made = new_machine();"
        "assert made is not None; at = made.put(b'text'); assert made.call('is_text', at, 4)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env={**os.environ}, timeout=60)
