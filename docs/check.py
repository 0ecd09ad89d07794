"""
Check the docs: generated pages are up to date, links lead somewhere, the web app's sentences are translated;
and what rowbatch pulls in: licences, sources, known holes, wheels for each Python and system.

    python docs/check.py
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from urllib.parse import unquote

import dependencies
import wheels
from generate import pages
from links import CODE
from messages import faults

ROOT = Path(__file__).parent.parent

_FENCE = re.compile(r"^(```+|~~~+).*?^\1\s*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)


def main() -> int:
    problems = [*stale_pages(), *broken_links(), *faults(), *dependencies.faults(), *wheels.faults()]
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    if not problems:
        sys.stdout.write("docs: generated pages are up to date, links resolve\n")
    return 1 if problems else 0


def stale_pages() -> Iterator[str]:
    """Generated pages that are not what would be generated now."""
    for path, wanted in pages().items():
        name = str(path.relative_to(ROOT))
        found = path.read_text(encoding="utf-8") if path.exists() else ""
        if found != wanted:
            difference = unified_diff(
                found.splitlines(), wanted.splitlines(), name, f"{name} (generated)", lineterm="", n=1
            )
            shown = "\n".join(list(difference)[:40])
            yield f"{name} is out of date; run `make docs`\n{shown}"


def broken_links() -> Iterator[str]:
    """Relative links of the docs, README and the like that lead nowhere."""
    for page in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")]):
        text = page.read_text(encoding="utf-8")
        for match in _LINK.finditer(CODE.sub("", _FENCE.sub("", text))):
            if problem := _problem(page, match.group(1)):
                yield f"{page.relative_to(ROOT)}: {problem}"


def _problem(page: Path, link: str) -> str:
    if re.match(r"[a-z][a-z0-9+.-]*:", link):
        return ""
    name, _, fragment = unquote(link).partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.exists():
        return f"the link to {link} leads nowhere"
    if not target.is_relative_to(ROOT.resolve()):
        return f"the link to {link} leads out of the project"
    if fragment and target.suffix == ".md" and fragment not in _anchors(target):
        return f"{link}: there is no such heading"
    return ""


def _anchors(page: Path) -> set[str]:
    # As GitHub makes them; repeated headings, which get a number, are not linked to here.
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(text)}


if __name__ == "__main__":
    sys.exit(main())
