"""`rowbatch sample`: rows that are drawn into a file, or into a coding set that is made or grows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rowbatch.api.coding import form_of, listed, run_of, sample
from rowbatch.api.runs import Run, given_codebook
from rowbatch.api.sets import OpenCodingSet, WrittenSheet, coding_set, files_of_coders
from rowbatch.core.codebook import codebook_document
from rowbatch.core.coding_set import Wave
from rowbatch.core.document import Shown
from rowbatch.core.drawing import Allocation
from rowbatch.errors import InputError, OutputExists, UsageError
from rowbatch.store.coding_sets import find_set
from rowbatch.store.sources import digest_source, require_source
from rowbatch.tools.coding_set import DrawnWave
from rowbatch.tools.sample import SampleForm, SampleReport, require_ending
from rowbatch.words.notice import Notice

_NEED_A_SET = (
    "stratify",
    "run",
    "allocation",
    "at_least",
    "group",
    "one_per_group",
    "least_sure",
    "test",
    "coders",
    "overlap",
)


def sample_into_file(
    table: str | Path | Run, *, count: int | None, output: str | Path | None, **options: Any
) -> SampleReport:
    """
    Draw rows into a file.

    Args:
        table: A table or a run.
        count: How many rows.
        output: The file that people code.
        options: Of `sample`, and of sets, which are refused.
    Raises:
        UsageError: Something does not fit, or needs a set.
    """
    given = _said(options)
    needless = [f"--{key.replace('_', '-')}" for key in _NEED_A_SET if key in given]
    if needless:
        raise UsageError("sample-needs-set", options=needless)
    if output is None:
        raise UsageError("sample-needs-output")
    if count is None:
        raise UsageError("sample-needs-rows")
    given["keep"] = given.pop("context", ())
    return sample(table, output, count=count, **given)


def _said(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that a person said something with; a share of 0 is one."""
    return {
        key: value
        for key, value in options.items()
        if value or (value == 0 and value is not False and key in ("test", "overlap", "seed"))
    }


@dataclass(frozen=True, slots=True, repr=False)
class SetDraw(Shown):
    """
    Rows that were drawn into a set.

    Attributes:
        name, path: Of the set.
        is_new: It was made now.
        rows: That it has now.
        variables: That people are asked.
        wave: How rows were drawn now.
        drawn: How many rows.
        strata: Of these, by stratum, also where it is none; nothing where there are no strata.
        groups: How many groups these are of; 0 where there are none.
        of_rows, without_text, without_group, repeats, adopted, short, unseen, notes: As in `DrawnWave`.
        sheets: That were written.
    """

    name: str
    path: Path
    is_new: bool
    rows: int
    variables: tuple[str, ...]
    wave: Wave
    drawn: int
    strata: Mapping[str, int]
    groups: int
    of_rows: int
    without_text: int
    without_group: int
    repeats: int
    adopted: int
    short: tuple[str, ...]
    unseen: tuple[str, ...]
    notes: tuple[Notice, ...] = ()
    sheets: tuple[WrittenSheet, ...] = ()


