"""Runs: make one, find one, and its verbs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Unpack

from rowbatch.api import model_list as _models  # the user's own prices are known from here on
from rowbatch.api.distil import Wish, distil_run
from rowbatch.api.headers import SentHeaders, find_headers, name_places
from rowbatch.api.hooks import Hooks, Stage, told_how_it_goes
from rowbatch.api.keys import find_key, require_key
from rowbatch.api.local import ensure_local_server
from rowbatch.api.policy import drive_policy
from rowbatch.api.quality import RunEstimand, correct_run, require_part, require_share, validate_run
from rowbatch.api.settings import find_settings
from rowbatch.api.standing import (
    MOST_EVENTS,
    RUNS_FOLDER,
    Status,
    is_own_server,
    known_places,
    place_of,
    record_of,
    standing_of,
    status_of,
)
from rowbatch.api.statistics import resampling_of
from rowbatch.api.sums import sum_of_drives, sum_of_progress
from rowbatch.api.tools import likely_text_column as likely_column_of
from rowbatch.core.address import host_of, shown_address
from rowbatch.core.agreement import Comparison
from rowbatch.core.answer import AnswerReader
from rowbatch.core.codebook import Codebook, codebook_document, codebook_from_labels, parse_codebook
from rowbatch.core.codebook_change import CodebookChange
from rowbatch.core.comparison import PeopleComparison
from rowbatch.core.cost import CostEstimate, sum_of_costs
from rowbatch.core.direct_ids import is_direct
from rowbatch.core.distillation import Distillation
from rowbatch.core.document import Block, Code, Paragraph, Shown, named, notes_of
from rowbatch.core.endpoint import LIMITS, Endpoint, find_endpoint
from rowbatch.core.label_list import read_labels, read_values
from rowbatch.core.model_rules import shutdown_note
from rowbatch.core.plan import Output, Plan, Question, Source
from rowbatch.core.policy import Policy, read_policy
from rowbatch.core.run_quality import Judging, RunQuality
from rowbatch.core.schedule import Schedule, plan_schedule
from rowbatch.core.sent_headers import read_form_fields, read_headers
from rowbatch.core.states import RowStatus, ShardState
from rowbatch.core.statistics.acceptance import CERTAINTY, PRECISION
from rowbatch.core.statistics.corrected import CorrectedEstimates, Method
from rowbatch.core.statistics.corrected_regression import Model
from rowbatch.core.table_options import ReadingKeywords, ReadOptions, WriteOptions, reading_of
from rowbatch.core.variants import prompt_of
from rowbatch.errors import (
    InputError,
    NeedsDecision,
    RowbatchError,
    RunError,
    RunLocked,
    ServiceError,
    UsageError,
)
from rowbatch.http import HttpClient, Key
from rowbatch.objects.address import as_address
from rowbatch.programs.opening import open_table
from rowbatch.providers.base import BatchClient
from rowbatch.providers.catalog import (
    Provider,
    find_model,
    find_near_model,
    find_price,
    find_provider,
    find_room,
)
from rowbatch.providers.clients import client_for, headers_of
from rowbatch.requests.asking import Said, asking_of, panel_of
from rowbatch.requests.estimate import estimate_asking, price_of_asking
from rowbatch.requests.line_tokens import prompt_range
from rowbatch.requests.pipeline import TableRequests, open_source, request_settings
from rowbatch.requests.prompt_cache import cached_prefix_tokens
from rowbatch.results.asked_before import AskedBefore, find_asked_before, with_only_changed
from rowbatch.results.coded import CodedRun, set_of_run
from rowbatch.results.corrected import AnsweredRow, answered_row, changes_of, needs_row
from rowbatch.results.least_sure import least_sure_rows
from rowbatch.results.people import code_text, compare_with_people
from rowbatch.results.people_files import compare_with_files
from rowbatch.results.row_labels import labels_of_rows
from rowbatch.server.local_model import DEMONSTRATION_NOTE, MODEL_ID
from rowbatch.steps import build as build_step
from rowbatch.steps import collect as collect_step
from rowbatch.steps import create as create_step
from rowbatch.steps import give_up as give_up_step
from rowbatch.steps.built import TEXTS_REPEAT, BuildReport, is_built, read_build_report
from rowbatch.steps.clean import CleanReport, clean
from rowbatch.steps.clock import Clock
from rowbatch.steps.collect import CollectReport
from rowbatch.steps.direct import MOST_ROWS, DirectClient, was_only_refused
from rowbatch.steps.disagreements import DisagreementReport, write_disagreements
from rowbatch.steps.doctor import (
    Check,
    check_folder,
    check_probe,
    check_provider,
    check_results_age,
)
from rowbatch.steps.drive import (
    MASS_FAILURES,
    DriveHooks,
    Driver,
    DriveReport,
    Goal,
    allow_mass_failure,
    allow_unpaid_rows,
)
from rowbatch.steps.export import ExportReport, export
from rowbatch.steps.first_part import first_rows_of
from rowbatch.steps.poll import poll_shard
from rowbatch.steps.progress import Progress, read_progress
from rowbatch.steps.recover import RecoverReport, recover
from rowbatch.steps.repair import largest_output_limit, longer_limit, plan_repair, repaired, tried_limit
from rowbatch.steps.submit import adopt_named
from rowbatch.steps.trial import TrialReport, measured_answer_tokens, try_rows
from rowbatch.steps.verify import VerifyReport, verify
from rowbatch.store.coding_sets import find_set
from rowbatch.store.copies import Copy, bring, copy_of, is_same_object, require_outside, told_by_address
from rowbatch.store.corrections import Corrections, add_correction, read_corrections
from rowbatch.store.home import home
from rowbatch.store.ledger import TAKEN_OVER, Driven, RunRecord, Shard
from rowbatch.store.lock import run_lock
from rowbatch.store.rundir import (
    RunDirectory,
    free_run_path,
    remember_run,
    remove_run,
)
from rowbatch.tables.frames import column_name, from_frame
from rowbatch.tables.text_column import likely_text_column
from rowbatch.tasks.into_run import build_by_tasks
from rowbatch.tasks.parts import collect_parts
from rowbatch.tasks.plan import TaskPlan, is_planned, make_plan
from rowbatch.tasks.pool import PoolRunner
from rowbatch.tasks.verify import verify_by
from rowbatch.tools.codebooks import read_any_codebook
from rowbatch.words.notice import Notice

if TYPE_CHECKING:
    import polars as pl

    from rowbatch.core.codebook import Codebook

_UNLIMITED = 1 << 62
_GUESSED_ROWS = 500
_SHOWN_ADDRESS = 80
_BEFORE_SENDING = ("built", "policy", TAKEN_OVER, TEXTS_REPEAT)


@dataclass(frozen=True, slots=True, repr=False)
class Preview(Shown):
    """
    What a run will send, before anything is sent.

    Attributes:
        built: Rows, requests, skipped rows, shards.
        first_row: Number of the row that the first request is made of.
        first_request: Its body.
        provider: Who is asked, for people.
        model: Which model.
        destination: Where the texts go: addresses, or "this computer".
        cost: What it will cost.
        cost_of_all: What it would cost if no answer were taken over from earlier runs.
        note: What must be known about the model, or "".
        encoding_guessed: Of the table, if nothing said it but the text itself; else "".
        notes: What was changed so that the model takes it, what is coming to the model, and what of the
            codebook changed since an earlier run asked these rows.
        is_direct: Rows are asked one by one, at once, and `cost` is that of such calls; else in batches.
        other_cost: What the other of these two ways costs; None where there is no other way.
        change: What of the codebook changed, where `only_changed` could ask only that; else None.
        own_cost: What the first of several models costs; None where it is alone. `cost`, `cost_of_all` and
            `other_cost` are of all models together.
        members: The same of the further models that are asked.
        schedule: What so many batches mean: hours, turns of the queue, files; None where nothing goes in
            batches to a provider.
        same_run: Of a table: a run that is there and asks the same, with which the same call goes on. Rows of
            it that are at work count as to ask here.
    """

    built: BuildReport
    first_row: int
    first_request: Mapping[str, Any]
    provider: str
    model: str
    destination: str
    cost: CostEstimate
    cost_of_all: CostEstimate
    note: str
    encoding_guessed: str = ""
    notes: tuple[Notice, ...] = ()
    is_direct: bool = False
    other_cost: CostEstimate | None = None
    change: CodebookChange | None = None
    own_cost: CostEstimate | None = None
    members: tuple[Preview, ...] = ()
    schedule: Schedule | None = None
    same_run: Path | None = None

    def as_blocks(self) -> Iterator[Block]:
        """Who is asked what for how much, and the first request in full."""
        built = self.built
        yield named(
            {
                "rows": f"{built.rows:,}",
                "to ask": f"{built.requests:,}",
                "request files": f"{built.shards:,}",
                "without a text": f"{built.skipped:,}" if built.skipped else "",
                "repeat another row": f"{built.duplicates:,}" if built.duplicates else "",
                "have their answer": f"{built.taken_over:,}" if built.taken_over else "",
                "from": ", ".join(built.taken_from),
                "broken rows": f"{built.bad_rows:,}" if built.bad_rows else "",
                "model": f"{self.model}, {self.provider}",
                "and": "; ".join(
                    f"{one.model}, {one.provider}: {one.built.requests:,} to ask" for one in self.members
                ),
                "goes to": self.destination,
                "cost": self.cost.told(),
                self._name_of_other_way: "" if self.other_cost is None else self.other_cost.told(),
                "encoding": f"{self.encoding_guessed}, by the look of the table"
                if self.encoding_guessed
                else "",
                "run that is there": "" if self.same_run is None else str(self.same_run),
            }
        )
        if built.requests:
            yield Paragraph(f"The first request, of row {self.first_row:,}:")
            yield Code("\n".join(f"{who}: {text}" for who, text in self.first_messages))
        yield from notes_of(self.notes)
        if self.schedule is not None:
            yield from notes_of(self.schedule.notes)
        if self.note:
            yield Paragraph(f"note: {self.note}")

    @property
    def first_messages(self) -> tuple[tuple[str, str], ...]:
        """Who says what in the first request, whatever its endpoint; an image is named in its place."""
        body = self.first_request
        said = body.get("messages", body.get("input", ""))
        messages = said if isinstance(said, list) else [{"role": "user", "content": said}]
        if "instructions" in body:
            messages = [{"role": "system", "content": str(body["instructions"])}, *messages]
        return tuple((str(message["role"]), _text_of(message["content"])) for message in messages)

    @property
    def _name_of_other_way(self) -> str:
        return "in batches" if self.is_direct else "row by row"

    @property
    def requests(self) -> int:
        """How many requests will be sent, to all models."""
        return self.built.requests + sum(one.built.requests for one in self.members)


@dataclass(frozen=True, slots=True)
class RepairOffer:
    """
    What asking rows again would be.

    Attributes:
        cost: Of it; of answers that were cut off as if each were as long as it may be.
        is_same: The same was asked before, and failed.
        limit, longer: Tokens that such an answer may have now and then; None where it is not about that.
    """

    cost: CostEstimate
    is_same: bool = False
    limit: int | None = None
    longer: int | None = None


def _text_of(content: object) -> str:
    """The text of a message that may have parts."""
    parts = content if isinstance(content, list) else [content]
    return "\n".join(_part(part) if isinstance(part, Mapping) else str(part) for part in parts)


def _part(part: Mapping[str, Any]) -> str:
    if "text" in part:
        return str(part["text"])
    image = part.get("image_url", "")
    address = str(image.get("url", "") if isinstance(image, Mapping) else image)
    return f"[image {address if len(address) <= _SHOWN_ADDRESS else address[: _SHOWN_ADDRESS - 1] + '…'}]"


class Run(Shown):
    """One run directory and its verbs. Each verb does what is left, and can be called again."""

    def __init__(
        self,
        path: str | Path,
        *,
        headers: Mapping[str, str] | None = None,
        form_fields: Mapping[str, str] | None = None,
        whole: Run | None = None,
    ) -> None:
        self._directory = RunDirectory(Path(path))
        self._plan = self._directory.plan()
        self._headers, self._form_fields = headers or {}, form_fields or {}
        # Whose lock is held while this one works, as a further model of it.
        self._led_by = whole
        if self._headers and self._is_own_server:
            raise UsageError("headers-to-nobody")
        name_places(self._plan.asking.base_url, self._headers)
        # What the policy says about the first part decides it, too.
        self._prefix_tokens: int | None = None

    def as_blocks(self) -> Iterator[Block]:
        """How it stands, and how it is opened again."""
        try:
            yield from self.status(most_states=0, most_events=0).as_blocks()
        except RowbatchError as error:
            # Whatever is wrong with it, it can be looked at.
            yield Paragraph(str(error), is_alert=True)
        yield Paragraph(f"rowbatch.open({str(self.path)!r})")

    @property
    def path(self) -> Path:
        """The run directory."""
        return self._directory.path

    @property
    def members(self) -> tuple[Run, ...]:
        """The runs of the further models; they are made here where one is not there yet."""
        found = []
        for directory, asking in zip(
            self._directory.members(self._plan), self._plan.askings[1:], strict=True
        ):
            if not directory.settings_path.is_file():
                create_step.create_member(self._directory, directory, asking)
            is_same = (asking.provider, asking.base_url) == (
                self._plan.asking.provider,
                self._plan.asking.base_url,
            )
            found.append(
                Run(
                    directory.path,
                    headers=self._headers if is_same else None,
                    form_fields=self._form_fields if is_same else None,
                    whole=self,
                )
            )
        return tuple(found)

    @contextmanager
    def _locked(self, doing: str) -> Iterator[None]:
        """
        Hold the run; where it is a further model's that of all, and where it asks otherwise the one that
        asked first: these share one cap.
        """
        whole = self._directory.whole
        base = (whole or self._directory).base
        with ExitStack() as holding:
            if self._led_by is None:
                for outer in (base, whole):
                    if outer is not None:
                        holding.enter_context(run_lock(outer.path, doing))
            holding.enter_context(run_lock(self.path, doing))
            yield

    @property
    def output(self) -> Path:
        """Where the labelled table goes."""
        return self._directory.output_of(self._plan)

    @property
    def plan(self) -> Plan:
        """Its frozen part: what was asked of what, and how."""
        return self._plan

    @property
    def codebook(self) -> Codebook:
        """What is asked of each text."""
        return self._plan.question.codebook

    @property
    def prompt(self) -> str:
        """The person's own words for what is asked; "" where there are none."""
        return prompt_of(self._plan.question)

    @property
    def header(self) -> tuple[str, ...]:
        """Names of the columns of its table."""
        return open_source(self._plan.source, self.path).header

    @property
    def is_local(self) -> bool:
        """Whether the model runs on this machine; of several models, whether all do."""
        return self._plan.is_wholly_local

    def plan_tasks(
        self,
        runner: str = "array",
        *,
        rows_per_task: int | None = None,
        store: str = "",
        hooks: Hooks | None = None,
    ) -> TaskPlan:
        """
        Plan the writing of the request files as tasks, which any machine can do. Once: a plan stays as it is.

        Args:
            runner: What is to do them where nobody says it later: `serial`, `pool`, `array` or `ray`.
            rows_per_task: At most so many; None means as many as make one request file.
            store: An address on object storage, for machines that do not see the folder of the run: the plan
                is brought there, and what they write lies there.
            hooks: Told how it goes.
        Raises:
            TableError: The table is broken.
            UsageError: It asks several models, or only what was not asked before.
            RunError: Its request files are there already.
            RunLocked: Another process works on the run.
        """
        hooks = hooks or Hooks()
        _tell(hooks, "build")
        with self._locked("plan"):
            if is_built(self._directory) and not is_planned(self._directory):
                raise RunError("tasks-too-late", path=str(self.path))
            return make_plan(
                self._directory, runner, rows_per_task=rows_per_task, store=store, progress=hooks.rows
            )

    def build(
        self,
        hooks: Hooks | None = None,
        *,
        runner: str | None = None,
        workers: int | None = None,
        ray_address: str | None = None,
    ) -> BuildReport:
        """
        Write the request files. Nothing is sent.

        Args:
            hooks: Told how it goes.
            runner: Write them by tasks: in this process (`serial`), in several (`pool`), by a cluster of Ray
                (`ray`), or by an array job (`array`), whose records are taken. None means as it was planned,
                or else without tasks.
            workers: How many processes of a pool, or tasks of Ray at once; None means one a processor.
            ray_address: `host:port` or `auto` of a cluster of Ray that runs; None starts Ray here.
        Raises:
            TableError: The table is broken.
            RunError: Tasks of an array job are not done yet.
            RunLocked: Another process works on the run.
        """
        if is_built(self._directory):
            _tell(hooks or Hooks(), "build")
            return read_build_report(self._directory)
        with told_how_it_goes(hooks) as shown, self._locked("build"):
            _tell(shown, "build")
            # The others first: who sees that this one is built need not ask whether they are.
            for member in self.members:
                member.build(shown)
            if runner is not None or is_planned(self._directory):
                return build_by_tasks(self._directory, runner, workers, shown.rows, ray_address=ray_address)
            return build_step.build(self._directory, shown.rows, earlier=self._earlier())

    def _earlier(self) -> list[RunDirectory]:
        """Runs whose answers may be taken over, the newest first."""
        if self._plan.asking.fresh:
            return []
        runs = [RunDirectory(place) for place in reversed(known_places())]
        return [one for run in runs for one in (run, *_members_of(run))]

    def preview(
        self,
        hooks: Hooks | None = None,
        *,
        direct: bool | None = None,
        answer_tokens: float | None = None,
    ) -> Preview:
        """
        What will be sent, to whom, and what it will cost. Builds the run when that is still to do.

        Args:
            hooks: Told how it goes.
            direct: As if it were driven so; None means as it is driven.
            answer_tokens: Of an answer, where they were measured elsewhere; None means as this run measured.
        Raises:
            UsageError: Rows cannot be asked one by one: they are too many, or the model is on this computer.
        """
        built = self.build(hooks)
        plan, asking = self._plan, self._plan.asking
        is_direct = self.policy().direct if direct is None else direct
        if is_direct:
            self._require_direct()
        row, cells = self._first_asked_row()
        before = self._asked_before()
        members = tuple(one.preview(hooks, direct=direct) for one in self.members)
        own_cost = self._built_cost(built, is_direct=is_direct, measured=answer_tokens)
        costs_of_all = [
            self._cost_of_all(built, is_direct=is_direct, measured=answer_tokens),
            *(one.cost_of_all for one in members),
        ]
        other_costs = [one.other_cost for one in members]
        if is_direct or self.can_go_direct:
            other_costs.insert(0, self._built_cost(built, is_direct=not is_direct, measured=answer_tokens))
        known = [cost for cost in other_costs if cost is not None]
        return Preview(
            built=built,
            first_row=row,
            first_request=request_settings(plan.question, asking).body_preview(cells),
            provider=find_provider(asking.provider).title,
            model=asking.model,
            destination=", ".join(
                dict.fromkeys(
                    "this computer" if one.provider == "local" else shown_address(one.base_url)
                    for one in self._plan.askings
                )
            ),
            cost=sum_of_costs([own_cost, *(one.cost for one in members)]),
            cost_of_all=sum_of_costs(costs_of_all),
            is_direct=is_direct,
            other_cost=sum_of_costs(known) if len(known) == len(members) + 1 else None,
            note=model_note(self),
            encoding_guessed=plan.source.encoding_guessed,
            notes=(
                *asking.notes,
                *model_notes(asking.provider, asking.model),
                *_repeat_notes(built),
                *(_change_notes(before) if before is not None else ()),
            ),
            change=before.change if before is not None else None,
            own_cost=own_cost if members else None,
            members=members,
            schedule=None if is_direct or self.is_local else self._schedule(built, own_cost),
        )

    def _schedule(self, built: BuildReport, cost: CostEstimate) -> Schedule | None:
        if not built.requests:
            return None
        policy, asking = self.policy(), self._plan.asking
        return plan_schedule(
            find_room(asking.provider, asking.model, policy),
            batches=built.shards,
            requests=built.requests,
            request_bytes=built.request_bytes,
            prompt_tokens=cost.prompt_tokens_high,
            answer_tokens=cost.answer_tokens_likely,
            frees_inputs=policy.free_inputs,
        )

    @property
    def can_go_direct(self) -> bool:
        """Whether what is not sent yet may be asked row by row."""
        return not self._is_own_server and self._unsent_rows() <= MOST_ROWS

    def _unsent_rows(self) -> int:
        with self._directory.ledger() as ledger:
            return ledger.unsent_rows()

    def _require_direct(self) -> None:
        if self._is_own_server:
            raise UsageError("direct-local")
        rows = self._unsent_rows()
        if rows > MOST_ROWS:
            raise UsageError("direct-too-many", rows=rows, most=MOST_ROWS)

    def _built_cost(
        self, built: BuildReport, *, is_direct: bool, measured: float | None = None
    ) -> CostEstimate:
        return self._estimate(
            built.requests, built.request_bytes, built.prompt_tokens, is_direct=is_direct, measured=measured
        )

    def _asked_before(self) -> AskedBefore | None:
        """An earlier run that asked these rows other variables; None where that is of no use any more."""
        if self._plan.panel is not None or self._led_by is not None:
            # Only what changed is asked of one model alone.
            return None
        if self._plan.question.kept or self._plan.asking.fresh or self._state() not in ("new", "built"):
            return None
        places = [place for place in self._earlier() if place.path.resolve() != self.path.resolve()]
        return find_asked_before(self._plan, open_source(self._plan.source, self.path), places)

    def _cost_of_all(self, built: BuildReport, *, is_direct: bool, measured: float | None) -> CostEstimate:
        """What all rows would cost; those that are taken over have as many tokens in a byte as the others."""
        size = built.request_bytes + built.taken_bytes
        tokens = built.prompt_tokens * size // built.request_bytes if built.request_bytes else 0
        return self._estimate(
            built.requests + built.taken_over, size, tokens, is_direct=is_direct, measured=measured
        )

    def policy(self) -> Policy:
        """How it is driven: as it was made, and what was changed since."""
        plain = self._plan.policy.to_plain()
        plain.update(record_of(self._directory).policy)
        return read_policy(plain)

    def change_policy(self, **changes: Any) -> Policy:
        """
        Change how it is driven, from now on; None leaves a value as it is. Builds the run when that is to do.

        Args:
            changes: Attributes of `Policy`.
        """
        return self._keep_policy(self.policy().changed(**changes))

    def remove_cap(self) -> Policy:
        """Let it spend what it takes, from now on. Where the price is not known no cap can be kept."""
        return self._keep_policy(replace(self.policy(), max_cost_usd=None))

    def change_limits(
        self,
        *,
        tier: int | None = None,
        queue_tokens: int | None = None,
        creations_per_hour: int | None = None,
        storage_bytes: int | None = None,
        free_inputs: bool = False,
    ) -> Policy:
        """
        Say what is known of the limits at the provider, from now on; None means that nothing is.

        Args:
            tier, queue_tokens, creations_per_hour, storage_bytes, free_inputs: As in `Policy`.
        Raises:
            UsageError: The model has no such tier, or a limit is below one; nothing is changed.
        """
        policy = replace(
            self.policy(),
            tier=tier,
            queue_tokens=queue_tokens,
            creations_per_hour=creations_per_hour,
            storage_bytes=storage_bytes,
            free_inputs=free_inputs,
        )
        find_room(self._plan.asking.provider, self._plan.asking.model, policy)
        return self._keep_policy(policy)

    def _keep_policy(self, policy: Policy) -> Policy:
        self.build()
        self._prefix_tokens = None
        # What the run was made with and is no more has to be said.
        plain = {**dict.fromkeys(self._plan.policy.to_plain()), **policy.to_plain()}
        with self._directory.ledger() as ledger:
            if ledger.run().policy != plain:
                ledger.set_policy(plain)
        for member in self.members:
            # There is one cap, and it is here.
            member._keep_policy(replace(policy, max_cost_usd=None))
        return policy

    def _family(self) -> list[RunDirectory]:
        """The runs that share one cap, that of all models first; this one is among them."""
        whole = self._directory.whole or self._directory
        # Of those that ask otherwise each has the cap of all; what was paid before them has its own.
        together = whole.base.variants() if whole.base is not None else [whole]
        return [one for each in together for one in (each, *each.members(each.plan()))]

    def _capped(self, policy: Policy) -> tuple[Policy, Decimal]:
        """The policy with the cap of all models, and what the others have spent or reserved of it."""
        if (whole := self._directory.whole) is not None:
            policy = replace(policy, max_cost_usd=Run(whole.path).policy().max_cost_usd)
        spent = Decimal(0)
        for other in self._family():
            if other.path.resolve() != self.path.resolve() and is_built(other):
                with other.ledger() as ledger:
                    spent += ledger.spent_usd()
        return policy, spent

    def submit(
        self, hooks: Hooks | None = None, *, resubmit_lost: bool = False, go_on: bool = False, **changes: Any
    ) -> DriveReport:
        """
        Submit every shard that has no batch yet, as far as the provider's queue allows. This is the verb that
        may cost money.

        Args:
            hooks: Told how it goes.
            resubmit_lost: Send a shard again whose paid call was lost, once the provider's list has
                not shown it for the waiting time.
            go_on: Submit the rest although much of a shard failed or has no usable answer; one that fails
                later stops again.
            changes: Of the policy.
        Raises:
            ServiceError: The provider refused, or cannot be reached.
            NeedsDecision: A paid call's outcome is not known.
            LocalModelError: The local model is not installed.
        """
        with told_how_it_goes(hooks) as shown:
            self.build(shown)
            _tell(shown, "submit")
            with self._locked("submit"):
                self._require_each(self.change_policy(**changes))
                report = self._drive("submitted", shown, resubmit_lost=resubmit_lost, go_on=go_on, **changes)
                others = [
                    one.submit(shown, resubmit_lost=resubmit_lost, go_on=go_on, **_without_cap(changes))
                    for one in self.members
                ]
                return sum_of_drives([report, *others])

    def _require_each(self, policy: Policy) -> None:
        """
        Make sure that each of several models can be asked before the first one is paid.

        Raises:
            UsageError: There is no key for one, or nobody knows its price, and there is a cap.
        """
        if self._plan.panel is None:
            return
        for one in (self, *self.members):
            provider = find_provider(one.plan.asking.provider)
            if one._nothing_to_send() is not None:
                continue
            if not one._is_own_server:
                require_key(provider, one.plan.asking.base_url)
            if policy.direct:
                one._require_direct()
            if policy.max_cost_usd is not None and not provider.is_free:
                one._require_bound()

    def poll(self) -> Progress:
        """Ask the provider once how the batches stand."""
        with self._locked("poll"), self._client() as client, self._directory.ledger() as ledger:
            ledger.take_over()
            direct = DirectClient(client, self._directory.direct, is_asking=False)
            for shard in ledger.shards(ShardState.SUBMITTED):
                poll_shard(ledger, direct if is_direct(shard.batch_id) else client, shard)
            progress = read_progress(ledger)
            return sum_of_progress([progress, *(one.poll() for one in self.members)])

    def watch(self, hooks: Hooks | None = None, **changes: Any) -> Progress:
        """
        Follow the batches until none is running. May be interrupted: they go on without us.

        Nothing is submitted: shards that wait for room at the provider go with `submit` or `resume`.
        """
        with told_how_it_goes(hooks) as shown:
            self.build(shown)
            _tell(shown, "watch")
            with self._locked("watch"):
                progress = self._drive("over", shown, **changes).progress
                others = [one.watch(shown, **_without_cap(changes)) for one in self.members]
                return sum_of_progress([progress, *others])

    def download(self, hooks: Hooks | None = None) -> DriveReport:
        """Bring the result files of every batch that is over."""
        with told_how_it_goes(hooks) as shown:
            self.build(shown)
            _tell(shown, "download")
            with self._locked("download"):
                report = self._drive("downloaded", shown)
                return sum_of_drives([report, *(one.download(shown) for one in self.members)])

    def collect(
        self,
        output: str | Path | None = None,
        *,
        errors: str | Path | None = None,
        writing: WriteOptions | None = None,
        overwrite: bool = False,
        runner: str | None = None,
        workers: int | None = None,
        ray_address: str | None = None,
        hooks: Hooks | None = None,
    ) -> CollectReport:
        """
        Write the labelled table from what is on disk, every row once with a status.

        With `runner` tasks write it in parts, as Parquet files in the folder `output`.

        Args:
            output: Where to; None means where the run was told to.
            errors: A table of the rows that were asked and are not ok, with reasons.
            writing: How to write the table; None means as the run was told to.
            overwrite: Whether a file that this run did not write may be replaced.
            runner: `serial`, `pool`, `array` or `ray`: of a run that was planned as tasks.
            workers: How many processes of a pool, or tasks of Ray at once; None means one a processor.
            ray_address: `host:port` or `auto` of a cluster of Ray that runs; None starts Ray here.
            hooks: Told how it goes.
        """
        with self._locked("collect"):
            if runner is not None:
                if output is None or errors is not None or writing is not None:
                    raise UsageError("parts-need-folder")
                progress = hooks.rows if hooks is not None else None
                return collect_parts(
                    self._directory,
                    Path(output),
                    runner,
                    workers,
                    overwrite=overwrite,
                    progress=progress,
                    ray_address=ray_address,
                )
            for one in self.members:
                one.collect(hooks=hooks)
            return self._collect(
                hooks or Hooks(), output=output, errors=errors, writing=writing, overwrite=overwrite
            )

    def wait(self, hooks: Hooks | None = None, **changes: Any) -> CollectReport:
        """Watch, download and collect: from submitted batches to the labelled table."""
        with told_how_it_goes(hooks) as shown:
            self.watch(shown, **changes)
            self.download(shown)
            return self.collect(hooks=shown)

    def resume(
        self,
        hooks: Hooks | None = None,
        *,
        resubmit_lost: bool = False,
        go_on: bool = False,
        batches: Mapping[str, str] | None = None,
        **changes: Any,
    ) -> CollectReport:
        """
        Do all that is left, from wherever the run stands, to the labelled table.

        What can be done without a person is done first: also when it needs one, every row is in the table,
        with its status.

        Args:
            hooks: Told how it goes.
            resubmit_lost: As for `submit`.
            go_on: As for `submit`.
            batches: Of shards whose answer was lost, and which the provider's list does not show: name of the
                shard, and id of its batch as the provider's page has it. It is made sure that it is that one.
            changes: Of the policy, as in `rounds=5`.
        Raises:
            NeedsDecision: A paid call's outcome is not known, or too much of a shard failed. The table is
                written.
            ServiceError, StorageError, …: As the verbs.
        """
        with told_how_it_goes(hooks) as shown:
            self.build(shown)
            with self._locked("resume"):
                if batches:
                    self._adopt(batches)
                self._forget_cancelling()
                return self._finish(shown, resubmit_lost=resubmit_lost, go_on=go_on, **changes)

    def _adopt(self, batches: Mapping[str, str]) -> None:
        with self._client() as client, self._directory.ledger() as ledger:
            ledger.take_over()
            for name, batch_id in batches.items():
                adopt_named(ledger, client, name, batch_id)

    def parts_at_provider(self) -> list[str]:
        """Names of the shards of which something is still waited for from the provider."""
        if not is_built(self._directory):
            return []
        with self._directory.ledger() as ledger:
            return [shard.name for shard in give_up_step.parts_at_provider(ledger)]

    def give_up(self, parts: Sequence[str]) -> int:
        """
        Wait for nothing more of some shards, whose batch the provider forgot or whose results it lost.

        They may have been paid for. Their rows are `missing`, and are asked again only by `plan_repair`; what
        they may have cost counts against the cap.

        Args:
            parts: Names of shards, as in `r1-0001`.
        Returns:
            How many rows they ask.
        Raises:
            UsageError: Nothing is waited for of such a shard.
        """
        with (
            self._locked("give-up"),
            self._client() as client,
            self._directory.ledger() as ledger,
        ):
            ledger.take_over()
            return sum(shard.requests for shard in give_up_step.give_up(ledger, client, parts))

    def cancel(
        self, hooks: Hooks | None = None, *, wait_s: float | None = 60.0, **changes: Any
    ) -> CollectReport | None:
        """
        Cancel the batches that run, bring what they have answered, and write the table.

        What was answered is billed, and comes. `resume` asks the rest again.

        Args:
            hooks: Told how it goes.
            wait_s: How long to wait for the batches to end, which takes OpenAI up to ten minutes; None waits
                until then. That some are still ending stands in `stopped_because`; they come with the next
                `cancel`.
            changes: Of the policy.
        Returns:
            None when another process drives the run: that one cancels.
        """
        hooks = hooks or Hooks()
        # Whoever drives them sees it in each.
        for directory in (self._directory, *self._directory.members(self._plan)):
            with directory.ledger() as ledger:
                ledger.set_cancelled(True)
                ledger.add_event("cancel-wanted")
        try:
            with self._locked("cancel"):
                return self._finish(hooks, cancel_wait_s=wait_s, **changes)
        except RunLocked:
            return None

    def _finish(
        self,
        hooks: Hooks,
        *,
        resubmit_lost: bool = False,
        go_on: bool = False,
        cancel_wait_s: float | None = None,
        **changes: Any,
    ) -> CollectReport:
        _tell(hooks, "watch")
        decision: RowbatchError | None = None
        report: DriveReport | None = None
        told = {"resubmit_lost": resubmit_lost, "go_on": go_on, **changes}
        policy = self.change_policy(**changes)
        if cancel_wait_s is None:
            self._require_each(policy)
            if self._plan.panel is not None and not policy.direct:
                # The batches of all models run side by side; then each is followed to its end.
                self._submit_each(hooks, **told)
        try:
            report = self._drive("finished", hooks, cancel_wait_s=cancel_wait_s, **told)
        except (NeedsDecision, ServiceError) as error:
            if self._plan.panel is None and not isinstance(error, NeedsDecision):
                raise
            decision = error
        trouble, held = self._finish_members(hooks, cancel_wait_s=cancel_wait_s, **told)
        collected = self._collect(hooks)
        if decision is not None:
            raise decision
        if trouble is not None:
            raise trouble
        if report is not None and report.needs_person:
            why = report.stopped_because
            is_mass = why is not None and why.kind in MASS_FAILURES
            raise NeedsDecision(
                "stopped-mass-failure" if is_mass else "stopped-unpaid", path=str(self.path), why=why
            )
        if self.policy().clean_up and not collected.has_gaps:
            self._clean()
        if report is not None:
            collected.stopped_because = report.stopped_because or held
        return collected

    def _submit_each(self, hooks: Hooks, **told: Any) -> None:
        """Submit what each model is asked; whatever is in the way of one is told when all are followed."""
        for one in (self, *self.members):
            with ExitStack() as holding, suppress(NeedsDecision, ServiceError):
                if one is not self:
                    holding.enter_context(one._locked("submit"))
                one._drive("submitted", hooks, **(told if one is self else _without_cap(told)))

    def _finish_members(self, hooks: Hooks, **told: Any) -> tuple[RowbatchError | None, Notice | None]:
        """
        Do all that is left of the further models.

        Returns:
            The first trouble that one of them had with its provider, or with a decision that a person has to
            take: the others go on without it. And why not all of one was submitted.
        """
        trouble: RowbatchError | None = None
        held: Notice | None = None
        for one in self.members:
            try:
                with one._locked("resume"):
                    report = one._finish(hooks, **_without_cap(told))
                held = held or report.stopped_because
            except (NeedsDecision, ServiceError) as error:
                trouble = trouble or error
        return trouble, held

    def _forget_cancelling(self) -> None:
        for directory in (self._directory, *self._directory.members(self._plan)):
            with directory.ledger() as ledger:
                if ledger.run().is_cancelled:
                    ledger.set_cancelled(False)

    def _drive(
        self,
        goal: Goal,
        hooks: Hooks,
        *,
        resubmit_lost: bool = False,
        go_on: bool = False,
        cancel_wait_s: float | None = None,
        **changes: Any,
    ) -> DriveReport:
        policy = self.change_policy(**changes)
        if (nothing := self._nothing_to_send()) is not None:
            return nothing
        policy, elsewhere_usd = self._capped(policy)
        asking = self._plan.asking
        provider = find_provider(asking.provider)
        if policy.direct and goal in ("submitted", "finished"):
            self._require_direct()
        if resubmit_lost:
            policy = policy.changed(on_lost_answer="resubmit")
        if policy.max_cost_usd is not None and not provider.is_free:
            self._require_bound()
        is_embeddings = asking.endpoint is Endpoint.EMBEDDINGS
        clock = Clock(sleep=hooks.sleep) if hooks.sleep else None
        with (
            self._client(hooks.said) as client,
            DirectClient(
                client, self._directory.direct, is_asking=True, clock=clock, said=hooks.said
            ) as direct,
            self._directory.ledger() as ledger,
        ):
            if go_on:
                allow_mass_failure(ledger, policy.worst_share)
            if goal in ("submitted", "finished"):
                # It was told with the last stop; whoever goes on says that it is paid for now.
                allow_unpaid_rows(ledger)
            driver = Driver(
                self._directory,
                ledger,
                client,
                url=asking.endpoint,
                model=asking.model,
                reader=None if is_embeddings else AnswerReader(self._plan.question.asked_codebook),
                limits=provider.limits,
                price=price_of_asking(asking, is_direct=False),
                direct=direct,
                direct_price=price_of_asking(asking, is_direct=True),
                reserve_usd=lambda shard: self._most_usd(shard, is_direct=policy.direct),
                policy=drive_policy(
                    policy,
                    provider,
                    asking.model,
                    is_own_server=self._is_own_server,
                    resubmit_lost=resubmit_lost,
                    cancel_wait_s=cancel_wait_s,
                    marks_cache=self._cached_prefix_tokens() > 0,
                    elsewhere_usd=elsewhere_usd,
                ),
                clock=clock,
                hooks=DriveHooks(progress=hooks.progress, said=hooks.said, shard=hooks.shard),
            )
            return driver.drive(goal)

    def _nothing_to_send(self) -> DriveReport | None:
        """A report of nothing done, where every answer was taken over: nobody is called, no key is needed."""
        with self._directory.ledger() as ledger:
            progress = read_progress(ledger, most_states=0)
            return None if progress.shards else DriveReport(progress)

    def _collect(
        self,
        hooks: Hooks,
        *,
        output: str | Path | None = None,
        errors: str | Path | None = None,
        writing: WriteOptions | None = None,
        overwrite: bool = False,
    ) -> CollectReport:
        if self._directory.whole is None:
            _tell(hooks, "collect")
        note = model_note(self)
        address = as_address(output) if output else self._plan.output.address or None
        report = collect_step.collect(
            self._directory,
            output=Path(output) if output and not address else None,
            overwrite=overwrite,
            errors=Path(errors) if errors else None,
            writing=writing,
            notes={"note": note, "demonstration": True} if note else {},
            progress=hooks.rows,
        )
        if address:
            # It is whole here by now: a store that does not answer costs another try, and nothing else.
            may_replace = overwrite or (not output and self._plan.output.overwrite)
            bring(report.path, address, self._directory.store_note, overwrite=may_replace)
            report.address = address
        built = read_build_report(self._directory)
        is_direct = self.policy().direct
        costs = [self._built_cost(built, is_direct=is_direct)]
        costs += [one._built_cost(one.build(), is_direct=is_direct) for one in self.members]
        report.estimate = sum_of_costs(costs)
        return report

    def disagreements(
        self, output: str | Path, *, writing: WriteOptions | None = None, overwrite: bool = False
    ) -> DisagreementReport:
        """
        Write the rows of which the models say different things, those with the least agreement first.

        Args:
            output: Where to; its ending says the format.
            writing: How.
            overwrite: Whether a file may be replaced.
        Returns:
            What was written, and how far each two models agree.
        Raises:
            UsageError: One model alone was asked.
        """
        self.build()
        return write_disagreements(self._directory, Path(output), writing=writing, overwrite=overwrite)

    def plan_repair(self, statuses: Sequence[str]) -> int:
        """
        Plan a round that asks rows again, also those that no round asks again by itself. `resume` drives it.

        Args:
            statuses: Of the rows: `error`, `expired`, `cancelled`, `missing`, `invalid`, `truncated`,
                `refused`.
        Returns:
            How many rows will be asked.
        Raises:
            UsageError: Rows of such a status are not asked again.
            RunError: Batches are still on their way.
        """
        provider = find_provider(self._plan.asking.provider)
        with self._locked("repair"), self._directory.ledger() as ledger:
            ledger.take_over()
            wanted = [_row_status(status) for status in statuses]
            known = find_model(provider.name, self._plan.asking.model)
            longest = known.max_output if known else None
            repair = plan_repair(self._directory, ledger, provider.limits, wanted, longest_answer=longest)
        return repair.rows + sum(one.plan_repair(statuses) for one in self.members)

    def recover(self, *, never_sent: bool = False) -> RecoverReport:
        """
        Make the ledger anew, where it was lost or damaged: of batches.jsonl, the files here, and the
        provider's own word about each batch. Nothing is sent; `resume` goes on from there.

        Args:
            never_sent: You have looked at the provider's page, and know that shards of which nothing is
                known were never sent.
        Raises:
            RunError: The ledger is whole, or too little is left to make it of.
            NeedsDecision: Nobody can tell whether some shards were sent.
        """
        asking = self._plan.asking
        is_embeddings = asking.endpoint is Endpoint.EMBEDDINGS
        with self._locked("recover"), self._client() as client:
            return recover(
                self._directory,
                client,
                reader=None if is_embeddings else AnswerReader(self._plan.question.asked_codebook),
                price=find_price(asking.provider, asking.model),
                never_sent=never_sent,
                direct=DirectClient(client, self._directory.direct, is_asking=False),
            )

    def repairable(self, statuses: Sequence[str]) -> tuple[int, CostEstimate]:
        """Rows of some statuses, when the table was written last, and what asking them again costs."""
        with self._directory.ledger() as ledger:
            collected = [event.detail for event in ledger.events("collected")]
        told = collected[-1].get("statuses_of_own", collected[-1].get("statuses")) if collected else None
        known = told if isinstance(told, dict) else {}
        rows = sum(int(known.get(status, 0)) for status in statuses)
        others = [one.repairable(statuses) for one in self.members]
        costs = [self.repair_cost(rows), *(cost for _, cost in others)]
        return rows + sum(count for count, _ in others), sum_of_costs(costs)

    def repair_offer(self, status: str, rows: int) -> RepairOffer:
        """
        What asking rows of a status again would be: how much longer their answers may be, and what it costs.

        Args:
            status: Of the rows, see `plan_repair`.
            rows: How many.
        """
        wanted = _row_status(status)
        asking = self._plan.asking
        known = find_model(find_provider(asking.provider).name, asking.model)
        with self._directory.ledger() as ledger:
            is_repeated = repaired(ledger, wanted)
            tried = tried_limit(asking.output_limit, ledger)
            longer = longer_limit(asking.output_limit, ledger, known.max_output if known else None)
        if wanted is not RowStatus.TRUNCATED:
            is_same = is_repeated and wanted is RowStatus.REFUSED
            return RepairOffer(self.repair_cost(rows), is_same=is_same)
        if longer is None or tried is None or longer <= tried:
            return RepairOffer(self.repair_cost(rows), is_same=True, limit=tried)
        built, samples = self.build(), asking.samples
        share = rows * samples / built.requests if built.requests else 0.0
        parameters = {name: longer if name in LIMITS else value for name, value in asking.parameters.items()}
        # As if each answer were as long as it may be then.
        cost = estimate_asking(
            self._plan.question,
            replace(asking, parameters=parameters),
            rows * samples,
            prompt_range(
                asking.model,
                round(built.prompt_tokens * share),
                rows * samples,
                round(built.request_bytes * share),
            ),
            measured=float(longer),
            is_direct=self.policy().direct,
        )
        return RepairOffer(cost, limit=tried, longer=longer)

    def repair_cost(self, rows: int) -> CostEstimate:
        """What asking so many rows again would cost, by the mean of all rows."""
        built = self.build()
        rows *= self._plan.asking.samples
        share = rows / built.requests if built.requests else 0.0
        return self._estimate(
            rows,
            round(built.request_bytes * share),
            round(built.prompt_tokens * share),
            is_direct=self.policy().direct,
        )

    def export(
        self,
        output: str | Path,
        *,
        writing: WriteOptions | None = None,
        only_answered: bool = False,
        columns: Sequence[str] | None = None,
        with_status: bool = True,
        least_sure: int | None = None,
        overwrite: bool = False,
        hooks: Hooks | None = None,
    ) -> ExportReport:
        """
        Write the labelled table once more, in any format, with the labels that people corrected, or a project
        of REFI-QDA (`.qdpx`); see `rowbatch.steps.export.export`. Works while the run is driven: rows without
        an answer yet say so.
        """
        self.build(hooks)
        return export(
            self._directory,
            Path(output),
            writing=writing,
            only_answered=only_answered,
            columns=columns,
            with_status=with_status,
            least_sure=least_sure,
            overwrite=overwrite,
            progress=hooks.rows if hooks else None,
        )

    def correct(
        self,
        row: int,
        variable: str,
        label: str | None,
        *,
        chosen_by: str = "",
        answered: AnsweredRow | None = None,
    ) -> None:
        """
        Put a person's label in the place of the model's.

        What the model said stays; exports have both, and what holds. The places of a quote follow it, and
        what is asked only where the variable has another value does not apply any more.

        Args:
            row: From 1.
            variable: Of the codebook.
            label: One of its values, by its kind; None takes the correction back.
            chosen_by: How the row was chosen, as in `least sure`: it is noted beside the correction, since
                such rows say nothing of how often the model is right.
            answered: The row, where it was read already.
        Raises:
            UsageError: There is no such row or variable, or it is none of its values; the variable does not
                apply to the row, or is computed.
        """
        codebook = self.codebook
        if variable not in codebook.columns:
            raise UsageError("no-such-variable", variable=variable)
        found = codebook.answers[codebook.columns.index(variable)]
        if found.is_computed:
            raise UsageError("correction-computed", variable=variable)
        if label is not None:
            label = found.correction(label)
        if not 1 <= row <= self.build().rows:
            raise UsageError("no-such-row", row=row)
        if not needs_row(codebook):
            add_correction(self.path, row, variable, label, chosen_by=chosen_by)
            return
        told = answered or answered_row(self._directory, row)
        human = self.corrections().get(row, {})
        for name, value in changes_of(codebook, told, human, variable, label).items():
            add_correction(self.path, row, name, value, chosen_by=chosen_by)

    def corrections(self) -> Corrections:
        """The labels that people gave, by row number and variable."""
        return read_corrections(self.path)

    def clean(self) -> CleanReport:
        """Remove our files at the provider, once the results are here and in the table."""
        with self._locked("clean"):
            found = [self._clean(), *(one.clean() for one in self.members)]
            return CleanReport(
                sum(report.files for report in found), sum(report.kept_shards for report in found)
            )

    def _clean(self) -> CleanReport:
        with self._client() as client, self._directory.ledger() as ledger:
            ledger.take_over()
            return clean(ledger, client)

    def verify(self, table: str | Path | None = None, *, workers: int | None = None) -> VerifyReport:
        """
        Read every file of the run again and compare with what is known of it. Changes nothing.

        Args:
            table: Where its table lies now; None means where it was, in the run, or beside it.
            workers: How many processes read files; None means this one.
        """
        of_shards = partial(verify_by, PoolRunner(workers), self._directory) if workers is not None else None
        report = verify(self._directory, Path(table) if table is not None else None, of_shards=of_shards)
        for one in self.members:
            found = one.verify(table, workers=workers)
            report.files += found.files
            report.size_bytes += found.size_bytes
            report.faults += found.faults
        return report

    def try_rows(self, rows: int = 10, hooks: Hooks | None = None) -> TrialReport:
        """
        Ask some rows one by one, at once and at the full price, before the run.

        Rows that were tried before are not asked again.

        Args:
            rows: How many, spread over the table.
            hooks: Told how it goes.
        """
        with told_how_it_goes(hooks) as shown:
            self.build(shown)
            with self._locked("try"), self._client() as client:
                return try_rows(
                    self._directory,
                    client,
                    AnswerReader(self._plan.question.asked_codebook),
                    rows=rows,
                    price=price_of_asking(self._plan.asking, is_direct=True),
                    progress=shown.rows,
                )

    def record(self) -> RunRecord:
        """What the ledger knows of the run as a whole; nothing yet of one that is not built."""
        return record_of(self._directory)

    def set_driven(self, driven: Driven) -> None:
        """Keep whether the program that people sit at drives it; one that is not built keeps nothing."""
        if is_built(self._directory):
            with self._directory.ledger() as ledger:
                ledger.set_driven(driven)

    def set_trouble(self, trouble: Mapping[str, object] | None) -> None:
        """Keep why it stands still, None for nothing; one that is not built keeps nothing."""
        if is_built(self._directory):
            with self._directory.ledger() as ledger:
                ledger.set_trouble(trouble)

    def table(self) -> pl.DataFrame:
        """
        The labelled table as a polars frame. Every column is text, unless the table is Parquet: then each has
        its type.

        Collects first when that was not done yet. Header names that stand twice, or are empty, get a
        number, because a frame needs different names; the file has them as they were.
        """
        if self._state() != "collected":
            self.collect()
        # It lies elsewhere when the output could not be written.
        output = self.output if self.output.is_file() else self.status(most_states=0).output
        return _read_frame(output or self.output, self._plan.output.columns)

    def agreement(
        self,
        gold: str | None = None,
        variable: str | None = None,
        *,
        not_coded: str | Iterable[object] = (),
        item: str | None = None,
        people: str | Path | Sequence[str | Path] = (),
    ) -> Comparison:
        """
        Compare the model's own values with those that people gave: the numbers of `compare_with_people`.
        """
        return self.compare_with_people(
            gold, variable, not_coded=not_coded, item=item, people=people
        ).comparison

    def compare_with_people(
        self,
        gold: str | None = None,
        variable: str | None = None,
        *,
        not_coded: str | Iterable[object] = (),
        item: str | None = None,
        people: str | Path | Sequence[str | Path] = (),
    ) -> PeopleComparison:
        """
        Compare the model's own values with those that people gave, and say what had a part in it.

        Only what is on disk counts: a row whose answer is not here yet has no value. Corrections by hand are
        people's, and not the model's. People's cells are read as the model's answers are, and a code that has
        a label in a Stata or SPSS file is that label. A text that stands in several rows counts once, with
        what most people say of it; of numbers, with their mean.

        Args:
            gold: Column of the table that holds the people's value. Rows where it is empty don't count, nor
                do those where it is `NA` or the like, unless that is a value of the codebook.
            variable: Which variable of the codebook; None means the first that can be compared.
            not_coded: Further values that mean that nobody coded the row, as in `["99"]`.
            item: Column that names each text, as an id does; None means that rows that ask the same are one
                text.
            people: Files that people coded, instead of `gold`: what `rowbatch.sample` wrote and they filled
                in, or what Label Studio or doccano exported of it; or coding sets. Rows are found by their
                keys; of several coders, in columns or files, what most of them say of a text counts.
        Returns:
            What fits the kind of the variable, with the rows that are left out.
        Raises:
            UsageError: There is no such column or variable, or the column or a file has other values, or
                none; or a file is of another table.
        """
        files = [people] if isinstance(people, str | Path) else list(people)
        if bool(files) == (gold is not None):
            raise UsageError("people-column-or-file")
        not_coded = read_values(not_coded)
        if gold is not None:
            return compare_with_people(self._directory, gold, variable, not_coded=not_coded, item=item)
        paths = [_file_or_set(Path(path)) for path in files]
        return compare_with_files(self._directory, paths, variable, not_coded=not_coded, item=item)

    def validate(
        self,
        coding_set: str | Path | None = None,
        variable: str | None = None,
        *,
        part: str | None = None,
        with_seen: bool = False,
        wanted: float = PRECISION,
        certainty: float = CERTAINTY,
        confidence: float = 0.95,
        draws: int = 2_000,
        seed: int = 1,
    ) -> RunQuality:
        """
        How good the run is, by what people coded: how far they agree with each other, how far the model does
        with them, and which of its labels may be used unseen.

        Rows that chance drew count, and of codes those that were given without the model's answer in sight.
        An answer that is not there or not allowed is wrong; corrections by hand are no answers of the model.
        Each look at rows that are kept for the end is noted in the set.

        Args:
            coding_set: Its folder, its id or its name; None means the only one of the run's table.
            variable: Of the codebook; None means the first that can be compared.
            part: `test`, `dev`, or `all` rows of the set; None means `test` where there is such a part.
            with_seen: Whether codes count that were given with the model's answer in sight.
            wanted: The share of right ones that a label has to have to be used unseen.
            certainty: How sure that is to be, of all labels and looks together.
            confidence: Of the intervals.
            draws, seed: Of the samples that intervals are made of.
        Raises:
            UsageError: The set is of another table or has no such variable, or people settled on nothing.
            InputError: There is no such set, or it is damaged.
        """
        judging = Judging(
            resampling_of(confidence, draws, seed),
            require_share("wanted", wanted),
            require_share("certainty", certainty),
        )
        coded = self._coded(coding_set, variable, part, with_seen=with_seen)
        return validate_run(self._directory, coded, judging)

    def corrected(
        self,
        coding_set: str | Path | None = None,
        variable: str | None = None,
        *,
        label: object | None = None,
        method: Method | None = None,
        level: float = 0.95,
        by: str | None = None,
        between: str | Sequence[str] = (),
        on: str | Sequence[str] = (),
        outcome: str | None = None,
        model: Model = "linear",
        cluster: str | None = None,
        part: str | None = None,
        with_seen: bool = False,
        draws: int = 2_000,
        seed: int = 1,
    ) -> CorrectedEstimates:
        """
        Shares, means, differences and regressions of the run, corrected for the model's errors.

        All rows of the table with a text are the whole; those that people settled on are the labelled ones.
        Each number comes three times: of the model alone, which is biased, of people alone, and of both.

        Args:
            coding_set, variable, part, with_seen: As in `validate`.
            label: Whose share is wanted; None means the share of every label, or the mean of numbers.
            method: `ppi` (PPI++), `dsl`, or for shares `rogan-gladen`; None means the first that fits.
            level: Of the intervals.
            by: Column of the table with groups, each of which is estimated; of two also their difference.
            between: The two groups whose difference is wanted, where there are more.
            on: Columns of the table with predictors: the label is regressed on them.
            outcome: Column of the table that is regressed on the label, and on those of `on`.
            model: Of the regression: `linear` or `logistic`.
            cluster: Column of the table with what belongs together, as texts of one person.
            draws, seed: Of the draws that intervals of shares are made of.
        Raises:
            UsageError: As in `validate`; or something does not fit together.
            InputError: There is no such set, or it is damaged.
        """
        resampling = resampling_of(level, draws, seed)
        wanted = _estimand(
            label, by, between, on, method=method, outcome=outcome, model=model, cluster=cluster
        )
        coded = self._coded(coding_set, variable, part, with_seen=with_seen)
        return correct_run(self._directory, coded, wanted, resampling)

    def distil(
        self,
        table: str | Path | None = None,
        output: str | Path | None = None,
        *,
        rest: str | Path | None = None,
        student: str | Path | None = None,
        coding_set: str | Path | None = None,
        variable: str | None = None,
        part: str | None = None,
        with_seen: bool = False,
        wanted: float = PRECISION,
        certainty: float = CERTAINTY,
        all_labels: bool = False,
        label: object | None = None,
        method: Method | None = None,
        level: float = 0.95,
        by: str | None = None,
        between: str | Sequence[str] = (),
        on: str | Sequence[str] = (),
        outcome: str | None = None,
        model: Model = "linear",
        cluster: str | None = None,
        draws: int = 2_000,
        seed: int = 1,
        writing: WriteOptions | None = None,
        overwrite: bool = False,
        hooks: Hooks | None = None,
        **reading: Unpack[ReadingKeywords],
    ) -> Distillation:
        """
        A small classifier on this computer learns the run's labels, and labels all other rows of a table.

        What people coded is the truth: it is never learned from, and says how often the student is right,
        which of its labels may be used unseen, and what numbers of the table are, corrected for its errors.
        Each row of the table comes out once, in order, with all its cells and, of the variable `mood`,
        `mood`, `mood_from` (`model`, `student`, `left`, `blank`), `mood_student` and `mood_sure`.

        Args:
            table: The table; None means the run's own, of which only some rows were asked.
            output: The table that is written; None means `distilled.csv` in the run.
            rest: A table of the rows that are left, to be asked of the model; None for none.
            student: The file of a student of the same question that was learned earlier, as for the next wave
                of a survey (`teaching.path` of what `distil` gave); None means that it is learned from the
                run.
            coding_set: What people coded of the table, or of the run's: its folder, its id or its name; None
                means the only one.
            variable: Of the codebook; None means the first that can be learned.
            part, with_seen: As in `validate`.
            wanted: The share of right ones that a label has to have to be used unseen.
            certainty: How sure that is to be, of all labels and looks together.
            all_labels: Labels of which nothing is shown are written, too; nobody needs to have coded then.
            label, method, level, by, between, on, outcome, model, cluster: Which numbers, as in `corrected`.
            draws: Of the draws that intervals are made of.
            seed: Of these, and of the parts that students are judged by.
            writing: How tables are written.
            overwrite: Whether they may be replaced.
            hooks: Told how many rows were read.
            reading: How the table is read, see `ReadOptions`.
        Raises:
            UsageError: Something does not fit together, or there is too little to learn from.
            InputError: There is no such set, or it is damaged.
            OutputExists, StorageError, CannotHold: A table cannot be written.
        """
        resampling = resampling_of(level, draws, seed)
        estimand = _estimand(
            label, by, between, on, method=method, outcome=outcome, model=model, cluster=cluster
        )
        wish = Wish(
            output=None if output is None else Path(output),
            rest=None if rest is None else Path(rest),
            student=None if student is None else Path(student),
            coding_set=coding_set,
            variable=variable,
            part=part,
            with_seen=with_seen,
            estimand=estimand,
            judging=Judging(resampling, wanted, certainty),
            all_labels=all_labels,
            seed=seed,
            writing=writing,
            overwrite=overwrite,
        )
        with told_how_it_goes(hooks) as shown:
            return distil_run(self, table, wish, reading_of(reading), shown)

    def _coded(
        self, coding_set: str | Path | None, variable: str | None, part: str | None, *, with_seen: bool
    ) -> CodedRun:
        """This run beside a coding set."""
        chosen = require_part(part)
        return CodedRun(
            self._plan,
            find_set(coding_set) if coding_set is not None else set_of_run(self._plan, variable),
            run=self.path.name,
            header=self.header,
            variable=variable,
            part=chosen,
            with_seen=with_seen,
        )

    def labels_of_rows(self, variable: str) -> pl.DataFrame:
        """The model's own value of each row: `row`, and `stratum`, which is empty where there is none."""
        self.build()
        return labels_of_rows(self._directory, variable)

    def least_sure_rows(self, count: int, but: Iterable[int] = ()) -> list[int]:
        """
        Numbers of the rows that the model was least sure of, without those in `but`.

        Raises:
            UsageError: Nobody asked how sure it was.
        """
        self.build()
        return [int(row) for row in least_sure_rows(self._directory, count, but)]

    def status(self, *, most_states: int | None = None, most_events: int = MOST_EVENTS) -> Status:
        """
        How the run stands, from its files. Asks nobody and changes nothing.

        Args:
            most_states, most_events: As in `find_status`; 0 where they are not looked at.
        """
        return status_of(self._directory, most_states=most_states, most_events=most_events)

    def standing(self, *, most_states: int | None = None, most_events: int = MOST_EVENTS) -> Status:
        """As `status`, also of a run whose ledger cannot be used."""
        return standing_of(self._directory, most_states=most_states, most_events=most_events)

    def _state(self) -> str:
        return self.status(most_states=0, most_events=0).state

    def discard(self) -> None:
        """
        Remove a run directory of which nothing was ever taken: nothing was sent, or each call was refused.

        Raises:
            RunError: Something was sent, or may have been; or rows were tried, which may have cost money.
            RunLocked: Another process works on it.
        """
        with self._locked("discard"):
            for one in self._directory.members(self._plan):
                if one.settings_path.is_file():
                    Run(one.path, whole=self).discard()
            for one in self._directory.variants():
                Run(one.path, whole=self).discard()
            if is_built(self._directory):
                with self._directory.ledger() as ledger:
                    standing = [one for one in ledger.standing() if one.round > 0]
                    is_untouched = all(
                        one.state is ShardState.WRITTEN and one.round == 1 for one in standing
                    ) and not any(event.kind not in _BEFORE_SENDING for event in ledger.events())
                    # What rows were refused for one by one, all would be: nothing was billed.
                    is_refused = all(
                        one.round == 1 and (one.state is ShardState.WRITTEN or is_direct(one.batch_id or ""))
                        for one in ledger.shards()
                        if one.round > 0
                    ) and was_only_refused(self._directory.direct)
                if not (is_untouched or is_refused) or self._directory.trial_path.exists():
                    raise RunError("run-was-sent", path=str(self.path))
            remove_run(self._directory)

    def discard_untouched(self) -> None:
        """Remove it where nothing was ever sent; else leave it as it is."""
        with suppress(RunError):
            self.discard()

    def _first_asked_row(self) -> tuple[int, Mapping[str, str]]:
        table = open_source(self._plan.source, self.path)
        question = self._plan.question
        # Which rows repeat others does not matter: the first one of its kind is asked.
        requests = TableRequests(table, question, replace(self._plan.asking, dedupe=False))
        first = requests.first(self._first_sent_row())
        if first is None:
            raise UsageError("no-row-has-text", rows=self.build().rows)
        return first

    def _first_sent_row(self) -> int:
        """The first row whose answer is not taken over; the first of all where each is."""
        if not is_built(self._directory):
            return 1
        with self._directory.ledger() as ledger:
            return ledger.first_row()

    def _estimate(
        self,
        requests: int,
        request_bytes: int,
        prompt_tokens: int = 0,
        *,
        is_direct: bool = False,
        measured: float | None = None,
    ) -> CostEstimate:
        return estimate_asking(
            self._plan.question,
            self._plan.asking,
            requests,
            prompt_range(self._plan.asking.model, prompt_tokens, requests, request_bytes),
            measured=measured_answer_tokens(self._directory) if measured is None else measured,
            written_tokens=self._cached_prefix_tokens() * requests,
            is_direct=is_direct,
        )

    def _cached_prefix_tokens(self) -> int:
        """Tokens of each request that may be written to the provider's cache, the most that they can be."""
        if self._prefix_tokens is None:
            self._prefix_tokens = self._count_cached_prefix()
        return self._prefix_tokens

    def _count_cached_prefix(self) -> int:
        if self._plan.asking.provider != "anthropic":
            return 0
        first_rows = first_rows_of(self.policy())
        with self._directory.ledger() as ledger:
            sent = ledger.first_of_round(1, 2)
        has_first_part = len(sent) > 1 and sent[0].requests <= first_rows
        return cached_prefix_tokens(self._plan, has_first_part=has_first_part)

    def _answer_bound(self) -> int | None:
        """The most tokens that one answer can have; None where nobody says."""
        asking = self._plan.asking
        if asking.endpoint is Endpoint.EMBEDDINGS:
            return 0
        known = find_model(asking.provider, asking.model)
        return asking.output_limit or (known.max_output if known else None)

    def _require_bound(self) -> None:
        asking = self._plan.asking
        if find_price(asking.provider, asking.model) is None:
            raise UsageError("price-unknown", model=asking.model, prices_file=str(_models.overrides_path()))
        if self._answer_bound() is None:
            raise UsageError("answers-unbounded")

    def _most_usd(self, shard: Shard, *, is_direct: bool = False) -> Decimal:
        """The most that a shard can cost: every token of its prompts, and every answer at its limit."""
        asking = self._plan.asking
        price = price_of_asking(asking, is_direct=is_direct)
        if price is None or find_provider(asking.provider).is_free:
            return Decimal(0)
        bound = self._answer_bound()
        if bound is not None and shard.round > 1:
            # Rows that were cut off may be asked again with more room.
            bound = max(bound, largest_output_limit(self._directory.request_path(shard.name)) or 0)
        if bound is None:
            estimate = self._estimate(shard.requests, shard.bytes, shard.tokens, is_direct=is_direct)
            return estimate.high_usd or Decimal(0)
        # No token is shorter than a byte. Nothing is counted on that is read from a cache.
        written = price.written_usd(self._cached_prefix_tokens() * shard.requests)
        return price.usd(shard.tokens or shard.bytes, shard.requests * bound) + written

    @property
    def _is_own_server(self) -> bool:
        return is_own_server(self._plan)

    @contextmanager
    def _client(self, said: Callable[[Notice], None] | None = None) -> Iterator[BatchClient]:
        provider = find_provider(self._plan.asking.provider)
        base_url = self._plan.asking.base_url
        if self._is_own_server:
            endpoint = ensure_local_server()
            with HttpClient(endpoint.base_url, Key(endpoint.key, "server.key"), said=said) as http:
                yield client_for(provider, http)
        else:
            asking = self._plan.asking
            headers = find_headers(provider, base_url, kept=asking.headers, given=self._headers)
            fields = {**asking.form_fields, **self._form_fields}
            with provider_client(provider, base_url, headers, fields, said) as client:
                yield client

    def check(self, *, probe: bool, now: datetime) -> list[Check]:
        """What `rowbatch doctor RUN` shows; see `api.doctor`."""
        self.build()
        asking = self._plan.asking
        provider = find_provider(asking.provider)
        status = self.status(most_states=0)
        checks = check_folder(self.path, rows=status.built.requests if status.built else 0)
        with self._client() as client:
            if not self._is_own_server:
                has_key = find_key(provider, asking.base_url) is not None
                checks += check_provider(client, has_key=has_key)
            if probe and all(check.grade != "fault" for check in checks):
                _, cells = self._first_asked_row()
                body = request_settings(self._plan.question, asking).body_preview(cells)
                checks.append(check_probe(client, asking.endpoint, body))
        with self._directory.ledger() as ledger:
            waiting = check_results_age(ledger, provider.results_days, now)
        return [*checks, *([waiting] if waiting else [])]


