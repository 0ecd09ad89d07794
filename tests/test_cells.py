"""What the page of cells promises: each kind of cell is what a person sees in its program."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
import cells

KINDS = [
    pytest.param(form, kind, id=f"{form.title}-{number}-{kind.name}")
    for form in cells.FORMATS
    for number, kind in enumerate(form.kinds)
]


@pytest.mark.parametrize(("form", "kind"), KINDS)
def test_a_cell_is_what_its_program_shows(form: cells.Format, kind: cells.Kind, tmp_path: Path) -> None:
    """
    Alone and beside a text, and again when it is written in its own format, where that is written.
    """
    assert set(cells.cells_in(form, kind, tmp_path)) == {kind.shown}
    if form.suffix in cells.OUTPUTS:
        assert cells.cell_out(form, kind, form.suffix, tmp_path) == kind.shown


@pytest.mark.parametrize(("form", "kind"), KINDS)
def test_a_cell_is_the_same_text_in_a_csv_file(form: cells.Format, kind: cells.Kind, tmp_path: Path) -> None:
    """
    A CSV file has the text that the model was asked with.
    """
    assert cells.cell_out(form, kind, ".csv", tmp_path) == kind.shown
