"""`stability`: how far the labels of a run stay the same when the same rows are asked otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rowbatch.core.document import Block, Shown, Table
from rowbatch.core.kinds.base import Variable
from rowbatch.core.numbers import number_of
from rowbatch.core.run_quality import level_of
from rowbatch.core.statistics.figures import Figure, Resampling, share_figure
from rowbatch.core.statistics.notebook import figures_blocks
from rowbatch.core.statistics.stability import Answers, Stability, stability_of
from rowbatch.errors import UsageError
from rowbatch.reporting.configurations import Compared, Configuration
from rowbatch.reporting.variants import ROW, Sample
from rowbatch.words.notice import Notice

_SHOWN_MOVES = 40


@dataclass(frozen=True, slots=True, repr=False)
class RunStability(Shown):
    """
    How stable the labels of a run are.

    Attributes:
        run: Its name.
        variable: Of the codebook.
        kind: Of the variable, as codebook files have it.
        sample: Which rows were asked; None where every way asked the whole table.
        configurations: All ways, the first one first, also those that do not count.
        found: The numbers; None where no further way is complete.
        against: By way, the share of coded rows where it says what people settled on; empty without people.
        people: The coding set; "".
        resampling: How intervals were found.
        notes: What a person should know.
    """

    run: str
    variable: str
    kind: str
    sample: Sample | None
    configurations: tuple[Configuration, ...]
    found: Stability | None
    against: Mapping[str, Figure]
    people: str
    resampling: Resampling
    notes: tuple[Notice, ...]

    @property
    def figures(self) -> dict[str, Figure]:
        """The numbers by name, as a table tells them."""
        if self.found is None:
            return {}
        found = {
            "krippendorff alpha, all": self.found.alpha,
            "same label, of each two": self.found.same,
            "rows that ever change": self.found.changed,
        }
        found |= {f"krippendorff alpha, {kind}": one for kind, one in self.found.by_kind.items()}
        found |= {f"rows that change, {kind}": one for kind, one in self.found.changed_by_kind.items()}
        found |= {f"{name}: as people": one for name, one in self.against.items()}
        return found

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it."""
        sample = self.sample
        return {
            "run": self.run,
            "variable": self.variable,
            "kind": self.kind,
            "sample": None
            if sample is None
            else {"rows": len(sample.rows), "seed": sample.seed, "of_coded": sample.of_coded},
            "configurations": [one.to_plain() for one in self.configurations],
            "stability": None if self.found is None else self.found.to_plain(),
            "against_people": {name: one.to_plain() for name, one in self.against.items()},
            "people": self.people or None,
            "confidence": self.resampling.level,
            "draws": self.resampling.draws,
            "seed": self.resampling.seed,
            "notes": [note.told() for note in self.notes],
        }

    def as_blocks(self) -> Iterator[Block]:
        """Tables: the numbers, and what became what."""
        yield from figures_blocks(self.figures, self.resampling, self.notes)
        if self.found is not None and self.found.churn:
            yield Table(
                ("", "from", "to", "rows"),
                [
                    (one.name, one.before, one.after or "–", f"{one.rows:,}")
                    for one in self.found.churn[:_SHOWN_MOVES]
                ],
                numbers=(3,),
            )


def stability_of_run(
    run: str,
    compared: Compared,
    resampling: Resampling,
    gold: Mapping[int, str] | None = None,
    people: str = "",
) -> RunStability:
    """
    Compare all ways to ask.

    Args:
        run: What the first one is called.
        compared: All of them.
        resampling: How intervals are found.
        gold: What people settled on, by row, where there is such a thing.
        people: The coding set.
    """
    variable, complete = compared.variable, compared.complete
    notes = []
    if skipped := [one.name for one in compared.configurations if one.state != "complete"]:
        notes.append(Notice("stability-left-out", {"names": skipped}))
    found, against = None, {}
    joined = compared.joined()
    if len(complete) > 1:
        if not joined.height:
            raise UsageError("stability-nothing-shared", run=run)
        found = stability_of(_answers(joined, complete, variable), resampling)
        if found.rows < 30:
            notes.append(Notice("agree-few-units", {"n": found.rows, "least": 30}))
    if gold:
        against = _against(joined, complete, gold, resampling)
    return RunStability(
        run=run,
        variable=variable.name,
        kind=variable.kind,
        sample=compared.sample,
        configurations=compared.configurations,
        found=found,
        against=against,
        people=people if gold else "",
        resampling=resampling,
        notes=tuple(notes),
    )


def _answers(joined: pl.DataFrame, complete: Sequence[Configuration], variable: Variable) -> Answers:
    columns = [joined[str(number)] for number in range(len(complete))]
    said = set()
    for column in columns:
        said |= set(column.unique().to_list())
    said.discard("")
    level = level_of(variable)
    numbers = None
    if level == "interval":
        # "Can't say" lies nowhere among numbers.
        labels = sorted(
            (one for one in said if number_of(one) is not None), key=lambda one: float(number_of(one) or 0)
        )
        numbers = np.array([float(number_of(one) or 0) for one in labels])
    elif level == "ordinal":
        labels = [one for one in variable.choices if one != variable.cant_say_word]
    else:
        listed = [] if variable.has_several else [*variable.choices]
        labels = [*listed, *sorted(said - set(listed))]
    place = {label: at for at, label in enumerate(labels)}
    codes = np.column_stack(
        [
            column.replace_strict(place, default=-1, return_dtype=pl.Int64).to_numpy()
            if place
            else np.full(joined.height, -1, dtype=np.int64)
            for column in columns
        ]
    )
    names, kinds = [one.name for one in complete], [one.kind for one in complete]
    return Answers(codes, names, kinds, labels, level, numbers)


def _against(
    joined: pl.DataFrame,
    complete: Sequence[Configuration],
    gold: Mapping[int, str],
    resampling: Resampling,
) -> dict[str, Figure]:
    """Of the coded rows that all of them asked; no answer is wrong."""
    coded = pl.DataFrame({ROW: [*gold], "gold": [*gold.values()]}, schema={ROW: pl.Int64, "gold": pl.String})
    own = joined.join(coded, on=ROW, how="inner")
    what = "share of coded rows with the value that people settled on"
    return {
        one.name: share_figure(int((own[str(number)] == own["gold"]).sum()), own.height, resampling, what)
        for number, one in enumerate(complete)
    }
