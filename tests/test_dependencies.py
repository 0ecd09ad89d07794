"""What comes along with rowbatch: the check of licences, sources and known holes finds what it is to find."""

import re
import sys
from pathlib import Path

import pytest

import release_check

ROOT = Path(__file__).parent.parent


@pytest.fixture
def dependencies(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    monkeypatch.delitem(sys.modules, "dependencies", raising=False)
    import dependencies

    return dependencies


@pytest.fixture
def wheels(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    monkeypatch.delitem(sys.modules, "wheels", raising=False)
    import wheels

    return wheels


def changed(tmp_path, pattern, replacement):
    """The lock file with one thing changed."""
    text = (ROOT / "uv.lock").read_text(encoding="utf-8")
    other = re.sub(pattern, replacement, text, count=1, flags=re.DOTALL)
    assert other != text
    (tmp_path / "uv.lock").write_text(other, encoding="utf-8")
    return tmp_path / "uv.lock"


def test_the_lock_file_has_no_faults(dependencies):
    """
    Everything that is installed with rowbatch may be, comes from PyPI with its digest, and has no hole that
    is listed.
    """
    assert list(dependencies.faults()) == []


@pytest.mark.parametrize(
    ("pattern", "replacement", "told"),
    [
        pytest.param(
            r'name = "starlette"\nversion = "[0-9.]+"',
            'name = "starlette"\nversion = "1.0.0"',
            "starlette 1.0.0 has CVE-2026-54283, mended in 1.3.1",
            id="known-hole",
        ),
        pytest.param(
            r'(name = "starlette"\nversion = "[0-9.]+"\nsource = \{ registry = ")[^"]+',
            r"\1https://mirror.example/simple",
            "starlette: uv.lock takes it from",
            id="another-registry",
        ),
        pytest.param(
            r'(name = "starlette"\n.*?sdist = \{ url = "[^"]+"), hash = "[^"]+"',
            r"\1",
            "starlette: uv.lock has a file of it without a digest",
            id="no-digest",
        ),
        pytest.param(
            r'(name = "rowbatch"\n.*?dependencies = \[\n)',
            r'\1    { name = "pyreadr" },\n',
            "pyreadr: its licence, AGPL-3.0-or-later, is none that rowbatch can be given on with",
            id="agpl-in-the-base",
        ),
        pytest.param(
            r'(name = "rowbatch"\n.*?dependencies = \[\n)',
            r'\1    { name = "playwright" },\n    { name = "nobody-knows" },\n',
            "nobody-knows: its licence is not known",
            id="licence-not-known",
        ),
    ],
)
def test_what_is_wrong_with_a_lock_file_is_said(dependencies, tmp_path, pattern, replacement, told):
    """
    A hole, another source, a file without its digest, a licence that binds others: each is a sentence.
    """
    lock = changed(tmp_path, pattern, replacement)
    if "nobody-knows" in replacement:
        with lock.open("a", encoding="utf-8") as file:
            file.write('\n[[package]]\nname = "nobody-knows"\nversion = "1"\nsource = { registry = "x" }\n')
    assert any(told in fault for fault in dependencies.faults(lock))


@pytest.mark.parametrize(
    ("licence", "is_free"),
    [
        ("MIT", True),
        ("Apache-2.0 OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("(MIT AND BSD-3-Clause) OR GPL-2.0-only", True),
        ("AGPL-3.0-or-later", False),
        ("", False),
    ],
)
def test_one_side_of_an_or_is_enough(dependencies, licence, is_free):
    """
    Of licences joined by OR one has to be free, of those joined by AND all.
    """
    assert dependencies._is_free(licence) is is_free


def test_nothing_has_to_be_compiled(wheels):
    """
    On Linux, macOS and Windows, with each Python that rowbatch is released for, all of it comes as wheels,
    with all extras.
    """
    assert wheels.pythons() == list(release_check.PYTHONS)
    assert list(wheels.faults()) == []


@pytest.mark.parametrize(
    ("pattern", "replacement", "told"),
    [
        pytest.param(
            r'(\{ name = "quicktok-v1"), marker = "[^"]*"',
            r"\1",
            [
                "quicktok-v1 0.4.0 has no wheel for Python 3.14 on " + name
                for name in ("Linux", "macOS", "Windows")
            ],
            id="another-python",
        ),
        pytest.param(
            r"pyreadstat-([\d.]+)-cp313-cp313-win_amd64",
            r"pyreadstat-\1-cp313-cp313-win_arm64",
            ["pyreadstat 1.3.7 has no wheel for Python 3.13 on Windows"],
            id="another-system",
        ),
    ],
)
def test_what_has_to_be_compiled_is_said(wheels, tmp_path, pattern, replacement, told):
    """
    A package without a wheel for one Python, or for one system.
    """
    assert list(wheels.faults(changed(tmp_path, pattern, replacement))) == told