@contextmanager
def provider_client(
    provider: Provider,
    base_url: str,
    headers: SentHeaders | None = None,
    form_fields: Mapping[str, str] | None = None,
    said: Callable[[Notice], None] | None = None,
) -> Iterator[BatchClient]:
    """
    The calls of a provider at an address, with the key that belongs there.

    Args:
        provider: Who is asked.
        base_url: Where.
        headers: Further ones of each call; None means those that are kept for the host.
        form_fields: Further ones of each upload.
        said: As in `HttpClient`.
    Raises:
        UsageError: There is no key for it.
    """
    key = require_key(provider, base_url)
    sent = headers if headers is not None else find_headers(provider, base_url)
    if host_of(base_url) != host_of(provider.base_url):
        # Of other endpoints less is known than of the provider's own.
        provider = replace(provider, quirks=replace(provider.quirks, has_expiry=False))
    with HttpClient(
        base_url,
        key,
        key_header=provider.key_header,
        key_prefix=provider.key_prefix,
        headers={**headers_of(provider), **sent.plain},
        secret_headers=sent.secret,
        form_fields=form_fields or {},
        said=said,
    ) as http:
        yield client_for(provider, http)


@told_by_address()
def create(
    table: str | Path | object,
    *,
    text: str | int | tuple[object, ...] | None = None,
    labels: str | Iterable[object] | None = None,
    prompt: str | None = None,
    codebook: str | Path | Mapping[str, Any] | Codebook | None = None,
    variable: str = "label",
    template: str | None = None,
    provider: str | None = None,
    base_url: str | None = None,
    model: str | None = None,
    endpoint: str = "chat",
    temperature: float | None = None,
    max_tokens: int | None = None,
    reasoning_effort: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    image: str | int | tuple[object, ...] | None = None,
    image_folder: str | Path | None = None,
    dedupe: bool = False,
    confidence: bool = False,
    samples: int = 1,
    with_models: str | Sequence[str] = (),
    consensus: str = "majority",
    fresh: bool = False,
    only_changed: bool = False,
    output: str | Path | None = None,
    writing: WriteOptions | None = None,
    overwrite: bool = False,
    run: str | Path | None = None,
    policy: Policy | None = None,
    direct: bool = False,
    reuse: bool = False,
    name: str = "",
    is_listed: bool = True,
    headers: Mapping[str, str] | Iterable[str] = (),
    form_fields: Mapping[str, str] | Iterable[str] = (),
    **reading: Unpack[ReadingKeywords],
) -> Run:
    """
    Make a run: check everything and freeze it in a run directory. Nothing is sent.

    Args:
        table: The input: a file of any format, its address on object storage (`s3://BUCKET/NAME`), a folder
            of .txt files or of tables, or a data frame (polars, pandas, Arrow, whatever speaks as these do, a
            dictionary of lists, a list of dictionaries), which is kept in the run directory. It is never
            changed.
        text: Name of the column with the text; of a data frame as it names it: `1`, `("q1", "text")`.
        labels: The labels to choose from, in a list or in a text as `--labels` has them: `"good,bad"`.
            Without labels and codebook the answer is free text.
        prompt: What to ask about each text.
        codebook: A codebook file of any form (YAML, JSON, a table, an XLSForm, a classify call, codes of
            REFI-QDA), or its content; instead of `labels`.
        variable: Name of the answer's column when `labels` are given, or a codebook that has only labels.
        template: The user message with `{{column}}` placeholders; None means the text alone.
        provider: Who is asked; `local` is the model on this machine. None means as `rowbatch.toml` beside the
            table says, or the user's own, or else `local`; the same of `model` and the cap of `policy`.
        base_url: Another address that speaks the provider's API.
        model: None means the provider's default.
        endpoint: `chat`, `responses` or `embeddings`.
        temperature, max_tokens: Of each request; None means the provider's default.
        reasoning_effort: How much a model that reasons may think: `none`, `minimal`, `low`, `medium`, `high`
            or `xhigh`, as far as it takes these; None means the provider's default.
        parameters: Any others, as the endpoint names them.
        image: Column with an image beside the text.
        image_folder: Where the files lie that it names; None means that it holds addresses of the web.
        dedupe: Ask rows that ask the same once; the answer goes to all of them.
        confidence: Also ask how sure the model is of each value, by the probabilities of its tokens: the
            labelled table has `<variable>_confidence`, and `confidence_basis`.
        samples: Ask each row so often, 2 to 10 times, and take the commonest value; its confidence is the
            share of samples that agree. It costs so many times as much.
        with_models: Further models that are asked the same, as in `["openai:gpt-5-mini"]`: the table has what
            they agree on, each one's answer, and how many agree. It costs what all of them cost.
        consensus: How their answers become one: `majority`, or `dawid-skene`, which weighs each model by the
            errors that it seems to make.
        fresh: Ask every row. Otherwise rows whose very request was answered in another run on this computer
            have that answer, and are not asked: see `Preview.built`.
        only_changed: Where another run on this computer asked these rows a codebook of which only some
            variables are other ones now: ask only these, and keep the values of the others. A model that is
            asked less at once may answer otherwise.
        writing: How the labelled table is written.
        output: Where the labelled table goes; None means into the run directory.
        overwrite: Whether `output` may be replaced.
        run: Where the run directory shall lie; None means `rowbatch-runs/<table>`, numbered.
        policy: How it is driven: pace, cap, rounds.
        direct: Ask row by row, at once and at the ordinary price, instead of in batches; up to 5,000 rows.
        reuse: When there is a run already that asks the same of the same table, for the same output, go on
            with that one: the same command twice is one run.
        name: What people call the table, where its file is called otherwise.
        is_listed: Whether it is among the runs of this machine.
        headers: Further ones of each call, to the named host only. A value is `env:NAME`, `keyring:NAME` or
            `plain:VALUE`; one by itself is known to this process alone, and only its name is kept.
        form_fields: Further ones of each upload, as gateways want them; they are kept in the run.
        reading: How the table is read: `encoding`, `delimiter`, `sheet`, `on_bad_rows`, `header`,
            `skip_rows`, `quote`, `escape`, `rows`, `program`, see `ReadOptions`.
    Raises:
        TableError, CodebookError, OutputExists, UsageError: Something does not fit; nothing was made.
    """
    frame = None if isinstance(table, str | Path) else from_frame(table)
    copy = copy_of(table) if isinstance(table, str | Path) else Copy(Path("frame"))
    address = as_address(output) if output else None
    if output and isinstance(table, str | Path) and is_same_object(output, table):
        raise UsageError("output-is-input")
    if output and isinstance(table, str | Path):
        require_outside(output, table)
    options = reading_of(reading)
    if provider is None:
        settings = find_settings(table)
        provider, model = settings.provider or "local", model or settings.model
        policy = policy or Policy(max_cost_usd=settings.max_cost_usd)

    if text is None and not template:
        raise without_column(copy.path, frame, options)
    question = question_of(
        text=text,
        labels=labels,
        prompt=prompt,
        codebook=codebook,
        variable=variable,
        template=template,
        image=image,
        image_folder=image_folder,
    )
    said_headers, said_fields = read_headers(headers), read_form_fields(form_fields)

    said = Said(temperature, max_tokens, parameters or {}, reasoning_effort or "")
    named = [with_models] if isinstance(with_models, str) else list(with_models)

    def asked(question: Question) -> Plan:
        asking = asking_of(
            question,
            said,
            provider=provider,
            model=model or "",
            base_url=base_url or "",
            endpoint=find_endpoint(endpoint),
            dedupe=dedupe,
            headers=said_headers,
            form_fields=said_fields,
            confidence=confidence,
            samples=samples,
            fresh=fresh,
        )
        panel = panel_of(
            question, said, asking, named, consensus, headers=said_headers, form_fields=said_fields
        )
        return Plan(
            source=Source(
                copy.path, reading=options, name=name, origin=copy.origin, origin_version=copy.version
            ),
            question=question,
            asking=asking,
            output=Output(
                Path(output) if output and not address else None,
                overwrite,
                writing or WriteOptions(),
                address=address or "",
            ),
            policy=replace(policy or Policy(), direct=direct or (policy is not None and policy.direct)),
            panel=panel,
        )

    plan = asked(question)
    if only_changed:
        plan = only_changed_plan(plan, asked, frame=frame)
    return create_planned(
        plan,
        Path(run) if run else None,
        frame=frame,
        reuse=reuse,
        is_listed=is_listed,
        headers=said_headers,
        form_fields=said_fields,
    )


