"""Everything a report says of a run, as values: read from its plan, its ledger and its results, once."""

from __future__ import annotations

import hashlib
import json
import platform
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import polars as pl

from rowbatch.core.address import shown_address
from rowbatch.core.codebook import Codebook, instructions_text
from rowbatch.core.confidence import column_of, measured
from rowbatch.core.plan import Asking, Plan
from rowbatch.core.states import RowStatus
from rowbatch.core.statistics.acceptance import LabelAcceptance
from rowbatch.core.statistics.corrected import Correction
from rowbatch.core.statistics.figures import Figure
from rowbatch.errors import RowbatchError
from rowbatch.providers.catalog import find_provider
from rowbatch.reporting.specifications import SpecificationCurve
from rowbatch.reporting.stability import RunStability
from rowbatch.requests.pipeline import TableRequests, open_source, request_settings
from rowbatch.results.answered import AnsweredTable
from rowbatch.steps.built import BuildReport, read_build_report
from rowbatch.steps.collect import CollectReport, count_answers, report_of_ledger
from rowbatch.steps.progress import told_remarks
from rowbatch.store.codebook_file import yaml_text
from rowbatch.store.corrections import read_corrections
from rowbatch.store.distillations import DistilNote, read_distillations
from rowbatch.store.ledger import Shard
from rowbatch.store.rundir import RunDirectory
from rowbatch.words.notice import Notice

if TYPE_CHECKING:
    from rowbatch.reporting.sentinels import Sentinels

CONFIDENCE_BINS = 10
_FINGERPRINT = b'"system_fingerprint"'
_LOOKED_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class AskedModel:
    """
    A model that was asked.

    Attributes:
        provider: As people call it.
        model: As it was asked for.
        address: Of its API, without secrets; "" for this computer.
        is_local: It answered on this computer: no text left it.
        endpoint: Of the API.
        parameters: Of each request, without the form of the answer.
    """

    provider: str
    model: str
    address: str
    is_local: bool
    endpoint: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ValueCounts:
    """
    What the answers say of a variable.

    Attributes:
        variable: Its name.
        kind: As codebook files have it.
        labels: Rows by label, in the codebook's order; empty for a variable without labels.
        facts: Of others: names and numbers.
        n: Rows with a value.
    """

    variable: str
    kind: str
    labels: Sequence[tuple[str, int]]
    facts: Sequence[tuple[str, float]]
    n: int


