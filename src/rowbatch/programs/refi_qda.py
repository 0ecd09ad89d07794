"""
Projects of NVivo, MAXQDA, ATLAS.ti, Dedoose, QualCoder and others, in the exchange format REFI-QDA.

Form: a zip file with `project.qde` (XML) and texts in `sources/` (NVivo writes `Sources/`), or in the XML.
Source: REFI-QDA Standard 1.5 of 2019-09-25, qdasoftware.org; how files of other programs differ: `refi.py` of
QualCoder 4.0 beta (2026-08-22), and two exports of ATLAS.ti 23.2.3. Of other programs none was at hand.

Rows: a passage that somebody coded, with its place; a text that nobody coded, or only as a whole, is one row.
Each question that the codes are (as the codebook of the same file has it) is a column for each coder,
`topic_Anna`, with the labels; variables of texts and of their cases are columns, too.

Places count code points. A byte order mark is none; whether CR and LF are one or two is read in both ways, so
the passages' own names decide where they say it, and else the program: ATLAS.ti counts one.
"""

from __future__ import annotations

from pathlib import Path

from rowbatch.core.refi_files import is_refi
from rowbatch.core.table_options import ReadOptions
from rowbatch.programs.base import Program
from rowbatch.tables.base import Table


def _open(path: Path, options: ReadOptions) -> Table:
    # Its codes are read as a codebook, and every table is asked whether it is one.
    from rowbatch.programs.refi_qda_project import open_project

    return open_project(path, options)


PROGRAM = Program(name="refi_qda", title="REFI-QDA", is_file=is_refi, open=_open)
