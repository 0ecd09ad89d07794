"""Which rows of a run somebody wants to see."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RowFilter:
    """
    Which rows are wanted; what is "" does not count.

    Attributes:
        status: `ok`, `invalid`, …; or `missing-label` for all that were to be asked and have no label.
        reason: The reason that goes with the status.
        variable, label: Rows with this value of this variable, as it holds now, alone or among several.
        not_asked: Only rows that have an answer, but no value of `variable`: it does not apply to them.
        coded: Id of a coding set: only rows of it that people settled on; `says` and `differs` are of these.
        part: Which rows of that set: `test`, `dev`, or all.
        least, most: Rows whose value of this variable lies between these.
        text: Words that stand in the text; letters of either case.
        corrected: Only rows that a person corrected.
        people: Name of a column with people's labels: only rows where it says something.
        differs: Only rows where `people` says something else than the model answered, whatever holds now.
        says: Only rows where `people` says this.
        model: Rows that the model itself gave this label of `variable`.
        unlabelled: Only rows that the model itself gave no label of `variable`.
        not_coded: Values of `people` that mean that nobody coded the row, with commas in between.
        least_sure: Only rows of which it is known how sure the model was, and which nobody corrected; those
            of which it was least sure come first.
    """

    status: str = ""
    reason: str = ""
    variable: str = ""
    label: str = ""
    text: str = ""
    corrected: bool = False
    people: str = ""
    differs: bool = False
    says: str = ""
    model: str = ""
    unlabelled: bool = False
    least: str = ""
    most: str = ""
    not_coded: str = ""
    least_sure: bool = False
    not_asked: bool = False
    coded: str = ""
    part: str = ""

    @property
    def asks_what_holds(self) -> bool:
        """Whether other rows may be wanted once a person corrected something."""
        is_of_value = bool(self.label or self.not_asked or self.least or self.most)
        return is_of_value or self.corrected or self.least_sure or self.status == "missing-label"
