"""What measures and estimated numbers are called on pages."""

from __future__ import annotations

import re
from collections.abc import Collection

from rowbatch.web.words import Words

_ICC = re.compile(r"icc_(\d)_(\d|k)")
_DIFFERENCE = "difference"
_WHERE_SAID = ", where it can be said"
"""Ends the name of a mean of such rows alone."""


def measure_names(w: Words) -> dict[str, str]:
    """Measures of agreement and of quality, by their names in Python and in JSON."""
    return {
        "accuracy": w.t("The same as people (accuracy)"),
        "percent_agreement": w.t("The same value (percent agreement)"),
        "cohen_kappa": w.t("Cohen's kappa: agreement beyond chance"),
        "cohen_kappa_linear": w.t("Kappa, by the steps between both"),
        "cohen_kappa_quadratic": w.t("Kappa, by the square of the steps between both"),
        "krippendorff_alpha": w.t("Krippendorff's alpha"),
        "fleiss_kappa": w.t("Fleiss' kappa"),
        "brennan_prediger": w.t("Brennan and Prediger's kappa"),
        "gwet_ac1": w.t("Gwet's AC1"),
        "gwet_ac2": w.t("Gwet's AC2"),
        "macro_f1": w.t("Macro F1: mean over the labels"),
        "weighted_f1": w.t("Weighted F1: by how often people give each label"),
        "balanced_accuracy": w.t("Balanced accuracy: mean of recall"),
        "mcc": w.t("Matthews' correlation"),
        "mean_absolute_error": w.t("How far off, in the mean"),
        "root_mean_square_error": w.t("How far off: root of the mean square"),
        "bias": w.t("To which side: above 0 the model is higher"),
        "icc": w.t("Intraclass correlation"),
        "concordance": w.t("Lin's concordance"),
        "pearson": w.t("Pearson's correlation"),
        "spearman": w.t("Spearman's rank correlation"),
    }


def column_measure_words(w: Words, name: str) -> str:
    """
    What a measure of columns is called that anybody may have coded, with whose it is where that is said.

    Args:
        w: Of the page.
        name: As figures have it: `cohen_kappa`, `anna: cohen_kappa`, `difference: cohen_kappa`.
    """
    names = measure_names(w) | {
        "accuracy": w.t("The same as the right column (accuracy)"),
        "bias": w.t("To which side: above 0 the second is higher, or the one beside the right column"),
    }
    whose, mark, measure = name.rpartition(": ")
    if (icc := _ICC.fullmatch(measure)) is not None:
        told = w.t("Intraclass correlation, ICC(%(form)s)", form=",".join(icc.groups()))
    else:
        told = names.get(measure, measure.replace("_", " "))
    if whose == _DIFFERENCE:
        whose = w.t("difference")
    return w.t("%(whose)s: %(measure)s", whose=whose, measure=told) if mark else told


def quantity_words(w: Words, quantity: str) -> str:
    """What is estimated, in the language of a page."""
    kind, _, of = quantity.partition(" of ")
    if quantity == "a share":
        return w.t("a share")
    if kind == "share":
        return w.t("share of %(label)s", label=of)
    if kind != "mean":
        return quantity
    if of.endswith(_WHERE_SAID):
        return w.t("mean of %(name)s, where it can be said", name=of.removesuffix(_WHERE_SAID))
    return w.t("mean of %(name)s", name=of)


def grouped_quantity_words(w: Words, quantity: str, column: str, groups: Collection[str]) -> str:
    """
    The same of a number that may be of a group, or of one group less another one.

    Args:
        w: Of the page.
        quantity: Its name.
        column: That makes the groups; "" where nothing does.
        groups: Names of all groups, and perhaps of differences.
    """
    of, mark, part = quantity.rpartition(f", {column} ") if column else (quantity, "", "")
    if not mark:
        return quantity_words(w, quantity)
    told = {"quantity": quantity_words(w, of), "column": column}
    for first in groups:
        second = part.removeprefix(f"{first} less ")
        if second != part and second in groups:
            return w.t(
                "%(quantity)s, %(column)s: %(first)s less %(second)s", first=first, second=second, **told
            )
    return w.t("%(quantity)s, %(column)s: %(group)s", group=part, **told)
