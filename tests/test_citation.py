"""How the program is cited, and what assistants read of its documentation, say what it is."""

import re
import tomllib
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent


def test_the_citation_is_of_this_program():
    """
    `CITATION.cff` has the version and the licence of the package; `make citation` holds it to the schema.
    """
    found = YAML(typ="safe").load(StringIO((ROOT / "CITATION.cff").read_text(encoding="utf-8")))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (found["version"], found["license"]) == (project["version"], project["license"])
    assert found["cff-version"] == "1.2.0"
    assert found["authors"]
    assert project["name"] in found["title"]


def test_all_pages_are_in_llms_txt():
    """
    Each page of the documentation is a link of `llms.txt`, and each link leads to a file.
    """
    text = (ROOT / "llms.txt").read_text(encoding="utf-8")
    assert text.startswith("# rowbatch\n\n> rowbatch labels a table with a language model")
    links = set(re.findall(r"^- \[[^\]]+\]\(([^)]+)\): ", text, re.M))
    assert all((ROOT / link).is_file() for link in links)
    pages = {str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md")} - {"docs/index.md"}
    assert pages - links == set()
