"""What is told of a run afterwards: reports, archives, and what an archive's question brings again."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Unpack, get_args

from rowbatch.api.hooks import Hooks
from rowbatch.api.quality import RunEstimand
from rowbatch.api.quality import corrected as corrected_numbers
from rowbatch.api.runs import Run, create_planned, open_run
from rowbatch.api.settings import with_said_cap
from rowbatch.api.statistics import resampling_of
from rowbatch.api.variants import specification_curve, stability
from rowbatch.core.choices import require_one_of
from rowbatch.core.document import Block, Paragraph, Shown, named, notes_of
from rowbatch.core.plan import Source
from rowbatch.core.policy import Policy
from rowbatch.core.run_quality import Judging
from rowbatch.core.statistics.figures import Resampling
from rowbatch.core.table_options import ReadingBesideRows, reading_of
from rowbatch.errors import InputError, UsageError
from rowbatch.reporting.archive import (
    ArchiveReport,
    ArchiveTold,
    CheckedArchive,
    read_archive,
    write_archive,
)
from rowbatch.reporting.archive import check_archive as _check_archive
from rowbatch.reporting.facts import PeopleFacts, RunFacts, facts_of
from rowbatch.reporting.people import CodedSet, people_facts
from rowbatch.reporting.report import ReportWritten, require_checklist, require_paths, write_report
from rowbatch.reporting.rerun import RerunReport, compare_again, plan_again, rows_again
from rowbatch.reporting.sentinels import Sentinels, add_look, read_sentinels, sentinels_of
from rowbatch.results.coded import CodedRun, content_of, population_of_run, set_of_run
from rowbatch.store.coding_sets import find_set
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.sources import require_source
from rowbatch.words.notice import Notice

_Language = Literal["en", "zh"]
_log = logging.getLogger("rowbatch.report")


@dataclass(frozen=True, slots=True, repr=False)
class Rerun(Shown):
    """
    A run that asks again what an archive asked.

    Attributes:
        run: A new run; nothing is sent yet. `resume` drives it.
        archive: What it is compared with.
        rows: That it asks.
        same: Rows of the table whose texts are in the archive.
        only_table, only_archive: Rows whose texts are in one of them only.
        sentinels: Those of the archive, where they are asked; else None.
        notes: How the table was read.
    """

    run: Run
    archive: Path
    rows: int
    same: int
    only_table: int
    only_archive: int
    sentinels: Sentinels | None = None
    notes: tuple[Notice, ...] = ()

    def as_blocks(self) -> Iterator[Block]:
        yield named(
            {
                "archive": str(self.archive),
                "run": str(self.run.path),
                "rows": f"{self.rows:,}",
                "in both": f"{self.same:,}",
                "in the table only": f"{self.only_table:,}" if self.only_table else "",
                "in the archive only": f"{self.only_archive:,}" if self.only_archive else "",
            }
        )
        yield from notes_of(self.notes)
        yield Paragraph("run.resume() asks them, compare() says what came out otherwise.")

    def compare(self, *, confidence: float = 0.95, draws: int = 2_000, seed: int = 1) -> RerunReport:
        """
        What came out otherwise, as far as answers are here.

        Args:
            confidence: Of the intervals.
            draws: How many samples are drawn for them.
            seed: Of these draws.
        """
        return compare_rerun(
            self.archive,
            self.run,
            sentinels=self.sentinels is not None,
            confidence=confidence,
            draws=draws,
            seed=seed,
        )


def _people_of(run: Run, people: str | Path | None, language: _Language) -> PeopleFacts | None:
    """
    What people said of a run; each look at a test part is noted in its set.

    Raises:
        UsageError: Several sets could be meant; or the one that is named does not fit.
        InputError: There is no such set.
    """
    try:
        folder = find_set(people) if people is not None else set_of_run(run.plan, None)
    except UsageError as error:
        if people is None and error.kind in ("coding-set-none", "coding-set-not-coded"):
            return None
        raise
    content = content_of(folder)
    directory = RunDirectory(run.path)
    asked = [one for one in run.codebook.variables if one.can_compare and one.name in content.plan.variables]
    quality, corrected = [], []
    refused = {}
    for variable in asked:
        try:
            coded = CodedRun(run.plan, folder, run=run.path.name, header=run.header, variable=variable.name)
            # Both take the same rows: reading all answers is what takes its time.
            population = population_of_run(directory, coded)
            quality.append(coded.judged(population, Judging(Resampling())))
            try:
                corrected.append(corrected_numbers(coded, population, RunEstimand(), Resampling()))
            except UsageError as error:
                # The reason stands where the number would.
                refused[variable.name] = error.notice
        except UsageError as error:
            # Of this variable nothing can be said, as where nobody coded it or it is a date.
            if people is not None and len(asked) == 1 and not quality:
                raise
            _log.debug("no numbers of %s: %s", variable.name, error)
    if not quality:
        return None
    looks = sum(one.part == "test" for one in folder.looks())
    coders = sum(bool(codes) for codes in content.codes.values())
    return people_facts(
        CodedSet(content.plan.name, content.waves, coders, looks), quality, corrected, language, refused
    )


def _sentinels_of(run: Run, archive: Path) -> Sentinels:
    """
    The sentinels of an archive of a run.

    Raises:
        UsageError: The archive is of another run.
        InputError: None were drawn; or something was changed.
    """
    archived = read_archive(archive)
    if (archived.plan.created_at, archived.plan.source.sha256) != (
        run.plan.created_at,
        run.plan.source.sha256,
    ):
        raise UsageError("sentinels-of-another-run", archive=str(archive), run=str(run.path))
    found = read_sentinels(archive, archived)
    if found is None:
        raise InputError("sentinels-none", archive=str(archive))
    return found


def _with_ways(facts: RunFacts, run: Run, people: str | Path | None) -> RunFacts:
    """With what came out of every way in which the table was asked; as it is where there was one way."""
    try:
        curve = specification_curve(run, people=people)
        if len(curve.specifications) < 2:
            return facts
        found = stability(run, curve.variable, with_runs=curve.other_runs, people=people, hooks=Hooks())
        return replace(facts, stability=found, curve=curve)
    except UsageError as error:
        # As of free words, or where no row has an answer: there is nothing to compare.
        _log.debug("no ways to ask: %s", error)
        return facts


def report(
    run: str | Path | Run,
    output: str | Path | Sequence[str | Path],
    *,
    people: str | Path | None = None,
    sentinels: str | Path | None = None,
    texts: bool = True,
    language: _Language = "en",
    checklist: str | None = None,
    overwrite: bool = False,
    hooks: Hooks | None = None,
) -> ReportWritten:
    """
    Write all that a reviewer asks of a run: what was asked, what came back, how good it is, what it does not
    show.

    Args:
        run: A run that is built, its folder, or its name.
        output: Where to, once or several times: a page (`.html`), JSON (`.json`), LaTeX (`.tex`, and `.bib`
            beside it).
        people: A coding set of the run's table: its folder, id or name; None means the only one with codes,
            if there is one.
        sentinels: An archive of this run, whose sentinels were looked at: the report says whether the model
            has drifted since.
        texts: Whether the text of a row may be shown, in the example of a request.
        language: Of the page and of LaTeX.
        checklist: `ttamre`, `tamper`, `llm-guidelines` or `tornberg`; None for none.
        overwrite: Whether files may be replaced.
        hooks: Told how it goes.
    Raises:
        UsageError: An ending says no form, or there is no such checklist.
        OutputExists: A file is there.
        RunError: The table was changed, or the ledger is not whole.
    """
    paths = [Path(one) for one in ([output] if isinstance(output, str | Path) else output)]
    chosen = require_checklist(checklist)
    require_one_of("language", language, get_args(_Language))
    require_paths(paths, overwrite=overwrite)
    opened = run if isinstance(run, Run) else open_run(run)
    looks = _sentinels_of(opened, Path(sentinels)) if sentinels is not None else None
    opened.build(hooks)
    facts = facts_of(
        RunDirectory(opened.path),
        people=_people_of(opened, people, language),
        with_texts=texts,
        progress=hooks.rows if hooks else None,
    )
    facts = replace(facts, sentinels=looks)
    facts = _with_ways(facts, opened, people)
    return write_report(facts, paths, language=language, checklist=chosen, overwrite=overwrite)


def archive(
    run: str | Path | Run,
    output: str | Path,
    *,
    people: str | Path | None = None,
    texts: bool = True,
    title: str = "",
    author: str = "",
    license: str = "",
    language: _Language = "en",
    checklist: str | None = None,
    overwrite: bool = False,
    hooks: Hooks | None = None,
) -> ArchiveReport:
    """
    Write one zip file that a journal's repository takes: report, codebook, labels, how they were made.

    It is an RO-Crate 1.2 and a Frictionless Data Package, has no key and no path of this computer, and a
    content hash by which any later change is seen.

    Args:
        run: A run that is built, its folder, or its name.
        output: Where to, `.zip`.
        people: As in `report`.
        texts: Whether the table goes with it. Without, each row has a digest of its text, and nothing that
            may repeat words of it.
        title: Of the study; by default the table's name.
        author: Who is to be cited.
        license: Address or name of a licence.
        language: Of the report in it.
        checklist: Which one the report fills in.
        overwrite: Whether a file may be replaced.
        hooks: Told how it goes.
    Raises:
        UsageError, OutputExists, RunError: As `report`.
    """
    chosen = require_checklist(checklist)
    require_one_of("language", language, get_args(_Language))
    opened = run if isinstance(run, Run) else open_run(run)
    opened.build(hooks)
    directory = RunDirectory(opened.path)
    facts = facts_of(directory, people=_people_of(opened, people, language), with_texts=texts)
    facts = _with_ways(facts, opened, people)
    return write_archive(
        directory,
        Path(output),
        facts,
        told=ArchiveTold(title, author, license),
        with_texts=texts,
        language=language,
        checklist=chosen,
        overwrite=overwrite,
        progress=hooks.rows if hooks else None,
    )


def check_archive(path: str | Path) -> CheckedArchive:
    """
    Read every file of an archive against its digest.

    Raises:
        InputError: It is no archive, or cannot be read.
    """
    return _check_archive(Path(path))


def rerun(
    archive: str | Path,
    table: str | Path,
    *,
    rows: int | None = None,
    seed: int = 1,
    sentinels: bool = False,
    run: str | Path | None = None,
    policy: Policy | None = None,
    rows_at: str | None = None,
    **reading: Unpack[ReadingBesideRows],
) -> Rerun:
    """
    Make a run that asks a table what an archive asked; nothing is sent yet.

    Answers of earlier runs are not taken over, since it is to show whether the model says the same again.

    Args:
        archive: Of `archive`; it must not have been changed.
        table: The same texts, in any order; others may be among them.
        rows: Ask so many rows alone, drawn by hash of those that had a usable answer; None means all.
        seed: Of that draw.
        sentinels: Ask the archive's sentinels: the same texts each time, drawn by hash of their digests the
            first time, `rows` of them or 50. Each look is noted beside the archive, see `sentinels`.
        run: The run directory; None means `rowbatch-runs/<table>`, numbered.
        policy: The pace, the cap; None means as the archive's, with the cap of `rowbatch.toml` if there is
            one.
        rows_at: Where the rows are in a JSON file, which `ReadOptions` calls `rows`.
        reading: How the table is read, see `ReadOptions`; where nothing is said, as the archive's if both
            have one format.
    Raises:
        InputError: The archive was changed, or no text of the table is in it.
        UsageError: There are fewer rows, or what was asked needs more than the table.
    """
    path = Path(table)
    require_source(path)
    archived = read_archive(Path(archive))
    plan = plan_again(archived, path, reading_of({**reading, "rows": rows_at}))
    chosen = sentinels_of(Path(archive), archived, rows, seed) if sentinels else None
    again = rows_again(archived, plan, rows, seed, chosen.texts if chosen else ())
    plan = replace(plan, policy=policy or with_said_cap(plan.policy, path))
    if again.frame is not None:
        # Of the rows alone a table of its own is made.
        plan = replace(plan, source=Source(path))
    made = create_planned(plan, Path(run) if run else None, frame=again.frame)
    return Rerun(
        made,
        Path(archive),
        again.rows,
        again.same,
        again.only_table,
        again.only_archive,
        chosen,
        again.notes,
    )


def compare_rerun(
    archive: str | Path,
    run: str | Path | Run,
    *,
    sentinels: bool = False,
    confidence: float = 0.95,
    draws: int = 2_000,
    seed: int = 1,
) -> RerunReport:
    """
    What the answers of a run say otherwise than those of an archive, text by text.

    Args:
        archive: Of `archive`.
        run: A run that asks the same, as `rerun` makes it.
        sentinels: It asked the archive's sentinels: note the look.
        confidence: Of the intervals.
        draws: How many samples are drawn for them.
        seed: Of these draws.
    Raises:
        InputError: The archive was changed.
        UsageError: No level, or too few draws.
    """
    resampling = resampling_of(confidence, draws, seed)
    opened = run if isinstance(run, Run) else open_run(run)
    opened.build()
    archived = read_archive(Path(archive))
    found = compare_again(RunDirectory(opened.path), archived, resampling)
    if sentinels:
        chosen = sentinels_of(Path(archive), archived, None, 1)
        add_look(Path(archive), chosen, found, opened.plan.created_at)
    return found


def sentinels(archive: str | Path) -> Sentinels:
    """
    The sentinels of an archive, with what came of each look at them: whether the model has drifted.

    Args:
        archive: Of `archive`.
    Raises:
        InputError: None were drawn; or the archive or what stands beside it was changed.
    """
    found = read_sentinels(Path(archive), read_archive(Path(archive)))
    if found is None:
        raise InputError("sentinels-none", archive=str(archive))
    return found