def without_column(path: Path, frame: pl.DataFrame | None, reading: ReadOptions | None) -> UsageError:
    """A column is to be named; which one looks like it is said, and nothing is asked of a guess."""
    if frame is not None:
        named = [name for name, kind in frame.schema.items() if str(kind) == "String"]
        texts = frame.head(_GUESSED_ROWS).select(named)
        position = likely_text_column(texts.columns, texts)
        likely = "" if position is None else texts.columns[position]
    else:
        likely = likely_column_of(path, reading)
    if likely:
        return UsageError("question-with-likely-column", likely=likely)
    return UsageError("question-without-column")


def only_changed_plan(
    plan: Plan, asked: Callable[[Question], Plan], *, frame: pl.DataFrame | None = None
) -> Plan:
    """
    The plan that asks only the variables that changed since another run asked the rows of its table.

    Args:
        plan: What is asked in all.
        asked: Makes the plan of another question: parameters may depend on it.
        frame: The input instead of the plan's file.
    Raises:
        UsageError: No run on this computer did, or all of it changed.
    """
    with ExitStack() as leaving:
        if frame is not None:
            folder = Path(leaving.enter_context(TemporaryDirectory(prefix="rowbatch-")))
            frame.write_parquet(folder / "frame.parquet")
            table = open_table(folder / "frame.parquet")
        else:
            table = open_table(plan.source.path, plan.source.reading)
        places = [RunDirectory(place) for place in reversed(known_places())]
        before = find_asked_before(plan, table, places)
    if before is None:
        raise UsageError("no-earlier-codebook")
    made = asked(with_only_changed(plan, before).question)
    asking = replace(made.asking, notes=(*made.asking.notes, _kept_note(before)))
    return replace(made, asking=asking)


