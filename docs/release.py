"""
Make sure that the tag, `pyproject.toml` and `CHANGELOG.md` name one version, and that the package can be
shown; write the notes of its release.

    python3 docs/release.py --tag v0.1.0 --notes notes.md

It needs nothing but Python, since it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
UNRELEASED = "Unreleased"
# What GitHub takes as the text of a release.
_MAX_NOTES = 125_000
_TELL_HOW_TO_INSTALL = ("README.md", "docs/how-to/install.md")
_HEADING = re.compile(r"^## (?P<name>.+?)(?: - (?P<day>\d{4}-\d{2}-\d{2}))?$", re.MULTILINE)


class NotReady(Exception):
    """Something has to be done before this version can be released; the message says what."""


def notes_of(version: str, changes: str) -> str:
    """
    What the change log says of a version.

    Raises:
        NotReady: It has no section of that name with a day, or something still stands under "Unreleased".
    """
    headings = list(_HEADING.finditer(changes))
    ends = [*(heading.start() for heading in headings[1:]), len(changes)]
    sections = {
        heading["name"]: (heading["day"], changes[heading.end() : end].strip())
        for heading, end in zip(headings, ends, strict=True)
    }
    if re.search(r"^- ", sections.get(UNRELEASED, ("", ""))[1], re.MULTILINE):
        raise NotReady(f"CHANGELOG.md still has lines under {UNRELEASED}: put them under {version}")
    day, text = sections.get(version, ("", ""))
    if not day or not text:
        raise NotReady(f"CHANGELOG.md has no section '## {version} - YEAR-MONTH-DAY' with lines in it")
    if len(text) >= _MAX_NOTES:
        raise NotReady(
            f"CHANGELOG.md has {len(text):,} characters of {version}; a release takes {_MAX_NOTES:,}"
        )
    return text + "\n"


def check_tag(tag: str, project: str) -> str:
    """
    The version of a tag.

    Raises:
        NotReady: `pyproject.toml` has another one.
    """
    version = str(tomllib.loads(project)["project"]["version"])
    if tag != f"v{version}":
        raise NotReady(f"the tag is {tag}, and pyproject.toml has the version {version}: v{version} is due")
    return version


def check_ready(project: str, pages: Mapping[str, str]) -> None:
    """
    Whether the package can be shown to the world.

    Args:
        project: The text of `pyproject.toml`.
        pages: Texts that tell how to install it, by name.
    Raises:
        NotReady: It has no address, so that the links of its README lead nowhere, or a page says that it is
            not on PyPI.
    """
    if "Source" not in tomllib.loads(project)["project"].get("urls", {}):
        raise NotReady('pyproject.toml has no address: write Source = "https://…" under [project.urls]')
    for name, text in pages.items():
        if "not on PyPI yet" in text:
            raise NotReady(f"{name} says that rowbatch is not on PyPI yet: take that out")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tag", required=True)
    parser.add_argument("--notes", type=Path, required=True, help="where they go")
    given = parser.parse_args(arguments)
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    try:
        version = check_tag(given.tag, project)
        check_ready(
            project, {name: (ROOT / name).read_text(encoding="utf-8") for name in _TELL_HOW_TO_INSTALL}
        )
        notes = notes_of(version, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    except NotReady as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    given.notes.write_text(notes, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
