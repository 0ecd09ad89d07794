"""What people said of the rows of a coding set in a file of theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rowbatch.core.coding import NOTE
from rowbatch.core.coding_set import Code, CodingSet, DrawnRow
from rowbatch.errors import UsageError
from rowbatch.results.people_files import CodedFile, Coding

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class SaidInFile:
    """
    What one coder says in a file.

    Attributes:
        values: By key of the row, then by variable.
        notes: By key of the row.
    """

    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)


def codes_in_file(
    path: Path,
    plan: CodingSet,
    rows: Sequence[DrawnRow],
    *,
    coder: str = "",
    not_coded: Sequence[str] = (),
) -> dict[str, SaidInFile]:
    """
    Read a file that people coded; nothing is changed.

    Args:
        path: It.
        plan, rows: Of the set.
        coder: Who coded it; "" where the file says so, or the set has one coder alone.
        not_coded: Values that mean that nobody coded the row.
    Returns:
        By coder. Of a row with the text of another one the code is that one's.
    Raises:
        UsageError: It has no keys, none of the variables, nothing in it, codes that the codebook does not
            know, rows that are not in the set, or nobody can tell who coded it.
        TableError, InputError: It can't be read.
    """
    file, codebook = CodedFile(path), plan.codebook
    codings = {one.name: file.codings(codebook, one, not_coded) for one in plan.asked}
    if not any(codings.values()):
        raise UsageError("people-file-without-variable", path=str(path), variable=plan.variables[0])
    if not any(one.values for of_variable in codings.values() for one in of_variable):
        raise UsageError("people-file-not-coded", path=str(path), variable=plan.variables[0])
    known = {one.row: one for one in rows}
    _require_in_set(path, [one for found in codings.values() for one in found], known)
    names = {one.coder for found in codings.values() for one in found if one.values}
    called = {name: _coder(path, plan, name, coder, len(names)) for name in sorted(names)}
    keys = {one.row: one.same_as or one.key for one in rows}
    said: dict[str, dict[str, dict[str, str]]] = {name: {} for name in called.values()}
    for variable, found in codings.items():
        for one in found:
            for row, value in one.values.items():
                said[called[one.coder]].setdefault(keys[row], {})[variable] = value
    # The column of a sheet is one coder's.
    notes = file.notes(f"coder_{NOTE}" if NOTE in plan.variables else NOTE)
    of_rows = {keys[row]: note for row, note in notes.items() if row in keys}
    return {
        name: SaidInFile(
            values, {key: of_rows[key] for key in values if key in of_rows} if len(said) == 1 else {}
        )
        for name, values in said.items()
    }


def further_codes(said: SaidInFile, holds: Mapping[str, Code], *, at: str, via: str) -> list[Code]:
    """
    What a file says beyond what holds already.

    Args:
        said: In the file.
        holds: What the coder said last, by key.
        at: When it is taken, ISO 8601, UTC.
        via: Name of the file.
    Returns:
        A code for each row of which something is new; it keeps what the file does not say.
    """
    found = []
    for key, values in said.values.items():
        before = holds.get(key)
        together = {**(before.values if before else {}), **values}
        note = said.notes.get(key, before.note if before else "")
        if before is None or (together, note) != (dict(before.values), before.note):
            found.append(
                Code(key, together, note, at, saw_model=before.saw_model if before else False, via=via)
            )
    return found


def _coder(path: Path, plan: CodingSet, said: str, given: str, coders: int) -> str:
    """Who is meant by what stands behind the names of columns."""
    if given and coders > 1:
        raise UsageError("coding-file-several-coders", path=str(path), coder=given)
    if given or said:
        return given or said
    if len(plan.coders) == 1:
        return plan.coders[0]
    raise UsageError("coding-file-of-whom", path=str(path))


def _require_in_set(path: Path, codings: Sequence[Coding], known: Mapping[int, DrawnRow]) -> None:
    """
    Make sure that all rows that were coded are rows of the set, with the same texts.

    Raises:
        UsageError: Some are not.
    """
    strange: dict[int, None] = {}
    for one in codings:
        for row in one.values:
            key = one.keys[row]
            if row not in known or (key.text_hash and key.text_hash != known[row].key.rpartition("-")[2]):
                strange[row] = None
    if strange:
        raise UsageError(
            "coding-file-other-rows", path=str(path), count=len(strange), rows=sorted(strange)[:_SHOWN]
        )