def _kept_note(before: AskedBefore) -> Notice:
    change = before.change
    return Notice(
        "note-only-changed", {"asked": list(change.asked), "kept": list(change.same), "run": before.name}
    )


def _change_notes(before: AskedBefore) -> list[Notice]:
    """What changed since, in a sentence each."""
    change = before.change
    notes = []
    if change.added:
        notes.append(Notice("note-variables-added", {"names": list(change.added), "run": before.name}))
    if change.redefined:
        notes.append(
            Notice("note-variables-redefined", {"names": list(change.redefined), "run": before.name})
        )
    if change.removed:
        notes.append(Notice("note-variables-removed", {"names": list(change.removed), "run": before.name}))
    return [*notes, Notice("note-only-changed-offered", {"names": list(change.asked)})]


def create_planned(
    plan: Plan,
    place: Path | None = None,
    *,
    frame: pl.DataFrame | None = None,
    reuse: bool = False,
    is_listed: bool = True,
    headers: Mapping[str, str] | None = None,
    form_fields: Mapping[str, str] | None = None,
) -> Run:
    """
    Make a run of a plan: it is checked against its table, and frozen. Nothing is sent.

    Args:
        plan: What is asked.
        place: Where the run directory shall lie; None means `rowbatch-runs/<table>`, numbered.
        frame: The input instead of the plan's file.
        reuse: Go on with a run that asks the same, where there is one.
        is_listed: Whether it is among the runs of this machine.
        headers, form_fields: With their values, for this process; see `create`.
    Raises:
        TableError, OutputExists, UsageError: As `create`.
    """
    existing = runs_to_go_on_with(place) if reuse and frame is None else []
    directory = RunDirectory(place or free_run_path(Path(RUNS_FOLDER), plan.source.path.stem))
    same = create_step.create(
        directory,
        plan,
        frame=frame,
        existing=existing,
    )
    if same is not None:
        return Run(same.path, headers=headers, form_fields=form_fields)
    if is_listed:
        remember_run(home(), directory.path)
    return Run(directory.path, headers=headers, form_fields=form_fields)


