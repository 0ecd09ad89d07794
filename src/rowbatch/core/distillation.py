"""A student's labels of a table: how good they are, what they saved, and what they cost in width."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rowbatch.core.cost import CostEstimate
from rowbatch.core.document import Block, Shown, named, notes_of
from rowbatch.core.run_quality import RunQuality
from rowbatch.core.statistics.corrected import CorrectedEstimates, Correction
from rowbatch.core.statistics.figures import Figure
from rowbatch.core.statistics.notebook import figures_blocks
from rowbatch.core.student.learning import Unlike
from rowbatch.words.notice import Notice

METHOD = "TF-IDF of words, pairs of words and runs of 2 to 4 characters; logistic regression"


@dataclass(frozen=True, slots=True)
class Teaching:
    """
    What a student learned from.

    Attributes:
        rows: With an answer of the model, that it learned from.
        held_out: Rows with an answer that people were given to code, or with the text of one of these: it
            did not see them.
        labels: That it can give.
        rare: Labels that it did not learn, with the rows that had them.
        strength: C of the regression, by cross-validation.
        features: How many it knows.
        same: How often students say what the model does of rows that they did not see; a share.
        seed: Of the parts that were judged apart.
        sha256: Of all that it learned: the same rows give the same student.
        is_kept: It was learned earlier.
        path: Where the student is kept.
        taught_by: The run that it was learned from.
        unlike: How far texts of the table are unlike those that it learned from; None where there are no
            others.
    """

    rows: int
    held_out: int
    labels: tuple[str, ...]
    rare: Mapping[str, int]
    strength: float
    features: int
    same: float
    seed: int
    sha256: str
    is_kept: bool
    path: Path
    taught_by: str
    unlike: Unlike | None


@dataclass(frozen=True, slots=True)
class Counts:
    """
    What became of the rows of a table.

    Attributes:
        rows: All of them; each is one of the others.
        blank: Without a text.
        of_model: Whose text the model was asked: they have its label.
        of_student: They have the student's label.
        left: They have no label: nothing shows that enough of the student's are right.
        by_label: The student's own labels of all rows with a text, by label or set of labels.
    """

    rows: int
    blank: int
    of_model: int
    of_student: int
    left: int
    by_label: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Width:
    """
    How wide the intervals of one number are.

    Attributes:
        quantity: Of what.
        people_only: Of what people say alone; None where there is no interval.
        student: Corrected, with the student's labels of all rows.
        model_there: Corrected, with the model's labels of the rows that it was asked, and no others; None
            where too few of these were coded.
        student_there: The same with what students say of these rows that did not see them.
    """

    quantity: str
    people_only: float | None
    student: float | None
    model_there: float | None
    student_there: float | None

    @property
    def times(self) -> float | None:
        """How many times as wide it is with the student as with the model, of the same rows."""
        return self.student_there / self.model_there if self.student_there and self.model_there else None


@dataclass(frozen=True, slots=True, repr=False)
class Distillation(Shown):
    """
    A student's labels of a table.

    Attributes:
        run, table, variable: Names.
        output, rest: The table that was written, and the one of the rows that are left; None where none is.
        columns: Names of the columns that were added.
        teaching: What it learned from.
        counts: What became of the rows.
        is_all: Labels of which nothing is shown were written, too.
        quality: The student beside people; None where nobody coded.
        model_right: How often the model says what people do, of rows that both know; None where there are
            none.
        estimates: Numbers of the table, corrected for the student's errors; None where nobody coded.
        of_model, of_student: The same of the rows that the model was asked, with its own labels, and with
            the students'; or None.
        saved, to_pay: What asking the model would cost: of rows that have the student's label, and of those
            that are left.
        notes: What a person should know.
    """

    run: str
    table: str
    variable: str
    output: Path
    rest: Path | None
    columns: tuple[str, ...]
    teaching: Teaching
    counts: Counts
    is_all: bool
    quality: RunQuality | None
    model_right: Figure | None
    estimates: CorrectedEstimates | None
    of_model: CorrectedEstimates | None
    of_student: CorrectedEstimates | None
    saved: CostEstimate
    to_pay: CostEstimate
    notes: tuple[Notice, ...]

    @property
    def student_right(self) -> Figure | None:
        """How often the student says what people do."""
        return None if self.quality is None else self.quality.model.measures.get("accuracy")

    @property
    def widths(self) -> tuple[Width, ...]:
        """What the student costs in width, of each number."""
        if self.estimates is None:
            return ()
        there = [
            {} if found is None else {one.quantity: _width(one.corrected) for one in found.corrections}
            for found in (self.of_model, self.of_student)
        ]
        return tuple(
            Width(
                one.quantity,
                _width(one.people_only),
                _width(one.corrected),
                *(widths.get(one.quantity) for widths in there),
            )
            for one in self.estimates.corrections
        )

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it."""
        teaching, counts = self.teaching, self.counts
        return {
            "run": self.run,
            "table": self.table,
            "variable": self.variable,
            "output": str(self.output),
            "rest": None if self.rest is None else str(self.rest),
            "columns": list(self.columns),
            "method": METHOD,
            "student": {
                "rows": teaching.rows,
                "held_out": teaching.held_out,
                "labels": list(teaching.labels),
                "rare": dict(teaching.rare),
                "strength": teaching.strength,
                "features": teaching.features,
                "same_as_model": teaching.same,
                "seed": teaching.seed,
                "sha256": teaching.sha256,
                "is_kept": teaching.is_kept,
                "file": str(teaching.path),
                "taught_by": teaching.taught_by,
                "unlike": None
                if teaching.unlike is None
                else {
                    "share": teaching.unlike.share,
                    "expected": teaching.unlike.expected,
                    "is_so": teaching.unlike.is_so,
                },
            },
            "rows": {
                "all": counts.rows,
                "blank": counts.blank,
                "of_model": counts.of_model,
                "of_student": counts.of_student,
                "left": counts.left,
            },
            "student_labels": dict(counts.by_label),
            "is_all": self.is_all,
            "quality": None if self.quality is None else self.quality.to_plain(),
            "model_right": None if self.model_right is None else self.model_right.to_plain(),
            "student_right": None if self.student_right is None else self.student_right.to_plain(),
            "corrected": None if self.estimates is None else self.estimates.to_plain(),
            "corrected_of_model": None if self.of_model is None else self.of_model.to_plain(),
            "widths": [
                {
                    "quantity": one.quantity,
                    "people_only": one.people_only,
                    "student": one.student,
                    "model_there": one.model_there,
                    "student_there": one.student_there,
                    "times": one.times,
                }
                for one in self.widths
            ],
            "saved": _plain_cost(self.saved),
            "to_pay": _plain_cost(self.to_pay),
            "notes": [note.told() for note in self.notes],
        }

    def as_blocks(self) -> Iterator[Block]:
        """What was written, and how right the student and the model are, with the corrected numbers."""
        counts = self.counts
        yield named(
            {
                "output": str(self.output),
                "rest": "" if self.rest is None else str(self.rest),
                "rows": f"{counts.rows:,}",
                "labels of the model": f"{counts.of_model:,}",
                "labels of the student": f"{counts.of_student:,}",
                "left without one": f"{counts.left:,}",
                "without a text": f"{counts.blank:,}",
            }
        )
        figures: dict[str, Figure] = {}
        if self.student_right is not None:
            figures["student right"] = self.student_right
        if self.model_right is not None:
            figures["model right"] = self.model_right
        estimates = self.estimates
        if estimates is None or self.quality is None:
            yield from notes_of(self.notes)
            return
        figures |= {
            f"{one.quantity}: {name}": figure
            for one in estimates.corrections
            for name, figure in _lines(one).items()
        }
        yield from figures_blocks(figures, estimates.resampling, self.notes)


def _lines(one: Correction) -> dict[str, Figure]:
    return {
        "student only (biased)": one.model_only,
        "people only": one.people_only,
        "corrected": one.corrected,
    }


def _width(figure: Figure) -> float | None:
    return None if figure.low is None or figure.high is None else figure.high - figure.low


def _plain_cost(cost: CostEstimate) -> dict[str, Any]:
    return {
        "is_free": cost.is_free,
        "low_usd": None if cost.low_usd is None else str(cost.low_usd),
        "likely_usd": None if cost.likely_usd is None else str(cost.likely_usd),
    }