def sample_into_set(
    table: str | Path | Run,
    name: str,
    *,
    count: int | None = None,
    output: str | Path | None = None,
    to: SampleForm | None = None,
    least_sure: bool = False,
    overwrite: bool = False,
    **options: Any,
) -> SetDraw:
    """
    Draw rows into a set, which is made where there is none of that name, and write sheets of it.

    Args:
        table: A table or a run, as in `coding_set`.
        name: Of the set, or its folder.
        count: How many rows, or groups; None where a number is given for each stratum.
        output: The file that people code; of several coders each has one, with their name before its ending.
        to: For whom; see `sample`.
        least_sure: Rows that the run was least sure of, instead of a draw by chance.
        overwrite: Whether files may be replaced.
        options: Of `coding_set`; `allocation` may be a text as in `good=30,bad=60`. Of a set that is there
            already they have to be the same, but for how rows of strata are allocated.
    Raises:
        UsageError: Something does not fit; nothing was drawn.
    """
    given = _said(options)
    if "after" in given:
        raise UsageError("sample-after-in-set")
    if said := given.pop("allocation", None):
        given["allocation"] = _allocation(said) if isinstance(said, str) else said
    if not count and not isinstance(given.get("allocation"), Mapping):
        raise UsageError("sample-needs-rows")
    count = count or 0
    if given.pop("one_per_group", False):
        given["whole_groups"] = False
    coding = _set_of_name(name)
    if output is not None:
        # Before anything is drawn: who types the command again would draw further rows.
        coders = listed(given.get("coders", ())) if coding is None else coding.plan.coders
        require_ending(Path(output), to or form_of(Path(output)))
        for file in files_of_coders(Path(output), coders):
            if file.exists() and not overwrite:
                raise OutputExists(str(file))
    drawn: DrawnWave | None
    if coding is not None:
        made, drawn = coding, _further(coding, table, count, given, least_sure=least_sure)
    elif least_sure:
        # Nothing can be said of the table from these: a set begins with rows that chance drew.
        raise UsageError("coding-set-begins-by-chance")
    else:
        place = Path(name) if len(Path(name).parts) > 1 else None
        made = coding_set(table, count=count, name=Path(name).name, at=place, **given)
        drawn = made.first_drawn
    assert drawn is not None
    sheets = [] if output is None else made.write_sheets(Path(output), to, overwrite=overwrite)
    strata = Counter(one.stratum for one in drawn.rows if one.stratum)
    return SetDraw(
        name=made.name,
        path=made.path,
        is_new=coding is None,
        rows=len(made.rows()),
        variables=made.plan.variables,
        wave=drawn.wave,
        drawn=len(drawn.rows),
        strata={name: strata[name] for name in drawn.wave.population if name},
        groups=len({one.group for one in drawn.rows if one.group}),
        of_rows=drawn.of_rows,
        without_text=drawn.without_text,
        without_group=drawn.without_group,
        repeats=drawn.repeats,
        adopted=drawn.adopted,
        short=drawn.short,
        unseen=drawn.unseen,
        notes=drawn.notes,
        sheets=tuple(sheets),
    )


def _further(
    coding: OpenCodingSet, table: str | Path | Run, count: int, given: Mapping[str, Any], *, least_sure: bool
) -> DrawnWave:
    """Draw further rows of a set that is there."""
    _require_same(coding, table, given)
    run = given.get("run") or (table if run_of(table) is not None else None)
    if least_sure:
        if run is None:
            raise UsageError("sample-least-sure-of-run")
        return coding.draw_least_sure(run, count)
    again = {key: given[key] for key in ("stratify", "allocation", "at_least") if key in given}
    is_variable = given.get("stratify", "") in coding.plan.codebook.columns
    return coding.draw(count, run=run if is_variable else given.get("run"), **again)


def _require_same(coding: OpenCodingSet, table: str | Path | Run, given: Mapping[str, Any]) -> None:
    """
    Make sure that a set is of this table, and that what was frozen is not said otherwise.

    Raises:
        UsageError: It is of another table, or something was.
    """
    plan = coding.plan
    run = run_of(table)
    if run is None:
        require_source(Path(str(table)))
        digest = digest_source(Path(str(table)), plan.source.reading.program)
    else:
        digest = run.plan.source.sha256
    if digest != plan.source.sha256:
        raise UsageError("coding-set-of-other-table", name=plan.name, table=str(plan.source.path))
    frozen = {
        "text": plan.text,
        "seed": plan.seed,
        "test": plan.test,
        "overlap": plan.overlap,
        "coders": list(plan.coders),
        "context": list(plan.context),
        "variables": list(plan.variables),
    }
    last = [one for one in coding.waves() if one.chosen_by == "chance"][-1]
    frozen["group"] = last.grouped_by
    differing = [
        key
        for key, value in frozen.items()
        if key in given and (list(given[key]) if isinstance(value, list) else given[key]) != value
    ]
    if any(key in given for key in ("labels", "codebook", "prompt")):
        said = {key: given.get(key) for key in ("labels", "codebook", "prompt")}
        name = plan.variables[0] if said["codebook"] is None else "label"
        book = given_codebook(**said, variable=name)
        if codebook_document(book) != dict(plan.answer):
            differing.append("codebook")
    if differing:
        raise UsageError("coding-set-is-frozen", name=plan.name, what=differing)


def _set_of_name(name: str) -> OpenCodingSet | None:
    try:
        return OpenCodingSet(find_set(name))
    except InputError as error:
        if error.kind != "no-coding-set":
            raise
        return None


def _allocation(said: str) -> Allocation | dict[str, int]:
    """How many rows of each stratum, as the command line has it."""
    match said:
        case "proportional" | "equal":
            return said
    found: dict[str, int] = {}
    for part in said.split(","):
        name, equals, number = part.rpartition("=")
        if not equals or not number.strip().isdecimal():
            raise UsageError("sample-allocation", given=said)
        found[name.strip()] = int(number)
    return found
