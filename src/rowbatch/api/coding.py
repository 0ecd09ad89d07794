"""What people are given to code: samples of a table, or of the table of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from rowbatch.api.runs import Run, given_codebook, open_run
from rowbatch.core.table_options import ReadingKeywords, ReadOptions, reading_of
from rowbatch.errors import RunError, UsageError
from rowbatch.programs.opening import open_table
from rowbatch.requests.pipeline import open_source
from rowbatch.tables.base import Table
from rowbatch.tools.sample import ENDINGS, Draw, SampleForm, SampleReport, write_sample

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook


def sample(
    table: str | Path | Run,
    output: str | Path,
    *,
    count: int,
    text: str | None = None,
    labels: str | Iterable[object] | None = None,
    prompt: str | None = None,
    codebook: str | Path | Mapping[str, Any] | Codebook | None = None,
    variables: str | Sequence[str] = (),
    to: SampleForm | None = None,
    seed: int = 1,
    after: int = 0,
    keep: str | Sequence[str] = (),
    overwrite: bool = False,
    **reading: Unpack[ReadingKeywords],
) -> SampleReport:
    """
    Draw rows at random, and write them for people to code; what a model answered is not among them.

    The same seed draws the same rows of a table, and a larger sample begins with the smaller one.
    `Run.compare_with_people(people=…)` takes what people made of the file.

    Args:
        table: A table; or a run, its folder, or its name: its table, text and codebook.
        output: Where to: a workbook or CSV for a person, `.json` for Label Studio, `.jsonl` for doccano.
        count: How many rows; those without a text are never drawn.
        text: Column with the text; a run has its own.
        labels, prompt, codebook: What is asked, as in `create`; a run has its own.
        variables: Only these of the codebook; with `labels` the name of what they are, `label` by default.
        to: `sheet`, `label-studio` or `doccano`; None means as the file's ending says.
        seed: Any number; another one draws other rows.
        after: Leave out so many that are drawn first, since they were written before.
        keep: Columns that coders see beside the text, as an id.
        overwrite: Whether a file may be replaced.
        reading: How the table is read, see `ReadOptions`.
    Raises:
        UsageError: Something does not fit, or there are fewer rows.
        CannotHold: A text, a label or a variable has no place in the form.
        OutputExists: The file is there.
        TableError, CodebookError, RunError: One of these is broken.
    """
    path = Path(output)
    asked = asked_of_table(
        table,
        text=text,
        labels=labels,
        prompt=prompt,
        codebook=codebook,
        variables=variables,
        reading=reading,
    )
    return write_sample(
        asked.table,
        asked.text,
        asked.codebook,
        path,
        form=to or form_of(path),
        draw=Draw(count, seed, after),
        variables=asked.variables,
        context=[*dict.fromkeys(listed(keep))],
        overwrite=overwrite,
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """
    What people are asked, of which table.

    Attributes:
        table: It.
        text: Column with the text.
        codebook: What is asked.
        variables: Names of those of it that people are asked; none means all.
        run: Whose table it is; or None.
    """

    table: Table
    text: str
    codebook: Codebook
    variables: Sequence[str]
    run: Run | None


def asked_of_table(
    table: str | Path | Run,
    *,
    text: str | None,
    labels: str | Iterable[object] | None,
    prompt: str | None,
    codebook: str | Path | Mapping[str, Any] | Codebook | None,
    variables: str | Sequence[str],
    reading: ReadingKeywords,
) -> Asked:
    """
    Open a table, or that of a run, with what people are asked of it; see `sample`.

    Raises:
        UsageError: Something does not fit.
        TableError, CodebookError, RunError: One of these is broken.
    """
    names = listed(variables)
    run = run_of(table)
    if run is None:
        opened = open_table(Path(str(table)), reading_of(reading))
        name = "label" if codebook is not None or not names else names.pop()
        book = given_codebook(labels=labels, prompt=prompt, codebook=codebook, variable=name)
        if text is None or not book.variables:
            raise UsageError("sample-needs-text" if text is None else "sample-needs-codebook")
        return Asked(opened, text, book, names, None)
    has_own = labels is None and codebook is None and prompt is None
    if not has_own or reading_of(reading) != ReadOptions():
        raise UsageError("sample-run-has-its-own")
    plan = run.plan
    opened = open_source(plan.source, run.path)
    column = text or plan.question.text or next(iter(plan.question.columns), "")
    return Asked(opened, column, plan.question.codebook, names, run)


def listed(said: str | Sequence[str]) -> list[str]:
    """One name, or several."""
    return [said] if isinstance(said, str) else list(said)


def run_of(table: str | Path | Run) -> Run | None:
    """The run that is meant; None where it is a table."""
    if isinstance(table, Run):
        return table
    path = Path(table)
    if path.exists():
        return open_run(path) if (path / "run.toml").is_file() else None
    try:
        return open_run(table)
    except RunError:
        # That there is no such table is said by who opens it.
        return None


def form_of(path: Path) -> SampleForm:
    """For whom a file of this name is."""
    for form, endings in ENDINGS.items():
        if path.suffix.lower() in endings:
            return form
    raise UsageError(
        "sample-ending",
        path=str(path),
        form="sample",
        endings=[one for every in ENDINGS.values() for one in every],
    )
