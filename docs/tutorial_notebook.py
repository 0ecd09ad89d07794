"""
Run the tutorial notebook from its first cell to its last, and keep what its cells show.

    make tutorial
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

DOCS = Path(__file__).parent
NOTEBOOK = DOCS / "tutorial.ipynb"
_CELL_LIMIT_S = 1_800


def run_notebook(folder: Path) -> Any:
    """
    The notebook with what its cells show.

    Args:
        folder: An empty one, where it runs beside a copy of the examples.
    Raises:
        nbclient.exceptions.CellExecutionError: A cell failed.
    """
    shutil.copytree(DOCS.parent / "examples", folder / "examples")
    (folder / "docs").mkdir()
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(
        notebook,
        timeout=_CELL_LIMIT_S,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(folder / "docs")}},
    ).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [
                one for one in cell.outputs if one.output_type != "stream" or one.name != "stderr"
            ]
    # Of whoever ran it last, as is the place.
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    told = nbformat.writes(notebook)
    return nbformat.reads(told.replace(str(folder.resolve()), "/home/you"), as_version=4)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        # With what was labelled before, rows would have their answers already.
        os.environ["ROWBATCH_HOME"] = str(Path(folder) / "home")
        notebook = run_notebook(Path(folder))
    NOTEBOOK.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    sys.stdout.write(f"written: {NOTEBOOK.relative_to(DOCS.parent)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