def runs_to_go_on_with(place: Path | None) -> list[RunDirectory]:
    """Where a run may be with which one that shall lie at this place goes on; None means anywhere below."""
    places = [place] if place else sorted(Path(RUNS_FOLDER).glob("*"))
    return [RunDirectory(one) for one in places if (one / "run.toml").is_file()]


def open_run(run: str | Path, *, headers: Mapping[str, str] | Iterable[str] = ()) -> Run:
    """
    Open a run that was made before.

    Args:
        run: Its directory, or its name when it lies in `rowbatch-runs/` or is known on this machine.
        headers: Further ones of each call, as in `create`. What the run keeps of them need not be given
            again, only values that it could not keep.
    """
    return Run(place_of(run), headers=read_headers(headers))


def _members_of(run: RunDirectory) -> list[RunDirectory]:
    """The runs of further models in another run; none where its plan cannot be read."""
    try:
        return [one for one in run.members(run.plan()) if one.settings_path.is_file()]
    except RowbatchError:
        return []


def _without_cap(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes of a policy for a further model: the cap of all is kept once."""
    return {name: value for name, value in changes.items() if name != "max_cost_usd"}


def question_of(
    *,
    text: str | int | tuple[object, ...] | None = None,
    labels: str | Iterable[object] | None = None,
    prompt: str | None = None,
    codebook: str | Path | Mapping[str, Any] | Codebook | None = None,
    variable: str = "label",
    template: str | None = None,
    image: str | int | tuple[object, ...] | None = None,
    image_folder: str | Path | None = None,
) -> Question:
    """
    What is asked about each row; see `create`.

    Raises:
        CodebookError, UsageError: It is broken, or two of them say the same.
    """
    book = given_codebook(labels=labels, prompt=prompt, codebook=codebook, variable=variable)
    return Question(
        text="" if text is None else column_name(text),
        template=template or "",
        answer=codebook_document(book),
        image="" if image is None else column_name(image),
        image_folder=Path(image_folder).resolve() if image_folder else None,
    )


def given_codebook(
    *,
    labels: str | Iterable[object] | None,
    prompt: str | None,
    codebook: str | Path | Mapping[str, Any] | Codebook | None,
    variable: str,
) -> Codebook:
    """
    The codebook that labels, a question, a file or its content are; see `create`.

    Raises:
        CodebookError, UsageError: It is broken, or two of them say the same.
    """
    if codebook is None:
        if names := _listed(labels):
            return codebook_from_labels(variable, names, prompt or "")
        return Codebook(instructions=prompt or "")
    if _listed(labels):
        raise UsageError("labels-twice")
    if isinstance(codebook, Codebook):
        book = codebook
    elif isinstance(codebook, Mapping):
        book = parse_codebook(dict(codebook))
    else:
        book = read_any_codebook(Path(codebook), variable=variable)
    if prompt:
        if book.instructions:
            raise UsageError("instructions-twice")
        book = book.model_copy(update={"instructions": prompt})
    return book


def _file_or_set(path: Path) -> Path:
    """What people coded: a file, or the folder of the coding set of that name."""
    if path.exists():
        return path
    try:
        return find_set(path).path
    except InputError:
        # That there is no such file is said by who reads it.
        return path


def _listed(labels: str | Iterable[object] | None) -> list[str]:
    if labels is None or (isinstance(labels, str) and not labels.strip()):
        return []
    return read_labels(labels)


def model_note(run: Run) -> str:
    """What must be known about the model of a run, or ""."""
    asking = run.plan.asking
    if asking.provider != "local":
        return ""

    return DEMONSTRATION_NOTE if asking.model == MODEL_ID else ""


def model_notes(provider: str, model: str) -> tuple[Notice, ...]:
    """What is coming to a model, or that nothing is known of it."""
    known = find_model(provider, model)
    if known is None and not find_provider(provider).is_free:
        if near := find_near_model(provider, model):
            return (Notice("note-model-near", {"model": model, "near": near}),)
        return (Notice("note-limits-unknown", {"model": model}),)
    note = shutdown_note(known, datetime.now(UTC).date()) if known else None
    return (note,) if note else ()


def _repeat_notes(built: BuildReport) -> tuple[Notice, ...]:
    """That the same text stands in several rows, as with several annotators, and is asked for each."""
    if not built.repeats:
        return ()
    return (Notice("note-texts-repeat", {"rows": built.repeats, "texts": built.repeated_texts}),)


def _estimand(
    label: object | None,
    by: str | None,
    between: str | Sequence[str],
    on: str | Sequence[str],
    **others: Any,
) -> RunEstimand:
    """Which numbers are wanted, as people say it."""
    return RunEstimand(
        label=None if label is None else read_values([label])[0],
        by=by,
        between=tuple(read_labels(between)) if between else (),
        on=tuple(read_labels(on)) if on else (),
        **others,
    )


def _row_status(name: str) -> RowStatus:
    try:
        return RowStatus(name)
    except ValueError:
        raise UsageError("no-such-status", status=name) from None


def _tell(hooks: Hooks, stage: Stage) -> None:
    if hooks.stage:
        hooks.stage(stage)


def _read_frame(path: Path, added: Sequence[str]) -> pl.DataFrame:
    import polars as pl

    if path.suffix == ".parquet":
        return pl.read_parquet(path)
    table = open_table(path)
    frames = [chunk.frame for chunk in table.chunks()]
    names: list[str] = []
    for position, name in enumerate(table.header, start=1):
        free = name or f"column_{position}"
        while free in names:
            free = f"{free}_{position}"
        names.append(free)
    frame: pl.DataFrame = pl.concat(frames).rename(dict(zip(frames[0].columns, names, strict=True)))
    # Stata and SPSS have codes where the codebook has labels.
    for name, info in zip(names, table.columns, strict=False):
        if name in added and info.value_labels:
            labels = {code_text(code): label for code, label in info.value_labels.items()}
            frame = frame.with_columns(pl.col(name).replace(labels))
    return frame
