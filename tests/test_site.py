"""The site of the docs: links that hold there, and a look at what was built that finds what it is to find."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def build_site(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    for name in ("links", "build_site"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import build_site

    return build_site


@pytest.fixture
def placed(build_site, monkeypatch, tmp_path):
    monkeypatch.setattr(build_site, "PLACE", tmp_path)
    build_site.place_pages()
    return tmp_path / "docs"


def test_pages_are_placed_with_links_that_hold_there(placed):
    """
    Pages of the project's own folder lie beside those of docs/, and codebooks can be downloaded.
    """
    index = (placed / "index.md").read_text(encoding="utf-8")
    assert "[CONTRIBUTING](CONTRIBUTING.md)" in index
    assert "[examples](examples/README.md)" in index
    gallery = (placed / "gallery.md").read_text(encoding="utf-8")
    assert "(examples/gallery/stance.yaml)" in gallery
    assert (placed / "examples" / "gallery" / "stance.yaml").exists()
    contributing = (placed / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert "[the threat model](explanation/threat-model.md)" in contributing
    assert (placed / "pictures" / "form.png").exists()


def test_a_link_to_the_code_becomes_its_words(placed):
    """
    The site has no code, and what stands in a block of code is no link.
    """
    commands = (placed / "reference" / "commands.md").read_text(encoding="utf-8")
    assert "the list of errors gives" in " ".join(commands.split())
    for page in placed.rglob("*.md"):
        assert "](../src/" not in page.read_text(encoding="utf-8"), page


def test_code_is_no_link(build_site):
    """
    Neither a block nor a word between backticks.
    """
    text = '[a](x.md)\n```\n[b](y.md)\n```\n`[c](z.md)` ![d](e.png "f")\n'
    moved = build_site.with_links(text, lambda whole, words, link: f"{words}>{link}")
    assert moved == "a>x.md\n```\n[b](y.md)\n```\n`[c](z.md)` !d>e.png\n"


GOOD = '<html><head><link rel="stylesheet" href="a.css"><link rel="canonical" href="https://e.org/"></head>{}'


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"index.html": '<p id="here"><a href="#here">x</a><a href="https://e.org/">y</a>'}, ""),
        ({"index.html": '<a href="b.html">x</a>'}, "index.html: the link to b.html leads nowhere"),
        ({"index.html": '<a href="#b">x</a>'}, "index.html: #b: there is no such heading"),
        (
            {"index.html": '<script src="https://e.org/x.js"></script>'},
            "index.html: fetches https://e.org/x.js",
        ),
        ({"index.html": '<img src="//e.org/x.png">'}, "index.html: fetches //e.org/x.png"),
        ({"index.html": '<link rel="preconnect" href="https://e.org">'}, "index.html: fetches https://e.org"),
        ({"s/a.css": 'b{c:url("https://e.org/f.woff2")}'}, "s/a.css: fetches https://e.org/f.woff2"),
        ({"s/a.css": '@import "//e.org/f.css";'}, "s/a.css: fetches //e.org/f.css"),
    ],
)
def test_what_is_wrong_with_a_site_is_found(build_site, tmp_path, files, fault):
    """
    Links and anchors that lead nowhere, and whatever a browser would fetch from another host.
    """
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(GOOD.format(text) if path.suffix == ".html" else text, encoding="utf-8")
    assert list(build_site.faults(tmp_path)) == ([fault] if fault else [])
