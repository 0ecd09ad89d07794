"""
`llms.txt`: what the documentation holds, in the form that assistants look for (https://llmstxt.org), made of
the table of contents.
"""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parent
PAGE = DOCS.parent / "llms.txt"

_ROW = re.compile(r"\| (?P<goal>[^|]+) \| (?P<links>[^|]+) \|")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
_SHELVES = {
    "Start": "",
    "How to": "how-to/",
    "Reference": "reference/",
    "Explanation": "explanation/",
    "Optional": "../",
}


def page() -> str:
    """The whole file: a shelf of the documentation is a section, and a page a link with what it is for."""
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    title, about = index.split("\n\n")[:2]
    shelves: dict[str, list[str]] = {name: [] for name in _SHELVES}
    for row in index.splitlines():
        found = _ROW.fullmatch(row)
        for name, target in _LINK.findall(found["links"]) if found else ():
            address = target.removeprefix("../") if target.startswith("../") else f"docs/{target}"
            shelves[_shelf(target)].append(f"- [{name}]({address}): to {found['goal'] if found else ''}")
    parts = [title, "> " + " ".join(about.split())]
    parts += [f"## {name}\n\n" + "\n".join(links) for name, links in shelves.items() if links]
    return "\n\n".join(parts) + "\n"


def _shelf(target: str) -> str:
    return next((name for name, folder in _SHELVES.items() if folder and target.startswith(folder)), "Start")