@dataclass(frozen=True, slots=True)
class PeopleFacts:
    """
    What people said of a run's rows, and what follows from it.

    Attributes:
        source: The coding set, or the column.
        coders: How many people coded.
        rows: How many rows count.
        design: How they were drawn, in words of the set; "" where nobody knows.
        part: Of which the numbers are: `test`, `dev`, or "".
        is_random: They were drawn by chance, with known probabilities.
        among: Agreement of people with one another, by variable and statistic.
        against: Of the model with people, by variable and statistic.
        confusion: By variable: people's label, the model's, and how many rows.
        corrected: Estimates for the whole table.
        accepted: By variable: each label, and whether it may be used unseen.
        wanted: The share of right ones that was wanted for that; None where nobody asked.
        looks: How often numbers of the test part were looked at.
        is_test_spent: The codebook changed after somebody had looked at the test part.
        notes: By variable: which rows are not among these and why, how they were weighted, and what else a
            reader of the numbers has to know, in words.
        refused: By variable: why nothing of it could be corrected.
    """

    source: str
    coders: int
    rows: int
    design: str = ""
    part: str = ""
    is_random: bool = False
    among: Mapping[str, Mapping[str, Figure]] = field(default_factory=dict)
    against: Mapping[str, Mapping[str, Figure]] = field(default_factory=dict)
    confusion: Mapping[str, Sequence[tuple[str, str, int]]] = field(default_factory=dict)
    corrected: Sequence[Correction] = ()
    accepted: Mapping[str, Sequence[LabelAcceptance]] = field(default_factory=dict)
    wanted: float | None = None
    looks: int = 0
    is_test_spent: bool = False
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    refused: Mapping[str, Notice] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """
    A run.

    Attributes:
        name: Of its folder.
        plan: What was asked, of whom.
        codebook: All variables of the labelled table.
        codebook_text: The same as YAML.
        codebook_sha256: Of that text.
        table: What people call the table.
        columns: How many it has.
        built: What was built of it.
        models: That were asked; the first one first.
        answered: Names that the answers themselves give, with rows.
        fingerprints: What the first results of each file say of the system behind a model, with files.
        example: The request of the first row that was asked; None where texts shall not be told.
        instructions: The system message; of a row, where it has columns of the table.
        collected: What came back.
        values: Of each variable.
        confidence: By variable: rows in tenths of confidence, from 0 on.
        confidence_basis: What it comes from; "".
        requests, batches, rounds: How many went out.
        first_sent_at, last_ended_at: When; None where nothing was.
        corrected_rows: Rows with a label that a person changed.
        versions: Of the programs.
        people: What people said; None where nobody coded.
        sentinels: Texts that were asked again later; None where that is not told.
        stability: How far labels stay the same when rows are asked otherwise; None where none were.
        curve: One estimate in every way in which the table was asked; None where there is one way.
        students: Tables that a student of its labels labelled.
        remarks: What servers of the model were seen to ignore or refuse.
    """

    name: str
    plan: Plan
    codebook: Codebook
    codebook_text: str
    codebook_sha256: str
    table: str
    columns: int
    built: BuildReport
    models: Sequence[AskedModel]
    answered: Mapping[str, int]
    fingerprints: Mapping[str, int]
    example: Mapping[str, Any] | None
    instructions: str
    collected: CollectReport
    values: Sequence[ValueCounts]
    confidence: Mapping[str, Sequence[int]]
    confidence_basis: str
    requests: int
    batches: int
    rounds: int
    first_sent_at: datetime | None
    last_ended_at: datetime | None
    corrected_rows: int
    versions: Mapping[str, str]
    people: PeopleFacts | None = None
    sentinels: Sentinels | None = None
    stability: RunStability | None = None
    curve: SpecificationCurve | None = None
    students: Sequence[DistilNote] = ()
    remarks: Sequence[Notice] = ()

    @property
    def rows(self) -> int:
        """Of the table."""
        return self.collected.rows

    @property
    def is_local(self) -> bool:
        """Whether no text left this computer."""
        return all(one.is_local for one in self.models)

    @property
    def spent_usd(self) -> Decimal | None:
        """What was billed, of all models; None without a price."""
        return self.collected.cost_usd


def facts_of(
    directory: RunDirectory,
    *,
    people: PeopleFacts | None = None,
    with_texts: bool = True,
    progress: Callable[[int], None] | None = None,
) -> RunFacts:
    """
    Read a run.

    Args:
        directory: A run that is built. All its answers are read once.
        people: What people said of it.
        with_texts: Whether words of texts or answers may be told: an example, reasons of what failed.
        progress: Called with the number of rows read so far.
    Raises:
        RunError: The table was changed, or the ledger is not whole.
    """
    plan = directory.plan()
    with directory.ledger() as ledger:
        ledger.require_whole()
        shards = ledger.shards()
        collected = CollectReport(path=directory.output_of(plan))
        report_of_ledger(collected, directory, plan, ledger, shards)
        remarks = told_remarks(ledger)
    sent = [shard for shard in shards if shard.round]
    for member in directory.members(plan):
        with member.ledger() as ledger:
            sent += [shard for shard in ledger.shards() if shard.round]
    answered = AnsweredTable(directory, shards, collected)
    codebook = answered.codebook
    wanted = measured(codebook)
    tenths: dict[str, Counter[int]] = {}
    valued: Counter[str] = Counter()
    basis = ""
    with closing(answered.chunks()) as chunks:
        for chunk, frame in chunks:
            count_answers(collected, frame, codebook)
            collected.rows += chunk.frame.height
            ok = frame.filter(pl.col("status") == RowStatus.OK.value)
            for one in codebook.variables:
                valued[one.name] += int((ok[str(codebook.columns.index(one.name))] != "").sum())
            for value in wanted:
                if (name := column_of(value.place)) in frame.columns:
                    counted = _tenths(frame[name])
                    tenths.setdefault(codebook.columns[value.place], Counter()).update(counted)
            if not basis and "confidence_basis" in frame.columns:
                basis = next((told for told in frame["confidence_basis"].unique() if told), "")
            if progress:
                progress(collected.rows)
    if not with_texts:
        # What was wrong with an answer is said in the answer's own words.
        collected.reasons.clear()
    text = yaml_text(codebook) if codebook.variables else ""
    sent_at = [shard.submitted_at for shard in sent if shard.submitted_at]
    ended_at = [shard.ended_at for shard in sent if shard.ended_at]
    return RunFacts(
        name=directory.path.resolve().name,
        plan=plan,
        codebook=codebook,
        codebook_text=text,
        codebook_sha256=hashlib.sha256(text.encode()).hexdigest() if text else "",
        table=plan.source.shown_name,
        columns=len(answered.table.header),
        built=read_build_report(directory),
        models=[_asked_model(one) for one in plan.askings],
        answered=commonest(collected.models),
        fingerprints=_fingerprints(directory, shards),
        example=_example(directory, plan) if with_texts else None,
        instructions=_instructions(plan),
        collected=collected,
        values=[
            ValueCounts(
                variable=one.name,
                kind=one.kind,
                labels=_by_label(collected, one.name, one.choices),
                facts=[] if one.name in collected.labels or tally is None else list(tally.facts()),
                n=valued[one.name],
            )
            for one in codebook.variables
            for tally in [collected.tallies.get(one.name)]
        ],
        confidence={name: [found[at] for at in range(CONFIDENCE_BINS)] for name, found in tenths.items()},
        confidence_basis=basis,
        requests=sum(shard.requests for shard in sent),
        batches=sum(1 for shard in sent if shard.batch_id),
        rounds=len({shard.round for shard in sent}),
        first_sent_at=min(sent_at, default=None),
        last_ended_at=max(ended_at, default=None),
        corrected_rows=len(read_corrections(directory.path)),
        versions={
            "rowbatch": version("rowbatch"),
            "rowbatch (run)": plan.rowbatch_version,
            "Python": platform.python_version(),
            "polars": version("polars"),
            "system": f"{platform.system()} {platform.machine()}",
        },
        people=people,
        students=read_distillations(directory.path),
        remarks=remarks,
    )


