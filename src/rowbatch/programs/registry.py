"""The programs whose exports are known, in the order in which a file is looked at."""

from __future__ import annotations

from rowbatch.programs.base import Program

PROGRAMS: tuple[Program, ...] = ()
