"""
Build the site of the docs, of the same pages that `docs/check.py` checks, and look at what came out.

    python docs/build_site.py ZENSICAL    # the program; `make site` installs it

The site asks no other host for anything: no font, no script, no picture. It lies in `build/site/site`; its
search wants a server, as `python3 -m http.server -d build/site/site` is one.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from os.path import relpath
from pathlib import Path
from urllib.parse import unquote, urlsplit

from links import with_links

DOCS = Path(__file__).parent
ROOT = DOCS.parent
PLACE = ROOT / "build" / "site"

# What stands elsewhere in the project, and where the site has it.
_ELSEWHERE = {
    "README.md": "index.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "examples": "examples/README.md",
}
_COPIED = (
    "docs/**/*.md",
    "docs/**/*.png",
    "docs/**/*.json",
    "examples/**/*.*",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
)

# What a browser asks for as soon as it opens a page.
_FETCHED = {("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("img", "srcset")}
_OUTSIDE_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')\s]+)""")


def place_pages() -> None:
    """Put pages, pictures and files where zensical looks for them, with links that hold there."""
    shutil.rmtree(PLACE, ignore_errors=True)
    for pattern in _COPIED:
        for source in sorted(ROOT.glob(pattern)):
            target = PLACE / "docs" / site_path(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.suffix == ".md":
                target.write_text(_as_on_site(source), encoding="utf-8")
            else:
                shutil.copyfile(source, target)
    shutil.copyfile(DOCS / "zensical.toml", PLACE / "zensical.toml")


def site_path(source: Path) -> str:
    """Where the site has a file of the project; "" where it has it not."""
    name = source.relative_to(ROOT).as_posix()
    if name in _ELSEWHERE:
        return _ELSEWHERE[name]
    if name.startswith("examples/"):
        return name
    is_page = name.startswith("docs/") and source.suffix in (".md", ".png", ".json")
    return name.removeprefix("docs/") if is_page else ""


def _as_on_site(page: Path) -> str:
    here = Path(site_path(page)).parent

    def moved(whole: str, words: str, link: str) -> str:
        if re.match(r"[a-z][a-z0-9+.-]*:", link) or link.startswith("#"):
            return whole
        name, mark, fragment = link.partition("#")
        path = site_path((page.parent / unquote(name)).resolve())
        if not path:
            # The code, which the site has not.
            return words
        return whole.replace(f"({link}", f"({relpath(path, here)}{mark}{fragment}")

    return with_links(page.read_text(encoding="utf-8"), moved)


class _Page(HTMLParser):
    """Of a built page: its anchors, its links, and what it makes a browser fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = {name: value or "" for name, value in attrs}
        self.anchors |= {of[name] for name in ("id", "name") if name in of}
        if tag == "a" and "href" in of:
            self.links.append(of["href"])
        if tag == "link" and of.get("rel") not in ("canonical", "next", "prev"):
            self.fetched.append(of.get("href", ""))
        self.fetched += [value for name, value in of.items() if (tag, name) in _FETCHED]


def faults(site: Path) -> Iterator[str]:
    """Links of a built site that lead nowhere, and what it would fetch from elsewhere."""
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        name = path.relative_to(site)
        for address in page.fetched:
            if urlsplit(address).netloc:
                yield f"{name}: fetches {address}"
        if name.name == "404.html":
            # It stands for any address, and so has links from the root.
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                yield f"{name}: the link to {link} leads nowhere"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{name}: {link}: there is no such heading"
    for path in sorted(site.rglob("*.css")):
        for address in _OUTSIDE_STYLE.findall(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(site)}: fetches {address}"


def main() -> int:
    zensical = Path(sys.argv[1]).absolute()
    place_pages()
    subprocess.run([zensical, "build", "--clean", "--strict"], cwd=PLACE, check=True)
    site = PLACE / "site"
    problems = list(faults(site))
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    count = sum(1 for _ in site.rglob("*.html"))
    sys.stdout.write(f"site: {count} pages in {site.relative_to(ROOT)}, {len(problems)} faults\n")
    return 1 if problems or count < len(list(DOCS.rglob("*.md"))) else 0


if __name__ == "__main__":
    sys.exit(main())
