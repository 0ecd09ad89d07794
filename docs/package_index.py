"""
The README as a package index shows it: links and pictures lead to the project's own address, since the index
has neither its pages nor its pictures.

    python3 docs/package_index.py FOLDER    # writes the README of a copy of the project anew

The address is `Source` under `[project.urls]` in `pyproject.toml`, and the tag that of the version. Without
one, as before the project has an address, links become their words and pictures are left out: nothing leads
nowhere. It needs nothing but Python, since a package is built before anything is installed.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from links import with_links

_PICTURES = (".png", ".svg", ".gif", ".jpg")
_PICTURE_LINE = re.compile(r"^!\[[^\n]*\]\([^)\n]*\)\n+", re.MULTILINE)


def base_of(project: str) -> str:
    """The address of the project at the tag of its version; "" where `pyproject.toml` has none."""
    found = tomllib.loads(project)["project"]
    address = str(found.get("urls", {}).get("Source", "")).rstrip("/")
    return f"{address}/{{}}/v{found['version']}" if address else ""


def readme_for_index(text: str, base: str) -> str:
    """
    The README with links that hold anywhere.

    Args:
        text: As it lies in the project.
        base: As `base_of` gives it.
    """

    def moved(whole: str, words: str, link: str) -> str:
        if re.match(r"[a-z][a-z0-9+.-]*:", link) or link.startswith("#"):
            return whole
        if not base:
            return words
        kind = "raw" if link.endswith(_PICTURES) else "blob"
        return whole.replace(f"({link}", f"({base.format(kind)}/{link}")

    return with_links(text if base else _PICTURE_LINE.sub("", text), moved)


def main() -> int:
    folder = Path(sys.argv[1])
    readme = folder / "README.md"
    base = base_of((folder / "pyproject.toml").read_text(encoding="utf-8"))
    readme.write_text(
        readme_for_index(readme.read_text(encoding="utf-8"), base), encoding="utf-8", newline="\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
