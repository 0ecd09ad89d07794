"""
How runs stand, and where they are. Asks nobody, and needs nothing that reads tables or asks models: it is
there at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

from rowbatch.api import model_list as _models  # noqa: F401 - the user's own prices are known from here on
from rowbatch.core.document import Block, Paragraph, Shown, Table, named, notes_of
from rowbatch.core.plan import Plan
from rowbatch.core.states import RowStatus
from rowbatch.errors import RunError, StorageError, UsageError
from rowbatch.providers.catalog import find_provider
from rowbatch.steps.built import BuildReport, build_report_of, is_built
from rowbatch.steps.doctor import check_results_age
from rowbatch.steps.progress import Progress, read_progress, told_remarks
from rowbatch.store.home import home
from rowbatch.store.ledger import LEDGER_FAULTS, Event, RunRecord
from rowbatch.store.rundir import RunDirectory, known_runs
from rowbatch.words.notice import Notice

RUNS_FOLDER = "rowbatch-runs"
"""Where runs are made when nothing else is said: a folder of this name in the working directory."""

MOST_EVENTS = 1_000
"""How many events a status tells: a run of 20,000 batches has 200,000."""

_State = Literal["new", "built", "running", "over", "downloaded", "collected", "damaged"]


_STATES: tuple[_State, ...] = ("damaged", "new", "built", "running", "over", "downloaded", "collected")
"""How far a run is: each is farther than those before it."""


@dataclass(frozen=True, slots=True, repr=False)
class Status(Shown):
    """
    How a run stands, from its ledger. Asks nobody.

    Attributes:
        path: The run directory.
        state: `new`, `built`, `running`, `over`, `downloaded` or `collected`; or `damaged`, where its ledger
            cannot be used and `recover` makes it anew.
        created_at: ISO 8601, UTC.
        table, provider, model: What is labelled, by whom.
        name: What people call the table.
        built: None while it is `new`.
        progress: None while it is `new`.
        output: The labelled table, or None until it was collected.
        events: What happened last, oldest first: at most `MOST_EVENTS`, all are in `events_of`.
        warning: That results may soon be gone at the provider, in a sentence; or "".
        fault: Why its ledger cannot be used; None where it can.
        statuses: Rows by status when the labelled table was written last; empty before.
        members: The same of the further models that are asked; `state` is that of the one that is least far.
        collected_at: When the labelled table was written last; None before.
        answers_doubted: Whether answers of some shard may stand beside the wrong rows.
        remarks: What our own Batch server says of the batches: what the server of the model ignores, and how
            many rows may have been asked twice.
    """

    path: Path
    state: _State
    created_at: str
    table: str
    name: str
    provider: str
    model: str
    built: BuildReport | None
    progress: Progress | None
    output: Path | None
    events: tuple[Event, ...]
    warning: str = ""
    fault: Notice | None = None
    statuses: Mapping[str, int] = field(default_factory=dict)
    members: tuple[Status, ...] = ()
    collected_at: datetime | None = None
    answers_doubted: bool = False
    remarks: tuple[Notice, ...] = ()

    def as_blocks(self) -> Iterator[Block]:
        """What is labelled by whom, how far it is, and what happened last."""
        is_written = self.state == "collected"
        yield named(
            {
                "run": str(self.path),
                "state": self.state,
                "table": self.table,
                "model": f"{self.model} ({self.provider})",
                "made": self.created_at,
                "rows": "" if self.built is None else f"{self.built.rows:,}",
                "labelled": f"{self.labelled:,} of {self.to_label:,}" if is_written else "",
                **({} if self.progress is None else self.progress.told()),
                "output": "" if self.output is None else str(self.output),
            }
        )
        if self.progress is not None:
            yield from notes_of(self.progress.waiting)
        for one in self.members:
            yield Paragraph(f"with {one.model} ({one.provider}): {one.state}")
            if one.progress is not None:
                yield from one.progress.as_blocks()
        if self.fault is not None:
            yield Paragraph(str(self.fault), is_alert=True)
        if self.warning:
            yield Paragraph(self.warning, is_alert=True)
        if self.answers_doubted:
            yield Paragraph("LOOK: some answers may stand beside the wrong rows.", is_alert=True)

    @property
    def spent_usd(self) -> Decimal | None:
        """What the results that came did cost, of all models; None without a price."""
        of_own = self.progress.spent_usd if self.progress else None
        told = [of_own, *(one.spent_usd for one in self.members)]
        known = [usd for usd in told if usd is not None]
        return sum(known, Decimal(0)) if known else None

    @property
    def labelled(self) -> int:
        """Rows with a usable answer: of the table where it was written, and else as far as is known."""
        if self.state == "collected":
            return self.statuses.get(RowStatus.OK, 0)
        return self.progress.answered if self.progress else 0

    @property
    def to_label(self) -> int:
        """Rows that are to get one: of the table where it was written, else those that are asked."""
        if self.state == "collected":
            return sum(self.statuses.values()) - self.statuses.get(RowStatus.SKIPPED, 0)
        return self.progress.requests if self.progress else 0


def find_status(run: str | Path, *, most_states: int | None = None, most_events: int = MOST_EVENTS) -> Status:
    """
    How a run stands.

    Args:
        run: Its directory, or its name, as in `open_run`.
        most_states: Of how many shards `progress.states` tells; None means of all.
        most_events: How many events are told.
    """
    return status_of(RunDirectory(place_of(run)), most_states=most_states, most_events=most_events)


def find_events(run: str | Path) -> tuple[Event, ...]:
    """
    All that happened to a run, oldest first.

    Args:
        run: Its directory, or its name, as in `open_run`.
    """
    directory = RunDirectory(place_of(run))
    if not is_built(directory):
        return ()
    with directory.ledger() as ledger:
        return tuple(ledger.events())


def status_of(run: RunDirectory, *, most_states: int | None = None, most_events: int = MOST_EVENTS) -> Status:
    """How a run stands, from its files. Asks nobody and changes nothing."""
    plan = run.plan()
    opened = run.open_ledger()
    if opened is None:
        return _standing_as("new", run, plan)
    warning = ""
    with opened as ledger:
        if ledger.run().counts is None:
            return _standing_as("new", run, plan)
        standing = ledger.standing()
        built = build_report_of(ledger, standing)
        progress = read_progress(ledger, most_states=most_states, standing=standing)
        events = tuple(ledger.newest_events(most_events))
        collected = ledger.events("collected")
        is_doubted = bool(ledger.events("answers-doubted"))
        remarks = told_remarks(ledger)
        if not is_own_server(plan):
            kept = find_provider(plan.asking.provider).results_days
            age = check_results_age(ledger, kept, datetime.now(UTC))
            warning = age.told if age and age.grade != "ok" else ""
    state: _State = _state(progress)
    output = _written(run, collected)
    if output is not None and state == "downloaded":
        state = "collected"
    others = run.members(plan)
    members = tuple(
        standing_of(one, most_states=most_states, most_events=most_events)
        for one in others
        if one.settings_path.is_file()
    )
    states = [state, *(one.state for one in members)]
    if len(members) < len(others):
        states.append("new")
    return replace(
        _standing_as(min(states, key=_STATES.index), run, plan),
        members=members,
        built=built,
        progress=progress,
        output=output,
        events=events,
        warning=warning,
        statuses=_statuses(collected[-1]) if collected else {},
        collected_at=collected[-1].at if collected else None,
        answers_doubted=is_doubted,
        remarks=remarks,
    )


def _written(run: RunDirectory, collected: Sequence[Event]) -> Path | None:
    """The labelled table, where it is still there."""
    if not collected:
        return None
    detail = collected[-1].detail
    path = run.place_of_output(Path(str(detail.get("path"))), str(detail.get("sha256")))
    return path if path.is_file() else None


def record_of(run: RunDirectory) -> RunRecord:
    """What the ledger knows of a run as a whole; nothing yet of one that is not built."""
    ledger = run.open_ledger()
    if ledger is not None:
        with ledger:
            record = ledger.run()
        if record.counts is not None:
            return record
    return RunRecord(counts=None, policy={}, is_cancelled=False, driven="no", trouble=None)


def standing_of(
    run: RunDirectory, *, most_states: int | None = None, most_events: int = MOST_EVENTS
) -> Status:
    """As `status_of`, also of a run whose ledger cannot be used."""
    try:
        return status_of(run, most_states=most_states, most_events=most_events)
    except (RunError, StorageError) as error:
        if error.kind not in LEDGER_FAULTS:
            raise
        return replace(_standing_as("damaged", run, run.plan()), fault=error.notice)


class Runs(Shown, list[Status]):
    """How several runs stand, oldest first."""

    def as_blocks(self) -> Iterator[Block]:
        """A line each."""
        if not self:
            yield Paragraph("no runs yet")
            return
        yield Table(
            ("made", "state", "labelled", "model", "run"),
            [
                (
                    one.created_at[:16],
                    one.state,
                    f"{one.labelled:,} of {one.to_label:,}" if one.progress else "",
                    one.model,
                    str(one.path),
                )
                for one in self
            ],
        )


def list_runs(*, most_states: int | None = None, most_events: int = MOST_EVENTS) -> Runs:
    """
    How every run on this machine stands that still has its directory, oldest first.

    Args:
        most_states, most_events: As in `find_status`; 0 where they are not looked at.
    """
    return Runs(
        standing_of(RunDirectory(place), most_states=most_states, most_events=most_events)
        for place in known_places()
    )


def is_own_server(plan: Plan) -> bool:
    """Whether a run is labelled by the server that rowbatch starts by itself."""
    return plan.is_local and not plan.asking.base_url


def place_of(run: str | Path) -> Path:
    """
    The directory of a run.

    Args:
        run: It, or its name: in `rowbatch-runs/`, or of a run that is known on this machine.
    Raises:
        RunError: There is none.
        UsageError: Several known ones have that name.
    """
    path = Path(run)
    if (path / "run.toml").is_file() or path.is_dir():
        return path
    name = str(run)
    local = Path(RUNS_FOLDER) / name
    if (local / "run.toml").is_file():
        return local
    known = [place for place in known_runs(home()) if place.name == name]
    if len(known) == 1:
        return known[0]
    if known:
        raise UsageError("runs-of-one-name", count=len(known), name=name, paths=[*map(str, known)])
    raise RunError("no-such-run", path=name)


def known_places() -> list[Path]:
    """Directories of the runs on this machine, oldest first."""
    places = {place.resolve(): None for place in known_runs(home())}
    folder = Path(RUNS_FOLDER)
    if folder.is_dir():
        places |= {p.parent.resolve(): None for p in sorted(folder.glob("*/run.toml"))}
    return list(places)


def _state(progress: Progress) -> Literal["built", "running", "over", "downloaded"]:
    # Where there is none, every answer was taken over.
    if progress.by_state.keys() <= {"downloaded"}:
        return "downloaded"
    if progress.shards_unsent == progress.shards:
        return "built"
    return "running" if progress.shards_running or progress.shards_unsent else "over"


def _statuses(collected: Event) -> dict[str, int]:
    """Rows by status, as an event tells that a table was written with."""
    told = collected.detail.get("statuses")
    return {str(name): int(count) for name, count in told.items()} if isinstance(told, dict) else {}


def _standing_as(state: _State, run: RunDirectory, plan: Plan) -> Status:
    """What of a status stands in run.toml."""
    return Status(
        path=run.path,
        state=state,
        created_at=plan.created_at,
        table=str(plan.source.path),
        name=plan.source.shown_name,
        provider=plan.asking.provider,
        model=plan.asking.model,
        built=None,
        progress=None,
        output=None,
        events=(),
    )
