"""
`collect`: results become answers, and every row of the table leaves once, with a status.

The table is read again, chunk by chunk, in its own order; the answers of one shard at a time lie in
flat columns by row number. So memory depends on the size of a shard, not of the table.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import polars as pl

from rowbatch.core.answer import FORGIVEN
from rowbatch.core.document import Block, Paragraph, Shown, Table, named, notes_of
from rowbatch.core.endpoint import Endpoint
from rowbatch.core.findings import read_findings
from rowbatch.core.forms import count_forgiven, forgiven_notices
from rowbatch.core.kinds.choice import LabelTally
from rowbatch.core.panel import status_of
from rowbatch.core.plan import Plan
from rowbatch.core.states import RowStatus, ShardState
from rowbatch.core.table_options import WriteOptions
from rowbatch.errors import CannotHold, OutputExists, RowbatchError
from rowbatch.kernels.machine import Machine, new_machine
from rowbatch.programs.opening import open_table
from rowbatch.requests.pipeline import is_same
from rowbatch.results.answered import AnsweredTable
from rowbatch.results.answered_lines import answered_lines
from rowbatch.results.error_list import ErrorList
from rowbatch.results.extract_report import count_statuses
from rowbatch.results.lines import count_without_confidence
from rowbatch.results.written import written_columns
from rowbatch.steps.built import kept_source, taken_sources
from rowbatch.store.atomic import atomic_path, require_free, write_atomically
from rowbatch.store.ledger import Ledger, Shard
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.sources import digest_file
from rowbatch.tables.ahead import read_ahead
from rowbatch.tables.base import TableChunk
from rowbatch.tables.csv_reader import CsvTable
from rowbatch.tables.csv_writer import CsvTableWriter, csv_bytes
from rowbatch.tables.numbers import find_numbers
from rowbatch.tables.writer import TableShape, TableWriter, format_of, open_writer
from rowbatch.words.notice import Notice
from rowbatch.words.printing import dollars

_SHOWN_FACTS, _SHOWN_REASONS = 12, 5

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook
    from rowbatch.core.cost import CostEstimate
    from rowbatch.core.kinds.base import Tally


@dataclass(frozen=True, slots=True)
class RoundSpent:
    """
    What one round took.

    Attributes:
        round: Its number.
        requests: Asked in it.
        statuses: How these fared, in this round.
        prompt_tokens, cached_tokens, answer_tokens: As the provider counted; cached ones were read from its
            cache.
        written_tokens: Of the prompts, those that were written to its cache.
        tokens_of: Prompt and answer tokens by status.
        usd: By these tokens and the batch price; None without a price.
    """

    round: int
    requests: int
    statuses: dict[str, int]
    prompt_tokens: int
    cached_tokens: int
    answer_tokens: int
    tokens_of: dict[str, tuple[int, int]]
    usd: Decimal | None
    written_tokens: int = 0


@dataclass(slots=True)
class ModelReport:
    """
    How one of several models fared.

    Attributes:
        provider, model: Which.
        statuses: How many rows of each status it has.
        usd: What it cost; None without a price.
    """

    provider: str
    model: str
    statuses: Counter[RowStatus] = field(default_factory=Counter)
    usd: Decimal | None = None


@dataclass(slots=True, repr=False)
class CollectReport(Shown):
    """
    What came out.

    Attributes:
        path: The labelled table.
        address: Where on object storage it was put, too; or "".
        rows: In it: as many as in the input.
        statuses: How many rows of each status.
        reasons: The commonest reasons of rows that are not ok, with counts.
        forgiven: Of the answers in it, how many needed what kind of forgiveness; see `core.forms`.
        tallies: What is counted of the values of each variable, by its kind.
        unknown_ids: Result lines whose custom_id is no row that was asked in that shard.
        repeated_ids: Result lines for a row that has another line that counts; see `core.fate`.
        unreadable_lines: Result lines that are no results.
        models: What the answers say who gave them.
        prompt_tokens, answer_tokens: Sums over all results, as the provider counted.
        spent: What was billed, by round.
        taken_over: Rows whose answers were taken over from earlier runs: they cost nothing here.
        taken_from: These runs: `run`, its name, `created_at`, and `rows`.
        kept: Variables whose values an earlier run has, and which: `run`, `created_at`, `variables`.
        stopped_because: Why rows were not submitted, or None.
        formulas: Cells that were marked, because a spreadsheet would take them for formulas.
        doubted: Shards whose answers seem to stand under the ids of other rows.
        without_confidence: Rows with a usable answer of which it was asked how sure the model was, and for
            some value nobody can say it.
        each: Where several models were asked, how each fared, in order; `spent` is of the first alone.
        estimate: What the run was to cost, by what is known before it starts; None where nobody reckoned.
    """

    path: Path
    address: str = ""
    rows: int = 0
    statuses: Counter[RowStatus] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    forgiven: Counter[str] = field(default_factory=Counter)
    tallies: dict[str, Tally] = field(default_factory=dict)
    unknown_ids: int = 0
    repeated_ids: int = 0
    unreadable_lines: int = 0
    models: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    answer_tokens: int = 0
    spent: tuple[RoundSpent, ...] = ()
    taken_over: int = 0
    taken_from: tuple[Mapping[str, Any], ...] = ()
    kept: Mapping[str, Any] | None = None
    stopped_because: Notice | None = None
    estimate: CostEstimate | None = None
    doubted: tuple[str, ...] = ()
    formulas: int = 0
    without_confidence: int = 0
    each: tuple[ModelReport, ...] = ()

    def as_blocks(self) -> Iterator[Block]:
        """Where the table is, how its rows fared, what was found, and what it cost."""
        cost = self.cost_usd
        yield named(
            {
                "labelled table": self.address or str(self.path),
                "rows": f"{self.rows:,}",
                "taken over from earlier runs": f"{self.taken_over:,}" if self.taken_over else "",
                "result lines of no row": f"{self.unknown_ids:,}" if self.unknown_ids else "",
                "result lines that repeat a row": f"{self.repeated_ids:,}" if self.repeated_ids else "",
                "result lines that cannot be read": f"{self.unreadable_lines:,}"
                if self.unreadable_lines
                else "",
                "without a confidence": f"{self.without_confidence:,}" if self.without_confidence else "",
                "cells marked as no formulas": f"{self.formulas:,}" if self.formulas else "",
                "cost": "" if cost is None else dollars(cost),
            }
        )
        if self.doubted:
            yield Paragraph(
                f"LOOK: the answers of {', '.join(self.doubted)} seem to stand under the ids of other rows. "
                "Compare labels with their texts before you use any.",
                is_alert=True,
            )
        counted = [(str(status), f"{count:,}") for status, count in self.statuses.most_common()]
        yield Table(("status", "rows"), counted, numbers=(1,))
        for name, tally in self.tallies.items():
            facts = [(what, _number(figure)) for what, figure in tally.facts()[:_SHOWN_FACTS]]
            more = len(tally.facts()) - _SHOWN_FACTS
            yield Table((name, ""), facts, numbers=(1,), note=f"and {more:,} more" if more > 0 else "")
        if self.reasons:
            reasons = [(reason, f"{count:,}") for reason, count in self.reasons.most_common(_SHOWN_REASONS)]
            yield Table(("why a row is not ok", "rows"), reasons, numbers=(1,))
        stopped = () if self.stopped_because is None else (self.stopped_because,)
        yield from notes_of((*self.forgiven_notices, *stopped))

    @property
    def cost_usd(self) -> Decimal | None:
        """What was billed in all, by the tokens that the providers counted; None without a price."""
        told = [one.usd for one in self.each] if self.each else [one.usd for one in self.spent]
        known = [usd for usd in told if usd is not None]
        return sum(known, Decimal(0)) if known else None

    @property
    def labels(self) -> dict[str, Counter[str]]:
        """For each variable with labels: how often each was given."""
        return {name: tally.counts for name, tally in self.tallies.items() if isinstance(tally, LabelTally)}

    @property
    def forgiven_notices(self) -> tuple[Notice, ...]:
        """What was forgiven, in words for every face."""
        return forgiven_notices(self.forgiven)

    @property
    def has_gaps(self) -> bool:
        """Whether rows that were to be asked have no usable answer."""
        return self.statuses[RowStatus.OK] + self.statuses[RowStatus.SKIPPED] < self.rows


def _number(figure: float) -> str:
    return f"{figure:,.0f}" if float(figure).is_integer() else f"{figure:,.4g}"


def collect(
    run: RunDirectory,
    *,
    output: Path | None = None,
    overwrite: bool = False,
    notes: Mapping[str, Any] | None = None,
    errors: Path | None = None,
    writing: WriteOptions | None = None,
    progress: Callable[[int], None] | None = None,
) -> CollectReport:
    """
    Write the labelled table from what is on disk. Can be run at any time, and again.

    The caller holds the run lock. When the output cannot be written, the table is in the run directory
    nevertheless, as CSV, or as Parquet where it has embeddings; the error's hint says where.

    Args:
        run: A run that is built.
        output: Where to; None means where the run was told to.
        overwrite: Whether a file that this run did not write may be replaced.
        errors: A table of the rows that were asked and are not ok, with reasons.
        writing: How to write the table; None means as the run was told to.
        notes: What the table's metadata shall say besides (for example: a demonstration model).
        progress: Called with the number of rows done so far.
    Raises:
        OutputExists: The output is there, and this run did not write it.
        CannotHold: The format of the output has no place for what the table or the answers hold.
        RunError: The table or a raw file was changed since.
    """
    failed: list[RowbatchError] = []
    try:
        return _by_any_way(
            run,
            failed,
            output=output,
            overwrite=overwrite,
            notes=notes,
            errors=errors,
            writing=writing,
            progress=progress,
        )
    except RowbatchError as error:
        is_embeddings = run.plan().asking.endpoint is Endpoint.EMBEDDINGS
        safe = run.path / "labelled.parquet" if is_embeddings else run.labelled
        if error not in failed or safe.resolve() == _path_of(run, output).resolve():
            raise
        try:
            _by_any_way(
                run,
                [],
                output=safe,
                overwrite=True,
                notes=notes,
                errors=errors,
                writing=WriteOptions(),
                progress=None,
            )
        except RowbatchError:
            raise error from None
        error.instead = Notice("table-saved-elsewhere", {"safe": str(safe), "run": str(run.path)})
        raise


@dataclass(frozen=True, slots=True)
class _Plain:
    """
    What the kernels can write: a CSV table that nobody has proved yet to be the one of the run.

    Attributes:
        table: It.
        machine: Where it is done.
    """

    table: CsvTable
    machine: Machine


class _NotPlain(Exception):
    """The table is for the other way."""


def _by_any_way(run: RunDirectory, failed: list[RowbatchError], **options: Unpack[_Options]) -> CollectReport:
    """As `_collect`, by the kernels where they can."""
    plain = _plain(run, options["output"], options["writing"])
    if plain is not None:
        try:
            return _collect(run, failed, plain=plain, **options)
        except (_NotPlain, MemoryError):
            pass
        except RowbatchError:
            if failed:
                raise
            # What is wrong with what was read is found again, and told, in the other way.
    return _collect(run, failed, plain=None, **options)


def _plain(run: RunDirectory, output: Path | None, writing: WriteOptions | None) -> _Plain | None:
    """What the kernels can write of a run, as far as it is seen before its results are read."""
    plan = run.plan()
    path, source = _path_of(run, output), plan.source
    if (
        path.suffix.lower() not in (".csv", ".tsv")
        or (writing or plan.output.writing).formula_safe
        or plan.asking.endpoint is Endpoint.EMBEDDINGS
        or plan.panel is not None
        or not source.path.is_file()
    ):
        return None
    try:
        table = open_table(source.path, source.reading)
    except RowbatchError:
        return None
    if not isinstance(table, CsvTable) or not table.is_large or table.not_asked:
        return None
    machine = new_machine()
    return _Plain(table, machine) if machine is not None else None


def _path_of(run: RunDirectory, output: Path | None) -> Path:
    return output or run.output_of(run.plan())


@contextmanager
def _noted(failed: list[RowbatchError], path: Path) -> Iterator[None]:
    """Tell what goes wrong in writing from what goes wrong in reading."""
    try:
        yield
    except RowbatchError as error:
        failed.append(error)
        raise
    # Whatever a library raises at what it is given, the answers are paid.
    except Exception as error:
        if isinstance(error, MemoryError):
            failed.append(CannotHold("output-without-memory", path=str(path)))
        else:
            told = str(error) or type(error).__name__
            failed.append(CannotHold("output-unwritable", path=str(path), told=told))
        raise failed[-1] from error


class _Options(TypedDict):
    """Of `collect`."""

    output: Path | None
    overwrite: bool
    notes: Mapping[str, Any] | None
    errors: Path | None
    writing: WriteOptions | None
    progress: Callable[[int], None] | None


def _collect(
    run: RunDirectory, failed: list[RowbatchError], *, plain: _Plain | None, **options: Unpack[_Options]
) -> CollectReport:
    plan = run.plan()
    output, errors, overwrite = options["output"], options["errors"], options["overwrite"]
    path = _path_of(run, output)
    for written in (path, *([errors] if errors else [])):
        format_of(written)
    report = CollectReport(path=path)
    with run.ledger() as ledger:
        # Beside the table of a ledger in which something changed, answers would stand that are not its own.
        ledger.require_whole()
        shards = ledger.shards()
        report_of_ledger(report, run, plan, ledger, shards)
        replaceable = (
            overwrite
            or (output is None and plan.output.overwrite)
            or path.parent.resolve() == run.path.resolve()
            or _was_written_by(ledger, path)
        )
        taken = next((place for place in (path, _metadata_path(path)) if place.exists()), None)
        if taken and not replaceable:
            raise OutputExists(str(taken), kind="output-taken", run=str(run.path))
        if errors:
            require_free(errors, overwrite=overwrite)
        names = list(plan.output.columns)
        answered = AnsweredTable(run, shards, report, table=plain.table if plain else None)
        if plain and not answered.is_by_number:
            raise _NotPlain
        codebook, table = answered.codebook, answered.table
        added = written_columns(codebook, names, answered.embedding, answered.plan)
        named = [one.expression().alias(one.column.name) for one in added]
        writing = options["writing"] or plan.output.writing
        shape = TableShape.of(
            table, [one.column for one in added], numbers=find_numbers(table, writing).dtypes
        )
        with ExitStack() as outputs:
            temporary = outputs.enter_context(atomic_path(path, overwrite=replaceable))
            unanswered = ErrorList.begin(outputs, errors, writing, overwrite=overwrite) if errors else None
            with _noted(failed, path):
                writer = open_writer(temporary, format_of(path), shape, writing)
            with ExitStack() as broken:
                broken.callback(writer.abandon)
                target = _Target(failed, path, temporary, writer, named)
                frames = _by_kernels(plain, answered, target) if plain else _by_chunks(answered, target)
                for frame in broken.enter_context(closing(frames)):
                    if unanswered:
                        unanswered.write(frame)
                    count_answers(report, frame, codebook)
                    report.rows += frame.height
                    if progress := options["progress"]:
                        progress(report.rows)
                broken.pop_all()
            with _noted(failed, path):
                writer.close()
            report.formulas = writer.formulas
            # Noted before the file gets its name: after a crash in between it is still known as ours.
            digest = target.digest or digest_file(temporary)
            ledger.note_output(path, digest)
        own: dict[str, Any] = {"statuses_of_own": dict(report.each[0].statuses)} if report.each else {}
        ledger.add_event(
            "collected",
            # As seen from any folder: who lists runs is often in another one.
            path=str(path.absolute()),
            sha256=digest,
            statuses=dict(report.statuses),
            forgiven=dict(report.forgiven),
            **own,
        )
    _write_metadata(path, plan, report, names, options["notes"] or {})
    return report


@dataclass(slots=True)
class _Target:
    """
    Where rows are written.

    Attributes:
        failed: What went wrong in writing.
        path: The output.
        temporary: What it is called meanwhile.
        writer: Writes it.
        named: The added columns, of answers.
        digest: Of all that was written, where that is known; else "".
    """

    failed: list[RowbatchError]
    path: Path
    temporary: Path
    writer: TableWriter
    named: Sequence[pl.Expr]
    digest: str = ""

    def write(self, chunk: TableChunk, frame: pl.DataFrame) -> None:
        """Write rows with the values of their answers."""
        with _noted(self.failed, self.path):
            self.writer.write(chunk, frame.select(self.named))


def _by_chunks(answered: AnsweredTable, target: _Target) -> Generator[pl.DataFrame]:
    """Write all rows; yields the answers as soon as they are written."""
    with closing(answered.chunks()) as chunks:
        for chunk, frame in chunks:
            target.write(chunk, frame)
            yield frame


def _by_kernels(plain: _Plain, answered: AnsweredTable, target: _Target) -> Generator[pl.DataFrame]:
    """
    As `_by_chunks`.

    Raises:
        _NotPlain: The table is not the one that the run was made of.
    """
    writer, path, source = target.writer, target.path, answered.plan.source
    assert isinstance(writer, CsvTableWriter)
    separator = writer.separator

    def cells(frame: pl.DataFrame) -> memoryview:
        with _noted(target.failed, path):
            return csv_bytes(frame.select(target.named), separator)

    # A table of half a gigabyte takes a second: it is proved beside the work on it.
    with ThreadPoolExecutor(1, thread_name_prefix="rowbatch-proof") as beside:
        proof: Future[bool] = beside.submit(is_same, source, source.path)
        digest, is_all_lines = hashlib.sha256(target.temporary.read_bytes()), True
        lines = answered_lines(answered, plain.table, plain.machine, separator, cells)
        with read_ahead(lines) as parts:
            for rows, frame in parts:
                if isinstance(rows, TableChunk):
                    is_all_lines = False
                    assert frame is not None
                    target.write(rows, frame)
                else:
                    with _noted(target.failed, path):
                        writer.write_lines(rows)
                    digest.update(rows)
                if frame is not None:
                    yield frame
        if not proof.result():
            raise _NotPlain
    target.digest = digest.hexdigest() if is_all_lines else ""


def report_of_ledger(
    report: CollectReport, run: RunDirectory, plan: Plan, ledger: Ledger, shards: Sequence[Shard]
) -> None:
    """Tell of a run what its ledger knows without its results: what was spent, taken over, doubted."""
    report.spent = _spent(shards)
    report.taken_over = sum(shard.requests for shard in shards if shard.round == 0)
    report.kept = kept_source(ledger) if plan.question.kept else None
    report.taken_from = tuple(taken_sources(ledger)) if report.taken_over else ()
    report.each = _each_model(run, plan, shards)
    report.doubted = tuple(
        shard.name for shard in shards if (found := read_findings(shard.findings)) and found.is_doubted
    )


def count_answers(report: CollectReport, answers: pl.DataFrame, codebook: Codebook) -> None:
    """Count the statuses, reasons and values of answers that are written."""
    count_statuses(answers, report.statuses, report.reasons)
    given = answers["model"].filter(answers["model"] != "")
    report.models.update(dict(given.value_counts().iter_rows()))
    report.forgiven.update(count_forgiven(answers[FORGIVEN]))
    for number, one in enumerate(report.each):
        of_one = answers.select("row", "status_reason", status=status_of(number))
        count_statuses(of_one, one.statuses, Counter())
    ok = answers.filter(pl.col("status") == RowStatus.OK.value)
    kept = frozenset(report.kept["variables"] if report.kept else ())
    # Of what is kept of an earlier run nobody was asked how sure the model was.
    asked = [str(place) for place, name in enumerate(codebook.columns) if name not in kept]
    report.without_confidence += count_without_confidence(ok, asked)
    for index, variable in enumerate(codebook.variables):
        tally = report.tallies.get(variable.name) or variable.tally()
        if tally is not None:
            report.tallies[variable.name] = tally
            # A row to which it does not apply has an answer, but no value of it.
            tally.add(ok[str(index)].filter(ok[str(index)] != ""))


def _each_model(run: RunDirectory, plan: Plan, shards: Sequence[Shard]) -> tuple[ModelReport, ...]:
    """What each of several models cost; nothing of one alone."""
    if plan.panel is None:
        return ()
    of_each = [shards]
    for member in run.members(plan):
        with member.ledger() as ledger:
            ledger.require_whole()
            of_each.append(ledger.shards())
    found = []
    for asking, here in zip(plan.askings, of_each, strict=True):
        usd = [one.usd for one in _spent(here) if one.usd is not None]
        found.append(ModelReport(asking.provider, asking.model, usd=sum(usd, Decimal(0)) if usd else None))
    return tuple(found)


def _spent(shards: Sequence[Shard]) -> tuple[RoundSpent, ...]:
    found = []
    for number in sorted({shard.round for shard in shards if shard.round}):
        here = [shard for shard in shards if shard.round == number and shard.state is not ShardState.CUT]
        findings = [f for f in (read_findings(shard.findings) for shard in here) if f is not None]
        statuses: Counter[str] = Counter()
        tokens_of: dict[str, tuple[int, int]] = {}
        for one in findings:
            statuses.update(one.statuses)
            for status, (prompt, answer) in one.tokens_of.items():
                before = tokens_of.get(status, (0, 0))
                tokens_of[status] = (before[0] + prompt, before[1] + answer)
        usd = [shard.spent_usd for shard in here if shard.spent_usd is not None]
        found.append(
            RoundSpent(
                round=number,
                requests=sum(shard.requests for shard in here),
                statuses=dict(statuses),
                prompt_tokens=sum(one.prompt_tokens for one in findings),
                cached_tokens=sum(one.cached_tokens for one in findings),
                answer_tokens=sum(one.answer_tokens for one in findings),
                tokens_of=tokens_of,
                usd=sum(usd, Decimal(0)) if usd else None,
                written_tokens=sum(one.written_tokens for one in findings),
            )
        )
    return tuple(found)


def _was_written_by(ledger: Ledger, path: Path) -> bool:
    """Whether this run wrote the file, and nobody changed it since."""
    digest = ledger.output_digest(path)
    return digest is not None and path.is_file() and digest_file(path) == digest


def _write_metadata(
    path: Path,
    plan: Plan,
    report: CollectReport,
    names: Sequence[str],
    notes: Mapping[str, Any],
) -> None:
    """
    Say beside the table what it is, in the standard way for CSV files.

    Source:
        W3C, "Metadata Vocabulary for Tabular Data": the file is named `TABLE-metadata.json`.
    """
    document = {
        "@context": ["http://www.w3.org/ns/csvw", {"rowbatch": "https://rowbatch.invalid/terms#"}],
        "url": path.name,
        "dialect": {"encoding": "utf-8", "delimiter": ",", "header": True},
        "rowbatch:run": {
            "created_at": plan.created_at,
            "rowbatch_version": plan.rowbatch_version,
            "provider": plan.asking.provider,
            "model": plan.asking.model,
            "models_that_answered": dict(report.models),
            "parameters": plan.asking.parameters,
            "template": plan.question.template,
            "codebook": plan.question.answer,
            "input": {"file": plan.source.shown_name, "sha256": plan.source.sha256},
            **(
                {
                    "models": [
                        {
                            "provider": one.provider,
                            "model": one.model,
                            "statuses": dict(one.statuses),
                            "usd": str(one.usd) if one.usd is not None else None,
                        }
                        for one in report.each
                    ],
                    "consensus": str(plan.panel.consensus),
                }
                if plan.panel
                else {}
            ),
            "columns_added": list(names),
            "rows": report.rows,
            "statuses": dict(report.statuses),
            "forgiven": dict(report.forgiven),
            **(
                {"answers_taken_over": {"rows": report.taken_over, "from": list(report.taken_from)}}
                if report.taken_over
                else {}
            ),
            **(
                {
                    "variables_kept": {
                        name: report.kept.get(name) for name in ("run", "created_at", "variables")
                    }
                }
                if report.kept
                else {}
            ),
            "rounds": [
                {
                    "round": spent.round,
                    "requests": spent.requests,
                    "prompt_tokens": spent.prompt_tokens,
                    "answer_tokens": spent.answer_tokens,
                    "usd": str(spent.usd) if spent.usd is not None else None,
                }
                for spent in report.spent
            ],
            **notes,
        },
    }
    target = path.with_name(f"{path.name}-metadata.json")
    write_atomically(
        target, (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode(), overwrite=True
    )


def _metadata_path(path: Path) -> Path:
    return path.with_name(f"{path.name}-metadata.json")
