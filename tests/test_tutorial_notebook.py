"""The tutorial notebook: it runs from its first cell to its last, and what it keeps is clean."""

import sys
from pathlib import Path

import nbformat
import pytest

from end_to_end import scripted_server

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture
def tutorial(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    monkeypatch.delitem(sys.modules, "tutorial_notebook", raising=False)
    import tutorial_notebook

    return tutorial_notebook


def test_the_tutorial_notebook_runs(tutorial, tmp_path, monkeypatch):
    """
    In a real kernel, without a key: every cell works, values show themselves as text and HTML, and a bar is
    brought up to date in its place.
    """
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "place").mkdir()
    with scripted_server(tmp_path / "home"):
        ran = tutorial.run_notebook(tmp_path / "place")
    shown = [cell.outputs for cell in ran.cells if cell.cell_type == "code"]
    preview, waited, _, agreement, words, measures, status = shown[1:]
    written = [one.data["text/plain"] for one in preview if one.output_type == "display_data"]
    assert written == ["writing requests: 30 rows"]
    assert preview[-1].data["text/plain"].startswith("Preview\n  rows            30\n")
    assert "<table>" in preview[-1].data["text/html"]
    bars = [one.data["text/plain"] for one in waited if one.output_type == "display_data"]
    assert bars == ["0 of 29 rows answered", "29 of 29 rows answered"]
    assert waited[-1].data["text/plain"].startswith("CollectReport")
    assert agreement[0].data["text/plain"].startswith("Agreement")
    assert "of 29 posts, kappa" in words[0].data["text/plain"]
    assert "krippendorff alpha" in measures[0].data["text/plain"]
    assert "collected" in status[0].data["text/plain"]
    assert str(tmp_path) not in nbformat.writes(ran)


def test_what_the_notebook_keeps_is_clean(tutorial):
    """
    Each cell has been run, in order, without an error or a word on stderr; no path of a machine, and small.
    """
    notebook = nbformat.read(tutorial.NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert all(cell.outputs for cell in cells[1:])
    kinds = {one.output_type for cell in cells for one in cell.outputs}
    assert kinds == {"display_data", "execute_result"}
    text = tutorial.NOTEBOOK.read_text(encoding="utf-8")
    assert "/tmp" not in text
    assert len(text) < 60_000