def commonest(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts by name, the commonest first, of equal ones by name: the same run is told in the same words."""
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def _tenths(confidence: pl.Series) -> dict[int, int]:
    known = confidence.drop_nulls()
    at = (known * CONFIDENCE_BINS).floor().clip(0, CONFIDENCE_BINS - 1).cast(pl.Int64)
    return dict(at.value_counts().iter_rows())


def _by_label(collected: CollectReport, name: str, choices: Sequence[str]) -> list[tuple[str, int]]:
    counts = collected.labels.get(name)
    if counts is None:
        return []
    known = [*choices, *(label for label in counts if label not in choices)]
    return [(label, counts[label]) for label in known]


def _asked_model(asking: Asking) -> AskedModel:
    is_local = asking.provider == "local"
    return AskedModel(
        provider=find_provider(asking.provider).title if asking.provider else "",
        model=asking.model,
        address="" if is_local else shown_address(asking.base_url),
        is_local=is_local,
        endpoint=str(asking.endpoint),
        parameters=dict(asking.parameters),
    )


def _instructions(plan: Plan) -> str:
    """The system message, with its places for columns where it has some."""
    if plan.question.system:
        return plan.question.system
    if not plan.question.answer:
        return ""
    return instructions_text(plan.question.asked_codebook)


def _example(directory: RunDirectory, plan: Plan) -> Mapping[str, Any] | None:
    """The request of the first row with a text, as it is sent; None where there is none any more."""
    try:
        table = open_source(plan.source, directory.path)
        first = TableRequests(table, plan.question, plan.asking).first(1)
    except RowbatchError:
        return None
    if first is None:
        return None
    return request_settings(plan.question, plan.asking).body_preview(first[1])


def _fingerprints(directory: RunDirectory, shards: Sequence[Shard]) -> dict[str, int]:
    """What the first results of each file say of the system behind the model."""
    found: Counter[str] = Counter()
    for shard in shards:
        if shard.output_name is None:
            continue
        try:
            with (directory.results / shard.output_name).open("rb") as file:
                line = file.readline(_LOOKED_BYTES)
        except OSError:
            continue
        if _FINGERPRINT not in line:
            continue
        try:
            told = json.loads(line)["response"]["body"].get("system_fingerprint")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
        if isinstance(told, str) and told:
            found[told[:100]] += 1
    return dict([*commonest(found).items()][:20])
