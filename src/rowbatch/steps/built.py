"""What was built, as the ledger tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rowbatch.core.document import Shown
from rowbatch.store.ledger import TAKEN_OVER, VALUES_KEPT, Ledger, Standing, TableCounts
from rowbatch.store.rundir import RunDirectory

TEXTS_REPEAT = "texts-repeat"
"""Event: the same text stands in several rows, and is asked once for each."""


@dataclass(frozen=True, slots=True, repr=False)
class BuildReport(Shown):
    """
    What was built.

    Attributes:
        rows: Of the table.
        requests: Rows that are asked.
        skipped: Rows with an empty text.
        duplicates: Rows that ask what an earlier one asks; they get its answer.
        bad_rows: Broken rows of the table that were kept or skipped, as the run was told to.
        shards: Request files.
        request_bytes: Bytes of all requests.
        prompt_tokens: The most that the prompts have; 0 where nobody counts, as on this computer.
        repeats: Rows that are asked what an earlier one is asked as well.
        repeated_texts: Texts that stand in several rows, each of which is asked.
        taken_over: Rows whose answers earlier runs have; they are not asked, and in none of the numbers above
            but `rows`.
        taken_bytes: Of the requests that are not sent for that.
        taken_from: Names of these runs.
    """

    rows: int
    requests: int
    skipped: int
    duplicates: int
    bad_rows: int
    shards: int
    request_bytes: int
    prompt_tokens: int = 0
    repeats: int = 0
    repeated_texts: int = 0
    taken_over: int = 0
    taken_bytes: int = 0
    taken_from: tuple[str, ...] = ()


def is_built(run: RunDirectory) -> bool:
    """
    Whether the ledger holds the shards. Until then nothing was sent and all can be made anew.

    Raises:
        RunError: It was built, and its ledger is lost, or another run's, or an older copy.
        StorageError: The ledger is damaged.
    """
    ledger = run.open_ledger()
    if ledger is None:
        return False
    with ledger:
        return ledger.run().counts is not None


def read_build_report(run: RunDirectory) -> BuildReport:
    """What was built, from the ledger."""
    with run.ledger() as ledger:
        return build_report_of(ledger)


def build_report_of(ledger: Ledger, standing: Sequence[Standing] | None = None) -> BuildReport:
    """The same from a ledger that is open, and from its sums, where they are here already."""
    found = ledger.standing() if standing is None else standing
    asked = [one for one in found if one.round == 1]
    taken = [one for one in found if one.round == 0]
    counts = ledger.run().counts or TableCounts(0)
    told: Mapping[str, Any] = next((event.detail for event in ledger.events(TEXTS_REPEAT)), {})
    sources = taken_sources(ledger) if taken else []
    return BuildReport(
        rows=counts.rows,
        requests=sum(one.requests for one in asked),
        skipped=counts.skipped,
        duplicates=counts.duplicates,
        bad_rows=counts.bad_rows,
        shards=sum(one.shards for one in asked),
        request_bytes=sum(one.bytes for one in asked),
        prompt_tokens=sum(one.tokens for one in asked),
        repeats=told.get("rows", 0),
        repeated_texts=told.get("texts", 0),
        taken_over=sum(one.requests for one in taken),
        taken_bytes=sum(one.bytes for one in taken),
        taken_from=tuple(str(source.get("run", "")) for source in sources),
    )


def taken_sources(ledger: Ledger) -> list[Mapping[str, Any]]:
    """
    Runs whose answers were taken over: `run`, `created_at` and `rows`, of the event that tells of it.

    A ledger that was made anew does not know them any more.
    """
    for event in ledger.events(TAKEN_OVER):
        if isinstance(runs := event.detail.get("runs"), list):
            return [run for run in runs if isinstance(run, Mapping)]
    return []


def kept_source(ledger: Ledger) -> Mapping[str, Any] | None:
    """Which variables have their values from an earlier run: `run`, `created_at`, `variables`."""
    return next((event.detail for event in ledger.events(VALUES_KEPT)), None)
