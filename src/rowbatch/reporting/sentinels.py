"""
Sentinels: a few texts of an archive that are asked again from time to time, always the same ones.

Whether a model says today what it said then is seen by them before a study goes on with it. Which they are,
and what came of each look, stands in a file beside the archive, which itself never changes:

    posts.zip
    posts.sentinels.jsonl     first which texts, by their digests; then a line a look; only grows
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from rowbatch.core.document import Shown
from rowbatch.core.drawing import drawn
from rowbatch.core.states import RowStatus
from rowbatch.core.statistics.figures import Figure
from rowbatch.errors import InputError, UsageError
from rowbatch.processes import hold_in_turn
from rowbatch.reporting.archive import STATUS, TEXT_SHA256, ArchivedLabels
from rowbatch.reporting.rerun import DESIGN, RerunReport
from rowbatch.store.journal import Journal

USUAL = 50
"""So many texts are drawn where nobody says how many."""
_SHOWN = ("percent_agreement", "krippendorff_alpha")


@dataclass(frozen=True, slots=True)
class SentinelLook:
    """
    What the sentinels said at one time.

    Attributes:
        asked_at: When the run that asked them was made; ISO 8601, UTC.
        run: Name of its folder.
        models: That answered.
        rows: Sentinels with a usable answer in the archive and now.
        lost: Sentinels that have a usable answer in the archive and none now.
        figures: By variable: `percent_agreement` and `krippendorff_alpha` of then and now.
    """

    asked_at: str
    run: str
    models: tuple[str, ...]
    rows: int
    lost: int
    figures: Mapping[str, Mapping[str, Figure]]


@dataclass(frozen=True, slots=True, repr=False)
class Sentinels(Shown):
    """
    The sentinels of an archive, and all looks at them.

    Attributes:
        path: Of the file.
        content_sha256: Content hash of the archive.
        seed: Of their draw.
        drawn_at: ISO 8601, UTC.
        texts: Digests of their texts, in the order in which they were drawn.
        looks: At them, oldest first; of a run that was compared twice the later comparison.
    """

    path: Path
    content_sha256: str
    seed: int
    drawn_at: str
    texts: tuple[str, ...]
    looks: tuple[SentinelLook, ...]

    @property
    def drifted(self) -> tuple[str, ...]:
        """Variables of which the last look's interval of agreement lies wholly below that of the first one."""
        if len(self.looks) < 2:
            return ()
        first, last = (one.figures for one in (self.looks[0], self.looks[-1]))
        found = []
        for name in last:
            before = first.get(name, {}).get(_SHOWN[0])
            now = last[name].get(_SHOWN[0])
            if before and now and before.low is not None and now.high is not None and now.high < before.low:
                found.append(name)
        return tuple(found)


def sentinels_path(archive: Path) -> Path:
    """Where the sentinels of an archive stand."""
    return archive.with_name(f"{archive.stem}.sentinels.jsonl")


def read_sentinels(archive: Path, archived: ArchivedLabels) -> Sentinels | None:
    """
    The sentinels of an archive; None where none were drawn.

    Raises:
        InputError: The file is of another archive, or damaged.
        StorageError: It cannot be read.
    """
    path = sentinels_path(archive)
    entries = Journal(path).read()
    if not entries.all and not entries.damaged:
        return None
    if entries.damaged:
        raise InputError("sentinels-damaged", path=str(path), told=f"{entries.damaged} lines")
    try:
        head, *looks = entries.all
        found = {(str(one["asked_at"]), str(one["run"])): _look(one) for one in looks}
        read = Sentinels(
            path,
            str(head["content_sha256"]),
            int(head["seed"]),
            str(head["drawn_at"]),
            tuple(map(str, head["texts"])),
            tuple(sorted(found.values(), key=lambda look: look.asked_at)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("sentinels-damaged", path=str(path), told=str(error)) from error
    if read.content_sha256 != archived.content_sha256:
        raise InputError("sentinels-of-another-archive", path=str(path), archive=str(archive))
    return read


def sentinels_of(archive: Path, archived: ArchivedLabels, count: int | None, seed: int) -> Sentinels:
    """
    The sentinels of an archive, which are drawn when they are wanted first.

    Args:
        archive: The file.
        archived: What it says.
        count: How many; None means those that are there, or else 50, or all of a smaller archive.
        seed: Of the draw; later on it changes nothing.
    Raises:
        UsageError: There are others already, or fewer texts.
        InputError, StorageError: As `read_sentinels`; or the file cannot be written.
    """
    path = sentinels_path(archive)
    with hold_in_turn(archive):
        known = read_sentinels(archive, archived)
        if known is not None:
            if count not in (None, len(known.texts)):
                raise UsageError("sentinels-are-drawn", path=str(path), rows=count, drawn=len(known.texts))
            return known
        labels = archived.labels.filter(pl.col(STATUS) == RowStatus.OK.value)
        able = labels[TEXT_SHA256].unique(maintain_order=True).to_list()
        wanted = min(USUAL, len(able)) if count is None else count
        texts = drawn(able, wanted, seed, DESIGN)
        if not texts or len(texts) < wanted:
            raise UsageError("rerun-too-few-rows", rows=wanted, left=len(able))
        head: dict[str, Any] = {
            "content_sha256": archived.content_sha256,
            "seed": seed,
            "drawn_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "texts": texts,
        }
        Journal(path).add([head])
        return Sentinels(path, head["content_sha256"], seed, head["drawn_at"], tuple(texts), ())


def add_look(archive: Path, sentinels: Sentinels, found: RerunReport, asked_at: str) -> None:
    """
    Note what came of a look; one without a usable answer is none.

    Args:
        archive: The file.
        sentinels: Its.
        found: Of the run that asked them.
        asked_at: When that run was made.
    """
    if not found.both_ok:
        return
    entry = {
        "asked_at": asked_at,
        "run": found.run.name,
        "models": list(found.models[0]),
        "rows": found.both_ok,
        "lost": found.before_only,
        "figures": {
            name: {
                key: [one.estimate, one.low, one.high, one.n, one.method]
                for key in _SHOWN
                if (one := figures.get(key)) is not None
            }
            for name, figures in found.figures.items()
        },
    }
    with hold_in_turn(archive):
        Journal(sentinels.path).add([entry])


def _look(entry: Mapping[str, Any]) -> SentinelLook:
    return SentinelLook(
        str(entry["asked_at"]),
        str(entry["run"]),
        tuple(map(str, entry["models"])),
        int(entry["rows"]),
        int(entry["lost"]),
        {
            str(name): {str(key): Figure(*one) for key, one in figures.items()}
            for name, figures in entry["figures"].items()
        },
    )
